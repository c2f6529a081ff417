"""Folders, ZIPs and the kinds of file in them: what a sender packs comes in or is explained."""

from __future__ import annotations

import zipfile
from dataclasses import replace
from pathlib import Path

import geopandas as gpd
import pandas as pd
import pyogrio
import pytest
import shapely

from layers import catalog
from maps import cli
from maps.answers import Exit
from parcels import districts
from parcels.errors import NothingInsideError, PartNotChosenError
from parcels.findings import Findings
from parcels.ingest import bounds, containers, reading
from parcels.ingest.delivery import ReceiveOptions, receive

PLOT = catalog.load()["priority_plot"]
CITY = districts.bundled()
NAMES = ["示例甲", "示例乙"]


def frame(**columns):
    """Two plots in Haidian, in degrees."""
    given = {
        "DKDM": ["1101080320001", "1101080320002"],
        "DKMC": NAMES,
        "环节": "优先监管",
        "次序": [1, 2],
        **columns,
    }
    shapes = [shapely.box(116.2 + i, 40, 116.202 + i, 40.002) for i in (0, 0.003)]
    return gpd.GeoDataFrame(given, geometry=shapes, crs=4490)


def door(path, **options):
    return receive(path, PLOT, CITY, options=ReceiveOptions(**options))


def codes(delivery):
    return set(delivery.findings.frame()["code"])


def errors(delivery):
    found = delivery.findings.frame()
    return set(found.loc[found["severity"] == "error", "code"])


def write(path, rows, **options):
    """Write a frame as the kind of file its name ends in."""
    suffix = path.suffix
    if suffix == ".parquet":
        rows.to_parquet(path)
        return path
    drivers = {
        ".gdb": ("OpenFileGDB", {"TARGET_ARCGIS_VERSION": "ARCGIS_PRO_3_2_OR_LATER"}),
        ".fgb": ("FlatGeobuf", {}),
        ".tab": ("MapInfo File", {"ENCODING": "CP936"}),
        ".mif": ("MapInfo File", {"ENCODING": "CP936"}),
        ".kmz": ("LIBKML", {}),
        ".kml": ("LIBKML", {}),
        ".shp": ("ESRI Shapefile", {"encoding": "GBK"}),
        ".gpkg": ("GPKG", {}),
    }
    driver, more = drivers[suffix]
    pyogrio.write_dataframe(rows, path, driver=driver, **{**more, **options})
    return path


def read(path):
    """A file as a program of somebody else reads it."""
    if path.suffix == ".parquet":
        return gpd.read_parquet(path)
    if path.suffix == ".kmz":
        page = path.with_suffix(".kml")
        page.write_bytes(zipfile.ZipFile(path).read("doc.kml"))
        return gpd.read_file(page)
    return gpd.read_file(path)


def pack(path, folder, *, names="utf-8"):
    """ZIP a folder's contents, with names written the way different senders' programs do."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for one in sorted(folder.rglob("*")):
            if one.is_dir():
                continue
            name = one.relative_to(folder).as_posix()
            if names != "utf-8":
                info = RawName(name, names)
                archive.writestr(info, one.read_bytes(), zipfile.ZIP_DEFLATED)
            else:
                archive.write(one, name)
    return path


class RawName(zipfile.ZipInfo):
    """An entry whose name is written in some encoding, without saying so."""

    def __init__(self, name, encoding):
        super().__init__(name)
        self.encoding = encoding

    def _encodeFilenameFlags(self):  # noqa: N802 - the name zipfile gives it
        return self.filename.encode(self.encoding), self.flag_bits & ~0x800


KINDS = [".gdb", ".fgb", ".parquet", ".kmz", ".tab", ".mif", ".shp", ".gpkg"]


@pytest.mark.parametrize("suffix", KINDS)
def test_each_kind_comes_in_with_its_chinese_columns_and_values(tmp_path, suffix):
    path = write(tmp_path / f"海淀区地块{suffix}", frame())

    delivery = door(path)

    assert errors(delivery) == set()
    arrived = delivery.frame.sort_values("code")
    assert arrived["name"].tolist() == NAMES
    assert arrived["code"].tolist() == ["1101080320001", "1101080320002"]
    assert arrived["area_m2"].tolist() == pytest.approx([37_920] * 2, rel=0.01)
    assert delivery.source.name == path.name
    assert len(delivery.source.sha256) == 64


@pytest.mark.parametrize("suffix", KINDS)
def test_rows_kept_out_come_back_in_the_same_kind_and_come_in_once_mended(
    tmp_path, monkeypatch, suffix
):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / f"地块{suffix}", frame(环节=["优先监管", "没有的"]))
    command = ["--store", "库.gpkg", "--lang", "zh", "import"]

    first = cli.run([*command, f"地块{suffix}", "--layer", "priority_plot", "--accept-valid"])
    kept = tmp_path / f"地块.rejects{suffix}"
    rows = read(kept)
    again = cli.run([*command, kept.name, "-l", "priority_plot"])
    mended = tmp_path / f"改好{suffix}"
    write(mended, rows.assign(环节="优先监管"))
    second = cli.run([*command, mended.name, "-l", "priority_plot"])

    assert first == again == Exit.DELIVERY_NOT_ACCEPTED
    assert rows["DKMC"].tolist() == ["示例乙"]
    assert [int(one) for one in rows["次序"]] == [2]
    assert "没有的" in rows["问题"].iloc[0]
    assert second == Exit.DONE


@pytest.mark.parametrize("names", ["utf-8", "gbk", "utf-8 unsaid"])
@pytest.mark.parametrize("suffix", [".shp", ".gdb", ".tab", ".gpkg"])
def test_a_zip_comes_in_whatever_its_names_are_written_in(tmp_path, suffix, names):
    folder = tmp_path / "发来"
    (folder / "海淀区").mkdir(parents=True)
    write(folder / "海淀区" / f"地块边界{suffix}", frame())
    path = pack(tmp_path / "a.zip", folder, names=names.removesuffix(" unsaid"))
    if names == "utf-8 unsaid":
        path = pack(tmp_path / "b.zip", folder, names="UTF8")

    delivery = door(path)

    assert errors(delivery) == set()
    assert sorted(delivery.frame["name"]) == sorted(NAMES)
    assert delivery.source.name == f"{path.name}/海淀区/地块边界{suffix}"
    guessed = delivery.findings.frame().query("code == 'encoding_guessed'")["found"].tolist()
    assert any("海淀区" in one for one in guessed) == (names != "utf-8")


def test_several_shapefiles_in_a_zip_are_a_delivery_each_or_the_one_named(tmp_path):
    folder = tmp_path / "发来"
    folder.mkdir()
    write(folder / "甲.shp", frame().iloc[:1])
    write(folder / "乙.shp", frame().iloc[1:])
    (folder / "说明.docx").write_bytes(b"x")
    path = pack(tmp_path / "a.zip", folder)

    with containers.opened([path]) as items:
        each = [door(one) for one in items]
    named = door(path, part="乙")

    assert [one.frame["name"].tolist() for one in each] == [["示例乙"], ["示例甲"]]
    assert len({one.source.sha256 for one in each}) == 2
    assert named.frame["name"].tolist() == ["示例乙"]
    assert "member_not_read" in codes(each[0])
    assert "说明.docx" in "".join(each[0].findings.frame()["found"].dropna())
    with pytest.raises(PartNotChosenError):
        door(path)
    with pytest.raises(PartNotChosenError):
        door(path, part="丙")


def test_zips_in_a_zip_in_a_folder_are_one_import(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    inner, outer, sent = tmp_path / "内", tmp_path / "外", tmp_path / "各区报送"
    for folder in (inner, outer, sent):
        folder.mkdir()
    write(inner / "甲.shp", frame().iloc[:1])
    pack(outer / "海淀.zip", inner, names="gbk")
    pack(sent / "全部.zip", outer, names="gbk")
    write(sent / "乙.gpkg", frame().iloc[1:])

    done = cli.run(
        ["--store", "库.gpkg", "--lang", "zh", "import", "各区报送", "-l", "priority_plot"]
    )

    said = capsys.readouterr().out
    assert done == Exit.DONE
    assert said.count("新增 1 个地块") == 2
    assert "各区报送/全部.zip/海淀.zip/甲.shp" in said.replace("\n", "")


def test_a_folder_or_zip_without_data_says_what_could_be_read(tmp_path):
    folder = tmp_path / "空"
    folder.mkdir()
    (folder / "说明.txt").write_text("请见附件", "utf-8")
    path = pack(tmp_path / "a.zip", folder)
    empty = tmp_path / "b.zip"
    zipfile.ZipFile(empty, "w").close()

    for one in (folder, path, empty):
        with pytest.raises(NothingInsideError):
            door(one)


def test_a_zip_of_a_shapefile_gives_its_rejects_back_as_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "发来"
    folder.mkdir()
    write(folder / "地块.shp", frame(环节=["优先监管", "没有的"]))
    pack(tmp_path / "发来.zip", folder, names="gbk")
    command = ["--store", "库.gpkg", "--lang", "zh", "import"]

    cli.run([*command, "发来.zip", "-l", "priority_plot", "--accept-valid"])
    again = door(tmp_path / "地块.rejects.zip", stage=None)

    assert again.frame["name"].tolist() == ["示例乙"]
    assert errors(again) == {"stage_not_known"}
    assert again.arrived.encoding == "gb18030"


def test_layers_that_were_not_read_are_named_and_can_be_asked_for(tmp_path):
    path = tmp_path / "多层.gdb"
    write(path, frame().iloc[:1], layer="地块甲")
    write(path, frame().iloc[1:], layer="地块乙", append=True)

    first = door(path)
    second = door(path, part="地块乙")

    assert first.frame["name"].tolist() == ["示例甲"]
    assert "part_not_used" in codes(first)
    assert second.frame["name"].tolist() == ["示例乙"]
    with pytest.raises(PartNotChosenError):
        door(path, part="没有")


def test_curves_are_made_lines_and_that_is_said(tmp_path):
    path = tmp_path / "曲线.gpkg"
    source = tmp_path / "c.csv"
    ring = "CIRCULARSTRING(116.2 40,116.201 40.001,116.202 40,116.201 39.999,116.2 40)"
    source.write_text(f'WKT,DKDM\n"CURVEPOLYGON({ring})",1101080320001\n', "utf-8")
    _, table = pyogrio.read_arrow(source)
    table = table.select(["DKDM", "wkb_geometry"])
    pyogrio.write_arrow(
        table, path, driver="GPKG", geometry_name="wkb_geometry", geometry_type="Unknown",
        crs="EPSG:4490",
    )  # fmt: skip

    delivery = door(path, stage="优先监管")

    assert "curves_straightened" in codes(delivery)
    assert errors(delivery) == set()
    assert delivery.frame["area_m2"].iloc[0] == pytest.approx(29_000, rel=0.1)


@pytest.mark.parametrize(("suffix", "name"), [(".tab", "地块"), (".mif", "地块")])
def test_a_mapinfo_file_of_gbk_that_says_neutral_is_guessed(tmp_path, suffix, name):
    path = write(tmp_path / f"{name}{suffix}", frame())
    path.write_bytes(path.read_bytes().replace(b"WindowsSimpChinese", b"Neutral"))

    delivery = door(path)

    assert sorted(delivery.frame["name"]) == sorted(NAMES)
    assert "encoding_guessed" in codes(delivery)
    assert errors(delivery) == set()


DXF = """0
SECTION
2
HEADER
9
$ACADVER
1
AC1015
9
$DWGCODEPAGE
3
ANSI_{page}
0
ENDSEC
0
SECTION
2
ENTITIES
{entities}
0
ENDSEC
0
EOF
"""


def polyline(corners, layer, *, closed=True):
    places = "".join(f"10\n{x}\n20\n{y}\n" for x, y in corners)
    head = f"0\nLWPOLYLINE\n100\nAcDbEntity\n8\n{layer}\n100\nAcDbPolyline\n90\n{len(corners)}\n"
    return f"{head}70\n{int(closed)}\n{places}".rstrip()


def text(said, place, layer="注记"):
    head = f"0\nTEXT\n100\nAcDbEntity\n8\n{layer}\n100\nAcDbText\n"
    return f"{head}10\n{place[0]}\n20\n{place[1]}\n40\n2.0\n1\n{said}"


def square(east, north):
    return [(east, north), (east + 100, north), (east + 100, north + 100), (east, north + 100)]


@pytest.mark.parametrize("page", ["936", "1252"])
def test_closed_lines_of_a_drawing_are_parcels_with_the_text_inside(tmp_path, page):
    path = tmp_path / "宗地.dxf"
    east, north = 39_431_000, 4_429_000
    entities = [
        polyline(square(east, north), "宗地界线"),
        text("1101080320001", (east + 50, north + 50)),
        polyline(square(east + 200, north), "宗地界线"),
    ]
    content = DXF.format(page=page, entities="\n".join(entities))
    path.write_bytes(content.replace("\n", "\r\n").encode("gbk"))

    delivery = door(path, stage="优先监管", mapping={"Text": "code", "Layer": "remarks"})

    frame = delivery.frame
    assert frame["code"].tolist()[0] == "1101080320001"
    assert frame["remarks"].tolist() == ["宗地界线"] * 2
    assert frame["area_m2"].tolist() == pytest.approx([10_000] * 2, rel=1e-3)
    assert {"lines_closed", "value_missing", "crs_assumed"} <= codes(delivery)
    assert ("encoding_guessed" in codes(delivery)) == (page == "1252")


def test_a_drawing_kept_out_comes_back_with_reasons_and_mended_comes_in(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    east, north = 39_431_000, 4_429_000
    entities = [
        polyline(square(east, north), "宗地"),
        text("1101080320001", (east + 50, north + 50)),
        polyline(square(east + 200, north), "宗地"),
    ]
    (tmp_path / "宗地.dxf").write_text(DXF.format(page="936", entities="\n".join(entities)), "gbk")
    command = ["--store", "库.gpkg", "--lang", "zh", "import"]
    more = ["-l", "priority_plot", "--stage", "优先监管", "--column", "Text=code"]

    first = cli.run([*command, "宗地.dxf", *more, "--accept-valid"])
    kept = tmp_path / "宗地.rejects.dxf"
    said = kept.read_text("utf-8")
    named = text("1101080320002", (east + 250, north + 60)).replace("\n", "\r\n")
    kept.write_bytes(
        said.replace("\r\n", "\n").replace("\n0\nENDSEC\n0\nEOF", f"\n{named}\n0\nENDSEC\n0\nEOF")
        .encode()
    )  # fmt: skip
    mended = cli.run([*command, kept.name, *more])

    assert first == Exit.DELIVERY_NOT_ACCEPTED
    assert "1101080320001" not in said
    assert "问题" in said
    assert mended == Exit.DONE


def test_a_file_over_the_bound_is_read_record_by_record_and_is_the_same(tmp_path):
    rows = frame(面积=[1.5, None], SCRQ=pd.to_datetime(["2024-05-01", None]), 个数=[1, None])
    small = replace(bounds.limits(), streamed_from_bytes=1)
    for suffix in (".gpkg", ".shp", ".gdb", ".fgb"):
        # A shapefile has no moments, and GDAL says so.
        given = rows.drop(columns="SCRQ") if suffix == ".shp" else rows
        path = write(tmp_path / f"大{suffix}", given)

        whole, streamed = door(path), door(path, bounds=small)

        pd.testing.assert_frame_equal(whole.frame, streamed.frame)
        assert errors(streamed) == set()


def test_parquet_without_boundaries_is_a_list(tmp_path):
    path = tmp_path / "列表.parquet"
    pd.DataFrame(frame().drop(columns="geometry")).to_parquet(path)

    delivery = door(path)

    assert delivery.frame["name"].tolist() == NAMES
    assert errors(delivery) == set()


@pytest.mark.parametrize("encoding", ["WKB", "geoarrow"])
def test_parquet_comes_in_from_either_way_of_writing_boundaries(tmp_path, encoding):
    path = tmp_path / "a.parquet"
    frame().astype({"DKMC": "category"}).to_parquet(
        path, geometry_encoding=encoding, write_covering_bbox=True
    )

    delivery = door(path)

    assert delivery.frame["name"].tolist() == NAMES
    assert "bbox" not in "".join(delivery.findings.frame()["field"].dropna())
    assert errors(delivery) == set()


def test_a_zip_that_came_in_is_known_again_inside_another(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "发来"
    folder.mkdir()
    write(folder / "甲.shp", frame())
    pack(tmp_path / "一.zip", folder)
    pack(tmp_path / "二.zip", folder, names="gbk")
    command = ["--store", "库.gpkg", "--lang", "zh", "import"]

    cli.run([*command, "一.zip", "-l", "priority_plot"])
    again = cli.run([*command, "二.zip", "-l", "priority_plot"])

    assert again == Exit.DONE
    assert "没有再做任何改动" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["!急件", "甲;乙", "问?题#1", "http:甲"])
@pytest.mark.parametrize("suffix", [".shp", ".gpkg", ".gdb"])
def test_no_name_is_taken_for_an_address(tmp_path, monkeypatch, name, suffix):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / f"plain{suffix}", frame())
    for one in sorted(tmp_path.glob("plain.*")):
        one.rename(tmp_path / f"{name}{one.suffix}")

    delivery = door(Path(f"{name}{suffix}"))

    assert sorted(delivery.frame["name"]) == sorted(NAMES)
    assert delivery.source.name == f"{name}{suffix}"
    assert errors(delivery) == set()


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("cpg/big5.dbf", "國語"),
        ("cpg/koi8r.dbf", "русский"),
        ("cpg/latin2.dbf", "čeština"),
        ("cpg/shiftjis.dbf", "カタカナひらがな"),
        ("cpg/win1251.dbf", "РУССКИЙ"),
        ("cpg/win874.dbf", "ภาษาไทย"),
        ("ldid/chinese.dbf", "简体"),
    ],
)
def test_a_table_is_read_as_its_cpg_or_language_byte_says(shared_data, name, said):
    findings = Findings("priority_plot", name)

    arrived = reading.read(shared_data("mapshaper_dbf") / name, findings=findings)

    assert said.lower() in "".join(arrived.frame["NAME"].dropna()).lower()
    assert findings.frame().empty


@pytest.mark.parametrize("wrong", ["UTF-8", "ISO-8859-1", "乱写", ""])
def test_a_wrong_cpg_does_not_spoil_the_names(tmp_path, wrong):
    path = write(tmp_path / "地块.shp", frame())
    path.with_suffix(".cpg").write_text(wrong, "utf-8")

    delivery = door(path)

    assert delivery.frame["name"].tolist() == NAMES
    assert errors(delivery) == set()
