"""Files made to do harm: refused in a sentence, or read no further than the bounds allow."""

from __future__ import annotations

import sqlite3
import struct
import zipfile
from dataclasses import replace

import geopandas as gpd
import numpy as np
import openpyxl
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pyogrio
import pytest
import shapely

from layers import catalog
from maps import answers, cli
from maps.answers import Exit
from parcels import districts
from parcels.errors import (
    FileNotReadableError,
    FileNotSafeError,
    FormatNotKnownError,
    Refusal,
)
from parcels.ingest import bounds
from parcels.ingest.delivery import ReceiveOptions, receive

PLOT = catalog.load()["priority_plot"]
CITY = districts.bundled()
BOX = shapely.box(116.2, 40, 116.202, 40.002)


def door(path, **options):
    return receive(path, PLOT, CITY, options=ReceiveOptions(stage="优先监管", **options))


def refusal(path, **options):
    with pytest.raises(Refusal) as caught:
        door(path, **options)
    for lang in ("zh", "en"):
        assert answers.what(caught.value, lang)
        assert answers.mend(caught.value, lang)
    return caught.value


def within(**changed):
    return replace(bounds.limits(), **changed)


def one(shape=BOX):
    given = {"编码": ["1101080320001"], "名称": ["示例"]}
    return gpd.GeoDataFrame(given, geometry=[shape], crs=4490)


def packed(path, *entries, mode=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(path, "w", mode) as archive:
        for name, content in entries:
            archive.writestr(name, content)
    return path


@pytest.mark.parametrize(
    "name", ["../外面.csv", "a/../../b.csv", "/etc/a.csv", "C:/a.csv", "..\\a.csv"]
)
def test_a_zip_that_leads_elsewhere_writes_nothing(tmp_path, name):
    path = packed(tmp_path / "a.zip", (name, "编码\nX\n"))

    found = refusal(path)

    assert isinstance(found, FileNotSafeError)
    assert found.fields["reason"] == "zip_path"
    assert [one.name for one in tmp_path.iterdir()] == ["a.zip"]


def test_a_link_in_a_zip_is_not_followed(tmp_path):
    link = zipfile.ZipInfo("地块.csv")
    link.external_attr = 0o120777 << 16
    path = packed(tmp_path / "a.zip", (link, "/etc/passwd"))

    assert refusal(path).fields["reason"] == "zip_link"


def test_two_entries_of_one_name_are_refused(tmp_path):
    with pytest.warns(UserWarning, match="Duplicate"):
        path = packed(tmp_path / "a.zip", ("a.csv", "编码\nX\n"), ("a.csv", "编码\nY\n"))

    assert refusal(path).fields["reason"] == "zip_same_name"


def test_a_locked_zip_says_so(tmp_path):
    path = packed(tmp_path / "a.zip", ("a.csv", "编码\nX\n"))
    content = bytearray(path.read_bytes())
    # The flag of encryption, at the entry and in the list of names.
    content[6] |= 1
    content[content.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(content)

    found = refusal(path)

    assert isinstance(found, FileNotReadableError)
    assert "密码" in answers.what(found, "zh")


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path):
    path = packed(tmp_path / "a.zip", ("a.csv", b"0" * 2_000_000))

    assert refusal(path, bounds=within(unpacked_bytes=1_000_000)).fields["reason"] == "zip_size"
    tight = within(ratio_from_bytes=1_000_000)
    assert refusal(path, bounds=tight).fields["reason"] == "zip_ratio"
    assert refusal(path, bounds=within(directory_bytes=10)).fields["reason"] == "zip_directory"


def test_many_entries_are_refused_in_one_zip_and_over_several(tmp_path):
    inner = packed(tmp_path / "内.zip", *[(f"{n}.csv", "编码\nX\n") for n in range(6)])
    path = packed(tmp_path / "a.zip", ("1.zip", inner.read_bytes()), ("2.zip", inner.read_bytes()))

    assert refusal(inner, bounds=within(entries=5)).fields["reason"] == "zip_entries"
    assert refusal(path, bounds=within(entries=10)).fields["reason"] == "zip_entries"


def test_zips_in_zips_end_somewhere(tmp_path):
    content = packed(tmp_path / "0.zip", ("a.csv", "编码\nX\n")).read_bytes()
    for depth in range(5):
        path = packed(tmp_path / f"{depth + 1}.zip", ("内.zip", content))
        content = path.read_bytes()

    assert refusal(path).fields["reason"] == "zip_depth"
    assert len(door(tmp_path / "2.zip").frame) == 1


def test_a_zip_that_holds_itself_ends_somewhere(tmp_path):
    deep = "/".join(["层"] * 40)
    path = packed(tmp_path / "a.zip", (f"{deep}/a.csv", "编码\nX\n"))

    assert refusal(path).fields["reason"] == "folder_depth"


def test_entries_that_share_their_bytes_are_a_bomb(tmp_path):
    path = packed(tmp_path / "a.zip", ("a.csv", b"0" * 100_000), ("b.csv", b"1" * 100_000))
    content = path.read_bytes()
    second = content.rindex(b"PK\x01\x02")
    # The second entry begins inside the first.
    shifted = content[: second + 42] + struct.pack("<L", 5) + content[second + 46 :]
    path.write_bytes(shifted)

    assert refusal(path).fields["reason"] == "zip_overlap"


def test_an_entry_that_holds_more_than_it_says_is_cut_off_and_refused(tmp_path):
    path = packed(tmp_path / "a.zip", ("a.csv", b"0" * 1_000_000))
    content = bytearray(path.read_bytes())
    place = content.index(b"PK\x01\x02")
    content[place + 24 : place + 28] = struct.pack("<L", 10)
    path.write_bytes(content)

    assert isinstance(refusal(path), FileNotReadableError)


@pytest.mark.parametrize("cut", [10, 40, 100])
def test_a_broken_zip_is_refused(tmp_path, cut):
    path = packed(tmp_path / "a.zip", ("a.csv", "编码\nX\n" * 10), mode=zipfile.ZIP_STORED)
    path.write_bytes(path.read_bytes()[:-cut])

    assert isinstance(refusal(path), FileNotReadableError | FormatNotKnownError)


BOMB = '<!DOCTYPE kml [<!ENTITY a "示例">' + "".join(
    f'<!ENTITY {chr(98 + n)} "{("&" + chr(97 + n) + ";") * 10}">' for n in range(9)
)
KML = """<?xml version="1.0" encoding="UTF-8"?>{doctype}
<kml xmlns="http://www.opengis.net/kml/2.2"><Document><Placemark><name>{name}</name>
<description><![CDATA[<!DOCTYPE html><p>说明</p>]]></description><Point>
<coordinates>116.2,40</coordinates></Point></Placemark></Document></kml>"""


@pytest.mark.parametrize(
    "doctype",
    [
        BOMB + "]>",
        '<!DOCTYPE kml [<!ENTITY j SYSTEM "file:///etc/passwd">]>',
        "<!-- <kml> -->\n <!doctype kml>",
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
@pytest.mark.parametrize("suffix", [".kml", ".kmz"])
def test_xml_with_entities_is_refused(tmp_path, doctype, encoding, suffix):
    path = tmp_path / f"a{suffix}"
    content = KML.format(doctype=doctype, name="&j;").encode(encoding)
    path.write_bytes(content)
    if suffix == ".kmz":
        path.unlink()
        packed(path, ("doc.kml", content))

    assert refusal(path).fields["reason"] == "xml_entities"


def test_a_web_page_in_a_balloon_is_no_entity(tmp_path):
    path = tmp_path / "a.kml"
    path.write_text(KML.format(doctype="", name="示例"), "utf-8")

    assert len(door(path).frame) == 1


def test_a_workbook_that_is_a_bomb_is_refused(tmp_path):
    path = tmp_path / "a.xlsx"
    book = openpyxl.Workbook()
    book.active.append(["编码", "名称"])
    book.active.append(["1101080320001", "示例" * 100])
    book.save(path)
    entities = tmp_path / "b.xlsx"
    with zipfile.ZipFile(path) as archive, zipfile.ZipFile(entities, "w") as out:
        for info in archive.infolist():
            content = archive.read(info)
            if info.filename.endswith("xl/workbook.xml"):
                content = BOMB.replace("kml", "workbook").encode() + b"]>" + content
            out.writestr(info.filename, content)

    assert len(door(path).frame) == 1
    assert refusal(path, bounds=within(workbook_bytes=1_000)).fields["reason"] == "workbook_size"
    assert refusal(entities).fields["reason"] == "xml_entities"


def geopackage(path, *statements):
    pyogrio.write_dataframe(one(), path, layer="地块")
    with sqlite3.connect(path) as connection:
        for statement in statements:
            connection.execute(statement)
    connection.close()
    return path


ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n) SELECT i AS fid FROM n"


def test_an_endless_view_is_never_read(tmp_path):
    path = geopackage(
        tmp_path / "a.gpkg",
        f"CREATE VIEW 无尽 AS {ENDLESS}",
        "INSERT INTO gpkg_contents (table_name, data_type, identifier, srs_id)"
        " VALUES ('无尽', 'attributes', '无尽', 0)",
    )

    delivery = door(path)
    found = refusal(path, part="无尽")

    assert delivery.frame["name"].tolist() == ["示例"]
    assert found.fields["reason"] == "view_as_table"


@pytest.mark.parametrize(
    "statements",
    [
        ["ALTER TABLE gpkg_contents RENAME TO c", f"CREATE VIEW gpkg_contents AS {ENDLESS}"],
        [
            "CREATE VIEW gpkg_ogr_contents2 AS SELECT 1",
            ENDLESS.replace("WITH", "CREATE VIEW gpkg_x AS WITH"),
        ],
    ],
)
def test_a_geopackage_whose_own_tables_are_views_is_not_opened(tmp_path, statements):
    path = geopackage(tmp_path / "a.gpkg", *statements)

    assert refusal(path).fields["reason"] == "view_as_table"


def test_a_computed_column_is_not_computed(tmp_path):
    path = geopackage(
        tmp_path / "a.gpkg", 'ALTER TABLE 地块 ADD COLUMN "大" AS (zeroblob(900000000)) VIRTUAL'
    )

    assert refusal(path).fields["reason"] == "view_as_table"


def test_triggers_of_a_sender_do_nothing(tmp_path):
    path = geopackage(
        tmp_path / "a.gpkg",
        "CREATE TRIGGER t AFTER INSERT ON 地块 BEGIN DELETE FROM 地块; END",
    )
    before = path.read_bytes()

    delivery = door(path)

    assert delivery.frame["name"].tolist() == ["示例"]
    assert path.read_bytes() == before


@pytest.mark.parametrize("place", [1e308, np.inf, np.nan, -1e300])
@pytest.mark.parametrize("suffix", [".gpkg", ".shp", ".parquet"])
def test_coordinates_beyond_the_earth_are_a_finding(tmp_path, place, suffix):
    if suffix == ".shp" and not np.isfinite(place):
        pytest.skip("GDAL writes no such shapefile")
    path = tmp_path / f"a{suffix}"
    corners = [(116.2, 40), (place, 40), (116.202, 40.002), (116.2, 40)]
    with np.errstate(invalid="ignore"):
        far = shapely.Polygon(corners)
    rows = pd.concat([one(), one(far)], ignore_index=True)
    rows["编码"] = ["1101080320001", "1101080320002"]
    if suffix == ".parquet":
        rows.to_parquet(path)
    else:
        more = {"SPATIAL_INDEX": "NO"} if suffix == ".gpkg" else {}
        pyogrio.write_dataframe(rows, path, **more)

    delivery = door(path)

    assert len(delivery.ready) <= 1
    assert {"coordinate_not_finite", "outside_city", "boundary_invalid", "record_damaged"} & set(
        delivery.findings.frame()["code"]
    )


def test_a_ring_of_many_corners_is_kept_out_and_the_others_are_checked(tmp_path):
    path = tmp_path / "a.gpkg"
    angles = np.linspace(0, 2 * np.pi, 5_000, endpoint=False)
    ring = shapely.Polygon(
        np.column_stack([116.3 + np.cos(angles) / 100, 40 + np.sin(angles) / 100])
    )
    rows = pd.concat([one(), one(ring)], ignore_index=True)
    rows["编码"] = ["1101080320001", "1101080320002"]
    rows.to_file(path)

    delivery = door(path, bounds=within(vertices=1_000))

    found = delivery.findings.frame()
    assert delivery.ready["code"].tolist() == ["1101080320001"]
    assert found.loc[found["code"] == "boundary_too_detailed", "row"].tolist() == [2]
    assert shapely.get_num_coordinates(delivery.arrived.frame.geometry.iloc[1]) > 5_000


def shapefile(folder):
    path = folder / "a.shp"
    rows = pd.concat([one()] * 3, ignore_index=True)
    rows["编码"] = [f"110108032000{n}" for n in range(3)]
    rows.to_file(path, encoding="GBK")
    return path


def lie(path, place, form, said):
    content = bytearray(path.read_bytes())
    struct.pack_into(form, content, place, said)
    path.write_bytes(content)


LIES = {
    "two thousand million rows in the table": (".dbf", 4, "<L", 0x7FFFFFF0),
    "four thousand million rows in the table": (".dbf", 4, "<L", 0xFFFFFFFF),
    "a head longer than the table": (".dbf", 8, "<H", 0xFFFF),
    "records of no width": (".dbf", 10, "<H", 0),
    "a length of the file": (".shp", 24, ">L", 0x7FFFFFFF),
    "a length of the index": (".shx", 24, ">L", 0x7FFFFFFF),
    "a record of two thousand million words": (".shp", 104, ">L", 0x7FFFFFFF),
    "two thousand million corners": (".shp", 108 + 40, "<L", 0x7FFFFFFF),
    "two thousand million rings": (".shp", 108 + 36, "<L", 0x7FFFFFFF),
    "a record at the end of the world": (".shx", 100, ">L", 0x7FFFFFF0),
}


@pytest.mark.parametrize("alone", [False, True], ids=["family", "one file"])
@pytest.mark.parametrize("said", LIES)
def test_a_shapefile_that_lies_costs_no_more_than_it_holds(tmp_path, said, alone):
    path = shapefile(tmp_path)
    suffix, place, form, number = LIES[said]
    wrong = path.with_suffix(suffix)
    lie(wrong, place, form, number)
    if alone:
        for other in (".shp", ".shx", ".dbf"):
            if other not in {suffix, ".shp" if suffix == ".shx" else ""}:
                path.with_suffix(other).unlink()
        path = path.with_suffix(".shp" if suffix == ".shx" else suffix)

    try:
        delivery = door(path)
    except FileNotReadableError:
        return
    assert len(delivery.frame) <= 3
    assert len(delivery.ready) <= len(delivery.frame)


def test_a_small_parquet_of_many_rows_is_refused(tmp_path):
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"编码": pa.array(["X"] * 1_000_000)}), path)

    assert path.stat().st_size < 10_000
    assert refusal(path, bounds=within(rows=999_999)).fields["reason"] == "rows"
    assert refusal(path, bounds=within(rows_bytes=100_000)).fields["reason"] == "rows_size"


@pytest.mark.parametrize("cut", [0.3, 0.9])
@pytest.mark.parametrize("suffix", [".parquet", ".fgb", ".dxf", ".mif"])
def test_a_file_cut_off_is_refused_or_says_so(tmp_path, suffix, cut):
    path = tmp_path / f"a{suffix}"
    rows = pd.concat([one()] * 50, ignore_index=True)
    if suffix == ".parquet":
        rows.to_parquet(path)
    else:
        driver = {".fgb": "FlatGeobuf", ".dxf": "DXF", ".mif": "MapInfo File"}[suffix]
        more = {"ENCODING": "CP936"} if suffix == ".mif" else {}
        pyogrio.write_dataframe(
            rows[["geometry"]] if suffix == ".dxf" else rows, path, driver=driver, **more
        )
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * cut)])

    try:
        delivery = door(path)
    except FileNotReadableError:
        return
    assert delivery.findings.file_has_error() or len(delivery.frame) == 50


def test_a_file_that_is_parsed_whole_is_bounded(tmp_path):
    for name, content in (("a.kml", KML.format(doctype="", name="x")), ("a.geojson", "{}" * 99)):
        path = tmp_path / name
        path.write_text(content, "utf-8")

        assert refusal(path, bounds=within(parsed_bytes=100)).fields["reason"] == "parsed_size"


def test_a_file_of_lines_is_bounded(tmp_path):
    points = "[地块坐标]\n4,1,A,示例,面,,,,@\nJ1,1,4435000,39446000\n"
    for name, content in (("a.csv", "编码,名称\n"), ("a.txt", points)):
        path = tmp_path / name
        path.write_text(content * 10, "utf-8")

        assert refusal(path, bounds=within(text_bytes=100)).fields["reason"] == "parsed_size"


def test_blocks_of_blocks_in_a_drawing_are_not_multiplied_out(tmp_path):
    path = tmp_path / "a.dxf"
    pairs = ["0\nSECTION\n2\nHEADER\n0\nENDSEC\n0\nSECTION\n2\nBLOCKS"]
    for depth in range(12):
        pairs.append(f"0\nBLOCK\n2\nB{depth}\n10\n0\n20\n0")
        inner = "0\nLINE\n8\n0\n10\n0\n20\n0\n11\n1\n21\n1"
        if depth:
            inner = f"0\nINSERT\n8\n0\n2\nB{depth - 1}\n10\n0\n20\n0"
        pairs.extend([inner] * 10 + ["0\nENDBLK"])
    pairs.append(
        "0\nENDSEC\n0\nSECTION\n2\nENTITIES\n0\nINSERT\n8\n0\n2\nB11\n10\n1\n20\n1\n0\nENDSEC\n0\nEOF\n"
    )
    path.write_text("\n".join(pairs), "ascii")

    delivery = door(path)

    assert len(delivery.frame) == 1
    assert "part_not_used" in set(delivery.findings.frame()["code"])


def test_the_exit_code_tells_a_bomb_from_a_large_file(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    packed(tmp_path / "a.zip", ("../a.csv", "编码\nX\n"))

    done = cli.run(
        ["--store", "库.gpkg", "--lang", "zh", "import", "a.zip", "-l", "priority_plot"]
    )

    assert done == Exit.FILE_NOT_SAFE
    assert "../a.csv" in capsys.readouterr().err


def test_nothing_of_a_zip_is_left_behind(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path / "临时"))
    (tmp_path / "临时").mkdir()
    monkeypatch.setattr("tempfile.tempdir", None)
    path = packed(tmp_path / "a.zip", ("a.csv", "编码,名称\n1101080320001,示例\n"))

    door(path)

    assert list((tmp_path / "临时").iterdir()) == []
