"""LearningNet: the page's training against NumPy's, its gradients against finite differences, and the live figure."""

import numpy as np
import pytest
import traitlets

from book.widgets import LearningNet
from book.widgets.learning_net import BATCH, BUGS, LETTERS, UNITS, V, letter, letters_of
from helpers import data, sampling
from tests.widgets.examples import learning_net
from tests.widgets.harness import call, mounted, painted

TEXT = data.shakespeare_split()[0][:20_000]
STEPS = """([text, options, seed, steps]) => {
    const net = module.begin(text, seed, options.bug);
    for (let i = 0; i < steps && !module.broken(net); i++) module.step(net, options);
    return [net.losses, Object.values(net.weights).map(values => [...values])];
}"""


@pytest.mark.parametrize("tanh", [True, False])
@pytest.mark.parametrize("bug", BUGS)
def test_the_page_trains_as_numpy_does(js, bug, tanh):
    net = LearningNet(TEXT, bug=bug, tanh=tanh, off=[3, 7], rate=0.3, seed=5)
    weights, losses = net.train(80)
    options = {"tanh": tanh, "off": [3, 7], "bug": bug, "rate": 0.3}
    there, numbers = js("learning_net_model").evaluate(f"a => ({STEPS})(a)", [TEXT, options, 5, 80])
    assert len(there) == len(losses) and np.allclose(there, losses, rtol=1e-9)
    for name, values in zip("EWbOc", numbers, strict=True):
        assert np.allclose(values, weights[name].ravel(), rtol=1e-7, atol=1e-9), name


@pytest.mark.parametrize("bug, right", [("none", True), ("slope", False)])
def test_a_step_goes_down_the_gradient_unless_the_slope_of_tanh_is_forgotten(bug, right):
    net = LearningNet(TEXT, bug=bug, rate=1.0)
    before, after = net.train(0)[0], net.train(1)[0]
    rng = sampling.Mulberry32(net.seed)
    rng.random(sum(before[name].size for name in "EWO"))
    ids = letters_of(TEXT)
    at = (rng.random(BATCH) * (len(ids) - LETTERS)).astype(int)
    x, y = ids[at[:, None] + np.arange(LETTERS)], ids[at + LETTERS]

    def loss() -> float:
        return -np.log(sampling.softmax(net._forward(before, x)[2])[np.arange(BATCH), y]).mean()

    found = []
    for name, place in (("W", (2, 3)), ("W", (5, 0)), ("E", (5, 1)), ("E", (20, 0)), ("b", (4,))):
        kept, slopes = before[name][place], []
        for nudge in (1e-5, -1e-5):
            before[name][place] = kept + nudge
            slopes.append(loss())
        before[name][place] = kept
        numeric = (slopes[0] - slopes[1]) / 2e-5
        found.append(np.isclose(kept - after[name][place], numeric, rtol=1e-4, atol=1e-9))
    assert all(found) == right


def test_with_tanh_it_beats_counted_pairs_and_without_it_does_not(js):
    """The sentence under the figure, and the reason why the figure has that switch."""
    counted = call(js("learning_net_model"), "text => module.bigramLoss(module.lettersOf(text))", TEXT)
    ids, pairs = letters_of(TEXT), np.zeros((V, V))
    np.add.at(pairs, (ids[:-1], ids[1:]), 1)
    p = pairs / np.maximum(pairs.sum(axis=1, keepdims=True), 1)
    assert np.isclose(counted, -np.log(p[ids[:-1], ids[1:]]).mean())
    ends = {tanh: np.mean(LearningNet(TEXT, tanh=tanh).train(2500)[1][-300:]) for tanh in (True, False)}
    assert ends[True] < counted - 0.03 and ends[False] > counted + 0.05


def test_the_space_ends_up_alone_and_y_is_often_next():
    """What chapter 2 says about six seeds."""
    text, second = data.shakespeare_split()[0][:30_000], []
    for seed in range(1, 7):
        E = LearningNet(text, seed=seed).train(3000)[0]["E"]
        alone = [np.sort(np.linalg.norm(E - row, axis=1))[1] for row in E]
        first, next_one = np.argsort(alone)[::-1][:2]
        assert letter(first) == "␣"
        second.append(letter(next_one))
    assert second.count("y") == 4


def test_a_curve_of_many_losses_keeps_their_mean(js):
    losses = list(np.random.default_rng(0).random(3000))
    points = call(js("learning_net"), "curve", losses)
    assert len(points) <= 151 and abs(np.mean([y for _, y in points]) - np.mean(losses)) < 0.02
    assert call(js("learning_net"), "curve", [3.0, 2.0])[0] == [1, 3]


def told(page) -> str:
    return page.locator(".nw-net-told").inner_text()


def test_it_learns_pauses_and_starts_over(browser):
    with mounted(browser, learning_net()) as (page, complaints):
        assert "random" in told(page)
        before = page.locator(".nw-net svg text").nth(5).get_attribute("transform")
        page.get_by_role("button", name="Train").click()
        page.wait_for_function("/[3-9]\\d\\d steps/.test(document.querySelector('.nw-net-told').textContent)")
        page.get_by_role("button", name="Pause").click()
        painted(page)
        assert page.locator(".nw-net svg text").nth(5).get_attribute("transform") != before
        now = told(page)
        painted(page)
        assert told(page) == now and page.get_by_role("button", name="Train").is_visible()
        page.get_by_role("button", name="Start over").click()
        painted(page)
        assert "random" in told(page) and not complaints


def test_what_shows_is_what_python_computes(browser):
    net = learning_net(auto=300)
    p = net.distribution(300)
    with mounted(browser, net, reduced_motion="reduce") as (page, _):
        page.wait_for_function("/^300 steps/.test(document.querySelector('.nw-net-told').textContent)")
        shown = page.locator(".nw-net-bars > span").evaluate_all("all => all.map(e => e.title)")
        best = page.locator(".nw-net-next").inner_text()
    assert [float(title.split(": ")[1].replace("<", "")) for title in shown] == pytest.approx(p, abs=1e-3)
    assert f"{p.max():.3f}" in best


def test_units_are_switched_off_and_the_bars_follow(browser):
    net = learning_net(auto=300)
    with mounted(browser, net, reduced_motion="reduce") as (page, _):
        page.wait_for_function("/^300 steps/.test(document.querySelector('.nw-net-told').textContent)")
        bars = "[...document.querySelectorAll('.nw-net-bars > span')].map(e => e.title).join()"
        before = page.evaluate(bars)
        unit = page.locator(".nw-net-unit").nth(2)
        unit.press("Enter")
        painted(page)
        assert unit.get_attribute("aria-pressed") == "false" and "off" in unit.get_attribute("aria-label")
        assert page.evaluate(bars) != before
        unit.press("Enter")
        painted(page)
        assert page.evaluate(bars) == before


def test_typed_letters_are_read(browser):
    with mounted(browser, learning_net()) as (page, _):
        box = page.get_by_label("Three letters that the network reads")
        before = page.locator(".nw-net-next").inner_text()
        box.fill("Qu!")
        painted(page)
        assert page.locator(".nw-net-next").inner_text() != before
        box.blur()
        assert box.input_value() == "qu "


def test_with_less_motion_a_thousand_steps_come_at_once(browser):
    with mounted(browser, learning_net(), reduced_motion="reduce") as (page, _):
        page.get_by_role("button", name="Train").click()
        painted(page)
        assert told(page).startswith("1,000 steps")


def test_it_says_when_the_loss_runs_away(browser):
    with mounted(browser, learning_net(bug="never clear"), reduced_motion="reduce") as (page, complaints):
        page.get_by_role("button", name="Train").click()
        painted(page)
        assert "ran away" in told(page) and not complaints


def test_it_starts_by_itself_once_it_is_seen(browser):
    with mounted(browser, learning_net(auto=120)) as (page, _):
        page.wait_for_function("/^120 steps/.test(document.querySelector('.nw-net-told').textContent)")


@pytest.mark.parametrize(
    "values, words",
    [
        ({"context": "The"}, "lowercase letters"),
        ({"context": "to"}, "3 lowercase letters"),
        ({"rate": 0}, "rate must be"),
    ],
)
def test_what_is_wrong_is_said(values, words):
    with pytest.raises(traitlets.TraitError, match=words):
        LearningNet(TEXT, **values)


def test_a_text_must_have_letters():
    with pytest.raises(traitlets.TraitError, match="4 to 200,000 letters; got 1"):
        LearningNet("123!")
    assert UNITS == 16


@pytest.mark.parametrize(
    ("typed", "read"), [("a  ", [1, 0, 0]), ("  a", [0, 0, 1]), ("12!", [0, 0, 0]), ("x", [0, 0, 24])]
)
def test_any_three_letters_are_read(js, browser, typed, read):
    assert call(js("learning_net_model"), "contextOf", typed) == read
    with mounted(browser, learning_net(), address=f"#widget=1&context=%22{typed}%22") as (page, complaints):
        shown = page.locator(".nw-net-bars > span").evaluate_all("all => all.map(e => e.title)")
        assert sum(float(title.split(": ")[1].replace("<", "")) for title in shown) == pytest.approx(1, abs=0.03)
        assert not complaints


def test_python_reads_blanks_as_the_page_does():
    net = learning_net(context="a  ")
    assert net.distribution(50).sum() == pytest.approx(1)
    assert not np.allclose(net.distribution(50), learning_net(context="  a").distribution(50))


def test_after_its_last_step_it_starts_over(browser):
    with mounted(browser, learning_net(auto=20_000), reduced_motion="reduce") as (page, _):
        for n in range(1, 20):
            page.wait_for_function(f"document.querySelector('.nw-net-told').textContent.startsWith('{n},000 steps')")
            page.get_by_role("button", name="Train").click()
        page.wait_for_function("document.querySelector('.nw-net-told').textContent.startsWith('20,000 steps')")
        page.get_by_role("button", name="Train").click()
        page.wait_for_function("document.querySelector('.nw-net-told').textContent.startsWith('1,000 steps')")
