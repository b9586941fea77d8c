"""Training: batches, AdamW, the learning-rate schedule, and the loop that records what happened.

`train` works on any module with a method `loss(*batch)`. Interrupt it (the stop button, Ctrl-C) and the model keeps
what it has learned. Chapters 2 and 6 build this file. Left out: mixed precision, several machines.
"""

from __future__ import annotations

import contextlib
import ctypes
import math
import platform
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits
from tqdm import tqdm

from helpers.functional import cache_sized
from helpers.tensor import no_grad


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
    """What happened in a run: `losses[i]` after step i, `held_out` as {step: loss}, `snapshots` as {step: anything}."""

    losses: list[float] = field(default_factory=list)
    held_out: dict[int, float] = field(default_factory=dict)
    snapshots: dict[int, Any] = field(default_factory=dict)
    seconds: float = 0.0
    stopped: str | None = None

    def __repr__(self):
        last = f"loss {np.mean(self.losses[-50:]):.3f}" if self.losses else "no step done"
        held = f", held-out {list(self.held_out.values())[-1]:.3f}" if self.held_out else ""
        end = f" Stopped early: {self.stopped}" if self.stopped else ""
        return f"History({len(self.losses):,} steps in {self.seconds:.0f} s: {last}{held}){end}"


def train(
    model,
    batches: Iterator[tuple],
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
    progress: bool = True,
) -> History:
    """Take `steps` AdamW steps with warm-up and cosine decay, and return the `History`.

    model: has `loss(*batch)` → Tensor. batches: yields tuples of arrays whose first axis is the batch.
    threads: a batch is cut into this many shards, each on its own Python thread with a single BLAS thread. The same
    number gives the same result to the bit on one machine. evaluate: returns a held-out loss, called every
    `evaluate_every` steps and at the end. snapshot: called after each step in `snapshot_at`; 0 means before the first.
    An interrupt or a loss that is no longer a number ends the run early and says so in `History.stopped`.
    """
    _keep_memory()
    optimizer = AdamW(model, lr=lr, weight_decay=weight_decay)
    history, start = History(), time.perf_counter()
    twins = [model.replica() for _ in range(threads)] if threads > 1 else []
    if snapshot and 0 in snapshot_at:
        history.snapshots[0] = snapshot()
    with contextlib.ExitStack() as stack:
        bar = stack.enter_context(ProgressBar(steps, progress))
        pool = stack.enter_context(ThreadPoolExecutor(threads)) if twins else None
        if twins:
            stack.enter_context(threadpool_limits(1, user_api="blas"))
        try:
            for step in range(steps):
                optimizer.zero_grad()
                batch = next(batches)
                loss = _sharded_gradients(twins, batch, pool, optimizer.grad) if twins else _gradients(model, batch)
                if not math.isfinite(loss):
                    history.stopped = f"the loss became {loss} at step {step}; a learning rate below {lr} may help."
                    break
                clip_gradients(optimizer.grad, clip)
                optimizer.step(warmup_cosine(step, steps, peak=lr, warmup=warmup))
                history.losses.append(loss)
                done = step + 1
                if evaluate and (done == steps or evaluate_every and done % evaluate_every == 0):
                    history.held_out[done] = evaluate()
                if snapshot and done in snapshot_at:
                    history.snapshots[done] = snapshot()
                history.seconds = time.perf_counter() - start
                bar.update(done, history)
        except KeyboardInterrupt:
            done = len(history.losses)
            history.stopped = f"interrupted after {done} of {steps} steps; the model keeps what it has learned."
        bar.update(len(history.losses), history, last=True)
    return history


def _gradients(model, batch) -> float:
    loss = model.loss(*batch)
    loss.backward()
    return loss.item()


def _sharded_gradients(twins, batch, pool, grad: np.ndarray) -> float:
    """The same as `_gradients`, each twin on its shard of the batch at the same time; sums in a fixed order."""
    shards = zip(*(np.array_split(part, len(twins)) for part in batch), strict=True)
    shards = [shard for shard in shards if len(shard[0])]  # fewer than twins, where the batch is small
    twins = twins[: len(shards)]

    def one(pair, shard):
        twin, its_grad = pair
        its_grad.fill(0)
        loss = _gradients(twin, shard)
        its_grad *= len(shard[0]) / len(batch[0])
        return loss * (len(shard[0]) / len(batch[0]))

    losses = list(pool.map(one, twins, shards))
    for _, its_grad in twins:
        grad += its_grad
    return sum(losses)


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
        self.total, self.show, self.next, self.handle, self.start = total, show, 0.0, None, time.perf_counter()

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
        line = tqdm.format_meter(done, self.total, now - self.start, ncols=88, unit=" steps", postfix=losses)
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
