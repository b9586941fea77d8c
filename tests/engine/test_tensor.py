"""The engine: every operation's value and gradient, the walk back, what stays float32, and what a mistake is told."""

import gc
import operator
import threading
import weakref

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import mutually_broadcastable_shapes

from helpers.tensor import Tensor, concatenate, no_grad
from tests.engine.gradcheck import TOLERANCE, gradcheck

rng = np.random.default_rng(1)


def real(*shape: int) -> np.ndarray:
    """Numbers of both signs, between 0.3 and 1.5 from 0: no division by almost nothing, no kink of relu within ε."""
    return rng.uniform(0.3, 1.5, shape) * rng.choice([-1, 1], shape)


def positive(*shape: int) -> np.ndarray:
    return abs(real(*shape))


ROWS = np.array([[0, 2, 0], [1, 0, 0]])  # row 0 four times
HIDDEN = np.array([[True, False, False], [False, False, True]])
CONSTANT = real(2, 3)
MATRIX = real(3, 2)

# One row an operation: name, the operation on tensors, the same in NumPy (None: the same expression), its inputs.
OPERATIONS = [
    ("add", lambda x, y: x + y, None, [real(2, 3), real(2, 3)]),
    ("add, broadcast", lambda x, y: x + y, None, [real(2, 1, 3), real(4, 1)]),
    ("add, to a number", lambda x, y: x + y, None, [real(), real(2, 3)]),
    ("add, constant", lambda x: 2 + x + CONSTANT, None, [real(3)]),
    ("mul", lambda x, y: x * y, None, [real(2, 3), real(2, 3)]),
    ("mul, broadcast", lambda x, y: x * y, None, [real(2, 1, 3), real(4, 1)]),
    ("mul, constant", lambda x: CONSTANT * x * 3, None, [real(3)]),
    ("mul, by itself", lambda x: x * x, None, [real(2, 3)]),
    ("pow 2", lambda x: x**2, None, [real(2, 3)]),
    ("pow 3", lambda x: x**3, None, [real(2, 3)]),
    ("pow -1", lambda x: x**-1, None, [real(2, 3)]),
    ("pow 0.5", lambda x: x**0.5, None, [positive(2, 3)]),
    ("pow, a NumPy number", lambda x: x ** np.float64(1.5), None, [positive(2, 3)]),
    ("neg", lambda x: -x, None, [real(2, 3)]),
    ("sub", lambda x, y: x - y, None, [real(2, 3), real(2, 3)]),
    ("sub, broadcast", lambda x, y: x - y, None, [real(3), real(2, 3)]),
    ("sub, from a constant", lambda x: 1 - x, None, [real(2, 3)]),
    ("sub, from an array", lambda x: CONSTANT - x, None, [real(3)]),
    ("div", lambda x, y: x / y, None, [real(2, 3), real(2, 3)]),
    ("div, broadcast", lambda x, y: x / y, None, [real(2, 1), real(4, 1, 3)]),
    ("div, by a constant", lambda x: x / 4, None, [real(2, 3)]),
    ("div, of a constant", lambda x: 2 / x, None, [real(2, 3)]),
    ("div, of an array", lambda x: CONSTANT / x, None, [real(2, 3)]),
    ("matmul", lambda x, y: x @ y, None, [real(2, 3), real(3, 4)]),
    ("matmul, by itself", lambda x: x @ x, None, [real(3, 3)]),
    ("matmul, batched", lambda x, y: x @ y, None, [real(2, 2, 3), real(2, 3, 2)]),
    ("matmul, one matrix for the batch", lambda x, y: x @ y, None, [real(2, 2, 2, 3), real(3, 2)]),
    ("matmul, both batches broadcast", lambda x, y: x @ y, None, [real(2, 1, 2, 3), real(3, 3, 1)]),
    ("matmul, constant on the right", lambda x: x @ MATRIX, None, [real(2, 3)]),
    ("matmul, constant on the left", lambda x: MATRIX @ x, None, [real(2, 3)]),
    ("reshape", lambda x: x.reshape(3, 4), None, [real(2, 6)]),
    ("reshape, tuple with -1", lambda x: x.reshape((2, -1)), None, [real(2, 3, 2)]),
    ("swap", lambda x: x.swap(-1, -2), lambda x: x.swapaxes(-1, -2), [real(2, 3, 4)]),
    ("swap, outer axes", lambda x: x.swap(0, 2), lambda x: x.swapaxes(0, 2), [real(2, 3, 4)]),
    ("getitem, number", lambda x: x[1], None, [real(3, 2)]),
    ("getitem, one element", lambda x: x[1, 0], None, [real(3, 2)]),
    ("getitem, slices", lambda x: x[:, 1:4:2], None, [real(2, 5)]),
    ("getitem, backward", lambda x: x[..., ::-1], None, [real(2, 3)]),
    ("getitem, new axis", lambda x: x[:, None], None, [real(2, 3)]),
    ("getitem, gather with repeats", lambda x: x[ROWS], None, [real(3, 2)]),
    ("getitem, pairs with repeats", lambda x: x[[0, 1, 0], [2, 0, 2]], None, [real(2, 3)]),
    ("getitem, tuple with repeats", lambda x: x[(0, 0), 1:], None, [real(2, 3)]),
    ("getitem, mask", lambda x: x[HIDDEN], None, [real(2, 3)]),
    ("sum", lambda x: x.sum(), None, [real(2, 3)]),
    ("sum, axis", lambda x: x.sum(1), None, [real(2, 3, 2)]),
    ("sum, last axis kept", lambda x: x.sum(axis=-1, keepdims=True), None, [real(2, 3)]),
    ("sum, two axes", lambda x: x.sum((0, -1)), None, [real(2, 3, 2)]),
    ("sum, two axes kept", lambda x: x.sum((0, 2), keepdims=True), None, [real(2, 3, 2)]),
    ("sum, all kept", lambda x: x.sum(keepdims=True), None, [real(2, 3)]),
    ("mean", lambda x: x.mean(), None, [real(2, 3)]),
    ("mean, axis", lambda x: x.mean(0), None, [real(2, 3)]),
    ("mean, two axes kept", lambda x: x.mean((0, 2), keepdims=True), None, [real(2, 3, 2)]),
    ("max", lambda x: x.max(), None, [real(2, 3)]),
    ("max, axis", lambda x: x.max(axis=-1), None, [real(2, 3)]),
    ("max, two axes", lambda x: x.max((0, 2)), None, [real(2, 3, 2)]),
    ("max, axis kept", lambda x: x.max(0, keepdims=True), None, [real(2, 3)]),
    ("exp", lambda x: x.exp(), np.exp, [real(2, 3)]),
    ("log", lambda x: x.log(), np.log, [positive(2, 3)]),
    ("tanh", lambda x: x.tanh(), np.tanh, [real(2, 3)]),
    ("sigmoid", lambda x: x.sigmoid(), lambda x: 1 / (1 + np.exp(-x)), [real(2, 3)]),
    ("relu", lambda x: x.relu(), lambda x: np.where(x > 0, x, 0), [real(2, 3)]),
    ("masked_fill", lambda x: x.masked_fill(HIDDEN, -9), lambda x: np.where(HIDDEN, -9, x), [real(2, 3)]),
    ("masked_fill, broadcast", lambda x: x.masked_fill(HIDDEN, 0), lambda x: np.where(HIDDEN, 0, x), [real(4, 2, 3)]),
    ("concatenate", lambda *x: concatenate(x), lambda *x: np.concatenate(x), [real(1, 2), real(3, 2)]),
    ("concatenate, axis", lambda *x: concatenate(x, -1), lambda *x: np.concatenate(x, -1), [real(2, 2), real(2, 1)]),
    ("concatenate, twice the same", lambda x: concatenate([x, x]), lambda x: np.concatenate([x, x]), [real(2, 2)]),
]  # fmt: skip


@pytest.mark.parametrize(("function", "in_numpy", "inputs"), [pytest.param(*row[1:], id=row[0]) for row in OPERATIONS])
def test_operation(function, in_numpy, inputs):
    found = function(*(Tensor(x, dtype=np.float64) for x in inputs)).data
    expected = (in_numpy or function)(*inputs)
    assert found.shape == np.shape(expected)
    np.testing.assert_allclose(found, expected, rtol=1e-14, atol=1e-14)
    assert gradcheck(function, *inputs) <= TOLERANCE


def test_the_table_has_every_operation():
    rows = " ".join(row[0] for row in OPERATIONS)
    other = {"item", "backward", "shape", "ndim", "size", "dtype", "data", "grad", "origin"}
    for name in (name for name in vars(Tensor) if not name.startswith("_") and name not in other):
        assert name in rows, f"Tensor.{name} has no row"


# The check itself


def test_the_check_finds_a_wrong_pullback():
    def square(slope):
        return lambda x: Tensor(x.data**2, parents=(x,), pullback=lambda g: (g * slope(x.data),))

    assert gradcheck(square(lambda a: 2 * a), real(3)) <= TOLERANCE
    assert gradcheck(square(lambda a: a), real(3)) > 0.1
    assert gradcheck(square(lambda a: 2.00001 * a), real(3)) > TOLERANCE
    assert gradcheck(square(lambda a: np.array([2, 2, -2]) * a), real(3)) > 0.1  # one wrong among three
    assert gradcheck(square(lambda a: a * np.nan), real(3)) == np.inf
    assert gradcheck(lambda x: Tensor(x.data.T, parents=(x,), pullback=lambda g: (g,)), real(3, 3)) > 0.1


# The walk back


def test_a_chain_of_20_000():
    x = y = Tensor(1.0, dtype=np.float64)
    for _ in range(20_000):
        y = y * 1.0001
    y.backward()
    np.testing.assert_allclose(x.grad, 1.0001**20_000)
    del y  # taking it apart must not recurse, either


def test_a_diamond_adds_both_ways():
    x = Tensor([1.0, 2.0], dtype=np.float64)
    a = x * 3
    b, c = a.exp(), a * a
    (b * c + a).sum().backward()
    t = 3 * x.data
    np.testing.assert_allclose(x.grad, 3 * (np.exp(t) * (t * t + 2 * t) + 1))


def test_forty_diamonds_are_walked_once_each():
    x = y = Tensor(1.0, dtype=np.float64)
    for _ in range(40):
        y = y + y  # 2^40 ways from y to x
    y.backward()
    assert x.grad == 2.0**40


@pytest.mark.parametrize("add", [lambda short, long: short + long, lambda short, long: long + short])
def test_a_short_and_a_long_way_are_both_waited_for(add):
    x = Tensor(2.0, dtype=np.float64)
    a = x * x
    add(a, a * a * a).backward()
    assert x.grad == 2 * 2 * (1 + 3 * 4.0**2)


@pytest.mark.parametrize("shape", [(), (3,), (2, 3)])
def test_a_second_backward_adds_exactly_once_more(shape):
    x, y = Tensor(np.full(shape, 0.5)), Tensor(np.full(shape, 2.0))
    loss = ((x * y).tanh() * x).sum()
    loss.backward()
    once = x.grad.copy(), y.grad.copy()
    loss.backward()
    np.testing.assert_array_equal(x.grad, 2 * once[0])
    np.testing.assert_array_equal(y.grad, 2 * once[1])


def test_two_losses_add_up_and_leaves_do_not_share():
    x, y = Tensor([1.0, 2.0]), Tensor([3.0, 4.0])
    s = x + y
    s.sum().backward()
    (x * 5).sum().backward()
    np.testing.assert_array_equal(x.grad, [6, 6])
    np.testing.assert_array_equal(y.grad, [1, 1])  # not the same array as x.grad
    assert s.grad is None  # leaves alone keep one


def test_the_maximum_is_shared_where_several_tie():
    x = Tensor([[2.0, 5.0, 5.0], [1.0, 0.0, 1.0]])
    x.max(axis=1).sum().backward()
    np.testing.assert_array_equal(x.grad, [[0, 0.5, 0.5], [0.5, 0, 0.5]])


@pytest.mark.parametrize("x", [-1000.0, 1000.0])
def test_sigmoid_does_not_overflow(x):
    with np.errstate(over="raise"):
        assert Tensor(x).sigmoid().item() == (x > 0)


# Broadcasting, by brute force

SLOPES = {  # d(a ∘ b)/da and d(a ∘ b)/db
    operator.add: lambda a, b: (1, 1),
    operator.sub: lambda a, b: (1, -1),
    operator.mul: lambda a, b: (b, a),
    operator.truediv: lambda a, b: (1 / b, -a / b**2),
}


@pytest.mark.parametrize("operation", SLOPES, ids=lambda operation: operation.__name__)
@settings(deadline=None, max_examples=60)
@given(shapes=mutually_broadcastable_shapes(num_shapes=2, max_dims=3, max_side=3), seed=st.integers(0, 2**32 - 1))
def test_gradients_of_any_two_shapes_that_broadcast(operation, shapes, seed):
    random = np.random.default_rng(seed)
    a, b = (random.uniform(0.5, 2, shape) for shape in shapes.input_shapes)
    x, y = Tensor(a, dtype=np.float64), Tensor(b, dtype=np.float64)
    g = random.normal(size=shapes.result_shape)
    (operation(x, y) * g).sum().backward()

    da, db = np.zeros(a.size), np.zeros(b.size)
    at_a, at_b = (np.broadcast_to(np.arange(v.size).reshape(v.shape), g.shape) for v in (a, b))
    for index in np.ndindex(g.shape):
        i, j = at_a[index], at_b[index]
        slope_a, slope_b = SLOPES[operation](a.flat[i], b.flat[j])
        da[i] += g[index] * slope_a
        db[j] += g[index] * slope_b
    assert x.grad.shape == a.shape and y.grad.shape == b.shape
    np.testing.assert_allclose(x.grad, da.reshape(a.shape), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(y.grad, db.reshape(b.shape), rtol=1e-12, atol=1e-12)


def test_what_the_walk_back_does_not_need_is_forgotten():
    x = Tensor([3.0])
    double = x + x
    square = double * double
    loss = square + 1
    forgotten, needed = weakref.ref(square.data), weakref.ref(double.data)
    del square, double
    assert forgotten() is None and needed() is not None
    loss.backward()
    assert x.grad.item() == 24  # (2x)² has the slope 8x


# no_grad


def test_no_grad_keeps_no_parents():
    x = Tensor([1.0, 2.0])
    with no_grad():
        with no_grad():
            pass
        y = x * 2
    assert y.origin is None
    assert (x * 2).origin.parents == (x, None)


def test_no_grad_ends_with_an_error():
    x = Tensor([1.0])
    with pytest.raises(ZeroDivisionError), no_grad():
        raise ZeroDivisionError
    assert (x * 2).origin


def test_no_grad_in_one_thread_does_not_stop_tracking_in_another():
    x, inside, seen = Tensor([1.0]), threading.Barrier(2, timeout=10), []

    def sample():
        with no_grad():
            inside.wait()
            seen.append((x * 2).origin)
            inside.wait()

    thread = threading.Thread(target=sample)
    thread.start()
    inside.wait()
    tracked = (x * 2).origin
    inside.wait()
    thread.join()
    assert tracked.parents == (x, None) and seen == [None]


# Memory


def test_a_graph_is_freed_without_the_garbage_collector():
    x, w = Tensor(real(4, 4)), Tensor(real(4, 4))
    gc.collect()
    gc.disable()
    try:
        steps = [Tensor.tanh, Tensor.exp, Tensor.sigmoid, Tensor.relu, lambda t: t**2, lambda t: t[1:], lambda t: t / 3]
        arrays = [x @ w]
        for step in steps:
            arrays.append(step(arrays[-1]))
        arrays.append(concatenate([arrays[-1], arrays[-1].swap(0, 1).reshape(3, 4)]).masked_fill(real(4) > 0, 0))
        arrays.append(arrays[-1].max(axis=1, keepdims=True))
        loss = (arrays[-1] - arrays[-2]).mean()
        loss.backward()
        held = [weakref.ref(tensor.data) for tensor in arrays]
        assert all(ref() is not None for ref in held)
        del arrays, loss
        assert [ref() for ref in held] == [None] * len(held)
    finally:
        gc.enable()


# float32 stays float32


ANY_SHAPE = [
    lambda x: x + np.float64(2), lambda x: np.float64(2) + x, lambda x: x * np.float64(2), lambda x: np.float64(2) * x,
    lambda x: x / np.float64(2), lambda x: np.float64(1) / x, lambda x: np.float64(1) - x, lambda x: x ** np.float64(2),
    lambda x: x ** np.int64(2), lambda x: x**0.5, lambda x: x.sum(), lambda x: x.mean(), lambda x: x.max(),
    lambda x: x.exp(), lambda x: x.log(), lambda x: x.tanh(), lambda x: x.sigmoid(), lambda x: x.relu(),
    lambda x: x.masked_fill(True, np.float64(1)), lambda x: x.masked_fill(False, 1), lambda x: x + np.ones((2, 3)),
    lambda x: np.arange(3) * x,
]  # fmt: skip
TWO_AXES = [
    lambda x: np.ones(3) + x, lambda x: x - np.ones(3), lambda x: np.ones(3) - x, lambda x: np.ones(3) / x,
    lambda x: [1, 2, 3] * x, lambda x: x @ np.ones((3, 2)), lambda x: np.ones((2, 2)) @ x, lambda x: x[[0, 0]],
    lambda x: x.masked_fill(np.ones((2, 3)) > 0, np.float64(1)), lambda x: concatenate([x, x]), lambda x: x.mean(0),
]  # fmt: skip


@pytest.mark.parametrize(
    ("function", "shape"), [*((f, ()) for f in ANY_SHAPE), *((f, (2, 3)) for f in ANY_SHAPE + TWO_AXES)]
)
def test_constants_do_not_promote(function, shape):
    x = Tensor(np.full(shape, 0.5))
    out = function(x)
    assert isinstance(out, Tensor) and out.dtype == np.float32
    out.sum().backward()
    assert x.grad.dtype == np.float32 and x.grad.shape == shape


def test_dtypes_of_leaves():
    assert Tensor([1, 2]).dtype == Tensor(np.float64(1)).dtype == np.float32
    assert Tensor([1, 2], dtype=np.float64).dtype == np.float64
    array = np.ones(3, dtype=np.float32)
    Tensor(array).data[0] = 5
    assert array[0] == 1  # a tensor has numbers of its own


# Where a formula taken literally would round, overflow, or divide by zero


@pytest.mark.parametrize(
    ("function", "x", "value", "slope"),
    [
        (lambda x: x.sigmoid().log(), -20, -20, 1),
        (lambda x: x.sigmoid().log(), -80, -80, 1),
        (lambda x: (1 - x.sigmoid()) * 1e9, 20, 2.0611536, -2.0611536),
        (lambda x: x**0, 0, 1, 0),
        (lambda x: x**0 + 3 * x**1 + x**2, 0, 1, 3),
        (lambda x: x / 1e20, 1e20, 1, 1e-20),
        (lambda x: 1e20 / x, 1e20, 1, -1e-20),
        (lambda x: Tensor([1e-25]) / x, 1e-23, 0.01, -1e21),
        (lambda x: 1e-20 / x, 1e-15, 1e-5, -1e10),
    ],
)
def test_tails_and_extremes(function, x, value, slope):
    """In float32, except for 1 − sigmoid, which needs float64 itself."""
    dtype = np.float64 if x == 20 else np.float32
    x = Tensor([x], dtype=dtype)
    out = function(x)
    out.backward()
    assert out.data == pytest.approx(value, rel=1e-5) and x.grad == pytest.approx(slope, rel=1e-5)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sigmoid_is_right_from_end_to_end(dtype):
    z = np.linspace(-80, 80, 161)
    x = Tensor(z, dtype=dtype)
    x.sigmoid().sum().backward()
    exact = np.exp(-np.logaddexp(0, -z))
    np.testing.assert_allclose(x.sigmoid().data, exact, rtol=1e-5 if dtype == np.float32 else 1e-12)
    np.testing.assert_allclose(x.grad, exact * exact[::-1], rtol=1e-5 if dtype == np.float32 else 1e-12)


# As other objects see it


def test_what_python_and_numpy_make_of_it():
    x, same = Tensor([[1, 2.5]]), Tensor([[1, 2.5]])
    assert (x == same).all() and (x == 1).tolist() == [[True, False]] and (x != same).sum() == 0
    assert (x < 2).tolist() == [[True, False]] and (x > 2).tolist() == [[False, True]]
    assert x in [x] and x is not None and (x == None) is False and len({x, same}) == 2  # noqa: E711
    array = np.array(x)
    assert array.dtype == np.float32 and array.tolist() == [[1, 2.5]] and not np.shares_memory(array, x.data)
    assert np.array(x, dtype=int).tolist() == [[1, 2]]
    assert not Tensor([0.0]) and Tensor(2)
    assert [row.data.tolist() for row in x] == [[1, 2.5]]


# What a mistake is told

X, MIXED = Tensor(np.ones((2, 3))), Tensor(np.ones((2, 3)), dtype=np.float64)


@pytest.mark.parametrize(
    ("mistake", "error", "sentence"),
    [
        (lambda: X @ X, ValueError, r"with the same K; got \(2, 3\) and \(2, 3\)"),
        (lambda: X @ Tensor([1.0, 2.0, 3.0]), ValueError, r"with the same K; got \(2, 3\) and \(3,\)"),
        (lambda: X.backward(), ValueError, r"one number; got a tensor of shape \(2, 3\). Sum it first"),
        (lambda: X**X, TypeError, "a plain number, as in"),
        (lambda: X ** np.ones(3), TypeError, "a plain number, as in"),
        (lambda: X + MIXED, TypeError, "must share one dtype; got float(32|64) and float(32|64)"),
        (lambda: MIXED + X, TypeError, "must share one dtype; got float(32|64) and float(32|64)"),
        (lambda: MIXED * X, TypeError, "must share one dtype; got float(32|64) and float(32|64)"),
        (lambda: MIXED @ X.swap(0, 1), TypeError, "must share one dtype; got float(32|64) and float(32|64)"),
        (lambda: X + None, TypeError, "holds real numbers; got None"),
        (lambda: X * "3", TypeError, "holds real numbers; got '3'"),
        (lambda: Tensor(None), TypeError, "holds real numbers; got None"),
        (lambda: Tensor([1j]), TypeError, "holds real numbers"),
        (lambda: Tensor([[1], [1, 2]]), TypeError, "must all have the same length"),
        (lambda: Tensor([X, X]), TypeError, "would lose their gradients. Join them with `concatenate`"),
        (lambda: X + (X.data > 0), TypeError, "mask of True and False can't be added"),
        (lambda: X - True, TypeError, "mask of True and False can't be added"),
        (lambda: bool(X), ValueError, r"one element can be true or false; got shape \(2, 3\)"),
        (lambda: list(Tensor(3)), TypeError, r"can be looped over; got one number, Tensor\(3.\)"),
        (lambda: concatenate([MIXED, X]), TypeError, "must share one dtype; got float(32|64) and float(32|64)"),
    ],
)
def test_mistakes_get_a_sentence(mistake, error, sentence):
    with pytest.raises(error, match=sentence):
        mistake()


def test_how_it_looks():
    assert repr(Tensor([[1, 2.5]])) == "Tensor([[1. , 2.5]])"
    x = Tensor(np.zeros((4, 2)))
    assert (x.shape, x.ndim, x.size, len(x)) == ((4, 2), 2, 8, 4)
    assert Tensor([[2.5]]).item() == 2.5 and type(Tensor(1).item()) is float
