"""What a copy looks like in QGIS, for every layer, and what a merge refuses behind the desk."""

from __future__ import annotations

import datetime as dt
from xml.etree import ElementTree as ET

import openpyxl
import pytest
from town import PLOT, act, plots

from layers import catalog
from maps import palette, qml
from parcels.errors import RegisterMovedError
from parcels.exchange.resolutions import COLUMNS, read_resolutions, write_resolutions
from parcels.merging import Side
from parcels.model import Kind, Moment
from parcels.register import Intake, Register

LAYERS = catalog.load()


@pytest.mark.parametrize("key", LAYERS)
@pytest.mark.parametrize("lang", ["zh", "en"])
def test_every_layer_has_a_style_with_all_its_stages_and_fields(key, lang):
    layer = LAYERS[key]

    written = qml.style(layer, lang, points=False)
    root = ET.fromstring(written.split("\n", 1)[1])  # noqa: S314 - our own

    categories = {one.get("value"): one.get("label") for one in root.iter("category")}
    widgets = {
        one.get("name"): one.find("editWidget").get("type")
        for one in root.find("fieldConfiguration")
    }
    assert {one.key: one.label.in_(lang) for one in layer.stages}.items() <= categories.items()
    assert len(list(root.iter("symbol"))) == len(layer.stages) + 1
    assert set(widgets) == {qml.NUMBER, *(field.key for field in layer.fields)}
    for field in layer.fields:
        if field.kind is Kind.DATE:
            assert widgets[field.key] == "DateTime"
        if field.kind is Kind.CODE:
            assert widgets[field.key] == "ValueMap"


def test_patterns_and_forms_of_the_palette_all_have_one_in_qgis():
    drawn = [
        palette.Mark("#c65f12", "#9e4c0e", one, palette.Symbol.CIRCLE) for one in palette.Pattern
    ]
    pointed = [
        palette.Mark("#c65f12", "#9e4c0e", palette.Pattern.PLAIN, one) for one in palette.Symbol
    ]

    fills = {repr(qml._fill(mark)) for mark in drawn}
    markers = {repr(qml._marker(mark)) for mark in pointed}

    assert len(fills) == len(palette.Pattern)
    assert len(markers) == len(palette.Symbol)


def test_a_register_that_changed_during_the_merge_takes_nothing(store_url):
    with Register(store_url, [PLOT]) as register:
        register.take(PLOT.key, plots(2), act())
        seen = int(register.changes()["change"].max())
        other = plots(2, name="别人的名称")
        register.take(PLOT.key, other, act(days=1))

        with pytest.raises(RegisterMovedError):
            register.take_all(PLOT.key, [Intake(plots(2, name="文件"), act(days=2), merges=seen)])

        names = register.frame(PLOT.key, Moment(dt.date(2024, 7, 1)))["name"]
    assert set(names) == {"别人的名称"}


def test_what_looks_like_a_formula_stays_text_and_choices_come_back(tmp_path):
    path = tmp_path / "差异.xlsx"
    row = dict.fromkeys(COLUMNS, "") | {"parcel": "7", "key": "name", "mark": "m", "open": "1"}
    row |= {"theirs": "=HYPERLINK(1)", "choice": "文件"}
    sides = {Side.FILE: "文件", Side.REGISTER: "登记库"}

    write_resolutions(
        path, [row], headings=dict.fromkeys(COLUMNS, "示例"), sides=sides, sheet="示例"
    )
    back = read_resolutions(path, {side: [word] for side, word in sides.items()})

    cell = openpyxl.load_workbook(path).active.cell(2, COLUMNS.index("theirs") + 1)
    assert (cell.value, cell.data_type) == ("=HYPERLINK(1)", "s")
    assert back.sides == {("7", "name"): Side.FILE}
    assert back.marks == {("7", "name"): "m"}
