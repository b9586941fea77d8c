"""An array that remembers how it was made, so that every gradient can be found by walking back.

A `Tensor` holds an array. If an operation made it, it also holds its parents and a *pullback*: a function that takes
the gradient of the loss with respect to the result, and returns the gradient with respect to each parent. Each
operation below is one expression with its pullback right beside it. Broadcasting is undone in one place, `backward`.
Plain numbers and arrays are constants and get no gradient. Chapter 2 builds this file.

Left out: second derivatives, in-place operations, devices.
"""

from __future__ import annotations

import contextlib
import contextvars
from collections.abc import Callable, Iterator

import numpy as np

_tracking = contextvars.ContextVar("tracking", default=True)  # one per thread: a thread can sample while another trains


@contextlib.contextmanager
def no_grad():
    """Inside `with no_grad():` results don't keep their parents, which saves memory and time."""
    token = _tracking.set(False)
    try:
        yield
    finally:
        _tracking.reset(token)


def is_tracking() -> bool:
    """Whether results remember how they were made, as they do outside `no_grad`."""
    return _tracking.get()


class Tensor:
    """An array with a gradient.

    data: numbers in any form NumPy reads, kept as float32 unless you ask for `dtype=np.float64`. `grad` is None, or
    after `backward` an array of the same shape: d(loss)/d(data). Only leaves (tensors no operation made) keep one.
    `parents` and `pullback` are for operations; `exp` is the shortest example. Raises TypeError for anything else.
    """

    __slots__ = ("data", "grad", "origin")
    __array_ufunc__ = None  # so that `array * tensor` asks the tensor, not NumPy
    __hash__ = object.__hash__  # `==` compares numbers; a dict or set still tells two equal tensors apart

    def __init__(self, data, *, dtype=np.float32, parents: tuple = (), pullback: Callable | None = None):
        self.grad: np.ndarray | None = None
        if pullback is None:
            self.data, self.origin = _numbers(data).astype(dtype), None
            return
        self.data = data
        for p in parents:
            if isinstance(p, Tensor) and p.data.dtype != data.dtype:
                raise TypeError(f"Tensors must share one dtype; got {p.dtype} and {data.dtype}. Convert one of them.")
        self.origin = Origin(data.shape, parents, pullback) if _tracking.get() else None

    # what it looks like

    shape = property(lambda self: self.data.shape)
    ndim = property(lambda self: self.data.ndim)
    size = property(lambda self: self.data.size)
    dtype = property(lambda self: self.data.dtype)

    def __repr__(self):
        return "Tensor(" + np.array2string(self.data, precision=4, separator=", ", prefix="Tensor(") + ")"

    def __array__(self, dtype=None, copy=None):
        """`np.array(tensor)` is a copy of its numbers, without their history."""
        return np.array(self.data, dtype=dtype, copy=copy)

    def __len__(self):
        return len(self.data)

    def __iter__(self) -> Iterator[Tensor]:
        if self.ndim == 0:
            raise TypeError(f"Only a tensor with axes can be looped over; got one number, {self}. Use `item()`.")
        return (self[i] for i in range(len(self)))

    def item(self) -> float:
        """The value of a tensor with one element, as a Python float."""
        return self.data.item()

    # comparisons give NumPy arrays of True and False: a yes or no has no slope

    def __eq__(self, other):
        return NotImplemented if other is None else self.data == as_array(other, self)

    def __ne__(self, other):
        return NotImplemented if other is None else self.data != as_array(other, self)

    def __lt__(self, other):
        return self.data < as_array(other, self)

    def __gt__(self, other):
        return self.data > as_array(other, self)

    def __bool__(self):
        if self.size != 1:
            raise ValueError(
                f"Only a tensor with one element can be true or false; got shape {self.shape}. "
                "Ask about its `data` with `.any()` or `.all()`."
            )
        return bool(self.item())

    # arithmetic: shapes broadcast; `backward` undoes that once, for every operation

    def __add__(self, other):
        b = as_array(_not_a_mask(other), self)
        return Tensor(self.data + b, parents=(self, other), pullback=lambda g: (g, g))

    def __mul__(self, other):
        a, b = self.data, as_array(other, self)
        return Tensor(a * b, parents=(self, other), pullback=lambda g: (g * b, g * a))

    def __pow__(self, exponent: float):
        if isinstance(exponent, (Tensor, np.ndarray)):
            raise TypeError("The exponent must be a plain number, as in `x ** 2`; got an array.")
        n = float(exponent)  # a NumPy number would promote float32
        a = self.data

        def pullback(g):
            return (g * (n * a ** (n - 1)) if n else np.zeros_like(a),)  # x⁰ is flat, at 0 as well

        return Tensor(a**n, parents=(self,), pullback=pullback)

    def __neg__(self):
        return Tensor(-self.data, parents=(self,), pullback=lambda g: (-g,))

    def __sub__(self, other):
        b = as_array(_not_a_mask(other), self)
        return Tensor(self.data - b, parents=(self, other), pullback=lambda g: (g, -g))

    def __rsub__(self, other):
        return -self + other

    def __truediv__(self, other):
        b = as_array(other, self)
        out = self.data / b
        return Tensor(out, parents=(self, other), pullback=lambda g: (g / b, -g * (out / b)))  # b·b could overflow

    def __rtruediv__(self, other):
        return Tensor(other, dtype=self.dtype) / self

    __radd__, __rmul__ = __add__, __mul__

    def __matmul__(self, other):
        """(…, M, K) @ (…, K, N) → (…, M, N); leading axes broadcast. Both need at least two axes."""
        a, b = self.data, as_array(other, self)
        if a.ndim < 2 or b.ndim < 2 or a.shape[-1] != b.shape[-2]:
            raise ValueError(
                f"`@` needs shapes (…, M, K) and (…, K, N) with the same K; got {a.shape} and {b.shape}. "
                "Print both shapes, and swap or reshape one of them."
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
        """Swap two axes: `swap(-1, -2)` turns (…, M, N) into (…, N, M)."""
        return Tensor(self.data.swapaxes(i, j), parents=(self,), pullback=lambda g: (g.swapaxes(i, j),))

    def __getitem__(self, index):
        """NumPy indexing. If an index array names an entry twice, its gradients add up."""
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
        """The largest element. Elements that tie share the gradient equally."""
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
        """1 / (1 + e⁻ˣ), written with e^−|x| so that neither tail overflows or rounds to 0."""
        e = np.exp(-np.abs(self.data))
        out = np.where(self.data < 0, e, self.dtype.type(1)) / (1 + e)
        return Tensor(out, parents=(self,), pullback=lambda g: (g * (e / (1 + e) ** 2),))

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
            raise ValueError(f"backward() starts from one number; got a tensor of shape {self.shape}. Sum it first.")
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
    """How a tensor was made: all the walk back needs to know, so its data can be freed early.

    parents: for each parent, its own origin, or the tensor itself if it's a leaf; None for a constant.
    """

    __slots__ = ("shape", "parents", "pullback")

    def __init__(self, shape: tuple[int, ...], parents: tuple, pullback: Callable):
        self.shape, self.pullback = shape, pullback
        self.parents = tuple([p.origin or p if isinstance(p, Tensor) else None for p in parents])


def concatenate(tensors: list[Tensor], axis: int = 0) -> Tensor:
    """Join tensors along an existing axis; their shapes agree on all other axes."""
    arrays = [t.data for t in tensors]
    cuts = np.cumsum([a.shape[axis] for a in arrays])[:-1]
    out = np.concatenate(arrays, axis)
    return Tensor(out, parents=tuple(tensors), pullback=lambda g: tuple(np.split(g, cuts, axis)))


def as_array(value, like: Tensor) -> np.ndarray:
    """The array in a Tensor, or a constant in the dtype of `like` (a float64 constant would promote float32)."""
    return value.data if isinstance(value, Tensor) else _numbers(value).astype(like.data.dtype, copy=False)


def _numbers(value) -> np.ndarray:
    """Anything that holds real numbers, as an array; TypeError for the rest."""
    if isinstance(value, (list, tuple)) and any(isinstance(part, Tensor) for part in value):
        raise TypeError("A list of tensors would lose their gradients. Join them with `concatenate` instead.")
    try:
        array = np.asarray(value)
    except ValueError:
        raise TypeError(f"The rows must all have the same length; got {value!r}. Pad or trim them first.") from None
    if array.dtype.kind not in "biuf":
        raise TypeError(f"A tensor holds real numbers; got {value!r}. Pass a number, a list of numbers, or an array.")
    return array


def _not_a_mask(value):
    if isinstance(value, bool) or getattr(value, "dtype", None) is np.dtype(bool):
        raise TypeError(
            "A mask of True and False can't be added to numbers. Use `masked_fill`, or a mask of 0 and −inf."
        )
    return value


def _parents_first(end: Tensor | Origin) -> list[Tensor | Origin]:
    """Everything `end` was computed from, each after its parents. A loop, because recursion stops at 1,000 deep."""
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
    """Sum a gradient over the axes broadcasting had copied, so it has `shape` again."""
    if g.shape == shape:
        return g
    g = g.sum(axis=tuple(range(g.ndim - len(shape))))
    stretched = tuple(i for i, n in enumerate(shape) if n == 1 and g.shape[i] != 1)
    return g.sum(axis=stretched, keepdims=True) if stretched else g


def _restore(g: np.ndarray, a: np.ndarray, axis, keepdims: bool) -> np.ndarray:
    """Give a reduced gradient its summed axes back, with length 1."""
    if keepdims:
        return g
    axes = range(a.ndim) if axis is None else [i % a.ndim for i in (axis if isinstance(axis, tuple) else (axis,))]
    return g.reshape([1 if i in axes else n for i, n in enumerate(a.shape)])
