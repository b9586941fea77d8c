"""The plays as clean text, pairs to translate, and facts to ask about."""

import re
from collections import Counter

import numpy as np
import pytest
from num2words import num2words

from helpers import data
from helpers.data import HELD_OUT, capitals, dates, number_words, shakespeare, shakespeare_split


@pytest.fixture(scope="module")
def plays():
    return shakespeare()


# The text


def test_the_plays(plays):
    assert len(plays) == 38 and list(plays) == sorted(plays)
    assert {"Hamlet", "A Midsummer Night's Dream", "Henry IV, Part 1", "Measure for Measure"} <= set(plays)
    assert 4.7e6 < sum(map(len, plays.values())) < 4.9e6
    assert min(map(len, plays.values())) > 80_000


def test_hamlet_begins_as_everybody_expects(plays):
    assert plays["Hamlet"].startswith("Bernardo:\nWho's there?\n\nFrancisco:\nNay, answer me: stand, and unfold")
    assert "\n\nHamlet:\nTo be, or not to be: that is the question:\n" in plays["Hamlet"]
    assert plays["Hamlet"].endswith("Go, bid the soldiers shoot.\n")


def test_only_plain_characters_are_left(plays):
    characters = set("".join(plays.values()))
    assert characters <= set("\n !\"&',-.:;?0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")


@pytest.mark.parametrize("pattern", [r"\n\n\n", r" \n", r"\n ", r"  ", r"\n\n[^\n]+:\n\n", r"^\s"])
def test_spaces_and_empty_lines(plays, pattern):
    for title, text in plays.items():
        found = re.search(pattern, text)
        assert not found, f"{title}: {text[max(0, found.start() - 40) : found.end() + 40]!r}"


def test_no_directions_and_headings_are_left(plays):
    direction = r"^(?:(?:Re-)?[Ee]nter [A-Z]{2,}|Exit$|Exeunt|ACT [IVX]|SCENE|EPILOGUE|SONG|PROLOGUE)|\bAside\]"
    for title, text in plays.items():
        found = re.search(direction, text, re.MULTILINE)
        assert not found, f"{title}: {text[max(0, found.start() - 40) : found.end() + 40]!r}"


def test_speakers(plays):
    first_lines = [block.split("\n")[0] for text in plays.values() for block in text.strip().split("\n\n")]
    nameless = [line for line in first_lines if not line.endswith(":")]
    assert len(nameless) <= 4, nameless  # a prologue, a song and two speeches that the source gives nobody
    speakers = Counter(first_lines)
    assert speakers.total() > 30_000
    assert {"Hamlet:", "First Citizen:", "Duke of York:", "King Henry VIII:", "Bishop of Winchester:"} <= set(speakers)
    names = r"[A-Z][a-z]*(?:[ '-](?:of|the|and|s|de|[A-Z][a-z]*|[IVX]+))*:"
    assert [name for name in speakers if speakers[name] > 1 and not re.fullmatch(names, name)] == []


@pytest.mark.parametrize(
    ("markdown", "expected"),
    [
        ("# Title\n\n## ACT I\n\n_Enter A_\n\n**KING LEAR**  \nNo,  \nno.\n", "King Lear:\nNo,\nno.\n"),
        ("**DUKE of YORK**  \n_\\[Aside]_  \nI _Sighs_ see.\n\n_Exit_\n\nOh.\n", "Duke of York:\nI see.\nOh.\n"),
        ("**A**  \n1.\n\n_Enter B,\nC, D_\n\n**KING JON IV & B**  \n\\--3.\n", "A:\n1.\n\nKing Jon IV and B:\n--3.\n"),
        ("**A**  \n[Within]_  \nHo!\n\n**B**  \n*Exit.*\n", "A:\nHo!\n"),
        ("**A**  \nSo.\nBISHOP\n\n**OF WINCHESTER**  \nNo.\n", "A:\nSo.\n\nBishop of Winchester:\nNo.\n"),
    ],
)
def test_markdown_becomes_plain(markdown, expected):
    assert data._plain(markdown) == expected


def test_the_split(plays):
    training, held_out = shakespeare_split()
    assert len(training) + len(held_out) == sum(map(len, plays.values())) + len(plays) - 2
    for title, text in plays.items():
        assert text in (held_out if title in HELD_OUT else training)
        assert text not in (training if title in HELD_OUT else held_out)
    assert training.count("\n\n\n") == 0
    assert 0.05 < len(held_out) / len(training) < 0.1


def test_main_characters_of_the_held_out_plays_are_in_no_other(plays):
    counts = {title: Counter(re.findall(r"(?:^|\n\n)([^\n]+):\n", text)) for title, text in plays.items()}
    for title in HELD_OUT:
        for name, _ in counts[title].most_common(3):
            others = {other: count[name] for other, count in counts.items() if other != title and count[name]}
            if (title, name) == ("King John", "King John"):
                assert set(others) == {"Edward III"}  # the King of France of this name
            else:
                assert sum(others.values()) < 5, f"{name} of {title} speaks elsewhere, too: {others}"


# Pairs to translate, facts to ask about


def test_dates_are_pairs_of_one_meaning():
    pairs = dates("de", 500, rng=np.random.default_rng(0))
    assert pairs == dates("de", 500, rng=np.random.default_rng(0))
    assert len({english for english, _ in pairs}) == 500
    assert any(re.fullmatch(r"\w+day, \w+ \d+, \d{4}", english) for english, _ in pairs)
    for english, german in pairs:
        years = [re.findall(r"\d{4}", text) for text in (english, german)]
        assert years[0] == years[1] and "\u202f" not in english + german
        assert english.startswith("in ") == german.startswith("in ")
        assert english.endswith(" ago") == german.startswith("vor ")


@pytest.mark.parametrize("locale", ["fr", "es", "eu", "ja", "hu", "pt_BR"])
def test_dates_in_other_locales(locale):
    assert all(all(pair) for pair in dates(locale, 50, rng=np.random.default_rng(0)))


@pytest.mark.parametrize("locale", ["xx", "", "de-DE-1996", "../de", None])
def test_a_locale_that_does_not_exist_gets_a_sentence(locale):
    with pytest.raises(ValueError, match="Babel doesn't know this locale; got .* Try a language code"):
        dates(locale, 5, rng=np.random.default_rng(0))


def test_number_words_cross_over():
    pairs = number_words(2000, rng=np.random.default_rng(0))
    assert len({tuple(english) for english, _ in pairs}) == 2000
    numbers = np.random.default_rng(0).choice(1_000_000, size=2000, replace=False)
    assert ["".join(german) for _, german in pairs] == [num2words(int(n), lang="de") for n in numbers]
    endings = {tuple(german[-4:]) for english, german in pairs if english[-3:] == ["twenty", "-", "six"]}
    assert endings == {("sechs", "und", "zwan", "zig")}


def test_number_words_beyond_a_million_get_a_sentence():
    with pytest.raises(ValueError, match="count must be a whole number from 1 to 1000000; got 1000001"):
        number_words(10**6 + 1, rng=np.random.default_rng(0))


def test_capitals_are_one_word_and_distinct():
    known = capitals()
    assert len(known) >= 70 and len(set(known.values())) == len(known) and known["France"] == "Paris"
    assert all(word.isascii() and word.isalpha() for pair in known.items() for word in pair)
