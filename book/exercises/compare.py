"""Comparing what a function returned with what it should have: forgiving about containers and rounding."""

from typing import Any

import numpy as np


def numbers(x) -> np.ndarray | None:
    """`x` as an array of numbers, tensors unwrapped; None if it's something else, such as text or ragged lists."""
    data = getattr(x, "data", None)
    if isinstance(data, (np.ndarray, float, int)) and not isinstance(x, np.ndarray):
        x = data
    try:
        array = np.asarray(x)
    except Exception:
        return None
    return array if array.dtype.kind in "biuf" else None


def same(given, right, *, rtol: float, atol: float, exact_shape: bool = False) -> bool:
    """Whether results are equal up to rounding, the kind of container, and, unless `exact_shape`, axes of length 1."""
    tolerance: dict[str, Any] = {"rtol": rtol, "atol": atol, "exact_shape": exact_shape}
    if isinstance(right, dict):
        keys = isinstance(given, dict) and given.keys() == right.keys()
        return keys and all(same(given[key], right[key], **tolerance) for key in right)
    a, b = numbers(given), numbers(right)
    if b is not None and not isinstance(right, tuple):
        if a is None:
            return False
        if not exact_shape:
            a, b = a.squeeze(), b.squeeze()
        return a.shape == b.shape and np.allclose(a, b, rtol, atol, equal_nan=True)
    if isinstance(given, np.ndarray):
        given = list(given)
    if isinstance(right, (list, tuple)):
        fits = isinstance(given, (list, tuple)) and len(given) == len(right)
        return fits and all(same(g, r, **tolerance) for g, r in zip(given, right))
    return bool(given == right)


def spoiled(value) -> bool:
    """Whether there's a nan in an array."""
    array = numbers(value)
    return array is not None and bool(np.isnan(array).any())


def unchanged(before, after) -> bool:
    """Whether arrays, including those in lists and dicts, still hold what they held."""
    if isinstance(before, np.ndarray):
        return np.array_equal(before, after, equal_nan=before.dtype.kind == "f")
    if isinstance(before, dict):
        return before.keys() == after.keys() and all(unchanged(before[key], after[key]) for key in before)
    if isinstance(before, (list, tuple)):
        return len(before) == len(after) and all(map(unchanged, before, after))
    return not isinstance(before, (str, int, float)) or before == after
