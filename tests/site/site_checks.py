"""What a page of the site must do in a browser. Each check returns its complaints as sentences: none is good."""

import threading
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

from axe_playwright_python.sync_playwright import Axe

ALONE = ["--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1", "--no-proxy-server"]  # no other host is there
SETTLED = """async () => {
    if (window.MathJax?.startup) await MathJax.startup.promise;
    await document.fonts.ready;
}"""
TOO_WIDE = """() => {
    const wide = document.scrollingElement.scrollWidth - window.innerWidth;
    const scrolls = e => e && (/auto|scroll|hidden/.test(getComputedStyle(e).overflowX) || scrolls(e.parentElement));
    const out = [...document.querySelectorAll('article *')].filter(e =>
        e.getBoundingClientRect().right > window.innerWidth + 1 && !scrolls(e) && !e.closest('mjx-assistive-mml'));
    return (wide > 0 ? [`the page is ${wide} px too wide`] : [])
        .concat(out.slice(0, 3).map(e => `<${e.tagName.toLowerCase()} class="${e.className}"> leaves the screen`));
}"""

MOUNTED = "() => [...document.querySelectorAll('figure.nw-widget')].every(f => f.querySelector('.nw-live'))"
# What a figure shows, without its controls, as a text.
SHOWN = """view => {
    const copy = view.cloneNode(true), pixels = [...view.querySelectorAll('canvas')].map(c => c.toDataURL());
    copy.querySelectorAll('label, input, select, textarea').forEach(e => e.remove());
    return copy.innerHTML + pixels.join();
}"""
# A chapter has thousands of tokens of code in a dozen colors, and of strokes in pictures that are one to a reader: the
# first token of each color stays, and no stroke.
LEANER = """() => {
    const seen = new Set();
    for (const token of document.querySelectorAll('div.highlight pre span')) {
        const kind = token.className + !!token.closest('.cell_output');
        if (seen.has(kind)) token.replaceWith(...token.childNodes);
        seen.add(kind);
    }
    document.querySelectorAll(':is(.nw-figure, .nw-still) > svg[role=img]').forEach(e => e.replaceChildren());
}"""
# What has the focus: its kind, and all that a key could change. A place in the text is ticked off.
FOCUSED = """() => {
    const e = document.activeElement, told = e.closest('form')?.querySelector('[role=status]')?.textContent;
    const kind = e.textContent === 'Commit' ? 'commit' : e.tagName === 'INPUT' ? e.type : e.tagName.toLowerCase();
    e.dataset.reached = '';
    return {
        kind: !e.closest('article') ? 'elsewhere' : told === '' ? `${kind} of a question` : kind,
        rel: e.rel, value: e.value, checked: e.checked, open: e.parentElement.open, told,
    };
}"""
# What can be used in the text and was not reached; of radio buttons, one of a set is enough.
UNREACHED = """() => [...document.querySelectorAll('article :is(a[href], summary, [tabindex="0"], :enabled)')]
    .filter(e => e.checkVisibility({visibilityProperty: true}) && !e.closest('[inert]') && e.tabIndex >= 0)
    .filter(e => e.tagName !== 'FIELDSET')
    .filter(e => !('reached' in (e.type === 'radio' && e.form.querySelector('[data-reached]') || e).dataset))
    .map(e => e.outerHTML.slice(0, 120))"""
PAINTED = "() => new Promise(done => requestAnimationFrame(() => setTimeout(done)))"


class Handler(SimpleHTTPRequestHandler):
    def log_message(self, *args):
        """Keep the tests' output quiet."""


@contextmanager
def served(folder: Path):
    """Serve `folder` on this machine; gives the address, such as http://127.0.0.1:40123/."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(folder)))
    threading.Thread(target=server.serve_forever, args=[0.02], daemon=True).start()  # how often it looks for the end
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def watched(browser, home: str, **options):
    """A new page, watched while it is used; `home` is the file: or http: address of the site's folder.

    Gives (page, complaints); complaints grows with every request elsewhere, console error, exception and missing file.
    """
    context = browser.new_context(**options)
    context.set_default_timeout(120_000)  # a busy machine is slow, and not wrong
    page, complaints = context.new_page(), []
    page.on("request", lambda r: is_ours(r.url, home) or complaints.append(f"asks another host: {r.url}"))
    off = not options.get("java_script_enabled", True)  # scripts are not fetched: no failure
    page.on(
        "requestfailed",
        lambda r: (
            is_ours(r.url, home)
            and not (off and r.resource_type == "script")
            and complaints.append(f"missing: {r.url} ({r.failure})")
        ),
    )
    page.on("response", lambda answer: answer.status >= 400 and complaints.append(f"{answer.status}: {answer.url}"))
    page.on("console", lambda m: m.type in ("error", "warning") and complaints.append(f"console {m.type}: {m.text}"))
    page.on("pageerror", lambda error: complaints.append(f"exception: {error}"))
    try:
        yield page, complaints
    finally:
        context.close()


def is_ours(url: str, home: str) -> bool:
    """Whether `url` is below `home` or lies inside the page itself."""
    return url.startswith(home) or urlsplit(url).scheme in ("data", "blob", "about")


def settle(page) -> None:
    """Wait until mathematics, fonts and live figures are there."""
    page.evaluate(SETTLED)
    page.wait_for_function(MOUNTED)


def mathematics(page) -> list[str]:
    """Complaints about formulas which are not rendered, or which MathJax could not read."""
    written, rendered = page.locator("article .math").count(), page.locator("article .math mjx-container").count()
    complaints = [f"{written} formulas, {rendered} rendered"] if rendered < written else []
    complaints += [f"formula: {text}" for text in page.locator("mjx-merror, [data-mjx-error]").all_inner_texts()]
    raw = page.evaluate(r"() => document.querySelector('article')?.innerText.match(/\\[()[\]]|\$\$/g) || []")
    return complaints + [f"raw delimiter {mark}" for mark in raw]


def widgets(page) -> list[str]:
    """Complaints about widgets that do not come alive, or that keys on their first controls leave still.

    The first slider is tried, then two buttons: a distribution without rivals looks the same at any temperature. A
    question that covers what comes below it gets no guess.
    """
    page.wait_for_function(MOUNTED)
    for decline in page.locator(".nw-predict-other:not([inert] *)").all():
        decline.click()
    page.evaluate(PAINTED)
    complaints = [f"widget: {text}" for text in page.locator("figure.nw-widget .nw-problem").all_inner_texts()]
    figures = page.locator("figure.nw-mounted .nw:not([inert] *)")
    for i in range(figures.count()):
        live = figures.nth(i)
        sliders, buttons = (live.locator(f"{kind}:visible:enabled") for kind in ("input[type=range]", "button"))
        tries = [(sliders.first, key) for key in ("ArrowRight", "ArrowLeft") if sliders.count()]
        drawings = live.locator("[role=application]:visible")
        tries += [(drawings.first, key) for key in ("ArrowUp", "ArrowDown") if drawings.count()]
        for control, key in [*tries, *[(button, "Enter") for button in buttons.all()[:2]]]:
            control.focus()
            page.evaluate(PAINTED)  # a figure that loses the focus, or is still laid out, may paint once more
            before = live.evaluate(SHOWN)
            control.press(key)
            page.evaluate(PAINTED)
            if live.evaluate(SHOWN) != before:
                break
        else:
            complaints.append(f"widget {i} does not move: {live.get_attribute('aria-label')}")
    return complaints


def width(page, pixels: int) -> list[str]:
    """Complaints about what leaves a screen `pixels` wide."""
    page.set_viewport_size({"width": pixels, "height": 800})
    return [f"at {pixels} px {complaint}" for complaint in page.evaluate(TOO_WIDE)]


def pictures(page) -> list[str]:
    """Complaints about pictures that say nothing to a reader who cannot see them."""
    complaints = []
    for alt in page.eval_on_selector_all("article img", "all => all.map(e => e.alt)"):
        if len(alt.split()) < 3 or alt.endswith((".png", ".svg", ".jpg")):
            complaints.append(f"picture with the alt text {alt!r}")
    count = """all => all.filter(e => ![e, ...e.querySelectorAll('svg, [aria-label]')].some(
        x => x.getAttribute('aria-label') || x.querySelector(':scope > title'))).length"""
    if silent := page.eval_on_selector_all("article .nw-figure", count):
        complaints.append(f"{silent} figures without a label")
    return complaints


def accessibility(page) -> list[str]:
    """Complaints of axe-core that are serious or critical: contrast, names of buttons, roles, reach by keyboard."""
    options = {"resultTypes": ["violations"], "preload": False}  # or it asks for style sheets at wrong addresses
    page.evaluate(LEANER)
    found = Axe().run(page, options=options).response["violations"]
    return [
        f"{rule['impact']}: {rule['id']}: {rule['help']}: {node['html'][:200]}"
        for rule in found
        if rule["impact"] in ("serious", "critical")
        for node in rule["nodes"]
    ]
