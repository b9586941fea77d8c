"""The models that ship with the book, in helpers/shipped, and yours: load one, and ask it for something.

`make models` trains the shipped ones. Chapters 6 and 8 train such models.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from helpers.attention import KVCache
from helpers.checkpoints import CheckpointError, read, restore
from helpers.gpt import GPT, GPTConfig
from helpers.sampling import softmax
from helpers.tensor import no_grad
from helpers.tokenizers import tokenizer_from_dict

SHIPPED = Path(__file__).parent / "shipped"


def shipped() -> list[str]:
    """The names `load_gpt` knows."""
    return sorted(path.stem for path in SHIPPED.glob("*.safetensors"))


def load_gpt(path_or_name: str | os.PathLike):
    """(model, tokenizer): a model that ships with the book, such as "shakespeare", or one from a file of yours.

    The tokenizer is None if the file has none. Raises CheckpointError if there's no such model, or it's damaged.
    """
    name, path = str(path_or_name), Path(path_or_name)
    if name in shipped():
        path = SHIPPED / f"{name}.safetensors"
    elif not path.suffix and not path.exists():
        known = ", ".join(shipped()) or "missing; run `make models`"
        raise CheckpointError(f"There's no model called {name!r}. Shipped models: {known}. Or pass a file's path.")
    checkpoint = read(path)
    if checkpoint.kind != "GPT":
        raise CheckpointError(
            f"load_gpt reads a GPT; got a {checkpoint.kind} in {path}. Use checkpoints.read and checkpoints.restore."
        )
    try:
        config = GPTConfig(**checkpoint.config)
        tokenizer = None if checkpoint.tokenizer is None else tokenizer_from_dict(checkpoint.tokenizer)
    except (TypeError, ValueError) as error:
        raise CheckpointError(
            f"The checkpoint {path} is damaged ({str(error).rstrip('.')}). Copy it or train it again."
        ) from error
    if tokenizer and tokenizer.vocab_size != config.vocab_size:
        raise CheckpointError(
            f"A model's tokenizer must know as many tokens as the model; got {tokenizer.vocab_size} and "
            f"{config.vocab_size} in {path}. Save the model with the tokenizer it was trained with."
        )
    if gpt_parameter_count(config) != (held := sum(tensor.size for tensor in checkpoint.tensors.values())):
        raise CheckpointError(  # before building what might not fit into memory
            f"A GPT of this shape has {gpt_parameter_count(config):,} parameters; got {held:,} in {path}, so it's "
            "damaged. Copy it or train it again."
        )
    model = GPT(config, rng=np.random.default_rng(0))
    model.start = checkpoint.extra.get("start")
    return restore(model, checkpoint), tokenizer


def gpt_parameter_count(c: GPTConfig) -> int:
    """How many parameters a GPT of this shape has: embeddings, and in each block four matrices, biases, and norms."""
    C = c.channels
    block = (C + 1) * 3 * C + (C + 1) * C + (C + 1) * 4 * C + (4 * C + 1) * C + 4 * C
    return (c.vocab_size + c.context) * C + c.layers * block + 2 * C


def write(model: GPT, tokenizer, prompt: str, choose: Callable) -> tuple[str, bool]:
    """What a model trained on prompts writes after this one, and whether it ended by itself, with "<end>".

    choose: as in `GPT.generate`. Raises ValueError if the prompt is empty or too long, or has an unknown word.
    """
    asked, context = _tokens(model, tokenizer, prompt), model.config.context
    ids = model.generate(asked, context - len(asked), choose, stop=tokenizer.end)[len(asked) :]
    ended = ids[-1] == tokenizer.end
    return tokenizer.decode(ids[:-1] if ended else ids), ended


def write_many(
    model: GPT, tokenizer, prompts: Sequence[str], *, temperature: float = 0.5, seed: int = 0
) -> list[tuple[str, bool]]:
    """`write` for many prompts side by side, each with random numbers of its own: the same texts, only sooner.

    A row takes the next token of its prompt while there is one, and from then on what it draws. Texts may differ from
    `write` where a draw lands on the border between two tokens. Raises ValueError as `write` does.
    """
    if not prompts:
        return []
    asked, context = [_tokens(model, tokenizer, prompt) for prompt in prompts], model.config.context
    lengths, rows = np.array([len(ids) for ids in asked]), np.arange(len(asked))
    ids = np.array([[*prompt, *[tokenizer.end] * (context - len(prompt))] for prompt in asked])  # (B,T)
    darts = np.array([np.random.default_rng([seed, int(row)]).random(context) for row in rows])
    caches, new = [KVCache(context) for _ in model.blocks], ids[:, : lengths.min()]
    with no_grad():
        for t in range(lengths.min(), context):
            p = softmax(model(new, caches=caches, last=True).data[:, -1], temperature)  # (B,V)
            ends = np.cumsum(p, axis=-1)
            dart = darts[rows, np.maximum(t - lengths, 0)]
            drawn = (ends <= dart[:, None] * ends[:, -1:]).sum(axis=-1)  # the piece each dart hits
            writes = (t >= lengths) & (ids[:, t - 1] != tokenizer.end)
            ids[writes, t] = drawn[writes]
            new = ids[:, t : t + 1]
            if t >= lengths.max() and not writes.any():
                break
    texts = [[*row[n:].tolist(), tokenizer.end] for row, n in zip(ids, lengths, strict=True)]
    texts = [text[: text.index(tokenizer.end)] for text in texts]
    return [(tokenizer.decode(text), n + len(text) < context) for text, n in zip(texts, lengths, strict=True)]


def _tokens(model: GPT, tokenizer, prompt: str) -> list[int]:
    """A prompt and its line break. Raises ValueError with a sentence if the model can't answer it."""
    if not prompt.strip():
        raise ValueError('The prompt is empty. Type something, such as "Write a poem about a cat."')
    asked, context = tokenizer.encode(prompt.strip() + "\n"), model.config.context
    if len(asked) >= context:
        raise ValueError(
            f"The prompt and its answer must fit into {context} tokens; got {len(asked)} in the prompt alone. Ask in "
            "fewer words."
        )
    return asked
