"""The operations a transformer spends its time in, each written as one fused step with its pullback.

Every function here equals a few operations of `tensor.py`, and a test shows it. Fused, they make fewer passes over
memory: that is most of what separates this engine from one twice as slow. Chapters 3 and 6 build them.
Left out: attention (in `attention.py`), dropout, convolutions.
"""

from __future__ import annotations

import math

import numpy as np

from helpers.tensor import Tensor, is_tracking

SQRT_2_OVER_PI = math.sqrt(2 / math.pi)  # a Python float: NumPy's float64 scalar would promote float32 arrays


def softmax(x: Tensor, axis: int = -1) -> Tensor:
    """exp(x) / Σ exp(x) along `axis`; the maximum is subtracted first, so nothing overflows. Chapter 3."""
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

    logits: (…, V). targets: integers of shape (…), each in 0 … V−1; positions equal to `ignore` do not count.
    """
    V, shape = logits.shape[-1], logits.shape
    z, y = logits.data.reshape(-1, V), np.asarray(targets).reshape(-1)
    if np.shape(targets) != logits.shape[:-1]:
        came, wanted = np.shape(targets), logits.shape[:-1]
        raise ValueError(f"Logits of shape {logits.shape} need targets of shape {wanted}; got {came}.")
    counted = slice(None) if ignore is None else np.flatnonzero(y != ignore)
    rows, y = np.arange(len(y))[counted], y[counted]
    if len(y) == 0 or y.min() < 0 or y.max() >= V:
        came = "no target that counts" if len(y) == 0 else f"targets from {y.min()} to {y.max()}"
        raise ValueError(f"Cross-entropy came with {came}; with {V} logits a target is an integer from 0 to {V - 1}.")
    p = z - z.max(axis=-1, keepdims=True)
    right = p[rows, y]
    np.exp(p, out=p)
    total = p.sum(axis=-1, keepdims=True)
    loss = np.mean(np.log(total[rows, 0]) - right)

    def pullback(g):
        dz = p * (g / (len(y) * total))
        if ignore is not None:
            dz[np.setdiff1d(np.arange(len(dz)), rows)] = 0
        dz[rows, y] -= g / len(y)
        return (dz.reshape(shape),)

    return Tensor(np.asarray(loss), parents=(logits,), pullback=pullback)


def linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """x W + b: (…, K) → (…, N), with weight (K, N) and bias (N,). One large 2-D product, whatever the leading axes."""
    K, N = weight.shape
    if x.shape[-1] != K:
        raise ValueError(f"This layer takes {K} channels in the last axis; got shape {x.shape}.")
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
    """Row `index[…]` of weight (V, C): integers of any shape (…) → (…, C)."""
    index, shape = np.asarray(index), weight.shape
    try:
        if index.min(initial=0) < 0:
            raise IndexError("NumPy would count from the end")
        rows = weight.data[index]
    except IndexError:
        raise ValueError(
            f"A table of {shape[0]} rows takes integers from 0 to {shape[0] - 1}; "
            f"{index.dtype} from {index.min()} to {index.max()} came."
        ) from None

    def pullback(g):
        order = np.argsort(index, axis=None, kind="stable")  # equal tokens side by side, then one sum for each
        tokens = index.reshape(-1)[order]
        starts = np.flatnonzero(np.r_[True, tokens[1:] != tokens[:-1]])
        out = np.zeros(shape, dtype=g.dtype)
        out[tokens[starts]] = np.add.reduceat(g.reshape(-1, shape[1])[order], starts, axis=0)
        return (out,)

    return Tensor(rows, parents=(weight,), pullback=pullback)


def layer_norm(x: Tensor, weight: Tensor, bias: Tensor, epsilon: float = 1e-5) -> Tensor:
    """Shift and scale each row of x (…, C) to mean 0 and variance 1, then times weight (C,) plus bias (C,).

    Source: Ba, Kiros and Hinton 2016; built in chapter 6.
    """
    C, w = x.shape[-1], weight.data
    mean = np.full(C, 1 / C, dtype=x.dtype)  # a product with it takes the mean of each row, in one pass
    normal = x.data - (x.data @ mean)[..., None]
    scale = 1 / np.sqrt(np.vecdot(normal, normal)[..., None] / C + epsilon)
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

    Source: Hendrycks and Gimpel 2016. Products, not powers: `x*x*x` is many times as fast as `x**3` in NumPy.
    """
    a, shape = x.data.reshape(-1), x.shape
    out, slope = np.empty_like(a), np.empty_like(a) if is_tracking() else None
    for i in cache_sized(len(a)):
        z = a[i]
        h = z * z
        h *= 0.044715 * SQRT_2_OVER_PI
        h += SQRT_2_OVER_PI
        h *= z
        np.tanh(h, out=h)
        h += 1
        h *= 0.5  # (1 + tanh(…)) / 2, close to Φ(x)
        np.multiply(z, h, out=out[i])
        if slope is not None:
            s = slope[i]
            np.multiply(z, z, out=s)
            s *= 6 * 0.044715 * SQRT_2_OVER_PI
            s += 2 * SQRT_2_OVER_PI  # twice the slope of what goes into tanh, whose own is 1 − tanh² = 4 h (1 − h)
            s *= out[i]
            s *= 1 - h
            s += h
    return Tensor(out.reshape(shape), parents=(x,), pullback=lambda g: (g * slope.reshape(shape),))


def column_sums(rows: np.ndarray) -> np.ndarray:
    """(N, C) → (C,), as a product with ones: several times as fast as `rows.sum(axis=0)`."""
    return np.ones(len(rows), dtype=rows.dtype) @ rows


def cache_sized(count: int, size: int = 1, limit: int = 1 << 16) -> list[slice]:
    """Slices of `count` things of `size` numbers each, so that one slice (about `limit` numbers) fits a core's cache.

    Passes over a small piece find it in the cache; over a large array each pass goes to memory again.
    """
    step = max(1, limit // size)
    return [slice(i, i + step) for i in range(0, count, step)]
