"""Training: batches, AdamW, the learning-rate schedule, and the loop.

`train` works on any module with a method `loss(*batch)`. To watch a run, pause it, or step through it, see `runs.py`.
Chapters 2 and 6 build this file. Left out: mixed precision, several machines, saving the optimizer.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

import numpy as np

from helpers.checks import real, whole
from helpers.functional import cache_sized
from helpers.parallel import Shards, loss_and_count
from helpers.progress import ProgressBar
from helpers.tensor import no_grad


class AdamW:
    """Adam with decoupled weight decay, which applies to matrices and embeddings but not to biases and norms.

    The parameters become views of one flat array, `data`, and their gradients of another, `grad`, so that one step
    takes a dozen vector operations whatever the model. Sources: Kingma and Ba 2015; Loshchilov and Hutter 2019.
    """

    def __init__(self, model, *, lr: float = 1e-3, betas=(0.9, 0.99), epsilon=1e-8, weight_decay: float = 0.01):
        self.lr, self.epsilon, self.steps = real("lr", lr), real("epsilon", epsilon, above=True), 0
        self.betas = [real("beta", beta, most=1) for beta in betas]
        self.parameters = model.parameters()
        self.data = np.concatenate([p.data.reshape(-1) for p in self.parameters])
        self.grad, self.mean, self.square = (np.zeros_like(self.data) for _ in range(3))
        decays = [np.full(p.size, real("weight_decay", weight_decay) * (p.ndim > 1)) for p in self.parameters]
        self.decay = np.concatenate(decays).astype(self.data.dtype)
        ends = np.cumsum([p.size for p in self.parameters])[:-1]
        self.views = [
            tuple(flat.reshape(p.shape) for flat in flats)
            for p, *flats in zip(self.parameters, np.split(self.data, ends), np.split(self.grad, ends), strict=True)
        ]
        self.gather()

    def gather(self) -> None:
        """Bring in parameters and gradients that others have replaced, such as a second optimizer."""
        for p, (data, grad) in zip(self.parameters, self.views, strict=True):
            if p.data is not data:
                data[...], p.data = p.data, data
            if p.grad is not grad:
                grad[...], p.grad = 0 if p.grad is None else p.grad, grad

    def step(self, lr: float | None = None) -> None:
        """Move the parameters once, against the gradient."""
        self.gather()
        lr, (b1, b2) = self.lr if lr is None else lr, self.betas
        self.steps += 1
        rate, unbias = lr / (1 - b1**self.steps), 1 / (1 - b2**self.steps)
        for i in cache_sized(len(self.data), size=4):  # four arrays at a time
            g, mean, square, data = self.grad[i], self.mean[i], self.square[i], self.data[i]
            mean += (1 - b1) * (g - mean)
            square += (1 - b2) * (g * g - square)
            data *= 1 - lr * self.decay[i]
            data -= rate * mean / (np.sqrt(square * unbias) + self.epsilon)

    def zero_grad(self) -> None:
        self.gather()
        self.grad.fill(0)


def clip_gradients(grad: np.ndarray, limit: float) -> float:
    """Scale a flat gradient in place so that its length is at most `limit`. Returns the length it had."""
    norm = math.sqrt(float(grad @ grad))
    if norm > real("clip", limit, above=True):
        grad *= limit / norm
    return norm


def warmup_cosine(step: int, steps: int, *, peak: float, warmup: int, floor: float = 0.0) -> float:
    """The learning rate at `step`: a straight line up for `warmup` steps, then half a cosine down to `floor`."""
    if step < warmup:
        return peak * (step + 1) / warmup
    progress = (step - warmup) / max(1, steps - warmup)
    return floor + (peak - floor) * 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))


def text_batches(tokens: np.ndarray, B: int, T: int, *, rng: np.random.Generator) -> Iterator[tuple]:
    """Endless (inputs, targets), both (B, T): random windows of a text. The targets are one token later."""
    B, T, tokens = whole("B", B), whole("T", T), np.asarray(tokens)
    if len(tokens) <= T:
        raise ValueError(f"Windows of {T} tokens need a text of at least {T + 1}; got {len(tokens)}.")

    def batches():
        while True:
            starts = rng.integers(0, len(tokens) - T, size=B)
            windows = tokens[starts[:, None] + np.arange(T + 1)]
            yield windows[:, :-1], windows[:, 1:]

    return batches()


def mean_loss(model, tokens: np.ndarray, T: int, B: int = 64) -> float:
    """The loss, in nats per token, over a whole text cut into consecutive windows of T tokens. No gradients."""
    B, count = whole("B", B), (len(tokens) - 1) // whole("T", T)
    if count == 0:
        raise ValueError(f"One window of {T} tokens needs a text of at least {T + 1}; got {len(tokens)}.")
    inputs = np.asarray(tokens[: count * T]).reshape(count, T)
    targets = np.asarray(tokens[1 : count * T + 1]).reshape(count, T)
    with no_grad():
        pieces = [loss_and_count(model, (inputs[i : i + B], targets[i : i + B])) for i in range(0, count, B)]
    return sum(loss.item() * n for loss, n in pieces) / sum(n for _, n in pieces)


class Ended(Enum):
    """How a run ended. `History.message` puts it in words."""

    FINISHED = "Finished all {steps:,} steps."
    STOPPED = "Stopped after {done:,} of {steps:,} steps. The model keeps what it has learned."
    INTERRUPTED = "Interrupted after {done:,} of {steps:,} steps. The model keeps what it has learned."
    REPLACED = "Stopped after {done:,} of {steps:,} steps, because another run started."
    OUT_OF_BATCHES = "The batches ran out after {done:,} of {steps:,} steps. Pass more of them, or take fewer steps."
    DIVERGED = (
        "Step {step:,} gave a loss of {loss:.4g} and a gradient of length {norm:.4g}. "
        "The run stopped, and the model is back at its last good step. Try a learning rate below {lr:g}."
    )
    FAILED = "The run stopped after {done:,} of {steps:,} steps: {error}"


@dataclass
class History:
    """What happened in a run.

    losses[i], rates[i]: the loss and the learning rate of step i. held_out: {step: loss}. snapshots: {step: anything}.
    seconds: how long the steps took. ended: how the run ended, with `details`; None while it's going on.
    """

    losses: list[float] = field(default_factory=list)
    rates: list[float] = field(default_factory=list)
    held_out: dict[int, float] = field(default_factory=dict)
    snapshots: dict[int, Any] = field(default_factory=dict)
    seconds: float = 0.0
    ended: Ended | None = None
    details: dict[str, Any] = field(default_factory=dict)

    def message(self) -> str:
        """How the run ended, in a sentence; empty while it's going on."""
        return self.ended.value.format(**self.details) if self.ended else ""

    def latest(self) -> str:
        """The loss, as a mean over the last 50 steps, and the last held-out loss."""
        losses = [f"loss {np.mean(self.losses[-50:]):.3f}"] if self.losses else ["no steps yet"]
        return ", ".join(losses + [f"held-out {loss:.3f}" for loss in list(self.held_out.values())[-1:]])

    def __repr__(self):
        early = "" if self.ended in (None, Ended.FINISHED) else f" {self.message()}"
        return f"History({len(self.losses):,} steps in {self.seconds:.0f} s, {self.latest()}){early}"


class Interrupted(KeyboardInterrupt):
    """An interrupt (■ or Ctrl-C) during training. It still stops the cell; `history` holds what happened until then."""

    def __init__(self, history: History):
        super().__init__(history.message())
        self.history = history

    def _render_traceback_(self):  # IPython shows this in place of a traceback
        return [str(self)]


@dataclass(kw_only=True)
class Trainer:
    """One training run, a step at a time. `train` calls `step` in a loop; `runs.start` does so in a thread.

    lr: the peak learning rate, reached after `warmup` steps; from there it follows half a cosine down. clip: the
    longest gradient allowed. threads: how many shards of a batch are computed at the same time; with the same number,
    one machine gives the same bits every time. evaluate: returns a held-out loss, every `evaluate_every` steps and at
    the end. snapshot: called after each step in `snapshot_at`, where 0 means before the first.
    """

    model: Any
    batches: Iterator[tuple]
    steps: int
    lr: float = 1e-3
    warmup: int = 100
    weight_decay: float = 0.01
    clip: float = 1.0
    threads: int = 2
    evaluate: Callable[[], float] | None = None
    evaluate_every: int = 0
    snapshot: Callable[[], Any] | None = None
    snapshot_at: tuple[int, ...] = ()
    history: History = field(default_factory=History)

    def __post_init__(self):
        for name, least in (("steps", 1), ("warmup", 0), ("threads", 1), ("evaluate_every", 0)):
            whole(name, getattr(self, name), least)
        real("lr", self.lr), real("clip", self.clip, above=True)
        self.optimizer = AdamW(self.model, weight_decay=self.weight_decay)
        self.shards = Shards(self.model, self.threads)
        self.good = self.optimizer.data.copy()  # the parameters to go back to
        if self.snapshot and 0 in self.snapshot_at:
            self.history.snapshots[0] = self.snapshot()

    def step(self) -> bool:
        """Take one step. Returns False when the run has ended."""
        began, history, done = time.perf_counter(), self.history, len(self.history.losses)
        batch = next(self.batches, None)
        if batch is None:
            return self.end(Ended.OUT_OF_BATCHES)
        try:
            loss = self.shards.gradients(batch, self.optimizer)
            norm = clip_gradients(self.optimizer.grad, self.clip)
            if not (math.isfinite(loss) and math.isfinite(norm)):
                if not math.isfinite(loss):  # the step before spoiled the parameters
                    self.optimizer.data[:] = self.good
                return self.end(Ended.DIVERGED, step=done, loss=loss, norm=norm, lr=self.lr)
            self.good[:] = self.optimizer.data
            rate = warmup_cosine(done, self.steps, peak=self.lr, warmup=self.warmup)
            self.optimizer.step(rate)
            history.rates.append(rate)
            history.losses.append(loss)
        except BaseException:  # an interrupt can hit halfway through the update
            if self.optimizer.steps > len(history.losses):
                self.optimizer.data[:] = self.good
                del history.rates[len(history.losses) :]
            raise
        done += 1
        if self.evaluate and (done == self.steps or self.evaluate_every and done % self.evaluate_every == 0):
            history.held_out[done] = self.evaluate()
        if self.snapshot and done in self.snapshot_at:
            history.snapshots[done] = self.snapshot()
        history.seconds += time.perf_counter() - began
        return done < self.steps or self.end(Ended.FINISHED)

    def end(self, how: Ended, **details) -> bool:
        """Write down how the run ended, and release its threads. Returns False."""
        self.history.details = {"done": len(self.history.losses), "steps": self.steps, **details}
        self.history.ended = how
        self.shards.close()
        return False


live: list = []  # the run that goes on in a thread, if any: see runs.py


def make_way() -> None:
    """Stop the run that's going on. A kernel has one at a time: two would fight over the cores."""
    while live:
        live.pop().replace()


def train(model, batches: Iterator[tuple], *, steps: int, progress: bool = True, **options) -> History:
    """Take `steps` AdamW steps with warm-up and cosine decay, and return the `History`.

    model: has `loss(*batch)`, which returns the mean loss, or (mean loss, how many it averages). batches: yields tuples
    of arrays whose first axis is the batch. options: `lr`, `warmup`, `clip`, …; see `Trainer`. If the loss stops being
    a number or the batches run out, the run ends early, and `History.message()` says so.
    """
    make_way()
    trainer = Trainer(model=model, batches=batches, steps=steps, **options)
    history, bar = trainer.history, ProgressBar(steps, "steps", show=progress)
    try:
        while trainer.step():
            bar.update(len(history.losses), history.seconds, history.latest())
    except KeyboardInterrupt:
        trainer.end(Ended.INTERRUPTED)
        raise Interrupted(history) from None
    finally:
        trainer.shards.close()
        bar.finish(len(history.losses), history.seconds, history.latest(), history.message())
    return history
