"""What chapter 3 says, checked against what its cells compute."""

import re

import numpy as np
import pytest

from helpers import functional, sampling
from helpers.tensor import Tensor
from tests.chapters.running import ran, unsupported


@pytest.fixture(scope="module")
def chapter():
    return ran("03_softmax")


def test_numbers_in_the_text_come_from_cells(chapter):
    assert unsupported(chapter, 200, 267, 75, 25, 2.718, 4.23, 69, 100_000, 49_152, 0.4, 7_300, 32, 1.39, 0.0002) == []
    assert 7_250 < np.exp(8.9) < 7_350 and round(np.log(4), 2) == 1.39


def test_softmax_is_that_of_the_helpers(chapter):
    rows = np.random.default_rng(0).normal(0, 5, (200, 9))
    assert np.allclose(chapter["softmax"](rows), [sampling.softmax(row) for row in rows])
    assert np.allclose(chapter["log_softmax"](rows), functional.log_softmax(Tensor(rows, dtype=np.float64)).data)
    assert np.isclose(chapter["softmax"](np.array([3.0, 2.0]))[0], chapter["sigmoid"](1.0))
    assert np.isclose(np.tanh(0.7), 2 * chapter["sigmoid"](1.4) - 1)


def test_wishes_that_sparsemax_grants(chapter):
    z, f = chapter["z"], chapter["sparsemax"]
    assert f(z).min() >= 0 and f(z).sum() == pytest.approx(1) and np.allclose(f(z + 5), f(z))
    close = np.array([3.0, 2.5, 0.5, -4.0])
    assert (np.diff(f(np.sort(z))) >= 0).all() and f(close).tolist() == [0.75, 0.25, 0, 0]
    assert f(close + [1e-3, 0, 0, 0])[0] > f(close)[0] and f(z + [1e-3, 0, 0, 0])[0] == f(z)[0] == 1
    assert max(chapter["curves"]["sigmoid, divided by the sum"]) < 0.41


def test_the_gradient_is_p_minus_y(chapter):
    z = Tensor(chapter["z"][None], dtype=np.float64)
    functional.cross_entropy(z, np.array([0])).backward()
    assert np.allclose(z.grad[0], chapter["softmax"](chapter["z"]) - [1, 0, 0, 0])
    assert chapter["squared_error"](chapter["wrong"]) > 1.9


def test_counts_are_learned(chapter):
    counted = chapter["after_t"] / chapter["after_t"].sum()
    learned = [float(n) for n in re.findall(r"learned (0\.\d+)", chapter.printed)]
    wanted = [counted[chapter["number_of"][char]] for char in "h oe"]
    assert len(learned) == 4 and np.abs(np.subtract(learned, wanted)).max() < 2.5e-4


def test_the_second_softmax_ruins_the_probabilities(chapter):
    first, second = chapter["ids"][:-1], chapter["ids"][1:]
    hits = [(t.argmax(axis=1)[first] == second).mean() for t in chapter["tables"].values()]
    surprise = [-np.log(t[first, second]).mean() for t in chapter["tables"].values()]
    assert abs(hits[1] - hits[0]) < 0.01 and surprise[1] > np.log(69) > surprise[0]


@pytest.mark.usefixtures("smollm2")
def test_most_of_the_real_models_probability_is_in_the_tail(chapter):
    model, tokenizer = chapter["model"], chapter["tokenizer"]
    z = model(np.array([tokenizer.encode("Write a poem about a")])).data[0, -1]
    p = chapter["softmax"](z)
    assert (p > 0.01).sum() == 13 and 0.5 < p[p <= 0.01].sum() < 0.7
