"""How the site is built: this book's configuration and extensions, in a book of two small notebooks."""

import importlib.util
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace

import nbformat
import pytest
from bs4 import BeautifulSoup
from IPython.core.inputtransformer2 import TransformerManager

from book.site import chapters, launch_links, next_word
from tests.conftest import ROOT, build
from tests.site import site_checks

RAN = "print('ran', file=open('runs', 'a'))"


def chapter(text: str, *cells: str) -> nbformat.NotebookNode:
    made = nbformat.v4.new_notebook(metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}})
    made.cells = [nbformat.v4.new_markdown_cell(text), *map(nbformat.v4.new_code_cell, cells)]
    return made


@pytest.fixture
def tree(tmp_path):
    """A book of two notebooks, with the configuration and the extensions of this one."""
    shutil.copy2(ROOT / "_config.yml", tmp_path)
    for folder in ("site", "static"):
        shutil.copytree(ROOT / "book" / folder, tmp_path / "book" / folder)
    (tmp_path / "book" / "pages").mkdir()
    shutil.copy2(ROOT / "book" / "pages" / "outline.toml", tmp_path / "book" / "pages")
    (tmp_path / "helpers").mkdir()
    (tmp_path / "helpers" / "one.py").write_text("ONE = 1\n")
    (tmp_path / "_toc.yml").write_text("format: jb-book\nroot: tiny\nchapters: [{file: second}]\n")
    nbformat.write(chapter("# Tiny\n\nText.", "1 + 1"), tmp_path / "tiny.ipynb")
    nbformat.write(chapter('# Second\n\n<a id="there"></a>Here.', RAN), tmp_path / "second.ipynb")
    return tmp_path


def built(tree: Path) -> tuple[str, str, int]:
    """What the build said, the first page as it was built, and how often the second notebook has run."""
    done = build(tree)
    assert not done.returncode, done.stdout
    page = (tree / "_build" / "html" / "tiny.html").read_text(encoding="utf-8")
    return done.stdout, page, len((tree / "runs").read_text().splitlines())


def test_a_second_build_does_what_is_needed(tree):
    said, page, runs = built(tree)
    assert (
        runs == 1
        and "Running 2 chapters" in said
        and re.search(r"chapter 2 of 2: second[^$]*Chapter second took \d+ s", said)
    )
    assert not re.search("binder|colab|fa-rocket", page, re.I)  # _config.yml names no address
    assert (tree / "_build/html/_sources/tiny.ipynb").read_bytes() == (tree / "tiny.ipynb").read_bytes()

    style = tree / "book" / "static" / "next-word.css"
    style.write_text(style.read_text(encoding="utf-8") + "main { --new: 1 }\n", encoding="utf-8")
    said, page_now, runs = built(tree)
    assert runs == 1 and "chapter" not in said
    assert "--new: 1" in (tree / "_build/html/_static/next-word.css").read_text(encoding="utf-8")
    address = re.compile(r"next-word\.css\?v=\w+")
    assert address.search(page)[0] != address.search(page_now)[0]  # or a browser keeps the old one

    (tree / "helpers" / "one.py").write_text("ONE = 1.0\n")
    assert built(tree)[2] == 2
    assert built(tree)[2] == 2


def test_a_mistake_fails_the_build_each_time(tree):
    nbformat.write(chapter("# Tiny\n\n[yes](second.ipynb#there) [no](second.ipynb#gone)", "1 / 0"), tree / "tiny.ipynb")
    for _ in range(2):
        done = build(tree)
        assert done.returncode and "ZeroDivisionError" in done.stdout, done.stdout
        assert "'gone'" in done.stdout and "'there'" not in done.stdout, done.stdout
    assert (tree / "runs").read_text() == "ran\n"  # what has worked is kept


@pytest.mark.skipif(os.name == "nt", reason="Windows has another signal for Ctrl-C")
def test_ctrl_c_stops_the_chapters(tree):
    slow = "import os, time\nopen('pid', 'w').write(str(os.getpid()))\ntime.sleep(600)"
    nbformat.write(chapter("# Second", slow), tree / "second.ipynb")
    command = [sys.executable, "-c", "from jupyter_book.cli.main import main; main()", "build", ".", "-W"]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    heeds = lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)  # noqa: E731  a shell's background jobs ignore Ctrl-C
    with subprocess.Popen(command, cwd=tree, preexec_fn=heeds, **quiet) as process:
        try:
            deadline = time.monotonic() + 60
            while not ((tree / "pid").exists() and (tree / "pid").read_text()):
                assert process.poll() is None and time.monotonic() < deadline
                time.sleep(0.1)
            process.send_signal(signal.SIGINT)
            assert process.wait(timeout=30)
        finally:
            process.kill()  # and its kernels, which look after their parent
    with pytest.raises(ProcessLookupError):
        os.kill(int((tree / "pid").read_text()), 0)


@pytest.mark.parametrize(
    ("count", "said"),
    [(1, "1 chapter. This takes about a minute on"), (11, "11 chapters. This takes about 8 minutes on")],
)
def test_a_build_says_how_long_it_takes(count, said):
    assert chapters.plan(count).startswith(f"Running {said}")


def test_a_chapter_that_measures_time_runs_alone(tmp_path):
    for name, code in (("clock", "start = time.perf_counter()"), ("other", "1 + 1")):
        nbformat.write(chapter("# A chapter", code), tmp_path / f"{name}.ipynb")
        assert chapters.Run(tmp_path / f"{name}.ipynb", timeout=60).alone == (name == "clock")


def test_reading_time_counts_words_code_figures_and_exercises():
    words = "[word](https://example.org/a/b) $x + y$ " * 539
    assert next_word.reading(chapter(f"# Tiny\n\n{words}", "a = 1", "b = 2")) == (540, 4, 0)
    book = chapter(f"# Tiny\n\n{words}", "# Make the figure.\nBigram(text)", '# Ask.\nask("a", answer=1)', "# Draw.\n1")
    for cell in book.cells[1:]:
        cell.metadata["tags"] = ["hide-input"]
    book.cells.append(nbformat.v4.new_markdown_cell("### Exercise 1.1: One\n\n<details>Not read.</details>"))
    assert next_word.reading(book) == (543, 5, 5)


# Binder and Colab


def test_with_an_address_a_chapter_opens_in_binder_and_colab(tree, browser):
    config = (tree / "_config.yml").read_text(encoding="utf-8")
    address = "https://github.com/someone/the-next-word"
    (tree / "_config.yml").write_text(config.replace('url: ""', f"url: {address}"), encoding="utf-8")
    for _ in range(2):  # the second build finds the copies as the first has left them
        _, page, _ = built(tree)
    tag, home = f"v{version('the-next-word')}", tree / "_build" / "html"
    assert [a["href"] for a in BeautifulSoup(page, "html.parser").select(".dropdown-launch-buttons a")] == [
        f"https://mybinder.org/v2/gh/someone/the-next-word/{tag}?urlpath=lab/tree/tiny.ipynb",
        "https://colab.research.google.com/github/someone/the-next-word/blob/gh-pages/_sources/tiny.ipynb",
    ]
    with site_checks.watched(browser, home.as_uri()) as (page, complaints):  # links, and no requests
        page.goto(f"{home.as_uri()}/tiny.html")
        page.locator(".dropdown-launch-buttons > button").click()
        page.locator(".dropdown-launch-buttons a:visible", has_text="Colab").hover()
        assert not complaints, complaints
    cells = nbformat.read(home / "_sources" / "tiny.ipynb", as_version=4).cells
    assert [cell.source for cell in cells[::2]] == ["# Tiny\n\nText.", "1 + 1"] and len(cells) == 3
    assert f'"the-next-word @ git+{address}@{tag}"' in cells[1].source


@pytest.mark.parametrize("there", [True, False])
def test_the_first_cell_of_a_copy_installs_only_what_is_missing(there, monkeypatch):
    source = TransformerManager().transform_cell(launch_links.FIRST_CELL.format(address="https://a/b/c", tag="v1"))
    ran = []
    shell = SimpleNamespace(run_line_magic=lambda *given: ran.append(given))
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: there or None)
    exec(source, {"get_ipython": lambda: shell})
    assert ran == ([] if there else [("pip", 'install --quiet "the-next-word @ git+https://a/b/c@v1"')])


@pytest.mark.parametrize("address", ["https://example.org/me/book", "github.com/me/book", "https://github.com/a"])
def test_an_address_that_nobody_could_open_gets_a_sentence(address, tmp_path):
    config = tmp_path / "_config.yml"
    config.write_text(f"repository: {{url: '{address}'}}")
    with pytest.raises(ValueError, match="need a repository on GitHub; got"):
        launch_links.repository(config)
