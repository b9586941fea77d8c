"""Python = JavaScript: the formulas of helpers/sampling.py and of formulas.js on the same cases, edges included."""

import math

import numpy as np
import pytest

from helpers import sampling
from tests.widgets.harness import calls

CASES = 12_000  # of which each cut gets half
SEEDS = [0, 1, 2, 12345, 2**31 - 1, 2**31, 2**32 - 1]


@pytest.fixture(scope="module")
def formulas(js):
    """formulas(name, cases) → what the page's function gives for each list of arguments."""
    return lambda name, cases: calls(js("formulas"), name, cases)


DRAWN = "(seed, n) => Array.from({ length: n }, module.mulberry32(seed))"


def drawn_cases(rng, n: int) -> list[tuple]:
    """n pairs (logits, settings): ties, −inf, huge and tiny numbers, one token alone, every cut at its ends."""
    cases = []
    for _ in range(n):
        V = int(rng.choice([1, 2, 3, 8, 30]))
        z = rng.normal(size=V) * rng.choice([0, 1e-6, 1, 10, 1e3, 1e300])
        if rng.random() < 0.4:
            z = np.round(z)  # ties
        z[(rng.random(V) < 0.15) & (np.arange(V) != rng.integers(V))] = -np.inf
        settings = {"temperature": float(rng.choice([0, 0, 1e-300, 1e-3, 0.5, 1, 3, rng.uniform(0, 3)]))}
        if rng.random() < 0.5:
            settings["top_k"] = int(rng.integers(1, V + 3))
        if rng.random() < 0.5:
            settings["top_p"] = float(rng.choice([0, 1, 0.3, 0.6, 0.9, rng.random()]))
        if rng.random() < 0.5:
            settings["min_p"] = float(rng.choice([0, 1, 0.5, rng.random()]))
        cases.append((z.tolist(), settings))
    return cases


@pytest.fixture(scope="module")
def cases() -> list[tuple]:
    return drawn_cases(np.random.default_rng(0), CASES)


@pytest.fixture(scope="module")
def expected(cases) -> list[np.ndarray]:
    """Python's distribution for each case. Above the vocabulary, the page's top-k keeps all, as no cut would."""
    return [
        sampling.next_distribution(z, **{**settings, "top_k": min(settings.get("top_k", len(z)), len(z))})
        for z, settings in cases
    ]


def same(ours, theirs) -> None:
    """Probabilities that agree to twelve digits, and the same tokens cut off."""
    for i, (a, b) in enumerate(zip(ours, theirs, strict=True)):
        b = np.array(b)
        assert np.array_equal(a > 0, b > 0) and np.allclose(a, b, rtol=1e-12, atol=1e-300), f"case {i}: {a} and {b}"


def test_the_cases_hold_the_edges(cases):
    """All that the table of edges asks for was drawn, each many times."""
    edges = {
        "temperature 0 with ties": lambda z, s: s["temperature"] == 0 and len(z) > 1 and z.count(max(z)) > 1,
        "top-k above the vocabulary": lambda z, s: s.get("top_k", 0) > len(z),
        "top-p 0": lambda z, s: s.get("top_p") == 0,
        "top-p 1": lambda z, s: s.get("top_p") == 1,
        "min-p 0": lambda z, s: s.get("min_p") == 0,
        "min-p 1": lambda z, s: s.get("min_p") == 1,
        "vocabulary of 1": lambda z, s: len(z) == 1,
        "−inf": lambda z, s: -math.inf in z,
        "huge": lambda z, s: max(map(abs, z)) > 1e200 and -math.inf not in z,
    }
    for name, is_one in edges.items():
        assert sum(is_one(z, s) for z, s in cases) > 100, name


def test_next_distribution(formulas, cases, expected):
    same(expected, formulas("nextDistribution", cases))


def test_each_formula(formulas, cases, expected):
    """softmax, the three cuts, argmax, ranking, entropy, perplexity, one by one."""
    same(
        [sampling.softmax(z, s["temperature"]) for z, s in cases],
        formulas("softmax", [(z, s["temperature"]) for z, s in cases]),
    )
    cut = [(p, s) for p, (_, s) in zip(expected, cases)]
    for name, setting, function in (
        ("topK", "top_k", lambda p, k: sampling.top_k_filter(p, min(k, len(p)))),
        ("topP", "top_p", sampling.top_p_filter),
        ("minP", "min_p", sampling.min_p_filter),
    ):
        some = [(p, s[setting]) for p, s in cut if setting in s]
        assert len(some) > 5_000
        same([function(p, value) for p, value in some], formulas(name, [(p.tolist(), value) for p, value in some]))
    lists = [(p.tolist(),) for p in expected]
    assert np.allclose([sampling.entropy(p) for p in expected], formulas("entropy", lists), rtol=1e-12, atol=1e-15)
    assert np.allclose([sampling.perplexity(p) for p in expected], formulas("perplexity", lists), rtol=1e-12)
    logits = [(z,) for z, _ in cases]
    assert [sampling.greedy(z, []) for z, _ in cases] == formulas("argmax", logits)
    ranked = [np.argsort(-np.array(z), kind="stable").tolist() for z, _ in cases]
    assert ranked == formulas("ranking", logits)


def test_sigmoid(formulas):
    x = [0.0, -0.0, 1e-20, 800.0, -800.0, 1e308, -1e308, *np.random.default_rng(3).normal(0, 10, CASES)]
    assert np.allclose(formulas("sigmoid", [(v,) for v in x]), 0.5 * (1 + np.tanh(0.5 * np.array(x))), rtol=1e-12)


def test_mulberry32(formulas):
    seeds = [*SEEDS, *map(int, np.random.default_rng(1).integers(1 << 32, size=500))]
    drawn = formulas(DRAWN, [(seed, 25) for seed in seeds])
    assert sum(map(len, drawn)) > 10_000
    for seed, numbers in zip(seeds, drawn):
        generator = sampling.Mulberry32(seed)  # some at once, some one by one: the same sequence
        assert [*generator.random(20), *(generator.random() for _ in range(5))] == numbers


def test_draws(formulas, expected):
    """One seed gives the same tokens in both; a number that falls on a boundary belongs to the next token."""
    rng = np.random.default_rng(2)
    for p in (np.array([0.25, 0, 0.5, 0.25, 0]), np.array([0, 1.0]), np.array([1.0])):
        us = [0, 0.25, 0.5, 0.75, 1 - 2**-32]
        ours = [int(sampling.samples(p, 1, rng=Fixed(u))[0]) for u in us]
        assert ours == formulas("drawAll", [(p.tolist(), us)])[0]
    cases = [(p, int(rng.integers(1 << 32))) for p in expected]
    uniform = formulas(DRAWN, [(seed, 2) for _, seed in cases])
    theirs = formulas("drawAll", [(p.tolist(), us) for (p, _), us in zip(cases, uniform)])
    assert [sampling.samples(p, 2, rng=sampling.Mulberry32(seed)).tolist() for p, seed in cases] == theirs
    once = formulas("draw", [(p.tolist(), us[0]) for (p, _), us in zip(cases, uniform)])
    assert once == [first for first, _ in theirs]
    assert all(p[token] > 0 for (p, _), token in zip(cases, once))


class Fixed:
    """A generator that gives one number, always."""

    def __init__(self, u: float):
        self.u = u

    def random(self, n: int):
        return np.full(n, self.u)
