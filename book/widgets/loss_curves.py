"""Loss curves of training runs, live while one trains, and a scrubber through the snapshots taken on the way.

A history is anything with `losses` (and `held_out`, `snapshots`, `stopped`), such as `training.History`, or a plain
list of losses; a run is anything with `history` and `observe`, such as `training.Run`. Left out: two live runs in one
figure, zooming.
"""

from __future__ import annotations

import math
import threading
import time
from types import SimpleNamespace
from typing import Any

import numpy as np
import traitlets

from book.widgets.base import Whole, Widget, pack, short
from helpers import plots

MOST = 2000  # points that a curve may have in a page; see `thinned`
RUNS = 8  # curves that can be told apart in one picture
BARS = 8  # tokens whose probabilities a snapshot shows
LONGEST = 64  # tokens in a prompt whose attention is shown


def snapshot(*, text: str = "", prompt=(), tokens=(), probabilities=None, attention=None) -> dict:
    """What a model does at one moment of its training, for the scrubber of `LossCurves`; leave out what is not there.

    text: a sample. prompt: the T tokens (strings) that the model reads, or one string of T characters.
    tokens, probabilities: the V tokens of the vocabulary and what the model gives each of them after the prompt.
    attention: weights (T, T) or (heads, T, T) over the prompt. Raises ValueError, with a sentence.
    """
    prompt, tokens = list(prompt), list(tokens)
    if probabilities is not None:
        probabilities = np.asarray(probabilities, dtype=float)
        if probabilities.shape != (len(tokens),):
            raise ValueError(
                f"{len(tokens)} tokens and probabilities of shape {probabilities.shape} came; give one for each token."
            )
        if not (np.all(probabilities >= 0) and abs(probabilities.sum() - 1) < 1e-3):
            raise ValueError(f"The probabilities sum to {probabilities.sum():.4g}; they must be ≥ 0 and sum to 1.")
    if attention is not None:
        attention, T = np.asarray(attention, dtype=float), len(prompt)
        attention = attention[None] if attention.ndim == 2 else attention
        if attention.ndim != 3 or attention.shape[1:] != (T, T) or not 1 <= T <= LONGEST:
            raise ValueError(
                f"Attention of shape {attention.shape} came with a prompt of {T} tokens; it must be (T, T) or "
                f"(heads, T, T) with T = the number of tokens, from 1 to {LONGEST}."
            )
        if not (np.all(attention >= 0) and np.allclose(attention.sum(-1), 1, atol=1e-3)):
            raise ValueError("The rows of the attention weights must be ≥ 0 and sum to 1; take them after softmax.")
    return {"text": text, "prompt": prompt, "tokens": tokens, "probabilities": probabilities, "attention": attention}


def thinned(losses) -> tuple[np.ndarray, np.ndarray]:
    """(steps, losses) with at most 2,000 points: the means of stretches of equally many steps, one step if they fit."""
    losses = np.asarray(losses, dtype=float)
    each = max(1, math.ceil(len(losses) / MOST))
    starts = np.arange(0, len(losses), each)
    counts = np.diff(np.append(starts, len(losses)))
    return starts + (counts - 1) / 2, np.add.reduceat(losses, starts) / counts if len(losses) else losses


class LossCurves(Widget):
    """Training and held-out losses of one or more runs; move through the steps to read them and to see snapshots.

    runs: a history, a run, or a dictionary from names to histories (one of them may be a run). With a run, JupyterLab
    shows its progress and the controls: pause, one step, go on, stop, learning rate, rewind.
    lines: {words: loss}, drawn across. ylabel: says what the loss is. low, high: the ends of the loss axis.
    Snapshots are texts, or what `snapshot` makes. Settings: `step`, `smooth`, `log_loss`, `log_steps`, `head`, `shown`.
    `smooth` begins at 25 steps, or fewer for short runs. A curve of more than 2,000 steps is drawn from means of
    stretches; see `thinned`.
    """

    _run = _problem = None
    settings = ("step", "smooth", "log_loss", "log_steps", "head", "shown")

    curves = traitlets.List().tag(sync=True)
    live = traitlets.Dict(default_value=None, allow_none=True).tag(sync=True)
    lines = traitlets.Dict().tag(sync=True)
    ylabel = traitlets.Unicode("loss (nats per token)").tag(sync=True)
    low = traitlets.Float(None, allow_none=True).tag(sync=True)
    high = traitlets.Float(None, allow_none=True).tag(sync=True)
    step = Whole(10**9, 0, 10**9, help="where the reader looks; beyond the end means the end").tag(sync=True)
    smooth = Whole(1, 1, 200, help="steps in the mean that the strong line shows").tag(sync=True)
    log_loss = traitlets.Bool(False).tag(sync=True)
    log_steps = traitlets.Bool(False).tag(sync=True)
    head = Whole(0, 0, 63, help="the attention head that is shown").tag(sync=True)
    shown = Whole(0, 0, RUNS, help="the run whose snapshots are shown").tag(sync=True)

    def __init__(self, runs, *, lines: dict[str, float] | None = None, **options):
        given = dict(runs) if isinstance(runs, dict) else {"": runs}
        if not 1 <= len(given) <= RUNS:
            raise ValueError(f"{len(given)} runs came; one picture shows from 1 to {RUNS} of them.")
        live = [name for name, run in given.items() if hasattr(run, "observe")]
        if len(live) > 1:
            raise ValueError(f"{len(live)} runs that may still go on came; one picture shows one of them live.")
        self._given, self._run = given, given[live[0]] if live else None
        self._lock, self._sent, self._next, self._drawn, self._before = threading.Lock(), None, 0.0, 0, None
        lines = {words: float(loss) for words, loss in (lines or {}).items()}
        if not all(map(math.isfinite, lines.values())):
            raise ValueError(f"The lines {lines} came; each needs a finite loss.")
        curves = self._curves()
        longest = max(max(curve["steps"], curve["count"]) for curve in curves)
        options.setdefault("smooth", max(1, min(25, longest // 40)))
        super().__init__(curves=curves, lines=lines, **options)
        if self._run:
            self._peak, self._history = self._run.lr, self._run.history
            self.live = self._status()
            self.on_msg(self._asked)
            self._ends = self._run.observe(self._stepped)

    def _curves(self, snapshots: bool = True) -> list[dict]:
        """Each run as the module draws it; after a rewind, what the live run did before comes last."""
        curves = [
            _curve(name, _history(run), getattr(run, "steps", None), snapshots) for name, run in self._given.items()
        ]
        if self._run and self._before:
            curves.append({**_curve("before the rewind", self._before, self._run.steps, False), "ghost": True})
        for curve in curves:
            curve["live"] = curve["name"] in self._given and self._given[curve["name"]] is self._run
        return curves

    def state(self):
        """For a page: everything up to now, and no controls, since there is no kernel to obey them."""
        return {**super().state(), "curves": self._curves(), "live": None}

    # live: the run's thread sends what is new, at most ten times a second; the reader's buttons arrive in `_asked`

    def _status(self) -> dict:
        run = self._run
        return {
            "state": run.state,
            "step": run.step,
            "steps": run.steps,
            "speed": short(run.steps_per_second),
            "left": None if run.seconds_left is None else short(run.seconds_left),
            "peak": run.lr,
            "first": self._peak,
            "rate": run.history.rates[-1] if run.history.rates else None,
            "error": run.error,
        }

    def _stepped(self, run) -> None:
        self._tell()

    def _tell(self, *, whole: bool = False, now: bool = False, problem: str | None = None) -> None:
        """Send what the views do not have yet; `whole` sends everything, `now` does not wait for its turn."""
        with self._lock:
            run, history = self._run, self._run.history
            if history is not self._history:  # it was rewound
                self._before = self._history if len(self._history.losses) > 1 else self._before
                self._history, whole = history, True
            marks = (run.state, len(history.held_out), len(history.snapshots))
            if not (whole or now or self._sent is None or marks != self._sent[1:]) and time.monotonic() < self._next:
                return
            self._next = time.monotonic() + 0.1
            ended = marks[0] in ("finished", "stopped") and marks != (self._sent or marks)[1:]
            whole = whole or ended or self._sent is None or marks[2] != self._sent[3]
            message: dict[str, Any] = {"live": self._status()}
            if whole or len(history.losses) > self._drawn + MOST:  # not too many points for a view, either
                self._drawn = len(history.losses)
                try:
                    message["curves"], self._problem = self._curves(), None
                except ValueError as error:  # a snapshot that cannot be shown is no reason to end the training
                    message["curves"], self._problem = self._curves(snapshots=False), str(error)
            else:
                losses = history.losses[self._sent[0] :]
                message["more"] = {"from": self._sent[0], "losses": short(losses), **_ends(history)}
            message["problem"] = problem or self._problem
            self._sent = (len(history.losses), *marks)
            self.send(message)

    def _asked(self, _, content: dict, buffers) -> None:
        run, problem = self._run, None
        does = {"pause": run.pause, "go on": run.resume, "one step": run.advance, "stop": run.stop}
        does |= {"rewind": run.rewind, "rate": lambda: setattr(run, "lr", content["value"]), "all": lambda: None}
        try:
            does[content["do"]]()
        except (ValueError, RuntimeError) as error:
            problem = str(error)
        self._tell(whole=content["do"] == "all", now=True, problem=problem)

    def close(self):
        if self._run:
            self._ends()
        super().close()

    # the still picture

    def still(self):
        drawn = {c["name"] or "loss": c for c in self._curves() if c["y"]}
        texts = next(([(s["step"], s["text"]) for s in c["snapshots"] if s["text"]] for c in drawn.values()), [])
        height = 3.2 + 0.21 * (len(texts) + 1) * bool(texts)
        fig, (ax, below) = plots.plt.subplots(
            2, 1, figsize=(6.8, height), height_ratios=[3.2, max(1e-3, height - 3.2)], squeeze=True
        )
        below.axis("off")
        for i, (step, text) in enumerate(texts):
            y = 1 - (i + 0.5) / len(texts)
            words = plots.visible(text[:72]) + ("…" if len(text) > 72 else "")
            below.text(0, y, f"after {step:,}", va="center", fontsize=8, color=plots.MUTED)
            below.text(0.13, y, words, va="center", fontsize=8)
        if not drawn:
            ax.set(xlabel="step", ylabel=self.ylabel)
            ax.text(0.5, 0.5, "no step done yet", ha="center", transform=ax.transAxes, color=plots.MUTED)
            return ax
        every = {name: np.interp(np.arange(c["count"]), c["x"], c["y"]) for name, c in drawn.items()}
        histories = {name: SimpleNamespace(losses=every[name], held_out=dict(c["held"])) for name, c in drawn.items()}
        plots.loss_curves(histories, ax, smooth=self.smooth, ylabel=self.ylabel)
        for (words, loss), style in zip(self.lines.items(), [":", "-.", "--"] * len(self.lines), strict=False):
            ax.axhline(loss, color=plots.MUTED, linestyle=style, linewidth=1.3, label=words)
        ax.set_yscale("log" if self.log_loss else "linear")
        ax.set_xscale("symlog" if self.log_steps else "linear")
        ax.set_ylim(self.low, self.high)
        ax.legend()
        return ax

    def alt(self):
        said = []
        for curve in self._curves():
            name = f"{curve['name']}: training" if curve["name"] else "Training"
            if not curve["y"]:
                said.append(f"{name}: {curve['note'] or 'no step done yet'}")
                continue
            last = np.mean(curve["y"][-self.smooth :])
            held = f", held-out {curve['held'][-1][1]:.3g}" if curve["held"] else ""
            end = f"; {curve['note']}" if curve["note"] else ""
            said.append(f"{name} loss from {curve['y'][0]:.3g} to {last:.3g} in {curve['count']:,} steps{held}{end}")
        texts = [(s["step"], s["text"]) for c in self._curves() for s in c["snapshots"] if s["text"]]
        if texts:
            said.append(f"The sample after {texts[-1][0]:,} steps begins: {texts[-1][1][:80]!r}")
        return "Loss curves. " + ". ".join(s.rstrip(".") for s in said) + "."


def _history(run):
    return run.history if hasattr(run, "observe") else run


def _ends(history) -> dict:
    """Held-out losses, and what there is to say about a curve's end."""
    held = [[int(step), float(loss)] for step, loss in getattr(history, "held_out", {}).items()]
    bad = [f"the held-out loss became {loss} at step {step}" for step, loss in held if not math.isfinite(loss)]
    note = getattr(history, "stopped", None) or "; ".join(bad[:1])
    return {"held": [[step, short(loss)] for step, loss in held if math.isfinite(loss)], "note": note}


def _curve(name: str, history, steps: int | None, snapshots: bool = True) -> dict:
    """One run for the module: its points, thinned, up to the first that is no number. Loss i is that after i steps."""
    losses = np.asarray(getattr(history, "losses", history), dtype=float)
    if losses.ndim != 1 or (steps is None and not len(losses)):
        what = f" {name!r}" if name else ""
        raise ValueError(
            f"The run{what} has losses of shape {losses.shape}; give one number a step, and at least one of them."
        )
    good = np.isfinite(losses)
    count = len(losses) if good.all() else int(good.argmin())
    ends = _ends(history)
    if count < len(losses):
        ends["note"] = ends["note"] or f"the loss became {losses[count]} at step {count}; a smaller rate may help"
    x, y = thinned(losses[:count])
    return {
        "name": name,
        "x": short(x),
        "y": short(y),
        "count": count,
        "each": max(1, math.ceil(count / MOST)),
        "broken": count < len(losses) or "became" in ends["note"],
        "steps": steps or len(losses),
        "ghost": False,
        **ends,
        **_snapshots(getattr(history, "snapshots", {}) if snapshots else {}),
    }


def _snapshots(taken: dict) -> dict:
    """Snapshots for the module: bars for the tokens that are ever among the most probable, and one for all others."""
    read = {
        int(step): snapshot(**({"text": one} if isinstance(one, str) else one))
        for step, one in sorted(taken.items())
        if one is not None
    }
    first = next(iter(read.values()), snapshot())
    for step, one in read.items():
        if one["prompt"] != first["prompt"] or one["tokens"] != first["tokens"]:
            raise ValueError(f"The snapshot of step {step} has another prompt or vocabulary than the first; keep them.")
    all_p = [one["probabilities"] for one in read.values() if one["probabilities"] is not None]
    ever = np.argsort(-np.max(all_p, axis=0), kind="stable")[:BARS] if all_p else np.array([], dtype=int)
    chosen = ever[np.argsort(-all_p[-1][ever], kind="stable")] if all_p else ever
    return {
        "prompt": first["prompt"],
        "tokens": [first["tokens"][i] for i in chosen],
        "snapshots": [
            {
                "step": step,
                "text": one["text"],
                "bars": None if one["probabilities"] is None else short(one["probabilities"][chosen]),
                "attention": None if one["attention"] is None else pack(np.clip(one["attention"], 0, 1)),
            }
            for step, one in read.items()
        ],
    }
