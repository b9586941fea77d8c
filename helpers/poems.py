"""A grammar of short rhymed poems: a topic, a mood, and a form go in; a poem and a prompt for it come out.

The words and lines are in poems.toml, written for this book. A topic brings lines about itself, and a mood brings lines
that rhyme with them and words for their slots. A form says which lines rhyme. `judge` tests a poem, no matter who wrote
it. Chapter 8 trains on these poems. Left out: checking the meter.
"""

from __future__ import annotations

import difflib
import math
import re
import tomllib
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import permutations, product
from pathlib import Path
from typing import NamedTuple

import numpy as np

from helpers.checks import whole

_DATA = tomllib.loads(Path(__file__).with_name("poems.toml").read_text(encoding="utf-8"))
_TOPICS, _MOODS = _DATA["topics"], _DATA["moods"]
_RHYMES = {word: sound for sound, words in _DATA["rhymes"].items() for word in words.split()}


class Form(NamedTuple):
    scheme: str  # which lines rhyme
    marks: str  # at the ends of the lines
    names: tuple[str, ...]  # in a prompt; the mood goes into the {}


_FORMS = {
    "couplet": Form("aa", ",.", ("a {}couplet", "two {}rhyming lines")),
    "tercet": Form("aaa", ",,.", ("a {}tercet", "three {}rhyming lines")),
    "abab": Form("abab", ",.,.", ("a {}poem rhymed abab", "four {}lines rhymed abab")),
    "aabb": Form("aabb", ",.,.", ("a {}poem rhymed aabb", "four {}lines rhymed aabb")),
    "limerick": Form("aabba", ",.,,.", ("a {}limerick",)),
    "haiku": Form("abc", "...", ("a {}haiku",)),
}
_HAIKU = (5, 7, 5)  # syllables
_ANY_FORM = ("a {}poem", "some {}lines")
_REQUESTS = ("Write {}.", "Please write {}.", "{}, please.", "Give me {}.", "Can you write {}?", "I would like {}.")

TOPICS, MOODS, FORMS = tuple(_TOPICS), tuple(_MOODS), tuple(_FORMS)


# Words, rhymes, syllables


def _words(text: str) -> list[str]:
    return re.findall(r"[a-z]+(?:'[a-z]+)*", text.lower().replace("’", "'"))


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]


def _sound(line: str) -> tuple[str, str]:
    """The last word of `line` and its rhyme class. A word that isn't in the table is a class by itself."""
    end = (_words(line) or [""])[-1]
    return end, _RHYMES.get(end, end)


def rhyme(line: str, other: str) -> bool:
    """Whether two lines, or two words, end in different words of one rhyme class. A word doesn't rhyme with itself.

    poems.toml lists the words that end the grammar's own lines; other words rhyme with nothing.
    """
    (end, sound), (other_end, other_sound) = _sound(line), _sound(other)
    return end != other_end and sound == other_sound


def scheme(text: str) -> str:
    """The rhyme scheme, one letter per line: "abab". Lines share a letter if they all rhyme with each other."""
    groups: list[list[str]] = []
    letters = ""
    for line in _lines(text):
        i = next((i for i, group in enumerate(groups) if all(rhyme(line, other) for other in group)), len(groups))
        if i == len(groups):
            groups.append([])
        groups[i].append(line)
        letters += chr(ord("a") + i)
    return letters


def syllables(text: str) -> int:
    """The number of syllables: groups of vowels, minus a silent e. poems.toml lists the exceptions."""
    return sum(_DATA["syllables"].get(word) or _vowel_groups(word) for word in _words(text))


def _vowel_groups(word: str) -> int:
    word = word.removesuffix("'s")
    count = len(re.findall(r"[aeiouy]+", word)) + len(re.findall(r"[aeiouy]ing$", word))  # cry-ing
    silent = re.search(r"(e|(?<![dt])ed|(?<![cgsxz])(?<![cs]h)es)$", word)  # cake, called, gates; not: painted, paces
    sounded = re.search(r"([^aeiouylr]l|[aeiouy])e[ds]?$", word)  # noodle, tickled, tree
    return max(1, count - bool(silent and not sounded))


# The grammar: every sequence of lines it allows, then one of them with its slots filled


@cache
def _answers(mood: str, sound: str) -> list[str]:
    """The verse lines of a mood in one rhyme class."""
    return [line for line in _lines(_MOODS[mood]["verse"]) if _sound(line)[1] == sound]


def _rhyming(mood: str, line: str) -> list[str]:
    return [answer for answer in _answers(mood, _sound(line)[1]) if rhyme(line, answer)]


@cache
def _skeletons(topic: str, mood: str, form: str) -> list[tuple[str, ...]]:
    """All poems of a combination, each a tuple of lines whose slots for the mood's words are still open."""
    about, feel = _TOPICS[topic], _MOODS[mood]
    verse = _lines(about["verse"])
    first = [line for line in verse if topic in re.findall("[a-z]+", line)]  # a poem names its topic in its first line
    if form == "haiku":
        return list(product(about["haiku"], _lines(feel["seven"]), _lines(feel["five"])))
    if form == "couplet":
        return [(a, x) for a in first for x in _rhyming(mood, a)]
    if form == "tercet":
        return [(a, x, y) for a in first for x, y in permutations(_rhyming(mood, a), 2) if rhyme(x, y)]
    if form == "limerick":
        article = about["article"]  # "an" fits the topic; every mood's adjectives begin with a consonant
        templates = (f"there once was {article} {{}}", f"{article.replace('an', 'a')} {{{{A}}}} old {{}}")
        openings = [template.format(place) for template in templates for place in about["limerick"]]
        thirds = [tuple(pair.replace("{P}", about["part"]).split(" / ")) for pair in _lines(feel["third"])]
        seconds, fifths = _lines(feel["second"]), _lines(feel["fifth"])
        long = [
            (a, x, y) for a in openings for x in seconds if rhyme(a, x) for y in fifths if rhyme(a, y) and rhyme(x, y)
        ]
        return [(a, x, *b, y) for a, x, y in long for b in thirds]
    pairs = [(a, b) for a in first for b in verse if _sound(a)[1] != _sound(b)[1]]
    poems = [(a, x, b, y) for a, b in pairs for x in _rhyming(mood, a) for y in _rhyming(mood, b)]
    return list(poems) if form == "aabb" else [(a, b, x, y) for a, x, b, y in poems]


def _pick(options: Sequence, rng: np.random.Generator):
    return options[int(rng.integers(len(options)))]


def _check(topic: str, mood: str | None, form: str | None, *, may_be_open: bool = False) -> None:
    """Raise ValueError for a topic, mood, or form the grammar doesn't have; None means it's left open."""
    for kind, value, allowed in (("topic", topic, TOPICS), ("mood", mood, MOODS), ("form", form, FORMS)):
        if value not in allowed and not (may_be_open and value is None and kind != "topic"):
            near = difflib.get_close_matches(str(value), allowed, 1, 0)[0]
            raise ValueError(
                f"Unknown {kind} {value!r}. The poem grammar knows {len(allowed)} {kind}s, such as "
                f"{', '.join(allowed[:6])}. Try {near!r}, or pick one from helpers.poems.{kind.upper()}S."
            )


def poem(topic: str, mood: str, form: str, *, rng: np.random.Generator) -> str:
    """One poem, its lines joined by line breaks. Raises ValueError for an unknown topic, mood, or form."""
    _check(topic, mood, form)
    slots = _MOODS[mood]
    lines = [
        re.sub(r"\{([AGV])\}", lambda slot: _pick(slots[slot[1]].split(), rng), line)
        for line in _pick(_skeletons(topic, mood, form), rng)
    ]
    return _laid_out(lines, form)


def _laid_out(lines: Sequence[str], form: str) -> str:
    """Lines of words as a poem, with capitals at the beginning and punctuation at the end of each line."""
    marks = ("" if line.endswith("?") else mark for line, mark in zip(lines, _FORMS[form].marks))
    return "\n".join(line[0].upper() + line[1:] + mark for line, mark in zip(lines, marks))


def every(topic: str, mood: str, form: str) -> dict[str, float]:
    """All poems of one combination, each with the probability that `poem` draws it."""
    _check(topic, mood, form)
    found: dict[str, float] = defaultdict(float)
    for lines in _skeletons(topic, mood, form):
        parts = re.split(r"\{([AGV])\}", "\n".join(lines))  # text and names of slots, in turns
        options = [_MOODS[mood][slot].split() for slot in parts[1::2]]
        for words in product(*options):
            text = "".join(map("".join, zip(parts[::2], [*words, ""])))
            found[_laid_out(text.split("\n"), form)] += 1 / math.prod(map(len, options))
    return {text: weight / len(_skeletons(topic, mood, form)) for text, weight in found.items()}


def count(topic: str, mood: str, form: str) -> int:
    """How many distinct poems the grammar has for one combination: all ways to fill the slots of all its skeletons."""
    _check(topic, mood, form)
    sizes = {f"{{{slot}}}": len(_MOODS[mood][slot].split()) for slot in "AGV"}
    return sum(
        math.prod(n ** line.count(slot) for line in lines for slot, n in sizes.items())
        for lines in _skeletons(topic, mood, form)
    )


def prompt(topic: str, mood: str | None = None, form: str | None = None, *, rng: np.random.Generator) -> str:
    """A request for a poem, in one of several wordings. A mood or form of None is left open."""
    _check(topic, mood, form, may_be_open=True)
    what = _pick(_FORMS[form].names if form else _ANY_FORM, rng).format(f"{mood} " if mood else "")
    request = _pick(_REQUESTS, rng).format(f"{what} about {_TOPICS[topic]['about']}")
    return request[0].upper() + request[1:]


def held_out(topic: str, mood: str, form: str) -> bool:
    """Whether a combination is held out: one form for each topic and mood, in a Latin square."""
    _check(topic, mood, form)
    return (TOPICS.index(topic) + MOODS.index(mood) + FORMS.index(form)) % len(FORMS) == 0


COMBINATIONS = tuple(product(TOPICS, MOODS, FORMS))


@cache
def _combinations(kept: bool) -> list[tuple[str, str, str]]:
    return [combination for combination in COMBINATIONS if held_out(*combination) == kept]


def examples(n: int, *, rng: np.random.Generator, held_out: bool = False) -> list[tuple[str, str]]:
    """n pairs (prompt, poem) from the training combinations, or from the held-out ones.

    A training prompt names the mood three times out of four, and likewise the form. A held-out prompt names both;
    otherwise a training combination would be a right answer as well.
    """
    pairs = []
    for _ in range(whole("n", n, least=0)):
        topic, mood, form = _pick(_combinations(held_out), rng)
        named = [value if held_out or rng.random() < 0.75 else None for value in (mood, form)]
        pairs.append((prompt(topic, *named, rng=rng), poem(topic, mood, form, rng=rng)))
    return pairs


# For training


def rows(pairs: Sequence[tuple[str, str]], tokenizer) -> tuple[np.ndarray, np.ndarray]:
    """(inputs, targets), both (N, T). A row holds a prompt, a line break, a poem, and end tokens that fill it up.

    Targets are one token later. Those within the prompt and after the first end token are -1, which the loss skips.
    """
    asked = [tokenizer.encode(request + "\n") for request, _ in pairs]
    texts = [[*ids, *tokenizer.encode(text), tokenizer.end] for ids, (_, text) in zip(asked, pairs)]
    tokens = np.full((len(pairs), max(map(len, texts))), tokenizer.end)
    targets = np.full((len(pairs), tokens.shape[1] - 1), -1)
    for row, target, ids, before in zip(tokens, targets, texts, map(len, asked)):
        row[: len(ids)] = ids
        target[before - 1 : len(ids) - 1] = ids[before:]
    return tokens[:, :-1], targets


def batches(inputs: np.ndarray, targets: np.ndarray, B: int, *, rng: np.random.Generator) -> Iterator[tuple]:
    """Endless (inputs, targets) of B random rows, cut where the longest of them ends."""
    B = whole("B", B)
    while True:
        some = rng.integers(0, len(inputs), size=B)
        T = int(np.flatnonzero((targets[some] >= 0).any(axis=0)).max()) + 1
        yield inputs[some, :T], targets[some, :T]


# The judge


@dataclass(frozen=True)
class Verdict:
    """What `judge` found in a poem: three answers, and the evidence for the form."""

    topic: bool  # it has words from the topic's field, and none from another topic's field
    mood: bool  # it has words that only this mood uses, and none that only another uses; if left open: any one mood
    form: bool  # the rhyme scheme fits, or for a haiku the syllables; if left open: those of any form
    lines: int
    scheme: str
    syllables: tuple[int, ...]  # of each line


def _all_words(entry: dict) -> set[str]:
    """The words of a topic's or a mood's lines, without the names of slots."""
    texts = [text for value in entry.values() for text in (value if isinstance(value, list) else [value])]
    return set(_words(re.sub(r"\{[AGVP]\}", "", " ".join(texts))))


_TOPIC_WORDS = {topic: _all_words(about) for topic, about in _TOPICS.items()}
_MOOD_WORDS = {mood: _all_words(feel) for mood, feel in _MOODS.items()}
_ANY_MOOD = set.union(*_MOOD_WORDS.values(), {"there", "once", "was", "old"})
_USES = Counter(word for words in _TOPIC_WORDS.values() for word in words)
# A topic's field: its words that at most two other topics share, and no mood. A mood's own words: only it has them.
FIELDS = {topic: {w for w in words if _USES[w] <= 3} - _ANY_MOOD for topic, words in _TOPIC_WORDS.items()}
MOOD_WORDS = {
    mood: words - set(_USES).union(*(other for name, other in _MOOD_WORDS.items() if name != mood))
    for mood, words in _MOOD_WORDS.items()
}


def _only(words: set[str], key: str, groups: dict[str, set[str]]) -> bool:
    """Whether some of `words` are in the group `key`, and none in another group."""
    others = set().union(*(group for name, group in groups.items() if name != key)) - groups[key]
    return bool(words & groups[key]) and not words & others


def combination(request: str) -> tuple[str, str | None, str | None]:
    """The topic, mood, and form that a prompt names; None for a mood or form it leaves open.

    Raises ValueError if it doesn't say "about" and a topic of the grammar.
    """
    words = _words(request)
    if "about" not in words:
        raise ValueError(f"The prompt must name a topic; got {request!r}. Try 'Write a poem about a cat.'")
    after = [word for word in words[words.index("about") + 1 :] if word not in ("a", "an", "the", "some")]
    topic = after[0] if after else ""
    _check(topic, None, None, may_be_open=True)
    mood = next((mood for mood in MOODS if mood in words), None)
    named = (form for form in FORMS for name in _FORMS[form].names if {*_words(name)} <= {*words, "a"})
    return topic, mood, next(named, None)


def judge(asked: str | tuple[str, str | None, str | None], text: str) -> Verdict:
    """Whether `text` does what a prompt asks, or what (topic, mood, form) asks, where None leaves one open.

    You can judge any text. Nonsense fails, and so does an empty text.
    """
    topic, mood, form = combination(asked) if isinstance(asked, str) else asked
    _check(topic, mood, form, may_be_open=True)
    words, rhymes = set(_words(text)), scheme(text)
    counts = tuple(syllables(line) for line in _lines(text))

    def has(form: str) -> bool:
        return counts == _HAIKU if form == "haiku" else rhymes == _FORMS[form].scheme

    return Verdict(
        topic=_only(words, topic, FIELDS),
        mood=any(_only(words, m, MOOD_WORDS) for m in ([mood] if mood else MOODS)),
        form=any(has(f) for f in ([form] if form else FORMS)),
        lines=len(counts),
        scheme=rhymes,
        syllables=counts,
    )
