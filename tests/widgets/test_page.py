"""The figures in `jupyter nbconvert --to html`. The site's own pages are opened in tests/test_site.py."""

import subprocess
import sys

import nbformat

from tests.conftest import ROOT
from tests.site import site_checks


def test_nbconvert_to_html_is_alive(browser, tmp_path):
    """Executed, with the widgets' state saved: nbconvert would prefer their views, which need another host."""
    notebook = nbformat.v4.new_notebook(metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}})
    lines = [f"import sys\nsys.path.insert(0, {str(ROOT)!r})\nfrom tests.widgets.probe import Probe\nProbe(x=1.5)"]
    lines += ["from book.widgets import Descent\nDescent('bowl', title='A bowl')"]
    notebook.cells = [nbformat.v4.new_code_cell(text) for text in lines]
    nbformat.write(notebook, tmp_path / "small.ipynb")
    command = [sys.executable, "-m", "jupyter", "nbconvert", "--to", "html", "--execute", "small.ipynb"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert not done.returncode, done.stderr
    with site_checks.watched(browser, tmp_path.as_uri()) as (page, complaints):
        page.goto((tmp_path / "small.html").as_uri(), wait_until="domcontentloaded")
        assert page.locator("figure.nw-widget").count() == 2, "is the package installed? pip install -e ."
        assert page.locator(".nw-mounted").count() == 2 and page.locator(".square").inner_text() == "2.25"
        mine = site_checks.widgets(page) + [c for c in complaints if "exception" in c and "blob:" in c]
        assert not mine, mine  # nbconvert's own page asks a content delivery network for mathematics
