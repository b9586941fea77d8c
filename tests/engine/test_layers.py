"""Modules: which parameters they find, what a copy shares, and what layers start with."""

import numpy as np
import pytest

from helpers.layers import MLP, Embedding, LayerNorm, Linear, Module
from helpers.tensor import Tensor
from tests.engine.gradcheck import TOLERANCE, worst_error


class Nest(Module):
    """Every place in which a parameter may be."""

    def __init__(self, rng):
        self.scale = Tensor([2.0])
        self.name, self.size, self.nothing = "nest", 3, None
        self.layers = [Linear(2, 3, rng=rng), Linear(3, 2, rng=rng, bias=False)]
        self.norm = LayerNorm(2)

    def __call__(self, x):
        return self.norm(self.layers[1](self.layers[0](x).tanh())) * self.scale


@pytest.fixture
def nest():
    return Nest(np.random.default_rng(0))


def test_parameters_are_found_in_order(nest):
    names = ["scale", "layers.0.weight", "layers.0.bias", "layers.1.weight", "norm.weight", "norm.bias"]
    assert [name for name, _ in nest.named_parameters()] == names
    assert nest.parameters()[1] is nest.layers[0].weight
    assert nest.parameter_count() == 1 + 6 + 3 + 6 + 2 + 2


def test_zero_grad_and_copy(nest):
    nest(Tensor(np.ones((4, 2)))).sum().backward()
    other = nest.copy()
    assert [name for name, _ in other.named_parameters()] == [name for name, _ in nest.named_parameters()]
    for p, q in zip(nest.parameters(), other.parameters(), strict=True):
        np.testing.assert_array_equal(p.data, q.data)
        assert q.grad is None and not np.shares_memory(p.data, q.data)
    nest.zero_grad()
    assert not any(p.grad.any() for p in nest.parameters())
    other.zero_grad()  # nothing to do


def test_astype_turns_all_and_forgets_gradients(nest):
    nest(Tensor(np.ones((4, 2)))).sum().backward()
    assert nest.astype(np.float64) is nest
    assert all(p.dtype == np.float64 and p.grad is None for p in nest.parameters())


@pytest.mark.parametrize(
    ("make", "x"),
    [
        (lambda rng: Nest(rng), np.array([[0.3, -1.2], [0.8, 0.5]])),
        (lambda rng: Linear(2, 3, rng=rng), np.array([[0.3, -1.2]])),
        (lambda rng: MLP(2, rng=rng), np.array([[0.3, -1.2], [2.0, 1.0]])),
        (lambda rng: LayerNorm(3), np.array([[0.3, -1.2, 0.4]])),
    ],
)
def test_gradients_of_every_parameter_and_of_the_input(make, x):
    layer, x = make(np.random.default_rng(0)).astype(np.float64), Tensor(x, dtype=np.float64)
    assert worst_error(lambda: layer(x), [*layer.parameters(), x]) <= TOLERANCE


def test_gradients_of_an_embedding():
    table = Embedding(4, 2, rng=np.random.default_rng(0)).astype(np.float64)
    assert worst_error(lambda: table(np.array([[2, 0], [2, 2]])), table.parameters()) <= TOLERANCE


def test_what_layers_compute():
    rng = np.random.default_rng(0)
    layer, table, norm, mlp = Linear(3, 2, rng=rng), Embedding(5, 3, rng=rng), LayerNorm(3), MLP(3, rng=rng)
    x = np.float32([[1, -2, 0.5]])
    np.testing.assert_allclose(layer(Tensor(x)).data, x @ layer.weight.data + layer.bias.data, rtol=1e-6)
    np.testing.assert_array_equal(table(np.array([[4, 0]])).data, table.weight.data[[[4, 0]]])
    np.testing.assert_allclose(norm(Tensor(x)).data, (x - x.mean()) / x.std(), rtol=1e-4)
    assert mlp.up.weight.shape == (3, 12) and mlp.down.weight.shape == (12, 3)


def test_how_layers_start():
    rng = np.random.default_rng(0)
    layer = Linear(100, 400, rng=rng, scale=0.5)
    assert abs(layer.weight.data.std() - 0.5 / 10) < 1e-3 and not layer.bias.data.any()
    assert Linear(2, 2, rng=rng, bias=False).bias is None
    assert abs(Embedding(100, 400, rng=rng).weight.data.std() - 0.02) < 1e-3
    assert abs(MLP(100, rng=rng, out_scale=0.1).down.weight.data.std() - 0.1 / 20) < 1e-3
    one, other = (Linear(4, 4, rng=np.random.default_rng(3)).weight.data for _ in "ab")
    np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("make", [lambda rng: Linear(0, 2, rng=rng), lambda rng: Embedding(2, 1.5, rng=rng)])
def test_sizes_are_checked(make):
    with pytest.raises(ValueError, match="must be a whole number of at least 1; got"):
        make(np.random.default_rng(0))
