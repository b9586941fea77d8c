"""The engine against PyTorch on the same numbers. `make test-reference` runs this; `make test` needs no PyTorch.

Float64 on both sides where a formula is compared (agreement to 1e-10), float32 where a model is: to 1e-5.
"""

import numpy as np
import pytest

from helpers import attention, functional
from helpers.gpt import GPT, GPTConfig
from helpers.tensor import Tensor
from helpers.training import AdamW, clip_gradients

pytestmark = pytest.mark.reference

CONFIG = GPTConfig(vocab_size=17, context=12, layers=3, heads=4, channels=32)
DECAY, LR, BETAS, EPSILON = 0.1, 3e-3, (0.9, 0.99), 1e-4


@pytest.fixture(scope="module")
def torch():
    import torch

    return torch


rng = np.random.default_rng(0)
TARGETS = rng.integers(0, 5, (2, 3))
INDEX = np.array([[1, 0, 1], [3, 1, 3]])


def real(*shape: int) -> np.ndarray:
    return rng.normal(size=shape)


# Operations: ours, PyTorch's (t is torch, F its functions), inputs

OPERATIONS = {
    "softmax": (functional.softmax, lambda t, F, x: F.softmax(x, -1), [3 * real(2, 5)]),
    "log_softmax": (functional.log_softmax, lambda t, F, x: F.log_softmax(x, -1), [3 * real(2, 5)]),
    "gelu": (functional.gelu, lambda t, F, x: F.gelu(x, approximate="tanh"), [3 * real(2, 5)]),
    "layer_norm": (
        functional.layer_norm,
        lambda t, F, x, w, b: F.layer_norm(x, (5,), w, b),
        [real(2, 3, 5), real(5), real(5)],
    ),
    "linear": (functional.linear, lambda t, F, x, w, b: F.linear(x, w.T, b), [real(2, 3, 5), real(5, 4), real(4)]),
    "embedding": (
        lambda w: functional.embedding(w, INDEX),
        lambda t, F, w: F.embedding(t.tensor(INDEX), w),
        [real(5, 4)],
    ),
    "cross_entropy": (
        lambda x: functional.cross_entropy(x, TARGETS),
        lambda t, F, x: F.cross_entropy(x.reshape(-1, 5), t.tensor(TARGETS).reshape(-1)),
        [3 * real(2, 3, 5)],
    ),
    "cross_entropy, ignore": (
        lambda x: functional.cross_entropy(x, TARGETS, ignore=int(TARGETS[0, 0])),
        lambda t, F, x: F.cross_entropy(
            x.reshape(-1, 5), t.tensor(TARGETS).reshape(-1), ignore_index=int(TARGETS[0, 0])
        ),
        [3 * real(2, 3, 5)],
    ),
    "attention": (
        attention.attention,
        lambda t, F, q, k, v: F.scaled_dot_product_attention(q, k, v),
        [real(2, 2, 3, 4), real(2, 2, 5, 4), real(2, 2, 5, 4)],
    ),
    "attention, causal": (
        lambda *x: attention.attention(*x, attention.causal_mask(4)),
        lambda t, F, q, k, v: F.scaled_dot_product_attention(q, k, v, is_causal=True),
        [real(2, 2, 4, 4), real(2, 2, 4, 4), real(2, 2, 4, 4)],
    ),
    "matmul": (lambda x, y: x @ y, lambda t, F, x, y: x @ y, [real(2, 1, 3, 4), real(3, 4, 2)]),
    "division": (lambda x, y: x / y, lambda t, F, x, y: x / y, [real(2, 1, 3), 2 + abs(real(4, 1))]),
    "gather": (lambda x: x[INDEX], lambda t, F, x: x[t.tensor(INDEX)], [real(4, 2)]),
    "maximum": (lambda x: x.max(axis=(0, 2)), lambda t, F, x: x.amax((0, 2)), [np.round(real(3, 2, 4))]),  # with ties
    "sigmoid, tanh, relu": (
        lambda x: x.sigmoid() * x.tanh() + x.relu(),
        lambda t, F, x: x.sigmoid() * x.tanh() + x.relu(),
        [3 * real(3, 3)],
    ),
}


@pytest.mark.parametrize("name", OPERATIONS)
def test_operation(torch, name):
    function, reference, inputs = OPERATIONS[name]
    ours = [Tensor(x, dtype=np.float64) for x in inputs]
    theirs = [torch.tensor(x, dtype=torch.float64, requires_grad=True) for x in inputs]
    out, expected = function(*ours), reference(torch, torch.nn.functional, *theirs)
    assert out.shape == tuple(expected.shape)
    np.testing.assert_allclose(out.data, expected.detach().numpy(), rtol=1e-10, atol=1e-10)

    weights = np.random.default_rng(1).normal(size=out.shape)
    (out * weights).sum().backward()
    (expected * torch.tensor(weights)).sum().backward()
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(one.grad, other.grad.numpy(), rtol=1e-10, atol=1e-10)


# The model


def torch_loss(torch, weights: dict, inputs: np.ndarray, targets: np.ndarray):
    """(logits, loss) of the same GPT from PyTorch's own functions; `weights` by the names of our parameters."""
    F = torch.nn.functional
    (B, T), C, H = inputs.shape, CONFIG.channels, CONFIG.heads

    def norm(x, name):
        return F.layer_norm(x, (C,), weights[f"{name}.weight"], weights[f"{name}.bias"])

    def linear(x, name):
        return F.linear(x, weights[f"{name}.weight"].T, weights[f"{name}.bias"])

    x = F.embedding(torch.tensor(inputs), weights["tokens.weight"]) + weights["positions.weight"][:T]
    for i in range(CONFIG.layers):
        at = f"blocks.{i}"
        qkv = linear(norm(x, f"{at}.norm1"), f"{at}.attention.qkv").split(C, dim=-1)
        q, k, v = (part.reshape(B, T, H, C // H).transpose(1, 2) for part in qkv)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2).reshape(B, T, C)
        x = x + linear(y, f"{at}.attention.out")
        x = x + linear(F.gelu(linear(norm(x, f"{at}.norm2"), f"{at}.mlp.up"), approximate="tanh"), f"{at}.mlp.down")
    logits = norm(x, "norm") @ weights["tokens.weight"].T
    return logits, F.cross_entropy(logits.reshape(B * T, -1), torch.tensor(targets).reshape(-1))


def batches():
    random = np.random.default_rng(2)
    while True:
        tokens = random.integers(0, CONFIG.vocab_size, (6, CONFIG.context + 1))
        yield tokens[:, :-1], tokens[:, 1:]


def both(torch, dtype):
    model = GPT(CONFIG, rng=np.random.default_rng(0))
    for p in model.parameters():
        p.data += np.random.default_rng(p.size).normal(0, 0.1, p.shape).astype(np.float32)  # no bias stays 0
    model.astype(dtype)
    weights = {name: torch.tensor(p.data.copy(), requires_grad=True) for name, p in model.named_parameters()}
    return model, weights


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float32, 1e-5), (np.float64, 1e-12)])
def test_logits_loss_and_every_gradient(torch, dtype, tolerance):
    model, weights = both(torch, dtype)
    inputs, targets = next(batches())
    logits, expected = torch_loss(torch, weights, inputs, targets)
    loss = model.loss(inputs, targets)
    np.testing.assert_allclose(model(inputs).data, logits.detach().numpy(), rtol=0, atol=tolerance)
    assert loss.item() == pytest.approx(expected.item(), abs=tolerance)

    loss.backward()
    expected.backward()
    for name, p in model.named_parameters():
        np.testing.assert_allclose(p.grad, weights[name].grad.numpy(), rtol=0, atol=tolerance, err_msg=name)


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float32, 1e-5), (np.float64, 1e-12)])
def test_five_steps_of_adamw(torch, dtype, tolerance):
    """Steps of 3e-3 agree to `tolerance`, with ε = 1e-4.

    With a smaller ε Adam divides rounding by rounding where the gradient is 0 in theory, as it is for the biases of
    keys: they add the same to all scores of a query.
    """
    model, weights = both(torch, dtype)
    optimizer = AdamW(model, lr=LR, betas=BETAS, epsilon=EPSILON, weight_decay=DECAY)
    groups = [
        {"params": [w for w in weights.values() if w.ndim > 1], "weight_decay": DECAY},
        {"params": [w for w in weights.values() if w.ndim == 1], "weight_decay": 0.0},
    ]
    reference = torch.optim.AdamW(groups, lr=LR, betas=BETAS, eps=EPSILON)
    start, data = optimizer.data.copy(), batches()
    for _ in range(5):
        inputs, targets = next(data)
        optimizer.zero_grad()
        loss = model.loss(inputs, targets)
        loss.backward()
        optimizer.step()

        reference.zero_grad()
        _, expected = torch_loss(torch, weights, inputs, targets)
        expected.backward()
        reference.step()
        assert loss.item() == pytest.approx(expected.item(), abs=tolerance)
    assert np.median(abs(optimizer.data - start)) > LR / 2
    for name, p in model.named_parameters():
        np.testing.assert_allclose(p.data, weights[name].detach().numpy(), rtol=0, atol=tolerance, err_msg=name)


@pytest.mark.parametrize("limit", [0.01, 100.0])
def test_clipping(torch, limit):
    model, weights = both(torch, np.float64)
    optimizer = AdamW(model)
    inputs, targets = next(batches())
    model.loss(inputs, targets).backward()
    torch_loss(torch, weights, inputs, targets)[1].backward()
    norm = torch.nn.utils.clip_grad_norm_(weights.values(), limit).item()
    assert clip_gradients(optimizer.grad, limit) == pytest.approx(norm, rel=1e-12)
    for name, p in model.named_parameters():  # PyTorch adds 1e-6 to the norm
        np.testing.assert_allclose(p.grad, weights[name].grad.numpy(), rtol=1e-5, atol=1e-12, err_msg=name)
