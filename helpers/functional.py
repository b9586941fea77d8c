"""The operations where a transformer spends its time, each fused into one step with its pullback.

Each one equals a few operations of `tensor.py`, and a test shows it. Fusing them saves passes over memory, and that's
most of the difference between this engine and one half as fast. Chapters 3 and 6 build them.

Left out: attention (see `attention.py`), dropout, convolutions.
"""

from __future__ import annotations

import math

import numpy as np

from helpers.tensor import Tensor, is_tracking

SQRT_2_OVER_PI = math.sqrt(2 / math.pi)  # a Python float: NumPy's float64 scalar would promote float32 arrays


def softmax(x: Tensor, axis: int = -1) -> Tensor:
    """exp(x) / Σ exp(x) along `axis`. Subtracting the maximum first keeps it from overflowing. Chapter 3."""
    out = np.exp(x.data - x.data.max(axis=axis, keepdims=True))
    out /= out.sum(axis=axis, keepdims=True)
    return Tensor(out, parents=(x,), pullback=lambda g: (out * (g - (g * out).sum(axis=axis, keepdims=True)),))


def log_softmax(x: Tensor, axis: int = -1) -> Tensor:
    """The logarithm of `softmax`, exact where softmax itself would round to 0. Chapter 3."""
    shifted = x.data - x.data.max(axis=axis, keepdims=True)
    out = shifted - np.log(np.exp(shifted).sum(axis=axis, keepdims=True))
    return Tensor(out, parents=(x,), pullback=lambda g: (g - np.exp(out) * g.sum(axis=axis, keepdims=True),))


def cross_entropy(logits: Tensor, targets: np.ndarray, ignore: int | None = None) -> Tensor:
    """Mean surprise, in nats, of the right tokens under softmax(logits). Its gradient is (p − y) / N. Chapter 3.

    logits: (…, V). targets: integers from 0 to V−1, of shape (…). Positions whose target is `ignore` don't count; if
    none counts, the loss is 0. Raises ValueError if the targets don't fit the logits.
    """
    V, shape = logits.shape[-1], logits.shape
    z, y = logits.data.reshape(-1, V), np.asarray(targets).reshape(-1)
    if np.shape(targets) != shape[:-1]:
        raise ValueError(f"Logits of shape {shape} need targets of shape {shape[:-1]}; got {np.shape(targets)}.")
    counted = slice(None) if ignore is None else np.flatnonzero(y != ignore)
    rows, y, N = np.arange(len(y))[counted], y[counted], len(y[counted])
    if y.dtype.kind not in "iu" or (N and not 0 <= y.min() <= y.max() < V) or (N == 0 and ignore is None):
        got = f"{y.dtype} from {y.min()} to {y.max()}" if N else "none"
        raise ValueError(f"With {V} logits, targets must be integers from 0 to {V - 1}; got {got}.")
    p = z - z.max(axis=-1, keepdims=True)
    right = p[rows, y]
    np.exp(p, out=p)
    total = p.sum(axis=-1, keepdims=True)
    loss = (np.log(total[rows, 0]) - right).sum() / logits.dtype.type(max(1, N))

    def pullback(g):
        g = g / max(1, N)
        dz = p * (g / total)
        if ignore is not None:
            dz[np.setdiff1d(np.arange(len(dz)), rows)] = 0
        dz[rows, y] -= g
        return (dz.reshape(shape),)

    return Tensor(np.asarray(loss), parents=(logits,), pullback=pullback)


def linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """x W + b: (…, K) → (…, N), with weight (K, N) and bias (N,). Leading axes are merged into one big 2-D product."""
    K, N = weight.shape
    if x.shape[-1] != K:
        raise ValueError(f"The last axis must have {K} channels; got shape {x.shape}.")
    a, w, shape = x.data.reshape(-1, K), weight.data, x.shape
    out = a @ w
    if bias is not None:
        out += bias.data

    def pullback(g):
        g = g.reshape(-1, N)
        dx, dw = (g @ w.T).reshape(shape), a.T @ g
        return (dx, dw) if bias is None else (dx, dw, column_sums(g))

    parents = (x, weight) if bias is None else (x, weight, bias)
    return Tensor(out.reshape(*shape[:-1], N), parents=parents, pullback=pullback)


def embedding(weight: Tensor, index: np.ndarray) -> Tensor:
    """Row `index[…]` of weight (V, C): integers of any shape (…) → (…, C). Raises ValueError if there's no such row."""
    index, shape = np.asarray(index), weight.shape
    if index.dtype.kind not in "iu" and index.size or index.size and not 0 <= index.min() <= index.max() < shape[0]:
        got = f"{index.dtype} from {index.min()} to {index.max()}"
        raise ValueError(f"A table of {shape[0]} rows takes integers from 0 to {shape[0] - 1}; got {got}.")
    index = index.astype(np.intp, copy=False)

    def pullback(g):
        out = np.zeros(shape, dtype=g.dtype)
        if index.size == 0:
            return (out,)
        order = np.argsort(index, axis=None, kind="stable")  # equal tokens side by side, then one sum for each
        tokens = index.reshape(-1)[order]
        starts = np.flatnonzero(np.r_[True, tokens[1:] != tokens[:-1]])
        out[tokens[starts]] = np.add.reduceat(g.reshape(-1, shape[1])[order], starts, axis=0)
        return (out,)

    return Tensor(weight.data[index], parents=(weight,), pullback=pullback)


def layer_norm(x: Tensor, weight: Tensor, bias: Tensor, epsilon: float = 1e-5) -> Tensor:
    """Shift and scale each row of x (…, C) to mean 0 and variance 1, then multiply by weight (C,) and add bias (C,).

    Source: Ba, Kiros, and Hinton 2016. Built in chapter 6.
    """
    C, w = x.shape[-1], weight.data
    mean = np.full(C, 1 / C, dtype=x.dtype)  # multiplying by it gives each row's mean in one pass
    normal = x.data - (x.data @ mean)[..., None]
    scale = math.sqrt(C) / np.sqrt(np.vecdot(normal, normal) + C * epsilon)[..., None]
    normal *= scale
    out = normal * w
    out += bias.data

    def pullback(g):
        rows = g.reshape(-1, C)
        dw, db = np.einsum("nc,nc->c", rows, normal.reshape(-1, C)), column_sums(rows)
        g = g * w
        along = np.vecdot(g, normal)[..., None] / C
        g -= (g @ mean)[..., None]
        g -= normal * along
        g *= scale
        return g, dw, db

    return Tensor(out, parents=(x, weight, bias), pullback=pullback)


def gelu(x: Tensor) -> Tensor:
    """x · Φ(x), a smooth relu, by its tanh approximation: x/2 · (1 + tanh(√(2/π) (x + 0.044715 x³))).

    Source: Hendrycks and Gimpel 2016. It multiplies, because NumPy's `x*x*x` is many times as fast as `x**3`.
    """
    a, shape = x.data.reshape(-1), x.shape
    out, slope = np.empty_like(a), np.empty_like(a if is_tracking() else a[:0])  # no slope if nothing leads back
    for i in cache_sized(len(a)):
        z = a[i]
        square = z * z
        h = square * (0.044715 * SQRT_2_OVER_PI)
        h += SQRT_2_OVER_PI
        h *= z
        np.tanh(h, out=h)
        h *= 0.5
        h += 0.5  # (1 + tanh(…)) / 2, close to Φ(x)
        np.multiply(z, h, out=out[i])
        if slope.size:
            square *= 6 * 0.044715 * SQRT_2_OVER_PI
            square += 2 * SQRT_2_OVER_PI  # twice the slope of tanh's argument; tanh's own is 1 − tanh² = 4 h (1 − h)
            square *= out[i]
            s = np.subtract(1, h, out=slope[i])
            s *= square
            s += h
    return Tensor(out.reshape(shape), parents=(x,), pullback=lambda g: (g * slope.reshape(shape),))


def column_sums(rows: np.ndarray) -> np.ndarray:
    """(N, C) → (C,). A product with ones is several times as fast as `rows.sum(axis=0)`."""
    return np.ones(len(rows), dtype=rows.dtype) @ rows


def cache_sized(count: int, size: int = 1, limit: int = 1 << 17) -> list[slice]:
    """Slices of `count` items of `size` numbers each, so that a slice (about `limit` numbers) fits in a core's cache.

    Several passes over a small piece find it in the cache; over a large array, each pass goes out to memory.
    """
    step = max(1, limit // size)
    return [slice(i, i + step) for i in range(0, count, step)]
