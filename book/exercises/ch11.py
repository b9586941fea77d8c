"""The exercises of chapter 11: RoPE by hand, RMSNorm, a group of 4-bit weights, grouped queries, and loops."""

import numpy as np

from helpers.sampling import softmax

from .engine import ByHand, Exercise, words

WORDS = words(__file__)

# 11.1

rope_by_hand = ByHand(WORDS["rope_by_hand"])

# 11.2


def mean_square(x, **where):
    return (x**2).mean(keepdims=True, **where)


def normed(x, weight, square):
    return x / np.sqrt(square + 1e-5) * weight


def rows(T, C, size=1.0, seed=0):
    rng = np.random.default_rng(seed)
    return size * rng.normal(0.5, 1, (T, C)), rng.normal(1, 0.5, C)


rms_norm = Exercise(WORDS["rms_norm"], lambda x, weight: normed(x, weight, mean_square(x, axis=-1)))
rms_norm.inputs = {
    "five rows of four": rows(5, 4),
    "three rows of six": rows(3, 6, seed=1),
    "one row": rows(1, 8, seed=2),
    "large numbers": rows(4, 4, 100.0, seed=3),
    "numbers near 0.001": rows(4, 5, 1e-3, seed=4),
}
rms_norm.mistakes = {
    "mean_subtracted": lambda x, weight: normed(
        x - x.mean(axis=-1, keepdims=True), weight, mean_square(x - x.mean(axis=-1, keepdims=True), axis=-1)
    ),
    "no_root": lambda x, weight: x / (mean_square(x, axis=-1) + 1e-5) * weight,
    "sum_not_mean": lambda x, weight: normed(x, weight, (x**2).sum(axis=-1, keepdims=True)),
    "down_the_columns": lambda x, weight: normed(x, weight, mean_square(x, axis=0)),
    "all_rows_at_once": lambda x, weight: normed(x, weight, mean_square(x)),
    "outside_the_root": lambda x, weight: x / (np.sqrt(mean_square(x, axis=-1)) + 1e-5) * weight,
    "nothing_added": lambda x, weight: x / np.sqrt(mean_square(x, axis=-1)) * weight,
    "weight_forgotten": lambda x, weight: normed(x, 1.0, mean_square(x, axis=-1)),
}

# 11.3


def halves(raw):
    return raw[:4].view(np.float16).astype(float)


def numbers(raw):
    return np.concatenate([raw[4:] & 15, raw[4:] >> 4])


def group(scale, least, seed):
    packed = np.random.default_rng(seed).integers(0, 256, 16, dtype=np.uint8)
    return (np.concatenate([np.array([scale, least], np.float16).view(np.uint8), packed]),)


unpack = Exercise(WORDS["unpack"], lambda raw: numbers(raw) * halves(raw)[0] + halves(raw)[1])
unpack.inputs = {
    "a group": group(0.01, -0.08, 0),
    "a scale of 1 and a smallest value of 0": group(1, 0, 1),
    "only positive weights": group(0.5, 2, 2),
    "only negative weights": group(0.02, -3, 3),
}
unpack.mistakes = {
    "neighbors_in_a_byte": lambda raw: (
        np.stack([raw[4:] & 15, raw[4:] >> 4], axis=1).ravel() * halves(raw)[0] + halves(raw)[1]
    ),
    "high_halves_first": lambda raw: np.concatenate([raw[4:] >> 4, raw[4:] & 15]) * halves(raw)[0] + halves(raw)[1],
    "not_moved_down": lambda raw: np.concatenate([raw[4:] & 15, raw[4:] & 240]) * halves(raw)[0] + halves(raw)[1],
    "scale_and_smallest_swapped": lambda raw: numbers(raw) * halves(raw)[1] + halves(raw)[0],
    "smallest_subtracted": lambda raw: numbers(raw) * halves(raw)[0] - halves(raw)[1],
    "smallest_forgotten": lambda raw: numbers(raw) * halves(raw)[0],
    "scale_after_the_sum": lambda raw: (numbers(raw) + halves(raw)[1]) * halves(raw)[0],
    "numbers_as_they_are": lambda raw: numbers(raw).astype(float),
    "low_halves_only": lambda raw: (raw[4:] & 15) * halves(raw)[0] + halves(raw)[1],
}

# 11.4


def attend(q, k, v, mask, key=lambda h, group, K: h // group, value=None, scale=None):
    """Every head on its own. `key` and `value` say which shared head it uses: steps that can go wrong."""
    H, _, D = q.shape
    K, value = len(k), value or key
    heads = []
    for h in range(H):
        scores = q[h] @ k[key(h, H // K, K)].T / (scale or np.sqrt(D))
        heads.append(softmax(scores + mask) @ v[value(h, H // K, K)])
    return np.stack(heads)


def parts(H, K, T, D, seed=0):
    rng = np.random.default_rng(seed)
    q, k, v = (rng.normal(size=(heads, T, D)) for heads in (H, K, K))
    return q, k, v, np.triu(np.full((T, T), -np.inf), 1)


in_turn = lambda h, group, K: h % K  # noqa: E731
grouped = Exercise(WORDS["grouped"], lambda q, k, v, mask: attend(q, k, v, mask))
grouped.inputs = {
    "four query heads and two key heads": parts(4, 2, 5, 4),
    "nine query heads and three key heads": parts(9, 3, 4, 2, seed=1),
    "as many key heads as query heads": parts(3, 3, 4, 4, seed=2),
    "one key head for all": parts(4, 1, 3, 6, seed=3),
}
grouped.mistakes = {
    "in_turn": lambda q, k, v, mask: attend(q, k, v, mask, in_turn),
    "values_in_turn": lambda q, k, v, mask: attend(q, k, v, mask, value=in_turn),
    "keys_in_turn": lambda q, k, v, mask: attend(q, k, v, mask, in_turn, lambda h, group, K: h // group),
    "the_first_for_all": lambda q, k, v, mask: attend(q, k, v, mask, lambda h, group, K: 0),
    "not_scaled": lambda q, k, v, mask: attend(q, k, v, mask, scale=1),
    "scaled_by_D": lambda q, k, v, mask: attend(q, k, v, mask, scale=q.shape[-1]),
    "mask_forgotten": lambda q, k, v, mask: attend(q, k, v, np.zeros_like(mask)),
    "keys_as_values": lambda q, k, v, mask: attend(q, k, k, mask),
}

# 11.5


def shortest(ids, times=3, lengths=None, end=None):
    """The first of the lengths for which the text up to `end` ends in that many equal pieces; 0 if there's none."""
    ids = list(ids)[:end]
    for n in lengths or range(1, len(ids) // times + 1):
        pieces = [ids[len(ids) - (i + 1) * n : len(ids) - i * n] for i in range(times)]
        if n * times <= len(ids) and all(piece == pieces[0] for piece in pieces):
            return n
    return 0


loop = Exercise(WORDS["loop"], lambda ids: shortest(ids))
loop.inputs = {
    "a piece of two": ([1, 2, 3, 7, 8, 7, 8, 7, 8],),
    "one token three times": ([6, 5, 5, 5],),
    "a piece of three": ([9, 1, 2, 3, 1, 2, 3, 1, 2, 3],),
    "only twice": ([1, 2, 1, 2],),
    "one token six times": ([4, 4, 4, 4, 4, 4],),
    "a loop that has ended": ([7, 8, 7, 8, 7, 8, 1],),
    "doubles inside a piece": ([1, 1, 2, 1, 1, 2, 1, 1, 2],),
    "no tokens": ([],),
}
loop.mistakes = {
    "twice_is_enough": lambda ids: shortest(ids, times=2),
    "four_times": lambda ids: shortest(ids, times=4),
    "the_longest": lambda ids: shortest(ids, lengths=range(len(ids) // 3, 0, -1)),
    "single_tokens_only": lambda ids: shortest(ids, lengths=[1]),
    "anywhere": lambda ids: max((shortest(ids, end=end) for end in range(len(ids) + 1)), default=0),
    "the_whole_loop": lambda ids: 3 * shortest(ids),
    "minus_one": lambda ids: shortest(ids) or -1,
}
