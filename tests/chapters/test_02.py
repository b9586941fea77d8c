"""What chapter 2 says, checked against what its cells compute."""

import math

import numpy as np
import pytest

from helpers.functional import cross_entropy
from helpers.tensor import Tensor
from tests.chapters.running import ran, unsupported


@pytest.fixture(scope="module")
def chapter():
    return ran("02_backpropagation")


def test_numbers_in_the_text_come_from_cells(chapter):
    known = (0.214, 0.5370, 0.463, 0.712, 0.926, 0.659, 0.60, 0.61, 0.5441, 0.0071, 71, 27, 625, 1.49, 2.00, 4.23,
             134_515_008, 30, 22_421, 14_111, 384_000)  # fmt: skip
    assert unsupported(chapter, *known) == []
    assert sum(p.size for p in chapter["network"].values()) == 22_421
    assert sum(p.size for p in chapter["model"].parameters()) == 134_515_008
    assert sum(map(len, chapter["tables"][2].values())) == 14_111 and 3000 * 128 == 384_000


def test_the_number_ends_where_counting_does(chapter):
    answers, w = chapter["answers"], 0.9
    for _ in range(25):
        w -= 0.1 * 2 * (w - answers.mean())
    assert f"after 25 steps:     {w:.3f}\ncounted directly:   {answers.mean():.3f}" in chapter.printed


def test_gradients_by_hand_by_value_and_by_nudging_agree(chapter):
    x, w, b, y = (chapter[name] for name in "xwby")
    h = math.tanh(w * x + b)
    by_hand = 2 * (h - y) * (1 - h * h) * x
    assert chapter["weight"].grad == pytest.approx(by_hand) and round(by_hand, 3) == -1.318
    assert chapter["a"].grad == 7 and chapter["wrong"].grad == 3
    assert (chapter["X"].T @ chapter["G"])[0, 0] == 13
    product = Tensor(chapter["X"], dtype=np.float64) @ (W := Tensor(chapter["W"], dtype=np.float64))
    (product * Tensor(chapter["G"], dtype=np.float64)).sum().backward()
    assert np.allclose(W.grad, chapter["X"].T @ chapter["G"])


def test_without_tanh_the_network_gets_stuck(chapter):
    ends = {name: curve[-1] for name, curve in chapter["curves"].items()}
    assert ends["without tanh"] - ends["with tanh"] > 0.15


def test_the_networks_gradients_are_right_and_the_careless_ones_are_not(chapter):
    contexts, following = chapter["batch"](np.random.default_rng(5), 16)
    for forward, right in ((chapter["logits"], True), (chapter["careless_logits"], False)):
        exact = {
            k: Tensor(p.data, dtype=np.float64) for k, p in chapter["new_network"](np.random.default_rng(0)).items()
        }
        cross_entropy(forward(exact, contexts), following).backward()
        weight, ends = exact["W1"].data, []
        for nudge in (1e-5, -2e-5):
            weight[3, 4] += nudge
            ends.append(cross_entropy(forward(exact, contexts), following).item())
        assert np.isclose((ends[0] - ends[1]) / 2e-5, exact["W1"].grad[3, 4], rtol=1e-4) == right


def test_the_network_loses_to_the_tables_and_generalizes(chapter):
    assert chapter["first_loss"] == pytest.approx(math.log(69), abs=0.1)
    assert 1.9 < chapter["held_out_loss"](chapter["network"]) < 2.0
    new = chapter["by_table"]["smoothed"], chapter["by_network"], chapter["by_table"]["blended"]
    assert round(new[0], 2) == 4.23 and new[0] > new[1] + 1 > new[2] + 1.3
    assert chapter["beaten"] > 0.9 and chapter["capitals"] > chapter["others"] + 0.1


def test_bugs_do_what_is_said(chapter):
    right, uncleared, careless = (chapter[name] for name in ("right", "uncleared", "careless"))
    assert uncleared[4] < uncleared[0] and np.mean(uncleared[-50:]) > 10 * uncleared[0]
    assert 0 < np.mean(careless[-50:]) - np.mean(right[-50:]) < 0.25


@pytest.mark.usefixtures("smollm2")
def test_one_step_lowers_the_real_models_loss(chapter):
    assert chapter["after"].item() < chapter["before"].item() - 1
    assert abs(chapter["other_after"] - chapter["other_before"]) < 0.1
