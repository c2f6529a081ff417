"""What goes out to a file comes in again as it was, or the loss was told."""

from __future__ import annotations

import datetime as dt
import json

import geopandas as gpd
import numpy as np
import openpyxl
import pandas as pd
import pyarrow.parquet as pq
import pyogrio
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from layers import catalog
from maps.text import words
from parcels import crs, districts
from parcels.errors import FormatNotKnownError, FormatNotOfferedError, OutputNotWritableError
from parcels.exchange import files
from parcels.exchange.account import Style
from parcels.exchange.spoken import Speech, spoken
from parcels.ingest.delivery import ReceiveOptions, receive
from parcels.model import Kind, Shape

SITE = catalog.load()["contaminated_site"]
UNIT = catalog.load()["supervised_unit"]
CITY = districts.bundled()
WHOLE = (".gpkg", ".parquet", ".geojson", ".fgb", ".kml", ".shp")
LISTS = (".csv", ".xlsx")
COMPUTED = ("area_m2", "valid_from")
# Rare characters, quotes, marks of CSV and XML, what a spreadsheet would run; no outer spaces.
TEXT = st.text(st.sampled_from("地块㐀𠀀龘éA0<>&\"',;@#=+-／％—"), min_size=1, max_size=12).filter(
    lambda one: one.strip("—／/-+'#") == one and not one.startswith(("#", "'"))
)


def square(place, *, hole=False, parts=1):
    west, south = 116.2 + 0.004 * (place % 10), 40.0 + 0.004 * (place // 10)
    made = [
        shapely.box(west + 0.0005 * i, south, west + 0.0005 * i + 0.0004, south + 0.00123456789)
        for i in range(parts)
    ]
    if hole:
        made[0] -= shapely.box(west + 1e-4, south + 1e-4, west + 2e-4, south + 2e-4)
    return made[0] if parts == 1 else shapely.multipolygons(made)


def days():
    return st.dates(dt.date(1950, 1, 1), dt.date(2030, 1, 1))


def values(field):
    """What can stand in a field of a layer."""
    if field.choices and field.kind is Kind.CODE:
        return st.sampled_from([one.code for one in field.choices])
    if field.kind is Kind.CODES:
        codes = [one.code for one in field.choices]
        some = st.lists(st.sampled_from(codes), min_size=1, max_size=3, unique=True)
        return some.map(lambda found: ";".join(sorted(found, key=codes.index)))
    return {
        Kind.TEXT: TEXT,
        Kind.BOOLEAN: st.booleans(),
        Kind.DATE: days(),
        Kind.INTEGER: st.integers(1990, 2100),
        Kind.NUMBER: st.floats(0.001, 300, allow_nan=False),
    }[field.kind]


@st.composite
def frames(draw, layer=SITE):
    count = draw(st.integers(1, 4))
    columns = {
        "code": [f"110108{i:07d}" for i in range(count)],
        "name": draw(st.lists(TEXT, min_size=count, max_size=count)),
        "former_name": draw(st.lists(st.none() | TEXT, min_size=count, max_size=count)),
        "address": draw(st.lists(st.none() | TEXT, min_size=count, max_size=count)),
        "district": ["110108"] * count,
        "unit": ["110108"] * count,
        "stage": draw(
            st.lists(
                st.sampled_from([one.key for one in layer.stages if not one.derived]),
                min_size=count,
                max_size=count,
            )
        ),
        "source_document": [None] * count,
        "declared_area_m2": draw(
            st.lists(st.none() | st.floats(1, 1e6), min_size=count, max_size=count)
        ),
        "registered_lon": [np.nan] * count,
        "registered_lat": [np.nan] * count,
    }
    for field in layer.own_fields:
        columns[field.key] = draw(
            st.lists(st.none() | values(field), min_size=count, max_size=count)
        )
    shapes = [
        square(i, hole=draw(st.booleans()), parts=draw(st.integers(1, 3))) for i in range(count)
    ]
    return framed(columns, shapes, layer)


def framed(columns, shapes, layer=SITE):
    """A frame as the register gives it."""
    kinds = {
        Kind.BOOLEAN: "boolean",
        Kind.INTEGER: "Int64",
        Kind.NUMBER: "float64",
        Kind.DATE: "datetime64[s]",
    }
    made = pd.DataFrame(columns, dtype=object)
    for field in layer.fields:
        if field.kind is Kind.DATE:
            made[field.key] = pd.to_datetime(made[field.key])
        made[field.key] = made[field.key].astype(kinds.get(field.kind, "str"))
    made["area_m2"] = crs.area_m2(np.array(shapes, dtype=object))
    made["valid_from"] = pd.Timestamp("2024-06-01")
    return gpd.GeoDataFrame(made, geometry=shapes, crs=crs.STORAGE)


def style(layer=SITE, lang="zh", **more):
    said = words("words", lang)
    speech = Speech(lang, said["yes"], said["no"])
    return Style(
        headings={one.key: one.label.in_(lang) for one in layer.fields},
        speak=lambda frame: spoken(frame, layer, CITY, speech),
        **more,
    )


def back(path, layer=SITE, **options):
    delivery = receive(path, layer, CITY, options=ReceiveOptions(**options))
    found = delivery.findings.frame()
    assert found[found["severity"] == "error"].empty, found[["code", "field", "found"]]
    return delivery.ready.sort_values("code", ignore_index=True)


def plain(column):
    """Values to compare, whatever type a column has."""
    return [
        None
        if pd.isna(one)
        else pd.Timestamp(one).date()
        if isinstance(one, dt.date | np.datetime64)
        else one
        for one in column.astype(object)
    ]


def assert_same(found, meant, *, keys, close=1e-12):
    for key in keys:
        one, other = plain(found[key]), plain(meant[key])
        if pd.api.types.is_float_dtype(meant[key].dtype):
            np.testing.assert_allclose(
                np.array(one, float), np.array(other, float), rtol=close, err_msg=key
            )
        else:
            assert one == other, key


def assert_same_boundaries(found, meant, *, metres=0.0):
    degrees = metres / 85_000
    pairs = zip(found.geometry, meant.geometry, strict=True)
    for one, other in pairs:
        if not metres:
            assert shapely.equals(one, other)
        else:
            assert shapely.hausdorff_distance(one, other) <= degrees * 1.5


@pytest.mark.parametrize("suffix", WHOLE)
@settings(max_examples=5, deadline=None)
@given(frame=frames())
def test_a_file_with_boundaries_comes_in_as_it_went_out(tmp_path_factory, suffix, frame):
    path = tmp_path_factory.mktemp("x") / f"导出{suffix}"

    account = files.write(path, SITE, [frame], style())
    found = back(path)

    assert account.parcels == len(frame)
    assert {one.what for one in account.losses} <= {"field_name"}
    assert_same(found, frame, keys=[one.key for one in SITE.fields])
    # Text holds a degree to 15 or 16 digits; the others hold it whole.
    assert_same_boundaries(found, frame, metres=1e-6 if suffix in {".kml", ".geojson"} else 0)


@pytest.mark.parametrize("lang", ["zh", "en"])
@pytest.mark.parametrize("suffix", LISTS)
@settings(max_examples=5, deadline=None)
@given(frame=frames())
def test_a_list_comes_in_as_it_went_out_but_for_boundaries(tmp_path_factory, suffix, lang, frame):
    path = tmp_path_factory.mktemp("x") / f"导出{suffix}"

    account = files.write(path, SITE, [frame], style(lang=lang))
    found = back(path)

    assert [one.what for one in account.losses] == ["boundary_left_out"]
    assert_same(found, frame, keys=[one.key for one in SITE.fields])
    assert found.geometry.isna().all()


@settings(max_examples=5, deadline=None)
@given(frame=frames())
def test_boundary_points_come_in_with_code_name_area_and_boundary(tmp_path_factory, frame):
    path = tmp_path_factory.mktemp("x") / "导出.txt"
    given_names = frame["name"].str.replace(",", "，").str.replace("@", "＠")

    account = files.write(path, SITE, [frame], style())
    found = back(path, stage="修复")

    lost = {one.what: one.count for one in account.losses}
    areas = frame["declared_area_m2"].fillna(frame["area_m2"])
    assert found["code"].tolist() == frame["code"].tolist()
    assert found["name"].tolist() == given_names.tolist()
    assert np.abs(found["declared_area_m2"] - areas).max() <= 0.5
    assert lost.get("text_changed", 0) == int((given_names != frame["name"]).sum())
    assert lost.get("area_computed", 0) == int(frame["declared_area_m2"].isna().sum())
    assert "field_left_out" in lost
    assert_same_boundaries(found, frame, metres=0.001)


@pytest.mark.parametrize("suffix", [".gpkg", ".parquet", ".fgb", ".geojson", ".shp"])
@pytest.mark.parametrize("epsg", [4527, 4548])
def test_another_crs_brings_the_boundaries_back_to_a_tenth_of_a_millimetre(tmp_path, suffix, epsg):
    frame = sample(3)

    files.write(tmp_path / f"a{suffix}", SITE, [frame], style(epsg=epsg))

    assert_same_boundaries(back(tmp_path / f"a{suffix}"), frame, metres=1e-4)


def sample(count, layer=SITE, shapes=None, **more):
    columns = {one.key: [None] * count for one in layer.fields}
    columns |= {
        "code": [f"110108{i:07d}" for i in range(count)],
        "name": [f"示例{i}" for i in range(count)],
        "stage": [layer.stages[0].key] * count,
        "district": ["110108"] * count,
        "unit": ["110108"] * count,
    }
    return framed(columns | more, shapes or [square(i) for i in range(count)], layer)


@pytest.mark.parametrize("suffix", files.SUFFIXES)
def test_pages_make_one_file(tmp_path, suffix):
    frame = sample(5)
    pages = [frame.iloc[:2], frame.iloc[2:4], frame.iloc[4:]]

    account = files.write(tmp_path / f"a{suffix}", SITE, pages, style())

    assert account.parcels == 5
    assert back(tmp_path / f"a{suffix}", stage="修复")["code"].tolist() == frame["code"].tolist()


@pytest.mark.parametrize("suffix", files.SUFFIXES)
def test_nothing_to_export_is_an_empty_file_with_its_columns(tmp_path, suffix):
    account = files.write(tmp_path / f"a{suffix}", SITE, [sample(3).iloc[:0]], style())

    assert account.parcels == 0
    assert account.losses == [] or suffix == ".shp"
    assert (tmp_path / f"a{suffix}").exists()


@pytest.mark.parametrize("suffix", WHOLE)
def test_parcels_without_a_boundary_and_points_come_back_or_are_told(tmp_path, suffix):
    shapes = [shapely.Point(116.25, 40.01), None, square(2)]
    frame = sample(3, UNIT, shapes)

    account = files.write(tmp_path / f"a{suffix}", UNIT, [frame], style(UNIT))
    found = back(tmp_path / f"a{suffix}", UNIT)
    points = tmp_path / "a_points.shp"
    if suffix == ".shp":
        found = pd.concat([found, back(points, UNIT)]).sort_values("code", ignore_index=True)

    assert points.exists() == (suffix == ".shp")
    if suffix == ".fgb":
        assert (account.parcels, len(found)) == (2, 2)
        assert ("parcel_left_out", 1) in [(one.what, one.count) for one in account.losses]
        return
    assert found["code"].tolist() == frame["code"].tolist()
    assert found.geometry.isna().tolist() == [False, True, False]
    assert shapely.distance(found.geometry[0], shapes[0]) < 1e-12


def test_a_shapefile_tells_what_it_cuts_and_keeps_names_the_door_knows(tmp_path):
    frame = sample(2, address=["长" * 200, "短"])

    account = files.write(tmp_path / "a.shp", SITE, [frame], style())

    names = files.short_names(list(SITE.fields))
    cut = [one for one in account.losses if one.what == "text_cut"]
    assert [(one.field, one.count) for one in cut] == [("address", 1)]
    assert all(len(name) <= 10 for name in names.values())
    for field in SITE.fields:
        known = {field.key, *field.aliases}
        assert names[field.key] in known, field.key
    assert back(tmp_path / "a.shp")["address"].tolist() == ["长" * 84, "短"]


@pytest.mark.parametrize("suffix", [".shp", ".csv", ".txt"])
def test_gbk_holds_what_it_can_and_refuses_what_it_cannot(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    files.write(path, SITE, [sample(1, name=["青禾路"])], style(encoding="GBK"))

    assert back(path, stage="修复")["name"].tolist() == ["青禾路"]
    with pytest.raises(OutputNotWritableError) as refused:
        files.write(path, SITE, [sample(1, name=["𠀀路"])], style(encoding="GBK"))
    assert refused.value.fields == {"file": "𠀀", "reason": "character_lacking"}


def test_nothing_in_a_list_runs_and_control_characters_are_told(tmp_path):
    frame = sample(2, name=["=HYPERLINK(1)", "甲\x01乙"])

    files.write(tmp_path / "a.csv", SITE, [frame], style())
    account = files.write(tmp_path / "a.xlsx", SITE, [frame], style())

    lines = (tmp_path / "a.csv").read_text("utf-8-sig").splitlines()
    sheet = openpyxl.load_workbook(tmp_path / "a.xlsx").active
    cells = [cell for row in sheet for cell in row if cell.value == "=HYPERLINK(1)"]
    assert not any(cell.startswith("=") for line in lines for cell in line.split(","))
    assert [cell.data_type for cell in cells] == ["s"]
    assert ("text_changed", 1) in [(one.what, one.count) for one in account.losses]


def test_geoparquet_says_its_system_and_is_read_by_geopandas(tmp_path):
    files.write(tmp_path / "a.parquet", SITE, [sample(2)], style(epsg=4527))

    geo = json.loads(pq.read_schema(tmp_path / "a.parquet").metadata[b"geo"])
    found = gpd.read_parquet(tmp_path / "a.parquet")
    assert geo["columns"]["geometry"]["encoding"] == "WKB"
    assert found.crs.to_epsg() == 4527
    assert found["code"].tolist() == sample(2)["code"].tolist()


def test_a_geopackage_of_polygons_has_one_kind_of_geometry(tmp_path):
    shapes = [square(0), square(1, parts=2)]

    files.write(tmp_path / "a.gpkg", SITE, [sample(2, shapes=shapes)], style())

    told = pyogrio.read_info(tmp_path / "a.gpkg")
    assert told["geometry_type"] == "MultiPolygon"
    assert pyogrio.list_layers(tmp_path / "a.gpkg")[0][0] == SITE.key
    assert SITE.shape is Shape.POLYGON


@pytest.mark.parametrize(
    ("name", "epsg", "error"),
    [
        ("a.dwg", None, FormatNotKnownError),
        ("a.kml", 4527, FormatNotOfferedError),
        ("a.csv", 4527, FormatNotOfferedError),
        ("a.txt", 4548, FormatNotOfferedError),
        ("a.gpkg", 1, FormatNotOfferedError),
    ],
)
def test_what_a_format_cannot_do_is_refused(tmp_path, name, epsg, error):
    with pytest.raises(error):
        files.write(tmp_path / name, SITE, [sample(1)], style(epsg=epsg))
