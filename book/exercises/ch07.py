"""The exercises of chapter 7: cutting a distribution, drawing from it, and a cache."""

import numpy as np

from helpers.sampling import softmax

from .engine import ByHand, Exercise, Explore, Verdict, words
from .say import scored

WORDS = words(__file__)

# 7.1

four_tokens = ByHand(WORDS["four_tokens"])

# 7.2: all sums are exact in floating point, so a limit can be reached exactly

ROW = np.array([0.125, 0.5, 0.0625, 0.25, 0.0625])
TABLE = np.array([ROW, [0.25, 0.25, 0.25, 0.125, 0.125], [0, 0, 1, 0, 0], [0.0625, 0.0625, 0.125, 0.25, 0.5]])


def ranked(p, sign=-1):
    """The order of each row, the most probable first, and the probabilities in that order."""
    order = np.argsort(sign * p, axis=-1, kind="stable")
    return order, np.take_along_axis(p, order, axis=-1)


def through(held):
    """The running sums of each row, with the probability itself."""
    return np.cumsum(held, axis=-1)


def first(held):
    return np.arange(held.shape[-1]) == 0


def cut_rows(p, keep, sign=-1):
    """The rows with what `keep(held)` says of the ranked probabilities, and 0 for the rest; not yet scaled."""
    order, held = ranked(p, sign)
    q = np.zeros_like(p)
    np.put_along_axis(q, order, np.where(keep(held), held, 0), axis=-1)
    return q


def scaled(q):
    return q / q.sum(axis=-1, keepdims=True)


def up_to(share):
    """What top-p keeps."""
    return lambda held: (through(held) - held < share) | first(held)


def with_ties(p, share):
    _, held = ranked(p)
    return scaled(np.where(p >= np.where(up_to(share)(held), held, 1).min(axis=-1, keepdims=True), p, 0))


top_p_batch = Exercise(WORDS["top_p_batch"], lambda p, share: scaled(cut_rows(p, up_to(share))), exact_shape=True)
top_p_batch.inputs = {
    "one row in a batch": (ROW[None], 0.8),
    "four rows": (TABLE, 0.7),
    "a limit that two tokens reach exactly": (ROW[None], 0.75),
    "a limit below the largest probability": (ROW[None], 0.3),
    "a limit of 0": (TABLE[:2], 0),
    "a limit of 1": (TABLE[[0, 3]], 1),
    "equal probabilities": (np.full((2, 4), 0.25), 0.6),
}
top_p_batch.mistakes = {
    "drops_the_crossing_token": lambda p, share: scaled(cut_rows(p, lambda held: through(held) <= share)),
    "drops_the_crossing_token_but_one": lambda p, share: scaled(
        cut_rows(p, lambda held: (through(held) <= share) | first(held))
    ),
    "does_not_scale": lambda p, share: cut_rows(p, up_to(share)),
    "scales_by_the_whole": lambda p, share: (q := cut_rows(p, up_to(share))) / q.sum(),
    "stays_sorted": lambda p, share: scaled((held := ranked(p)[1]) * up_to(share)(held)),
    "least_probable_first": lambda p, share: scaled(cut_rows(p, up_to(share), sign=1)),
    "nothing_at_zero": lambda p, share: scaled(cut_rows(p, lambda held: through(held) - held < share)),
    "one_more_when_reached": lambda p, share: scaled(cut_rows(p, lambda held: through(held) - held <= share)),
    "ties_of_the_last": with_ties,
}

# 7.3

Z = np.array([1.5, -0.5, 3.0, -2.0, 0.25, 3.5])


def only(z, kept, rest=-np.inf):
    return np.where(np.isin(np.arange(len(z)), kept), z, rest)


def largest(z, k):
    return np.argsort(-z, kind="stable")[:k]


top_k_logits = Exercise(WORDS["top_k_logits"], lambda z, k: only(z, largest(z, k)))
top_k_logits.inputs = {
    "six logits": (Z, 3),
    "k = 1": (Z, 1),
    "negative logits": (Z - 5, 3),
    "a tie at the cut": (np.array([2.0, 1.0, 0.0, 1.0, 1.0]), 2),
    "logits that are all equal": (np.zeros(5), 3),
    "k as large as the vocabulary": (Z, 6),
    "k larger than the vocabulary": (Z, 9),
}
top_k_logits.mistakes = {
    "keeps_ties": lambda z, k: np.where(z >= np.sort(z)[max(-k, -len(z))], z, -np.inf),
    "drops_ties": lambda z, k: np.where(z > (np.sort(z)[-k - 1] if k < len(z) else -np.inf), z, -np.inf),
    "last_of_the_equals": lambda z, k: only(z, np.argsort(z, kind="stable")[::-1][:k]),
    "zero_for_minus_infinity": lambda z, k: only(z, largest(z, k), rest=0),
    "the_smallest": lambda z, k: only(z, largest(-z, k)),
    "one_too_many_kept": lambda z, k: only(z, largest(z, k + 1)),
    "as_probabilities": lambda z, k: softmax(only(z, largest(z, k))),
}

# 7.4

_rng = np.random.default_rng(7)
WEIGHTS = {name: _rng.normal(0, 1, shape) for name, shape in (("E", (6, 4)), ("P", (12, 4)))}
WEIGHTS |= {name: _rng.normal(0, 0.8, (4, 4)) for name in ("q", "k", "v")}


def walk(step, tokens, w):
    """Everything the steps return, and what the cache holds at the end."""
    cache = {"k": [], "v": []}
    outputs = [np.array(step(token, cache, w)) for token in tokens]
    return {"outputs": np.array(outputs), "keys": np.array(cache["k"]), "values": np.array(cache["v"])}


def one_step(token, cache, w, *, offset=0, scale=0.5, newest=0, values="v"):
    """One step with a cache. The options are ways to get it wrong."""
    x = w["E"][token] + w["P"][len(cache["k"]) + offset]
    cache["k"].append(x @ w["k"])
    cache["v"].append(x @ w["v"])
    k, v = np.array(cache["k"])[-newest:], np.array(cache[values])[-newest:]
    return softmax(k @ (x @ w["q"]) * scale) @ v


def looks_before_it_stores(token, cache, w):
    x = w["E"][token] + w["P"][len(cache["k"])]
    k, v = np.array(cache["k"]).reshape(-1, 4), np.array(cache["v"]).reshape(-1, 4)
    e = np.exp(k @ (x @ w["q"]) / 2)
    cache["k"].append(x @ w["k"])
    cache["v"].append(x @ w["v"])
    return e / e.sum() @ v


cached_step = Exercise(WORDS["cached_step"], lambda token, cache, w: one_step(token, cache, w), run=walk)
cached_step.inputs = {
    "the first token": ([2], WEIGHTS),
    "two tokens": ([2, 5], WEIGHTS),
    "eight tokens": ([3, 1, 4, 1, 5, 0, 2, 3], WEIGHTS),
    "the same token four times": ([4, 4, 4, 4], WEIGHTS),
}
cached_step.mistakes = {
    "one_position_late": lambda *args: one_step(*args, offset=1),
    "always_the_first_position": lambda token, cache, w: one_step(token, cache, w, offset=-len(cache["k"])),
    "one_position_early": lambda *args: one_step(*args, offset=-1),
    "no_position": lambda token, cache, w: one_step(token, cache, {**w, "P": np.zeros_like(w["P"])}),
    "only_itself": lambda *args: one_step(*args, newest=1),
    "forgets_to_scale": lambda *args: one_step(*args, scale=1),
    "divides_by_the_width": lambda *args: one_step(*args, scale=0.25),
    "mixes_keys": lambda *args: one_step(*args, values="k"),
    "keeps_nothing": lambda token, cache, w: one_step(token, {"k": cache["k"][:], "v": cache["v"][:]}, w),
    "looks_before_it_stores": looks_before_it_stores,
}

# 7.5


@Explore
def own_cut(cut):
    rng = np.random.default_rng(0)
    rows = {
        "a sure row": softmax(np.append(rng.normal(0, 1, 39), 9.0)),
        "an open row": softmax(np.append(rng.normal(0, 1, 28), rng.normal(4, 0.5, 12))),
        "a heated row": softmax(np.append(rng.normal(0, 1, 38), [9.0, 8.5]) / 2.5),
        "twelve equals": np.append(np.full(12, 0.08), np.full(28, 0.04 / 28)),
    }
    counts = {}
    for name, p in rows.items():
        q = np.asarray(cut(p.copy()), float).ravel()
        if q.shape != p.shape:
            return f"Your row must have {len(p)} probabilities; got {len(q)}. Give a token that's cut a 0."
        if not np.isclose(q.sum(), 1) or q.min() < 0:
            return f"For {name}, your numbers sum to {q.sum():.3g}. Probabilities are never negative and sum to 1."
        left = q > 1e-12
        if not np.allclose(q[left], p[left] / p[left].sum()):
            return f"For {name}, your rule does more than cut. All the survivors should grow by the same factor."
        if p[left].min() < p[~left].max(initial=0) - 1e-12:
            return f"For {name}, a token survives that's less likely than one you cut. Cut the least likely ones first."
        counts[name] = int(left.sum())
    if all(counts[name] == len(p) for name, p in rows.items()):
        return "You didn't cut anything. Decide which tokens you'd never want to see."
    if len(set(counts.values())) == 1:
        return f"You always keep {counts['a sure row']} tokens, and that's top-k. Let the distribution say how many."
    goals = {
        "keep at most two where the model is sure": counts["a sure row"] <= 2,
        "leave a choice of eight or more where it's open": counts["an open row"] >= 8,
        "keep at most four when two leaders are heated": counts["a heated row"] <= 4,
        "treat equal tokens equally": counts["twelve equals"] in (12, 40),
    }
    survivors = ", ".join(f"{n} of {name}" for name, n in counts.items())
    return Verdict(f"Survivors: {survivors}.\n{scored(goals)}", passed=True)
