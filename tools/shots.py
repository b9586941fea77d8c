"""Pictures of every widget, to look at: `python -m tools.shots` writes them to _build/shots.

Wide, on phones of 360 and 320 points, light and dark, and the still. Names after the command pick some of the widgets.
"""

import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

from tests.widgets.examples import EXAMPLES
from tests.widgets.harness import mounted, painted
from tools.chromium import launch

ROOT = Path(__file__).resolve().parents[1]
SIZES = {"wide": (760, {}), "phone": (360, {"has_touch": True}), "small": (320, {"has_touch": True})}


def shoot(browser, name: str, folder: Path) -> None:
    """All pictures of the example `name`."""
    figure = EXAMPLES[name]().figure()
    for size, (width, options) in SIZES.items():
        for theme in ("light", "dark"):
            options = {**options, "viewport": {"width": width, "height": 900}, "device_scale_factor": 1.5}
            with mounted(browser, figure, theme=theme, **options) as (page, complaints):
                painted(page)
                page.screenshot(path=folder / f"{name}_{size}_{theme}.png", full_page=True)
                assert not complaints, complaints
    with mounted(browser, figure, java_script_enabled=False, viewport={"width": 760, "height": 900}) as (page, _):
        page.screenshot(path=folder / f"{name}_still.png", full_page=True)


def main() -> None:
    folder = ROOT / "_build" / "shots"
    folder.mkdir(parents=True, exist_ok=True)
    if unknown := set(sys.argv[1:]) - set(EXAMPLES):
        sys.exit(f"There is no example {', '.join(sorted(unknown))}. Pick from {', '.join(EXAMPLES)}.")
    with sync_playwright() as playwright:
        browser = launch(playwright)
        for name in sys.argv[1:] or EXAMPLES:
            shoot(browser, name, folder)
        browser.close()
    print(f"wrote {folder}")


if __name__ == "__main__":
    main()
