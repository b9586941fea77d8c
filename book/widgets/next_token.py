"""NextToken: the distribution over the next token, what temperature and the cuts do to it, and draws from it."""

from __future__ import annotations

import numpy as np
import traitlets

from book.widgets.base import Choice, Whole, short
from book.widgets.setting import MOST, SETTING, TwoSettings, both_settings, options
from helpers import plots, sampling

LONGEST = 60  # characters of a token that show
CONTEXT = 300  # characters of the context that show
MANY = 100_000  # draws


class Logits(traitlets.List):
    """V numbers with 7 significant digits, exactly the ones the figure computes with; None stands for −inf."""

    def validate(self, obj, value):
        try:
            z = np.array([-np.inf if v is None else v for v in np.asarray(value).ravel()], dtype=np.float64)
        except (TypeError, ValueError):
            raise traitlets.TraitError("The logits must be numbers, one for each token.") from None
        if np.isnan(z).any() or (z == np.inf).any():
            got = "NaN" if np.isnan(z).any() else "+inf"
            raise traitlets.TraitError(f"Each logit must be a number or −inf; got {got}. Check the model.")
        if z.size and z.max() == -np.inf:
            raise traitlets.TraitError("All logits are −inf, so no token is possible. Leave at least one finite.")
        return short(z)


class NextToken(TwoSettings):
    """Bars for the most probable next tokens, sliders that change them, and darts that draw from them.

    logits: V numbers, −inf for an impossible token. tokens: their V texts. top_k None: all V. controls: which of the
    setting's four get a slider. second: another setting beside this one, such as {"temperature": 0.5}, with the same
    random numbers. bars: how many tokens show; all of them count. axis: the probability at its end.
    draws, seed: how many draws to start with, and their random numbers. context: the text before the blank.
    `distribution` and `drawn` return what the figure shows as arrays. Chapter 7 builds the formulas.
    """

    settings = (*TwoSettings.setting_traits, "axis", "draws", "drawn_with")

    tokens = traitlets.List(traitlets.Unicode()).tag(sync=True)
    logits = Logits().tag(sync=True)
    context = traitlets.Unicode("").tag(sync=True)
    controls = traitlets.List(Choice(SETTING)).tag(sync=True)
    bars = Whole(12, 1, 40).tag(sync=True)
    axis = Choice([1, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01], 1).tag(sync=True)
    draws = Whole(1, 0, MANY).tag(sync=True)
    drawn_with = traitlets.List().tag(sync=True)  # a seed and one or two settings: those of the draws

    def __init__(self, logits, tokens, *, top_k=None, second: dict | None = None, controls=SETTING, **values):
        tokens = [str(token) for token in tokens]
        if not 1 <= len(tokens) <= MOST:
            raise ValueError(f"NextToken takes 1 to {MOST:,} tokens; got {len(tokens):,}.")
        context = values.pop("context", "")
        first = {"top_k": top_k} | {name: values.pop(name) for name in SETTING if name in values}
        super().__init__(
            tokens=[token if len(token) <= LONGEST else token[:LONGEST] + "…" for token in tokens],
            logits=logits,
            context=context if len(context) <= CONTEXT else "…" + context[-CONTEXT:],
            controls=list(controls),
            compare=values.pop("compare", second is not None),
            **(both_settings(len(tokens), first, second) | values),
        )
        if not self.drawn_with:
            self.drawn_with = [self.seed, *self.setting(), *(self.setting("_b") if self.compare else [])]

    @traitlets.validate("logits", "tokens")
    def _as_many(self, proposal):
        logits, tokens = (
            proposal["value"] if proposal["trait"].name == name else getattr(self, name)
            for name in ("logits", "tokens")
        )
        if len(logits) != len(tokens):
            raise traitlets.TraitError(
                f"Each token needs one logit; got {len(logits):,} logits for {len(tokens):,} tokens."
            )
        return proposal["value"]

    @property
    def V(self) -> int:
        return len(self.tokens)

    @traitlets.validate("drawn_with")
    def _seed_and_settings(self, proposal):
        value, traits = proposal["value"], self.traits()
        names = ["seed", *SETTING, *(f"{name}_b" for name in SETTING)][: len(value)]
        if len(value) not in (5, 9):
            raise traitlets.TraitError(
                f"drawn_with must have a seed and four numbers for each setting, 5 or 9 in all; got {len(value)}."
            )
        return [traits[name].validate(self, v) for name, v in zip(names, value, strict=True)]

    def distribution(self, which: str = "") -> np.ndarray:
        """The probabilities (V,) of the first setting, or of the second with which="_b"."""
        return self._probabilities(self.setting(which))

    def drawn(self, which: str = "") -> np.ndarray:
        """The ids drawn with the first setting, or with the second, from the same uniform numbers."""
        used = self.drawn_with[5:9] if which else self.drawn_with[1:5]
        if not used:
            return np.zeros(0, dtype=int)
        return sampling.samples(self._probabilities(used), self.draws, rng=sampling.Mulberry32(self.drawn_with[0]))

    def _probabilities(self, setting) -> np.ndarray:
        return sampling.next_distribution(self._scores(), **options(setting, self.V))

    def _scores(self) -> np.ndarray:
        return np.array([-np.inf if z is None else z for z in self.logits])

    def _shown(self) -> np.ndarray:
        return np.argsort(-self._scores(), kind="stable")[: self.bars]

    def _words(self, which: str = "") -> str:
        """The setting in words: its temperature, and the cuts in use."""
        used = options(self.setting(which), self.V).items()
        return ", ".join(f"{name.replace('_', '-')} {value:g}" for name, value in used if value is not None)

    def still(self):
        shown, model, ids = self._shown(), sampling.softmax(self._scores()), self.drawn()
        y, sets = np.arange(len(shown)), [("", "A: ", plots.BLUE, None), ("_b", "B: ", plots.ORANGE, "////")]
        ax = plots.new_axes(height=0.9 + 0.25 * len(shown) + 0.6 * self.compare)
        if self.controls:
            outline = {"fill": False, "edgecolor": plots.MUTED, "linestyle": "--", "label": "unchanged"}
            ax.barh(y, model[shown], height=0.82, **outline)
        for k, (which, letter, color, hatch) in enumerate(sets[: 1 + self.compare]):
            height, p = 0.64 / (1 + self.compare), self.distribution(which)
            at, label = (
                y - 0.32 + height * (k + 0.5),
                letter * self.compare + (self._words(which) if self.controls else "probability"),
            )
            ax.barh(at, p[shown], height=height, color=color, hatch=hatch, edgecolor=plots.SOFT, label=label)
            cut = np.where(p > 0, 0, sampling.softmax(self._scores(), self.setting(which)[0]))[shown]
            if cut.any():
                words = "cut off" if k == 0 else None
                ax.barh(at, cut, height=height, fill=False, edgecolor=plots.MUTED, hatch="xxxx", label=words)
        names = [self.tokens[i] if len(self.tokens[i]) <= 20 else self.tokens[i][:20] + "…" for i in shown]
        ax.set_yticks(y, [plots.visible(name) or "(empty)" for name in names])
        if len(ids) == 1 and ids[0] in shown:
            row = int(np.flatnonzero(shown == ids[0])[0])
            ax.plot(self.axis * 0.98, row, "o", color=plots.ORANGE, label="drawn", clip_on=False)
        ax.invert_yaxis()
        ax.grid(axis="y", visible=False)
        ax.set(xlim=(0, self.axis), xlabel="probability")
        ax.legend(loc="lower right")
        return ax

    def alt(self) -> str:
        best, p = self._shown()[0], self.distribution()
        setting = f" at {self._words()}" if self.controls else ""
        words = (
            f"Bars for the {min(self.bars, len(p)):,} most probable of {len(p):,} next tokens{setting}. "
            f"The first, {self.tokens[best]!r}, has probability {p[best]:.3f}; "
            f"the perplexity is {sampling.perplexity(p):.3g}."
        )
        if self.compare:
            words += f" Beside them {self._words('_b')}, with {self.distribution('_b')[best]:.3f} for the first token."
        if self.draws == 1:
            words += f" One token was drawn: {self.tokens[self.drawn()[0]]!r}."
        return words
