"""The four changes of a current model: what each must preserve, their gradients, and a tiny Llama that learns."""

import numpy as np
import pytest

from helpers.attention import causal_mask, packed_attention
from helpers.data import shakespeare
from helpers.functional import layer_norm
from helpers.layers import Linear
from helpers.llama import GroupedQueryAttention, Llama, LlamaConfig, rms_norm, rotate, swiglu, turns
from helpers.sampling import greedy
from helpers.tensor import Tensor, no_grad
from helpers.tokenizers import CharTokenizer
from helpers.training import mean_loss, text_batches, train
from tests.engine.gradcheck import TOLERANCE, assert_equal_functions, gradcheck, worst_error

TINY = LlamaConfig(vocab_size=5, context=4, layers=2, heads=4, kv_heads=2, channels=8, width=6)


def rng(seed=0) -> np.random.Generator:
    return np.random.default_rng(seed)


def make(config=TINY) -> Llama:
    """A model with weights far from their careful start, so that every part matters."""
    model = Llama(config, rng=rng())
    for p in model.parameters():
        p.data += rng(1).normal(0, 0.3, p.shape).astype(p.dtype)
    return model


# RMSNorm


def test_rms_norm_is_layer_norm_without_the_shift():
    x = rng().normal(size=(3, 8))
    x -= x.mean(axis=-1, keepdims=True)
    weight, zeros = (Tensor(a, dtype=np.float64) for a in (rng(1).normal(size=8), np.zeros(8)))
    x = Tensor(x, dtype=np.float64)
    np.testing.assert_allclose(rms_norm(x, weight).data, layer_norm(x, weight, zeros).data, rtol=1e-12)


def test_rms_norm_keeps_the_direction_and_forgets_the_length():
    x, ones = rng().normal(size=(3, 8)), Tensor(np.ones(8), dtype=np.float64)
    out = rms_norm(Tensor(x, dtype=np.float64), ones, 1e-12).data
    np.testing.assert_allclose(np.mean(out**2, axis=-1), 1, rtol=1e-9)
    np.testing.assert_allclose(out, rms_norm(Tensor(7 * x, dtype=np.float64), ones, 1e-12).data, rtol=1e-9)
    np.testing.assert_allclose(out / x, (out / x)[:, :1] * np.ones(8), rtol=1e-9)


# RoPE


def test_scores_depend_only_on_the_distance():
    q, k = (Tensor(rng(i).normal(size=(1, 8)), dtype=np.float64) for i in (0, 1))

    def score(at_q: int, at_k: int) -> float:
        return float((rotate(q, turns([at_q], 8)) @ rotate(k, turns([at_k], 8)).swap(0, 1)).item())

    same_distance = [score(start + 5, start) for start in (0, 1, 17, 4_000)]
    np.testing.assert_allclose(same_distance, same_distance[0], rtol=1e-9)
    assert min(abs(score(d, 0) - same_distance[0]) for d in (0, 2, 4)) > 0.1 < abs(score(0, 5) - same_distance[0])


def test_rotation_keeps_lengths_and_leaves_position_0_alone():
    x = Tensor(rng().normal(size=(2, 3, 6, 8)), dtype=np.float64)
    out = rotate(x, turns(np.arange(6), 8)).data
    np.testing.assert_array_equal(out[..., 0, :], x.data[..., 0, :])
    pairs = lambda a: np.hypot(a[..., ::2], a[..., 1::2])  # noqa: E731
    np.testing.assert_allclose(pairs(out), pairs(x.data), rtol=1e-12)


def test_the_first_pair_turns_by_one_radian_and_the_last_hardly():
    turn = turns(np.arange(3), 8, base=10_000.0)
    np.testing.assert_allclose(np.angle(turn[:, 0]), [0, 1, 2])
    np.testing.assert_allclose(np.angle(turn[1]), [1, 0.1, 0.01, 0.001])


# SwiGLU


def test_swiglu_is_a_gate():
    assert_equal_functions(swiglu, lambda gate, up: gate * gate.sigmoid() * up, list(rng().normal(size=(2, 3, 5))))
    out = swiglu(Tensor([-100.0, 0.0, 100.0]), Tensor([2.0, 2.0, 2.0])).data
    np.testing.assert_allclose(out, [0, 0, 200], atol=1e-30)


# Grouped-query attention


def attend(layer: GroupedQueryAttention, x: Tensor, weights=None) -> Tensor:
    T = x.shape[1]
    return layer(
        x, np.ones((T, layer.out.weight.shape[0] // layer.heads // 2)), causal_mask(T, dtype=x.dtype), weights=weights
    )


def test_with_as_many_key_heads_it_is_plain_attention():
    layer = GroupedQueryAttention(LlamaConfig(5, heads=4, kv_heads=4, channels=16), rng=rng())
    x = Tensor(rng(1).normal(size=(2, 6, 16)))
    plain = layer.out(packed_attention(layer.qkv(x), 4, causal_mask(6)))
    np.testing.assert_allclose(attend(layer, x).data, plain.data, atol=1e-6)


def test_query_heads_of_a_group_share_their_keys_and_values():
    """The same as plain attention whose key and value columns are repeated for each query head."""
    H, K, D = 6, 2, 4
    layer = GroupedQueryAttention(LlamaConfig(5, heads=H, kv_heads=K, channels=H * D), rng=rng())
    q, k, v = np.split(layer.qkv.weight.data, [H * D, (H + K) * D], axis=1)
    repeated = [np.repeat(part.reshape(-1, K, D), H // K, axis=1).reshape(-1, H * D) for part in (k, v)]
    plain = Linear(H * D, 3 * H * D, rng=rng(), bias=False)
    plain.weight.data = np.concatenate([q, *repeated], axis=1)
    x, ours, theirs = Tensor(rng(1).normal(size=(2, 5, H * D))), [], []
    out = layer.out(packed_attention(plain(x), H, causal_mask(5), theirs))
    np.testing.assert_allclose(attend(layer, x, ours).data, out.data, atol=1e-6)
    np.testing.assert_allclose(ours[0], theirs[0], atol=1e-6)


# The whole model


def test_gradients():
    x, w = rng().normal(size=(2, 3, 4)), rng(1).normal(size=4)
    assert gradcheck(rms_norm, x, w) <= TOLERANCE and gradcheck(swiglu, x, 2 * x[::-1]) <= TOLERANCE
    assert gradcheck(lambda x: rotate(x, turns(np.arange(3), 4)), x) <= TOLERANCE


def test_gradients_of_every_parameter():
    model = make().astype(np.float64)
    inputs, targets = rng().integers(0, 5, (2, 3, 4))
    assert worst_error(lambda: model.loss(inputs, targets), model.parameters(), 3e-6) <= TOLERANCE


def test_it_does_not_see_the_future():
    model, tokens = make(), rng().integers(0, 5, (1, 4))
    changed = tokens.copy()
    changed[0, 2] = (changed[0, 2] + 1) % 5
    with no_grad():
        before, after = model(tokens).data, model(changed).data
    np.testing.assert_array_equal(before[:, :2], after[:, :2])
    assert (before[:, 2:] != after[:, 2:]).any(axis=-1).all()


def test_the_cache_and_the_last_position_change_nothing():
    model = make(LlamaConfig(11, context=16, layers=2, heads=4, kv_heads=2, channels=16, width=24))
    kept = {True: [], False: []}
    for use_cache, seen in kept.items():
        model.generate([3, 1], 30, lambda z, ids, seen=seen: seen.append(z) or greedy(z, ids), use_cache=use_cache)
    np.testing.assert_allclose(kept[True], kept[False], atol=1e-4)
    tokens = rng().integers(0, 11, (2, 7))
    with no_grad():
        np.testing.assert_allclose(model(tokens).data[:, -1:], model(tokens, last=True).data, atol=1e-5)


def test_attention_weights_are_shares():
    weights = make().attention_weights(np.array([1, 2, 3, 4]))
    assert weights.shape == (2, 4, 4, 4) and not np.triu(weights, 1).any()
    np.testing.assert_allclose(weights.sum(axis=-1), 1, rtol=1e-5)


def test_a_tiny_llama_learns_shakespeare():
    text = shakespeare()["Macbeth"]
    tokenizer = CharTokenizer(text)
    tokens = np.array(tokenizer.encode(text))
    config = LlamaConfig(tokenizer.vocab_size, context=32, layers=2, heads=4, kv_heads=2, channels=32, width=88)
    model = Llama(config, rng=rng())
    before = mean_loss(model, tokens[:3_000], 32)
    assert abs(before - np.log(tokenizer.vocab_size)) < 0.1  # at first, every character is equally likely
    train(model, text_batches(tokens[3_000:], 16, 32, rng=rng()), steps=150, lr=1e-2, warmup=10, progress=False)
    assert mean_loss(model, tokens[:3_000], 32) < 2.4  # single-character frequencies alone give more than 3


@pytest.mark.parametrize(
    "sizes, message",
    [
        ({"channels": 20, "heads": 4}, "Can't divide 20 channels among 4 heads of an even width"),
        ({"heads": 4, "kv_heads": 3}, "Can't share 3 key heads among 4 query heads. Pick a divisor of 4."),
        ({"layers": 0}, "layers must be a whole number of at least 1; got 0"),
        ({"base": -1.0}, "base must be .*; got -1"),
    ],
)
def test_shapes_that_cannot_be(sizes, message):
    with pytest.raises(ValueError, match=message):
        LlamaConfig(vocab_size=5, **sizes)


def test_a_text_that_is_too_long():
    with pytest.raises(ValueError, match="This model reads at most 4 tokens; got 5. Keep the last 4."):
        make()(np.zeros((1, 5), dtype=int))
