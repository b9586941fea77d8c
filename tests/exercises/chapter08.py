"""What readers may write in chapter 8."""

import numpy as np

from book.exercises import check

from . import other_style, wrong


@other_style(check.ch08.conversation_targets)
def token_by_token(turns, end):
    inputs, targets = [], []
    for asked, answer in turns:
        for token in asked:
            inputs.append(token)
            targets.append(-1)
        for token in [*answer, end]:
            targets[-1] = token
            inputs.append(token)
            targets.append(-1)
    return np.array(inputs[:-1]), np.array(targets[:-1])


@wrong(check.ch08.conversation_targets, "last_token_of_the_request")
def mask_too_short(turns, end):
    whole = [t for asked, answer in turns for t in [*asked, *answer, end]]
    mask = [m for asked, answer in turns for m in [1] * (len(asked) - 1) + [0] * (len(answer) + 2)]
    return whole[:-1], [-1 if m else t for t, m in zip(whole, mask)][1:]


@wrong(check.ch08.conversation_targets, "masked_by_what_is_read")
def masked_before_the_shift(turns, end):
    inputs, targets = [], []
    for asked, answer in turns:
        inputs += [*asked, *answer, end]
    targets = inputs[1:] + [-1]
    at = 0
    for asked, answer in turns:
        targets[at : at + len(asked)] = len(asked) * [-1]
        at += len(asked) + len(answer) + 1
    return inputs[:-1], targets[:-1]


@wrong(check.ch08.conversation_targets, "not_shifted")
def same_places(turns, end):
    inputs, targets = [], []
    for asked, answer in turns:
        inputs += asked + answer + [end]
        targets += len(asked) * [-1] + answer + [end]
    return inputs[:-1], targets[:-1]


@wrong(check.ch08.conversation_targets, "numbers of shape")
def ends_at_the_last_word(turns, end):
    inputs, targets = token_by_token(turns, end)
    return inputs[:-1], targets[:-1]


@other_style(check.ch08.masked_loss)
def a_loop(log_p, targets):
    losses = [-log_p[b, t, y] for (b, t), y in np.ndenumerate(targets) if y != -1]
    return sum(losses) / max(len(losses), 1)


@wrong(check.ch08.masked_loss, "divided_by_all_positions")
def mean_with_zeros(log_p, targets):
    B, T = targets.shape
    losses = np.zeros((B, T))
    for b in range(B):
        for t in range(T):
            if targets[b, t] >= 0:
                losses[b, t] = -log_p[b, t, targets[b, t]]
    return losses.mean()


@wrong(check.ch08.masked_loss, "minus_one_is_the_last")
def one_hot(log_p, targets):
    y = np.eye(log_p.shape[-1])[targets]
    return -(y * log_p).sum(-1).mean()


@wrong(check.ch08.masked_loss, "nothing_to_average")
def weighted(log_p, targets):
    counts = (targets >= 0).astype(float)
    losses = -np.take_along_axis(log_p, np.maximum(targets, 0)[..., None], axis=-1)[..., 0]
    return (losses * counts).sum() / counts.sum()


@other_style(check.ch08.two_exams)
def counted_one_by_one(written, trained):
    right = new = copied = old = 0
    for combination, text, kept in written:
        if any(combination == other for other, _ in trained):
            old += 1
            copied += any(text == other for _, other in trained)
        else:
            new += 1
            right += kept
    return {"form": right / new, "copied": copied / old}


@wrong(check.ch08.two_exams, "copies_on_new")
def both_on_held_out(written, trained):
    old, known = dict(trained), [text for _, text in trained]
    new = [(text, kept) for combination, text, kept in written if combination not in old]
    return {"form": sum(kept for _, kept in new) / len(new), "copied": sum(text in known for text, _ in new) / len(new)}


@wrong(check.ch08.two_exams, "everything_on_everything")
def no_halves(written, trained):
    known = {text for _, text in trained}
    return {
        "form": np.mean([kept for *_, kept in written]),
        "copied": np.mean([text in known for _, text, _ in written]),
    }


other_style(
    check.ch08.rhyme_judge, "You get wrong, for example: *go* and *dough*; *love* and *move*; *horse* and *mouse*."
)(lambda a, b: a != b and a[-2:] == b[-2:])


@other_style(check.ch08.rhyme_judge)
def from_the_last_vowel_on(a, b):
    def tail(word):
        return word[max(word[:-1].rfind(vowel) for vowel in "aeiouy") :]

    return a != b and tail(a) == tail(b)


wrong(check.ch08.rhyme_judge, "*cat* rhymes with *cat*")(lambda a, b: a[-2:] == b[-2:])
wrong(check.ch08.rhyme_judge, "sound nothing alike")(lambda a, b: a != b)
wrong(check.ch08.rhyme_judge, "miss plain rhymes")(lambda a, b: False)
wrong(check.ch08.rhyme_judge, "you say False, but for *still* and *hill* you say True")(lambda a, b: len(a) > len(b))
