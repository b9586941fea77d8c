"""LearningNet: a network with 16 units that learns which letter comes next while you watch. Chapter 2 uses it.

The page trains it (`learning_net_model.js`); `train` here does the same steps in NumPy and gets the same numbers.
Left out: held-out text, batches of any other size, optimizers.
"""

from __future__ import annotations

import re

import matplotlib.pyplot as plt
import numpy as np
import traitlets

from book.widgets.base import Choice, Number, Whole, Widget
from helpers import plots, sampling

LETTERS, CHANNELS, UNITS, V = 3, 2, 16, 27
BATCH, SORTED = 32, 640
BUGS = ["none", "never clear", "equal start", "sorted", "slope"]
LONGEST, MOST, STILL = 200_000, 20_000, 1500  # characters; steps, and those of the still picture


def letters_of(text: str) -> np.ndarray:
    """Letters as numbers: 0 for a space, 1 to 26 for a to z; anything else separates words."""
    plain = re.sub("[^a-z]+", " ", text.lower())
    return np.array([0 if c == " " else ord(c) - 96 for c in plain], dtype=int)


def letter(i: int) -> str:
    return chr(96 + i) if i else "␣"


class LearningNet(Widget):
    """A network that learns on the page: three letters in, 2 numbers for each, 16 tanh units, 27 letters out.

    text: what it learns from; letters and spaces count. rate: the learning rate. tanh: whether the units have their
    tanh. off: units that are switched off, from 0. bug: one of "none", "never clear" (gradients add up from step to
    step), "equal start" (all weights begin at 0.1), "sorted" (examples sorted by their answer), "slope" (the slope of
    tanh is forgotten). auto: how many steps it takes by itself once it's in view. context: three letters whose
    continuation shows.
    """

    settings = ("rate", "tanh", "off", "bug", "seed", "context")

    text = traitlets.Unicode().tag(sync=True)
    rate = Number(0.5, 0.01, 30).tag(sync=True)
    tanh = traitlets.Bool(True).tag(sync=True)
    off = traitlets.List(Whole(0, 0, UNITS - 1)).tag(sync=True)
    bug = Choice(BUGS, "none").tag(sync=True)
    seed = Whole(1, 0, (1 << 32) - 1).tag(sync=True)
    auto = Whole(0, 0, MOST).tag(sync=True)
    context = traitlets.Unicode("wha").tag(sync=True)

    def __init__(self, text: str, **values):
        super().__init__(text=text, **values)

    @traitlets.validate("text")
    def _enough(self, proposal):
        n = len(letters_of(proposal["value"]))
        if not LETTERS < n <= LONGEST:
            raise traitlets.TraitError(f"text must have {LETTERS + 1} to {LONGEST:,} letters; got {n:,}.")
        return proposal["value"]

    @traitlets.validate("context")
    def _three(self, proposal):
        if len(proposal["value"]) != LETTERS or not re.fullmatch("[a-z ]*", proposal["value"]):
            raise traitlets.TraitError(
                f'context must be {LETTERS} lowercase letters or spaces, such as "the"; got {proposal["value"]!r}.'
            )
        return proposal["value"]

    def train(self, steps: int) -> tuple[dict[str, np.ndarray], list[float]]:
        """(weights, losses) after so many steps from the start, as the page computes them."""
        ids, rng = letters_of(self.text), sampling.Mulberry32(self.seed)
        shapes = {"E": (V, CHANNELS), "W": (LETTERS * CHANNELS, UNITS), "b": (UNITS,), "O": (UNITS, V), "c": (V,)}
        weights = {name: np.zeros(shape) for name, shape in shapes.items()}
        for name, most in {"E": 1.7, "W": 0.7, "O": 0.13}.items():
            equal = self.bug == "equal start"
            weights[name][:] = 0.1 if equal else most * (2 * rng.random(weights[name].size) - 1).reshape(shapes[name])
        grads = {name: np.zeros(shape) for name, shape in shapes.items()}
        on = ~np.isin(np.arange(UNITS), self.off)

        def places(n: int) -> np.ndarray:
            return (rng.random(n) * (len(ids) - LETTERS)).astype(int)

        if self.bug == "sorted" and steps:
            drawn = places(SORTED * BATCH)
            order = drawn[np.lexsort((drawn, ids[drawn + LETTERS]))].reshape(SORTED, BATCH)
        losses = []
        for step in range(steps):
            at = order[step % SORTED] if self.bug == "sorted" else places(BATCH)
            x, y = ids[at[:, None] + np.arange(LETTERS)], ids[at + LETTERS]
            _, units, logits = self._forward(weights, x)
            p = sampling.softmax(logits)
            losses.append(float(-np.log(p[np.arange(BATCH), y]).mean()))
            g = (p - np.eye(V)[y]) / BATCH
            slopes = g @ weights["O"].T * on  # (B,V)@(V,U) → (B,U)
            if self.tanh and self.bug != "slope":
                slopes *= 1 - units**2
            e = weights["E"][x].reshape(BATCH, -1)
            back = {"E": np.zeros_like(weights["E"]), "W": e.T @ slopes, "b": slopes.sum(0), "O": units.T @ g,
                    "c": g.sum(0)}  # fmt: skip
            np.add.at(back["E"], x, (slopes @ weights["W"].T).reshape(BATCH, LETTERS, CHANNELS))
            for name, new in back.items():
                grads[name] = new + (grads[name] if self.bug == "never clear" else 0)
                weights[name] -= self.rate * grads[name]
            if not losses[-1] < 50:
                break  # as on the page: the numbers have run away
        return weights, losses

    def _forward(self, weights, x) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Letters (B, LETTERS) → what reaches the units (B, U), the units, the logits (B, V)."""
        drive = weights["E"][x].reshape(len(x), -1) @ weights["W"] + weights["b"]
        units = (np.tanh(drive) if self.tanh else drive) * ~np.isin(np.arange(UNITS), self.off)
        return drive, units, units @ weights["O"] + weights["c"]

    def distribution(self, steps: int) -> np.ndarray:
        """The probabilities (V,) of the letter after `context`, after so many steps."""
        weights, _ = self.train(steps)
        read = np.array([0 if c == " " else ord(c) - 96 for c in self.context])
        return sampling.softmax(self._forward(weights, read[None])[2])[0]

    def still(self):
        steps = self.auto or STILL
        weights, losses = self.train(steps)
        _, (plane, chart, ax) = plt.subplots(1, 3, figsize=(10, 3.2), width_ratios=(1.2, 1, 1))
        for i, (x, y) in enumerate(weights["E"]):
            color = plots.ORANGE if letter(i) in "aeiou" else plots.BLUE if i else plots.GREEN
            plane.text(x, y, letter(i), ha="center", va="center", color=color, fontweight="bold")
        most = 1.1 * np.abs(weights["E"]).max()
        plane.set(xlim=(-most, most), ylim=(-most, most), title="the letters' embeddings")
        if losses:
            chart.plot(
                np.convolve(losses, np.ones(50) / 50, "valid") if len(losses) > 100 else losses, color=plots.BLUE
            )
        chart.axhline(np.log(V), color=plots.MUTED, linestyle="--")
        chart.set(xlabel="step", title="loss (nats per letter)", ylim=(1.8, 3.6))
        p = self.distribution(steps)
        best = np.argsort(-p)[:8]
        plots.bars([letter(i) for i in best], p[best], ax)
        ax.set_title(f"after “{self.context}”")
        return ax

    def alt(self) -> str:
        steps = self.auto or STILL
        p, (_, losses) = self.distribution(steps), self.train(max(1, steps))
        loss = np.mean(losses[-200:])
        return (
            f"A network with {UNITS} neurons after {steps:,} steps of training: a map of 27 letters, its loss, "
            f"{loss:.2f} nats per letter, and bars for the letter after “{self.context}”. The largest is "
            f"“{letter(int(p.argmax()))}” with {p.max():.2f}."
        )
