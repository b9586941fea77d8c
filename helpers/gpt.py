"""GPT: token and position embeddings, a stack of blocks on a residual stream, and logits for the next token.

One definition serves training (whole sequences at once) and generation (one token at a time with a cache).
Chapter 6 builds this file. Left out: dropout (our models never see their text often enough to need it).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass

import numpy as np

from helpers.attention import KVCache, MultiHeadAttention, causal_mask
from helpers.functional import cross_entropy, linear
from helpers.layers import MLP, Embedding, LayerNorm, Module
from helpers.tensor import Tensor, no_grad


@dataclass(frozen=True)
class GPTConfig:
    """The shape of a model. `context` is the longest T it can read; `channels` (C) is a multiple of `heads` (H)."""

    vocab_size: int
    context: int = 64
    layers: int = 4
    heads: int = 4
    channels: int = 64

    def __post_init__(self):
        for name, value in asdict(self).items():
            if not isinstance(value, int | np.integer) or value < 1:
                raise ValueError(f"GPTConfig got {name} = {value!r}; it must be a whole number of at least 1.")
        if self.channels % self.heads:
            raise ValueError(f"{self.channels} channels cannot be shared by {self.heads} heads; choose a multiple.")


class Block(Module):
    """One layer: attention moves information between positions, the MLP works on each; both add to the stream x."""

    def __init__(self, config: GPTConfig, *, rng: np.random.Generator):
        # 2 additions a layer, each small: the stream starts as the embeddings, numbers near 0.02, and not as noise
        C, out_scale = config.channels, 0.1 / math.sqrt(2 * config.layers)
        self.norm1, self.norm2 = LayerNorm(C), LayerNorm(C)
        self.attention = MultiHeadAttention(C, config.heads, rng=rng, out_scale=out_scale)
        self.mlp = MLP(C, rng=rng, out_scale=out_scale)

    def __call__(self, x: Tensor, mask=None, *, weights: list | None = None, cache: KVCache | None = None) -> Tensor:
        x = x + self.attention(self.norm1(x), mask, weights=weights, cache=cache)
        return x + self.mlp(self.norm2(x))


class GPT(Module):
    """A decoder-only transformer: pre-norm, learned positions, GELU, output head tied to the token embedding.

    Sources: Radford et al. 2019; Xiong et al. 2020 (pre-norm); Press and Wolf 2017 (tied head).
    `block` is the class of its layers, so that a reader can put in a changed one and see what is lost.
    """

    def __init__(self, config: GPTConfig, *, rng: np.random.Generator, block: type[Module] = Block):
        self.config = config
        self.tokens = Embedding(config.vocab_size, config.channels, rng=rng)
        self.positions = Embedding(config.context, config.channels, rng=rng)
        self.blocks = [block(config, rng=rng) for _ in range(config.layers)]
        self.norm = LayerNorm(config.channels)
        self.flatten()

    def __call__(self, tokens: np.ndarray, *, weights: list | None = None, caches: list | None = None) -> Tensor:
        """Logits for the token after each position: integers (B, T) → (B, T, V).

        `weights`, a list, receives one array (B, H, T, T) a layer. `caches` holds what came before, one a layer.
        """
        B, T = tokens.shape
        past = caches[0].length if caches else 0
        if past + T > self.config.context:
            most = self.config.context
            raise ValueError(f"{past + T} tokens came; this model reads at most {most}. Keep the last ones.")
        x = self.tokens(tokens) + self.positions(np.arange(past, past + T))  # (B,T,C) + (T,C) → (B,T,C)
        mask = causal_mask(T, past + T, dtype=x.dtype) if T > 1 else None  # a lone last query may look at everything
        for i, block in enumerate(self.blocks):
            x = block(x, mask, weights=weights, cache=caches[i] if caches else None)
        return linear(self.norm(x), self.tokens.weight.swap(0, 1))  # (B,T,C)@(C,V) → (B,T,V)

    def loss(self, inputs: np.ndarray, targets: np.ndarray) -> Tensor:
        """Mean surprise of the targets, in nats a token; both (B, T)."""
        return cross_entropy(self(inputs), targets)

    def attention_weights(self, tokens: np.ndarray) -> np.ndarray:
        """How much each position of one sequence (T,) looks at each other: (layers, H, T, T); every row sums to 1."""
        weights: list[np.ndarray] = []
        with no_grad():
            self(np.asarray(tokens)[None], weights=weights)
        return np.concatenate(weights)

    def generate(
        self, prompt, steps: int, choose: Callable, *, stop: int | None = None, use_cache: bool = True
    ) -> list[int]:
        """Continue a prompt (token ids): ask for logits, choose, append, repeat; returns prompt and continuation.

        choose(logits (V,), ids so far) → the next id; see `sampling.chooser`. Ends after `steps` tokens or at `stop`.
        Of a text longer than the context the model reads the most recent part: see `window_start`.
        """
        ids = [int(i) for i in prompt]
        if not ids:
            raise ValueError("The prompt is empty; a model needs at least one token to continue from.")
        if min(ids) < 0 or max(ids) >= self.config.vocab_size:
            last = self.config.vocab_size - 1
            raise ValueError(f"Token ids run from 0 to {last}; the prompt has {min(ids)} to {max(ids)}.")
        context, begin = self.config.context, 0  # it reads ids[begin:]
        caches = [KVCache(context) for _ in self.blocks]
        with no_grad():
            for _ in range(steps):
                start = window_start(len(ids), context)
                if start > begin or not use_cache:  # positions count from `start`: all that was kept is void
                    begin, caches = start, [KVCache(context) for _ in self.blocks]
                new = np.array(ids[begin + caches[0].length :])[None]
                logits = self(new, caches=caches).data[0, -1]
                ids.append(int(choose(logits, ids)))
                if ids[-1] == stop:
                    break
        return ids


def window_start(length: int, context: int) -> int:
    """The first token that the model still reads of a text of `length` tokens: a multiple of half its context.

    So the cache has to be filled anew once in half a context, and what the model says depends on the text alone.
    """
    step = max(1, context // 2)
    return -(-max(0, length - context) // step) * step
