"""The exercises of chapter 1: counts on paper, n-gram counts, a bigram table, its perplexity, a draw, and a text."""

from collections import Counter, defaultdict

import numpy as np

from helpers.sampling import softmax

from .draws import NOISE, dart, ignores_rng, shares
from .engine import ByHand, Exercise, Explore, Verdict, words
from .say import kind

WORDS = words(__file__)

# 1.1

abracadabra = ByHand(WORDS["abracadabra"])

# 1.2


def counted(text, k, *, stop=0, longer=0, skip=0, step=1):
    """How often each character follows each context. The options are ways to get it wrong."""
    counts = defaultdict(Counter)
    for i in range(0, len(text) - k + stop, step):
        counts[text[i : i + k + longer]][text[i + k + skip : i + k + skip + 1]] += 1
    return dict(counts)


context_counts = Exercise(WORDS["context_counts"], lambda text, k: counted(text, k))
context_counts.inputs = {
    "`abracadabra` with k = 1": ("abracadabra", 1),
    "`abracadabra` with k = 2": ("abracadabra", 2),
    "a text with line breaks": ("the cat,\nthe cat\nand the cap", 3),
    "k = 0": ("banana", 0),
    "a text as long as the context": ("cat", 3),
    "five equal characters": ("aaaaa", 2),
}
context_counts.mistakes = {
    "last_one_missing": lambda text, k: counted(text, k, stop=-1),
    "nothing_counted_as_next": lambda text, k: counted(text, k, stop=1),
    "next_in_context": lambda text, k: counted(text, k, longer=1),
    "one_skipped": lambda text, k: counted(text, k, stop=-1, skip=1),
    "context_too_short": lambda text, k: counted(text, k, longer=-min(k, 1)),
    "steps_of_k": lambda text, k: counted(text, k, step=max(k, 1)),
    "seen_or_not": lambda text, k: {c: dict.fromkeys(after, 1) for c, after in counted(text, k).items()},
}

# 1.3

TEXT = np.array([0, 1, 2, 0, 3, 0, 4, 0, 1, 2, 0])  # abracadabra


def table(ids, V, add):
    N = np.full((V, V), float(add))
    np.add.at(N, (ids[:-1], ids[1:]), 1)
    return N


def sums(N):
    return N.sum(axis=1, keepdims=True)


def divided(N, sums):
    return np.where(sums > 0, N / np.where(sums > 0, sums, 1), 1 / N.shape[1])


def rows_to_1(N):
    return divided(N, sums(N))


smoothed_bigram = Exercise(
    WORDS["smoothed_bigram"], lambda ids, V, add: rows_to_1(table(ids, V, add)), exact_shape=True
)
smoothed_bigram.inputs = {
    "a text with five characters, add = 1": (TEXT, 5, 1),
    "the same text, add = 0.1": (TEXT, 5, 0.1),
    "a vocabulary with characters that never occur, add = 0.5": (TEXT, 7, 0.5),
    "add = 0, and something follows every character": (TEXT, 5, 0),
    "add = 0, and two rows without a count": (np.array([0, 1, 1, 0, 0, 1, 3]), 4, 0),
}
smoothed_bigram.mistakes = {
    "columns_divided": lambda ids, V, add: rows_to_1(table(ids, V, add).T).T,
    "columns_and_rows_exchanged": lambda ids, V, add: rows_to_1(table(ids[::-1], V, add)),
    "sums_lined_up_wrongly": lambda *args: table(*args) / table(*args).sum(axis=1),
    "shares_of_all_pairs": lambda *args: table(*args) / table(*args).sum(),
    "not_divided": table,
    "every_second": lambda ids, V, add: rows_to_1(table(ids[::2], V, add) + table(ids[1::2], V, 0)),
    "last_pair_missing": lambda ids, V, add: rows_to_1(table(ids[:-1], V, add)),
    "end_joined_to_start": lambda ids, V, add: rows_to_1(table(np.append(ids, ids[0]), V, add)),
    "each_pair_once": lambda ids, V, add: rows_to_1((table(ids, V, 0) > 0) + add),
    "added_to_probabilities": lambda ids, V, add: rows_to_1(table(ids, V, 0)) + add,
    "added_below_once": lambda ids, V, add: divided(table(ids, V, add), sums(table(ids, V, 0)) + add),
    "empty_rows_left": lambda *args: table(*args) / sums(table(*args)),
    "empty_rows_of_zeros": lambda *args: np.nan_to_num(table(*args) / sums(table(*args))),
}

# 1.4

P = np.array([[0.5, 0.3, 0.2], [0.1, 0.8, 0.1], [0.25, 0.25, 0.5]])
SURE = np.array([[0.0, 1.0], [1.0, 0.0]])


def given(P, ids):
    """The probability of each character but the first."""
    return P[ids[:-1], ids[1:]]


perplexity = Exercise(WORDS["perplexity"], lambda P, ids: np.exp(-np.log(given(P, ids)).mean()))
perplexity.inputs = {
    "four characters": (P, np.array([0, 1, 1, 2])),
    "two characters": (P, np.array([2, 0])),
    "a model that finds all characters equally likely": (np.full((6, 6), 1 / 6), np.array([3, 1, 4, 1, 5])),
    "a model that's sure, and right": (SURE, np.array([0, 1, 0, 1])),
    "a text of 3,000 characters": (P, np.random.default_rng(0).integers(0, 3, 3000)),
    "a text the model considers impossible": (SURE, np.array([0, 1, 1, 0])),
}
perplexity.mistakes = {
    "e_to_the_bits": lambda P, ids: np.exp(-np.log2(given(P, ids)).mean()),
    "two_to_the_nats": lambda P, ids: 2 ** -np.log(given(P, ids)).mean(),
    "one_over_mean_probability": lambda P, ids: 1 / given(P, ids).mean(),
    "mean_of_inverses": lambda P, ids: (1 / given(P, ids)).mean(),
    "whole_text": lambda P, ids: np.exp(-np.log(given(P, ids)).sum()),
    "product_first": lambda P, ids: np.prod(given(P, ids)) ** (-1 / (len(ids) - 1)),
    "minus_forgotten": lambda P, ids: np.exp(np.log(given(P, ids)).mean()),
    "loss_alone": lambda P, ids: -np.log(given(P, ids)).mean(),
    "divided_by_characters": lambda P, ids: np.exp(-np.log(given(P, ids)).sum() / len(ids)),
    "next_then_this": lambda P, ids: np.exp(-np.log(given(P, ids[::-1])).mean()),
    "whole_rows": lambda P, ids: np.exp(-np.log(P[ids]).mean()),
    "zero_patched": lambda P, ids: np.exp(-np.log(given(P, ids) + 1e-9).mean()),
}

# 1.5


draw = Exercise(
    WORDS["draw"],
    lambda counts, rng: dart(counts, rng),
    run=shares,
    also=lambda draw: ignores_rng(lambda rng: [int(draw(np.ones(8), rng)) for _ in range(20)]),
    atol=NOISE,
)
draw.inputs = {
    "the counts 6, 1, 3, 2": (np.array([6, 1, 3, 2]),),
    "counts with zeros": (np.array([0, 40, 0, 60, 0]),),
    "a single possible token": (np.array([0, 0, 7]),),
    "counts below 1": (np.array([0.1, 0.05, 0.25]),),
    "a hundred equal counts and a large one": (np.array([1] * 100 + [300]),),
}
draw.mistakes = {
    "always_the_largest": lambda counts, rng: counts.argmax(),
    "not_normalized": lambda counts, rng: min(dart(counts, rng, length=1), len(counts) - 1),
    "all_alike": lambda counts, rng: rng.integers(len(counts)),
    "seen_ones_alike": lambda counts, rng: rng.choice(np.flatnonzero(counts)),
    "softmax_of_counts": lambda counts, rng: rng.choice(len(counts), p=softmax(counts)),
    "off_by_one": lambda counts, rng: 1 + dart(counts, rng),
    "position_in_sorted_order": lambda counts, rng: dart(np.sort(counts)[::-1], rng),
    "count_itself": lambda counts, rng: counts[dart(counts, rng)],
    "seed_inside": lambda counts, rng: dart(counts, np.random.default_rng(0)),
}

# 1.6


def held_out_loss(text, k):
    """In nats: counts with k characters of memory from the first half, 0.01 added, on the second half."""
    half, V = len(text) // 2, len(set(text))
    counts, after = Counter(), Counter()
    for i in range(k, half):
        counts[text[i - k : i]] += 1
        after[text[i - k : i + 1]] += 1
    positions = range(half + k, len(text))
    p = [(after[text[i - k : i + 1]] + 0.01) / (counts[text[i - k : i]] + 0.01 * V) for i in positions]
    return -np.mean(np.log(p))


@Explore
def memory_of_two(write):
    text = write(2000)
    if not isinstance(text, str):
        return f"Your function must return text; got {kind(text)}."
    if len(text) != 2000:
        return f"The text must have 2,000 characters; got {len(text):,}. A slice, `text[:n]`, cuts off the rest."
    one, two = held_out_loss(text, 1), held_out_loss(text, 2)
    found = f"Counted on the first half and measured on the second: bigram {one:.2f} nats, trigram {two:.2f} nats."
    if one < 0.5:
        return f"{found}\nThe bigram's loss must be at least 0.5 nats. Let more than one character follow each one."
    if two > 0.1:
        return f"{found}\nThe trigram's loss may be at most 0.1 nats. Let any two characters settle what comes next."
    return Verdict(found, passed=True)
