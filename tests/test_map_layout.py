"""Where things stand on the map page, in Chromium: nothing covers what must be read."""

from __future__ import annotations

import dataclasses

import pytest
from town import PLOT, plots

from maps.interactive import offline_map
from maps.views import LayerView, Sheet
from parcels import districts
from parcels.model import Field, Label

CITY = districts.bundled()
LONG = "净土一张图：北京市重点建设用地与优先监管地块差别地图（示例）"
# Fewer facts than a card has room for, so that it need not scroll.
FEW = dataclasses.replace(
    PLOT, fields=(*PLOT.fields[:3], Field("changes", Label("改动", "Changes")))
)


def box(page, what):
    return page.eval_on_selector(
        what, "e => { const b = e.getBoundingClientRect(); return [b.top, b.bottom]; }"
    )


@pytest.fixture
def opened(chromium_page, tmp_path):
    """Open a map with a title of one's choice."""

    def open_(title="净土一张图", size=(1280, 800), layer=FEW):
        frame = plots(3).assign(changes="边界：增加 10 平方米")
        file = tmp_path / "图.html"
        sheet = Sheet(title, "2024-08-31 的状态")
        file.write_text(offline_map([LayerView(layer, frame)], CITY, sheet=sheet), "utf-8")
        chromium_page.set_viewport_size({"width": size[0], "height": size[1]})
        chromium_page.goto(file.as_uri())
        chromium_page.wait_for_timeout(800)
        return chromium_page

    return open_


@pytest.mark.parametrize("title", ["净土一张图", LONG, LONG * 2])
def test_the_notice_on_a_phone_stands_above_the_title_however_long(opened, title):
    page = opened(title, (390, 780))

    assert box(page, ".jt-notice")[1] <= box(page, ".jt-title")[0]


@pytest.mark.parametrize("layer", [FEW, PLOT], ids=["few facts", "many facts"])
@pytest.mark.parametrize("size", [(1280, 800), (390, 780)])
def test_the_heading_of_a_card_opened_by_a_search_is_its_top(opened, size, layer):
    page = opened(size=size, layer=layer)
    page.fill("input", "P0001")
    page.wait_for_timeout(400)
    page.keyboard.press("Enter")
    page.wait_for_timeout(1500)

    assert box(page, ".jt-card header")[0] == pytest.approx(box(page, ".jt-card")[0], abs=1)
