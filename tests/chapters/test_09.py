"""What chapter 9 says, checked against what its cells compute."""

import numpy as np
import pytest

from tests.chapters.running import ran, unsupported


@pytest.fixture(scope="module")
def chapter():
    return ran("09_translating")


def test_numbers_in_the_text_come_from_cells(chapter):
    assert unsupported(chapter) == []


def test_one_head_finds_the_unit_and_goes_back_for_the_ten(chapter):
    assert chapter["right_sums"] > 0.97
    unit, ten = np.mean(chapter["found"], axis=0)
    assert min(unit[2], ten[2]) > 0.8  # head 3, which the figure opens with
    assert ten[0] > 0.99 and unit[1] < 0.6 and unit[3] > 0.8 and ten[3] < 0.1
    looks = chapter["crossing"](chapter["counter"], chapter["example_ids"], chapter["said"])[2].argmax(axis=-1)
    source = chapter["example"].split()
    assert [source[i] for i in looks[[0, 2, 6, 8]]] == ["four", "thirty", "nine", "eighty"]
    held = [tuple(pair) for pair in chapter["numbers"][-1000:]]
    assert not set(held) & {tuple(pair) for pair in chapter["numbers"][:-1000]}
    assert "".join(chapter["parts"][:-1]) == "vierunddreißigtausendvierhundertneunundachtzig"


def test_the_stacks_are_the_engines(chapter):
    model, source, target = (chapter[name] for name in ("model", "source", "target"))
    memory, mask = chapter["encode"](model, source)
    assert np.allclose(chapter["decode"](model, target, memory, mask).data, model(source, target).data, atol=1e-5)
    blind = chapter["decode"](model, target, memory, mask, causal=False).data
    assert not np.allclose(blind, model(source, target).data, atol=0.1)


def test_padding_is_out_of_sight(chapter):
    model, source, target = (chapter[name] for name in ("model", "source", "target"))
    weights = []
    model(source, target, weights=weights)
    assert max(w.transpose(0, 3, 1, 2)[source == 0].max() for w in weights) == 0


def test_nothing_that_is_tested_was_trained_on(chapter):
    assert not {e for e, _ in chapter["held_out"]} & {e for e, _ in chapter["training"]}
    assert len(chapter["spans"]) == 41


def test_what_breaks_without_each_part(chapter):
    together, alone, wrote = chapter["together"], chapter["alone"], chapter["wrote"]
    losses = {name: np.mean(run.losses[-20:]) for name, (_, run) in chapter["broken"].items()}
    assert together["complete"] > 0.99 and min(alone["complete"]) > 0.99
    shapes = {one.config for one, _ in chapter["broken"].values()}
    assert len(shapes) == 1 and all(len(run.losses) == 500 for _, run in chapter["broken"].values())
    assert together["no bridge"] == 0 and len(set(wrote["no bridge"])) == 1
    assert together["no causal mask"] == 0 and min(losses, key=losses.get) == "no causal mask"
    assert set(wrote["no causal mask"]) == {""}
    assert 0.9 < together["no teacher"] < together["complete"]
    in_a_batch, singly = alone["no padding mask"]
    assert in_a_batch > 0.9 and singly < 0.3 and wrote["no padding mask"] != wrote["no teacher"]


def test_it_translates_what_does_not_exist(chapter):
    made = chapter["translated"](*(chapter[name] for name in ("model", "english", "french")), chapter["odd"])
    assert made[0] == "30 février 2024" and all(made)


def test_one_stack_does_nearly_as_well(chapter):
    assert chapter["by_two"] > chapter["by_gpt"] > 0.9
    missed = dict(chapter["missed"])
    with_pm = [" PM" in e for e, right in zip(chapter["questions_asked"], chapter["wanted"]) if right in missed]
    assert len(with_pm) == 66 and np.mean(with_pm) > 0.8
    assert chapter["gpt"].parameter_count() < chapter["model"].parameter_count()


def test_most_spanish_mistakes_are_may(chapter):
    assert chapter["locale"] == "es" and chapter["haunted"] == "May"
    assert chapter["tried"].endswith("2026, 15:05") and chapter["of_may"] > 0.9
    assert 0.95 < chapter["exact"](chapter["written"], chapter["expected"]) < 1
    ambiguous = {e: f for e, f in chapter["pairs"] if e.startswith("May ")}
    assert {"mayo" in f for f in ambiguous.values()} == {True, False}  # the same English form, two Spanish ones


def test_bleu_cannot_tell_a_wrong_day_from_a_word(chapter):
    wanted = "notre train est parti il y a 3 jours"
    same, other = (chapter["bleu"](wanted.replace("3", word), wanted) for word in ("trois", "8"))
    assert same == other < chapter["bleu"](wanted, wanted) == 1


@pytest.mark.usefixtures("smollm2")
def test_the_real_model_gets_one_of_twenty(chapter):
    assert len(chapter["sentences"]) == 10 and chapter["shown"][0] == "Bonjour."
    accepted = {"Good morning.": "Bonjour", "Thank you very much.": "Merci", "I love you.": "Je t'aime",
                "The cat is sleeping.": "Le chat dort", "It is raining today.": "Il pleut aujourd'hui"}  # fmt: skip
    answers = [*zip(chapter["sentences"], chapter["asked"]), *zip(chapter["sentences"], chapter["shown"])]
    assert [s for s, a in answers if accepted.get(s, "?") in a and not a.startswith("Je suis")] == ["Good morning."]
