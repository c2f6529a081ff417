"""The national boundary package: exactly as it is asked for, checked, and readable back."""

from __future__ import annotations

import datetime as dt
import hashlib
import struct
import subprocess
import zipfile
from io import BytesIO

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import pytest
import shapely

from layers import catalog
from maps import cli, text
from maps.answers import Exit
from parcels import crs, districts
from parcels.exchange import national
from parcels.exchange.national import Obstacle, Package, Style
from parcels.ingest.delivery import ReceiveOptions, receive

PLOT = catalog.load()["priority_plot"]
CITY = districts.bundled()
CODE = "1101080320001"
SHAPE = shapely.box(116.2, 40, 116.202, 40.002)
PLAIN = Style("初步调查")


def frame(*shapes, **more):
    count = len(shapes) or 1
    columns = {
        "code": [f"11010803200{i:02d}" for i in range(1, count + 1)],
        "name": [f"示例地块{i}" for i in range(1, count + 1)],
        "district": ["110108"] * count,
        "registered_lon": [np.nan] * count,
        "registered_lat": [np.nan] * count,
        "produced_on": pd.to_datetime(["2024-05-20"] * count),
        "produced_by": [None] * count,
        "remarks": [None] * count,
        "valid_from": pd.to_datetime(["2024-06-01"] * count),
    }
    drawn = more.pop("geometry", list(shapes or [SHAPE]))
    return gpd.GeoDataFrame(columns | more, geometry=drawn, crs=crs.STORAGE)


def made(parcels, style=PLAIN):
    return list(national.packages(parcels, CITY, style))


def one(parcels, style=PLAIN):
    (package,) = made(parcels, style)
    assert isinstance(package, Package), package
    return package


def fields(table):
    """(name, type, width, decimals) of each column of a .dbf, by its specification."""
    (start,) = struct.unpack_from("<H", table, 8)
    return [
        (
            table[at : at + 11].split(b"\0")[0].decode(),
            chr(table[at + 11]),
            table[at + 16],
            table[at + 17],
        )
        for at in range(32, start - 1, 32)
    ]


@pytest.mark.parametrize("survey", national.surveys())
@pytest.mark.parametrize("encoding", national.ENCODINGS)
def test_a_package_has_the_names_columns_and_system_asked_for(survey, encoding):
    package = one(frame(), Style(survey, "示例单位", encoding))

    base = f"{survey}{CODE}"
    archive = zipfile.ZipFile(BytesIO(package.content))
    parts = {name.rpartition(".")[2]: archive.read(name) for name in archive.namelist()}
    assert package.file == f"{base}.zip"
    assert archive.namelist() == [
        f"{base}/{base}.{e}" for e in ("shp", "shx", "dbf", "prj", "cpg")
    ]
    assert parts["cpg"] == encoding.encode()
    assert parts["prj"].startswith(
        b'PROJCS["CGCS2000_3_Degree_GK_Zone_39",GEOGCS["GCS_China_Geodetic_Coordinate_System_2000"'
        b',DATUM["D_China_2000",SPHEROID["CGCS2000",6378137.0,298.257222101]]'
    )
    assert b'PARAMETER["False_Easting",39500000.0]' in parts["prj"]
    assert fields(parts["dbf"]) == [
        ("DKMC", "C", 254, 0),
        ("DKDM", "C", 100, 0),
        ("XZQDM", "C", 12, 0),
        ("XZQMC", "C", 100, 0),
        ("YDMJ", "N", 16, 2),
        ("DH", "N", 16, 0),
        ("SCRQ", "D", 8, 0),
        ("SCDW", "C", 254, 0),
        ("BZ", "C", 254, 0),
    ]
    assert "示例地块1".encode(encoding) in parts["dbf"]
    assert struct.unpack_from("<i", parts["shp"], 32)[0] == 5  # Polygon


def test_gdal_reads_back_what_the_register_says(tmp_path):
    package = one(frame(remarks=["有，逗号"]))
    (tmp_path / "a.zip").write_bytes(package.content)

    back = pyogrio.read_dataframe(f"/vsizip/{tmp_path}/a.zip/初步调查{CODE}/初步调查{CODE}.shp")

    row = back.iloc[0]
    planar = gpd.GeoSeries([SHAPE], crs=crs.STORAGE).to_crs(4527).area.iloc[0]
    assert back.crs.to_epsg() == crs.GK_ZONE_39
    assert (row["DKMC"], row["DKDM"], row["XZQDM"]) == ("示例地块1", CODE, "110108")
    assert (row["XZQMC"], row["DH"], row["BZ"]) == ("海淀区", 39, "有，逗号")
    assert pd.Timestamp(row["SCRQ"]).date() == dt.date(2024, 5, 20)
    assert row["YDMJ"] == pytest.approx(planar, abs=0.005)
    assert 39_000_000 < back.total_bounds[0] < 40_000_000
    drawn = back.geometry.to_crs(crs.STORAGE).iloc[0]
    assert shapely.hausdorff_distance(drawn, SHAPE) < 1e-9


def test_another_gdal_reads_it_too(tmp_path, ogrinfo):
    (tmp_path / "a.zip").write_bytes(one(frame()).content)

    told = subprocess.run(
        [ogrinfo, "-ro", "-al", f"/vsizip/{tmp_path}/a.zip/初步调查{CODE}"],
        capture_output=True,
        check=True,
        text=True,
    ).stdout

    assert "DKMC (String) = 示例地块1" in told
    assert "YDMJ: Real (16.2)" in told
    assert "Feature Count: 1" in told


@pytest.mark.parametrize("encoding", national.ENCODINGS)
@pytest.mark.parametrize(
    ("west", "south", "district", "zone"),
    [
        (116.2, 40, "110108", 39),
        (115.501, 39.75, "110111", 39),
        (115.46, 39.95, "110109", 38),
    ],
)
def test_our_own_door_takes_it_in(tmp_path, encoding, west, south, district, zone):
    shape = shapely.box(west, south, west + 0.001, south + 0.002) - shapely.box(
        west + 0.0002, south + 0.0005, west + 0.0004, south + 0.001
    )
    package = one(frame(shape, district=[district]), Style("详细调查", "", encoding))
    path = tmp_path / package.file
    path.write_bytes(package.content)

    delivery = receive(path, PLOT, CITY, options=ReceiveOptions())

    row = delivery.ready.iloc[0]
    assert package.zone == zone
    assert set(delivery.findings.frame()["code"]) <= {"package_stage_taken"}
    assert (row["code"], row["name"], row["stage"]) == (CODE, "示例地块1", "detailed_survey")
    assert row["declared_area_m2"] == package.area_m2
    assert shapely.hausdorff_distance(row.geometry, shape) < 1e-9


def test_a_parcel_is_in_the_zone_of_its_centre():
    across = shapely.box(115.4989, 40, 115.501, 40.001)

    assert [
        one(frame(shape)).zone for shape in (across, shapely.box(115.498, 40, 115.5001, 40.001))
    ] == [38, 38]
    assert one(frame(shapely.box(115.4999, 40, 115.502, 40.001))).zone == 39


def test_the_same_parcel_has_the_same_bytes():
    assert len({hashlib.sha256(one(frame()).content).hexdigest() for _ in range(3)}) == 1


def test_several_parts_go_into_one_record():
    parts = shapely.multipolygons([SHAPE, shapely.box(116.21, 40, 116.211, 40.001)])

    package = one(frame(parts))

    planar = gpd.GeoSeries([parts], crs=crs.STORAGE).to_crs(4527).area.iloc[0]
    assert package.area_m2 == pytest.approx(planar, abs=0.005)


BOW = shapely.Polygon([(116.2, 40), (116.201, 40.001), (116.201, 40), (116.2, 40.001)])
OBSTACLES = [
    ("code_not_13_digits", {"code": ["110108032000"]}),
    ("code_not_13_digits", {"code": [None]}),
    ("code_not_13_digits", {"code": ["../../../../x"]}),
    ("name_missing", {"name": [None]}),
    ("name_missing", {"name": ["  "]}),
    ("district_missing", {"district": [None]}),
    ("district_missing", {"district": ["999999"]}),
    ("not_a_polygon", {"geometry": [None]}),
    ("not_a_polygon", {"geometry": [shapely.Point(116.2, 40)]}),
    ("not_a_polygon", {"geometry": [shapely.Polygon()]}),
    ("boundary_not_valid", {"geometry": [BOW]}),
    ("zone_unknown", {"geometry": [shapely.box(2, 40, 2.01, 40.01)]}),
    ("registered_point_outside", {"registered_lon": [116.3], "registered_lat": [40.0]}),
    ("text_too_long", {"name": ["长" * 85]}),
    ("text_too_long", {"remarks": ["x" * 255]}),
]


@pytest.mark.parametrize(("what", "more"), OBSTACLES)
def test_each_rule_of_the_checker_keeps_a_parcel_back(what, more):
    found = made(frame(**more))

    assert {type(found_one) for found_one in found} == {Obstacle}
    assert what in [found_one.what for found_one in found]


@pytest.mark.parametrize("lang", text.LANGUAGES)
def test_every_obstacle_has_its_sentences(lang):
    known = {what for what, _ in OBSTACLES} | {
        *("code_twice", "area_nothing", "character_lacking", "package_not_complete"),
        *("package_not_readable", "package_system_differs", "package_values_differ"),
        *("package_boundary_differs", "package_area_differs"),
    }

    for what in known:
        assert text.has(f"exports.obstacles.{what}.what", lang)
        assert text.has(f"exports.obstacles.{what}.mend", lang)


def test_a_point_outside_is_answered_with_one_inside():
    ring = SHAPE.difference(shapely.box(116.2005, 40.0005, 116.2015, 40.0015))
    (found,) = made(frame(ring, registered_lon=[116.201], registered_lat=[40.001]))

    proposed = shapely.Point(found.details["lon"], found.details["lat"])
    assert found.what == "registered_point_outside"
    assert ring.covers(proposed)


def test_a_point_inside_is_checked_and_none_is_told():
    inside = one(frame(registered_lon=[116.2001], registered_lat=[40.001]))

    assert inside.point_checked
    assert not one(frame()).point_checked


def test_a_character_gbk_lacks_is_named_and_utf_8_takes_it():
    rare = frame(name=["𠀀地块"])
    (found,) = made(rare, Style("初步调查", "", "GBK"))

    assert (found.what, found.details["found"]) == ("character_lacking", "𠀀")
    assert one(rare).code == CODE


def test_two_parcels_with_one_code_are_both_kept_back():
    found = made(frame(SHAPE, shapely.box(116.3, 40, 116.301, 40.001), code=[CODE, CODE]))

    assert [found_one.what for found_one in found] == ["code_twice", "code_twice"]


# -- as a user does it -----------------------------------------------------------------------


def register(store_url, tmp_path):
    rows = gpd.GeoDataFrame(
        {
            "编码": [CODE, "1101080320002", "短", "1101050320003"],
            "名称": ["甲", "乙", "丙", "丁"],
            "环节": ["初步调查"] * 4,
            "中心经度": [116.201, 116.3, None, None],
            "中心纬度": [40.001, 40.3, None, None],
        },
        geometry=[shapely.box(116.2 + x, 40, 116.202 + x, 40.002) for x in (0, 0.01, 0.02, 0.03)],
        crs=crs.STORAGE,
    )
    rows.loc[3, "geometry"] = shapely.box(116.45, 39.93, 116.452, 39.932)
    rows.to_file(tmp_path / "报送.gpkg")
    words = ["--store", store_url, "--lang", "zh", "--user", "示例"]
    cli.run([*words, "import", str(tmp_path / "报送.gpkg"), "--layer", "priority_plot"])
    return words


def test_a_district_is_packed_checked_logged_and_comes_back(store_url, tmp_path, capsys):
    words = register(store_url, tmp_path)
    folder = tmp_path / "边!界包"
    capsys.readouterr()

    code = cli.run(
        [
            *words,
            *f"export national {folder} --layer priority_plot".split(),
            *["--district", "海淀区", "--survey", "初步调查"],
        ]
    )

    said = capsys.readouterr().out
    assert code == Exit.EXPORT_INCOMPLETE
    assert [path.name for path in folder.iterdir()] == [f"初步调查{CODE}.zip"]
    assert "登记的经纬度不在边界内" in said
    assert "116.211, 40.001" in said
    assert "编码“短”不是13位数字" in said
    assert "YDMJ" in said
    cli.run([*words, "exports", "--of", str(folder / f"初步调查{CODE}.zip"), "--format", "json"])
    log = capsys.readouterr().out
    assert '"purpose": "national"' in log
    assert '"made_by": "示例"' in log
    words[1] = str(tmp_path / "other.gpkg")
    assert cli.run([*words, "import", str(folder), "--layer", "priority_plot"]) == Exit.DONE


def test_one_parcel_is_packed_and_an_unknown_code_is_refused(tmp_path):
    words = register(str(tmp_path / "r.gpkg"), tmp_path)
    ask = [*words, "export", "national", str(tmp_path / "x"), "--layer", "priority_plot"]
    ask += ["--survey", "详细调查"]

    assert cli.run([*ask, "--code", CODE]) == Exit.DONE
    assert [path.name for path in (tmp_path / "x").iterdir()] == [f"详细调查{CODE}.zip"]
    assert cli.run([*ask, "--code", "0000000000000"]) == Exit.UNKNOWN_PARCEL
    assert cli.run([*ask[:-1], "概查"]) == Exit.USAGE


def test_the_parcels_kept_back_go_to_a_file_in_either_language(tmp_path):
    words = register(str(tmp_path / "r.gpkg"), tmp_path)
    words[3] = "en"

    cli.run(
        [
            *words,
            *("export", "national", str(tmp_path / "x"), "--layer", "priority_plot"),
            *("--survey", "初步调查", "--report", str(tmp_path / "kept.csv")),
        ]
    )

    kept = (tmp_path / "kept.csv").read_text("utf-8-sig")
    assert "has not 13 digits" in kept
    assert "lie outside the boundary" in kept
