"""The exercises of chapter 7: cutting a distribution, drawing from it, and a cache."""

import numpy as np

from .engine import Verdict, by_hand, exercise, explore


def softmax(z):
    e = np.exp(z - z.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


# 7.1


@by_hand()
def four_tokens():
    """a, b, c, d have 0.5, 0.25, 0.15, 0.1; top-p 0.7, min-p 0.25, T = ½, a dart at 0.8; the penalty 2 on 3 and −3."""
    return {"top_p": 2 / 3, "min_p": 5 / 9, "cold": 50 / 69, "dart": "c", "high": 1.5, "low": -6}


@four_tokens.mistake
def crossing_token_dropped():
    """*a* alone holds 0.5, and 0.7 was asked for. The token that crosses the limit stays in."""
    return {"top_p": 1}


@four_tokens.mistake
def not_scaled():
    """This is its share before the cut. What do the tokens that are left sum to, and what should they?"""
    return {"top_p": 0.5, "min_p": 0.5}


@four_tokens.mistake
def one_too_many():
    """The first two hold 0.75 already. How many tokens does it take to reach 0.7?"""
    return {"top_p": 5 / 9}


@four_tokens.mistake
def against_one():
    """You kept what is at least 0.25. Min-p compares with a share of the largest, and not of 1."""
    return {"min_p": 2 / 3}


@four_tokens.mistake
def all_but_none():
    """No token was cut off here. Which of them is less than a quarter as probable as *a*?"""
    return {"min_p": 0.49}


@four_tokens.mistake
def made_hot():
    """This is *a* at temperature 2: cold makes the likely likelier. What does dividing a logarithm by ½ do?"""
    roots = np.sqrt([0.5, 0.25, 0.15, 0.1])
    return {"cold": roots[0] / roots.sum()}


@four_tokens.mistake
def only_squared():
    """This is the square of *a*'s probability. Do the four squares sum to 1?"""
    return {"cold": 0.25}


@four_tokens.mistake
def the_largest():
    """*a* has the piece from 0 to 0.5. Where do the other pieces end?"""
    return {"dart": "a"}


@four_tokens.mistake
def one_piece_early():
    """The piece of *b* ends at 0.75, and the dart hits 0.8."""
    return {"dart": "b"}


@four_tokens.mistake
def raised():
    """This is above −3: the penalty has become a reward. Which way must a negative logit go?"""
    return {"low": -1.5}


@four_tokens.mistake
def multiplied_as_well():
    """A positive logit becomes smaller when it is divided; this one has grown."""
    return {"high": 6}


# 7.2: all sums are exact in floating point, so that a limit can be reached exactly

ROW = np.array([0.125, 0.5, 0.0625, 0.25, 0.0625])
TABLE = np.array([ROW, [0.25, 0.25, 0.25, 0.125, 0.125], [0, 0, 1, 0, 0], [0.0625, 0.0625, 0.125, 0.25, 0.5]])


@exercise(
    {
        "one row in a batch": (ROW[None], 0.8),
        "four rows": (TABLE, 0.7),
        "a limit that two tokens reach exactly": (ROW[None], 0.75),
        "a limit below the largest": (ROW[None], 0.3),
        "the limit 0": (TABLE[:2], 0),
        "the limit 1": (TABLE[[0, 3]], 1),
        "equal probabilities": (np.full((2, 4), 0.25), 0.6),
    },
    exact_shape=True,
)
def top_p_batch(p, share):
    order = np.argsort(-p, axis=-1, kind="stable")
    held = np.take_along_axis(p, order, axis=-1)
    before = np.cumsum(held, axis=-1) - held
    keep = before < share
    keep[:, 0] = True
    q = np.zeros_like(p)
    np.put_along_axis(q, order, np.where(keep, held, 0), axis=-1)
    return q / q.sum(axis=-1, keepdims=True)


def kept_by(p, share, keeps, scaled=True, put_back=True):
    """A wrong top-p: `keeps(held, share)` says which of the sorted ones survive."""
    order = np.argsort(-p, axis=-1, kind="stable")
    held = np.take_along_axis(p, order, axis=-1)
    q = np.where(keeps(held, share), held, 0)
    if put_back:
        np.put_along_axis(r := np.zeros_like(q), order, q, axis=-1)
        q = r
    return q / q.sum(axis=-1, keepdims=True) if scaled else q


def before_or_first(held, share):
    return (np.cumsum(held, axis=-1) - held < share) | (np.arange(held.shape[-1]) == 0)


@top_p_batch.mistake
def drops_the_crossing_token(p, share):
    """The token that crosses the limit is gone, and where the limit is below the largest, nothing is left to draw.
    Compare with the sum of the tokens *before* each one."""
    return kept_by(p, share, lambda held, share: np.cumsum(held, axis=-1) <= share)


@top_p_batch.mistake
def drops_the_crossing_token_but_one(p, share):
    """One token always survives, which is right, and the token that crosses the limit is dropped wherever there are
    others. What should the survivors hold at least?"""
    return kept_by(p, share, lambda held, share: (np.cumsum(held, axis=-1) <= share) | (np.arange(held.shape[-1]) == 0))


@top_p_batch.mistake
def does_not_scale(p, share):
    """The right tokens survive, and the rows do not sum to 1."""
    return kept_by(p, share, before_or_first, scaled=False)


@top_p_batch.mistake
def scales_by_the_whole(p, share):
    """The numbers of the whole batch sum to 1. Each row is a distribution of its own: which axis, and `keepdims`?"""
    q = kept_by(p, share, before_or_first, scaled=False)
    return q / q.sum()


@top_p_batch.mistake
def stays_sorted(p, share):
    """The numbers are right and stand in the wrong places: sorted. Each has to go back to its own token."""
    return kept_by(p, share, before_or_first, put_back=False)


@top_p_batch.mistake
def least_probable_first(p, share):
    """The *least* probable tokens survive. In which direction does `np.argsort` sort?"""
    order = np.argsort(p, axis=-1, kind="stable")
    held = np.take_along_axis(p, order, axis=-1)
    q = np.zeros_like(p)
    np.put_along_axis(q, order, np.where(before_or_first(held, share), held, 0), axis=-1)
    return q / q.sum(axis=-1, keepdims=True)


@top_p_batch.mistake
def nothing_at_zero(p, share):
    """Right but for the limit 0, where no token survives, and 0 / 0 is not a number. One always has to stay."""
    return kept_by(p, share, lambda held, share: np.cumsum(held, axis=-1) - held < share)


@top_p_batch.mistake
def one_more_when_reached(p, share):
    """If the limit is reached exactly, you take one token more. The first two hold 0.75: is that not 0.75?"""
    return kept_by(p, share, lambda held, share: np.cumsum(held, axis=-1) - held <= share)


@top_p_batch.mistake
def ties_of_the_last(p, share):
    """Tokens as probable as the last survivor survive with it, so more of them stay than the limit needs. Count how
    many are left of four equal ones."""
    held = -np.sort(-p, axis=-1)
    least = np.where(before_or_first(held, share), held, np.inf).min(axis=-1, keepdims=True)
    q = np.where(p >= least, p, 0)
    return q / q.sum(axis=-1, keepdims=True)


# 7.3

Z = np.array([1.5, -0.5, 3.0, -2.0, 0.25, 3.5])


@exercise(
    {
        "six logits": (Z, 3),
        "k = 1": (Z, 1),
        "negative logits": (Z - 5, 3),
        "a tie at the border": (np.array([2.0, 1.0, 0.0, 1.0, 1.0]), 2),
        "logits that are all equal": (np.zeros(5), 3),
        "k as large as the vocabulary": (Z, 6),
        "k larger than the vocabulary": (Z, 9),
    }
)
def top_k_logits(z, k):
    cut = np.full(len(z), -np.inf)
    order = np.argsort(-z, kind="stable")[:k]
    cut[order] = z[order]
    return cut


@top_k_logits.mistake
def keeps_ties(z, k):
    """On a tie at the border more than k survive: all of them are at least as large as the k-th. Which come first?"""
    return np.where(z >= np.sort(z)[max(-k, -len(z))], z, -np.inf)


@top_k_logits.mistake
def drops_ties(z, k):
    """You keep what is *larger* than some number, and at a tie fewer than k survive. Count them on equal logits."""
    return np.where(z > (np.sort(z)[-k - 1] if k < len(z) else -np.inf), z, -np.inf)


@top_k_logits.mistake
def last_of_the_equals(z, k):
    """Of equal logits, the last ones survive. Sorting upward and reversing turns the order of equals round, too."""
    cut = np.full(len(z), -np.inf)
    order = np.argsort(z, kind="stable")[::-1][:k]
    cut[order] = z[order]
    return cut


@top_k_logits.mistake
def zero_for_minus_infinity(z, k):
    """The tokens that were cut off have the logit 0. What does softmax give for it: e to the power of 0 is …?"""
    return np.where(np.isinf(top_k_logits.right(z, k)), 0, z)


@top_k_logits.mistake
def the_smallest(z, k):
    """The k *smallest* survive. In which direction does `np.argsort` sort?"""
    cut = np.full(len(z), -np.inf)
    order = np.argsort(z, kind="stable")[:k]
    cut[order] = z[order]
    return cut


@top_k_logits.mistake
def one_too_many_kept(z, k):
    """One more than k survives. An index that counts from the end begins at −1, not at 0."""
    return top_k_logits.right(z, k + 1)


@top_k_logits.mistake
def as_probabilities(z, k):
    """Probabilities come back. Logits were asked for, so that a temperature can still follow."""
    return softmax(top_k_logits.right(z, k))


# 7.4

DRAWS = 1000


def shares_of_draws(draw, z, T):
    """What share of many draws falls on each token."""
    rng = np.random.default_rng(0)
    drawn = [draw(z, T, rng) for _ in range(DRAWS)]
    return np.bincount(drawn, minlength=len(z)) / DRAWS


OPEN = np.array([1.0, 2.5, 3.0, -1.0])


@exercise(
    {
        "four logits at T = 1": (OPEN, 1),
        "T = 3": (OPEN, 3),
        "T = 0.4": (OPEN, 0.4),
        "negative logits": (OPEN - 5, 1),
        "T = 0": (OPEN, 0),
    },
    run=shares_of_draws,
    atol=0.06,  # four standard errors
    praise="The shares of 1,000 draws fit, at each temperature.",
)
def token_from_logits(z, T, rng):
    if T == 0:
        return z.argmax()
    return dart(softmax(z / T), rng)


def dart(p, rng):
    return np.searchsorted(np.cumsum(p), rng.random(), side="right")


@token_from_logits.mistake
def no_case_for_zero(z, T, rng):
    """Right at every temperature but 0. Nobody can divide by 0: what should T = 0 mean?"""
    if T == 0:
        raise ValueError("probabilities contain NaN")
    return token_from_logits.right(z, T, rng)


@token_from_logits.mistake
def logits_as_probabilities(z, T, rng):
    """Some of these "probabilities" are negative, and `rng.choice` refuses. Logits are scores: what makes probabilities
    of them?"""
    return z.argmax() if T == 0 else rng.choice(len(z), p=z / z.sum())


@token_from_logits.mistake
def first_token_at_zero(z, T, rng):
    """Right at every temperature but 0: there, ∞ − ∞ is not a number, and the dart always hits the first token. What
    should T = 0 mean?"""
    return 0 if T == 0 else token_from_logits.right(z, T, rng)


@token_from_logits.mistake
def past_the_end_at_zero(z, T, rng):
    """Right at every temperature but 0: there, ∞ − ∞ is not a number, and the dart flies past all the pieces."""
    return len(z) if T == 0 else token_from_logits.right(z, T, rng)


@token_from_logits.mistake
def from_the_logits(z, T, rng):
    """The shares follow the logits themselves. Logits are scores, some are negative, and a token that is one point
    ahead is *e* times as probable. What makes probabilities of them?"""
    if T == 0:
        return z.argmax()
    q = np.maximum(z, 0)
    return dart(q / q.sum(), rng)


@token_from_logits.mistake
def from_shifted_logits(z, T, rng):
    """The shares follow the logits, moved up so that none is negative. A token that is one point ahead should be *e*
    times as probable, wherever the points begin."""
    if T == 0:
        return z.argmax()
    q = z - z.min()
    return dart(q / q.sum(), rng)


@token_from_logits.mistake
def always_the_best(z, T, rng):
    """Every draw gives the same token. That is right at T = 0, and only there."""
    return z.argmax()


@token_from_logits.mistake
def multiplied_by_T(z, T, rng):
    """At T = 3 the leader gets more than at T = 1, and should get less. Multiply, or divide?"""
    return z.argmax() if T == 0 else dart(softmax(z * T), rng)


@token_from_logits.mistake
def multiplied_by_T_always(z, T, rng):
    """At T = 3 the leader gets more than at T = 1, and at T = 0 all get the same. Multiply, or divide?"""
    return dart(softmax(z * T), rng)


@token_from_logits.mistake
def without_T(z, T, rng):
    """The shares are right for T = 1, whatever T is. Where does T come in?"""
    return z.argmax() if T == 0 else dart(softmax(z), rng)


@token_from_logits.mistake
def all_alike(z, T, rng):
    """All tokens come equally often. `rng.choice` does so, unless it is told the probabilities."""
    return rng.integers(len(z))


@token_from_logits.mistake
def one_token_early(z, T, rng):
    """Each share is at its neighbor's place. The pieces end at the cumulative sums: which piece lies *before* the first
    of these ends?"""
    return z.argmax() if T == 0 else (token_from_logits.right(z, T, rng) - 1) % len(z)


# 7.5

rng = np.random.default_rng(7)
WEIGHTS = {name: rng.normal(0, 1, shape) for name, shape in (("E", (6, 4)), ("P", (12, 4)))}
WEIGHTS |= {name: rng.normal(0, 0.8, (4, 4)) for name in ("q", "k", "v")}
del rng


def walk(step, tokens, w):
    """All that the steps return, and what the cache holds at the end."""
    cache = {"k": [], "v": []}
    outputs = [np.array(step(token, cache, w)) for token in tokens]
    return {"outputs": np.array(outputs), "keys": np.array(cache["k"]), "values": np.array(cache["v"])}


@exercise(
    {
        "the first token": ([2], WEIGHTS),
        "two tokens": ([2, 5], WEIGHTS),
        "eight tokens": ([3, 1, 4, 1, 5, 0, 2, 3], WEIGHTS),
        "one token again and again": ([4, 4, 4, 4], WEIGHTS),
    },
    run=walk,
    praise="Step by step, the same numbers as from the whole text at once.",
)
def cached_step(token, cache, w):
    return one_step(token, cache, w, position=len(cache["k"]))


def one_step(token, cache, w, position, scale=0.5, look=slice(None), store=True, values="v"):
    """One step with a cache, which may go wrong in one place."""
    x = w["E"][token] + w["P"][position]
    if store:
        cache["k"].append(x @ w["k"])
        cache["v"].append(x @ w["v"])
    k, v = np.array(cache["k"])[look], np.array(cache[values])[look]
    return softmax(k @ (x @ w["q"]) * scale) @ v


@cached_step.mistake
def one_position_late(token, cache, w):
    """Every token gets the position of the one that follows it. How long is the cache when the first token comes in,
    and when do you ask?"""
    return one_step(token, cache, w, position=len(cache["k"]) + 1)


@cached_step.mistake
def always_the_first_position(token, cache, w):
    """The first token is right. All others get the first one's position: where does a token stand that is new?"""
    return one_step(token, cache, w, position=0)


@cached_step.mistake
def one_position_early(token, cache, w):
    """The positions begin at −1, which NumPy reads as the last. Where does the first token stand?"""
    return one_step(token, cache, w, position=len(cache["k"]) - 1)


@cached_step.mistake
def no_position(token, cache, w):
    """No position comes in: the same token has the same key wherever it stands."""
    zero = {**w, "P": np.zeros_like(w["P"])}
    return one_step(token, cache, zero, position=0)


@cached_step.mistake
def only_itself(token, cache, w):
    """The first token is right. The others see nothing but themselves: is the newest value all that is kept?"""
    return one_step(token, cache, w, position=len(cache["k"]), look=slice(-1, None))


@cached_step.mistake
def forgets_to_scale(token, cache, w):
    """The cache is right, and the weights are too sharp. What are the scores divided by?"""
    return one_step(token, cache, w, position=len(cache["k"]), scale=1)


@cached_step.mistake
def divides_by_the_width(token, cache, w):
    """The cache is right, and the weights are too even: the scores are divided by D. By its root is enough."""
    return one_step(token, cache, w, position=len(cache["k"]), scale=0.25)


@cached_step.mistake
def mixes_keys(token, cache, w):
    """The weights are right, and they mix keys. What should a query get from the tokens that it looks at?"""
    return one_step(token, cache, w, position=len(cache["k"]), values="k")


@cached_step.mistake
def keeps_nothing(token, cache, w):
    """The cache is empty at the end. Who is to put the new key and value into it?"""
    copy = {name: list(rows) for name, rows in cache.items()}
    return one_step(token, copy, w, position=len(copy["k"]))


@cached_step.mistake
def looks_before_it_stores(token, cache, w):
    """A token does not see itself: you look into the cache before the new key and value are in it. The first token sees
    nothing at all."""
    x = w["E"][token] + w["P"][len(cache["k"])]
    k, v = np.array(cache["k"]).reshape(-1, 4), np.array(cache["v"]).reshape(-1, 4)
    e = np.exp(k @ (x @ w["q"]) / 2)
    cache["k"].append(x @ w["k"])
    cache["v"].append(x @ w["v"])
    return e / e.sum() @ v


# 7.6


def survivors(q):
    return int((q > 1e-12).sum())


@explore()
def own_cut(cut):
    rng = np.random.default_rng(0)
    rows = {
        "a sure row": softmax(np.append(rng.normal(0, 1, 39), 9.0)),
        "an open row": softmax(np.append(rng.normal(0, 1, 28), rng.normal(4, 0.5, 12))),
        "a heated row": softmax(np.append(rng.normal(0, 1, 38), [9.0, 8.5]) / 2.5),
        "twelve equals": np.append(np.full(12, 0.08), np.full(28, 0.04 / 28)),
    }
    results = {name: np.asarray(cut(p.copy()), float).ravel() for name, p in rows.items()}
    for name, p in rows.items():
        q = results[name]
        if q.shape != p.shape:
            return f"{len(p)} probabilities went in, and {len(q)} came out. A token that is cut off gets 0, and stays."
        if not np.isclose(q.sum(), 1) or q.min() < 0:
            return f"On {name}, what comes back sums to {q.sum():.3g}; it should be probabilities."
        if not np.allclose(q[q > 1e-12], p[q > 1e-12] / p[q > 1e-12].sum()):
            return f"On {name}, your rule changes more than it cuts: all survivors should grow by one factor."
        if p[q > 1e-12].min() < p[q <= 1e-12].max(initial=0) - 1e-12:
            return f"On {name}, a token survives that is less probable than one that was cut off."
    counts = {name: survivors(q) for name, q in results.items()}
    if all(counts[name] == len(p) for name, p in rows.items()):
        return "Nothing was cut off anywhere. Which tokens would you never want to see?"
    if len(set(counts.values())) == 1:
        return f"Always {counts['a sure row']} survive: this is top-k. Let the distribution say how many."
    wishes = {
        "lets at most two through where the model is sure": counts["a sure row"] <= 2,
        "leaves a choice of eight or more where it is open": counts["an open row"] >= 8,
        "lets no more than four through when two leaders are heated": counts["a heated row"] <= 4,
        "treats equals alike": counts["twelve equals"] in (12, 40),
    }
    kept, missed = [name for name in wishes if wishes[name]], [name for name in wishes if not wishes[name]]
    text = f"Survivors: {', '.join(f'{n} of {name}' for name, n in counts.items())}."
    text += f"\nYour rule {'; '.join(kept) or 'keeps none of the wishes'}."
    return Verdict(text + f"\nIt does not do this: {'; '.join(missed)}." * bool(missed), passed=True)
