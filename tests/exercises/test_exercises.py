"""Every exercise: right answers pass, in any style; each usual mistake is told from all others."""

import importlib
from pathlib import Path

import pytest

from book.exercises import check
from book.exercises.engine import ByHand, Checker, Exercise, Explore
from tests.exercises import OTHER_STYLE, WRONG

for path in Path(__file__).parent.glob("chapter*.py"):
    importlib.import_module(f"tests.exercises.{path.stem}")

CHECKERS = [v for name in check.__all__ for v in vars(getattr(check, name)).values() if isinstance(v, Checker)]
EXERCISES = [checker for checker in CHECKERS if isinstance(checker, Exercise)]
BY_HAND = [checker for checker in CHECKERS if isinstance(checker, ByHand)]


def named(value):
    return getattr(value, "name", getattr(value, "__name__", None))


@pytest.mark.parametrize("checker", [*EXERCISES, *BY_HAND], ids=named)
def test_the_right_answer_passes(checker):
    verdict = checker(checker.right if isinstance(checker, Exercise) else checker.right())
    assert verdict.passed and verdict.started, verdict


@pytest.mark.parametrize(("checker", "says", "solution"), OTHER_STYLE, ids=named)
def test_another_style_passes(checker, says, solution):
    verdict = checker(solution)
    assert verdict.passed and says in verdict.message, verdict


@pytest.mark.parametrize("checker", CHECKERS, ids=named)
def test_each_has_cases(checker):
    """A checker that nobody tried on answers other than its own has not been tested."""
    styles = [solution for other, _, solution in OTHER_STYLE if other is checker]
    wrongs = [solution for other, _, solution in WRONG if other is checker]
    if isinstance(checker, ByHand):
        assert len(checker.mistakes) >= 2
    else:
        assert styles and wrongs, f"tests/exercises has no @other_style or no @wrong for {checker.name}"
        assert isinstance(checker, Explore) or len(checker.mistakes) >= 3


@pytest.mark.parametrize(
    ("checker", "mistake"), [(checker, name) for checker in EXERCISES for name in checker.mistakes], ids=named
)
def test_a_mistake_is_told_from_the_right_answer_and_from_all_others(checker, mistake):
    wrong, look_at = checker.mistakes[mistake]
    verdict = checker(wrong)
    assert not verdict.passed and verdict.message.startswith(look_at), verdict
    assert look_at.endswith((".", "?")) and look_at[0] in f"`{look_at[0].upper()}", look_at


@pytest.mark.parametrize(
    ("checker", "mistake"), [(checker, name) for checker in BY_HAND for name in checker.mistakes], ids=named
)
def test_a_wrong_number_is_told_from_the_right_one_and_from_all_others(checker, mistake):
    wrong, look_at = checker.mistakes[mistake]
    values = wrong() if isinstance(wrong(), dict) else {"": wrong()}
    for key, value in values.items():
        verdict = checker({**checker.right(), key: value} if key else value)
        assert not verdict.passed and verdict.message.removeprefix(f"Look at `{key}`. ") == look_at, verdict


@pytest.mark.parametrize(("checker", "says", "solution"), WRONG, ids=named)
def test_a_wrong_solution_is_told_what_to_look_at(checker, says, solution):
    verdict = checker(solution)
    wanted = checker.mistakes[says][1] if says in checker.mistakes else says
    assert not verdict.passed and wanted in verdict.message, verdict


@pytest.mark.parametrize("checker", CHECKERS, ids=named)
def test_nothing_raises(checker):
    def blank(*args): ...

    def crash(*args):
        return 1 / 0

    assert not checker().started and not checker(...).started and not checker(blank).started
    if not isinstance(checker, ByHand):
        assert "ZeroDivisionError" in checker(crash).message and "1 / 0" in checker(crash).message
    for answer in (None, "cat", [[1, 2], [3]], {}, print, int, lambda *args: None, object()):
        assert not checker(answer).passed
