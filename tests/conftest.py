"""What tests share: a browser, and the built site, once for all; its build is also where every notebook is executed."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

from tests.browser import site_checks
from tests.browser.chromium import launch

ROOT = Path(__file__).resolve().parent.parent


def copy_shipped(target: Path) -> None:
    """Copy to `target` what a clone would hold: files that git tracks, and new ones that it does not ignore."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():  # not one that was deleted and is still tracked
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target / name)


def build(tree: Path) -> subprocess.CompletedProcess:
    """Build the site in `tree` with the command of `make book`, importing `helpers` from there."""
    code = "from jupyter_book.cli.main import main; main()"  # `python -m jupyter_book` is not there
    command = [sys.executable, "-c", code, "build", ".", "-W", "--keep-going"]
    env = {**os.environ, "PYTHONPATH": str(tree), "NO_COLOR": "1"}
    return subprocess.run(
        command,
        cwd=tree,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@pytest.fixture(scope="module")
def browser():
    """A Chromium to which every other host is out of reach."""
    with sync_playwright() as playwright:
        browser = launch(playwright, args=[*site_checks.ALONE])
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def site(tmp_path_factory) -> Path:
    """The folder of the built HTML. NEXT_WORD_SITE names one that is there already, to save a developer's time."""
    if (there := os.environ.get("NEXT_WORD_SITE")) and not os.environ.get("CI"):
        return Path(there).resolve()
    tree = tmp_path_factory.mktemp("site")
    copy_shipped(tree)
    done = build(tree)
    if done.returncode:
        reports = "\n".join(path.read_text() for path in sorted(tree.glob("_build/html/reports/**/*.log")))
        pytest.fail(f"The site did not build:\n{done.stdout[-6000:]}\n{reports[-6000:]}", pytrace=False)
    return tree / "_build" / "html"
