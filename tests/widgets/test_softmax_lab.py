"""SoftmaxLab: what it accepts, that Python, JavaScript and finite differences agree, and the figure in a page."""

import re

import numpy as np
import pytest
from traitlets import TraitError

from book.widgets import SoftmaxLab
from book.widgets.softmax_lab import METHODS, loss_gradient, values
from helpers import sampling
from tests.widgets import harness

# Python


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"scores": [1.0, 2.0]}, "Each token needs one score; got 2 for 4 tokens."),
        ({"scores": [1.0], "tokens": ["a"]}, "SoftmaxLab shows 2 to 10 scores, each with its token; got 1 tokens."),
        ({"scores": range(11), "tokens": "abcdefghijk"}, "got 11 tokens."),
        ({"scores": [np.nan, 1.0], "tokens": "ab"}, "A score must be a number from -10 to 10; got nan."),
        ({"scores": [-np.inf, 1.0], "tokens": "ab"}, "got -inf."),
        ({"scores": [10.5, 1.0], "tokens": "ab"}, "got 10.5."),
        ({"shift": 101}, "shift must be a number from -100 to 100; got 101."),
        ({"method": "relu"}, "method must be one of softmax, sparsemax, plain, sigmoid, tanh, argmax; got 'relu'."),
        ({"target": 4}, "target must be the position of a token, from 0 to 3; got 4."),
    ],
)
def test_wrong_inputs_get_a_sentence(options, said):
    with pytest.raises((TraitError, ValueError), match=re.escape(said)):
        SoftmaxLab(**options)


def test_a_wrong_change_leaves_what_was_there():
    lab = SoftmaxLab()
    for name, wrong in (("scores", [1.0]), ("scores", [11.0, 0, 0, 0]), ("scores", [True] * 4), ("tokens", ["a"])):
        before = getattr(lab, name)
        with pytest.raises(TraitError):
            setattr(lab, name, wrong)
        assert getattr(lab, name) == before
    lab.scores = [1, 2, 3, 4]
    assert lab.scores == [1.0, 2.0, 3.0, 4.0] and lab.start == [3.0, 2.0, 0.5, -4.0]


def test_values_are_those_of_chapter_3():
    z = np.array([3.0, 2.0, 0.5, -4.0])
    assert np.allclose(values("softmax", z), sampling.softmax(z))
    assert np.allclose(values("plain", z), z / z.sum())
    s, t = 1 / (1 + np.exp(-z)), (1 + np.tanh(z)) / 2
    assert np.allclose(values("sigmoid", z), s / s.sum()) and np.allclose(values("tanh", z), t / t.sum())
    assert np.allclose(values("tanh", z, divided=False), t) and np.allclose(values("sigmoid", z, divided=False), s)
    assert (values("argmax", [1.0, 5.0, 5.0]) == [0, 1, 0]).all()
    assert np.allclose(values("sparsemax", [3.0, 2.5, 0.0]), [0.75, 0.25, 0]) and values("sparsemax", [3, 1])[1] == 0
    assert values("plain", [1.0, -1.0]) is None and values("plain", [0.1 + 0.2, -0.3]) is None
    assert np.allclose(values("sigmoid", [-100.0, -100.0]), 0.5)  # no 0 / 0 in the tail


@pytest.mark.filterwarnings("error")
def test_the_still_says_what_it_shows():
    lab = SoftmaxLab([2.0, -2.0], ["cat", "a $ sign"], shift=0)
    assert "cat 2, a $ sign -2" in lab.alt() and "softmax 0.98, 0.02" in lab.alt()
    assert "plain has a sum of 0 to divide by" in lab.alt() and "sum 0" in {
        t.get_text() for t in lab.still().figure.axes[3].texts
    }
    widths = [patch.get_width() for patch in lab.still().figure.axes[1].patches]
    assert widths == pytest.approx(list(sampling.softmax([2.0, -2.0])))
    assert "training pushes cat +0.02, a $ sign -0.02" in lab.alt()
    pushes = [patch.get_width() for patch in lab.still().figure.axes[7].patches]
    assert pushes == pytest.approx([1 - widths[0], -widths[1]])
    low, high = SoftmaxLab().still().figure.axes[3].get_xlim()
    assert low < -2.67 and high > 2  # plain division's shares are all in view
    assert "pushes" not in SoftmaxLab(gradients=False).alt()
    assert "pushes" not in SoftmaxLab([1.0, -1.0], "ab", method="plain").alt()


# In a browser


@pytest.fixture
def functions(js):
    """Calls a pure function of the module on many lists of arguments: functions(name, cases)."""
    return lambda name, cases: harness.calls(js("softmax_lab"), name, cases)


def drawn_scores(n):
    rng = np.random.default_rng(1)
    for _ in range(n):
        z = np.round(rng.uniform(-10, 10, rng.integers(2, 11)), rng.choice([0, 1]))
        yield (z * rng.choice([0, 1, 1, 1]) + rng.choice([0, 0, 0.25, -100, 100])).tolist()
    yield from ([0.0, 0.0], [1.0, -1.0], [0.3, -0.1, -0.2], [10.0, 10.0, 10.0], [-110.0, -90.0], [110.0, 90.0])


def test_python_and_the_page_agree(functions):
    cases = [(method, z, divided) for z in drawn_scores(1000) for method in METHODS for divided in (True, False)]
    found = functions("valuesOf", cases)
    assert sum(p is None for p in found) > 10
    for case, p in zip(cases, found, strict=True):
        expected = values(*case)
        assert (p is None) == (expected is None), case
        if p is not None:
            assert np.allclose(p, expected, rtol=1e-9, atol=1e-300), case


def test_gradients_are_those_of_finite_differences(functions):
    step = 1e-5
    cases = [(method, z, divided) for z in drawn_scores(150) for method in METHODS for divided in (True, False)]
    tables, checked = functions("jacobianOf", cases), 0
    losses = functions("lossGradient", [(method, z, 0, divided) for method, z, divided in cases])
    for (method, z, divided), table, loss in zip(cases, tables, losses, strict=True):
        z = np.array(z)
        if method == "argmax":
            assert not np.any(table)
            continue
        if method == "plain" and abs(z.sum()) < 0.5:  # differences jump there
            assert (table is None) == (abs(z.sum()) < 1e-9)
            continue
        if method == "sparsemax" and np.abs(z - z.max() + values(method, z).max()).min() < 1e-4:
            continue  # a kink: a share that's just reaching 0
        up, down = (np.array([values(method, z + s * e, divided) for e in np.eye(len(z))]) for s in (step, -step))
        assert np.allclose(table, ((up - down) / (2 * step)).T, atol=1e-7), (method, z)
        p, ours = values(method, z, divided), loss_gradient(method, z, 0, divided)
        assert (loss is None) == (ours is None) and (loss is None or np.allclose(loss, ours, rtol=1e-9)), (method, z)
        if method != "softmax" and p[0] <= 0:
            assert loss is None
        elif p[0] > 1e-3:
            assert np.allclose(loss, -(np.log(up[:, 0]) - np.log(down[:, 0])) / (2 * step), atol=1e-5)
            checked += 1
    assert checked > 300
    assert functions("lossGradient", [("softmax", [-700.0, 100.0], 0)]) == [[-1, 1]]  # wrong, certain, and still pulled


def test_what_a_reader_should_notice_is_said(functions):
    said = {
        ("softmax", (3, 2), 0): "“a” is 1 ahead of “b”, so its share is e^1 = 2.72 times as large.",
        ("softmax", (2, 2), 0): "All scores are equal, so all shares are, too.",
        ("softmax", (3, 2), 7): "Adding 7 to every score doesn't change softmax at all",
        ("plain", (1, -1), 0): "The scores sum to 0, so plain division has nothing to divide by.",
        ("plain", (-1, -2), 0): "flips the order",
        ("plain", (3, -1), 0): "“b” gets −0.5, and a probability can't be negative.",
        ("plain", (3, 1), 0): "as long as no score is below 0",
        ("plain", (5, 4), 3): "leaves softmax alone, but plain division changes by up to 0.11.",
        ("sparsemax", (2, 0), 0): "“b” gets exactly 0",
        ("sparsemax", (2, 1.5), 0): "everyone gets a share",
        ("argmax", (2, 2), 0): "“a” and “b” tie, and the first one takes it all.",
        ("argmax", (2, 1), 0): "“a” takes everything",
        ("argmax", (2, 1), 5): "Adding 5 to every score changes neither softmax nor argmax.",
        ("tanh", (4, 3), 0): "“a” and “b” have hit the ceiling",
        ("sigmoid", (4, 3), 0): "From about 5 up, sigmoid is almost at its ceiling",
    }
    found = functions("notice", [(method, ["a", "b"], z, shift) for method, z, shift in said])
    for words, sentence in zip(said.values(), found, strict=True):
        assert words in sentence
    [alone] = functions("notice", [("sigmoid", ["a", "b"], [4, 3], 0, False)])
    assert "the sum isn't 1 but 1.93" in alone
    moved = functions("movedBy", [("softmax", [105, 101], 100), ("plain", [5, 4], 3)])
    assert moved[0] < 1e-12 < moved[1]
    assert functions("flaw", [(None,), ([2, -1],), ([1, 0.5],), ([0.5, 0.5],)]) == [
        "sum 0",
        "below 0",
        "sum 1.5, not 1",
        "",
    ]


@pytest.mark.parametrize(
    ("method", "z", "words"),
    [
        ("softmax", [3, 2], "Each push is y − p: “a” goes up by what it's missing"),
        ("softmax", [0, 8], "so the pushes are strong: “a” goes up by 1.00, and “b” down by 1.00."),
        ("softmax", [9, 0], "“a” is the right token and already has nearly everything"),
        ("plain", [-1, 3], "“a” isn't above 0, so it has no logarithm"),
        ("plain", [-1, 1], "no probabilities, no loss"),
        ("argmax", [3, 2], "there's no slope to train with"),
        ("sigmoid", [1, 9], "“b” is too high, yet nothing pushes it down: it's at sigmoid's ceiling."),
        ("sigmoid", [9, 9], "That's saturation"),
        ("sigmoid", [1, 0.5], "The strongest push is on “b”: down by 0.17."),
    ],
)
def test_what_to_notice_about_the_pushes_is_said(functions, method, z, words):
    shares, gradient = functions("valuesOf", [(method, z)])[0], functions("lossGradient", [(method, z, 0)])[0]
    [said] = functions("pushNotice", [(method, ["a", "b"], shares, gradient, 0)])
    assert words in said


def test_pushes_lead_to_the_right_token_and_keys_stay_in_range(functions):
    z = [3.0, 2.0, 9.5]
    for _ in range(60):
        [z] = functions("pushed", [(z, loss_gradient("softmax", z, 1).tolist())])
    assert sampling.softmax(z)[1] > 0.95 and max(map(abs, z)) <= 10
    keys = [("ArrowUp", 9.96), ("ArrowLeft", 0), ("PageDown", -9.5), ("End", 1), ("Home", 1), ("PageUp", 0), ("a", 1)]
    assert functions("keyed", keys) == [10, -0.1, -10, 10, -10, 1, None]


def test_the_panels_fit_any_width(functions):
    """Every column lies inside its panel, and no panel reaches into another."""
    for width in (280, 320, 360, 520, 704):
        for n in range(2, 11):
            for longest in (8, 90):
                case = {"width": width, "n": n, "longest": longest, "pushes": n % 2 == 0}
                [place] = functions("layout", [(case,)])
                score, share, each = place["score"], place["share"], place["each"]
                assert each > 22 and place["beside"] == (score["top"] == share["top"])
                assert place["beside"] or share["top"] > score["bottom"] + (80 if longest == 90 and each < 90 else 24)
                assert score["columns"][-1] + each / 2 <= (share["from"] if place["beside"] else width) + 1e-6
                assert share["columns"][-1] + each / 2 <= width + 1e-6 and share["bottom"] < place["height"]


def shown(page) -> dict:
    """Each row of the table under More: its name, and the texts of its cells."""
    rows = (
        page.locator(".nw-lab-scroll")
        .first.locator("tr")
        .evaluate_all("rows => rows.map(row => [...row.children].map(cell => cell.textContent))")
    )
    return {row[0]: row[1:] for row in rows[1:]}


DRAWN = """() => [...document.querySelectorAll(".nw-lab-drawing g:first-child rect")]
    .filter(e => e.textContent).map(e => [e.textContent, Number(e.getAttribute("height"))])"""


def drawn(page) -> dict:
    """The bars of the shares: what their tooltips say, and their heights in pixels."""
    return dict(page.evaluate(DRAWN))


def drawn_says(page, words: str):
    page.wait_for_function(f"words => ({DRAWN})().some(([title]) => title === words)", arg=words)


def drag(page, name: str, pixels: float):
    """Drags the tip of a score by so many pixels: below 0 up, above 0 down."""
    box = page.get_by_role("slider", name=f"score of {name}").locator(".nw-lab-tip").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x, y + pixels, steps=4)
    page.mouse.up()
    harness.painted(page)


def value(page, name: str) -> float:
    return float(page.get_by_role("slider", name=f"score of {name}").get_attribute("aria-valuenow"))


def test_scores_by_mouse_by_finger_and_by_keys(browser):
    lab = SoftmaxLab([3.0, 2.0, -1.0], ["cat", "<i>dog</i>", "a\nb"], title="Why?", caption="Drag.", gradients=False)
    with harness.mounted(browser, lab, viewport={"width": 760, "height": 900}) as (page, complaints):
        pixel = 20 / 210  # in scores: the axis has 210 pixels
        drag(page, "cat", -42)
        assert value(page, "cat") == pytest.approx(3 + 42 * pixel, abs=0.051)
        drag(page, "cat", 500)
        assert value(page, "cat") == -10
        slider = page.get_by_role("slider", name="score of cat")
        slider.focus()
        for key in ("Home", "PageUp", "ArrowRight", "ArrowUp", "ArrowLeft", "End"):
            page.keyboard.press(key)
        harness.painted(page)
        assert value(page, "cat") == 10
        page.keyboard.press("PageDown")
        harness.painted(page)
        assert slider.get_attribute("aria-valuetext") == "9.0; 0.999 by softmax"
        assert 200 < drawn(page)["softmax gives cat 0.999"] < 230 and drawn(page)["softmax gives a↵b ≈ 0"] < 1

        # a click elsewhere in a column moves its score there
        box = page.get_by_role("slider", name="score of a↵b").bounding_box()
        page.mouse.click(box["x"] + box["width"] / 2, box["y"] + 20)
        harness.painted(page)
        assert value(page, "a↵b") == 10 and page.locator(".nw i:text-is('dog')").count() == 0
        assert not complaints

    phone = {"viewport": {"width": 360, "height": 800}, "has_touch": True}
    with harness.mounted(browser, lab, **phone) as (page, complaints):
        tip = page.get_by_role("slider", name="score of cat").locator(".nw-lab-hit")
        assert tip.bounding_box()["height"] == pytest.approx(44, abs=0.5)
        assert tip.evaluate("e => getComputedStyle(e).touchAction") == "none"
        assert page.locator(".nw-lab-drawing").evaluate("e => getComputedStyle(e).touchAction") == "pan-y"
        assert not complaints


def test_a_rival_shows_beside_softmax_and_what_is_wrong_with_it(browser):
    lab = SoftmaxLab([3.0, 2.0, -1.0], ["cat", "dog", "of"], title="Why?", gradients=False)
    with harness.mounted(browser, lab, viewport={"width": 760, "height": 900}) as (page, complaints):
        assert set(drawn(page)) == {"softmax gives cat 0.721", "softmax gives dog 0.265", "softmax gives of 0.013"}
        page.get_by_role("button", name="plain division").click()
        drawn_says(page, "plain division gives of −0.250")
        page.wait_for_function("document.querySelectorAll('.nw-lab-value.nw-lab-outside').length === 1")
        assert "plain division, below 0" in page.locator(".nw-lab-drawing").text_content()
        assert "“of” gets −0.25, and" in page.inner_text(".nw-lab-noticed")
        page.get_by_role("button", name="argmax").click()
        drawn_says(page, "argmax gives cat 1")
        assert page.get_by_role("button", name="argmax").get_attribute("aria-pressed") == "true"

        # everything else is under More: presets, the shift, what divides, and the table
        assert not page.get_by_role("button", name="All equal").is_visible()
        page.get_by_text("More", exact=True).click()
        page.get_by_role("button", name="All equal").click()
        page.wait_for_function("document.querySelector('.nw-lab-noticed').textContent.includes('tie')")
        assert shown(page)["cat"] == ["0.0", "0.333", "0.333", "–", "0.333", "0.333", "1"]
        assert "NaN" not in page.inner_text(".nw")
        page.get_by_role("button", name="Original scores").click()
        harness.painted(page)
        before = [row[1] for row in shown(page).values()]
        page.get_by_role("button", name="All + 100").click()
        harness.painted(page)
        after = shown(page)
        assert [row[1] for row in after.values()] == before and after["cat"][0] == "103.0"  # softmax stays
        assert after["change from the shift"][1] == "0" and after["change from the shift"][3] not in ("0", "–")
        page.wait_for_function("document.querySelectorAll('.nw-lab-ghost').length === 6")
        assert "each +100" in page.inner_html(".nw-lab-drawing")
        shift = page.get_by_role("slider", name="Add to all scores")
        shift.press("Home")
        harness.painted(page)
        assert shift.get_attribute("aria-valuetext") == "−100" and shown(page)["sum"][4] == "1"
        page.get_by_label("Divide sigmoid and tanh").press("Space")
        page.get_by_role("button", name="sigmoid").click()
        page.get_by_role("button", name="Original scores").click()
        drawn_says(page, "sigmoid gives cat 0.953")
        assert "sigmoid, sum 2.1, not 1" in page.locator(".nw-lab-drawing").text_content()
        page.wait_for_function(
            "document.querySelector('.nw [role=status]').textContent.startsWith('Softmax: cat 0.721')"
        )
        assert page.locator("select").count() == 0 and not complaints


PUSHES = "() => [...document.querySelectorAll('.nw-lab-drawing .nw-lab-value')].map(e => e.textContent)"


def test_training_pushes_the_scores(browser):
    lab = SoftmaxLab(title="Why?")
    with harness.mounted(browser, lab, viewport={"width": 760, "height": 900}, reduced_motion="reduce") as (page, said):
        push = lab._push()
        assert f"{push[0]:+.2f}" in page.evaluate(PUSHES) and "−0.25" in page.evaluate(PUSHES)
        page.get_by_role("button", name="Push").click()
        harness.painted(page)  # with less motion, it's there at once
        lab.scores = (np.array(lab.scores) + push).tolist()
        assert value(page, "cat") == pytest.approx(lab.scores[0]) and value(page, "dog") == pytest.approx(lab.scores[1])
        assert any(title.startswith(f"softmax gives cat {lab._results()['softmax'][0]:.3f}") for title in drawn(page))
        page.get_by_label("The right token").select_option("of")
        harness.painted(page)
        assert "+1.00" in page.evaluate(PUSHES) and "✓ of" in page.locator(".nw-lab-drawing").text_content()
        page.get_by_role("button", name="argmax").click()
        harness.painted(page)
        assert page.get_by_role("button", name="Push").get_attribute("aria-disabled") == "true"
        page.get_by_text("More", exact=True).click()
        for method in ("softmax", "sparsemax", "plain division", "sigmoid", "tanh", "argmax"):
            page.get_by_role("button", name=method).click()
            harness.painted(page)
        assert "Every slope is 0" in page.inner_text(".nw-lab-says") and page.locator("td[style]").count() == 25
        with harness.mounted(browser, lab, address='#widget=1&scores=[1,"x",3,4]&shift=1e9&method="no"') as (bad, _):
            assert 'must be 4 numbers from −10 to 10; got [1,"x",3,4]' in bad.inner_text("[role=alert]")
        assert not said


MIDWAY = """async () => {
    const bars = DRAWN, heights = [];
    const look = () => heights.push(bars().find(([title]) => title.startsWith("argmax gives cat"))?.[1]);
    [...document.querySelectorAll(".nw-choice button")].find(b => b.textContent === "argmax").click();
    for (let k = 0; k < 40; k++) { await new Promise(requestAnimationFrame); look(); }
    return heights.filter(h => h !== undefined);
}"""


def test_a_new_rival_grows_and_arrives(browser):
    with harness.mounted(browser, SoftmaxLab(method="sigmoid")) as (page, complaints):
        heights = page.evaluate(MIDWAY.replace("DRAWN", DRAWN))
        assert heights == sorted(heights) and heights[0] < 0.9 * heights[-1]
        drawn_says(page, "argmax gives cat 1")
        assert max(drawn(page).values()) == pytest.approx(heights[-1], abs=1) and not complaints


def test_ten_long_labels_on_a_small_phone(browser):
    names = ["programmer", "the", "elephants", "a b", "quickly", "un", "bank", "strawberries", "x", "water"]
    lab = SoftmaxLab(np.linspace(8, -6, 10), names, method="plain", target=9)
    with harness.mounted(browser, lab, viewport={"width": 320, "height": 800}, has_touch=True) as (page, complaints):
        assert page.get_by_role("slider").count() == 10
        page.get_by_text("More", exact=True).click()
        assert page.evaluate("document.documentElement.scrollWidth") == 320
        out = page.locator(".nw-lab-drawing text").evaluate_all(
            "all => all.map(e => e.getBoundingClientRect()).filter(b => b.left < 0 || b.right > 320).length"
        )
        assert out == 0 and not complaints
