"""Bigram: the page counts, learns, measures and writes what Python does, for any text; the figure in a page."""

import gzip
import math
import re

import numpy as np
import pytest
from traitlets import TraitError

from book.widgets import Bigram, bigram
from tests.widgets import harness

ODD = ["", "a", "aaaaaaa", "ab", "abab", "aba", "😺", "😺a😺a", "👩‍👩‍👧‍👦", "e\u0301é", "שלום", "مرحبا", "<b>x</b>",
       "\n\n", "  ", "\x00a\x00", "a\ufeffb\u200d", "𝒳x𝒳", "日本語日本", "\u2028\u2029", "zyx", "aabb" * 3]  # fmt: skip
LONG = Bigram().text


def texts(rng, n: int) -> list[str]:
    """Texts of few and of many different characters, short and long enough for a held-out tenth."""
    pools = ("ab", "a", "abc \n", LONG, "".join(ODD), "😺é" + LONG)
    drawn = ["".join(pool[i] for i in rng.integers(len(pool), size=rng.choice([3, 20, 200, 999, 1000, 1500])))
             for pool in (pools[rng.integers(len(pools))] for _ in range(n))]  # fmt: skip
    return [*ODD, LONG, "ab" * 500, "a" * 1000, "ab" * 400 + "z" * 200, *drawn]


# Python


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"text": "a" * 100_001}, "text can have up to 100,000 characters; got 100,001. Cut it: text[:100000]."),
        (
            {"text": "".join(map(chr, range(0x4E00, 0x4E00 + 4_001)))},
            "text can have up to 4,000 different characters; got 4,001. Use less text.",
        ),
        ({"text": "a\ud800"}, "text has half of a surrogate pair, which UTF-8 can't write"),
        ({"prompt": "\udfff"}, "prompt has half of a surrogate pair"),
        ({"shown": "both"}, "shown must be one of counted, learned; got 'both'."),
        ({"rate": 0}, "rate must be a number from 0.1 to 1,000; got 0."),
        ({"steps": 10_001}, "steps must be a whole number from 0 to 10,000; got 10001."),
        ({"text": 5}, "expected a unicode string"),
    ],
)
def test_wrong_inputs_get_a_sentence(options, said):
    with pytest.raises(TraitError, match=re.escape(said)):
        Bigram(**options)


def test_by_hand():
    """abab a: after a comes b twice, after b comes a, and then the space; the a after it is the last."""
    figure = Bigram("abab a")
    assert figure.chars == [" ", "a", "b"]
    assert figure.counts().tolist() == [[0, 1, 0], [0, 0, 2], [1, 1, 0]]
    assert figure.probabilities().tolist() == [[0, 1, 0], [0, 0, 1], [0.5, 0.5, 0]]
    assert figure.loss() == pytest.approx(2 / 5 * math.log(2)) and figure.held_out_loss() is None
    half = Bigram("ab" * 450 + "ac" * 50)  # 900 characters to learn from; a b, a c never, b a, and a row for c
    assert half.held_out_loss() == pytest.approx(-np.log([1 / 453] * 50 + [1 / 3] * 49).mean(), rel=1e-12)
    assert Bigram("ab", seed=3).written() == "ab" and Bigram("ab", prompt="é").written() == "é"
    assert Bigram("").written() == "" and Bigram("").loss() is None and Bigram("a").trained(5)[1] == []


def test_learning_arrives_at_the_counts_from_above():
    figure = Bigram(LONG)
    logits, losses = figure.trained(3000, 30)
    assert losses[0] == pytest.approx(math.log(len(figure.chars))) and len(losses) == 3001
    assert all(np.diff(losses) < 0) and 0 < losses[-1] - figure.loss() < 0.003
    counts = figure.probabilities()
    figure.shown, figure.steps, figure.rate = "learned", 3000, 30
    used = figure.counts().sum(axis=1) > 20
    assert np.abs(figure.probabilities() - counts)[used].max() < 0.01
    assert min(figure.trained(200, 300)[1]) > figure.loss()  # a rate that is too large jumps about, and not below


def test_the_gradient_is_that_of_the_loss():
    figure, eps = Bigram("abab a, cab"), 1e-5
    y = figure.counts() / figure.counts().sum()
    loss = lambda z: -(y * (z - np.log(np.exp(z).sum(axis=1, keepdims=True)))).sum()  # noqa: E731
    start, _ = figure.trained(7, 2)
    moved = (start - figure.trained(8, 2)[0]) / 2
    for index in np.ndindex(start.shape):
        bump = np.zeros_like(start)
        bump[index] = eps
        assert moved[index] == pytest.approx((loss(start + bump) - loss(start - bump)) / (2 * eps), abs=1e-9)


@pytest.mark.filterwarnings("error")
def test_the_still_says_what_it_shows():
    figure = Bigram(LONG, row="q", title="A bigram")
    assert "after ' ' comes t 0.15" in figure.alt() and "1,134 characters" in figure.alt()
    figure.row = "v"
    assert figure.still().figure.axes[1].get_title(loc="left") == "after v"
    assert len(gzip.compress(figure.figure(alone=False).encode())) < 15_000
    for text in [*ODD[::2], "$x$ \\"]:
        assert len(Bigram(text, steps=3, shown="learned").figure(alone=False)) < 150_000


# In a browser


@pytest.fixture
def module(js):
    return js("bigram")


LEARN = """([texts, steps, rate]) => texts.map(text => {
    const words = module.encoded(text), V = words.chars.length;
    const rows = f => Array.from({ length: V }, (_, i) => [...f(i)]);
    const table = module.counted(words.ids, V), net = module.learner(table), losses = [net.loss];
    const counts = rows(i => {
        const row = new Array(V).fill(0);
        for (let k = table.start[i]; k < table.start[i + 1]; k++) row[table.to[k]] = table.count[k];
        return row;
    });
    for (let i = 0; i < steps; i++) { net.step(rate); losses.push(net.loss); }
    const p = i => module.countedRow(table, i), first = words.chars[words.ids[0]] ?? "";
    const writes = rowOf => module.written(first, 300, words, rowOf, 7);
    return {
        chars: words.chars, counts, p: rows(p), losses: table.pairs ? losses : [], learned: rows(net.row),
        loss: module.countedLoss(table), held: module.heldOutLoss(words.ids, V),
        counted: writes(p), net: writes(net.row),
    };
})"""


@pytest.mark.parametrize(("steps", "rate"), [(0, 1), (1, 1000), (40, 10), (150, 0.3)])
def test_python_and_the_page_learn_alike(module, steps, rate):
    cases = texts(np.random.default_rng(steps), 60)
    for text, found in zip(cases, module.evaluate(LEARN, [cases, steps, rate]), strict=True):
        figure = Bigram(text, steps=steps, rate=rate, seed=7)
        assert found["chars"] == figure.chars and found["counted"] == figure.written()[1:]
        np.testing.assert_array_equal(np.reshape(found["counts"], figure.counts().shape), figure.counts())
        np.testing.assert_array_equal(np.reshape(found["p"], figure.counts().shape), figure.probabilities())
        assert found["loss"] == (None if figure.loss() is None else pytest.approx(figure.loss(), abs=1e-12))
        held = figure.held_out_loss()
        assert found["held"] == (None if held is None else pytest.approx(held, abs=1e-12))
        assert (held is not None) == (len(text) >= 1000)
        np.testing.assert_allclose(found["losses"], figure.trained()[1], atol=1e-9)
        figure.shown = "learned"
        learned = np.reshape(found["learned"], figure.counts().shape)
        np.testing.assert_allclose(learned, figure.probabilities(), atol=1e-9)
        assert found["net"] == figure.written()[1:]


def test_what_is_read_of_a_text(module):
    for text in (*ODD, "a" * 100_001, "😺" * 100_001, "a" + "😺" * 100_001, "😺a" * 60_000):
        assert harness.call(module, "readable", text) == text[:100_000]
    many = "".join(map(chr, range(0x20000, 0x20000 + 4_100)))
    assert harness.call(module, "readable", "ab" * 9 + many + "ab") == "ab" * 9 + many[:3_998]
    halves = module.evaluate("module.readable('a\\ud83d!\\ude3ab\\ud83d\\ude3a')")
    assert halves == "a\ufffd!\ufffdb😺"
    assert harness.calls(module, "label", [["a"], [" "], ["\n"], ["\u0301"], ["\u200b"], ["\x00"], ["\u00a0"]]) == [
        "a", "␣", "↵", "◌\u0301", "U+200B", "U+0000", "U+00A0"]  # fmt: skip
    assert [bigram.label(c) for c in "a \u200b\x00\u00a0"] == ["a", " ", "U+200B", "U+0000", "U+00A0"]


def scores(page) -> list[str]:
    return page.locator(".nw-bigram-scores tbody td:nth-child(2)").all_inner_texts()


def shown(x: float) -> str:
    return f"{x:.4g}"


def more(page) -> None:
    page.get_by_text("More", exact=True).click()


def writes(page) -> str:
    return page.locator(".nw-bigram-page").text_content()


def line_of(figure: Bigram) -> str:
    return figure.written(40)[-41:].replace("\n", "↵")


def line(page) -> str:
    return page.locator(".nw-bigram-line").text_content()


def names(figure: Bigram, width: float) -> list[str]:
    """The characters on the map, in its order."""
    text, n = figure.text, max(5, min(30, int(width / 13 - 1.6)))
    return sorted(sorted(figure.chars, key=lambda c: (-text.count(c), c))[:n])


def cells(page) -> np.ndarray:
    """How dark each cell of the map is."""
    all_ = page.locator(".nw-bigram-map g:nth-of-type(2) rect").evaluate_all(
        "all => all.map(e => Number(e.getAttribute('fill-opacity')))"
    )
    return np.reshape(all_, (round(len(all_) ** 0.5), -1))


def dark(figure: Bigram, page) -> np.ndarray:
    """How dark each cell should be."""
    ids = [figure.chars.index(c) for c in names(figure, page.locator(".nw-bigram-map").bounding_box()["width"])]
    return np.sqrt(figure.probabilities()[np.ix_(ids, ids)])


SAID = "words => document.querySelector('.nw').innerText.includes(words)"
ARRIVED = "() => [...document.querySelectorAll('.nw button')].some(b => b.textContent === '▶ Write')"


def test_the_dot_goes_down_a_column_and_along_a_row(module):
    """From a to c to b, at places 0, 2, and 1: out of the name of row 0, along it to column 2; down to row 2, …"""
    xs = [0, 0.4, 0.5, 1, 1.25, 1.5, 1.75, 2, 5]
    found = harness.calls(module, "walked", [([0, 2, 1], x) for x in xs])
    assert [(at["column"], at["row"]) for at in found] == [
        (-1, 0), (-1, 0), (0, 0), (2, 0), (2, 1), (2, 2), (1.5, 2), (1, 2), (1, 2),
    ]  # fmt: skip
    assert [at["step"] for at in found] == [0, 0, 0, 1, 1, 1, 1, 1, 1]
    assert harness.calls(module, "fitting", [(304,), (410,), (900,), (20,)]) == [21, 29, 30, 5]
    assert harness.calls(module, "shade", [(0,), (0.25,), (1,)]) == [0, 0.5, 1]


def test_the_figure_in_a_page(browser):
    figure = Bigram(title="A bigram?", caption="Type.", row="t")
    with harness.mounted(browser, figure, viewport={"width": 760, "height": 1400}) as (page, complaints):
        # the first second: the map, a row of it, a line
        np.testing.assert_allclose(cells(page), dark(figure, page), atol=6e-4)
        assert line(page) == line_of(figure) and page.locator(".nw-bigram-title").inner_text() == "After “t”"
        first = page.locator(".nw-bigram-bars > div").first
        assert first.inner_text().split() == ["h", "0.395"]
        assert first.get_attribute("title") == "“h” follows “t” 34 of 86 times; p = 0.395 counted, 0.031 learned."
        assert not page.get_by_role("button", name="Train").is_visible()
        more(page)
        assert scores(page) == [shown(x) for x in (math.log(32), figure.loss(), math.log(32), figure.held_out_loss())]
        assert writes(page) == figure.written()

        # a row by its list, by a click on the map, by keys; a pair by pointing at it
        page.get_by_label("Show what follows").select_option("v")
        page.wait_for_function("document.querySelector('.nw-bigram-bars').innerText.startsWith('e')")
        table = page.locator(".nw-bigram-map")
        width = table.bounding_box()["width"]
        drawn = names(figure, width)
        cell, of = width / (len(drawn) + 1.6), drawn.index
        table.click(position={"x": (of("e") + 2.1) * cell, "y": (of("h") + 2.1) * cell})
        harness.painted(page)
        assert page.get_by_label("Show what follows").input_value() == "h"
        h, he = LONG.count("h"), LONG.count("he")
        told = f"“e” follows “h” {he} of {h} times; p = {he / h:.3f} counted, 0.031 learned."
        page.wait_for_function(SAID, arg=told)
        page.mouse.move(5, 5)
        table.focus()
        for key in ("ArrowDown", "ArrowRight", "ArrowDown", "ArrowUp"):
            page.keyboard.press(key)
        harness.painted(page)
        assert page.get_by_label("Show what follows").input_value() == drawn[of("h") + 1]
        page.get_by_label("Show what follows").focus()
        assert "follows" not in page.inner_text(".nw-bigram-two p")

        # the learned table: the same map, as dark everywhere, then as the steps have it
        page.get_by_role("button", name="learned").click()
        figure.shown = "learned"
        page.wait_for_function(
            "document.querySelector('.nw-bigram-map g:nth-of-type(2) rect').getAttribute('fill-opacity') === '0.177'"
        )
        np.testing.assert_allclose(cells(page), 32**-0.5, atol=6e-4)
        page.get_by_role("button", name="One step").focus()
        page.keyboard.press("Enter")
        page.keyboard.press("Enter")
        harness.painted(page)
        assert scores(page)[2] == shown(figure.trained(2, 10)[1][-1])
        page.get_by_role("button", name="Train").press("Enter")
        page.wait_for_function(
            "parseInt(document.querySelector('.nw-bigram-learned').innerText.match(/After (\\d+)/)[1]) > 60"
        )
        page.get_by_role("button", name="Pause").press("Enter")
        steps = steps_done(page)
        page.wait_for_timeout(200)
        assert steps_done(page) == steps  # it rests
        figure.steps = steps
        assert scores(page)[2] == shown(figure.trained()[1][-1])
        np.testing.assert_allclose(cells(page), dark(figure, page), atol=6e-4)
        assert f"loss {shown(figure.trained()[1][-1])}" in page.locator(".nw-bigram-curve").text_content()
        page.get_by_label("Start the text with").fill("A cat")
        figure.prompt = "A cat"
        page.wait_for_function("text => document.querySelector('.nw-bigram-page').textContent === text",
                               arg=figure.written())  # fmt: skip

        # another rate: the same number of steps from the start
        page.get_by_label("Learning rate").press("ArrowRight")
        page.wait_for_function(SAID, arg=f"After {steps} steps at learning rate 11.2, the loss is")
        figure.rate = 11.2
        assert scores(page)[2] == shown(figure.trained()[1][-1])

        page.get_by_role("button", name="Start over").click()
        harness.painted(page)
        assert scores(page)[2] == shown(math.log(32))
        assert not complaints


def steps_done(page) -> int:
    return int(re.search(r"After ([\d,]+)", page.inner_text(".nw-bigram-learned"))[1].replace(",", ""))


WALK = """async () => {
    const line = document.querySelector(".nw-bigram-line"), dot = document.querySelector(".nw-bigram-dot"), seen = [];
    const button = document.querySelector(".nw-go");
    button.click();
    await new Promise(requestAnimationFrame);
    while (!dot.getAttribute("cx") || button.textContent !== "Skip") await new Promise(requestAnimationFrame);
    while (new Set(seen.map(([text]) => text)).size < 4) {
        await new Promise(requestAnimationFrame);
        seen.push([line.textContent, Number(dot.getAttribute("cx")), Number(dot.getAttribute("cy"))]);
    }
    return seen;
}"""


def test_writing_walks_the_map(browser):
    figure = Bigram("abcab cab", row="c")
    with harness.mounted(browser, figure) as (page, complaints):
        seen = page.evaluate(WALK)
        figure.seed = 2
        whole = line_of(figure)
        texts = [text for text, _, _ in seen]
        assert all(whole.startswith(text) for text in texts) and len(texts[-1]) < len(whole)  # letter after letter
        assert len({(round(x), round(y)) for _, x, y in seen}) > 3  # it moves
        page.get_by_role("button", name="Skip").click()
        page.wait_for_function(ARRIVED)
        assert line(page) == whole and not page.locator(".nw-bigram-dot").is_visible()
        harness.painted(page)
        assert page.locator(".nw-bigram-title").inner_text() == f"After “{bigram_label(whole[-1])}”"

        # a row that's chosen, or another text, ends it, too
        page.get_by_role("button", name="Write").click()
        page.get_by_role("button", name="Skip").wait_for()
        page.get_by_label("Text to learn from").fill("xyxy")
        page.wait_for_function(ARRIVED)
        figure.text, figure.seed = "xyxy", 3
        assert line(page) == line_of(figure) and not complaints

    with harness.mounted(browser, figure, reduced_motion="reduce") as (page, complaints):
        page.get_by_role("button", name="Write").click()
        figure.seed = 4
        page.wait_for_function("text => document.querySelector('.nw-bigram-line').textContent === text",
                               arg=line_of(figure))  # fmt: skip
        assert not page.get_by_role("button", name="Skip").count()
        page.get_by_role("button", name="learned").click()
        page.get_by_role("button", name="Train").click()  # and with less motion, the end of the training shows
        page.wait_for_function(SAID, arg="After 10,000 steps")
        assert steps_done(page) == 10_000 and not complaints


def bigram_label(char: str) -> str:
    return {" ": "␣", "↵": "↵"}.get(char, char)


def test_the_map_fits_a_small_phone(browser):
    """Its names have 12 pixels, and so fewer rows fit; the text box has one line until it's used."""
    with harness.mounted(browser, Bigram(), viewport={"width": 320, "height": 800}, has_touch=True) as (page, said):
        assert cells(page).shape == (20, 20) and "12 rare ones aren't shown" in page.inner_text(".nw")
        box = page.get_by_label("Text to learn from")
        low = box.bounding_box()["height"]
        box.tap()
        page.wait_for_function("low => document.querySelector('textarea').offsetHeight > 2 * low", arg=low)
        assert 43.9 < low < 60 and page.evaluate("document.documentElement.scrollWidth") == 320
        table = page.locator(".nw-bigram-map")
        table.tap(position={"x": 60, "y": (names(Bigram(), 288).index("h") + 2.1) * 288 / 21.6})
        page.wait_for_function("document.querySelector('.nw-bigram-title').textContent === 'After “h”'")
        assert not said


PASTE = """([text, half]) => { const box = document.querySelector('textarea');
    box.value = text + (half ? '\\ud83d' : ''); box.dispatchEvent(new Event('input')); }"""


def test_any_text_is_read_and_none_is_lost(browser):
    with harness.mounted(browser, Bigram(shown="learned")) as (page, complaints):
        box = page.get_by_label("Text to learn from")
        more(page)
        figure = Bigram(shown="learned")
        han = "".join(chr(0x4E00 + i % 3000) for i in range(9_000))
        hostile = "<b>x</b><img src=x onerror=alert(1)>"
        for text in ("", "a", "aaaa", hostile, "😺é😺\u200b\u0301", "ab " * 40_000, "日本" * 60_000, han):
            page.evaluate(PASTE, [text, False])
            harness.painted(page)
            figure.text = text[:100_000]
            if text != han:  # whose table Python takes long to learn
                assert writes(page) == figure.written()
            assert box.input_value() == text and page.locator(".nw b:not([style]), .nw img").count() == 0
            told = page.locator(".nw-bigram-ask + p").text_content()
            assert told.startswith(f"{len(figure.text):,} character") if text else told == ""
            assert ("Type some text below." in page.inner_text(".nw")) == (not text)
            assert ("Only the first 100,000" in page.inner_text(".nw")) == (len(text) > 100_000)
            assert not re.search("NaN|undefined|Infinity", page.inner_text(".nw"))
            for name in ("Train", "Pause", "Start over"):
                page.get_by_role("button", name=name).click() if len(text) > 1 else None
        page.evaluate(PASTE, ["".join(map(chr, range(0x4E00, 0x4E00 + 9_000))), False])
        harness.painted(page)
        assert "Only the first 4,000 characters are read: the table has room for only 4,000" in page.inner_text(".nw")
        assert len(box.input_value()) == 9_000
        page.get_by_role("button", name="counted").click()
        page.evaluate(PASTE, ["cat", True])
        harness.painted(page)
        assert "half a character" in page.inner_text(".nw-bigram-note") and "�" in page.inner_text(".nw-bigram-two")
        assert page.evaluate("document.querySelector('textarea').value") == "cat\ud83d"
        page.evaluate(PASTE, ["ab", False])
        page.get_by_label("Start the text with").fill("xyz?")
        page.get_by_text("“?” isn't in the text").wait_for()
        assert page.get_by_role("button", name="Write").get_attribute("aria-disabled") == "true"
        page.get_by_label("Start the text with").fill("")
        page.get_by_text("It stops here, because nothing ever follows “b” in the text.").wait_for()
        page.get_by_label("Show what follows").select_option("b")
        page.get_by_text("Nothing ever follows “b”, so the counts have no answer.").wait_for()
        assert not complaints


def test_typing_while_it_learns(browser):
    """The new text is learned for as many steps, and it goes on; a training run that is left stops."""
    with harness.mounted(browser, Bigram(shown="learned")) as (page, complaints):
        more(page)
        page.get_by_role("button", name="Train").click()
        page.wait_for_function(
            "document.querySelector('.nw-bigram-curve').getAttribute('aria-label').match(/after (\\d+)/)[1] > 20"
        )
        page.get_by_label("Text to learn from").fill("abacab" * 5)
        page.wait_for_function("document.querySelector('.nw-bigram-learned').innerText.match(/After (\\d+)/)[1] > 100")
        page.get_by_role("button", name="Pause").click()
        assert scores(page)[2] == shown(Bigram("abacab" * 5).trained(steps_done(page), 10)[1][-1])
        page.get_by_role("button", name="Train").click()
        page.get_by_role("button", name="counted").click()  # where nothing is learned
        page.get_by_role("button", name="learned").click()
        page.get_by_role("button", name="Train").click()
        page.get_by_role("button", name="Pause").wait_for()
        page.get_by_label("Text to learn from").fill("")
        harness.painted(page)
        assert "Type some text below." in page.inner_text(".nw")
        assert page.get_by_role("button", name="Train").is_visible() and not complaints


def test_a_view_that_goes_away_stops_learning(browser):
    with harness.module(browser, "bigram") as page:
        frames = page.evaluate(
            """async state => {
        let frames = 0;
        const ask = window.requestAnimationFrame;
        const model = { get: name => state[name], set() {}, save_changes() {}, on() {}, off() {} };
        const el = document.body.appendChild(document.createElement("div"));
        window.requestAnimationFrame = f => ask(() => { frames++; f(); });
        const end = await module.default.render({ model, el }), later = n => new Promise(done => setTimeout(done, n));
        [...el.querySelectorAll("button")].find(b => b.textContent === "▶ Train").click();
        await later(150);
        const during = frames;
        end();
        await later(20);
        const then = frames;
        await later(150);
        window.requestAnimationFrame = ask;
        return [during, frames - then];
    }""",
            Bigram(shown="learned").state(),
        )
    assert frames[0] > 1 and frames[1] == 0


def test_with_the_colors_of_the_system_the_bars_are_seen(browser):
    with harness.mounted(browser, Bigram(shown="learned"), forced_colors="active") as (page, complaints):
        colors = (
            page.locator(".nw-bigram-bars > div")
            .first.locator("b, u")
            .evaluate_all("all => all.map(e => getComputedStyle(e).backgroundColor)")
        )
        assert len(set(colors) | {"rgb(255, 255, 255)", "rgba(0, 0, 0, 0)"}) == 4 and not complaints
