"""Attention: each position takes a weighted mean of the values at the positions it's allowed to see.

`attention` is the equation on queries, keys, and values. `packed_attention` does the same to one projection that holds
all three, which is how the transformer calls it: no copies, and one matrix product instead of three. Chapter 5 builds
this file. Left out: dropout on the weights, relative positions.
"""

from __future__ import annotations

import math

import numpy as np

from helpers.checks import whole
from helpers.functional import cache_sized, linear
from helpers.layers import Linear, Module
from helpers.tensor import Tensor


def causal_mask(T: int, S: int | None = None, dtype=np.float32) -> np.ndarray:
    """(T, S) of 0 and −inf: query t may look at key s if s ≤ t + (S − T). If S > T, these are the last T queries."""
    T = whole("T", T)
    S = T if S is None else whole("S", S, least=T)
    return np.triu(np.full((T, S), -np.inf, dtype=dtype), k=1 + S - T)


def attention(q: Tensor, k: Tensor, v: Tensor, mask: np.ndarray | None = None, weights: list | None = None) -> Tensor:
    """softmax(q kᵀ / √D + mask) v: each row of `q` takes a weighted mean of the rows of `v`.

    q: (B, H, T, D). k, v: (B, H, S, D). mask: broadcasts to (B, H, T, S), 0 where a query may look, −inf where not.
    Returns (B, H, T, D). If you pass a list as `weights`, the weights (B, H, T, S) are appended to it.
    Source: Vaswani et al. 2017, eq. 1.
    """
    out = np.empty_like(q.data)
    saved = _attend(q.data, k.data, v.data, mask, out, weights)

    def pullback(g):
        dq, dk, dv = np.empty_like(q.data), np.empty_like(k.data), np.empty_like(v.data)
        _attend_back(g, out, saved, dq, dk, dv)
        return dq, dk, dv

    return Tensor(out, parents=(q, k, v), pullback=pullback)


def packed_attention(qkv: Tensor, heads: int, mask=None, weights: list | None = None, cache=None) -> Tensor:
    """Self-attention on queries, keys, and values side by side: (B, T, 3C) → (B, T, C), with C = heads · D.

    A `cache` stores the new keys and values, and the queries look at everything in it.
    """
    B, T, C3 = qkv.shape
    C, D = C3 // 3, C3 // 3 // heads
    q, k, v = qkv.data.reshape(B, T, 3, heads, D).transpose(2, 0, 3, 1, 4)  # three views (B, H, T, D), nothing copied
    if cache is not None:
        k, v = cache.extend(k, v)
    out = np.empty((B, T, heads, D), dtype=qkv.dtype)
    saved = _attend(q, k, v, mask, out.swapaxes(1, 2), weights)

    def pullback(g):
        d = np.empty((B, T, 3, heads, D), dtype=g.dtype)
        _attend_back(g.reshape(out.shape).swapaxes(1, 2), out.swapaxes(1, 2), saved, *d.transpose(2, 0, 3, 1, 4))
        return (d.reshape(B, T, C3),)

    return Tensor(out.reshape(B, T, C), parents=(qkv,), pullback=pullback)


def _attend(q, k, v, mask, out, weights):
    """The forward pass on arrays, into `out`. Returns what the backward pass needs.

    Three choices are purely for speed. Scores are kept as (B, H, S, T), because NumPy finds a maximum over the
    second-to-last axis several times faster than over the last. A few sequences or heads go at a time, so that the
    scores stay in a core's cache. And the division by the softmax sum waits until after `@ v`: T·D numbers instead of
    T·S.
    """
    (B, H, T, D), S = q.shape, k.shape[2]
    if mask is not None and mask.dtype == bool:
        raise ValueError("The mask must hold 0 to allow and −inf to hide; got True and False. Use `np.where`.")
    scale = 1 / math.sqrt(D)
    q = q * scale
    if mask is not None:
        mask = np.ascontiguousarray(np.swapaxes(mask, -1, -2))
    e = np.empty((B, H, S, T), dtype=q.dtype)
    one_over_sum, ones = np.empty((B, H, T, 1), dtype=q.dtype), np.ones(S, dtype=q.dtype)
    for b in _pieces(B, H, S * T):
        np.matmul(k[b], q[b].swapaxes(-1, -2), out=e[b])  # (B,H,S,D)@(B,H,D,T) → (B,H,S,T)
        if mask is not None:
            e[b] += mask[b[0]] if mask.ndim == 4 and len(mask) == B else mask
        e[b] -= e[b].max(axis=-2, keepdims=True)
        np.exp(e[b], out=e[b])
        one_over_sum[b] = 1 / (ones @ e[b])[..., None]
        np.matmul(e[b].swapaxes(-1, -2), v[b], out=out[b])  # (B,H,T,S)@(B,H,S,D) → (B,H,T,D)
        out[b] *= one_over_sum[b]
    if weights is not None:
        weights.append(e.swapaxes(-1, -2) * one_over_sum)
    return q, k, v, e, one_over_sum, scale


def _attend_back(g, out, saved, dq, dk, dv):
    """The backward pass on arrays, into `dq`, `dk`, `dv`. With P = e / sum: dP = g vᵀ, dS = P (dP − Σ g·out)."""
    q, k, v, e, one_over_sum, scale = saved
    g = g * one_over_sum
    along = np.vecdot(g, out)[..., None, :]
    for b in _pieces(*e.shape[:2], e[0, 0].size):
        np.matmul(e[b], g[b], out=dv[b])  # (B,H,S,T)@(B,H,T,D) → (B,H,S,D)
        ds = v[b] @ g[b].swapaxes(-1, -2)  # (B,H,S,D)@(B,H,D,T) → (B,H,S,T)
        ds -= along[b]
        ds *= e[b]
        np.matmul(ds.swapaxes(-1, -2), k[b], out=dq[b])
        np.matmul(ds, q[b], out=dk[b])
    dq *= scale


def _pieces(B: int, H: int, size: int) -> list[tuple[slice, slice]]:
    """Some sequences at a time with all their heads; if even one sequence is too much, some of its heads at a time."""
    sequences, heads = cache_sized(B, H * size), cache_sized(H, size)
    return [(b, h) for b in sequences for h in (heads if len(sequences) == B else [slice(None)])]


class KVCache:
    """The keys and values of the tokens so far, for one block: (B, H, T, D) each, with room for `context` tokens."""

    def __init__(self, context: int):
        self.context, self.length = whole("context", context), 0
        self.keys = self.values = np.empty(0)  # made when the first ones show their shape

    def extend(self, k: np.ndarray, v: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Append new keys and values and return all of them, as views."""
        B, H, T, D = k.shape
        if self.length == 0:
            self.keys, self.values = (np.empty((B, H, self.context, D), dtype=k.dtype) for _ in "kv")
        end = self.length + T
        if end > self.context:
            raise ValueError(f"The cache has room for {self.context} tokens; got {end}. Start a new, longer one.")
        self.keys[:, :, self.length : end], self.values[:, :, self.length : end] = k, v
        self.length = end
        return self.keys[:, :, :end], self.values[:, :, :end]


class MultiHeadAttention(Module):
    """Project to queries, keys, and values; attend in `heads` groups of D = C / heads channels; project back.

    With x alone, this is self-attention. With `memory` (B, S, C), it's cross-attention: x asks, the memory answers.
    """

    def __init__(self, channels: int, heads: int, *, rng: np.random.Generator, out_scale: float = 1.0):
        if channels % whole("heads", heads):
            raise ValueError(f"Can't divide {channels} channels among {heads} heads. Pick a divisor of {channels}.")
        self.heads = heads
        self.qkv = Linear(channels, 3 * channels, rng=rng)
        self.out = Linear(channels, channels, rng=rng, scale=out_scale)

    def __call__(self, x: Tensor, mask=None, *, memory: Tensor | None = None, weights=None, cache=None) -> Tensor:
        if memory is None:
            return self.out(packed_attention(self.qkv(x), self.heads, mask, weights, cache))
        (B, T, C), S, H = x.shape, memory.shape[1], self.heads
        w, b = self.qkv.weight, self.qkv.bias
        assert b is not None
        q = linear(x, w[:, :C], b[:C]).reshape(B, T, H, C // H).swap(1, 2)
        k, v = (
            linear(memory, w[:, i * C : (i + 1) * C], b[i * C : (i + 1) * C]).reshape(B, S, H, C // H).swap(1, 2)
            for i in (1, 2)
        )
        return self.out(attention(q, k, v, mask, weights).swap(1, 2).reshape(B, T, C))
