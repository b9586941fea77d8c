"""The house: what must hold for the repository as a whole, whatever its chapters and helpers do."""

import ast
import graphlib
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
from traitlets.config import Config

from tests.conftest import ROOT, copy_shipped
from tools import chromium

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


# Notebooks


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_stripped(path):
    notebook = json.loads(path.read_text(encoding="utf-8"))
    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    saved = "widgets" in notebook["metadata"] or any(cell["outputs"] or cell["execution_count"] for cell in code)
    assert not saved, f"{path.name} holds results. Run: make strip"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_chapter_says_where_we_are(path):
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"][:6]
    text = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")
    code = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
    wanted = {
        "a title with its number": re.search(r"\A# \d+\. \S", text),
        "a question": "?" in text,
        "what you'll be able to do": re.search(
            r"^\*\*You will be able to\*\*\n\n- |^<summary>What you'll be able to do, and what you need</summary>$",
            text,
            re.M,
        ),
        "**You need** …": re.search(r"^\*\*You need\*\* \S", text, re.M),
        "the model, with this chapter's part": re.search(r"\b(opening|plots\.you_are_here)\(", code),
    }
    assert not [part for part, there in wanted.items() if not there]


# The packages


def imports(path: Path) -> set[str]:
    """The modules that a file imports, at its top or inside a function, such as helpers.tensor or numpy."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            package = path.relative_to(ROOT).parts[: -node.level] if node.level else ()
            found |= {".".join([*package, *filter(None, [node.module]), alias.name]) for alias in node.names}
    return found


def test_imports_go_one_way():
    """`book` may import `helpers`, never the reverse, and no two files of `helpers` need each other."""
    files = {path.stem: imports(path) for path in (ROOT / "helpers").glob("[!_]*.py")}
    wrong = {name: [m for m in found if m.split(".")[0] in ("book", "tests", "tools")] for name, found in files.items()}
    assert files and not any(wrong.values()), wrong
    arrows = {name: {m.split(".")[1] for m in found if m.startswith("helpers.")} for name, found in files.items()}
    graphlib.TopologicalSorter(arrows).prepare()  # raises CycleError


def test_what_the_packages_import_is_declared():
    project = tomllib.loads(read("pyproject.toml"))["project"]
    declared = {name: {canonicalize_name(Requirement(line).name) for line in lines} for name, lines in [
        ("helpers", project["dependencies"]),
        ("book", project["dependencies"] + project["optional-dependencies"]["book"]),
    ]}  # fmt: skip
    brought = {"docutils", "jupyter-cache", "myst-nb", "nbclient", "nbformat", "pyyaml", "sphinx"}  # by jupyter-book
    distributions = packages_distributions()
    for package, names in declared.items():
        for path in (ROOT / package).rglob("*.py"):
            for top in {name.split(".")[0] for name in imports(path)} - sys.stdlib_module_names - {"helpers", "book"}:
                given = {canonicalize_name(distribution) for distribution in distributions.get(top, [top])}
                allowed = names | brought if path.parent.name == "site" else names
                assert given & allowed, f"{path.name} imports {top}, which pyproject.toml doesn't name"


@pytest.fixture(scope="module")
def installed(tmp_path_factory) -> Path:
    """A folder into which pip has installed the packages, without what they need."""
    source, target = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("installed")
    copy_shipped(source)
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(target), str(source)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert not done.returncode, done.stderr
    return target


def test_an_install_brings_every_file_that_the_packages_read(installed):
    read_by_code = {".py", ".js", ".css", ".toml", ".safetensors"}
    files = [path.relative_to(ROOT) for name in ("helpers", "book") for path in (ROOT / name).rglob("*.*")]
    files = [path for path in files if path.suffix in read_by_code or path.parts[:2] == ("book", "jupyter")]
    files = [path for path in files if path.suffix != ".pyc" and path.parts[:2] != ("book", "pages")]
    files += [path.relative_to(ROOT) for path in (ROOT / "notebooks").glob("*.toml")]
    assert files and not [str(path) for path in files if not (installed / path).exists()]


@pytest.mark.parametrize("kind", ["as this environment has it", "as pip installs it"])
def test_an_empty_folder_does_not_shadow_a_package(kind, installed, tmp_path):
    """Colab or a course may have a folder named helpers where the notebook is."""
    for name in ("helpers", "book"):
        (tmp_path / name).mkdir()
    code = "from importlib.util import find_spec as f; print(f('helpers').origin, f('book').origin)"
    if kind == "as pip installs it":
        code = f"import sys; sys.path.append({str(installed)!r}); {code}"
        options = ["-S"]  # without the packages of this environment
    else:
        options = []
    clean = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    command = [sys.executable, *options, "-c", code]
    done = subprocess.run(command, cwd=tmp_path, env=clean, capture_output=True, text=True)
    assert [Path(origin).name for origin in done.stdout.split()] == ["__init__.py"] * 2, done.stderr


# Files that go to readers

MACHINE = re.compile(r"/(?:work|root|home|Users)/[\w.-]+|/opt/wheels|file:///\w|\.pyenv")
ELSEWHERE = re.compile(  # something that a browser would fetch from another host
    r"""(?:\bsrc\s*=|\burl\(|@import|\bfrom\b|\bimport\b\(?|\bfetch\(|<link[^>]*href\s*=)\s*\\?["']?\s*(?:https?:)?//"""
    r"""|!\[[^\]]*\]\(\s*(?:https?:)?//"""
)


def shipped() -> list[Path]:
    """The text files that git tracks or would track."""
    listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    done = subprocess.run(listing, cwd=ROOT, capture_output=True, text=True, check=True)
    text = {".py", ".md", ".ipynb", ".js", ".css", ".svg", ".html", ".j2", ".json", ".yml", ".toml", ".txt", ".bib"}
    paths = [ROOT / name for name in filter(None, done.stdout.split("\0"))]
    return [path for path in paths if path.is_file() and path.suffix in {*text, ".cff", ""} and path != Path(__file__)]


def test_no_file_knows_the_machine_it_was_written_on():
    for path in shipped():
        found = MACHINE.search(path.read_text(encoding="utf-8"))
        assert not found, f"{path.relative_to(ROOT)} holds {found}"


def test_no_page_or_style_or_script_asks_another_host():
    for path in shipped():
        if path.relative_to(ROOT).parts[0] in ("book", "notebooks", "helpers"):
            found = ELSEWHERE.search(path.read_text(encoding="utf-8"))
            assert not found, f"{path.relative_to(ROOT)} holds {found}"


@pytest.mark.parametrize(
    ("text", "asks"),
    [
        ('<img src="https://example.org/a.png">', True),
        (r"<script src=\"//example.org/a.js\">", True),
        ("@import 'https://example.org/a.css';", True),
        ("a { background: url(https://example.org/a.png) }", True),
        ('import x from "https://example.org/x.js"', True),
        ("![A cat](https://example.org/cat.png)", True),
        ('<a href="https://example.org">', False),
        ('xmlns="http://www.w3.org/2000/svg"', False),
        ("[a](https://b.c)", False),
    ],
)
def test_a_request_to_another_host_is_told_from_a_link(text, asks):
    assert bool(ELSEWHERE.search(text)) == asks


# Requirements


def test_every_requirement_has_one_exact_version_in_its_range():
    lines = [line for line in read("constraints.txt").splitlines() if line and not line.startswith("#")]
    pins: dict[str, list[str]] = {}
    for pin in map(Requirement, lines):
        [version] = re.findall(r"^==([^*,]+)$", str(pin.specifier))
        pins.setdefault(canonicalize_name(pin.name), []).append(version)
    project = tomllib.loads(read("pyproject.toml"))["project"]
    extras = project["optional-dependencies"]
    for requirement in map(Requirement, [*project["dependencies"], *extras["book"], *extras["test"]]):
        versions = pins.get(canonicalize_name(requirement.name), [])
        assert versions and all(map(requirement.specifier.contains, versions)), f"{requirement}: run `make constraints`"


# Documents


def test_commands_in_documents_and_workflows_exist():
    targets = set(re.findall(r"^([a-z-]+):", read("Makefile"), re.MULTILINE))
    workflows = [path.relative_to(ROOT) for path in (ROOT / ".github" / "workflows").glob("*.yml")]
    for name in ("README.md", "CONTRIBUTING.md", *workflows):
        commands = set(re.findall(r"(?:^ *|`|run: )make ([a-z-]+)", read(name), re.MULTILINE))
        assert commands and commands <= targets, (
            f"{name} names {sorted(commands - targets)}; make has {sorted(targets)}"
        )


def test_links_in_the_documents_lead_to_files():
    for path in ROOT.glob("*.md"):
        for target in re.findall(r"\]\((?!https?:|#)([^)#\s]+)", path.read_text(encoding="utf-8")):
            assert (ROOT / target).exists(), f"{path.name} links {target}"


# Publishing


def test_every_yaml_file_can_be_read():
    for path in shipped():
        if path.suffix in {".yml", ".cff"}:
            assert isinstance(yaml.safe_load(path.read_text(encoding="utf-8")), dict), path


def test_the_command_in_the_issue_form_works():
    form = yaml.safe_load(read(".github/ISSUE_TEMPLATE/mistake.yml"))
    [asked] = [part["attributes"]["description"] for part in form["body"] if part.get("id") == "versions"]
    code = re.search(r'python -c "(.+?)"`', asked)[1]
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert re.match(r"book \d+\.\d+\.\d+ Python 3\.", done.stdout), done.stderr


def test_the_hub_gives_each_student_a_copy_and_keeps_what_is_there(tmp_path):
    config, home, tree = Config(), tmp_path / "home", tmp_path / "the book"
    for name in ("notebooks", "book/pages", "book/static", "book/widgets", "tools"):
        (tree / name).mkdir(parents=True)
        (tree / name / "file").write_text("as it came")
    exec(read("tools/jupyterhub_config.py"), {"get_config": lambda: config, "__file__": tree / "tools" / "config.py"})
    home.mkdir()
    mine = home / "the-next-word"
    for text in ("as it came", "changed"):
        done = subprocess.run(
            [*config.Spawner.cmd[:-1], "echo", "--port=1"],
            env={**os.environ, "HOME": str(home)},
            capture_output=True,
            text=True,
        )
        assert done.stdout == "--port=1\n" and (mine / "notebooks" / "file").read_text() == text, done.stderr
        (mine / "notebooks" / "file").write_text("changed")
    assert (mine / "book" / "pages" / "file").exists() and (mine / "book" / "static" / "file").exists()
    assert not (mine / "book" / "widgets").exists()  # code comes from the installed package
    assert config.Spawner.environment["NEXT_WORD_CACHE"] in read("book/pages/class.md")


def test_one_version_everywhere():
    version = tomllib.loads(read("pyproject.toml"))["project"]["version"]
    assert yaml.safe_load(read("CITATION.cff"))["version"] == version
    assert f"## [{version}]" in read("CHANGELOG.md")


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
