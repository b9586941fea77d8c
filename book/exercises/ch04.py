"""The exercises of chapter 4: byte-pair encoding and back, a batch, near rows, and a way to cut text."""

import re
from collections import Counter

import numpy as np

from .engine import ByHand, Exercise, Explore, Verdict, words
from .running import code

WORDS = words(__file__)

# 4.1

merges_by_hand = ByHand(WORDS["merges_by_hand"])

# 4.2


def pairs_of(tokens):
    return list(zip(tokens, tokens[1:]))


def most_frequent(pairs):
    return max(counts := Counter(pairs), key=counts.get)


def joined(tokens, pair, fits=None):
    """The tokens after merging, from left to right, any two with `fits(a, b)`; by default, those of the pair."""
    fits = fits or (lambda a, b: (a, b) == pair)
    out, i = [], 0
    while i < len(tokens):
        found = i + 1 < len(tokens) and fits(tokens[i], tokens[i + 1])
        out.append(pair[0] + pair[1] if found else tokens[i])
        i += 2 if found else 1
    return out


def step(tokens, pair=None, join=joined):
    pair = pair or most_frequent(pairs_of(tokens))
    out = join(tokens, pair)
    return pair, len(tokens) - len(out), out


def step_for_either(tokens, key):
    """A step that takes two pairs for the same if `key(a, b)` is."""
    best = most_frequent(key(a, b) for a, b in pairs_of(tokens))
    pair = next((a, b) for a, b in pairs_of(tokens) if key(a, b) == best)
    return step(tokens, pair, lambda tokens, pair: joined(tokens, pair, lambda a, b: key(a, b) == best))


def from_the_right(tokens, pair):
    return joined(tokens[::-1], pair, lambda b, a: (a, b) == pair)[::-1]


def once(tokens, pair):
    i = pairs_of(tokens).index(pair)
    return [*tokens[:i], pair[0] + pair[1], *tokens[i + 2 :]]


def last_token_lost(tokens):
    pair, times, out = step(tokens)
    return pair, times, out[:-1] if out[-1] == tokens[-1] else out


def right_half_kept(tokens):
    pair = most_frequent(pairs_of(tokens))
    out = [a + b if (a, b) == pair else a for a, b in zip(tokens, [*tokens[1:], ""])]
    return pair, out.count(pair[0] + pair[1]), out


bpe_step = Exercise(WORDS["bpe_step"], lambda tokens: step(tokens))
bpe_step.inputs = {
    "the letters of `the cat sat on the mat`": (list("the cat sat on the mat"),),
    "three equal letters in a row": (list("aaab"),),
    "seven equal letters": (list("aaaaaaa"),),
    "letters where every pair occurs once": (list("bacd"),),
    "a pair that also occurs in reverse": (list("xyyxxy"),),
    "tokens that have been merged before": (["a", "bc", "ab", "c", "ab", "c"],),
    "two tokens": (["the", " cat"],),
}
bpe_step.mistakes = {
    "overlaps_counted": lambda tokens: ((made := step(tokens))[0], pairs_of(tokens).count(made[0]), made[2]),
    "from_right_to_left": lambda tokens: step(tokens, join=from_the_right),
    "last_of_a_tie": lambda tokens: step(tokens, most_frequent(pairs_of(tokens)[::-1])),
    "alphabet_breaks_ties": lambda tokens: step(tokens, most_frequent(sorted(pairs_of(tokens)))),
    "order_ignored": lambda tokens: step_for_either(tokens, lambda a, b: frozenset((a, b))),
    "merged_once": lambda tokens: step(tokens, join=once),
    "last_token_lost": last_token_lost,
    "right_half_kept": right_half_kept,
    "compared_by_spelling": lambda tokens: step_for_either(tokens, lambda a, b: a + b),
}

# 4.3


def spelled(ids, merges, join=lambda a, b: a + b):
    """The bytes of each token."""
    spelling = [bytes([i]) for i in range(256)]
    for a, b in merges:
        spelling.append(join(spelling[a], spelling[b]))
    return [spelling[i] for i in ids]


def replaced(pieces):
    return b"".join(pieces).decode(errors="replace")


bpe_decode = Exercise(WORDS["bpe_decode"], lambda ids, merges: replaced(spelled(ids, merges)))
bpe_decode.inputs = {
    "the bytes of `cat`": ([99, 97, 116], []),
    "merges of merges": ([257, 258, 33], [(116, 104), (256, 101), (32, 257)]),
    "an é, which takes two bytes": ([99, 97, 102, 195, 169], []),
    "a character of four bytes, two of them merged": ([0xF0, 256, 0xB1], [(0x9F, 0x90)]),
    "half of an é": ([99, 195], []),
    "no ids at all": ([], [(116, 104)]),
}
bpe_decode.mistakes = {
    "token_by_token": lambda ids, merges: "".join(replaced([piece]) for piece in spelled(ids, merges)),
    "token_by_token_and_strict": lambda ids, merges: "".join(piece.decode() for piece in spelled(ids, merges)),
    "strict": lambda ids, merges: b"".join(spelled(ids, merges)).decode(),
    "halves_dropped": lambda ids, merges: b"".join(spelled(ids, merges)).decode(errors="ignore"),
    "bytes_as_characters": lambda ids, merges: b"".join(spelled(ids, merges)).decode("latin-1"),
    "halves_exchanged": lambda ids, merges: replaced(spelled(ids, merges, join=lambda a, b: b + a)),
    "halves_are_bytes": lambda ids, merges: replaced([bytes(merges[i - 256] if i > 255 else [i]) for i in ids]),
    "spaces_between": lambda ids, merges: b" ".join(spelled(ids, merges)).decode(errors="replace"),
    "still_bytes": lambda ids, merges: b"".join(spelled(ids, merges)),
}

# 4.4


def tables(V, context, C):
    rng = np.random.default_rng(V)
    return rng.normal(size=(V, C)).round(2), rng.normal(size=(context, C)).round(2)


def rows(ids, T, shift=0):
    """All the rows of T ids that have their targets, or what's `shift` positions after each id."""
    N = (len(ids) - 1) // T
    return np.roll(ids, -shift)[: N * T].reshape(N, T)


def whole_rows(ids, T):
    return ids[: len(ids) // T * T].reshape(-1, T)


def sliding(ids, T):
    return np.lib.stride_tricks.sliding_window_view(ids, T)


batch = Exercise(WORDS["batch"], lambda ids, T, E, P: (E[rows(ids, T)] + P[:T], rows(ids, T, 1)), exact_shape=True)
batch.inputs = {
    "nine tokens in rows of four": (np.array([3, 1, 4, 1, 5, 0, 2, 5, 3]), 4, *tables(6, 8, 3)),
    "eight tokens in rows of four": (np.array([3, 1, 4, 1, 5, 0, 2, 5]), 4, *tables(6, 8, 3)),
    "seven tokens in one row of five": (np.array([0, 2, 2, 1, 3, 1, 0]), 5, *tables(4, 6, 4)),
    "ten tokens in rows of three": (np.array([1, 6, 2, 0, 3, 5, 4, 4, 1, 0]), 3, *tables(7, 12, 2)),
}
batch.mistakes = {
    "targets_not_shifted": lambda ids, T, E, P: (E[rows(ids, T)] + P[:T], rows(ids, T)),
    "targets_shifted_back": lambda ids, T, E, P: (E[rows(ids, T)] + P[:T], rows(ids, T, -1)),
    "shifted_within_rows": lambda ids, T, E, P: (E[rows(ids, T)] + P[:T], np.roll(rows(ids, T), -1, axis=1)),
    "shifted_by_two": lambda ids, T, E, P: (E[rows(ids, T)] + P[:T], rows(ids, T, 2)),
    "wrapped_round": lambda ids, T, E, P: (E[whole_rows(ids, T)] + P[:T], whole_rows(np.roll(ids, -1), T)),
    "columns_looked_up": lambda ids, T, E, P: (E.T[rows(ids, T)] + P[:T], rows(ids, T, 1)),
    "positions_missing": lambda ids, T, E, P: (E[rows(ids, T)], rows(ids, T, 1)),
    "positions_run_on": lambda ids, T, E, P: (E[rows(ids, T)] + P[rows(range(len(ids)), T)], rows(ids, T, 1)),
    "positions_by_token": lambda ids, T, E, P: (E[rows(ids, T)] + P[rows(ids, T)], rows(ids, T, 1)),
    "positions_from_one": lambda ids, T, E, P: (E[rows(ids, T)] + P[1 : T + 1], rows(ids, T, 1)),
    "sliding_rows": lambda ids, T, E, P: (E[sliding(ids[:-1], T)] + P[:T], sliding(ids[1:], T)),
}

# 4.5


def closest(closeness, i):
    """All tokens but i, the closest first."""
    return [int(j) for j in np.argsort(-closeness, kind="stable") if j != i]


def cosines(E, i, axis=1):
    E = E / np.linalg.norm(E, axis=axis, keepdims=True)
    return E @ E[i]


NORMAL = np.random.default_rng(3).normal(size=(6, 6)).round(2)
LONG_ROWS = NORMAL[:, :3] * np.array([[1], [9], [1], [0.2], [5], [1]])
SAME_WAY = np.array([[2.0, 4.0], [3.0, 1.0], [1.0, 2.0], [-2.0, -3.9], [4.0, 0.5]])

nearest = Exercise(WORDS["nearest"], lambda E, i, k: closest(cosines(E, i), i)[:k])
nearest.inputs = {
    "six rows": (NORMAL, 1, 3),
    "rows of very different lengths": (LONG_ROWS, 0, 4),
    "another token": (LONG_ROWS, 5, 2),
    "a row that's twice another one": (SAME_WAY, 2, 2),
    "all the other rows, one of them opposite": (SAME_WAY[1:], 0, 3),
}
nearest.mistakes = {
    "lengths_left_in": lambda E, i, k: closest(E @ E[i], i)[:k],
    "by_distance": lambda E, i, k: closest(-np.linalg.norm(E - E[i], axis=1), i)[:k],
    "farthest_first": lambda E, i, k: closest(-cosines(E, i), i)[:k],
    "itself_among_them": lambda E, i, k: closest(cosines(E, i), None)[:k],
    "first_dropped": lambda E, i, k: closest(cosines(E, i), None)[1 : k + 1],
    "sign_ignored": lambda E, i, k: closest(abs(cosines(E, i)), i)[:k],
    "columns_made_unit": lambda E, i, k: closest(cosines(E, i, axis=0), i)[:k],
    "columns_compared": lambda E, i, k: closest(cosines(E.T, i), i)[:k],
}

# 4.6

LEARN, OTHERS = WORDS["cut"]["learn"], WORDS["cut"]["others"]
USUAL = re.compile(r" ?[^\W\d_]+| ?\d+| ?(?:[^\w\s]|_)+|\s+(?!\S)|\s")


def tokens_after(cut, merges=60):
    """What merges learned on one text, in the pieces of `cut`, make of another text; and the learned tokens."""
    pieces, others, learned = Counter(map(tuple, cut(LEARN))), [list(piece) for piece in cut(OTHERS)], []
    for _ in range(merges):
        pairs = Counter()
        for piece, n in pieces.items():
            for pair in zip(piece, piece[1:]):
                pairs[pair] += n
        if not pairs:
            break
        best = max(pairs, key=pairs.get)
        learned.append(best[0] + best[1])
        pieces = Counter({tuple(joined(piece, best)): n for piece, n in pieces.items()})
        others = [joined(piece, best) for piece in others]
    return sum(map(len, others)), learned


@Explore
def cut(my_cut):
    for text in (LEARN, OTHERS, "1599: isn't it?\n\n  Two  spaces. ", "caf\u00e9 \N{CAT FACE}_x", " ", ""):
        pieces = my_cut(text)
        if isinstance(pieces, str) or not all(isinstance(piece, str) for piece in pieces):
            return f"Your function must return a list of pieces of text; got {code(repr(pieces)[:60])}."
        if "".join(pieces) != text:
            shown = code(repr(text if len(text) < 40 else text[:40] + " …"))
            return f"The pieces of {shown} don't add up to the same text. Something is missing, or there twice."
    if len(my_cut(LEARN)) < 2:
        return "The text stays in one piece, so the merges could make tokens of whole phrases. Cut it somewhere."
    count, learned = tokens_after(my_cut)
    if not learned:
        return "All your pieces are single characters, which leaves nothing to merge. Cut less often."
    usual, _ = tokens_after(USUAL.findall)
    longest = ", ".join(code(repr(token)) for token in sorted(learned, key=len)[-4:])
    return Verdict(
        f"Every text can be put back together. After 60 merges, {len(OTHERS)} characters of a new text become {count} "
        f"tokens; with this chapter's cut, they become {usual}.\nYour longest tokens: {longest}.",
        passed=True,
    )
