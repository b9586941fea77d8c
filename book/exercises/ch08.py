"""The exercises of chapter 8: which targets count, what a poem is judged on, and rhyme."""

import numpy as np

from .engine import ByHand, Exercise, Explore, Verdict, words

WORDS = words(__file__)

# 8.1

row_by_hand = ByHand(WORDS["row_by_hand"])

# 8.2: the ids are all different, so every wrong shift shows

PARTS = ("request", "last of request", "answer", "end")
ONE = [([11, 12, 13, 2], [21, 22])]
TWO = [([11, 12, 2], [21, 22, 23]), ([14, 15, 16, 2], [24, 25])]


def whole(turns, end, ends=lambda turn: True):
    """[(token, what it is, the number of its turn), …]; `ends` says which turns get an end token."""
    return [
        (token, what, turn)
        for turn, (asked, answer) in enumerate(turns)
        for what, part in zip(PARTS, (asked[:-1], asked[-1:], answer, [end] * ends(turn)))
        for token in part
    ]


def rows_of(tokens, counts=lambda what, turn: what in PARTS[2:], shift=1):
    """(inputs, targets), with -1 for each target that doesn't count."""
    targets = [token if counts(what, turn) else -1 for token, what, turn in tokens]
    return [token for token, *_ in tokens[:-1]], targets[shift:][: len(tokens) - 1]


def masked_by_what_is_read(turns, end):
    tokens = whole(turns, end)
    inputs, reads = rows_of(tokens, shift=0)
    return inputs, [-1 if read == -1 else token for read, (token, *_) in zip(reads, tokens[1:])]


def last_token_read(turns, end):
    inputs, targets = rows_of(whole(turns, end))
    return [*inputs, end], targets


conversation_targets = Exercise(
    WORDS["conversation_targets"], lambda turns, end: rows_of(whole(turns, end)), exact_shape=True
)
conversation_targets.inputs = {
    "one request and its answer": (ONE, 0),
    "two requests and two answers": (TWO, 0),
    "three requests and three answers": ([*TWO, ([17, 2], [26, 27, 28])], 0),
    "a request and an answer of one token each": ([([2], [21])], 0),
}
conversation_targets.mistakes = {
    "requests_counted": lambda turns, end: rows_of(whole(turns, end), lambda what, turn: True),
    "not_shifted": lambda turns, end: rows_of(whole(turns, end), shift=0),
    "neither_shifted_nor_masked": lambda turns, end: rows_of(whole(turns, end), lambda what, turn: True, shift=0),
    "inverted": lambda turns, end: rows_of(whole(turns, end), lambda what, turn: "request" in what),
    "masked_by_what_is_read": masked_by_what_is_read,
    "last_token_of_the_request": lambda turns, end: rows_of(whole(turns, end), lambda what, turn: what != "request"),
    "no_end": lambda turns, end: rows_of(whole(turns, end, ends=lambda turn: False)),
    "end_not_counted": lambda turns, end: rows_of(whole(turns, end), lambda what, turn: what == "answer"),
    "one_end_for_all": lambda turns, end: rows_of(whole(turns, end, ends=lambda turn: turn == len(turns) - 1)),
    "only_the_last_answer": lambda turns, end: rows_of(
        whole(turns, end), lambda what, turn: what in PARTS[2:] and turn == len(turns) - 1
    ),
    "only_the_first_request": lambda turns, end: rows_of(
        whole(turns, end), lambda what, turn: what in PARTS[2:] or turn > 0
    ),
    "last_token_read": last_token_read,
}

# 8.3


def scores(*shape):
    z = np.cos(np.arange(np.prod(shape)) * 1.7).reshape(shape) * 2
    return z - np.log(np.exp(z).sum(axis=-1, keepdims=True))


def losses(log_p, targets):
    """The loss at each position, and 0 where none counts."""
    return np.where(targets >= 0, -np.take_along_axis(log_p, targets[..., None], axis=-1)[..., 0], 0)


def over(total, count):
    return total / count if count else 0.0


masked_loss = Exercise(
    WORDS["masked_loss"], lambda log_p, targets: over(losses(log_p, targets).sum(), (targets >= 0).sum())
)
masked_loss.inputs = {
    "two rows where some positions count": (scores(2, 5, 6), np.array([[-1, -1, 3, 0, -1], [-1, 2, 1, 4, 1]])),
    "a row where every position counts": (scores(1, 4, 6), np.array([[5, 0, 2, 3]])),
    "two rows, one with nothing that counts": (scores(2, 3, 6), np.array([[-1, -1, -1], [-1, 4, 5]])),
    "a single position that counts": (scores(2, 2, 6), np.array([[-1, -1], [-1, 1]])),
    "nothing that counts": (scores(1, 3, 6), np.full((1, 3), -1)),
}
masked_loss.mistakes = {
    "minus_one_is_the_last": lambda log_p, targets: losses(log_p, targets % log_p.shape[-1]).mean(),
    "divided_by_all_positions": lambda log_p, targets: losses(log_p, targets).mean(),
    "added_up": lambda log_p, targets: losses(log_p, targets).sum(),
    "mean_of_rows": lambda log_p, targets: (
        losses(log_p, targets).sum(axis=1) / np.maximum((targets >= 0).sum(axis=1), 1)
    ).mean(),
    "token_zero_left_out": lambda log_p, targets: over(
        losses(log_p, np.where(targets > 0, targets, -1)).sum(), (targets > 0).sum()
    ),
    "nothing_to_average": lambda log_p, targets: losses(log_p, targets).sum() / (targets >= 0).sum(),
    "below_zero": lambda log_p, targets: -over(losses(log_p, targets).sum(), (targets >= 0).sum()),
}

# 8.4

CAT_SAD, CAT_FUNNY, SEA_SAD, SEA_FUNNY = ("cat", "sad"), ("cat", "funny"), ("sea", "sad"), ("sea", "funny")
TRAINED = [(CAT_SAD, "p"), (CAT_SAD, "q"), (CAT_SAD, "q"), (SEA_FUNNY, "r"), (SEA_FUNNY, "s")]
WRITTEN = [
    *((CAT_SAD, text, kept) for text, kept in (("p", True), ("p", True), ("t", True), ("u", True), ("v", False))),
    *((CAT_FUNNY, text, kept) for text, kept in (("w", True), ("x", False), ("y", False))),
    *((SEA_FUNNY, text, kept) for text, kept in (("r", True), ("q", False), ("z", True))),
]


def examined(written, trained, *, form_on="new", copied_on="old", pick=lambda poems: poems):
    """{"form": …, "copied": …}, each on combinations that are new, old, or both."""
    old, known = {combination for combination, _ in trained}, {text for _, text in trained}
    on = {which: [poem for poem in written if (poem[0] in old) == (which == "old")] for which in ("old", "new")}
    on["both"] = written
    return {
        "form": np.mean([kept for _, _, kept in on[form_on]]),
        "copied": np.mean([text in known for _, text, _ in pick(on[copied_on])]),
    }


two_exams = Exercise(WORDS["two_exams"], lambda written, trained: examined(written, trained))
two_exams.inputs = {
    "eleven poems": (WRITTEN, TRAINED),
    "four poems": ([WRITTEN[0], WRITTEN[2], WRITTEN[5], WRITTEN[6]], TRAINED),
    "eleven poems, one of them an old text for a new combination": ([*WRITTEN[1:], (SEA_SAD, "q", True)], TRAINED),
    "eleven poems, and less to copy": (WRITTEN, TRAINED[:4]),
}
two_exams.mistakes = {
    "form_on_trained": lambda *args: examined(*args, form_on="old"),
    "form_on_all": lambda *args: examined(*args, form_on="both"),
    "copies_on_new": lambda *args: examined(*args, copied_on="new"),
    "copies_on_all": lambda *args: examined(*args, copied_on="both"),
    "exchanged": lambda *args: examined(*args, form_on="old", copied_on="new"),
    "everything_on_everything": lambda *args: examined(*args, form_on="both", copied_on="both"),
    "share_of_new": lambda *args: (right := examined(*args)) | {"copied": 1 - right["copied"]},
    "each_poem_once": lambda *args: examined(*args, pick=set),
}

# 8.5


@Explore
def rhyme_judge(rhymes):
    found, wrong = {}, {}
    for kind, right, pairs in WORDS["rhyme_judge"]["pairs"]:
        said = [(*pair.split("/"), bool(rhymes(*pair.split("/")))) for pair in pairs.split()]
        for a, b, answer in said:
            if answer != bool(rhymes(b, a)):
                return f"For *{a}* and *{b}* you say {answer}, but for *{b}* and *{a}* you say {not answer}."
        found[kind] = np.mean([answer == right for _, _, answer in said])
        wrong[kind] = [f"*{a}* and *{b}*" for a, b, answer in said if answer != right]
    if found["a word and itself"] < 1:
        return "You say that *cat* rhymes with *cat*. A word doesn't rhyme with itself, so rule that out first."
    if found["nothing alike"] < 0.75:
        return f"You let pairs through that sound nothing alike, such as {wrong['nothing alike'][0]}."
    if found["same letters, same sounds"] < 0.6:
        return f"You miss plain rhymes, such as {', '.join(wrong['same letters, same sounds'][:2])}."
    text = f"You get right: {'; '.join(f'{share:.0%} of *{kind}*' for kind, share in found.items())}."
    missed = [pairs[0] for pairs in wrong.values() if pairs]
    return Verdict(text + f"\nYou get wrong, for example: {'; '.join(missed)}." * bool(missed), passed=True)
