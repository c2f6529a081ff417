"""Take the pictures of the README from a demo register: take.py DEMO_FOLDER."""

from __future__ import annotations

import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

HERE = Path(__file__).parent


def take(page_file: Path) -> None:
    """Photograph the map at desktop and phone width."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path="/usr/bin/chromium", args=["--no-sandbox", "--disable-gpu"]
        )
        for name, width, height in (("map", 1280, 800), ("phone", 390, 844)):
            context = browser.new_context(
                viewport={"width": width, "height": height}, offline=True
            )
            page = context.new_page()
            page.goto(page_file.resolve().as_uri())
            page.wait_for_timeout(2_000)
            page.screenshot(path=HERE / f"{name}.png")
            context.close()
        browser.close()


if __name__ == "__main__":
    take(Path(sys.argv[1]) / "map.html")
