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
        ("abc", EYE * 0.5, {}, "The weights of a row must sum to 1; got 0.5 in row 0 of block 1, head 1."),
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
    assert ax.get_title(loc="left") == "block 2, head 3" and np.allclose(ax.images[0].get_array(), weights[1, 2])
    assert [label.get_text() for label in ax.get_yticklabels()] == list("Cats")
    spread = entropy(weights).mean(axis=-1)
    assert f"“C” at position 0 attends most to “{'Cats'[row.argmax()]}”" in figure.alt()
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
        (width, T, S, c, wide)
        for width in (260, 320, 450, 720)
        for T, S in ((1, 1), (7, 7), (25, 25), (128, 128), (5, 9))
        for c in (False, True)
        for wide in (9, 50)
    ]
    for width, T, S, crossing, wide in sizes:
        given = {"width": width, "T": T, "S": S, "wideRow": wide, "wideColumn": wide, "crossing": crossing}
        (p,) = functions("places", [[given]])
        assert p["left"] + p["across"] <= width and p["height"] <= 800 and p["cell"] > 1
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


def test_labels_get_two_lines_or_fewer_names_or_positions(functions):
    every, two = {"named": True, "step": 1, "lanes": 1}, {"named": True, "step": 1, "lanes": 2}
    cases = [(9, 20), (50, 20), (9, 9), (50, 9), (9, 5), (50, 4), (50, 0.1)]
    assert functions("edge", cases) == [
        every, every, two, every | {"step": 2}, {"named": False, "step": 10, "lanes": 1},
        {"named": False, "step": 10, "lanes": 1}, {"named": False, "step": 100, "lanes": 1},
    ]  # fmt: skip


def test_arrow_keys_stay_in_the_map(functions):
    middle, corner = {"row": 1, "column": 1}, {"row": 0, "column": 2}
    cases = [
        ("ArrowUp", middle), ("ArrowLeft", middle), ("End", middle), ("Home", middle), ("a", middle),
        ("ArrowUp", corner), ("ArrowRight", corner), ("End", corner), ("ArrowDown", corner),
        ("ArrowDown", {"row": 1, "column": None}),
    ]  # fmt: skip
    found = functions("moved", [(key, place, 2, 3) for key, place in cases])
    spots = [f and (f["row"], f["column"]) for f in found]
    assert spots == [(0, 1), (1, 0), (1, 2), (1, 0), None, None, None, None, (1, 2), None]


def test_the_text_around_a_token(functions):
    """A cut is between words or tokens, and shows."""
    verse = "Write a poem about a cat that sleeps."
    long = ["a" * 10, "poem", "w" * 30, "x", "y" * 20]
    assert functions("context", [(list("cat."), 1), (["a", "poem", "ends"], 1), (["a", " b", "c"], 0), (["a"], 0)]) == [
        ["c", "a", "t."],
        ["a ", "poem", " ends"],
        ["", "a", " bc"],
        ["", "a", ""],
    ]
    assert functions("context", [(list(verse), 14, 10), (list(verse), 14, 2), (long, 3, 6), (long, 2, 18)]) == [
        ["…a poem a", "b", "out a cat…"],
        ["…a", "b", "ou…"],  # no gap is near: between letters
        ["…", "x", "…"],
        ["a" * 10 + " poem ", "w" * 13 + "…", " x…"],
    ]
    assert functions("share", [(0,), (0.25,), (1,)]) == ["0.000", "0.250", "1.000"]


def test_halfway_between_two_maps(functions):
    assert functions("mixed", [([0, 1], [1, 0.5], 0.5), ([0, 1], [1, 0.5], 0)]) == [[0.5, 0.75], [0, 1]]


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
    weights = drawn(2, 3, 12, 12, causal=True)
    figure = AttentionMap("Write a poem", weights, layer=2, head=1, token=7, key=2, title="Heads?", caption="See.")
    page, complaints = opened(figure, viewport={"width": 760, "height": 1000})

    def cell(t, s, layer=1, head=0):
        return f"{weights[layer, head, t, s]:.3f}"

    # at rest: the heads, the map, and its arcs
    assert said(page) == f"“␣” (7) attends to “i” (2): {cell(7, 2)}"
    assert titles(page) == ["Block 2, head 1"] and page.locator(".nw-attention-lists").is_hidden()
    assert not page.locator(".nw-tip").count()
    spreads = [re.search(r"entropy (.*) nats", b.get_attribute("title"))[1] for b in heads(page).all()]
    assert spreads == [f"{e:.2f}" for e in entropy(weights).mean(axis=-1).ravel()]

    # the heads: one tab stop, and the arrow keys choose
    assert page.locator(".nw-attention-heads button[tabindex='0']").count() == 1
    page.locator(".nw-attention-heads button[tabindex='0']").focus()
    page.keyboard.press("ArrowUp")
    assert titles(page) == ["Block 1, head 1"] and said(page).endswith(cell(7, 2, 0, 0))
    page.keyboard.press("ArrowRight")
    assert titles(page) == ["Block 1, head 2"]
    pressed = page.locator(".nw-attention-heads [aria-pressed=true]")
    assert pressed.count() == 1 and pressed.evaluate("e => e === document.activeElement && e.tabIndex === 0")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowLeft")
    assert titles(page) == ["Block 2, head 1"]

    # sliders do what the map does
    page.locator("summary").click()
    page.get_by_label("Query token (row)").focus()
    page.keyboard.press("ArrowRight")
    assert said(page) == f"“p” (8) attends to “i” (2): {cell(8, 2)}"
    page.get_by_label("Key token (column)").focus()
    page.keyboard.press("End")
    assert said(page) == "“p” (8) attends to “m” (11): masked, because it comes later"

    # two heads side by side, and swapped
    page.get_by_role("button", name="Compare two heads").press("Enter")
    assert titles(page) == ["Left: Block 2, head 2", "Right: Block 2, head 1"]
    page.get_by_label("Key token (column)").press("Home")
    assert said(page).endswith(f"{cell(8, 0, 1, 1)} | {cell(8, 0, 1, 0)}")
    page.get_by_role("button", name="Swap left and right").press("Enter")
    assert titles(page) == ["Left: Block 2, head 1", "Right: Block 2, head 2"]
    assert page.locator("[aria-pressed=true]").count() == 2

    # the scale
    assert "Full blue is a weight of 1." in page.inner_text(".nw-more")
    page.get_by_label("Stronger colors").press("Space")
    painted(page)
    top = max(np.sort(w[w > 0])[int(0.95 * (w > 0).sum())] for w in weights[1, :2])
    assert f"Full blue is a weight of {top:.3g} or more." in page.inner_text(".nw-more")
    page.wait_for_function(f"document.querySelector('.nw-head-scale').textContent.includes('{top:.3g} or more')")

    # what a link must not say is left out
    wrong = "#widget=1&layer=77&head=3&token=-5&key=127&beside=[9,9]&tokens=[]"
    odd, more = opened(figure, address=wrong)
    assert titles(odd)[0] == "Left: Block 2, head 3" and said(odd).startswith("“W” (0) attends to “m” (11)")
    assert not complaints + more


def heads(page):
    return page.locator(".nw-attention-heads button")


def test_hovering_previews_and_a_click_opens_the_lists(opened):
    weights = drawn(12, 12, causal=True)
    page, complaints = opened(
        AttentionMap("Write a poem", weights, token=7, key=2), viewport={"width": 760, "height": 1000}
    )
    assert heads(page).first.is_hidden()  # there's one head
    before, lists, tip = said(page), page.locator(".nw-attention-lists"), page.locator(".nw-tip")
    head = page.locator(".nw-head").bounding_box()
    grid = page.locator(".nw-head canvas").bounding_box()
    spot = lambda t, s: (grid["x"] + (s + 0.5) * grid["width"] / 12, grid["y"] + (t + 0.5) * grid["height"] / 12)  # noqa: E731

    # the pointer: hovering shows a tip, leaving takes it back
    page.mouse.move(*spot(11, 6))
    assert said(page) == f"“m” (11) attends to “a” (6): {weights[11, 6]:.3f}"
    assert tip.inner_text() == f"“m” attends to “a”: {weights[11, 6]:.3f}" and lists.is_hidden()
    page.mouse.move(*spot(2, 9))
    assert tip.inner_text() == "“o” comes later: masked"
    page.mouse.move(head["x"] + 5, head["y"] + head["height"] + 60)
    assert said(page) == before and tip.is_hidden()

    # a click keeps it and opens the lists of the strongest
    page.mouse.click(*spot(11, 6))
    page.mouse.move(head["x"] + 5, head["y"] - 40)
    assert said(page).startswith("“m” (11) attends to “a” (6)") and lists.is_visible()
    listed = page.locator(".nw-attention-row .nw-attention-list button b:first-of-type").all_inner_texts()
    assert listed == [f"{w:.3f}" for w in np.sort(weights[11])[::-1][:4]]
    assert page.locator(".nw-attention-name").all_inner_texts() == [
        f"“m” attends to, entropy {entropy(weights[11:])[0]:.2f} nats", "“a” gets attention from",
    ]  # fmt: skip
    page.mouse.click(grid["x"] - 8, spot(9, 0)[1])  # a token's name: the token looks and is looked at
    page.mouse.move(head["x"] + 5, head["y"] - 40)
    assert said(page).startswith("“o” (9) attends to “o” (9)")

    # a token in a list: focus shows it, Enter goes there, and focus stays
    entry, best = page.locator(".nw-attention-row .nw-attention-list button").first, int(weights[9].argmax())
    entry.focus()
    assert said(page).endswith(f"({best}): {weights[9, best]:.3f}")
    page.keyboard.press("Enter")
    painted(page)
    assert entry.evaluate("e => e === document.activeElement") and entry.get_attribute("aria-current") == "true"
    assert page.get_by_label("Key token (column)").input_value() == str(best)

    # Escape and × close them
    page.keyboard.press("Escape")
    assert lists.is_hidden() and page.locator(".nw-head").evaluate("e => e === document.activeElement")
    page.keyboard.press("Enter")
    assert lists.is_visible()
    page.get_by_role("button", name="Close").click()
    assert lists.is_hidden() and not complaints


def test_arrow_keys_move_the_chosen_cell_and_the_ring_is_on_it(opened):
    """Not the page, and not a ring around the whole figure: after a click, too."""
    weights = drawn(12, 12, causal=True)
    page, complaints = opened(
        AttentionMap("Write a poem", weights, token=11, key=4), viewport={"width": 760, "height": 300}
    )
    head = page.get_by_role("application", name="Attention map, 12 rows, 12 columns")
    box, canvas = head.bounding_box(), page.locator(".nw-head canvas").bounding_box()
    cell, left, top = canvas["width"] / 12, canvas["x"] - box["x"], canvas["y"] - box["y"]
    head.click(position={"x": left + 4.5 * cell, "y": top + 10.5 * cell})
    box = page.locator(".nw-head canvas").bounding_box()
    page.mouse.move(0, 0)
    assert said(page).startswith("“e” (10) attends to “e” (4)") and page.locator(".nw-tip").is_visible()
    scrolled = page.evaluate("scrollY")
    for key in ("ArrowUp", "ArrowRight", "ArrowRight"):
        page.keyboard.press(key)
        painted(page)
    assert said(page).startswith("“o” (9) attends to “a” (6)") and page.evaluate("scrollY") == scrolled
    ring = page.locator(".nw-head-cell").bounding_box()
    assert abs(ring["x"] - box["x"] - 6 * cell) < 3 and abs(ring["width"] - cell) < 5
    ringed = "() => [...document.querySelectorAll('figure, .nw, .nw-head')].map(e => getComputedStyle(e).outlineStyle)"
    assert set(page.evaluate(ringed)) == {"none"}
    page.keyboard.press("End")
    page.keyboard.press("Tab")
    painted(page)
    assert page.locator(".nw-head-cell").count() == 0 and page.locator(".nw-tip").is_hidden()
    # at the border, the key is the page's again
    stays = """key => { const e = new KeyboardEvent("keydown", { key, cancelable: true, bubbles: true });
        document.querySelector(".nw-head").dispatchEvent(e); return e.defaultPrevented; }"""
    assert [page.evaluate(stays, key) for key in ("ArrowRight", "PageDown", "ArrowLeft")] == [False, False, True]
    assert not complaints


LOOKS = """() => JSON.stringify([[...document.querySelectorAll(".nw-head path[stroke]")].map(e => [e.getAttribute("d"),
    ...["stroke-width", "stroke-opacity"].map(name => Number(e.getAttribute(name)).toFixed(2))]).sort(),
    document.querySelector(".nw-head canvas").toDataURL()])"""
ARCS = """() => [...document.querySelectorAll(".nw-head path[stroke='var(--nw-orange)']")]
    .map(e => Number(e.getAttribute("stroke-width")))"""
RECORD = """() => { window.seen = new Set(); const look = () => {
    seen.add(document.querySelector(".nw-head canvas").toDataURL()); requestAnimationFrame(look); }; look(); }"""


def test_arcs_and_map_morph(opened):
    """On the way there's something in between; the end is what it would have been at once."""
    weights = drawn(1, 2, 12, 12, causal=True)
    figure = AttentionMap("Write a poem", weights, token=11, key=4)
    page, complaints = opened(figure)
    calm, more = opened(figure, reduced_motion="reduce")

    def same() -> None:
        painted(calm)
        page.wait_for_function(f"end => ({LOOKS})() === end", arg=calm.evaluate(LOOKS))

    same()
    for one in (page, calm):
        one.evaluate(RECORD)
        heads(one).nth(1).click()
        painted(one)
    same()
    assert page.evaluate("seen.size") > 2 and calm.evaluate("seen.size") == 2
    shown = [w for w in weights[0, 1, 11] if w >= 0.01]
    assert sorted(page.evaluate(ARCS)) == pytest.approx(sorted(min(1, 20 * w) + 3.5 * w for w in shown), abs=0.01)
    for one in (page, calm):
        one.locator(".nw-head").focus()
        one.keyboard.press("ArrowUp")  # another row: its arcs, and no others
    same()
    assert len(page.evaluate(ARCS)) == sum(w >= 0.01 for w in weights[0, 1, 10])
    assert not complaints + more


# Labels of a head that touch each other or leave the picture.
TOUCHING = """() => [...document.querySelectorAll(".nw-head svg")].flatMap((svg, i) => {
    const texts = [...svg.querySelectorAll("text")].filter(e => getComputedStyle(e).visibility !== "hidden");
    const boxes = texts.map(e => [e.firstChild.data, e.getBoundingClientRect()]), whole = svg.getBoundingClientRect();
    const touch = (a, b) => a.left < b.right - 0.5 && b.left < a.right - 0.5 && a.top < b.bottom - 0.5
        && b.top < a.bottom - 0.5;
    return boxes.flatMap(([words, a], j) => [
        ...boxes.slice(j + 1).filter(([, b]) => touch(a, b)).map(([other]) => `${i}: ${words} touches ${other}`),
        ...(a.left < whole.left - 1 || a.right > whole.right + 1 || a.bottom > whole.bottom + 1 || a.top < whole.top - 1
            ? [`${i}: ${words} is cut off`] : [])]);
})"""


@pytest.mark.parametrize("width", [320, 360, 760, 1100])
def test_labels_never_overlap(opened, width):
    words = ["attention", "is", "everything", "ok", "WWWWWWWWWWWWWWWW"]
    make = lambda n, labels, **more: AttentionMap(  # noqa: E731
        [labels[i % len(labels)] for i in range(n)], drawn(n, n, causal=True), token=n // 2, key=0, **more
    )
    figures = [make(n, labels) for n in (1, 2, 6, 24, 53, 128) for labels in ("abcmW.", words)]
    across = [
        AttentionMap(words[:4] * 6, drawn(24, n), keys=[words[i % 5] for i in range(n)], token=3) for n in (6, 40, 128)
    ]
    page, complaints = opened(*figures, *across, viewport={"width": width, "height": 900})
    for _ in range(2):
        painted(page)
        assert page.locator(".nw-head text").count() > 100 and page.evaluate(TOUCHING) == []
        for slider in page.locator("input[type=range]").all():  # another cell
            slider.evaluate("e => { e.value = e.max; e.dispatchEvent(new Event('input')); }")
    complaints += site_checks.width(page, width)
    assert not complaints


# Labels that a line of the drawing crosses.
CROSSED = """() => { const svg = document.querySelector(".nw-head svg"), lines = [];
    for (const e of svg.querySelectorAll("line, rect[stroke-width='2'], rect[stroke-width='3']")) {
        const b = e.getBoundingClientRect();
        if (e.tagName === "line") lines.push(b);
        else for (const x of [b.left + 1, b.right - 1]) lines.push({ left: x, right: x, top: b.top, bottom: b.bottom });
        if (e.tagName === "rect") for (const y of [b.top + 1, b.bottom - 1])
            lines.push({ left: b.left, right: b.right, top: y, bottom: y });
    }
    return [...svg.querySelectorAll("text:not(.nw-value)")].filter(e => getComputedStyle(e).visibility !== "hidden")
        .map(e => [e.firstChild.data, e.getBoundingClientRect()]).filter(([, t]) => lines.some(l =>
            l.left < t.right && l.right > t.left && l.top < t.bottom && l.bottom > t.top)).map(([words]) => words);
}"""


def test_no_line_crosses_a_label(opened):
    page, complaints = opened(AttentionMap("Write a poem about a cat.", drawn(25, 25, causal=True), token=24, key=0))
    page.locator(".nw-head").focus()
    parts = set()
    for _ in range(25):
        painted(page)
        assert page.evaluate(CROSSED) == []
        parts.add(page.locator(".nw-head line").count())
        page.keyboard.press("ArrowRight")
    assert parts == {0, 1, 2}  # the first column has no line to lead to it; under the words, it's cut in two
    assert page.locator(".nw-later").text_content() == "later tokens: masked"
    for _ in range(24):
        page.keyboard.press("ArrowUp")  # into the half that is masked
        painted(page)
        assert page.evaluate(CROSSED) == []
    assert not complaints


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
    across = page.locator("figure").nth(1)
    assert across.locator(".nw-head path[stroke]").count() > 0
    assert across.locator(".nw-attention-said").inner_text().startswith("“chat” (1) attends to")
    assert "ayer" not in across.inner_text()  # one head: nothing to choose
    # a tap on a cell keeps it and opens the lists
    head = page.locator("figure").first.locator(".nw-head canvas")
    head.scroll_into_view_if_needed()
    box = head.bounding_box()
    page.touchscreen.tap(box["x"] + box["width"] - 6, box["y"] + box["height"] - 6)
    painted(page)
    assert f"“∅” ({n - 1}) attends to “∅” ({n - 1})" in page.locator(".nw-attention-said").first.inner_text()
    page.locator("summary").first.click()
    assert page.locator(".nw-attention-list small:visible").evaluate_all(  # a long token leaves its position in sight
        """all => all.length && all.every(e =>
            e.getBoundingClientRect().right <= e.parentElement.getBoundingClientRect().right)"""
    )
    assert not site_checks.width(page, 320) and page.evaluate(SMALL) == [] and page.evaluate(LEAST_TEXT) >= 12
    assert not complaints


def test_new_weights_draw_anew(opened):
    """What a change from Python does to the figure: the model's own events stand for those of Jupyter."""
    figure, other = AttentionMap("abc", np.eye(3), token=2), AttentionMap("wxyz", drawn(2, 2, 4, 4), token=2)
    page, complaints = opened(figure)
    painted(page)
    page.evaluate(CHANGED, [figure._esm, figure.state(), other.state()])
    assert not complaints
    assert page.inner_text(".nw-attention-said").startswith("“y” (2) attends to")
    assert heads(page).count() == 4 and page.locator(".nw-attention-title").count() == 1
    assert page.locator(".nw-more input[type=range]").first.get_attribute("max") == "3"
    page.evaluate("window.end()")
    assert page.evaluate("[window.left(), window.watching]") == [0, 0] and page.locator(".nw").count() == 0
    assert not complaints
