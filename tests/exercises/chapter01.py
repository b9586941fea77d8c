"""What readers may write in chapter 1."""

import math
import random

import numpy as np

from book.exercises import check

from . import other_style, wrong


@other_style(check.ch01.context_counts)
def with_zip_and_setdefault(text, k):
    counts = {}
    for context, after in zip([text[i : i + k] for i in range(len(text))], text[k:]):
        counts.setdefault(context, {}).setdefault(after, 0)
        counts[context][after] += 1
    return counts


@wrong(check.ch01.context_counts, "last_one_missing")
def pairs_of_pairs(text, k):
    counts = {}
    for i in range(k, len(text) - 1):
        row = counts.setdefault(text[i - k : i], {})
        row[text[i]] = row.get(text[i], 0) + 1
    return counts


@wrong(check.ch01.context_counts, "`result['a']` is wrong: you get a list")
def list_of_what_followed(text, k):
    counts = {}
    for i in range(len(text) - k):
        counts.setdefault(text[i : i + k], []).append(text[i + k])
    return counts


@other_style(check.ch01.smoothed_bigram)
def a_loop_over_pairs(ids, V, add):
    rows = [[float(add)] * V for _ in range(V)]
    for i in range(1, len(ids)):
        rows[ids[i - 1]][ids[i]] += 1
    return [[n / sum(row) for n in row] if sum(row) else [1 / V] * V for row in rows]


@wrong(check.ch01.smoothed_bigram, "sums_lined_up_wrongly")
def no_keepdims(ids, V, add):
    N = np.full((V, V), float(add))
    np.add.at(N, (ids[:-1], ids[1:]), 1)
    return N / np.sum(N, axis=1)


@wrong(check.ch01.smoothed_bigram, "columns_divided")
def axis_zero(ids, V, add):
    N = np.full((V, V), float(add))
    for i, j in zip(ids, ids[1:]):
        N[i, j] += 1
    return np.array([[N[i, j] / N[:, j].sum() if N[:, j].sum() else 1 / V for j in range(V)] for i in range(V)])


@wrong(check.ch01.smoothed_bigram, "each_pair_once")
def fancy_indexing(ids, V, add):
    N = np.zeros((V, V))
    N[ids[:-1], ids[1:]] += 1
    N += add
    sums = N.sum(axis=1, keepdims=True)
    return np.divide(N, sums, out=np.full((V, V), 1 / V), where=sums > 0)


@wrong(check.ch01.smoothed_bigram, "empty_rows_left")
def nothing_special(ids, V, add):
    N = np.bincount(ids[:-1] * V + ids[1:], minlength=V * V).reshape(V, V) + add
    return N / N.sum(1)[:, None]


@other_style(check.ch01.perplexity)
def in_bits_throughout(P, ids):
    bits = [math.inf if P[i][j] == 0 else -math.log2(P[i][j]) for i, j in zip(ids, ids[1:])]
    return 2 ** (sum(bits) / len(bits))


@wrong(check.ch01.perplexity, "one_over_mean_probability")
def mean_of_p(P, ids):
    total = sum(P[i, j] for i, j in zip(ids, ids[1:]))
    return (len(ids) - 1) / total


@wrong(check.ch01.perplexity, "divided_by_characters")
def over_n(P, ids):
    surprise = 0.0
    for i in range(1, len(ids)):
        surprise -= np.log(P[ids[i - 1], ids[i]])
    return np.exp(surprise / len(ids))


wrong(check.ch01.perplexity, "e_to_the_bits")(lambda P, ids: np.exp(np.mean(-np.log2(P[ids[:-1], ids[1:]]))))
other_style(check.ch01.draw)(lambda counts, rng: rng.choice(len(counts), p=counts / counts.sum()))


@other_style(check.ch01.draw)
def a_bag_of_tokens(counts, rng):
    """Each token on as many slips as it was counted; ignores the generator, and that cannot be seen."""
    if counts.sum() < 1:
        counts = counts * 20
    slips = [token for token, n in enumerate(counts) for _ in range(round(float(n)))]
    return slips[random.Random(int(rng.integers(1 << 30))).randrange(len(slips))]


wrong(check.ch01.draw, "always_the_largest")(
    lambda counts, rng: max(range(len(counts)), key=lambda token: counts[token])
)


@wrong(check.ch01.draw, "not_normalized")
def dart_on_a_long_stick(counts, rng):
    dart = rng.random()
    for token, end in enumerate(np.cumsum(counts)):
        if dart < end:
            return token
    return len(counts) - 1


wrong(check.ch01.draw, "Probabilities do not sum to 1")(lambda counts, rng: rng.choice(len(counts), p=counts))
other_style(check.ch01.memory_of_two)(lambda n: "aabb" * (n // 4))
wrong(check.ch01.memory_of_two, "The bigram's loss must be")(lambda n: ("ab" * n)[:n])


@wrong(check.ch01.memory_of_two, "The trigram's loss may be")
def coin(n):
    rng = np.random.default_rng(0)
    return "".join(rng.choice(list("ab"), n))


wrong(check.ch01.memory_of_two, "A slice")(lambda n: "aabb" * n)


@wrong(check.ch01.smoothed_bigram, "columns_divided")
def axis_zero_with_nan(ids, V, add):
    N = np.full((V, V), float(add))
    np.add.at(N, (ids[:-1], ids[1:]), 1)
    return N / N.sum(axis=0)


@wrong(check.ch01.smoothed_bigram, "not_divided")
def counts_returned(ids, V, add):
    N = np.full((V, V), float(add))
    for i in range(len(ids) - 1):
        N[ids[i], ids[i + 1]] += 1
    return N


wrong(check.ch01.perplexity, "whole_rows")(lambda P, ids: 2 ** -np.mean([np.log2(P[i]) for i in ids]))
wrong(check.ch01.perplexity, "`np.log(0)` gives −∞")(
    lambda P, ids: math.exp(-sum(math.log(P[i, j]) for i, j in zip(ids, ids[1:])) / (len(ids) - 1))
)
wrong(check.ch01.draw, "count_itself")(lambda counts, rng: rng.choice(counts, p=counts / counts.sum()))


RNG = np.random.default_rng(0)


@wrong(check.ch01.draw, "Draw from the `rng` you're given")
def numpys_own_generator(counts, rng):
    return np.random.choice(len(counts), p=counts / counts.sum())  # noqa: NPY002


wrong(check.ch01.draw, "Draw from the `rng` you're given")(
    lambda counts, rng: random.choices(range(len(counts)), counts)[0]
)
wrong(check.ch01.draw, "Draw from the `rng` you're given")(
    lambda counts, rng: RNG.choice(len(counts), p=counts / counts.sum())
)
