"""The map in a real browser, opened from disk with the network cut."""

from __future__ import annotations

import re
from dataclasses import replace

import pandas as pd
import pytest
import shapely
from town import PLOT, label, plots

from layers.coverage import coverage, holdings
from maps.interactive import offline_map
from maps.views import LayerView, Sheet
from parcels import districts

CITY = districts.bundled()
pytestmark = pytest.mark.browser

NASTY = [
    "<img src=x onerror=alert(1)>",
    "</script><script>alert(2)</script>",
    "引号\"'`反斜杠\\u2028\u2028行",
    "{{ this }} ${alert(3)}",
]


def page_of(frame, *, lang="zh", layer=PLOT):
    table = coverage(holdings(frame, CITY), CITY, stages=False)
    shares = table[table["place"].isin(CITY.districts.index)].rename(columns={"place": "district"})
    return offline_map(
        [LayerView(layer, frame)],
        CITY,
        sheet=Sheet("净土一张图", "2024-08-31 的状态"),
        coverage=shares.assign(layer=layer.key)[["layer", "district", "share"]],
        lang=lang,
    )


@pytest.fixture
def opened(chromium_page, tmp_path):
    """Open a page; what it asks of the network and what goes wrong is kept."""
    asked, wrong = [], []
    chromium_page.on("request", lambda r: asked.append(r.url))
    chromium_page.on("console", lambda m: wrong.append(m.text) if m.type == "error" else None)
    chromium_page.on("pageerror", lambda e: wrong.append(str(e)))
    chromium_page.on("dialog", lambda d: (wrong.append(d.message), d.dismiss()))

    def open_(html):
        file = tmp_path / "图.html"
        file.write_text(html, "utf-8")
        chromium_page.goto(file.as_uri())
        chromium_page.wait_for_timeout(800)
        outside = [url for url in asked if not url.startswith(("file:", "data:", "blob:"))]
        return chromium_page, outside, wrong

    return open_


def find(page, words):
    page.fill("input", words)
    page.wait_for_timeout(400)
    page.keyboard.press("Enter")
    page.wait_for_timeout(1500)


def test_the_page_asks_nothing_of_the_network_and_nothing_goes_wrong(opened):
    page, outside, wrong = opened(page_of(plots(5)))

    assert outside == []
    assert wrong == []
    assert "示例边界" in page.inner_text("body")


def test_no_address_outside_stands_in_the_file():
    html = page_of(plots(3))

    addresses = set(re.findall(r"(?:https?:)?//[\w.-]+\.\w{2,}", html))

    assert {one for one in addresses if "www.w3.org" not in one} == set()


def test_the_legend_counts_what_the_frame_holds(opened):
    frame = plots(7, stage=["surveyed"] * 4 + ["listed"] * 2 + [None])

    page, _, _ = opened(page_of(frame))
    said = page.inner_text("body")

    assert re.search(r"已调查\s*4", said)
    assert re.search(r"已列入名录\s*2", said)
    assert re.search(r"未知\s*1", said)


@pytest.mark.parametrize("name", NASTY)
def test_text_from_data_is_only_text(opened, name):
    frame = plots(1).assign(name=name, industry=name)

    page, _, wrong = opened(page_of(frame))
    find(page, "P0000")

    assert wrong == []
    shown = page.inner_text("body")
    assert name.replace("\u2028", "")[:8] in shown.replace("\u2028", "")


def test_a_search_by_code_paints_the_parcel_and_opens_its_facts(opened):
    page, _, _ = opened(page_of(plots(3, closed_on=pd.Timestamp("2020-01-31").as_unit("s"))))

    find(page, "P0001")
    said = page.inner_text("body")
    colours = page.evaluate(
        """() => { const seen = new Set();
        for (const c of document.querySelectorAll('canvas')) {
          const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;
          for (let i = 0; i < d.length; i += 4) if (d[i + 3] > 200)
            seen.add(d[i] + ',' + d[i + 1] + ',' + d[i + 2]);
        } return seen.size; }"""
    )

    assert "示例地块1号" in said
    assert "2020-01-31" in said
    assert colours >= 2


@pytest.mark.parametrize(
    "frame",
    [
        plots(2).assign(geometry=[None, None]),
        plots(2).assign(geometry=shapely.points([[116.2, 40], [116.3, 40]])),
        plots(1).iloc[:0],
    ],
    ids=["no boundary", "points", "empty"],
)
def test_layers_without_polygons_open_too(opened, frame):
    _, outside, wrong = opened(page_of(frame))

    assert outside == []
    assert wrong == []


def test_the_page_speaks_english(opened):
    page, _, _ = opened(page_of(plots(2), lang="en"))

    assert page.evaluate("document.documentElement.lang") == "en"
    assert "Haidian" in page.inner_text("body")


def test_a_phone_needs_no_sideways_scrolling(opened):
    page, _, _ = opened(page_of(plots(2)))

    page.set_viewport_size({"width": 390, "height": 844})
    page.wait_for_timeout(300)

    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_the_print_shows_title_legend_and_notice(opened):
    page, _, _ = opened(page_of(plots(2)))

    page.emulate_media(media="print")
    page.wait_for_timeout(300)
    said = page.inner_text("body")

    assert "净土一张图" in said
    assert "已调查" in said
    assert "示例边界" in said


def test_the_printed_legend_is_whole_and_leaves_out_empty_layers(opened):
    views = [
        LayerView(replace(PLOT, key=f"layer_{i}", label=label(f"图层{i}号")), plots(i))
        for i in range(30)
    ]
    page, _, _ = opened(offline_map(views, CITY, sheet=Sheet("净土一张图", "")))

    page.emulate_media(media="print")
    page.wait_for_timeout(300)
    body = page.query_selector(".jt-body")

    assert body.evaluate("e => e.scrollHeight - e.clientHeight") <= 1
    assert body.evaluate("e => getComputedStyle(e).overflowY") == "visible"
    assert "图层29号" in body.inner_text()
    assert "图层0号" not in body.inner_text()
