"""Training: batches, AdamW, the learning-rate schedule, and the loop that records what happened.

`train` works on any module with a method `loss(*batch)`. Interrupt it (the stop button, Ctrl-C) and the model keeps
what it has learned. Chapters 2 and 6 build this file. Left out: mixed precision, several machines.
"""

from __future__ import annotations

import contextlib
import math
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits
from tqdm import tqdm

from helpers.tensor import no_grad


class AdamW:
    """Adam with decoupled weight decay, on a model's flat parameter buffer.

    Weight decay applies to matrices and embeddings, not to biases and norms.
    Sources: Kingma and Ba 2015; Loshchilov and Hutter 2019.
    """

    def __init__(self, model, *, lr: float = 1e-3, betas=(0.9, 0.99), epsilon: float = 1e-8, weight_decay: float = 0.01):
        self.data, self.grad = model.flatten()
        self.lr, self.betas, self.epsilon, self.steps = lr, betas, epsilon, 0
        self.mean, self.square = np.zeros_like(self.data), np.zeros_like(self.data)
        self.decay = np.concatenate([np.full(p.size, weight_decay * (p.ndim > 1)) for p in model.parameters()])
        self.decay = self.decay.astype(self.data.dtype)

    def step(self, lr: float | None = None) -> None:
        """Move the parameters once against the gradient, which stays as it is until `zero_grad`."""
        lr, (b1, b2), g = self.lr if lr is None else lr, self.betas, self.grad
        self.steps += 1
        self.mean += (1 - b1) * (g - self.mean)
        self.square += (1 - b2) * (g * g - self.square)
        scale = np.sqrt(self.square / (1 - b2**self.steps))
        scale += self.epsilon
        self.data *= 1 - lr * self.decay
        self.data -= (lr / (1 - b1**self.steps)) * self.mean / scale

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


def text_batches(tokens: np.ndarray, B: int, T: int, *, rng: np.random.Generator) -> Iterator[tuple[np.ndarray, np.ndarray]]:
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
        pieces = [(len(inputs[i : i + B]), model.loss(inputs[i : i + B], targets[i : i + B]).item()) for i in range(0, count, B)]
    return sum(n * loss for n, loss in pieces) / count


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
                loss = _sharded_gradients(model, twins, batch, pool) if twins else _gradients(model, batch)
                if not math.isfinite(loss):
                    history.stopped = f"the loss became {loss} at step {step}; a lower learning rate than {lr} may help."
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
            history.stopped = f"interrupted after {len(history.losses)} of {steps} steps; the model keeps what it has learned."
        bar.update(len(history.losses), history, last=True)
    return history


def _gradients(model, batch) -> float:
    loss = model.loss(*batch)
    loss.backward()
    return loss.item()


def _sharded_gradients(model, twins, batch, pool) -> float:
    """The same as `_gradients`, each twin on its shard of the batch at the same time; sums in a fixed order."""
    shards = list(zip(*(np.array_split(part, len(twins)) for part in batch), strict=True))
    losses = list(pool.map(_gradients, twins, shards))
    shares = [len(shard[0]) / len(batch[0]) for shard in shards]
    for twin, share in zip(twins, shares, strict=True):
        for mine, its in zip(model.parameters(), twin.parameters(), strict=True):
            if its.grad is not None:  # a parameter that the loss does not use has none
                mine.grad += share * its.grad
            its.grad = None
    return sum(share * loss for share, loss in zip(shares, losses, strict=True))


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
