"""Every exercise: right answers pass, in any style, and each usual mistake is told from all the others."""

import importlib
import re
from pathlib import Path

import pytest

from book.exercises import check
from book.exercises.engine import ByHand, Checker, Exercise
from tests.exercises import OTHER_STYLE, WRONG

for path in Path(__file__).parent.glob("chapter*.py"):
    importlib.import_module(f"tests.exercises.{path.stem}")

CHECKERS = {
    f"{chapter}.{name}": checker
    for chapter in check.__all__
    for name, checker in vars(getattr(check, chapter)).items()
    if isinstance(checker, Checker)
}
EXERCISES = {name: checker for name, checker in CHECKERS.items() if isinstance(checker, Exercise)}
BY_HAND = {name: checker for name, checker in CHECKERS.items() if isinstance(checker, ByHand)}
NAMES = {id(checker): name for name, checker in CHECKERS.items()}


def blank(*args): ...


def crash(*args):
    return 1 / 0


def report(failures):
    """Fail with all that went wrong, not just the first."""
    failures = list(failures)
    assert not failures, "\n\n".join(map(str, failures))


def test_right_answers_pass():
    verdicts = {name: checker(checker.right) for name, checker in (EXERCISES | BY_HAND).items()}
    report((name, verdict) for name, verdict in verdicts.items() if not (verdict.passed and verdict.started))


def test_other_styles_pass():
    verdicts = [(NAMES[id(checker)], solution, says, checker(solution)) for checker, says, solution in OTHER_STYLE]
    report(case for case in verdicts if not case[-1].passed or case[-2] not in case[-1].message)


def test_every_mistake_is_told_from_the_right_answer_and_from_all_the_others():
    failures = []
    for name, checker in EXERCISES.items():
        for mistake, wrong in checker.mistakes.items():
            verdict = checker(wrong)
            if verdict.passed or verdict.message.split("\nThe first input")[0] != checker.words[mistake]:
                failures.append((name, mistake, verdict))
    report(failures)


def test_every_wrong_number_is_told_from_the_right_one_and_from_all_the_others():
    failures = []
    for name, checker in BY_HAND.items():
        for key, value, hint in ((key, value, hint) for values, hint in checker.wrong for key, value in values.items()):
            verdict = checker({**checker.right, key: value})
            if verdict.passed or verdict.message != f"Look at `{key}`. {hint}":
                failures.append((name, key, value, verdict))
    report(failures)


def test_wrong_solutions_are_told_where_to_look():
    failures = []
    for checker, says, solution in WRONG:
        verdict = checker(solution)
        wanted = checker.words[says] if says in getattr(checker, "mistakes", ()) else says
        if verdict.passed or wanted not in verdict.message:
            failures.append((NAMES[id(checker)], solution, wanted, verdict))
    report(failures)


def test_every_checker_has_cases():
    """A checker that was only tried on its own answers hasn't been tested."""
    styles, wrongs = ({id(checker) for checker, _, _ in cases} for cases in (OTHER_STYLE, WRONG))
    report(name for name, checker in CHECKERS.items() if name not in BY_HAND and id(checker) not in styles & wrongs)
    report(name for name, checker in EXERCISES.items() if len(checker.mistakes) < 3)


def test_every_hint_belongs_to_a_mistake_and_has_one_or_two_plain_sentences():
    hints = {f"{name} {values}": hint for name, checker in BY_HAND.items() for values, hint in checker.wrong}
    for name, checker in EXERCISES.items():
        assert checker.words.keys() - {"praise"} == checker.mistakes.keys(), name
        hints |= {f"{name} {key}": hint for key, hint in checker.words.items()}
    odd = re.compile(r"\b(came|stands|anew|nobody|somebody|whoever|wish|wished|in the mean|of its own|all the same)\b")
    for name, hint in hints.items():
        sentences = len(re.findall(r"[.?!](?= |$)", re.sub(r"`[^`]*`", "x", hint)))
        if sentences not in (1, 2) or hint[-1] not in ".?" or odd.search(hint):
            hints[name] = None
    report(name for name, hint in hints.items() if hint is None)


@pytest.mark.parametrize("chapter", check.__all__)
def test_nothing_raises(chapter):
    for name, checker in CHECKERS.items():
        if not name.startswith(chapter):
            continue
        assert not checker().started and not checker(...).started and not checker(blank).started, name
        if not isinstance(checker, ByHand):
            assert "ZeroDivisionError" in checker(crash).message and "1 / 0" in checker(crash).message, name
        for answer in (None, "cat", [[1, 2], [3]], {}, print, int, lambda *args: None, object()):
            assert not checker(answer).passed, (name, answer)
