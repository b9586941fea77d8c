"""Predict: a question the reader answers before the result shows.

The cell that makes it computes the answer, so no answer goes stale. After a guess, or *I don't want to guess*, it says
what's wrong with a wrong one, and gives the answer. The guess stays on the reader's device: no link and no saved output
carries it. Left out: points, and anything that counts guesses.
"""

from __future__ import annotations

import html
import math
import re
import tomllib
from numbers import Real
from pathlib import Path

import numpy as np
import traitlets

from book.widgets.base import Widget

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"
MARKED = re.compile(r"`([^`]+)`|\*(\S(?:[^*]*\S)?)\*")  # the same rule as `marked` in predict.js


class Predict(Widget):
    """Ask `question`. The answer is one of the options, or a number.

    options: a dict from each option to the sentence for a reader who picks it: why it's wrong, or why it's right.
    Without options, the answer is a number, in `unit`.
    answer: one of the options, or a number; a variable, computed in this cell.
    shows: a short text with the computed value, such as f"{loss:.2f}"; by default, the number itself.
    because: a sentence or two after the answer.
    within, off: which numbers are close enough: within × answer (0.1 by default), or ± off. off=0: exact.
    wrong: {number or (low, high): sentence}: where a wrong number comes from, such as a forgotten bias.
    low, high: the range a reader may type.
    cover: on the published page, whether to cover the outputs of the code cells that follow, up to the next text, until
    the reader guesses or declines.
    Texts may use `code` and *emphasis*.

    `guess` is the reader's guess: an option or a number, None before there is one, "" if the reader declined.
    """

    question = traitlets.Unicode("").tag(sync=True)
    options = traitlets.List(help="pairs: an option, and what to say about it").tag(sync=True)
    answer = traitlets.Any().tag(sync=True)
    near = traitlets.List(help="[low, high] of the numbers that are close enough").tag(sync=True)
    wrong = traitlets.List(help="low, high, and what to say about a number between them").tag(sync=True)
    shows = traitlets.Unicode("").tag(sync=True)
    because = traitlets.Unicode("").tag(sync=True)
    unit = traitlets.Unicode("").tag(sync=True)
    low = traitlets.Float(None, allow_none=True).tag(sync=True)
    high = traitlets.Float(None, allow_none=True).tag(sync=True)
    cover = traitlets.Bool(True).tag(sync=True)
    guess = traitlets.Any(None, allow_none=True).tag(sync=True)

    def __init__(self, question, options=None, *, answer, within=None, off=None, wrong=None, **rest):
        if not (isinstance(question, str) and question.strip()):
            raise ValueError(f"The question must be a text; got {question!r}.")
        if options is None:
            given = _number(answer, within, off, wrong, rest)
        else:
            given = _choice(options, answer)
            for name, value in {"within": within, "off": off, "wrong": wrong}.items():
                if value is not None:
                    raise ValueError(
                        f"{name} is for questions that ask for a number. Leave out {name}, or the options."
                    )
        super().__init__(**{"question": question, **rest, **given})

    @traitlets.validate("guess")
    def _check_guess(self, proposal):
        guess = proposal["value"]
        if guess is None or guess == "":
            return guess
        if self.options:
            if guess not in [option for option, _ in self.options]:
                raise traitlets.TraitError(f"guess must be one of {_listed(self.options)}; got {guess!r}.")
            return guess
        low, high = (-math.inf if self.low is None else self.low), (math.inf if self.high is None else self.high)
        if not _finite(guess) or not low <= guess <= high:
            raise traitlets.TraitError(f"guess must be a number{_between(self.low, self.high)}; got {guess!r}.")
        return guess

    def state(self):
        return {**super().state(), "guess": None}  # a page or a file keeps the question, but no reader's guess

    def still(self):
        """The question as text: the choices and, below a line, the answer and its reasons."""
        if self.options:
            asked = f"<ul>{''.join(f'<li>{_marked(option)}</li>' for option, _ in self.options)}</ul>"
            rest = [(option.removesuffix("."), why) for option, why in self.options if option != self.answer]
            also = f" ({_marked(self.shows)})" if self.shows else ""
            shown = f"<b>{_marked(self.answer.removesuffix('.'))}</b>{also}"
            why = dict(map(tuple, self.options))[self.answer]
        else:
            asked = f"<p>Your guess: …{self._unit()}</p>"
            rest = [(_range(low, high), why) for low, high, why in self.wrong]
            shown, why = f"<b>{_marked(self.shows)}{self._unit()}</b>", ""
        answer = " ".join(filter(None, [f"Answer: {shown}.", _marked(why), _marked(self.because)]))
        others = "".join(f"<li>{_marked(option)}: {_marked(why)}</li>" for option, why in rest)
        return (
            f'<div class="nw-ask"><p><b>Predict first.</b> {_marked(self.question)}</p>{asked}'
            f"<hr><p>{answer}</p>{f'<ul>{others}</ul>' if others else ''}</div>"
        )

    def alt(self):
        options = ", or ".join(option for option, _ in self.options)
        return f"A question to answer before you see the result: {self.question} {options}".strip()

    def _unit(self) -> str:
        return self.unit if self.unit in ("", "%") else f" {html.escape(self.unit)}"


def questions(chapter: str):
    """`ask` for one chapter: ask("end", answer=…) asks the question named end in notebooks/{chapter}.toml.

    The file holds what a reader sees: question, options or wrong, because. The cell computes the answer. The rest are
    the options of `Predict`. Raises ValueError if the file has no such question.
    """
    asked = tomllib.loads((NOTEBOOKS / f"{chapter}.toml").read_text(encoding="utf-8"))

    def ask(name: str, *, answer, **rest) -> Predict:
        if name not in asked:
            raise ValueError(f"{chapter}.toml has no question {name!r}. It has {', '.join(asked)}.")
        texts = dict(asked[name])
        if "wrong" in texts:
            texts["wrong"] = {(low, high): why for low, high, why in texts["wrong"]}
        return Predict(**texts, answer=answer, **rest)

    return ask


def _choice(options, answer) -> dict:
    """The traits of a question with options. Raises ValueError with a sentence."""
    if not isinstance(options, dict):
        got = type(options).__name__
        raise ValueError(f"options must be a dict from each option to what to say about it; got a {got}.")
    if len(options) < 2:
        raise ValueError(f"A choice needs at least two options; got {len(options)}.")
    for option, why in options.items():
        if not all(isinstance(text, str) and text.strip() for text in (option, why)):
            raise ValueError(f"An option and what to say about it must be text; got {option!r}: {why!r}.")
    pairs = [[option, why] for option, why in options.items()]
    if answer not in list(options):
        raise ValueError(f"answer must be one of {_listed(pairs)}; got {answer!r}.")
    return {"options": pairs, "answer": answer}


def _number(answer, within, off, wrong, rest) -> dict:
    """The traits of a question that asks for a number. Raises ValueError with a sentence."""
    if not _finite(answer):
        raise ValueError(f"Without options, answer must be a finite number; got {answer!r}.")
    answer = answer.item() if isinstance(answer, np.generic) else answer
    if within is not None and off is not None:
        raise ValueError(f"Pass within or off, not both; got within={within!r} and off={off!r}.")
    for name, value in (("within", within), ("off", off)):
        if value is not None and (not _finite(value) or value < 0):
            raise ValueError(f"{name} must be a number of at least 0; got {value!r}.")
    if off is None and answer == 0:
        share = f"{10 if within is None else 100 * within:g}%"
        raise ValueError(f"If the answer is 0, pass off (how far off a guess may be), because {share} of 0 is still 0.")
    off = float(off if off is not None else abs(answer) * (0.1 if within is None else within))
    for name in ("low", "high"):
        if rest.get(name) is not None and not _finite(rest[name]):
            raise ValueError(f"{name} must be a finite number; got {rest[name]!r}.")
    low, high = rest.get("low"), rest.get("high")
    if (low is not None and answer < low) or (high is not None and answer > high):
        raise ValueError(
            f"answer must be in the range a reader may type, a number{_between(low, high)}; got {answer!r}."
        )
    found = []
    for key, why in (wrong or {}).items():
        ends = key if isinstance(key, tuple) else (key, key)
        if len(ends) != 2 or not all(map(_finite, ends)) or ends[0] > ends[1]:
            raise ValueError(f"Each key of wrong must be a number, or a pair (low, high); got {key!r}.")
        if ends[0] <= answer <= ends[1]:
            raise ValueError(f"wrong can't include the answer, {answer!r}; got {key!r}. Leave it out.")
        found.append([*map(float, ends), str(why)])
    shows = rest.get("shows") or (f"{answer:,}" if isinstance(answer, int) else f"{answer:,.4g}")
    return {"answer": answer, "near": [answer - off, answer + off], "wrong": found, "shows": shows}


def _finite(value) -> bool:
    return isinstance(value, Real) and not isinstance(value, (bool, np.bool_)) and math.isfinite(value)


def _listed(pairs) -> str:
    return ", ".join(repr(option) for option, _ in pairs)


def _between(low, high) -> str:
    """The range a reader may type, as words after "a number"."""
    if low is not None and high is not None:
        return f" from {low:,g} to {high:,g}"
    return f" of at least {low:,g}" if low is not None else f" of at most {high:,g}" if high is not None else ""


def _range(low, high) -> str:
    return f"{low:,g}" if low == high else f"{low:,g} to {high:,g}"


def _marked(text: str) -> str:
    """HTML in which `code` and *emphasis* are marked."""
    return MARKED.sub(lambda m: f"<code>{m[1]}</code>" if m[1] else f"<em>{m[2]}</em>", html.escape(text, quote=False))
