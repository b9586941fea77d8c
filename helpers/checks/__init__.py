"""Checkers for the exercises: `checks.softmax(my_softmax)` says whether it is right, and else what to look at.

`engine.py` runs what the reader wrote; `chapter02.py` and so on hold the exercises, each with its usual mistakes.
They give the answers away, so read them after the exercises. Left out: grades.
"""

from importlib import import_module
from pkgutil import iter_modules

from .engine import Checker, Verdict

__all__ = ["Checker", "Verdict"]

for _name in sorted(module.name for module in iter_modules(__path__) if module.name.startswith("chapter")):
    for _checker in vars(import_module(f"{__name__}.{_name}")).values():
        if isinstance(_checker, Checker):
            if _checker.name in globals():
                raise ImportError(f"Two exercises are called {_checker.name}; rename the one in {_name}.py.")
            globals()[_checker.name] = _checker

del _name, _checker
