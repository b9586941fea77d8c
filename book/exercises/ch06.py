"""The exercises of chapter 6: parameters on paper, GELU, a block, a batch, and a model for a budget."""

import math

import numpy as np

from .engine import ByHand, Exercise, Explore, Verdict, words
from .running import code

WORDS = words(__file__)

# 6.1

parameters_by_hand = ByHand(WORDS["parameters_by_hand"])

# 6.2


def phi(x):
    """The chance that a draw from the standard normal distribution is below x."""
    return 0.5 * (1 + math.erf(x / math.sqrt(2)))


gelu = Exercise(WORDS["gelu"], lambda x: x * phi(x), atol=2e-3)
gelu.inputs = {str(x).replace("-", "−"): (x,) for x in (0.0, 1.0, -1.0, 0.5, -3.0, 8.0)}
gelu.mistakes = {
    "relu": lambda x: max(x, 0.0),
    "chance_alone": phi,
    "root_forgotten": lambda x: x * 0.5 * (1 + math.erf(x)),
    "half_forgotten": lambda x: x * (1 + math.erf(x / math.sqrt(2))),
    "one_forgotten": lambda x: x * 0.5 * math.erf(x / math.sqrt(2)),
    "chance_above": lambda x: x * phi(-x),
    "sigmoid": lambda x: x / (1 + math.exp(-x)),
}

# 6.3


def in_turn(x, *parts):
    """Each part reads what the one before it returns."""
    for part in parts:
        x = part(x)
    return x


def plus(*parts):
    """A function that adds what the parts make of the stream, in turn, to the stream."""
    return lambda x: x + in_turn(x, *parts)


def normal(x):
    centered = x - x.mean(axis=-1, keepdims=True)
    return centered / np.sqrt((centered**2).mean(axis=-1, keepdims=True) + 1e-5)


X = np.random.default_rng(2).normal(0, 2, (3, 6))

block = Exercise(WORDS["block"], lambda x, norm1, attend, norm2, mlp: in_turn(x, plus(norm1, attend), plus(norm2, mlp)))
block.inputs = {
    "three positions": (X, normal, np.cos, np.tanh, np.square),
    "the parts in different roles": (X, np.tanh, np.square, normal, np.cos),
    "attention that adds nothing": (X, normal, np.zeros_like, np.tanh, np.square),
    "a batch": (np.stack([X, -X]), normal, np.cos, np.tanh, np.square),
}
block.mistakes = {
    "no_residual": lambda x, norm1, attend, norm2, mlp: in_turn(x, norm1, attend, norm2, mlp),
    "second_residual_forgotten": lambda x, norm1, attend, norm2, mlp: in_turn(x, plus(norm1, attend), norm2, mlp),
    "first_residual_forgotten": lambda x, norm1, attend, norm2, mlp: in_turn(x, norm1, attend, plus(norm2, mlp)),
    "norm_after": lambda x, norm1, attend, norm2, mlp: in_turn(x, plus(attend), norm1, plus(mlp), norm2),
    "results_normalized": lambda x, norm1, attend, norm2, mlp: in_turn(x, plus(attend, norm1), plus(mlp, norm2)),
    "stream_normalized": lambda x, norm1, attend, norm2, mlp: in_turn(x, norm1, plus(attend), norm2, plus(mlp)),
    "side_by_side": lambda x, norm1, attend, norm2, mlp: x + attend(norm1(x)) + mlp(norm2(x)),
    "no_norms": lambda x, norm1, attend, norm2, mlp: in_turn(x, plus(attend), plus(mlp)),
    "one_norm_for_both": lambda x, norm1, attend, norm2, mlp: in_turn(x, plus(norm1, attend), plus(norm1, mlp)),
}

# 6.4

IDS = np.array([7, 1, 4, 4, 0, 2, 9, 3, 5, 8, 6, 1])


def rows(shift, ids, starts, T):
    return ids[(starts[:, None] + np.arange(T) + shift) % len(ids)]


inputs_and_targets = Exercise(
    WORDS["inputs_and_targets"], lambda ids, starts, T: (rows(0, ids, starts, T), rows(1, ids, starts, T))
)
inputs_and_targets.inputs = {
    "two rows of four": (IDS, np.array([0, 5]), 4),
    "one row": (IDS, np.array([3]), 6),
    "three rows of one token": (IDS, np.array([10, 0, 4]), 1),
    "rows that overlap": (IDS, np.array([1, 2, 3]), 5),
}
inputs_and_targets.mistakes = {
    "not_shifted": lambda *args: (rows(0, *args), rows(0, *args)),
    "shifted_back": lambda *args: (rows(0, *args), rows(-1, *args)),
    "shifted_twice": lambda *args: (rows(0, *args), rows(2, *args)),
    "both_moved": lambda *args: (rows(1, *args), rows(2, *args)),
    "exchanged": lambda *args: (rows(1, *args), rows(0, *args)),
    "a_pair_for_each_row": lambda *args: list(zip(rows(0, *args), rows(1, *args))),
    "one_shorter": lambda ids, starts, T: (rows(0, ids, starts, T - 1), rows(1, ids, starts, T - 1)),
}

# 6.5


def count(V, T, C, layers):
    return V * C + T * C + layers * (12 * C * C + 13 * C) + 2 * C


@Explore
def within_budget(choose):
    shape, names = choose(), ("channels", "layers", "heads")
    if not isinstance(shape, dict) or set(shape) != set(names):
        return f"Your function must return a dict with {', '.join(names)}; got {code(repr(shape))}."
    if not all(isinstance(shape[name], int | np.integer) and shape[name] >= 1 for name in names):
        return f"All three must be whole numbers of at least 1; got {code(repr(shape))}."
    C, layers, heads = (shape[name] for name in names)
    if C % heads:
        return f"Can't divide {C} channels among {heads} heads. Pick a number of heads that divides {C}."
    total = count(69, 128, C, layers)
    if total > 1_000_000:
        return f"That's {total:,} parameters, more than a million. The channels matter most: they count squared."
    if total < 900_000:
        return f"That's {total:,} parameters. There's room for more: use at least 900,000."
    return Verdict(f"{total:,} parameters: {layers} blocks, {C} channels, {C // heads} for each head.", passed=True)
