"""Training: batches, AdamW, the learning-rate schedule, and the loop that records what happened.

`train` works on any module with a method `loss(*batch)`, and `start` is the same in the background, behind a handle.
Interrupt either (the stop button, Ctrl-C) and the model keeps what it has learned. Chapters 2 and 6 build this file.
Left out: mixed precision, several machines.
"""

from __future__ import annotations

import contextlib
import ctypes
import math
import multiprocessing
import os
import platform
import signal
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from threadpoolctl import ThreadpoolController
from tqdm import tqdm

from helpers.functional import cache_sized
from helpers.tensor import no_grad, shared_zeros


class AdamW:
    """Adam with decoupled weight decay, on a model's flat parameter buffer.

    Weight decay applies to matrices and embeddings, not to biases and norms.
    Sources: Kingma and Ba 2015; Loshchilov and Hutter 2019.
    """

    def __init__(self, model, *, lr: float = 1e-3, betas=(0.9, 0.99), epsilon=1e-8, weight_decay: float = 0.01):
        self.data, self.grad = model.flatten()
        self.lr, self.betas, self.epsilon, self.steps = lr, betas, epsilon, 0
        self.mean, self.square = np.zeros_like(self.data), np.zeros_like(self.data)
        self.decay = np.concatenate([np.full(p.size, weight_decay * (p.ndim > 1)) for p in model.parameters()])
        self.decay = self.decay.astype(self.data.dtype)

    def step(self, lr: float | None = None) -> None:
        """Move the parameters once against the gradient, which stays as it is until `zero_grad`."""
        lr, (b1, b2) = self.lr if lr is None else lr, self.betas
        self.steps += 1
        rate, unbias = lr / (1 - b1**self.steps), 1 / (1 - b2**self.steps)
        for i in cache_sized(len(self.data)):
            g, mean, square, data = self.grad[i], self.mean[i], self.square[i], self.data[i]
            mean += (1 - b1) * (g - mean)
            square += (1 - b2) * (g * g - square)
            data *= 1 - lr * self.decay[i]
            data -= rate * mean / (np.sqrt(square * unbias) + self.epsilon)

    def zero_grad(self) -> None:
        self.grad.fill(0)


def clip_gradients(grad: np.ndarray, limit: float) -> float:
    """Scale a flat gradient in place so that its length is at most `limit`; returns the length it had."""
    norm = math.sqrt(float(grad @ grad))
    if norm > limit:
        grad *= limit / norm
    return norm


def warmup_cosine(step: int, steps: int, *, peak: float, warmup: int, floor: float = 0.0) -> float:
    """The learning rate at `step`: up in a line for `warmup` steps, then down half a cosine to `floor` at the end."""
    if step < warmup:
        return peak * (step + 1) / warmup
    progress = (step - warmup) / max(1, steps - warmup)
    return floor + (peak - floor) * 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))


def text_batches(tokens: np.ndarray, B: int, T: int, *, rng: np.random.Generator) -> Iterator[tuple]:
    """Endless (inputs, targets), both (B, T): random windows of a text; the targets are one token later."""
    if len(tokens) <= T:
        raise ValueError(f"The text has {len(tokens)} tokens; windows of {T} need at least {T + 1}.")
    tokens = np.asarray(tokens)
    while True:
        starts = rng.integers(0, len(tokens) - T, size=B)
        windows = tokens[starts[:, None] + np.arange(T + 1)]
        yield windows[:, :-1], windows[:, 1:]


def mean_loss(model, tokens: np.ndarray, T: int, B: int = 64) -> float:
    """The loss, in nats a token, over a whole text cut into windows of T that follow each other. No gradients."""
    count = (len(tokens) - 1) // T
    if count == 0:
        raise ValueError(f"The text has {len(tokens)} tokens; one window needs {T + 1}.")
    inputs = np.asarray(tokens[: count * T]).reshape(count, T)
    targets = np.asarray(tokens[1 : count * T + 1]).reshape(count, T)
    with no_grad():
        pieces = [(inputs[i : i + B], targets[i : i + B]) for i in range(0, count, B)]
        return sum(len(x) * model.loss(x, y).item() for x, y in pieces) / count


@dataclass
class History:
    """What happened in a run.

    `losses[i]` and `rates[i]` are the loss and the learning rate of step i, `held_out` is {step: loss}, `snapshots`
    {step: anything}, `seconds` the time that the steps took, and `stopped` says why a run ended early.
    """

    losses: list[float] = field(default_factory=list)
    rates: list[float] = field(default_factory=list)
    held_out: dict[int, float] = field(default_factory=dict)
    snapshots: dict[int, Any] = field(default_factory=dict)
    seconds: float = 0.0
    stopped: str | None = None

    def __repr__(self):
        last = f"loss {np.mean(self.losses[-50:]):.3f}" if self.losses else "no step done"
        held = f", held-out {list(self.held_out.values())[-1]:.3f}" if self.held_out else ""
        end = f" Stopped early: {self.stopped}" if self.stopped else ""
        return f"History({len(self.losses):,} steps in {self.seconds:.0f} s: {last}{held}){end}"


def train(model, batches: Iterator[tuple], *, steps: int, progress: bool = True, **options) -> History:
    """Take `steps` AdamW steps with warm-up and cosine decay, and return the `History`.

    model: has `loss(*batch)` → Tensor. batches: yields tuples of arrays whose first axis is the batch.
    options: `lr`, `warmup`, `weight_decay`, `clip`, `threads`, `evaluate`, `snapshot` and more; `Run` explains them.
    An interrupt, batches that end, or a loss that is no longer a number end it early: `History.stopped` then says so.
    """
    run = Run(model, lambda: batches, steps=steps, progress=progress, **options)
    run._loop()
    return run.history


def start(model, batches: Callable[[], Iterator[tuple]], *, steps: int, progress: bool = False, **options) -> Run:
    """The same as `train`, but in a thread of its own: returns at once, with a `Run` to steer it by.

    batches: a function that makes the iterator, so that a run can be rewound and see the same batches again:
    `lambda: text_batches(tokens, B, T, rng=np.random.default_rng(0))`.
    A model has one run at a time: to start another stops the one before.
    """
    if not callable(batches):
        raise TypeError(
            f"start() takes a function that makes the batches; {type(batches).__name__} came. Put `lambda: ` before "
            f"what makes them, for example `lambda: text_batches(tokens, B, T, rng=np.random.default_rng(0))`."
        )
    run = Run(model, batches, steps=steps, progress=progress, **options)
    run._launch()
    return run


class Run:
    """A training run in a thread of its own, made by `start`: watch, pause, change, stop or rewind it as it goes.

    lr: the peak of the learning rate, which goes up in a line for `warmup` steps and then down half a cosine. It may be
    set while the run goes on, and holds from the next step. clip: the longest gradient.
    threads: a batch is cut into this many shards that are computed at the same time. The same number gives the same
    result to the bit on one machine. evaluate: returns a held-out loss, called every `evaluate_every` steps and at the
    end. snapshot: called after each step in `snapshot_at`; 0 means before the first.
    """

    def __init__(
        self,
        model,
        batches: Callable[[], Iterator[tuple]],
        *,
        steps: int,
        lr: float = 1e-3,
        warmup: int = 100,
        weight_decay: float = 0.01,
        clip: float = 1.0,
        threads: int = 2,
        evaluate: Callable[[], float] | None = None,
        evaluate_every: int = 0,
        snapshot: Callable[[], Any] | None = None,
        snapshot_at: tuple[int, ...] = (),
        progress: bool = False,
    ):
        _keep_memory()
        self.model, self.batches, self.steps, self.lr = model, batches, steps, lr
        self.warmup, self.weight_decay, self.clip, self.threads = warmup, weight_decay, clip, threads
        self.evaluate, self.evaluate_every = evaluate, evaluate_every
        self.snapshot, self.snapshot_at = snapshot, snapshot_at
        self._bar, self._observers, self._changed = ProgressBar(steps, progress), [], threading.Condition()
        self._first = [p.data.copy() for p in model.parameters()]
        self._thread, self._ended = None, threading.Event()
        self._prepare()

    def _prepare(self) -> None:
        """Everything as it is at step 0, but for the parameters."""
        for other in list(_live):
            if other.model is self.model:
                other.stop()
        self.step, self.history, self.error, self._exception = 0, History(), None, None
        self._until, self._leave, self._idle = self.steps, None, False  # it goes on while step < _until
        self._optimizer = AdamW(self.model, weight_decay=self.weight_decay)
        self._iterator = self.batches()
        self._shards = Shards(self.model, self.threads)

    def __repr__(self):
        return f"Run({self.state}, {self.step:,} of {self.steps:,} steps; {self.history})"

    @property
    def state(self) -> str:
        """One of "running", "paused", "finished" (all steps are done) and "stopped" (`history.stopped` says why)."""
        if self.history.stopped or self.step == self.steps:
            return "stopped" if self.history.stopped else "finished"
        return "running" if self.step < self._until else "paused"

    @property
    def lr(self) -> float:
        return self._lr

    @lr.setter
    def lr(self, value: float):
        if not 0 <= value < math.inf:
            raise ValueError(f"A learning rate is a number from 0 up, for example 0.001; {value} came.")
        self._lr = value

    @property
    def steps_per_second(self) -> float:
        """Without pauses; 0 before the first step."""
        return self.step / self.history.seconds if self.step else 0.0

    @property
    def seconds_left(self) -> float | None:
        """None before the first step."""
        return (self.steps - self.step) / self.steps_per_second if self.step else None

    def pause(self) -> None:
        """Finish the step under way, then hold."""
        self._go(0)
        with self._changed:
            if self._is_elsewhere():
                self._changed.wait_for(lambda: self._idle)

    def resume(self) -> None:
        """Go on to the end. A run that is finished or stopped stays so."""
        self._go(self.steps)

    def advance(self, n: int = 1) -> None:
        """Go on for n steps, then hold; returns at once. A run that is finished or stopped stays so."""
        if n < 1:
            raise ValueError(f"advance() takes a number of steps, 1 or more; {n} came.")
        self._go(min(self.steps, self.step + n))

    def stop(self) -> None:
        """Finish the step under way, then end. The model keeps what it has learned."""
        self._go(0, leave="ended by hand")
        if self._is_elsewhere():
            self._ended.wait()

    def rewind(self) -> None:
        """Back to step 0, paused: parameters, optimizer, batches, and a new history with the snapshot of step 0.

        Run again, it gives the same numbers to the bit, if `lr` is the same: a rate that was set stays.
        """
        if not self._is_elsewhere():
            raise RuntimeError("A run cannot be rewound from inside, by what it calls; call rewind() from outside.")
        self._go(0, leave="rewound")
        self._ended.wait()
        snapshots = self.history.snapshots
        for p, first in zip(self.model.parameters(), self._first, strict=True):
            p.data[...] = first
        self._prepare()
        self.history.snapshots |= {0: snapshots[0]} if 0 in snapshots else {}
        self._until = 0
        self._launch()
        self.pause()  # returns when the new thread holds, so that nothing is added to the history after this

    def wait(self, timeout: float | None = None) -> History:
        """Wait until the run is finished or stopped, at most `timeout` seconds. An error in the run is raised here.

        An interrupt (the stop button, Ctrl-C) ends the run; the model keeps what it has learned.
        """
        until = math.inf if timeout is None else time.monotonic() + timeout
        try:  # not Thread.join, which takes an interrupted thread for dead, and not at length: Windows cannot interrupt
            while not self._ended.wait(0.1) and time.monotonic() < until:
                pass
        except KeyboardInterrupt:
            self._go(0, leave="interrupted")
            self._ended.wait()
        if self._exception:
            raise self._exception
        return self.history

    def observe(self, callback: Callable[[Run], Any]) -> Callable[[], None]:
        """Call `callback(run)`, in the run's thread, after each step and change of state. Returns what ends that."""
        self._observers.append(callback)
        return lambda: self._observers.remove(callback) if callback in self._observers else None

    def _go(self, until: int, leave: str | None = None) -> None:
        with self._changed:
            self._until, self._leave = until, leave or self._leave
            self._changed.notify_all()

    def _is_elsewhere(self) -> bool:
        return self._thread not in (None, threading.current_thread())

    # what follows runs in the run's own thread; for `train`, in the caller's

    def _launch(self) -> None:
        self._bar.update(0, self.history)  # here, so that a notebook shows it below the cell that started the run
        self._thread = threading.Thread(target=self._work, name="training", daemon=True)
        self._ended.clear()
        _live.add(self)
        self._thread.start()

    def _work(self) -> None:
        try:
            self._loop()
        except BaseException as error:  # `wait` raises it
            self._exception, self.error = error, f"{type(error).__name__}: {error}"
            self._stopped(f"an error ({self.error}) came")
            self._tell()
        finally:
            _live.discard(self)
            with self._changed:
                self._idle = True
                self._changed.notify_all()
            self._ended.set()

    def _loop(self) -> None:
        """One step after the other."""
        with self._bar, self._shards:
            try:
                if self.snapshot and 0 in self.snapshot_at and 0 not in self.history.snapshots:
                    self.history.snapshots[0] = self.snapshot()
                self._tell()
                while self._goes_on():
                    self._take_step()
                    self._tell()
            except KeyboardInterrupt:
                self._stopped("interrupted")
                self._tell()
            self._bar.update(self.step, self.history, last=True)

    def _goes_on(self) -> bool:
        """Wait while paused; False when the run has ended."""
        with self._changed:
            held = self.state == "paused"
            self._idle = True
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._leave or self.state != "paused")
            self._idle = False
            if self._leave not in (None, "rewound") and self.step < self.steps:
                self._stopped(self._leave)
            goes_on = self.state == "running" and not self._leave
        if (held and goes_on) or (self._leave and self.history.stopped):
            self._tell()
        return goes_on

    def _take_step(self) -> None:
        start, history, step, lr = time.perf_counter(), self.history, self.step, self.lr
        batch = next(self._iterator, None)
        if batch is None:
            return self._stopped("the batches ended")
        with _turn, _blas.limit(limits=self._shards.blas_threads, user_api="blas"):
            self._optimizer.zero_grad()
            loss = self._shards.gradients(batch, self._optimizer.grad)
            if not math.isfinite(loss):
                history.stopped = f"the loss became {loss} at step {step}; a learning rate below {lr} may help."
                return None
            clip_gradients(self._optimizer.grad, self.clip)
            rate = warmup_cosine(step, self.steps, peak=lr, warmup=self.warmup)
            self._optimizer.step(rate)
        history.losses.append(loss)
        history.rates.append(rate)
        done = step + 1
        if self.evaluate and (done == self.steps or self.evaluate_every and done % self.evaluate_every == 0):
            history.held_out[done] = self.evaluate()
        if self.snapshot and done in self.snapshot_at:
            history.snapshots[done] = self.snapshot()
        history.seconds += time.perf_counter() - start
        self.step = done
        self._bar.update(done, history)

    def _stopped(self, why: str) -> None:
        self.step = len(self.history.losses)
        self.history.stopped = f"{why} after {self.step} of {self.steps} steps; the model keeps what it has learned."

    def _tell(self) -> None:
        for callback in list(self._observers):
            try:
                callback(self)
            except BaseException:
                self._observers.remove(callback)
                raise


_live: set[Run] = set()  # runs whose thread has not ended
_turn = threading.RLock()  # two runs take turns at their steps, since the number of BLAS threads is the process's
_blas = ThreadpoolController()


class Shards:
    """A batch cut into `count` shards by its first axis: one for this process, one for each of its forked workers.

    Two threads would wait for each other's Python; processes do not. Parameters and gradients lie in memory that both
    see, and only shards and losses travel. Where forking is not safe (Windows, macOS) the batch stays whole.
    A shard counts by its rows, or by what the model's `loss_weight(*shard)` says, where it has one.
    """

    def __init__(self, model, count: int):
        self.model = model
        self.workers = [Worker(model) for _ in range(count - 1)] if sys.platform == "linux" else []
        self.blas_threads = 1 if self.workers else None

    def __enter__(self):
        return self

    def __exit__(self, *error):
        for worker in self.workers:
            worker.end()

    def gradients(self, batch, grad: np.ndarray) -> float:
        """Add the gradient of the batch's loss to `grad`, shard by shard in a fixed order; return the loss."""
        shards = zip(*(np.array_split(part, len(self.workers) + 1) for part in batch), strict=True)
        weigh = getattr(self.model, "loss_weight", lambda *shard: len(shard[0]))
        weighed = [(shard, weight) for shard in shards if (weight := float(weigh(*shard))) > 0]
        total = sum(weight for _, weight in weighed)
        (mine, weight), *others = weighed or [(batch, 1.0)]
        busy = list(zip(self.workers, others, strict=False))
        for worker, (shard, its_weight) in busy:
            worker.begin(shard, its_weight / total)
        loss = _gradients(self.model, mine, weight / (total or 1.0))
        for worker, (shard, _) in busy:
            result = worker.result()
            if isinstance(result, str):
                _gradients(self.model, shard)  # the same error again, with a traceback that the reader sees
                raise RuntimeError(f"A worker of the training failed: {result}. Try threads=1.")
            loss += result
            grad += worker.grad
        return loss


class Worker:
    """A fork of this process that computes the gradients of one shard after the other into `grad`."""

    def __init__(self, model):
        self.grad = shared_zeros(model.parameter_count(), model.parameters()[0].dtype)
        with _turn, warnings.catch_warnings():  # one fork at a time: none may take over another's far end of the pipe
            self.pipe, far_end = multiprocessing.Pipe()
            # Python 3.12 warns that other threads may hold locks at this moment; the fork takes none of theirs.
            warnings.filterwarnings("ignore", "This process .* is multi-threaded", DeprecationWarning)
            self.pid = os.fork()
            if self.pid == 0:
                self._serve(model, far_end)
            far_end.close()

    def begin(self, shard, weight: float) -> None:
        """Start on a shard; `result` must follow."""
        with contextlib.suppress(BrokenPipeError):  # a worker that is gone: `result` says so
            self.pipe.send((shard, weight))

    def result(self) -> float | str:
        """The loss of the shard times its weight, or the error that came instead."""
        try:
            return self.pipe.recv()
        except (EOFError, OSError):
            raise RuntimeError(
                "A worker process of the training was ended from outside, perhaps because memory ran out; "
                "try threads=1 or a smaller batch."
            ) from None

    def end(self) -> None:
        os.kill(self.pid, signal.SIGKILL)  # it holds nothing that would be lost
        os.waitpid(self.pid, 0)
        self.pipe.close()

    def _serve(self, model, pipe) -> None:
        """The fork's whole life, until it is ended or the process that it came from is gone."""
        try:
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # an interrupt is for the process that it came from
            self.pipe.close()
            _blas.limit(limits=1, user_api="blas")
            for p, p_grad in zip(model.parameters(), model.views(self.grad), strict=True):
                p.grad = p_grad
            while True:
                shard, weight = pipe.recv()
                self.grad.fill(0)
                try:
                    result = _gradients(model, shard, weight)
                except Exception as error:
                    result = f"{type(error).__name__}: {error}"
                pipe.send(result)
        finally:
            os._exit(0)


def _gradients(model, batch, weight: float = 1.0) -> float:
    loss = model.loss(*batch) * weight
    loss.backward()
    return loss.item()


def _keep_memory() -> None:
    """Ask the C library to keep freed memory for the next step. glibc, left alone, gives it back to the system each
    step and then waits for every page again, which can take a third of the time. Elsewhere nothing happens."""
    if platform.libc_ver()[0] == "glibc":
        c = ctypes.CDLL(None)
        c.mallopt(-3, 1 << 25)  # M_MMAP_THRESHOLD: up to 32 MB from the heap
        c.mallopt(-1, 1 << 30)  # M_TRIM_THRESHOLD: up to 1 GB stays


class ProgressBar:
    """One line with the step, the rate, the time left and the losses: updated in place in a notebook or a terminal."""

    def __init__(self, total: int, show: bool):
        self.total, self.show, self.next, self.handle = total, show, 0.0, None

    def __enter__(self):
        return self

    def __exit__(self, *error):
        if self.show and self.handle is None:
            sys.stderr.write("\n")

    def update(self, done: int, history: History, last: bool = False) -> None:
        """Show the state, at most four times a second."""
        now = time.perf_counter()
        if not self.show or (now < self.next and not last):
            return
        self.next = now + 0.25
        losses = f"loss {np.mean(history.losses[-50:]):.3f}" if history.losses else ""
        if history.held_out:
            losses += f", held-out {list(history.held_out.values())[-1]:.3f}"
        line = tqdm.format_meter(done, self.total, history.seconds, ncols=88, unit=" steps", postfix=losses)
        self._write(history.stopped and f"{line}\n{history.stopped}" or line)

    def _write(self, line: str) -> None:
        if "ipykernel" not in sys.modules:
            sys.stderr.write("\r" + line)
            return
        from IPython.display import display

        data = {"text/plain": line}
        if self.handle is None:
            self.handle = display(data, raw=True, display_id=True)
        else:
            self.handle.update(data, raw=True)
