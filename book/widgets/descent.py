"""Gradient descent on landscapes of one or two numbers, several learning rates side by side from the same start.

`Descent("bowl", rates=[0.02, 0.4, 1.1])`, or on a function of one number: `Descent(loss, low=0, high=1, start=0.9)`.
The page has no Python, so we sample a function here, and the module beside this file (`descent.js`) draws smooth curves
through the samples. The named landscapes are formulas on both sides. Left out: noise, and any other optimizer.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, field

import matplotlib.pyplot as plt
import numpy as np
import traitlets

from book.widgets.base import Choice, Number, Whole, Widget, short
from helpers import plots

SAMPLES = 257  # of a Python function
FAR, HUGE = 1e6, 1e9  # a run ends when a number or the loss gets larger than these, long before they overflow
LOW_RATE, HIGH_RATE, MOST_RATES = 0.001, 10, 4


@dataclass(frozen=True)
class Landscape:
    """A loss of one or two numbers, its slope, and the part of it in view."""

    words: str
    loss: Callable = field(repr=False)  # coordinates → number
    slope: Callable = field(repr=False)  # coordinates → one number each
    low: tuple
    high: tuple
    names: tuple
    top: float  # where the loss axis ends
    start: tuple
    rates: tuple
    minima: tuple
    levels: tuple = ()
    bottom: float = 0.0  # where the loss axis begins

    def data(self) -> dict:
        """Everything but the formulas, for the module, as JSON."""
        return {name: value for name, value in asdict(self).items() if name not in ("loss", "slope")}


def _cliff(w):
    return 0.5 * (1 + math.tanh(4 * (w - 0.8)))  # the sigmoid of 8 (w − 0.8)


# descent.js has the same formulas.
LANDSCAPES = {
    "bowl": Landscape(
        "Bowl: w²", lambda w: w * w, lambda w: (2 * w,),
        (-2,), (2,), ("w",), 4, (1.0,), (0.02, 0.4, 1.1), ((0,),),
    ),
    "two valleys": Landscape(
        "Two valleys", lambda w: (w * w - 1) ** 2 + 0.3 * w + 0.30543, lambda w: (4 * w * (w * w - 1) + 0.3,),
        (-1.7,), (1.7,), ("w",), 4, (1.6,), (0.01, 0.1, 0.2), ((-1.0356,), (0.9601,)),
    ),
    "cliff": Landscape(
        "Cliff", lambda w: 0.05 * (w + 0.5) ** 2 + _cliff(w),
        lambda w: (0.1 * (w + 0.5) + 8 * _cliff(w) * (1 - _cliff(w)),),
        (-6,), (4.5,), ("w",), 2.5, (3.5,), (0.1, 0.6, 3.0), ((-0.5024,),),
    ),
    "narrow valley": Landscape(
        "Narrow valley: u² + 10 v²", lambda u, v: u * u + 10 * v * v, lambda u, v: (2 * u, 20 * v),
        (-2.2, -1.5), (1.4, 1.5), ("u", "v"), 25, (-1.8, 0.9), (0.004, 0.08, 0.102), ((0, 0),),
        (0.2, 1, 3, 7, 13, 21),
    ),
    "saddle": Landscape(
        "Saddle: u² + ¼ (v² − 1)²", lambda u, v: u * u + 0.25 * (v * v - 1) ** 2,
        lambda u, v: (2 * u, v * (v * v - 1)),
        (-2.2, -1.6), (1.4, 1.6), ("u", "v"), 4, (-1.8, 0.02), (0.05, 0.3, 0.9), ((0, 1), (0, -1)),
        (0.02, 0.1, 0.25, 0.5, 1, 2, 3),
    ),
}  # fmt: skip


class Descent(Widget):
    """Runs of gradient descent on a landscape, one for each learning rate; a reader moves start, rates, momentum, step.

    loss: a name from `LANDSCAPES`, several of them to choose from, or a function of one number, sampled from `low` to
    `high`. start: one or two numbers. rates: 1 to 4 learning rates. momentum: how much of the last step we keep.
    steps: how many steps are shown, up to `most`. Raises ValueError or TraitError with a sentence.
    """

    settings = ("loss", "start", "rates", "momentum", "steps")

    loss = Choice([*LANDSCAPES, "samples"], "bowl").tag(sync=True)
    maps = traitlets.Dict(read_only=True, help="what the reader may choose: name → Landscape.data").tag(sync=True)
    start = traitlets.List(help="one number for each coordinate").tag(sync=True)
    rates = traitlets.List(help="learning rates").tag(sync=True)
    momentum = Number(0.0, 0, 0.99).tag(sync=True)
    steps = Whole(25, 0, 200).tag(sync=True)
    most = Whole(50, 1, 200, help="where the axis of steps ends").tag(sync=True)

    def __init__(self, loss="bowl", *, low=None, high=None, start=None, rates=None, name="w", **values):
        if callable(loss):
            self._landscapes = {"samples": sampled(loss, low, high, name)}
        else:
            names = [loss] if isinstance(loss, str) else list(loss)
            if not names or not set(names) <= set(LANDSCAPES):
                known = ", ".join(LANDSCAPES)
                raise ValueError(f"loss must be one of {known}, or a function of one number; got {loss!r}.")
            self._landscapes = {n: LANDSCAPES[n] for n in names}
        first, landscape = next(iter(self._landscapes.items()))
        super().__init__(title=values.pop("title", f"Gradient descent: {landscape.words}"))
        self.set_trait("maps", {n: _data(found) for n, found in self._landscapes.items()})
        self.loss = first
        self.start = list(landscape.start) if start is None else start if np.ndim(start) else [start]
        self.rates = list(landscape.rates if rates is None else rates)
        for trait, value in values.items():
            if not self.has_trait(trait):
                raise TypeError(f"Descent has no setting {trait!r}. It has {', '.join(self.settings)}, most, caption.")
            setattr(self, trait, value)

    @traitlets.validate("loss")
    def _check_loss(self, proposal):
        if self.maps and proposal["value"] not in self.maps:
            raise traitlets.TraitError(f"loss must be one of {', '.join(self.maps)}; got {proposal['value']!r}.")
        return proposal["value"]

    @traitlets.observe("loss")
    def _settle(self, change):
        """Another landscape starts at its own start, with its own rates."""
        if self.start:
            self.start, self.rates = (list(getattr(self._landscapes[self.loss], n)) for n in ("start", "rates"))

    @traitlets.validate("start")
    def _check_start(self, proposal):
        landscape, start = self._landscapes[self.loss], proposal["value"]
        span = ", ".join(f"{n} from {a:g} to {b:g}" for n, a, b in zip(landscape.names, landscape.low, landscape.high))
        fits = len(start) == len(landscape.names) and all(_real(v) for v in start)
        if not fits or not all(a <= v <= b for v, a, b in zip(start, landscape.low, landscape.high)):
            raise traitlets.TraitError(f"start must be inside the picture: {span}; got {start!r}.")
        return [float(v) for v in start]

    @traitlets.validate("rates")
    def _check_rates(self, proposal):
        rates = proposal["value"]
        if not 1 <= len(rates) <= MOST_RATES or not all(_real(r) and LOW_RATE <= r <= HIGH_RATE for r in rates):
            allowed = f"1 to {MOST_RATES} learning rates, each from {LOW_RATE} to {HIGH_RATE}"
            raise traitlets.TraitError(f"rates must be {allowed}; got {rates!r}.")
        return [float(r) for r in rates]

    @traitlets.validate("steps")
    def _check_steps(self, proposal):
        if proposal["value"] > self.most:
            self.most = min(200, max(self.most, proposal["value"]))
        return proposal["value"]

    def runs(self) -> list[dict]:
        """What the figure shows: the `descend` of each rate."""
        landscape = self._landscapes[self.loss]
        return [descend(landscape, self.start, rate, self.momentum, self.steps) for rate in self.rates]

    def still(self):
        landscape, runs = self._landscapes[self.loss], self.runs()
        size = (min(8, 1.2 + 2.4 * len(runs)), 2.9)
        _, axes = plt.subplots(1, len(runs), figsize=size, squeeze=False, sharey=True)
        for ax, rate, run in zip(axes[0], self.rates, runs):
            path = np.array(run["path"])
            flat = len(landscape.names) == 1
            _ground(ax, landscape)
            ys = run["losses"] if flat else path[:, 1]
            ax.plot(path[:, 0], ys, "o-", color=plots.ORANGE, markersize=3.5, linewidth=1)
            for m in landscape.minima:
                ax.plot(m[0], landscape.loss(*m) if flat else m[1], "+", color=plots.INK, markersize=9)
            limits = (landscape.bottom, landscape.top) if flat else (landscape.low[1], landscape.high[1])
            ax.set(title=f"learning rate {rate:g}", xlabel=landscape.names[0], ylim=limits)
            ax.set_xlim(landscape.low[0], landscape.high[0])
        axes[0][0].set_ylabel("loss" if len(landscape.names) == 1 else landscape.names[1])
        return axes[0][0]

    def alt(self) -> str:
        landscape = self._landscapes[self.loss]
        at = ", ".join(f"{n} = {v:g}" for n, v in zip(landscape.names, self.start))
        ends = "; ".join(
            f"with learning rate {rate:g} the loss goes from {run['losses'][0]:.3g} to {run['losses'][-1]:.3g}"
            f" in {len(run['losses']) - 1} steps"
            for rate, run in zip(self.rates, self.runs())
        )
        return f"Gradient descent ({landscape.words}) from {at}: {ends}."


def descend(landscape: Landscape, start, rate: float, momentum: float = 0.0, steps: int = 25) -> dict:
    """Gradient descent with momentum: {path, losses, ended}.

    path: the start, and where each step lands. ended: "", or why it stopped early: "diverged" (a number got larger
    than 10⁶, or the loss than 10⁹) or "left" (there are no samples out there). Built in chapter 2.
    """
    place, velocity = list(map(float, start)), [0.0] * len(start)
    path, losses, ended = [place], [landscape.loss(*place)], ""
    for _ in range(steps):
        velocity = [momentum * v - rate * g for v, g in zip(velocity, landscape.slope(*place))]
        place = [w + v for w, v in zip(place, velocity)]
        if any(abs(w) > FAR for w in place):
            ended = "diverged"
            break
        loss = landscape.loss(*place)
        if loss is None or loss > HUGE:
            ended = "left" if loss is None else "diverged"
            break
        path.append(place)
        losses.append(loss)
    return {"path": path, "losses": losses, "ended": ended}


def sampled(function: Callable, low, high, name: str = "w") -> Landscape:
    """A function of one number as a landscape: cubic curves through its samples, `None` outside low … high."""
    if low is None or high is None or not (_real(low) and _real(high) and low < high):
        raise ValueError(
            f"A function needs low and high, the part to show; got low={low!r} and high={high!r}. Try low=-2, high=2."
        )
    at = np.linspace(low, high, SAMPLES)
    values = np.array([float(function(w)) for w in at])
    if not np.isfinite(values).all():
        w = at[~np.isfinite(values)][0]
        raise ValueError(f"The function must be finite from {low:g} to {high:g}; got {function(w)} at {w:.4g}.")
    values = np.array(short(values))
    curve = Samples(float(low), float(high), tuple(values.tolist()))
    bottom = (float(at[values.argmin()]),)
    top = float(values.max())
    begin = (float(low + 0.9 * (high - low)),)
    return Landscape(
        "a function of one number", curve.loss, curve.slope, (curve.low,), (curve.high,), (name,), top, begin, (0.1,),
        (bottom,), bottom=min(0.0, float(values.min())),
    )  # fmt: skip


@dataclass(frozen=True)
class Samples:
    """Cubic curves (Hermite) through equally spaced samples; slopes at the samples by differences of second order."""

    low: float
    high: float
    values: tuple

    def _cell(self, w):
        width = (self.high - self.low) / (len(self.values) - 1)
        i = min(int((w - self.low) / width), len(self.values) - 2)
        slopes = [self._slope_at(j) for j in (i, i + 1)]
        return (w - self.low) / width - i, self.values[i], self.values[i + 1], *slopes, width

    def _slope_at(self, i):
        """The change per cell at sample i."""
        y = self.values
        if i == 0:
            return -1.5 * y[0] + 2 * y[1] - 0.5 * y[2]
        if i == len(y) - 1:
            return 1.5 * y[i] - 2 * y[i - 1] + 0.5 * y[i - 2]
        return 0.5 * (y[i + 1] - y[i - 1])

    def loss(self, w):
        if not self.low <= w <= self.high:
            return None
        t, a, b, da, db, _ = self._cell(w)
        s = 1 - t
        return a * (1 + 2 * t) * s * s + b * (3 - 2 * t) * t * t + da * t * s * s - db * s * t * t

    def slope(self, w):
        t, a, b, da, db, width = self._cell(w)
        return ((6 * t * (1 - t) * (b - a) + da * (1 - t) * (1 - 3 * t) + db * t * (3 * t - 2)) / width,)


def _data(landscape: Landscape) -> dict:
    """What the module needs of a landscape. It has the formulas of the named ones; samples travel."""
    curve = getattr(landscape.loss, "__self__", None)
    return landscape.data() | ({"values": list(curve.values)} if isinstance(curve, Samples) else {})


def _ground(ax, landscape: Landscape) -> None:
    """The landscape under the paths: a curve, or contour lines."""
    xs = np.linspace(landscape.low[0], landscape.high[0], 81)
    if len(landscape.names) == 1:
        ax.plot(xs, [landscape.loss(x) for x in xs], color=plots.MUTED)
        return
    ys = np.linspace(landscape.low[1], landscape.high[1], 61)
    heights = [[landscape.loss(x, y) for x in xs] for y in ys]
    ax.contour(xs, ys, heights, levels=landscape.levels, colors=plots.MUTED, linewidths=0.6)


def _real(value) -> bool:
    return isinstance(value, (int, float, np.integer, np.floating)) and math.isfinite(value)
