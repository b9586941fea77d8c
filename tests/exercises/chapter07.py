"""What readers may write in chapter 7."""

import numpy as np

from book.exercises import check

from . import other_style, wrong


@other_style(check.ch07.top_p_batch)
def row_by_row(p, share):
    rows = []
    for row in p:
        total, kept = 0, np.zeros(len(row))
        for i in sorted(range(len(row)), key=lambda i: -row[i]):
            if total >= share and total > 0:
                break
            total += row[i]
            kept[i] = row[i]
        rows.append((kept / total).tolist())
    return rows


@wrong(check.ch07.top_p_batch, "drops_the_crossing_token_but_one")
def stops_too_early(p, share):
    q = np.zeros_like(p)
    for row, kept in zip(p, q):
        order = np.argsort(-row, kind="stable")
        n = max(1, np.searchsorted(np.cumsum(row[order]), share, side="right"))
        kept[order[:n]] = row[order[:n]]
    return q / q.sum(axis=1)[:, None]


@wrong(check.ch07.top_p_batch, "does_not_scale")
def leaves_the_rest_open(p, share):
    q = np.zeros_like(p)
    for i, row in enumerate(p):
        order = np.argsort(-row, kind="stable")
        before = np.concatenate([[0], np.cumsum(row[order])[:-1]])
        keep = order[(before < share) | (before == 0)]
        q[i, keep] = row[keep]
    return q


@wrong(check.ch07.top_p_batch, "Your code crashed with")
def as_in_the_chapter(p, share):
    order = np.argsort(-p, kind="stable")
    before = np.cumsum(p[order]) - p[order]
    keep = order[before < share]
    q = np.zeros_like(p)
    q[keep] = p[keep]
    return q / q.sum()


@other_style(check.ch07.top_k_logits)
def one_at_a_time(z, k):
    left, cut = list(z), [-np.inf] * len(z)
    for _ in range(min(k, len(z))):
        i = int(np.argmax(left))
        cut[i], left[i] = z[i], -np.inf
    return cut


@wrong(check.ch07.top_k_logits, "keeps_ties")
def by_a_threshold(z, k):
    threshold = sorted(z, reverse=True)[:k][-1]
    return [x if x >= threshold else -np.inf for x in z]


@wrong(check.ch07.top_k_logits, "zero_for_minus_infinity")
def times_a_mask(z, k):
    keep = np.zeros(len(z))
    keep[np.argsort(-z, kind="stable")[:k]] = 1
    return z * keep


@wrong(check.ch07.top_k_logits, "last_of_the_equals")
def reversed_order(z, k):
    keep = np.flip(np.argsort(z, kind="stable"))[:k]
    return np.where(np.isin(np.arange(len(z)), keep), z, -np.inf)


@other_style(check.ch07.cached_step)
def with_a_loop(token, cache, w):
    x = w["E"][token] + w["P"][len(cache["v"])]
    query = x @ w["q"]
    cache["k"] += [x @ w["k"]]
    cache["v"] += [x @ w["v"]]
    weights = [np.exp(query @ key / len(query) ** 0.5) for key in cache["k"]]
    return sum(a * value for a, value in zip(weights, cache["v"])) / sum(weights)


@wrong(check.ch07.cached_step, "one_position_late")
def stored_and_then_counted(token, cache, w):
    cache["k"].append(None)
    x = w["E"][token] + w["P"][len(cache["k"])]
    cache["k"][-1] = x @ w["k"]
    cache["v"].append(x @ w["v"])
    scores = np.array(cache["k"]) @ (w["q"].T @ x) / 2
    e = np.exp(scores)
    return e @ np.array(cache["v"]) / e.sum()


@wrong(check.ch07.cached_step, "keeps_nothing")
def plus_instead_of_append(token, cache, w):
    x = w["E"][token] + w["P"][len(cache["k"])]
    k, v = np.array(cache["k"] + [x @ w["k"]]), np.array(cache["v"] + [x @ w["v"]])
    e = np.exp(k @ (x @ w["q"]) / 2)
    return e @ v / e.sum()


@wrong(check.ch07.cached_step, "only_itself")
def last_key_and_value(token, cache, w):
    x = w["E"][token] + w["P"][len(cache["k"])]
    cache["k"].append(x @ w["k"])
    cache["v"].append(x @ w["v"])
    return cache["v"][-1]


@other_style(check.ch07.own_cut, "when two leaders are heated; treat equal tokens equally.")
def tenth_of_the_best(p):
    q = np.where(p >= 0.1 * p.max(), p, 0)
    return q / q.sum()


other_style(check.ch07.own_cut, "It doesn't do this yet: keep at most four when two leaders are heated.")(
    lambda p: np.array(row_by_row(p[None], 0.9))[0]
)


@other_style(check.ch07.own_cut, "It doesn't do this yet: leave a choice of eight or more where it's open.")
def half_of_the_best(p):
    q = np.where(p >= p.max() / 2, p, 0)
    return q / q.sum()


@other_style(check.ch07.own_cut, "1 of a sure row")
def as_many_as_the_perplexity(p):
    n = max(1, round(float(np.exp(-(p * np.log(p)).sum()))))
    q = np.where(p >= np.sort(p)[-n], p, 0)
    return q / q.sum()


@wrong(check.ch07.own_cut, "that's top-k")
def best_five(p):
    q = np.zeros_like(p)
    q[np.argsort(-p)[:5]] = np.sort(-p)[:5] * -1
    return q / q.sum()


wrong(check.ch07.own_cut, "does more than cut")(lambda p: p**2 / (p**2).sum())


@wrong(check.ch07.own_cut, "less likely than one you cut")
def without_the_best(p):
    q = np.where(p < p.max(), p, 0)
    return q / q.sum()


@wrong(check.ch07.own_cut, "must have 40 probabilities; got 1")
def only_the_survivors(p):
    q = p[p >= 0.1 * p.max()]
    return q / q.sum()
