"""Tests of the exercise checkers. `chapter02.py` and so on hold what readers may write; the tests go over all of it."""

OTHER_STYLE, WRONG = [], []


def other_style(checker, says: str = ""):
    """Decorator: a right solution, written in another way than the checker's own. `says`: a part of what is said."""
    return lambda solution: OTHER_STYLE.append((checker, says, solution)) or solution


def wrong(checker, says: str):
    """Decorator: a wrong solution. `says` is the name of the mistake it is, or a part of what is said about it."""
    return lambda solution: WRONG.append((checker, says, solution)) or solution
