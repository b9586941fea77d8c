"""The exercises of chapter 9: cross-attention, teacher forcing, greedy decoding, exact match, and BLEU."""

import re
from collections import Counter

import numpy as np

from .engine import Verdict, by_hand, exercise, explore

# 9.1


@by_hand()
def translation_by_hand():
    """Scores log 2, 0 and, on padding, log 2; values 4, 8, 100. Then 3 of 4 sentences, and a BLEU of √(1 · ¼)."""
    return {"w_first": 2 / 3, "mix": 16 / 3, "exact": 0.75, "bleu": 0.5}


@translation_by_hand.mistake
def padding_attended():
    """The padding takes part here. What is the exponential of −∞, and what is its share?"""
    return {"w_first": 0.4, "mix": 43.2}


@translation_by_hand.mistake
def padding_scored_zero():
    """A score of 0 is no mask: its exponential is 1. Which score has the exponential 0?"""
    return {"w_first": 0.5, "mix": 29}


@translation_by_hand.mistake
def cut_after_softmax():
    """The padding was removed after the softmax. Do the weights that are left still sum to 1?"""
    return {"mix": 3.2}


@translation_by_hand.mistake
def scores_as_weights():
    """These are the exponentials. Divide by the sum of those that count."""
    return {"w_first": 2, "mix": 16}


@translation_by_hand.mistake
def by_token():
    """These are the tokens that are right. Exact match counts sentences: how many have no wrong token?"""
    return {"exact": 0.95}


@translation_by_hand.mistake
def wrong_sentences():
    """This is the share of sentences with a mistake."""
    return {"exact": 0.25}


@translation_by_hand.mistake
def arithmetic_mean():
    """This is half of the sum. The geometric mean of two numbers is the root of their product."""
    return {"bleu": 0.625}


@translation_by_hand.mistake
def no_root():
    """This is the share of the pairs alone, or the product of both shares. BLEU takes the geometric mean."""
    return {"bleu": 0.25}


@translation_by_hand.mistake
def single_words_alone():
    """The single words are all there. How many of the four pairs in a row stand in the wanted sentence?"""
    return {"bleu": 1}


# 9.2

PAD, START, END = 0, 1, 2


def rows(sequences, pad=PAD):
    """Lists of ids as one array, filled up behind."""
    length = max(map(len, sequences))
    return np.array([[*ids, *[pad] * (length - len(ids))] for ids in sequences])


def forced(function, targets):
    """Given and wanted ids; what is given where nothing is wanted does not matter, so it is cleared."""
    made = function(targets)
    if not isinstance(made, (tuple, list)) or len(made) != 2:
        return made
    given, wanted = map(np.array, made)
    return (np.where(wanted != PAD, given, PAD), wanted) if given.shape == wanted.shape else (given, wanted)


@exercise(
    {
        "one sentence": ([[7, 5, 9]],),
        "two of the same length": ([[4, 8], [8, 4]],),
        "three of different lengths": ([[5, 6, 7, 8], [9], [3, 4]],),
        "a word that comes twice": ([[6, 6, 3], [3, 6]],),
    },
    run=forced,
)
def teacher_forced(targets):
    both = rows([[START, *ids, END] for ids in targets])
    return both[:, :-1], both[:, 1:]


@teacher_forced.mistake
def not_shifted(targets):
    """What is given and what is wanted are the same list: the decoder sees each word that it is asked for. Shift one
    of them by one place."""
    both = rows([[START, *ids, END] for ids in targets])
    return both, both


@teacher_forced.mistake
def not_shifted_and_bare(targets):
    """The word wanted stands in what is given, at the same place, so the model may copy it. What does it have before
    it writes the first word?"""
    return rows(targets), rows(targets)


@teacher_forced.mistake
def shifted_the_wrong_way(targets):
    """Each word is given, and the one *before* it is wanted. Which of the two lists begins with the start?"""
    both = rows([[START, *ids, END] for ids in targets])
    return both[:, 1:], both[:, :-1]


@teacher_forced.mistake
def swapped(targets):
    """The two lists are right, and in the wrong order: what is given should begin with the start."""
    return rows([[*ids, END] for ids in targets]), rows([[START, *ids] for ids in targets])


@teacher_forced.mistake
def no_end(targets):
    """The words are right, but nothing asks for the end. Who tells the model when to stop?"""
    return rows([[START, *ids[:-1]] for ids in targets]), rows(targets)


@teacher_forced.mistake
def no_start(targets):
    """What is given begins with the first word, so nobody asks for that word. What stands before it?"""
    return rows(targets), rows([[*ids[1:], END] for ids in targets])


@teacher_forced.mistake
def not_filled_up(targets):
    """Right where all are equally long. One array cannot hold rows of different lengths: fill up the short ones."""
    return [[START, *ids] for ids in targets], [[*ids, END] for ids in targets]


@teacher_forced.mistake
def filled_in_front(targets):
    """Right where all are equally long. Short sentences are filled up in front; the padding belongs behind."""
    length = 2 + max(map(len, targets))
    both = np.array([[*[PAD] * (length - 2 - len(ids)), START, *ids, END] for ids in targets])
    return both[:, :-1], both[:, 1:]


@teacher_forced.mistake
def end_behind_the_padding(targets):
    """Right where all are equally long. In a shorter one the end stands at the far right, behind the padding. Where
    is the sentence over?"""
    words = rows(targets)
    column = np.ones((len(words), 1), int)
    both = np.concatenate([START * column, words, END * column], axis=1)
    return both[:, :-1], both[:, 1:]


# 9.3


def weights_of(scores, axis=-1):
    e = np.exp(scores - scores.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


def looks(target_length, *sources, D=2, C=3, seed=0):
    """Arguments of `cross_attend`: x, memory, ids of the sources, and three matrices."""
    rng, source = np.random.default_rng(seed), rows(sources)
    x, memory = rng.normal(0, 1, (len(source), target_length, C)), rng.normal(0, 1, (*source.shape, C))
    return x, memory, source, *rng.normal(0, 1, (3, C, D))


def scores_of(x, memory, Wq, Wk):
    return (x @ Wq) @ (memory @ Wk).swapaxes(-1, -2) / np.sqrt(Wq.shape[1])


@exercise(
    {
        "one target word, three source words": looks(1, [5, 4, 3]),
        "two target words, four source words, D = 4": looks(2, [5, 4, 3, 3], D=4, seed=1),
        "as many target words as source words": looks(3, [5, 4, 3], seed=2),
        "two sources, the second with padding": looks(2, [5, 4, 3], [6], seed=3),
        "two sources with padding, as long as the target": looks(4, [5, 4, 3, 6], [6, 3], seed=4),
    }
)
def cross_attend(x, memory, source, Wq, Wk, Wv):
    hidden = np.where(source == PAD, -np.inf, 0)[:, None, :]
    return weights_of(scores_of(x, memory, Wq, Wk) + hidden) @ (memory @ Wv)


@cross_attend.mistake
def padding_seen(x, memory, source, Wq, Wk, Wv):
    """Right as long as no source has padding. What should be added to a score where `source` is 0?"""
    return weights_of(scores_of(x, memory, Wq, Wk)) @ (memory @ Wv)


@cross_attend.mistake
def weights_cut(x, memory, source, Wq, Wk, Wv):
    """Where there is padding, the weights sum to less than 1: they were cut after the softmax. Hide it before."""
    return (weights_of(scores_of(x, memory, Wq, Wk)) * (source != PAD)[:, None, :]) @ (memory @ Wv)


@cross_attend.mistake
def scores_set_to_zero(x, memory, source, Wq, Wk, Wv):
    """The scores of the padding are set to 0, and the softmax gives 0 a share. Which score gets none?"""
    return weights_of(scores_of(x, memory, Wq, Wk) * (source != PAD)[:, None, :]) @ (memory @ Wv)


@cross_attend.mistake
def sides_swapped(x, memory, source, Wq, Wk, Wv):
    """The queries come from the memory here, and the keys and values from the target. Who asks, and who is asked?"""
    hidden = np.where(source == PAD, -np.inf, 0)[:, None, :]
    return weights_of(scores_of(memory, x, Wq, Wk) + hidden) @ (x @ Wv)


@cross_attend.mistake
def sides_swapped_without_a_mask(x, memory, source, Wq, Wk, Wv):
    """There is one row for each *source* word: the memory asks, and the target answers. It is the other way round."""
    return weights_of(scores_of(memory, x, Wq, Wk)) @ (x @ Wv)


@cross_attend.mistake
def values_of_the_target(x, memory, source, Wq, Wk, Wv):
    """The weights belong to the source words, and the values mixed with them to the target. Whose values are wanted?"""
    hidden = np.where(source == PAD, -np.inf, 0)[:, None, :]
    return weights_of(scores_of(x, memory, Wq, Wk) + hidden) @ (x @ Wv)


@cross_attend.mistake
def itself_alone(x, memory, source, Wq, Wk, Wv):
    """This is self-attention: the memory is not used at all."""
    return weights_of(scores_of(x, x, Wq, Wk)) @ (x @ Wv)


@cross_attend.mistake
def not_scaled(x, memory, source, Wq, Wk, Wv):
    """The scores are too large, by the root of a number of channels. By which number does attention divide?"""
    hidden = np.where(source == PAD, -np.inf, 0)[:, None, :]
    return weights_of(scores_of(x, memory, Wq, Wk) * np.sqrt(Wq.shape[1]) + hidden) @ (memory @ Wv)


@cross_attend.mistake
def causal(x, memory, source, Wq, Wk, Wv):
    """The first target word sees only the first source word. Is any part of the source still in the future?"""
    scores = scores_of(x, memory, Wq, Wk) + np.where(source == PAD, -np.inf, 0)[:, None, :]
    return weights_of(scores + np.triu(np.full(scores.shape[1:], -np.inf), 1)) @ (memory @ Wv)


@cross_attend.mistake
def wrong_softmax_axis(x, memory, source, Wq, Wk, Wv):
    """The weights sum to 1 down a column, over the target words. Each target word should share out 1 among the
    source words."""
    scores = scores_of(x, memory, Wq, Wk) + np.where(source == PAD, -np.inf, 0)[:, None, :]
    return np.nan_to_num(weights_of(scores, axis=1)) @ (memory @ Wv)


# 9.4

V = 9


def scripted(function, script, start, end, most):
    """The reader's loop, with a model that goes on as `script` says while it is given what it said so far."""

    def next_scores(ids):
        ids = list(ids)
        known = ids[:1] == [start] and ids[1:] == script[: len(ids) - 1] and len(ids) <= len(script)
        scores = np.linspace(0, 1, V)  # a model that has lost the thread: no end in sight
        scores[end] = -1
        if known:
            scores[script[len(ids) - 1]] = 5
        if len(ids) > 60:
            raise RuntimeError("the loop has asked for more than 60 words, and would go on without end")
        return scores

    return [int(i) for i in function(next_scores, start, end, most)]


@exercise(
    {
        "a sentence of three words": ([5, 3, 6, 2], 1, 2, 20),
        "an end with the id 7": ([5, 2, 3, 7], 4, 7, 20),
        "a sentence with the words 0 and 1": ([3, 0, 1, 5, 2], 8, 2, 20),
        "a word that comes twice in a row": ([3, 6, 6, 2], 1, 2, 20),
        "an end that comes at once": ([2], 1, 2, 20),
        "at most four words": ([3, 4, 5, 6, 7, 8, 2], 1, 2, 4),
        "three words, and at most three": ([3, 4, 5, 2], 1, 2, 3),
    },
    run=scripted,
)
def greedy_until_end(next_scores, start, end, most):
    made = [start]
    while len(made) <= most:
        word = int(next_scores(made).argmax())
        if word == end:
            break
        made.append(word)
    return made[1:]


@greedy_until_end.mistake
def end_kept(next_scores, start, end, most):
    """The end token is in the list. It says that the sentence is over, and is no word of it."""
    made = [start]
    while made[-1] != end and len(made) <= most:
        made.append(int(next_scores(made).argmax()))
    return made[1:]


@greedy_until_end.mistake
def start_kept(next_scores, start, end, most):
    """The start token is in the list. The model needs it; whoever reads the sentence does not."""
    return [start, *greedy_until_end.right(next_scores, start, end, most)]


@greedy_until_end.mistake
def fixed_end(next_scores, start, end, most):
    """Right where the end has the id 2. Which argument says what the end is?"""
    return greedy_until_end.right(next_scores, start, 2, most)


@greedy_until_end.mistake
def stops_at_padding(next_scores, start, end, most):
    """It stops at the id 0, which is a word like others here. Only one token ends a sentence."""
    made = [start]
    while len(made) <= most:
        word = int(next_scores(made).argmax())
        if word in (end, 0):
            break
        made.append(word)
    return made[1:]


@greedy_until_end.mistake
def small_ids_dropped(next_scores, start, end, most):
    """Ids up to that of the end are dropped. Which tokens are no words: the small ones, or the start and the end?"""
    return [word for word in greedy_until_end.right(next_scores, start, end, most) if word > end]


@greedy_until_end.mistake
def stops_when_repeating(next_scores, start, end, most):
    """It stops as soon as a word repeats. A word may come twice; which token says that the sentence is over?"""
    made = [start]
    while len(made) <= most:
        word = int(next_scores(made).argmax())
        if word in (end, made[-1]):
            break
        made.append(word)
    return made[1:]


@greedy_until_end.mistake
def never_ends(next_scores, start, end, most):
    """It writes until there are `most` words, whatever comes. Which word should stop it?"""
    made = [start]
    while len(made) <= most:
        made.append(int(next_scores(made).argmax()))
    return made[1:]


@greedy_until_end.mistake
def last_word_alone(next_scores, start, end, most):
    """After the first word the model loses the thread. What does it have to be given: the last word, or all so far?"""
    made = [start]
    while len(made) <= most:
        word = int(next_scores(made[-1:]).argmax())
        if word == end:
            break
        made.append(word)
    return made[1:]


@greedy_until_end.mistake
def no_limit(next_scores, start, end, most):
    """Right if the model ends by itself. What if it does not, before there are `most` words?"""
    return greedy_until_end.right(next_scores, start, end, 60)


@greedy_until_end.mistake
def one_too_few(next_scores, start, end, most):
    """The limit comes one word early. Does your list count the start as one of the words?"""
    return greedy_until_end.right(next_scores, start, end, most - 1)


# 9.5


@exercise(
    {
        "two right of three": ([[4, 5], [6, 7], [8]], [[4, 5], [6, 9], [8]]),
        "all right": ([[4, 5, 6], [7]], [[4, 5, 6], [7]]),
        "words in another order": ([[4, 5], [6]], [[5, 4], [6]]),
        "one sentence too short": ([[4, 5], [6, 7]], [[4, 5, 6], [6, 7]]),
        "one sentence too long": ([[4, 5, 5], [6, 7]], [[4, 5], [6, 7]]),
        "one sentence empty": ([[], [3], [6, 7]], [[8], [3], [6, 7]]),
        "two alike, in the wrong places": ([[4], [5]], [[5], [4]]),
    }
)
def exact_match(made, wanted):
    return sum(list(a) == list(b) for a, b in zip(made, wanted)) / len(wanted)


@exact_match.mistake
def tokens_counted(made, wanted):
    """One wrong word makes only a part of its sentence wrong here. Exact match knows right and wrong, sentence by
    sentence."""
    return sum(x == y for a, b in zip(made, wanted) for x, y in zip(a, b)) / sum(map(len, wanted))


@exact_match.mistake
def mean_of_shares(made, wanted):
    """Each sentence gets the share of its words that are right. A sentence with one wrong word should get 0."""
    return np.mean([sum(x == y for x, y in zip(a, b)) / len(b) for a, b in zip(made, wanted)])


@exact_match.mistake
def cut_to_the_shorter(made, wanted):
    """A sentence that breaks off too early, or goes on too long, counts as right. How far does `zip` go?"""
    return np.mean([all(x == y for x, y in zip(a, b)) for a, b in zip(made, wanted)])


@exact_match.mistake
def order_lost(made, wanted):
    """The right words in the wrong order count as right. Is "4 March" the same as "March 4"?"""
    return np.mean([sorted(a) == sorted(b) for a, b in zip(made, wanted)])


@exact_match.mistake
def anywhere(made, wanted):
    """A translation counts if it is wanted for *any* sentence. It belongs to one source: compare place by place."""
    return np.mean([a in wanted for a in made])


@exact_match.mistake
def counted(made, wanted):
    """This is the number of right sentences. A share lies between 0 and 1."""
    return sum(a == b for a, b in zip(made, wanted))


# 9.6


def pieces(text):
    return re.findall(r"[^\W\d_]+|\d|[^\w\s]", text.lower())


def bleu(made, wanted, longest=4):
    shares = []
    for n in range(1, longest + 1):
        a, b = (Counter(zip(*(words[i:] for i in range(n)))) for words in (made, wanted))
        shares.append((a & b).total() / max(1, a.total()))
    return min(1, np.exp(1 - len(wanted) / max(1, len(made)))) * np.prod(shares) ** (1 / longest)


@explore()
def fooled_bleu(sentences):
    if callable(sentences):
        sentences = sentences()
    if not isinstance(sentences, dict) or not {"wanted", "false", "good"} <= sentences.keys():
        return "Give a dict with the keys wanted, false and good."
    if not all(isinstance(text, str) and pieces(text) for text in sentences.values()):
        return "Each of the three is a sentence, in quotes."
    wanted, false, good = (pieces(sentences[key]) for key in ("wanted", "false", "good"))
    if wanted in (false, good) or false == good:
        return "Two of your sentences are the same. Each has to be another one."
    of_false, of_good = bleu(false, wanted), bleu(good, wanted)
    scores = f"BLEU is {of_false:.2f} for the false one, and {of_good:.2f} for the good one."
    if of_false < 0.7:
        return f"{scores} Bring the false one above 0.7: change fewer words, or take a longer sentence."
    if of_good > 0.2:
        return f"{scores} Bring the good one below 0.2: say the same in other words, and in another order."
    return Verdict(
        f"{scores} Now read all three aloud. If the false one is false, and the good one is good, BLEU got it wrong.",
        passed=True,
    )
