"""The exercises of chapter 10: chance on paper, a look-up, a score, an induction head, and a world of false facts."""

import numpy as np

from .engine import Verdict, by_hand, exercise, explore

# 10.1


@by_hand()
def chance_and_elimination():
    """Four facts, four questions about them; whoever eliminates never says a capital twice."""
    return {"first": 1 / 4, "second": 1 / 3, "last": 1, "mean": 25 / 48}


@chance_and_elimination.mistake
def always_a_quarter():
    """That is a guess among four, each time anew. What is known after a question has been answered?"""
    return {"second": 1 / 4, "last": 1 / 4, "mean": 1 / 4}


@chance_and_elimination.mistake
def one_step_late():
    """You eliminate one question too late. How many capitals are left when the second question comes?"""
    return {"last": 1 / 2}


@chance_and_elimination.mistake
def ends_alone():
    """This is the mean of the first and the last. There are four questions."""
    return {"mean": 5 / 8}


# 10.2


@exercise(
    {
        "two facts, the first is asked": (np.array([5, 11, 0, 6, 12, 0, 5]),),
        "two facts, the second is asked": (np.array([5, 11, 0, 6, 12, 0, 6]),),
        "a question before, with its answer": (np.array([5, 11, 0, 6, 12, 0, 6, 12, 0, 5]),),
        "facts that were changed: the first counts": (np.array([5, 11, 0, 6, 12, 0, 5, 13, 0, 5]),),
        "never told": (np.array([5, 11, 0, 6, 12, 0, 7]),),
    },
    praise="Found, and what follows taken; and nothing made up.",
)
def look_up(ids):
    for i in range(len(ids) - 1):
        if ids[i] == ids[-1]:
            return int(ids[i + 1])
    return -1


@look_up.mistake
def the_country_itself(ids):
    """You return the country. What is wanted stands one place further on."""
    return int(ids[-1]) if ids[-1] in ids[:-1] else -1


@look_up.mistake
def latest_fact(ids):
    """If a fact is told twice you take the later one. The exercise asks for the first."""
    for i in range(len(ids) - 2, -1, -1):
        if ids[i] == ids[-1]:
            return int(ids[i + 1])
    return -1


@look_up.mistake
def one_before(ids):
    """You take what stands *before* the country."""
    for i in range(1, len(ids) - 1):
        if ids[i] == ids[-1]:
            return int(ids[i - 1])
    return -1


@look_up.mistake
def two_further(ids):
    """You take the second token after the country, the period."""
    for i in range(len(ids) - 2):
        if ids[i] == ids[-1]:
            return int(ids[i + 2])
    return -1


@look_up.mistake
def makes_something_up(ids):
    """Right where the fact is there. Where it was never told you answer all the same."""
    found = look_up.right(ids)
    return int(ids[1]) if found == -1 else found


# 10.3

GUESSED = np.array([[1, 2, 3, 4], [4, 3, 2, 1], [1, 1, 1, 1], [2, 2, 3, 4], [1, 3, 2, 4], [3, 4, 1, 2]])
RIGHT = np.array([[1, 2, 3, 4], [4, 2, 3, 1], [2, 3, 4, 1], [1, 2, 3, 4], [4, 3, 2, 1], [3, 4, 1, 2]])


def scores_for(tokens, V, seed):
    """Scores (…, V) that are highest at `tokens`, by a margin that differs from place to place."""
    rng = np.random.default_rng(seed)
    return rng.uniform(0, 1, (*tokens.shape, V)) + np.eye(V)[tokens] * rng.uniform(1, 3, (*tokens.shape, 1))


@exercise(
    {
        "six texts, nine tokens": (scores_for(GUESSED, 9, 0), RIGHT),
        "the first two texts": (scores_for(GUESSED[:2], 9, 1), RIGHT[:2]),
        "one text": (scores_for(GUESSED[3:4], 7, 2), RIGHT[3:4]),
        "as many texts as tokens": (scores_for(GUESSED[1:], 5, 3), RIGHT[1:]),
        "all scores below 0": (scores_for(GUESSED[1:5], 6, 4) - 9, RIGHT[1:5]),
    },
    praise="The share of texts whose first question is answered rightly.",
)
def first_question_score(scores, right):
    return (scores[:, 0].argmax(axis=-1) == right[:, 0]).mean()


@first_question_score.mistake
def last_question(scores, right):
    """This is the score of the last question, which can be had by elimination."""
    return (scores[:, -1].argmax(axis=-1) == right[:, -1]).mean()


@first_question_score.mistake
def all_questions(scores, right):
    """This is the score over all questions. It mixes one that has to be read with three that can be narrowed down."""
    return (scores.argmax(axis=-1) == right).mean()


@first_question_score.mistake
def whole_texts(scores, right):
    """This is the share of texts with *all* answers right."""
    return (scores.argmax(axis=-1) == right).all(axis=1).mean()


@first_question_score.mistake
def first_text(scores, right):
    """This is the score of the first text. A row is a text, a column a question."""
    return (scores[0].argmax(axis=-1) == right[0]).mean()


@first_question_score.mistake
def best_question(scores, right):
    """Your maximum runs over the wrong axis: for a token, it finds the question at which its score is highest. Which
    axis counts the tokens?"""
    return (scores.argmax(axis=1)[:, 0] == right[:, 0]).mean()


@first_question_score.mistake
def best_text(scores, right):
    """Your maximum runs over the wrong axis: for each token, it finds the text in which its score is highest. How many
    answers come out, as many as texts or as many as tokens?"""
    return (scores[:, 0].argmax(axis=0) == right[:, 0]).mean()


@first_question_score.mistake
def no_axis(scores, right):
    """Without an axis, `argmax` gives one number for the whole array. Each text needs an answer of its own."""
    return (scores[:, 0].argmax() == right[:, 0]).mean()


@first_question_score.mistake
def highest_score(scores, right):
    """`max` gives the highest score itself. Which token has it?"""
    return (scores[:, 0].max(axis=-1) == right[:, 0]).mean()


@first_question_score.mistake
def counted(scores, right):
    """You count the right answers. The share of the texts was asked for."""
    return (scores[:, 0].argmax(axis=-1) == right[:, 0]).sum()


# 10.4


def looks(ids, matches):
    T = len(ids)
    weights = np.zeros((T, T))
    for t in range(T):
        places = [s for s in range(T) if matches(s, t)]
        for s in places or [t]:
            weights[t, s] = 1 / len(places or [t])
    return weights


@exercise(
    {
        "Peru Lima . Mali Bamako . Peru": (np.array([5, 11, 0, 6, 12, 0, 5]),),
        "all different": (np.array([1, 2, 3, 4]),),
        "one token, three times": (np.array([1, 2, 1, 3, 1]),),
        "the same throughout": (np.array([4, 4, 4]),),
        "a single token": (np.array([9]),),
    },
    praise="What came after the same token before: the head that copies.",
)
def induction(ids):
    return looks(ids, lambda s, t: 1 <= s <= t and ids[s - 1] == ids[t])


@induction.mistake
def same_token(ids):
    """You look at the earlier place of the *same* token. The answer stands one place after it."""
    return looks(ids, lambda s, t: s < t and ids[s] == ids[t])


@induction.mistake
def into_the_future(ids):
    """Some rows look at later places. What has not been read yet cannot be looked at."""
    return looks(ids, lambda s, t: s >= 1 and ids[s - 1] == ids[t])


@induction.mistake
def one_too_early(ids):
    """You look at the place *before* the same token."""
    return looks(ids, lambda s, t: s < t - 1 and ids[s + 1] == ids[t])


@induction.mistake
def latest_alone(ids):
    """Where a token came several times you look at the last follower alone. All of them share the weight."""

    def latest(s, t):
        places = [u for u in range(1, t + 1) if ids[u - 1] == ids[t]]
        return bool(places) and s == places[-1]

    return looks(ids, latest)


@induction.mistake
def not_shared(ids):
    """Each follower gets the weight 1, so some rows sum to more."""
    return (induction.right(ids) > 0) * 1.0


@induction.mistake
def place_minus_one(ids):
    """Place 0 follows nothing. But `ids[0 - 1]` is no error in Python: it is the last token."""
    return looks(ids, lambda s, t: s <= t and ids[s - 1] == ids[t])


@induction.mistake
def empty_rows(ids):
    """A token that never came before has no place to look at, and its row stays empty. Let it look at itself."""
    new = [[ids[t] not in ids[:t]] for t in range(len(ids))]
    return np.where(new, 0, induction.right(ids))


@induction.mistake
def zero_by_zero(ids):
    """A token that never came before has no place to look at, and you divide 0 by 0. Let it look at itself."""
    new = [[ids[t] not in ids[:t]] for t in range(len(ids))]
    return np.where(new, np.nan, induction.right(ids))


@induction.mistake
def softmax_of_the_table(ids):
    """Softmax of yes and no: e⁰ is 1, so each *no* gets a share as well. A no would have to be minus infinity."""
    e = np.exp((induction.right(ids) > 0) * 1.0)
    return e / e.sum(axis=-1, keepdims=True)


# 10.5


@explore()
def false_world(shuffle):
    countries = ["Peru", "Japan", "Mali", "Chile", "Norway"]
    capitals = ["Lima", "Tokyo", "Bamako", "Santiago", "Oslo"]
    worlds = set()
    for seed in range(60):
        world = shuffle(list(countries), list(capitals), np.random.default_rng(seed))
        if not isinstance(world, dict) or set(world) != set(countries):
            return f"It should be a dictionary with a capital for each of the five countries; it is {world!r}."
        if sorted(world.values()) != sorted(capitals):
            return f"Each capital should be given away once. Yours: {', '.join(map(str, world.values()))}."
        true = [country for country, capital in zip(countries, capitals) if world[country] == capital]
        if true:
            return f"With seed {seed}, {true[0]} has its true capital. Whoever knows it need not read."
        worlds.add(tuple(world[country] for country in countries))
    if len(worlds) < 10:
        return f"All false, but 60 seeds gave only {len(worlds)} different worlds. A model could learn them by heart."
    return Verdict(f"False throughout, and {len(worlds)} different worlds from 60 seeds.", passed=True)
