"""Sampling: exact distributions, draws that follow them, beam search against brute force, and refusals."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.sampling import (
    beam_search,
    chooser,
    entropy,
    greedy,
    min_p_filter,
    next_distribution,
    perplexity,
    repetition_penalty,
    sample,
    samples,
    softmax,
    top_k_filter,
    top_p_filter,
    wilson,
)

INF = math.inf
P = np.array([0.1, 0.4, 0.3, 0.2])

logits = st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=20)


def rng(seed: int = 1) -> np.random.Generator:
    return np.random.default_rng(seed)


# Softmax


def test_softmax_by_hand():
    e = np.exp([1.0, 2.0, 3.0])
    np.testing.assert_allclose(softmax([1, 2, 3]), e / e.sum(), rtol=1e-14)
    np.testing.assert_allclose(softmax([1, 2, 3], temperature=2), np.sqrt(e) / np.sqrt(e).sum(), rtol=1e-14)
    np.testing.assert_allclose(softmax([[0, 0], [0, math.log(3)]]), [[0.5, 0.5], [0.25, 0.75]], rtol=1e-14)


def test_softmax_at_the_edges():
    np.testing.assert_array_equal(softmax([1000.0, 1000.0, -INF]), [0.5, 0.5, 0])
    np.testing.assert_array_equal(softmax([2, 5, 5, 1], temperature=0), [0, 1, 0, 0])
    np.testing.assert_array_equal(softmax([[0, 1], [1, 0]], temperature=0), [[0, 1], [1, 0]])
    with np.errstate(all="raise"):
        np.testing.assert_array_equal(softmax([1, 2, 3], temperature=1e-320), [0, 0, 1])
    np.testing.assert_allclose(softmax([1, 2, 3], temperature=1e9), [1 / 3] * 3, rtol=1e-8)
    assert softmax(np.float32([1, 2])).dtype == np.float64


@settings(deadline=None)
@given(logits, st.floats(0, 100))
def test_softmax_is_a_distribution_in_the_order_of_the_logits(z, temperature):
    p = softmax(z, temperature)
    assert abs(p.sum() - 1) < 1e-12 and (p >= 0).all()
    order = np.lexsort((-np.arange(len(z)), z))  # upwards, and the first among equals last
    assert (np.diff(p[order]) >= 0).all()


# Filters


def test_top_k():
    np.testing.assert_allclose(top_k_filter(P, 2), [0, 4 / 7, 3 / 7, 0], rtol=1e-14)
    np.testing.assert_allclose(top_k_filter(P, 4), P, rtol=1e-14)
    np.testing.assert_allclose(top_k_filter([0.2, 0.3, 0.3, 0.2], 3), [0.25, 0.375, 0.375, 0], rtol=1e-14)  # ties


@pytest.mark.parametrize(
    ("top_p", "kept"),
    [(0, [1]), (0.3, [1]), (0.4, [1]), (0.41, [1, 2]), (0.7, [1, 2]), (0.9, [1, 2, 3]), (0.91, range(4))],
)
def test_top_p_keeps_the_token_that_crosses(top_p, kept):
    p = top_p_filter(P, top_p)
    assert np.flatnonzero(p).tolist() == list(kept)
    np.testing.assert_allclose(p[kept], P[kept] / P[kept].sum(), rtol=1e-14)


def test_top_p_and_floating_point():
    assert 0.3 + 0.3 + 0.3 < 0.9  # and yet these three are all that 0.9 asks for
    assert np.count_nonzero(top_p_filter([0.3, 0.3, 0.3, 0.1], 0.9)) == 3
    tail = np.array([1 - 1e-13, 0.5e-13, 0.5e-13])
    assert np.count_nonzero(top_p_filter(tail, 1.0)) == 3
    assert np.count_nonzero(top_p_filter(np.full(1000, 1e-3), 0.25)) == 250
    assert np.flatnonzero(top_p_filter([0.25] * 4, 0.5)).tolist() == [0, 1]  # ties


def test_min_p():
    np.testing.assert_allclose(min_p_filter(P, 0.5), [0, 4 / 9, 3 / 9, 2 / 9], rtol=1e-14)
    np.testing.assert_allclose(min_p_filter(P, 0), P, rtol=1e-14)
    np.testing.assert_array_equal(min_p_filter([0.4, 0.4, 0.2], 1), [0.5, 0.5, 0])


@settings(deadline=None)
@given(logits, st.integers(1, 20), st.floats(0, 1), st.floats(0, 1))
def test_filters_keep_the_most_probable_and_one_at_least(z, k, top_p, min_p):
    p = softmax(z)
    k = min(k, len(z))
    for q in (top_k_filter(p, k), top_p_filter(p, top_p), min_p_filter(p, min_p)):
        assert abs(q.sum() - 1) < 1e-12 and q[p.argmax()] > 0
        assert not (q > 0).all() or np.allclose(q, p, atol=1e-12)
        assert q.max() == q[p.argmax()]
    assert np.count_nonzero(top_k_filter(p, k)) <= k


def test_the_order_of_the_filters():
    z = np.log(P)
    by_hand = min_p_filter(top_p_filter(top_k_filter(softmax(z, 0.8), 3), 0.75), 0.5)
    np.testing.assert_array_equal(next_distribution(z, temperature=0.8, top_k=3, top_p=0.75, min_p=0.5), by_hand)
    # With top-k first, two tokens of 4/7 and 3/7 are left, and 0.55 keeps one of them; the other way round two survive.
    assert np.count_nonzero(next_distribution(z, top_k=2, top_p=0.55)) == 1
    assert np.count_nonzero(top_k_filter(top_p_filter(P, 0.55), 2)) == 2
    np.testing.assert_allclose(next_distribution(z), P, rtol=1e-14)
    np.testing.assert_array_equal(next_distribution(z, temperature=0, top_k=3, top_p=0.9, min_p=0.1), [0, 1, 0, 0])


def test_repetition_penalty():
    z = np.array([2.0, -1.0, 3.0, -INF, 0.0])
    np.testing.assert_array_equal(repetition_penalty(z, [0, 1, 1, 3, 4], 2), [1, -2, 3, -INF, 0])
    np.testing.assert_array_equal(repetition_penalty(z, [0, 1], 1), z)
    np.testing.assert_array_equal(repetition_penalty(z, [], 2), z)
    assert z[0] == 2  # the input stays as it was


# Drawing


class Fixed:
    """A generator whose uniform numbers are given."""

    def __init__(self, *values):
        self.values = np.array(values)

    def random(self, n):
        return self.values[:n]


@pytest.mark.parametrize(("u", "token"), [(0.0, 1), (0.3999999, 1), (0.4, 2), (0.69, 2), (0.71, 4), (1 - 2**-53, 4)])
def test_one_uniform_number_becomes_a_token(u, token):
    assert sample([0, 0.4, 0.3, 0, 0.3, 0], rng=Fixed(u)) == token


def chi_square(counts, p) -> float:
    """Σ (counted − expected)² / expected; with V − 1 degrees of freedom it is about V − 1, give or take √(2(V − 1))."""
    expected = counts.sum() * np.asarray(p)
    return float(((counts - expected) ** 2 / expected).sum())


def test_draws_follow_the_probabilities():
    p = next_distribution(rng(5).normal(size=30), temperature=1.3)
    limit = 29 + 4 * math.sqrt(58)
    assert chi_square(np.bincount(samples(p, 100_000, rng=rng(2)), minlength=30), p) < limit
    off = p * np.where(np.arange(30) % 2, 1.03, 0.97)  # an error of 3 % would be seen
    assert chi_square(np.bincount(samples(off / off.sum(), 100_000, rng=rng(2)), minlength=30), p) > limit


def test_no_token_of_probability_0_is_drawn():
    p = top_k_filter(softmax(rng(3).normal(size=50)), 3)
    assert set(samples(p, 20_000, rng=rng(4)).tolist()) == set(np.flatnonzero(p).tolist())


def test_the_same_seed_gives_the_same_draws():
    one = [sample(P, rng=r) for r in [rng(7)] for _ in range(20)]
    assert one == samples(P, 20, rng=rng(7)).tolist() != samples(P, 20, rng=rng(8)).tolist()


def test_entropy_and_perplexity():
    assert entropy([0.5, 0.5, 0]) == pytest.approx(math.log(2), abs=1e-15)
    assert entropy([1, 0]) == 0 and perplexity([1, 0]) == 1
    np.testing.assert_allclose(perplexity([[0.25] * 4, [0.5, 0.5, 0, 0]]), [4, 2], rtol=1e-14)
    assert entropy(P) == pytest.approx(-sum(p * math.log(p) for p in P))


# Choosers


def test_greedy_takes_the_first_of_the_largest():
    assert greedy([1, 3, 3, 2], []) == 1
    assert chooser(temperature=0)([1, 3, 3, 2], [1]) == 1


def test_chooser_draws_from_the_next_distribution():
    z = rng(6).normal(size=12)
    choose = chooser(temperature=0.7, top_k=6, top_p=0.9, rng=rng(1))
    p = next_distribution(z, temperature=0.7, top_k=6, top_p=0.9)
    kept = np.flatnonzero(p)
    counts = np.bincount([choose(z, [0]) for _ in range(20_000)], minlength=12)
    assert counts.sum() == counts[kept].sum()
    assert chi_square(counts[kept], p[kept]) < len(kept) + 4 * math.sqrt(2 * len(kept))


def test_penalty_looks_at_the_window():
    z = [2.0, 1.9]
    assert chooser(temperature=0, penalty=1.5)(z, [0, 1, 1]) == 0  # both occurred
    assert chooser(temperature=0, penalty=1.5)(z, [0, 0, 0]) == 1
    assert chooser(temperature=0, penalty=1.5, window=2)(z, [0, 1, 1]) == 0
    assert chooser(temperature=0, penalty=1.5, window=2)(z, [1, 0, 0]) == 1


# Beam search


V = 4
TABLE = np.log(softmax(rng(11).normal(0, 1.5, (V, V, V))))  # the next token depends on the last two


def model(lists):
    return np.array([TABLE[ids[-2], ids[-1]] for ids in lists])


def brute_force(prompt, steps, end, length_penalty):
    """All continuations that end at `end` or after `steps`, best first."""
    found = []
    for length in range(1, steps + 1):
        for tail in itertools.product(range(V), repeat=length):
            stops = tail.index(end) + 1 if end in tail else None
            if stops == length or (stops is None and length == steps):
                ids = [*prompt, *tail]
                total = sum(TABLE[ids[i - 2], ids[i - 1], ids[i]] for i in range(len(prompt), len(ids)))
                found.append((ids, total / length**length_penalty))
    return sorted(found, key=lambda pair: -pair[1])


@pytest.mark.parametrize("end", [None, 2])
@pytest.mark.parametrize("length_penalty", [0.0, 0.7, 1.0])
def test_a_wide_beam_finds_what_brute_force_finds(end, length_penalty):
    expected = brute_force([0, 1], 4, end, length_penalty)
    found = beam_search(model, [0, 1], width=1000, steps=4, end=end, length_penalty=length_penalty)
    assert len(found) == len(expected)
    assert [ids for ids, _ in found] == [ids for ids, _ in expected]
    np.testing.assert_allclose([score for _, score in found], [score for _, score in expected], rtol=1e-12)


@pytest.mark.parametrize("end", [None, 2])
def test_a_beam_of_one_is_greedy(end):
    for start in itertools.product(range(V), repeat=2):
        ids = list(start)
        for _ in range(6):
            ids.append(greedy(model([ids])[0], ids))
            if ids[-1] == end:
                break
        ((found, score),) = beam_search(model, start, width=1, steps=6, end=end)
        assert found == ids
        assert score == pytest.approx(sum(TABLE[ids[i - 2], ids[i - 1], ids[i]] for i in range(2, len(ids))))


def test_wilson_covers_the_true_rate_as_often_as_it_says():
    rng, n = np.random.default_rng(0), 76
    for rate in (0.05, 0.5, 0.9):
        ranges = [wilson(int(right), n) for right in rng.binomial(n, rate, 2000)]
        assert np.mean([low <= rate <= high for low, high in ranges]) == pytest.approx(0.95, abs=0.025)
    assert wilson(0, 10)[0] == pytest.approx(0) and wilson(10, 10)[1] == pytest.approx(1)
    assert wilson(50, 100) == pytest.approx((0.4038, 0.5962), abs=1e-4)  # as any statistics package has it


def test_a_wider_beam_finds_something_better_than_greedy():
    def trap(lists):  # the best first token leads to a poor second one
        first, after = np.log([0.5, 0.4, 0.1]), {0: [0.4, 0.3, 0.3], 1: [0.9, 0.05, 0.05], 2: [0.4, 0.3, 0.3]}
        return np.array([first if len(ids) == 1 else np.log(after[ids[-1]]) for ids in lists])

    assert beam_search(trap, [0], width=1, steps=2)[0][0] == [0, 0, 0]
    best, second = beam_search(trap, [0], width=2, steps=2)
    assert best == ([0, 1, 0], pytest.approx(math.log(0.36))) and second[0] == [0, 0, 0]


def test_impossible_tokens_are_no_continuations():
    only = np.array([[-INF, 0.0, -INF]])
    assert beam_search(lambda lists: only, [0], width=3, steps=2) == [([0, 1, 1], 0.0)]


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 6), st.integers(1, 5), st.sampled_from([None, 0, 3]))
def test_beams_come_best_first_and_differ(width, steps, end):
    found = beam_search(model, [3, 1], width=width, steps=steps, end=end)
    scores = [score for _, score in found]
    assert scores == sorted(scores, reverse=True) and 1 <= len(found) <= width
    assert len({tuple(ids) for ids, _ in found}) == len(found)


# Refusals


@pytest.mark.parametrize(
    ("do", "match"),
    [
        (lambda: softmax([1, math.nan]), "must be numbers or −inf; got NaN"),
        (lambda: softmax([1, INF]), r"NaN or \+inf"),
        (lambda: softmax([-INF, -INF]), "At least one logit must be finite"),
        (lambda: softmax([]), r"shape \(0,\)"),
        (lambda: softmax([1, 2], temperature=-1), "temperature must be a number of at least 0; got -1"),
        (lambda: softmax([1, 2], temperature=math.nan), "temperature must be .* got nan"),
        (lambda: softmax([1, 2], temperature=INF), "temperature must be .* got inf"),
        (lambda: top_k_filter(P, 5), "top_k must be a whole number from 1 to 4; got 5"),
        (lambda: top_k_filter(P, 0), "top_k must be a whole number from 1 to 4; got 0"),
        (lambda: top_k_filter(P, 1.5), "whole number"),
        (lambda: top_p_filter(P, 1.01), "top_p must be a number from 0 to 1; got 1.01"),
        (lambda: top_p_filter(P, math.nan), "top_p must be .* got nan"),
        (lambda: min_p_filter(P, -0.1), "min_p must be .* got -0.1"),
        (lambda: top_p_filter([1.0, 2.0], 0.5), "with the sum 3"),
        (lambda: sample([math.nan, 1], rng=rng()), "sum to 1"),
        (lambda: sample([-0.5, 1.5], rng=rng()), "nonnegative numbers"),
        (lambda: repetition_penalty([1, 2], [0], 0), "penalty must be a number above 0; got 0"),
        (lambda: repetition_penalty([1, 2], [2], 2), "Token ids must be from 0 to 1; got 2 to 2"),
        (lambda: greedy([math.nan], []), "NaN"),
        (lambda: chooser(), "Drawing needs random numbers"),
        (lambda: chooser(temperature=-1, rng=rng()), "temperature must be .* got -1"),
        (lambda: chooser(top_k=0, rng=rng()), "top_k must be a whole number of at least 1; got 0"),
        (lambda: chooser(top_p=2, rng=rng()), "top_p must be .* got 2"),
        (lambda: chooser(min_p=2, rng=rng()), "min_p must be .* got 2"),
        (lambda: chooser(penalty=-1, rng=rng()), "penalty must be .* got -1"),
        (lambda: chooser(window=0, rng=rng()), "window must be .* got 0"),
        (lambda: beam_search(model, [0, 1], width=0, steps=1), "width must be .* got 0"),
        (lambda: beam_search(model, [0, 1], width=1, steps=2.5), "steps must be .* got 2.5"),
        (lambda: beam_search(lambda lists: np.ones((1, 3)), [0], width=1, steps=1), "log-probabilities"),
        (lambda: beam_search(lambda lists: np.zeros(3), [0], width=1, steps=1), r"got shape \(3,\) for 1"),
    ],
)
def test_refusals_are_sentences(do, match):
    with pytest.raises(ValueError, match=match):
        do()
