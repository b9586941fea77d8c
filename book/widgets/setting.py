"""Shared by figures that sample with temperature, top-k, top-p, and min-p: two settings, their bounds, their formula.

The page's side is `setting.js`.
"""

from __future__ import annotations

import traitlets

from book.widgets.base import Number, Whole, Widget

SETTING = ("temperature", "top_k", "top_p", "min_p")
MOST = 65_536  # tokens


def options(values, V: int) -> dict:
    """A setting's four values as arguments for `sampling.next_distribution`. A cut that cuts nothing is None."""
    off = (None, V, 1, 0)
    return {name: None if value == at else value for name, value, at in zip(SETTING, values, off, strict=True)}


def both_settings(V: int, first: dict, second: dict | None) -> dict:
    """The traits of two settings. Whatever one of them leaves out is off."""
    if unknown := set(second or {}) - set(SETTING):
        raise ValueError(f"A setting has only {', '.join(SETTING)}; got {min(unknown)!r} for the second one.")
    off = {"temperature": 1.0, "top_k": V, "top_p": 1.0, "min_p": 0.0}
    first = off | {name: value for name, value in first.items() if value is not None}
    return first | {f"{name}_b": value for name, value in (off | (second or {})).items()}


class TwoSettings(Widget):
    """A widget with a setting, a second one beside it (its traits end in _b), and a seed. V: how many tokens."""

    setting_traits = (*SETTING, "compare", *(f"{name}_b" for name in SETTING), "seed")

    compare = traitlets.Bool(False).tag(sync=True)
    temperature, temperature_b = Number(1.0, 0, 3).tag(sync=True), Number(1.0, 0, 3).tag(sync=True)
    top_k, top_k_b = Whole(1, 1, MOST).tag(sync=True), Whole(1, 1, MOST).tag(sync=True)
    top_p, top_p_b = Number(1.0, 0, 1).tag(sync=True), Number(1.0, 0, 1).tag(sync=True)
    min_p, min_p_b = Number(0.0, 0, 1).tag(sync=True), Number(0.0, 0, 1).tag(sync=True)
    seed = Whole(1, 0, (1 << 32) - 1).tag(sync=True)

    def __init__(self, **values):
        super().__init__(**values)
        most = {"low": 1, "high": self.V, "whole": True}
        self.set_trait("bounds", self.bounds | {"top_k": most, "top_k_b": most})

    @property
    def V(self) -> int:
        raise NotImplementedError(f"{type(self).__name__} doesn't say how many tokens it has. Define V.")

    @traitlets.validate("top_k", "top_k_b")
    def _not_above(self, proposal):
        if proposal["value"] > self.V:
            what = f"{proposal['trait'].name} must be a whole number from 1 to {self.V}, the number of tokens"
            raise traitlets.TraitError(f"{what}; got {proposal['value']}.")
        return proposal["value"]

    def setting(self, which: str = "") -> list[float]:
        """[temperature, top_k, top_p, min_p] of the first setting, or of the second if which="_b"."""
        return [getattr(self, name + which) for name in SETTING]
