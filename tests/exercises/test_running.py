"""Running a reader's code: it ends in time, ■ ends it, and nothing is left behind."""

import _thread
import linecache
import signal
import sys
import threading
import time
import traceback
import warnings

import numpy as np
import pytest

from book.exercises import running
from book.exercises.engine import ByHand, Exercise, Explore
from book.exercises.running import Interrupted


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setattr(running, "SECONDS", 0.3)
    monkeypatch.setattr(running, "GRACE", 0.3)


@pytest.fixture
def checker() -> Exercise:
    """An exercise: return the number."""
    checker = Exercise({}, lambda x: x)
    checker.inputs = {"one": (1,), "two": (2,)}
    return checker


def threads() -> int:
    return len(sys._current_frames())


def gone(before: int, seconds=5.0) -> bool:
    """Whether all threads but those of before have ended."""
    end = time.monotonic() + seconds
    while threads() > before and time.monotonic() < end:
        time.sleep(0.02)
    return threads() <= before


def never_ends(x):
    n = 0
    while True:
        n += x


def catches_exceptions(x):
    while True:
        try:
            time.sleep(0.001)
        except Exception:
            pass


def catches_everything(x):
    while True:
        try:
            time.sleep(0.001)
        except:  # noqa: E722
            continue


def cleans_up_forever(x):
    try:
        never_ends(x)
    finally:
        never_ends(x)


ENDLESS = [
    (never_ends, "while True:"),
    (catches_exceptions, "time.sleep(0.001)"),
    (catches_everything, "time.sleep(0.001)"),
    (cleans_up_forever, "while True:"),
]


def test_stopped_code_is_not_run_again(checker):
    runs = []
    checker(lambda x: runs.append(x) or never_ends(x))
    assert runs == [1]


@pytest.mark.parametrize(("endless", "line"), ENDLESS)
def test_endless_code_is_stopped(checker, endless, line):
    before, stdout, filters = threads(), sys.stdout, list(warnings.filters)
    verdict = checker(endless)
    assert not verdict.passed and verdict.message.startswith("Your code is still running after 0.3 seconds.")
    number, shown = verdict.message.split("It's on line ")[1].split("\n")[0].split(" of the cell: ")
    assert line in shown and linecache.getline(__file__, int(number)).strip() == shown.strip("`")
    assert "a loop that never ends" in verdict.message
    assert gone(before) and sys.stdout is stdout and warnings.filters == filters
    assert checker(lambda x: x).passed


def test_other_kinds_of_checkers_have_the_limit_too():
    late = "still running after 0.3 seconds"
    assert late in Explore(lambda answer: answer(1))(never_ends).message
    assert late in ByHand({"right": {"a": 1}, "wrong": []})(lambda: never_ends(1)).message


def test_the_last_look_has_the_limit_too(checker):
    checker.also = lambda function: function(3)
    assert "still running" in checker(lambda x: x if x < 3 else never_ends(x)).message


def test_a_long_call_ends_in_the_background(checker):
    before = threads()
    start = time.monotonic()
    verdict = checker(lambda x: time.sleep(1.5))
    assert time.monotonic() - start < 1.4
    assert "time.sleep(1.5)" in verdict.message and "can't be stopped halfway" in verdict.message
    assert gone(before)


def test_the_limit_works_outside_the_main_thread(checker):
    verdicts = []
    thread = threading.Thread(target=lambda: verdicts.append(checker(never_ends)))
    thread.start()
    thread.join()
    assert "still running" in verdicts[0].message


def test_what_is_set_outside_holds_inside(checker):
    with np.printoptions(precision=2):
        assert checker(lambda x: x if str(np.array([1.2345])) == "[1.23]" else 0).passed


def test_a_check_is_not_slowed_down(checker):
    checker(lambda x: x)
    start = time.perf_counter()
    for _ in range(50):
        checker(lambda x: x)
    assert (time.perf_counter() - start) / 50 < 0.05


@pytest.fixture
def press_stop(monkeypatch):
    """A function that presses ■ after a moment. A shell may have its jobs ignore that, so the handler is set."""
    monkeypatch.setattr(running, "SECONDS", 20)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield lambda: threading.Timer(0.2, _thread.interrupt_main).start()
    signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize(("endless", "line"), ENDLESS)
def test_an_interrupt_ends_the_check_in_one_line(checker, press_stop, endless, line):
    before, stdout = threads(), sys.stdout
    press_stop()
    with pytest.raises(Interrupted) as raised:
        checker(endless)
    [shown] = raised.value._render_traceback_()  # what a notebook shows in place of a traceback
    assert shown.startswith("KeyboardInterrupt: you stopped your code on line ") and line in shown
    assert "engine.py" not in shown and raised.value.__cause__ is None and raised.value.__suppress_context__
    assert gone(before) and sys.stdout is stdout
    assert checker(lambda x: x).passed


def test_an_interrupt_while_a_mistake_runs_ends_the_check(checker):
    def interrupts(x):
        raise KeyboardInterrupt

    checker.mistakes = {"a": interrupts}
    with pytest.raises(Interrupted, match="you stopped the check"):
        checker(lambda x: 0)
    with pytest.raises(Interrupted):
        checker(interrupts)


def test_the_reader_is_shown_a_line_of_their_own():
    frames = traceback.StackSummary.from_list([(running.__file__, 1, "f", "x"), ("cell.py", 2, "g", "y `z`")])
    assert running.their_line(frames) == "line 2 of the cell: `y 'z'`"
    assert running.their_line(frames[:1]) == ""
