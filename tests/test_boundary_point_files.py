"""Boundary-point TXT in every way it is written, and what is said of its damaged lines."""

from __future__ import annotations

import numpy as np
import pytest
import shapely

from layers import catalog
from maps import cli
from maps.answers import Exit
from parcels import districts
from parcels.errors import CrsNotKnownError
from parcels.findings import Findings
from parcels.ingest.delivery import ReceiveOptions, receive
from parcels.ingest.reading import read

PLOT = catalog.load()["priority_plot"]
CITY = districts.bundled()

HEAD = {
    "格式版本号": "1.01",
    "数据产生单位": "示例测绘队",
    "数据产生日期": "2024-06-15",
    "坐标系": "2000国家大地坐标系",
    "几度分带": "3",
    "投影类型": "高斯克吕格",
    "计量单位": "米",
    "带号": "39",
    "精度": "0.001",
    "转换参数": ",,,,,,",
}
NORTH, EAST = 4_419_400, 39_448_400
# A square hectare of 100 m, a hole of 20 m in it, and a second part 200 m to the east.
OUTER = [(0, 0), (0, 100), (100, 100), (100, 0)]
HOLE = [(40, 40), (40, 60), (60, 60), (60, 40)]
PART = [(0, 200), (0, 250), (50, 250), (50, 200)]
CODE = "1101010320001"


def head(**changed):
    told = {**HEAD, **changed}
    lines = [f"{key}={said}" for key, said in told.items() if said is not None]
    return ["[属性描述]", *lines]


def points(*rings, closed=True, name="J{}", east=EAST, numbers=None, line="{},{},{},{}"):
    """Point lines of rings given as steps north and east from the corner of the plot."""
    lines, count = [], 0
    for place, ring in enumerate(rings):
        number = place + 1 if numbers is None else numbers[place]
        whole = [*ring, ring[0]] if closed else ring
        for step, (north, right) in enumerate(whole):
            named = count + step % len(ring) + 1
            at = (f"{NORTH + north:.3f}", f"{east + right:.3f}")
            lines.append(line.format(name.format(named), number, *at))
        count += len(ring)
    return lines


def header(count, *, area="1.0000", code=CODE, more=",,,"):
    return f"{count},{area},{code},示例一号地块,面,{more}@"


def file(tmp_path, *parts, encoding="utf-8", end="\n"):
    path = tmp_path / "报盘.txt"
    lines = [line for part in parts for line in ([part] if isinstance(part, str) else part)]
    path.write_bytes(end.join(lines).encode(encoding))
    return path


def door(path, **options):
    return receive(path, PLOT, CITY, options=ReceiveOptions(stage="优先监管", **options))


def found(delivery, code):
    whole = delivery.findings.frame()
    return whole[whole["code"] == code]


def errors(delivery):
    whole = delivery.findings.frame()
    return sorted(set(whole.loc[whole["severity"] == "error", "code"]))


def read_alone(path):
    findings = Findings("priority_plot", path.name)
    return read(path, findings=findings), findings.frame()


SQUARE = [head(), "[地块坐标]", header(5), points(OUTER)]

VARIANTS = {
    "as the format says": SQUARE,
    "a section before it": [["[扩展信息]", "项目名称=示例"], *SQUARE],
    "a leading blank": [[" [属性描述]", *head()[1:]], *SQUARE[1:]],
    "blank lines everywhere": [line for part in SQUARE for line in ("", part, "")],
    "keys are missing": [
        head(格式版本号=None, 数据产生单位=None, 转换参数=None, 精度="3"),
        *SQUARE[1:],
    ],
    "parameters are zeros": [head(转换参数="0,0,0,0,0,0,0"), *SQUARE[1:]],
    "no attributes at all": SQUARE[1:],
    "a header of nine fields": [*SQUARE[:2], header(5, more="I50,工业,0601,"), points(OUTER)],
    "a header of twelve fields": [
        *SQUARE[:2],
        header(5, more="I50,工业,0601,甲,乙,丙,丁"),
        points(OUTER),
    ],
    "a header that ends at @ without a comma": [
        *SQUARE[:2],
        f"5,1.0,{CODE},示例一号地块,面,,,@",
        points(OUTER),
    ],
    "a header that lost its @": [
        *SQUARE[:2],
        header(5).removesuffix("@"),
        points(OUTER),
    ],
    "an area with its unit": [*SQUARE[:2], header(5, area="1.0000公顷"), points(OUTER)],
    "points without J": [*SQUARE[:3], points(OUTER, name="{}")],
    "points without names": [*SQUARE[:3], points(OUTER, name="")],
    "an open ring": [*SQUARE[:2], header(4), points(OUTER, closed=False)],
    "an open ring counted as closed": [*SQUARE[:3], points(OUTER, closed=False)],
    "a closed ring counted as open": [*SQUARE[:2], header(4), points(OUTER)],
    "spaces and a comma at the end": [*SQUARE[:3], points(OUTER, line=" {}, {} , {} ,{}, ")],
    "six-digit eastings and a zone": [*SQUARE[:3], points(OUTER, east=EAST - 39_000_000)],
    "the zone written out": [
        head(带号="39带", 几度分带="三度带"),
        *SQUARE[1:3],
        points(OUTER, east=EAST - 39_000_000),
    ],
    "X twice in the closing point": [
        *SQUARE[:3],
        points(OUTER, closed=False),
        f"J1,1,{NORTH:.3f},{NORTH:.3f}",
    ],
    "brackets of full width": [
        ["【属性描述】", *head()[1:]],
        "［地块坐标］",
        *SQUARE[2:],
    ],
    "commas of full width in points": [*SQUARE[:3], points(OUTER, line="{}，{}，{}，{}")],
    "digits of full width in points": [
        *SQUARE[:3],
        [line.replace("J", "Ｊ").replace("4", "４") for line in points(OUTER)],
    ],
    "a header of full width": [
        *SQUARE[:2],
        header(5).replace(",", "，").replace("@", "＠"),
        points(OUTER),
    ],
    "colons for equals signs": [
        [line.replace("=", "：") for line in head()],
        *SQUARE[1:3],
        points(OUTER, east=EAST - 39_000_000),
    ],
    "saved again by a spreadsheet": [
        ["[属性描述],,,", *head()[1:]],
        "[地块坐标],,,",
        *SQUARE[2:],
    ],
}


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_same_parcel_comes_in_from_every_variant(tmp_path, variant):
    delivery = door(file(tmp_path, *VARIANTS[variant]))

    row = delivery.frame.iloc[0]
    assert errors(delivery) == []
    assert len(delivery.ready) == 1
    assert (row["code"], row["name"]) == (CODE, "示例一号地块")
    assert row["area_m2"] == pytest.approx(10_000, rel=1e-3)
    assert row["declared_area_m2"] == 10_000
    assert found(delivery, "area_differs").empty
    assert found(delivery, "point_count_differs").empty


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("encoding", ["gb18030", "utf-8", "utf-8-sig", "utf-16"])
def test_the_same_parcel_comes_in_in_every_encoding(tmp_path, encoding, end):
    delivery = door(file(tmp_path, *SQUARE, encoding=encoding, end=end))

    assert errors(delivery) == []
    assert delivery.frame["name"].tolist() == ["示例一号地块"]
    guessed = encoding == "gb18030"
    assert (len(found(delivery, "encoding_guessed")) == 1) == guessed


def test_signs_of_full_width_are_told_once_with_the_first_line(tmp_path):
    delivery = door(file(tmp_path, *VARIANTS["commas of full width in points"]))

    whole = found(delivery, "value_harmonised")
    (told,) = whole[whole["field"] == "boundary"].itertuples()
    assert '"count": 5' in told.details
    assert told.found.startswith("J1，1，")


def test_a_name_keeps_its_signs_of_full_width_and_its_at_sign(tmp_path):
    line = f"5,1.0000,{CODE},示例，甲@乙（一）,面,,,,@"

    delivery = door(file(tmp_path, *SQUARE[:2], line, points(OUTER)))

    assert delivery.frame["name"].tolist() == ["示例，甲@乙（一）"]


@pytest.mark.parametrize("closed", [True, False])
@pytest.mark.parametrize(
    ("rings", "numbers", "bounded"),
    [
        ([OUTER, HOLE], None, (9_600, 1, 1)),
        ([OUTER, PART], None, (12_500, 2, 0)),
        ([OUTER, HOLE, PART], None, (12_100, 2, 1)),
        ([HOLE, OUTER], None, (9_600, 1, 1)),
        ([OUTER, HOLE], [2, 7], (9_600, 1, 1)),
        ([OUTER[::-1], HOLE], None, (9_600, 1, 1)),
    ],
)
def test_rings_are_holes_or_parts_by_where_they_lie(tmp_path, rings, numbers, bounded, closed):
    lines = points(*rings, numbers=numbers, closed=closed)

    delivery = door(file(tmp_path, *SQUARE[:2], header(len(lines)), lines))

    (shape,) = delivery.frame.geometry
    area_m2, parts, holes = bounded
    assert errors(delivery) == []
    assert delivery.frame["area_m2"].tolist() == [pytest.approx(area_m2, rel=1e-3)]
    assert shapely.get_num_geometries(shape) == parts
    assert sum(shapely.get_num_interior_rings(shapely.get_parts(shape))) == holes


@pytest.mark.parametrize(
    ("rings", "area_m2"), [([OUTER, HOLE], 9_600), ([OUTER, PART, HOLE], 12_100)]
)
def test_rings_that_all_have_number_one_are_told_apart_where_they_close(tmp_path, rings, area_m2):
    lines = points(*rings, numbers=[1] * len(rings))

    delivery = door(file(tmp_path, *SQUARE[:2], header(len(lines)), lines))

    assert errors(delivery) == []
    assert delivery.frame["area_m2"].tolist() == [pytest.approx(area_m2, rel=1e-3)]


def test_a_point_written_twice_at_the_end_makes_no_further_ring(tmp_path):
    lines = points(OUTER)

    delivery = door(file(tmp_path, *SQUARE[:2], header(6), lines, lines[-1]))

    assert delivery.frame["area_m2"].tolist() == [pytest.approx(10_000, rel=1e-3)]


def test_several_sections_each_have_their_zone(tmp_path):
    # The same land in zone 39 and, in the second section, in zone 38 without its number.
    west = (NORTH, 500_000 + 191_000)
    second = [
        head(带号="38"),
        "[地块坐标]",
        header(5, code="1101080320002"),
        [
            f"J{i},1,{west[0] + n},{west[1] + e}"
            for i, (n, e) in enumerate([*OUTER, OUTER[0]], start=1)
        ],
    ]

    arrived, _ = read_alone(file(tmp_path, *SQUARE, *second))

    east = shapely.bounds(arrived.frame.geometry.to_numpy())[:, 0]
    assert len(arrived.frame) == 2
    assert (east // 1_000_000).tolist() == [39, 38]


@pytest.mark.parametrize(
    ("system", "degrees", "zone", "zoned", "epsg"),
    [
        ("2000国家大地坐标系", "3", 39, True, 4527),
        ("2000国家大地坐标系", "3", 39, False, 4548),
        ("CGCS2000", "6", 20, True, 4498),
        ("80国家大地坐标系", "3", 39, True, None),
        ("1980西安坐标系", "3", 39, True, 2363),
        ("西安80", "3", 39, False, 2384),
        ("1954北京坐标系", "3", 39, True, 2415),
        ("北京54", "6", 20, False, 21460),
    ],
)
def test_the_system_is_told_by_words_zone_and_width(tmp_path, system, degrees, zone, zoned, epsg):
    east = 448_400 + (zone * 1_000_000 if zoned else 0)
    told = head(坐标系=system, 几度分带=degrees, 带号=str(zone))

    arrived, _ = read_alone(file(tmp_path, told, *SQUARE[1:3], points(OUTER, east=east)))

    assert (None if arrived.crs is None else arrived.crs.to_epsg()) == epsg
    assert (arrived.crs_words == system) == (epsg is None)


@pytest.mark.parametrize("system", ["1980西安坐标系", "1954北京坐标系", "某某坐标系"])
def test_another_datum_is_never_taken_in_silence(tmp_path, system):
    delivery = door(file(tmp_path, head(坐标系=system), *SQUARE[1:]))

    assert errors(delivery) == ["crs_doubtful"]
    assert len(delivery.ready) == 0


def test_a_system_of_the_city_is_refused(tmp_path):
    with pytest.raises(CrsNotKnownError):
        door(file(tmp_path, head(坐标系="北京地方坐标系"), *SQUARE[1:]))


def test_swapped_columns_are_doubted_and_read_once_that_is_said(tmp_path):
    path = file(tmp_path, *SQUARE[:3], points(OUTER, line="{0},{1},{3},{2}"))

    assert "crs_doubtful" in errors(door(path))
    assert errors(door(path, swapped=True)) == []


def test_six_digits_without_a_zone_are_not_guessed(tmp_path):
    told = head(带号=None, 几度分带=None)

    delivery = door(file(tmp_path, told, *SQUARE[1:3], points(OUTER, east=448_400)))

    assert errors(delivery) == ["crs_missing"]


SECOND = [header(5, code="1101010320002"), points([(n, e + 300) for n, e in OUTER])]


@pytest.mark.parametrize(
    ("spoiled", "code", "line"),
    [
        ("J3,1,4419500.000", "line_not_understood", 16),
        ("J3,1,四四一九,39448500.000", "line_not_understood", 16),
        ("\x00\x00\x00", "line_not_understood", 16),
        ("J3;1;4419500.000;39448500.000", "line_not_understood", 16),
    ],
)
def test_a_damaged_point_is_told_with_its_line_and_keeps_its_parcel_out(
    tmp_path, spoiled, code, line
):
    lines = points(OUTER)
    lines[2] = spoiled

    delivery = door(file(tmp_path, *SQUARE[:3], lines, *SECOND))

    (told,) = found(delivery, code).itertuples()
    assert told.row == 13
    assert f'"line": {line}' in told.details
    assert delivery.ready["code"].tolist() == ["1101010320002"]


def test_a_lost_header_is_told_and_its_points_go_to_no_parcel(tmp_path):
    path = file(tmp_path, *SQUARE[:2], points(OUTER), *SECOND)

    delivery = door(path)

    (told,) = found(delivery, "lines_without_parcel").itertuples()
    assert told.row == 13
    assert '"last": 17' in told.details
    assert delivery.ready["code"].tolist() == ["1101010320002"]
    assert delivery.lost == {13}


def test_a_damaged_header_between_parcels_is_told_with_its_line(tmp_path):
    delivery = door(file(tmp_path, *SQUARE, "5,1.0", SECOND[1]))

    (told,) = found(delivery, "line_not_understood").itertuples()
    assert '"line": 19' in told.details
    assert len(delivery.ready) == 0


@pytest.mark.parametrize("mark", ["[地块座标]", "地块坐标", None])
def test_parcels_under_a_mark_that_is_not_known_are_told(tmp_path, mark):
    delivery = door(file(tmp_path, head(), [mark] if mark else [], *SQUARE[2:], *SECOND))

    told = found(delivery, "lines_without_parcel")
    assert len(delivery.frame) == 0
    assert len(told) == 1


def test_a_file_with_lost_lines_is_not_taken_and_its_rejects_hold_them(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    path = file(tmp_path, *SQUARE[:2], points(OUTER), *SECOND)
    asked = ["--lang", "zh", "import", path.name, "--layer", "priority_plot"]
    asked += ["--stage", "优先监管"]

    whole = cli.run(asked)
    said = capsys.readouterr().out
    valid = cli.run([*asked, "--accept-valid"])

    assert whole == valid == Exit.DELIVERY_NOT_ACCEPTED
    assert "第 13 至 17 行" in said
    left = (tmp_path / "报盘.rejects.txt").read_text("utf-8")
    assert points(OUTER)[2] in left
    assert "1101010320002" not in left


@pytest.mark.parametrize("count", [1, 2, 3, 9])
def test_a_count_that_agrees_in_no_way_is_said(tmp_path, count):
    agrees = count in {4, 5}

    delivery = door(file(tmp_path, *SQUARE[:2], header(count), points(OUTER)))

    assert found(delivery, "point_count_differs").empty == agrees


def test_points_and_lines_are_read_as_such(tmp_path):
    one = header(1).replace("面", "点")
    two = header(2, code="1101010320003").replace("面", "线")
    path = file(tmp_path, *SQUARE[:2], one, points(OUTER)[:1], two, points(OUTER)[:2])

    arrived, _ = read_alone(path)

    assert arrived.frame.geometry.geom_type.tolist() == ["Point", "LineString"]


def test_every_header_is_a_row_and_every_row_is_stored_or_kept_out(tmp_path):
    bad = header(2, code="1101010320009")
    path = file(tmp_path, *SQUARE, *SECOND, bad, points(OUTER)[:2], header(0, code="X"))

    delivery = door(path)

    headers = sum(line.endswith("@") for line in path.read_text("utf-8").splitlines())
    out = int((~delivery.frame["ok"]).sum())
    assert len(delivery.ready) + out == len(delivery.frame) == headers == 4
    assert np.isin(delivery.frame["row"], delivery.arrived.frame.index).all()
