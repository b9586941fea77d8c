"""The house: what must hold for the repository as a whole, whatever its chapters and helpers do."""

import ast
import json
import os
import re
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from playwright.sync_api import sync_playwright
from traitlets.config import Config

from helpers import data
from tools import chromium

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


# Notebooks


def saved_results(notebook: dict) -> list[str]:
    """What a stripped notebook must not hold: outputs and execution counts."""
    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    return [f"{key} {cell[key]}" for cell in code for key in ("outputs", "execution_count") if cell[key]]


def test_notebooks_are_stripped():
    assert NOTEBOOKS
    for path in NOTEBOOKS:
        assert not saved_results(json.loads(path.read_text(encoding="utf-8"))), f"{path.name}: run `make strip`"


def test_a_notebook_with_an_output_is_found():
    cell = {"cell_type": "code", "source": "1", "outputs": [{"output_type": "stream"}], "execution_count": 3}
    assert len(saved_results({"cells": [cell]})) == 2


def parts_missing(notebook: dict) -> list[str]:
    """What the first cells of a chapter must hold, and these do not."""
    cells = notebook["cells"][:6]
    text = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")
    code = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
    wanted = {
        "a title with its number": re.search(r"\A# \d+\. \S", text),
        "a question": "?" in text,
        "**You will be able to**, with a list": re.search(r"^\*\*You will be able to\*\*\n\n- ", text, re.M),
        "**You need** …": re.search(r"^\*\*You need\*\* \S", text, re.M),
        "plots.you_are_here(…)": "plots.you_are_here(" in code,
    }
    return [part for part, there in wanted.items() if not there]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_chapter_says_where_we_are(path):
    assert not parts_missing(json.loads(path.read_text(encoding="utf-8")))


def test_a_chapter_without_its_parts_is_found():
    assert (
        len(parts_missing({"cells": [{"cell_type": "markdown", "source": ["# Cats\n", "You need **a cat**."]}]})) == 5
    )


# The arrows of the package: who may import whom

CHAIN = ["tensor", "functional", "layers", "attention"]
MAY_IMPORT = {
    **{name: set(CHAIN[:i]) for i, name in enumerate(CHAIN)},
    "gpt": set(CHAIN),
    "seq2seq": set(CHAIN),
    "training": {"tensor", "functional"},
    "checkpoints": {"tensor", "functional", "layers"},
    "models": {"gpt", "checkpoints", "tokenizers"},
    **{name: set() for name in ("tokenizers", "data", "sampling", "plots", "poems")},
    "checks": {"checks"},
    "widgets": {"widgets", "sampling", "plots"},
}
ANYTHING = {"__init__", "train_models"}  # the package's front door, and the script that makes the checkpoints


def imported(code: str, module: str) -> set[str]:
    """The helpers that the text `code` of helpers/`module`.py imports, at its top or inside a function."""
    found = set()
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            package = ["helpers", *module.split(".")][: -node.level] if node.level else []
            names = [".".join([*package, *filter(None, [node.module]), alias.name]) for alias in node.names]
        else:
            continue
        found |= {(name + ".__init__").split(".")[1] for name in names if name.split(".")[0] == "helpers"}
    return found


def test_arrows_go_one_way():
    for path in sorted((ROOT / "helpers").rglob("*.py")):
        module = ".".join(path.relative_to(ROOT / "helpers").with_suffix("").parts)
        first = module.split(".")[0]
        if first not in ANYTHING:
            assert first in MAY_IMPORT, f"helpers/{module}.py is new: say in MAY_IMPORT what it may import"
            wrong = imported(path.read_text(encoding="utf-8"), module) - MAY_IMPORT[first]
            assert not wrong, f"helpers/{module}.py must not import {sorted(wrong)}"


@pytest.mark.parametrize(
    ("module", "code", "expected"),
    [
        ("tensor", "import numpy as np\nfrom collections import abc", set()),
        ("tensor", "def f():\n    from helpers.gpt import GPT", {"gpt"}),
        ("tensor", "from .gpt import GPT", {"gpt"}),
        ("tensor", "from . import gpt, layers", {"gpt", "layers"}),
        ("tensor", "import helpers.gpt as g, os", {"gpt"}),
        ("tensor", "import helpers", {"__init__"}),
        ("widgets.merges", "from ..plots import bars\nfrom .base import Widget", {"plots", "widgets"}),
    ],
)
def test_an_import_against_the_arrows_is_found(module, code, expected):
    assert imported(code, module) == expected


# Files that go to readers

MACHINE = re.compile(r"/(?:work|root|home|Users)/[\w.-]+|/opt/wheels|file:///\w|\.pyenv")
ELSEWHERE = re.compile(  # something that a browser would fetch from another host
    r"""(?:\bsrc\s*=|\burl\(|@import|\bfrom\b|\bimport\b\(?|\bfetch\(|<link[^>]*href\s*=)\s*\\?["']?\s*(?:https?:)?//"""
    r"""|!\[[^\]]*\]\(\s*(?:https?:)?//"""
)


def shipped() -> list[Path]:
    """The files that git tracks or would track, as far as they are text; all files in a copy without git."""
    listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    done = subprocess.run(listing, cwd=ROOT, capture_output=True, text=True)
    names = done.stdout.split("\0") if done.returncode == 0 else [p.relative_to(ROOT) for p in ROOT.rglob("*")]
    text = {".py", ".md", ".ipynb", ".js", ".css", ".svg", ".html", ".yml", ".toml", ".txt", ".bib", ".cff", ""}
    paths = [ROOT / name for name in names if name and not {".venv", "_build"} & set(Path(name).parts)]
    return [path for path in paths if path.is_file() and path.suffix in text and path != Path(__file__)]


def test_no_file_knows_the_machine_it_was_written_on():
    assert len(shipped()) > 20
    for path in shipped():
        found = MACHINE.search(path.read_text(encoding="utf-8"))
        assert not found, f"{path.relative_to(ROOT)} holds {found}"


def test_no_page_or_style_or_script_asks_another_host():
    served = [path for path in shipped() if path.relative_to(ROOT).parts[0] in ("book", "notebooks", "helpers")]
    assert served
    for path in served:
        found = ELSEWHERE.search(path.read_text(encoding="utf-8"))
        assert not found, f"{path.relative_to(ROOT)} holds {found}"


@pytest.mark.parametrize(
    "text",
    [
        '<img src="https://example.org/a.png">',
        r"<script src=\"//example.org/a.js\">",
        "@import 'https://example.org/a.css';",
        "a { background: url(https://example.org/a.png) }",
        'import x from "https://example.org/x.js"',
        "![A cat](https://example.org/cat.png)",
    ],
)
def test_a_request_to_another_host_is_found(text):
    assert ELSEWHERE.search(text)


@pytest.mark.parametrize(
    "text", ['<a href="https://example.org">', 'xmlns="http://www.w3.org/2000/svg"', "[a](https://b.c)"]
)
def test_a_link_is_not_a_request(text):
    assert not ELSEWHERE.search(text)


# Requirements


def requirements(name: str) -> dict[str, Requirement]:
    lines = (line.split("#")[0].strip() for line in read(name).splitlines())
    parsed = [Requirement(line) for line in lines if line and not line.startswith("-")]
    return {canonicalize_name(requirement.name): requirement for requirement in parsed}


PINS = requirements("constraints.txt")


def test_constraints_are_exact():
    assert all(re.fullmatch(r"==[^*,]+", str(pin.specifier)) for pin in PINS.values())
    assert "torch" not in PINS


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-dev.txt"])
def test_every_requirement_has_a_pin_in_its_range(name):
    for key, requirement in requirements(name).items():
        assert key in PINS, f"{requirement} has no exact version: run `make constraints`"
        pinned = str(PINS[key].specifier).removeprefix("==")
        assert requirement.specifier.contains(pinned), f"{PINS[key]} is out of the range {requirement}"


def test_what_helpers_imports_is_declared():
    names = tomllib.loads(read("pyproject.toml"))["project"]["dependencies"]
    declared = {canonicalize_name(name) for name in names}
    assert declared <= requirements("requirements.txt").keys()
    distributions = packages_distributions()
    for path in (ROOT / "helpers").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module] if isinstance(node, ast.ImportFrom) and not node.level else []
            for top in {name.split(".")[0] for name in names} - sys.stdlib_module_names - {"helpers"}:
                given = {canonicalize_name(distribution) for distribution in distributions.get(top, [top])}
                assert given & declared, f"{path.name} imports {top}, which pyproject.toml does not name"


# Documents


def test_commands_in_the_documents_exist():
    targets = set(re.findall(r"^([a-z-]+):", read("Makefile"), re.MULTILINE))
    for name, least in (("README.md", {"lab", "book", "test"}), ("CONTRIBUTING.md", {"test", "strip", "constraints"})):
        commands = set(re.findall(r"(?:^ *|`)make ([a-z-]+)", read(name), re.MULTILINE))
        assert least <= commands <= targets, f"{name} names {sorted(commands)}, make has {sorted(targets)}"


def test_links_in_the_documents_lead_to_files():
    for path in ROOT.glob("*.md"):
        for target in re.findall(r"\]\((?!https?:|#)([^)#\s]+)", path.read_text(encoding="utf-8")):
            assert (ROOT / target).exists(), f"{path.name} links {target}"


# Publishing

ACTIONS = {"checkout": "v4", "setup-python": "v5", "upload-artifact": "v4", "download-artifact": "v4"}


def yaml_files() -> list[Path]:
    return [path for path in shipped() if path.suffix in {".yml", ".cff"}]


def steps(workflow: str) -> list[dict]:
    """The steps of all jobs of a workflow."""
    jobs = yaml.safe_load(read(f".github/workflows/{workflow}.yml"))["jobs"].values()
    return [step for job in jobs for step in job["steps"]]


def test_every_yaml_file_can_be_read():
    names = {path.name for path in yaml_files()}
    assert names >= {"_config.yml", "_toc.yml", "CITATION.cff", "test.yml", "publish.yml", "mistake.yml", "config.yml"}
    for path in yaml_files():
        assert isinstance(yaml.safe_load(path.read_text(encoding="utf-8")), dict), path


def test_workflows_run_the_commands_of_make():
    targets = set(re.findall(r"^([a-z-]+):", read("Makefile"), re.MULTILINE))
    made = {}
    for path in (ROOT / ".github" / "workflows").glob("*.yml"):
        workflow = yaml.safe_load(path.read_text(encoding="utf-8"))
        assert workflow["permissions"] == {"contents": "read"}, path.name
        assert all(job["timeout-minutes"] <= 60 for job in workflow["jobs"].values()), path.name
        said = [step["run"] for step in steps(path.stem) if "run" in step]
        made[path.stem] = {target for run in said for target in re.findall(r"^make ([a-z-]+)$", run, re.M)}
        for used in (step["uses"] for step in steps(path.stem) if "uses" in step):
            name, major = re.fullmatch(r"actions/([a-z-]+)@(v\d+)", used).groups()
            assert ACTIONS[name] == major, used
    assert made == {"test": {"test"}, "publish": {"book"}} and {"test", "book"} <= targets


def test_every_supported_python_is_tested():
    matrix = yaml.safe_load(read(".github/workflows/test.yml"))["jobs"]["test"]["strategy"]["matrix"]["python-version"]
    assert matrix == ["3.11", "3.12", "3.13"] and "Python 3.11, 3.12, and 3.13" in read("CONTRIBUTING.md")
    assert read(".binder/runtime.txt").strip().removeprefix("python-") in matrix


def test_only_a_tag_publishes():
    workflow = yaml.safe_load(read(".github/workflows/publish.yml"))
    assert workflow[True] == {"push": {"tags": ["v*"]}}  # YAML reads the key `on` as true
    assert workflow["jobs"]["deploy"]["permissions"] == {"contents": "write"}
    assert "permissions" not in workflow["jobs"]["build"]


def test_the_issue_form_asks_where_and_what():
    for path in (ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml"):
        if path.name != "config.yml":
            form = yaml.safe_load(path.read_text(encoding="utf-8"))
            assert {"name", "description", "body"} <= form.keys()
            ids = [part["id"] for part in form["body"]]
            assert len(set(ids)) == len(ids) and all(part["attributes"]["label"] for part in form["body"])
    form = yaml.safe_load(read(".github/ISSUE_TEMPLATE/mistake.yml"))
    assert [part["id"] for part in form["body"]] == ["where", "home", "expected", "seen", "versions"]
    asked = next(part for part in form["body"] if part["id"] == "versions")["attributes"]["description"]
    code = re.search(r'python -c "(.+?)"`', asked)[1]
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert re.match(r"book \d+\.\d+\.\d+ Python 3\.", done.stdout), done.stderr


def test_binder_installs_what_a_reader_gets():
    lines = [line for line in read(".binder/requirements.txt").splitlines() if not line.startswith("#")]
    assert lines == ["-r ../requirements.txt", "-c ../constraints.txt"]


def test_the_hub_gives_each_student_a_copy_and_keeps_what_is_there(tmp_path, monkeypatch):
    config, home, tree = Config(), tmp_path / "home", tmp_path / "the book"
    (tree / "notebooks").mkdir(parents=True)
    (tree / "book").mkdir()
    (tree / "notebooks" / "01.ipynb").write_text("as it came")
    exec(read("tools/jupyterhub_config.py"), {"get_config": lambda: config, "__file__": tree / "book" / "config.py"})
    home.mkdir()
    for text in ("as it came", "changed"):
        done = subprocess.run(
            [*config.Spawner.cmd[:-1], "echo", "--port=1"],
            env={**os.environ, "HOME": str(home)},
            capture_output=True,
            text=True,
        )
        mine = home / "the-next-word" / "notebooks" / "01.ipynb"
        assert done.stdout == "--port=1\n" and mine.read_text() == text, done.stderr
        mine.write_text("changed")
    assert config.Spawner.environment["NEXT_WORD_CACHE"] in read("book/pages/class.md")
    monkeypatch.setenv("NEXT_WORD_CACHE", str(tmp_path / "cache"))
    assert data.cache_folder() == tmp_path / "cache"


def test_one_version_everywhere():
    version = tomllib.loads(read("pyproject.toml"))["project"]["version"]
    citation = yaml.safe_load(read("CITATION.cff"))
    assert {"cff-version", "message", "title", "authors", "version", "license"} <= citation.keys()
    assert citation["version"] == version
    assert f"## [{version}]" in read("CHANGELOG.md")


def test_ruff_is_content():
    command = [sys.executable, "-m", "ruff", "check", "--quiet", "--output-format=concise", "."]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


# Make


@pytest.mark.skipif(Path(sys.prefix) != ROOT / ".venv", reason="only where make made the environment")
def test_a_second_run_has_nothing_to_set_up():
    done = subprocess.run(["make", "--question", ".venv/dev.done"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, "make would install again; `make test` does so"


# The browser


@pytest.fixture
def no_browser(monkeypatch, tmp_path):
    """A machine without any Chromium: nothing on the PATH, no apps, nothing downloaded by Playwright."""
    monkeypatch.delenv("CHROMIUM", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("PLAYWRIGHT_BROWSERS_PATH", str(tmp_path / "browsers"))
    monkeypatch.setattr(chromium, "APPS", ())
    return tmp_path


def program(path: Path, code: int = 0) -> Path:
    """A program that ends with the exit code `code`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\nexit {code}\n")
    path.chmod(0o755)
    return path


def test_chromium_starts():
    with sync_playwright() as playwright:
        browser = chromium.launch(playwright)
        page = browser.new_page()
        page.set_content("<title>cat</title>")
        assert page.title() == "cat"
        browser.close()


def test_a_chromium_that_is_named_comes_first(no_browser, monkeypatch):
    monkeypatch.setenv("CHROMIUM", str(program(no_browser / "mine")))
    assert chromium.find_chromium() == str(no_browser / "mine")
    monkeypatch.setenv("CHROMIUM", str(no_browser / "missing"))
    with pytest.raises(chromium.ChromiumNotFound, match="is not a program"):
        chromium.install_chromium()


def test_a_stub_that_does_not_run_is_passed_over(no_browser):
    program(no_browser / "chromium", code=1)
    program(no_browser / "google-chrome")
    assert chromium.find_chromium() == str(no_browser / "google-chrome")


def test_playwrights_download_is_found(no_browser):
    path = chromium._playwright_path()
    assert path.startswith(str(no_browser))
    program(Path(path))
    assert chromium.find_chromium() == path


def test_without_a_chromium_the_advice_is_given(no_browser, monkeypatch):
    with pytest.raises(chromium.ChromiumNotFound, match="set the variable CHROMIUM"):
        chromium.find_chromium()
    fails = [sys.executable, "-c", "raise SystemExit('no network')"]
    monkeypatch.setattr(chromium, "_installers", lambda: [("a download", [fails])])
    with pytest.raises(chromium.ChromiumNotFound, match="(?s)set the variable CHROMIUM.*a download said: no network"):
        chromium.install_chromium()


def test_an_installed_chromium_is_found_afterwards(no_browser, monkeypatch):
    copy = f"import shutil; shutil.copy({str(program(no_browser / 'source'))!r}, {str(no_browser / 'chromium')!r})"
    monkeypatch.setattr(chromium, "_installers", lambda: [("a copy", [[sys.executable, "-c", copy]])])
    assert chromium.install_chromium() == str(no_browser / "chromium")
