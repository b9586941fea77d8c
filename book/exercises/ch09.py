"""The exercises of chapter 9: cross-attention, teacher forcing, greedy decoding, and BLEU."""

import re
from collections import Counter

import numpy as np

from helpers.sampling import softmax

from .engine import ByHand, Exercise, Explore, Verdict, words
from .say import show

WORDS = words(__file__)

# 9.1

translation_by_hand = ByHand(WORDS["translation_by_hand"])

# 9.2

PAD, START, END = 0, 1, 2


def rows(sequences, first=(), last=()):
    """Lists of ids as one array, with more ids before and after each, and padding behind the short ones."""
    length = max(map(len, sequences))
    return np.array([[*first, *ids, *last, *[PAD] * (length - len(ids))] for ids in sequences])


def whole(targets):
    return rows(targets, [START], [END])


def padded_in_front(targets):
    return np.array([row[::-1] for row in rows([ids[::-1] for ids in targets], [END], [START])])


def end_at_the_right(targets):
    words = rows(targets)
    return np.c_[np.full(len(words), START), words, np.full(len(words), END)]


def split(both):
    return both[:, :-1], both[:, 1:]


def forced(function, targets):
    """Given and wanted ids. What's given where nothing is wanted doesn't matter, so it's cleared."""
    made = function(targets)
    if not isinstance(made, (tuple, list)) or len(made) != 2:
        return made
    given, wanted = map(np.array, made)
    return (np.where(wanted != PAD, given, PAD), wanted) if given.shape == wanted.shape else (given, wanted)


teacher_forced = Exercise(WORDS["teacher_forced"], lambda targets: split(whole(targets)), run=forced)
teacher_forced.inputs = {
    "one sentence": ([[7, 5, 9]],),
    "two sentences of the same length": ([[4, 8], [8, 4]],),
    "three sentences of different lengths": ([[5, 6, 7, 8], [9], [3, 4]],),
    "a word that occurs twice": ([[6, 6, 3], [3, 6]],),
}
teacher_forced.mistakes = {
    "not_shifted": lambda targets: (whole(targets), whole(targets)),
    "not_shifted_and_bare": lambda targets: (rows(targets), rows(targets)),
    "shifted_the_wrong_way": lambda targets: split(whole(targets))[::-1],
    "swapped": lambda targets: (rows(targets, last=[END]), rows(targets, first=[START])),
    "no_end": lambda targets: (rows([ids[:-1] for ids in targets], [START]), rows(targets)),
    "no_start": lambda targets: (rows(targets), rows([ids[1:] for ids in targets], last=[END])),
    "not_filled_up": lambda targets: ([[START, *ids] for ids in targets], [[*ids, END] for ids in targets]),
    "filled_in_front": lambda targets: split(padded_in_front(targets)),
    "end_behind_the_padding": lambda targets: split(end_at_the_right(targets)),
}

# 9.3


def looks(target_length, *sources, D=2, C=3, seed=0):
    """Arguments of `cross_attend`: x, memory, ids of the sources, and three matrices."""
    rng, source = np.random.default_rng(seed), rows(sources)
    x, memory = rng.normal(0, 1, (len(source), target_length, C)), rng.normal(0, 1, (*source.shape, C))
    return x, memory, source, *rng.normal(0, 1, (3, C, D))


def hidden(scores, source):
    return scores + np.where(source == PAD, -np.inf, 0)[:, None, :]


def as_is(scores, source):
    return scores


def zeroed(scores, source):
    return scores * (source != PAD)[:, None, :]


def causal(scores, source):
    return hidden(scores, source) + np.triu(np.full(scores.shape[1:], -np.inf), 1)


def across(x, memory, source, Wq, Wk, Wv, *, before=hidden, after=as_is, over=softmax, values=None):
    """Cross-attention. The options go wrong: what happens before and after the softmax, its axis, and what's mixed."""
    scores = (x @ Wq) @ (memory @ Wk).swapaxes(-1, -2) / np.sqrt(Wq.shape[1])
    return after(over(before(scores, source)), source) @ ((memory if values is None else values) @ Wv)


def down_the_columns(scores):
    e = np.exp(scores - scores.max())
    return e / np.maximum(e.sum(axis=1, keepdims=True), 1e-300)


cross_attend = Exercise(
    WORDS["cross_attend"], lambda x, memory, source, Wq, Wk, Wv: across(x, memory, source, Wq, Wk, Wv)
)
cross_attend.inputs = {
    "one target word and three source words": looks(1, [5, 4, 3]),
    "two target words, four source words, D = 4": looks(2, [5, 4, 3, 3], D=4, seed=1),
    "as many target words as source words": looks(3, [5, 4, 3], seed=2),
    "two sources, the second with padding": looks(2, [5, 4, 3], [6], seed=3),
    "two sources with padding, as long as the target": looks(4, [5, 4, 3, 6], [6, 3], seed=4),
}
cross_attend.mistakes = {
    "padding_seen": lambda *args: across(*args, before=as_is),
    "weights_cut": lambda *args: across(*args, before=as_is, after=zeroed),
    "scores_set_to_zero": lambda *args: across(*args, before=zeroed),
    "sides_swapped": lambda x, memory, *rest: across(memory, x, *rest),
    "sides_swapped_without_a_mask": lambda x, memory, *rest: across(memory, x, *rest, before=as_is),
    "values_of_the_target": lambda x, *rest: across(x, *rest, values=x),
    "itself_alone": lambda x, memory, *rest: across(x, x, *rest, before=as_is),
    "not_scaled": lambda x, m, s, Wq, Wk, Wv: across(x, m, s, Wq * np.sqrt(Wq.shape[1]), Wk, Wv),
    "causal": lambda *args: across(*args, before=causal),
    "wrong_softmax_axis": lambda *args: across(*args, over=down_the_columns),
}

# 9.4

V, ENOUGH = 9, 60


def scripted(function, script, start, end, most):
    """The reader's loop, with a model that follows the script as long as it's given everything it said so far."""

    def next_scores(ids):
        ids = list(ids)
        known = ids[:1] == [start] and ids[1:] == script[: len(ids) - 1] and len(ids) <= len(script)
        scores = np.linspace(0, 1, V)  # a model that has lost the thread never ends
        scores[end] = -1
        if known:
            scores[script[len(ids) - 1]] = 5
        if len(ids) > ENOUGH:
            raise RuntimeError(f"your loop asked for more than {ENOUGH} words and would never end")
        return scores

    return [int(i) for i in function(next_scores, start, end, most)]


def greedy(next_scores, start, end, most, *, stops=lambda word, made, end: word == end, sees=lambda made: made):
    """The loop. The options are ways to get it wrong: when it stops, and what it shows the model."""
    made = [start]
    while len(made) <= most:
        word = int(next_scores(sees(made)).argmax())
        if stops(word, made, end):
            break
        made.append(word)
    return made[1:]


greedy_until_end = Exercise(
    WORDS["greedy_until_end"], lambda next_scores, start, end, most: greedy(next_scores, start, end, most), run=scripted
)
greedy_until_end.inputs = {
    "a sentence of three words": ([5, 3, 6, 2], 1, 2, 20),
    "an end with the id 7": ([5, 2, 3, 7], 4, 7, 20),
    "a sentence with the words 0 and 1": ([3, 0, 1, 5, 2], 8, 2, 20),
    "the same word twice in a row": ([3, 6, 6, 2], 1, 2, 20),
    "an end right at the start": ([2], 1, 2, 20),
    "at most four words": ([3, 4, 5, 6, 7, 8, 2], 1, 2, 4),
    "three words, and at most three": ([3, 4, 5, 2], 1, 2, 3),
}
greedy_until_end.mistakes = {
    "end_kept": lambda *args: greedy(*args, stops=lambda word, made, end: made[-1] == end),
    "start_kept": lambda next_scores, start, end, most: [start, *greedy(next_scores, start, end, most)],
    "fixed_end": lambda next_scores, start, end, most: greedy(next_scores, start, 2, most),
    "stops_at_padding": lambda *args: greedy(*args, stops=lambda word, made, end: word in (end, 0)),
    "small_ids_dropped": lambda scores, start, end, most: [i for i in greedy(scores, start, end, most) if i > end],
    "stops_when_repeating": lambda *args: greedy(*args, stops=lambda word, made, end: word in (end, made[-1])),
    "never_ends": lambda *args: greedy(*args, stops=lambda word, made, end: False),
    "last_word_alone": lambda *args: greedy(*args, sees=lambda made: made[-1:]),
    "no_limit": lambda next_scores, start, end, most: greedy(next_scores, start, end, ENOUGH),
    "one_too_few": lambda next_scores, start, end, most: greedy(next_scores, start, end, most - 1),
}

# 9.5


def pieces(text):
    return re.findall(r"[^\W\d_]+|\d|[^\w\s]", text.lower())


def bleu(made, wanted, longest=4):
    shares = []
    for n in range(1, longest + 1):
        a, b = (Counter(zip(*(words[i:] for i in range(n)))) for words in (made, wanted))
        shares.append((a & b).total() / max(1, a.total()))
    return min(1, np.exp(1 - len(wanted) / max(1, len(made)))) * np.prod(shares) ** (1 / longest)


@Explore
def fooled_bleu(sentences):
    if callable(sentences):
        sentences = sentences()
    if not isinstance(sentences, dict) or not {"wanted", "false", "good"} <= sentences.keys():
        return f"The answer must be a dict with the keys wanted, false, and good; got {show(sentences)}."
    if not all(isinstance(text, str) and pieces(text) for text in sentences.values()):
        return "Each of the three must be a sentence. Put it in quotes."
    wanted, false, good = (pieces(sentences[key]) for key in ("wanted", "false", "good"))
    if wanted in (false, good) or false == good:
        return "Two of your sentences are the same. Write three different ones."
    of_false, of_good = bleu(false, wanted), bleu(good, wanted)
    scores = f"BLEU is {of_false:.2f} for the false sentence and {of_good:.2f} for the good one."
    if of_false < 0.7:
        return f"{scores}\nThe false one needs at least 0.7. Change fewer words, or start from a longer sentence."
    if of_good > 0.2:
        return f"{scores}\nThe good one may have at most 0.2. Say the same thing in other words and in another order."
    return Verdict(
        f"{scores}\nRead all three aloud: if the false one really is false and the good one good, BLEU got it wrong.",
        passed=True,
    )
