"""What readers may write in chapter 9."""

import math

import numpy as np

from book.exercises import check

from . import other_style, wrong


@other_style(check.ch09.teacher_forced)
def filled_place_by_place(targets):
    room = 1 + max(len(ids) for ids in targets)
    given, wanted = np.zeros((len(targets), room), int), np.zeros((len(targets), room), int)
    given[:, 0] = 1
    for i, ids in enumerate(targets):
        given[i, 1 : len(ids) + 1] = ids
        wanted[i, : len(ids)] = ids
        wanted[i, len(ids)] = 2
    return given, wanted


@other_style(check.ch09.teacher_forced)
def as_lists(targets):
    room = 1 + max(map(len, targets))
    fill = lambda ids: (ids + room * [0])[:room]  # noqa: E731
    return [fill([1, *ids, 2]) for ids in targets], [fill([*ids, 2]) for ids in targets]


@wrong(check.ch09.teacher_forced, "not_shifted")
def twice_the_same(targets):
    room = 2 + max(map(len, targets))
    both = np.array([([1, *ids, 2] + room * [0])[:room] for ids in targets])
    return both.copy(), both.copy()


@wrong(check.ch09.teacher_forced, "no_end")
def words_alone_are_wanted(targets):
    room = max(map(len, targets))
    fill = lambda ids: (ids + room * [0])[:room]  # noqa: E731
    return [fill([1, *ids]) for ids in targets], [fill(list(ids)) for ids in targets]


@wrong(check.ch09.teacher_forced, "swapped")
def looking_back(targets):
    given, wanted = filled_place_by_place(targets)
    return wanted, given


wrong(check.ch09.teacher_forced, "not_filled_up")(
    lambda targets: ([[1, *ids] for ids in targets], [[*ids, 2] for ids in targets])
)


@other_style(check.ch09.cross_attend)
def row_by_row(x, memory, source, Wq, Wk, Wv):
    out = []
    for b in range(len(x)):
        words = memory[b][source[b] != 0]  # (S,C) without the padding
        rows = []
        for vector in x[b]:
            scores = [(vector @ Wq) @ (word @ Wk) / math.sqrt(Wk.shape[1]) for word in words]
            e = np.exp(np.array(scores) - max(scores))
            rows.append(sum(w * (word @ Wv) for w, word in zip(e / e.sum(), words)))
        out.append(rows)
    return out


@other_style(check.ch09.cross_attend)
def with_a_very_low_score(x, memory, source, Wq, Wk, Wv):
    scores = np.einsum("btd,bsd->bts", x @ Wq, memory @ Wk) / Wq.shape[1] ** 0.5
    scores = np.where((source == 0)[:, None], -1e9, scores)
    e = np.exp(scores)
    return e @ (memory @ Wv) / e.sum(-1, keepdims=True)


@wrong(check.ch09.cross_attend, "padding_seen")
def no_mask(x, memory, source, Wq, Wk, Wv):
    e = np.exp((x @ Wq) @ np.swapaxes(memory @ Wk, 1, 2) / math.sqrt(Wq.shape[1]))
    return e / e.sum(-1, keepdims=True) @ (memory @ Wv)


@wrong(check.ch09.cross_attend, "scores_set_to_zero")
def times_the_mask(x, memory, source, Wq, Wk, Wv):
    scores = np.einsum("btd,bsd->bts", x @ Wq, memory @ Wk) / Wq.shape[1] ** 0.5
    e = np.exp(np.where((source == 0)[:, None], 0, scores))
    return e / e.sum(-1, keepdims=True) @ (memory @ Wv)


@wrong(check.ch09.cross_attend, "sides_swapped_without_a_mask")
def memory_asks(x, memory, source, Wq, Wk, Wv):
    e = np.exp(np.einsum("bsd,btd->bst", memory @ Wq, x @ Wk) / Wq.shape[1] ** 0.5)
    return e / e.sum(-1, keepdims=True) @ (x @ Wv)


wrong(check.ch09.cross_attend, "These shapes don't fit together")(
    lambda x, memory, source, Wq, Wk, Wv: (x @ Wq) @ (memory @ Wk)
)


@other_style(check.ch09.greedy_until_end)
def a_for_loop(next_scores, start, end, most):
    words = []
    for _ in range(most):
        words.append(np.argmax(next_scores(np.array([start, *words]))))
        if words[-1] == end:
            return words[:-1]
    return words


@wrong(check.ch09.greedy_until_end, "end_kept")
def end_at_the_end(next_scores, start, end, most):
    words = []
    for _ in range(most):
        words.append(int(np.argmax(next_scores([start, *words]))))
        if words[-1] == end:
            break
    return words


wrong(check.ch09.greedy_until_end, "small_ids_dropped")(
    lambda next_scores, start, end, most: [i for i in a_for_loop(next_scores, start, end, most) if i > end]
)


@wrong(check.ch09.greedy_until_end, "would never end")
def waits_for_the_start(next_scores, start, end, most):
    words = [start]
    while True:
        words.append(int(np.argmax(next_scores(words))))
        if words[-1] == 99:
            return words[1:]


SENTENCES = {
    "wanted": "You may give the cat some fish, but never give it any milk in the evening.",
    "false": "You may give the cat some fish, but always give it any milk in the evening.",
    "good": "Fish is fine for this pet. Milk at night is not.",
}
other_style(check.ch09.fooled_bleu)(SENTENCES)
wrong(check.ch09.fooled_bleu, "at least 0.7")({**SENTENCES, "false": "You may not feed it."})
wrong(check.ch09.fooled_bleu, "at most 0.2")({**SENTENCES, "good": SENTENCES["wanted"].replace("any", "some")})
wrong(check.ch09.fooled_bleu, "are the same")({**SENTENCES, "false": SENTENCES["good"]})
wrong(check.ch09.fooled_bleu, "the keys wanted, false, and good")({"wanted": "A cat."})
other_style(check.ch09.fooled_bleu)(lambda: SENTENCES)
