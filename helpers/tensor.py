"""An array that remembers how it was made, so that every gradient can be found by walking back.

`Tensor` holds an array, and for a computed one its parents and a *pullback*: a function that takes the gradient of
the loss with respect to the result and returns the gradient with respect to each parent. Each operation below is one
expression with its pullback beside it. Broadcasting is undone in one place, in `backward`. Chapter 2 builds this file.

Left out: second derivatives, in-place operations, devices. Plain numbers and arrays are constants: no gradient.
"""

from __future__ import annotations

import contextlib
import contextvars
import mmap
from collections.abc import Callable

import numpy as np

_tracking = contextvars.ContextVar("tracking", default=True)  # each thread its own: one may sample while another trains


@contextlib.contextmanager
def no_grad():
    """Inside `with no_grad():` results keep no parents: less memory and time when no gradient is wanted."""
    token = _tracking.set(False)
    try:
        yield
    finally:
        _tracking.reset(token)


def is_tracking() -> bool:
    """Whether results remember how they were made, as they do outside of `no_grad`."""
    return _tracking.get()


class Tensor:
    """An array with a gradient.

    data: anything NumPy reads as numbers, kept as float32 unless `dtype=np.float64` asks for more.
    `grad` is None, or after `backward` an array of the same shape: d(loss)/d(data). Only leaves (tensors that no
    operation made) keep one. `parents` and `pullback` are for operations; see `exp` for the shortest example.
    """

    __slots__ = ("data", "grad", "origin")
    __array_ufunc__ = None  # so that `array * tensor` asks the tensor, not NumPy

    def __init__(self, data, *, dtype=np.float32, parents: tuple = (), pullback: Callable | None = None):
        self.grad = None
        if pullback is None:
            self.data, self.origin = np.array(data, dtype=dtype), None
            return
        self.data = data
        for p in parents:
            if isinstance(p, Tensor) and p.data.dtype != data.dtype:
                raise TypeError(f"An operation turned {p.dtype} into {data.dtype}; make both tensors of one dtype.")
        self.origin = Origin(data.shape, parents, pullback) if _tracking.get() else None

    # what it looks like

    shape = property(lambda self: self.data.shape)
    ndim = property(lambda self: self.data.ndim)
    size = property(lambda self: self.data.size)
    dtype = property(lambda self: self.data.dtype)

    def __repr__(self):
        return "Tensor(" + np.array2string(self.data, precision=4, separator=", ", prefix="Tensor(") + ")"

    def __len__(self):
        return len(self.data)

    def item(self) -> float:
        """The value of a tensor with one element, as a Python float."""
        return self.data.item()

    # arithmetic: shapes broadcast; `backward` undoes that once, for every operation

    def __add__(self, other):
        return Tensor(self.data + as_array(other, self), parents=(self, other), pullback=lambda g: (g, g))

    def __mul__(self, other):
        a, b = self.data, as_array(other, self)
        return Tensor(a * b, parents=(self, other), pullback=lambda g: (g * b, g * a))

    def __pow__(self, exponent: float):
        if isinstance(exponent, (Tensor, np.ndarray)):
            raise TypeError("The exponent came as an array; `**` takes a plain number, for example `x ** 2`.")
        if isinstance(exponent, np.generic):
            exponent = exponent.item()  # a NumPy number would promote float32
        a = self.data
        return Tensor(a**exponent, parents=(self,), pullback=lambda g: (g * (exponent * a ** (exponent - 1)),))

    def __neg__(self):
        return Tensor(-self.data, parents=(self,), pullback=lambda g: (-g,))

    def __sub__(self, other):
        return Tensor(self.data - as_array(other, self), parents=(self, other), pullback=lambda g: (g, -g))

    def __rsub__(self, other):
        return -self + other

    def __truediv__(self, other):
        a, b = self.data, as_array(other, self)
        return Tensor(a / b, parents=(self, other), pullback=lambda g: (g / b, -g * a / (b * b)))

    def __rtruediv__(self, other):
        return self**-1 * other

    __radd__, __rmul__ = __add__, __mul__

    def __matmul__(self, other):
        """(…, M, K) @ (…, K, N) → (…, M, N); leading axes broadcast. Both need at least two axes."""
        a, b = self.data, as_array(other, self)
        if a.ndim < 2 or b.ndim < 2 or a.shape[-1] != b.shape[-2]:
            raise ValueError(
                f"Cannot multiply shapes {a.shape} and {b.shape}: both need two axes or more, and the last axis of "
                f"the first must equal the last but one of the second."
            )
        pullback = lambda g: (g @ b.swapaxes(-1, -2), a.swapaxes(-1, -2) @ g)  # noqa: E731
        return Tensor(a @ b, parents=(self, other), pullback=pullback)

    def __rmatmul__(self, other):
        return Tensor(as_array(other, self), dtype=self.dtype) @ self

    # shape

    def reshape(self, *shape):
        old = self.shape
        return Tensor(self.data.reshape(*shape), parents=(self,), pullback=lambda g: (g.reshape(old),))

    def swap(self, i: int, j: int):
        """Exchange two axes: (…, M, N) → (…, N, M) for `swap(-1, -2)`."""
        return Tensor(self.data.swapaxes(i, j), parents=(self,), pullback=lambda g: (g.swapaxes(i, j),))

    def __getitem__(self, index):
        """NumPy indexing. An index array may name a place twice: the gradients that come back to it add up."""
        a = self.data
        basic = (int, np.integer, slice, type(None), type(Ellipsis))
        gathers = not all(isinstance(i, basic) for i in (index if isinstance(index, tuple) else (index,)))

        def pullback(g):
            out = np.zeros_like(a)
            if gathers:
                np.add.at(out, index, g)
            else:
                out[index] = g
            return (out,)

        return Tensor(np.asarray(a[index]), parents=(self,), pullback=pullback)

    # reductions

    def sum(self, axis=None, keepdims=False):
        a = self.data
        pullback = lambda g: (np.broadcast_to(_restore(g, a, axis, keepdims), a.shape),)  # noqa: E731
        return Tensor(np.asarray(a.sum(axis=axis, keepdims=keepdims)), parents=(self,), pullback=pullback)

    def mean(self, axis=None, keepdims=False):
        total = self.sum(axis, keepdims)
        return total * (total.size / self.size)

    def max(self, axis=None, keepdims=False):
        """Largest element; where several tie they share the gradient equally."""
        a = self.data
        top = a.max(axis=axis, keepdims=True)

        def pullback(g):
            winners = (a == top).astype(a.dtype)
            return (_restore(g, a, axis, keepdims) * winners / winners.sum(axis=axis, keepdims=True),)

        out = top if keepdims else np.asarray(a.max(axis=axis))
        return Tensor(out, parents=(self,), pullback=pullback)

    # functions of one element

    def exp(self):
        out = np.exp(self.data)
        return Tensor(out, parents=(self,), pullback=lambda g: (g * out,))

    def log(self):
        a = self.data
        return Tensor(np.log(a), parents=(self,), pullback=lambda g: (g / a,))

    def tanh(self):
        out = np.tanh(self.data)
        return Tensor(out, parents=(self,), pullback=lambda g: (g * (1 - out * out),))

    def sigmoid(self):
        out = 0.5 * (1 + np.tanh(0.5 * self.data))  # 1 / (1 + exp(-x)), without overflow
        return Tensor(out, parents=(self,), pullback=lambda g: (g * out * (1 - out),))

    def relu(self):
        a = self.data
        return Tensor(np.maximum(a, 0), parents=(self,), pullback=lambda g: (g * (a > 0),))

    def masked_fill(self, mask, value: float):
        """Put `value` wherever the boolean `mask` (broadcast to the shape) is True; no gradient flows there."""
        keep = ~np.asarray(mask, dtype=bool)
        out = np.where(keep, self.data, self.dtype.type(value))
        return Tensor(out, parents=(self,), pullback=lambda g: (g * keep,))

    # the walk back

    def backward(self) -> None:
        """Add d(self)/d(leaf) to the `grad` of every leaf that this one-element tensor was computed from."""
        if self.size != 1:
            raise ValueError(f"backward() starts from a single number; this one has shape {self.shape}: sum it first.")
        end = self.origin or self
        arrived = {id(end): np.ones_like(self.data)}
        for node in reversed(_parents_first(end)):
            g = arrived.pop(id(node))
            if isinstance(node, Tensor):
                node.grad = np.array(g) if node.grad is None else np.add(node.grad, g, out=node.grad)
                continue
            for parent, part in zip(node.parents, node.pullback(g), strict=True):
                if parent is not None:
                    part = _unbroadcast(part, parent.shape)
                    arrived[id(parent)] = arrived[id(parent)] + part if id(parent) in arrived else part


class Origin:
    """How a tensor was made: what the walk back needs of it, so that its data may be forgotten before.

    parents: the origin of each tensor that it was made from, or that tensor itself if it is a leaf; None for constants.
    """

    __slots__ = ("shape", "parents", "pullback")

    def __init__(self, shape: tuple[int, ...], parents: tuple, pullback: Callable):
        self.shape, self.pullback = shape, pullback
        self.parents = tuple([p.origin or p if isinstance(p, Tensor) else None for p in parents])


def concatenate(tensors: list[Tensor], axis: int = 0) -> Tensor:
    """Join tensors along an axis that exists. Shapes agree but for that axis."""
    arrays = [t.data for t in tensors]
    cuts = np.cumsum([a.shape[axis] for a in arrays])[:-1]
    out = np.concatenate(arrays, axis)
    return Tensor(out, parents=tuple(tensors), pullback=lambda g: tuple(np.split(g, cuts, axis)))


def as_array(value, like: Tensor) -> np.ndarray:
    """The array in a Tensor, or a constant in the dtype of `like` (a float64 constant must not promote float32)."""
    return value.data if isinstance(value, Tensor) else np.asarray(value, dtype=like.data.dtype)


def shared_zeros(count: int, dtype) -> np.ndarray:
    """Zeros (count,) in memory that a forked process shares with this one; of other memory it gets a copy."""
    return np.frombuffer(mmap.mmap(-1, max(1, count) * np.dtype(dtype).itemsize), dtype, count)


def _parents_first(end: Tensor | Origin) -> list[Tensor | Origin]:
    """All that `end` came from, each after its parents. A loop, since recursion ends at 1,000 deep."""
    order, seen, stack = [], set(), [(end, False)]
    while stack:
        node, parents_done = stack.pop()
        if parents_done:
            order.append(node)
        elif id(node) not in seen:
            seen.add(id(node))
            stack.append((node, True))
            if isinstance(node, Origin):
                stack.extend((p, False) for p in node.parents if p is not None)
    return order


def _unbroadcast(g: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Sum a gradient over the axes that broadcasting had copied, so that it has `shape` again."""
    if g.shape == shape:
        return g
    g = g.sum(axis=tuple(range(g.ndim - len(shape))))
    stretched = tuple(i for i, n in enumerate(shape) if n == 1 and g.shape[i] != 1)
    return g.sum(axis=stretched, keepdims=True) if stretched else g


def _restore(g: np.ndarray, a: np.ndarray, axis, keepdims: bool) -> np.ndarray:
    """Give a reduced gradient its summed axes back, as axes of length 1."""
    if keepdims:
        return g
    axes = range(a.ndim) if axis is None else [i % a.ndim for i in (axis if isinstance(axis, tuple) else (axis,))]
    return g.reshape([1 if i in axes else n for i, n in enumerate(a.shape)])
