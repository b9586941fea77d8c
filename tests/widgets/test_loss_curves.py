"""LossCurves: what it accepts and says, a live run that it steers, the module's functions, and the figure in a page."""

import re
from contextlib import ExitStack
from types import SimpleNamespace

import numpy as np
import pytest
from traitlets import TraitError

from book.widgets import LossCurves, snapshot
from book.widgets.loss_curves import MOST, thinned
from helpers.gpt import GPT, GPTConfig
from helpers.training import History, start, text_batches
from tests.site import site_checks
from tests.widgets.harness import call, module, mounted

TOKENS = ["a", "<b>", " ", "\n", "שלום", "🐈", "e\u0301", "x", "y", "z", "w"]


def shot(step, **changes):
    """A snapshot over six tokens whose first probability grows with the step."""
    rest = (1 - step / 400) / (len(TOKENS) - 1)
    attention = np.tril(np.ones((2, 6, 6))) + step * np.eye(6) * [[[0]], [[1]]]
    whole = {
        "text": f"sample {step} <i>not markup</i>",
        "prompt": TOKENS[:6],
        "tokens": TOKENS,
        "probabilities": [step / 400] + [rest] * (len(TOKENS) - 1),
        "attention": attention / attention.sum(-1, keepdims=True),
    }
    return snapshot(**(whole | changes))


def history(steps=400, *, rate=50, **changes):
    losses = list(1 + 3 * np.exp(-np.arange(steps) / rate))
    return History(losses, [0.1] * steps, {200: 1.5, 400: 1.25}, {s: shot(s) for s in (0, 100, 300)}, **changes)


# Python


@pytest.mark.parametrize(
    ("runs", "options", "said"),
    [
        ([], {}, "losses of shape (0,); give one number a step, and at least one"),
        ({}, {}, "0 runs came; one picture shows from 1 to 8"),
        ({str(i): [1.0] for i in range(9)}, {}, "9 runs came"),
        ({"a": [[1.0]]}, {}, "The run 'a' has losses of shape (1, 1)"),
        ([1.0], {"smooth": 0}, "smooth = 0 came; it must be a whole number from 1 to 200"),
        ([1.0], {"step": -1}, "step = -1 came"),
        ([1.0], {"lines": {"best": np.nan}}, "each needs a finite loss"),
        (History([1.0], snapshots={0: shot(0), 5: shot(5, prompt=TOKENS[1:7])}), {}, "The snapshot of step 5 has"),
    ],
)  # fmt: skip
def test_wrong_inputs_get_a_sentence(runs, options, said):
    with pytest.raises((TraitError, ValueError), match=re.escape(said)):
        LossCurves(runs, **options)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"probabilities": [1.0]}, "11 tokens and probabilities of shape (1,) came"),
        ({"probabilities": [0.1] * 11}, "sum to 1.1; they must be ≥ 0 and sum to 1"),
        ({"probabilities": [np.nan] * 11}, "sum to nan"),
        ({"attention": np.ones((3, 3)) / 3}, "shape (1, 3, 3) came with a prompt of 6 tokens"),
        ({"attention": np.ones((6, 6))}, "rows of the attention weights must be ≥ 0 and sum to 1"),
        ({"prompt": ["x"] * 65, "attention": np.eye(65)}, "from 1 to 64"),
    ],
)
def test_wrong_snapshots_get_a_sentence(changes, said):
    with pytest.raises(ValueError, match=re.escape(said)):
        shot(0, **changes)


def test_thinned_keeps_the_mean_and_the_place():
    losses = np.random.default_rng(0).normal(size=2 * MOST + 1)
    x, y = thinned(losses)
    assert len(x) <= MOST and x[0] == 1 and y[0] == pytest.approx(losses[:3].mean())
    assert x[-1] == pytest.approx(np.mean(range(3 * (len(x) - 1), len(losses))))  # the last stretch is shorter
    assert [list(part) for part in thinned([3.0, 4.0])] == [[0, 1], [3, 4]]
    assert LossCurves(losses).curves[0]["each"] == 3


def test_a_loss_that_is_no_number_ends_the_curve_with_a_sentence():
    one, two, three = LossCurves(
        {
            "list": [2.0, 3.0, np.nan, 1.0],
            "history": History([2.0, 9.0], stopped="the loss became nan at step 2; a rate below 3 may help."),
            "held-out": SimpleNamespace(losses=[1.0, 1.0], held_out={1: np.inf, 2: 1.0}),
        }
    ).curves
    assert one["y"] == [2, 3] and one["broken"] and one["note"].startswith("the loss became nan at step 2")
    assert two["broken"] and two["note"].startswith("the loss became nan at step 2; a rate below 3")
    assert three["held"] == [[2, 1.0]] and three["note"] == "the held-out loss became inf at step 1"
    by_hand = LossCurves(History([1.0], stopped="ended by hand after 1 of 9 steps")).curves[0]
    assert by_hand["note"] and not by_hand["broken"]
    assert LossCurves([np.nan]).curves[0]["y"] == [] and "nan at step 0" in LossCurves([np.nan]).alt()


def test_the_still_and_its_words():
    figure = LossCurves({"GPT": history()}, lines={"counts": 2.0}, smooth=10, ylabel="nats")
    ax = figure.still()
    assert ax.get_ylabel() == "nats" and "counts" in [text.get_text() for text in ax.get_legend().get_texts()]
    assert "GPT: training loss from 4 to 1 in 400 steps, held-out 1.25" in figure.alt()
    assert "after 300 steps begins: 'sample 300" in figure.alt()
    assert "<i>not" not in figure.figure()


def test_bars_are_the_tokens_that_are_ever_probable():
    p = np.eye(11)[[3, 3, 7]] * 0.9 + 0.1 / 11
    curve = LossCurves(History([1.0], snapshots={i: shot(0, probabilities=row) for i, row in enumerate(p)})).curves[0]
    assert curve["tokens"][:2] == [TOKENS[7], TOKENS[3]] and len(curve["tokens"]) == 8
    assert curve["snapshots"][0]["bars"][1] == pytest.approx(0.9 + 0.1 / 11)


# A live run


@pytest.fixture
def live():
    """A paused run of a small model, its figure, and the messages that the figure has sent."""
    ids = np.random.default_rng(0).integers(0, 11, 500)
    model = GPT(GPTConfig(11, 6, 1, 1, 8), rng=np.random.default_rng(0))
    run = start(
        model, lambda: text_batches(ids, 4, 6, rng=np.random.default_rng(1)), steps=40, lr=0.01, warmup=4, threads=1,
        evaluate=lambda: 2.5, evaluate_every=10, snapshot=lambda: shot(run.step), snapshot_at=(0, 3),
    )  # fmt: skip
    run.pause()
    run.rewind()
    figure, sent = LossCurves(run), []
    figure.send = lambda content, buffers=None: sent.append(content)
    yield run, figure, sent
    run.stop()
    figure.close()


def joined(sent):
    """The losses that a view has after these messages."""
    losses = []
    for message in sent:
        if "curves" in message:
            losses = list(message["curves"][0]["y"])
        elif "more" in message:
            assert message["more"]["from"] == len(losses)
            losses += message["more"]["losses"]
    return losses


def test_a_view_has_every_loss_whatever_was_held_back(live):
    run, figure, sent = live
    figure._asked(None, {"do": "all"}, None)
    figure._asked(None, {"do": "go on"}, None)
    run.wait()
    assert joined(sent) == pytest.approx(run.history.losses, rel=1e-6) and len(run.history.losses) == 40
    assert sent[-1]["live"]["state"] == "finished" and sent[-1]["live"]["step"] == 40
    assert len(sent) < 40  # at most ten a second, besides news: four held-out losses, a snapshot, the ends
    assert [s["step"] for m in sent if "curves" in m for s in m["curves"][0]["snapshots"]][-2:] == [0, 3]


def test_a_long_run_is_thinned_while_it_grows(live, monkeypatch):
    run, figure, sent = live
    monkeypatch.setattr("book.widgets.loss_curves.MOST", 8)
    for _ in range(3):
        step = run.step
        run.advance(10)
        while run.step < step + 10:
            run._thread.join(0.01)
    run.pause()
    since = 0
    for message in sent:
        since = 0 if "curves" in message else since + len(message["more"]["losses"])
        assert since <= 8
    run.resume()
    run.wait()
    assert len(sent[-1]["curves"][0]["x"]) == 8 and sent[-1]["curves"][0]["each"] == 5


def test_buttons_steer_the_run(live):
    run, figure, sent = live
    press = lambda what, **more: figure._asked(None, {"do": what, **more}, None)  # noqa: E731
    press("one step")
    while run.step < 1:
        run._thread.join(0.01)
    run.pause()
    assert run.step == 1 and run.state == "paused"
    first = run.history.losses[0]
    press("rate", value=0.002)
    assert run.lr == 0.002 and sent[-1]["live"]["peak"] == 0.002
    press("rate", value=-1)
    assert run.lr == 0.002 and "A learning rate is a number from 0 up" in sent[-1]["problem"]
    run.advance(5)
    while run.step < 6:
        run._thread.join(0.01)
    press("pause")
    press("rewind")
    assert run.step == 0 and sent[-1]["live"]["state"] == "paused"
    whole = next(message["curves"] for message in reversed(sent) if "curves" in message)
    assert [curve["name"] for curve in whole] == ["", "before the rewind"] and len(whole[1]["y"]) == 6
    assert whole[0]["live"] and whole[1]["ghost"] and not whole[1]["live"]
    press("one step")
    while run.step < 1:
        run._thread.join(0.01)
    assert run.history.losses[0] == first
    press("stop")
    assert run.state == "stopped" and sent[-1]["live"]["state"] == "stopped"
    assert figure.state()["live"] is None and figure.live is not None  # a page shows no controls


def test_a_snapshot_that_cannot_be_shown_does_not_end_the_training(live):
    run, figure, sent = live
    run.snapshot = lambda: {"text": "x", "tokens": ["a"], "probabilities": [2.0]}
    run.resume()
    run.wait()
    assert run.state == "finished" and "sum to 2" in sent[-1]["problem"] and len(joined(sent)) == 40


# In a browser


@pytest.fixture
def opened(browser):
    """As `mounted`, until the test ends, with the curves drawn."""
    with ExitStack() as stack:

        def open_page(*figures, **options):
            page, complaints = stack.enter_context(mounted(browser, *figures, **options))
            page.wait_for_selector(".nw-loss-mean")
            return page, complaints

        yield open_page


def test_the_module_s_functions(browser):
    with module(browser, "loss_curves") as page:
        rng = np.random.default_rng(0)
        for _ in range(200):
            x, y = np.cumsum(rng.integers(1, 4, 30)), rng.normal(size=30)
            window, at = int(rng.integers(1, 40)), float(rng.uniform(-1, 100))
            mean = [y[abs(x - here) <= (window - 1) / 2].mean() for here in x]
            assert call(page, "smoothed", x.tolist(), y.tolist(), window) == pytest.approx(mean)
            assert call(page, "lastUpTo", x.tolist(), at) == np.searchsorted(x, at, side="right") - 1
        assert call(page, "lastUpTo", [], 3) == -1
        assert call(page, "roundTicks", 0, 1200, 6) == [0, 200, 400, 600, 800, 1000, 1200]
        assert call(page, "roundTicks", 1.43, 4.2, 6) == [1.5, 2, 2.5, 3, 3.5, 4]
        assert call(page, "logTicks", 0.9, 60, 6) == [1, 2, 5, 10, 20, 50]
        assert call(page, "logTicks", 1e-3, 1e9, 5)[:2] == [1e-3, 1]
        for axis in ({"low": 0, "high": 900, "log": "steps"}, {"low": 2, "high": 5}):
            assert call(page, "fromAlong", axis, call(page, "along", axis, 3)) == pytest.approx(3)
        curve = {"x": [0, 1, 2], "y": [4, 400, 1], "held": [[2, 3]]}
        top = call(page, "lossAxis", [curve])
        assert 6 <= top["high"] < 7 and 0.5 < top["low"] <= 1  # one wild loss does not flatten the rest
        assert call(page, "lossAxis", [curve], {"log": True})["high"] > 400
        assert call(page, "lossAxis", [curve], {"low": 2, "high": 9}) == {"low": 2, "high": 9}
        assert call(page, "lossAxis", [{"x": [], "y": [], "held": []}], {"live": True}) == {"low": 0, "high": 1}
        assert call(page, "lossAxis", [{**curve, "y": [4, 3.9, 3.8]}], {"live": True})["low"] == 2
        assert call(page, "reading", curve, [4, 400, 1], 1) == {"at": 1, "training": 400, "held": None, "heldAt": None}
        assert call(page, "reading", {"x": [], "y": [], "held": []}, [], 5)["training"] is None


def test_the_figure_in_a_page(opened):
    figure = LossCurves({"GPT": history()}, lines={"counts": 2.0}, smooth=1, title="Training", caption="Words.")
    page, complaints = opened(figure, viewport={"width": 760, "height": 1000})
    losses = history().losses
    wait = lambda words: page.wait_for_function(  # noqa: E731
        "w => document.querySelector('.nw-loss-read th').textContent === w", arg=words
    )
    row = lambda: page.locator(".nw-loss-read tbody tr").inner_text().split("\t")  # noqa: E731

    # the first second: the end of the run, with its sample, bars and map
    assert row()[1:] == [f"{losses[-1]:.3f}", "1.250"]
    assert (
        page.inner_text(".nw-loss-text") == "sample 300 <i>not markup</i>"
        and page.locator(".nw i i, .nw pre i").count() == 0
    )
    assert page.inner_text(".nw-loss-bar >> nth=0").split() == ["a", "0.750"]
    assert page.get_by_role("button", name="Snapshot after 300 steps").get_attribute("aria-current") == "true"
    head = lambda: page.locator(".nw-head").get_attribute("aria-label")  # noqa: E731
    assert "after 300 steps, head 1" in head() and page.locator(".nw-loss-live").is_hidden()

    # the cursor by keyboard, in single steps and to the ends; everything follows
    slider = page.get_by_role("slider", name="Step", exact=True)
    slider.focus()
    page.keyboard.press("Home")
    wait("After 0 steps")
    assert row()[1:] == [f"{losses[0]:.3f}", "–"] and page.inner_text(".nw-loss-text").startswith("sample 0 ")
    assert float(page.inner_text(".nw-loss-bar >> nth=0 >> .nw-loss-p")) == 0
    page.keyboard.press("ArrowRight")
    wait("After 1 steps")
    assert slider.get_attribute("aria-valuetext") == f"step 1: GPT training {losses[1]:.3f}"
    page.get_by_role("button", name="Snapshot after 100 steps").press("Enter")
    wait("After 100 steps")
    assert row()[1] == f"{losses[100]:.3f}" and "after 100 steps, head 1" in head()
    page.get_by_label("Attention head").select_option("2")
    page.wait_for_function("document.querySelector('.nw-head').ariaLabel.includes('head 2')")
    assert f"position 5, {TOKENS[5]}: 0.95" in head()

    # the pointer: hover looks, a click stays
    box = page.locator(".nw-loss-picture").bounding_box()
    page.mouse.move(box["x"] + 46 + (box["width"] - 58) / 2, box["y"] + 100)
    wait("After 200 steps")
    assert page.locator(".nw-loss-preview").count() == 1
    page.mouse.move(box["x"] + 5, box["y"] - 30)
    wait("After 100 steps")
    page.mouse.click(box["x"] + 46 + (box["width"] - 58) * 3 / 4 + 3, box["y"] + 100)
    wait("After 300 steps")  # near a snapshot it goes there

    # scales and smoothing: the axes stay, the line changes; settings travel in a link
    ticks = lambda: page.locator(".nw-loss-picture text").all_inner_texts()  # noqa: E731
    before, line = ticks(), page.locator(".nw-loss-mean").get_attribute("d")
    mean = page.get_by_role("slider", name="Mean of steps")
    mean.focus()
    page.keyboard.press("End")
    page.wait_for_function("d => document.querySelector('.nw-loss-mean').getAttribute('d') !== d", arg=line)
    assert ticks() == before and float(row()[1]) == pytest.approx(np.mean(losses[300 - 99 : 400]), abs=5e-4)
    for name in ("Loss, log scale", "Step, log scale"):
        page.get_by_label(name).focus()
        page.keyboard.press("Space")
        page.wait_for_function(
            "b => [...document.querySelectorAll('.nw-loss-picture text')].map(t => t.textContent).join() !== b.join()",
            arg=before,
        )
        before = ticks()
    page.get_by_role("button", name="Copy link").click()
    page.wait_for_function("location.hash.includes('log_steps=true')")
    copy, _ = opened(figure, address=page.evaluate("location.hash"))
    copy.wait_for_function("document.querySelector('.nw-loss-read th').textContent === 'After 300 steps'")
    assert copy.locator(".nw-loss-picture text").all_inner_texts()[-3:] == ticks()[-3:]

    assert not site_checks.accessibility(page), site_checks.accessibility(page)
    page.set_viewport_size({"width": 320, "height": 700})
    page.wait_for_function("document.querySelector('.nw-loss-picture').getBoundingClientRect().right <= 320")
    assert page.evaluate("document.documentElement.scrollWidth") == 320
    small = """() => [...document.querySelectorAll('.nw button, .nw input, .nw select')].filter(e => e.offsetParent)
        .map(e => (e.closest('label') ?? e).getBoundingClientRect())
        .filter(b => b.height < 44 || b.width < 44).length"""
    assert page.evaluate(small) == 0
    sizes = """() => [...document.querySelectorAll('.nw *')]
        .filter(e => e.checkVisibility() && [...e.childNodes].some(n => n.nodeType === 3 && n.data.trim()))
        .map(e => parseFloat(getComputedStyle(e).fontSize))"""
    assert min(page.evaluate(sizes)) >= 12
    assert not complaints


def test_play_goes_through_the_snapshots(opened):
    page, complaints = opened(LossCurves(history(), step=0))
    page.clock.install()
    seen = []
    page.get_by_role("button", name="Play").press("Enter")
    for _ in range(3):
        page.wait_for_timeout(30)
        seen.append(page.inner_text(".nw-loss-text")[:10].strip())
        page.clock.run_for(1150)
    assert seen == ["sample 100", "sample 300", "sample 300"] and page.get_by_role("button", name="Play").count() == 1
    assert not complaints


def test_several_runs_and_bad_ends_in_a_page(opened):
    runs = {
        "slow": [4 - 0.01 * i for i in range(100)],
        "wild": [4 * 2.0**i for i in range(30)] + [np.inf],
        "one": [2.0],
    }
    page, complaints = opened(LossCurves(runs), LossCurves({"a": [np.nan], "b": [1.0, 0.5]}))
    first, second = page.locator("figure").nth(0), page.locator("figure").nth(1)
    assert "× wild: the loss became inf at step 30; a smaller rate may help." in first.inner_text()
    assert "▲ wild: leaves the picture at step 1; the log scale shows where to." in first.inner_text()
    assert first.locator(".nw-loss-end").count() == 1 and first.locator(".nw-loss-up").count() == 1
    assert first.locator(".nw-loss-panel").is_hidden()
    assert first.get_by_label("Snapshots of").count() == 0  # no run has any
    assert "at 29" in first.locator("tbody tr").nth(1).inner_text()
    assert (
        "NaN" not in first.inner_html().split("nw-live")[-1]
        and "a: the loss became nan at step 0" in second.inner_text()
    )
    assert not complaints


def test_the_snapshots_of_either_run(opened):
    other = History([2.0, 1.0], [0.1] * 2, snapshots={0: shot(0, text="another", prompt=TOKENS[1:7]), 2: shot(2)})
    with pytest.raises(ValueError, match="The snapshot of step 2 has another prompt"):
        LossCurves({"a": history(), "b": other})
    other.snapshots.pop(2)
    page, complaints = opened(LossCurves({"a": history(), "none": [1.0], "b": other}))
    page.get_by_label("Snapshots of").select_option("b")
    page.wait_for_function("document.querySelector('.nw-loss-text').textContent === 'another'")
    assert page.get_by_role("button", name="Snapshot after").count() == 1
    assert f"the last token, {TOKENS[6]} looks" in page.locator(".nw-head").get_attribute("aria-label")
    assert not complaints


def test_a_run_that_has_no_snapshots_yet_can_be_chosen_and_left(opened, live):
    run, figure, _ = live
    run.history.snapshots.clear()
    figure._given = {"earlier": history(), "now": run}
    figure.shown = 1
    page, complaints = opened(figure)
    assert not page.is_visible(".nw-loss-panel")
    page.get_by_label("Snapshots of").select_option("earlier")
    page.wait_for_function("document.querySelector('.nw-loss-text').textContent.startsWith('sample 300')")
    assert page.is_visible(".nw-loss-panel") and not complaints
