"""The base of all widgets, tried with the smallest one: the live figure, its link, its still, its sentences."""

import json
import re
from pathlib import Path
from urllib.parse import quote

import pytest
import traitlets

from book.widgets.base import pack, short
from helpers import plots
from tests.site import site_checks
from tests.widgets.harness import call, calls, module, mounted, painted
from tests.widgets.probe import Probe

TESTS = Path(__file__).parent
RUN = "window.hacked = true"
HOSTILE = f"</script><script>{RUN}</script><img src=x onerror='{RUN}'><!-- שלום 🐈 e\u0301 \u2028"


def probe(**options):
    return Probe(title="A probe", caption="The square of x.", **options)


def fragment(widget: int = 1, **settings) -> str:
    """The address of a link as `Copy link` writes it; a value that is no string stands as it is."""
    return f"#widget={widget}&" + "&".join(f"{k}={quote(v)}" for k, v in settings.items())


# Python


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("x", 3.01, "x must be a number from 0 to 3; got 3.01."),
        ("x", float("nan"), "x must be a number from 0 to 3; got nan."),
        ("x", True, "got True."),
        ("x", "1", "got '1'."),
        ("count", 1.5, "count must be a whole number from 1 to 10; got 1.5."),
        ("count", 11, "got 11."),
        ("word", "blue", "word must be one of red, green; got 'blue'."),
    ],
)
def test_wrong_settings_get_a_sentence(name, value, said):
    figure = probe()
    before = getattr(figure, name)
    with pytest.raises(traitlets.TraitError, match=re.escape(said)):
        setattr(figure, name, value)
    assert getattr(figure, name) == before
    with pytest.raises(traitlets.TraitError, match=re.escape(said)):
        probe(**{name: value})


def test_state_is_json_and_holds_what_the_module_reads():
    state = json.loads(json.dumps(probe(x=1, text=HOSTILE).state(), allow_nan=False))
    assert set(state) == {"title", "caption", "bounds", "x", "count", "word", "text", "flag"}
    assert state["text"] == HOSTILE and state["bounds"]["count"] == {"low": 1, "high": 10, "whole": True}
    assert state["bounds"]["word"] == {"choices": ["red", "green"]} and "flag" not in state["bounds"]


def test_two_figures_of_one_class_are_two_figures():
    assert probe(x=1).figure() != probe(x=2).figure()
    assert probe().figure().count("</script>") == 2  # its data, its host: and none from a text
    assert probe(text=HOSTILE).figure().count("</script>") == 2


def test_a_mime_bundle_has_the_three_homes():
    data, _ = probe(x=1)._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in data and "<figure" in data["text/html"]
    assert data["text/plain"] == "[Probe: One bar: the square of 1 is 1.]"


def test_numbers_for_json():
    assert short([[1 / 3, float("-inf")], [0.0, 1e9]]) == [[0.3333333, None], [0.0, 1e9]]
    with pytest.raises(ValueError, match="Numbers must lie between 0.0 and 1.0; got 0.0 to 1.5."):
        pack([0, 1.5])


# In a page


def test_packed_numbers_come_out_as_they_went_in(js):
    values = [i / 997 - 0.5 for i in range(998)]
    out = call(js("text"), "unpack", pack(values, -0.5, 0.6))["values"]
    assert out == pytest.approx(values, abs=1.1 / 131_070)


def test_numbers_and_tokens_as_text(js):
    text = js("text")
    said = calls(text, "number", [[0], [0.01234], [-12.345], [1234.5], [1e-7], [-2.5e-8], [float("-inf")]])
    assert said == ["0", "0.0123", "−12.3", "1,235", "1.0e−7", "−2.5e−8", "−∞"]
    assert calls(text, "share", [[0], [1e-9], [0.1234], [1]]) == ["0", "<0.001", "0.123", "1.000"]
    assert calls(text, "count", [[1, "token"], [1234, "token"]]) == ["1 token", "1,234 tokens"]
    tokens = ["a\nb", " ", "a b", " a", "\t"]
    assert calls(text, "visible", [[token] for token in tokens]) == [plots.visible(token) for token in tokens]


def test_what_a_link_may_set(js):
    state = probe(text="a").state()
    parts, host = {"state": state, "settings": Probe.settings}, js("host")
    good = {"x": 0, "count": 10, "word": "green", "text": "", "flag": True}
    assert all(call(host, "allowed", parts, name, value) for name, value in good.items())
    for link in BAD_LINKS:
        for name, text in link.items():
            try:
                value = json.loads(text)
            except ValueError:
                continue
            assert not call(host, "allowed", parts, name, value), link


def test_the_figure_in_a_page(browser):
    """Two figures over file://: the first second, the keyboard, a link and back, both modes, the printed page."""
    figures = probe(x=1.5, text=HOSTILE), probe(x=2.5)
    with mounted(browser, *figures, viewport={"width": 760, "height": 900}) as (page, complaints):
        assert page.locator(".square").all_inner_texts() == ["2.25", "6.25"]
        assert page.inner_text(".text >> nth=0").split() == HOSTILE.split() and not page.evaluate("window.hacked")
        assert page.locator("figure img, figure h1").count() == 0
        assert [page.is_visible(f".nw-still >> nth={i}") for i in (0, 1)] == [False, False]

        first = page.get_by_label("x").first  # by its label, and by keyboard
        first.focus()
        page.keyboard.press("ArrowRight")
        painted(page)
        assert page.locator(".square").all_inner_texts() == ["2.56", "6.25"]
        assert first.get_attribute("aria-valuetext") == "1.6"
        page.get_by_label("count").first.fill("99")
        page.keyboard.press("Tab")
        assert page.get_by_label("count").first.input_value() == "10"  # the bound
        page.get_by_label("word").first.select_option("Green")
        page.get_by_label("flag").first.press("Space")

        page.get_by_role("button", name="Copy link").first.click()
        page.wait_for_function("() => document.querySelector('.nw-link [role=status]').textContent")
        link = page.url
        for mode in ("light", "dark"):
            page.evaluate("mode => { document.documentElement.dataset.theme = mode; }", mode)
            complaints += [f"{mode}: {complaint}" for complaint in site_checks.accessibility(page)]
        complaints += site_checks.width(page, 320)
        page.emulate_media(media="print")
        assert page.is_visible(".nw-still >> nth=0") and not page.is_visible(".nw-live >> nth=0")
        page.emulate_media(media="screen")

        page.goto("about:blank")
        page.goto(link)
        page.wait_for_function("() => document.querySelectorAll('.nw-mounted').length === 2")
        assert page.locator(".square").all_inner_texts() == ["2.56", "6.25"]
        assert page.get_by_label("count").first.input_value() == "10" and page.get_by_label("flag").first.is_checked()
        assert page.get_by_label("word").first.input_value() == "Green"
        assert page.get_by_label("word").nth(1).input_value() == "Red"  # a link sets one figure
        page.evaluate("address => { location.hash = address; }", fragment(2, x="0.5"))
        page.wait_for_function("() => document.querySelectorAll('.square')[1].textContent === '0.25'")
        assert page.locator(".square").first.inner_text() == "2.56"
        assert not complaints, complaints


BAD_LINKS = [
    {"x": "3.5"}, {"x": '"2"'}, {"x": "null"}, {"x": "[1]"}, {"x": "{}"}, {"x": "NaN"}, {"x": "1e999"}, {"x": ""},
    {"count": "1.5"}, {"count": "true"}, {"count": "-1"}, {"word": '"blue"'}, {"word": '"__proto__"'}, {"flag": "1"},
    {"text": json.dumps("a" * 5000)}, {"text": '["a"]'}, {"text": "<b>"}, {"title": '"other"'}, {"bounds": "{}"},
    {"__proto__": '{"x": 1}'}, {"constructor": "1"}, {"caption": '"other"'},
]  # fmt: skip


def test_a_link_that_someone_made_up_changes_nothing(browser):
    with mounted(browser, probe(x=1.5)) as (page, complaints):
        shown = page.inner_text("figure")
        for settings in BAD_LINKS:
            page.evaluate("address => { location.hash = address; }", fragment(**settings))
        for address in ("#widget=2&x=1", "#widget=1", "#widget=&x=1", "#x=1", "#a%zz", "#%00"):
            page.evaluate("address => { location.hash = address; }", address)
        page.wait_for_timeout(100)
        painted(page)
        assert page.inner_text("figure") == shown
        page.evaluate("address => { location.hash = address; }", fragment(text=json.dumps(HOSTILE)))
        page.wait_for_function("() => document.querySelector('.text').textContent")
        assert page.inner_text(".text").split() == HOSTILE.split() and not page.evaluate("window.hacked")
        assert not complaints, complaints


def test_a_link_says_what_is_too_long_for_it(browser):
    with mounted(browser, probe(x=1.5, text="a" * 100_000)) as (page, complaints):
        page.get_by_role("button", name="Copy link").click()
        page.get_by_text("Too long for a link, so left out: text.").wait_for()
        assert len(page.url) < 1000 and "x=1.5" in page.url and not complaints, complaints


def test_an_error_is_a_sentence_in_the_figures_place(browser):
    broken = probe().figure().replace('"probe.js":"', '"probe.js":"throw new Error(\'no module\');\\n', 1)
    with mounted(browser, broken, probe(x=2)) as (page, complaints):
        assert page.inner_text(".nw-problem").startswith("This figure can't run here (no module). The picture shows")
        assert page.is_visible(".nw-still >> nth=0") and page.inner_text(".square") == "4"
        page.get_by_label("x").focus()
        page.keyboard.press("End")
        painted(page)
        assert page.inner_text(".nw [role=alert]") == "The probe can't take x = 3. Move it back."
        assert [c for c in complaints if "console error" not in c] == [] and len(complaints) == 2


def test_a_view_that_goes_away_leaves_nothing_behind(browser):
    with module(browser, "probe", TESTS) as page:
        left = page.evaluate("""async () => {
            const state = { x: 1, count: 1, word: "red", text: "", flag: false };
            state.bounds = { x: { low: 0, high: 3 }, count: { low: 1, high: 10 } };
            const listeners = [], el = document.body.appendChild(document.createElement("div"));
            const model = { get: n => state[n], set() {}, save_changes() {}, on: (e, f) => listeners.push([e, f]),
                off: (e, f) => listeners.splice(listeners.findIndex(([a, b]) => a === e && b === f), 1) };
            const ends = [await module.default.render({ model, el }), await module.default.render({ model, el })];
            const during = [listeners.length, el.children.length];
            listeners.slice().forEach(([, f]) => f());  // a change that is still waiting for its frame
            ends[0]();
            const between = [listeners.length, el.children.length];
            ends[1]();
            await new Promise(requestAnimationFrame);
            return { during, between, after: [listeners.length, el.children.length] };
        }""")
        assert left["during"][0] > 4 and left["during"][1] == 2
        assert left["between"] == [left["during"][0] / 2, 1] and left["after"] == [0, 0]


def test_on_paper_the_still_is_dark_on_white(browser):
    ink = "getComputedStyle(document.querySelector('.nw-still')).getPropertyValue('--nw-ink')"
    with mounted(browser, probe(), theme="dark") as (page, _):
        on_screen = page.evaluate(ink)
        page.emulate_media(media="print")
        assert page.locator(".nw-still > svg").is_visible() and not page.locator(".nw-live").is_visible()
        assert page.evaluate(ink) == plots.INK != on_screen
