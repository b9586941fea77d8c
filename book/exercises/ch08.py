"""The exercises of chapter 8: which targets count, what a poem is judged on, and rhyme."""

import numpy as np

from .engine import Verdict, by_hand, exercise, explore

# 8.1


@by_hand()
def row_by_hand():
    """A wish of 7 tokens, a line break, a poem of 5, the end. Surprises: 2, 1, 0, 0.5, 0.5, and 0.2 at the end."""
    return {"counted": 6, "first": 7, "loss": 0.7, "flattering": 0.35}


@row_by_hand.mistake
def end_left_out():
    """The end counts as well: it is the last thing that the model must say."""
    return {"counted": 5, "loss": 0.8, "flattering": 4 / 11}


@row_by_hand.mistake
def line_break_counted():
    """The line break is given, like the wish. The model does not have to say it, only what follows it."""
    return {"counted": 7, "first": 6, "loss": 0.6}


@row_by_hand.mistake
def wish_counted():
    """All targets of the row are counted here. Which of them was the model asked for?"""
    return {"counted": 13, "first": 0, "loss": 4.2 / 13}


@row_by_hand.mistake
def all_tokens_counted():
    """A row of 14 tokens has 13 places, for nothing follows the last one. And not all of them count."""
    return {"counted": 14, "loss": 0.3}


@row_by_hand.mistake
def place_of_the_word():
    """This is where the first word of the poem is *read*. At which place must it be *said*?"""
    return {"first": 8}


@row_by_hand.mistake
def counted_from_one():
    """Nearly: at this place the first word of the poem has not been read. Count the places from 0, and mind that a
    target is one token later than what is read."""
    return {"first": 9}


@row_by_hand.mistake
def summed():
    """This is the sum. The loss is a mean: over how many places?"""
    return {"loss": 4.2, "flattering": 4.2}


@row_by_hand.mistake
def divided_by_the_padding():
    """Twelve places count now, and not the six of the padding alone."""
    return {"flattering": 0.7}


# 8.2: the ids are all different, so that every wrong shift shows

ONE = [([11, 12, 13, 2], [21, 22])]
TWO = [([11, 12, 2], [21, 22, 23]), ([14, 15, 16, 2], [24, 25])]
THREE = [*TWO, ([17, 2], [26, 27, 28])]
END = 0


@exercise(
    {
        "one wish and its answer": (ONE, END),
        "two wishes and two answers": (TWO, END),
        "three wishes and three answers": (THREE, END),
        "a wish of one token, an answer of one token": ([([2], [21])], END),
    },
    exact_shape=True,
)
def conversation_targets(turns, end):
    return rows_of(turns, end)


def rows_of(turns, end, asks=-1, shift=1, ends=True, counts_end=True):
    """(inputs, targets), which may go wrong: `asks` None counts the wishes, `shift` 0 does not shift."""
    whole, said = [], []
    for asked, answer in turns:
        whole += [*asked, *answer, *([end] if ends else [])]
        said += [*(asked if asks is None else [-1] * len(asked)), *answer]
        said += [end if counts_end else -1] if ends else []
    return (whole[:-1], said[1:]) if shift else (whole[:-1], said[:-1])


@conversation_targets.mistake
def wishes_counted(turns, end):
    """The wishes count as well. The model does not have to say them: it is given those."""
    return rows_of(turns, end, asks=None)


@conversation_targets.mistake
def not_shifted(turns, end):
    """Each target is the token that is read at the same place. The model would learn to repeat, and not to go on."""
    return rows_of(turns, end, shift=0)


@conversation_targets.mistake
def neither_shifted_nor_masked(turns, end):
    """Inputs and targets are the same. Which token should be said when the first one has been read, and which of them
    count?"""
    return rows_of(turns, end, asks=None, shift=0)


@conversation_targets.mistake
def inverted(turns, end):
    """The mask is inverted: the wishes count, and the answers do not."""
    inputs, targets = rows_of(turns, end)
    _, everything = rows_of(turns, end, asks=None)
    return inputs, [word if target == -1 else -1 for word, target in zip(everything, targets)]


@conversation_targets.mistake
def masked_by_what_is_read(turns, end):
    """The mask goes by the token that is *read*: the first word of each answer is left out, so nobody teaches the model
    how to begin. What counts is the token that is to be *said*."""
    whole = [token for asked, answer in turns for token in [*asked, *answer, end]]
    given = [g for asked, answer in turns for g in [True] * len(asked) + [False] * (len(answer) + 1)]
    return whole[:-1], [-1 if g else token for token, g in zip(whole[1:], given)]


@conversation_targets.mistake
def last_word_of_the_wish(turns, end):
    """The mask is one place too short: the last token of the wish counts, too."""
    inputs, targets = rows_of(turns, end)
    _, everything = rows_of(turns, end, asks=None)
    following = [*targets[1:], -1]
    return inputs, [
        word if target == -1 and after != -1 else target for word, target, after in zip(everything, targets, following)
    ]


@conversation_targets.mistake
def no_end(turns, end):
    """No answer ends. A model that learns from this never stops by itself."""
    return rows_of(turns, end, ends=False)


@conversation_targets.mistake
def end_not_counted(turns, end):
    """The end token is there to be read, and nobody asks the model to say it. Then it does not learn to stop."""
    return rows_of(turns, end, counts_end=False)


@conversation_targets.mistake
def one_end_for_all(turns, end):
    """One turn is right. Where there are several, only the last answer ends; each of them should."""
    whole, said = [], []
    for asked, answer in turns:
        whole += [*asked, *answer]
        said += [*[-1] * len(asked), *answer]
    return [*whole, end][:-1], [*said, end][1:]


@conversation_targets.mistake
def only_the_last_answer(turns, end):
    """One turn is right. Where there are several, only the last answer counts; the model should learn from each."""
    _, last = rows_of(turns[-1:], end)
    inputs, targets = rows_of(turns, end)
    return inputs, [-1] * (len(targets) - len(last)) + last


@conversation_targets.mistake
def only_the_first_wish(turns, end):
    """One turn is right. Of several wishes, only the first is left out."""
    inputs, everything = rows_of(turns, end, asks=None)
    n = len(turns[0][0]) - 1
    return inputs, [-1] * n + everything[n:]


@conversation_targets.mistake
def last_token_read(turns, end):
    """The inputs are one token too long: after the last one, nothing is left to be said."""
    inputs, targets = rows_of(turns, end)
    return [*inputs, end], targets


# 8.3


def scores(*shape):
    z = np.cos(np.arange(np.prod(shape)) * 1.7).reshape(shape) * 2
    return z - np.log(np.exp(z).sum(axis=-1, keepdims=True))


SOME = np.array([[-1, -1, 3, 0, -1], [-1, 2, 1, 4, 1]])


@exercise(
    {
        "two rows of which some places count": (scores(2, 5, 6), SOME),
        "a row in which every place counts": (scores(1, 4, 6), np.array([[5, 0, 2, 3]])),
        "rows of which one has nothing that counts": (scores(2, 3, 6), np.array([[-1, -1, -1], [-1, 4, 5]])),
        "one place that counts": (scores(2, 2, 6), np.array([[-1, -1], [-1, 1]])),
        "nothing that counts": (scores(1, 3, 6), np.full((1, 3), -1)),
    }
)
def masked_loss(log_p, targets):
    counts = targets >= 0
    return -log_p[counts, targets[counts]].mean() if counts.any() else 0.0


def log_p_of(log_p, targets):
    return np.take_along_axis(log_p, targets[..., None], axis=-1)[..., 0]


@masked_loss.mistake
def minus_one_is_the_last(log_p, targets):
    """The places with −1 count. To NumPy, −1 is the *last* token, so it is looked up without a complaint."""
    return -log_p_of(log_p, targets).mean()


@masked_loss.mistake
def divided_by_all_places(log_p, targets):
    """The right places are added up and divided by the number of *all* places. Longer padding would make the loss
    smaller."""
    return -np.where(targets >= 0, log_p_of(log_p, targets), 0).mean()


@masked_loss.mistake
def added_up(log_p, targets):
    """This is the sum over the places that count, and the mean was asked for."""
    return -np.where(targets >= 0, log_p_of(log_p, targets), 0).sum()


@masked_loss.mistake
def mean_of_rows(log_p, targets):
    """This is the mean of the rows' means, so a place in a short answer weighs more than one in a long answer. All
    places should weigh the same."""
    counts = targets >= 0
    each = -np.where(counts, log_p_of(log_p, targets), 0).sum(axis=1)
    return (each / np.maximum(counts.sum(axis=1), 1)).mean()


@masked_loss.mistake
def token_zero_left_out(log_p, targets):
    """A token is left out that should count. The smallest id is 0."""
    counts = targets > 0
    return -log_p[counts, targets[counts]].mean() if counts.any() else 0.0


@masked_loss.mistake
def nothing_to_average(log_p, targets):
    """Right as long as a place counts. Where none does, the mean of nothing is not a number."""
    counts = targets >= 0
    return -log_p[counts, targets[counts]].mean()


@masked_loss.mistake
def below_zero(log_p, targets):
    """A surprise is not below 0. What sign has a log-probability?"""
    return -masked_loss.right(log_p, targets)


# 8.4

CAT_SAD, CAT_FUNNY, SEA_SAD, SEA_FUNNY = ("cat", "sad"), ("cat", "funny"), ("sea", "sad"), ("sea", "funny")
TRAINED = [(CAT_SAD, "p"), (CAT_SAD, "q"), (CAT_SAD, "q"), (SEA_FUNNY, "r"), (SEA_FUNNY, "s")]
WRITTEN = [
    *((CAT_SAD, text, kept) for text, kept in (("p", True), ("p", True), ("t", True), ("u", True), ("v", False))),
    *((CAT_FUNNY, text, kept) for text, kept in (("w", True), ("x", False), ("y", False))),
    *((SEA_FUNNY, text, kept) for text, kept in (("r", True), ("q", False), ("z", True))),
]


@exercise(
    {
        "eleven poems": (WRITTEN, TRAINED),
        "four poems": ([WRITTEN[0], WRITTEN[2], WRITTEN[5], WRITTEN[6]], TRAINED),
        "ten poems, of which one is old in a new place": ([*WRITTEN[1:], (SEA_SAD, "q", True)], TRAINED),
        "eleven poems, and less to copy": (WRITTEN, TRAINED[:4]),
    }
)
def two_exams(written, trained):
    return examined(written, trained)


def examined(written, trained, form_on="new", copy_on="old"):
    """{"form": …, "copied": …}, each on combinations that are new, old, or on all."""
    old, known = {combination for combination, _ in trained}, {text for _, text in trained}
    parts = {
        "new": [poem for poem in written if poem[0] not in old],
        "old": [poem for poem in written if poem[0] in old],
        "all": written,
    }
    return {
        "form": np.mean([kept for _, _, kept in parts[form_on]]),
        "copied": np.mean([text in known for _, text, _ in parts[copy_on]]),
    }


@two_exams.mistake
def form_on_trained(written, trained):
    """`form` is judged on combinations that were trained on. The model may know those by heart."""
    return examined(written, trained, form_on="old")


@two_exams.mistake
def form_on_all(written, trained):
    """`form` is judged on all poems. Those of trained combinations flatter the model."""
    return examined(written, trained, form_on="all")


@two_exams.mistake
def copies_on_new(written, trained):
    """`copied` is judged on combinations that were never trained on. How could a poem of these be a copy, unless by
    missing its wish?"""
    return examined(written, trained, copy_on="new")


@two_exams.mistake
def copies_on_all(written, trained):
    """`copied` is judged on all poems. The new combinations, which can hardly be copies, make it too small."""
    return examined(written, trained, copy_on="all")


@two_exams.mistake
def exchanged(written, trained):
    """The two halves are exchanged. Which question is too easy on which combinations?"""
    return examined(written, trained, form_on="old", copy_on="new")


@two_exams.mistake
def everything_on_everything(written, trained):
    """Both are judged on all poems. Each of the two questions is too easy on one half of them."""
    return examined(written, trained, form_on="all", copy_on="all")


@two_exams.mistake
def share_of_new(written, trained):
    """`copied` is the share of poems that are *not* copies."""
    right = examined(written, trained)
    return {**right, "copied": 1 - right["copied"]}


@two_exams.mistake
def each_poem_once(written, trained):
    """A poem that was written twice is counted once. The share of copies is one of all poems that were written."""
    different = list({(combination, text): (combination, text, kept) for combination, text, kept in written}.values())
    return {**examined(written, trained), "copied": examined(different, trained)["copied"]}


# 8.5

PAIRS = {
    "like letters, like sounds": (
        True,
        "cat/hat hill/still light/night day/say king/sing mouse/house moon/soon rain/train ring/thing",
    ),
    "other letters, like sounds": (
        True,
        "go/dough sea/me moon/tune night/white bear/chair sun/one blue/shoe rain/lane eye/high door/four",
    ),
    "like letters, other sounds": (
        False,
        "love/move cough/though bear/hear word/lord comb/tomb have/wave said/paid done/bone come/home",
    ),
    "nothing alike": (False, "cat/dog sea/sun moon/rain king/door night/day horse/mouse owl/tree house/garden"),
    "a word and itself": (False, "cat/cat moon/moon rain/rain"),
}


@explore()
def rhyme_judge(rhymes):
    found, wrong = {}, {}
    for kind, (right, pairs) in PAIRS.items():
        pairs = [pair.split("/") for pair in pairs.split()]
        said = [(bool(rhymes(a, b)), bool(rhymes(b, a))) for a, b in pairs]
        for (a, b), (one, other) in zip(pairs, said):
            if one != other:
                return f"*{a}* and *{b}*: asked in one order you say {one}, in the other {other}."
        found[kind] = np.mean([one == right for one, _ in said])
        wrong[kind] = [f"{a} and {b}" for (a, b), (one, _) in zip(pairs, said) if one != right]
    if found["a word and itself"] < 1:
        return "It says that *cat* rhymes with *cat*. Poets would not accept it: a word does not rhyme with itself."
    if found["nothing alike"] < 0.75:
        return f"It lets pairs through that have nothing alike, such as {wrong['nothing alike'][0]}."
    if found["like letters, like sounds"] < 0.6:
        return f"It misses plain rhymes, such as {', '.join(wrong['like letters, like sounds'][:2])}."
    text = "Right on: " + "; ".join(f"{kind}, {share:.0%}" for kind, share in found.items()) + "."
    missed = [pairs[0] for pairs in wrong.values() if pairs]
    return Verdict(text + f"\nWrong, for example: {', '.join(missed)}." * bool(missed), passed=True)
