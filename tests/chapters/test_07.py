"""What chapter 7 says, checked against what its cells compute."""

import math

import numpy as np
import pytest

from helpers import sampling
from tests.chapters.running import ran, unsupported


@pytest.fixture(scope="module")
def chapter():
    return ran("07_sampling")


def test_numbers_in_the_text_come_from_cells(chapter):
    assert unsupported(chapter, 150, 67, 99, 101) == []


def test_the_rules_are_the_engines(chapter):
    for text in chapter["CONTEXTS"]:
        p = chapter["softmax"](chapter["logits_after"](text))
        assert np.allclose(chapter["top_k"](p, 5), sampling.top_k_filter(p, 5))
        assert np.allclose(chapter["top_p"](p, 0.8), sampling.top_p_filter(p, 0.8))
        assert np.allclose(chapter["min_p"](p, 0.1), sampling.min_p_filter(p, 0.1))
    z, said = chapter["z"], chapter["said"]
    assert np.allclose(chapter["penalize"](z, said, 1.3), sampling.repetition_penalty(z, said, 1.3))


def test_heat_first_is_the_engines_order(chapter):
    z = chapter["z"]
    assert np.allclose(chapter["heat_first"](z), sampling.next_distribution(z, temperature=2, top_p=0.9))
    assert chapter["exist"]["cut_first"] > chapter["exist"]["heat_first"] + 0.2


def test_a_fixed_k_hurts_when_it_is_hot(chapter):
    d, softmax, z = chapter["d"], chapter["softmax"], chapter["logits_after"]("How now, my lor")
    wrong = {T: {n: 1 - rule(softmax(z, T))[d] for n, rule in chapter["RULES"].items()} for T in (1, 2)}
    assert wrong[1]["top-k 5"] < 0.001 and wrong[1]["top-p 0.9"] == wrong[1]["min-p 0.1"] == 0
    assert 1 / 22 < wrong[2]["top-k 5"] < 1 / 18 and 1 / 27 < wrong[2]["top-p 0.9"] < 1 / 23
    assert wrong[2]["min-p 0.1"] == 0


def test_min_p_asks_how_each_compares_with_the_best(chapter):
    q = chapter["softmax"](chapter["logits_after"]("How now, my lo"), 3)
    assert chapter["survivors"] > 15 and np.count_nonzero(chapter["min_p"](q, 0.1)) < 5
    assert {chapter["tokenizer"].vocab[i] for i in np.argsort(-q)[:2]} == {"r", "v"}


def test_a_penalty_loosens_the_loop(chapter):
    shares = [
        int(line.split(": ")[1].split("%")[0])
        for line in chapter.printed.splitlines()
        if "of the pairs of words" in line
    ]
    assert shares[0] < 35 < shares[1] < 75


def test_real_text_is_about_as_surprising_as_temperature_1(chapter):
    own = dict(zip(chapter["heat"], np.exp(chapter["by_heat"][:, 2]), strict=True))
    assert own[0.2] < 0.6 * chapter["real"] and own[0.8] < chapter["real"] < own[1.2]
    heat, top_p = chapter["by_heat"], chapter["by_top_p"]
    at = np.interp(top_p[2:, 0], heat[:, 0], heat[:, 1])  # quality at the same diversity
    assert np.abs(top_p[2:, 1] - at).max() < 0.03
    assert chapter["by_heat"][-1, 1] < chapter["by_heat"][0, 1] - 0.05  # diversity is paid for


def test_beams_find_more_probable_text(chapter):
    scores = chapter["scores"]
    assert max(scores, key=scores.get).startswith("beam") and min(scores, key=scores.get) == "Shakespeare"
    greedy, darts, plays = chapter["means"]
    assert greedy > darts + 10 and abs(darts - plays) < 6
    assert 130 < math.exp(scores["beam of 16"] - scores["greedy"]) < 170
    theirs = sampling.beam_search(chapter["log_p_after"], chapter["prompt"], width=4, steps=30)
    assert chapter["beam_search"](chapter["prompt"], 4, 30)[1] == theirs[0][0]


def test_short_lines_are_more_probable_and_long_ones_per_character(chapter):
    lines = [line for line in chapter.printed.splitlines() if "per character" in line]
    totals = [float(line.split("in all")[1].split(",")[0]) for line in lines]
    means = [float(line.rsplit(" ", 1)[1]) for line in lines]
    assert np.argmax(totals) == 1 and totals[1] - totals[3] > 25 and np.argmax(means) == 3


def test_the_cache_changes_no_number(chapter):
    assert np.allclose(chapter["at_once"], chapter["one_by_one"], atol=1e-4)
    assert chapter["ratio"][-1] > 1.5 and chapter["caches"][0].length == 25


@pytest.mark.usefixtures("smollm2")
def test_the_real_model_loops_too(chapter):
    greedy = chapter.printed.split("-- greedy --")[1].split("-- greedy, penalty")[0]
    assert greedy.count("A cat with a heart full of dreams,") >= 3
