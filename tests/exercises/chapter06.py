"""What readers may write in chapter 6."""

import math

import numpy as np

from book.exercises import check

from . import other_style, wrong


@other_style(check.ch06.gelu)
def by_the_tanh_formula(x):
    return 0.5 * x * (1 + math.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


@wrong(check.ch06.gelu, "relu")
def cut_off(x):
    return x if x > 0 else 0


@wrong(check.ch06.gelu, "sigmoid")
def swish(x):
    return x * 0.5 * (1 + np.tanh(x / 2))


@other_style(check.ch06.block)
def with_names(x, norm1, attend, norm2, mlp):
    found = attend(norm1(x))
    middle = np.add(found, x)
    return np.add(mlp(norm2(middle)), middle)


@wrong(check.ch06.block, "first_residual_forgotten")
def overwritten(x, norm1, attend, norm2, mlp):
    h = attend(norm1(x))
    return mlp(norm2(h)) + h


@other_style(check.ch06.inputs_and_targets)
def row_by_row(ids, starts, T):
    inputs, targets = [], []
    for start in starts:
        inputs.append(list(ids[start : start + T]))
        targets.append(list(ids[start + 1 : start + T + 1]))
    return inputs, targets


@wrong(check.ch06.inputs_and_targets, "not_shifted")
def the_same_twice(ids, starts, T):
    rows = np.array([ids[s : s + T] for s in starts])
    return rows, rows


other_style(check.ch06.within_budget)(lambda: {"channels": 96, "layers": 8, "heads": 4})


@other_style(check.ch06.within_budget)
def searched():
    C, layers = np.array([96, 8])
    return {"channels": C, "layers": layers, "heads": np.int64(6)}


wrong(check.ch06.within_budget, "more than a million")(lambda: {"channels": 512, "layers": 2, "heads": 8})
wrong(check.ch06.within_budget, "Can't divide 100 channels")(lambda: {"channels": 100, "layers": 8, "heads": 3})
wrong(check.ch06.within_budget, "room for more")(lambda: {"channels": 64, "layers": 4, "heads": int(math.sqrt(16))})


@wrong(check.ch06.block, "results_normalized")
def norm_behind_each_part(x, norm1, attend, norm2, mlp):
    for part, norm in ((attend, norm1), (mlp, norm2)):
        x = x + norm(part(x))
    return x


wrong(check.ch06.inputs_and_targets, "a_pair_for_each_row")(
    lambda ids, starts, T: [(ids[start : start + T], ids[start + 1 : start + T + 1]) for start in starts]
)
