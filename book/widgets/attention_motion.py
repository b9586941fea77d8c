"""AttentionMotion: one query looks back over the keys: scores, scaling, mask, softmax, and the mix of the values.

With two channels, queries, keys, and values are arrows in a plane, to drag. With more, they're strips of cells.
Chapter 5 uses it, by hand and for heads of trained models. Left out: several heads at once (see AttentionMap).
"""

from __future__ import annotations

import math

import numpy as np
import traitlets

from book.widgets.base import Number, Whole, Widget
from helpers import plots, sampling
from helpers.tensor import Tensor, no_grad

STEPS = ("score", "scale", "mask", "softmax", "mix")
MOST = 24  # tokens


def steps(query, keys, values, last: int) -> dict:
    """What attention computes for one query (D,) over keys and values (T, D), of which it may look at 0 … last.

    Returns `scores`, `scaled`, `masked` (T,), where −inf is hidden, `weights` (T,), and the `answer` (D,).
    """
    keys, values = np.asarray(keys, dtype=float), np.asarray(values, dtype=float)
    scores = keys @ np.asarray(query, dtype=float)  # (T,D)@(D,) → (T,)
    scaled = scores / math.sqrt(keys.shape[1])
    masked = np.where(np.arange(len(keys)) <= last, scaled, -np.inf)
    weights = sampling.softmax(masked)
    return {"scores": scores, "scaled": scaled, "masked": masked, "weights": weights, "answer": weights @ values}


class AttentionMotion(Widget):
    """Attention, one step after another, for one token of a text.

    tokens: T of them. q, k, v: their queries, keys, and values, (T, D) each; with D = 2, a reader can drag them. token:
    the one that looks, from 0, or -1 for the last. step: how far it has come, from 0, before the scores, to 5, after
    the mix. causal: later tokens are hidden.
    """

    settings = ("token", "step", "q", "k", "v", "causal")

    tokens = traitlets.List(traitlets.Unicode()).tag(sync=True)
    q, k, v = (traitlets.List().tag(sync=True) for _ in range(3))
    token = Whole(-1, -1, MOST - 1).tag(sync=True)
    step = Number(5.0, 0, 5).tag(sync=True)
    causal = traitlets.Bool(True).tag(sync=True)

    def __init__(self, tokens, q, k, v, **options):
        tokens = [str(token) for token in tokens]
        if not 1 <= len(tokens) <= MOST:
            raise ValueError(f"AttentionMotion shows 1 to {MOST} tokens; got {len(tokens)}. Use a shorter text.")
        shapes = {np.shape(part) for part in (q, k, v)}
        if len(shapes) != 1 or len(shape := shapes.pop()) != 2 or shape[0] != len(tokens) or shape[1] < 2:
            raise ValueError(
                f"Queries, keys, and values must have one row for each of the {len(tokens)} tokens, all of the same "
                f"length, at least 2; got the shapes {', '.join(str(np.shape(part)) for part in (q, k, v))}."
            )
        rows = {"q": q, "k": k, "v": v}
        lists = {name: np.asarray(part, dtype=float).round(5).tolist() for name, part in rows.items()}
        if shape[1] > 2:
            self.settings = ("token", "step", "causal")  # nothing to drag, so no need to carry it in a link
        super().__init__(tokens=tokens, **lists, **options)

    @classmethod
    def of_head(cls, model, tokens: list[str], ids, block: int, head: int, **options) -> AttentionMotion:
        """One head of a `gpt.GPT` or a `llama.Llama` that reads `ids`. block, head: from 1."""
        q, k, v = head_of(model, ids, block, head)
        return cls(tokens, q, k, v, **options)

    @traitlets.validate("q", "k", "v")
    def _are_rows(self, proposal):
        rows = np.asarray(proposal["value"], dtype=float)
        before = getattr(self, proposal["trait"].name)
        if before and rows.shape != np.shape(before):
            raise traitlets.TraitError(
                f"{proposal['trait'].name} must keep the shape {np.shape(before)}; got {rows.shape}."
            )
        if not np.isfinite(rows).all():
            raise traitlets.TraitError(f"{proposal['trait'].name} must hold numbers; got {proposal['value']!r}.")
        return rows.tolist()

    @traitlets.validate("token")
    def _in_the_text(self, proposal):
        if proposal["value"] >= len(self.tokens):
            raise traitlets.TraitError(
                f"token must be a position from 0 to {len(self.tokens) - 1}, or -1; got {proposal['value']}."
            )
        return proposal["value"]

    def result(self) -> dict:
        """The numbers in the figure: see `steps`."""
        t = self.token % len(self.tokens)
        return steps(self.q[t], self.k, self.v, t if self.causal else len(self.tokens) - 1)

    def still(self):
        found, T, t = self.result(), len(self.tokens), self.token % len(self.tokens)
        figure, axes = plots.plt.subplots(1, 3, figsize=(8.4, 0.9 + 0.3 * T), sharey=True)
        shown = np.where(np.isinf(found["masked"]), 0, found["masked"])
        bars = {"score": found["scores"], "scaled and masked": shown, "weight": found["weights"]}
        for ax, (name, numbers) in zip(axes, bars.items(), strict=True):
            ax.barh(range(T), numbers, color=plots.ORANGE if name == "weight" else plots.BLUE)
            ax.axvline(0, color=plots.MUTED, linewidth=1)
            ax.set_xlabel(name)
        axes[0].set_yticks(range(T), [plots.visible(token) for token in self.tokens])
        axes[0].invert_yaxis()
        axes[0].set_title(f"{plots.visible(self.tokens[t])} looks at", fontsize=9)
        axes[2].set_xlim(0, 1)
        return axes[0]

    def alt(self):
        found, t = self.result(), self.token % len(self.tokens)
        best = np.argsort(-found["weights"], kind="stable")[:3]
        said = ", ".join(f"“{self.tokens[i]}” {found['weights'][i]:.2f}" for i in best)
        return (
            f"Attention for “{self.tokens[t]}”: bars of its score with each of {len(self.tokens)} keys, of the "
            f"scaled and masked scores, and of the weights. The largest weights: {said}."
        )


def head_of(model, ids, block: int, head: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(queries, keys, values) of one head, (T, D) each, as they meet in the scores: in a Llama, rotated. From 1."""
    layers, H = model.config.layers, model.config.heads
    if not (1 <= block <= layers and 1 <= head <= H):
        raise ValueError(f"This model has blocks 1 to {layers} with heads 1 to {H}; got block {block}, head {head}.")
    taken: list[Tensor] = []
    attention, T = model.blocks[block - 1].attention, len(ids)
    project = attention.qkv

    def listen(x):
        taken.append(project(x))
        return taken[-1]

    attention.qkv = listen
    try:
        with no_grad():
            model(np.asarray(ids)[None])
    finally:
        attention.qkv = project
    D = model.config.channels // H
    parts = taken[0].data.reshape(T, -1, D).swapaxes(0, 1)  # (T,H·D + …) → (heads,T,D)
    K = getattr(attention, "kv_heads", H)
    q, k, v = parts[head - 1], parts[H + (head - 1) * K // H], parts[H + K + (head - 1) * K // H]
    if K < H or hasattr(model.config, "base"):  # a Llama
        from helpers.llama import rotate, turns

        turn = turns(np.arange(T), D, model.config.base)
        q, k = (rotate(Tensor(part[None]), turn).data[0] for part in (q, k))
    return q, k, v
