"""The reader's Jupyter, with the settings of book/jupyter: notebooks that are saved, opened again, and exported."""

import subprocess
import sys
import urllib.request

import nbformat
import pytest

from book.jupyter import __main__ as installer
from tests.lab import book_settings, environment, jupyterlab, run_all
from tests.site import site_checks
from tools import strip

FORMULA = (
    r"Inline $x^2$, and on a line of its own: $$\operatorname{softmax}(x)_i \in \mathbb{R}$$ It costs \$5, not `$6`."
)
PROBE = "from tests.widgets.probe import Probe\nProbe(x=1.5)"
DESCENT = "from book.widgets import Descent\nDescent('bowl', title='A bowl')"


@pytest.fixture
def settings(tmp_path, monkeypatch):
    return book_settings(monkeypatch, tmp_path / "venv")


@pytest.fixture
def notebook(tmp_path):
    """The path of a small notebook, with a formula, a figure behind folded code, and another figure."""
    made = nbformat.v4.new_notebook(metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}})
    made.cells = [nbformat.v4.new_markdown_cell(FORMULA), *map(nbformat.v4.new_code_cell, (PROBE, DESCENT))]
    made.cells[1].metadata["tags"] = ["hide-input"]
    (tmp_path / "work").mkdir()
    nbformat.write(made, tmp_path / "work" / "small.ipynb")
    return tmp_path / "work" / "small.ipynb"


@pytest.fixture
def asked():
    """Paths that a page asked its own server for; `page.on("request", …)` fills it."""
    return []


def open_lab(page, lab, asked) -> None:
    address, token = lab
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{address}lab/tree/small.ipynb?token={token}")
    page.locator("#jp-main-statusbar", has_text="| Idle").wait_for()


def test_a_saved_notebook_shows_its_figures_again(notebook, settings, tmp_path, browser, asked):
    """Saved, its server and kernel stopped, opened by another server. And neither asks another host for anything."""
    screen = {"viewport": {"width": 1300, "height": 1500}}
    with jupyterlab(tmp_path, settings) as lab, site_checks.watched(browser, lab[0], **screen) as (page, said):
        open_lab(page, lab, asked)
        run_all(page, page.locator(".nw .square", has_text="2.25"))
        slider = page.get_by_role("slider", name="x", exact=True)
        slider.press("ArrowRight")
        page.locator(".nw .square", has_text="2.56").wait_for()
        page.locator(".nw").nth(1).wait_for()
        page.locator(".jp-Notebook .jp-MarkdownCell").first.click()
        page.keyboard.press("Control+s")
        page.locator(".jp-mod-dirty").wait_for(state="detached")  # the dot of an unsaved notebook
        wrong = [complaint for complaint in said if not complaint.startswith("console warning")]
    assert len(nbformat.read(notebook, as_version=4).metadata.widgets) == 1
    with jupyterlab(tmp_path, settings) as lab, site_checks.watched(browser, lab[0], **screen) as (page, said):
        open_lab(page, lab, asked)
        page.locator(".nw .square", has_text="2.56").wait_for()
        page.locator(".nw").nth(1).wait_for()
        assert not page.get_by_text("model not found").count()
        exported = urllib.request.urlopen(f"{lab[0]}nbconvert/html/small.ipynb?token={lab[1]}").read().decode()
        wrong += [complaint for complaint in said if not complaint.startswith("console warning")]
    assert asked and not [url for url in asked if "/lab/api/news" in url or "/lab/api/update" in url]
    assert "MathJax" in exported and "cdnjs.cloudflare.com" not in exported
    assert not wrong, wrong

    strip.main([str(notebook)])
    left = nbformat.read(notebook, as_version=4)
    assert left.metadata.keys() == {"kernelspec", "language_info"} and left.metadata.language_info == {"name": "python"}
    assert [cell.source for cell in left.cells] == [FORMULA, PROBE, DESCENT] and left.cells[1].metadata.tags
    assert not any(cell.outputs or cell.execution_count for cell in left.cells[1:])


def test_an_exported_notebook_works_offline(notebook, settings, tmp_path, browser):
    command = [sys.executable, "-m", "jupyter", "nbconvert", "--to", "html", "--execute", notebook.name]
    done = subprocess.run(
        command, cwd=notebook.parent, env=environment(tmp_path, settings), capture_output=True, text=True
    )
    assert not done.returncode, done.stderr
    page_file = notebook.with_suffix(".html")
    assert "cdnjs.cloudflare.com" not in page_file.read_text(encoding="utf-8")
    with site_checks.watched(browser, notebook.parent.as_uri()) as (page, complaints):
        page.goto(page_file.as_uri())
        site_checks.settle(page)
        assert page.locator("mjx-container svg").count() == 2 and not page.locator("mjx-merror").count()
        assert "It costs $5, not $6." in page.locator(".jp-MarkdownCell").inner_text()
        assert not page.get_by_text("from tests.widgets").is_visible()
        page.get_by_text("Show the code").click()
        assert page.get_by_text("from tests.widgets").is_visible()
        assert page.locator(".square").inner_text() == "2.25" and page.locator("figure.nw-mounted").count() == 2
        complaints += site_checks.widgets(page)
        assert not complaints, complaints


def test_settings_only_go_into_a_virtual_environment(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys, "prefix", sys.base_prefix)
    with pytest.raises(SystemExit, match="isn't in one. Nothing changed"):
        installer.main()
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    for _ in range(2):  # a second time brings nothing new, and breaks nothing
        installer.main()
        assert f"into {tmp_path / 'etc' / 'jupyter'}" in capsys.readouterr().out
    mine = tmp_path / "etc" / "jupyter" / "jupyter_config.py"
    mine.write_text("c.ServerApp.port = 9999\n")
    with pytest.raises(SystemExit, match="is yours, not the book's"):
        installer.main()
    assert mine.read_text() == "c.ServerApp.port = 9999\n"
