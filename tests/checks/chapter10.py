"""What readers may write in chapter 10."""

import numpy as np

from helpers import checks

from . import other_style, wrong


@other_style(checks.look_up)
def with_lists(ids):
    *before, asked = [int(i) for i in ids]
    return before[before.index(asked) + 1] if asked in before[:-1] else -1


@wrong(checks.look_up, "latest_fact")
def into_a_dictionary(ids):
    pairs = dict(zip(ids[:-1].tolist(), ids[1:].tolist()))
    return pairs.get(int(ids[-1]), -1)


@other_style(checks.first_question_score)
def counted(guessed, right):
    return sum(int(g[0] == r[0]) for g, r in zip(guessed, right)) / len(right)


@wrong(checks.first_question_score, "all_questions")
def mean_of_everything(guessed, right):
    return np.mean(np.equal(guessed, right))


@other_style(checks.induction)
def with_arrays(ids):
    T = len(ids)
    before = np.r_[-1, ids[:-1]]  # the token before each place
    found = (before[None, :] == ids[:, None]) & (np.arange(T)[None, :] <= np.arange(T)[:, None])
    found[:, 0] = False
    found |= ~found.any(axis=1, keepdims=True) & np.eye(T, dtype=bool)
    return found / found.sum(axis=1, keepdims=True)


@wrong(checks.induction, "same_token")
def earlier_place(ids):
    T = len(ids)
    found = np.array([[s < t and ids[s] == ids[t] for s in range(T)] for t in range(T)])
    found |= ~found.any(axis=1, keepdims=True) & np.eye(T, dtype=bool)
    return found / found.sum(axis=1, keepdims=True)


@other_style(checks.false_world)
def try_again(countries, capitals, rng):
    while True:
        given = list(rng.permutation(capitals))
        if all(a != b for a, b in zip(given, capitals)):
            return dict(zip(countries, given))


@wrong(checks.false_world, "has its true capital")
def shuffled(countries, capitals, rng):
    return dict(zip(countries, rng.permutation(capitals).tolist()))


@wrong(checks.false_world, "A model could learn them by heart")
def always_the_next(countries, capitals, rng):
    return dict(zip(countries, capitals[1:] + capitals[:1]))


@wrong(checks.false_world, "given away once")
def all_the_same(countries, capitals, rng):
    return {country: capitals[0] for country in countries}
