"""The exercises of chapter 4: byte-pair encoding and back, a batch, near rows, and a way to cut text."""

import re
from collections import Counter

import numpy as np

from .engine import Verdict, by_hand, exercise, explore

# 4.1


@by_hand()
def merges_by_hand():
    """banana bandana: an, then ban (a tie, which the first one wins), then ana."""
    return {"first": "an", "tokens_1": 10, "second": "ban", "tokens_3": 6, "V": 8}


@merges_by_hand.mistake
def first_in_the_text():
    """This pair is the first of the text. Count how often each pair occurs, in both words."""
    return {"first": "ba"}


@merges_by_hand.mistake
def one_too_few():
    """Count again: two letters in a row can stand in both orders, and one order is more frequent."""
    return {"first": "na"}


@merges_by_hand.mistake
def both_halves_gone():
    """A merge makes one token out of two. How many tokens fewer are there at each place?"""
    return {"tokens_1": 6}


@merges_by_hand.mistake
def merged_once():
    """The pair is merged at one place here. It stands at several, and a merge takes them all."""
    return {"tokens_1": 13}


@merges_by_hand.mistake
def tie_to_the_later_one():
    """Two pairs are equally frequent, and this is the one that comes later in the text. Which one wins a tie?"""
    return {"second": "ana"}


@merges_by_hand.mistake
def old_letters_counted():
    """The pairs are counted anew after each merge. In what is there now, the two letters no longer stand alone."""
    return {"second": "na"}


@merges_by_hand.mistake
def after_two():
    """This is the number after two merges. There is a third one."""
    return {"tokens_3": 8}


@merges_by_hand.mistake
def only_those_in_use():
    """These are the tokens that stand in the text at the end. The list keeps the others, for other texts."""
    return {"V": 4}


@merges_by_hand.mistake
def merges_forgotten():
    """These are the characters alone. Each merge adds one token to the list."""
    return {"V": 5}


@merges_by_hand.mistake
def space_forgotten():
    """One character is missing. It stands between the words."""
    return {"V": 7}


# 4.2


def joined(tokens, pair):
    """The tokens after a merge from left to right, and how many merges that were."""
    out, i = [], 0
    while i < len(tokens):
        found = tuple(tokens[i : i + 2]) == pair
        out.append(pair[0] + pair[1] if found else tokens[i])
        i += 2 if found else 1
    return out, len(tokens) - len(out)


def counted(tokens):
    return Counter(zip(tokens, tokens[1:]))


def most_frequent(tokens):
    pairs = counted(tokens)
    return max(pairs, key=pairs.get)


@exercise(
    {
        "the letters of `the cat sat on the mat`": (list("the cat sat on the mat"),),
        "three equal letters in a row": (list("aaab"),),
        "seven equal letters": (list("aaaaaaa"),),
        "letters of which each pair occurs once": (list("bacd"),),
        "a pair that also stands the other way round": (list("xyyxxy"),),
        "tokens that are already merged": (["a", "bc", "ab", "c", "ab", "c"],),
        "two tokens": (["the", " cat"],),
    }
)
def bpe_step(tokens):
    pair = most_frequent(tokens)
    out, times = joined(tokens, pair)
    return pair, times, out


@bpe_step.mistake
def overlaps_counted(tokens):
    """The tokens are right, but not the number. In `a a a` the pair `a a` can be seen twice; how often can it be
    merged?"""
    pair = most_frequent(tokens)
    return pair, counted(tokens)[pair], joined(tokens, pair)[0]


@bpe_step.mistake
def from_right_to_left(tokens):
    """In `a a a` you merge the last two. From which end does the book go?"""
    pair = most_frequent(tokens)
    out, times = joined(tokens[::-1], pair[::-1])
    return pair, times, [pair[0] + pair[1] if token == pair[1] + pair[0] else token for token in out[::-1]]


@bpe_step.mistake
def last_of_a_tie(tokens):
    """Where several pairs are equally frequent, yours is not the one that comes first in the text."""
    pairs = counted(tokens)
    pair = max(reversed(list(pairs)), key=pairs.get)
    out, times = joined(tokens, pair)
    return pair, times, out


@bpe_step.mistake
def alphabet_breaks_ties(tokens):
    """Where several pairs are equally frequent, you take the first one in the alphabet. The first one in the text is
    asked for."""
    pairs = counted(tokens)
    pair = min(pairs, key=lambda pair: (-pairs[pair], pair))
    out, times = joined(tokens, pair)
    return pair, times, out


@bpe_step.mistake
def order_ignored(tokens):
    """You take `y x` for the same pair as `x y`. Would the text come back?"""
    pairs = Counter(frozenset(pair) for pair in zip(tokens, tokens[1:]))
    best = max(pairs, key=pairs.get)
    pair = next(pair for pair in zip(tokens, tokens[1:]) if frozenset(pair) == best)
    out, i = [], 0
    while i < len(tokens):
        found = i + 1 < len(tokens) and frozenset(tokens[i : i + 2]) == best
        out.append(pair[0] + pair[1] if found else tokens[i])
        i += 2 if found else 1
    return pair, len(tokens) - len(out), out


@bpe_step.mistake
def merged_at_one_place(tokens):
    """The pair is merged at the first place alone. It goes on to the right of it."""
    pair = most_frequent(tokens)
    i = next(i for i in range(len(tokens)) if tuple(tokens[i : i + 2]) == pair)
    return pair, 1, [*tokens[:i], pair[0] + pair[1], *tokens[i + 2 :]]


@bpe_step.mistake
def last_token_lost(tokens):
    """A token is missing at the end. The last one has no right neighbor; what becomes of it?"""
    pair = most_frequent(tokens)
    out, i = [], 0
    while i < len(tokens) - 1:
        found = tuple(tokens[i : i + 2]) == pair
        out.append(pair[0] + pair[1] if found else tokens[i])
        i += 2 if found else 1
    return pair, out.count(pair[0] + pair[1]), out


@bpe_step.mistake
def right_half_kept(tokens):
    """The new token is there, and its right half still stands behind it. How far must the loop move on after a
    merge?"""
    pair = most_frequent(tokens)
    out = [
        pair[0] + pair[1] if tuple(tokens[i : i + 2]) == pair else token
        for i, token in enumerate(tokens)
    ]  # fmt: skip
    return pair, out.count(pair[0] + pair[1]), out


@bpe_step.mistake
def compared_by_spelling(tokens):
    """`a` and `bc` spell the same as `ab` and `c`, but they are another pair. Compare the two tokens, not what they
    spell together."""
    pairs = Counter(a + b for a, b in zip(tokens, tokens[1:]))
    best = max(pairs, key=pairs.get)
    pair = next((a, b) for a, b in zip(tokens, tokens[1:]) if a + b == best)
    out, i = [], 0
    while i < len(tokens):
        found = i + 1 < len(tokens) and tokens[i] + tokens[i + 1] == best
        out.append(best if found else tokens[i])
        i += 2 if found else 1
    return pair, len(tokens) - len(out), out


# 4.3


def spelled(merges, join=lambda a, b: a + b):
    spelling = [bytes([i]) for i in range(256)]
    for a, b in merges:
        spelling.append(join(spelling[a], spelling[b]))
    return spelling


@exercise(
    {
        "the bytes of `cat`": ([99, 97, 116], []),
        "merges of merges": ([257, 258, 33], [(116, 104), (256, 101), (32, 257)]),
        "an é, which takes two bytes": ([99, 97, 102, 195, 169], []),
        "a character of four bytes, two of them merged": ([0xF0, 256, 0xB1], [(0x9F, 0x90)]),
        "half of an é": ([99, 195], []),
        "no ids at all": ([], [(116, 104)]),
    }
)
def bpe_decode(ids, merges):
    spelling = spelled(merges)
    return b"".join(spelling[i] for i in ids).decode(errors="replace")


@bpe_decode.mistake
def token_by_token(ids, merges):
    """English is right. A character of several bytes may be spread over several tokens, and half of it is no
    character: in which order do you join and decode?"""
    spelling = spelled(merges)
    return "".join(spelling[i].decode(errors="replace") for i in ids)


@bpe_decode.mistake
def token_by_token_and_strict(ids, merges):
    """It stops with an error where a token holds half of a character. Does a token have to be decoded alone?"""
    spelling = spelled(merges)
    return "".join(spelling[i].decode() for i in ids)


@bpe_decode.mistake
def strict(ids, merges):
    """Right for every text that was encoded. A model may also write half of a character, and then this stops with an
    error. What can `decode` be told to put there?"""
    spelling = spelled(merges)
    return b"".join(spelling[i] for i in ids).decode()


@bpe_decode.mistake
def halves_dropped(ids, merges):
    """Half of a character disappears without a trace. A reader should see that something was there."""
    spelling = spelled(merges)
    return b"".join(spelling[i] for i in ids).decode(errors="ignore")


@bpe_decode.mistake
def bytes_as_characters(ids, merges):
    """Each byte becomes a character of its own here, so é comes out as two. Which rule made the bytes?"""
    spelling = spelled(merges)
    return b"".join(spelling[i] for i in ids).decode("latin-1")


@bpe_decode.mistake
def halves_exchanged(ids, merges):
    """Bytes are right, and merged tokens are spelled the wrong way round. Which half stands on the left?"""
    spelling = spelled(merges, lambda a, b: b + a)
    return b"".join(spelling[i] for i in ids).decode(errors="replace")


@bpe_decode.mistake
def halves_are_bytes(ids, merges):
    """The first merges join two bytes. Later ones join tokens that were merged before: look up how those are
    spelled."""
    spelling = [bytes([i]) for i in range(256)] + [bytes(pair) for pair in merges]
    return b"".join(spelling[i] for i in ids).decode(errors="replace")


@bpe_decode.mistake
def spaces_between(ids, merges):
    """There are spaces that nobody encoded. In a byte-pair vocabulary the space is part of a token."""
    spelling = spelled(merges)
    return b" ".join(spelling[i] for i in ids).decode(errors="replace")


@bpe_decode.mistake
def still_bytes(ids, merges):
    """These are the right bytes. What is asked for is text."""
    spelling = spelled(merges)
    return b"".join(spelling[i] for i in ids)


# 4.4


def tables(V, context, C):
    rng = np.random.default_rng(V)
    return rng.normal(size=(V, C)).round(2), rng.normal(size=(context, C)).round(2)


def rows_of(ids, T):
    N = (len(ids) - 1) // T
    return ids[: N * T].reshape(N, T), ids[1 : N * T + 1].reshape(N, T)


@exercise(
    {
        "nine tokens in rows of four": (np.array([3, 1, 4, 1, 5, 0, 2, 5, 3]), 4, *tables(6, 8, 3)),
        "eight tokens in rows of four": (np.array([3, 1, 4, 1, 5, 0, 2, 5]), 4, *tables(6, 8, 3)),
        "seven tokens in one row of five": (np.array([0, 2, 2, 1, 3, 1, 0]), 5, *tables(4, 6, 4)),
        "ten tokens in rows of three": (np.array([1, 6, 2, 0, 3, 5, 4, 4, 1, 0]), 3, *tables(7, 12, 2)),
    },
    exact_shape=True,
)
def batch(ids, T, E, P):
    x, targets = rows_of(ids, T)
    return E[x] + P[:T], targets


@batch.mistake
def targets_not_shifted(ids, T, E, P):
    """The targets are the tokens that the model is shown. It would learn to repeat what it reads."""
    x, _ = rows_of(ids, T)
    return E[x] + P[:T], x


@batch.mistake
def targets_shifted_back(ids, T, E, P):
    """The targets are the tokens *before*. The model would learn to guess what it has already read."""
    x, _ = rows_of(ids, T)
    return E[x] + P[:T], np.roll(ids, 1)[: x.size].reshape(x.shape)


@batch.mistake
def shifted_within_rows(ids, T, E, P):
    """The last target of each row is the row's own first token. What comes after the row in the text?"""
    x, _ = rows_of(ids, T)
    return E[x] + P[:T], np.roll(x, -1, axis=1)


@batch.mistake
def shifted_by_two(ids, T, E, P):
    """The targets are two places ahead. The model should guess the next token."""
    x, targets = rows_of(ids, T)
    return E[x] + P[:T], np.roll(ids, -2)[: x.size].reshape(x.shape)


@batch.mistake
def wrapped_round(ids, T, E, P):
    """With eight tokens your last row ends on the last token, which has no next one. How many rows have all their
    targets?"""
    N = len(ids) // T
    return E[ids[: N * T].reshape(N, T)] + P[:T], np.roll(ids, -1)[: N * T].reshape(N, T)


@batch.mistake
def columns_looked_up(ids, T, E, P):
    """`E` has the shape (V, C): the tokens are counted down, the channels across. Which of the two do you pick by
    token?"""
    x, targets = rows_of(ids, T)
    return np.moveaxis(E[:, x], 0, -1) + P[:T], targets


@batch.mistake
def positions_missing(ids, T, E, P):
    """Where a token stands makes no difference to its vector here. One table has not been used."""
    x, targets = rows_of(ids, T)
    return E[x], targets


@batch.mistake
def positions_run_on(ids, T, E, P):
    """The first row is right, the second one is not. A row is a context of its own: where does its count begin?"""
    x, targets = rows_of(ids, T)
    return E[x] + P[np.arange(x.size).reshape(x.shape)], targets


@batch.mistake
def positions_by_token(ids, T, E, P):
    """The row of `P` depends on the token. Which of its rows belongs to the first place, whatever stands there?"""
    x, targets = rows_of(ids, T)
    return E[x] + P[x], targets


@batch.mistake
def positions_from_one(ids, T, E, P):
    """Each place has the vector of the place behind it. What is the number of the first place?"""
    x, targets = rows_of(ids, T)
    return E[x] + P[1 : T + 1], targets


@batch.mistake
def sliding_rows(ids, T, E, P):
    """Your rows overlap. The next row begins where the last one ended."""
    x = np.lib.stride_tricks.sliding_window_view(ids, T)
    return E[x[:-1]] + P[:T], x[1:]


# 4.5


def by_closeness(closeness, i, k):
    return [int(j) for j in np.argsort(-closeness, kind="stable") if j != i][:k]


def unit(E, axis=1):
    return E / np.linalg.norm(E, axis=axis, keepdims=True)


NORMAL = np.random.default_rng(3).normal(size=(6, 6)).round(2)
LONG_ROWS = NORMAL[:, :3] * np.array([[1], [9], [1], [0.2], [5], [1]])
SAME_WAY = np.array([[2.0, 4.0], [3.0, 1.0], [1.0, 2.0], [-2.0, -3.9], [4.0, 0.5]])


@exercise(
    {
        "six rows": (NORMAL, 1, 3),
        "rows of very different lengths": (LONG_ROWS, 0, 4),
        "another token": (LONG_ROWS, 5, 2),
        "a row that is the double of another": (SAME_WAY, 2, 2),
        "all other rows, an opposite one among them": (SAME_WAY[1:], 0, 3),
    }
)
def nearest(E, i, k):
    return by_closeness(unit(E) @ unit(E)[i], i, k)


@nearest.mistake
def lengths_left_in(E, i, k):
    """Long rows win here. A dot product grows with the length of a row, and a cosine does not."""
    return by_closeness(E @ E[i], i, k)


@nearest.mistake
def by_distance(E, i, k):
    """You measure how far apart the ends of the rows are. Two rows of one direction may be far apart."""
    return by_closeness(-np.linalg.norm(E - E[i], axis=1), i, k)


@nearest.mistake
def farthest_first(E, i, k):
    """These are the farthest. In which order does `argsort` sort?"""
    return by_closeness(-unit(E) @ unit(E)[i], i, k)


@nearest.mistake
def itself_among_them(E, i, k):
    """The token is its own neighbor here. It always would be the nearest one."""
    return [int(j) for j in np.argsort(-(unit(E) @ unit(E)[i]), kind="stable")][:k]


@nearest.mistake
def first_dropped(E, i, k):
    """You leave out the first of the sorted list. Is that always the token itself? Another row may point in exactly
    its direction."""
    return [int(j) for j in np.argsort(-(unit(E) @ unit(E)[i]), kind="stable")][1 : k + 1]


@nearest.mistake
def sign_ignored(E, i, k):
    """A row that points the opposite way counts as near. What is its cosine?"""
    return by_closeness(np.abs(unit(E) @ unit(E)[i]), i, k)


@nearest.mistake
def columns_made_unit(E, i, k):
    """The columns have length 1, and the rows should. Along which axis does a row run?"""
    return by_closeness(unit(E, 0) @ unit(E, 0)[i], i, k)


@nearest.mistake
def columns_compared(E, i, k):
    """You compare columns, which are channels. A token is a row."""
    return by_closeness(unit(E.T) @ unit(E.T)[i], i, k)


# 4.6

LEARN = """The cat sat on the wall and watched the garden. "Is there a mouse?" said the cat. There was a mouse, and
there was another one; they ran under the wall, and the cat ran after them. In the evening she came home.
"Where have you been?" said the gardener. The cat said nothing, washed her paws, and went to the warm place
near the stove. Outside the wind was washing the windows. In the morning the mice had eaten the gardener's bread,
and the cat was sleeping on the other chair. """
OTHERS = """"There is no bread," said the gardener, "and there are mice in the house." The cat opened an eye. She had
watched the garden and the wall. Nobody had said that she should watch the bread. """
USUAL = re.compile(r" ?[^\W\d_]+| ?\d+| ?(?:[^\w\s]|_)+|\s+(?!\S)|\s")


def tokens_after(cut, merges=60):
    """What merges learned on one text, in the pieces of `cut`, make of another text; and the learned tokens."""
    words, others = Counter(map(tuple, cut(LEARN))), [list(piece) for piece in cut(OTHERS)]
    learned = []
    for _ in range(merges):
        pairs = Counter()
        for word, n in words.items():
            for pair in zip(word, word[1:]):
                pairs[pair] += n
        if not pairs:
            break
        best = max(pairs, key=pairs.get)
        learned.append(best[0] + best[1])
        words = Counter({tuple(joined(word, best)[0]): n for word, n in words.items()})
        others = [joined(word, best)[0] for word in others]
    return sum(map(len, others)), learned


@explore()
def cut(my_cut):
    for text in (LEARN, OTHERS, "1599: isn't it?\n\n  Two  spaces. ", "caf\u00e9 \N{CAT FACE}_x", " ", ""):
        pieces = my_cut(text)
        if isinstance(pieces, str) or not all(isinstance(piece, str) for piece in pieces):
            return "It should return a list of pieces of text."
        if "".join(pieces) != text:
            shown = text if len(text) < 40 else text[:40] + " …"
            return f"The pieces of `{shown!r}`, joined, do not give it back. What of it is missing, or there twice?"
    if len(my_cut(LEARN)) < 2:
        return "The text stays whole, so whole phrases would become tokens. Cut it somewhere."
    count, learned = tokens_after(my_cut)
    if not learned:
        return "The pieces are single characters, so there is nothing left to merge. Cut less."
    usual, _ = tokens_after(USUAL.findall)
    text = (
        f"Every text comes back. With 60 merges, {len(OTHERS)} characters that were not learned from become "
        f"{count} tokens; with the cut of this chapter, {usual}."
    )
    longest = ", ".join(f"`{token!r}`" for token in sorted(learned, key=len)[-4:])
    return Verdict(f"{text}\nYour longest tokens: {longest}.", passed=True)
