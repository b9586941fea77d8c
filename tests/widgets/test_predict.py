"""Predict: what it accepts and says, what it remembers and where, what it covers, and what stands without scripts."""

import random
import re
import tomllib
from html import escape

import nbformat
import numpy as np
import pytest
from traitlets import TraitError

from book.widgets import Predict, questions
from book.widgets.predict import MARKED, NOTEBOOKS, _marked
from tests.site import site_checks
from tests.widgets.harness import call, calls, mounted, painted
from tests.widgets.probe import Probe

OPTIONS = {"It *rises*.": "More is not better here.", "It falls.": "See `loss`.", "<b>Nothing</b>": "Something does."}
HOSTILE = "</script><img src=x onerror=alert(1)> שלום 🐈 \u2028"


def choice(**options) -> Predict:
    given = {"answer": "It falls.", "shows": "2.48 to 1.90", "because": "It learns."} | options
    return Predict("Does the *loss* rise?", OPTIONS, **given)


def asked(**options) -> Predict:
    given = {"answer": 5265, "unit": "parameters", "low": 0, "wrong": {5184: "The biases are missing."}} | options
    return Predict("How many parameters has `Linear(64, 81)`?", **given)


# Python


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Predict("", OPTIONS, answer="It falls."), "The question must be a text; got ''."),
        (lambda: Predict("?", ["a", "b"], answer="a"), "options must be a dict from each option to what to say"),
        (lambda: Predict("?", {"a": "b"}, answer="a"), "A choice needs at least two options; got 1."),
        (lambda: Predict("?", {}, answer="a"), "got 0."),
        (lambda: Predict("?", {"a": "b", "c": ""}, answer="a"), "must be text; got 'c': ''."),
        (lambda: choice(answer="It fell."), "answer must be one of 'It *rises*.', 'It falls.', '<b>Nothing</b>'; got"),
        (lambda: choice(off=1), "off is for questions that ask for a number."),
        (lambda: asked(answer="many"), "Without options, answer must be a finite number; got 'many'."),
        (lambda: asked(answer=float("nan")), "got nan."),
        (lambda: asked(answer=np.True_), "Without options"),
        (lambda: asked(off=1, within=0.1), "Pass within or off, not both; got within=0.1 and off=1."),
        (lambda: asked(off=-1), "off must be a number of at least 0; got -1."),
        (lambda: asked(within=float("inf")), "within must be a number of at least 0; got inf."),
        (lambda: asked(answer=0), "If the answer is 0, pass off (how far off a guess may be), because 10% of 0"),
        (lambda: asked(high=100), "answer must be in the range a reader may type, a number from 0 to 100; got 5265."),
        (lambda: asked(low="0"), "low must be a finite number; got '0'."),
        (lambda: asked(wrong={(3, 2): "x"}), "Each key of wrong must be a number, or a pair (low, high); got (3, 2)."),
        (lambda: asked(wrong={(3, 9999): "x"}), "wrong can't include the answer, 5265; got (3, 9999)."),
        (lambda: asked(guess=-1), "guess must be a number of at least 0; got -1."),
        (lambda: choice(guess="It sleeps."), "guess must be one of"),
    ],
)
def test_wrong_inputs_get_a_sentence(make, said):
    with pytest.raises((TraitError, ValueError), match=re.escape(said)):
        make()


def test_numbers_are_near_enough_or_not():
    assert asked().near == [5265 - 526.5, 5265 + 526.5] and asked(off=0).near == [5265, 5265]
    assert asked(within=0.5).near == [2632.5, 7897.5] and Predict("?", answer=0, off=2).near == [-2, 2]
    figure = Predict("?", answer=np.float32(-2.5), within=0.1)
    assert figure.near == [-2.75, -2.25] and isinstance(figure.state()["answer"], float)
    assert asked().shows == "5,265" and figure.shows == "-2.5" and asked(shows="5.3 thousand").shows == "5.3 thousand"


@pytest.mark.parametrize(("figure", "guess"), [(choice(), "<b>Nothing</b>"), (asked(), 4321.5), (choice(), "")])
def test_what_is_saved_has_no_guess(figure, guess):
    before = figure.figure()
    figure.guess = guess
    assert figure.guess == guess and figure.state()["guess"] is None
    assert figure.figure() == before == figure._repr_mimebundle_()[0]["text/html"]


def test_the_still_says_all():
    still = choice().still()
    words = re.sub(r"\s+", " ", re.sub("<[^>]*>", " ", still))
    assert (
        "Does the loss rise? It rises ." in words and "Answer: It falls (2.48 to 1.90). See loss . It learns." in words
    )
    assert (
        "More is not better" in words and "<em>rises</em>" in still and "&lt;b&gt;Nothing&lt;/b&gt;: Something" in still
    )
    assert still.count("See <code>loss</code>") == 1
    still = asked(wrong={(5000, 5184): "No *biases*."}, because="64 × 81 + 81.").still()
    assert "<b>5,265 parameters</b>. 64 × 81 + 81." in still and "<li>5,000 to 5,184: No <em>biases</em>.</li>" in still
    assert "Linear(64, 81)" in asked().alt() and "It falls." in choice().alt()


# The module


def tagged(kind: str, words: str) -> str:
    return f"<{kind}>{escape(words, quote=False)}</{kind}>" if kind else escape(words, quote=False)


def test_words_are_marked_alike(js):
    drawn, parts = random.Random(0), ["*", "`", "a", "b c", " ", "<i>", "&", "é", "**", "2 * 3 * 4"]
    texts = ["".join(drawn.choices(parts, k=drawn.randint(0, 9))) for _ in range(2000)]
    marked = calls(js("predict"), "marked", [[text] for text in texts])
    found = ["".join(tagged(*part) for part in parts) for parts in marked]
    assert found == [_marked(text) for text in texts] and sum(bool(MARKED.search(text)) for text in texts) > 400


VERDICTS = [  # guess, right, why
    (5265, True, ""), (5000, True, "Close enough."), (5184, False, "The biases are missing."),
    (6000, False, "That's too high."), (4000, False, "That's too low."),
    (52650, False, "That's 10 times the answer."), (2106, False, "The answer is 2.5 times that."),
    (0, False, "That's too low."), (-9000, False, "That's too low."),
]  # fmt: skip


def test_what_is_said_to_a_guess(js):
    predict, state = js("predict"), asked(within=0.06).state()
    for guess, right, why in VERDICTS:
        assert call(predict, "verdict", guess, state) == {"right": right, "why": why}, guess
    zero, below = Predict("?", answer=0, off=1).state(), Predict("?", answer=-10).state()
    whys = [call(predict, "verdict", *case)["why"] for case in ((9, zero), (-1, below), (-30, below))]
    assert whys == ["That's too high.", "The answer is 10 times that.", "That's 3 times the answer."]
    for option, why in OPTIONS.items():
        said = call(predict, "verdict", option, choice().state())
        assert said == {"right": option == "It falls.", "why": why}
    keys = calls(predict, "key", [["a"], ["b"], ["a"], [HOSTILE]])
    assert len(set(keys)) == 3 and keys[0] == "nw-guess-e40c292c"  # FNV-1a of "a"


# The figure


def told(page, i: int = 0) -> str:
    painted(page)
    return " ".join(page.get_by_role("status").nth(i).inner_text().split())


def test_a_choice_by_keyboard(browser):
    with mounted(browser, choice(), viewport={"width": 760, "height": 900}) as (page, complaints):
        group = page.get_by_role("group", name="Predict first. Does the loss rise?", exact=True)
        radios, commit = group.get_by_role("radio"), page.get_by_role("button", name="Commit")
        assert radios.count() == 3 and group.locator("b").count() == 1  # and none from a text
        assert told(page) == ""
        commit.press("Enter")
        assert told(page) == "First, pick one. A wrong guess beats no guess."
        radios.first.focus()
        page.keyboard.press("ArrowDown")
        page.keyboard.press("ArrowUp")
        assert radios.first.is_checked() and told(page) == ""
        assert "More is not better" not in page.inner_text("figure")
        page.keyboard.press("Enter")  # commits
        said = told(page)
        assert said.startswith(
            "Your guess: It rises. More is not better here. The answer: It falls (2.48 to 1.90). See loss."
        )
        assert page.evaluate("document.activeElement.type") == "radio"  # where it was
        assert page.locator(".nw-predict-option > em").all_inner_texts() == ["your guess", "✓ the answer", ""]
        frames = "all => all.map(e => getComputedStyle(e).borderTopStyle + getComputedStyle(e).borderTopWidth)"
        assert len(set(page.locator(".nw-predict-option").evaluate_all(frames))) == 3  # not by color alone
        page.get_by_text("What about the others?").click()
        assert page.locator("details li").all_inner_texts() == ["<b>Nothing</b>: Something does."]
        assert commit.get_attribute("aria-disabled") == "true"

        radios.nth(1).check()  # a second thought
        commit.click()
        assert told(page).startswith("Your guess: It falls ✓ (2.48 to 1.90). See loss. It learns. What about")
        assert page.locator("details li").count() == 2
        page.get_by_role("button", name="Ask me again").click()
        assert told(page) == "" and page.locator("input:checked, .nw-predict-right, .nw-predict-mine").count() == 0
        assert radios.first.evaluate("e => e === document.activeElement")
        other = page.locator(".nw-predict-other")
        other.focus()
        for _ in range(4):  # Enter held down
            page.keyboard.down("Enter")
        page.keyboard.up("Enter")
        assert told(page).startswith("The answer: It falls (2.48 to 1.90). See loss. It learns.")
        assert page.locator("details li").count() == 2 and "Your guess" not in page.inner_text("figure")
        assert page.get_by_role("button", name="Copy link").count() == 0
        assert not complaints, complaints


def test_a_number_is_typed(browser):
    with mounted(browser, asked(off=0, because="64 × 81 + 81."), asked(low=None, wrong=None)) as (page, complaints):
        box = page.get_by_label("Your guess").first
        for typed in ("", "-1", "1e999"):
            box.fill(typed)
            box.press("Enter")
            assert told(page).startswith("First, type a number of at least 0.")
        box.fill("5184")
        box.press("Enter")
        assert (
            told(page)
            == "Your guess: 5,184 parameters. The biases are missing. The answer: 5,265 parameters. 64 × 81 + 81."
        )
        box.fill("5265")
        page.get_by_role("button", name="Commit").first.click()
        assert told(page).startswith("Your guess: 5,265 parameters ✓. The answer: 5,265 parameters. 64")
        assert page.locator("details li").all_text_contents() == ["5,184 parameters: The biases are missing."]
        page.get_by_role("button", name="Ask me again").first.click()
        painted(page)
        assert box.input_value() == "" and box.evaluate("e => e === document.activeElement")
        page.get_by_label("Your guess").nth(1).fill("-3")
        page.keyboard.press("Enter")
        assert told(page, 1).startswith("Your guess: -3 parameters. That's too low.")
        assert not complaints, complaints


def test_a_guess_stays_in_this_browser(browser):
    with mounted(browser, choice(), asked()) as (page, complaints):
        page.get_by_role("radio").first.check()
        page.get_by_role("button", name="Commit").first.click()
        page.get_by_role("spinbutton").fill("5000")
        page.keyboard.press("Enter")
        painted(page)
        before = page.url
        page.reload()
        page.wait_for_function("document.querySelectorAll('.nw-mounted').length === 2")
        assert told(page).startswith("Your guess: It rises.") and told(page, 1).startswith("Your guess: 5,000")
        assert page.get_by_role("radio").first.is_checked() and page.url == before
        page.get_by_role("button", name="Ask me again").first.click()
        page.evaluate("k => localStorage.setItem(k, '\"more\"')", page.evaluate("Object.keys(localStorage)[0]"))
        page.reload()  # what is kept there is no number
        page.wait_for_function("document.querySelectorAll('.nw-mounted').length === 2")
        assert told(page) == told(page, 1) == "" and not complaints, complaints


def test_where_nothing_can_be_kept_it_asks_all_the_same(browser):
    blocked = (
        "<script>Object.defineProperty(window, 'localStorage', { get() { throw new Error('blocked'); } });</script>"
    )
    with mounted(browser, blocked + choice().figure()) as (page, complaints):
        page.get_by_role("radio").nth(1).check()
        page.keyboard.press("Enter")
        assert told(page).startswith("Your guess: It falls ✓")
        page.get_by_role("button", name="Ask me again").click()
        assert told(page) == "" and not complaints, complaints


def test_enter_commits_where_the_page_keeps_it_from_submitting_a_form(browser):
    """As JupyterLab does."""
    kept = "<script>addEventListener('keydown', event => event.key === 'Enter' && event.preventDefault());</script>"
    with mounted(browser, kept + asked().figure()) as (page, complaints):
        page.get_by_role("spinbutton").fill("5000")
        page.keyboard.press("Enter")
        assert told(page).startswith("Your guess: 5,000 parameters ✓. Close enough.") and not complaints


def test_texts_are_texts(browser):
    hostile = Predict(
        HOSTILE, {HOSTILE: HOSTILE, f"*{HOSTILE}*": HOSTILE}, answer=HOSTILE, shows=HOSTILE, because=HOSTILE
    )
    number = Predict(f"`{HOSTILE}`", answer=1, unit=HOSTILE, wrong={2: HOSTILE}, shows=HOSTILE)
    with mounted(browser, hostile, number) as (page, complaints):
        for decline in page.locator(".nw-predict-other").all():
            decline.click()
        painted(page)
        assert page.locator("figure img").count() == 0 and "onerror" in told(page, 1) and not complaints, complaints


# What a page shows right below


def page_with_results(questions: int = 1, **options) -> list[str]:
    """Cells as the site writes them, one figure each text: questions, two results, of which one is a widget, and, after
    a paragraph, a third."""
    cell = '<div class="cell"><div class="cell_input"><pre>code</pre></div><div class="cell_output">{}</div></div>'
    asks = [cell.format(choice(**options).figure())] * questions
    asks[-1] += cell.format("<pre class='result'>It falls: 1.90.</pre>")
    later = f"<p>Text.</p>{cell.format('<pre class=later>later</pre>')}"
    return [*asks, cell.format(Probe(title="probe").figure()) + later]


def test_results_are_covered_until_the_reader_has_guessed(browser):
    with mounted(browser, *page_with_results()) as (page, complaints):
        painted(page)
        result, covers = page.locator(".result"), page.locator(".nw-cover:visible")
        assert covers.all_inner_texts() == ["Hidden until you guess above."] * 2
        assert not result.is_visible() and result.evaluate("e => e.inert") and page.locator(".later").is_visible()
        said = page.get_by_text("Text.", exact=True)  # what comes right after would give the results away
        assert not said.is_visible()
        low = "all => all.every(e => e.offsetHeight <= 90)"  # no box half a screen tall with nothing in it
        assert page.locator(".nw-covered").evaluate_all(low)
        assert page.locator("pre:visible", has_text="code").count() == 4  # the code may be read
        assert page.get_by_role("slider").count() == 0 and page.locator(".nw-mounted input[type=range]").count() == 1
        assert not site_checks.accessibility(page)
        page.emulate_media(media="print")
        assert result.is_visible() and said.is_visible() and not covers.count()
        page.emulate_media(media="screen")
        top = page.locator(".later").evaluate("e => e.getBoundingClientRect().top")
        page.get_by_role("radio").first.check()
        painted(page)
        assert covers.count() == 2
        figure = page.locator("figure").first.evaluate("e => e.offsetHeight")
        page.keyboard.press("Enter")
        painted(page)
        grown = page.locator("figure").first.evaluate("e => e.offsetHeight") - figure
        assert result.is_visible() and not result.evaluate("e => e.inert") and not page.locator(".nw-cover").count()
        assert said.is_visible()
        moved = page.locator(".later").evaluate("e => e.getBoundingClientRect().top") - top
        assert moved >= grown - 1  # the answer took room, and the results are as tall as they are
        page.get_by_role("slider", name="x").press("End")
        page.get_by_role("button", name="Ask me again").click()
        painted(page)
        assert covers.count() == 2
        page.reload()
        page.wait_for_function("document.querySelectorAll('.nw-mounted').length === 2")
        assert not site_checks.widgets(page)  # which does not guess
        assert result.is_visible() and [c for c in complaints if "x = 3" not in c] == [], complaints


def test_nothing_is_covered_where_it_should_not(browser):
    for parts, count in ((page_with_results(cover=False), 0), (page_with_results(2), 2), ([choice().figure()], 0)):
        with mounted(browser, *parts) as (page, complaints):
            painted(page)
            assert page.locator(".nw-cover").count() == count and not complaints, complaints
    with mounted(browser, *page_with_results(), java_script_enabled=False) as (page, _):
        assert page.locator(".result").is_visible() and page.locator(".nw-ask").is_visible()
        assert "Answer: It falls (2.48 to 1.90)." in page.inner_text(".nw-ask")


# Questions whose text is beside the notebook


def test_a_chapters_questions_are_asked_by_name():
    ask = questions("01_next_word")
    asked = ask("greedy", answer="the same few letters, over and over")
    assert asked.question.startswith("Start with *W*") and len(asked.options) == 3
    number = ask("never-seen", answer=90.0, off=8)
    assert number.unit == "%" and number.wrong[0][:2] == [0, 40]
    with pytest.raises(ValueError, match="01_next_word.toml has no question 'gone'. It has after-a, greedy"):
        ask("gone", answer=1)


@pytest.mark.parametrize("path", sorted(NOTEBOOKS.glob("*.toml")), ids=lambda path: path.stem)
def test_a_chapter_asks_each_of_its_questions_once(path):
    cells = nbformat.read(path.with_suffix(".ipynb"), as_version=4).cells
    code = "\n".join(cell.source for cell in cells if cell.cell_type == "code")
    names = re.findall(r"\bask\(\s*\"([\w-]+)\"", code)
    assert sorted(names) == sorted(tomllib.loads(path.read_text(encoding="utf-8"))) and len(names) <= 6
