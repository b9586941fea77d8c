"""Merges: a text the reader types, cut into tokens by byte-pair encoding, one merge after the other.

Chapter 4 builds the tokenizer. The page encodes the way `BytePairTokenizer.encode` does and gets the same ids; a test
compares them. Left out: training a tokenizer on the page.
"""

from __future__ import annotations

import numpy as np
import traitlets
from matplotlib.font_manager import FontProperties, findfont, get_font
from matplotlib.patches import Rectangle

from book.widgets.base import Choice, Whole, Widget
from helpers import plots

LONGEST = 1_000_000  # characters


class Merges(Widget):
    """Step through the merges that cut `text` into tokens.

    tokenizer: a `helpers.tokenizers.BytePairTokenizer`. step: how many of the merges that occur in the text to apply;
    −1: all of them. under: what appears below each token, "ids" or "bytes".
    """

    settings = ("text", "step", "under")

    text = traitlets.Unicode("").tag(sync=True)
    step = Whole(-1, -1, LONGEST, help="merges applied; -1: all").tag(sync=True)
    under = Choice(["ids", "bytes"], "ids").tag(sync=True)
    merges = traitlets.List(read_only=True, help="a0, b0, a1, b1, … as they were learned").tag(sync=True)
    specials = traitlets.List(read_only=True).tag(sync=True)

    def __init__(self, tokenizer, text: str = "Write a poem about a cat.", **options):
        saved = tokenizer.to_dict() if hasattr(tokenizer, "to_dict") else {}
        if not {"merges", "specials"} <= saved.keys():
            raise ValueError(
                f"Merges needs a tokenizer with merges; got a {type(tokenizer).__name__}. "
                "Try BytePairTokenizer.train(text, 512)."
            )
        self._tokenizer = tokenizer
        self.set_trait("merges", np.ravel(saved["merges"]).astype(int).tolist())
        self.set_trait("specials", list(saved["specials"]))
        super().__init__(text=text, **options)

    @traitlets.validate("text")
    def _check_text(self, proposal):
        text = proposal["value"]
        if len(text) > LONGEST:
            raise traitlets.TraitError(f"text can have up to {LONGEST:,} characters; got {len(text):,}. Cut it.")
        self._tokenizer.encode(text)  # says what's wrong with a text UTF-8 can't write
        return text

    def _stages(self) -> tuple[list[list[int]], int]:
        """The ids of the text's first line or so after each merge, and how many merges the figure shows applied."""
        stages = self._tokenizer.merge_steps(self.text[:60])
        last = len(stages) - 1
        return stages, last if self.step < 0 else min(self.step, last)

    def still(self):
        stages, now = self._stages()
        rows = sorted({round(i) for i in np.linspace(0, now, min(now + 1, 7))})
        known = get_font(findfont(FontProperties())).get_charmap()  # the font has no emoji, for one
        vocab = [
            "".join(c if ord(c) in known else c.encode("unicode_escape").decode() for c in token)
            for token in self._tokenizer.vocab
        ]
        names = [f"{i} merges: {len(stages[i])}" if i != 1 else f"1 merge: {len(stages[1])}" for i in rows]
        ax, widest = plots.new_axes(width=8, height=0.4 + 0.36 * len(rows)), 1.0
        for y, i in enumerate(rows):
            x = 0.0
            for token in stages[i]:
                shown = vocab[token]
                width = 0.6 + 0.5 * len(shown)
                ax.add_patch(Rectangle((x, y - 0.36), width, 0.72, facecolor=plots.SOFT, edgecolor=plots.MUTED))
                ax.text(x + width / 2, y, shown.replace("$", r"\$"), ha="center", va="center", fontsize=8)
                x += width + 0.1
            widest = max(widest, x)
        ax.set(xlim=(-0.1, widest), ylim=(len(rows) - 0.5, -0.5), xticks=[])
        ax.set_yticks(range(len(rows)), names)
        ax.tick_params(length=0)
        ax.grid(visible=False)
        ax.spines[:].set_visible(False)
        return ax

    def alt(self):
        ids = self._tokenizer.encode(self.text)
        shown = " | ".join(self._tokenizer.vocab[i] for i in ids[:20]) + (" | …" if len(ids) > 20 else "")
        size = f"{len(self.text):,} characters and {len(self.text.split()):,} words"
        return f"A text of {size}, cut into {len(ids):,} tokens by merging neighbors: {shown or 'none'}."
