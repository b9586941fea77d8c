"""Attention: the equation, its gradients, the packed and the cached form, and who may look at whom."""

import math

import numpy as np
import pytest

from helpers.attention import KVCache, MultiHeadAttention, attention, causal_mask, packed_attention
from helpers.functional import cache_sized, softmax
from helpers.tensor import Tensor, no_grad
from tests.engine.gradcheck import TOLERANCE, assert_equal_functions, gradcheck, worst_error

rng = np.random.default_rng(3)
B, H, T, S, D = 2, 2, 3, 4, 2
C = H * D
PADDING = np.where(np.arange(S) < np.array([S, 2])[:, None], 0, -np.inf)[:, None, None]  # (B,1,1,S): text 2 is short


def real(*shape: int) -> np.ndarray:
    return rng.normal(size=shape)


def by_primitives(q, k, v, mask=None):
    scores = q @ k.swap(-1, -2) / math.sqrt(q.shape[-1])
    return softmax(scores if mask is None else scores + mask) @ v


def packed_by_primitives(qkv, mask):
    B, T, _ = qkv.shape
    q, k, v = (qkv[..., i * C : (i + 1) * C].reshape(B, T, H, D).swap(1, 2) for i in range(3))
    return by_primitives(q, k, v, mask).swap(1, 2).reshape(B, T, C)


# One row: the fused operation, the same from primitive operations, inputs.
FUSED = [
    ("attention", attention, by_primitives, [real(B, H, T, D), real(B, H, T, D), real(B, H, T, D)]),
    ("one head, one query", attention, by_primitives, [real(1, 1, 1, D), real(1, 1, S, D), real(1, 1, S, D)]),
    ("causal", lambda *x: attention(*x, causal_mask(T)), lambda *x: by_primitives(*x, causal_mask(T)),
     [real(B, H, T, D), real(B, H, T, D), real(B, H, T, D)]),
    ("cross", attention, by_primitives, [real(B, H, T, D), real(B, H, S, D), real(B, H, S, D)]),
    ("cross, padded", lambda *x: attention(*x, PADDING), lambda *x: by_primitives(*x, PADDING),
     [real(B, H, T, D), real(B, H, S, D), real(B, H, S, D)]),
    ("looks at itself", lambda x: attention(x, x, x), lambda x: by_primitives(x, x, x), [real(B, H, T, D)]),
    ("packed", lambda x: packed_attention(x, H, None), lambda x: packed_by_primitives(x, None), [real(B, T, 3 * C)]),
    ("packed, causal", lambda x: packed_attention(x, H, causal_mask(T)),
     lambda x: packed_by_primitives(x, causal_mask(T)), [real(B, T, 3 * C)]),
    ("packed, padded", lambda x: packed_attention(x, H, PADDING), lambda x: packed_by_primitives(x, PADDING),
     [real(B, S, 3 * C)]),
]  # fmt: skip


@pytest.mark.parametrize(("fused", "primitive", "inputs"), [pytest.param(*row[1:], id=row[0]) for row in FUSED])
def test_operation(fused, primitive, inputs):
    assert gradcheck(fused, *inputs) <= TOLERANCE
    assert_equal_functions(fused, primitive, inputs)


HEADS_MASK = np.where(rng.random((H, 140, 140)) < 0.3, -np.inf, 0)
HEADS_MASK[:, range(140), range(140)] = 0
LONG_PADDING = np.where(np.arange(140) < np.arange(130, 137)[:, None], 0, -np.inf)[:, None, None]


@pytest.mark.parametrize("mask", [None, causal_mask(140), causal_mask(140)[None, None], HEADS_MASK, LONG_PADDING])
def test_more_sequences_than_are_worked_on_at_once(mask):
    assert len(cache_sized(7, H * 140 * 140)) > 2
    inputs = [real(7, H, 140, D) for _ in "qkv"]
    assert_equal_functions(lambda *x: attention(*x, mask), lambda *x: by_primitives(*x, mask), inputs)
    inputs = [real(7, 140, 3 * C)]
    assert_equal_functions(lambda x: packed_attention(x, H, mask), lambda x: packed_by_primitives(x, mask), inputs)


def test_two_tokens_by_hand():
    """Scores 0 and ln 3 after the scaling: weights 1/4 and 3/4."""
    q = Tensor(np.reshape([math.sqrt(2), 0], (1, 1, 1, 2)))
    k = Tensor(np.reshape([[0, 5], [math.log(3), -5]], (1, 1, 2, 2)))
    v = Tensor(np.reshape([[4, 0], [0, 4]], (1, 1, 2, 2)))
    np.testing.assert_allclose(attention(q, k, v).data, [[[[1, 3]]]], rtol=1e-6)


@pytest.mark.parametrize(("rows", "columns"), [(1, 1), (4, 4), (2, 5), (1, 3)])
def test_the_causal_mask(rows, columns):
    mask = causal_mask(rows, columns)
    assert mask.shape == (rows, columns) and mask.dtype == np.float32
    for t, s in np.ndindex(mask.shape):
        assert mask[t, s] == (0 if s <= t + columns - rows else -np.inf)
    np.testing.assert_array_equal(causal_mask(rows), causal_mask(rows, rows))


@pytest.mark.parametrize("packed", [False, True])
def test_weights_sum_to_1_and_the_future_has_none(packed):
    weights: list[np.ndarray] = []
    if packed:
        packed_attention(Tensor(real(B, T, 3 * C)), H, causal_mask(T), weights)
    else:
        attention(*(Tensor(real(B, H, T, D)) for _ in "qkv"), causal_mask(T), weights)
    assert weights[0].shape == (B, H, T, T)
    np.testing.assert_allclose(weights[0].sum(-1), 1, rtol=1e-6)
    assert not np.triu(weights[0], k=1).any() and np.tril(weights[0])[..., -1, :].all()


def test_large_scores_do_not_overflow():
    q, k, v = (Tensor(x) for x in (300 * real(1, 1, 3, 4), 300 * real(1, 1, 3, 4), real(1, 1, 3, 4)))
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        out = attention(q, k, v, causal_mask(3))
        out.sum().backward()
    assert np.isfinite(out.data).all() and np.isfinite(q.grad).all()


def test_a_cache_gives_the_same_rows():
    qkv = real(B, 5, 3 * C)
    whole = packed_attention(Tensor(qkv), H, causal_mask(5)).data
    cache, rows = KVCache(6), []
    with no_grad():
        for start, end in ((0, 2), (2, 3), (3, 5)):
            mask = causal_mask(end - start, end)
            rows.append(packed_attention(Tensor(qkv[:, start:end]), H, mask, cache=cache).data)
    np.testing.assert_allclose(np.concatenate(rows, axis=1), whole, atol=1e-6)
    assert cache.length == 5


def test_a_full_cache_says_so():
    cache = KVCache(4)
    cache.extend(real(1, 1, 3, 2), real(1, 1, 3, 2))
    with pytest.raises(ValueError, match="room for 4 tokens; got 5"):
        cache.extend(real(1, 1, 2, 2), real(1, 1, 2, 2))
    assert cache.length == 3


# MultiHeadAttention


@pytest.fixture
def layer():
    layer = MultiHeadAttention(C, H, rng=np.random.default_rng(0)).astype(np.float64)
    for p in layer.parameters():
        p.data += 0.1 * real(*p.shape)  # biases that are not 0
    return layer


@pytest.mark.parametrize("memory_length", [None, S])
@pytest.mark.parametrize("mask", [None, "some"])
def test_gradients_of_the_layer(layer, memory_length, mask):
    x = Tensor(real(B, T, C), dtype=np.float64)
    memory = memory_length and Tensor(real(B, S, C), dtype=np.float64)
    mask = mask and (causal_mask(T) if memory is None else PADDING)
    leaves = [*layer.parameters(), x, *([] if memory is None else [memory])]
    assert worst_error(lambda: layer(x, mask, memory=memory), leaves) <= TOLERANCE


def test_a_mask_of_true_and_false_gets_a_sentence(layer):
    """It would be added as 1 and 0, and hide nothing."""
    x = Tensor(real(B, T, C), dtype=np.float64)
    with pytest.raises(ValueError, match="0 to allow and −inf to hide; got True and False"):
        layer(x, causal_mask(T) == 0)


def test_x_as_its_own_memory_is_self_attention(layer):
    x = Tensor(real(B, T, C), dtype=np.float64)
    one, other = [], []
    for out in (layer(x, weights=one), layer(x, memory=x, weights=other)):
        assert out.shape == x.shape
    np.testing.assert_allclose(layer(x).data, layer(x, memory=x).data, atol=1e-12)
    np.testing.assert_allclose(one[0], other[0], atol=1e-12)


def test_heads_must_share_the_channels():
    with pytest.raises(ValueError, match="Can't divide 10 channels among 4 heads"):
        MultiHeadAttention(10, 4, rng=rng)
