"""SoftmaxLab: a few scores to drag, and beside them what softmax and its rivals make of them, with their gradients.

Chapter 3 builds the five methods. Left out: more than five scores, and training (the chapter does that).
"""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import traitlets

from book.widgets.base import Choice, Number, Whole, Widget
from helpers import plots, sampling

LIMIT = 10.0  # scores go from −LIMIT to LIMIT
METHODS = ["softmax", "plain", "sigmoid", "tanh", "argmax"]


def logistic(z):
    """1 / (1 + exp(−z)), exact in both tails."""
    return np.exp(-np.logaddexp(0, -np.asarray(z, dtype=float)))


def values(method: str, z, divided: bool = True):
    """What `method` makes of the scores z (n,): (n,), or None if plain division has a sum of 0 to divide by.

    divided: whether to divide sigmoid and (1 + tanh) / 2 by their sums, as chapter 3 does to compare them with softmax.
    """
    z = np.asarray(z, dtype=float)
    if method == "softmax":
        return sampling.softmax(z)
    if method == "argmax":
        return np.eye(len(z))[z.argmax()]
    positive = {"plain": z, "sigmoid": logistic(z), "tanh": logistic(2 * z)}[method]
    if method != "plain" and not divided:
        return positive
    total = positive.sum()
    return None if method == "plain" and abs(total) < 1e-9 else positive / total


class SoftmaxLab(Widget):
    """Drag 2 to 5 scores from −10 to 10: softmax, plain division, sigmoid, tanh, and argmax side by side.

    shift: added to all scores. method: the one whose gradients show (unless gradients is False). target: the position
    of the actual token, for the gradient of −log p. divided: see `values`.
    """

    settings = ("scores", "shift", "method", "target", "divided")

    scores = traitlets.List().tag(sync=True)
    start = traitlets.List(read_only=True, help="the scores it started with").tag(sync=True)
    tokens = traitlets.List(trait=traitlets.Unicode()).tag(sync=True)
    shift = Number(0.0, -100, 100, help="added to all scores").tag(sync=True)
    method = Choice(METHODS, "softmax").tag(sync=True)
    target = Whole(0, 0, 4).tag(sync=True)
    divided = traitlets.Bool(True).tag(sync=True)
    gradients = traitlets.Bool(True).tag(sync=True)

    def __init__(self, scores=(3.0, 2.0, 0.5, -4.0), tokens=("cat", "dog", "king", "of"), **options):
        scores, tokens = np.ravel(scores).astype(float).tolist(), [str(token) for token in tokens]
        if not 2 <= len(tokens) <= 5:
            raise ValueError(f"SoftmaxLab shows 2 to 5 scores, each with its token; got {len(tokens)} tokens.")
        self.set_trait("start", scores)
        super().__init__(scores=scores, tokens=tokens, **options)

    @traitlets.validate("scores")
    def _check_scores(self, proposal):
        scores = proposal["value"]
        if len(scores) != len(self.start):
            raise traitlets.TraitError(f"Each token needs one score; got {len(scores)} for {len(self.start)} tokens.")
        for score in scores:
            if isinstance(score, bool) or not isinstance(score, (int, float)) or not -LIMIT <= score <= LIMIT:
                raise traitlets.TraitError(f"A score must be a number from {-LIMIT:g} to {LIMIT:g}; got {score!r}.")
        return [float(score) for score in scores]

    @traitlets.validate("tokens")
    def _check_tokens(self, proposal):
        if len(proposal["value"]) != len(self.start):
            raise traitlets.TraitError(
                f"Each token needs one score; got {len(self.start)} for {len(proposal['value'])} tokens."
            )
        return proposal["value"]

    @traitlets.validate("target")
    def _check_target(self, proposal):
        if proposal["value"] >= len(self.start):
            raise traitlets.TraitError(
                f"target must be the position of a token, from 0 to {len(self.start) - 1}; got {proposal['value']}."
            )
        return proposal["value"]

    def _results(self) -> dict:
        z = np.array(self.scores) + self.shift
        return {method: values(method, z, self.divided) for method in METHODS}

    def still(self):
        names = [plots.visible(token) for token in self.tokens]
        figure, axes = plt.subplots(1, 6, figsize=(8.6, 0.9 + 0.32 * len(names)), sharey=True)
        axes[0].barh(range(len(names)), np.array(self.scores) + self.shift, color=plots.MUTED)
        axes[0].set_xlabel("score")
        axes[0].set_yticks(range(len(names)), names)
        axes[0].invert_yaxis()
        for ax, (method, p) in zip(axes[1:], self._results().items(), strict=True):
            outside = p is None or p.min() < 0 or p.max() > 1
            ax.set(xlabel=method, xlim=None if outside else (0, 1))
            if p is None:
                ax.text(0.5, 0.5, "sum 0", transform=ax.transAxes, ha="center")
            else:
                ax.barh(range(len(names)), p, color=plots.ORANGE if outside else plots.BLUE)
        for ax in axes:
            ax.tick_params(labelsize=8.5)
            ax.axvline(0, color=plots.MUTED, linewidth=1)
        return axes[0]

    def alt(self):
        said = [f"{token} {score + self.shift:.3g}" for token, score in zip(self.tokens, self.scores, strict=True)]
        made = [
            f"{method} " + ("has a sum of 0 to divide by" if p is None else ", ".join(f"{value:.2f}" for value in p))
            for method, p in self._results().items()
        ]
        return f"Bars of scores, {', '.join(said)}, and of what five methods make of them: {'; '.join(made)}."
