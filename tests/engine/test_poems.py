"""The poem grammar: its rhymes rhyme, its poems pass their judge, other texts do not, and nothing held out is drawn."""

import re

import numpy as np
import pytest

from helpers import poems
from helpers.poems import COMBINATIONS, FIELDS, FORMS, MOOD_WORDS, MOODS, TOPICS, judge, poem


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def passes(asked, text: str) -> bool:
    verdict = judge(asked, text)
    return verdict.topic and verdict.mood and verdict.form


# Rhymes and syllables


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("door floor", True),
        ("night kite", False),  # kite ends no line, so the table does not have it
        ("door door", False),
        ("door night", False),
        ("zebra cobra", False),
    ],
)
def test_rhyme(words, expected):
    assert poems.rhyme(*words.split()) is expected


# The sound of each ending by hand, with a spelling for each word that could be read otherwise.
SPELLED = {
    "ay": r"ay",
    "ight": r"ight|ite",
    "ill": r"ill",
    "o": r"ow|o|oe|ough",
    "ee": r"ee|e|ea",
    "air": r"air|are|ere|ear",
    "un": r"un|one",
    "ing": r"ing",
    "eep": r"eep|eap",
    "ound": r"ound",
    "old": r"old",
    "all": r"all|awl",
    "oo": r"ue|oo|ew|o|ough|ou|iew|oe",
    "ore": r"ore|oor|our|oar",
    "y": r"y|ye|igh|ie",
    "ain": r"ains|anes",
    "ane": r"ain",
    "eeze": r"eeze|eese|ease",
    "eek": r"eek|eak",
    "own": r"own",
    "one": r"one|oan",
    "ine": r"ine",
    "est": r"est|essed",
}


def test_the_rhyme_table_groups_words_by_their_spelled_sound():
    for sound, words in poems._DATA["rhymes"].items():
        for word in words.split():
            assert re.search(f"({SPELLED.get(sound, sound)})s?$", word), f"{word} does not sound like -{sound}"
    every = [word for words in poems._DATA["rhymes"].values() for word in words.split()]
    assert len(every) == len(set(every)), "a word stands in two classes"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("the cat\nthe door\na floor\nthe floor", "abbc"),  # floor does not rhyme with floor
        ("by the door\nin the night\non the floor\nso bright", "abab"),
        ("by the door\non the floor\nin the night\nso bright\nno more", "aabba"),
        ("\n\n", ""),
    ],
)
def test_scheme(text, expected):
    assert poems.scheme(text) == expected


@pytest.mark.parametrize(
    ("count", "words"),
    [
        (1, "cat whole curled called gates stopped flukes bread phone the tree eye quick bridge laughed I'm moon's"),
        (2, "noodle tickled noodles painted paces branches being crying lonely evening lion quiet every table listen"),
        (3, "umbrella everywhere forgotten anyone library tomatoes astronauts happiest"),
        (4, "everybody"),
    ],
)
def test_syllables_of_words(count, words):
    assert {word: poems.syllables(word) for word in words.split()} == dict.fromkeys(words.split(), count)


def test_syllables_of_a_text_are_those_of_its_words():
    assert poems.syllables("One noodle, one cat; whole gates.") == 7


# The grammar


def test_it_is_large_enough():
    assert len(TOPICS) >= 60 and len(MOODS) >= 4 and len(FORMS) >= 5
    assert sum(poems.count(*combination) for combination in COMBINATIONS) > 20_000


def test_each_line_says_whose_it_is():
    """So that a poem of one line of each is about its topic and in its mood, and so that the judge can tell."""
    for name, about in poems._TOPICS.items():
        for line in [*poems._lines(about["verse"]), *about["limerick"], *about["haiku"]]:
            assert FIELDS[name].intersection(poems._words(line)), f"{name}: {line}"
    for name, feel in poems._MOODS.items():
        for key in ("verse", "second", "fifth", "seven", "five"):
            for line in poems._lines(feel[key]):
                assert MOOD_WORDS[name].intersection(poems._words(line)), f"{name}: {line}"


@pytest.mark.parametrize("form", ["couplet", "haiku", "limerick"])
def test_count_counts_distinct_poems(form):
    draw, asked = rng(), ("sea", "quiet", form)
    assert len({poem(*asked, rng=draw) for _ in range(4000)}) == poems.count(*asked)


@pytest.mark.parametrize("form", FORMS)
def test_every_gives_all_poems_and_how_often_they_come(form):
    asked, draw = ("cat", "happy", form), rng()
    known, drawn = poems.every(*asked), [poem(*asked, rng=draw) for _ in range(3000)]
    assert len(known) == poems.count(*asked) and sum(known.values()) == pytest.approx(1)
    assert known.keys() >= set(drawn)
    first = {text.split()[1]: 0.0 for text in known}  # the shares of their second words, in which poems differ
    for text, p in known.items():
        first[text.split()[1]] += p
    assert all(abs(np.mean([t.split()[1] == word for t in drawn]) - p) < 0.05 for word, p in first.items())


def test_every_combination_has_poems_that_pass_their_judge():
    draw = rng(1)
    for combination in COMBINATIONS:
        text = poem(*combination, rng=draw)
        assert passes(combination, text), (combination, text, judge(combination, text))
        assert len(text.split()) <= 45 and "{" not in text
        assert all(line[0].isupper() and line[-1] in ",.?" for line in text.splitlines())
        assert not re.search(r"\b(an [^aeiou]|a [aeiou])", text, re.IGNORECASE), text


def test_examples_pass_and_prompts_say_what_they_name():
    for wish, text in poems.examples(2000, rng=rng(2)) + poems.examples(500, rng=rng(3), held_out=True):
        assert passes(wish, text), (wish, text, judge(wish, text))
    draw = rng(4)
    for combination in COMBINATIONS:
        assert poems.combination(poems.prompt(*combination, rng=draw)) == combination
        assert poems.combination(poems.prompt(combination[0], rng=draw)) == (combination[0], None, None)


def test_the_same_seed_gives_the_same_examples():
    assert poems.examples(50, rng=rng(5)) == poems.examples(50, rng=rng(5)) != poems.examples(50, rng=rng(6))


def test_held_out_combinations_are_never_trained_on_but_their_parts_are():
    kept = {c for c in COMBINATIONS if poems.held_out(*c)}
    rest = set(COMBINATIONS) - kept
    assert len(kept) >= 300 and 0.08 < len(kept) / len(COMBINATIONS) < 0.2
    for i, parts in enumerate((TOPICS, MOODS, FORMS)):  # each topic, mood and form, on both sides
        assert {c[i] for c in kept} == {c[i] for c in rest} == set(parts)
    for i in range(3):  # and in training each pair of them
        pairs = {c[:i] + c[i + 1 :] for c in COMBINATIONS}
        assert {c[:i] + c[i + 1 :] for c in rest} == pairs
    trained = poems.examples(4000, rng=rng(7))
    tested = poems.examples(1000, rng=rng(8), held_out=True)
    assert not {text for _, text in trained} & {text for _, text in tested}
    assert {poems.combination(wish) for wish, _ in tested} <= kept
    assert not {poems.combination(wish) for wish, _ in trained} & kept


# The judge


def test_a_poem_of_another_topic_fails():
    draw = rng(9)
    for topic, other in zip(TOPICS, TOPICS[1:] + TOPICS[:1]):
        text = poem(other, "sad", "aabb", rng=draw)
        verdict = judge((topic, "sad", "aabb"), text)
        assert not verdict.topic and verdict.mood and verdict.form, (topic, text)


def test_half_a_poem_of_another_topic_fails():
    text = poem("cat", "sad", "couplet", rng=rng()) + "\n" + poem("train", "sad", "couplet", rng=rng())
    assert not judge(("cat", "sad", None), text).topic and not judge(("train", "sad", None), text).topic


def test_a_poem_in_another_mood_fails():
    draw = rng(10)
    for mood, other in zip(MOODS, MOODS[1:] + MOODS[:1]):
        verdict = judge(("cat", mood, "aabb"), poem("cat", other, "aabb", rng=draw))
        assert verdict.topic and not verdict.mood and verdict.form


@pytest.mark.parametrize("form", [form for form in FORMS if form != "haiku"])
def test_a_poem_with_another_last_word_fails(form):
    draw = rng(11)
    for word in ("zebra", "flat", ""):
        text = re.sub(r"\w+\.$", word, poem("rose", "happy", form, rng=draw))
        assert not judge(("rose", "happy", form), text).form, text


def test_a_repeated_word_is_no_rhyme():
    text = "The merry rose grows by the wall,\nHooray for roses on the wall."
    assert not judge("A couplet about a rose.", text).form
    assert judge("A couplet about a rose.", text.replace("the wall.", "the hall.")).form


def test_a_poem_in_another_form_fails():
    draw = rng(12)
    for form in FORMS:
        for other in set(FORMS) - {form}:
            assert not judge(("owl", "spooky", form), poem("owl", "spooky", other, rng=draw)).form


def test_a_haiku_with_a_syllable_too_many_fails():
    text = poem("owl", "spooky", "haiku", rng=rng())
    assert judge(("owl", "spooky", "haiku"), text).form
    assert not judge(("owl", "spooky", "haiku"), text + " Boo!").form


def test_what_a_prompt_leaves_open_may_be_anything():
    draw = rng(13)
    for mood in MOODS:
        for form in FORMS:
            assert passes("Write a poem about a cat.", poem("cat", mood, form, rng=draw))


@pytest.mark.parametrize(
    "text", ["", "\n\n", " ", "cat", "xqz\n123\n!!", "the the the", "<end>", "é\n字", "cat\n" * 500]
)
def test_nonsense_fails(text):
    assert not passes("Write a poem about a cat.", text)
    assert not passes(("cat", "happy", "couplet"), text)


def test_the_empty_text_has_no_lines():
    assert judge(("cat", None, None), "") == poems.Verdict(False, False, False, 0, "", ())


# Refusals


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: poem("zebra", "sad", "haiku", rng=rng()),
            "Unknown topic 'zebra'. .* knows 64 topics, such as cat, dog",
        ),
        (lambda: poem("cat", "moody", "haiku", rng=rng()), "Unknown mood 'moody'.* pick one from helpers.poems.MOODS"),
        (lambda: poem("cat", "sad", "sonnet", rng=rng()), "Unknown form 'sonnet'.* Try '"),
        (lambda: poem("cat", None, "haiku", rng=rng()), "Unknown mood None"),
        (lambda: poems.prompt("cats", rng=rng()), "Unknown topic 'cats'.* Try 'cat'"),
        (lambda: poems.held_out("cat", "sad", None), "Unknown form None"),
        (lambda: poems.count("", "sad", "haiku"), "Unknown topic ''"),
        (lambda: judge("Write a poem about a zebra.", "The cat."), "Unknown topic 'zebra'"),
        (lambda: judge("Write a poem about", "The cat."), "Unknown topic ''"),
        (lambda: judge("", "The cat."), "must name a topic; got ''. Try 'Write a poem about a cat.'"),
        (lambda: judge(("cat", "sad", "sonnet"), "The cat."), "Unknown form 'sonnet'"),
    ],
)
def test_refusals_are_sentences(call, message):
    with pytest.raises(ValueError, match=message):
        call()
