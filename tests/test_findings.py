"""Each finding has a delivery that raises it and one that just does not.

An entry of `CASES` is two makers of a delivery: each is given an empty folder and answers what
receiving the file gives. A new code needs a line here; the tests of its own rule go deeper.
"""

from __future__ import annotations

import datetime as dt
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import pyproj
import pytest
import shapely
import test_boundary_flaws as flaws
import test_boundary_point_files as txt
import test_boundary_repair as repair
import test_containers as drawn_files
import test_control_points as control
import test_corner_points as corners
import test_laboratory
import test_lineage
import test_lists as lists
import test_moves as moves
import test_national_packages as national
import test_position as position
import test_report_findings
import test_rules
import test_shifts as shifts
from copied import MERGES
from shapely import affinity

from layers import catalog
from maps.cli import refused_files
from parcels import districts
from parcels.findings import CODES, Findings
from parcels.ingest import containers, deliveries
from parcels.ingest.bounds import limits
from parcels.ingest.delivery import Delivery, ReceiveOptions, receive
from parcels.matching import SameLand
from parcels.model import Confirmed

LAYERS = catalog.load()
PLOT, LISTED = LAYERS["priority_plot"], LAYERS["contaminated_site"]
CITY = districts.bundled()
Make = Callable[[Path], Delivery]

FIRST = shapely.box(116.2, 40, 116.202, 40.002)
SECOND = shapely.box(116.203, 40, 116.205, 40.002)
PLAIN = {
    "编码": ["1101080320001", "1101080320002"],
    "名称": ["示例甲", "示例乙"],
    "环节": ["优先监管", "优先监管"],
}
NAMES_KEPT = {
    "名字写法": Confirmed("名字写法", "name", "示例", dt.datetime(2024, 6, 1, tzinfo=dt.UTC))
}


def door(path, layer=PLOT, **options):
    return receive(path, layer, CITY, options=ReceiveOptions(**options))


def listed(*, encoding="utf-8-sig", without=(), options=None, **columns) -> Make:
    """A CSV of two plots without boundaries; columns by heading."""

    def make(folder):
        path = folder / "列表.csv"
        rows = {k: v for k, v in (PLAIN | columns).items() if k not in without}
        pd.DataFrame(rows).to_csv(path, index=False, encoding=encoding)
        return door(path, **(options or {}))

    return make


def drawn(*shapes, layer=PLOT, options=None, suffix=".gpkg", **columns) -> Make:
    """A file of plots with these boundaries, by default two beside each other in Haidian."""

    def make(folder):
        here = list(shapes or (FIRST, SECOND))
        rows = {k: v[: len(here)] for k, v in (PLAIN | columns).items()}
        path = folder / f"地块{suffix}"
        gpd.GeoDataFrame(rows, geometry=here, crs=4490).to_file(path)
        return door(path, layer, **(options or {}))

    return make


def kanji(encoding: str) -> Make:
    """A list with headings in ASCII and names that two encodings read as words."""

    def make(folder):
        path = folder / "列表.csv"
        names = ["東京都千代田区霞関", "土壌汚染対策区域", "旧工場跡地調査"]
        path.write_bytes("".join(f"{one}\n" for one in ["name", *names]).encode(encoding))
        return door(path)

    return make


def written(content: str, name="列表.csv") -> Make:
    def make(folder):
        (folder / name).write_text(content, "utf-8-sig")
        return door(folder / name)

    return make


def shapefile(spoil=None) -> Make:
    """A shapefile with its parts spoiled."""

    def make(folder):
        path = folder / "地块.shp"
        rows = gpd.GeoDataFrame(PLAIN, geometry=[FIRST, SECOND], crs=4490)
        rows.to_file(path, encoding="UTF-8")
        if spoil is not None:
            spoil(path)
        return door(path)

    return make


def planes(*shapes, prj, crs=None, **columns) -> Make:
    """A shapefile with this .prj, or with none; `crs` is what the clerk says."""

    def make(folder):
        return position.door(position.shapefile(folder, *shapes, prj=prj, **columns), crs=crs)

    return make


def points(*parts) -> Make:
    return lambda folder: txt.door(txt.file(folder, *parts))


def package(**told) -> Make:
    return lambda folder: national.door(national.package(folder, **told))


def shown(system, *, stated=None, moved=None, register=True) -> Make:
    """Registered figures as a web map shows them, or all moved by the same."""

    def make(folder):
        true = shifts.figures(20)
        came = shifts.drawn_on(true, system)
        if moved is not None:
            came = shapely.transform(came, lambda xy: xy + np.array(moved))
        known = shifts.parcels(true) if register else None
        return shifts.door(folder, shifts.parcels(came), register=known, offset=stated)

    return make


def controlled(away) -> Make:
    def make(folder):
        path = control.delivered(folder, control.PARCEL + np.array([0, away]))
        return control.door(path, control_points=control.points(folder))

    return make


def geobuf(share: float) -> Make:
    """The first part of a FlatGeobuf of twenty plots."""

    def make(folder):
        shapes = [affinity.translate(FIRST, 0.003 * n) for n in range(20)]
        rows = {"编码": [f"11010803200{n:02}" for n in range(20)], "名称": "示例"}
        path = folder / "a.fgb"
        gpd.GeoDataFrame(rows, geometry=shapes, crs=4490).to_file(path, driver="FlatGeobuf")
        content = path.read_bytes()
        path.write_bytes(content[: int(len(content) * share)])
        return door(path)

    return make


def packed(*further) -> Make:
    """A ZIP of a shapefile and of files that are no data."""

    def make(folder):
        inside = folder / "内"
        inside.mkdir()
        rows = gpd.GeoDataFrame(PLAIN, geometry=[FIRST, SECOND], crs=4490)
        rows.to_file(inside / "地块.shp", encoding="UTF-8")
        with zipfile.ZipFile(folder / "地块.zip", "w") as archive:
            for one in sorted(inside.iterdir()):
                archive.write(one, one.name)
            for name in further:
                archive.writestr(name, b"x")
        return door(folder / "地块.zip")

    return make


def layers(count: int) -> Make:
    def make(folder):
        for number in range(count):
            rows = gpd.GeoDataFrame(PLAIN, geometry=[FIRST, SECOND], crs=4490)
            rows.to_file(folder / "a.gpkg", layer=f"图层{number}")
        return door(folder / "a.gpkg")

    return make


def drawing(*, closed: bool) -> Make:
    def make(folder):
        lines = drawn_files.polyline(drawn_files.square(39448400, 4419400), "线", closed=closed)
        (folder / "a.dxf").write_text(drawn_files.DXF.format(page="936", entities=lines), "gbk")
        return door(folder / "a.dxf", mapping={"Layer": "code"})

    return make


def cornered(*rows, head=("地块编码", "点号", "X(北)", "Y(东)"), name="列表") -> Make:
    """A CSV of corner points."""
    return lambda folder: corners.door(corners.table(folder, list(head), list(rows), name=name))


def sheet(*rows) -> Make:
    """A workbook of these rows."""
    return lambda folder: lists.door(lists.workbook(folder, list(rows)))


def measured(*shapes, options=None, **columns) -> Make:
    """Plots drawn in metres."""
    return lambda folder: flaws.received(folder, flaws.plots(*shapes, **columns), **options or {})


def against(held, delivered, **options) -> Make:
    """Plots delivered to a register that holds these, both drawn in metres."""

    def make(folder):
        path = folder / "地块.gpkg"
        delivered.to_file(path)
        known = held.rename(columns={"编码": "code", "名称": "name"}).drop(columns="环节")
        return receive(path, PLOT, CITY, options=ReceiveOptions(**options), register=known)

    return make


def curved(wkt: str) -> Make:
    def make(folder):
        (folder / "c.csv").write_text(f'WKT,DKDM\n"{wkt}",1101080320001\n', "utf-8")
        _, table = pyogrio.read_arrow(folder / "c.csv")
        pyogrio.write_arrow(
            table.select(["DKDM", "wkb_geometry"]), folder / "c.gpkg", driver="GPKG",
            geometry_name="wkb_geometry", geometry_type="Unknown", crs="EPSG:4490",
        )  # fmt: skip
        return door(folder / "c.gpkg")

    return make


def overwritten(path):
    """Spoil the number of corners of the second record."""
    content = bytearray(path.read_bytes())
    start = 100 + 8 + int.from_bytes(content[104:108], "big") * 2 + 8
    content[start + 36 : start + 44] = b"\xff" * 8
    path.write_bytes(bytes(content))


def near_border(share: float):
    """A square near the middle of the border of two districts, with this share beyond it."""
    borders = CITY.districts.geometry
    line = shapely.line_merge(borders["110105"].intersection(borders["110108"]))
    longest = max(shapely.get_parts(line), key=lambda one: one.length)
    at = longest.interpolate(0.5, normalized=True)
    home = borders["110108"]
    side = 0.0002
    for step in np.linspace(-2 * side, 2 * side, 400):
        square = shapely.box(at.x + step - side, at.y - side, at.x + step + side, at.y + side)
        beyond = 1 - square.intersection(home).area / square.area
        if abs(beyond - share) < 0.004:
            return square
    raise AssertionError(share)


def out_of_town(share: float):
    """A square on the outline of the city with this share outside."""
    city = shapely.union_all(CITY.districts.geometry.to_numpy())
    x, y = min(shapely.get_coordinates(city).tolist())
    for step in np.linspace(0, 0.1, 2000):
        square = shapely.box(x + step - 0.01, y - 0.01, x + step + 0.01, y + 0.01)
        if 1 - square.intersection(city).area / square.area <= share:
            return square
    raise AssertionError(share)


BOW_TIE = shapely.Polygon([(116.21, 40), (116.212, 40.002), (116.212, 40), (116.21, 40.002)])
TRIANGLE = shapely.Polygon([(116.21, 40), (116.212, 40.002), (116.212, 40)])
GREAT = shapely.Polygon([(1e308, 1e308), (1e308, 0), (0, 1e308)])
SQUARE_M2 = 37_919.5
ARC = "CIRCULARSTRING(116.2 40,116.201 40.001,116.202 40,116.201 39.999,116.2 40)"
TEXT = [*txt.head(), "[地块坐标]"]
PARCEL = [txt.header(5), *txt.points(txt.OUTER)]
UNKNOWN_DATUM = position.GAUSS_KRUEGER.format(
    name="c", geogcs="unknown", datum="D_unknown", spheroid=position.CGCS
)
TOWN_39, WEST_38 = position.plane(position.TOWN, 4527), position.plane(position.WEST, 4526)
SIX_DIGITS = position.plane(position.TOWN, 4548)
OLD = "+proj=tmerc +lon_0=117 +x_0=500000 +ellps=krass +towgs84=15.8,-154.4,-82.3 +units=m"
OLD_PLACE = position.plane(position.TOWN, pyproj.CRS(OLD))
TEN_CORNERS = replace(limits(), vertices=10)
MUST_HAVE = replace(PLOT, boundary_required=True)

A = "1101010320001"
RING = corners.corners(corners.OUTER, A)
UNNAMED = {"head": ("点号", "X(北)", "Y(东)"), "name": f"调查{A}"}
UNFINISHED = [*RING[:2], [*RING[2][:2], "?", RING[2][3]], *RING[3:]]
NAMED = ("地块编码", "点号", "X(北)", "Y(东)", "地块名称")
TOTAL = ["合计", None, "45", None]
SPREAD = [lists.HEAD, *lists.ROWS]
FIELD = flaws.box(0, 0, 100, 100)
SMALL_LOOP, GREAT_LOOP = repair.FAULTS["a loop on a side"], repair.REFUSED["a large loop"][0]
ODD = {code: (measured(odd), measured(sound)) for code, odd, sound in flaws.TINY[::-1]}
HELD = flaws.plots(FIELD)
NO_CODE = flaws.plots(FIELD, 名称=["别名"]).drop(columns="编码")


def pointed(away_m: float) -> Make:
    """A plot whose registered point lies so far east of it."""
    (point,) = flaws.place(shapely.Point(100 + away_m, 50))
    return measured(FIELD, 经度=[point.x], 纬度=[point.y])


def beside(east: float, *, code: str = "N", north: float = 100) -> gpd.GeoDataFrame:
    """A plot of this code that begins so far east of the registered one's south-western corner."""
    return flaws.plots(flaws.box(east, 0, east + 100, north), 编码=[code])


CASES: dict[str, tuple[Make, Make]] = {
    # the file
    "encoding_guessed": (listed(encoding="gb18030"), listed(encoding="utf-8-sig")),
    "encoding_doubtful": (kanji("euc_jp"), kanji("cp932")),
    "crs_assumed": (planes(TOWN_39, prj=None), planes(TOWN_39, prj=4527)),
    "crs_missing": (planes(SIX_DIGITS, prj=None), planes(SIX_DIGITS, prj=None, DH=[39])),
    "crs_doubtful": (planes(SIX_DIGITS, prj=4547), planes(SIX_DIGITS, prj=4548)),
    "datum_assumed": (planes(SIX_DIGITS, prj=UNKNOWN_DATUM), planes(SIX_DIGITS, prj=4548)),
    "datum_shifted": (planes(OLD_PLACE, prj=None, crs=OLD), planes(SIX_DIGITS, prj=4548)),
    "zone_from_column": (
        planes(SIX_DIGITS, prj=None, DH=[39]),
        planes(TOWN_39, prj=None, DH=[39]),
    ),
    "zones_by_easting": (planes(TOWN_39, WEST_38, prj=4527), planes(TOWN_39, prj=4527)),
    "control_points_used": (controlled(0), planes(SIX_DIGITS, prj=4548)),
    "control_points_far": (controlled(4000), controlled(2000)),
    "offset_suspected": (shown("gcj02"), shown(None)),
    "offset_applied": (shown("gcj02", stated="gcj02"), shown("gcj02")),
    "offset_contradicted": (shown("bd09", stated="gcj02"), shown("gcj02", stated="gcj02")),
    "shift_unexplained": (shown(None, moved=(0.0, -0.016)), shown(None, moved=(0.0, -0.00001))),
    "file_empty": (written("编码,名称\n"), written("编码,名称\n1101080320001,示例甲\n")),
    "file_cut_off": (geobuf(0.6), geobuf(1)),
    "part_not_used": (layers(2), layers(1)),
    "member_not_read": (packed("说明.docx"), packed()),
    "record_damaged": (shapefile(overwritten), shapefile()),
    "line_not_understood": (points(TEXT, PARCEL, "这一行不知所云"), points(TEXT, PARCEL)),
    "lines_without_parcel": (points(TEXT, txt.points(txt.OUTER), PARCEL), points(TEXT, PARCEL)),
    "point_count_differs": (
        points(TEXT, txt.header(9), PARCEL[1:]),
        points(TEXT, txt.header(4), PARCEL[1:]),
    ),
    # the national boundary package
    "package_code_differs": (package(DKDM="1101080320009"), package()),
    "package_incomplete": (package(without=(".cpg",)), package()),
    "package_misnamed": (package(inner="地块"), package()),
    "package_degrees": (package(epsg=4490), package()),
    "package_zone_differs": (package(DH=38), package(DH=39)),
    "package_stage_taken": (package(), listed()),
    # lists
    "corners_assumed": (
        cornered(*(row[1:] for row in RING), **UNNAMED),
        cornered(*RING),
    ),
    "corners_contradict": (
        cornered(
            *([*row, name] for row, name in zip(RING, "甲甲乙甲甲", strict=True)), head=NAMED
        ),
        cornered(*([*row, "甲"] for row in RING), head=NAMED),
    ),
    "corner_not_read": (cornered(*UNFINISHED), cornered(*RING)),
    "row_no_record": (
        sheet(*SPREAD, TOTAL),
        sheet(*SPREAD, ["合计路1号", "示例", "45", "海淀区"]),
    ),
    "cell_error": (
        sheet(*SPREAD, [lists.C, "#N/A", "45", "海淀区"]),
        sheet(*SPREAD, [lists.C, "#1号", "45", "海淀区"]),
    ),
    "formula_without_result": (
        sheet(*SPREAD, [lists.C, "示例丙", "=1+2", "海淀区"]),
        sheet(*SPREAD, [lists.C, "示例丙", "3", "海淀区"]),
    ),
    # columns
    "column_missing": (listed(without=["编码"]), listed()),
    "column_twice": (
        written("编码,编码,名称\n1101080320001,1101080320002,示例甲\n"),
        written("编码,名称\n1101080320001,示例甲\n"),
    ),
    "column_not_used": (listed(随便一列=["a", "b"]), listed(随便一列=[None, None])),
    "column_offered": (listed(without=["名称"], 地块的名称=PLAIN["名称"]), listed()),
    "column_accepted": (
        listed(without=["名称"], 地块的名称=PLAIN["名称"], options={"accept_suggested": True}),
        listed(without=["名称"], 地块的名称=PLAIN["名称"]),
    ),
    "mapping_reused": (
        listed(without=["名称"], 名字写法=PLAIN["名称"], options={"kept": NAMES_KEPT}),
        listed(options={"kept": NAMES_KEPT}),
    ),
    # values
    "value_missing": (drawn(编码=["1101080320001", None]), drawn()),
    "value_not_understood": (
        drawn(申报面积=["很大", "大"]),
        drawn(申报面积=["37919.5", "37919.5"]),
    ),
    "value_not_in_list": (
        listed(清单批次=["3月底", "2月底"]),
        listed(清单批次=["2月底", "2月底"]),
    ),
    "value_out_of_range": (listed(列入年度=[1989, 1990]), listed(列入年度=[1990, 2100])),
    "value_harmonised": (listed(编码=["１１０１０８０３２０００１", "2"]), listed()),
    "value_erased": (listed(曾用名=["删除", "甲"]), listed(曾用名=["", "甲"])),
    "date_doubtful": (
        drawn(layer=LISTED, 列入名录时间=["6/1/2024"] * 2),
        drawn(layer=LISTED, 列入名录时间=["2024-6-1"] * 2),
    ),
    "stage_not_known": (
        listed(环节=["没有的", "优先监管"]),
        listed(环节=["优先监管", "初步调查"]),
    ),
    # boundaries
    "boundary_missing": (drawn(FIRST, None), drawn()),
    "boundary_required": (drawn(FIRST, None, layer=MUST_HAVE), drawn(layer=MUST_HAVE)),
    "boundary_invalid": (drawn(BOW_TIE), drawn(TRIANGLE)),
    "boundary_wrong_shape": (drawn(FIRST.centroid), drawn(FIRST)),
    "coordinate_not_finite": (drawn(FIRST, GREAT), drawn()),
    "boundary_too_detailed": (
        drawn(FIRST.centroid.buffer(0.001, 3), options={"bounds": TEN_CORNERS}),
        drawn(FIRST.centroid.buffer(0.001, 2), options={"bounds": TEN_CORNERS}),
    ),
    "curves_straightened": (curved(f"CURVEPOLYGON({ARC})"), curved(TRIANGLE.wkt)),
    "lines_closed": (drawing(closed=True), drawing(closed=False)),
    "dimension_dropped": (drawn(shapely.force_3d(FIRST, 50.0)), drawn(FIRST)),
    "outside_city": (drawn(out_of_town(0.6)), drawn(out_of_town(0.0))),
    "boundary_repaired": (
        measured(SMALL_LOOP, options={"repair": True}),
        measured(GREAT_LOOP, options={"repair": True}),
    ),
    "repair_refused": (
        measured(GREAT_LOOP, options={"repair": True}),
        measured(SMALL_LOOP, options={"repair": True}),
    ),
    **ODD,
    "registered_point_outside": (pointed(0.25), pointed(0.15)),
    # district and unit
    "district_not_known": (listed(所在区=["天津市", "海淀区"]), listed(所在区=["海淀", "110108"])),
    "district_former": (listed(所在区=["宣武区", "海淀区"]), listed(所在区=["西城区", "海淀区"])),
    "district_differs": (drawn(所在区=["延庆区", "海淀区"]), drawn(所在区=["海淀区", "海淀区"])),
    "district_border": (drawn(near_border(0.02)), drawn(near_border(0.005))),
    "district_missing": (listed(), listed(所在区=["海淀区", "海淀区"])),
    "unit_not_known": (
        listed(责任单位=["某公司", "海淀区"]),
        listed(责任单位=["海淀区", "海淀区"]),
    ),
    "unit_differs": (drawn(责任单位=["延庆区", "海淀区"]), drawn(责任单位=["海淀区", "海淀区"])),
    # against each other
    "number_twice": (drawn(编码=["1", "1"]), drawn(编码=["1", "11"])),
    "boundary_twice": (drawn(FIRST, FIRST), drawn(FIRST, affinity.scale(FIRST, 0.9, 0.9))),
    "overlap": (
        drawn(FIRST, affinity.translate(FIRST, 0.002 - 1e-7)),
        drawn(FIRST, affinity.translate(FIRST, 0.002 - 1e-8)),
    ),
    "boundary_nearly_twice": (
        measured(FIELD, flaws.box(0, 0, 100, 99.1)),
        measured(FIELD, flaws.box(0, 0, 100, 98.9)),
    ),
    "gap": (
        measured(FIELD, flaws.box(100.49, 0, 200, 100)),
        measured(FIELD, flaws.box(100.51, 0, 200, 100)),
    ),
    "area_differs": (
        drawn(FIRST, 申报面积=[SQUARE_M2 * 1.012]),
        drawn(FIRST, 申报面积=[SQUARE_M2 * 1.008]),
    ),
    # against the register
    "code_differs": (against(HELD, beside(0, north=99.1)), against(HELD, beside(0, north=98.9))),
    "code_changed": (
        against(HELD, beside(0, north=99.1), same_land=SameLand.RENUMBERED),
        against(HELD, beside(0, north=98.9), same_land=SameLand.RENUMBERED),
    ),
    "parcel_ambiguous": (
        against(flaws.plots(FIELD, FIELD), NO_CODE),
        against(flaws.plots(FIELD, flaws.box(0, 0, 100, 98)), NO_CODE),
    ),
    "recognised_by_boundary": (against(HELD, NO_CODE), against(HELD, beside(0, code="A0"))),
    "parcel_moved": (
        against(HELD, beside(101, code="A0")),
        against(HELD, beside(99, code="A0")),
    ),
    "gap_registered": (against(HELD, beside(100.49)), against(HELD, beside(100.51))),
    "overlap_registered": (against(HELD, beside(99.98)), against(HELD, beside(99.995))),
}


def moved(layer=PLOT, since="preliminary_survey", claim=None, **row) -> list[str]:
    """Codes found in a row that gives a parcel another stage than it has since January."""
    believed = moves.held(moves.known(since, code="A" if since else "B"))
    given = {"code": "A", "stage": "detailed_survey", **moves.UPLOADED, **row}
    told = {"evidence": moves.REPORT} | (claim or {})
    return moves.codes(layer, moves.frame(given), believed, **told)


BARRED = next(
    {"since": stage, "stage": to} for stage, to in moves.PAIRS if to not in PLOT.stage(stage).next
)
FREELY = {"planned_use_class": "public", "stage": "listed"}
WRONG_PAPER = {"evidence": moves.Evidence("aftercare_plan", "1号")}

MOVES: dict[str, tuple[Callable[[], list[str]], Callable[[], list[str]]]] = {
    "move_too_early": (
        lambda: moved(claim={"on": dt.date(2024, 1, 1)}),
        lambda: moved(claim={"on": dt.date(2024, 6, 1)}),
    ),
    "stage_erased": (
        lambda: moved(stage=None, erased="stage"),
        lambda: moved(stage=None, erased="name"),
    ),
    "stage_not_allowed": (lambda: moved(**BARRED), moved),
    "stage_unusual": (
        lambda: moved(moves.CENSUS, "planned", stage="accepted"),
        lambda: moved(moves.CENSUS, "planned", stage=moves.CENSUS.stage("planned").next[0]),
    ),
    "evidence_missing": (lambda: moved(claim={"evidence": None}), moved),
    "evidence_kind_not_fitting": (lambda: moved(claim=WRONG_PAPER), moved),
    "evidence_undated": (lambda: moved(claim=WRONG_PAPER), moved),
    "evidence_without_issuer": (lambda: moved(claim=WRONG_PAPER), moved),
    "evidence_without_reviewer": (lambda: moved(claim=WRONG_PAPER), moved),
    "gate_not_met": (lambda: moved(**dict.fromkeys(moves.UPLOADED)), moved),
    "gate_not_met_on_entry": (
        lambda: moved(moves.SITE, None, **FREELY),
        lambda: moved(moves.SITE, None, **FREELY | {"stage": "delisted"}),
    ),
}
"""What is found in a delivery only against what the register holds."""


def beside_a_list(name: str, content: bytes) -> Callable[[Path], list[str]]:
    """Codes found when a file is sent in a folder with a list that can be read."""

    def found(folder):
        listed()(folder)
        (folder / name).write_bytes(content)
        with containers.opened([folder]) as sent:
            _, unread = deliveries.each(sent, door)
        findings = Findings(PLOT.key, folder.name)
        for one in unread:
            refused_files.report(one, findings)
        return findings.frame()["code"].tolist()

    return found


TOGETHER: dict[str, tuple[Callable[[Path], list[str]], Callable[[Path], list[str]]]] = {
    "file_refused": (
        beside_a_list("空.shp", b""),
        beside_a_list("空.csv", "编码,名称\n".encode()),
    ),
}
"""What is found only of files that are sent together."""


def codes(delivery: Delivery) -> set[str]:
    return set(delivery.findings.frame()["code"])


@pytest.mark.parametrize("code", CODES)
def test_each_finding_has_a_delivery_that_raises_it_and_one_that_does_not(code):
    known = CASES.keys() | MOVES.keys() | TOGETHER.keys() | test_lineage.FOUND.keys()
    known |= test_report_findings.FOUND.keys() | test_rules.FOUND.keys()
    assert code in known | MERGES.keys() | test_laboratory.FOUND.keys()


@pytest.mark.parametrize("code", MERGES)
def test_a_copy_with_the_fault_raises_the_finding_and_one_just_without_does_not(code):
    raises, spares = MERGES[code]

    assert code in raises()
    assert code not in spares()


@pytest.mark.parametrize("code", MOVES)
def test_a_move_with_the_fault_raises_the_finding_and_one_just_without_does_not(code):
    raises, spares = MOVES[code]

    assert code in raises()
    assert code not in spares()


@pytest.mark.parametrize("code", TOGETHER)
def test_files_sent_together_with_the_fault_raise_the_finding_and_others_do_not(tmp_path, code):
    raises, spares = TOGETHER[code]
    for one in (odd := tmp_path / "odd", sound := tmp_path / "sound"):
        one.mkdir()

    assert code in raises(odd)
    assert code not in spares(sound)


@pytest.mark.parametrize("code", CASES)
def test_a_delivery_with_the_fault_raises_the_finding(tmp_path, code):
    raises, _ = CASES[code]

    assert code in codes(raises(tmp_path))


@pytest.mark.parametrize("code", CASES)
def test_a_delivery_just_without_the_fault_does_not(tmp_path, code):
    _, spares = CASES[code]

    assert code not in codes(spares(tmp_path))


@pytest.mark.parametrize("code", CASES)
def test_an_error_keeps_its_row_out_and_nothing_milder_does(tmp_path, code):
    raises, _ = CASES[code]

    delivery = raises(tmp_path)

    found = delivery.findings.frame()
    errors = found[found["severity"] == "error"]
    of_the_file = bool(errors["row"].isna().any())
    expected = ~(delivery.frame["row"].isin(errors["row"].dropna()) | of_the_file)
    assert delivery.frame["ok"].tolist() == expected.tolist()


@pytest.mark.parametrize("share", [0.3, 0.5, 0.75, 0.99])
def test_a_file_that_is_cut_off_never_passes_for_an_empty_or_a_whole_one(tmp_path, share):
    delivery = geobuf(share)(tmp_path)

    assert "file_cut_off" in codes(delivery)
    assert delivery.ready.empty
