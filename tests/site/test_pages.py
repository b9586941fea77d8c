"""What pages show beyond their text: folds, numbers, cards, the map, the wall, predictions, exercises by hand."""

import ast
import json
import random
import re
from pathlib import Path

import nbformat
import pytest

from book.exercises import check
from book.exercises.engine import ByHand
from book.site import pages
from book.widgets import __all__ as WIDGETS
from tests.conftest import ROOT
from tests.site import site_checks

STATIC = ROOT / "book" / "static"
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
WIDE = 84
FIGURES = ["opening", *(name for name in WIDGETS if name[0].isupper() and name != "Predict")]
MAKES = re.compile(rf"\b({'|'.join(FIGURES)})\(|\bplots\.\w+\(|\b(alt|caption)=")


# The chapters' code


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_code_fits_and_what_only_draws_is_folded(path):
    cells = nbformat.read(path, as_version=4).cells
    exercises = next((i for i, cell in enumerate(cells) if cell.source.startswith("## Exercises")), len(cells))
    for i, cell in enumerate(cells):
        if cell.cell_type != "code":
            continue
        where, folded = f"{path.stem}, {cell.id}", "hide-input" in cell.metadata.get("tags", [])
        assert max(map(len, cell.source.splitlines()), default=0) <= WIDE, (
            f"{where}: a line has more than {WIDE} columns"
        )
        assert folded == cell.metadata.get("jupyter", {}).get("source_hidden", False), (
            f"{where}: folded in one home only"
        )
        if folded:
            assert cell.source.startswith("# "), f"{where}: its first line must say what the cell does"
        elif i < exercises:
            assert not MAKES.search(cell.source), f"{where}: fold what only draws, or builds a figure"


# Folds, tables, numbers


def test_a_fold_says_what_its_code_does():
    summary = (
        '<summary aria-label="Toggle hidden content">\n<p class="collapsed admonition-title">Show</p>\n'
        '<p class="expanded admonition-title">Hide</p>\n</summary>\n<div class="cell_input"><pre><span></span>'
    )
    comment = '<span class="c1"># Draw the picture: dots.</span>'
    assert pages.FOLD.sub(pages.named, summary + comment).startswith(
        '<summary class="nw-fold">Draw the picture</summary>'
    )
    assert '<summary class="nw-fold">Code</summary>' in pages.FOLD.sub(
        pages.named, summary + '<span class="n">x</span>'
    )


@pytest.mark.parametrize(
    "printed, table", [("a    1\nb    2\n", True), ("once upon a time\nthere was a cat\n", False), ("a    1\n", False)]
)
def test_columns_are_told_from_text(printed, table):
    assert pages.is_table(printed) == table


def test_figures_are_numbered_and_links_say_so():
    widget = '<figure class="nw-figure nw-widget" data-widget="{}"><p><span class="nw-number"></span>Why?</p></figure>'
    body = (
        '<a class="reference internal" href="#fig-two"><span>the figure below</span></a>' + widget.format("Descent")
        + widget.format("Predict") + '<a id="fig-two"></a><figure class="nw-figure"><svg></svg><figcaption>A curve.'
        "</figcaption></figure><figure class=\"nw-figure\"><svg></svg></figure>"
    )  # fmt: skip
    made = pages.numbered(body, "7")
    assert re.findall(r"Figure (7\.\d)</span>", made) == ["7.1", "7.2"]
    assert "the figure 7.2 below" in made and "<figcaption><span" in made
    assert made.count('<span class="nw-number"></span>') == 1  # a question isn't a figure


# Exercises by hand, and the score, in a page


@pytest.fixture(scope="module")
def page(browser):
    page = browser.new_page()
    for name in ("by-hand.js", "predictions.js"):
        page.add_script_tag(path=STATIC / name)
    yield page
    page.close()


BY_HAND = {
    f"{chapter}.{name}": checker
    for chapter, module in vars(check).items()
    if chapter.startswith("ch")
    for name, checker in vars(module).items()
    if isinstance(checker, ByHand)
}


def cases(checker: ByHand) -> list[dict]:
    """Answers a reader may give: right, each known mistake, and slips of many kinds."""
    right, rng = checker.right, random.Random(0)
    found = [right, {name: ... for name in right}, {name: value for name, value in list(right.items())[:1]}]
    for values, _ in checker.wrong:
        found.append(right | values)
    for name, value in right.items():
        found.append(right | {name: "z"})
        if not isinstance(value, str):
            slips = (-value, value * 1.01, 100 * value, value + 0.004, value + rng.random(), value * 1.0005)
            found += [right | {name: slip} for slip in slips]
    return found


@pytest.mark.parametrize("name", BY_HAND)
def test_the_page_checks_answers_as_python_does(page, name):
    checker = BY_HAND[name]
    words = json.loads(re.search(r'json">(.*)</script>', checker.form(), re.S)[1])
    for answer in cases(checker):
        given = {key: None if answer.get(key, ...) is ... else answer[key] for key in checker.right}
        there = page.evaluate("([words, given]) => nextWordByHand.judge(words, given)", [words, given])
        here = checker(answer)
        assert there["passed"] == here.passed, answer
        if there["about"]:
            assert f"Look at `{there['about']}`." in here.message or here.message.startswith(f"`{there['about']}`"), (
                answer
            )
            known = any(hint in here.message for _, hint in checker.wrong)
            assert known == any(hint in there["message"] for _, hint in checker.wrong), answer
            for part in ("Only the sign", "that's close", "not as a percentage"):
                assert (part in here.message) == (part in there["message"]), answer


def test_typed_answers_are_read(page):
    read = lambda text, wanted=1: page.evaluate("a => nextWordByHand.read(...a)", [text, wanted])  # noqa: E731
    assert [read("1/4"), read(" 0.5 "), read("−2"), read("")] == [0.25, 0.5, -2, None]
    assert read("an", "an") == "an" and read("one") == "one"


def test_the_score_counts_as_the_questions_do(page, browser):
    from tests.widgets.harness import module

    options = {"options": [["a", ""], ["b", ""]], "answer": "a", "near": [], "wrong": []}
    number = {"options": [], "answer": 10, "near": [9, 11], "wrong": [[10.5, 11, "why"]]}
    with module(browser, "predict") as other:
        for asked, guesses in ((options, ["a", "b"]), (number, [10, 9, 10.7, 12, 8.9])):
            for guess in guesses:
                right = other.evaluate("([guess, asked]) => module.verdict(guess, asked).right", [guess, asked])
                told = page.evaluate("([asked, guess]) => nextWordPredictions.result(asked, guess)", [asked, guess])
                assert told == ("right" if right else "wrong"), guess
        questions = ["Which letter?", "A café 🙂"]
        keys = [other.evaluate("question => module.key(question)", question) for question in questions]
        assert keys == [pages.key(question) for question in questions]
    assert page.evaluate("asked => nextWordPredictions.result(asked, null)", options) == "open"
    assert page.evaluate("asked => nextWordPredictions.result(asked, '')", options) == "declined"


# On the built site


def opened(site: Path, browser, name: str, **options):
    options = {"viewport": {"width": 1280, "height": 800}} | options
    watch = site_checks.watched(browser, site.as_uri(), **options)
    return watch, f"{site.as_uri()}/{name}.html"


def test_one_switch_shows_all_code_on_every_page(site, browser):
    watch, address = opened(site, browser, "notebooks/02_backpropagation")
    with watch as (page, complaints):
        page.goto(address)
        folds = page.locator("div.cell details.hide")
        assert folds.count() > 10 and page.locator("div.cell details.hide[open]").count() == 0
        assert "Draw tanh" in page.locator("summary.nw-fold").all_inner_texts()
        page.get_by_role("button", name="Show all code").click()
        assert page.locator("div.cell details.hide[open]").count() == folds.count()
        page.goto(f"{site.as_uri()}/notebooks/04_tokens.html")
        assert page.locator("div.cell details.hide[open]").count() == page.locator("div.cell details.hide").count() > 5
        assert not complaints, complaints


@pytest.mark.parametrize("width", [1200, 1280, 1440])
def test_no_code_is_cut_off(site, browser, width):
    for name in [path.stem for path in NOTEBOOKS[::3]]:
        watch, address = opened(site, browser, f"notebooks/{name}", viewport={"width": width, "height": 800})
        with watch as (page, _):
            page.goto(address)
            cut = """() => [...document.querySelectorAll("div.cell_input pre")].filter(e => e.checkVisibility())
                .filter(e => e.scrollWidth > e.clientWidth + 1).map(e => e.innerText.slice(0, 80))"""
            assert page.evaluate(cut) == []


def test_a_link_to_a_term_a_work_or_a_figure_shows_a_card(site, browser):
    watch, address = opened(site, browser, "notebooks/02_backpropagation")
    with watch as (page, complaints):
        page.goto(address)
        site_checks.settle(page)
        card = page.locator(".nw-card")
        for href, words in (("glossary.html#parameter", "number"), ("bibliography.html#rumelhart1986", "Rumelhart")):
            link = page.locator(f'article a[href$="{href}"]').first
            link.hover()
            page.wait_for_function("!document.querySelector('.nw-card').hidden")
            assert words in card.inner_text() and link.get_attribute("aria-describedby")
            page.keyboard.press("Escape")
            assert card.is_hidden()
            page.mouse.move(0, 0)
        figure = page.locator('article a[href^="#fig-"]').first
        assert re.search(r"figure 2\.\d", figure.inner_text())
        figure.hover()
        page.wait_for_function("document.querySelector('.nw-card svg')?.getBoundingClientRect().width > 100")
        assert not complaints, complaints


def test_every_figure_has_a_number_and_links_name_the_right_one(site):
    for path in NOTEBOOKS:
        html = (site / "notebooks" / f"{path.stem}.html").read_text(encoding="utf-8")
        numbers = re.findall(r'<span class="nw-number">Figure (\d+)\.(\d+)</span>', html)
        chapters = {chapter for chapter, _ in numbers}
        assert len(chapters) == 1 and [int(n) for _, n in numbers] == list(range(1, len(numbers) + 1)), path.stem
        stills = re.findall(r'data-widget="(\w+)"[^>]*><div class="nw-still"><p class="nw-title">(.*?)</p>', html)
        assert all("Figure" in title for name, title in stills if name[0].isupper() and name != "Predict"), path.stem


def test_progress_and_the_strip_of_parts(site, browser):
    watch, address = opened(site, browser, "notebooks/09_translating")
    with watch as (page, complaints):
        page.goto(address)
        wide = "() => document.querySelector('.nw-progress i').getBoundingClientRect().width / innerWidth"
        assert page.evaluate(wide) < 0.2
        page.evaluate("scrollTo(0, document.body.scrollHeight)")
        page.wait_for_function(f"({wide})() > 0.95")
        assert page.locator(".page-toc a.nw-read").count() > 3
        page.locator(".nw-strip a", has_text="attention").click()
        page.wait_for_url("**/05_attention.html")
        assert not complaints, complaints


def test_the_map_leads_to_chapters_and_shows_what_uses_what(site, browser):
    watch, address = opened(site, browser, "book/pages/map")
    with watch as (page, complaints):
        page.goto(address)
        link = page.locator(".nw-book-map a[data-chapter='6']")
        link.hover()
        bright = page.locator(".nw-book-map a:not(.nw-dim)").evaluate_all("all => all.map(e => e.dataset.chapter)")
        assert {"2", "3", "4", "5", "6", "7", "8"} <= set(bright) and "1" not in bright
        link.focus()
        link.press("Enter")
        page.wait_for_url("**/06_transformer.html")
        assert not complaints, complaints


def test_the_wall_has_every_widget_live(site, browser):
    watch, address = opened(site, browser, "book/pages/widgets")
    with watch as (page, complaints):
        page.goto(address)
        site_checks.settle(page)
        names = page.locator(".nw-mini > p > code").all_inner_texts()
        assert set(names) == {name for name in WIDGETS if name[0].isupper()}
        assert page.locator(".nw-mini .nw-problem").count() == 0
        card = page.locator(".nw-mini", has=page.locator("p > code", has_text=re.compile("^Descent$")))
        small = card.locator(".nw-live").bounding_box()["width"]
        card.get_by_role("button", name="Try it here").click()
        assert card.locator(".nw-live").bounding_box()["width"] > 1.4 * small
        assert card.locator(".nw-mini-figure").evaluate("e => !e.inert")
        card.get_by_role("button", name="Make it small again").click()
        assert card.locator(".nw-mini-figure").evaluate("e => e.inert") and not complaints, complaints


def test_predictions_are_scored_on_this_device(site, browser):
    with site_checks.served(site) as home, site_checks.watched(browser, home) as (page, complaints):
        page.goto(f"{home}book/pages/predictions.html")
        assert "haven't guessed yet" in page.locator(".nw-score").inner_text()
        page.goto(f"{home}notebooks/01_next_word.html")
        site_checks.settle(page)
        question = page.locator('figure[data-widget="Predict"]').first
        question.locator("input").first.check() if question.locator("input[type=radio]").count() else question.locator(
            "input"
        ).first.fill("1")
        question.get_by_role("button", name="Commit").click()
        page.goto(f"{home}book/pages/predictions.html")
        assert re.match(r"[01] of 1 right so far\.", page.locator(".nw-score").inner_text())
        assert page.locator(".nw-mark:is(.nw-right, .nw-wrong)").count() == 1 and not complaints, complaints


def test_an_exercise_by_hand_is_checked_on_the_page(site, browser):
    watch, address = opened(site, browser, "notebooks/02_backpropagation")
    with watch as (page, complaints):
        page.goto(address)
        form = page.locator(".nw-by-hand").first
        for name, value in {"ds": "16", "dm": "16", "da": "48", "db": "32"}.items():
            form.get_by_label(name, exact=True).fill(value)
        form.get_by_role("button", name="Check").click()
        assert "two paths" in form.get_by_role("status").inner_text()
        assert form.get_by_label("da", exact=True).get_attribute("aria-invalid") == "true"
        form.get_by_label("da", exact=True).fill("64")
        form.get_by_label("da", exact=True).press("Enter")
        assert form.get_by_role("status").inner_text() == "✓ All your answers are right."
        assert "run the cell again" not in page.locator("article").inner_text().split("Solution")[0]
        assert page.locator(".nw-elsewhere a").first.get_attribute("href") == "../book/pages/how-to-read.html"
        assert not complaints, complaints


def test_the_notebooks_say_what_their_folds_do():
    """The first lines are short enough for one line on a phone."""
    for path in NOTEBOOKS:
        for cell in nbformat.read(path, as_version=4).cells:
            if cell.cell_type == "code" and "hide-input" in cell.metadata.get("tags", []):
                assert ast.parse(cell.source) and len(cell.source.splitlines()[0]) <= WIDE
