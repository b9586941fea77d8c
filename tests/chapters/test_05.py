"""What chapter 5 says, checked against what its cells compute."""

import numpy as np
import pytest

from helpers import attention as engine
from helpers.tensor import Tensor
from tests.chapters.running import ran, unsupported


@pytest.fixture(scope="module")
def chapter():
    return ran("05_attention")


def test_numbers_in_the_text_come_from_cells(chapter):
    assert unsupported(chapter, 0.4, 100, 270, 2.0) == []


def test_the_ten_lines_are_the_engines(chapter):
    q, k, v = np.random.default_rng(3).normal(size=(3, 7, 4))
    theirs = engine.attention(*(Tensor(a[None, None], dtype=np.float64) for a in (q, k, v)), engine.causal_mask(7))
    assert np.allclose(chapter["attention"](q, k, v), theirs.data[0, 0])
    assert np.allclose(chapter["attention_loop"](q, k, v), theirs.data[0, 0])


def test_several_heads_are_the_engines(chapter):
    layer = engine.MultiHeadAttention(16, 4, rng=np.random.default_rng(0))
    x = np.random.default_rng(1).normal(size=(6, 16))
    W_q, W_k, W_v = np.split(layer.qkv.weight.data, 3, axis=1)
    ours = chapter["multi_head"](x, W_q, W_k, W_v, layer.out.weight.data, 4)
    assert np.allclose(ours, layer(Tensor(x[None]), engine.causal_mask(6)).data[0], atol=1e-5)


def test_without_the_mask_it_peeks(chapter):
    assert chapter["losses"]["no mask"] < 0.2 < 2 < chapter["losses"]["with mask"]
    ends = [float(line.rsplit(" ", 1)[1]) for line in chapter.printed.splitlines() if "last position" in line]
    assert ends[1] > ends[0] + 0.3


def test_heads_built_by_hand_do_their_jobs(chapter):
    letters, sentence = chapter["letters"], chapter["sentence"]
    fetched = "".join(letters[i] for i in chapter["fetched"].argmax(axis=1))
    assert fetched == sentence[0] + sentence[:-1]
    words, guesses = chapter["words"], chapter["guess"].argmax(axis=1)
    assert [chapter["kinds"][i] for i in guesses[9:]] == words[2:7]


def test_the_reversal_is_right_and_mirrored(chapter):
    sentence, L = chapter["sentence"], chapter["L"]
    assert f"{sentence}|{sentence[::-1]}" in chapter.printed
    looks = chapter["mirror"][L:].argmax(axis=1)  # from the bar on
    assert (looks == L - 1 - np.arange(L)).mean() > 0.9


def test_habits_of_trained_heads(chapter):
    assert chapter["one_back"].argmax() == 0 and round(100 * chapter["one_back"].max()) == 95
    assert np.unravel_index(chapter["to_first"].argmax(), (4, 4)) == (1, 0)


def test_the_rnns_gradient_fades_and_attentions_does_not(chapter):
    rnn, attention = chapter["arrives"]["RNN"], chapter["arrives"]["attention"]
    assert rnn[0] > 20 * rnn[-1] and max(attention) < 1.5 * min(attention)


def test_the_wrong_axis_leaks(chapter):
    assert chapter["wrong_loss"] < 0.75 * chapter["right_loss"] and chapter["moved"].sum() == 31


@pytest.mark.usefixtures("smollm2")
def test_the_real_model_has_induction_heads(chapter):
    assert (chapter["score"] > 0.5).sum() == 5 and round(100 * chapter["score"].max()) == 87
    assert chapter["to_cat"].max() > 0.8
    assert "Its  looks at 'cat', 8" in chapter.printed and "Its  looks at 'dog', 8" in chapter.printed
    assert "Now  looks at 'Write', 53%; cat gets 1%" in chapter.printed
