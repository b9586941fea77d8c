"""What readers may write in chapter 3."""

import math

import numpy as np

from book.exercises import check

from . import other_style, wrong

other_style(check.ch03.softmax)(
    lambda z: np.apply_along_axis(lambda row: np.exp(row - max(row)) / sum(np.exp(row - max(row))), -1, z)
)


@other_style(check.ch03.softmax)
def in_float32_by_log_sum_exp(z):
    z = z.astype(np.float32)
    top = z.max(-1, keepdims=True)
    return np.exp(z - top - np.log(np.exp(z - top).sum(-1, keepdims=True)))


wrong(check.ch03.softmax, "no_shift")(lambda z: np.exp(z) / np.sum(np.exp(z), -1)[..., None])


@wrong(check.ch03.softmax, "wrong_axis")
def along_the_first_axis(z):
    e = np.exp(z - np.max(z, 0))
    return e / np.sum(e, 0)


@wrong(check.ch03.softmax, "These shapes don't fit together")
def axis_lost(z):
    e = np.exp(z - z.max())
    return e / e.sum(-1)


@other_style(check.ch03.cross_entropy)
def a_loop(logits, targets):
    losses = []
    for row, target in zip(logits, targets):
        top = max(row)
        losses.append(top + math.log(sum(math.exp(score - top) for score in row)) - row[target])
    return sum(losses) / len(losses)


@wrong(check.ch03.cross_entropy, "log_of_zero")
def softmax_then_log(logits, targets):
    p = np.exp(logits - logits.max(1, keepdims=True))
    p /= p.sum(1, keepdims=True)
    return np.mean([-np.log(row[t]) for row, t in zip(p, targets)])


@wrong(check.ch03.cross_entropy, "averaged_over_scores")
def mean_of_everything(logits, targets):
    y = np.eye(logits.shape[1])[targets]
    shifted = logits - logits.max(1, keepdims=True)
    return -np.mean(y * (shifted - np.log(np.exp(shifted).sum(1, keepdims=True))))


wrong(check.ch03.cross_entropy, "numbers of shape (4,) instead of a number")(
    lambda logits, targets: [a_loop(logits[i : i + 1], targets[i : i + 1]) for i in range(len(targets))]
)


@other_style(check.ch03.loss_gradient)
def minus_one_in_place(logits, targets):
    p = np.exp(logits - logits.max(1, keepdims=True))
    p /= p.sum(1, keepdims=True)
    p[range(len(targets)), targets] -= 1
    return (p / len(p)).tolist()


wrong(check.ch03.loss_gradient, "not_averaged")(
    lambda logits, targets: np.array(minus_one_in_place(logits, targets)) * len(logits)
)


@other_style(check.ch03.with_temperature)
def powers(z, T):
    if not T:
        p = [0.0] * len(z)
        p[int(np.argmax(z))] = 1
        return p
    p = np.exp(z - z.max()) ** (1 / T)
    return p / p.sum()


@wrong(check.ch03.with_temperature, "multiplied")
def times(z, T):
    e = np.exp(T * (z - max(z)))
    return e / e.sum()


@wrong(check.ch03.with_temperature, "divided_by_zero")
def no_special_case(z, T):
    e = np.exp(z / T - max(z / T))
    return e / e.sum()


@other_style(check.ch03.rival, "react to even a tiny change in a score; work for scores near 1,000.")
def cubes(z):
    positive = (z - z.min() + 1) ** 3
    return positive / positive.sum()


other_style(check.ch03.rival, "It doesn't do this yet: react to even a tiny change in a score.")(
    lambda z: (z == z.max()) / (z == z.max()).sum()
)
other_style(
    check.ch03.rival, "doesn't do this yet: ignore a number that's added to all the scores; work for scores near 1,000."
)(lambda z: 1 / (1 + np.exp(-z)) / (1 / (1 + np.exp(-z))).sum())
wrong(check.ch03.rival, "Probabilities are never negative")(lambda z: z / z.sum())
wrong(check.ch03.rival, "softmax itself")(lambda z: np.exp(z) / np.exp(z).sum())
