"""Sampling: from logits to the next token, and from a sample to a rate. Arrays in, arrays out. V: vocabulary size.

Chapter 7 builds this file. Left out: typical sampling, Mirostat, contrastive search, speculative decoding.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from helpers.checks import real, whole

CROSSED = 1e-12  # 0.3 + 0.3 + 0.3 counts as 0.9, although floating point makes it a little less


def softmax(logits, temperature: float = 1.0) -> np.ndarray:
    """exp(z / temperature) / Σ exp(z / temperature) along the last axis: (…, V) → (…, V).

    Temperature 0 puts everything on the largest logit, or on the first one if several tie. A logit of −inf gets 0.
    """
    z = _checked_logits(logits)
    real("temperature", temperature)
    if temperature == 0:
        p = np.zeros_like(z)
        np.put_along_axis(p, z.argmax(axis=-1)[..., None], 1.0, axis=-1)
        return p
    with np.errstate(over="ignore"):  # a tiny temperature sends all but the largest to −inf, as it should
        z = np.exp((z - z.max(axis=-1, keepdims=True)) / temperature)
    return z / z.sum(axis=-1, keepdims=True)


# A filter sets what it removes to 0 and rescales the rest to sum to 1 again. (V,) → (V,)


def top_k_filter(p, k: int) -> np.ndarray:
    """Keep the k most probable tokens; ties go to the first ones. Source: Fan, Lewis, and Dauphin 2018."""
    p = _checked_probabilities(p)
    whole("top_k", k, most=len(p))
    return _keep(p, _ranking(p)[:k])


def top_p_filter(p, top_p: float) -> np.ndarray:
    """Keep the most probable tokens until they sum to top_p, including the one that crosses it; always at least one.

    Ties go to the first ones. Source: Holtzman et al. 2020 (nucleus sampling).
    """
    p = _checked_probabilities(p)
    real("top_p", top_p, most=1)
    if top_p == 1:
        return p / p.sum()
    order = _ranking(p)
    before = np.cumsum(p[order]) - p[order]  # what the more probable tokens sum to
    before[0] = 0
    return _keep(p, order[(before < top_p - CROSSED) | (np.arange(len(p)) == 0)])


def min_p_filter(p, min_p: float) -> np.ndarray:
    """Keep the tokens at least min_p times as probable as the most probable one. Source: Nguyen et al. 2024."""
    p = _checked_probabilities(p)
    real("min_p", min_p, most=1)
    return _keep(p, np.flatnonzero(p >= min_p * p.max()))


def repetition_penalty(logits, previous_ids, penalty: float) -> np.ndarray:
    """Logits (V,), smaller for tokens that have already occurred: divided by the penalty if positive, else multiplied.

    A penalty of 1 changes nothing. Source: Keskar et al. 2019 (CTRL), section 4.1, in the form that's common today.
    """
    real("penalty", penalty, above=True)
    z = _checked_logits(logits).copy()
    seen = sorted({int(i) for i in previous_ids})
    if seen and not 0 <= seen[0] <= seen[-1] < len(z):
        raise ValueError(f"Token ids must be from 0 to {len(z) - 1}; got {seen[0]} to {seen[-1]}.")
    z[seen] = np.where(z[seen] > 0, z[seen] / penalty, z[seen] * penalty)
    return z


def next_distribution(
    logits,
    *,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    min_p: float | None = None,
) -> np.ndarray:
    """Logits (V,) → the probabilities to draw from (V,): temperature, then top-k, top-p, and min-p, in this order."""
    p = softmax(logits, temperature)
    if top_k is not None:
        p = top_k_filter(p, top_k)
    if top_p is not None:
        p = top_p_filter(p, top_p)
    if min_p is not None:
        p = min_p_filter(p, min_p)
    return p


def sample(p, *, rng: np.random.Generator | Mulberry32) -> int:
    """Draw one token from probabilities (V,). One uniform number; the first token whose cumulative sum exceeds it."""
    return int(samples(p, 1, rng=rng)[0])


def samples(p, n: int, *, rng: np.random.Generator | Mulberry32) -> np.ndarray:
    """Draw n tokens independently from probabilities (V,): integers (n,). A token of probability 0 is never drawn."""
    n = whole("n", n, least=0)
    cumulative = np.cumsum(_checked_probabilities(p))
    return np.searchsorted(cumulative, rng.random(n) * cumulative[-1], side="right")


class Mulberry32:
    """Uniform numbers in [0, 1), the same in Python and on the page, so a seed gives the same text in both.

    seed: a whole number below 2³². `random` works as in `np.random.Generator`, so you can pass this as `rng`.
    Source: Tommy Ettinger's mulberry32, in the public domain. 32 bits of state are enough for drawing tokens.
    """

    def __init__(self, seed: int):
        self.state = whole("seed", seed, least=0, most=(1 << 32) - 1)

    def random(self, n: int | None = None):
        """One uniform number, or n of them as an array (n,)."""
        steps = np.arange(1, 2 if n is None else n + 1, dtype=np.uint64) * 0x6D2B79F5 + self.state
        self.state = int(steps[-1] if len(steps) else self.state) % (1 << 32)
        a = steps.astype(np.uint32)  # keeps the low 32 bits, as do the products below
        t = (a ^ (a >> 15)) * (a | np.uint32(1))
        t ^= t + (t ^ (t >> 7)) * (t | np.uint32(61))
        u = (t ^ (t >> 14)) / 4294967296
        return float(u[0]) if n is None else u


def entropy(p) -> np.ndarray | float:
    """−Σ p log p along the last axis, in nats: (…, V) → (…). 0 when one token is certain, log V when all are equal."""
    p = np.asarray(p, dtype=np.float64)
    return -(p * np.log(np.where(p > 0, p, 1))).sum(axis=-1) + 0.0


def wilson(right: int, n: int, z: float = 1.96) -> tuple[float, float]:
    """The true rates that `right` of n draws are compatible with: Wilson's score interval, 95% with z = 1.96."""
    whole("n", n)
    whole("right", right, least=0, most=n)
    middle, half = right + z * z / 2, z * np.sqrt(right * (n - right) / n + z * z / 4)
    return float((middle - half) / (n + z * z)), float((middle + half) / (n + z * z))


def perplexity(p) -> np.ndarray | float:
    """exp(entropy): as uncertain as a fair choice among that many tokens."""
    return np.exp(entropy(p))


# How to choose, for `GPT.generate`


def greedy(logits, ids) -> int:
    """The token with the largest of the logits (V,), or the first one if several tie. The `ids` so far don't matter."""
    return int(_checked_logits(logits).argmax())


def chooser(
    *,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    min_p: float | None = None,
    penalty: float = 1.0,
    window: int | None = None,
    rng: np.random.Generator | Mulberry32 | None = None,
) -> Callable[[np.ndarray, Sequence[int]], int]:
    """A function (logits (V,), ids so far) → next id, which draws from `next_distribution`.

    penalty: the `repetition_penalty` for tokens among the last `window` ids, or among all of them. rng: the random
    generator, which temperature 0 doesn't need.
    """
    real("temperature", temperature)
    real("penalty", penalty, above=True)
    for name, count in (("top_k", top_k), ("window", window)):
        if count is not None:
            whole(name, count)
    for name, share in (("top_p", top_p), ("min_p", min_p)):
        if share is not None:
            real(name, share, most=1)
    if rng is None and temperature != 0:
        raise ValueError("Drawing needs random numbers. Pass rng=np.random.default_rng(1), or temperature=0.")

    def choose(logits, ids) -> int:
        recent = ids if window is None else ids[-window:]
        z = logits if penalty == 1 else repetition_penalty(logits, recent, penalty)
        p = next_distribution(z, temperature=temperature, top_k=top_k, top_p=top_p, min_p=min_p)
        return int(p.argmax()) if temperature == 0 or rng is None else sample(p, rng=rng)

    return choose


def beam_search(
    next_log_probs: Callable[[list[list[int]]], np.ndarray],
    prompt: Sequence[int],
    *,
    width: int,
    steps: int,
    end: int | None = None,
    length_penalty: float = 0.0,
) -> list[tuple[list[int], float]]:
    """Up to `width` texts (the prompt with its continuation) and their scores, best first.

    next_log_probs: n lists of ids → log-probabilities of the next token (n, V). A text that reaches the token `end` is
    finished. Its score is the sum of its log-probabilities, divided by its length without the prompt to the power
    `length_penalty`. With `width` 1 this is greedy.
    Sources: Sutskever, Vinyals, and Le 2014; for the division, Wu et al. 2016, section 7, without their constant.
    """
    whole("width", width)
    whole("steps", steps)
    real("length_penalty", length_penalty)
    start = [int(i) for i in prompt]
    beams = [(0.0, 0.0, start, False)]  # (score, sum of log-probabilities, ids, finished)
    for length in range(1, steps + 1):
        live = [beam for beam in beams if not beam[3]]
        if not live:
            break
        log_p = np.asarray(next_log_probs([ids for _, _, ids, _ in live]), dtype=np.float64)
        if log_p.ndim != 2 or len(log_p) != len(live) or np.isnan(log_p).any() or log_p.max() > 1e-6:
            raise ValueError(
                f"next_log_probs must return one row of log-probabilities (at most 0) for each list; got shape "
                f"{log_p.shape} for {len(live)} lists."
            )
        beams = [beam for beam in beams if beam[3]]
        for (_, total, ids, _), row in zip(live, log_p):
            for token in _ranking(row)[:width]:
                if row[token] > -np.inf:
                    new = total + float(row[token])
                    beams.append((new / length**length_penalty, new, [*ids, int(token)], token == end))
        beams = sorted(beams, key=lambda beam: -beam[0])[:width]
    return [(ids, score) for score, _, ids, _ in beams]


def _ranking(values: np.ndarray) -> np.ndarray:
    """Token ids from the largest value to the smallest; ties keep their order."""
    return np.argsort(-values, kind="stable")


def _keep(p: np.ndarray, ids: np.ndarray) -> np.ndarray:
    kept = np.zeros_like(p)
    kept[ids] = p[ids]
    return kept / kept.sum()


def _checked_logits(logits) -> np.ndarray:
    z = np.asarray(logits, dtype=np.float64)
    if z.ndim == 0 or z.size == 0:
        raise ValueError(f"Logits must hold one number for each token; got shape {z.shape}.")
    if np.isnan(z).any() or (z == np.inf).any():
        raise ValueError("Logits must be numbers or −inf; got NaN or +inf. Look at the model that made them.")
    if (z.max(axis=-1) == -np.inf).any():
        raise ValueError("At least one logit must be finite; got only −inf, so no token is possible.")
    return z


def _checked_probabilities(p) -> np.ndarray:
    p = np.asarray(p, dtype=np.float64)
    if p.ndim != 1 or p.size == 0 or not (p >= 0).all() or not abs(p.sum() - 1) < 1e-3:
        raise ValueError(
            f"Probabilities must be one row of nonnegative numbers that sum to 1; got shape {p.shape} with the sum "
            f"{p.sum():.4g}. To make them from logits, use `softmax`."
        )
    return p
