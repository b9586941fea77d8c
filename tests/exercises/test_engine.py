"""The engine: what counts as equal, what it says about everything else, and that nothing is thrown."""

import collections
import functools
import html
import math
import types
import warnings

import numpy as np
import pytest

from book.exercises.compare import same
from book.exercises.engine import ByHand, Exercise, Explore, Verdict, is_blank
from helpers.tensor import Tensor

TOLERANCE = {"rtol": 1e-4, "atol": 1e-6}


def halves(x):
    return x / 2


def exercise(right, inputs, mistakes=None, **options) -> Exercise:
    """mistakes: {hint: a wrong solution}."""
    checker = Exercise({hint: hint for hint in mistakes or {}}, right, **options)
    checker.inputs, checker.mistakes = inputs, mistakes or {}
    return checker


@pytest.fixture
def half() -> Exercise:
    """An exercise: half of an array."""
    inputs = {"two numbers": (np.array([2.0, 4.0]),), "a table": (np.ones((2, 3)),), "zero": (np.zeros(1),)}
    return exercise(halves, inputs, {"We want half. Check the `2`.": lambda x: x * 2})


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


def test_blanks_are_recognized(tmp_path, half):
    path, namespace = tmp_path / "cells.py", {"__name__": "cells"}
    path.write_text(cells)
    exec(compile(cells, str(path), "exec"), namespace)
    blanks = [thing for thing in namespace.values() if callable(thing)]
    assert len(blanks) == 6
    for blank in blanks:
        verdict = half(blank)
        assert is_blank(blank) and not verdict.started and not verdict.passed, blank
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
    assert verdict == Verdict("It works on all 3 inputs.", passed=True)
    assert repr(verdict) == "Right: It works on all 3 inputs."


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
        assert not verdict.passed and "changes its input `x` (for two numbers)" in verdict.message
    assert half.inputs["two numbers"][0].tolist() == [2, 4]


def test_a_generator_starts_over_each_time():
    draw = exercise(lambda rng: rng.random(3), {"a seed": (np.random.default_rng(0),)})
    assert draw(lambda rng: rng.random(3)).passed and draw(lambda rng: [rng.random() for _ in range(3)]).passed
    assert not draw(lambda rng: rng.normal(size=3)).passed


def test_a_last_look_can_reject_right_results(half):
    half.also = lambda function: "Not like that." if function is not halves else None
    assert half(halves).passed and half(lambda x: x / 2) == Verdict("Not like that.")


# A wrong one: a mistake on the list, or a general finding


def test_a_usual_mistake_is_named(half):
    assert half(lambda x: x + x).message == "We want half. Check the `2`.\nThe first input that shows it: two numbers."


def test_a_mistake_must_agree_on_all_inputs(half):
    assert "We want half" not in half(lambda x: x * 2 if x.ndim == 1 else x).message


def test_a_mistake_is_named_beside_a_crash_or_nan_of_another_cause():
    inputs = {name: (np.array(numbers, float),) for name, numbers in {"c": [0, 0], "a": [3, 4], "b": [1, 2]}.items()}
    shares = exercise(lambda x: x / (x.sum() or 1), inputs, {"By the sum.": lambda x: x / (x.max() or 1)})

    def crashes(x):
        return x / x.max() if x.any() else x[7]

    assert shares(lambda x: x / x.max()).message == "By the sum.\nThe first input that shows it: a."
    assert shares(crashes).message == "By the sum.\nThe first input that shows it: a."
    assert "By the sum" not in shares(lambda x: x / x.max() if x[0] == 3 else x / 0).message  # seen once
    assert "By the sum" not in shares(lambda x: x / x.sum()).message


def test_a_mistake_runs_once_on_an_input_however_often_it_is_needed():
    runs = collections.Counter()

    def counted(x):
        runs[x] += 1
        return math.nan if x else 7.0

    checker = exercise(
        lambda x: float(x), {str(x): (x,) for x in range(3)}, {"First.": counted, "Second.": lambda x: 8}
    )
    for wrong in (lambda x: 7.0, lambda x: 8.0, lambda x: math.nan, lambda x: 1 / 0):
        checker(wrong)
    assert runs and max(runs.values()) == 1


def test_infinity_is_nothing_odd_where_the_right_answer_has_it():
    mask = exercise(lambda n: np.triu(np.full((n, n), -np.inf), 1), {"two": (2,)})
    assert "position [0, 0] is `-inf` instead of `0`" in mask(lambda n: np.full((n, n), -np.inf)).message
    assert "you get nan" in mask(lambda n: np.full((n, n), np.nan)).message


def test_a_mistake_that_crashes_is_recognized_by_its_error():
    inputs = {"a list": ([1, 2],), "an empty one": ([],)}
    last = exercise(lambda xs: xs[-1] if xs else None, inputs, {"There may be none.": lambda xs: xs[-1]})
    assert last(lambda xs: xs[len(xs) - 1]).message.startswith("There may be none.")


def prints(x):
    print(x / 2)


FINDINGS = [
    (lambda x: None, "returns `None`. Make sure it reaches a `return`"),
    (prints, "prints its result and returns `None`"),
    (lambda x: "a half", "For two numbers, you get text, `'a half'`, instead of numbers of shape (2,)."),
    (lambda x: {"half": x}, "you get a dict"),
    (lambda x: collections.Counter(x), "you get a dict"),
    (lambda x: (v for v in x), "you get a generator"),
    (lambda x: x.sum() / 2, "you get a number instead of numbers of shape (2,)."),
    (lambda x: np.outer(x, x), "you get numbers of shape (2, 2) instead of (2,)."),
    (lambda x: x * x / x / 2, "For zero, you get nan (not a number)"),
    (lambda x: np.where(x == 0, np.inf, x / 2), "For zero, you get infinity"),
    (lambda x: -x / 2, "Every number has the wrong sign."),
    (lambda x: x / 3, "Every number is 0.6667 times what it should be."),
    (lambda x: x / 2 + 1, "Every number is too large by 1."),
    (lambda x: 0 * x, "Not yet: For two numbers, position [0] is `0` instead of `1`."),
    (lambda x: x / 2 * 1.0002, "Not yet: For two numbers, position [0] is `1.0002` instead of `1`."),
    (lambda x: x / 2 if x.any() else x + 5, "Not yet: For zero, position [0] is `5` instead of `0`."),
    (lambda x: x / 2 - 0.25, "Every number is too small by 0.25."),
    (lambda x: x**2 / 4, "position [1] is `4` instead of `2`.\nIt's right for: zero.\nThe input was `[2, 4]`"),
    (lambda x: x if x.ndim > 1 else x / 2, "For a table, position [0, 0] is `1` instead of `0.5`."),
    (lambda x, y: x, "Your function must take `(x)`; got `(x, y)`."),
    (lambda: 0, "Your function must take `(x)`; got `()`."),
    (np.array([1, 2]), "needs the function itself; got numbers of shape (2,). Pass its name"),
    (0.5, "needs the function itself; got a number. Pass its name"),
]  # fmt: skip


def test_what_is_wrong_is_said(half):
    for given, says in FINDINGS:
        verdict = half(given)
        assert not verdict.passed and verdict.started and says in repr(verdict), verdict


def test_what_was_printed_is_shown(half):
    def debugged(x):
        print("x is", x)
        return x**3

    assert "Your function printed `x is [2. 4.]` there." in half(debugged).message


def test_parts_of_a_result_are_told_apart():
    pair = exercise(lambda a, b: (np.array([a]), {"sum": a + b, "product": a * b}), {"a pair": (3, 4)})
    assert pair(lambda a, b: [[a], {"product": b * a, "sum": a + b}]).passed
    verdict = pair(lambda a, b: (a, {"sum": a + b, "product": a}))
    assert "`result[1]` is wrong: `result['product']` is wrong: you get `3` instead of `12`." in verdict.message


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


ARRAY, SEQUENCE = "Print the array's shape and the index", "list or tuple of length n"
CRASHES = [
    (undefined, "`NameError: name 'too' is not defined`", "return x / too", "the cell that defines this name"),
    (long_story, "`ValueError: first line`", "raise ValueError", "The input was"),
    (too_early, "UnboundLocalError", "return x / y", "local to it"),
    (endless, "RecursionError", "return endless(x)", "keeps calling itself"),
    (lambda x: x[7], "IndexError: index 7 is out of bounds", "x[7]", ARRAY),
    (lambda x: x[:, 0], "IndexError: too many indices", "x[:, 0]", "fewer axes than that"),
    (lambda x: [1, 2][7], "IndexError", "[1, 2][7]", SEQUENCE),
    (lambda x: (1, 2)[7], "IndexError", "(1, 2)[7]", SEQUENCE),
    (lambda x: [].pop(), "IndexError: pop from empty list", "[].pop()", "nothing left to take out"),
    (lambda x: "cat"[7], "IndexError: string index out of range", "'cat'[7]", "Text with n characters"),
    (lambda x: {}[2], "KeyError: 2", "{}[2]", "Print its keys"),
    (lambda x: 1 / 0, "ZeroDivisionError", "1 / 0", "makes the divisor 0"),
    (lambda x: [2].mean(), "AttributeError", "[2].mean()", "`np.array(…)` first"),
    (lambda x: [2].push(3), "AttributeError", "[2].push(3)", "the spelling after the dot"),
    (lambda x: x.append(3), "AttributeError", "x.append(3)", "can't grow"),
    (lambda x: x.men(), "AttributeError", "x.men()", "the spelling after the dot"),
    (lambda x: None.shape, "AttributeError", "None.shape", "Something is `None`"),
    (lambda x: None + x, "TypeError", "None + x", "Something is `None`"),
    (lambda x: x(2), "TypeError", "x(2)", "Parentheses call a function"),
    (lambda x: x.tolist()[0, 0], "TypeError", "x.tolist()[0, 0]", "one index at a time"),
    (lambda x: int([]), "TypeError", "int([])", "type of each part"),
    (lambda x: 1 if x else 2, "ValueError: The truth value", "1 if x else 2", "a single yes or no"),
    (lambda x: x + np.ones(7), "shapes (2,) (7,)", "x + np.ones(7)", "These shapes don't fit"),
    (lambda x: np.ones((2, 7)) @ x, "size 2 is different from 7", "@ x", "These shapes don't fit"),
    (lambda x: x.reshape(3, 5), "cannot reshape", "x.reshape(3, 5)", "keeps every number"),
    (lambda x: np.array([[1], [2, 3]]), "inhomogeneous", "np.array", "must all have the same length"),
    (lambda x: np.random.default_rng(0).choice(2, p=x), "ValueError", "choice(2, p=x)", "The input was two numbers"),
    (lambda x: [math.log(v - v) for v in x], "ValueError", "math.log(v - v)", "`np.log(0)` gives −∞"),
    (lambda x: x[x.astype(int) : 9], "TypeError", "x[x.astype(int) : 9]", "needs one integer"),
    (lambda x: np.mean(x, axis=5), "AxisError", "np.mean(x, axis=5)", "the first axis is 0"),
    (lambda x: exit(), "SystemExit", "exit()", "The input was two numbers: `[2, 4]`"),
]


def test_a_crash_is_explained(half):
    for given, raised, line, advice in CRASHES:
        crashed, happened, *rest = half(given).message.split("\n")
        assert crashed.startswith("Your code crashed with `") and raised in crashed, crashed
        assert happened.startswith("It happened on line ") and line in happened.replace('"', "'"), happened
        assert advice in "\n".join(rest), (crashed, rest)


def test_a_crash_of_the_checker_itself_is_no_crash():
    class Strange:
        def __eq__(self, other):
            raise RuntimeError("no")

    assert "can't read this answer" in exercise(lambda x: x, {"a word": ("cat",)})(lambda text: Strange()).message


def test_what_a_function_leaves_behind_can_be_compared():
    def after(function, n):
        box = [0] * n
        function(box)
        return box

    def ones(box):
        box[:] = [1] * len(box)

    def too_many(box):
        box += [1]

    fill = exercise(ones, {"three": (3,), "none": (0,)}, run=after)
    assert fill(ones).passed
    assert "numbers of shape (4,)" in fill(too_many).message
    assert "you get numbers of shape (0,) instead of (3,)" in fill(lambda box: box.clear()).message


# By hand


def test_numbers_by_hand():
    two = ByHand({"right": {"a": 1.5, "b": -2, "c": 0.25}, "wrong": [[{"a": -2, "c": 7}, "You swapped them."]]})
    right = {"a": 1.5, "b": -2, "c": 0.25}
    for also_right in ({"a": 3 / 2, "b": np.float32(-2)}, {"a": 1.504, "c": 0.251}, {}):
        assert two(right | also_right) == Verdict("All your answers are right.", passed=True)
    for blank in (..., dict.fromkeys("abc", ...), {}):
        assert not two(blank).started
    assert two({"a": 1.5, "b": ...}).message == "Right so far.\nStill to do: b, c."
    assert two({"a": -2, "b": -2}).message == "Look at `a`. You swapped them.\nStill to do: c."
    for answer, says in [
        ({"c": 7}, "Look at `c`. You swapped them."),
        ({"b": 2}, "Look at `b`. It isn't `2`. Only the sign is wrong."),
        ({"a": 1.52}, "Look at `a`. It isn't `1.52`, but that's close. Give three digits."),
        ({"a": 1.54}, "Look at `a`. It isn't `1.54`."),
        ({"b": -1.99}, "Look at `b`. It isn't `-1.99`."),  # a whole number has no more digits to give
        ({"c": 25}, "Look at `c`. It isn't `25`: write a share as a number from 0 to 1, not as a percentage."),
        ({"a": 150}, "Look at `a`. It isn't `150`."),  # and this one isn't a share
        ({"a": "1.5"}, "`a` must be a number; got text, `'1.5'`."),
    ]:
        assert two(right | answer) == Verdict(says)
    assert two(1.5).message.startswith("The answer must be a dict with a, b, c; got a number.")


def test_whole_numbers_by_hand_are_exact_and_words_are_not():
    large = ByHand({"right": {"n": 2288, "word": "cat"}, "wrong": []})
    assert large({"n": 2288.0, "word": " Cat "}).passed
    assert not large({"n": 2290, "word": "cat"}).passed and not large({"n": 2288, "word": "dog"}).passed


# Something to find


def test_something_to_find():
    @Explore
    def big(settings):
        if settings["x"] * settings["y"] < 10:
            return "Larger."
        return None if settings["x"] < 5 else Verdict("Quite large.", passed=True)

    assert big({"x": 4, "y": 4}).passed and big({"x": 5, "y": 4}).message == "Quite large."
    assert big({"x": 1, "y": 4}) == Verdict("Larger.")
    assert not big({"x": 5, "y": ...}).started
    calling = Explore(lambda answer: str(answer()))
    assert calling({"x": 1}).message.startswith("The checker needs the function itself; got a dict.")
    assert "crashed with `TypeError: 'int' object is not callable`" in calling(lambda number=3: number()).message
    assert "crashed with `TypeError" in big({"x": None, "y": 1}).message


# How it looks


def test_emphasis_and_code_are_marked_and_nothing_else():
    shown = Verdict("Not *cat* but `a * b * c`, 2 * 3 * 4, f(*x, *y).\n*It's* `*b*`.")
    assert repr(shown) == "Not yet: Not cat but `a * b * c`, 2 * 3 * 4, f(*x, *y).\nIt's `*b*`."
    assert "Not <em>cat</em> but <code>a * b * c</code>, 2 * 3 * 4, f(*x, *y)." in shown._repr_html_()
    assert "<em>It&#x27;s</em> <code>*b*</code>." in shown._repr_html_()


def test_what_a_reader_wrote_never_becomes_html_or_a_mark(half):
    def nasty(x):
        raise ValueError("`<script>alert(1)</script>` *a* `<b>`")

    shown = half(nasty)
    assert "<script" not in shown._repr_html_() and "<b>" not in shown._repr_html_()
    assert "<em>" not in shown._repr_html_() and "'<script>alert(1)</script>' *a* '<b>'`" in repr(shown)
    shown = half(lambda x: "</code><i>`*a*")
    assert "<i>" not in shown._repr_html_() and "<em>" not in shown._repr_html_()


def test_a_verdict_as_html():
    shown = Verdict("`a < b` & <script>alert(1)</script>\nSecond line.")._repr_html_()
    assert "<script" not in shown and "<code>a &lt; b</code> &amp; &lt;script&gt;" in shown
    assert 'role="status"' in shown and "pre-wrap" in shown and "<strong>Not yet:</strong>" in shown
    marks = [Verdict("x", **state)._repr_html_() for state in ({"passed": True}, {}, {"started": False})]
    words = [html.unescape(mark.split("<strong>")[1].split("</strong>")[0]) for mark in marks]
    assert words == ["Right:", "Not yet:", "Not started:"]
    assert len({mark.split('aria-hidden="true">')[1][0] for mark in marks}) == 3  # not by color alone
