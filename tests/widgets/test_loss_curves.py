"""LossCurves: what it accepts and says, a live run that it steers, its state machine, and the figure in a page."""

import gc
import re
import threading
import time
import weakref
from contextlib import ExitStack
from types import SimpleNamespace

import numpy as np
import pytest
from traitlets import TraitError

from book.widgets import LossCurves, snapshot
from book.widgets.loss_curves import MOST, thinned
from helpers.gpt import GPT, GPTConfig
from helpers.runs import start
from helpers.training import Ended, History, text_batches
from tests.site import site_checks
from tests.widgets.harness import call, calls, module, mounted

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
        ([], {}, "The run needs one loss per step, at least one; got the shape (0,)."),
        ({}, {}, "One picture shows from 1 to 8 runs; got 0."),
        ({str(i): [1.0] for i in range(9)}, {}, "got 9."),
        ({"a": [[1.0]]}, {}, "The run 'a' needs one loss per step, at least one; got the shape (1, 1)."),
        (
            {name: SimpleNamespace(observe=None) for name in "ab"},
            {},
            "One picture follows one run; got 2. Pass the history",
        ),
        ([1.0], {"smooth": 0}, "smooth must be a whole number from 1 to 200; got 0."),
        ([1.0], {"lines": {"best": np.nan}}, "Each line needs a finite loss; got {'best': nan}."),
        (
            History([1.0], snapshots={0: shot(0), 5: shot(5, prompt=TOKENS[1:7])}),
            {},
            "All snapshots need the same prompt and vocabulary; got others at step 5.",
        ),
    ],
)
def test_wrong_inputs_get_a_sentence(runs, options, said):
    with pytest.raises((TraitError, ValueError), match=re.escape(said)):
        LossCurves(runs, **options)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"probabilities": [1.0]}, "11 tokens need as many probabilities; got an array of shape (1,)."),
        ({"probabilities": [0.1] * 11}, "must be at least 0 and sum to 1; got 1.1. Take them after softmax."),
        ({"probabilities": [np.nan] * 11}, "got nan."),
        ({"attention": np.ones((3, 3)) / 3}, "over a prompt of 6 tokens must have the shape (T, T) or (heads, T, T)"),
        ({"attention": np.ones((6, 6))}, "must be at least 0 and sum to 1; got 6 to 6. Take them after softmax."),
        ({"prompt": ["x"] * 65, "attention": np.eye(65)}, "with T from 1 to 64; got (1, 65, 65)."),
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


def ended(how: Ended, **details) -> History:
    return History([2.0, 9.0], ended=how, details={"done": 2, "steps": 9, "step": 2, "norm": 1.0, "lr": 3, **details})


@pytest.mark.parametrize(
    ("run", "broken", "note"),
    [
        ([2.0, 3.0, np.nan, 1.0], True, "The loss was nan at step 2. Try a lower learning rate."),
        (SimpleNamespace(losses=[1.0, 1.0], held_out={1: np.inf}), True, "The held-out loss was inf at step 1."),
        (ended(Ended.DIVERGED, loss=np.nan), True, "Step 2 gave a loss of nan"),
        (ended(Ended.STOPPED), False, "Stopped after 2 of 9 steps."),
        (ended(Ended.FAILED, error="it became warm"), False, "it became warm"),  # no code looks for a word in it
        (ended(Ended.FINISHED), False, ""),
        (ended(None), False, ""),
    ],
)
def test_how_a_run_ended_is_not_read_from_a_sentence(run, broken, note):
    figure = LossCurves(run)
    curve = figure.curves[0]
    assert curve["broken"] is broken and note in curve["note"] and bool(note) == bool(curve["note"])
    assert note in figure.alt() and all(np.isfinite(loss) for loss in curve["y"] + [loss for _, loss in curve["held"]])


def test_a_loss_that_is_not_a_number_ends_the_curve():
    assert LossCurves([2.0, 3.0, np.nan, 1.0]).curves[0]["y"] == [2, 3]
    assert LossCurves([np.nan]).alt() == (
        "Loss curves. Training: no steps yet. The loss was nan at step 0. Try a lower learning rate."
    )


def test_the_still_and_its_words():
    figure = LossCurves({"GPT": history()}, lines={"counts": 2.0}, smooth=10, ylabel="nats")
    ax = figure.still()
    assert ax.get_ylabel() == "nats" and "counts" in [text.get_text() for text in ax.get_legend().get_texts()]
    assert "GPT: loss from 4 to 1 in 400 steps, held-out 1.25." in figure.alt()
    assert "after 300 steps begins: 'sample 300" in figure.alt()
    assert "<i>not" not in figure.figure()


def test_bars_are_the_tokens_that_are_ever_probable():
    p = np.eye(11)[[3, 3, 7]] * 0.9 + 0.1 / 11
    curve = LossCurves(History([1.0], snapshots={i: shot(0, probabilities=row) for i, row in enumerate(p)})).curves[0]
    assert curve["tokens"][:2] == [TOKENS[7], TOKENS[3]] and len(curve["tokens"]) == 8
    assert curve["snapshots"][0]["bars"][1] == pytest.approx(0.9 + 0.1 / 11)


# A live run


def small_run(snapshot=lambda: shot(0)):
    ids = np.random.default_rng(0).integers(0, 11, 500)
    model = GPT(GPTConfig(11, 6, 1, 1, 8), rng=np.random.default_rng(0))
    run = start(
        model, lambda: text_batches(ids, 4, 6, rng=np.random.default_rng(1)), steps=40, lr=0.01, warmup=4, threads=1,
        evaluate=lambda: 2.5, evaluate_every=10, snapshot=snapshot, snapshot_at=(0, 3),
    )  # fmt: skip
    run.pause()
    run.rewind()
    return run


def watched(run):
    """A figure of the run, and the messages that it sends."""
    figure, sent = LossCurves(run), []
    figure.send = lambda content, buffers=None: sent.append(content)
    return figure, sent


@pytest.fixture
def live():
    """A paused run of a small model, its figure, and the messages that the figure has sent."""
    run = small_run()
    figure, sent = watched(run)
    yield run, figure, sent
    run.stop()
    figure.close()


def reach(run, step):
    while run.step < step:
        time.sleep(0.002)


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
    held = [message["more"]["held"] for message in sent if "more" in message]
    assert [[10, 2.5]] in held and all(
        entry == [step, 2.5] for entries in held for step, entry in zip((10, 20, 30), entries)
    )
    assert len(sent) < 40  # at most ten a second, besides news: four held-out losses, a snapshot, the ends
    assert [s["step"] for m in sent if "curves" in m for s in m["curves"][0]["snapshots"]][-2:] == [0, 3]
    assert sent[-1]["live"]["message"] == "Finished all 40 steps." and not sent[-1]["curves"][0]["note"]


def test_a_long_run_is_thinned_while_it_grows(live, monkeypatch):
    run, figure, sent = live
    monkeypatch.setattr("book.widgets.loss_curves.MOST", 8)
    for _ in range(3):
        step = run.step
        run.advance(10)
        reach(run, step + 10)
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
    reach(run, 1)
    run.pause()
    assert run.step == 1 and run.state == "paused"
    first = run.history.losses[0]
    press("rate", value=0.002)
    assert run.lr == 0.002 and sent[-1]["live"]["peak"] == 0.002
    press("rate", value=-1)
    assert run.lr == 0.002 and sent[-1]["problem"] == "lr must be a number of at least 0; got -1."
    run.advance(5)
    reach(run, 6)
    press("pause")
    press("rewind")
    assert run.step == 0 and sent[-1]["live"]["state"] == "paused"
    whole = next(message["curves"] for message in reversed(sent) if "curves" in message)
    assert [curve["name"] for curve in whole] == ["", "before the rewind"] and len(whole[1]["y"]) == 6
    assert whole[0]["live"] and whole[1]["ghost"] and not whole[1]["live"]
    press("one step")
    reach(run, 1)
    assert run.history.losses[0] == first
    sent.clear()
    press("rewind")  # after one step: what there was before stays
    assert [len(curve["y"]) for message in sent for curve in message.get("curves", [])][-2:] == [0, 6]
    press("one step")
    reach(run, 1)
    press("stop")
    assert run.state == "stopped" and sent[-1]["live"]["message"].startswith("Stopped after 1 of 40 steps.")
    assert figure.state()["live"] is None and figure.live is not None  # a page shows no controls


def test_a_snapshot_that_cannot_be_shown_does_not_end_the_training():
    run = small_run(snapshot=lambda: {"text": "x", "tokens": ["a"], "probabilities": [2.0]})
    run.history.snapshots.clear()
    figure, sent = watched(run)
    run.resume()
    run.wait()
    assert run.state == "finished" and "sum to 1; got 2." in sent[-1]["problem"] and len(joined(sent)) == 40


def test_a_run_that_was_replaced_leaves_only_its_curve():
    run = small_run()
    figure, sent = watched(run)
    run.advance(3)
    reach(run, 3)
    gone, threads = weakref.ref(run), threading.active_count()
    run = small_run()  # running the cell again
    gc.collect()
    assert gone() is None and figure._run is None and threading.active_count() == threads
    assert sent[-1]["live"]["state"] == "stopped" and "because another run started" in sent[-1]["live"]["message"]
    assert len(joined(sent)) == 3
    figure._asked(None, {"do": "rewind"}, None)
    assert sent[-1]["problem"] == "A newer run replaced this one. To get it back, run its cell again."
    figure._asked(None, {"do": "all"}, None)  # a view that is opened later
    assert len(sent[-1]["curves"][0]["y"]) == 3 and sent[-1]["problem"] is None
    run.stop()


def test_a_figure_that_was_closed_is_told_nothing(live):
    run, figure, sent = live
    figure.close()
    assert run.observers == []
    run.advance(2)
    reach(run, 2)
    assert sent == []


# The state machine


def test_the_numbers_of_the_chart(js):
    module, rng = js("loss_curves_state"), np.random.default_rng(0)
    for _ in range(200):
        x, y = np.cumsum(rng.integers(1, 4, 30)), rng.normal(size=30)
        window, at = int(rng.integers(1, 40)), float(rng.uniform(-1, 100))
        mean = [y[abs(x - here) <= (window - 1) / 2].mean() for here in x]
        assert call(module, "smoothed", x.tolist(), y.tolist(), window) == pytest.approx(mean)
        assert call(module, "lastUpTo", x.tolist(), at) == np.searchsorted(x, at, side="right") - 1
    assert call(module, "lastUpTo", [], 3) == -1
    apart = [([50, 52], [], 15, 0, 100), ([50], [50], 15, 0, 100), ([-9, 3], [], 15, 0, 100), ([5, 5], [], 15, 0, 9)]
    assert calls(module, "apart", apart) == [[50, 65], [35], [0, 15], [5, 5]]
    points = [({"x": [0, 2, 4]}, [8, 4, 2], step) for step in (0, 1, 2, 3, 9)] + [
        ({"x": [1]}, [5], 0),
        ({"x": []}, [], 0),
    ]
    assert calls(module, "onCurve", points)[:-1] == [[0, 8], [1, 6], [2, 4], [3, 3], [4, 2], [1, 5]]
    curve = {"x": [0, 1, 2], "y": [4, 400, 1], "held": [[2, 3]]}
    top = call(module, "lossAxis", [curve])
    assert 6 <= top["high"] < 7 and 0.5 < top["low"] <= 1  # one wild loss doesn't flatten the rest
    assert call(module, "lossAxis", [curve], {"log": True})["high"] > 400
    assert call(module, "lossAxis", [curve], {"low": 2, "high": 9}) == {"low": 2, "high": 9}
    assert call(module, "lossAxis", [{"x": [], "y": [], "held": []}], {"live": True}) == {"low": 0, "high": 1}
    lows = [([{**curve, "y": [4, 3.9, last]}], {"live": True}) for last in (3.8, 1.5, 0.5, -3)]
    assert [axis["low"] for axis in calls(module, "lossAxis", lows)] == [2, 1, 0, -3]
    assert call(module, "reading", curve, [4, 400, 1], 1) == {"at": 1, "training": 400, "held": None, "heldAt": None}
    assert call(module, "reading", curve, [4, 400, 1], 9) == {"at": 2, "training": 1, "held": 3, "heldAt": 2}
    assert call(module, "reading", {"x": [], "y": [], "held": []}, [], 5)["training"] is None


def a_curve(y=(4, 3, 2, 1), shots=(), **more) -> dict:
    """A curve for the module, with a loss for each step and snapshots at some of them."""
    snapshots = [{"step": step, "text": str(step), "bars": None, "attention": None} for step in shots]
    own = {"name": "", "x": [*range(len(y))], "y": [*y], "count": len(y), "each": 1, "steps": 4, "held": [], "note": ""}
    return (
        own
        | {"broken": False, "ghost": False, "live": False, "prompt": [], "tokens": [], "snapshots": snapshots}
        | more
    )


# Events one after the other, each on a frozen state: `after` may change nothing in place.
DRIVE = """([known, events]) => {
    const frozen = value => {
        if (value !== null && typeof value === "object" && !Object.isFrozen(value))
            Object.values(Object.freeze(value)).forEach(frozen);
        return value;
    };
    const traits = { type: "traits", step: 0, smooth: 1, shown: 0, ...known };
    const first = module.after(module.begin(known.live ?? null), traits);
    const state = events.reduce((state, event) => frozen(module.after(state, event)), frozen({ ...first, ask: null }));
    const curve = module.subject(state), cursor = module.cursorOf(state);
    return { ...state, cursor, subject: curve?.name ?? null, shot: curve && module.shotAt(curve, cursor).index };
}"""
END = 10**9
LIVE = {"state": "running", "step": 4, "message": ""}
SHOTS = {"curves": [a_curve(shots=(0, 2, 3))]}
TWO = {"curves": [a_curve(shots=(0, 2, 3)), a_curve(live=True)]}
GOING = {"curves": [a_curve([9.0], name="done"), a_curve(live=True)], "live": LIVE}
PLAY, TICK, MAIN = {"type": "play"}, {"type": "tick"}, {"type": "main"}
NEW = {"from": 4, "losses": [0.5, 0.25], "held": [[5, 1.5]], "note": "It broke.", "broken": True}


def choose(step) -> dict:
    return {"type": "choose", "step": step}


def message(**parts) -> dict:
    return {"type": "message", "message": {"live": LIVE, "problem": None, **parts}}


STORIES = {
    # name: (traits, events, what the state says then)
    "the cursor moves": (SHOTS, [choose(1)], {"step": 1, "cursor": 1, "shot": 0}),
    "at the end it follows": (SHOTS, [choose(4)], {"step": END, "cursor": 4, "shot": 2}),
    "a preview ends with a choice": (SHOTS, [{"type": "preview", "step": 2}, choose(1)], {"preview": None}),
    "a preview moves nothing": (SHOTS, [{"type": "preview", "step": 2}], {"preview": 2, "cursor": 0}),
    "Play begins with the next snapshot": (SHOTS, [PLAY], {"step": 2, "playing": True}),
    "it rests at the last one": (SHOTS, [PLAY, TICK], {"step": 3, "playing": False}),
    "even after one step": ({"curves": [a_curve(shots=(0, 2))]}, [PLAY], {"step": 2, "playing": False}),
    "at the last one it begins again": (SHOTS, [choose(4), PLAY], {"step": 0, "playing": True}),
    "Hold": (SHOTS, [PLAY, PLAY], {"step": 2, "playing": False}),
    "moving the cursor ends it": (SHOTS, [PLAY, choose(1)], {"playing": False}),
    "a tick that comes too late": (SHOTS, [choose(4), TICK], {"step": END, "playing": False}),
    "a tick without snapshots": ({"curves": [a_curve()]}, [PLAY, TICK], {"step": 0, "playing": False}),
    "a tick after their run was left": (
        TWO, [PLAY, {"type": "traits", "step": 2, "smooth": 1, "shown": 1, **TWO}, TICK], {"step": 2, "playing": False},
    ),
    "the end is where the last held-out loss is": ({"curves": [a_curve(held=[[9, 1]])]}, [choose(20)], {"cursor": 9}),
    "and not what a run did before a rewind": (
        {"curves": [a_curve([1], live=True), a_curve(ghost=True)]}, [choose(20)], {"cursor": 1},
    ),
    "the first run with snapshots tells": (
        {"curves": [a_curve(name="none"), a_curve(name="a", shots=[0]), a_curve(name="b", shots=[1])]}, [],
        {"subject": "a"},
    ),
    "another one is chosen": (
        {"shown": 1, "curves": [a_curve(name="a", shots=[0]), a_curve(name="b", shots=[1])]}, [], {"subject": "b"},
    ),
    "one that has no snapshot yet": (
        {"shown": 1, "curves": [a_curve(name="a", shots=[0]), a_curve(name="b", live=True)]}, [], {"subject": None},
    ),
    "what a run did before a rewind": ({"curves": [a_curve(shots=[0], ghost=True)]}, [], {"subject": None}),
    "smoothing": (SHOTS | {"smooth": 3}, [], {"means": [[3.5, 3, 2, 1.5]]}),
    "a run goes on": (
        GOING, [message(more=NEW)],
        {"means": [[9], [4, 3, 2, 1, 0.5, 0.25]], "ask": None, "curves": [
            GOING["curves"][0],
            a_curve([4, 3, 2, 1, 0.5, 0.25], live=True, held=[[5, 1.5]], note="It broke.", broken=True),
        ]},
    ),
    "something was missed": (
        GOING, [message(more=NEW | {"from": 9})], {"ask": {"do": "all"}, "means": [[9], [4, 3, 2, 1]]},
    ),
    "everything comes": (GOING, [message(curves=[a_curve([7], live=True)])], {"means": [[7]]}),
    "only the state comes": (GOING, [message(problem="No.")], {"problem": "No.", "means": [[9], [4, 3, 2, 1]]}),
    "the next message takes the problem back": (GOING, [message(problem="No."), message()], {"problem": None}),
    "what has arrived stays when a setting changes": (
        GOING, [message(more=NEW), choose(9)], {"cursor": 6, "step": END},
    ),
    "Pause": (GOING, [MAIN], {"ask": {"do": "pause"}}),
    "Resume": (GOING, [message(live=LIVE | {"state": "paused"}), MAIN], {"ask": {"do": "go on"}}),
    "a rate": (GOING, [{"type": "ask", "do": "rate", "value": 0.1}], {"ask": {"do": "rate", "value": 0.1}}),
}  # fmt: skip


@pytest.mark.parametrize("story", STORIES)
def test_the_state_machine(story, js):
    traits, events, expected = STORIES[story]
    state = js("loss_curves_state").evaluate(DRIVE, [traits, events])
    assert {key: state[key] for key in expected} == expected


def test_settings_leave_what_has_arrived(js):
    """The traits hold the curves as they were at first."""
    code = """([curves, live, message]) => {
        const traits = smooth => ({ type: "traits", curves, step: 0, shown: 0, smooth });
        return [traits(1), message, traits(2)].reduce(module.after, module.begin(live)).means[1];
    }"""
    means = js("loss_curves_state").evaluate(code, [GOING["curves"], LIVE, message(more=NEW)])
    assert means == [4, 3, 2, 1, 0.5, 0.25]


def test_notes(js):
    curves = [
        a_curve([1, 9, 1], name="wild"),
        a_curve([1, 2], note="Stopped."),
        a_curve([1], name="slow", note="The loss was nan at step 1.", broken=True, each=3),
    ]
    state = {"curves": curves, "means": [curve["y"] for curve in curves]}
    ends = ["Stopped.", "× slow: The loss was nan at step 1."]
    gone = ["▲ wild goes off the chart at step 1. The log scale shows where it goes."]
    cases = [(state, 5), (state, 100), (state | {"means": [[1, 3, 1], [1, 2], [1]]}, 5)]  # the line itself stays inside
    found = calls(js("loss_curves_state"), "notesOf", cases)
    assert found == [[*ends, *more, "Each point is the mean of 3 steps."] for more in (gone, [], [])]


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


AFTER = "words => document.querySelector('.nw-loss-after').textContent === words"


def label(page) -> list[str]:
    return page.locator(".nw-loss-label").all_text_contents()


def test_labels_at_the_end_of_a_low_curve_do_not_overlap(opened):
    figure = LossCurves({"reader": [2.0] * 50 + [0.003] * 50}, lines={"a guess": 1.4}, smooth=1, title="Reading?")
    page, _ = opened(figure, viewport={"width": 760, "height": 700})
    a, b = (page.locator(f".nw-loss-{name}").bounding_box() for name in ("after", "label"))
    middles = [box["y"] + box["height"] / 2 for box in (a, b)]
    assert abs(middles[0] - middles[1]) > 13  # letters are 12 px high


def test_the_figure_in_a_page(opened):
    figure = LossCurves({"GPT": history()}, lines={"counts": 2.0}, smooth=1, title="Training?", caption="Words.")
    page, complaints = opened(figure, viewport={"width": 760, "height": 1000})
    losses = history().losses
    wait = lambda words: page.wait_for_function(AFTER, arg=words)  # noqa: E731

    # the first second: the end of the run, with its sample, bars and map, and what it reads beside its curve
    assert label(page) == [f"GPT {losses[-1]:.3f}, held-out 1.250"] and page.locator(".nw-loss-read").is_hidden()
    wait("after 400 steps")
    assert (
        page.inner_text(".nw-loss-text >> nth=0") == "sample 300 <i>not markup</i>"
        and page.locator(".nw i i, .nw pre i").count() == 0
    )
    assert page.inner_text(".nw-loss-bar >> nth=0").split() == ["a", "0.750"]
    page.locator("summary").click()
    assert page.get_by_role("button", name="Snapshot after 300 steps").get_attribute("aria-current") == "true"
    head = lambda: page.locator(".nw-head").get_attribute("aria-label")  # noqa: E731
    assert "after 300 steps, head 1" in head() and page.locator(".nw-loss-live").is_hidden()

    # the cursor by keyboard, in single steps and to the ends; everything follows
    slider = page.get_by_role("slider", name="Step", exact=True)
    slider.focus()
    page.keyboard.press("Home")
    wait("after 0 steps")
    assert label(page) == [f"GPT {losses[0]:.3f}"]
    assert page.inner_text(".nw-loss-text >> nth=0").startswith("sample 0 ")
    assert float(page.inner_text(".nw-loss-bar >> nth=0 >> .nw-loss-p")) == 0
    page.keyboard.press("ArrowRight")
    wait("after 1 step")
    assert slider.get_attribute("aria-valuetext") == f"step 1: GPT training {losses[1]:.3f}"
    page.get_by_role("button", name="Snapshot after 100 steps").press("Enter")
    wait("after 100 steps")
    assert label(page) == [f"GPT {losses[100]:.3f}"] and "after 100 steps, head 1" in head()
    page.get_by_label("Attention head").select_option("2")
    page.wait_for_function("document.querySelector('.nw-head').ariaLabel.includes('head 2')")
    assert f"position 5, {TOKENS[5]}: 0.95" in head()

    # the pointer: hover looks, a click stays
    box = page.locator(".nw-loss-picture").bounding_box()
    page.mouse.move(box["x"] + 46 + (box["width"] - 58) / 2, box["y"] + 100)
    wait("after 200 steps")
    assert page.locator(".nw-loss-preview").count() == 1
    assert label(page) == [f"GPT {losses[200]:.3f}, held-out 1.500"]
    page.mouse.move(box["x"] + 5, box["y"] - 30)
    wait("after 100 steps")
    page.mouse.click(box["x"] + 46 + (box["width"] - 58) * 3 / 4 + 3, box["y"] + 100)
    wait("after 300 steps")  # near a snapshot it goes there

    # scales and smoothing: the axes stay, the line changes; settings travel in a link
    ticks = lambda: page.locator(".nw-loss-picture text:not(.nw-loss-halo)").all_text_contents()  # noqa: E731
    before, line = ticks(), page.locator(".nw-loss-mean").get_attribute("d")
    mean = page.get_by_role("slider", name="Smoothing")
    mean.focus()
    page.keyboard.press("End")
    page.wait_for_function("d => document.querySelector('.nw-loss-mean').getAttribute('d') !== d", arg=line)
    smooth = re.match(r"GPT ([\d.]+),", label(page)[0])
    assert ticks() == before and float(smooth[1]) == pytest.approx(np.mean(losses[300 - 99 : 400]), abs=5e-4)
    for name in ("Loss, log scale", "Step, log scale"):
        page.get_by_label(name).focus()
        page.keyboard.press("Space")
        page.wait_for_function(
            """before => JSON.stringify([...document.querySelectorAll(".nw-loss-picture text:not(.nw-loss-halo)")]
                .map(t => t.textContent)) !== JSON.stringify(before)""",
            arg=before,
        )
        before = ticks()
    page.get_by_role("button", name="Copy link").click()
    page.wait_for_function("location.hash.includes('log_steps=true')")
    copy, _ = opened(figure, address=page.evaluate("location.hash"))
    copy.wait_for_function(AFTER, arg="after 300 steps")
    assert (
        copy.locator(".nw-loss-picture text").all_text_contents()[-5:-2]
        == page.locator(".nw-loss-picture text").all_text_contents()[-5:-2]
    )

    complaints += site_checks.accessibility(page)
    assert not complaints


def test_play_goes_through_the_snapshots(opened):
    page, complaints = opened(LossCurves(history(), step=0))
    page.clock.install()
    seen = []
    page.get_by_role("button", name="Play").press("Enter")
    for _ in range(3):
        page.wait_for_timeout(30)
        seen.append(page.inner_text(".nw-loss-text >> nth=0")[:10].strip())
        page.clock.run_for(1350)
    assert seen == ["sample 100", "sample 300", "sample 300"] and page.get_by_role("button", name="Play").count() == 1
    assert not complaints


# What moves: the dot, the bars, the map, and the sample with what is left of the one before.
MOVES = """() => JSON.stringify([
    [...document.querySelectorAll(".nw-loss-picture circle")].map(e => e.getAttribute("cx")),
    [...document.querySelectorAll(".nw-loss-bar b")].map(e => e.getBoundingClientRect().width.toFixed(1)),
    document.querySelector(".nw-head canvas").toDataURL(),
    [...document.querySelectorAll(".nw-loss-text")].map(e => e.textContent),
    document.querySelector(".nw-loss-text").style.opacity])"""
RECORD = f"""() => {{ window.seen = []; const look = () => {{
    seen.push(JSON.parse(({MOVES})())); requestAnimationFrame(look); }}; look(); }}"""


def test_from_one_snapshot_to_the_next_it_fades(opened):
    """Something in between, and in the end what less motion shows at once."""
    page, complaints = opened(LossCurves(history(), step=0, head=1))
    calm, more = opened(LossCurves(history(), step=0, head=1), reduced_motion="reduce")
    states = lambda one: [len({str(s[k]) for s in one.evaluate("seen")}) for k in range(4)]  # noqa: E731
    for one in (page, calm):
        one.locator("summary").click()
        one.evaluate(RECORD)
        one.get_by_role("button", name="Snapshot after 300 steps").click()
        one.wait_for_function(AFTER, arg="after 300 steps")
    calm.wait_for_function("seen.at(-1)[3][0].startsWith('sample 300')")
    page.wait_for_function(f"end => ({MOVES})() === end", arg=calm.evaluate(MOVES))
    assert calm.evaluate("seen.at(-1)[3]") == ["sample 300 <i>not markup</i>", ""]
    assert min(states(page)) > 2 and max(states(calm)) == 2
    # never blocking: another one on the way, and it's there
    for one in (page, calm):
        for step in (0, 100, 300, 100):
            one.get_by_role("button", name=f"Snapshot after {step} step").click()
        one.wait_for_function(AFTER, arg="after 100 steps")
    page.wait_for_function(f"end => ({MOVES})() === end", arg=calm.evaluate(MOVES))
    assert not complaints + more


def test_without_snapshots_there_is_nothing_to_play(opened):
    page, complaints = opened(LossCurves({"a": [4 - 0.01 * i for i in range(100)]}))
    assert not page.get_by_role("button", name="Play").is_visible() and not complaints


@pytest.mark.parametrize("lines", [1, 3, 30])
def test_a_sample_shows_whole_lines(opened, lines):
    """As many as the longest has, up to twelve."""
    shots = {0: shot(0, text="short"), 100: shot(100, text="\n".join(f"line {i}" for i in range(lines)))}
    page, complaints = opened(LossCurves(History([2.0, 1.0] * 60, snapshots=shots)))
    for width in (760, 330):
        page.set_viewport_size({"width": width, "height": 800})
        page.wait_for_function(
            "n => document.querySelector('.nw-loss-text').clientHeight === 20 * n", arg=min(lines, 12)
        )
        paper = page.locator(".nw-loss-paper").bounding_box()
        assert paper["height"] == 20 * min(lines, 12) + 16
    assert not complaints


def test_labels_at_the_cursor_do_not_touch(opened):
    """Nor does one cross its own curve."""
    near = {f"run {i}": [3 - 0.02 * j + 0.003 * i for j in range(100)] for i in range(4)}
    page, complaints = opened(LossCurves(near, lines={"counts": 1.1}, smooth=1), viewport={"width": 360, "height": 800})
    slider = page.get_by_role("slider", name="Step", exact=True)
    for step in (0, 30, 50, 70, 100):
        slider.evaluate("(e, step) => { e.value = step; e.dispatchEvent(new Event('input')); }", step)
        page.wait_for_function(AFTER, arg=f"after {step} steps")
        (*boxes, whole) = page.evaluate("""() => [...document.querySelectorAll(".nw-loss-label, .nw-loss-picture")]
            .map(e => e.getBoundingClientRect()).map(b => [b.top, b.left, b.right])
            .sort((a, b) => a[2] - a[1] - b[2] + b[1])""")
        tops = sorted(top for top, *_ in boxes)
        assert len(boxes) == 4 and min(b - a for a, b in zip(tops, tops[1:])) > 14
        assert all(whole[1] <= left and right <= whole[2] for _, left, right in boxes)
    many, more = opened(LossCurves(near | {"run 4": [1.0]}))
    assert many.locator(".nw-loss-read tbody tr").count() == 5 and many.locator(".nw-loss-label").count() == 0
    assert not complaints + more


LIVE_PAGE = """async ([state, live]) => {
    const asked = [], listeners = {}, values = { ...state, live };
    const model = { get: name => values[name], set(name, value) { values[name] = value; }, save_changes() {},
        on: (event, f) => (listeners[event] ??= []).push(f), off() {}, send: message => asked.push(message) };
    const el = document.body.appendChild(document.createElement("div"));
    module.default.render({ model, el });
    window.asked = asked;
    window.tell = message => listeners["msg:custom"].forEach(f => f(message));
}"""
SEEN = """() => [...document.querySelectorAll(".nw :is(button, input, select)")].filter(e => e.checkVisibility())
    .map(e => e.labels?.[0]?.firstChild.textContent ?? e.textContent)"""


def test_a_live_run_has_four_controls_at_rest_and_the_others_under_more(browser):
    figure = LossCurves({"now": history()})
    state = {**figure.state(), "curves": [{**figure.state()["curves"][0], "live": True}]}
    run = {"state": "running", "step": 400, "steps": 800, "speed": 9, "left": 3, "peak": 0.1, "first": 0.1}
    run |= {"rate": 0.1, "message": ""}
    with module(browser, "loss_curves") as page:
        page.evaluate(LIVE_PAGE, [state, run])
        page.wait_for_selector(".nw-loss-mean")
        assert page.evaluate(SEEN) == ["Pause", "Step", "Peak learning rate", "Attention head"]
        page.get_by_role("button", name="Pause").click()
        page.evaluate("message => tell(message)", {"live": run | {"state": "paused"}, "problem": None})
        page.get_by_role("button", name="Resume").wait_for()
        page.locator("summary").click()
        for name in ("Resume", "One step", "Rewind", "Stop"):
            page.get_by_role("button", name=name).click()
        page.get_by_role("slider", name="Peak learning rate").press("ArrowRight")
        done = [one["do"] for one in page.evaluate("asked")]
        assert done == ["all", "pause", "go on", "one step", "rewind", "stop", "rate"]
        page.evaluate("message => tell(message)", {"live": run | {"state": "stopped"}, "problem": None})
        page.get_by_role("button", name="Play").wait_for()
        assert page.evaluate(SEEN)[:3] == ["▶ Play", "Step", "Attention head"]


def test_several_runs_and_bad_ends_in_a_page(opened):
    runs = {
        "slow": [4 - 0.01 * i for i in range(100)],
        "wild": [4 * 2.0**i for i in range(30)] + [np.inf],
        "one": [2.0],
    }
    page, complaints = opened(LossCurves(runs), LossCurves({"a": [np.nan], "b": [1.0, 0.5]}))
    first, second = page.locator("figure").nth(0), page.locator("figure").nth(1)
    assert "× wild: The loss was inf at step 30." in first.inner_text()
    assert "▲ wild goes off the chart at step 1." in first.inner_text()
    assert first.locator(".nw-loss-end").count() == 1 and first.locator(".nw-loss-up").count() == 1
    assert first.locator(".nw-loss-panel").is_hidden()
    assert first.get_by_label("Snapshots of").count() == 0  # no run has any
    assert any(words.startswith("wild ") and words.endswith(" at 29") for words in label(first))
    assert (
        "NaN" not in first.inner_html().split("nw-live")[-1] and "a: The loss was nan at step 0." in second.inner_text()
    )
    assert not complaints


def test_the_snapshots_of_either_run(opened):
    other = History([2.0] * 5000, snapshots={0: shot(0, text="another", prompt=TOKENS[1:7]), 2: shot(2)})
    with pytest.raises(ValueError, match="same prompt and vocabulary; got others at step 2"):
        LossCurves({"a": history(), "b": other})
    other.snapshots.pop(2)
    page, complaints = opened(LossCurves({"a": history(), "none": [40.0] * 100, "b": other}))
    page.locator("summary").click()
    page.get_by_label("Snapshots of").select_option("b")
    page.wait_for_function("document.querySelector('.nw-loss-text').textContent === 'another'")
    assert page.get_by_role("button", name="Snapshot after").count() == 1
    assert f"the last token, {TOKENS[6]} attends" in page.locator(".nw-head").get_attribute("aria-label")
    complaints += site_checks.width(page, 320)
    assert not complaints


def test_a_run_that_has_no_snapshots_yet_can_be_chosen_and_left(opened, live):
    run, *_ = live
    run.history.snapshots.clear()
    figure = LossCurves({"earlier": history(), "now": run}, shown=1)
    page, complaints = opened(figure)
    assert not page.is_visible(".nw-loss-panel")
    page.locator("summary").click()
    page.get_by_label("Snapshots of").select_option("earlier")
    page.wait_for_function("document.querySelector('.nw-loss-text').textContent.startsWith('sample 300')")
    assert page.is_visible(".nw-loss-panel") and not complaints
