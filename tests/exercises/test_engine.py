"""The engine: what counts as equal, what is said about everything else, and that nothing is thrown."""

import collections
import functools
import html
import math
import types
import warnings

import numpy as np
import pytest

from book.exercises.engine import ByHand, Exercise, Verdict, by_hand, exercise, explore, is_blank, same
from helpers.tensor import Tensor

TOLERANCE = {"rtol": 1e-4, "atol": 1e-6}


def halves(x):
    return x / 2


def doubled(x):
    """Half as much is meant. Which way does `2` go?"""
    return x * 2


@pytest.fixture
def half() -> Exercise:
    """An exercise: half of an array."""
    inputs = {"two numbers": (np.array([2.0, 4.0]),), "a table": (np.ones((2, 3)),), "zero": (np.zeros(1),)}
    checker = exercise(inputs)(halves)
    checker.mistake(doubled)
    return checker


@pytest.fixture
def two() -> ByHand:
    """Two numbers to work out."""

    def numbers():
        return {"a": 1.5, "b": -2}

    def exchanged():
        """These two are exchanged."""
        return {"a": -2}

    checker = by_hand()(numbers)
    checker.mistake(exchanged)
    return checker


# What counts as equal


@pytest.mark.parametrize(
    ("given", "right"),
    [
        ([1, 2], np.array([1.0, 2.0])),
        (np.array([1, 2], np.float32), [1, 2]),
        (np.array([[1.0], [2.0]]), np.array([1.0, 2.0])),
        (1.00001, 1),
        (np.float32(1 / 3), 1 / 3),
        (Tensor([1, 2]), np.array([1, 2])),
        (types.SimpleNamespace(data=2.0), 2),
        ([np.nan, np.inf], np.array([np.nan, np.inf])),
        (["a", "b"], ("a", "b")),
        (np.array(["a", "b"]), ["a", "b"]),
        ([[1, 2], [3]], [(1, 2), [3]]),
        ([Tensor([1]), 2], (np.array([1]), np.array([2.0]))),
        ({"b": [1], "a": 2}, {"a": 2.0, "b": (1,)}),
        (True, np.True_),
        ({1, 2}, {2, 1}),
        ("a", "a"),
        ([], []),
    ],
)
def test_another_form_is_the_same(given, right):
    assert same(given, right, **TOLERANCE)


@pytest.mark.parametrize(
    ("given", "right"),
    [
        ([1, 2.001], [1, 2]),
        ([1, 2], [1, 2, 3]),
        (np.ones((2, 3)), np.ones((3, 2))),
        (np.ones(6), np.ones((3, 2))),
        (np.nan, 0.0),
        (np.inf, -np.inf),
        (None, 0),
        ("1", 1),
        ([[1, 2], [3]], [[1, 2], [4]]),
        ((1,), (1, 2)),
        ({"a": 1}, {"a": 1, "b": 2}),
        (1, {"a": 1}),
        (3, "cat"),
    ],
)
def test_something_else_is_not_the_same(given, right):
    assert not same(given, right, **TOLERANCE)


def test_a_shape_can_be_exact():
    given, right = np.ones((1, 3)), np.ones(3)
    assert same(given, right, **TOLERANCE) and not same(given, right, **TOLERANCE, exact_shape=True)


# Blanks

cells = """
def empty(x):
    ...  # your code here

def with_a_docstring(x):
    '''Half of x.'''
    ...

def in_a_loop(xs):
    for x in xs:
        ...
    return xs

def as_a_value(x):
    y = ...  # your code here
    return y

def returned(x):
    return ...

class Method:
    def __call__(self, x):
        ...
"""


@pytest.fixture
def blanks(tmp_path) -> dict:
    """The functions of `cells`, with a source that can be found."""
    path = tmp_path / "cells.py"
    path.write_text(cells)
    namespace = {"__name__": "cells"}
    exec(compile(cells, str(path), "exec"), namespace)
    return {name: thing for name, thing in namespace.items() if callable(thing)}


def test_blanks_are_recognized(blanks, half):
    assert len(blanks) == 6
    for name, blank in blanks.items():
        verdict = half(blank)
        assert is_blank(blank) and not verdict.started and not verdict.passed, name
        assert repr(verdict).startswith("Not started: ")


def test_an_ellipsis_that_is_code_is_no_blank(half):
    def filled(x):
        ...  # the reader's code comes after it
        return x[..., :] / 2

    assert half(filled).passed
    for thing in (functools.partial(halves), np.sin, 3, None, "def f(): ...", lambda x: x / 2):
        assert not is_blank(thing)


# A right function


@pytest.mark.parametrize("right", [halves, lambda x: (x / 2).tolist(), lambda x, by=2: np.divide(x, by)])
def test_a_right_one_passes_in_any_style(half, right):
    verdict = half(right)
    assert verdict == Verdict("Tried on 3 inputs.", passed=True) and repr(verdict) == "Right: Tried on 3 inputs."


def test_warnings_stay_away(half, recwarn):
    def old(x):
        warnings.warn("old", DeprecationWarning, stacklevel=1)
        return np.where(x > 0, x / 2, np.log(x - x) * 0 if x.any() else x)

    assert half(old).passed and not recwarn.list


def test_it_works_on_copies(half):
    def in_place(x):
        x /= 2
        return x

    for _ in range(2):
        verdict = half(in_place)
        assert not verdict.passed and "changes its input `x` (on two numbers)" in verdict.message
    assert half.inputs["two numbers"][0].tolist() == [2, 4]


def test_a_generator_starts_anew_each_time():
    @exercise({"a seed": (np.random.default_rng(0),)})
    def draw(rng):
        return rng.random(3)

    assert draw(lambda rng: rng.random(3)).passed and draw(lambda rng: [rng.random() for _ in range(3)]).passed
    assert not draw(lambda rng: rng.normal(size=3)).passed


# A wrong one: a mistake of the table, or a general finding


def test_a_usual_mistake_is_named(half):
    verdict = half(lambda x: x + x)
    assert verdict.message == "Half as much is meant. Which way does `2` go?\nSeen on: two numbers."


def test_a_mistake_must_agree_on_all_inputs(half):
    assert "Half as much" not in half(lambda x: x * 2 if x.ndim == 1 else x).message


def test_a_mistake_is_named_beside_a_crash_or_nan_of_another_cause():
    inputs = {name: (np.array(numbers, float),) for name, numbers in {"a": [3, 4], "b": [1, 2], "c": [0, 0]}.items()}

    @exercise(inputs)
    def shares(x):
        return x / (x.sum() or 1)

    @shares.mistake
    def by_the_largest(x):
        """By the sum."""
        return x / (x.max() or 1)

    def crashes(x):
        return x / x.max() if x.any() else x[7]

    assert shares(lambda x: x / x.max()).message == "By the sum.\nSeen on: a."
    assert shares(crashes).message == "By the sum.\nSeen on: a."
    assert "By the sum" not in shares(lambda x: x / x.max() if x[0] == 3 else x / 0).message  # seen once
    assert "By the sum" not in shares(lambda x: x / x.sum()).message


def test_infinity_is_nothing_odd_where_the_right_answer_has_it():
    @exercise({"two": (2,)})
    def mask(n):
        return np.triu(np.full((n, n), -np.inf), 1)

    assert "at place [0, 0] it gives `-inf`, and not `0`" in mask(lambda n: np.full((n, n), -np.inf)).message
    assert "it gives nan" in mask(lambda n: np.full((n, n), np.nan)).message


def test_a_mistake_that_crashes_is_recognized_by_its_error():
    @exercise({"a list": ([1, 2],), "an empty one": ([],)})
    def last(xs):
        return xs[-1] if xs else None

    @last.mistake
    def no_empty_one(xs):
        """What if there is none?"""
        return xs[-1]

    assert last(lambda xs: xs[len(xs) - 1]).message.startswith("What if there is none?")


def prints(x):
    print(x / 2)


FINDINGS = [
    (lambda x: None, "returns None. Is there a `return`"),
    (prints, "prints its result and returns None"),
    (lambda x: "a half", "On two numbers, it gives text, `'a half'`, and not numbers of shape (2,)."),
    (lambda x: {"half": x}, "it gives a dict"),
    (lambda x: collections.Counter(x), "it gives a dict"),
    (lambda x: (v for v in x), "it gives a generator"),
    (lambda x: x.sum() / 2, "it gives a number, and not numbers of shape (2,)."),
    (lambda x: np.outer(x, x), "it gives numbers of shape (2, 2), and not numbers of shape (2,)."),
    (lambda x: x * x / x / 2, "On zero, it gives nan (not a number)"),
    (lambda x: np.where(x == 0, np.inf, x / 2), "On zero, it gives infinity"),
    (lambda x: -x / 2, "Every number has the wrong sign."),
    (lambda x: x / 3, "Every number is 0.6667 times what it should be."),
    (lambda x: x / 2 + 1, "Every number is 1 too large."),
    (lambda x: 0 * x, "Not yet: On two numbers, at place [0] it gives `0`, and not `1`."),
    (lambda x: x / 2 * 1.0002, "Not yet: On two numbers, at place [0] it gives `1.0002`, and not `1`."),
    (lambda x: x / 2 if x.any() else x + 5, "Not yet: On zero, at place [0] it gives `5`, and not `0`."),
    (lambda x: x / 2 - 0.25, "Every number is 0.25 too small."),
    (lambda x: x**2 / 4, "at place [1] it gives `4`, and not `2`.\nRight on: zero.\nThe input there: `[2, 4]`"),
    (lambda x: x if x.ndim > 1 else x / 2, "On a table, at place [0, 0] it gives `1`, and not `0.5`."),
    (lambda x, y: x, "Your function takes `(x, y)`, and is called with `(x)`."),
    (lambda: 0, "Your function takes `()`"),
    (np.array([1, 2]), "with no parentheses behind its name; numbers of shape (2,) came."),
    (0.5, "the function itself, with no parentheses behind its name; a number came."),
]  # fmt: skip


@pytest.mark.parametrize(("given", "says"), FINDINGS)
def test_what_is_wrong_is_said(half, given, says):
    verdict = half(given)
    assert not verdict.passed and verdict.started and says in repr(verdict), verdict


def test_what_was_printed_is_shown(half):
    def debugged(x):
        print("x is", x)
        return x**3

    assert "Your function printed there: `x is [2. 4.]`" in half(debugged).message


def test_parts_of_a_result_are_told_apart():
    @exercise({"a pair": (3, 4)})
    def pair(a, b):
        return np.array([a]), {"sum": a + b, "product": a * b}

    assert pair(lambda a, b: [[a], {"product": b * a, "sum": a + b}]).passed
    verdict = pair(lambda a, b: (a, {"sum": a + b, "product": a}))
    assert "in part 1 of the result, in part 'product' of the result, it gives `3`, and not `12`." in verdict.message


# A crash


def long_story(x):
    raise ValueError("first line\nsecond line")


def undefined(x):
    return x / too  # noqa: F821


def too_early(x):
    if x.ndim > 5:
        y = 1
    return x / y


def endless(x):
    return endless(x)


CRASHES = [
    (undefined, "NameError: name 'too' is not defined", "return x / too", "a cell that has not run yet"),
    (long_story, "ValueError: first line\nIt happens", "raise ValueError", "Seen on"),
    (too_early, "UnboundLocalError", "return x / y", "local in all of it"),
    (endless, "RecursionError", "return endless(x)", "calls itself without end"),
    (lambda x: x[7], "IndexError: index 7 is out of bounds", "x[7]", "has the places 0 to n − 1"),
    (lambda x: x[:, 0], "IndexError: too many indices", "x[:, 0]", "fewer axes than that"),
    (lambda x: {}[2], "KeyError: 2", "{}[2]", "Print its keys"),
    (lambda x: 1 / 0, "ZeroDivisionError", "1 / 0", "makes the divisor 0"),
    (lambda x: [2].mean(), "AttributeError", "[2].mean()", "`np.array` first"),
    (lambda x: x.men(), "AttributeError", "x.men()", "before the dot"),
    (lambda x: None + x, "TypeError", "None + x", "no `return`"),
    (lambda x: x(2), "TypeError", "x(2)", "Parentheses call a function"),
    (lambda x: int([]), "TypeError", "int([])", "type of each part"),
    (lambda x: 1 if x else 2, "ValueError: The truth value", "1 if x else 2", "one yes or no"),
    (lambda x: x + np.ones(7), "shapes (2,) (7,)", "x + np.ones(7)", "These shapes do not fit"),
    (lambda x: np.ones((2, 7)) @ x, "size 2 is different from 7", "@ x", "These shapes do not fit"),
    (lambda x: np.random.default_rng(0).choice(2, p=x), "ValueError", "choice(2, p=x)", "Seen on: two numbers"),
    (lambda x: [math.log(v - v) for v in x], "ValueError", "math.log(v - v)", "`np.log` gives minus infinity"),
    (lambda x: x[x.astype(int) : 9], "TypeError", "x[x.astype(int) : 9]", "One integer is wanted there"),
    (lambda x: np.mean(x, axis=5), "AxisError", "np.mean(x, axis=5)", "has the places 0 to n − 1"),
    (lambda x: exit(), "SystemExit", "exit()", "Seen on: two numbers: `[2, 4]`"),
]


@pytest.mark.parametrize(("given", "raised", "line", "hint"), CRASHES)
def test_a_crash_is_explained(half, given, raised, line, hint):
    message = half(given).message
    assert f"Your code stops with {raised}" in message or ("Your code stops with" in message and raised in message)
    assert line in message.split("It happens in line ")[1].split("\n")[0] and hint in message, message


def test_an_interrupt_is_let_through(half):
    def interrupted(x):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        half(interrupted)


def test_a_crash_of_the_checker_itself_is_no_crash(half):
    class Strange:
        def __eq__(self, other):
            raise RuntimeError("no")

    @exercise({"a word": ("cat",)})
    def word(text):
        return text

    assert "cannot read this answer" in word(lambda text: Strange()).message


def test_what_a_function_leaves_behind_can_be_compared():
    def after(function, n):
        box = [0] * n
        function(box)
        return box

    @exercise({"three": (3,), "none": (0,)}, run=after, praise="Filled.")
    def fill(box):
        box[:] = [1] * len(box)

    def too_many(box):
        box += [1]

    assert fill(fill.right) == Verdict("Filled.", passed=True)
    assert "numbers of shape (4,)" in fill(too_many).message
    assert "numbers" not in fill(lambda box: box.clear()).message.split("numbers of shape (0,)")[0]


# By hand


def test_numbers_by_hand(two):
    assert two({"a": 1.5, "b": -2}).passed and two({"a": 3 / 2, "b": np.float32(-2)}).passed
    assert two({"a": 1.504, "b": -2}).passed and not two({"a": 1.52, "b": -2}).passed
    for blank in (..., {"a": ..., "b": ...}, {}):
        assert not two(blank).started
    assert two({"a": 1.5, "b": ...}).message == "Right so far.\nStill open: b."
    assert two({"a": -2, "b": ...}).message == "Look at `a`. These two are exchanged.\nStill open: b."
    assert two({"a": 1.5, "b": 2}).message == "Look at `b`. It is not `2`, but has the right size: look at the sign."
    assert two({"a": 1.52, "b": -2}).message == "Look at `a`. It is not `1.52`, but is close: give three digits."
    assert two({"a": 1.54, "b": -2}).message == "Look at `a`. It is not `1.54`."
    assert "a number from 0 to 1, and not in percent." in two({"a": 150, "b": -2}).message
    assert two({"a": 7, "b": 2}).message == "Look at `a`. It is not `7`."
    assert two({"a": "1.5", "b": 2}).message == "Look at `a`. It should be a number; `'1.5'` is text."
    assert two(1.5).message == "The answer is a dict with the keys a, b; a number came."


def test_one_answer_by_hand():
    @by_hand(atol=0.5)
    def count():
        return 12

    @by_hand()
    def word():
        return "cat"

    assert count(12).passed and not count(13).passed and not count(...).started and not count().started
    assert word(" Cat ").passed and word("dog").message == "It is not `'dog'`."


# Something to find


def test_something_to_find():
    @explore()
    def big(settings):
        if settings["x"] * settings["y"] < 10:
            return "Larger."
        return None if settings["x"] < 5 else Verdict("Quite large.", passed=True)

    assert big({"x": 4, "y": 4}).passed and big({"x": 5, "y": 4}).message == "Quite large."
    assert big({"x": 1, "y": 4}) == Verdict("Larger.")
    assert not big({"x": 5, "y": ...}).started
    calling = explore()(lambda answer: str(answer()))
    assert calling({"x": 1}).message == "Give the checker the function itself, with no parentheses; a dict came."
    assert "stops with TypeError: 'int' object is not callable" in calling(lambda number=3: number()).message
    assert "stops with TypeError" in big({"x": None, "y": 1}).message


# How it looks


def test_a_verdict_as_html():
    verdict = Verdict("`a < b` & <script>alert(1)</script>\nSecond line.")
    shown = verdict._repr_html_()
    assert "<script" not in shown and "<code>a &lt; b</code> &amp; &lt;script&gt;" in shown
    assert 'role="status"' in shown and "pre-wrap" in shown and "<strong>Not yet:</strong>" in shown
    marks = [Verdict("x", **state)._repr_html_() for state in ({"passed": True}, {}, {"started": False})]
    words = [html.unescape(mark.split("<strong>")[1].split("</strong>")[0]) for mark in marks]
    assert words == ["Right:", "Not yet:", "Not started:"]
    assert len({mark.split('aria-hidden="true">')[1][0] for mark in marks}) == 3  # and not by color alone
