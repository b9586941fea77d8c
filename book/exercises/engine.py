"""The engine of the checkers: it runs what a reader wrote, and finds the hint that helps.

An exercise is a right solution, the inputs to try it on, and the usual mistakes, each a wrong solution with a hint. We
compare the reader's results with the right ones; if they differ, with those of each mistake; and if no mistake fits, we
say something general about a shape, a missing `return`, or the first number that differs. The chapters' code is in
`ch01.py` and so on; what they say to the reader is in `ch01.toml`. Nothing here raises, except that ■ interrupts.
Left out: recognizing two mistakes at once.
"""

import ast
import copy
import inspect
import io
import json
import os
import textwrap
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from .compare import numbers, same, spoiled, unchanged
from .running import Interrupted, TooLong, code, limited, quietly
from .say import as_html, as_text, differs, explained, kind, pattern, show

SITE = "NEXT_WORD_SITE_BUILD"  # the environment variable with which the site's build tells its kernels
ELSEWHERE = (  # on a page, where no one can run a cell; the site adds Colab where that's set up
    '<p class="nw-elsewhere">To write this one and have it checked, <a href="../book/pages/how-to-read.html">open it '
    "in JupyterLab</a><!--elsewhere-->.</p>"
)
FALLBACK = "<noscript>Without scripts, this page can't check your answers. The solution is below the hints.</noscript>"
NEEDS_A_FUNCTION = "The checker needs the function itself; got {}. Pass its name, without parentheses after it."


@dataclass(frozen=True)
class Verdict:
    """What a checker says. In `message`, backticks mark code and asterisks *emphasis*. Shows as text or as HTML.

    page: what a page of the site shows in its place, as HTML.
    """

    message: str
    passed: bool = False
    started: bool = True
    page: str = ""

    @property
    def word(self) -> str:
        return "Right" if self.passed else "Not yet" if self.started else "Not started"

    def __repr__(self):
        return f"{self.word}: {as_text(self.message)}"

    def _repr_html_(self):
        if self.page and os.environ.get(SITE):
            return self.page
        mark, color = ("✓", "#3b7fc4") if self.passed else ("✗", "#c8640a") if self.started else ("○", "#7d8590")
        style = f"border-left:4px solid {color};padding:.45em .9em;white-space:pre-wrap;overflow-wrap:anywhere"
        text = f'<span aria-hidden="true">{mark}</span> <strong>{self.word}:</strong> {as_html(self.message)}'
        return f'<div class="nw-verdict" role="status" style="{style}">{text}</div>'


@dataclass
class Result:
    """What one run gave: a value or an error, what it printed, and the names of the arguments it changed."""

    value: object = None
    error: BaseException | None = None
    printed: str = ""
    changed: tuple = ()


def is_blank(thing) -> bool:
    """Whether a function, or a method of a class, still has its `...`: as a value, or at the end of a block."""
    if isinstance(thing, type):
        return any(is_blank(member) for member in vars(thing).values() if inspect.isfunction(member))
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(thing)))
    except Exception:  # it's from somewhere else, or in the middle of a line, so it isn't an untouched blank
        return False
    blocks = [block for node in ast.walk(tree) for _, block in ast.iter_fields(node) if isinstance(block, list)]
    ends = [block[-1] for block in blocks if block and isinstance(block[-1], ast.Expr)]
    holders = ends + [node for node in ast.walk(tree) if isinstance(node, (ast.Assign, ast.AugAssign, ast.Return))]
    return any(isinstance(node.value, ast.Constant) and node.value.value is ... for node in holders)


def tried(call: Callable) -> tuple[object, BaseException | None]:
    """(the value of `call()`, the error that it raised)."""
    try:
        return call(), None
    except (Exception, SystemExit) as error:
        return None, error


def words(module: str) -> dict:
    """What the checkers of a chapter say, and the numbers of its exercises by hand: `ch01.toml` beside `ch01.py`."""
    return tomllib.loads(Path(module).with_suffix(".toml").read_text(encoding="utf-8"))


class Checker:
    """Call it with what the reader wrote, and it returns a `Verdict`. Each subclass says in `judge` what's right."""

    judge: Callable[..., Verdict]

    def __repr__(self):
        return "A checker: call it with your answer, and it says whether it's right or where to look."

    def __call__(self, answer=...) -> Verdict:
        try:
            if answer is ... or is_blank(answer):
                text = "Replace the `...` with your answer, then run the cell again."
                return Verdict(text, started=False, page=ELSEWHERE)
            return self.judge(answer)
        except TooLong as late:
            return Verdict(str(late))
        except KeyboardInterrupt as stop:  # without the frames of the checker
            raise Interrupted(*(stop.args or ["you stopped the check"])) from None
        except Exception as error:  # an exercise must never break a notebook
            why = code(f"{type(error).__name__}: {error}")
            return Verdict(
                f"The checker can't read this answer; got {kind(answer)} ({why}). Use numbers, lists, or arrays."
            )


class Exercise(Checker):
    """A function to write. Give it `inputs`, {what they are: arguments}, and `mistakes`, {name: a wrong solution}.

    words: what to say, from the chapter's TOML file: {the name of a mistake: its hint}, and maybe `praise`.
    right: the solution. run: how a function is used, `run(function, *args)` → what we compare; by default it's called.
    also: a last look at a function whose results are right; it returns a complaint or None. rtol, atol: the tolerance.
    exact_shape: whether (1, 3) differs from (3,).
    """

    def __init__(self, words: dict, right: Callable, *, run=None, also=None, rtol=1e-4, atol=1e-6, exact_shape=False):
        self.words, self.right, self.also = words, right, also
        self.plain, self.run = run is None, run or (lambda function, *args: function(*args))
        self.tolerance = {"rtol": rtol, "atol": atol, "exact_shape": exact_shape}
        self.inputs: dict[str, tuple] = {}
        self.mistakes: dict[str, Callable] = {}
        self.known: dict[tuple[Callable, str], Result] = {}

    def attempt(self, function: Callable, label: str, printed: io.StringIO) -> Result:
        """Run a function on a copy of one input. What it prints ends up in `printed`."""
        args, start = self.inputs[label], printed.tell()
        given = copy.deepcopy(args)
        value, error = tried(lambda: self.run(function, *given))
        if error:
            return Result(error=error)
        names = list(inspect.signature(self.right).parameters) if self.plain else []
        changed = tuple(name for name, before, after in zip(names, args, given) if not unchanged(before, after))
        return Result(value, None, printed.getvalue()[start:], changed)

    def ours(self, function: Callable, label: str) -> Result:
        """What the right solution or a mistake gives. Each runs at most once on an input, and only if it's needed."""
        if (function, label) not in self.known:
            with quietly() as printed:
                self.known[function, label] = self.attempt(function, label, printed)
        return self.known[function, label]

    def agree(self, one: Result, other: Result) -> bool:
        if one.error or other.error:
            return type(one.error) is type(other.error)
        return same(one.value, other.value, **self.tolerance)

    def judge(self, answer) -> Verdict:
        if not callable(answer):
            return Verdict(NEEDS_A_FUNCTION.format(kind(answer)))
        if complaint := self.misfit(answer):
            return Verdict(complaint)
        results = limited(lambda printed: {label: self.attempt(answer, label, printed) for label in self.inputs})
        wrong = [label for label in results if not self.agree(results[label], self.ours(self.right, label))]
        if wrong and (found := self.diagnosed(results)):
            return Verdict(f"{self.words[found[0]]}\nThe first input that shows it: {found[1]}.")
        if wrong:
            return Verdict(self.general(results, wrong))
        for label, result in results.items():
            if result.changed:
                return Verdict(
                    f"The results are right, but your function changes its input `{result.changed[0]}` (for {label}). "
                    "The caller may still need it, so work on a copy or build something new."
                )
        if self.also and (complaint := limited(lambda _: self.also(answer))):
            return Verdict(complaint)
        return Verdict(self.words.get("praise", f"It works on all {len(results)} inputs."), passed=True)

    def misfit(self, answer) -> str:
        """A complaint if the answer can't be called with the arguments of this exercise."""
        try:
            signature = inspect.signature(answer)
        except ValueError:  # some built-in functions have none
            return ""
        try:
            for args in self.inputs.values() if self.plain else ():
                signature.bind(*args)
        except TypeError:
            wanted = ", ".join(inspect.signature(self.right).parameters)
            return (
                f"Your function must take `({wanted})`; got {code(str(signature))}. Keep the `def` line from the cell."
            )
        return ""

    def diagnosed(self, results: dict[str, Result]) -> tuple[str, str] | None:
        """(name of the mistake, an input that shows it): the first mistake that gives the same results on all inputs.

        Where some inputs crash or give nan, which may have another cause, it's enough if all the others agree and the
        mistake shows on at least two of them.
        """
        clear = [label for label, result in results.items() if not (result.error or spoiled(result.value))]
        for labels, least in ((list(results), 1), (clear, 2)):
            for name, wrong in self.mistakes.items():
                if all(self.agree(results[label], self.ours(wrong, label)) for label in labels):
                    shows = [label for label in labels if not self.agree(results[label], self.ours(self.right, label))]
                    if len(shows) >= least:
                        return name, shows[0]
        return None

    def general(self, results: dict[str, Result], wrong: list[str]) -> str:
        """What we can say about wrong results without knowing the mistake."""
        label, result, right = wrong[0], results[wrong[0]], self.ours(self.right, wrong[0])
        args = ", ".join(show(arg).strip("`") for arg in self.inputs[label]) if self.plain else ""
        the_input = f": {code(args)}" if args and len(args) < 250 else "."
        if result.error:
            return f"{explained(result.error)}\nThe input was {label}{the_input}"
        if result.value is None and right.value is not None:
            text = "Your function returns `None`. Make sure it reaches a `return`."
            if result.printed:
                text = "Your function prints its result and returns `None`. Use `return` instead of `print`."
            return f"{text}\nThe input was {label}{the_input}"
        pairs = [(results[name].value, self.ours(self.right, name).value) for name in wrong if not results[name].error]
        text = f"{pattern(pairs)} For {label}, {differs(result.value, right.value, **self.tolerance)}".strip()
        if len(wrong) < len(results):
            text += f"\nIt's right for: {'; '.join(name for name in results if name not in wrong)}."
        if result.printed:
            text += f"\nYour function printed {code(result.printed.strip()[:200])} there."
        return text + (f"\nThe input was {code(args)}" if the_input != "." else "")


class ByHand(Checker):
    """Values to work out by hand. words: `right` = {name: value}, `wrong` = [({name: a wrong value}, its hint), …]."""

    def __init__(self, words: dict):
        self.right, self.wrong = words["right"], words["wrong"]

    def agree(self, given, right) -> bool:
        if isinstance(given, str) and isinstance(right, str):
            return given.strip().casefold() == right.strip().casefold()
        return same(given, right, rtol=0 if isinstance(right, int) else 1e-3, atol=0.005)

    def judge(self, answer) -> Verdict:
        if callable(answer):
            answer = limited(lambda _: answer())
        if not isinstance(answer, dict):
            names = ", ".join(self.right)
            return Verdict(f"The answer must be a dict with {names}; got {kind(answer)}. Fill in the one in the cell.")
        open_ = [key for key in self.right if answer.get(key, ...) is ...]
        wrong = [key for key in self.right if key not in open_ and not self.agree(answer[key], self.right[key])]
        if len(open_) == len(self.right):
            text = "Replace each `...` with your number, then run the cell again."
            return Verdict(text, started=False, page=self.form())
        left = f"\nStill to do: {', '.join(open_)}." if open_ else ""
        if wrong:
            return Verdict(self.finding(wrong[0], answer[wrong[0]], self.right[wrong[0]]) + left)
        return Verdict(f"Right so far.{left}" if open_ else "All your answers are right.", passed=not open_)

    def form(self) -> str:
        """The numbers and the hints, for by-hand.js: on a page, the answers are checked right there."""

        def told(value) -> dict:
            return {"value": value, "whole": isinstance(value, int)}

        right = {key: told(value) for key, value in self.right.items()}
        wrong = [[{key: told(value) for key, value in values.items()}, hint] for values, hint in self.wrong]
        data = json.dumps({"right": right, "wrong": wrong}, ensure_ascii=False).replace("<", "\\u003c")
        return f'<div class="nw-by-hand"><script type="application/json">{data}</script>{FALLBACK}</div>'

    def finding(self, key: str, given, right) -> str:
        """What to say about one wrong value."""
        for values, hint in self.wrong:
            if key in values and self.agree(given, values[key]):
                return f"Look at `{key}`. {hint}"
        if kind(given) != kind(right):
            return f"`{key}` must be {kind(right)}; got {kind(given)}, {show(given)}."
        text = f"Look at `{key}`. It isn't {show(given)}"
        value = numbers(given)
        if value is not None and right:
            if self.agree(-value, right):
                return f"{text}. Only the sign is wrong."
            if not isinstance(right, int) and abs(value - right) < 0.02 * abs(right):
                return f"{text}, but that's close. Give three digits."
            if 0 < right <= 1 and self.agree(value / 100, right):
                return f"{text}: write a share as a number from 0 to 1, not as a percentage."
        return f"{text}."


class Explore(Checker):
    """Something to find that has many right answers. `look(answer)` returns None, a complaint, or a `Verdict`."""

    def __init__(self, look: Callable):
        self.look = look

    def judge(self, answer) -> Verdict:
        if isinstance(answer, dict) and any(value is ... for value in answer.values()):
            return Verdict("Replace each `...`, then run the cell again.", started=False, page=ELSEWHERE)
        found, error = limited(lambda _: tried(lambda: self.look(answer)))
        if error and "not callable" in str(error) and not callable(answer):
            return Verdict(NEEDS_A_FUNCTION.format(kind(answer)))
        if isinstance(found, Verdict):
            return found
        complaint = explained(error) if error else found
        return Verdict(complaint or "It does what we asked for.", passed=not complaint)
