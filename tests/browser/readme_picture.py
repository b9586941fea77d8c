"""The picture in the README, from the site itself: `make book`, then `python -m tests.browser.readme_picture`.

Two pages side by side, one light, one dark, each scrolled to a figure.
"""

import base64
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

from tests.browser.chromium import launch

ROOT = Path(__file__).resolve().parents[2]
VIEWS = (  # page, mode, the words that the figure's caption begins with
    ("notebooks/06_transformer.html", "light", "Held-out loss stays beside"),
    ("notebooks/05_attention.html", "dark", ""),
)


def screenshot(browser, page_name: str, mode: str, caption: str) -> bytes:
    """A view of 760 × 900 points, with the wanted figure in the middle."""
    path = ROOT / "_build" / "html" / page_name
    if not path.is_file():
        sys.exit(f"The page {path} is not there: run `make book` first.")
    page = browser.new_page(viewport={"width": 760, "height": 900}, color_scheme=mode, device_scale_factor=1.5)
    page.goto(path.as_uri())
    figures = page.locator("figure.nw-figure").filter(has_text=caption) if caption else page.locator("figure.nw-figure")
    figure = figures.first if caption else figures.nth(figures.count() // 2)
    figure.evaluate("figure => figure.scrollIntoView({block: 'center'})")
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
    print("wrote book/static/readme.png")


if __name__ == "__main__":
    main()
