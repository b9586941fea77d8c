"""What every widget does alike: its state, its still, its cleanup, both modes, phones, links."""

import json
import re

import pytest

from book.widgets import modules
from tests.site import site_checks
from tests.widgets.examples import EXAMPLES
from tests.widgets.harness import module, mounted, painted

PHONE = {"viewport": {"width": 320, "height": 800}, "has_touch": True}
# Controls that a finger misses: less than 44 px, their label included. The marks of a dense drawing may have 24.
SMALL = """() => [...document.querySelectorAll(".nw-live :is(button, input, select, textarea, summary)")]
    .filter(e => e.checkVisibility() && !e.closest("[inert]"))
    .map(e => [e.outerHTML.slice(0, 80), (e.closest("label") ?? e).getBoundingClientRect(),
        e.closest(".nw-drawing") ? 23.9 : 43.9])
    .filter(([, box, least]) => box.height < least || box.width < least).map(([html]) => html)"""
# The smallest text, but for the names on Bigram's map, which are units of its drawing.
LEAST_TEXT = """() => Math.min(...[...document.querySelectorAll(".nw *")]
    .filter(e => e.checkVisibility() && !e.closest(".nw-bigram-map"))
    .filter(e => [...e.childNodes].some(n => n.nodeType === 3 && n.data.trim()))
    .map(e => parseFloat(getComputedStyle(e).fontSize)))"""


@pytest.fixture(scope="module", params=EXAMPLES)
def example(request):
    return EXAMPLES[request.param]()


@pytest.fixture(scope="module")
def figure(example) -> str:
    return example.figure()


def test_jupyterlab_and_the_page_get_the_same_state(example):
    page = example.state()
    lab = example.get_state(list(page))
    assert json.loads(json.dumps(lab, allow_nan=False)) == json.loads(json.dumps(page, allow_nan=False))


def test_in_a_build_of_the_site_it_is_its_still_and_its_state(example, figure, monkeypatch):
    monkeypatch.setenv(modules.BUILDING, "1")
    lean = example.figure()
    still = re.search(r'<div class="nw-still">.*</div>(?=<script)', lean, re.S)[0]
    data = re.search(r'<script type="application/json">(.*)</script></figure>$', lean, re.S)[1]
    wanted = {"module": example._module.name, "settings": example.settings, "state": example.site_state()}
    assert json.loads(data) == json.loads(json.dumps(wanted))
    assert len(lean) < len(still) + len(data) + 200 and len(figure) > len(lean) + 10_000


def test_without_scripts_the_still_stands(browser, example, figure):
    with mounted(browser, figure, java_script_enabled=False) as (page, complaints):
        still = page.locator(".nw-still > :is(svg, .nw-ask)")
        words = still.get_attribute("aria-label") or still.inner_text()
        assert still.is_visible() and len(words.split()) > 8
        assert page.locator("figcaption").is_visible() == bool(example.caption)
        assert not complaints, complaints


def test_it_is_accessible_in_both_modes_and_on_a_phone(browser, figure):
    with mounted(browser, figure, **PHONE) as (page, complaints):
        painted(page)
        complaints += site_checks.width(page, 320)
        assert page.evaluate(SMALL) == [] and page.evaluate(LEAST_TEXT) >= 12
        for mode in ("light", "dark"):
            page.evaluate("mode => { document.documentElement.dataset.theme = mode; }", mode)
            page.evaluate("document.getAnimations().forEach(fade => fade.finish())")
            complaints += [f"{mode}: {complaint}" for complaint in site_checks.accessibility(page)]
        assert not complaints, complaints


# The controls at rest, but for those of the drawing. A choice of several buttons is one, and so are radio buttons.
AT_REST = """() => new Set([...document.querySelectorAll(".nw :is(button, input, select, textarea)")]
    .filter(e => e.checkVisibility() && !e.closest(".nw-drawing"))
    .map(e => e.closest(".nw-choice, fieldset") ?? e)).size"""


def test_its_title_asks_and_at_rest_it_has_four_controls_at_most(browser, example, figure):
    with mounted(browser, figure) as (page, _):
        painted(page)
        if example.title:
            title = page.locator(".nw-live .nw-title")
            assert title.is_visible() and title.inner_text() == example.title and example.title.endswith("?")
            assert page.locator(".nw-live .nw-drawing").count() >= 1
        assert page.evaluate(AT_REST) <= 4


WORDS = """() => { const copy = document.querySelector(".nw").cloneNode(true);
    copy.querySelectorAll("[role=status]").forEach(e => e.remove());
    return copy.textContent; }"""


def test_a_link_carries_what_was_set(browser, example, figure):
    if not example.settings:
        return
    with mounted(browser, figure) as (page, complaints):
        for control in page.locator(".nw input[type=range]:visible").all():
            control.press("ArrowRight")
        for control in page.locator(".nw-check input:visible").all():
            control.press("Space")
        painted(page)
        page.get_by_role("button", name="Copy link").click()
        page.wait_for_function("document.querySelector('.nw-link [role=status]').textContent")
        page.wait_for_timeout(300)  # a model is at work
        with mounted(browser, figure, address=page.evaluate("location.hash")) as (again, more):
            again.wait_for_function(f"words => ({WORDS})() === words", arg=page.evaluate(WORDS), timeout=20_000)
        assert not complaints + more, complaints + more


LEFT_BEHIND = """async state => {
    const timers = new Set(), listeners = [], start = window.setInterval, stop = window.clearInterval;
    let watching = 0;
    window.setInterval = (...a) => { const timer = start(...a); timers.add(timer); return timer; };
    window.clearInterval = timer => { timers.delete(timer); stop(timer); };
    for (const name of ["ResizeObserver", "MutationObserver"]) window[name] = class extends window[name] {
        constructor(f) { super(f); watching++; }
        disconnect() { super.disconnect(); watching--; }
    };
    for (const place of [window, document, document.body]) {
        const on = place.addEventListener, off = place.removeEventListener;
        place.addEventListener = (...a) => { watching++; on.apply(place, a); };
        place.removeEventListener = (...a) => { watching--; off.apply(place, a); };
    }
    const model = { get: name => state[name], set() {}, save_changes() {}, on: (e, f) => listeners.push([e, f]),
        off: (e, f) => listeners.splice(listeners.findIndex(([a, b]) => a === e && b === f), 1) };
    const el = document.body.appendChild(document.createElement("div"));
    const end = await module.default.render({ model, el });
    el.querySelectorAll("button.nw-go").forEach(b => b.click());
    const during = listeners.length, waiting = listeners.map(([, f]) => f);
    waiting.forEach(f => f());  // changes that are still to be drawn
    end();
    await new Promise(requestAnimationFrame);
    return { during, after: [listeners.length, timers.size, watching, el.children.length] };
}"""


def test_it_cleans_up(browser, example):
    """Listeners, observers, timers of a run under way, and what it drew."""
    with module(browser, example._module.stem) as page:
        left = page.evaluate(LEFT_BEHIND, example.state())
        assert left["during"] > 1 and left["after"] == [0, 0, 0, 0]
