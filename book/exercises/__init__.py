"""Checkers for the exercises: `check.ch03.softmax(my_softmax)` says whether it's right, and if not, where to look.

`engine.py` runs what the reader wrote; `ch02.py` and so on hold the exercises, each with its usual mistakes. They give
the answers away, so read them after the exercises. Left out: grades.
"""

from book.exercises import check
from book.exercises.engine import Checker, Verdict

__all__ = ["Checker", "Verdict", "check"]
