"""The door on files as districts send them, and on files nobody can make sense of."""

from __future__ import annotations

import contextlib

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import pytest
import shapely
from hypothesis import example, given, settings
from hypothesis import strategies as st

from layers import catalog
from parcels import districts, offsets
from parcels.errors import Refusal
from parcels.ingest.delivery import ReceiveOptions, receive

LAYERS = catalog.load()
PLOT = LAYERS["priority_plot"]
CITY = districts.bundled()

TXT = """[属性描述]
格式版本号=1.01
数据产生日期=2024-06-15
坐标系=2000国家大地坐标系
几度分带=3
投影类型=高斯克吕格
计量单位=米
带号=39
精度=0.001
转换参数=,,,,,,
[地块坐标]
{count},1.0000,1101010320001,示例一号地块,面,,,,@
{points}
"""
CORNERS = [(4419488, 448438), (4419488, 448538), (4419388, 448538), (4419388, 448438)]


def boundary_points(*, prefix="39", closed=True, swapped=False, count=None):
    """A boundary-point TXT of one hectare near Tiananmen."""
    corners = [*CORNERS, CORNERS[0]] if closed else CORNERS
    lines = []
    for number, (north, east) in enumerate(corners, 1):
        place = (f"{north}.000", f"{prefix}{east}.000")
        first, second = reversed(place) if swapped else place
        lines.append(f"J{number},1,{first},{second}")
    return TXT.format(count=count or len(corners), points="\n".join(lines))


def door(path, layer=PLOT, **options):
    return receive(path, layer, CITY, options=ReceiveOptions(**options))


def codes(delivery):
    return set(delivery.findings.frame()["code"])


def errors(delivery):
    found = delivery.findings.frame()
    return set(found.loc[found["severity"] == "error", "code"])


@pytest.mark.parametrize("encoding", ["gb18030", "utf-8", "utf-8-sig"])
@pytest.mark.parametrize(
    "variant",
    [{}, {"closed": False}, {"prefix": ""}],
    ids=["usual", "open ring", "no zone prefix"],
)
def test_boundary_points_come_in_whatever_their_variant(tmp_path, encoding, variant):
    path = tmp_path / "报盘.txt"
    path.write_text(boundary_points(**variant), encoding)

    delivery = door(path, stage="优先监管")

    row = delivery.frame.iloc[0]
    assert row["code"] == "1101010320001"
    assert row["area_m2"] == pytest.approx(10_000, rel=1e-3)
    assert errors(delivery) == set()
    assert row["district"] == "110101"


def test_swapped_coordinates_are_doubted_and_come_in_once_that_is_said(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text(boundary_points(swapped=True), "utf-8")

    doubted = door(path, stage="优先监管")
    said = door(path, stage="优先监管", swapped=True)

    assert "crs_doubtful" in errors(doubted)
    assert len(doubted.ready) == 0
    assert errors(said) == set()
    assert said.frame["area_m2"].iloc[0] == pytest.approx(10_000, rel=1e-3)


def test_a_count_of_points_that_differs_is_said(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text(boundary_points(count=9), "utf-8")

    assert "point_count_differs" in codes(door(path, stage="优先监管"))


def frame(**columns):
    """Two plots in Haidian."""
    given = {"编码": ["A1", "A2"], "名称": ["示例甲", "示例乙"], "环节": "优先监管", **columns}
    shapes = [shapely.box(116.2 + i, 40, 116.202 + i, 40.002) for i in (0, 0.003)]
    return gpd.GeoDataFrame(given, geometry=shapes, crs=4490)


def test_a_gbk_shapefile_without_cpg_is_read_and_the_guess_is_said(tmp_path):
    path = tmp_path / "海淀区_地块.shp"
    frame().to_file(path, encoding="GBK")
    path.with_suffix(".cpg").unlink()

    delivery = door(path)

    assert delivery.frame["name"].tolist() == ["示例甲", "示例乙"]
    assert "encoding_guessed" in codes(delivery)
    assert errors(delivery) == set()


@pytest.mark.parametrize("epsg", [4490, 4326, 4548, 4527, 3857])
@pytest.mark.parametrize("suffix", [".gpkg", ".geojson", ".shp"])
def test_one_land_comes_in_the_same_from_any_declared_crs(tmp_path, epsg, suffix):
    if suffix == ".geojson" and epsg != 4326:
        pytest.skip("GeoJSON of RFC 7946 is in WGS 84")
    path = tmp_path / f"a{suffix}"
    frame().set_crs(4326, allow_override=True).to_crs(epsg).to_file(path)

    delivery = door(path)

    assert errors(delivery) == set()
    found = delivery.frame.geometry.to_numpy()
    wanted = frame().geometry.to_numpy()
    assert shapely.hausdorff_distance(found, wanted).max() < 1e-6


CASES = {
    "value_missing": frame(编码=["A1", None]),
    "stage_not_known": frame(环节=["优先监管", "没有的"]),
    "district_differs": frame(所属区=["海淀区", "延庆区"]),
    "district_not_known": frame(所属区=["海淀区", "天津市"]),
    "number_twice": frame(编码=["A1", "A1"]),
    "outside_city": frame().set_geometry(
        [shapely.box(116.2, 40, 116.202, 40.002), shapely.box(100, 30, 100.01, 30.01)]
    ),
    "boundary_invalid": frame().set_geometry(
        [
            shapely.box(116.2, 40, 116.202, 40.002),
            shapely.Polygon([(116.21, 40), (116.212, 40.002), (116.212, 40), (116.21, 40.002)]),
        ]
    ),
    "overlap": frame().set_geometry(
        [
            shapely.box(116.2, 40, 116.202, 40.002),
            shapely.box(116.201, 40, 116.203, 40.002),
        ]
    ),
    "boundary_missing": frame().set_geometry([shapely.box(116.2, 40, 116.202, 40.002), None]),
    "area_differs": frame(用地面积=[37_926.0, 90_000.0]),
    "column_not_used": frame(随便一列=["a", "b"]),
}


@pytest.mark.parametrize("code", CASES)
def test_each_fault_is_found_and_a_clean_delivery_has_none(tmp_path, code):
    bad, good = tmp_path / "坏.gpkg", tmp_path / "好.gpkg"
    CASES[code].set_crs(4490, allow_override=True).to_file(bad)
    frame().to_file(good)

    assert code in codes(door(bad))
    assert code not in codes(door(good))
    assert errors(door(good)) == set()


def test_every_row_is_stored_or_kept_out(tmp_path):
    path = tmp_path / "a.gpkg"
    CASES["stage_not_known"].to_file(path)

    delivery = door(path)

    kept_out = len(delivery.frame) - len(delivery.ready)
    assert len(delivery.ready) + kept_out == pyogrio.read_info(path)["features"] == 2
    assert kept_out == 1


def test_lists_understand_how_people_write(tmp_path):
    path = tmp_path / "列表.xlsx"
    rows = [
        ["2024年优先监管地块清单", None, None, None],
        ["地块编码", "地块名称", "环节", "用地面积（亩）"],
        ["１１０１０８０３２０００１", "示例甲", "优先监管", "１５"],
    ]
    pd.DataFrame(rows).to_excel(path, header=False, index=False)

    delivery = door(path)

    row = delivery.frame.iloc[0]
    assert row["code"] == "1101080320001"
    assert row["declared_area_m2"] == pytest.approx(10_000)
    assert row["row"] == 3


# The same files in every run: a new one that fails belongs in the examples below, with its cure.
@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.binary(max_size=400), st.sampled_from([".txt", ".csv", ".geojson", ".kml", ".gpkg"]))
@example(boundary_points().encode()[:200], ".txt")
@example(b"", ".csv")
@example(b"\t", ".csv")
@example(b"\xff\xfe\x00", ".csv")
@example(b'{"type":"FeatureCollection","features":[{"type":"\xe7"}]}', ".geojson")
def test_no_file_makes_the_door_fall(tmp_path_factory, content, suffix):
    path = tmp_path_factory.mktemp("f") / f"乱{suffix}"
    path.write_bytes(content)

    with contextlib.suppress(Refusal):
        delivery = door(path)
        assert len(delivery.ready) <= len(delivery.frame)


@given(st.floats(115.4, 117.5), st.floats(39.4, 41.1))
def test_the_map_offset_is_undone_exactly(lon, lat):
    place = np.array([[lon, lat]])

    back = offsets.from_gcj02(offsets.to_gcj02(place))

    assert back == pytest.approx(place, abs=1e-8)
