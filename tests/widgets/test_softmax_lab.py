"""SoftmaxLab: what it accepts, that Python, JavaScript and finite differences agree, and the figure in a page."""

import re

import numpy as np
import pytest
from traitlets import TraitError

from book.widgets import SoftmaxLab
from book.widgets.softmax_lab import METHODS, values
from helpers import sampling
from tests.widgets import harness

# Python


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"scores": [1.0, 2.0]}, "Each token needs one score; got 2 for 4 tokens."),
        ({"scores": [1.0], "tokens": ["a"]}, "SoftmaxLab shows 2 to 5 scores, each with its token; got 1 tokens."),
        ({"scores": range(6), "tokens": "abcdef"}, "got 6 tokens."),
        ({"scores": [np.nan, 1.0], "tokens": "ab"}, "A score must be a number from -10 to 10; got nan."),
        ({"scores": [-np.inf, 1.0], "tokens": "ab"}, "got -inf."),
        ({"scores": [10.5, 1.0], "tokens": "ab"}, "got 10.5."),
        ({"shift": 101}, "shift must be a number from -100 to 100; got 101."),
        ({"method": "relu"}, "method must be one of softmax, plain, sigmoid, tanh, argmax; got 'relu'."),
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
    assert values("plain", [1.0, -1.0]) is None and values("plain", [0.1 + 0.2, -0.3]) is None
    assert np.allclose(values("sigmoid", [-100.0, -100.0]), 0.5)  # no 0 / 0 in the tail


@pytest.mark.filterwarnings("error")
def test_the_still_says_what_it_shows():
    lab = SoftmaxLab([2.0, -2.0], ["cat", "a $ sign"], shift=0)
    assert "cat 2, a $ sign -2" in lab.alt() and "softmax 0.98, 0.02" in lab.alt()
    assert "plain has a sum of 0 to divide by" in lab.alt() and "sum 0" in {
        t.get_text() for t in lab.still().figure.axes[2].texts
    }
    widths = [patch.get_width() for patch in lab.still().figure.axes[1].patches]
    assert widths == pytest.approx(list(sampling.softmax([2.0, -2.0])))


# In a browser


@pytest.fixture
def functions(js):
    """Calls a pure function of the module on many lists of arguments: functions(name, cases)."""
    return lambda name, cases: harness.calls(js("softmax_lab"), name, cases)


def drawn_scores(n):
    rng = np.random.default_rng(1)
    for _ in range(n):
        z = np.round(rng.uniform(-10, 10, rng.integers(2, 6)), rng.choice([0, 1]))
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
        up, down = (np.array([values(method, z + s * e, divided) for e in np.eye(len(z))]) for s in (step, -step))
        assert np.allclose(table, ((up - down) / (2 * step)).T, atol=1e-7), (method, z)
        p = values(method, z, divided)
        if method != "softmax" and p[0] <= 0:
            assert loss is None
        elif p[0] > 1e-3:
            assert np.allclose(loss, -(np.log(up[:, 0]) - np.log(down[:, 0])) / (2 * step), atol=1e-5)
            checked += 1
    assert checked > 300
    assert functions("lossGradient", [("softmax", [-700.0, 100.0], 0)]) == [[-1, 1]]  # wrong, certain, and still pulled


def test_what_a_reader_should_notice_is_said(functions):
    names = ["a", "b"]
    cases = [(names, [1, -1], 0), (names, [-1, -2], 0), (names, [3, -1], 0), (names, [2, 2], 0), (names, [5, 4], 3)]
    zero, reversed_, below, tie, shifted = map(" ".join, functions("notices", cases))
    assert "nothing to divide by" in zero and "the order flips" in reversed_ and "below 0" in below
    assert "a and b tie" in tie and "does nothing to softmax, but it moves plain, sigmoid, tanh" in shifted
    assert (
        functions("movedBy", [("softmax", [105, 101], 100)])[0]
        < 1e-12
        < functions("movedBy", [("plain", [5, 4], 3)])[0]
    )


def shown(page) -> dict:
    """Each row of the table: its name, and the texts of its cells."""
    rows = page.locator(".nw-lab > [role=row]").evaluate_all(
        "rows => rows.map(row => [...row.children].map(cell => cell.textContent))"
    )
    return {row[0]: row[1:] for row in rows[1:]}


def settled(page):
    page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")


def test_the_figure_in_a_page(browser):
    lab = SoftmaxLab([3.0, 2.0, -1.0], ["cat", "<i>dog</i>", "a\nb"], title="Five ways", caption="Drag.", shift=0)
    with harness.mounted(browser, lab, viewport={"width": 760, "height": 900}) as (page, complaints):
        now = lambda: lab._results()["softmax"]  # noqa: E731
        assert shown(page)["cat"][:2] == ["3.0", f"{now()[0]:.3f}"] and shown(page)["sum"][0] == "4.0"
        assert shown(page)["<i>dog</i>"][0] == "2.0" and page.locator(".nw i:text-is('dog')").count() == 0
        assert "a value below 0" in page.inner_text(".nw-lab-noticed")

        # a score by keyboard and by mouse
        drag = page.get_by_role("slider", name="score of cat")
        drag.focus()
        page.keyboard.press("ArrowRight")
        settled(page)
        lab.scores = [3.1, 2.0, -1.0]
        assert shown(page)["cat"][:2] == ["3.1", f"{now()[0]:.3f}"]
        box = drag.bounding_box()
        page.mouse.click(box["x"] + box["width"] - 3, box["y"] + box["height"] / 2)
        settled(page)
        assert shown(page)["cat"][0] == "10.0" and "saturation" in page.inner_text(".nw-lab-says")

        # the presets; a sum of 0 is said, and is not NaN
        page.get_by_role("button", name="All equal").click()
        settled(page)
        assert "nothing to divide by" in page.inner_text(".nw-lab-noticed") and "NaN" not in page.inner_text(".nw")
        assert shown(page)["cat"][1:] == ["0.333", "–", "0.333", "0.333", "1"]
        page.get_by_role("button", name="As given").click()
        settled(page)
        before = [row[1] for row in shown(page).values()]
        page.get_by_role("button", name="All + 100").click()
        settled(page)
        assert [row[1] for row in shown(page).values()] == before and shown(page)["cat"][0] == "103.0"  # softmax stays
        assert shown(page)["moved"][1] == "0" and shown(page)["moved"][2] not in ("0", "–")
        shift = page.get_by_role("slider", name="Shift: added to all scores")
        shift.focus()
        page.keyboard.press("Home")
        settled(page)
        assert shift.get_attribute("aria-valuetext") == "−100" and shown(page)["sum"][3] == "1"

        # gradients of each way; an announcement once the reader pauses
        for method in METHODS:
            page.get_by_label("Gradients of").select_option(method)
            page.wait_for_timeout(60)
        assert "Every slope is 0" in page.inner_text(".nw-lab-says")
        page.get_by_label("The actual token").select_option("a↵b")
        page.get_by_label("Divide sigmoid and tanh").focus()
        page.keyboard.press("Space")
        page.wait_for_function(
            "document.querySelector('.nw [role=status]').textContent.startsWith('Softmax: cat 0.721')"
        )

        with harness.mounted(browser, lab, address='#widget=1&scores=[1,"x",3]&shift=1e9&method="no"') as (bad, _):
            assert 'must be 3 numbers from −10 to 10; got [1,"x",3]' in bad.inner_text("[role=alert]")
        assert not complaints


def test_without_gradients_there_is_no_second_table(browser):
    with harness.mounted(browser, SoftmaxLab(gradients=False)) as (page, complaints):
        assert page.locator("select, .nw-lab-slopes").count() == 0 and page.get_by_role("slider").count() == 5
        page.locator(".nw-lab-row").nth(1).hover()
        assert not complaints
