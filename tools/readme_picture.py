"""The picture in the README, from the site itself: `make book`, then `python -m tools.readme_picture`.

Two pages side by side, one light, one dark, each with a widget that a reader's keys have moved.
"""

import base64
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

from tests.site.site_checks import settle
from tools.chromium import launch

ROOT = Path(__file__).resolve().parents[1]
VIEWS = (  # page, mode, the widget by its title, its slider, and the keys that the slider gets
    ("03_softmax", "light", "What follows t, at any temperature", "temperature", ["ArrowRight"] * 4),
    ("05_attention", "dark", "Where each word looks", "Token that looks (row)", []),
)
SIZE = {"width": 760, "height": 900}


def screenshot(browser, chapter: str, mode: str, title: str, slider: str, keys: list[str]) -> bytes:
    """A view of 760 × 900 points, with the widget in the middle."""
    path = ROOT / "_build" / "html" / "notebooks" / f"{chapter}.html"
    if not path.is_file():
        sys.exit(f"There is no page {path}. Run `make book` first.")
    page = browser.new_page(viewport=SIZE, color_scheme=mode, device_scale_factor=1.5)
    page.goto(path.as_uri())
    settle(page)
    figure = page.locator("figure.nw-mounted").filter(has=page.get_by_role("group", name=title, exact=True))
    control = figure.get_by_role("slider", name=slider, exact=True)
    for key in keys:
        control.press(key)
    figure.evaluate("figure => figure.scrollIntoView({ block: 'center' })")
    page.wait_for_timeout(500)
    picture = page.screenshot()
    page.close()
    return picture


def main() -> None:
    with sync_playwright() as playwright:
        browser = launch(playwright)
        pictures = [base64.b64encode(screenshot(browser, *view)).decode() for view in VIEWS]
        page = browser.new_page(viewport={"width": 1200, "height": 706})
        style = "margin:0;display:flex;gap:16px;background:#dfe3e8;padding:8px;box-sizing:border-box"
        images = "".join(
            f'<img src="data:image/png;base64,{p}" style="width:584px;border-radius:8px">' for p in pictures
        )
        page.set_content(f'<body style="{style}">{images}</body>')
        page.screenshot(path=ROOT / "book" / "static" / "readme.png")
        browser.close()
    print("Wrote book/static/readme.png")


if __name__ == "__main__":
    main()
