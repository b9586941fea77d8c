"""Backprop: what it reads, its numbers against the engine's and against the page's, and the figure in a page."""

import ast
import json
import math
import random

import numpy as np
import pytest
import traitlets

from book.widgets.backprop import ALLOWED, MOST, Backprop, backward, evaluate, read
from helpers.tensor import Tensor
from tests.widgets import harness

NEURON = "p = w * x; s = p + b; h = tanh(s); e = h - y; L = e ** 2"
NUMBERS = {"w": 0.5, "x": 2.0, "b": -0.4, "y": 1.0}


def function(name):
    return lambda t: getattr(t if isinstance(t, Tensor) else Tensor(t, dtype=np.float64), name)()


FUNCTIONS = {name: function(name) for name in ("exp", "log", "tanh", "sigmoid", "relu")}


def neuron(**options):
    return Backprop(NEURON, **NUMBERS, **options)


def by_engine(expression: str, leaves: dict) -> tuple[float, dict]:
    """The value and the gradients that helpers.tensor gives, from the expression run as Python in float64."""
    tensors = {name: Tensor(value, dtype=np.float64) for name, value in leaves.items()}
    result = eval(expression, {**FUNCTIONS, **tensors})  # ours, drawn below
    result.backward()
    return result.item(), {name: float(t.grad) for name, t in tensors.items()}


def drawn(rng, depth=3) -> str:
    """A random expression of the leaves a, b, c and numbers."""
    if depth == 0 or rng.random() < 0.15:
        return rng.choice(["a", "b", "c", "a", "b", "c", "0.5", "2"])
    left, right = drawn(rng, depth - 1), drawn(rng, depth - 1)
    forms = ["({} + {})", "({} - {})", "({} * {})", "({} / {})", "(-{})", "({}) ** 2", "({}) ** 3", "({}) ** -1"]
    forms += ["exp({})", "log({})", "tanh({})", "sigmoid({})", "relu({})"]
    return rng.choice(forms).format(left, right)


def drawn_cases(count: int) -> list[tuple]:
    """(expression, its nodes, leaves): random ones that have a finite value, with every leaf taking part."""
    rng, cases = random.Random(0), []
    while len(cases) < count:
        expression = drawn(rng)
        names = sorted({n.id for n in ast.walk(ast.parse(expression)) if isinstance(n, ast.Name)} & {"a", "b", "c"})
        leaves = {name: rng.gauss(0, 1) for name in names}
        try:
            nodes = read(expression, leaves)
            values = evaluate(nodes, leaves)
            if max(map(abs, values + backward(nodes, values))) < 1e6:
                cases.append((expression, nodes, leaves))
        except ValueError:
            continue  # log of a negative number, an expression without a leaf
    return cases


# Python


def test_the_neuron_of_chapter_2():
    figure = neuron()
    value, grads = by_engine("(tanh(w * x + b) - y) ** 2", NUMBERS)
    assert figure.gradients() == pytest.approx(grads) and evaluate(figure.nodes, NUMBERS)[-1] == pytest.approx(value)
    assert [node["name"] for node in figure.nodes] == ["w", "x", "p", "b", "s", "h", "y", "e", "L"]
    assert figure.learn == list(figure.start) == ["w", "x", "b", "y"]
    assert [node["at"][0] for node in figure.nodes] == [0, 0, 1, 1, 2, 3, 3, 4, 5]


def test_nodes_in_a_layer_keep_apart_and_long_edges_go_around():
    for expression, leaves in (("m = a * a; f = m + a", "a"), ("tanh(u * x + v * z + b)", "uxvzb"), (NEURON, "wxby")):
        figure = Backprop(expression, **dict.fromkeys(leaves, 0.5))
        places = [tuple(node["at"]) for node in figure.nodes]
        places += {tuple(place) for edge in figure.edges for place in edge[3]}
        for i, (layer, slot) in enumerate(places):
            assert all(abs(slot - s) > 0.99 for k, s in places[:i] if k == layer), expression
    around = Backprop("m = a * a; f = m + a", a=3.0).edges
    assert [edge[3] != [] for edge in around] == [False, False, True, False]


@pytest.mark.parametrize(
    "expression, leaves, says",
    [
        ("w", {"w": 1}, "computes nothing"),
        ("", {}, "computes nothing"),
        ("1 + 2", {}, "computes nothing"),
        ("w * x", {"w": 1}, "The expression uses x, but x has no value. Add x=0.5."),
        ("w + 1", {"w": 1, "z": 2}, "z isn't part of the result"),
        ("p = w * 2; w + 1", {"w": 1}, "p isn't part of the result"),
        ("p = w; p * 2", {"w": 1}, "p = w computes nothing"),
        ("p = w * 2; p = p + 1", {"w": 1}, "p gets a value twice"),
        ("w ** x", {"w": 1, "x": 2}, "`**` takes a plain number, as in x ** 2; got 'x'."),
        ("f(w)", {"w": 1}, f"An expression may use {ALLOWED}; got 'f(w)'."),
        ("w if w else 2", {"w": 1}, ALLOWED),
        ("w[0] * True", {"w": 1}, ALLOWED),
        ("import os", {}, "Write formulas, such as `p = w * x; tanh(p)`; got 'import os'."),
        ("w *", {"w": 1}, "Can't read the expression 'w *'"),
        ("log(w)", {"w": -1}, "no finite value at −1"),
        ("1 / w", {"w": 0}, "no finite value"),
        ("w ** 0.5", {"w": 0}, "no finite slope"),
        ("exp(w)", {"w": 1000}, "no finite value"),
        ("w * 1", {"w": math.nan}, "w must be a number from −1,000,000 to 1,000,000; got nan."),
        ("w * 1", {"w": "2"}, "got '2'."),
        ("+".join(["w * 2"] * MOST), {"w": 1}, "Shorten the expression"),
    ],
)
def test_what_cannot_be_a_graph_gets_a_sentence(expression, leaves, says):
    with pytest.raises((ValueError, traitlets.TraitError)) as error:
        Backprop(expression, **leaves)
    assert says in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize(
    "name, value, says",
    [
        ("leaves", {"w": 1.0}, "leaves must have values for w, x, b, y; got w"),
        ("leaves", {**NUMBERS, "w": 1e9}, "w must be a number"),
        ("learn", ["p"], "got 'p'"),
        ("step", 12, "step must be from 0 to 11 in this graph; got 12"),
        ("rate", 0, "rate must be a number from 0.001 to 10; got 0"),
    ],
)
def test_wrong_settings_get_a_sentence(name, value, says):
    figure = neuron()
    before = getattr(figure, name)
    with pytest.raises(traitlets.TraitError, match=says):
        setattr(figure, name, value)
    assert getattr(figure, name) == before


# In a browser


@pytest.fixture
def functions(js):
    """Calls a pure function of the module on many lists of arguments: functions(name, cases)."""
    return lambda name, cases: harness.calls(js("backprop"), name, cases)


def says(page) -> str:
    harness.painted(page)
    return page.inner_text(".nw-backprop-says")


def box(page, name: str) -> str:
    """What stands in the box of a node, such as 'h = tanh s 0.537 dh = −0.926'."""
    harness.painted(page)
    boxes = page.locator(".nw-backprop-box").all_inner_texts()
    return next(" ".join(text.split()) for text in boxes if text.split()[0] == name)


def test_python_and_the_page_agree_with_the_engine(functions):
    cases = drawn_cases(4_000)
    settings = [[nodes, leaves] for _, nodes, leaves in cases]
    used = set()
    for (expression, nodes, leaves), values, grads in zip(
        cases, functions("forward", settings), functions("gradients", settings), strict=True
    ):
        value, expected = by_engine(expression, leaves)
        assert values[-1] == pytest.approx(value, rel=1e-9, abs=1e-12), expression
        assert values == pytest.approx(evaluate(nodes, leaves), rel=1e-9, abs=1e-12), expression
        assert grads == pytest.approx(backward(nodes, values), rel=1e-7, abs=1e-9), expression
        mine = {node["name"]: g for node, g in zip(nodes, grads) if "op" not in node}
        assert mine == pytest.approx(expected, rel=1e-7, abs=1e-9), expression
        used |= {node.get("op") for node in nodes}
    assert len(used) == 12  # all eleven operations, and leaves


def test_nudging_finds_the_gradients(functions):
    nodes = neuron().nodes
    found = functions("nudged", [[nodes, NUMBERS, name] for name in NUMBERS])
    assert found == pytest.approx(list(neuron().gradients().values()), rel=1e-6)
    kink, border = Backprop("relu(w) + 1", w=0.5).nodes, Backprop("log(w) * 1", w=1e-6).nodes
    assert functions("nudged", [[kink, {"w": 0}, "w"], [border, {"w": 1e-6}, "w"]]) == [pytest.approx(0.5), None]


def test_descent_falls_and_stops_before_it_overflows(functions):
    nodes = neuron().nodes
    run, unlearned, wild = functions(
        "descend",
        [
            [nodes, NUMBERS, ["w", "b"], 0.1, 50],
            [nodes, NUMBERS, [], 0.1, 3],
            [Backprop("w ** 2 + 0", w=1.0).nodes, {"w": 1.0}, ["w"], 10, 100],
        ],
    )
    assert len(run["losses"]) == 51 and run["losses"] == sorted(run["losses"], reverse=True) and not run["problem"]
    assert run["losses"][1] == pytest.approx((math.tanh((0.5 + 0.1317) * 2 - 0.4 + 0.0659) - 1) ** 2, abs=1e-3)
    assert run["leaves"]["x"] == 2 and run["leaves"]["y"] == 1 and unlearned["leaves"] == NUMBERS
    assert "too large" in wild["problem"] and all(map(math.isfinite, wild["losses"])) and len(wild["losses"]) < 10


def test_what_a_step_reaches(functions):
    nodes = neuron().nodes
    (values,) = functions("forward", [[nodes, NUMBERS]])
    names, (seed, _, split) = [n["name"] for n in nodes], (6, 7, 8)
    steps = functions("x => x.map(([...a]) => ({...module.walked(...a), gone: [...module.walked(...a).gone]}))",
                      [[[[nodes, values, step] for step in range(12)]]])[0]  # fmt: skip
    assert [sum(step["known"]) for step in steps] == [4, 5, 6, 7, 8, 9, 9, 9, 9, 9, 9, 9]
    assert [names[step["now"]] for step in steps[1:]] == [*"psheL", "L", "L", *"ehsp"]
    assert [pulse["words"] for pulse in steps[1]["pulses"]] == ["0.5", "2"] and steps[seed]["pulses"] == []
    assert [pulse["words"] for pulse in steps[split]["pulses"]] == ["× 1", "× (−1)"]
    assert [len(step["gone"]) for step in steps] == [0] * 7 + [1, 3, 4, 6, 8]
    assert steps[seed]["arrived"] == [[]] * 8 + [[1]]


SETTLED = """() => !document.querySelector('.nw-backprop-pulses').childElementCount
    && document.querySelector('.nw-go').textContent === '▶ Play'"""


def test_the_figure_in_a_page(browser):
    figure = neuron(learn=["w", "b"], caption="<b>bold</b>")
    with harness.mounted(browser, figure, reduced_motion="reduce") as (page, complaints):
        assert page.locator(".nw-caption").inner_text() == "<b>bold</b>"
        page.locator("summary").click()

        # the walk, by the slider's keys: all values, then local × upstream in numbers
        slider = page.get_by_role("slider", name="Step")
        slider.focus()
        page.keyboard.press("Home")
        assert "So far only the leaves have values" in says(page) and box(page, "p") == "p = w · x ?"
        for expected in ("p = w · x = 0.5 · 2 = 1", "s = p + b = 1 + (−0.4) = 0.6", "h = tanh s = tanh 0.6 = 0.537"):
            page.keyboard.press("ArrowRight")
            assert expected in says(page)
        assert box(page, "h") == "h = tanh s 0.537" and "?" in box(page, "e")
        page.get_by_role("button", name="Next").press("Enter")
        page.keyboard.press("Enter")
        page.keyboard.press("Enter")
        assert "dL = 1" in says(page)
        page.locator(".nw-backprop-box").first.focus()  # the graph itself takes arrow keys
        page.keyboard.press("ArrowRight")
        assert "to e: (2 · e = −0.926) × 1 = −0.926" in says(page)
        assert box(page, "e").endswith("−0.926") and box(page, "h") == "h = tanh s 0.537"
        slider.focus()
        page.keyboard.press("End")
        assert "to w: (x = 2) × (−0.659) = −1.32" in says(page)
        page.get_by_role("button", name="◀ Back").press("Enter")
        assert "Backward: s = p + b gets" in says(page)
        page.locator(".nw-backprop-box", has_text="tanh").press("Enter")
        assert "to s: (1 − h² = 0.712) × (−0.926) = −0.659" in says(page)

        # gradient and finite difference, side by side
        slider.focus()
        page.keyboard.press("End")
        harness.painted(page)
        rows = [row.split() for row in page.locator(".nw-backprop-leaves tbody tr").all_inner_texts()]
        assert [row[0] for row in rows] == ["w", "x", "b", "y"] and all(row[2] == row[3] for row in rows)

        # a leaf by keyboard; what has no value is refused with a sentence
        leaf, typed = page.locator(".nw-backprop-leaf").nth(3), page.get_by_label("Value of y")

        def change(value):
            leaf.press("Enter")
            typed.fill(value)
            typed.press("Enter")
            assert typed.count() == 0 and leaf.evaluate("e => e === document.activeElement")

        change("0.25")
        assert box(page, "y").startswith("y 0.25") and box(page, "e").startswith("e = h − y 0.287")
        change("1e9")
        assert "y stays as it was." in page.inner_text(".nw-backprop-sorry") and box(page, "y").startswith("y 0.25")
        change("")
        assert box(page, "y").startswith("y 0.25")
        leaf.press("Enter")
        typed.fill("7")
        typed.press("Escape")
        assert box(page, "y").startswith("y 0.25") and typed.count() == 0
        leaf.press("ArrowUp")
        leaf.press("ArrowUp")
        assert box(page, "y").startswith("y 0.45 ")
        leaf.press("ArrowDown")
        assert box(page, "y").startswith("y 0.35 ") and "0.35" in page.inner_text(".nw-backprop-leaves")

        # descent: the loss falls; what may not learn stays; and back
        page.get_by_role("button", name="Take a gradient step").press("Enter")
        page.get_by_role("button", name="10 steps").press("Enter")
        harness.painted(page)
        assert "after 11 steps." in page.inner_text(".nw-backprop-fall") and page.is_visible(".nw-backprop-losses")
        assert box(page, "x").startswith("x 2 ") and not box(page, "w").startswith("w 0.5 ")
        page.get_by_label("w learns").press("Space")
        page.get_by_label("b learns").press("Space")
        harness.painted(page)
        assert page.get_by_role("button", name="Take a gradient step").is_disabled()
        page.get_by_role("button", name="Back to the start").press("Enter")
        assert box(page, "w").startswith("w 0.5 ") and box(page, "y").startswith("y 1 ")
        assert page.evaluate("document.activeElement.textContent") == "Back to the start"  # though it is greyed out
        assert not complaints


def test_play_goes_forward_and_back(browser):
    with harness.mounted(browser, neuron(step=3)) as (page, complaints):
        page.evaluate("""() => { window.flown = []; new MutationObserver(() => {
            const words = [...document.querySelectorAll('.nw-backprop-pulses text')].map(e => e.textContent).join();
            if (words) window.flown.push(words);
        }).observe(document.querySelector('.nw-backprop-pulses'), { childList: true }); }""")
        page.get_by_role("button", name="Play").click()
        page.get_by_role("button", name="Pause").wait_for()
        page.wait_for_function("document.querySelector('.nw-backprop-says').textContent.includes('= tanh 0.6 =')")
        page.get_by_role("button", name="Pause").click()
        page.wait_for_function(SETTLED)
        at = page.get_by_role("slider", name="Step").input_value()
        assert at in "34" and box(page, "e") == "e = h − y ?"
        page.get_by_role("button", name="Play").click()  # goes on from there
        page.wait_for_function(f"({SETTLED})() && document.querySelector('input[type=range]').value === '11'")
        assert page.evaluate("flown") == (
            ["0.5,2", "1,−0.4", "0.6", "0.537,1", "−0.463"]
            + ["× (−0.926)", "× 1,× (−1)", "× 0.712", "× 1,× 1", "× 2,× 0.5"]
        )  # fmt: skip
        assert box(page, "w") == "w 0.5 dw −1.32" and box(page, "p") == "p = w · x 1 dp −0.659"

        # a box plays its step; the slider's steps appear at once, and end the motion
        page.locator(".nw-backprop-box", has_text="tanh").click()
        page.wait_for_function("document.querySelector('.nw-backprop-pulses text')?.textContent === '× 0.712'")
        assert box(page, "s") == "s = p + b 0.6"  # nothing has arrived
        page.get_by_role("slider", name="Step").press("End")
        harness.painted(page)
        assert page.evaluate(SETTLED) and box(page, "w") == "w 0.5 dw −1.32"
        assert not complaints


def test_reduced_motion_shows_the_last_step(browser):
    with harness.mounted(browser, neuron(step=0), reduced_motion="reduce") as (page, complaints):
        page.get_by_role("button", name="Play").click()
        assert box(page, "w") == "w 0.5 dw −1.32" and page.evaluate(SETTLED)
        assert "11 of 11" in page.inner_text(".nw-primary") and not complaints


def test_a_leaf_follows_the_pointer(browser):
    with harness.mounted(browser, Backprop("log(w) * 1", w=0.5, step=3)) as (page, complaints):
        area = page.locator(".nw-backprop-leaf").bounding_box()
        x, y = area["x"] + area["width"] / 2, area["y"] + area["height"] / 2
        page.mouse.move(x, y)
        page.mouse.down()
        page.mouse.move(x, y - 30, steps=4)
        assert box(page, "w") == "w 1.1" and box(page, "v1").startswith("v1 = log w 0.0953")
        page.mouse.move(x, y + 60, steps=4)
        assert "no finite value" in page.inner_text(".nw-backprop-sorry")
        assert not box(page, "w").startswith("w −")
        page.mouse.move(x, y, steps=4)
        page.mouse.up()
        assert box(page, "w") == "w 0.5" and page.locator(".nw-backprop-edit").count() == 0
        page.mouse.click(x, y)  # without a drag, it types
        assert page.get_by_label("Value of w").input_value() == "0.5"
        assert not complaints


def test_a_step_of_descent_glides(browser):
    with harness.mounted(browser, neuron(learn=["w", "b"])) as (page, complaints):
        page.clock.install()  # frames come when the test says so, however busy the machine
        page.get_by_role("button", name="Take a gradient step").click()
        seen = []
        while len(seen) < 60 and seen[-1:] != ["0.632"]:
            page.clock.run_for(50)
            seen.append(page.inner_text(".nw-backprop-leaf b >> nth=0"))
        assert seen[-1] == "0.632" and len(set(seen)) > 3
        assert "after 1 step." in page.inner_text(".nw-backprop-fall")
        assert not complaints


def test_two_paths_add_up(browser):
    small = {"viewport": {"width": 320, "height": 800}, "reduced_motion": "reduce"}
    with harness.mounted(browser, Backprop("m = a * a; f = m + a", a=3.0, step=4), **small) as (page, complaints):
        assert box(page, "a") == "a 3 da = 1 + …"  # two parts are still to come
        page.get_by_role("button", name="Next").click()
        assert "da = 1 + 3 = 4" in says(page) and "da = 4 + 3 = 7" in says(page) and box(page, "a") == "a 3 da = 7"
        assert not complaints


def test_a_link_sets_it_and_a_bad_link_gets_a_sentence(browser):
    link = "#widget=1&step=48&rate=99&leaves=" + json.dumps({**NUMBERS, "w": 0.75})
    with harness.mounted(browser, neuron(), address=link) as (page, _):
        assert box(page, "w").startswith("w 0.75") and "11 of 11" in page.inner_text(".nw-live")
        page.locator("summary").click()
        assert page.get_by_role("slider", name="Learning rate").get_attribute("aria-valuetext") == "0.1"
    for wrong in ({"w": 1}, {**NUMBERS, "b": "<img src=x onerror=alert(1)>"}, {**NUMBERS, "y": None}):
        with harness.mounted(browser, neuron(), address="#widget=1&leaves=" + json.dumps(wrong)) as (page, _):
            assert "must be a number; got" in page.inner_text(".nw-problem")
