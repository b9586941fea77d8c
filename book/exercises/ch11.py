"""The exercises of chapter 11: seeds on paper, a fair examination, an effect, its cause, and a counterexample."""

import numpy as np

from .engine import by_hand, exercise, explore

# 11.1


A_RUNS, B_RUNS = np.array([10.0, 15, 20]), np.array([8.0, 12, 19])


@by_hand()
def three_seeds():
    """Perplexities of A: 10, 15, 20. Of B, with the same seeds: 8, 12, 19."""
    return {"difference": 2, "spread": 5, "spread_of_differences": 1}


@three_seeds.mistake
def shared_by_n():
    """A spread that is estimated from n numbers is divided by n − 1, since their own mean was used."""
    return {"spread": A_RUNS.std(), "spread_of_differences": (A_RUNS - B_RUNS).std()}


@three_seeds.mistake
def other_way_round():
    """A minus B was asked for."""
    return {"difference": -2}


@three_seeds.mistake
def of_all_six():
    """The spread of A was asked for: of its three numbers alone."""
    return {"spread": np.concatenate([A_RUNS, B_RUNS]).std(ddof=1)}


@three_seeds.mistake
def as_if_apart():
    """You take A and B as if they had nothing to do with each other. They share their seeds: subtract, seed by seed."""
    return {"spread_of_differences": np.hypot(A_RUNS.std(ddof=1), B_RUNS.std(ddof=1))}


@three_seeds.mistake
def variances():
    """That is a variance, a spread squared. Take the root."""
    return {"spread": A_RUNS.var(ddof=1), "spread_of_differences": (A_RUNS - B_RUNS).var()}


# 11.2


def mean(part):
    return float(np.mean(part))


def middle(part):
    return float(np.median(part))


def squared(model, part):
    return float(np.mean((np.asarray(part) - model) ** 2))


def above(model, part):
    """How far the numbers lie above the model, on average."""
    return float(np.mean(np.maximum(np.asarray(part) - model, 0)))


TEXT = np.random.default_rng(0).normal(0, 1, 40) + np.linspace(0, 3, 40)


@exercise(
    {
        "40 numbers": (TEXT, mean, squared),
        "another model": (TEXT, middle, above),
        "ten numbers": (TEXT[:10], mean, above),
        "23 numbers": (TEXT[:23], middle, squared),
    },
    praise="Learned from nine tenths, measured on the tenth that it has never seen.",
)
def examine(text, fit, loss):
    cut = len(text) * 9 // 10
    return loss(fit(text[:cut]), text[cut:])


@examine.mistake
def on_what_it_learned_from(text, fit, loss):
    """You measure on the part that the model has learned from. A model that learned it by heart would shine there."""
    cut = len(text) * 9 // 10
    return loss(fit(text[:cut]), text[:cut])


@examine.mistake
def fitted_on_all(text, fit, loss):
    """The model has seen the held-out tenth: it was fitted on the whole text."""
    cut = len(text) * 9 // 10
    return loss(fit(text), text[cut:])


@examine.mistake
def all_and_all(text, fit, loss):
    """Fitted on the whole text, and measured on the whole text: nothing is held out."""
    return loss(fit(text), text)


@examine.mistake
def measured_on_all(text, fit, loss):
    """You measure on the whole text, and nine tenths of it are what the model learned from."""
    return loss(fit(text[: len(text) * 9 // 10]), text)


@examine.mistake
def wrong_order(text, fit, loss):
    """`loss` takes the model first, and then the part to measure it on."""
    cut = len(text) * 9 // 10
    return loss(text[cut:], fit(text[:cut]))


@examine.mistake
def exchanged(text, fit, loss):
    """You learn from the last tenth and measure on the rest."""
    cut = len(text) * 9 // 10
    return loss(fit(text[cut:]), text[:cut])


# 11.3

A, B = np.array([1.62, 1.55, 1.71, 1.60]), np.array([1.50, 1.46, 1.58, 1.51])


@exercise(
    {
        "four seeds": (A, B),
        "the part does nothing": (np.array([1.0, 2.0, 3.0]), np.array([1.1, 1.9, 3.0])),
        "two seeds": (A[:2], B[1:3]),
        "ten seeds": (np.random.default_rng(1).normal(2, 0.1, 10), np.random.default_rng(2).normal(1.8, 0.1, 10)),
    },
    praise="The effect, and how far chance could have moved it.",
)
def effect(without, whole):
    difference = without - whole
    return difference.mean(), difference.std(ddof=1) / np.sqrt(len(difference))


@effect.mistake
def unpaired(without, whole):
    """The mean is right. For its error you took the two groups as if each run had a seed of its own; the same seed
    makes a pair."""
    n = len(whole)
    return (without - whole).mean(), np.sqrt((without.var(ddof=1) + whole.var(ddof=1)) / n)


@effect.mistake
def spread_of_one_run(without, whole):
    """The second number is the spread of single differences. A mean of n of them is more certain than one."""
    return (without - whole).mean(), (without - whole).std(ddof=1)


@effect.mistake
def divided_by_n(without, whole):
    """The mean is right. The spread is divided by n, and should be by n − 1."""
    return (without - whole).mean(), (without - whole).std() / np.sqrt(len(whole))


@effect.mistake
def of_one_run_by_n(without, whole):
    """The second number is the spread of single differences, and divides by n where n − 1 belongs. A mean of n of them
    is more certain than one."""
    return (without - whole).mean(), (without - whole).std()


@effect.mistake
def sign(without, whole):
    """The sign is the other way round: a part that helps should have a positive effect, the loss that it saves."""
    return (whole - without).mean(), (without - whole).std(ddof=1) / np.sqrt(len(whole))


@effect.mistake
def divided_by_count(without, whole):
    """The error of a mean falls with the *root* of n."""
    return (without - whole).mean(), (without - whole).std(ddof=1) / len(whole)


# 11.4

PART = np.array([False, False, False, True, True, True, False, True])
STEPS = np.array([100, 100, 400, 400, 400, 100, 100, 400])
HELPS = np.array([2.0, 2.2, 1.5, 1.3, 1.2, 1.8, 2.1, 1.4])
HARMS = np.array([2.0, 2.1, 1.4, 1.5, 1.6, 2.3, 2.2, 1.7])  # at both lengths, and yet its runs are better on average


@exercise(
    {
        "eight runs": (PART, STEPS, HELPS),
        "a part that does harm": (PART, STEPS, HARMS),
        "a part that does nothing": (PART, STEPS, 3 - STEPS / 200),
        "a length at which all have the part": (np.r_[PART[:6], True, True], np.r_[STEPS[:6], 800, 800], HELPS),
        "three lengths": (np.arange(9) % 4 > 1, np.repeat([50, 100, 200], [4, 3, 2]), 3 / np.arange(2.0, 11)),
    },
    praise="Equal steps beside equal steps. What is left of the difference is not due to them.",
)
def cause(part, steps, loss):
    saved = []
    for s in np.unique(steps):
        having, lacking = loss[part & (steps == s)], loss[~part & (steps == s)]
        if len(having) and len(lacking):
            saved.append(lacking.mean() - having.mean())
    return np.mean(saved)


@cause.mistake
def company(part, steps, loss):
    """You take a correlation for a cause. All runs with the part are compared with all without it, but those with it
    were trained longer as well. How much of the difference do the steps make?"""
    return loss[~part].mean() - loss[part].mean()


@cause.mistake
def coefficient(part, steps, loss):
    """A correlation says how closely two things go together, and not which is the cause, or how much it saves."""
    return np.corrcoef(part, loss)[0, 1]


@cause.mistake
def sign_of_the_effect(part, steps, loss):
    """The sign is the other way round: a part that helps should save loss, a number above 0."""
    return -cause.right(part, steps, loss)


@cause.mistake
def longest_alone(part, steps, loss):
    """You look at the longest runs alone. The others have something to say, too."""
    longest = steps == steps.max()
    return loss[longest & ~part].mean() - loss[longest & part].mean()


@cause.mistake
def added_up(part, steps, loss):
    """You add up what is saved at each length. The mean over the lengths was asked for."""
    lengths = [s for s in np.unique(steps) if 0 < part[steps == s].mean() < 1]
    return cause.right(part, steps, loss) * len(lengths)


@cause.mistake
def mean_of_nothing(part, steps, loss):
    """At one of the lengths all runs are of one kind, and the mean of no numbers is nan. Leave that length out."""
    at = [steps == s for s in np.unique(steps)]
    return np.mean([loss[~part & here].mean() - loss[part & here].mean() for here in at])


# 11.5


@explore()
def greedy_is_not_best(tables):
    first, second = (np.asarray(part, dtype=float) for part in tables())
    if first.shape != (2,) or second.shape != (2, 2):
        return f"Shapes (2,) and (2, 2) are wanted; {first.shape} and {second.shape} came."
    if first.min() < 0 or second.min() < 0 or not np.allclose(first.sum(), 1) or not np.allclose(second.sum(axis=1), 1):
        return "Each row should be a distribution: nothing below 0, and a sum of 1."
    both = first[:, None] * second
    if np.isclose(first[0], first[1]):
        return "Greedy decoding has to choose between two equals. Make one first token more probable."
    taken = int(first.argmax())
    if both[taken].max() >= both.max() - 1e-12:
        return (
            f"Greedy decoding writes a text of probability {both[taken].max():.3f}, and no other is more probable. "
            "After the first token that it takes, how sure can the second one be?"
        )
    return None
