"""A run behind a handle: it can be paused, stepped, rewound, and stopped, and leaves nothing behind."""

import itertools
import math
import signal
import threading

import numpy as np
import pytest

from helpers.runs import start
from helpers.training import Ended, Interrupted, mean_loss, warmup_cosine
from tests.engine.test_training import TEXT, Breaks, batches, gpt, run, same


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
    model, other = gpt(), gpt()
    handle = begin(model, threads=threads, evaluate=lambda: mean_loss(model, TEXT, 8), evaluate_every=5)
    history = handle.wait()
    expected = run(other, steps=12, threads=threads)
    assert handle.state == "finished" and handle.step == handle.steps == 12 and handle.seconds_left == 0
    assert history is handle.history and history.losses == expected.losses and history.rates == expected.rates
    assert list(history.held_out) == [5, 10, 12] and history.ended is Ended.FINISHED and handle.error is None
    assert same(model, other)
    assert "finished, 12 of 12 steps" in repr(handle)
    assert handle.wait() is history and not handle.thread.is_alive()


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
    steady = run(steps=12)
    assert handle.history.losses[:8] == steady.losses[:8]  # step 7 still starts from the same parameters
    assert handle.history.losses[8:] != steady.losses[8:]
    for rate in (-0.1, math.nan, math.inf):
        with pytest.raises(ValueError, match="lr must be a number of at least 0"):
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
    assert before.snapshots == {0: 1, 5: 2} and handle.history.snapshots == {0: 3}
    for p, first in zip(model.parameters(), taken[0], strict=True):
        np.testing.assert_array_equal(p.data, first)
    handle.advance(4)  # rewinding half-way does, too
    until(handle, "paused")
    handle.rewind()
    handle.resume()
    again = handle.wait()
    assert again.losses == before.losses and again.snapshots == {0: 4, 5: 5}
    for p, q in zip(taken[1], taken[4], strict=True):
        np.testing.assert_array_equal(p, q)


def test_stop_keeps_what_was_learned():
    stepped = gpt()
    history = run(stepped, itertools.islice(batches(), 7), steps=12)
    model = gpt()
    handle = paused(model)
    handle.advance(7)
    until(handle, "paused")
    handle.stop()
    assert handle.state == "stopped" and handle.error is None and not handle.thread.is_alive()
    assert handle.wait().message() == "Stopped after 7 of 12 steps. The model keeps what it has learned."
    assert history.losses == handle.history.losses and same(model, stepped)
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


def test_a_kernel_has_one_run_at_a_time():
    """Running a cell with `start` again leaves no thread and no figure behind, whichever model it trains."""
    seen, threads = [], threading.active_count()
    first = begin(steps=10**6, threads=2)
    first.observe(lambda run: seen.append(run.history.ended))
    second = begin(steps=10**6, threads=2)
    assert first.state == "stopped" and first.history.ended is seen[-1] is Ended.REPLACED and first.observers == []
    assert not first.thread.is_alive() and second.state == "running"
    with pytest.raises(RuntimeError, match="another one replaced it"):
        first.rewind()
    run(steps=1)  # `train` needs the cores as well
    assert second.history.ended is Ended.REPLACED and threading.active_count() == threads
    finished = begin()
    finished.observe(seen.append)
    finished.wait()
    begin().wait()
    assert finished.history.ended is Ended.FINISHED and finished.observers == []


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
    assert handle.state == states[-1] == "stopped" and handle.history.ended is Ended.FAILED
    assert handle.history.message() == "The run stopped after 3 of 12 steps: ZeroDivisionError: no batch left"
    handle.rewind()
    assert handle.error is None and handle.state == "paused"
    handle.stop()


def test_a_run_that_diverges_can_be_rewound():
    handle = start(Breaks(), lambda: itertools.repeat((np.zeros(2),)), steps=9, lr=0.5, threads=1)
    assert handle.wait().ended is Ended.DIVERGED and handle.history.details["lr"] == 0.5
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


def test_an_interrupt_while_waiting_ends_the_run_and_the_cell(monkeypatch):
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it otherwise
    handle = begin(steps=10**6)

    def interrupted(timeout):
        monkeypatch.undo()
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(handle.thread, "join", interrupted)
    with pytest.raises(Interrupted):
        handle.wait()
    signal.signal(signal.SIGINT, before)
    assert handle.history.ended is Ended.INTERRUPTED and not handle.thread.is_alive()


def test_mistakes_get_a_sentence():
    with pytest.raises(TypeError, match="a function that makes the batches; got generator. Put `lambda: ` in front"):
        start(gpt(), batches(), steps=1)
    with pytest.raises(ValueError, match="n must be a whole number of at least 1; got 0."):
        begin(steps=1).advance(0)


def test_a_run_is_not_rewound_from_inside():
    handle = paused()
    handle.observe(lambda run: run.rewind())
    handle.resume()
    with pytest.raises(RuntimeError, match="can't rewind itself"):
        handle.wait()
