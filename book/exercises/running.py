"""Running what a reader wrote: quietly, for ten seconds at most, and so that ■ stops it without a long traceback.

The code runs in a thread while the thread that asked watches the clock. When time is up, or the reader presses ■, the
watcher raises `Stop` in that thread, wherever it is. Python delivers it between two steps of Python code, so a single
long call into C (`time.sleep`, a huge matrix product) goes on in the background until it returns, and only then the
thread ends; the check itself ends on time. A call that never lets other threads in, such as `sum(itertools.count())`,
can't even be timed: only restarting the kernel ends it. Left out: a limit on memory.
"""

import _thread
import contextlib
import contextvars
import ctypes
import io
import sys
import sysconfig
import threading
import time
import traceback
import warnings
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np

SECONDS = 10.0  # for everything the reader's code does in one check
GRACE = 1.0  # for its thread to end, once it's been told to

ROOT = Path(__file__).parents[2]
NOT_THEIRS = (
    *(str(ROOT / name) for name in ("book", "helpers")),
    *(sysconfig.get_path(name) for name in ("stdlib", "purelib")),
    "<__array",
)


class TooLong(Exception):
    """The reader's code ran out of time. The message says where it was."""


class Interrupted(KeyboardInterrupt):
    """The reader pressed ■. In a notebook this shows as one line, and the cells that are waiting don't run."""

    def _render_traceback_(self) -> list[str]:
        return [f"KeyboardInterrupt: {self}"]


class Stop(SystemExit):
    """Ends the reader's thread: `except Exception` doesn't catch it, and a thread ends silently with a `SystemExit`.

    A bare `except:` does catch it. So each one also makes the next line that runs raise another, by way of tracing.
    """

    def __init__(self, *_):
        frame = sys._getframe(1)
        while frame:
            frame.f_trace, frame = stop_at_next_line, frame.f_back
        sys.settrace(stop_at_next_line)


def stop_at_next_line(frame, event, arg):
    if event == "line":
        raise Stop
    return stop_at_next_line


@contextlib.contextmanager
def quietly() -> Iterator[io.StringIO]:
    """No warnings, and what's printed goes into the text this yields."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield printed


def limited(function: Callable[[io.StringIO], object]):
    """What `function(printed)` returns or raises; `TooLong` after `SECONDS`, `Interrupted` if the reader presses ■."""
    outcome, done = {}, threading.Event()

    def work():
        try:
            outcome["value"] = function(printed)
        except BaseException as error:
            outcome["error"] = error
        done.set()

    with quietly() as printed:  # not in the thread, which may end before it has put things back
        # not a `threading.Thread`: it takes locks as it ends, and would keep them if a `Stop` arrived just then
        thread = _thread.start_new_thread(contextvars.copy_context().run, (work,))
        try:
            end = time.monotonic() + SECONDS
            while not done.wait(0.1) and time.monotonic() < end:  # on Windows, ■ can't end a longer wait
                pass
            if not done.is_set():
                raise TooLong(stopped(thread))
        except KeyboardInterrupt:
            where = position(thread)
            stop(thread)
            raise Interrupted(f"you stopped your code{where and ' on '}{where}") from None
    if "error" in outcome:
        raise outcome["error"]
    return outcome["value"]


def stop(thread: int) -> bool:
    """Raise `Stop` in the thread until it has ended or the grace is over. Has it ended?"""
    end = time.monotonic() + GRACE
    while thread in sys._current_frames() and time.monotonic() < end:
        ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), ctypes.py_object(Stop))
        time.sleep(0.01)
    return thread not in sys._current_frames()


def stopped(thread: int) -> str:
    """Stop a thread that ran out of time, and say so."""
    where = position(thread)
    text = f"Your code is still running after {SECONDS:g} seconds."
    text += f"\nIt's on {where}" if where else ""
    if stop(thread):
        return f"{text}\nLook for a loop that never ends, and check what's supposed to end it."
    return f"{text}\nIt's in a long call that can't be stopped halfway. If the notebook stays slow, restart the kernel."


def position(thread: int) -> str:
    """The reader's line that the thread is on, in words; empty if it isn't in their code."""
    frame = sys._current_frames().get(thread)
    return their_line(traceback.extract_stack(frame)) if frame else ""


def their_line(frames: Iterable[traceback.FrameSummary]) -> str:
    """The last of these frames that's in the reader's code, in words; empty if none is."""
    theirs = [frame for frame in frames if frame.line and not frame.filename.startswith(NOT_THEIRS)]
    return f"line {theirs[-1].lineno} of the cell: {code(str(theirs[-1].line))}" if theirs else ""


def code(text: str) -> str:
    """Text from a reader's program, to go into a message as code."""
    return "`" + text.replace("`", "'") + "`"
