"""Attention in motion: its numbers are Python's at every step, the film, the arrows, the page."""

import numpy as np
import pytest
import traitlets

from book.widgets import AttentionMotion
from book.widgets.attention_motion import head_of, steps
from helpers.llama import Llama, LlamaConfig
from helpers.models import load_gpt
from tests.widgets import harness
from tests.widgets.examples import attention_motion
from tests.widgets.harness import call, calls


def test_the_numbers_are_pythons(js):
    rng = np.random.default_rng(0)
    for _ in range(200):
        T, D = int(rng.integers(1, 12)), int(rng.integers(2, 40))
        q, k, v = rng.normal(0, 2, D), rng.normal(0, 2, (T, D)), rng.normal(0, 2, (T, D))
        last = int(rng.integers(T))
        found, exact = (
            call(js("attention_motion"), "steps", *(x.tolist() for x in (q, k, v)), last),
            steps(q, k, v, last),
        )
        assert found.keys() == exact.keys()
        for name in exact:
            np.testing.assert_allclose(np.array(found[name], dtype=float), exact[name], atol=1e-12, err_msg=name)


def test_a_head_of_a_gpt_is_the_models():
    model, tokenizer = load_gpt("shakespeare")
    ids = tokenizer.encode("Write a poem")
    maps = model.attention_weights(np.array(ids))
    for block, head in ((1, 1), (3, 2), (4, 4)):
        figure = AttentionMotion.of_head(model, list("Write a poem"), ids, block, head)
        for token in (0, 5, -1):
            figure.token = token
            np.testing.assert_allclose(figure.result()["weights"], maps[block - 1, head - 1, token], atol=1e-4)


def test_a_head_of_a_llama_is_the_models():
    """With its key heads shared, and its rotations."""
    config = LlamaConfig(11, context=12, layers=2, heads=4, kv_heads=2, channels=32)
    model = Llama(config, rng=np.random.default_rng(0))
    ids = [3, 1, 4, 1, 5, 9, 2, 6]
    maps = model.attention_weights(np.array(ids))
    for block, head in ((1, 1), (1, 2), (2, 3), (2, 4)):
        figure = AttentionMotion.of_head(model, [str(i) for i in ids], ids, block, head)
        np.testing.assert_allclose(figure.result()["weights"], maps[block - 1, head - 1, -1], atol=1e-4)


def test_looking_at_a_head_leaves_the_model_alone():
    model, _ = load_gpt("poems")
    project = model.blocks[0].attention.qkv
    head_of(model, [1, 2, 3], 1, 1)
    assert model.blocks[0].attention.qkv is project
    with pytest.raises(ValueError, match="blocks 1 to 2 with heads 1 to 4; got block 3, head 1."):
        head_of(model, [1, 2, 3], 3, 1)


def test_the_sweep_goes_back_first(js):
    order = call(js("attention_motion"), "sweepOrder", 2, 5)
    assert np.argsort(order).tolist() == [2, 1, 0, 3, 4] and max(order) == 1


def test_bars_go_from_scores_to_weights(js):
    numbers = steps([1.0, 0.0], [[2, 0], [-4, 1], [3, 3]], [[0, 1], [1, 0], [1, 1]], 1)
    numbers = {name: [None if np.isinf(x) else x for x in found] for name, found in numbers.items()}
    at = """([numbers, i, at]) => module.barAt(
        { ...numbers, masked: numbers.masked.map(x => x ?? -Infinity) }, i, at, 0.3)"""
    module = js("attention_motion")

    def bar(i, when):
        return module.evaluate(at, [numbers, i, when])

    assert bar(0, 0)["height"] == 0
    np.testing.assert_allclose(bar(1, 1)["height"], -0.5)  # the largest score takes half of the room
    np.testing.assert_allclose(bar(1, 2)["height"], -0.3)  # smaller after scaling
    assert bar(2, 3) == {"height": 0, "gone": 1} and bar(0, 3)["gone"] == 0
    for i in (0, 1):
        np.testing.assert_allclose(bar(i, 4)["height"], numbers["weights"][i])
        np.testing.assert_allclose(bar(i, 5)["height"], numbers["weights"][i])


def test_the_answer_is_inside_the_hull(js):
    module, rng = js("attention_motion"), np.random.default_rng(1)
    for _ in range(100):
        points = rng.normal(size=(int(rng.integers(3, 9)), 2))
        corners = np.array(call(module, "hull", points.tolist()))
        w = rng.dirichlet(np.ones(len(points)))
        sides = np.roll(corners, -1, axis=0) - corners
        to = w @ points - corners
        assert (sides[:, 0] * to[:, 1] - sides[:, 1] * to[:, 0] > -1e-9).all()
    assert calls(module, "hull", [[[[0, 0], [1, 1]]], [[[1, 0], [0, 0], [0, 1], [0.2, 0.2]]]]) == [
        [[0, 0], [1, 1]], [[0, 0], [1, 0], [0, 1]],
    ]  # fmt: skip


def weights(page) -> list[float]:
    return [float(cell.inner_text()) for cell in page.locator(".nw-motion-numbers tbody td:last-child").all()]


def test_the_figure_in_a_page(browser):
    figure = attention_motion()
    with harness.mounted(browser, figure, viewport={"width": 800, "height": 1000}) as (page, complaints):
        page.get_by_text("More", exact=True).click()

        def agrees():
            page.evaluate(harness.PAINTED)
            np.testing.assert_allclose(weights(page), figure.result()["weights"], atol=0.00051)

        agrees()
        query = page.get_by_role("slider", name="query of its")
        query.press("ArrowUp")
        query.press("ArrowLeft")
        figure.q = [*figure.q[:2], [figure.q[2][0] - 0.25, figure.q[2][1] + 0.25]]
        agrees()
        key = page.get_by_role("slider", name="key of poem")
        box = key.bounding_box()
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        page.mouse.move(x, y)
        page.mouse.down()
        page.mouse.move(x + 60, y + 40, steps=4)
        page.mouse.up()
        page.evaluate(harness.PAINTED)
        assert weights(page)[0] != pytest.approx(figure.result()["weights"][0], abs=0.002)
        moved = [float(n.replace("−", "-")) for n in key.get_attribute("aria-valuetext").split(", ")]
        figure.k = [moved, *figure.k[1:]]
        agrees()
        page.locator(".nw-motion-tokens button", has_text="cat").press("ArrowLeft")  # to poem, which sees only itself
        figure.token = 0
        agrees()
        page.get_by_label("Mask: no looking ahead").uncheck()
        figure.causal = False
        agrees()
        page.get_by_role("button", name="2 scale").click()
        page.wait_for_function("document.querySelector('.nw-motion-told').innerText.includes('divided by √2')")
        assert page.get_by_role("slider", name="Step").get_attribute("aria-valuetext") == "scale 100%"
        assert not complaints, complaints


def test_the_film_spends_its_time_on_each_step(js):
    at = lambda start, seconds, spans: call(js("attention_motion"), "momentAt", start, seconds, spans)  # noqa: E731
    assert at(0, 1.5, [1, 1, 0.5, 1, 1]) == pytest.approx(1.5)
    assert at(2, 0.25, [1, 1, 0.5, 1, 1]) == pytest.approx(2.5)
    assert at(1.5, 1.5, [1, 1, 0.5, 1, 1]) == pytest.approx(3.5) and at(0, 99, [1, 1, 0.5, 1, 1]) == 5


def test_it_plays_and_pauses(browser):
    with harness.mounted(browser, attention_motion(), viewport={"width": 800, "height": 1000}) as (page, complaints):
        slider = page.get_by_role("slider", name="Step")
        play = page.locator(".nw-motion-play")
        play.click()
        page.wait_for_function("document.querySelector('.nw-motion-told').innerText.includes('compared with each key')")
        page.wait_for_function("document.querySelector('.nw-motion input').value > 0.2")  # the slider goes along
        play.click()
        page.wait_for_function("document.querySelector('.nw-motion-play').innerText === '▶ Play'")
        page.evaluate(harness.PAINTED)
        assert 0 < float(slider.input_value()) < 5
        play.click()
        page.wait_for_function("document.querySelector('.nw-motion-play').innerText === '❚❚ Pause'")
        page.wait_for_function("document.querySelector('.nw-motion-play').innerText === '▶ Play'", timeout=20_000)
        page.evaluate(harness.PAINTED)
        assert float(slider.input_value()) == 5 and not complaints
    with harness.mounted(browser, attention_motion(), reduced_motion="reduce") as (page, complaints):
        page.locator(".nw-motion-play").click()  # one step at a time
        page.wait_for_function("document.querySelector('.nw-motion-told').innerText.includes('compared with each key')")
        page.locator(".nw-motion-play").click()
        page.wait_for_function("document.querySelector('.nw-motion-told').innerText.includes('divided by')")
        assert not complaints, complaints


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"q": [[1, 2]]}, "one row for each of the 3 tokens, all of the same length, at least 2; got the shapes"),
        ({"q": [[1], [1], [1]], "k": [[1], [1], [1]], "v": [[1], [1], [1]]}, "at least 2"),
        ({"token": 3}, "token must be a position from 0 to 2, or -1; got 3."),
        ({"step": 6}, "step must be a number from 0 to 5; got 6."),
        ({"q": [[1, 2], [3, 4], [5, float("nan")]]}, "q must hold numbers"),
    ],
)
def test_wrong_settings_get_a_sentence(options, words):
    with pytest.raises((traitlets.TraitError, ValueError), match=words):
        attention_motion(**options)


def test_rows_keep_their_shape():
    figure = attention_motion()
    with pytest.raises(traitlets.TraitError, match=r"k must keep the shape \(3, 2\); got \(1, 2\)."):
        figure.k = [[1, 2]]
    with pytest.raises(ValueError, match="shows 1 to 24 tokens; got 25"):
        AttentionMotion(["a"] * 25, *[np.zeros((25, 2))] * 3)


def test_the_still_says_what_it_shows():
    assert "Attention for “its”" in attention_motion().alt() and "“cat” 0.55" in attention_motion().alt()


def test_a_link_of_a_large_head_leaves_out_what_cannot_be_dragged(browser):
    rows = np.random.default_rng(0).normal(size=(3, 4, 32))
    widget = AttentionMotion(list("abcd"), *rows, title="What now?")
    assert widget.settings == ("token", "step", "causal") and "q" in AttentionMotion.settings
    for address in ("#widget=1&q=[]&k=[]&v=[]&token=1", "#widget=1&token=1"):
        with harness.mounted(browser, widget, address=address) as (page, complaints):
            assert "query of b" in page.locator(".nw-motion").inner_text() or page.locator(".nw-problem").count() == 0
            assert not complaints, complaints


@pytest.mark.parametrize("given", ["[]", "[[1,2]]", "[[1],[2],[3]]", "[1,2,3]"])
def test_a_link_that_does_not_fit_says_so(browser, given):
    with harness.mounted(browser, attention_motion(), address=f"#widget=1&k={given}") as (page, _):
        assert "This link's k doesn't fit the figure." in page.locator(".nw-problem").inner_text()


def test_a_slider_moved_during_the_film_ends_it(browser):
    with harness.mounted(browser, attention_motion()) as (page, complaints):
        page.locator(".nw-motion-play").click()
        page.wait_for_function("document.querySelector('.nw-motion input').value > 0.1")
        page.get_by_role("slider", name="Step").fill("4")
        page.evaluate(harness.PAINTED)
        assert page.locator(".nw-motion-play").inner_text() == "▶ Play"
        assert page.get_by_role("slider", name="Step").input_value() == "4" and not complaints


def test_numbers_never_overlap(js):
    boxes = [[10, 50, 5], [20, 50, 5], [20, 90, 5], [80, 50, 5]]
    assert call(js("attention_motion"), "roomOf", boxes) == [True, False, True, True]
