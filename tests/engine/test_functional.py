"""The fused operations: gradients, the same numbers as the compositions they replace, and extreme inputs."""

import math

import numpy as np
import pytest

from helpers.functional import cache_sized, cross_entropy, embedding, gelu, layer_norm, linear, log_softmax, softmax
from helpers.tensor import Tensor
from tests.engine.gradcheck import TOLERANCE, assert_equal_functions, gradcheck

rng = np.random.default_rng(2)
TARGETS = np.array([[1, 0, 3], [3, 3, 2]])
INDEX = np.array([[1, 0, 1], [4, 1, 4]])  # repeats, and rows that never come


def real(*shape: int) -> np.ndarray:
    return rng.normal(size=shape)


# What each operation equals, in the primitive operations of tensor.py


def primitive_softmax(x, axis=-1):
    e = x.exp()
    return e / e.sum(axis, keepdims=True)


def primitive_cross_entropy(logits, targets, ignore=None):
    V = logits.shape[-1]
    counted = np.ones(targets.size) if ignore is None else (targets != ignore).reshape(-1)
    right = np.eye(V)[np.where(targets == ignore, 0, targets).reshape(-1)] * counted[:, None]
    return -(primitive_softmax(logits.reshape(-1, V)).log() * right).sum() / counted.sum()


def primitive_layer_norm(x, weight, bias, epsilon=1e-5):
    centered = x - x.mean(-1, keepdims=True)
    return centered / ((centered * centered).mean(-1, keepdims=True) + epsilon) ** 0.5 * weight + bias


def primitive_gelu(x):
    return x * 0.5 * (1 + (math.sqrt(2 / math.pi) * (x + 0.044715 * x * x * x)).tanh())


# One row: the fused operation, the same from primitive operations, inputs.
FUSED = [
    ("softmax", softmax, primitive_softmax, [real(2, 3, 4)]),
    ("softmax, first axis", lambda x: softmax(x, 0), lambda x: primitive_softmax(x, 0), [real(3, 2)]),
    ("log_softmax", log_softmax, lambda x: primitive_softmax(x).log(), [real(2, 3, 4)]),
    ("log_softmax, axis 1", lambda x: log_softmax(x, 1), lambda x: primitive_softmax(x, 1).log(), [real(2, 3, 2)]),
    ("cross_entropy", lambda x: cross_entropy(x, TARGETS),
     lambda x: primitive_cross_entropy(x, TARGETS), [real(2, 3, 4)]),
    ("cross_entropy, one row", lambda x: cross_entropy(x, 2),
     lambda x: primitive_cross_entropy(x, np.array(2)), [real(4)]),
    ("cross_entropy, ignore 3", lambda x: cross_entropy(x, TARGETS, ignore=3),
     lambda x: primitive_cross_entropy(x, TARGETS, ignore=3), [real(2, 3, 4)]),
    ("cross_entropy, ignore −1", lambda x: cross_entropy(x, TARGETS - 1, ignore=-1),
     lambda x: primitive_cross_entropy(x, TARGETS - 1, ignore=-1), [real(2, 3, 3)]),
    ("linear", linear, lambda x, w, b: x @ w + b, [real(2, 2, 3), real(3, 4), real(4)]),
    ("linear, no bias", linear, lambda x, w: x @ w, [real(2, 3), real(3, 4)]),
    ("linear, one row", linear, lambda x, w, b: (x.reshape(1, 3) @ w + b).reshape(4), [real(3), real(3, 4), real(4)]),
    ("embedding", lambda w: embedding(w, INDEX), lambda w: w[INDEX], [real(5, 2)]),
    ("embedding, one token", lambda w: embedding(w, 3), lambda w: w[3], [real(5, 2)]),
    ("layer_norm", layer_norm, primitive_layer_norm, [real(2, 2, 4), real(4), real(4)]),
    ("layer_norm, large epsilon", lambda *x: layer_norm(*x, 0.3), lambda *x: primitive_layer_norm(*x, 0.3),
     [real(3, 4), real(4), real(4)]),
    ("gelu", gelu, primitive_gelu, [2 * real(2, 5)]),
    ("gelu, one number", gelu, primitive_gelu, [np.array(0.7)]),
]  # fmt: skip


@pytest.mark.parametrize(("fused", "primitive", "inputs"), [pytest.param(*row[1:], id=row[0]) for row in FUSED])
def test_operation(fused, primitive, inputs):
    assert gradcheck(fused, *inputs) <= TOLERANCE
    assert_equal_functions(fused, primitive, inputs)


@pytest.mark.parametrize(("fused", "primitive", "inputs"), [pytest.param(*row[1:], id=row[0]) for row in FUSED])
def test_inputs_are_left_alone_and_float32_stays(fused, primitive, inputs):
    leaves = [Tensor(x) for x in inputs]
    kept = [leaf.data.copy() for leaf in leaves]
    out = fused(*leaves)
    assert out.dtype == np.float32
    value = out.data.copy()
    out.sum().backward()
    np.testing.assert_array_equal(out.data, value)
    for leaf, before in zip(leaves, kept, strict=True):
        np.testing.assert_array_equal(leaf.data, before)
        assert leaf.grad.dtype == np.float32


LARGE = [real(270, 1000), real(1000), real(1000)]


@pytest.mark.parametrize(
    ("fused", "primitive", "inputs"),
    [
        (gelu, primitive_gelu, LARGE[:1]),
        (layer_norm, primitive_layer_norm, LARGE),
        (softmax, primitive_softmax, LARGE[:1]),
        (lambda x: cross_entropy(x, np.arange(270)), lambda x: primitive_cross_entropy(x, np.arange(270)), LARGE[:1]),
    ],
)
def test_arrays_larger_than_what_is_worked_on_at_once(fused, primitive, inputs):
    assert len(cache_sized(inputs[0].size)) > 2
    assert_equal_functions(fused, primitive, inputs)


@pytest.mark.parametrize(("count", "size", "limit"), [(10, 1, 3), (9, 1, 3), (5, 2, 7), (4, 100, 7), (0, 1, 3)])
def test_pieces_cover_everything_once(count, size, limit):
    pieces = [range(count)[piece] for piece in cache_sized(count, size, limit)]
    assert [i for piece in pieces for i in piece] == list(range(count))
    assert all(len(piece) * size <= max(limit, size) for piece in pieces)


def test_the_gradient_of_cross_entropy_is_p_minus_y():
    logits = Tensor(real(6, 4), dtype=np.float64)
    cross_entropy(logits, TARGETS.reshape(-1)).backward()
    y = np.eye(4)[TARGETS.reshape(-1)]
    np.testing.assert_allclose(logits.grad, (softmax(logits).data - y) / 6, atol=1e-15)


def test_ignored_positions_get_no_gradient():
    logits = Tensor(real(2, 3, 4))
    cross_entropy(logits, TARGETS, ignore=3).backward()
    np.testing.assert_array_equal(logits.grad.any(axis=-1), TARGETS != 3)
    logits.grad = None
    loss = cross_entropy(logits, np.full((2, 3), 3), ignore=3)  # nothing counts, nothing moves
    loss.backward()
    assert loss.item() == 0 and not logits.grad.any()


@pytest.mark.parametrize("index", [[], np.zeros((0, 3), int), np.zeros((2, 0))])
def test_an_embedding_of_nothing(index):
    table = Tensor(real(5, 2))
    out = embedding(table, index)
    out.sum().backward()
    assert out.shape == (*np.shape(index), 2) and not table.grad.any()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_large_scores_do_not_overflow(dtype):
    x = np.array([[1000.0, 0.0, -1000.0]])
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        logits = Tensor(x, dtype=dtype)
        np.testing.assert_array_equal(softmax(logits).data, [[1, 0, 0]])
        np.testing.assert_array_equal(log_softmax(logits).data, [[0, -1000, -2000]])
        loss = cross_entropy(logits, np.array([2]))
        loss.backward()
        assert loss.item() == 2000
        np.testing.assert_array_equal(logits.grad, [[1, 0, -1]])


def test_softmax_gives_0_where_the_score_is_minus_infinity():
    x = Tensor([[0.0, -np.inf, 0.0]])
    out = softmax(x)
    (out * np.array([1, 2, 3])).sum().backward()
    np.testing.assert_allclose(out.data, [[0.5, 0, 0.5]])
    np.testing.assert_allclose(x.grad, [[-0.5, 0, 0.5]])


def test_layer_norm_of_rows_is_normal():
    ones, zeros = Tensor(np.ones(64)), Tensor(np.zeros(64))
    out = layer_norm(Tensor(7 + 5 * real(10, 64)), ones, zeros).data
    np.testing.assert_allclose(out.mean(-1), 0, atol=1e-6)
    np.testing.assert_allclose(out.std(-1), 1, atol=1e-5)


X, TABLE = Tensor(np.zeros((2, 3, 4))), Tensor(np.zeros((5, 2)))


@pytest.mark.parametrize(
    ("mistake", "sentence"),
    [
        (
            lambda: cross_entropy(X, TARGETS + 1),
            "With 4 logits, targets must be integers .* got int64 from 1 to 4",
        ),
        (lambda: cross_entropy(X, TARGETS - 1), "got int64 from -1 to 2"),
        (lambda: cross_entropy(Tensor(np.zeros((0, 4))), np.zeros(0, int)), "integers from 0 to 3; got none"),
        (lambda: cross_entropy(X, TARGETS + 0.0), "got float64 from 0.0 to 3.0"),
        (lambda: cross_entropy(X, TARGETS[0]), r"\(2, 3, 4\) need targets of shape \(2, 3\); got \(3,\)"),
        (lambda: cross_entropy(X, TARGETS.T), r"need targets of shape \(2, 3\); got \(3, 2\)"),
        (lambda: embedding(TABLE, np.array([3, -1])), "5 rows takes integers from 0 to 4; got int64 from -1 to 3"),
        (lambda: embedding(TABLE, np.array([5, 0])), "0 to 4; got int64 from 0 to 5"),
        (lambda: embedding(TABLE, np.array([0.5])), "takes integers .* got float64 from 0.5 to 0.5"),
        (lambda: linear(X, Tensor(np.zeros((3, 4)))), r"last axis must have 3 channels; got shape \(2, 3, 4\)"),
    ],
)
def test_mistakes_get_a_sentence(mistake, sentence):
    with pytest.raises(ValueError, match=sentence):
        mistake()


def test_two_dtypes_get_a_sentence():
    w, b = Tensor(np.zeros((4, 2))), Tensor(np.zeros(2), dtype=np.float64)
    with pytest.raises(TypeError, match="must share one dtype; got float64 and float32"):
        linear(X, w, b)
