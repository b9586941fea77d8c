"""EmbeddingMap: where words lie, how training moved them there, and which are near. Chapter 4 uses it.

A map has two directions, and an embedding has many: the page says how much of the variance these two keep, and measures
nearness with all of them. `recorded()` is what the poem model's embeddings did in training; `make models` records it.
Left out: other ways to flatten, such as t-SNE.
"""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import NamedTuple

import numpy as np
import traitlets
from safetensors import safe_open
from safetensors.numpy import save_file

from book.widgets.base import Number, Widget, short
from helpers import plots, poems

RECORDED = Path(__file__).parent / "recorded" / "poems.safetensors"
STEPS = (0, 50, 100, 200, 500, 1000, 2000, 5000)  # at which the poem model's embeddings were recorded
WORDS, NEAREST = 240, 10


class Recording(NamedTuple):
    """words: W of them. tables: their embeddings at K moments, (K, W, C). steps: when those were."""

    words: list[str]
    tables: np.ndarray
    steps: list[int]


def recorded() -> Recording:
    """The poem model's most frequent words, and their embeddings on the way from random numbers to a trained model."""
    with safe_open(RECORDED, "np") as file:
        tables = file.get_tensor("tables") * file.get_tensor("scales")[..., None]  # (K,W,C)
        return Recording(json.loads(file.metadata()["words"]), tables, file.get_tensor("steps").tolist())


def save(words: list[str], steps, tables: np.ndarray) -> None:
    """Write what `recorded` reads: each row as whole numbers from −127 to 127, and a scale."""
    whole, scales = _as_bytes(tables)
    RECORDED.parent.mkdir(exist_ok=True)
    tensors = {"tables": whole, "scales": scales, "steps": np.array(steps, dtype=np.int32)}
    save_file(tensors, RECORDED, metadata={"words": json.dumps(words, ensure_ascii=False)})


def frequent(vocab: list[str]) -> list[int]:
    """The ids of the words worth recording: every topic, and the most frequent others. Vocabularies are sorted so."""
    words = [i for i, word in enumerate(vocab) if word.isalpha()]
    topics = [i for i in words if vocab[i] in poems.TOPICS]
    return sorted({*topics, *[i for i in words if i not in topics][: WORDS - len(topics)]})


def _as_bytes(tables: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    scales = (np.maximum(np.abs(tables).max(axis=-1), 1e-12) / 127).astype(np.float32)
    return np.round(tables / scales[..., None]).astype(np.int8), scales


class EmbeddingMap(Widget):
    """A map of words: drag the slider from random numbers to trained ones, point at a word, click two.

    words: W labels. tables: (K, W, C), their embeddings at `steps`, or (W, C) for one moment. groups: {word: 1 or 2},
    drawn in orange or green; the others are blue. at: which of the K moments shows, from 0; between two of them the
    words are on their way. picked: up to two words. The map's directions are the two along which the last table varies
    most.
    """

    settings = ("at", "picked")

    words = traitlets.List(traitlets.Unicode(), read_only=True).tag(sync=True)
    steps = traitlets.List(traitlets.Int(), read_only=True).tag(sync=True)
    groups = traitlets.List(traitlets.Int(), read_only=True).tag(sync=True)
    tables = traitlets.Dict(read_only=True, help="int8 and float32 as base64").tag(sync=True)
    directions = traitlets.List(read_only=True, help="(2, C)").tag(sync=True)
    at = Number(0.0, 0, 1000).tag(sync=True)
    picked = traitlets.List(traitlets.Unicode(), maxlen=2).tag(sync=True)

    def __init__(self, words, tables, steps=(0,), *, groups: dict[str, int] | None = None, **values):
        tables = np.asarray(tables, dtype=float)
        tables = tables[None] if tables.ndim == 2 else tables
        if tables.shape[:2] != (len(steps), len(words)):
            raise ValueError(
                f"The tables must have the shape (steps, words, channels), here ({len(steps)}, {len(words)}, C); got "
                f"{tables.shape}."
            )
        whole, scales = _as_bytes(tables)
        self._tables = whole * scales[..., None].astype(float)
        data = base64.b64encode(whole.tobytes() + scales.tobytes()).decode()
        last = self._centered(len(steps) - 1)
        directions = np.linalg.svd(last, full_matrices=False)[2][:2]
        signs = np.sign(directions[np.arange(2), np.abs(directions).argmax(axis=1)])  # a direction has no front
        self.set_trait("words", [str(word) for word in words])
        self.set_trait("steps", [int(step) for step in steps])
        self.set_trait("groups", [(groups or {}).get(word, 0) for word in words])
        self.set_trait("tables", {"shape": list(whole.shape), "data": data})
        self.set_trait("directions", short(directions * signs[:, None]))
        super().__init__(**{"at": len(steps) - 1} | values)
        self.set_trait("bounds", self.bounds | {"at": {"low": 0, "high": len(steps) - 1, "whole": False}})

    @traitlets.validate("at")
    def _in_range(self, proposal):
        if not 0 <= proposal["value"] <= len(self.steps) - 1:
            raise traitlets.TraitError(f"at must be from 0 to {len(self.steps) - 1}; got {proposal['value']}.")
        return proposal["value"]

    @traitlets.validate("picked")
    def _known(self, proposal):
        for word in proposal["value"]:
            if word not in self.words:
                raise traitlets.TraitError(f"picked must hold words of the map; got {word!r}.")
        return proposal["value"]

    def _centered(self, k: int) -> np.ndarray:
        return self._tables[k] - self._tables[k].mean(axis=0)

    def places(self, k: int = -1) -> np.ndarray:
        """Where the words are on the map at moment k: (W, 2)."""
        return self._centered(k) @ np.array(self.directions).T  # (W,C)@(C,2) → (W,2)

    def kept(self, k: int = -1) -> float:
        """The share of the variance among the words that the map's two directions keep at moment k."""
        return float((self.places(k) ** 2).sum() / (self._centered(k) ** 2).sum())

    def neighbors(self, word: str, k: int = -1, n: int = NEAREST) -> list[tuple[str, float]]:
        """The n words whose embeddings point most nearly the same way as this one's, with their cosines."""
        rows = self._centered(k)
        rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
        similar = rows @ rows[self.words.index(word)]  # (W,C)@(C,) → (W,)
        order = [i for i in np.argsort(-similar, kind="stable") if self.words[i] != word][:n]
        return [(self.words[i], float(similar[i])) for i in order]

    def still(self):
        places, ax = self.places(round(self.at)), plots.new_axes(width=7.5, height=5.5)
        colors = [(plots.BLUE, plots.ORANGE, plots.GREEN)[group] for group in self.groups]
        ax.scatter(*places.T, s=8, c=colors)
        boxes = []
        span = np.ptp(places, axis=0).max() or 1
        for i in sorted(range(len(places)), key=lambda i: self.words[i] not in self.picked):
            x, y = places[i] / span
            if all(abs(x - a) > 0.07 or abs(y - b) > 0.035 for a, b in boxes):
                boxes.append((x, y))
                ax.text(*places[i], " " + self.words[i], fontsize=8, color=colors[i], va="center")
        ax.set(xticks=[], yticks=[], title=f"step {self.steps[round(self.at)]:,}")
        return ax

    def alt(self) -> str:
        k = round(self.at)
        word = (self.picked or self.words)[0]
        near = ", ".join(f"{name} ({cosine:.2f})" for name, cosine in self.neighbors(word, k, 3))
        return (
            f"A map of {len(self.words)} words after {self.steps[k]:,} steps of training. Its two directions keep "
            f"{self.kept(k):.0%} of the variance. Nearest to “{word}”, in all directions: {near}."
        )
