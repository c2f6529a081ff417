"""What is written comes back as it was, or the loss is told."""

from __future__ import annotations

import datetime as dt
import zipfile

import geopandas as gpd
import numpy as np
import openpyxl
import pandas as pd
import pyogrio
import pyproj
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from layers.samples import sites
from parcels import crs
from parcels.errors import FormatNotKnownError, OutputNotWritableError
from parcels.exchange import boundary_points, lists, ogr, shapefile
from parcels.exchange.losses import Loss

DAY = dt.date(2024, 8, 30)
NOON = dt.datetime(2024, 8, 30, 4, tzinfo=dt.UTC)
# A square of 0.01 degrees with a square hole, and a second part.
ODD = shapely.multipolygons(
    [
        shapely.box(116.4, 39.9, 116.41, 39.91) - shapely.box(116.404, 39.904, 116.406, 39.906),
        shapely.box(116.42, 39.9, 116.43, 39.91),
    ]
)


def parcels(count=12, seed=3):
    made = sites.sites(count - 1, seed=seed)
    shapes = [*made.to_numpy(), ODD]
    return gpd.GeoDataFrame(
        {
            "code": [f"110105{i:07d}" for i in range(count)],
            "name": [f"示例青禾路{i}号" if i % 3 else None for i in range(count)],
            "closed_on": [DAY - dt.timedelta(i) if i % 2 else None for i in range(count)],
            "declared_area_m2": np.linspace(1000, 5000, count),
            "tanks": pd.array([i if i % 2 else None for i in range(count)], "Int64"),
        },
        geometry=shapes,
        crs=crs.STORAGE,
    )


def days(column):
    return [None if pd.isna(d) else pd.Timestamp(d).date() for d in column]


@pytest.mark.parametrize("suffix", [".gpkg", ".geojson", ".fgb"])
def test_a_frame_comes_back_from_formats_with_types(tmp_path, suffix):
    frame = parcels()

    ogr.write(tmp_path / f"示例{suffix}", frame)

    back = pyogrio.read_dataframe(tmp_path / f"示例{suffix}").sort_values(
        "code", ignore_index=True
    )
    assert back.crs.to_epsg() == crs.STORAGE
    assert list(back.columns) == list(frame.columns)
    assert back["code"].tolist() == frame["code"].tolist()
    assert back["name"].fillna("-").tolist() == frame["name"].fillna("-").tolist()
    assert days(back["closed_on"]) == days(frame["closed_on"])
    assert back["tanks"].fillna(-1).tolist() == frame["tanks"].fillna(-1).tolist()
    assert back["declared_area_m2"].tolist() == frame["declared_area_m2"].tolist()
    assert shapely.equals_exact(back.geometry.to_numpy(), frame.geometry.to_numpy()).all()


def test_a_frame_comes_back_from_kml_with_texts_and_boundaries(tmp_path):
    frame = parcels()

    ogr.write(tmp_path / "示例.kml", frame)

    back = pyogrio.read_dataframe(tmp_path / "示例.kml")
    assert back["code"].tolist() == frame["code"].tolist()
    assert back["Name"].fillna("-").tolist() == frame["name"].fillna("-").tolist()
    same = shapely.equals(shapely.force_2d(back.geometry.to_numpy()), frame.geometry.to_numpy())
    assert same.all()


@pytest.mark.parametrize("suffix", ogr.SUFFIXES)
def test_the_same_frame_and_instant_give_the_same_bytes(tmp_path, suffix):
    first, second = tmp_path / f"a{suffix}", tmp_path / "b" / f"a{suffix}"
    second.parent.mkdir()

    for path in (first, second):
        ogr.write(path, parcels(), made_at=NOON)

    assert first.read_bytes() == second.read_bytes()


def test_the_date_asked_for_does_not_stay_for_the_next_file(tmp_path):
    ogr.write(tmp_path / "a.gpkg", parcels(), made_at=NOON)
    ogr.write(tmp_path / "b.gpkg", parcels())

    assert (tmp_path / "a.gpkg").read_bytes() != (tmp_path / "b.gpkg").read_bytes()


def test_an_ending_without_a_writer_is_refused(tmp_path):
    with pytest.raises(FormatNotKnownError):
        ogr.write(tmp_path / "a.dwg", parcels())


@pytest.mark.parametrize(
    "write",
    [
        lambda path: ogr.write(path.with_suffix(".gpkg"), parcels()),
        lambda path: shapefile.write(path.with_suffix(".shp"), parcels()),
        lambda path: boundary_points.write(path.with_suffix(".txt"), parcels()),
        lambda path: lists.write_csv(path, pd.DataFrame({"a": [1]})),
        lambda path: lists.write_xlsx(path, pd.DataFrame({"a": [1]}), title="t", made_at=NOON),
    ],
)
def test_a_folder_that_is_not_there_is_refused(tmp_path, write):
    with pytest.raises(OutputNotWritableError):
        write(tmp_path / "nowhere" / "a")


@pytest.mark.parametrize(
    ("encoding", "declared"),
    [
        ("UTF-8", shapefile.Declared.CPG),
        ("UTF-8", shapefile.Declared.NOT_AT_ALL),
        ("GBK", shapefile.Declared.CPG),
        ("GBK", shapefile.Declared.LANGUAGE_BYTE),
        ("GBK", shapefile.Declared.NOT_AT_ALL),
    ],
)
def test_a_shapefile_comes_back_in_either_encoding(tmp_path, encoding, declared):
    frame = parcels().rename(columns={"name": "名称"})
    style = shapefile.Style(encoding=encoding, declared=declared, epsg=crs.GK_ZONE_39)

    losses = shapefile.write(tmp_path / "示例.shp", frame, style=style)

    back = pyogrio.read_dataframe(tmp_path / "示例.shp", encoding=encoding)
    assert losses == (Loss("field_name", "declared_area_m2", "declared_a"),)
    assert back.crs.to_epsg() == crs.GK_ZONE_39
    assert back["名称"].fillna("-").tolist() == frame["名称"].fillna("-").tolist()
    assert days(back["closed_on"]) == days(frame["closed_on"])
    moved = back.geometry.to_crs(crs.STORAGE).to_numpy()
    assert shapely.hausdorff_distance(moved, frame.geometry.to_numpy()).max() < 1e-9
    assert (tmp_path / "示例.cpg").exists() == (declared is shapefile.Declared.CPG)
    language = (tmp_path / "示例.dbf").read_bytes()[29]
    assert (language == 0) == (declared is not shapefile.Declared.LANGUAGE_BYTE)


def test_the_language_byte_cannot_say_utf_8():
    with pytest.raises(ValueError, match="UTF-8"):
        shapefile.Style(encoding="UTF-8", declared=shapefile.Declared.LANGUAGE_BYTE)


def test_names_are_cut_at_whole_characters_and_stay_different(tmp_path):
    frame = parcels(3).rename(columns={"name": "地块生产单位名称", "code": "地块生产单位编号"})

    losses = shapefile.write(tmp_path / "a.shp", frame, style=shapefile.Style(encoding="GBK"))

    assert [(loss.field, loss.became) for loss in losses] == [
        ("地块生产单位编号", "地块生产单"),
        ("地块生产单位名称", "地块生产_1"),
        ("declared_area_m2", "declared_a"),
    ]


@given(
    names=st.lists(
        st.text(st.sampled_from("地块名称abAB_19㐀"), min_size=1, max_size=14),
        min_size=1,
        max_size=30,
        unique=True,
    ),
    encoding=st.sampled_from(["utf-8", "gb18030"]),
)
def test_every_list_of_names_fits_and_stays_distinct(names, encoding):
    short = shapefile.field_names(names, encoding)

    assert all(0 < len(name.encode(encoding)) <= 10 for name in short)
    assert len({name.upper() for name in short}) == len(names)


def test_a_text_too_long_is_cut_and_told(tmp_path):
    frame = parcels(3)
    frame["note"] = ["长" * 127, "长" * 128, "short"]

    losses = shapefile.write(tmp_path / "a.shp", frame, style=shapefile.Style(encoding="GBK"))

    back = pyogrio.read_dataframe(tmp_path / "a.shp")
    assert Loss("text_cut", "note", "note", 1) in losses
    assert back["note"].tolist() == ["长" * 127, "长" * 127, "short"]


def test_the_same_shapefile_has_the_same_bytes(tmp_path):
    for name in "ab":
        (tmp_path / name).mkdir()
        shapefile.write(tmp_path / name / "x.shp", parcels())

    for suffix in (".shp", ".shx", ".dbf", ".prj", ".cpg"):
        one, other = (tmp_path / name / f"x{suffix}" for name in "ab")
        assert one.read_bytes() == other.read_bytes()


def read_points(path, style):
    """A plain reader of the format, by the grammar: {code: (area, rings)}."""
    head, body = path.read_bytes().decode(style.encoding).split("[地块坐标]")
    found = {}
    for line in body.split():
        cells = line.split(",")
        if cells[-1] == "@":
            rings = found.setdefault(cells[2], (cells, {}))[1]
        else:
            name, ring, north, east = cells
            rings.setdefault(int(ring), []).append((name, float(north), float(east)))
    return dict(pair.split("=") for pair in head.split() if "=" in pair), found


@pytest.mark.parametrize(
    "style",
    [
        boundary_points.Style(),
        boundary_points.Style(zone=38),
        boundary_points.Style(zoned=False, closed=False, encoding="gbk", newline="\n"),
    ],
)
def test_boundary_points_come_back(tmp_path, style):
    frame = parcels()

    boundary_points.write(tmp_path / "a.txt", frame, sender="示例", made_on=DAY, style=style)

    head, found = read_points(tmp_path / "a.txt", style)
    assert head["带号"] == str(style.zone)
    assert head["数据产生日期"] == "2024-08-30"
    to_degrees = pyproj.Transformer.from_crs(4488 + style.zone, crs.STORAGE, always_xy=True)
    for code, boundary in zip(frame["code"], frame.geometry, strict=True):
        header, rings = found[code]
        faces = []
        for points in rings.values():
            names = [name for name, _, _ in points]
            assert (names[0] == names[-1]) == style.closed
            east = np.array([e for _, _, e in points])
            east += 0 if style.zoned else style.zone * 1_000_000
            lon, lat = to_degrees.transform(east, [n for _, n, _ in points])
            faces.append(shapely.Polygon(np.column_stack([lon, lat])))
        # Holes lie inside their part and parts apart, so that the even-odd rule rebuilds them.
        whole = faces[0]
        for face in faces[1:]:
            whole = whole.symmetric_difference(face)
        assert int(header[0]) == sum(map(len, rings.values()))
        assert whole.symmetric_difference(boundary).area < 1e-9 * len(faces)
        assert shapely.hausdorff_distance(whole, boundary) < 2e-8


def test_points_and_parcels_without_boundary_have_their_lines(tmp_path):
    frame = parcels(3)
    frame["geometry"] = [shapely.Point(116.4, 39.9), None, shapely.Polygon()]
    frame["declared_area_m2"] = [np.nan, 1234.5, np.nan]
    frame["area_m2"] = [np.nan, np.nan, 500.0]

    boundary_points.write(tmp_path / "a.txt", frame)

    lines = (tmp_path / "a.txt").read_text("utf-8").splitlines()[12:]
    assert [line.split(",")[:2] for line in lines if line.endswith("@")] == [
        ["1", ""],
        ["0", "0.1235"],
        ["0", "0.0500"],
    ]
    assert lines[0].split(",")[4] == "点"


def test_names_with_marks_of_the_format_are_changed_and_told(tmp_path):
    frame = parcels(3)
    frame["name"] = ["甲,乙@丙", "丁\r\n戊", "己"]

    losses = boundary_points.write(tmp_path / "a.txt", frame)

    text = (tmp_path / "a.txt").read_bytes().decode()
    assert losses == (Loss("text_changed", "name", "name", 2),)
    assert "甲，乙＠丙" in text
    assert "丁 戊" in text


def test_a_character_the_encoding_lacks_is_refused_not_lost(tmp_path):
    frame = parcels(3).assign(name="𠀀")

    with pytest.raises(OutputNotWritableError):
        boundary_points.write(
            tmp_path / "a.txt", frame, style=boundary_points.Style(encoding="gbk")
        )


@settings(max_examples=40, deadline=None)
@given(
    texts=st.lists(
        st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=12),
        min_size=1,
        max_size=8,
    )
)
def test_a_list_comes_back_from_xlsx_as_text(tmp_path_factory, texts):
    path = tmp_path_factory.mktemp("x") / "a.xlsx"
    table = pd.DataFrame({"编码": texts, "面积（亩）": range(len(texts))})

    lists.write_xlsx(path, table, title="示例/清单", notes="单位：亩", made_at=NOON)

    rows = list(openpyxl.load_workbook(path).active.iter_rows(values_only=True))
    assert rows[0][0] == "示例/清单"
    assert rows[1][0] == "单位：亩"
    assert rows[2] == ("编码", "面积（亩）")
    assert [row[0] or "" for row in rows[3:]] == texts
    assert [row[1] for row in rows[3:]] == list(range(len(texts)))


def test_nothing_in_a_list_runs_as_a_formula(tmp_path):
    table = pd.DataFrame({"=1+1": ["=HYPERLINK(1)", "-5", "@x"]})

    lists.write_xlsx(tmp_path / "a.xlsx", table, title="=2", made_at=NOON)
    lists.write_csv(tmp_path / "a.csv", table)

    cells = [c for row in openpyxl.load_workbook(tmp_path / "a.xlsx").active for c in row]
    text = (tmp_path / "a.csv").read_text("utf-8-sig")
    assert all(cell.data_type in {"s", "n"} for cell in cells)
    assert [c.value for c in cells] == ["=2", "=1+1", "=HYPERLINK(1)", "-5", "@x"]
    assert "\n=" not in f"\n{text}"
    assert "\n@" not in text
    assert "\n-5" in text


def test_the_same_list_has_the_same_bytes(tmp_path):
    for name in "ab":
        lists.write_xlsx(
            tmp_path / f"{name}.xlsx", pd.DataFrame({"a": [1]}), title="示例", made_at=NOON
        )

    assert (tmp_path / "a.xlsx").read_bytes() == (tmp_path / "b.xlsx").read_bytes()
    with zipfile.ZipFile(tmp_path / "a.xlsx") as book:
        assert {info.date_time for info in book.infolist()} == {(2024, 8, 30, 4, 0, 0)}


def test_a_csv_in_gbk_keeps_leading_zeros_and_empty_cells(tmp_path):
    table = pd.DataFrame({"编码": ["0012", None], "日期": [DAY, None]})

    lists.write_csv(tmp_path / "a.csv", table, encoding="gbk")

    assert (tmp_path / "a.csv").read_bytes().decode(
        "gbk"
    ) == "编码,日期\r\n0012,2024-08-30\r\n,\r\n"
