"""What tests share: a browser, and the built site, once for all; its build is also where every notebook is executed."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

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


def building(tree: Path, output=subprocess.PIPE) -> subprocess.Popen:
    """Begin to build the site in `tree` with the command of `make book`, importing `helpers` from there."""
    code = "from jupyter_book.cli.main import main; main()"  # `python -m jupyter_book` is not there
    return subprocess.Popen(
        [sys.executable, "-c", code, "build", ".", "-W", "--keep-going"],
        cwd=tree,
        env={**os.environ, "PYTHONPATH": str(tree), "NO_COLOR": "1"},
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        text=True,
    )


def build(tree: Path) -> subprocess.CompletedProcess:
    """Build the site in `tree`: the exit code, and all that was said."""
    with building(tree) as process:
        said, _ = process.communicate()
        return subprocess.CompletedProcess(process.args, process.returncode, said)


def pytest_collection_modifyitems(items):
    """Tests of the whole site come last: it takes minutes to build, and is built while the others run."""
    items.sort(key=lambda item: "site" in item.fixturenames)


@pytest.fixture(scope="module")
def browser():
    """A Chromium to which every other host is out of reach."""
    from playwright.sync_api import sync_playwright  # here, so that the engine's tests run without a browser

    from tests.site import site_checks
    from tools.chromium import launch

    with sync_playwright() as playwright:
        browser = launch(playwright, args=[*site_checks.ALONE])
        yield browser
        browser.close()


@pytest.fixture(scope="session", autouse=True)
def site_in_the_making(request, tmp_path_factory):
    """A build of the site, begun before the first test if one of them needs it: its folder, process, and output."""
    there = os.environ.get("NEXT_WORD_SITE") and not os.environ.get("CI")
    if there or not any("site" in item.fixturenames for item in request.session.items):
        yield None
        return
    tree = tmp_path_factory.mktemp("site")
    copy_shipped(tree)
    with open(tmp_path_factory.mktemp("said") / "build.log", "w+", encoding="utf-8") as said:
        with building(tree, said) as process:
            yield tree, process, said
            process.terminate()  # does nothing to one that has ended


@pytest.fixture(scope="session")
def site(site_in_the_making) -> Path:
    """The folder of the built HTML. NEXT_WORD_SITE names one that is there already, to save a developer's time."""
    if site_in_the_making is None:
        return Path(os.environ["NEXT_WORD_SITE"]).resolve()
    tree, process, said = site_in_the_making
    if process.wait():
        said.seek(0)
        reports = "\n".join(path.read_text() for path in sorted(tree.glob("_build/html/reports/**/*.log")))
        pytest.fail(f"The site did not build:\n{said.read()[-6000:]}\n{reports[-6000:]}", pytrace=False)
    return tree / "_build" / "html"
