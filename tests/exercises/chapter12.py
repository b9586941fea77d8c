"""What readers may write in chapter 12."""

import statistics

import numpy as np

from book.exercises import check

from . import other_style, wrong


@other_style(check.ch12.examine)
def with_names(text, fit, loss):
    n = int(0.9 * len(text))
    train, held_out = text[:n], text[n:]
    return loss(fit(train), held_out)


@wrong(check.ch12.examine, "fitted_on_all")
def peeked(text, fit, loss):
    model = fit(text)
    return loss(model, text[len(text) * 9 // 10 :])


@wrong(check.ch12.examine, "wrong_order")
def part_first(text, fit, loss):
    cut = len(text) * 9 // 10
    model = fit(text[:cut])
    return loss(text[cut:], model)


@other_style(check.ch12.effect)
def by_statistics(without, whole):
    pairs = [a - b for a, b in zip(without, whole)]
    return [statistics.mean(pairs), statistics.stdev(pairs) / len(pairs) ** 0.5]


@wrong(check.ch12.effect, "divided_by_n")
def numpys_default(without, whole):
    d = np.subtract(without, whole)
    return d.mean(), np.std(d) / np.sqrt(d.size)


@wrong(check.ch12.effect, "of_one_run_by_n")
def spread_of_pairs(without, whole):
    pairs = without - whole
    return np.mean(pairs), np.std(pairs)


@other_style(check.ch12.cause)
def in_a_dictionary(part, steps, loss):
    groups = {}
    for p, s, x in zip(part, steps, loss):
        groups.setdefault(s, ([], []))[int(p)].append(x)
    return statistics.mean(statistics.mean(a) - statistics.mean(b) for a, b in groups.values() if a and b)


@wrong(check.ch12.cause, "added_up")
def total(part, steps, loss):
    saved = 0
    for s in set(steps):
        groups = [[x for x, p, n in zip(loss, part, steps) if n == s and p == has] for has in (False, True)]
        if all(groups):
            saved += statistics.mean(groups[0]) - statistics.mean(groups[1])
    return saved


wrong(check.ch12.cause, "all_with_against_all_without")(
    lambda part, steps, loss: np.mean(loss[part == 0]) - np.mean(loss[part == 1])
)


@wrong(check.ch12.cause, "coefficient")
def how_closely(part, steps, loss):
    x, y = part - np.mean(part), loss - loss.mean()
    return (x * y).sum() / np.sqrt((x * x).sum() * (y * y).sum())


wrong(check.ch12.cause, "mean_of_nothing")(
    lambda part, steps, loss: np.mean(
        [loss[(steps == s) & ~part].mean() - loss[(steps == s) & part].mean() for s in set(steps)]
    )
)
other_style(check.ch12.greedy_is_not_best)(lambda: (np.array([0.55, 0.45]), np.array([[0.5, 0.5], [0.95, 0.05]])))
wrong(check.ch12.greedy_is_not_best, "none is more likely")(lambda: ([0.9, 0.1], [[0.5, 0.5], [1.0, 0.0]]))
wrong(check.ch12.greedy_is_not_best, "isn't a distribution")(lambda: ([0.6, 0.5], [[0.5, 0.5], [1.0, 0.0]]))
wrong(check.ch12.greedy_is_not_best, "no favorite")(lambda: ([0.5, 0.5], [[0.5, 0.5], [1.0, 0.0]]))
