"""Widgets in a browser, without a kernel: `mounted` opens figures in a page, `module` imports a widget's functions.

The fixture `browser` stands in tests/conftest.py.
"""

from __future__ import annotations

import json
import tempfile
from contextlib import contextmanager
from pathlib import Path

from book.widgets.base import HERE, module_text
from tests.site import site_checks

IMPORT = """async text => {
    const address = URL.createObjectURL(new Blob([text], {type: 'text/javascript'}));
    window.module = await import(address);
}"""
ALL = "n => document.querySelectorAll('.nw-mounted, .nw-live > .nw-problem').length === n"
KEEP = "(_, x) => (typeof x === 'number' && !Number.isFinite(x) ? { number: String(x) } : x)"  # JSON has no infinity
PAINTED = "() => new Promise(done => requestAnimationFrame(() => setTimeout(done)))"


def page_of(*figures: str, theme: str = "light") -> str:
    """A plain page, in the language, the mode and the margins of the book's pages, that holds some figures."""
    head = '<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>A page</title>'
    paper = '<style>main{padding:0 8px}html[data-theme="dark"] body{background:#14181e;color:#dfe2e6}</style>'
    body = f"<main><h1>A page</h1><article>{''.join(figures)}</article></main>"
    return f'<!doctype html><html lang="en" data-theme="{theme}">{head}{paper}<body>{body}</body></html>'


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
        page.evaluate(IMPORT, module_text(folder / f"{name}.js"))
        yield page
    finally:
        page.close()


def call(page, function: str, *arguments):
    """What `function` of the page's module returns for `arguments`: what JSON can hold, and ±inf and NaN."""
    return calls(page, function, [arguments])[0]


def calls(page, function: str, cases: list) -> list:
    """The same for many lists of arguments in one go: thousands of them take no longer than one."""
    arguments = json.dumps([list(case) for case in cases])  # with its Infinity and NaN, it is JavaScript
    said = page.evaluate(f"JSON.stringify({arguments}.map(a => module.{function}(...a)), {KEEP})")
    return json.loads(said, object_hook=lambda o: float(o["number"]) if "number" in o else o)


def painted(page) -> None:
    """Wait until what was set has been drawn."""
    page.evaluate(PAINTED)
