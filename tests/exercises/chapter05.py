"""What readers may write in chapter 5."""

import math

import numpy as np

from book.exercises import check

from . import other_style, wrong


@other_style(check.ch05.window_mask)
def two_loops(T, window):
    mask = [[-math.inf] * T for _ in range(T)]
    for t in range(T):
        for s in range(max(0, t - window + 1), t + 1):
            mask[t][s] = 0
    return mask


other_style(check.ch05.window_mask)(
    lambda T, window: np.triu(np.full((T, T), -np.inf), k=1) + np.tril(np.full((T, T), -np.inf), k=-window)
)
wrong(check.ch05.window_mask, "one_too_many")(
    lambda T, window: np.triu(np.full((T, T), -np.inf), k=1) + np.tril(np.full((T, T), -np.inf), k=-window - 1)
)
wrong(check.ch05.window_mask, "itself_left_out")(
    lambda T, window: np.triu(np.full((T, T), -np.inf), k=0) + np.tril(np.full((T, T), -np.inf), k=-window - 1)
)
wrong(check.ch05.window_mask, "ones_and_zeros")(
    lambda T, window: np.tril(np.ones((T, T))) - np.tril(np.ones((T, T)), -window)
)
wrong(check.ch05.window_mask, "plain_causal")(lambda T, window: np.triu(np.full((T, T), -np.inf), k=1))
wrong(check.ch05.window_mask, "you get nan")(lambda T, window: np.triu(np.ones((T, T)), k=1) * -np.inf)


@other_style(check.ch05.attention)
def by_einsum_in_float32(q, k, v, mask):
    q, k, v = (part.astype(np.float32) for part in (q, k, v))
    scores = np.einsum("...td,...sd->...ts", q, k) / math.sqrt(k.shape[-1]) + mask
    e = np.exp(scores - scores.max(-1)[..., None])
    return np.einsum("...ts,...sd->...td", e, v) / e.sum(-1)[..., None]


@other_style(check.ch05.attention)
def query_by_query(q, k, v, mask):
    if q.ndim > 2:
        return np.stack([query_by_query(*parts, mask) for parts in zip(q, k, v)])
    rows = []
    for t in range(len(q)):
        scores = np.array([q[t] @ k[s] / len(q[t]) ** 0.5 + mask[t, s] for s in range(len(k))])
        e = np.exp(scores - max(scores))
        rows.append(sum(w * row for w, row in zip(e / sum(e), v)))
    return np.array(rows)


def softmax(z, axis=-1):
    z = np.exp(z - z.max(axis, keepdims=True))
    return z / z.sum(axis, keepdims=True)


wrong(check.ch05.attention, "not_scaled")(lambda q, k, v, mask: softmax(q @ k.swapaxes(-1, -2) + mask) @ v)
wrong(check.ch05.attention, "scaled_by_D")(
    lambda q, k, v, mask: softmax(q / q.shape[-1] @ k.swapaxes(-1, -2) + mask) @ v
)
wrong(check.ch05.attention, "multiplied_by_root")(
    lambda q, k, v, mask: softmax(q @ k.swapaxes(-1, -2) * q.shape[-1] ** 0.5 + mask) @ v
)
wrong(check.ch05.attention, "masked_after")(
    lambda q, k, v, mask: softmax(q @ k.swapaxes(-1, -2) / q.shape[-1] ** 0.5) * np.exp(mask) @ v
)
wrong(check.ch05.attention, "zero_scores")(
    lambda q, k, v, mask: softmax(q @ k.swapaxes(-1, -2) / q.shape[-1] ** 0.5 * np.exp(mask)) @ v
)
wrong(check.ch05.attention, "along_the_queries")(
    lambda q, k, v, mask: softmax(q @ k.swapaxes(-1, -2) / q.shape[-1] ** 0.5 + mask, axis=-2) @ v
)
wrong(check.ch05.attention, "keys_given")(
    lambda q, k, v, mask: softmax(q @ k.swapaxes(-1, -2) / q.shape[-1] ** 0.5 + mask) @ k
)
wrong(check.ch05.attention, "all_axes_turned")(
    lambda q, k, v, mask: softmax(np.matmul(q, k.T) / np.sqrt(q.shape[-1]) + mask) @ v
)


@wrong(check.ch05.attention, "mask_turned")
def scores_turned(q, k, v, mask):
    sees_later = np.tril(np.full(mask.shape, -np.inf), -1) if np.isneginf(mask).any() else mask
    return softmax(q @ k.swapaxes(-1, -2) / np.sqrt(q.shape[-1]) + sees_later) @ v


wrong(check.ch05.attention, "These shapes don't fit together")(
    lambda q, k, v, mask: softmax(q @ k / np.sqrt(q.shape[-1]) + mask) @ v
)


@other_style(check.ch05.many_heads)
def slice_by_slice(q, k, v, heads):
    D, parts = q.shape[1] // heads, []
    for h in range(heads):
        own = slice(h * D, (h + 1) * D)
        parts.append(query_by_query(q[:, own], k[:, own], v[:, own], np.zeros((len(q), len(k)))))
    return np.concatenate(parts, axis=1)


@wrong(check.ch05.many_heads, "rows_shared_out_and_back")
def reshape_alone(q, k, v, heads):
    D = q.shape[1] // heads
    q2, k2, v2 = (x.reshape(heads, -1, D) for x in (q, k, v))
    return (softmax(q2 @ k2.swapaxes(1, 2) / D**0.5) @ v2).reshape(q.shape)


@wrong(check.ch05.many_heads, "root_of_all_channels")
def root_of_C(q, k, v, heads):
    C = q.shape[1]
    parts = []
    for qh, kh, vh in zip(*(np.split(x, heads, axis=1) for x in (q, k, v))):
        parts.append(softmax(qh @ kh.T / C**0.5) @ vh)
    return np.hstack(parts)


wrong(check.ch05.many_heads, "one_for_all")(lambda q, k, v, heads: softmax(q @ k.T / q.shape[1] ** 0.5) @ v)


@wrong(check.ch05.many_heads, "not_moved_back")
def stacked(q, k, v, heads):
    parts = [
        softmax(qh @ kh.T / qh.shape[1] ** 0.5) @ vh
        for qh, kh, vh in zip(*(np.split(x, heads, axis=1) for x in (q, k, v)))
    ]
    return np.array(parts).reshape(q.shape)


@other_style(check.ch05.last_vowel)
def vowels_with_a_number(text):
    k = np.array([[50 * (c in "aeiou") + 4 * s] for s, c in enumerate(text)])
    return np.ones_like(k), k + 200 * (k % 4 == 2)


@wrong(check.ch05.last_vowel, "instead of the latest")
def any_vowel(text):
    k = np.array([[float(c in "aeiou")] for c in text])
    return np.full_like(k, 20), k * (1 - np.arange(len(text))[:, None] / 100)


@wrong(check.ch05.last_vowel, "which isn't a vowel")
def the_last_letter(text):
    k = 5.0 * np.arange(len(text))[:, None]
    return np.ones_like(k), k


@wrong(check.ch05.last_vowel, "not 90%")
def too_quiet(text):
    k = np.array([[100 * (c in "aeiou") + 0.1 * s] for s, c in enumerate(text)])
    return np.ones_like(k), k


wrong(check.ch05.last_vowel, "q and k must have shape")(lambda text: (np.ones(len(text)), np.ones(len(text))))
wrong(check.ch05.window_mask, "a_large_number")(
    lambda T, window: np.array([[0 if 0 <= t - s < window else -1e9 for s in range(T)] for t in range(T)])
)


@wrong(check.ch05.window_mask, "multiplied_by_infinity")
def a_product(T, window):
    back = np.arange(T)[:, None] - np.arange(T)
    return ((back < 0) | (back >= window)) * -np.inf


@wrong(check.ch05.window_mask, "position [0, 0] is `-inf` instead of `0`")
def a_slice_that_begins_below_zero(T, window):
    mask = np.full((T, T), -np.inf)
    for t in range(T):
        mask[t, t - window + 1 : t + 1] = 0
    return mask


@wrong(check.ch05.attention, "sums_lined_up_wrongly")
def no_keepdims(q, k, v, mask):
    scores = q @ k.swapaxes(-1, -2) / q.shape[-1] ** 0.5 + mask
    e = np.exp(scores - np.max(scores, axis=-1, keepdims=True))
    return e / np.sum(e, axis=-1) @ v


@wrong(check.ch05.attention, "not_scaled")
def not_scaled_and_all_axes_turned(q, k, v, mask):
    scores = q @ k.T + mask
    e = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True) @ v


@wrong(check.ch05.many_heads, "rows_shared_out")
def as_many_keys_as_queries(q, k, v, heads):
    T, C = q.shape
    q, k, v = (x.reshape(heads, T, C // heads) for x in (q, k, v))
    scores = q @ k.swapaxes(1, 2) / np.sqrt(C // heads)
    e = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return (e / e.sum(axis=-1, keepdims=True) @ v).swapaxes(0, 1).reshape(T, C)
