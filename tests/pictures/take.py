"""Take the pictures of the README from a demo register: take.py DEMO_FOLDER LINK.

The folder is one of `jingtu demo`, with the report of a faulty delivery as report.html, as
`import --dry-run --report` writes it; the link is the one that `jingtu serve` printed for its
register.
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


PLACE = "?at=39.87000,116.38000,11.5"
"""Where the served map is photographed: parcels of several districts, near enough to be seen."""


def take(demo: Path, link: str) -> None:
    """Photograph both maps at desktop width, one at phone width, and a report of faults."""
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
        page = browser.new_page(viewport={"width": 1280, "height": 760})
        page.goto(link)
        page.goto(link.partition("enter")[0] + PLACE)
        page.wait_for_selector("html[data-jt-ready]")
        page.wait_for_timeout(2_000)
        page.screenshot(path=HERE / "serve.png")
        browser.close()


if __name__ == "__main__":
    take(Path(sys.argv[1]), sys.argv[2])
