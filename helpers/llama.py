"""The block that current models use: chapter 6's GPT with four changes, in the order the code meets them.

`RMSNorm` scales each row and doesn't shift it. `rotate` turns queries and keys by their position (RoPE), in place of
learned positions. Grouped-query attention lets several query heads share a key head, so there's less to cache. `SwiGLU`
is an MLP in which one projection gates another. Linear layers have no biases. Chapter 11 builds this file.

Left out: scaling RoPE to longer contexts, sliding windows, mixtures of experts.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass

import numpy as np

from helpers.attention import KVCache, attention, causal_mask
from helpers.checks import real, whole
from helpers.functional import cache_sized, linear
from helpers.gpt import LanguageModel, check_length
from helpers.layers import Embedding, Linear, Module
from helpers.tensor import Tensor


@dataclass(frozen=True)
class LlamaConfig:
    """The shape of a model. `heads` query heads share `kv_heads` key and value heads; `width` is the MLP's.

    base: how much more slowly RoPE turns its last pair of channels than its first. epsilon: keeps RMSNorm from dividing
    by 0.
    """

    vocab_size: int
    context: int = 64
    layers: int = 4
    heads: int = 4
    kv_heads: int = 2
    channels: int = 64
    width: int = 176
    base: float = 10_000.0
    epsilon: float = 1e-5

    def __post_init__(self):
        for name, value in asdict(self).items():
            real(name, value, above=True) if name in ("base", "epsilon") else whole(name, value)
        if self.channels % (2 * self.heads):
            raise ValueError(
                f"Can't divide {self.channels} channels among {self.heads} heads of an even width. Pick a number of "
                f"heads that divides {self.channels / 2:g}."
            )
        if self.heads % self.kv_heads:
            raise ValueError(
                f"Can't share {self.kv_heads} key heads among {self.heads} query heads. Pick a divisor of {self.heads}."
            )


def rms_norm(x: Tensor, weight: Tensor, epsilon: float = 1e-5) -> Tensor:
    """x / √(mean of x² + ε) · weight, for each row of x (…, C), with weight (C,). Source: Zhang and Sennrich 2019."""
    C, w = x.shape[-1], weight.data
    scale = math.sqrt(C) / np.sqrt(np.vecdot(x.data, x.data) + C * epsilon)[..., None]
    normal = x.data * scale

    def pullback(g):
        dw = (g * normal).reshape(-1, C).sum(axis=0)
        g = g * w
        return (g - normal * (np.vecdot(g, normal)[..., None] / C)) * scale, dw

    return Tensor(normal * w, parents=(x, weight), pullback=pullback)


def turns(positions: np.ndarray, D: int, base: float = 10_000.0) -> np.ndarray:
    """How far each pair of channels turns at each position: (T,) → (T, D/2) complex numbers of length 1.

    Pair 0 turns by 1 radian per token, and each later pair by the same factor less: pair i by base^(−2i/D).
    """
    angles = np.outer(positions, base ** (-np.arange(0, D, 2) / D))  # (T,)×(D/2,) → (T,D/2)
    return np.exp(1j * angles)


def rotate(x: Tensor, turn: np.ndarray) -> Tensor:
    """RoPE: turn each pair of channels (0, 1), (2, 3), … of x (…, T, D), as a complex number, by `turn` (T, D/2).

    After that, the dot product of a query and a key depends on how far apart they are, and not on where they are.
    Source: Su et al. 2024.
    """

    def turned(a: np.ndarray, by: np.ndarray) -> np.ndarray:
        pairs = np.ascontiguousarray(a).view(np.result_type(a.dtype, np.complex64))
        return (pairs * by.astype(pairs.dtype)).view(a.dtype)  # (a + bi)(cos + i sin)

    return Tensor(turned(x.data, turn), parents=(x,), pullback=lambda g: (turned(g, turn.conj()),))


def swiglu(gate: Tensor, up: Tensor) -> Tensor:
    """gate · σ(gate) · up: one projection decides how much of another gets through. Source: Shazeer 2020."""
    W, shape = gate.shape[-1], gate.shape
    a, b = gate.data.reshape(-1, W), up.data.reshape(-1, W)
    s, out = np.empty_like(a), np.empty_like(a)
    for i in cache_sized(len(a), W):
        np.multiply(a[i], 0.5, out=s[i])
        np.tanh(s[i], out=s[i])
        s[i] *= 0.5
        s[i] += 0.5  # σ, the sigmoid
        np.multiply(a[i], s[i], out=out[i])
        out[i] *= b[i]

    def pullback(g):
        g = g.reshape(-1, W)
        return (g * b * s * (1 + a * (1 - s))).reshape(shape), (g * a * s).reshape(shape)

    return Tensor(out.reshape(shape), parents=(gate, up), pullback=pullback)


class RMSNorm(Module):
    """Scales each row to a mean square of 1, then applies a learned scale per channel."""

    def __init__(self, channels: int, epsilon: float = 1e-5):
        self.weight, self.epsilon = Tensor(np.ones(channels)), epsilon

    def __call__(self, x: Tensor) -> Tensor:
        return rms_norm(x, self.weight, self.epsilon)


class GroupedQueryAttention(Module):
    """Attention in which H query heads share K key and value heads. Source: Ainslie et al. 2023."""

    def __init__(self, config: LlamaConfig, *, rng: np.random.Generator, out_scale: float = 1.0):
        C, D = config.channels, config.channels // config.heads
        self.heads, self.kv_heads = config.heads, config.kv_heads
        self.qkv = Linear(C, (config.heads + 2 * config.kv_heads) * D, rng=rng, bias=False)
        self.out = Linear(C, C, rng=rng, bias=False, scale=out_scale)

    def __call__(self, x: Tensor, turn: np.ndarray, mask=None, *, weights=None, cache: KVCache | None = None) -> Tensor:
        (B, T, C), H, K = x.shape, self.heads, self.kv_heads
        D, G = C // H, H // K
        qkv = self.qkv(x).reshape(B, T, H + 2 * K, D).swap(1, 2)  # (B,T,C) → (B,H+2K,T,D)
        q, k, v = rotate(qkv[:, :H], turn), rotate(qkv[:, H : H + K], turn), qkv[:, H + K :]
        if cache is not None:  # no gradients lead back into it, so its memory needn't be copied
            k, v = (Tensor(part, pullback=lambda g: ()) for part in cache.extend(k.data, v.data))
        q = q.reshape(B, K, G * T, D)  # the G query heads that share a key head, one after another
        mask = None if mask is None else np.tile(mask, (G, 1))  # (G·T,S)
        found = None if weights is None else []
        out = attention(q, k, v, mask, found).reshape(B, H, T, D)
        if found:
            weights.append(found[0].reshape(B, H, T, -1))
        return self.out(out.swap(1, 2).reshape(B, T, C))


class SwiGLU(Module):
    """An MLP with a gate: down(swiglu(gate(x), up(x))). Gate and up are one matrix, side by side."""

    def __init__(self, config: LlamaConfig, *, rng: np.random.Generator, out_scale: float = 1.0):
        self.width = config.width
        self.gate_up = Linear(config.channels, 2 * config.width, rng=rng, bias=False)
        self.down = Linear(config.width, config.channels, rng=rng, bias=False, scale=out_scale)

    def __call__(self, x: Tensor) -> Tensor:
        both = self.gate_up(x)
        return self.down(swiglu(both[..., : self.width], both[..., self.width :]))


class LlamaBlock(Module):
    """Attention moves information between positions, then the MLP works on each alone. Both add to the stream."""

    def __init__(self, config: LlamaConfig, *, rng: np.random.Generator):
        out_scale = 0.1 / math.sqrt(2 * config.layers)
        self.norm1, self.norm2 = (RMSNorm(config.channels, config.epsilon) for _ in range(2))
        self.attention = GroupedQueryAttention(config, rng=rng, out_scale=out_scale)
        self.mlp = SwiGLU(config, rng=rng, out_scale=out_scale)

    def __call__(self, x: Tensor, turn, mask=None, *, weights=None, cache: KVCache | None = None) -> Tensor:
        x = x + self.attention(self.norm1(x), turn, mask, weights=weights, cache=cache)
        return x + self.mlp(self.norm2(x))


class Llama(LanguageModel):
    """A decoder-only transformer as in current models. Source: Touvron et al. 2023."""

    def __init__(self, config: LlamaConfig, *, rng: np.random.Generator):
        self.config = config
        self.tokens = Embedding(config.vocab_size, config.channels, rng=rng)
        self.blocks = [LlamaBlock(config, rng=rng) for _ in range(config.layers)]
        self.norm = RMSNorm(config.channels, config.epsilon)

    def __call__(self, tokens, *, weights: list | None = None, caches: list | None = None, last=False) -> Tensor:
        """Logits for the token after each position: integers (B, T) → (B, T, V). See `GPT`."""
        T, c = tokens.shape[1], self.config
        past = caches[0].length if caches else 0
        check_length(past + T, c.context)
        x = self.tokens(tokens)  # (B,T) → (B,T,C)
        turn = turns(np.arange(past, past + T), c.channels // c.heads, c.base)
        mask = causal_mask(T, past + T, dtype=x.dtype) if T > 1 else None
        for i, block in enumerate(self.blocks):
            x = block(x, turn, mask, weights=weights, cache=caches[i] if caches else None)
        x = x[:, -1:] if last else x
        return linear(self.norm(x), self.tokens.weight.swap(0, 1))  # (B,T,C)@(C,V) → (B,T,V)
