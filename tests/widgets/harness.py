"""Widgets without a kernel: `mounted` opens figures in a page; `module` imports an ES module, in a page or in Node.

The fixture `browser` is in tests/conftest.py, `js` in conftest.py here.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from book.widgets import modules, weights
from book.widgets.modules import HERE
from tests.site import site_checks

IMPORT = "async ([sources, name]) => { window.module = await nextWord.load(sources, name); }"
ALL = "n => document.querySelectorAll('.nw-mounted, .nw-live > .nw-problem').length === n"
KEEP = """(_, x) => typeof x === 'number' && !Number.isFinite(x) ? { number: String(x) } // JSON has no infinity
    : ArrayBuffer.isView(x) ? [...x] : x"""
PAINTED = "() => new Promise(done => requestAnimationFrame(() => setTimeout(done)))"


def page_of(*figures: str, theme: str = "light") -> str:
    """A plain page, in the language, the mode and the margins of the book's pages, that holds some figures."""
    head = '<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>A page</title>'
    paper = '<style>main{padding:0 8px}html[data-theme="dark"] body{background:#14181e;color:#dfe2e6}</style>'
    body = f"<main><h1>A page</h1><article>{''.join(figures)}</article></main>"
    return f'<!doctype html><html lang="en" data-theme="{theme}">{head}{paper}<body>{body}</body></html>'


def site_page(folder: Path, *figures: str) -> Path:
    """A page in `folder` as a site has it, with figures made for a site, and beside it the site's scripts and style."""
    files = {**weights.site_files(), **modules.site_files()}
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    scripts = "".join(f'<script defer src="{name}"></script>' for name in files if name.endswith(".js"))
    head = f'<link rel="icon" href="data:,"><link rel="stylesheet" href="{modules.SITE}.css">{scripts}'
    (folder / "page.html").write_text(page_of(*figures).replace("<title>", head + "<title>"), encoding="utf-8")
    return folder / "page.html"


@contextmanager
def mounted(browser, *widgets, address: str = "", theme: str = "light", **options):
    """A page over file:// with the live figures of `widgets`, watched: gives (page, complaints).

    widgets: the widgets, or the HTML of their figures. address: the fragment, from its #. options: as of a context of
    Playwright (viewport, has_touch, reduced_motion, java_script_enabled …).
    """
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "page.html"
        figures = [widget if isinstance(widget, str) else widget.figure() for widget in widgets]
        file.write_text(page_of(*figures, theme=theme), encoding="utf-8")
        with site_checks.watched(browser, file.parent.as_uri(), **options) as (page, complaints):
            page.goto(file.as_uri() + address)
            if options.get("java_script_enabled", True):
                page.wait_for_function(ALL, arg=len(figures))
            yield page, complaints


@contextmanager
def module(browser, name: str, folder: Path = HERE):
    """A page that has imported the ES module `name`.js of `folder`; `call` and `calls` run what it exports."""
    page = browser.new_page()
    try:
        imported(page, name, folder)
        yield page
    finally:
        page.close()


def imported(page, name: str, folder: Path = HERE) -> None:
    """Import the ES module into a page that is open, as its `module`."""
    page.evaluate(modules.text(HERE / "loader.js"))
    page.evaluate(IMPORT, [modules.sources(folder / f"{name}.js"), f"{name}.js"])


@dataclass
class NodeModule:
    """An ES module that Node has imported. `evaluate` is that of a page whose `module` it is."""

    process: subprocess.Popen
    path: Path

    def evaluate(self, code: str, argument=None):
        asked = {"path": str(self.path), "code": code, "argument": argument}
        self.process.stdin.write(json.dumps(asked) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        assert "error" not in answer, answer["error"]
        return answer.get("value")


def call(page, function: str, *arguments):
    """What `function` of the module returns for `arguments`: JSON, typed arrays as lists, ±inf, NaN."""
    return calls(page, function, [arguments])[0]


def calls(page, function: str, cases: list) -> list:
    """The same for many lists of arguments in one go: thousands of them take no longer than one.

    function: the name of an export, or an expression such as "x => module.square(x)".
    """
    function = f"module.{function}" if function.isidentifier() else f"({function})"
    arguments = json.dumps([list(case) for case in cases])  # with its Infinity and NaN, it is JavaScript
    said = page.evaluate(f"JSON.stringify({arguments}.map(a => {function}(...a)), {KEEP})")
    return json.loads(said, object_hook=lambda o: float(o["number"]) if "number" in o else o)


def painted(page) -> None:
    """Wait until what was set has been drawn."""
    page.evaluate(PAINTED)
