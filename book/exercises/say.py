"""Finding words for what went wrong when no mistake on the list fits: a crash, a shape, the first wrong number.

Messages use two marks, as in Markdown: backticks around code and asterisks around *emphasis*. What a reader's program
says always goes through `code`, so nothing in it can pass for a mark.
"""

import html
import re
import tomllib
import traceback
from pathlib import Path
from typing import Any

import numpy as np

from .compare import numbers, same
from .running import code, their_line

EMPHASIS = re.compile(r"(?<![\w*])\*(\w[^*\n]*)\*(?![\w*])")


def marked(message: str, emphasis: str, code: str, escape=str) -> str:
    """A message with its marks replaced; each mark's replacement has \\1 where the text goes."""
    parts = re.split(r"`([^`]+)`", message)  # text, code, text, code, … text
    for i, part in enumerate(parts):
        parts[i] = code.replace(r"\1", escape(part)) if i % 2 else EMPHASIS.sub(emphasis, escape(part))
    return "".join(parts)


def as_text(message: str) -> str:
    """For a terminal: code keeps its backticks, emphasis loses its asterisks."""
    return marked(message, r"\1", r"`\1`")


def as_html(message: str) -> str:
    """For a notebook. Everything is escaped before any tag goes in."""
    return marked(message, r"<em>\1</em>", r"<code>\1</code>", html.escape)


def show(value) -> str:
    """A value for a sentence, in at most 200 characters or so."""
    array = numbers(value)
    if array is None or isinstance(value, bool):
        text = repr(value)
    elif array.ndim == 0:
        text = f"{array:.6g}" if array.dtype.kind == "f" else str(array)
    else:
        short = {"float_kind": lambda v: f"{v:.4g}"}
        text = np.array2string(array, separator=", ", threshold=24, edgeitems=2, formatter=short)  # type: ignore[arg-type]
    return code(text if len(text) < 200 else text[:190] + " …")


def kind(value) -> str:
    """What something is, in words."""
    array = numbers(value)
    if array is not None:
        return "a number" if array.ndim == 0 else f"numbers of shape {array.shape}"
    if value is None or isinstance(value, str):
        return "text" if isinstance(value, str) else "nothing"
    bases = (base.__name__ for base in (dict, list, tuple) if isinstance(value, base))  # a Counter is a dict
    name = next(bases, type(value).__name__)
    return f"{'an' if name[0] in 'aeiou' else 'a'} {name}"


ADVICE = tomllib.loads(Path(__file__).with_name("advice.toml").read_text(encoding="utf-8"))["advice"]


def explained(error: BaseException) -> str:
    """A crash in words: what was raised, on which of the reader's lines, and what it usually means."""
    name, detail = type(error).__name__, str(error).split("\n")[0][:300]
    lines = [f"Your code crashed with {code(f'{name}: {detail}'.strip(': '))}"]
    if where := their_line(traceback.extract_tb(error.__traceback__)):
        lines.append(f"It happened on {where}")
    types = [base.__name__ for base in type(error).__mro__]
    fits = [say for type_, part, say in ADVICE if type_ in types and re.search(part, str(error))]
    return "\n".join([*lines, *fits[:1]])


def pattern(pairs) -> str:
    """What all the differences between (given, right) have in common: a sign, a factor, a shift; empty if nothing."""
    pairs = [(numbers(given), numbers(right)) for given, right in pairs]
    if any(a is None or b is None or a.squeeze().shape != b.squeeze().shape for a, b in pairs):
        return ""
    a, b = (np.concatenate([array.ravel() for array in side]).astype(float) for side in zip(*pairs))
    if len(np.unique(b)) < 2 or not (np.isfinite(a) & np.isfinite(b)).all() or np.allclose(a, b, rtol=1e-3):
        return ""
    factor, shift = a @ b / (b @ b), (a - b).mean()
    if factor and np.allclose(a, factor * b, rtol=1e-3, atol=1e-9):
        times = f"Every number is {factor:.4g} times what it should be."
        return "Every number has the wrong sign." if np.isclose(factor, -1) else times
    if np.allclose(a, b + shift, rtol=1e-3, atol=1e-9):
        return f"Every number is too {'large' if shift > 0 else 'small'} by {abs(shift):.4g}."
    return ""


def differs(given, right, *, rtol: float, atol: float, exact_shape: bool) -> str:
    """How a wrong value differs from the right one: what it is, its shape, a nan or infinity, or the first number."""
    tolerance: dict[str, Any] = {"rtol": rtol, "atol": atol, "exact_shape": exact_shape}
    if isinstance(right, (dict, tuple)) and isinstance(given, (dict, tuple, list)) and len(given) == len(right):
        keys = right if isinstance(right, dict) else range(len(right))
        for key in (key for key in keys if isinstance(given, (tuple, list)) or key in given):
            if not same(given[key], right[key], **tolerance):
                return f"{code(f'result[{key!r}]')} is wrong: {differs(given[key], right[key], **tolerance)}"
    a, b = numbers(given), numbers(right)
    if a is None or b is None:
        if kind(given) != kind(right):
            return f"you get {kind(given)}, {show(given)}, instead of {kind(right)}."
        return f"you get {show(given)} instead of {show(right)}."
    if (a.shape if exact_shape else a.squeeze().shape) != (b.shape if exact_shape else b.squeeze().shape):
        return f"you get {kind(given)} instead of {b.shape if a.ndim and b.ndim else kind(right)}."
    a, b = a.reshape(b.shape).astype(float), b.astype(float)
    for name, found in (("nan (not a number)", np.isnan), ("infinity", np.isinf)):
        if found(a).any() and not found(b).any():
            return f"you get {name}: {show(given)}."
    if b.ndim == 0:
        return f"you get {show(a)} instead of {show(b)}."
    where = tuple(int(i) for i in np.argwhere(~np.isclose(a, b, rtol, atol, equal_nan=True))[0])
    return f"position {list(where)} is {show(a[where])} instead of {show(b[where])}."


def scored(goals: dict[str, bool]) -> str:
    """Which of an exercise's goals an answer meets."""
    met, missed = [name for name in goals if goals[name]], [name for name in goals if not goals[name]]
    lines = (("Your rule does this:", met), ("It doesn't do this yet:", missed))
    return "\n".join(f"{start} {'; '.join(names)}." for start, names in lines if names)
