"""The engine of the checkers: it runs what a reader wrote, and finds words for what went wrong.

An exercise is a right answer, the inputs to try it on, and the usual mistakes, each the wrong function written out.
The reader's results are compared with the right ones; if they differ, with those of each mistake; and if none fits,
something general is said: a shape, a missing `return`, the first number that differs. Nothing here raises.
Left out: stopping an endless loop (interrupt the kernel), and two mistakes at once.
"""

from __future__ import annotations

import ast
import contextlib
import copy
import html
import inspect
import io
import re
import sysconfig
import textwrap
import traceback
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

INSTALLED = (sysconfig.get_path("stdlib"), sysconfig.get_path("purelib"), "<__array")
NOT_THEIRS = (str(Path(__file__).parents[1]), *INSTALLED)  # where no line of a reader's stands


@dataclass(frozen=True)
class Verdict:
    """What a checker says. In `message` code stands between backticks. Shows as text, and in notebooks as HTML."""

    message: str
    passed: bool = False
    started: bool = True

    @property
    def word(self) -> str:
        return "Right" if self.passed else "Not yet" if self.started else "Not started"

    def __repr__(self):
        return f"{self.word}: {self.message}"

    def _repr_html_(self):
        mark, color = ("✓", "#3b7fc4") if self.passed else ("✗", "#c8640a") if self.started else ("○", "#7d8590")
        style = f"border-left:4px solid {color};padding:.45em .9em;white-space:pre-wrap;overflow-wrap:anywhere"
        text = re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(self.message))
        mark = f'<span aria-hidden="true">{mark}</span> '
        return f'<div class="nw-verdict" role="status" style="{style}">{mark}<strong>{self.word}:</strong> {text}</div>'


# Comparing


@dataclass
class Result:
    """What one run gave: a value, or an error; what it printed; the names of the arguments that it changed."""

    value: object = None
    error: BaseException | None = None
    printed: str = ""
    changed: tuple = ()


def numbers(x) -> np.ndarray | None:
    """`x` as an array of numbers, tensors unwrapped; None if it is something else, such as text or ragged lists."""
    data = getattr(x, "data", None)
    if isinstance(data, (np.ndarray, float, int)) and not isinstance(x, np.ndarray):
        x = data
    try:
        array = np.asarray(x)
    except Exception:
        return None
    return array if array.dtype.kind in "biuf" else None


def same(given, right, *, rtol: float, atol: float, exact_shape: bool = False) -> bool:
    """Whether two results are equal, but for rounding, the kind of container, and, unless told, axes of length 1."""
    tolerance = {"rtol": rtol, "atol": atol, "exact_shape": exact_shape}
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
    """Whether there is nan in an array."""
    array = numbers(value)
    return array is not None and bool(np.isnan(array).any())


def unchanged(before, after) -> bool:
    """Whether arrays, also those within lists and dicts, still hold what they held."""
    if isinstance(before, np.ndarray):
        return np.array_equal(before, after, equal_nan=before.dtype.kind == "f")
    if isinstance(before, dict):
        return before.keys() == after.keys() and all(unchanged(before[key], after[key]) for key in before)
    if isinstance(before, (list, tuple)):
        return len(before) == len(after) and all(map(unchanged, before, after))
    return not isinstance(before, (str, int, float)) or before == after


def is_blank(thing) -> bool:
    """Whether a function, or a method of a class, still has its `...`: as a value, or at the end of a block."""
    if isinstance(thing, type):
        return any(is_blank(member) for member in vars(thing).values() if inspect.isfunction(member))
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(thing)))
    except Exception:  # made somewhere else, or in the middle of a line: then it is no untouched blank
        return False
    blocks = [block for node in ast.walk(tree) for _, block in ast.iter_fields(node) if isinstance(block, list)]
    ends = [block[-1] for block in blocks if block and isinstance(block[-1], ast.Expr)]
    holders = ends + [node for node in ast.walk(tree) if isinstance(node, (ast.Assign, ast.AugAssign, ast.Return))]
    return any(isinstance(node.value, ast.Constant) and node.value.value is ... for node in holders)


# Finding words


def show(value) -> str:
    """A value for a sentence, in at most some 200 signs."""
    array = numbers(value)
    if array is None or isinstance(value, bool):
        text = repr(value)
    elif array.ndim == 0:
        text = f"{array:.6g}" if array.dtype.kind == "f" else str(array)
    else:
        short = {"float_kind": lambda v: f"{v:.4g}"}
        text = np.array2string(array, separator=", ", threshold=24, edgeitems=2, formatter=short)
    return text if len(text) < 200 else text[:190] + " …"


def kind(value) -> str:
    """What something is, in words."""
    array = numbers(value)
    if array is not None:
        return "a number" if array.ndim == 0 else f"numbers of shape {array.shape}"
    bases = (base.__name__ for base in (dict, list, tuple) if isinstance(value, base))  # a Counter is a dict
    name = next(bases, type(value).__name__)
    return {"str": "text", "NoneType": "nothing"}.get(name, f"{'an' if name[0] in 'aeiou' else 'a'} {name}")


HINTS = [  # the type of an error, what its message holds, what to look at; the first that fits
    (UnboundLocalError, "", "A name assigned anywhere in a function is local in all of it: it needs a value first."),
    (NameError, "", "A typing mistake, or a name of a cell that has not run yet."),
    (RecursionError, "", "The function calls itself without end. Which call should stop it, and does it ever come?"),
    (IndexError, "too many", "The array has fewer axes than that. Is one of the inputs a single row, or a number?"),
    (IndexError, "", "An axis of length n has the places 0 to n − 1. Print the shape, and the index."),
    (KeyError, "", "The dict has no such key. Print its keys."),
    (ZeroDivisionError, "", "Which input makes the divisor 0?"),
    (AttributeError, "'list'", "A list has no such method: make it an array with `np.array` first."),
    (AttributeError, "", "Print the type of what stands before the dot."),
    (TypeError, "NoneType", "Something is None here: perhaps the result of a function that has no `return`."),
    (TypeError, "not callable", "Parentheses call a function. What stands before them here is none."),
    (TypeError, "integer scalar", "One integer is wanted there, and an array came: one at a time, or `ids[rows]`?"),
    (TypeError, "", "Print the type of each part of that line."),
    (ValueError, "math domain|positive input", "`math.log` has no answer at 0; `np.log` gives minus infinity there."),
    (ValueError, "truth value", "An `if` needs one yes or no, and got an array: `np.where`, `.any()`, or `.all()`?"),
    (ValueError, "shape|broadcast|matmul|align", "These shapes do not fit. Print both, and say what each axis counts."),
]  # fmt: skip


def explained(error: BaseException) -> str:
    """A crash in words: what was raised, in which line of the reader's, and what to look at."""
    text = "Your code stops with " + f"{type(error).__name__}: {error}".strip(": ").split("\n")[0][:300]
    frames = traceback.extract_tb(error.__traceback__)
    theirs = [frame for frame in frames if frame.line and not frame.filename.startswith(NOT_THEIRS)]
    if theirs:
        text += f"\nIt happens in line {theirs[-1].lineno} of the cell: `{theirs[-1].line}`"
    hint = next((hint for type_, part, hint in HINTS if isinstance(error, type_) and re.search(part, str(error))), "")
    return f"{text}\n{hint}".strip()


def pattern(pairs) -> str:
    """What all differences of (given, right) have in common: a sign, a factor, a shift; empty if nothing."""
    pairs = [(numbers(given), numbers(right)) for given, right in pairs]
    if any(a is None or b is None or a.squeeze().shape != b.squeeze().shape for a, b in pairs):
        return ""
    a, b = (np.concatenate([array.ravel() for array in side]).astype(float) for side in zip(*pairs))
    if len(np.unique(b)) < 2 or not (np.isfinite(a) & np.isfinite(b)).all() or np.allclose(a, b, rtol=1e-3):
        return ""
    factor, shift = a @ b / (b @ b), (a - b).mean()
    if factor and np.allclose(a, factor * b, rtol=1e-3, atol=1e-9):
        sign, times = "Every number has the wrong sign.", f"Every number is {factor:.4g} times what it should be."
        return sign if np.isclose(factor, -1) else times
    if np.allclose(a, b + shift, rtol=1e-3, atol=1e-9):
        return f"Every number is {abs(shift):.4g} too {'large' if shift > 0 else 'small'}."
    return ""


def differs(given, right, *, rtol: float, atol: float, exact_shape: bool) -> str:
    """How a wrong value differs from the right one: what it is, its shape, nan or infinity, or the first number."""
    tolerance = {"rtol": rtol, "atol": atol, "exact_shape": exact_shape}
    if isinstance(right, (dict, tuple)) and isinstance(given, (dict, tuple, list)) and len(given) == len(right):
        keys = right if isinstance(right, dict) else range(len(right))
        for key in (key for key in keys if isinstance(given, (tuple, list)) or key in given):
            if not same(given[key], right[key], **tolerance):
                return f"in part {key!r} of the result, {differs(given[key], right[key], **tolerance)}"
    a, b = numbers(given), numbers(right)
    if a is None or b is None:
        if kind(given) != kind(right):
            return f"it gives {kind(given)}, `{show(given)}`, and not {kind(right)}."
        return f"it gives `{show(given)}`, and not `{show(right)}`."
    if (a.shape if exact_shape else a.squeeze().shape) != (b.shape if exact_shape else b.squeeze().shape):
        return f"it gives {kind(given)}, and not {kind(right)}."
    a, b = a.reshape(b.shape).astype(float), b.astype(float)
    for name, found in (("nan (not a number)", np.isnan), ("infinity", np.isinf)):
        if found(a).any() and not found(b).any():
            return f"it gives {name}: `{show(given)}`."
    if b.ndim == 0:
        return f"it gives `{show(a)}`, and not `{show(b)}`."
    place = tuple(int(i) for i in np.argwhere(~np.isclose(a, b, rtol, atol, equal_nan=True))[0])
    return f"at place {list(place)} it gives `{show(a[place])}`, and not `{show(b[place])}`."


# The three kinds of checker


class Checker:
    """Called with what the reader wrote, it returns a `Verdict`. Subclasses say in `judge` what is right."""

    def __init__(self, right: Callable, praise: str = ""):
        self.name, self.right, self.praise = right.__name__, right, praise
        self.mistakes: dict[str, tuple[Callable, str]] = {}

    def __repr__(self):
        return f"checks.{self.name}(…): call it with what you wrote"

    def mistake(self, wrong: Callable) -> Callable:
        """Decorator of a usual mistake, written out as a wrong function. Its docstring leads the reader to it."""
        self.mistakes[wrong.__name__] = (wrong, " ".join(inspect.getdoc(wrong).split()))
        return wrong

    def __call__(self, answer=...) -> Verdict:
        try:
            if answer is ... or is_blank(answer):
                return Verdict("Put your answer in place of the `...`, and run the cell again.", started=False)
            return self.judge(answer)
        except Exception as error:  # an exercise must not break a notebook, whatever came in
            return Verdict(f"The checker cannot read this answer, {kind(answer)} ({type(error).__name__}: {error}).")

    def judge(self, answer) -> Verdict:
        raise NotImplementedError

    def passed(self, message: str) -> Verdict:
        return Verdict(self.praise or message, passed=True)


class Exercise(Checker):
    """A function to write, tried on copies of all `inputs`, which are {what they are: the arguments}.

    run: how the reader's function is used, `run(function, *args)` → what is compared; by default it is called.
    rtol, atol: the tolerance. exact_shape: (1, 3) is not as good as (3,). praise: what is said when it is right.
    """

    def __init__(self, right, inputs: dict[str, tuple], run=None, rtol=1e-4, atol=1e-6, exact_shape=False, praise=""):
        super().__init__(right, praise)
        self.inputs, self.plain, self.run = inputs, run is None, run or (lambda function, *args: function(*args))
        self.tolerance = {"rtol": rtol, "atol": atol, "exact_shape": exact_shape}

    def results(self, function: Callable) -> dict[str, Result]:
        return {label: self.attempt(function, args) for label, args in self.inputs.items()}

    def attempt(self, function: Callable, args: tuple) -> Result:
        given, printed = copy.deepcopy(args), io.StringIO()
        with contextlib.redirect_stdout(printed), np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                value = self.run(function, *given)
            except (Exception, SystemExit) as error:
                return Result(error=error, printed=printed.getvalue())
        names = list(inspect.signature(self.right).parameters) if self.plain else []
        changed = tuple(name for name, before, after in zip(names, args, given) if not unchanged(before, after))
        return Result(value, None, printed.getvalue(), changed)

    def agree(self, one: Result, other: Result) -> bool:
        if one.error or other.error:
            return type(one.error) is type(other.error)
        return same(one.value, other.value, **self.tolerance)

    def diagnosed(self, results: dict[str, Result], right: dict[str, Result]) -> str | None:
        """The name of the mistake that gives the same results on all inputs.

        Where some of them crash or give nan, which may have another cause, it is enough that all others agree, and
        that the mistake shows on two of these at least.
        """
        clear = [label for label, result in results.items() if not (result.error or spoiled(result.value))]
        for labels, least in ((list(results), 1), (clear, 2)):
            for name, (wrong, _) in self.mistakes.items() if len(labels) >= least else ():
                its = self.results(wrong)
                shows = sum(not self.agree(its[label], right[label]) for label in labels)
                if shows >= least and all(self.agree(results[label], its[label]) for label in labels):
                    return name
        return None

    def judge(self, answer) -> Verdict:
        if not callable(answer):
            return Verdict(
                f"Give the checker the function itself, with no parentheses behind its name; {kind(answer)} came."
            )
        if complaint := self.misfit(answer):
            return Verdict(complaint)
        results, right = self.results(answer), self.results(self.right)
        wrong = [label for label in results if not self.agree(results[label], right[label])]
        if wrong and (name := self.diagnosed(results, right)):
            where = "" if len(results) == 1 else f"\nSeen on: {wrong[0]}."
            return Verdict(self.mistakes[name][1] + where)
        if wrong:
            return Verdict(self.general(results, right, wrong))
        for label, result in results.items():
            if result.changed:
                return Verdict(
                    f"The results are right, but your function changes its input `{result.changed[0]}` (on {label}). "
                    "Whoever calls it may still need that: make a new array, or a copy first."
                )
        return self.passed(f"Tried on {len(results)} inputs." if len(results) > 1 else "The results agree.")

    def misfit(self, answer) -> str:
        """A complaint if the answer cannot be called with the arguments of this exercise."""
        try:
            signature = inspect.signature(answer)
        except ValueError:  # some built-in functions have none
            return ""
        try:
            for args in self.inputs.values() if self.plain else ():
                signature.bind(*args)
        except TypeError:
            wanted = ", ".join(inspect.signature(self.right).parameters)
            return f"Your function takes `{signature}`, and is called with `({wanted})`."
        return ""

    def general(self, results, right, wrong) -> str:
        label, result = wrong[0], results[wrong[0]]
        args = ", ".join(map(show, self.inputs[label])) if self.plain else ""
        tried = f"\nSeen on: {label}" + (f": `{args}`" if args and len(args) < 250 else ".")
        if result.error:
            return explained(result.error) + tried
        if result.value is None and right[label].value is not None:
            return (
                "Your function prints its result and returns None. `return` it." if result.printed
                else "Your function returns None. Is there a `return`, and is it reached?"
            ) + tried  # fmt: skip
        text = f"On {label}, {differs(result.value, right[label].value, **self.tolerance)}"
        fine = [label for label in results if label not in wrong]
        if common := pattern([(results[name].value, right[name].value) for name in wrong if not results[name].error]):
            text = f"{common} {text}"
        if fine:
            text += f"\nRight on: {'; '.join(fine)}."
        if result.printed:
            text += f"\nYour function printed there: `{result.printed.strip()[:200]}`"
        return text + (f"\nThe input there: `{args}`" if args and len(args) < 250 else "")


class ByHand(Checker):
    """A value to work out, or a dict of several. A mistake gives a wrong value, or a dict of some of them."""

    def __init__(self, right, rtol=1e-3, atol=0.005, praise=""):
        super().__init__(right, praise)
        self.tolerance = {"rtol": rtol, "atol": atol}

    def agree(self, given, right) -> bool:
        if isinstance(given, str) and isinstance(right, str):
            given, right = given.strip().casefold(), right.strip().casefold()
        return same(given, right, **self.tolerance)

    def judge(self, answer) -> Verdict:
        if callable(answer):
            answer = answer()
        right, several = self.right(), isinstance(self.right(), dict)
        if several and not isinstance(answer, dict):
            return Verdict(f"The answer is a dict with the keys {', '.join(right)}; {kind(answer)} came.")
        given, right = (answer, right) if several else ({"": answer}, {"": right})
        unanswered = [key for key in right if given.get(key, ...) is ...]
        wrong = [key for key in right if key not in unanswered and not self.agree(given[key], right[key])]
        if len(unanswered) == len(right):
            return Verdict("Put your numbers in place of the `...`, and run the cell again.", started=False)
        left = f"\nStill open: {', '.join(unanswered)}." if several and unanswered else ""
        if wrong:
            return Verdict(self.finding(wrong[0], given[wrong[0]], right[wrong[0]]) + left)
        return Verdict(f"Right so far.{left}") if unanswered else self.passed("The numbers agree.")

    def finding(self, key: str, given, right) -> str:
        name = f"Look at `{key}`. " if key else ""
        if look_at := self.diagnosed(key, given):
            return name + self.mistakes[look_at][1]
        if kind(given) != kind(right):
            return f"{name}It should be {kind(right)}; `{show(given)}` is {kind(given)}."
        but = ""
        if kind(right) == "a number" and right:
            given_, close = numbers(given), abs(numbers(given) - right) < 0.02 * abs(right)
            but = (
                ", but has the right size: look at the sign" if self.agree(-given_, right)
                else ", but is close: give three digits" if close
                else ". A share of all is a number from 0 to 1, and not in percent" if self.agree(given_ / 100, right)
                else ""
            )  # fmt: skip
        return f"{name}It is not `{show(given)}`{but}."

    def diagnosed(self, key: str, given) -> str | None:
        """The name of the mistake that gives this value under this key."""
        for name, (wrong, _) in self.mistakes.items():
            value = wrong()
            value = value if isinstance(value, dict) else {"": value}
            if key in value and self.agree(given, value[key]):
                return name
        return None


class Explore(Checker):
    """Something to find that has many right answers: `right(answer)` returns None, what to look at, or a `Verdict`."""

    def judge(self, answer) -> Verdict:
        if isinstance(answer, dict) and any(value is ... for value in answer.values()):
            return Verdict("Put something in place of each `...`, and run the cell again.", started=False)
        with contextlib.redirect_stdout(io.StringIO()), np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                complaint = self.right(answer)
            except (Exception, SystemExit) as error:
                complaint = explained(error)
                if not callable(answer) and "not callable" in str(error):
                    complaint = f"Give the checker the function itself, with no parentheses; {kind(answer)} came."
        if isinstance(complaint, Verdict):
            return complaint
        return Verdict(complaint) if complaint else self.passed("It does what was asked.")


def exercise(inputs: dict[str, tuple], **options) -> Callable[[Callable], Exercise]:
    """Decorator: makes the checker of a right function. Options as of `Exercise`."""
    return lambda right: Exercise(right, inputs, **options)


def by_hand(**options) -> Callable[[Callable], ByHand]:
    """Decorator: makes the checker of a value, which the decorated function returns. Options as of `ByHand`."""
    return lambda right: ByHand(right, **options)


def explore(**options) -> Callable[[Callable], Explore]:
    """Decorator: makes a lenient checker of a function that says what is missing. Options as of `Explore`."""
    return lambda right: Explore(right, **options)
