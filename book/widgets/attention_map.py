"""What each attention head of a transformer looks at: all heads at a glance, one as a map with arcs, two side by side.

The module draws a head with `attention_draw.js`, which other widgets share. Chapters 5 and 6 use it. Left out: the
queries, keys, and values themselves. A map says where a head looks, not what it takes from there.
"""

from __future__ import annotations

from numbers import Integral

import matplotlib.pyplot as plt
import numpy as np
import traitlets
from matplotlib.patches import Rectangle

from book.widgets.base import Whole, Widget, pack
from helpers import plots
from helpers.sampling import entropy

MOST = 128  # tokens a map can show


class Labels(traitlets.TraitType):
    """Token labels: a list of strings, or a string for its characters. None if that's allowed."""

    def validate(self, obj, value):
        if not np.iterable(value):
            raise traitlets.TraitError(f"{self.name} must be a list of labels or a string; got {value!r}.")
        labels = [str(label) for label in value]
        if not 1 <= len(labels) <= MOST:
            raise traitlets.TraitError(
                f"A map shows 1 to {MOST} {self.name}; got {len(labels)}. Pass part of the text and its weights."
            )
        return labels


class Weights(traitlets.TraitType):
    """Attention weights as float64 (layers, H, T, S); (H, T, S) and (T, S) count as one layer, one head."""

    def validate(self, obj, value):
        try:
            w = np.asarray(value, dtype=np.float64)
        except (TypeError, ValueError) as error:
            raise traitlets.TraitError(f"The weights must be one array of numbers ({error}).") from None
        if not 2 <= w.ndim <= 4 or 0 in w.shape:
            raise traitlets.TraitError(
                f"The weights must have the shape (T, S), (heads, T, S), or (layers, heads, T, S); got {w.shape}."
            )
        w = w.reshape((1,) * (4 - w.ndim) + w.shape)
        sums = w.sum(axis=-1)
        if not np.isfinite(w).all() or w.min() < 0:
            got = f"{w.min():.3g}" if np.isfinite(w).all() else "NaN or infinity"
            raise traitlets.TraitError(
                f"Each weight must be a number from 0 to 1; got {got}. Did you pass scores instead of their softmax?"
            )
        if np.abs(sums - 1).max() > 1e-3:
            layer, head, row = np.unravel_index(np.abs(sums - 1).argmax(), sums.shape)
            raise traitlets.TraitError(
                f"The weights of a row must sum to 1; got {sums[layer, head, row]:.3g} in row {row} of block "
                f"{layer + 1}, head {head + 1}. Take the softmax over the last axis."
            )
        return np.minimum(w, 1)


def _packed(weights, widget) -> dict:
    """The weights for the module. A causal map sends only its lower half, row after row."""
    T = weights.shape[-2]
    half = weights[(..., *np.tril_indices(T))] if widget.causal else weights
    return {"shape": list(weights.shape), "causal": widget.causal, "packed": pack(half)}


class AttentionMap(Widget):
    """Attention weights to explore: pick a head, a token that looks, and a token it looks at.

    tokens: T labels (a string: its characters). weights: (layers, H, T, T), (H, T, T), or (T, T); rows sum to 1.
    keys: S labels of the columns for cross-attention, whose weights are (…, T, S); without them, the tokens look at
    each other. The trait that holds them is called `key_tokens`.
    layer, head: the head to start with, counted from 1. first: what to call the first layer, if some are left out.
    token, key: the row and the column, counted from 0 (negative: from the end); without `key`, what the row looks at
    most. beside: (layer, head) to compare with. stretch: full blue means less than 1. At most 128 tokens. Raises
    TraitError with a sentence if these don't fit together.
    """

    settings = ("layer", "head", "token", "key", "beside", "stretch")

    tokens = Labels().tag(sync=True)
    key_tokens = Labels(None, allow_none=True).tag(sync=True)  # ipywidgets has a `keys` of its own
    weights = Weights().tag(sync=True, to_json=_packed)
    layer = Whole(1, 1, 1000).tag(sync=True)
    first = Whole(1, 1, 1000).tag(sync=True)
    head = Whole(1, 1, 1000).tag(sync=True)
    token = Whole(0, -MOST, MOST - 1).tag(sync=True)
    key = Whole(0, -MOST, MOST - 1).tag(sync=True)
    beside = traitlets.Tuple().tag(sync=True)
    stretch = traitlets.Bool(False).tag(sync=True)

    def __init__(self, tokens, weights, *, keys=None, token=-1, key=None, **values):
        values |= {"tokens": tokens, "key_tokens": keys, "weights": weights, "token": token, "key": key or 0}
        super().__init__(**values)
        if key is None:
            self.key = int(self._shown()[self.token].argmax())

    @property
    def causal(self) -> bool:
        """Whether no token looks at a later one: every weight above the diagonal is 0."""
        return self.key_tokens is None and not np.triu(self.weights, 1).any()

    @traitlets.validate("tokens", "key_tokens", "weights", "layer", "head", "token", "key", "beside")
    def _fits(self, proposal):
        name, value = proposal["trait"].name, proposal["value"]
        now = {trait: getattr(self, trait) for trait in ("tokens", "key_tokens", "weights", "layer", "head")} | {
            name: value
        }
        tokens, keys, (layers, heads, T, S) = now["tokens"], now["key_tokens"], now["weights"].shape
        if (len(tokens), len(tokens if keys is None else keys)) != (T, S):
            got = f"{len(tokens)} tokens" + ("" if keys is None else f" and {len(keys)} keys")
            raise traitlets.TraitError(
                f"The weights need a row for each token and a column for each key (or token, without keys); got {got} "
                f"with {T} rows and {S} columns. To change both, use hold_trait_notifications()."
            )
        if name == "beside" and value:
            if len(value) != 2 or not all(isinstance(i, Integral) for i in value):
                raise traitlets.TraitError(f"beside must be (layer, head), or () for no second head; got {value!r}.")
            _within("The layer of beside", value[0], 1, layers)
            _within("The head of beside", value[1], 1, heads)
            return tuple(map(int, value))
        _within("layer", now["layer"], 1, layers)
        _within("head", now["head"], 1, heads)
        if name in ("token", "key"):
            size = T if name == "token" else S
            _within(name, value, -size, size - 1)
            return value % size
        return value

    @traitlets.observe("weights")
    def _stay_inside(self, _):
        layers, heads, T, S = self.weights.shape
        self.token, self.key = min(self.token, T - 1), min(self.key, S - 1)
        if self.beside and (self.beside[0] > layers or self.beside[1] > heads):
            self.beside = ()

    def _shown(self) -> np.ndarray:
        return self.weights[self.layer - 1, self.head - 1]

    def still(self):
        layers, heads, T, S = self.weights.shape
        if layers * heads == 1:
            ax = plots.new_axes(width=5.6, height=5)
        else:
            _, (overview, ax) = plt.subplots(1, 2, figsize=(8.4, 4.6), width_ratios=(1, 1.7))
            self._overview(overview)
        rows, columns = ([t[:12] for t in labels] for labels in (self.tokens, self.key_tokens or self.tokens))
        names = {"rows": rows if T <= 40 else None, "columns": columns if S <= 40 else None}
        axes = {"xlabel": "key: looked at", "ylabel": "query: looks"}
        ax = plots.heatmap(self._shown(), ax, **names, **axes, low=0, high=1)
        ax.tick_params(labelsize=9 if max(T, S) <= 24 else 7)
        if S <= 40 and max(map(len, columns)) > 2:
            ax.tick_params(axis="x", rotation=90)
        ax.set_title(f"block {self.layer + self.first - 1}, head {self.head}")
        return ax

    def _overview(self, ax):
        """All heads, small, in one picture, with a frame around the chosen one."""
        layers, heads, T, S = self.weights.shape
        shades = (5 * self.weights).round() / 5  # few of them: a smaller file
        framed = np.pad(shades, ((0, 0), (0, 0), (1, 1), (1, 1)))
        mosaic = framed.transpose(0, 2, 1, 3).reshape(layers * (T + 2), heads * (S + 2))
        whole = (0.5, heads + 0.5, layers + 0.5, 0.5)
        ax.imshow(mosaic, cmap=plots.HEAT, vmin=0, vmax=1, interpolation="nearest", extent=whole)
        ax.vlines(np.arange(heads + 1) + 0.5, 0.5, layers + 0.5, color=plots.GRID)
        ax.hlines(np.arange(layers + 1) + 0.5, 0.5, heads + 0.5, color=plots.GRID)
        corner = self.head - 0.5, self.layer - 0.5
        ax.add_patch(Rectangle(corner, 1, 1, fill=False, edgecolor=plots.ORANGE, linewidth=2, zorder=3))
        ax.set(xticks=range(1, heads + 1), yticks=range(1, layers + 1), xlabel="head", ylabel="block")
        ax.grid(visible=False)

    def alt(self):
        layers, heads, T, S = self.weights.shape
        columns, row = self.key_tokens or self.tokens, self._shown()[self.token]
        spread = entropy(self.weights).mean(axis=-1)
        asks, found = self.tokens[self.token][:40], columns[row.argmax()][:40]
        most = f"“{asks}” at position {self.token} attends most to “{found}”"
        several = (
            f" The mean entropy of the {layers * heads} heads ranges from {spread.min():.2f} to "
            f"{spread.max():.2f} nats."
        )
        return (
            f"Attention weights of block {self.layer + self.first - 1}, head {self.head}, {T} rows and {S} columns: "
            f"{most} at position {row.argmax()}, with weight {row.max():.2f}.{several if layers * heads > 1 else ''}"
        )


def _within(name: str, value: int, low: int, high: int) -> None:
    if not low <= value <= high:
        raise traitlets.TraitError(f"{name} must be from {low} to {high} with these weights; got {value}.")
