"""The encoder-decoder transformer against PyTorch's own layers on the same numbers, padding included: to 1e-5."""

import numpy as np
import pytest

from helpers.seq2seq import Seq2Seq, Seq2SeqConfig

pytestmark = pytest.mark.reference

CONFIG = Seq2SeqConfig(source_vocab=11, target_vocab=13, context=8, layers=2, heads=4, channels=16)
SOURCE = np.array([[3, 4, 5, 9, 10], [5, 4, 7, 0, 0], [8, 0, 0, 0, 0]])
TARGET = np.array([[1, 3, 6, 5, 12, 2], [1, 4, 2, 0, 0, 0], [1, 9, 9, 2, 0, 0]])


def layer(nn, kind, parts: dict, prefix: str):
    """PyTorch's layer of that kind with our parameters in it."""
    F = nn.functional
    C, H = CONFIG.channels, CONFIG.heads
    options = {"activation": lambda x: F.gelu(x, approximate="tanh"), "batch_first": True, "norm_first": True}
    made = kind(C, H, 4 * C, dropout=0.0, **options)
    names = {"self_attn": "attention", "multihead_attn": "cross", "linear1": "mlp.up", "linear2": "mlp.down"}
    for name, p in made.named_parameters():
        part, _, rest = name.partition(".")
        ours = names.get(part, part)
        if part in ("self_attn", "multihead_attn"):
            ours += ".out." + rest.split(".")[-1] if rest.startswith("out") else ".qkv." + rest.removeprefix("in_proj_")
        else:
            ours += "." + rest
        p.data = parts[f"{prefix}.{ours}"].T if p.ndim > 1 else parts[f"{prefix}.{ours}"]
    return made


def test_loss_and_gradients_agree():
    import torch
    from torch import nn

    model, F = Seq2Seq(CONFIG, rng=np.random.default_rng(0)), nn.functional
    parts = {name: torch.tensor(p.data, requires_grad=True) for name, p in model.named_parameters()}

    def stack(name, kind):
        return [layer(nn, kind, parts, f"{name}.{i}") for i in range(CONFIG.layers)]

    encoder, decoder = stack("encoder", nn.TransformerEncoderLayer), stack("decoder", nn.TransformerDecoderLayer)
    source, target = torch.tensor(SOURCE), torch.tensor(TARGET)
    embed = {side: parts[f"{side}_tokens.weight"] for side in ("source", "target")}
    place = {side: parts[f"{side}_positions.weight"] for side in ("source", "target")}
    norm = lambda side, x: F.layer_norm(x, x.shape[-1:], parts[f"{side}_norm.weight"], parts[f"{side}_norm.bias"])  # noqa: E731
    x = embed["source"][source] + place["source"][: source.shape[1]]
    for block in encoder:
        x = block(x, src_key_padding_mask=source == 0)
    memory = norm("source", x)
    y = embed["target"][target[:, :-1]] + place["target"][: target.shape[1] - 1]
    causal = torch.triu(torch.ones(y.shape[1], y.shape[1], dtype=torch.bool), diagonal=1)
    for block in decoder:
        y = block(y, memory, tgt_mask=causal, memory_key_padding_mask=source == 0)
    logits = norm("target", y) @ embed["target"].T
    theirs = F.cross_entropy(logits.flatten(0, 1), target[:, 1:].flatten(), ignore_index=0)
    theirs.backward()

    ours, _ = model.loss(SOURCE, TARGET)
    ours.backward()
    assert ours.item() == pytest.approx(theirs.item(), rel=1e-5)
    np.testing.assert_allclose(model(SOURCE, TARGET[:, :-1]).data, logits.detach().numpy(), atol=1e-5)
    mine = dict(model.named_parameters())
    for name, part in parts.items():
        if part.grad is not None:  # embeddings and last norms, which PyTorch's layers do not own
            np.testing.assert_allclose(mine[name].grad, part.grad.numpy(), atol=1e-5)
    for name, blocks in (("encoder", encoder), ("decoder", decoder)):
        for i, block in enumerate(blocks):
            np.testing.assert_allclose(
                mine[f"{name}.{i}.mlp.up.weight"].grad.T, block.linear1.weight.grad.numpy(), atol=1e-5
            )
            np.testing.assert_allclose(
                mine[f"{name}.{i}.attention.qkv.weight"].grad.T, block.self_attn.in_proj_weight.grad.numpy(), atol=1e-5
            )
            if name == "decoder":
                theirs_w = block.multihead_attn.in_proj_weight.grad.numpy()
                np.testing.assert_allclose(mine[f"{name}.{i}.cross.qkv.weight"].grad.T, theirs_w, atol=1e-5)
