"""The encoder-decoder transformer: one stack reads the source, and another writes the target while looking at it.

The encoder's attention sees the whole source. The decoder's sees the target so far and, through cross-attention, the
encoder's output. In training, the decoder gets the right words so far, whatever it would have written: teacher forcing.
Source: Vaswani et al. 2017, with the norms moved to the front. Chapter 9 builds this file.
Left out: dropout, label smoothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

import numpy as np

from helpers.attention import KVCache, MultiHeadAttention, causal_mask
from helpers.checks import whole
from helpers.functional import cross_entropy, linear, log_softmax
from helpers.layers import MLP, Embedding, LayerNorm, Module
from helpers.tensor import Tensor, no_grad


@dataclass(frozen=True)
class Seq2SeqConfig:
    """The shape of a model. `context` is the longest source, and the longest target including its start, in tokens.

    pad, start, end: the ids of the tokens that fill up a batch, begin a target, and end it; the same on both sides.
    """

    source_vocab: int
    target_vocab: int
    context: int = 32
    layers: int = 2
    heads: int = 4
    channels: int = 64
    pad: int = 0
    start: int = 1
    end: int = 2

    def __post_init__(self):
        for name, value in asdict(self).items():
            whole(name, value, least=0 if name in ("pad", "start", "end") else 1)
        if self.channels % self.heads:
            raise ValueError(
                f"Can't divide {self.channels} channels among {self.heads} heads. Pick a divisor of {self.channels}."
            )


class EncoderBlock(Module):
    """Attention over the whole source, then the MLP. Both add to the stream."""

    def __init__(self, config: Seq2SeqConfig, *, rng: np.random.Generator):
        C, out_scale = config.channels, 1 / math.sqrt(2 * config.layers)
        self.norm1, self.norm2 = LayerNorm(C), LayerNorm(C)
        self.attention = MultiHeadAttention(C, config.heads, rng=rng, out_scale=out_scale)
        self.mlp = MLP(C, rng=rng, out_scale=out_scale)

    def __call__(self, x: Tensor, mask: np.ndarray) -> Tensor:
        x = x + self.attention(self.norm1(x), mask)
        return x + self.mlp(self.norm2(x))


class DecoderBlock(Module):
    """Causal attention over the target so far, cross-attention to the source, then the MLP. All add to the stream."""

    def __init__(self, config: Seq2SeqConfig, *, rng: np.random.Generator):
        C, out_scale = config.channels, 1 / math.sqrt(3 * config.layers)
        self.norm1, self.norm2, self.norm3 = LayerNorm(C), LayerNorm(C), LayerNorm(C)
        self.attention = MultiHeadAttention(C, config.heads, rng=rng, out_scale=out_scale)
        self.cross = MultiHeadAttention(C, config.heads, rng=rng, out_scale=out_scale)
        self.mlp = MLP(C, rng=rng, out_scale=out_scale)

    def __call__(self, x, causal, memory: Tensor, mask, *, weights: list | None = None, cache: KVCache | None = None):
        x = x + self.attention(self.norm1(x), causal, cache=cache)
        x = x + self.cross(self.norm2(x), mask, memory=memory, weights=weights)
        return x + self.mlp(self.norm3(x))


class Seq2Seq(Module):
    """Tokens of one language in, logits for tokens of another out. Output weights are the target's embedding."""

    def __init__(self, config: Seq2SeqConfig, *, rng: np.random.Generator):
        self.config, C = config, config.channels
        self.source_tokens = Embedding(config.source_vocab, C, rng=rng)
        self.target_tokens = Embedding(config.target_vocab, C, rng=rng)
        self.source_positions = Embedding(config.context, C, rng=rng)
        self.target_positions = Embedding(config.context, C, rng=rng)
        self.encoder = [EncoderBlock(config, rng=rng) for _ in range(config.layers)]
        self.decoder = [DecoderBlock(config, rng=rng) for _ in range(config.layers)]
        self.source_norm, self.target_norm = LayerNorm(C), LayerNorm(C)

    def encode(self, source: np.ndarray) -> tuple[Tensor, np.ndarray]:
        """Padded source ids (B, S) → the encoder's output (B, S, C), and a mask (B, 1, 1, S) that hides the padding."""
        source = np.asarray(source)
        if source.ndim != 2 or not 1 <= source.shape[1] <= self.config.context:
            most = self.config.context
            raise ValueError(f"The source must have shape (B, S) with S from 1 to {most}; got {source.shape}.")
        empty = np.flatnonzero((source == self.config.pad).all(axis=1))
        if len(empty):
            raise ValueError(f"Source {empty[0]} is all padding. Every source needs at least one token.")
        x = self.source_tokens(source) + self.source_positions(np.arange(source.shape[1]))
        mask = np.where(source == self.config.pad, -np.inf, 0).astype(x.dtype)[:, None, None, :]
        for block in self.encoder:
            x = block(x, mask)
        return self.source_norm(x), mask

    def decode(
        self, target, memory: Tensor, mask, *, weights: list | None = None, caches: list | None = None
    ) -> Tensor:
        """Logits for the token after each token of the target so far (B, T), given what `encode` returned: (B, T, V).

        If `weights` is a list, each block appends its cross-attention (B, H, T, S). `caches`: one per block, holding
        the tokens before these.
        """
        T = target.shape[1]
        past = caches[0].length if caches else 0
        if past + T > self.config.context:
            raise ValueError(f"This model writes at most {self.config.context} tokens; got a target of {past + T}.")
        x = self.target_tokens(target) + self.target_positions(np.arange(past, past + T))
        causal = causal_mask(T, past + T, dtype=x.dtype) if T > 1 else None
        for i, block in enumerate(self.decoder):
            x = block(x, causal, memory, mask, weights=weights, cache=caches[i] if caches else None)
        return linear(self.target_norm(x), self.target_tokens.weight.swap(0, 1))

    def __call__(self, source: np.ndarray, target: np.ndarray, *, weights: list | None = None) -> Tensor:
        return self.decode(target, *self.encode(source), weights=weights)

    def loss(self, source: np.ndarray, target: np.ndarray) -> tuple[Tensor, int]:
        """Mean surprise of the targets (B, T), in nats per token, and how many tokens it averages over.

        A target is start, words, end, padding. Padding doesn't count.
        """
        wanted = target[:, 1:]
        loss = cross_entropy(self(source, target[:, :-1]), wanted, ignore=self.config.pad)
        return loss, int((wanted != self.config.pad).sum())

    def cross_attention(self, source: Sequence[int], target: Sequence[int]) -> np.ndarray:
        """How much each target token looks at each source token: (layers, H, T, S). Each row sums to 1."""
        weights: list[np.ndarray] = []
        with no_grad():
            self(np.asarray(source)[None], np.asarray(target)[None], weights=weights)
        return np.concatenate(weights)

    def translate(self, sources: Sequence[Sequence[int]], steps: int | None = None) -> list[list[int]]:
        """Each source's target, written greedily, all at once: lists of ids without start and end."""
        c = self.config
        steps = c.context if steps is None else whole("steps", steps)
        with no_grad():
            memory, mask = self.encode(padded(sources, c.pad))
            caches = [KVCache(c.context) for _ in self.decoder]
            written = np.full((len(sources), 1), c.start)
            done = np.zeros(len(sources), dtype=bool)
            for _ in range(min(steps, c.context)):
                logits = self.decode(written[:, -1:], memory, mask, caches=caches).data[:, -1]
                new = np.where(done, c.pad, logits.argmax(axis=-1))
                written = np.concatenate([written, new[:, None]], axis=1)
                done |= new == c.end
                if done.all():
                    break
        return [[int(i) for i in row if i not in (c.pad, c.start, c.end)] for row in written]

    def next_log_probs(self, source: Sequence[int]) -> Callable[[list[list[int]]], np.ndarray]:
        """A function for `sampling.beam_search`: n targets so far, with their start → next log-probabilities (n, V)."""
        with no_grad():
            memory, mask = self.encode(np.asarray(source)[None])

        def next_log_probs(targets: list[list[int]]) -> np.ndarray:
            n = len(targets)
            with no_grad():
                copies = Tensor(np.repeat(memory.data, n, axis=0), dtype=memory.dtype)
                logits = self.decode(np.array(targets), copies, np.repeat(mask, n, axis=0))
                return log_softmax(logits).data[:, -1]

        return next_log_probs


def padded(sequences: Sequence[Sequence[int]], pad: int) -> np.ndarray:
    """Lists of ids of different lengths as one array (B, longest), filled up with `pad`."""
    if not len(sequences) or not all(len(s) for s in sequences):
        raise ValueError("Every list of ids needs at least one token; got an empty one.")
    out = np.full((len(sequences), max(map(len, sequences))), pad)
    for row, s in zip(out, sequences, strict=True):
        row[: len(s)] = s
    return out
