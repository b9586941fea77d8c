"""The exercises of chapter 12: seeds on paper, a fair test, an effect, its cause, and a counterexample."""

import numpy as np

from .engine import ByHand, Exercise, Explore, words

WORDS = words(__file__)

# 11.1

three_seeds = ByHand(WORDS["three_seeds"])

# 11.2


def squared(model, part):
    return float(np.mean((np.asarray(part) - model) ** 2))


def above(model, part):
    """How far the numbers lie above the model, on average."""
    return float(np.mean(np.maximum(np.asarray(part) - model, 0)))


def train(text):
    return text[: len(text) * 9 // 10]


def held_out(text):
    return text[len(text) * 9 // 10 :]


TEXT = np.random.default_rng(0).normal(0, 1, 40) + np.linspace(0, 3, 40)

examine = Exercise(WORDS["examine"], lambda text, fit, loss: loss(fit(train(text)), held_out(text)))
examine.inputs = {
    "40 numbers": (TEXT, np.mean, squared),
    "another model": (TEXT, np.median, above),
    "ten numbers": (TEXT[:10], np.mean, above),
    "23 numbers": (TEXT[:23], np.median, squared),
}
examine.mistakes = {
    "on_what_it_learned_from": lambda text, fit, loss: loss(fit(train(text)), train(text)),
    "fitted_on_all": lambda text, fit, loss: loss(fit(text), held_out(text)),
    "all_and_all": lambda text, fit, loss: loss(fit(text), text),
    "measured_on_all": lambda text, fit, loss: loss(fit(train(text)), text),
    "wrong_order": lambda text, fit, loss: loss(held_out(text), fit(train(text))),
    "exchanged": lambda text, fit, loss: loss(fit(held_out(text)), train(text)),
}

# 11.3

A, B = np.array([1.62, 1.55, 1.71, 1.60]), np.array([1.50, 1.46, 1.58, 1.51])


def mean_and_error(d, ddof=1, power=0.5):
    return d.mean(), d.std(ddof=ddof) / len(d) ** power


effect = Exercise(WORDS["effect"], lambda without, whole: mean_and_error(without - whole))
effect.inputs = {
    "four seeds": (A, B),
    "a part that does nothing": (np.array([1.0, 2.0, 3.0]), np.array([1.1, 1.9, 3.0])),
    "two seeds": (A[:2], B[1:3]),
    "ten seeds": (np.random.default_rng(1).normal(2, 0.1, 10), np.random.default_rng(2).normal(1.8, 0.1, 10)),
}
effect.mistakes = {
    "unpaired": lambda a, b: ((a - b).mean(), np.sqrt((a.var(ddof=1) + b.var(ddof=1)) / len(a))),
    "spread_of_one_run": lambda without, whole: mean_and_error(without - whole, power=0),
    "divided_by_n": lambda without, whole: mean_and_error(without - whole, ddof=0),
    "of_one_run_by_n": lambda without, whole: mean_and_error(without - whole, ddof=0, power=0),
    "sign": lambda without, whole: mean_and_error(whole - without),
    "divided_by_count": lambda without, whole: mean_and_error(without - whole, power=1),
}

# 11.4

PART = np.array([False, False, False, True, True, True, False, True])
STEPS = np.array([100, 100, 400, 400, 400, 100, 100, 400])
HELPS = np.array([2.0, 2.2, 1.5, 1.3, 1.2, 1.8, 2.1, 1.4])
HARMS = np.array([2.0, 2.1, 1.4, 1.5, 1.6, 2.3, 2.2, 1.7])  # worse at both lengths, and yet better on average


def saved(part, loss):
    return loss[~part].mean() - loss[part].mean()


def saved_at_each(part, steps, loss, *, one_sided=False):
    """What the part saves at each number of steps, by default only where there are runs of both kinds."""
    at = [steps == s for s in np.unique(steps)]
    return [saved(part[here], loss[here]) for here in at if one_sided or 0 < part[here].mean() < 1]


cause = Exercise(WORDS["cause"], lambda part, steps, loss: np.mean(saved_at_each(part, steps, loss)))
cause.inputs = {
    "eight runs": (PART, STEPS, HELPS),
    "a part that does harm": (PART, STEPS, HARMS),
    "a part that does nothing": (PART, STEPS, 3 - STEPS / 200),
    "a length where every run has the part": (np.r_[PART[:6], True, True], np.r_[STEPS[:6], 800, 800], HELPS),
    "three lengths": (np.arange(9) % 4 > 1, np.repeat([50, 100, 200], [4, 3, 2]), 3 / np.arange(2.0, 11)),
}
cause.mistakes = {
    "all_with_against_all_without": lambda part, steps, loss: saved(part, loss),
    "coefficient": lambda part, steps, loss: np.corrcoef(part, loss)[0, 1],
    "sign_of_the_effect": lambda *args: -np.mean(saved_at_each(*args)),
    "longest_alone": lambda part, steps, loss: saved(part[steps == steps.max()], loss[steps == steps.max()]),
    "added_up": lambda *args: np.sum(saved_at_each(*args)),
    "mean_of_nothing": lambda *args: np.mean(saved_at_each(*args, one_sided=True)),
}

# 11.5


@Explore
def greedy_is_not_best(tables):
    first, second = (np.asarray(part, dtype=float) for part in tables())
    if first.shape != (2,) or second.shape != (2, 2):
        return f"The arrays must have the shapes (2,) and (2, 2); got {first.shape} and {second.shape}."
    if first.min() < 0 or second.min() < 0 or not np.allclose(first.sum(), 1) or not np.allclose(second.sum(axis=1), 1):
        return "At least one of your rows isn't a distribution. Its numbers must not be negative, and must sum to 1."
    both = first[:, None] * second
    if np.isclose(first[0], first[1]):
        return "Both first tokens are equally likely, so greedy decoding has no favorite. Make one of them more likely."
    taken = both[first.argmax()].max()
    if taken >= both.max() - 1e-12:
        return (
            f"Greedy decoding finds a text with probability {taken:.3f}, and none is more likely. "
            "Make the second token less certain after the first token that it takes."
        )
    return None
