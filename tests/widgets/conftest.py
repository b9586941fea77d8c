"""What the tests of the widgets share: their modules' pure functions, callable without a browser."""

import shutil
import subprocess
from pathlib import Path

import pytest

from book.widgets.modules import HERE
from tests.widgets import harness


@pytest.fixture(scope="session")
def js(request):
    """js("formulas"): the module formulas.js, for `call`, `calls`, and its own method evaluate(code, argument).

    One Node for all tests; without Node, pages of the browser do the same.
    """
    if not (node := shutil.which("node")):

        def imported(name: str, folder: Path = HERE):
            page = request.getfixturevalue("browser").new_page()  # it closes with the browser
            harness.imported(page, name, folder)
            return page

        yield imported
        return
    runner = [node, Path(__file__).with_name("node.mjs")]
    with subprocess.Popen(
        runner, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8"
    ) as process:
        yield lambda name, folder=HERE: harness.NodeModule(process, folder / f"{name}.js")
        process.stdin.close()
