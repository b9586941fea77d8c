"""How code travels: modules with scopes of their own, each once on a page, in every home; and the house rules."""

import gzip
import json
import re
from pathlib import Path

import pytest

from book.site import next_word
from book.widgets import modules, weights
from book.widgets.modules import HERE
from tests.site import site_checks
from tests.widgets.examples import EXAMPLES
from tests.widgets.harness import site_page
from tests.widgets.probe import Probe

FILES = sorted(HERE.glob("*.js"))


@pytest.fixture
def loaded(browser, tmp_path):
    """loaded(files, name): what the page's module `name` exports; one page for all calls of a test."""
    page = browser.new_page()
    page.evaluate(modules.text(HERE / "loader.js"))

    def load(files: dict, name: str) -> dict:
        for file, text in files.items():
            (tmp_path / file).write_text(text)
        modules.text.cache_clear()
        sources = modules.sources(tmp_path / name)
        return page.evaluate("async ([s, name]) => ({ ...await nextWord.load(s, name) })", [sources, name])

    yield load
    page.close()


SHARED = """globalThis.runs = (globalThis.runs ?? 0) + 1;
const name = "shared";
export const where = () => name, runs = globalThis.runs;
"""
ONE = """import { where as inner } from "./shared.js";
const name = "1";
export const where = () => inner() + name;
"""
BOTH = """import { where as a } from "./one.js";
import {
  where as b,
} from "./two.js";
export { runs } from "./shared.js";
const name = "both";
export const all = [a(), b(), name].join();
"""


def test_modules_may_use_the_same_names_and_run_once(loaded):
    files = {"shared.js": SHARED, "one.js": ONE, "two.js": ONE.replace("1", "2"), "both.js": BOTH}
    assert loaded(files, "both.js") == {"all": "shared1,shared2,both", "runs": 1}
    assert loaded({"third.js": 'export { runs } from "./shared.js";'}, "third.js") == {"runs": 1}  # another figure
    assert loaded({"shared.js": SHARED + "// a new version of the book"}, "third.js") == {"runs": 2}


def test_comments_stay_behind(tmp_path):
    text = (
        "// one\nconst a = 1; // two\n  /**\n   * three\n   * @type {number} */\n  /** four */ const b = '// five';\n"
    )
    (tmp_path / "a.js").write_text(text)
    assert modules.sources(tmp_path / "a.js") == {"a.js": "const a = 1; // two\n  /** four */ const b = '// five';\n"}


def test_what_is_missing_is_named(browser):
    page = browser.new_page()
    page.evaluate(modules.text(HERE / "loader.js"))
    with pytest.raises(Exception, match="The module b.js is missing. Run the cell"):
        page.evaluate("""nextWord.load({ "a.js": 'import { b } from "./b.js";' }, "a.js")""")
    page.close()


def test_a_figure_brings_what_it_needs_and_no_more():
    parts = json.loads(re.search(r'json">(.*?)</script>', Probe().figure())[1])
    assert set(parts["modules"]) == {"dom.js", "formulas.js", "host.js", "probe.js", "text.js"}
    assert set(modules.sources(HERE / "predict.js")) == {"dom.js", "predict.js", "text.js"}


# The site


@pytest.fixture
def in_a_build(monkeypatch):
    monkeypatch.setenv(modules.BUILDING, "1")


def test_what_the_site_does_not_ship_comes_along(in_a_build, tmp_path):
    assert '"modules":' in Probe().figure()  # its module isn't one of the book's
    saved = EXAMPLES["predict"]().save(tmp_path / "page.html").read_text()
    assert '"modules":' in saved and "<style" in saved


def test_a_page_of_the_site_from_disk(browser, in_a_build, tmp_path):
    """All widgets on one page, two of a kind, one that brings its own code: from one script, over file://."""
    made = [EXAMPLES[name]() for name in EXAMPLES]
    widgets = [*made, Probe(x=1.5), made[0]]
    (tmp_path / "smollm2").mkdir()
    no_model = '(globalThis.nextWordParts ??= {})["manifest"] = { size: 0, check: 0, parts: 0 };'
    (tmp_path / "smollm2" / "manifest.js").write_text(no_model)
    with site_checks.watched(browser, tmp_path.as_uri()) as (page, complaints):
        figures = [widget.figure() for widget in widgets]
        page.goto(site_page(tmp_path, *figures).as_uri() + "#widget=1&temperature=0.25")
        page.wait_for_function("n => document.querySelectorAll('.nw-mounted').length === n", arg=len(widgets))
        assert page.locator(".square").inner_text() == "2.25"
        assert page.get_by_role("slider", name="temperature").first.get_attribute("aria-valuetext") == "0.25"
        assert not page.locator(".nw-problem").count() and not complaints, complaints


def test_the_site_has_the_weights_of_shipped_models_once(in_a_build, tmp_path):
    """A figure with one of them is small there; a reader's own model, and a file that stands alone, bring theirs."""
    figure, own = EXAMPLES["glass_gpt"](), EXAMPLES["glass_gpt"](precision="float16")
    [script] = [text for name, text in weights.site_files().items() if name == "next-word-poems.js"]
    data = figure.weights["data"]
    assert script.count(data) == 1 and data not in figure.figure() and '"shared":"poems"' in figure.figure()
    assert own.weights["data"] in own.figure() and data in figure.save(tmp_path / "page.html").read_text()


def test_style_sheets_keep_to_their_own_figures():
    """On a page of the site they all apply, so each selector names a class that its own file alone has."""
    classes = {path.name: set(re.findall(r"\.(nw-[\w-]+)", modules.text(path))) for path in HERE.glob("*.css")}
    for path in HERE.glob("*.css"):
        others = set().union(*(found for name, found in classes.items() if name != path.name))
        own = classes[path.name] - (classes["widget.css"] if path.name != "widget.css" else set())
        rules = re.sub(r"@\w+[^{]*\{(?=[^}]*\{)", "", modules.text(path))  # what a media query wraps
        for selector in re.findall(r"([^{}]+)\{[^{}]*\}", rules):
            if path.name != "widget.css":
                for part in re.split(r",(?![^(]*\))", selector.strip()):
                    assert set(re.findall(r"\.(nw-[\w-]+)", part)) & own, f"{path.name}: {part} is about any figure"
        assert path.name == "widget.css" or not own & others, f"{path.name} shares {own & others}"


def test_the_site_ships_every_module_and_style_once():
    *own, script, style = modules.site_files().values()
    for path in FILES:
        count = "".join([*own, script]).count(f'"{path.name}":"')
        assert count == (path.name not in modules.NOT_LOADED), path.name
    assert all(modules.text(path) in style for path in HERE.glob("*.css"))
    size = [len(gzip.compress(text.encode())) for text in own]
    assert max(size) < 40_000 and len(gzip.compress(script.encode())) < 50_000
    assert len(gzip.compress(style.encode())) < 15_000


def test_a_page_loads_the_scripts_of_its_own_figures():
    body = EXAMPLES["predict"]().figure() + EXAMPLES["descent"]().figure() * 2
    assert modules.scripts_of(body) == ["next-word-descent", "next-word-predict"]


def test_only_what_a_notebook_computes_with_makes_it_run_again(tmp_path):
    for name in (
        "helpers/a.py",
        "book/widgets/b.py",
        "book/widgets/b.js",
        "book/widgets/b.css",
        "book/exercises/c.toml",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("1")
    before = next_word.code_hash(tmp_path)
    for name, same in (("b.js", True), ("b.css", True), ("b.py", False)):
        (tmp_path / "book/widgets" / name).write_text("2")
        assert (next_word.code_hash(tmp_path) == before) is same, name


# House rules


RULED = [*FILES, *sorted(HERE.glob("*.css")), *Path(__file__).parent.glob("*.js")]


@pytest.mark.parametrize("path", RULED, ids=lambda path: path.name)
def test_a_file_keeps_the_rules(path):
    """Lines of 120 columns, types that `make check` checks, no HTML made of text, and no ids: a page has its own."""
    text = path.read_text(encoding="utf-8")
    long = [number for number, line in enumerate(text.splitlines(), 1) if len(line) > 120]
    assert not long, f"{path.name} has lines of more than 120 columns: {long}"
    assert text.startswith("// @ts-check\n") or path not in FILES
    html = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write"
    assert not re.search(html + r"""|\b[hs]\("\w+", \{[^}]*\bid:|setAttribute\("id\"|\.id = """, text)
