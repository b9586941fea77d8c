"""The exercises of chapter 5: attention by hand, a window mask, the function, its heads, and a search to design."""

import numpy as np

from helpers.sampling import softmax

from .engine import ByHand, Exercise, Explore, words

WORDS = words(__file__)

# 5.1

attention_by_hand = ByHand(WORDS["attention_by_hand"])

# 5.2


def allowed(T, window, least=0):
    """(T, T): whether key s lies from `least` to `window` - 1 behind query t."""
    back = np.arange(T)[:, None] - np.arange(T)
    return (back >= least) & (back < window)


def mask_of(allowed, yes=0.0, no=-np.inf):
    return np.where(allowed, yes, no)


window_mask = Exercise(WORDS["window_mask"], lambda T, window: mask_of(allowed(T, window)))
window_mask.inputs = {
    "six tokens and a window of 3": (6, 3),
    "five tokens and a window of 1": (5, 1),
    "four tokens and a window of 2": (4, 2),
    "a window longer than the text": (3, 8),
    "a single token": (1, 4),
}
window_mask.mistakes = {
    "ones_and_zeros": lambda T, window: allowed(T, window).astype(float),
    "zeros_everywhere": lambda T, window: np.zeros((T, T)),
    "a_large_number": lambda T, window: mask_of(allowed(T, window), no=-1e9),
    "multiplied_by_infinity": lambda T, window: mask_of(allowed(T, window), yes=np.nan),
    "plain_causal": lambda T, window: mask_of(allowed(T, T)),
    "one_too_many": lambda T, window: mask_of(allowed(T, window + 1)),
    "itself_left_out": lambda T, window: mask_of(allowed(T, window + 1, least=1)),
    "to_both_sides": lambda T, window: mask_of(allowed(T, window, least=1 - window)),
    "into_the_future": lambda T, window: mask_of(allowed(T, window).T),
    "inside_out": lambda T, window: mask_of(~allowed(T, window)),
}

# 5.3


def turned(k):
    return np.swapaxes(k, -1, -2)


def some(*shapes, causal=False):
    """Queries, keys, and values of these shapes, and a mask."""
    rng = np.random.default_rng(len(shapes[0]))
    q, k, v = (rng.normal(size=shape) for shape in shapes)
    T, S = q.shape[-2], k.shape[-2]
    return q, k, v, np.triu(np.full((T, S), -np.inf), 1) if causal else np.zeros((T, S))


def scores(q, k, scale=None):
    return q @ turned(k) / (scale or np.sqrt(q.shape[-1]))


def weights_without_keepdims(scores):
    e = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1)


def weights_without_shift(scores):
    return np.exp(scores) / np.exp(scores).sum(axis=-1, keepdims=True)


attention = Exercise(WORDS["attention"], lambda q, k, v, mask: softmax(scores(q, k) + mask) @ v)
attention.inputs = {
    "four tokens and a causal mask": some((4, 3), (4, 3), (4, 3), causal=True),
    "two queries and five keys, all allowed": some((2, 4), (5, 4), (5, 4)),
    "values wider than the keys": some((3, 2), (3, 2), (3, 6), causal=True),
    "two texts with three heads each": some((2, 3, 5, 4), (2, 3, 5, 4), (2, 3, 5, 4), causal=True),
    "D = 1": some((3, 1), (3, 1), (3, 1), causal=True),
    "scores near 1,000": (*(50 * part for part in some((3, 2), (3, 2), (3, 2))[:3]), np.zeros((3, 3))),
}
attention.mistakes = {
    "not_scaled": lambda q, k, v, mask: softmax(scores(q, k, 1) + mask) @ v,
    "scaled_by_D": lambda q, k, v, mask: softmax(scores(q, k, q.shape[-1]) + mask) @ v,
    "multiplied_by_root": lambda q, k, v, mask: softmax(scores(q, k, q.shape[-1] ** -0.5) + mask) @ v,
    "width_of_the_values": lambda q, k, v, mask: softmax(scores(q, k, v.shape[-1] ** 0.5) + mask) @ v,
    "number_of_keys": lambda q, k, v, mask: softmax(scores(q, k, k.shape[-2] ** 0.5) + mask) @ v,
    "masked_after": lambda q, k, v, mask: softmax(scores(q, k)) * np.exp(mask) @ v,
    "added_after": lambda q, k, v, mask: (softmax(scores(q, k)) + mask) @ v,
    "zero_scores": lambda q, k, v, mask: softmax(scores(q, k) * np.exp(mask)) @ v,
    "mask_forgotten": lambda q, k, v, mask: softmax(scores(q, k)) @ v,
    "mask_turned": lambda q, k, v, mask: (
        softmax(scores(q, k) + (turned(mask) if len(mask) == mask.shape[1] else mask)) @ v
    ),
    "along_the_queries": lambda q, k, v, mask: turned(softmax(turned(scores(q, k) + mask))) @ v,
    "sums_lined_up_wrongly": lambda q, k, v, mask: weights_without_keepdims(scores(q, k) + mask) @ v,
    "keys_given": lambda q, k, v, mask: softmax(scores(q, k) + mask) @ k,
    "no_softmax": lambda q, k, v, mask: scores(q, k) * np.exp(mask) @ v,
    "overflow": lambda q, k, v, mask: weights_without_shift(scores(q, k) + mask) @ v,
    "all_axes_turned": lambda q, k, v, mask: softmax(q @ k.T / np.sqrt(q.shape[-1]) + mask) @ v,
}

# 5.4


def apart(x, heads):
    """(T, C) → (heads, T, D)."""
    return x.reshape(len(x), heads, -1).swapaxes(0, 1)


def together(x):
    """(heads, T, D) → (T, C)."""
    return x.swapaxes(0, 1).reshape(x.shape[1], -1)


def attend(q, k, v, heads, *, apart=apart, together=together):
    """Every head on its own. `apart` and `together` are steps that can go wrong."""
    q, k, v = (apart(part, heads) for part in (q, k, v))
    return together(softmax(scores(q, k)) @ v)


def rows_apart(x, heads):
    return x.reshape(heads, len(x), -1)


def joined_as_is(x):
    return x.reshape(x.shape[1], -1)


many_heads = Exercise(WORDS["many_heads"], lambda q, k, v, heads: attend(q, k, v, heads))
many_heads.inputs = {
    "five tokens, six channels, two heads": (*some((5, 6), (5, 6), (5, 6))[:3], 2),
    "the same with three heads": (*some((5, 6), (5, 6), (5, 6))[:3], 3),
    "one head": (*some((4, 6), (4, 6), (4, 6))[:3], 1),
    "as many heads as channels": (*some((3, 4), (3, 4), (3, 4))[:3], 4),
    "three queries and seven keys": (*some((3, 8), (7, 8), (7, 8))[:3], 2),
}
many_heads.mistakes = {
    "one_for_all": lambda q, k, v, heads: attend(q, k, v, 1),
    "rows_shared_out": lambda *args: attend(*args, apart=rows_apart),
    "rows_shared_out_and_back": lambda *args: attend(*args, apart=rows_apart, together=joined_as_is),
    "not_moved_back": lambda *args: attend(*args, together=joined_as_is),
    "every_other_channel": lambda *args: attend(
        *args,
        apart=lambda x, heads: x.reshape(len(x), -1, heads).transpose(2, 0, 1),
        together=lambda x: x.transpose(1, 2, 0).reshape(x.shape[1], -1),
    ),
    "root_of_all_channels": lambda q, k, v, heads: attend(q / np.sqrt(heads), k, v, heads),
    "heads_added": lambda *args: attend(*args, together=lambda x: x.sum(axis=0)),
}

# 5.5

TEXTS = ["write a poem about a cat.", "a cat", "rhythm and blues", "sea", "the queue is long, the night is short"]


@Explore
def last_vowel(search):
    for text in TEXTS:
        q, k = (np.asarray(part, dtype=float) for part in search(text))
        T = len(text)
        if q.ndim != 2 or q.shape != k.shape or len(q) != T:
            return f"For {T} characters, q and k must have shape ({T}, D); got {q.shape} and {k.shape}."
        if not (np.isfinite(q).all() and np.isfinite(k).all()):
            return f"For {text!r}, q or k contains nan or infinity. Keep your numbers finite."
        weights = softmax(q @ k.T + np.triu(np.full((T, T), -np.inf), 1))
        for t in range(T):
            vowels = [s for s in range(t + 1) if text[s] in "aeiou"]
            if not vowels or weights[t, vowels[-1]] > 0.9:
                continue
            found, latest = int(weights[t].argmax()), vowels[-1]
            where = f"In {text!r}, the {text[t]!r} at position {t}"
            if found == latest:
                return (
                    f"{where} looks at the right vowel, but gives it only {weights[t, latest]:.0%} of its weight, not "
                    "90%. Larger queries, or keys that are farther apart, make the softmax sharper."
                )
            if text[found] not in "aeiou":
                return (
                    f"{where} looks mostly at the {text[found]!r} at position {found}, which isn't a vowel. Being a "
                    "vowel should count for more than the position."
                )
            if found == vowels[0]:
                return f"{where} looks at the first vowel instead of the latest. Give later keys a little more."
            return f"{where} looks at the {text[found]!r} at position {found}, but there's a later vowel at {latest}."
    return None
