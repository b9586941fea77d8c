"""The site: opened page by page in a browser, from disk and over http, with every other host out of reach."""

import gzip
import importlib.util
import os
import re
import shutil
from collections import Counter
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import unquote, urlsplit

import nbformat
import pytest
import yaml
from bs4 import BeautifulSoup
from IPython.core.inputtransformer2 import TransformerManager

from book import widgets
from book.site import launch_links, next_word
from tests.conftest import ROOT, build
from tests.site import site_checks
from tests.widgets import examples, harness
from tests.widgets.probe import Probe
from tools import bibliography, outline

TOC = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
CHAPTERS = [chapter["file"] for part in TOC["parts"] for chapter in part["chapters"]]
PAGES = ["index", TOC["root"], *CHAPTERS, "search"]


@pytest.fixture(scope="module", params=["file", "http"])
def home(request, site):
    if request.param == "file":
        yield site.as_uri() + "/"
    else:
        with site_checks.served(site) as address:
            yield address


# Every page


@pytest.mark.parametrize("page_name", PAGES)
def test_page_is_whole(page_name, home, browser):
    with site_checks.watched(browser, home, viewport={"width": 1280, "height": 800}) as (page, complaints):
        page.goto(f"{home}{page_name}.html")
        page.wait_for_selector("main")  # index.html forwards to the cover
        site_checks.settle(page)
        complaints += site_checks.mathematics(page) + site_checks.pictures(page) + site_checks.widgets(page)
        complaints += site_checks.width(page, 1280) + site_checks.width(page, 360)
        assert not complaints, "\n".join(complaints)


@pytest.mark.parametrize("page_name", PAGES)
def test_page_is_accessible(page_name, site, browser):
    screens = [("dark", 360), ("light", 1280), ("dark", 1280)]  # the theme is late to see what begins to scroll
    if page_name.startswith("notebooks/"):
        screens.pop()  # a long page takes seconds, and each mode and each width has been there
    phone = {"width": 360, "height": 740}
    with (
        site_checks.served(site) as home,
        site_checks.watched(browser, home, viewport=phone) as (page, complaints),
    ):
        page.goto(f"{home}{page_name}.html")
        page.wait_for_selector("main")
        site_checks.settle(page)
        page.wait_for_function(site_checks.MOUNTED)
        for mode, width in screens:
            page.set_viewport_size({"width": width, "height": 740})
            page.emulate_media(color_scheme=mode)
            page.wait_for_function("mode => document.documentElement.dataset.theme === mode", arg=mode)
            page.evaluate("document.getAnimations().forEach(fade => fade.finish())")  # no color is half-way
            complaints += [f"{mode}, {width} px: {complaint}" for complaint in site_checks.accessibility(page)]
        assert not complaints, "\n".join(complaints)


def test_dark_mode(home, browser):
    with site_checks.watched(browser, home) as (page, complaints):
        page.goto(f"{home}{TOC['root']}.html")
        shade = {}
        for _ in range(3):
            mode = page.evaluate("document.documentElement.dataset.mode")
            rgb = page.evaluate("getComputedStyle(document.body).backgroundColor")
            shade[mode] = sum(map(float, re.findall(r"[\d.]+", rgb)[:3])) / (3 * 255)
            page.locator(".theme-switch-button:visible").first.click()
        assert shade["light"] > 0.9 and shade["dark"] < 0.15, shade
        assert not complaints, complaints


@pytest.mark.parametrize("word, page_name", [("softmax", "notebooks/03_softmax"), ("perplexity", "book/glossary")])
def test_search_finds(word, page_name, home, browser):
    with site_checks.watched(browser, home) as (page, complaints):
        page.goto(f"{home}{TOC['root']}.html")
        page.locator(".search-button__button:visible").first.click()
        page.locator("#pst-search-dialog input[type=search]").fill(word)
        page.keyboard.press("Enter")
        page.wait_for_selector(f'#search-results a[href*="{page_name}.html"]')
        page.wait_for_selector("#search-results .search-summary:has-text('found')")  # it has finished
        assert not complaints, complaints


def test_menu_on_a_phone(home, browser):
    with site_checks.watched(browser, home, viewport={"width": 360, "height": 740}) as (page, complaints):
        page.goto(f"{home}{TOC['root']}.html")
        page.locator(".primary-toggle:visible").first.click()
        page.locator("#pst-primary-sidebar-modal a:visible", has_text="How to read").click()
        page.wait_for_url("**/how-to-read.html")
        assert not complaints, complaints


def test_what_is_wider_than_a_phone_scrolls_by_keys(site, browser):
    with site_checks.watched(browser, site.as_uri(), viewport={"width": 360, "height": 740}) as (page, complaints):
        page.goto(f"{site.as_uri()}/notebooks/03_softmax.html")
        site_checks.settle(page)
        for kind in ("figure.nw-figure", "div.math"):
            box = page.locator(f'{kind}[tabindex="0"][aria-label]').first
            box.focus()
            box.press("ArrowRight")
            page.wait_for_function("box => box.scrollLeft > 0", arg=box.element_handle())
        page.set_viewport_size({"width": 1280, "height": 740})
        page.wait_for_function("!document.querySelector('article :is(.nw-figure, .math)[tabindex]')")
        assert not complaints, complaints


def test_the_branches_of_a_text_fit_a_phone(site, browser):
    """The site has rules of its own for tables, and a long text must not push the numbers out of sight."""
    with site_checks.watched(browser, site.as_uri(), viewport={"width": 360, "height": 740}) as (page, complaints):
        page.goto(f"{site.as_uri()}/book/pages/intro.html")
        page.locator(".nw-play-run").click()
        page.wait_for_function("document.querySelector('.nw-play-branches bdi')?.textContent.length > 40")
        box = page.locator(".nw-play-scroll")
        assert box.evaluate("box => box.scrollWidth - box.clientWidth") == 0
        assert box.locator("tbody td").first.bounding_box()["width"] > 30  # the drawing
        assert not complaints, complaints


def test_keys_alone_get_through_a_chapter(site, browser):
    """From the top to the next chapter: every control is reached, questions take guesses, folds open, sliders move."""
    keys = {"summary": "Enter", "range": "ArrowLeft"}
    keys |= {f"{kind} of a question": key for kind, key in (("radio", "Space"), ("number", "5"), ("commit", "Enter"))}
    kinds, still = Counter(), Counter()
    with site_checks.watched(browser, site.as_uri(), viewport={"width": 1280, "height": 800}) as (page, complaints):
        page.goto(f"{site.as_uri()}/notebooks/07_sampling.html")
        site_checks.settle(page)
        page.wait_for_function(site_checks.MOUNTED)
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")  # "Skip to main content"
        for _ in range(1000):
            page.keyboard.press("Tab")
            before = page.evaluate(site_checks.FOCUSED)
            kinds[before["kind"]] += 1
            if before["rel"] == "next":
                break
            if key := keys.get(before["kind"]):
                page.keyboard.press(key)
                page.evaluate(site_checks.PAINTED)
                still[before["kind"]] += page.evaluate(site_checks.FOCUSED) == before
        assert not page.evaluate(site_checks.UNREACHED)
        assert kinds.keys() >= {*keys, "a", "button", "checkbox", "number", "select", "textarea"}, kinds
        assert still.pop("range") < kinds["range"] / 2 and not any(still.values()), still  # some are at their left ends
        assert not page.locator(".nw-cover, article details:not([open]) > summary:visible").count()
        page.keyboard.press("Enter")
        page.wait_for_url("**/08_writing.html")
        assert not complaints, complaints


# Widgets


@pytest.fixture(scope="module")
def soups(site) -> dict[str, BeautifulSoup]:
    """The cover and the chapters as they lie on the disk."""
    return {
        name: BeautifulSoup((site / f"{name}.html").read_text(encoding="utf-8"), "html.parser")
        for name in (TOC["root"], *CHAPTERS)
    }


def test_every_widget_has_its_place(soups):
    there = {figure["data-widget"] for soup in soups.values() for figure in soup.select("figure.nw-widget")}
    assert there >= {name for name in widgets.__all__ if name[0].isupper()}


@pytest.mark.parametrize("page_name", [TOC["root"], *CHAPTERS])
def test_widgets_are_light(page_name, soups):
    """All that the widgets of a page add to it, gzipped as a server sends it, and no second copy of their state.

    A model is a thing of its own: its weights may be three times as heavy, and come once a page.
    """
    figures = "".join(str(figure) for figure in soups[page_name].select("figure.nw-widget"))
    weights = re.findall(r'"precision":"\w+","tensors":.*?"data":"([^"]*)"', figures)
    assert len(weights) <= 1 and len(gzip.compress("".join(weights).encode())) <= 1_000_000
    assert len(gzip.compress(figures.replace(*weights, "").encode() if weights else figures.encode())) <= 350_000
    assert "vnd.jupyter.widget" not in str(soups[page_name])


def test_the_models_are_where_they_should_be(soups):
    there = {name for name, soup in soups.items() if soup.select('figure[data-widget="Playground"]')}
    assert there == {TOC["root"], "notebooks/07_sampling", "notebooks/08_writing"}


def test_what_figures_share_is_written_once(browser):
    """A page's figures of one kind, far apart: each is alive, each later one is light."""
    far = "".join(f"<!-- {os.urandom(20_000).hex()} -->" for _ in range(2))  # farther than gzip remembers
    questions, probe = [examples.predict(cover=False).figure() for _ in range(5)], Probe(x=1.5).figure()
    page_of = [lambda figures: next_word.write_once(far.join(figures)), lambda figures: far.join(figures)]
    once, twice = (make([*questions, probe]) for make in page_of)
    assert once.count('"module":') == 2 < twice.count('"module":') and once.count("<style>") == 2
    assert next_word.write_once(probe) == probe and next_word.write_once(once) == once
    alone, all_of_them = (len(gzip.compress(page.encode())) for page in (page_of[0]([questions[0], probe]), once))
    assert (all_of_them - alone) / 4 - len(gzip.compress(far.encode())) < 3_500
    with harness.mounted(browser, *once.split(far)) as (page, complaints):
        assert page.locator(".square").inner_text() == "2.25" and not complaints, complaints


@pytest.mark.parametrize("page_name", [TOC["root"], *CHAPTERS])
def test_without_scripts_the_stills_stand(page_name, soups, site, browser):
    count = len(soups[page_name].select("figure.nw-widget"))
    with site_checks.watched(browser, site.as_uri(), java_script_enabled=False) as (page, complaints):
        page.goto(f"{site.as_uri()}/{page_name}.html")
        stills = page.locator("figure.nw-widget > .nw-still > :is(svg, .nw-ask):visible")
        assert stills.count() == count
        for i in range(count):  # a picture says what it shows; a text is what it says
            words = stills.nth(i).get_attribute("aria-label") or stills.nth(i).inner_text()
            assert len(words.split()) > 5
        assert not complaints, complaints


@pytest.mark.parametrize("page_name", [name for name in CHAPTERS if name.startswith("notebooks/")])
def test_a_chapter_shows_its_times_its_place_and_the_way_on(page_name, soups):
    soup = soups[page_name]
    times = soup.select_one("h1 + p.nw-times").text
    assert re.fullmatch(r"Reading: about \d+ minutes? \([\d,]+ words\)\. Running: \d+ s on the machine .*", times)
    assert soup.select("article .nw-strip li[aria-current=true]")
    ways = soup.select("article .nw-way > a")
    assert [a["rel"] for a in ways] == [["prev"], ["next"]] and all(a.span.text.endswith(".") for a in ways)


# Links


def broken_links(folder: Path) -> list[str]:
    """Links and sources in the HTML files below `folder` that lead to no file or to no anchor there."""
    soups = {path: BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser") for path in folder.rglob("*.html")}
    soups = {path: soup for path, soup in soups.items() if "_static" not in path.parts}
    anchors = {path: {tag["id"] for tag in soup.find_all(id=True)} for path, soup in soups.items()}
    broken = []
    for path, soup in soups.items():
        for tag in soup.find_all(lambda tag: tag.has_attr("href") or tag.has_attr("src")):
            address = urlsplit(tag.get("href") or tag.get("src") or "")
            if address.scheme or address.netloc:
                continue
            target = (path.parent / unquote(address.path)).resolve() if address.path else path
            fragment = unquote(address.fragment)
            if not target.is_file() or (fragment and target in anchors and fragment not in anchors[target]):
                broken.append(f"{path.relative_to(folder)}: {address.geturl()}")
    return broken


def test_every_link_leads_somewhere(site):
    assert not broken_links(site), "\n".join(broken_links(site))


# The checks can fail

DEAD = (
    '<figure class="nw-widget nw-mounted"><div class="nw-live"><div class="nw" aria-label="dead"><input type="range">'
    "</div></div></figure>"
)


@pytest.mark.parametrize(
    "html, complaint",
    [
        ('<img src="https://example.org/a.png" alt="a bar chart of words">', "asks another host"),
        ('<script src="//example.org/a.js"></script>', "another host|missing"),
        ("<script>fetch('https://example.org/data')</script>", "asks another host"),
        ("<script>console.error('oh')</script>", "console error: oh"),
        ("<script>nothing()</script>", "exception"),
        ('<img src="gone.png" alt="a bar chart of words">', "missing|404"),
        ('<img src="data:," alt="a.png">', "alt text"),
        ('<figure class="nw-figure"><svg></svg></figure>', "without a label"),
        ('<span class="math">\\(x\\)</span>', "0 rendered"),
        ('<figure class="nw-widget"><div class="nw-live"><p class="nw-problem">no</p></div></figure>', "widget: no"),
        (DEAD, "does not move: dead"),
        ("<mjx-merror>\\frac</mjx-merror>", "formula"),
        ('<div style="width: 500px">wide</div>', "too wide"),
    ],
)
def test_a_bad_page_is_caught(html, complaint, tmp_path, browser):
    (tmp_path / "bad.html").write_text(f"<main><article>{html}</article></main>")
    with site_checks.served(tmp_path) as home, site_checks.watched(browser, home) as (page, complaints):
        page.goto(home + "bad.html")
        page.wait_for_load_state("networkidle")
        complaints += site_checks.mathematics(page) + site_checks.pictures(page) + site_checks.widgets(page)
        complaints += site_checks.width(page, 360)
        assert re.search(complaint, "\n".join(complaints)), complaints


@pytest.mark.parametrize(
    "html, complaint",
    [
        ('<p style="color: #bbb; background: #fff">pale</p>', "serious: color-contrast"),
        ("<button></button>", "critical: button-name"),
        ('<div style="width: 9em; overflow: auto"><svg width="999"></svg></div>', "serious: scrollable-region"),
        ("<p>Text.</p>", ""),
    ],
)
def test_a_page_that_keeps_readers_out_is_caught(html, complaint, browser):
    page = browser.new_page()
    page.set_content(f'<html lang="en"><title>Bad</title><main>{html}</main>')
    found = site_checks.accessibility(page)
    page.close()
    assert [line[: len(complaint)] for line in found] == [complaint] * bool(complaint)


def test_a_broken_link_is_caught(tmp_path):
    (tmp_path / "a.html").write_text('<a href="b.html#there">1</a> <a href="b.html#gone">2</a> <img src="gone.png">')
    (tmp_path / "b.html").write_text('<h1 id="there">b</h1>')
    assert broken_links(tmp_path) == ["a.html: b.html#gone", "a.html: gone.png"]


# How it is built: tiny books with the real configuration


def tiny_book(tree: Path, *cells: str, text: str = "Text.") -> Path:
    """A book of one notebook in `tree`, with this book's configuration and extension."""
    shutil.copy2(ROOT / "_config.yml", tree)
    shutil.copytree(ROOT / "book" / "site", tree / "book" / "site")
    shutil.copytree(ROOT / "book" / "static", tree / "book" / "static")
    (tree / "book" / "pages").mkdir()
    shutil.copy2(ROOT / "book" / "pages" / "outline.toml", tree / "book" / "pages")
    (tree / "helpers").mkdir()
    (tree / "helpers" / "one.py").write_text("ONE = 1\n")
    (tree / "_toc.yml").write_text("format: jb-book\nroot: tiny\n")
    notebook = nbformat.v4.new_notebook(metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}})
    notebook.cells = [nbformat.v4.new_markdown_cell(f"# Tiny\n\n{text}"), *map(nbformat.v4.new_code_cell, cells)]
    nbformat.write(notebook, tree / "tiny.ipynb")
    return tree


def test_a_raising_cell_fails_the_build_each_time(tmp_path):
    tree = tiny_book(tmp_path, "1 / 0")
    for _ in range(2):
        done = build(tree)
        assert done.returncode and "ZeroDivisionError" in done.stdout, done.stdout


def test_a_notebook_runs_again_only_when_it_or_helpers_changed(tmp_path):
    tree = tiny_book(tmp_path, "print('ran', file=open('runs', 'a'))")
    for change, runs in [(None, 1), (None, 1), ("helpers/one.py", 2), (None, 2)]:
        if change:
            (tree / change).write_text("ONE = 1.0\n")
        done = build(tree)
        assert not done.returncode, done.stdout
        assert len((tree / "runs").read_text().splitlines()) == runs


def test_links_to_html_anchors_are_checked(tmp_path):
    done = build(tiny_book(tmp_path, text='<a id="there"></a>Here. [yes](tiny.ipynb#there) [no](tiny.ipynb#gone)'))
    assert done.returncode and "'gone'" in done.stdout and "'there'" not in done.stdout, done.stdout


def test_times_are_counted_and_measured(tmp_path):
    tree, said = tiny_book(tmp_path, "import time\ntime.sleep(3)"), []
    for words in (600, 1200):  # the second time there is more to read, and the result comes from the cache
        notebook = nbformat.read(tree / "tiny.ipynb", as_version=4)
        notebook.cells[0].source = "# Tiny\n\n" + "[word](https://example.org/a/b) $x + y$ " * (words - 1)
        nbformat.write(notebook, tree / "tiny.ipynb")
        done = build(tree)
        assert not done.returncode, done.stdout
        page = BeautifulSoup((tree / "_build" / "html" / "tiny.html").read_text(encoding="utf-8"), "html.parser")
        said.append(page.select_one("h1 + p.nw-times").text)
    seconds = [int(re.search(r"Running: (\d+) s on the machine", line)[1]) for line in said]
    assert seconds[0] == seconds[1] >= 3, said
    assert said[0].startswith("Reading: about 3 minutes (600 words). ")
    assert said[1].startswith("Reading: about 6 minutes (1,200 words). ")


def test_a_page_ends_with_what_comes_before_and_after_and_why(tmp_path):
    tree = tiny_book(tmp_path)
    (tree / "_toc.yml").write_text("format: jb-book\nroot: tiny\nchapters: [{file: second}, {file: third}]\n")
    (tree / "second.md").write_text("# 2. *Second*\n\nText.")
    (tree / "third.md").write_text("# 3. Third\n\nText.")
    known = '[pages.tiny]\nadds = "a <bit>"\n[pages.third]\nwhy = "You & I want it."'
    (tree / "book" / "pages" / "outline.toml").write_text(known)
    done = build(tree)
    assert not done.returncode, done.stdout
    pages = {
        name: BeautifulSoup((tree / "_build" / "html" / f"{name}.html").read_text(encoding="utf-8"), "html.parser")
        for name in ("tiny", "second", "third")
    }
    links = [(a["href"], a["rel"], a.get_text("|")) for a in pages["second"].select("article > .nw-way > a")]
    assert links == [
        ("tiny.html", ["prev"], "Previous|Tiny|It adds a <bit>."),
        ("third.html", ["next"], "Next|3. Third|You & I want it."),
    ]
    assert not pages["second"].select(".prev-next-footer")
    assert not pages["tiny"].select(".nw-way") and not pages["third"].select(".nw-way")  # nothing is known of `second`
    assert pages["tiny"].select_one(".prev-next-footer a.right-next")["href"] == "second.html"


def test_without_an_address_nothing_leads_elsewhere(tmp_path):
    tree = tiny_book(tmp_path, "1 + 1")
    assert 'url: ""' in (tree / "_config.yml").read_text(encoding="utf-8")
    done = build(tree)
    assert not done.returncode, done.stdout
    html = (tree / "_build" / "html" / "tiny.html").read_text(encoding="utf-8")
    assert not re.search("binder|colab|fa-rocket", html, re.I)
    assert (tree / "_build" / "html" / "_sources" / "tiny.ipynb").read_bytes() == (tree / "tiny.ipynb").read_bytes()


def with_address(tree: Path, address: str) -> Path:
    """`tree` with the repository's address in its configuration."""
    config = (tree / "_config.yml").read_text(encoding="utf-8")
    (tree / "_config.yml").write_text(config.replace('url: ""', f"url: {address}"), encoding="utf-8")
    return tree


def test_with_an_address_a_chapter_opens_in_binder_and_colab(tmp_path, browser):
    tree = with_address(tiny_book(tmp_path, "1 + 1"), "https://github.com/someone/the-next-word")
    for _ in range(2):  # the second build finds the copies as the first has left them
        done = build(tree)
        assert not done.returncode, done.stdout
    tag, home = f"v{version('the-next-word')}", tree / "_build" / "html"
    soup = BeautifulSoup((home / "tiny.html").read_text(encoding="utf-8"), "html.parser")
    assert [a["href"] for a in soup.select(".dropdown-launch-buttons a")] == [
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
    assert f'"the-next-word @ git+https://github.com/someone/the-next-word@{tag}"' in cells[1].source


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
    with pytest.raises(ValueError, match="need one on GitHub, such as"):
        launch_links.repository(config)


# Map and index of widgets


def test_map_and_index_of_widgets_are_up_to_date():
    questions = outline.table()["widgets"]
    missing = [name for name in outline.names() if name not in questions]
    assert not missing, f"say in book/pages/outline.toml which question {missing} answer"
    for path, text in outline.files().items():
        assert path.read_text(encoding="utf-8") == text, f"{path.name} is old: python tools/outline.py"


def test_index_of_widgets_names_every_place():
    text = (ROOT / "book" / "pages" / "widgets.md").read_text(encoding="utf-8")
    entries = dict(zip(re.findall(r"^## (\w+)$", text, re.M), re.split(r"^## \w+$", text, flags=re.M)[1:], strict=True))
    assert entries.keys() == {name for name in widgets.__all__ if name[0].isupper()}
    for name, entry in entries.items():
        linked = set(re.findall(r"notebooks/(\w+)\.ipynb", entry))
        making = {path.stem for path in (ROOT / "notebooks").glob("*.ipynb") if f"{name}(" in code_of(path)}
        assert linked == making, name


def code_of(path: Path) -> str:
    """The code of a notebook."""
    return "\n".join(cell.source for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code")


def test_map_knows_every_chapter_and_what_it_uses():
    found = outline.chapters()
    assert [c.page for c in found] == [name for name in CHAPTERS if name.startswith("notebooks/")]
    assert all(set(c.uses) <= set(range(1, c.number)) for c in found) and not found[0].uses
    assert {c.number: c.uses for c in found}[8] == (4, 6, 7) and found[10].uses == tuple(range(1, 11))
    drawn = (ROOT / "book" / "static" / "map.svg").read_text(encoding="utf-8")
    assert all(c.adds in drawn and len(c.adds) <= 34 for c in found)  # longer ones would run into the lines
    assert drawn.count('r="5" fill="#') == sum(len(c.uses) for c in found) + len(found) - 1  # dots, and rings


def test_every_page_says_why_it_is_next():
    pages = outline.table()["pages"]
    assert list(pages) == CHAPTERS
    for page, about in pages.items():
        assert about["why"].endswith(".") and len(about["why"]) < 120, page


# Glossary and bibliography

TERMS = re.findall(r"^## (.+)$", (ROOT / "book" / "pages" / "glossary.md").read_text(encoding="utf-8"), re.M)
WORKS = {key: entry.fields.get("year", "") for key, entry in bibliography.entries()}


def cited(text: str) -> list[tuple[str, str, str]]:
    """The links of a Markdown text into glossary and bibliography: their words, the page, the anchor."""
    return re.findall(r"\[([^\]]*)\]\([^)\s]*(glossary|bibliography)\.md#([\w-]+)\)", text)


def wrong_citations(text: str) -> list[str]:
    """The links of `text` to a term or a work that is not there, or to a work of another year than they say."""
    slugs, wrong = {term.lower().replace(" ", "-") for term in TERMS}, []
    for words, page, anchor in cited(text):
        there = anchor in slugs if page == "glossary" else anchor in WORKS and WORKS[anchor] in words
        if not there:
            wrong.append(f"[{words}]({page}.md#{anchor})")
    return wrong


@pytest.fixture(scope="module")
def texts() -> dict[str, str]:
    """The Markdown of every page, by its name."""
    texts = {}
    for path in (path for name in [TOC["root"], *CHAPTERS] for path in ROOT.glob(f"{name}.*")):
        if path.suffix == ".md":
            texts[path.name] = path.read_text(encoding="utf-8")
        else:
            cells = nbformat.read(path, as_version=4).cells
            texts[path.name] = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    return texts


def test_terms_and_works_that_are_linked_are_there(texts):
    wrong = {name: wrong_citations(text) for name, text in texts.items()}
    assert not any(wrong.values()), wrong


def test_every_term_is_linked_from_a_chapter(texts):
    linked = {anchor for name, text in texts.items() if name.endswith(".ipynb") for _, _, anchor in cited(text)}
    assert [term for term in TERMS if term.lower().replace(" ", "-") not in linked] == []


def test_every_work_is_cited(texts):
    assert WORKS.keys() == {anchor for text in texts.values() for _, page, anchor in cited(text) if page != "glossary"}


def test_a_wrong_citation_is_caught():
    good = "[a](../book/pages/glossary.md#top-k) [Vaswani et al. 2017](bibliography.md#vaswani2017) [b](a.ipynb#top-k)"
    bad = ["[a](glossary.md#gone)", "[Gone 1](bibliography.md#gone1)", "[Vaswani 1](bibliography.md#vaswani2017)"]
    assert wrong_citations(good) == [] and wrong_citations(" ".join(bad)) == bad


def test_bibliography_page_is_made_from_references():
    made = bibliography.page()
    assert (ROOT / "book" / "pages" / "bibliography.md").read_text(encoding="utf-8") == made, "python tools/bibliography.py"
    assert 'id="vaswani2017"' in made and "{" not in made and "\\" not in made


def test_glossary_is_sorted_and_whole():
    text = (ROOT / "book" / "pages" / "glossary.md").read_text(encoding="utf-8")
    definitions = re.split(r"^## .+$", text, flags=re.M)[1:]
    assert len(TERMS) >= 60 and TERMS == sorted(TERMS, key=str.casefold) and len(set(TERMS)) == len(TERMS)
    assert all(20 < len(definition.strip()) < 500 for definition in definitions)
