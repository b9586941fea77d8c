"""A training run you can watch, pause, step, stop, and rewind while it's running. It runs in a separate thread.

A kernel has one such run at a time: starting another, or calling `train`, stops the one before. Chapter 6 uses this
file. Left out: runs that outlive the kernel.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from helpers import training
from helpers.checks import real, whole
from helpers.progress import ProgressBar
from helpers.training import Ended, History, Trainer


def start(model, batches: Callable[[], Iterator[tuple]], *, steps: int, progress: bool = False, **options) -> Run:
    """`train` in the background: returns at once, with a `Run` that controls it.

    batches: a function that makes the iterator, so a rewound run sees the same batches again, such as
    `lambda: text_batches(tokens, B, T, rng=np.random.default_rng(0))`. The other options are those of `train`.
    """
    if not callable(batches):
        raise TypeError(
            f"start() takes a function that makes the batches; got {type(batches).__name__}. Put `lambda: ` in front, "
            "as in `lambda: text_batches(tokens, B, T, rng=np.random.default_rng(0))`."
        )
    return Run(model, batches, steps=steps, progress=progress, **options)


class Run:
    """A training run in a thread, made by `start`. `history` is what happened so far, `error` what made it fail."""

    error: BaseException | None
    leave: Ended | None  # why it was told to end

    def __init__(self, model, batches: Callable[[], Iterator[tuple]], *, steps: int, progress: bool, **options):
        training.make_way()
        self.model, self.batches, self.steps, self.progress, self.options = model, batches, steps, progress, options
        self.first = [p.data.copy() for p in model.parameters()]
        self.changed, self.observers, self.replaced = threading.Condition(), [], False
        self._launch(until=steps)

    def __repr__(self):
        return f"Run({self.state}, {self.step:,} of {self.steps:,} steps; {self.history})"

    # what it's doing

    @property
    def history(self) -> History:
        return self.trainer.history

    @property
    def step(self) -> int:
        """How many steps are done."""
        return len(self.history.losses)

    @property
    def state(self) -> str:
        """ "running", "paused", "finished" (all steps are done), or "stopped" (`history.ended` says how)."""
        if self.history.ended:
            return "finished" if self.history.ended is Ended.FINISHED else "stopped"
        return "running" if self.step < self.until else "paused"

    @property
    def lr(self) -> float:
        """The peak learning rate. You can change it during the run; the new rate applies from the next step."""
        return self.trainer.lr

    @lr.setter
    def lr(self, value: float):
        self.trainer.lr = self.options["lr"] = real("lr", value)

    @property
    def steps_per_second(self) -> float:
        """Not counting pauses; 0 before the first step."""
        return self.step / self.history.seconds if self.step else 0.0

    @property
    def seconds_left(self) -> float | None:
        """None before the first step."""
        return (self.steps - self.step) / self.steps_per_second if self.step else None

    # what you can tell it; nothing happens if it has ended

    def pause(self) -> None:
        """Finish the current step, then wait."""
        self._go(0)
        if self.thread is not threading.current_thread():
            with self.changed:
                self.changed.wait_for(lambda: self.waiting or self.history.ended)

    def resume(self) -> None:
        """Continue to the end."""
        self._go(self.steps)

    def advance(self, n: int = 1) -> None:
        """Take n more steps, then wait. Returns at once."""
        self._go(min(self.steps, self.step + whole("n", n)))

    def stop(self, how: Ended = Ended.STOPPED) -> None:
        """Finish the current step, then end. The model keeps what it has learned."""
        with self.changed:
            self.leave = how
            self.changed.notify_all()
        if self.thread is not threading.current_thread():
            self.thread.join()

    def replace(self) -> None:
        """Make way for another run: stop, and drop all observers."""
        self.stop(Ended.REPLACED)
        self.replaced = True
        self.observers.clear()

    def rewind(self) -> None:
        """Back to step 0, paused, with a new history. Run again, it gives the same numbers to the bit.

        A learning rate that was set stays. Raises RuntimeError if another run has replaced this one.
        """
        if self.replaced:
            raise RuntimeError("This run can't be rewound, because another one replaced it. Run its cell again.")
        if self.thread is threading.current_thread():
            raise RuntimeError("A run can't rewind itself from a function it calls. Call rewind() from a cell.")
        self.stop()
        for p, first in zip(self.model.parameters(), self.first, strict=True):
            p.data[...] = first
        self._launch(until=0)
        self.pause()  # returns once the new thread waits

    def wait(self, timeout: float | None = None) -> History:
        """Wait for the run to end, at most `timeout` seconds. An error in the run is raised here.

        An interrupt (■ or Ctrl-C) stops the run and the cell; the model keeps what it has learned.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        try:
            while self.thread.is_alive() and (deadline is None or time.monotonic() < deadline):
                self.thread.join(0.1)  # in short waits, because Windows can't interrupt a long one
        except KeyboardInterrupt:
            self.stop(Ended.INTERRUPTED)
            raise training.Interrupted(self.history) from None
        if self.error:
            raise self.error
        return self.history

    def observe(self, callback: Callable[[Run], Any]) -> Callable[[], None]:
        """Call `callback(run)` in the run's thread after each step or state change. Returns a function to stop it."""
        self.observers.append(callback)
        return lambda: self.observers.remove(callback) if callback in self.observers else None

    def _go(self, until: int) -> None:
        with self.changed:
            self.until = until
            self.changed.notify_all()

    # in the run's own thread

    def _launch(self, until: int) -> None:
        self.trainer = Trainer(model=self.model, batches=self.batches(), steps=self.steps, **self.options)
        self.until, self.waiting = until, False
        self.leave = self.error = None
        self.bar = ProgressBar(self.steps, "steps", show=self.progress)
        self._show()  # here, so a notebook shows it below the cell that started the run
        self.thread = threading.Thread(target=self._work, name="training run", daemon=True)
        training.live[:] = [self]
        self.thread.start()

    def _work(self) -> None:
        try:
            self._tell()
            while self._may_go_on() and self.trainer.step():
                self._show()
                self._tell()
            if not self.history.ended:
                self.trainer.end(self.leave or Ended.STOPPED)
        except BaseException as error:  # `wait` raises it
            self.error = error
            self.trainer.end(Ended.FAILED, error=f"{type(error).__name__}: {error}")
        with self.changed:
            self.changed.notify_all()
        history = self.history
        self.bar.finish(self.step, history.seconds, history.latest(), history.message())
        self._tell()

    def _may_go_on(self) -> bool:
        """Wait while paused. False when it's time to leave."""
        if self.step >= self.until and not self.leave:
            self._tell()
            with self.changed:
                self.waiting = True
                self.changed.notify_all()
                self.changed.wait_for(lambda: self.leave or self.step < self.until)
                self.waiting = False
            if not self.leave:
                self._tell()
        return not self.leave

    def _show(self) -> None:
        self.bar.update(self.step, self.history.seconds, self.history.latest())

    def _tell(self) -> None:
        for callback in list(self.observers):
            try:
                callback(self)
            except BaseException:
                self.observers.remove(callback)
                raise
