"""Loss curves of training runs, live during training, with a scrubber through the snapshots taken on the way.

A history is a `training.History`, anything else with `losses`, or a plain list of losses. A run is a `runs.Run`. Left
out: two live runs in one figure, zooming.
"""

from __future__ import annotations

import math
import threading
import time
import weakref
from types import SimpleNamespace
from typing import Any

import numpy as np
import traitlets

from book.widgets.base import Whole, Widget, pack, short
from helpers import plots
from helpers.training import Ended, History

MOST = 2000  # points of a curve in a page; see `thinned`
RUNS = 8  # curves you can tell apart in one picture
BARS = 8  # tokens whose probabilities a snapshot shows
LONGEST = 64  # tokens of a prompt whose attention is shown


def snapshot(*, text: str = "", prompt=(), tokens=(), probabilities=None, attention=None) -> dict:
    """What a model can do at one moment of its training, for the scrubber of `LossCurves`. Pass what there is.

    text: a sample. prompt: the T tokens (strings) that the model reads, or one string of T characters.
    tokens, probabilities: the V tokens of the vocabulary, and what the model gives each of them after the prompt.
    attention: weights (T, T) or (heads, T, T) over the prompt. Raises ValueError with a sentence.
    """
    prompt, tokens = list(prompt), list(tokens)
    if probabilities is not None:
        probabilities = np.asarray(probabilities, dtype=float)
        if probabilities.shape != (len(tokens),):
            raise ValueError(
                f"{len(tokens)} tokens need as many probabilities; got an array of shape {probabilities.shape}."
            )
        if not (np.all(probabilities >= 0) and abs(probabilities.sum() - 1) < 1e-3):
            total = f"{probabilities.sum():.4g}"
            raise ValueError(f"Probabilities must be at least 0 and sum to 1; got {total}. Take them after softmax.")
    if attention is not None:
        attention, T = np.asarray(attention, dtype=float), len(prompt)
        attention = attention[None] if attention.ndim == 2 else attention
        if attention.ndim != 3 or attention.shape[1:] != (T, T) or not 1 <= T <= LONGEST:
            raise ValueError(
                f"Attention over a prompt of {T} tokens must have the shape (T, T) or (heads, T, T), with T from 1 to "
                f"{LONGEST}; got {attention.shape}."
            )
        if not (np.all(attention >= 0) and np.allclose(attention.sum(-1), 1, atol=1e-3)):
            sums = f"{attention.sum(-1).min():.3g} to {attention.sum(-1).max():.3g}"
            raise ValueError(
                f"Rows of attention weights must be at least 0 and sum to 1; got {sums}. Take them after softmax."
            )
    return {"text": text, "prompt": prompt, "tokens": tokens, "probabilities": probabilities, "attention": attention}


def thinned(losses) -> tuple[np.ndarray, np.ndarray]:
    """(steps, losses) with at most 2,000 points, each the mean of equally many steps: one, if they fit."""
    losses = np.asarray(losses, dtype=float)
    each = max(1, math.ceil(len(losses) / MOST))
    starts = np.arange(0, len(losses), each)
    counts = np.diff(np.append(starts, len(losses)))
    return starts + (counts - 1) / 2, np.add.reduceat(losses, starts) / counts if len(losses) else losses


class LossCurves(Widget):
    """Training and held-out losses of one or more runs. Move through the steps to read them and to see snapshots.

    runs: a history, a run, or a dictionary from names to histories (one of them may be a run). For a run, JupyterLab
    shows the progress and controls: pause, one step, go on, stop, learning rate, rewind.
    lines: {words: loss}, drawn across. ylabel: what the loss is. low, high: the ends of the loss axis. smooth: by
    default 25 steps, or fewer for short runs. Snapshots are texts, or what `snapshot` makes. A curve of more than 2,000
    steps is drawn from means; see `thinned`.
    """

    settings = ("step", "smooth", "log_loss", "log_steps", "head", "shown")
    _run_ref = staticmethod(lambda: None)

    curves = traitlets.List().tag(sync=True)
    live = traitlets.Dict(default_value=None, allow_none=True).tag(sync=True)
    lines = traitlets.Dict().tag(sync=True)
    ylabel = traitlets.Unicode("loss (nats per token)").tag(sync=True)
    low = traitlets.Float(None, allow_none=True).tag(sync=True)
    high = traitlets.Float(None, allow_none=True).tag(sync=True)
    step = Whole(10**9, 0, 10**9, help="where the cursor is; beyond the end means the end").tag(sync=True)
    smooth = Whole(1, 1, 200, help="how many steps the strong line averages").tag(sync=True)
    log_loss = traitlets.Bool(False).tag(sync=True)
    log_steps = traitlets.Bool(False).tag(sync=True)
    head = Whole(0, 0, 63, help="the attention head to show").tag(sync=True)
    shown = Whole(0, 0, RUNS, help="the run whose snapshots to show").tag(sync=True)

    def __init__(self, runs, *, lines: dict[str, float] | None = None, **options):
        given = dict(runs) if isinstance(runs, dict) else {"": runs}
        if not 1 <= len(given) <= RUNS:
            raise ValueError(f"One picture shows from 1 to {RUNS} runs; got {len(given)}.")
        live = {name: run for name, run in given.items() if hasattr(run, "observe")}
        if len(live) > 1:
            raise ValueError(
                f"One picture follows one run; got {len(live)}. Pass the history of the others, such as run.history."
            )
        lines = {words: float(loss) for words, loss in (lines or {}).items()}
        if not all(map(math.isfinite, lines.values())):
            raise ValueError(f"Each line needs a finite loss; got {lines}.")
        self._followed, run = next(iter(live.items()), (None, None))
        self._steps = run.steps if run else None
        self._histories = given | {name: run.history for name, run in live.items()}
        self._before: History | None = None
        self._problem: str | None = None
        self._sent: tuple[Any, ...] | None = None  # how many losses, and `marks`
        self._lock, self._next, self._drawn = threading.Lock(), 0.0, 0
        curves = self._curves()
        longest = max(max(curve["steps"], curve["count"]) for curve in curves)
        options.setdefault("smooth", max(1, min(25, longest // 40)))
        super().__init__(curves=curves, lines=lines, **options)
        if run:
            self._run_ref, self._peak, self._unfollow = weakref.ref(run), run.lr, _following(run, self)
            self.live = self._status()
            self.on_msg(self._asked)

    @property
    def _run(self):
        """The run this figure follows, or None. The figure doesn't keep it: it goes when another one replaces it."""
        return self._run_ref()

    def _curves(self, snapshots: bool = True) -> list[dict]:
        """Each run the way the module draws it. After a rewind, what the live run did before is last."""
        curves = []
        for name, history in self._histories.items():
            live = name == self._followed
            curves.append(_curve(name, history, self._steps if live else None, snapshots) | {"live": live})
        if self._before:
            before = _curve("before the rewind", self._before, self._steps, snapshots=False)
            curves.append(before | {"live": False, "ghost": True})
        return curves

    def state(self):
        """For a page: everything up to now, and no controls, since there's no kernel to obey them."""
        return {**super().state(), "curves": self._curves(), "live": None}

    # live: the run's thread sends what's new, at most ten times a second; the reader's buttons arrive in `_asked`

    def _status(self) -> dict:
        if run := self._run:
            self._last = {
                "state": run.state,
                "step": run.step,
                "steps": run.steps,
                "speed": short(run.steps_per_second),
                "left": None if run.seconds_left is None else short(run.seconds_left),
                "peak": run.lr,
                "first": self._peak,
                "rate": run.history.rates[-1] if run.history.rates else None,
                "message": run.history.message(),
            }
        return self._last

    def _tell(self, *, whole: bool = False, now: bool = False, problem: str | None = None) -> None:
        """Send what the views don't have yet. `whole` sends everything, `now` doesn't wait for its turn."""
        with self._lock:
            live, history = self._status(), self._histories[self._followed]
            if self._run and self._run.history is not history:  # it was rewound
                self._before = history if len(history.losses) > 1 else self._before
                history, whole = self._run.history, True
                self._histories[self._followed] = history
            marks = (live["state"], len(history.held_out), len(history.snapshots))
            sent = self._sent
            news = sent is None or marks != sent[1:]
            if not (whole or now or news) and time.monotonic() < self._next:
                return
            self._next = time.monotonic() + 0.1
            whole = whole or sent is None or marks[2] != sent[3] or (news and history.ended is not None)
            message: dict[str, Any] = {"live": live}
            if (
                sent is None or whole or len(history.losses) > self._drawn + MOST
            ):  # not too many points for a view, either
                self._drawn = len(history.losses)
                try:
                    message["curves"], self._problem = self._curves(), None
                except ValueError as error:  # a snapshot that can't be shown is no reason to end the training
                    message["curves"], self._problem = self._curves(snapshots=False), str(error)
            else:
                losses = short(history.losses[sent[0] :])
                message["more"] = {"from": sent[0], "losses": losses, **_end(history)}
            message["problem"] = problem or self._problem
            self._sent = (len(history.losses), *marks)
            self.send(message)

    def _asked(self, _, content: dict, buffers) -> None:
        run, problem, what = self._run, None, content["do"]
        if run:
            does = {"pause": run.pause, "go on": run.resume, "one step": run.advance, "stop": run.stop}
            does |= {"rewind": run.rewind, "rate": lambda: setattr(run, "lr", content["value"]), "all": lambda: None}
            try:
                does[what]()
            except (ValueError, RuntimeError) as error:
                problem = str(error)
        elif what != "all":
            problem = "A newer run replaced this one. To get it back, run its cell again."
        self._tell(whole=what == "all", now=True, problem=problem)

    def close(self):
        if self._run:
            self._unfollow()
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
            ax.text(0.5, 0.5, "no steps yet", ha="center", transform=ax.transAxes, color=plots.MUTED)
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
            name = curve["name"] or "Training"
            way = "no steps yet"
            if curve["y"]:
                last = np.mean(curve["y"][-self.smooth :])
                way = f"loss from {curve['y'][0]:.3g} to {last:.3g} in {curve['count']:,} steps"
            held = f", held-out {curve['held'][-1][1]:.3g}" if curve["held"] else ""
            said += [f"{name}: {way}{held}.", curve["note"]]
        texts = [(s["step"], s["text"]) for c in self._curves() for s in c["snapshots"] if s["text"]]
        if texts:
            said.append(f"The sample after {texts[-1][0]:,} steps begins: {texts[-1][1][:80]!r}.")
        return " ".join(["Loss curves.", *filter(None, said)])


def _following(run, figure):
    """Tell the figure of each step; returns what ends that. It all belongs to the run, and goes when the run goes."""

    def stepped(_):
        figure._tell()

    stepped.unfollow = run.observe(stepped)
    unfollow = weakref.ref(stepped.unfollow)
    return lambda: (end := unfollow()) and end()


def _end(history) -> dict:
    """Held-out losses, a note on how the curve ended, and whether it broke off: a loss that isn't a finite number."""
    held = [(int(step), float(loss)) for step, loss in getattr(history, "held_out", {}).items()]
    bad = next(((step, loss) for step, loss in held if not math.isfinite(loss)), None)
    note = "" if bad is None else f"The held-out loss was {bad[1]} at step {bad[0]}."
    ended = getattr(history, "ended", None)
    if ended not in (None, Ended.FINISHED):
        note = history.message()
    good = [[step, short(loss)] for step, loss in held if math.isfinite(loss)]
    return {"held": good, "note": note, "broken": ended is Ended.DIVERGED or bad is not None}


def _curve(name: str, history, steps: int | None, snapshots: bool = True) -> dict:
    """One run for the module: its points, thinned, up to the first that isn't finite. Loss i is that after i steps."""
    losses = np.asarray(getattr(history, "losses", history), dtype=float)
    if losses.ndim != 1 or (steps is None and not len(losses)):
        what = f" {name!r}" if name else ""
        raise ValueError(f"The run{what} needs one loss per step, at least one; got the shape {losses.shape}.")
    good = np.isfinite(losses)
    count = len(losses) if good.all() else int(good.argmin())
    end = _end(history)
    if count < len(losses):
        end["note"] = end["note"] or f"The loss was {losses[count]} at step {count}. Try a lower learning rate."
        end["broken"] = True
    x, y = thinned(losses[:count])
    return {
        "name": name,
        "x": short(x),
        "y": short(y),
        "count": count,
        "each": max(1, math.ceil(count / MOST)),
        "steps": steps or len(losses),
        "ghost": False,
        **end,
        **_snapshots(getattr(history, "snapshots", {}) if snapshots else {}),
    }


def _snapshots(taken: dict) -> dict:
    """Snapshots for the module, with bars for the tokens that were ever among the most probable."""
    read = {
        int(step): snapshot(**({"text": one} if isinstance(one, str) else one))
        for step, one in sorted(taken.items())
        if one is not None
    }
    first = next(iter(read.values()), snapshot())
    for step, one in read.items():
        if one["prompt"] != first["prompt"] or one["tokens"] != first["tokens"]:
            raise ValueError(f"All snapshots need the same prompt and vocabulary; got others at step {step}.")
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
