"""The picture in the README, from the site itself: `make book`, then `python -m tools.readme_picture`.

The top of chapter 5, with its glass GPT as a reader leaves it after a few clicks.
"""

import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

from tests.site.site_checks import settle
from tools.chromium import launch

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "_build" / "html" / "notebooks" / "05_attention.html"
SIZE = {"width": 1320, "height": 880}


def main() -> None:
    if not PAGE.is_file():
        sys.exit(f"There is no page {PAGE}. Run `make book` first.")
    with sync_playwright() as playwright:
        browser = launch(playwright)
        page = browser.new_page(viewport=SIZE, reduced_motion="reduce")  # without a wave: the words are there at once
        page.goto(PAGE.as_uri())
        settle(page)
        names = page.locator(".nw-glass-names button:visible")
        for count in range(names.count() + 1, names.count() + 4):
            page.get_by_role("button", name="▶ Next word").click()
            page.wait_for_function(
                "n => document.querySelectorAll('.nw-glass-names button:not([hidden])').length === n", arg=count
            )
        page.evaluate("document.activeElement.blur()")
        page.wait_for_timeout(500)
        page.screenshot(path=ROOT / "book" / "static" / "readme.png")
        browser.close()
    print("Wrote book/static/readme.png")


if __name__ == "__main__":
    main()
