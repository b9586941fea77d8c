"""The exercises in the notebooks: their form, that an untouched one breaks nothing, and that solutions are right."""

import ast
import json
import linecache
import re
import textwrap
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from book.exercises import Verdict

ROOT = Path(__file__).resolve().parent.parent.parent
CHAPTERS = ["01", "02", "03", "04", "05", "06", "07", "08", "09", "10", "11", "12"]  # those that have exercises so far
NOTEBOOKS = [json.loads(path.read_text(encoding="utf-8")) for path in (ROOT / "notebooks").glob("*.ipynb")]
KINDS = ["By hand", "Build", "Explore"]


@dataclass
class Exercise:
    """One exercise: its title, its text in Markdown, its code cell, and the imports of its notebook."""

    title: str
    text: str
    code: str
    imports: str

    def folds(self) -> list[tuple[str, str]]:
        return re.findall(r"<details>\n<summary>(.+?)</summary>\n\n(.+?)\n\n</details>", self.text, re.S)

    def call(self) -> str:
        """The last line of the code cell, if it calls a checker."""
        last = ast.unparse(ast.parse(self.code).body[-1])
        return last if last.startswith("check.") else ""


def exercises(notebook: dict) -> list[Exercise]:
    """The exercises of a notebook: the cells from `## Exercises` to the next section, in pairs."""
    cells = [(cell["cell_type"], "".join(cell["source"])) for cell in notebook["cells"]]
    imports = next(source for kind, source in cells if kind == "code")
    first = next((i for i, (_, source) in enumerate(cells) if source.startswith("## Exercises\n")), len(cells))
    end = next((i for i in range(first + 1, len(cells)) if cells[i][1].startswith("## ")), len(cells))
    section, found = cells[first + 1 : end], []
    for (kind, text), (next_kind, code) in zip(section[::2], section[1::2]):
        assert (kind, next_kind) == ("markdown", "code"), f"no text and code cell in turn: {text[:60]}"
        assert text.startswith("### "), text[:60]
        found.append(Exercise(text.split("\n")[0].removeprefix("### "), text, code, imports))
    assert len(section) == 2 * len(found)
    return found


def read(chapter: str) -> list[Exercise]:
    [notebook] = [notebook for notebook in NOTEBOOKS if number(notebook) == int(chapter)]
    return exercises(notebook)


def number(notebook: dict) -> int:
    """A chapter's number, from its title."""
    return int(re.match(r"# (\d+)\. ", "".join(notebook["cells"][0]["source"]))[1])


ALL = [pytest.param(exercise, id=exercise.title.split(":")[0]) for n in CHAPTERS for exercise in read(n)]


def run(*cells: str):
    """Run cells in one fresh namespace; the value of the last line of the last cell."""
    namespace = {"__name__": "__main__"}
    with threadpool_limits(1, user_api="blas"), np.printoptions():  # a notebook may change both
        for i, source in enumerate(cells):
            name = f"<cell {i} {hash(source)}>"
            linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
            tree = ast.parse(source)
            last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
            exec(compile(tree, name, "exec"), namespace)
            value = last and eval(compile(ast.Expression(last.value), name, "eval"), namespace)
    return value


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_a_chapter_has_four_to_six_of_all_kinds(chapter):
    found = read(chapter)
    assert 4 <= len(found) <= 6
    for number, exercise in enumerate(found, 1):
        assert re.match(rf"Exercise {int(chapter)}\.{number}: \S", exercise.title), exercise.title
    kinds = [next(kind for kind in KINDS if f"\n\n**{kind}.** " in exercise.text) for exercise in found]
    assert set(kinds) == set(KINDS) and kinds == sorted(kinds, key=KINDS.index)


def test_no_chapter_with_exercises_is_left_out():
    for notebook in NOTEBOOKS:
        assert bool(exercises(notebook)) == (f"{number(notebook):02}" in CHAPTERS), number(notebook)


@pytest.mark.parametrize("exercise", ALL)
def test_it_has_hints_a_solution_and_a_checker(exercise):
    names = [name for name, _ in exercise.folds()]
    hints = len(names) - 1
    assert hints >= 2 and names == [*(f"Hint {i + 1}" for i in range(hints)), "Solution"]
    assert exercise.text.count("<details>") == len(names), "a fold needs blank lines around what it holds"
    assert exercise.call() or "**Explore.**" in exercise.text
    *hints, (_, solution) = exercise.folds()
    assert not any("```python" in hint for _, hint in hints)
    assert re.search(r"```\n\n\S", solution), "a solution is explained after its code"


@pytest.mark.parametrize("exercise", ALL)
def test_an_untouched_cell_runs(exercise):
    verdict = run(exercise.imports, exercise.code)
    if exercise.call():
        assert isinstance(verdict, Verdict) and not verdict.started and not verdict.passed
        assert "..." in exercise.code


@pytest.mark.parametrize("exercise", ALL)
def test_the_solution_is_right(exercise):
    solution = re.search(r"```python\n(.+?)```", exercise.folds()[-1][1], re.S)[1]
    verdict = run(exercise.imports, textwrap.dedent(solution), exercise.call() or "None")
    if exercise.call():
        assert verdict.passed, verdict


def test_a_section_that_is_out_of_order_is_found():
    cell = lambda kind, source: {"cell_type": kind, "source": source}  # noqa: E731
    imports, head = cell("code", "import numpy"), cell("markdown", "## Exercises\n\nText.")
    task, code, after = cell("markdown", "### Exercise 1.1: A"), cell("code", "x = ..."), cell("markdown", "## End")
    [found] = exercises({"cells": [imports, head, task, code, after]})
    assert (found.title, found.code, found.call()) == ("Exercise 1.1: A", "x = ...", "")
    for cells in ([head, code, task], [head, task, task], [head, task]):
        with pytest.raises(AssertionError):
            exercises({"cells": [imports, *cells, after]})
