"""The exercises of chapter 5: attention by hand, a window mask, the function, its heads, and a search to design."""

import numpy as np

from .engine import by_hand, exercise, explore

# 5.1

LOG3 = np.log(3)


@by_hand()
def attention_by_hand():
    """D = 4; the second of three tokens asks; scores 2 log 3, 0 and 4 before the division; values 8, 4 and 20."""
    return {"score_1": LOG3, "w_1": 0.75, "w_2": 0.25, "w_3": 0, "answer": 7}


def answers(w_1, w_2, w_3):
    return {"w_1": w_1, "w_2": w_2, "w_3": w_3, "answer": 8 * w_1 + 4 * w_2 + 20 * w_3}


ROOT3, E2 = np.sqrt(3), np.exp(2)


@attention_by_hand.mistake
def root_forgotten():
    """This is what the score gives before it is divided. By what is it divided when D = 4?"""
    return {"score_1": 2 * LOG3, "w_1": 0.9, "w_2": 0.1, "answer": 7.6}


@attention_by_hand.mistake
def divided_by_D():
    """The score was divided by D itself. By what is it divided?"""
    return {"score_1": LOG3 / 2, "w_1": ROOT3 / (ROOT3 + 1), "w_2": 1 / (ROOT3 + 1)} | {
        "answer": (8 * ROOT3 + 4) / (ROOT3 + 1)
    }


@attention_by_hand.mistake
def multiplied():
    """The score became larger. Should the division make it larger, or smaller?"""
    return {"score_1": 4 * LOG3, "w_1": 81 / 82, "w_2": 1 / 82, "answer": (8 * 81 + 4) / 82}


@attention_by_hand.mistake
def sees_the_future():
    """The third token has a share. When the second one asks, has the third been read?"""
    return answers(3 / (4 + E2), 1 / (4 + E2), E2 / (4 + E2))


@attention_by_hand.mistake
def masked_with_zero():
    """The third token takes part with a score of 0, and exp(0) is not 0."""
    return answers(0.6, 0.2, 0.2)


@attention_by_hand.mistake
def cut_after_softmax():
    """The third share was taken away after the softmax, so the two that are left sum to less than 1."""
    return {"answer": (8 * 3 + 4) / (4 + E2)}


@attention_by_hand.mistake
def not_divided_by_the_sum():
    """These are exponentials. What do the weights of a softmax sum to?"""
    return {"w_1": 3, "w_2": 1, "answer": 28}


@attention_by_hand.mistake
def plain_mean():
    """Both count the same here. What are the weights good for?"""
    return {"answer": 6}


# 5.2


def allowed_to_mask(allowed):
    return np.where(allowed, 0.0, -np.inf)


def back(T):
    """(T, T): how far key s lies behind query t."""
    return np.arange(T)[:, None] - np.arange(T)


@exercise(
    {
        "six tokens and a window of 3": (6, 3),
        "five tokens and a window of 1": (5, 1),
        "four tokens and a window of 2": (4, 2),
        "a window longer than the text": (3, 8),
        "a single token": (1, 4),
    },
    praise="A query, its window, and nothing of the future.",
)
def window_mask(T, window):
    return allowed_to_mask((back(T) >= 0) & (back(T) < window))


@window_mask.mistake
def ones_and_zeros(T, window):
    """The places are right, and the numbers are not: this mask is added to the scores. What must a forbidden score
    become, so that its exponential is 0?"""
    return np.isfinite(window_mask.right(T, window)).astype(float)


@window_mask.mistake
def zeros_everywhere(T, window):
    """0 is added everywhere, which bans nobody. Which number has the exponential 0?"""
    return np.zeros((T, T))


@window_mask.mistake
def a_large_number(T, window):
    """So large a number does nearly the same. Minus infinity is asked for, whose exponential is 0 whatever the scores
    are."""
    return np.where(np.isfinite(window_mask.right(T, window)), 0, -1e9)


@window_mask.mistake
def multiplied_by_infinity(T, window):
    """The allowed places are nan: infinity times 0 is no number. How can you choose between two numbers, without a
    product?"""
    return np.where(np.isfinite(window_mask.right(T, window)), np.nan, -np.inf)


@window_mask.mistake
def plain_causal(T, window):
    """The future is hidden, and the distant past is not. Look at the last row: how many zeros may it have?"""
    return allowed_to_mask(back(T) >= 0)


@window_mask.mistake
def one_too_many(T, window):
    """Count the zeros of the last row. The window counts the token itself, too."""
    return allowed_to_mask((back(T) >= 0) & (back(T) <= window))


@window_mask.mistake
def itself_left_out(T, window):
    """The diagonal is forbidden, so the first token may look at nothing, and its softmax gives nan. May a token look at
    itself?"""
    return allowed_to_mask((back(T) > 0) & (back(T) <= window))


@window_mask.mistake
def to_both_sides(T, window):
    """The window reaches to both sides. Row 0 is the first token: which of its columns lie in the future?"""
    return allowed_to_mask(abs(back(T)) < window)


@window_mask.mistake
def into_the_future(T, window):
    """The window lies on the wrong side. Row t is the token that looks; is column s > t before it, or after it?"""
    return allowed_to_mask((back(T) <= 0) & (back(T) > -window))


@window_mask.mistake
def inside_out(T, window):
    """Allowed and forbidden have changed places: the zeros stand where the minus infinities should."""
    return allowed_to_mask(~((back(T) >= 0) & (back(T) < window)))


# 5.3


def softmax(z, axis=-1):
    e = np.exp(z - z.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


def turned(k):
    return np.swapaxes(k, -1, -2)


def some(*shapes, causal=False):
    """Queries, keys, and values of these shapes, and a mask."""
    rng = np.random.default_rng(len(shapes[0]))
    q, k, v = (rng.normal(size=shape) for shape in shapes)
    T, S = q.shape[-2], k.shape[-2]
    return q, k, v, np.triu(np.full((T, S), -np.inf), 1) if causal else np.zeros((T, S))


@exercise(
    {
        "four tokens and a causal mask": some((4, 3), (4, 3), (4, 3), causal=True),
        "two queries and five keys, all allowed": some((2, 4), (5, 4), (5, 4)),
        "values wider than the keys": some((3, 2), (3, 2), (3, 6), causal=True),
        "two texts with three heads each": some((2, 3, 5, 4), (2, 3, 5, 4), (2, 3, 5, 4), causal=True),
        "D = 1": some((3, 1), (3, 1), (3, 1), causal=True),
        "scores near 1,000": (*(50 * part for part in some((3, 2), (3, 2), (3, 2))[:3]), np.zeros((3, 3))),
    },
    praise="The same numbers as softmax(q kᵀ / √D + mask) v, for all six shapes.",
)
def attention(q, k, v, mask):
    return softmax(q @ turned(k) / np.sqrt(q.shape[-1]) + mask) @ v


@attention.mistake
def not_scaled(q, k, v, mask):
    """Right where D = 1, and too sharp where D is larger. What keeps the scores at variance 1?"""
    return softmax(q @ turned(k) + mask) @ v


@attention.mistake
def scaled_by_D(q, k, v, mask):
    """Right where D = 1, and too even where D is larger. The variance of a score is D; by what must the score be
    divided, so that it becomes 1?"""
    return softmax(q @ turned(k) / q.shape[-1] + mask) @ v


@attention.mistake
def multiplied_by_root(q, k, v, mask):
    """Right where D = 1, and far too sharp elsewhere: the root of D makes your scores larger."""
    return softmax(q @ turned(k) * np.sqrt(q.shape[-1]) + mask) @ v


@attention.mistake
def width_of_the_values(q, k, v, mask):
    """Right but for values that are wider than the keys. A score is a sum of how many products?"""
    return softmax(q @ turned(k) / np.sqrt(v.shape[-1]) + mask) @ v


@attention.mistake
def number_of_keys(q, k, v, mask):
    """The scores are divided by the root of the number of keys. How many terms does one dot product have?"""
    return softmax(q @ turned(k) / np.sqrt(k.shape[-2]) + mask) @ v


@attention.mistake
def masked_after(q, k, v, mask):
    """The mask comes after the softmax, so what is left of a row does not sum to 1. Print the row sums of your
    weights."""
    return np.where(np.isneginf(mask), 0, softmax(q @ turned(k) / np.sqrt(q.shape[-1]))) @ v


@attention.mistake
def added_after(q, k, v, mask):
    """Minus infinity reaches the result: the mask is added to weights. It belongs to the scores."""
    return (softmax(q @ turned(k) / np.sqrt(q.shape[-1])) + mask) @ v


@attention.mistake
def zero_scores(q, k, v, mask):
    """Forbidden scores are set to 0, and so their exponential is 1: the future still has weight."""
    return softmax(np.where(np.isneginf(mask), 0, q @ turned(k) / np.sqrt(q.shape[-1]))) @ v


@attention.mistake
def mask_forgotten(q, k, v, mask):
    """Right where everything is allowed. Where does `mask` come in?"""
    return softmax(q @ turned(k) / np.sqrt(q.shape[-1])) @ v


@attention.mistake
def mask_turned(q, k, v, mask):
    """Each token sees the future, and not the past: the mask, or the scores, stand on their side."""
    seen = turned(mask) if mask.shape[0] == mask.shape[1] else mask
    return softmax(q @ turned(k) / np.sqrt(q.shape[-1]) + seen) @ v


@attention.mistake
def along_the_queries(q, k, v, mask):
    """The columns of your weights sum to 1. Each *row* belongs to one token that looks; what should sum to 1?"""
    return softmax(q @ turned(k) / np.sqrt(q.shape[-1]) + mask, axis=-2) @ v


@attention.mistake
def sums_lined_up_wrongly(q, k, v, mask):
    """Each *column* of your exponentials is divided by the sum of a row. What shape have the sums, and which one do
    they need?"""
    scores = q @ turned(k) / np.sqrt(q.shape[-1]) + mask
    e = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1) @ v


@attention.mistake
def keys_given(q, k, v, mask):
    """The weights are right, and they mix the keys. What does a token give to those who look at it?"""
    return softmax(q @ turned(k) / np.sqrt(q.shape[-1]) + mask) @ k


@attention.mistake
def no_softmax(q, k, v, mask):
    """The scores are used as weights. They can be negative, and do not sum to 1."""
    return np.where(np.isneginf(mask), 0, q @ turned(k) / np.sqrt(q.shape[-1])) @ v


@attention.mistake
def overflow(q, k, v, mask):
    """Right on everyday scores, nan on scores near 1,000. What does chapter 3 subtract from each row first?"""
    e = np.exp(q @ turned(k) / np.sqrt(q.shape[-1]) + mask)
    return e / e.sum(axis=-1, keepdims=True) @ v


@attention.mistake
def all_axes_turned(q, k, v, mask):
    """Right as long as there is neither batch nor head: `.T` turns *all* axes round. Which two should change places?"""
    return softmax(q @ k.T / np.sqrt(q.shape[-1]) + mask) @ v


# 5.4


def heads_attend(q, k, v, heads, *, apart, together):
    q, k, v = (apart(part, heads) for part in (q, k, v))
    return together(attention.right(q, k, v, np.zeros((q.shape[-2], k.shape[-2]))))


def apart(x, heads):
    return x.reshape(len(x), heads, -1).swapaxes(0, 1)


def together(x):
    return x.swapaxes(0, 1).reshape(x.shape[1], -1)


@exercise(
    {
        "five tokens, six channels, two heads": (*some((5, 6), (5, 6), (5, 6))[:3], 2),
        "the same with three heads": (*some((5, 6), (5, 6), (5, 6))[:3], 3),
        "one head": (*some((4, 6), (4, 6), (4, 6))[:3], 1),
        "as many heads as channels": (*some((3, 4), (3, 4), (3, 4))[:3], 4),
        "three queries and seven keys": (*some((3, 8), (7, 8), (7, 8))[:3], 2),
    },
    praise="Each head has its own channels, and its own weights.",
)
def many_heads(q, k, v, heads):
    return heads_attend(q, k, v, heads, apart=apart, together=together)


@many_heads.mistake
def one_for_all(q, k, v, heads):
    """Right with one head, and with more it gives the same as with one. Each head should make weights from its own
    channels alone."""
    return attention.right(q, k, v, np.zeros((len(q), len(k))))


@many_heads.mistake
def rows_shared_out(q, k, v, heads):
    """The reshape puts *tokens* into different heads: it reads the numbers row by row. Split the channels first, and
    move the axis of the heads to the front afterwards."""
    mixed = attention.right(*(x.reshape(heads, len(x), -1) for x in (q, k, v)), np.zeros((len(q), len(k))))
    return together(mixed)


@many_heads.mistake
def rows_shared_out_and_back(q, k, v, heads):
    """The reshape puts *tokens* into different heads, and puts them back in the same way. Which axis should be split,
    and which axis should then change places with it?"""
    mixed = attention.right(*(x.reshape(heads, len(x), -1) for x in (q, k, v)), np.zeros((len(q), len(k))))
    return mixed.reshape(len(q), -1)


@many_heads.mistake
def not_moved_back(q, k, v, heads):
    """The heads are right, and they are put together in the wrong order. Before the last reshape, which axis must stand
    next to the channels?"""
    return heads_attend(q, k, v, heads, apart=apart, together=lambda x: x.reshape(x.shape[1], -1))


@many_heads.mistake
def every_other_channel(q, k, v, heads):
    """Each head gets channels that lie apart, and the book's heads get neighbors: the first D channels, the next D, …
    Which of the two axes should come first when you split, the heads or their channels?"""
    return heads_attend(
        q, k, v, heads,
        apart=lambda x, heads: x.reshape(len(x), -1, heads).transpose(2, 0, 1),
        together=lambda x: x.transpose(1, 2, 0).reshape(x.shape[1], -1),
    )  # fmt: skip


@many_heads.mistake
def root_of_all_channels(q, k, v, heads):
    """Right with one head. A head's dot product has fewer terms than there are channels; by the root of which number
    is it divided?"""
    return many_heads.right(q / np.sqrt(heads), k, v, heads)


@many_heads.mistake
def heads_added(q, k, v, heads):
    """The heads are added up, which leaves D channels. They should stand side by side."""
    return heads_attend(q, k, v, heads, apart=apart, together=lambda x: x.sum(axis=0))


# 5.5

VOWELS = "aeiou"


@explore()
def last_vowel(search):
    texts = ["write a poem about a cat.", "a cat", "rhythm and blues", "sea", "the queue is long, the night is short"]
    for text in texts:
        q, k = (np.asarray(part, dtype=float) for part in search(text))
        T = len(text)
        if q.ndim != 2 or q.shape != k.shape or len(q) != T:
            return f"{T} characters should give q and k of shape ({T}, D); {q.shape} and {k.shape} came."
        if not (np.isfinite(q).all() and np.isfinite(k).all()):
            return f"There is nan or infinity in q or k, for {text!r}."
        weights = softmax(q @ k.T + np.triu(np.full((T, T), -np.inf), 1))
        for t in range(T):
            vowels = [s for s in range(t + 1) if text[s] in VOWELS]
            if not vowels or weights[t, vowels[-1]] > 0.9:
                continue
            found, latest = int(weights[t].argmax()), vowels[-1]
            where = f"In {text!r}, the {text[t]!r} at place {t}"
            if found == latest:
                return (
                    f"{where} looks at the right vowel, with {weights[t, latest]:.0%} of its weight; 90% are wanted. "
                    "How loud is the question, and how far apart are the scores of two neighbors?"
                )
            if text[found] not in VOWELS:
                return f"{where} looks at the {text[found]!r} at place {found}, which is no vowel. What outweighs what?"
            if found == vowels[0]:
                return f"{where} looks at the first vowel, and not at the latest. What could make a later key louder?"
            return f"{where} looks at the {text[found]!r} at place {found}, and a later vowel stands at place {latest}."
    return None
