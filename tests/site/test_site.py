"""The site: opened page by page in a browser, from disk and over http, with every other host out of reach."""

import gzip
import re
from collections import Counter
from contextlib import nullcontext
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
import yaml
from bs4 import BeautifulSoup

from book import widgets
from tests.conftest import ROOT
from tests.site import site_checks

TOC = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
CHAPTERS = [chapter["file"] for part in TOC["parts"] for chapter in part["chapters"]]
PAGES = ["index", TOC["root"], *CHAPTERS, "search"]
LIVE = [TOC["root"], *(name for name in CHAPTERS if name.startswith("notebooks/"))]  # pages with figures that move


# Every page


@pytest.mark.parametrize("page_name", PAGES)
def test_page_is_whole(page_name, site, browser):
    """From disk, where a browser forbids the most; test_page_is_accessible opens every page over http."""
    home = site.as_uri() + "/"
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
        for mode, width in screens:
            page.set_viewport_size({"width": width, "height": 740})
            page.emulate_media(color_scheme=mode)
            page.wait_for_function("mode => document.documentElement.dataset.theme === mode", arg=mode)
            page.evaluate("document.getAnimations().forEach(fade => fade.finish())")  # no color is half-way
            complaints += [f"{mode}, {width} px: {complaint}" for complaint in site_checks.accessibility(page)]
        assert not complaints, "\n".join(complaints)


def test_dark_mode(site, browser):
    with site_checks.watched(browser, site.as_uri()) as (page, complaints):
        page.goto(f"{site.as_uri()}/{TOC['root']}.html")
        shade = {}
        for _ in range(3):
            mode = page.evaluate("document.documentElement.dataset.mode")
            rgb = page.evaluate("getComputedStyle(document.body).backgroundColor")
            shade[mode] = sum(map(float, re.findall(r"[\d.]+", rgb)[:3])) / (3 * 255)
            page.locator(".theme-switch-button:visible").first.click()
        assert shade["light"] > 0.9 and shade["dark"] < 0.15, shade
        assert not complaints, complaints


@pytest.mark.parametrize("scheme", ["file", "http"])  # from disk, the search can't read other pages
def test_search_finds(scheme, site, browser):
    word, page_name = "perplexity", "book/pages/glossary"
    with (
        site_checks.served(site) if scheme == "http" else nullcontext(site.as_uri() + "/") as home,
        site_checks.watched(browser, home) as (page, complaints),
    ):
        page.goto(f"{home}{TOC['root']}.html")
        page.locator(".search-button__button:visible").first.click()
        page.locator("#pst-search-dialog input[type=search]").fill(word)
        page.keyboard.press("Enter")
        page.wait_for_selector(f'#search-results a[href*="{page_name}.html"]')
        page.wait_for_selector("#search-results .search-summary:has-text('found')")  # it has finished
        assert not complaints, complaints


def test_menu_on_a_phone(site, browser):
    with site_checks.watched(browser, site.as_uri(), viewport={"width": 360, "height": 740}) as (page, complaints):
        page.goto(f"{site.as_uri()}/{TOC['root']}.html")
        page.locator(".primary-toggle:visible").first.click()
        page.locator("#pst-primary-sidebar-modal a:visible", has_text="How to read").click()
        page.wait_for_url("**/how-to-read.html")
        assert not complaints, complaints


def test_what_is_wider_than_a_phone_scrolls_by_keys(site, browser):
    with site_checks.watched(browser, site.as_uri()) as (page, complaints):
        # no formula, and no table of this chapter, is wider than a phone
        for kind, width in (("figure.nw-figure", 360), ("div.math", 200), ("div.nw-columns pre", 200)):
            page.set_viewport_size({"width": width, "height": 740})
            page.goto(f"{site.as_uri()}/notebooks/03_softmax.html")
            site_checks.settle(page)
            box = page.locator(f'{kind}[tabindex="0"][aria-label]').first
            inside = """box => box.querySelector("svg, mjx-container, span").getBoundingClientRect().left
                >= box.getBoundingClientRect().left - 1"""
            assert box.evaluate(inside)  # its beginning is in sight
            box.focus()
            box.press("ArrowRight")
            page.wait_for_function("box => box.scrollLeft > 0", arg=box.element_handle())
        page.set_viewport_size({"width": 1280, "height": 740})
        page.wait_for_function("!document.querySelector('article :is(.nw-figure, .math, .nw-columns pre)[tabindex]')")
        assert not complaints, complaints


def test_the_branches_of_a_text_fit_a_phone(site, browser):
    """The site has rules of its own for tables, and a long text must not push the numbers out of sight."""
    with site_checks.watched(browser, site.as_uri(), viewport={"width": 360, "height": 740}) as (page, complaints):
        page.goto(f"{site.as_uri()}/notebooks/08_writing.html")
        page.locator('figure[data-widget="Playground"] .nw-more > summary').first.click()
        page.locator(".nw-play-run").first.click()
        page.wait_for_function("document.querySelector('.nw-play-branches bdi')?.textContent.length > 40")
        box = page.locator(".nw-play-scroll").first
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


def parsed(folder: Path) -> dict[str, BeautifulSoup]:
    """The pages in `folder`, each by its name, such as notebooks/01_next_word."""
    paths = [path for path in folder.rglob("*.html") if "_static" not in path.parts]
    names = {path.relative_to(folder).with_suffix("").as_posix(): path for path in paths}
    return {name: BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser") for name, path in names.items()}


@pytest.fixture(scope="module")
def soups(site) -> dict[str, BeautifulSoup]:
    return parsed(site)


def test_every_widget_has_its_place(soups):
    there = {figure["data-widget"] for soup in soups.values() for figure in soup.select("figure.nw-widget")}
    assert there >= {name for name in widgets.__all__ if name[0].isupper()}


@pytest.mark.parametrize("page_name", LIVE)
def test_widgets_are_light(page_name, soups):
    """Everything that its widgets add to a page, gzipped as a server sends it, and no second copy of their state.

    The weights of a model count apart: a page may have one model of its own, three times as heavy as all the rest, and
    it loads those of shipped models from scripts that all pages share.
    """
    figures = "".join(str(figure) for figure in soups[page_name].select("figure.nw-widget"))
    weights = re.findall(r'"precision":"\w+","tensors":.*?"data":"([^"]+)"', figures)
    for name in set(re.findall(r'"data":"","shared":"(\w+)"', figures)):
        assert len(soups[page_name].select(f'script[src*="next-word-{name}.js"]')) == 1
    assert len(weights) <= 1 and len(gzip.compress("".join(weights).encode())) <= 1_000_000
    assert len(gzip.compress(figures.replace(*weights, "").encode() if weights else figures.encode())) <= 350_000
    assert "vnd.jupyter.widget" not in str(soups[page_name])


@pytest.mark.parametrize("page_name", LIVE)
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


@pytest.mark.parametrize("page_name", LIVE[1:])
def test_a_chapter_shows_its_times_its_place_and_the_way_on(page_name, soups):
    soup = soups[page_name]
    times = soup.select_one("h1 + p.nw-times").text
    form = r"Reading: about \d+ minutes? \([\d,]+ words\), and \d+ for the exercises\. Running: \d+ s on the machine .*"
    assert re.fullmatch(form, times)
    glass = "article h1 ~ div.cell figure[data-widget=GlassGPT]"  # below the title, or else the strip of parts
    assert soup.select(f"{glass}, article .nw-strip li[aria-current=true]")
    ways = soup.select("article .nw-way > a")
    assert [a["rel"] for a in ways] == [["prev"], ["next"]] and all(a.span.text.endswith(".") for a in ways)


# Links


def broken_links(folder: Path, soups: dict[str, BeautifulSoup]) -> list[str]:
    """Links and sources in the pages of `folder` that lead to no file, or to no anchor there."""
    anchors = {
        (folder / f"{name}.html").resolve(): {tag["id"] for tag in s.find_all(id=True)} for name, s in soups.items()
    }
    broken = []
    for name, soup in soups.items():
        path = (folder / f"{name}.html").resolve()
        for tag in soup.find_all(lambda tag: tag.has_attr("href") or tag.has_attr("src")):
            address = urlsplit(tag.get("href") or tag.get("src") or "")
            if address.scheme or address.netloc:
                continue
            target = (path.parent / unquote(address.path)).resolve() if address.path else path
            fragment = unquote(address.fragment)
            if not target.is_file() or (fragment and target in anchors and fragment not in anchors[target]):
                broken.append(f"{name}: {address.geturl()}")
    return broken


def test_every_link_leads_somewhere(site, soups):
    assert not (broken := broken_links(site, soups)), "\n".join(broken)


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
    assert broken_links(tmp_path, parsed(tmp_path)) == ["a: b.html#gone", "a: gone.png"]
