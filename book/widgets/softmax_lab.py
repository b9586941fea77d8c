"""SoftmaxLab: a few scores to drag, and beside them what softmax and a rival make of them, with their gradients.

Chapter 3 builds the five methods. Left out: more than ten scores, and a model that makes them.
"""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import traitlets

from book.widgets.base import Choice, Number, Whole, Widget
from helpers import plots, sampling

LIMIT = 10.0  # scores go from −LIMIT to LIMIT
MOST = 10  # tokens
METHODS = ["softmax", "sparsemax", "plain", "sigmoid", "tanh", "argmax"]


def logistic(z):
    """1 / (1 + exp(−z)), exact in both tails."""
    return np.exp(-np.logaddexp(0, -np.asarray(z, dtype=float)))


def sparsemax(z):
    """The probabilities nearest to the scores z (n,), by squared distance; many are exactly 0. Martins 2016, alg. 1."""
    ordered, k = np.sort(z)[::-1], np.arange(1, len(z) + 1)
    kept = k[1 + k * ordered > ordered.cumsum()][-1]
    return np.maximum(z - (ordered[:kept].sum() - 1) / kept, 0)


def values(method: str, z, divided: bool = True):
    """What `method` makes of the scores z (n,): (n,), or None if plain division has a sum of 0 to divide by.

    divided: whether to divide sigmoid and (1 + tanh) / 2 by their sums, as chapter 3 does to compare them with softmax.
    """
    z = np.asarray(z, dtype=float)
    if method == "softmax":
        return sampling.softmax(z)
    if method == "sparsemax":
        return sparsemax(z)
    if method == "argmax":
        return np.eye(len(z))[z.argmax()]
    positive = {"plain": z, "sigmoid": logistic(z), "tanh": logistic(2 * z)}[method]
    if method != "plain" and not divided:
        return positive
    total = positive.sum()
    return None if method == "plain" and abs(total) < 1e-9 else positive / total


def loss_gradient(method: str, z, target: int, divided: bool = True):
    """The gradient of −log p[target] with respect to the scores: (n,), or None unless p[target] is above 0."""
    z = np.asarray(z, dtype=float)
    p, y = values(method, z, divided), np.eye(len(z))[target]
    if method == "softmax":
        return p - y
    if p is None or p[target] <= 0:
        return None
    if method == "argmax":
        return np.zeros(len(z))
    if method == "sparsemax":
        return ((p > 0) / (p > 0).sum() - y) / p[target]
    s, t = logistic(z) * logistic(-z), logistic(2 * z) * logistic(-2 * z)
    slope = {"plain": np.ones(len(z)), "sigmoid": s, "tanh": 2 * t}[method]
    if method != "plain" and not divided:
        return -slope * y / p
    total = {"plain": z, "sigmoid": logistic(z), "tanh": logistic(2 * z)}[method].sum()
    return slope * (p[target] - y) / total / p[target]


class SoftmaxLab(Widget):
    """Drag 2 to 10 scores from −10 to 10, and compare softmax with sparsemax, plain division, or another.

    shift: added to all scores. method: the one beside softmax. gradients: whether to show how training would push each
    score with this method. target: the position of the right token, for the gradient of −log p. divided: see `values`.
    """

    settings = ("scores", "shift", "method", "target", "divided")

    scores = traitlets.List().tag(sync=True)
    start = traitlets.List(read_only=True, help="the scores it started with").tag(sync=True)
    tokens = traitlets.List(trait=traitlets.Unicode()).tag(sync=True)
    shift = Number(0.0, -100, 100, help="added to all scores").tag(sync=True)
    method = Choice(METHODS, "softmax").tag(sync=True)
    target = Whole(0, 0, MOST - 1).tag(sync=True)
    divided = traitlets.Bool(True).tag(sync=True)
    gradients = traitlets.Bool(True).tag(sync=True)

    def __init__(self, scores=(3.0, 2.0, 0.5, -4.0), tokens=("cat", "dog", "king", "of"), **options):
        scores, tokens = np.ravel(scores).astype(float).tolist(), [str(token) for token in tokens]
        if not 2 <= len(tokens) <= MOST:
            raise ValueError(f"SoftmaxLab shows 2 to {MOST} scores, each with its token; got {len(tokens)} tokens.")
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

    def _push(self) -> np.ndarray | None:
        """How training pushes each score: the gradient times −1. None if there is none to show."""
        z = np.array(self.scores) + self.shift
        gradient = loss_gradient(self.method, z, self.target, self.divided) if self.gradients else None
        return None if gradient is None else 0 - gradient

    def still(self):
        names, push = [plots.visible(token) for token in self.tokens], self._push()
        panels = 7 if push is None else 8
        _, axes = plt.subplots(1, panels, figsize=(8.6, 0.9 + 0.32 * len(names)), sharey=True)
        axes[0].barh(range(len(names)), np.array(self.scores) + self.shift, color=plots.MUTED)
        axes[0].set_xlabel("score")
        axes[0].set_yticks(range(len(names)), names)
        axes[0].invert_yaxis()
        if push is not None:
            axes[7].barh(range(len(names)), push, color=np.where(push < 0, plots.ORANGE, plots.BLUE))
            axes[7].set(xlabel="push", xlim=(-1.1 * max(1, *abs(push)), 1.1 * max(1, *abs(push))))
        for ax, (method, p) in zip(axes[1:7], self._results().items(), strict=True):
            outside = p is None or p.min() < 0 or p.max() > 1
            ax.set_xlabel(method)
            if not outside:
                ax.set_xlim(0, 1)
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
        push = self._push()
        pushes = [
            f"{token} {round(v, 2) + 0:+.2f}"
            for token, v in zip(self.tokens, () if push is None else push, strict=False)
        ]
        trained = f" With {self.method}, training pushes {', '.join(pushes)}." if pushes else ""
        return f"Bars of scores, {', '.join(said)}, and of what six methods make of them: {'; '.join(made)}.{trained}"
