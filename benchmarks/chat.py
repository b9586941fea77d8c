"""`make bench`, last part: SmolLM2 in a page, in a real Chromium, with and without WebAssembly.

A page over file: with the model's parts beside it, as in the site. The chat reads a prompt of about 40 tokens and
writes 60, in one worker, so on one core. "First token" is the time from the click on Send until the first token shows.
Memory is what the page's process holds, with the browser's own share, at the end and after a garbage collection: the
parts are long texts, which the browser clears away when it gets around to it (Linux only).
"""

from __future__ import annotations

import os
import re
import tempfile
import time
from pathlib import Path

from playwright.sync_api import sync_playwright

from book.widgets import Chat, chat, modules
from helpers import pretrained
from tests.widgets.harness import site_page
from tools.chromium import launch

PROMPT, TOKENS = "Write a poem about a cat, please.", 60
WITH, WITHOUT = "assembled() : null", "null : null"  # in products.js: whether WebAssembly is used
SENDING = "document.querySelector('.nw-chat-send').textContent === 'Stop'"
WRITTEN = "n => document.querySelectorAll('.nw-chat-model:last-child [role=button]').length >= n"


def made_page(folder: Path) -> Path:
    """A page with a chat, and beside it what a site has."""
    os.environ[modules.BUILDING] = "1"
    chat.write_parts(folder / "smollm2")
    return site_page(folder, Chat(*pretrained.load("smollm2"), PROMPT, steps=1, seed=1).figure())


def held(browser_name: str = "chrom") -> float:
    """The memory of the largest process of a browser's page, in MB; 0 where /proc doesn't say."""
    sizes = [0.0]
    for status in Path("/proc").glob("[0-9]*/status"):
        try:
            command, text = (status.parent / "cmdline").read_text(), status.read_text()
        except OSError:  # it has ended
            continue
        if browser_name in command and "--type=renderer" in command:
            sizes.append(int(re.search(r"VmRSS:\s+(\d+)", text)[1]) / 1024)
    return max(sizes)


def measured(page: Path) -> tuple[float, float, float, float, float]:
    """Seconds to load, seconds to the first token, tokens per second after it, and megabytes twice."""
    with sync_playwright() as playwright:
        browser = launch(playwright)
        tab = browser.new_page()
        tab.goto(page.as_uri())
        start = time.perf_counter()
        tab.get_by_role("button", name="Load the model").click()
        tab.wait_for_function(
            "document.querySelector('.nw-chat-said').textContent.includes('is ready')", timeout=60_000
        )
        loaded = time.perf_counter()
        tab.get_by_role("button", name="Send").click()
        tab.wait_for_function(SENDING)
        tab.wait_for_function(WRITTEN, arg=1, timeout=60_000)
        first = time.perf_counter()
        tab.wait_for_function(WRITTEN, arg=TOKENS, timeout=120_000)
        last, memory = time.perf_counter(), held()
        tab.context.new_cdp_session(tab).send("HeapProfiler.collectGarbage")
        tab.wait_for_timeout(2_000)
        cleared = held()
        browser.close()
    return loaded - start, first - loaded, (TOKENS - 1) / (last - first), memory, cleared


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        page = made_page(Path(folder))
        print(
            f"\nSmolLM2 in a page\n{'':>24} {'load':>8} {'first token':>12} {'then':>12} {'memory':>9} {'cleared':>9}"
        )
        script = page.with_name("next-word-chat.js")
        for name in ("WebAssembly", "JavaScript"):
            if name == "JavaScript":
                text = script.read_text(encoding="utf-8")
                assert WITH in text
                script.write_text(text.replace(WITH, WITHOUT), encoding="utf-8")
            load, first, rate, *memory = measured(page)
            megabytes = "".join(f" {held:>6.0f} MB" for held in memory)
            print(f"{name:>24} {load:>6.1f} s {first:>10.1f} s {rate:>8.1f} t/s{megabytes}")


if __name__ == "__main__":
    main()
