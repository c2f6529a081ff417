"""Take the pictures of the README from a demo register: take.py DEMO_FOLDER.

The folder is one of `jingtu demo`, with the report of a faulty delivery as report.html, as
`import --dry-run --report` writes it.
"""

from __future__ import annotations

import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

HERE = Path(__file__).parent


PICTURES = (
    ("map", "map.html", 1280, 800),
    ("phone", "map.html", 390, 844),
    ("report", "report.html", 1280, 640),
)


def take(demo: Path) -> None:
    """Photograph the map at desktop and phone width, and the report of a faulty delivery."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path="/usr/bin/chromium", args=["--no-sandbox", "--disable-gpu"]
        )
        for name, file, width, height in PICTURES:
            context = browser.new_context(
                viewport={"width": width, "height": height}, offline=True
            )
            page = context.new_page()
            page.goto((demo / file).resolve().as_uri())
            page.wait_for_timeout(2_000)
            page.screenshot(path=HERE / f"{name}.png")
            context.close()
        browser.close()


if __name__ == "__main__":
    take(Path(sys.argv[1]))
