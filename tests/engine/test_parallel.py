"""Shards: a batch cut among threads gives the gradient of the whole, and the same bits every time."""

import itertools
import threading

import numpy as np
import pytest
from threadpoolctl import threadpool_info

from helpers.layers import Module
from helpers.parallel import Shards
from helpers.tensor import Tensor
from helpers.training import AdamW, train
from tests.engine.test_training import batches, gpt


class RowMean(Module):
    """Twice the mean of the rows that aren't 0; a negative row is an error."""

    def __init__(self):
        self.weight = Tensor([2.0])

    def loss(self, x):
        if x.min() < 0:
            raise ValueError(f"got {x.min():g}")
        return self.weight * (x.sum() / max(1, np.count_nonzero(x)))


class Counted(RowMean):
    def loss(self, x):
        return super().loss(x), np.count_nonzero(x)


def gradient(model, count: int, rows) -> tuple[float, float]:
    optimizer = AdamW(model)
    shards = Shards(model, count)
    loss = shards.gradients((np.array(rows, dtype=float),), optimizer)
    shards.close()
    return loss, optimizer.grad.item()


@pytest.mark.parametrize(("model", "losses"), [(Counted, [5, 5, 5]), (RowMean, [5, 4.8, 4.8])])
def test_shards_count_by_what_they_average(model, losses):
    """[1 3 0 2 4] in 2 shards is [1 3 0] and [2 4]: twice the means 2 and 3, and by rows (3·4 + 2·6) / 5."""
    for count, loss in zip((1, 2, 3), losses, strict=True):
        assert gradient(model(), count, [1, 3, 0, 2, 4]) == pytest.approx((loss, loss / 2))


def test_a_shard_in_which_nothing_counts():
    assert gradient(Counted(), 3, [0, 0, 3, 1, 0]) == (4, 2)
    assert gradient(Counted(), 3, [0] * 6) == (0, 0)


def test_more_threads_than_rows():
    assert gradient(RowMean(), 4, [3]) == (6, 3)


def test_gradients_equal_those_of_the_whole_batch():
    batch, found = next(batches()), []
    for count in (1, 2, 3):
        model = gpt()
        optimizer, shards = AdamW(model), Shards(model, count)
        for _ in range(2):  # the second time nothing is left of the first
            loss = shards.gradients(batch, optimizer)
        shards.close()
        found.append([loss, *optimizer.grad])
    np.testing.assert_allclose(found[1], found[0], rtol=1e-3, atol=1e-6)
    np.testing.assert_allclose(found[2], found[0], rtol=1e-3, atol=1e-6)


def test_replicas_follow_the_model():
    """Replicas see what happens to the parameters, even where an array is replaced."""
    model = gpt()
    optimizer, shards = AdamW(model), Shards(model, 2)
    for p in model.parameters():
        p.data = np.zeros_like(p.data)
    assert shards.gradients(next(batches()), optimizer) == pytest.approx(np.log(6))
    assert model.tokens.weight.data.base is optimizer.data or model.tokens.weight.data is optimizer.views[0][0]
    shards.close()


def test_an_error_in_a_thread_is_the_same_error_here():
    before = threading.active_count(), [pool["num_threads"] for pool in threadpool_info()]
    with pytest.raises(ValueError, match="got -3"):
        train(RowMean(), itertools.repeat((np.array([1.0, 2.0, -3.0]),)), steps=5, progress=False)
    assert (threading.active_count(), [pool["num_threads"] for pool in threadpool_info()]) == before


def test_a_loss_that_was_assigned_stays_in_one_thread():
    """It may hold on to the original model, whose gradients two threads would then write at once."""
    model, seen = gpt(), set()
    model.loss = lambda x, y: seen.add(threading.get_ident()) or type(model).loss(model, x, y)
    train(model, batches(), steps=3, threads=2, progress=False)
    assert seen == {threading.get_ident()}
