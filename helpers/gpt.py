"""GPT: token and position embeddings, a stack of blocks on a residual stream, and logits for the next token.

The same code trains (on whole sequences) and generates (one token at a time, with a cache). Chapter 6 builds this file.
Left out: dropout, because our models never see their text often enough to need it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from itertools import islice
from typing import Any

import numpy as np

from helpers.attention import KVCache, MultiHeadAttention, causal_mask
from helpers.checks import whole
from helpers.functional import cross_entropy, linear
from helpers.layers import MLP, Embedding, LayerNorm, Module
from helpers.tensor import Tensor, no_grad


@dataclass(frozen=True)
class GPTConfig:
    """The shape of a model. `context` is the longest T it can read. `heads` (H) must divide `channels` (C)."""

    vocab_size: int
    context: int = 64
    layers: int = 4
    heads: int = 4
    channels: int = 64

    def __post_init__(self):
        for name, value in asdict(self).items():
            whole(name, value)
        if self.channels % self.heads:
            raise ValueError(
                f"Can't divide {self.channels} channels among {self.heads} heads. Pick a divisor of {self.channels}."
            )


class Block(Module):
    """Attention moves information between positions, then the MLP works on each alone. Both add to the stream x."""

    def __init__(self, config: GPTConfig, *, rng: np.random.Generator):
        # each block adds to the stream twice; small additions keep the embeddings (near 0.02) from drowning at first
        C, out_scale = config.channels, 0.1 / math.sqrt(2 * config.layers)
        self.norm1, self.norm2 = LayerNorm(C), LayerNorm(C)
        self.attention = MultiHeadAttention(C, config.heads, rng=rng, out_scale=out_scale)
        self.mlp = MLP(C, rng=rng, out_scale=out_scale)

    def __call__(self, x: Tensor, mask=None, *, weights: list | None = None, cache: KVCache | None = None) -> Tensor:
        x = x + self.attention(self.norm1(x), mask, weights=weights, cache=cache)
        return x + self.mlp(self.norm2(x))


class LanguageModel(Module):
    """What GPT and Llama have in common: the loss, the attention weights, and generation. Calling one gives logits."""

    config: Any
    blocks: list
    start: dict | None = None  # where the generator was that drew the first weights, if `load_gpt` knows

    def __call__(self, tokens, *, weights: list | None = None, caches: list | None = None, last=False) -> Tensor:
        raise NotImplementedError(f"{type(self).__name__} gives no logits. Define the method __call__().")

    def loss(self, inputs: np.ndarray, targets: np.ndarray) -> Tensor:
        """Mean surprise of the targets, in nats per token; both (B, T)."""
        return cross_entropy(self(inputs), targets)

    def attention_weights(self, tokens: np.ndarray) -> np.ndarray:
        """How much each position of a sequence (T,) looks at every other: (layers, H, T, T). Each row sums to 1."""
        weights: list[np.ndarray] = []
        with no_grad():
            self(np.asarray(tokens)[None], weights=weights)
        return np.concatenate(weights)

    def generate(
        self, prompt, steps: int, choose: Callable, *, stop: int | None = None, use_cache: bool = True
    ) -> list[int]:
        """Continue a prompt (token ids): get logits, choose, append, repeat. Returns the prompt and its continuation.

        choose(logits (V,), ids so far) → the next id; see `sampling.chooser`. Stops after `steps` tokens or at `stop`.
        If the text is longer than the context, the model reads the most recent part; see `window_start`.
        """
        ids = [int(i) for i in prompt]
        for new in islice(self.stream(ids, choose, use_cache=use_cache), whole("steps", steps, least=0)):
            ids.append(new)
            if new == stop:
                break
        return ids

    def stream(self, prompt, choose: Callable, *, use_cache: bool = True) -> Iterator[int]:
        """The ids that `generate` would append, one by one, without an end: each is there as soon as it's chosen."""
        ids = [int(i) for i in prompt]
        if not ids:
            raise ValueError("The prompt is empty. The model needs at least one token to continue from.")
        if min(ids) < 0 or max(ids) >= self.config.vocab_size:
            last = self.config.vocab_size - 1
            raise ValueError(f"Token ids must be from 0 to {last}; got {min(ids)} to {max(ids)} in the prompt.")
        context, begin = self.config.context, 0  # it reads ids[begin:]
        caches = [KVCache(context) for _ in self.blocks]
        while True:
            start = window_start(len(ids), context)
            if start > begin or not use_cache:  # positions now count from `start`, so the cache is void
                begin, caches = start, [KVCache(context) for _ in self.blocks]
            with no_grad():
                logits = self(np.array(ids[begin + caches[0].length :])[None], caches=caches, last=True).data[0, -1]
            ids.append(int(choose(logits, ids)))
            yield ids[-1]


class GPT(LanguageModel):
    """A decoder-only transformer: pre-norm, learned positions, GELU, output head tied to the token embedding.

    Sources: Radford et al. 2019; Xiong et al. 2020 (pre-norm); Press and Wolf 2017 (tied head).
    Pass your own `block` class to see what changes without a part of it.
    """

    def __init__(self, config: GPTConfig, *, rng: np.random.Generator, block: type[Block] = Block):
        self.config = config
        self.tokens = Embedding(config.vocab_size, config.channels, rng=rng)
        self.positions = Embedding(config.context, config.channels, rng=rng)
        self.blocks = [block(config, rng=rng) for _ in range(config.layers)]
        self.norm = LayerNorm(config.channels)

    def __call__(self, tokens, *, weights: list | None = None, caches: list | None = None, last=False) -> Tensor:
        """Logits for the token after each position: integers (B, T) → (B, T, V).

        If `weights` is a list, each block appends its attention weights (B, H, T, T). `caches`: one per block, holding
        the tokens before these. `last`: the logits of the last position only, (B, 1, V).
        """
        B, T = tokens.shape
        past = caches[0].length if caches else 0
        check_length(past + T, self.config.context)
        x = self.tokens(tokens) + self.positions(np.arange(past, past + T))  # (B,T,C) + (T,C) → (B,T,C)
        mask = causal_mask(T, past + T, dtype=x.dtype) if T > 1 else None  # one last query may look at everything
        for i, block in enumerate(self.blocks):
            x = block(x, mask, weights=weights, cache=caches[i] if caches else None)
        x = x[:, -1:] if last else x
        return linear(self.norm(x), self.tokens.weight.swap(0, 1))  # (B,T,C)@(C,V) → (B,T,V)


def check_length(T: int, context: int) -> None:
    """Raise ValueError if T tokens are more than a model can read."""
    if T > context:
        raise ValueError(f"This model reads at most {context} tokens; got {T}. Keep the last {context}.")


def window_start(length: int, context: int) -> int:
    """Where the model starts reading a text of `length` tokens: at a multiple of half its context.

    That way the cache is refilled only once every half context, and what the model says depends only on the text.
    """
    step = max(1, context // 2)
    return -(-max(0, length - context) // step) * step
