"""The exercises of chapter 1: counts on paper, n-gram counts, a bigram table, its perplexity, a draw, and a text."""

from collections import Counter, defaultdict

import numpy as np

from .engine import Verdict, by_hand, exercise, explore

# 1.1


@by_hand()
def abracadabra():
    """The pairs of abracadabra: ab 2, br 2, ra 2, ac, ca, ad, da."""
    return {"p": 0.5, "bits": 2, "smoothed": 1 / 3, "perplexity": np.sqrt(2)}


@abracadabra.mistake
def last_letter_counted():
    """There are five *a*, and one of them is followed by nothing."""
    return {"p": 0.4, "smoothed": 0.3}


@abracadabra.mistake
def share_of_all_pairs():
    """That is the share of *ab* among all pairs. Among which pairs do you look, once an *a* has come?"""
    return {"p": 0.2}


@abracadabra.mistake
def other_way_round():
    """Before every *b* stands an *a*. What is asked for is what stands after an *a*."""
    return {"p": 1}


@abracadabra.mistake
def in_nats():
    """This is the surprise in nats. Which logarithm counts in bits?"""
    return {"bits": np.log(4)}


@abracadabra.mistake
def surprise_of_b():
    """This is the surprise at a *b*."""
    return {"bits": 1}


@abracadabra.mistake
def added_after_the_division():
    """The 1 is added to the counts, before the division."""
    return {"smoothed": 1.5}


@abracadabra.mistake
def one_added_below():
    """Every character gets 1, also those that never follow *a*. By how much does that raise the sum of the row?"""
    return {"smoothed": 0.6}


@abracadabra.mistake
def not_smoothed():
    """This is the probability without smoothing. What happens to a frequent pair if all others get something?"""
    return {"smoothed": 0.5}


@abracadabra.mistake
def mean_of_probabilities():
    """You took the mean of the two probabilities. The mean of their surprises is asked for, and then its
    exponential."""
    return {"perplexity": 4 / 3}


@abracadabra.mistake
def surprise_summed():
    """Perplexity is a number for each character. How many characters were predicted?"""
    return {"perplexity": 2}


@abracadabra.mistake
def bits_under_e():
    """The surprise is in bits and the exponential is that of nats. Both need the same base."""
    return {"perplexity": np.exp(0.5)}


@abracadabra.mistake
def nats_under_two():
    """The surprise is in nats and the power is one of 2. Both need the same base."""
    return {"perplexity": 2 ** (np.log(2) / 2)}


# 1.2


def counted(text, k, starts, length, skip=0):
    counts = defaultdict(Counter)
    for i in starts:
        counts[text[i : i + length]][text[i + k + skip : i + k + skip + 1]] += 1
    return dict(counts)


@exercise(
    {
        "`abracadabra` with k = 1": ("abracadabra", 1),
        "`abracadabra` with k = 2": ("abracadabra", 2),
        "a text with line breaks": ("the cat,\nthe cat\nand the cap", 3),
        "k = 0": ("banana", 0),
        "a text as long as the context": ("cat", 3),
        "five equal characters": ("aaaaa", 2),
    }
)
def context_counts(text, k):
    return counted(text, k, range(len(text) - k), k)


@context_counts.mistake
def last_one_missing(text, k):
    """The last character of the text is never counted as a next one. Where does your loop end?"""
    return counted(text, k, range(len(text) - k - 1), k)


@context_counts.mistake
def nothing_counted_as_next(text, k):
    """At the end of the text there is a context that nothing follows. It should not be counted."""
    return counted(text, k, range(len(text) - k + 1), k)


@context_counts.mistake
def next_in_context(text, k):
    """Your contexts are k + 1 characters long: they hold the character that they should predict."""
    return counted(text, k, range(len(text) - k), k + 1)


@context_counts.mistake
def one_skipped(text, k):
    """Between context and next character one is left out. If a context begins at `i`, where does it end?"""
    return counted(text, k, range(len(text) - k - 1), k, skip=1)


@context_counts.mistake
def context_too_short(text, k):
    """Your contexts are one character too short. An n-gram has k = n − 1 characters of memory; k is given."""
    return counted(text, k, range(len(text) - k), max(k - 1, 0))


@context_counts.mistake
def steps_of_k(text, k):
    """You jump from one context to the end of it. Contexts overlap: there is one before each character."""
    return counted(text, k, range(0, len(text) - k, max(k, 1)), k)


@context_counts.mistake
def seen_or_not(text, k):
    """You note what has followed, and not how often."""
    return {context: dict.fromkeys(after, 1) for context, after in context_counts.right(text, k).items()}


# 1.3

TEXT = np.array([0, 1, 2, 0, 3, 0, 4, 0, 1, 2, 0])  # abracadabra
NO_WAY_ON = np.array([0, 1, 1, 0, 0, 1, 3])


def pairs_of(first, second, V):
    N = np.zeros((V, V))
    np.add.at(N, (first, second), 1)
    return N


def rows_to_1(N):
    sums = N.sum(axis=1, keepdims=True)
    return np.where(sums > 0, N / np.where(sums > 0, sums, 1), 1 / N.shape[1])


@exercise(
    {
        "a text of five characters, add = 1": (TEXT, 5, 1),
        "the same, add = 0.1": (TEXT, 5, 0.1),
        "a vocabulary of which some is never seen, add = 0.5": (TEXT, 7, 0.5),
        "add = 0, and every character goes on": (TEXT, 5, 0),
        "add = 0, and two rows without a count": (NO_WAY_ON, 4, 0),
    },
    exact_shape=True,
)
def smoothed_bigram(ids, V, add):
    return rows_to_1(pairs_of(ids[:-1], ids[1:], V) + add)


@smoothed_bigram.mistake
def columns_divided(ids, V, add):
    """Your columns sum to 1. After a given character, it is its row that should."""
    return rows_to_1((pairs_of(ids[:-1], ids[1:], V) + add).T).T


@smoothed_bigram.mistake
def columns_and_rows_exchanged(ids, V, add):
    """Row and column are exchanged: your row of a character holds what stands *before* it."""
    return rows_to_1(pairs_of(ids[1:], ids[:-1], V) + add)


@smoothed_bigram.mistake
def sums_lined_up_wrongly(ids, V, add):
    """Neither rows nor columns sum to 1: each column is divided by the sum of a row. What shape have the sums, and
    which one do they need?"""
    N = pairs_of(ids[:-1], ids[1:], V) + add
    return N / N.sum(axis=1)


@smoothed_bigram.mistake
def shares_of_all_pairs(ids, V, add):
    """The whole table sums to 1. Each row should do so alone."""
    N = pairs_of(ids[:-1], ids[1:], V) + add
    return N / N.sum()


@smoothed_bigram.mistake
def not_divided(ids, V, add):
    """These are counts. By what is a row divided, to become probabilities?"""
    return pairs_of(ids[:-1], ids[1:], V) + add


@smoothed_bigram.mistake
def every_second(ids, V, add):
    """Your pairs leave one character out between them. Which character comes directly after?"""
    return rows_to_1(pairs_of(ids[:-2], ids[2:], V) + add)


@smoothed_bigram.mistake
def last_pair_missing(ids, V, add):
    """One pair is missing, the last one. How many pairs has a text of n characters?"""
    return rows_to_1(pairs_of(ids[:-2], ids[1:-1], V) + add)


@smoothed_bigram.mistake
def end_joined_to_start(ids, V, add):
    """There is a pair too many: nothing follows the last character, and yours is followed by the first one."""
    return rows_to_1(pairs_of(ids, np.roll(ids, -1), V) + add)


@smoothed_bigram.mistake
def each_pair_once(ids, V, add):
    """A pair that occurs twice counts once. `N[first, second] += 1` adds 1 to a place once, however often the place
    is named; what counts each time?"""
    return rows_to_1((pairs_of(ids[:-1], ids[1:], V) > 0) + add)


@smoothed_bigram.mistake
def added_to_probabilities(ids, V, add):
    """You add to the probabilities, so the rows no longer sum to 1. To what should it be added?"""
    return rows_to_1(pairs_of(ids[:-1], ids[1:], V)) + add


@smoothed_bigram.mistake
def added_below_once(ids, V, add):
    """The rows sum to more than 1. If each of the V numbers of a row gets `add`, how much more is the sum?"""
    N = pairs_of(ids[:-1], ids[1:], V)
    sums = N.sum(axis=1, keepdims=True) + add
    return np.where(sums > 0, (N + add) / np.where(sums > 0, sums, 1), 1 / V)


@smoothed_bigram.mistake
def empty_rows_left(ids, V, add):
    """Right, but for rows with no count and nothing added: 0 divided by 0 is no probability. What do you expect, if
    you know nothing?"""
    N = pairs_of(ids[:-1], ids[1:], V) + add
    return N / N.sum(axis=1, keepdims=True)


@smoothed_bigram.mistake
def empty_rows_of_zeros(ids, V, add):
    """Right, but for rows with no count and nothing added: they are all 0. Something comes next, whatever it is."""
    N = pairs_of(ids[:-1], ids[1:], V) + add
    return N / np.maximum(N.sum(axis=1, keepdims=True), 1e-300)


# 1.4

P = np.array([[0.5, 0.3, 0.2], [0.1, 0.8, 0.1], [0.25, 0.25, 0.5]])
LONG = np.random.default_rng(0).integers(0, 3, 3000)


def given(P, ids):
    return P[ids[:-1], ids[1:]]


@exercise(
    {
        "four characters": (P, np.array([0, 1, 1, 2])),
        "two characters": (P, np.array([2, 0])),
        "a model that gives all the same": (np.full((6, 6), 1 / 6), np.array([3, 1, 4, 1, 5])),
        "a model that is sure, and right": (np.array([[0.0, 1.0], [1.0, 0.0]]), np.array([0, 1, 0, 1])),
        "a text of 3,000 characters": (P, LONG),
        "a text that the model holds for impossible": (np.array([[0.0, 1.0], [1.0, 0.0]]), np.array([0, 1, 1, 0])),
    }
)
def perplexity(P, ids):
    return np.exp(-np.log(given(P, ids)).mean())


@perplexity.mistake
def e_to_the_bits(P, ids):
    """Too large: the surprise is in bits, and then comes the exponential that belongs to nats."""
    return np.exp(-np.log2(given(P, ids)).mean())


@perplexity.mistake
def two_to_the_nats(P, ids):
    """Too small: the surprise is in nats, and then comes a power of 2. A model that gives six characters the same
    should have the perplexity 6."""
    return 2 ** -np.log(given(P, ids)).mean()


@perplexity.mistake
def one_over_mean_probability(P, ids):
    """You take the mean of the probabilities. One impossible character then hardly counts. Of what should the mean be
    taken?"""
    return 1 / given(P, ids).mean()


@perplexity.mistake
def mean_of_inverses(P, ids):
    """You take the mean of 1 / p, the number of faces at each place. Take the mean of the surprises first, and make
    faces of it at the end."""
    return (1 / given(P, ids)).mean()


@perplexity.mistake
def whole_text(P, ids):
    """It grows with the length of the text. Is it for the whole text, or for each character?"""
    return np.exp(-np.log(given(P, ids)).sum())


@perplexity.mistake
def product_first(P, ids):
    """Right on short texts. The product of 3,000 probabilities is too small for the computer; what can be added up in
    its place?"""
    return np.prod(given(P, ids)) ** (-1 / (len(ids) - 1))


@perplexity.mistake
def minus_forgotten(P, ids):
    """A perplexity is not below 1. Which sign has the logarithm of a probability, and which the surprise?"""
    return np.exp(np.log(given(P, ids)).mean())


@perplexity.mistake
def loss_alone(P, ids):
    """This is the cross-entropy in nats. One step is missing to the perplexity."""
    return -np.log(given(P, ids)).mean()


@perplexity.mistake
def divided_by_characters(P, ids):
    """The sum of the surprises is divided by the number of characters. How many of them were predicted?"""
    return np.exp(-np.log(given(P, ids)).sum() / len(ids))


@perplexity.mistake
def next_then_this(P, ids):
    """`P[i, j]` is the probability of `j` after `i`. You look up the first character after the second one."""
    return np.exp(-np.log(P[ids[1:], ids[:-1]]).mean())


@perplexity.mistake
def whole_rows(P, ids):
    """`P[ids]` takes whole rows: all that might have come. Which number of each row belongs to what came?"""
    return np.exp(-np.log(P[ids]).mean())


@perplexity.mistake
def zero_patched(P, ids):
    """What the model holds for impossible has no limit to its surprise; yours is finite. Smoothing is a matter for
    the model, before it is measured."""
    return np.exp(-np.log(given(P, ids) + 1e-9).mean())


# 1.5


def shares(draw, counts):
    rng = np.random.default_rng(0)
    drawn = np.array([int(draw(counts, rng)) for _ in range(1500)])
    return np.bincount(drawn, minlength=len(counts)) / len(drawn)


@exercise(
    {
        "the counts 6, 1, 3, 2": (np.array([6, 1, 3, 2]),),
        "counts with zeros": (np.array([0, 40, 0, 60, 0]),),
        "one token that is possible": (np.array([0, 0, 7]),),
        "counts below 1": (np.array([0.1, 0.05, 0.25]),),
        "a hundred equal counts, and a large one": (np.array([1] * 100 + [300]),),
    },
    run=shares,
    atol=0.07,
    praise="1,500 draws from each of five rows come near their shares.",
)
def draw(counts, rng):
    return int(np.searchsorted(np.cumsum(counts), rng.random() * counts.sum(), side="right"))


@draw.mistake
def always_the_largest(counts, rng):
    """The most frequent token comes every time. A draw should bring the others, too, each as often as its share
    says."""
    return counts.argmax()


@draw.mistake
def not_normalized(counts, rng):
    """The dart lands between 0 and 1, and the stick is as long as the sum of the counts. It hits the near end alone."""
    return min(np.searchsorted(np.cumsum(counts), rng.random(), side="right"), len(counts) - 1)


@draw.mistake
def all_alike(counts, rng):
    """Every token is as likely as any other, even one that has never been seen."""
    return rng.integers(len(counts))


@draw.mistake
def seen_ones_alike(counts, rng):
    """All tokens that have been seen are equally likely. How often they were seen makes no difference yet."""
    return rng.choice(np.flatnonzero(counts))


@draw.mistake
def softmax_of_counts(counts, rng):
    """The shares are not those of the counts: large ones get nearly everything. Divide by the sum, with no
    exponential."""
    e = np.exp(counts - counts.max())
    return rng.choice(len(counts), p=e / e.sum())


@draw.mistake
def place_after(counts, rng):
    """Each token comes as often as the one before it should. Which piece of the stick ends at the first running
    sum?"""
    return 1 + draw.right(counts, rng)


@draw.mistake
def place_in_sorted_order(counts, rng):
    """The shares are right, and belong to other tokens: you return the place in a sorted list."""
    return draw.right(np.sort(counts)[::-1], rng)


@draw.mistake
def count_itself(counts, rng):
    """You return a count. What is wanted is the place of the token in the row."""
    return counts[draw.right(counts, rng)]


@draw.mistake
def seed_inside(counts, rng):
    """Every draw is the same. A generator that is made anew from the same seed begins anew; use the one that comes
    in."""
    return draw.right(counts, np.random.default_rng(0))


# 1.6


def held_out_loss(text, k):
    """In nats: counts with k characters of memory from the first half, 0.01 added, on the second half."""
    half, V = len(text) // 2, len(set(text))
    counts, after = Counter(), Counter()
    for i in range(k, half):
        counts[text[i - k : i]] += 1
        after[text[i - k : i + 1]] += 1
    places = range(half + k, len(text))
    p = [(after[text[i - k : i + 1]] + 0.01) / (counts[text[i - k : i]] + 0.01 * V) for i in places]
    return -np.mean(np.log(p))


@explore()
def memory_of_two(write):
    text = write(2000)
    if not isinstance(text, str):
        return f"It should return a text; it returned {type(text).__name__}."
    if len(text) != 2000:
        return f"Asked for 2,000 characters, it wrote {len(text):,}. A slice, `text[:n]`, cuts the rest off."
    one, two = held_out_loss(text, 1), held_out_loss(text, 2)
    found = f"Counted on the first half, measured on the second: bigram {one:.2f} nats, trigram {two:.2f} nats."
    if one < 0.5:
        return f"{found}\nThe bigram does too well: 0.5 nats are wanted. After which characters can more than one come?"
    if two > 0.1:
        return f"{found}\nThe trigram is in doubt, too. Two characters should settle what comes next."
    return Verdict(found, passed=True)
