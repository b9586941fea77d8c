"""The exercises of chapter 10: chance on paper, a look-up, a score, an induction head, and a world of false facts."""

import numpy as np

from helpers.sampling import softmax

from .draws import ignores_rng
from .engine import ByHand, Exercise, Explore, Verdict, words
from .running import code

WORDS = words(__file__)

# 10.1

chance_and_elimination = ByHand(WORDS["chance_and_elimination"])

# 10.2


def found(ids, *, offset=1, pick=0, missing=lambda ids: -1):
    """The token `offset` after an earlier occurrence of the last one: the first of them, or another."""
    after = [int(ids[i + offset]) for i in range(len(ids) - 1) if ids[i] == ids[-1] and 0 <= i + offset < len(ids)]
    return after[pick] if after else missing(ids)


look_up = Exercise(WORDS["look_up"], lambda ids: found(ids))
look_up.inputs = {
    "two facts, a question about the first": (np.array([5, 11, 0, 6, 12, 0, 5]),),
    "two facts, a question about the second": (np.array([5, 11, 0, 6, 12, 0, 6]),),
    "a second question after an answered one": (np.array([5, 11, 0, 6, 12, 0, 6, 12, 0, 5]),),
    "a fact that's told twice, differently": (np.array([5, 11, 0, 6, 12, 0, 5, 13, 0, 5]),),
    "a country that was never told": (np.array([5, 11, 0, 6, 12, 0, 7]),),
}
look_up.mistakes = {
    "the_country_itself": lambda ids: found(ids, offset=0),
    "latest_fact": lambda ids: found(ids, pick=-1),
    "one_before": lambda ids: found(ids, offset=-1),
    "two_further": lambda ids: found(ids, offset=2),
    "makes_something_up": lambda ids: found(ids, missing=lambda ids: int(ids[1])),
}

# 10.3

GUESSED = np.array([[1, 2, 3, 4], [4, 3, 2, 1], [1, 1, 1, 1], [2, 2, 3, 4], [1, 3, 2, 4], [3, 4, 1, 2]])
RIGHT = np.array([[1, 2, 3, 4], [4, 2, 3, 1], [2, 3, 4, 1], [1, 2, 3, 4], [4, 3, 2, 1], [3, 4, 1, 2]])


def scores_for(tokens, V, seed):
    """Scores (…, V) that are highest at `tokens`, by a margin that differs from position to position."""
    rng = np.random.default_rng(seed)
    return rng.uniform(0, 1, (*tokens.shape, V)) + np.eye(V)[tokens] * rng.uniform(1, 3, (*tokens.shape, 1))


first_question_score = Exercise(
    WORDS["first_question_score"], lambda scores, right: (scores[:, 0].argmax(axis=-1) == right[:, 0]).mean()
)
first_question_score.inputs = {
    "six texts, nine tokens": (scores_for(GUESSED, 9, 0), RIGHT),
    "the first two texts": (scores_for(GUESSED[:2], 9, 1), RIGHT[:2]),
    "one text": (scores_for(GUESSED[3:4], 7, 2), RIGHT[3:4]),
    "as many texts as tokens": (scores_for(GUESSED[1:], 5, 3), RIGHT[1:]),
    "all scores below 0": (scores_for(GUESSED[1:5], 6, 4) - 9, RIGHT[1:5]),
}
first_question_score.mistakes = {
    "last_question": lambda scores, right: (scores[:, -1].argmax(axis=-1) == right[:, -1]).mean(),
    "all_questions": lambda scores, right: (scores.argmax(axis=-1) == right).mean(),
    "whole_texts": lambda scores, right: (scores.argmax(axis=-1) == right).all(axis=1).mean(),
    "first_text": lambda scores, right: (scores[0].argmax(axis=-1) == right[0]).mean(),
    "best_question": lambda scores, right: (scores.argmax(axis=1)[:, 0] == right[:, 0]).mean(),
    "best_text": lambda scores, right: (scores[:, 0].argmax(axis=0) == right[:, 0]).mean(),
    "no_axis": lambda scores, right: (scores[:, 0].argmax() == right[:, 0]).mean(),
    "highest_score": lambda scores, right: (scores[:, 0].max(axis=-1) == right[:, 0]).mean(),
    "counted": lambda scores, right: (scores[:, 0].argmax(axis=-1) == right[:, 0]).sum(),
}

# 10.4


def follows(ids, s, t):
    """Whether position s follows an earlier occurrence of the token at t."""
    return 1 <= s <= t and ids[s - 1] == ids[t]


def looks(ids, matches=follows, alone=1.0):
    """(T, T): each t shares its weight among all s with `matches(ids, s, t)`; without any, it gives itself `alone`."""
    T = len(ids)
    found = np.array([[matches(ids, s, t) for s in range(T)] for t in range(T)])
    sums = found.sum(axis=1, keepdims=True)
    return np.where(sums > 0, found / np.maximum(sums, 1), alone * np.eye(T))


def latest(ids, s, t):
    return follows(ids, s, t) and not any(follows(ids, u, t) for u in range(s + 1, t + 1))


def empty_rows(ids, fill):
    return np.where([[ids[t] not in ids[:t]] for t in range(len(ids))], fill, looks(ids))


induction = Exercise(WORDS["induction"], lambda ids: looks(ids))
induction.inputs = {
    "Peru Lima . Mali Bamako . Peru": (np.array([5, 11, 0, 6, 12, 0, 5]),),
    "all tokens different": (np.array([1, 2, 3, 4]),),
    "one token three times": (np.array([1, 2, 1, 3, 1]),),
    "the same token throughout": (np.array([4, 4, 4]),),
    "a single token": (np.array([9]),),
}
induction.mistakes = {
    "same_token": lambda ids: looks(ids, lambda ids, s, t: s < t and ids[s] == ids[t]),
    "into_the_future": lambda ids: looks(ids, lambda ids, s, t: s >= 1 and ids[s - 1] == ids[t]),
    "one_too_early": lambda ids: looks(ids, lambda ids, s, t: s < t - 1 and ids[s + 1] == ids[t]),
    "latest_alone": lambda ids: looks(ids, latest),
    "not_shared": lambda ids: (looks(ids) > 0) * 1.0,
    "position_minus_one": lambda ids: looks(ids, lambda ids, s, t: s <= t and ids[s - 1] == ids[t]),
    "empty_rows": lambda ids: empty_rows(ids, 0),
    "zero_by_zero": lambda ids: empty_rows(ids, np.nan),
    "softmax_of_the_table": lambda ids: softmax((looks(ids) > 0) * 1.0),
}

# 10.5


@Explore
def false_world(shuffle):
    countries = ["Peru", "Japan", "Mali", "Chile", "Norway"]
    capitals = ["Lima", "Tokyo", "Bamako", "Santiago", "Oslo"]
    made, worlds = lambda rng: shuffle(list(countries), list(capitals), rng), set()
    for seed in range(60):
        world = made(np.random.default_rng(seed))
        if not isinstance(world, dict) or set(world) != set(countries):
            return f"Your function must return a dict with a capital for each country; got {code(repr(world))}."
        if sorted(world.values()) != sorted(capitals):
            return f"Each capital must go to exactly one country; got {code(', '.join(map(str, world.values())))}."
        true = [country for country, capital in zip(countries, capitals) if world[country] == capital]
        if true:
            return f"With seed {seed}, {true[0]} keeps its true capital. A model could answer that without reading."
        worlds.add(tuple(world[country] for country in countries))
    if complaint := ignores_rng(made):
        return complaint
    if len(worlds) < 10:
        return f"All false, but 60 seeds lead to only {len(worlds)} of 44 false worlds. A model could memorize those."
    return Verdict(f"All the capitals are false, and 60 seeds lead to {len(worlds)} different worlds.", passed=True)
