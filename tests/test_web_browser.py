"""The pages in a real browser, served by the command, with no network but this machine's own."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys

import pytest

from maps import cli
from maps.answers import Exit

pytestmark = pytest.mark.browser

LIST = """地块编码,地块名称,所属区,环节,经度,纬度
1101050320001,示例一号,朝阳区,纳入台账,116.48,39.95
1101080320003,"<img src=x onerror=alert(1)>",海淀区,拟列入优先监管,116.30,39.99
"""


@pytest.fixture
def served(tmp_path, monkeypatch):
    """`jingtu serve` as a process of its own; gives the printed link and the address."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "清单.csv").write_text(LIST, "utf-8")
    command = ["--store", "r.gpkg", "--lang", "zh", "--user", "示例"]
    done = cli.run(
        [*command, "import", "清单.csv", "--layer", "screening_ledger", "--on", "2024-06-30"]
    )
    assert done == Exit.DONE
    run = [
        sys.executable,
        "-c",
        "from maps.cli import main; main()",
        *command,
        "serve",
        "--port",
        "0",
    ]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}  # noqa: TID251 - for the other process
    server = subprocess.Popen(run, stdout=subprocess.PIPE, text=True, env=environment)
    said = [server.stdout.readline() for _ in range(2)]
    address = re.search(r"http://\S+?/(?=\s)", said[0])[0]
    link = re.search(r"http://\S+enter\S+", said[1])[0]
    yield address, link
    server.send_signal(signal.SIGINT)
    assert server.wait(timeout=30) in {0, 130}
    server.stdout.close()


@pytest.fixture
def page(chromium, served):
    """A browser that reaches this machine alone; what it asked elsewhere and what went wrong."""
    address, _link = served
    context = chromium.new_context(viewport={"width": 1280, "height": 860})
    opened = context.new_page()
    opened.outside, opened.wrong = [], []

    def pass_on(route):
        if route.request.url.startswith((address, "data:", "blob:")):
            route.continue_()
        else:
            opened.outside.append(route.request.url)
            route.abort()

    opened.route("**/*", pass_on)
    opened.on("pageerror", lambda fault: opened.wrong.append(str(fault)))
    opened.on("console", lambda m: opened.wrong.append(m.text) if m.type == "error" else None)
    opened.on("dialog", lambda d: (opened.wrong.append(d.message), d.dismiss()))
    yield opened
    context.close()


def open_map(page, link):
    page.goto(link)
    page.wait_for_selector("html[data-jt-ready]", timeout=60_000)
    page.wait_for_timeout(500)


def painted(page):
    """How many pixels of the tiles are not empty."""
    return page.evaluate("""() => [...document.querySelectorAll('canvas.leaflet-tile')]
        .reduce((n, c) => n + c.getContext('2d').getImageData(0, 0, c.width, c.height).data
            .filter((v, i) => i % 4 === 3 && v > 0).length, 0)""")


def test_the_link_opens_the_map_and_nothing_is_asked_elsewhere(page, served):
    open_map(page, served[1])

    assert page.outside == []
    assert page.wrong == []
    assert painted(page) > 0
    assert "视图内 2 个地块" in page.inner_text("#jw-status")
    assert "示例边界" in page.inner_text(".jw-notice")
    assert "无审图号" in page.inner_text(".jw-notice")
    assert "朝阳区" in page.inner_text("#jw-map")


def test_a_day_before_the_delivery_shows_nothing_and_stands_in_the_address(page, served):
    open_map(page, served[1])

    page.fill("#jw-on", "2024-06-29")
    page.get_by_text("视图内 0 个地块").wait_for()
    page.wait_for_timeout(500)

    assert painted(page) == 0
    assert "on=2024-06-29" in page.url
    page.reload()
    page.wait_for_selector("html[data-jt-ready]")
    assert page.input_value("#jw-on") == "2024-06-29"


def test_a_parcel_is_found_by_part_of_its_name_and_told_of(page, served):
    open_map(page, served[1])

    page.fill("#jw-q", "一号")
    page.keyboard.press("Enter")
    page.click("#jw-found button")
    page.wait_for_selector(".jw-popup")

    assert "示例一号" in page.inner_text(".jw-popup")
    assert "朝阳区" in page.inner_text(".jw-popup")


def test_text_of_others_is_shown_as_text(page, served):
    open_map(page, served[1])

    page.fill("#jw-q", "onerror")
    page.keyboard.press("Enter")
    page.click("#jw-found button")
    page.wait_for_selector(".jw-popup")

    assert "<img src=x onerror=alert(1)>" in page.inner_text(".jw-popup h3")
    assert page.wrong == []
