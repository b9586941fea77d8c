"""AttentionMap: what it accepts, that Python and the page agree on the numbers, and its figure in a page."""

import json
import re
from contextlib import ExitStack

import numpy as np
import pytest
from traitlets import TraitError

from book.widgets import AttentionMap
from helpers.sampling import entropy, softmax
from tests.site import site_checks
from tests.widgets.harness import calls, mounted, painted
from tests.widgets.test_every import LEAST_TEXT, SMALL

WORDS = ["<b>Write</b>", "שלום", "e\u0301", "🐈", "cat", "cat", " ", "a\nb", "x" * 100_000, ""]


def drawn(*shape, causal=False, seed=0):
    """Random weights of that shape, rows of which sum to 1; causal: nothing above the diagonal."""
    scores = np.random.default_rng(seed).normal(0, 2, shape)
    return softmax(scores + np.triu(np.full(shape[-2:], -np.inf), 1) if causal else scores)


# Python

EYE = np.eye(3)


@pytest.mark.parametrize(
    ("tokens", "weights", "options", "said"),
    [
        ("", EYE, {}, "A map shows 1 to 128 tokens; got 0."),
        ("a" * 129, np.eye(129), {}, "got 129."),
        (None, EYE, {}, "tokens must be a list of labels or a string; got None."),
        ("abcd", EYE, {}, "got 4 tokens with 3 rows and 3 columns."),
        ("abc", EYE[:2], {"keys": "abc"}, "got 3 tokens and 3 keys with 2 rows and 3 columns."),
        ("abc", EYE * 0.5, {}, "The weights of a row must sum to 1; got 0.5 in row 0 of layer 1, head 1."),
        ("abc", EYE * np.nan, {}, "got NaN or infinity."),
        ("abc", EYE - 1e-3, {}, "Each weight must be a number from 0 to 1; got -0.001."),
        ("abc", EYE[None, None, None], {}, "(T, S), (heads, T, S), or (layers, heads, T, S); got (1, 1, 1, 3, 3)."),
        ("abc", np.zeros((0, 3, 3)), {}, "got (0, 3, 3)."),
        ("abc", [[1], [0, 1]], {}, "must be one array of numbers"),
        ("abc", EYE, {"layer": 2}, "layer must be from 1 to 1 with these weights; got 2."),
        ("abc", EYE, {"head": 0}, "head must be"),
        ("abc", EYE, {"token": 3}, "token must be from -3 to 2 with these weights; got 3."),
        ("abc", EYE, {"key": -4}, "key must be"),
        ("abc", EYE, {"beside": (1, 2)}, "The head of beside must be from 1 to 1 with these weights; got 2."),
        ("abc", EYE, {"beside": (1,)}, "beside must be (layer, head), or () for no second head; got (1,)."),
    ],
)
def test_wrong_inputs_get_a_sentence(tokens, weights, options, said):
    with pytest.raises(TraitError, match=re.escape(said)):
        AttentionMap(tokens, weights, **options)


def test_a_wrong_change_leaves_what_was_there():
    figure = AttentionMap("abc", drawn(2, 2, 3, 3), layer=2, token=1)
    for name, wrong in (
        ("layer", 3),
        ("head", 3),
        ("token", 3),
        ("tokens", "ab"),
        ("weights", EYE * 2),
        ("beside", (3, 1)),
    ):
        before = np.array(getattr(figure, name))
        with pytest.raises(TraitError):
            setattr(figure, name, wrong)
        assert np.array_equal(before, getattr(figure, name))
    figure.token = -1
    assert figure.token == 2


def test_tokens_and_weights_change_together():
    figure = AttentionMap("abcde", drawn(2, 2, 5, 5), head=2, beside=(2, 1), token=4, key=4)
    with figure.hold_trait_notifications():
        figure.tokens, figure.weights = ["x", "y"], drawn(1, 2, 2, 2)
    assert (figure.token, figure.key, figure.beside) == (1, 1, ()) and "“y” at position 1" in figure.alt()


def test_one_map_or_one_layer_will_do_and_the_default_key_is_what_the_token_looks_at_most():
    assert AttentionMap("abc", EYE).weights.shape == (1, 1, 3, 3)
    assert AttentionMap("abc", np.stack([EYE, EYE])).weights.shape == (1, 2, 3, 3)
    weights = drawn(4, 4, causal=True)
    assert AttentionMap("abcd", weights, token=-2).key == weights[2].argmax()
    assert AttentionMap("abcd", weights, key=0).key == 0
    assert AttentionMap("abcd", drawn(2, 2, 4, 4), beside=tuple(np.array([2, 1]))).beside == (2, 1)


def test_only_the_lower_half_of_a_causal_map_is_shipped():
    causal, free = drawn(2, 2, 48, 48, causal=True), drawn(2, 2, 48, 48)
    sizes = [len(json.dumps(AttentionMap("a" * 48, w).state()["weights"])) for w in (causal, free)]
    assert sizes[0] < 0.55 * sizes[1]
    assert AttentionMap("a" * 48, causal).causal and not AttentionMap("a" * 48, free).causal
    assert not AttentionMap("ab", EYE[:2], keys="xyz").causal  # a key is not a later token


def test_the_still_says_what_it_shows():
    weights = drawn(2, 3, 4, 4)
    figure = AttentionMap("Cats", weights, layer=2, head=3, token=0)
    ax, row = figure.still(), weights[1, 2, 0]
    assert ax.get_title(loc="left") == "layer 2, head 3" and np.allclose(ax.images[0].get_array(), weights[1, 2])
    assert [label.get_text() for label in ax.get_yticklabels()] == list("Cats")
    spread = entropy(weights).mean(axis=-1)
    assert f"“C” at position 0 looks most at “{'Cats'[row.argmax()]}”" in figure.alt()
    assert f"{row.max():.2f}" in figure.alt() and f"{spread.min():.2f} to {spread.max():.2f} nats" in figure.alt()


# JavaScript


@pytest.fixture
def functions(js):
    """call(name, cases): an exported function on each list of arguments; a list of numbers becomes a Float64Array."""
    typed = "v => Array.isArray(v) && v.length && v.every(x => typeof x === 'number') ? Float64Array.from(v) : v"

    def call(name: str, cases) -> list:
        module = js("attention_map" if name in ("unpacked", "context", "share") else "attention_draw")
        return calls(module, f"(...values) => module.{name}(...values.map({typed}))", cases)

    return call


def test_the_page_reads_the_weights_that_python_has(functions):
    for weights in (drawn(2, 3, 9, 9, causal=True), drawn(2, 3, 9, 9), drawn(1, 1, 1, 1)):
        figure = AttentionMap("abcdefghi"[: weights.shape[-1]], weights)
        (found,) = functions("unpacked", [[figure.state()["weights"]]])
        assert np.abs(np.reshape(found["maps"], weights.shape) - weights).max() < 1e-5
        assert (found["layers"], found["heads"], found["T"], found["S"]) == weights.shape
        assert found["causal"] == figure.causal


def test_numbers_in_the_page_are_those_of_python(functions):
    maps = [drawn(T, S, seed=T) for T, S in ((1, 1), (3, 5), (24, 24), (40, 7))] + [np.eye(6)]
    flat = [(w.ravel().tolist(), w.shape[1]) for w in maps]
    assert np.allclose(functions("headEntropy", flat), [entropy(w).mean() for w in maps], atol=1e-12)
    tops = functions("nearTop", [case[:1] for case in flat])
    assert np.allclose(tops, [np.sort(w[w > 0])[int(0.95 * (w > 0).sum())] for w in maps])
    best = functions("largest", [(w[0].tolist() if w.shape[1] > 1 else [1.0], 3) for w in maps])
    for w, found in zip(maps, best, strict=True):
        order = np.argsort(-w[0], kind="stable")[:3]
        assert [i for i, _ in found] == [i for i in order if w[0, i] > 0]


def test_small_pictures_keep_thin_lines(functions):
    line = np.eye(128, k=-1)
    ((found),) = functions("pooled", [(line.ravel().tolist(), 128, 40)])
    small = np.reshape(found["values"], (found["rows"], found["columns"]))
    assert small.shape == (40, 40) and (np.diagonal(small) == 1).all() and small.sum() < 160
    (same,) = functions("pooled", [(np.eye(5).ravel().tolist(), 5, 40)])
    assert np.array_equal(np.reshape(same["values"], (5, 5)), np.eye(5))


def test_every_place_can_be_hit(functions):
    sizes = [
        (width, T, S, c)
        for width in (260, 320, 450, 720)
        for T, S in ((1, 1), (7, 7), (25, 25), (128, 128), (5, 9))
        for c in (False, True)
    ]
    for width, T, S, crossing in sizes:
        given = {"width": width, "T": T, "S": S, "wideRow": 50, "wideColumn": 50, "crossing": crossing}
        (p,) = functions("places", [[given]])
        assert p["left"] + p["across"] <= width and p["height"] <= 800 and p["cell"] > 1
        assert p["named"] == (p["cell"] >= 10)
        rows, columns = np.divmod(np.arange(0, T * S, max(1, T * S // 50)), S)
        spots = [
            (p["left"] + (c + 0.5) * p["cell"], p["top"] + (r + 0.5) * p["cell"])
            for r, c in zip(rows, columns, strict=True)
        ]
        found = functions("at", [(p, x, y, crossing) for x, y in spots])
        assert [(f["row"], f["column"]) for f in found] == list(zip(rows.tolist(), columns.tolist(), strict=True))
        middle, above = p["left"] + (S - 0.5) * p["cell"], p["above"] + 1
        aside, on_top, out = functions(
            "at", [(p, 2, p["top"] + 1, crossing), (p, middle, above, crossing), (p, -5, -5, crossing)]
        )
        assert aside == {"row": 0} and on_top == {"column": S - 1} and out is None


def test_the_names_of_rows_do_not_touch(functions):
    """A row is as high as a line of text, or every other name stands aside."""
    given = {"wideRow": 9, "wideColumn": 9}
    cases = [(712, 51, False), (712, 25, False), (304, 25, True), (304, 15, False)]
    found = functions("places", [[given | {"width": width, "T": T, "S": T}] for width, T, _ in cases])
    assert [p["aside"] > 0 for p in found] == [aside for *_, aside in cases]
    assert all(p["named"] and (p["cell"] >= 13 or p["aside"] >= 9) for p in found)


def test_the_text_around_a_token(functions):
    assert functions("context", [(list("cat."), 1), (["a", "poem", "ends"], 1), (["a", " b", "c"], 0), (["a"], 0)]) == [
        ["c", "a", "t."],
        ["a ", "poem", " ends"],
        ["", "a", " bc"],
        ["", "a", ""],
    ]
    assert functions("share", [(0,), (0.25,), (1,)]) == ["0.000", "0.250", "1.000"]


# The figure in a page

CHANGED = """async ([esm, state, changes]) => {
    window.watching = 0;
    window.ResizeObserver = class extends ResizeObserver {
        observe(element) { window.watching++; super.observe(element); }
        disconnect() { window.watching--; super.disconnect(); }
    };
    const blob = new Blob([esm], { type: "text/javascript" });
    const { default: widget } = await import(URL.createObjectURL(blob));
    const events = {}, frame = () => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)));
    const model = {
        get: name => state[name],
        set(name, value) { state[name] = value; (events["change:" + name] || []).forEach(f => f()); },
        on: (event, f) => (events[event] ||= []).push(f),
        off(event, f) { events[event] = events[event].filter(g => g !== f); },
        save_changes() {},
    };
    const el = document.createElement("div");
    document.querySelector("article").replaceChildren(el);
    window.end = widget.render({ model, el });
    await frame();
    Object.entries(changes).forEach(([name, value]) => model.set(name, value));
    await frame();
    window.left = () => Object.values(events).flat().length;
}"""


@pytest.fixture
def opened(browser):
    with ExitStack() as pages:
        yield lambda *figures, **options: pages.enter_context(mounted(browser, *figures, **options))


def said(page) -> str:
    painted(page)
    return page.inner_text(".nw-attention-said")


def titles(page) -> list[str]:
    painted(page)
    return page.locator(".nw-attention-title").all_inner_texts()


def test_the_figure_in_a_page(opened):
    weights, T = drawn(2, 3, 12, 12, causal=True), 12
    figure = AttentionMap("Write a poem", weights, layer=2, head=1, token=7, key=2, title="Heads", caption="See.")
    page, complaints = opened(figure, viewport={"width": 760, "height": 1000})

    def cell(t, s, layer=1, head=0):
        return f"{weights[layer, head, t, s]:.3f}"

    assert said(page) == f"“␣” (7) looks at “i” (2): {cell(7, 2)}"
    assert titles(page) == [f"Layer 2, head 1: mean entropy {entropy(weights[1, 0]).mean():.3g} nats"]
    shown = page.locator(".nw-attention-grid button span:last-child").all_inner_texts()
    assert [s for s in shown if s] == [f"{e:.2f}" for e in entropy(weights).mean(axis=-1).ravel()]

    # sliders by keyboard; the lists beside them hold the strongest
    page.get_by_label("Token that looks (row)").focus()
    page.keyboard.press("ArrowRight")
    assert said(page) == f"“p” (8) looks at “i” (2): {cell(8, 2)}"
    listed = page.locator(".nw-attention-row .nw-attention-list button b:first-of-type").all_inner_texts()
    assert listed == [f"{w:.3f}" for w in np.sort(weights[1, 0, 8])[::-1][:4]]
    page.get_by_label("Token looked at (column)").focus()
    page.keyboard.press("End")
    assert said(page) == "“p” (8) looks at “m” (11): masked, because it comes later"

    # a token in a list: focus shows it, Enter goes there, and focus stays
    entry, best = page.locator(".nw-attention-row .nw-attention-list button").first, int(weights[1, 0, 8].argmax())
    entry.focus()
    assert said(page).endswith(f"({best}): {cell(8, best)}")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Enter")
    painted(page)
    assert page.get_by_label("Token looked at (column)").input_value() == str(best)
    assert entry.evaluate("e => e === document.activeElement") and entry.get_attribute("aria-current") == "true"

    # the overview: one tab stop, arrow keys, Enter
    assert page.locator(".nw-attention-grid button[tabindex='0']").count() == 1
    page.locator(".nw-attention-grid button[tabindex='0']").focus()
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    assert titles(page)[0].startswith("Layer 1, head 2:") and cell(8, best, 0, 1) in said(page)

    # two heads side by side, and swapped
    page.get_by_role("button", name="Compare two heads").press("Enter")
    assert [t[:21] for t in titles(page)] == ["Left Layer 1, head 3:", "Right Layer 1, head 2"]
    assert f"{cell(8, best, 0, 2)} | {cell(8, best, 0, 1)}" in said(page)
    page.get_by_role("button", name="Swap left and right").press("Enter")
    assert [t[:21] for t in titles(page)] == ["Left Layer 1, head 2:", "Right Layer 1, head 3"]
    assert page.locator("[aria-pressed=true]").count() == 2

    # the scale says what full blue is
    assert page.locator(".nw-attention-scale").text_content() == "weight 01"
    page.get_by_label("Stronger colors").press("Space")
    painted(page)
    top = max(np.sort(w[w > 0])[int(0.95 * (w > 0).sum())] for w in weights[0, 1:])
    assert page.locator(".nw-attention-scale").text_content() == f"weight 0{top:.3g} or more"

    # the pointer: hovering shows, leaving takes it back, pressing keeps
    before, box = said(page), page.locator(".nw-head").first.bounding_box()
    x, y = box["x"] + box["width"] - 60, box["y"] + box["height"] - 4  # the last row
    page.mouse.move(x, y)
    assert said(page) != before and said(page).startswith("“m” (11) looks at")
    page.mouse.move(box["x"], box["y"] + box["height"] + 40)
    assert said(page) == before
    page.mouse.click(x, y)
    page.mouse.move(box["x"], box["y"] + box["height"] + 40)
    assert said(page).startswith("“m” (11) looks at")
    page.mouse.click(box["x"] + 5, y)  # a token's name: the token looks and is looked at
    page.mouse.move(box["x"], box["y"] + box["height"] + 40)
    assert said(page).startswith(f"“m” ({T - 1}) looks at “m” ({T - 1})")

    # what a link must not say is left out
    wrong = "#widget=1&layer=77&head=3&token=-5&key=127&beside=[9,9]&tokens=[]"
    odd, more = opened(figure, address=wrong)
    assert titles(odd)[0].startswith("Left Layer 2, head 3:") and said(odd).startswith("“W” (0) looks at “m” (11)")
    assert not complaints + more


def test_odd_tokens_and_sizes_on_a_phone(opened):
    n = len(WORDS)
    figures = [
        AttentionMap(WORDS, drawn(2, 2, n, n), title="Odd"),
        AttentionMap(["<i>le</i>", "chat"], drawn(2, 3), keys=["the", "black", "cat"], title="Across", stretch=True),
        AttentionMap("a", [[1.0]], title="One"),
        AttentionMap("ab" * 64, drawn(3, 12, 128, 128, causal=True), title="Long", beside=(1, 2)),
    ]
    phone = {"viewport": {"width": 320, "height": 800}, "has_touch": True, "is_mobile": True}
    page, complaints = opened(*figures, **phone)
    painted(page)
    assert not site_checks.width(page, 320)
    assert page.locator(".nw b:text-is('Write'), .nw i:text-is('le'), .nw-problem").count() == 0
    assert page.evaluate(SMALL) == [] and page.evaluate(LEAST_TEXT) >= 12
    assert page.locator(".nw-attention-list small:visible").evaluate_all(  # a long token leaves its position in sight
        "all => all.every(e => e.getBoundingClientRect().right <= e.parentElement.getBoundingClientRect().right)"
    )
    across = page.locator("figure").nth(1)
    assert across.locator(".nw-head path[stroke]").count() > 0
    assert across.locator(".nw-attention-said").inner_text().startswith("“chat” (1) looks at")
    assert "Layer" not in across.inner_text()  # one head: nothing to choose
    # a tap on a cell keeps it
    head = page.locator("figure").first.locator(".nw-head")
    head.scroll_into_view_if_needed()
    box = head.bounding_box()
    head.tap(position={"x": box["width"] - 6, "y": box["height"] - 6})
    painted(page)
    assert f"“” ({n - 1}) looks at “” ({n - 1})" in page.locator(".nw-attention-said").first.inner_text()
    assert not complaints


def test_new_weights_draw_anew(opened):
    """What a change from Python does to the figure: the model's own events stand for those of Jupyter."""
    figure, other = AttentionMap("abc", np.eye(3), token=2), AttentionMap("wxyz", drawn(2, 2, 4, 4), token=2)
    page, complaints = opened(figure)
    painted(page)
    page.evaluate(CHANGED, [figure._esm, figure.state(), other.state()])
    assert not complaints
    assert page.inner_text(".nw-attention-said").startswith("“y” (2) looks at")
    assert page.locator(".nw-attention-grid button").count() == 4 and page.locator(".nw-attention-title").count() == 1
    assert page.get_by_label("Token that looks (row)").get_attribute("max") == "3"
    page.evaluate("window.end()")
    assert page.evaluate("[window.left(), window.watching]") == [0, 0] and page.locator(".nw").count() == 0
    assert not complaints
