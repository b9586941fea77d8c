"""The exercises of chapter 3: softmax, its loss, its gradient, and its temperature."""

import numpy as np

from helpers import sampling

from .engine import ByHand, Exercise, Explore, Verdict, words
from .say import scored

WORDS = words(__file__)


def log_softmax(z):
    shifted = z - z.max(axis=-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))


# 3.1

three_words = ByHand(WORDS["three_words"])

# 3.2

Z = np.array([3.0, 2.0, 0.5, -4.0])


def exp_over_sum(z, shift=0.0, axis=-1):
    e = np.exp(z - shift)
    return e / e.sum(axis=axis, keepdims=True)


softmax = Exercise(WORDS["softmax"], lambda z: sampling.softmax(z))
softmax.inputs = {
    "four scores": (Z,),
    "two rows": (np.array([[1.0, 2.0, 3.0], [0.0, -1.0, 4.0]]),),
    "a batch of shape (2, 3, 4)": (np.sin(np.arange(24.0)).reshape(2, 3, 4) * 3,),
    "scores near 1,000": (np.array([1000.0, 999.0, 0.0]),),
    "scores near −1,000": (np.array([-1000.0, -999.0, -1002.0]),),
    "two rows 2,000 points apart": (np.array([[1000.0, 999.0], [-1000.0, -1001.0]]),),
    "a row with a score of −∞": (np.array([[0.0, -np.inf, 1.0]]),),
}
softmax.mistakes = {
    "no_shift": exp_over_sum,
    "wrong_axis": lambda z: exp_over_sum(z, shift=z.max(axis=0, keepdims=True), axis=0),
    "over_everything": lambda z: exp_over_sum(z, shift=z.max(), axis=None),
    "one_shift_for_all": lambda z: exp_over_sum(z, shift=z.max()),
    "no_division": lambda z: np.exp(z - z.max(axis=-1, keepdims=True)),
}

# 3.3 and 3.4

POSITIONS = {
    "one position": (np.array([[1.0, 2.0, 0.0]]), np.array([1])),
    "four positions": (np.cos(np.arange(20.0)).reshape(4, 5) * 2, np.array([0, 4, 2, 2])),
    "a right token 200 points behind": (np.array([[200.0, 0.0], [3.0, 1.0]]), np.array([1, 0])),
    "a right token 1,000 points behind": (np.array([[0.0, 1000.0, 5.0]]), np.array([0])),
    "a right token 1,000 points ahead": (np.array([[0.0, 1000.0, 5.0]]), np.array([1])),
    "scores that are all equal": (np.zeros((3, 4)), np.array([3, 1, 0])),
}


def at(scores, targets):
    """The entry of each row that belongs to its target."""
    return scores[np.arange(len(targets)), targets]


def log_p(logits, targets):
    return at(log_softmax(logits), targets)


cross_entropy = Exercise(WORDS["cross_entropy"], lambda logits, targets: -log_p(logits, targets).mean())
cross_entropy.inputs = POSITIONS
cross_entropy.mistakes = {
    "summed": lambda logits, targets: -log_p(logits, targets).sum(),
    "averaged_over_scores": lambda logits, targets: -log_p(logits, targets).sum() / logits.size,
    "no_minus": lambda logits, targets: log_p(logits, targets).mean(),
    "log_of_zero": lambda logits, targets: -np.log(np.exp(log_p(logits, targets))).mean(),
    "no_shift_in_loss": lambda logits, targets: -np.log(at(exp_over_sum(logits), targets)).mean(),
    "in_bits": lambda logits, targets: -log_p(logits, targets).mean() / np.log(2),
    "all_tokens": lambda logits, targets: -log_softmax(logits).mean(),
    "scores_alone": lambda logits, targets: -at(logits, targets).mean(),
}


def one_hot(logits, targets):
    return np.eye(logits.shape[-1])[targets]


def p_minus_y(logits, targets):
    return (np.exp(log_softmax(logits)) - one_hot(logits, targets)) / len(targets)


loss_gradient = Exercise(WORDS["loss_gradient"], p_minus_y)
loss_gradient.inputs = POSITIONS
loss_gradient.mistakes = {
    "y_minus_p": lambda logits, targets: -p_minus_y(logits, targets),
    "not_averaged": lambda logits, targets: p_minus_y(logits, targets) * len(targets),
    "truth_forgotten": lambda logits, targets: np.exp(log_softmax(logits)) / len(targets),
    "right_tokens_alone": lambda logits, targets: p_minus_y(logits, targets) * one_hot(logits, targets),
    "whole_columns": lambda logits, targets: (
        (np.exp(log_softmax(logits)) - one_hot(logits, targets).any(axis=0)) / len(targets)
    ),
}

# 3.5


def at_temperature(z, T, T0=sampling.softmax):
    """Softmax of z / T, and `T0(z, 0)` when the temperature is 0."""
    return T0(z, 0) if T == 0 else sampling.softmax(z / T)


with_temperature = Exercise(WORDS["with_temperature"], lambda z, T: at_temperature(z, T))
with_temperature.inputs = {
    "T = 1": (Z, 1.0),
    "T = 2": (Z, 2.0),
    "T = 0.5": (Z, 0.5),
    "T = 0": (Z, 0),
    "T = 0 with two equal leaders": (np.array([1.0, 5.0, 5.0]), 0),
    "T = 0.01 with scores near 100": (np.array([100.0, 99.0, 0.0]), 0.01),
}
with_temperature.mistakes = {
    "multiplied": lambda z, T: sampling.softmax(z * T),
    "after_softmax": lambda z, T: sampling.softmax(z),
    "divided_by_zero": lambda z, T: at_temperature(z, T, T0=lambda z, T: z * np.nan),
    "leaders_share": lambda z, T: at_temperature(z, T, T0=lambda z, T: (z == z.max()) / (z == z.max()).sum()),
    "probabilities_divided": lambda z, T: sampling.softmax(z) / np.float64(T),
    "position_of_the_leader": lambda z, T: at_temperature(z, T, T0=lambda z, T: z.argmax()),
}

# 3.6


@Explore
def rival(shares):
    rows = np.random.default_rng(0).normal(0, 2, (300, 6))
    each = lambda rows: np.array([np.asarray(shares(row), float).ravel() for row in rows])  # noqa: E731
    p = each(rows)
    if p.shape != rows.shape:
        return f"Six scores should become six probabilities; got {p.shape[1]} numbers."
    if not (p.min() >= 0 and np.allclose(p.sum(axis=1), 1)):
        return (
            f"The lowest of your numbers is {p.min():.3g}, and the first row sums to {p.sum(axis=1)[0]:.3g}. "
            "Probabilities are never negative, and a row of them sums to 1."
        )
    if np.allclose(p, sampling.softmax(rows)):
        return "That's softmax itself. Try something else that grows with the score but isn't an exponential."
    goals = {
        "give a higher score at least as much": (
            np.diff(np.take_along_axis(p, rows.argsort(axis=1), axis=1)) >= 0
        ).all(),
        "ignore a number that's added to all the scores": np.allclose(each(rows + 3), p),
        "react to even a tiny change in a score": (each(rows + 1e-4 * np.eye(6)[0]) != p).any(axis=1).mean() > 0.99,
        "work for scores near 1,000": np.isfinite(each(rows * 1000)).all(),
    }
    return Verdict(f"These are probabilities.\n{scored(goals)}", passed=True)
