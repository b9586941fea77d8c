"""A chapter, run cell by cell without Jupyter: what its cells define and print, and what its text says."""

import ast
import contextlib
import io
import linecache
import re
import tempfile
import warnings
from functools import cache
from typing import NamedTuple

import nbformat
import numpy as np
from threadpoolctl import threadpool_limits

from tests.conftest import ROOT

NOT_PROSE = re.compile(  # code, addresses, tags, and what only names a place or a year
    r"`[^`]*`|\]\([^)]*\)|<[^>]*>|\$\$.*?\$\$|^\d+\."
    r"|\b(?:[Cc]hapters?|[Ee]xercise|[Ff]igure) [\d.]+(?:(?:, | and )\d+)*",
    re.S | re.M,
)
NUMBER = re.compile(r"(?<![\w.])\d[\d,]*(?:\.\d+)?")


class Chapter(NamedTuple):
    """names: what its cells define. printed: all they printed. code, prose: their source, and the text around them."""

    names: dict
    printed: str
    code: str
    prose: str

    def __getitem__(self, name: str):
        return self.names[name]


@cache
def ran(stem: str) -> Chapter:
    """The chapter notebooks/{stem}.ipynb, run up to its exercises."""
    cells = nbformat.read(ROOT / "notebooks" / f"{stem}.ipynb", as_version=4).cells
    end = next(i for i, cell in enumerate(cells) if cell.source.startswith("## Exercises"))
    names, printed, code = {"__name__": "__main__"}, io.StringIO(), []
    with (
        threadpool_limits(1, user_api="blas"),
        np.printoptions(),
        warnings.catch_warnings(),
        tempfile.TemporaryDirectory() as folder,
        contextlib.chdir(folder),  # chapters save models of the reader's
    ):
        warnings.simplefilter("error", RuntimeWarning)  # an overflow that a chapter doesn't mean to show
        for i, cell in enumerate(cells[:end]):
            if cell.cell_type == "code":
                name = f"<{stem}, cell {i}>"
                linecache.cache[name] = (len(cell.source), None, cell.source.splitlines(keepends=True), name)
                with contextlib.redirect_stdout(printed):
                    exec(compile(ast.parse(cell.source), name, "exec"), names)
                code.append(cell.source)
    prose = "\n\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    return Chapter(names, printed.getvalue(), "\n".join(code), prose.partition("## Exercises")[0])


def unsupported(chapter: Chapter, *known: float) -> list[str]:
    """The numbers in the prose that no cell printed or holds, at the precision they have; known: others that are right.

    Small whole numbers and years count as words.
    """
    given = [float(number.replace(",", "")) for number in NUMBER.findall(f"{chapter.printed}\n{chapter.code}")]
    given += known
    wrong, prose = [], NOT_PROSE.sub(" ", chapter.prose)
    for found in NUMBER.finditer(prose):
        written, percent = found[0].rstrip(","), prose.startswith("%", found.end())
        value, decimals = float(written.replace(",", "")), len(written.partition(".")[2])
        if not percent and decimals == 0 and (value <= 20 or 1900 <= value <= 2030 and "," not in written):
            continue
        close = 0.5000001 * 10**-decimals
        if not any(abs(value - x) <= close or percent and abs(value - 100 * x) <= close for x in given):
            wrong.append(written)
    return wrong
