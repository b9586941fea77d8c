"""Checkers for the exercises: `check.ch03.softmax(my_softmax)` says whether it's right, and if not, where to look.

`engine.py` runs what the reader wrote. `ch03.py` holds the exercises of chapter 3 with their usual mistakes, and
`ch03.toml` what we say about them. Both give the answers away, so read them later. Left out: grades.
"""

from book.exercises import check
from book.exercises.engine import Checker, Verdict

__all__ = ["Checker", "Verdict", "check"]
