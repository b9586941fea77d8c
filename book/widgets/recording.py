"""What a model that's too large for a page computed for one text, recorded for GlassGPT: a few of its blocks.

The page's side is `glass_record.js`. Left out: what the MLPs' units do, and anything that would need the weights.
"""

from __future__ import annotations

import numpy as np

from book.widgets.base import pack, short
from helpers import sampling
from helpers.attention import causal_mask
from helpers.functional import linear
from helpers.llama import Llama, turns
from helpers.tensor import Tensor, no_grad

BARS = 8  # tokens recorded after each token


def some_blocks(layers: int, count: int = 4) -> list[int]:
    """`count` blocks spread over a model, the first and the last among them, from 1."""
    return sorted({1 + round(i * (layers - 1) / max(1, count - 1)) for i in range(count)})


def passes(model: Llama, ids) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """(stream, weights) of a Llama for a text (T,): the residual stream (T, C) after the embedding and after each of
    the 2 · layers additions, and each block's attention weights (H, T, T)."""
    c, T = model.config, len(ids)
    turn, mask = turns(np.arange(T), c.channels // c.heads, c.base), causal_mask(T, T)
    stream, weights = [], []
    with no_grad():
        x = model.tokens(np.asarray(ids)[None])
        stream.append(x.data[0])
        for block in model.blocks:
            found: list[np.ndarray] = []
            x = x + block.attention(block.norm1(x), turn, mask, weights=found)
            stream.append(x.data[0])
            x = x + block.mlp(block.norm2(x))
            stream.append(x.data[0])
            weights.append(found[0][0])
    return stream, weights


def record(model: Llama, tokenizer, prompt: str, steps: int, *, temperature: float, seed: int, blocks=None):
    """(record, traced): what the figure shows of `model` reading `prompt` and writing `steps` tokens, for the page, and
    its prompt's part as arrays. blocks: which ones, from 1."""
    blocks = list(blocks or some_blocks(model.config.layers))
    rng, us = sampling.Mulberry32(seed), []

    def choose(logits, ids) -> int:
        p = sampling.next_distribution(logits.astype(np.float64), temperature=temperature)
        us.append(float(rng.random()))
        return int(np.searchsorted(np.cumsum(p), us[-1] * p.sum(), side="right"))

    asked = tokenizer.encode(prompt)
    ids = model.generate(asked, steps, choose)
    stream, weights = passes(model, ids)
    stages = [0] + [stage for block in blocks for stage in (2 * block - 1, 2 * block)]
    said, p = [], np.empty(0)
    for stage in stages:  # what the model would say if it ended there
        logits = linear(model.norm(Tensor(stream[stage][None])), model.tokens.weight.swap(0, 1)).data[0]
        p = sampling.softmax(logits.astype(np.float64) / (temperature or 1))
        said.append([[int(row.argmax()), short(row.max())] for row in p])
    nexts = [_pieces(p[t], came) for t, came in enumerate([*ids[1:], None])]
    shown = {*ids, *(i for row in nexts for i, _, _ in row), *(i for row in said for i, _ in row)}
    config = {"layers": model.config.layers, "heads": model.config.heads, "channels": model.config.channels,
              "context": model.config.context, "vocab_size": model.config.vocab_size}  # fmt: skip
    found = {
        "config": config, "ids": ids, "prompt": len(asked), "us": us, "blocks": blocks, "said": said, "next": nexts,
        "labels": {str(i): tokenizer.vocab[i] for i in sorted(shown)},
        "stream": [_packed(stream[stage]) for stage in stages],
        "weights": [_packed(weights[block - 1]) for block in blocks],
    }  # fmt: skip
    T = len(asked)
    traced = {
        "stream": [stream[stage][:T] for stage in stages],
        "blocks": [{"weights": weights[block - 1][:, :T, :T]} for block in blocks],
    }
    return found, traced


def _pieces(p: np.ndarray, came: int | None) -> list[list]:
    """[id, probability, sum of the probabilities before it] of the largest, and of the one that followed."""
    starts = np.cumsum(p) - p
    best = np.argsort(-p, kind="stable")[:BARS].tolist()
    return [[i, short(p[i]), short(starts[i])] for i in best + [came] * (came is not None and came not in best)]


def _packed(array: np.ndarray) -> dict:
    return pack(array, float(array.min()), float(array.max()))
