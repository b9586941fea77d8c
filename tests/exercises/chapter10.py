"""What readers may write in chapter 10."""

import numpy as np

from book.exercises import check

from . import other_style, wrong


@other_style(check.ch10.look_up)
def with_lists(ids):
    *before, asked = [int(i) for i in ids]
    return before[before.index(asked) + 1] if asked in before[:-1] else -1


@wrong(check.ch10.look_up, "latest_fact")
def into_a_dictionary(ids):
    pairs = dict(zip(ids[:-1].tolist(), ids[1:].tolist()))
    return pairs.get(int(ids[-1]), -1)


other_style(check.ch10.first_question_score)(
    lambda scores, right: (
        sum(max(range(len(s[0])), key=list(s[0]).__getitem__) == r[0] for s, r in zip(scores, right)) / len(right)
    )
)
wrong(check.ch10.first_question_score, "all_questions")(
    lambda scores, right: np.mean(np.equal(np.argmax(scores, -1), right))
)


@wrong(check.ch10.first_question_score, "best_question")
def over_axis_1(scores, right):
    answers = np.argmax(scores, 1)  # (N, V), though it looks like (N, 4)
    return np.mean([a == r for a, r in zip(answers[:, 0], right[:, 0])])


@wrong(check.ch10.first_question_score, "best_text")
def over_axis_0(scores, right):
    first = scores[:, 0, :]
    return np.mean(first.argmax(0) == right[:, 0])


wrong(check.ch10.first_question_score, "no_axis")(lambda scores, right: np.mean(right[:, 0] == np.argmax(scores[:, 0])))
wrong(check.ch10.first_question_score, "highest_score")(
    lambda scores, right: np.mean([max(text[0]) == answers[0] for text, answers in zip(scores, right)])
)
wrong(check.ch10.first_question_score, "counted")(
    lambda scores, right: sum(np.argmax(text[0]) == answers[0] for text, answers in zip(scores, right))
)


@wrong(check.ch10.induction, "position_minus_one")
def without_a_first_place(ids):
    T = len(ids)
    found = np.array([[ids[s - 1] == ids[t] for s in range(T)] for t in range(T)]) & np.tri(T, dtype=bool)
    found |= ~found.any(axis=1, keepdims=True) & np.eye(T, dtype=bool)
    return found / found.sum(axis=1, keepdims=True)


def followers(ids):
    """Yes or no for each pair of places."""
    T = len(ids)
    return np.array([[0 < s <= t and ids[s - 1] == ids[t] for s in range(T)] for t in range(T)])


wrong(check.ch10.induction, "zero_by_zero")(lambda ids: followers(ids) / followers(ids).sum(axis=1, keepdims=True))
wrong(check.ch10.induction, "empty_rows")(
    lambda ids: followers(ids) / np.maximum(followers(ids).sum(axis=1, keepdims=True), 1)
)


@wrong(check.ch10.induction, "softmax_of_the_table")
def softmaxed(ids):
    found = followers(ids)
    e = np.exp(np.where(found.any(axis=1, keepdims=True), found, np.eye(len(ids))))
    return e / e.sum(1, keepdims=True)


@other_style(check.ch10.induction)
def with_arrays(ids):
    T = len(ids)
    before = np.r_[-1, ids[:-1]]  # the token before each place
    found = (before[None, :] == ids[:, None]) & (np.arange(T)[None, :] <= np.arange(T)[:, None])
    found[:, 0] = False
    found |= ~found.any(axis=1, keepdims=True) & np.eye(T, dtype=bool)
    return found / found.sum(axis=1, keepdims=True)


@wrong(check.ch10.induction, "same_token")
def earlier_place(ids):
    T = len(ids)
    found = np.array([[s < t and ids[s] == ids[t] for s in range(T)] for t in range(T)])
    found |= ~found.any(axis=1, keepdims=True) & np.eye(T, dtype=bool)
    return found / found.sum(axis=1, keepdims=True)


@other_style(check.ch10.false_world)
def try_again(countries, capitals, rng):
    while True:
        given = list(rng.permutation(capitals))
        if all(a != b for a, b in zip(given, capitals)):
            return dict(zip(countries, given))


wrong(check.ch10.false_world, "keeps its true capital")(
    lambda countries, capitals, rng: dict(zip(countries, rng.permutation(capitals).tolist()))
)
wrong(check.ch10.false_world, "A model could memorize those")(
    lambda countries, capitals, rng: dict(zip(countries, capitals[1:] + capitals[:1]))
)
wrong(check.ch10.false_world, "must go to exactly one country")(
    lambda countries, capitals, rng: {country: capitals[0] for country in countries}
)
wrong(check.ch10.false_world, "Draw from the `rng` you're given")(
    lambda countries, capitals, rng: try_again(countries, capitals, np.random.default_rng())
)
