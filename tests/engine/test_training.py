"""Training: the optimizer against the textbook, the schedule, batches, and a loop that loses nothing."""

import itertools
import math
import subprocess
import sys

import numpy as np
import pytest

from helpers.functional import cache_sized
from helpers.gpt import GPT, Block, GPTConfig
from helpers.layers import Linear, Module
from helpers.tensor import Tensor, _tracking
from helpers.training import (
    AdamW,
    Ended,
    History,
    Interrupted,
    clip_gradients,
    mean_loss,
    text_batches,
    train,
    warmup_cosine,
)

CONFIG = GPTConfig(vocab_size=6, context=8, layers=1, heads=2, channels=16)
TEXT = np.tile([0, 1, 2, 3, 4, 5, 4, 3, 2, 1], 30)


def gpt(**options) -> GPT:
    return GPT(CONFIG, rng=np.random.default_rng(0), **options)


def batches(B: int = 8, seed: int = 0):
    return text_batches(TEXT, B, CONFIG.context, rng=np.random.default_rng(seed))


def run(model=None, data=None, **options):
    options = {"steps": 10, "lr": 0.01, "warmup": 5, "threads": 1, "progress": False} | options
    return train(model or gpt(), data or batches(), **options)


def same(model, other) -> bool:
    return all(np.array_equal(p.data, q.data) for p, q in zip(model.parameters(), other.parameters(), strict=True))


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


def test_two_optimizers_on_one_model_both_move_it():
    """A second optimizer, or a parameter that was replaced, leaves no optimizer holding an old copy."""
    layer = Linear(2, 1, rng=np.random.default_rng(0))
    first = AdamW(layer, lr=0.25, weight_decay=0)
    second = AdamW(layer, lr=0.25, weight_decay=0)
    layer.bias.data = np.float32([5])
    for optimizer in (first, second, first):
        before = layer.bias.data.copy()
        optimizer.zero_grad()
        layer(Tensor([[1.0, 1.0]])).sum().backward()
        optimizer.step()
        assert layer.bias.data == pytest.approx(before - 0.25, rel=1e-4)


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
    assert len(history.losses) == 150 and history.ended is Ended.FINISHED and history.seconds > 0
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


class Breaks(Module):
    """A model whose loss is a number four times, and whose gradient is one `gradients` times."""

    def __init__(self, gradients: int = 4):
        self.weight, self.calls, self.gradients = Tensor([[1.0]]), 0, gradients

    def loss(self, x):
        self.calls += 1
        spoiled = Tensor([[1.0 if self.calls <= self.gradients else np.nan]])
        out = (self.weight * (1.0 if self.calls <= 4 else np.nan)).sum()
        return Tensor(out.data, parents=(self.weight,), pullback=lambda g: (g * spoiled.data,))


@pytest.mark.parametrize(("gradients", "kept"), [(9, 3), (4, 3), (2, 2)])
def test_after_a_loss_or_gradient_that_is_no_number_the_last_good_step_stands(gradients, kept):
    """A bad loss undoes the step that led to it; a bad gradient is never used."""
    model, taken = Breaks(gradients), []
    keep = {"snapshot": lambda: taken.append(model.weight.data.copy()), "snapshot_at": tuple(range(9))}
    history = run(model, itertools.repeat((np.zeros(2),)), steps=50, **keep)
    assert history.ended is Ended.DIVERGED and history.details["step"] == len(history.losses) == min(4, gradients)
    assert "Try a learning rate below 0.01." in history.message() and history.message() in repr(history)
    assert model.weight.data == taken[kept]


def test_a_huge_learning_rate_leaves_a_model_that_works():
    model = gpt()
    history = run(model, lr=1e30, warmup=0)
    assert history.ended is Ended.DIVERGED and math.isfinite(mean_loss(model, TEXT, 8))


def test_batches_that_end_keep_what_was_learned():
    history = run(data=itertools.islice(batches(), 7))
    assert history.ended is Ended.OUT_OF_BATCHES and history.losses == run(steps=10).losses[:7]
    assert history.message().startswith("The batches ran out after 7 of 10 steps.")


# Interrupts: ■ in a notebook, Ctrl-C in a terminal


@pytest.mark.parametrize("threads", [1, 2])
def test_an_interrupt_stops_the_cell_and_keeps_what_was_learned(threads, capsys):
    def interrupted():
        yield from itertools.islice(batches(), 7)
        raise KeyboardInterrupt

    model, other = gpt(), gpt()
    with pytest.raises(Interrupted) as stop:
        run(model, interrupted(), steps=40, threads=threads, progress=True)
    history = stop.value.history
    assert history.ended is Ended.INTERRUPTED and history.message() in capsys.readouterr().err
    assert stop.value._render_traceback_() == [
        "Interrupted after 7 of 40 steps. The model keeps what it has learned."
    ]  # fmt: skip
    with pytest.raises(Interrupted):  # the same seven steps of the same schedule
        run(other, interrupted(), steps=40, threads=threads)
    assert len(history.losses) == 7 and same(model, other)


def test_an_interrupt_inside_an_update_undoes_it(monkeypatch):
    """The optimizer works in place; half of an update must not remain."""
    model, steps = gpt(), []

    def halfway(count, size=1):
        steps.append(count)
        if len(steps) == 4:  # the first piece is done, the second never comes
            yield slice(0, 100)
            raise KeyboardInterrupt
        yield slice(0, count)

    monkeypatch.setattr("helpers.training.cache_sized", halfway)
    with pytest.raises(Interrupted) as stop:
        run(model, steps=20)
    monkeypatch.undo()
    other = gpt()
    with pytest.raises(Interrupted):
        run(other, itertools.chain(itertools.islice(batches(), 3), iter(_raise, None)), steps=20)
    assert len(stop.value.history.losses) == len(stop.value.history.rates) == 3 and same(model, other)


def _raise():
    raise KeyboardInterrupt


INTERRUPTS = """if True:
    import signal, sys, threading, time
    import numpy as np
    from tests.engine.test_training import gpt, batches, Interrupted, train
    signal.signal(signal.SIGINT, signal.default_int_handler)
    main = threading.get_ident()
    model, lost = gpt(), 0
    train(model, batches(), steps=3, threads=2, progress=False)  # everything is imported
    for i in range(210):
        timer = threading.Timer(0.02 * i / 210, signal.pthread_kill, (main, signal.SIGINT))
        try:
            timer.start()
            train(model, batches(), steps=10**6, threads=2, progress=False)
        except KeyboardInterrupt:
            pass
        else:
            lost += 1
        timer.join()
    finite = all(np.isfinite(p.data).all() for p in model.parameters())
    left = [thread.name for thread in threading.enumerate() if thread is not threading.main_thread()]
    print(lost, finite, left, sys.getswitchinterval())
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows can't send a signal to a thread")
def test_210_interrupts_leave_no_thread_and_lose_nothing():
    done = subprocess.run([sys.executable, "-c", INTERRUPTS], capture_output=True, text=True, timeout=300)
    assert done.stdout == "0 True [] 0.005\n", done.stdout + done.stderr[-3000:]


# What it says


def test_the_progress_line(capsys):
    run(evaluate=lambda: 1.25, progress=True)
    line = capsys.readouterr().err
    assert "10/10" in line and "steps/s" in line and "loss 1." in line and "held-out 1.250" in line
    assert line.endswith("\n")
    run()
    assert capsys.readouterr().err == ""


def test_how_a_history_looks():
    assert repr(History()) == "History(0 steps in 0 s, no steps yet)"
    history = History(losses=[2.0] * 1500, held_out={1000: 3.0, 1500: 2.5}, seconds=61.2)
    assert repr(history) == "History(1,500 steps in 61 s, loss 2.000, held-out 2.500)"


@pytest.mark.parametrize(
    ("mistake", "sentence"),
    [
        (lambda: text_batches(TEXT[:8], 2, 8, rng=np.random.default_rng(0)), "at least 9; got 8"),
        (lambda: text_batches(TEXT, 0, 8, rng=np.random.default_rng(0)), "B must be a whole number of at least 1"),
        (lambda: mean_loss(gpt(), TEXT[:8], 8), "at least 9; got 8"),
        (lambda: run(steps=-1), "steps must be a whole number of at least 1; got -1."),
        (lambda: run(steps=2.5), "steps must be a whole number of at least 1; got 2.5."),
        (lambda: run(threads=0), "threads must be a whole number of at least 1; got 0."),
        (lambda: run(clip=-1), "clip must be a number above 0; got -1."),
        (lambda: run(clip=math.nan), "clip must be a number above 0; got nan."),
        (lambda: run(lr=-1.0), "lr must be a number of at least 0; got -1.0."),
        (lambda: run(warmup=-1), "warmup must be a whole number of at least 0; got -1."),
        (lambda: run(weight_decay=math.inf), "weight_decay must be a number of at least 0; got inf."),
        (lambda: run(evaluate_every=0.5), "evaluate_every must be a whole number"),
        (lambda: AdamW(gpt(), betas=(0.9, 1.5)), "beta must be a number from 0 to 1; got 1.5."),
    ],
)
def test_mistakes_get_a_sentence(mistake, sentence):
    with pytest.raises(ValueError, match=sentence):
        mistake()
