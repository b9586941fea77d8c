"""What tests share: one browser, and the site, which is built before the first test if a test needs it."""

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def copy_shipped(target: Path) -> None:
    """Copy to `target` what a clone would hold: files that git tracks, and new ones that it doesn't ignore."""
    target.mkdir(parents=True, exist_ok=True)
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():  # not one that was deleted and is still tracked
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target / name)


def copy_results(source: Path, target: Path) -> None:
    """Copy the results of the chapters that were run for the site in `source`, so that `target` needn't run them."""
    for cache in source.glob("_build/.jupyter_cache-*"):
        shutil.copytree(cache, target / "_build" / cache.name, dirs_exist_ok=True)


def build(tree: Path) -> subprocess.CompletedProcess:
    """Build the site in `tree` with the command of `make book`, importing `helpers` and `book` from there."""
    code = "from jupyter_book.cli.main import main; main()"  # `python -m jupyter_book` doesn't exist
    return subprocess.run(
        [sys.executable, "-c", code, "build", ".", "-W", "--keep-going"],
        cwd=tree,
        env={**os.environ, "PYTHONPATH": str(tree), "NO_COLOR": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@pytest.fixture(scope="session")
def smollm2():
    """The real model and its tokenizer; without them and without a network, a test that needs them is skipped."""
    from helpers import pretrained
    from helpers.fetch import FetchError

    try:
        return pretrained.load("smollm2")
    except FetchError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def browser():
    """A Chromium that can't reach any other host. Each test opens contexts of its own in it."""
    from playwright.sync_api import sync_playwright  # here, so that the engine's tests run without a browser

    from tests.site import site_checks
    from tools.chromium import launch

    with sync_playwright() as playwright:
        browser = launch(playwright, args=[*site_checks.ALONE])
        yield browser
        browser.close()


def build_for_tests(tree: Path) -> dict[str, str]:
    """Build the site of this repository in `tree`: {"html": its folder}, or {"problem": what the build said}.

    The results of the chapters are shared with `make book`: only what changed runs again, except in CI.
    """
    again = "CI" not in os.environ
    copy_shipped(tree)
    if again:
        copy_results(ROOT, tree)
    done = build(tree)
    if done.returncode:
        reports = "\n".join(path.read_text() for path in sorted(tree.glob("_build/html/reports/**/*.log")))
        return {"problem": f"The site did not build:\n{done.stdout[-6000:]}\n{reports[-6000:]}"}
    if again:
        copy_results(tree, ROOT)
    return {"html": str(tree / "_build" / "html")}


@pytest.fixture(scope="session", autouse=True)
def built_first(request, tmp_path_factory) -> dict[str, str]:
    """What `build_for_tests` gives, before the first test; nothing if no test needs the site.

    With `-n 2`, the first of the two processes builds, and the other one waits for it.
    """
    if not any("site" in item.fixturenames for item in request.session.items):
        return {}
    if "PYTEST_XDIST_WORKER" not in os.environ:
        return build_for_tests(tmp_path_factory.mktemp("site"))
    shared = tmp_path_factory.getbasetemp().parent / "site"
    result, unfinished = shared / "result.json", shared / "unfinished"
    try:
        shared.mkdir()
    except FileExistsError:
        while not result.exists():
            time.sleep(0.5)
        return json.loads(result.read_text(encoding="utf-8"))
    try:
        built = build_for_tests(shared / "tree")
    except BaseException as error:
        built = {"problem": f"The site did not build: {error!r}"}
        raise
    finally:  # whatever happens, the other process must not wait forever
        unfinished.write_text(json.dumps(built), encoding="utf-8")
        unfinished.rename(result)
    return built


@pytest.fixture(scope="session")
def site(built_first) -> Path:
    """The folder of the built HTML."""
    if "problem" in built_first:
        pytest.fail(built_first["problem"], pytrace=False)
    return Path(built_first["html"])
