"""What chapter 1 says, checked against what its cells compute."""

import math
import re

import numpy as np
import pytest

from helpers import data
from tests.chapters.running import ran, unsupported


@pytest.fixture(scope="module")
def chapter():
    return ran("01_next_word")


def test_numbers_in_the_text_come_from_cells(chapter):
    assert unsupported(chapter, 50, 69, math.exp(2.46), 1913, 20_000, 135, 93) == []


def test_counts_are_those_of_the_text(chapter):
    text = chapter["train_text"]
    assert chapter["after_a"].most_common(1)[0][0] == "man"
    assert chapter["pairs"]["q"].total() == text.count("q") == chapter["pairs"]["q"]["u"]
    assert all(table.keys() and sum(c.total() for c in table.values()) == len(text) - k
               for k, table in enumerate(chapter["tables"][:3]))  # fmt: skip


def test_a_dart_hits_each_piece_as_often_as_it_is_long(chapter):
    after, rng = chapter["pairs"]["t"], np.random.default_rng(11)
    draws = [chapter["sample"](after, rng) for _ in range(4000)]
    for char in "h oe":
        p = after[char] / after.total()
        assert abs(draws.count(char) / 4000 - p) < 4 * math.sqrt(p * (1 - p) / 4000)


def test_greedy_text_repeats(chapter):
    greedy = re.search(r"^Whe( the)+", chapter.printed, re.M)[0]
    assert len(greedy) > 40


def test_more_memory_helps_until_it_does_not(chapter):
    on_train, on_held, blended = (np.array(chapter[n]) for n in ("on_train", "on_held", "on_held_blended"))
    assert on_held.argmin() == 4 and on_held[7] > on_held[2] and (np.diff(on_held[:5]) < 0).all()
    assert on_train.argmin() == 5 and on_train[7] > on_train[5]  # the same estimator turns on its own text, too
    assert blended.min() < on_held.min() - 0.09 and blended[7] - blended.min() < 0.05
    assert np.round(blended.min(), 2) == 1.49 and blended[5] - blended[6:].min() < 0.01


def test_probabilities_sum_to_one(chapter):
    for of in (
        lambda c: chapter["smoothed"]("the", c),
        lambda c: chapter["blended"]("the", c),
    ):
        assert sum(map(of, chapter["chars"])) == pytest.approx(1)


def test_the_long_memory_quotes(chapter):
    assert len(chapter["longest"]) > 15 and chapter["longest"] in chapter["train_text"]


def test_what_was_never_seen(chapter):
    shares = list(chapter["shares"].values())
    assert np.all(np.diff(shares) > 0) and round(100 * shares[0]) == 3 and round(100 * shares[3]) == 90
    assert len(chapter["both"]) < 0.15 * len(chapter["white"]) + 1


@pytest.mark.usefixtures("smollm2")
def test_the_real_model_remembers_the_cat_and_knows_colors(chapter):
    shared = [int(n) for n in re.findall(r"share (\d+) of their top 100", chapter.printed)]
    assert min(shared[:2]) > 40 and max(shared[2:]) < 20
    assert re.search(r"cat\. Write a poem about a … cat 8\d", chapter.printed)


def test_the_numbers_that_chapter_6_imports(chapter):
    blended = chapter["on_held_blended"]
    assert data.COUNTED == {
        "counts, one letter back": pytest.approx(blended[1], abs=0.001),
        "counts, five letters back": pytest.approx(min(blended), abs=0.001),
    }
    assert np.argmin(blended) == 5
