"""Bigram: chapter 1's table of pairs of characters, from a text the reader pastes; counted, and learned.

The page counts whatever you type at once. Below, a table of logits that starts at 0 learns the same text by gradient
descent, and its loss falls to that of the counts. The methods here compute what `bigram.js` does, in whole tables.
Left out: longer memories, and tokens other than characters.
"""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import traitlets

from book.widgets.base import Choice, Number, Whole, Widget
from helpers import plots, sampling

READ = 100_000  # characters
DIFFERENT = 4_000  # of them: a table has their number squared
HELD = 1_000  # characters from which we hold out the last tenth
STEPS = 10_000
SHOWN, BARS = 16, 6  # characters and bars in the picture; the live figure has more
WRITTEN = 300  # characters

TEXT = """\
Write a poem about a cat.

A cat came in out of the rain
and sat beside the window pane.
She washed a paw, she washed the other,
and thought no more about the weather.

The moon came up above the town.
The cat looked up, the moon looked down,
and neither of the two would say
where they had been the other day.

A mouse ran out across the floor,
and wondered what the cat was for.
The cat, who had the mouse in sight,
was far too warm to move that night.

So let her sleep, and let her dream
of birds and butter, fish and cream,
of summer grass and garden walls,
and how a feather falls and falls.

And when the morning comes around
she will be gone without a sound,
and leave upon the window sill
a little warmth that lingers still.

Then write a poem, short and plain,
about a cat, about the rain,
about the mouse that got away
to come again another day.

Or write about the open door,
the cat who does not need you more
than you need her, and all the same
will sometimes answer to her name.

The rain has stopped, the poem ends,
the cat goes out to see her friends,
and what comes next nobody knows
but someone guesses as it goes.
"""


class Bigram(Widget):
    """The bigram of the characters of `text`, counted and learned; a reader changes the text and everything else.

    text: up to 100,000 characters, up to 4,000 different ones. row: the character whose row shows; "": the most
    frequent one. shown: the table that shows and writes, "counted" or "learned". prompt: what its text starts with; "":
    the first character. seed: of `sampling.Mulberry32`. rate, steps: of gradient descent. V is the number of different
    characters.
    """

    settings = ("text", "row", "shown", "prompt", "seed", "rate", "steps")

    text = traitlets.Unicode(TEXT).tag(sync=True)
    row = traitlets.Unicode("").tag(sync=True)
    shown = Choice(["counted", "learned"], "counted").tag(sync=True)
    prompt = traitlets.Unicode("").tag(sync=True)
    seed = Whole(1, 0, (1 << 32) - 1).tag(sync=True)
    rate = Number(10.0, 0.1, 1000).tag(sync=True)
    steps = Whole(0, 0, STEPS).tag(sync=True)

    def __init__(self, text: str = TEXT, **options):
        super().__init__(text=text, **options)

    @traitlets.validate("text", "prompt", "row")
    def _check_text(self, proposal):
        name, text = proposal["trait"].name, proposal["value"]
        if len(text) > READ:
            raise traitlets.TraitError(
                f"{name} can have up to {READ:,} characters; got {len(text):,}. Cut it: {name}[:{READ}]."
            )
        if (different := len(set(text))) > DIFFERENT:
            raise traitlets.TraitError(
                f"{name} can have up to {DIFFERENT:,} different characters; got {different:,}. Use less text."
            )
        if any("\ud800" <= c <= "\udfff" for c in text):
            raise traitlets.TraitError(f"{name} has half of a surrogate pair, which UTF-8 can't write. Leave it out.")
        return text

    @property
    def chars(self) -> list[str]:
        """The V different characters of the text, sorted."""
        return sorted(set(self.text))

    def _ids(self) -> np.ndarray:
        id_of = {c: i for i, c in enumerate(self.chars)}
        return np.array([id_of[c] for c in self.text], dtype=int)

    def _counts(self, ids) -> np.ndarray:
        N = np.zeros((len(self.chars), len(self.chars)))
        np.add.at(N, (ids[:-1], ids[1:]), 1)
        return N

    def counts(self) -> np.ndarray:
        """(V, V): how often the character of the column follows that of the row."""
        return self._counts(self._ids())

    def probabilities(self) -> np.ndarray:
        """(V, V): the table in view. Rows sum to 1; a counted row is 0 if nothing ever follows its character."""
        if self.shown == "learned":
            return _softmax(self.trained()[0])
        N = self.counts()
        return N / np.maximum(N.sum(axis=1, keepdims=True), 1)

    def loss(self) -> float | None:
        """The counts' mean surprise at the text they come from, in nats per character; None without a pair."""
        N = self.counts()
        i, j = np.nonzero(N)
        return float(-(N[i, j] * np.log(N[i, j] / N.sum(axis=1)[i])).sum() / N.sum() + 0.0) if N.any() else None

    def held_out_loss(self) -> float | None:
        """The mean surprise at the last tenth, of counts of the first nine with 1 added; None for a text too short."""
        ids = self._ids()
        if len(ids) < HELD:
            return None
        train, held = np.split(ids, [len(ids) - len(ids) // 10])
        N = self._counts(train) + 1
        return float(-np.log(N / N.sum(axis=1, keepdims=True))[held[:-1], held[1:]].mean())

    def trained(self, steps: int | None = None, rate: float | None = None) -> tuple[np.ndarray, list[float]]:
        """Gradient descent on the mean surprise: (the logits (V, V), the losses at the start and after each step)."""
        N, rate = self.counts(), self.rate if rate is None else rate
        z, losses = np.zeros_like(N), []
        if not N.any():
            return z, losses
        y = N / N.sum()
        used = y.sum(axis=1, keepdims=True)
        for step in range((self.steps if steps is None else steps) + 1):
            if step:
                z -= rate * (used * _softmax(z) - y)
            top = z.max(axis=1, keepdims=True)
            losses.append(
                float((used * (top + np.log(np.exp(z - top).sum(axis=1, keepdims=True)))).sum() - (y * z).sum())
            )
        return z, losses

    def written(self, n: int = WRITTEN) -> str:
        """The prompt and n more characters; fewer if the table has nothing to continue with."""
        P, chars, rng = self.probabilities(), self.chars, sampling.Mulberry32(self.seed)
        text = self.prompt or self.text[:1]
        for _ in range(n):
            if text[-1:] not in chars or not (p := P[chars.index(text[-1])]).any():
                break
            text += chars[sampling.sample(p, rng=rng)]
        return text

    # The picture

    def _row(self) -> int:
        """The row in view: the chosen character's, or else that of the most frequent one."""
        if self.row in self.chars:
            return self.chars.index(self.row)
        return int(np.bincount(self._ids()).argmax())

    def _best(self) -> list[tuple[str, float]]:
        """What follows in the row in view: characters and their probabilities, the largest first."""
        if len(self.text) < 2:
            return []
        p = self.probabilities()[self._row()]
        return [(self.chars[i], float(p[i])) for i in np.argsort(-p, kind="stable")[:BARS] if p[i] > 0]

    def still(self):
        _, axes = plt.subplots(1, 2, figsize=(8.2, 4.2), width_ratios=[1.5, 1])
        if best := self._best():
            often = np.sort(np.argsort(-np.bincount(self._ids()), kind="stable")[:SHOWN])
            names = [label(self.chars[i]) for i in often]
            plots.heatmap(self.probabilities()[np.ix_(often, often)], axes[0], rows=names, columns=names, low=0, high=1,
                          xlabel="next character", ylabel="this character")  # fmt: skip
            axes[0].tick_params(labelsize=7, bottom=False, left=False)
            axes[0].images[0].set_interpolation("none")  # the pixels as they are: a third of the bytes
            axes[0].images[0].colorbar.remove()
            plots.bars([label(c) for c, _ in best], [p for _, p in best], axes[1], xlabel="p")
            axes[1].set(title=f"after {plots.visible(label(self.chars[self._row()]))}", xlim=(0, 1), xticks=(0, 0.5, 1))
        return axes[0]

    def alt(self) -> str:
        if len(self.text) < 2:
            return f"A text of {len(self.text)} characters, with no pair of characters to count."
        best = ", ".join(f"{label(c)} {p:.2f}" for c, p in self._best()[:3])
        text = self.written(60).replace("\n", "↵")
        return (
            f"A table of which character follows which in a text of {len(self.text):,} characters, {len(self.chars)} "
            f"different; after {label(self.chars[self._row()])!r} comes {best}. The mean surprise is "
            f"{self.loss():.2f} nats per character. The table writes: {text}"
        )


def label(char: str) -> str:
    """A character, or its number if it shows nothing. Spaces and line breaks are up to `plots.visible`."""
    return char if char.isprintable() or char in "\n\t" else f"U+{ord(char):04X}"


def _softmax(z: np.ndarray) -> np.ndarray:
    return sampling.softmax(z) if z.size else z
