"""Checks on numeric arguments, so a wrong one raises a clear error at once instead of causing a strange result later.

Each returns the number, or raises ValueError: what it must be, what it got.
"""

from __future__ import annotations

import math

import numpy as np


def whole(name: str, value, least: int = 1, most: int | None = None) -> int:
    """`value` as an int from `least` to `most`, both included."""
    if isinstance(value, int | np.integer) and not isinstance(value, bool):
        if value >= least and (most is None or value <= most):
            return int(value)
    limits = f"of at least {least}" if most is None else f"from {least} to {most}"
    raise ValueError(f"{name} must be a whole number {limits}; got {value!r}.")


def real(name: str, value, least: float = 0.0, most: float = math.inf, *, above: bool = False, why: str = "") -> float:
    """`value` as a finite float from `least` to `most`; with `above`, `least` itself is too small. why: what to do."""
    if isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool):
        if math.isfinite(value) and least <= value <= most and not (above and value == least):
            return float(value)
    lower = f"above {least:g}" if above else f"of at least {least:g}"
    limits = lower if most == math.inf else f"from {least:g} to {most:g}"
    raise ValueError(f"{name} must be a number {limits}; got {value!r}." + (f" {why}" if why else ""))
