"""Descent: what it accepts, its landscapes and paths in Python and on the page, its words, and the figure in a page."""

import json
import math

import numpy as np
import pytest
import traitlets

from book.widgets.descent import LANDSCAPES, Descent, _data, descend, sampled
from tests.widgets import harness


def wave(w):
    return math.sin(3 * w) + 0.5 * w * w


# Python


@pytest.mark.parametrize("name", LANDSCAPES)
def test_slopes_minima_and_the_part_shown(name):
    landscape, rng, step = LANDSCAPES[name], np.random.default_rng(0), 1e-6
    for place in rng.uniform(landscape.low, landscape.high, (50, len(landscape.names))):
        for k, slope in enumerate(landscape.slope(*place)):
            nudge = step * np.eye(len(place))[k]
            estimate = (landscape.loss(*(place + nudge)) - landscape.loss(*(place - nudge))) / (2 * step)
            assert slope == pytest.approx(estimate, abs=1e-5)
    for bottom in landscape.minima:
        assert np.abs(landscape.slope(*bottom)).max() < 1e-3
        around = [landscape.loss(*(np.array(bottom) + d)) for d in rng.normal(0, 0.05, (20, len(bottom)))]
        assert min(around) >= landscape.loss(*bottom) - 1e-6
    assert min(landscape.loss(*m) for m in landscape.minima) == pytest.approx(0, abs=1e-4)
    assert landscape.loss(*landscape.start) < landscape.top


def test_a_path_is_that_of_the_chapter():
    w, velocity, path = np.array([-1.8, 0.9]), np.zeros(2), []
    for _ in range(26):
        path.append(w)
        velocity = 0.5 * velocity - 0.08 * 2 * np.array([1, 10]) * w
        w = w + velocity
    assert np.allclose(descend(LANDSCAPES["narrow valley"], [-1.8, 0.9], 0.08, 0.5, 25)["path"], path)


def test_a_run_ends_before_its_numbers_overflow():
    wild = descend(LANDSCAPES["two valleys"], [1.6], 10, 0.99, 200)
    assert (
        wild["ended"] == "diverged" and np.isfinite(wild["losses"]).all() and len(wild["path"]) == len(wild["losses"])
    )
    out = descend(sampled(wave, -2, 2), [1.9], 5, 0, 10)
    assert out["ended"] == "left" and len(out["path"]) == 1
    assert descend(LANDSCAPES["bowl"], [1.0], 1.0, 0, 200)["ended"] == ""


def test_curves_through_samples_are_close_and_smooth():
    curve, at = sampled(wave, -2, 3), np.linspace(-2, 3, 997)
    assert [curve.loss(w) for w in at] == pytest.approx([wave(w) for w in at], abs=2e-5)
    assert [curve.slope(w)[0] for w in at] == pytest.approx([3 * math.cos(3 * w) + w for w in at], abs=4e-3)
    square = sampled(lambda w: (w - 0.3) ** 2, 0, 1)  # a parabola comes out exact, at its ends too
    assert [square.slope(w)[0] for w in (0, 0.001, 0.5, 1)] == pytest.approx([-0.6, -0.598, 0.4, 1.4], abs=1e-4)
    assert curve.loss(3.001) is None and curve.loss(-2.001) is None


@pytest.mark.parametrize(
    "loss, options, says",
    [
        ("hill", {}, "loss must be one of bowl, two valleys"),
        ([], {}, "loss must be one of bowl"),
        (wave, {}, "A function needs low and high"),
        (wave, {"low": 2, "high": -2}, "got low=2 and high=-2"),
        (math.log, {"low": 1, "high": math.inf}, "A function needs low and high"),
        (lambda w: 1 / w if w else math.inf, {"low": -1, "high": 1}, "must be finite from -1 to 1; got inf at 0"),
        ("bowl", {"start": 3}, "inside the picture: w from -2 to 2; got [3]"),
        ("saddle", {"start": [0.5]}, "u from -2.2 to 1.4, v from"),
        ("bowl", {"start": [math.nan]}, "inside the picture"),
        ("bowl", {"rates": []}, "1 to 4 learning rates"),
        ("bowl", {"rates": [0.1] * 5}, "1 to 4 learning rates"),
        ("bowl", {"rates": [0.0]}, "each from 0.001 to 10; got [0.0]"),
        ("bowl", {"rates": ["fast"]}, "each from 0.001 to 10"),
        ("bowl", {"momentum": 1}, "momentum must be a number from 0 to 0.99; got 1."),
        ("bowl", {"steps": 2.5}, "steps must be a whole number from 0 to 200; got 2.5."),
    ],
)
def test_what_cannot_be_shown_gets_a_sentence(loss, options, says):
    with pytest.raises((ValueError, traitlets.TraitError)) as error:
        Descent(loss, **options)
    assert says in str(error.value) and "\n" not in str(error.value)
    with pytest.raises(TypeError, match="no setting 'speed'"):
        Descent("bowl", speed=3)


def test_another_landscape_begins_at_its_own_start():
    figure = Descent(["bowl", "saddle"])
    figure.loss = "saddle"
    assert figure.start == [-1.8, 0.02] and figure.rates == [0.05, 0.3, 0.9]
    with pytest.raises(traitlets.TraitError, match="loss must be one of bowl, saddle; got 'cliff'"):
        figure.loss = "cliff"
    assert "from u = -1.8, v = 0.02" in figure.alt() and len(figure.still().figure.axes) == 3


# In a browser


@pytest.fixture
def page_runs(js):
    """Runs [name, data, start, rate, momentum, steps] in the module: each with its path, losses, end and verdict."""
    code = """cases => cases.map(([name, map, ...options]) => {
        const formulas = module.formulasOf(name, map), run = module.slide(formulas, ...options);
        return { ...run, verdict: module.verdict(run, formulas, map) };
    })"""
    return lambda cases: js("descent").evaluate(code, cases)


def test_python_and_the_page_take_the_same_paths(page_runs):
    rng, cases, expected = np.random.default_rng(0), [], []
    grounds = {**LANDSCAPES, "samples": sampled(wave, -2, 3)}
    for i in range(5_000):
        name = list(grounds)[i % len(grounds)]
        start = rng.uniform(grounds[name].low, grounds[name].high).tolist()
        options = [start, float(10 ** rng.uniform(-3, 0.5)), float(rng.choice([0, 0.5, 0.9])), int(rng.integers(0, 12))]
        cases.append([name, _data(grounds[name]), *options])
        expected.append(descend(grounds[name], *options))
    found = page_runs(cases)
    assert {run["ended"] for run in expected} == {"", "left", "diverged"}
    for case, here, there in zip(cases, expected, found, strict=True):
        assert there["ended"] == here["ended"] and len(there["path"]) == len(here["path"]), case
        assert np.allclose(there["path"], here["path"], rtol=1e-6, atol=1e-9), case  # chaos magnifies the last digit
        assert np.allclose(there["losses"], here["losses"], rtol=1e-5, atol=1e-9), case
        assert np.isfinite(there["losses"]).all() and not any("NaN" in text for text in there["verdict"]), case


@pytest.mark.parametrize(
    "name, start, rate, momentum, steps, word, says",
    [
        ("bowl", [1], 0.4, 0, 12, "Gets there", "almost 0 in 12 steps"),
        ("bowl", [1], 0.002, 0, 12, "Too slow", "in 12 steps"),
        ("bowl", [1], 0.02, 0, 20, "On its way", "in 20 steps"),
        ("bowl", [1], 1.1, 0, 12, "Diverges", "overshoots and lands higher"),
        ("bowl", [1], 1.0, 0, 12, "Bounces", "jumps across"),
        ("two valleys", [1.6], 0.004, 0, 60, "On its way", "in 60 steps"),
        ("bowl", [1], 10, 0, 200, "Diverges", "it's too large to follow"),
        ("bowl", [1], 0.4, 0, 0, "Start", "Loss 1."),
        ("bowl", [0], 0.4, 0, 5, "Gets there", "Loss 0"),
        ("two valleys", [1.6], 0.1, 0, 25, "Stuck", "not the lowest one"),
        ("two valleys", [1.6], 0.2, 0, 25, "Gets there", ""),
        ("saddle", [-1.8, 0], 0.3, 0, 40, "Stuck", "this isn't a valley"),
        ("saddle", [-1.8, 0.02], 0.3, 0, 40, "Gets there", ""),
        ("narrow valley", [-1.8, 0.9], 0.102, 0, 25, "Diverges", "lands higher"),
        ("samples", [2.9], 1.5, 0, 25, "Off the chart", "we don't know the loss"),
    ],
)
def test_what_became_of_a_run_is_said(page_runs, name, start, rate, momentum, steps, word, says):
    ground = {**LANDSCAPES, "samples": sampled(wave, -2, 3)}[name]
    (run,) = page_runs([[name, _data(ground), start, rate, momentum, steps]])
    assert run["verdict"][0] == word and says in run["verdict"][1]


def test_a_ball_hops_and_names_keep_apart(js):
    points = [[0, 0], [100, 0], [100, 10]]
    found = harness.calls(js("descent"), "hop", [[points, t] for t in (0, 0.5, 1, 1.5, 2, 7)])
    assert [hop["k"] for hop in found] == [0, 0, 1, 1, 2, 2]
    assert [hop["at"] for hop in found] == pytest.approx(
        np.array([[0, 0], [50, -22], [100, 0], [100, 2], [100, 10], [100, 10]]), abs=1e-9
    )
    assert harness.call(js("descent"), "hop", points, 0.5, 0)["at"] == [50, 0]
    assert harness.call(js("descent"), "spread", [50, 10, 52, 54], 15, 60) == [30, 10, 45, 60]
    assert harness.call(js("descent"), "spread", [10, 30], 15, 60) == [10, 30]


def said(page) -> list[str]:
    """The sentence below each run."""
    harness.painted(page)
    return page.locator(".nw-descent-panel > p").all_inner_texts()


def at(page) -> list[float]:
    """Where the first ball is."""
    harness.painted(page)
    words = page.locator(".nw-descent-ball").first.get_attribute("aria-valuetext").replace("−", "-")
    return [float(part.split(" = ")[1]) for part in words.split(", ")]


def rolled(page) -> None:
    """Wait until no ball rolls."""
    page.wait_for_function("document.querySelector('.nw-go').textContent === '▶ Run'")


def middle(locator) -> tuple[float, float]:
    area = locator.bounding_box()
    return area["x"] + area["width"] / 2, area["y"] + area["height"] / 2


def on_map(page, right: float, up: float) -> tuple[float, float]:
    """A point of the first map, from 0 to 1 between its axes' ends."""
    area = page.locator(".nw-descent-map > svg").first.bounding_box()
    return area["x"] + 40 + right * (area["width"] - 50), area["y"] + 22 + (1 - up) * (area["height"] - 56)


def test_the_figure_in_a_page(browser):
    figure = Descent(["bowl", "narrow valley"], steps=12, most=20, caption="<i>x</i>")
    with harness.mounted(browser, figure, reduced_motion="reduce") as (page, complaints):
        assert page.locator(".nw-caption").inner_text() == "<i>x</i>"
        assert [text.split(".")[0] for text in said(page)] == ["On its way", "Gets there", "Diverges"]

        # each control by keyboard
        page.get_by_role("slider", name="Learning rate", exact=True).nth(2).focus()
        for _ in range(6):  # from 1.1 below the border at 1
            page.keyboard.press("ArrowLeft")
        assert not said(page)[2].startswith("Diverges")
        assert page.locator(".nw-descent-chart text", has_text="rate 0.").count() == 3
        page.locator("summary").click()
        start = page.get_by_role("slider", name="Start w", exact=True)
        steps = page.get_by_role("slider", name="Steps")
        start.focus()
        page.keyboard.press("End")
        assert said(page)[1].startswith("Gets there. Loss 4 →") and start.get_attribute("aria-valuetext") == "2"
        page.get_by_role("button", name="Rewind").press("Enter")
        assert said(page) == ["Start. Loss 4."] * 3
        page.get_by_role("button", name="Step", exact=True).press("Enter")
        assert "in 1 step." in said(page)[0] and steps.input_value() == "1"
        momentum = page.get_by_role("slider", name="Momentum")
        before = said(page)
        steps.focus()
        page.keyboard.press("End")
        momentum.focus()
        page.keyboard.press("PageUp")
        assert said(page) != before and momentum.get_attribute("aria-valuetext") != "0.00"
        page.get_by_role("button", name="Add a learning rate").press("Enter")
        page.keyboard.press("Enter")  # too quick for the picture, and one too many
        said(page)
        page.keyboard.press("Enter")  # it has the focus still, and does nothing
        assert len(said(page)) == 4 and page.get_by_role("button", name="Add a learning rate").is_disabled()
        assert page.evaluate("document.activeElement.textContent") == "Add a learning rate"
        page.get_by_role("button", name="Remove the last one").press("Enter")
        page.get_by_role("button", name="Remove the last one").press("Enter")
        assert len(said(page)) == 2
        page.keyboard.press("Enter")
        page.keyboard.press("Enter")
        assert len(said(page)) == 1 and page.evaluate("document.activeElement.textContent") == "Remove the last one"
        assert page.locator(".nw-descent-chart text", has_text="rate").count() == 0

        # another landscape has its own start; a click or a drag on the map moves it
        page.get_by_role("combobox", name="Landscape").select_option("Narrow valley: u² + 10 v²")
        assert len(said(page)) == 3 and at(page) == [-1.8, 0.9]
        x, y = on_map(page, 0.25, 0.75)
        page.mouse.click(x, y)
        assert at(page) == pytest.approx([-1.3, 0.75], abs=0.03)
        page.mouse.down()
        page.mouse.move(x - 300, y - 200, steps=3)  # and off the map
        page.mouse.up()
        assert at(page) == [-2.2, 1.5]
        assert page.evaluate("getSelection().toString()") == ""  # a drag marks no text
        assert not complaints


def test_run_hops_from_the_start_to_the_last_step(browser):
    with harness.mounted(browser, Descent("bowl", steps=5, most=12)) as (page, complaints):
        page.evaluate("""() => { window.told = []; new MutationObserver(() => {
            const words = document.querySelector('.nw-descent-panel > p').textContent;
            if (window.told.at(-1) !== words) window.told.push(words);
        }).observe(document.querySelector('.nw-descent-panels'), { childList: true, subtree: true }); }""")
        dots = """() => [...document.querySelectorAll('.nw-descent-panel:first-child .nw-descent-trail > circle')]
            .filter(e => e.style.display !== 'none').length"""
        assert page.evaluate(dots) == 6  # each step left its dot, and the ball that rolled is at the last
        page.get_by_role("button", name="Run").click()
        rolled(page)
        assert all("in 12 steps" in text or "Diverges" in text for text in said(page))
        assert page.evaluate(dots) == 13
        told = page.evaluate("told")
        assert told[0] == "Step 0 of 12. Loss 1." and sum(words.startswith("Step ") for words in told) > 6

        page.get_by_role("button", name="Run").click()
        page.wait_for_function("document.querySelector('.nw-descent-panel > p').textContent.startsWith('Step 3 of')")
        page.get_by_role("button", name="Pause").click()
        page.locator("summary").click()
        taken = int(page.get_by_role("slider", name="Steps").input_value())
        assert 3 <= taken < 12 and f"in {taken} steps" in said(page)[0]
        page.get_by_role("button", name="Run").click()  # goes on from there
        page.wait_for_function("document.querySelector('.nw-go').textContent.includes('Pause')")
        assert int(said(page)[0].split()[1]) >= taken
        page.get_by_role("slider", name="Learning rate", exact=True).first.press("ArrowRight")  # another rate ends it
        rolled(page)
        assert not said(page)[0].startswith("Step") and not complaints


def test_the_ball_is_dragged_and_rolls(browser):
    with harness.mounted(browser, Descent("bowl", rates=[0.1], steps=6)) as (page, complaints):
        ball, slope = page.locator(".nw-descent-ball"), page.locator(".nw-descent-slope")
        assert at(page) == [1] and slope.count() == 0
        x, y = middle(ball)
        page.mouse.move(x, y)
        page.mouse.down()
        harness.painted(page)
        assert slope.inner_html() == "slope 2" and at(page) == [1]
        page.mouse.move(on_map(page, 0.625, 0)[0], y - 40, steps=4)
        assert at(page) == pytest.approx([0.5], abs=0.02)
        assert float(slope.inner_html().split()[1]) == pytest.approx(2 * at(page)[0], abs=0.01)
        page.mouse.up()
        page.wait_for_function("document.querySelector('.nw-descent-panel > p').textContent.startsWith('Step ')")
        assert slope.count() == 0
        rolled(page)
        assert "in 6 steps" in said(page)[0]

        # by keyboard
        ball.focus()
        page.keyboard.down("ArrowRight")
        harness.painted(page)
        assert slope.count() == 1 and at(page) == pytest.approx([0.58], abs=0.02)
        page.keyboard.up("ArrowRight")
        page.wait_for_function("document.querySelector('.nw-descent-panel > p').textContent.startsWith('Step ')")
        rolled(page)
        page.keyboard.press("Home")
        assert at(page) == [-2] and ball.get_attribute("aria-valuenow") == "-2"
        assert page.evaluate("document.activeElement.classList.contains('nw-descent-ball')")
        assert not complaints


def test_a_finger_taps_a_place_and_drags_only_the_ball(browser):
    phone = {"viewport": {"width": 360, "height": 700}, "has_touch": True, "reduced_motion": "reduce"}
    with harness.mounted(browser, Descent("saddle", rates=[0.1]), **phone) as (page, complaints):
        page.touchscreen.tap(*on_map(page, 0.25, 0.75))
        assert at(page) == pytest.approx([-1.3, 0.8], abs=0.03)
        touch = "e => getComputedStyle(e).touchAction"
        assert page.locator(".nw-descent-ball").evaluate(touch) == "none"
        assert page.locator(".nw-descent-axes").first.evaluate(touch) == "auto"
        assert not complaints


def test_reduced_motion_jumps_to_the_end(browser):
    with harness.mounted(browser, Descent("bowl", steps=0, most=30), reduced_motion="reduce") as (page, _):
        page.get_by_role("button", name="Run").click()
        assert all("in 30 steps" in text for text in said(page))


def test_a_link_sets_it_and_a_bad_link_gets_a_sentence(browser):
    link = "#widget=1&rates=[0.5]&start=[-2]&steps=1&momentum=7"
    with harness.mounted(browser, Descent("bowl"), address=link) as (page, _):
        assert said(page) == ["Gets there. Loss 4 → almost 0 in 1 step."]
    with harness.mounted(browser, Descent("bowl"), address="#widget=1&start=[1,2]") as (page, _):
        assert at(page) == [1]  # the bowl's own
    bad = {"rates": [99], "start": ["x"], "loss": "saddle"}
    for (name, value), says in zip(
        bad.items(), ("learning rates", "start must have", "no landscape saddle"), strict=True
    ):
        with harness.mounted(browser, Descent("bowl"), address=f"#widget=1&{name}={json.dumps(value)}") as (page, _):
            assert says in page.inner_text(".nw-problem")
