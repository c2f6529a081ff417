"""Lists of corner points become parcels; lists of parcels stay what they are."""

from __future__ import annotations

import csv

import openpyxl
import pytest
import shapely

from layers import catalog
from maps import cli
from maps.answers import Exit
from parcels import districts
from parcels.ingest.delivery import ReceiveOptions, receive

LAYERS = catalog.load()
PLOT = LAYERS["priority_plot"]
CITY = districts.bundled()
A, B = "1101010320001", "1101010320002"

# Steps north and east, metres, from a place near Tiananmen.
OUTER = [(0, 0), (0, 100), (100, 100), (100, 0)]
HOLE = [(40, 40), (40, 60), (60, 60), (60, 40)]
NORTH, EAST = 4_419_400, 39_448_400


def at(step, right=0):
    return f"{NORTH + step[0]:.3f}", f"{EAST + step[1] + right:.3f}"


def degrees(step, right=0):
    """About the same place: a square of 0.001 degrees for 100 m."""
    return f"{39.9 + step[0] / 100_000:.7f}", f"{116.39 + (step[1] + right) / 100_000:.7f}"


def corners(ring, *before, right=0, closed=True, name="J{}", more=()):
    """Rows of north, east after what stands before the corner; numbered from 1."""
    whole = [*ring, ring[0]] if closed else ring
    return [
        [*before, name.format(place % len(ring) + 1), *more, *at(step, right)]
        for place, step in enumerate(whole)
    ]


def table(tmp_path, head, rows, suffix=".csv", name="列表"):
    path = tmp_path / f"{name}{suffix}"
    if suffix == ".xlsx":
        book = openpyxl.Workbook()
        for row in [head, *rows]:
            book.active.append(row)
        book.save(path)
        return path
    with path.open("w", encoding="utf-8-sig", newline="") as stream:
        csv.writer(stream).writerows([head, *rows])
    return path


def door(path, layer=PLOT, **options):
    return receive(path, layer, CITY, options=ReceiveOptions(stage="优先监管", **options))


def errors(delivery):
    whole = delivery.findings.frame()
    return sorted(set(whole.loc[whole["severity"] == "error", "code"]))


def found(delivery, code):
    whole = delivery.findings.frame()
    return whole[whole["code"] == code]


BOTH = [*corners(OUTER, A), *corners(OUTER, B, right=300)]


@pytest.mark.parametrize("suffix", [".csv", ".xlsx"])
@pytest.mark.parametrize(
    "head",
    [
        ["地块编码", "点号", "X(北)", "Y(东，含带号)"],
        ["地块编码", "界址点号", "X坐标", "Y坐标"],
        ["DKDM", "JZDH", "XZB", "YZB"],
        ["parcel code", "point", "north", "east"],
        ["地块编号", "拐点编号", "纵坐标", "横坐标"],
        ["code", "vertex", "x", "y"],
        ["地块编码", "序号", "X（m）", "Y（m）"],
        ["编号", "点号", "X(北)", "Y"],
    ],
)
def test_corners_become_parcels_whatever_their_headings(tmp_path, head, suffix):
    delivery = door(table(tmp_path, head, BOTH, suffix))

    assert errors(delivery) == []
    assert delivery.ready["code"].tolist() == [A, B]
    assert delivery.frame["row"].tolist() == [2, 7]
    assert delivery.frame["area_m2"].tolist() == pytest.approx([10_000, 10_000], rel=1e-3)


@pytest.mark.parametrize("head", [["X", "Y"], ["Y", "X"]])
def test_x_is_north_where_its_numbers_are_northings(tmp_path, head):
    rows = BOTH if head[0] == "X" else [[*row[:2], *reversed(row[2:])] for row in BOTH]

    delivery = door(table(tmp_path, ["地块编码", "点号", *head], rows))

    (told,) = found(delivery, "crs_assumed").itertuples()
    assert errors(delivery) == []
    assert '"swapped": false' in told.details


def test_degrees_are_corners_too_east_first_or_north_first(tmp_path):
    rows = [[A, i, *degrees(step)] for i, step in enumerate(OUTER, 1)]

    north = door(table(tmp_path, ["地块编码", "点号", "纬度", "经度"], rows))
    east = door(
        table(tmp_path, ["地块编码", "点号", "经度", "纬度"], [[*r[:2], r[3], r[2]] for r in rows])
    )

    assert errors(north) == errors(east) == []
    assert shapely.equals(north.frame.geometry.iloc[0], east.frame.geometry.iloc[0])
    assert north.frame["area_m2"].iloc[0] == pytest.approx(9_478, rel=1e-2)
    assert north.frame["registered_lon"].isna().all()


def test_degrees_with_minutes_and_seconds_are_numbers(tmp_path):
    rows = [
        [A, 1, "116°23′24.00″", "39°54′00.0″"],
        [A, 2, "116°23′28.00″", "39°54′00.0″"],
        [A, 3, "116°23'28\"", "39°54'03\""],
        [A, 4, "116度23分24秒", "39度54分3秒"],
    ]

    delivery = door(table(tmp_path, ["地块编码", "点号", "经度", "纬度"], rows))

    assert errors(delivery) == []
    assert shapely.bounds(delivery.frame.geometry.iloc[0]) == pytest.approx(
        [116.39, 39.9, 116.39 + 4 / 3600, 39.9 + 3 / 3600]
    )


@pytest.mark.parametrize("closed", [True, False])
def test_a_ring_within_is_a_hole_by_its_column_or_where_the_first_closes(tmp_path, closed):
    rings = [
        *corners(OUTER, A, more=["1"], closed=closed),
        *corners(HOLE, A, more=["2"], closed=closed),
    ]
    path = table(tmp_path, ["地块编码", "点号", "圈号", "X(北)", "Y(东)"], rings)

    delivery = door(path)

    assert errors(delivery) == []
    assert delivery.frame["area_m2"].tolist() == [pytest.approx(9_600, rel=1e-3)]


def test_a_hole_without_a_ring_column_begins_where_the_outer_ring_closes(tmp_path):
    rows = [*corners(OUTER, A), *corners(HOLE, A)]

    delivery = door(table(tmp_path, ["地块编码", "点号", "X(北)", "Y(东)"], rows))

    assert delivery.frame["area_m2"].tolist() == [pytest.approx(9_600, rel=1e-3)]


ATTRIBUTES = ["地块编码", "地块名称", "用地面积", "点号", "X(北)", "Y(东)"]


@pytest.mark.parametrize("suffix", [".csv", ".xlsx"])
@pytest.mark.parametrize("repeated", [True, False])
def test_what_is_said_of_a_parcel_may_stand_in_each_row_or_in_its_first(
    tmp_path, repeated, suffix
):
    rows = [
        *corners(OUTER, A, "示例甲", "10000"),
        *corners(OUTER, B, "示例乙", "10000", right=300),
    ]
    if not repeated:
        rows = [row if i % 5 == 0 else [None, None, None, *row[3:]] for i, row in enumerate(rows)]

    delivery = door(table(tmp_path, ATTRIBUTES, rows, suffix))

    assert errors(delivery) == []
    assert delivery.ready["name"].tolist() == ["示例甲", "示例乙"]
    assert delivery.ready["declared_area_m2"].tolist() == [10_000, 10_000]


def test_a_first_row_may_say_what_the_parcel_is_and_hold_no_corner(tmp_path):
    rows = [[A, "示例甲", "10000", None, None, None], *corners(OUTER, None, None, None)]

    delivery = door(table(tmp_path, ATTRIBUTES, rows))

    assert errors(delivery) == []
    assert delivery.ready["name"].tolist() == ["示例甲"]


def test_rows_that_contradict_each_other_keep_the_parcel_out(tmp_path):
    rows = [*corners(OUTER, A, "示例甲", ""), *corners(OUTER, B, "示例乙", "", right=300)]
    rows[3][1] = "示例丙"

    delivery = door(table(tmp_path, ATTRIBUTES, rows))

    (told,) = found(delivery, "corners_contradict").itertuples()
    assert (told.row, told.field, told.found) == (2, "地块名称", "示例丙")
    assert '"line": 5' in told.details
    assert delivery.ready["code"].tolist() == [B]


@pytest.mark.parametrize("spoiled", ["", "四百万", "1e999", "nan"])
def test_a_corner_without_a_place_is_told_with_its_row_and_keeps_the_parcel_out(tmp_path, spoiled):
    rows = [list(row) for row in BOTH]
    rows[2][2] = spoiled

    delivery = door(table(tmp_path, ["地块编码", "点号", "X(北)", "Y(东)"], rows))

    (told,) = found(delivery, "corner_not_read").itertuples()
    assert told.row == 2
    assert '"line": 4' in told.details
    assert delivery.ready["code"].tolist() == [B]


def test_a_parcel_of_two_corners_among_others_is_told(tmp_path):
    rows = [*corners(OUTER, A), *corners(OUTER, B, right=300)[:2]]

    delivery = door(table(tmp_path, ["地块编码", "点号", "X(北)", "Y(东)"], rows))

    assert found(delivery, "boundary_invalid")["row"].tolist() == [7]
    assert delivery.ready["code"].tolist() == [A]


def test_six_digit_eastings_take_the_zone_of_its_column(tmp_path):
    rows = [[*row[:2], "39", row[2], row[3][2:]] for row in BOTH]

    delivery = door(table(tmp_path, ["地块编码", "点号", "带号", "X(北)", "Y(东)"], rows))

    assert errors(delivery) == []
    assert delivery.frame["district"].tolist() == ["110101", "110101"]


@pytest.mark.parametrize("suffix", [".csv", ".xlsx"])
@pytest.mark.parametrize("heading", ["编号", "点号", "序号"])
@pytest.mark.parametrize("closed", [True, False])
def test_corners_without_a_parcel_are_one_and_that_is_told(tmp_path, heading, closed, suffix):
    rows = corners(OUTER, closed=closed, name="{}")
    path = table(tmp_path, [heading, "X(北)", "Y(东)"], rows, suffix, f"初步调查{A}")

    delivery = door(path)

    (told,) = found(delivery, "corners_assumed").itertuples()
    assert errors(delivery) == []
    assert delivery.ready["code"].tolist() == [A]
    assert A in told.details


def test_one_parcel_without_a_code_in_the_name_of_its_file_lacks_one(tmp_path):
    delivery = door(table(tmp_path, ["编号", "X(北)", "Y(东)"], corners(OUTER)))

    assert len(delivery.frame) == 1
    assert "value_missing" in errors(delivery)


PLAIN = {
    "codes and a place": (["编号", "经度", "纬度"], [["甲", 116.39, 39.9], ["乙", 116.4, 39.9]]),
    "counted, but far apart": (
        ["编号", "经度", "纬度"],
        [[1, 116.2, 39.9], [2, 116.4, 39.9], [3, 116.5, 40.1]],
    ),
    "counted, but crossing": (
        ["编号", "经度", "纬度"],
        [[1, 116.39, 39.9], [2, 116.4, 39.91], [3, 116.4, 39.9], [4, 116.39, 39.91]],
    ),
    "counted, with names": (
        ["编号", "名称", "经度", "纬度"],
        [[i, f"示例{i}", *reversed(degrees(step))] for i, step in enumerate(OUTER, 1)],
    ),
    "without a place": (["地块编码", "地块名称"], [[A, "甲"], [B, "乙"]]),
    "a code written twice": (
        ["地块编码", "地块名称", "经度", "纬度"],
        [[A, "甲", 116.39, 39.9], [A, "乙", 116.4, 39.9], [B, "丙", 116.41, 39.9]],
    ),
    "a code written thrice for different parcels": (
        ["地块编码", "地块名称", "经度", "纬度"],
        [[A, name, 116.39 + i / 100, 39.9] for i, name in enumerate("甲乙丙")],
    ),
}


@pytest.mark.parametrize("suffix", [".csv", ".xlsx"])
@pytest.mark.parametrize("case", PLAIN)
def test_a_list_of_parcels_stays_one(tmp_path, case, suffix):
    head, rows = PLAIN[case]

    delivery = door(table(tmp_path, head, rows, suffix))

    assert delivery.arrived.members is None
    assert len(delivery.frame) == len(rows)
    assert delivery.frame.geometry.isna().all()


def test_points_of_a_layer_of_points_are_never_corners(tmp_path):
    layer = LAYERS["monitoring_point"]
    rows = corners(OUTER, closed=False, name="{}")

    delivery = receive(table(tmp_path, ["编号", "X(北)", "Y(东)"], rows), layer, CITY)

    assert len(delivery.frame) == 4


@pytest.mark.parametrize("suffix", [".csv", ".xlsx"])
def test_rejects_hold_every_corner_and_come_in_once_mended(tmp_path, monkeypatch, suffix):
    monkeypatch.chdir(tmp_path)
    rows = [list(row) for row in BOTH]
    rows[2][2] = "?"
    path = table(tmp_path, ["地块编码", "点号", "X(北)", "Y(东)"], rows, suffix)
    asked = ["--lang", "zh", "import", path.name, "-l", "priority_plot", "--stage", "优先监管"]

    assert cli.run([*asked, "--accept-valid"]) == Exit.DELIVERY_NOT_ACCEPTED
    rejects = tmp_path / f"列表.rejects{suffix}"
    again = door(rejects)

    assert len(again.arrived.members) == 5
    assert errors(again) == ["corner_not_read"]
    assert again.frame["code"].tolist() == [A]


def test_every_row_is_a_corner_of_a_parcel_or_told_of(tmp_path):
    rows = [*BOTH, [B, "J9", "?", "?"], ["", "", "", ""], *corners(OUTER, "C", right=600)]

    delivery = door(table(tmp_path, ["地块编码", "点号", "X(北)", "Y(东)"], rows))

    assert len(delivery.arrived.members) == len(rows) - 1
    assert len(found(delivery, "corner_not_read")) == 1
    out = int((~delivery.frame["ok"]).sum())
    assert len(delivery.ready) + out == len(delivery.frame) == 3
