"""Training: the optimizer against the textbook, schedule, batches, and a loop that loses nothing."""

import itertools
import math
import os
import signal
import subprocess
import sys
import threading

import numpy as np
import pytest

from helpers import training
from helpers.functional import cache_sized
from helpers.gpt import GPT, Block, GPTConfig
from helpers.layers import Linear, Module
from helpers.tensor import Tensor, _tracking
from helpers.training import AdamW, History, clip_gradients, mean_loss, start, text_batches, train, warmup_cosine

CONFIG = GPTConfig(vocab_size=6, context=8, layers=1, heads=2, channels=16)
TEXT = np.tile([0, 1, 2, 3, 4, 5, 4, 3, 2, 1], 30)


linux = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the batch stays whole")


def gpt(**options) -> GPT:
    return GPT(CONFIG, rng=np.random.default_rng(0), **options)


def batches(B: int = 8, seed: int = 0):
    return text_batches(TEXT, B, CONFIG.context, rng=np.random.default_rng(seed))


def run(model=None, data=None, **options):
    options = {"steps": 10, "lr": 0.01, "warmup": 5, "threads": 1, "progress": False} | options
    return train(model or gpt(), data or batches(), **options)


# AdamW


@pytest.mark.parametrize("options", [{}, {"betas": (0.8, 0.95), "epsilon": 1e-3, "weight_decay": 0.3}])
def test_adamw_equals_the_textbook(options):
    """Algorithm 2 of Loshchilov and Hutter 2019, one parameter after the other."""
    model, data = gpt().astype(np.float64), batches()
    optimizer = AdamW(model, lr=0.01, **options)
    (b1, b2), epsilon = options.get("betas", (0.9, 0.99)), options.get("epsilon", 1e-8)
    expected = [p.data.copy() for p in model.parameters()]
    m, v = ([np.zeros_like(p) for p in expected] for _ in "mv")
    for t in range(1, 6):
        optimizer.zero_grad()
        model.loss(*next(data)).backward()
        lr = 0.01 / t
        for i, p in enumerate(model.parameters()):
            m[i] = b1 * m[i] + (1 - b1) * p.grad
            v[i] = b2 * v[i] + (1 - b2) * p.grad**2
            m_hat, v_hat = m[i] / (1 - b1**t), v[i] / (1 - b2**t)
            decay = options.get("weight_decay", 0.01) if p.ndim > 1 else 0
            expected[i] = expected[i] - lr * (m_hat / (np.sqrt(v_hat) + epsilon) + decay * expected[i])
        optimizer.step(lr)
        for p, e in zip(model.parameters(), expected, strict=True):
            np.testing.assert_allclose(p.data, e, rtol=1e-12, atol=1e-14)


def test_a_large_model_moves_everywhere():
    """Every number once, and only once, where there are more than are worked on at a time."""
    layer = Linear(600, 601, rng=np.random.default_rng(0))
    optimizer = AdamW(layer, lr=0.5, weight_decay=0)
    before = optimizer.data.copy()
    assert len(cache_sized(before.size)) > 2
    optimizer.grad[:] = np.random.default_rng(1).choice([-3, 3], layer.parameter_count())
    optimizer.step()
    np.testing.assert_allclose(optimizer.data - before, -0.5 * np.sign(optimizer.grad), rtol=1e-5)


def test_weight_decay_skips_biases_and_norms():
    model = gpt()
    for p in model.parameters():
        p.data[...] = 1
    optimizer = AdamW(model, lr=0.1, weight_decay=0.5)
    optimizer.step()  # all gradients are 0
    for name, p in model.named_parameters():
        matrix = name.endswith("weight") and "norm" not in name
        np.testing.assert_allclose(p.data, 0.95 if matrix else 1, rtol=1e-6, err_msg=name)


def test_zero_grad_and_the_learning_rate_given_first():
    layer = Linear(2, 1, rng=np.random.default_rng(0))
    optimizer = AdamW(layer, lr=0.25, weight_decay=0)
    before = optimizer.data.copy()
    optimizer.grad[:] = [1, -3, 0.1]
    optimizer.step()  # the first step is lr in the direction of the sign, whatever the size
    np.testing.assert_allclose(optimizer.data - before, [-0.25, 0.25, -0.25], rtol=1e-4)
    optimizer.zero_grad()
    assert not layer.weight.grad.any() and not layer.bias.grad.any()


def test_clip():
    grad = np.float32([3, 4])
    assert clip_gradients(grad, 10) == 5 and grad.tolist() == [3, 4]
    assert clip_gradients(grad, 1) == 5
    np.testing.assert_allclose(grad, [0.6, 0.8], rtol=1e-6)


@pytest.mark.parametrize(
    ("step", "rate"),
    [(0, 0.25), (1, 0.5), (3, 1.0), (4, 1.0), (8, 0.1 + 0.45 * (1 + math.sqrt(0.5))), (12, 0.55), (20, 0.1), (99, 0.1)],
)
def test_warmup_cosine(step, rate):
    assert warmup_cosine(step, 20, peak=1.0, warmup=4, floor=0.1) == pytest.approx(rate)


def test_warmup_cosine_at_its_edges():
    assert warmup_cosine(0, 10, peak=2.0, warmup=0) == 2.0
    assert warmup_cosine(10, 10, peak=2.0, warmup=0) == pytest.approx(0)
    assert warmup_cosine(4, 5, peak=2.0, warmup=5) == 2.0  # nothing but warm-up


# Batches and the loss of a whole text


def test_targets_are_one_token_later():
    text = np.arange(100, 120)
    inputs, targets = zip(*itertools.islice(text_batches(text, 5, 6, rng=np.random.default_rng(0)), 200), strict=True)
    inputs, targets = np.concatenate(inputs), np.concatenate(targets)
    assert inputs.shape == targets.shape == (1000, 6)
    np.testing.assert_array_equal(inputs, inputs[:, :1] + np.arange(6))  # windows of the text
    np.testing.assert_array_equal(targets, inputs + 1)
    assert set(inputs[:, 0]) == set(range(100, 114))  # from the first window to the last


def test_batches_follow_the_seed():
    one, same, other = (next(batches(seed=seed))[0] for seed in (3, 3, 4))
    np.testing.assert_array_equal(one, same)
    assert (one != other).any()


def test_mean_loss_equals_all_windows_at_once():
    model, text, tracked = gpt(), TEXT[:84], []
    expected = model.loss(text[:80].reshape(10, 8), text[1:81].reshape(10, 8)).item()

    class Watched(Module):
        def loss(self, *batch):
            tracked.append(_tracking.get())
            return model.loss(*batch)

    for B in (1, 4, 64):  # 4 leaves a smaller last batch
        assert mean_loss(Watched(), text, 8, B=B) == pytest.approx(expected, rel=1e-5)
    assert not any(tracked)


# The loop


def test_training_learns():
    model = gpt()
    history = run(model, steps=150)
    assert len(history.losses) == 150 and history.stopped is None and history.seconds > 0
    assert history.losses[0] > 1.6 and np.mean(history.losses[-10:]) < 0.5 < mean_loss(gpt(), TEXT, 8)
    assert mean_loss(model, TEXT, 8) < 0.5


@pytest.mark.parametrize("threads", [1, 2])
def test_the_same_seed_gives_the_same_losses(threads):
    first, second = gpt(), gpt()
    one, other = (run(model, threads=threads, steps=20) for model in (first, second))
    assert one.losses == other.losses
    for p, q in zip(first.parameters(), second.parameters(), strict=True):
        np.testing.assert_array_equal(p.data, q.data)
    assert run(data=batches(seed=1), threads=threads, steps=20).losses != one.losses


def test_a_batch_may_be_smaller_than_the_number_of_threads():
    one, other = (run(data=batches(B=1), threads=n, steps=5).losses for n in (1, 2))
    np.testing.assert_allclose(one, other, rtol=1e-4)


@pytest.mark.parametrize("threads", [2, 3])
def test_threads_do_not_change_what_is_learned(threads):
    """8 texts in 3 shards are 3, 3 and 2: each counts by its size."""
    one, other = (run(threads=n, steps=20).losses for n in (1, threads))
    np.testing.assert_allclose(one, other, rtol=1e-3)
    assert one[0] == pytest.approx(other[0], rel=1e-5)


class NoMLP(Block):
    def __call__(self, x, mask=None, *, weights=None, cache=None):
        return x + self.attention(self.norm1(x), mask, weights=weights, cache=cache)


@pytest.mark.parametrize("threads", [1, 2])
def test_parameters_that_the_loss_does_not_use_may_stay(threads):
    model = gpt(block=NoMLP)
    before = model.blocks[0].mlp.up.bias.data.copy()
    assert len(run(model, threads=threads).losses) == 10
    np.testing.assert_array_equal(model.blocks[0].mlp.up.bias.data, before)


def test_steps_follow_schedule_clip_and_decay():
    """`train` against the same steps written out."""
    model, data = gpt(), batches()
    optimizer = AdamW(model, weight_decay=0.2)
    for step in range(8):
        optimizer.zero_grad()
        model.loss(*next(data)).backward()
        clip_gradients(optimizer.grad, 0.05)
        optimizer.step(warmup_cosine(step, 8, peak=0.03, warmup=3))
    trained = gpt()
    run(trained, steps=8, lr=0.03, warmup=3, clip=0.05, weight_decay=0.2)
    for p, q in zip(model.parameters(), trained.parameters(), strict=True):
        np.testing.assert_array_equal(p.data, q.data)


def test_evaluations_and_snapshots_at_chosen_steps():
    model = gpt()
    history = run(
        model,
        evaluate=lambda: mean_loss(model, TEXT, 8), evaluate_every=4,
        snapshot=lambda: model.tokens.weight.data.copy(), snapshot_at=(0, 3, 10),
    )  # fmt: skip
    assert list(history.held_out) == [4, 8, 10] and list(history.snapshots) == [0, 3, 10]
    assert history.held_out[10] == mean_loss(model, TEXT, 8)
    np.testing.assert_array_equal(history.snapshots[0], gpt().tokens.weight.data)
    np.testing.assert_array_equal(history.snapshots[10], model.tokens.weight.data)
    assert (history.snapshots[3] != history.snapshots[10]).any()
    assert list(run(evaluate=lambda: 1.0).held_out) == [10]  # without evaluate_every: at the end


@pytest.mark.parametrize("threads", [1, 2])
def test_an_interrupt_keeps_what_was_learned(threads, capsys):
    def interrupted():
        yield from itertools.islice(batches(), 7)
        raise KeyboardInterrupt

    model, same = gpt(), gpt()
    history = run(model, interrupted(), steps=40, threads=threads, progress=True)
    keep = {"snapshot": lambda: [p.data.copy() for p in same.parameters()], "snapshot_at": (7,)}
    goes_on = run(same, steps=40, threads=threads, **keep)
    assert history.stopped == "interrupted after 7 of 40 steps; the model keeps what it has learned."
    assert history.stopped in repr(history) and history.stopped in capsys.readouterr().err
    assert len(history.losses) == 7
    for p, q in zip(model.parameters(), goes_on.snapshots[7], strict=True):
        np.testing.assert_array_equal(p.data, q)
    assert len(run(model).losses) == 10  # and it goes on from there


class Breaks(Module):
    """A model whose loss is a number four times."""

    def __init__(self):
        self.weight, self.calls = Tensor([[1.0]]), 0

    def loss(self, x):
        self.calls += 1
        return (self.weight * (1.0 if self.calls <= 4 else np.nan)).sum()


def test_a_loss_that_is_no_number_stops_with_a_sentence():
    model = Breaks()
    history = run(model, itertools.repeat((np.zeros(2),)), steps=50)
    assert history.stopped == "the loss became nan at step 4; a learning rate below 0.01 may help."
    assert len(history.losses) == 4 and np.isfinite(model.weight.data).all()


def test_batches_that_end_keep_what_was_learned():
    history = run(data=itertools.islice(batches(), 7))
    assert history.stopped == "the batches ended after 7 of 10 steps; the model keeps what it has learned."
    assert history.losses == run(steps=10).losses[:7]


# Shards: what the workers compute


class RowMean(Module):
    """Twice the mean of those rows that count: 0 does not, and a negative one is an error."""

    def __init__(self):
        self.weight = Tensor([2.0])

    def loss(self, x):
        if x.min() < 0 or x.max() == 0:
            raise ValueError(f"{x.min():g} came")
        return self.weight * (x.sum() / np.count_nonzero(x))


class Weighed(RowMean):
    def loss_weight(self, x):
        return np.count_nonzero(x)


@linux
@pytest.mark.parametrize(("model", "losses"), [(Weighed, [5, 5, 5]), (RowMean, [5, 4.8, 4.8])])
def test_shards_count_by_what_counts_in_them(model, losses):
    """[1 3 0 2 4] in 2 shards is [1 3 0] and [2 4]: twice the means 2 and 3, by rows (3·4 + 2·6) / 5."""
    for count, loss in zip((1, 2, 3), losses, strict=True):
        tiny = model()
        _, grad = tiny.flatten()
        with training.Shards(tiny, count) as shards:
            assert shards.gradients((np.array([1.0, 3, 0, 2, 4]),), grad) == pytest.approx(loss)
        assert grad == pytest.approx(loss / 2)


def test_a_shard_in_which_nothing_counts():
    model = Weighed()
    _, grad = model.flatten()
    with training.Shards(model, 3) as shards:
        assert shards.gradients((np.array([0, 0, 3.0, 1.0, 0]),), grad) == 4 and grad == [2]
        with pytest.raises(ValueError, match="0 came"):
            shards.gradients((np.zeros(6),), grad)


def test_an_error_in_a_worker_is_the_same_error_here():
    handle = start(RowMean(), lambda: itertools.repeat((np.array([1.0, 2.0, -3.0]),)), steps=5)
    with pytest.raises(ValueError, match="-3 came"):
        handle.wait()
    assert handle.error == "ValueError: -3 came" and handle.state == "stopped"


@linux
def test_an_error_in_a_worker_alone():
    class OnlyThere(RowMean):
        def __init__(self):
            super().__init__()
            self.here = os.getpid()

        def loss(self, x):
            return super().loss(x if os.getpid() == self.here else -x)

    with pytest.raises(RuntimeError, match="failed: ValueError: -2 came. Try threads=1"):
        train(OnlyThere(), itertools.repeat((np.array([1.0, 2.0]),)), steps=5, progress=False)


@linux
def test_workers_share_parameters_and_leave_no_process_behind():
    model = gpt()
    _, grad = model.flatten()
    batch = next(batches())
    with training.Shards(model, 2) as shards:
        before = shards.gradients(batch, grad)
        for p in model.parameters():
            p.data *= 0
        assert shards.gradients(batch, grad) == pytest.approx(math.log(6)) != before
        pid = shards.workers[0].pid
        os.kill(pid, 0)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


@linux
@pytest.mark.parametrize("busy", [False, True])
def test_a_worker_that_dies_ends_training_with_a_sentence(busy):
    model = gpt()
    _, grad = model.flatten()
    with training.Shards(model, 3) as shards, pytest.raises(RuntimeError, match="was ended from outside"):
        if busy:
            os.kill(shards.workers[1].pid, signal.SIGSTOP)
            threading.Timer(0.05, os.kill, (shards.workers[1].pid, signal.SIGKILL)).start()
        else:
            os.kill(shards.workers[1].pid, signal.SIGKILL)
        shards.gradients(next(batches()), grad)


@linux
def test_workers_end_when_the_process_that_they_came_from_is_killed():
    code = """if True:
        import itertools, numpy as np
        from helpers import training
        from tests.test_training import gpt
        runs = [training.Shards(gpt(), 2) for _ in range(3)]
        print(*(worker.pid for run in runs for worker in run.workers), flush=True)
        input()
    """
    process = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    pids = [int(pid) for pid in process.stdout.readline().split()]
    process.kill()
    rest = process.stdout.read()  # its end comes when nobody has the pipe open any more, no worker either
    process.wait()
    assert len(pids) == 3 and rest == ""


@linux
def test_an_interrupt_is_not_for_the_workers():
    """Ctrl-C in a terminal reaches every process of the group."""
    with training.Shards(gpt(), 2) as shards:
        model = shards.model
        os.kill(shards.workers[0].pid, signal.SIGINT)
        assert shards.gradients(next(batches()), model.flatten()[1]) > 1


# A run behind a handle


class Gate:
    """Batches that a test lets through one at a time: what is called with it open is sure to meet a step under way."""

    def __init__(self):
        self.asked, self.let = threading.Semaphore(0), threading.Semaphore(0)

    def __iter__(self):
        for batch in batches():
            self.asked.release()
            assert self.let.acquire(timeout=60)
            yield batch


def begin(model=None, data=batches, **options):
    return start(model or gpt(), data, **({"steps": 12, "lr": 0.01, "warmup": 5, "threads": 1} | options))


def paused(*args, **options):
    """A run that holds at step 0."""
    run = begin(*args, **options)
    run.pause()
    run.rewind()
    return run


def until(run, state: str) -> None:
    """Block until an observer has seen the state."""
    seen = threading.Event()
    forget = run.observe(lambda run: run.state == state and seen.set())
    if run.state != state:
        assert seen.wait(60)
    forget()


@pytest.mark.parametrize("threads", [1, 2])
def test_start_does_what_train_does(threads):
    model, same = gpt(), gpt()
    handle = begin(model, threads=threads, evaluate=lambda: mean_loss(model, TEXT, 8), evaluate_every=5)
    history = handle.wait()
    expected = run(same, steps=12, threads=threads)
    assert handle.state == "finished" and handle.step == handle.steps == 12 and handle.seconds_left == 0
    assert history is handle.history and history.losses == expected.losses and history.rates == expected.rates
    assert list(history.held_out) == [5, 10, 12] and history.stopped is None and handle.error is None
    for p, q in zip(model.parameters(), same.parameters(), strict=True):
        np.testing.assert_array_equal(p.data, q.data)
    assert "finished, 12 of 12 steps" in repr(handle)
    assert handle.wait() is history and not training._live


def test_a_run_goes_on_while_the_caller_does_something_else():
    gate = Gate()
    handle = begin(data=lambda: iter(gate))
    assert gate.asked.acquire(timeout=60)  # the run waits for its first batch, and this line is reached
    assert handle.state == "running" and handle.step == 0
    assert handle.steps_per_second == 0 and handle.seconds_left is None
    gate.let.release(12)
    handle.wait()
    assert handle.steps_per_second == pytest.approx(12 / handle.history.seconds)


def test_pause_finishes_the_step_under_way_and_holds():
    gate = Gate()
    handle = begin(data=lambda: iter(gate))
    gate.let.release(3)
    for _ in range(4):
        assert gate.asked.acquire(timeout=60)  # three steps are done, and the fourth is under way
    assert handle.step == 3
    pausing = threading.Thread(target=handle.pause)
    pausing.start()
    gate.let.release(12)
    pausing.join(60)
    assert handle.state == "paused" and handle.step == 4
    handle.wait(timeout=0.05)  # however much it may
    assert handle.state == "paused" and handle.step == 4 and not gate.asked.acquire(blocking=False)
    handle.resume()
    assert handle.wait().losses == run(steps=12).losses and handle.state == "finished"


def test_pause_waits_for_what_comes_before_the_first_step():
    looked = threading.Event()
    handle = begin(snapshot=lambda: looked.wait(60), snapshot_at=(0,))
    pausing = threading.Thread(target=handle.pause)
    pausing.start()
    pausing.join(0.05)
    assert pausing.is_alive()
    looked.set()
    pausing.join(60)
    assert handle.state == "paused" and handle.step == 0 and handle.history.snapshots == {0: True}
    handle.stop()


def test_pausing_from_an_observer():
    handle = paused()
    handle.observe(lambda run: run.pause() if run.step == 6 else None)
    handle.resume()
    until(handle, "paused")
    handle.pause()
    assert handle.step == 6
    handle.stop()


def test_advance():
    handle = paused()
    for n, done in [(3, 3), (1, 4), (100, 12)]:
        handle.advance(n)
        until(handle, "finished" if done == 12 else "paused")
        assert handle.step == len(handle.history.losses) == done
    assert handle.wait().losses == run(steps=12).losses
    handle.advance()
    handle.resume()
    handle.pause()
    assert handle.state == "finished" and handle.step == 12


def test_a_rate_that_is_set_holds_from_the_next_step():
    handle = paused()
    handle.advance(7)
    until(handle, "paused")
    handle.lr = 0.5
    handle.resume()
    rates = handle.wait().rates
    peaks = [0.01] * 7 + [0.5] * 5
    assert rates == [warmup_cosine(i, 12, peak=peak, warmup=5) for i, peak in enumerate(peaks)]
    same = run(steps=12)
    assert handle.history.losses[:8] == same.losses[:8]  # nothing is reset: the loss of step 7 comes before its update
    assert handle.history.losses[8:] != same.losses[8:]
    for rate in (-0.1, math.nan, math.inf):
        with pytest.raises(ValueError, match="A learning rate is a number from 0 up"):
            handle.lr = rate
    assert handle.lr == 0.5


@pytest.mark.parametrize("threads", [1, 2])
def test_rewind_gives_the_same_numbers_again(threads):
    model, taken = gpt(), []

    def snapshot():
        taken.append([p.data.copy() for p in model.parameters()])
        return len(taken)

    handle = begin(model, threads=threads, snapshot=snapshot, snapshot_at=(0, 5))
    until(handle, "finished")
    before = handle.history
    handle.rewind()
    assert handle.state == "paused" and handle.step == 0 and handle.history.losses == []
    assert before.snapshots == {0: 1, 5: 2} and handle.history.snapshots == {0: 1} and len(taken) == 2
    for p, first in zip(model.parameters(), taken[0], strict=True):
        np.testing.assert_array_equal(p.data, first)
    handle.advance(4)  # rewinding half-way does, too
    until(handle, "paused")
    handle.rewind()
    handle.resume()
    again = handle.wait()
    assert again.losses == before.losses and again.snapshots == {0: 1, 5: 3}
    for p, q in zip(taken[1], taken[2], strict=True):
        np.testing.assert_array_equal(p, q)


def test_stop_keeps_what_was_learned():
    model = gpt()
    handle = paused(model)
    handle.advance(7)
    until(handle, "paused")
    handle.stop()
    assert handle.state == "stopped" and handle.error is None and not training._live
    assert handle.wait().stopped == "ended by hand after 7 of 12 steps; the model keeps what it has learned."
    stepped = gpt()
    history = run(stepped, itertools.islice(batches(), 7), steps=12)
    assert history.losses == handle.history.losses
    for p, q in zip(model.parameters(), stepped.parameters(), strict=True):
        np.testing.assert_array_equal(p.data, q.data)
    handle.resume()
    handle.advance()
    handle.pause()
    assert handle.state == "stopped" and handle.step == 7
    handle.rewind()
    assert handle.state == "paused"
    handle.resume()
    assert handle.wait().losses == run(steps=12).losses
    handle.stop()
    assert handle.state == "finished"


def test_a_model_has_one_run_at_a_time():
    model = gpt()
    first = begin(model, steps=10**6)
    other = begin(steps=10**6)
    second = begin(model)
    assert first.state == "stopped" and other.state == "running"
    other.stop()
    assert second.wait().losses[0] < first.history.losses[0] and second.state == "finished"


def test_runs_at_the_same_time_do_not_change_each_other():
    handles = [begin(threads=threads, steps=40) for threads in (1, 2, 1)]
    losses = [handle.wait().losses for handle in handles]
    assert losses[0] == losses[2] == run(steps=40).losses and losses[1] == run(steps=40, threads=2).losses


def test_an_error_in_a_run_surfaces_in_wait():
    def broken():
        yield from itertools.islice(batches(), 3)
        raise ZeroDivisionError("no batch left")

    handle, states = paused(data=broken), []
    handle.observe(lambda run: states.append(run.state))
    handle.resume()
    for _ in range(2):
        with pytest.raises(ZeroDivisionError, match="no batch left"):
            handle.wait()
    assert handle.state == states[-1] == "stopped" and handle.error == "ZeroDivisionError: no batch left"
    assert "(ZeroDivisionError: no batch left) came after 3 of 12 steps" in handle.history.stopped
    handle.rewind()
    assert handle.error is None and handle.state == "paused"
    handle.stop()


def test_a_run_that_diverges_can_be_rewound():
    handle = start(Breaks(), lambda: itertools.repeat((np.zeros(2),)), steps=9, lr=0.5, threads=1)
    assert handle.wait().stopped == "the loss became nan at step 4; a learning rate below 0.5 may help."
    assert handle.state == "stopped" and handle.error is None
    handle.model.calls = 0
    handle.lr = 0.1
    handle.rewind()
    handle.advance(2)
    until(handle, "paused")
    assert handle.step == 2 and handle.lr == 0.1
    handle.stop()


def test_observers_see_every_step_and_every_change():
    handle, seen, threads = paused(), [], set()

    def look(run):
        seen.append((run.state, run.step))
        threads.add(threading.current_thread())

    forget = handle.observe(look)
    handle.advance(2)
    until(handle, "paused")
    handle.pause()
    handle.resume()
    handle.wait()
    paused_and_back = [("running", 0), ("running", 1), ("paused", 2), ("running", 2)]
    on = [("running", step) for step in range(3, 12)]
    assert [s for i, s in enumerate(seen) if i == 0 or s != seen[i - 1]][-14:] == (
        paused_and_back + on + [("finished", 12)]
    )
    assert threading.main_thread() not in threads
    forget()
    forget()
    handle.rewind()
    handle.stop()
    assert seen[-1] == ("finished", 12)


def test_a_broken_observer_ends_the_run_with_its_error():
    handle, calls = begin(steps=10**6), []
    handle.observe(lambda run: calls.append(run.state) or 1 / 0)
    with pytest.raises(ZeroDivisionError):
        handle.wait()
    assert handle.state == "stopped" and calls == ["running"]  # it is not asked again about its own error


def test_an_interrupt_while_waiting_ends_the_run(monkeypatch):
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it otherwise
    handle = begin(steps=10**6)

    def interrupted(timeout):
        monkeypatch.undo()
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(handle._ended, "wait", interrupted)
    history = handle.wait()
    signal.signal(signal.SIGINT, before)
    assert handle.state == "stopped" and history.stopped.startswith("interrupted after ") and not training._live


def test_the_progress_line(capsys):
    run(evaluate=lambda: 1.25, progress=True)
    line = capsys.readouterr().err
    assert "10/10" in line and "steps/s" in line and "loss 1." in line and "held-out 1.250" in line
    assert line.endswith("\n")
    run()
    assert capsys.readouterr().err == ""


def test_how_a_history_looks():
    assert repr(History()) == "History(0 steps in 0 s: no step done)"
    history = History(losses=[2.0] * 1500, held_out={1000: 3.0, 1500: 2.5}, seconds=61.2)
    assert repr(history) == "History(1,500 steps in 61 s: loss 2.000, held-out 2.500)"


@pytest.mark.parametrize(
    ("mistake", "sentence"),
    [
        (lambda: next(text_batches(TEXT[:8], 2, 8, rng=np.random.default_rng(0))), "8 tokens; windows of 8 need"),
        (lambda: mean_loss(gpt(), TEXT[:8], 8), "8 tokens; one window needs 9"),
        (lambda: run(lr=-1.0), "a number from 0 up, for example 0.001; -1.0 came"),
        (lambda: begin(steps=1).advance(0), "1 or more; 0 came"),
    ],
)
def test_mistakes_get_a_sentence(mistake, sentence):
    with pytest.raises(ValueError, match=sentence):
        mistake()


def test_start_asks_for_a_function_that_makes_the_batches():
    with pytest.raises(TypeError, match="a function that makes the batches; generator came. Put `lambda: ` before"):
        start(gpt(), batches(), steps=1)


def test_a_run_is_not_rewound_from_inside():
    handle = paused()
    handle.observe(lambda run: run.rewind())
    handle.resume()
    with pytest.raises(RuntimeError, match="call rewind.. from outside"):
        handle.wait()
