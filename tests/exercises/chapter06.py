"""What readers may write in chapter 6."""

import math

import numpy as np

from book.exercises import check

from . import other_style, wrong


@other_style(check.ch06.layer_norm)
def in_float32_with_a_mean_of_squares(x, weight, bias):
    x = np.asarray(x, dtype=np.float64)
    d = x - x.mean(-1)[..., None]
    return d * weight / ((d**2).mean(-1)[..., None] + 1e-5) ** 0.5 + bias


@wrong(check.ch06.layer_norm, "over_positions")
def axis_zero(x, weight, bias):
    mean, variance = np.mean(x, axis=0), np.var(x, axis=0)
    return weight * (x - mean) / np.sqrt(variance + 1e-5) + bias


@wrong(check.ch06.layer_norm, "no_epsilon")
def std_alone(x, weight, bias):
    with np.errstate(all="ignore"):
        return (x - x.mean(-1, keepdims=True)) / x.std(-1, keepdims=True) * weight + bias


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
