"""What chapter 6 says, checked against what its cells compute."""

import math

import numpy as np
import pytest

from helpers.attention import causal_mask
from helpers.layers import Embedding
from helpers.tensor import Tensor
from helpers.training import AdamW
from tests.chapters.running import ran, unsupported


@pytest.fixture(scope="module")
def chapter():
    return ran("06_transformer")


def test_numbers_in_the_text_come_from_cells(chapter):
    assert unsupported(chapter, 576, 1_000_000, 1e-5, 60_000, 4 * 512) == []


def test_a_letter_after_an_r_is_learned_in_three_stages(chapter):
    p_d = {
        step: shot["probabilities"][chapter["characters"].index("d")]
        for step, shot in chapter["history"].snapshots.items()
    }
    after = {letter: chapter["train_text"].count(letter + "d") / chapter["train_text"].count(letter) for letter in "rn"}
    assert p_d[50] > 1.5 * after["r"] and abs(chapter["d_after_n"][1] - after["n"]) < 0.06
    assert p_d[100] < 0.7 * p_d[50] and abs(p_d[100] - after["r"]) < 0.03 and p_d[1200] > 0.9
    looks_back = [
        np.diagonal(shot["attention"], -1, 1, 2).mean(axis=1).max() for shot in chapter["history"].snapshots.values()
    ]
    assert looks_back[0] < 0.35 and looks_back[-1] > 0.7


def test_one_walk_is_the_model(chapter):
    large, x = chapter["large"], chapter["stages"]["MLP 4"]
    assert list(chapter["stages"])[-1] == "MLP 4"
    assert np.allclose(chapter["to_logits"](x).data, large(chapter["letters_read"]).data, atol=1e-4)


def test_the_lens_goes_from_r_to_d(chapter):
    says = np.array(chapter["says"])
    best = [chapter["seen"][i] for i in says.argmax(axis=1)]
    assert best[0] == best[1] == "r" and best[2] in "ku" and set(best[3:]) == {"d"}
    assert says[0, 0] > 0.99 and says[-1, chapter["seen"].index("d")] > 0.99


def alike(x):
    arrows = x / np.linalg.norm(x, axis=1, keepdims=True)
    return (arrows @ arrows.T)[np.triu_indices(len(x), 1)].mean()


def test_what_replaces_forgets_and_what_only_adds_explodes(chapter):
    start, stack = chapter["start"], chapter["stack"]
    assert alike(start) < 0.05
    assert alike(stack(start, False, False)) > 0.98 and alike(stack(start, False, True)) > 0.98
    assert stack(start, True, False).std() > 1e5
    assert stack(start, True, True).std() < 10 and alike(stack(start, True, True)) < 0.6


def test_mlp_1_adds_candidates_and_not_the_letter_itself(chapter):
    rows = chapter["large"].tokens.weight.data[[chapter["letters"].encode(c)[0] for c in "rkud"]]
    products = rows @ chapter["added"]
    assert products[0] < 0 and min(products[1:]) > 5
    assert chapter["after_lov"] == "e"  # what the unit for "lov" writes


def test_units_by_hand_need_both_letters_and_a_bend(chapter):
    up, stream = chapter["up"], chapter["stream"]
    fires = {pair: np.maximum(stream(*pair) @ up - 1, 0) for pair in ("th", "ah", "tu", "lo")}
    assert fires["th"].tolist() == [1, 0, 0, 0] and fires["lo"].tolist() == [0, 0, 0, 1]
    assert not fires["ah"].any() and not fires["tu"].any()


def test_trained_units_know_pairs_and_words(chapter):
    held_text, T = chapter["held_text"], chapter["large"].config.context
    for block, unit, end in ((1, 26, "li"), (1, 257, "s,"), (2, 344, "love"), (3, 440, "the"), (4, 307, "\n\nL")):
        order = chapter["excited"][block - 1][:, unit].argsort()[::-1]
        spots = [i for i in order[:200] if i % T > 12][:40]
        shown = [held_text[i - 9 : i + 1] for i in spots]
        assert np.mean([text.endswith(end) or end in text[-5:] for text in shown]) > 0.9, (block, unit)


def test_the_class_is_the_engines(chapter):
    cat = chapter["cat"]
    assert np.allclose(chapter["mine"](cat).data, chapter["model"](cat).data, atol=1e-4)
    assert chapter["count_parameters"](chapter["V"], 64, 64, 4) == chapter["model"].parameter_count()
    assert "124,439,808" in chapter.printed


def test_a_step_of_adamw_is_the_engines(chapter):
    table, rng = Embedding(5, 3, rng=np.random.default_rng(0)), np.random.default_rng(1)
    w, mean, square = table.weight.data.astype(float), np.zeros((5, 3)), np.zeros((5, 3))
    optimizer = AdamW(table, lr=0.01, weight_decay=0.01)
    for step in range(1, 11):
        g = rng.normal(size=(5, 3))
        chapter["adamw_step"](w, g, mean, square, step, lr=0.01)
        optimizer.grad[:] = g.ravel()
        optimizer.step()
    assert np.allclose(w, table.weight.data, atol=1e-6)


def test_adamw_beats_sgd_whose_best_rate_is_inside_the_grid(chapter):
    assert chapter["best_rate"] == 0.3
    assert np.mean(chapter["adamw"].losses[-30:]) < np.mean(chapter["sgd"][0.3][-30:]) - 0.1


def test_we_lose_to_counts_and_the_larger_model_wins(chapter):
    one, five, ours, large = chapter["results"].values()
    assert large < five < ours < one - 0.5
    held_out = list(chapter["history"].held_out.values())
    assert held_out[-1] < held_out[-2]  # it was still getting better


def test_what_each_part_is_worth(chapter):
    held = chapter["held"]
    assert max(held, key=held.get) == "no residual" and abs(held["no residual"] - 3.2) < 0.15
    assert abs(held["no attention"] - chapter["data"].COUNTED["counts, one letter back"]) < 0.1
    assert all(held[name] > held["nothing left out"] + 0.1 for name in list(held)[1:])


def test_with_a_norm_too_fast_is_not_fatal(chapter):
    with_norm, without = chapter["fast"].values()
    assert max(with_norm) < with_norm[0] + 0.3 and max(without) > 2 * without[0] and without[-1] > with_norm[-1]


def test_one_head_is_worth_more_than_the_others(chapter):
    hurt = np.sort(chapter["hurt"].ravel() - chapter["all_on"])
    assert hurt[-1] > 0.7 > 0.4 > hurt[-2]
    assert chapter["hurt"].max() > chapter["data"].COUNTED["counts, one letter back"]
    assert chapter["hurt"].argmax() == chapter["back"].argmax()  # a head of block 1, which looks one character back


@pytest.mark.usefixtures("smollm2")
def test_the_real_model_needs_its_first_and_last_blocks(chapter):
    assert chapter["order"][:3].tolist() == [0, 1, 29] and chapter["small_change"] == 21
    assert math.isclose(chapter["whole"], 4.55, abs_tol=0.02)


def test_attention_and_the_mlp_divide_the_work(chapter):
    block, rng = chapter["mine"].blocks[0], np.random.default_rng(0)
    x = rng.normal(size=(1, 5, 64))
    changed = x.copy()
    changed[0, 2] += 1
    for part, moved in (
        (block.mlp, [2]),
        (lambda x: block.attention(x, causal_mask(5)), [2, 3, 4]),
    ):
        difference = np.abs(part(Tensor(changed)).data - part(Tensor(x)).data).max(axis=(0, 2))
        assert np.flatnonzero(difference > 1e-7).tolist() == moved
