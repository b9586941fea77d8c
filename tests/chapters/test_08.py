"""What chapter 8 says, checked against what its cells compute."""

import numpy as np
import pytest

from helpers import models, poems, sampling
from tests.chapters.running import ran, unsupported


@pytest.fixture(scope="module")
def chapter():
    return ran("08_writing")


def test_numbers_in_the_text_come_from_cells(chapter):
    assert unsupported(chapter) == []


def test_nothing_that_is_tested_was_trained_on(chapter):
    hidden = {poem for _, poem in chapter["unseen"]}
    assert not hidden & chapter["trained_on"]
    assert all(poems.held_out(*poems.combination(request)) for request, _ in chapter["unseen"])
    assert poems.held_out("cat", "sad", "haiku")


def test_a_row_by_hand_is_the_engines(chapter):
    inputs, targets = poems.rows([chapter["pairs"][2]], chapter["tokenizer"])
    assert inputs[0].tolist() == chapter["row_by_hand"][:-1]
    assert targets[0].tolist() == chapter["targets_by_hand"]


def test_it_learns_to_look_back_at_the_topic(chapter):
    cat = chapter["tokenizer"].ids["cat"]
    p = {step: shot["probabilities"][cat] for step, shot in chapter["history"].snapshots.items()}
    assert p[100] < 0.1 and p[2400] > 0.9 and chapter["on_topic"][50] < 0.6 < 0.8 < chapter["on_topic"][2400]
    assert chapter["floor"] < list(chapter["history"].held_out.values())[-1] < 0.5


def test_the_sad_haiku_is_one(chapter):
    verdict = poems.judge(chapter["haiku"], chapter["text_of_haiku"])
    assert verdict.topic and verdict.mood and verdict.form and verdict.syllables == (5, 7, 5)
    assert chapter["text_of_haiku"] not in chapter["trained_on"]
    choose = sampling.chooser(temperature=0.5, rng=np.random.default_rng(2))
    assert models.write(chapter["model"], chapter["tokenizer"], chapter["haiku"], choose)[0] == chapter["text_of_haiku"]


def test_the_larger_model_keeps_the_form_more_often(chapter):
    larger, yours = chapter["larger"], chapter["yours"]
    assert larger["topic"] > 0.95 and larger["form"] > 0.9 and larger["ended"] > 0.99
    assert yours["topic"] > 0.9 and yours["ended"] > 0.95 and yours["form"] < larger["form"] - 0.1
    assert chapter["old_lines"] == pytest.approx(0.9, abs=0.02)
    forms = chapter["by_form"]
    assert forms["haiku"] == max(forms.values()) > 0.9 and forms["abab"] == min(forms.values()) < 0.6
    assert forms["limerick"] > max(forms["tercet"], forms["aabb"])
    assert 45 < min(sum(poems.combination(r)[2] == form for r in chapter["requests"]) for form in forms)


def test_heat_breaks_the_form_first(chapter):
    assert chapter["first"] == "form"
    hot = chapter["by_heat"][2]
    assert hot["topic"] < 0.5 and hot["form"] < hot["topic"] and min(hot["ended"], hot["new"]) > 0.95


def test_which_words_of_a_request_count(chapter):
    losses, worst = chapter["losses"], chapter["worst"]
    assert abs(losses["as requested"] - losses["other wording"]) < 0.05
    assert max(losses["as requested"], losses["other wording"]) < losses["left open"] < losses["wrong form"]
    assert max(losses, key=losses.get) == "wrong topic"
    assert worst["wrong topic"][1] == "cat" and 19.5 < worst["wrong topic"][0] < 20.5  # e^20 is half a billion
    assert worst["wrong mood"][1] == "crying" and worst["wrong form"][1] == "A"


def test_no_cat_is_a_cat(chapter):
    assert poems.judge(("cat", None, None), chapter["no_cat"]).topic


def test_language_first_beats_pairs_by_heart(chapter):
    tests, loss = chapter["tests"], chapter["pair_loss"]
    topic = {name: results["topic"] for name, results in tests.items()}
    assert topic["pre-trained only"] < 0.1 and topic["pairs only, 300 steps"] < 0.2
    assert topic["pre-trained, then tuned"] > topic["pairs only, 900 steps"] + 0.05
    assert loss["pairs only, 900 steps"] < 0.01 and loss["pre-trained, then tuned"] < chapter["floor"]


def test_more_tries_help(chapter):
    assert chapter["passed"].mean() > chapter["yours"]["form"] + 0.1


def test_without_an_end_it_plays_both_parts(chapter):
    assert chapter["ended"] < 0.05 and chapter["goes_on"] > 0.8


@pytest.mark.usefixtures("smollm2")
def test_the_real_model_writes_no_haiku_and_both_parts(chapter):
    answers = chapter.printed.split("-- Write a sad haiku about a cat.\n")[1].split("\n-- ")[0].splitlines()
    assert len(answers) == 2
    assert not any(poems.judge(chapter["haiku"], answer.replace(" / ", "\n")).form for answer in answers)
    assert "<|im_start|>assistant" in chapter.printed and chapter.printed.count("<|im_start|>user") == 2
