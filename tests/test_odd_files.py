"""Files that are odd in a small way: what offices send, and what becomes of it."""

from __future__ import annotations

import datetime as dt
import shutil
import struct
import zipfile

import openpyxl
import pytest
import shapely
import test_containers as drawn_files
import test_corner_points as corners
from test_containers import NAMES, codes, door, errors, frame, write

from layers import catalog
from maps import cli
from maps.answers import Exit
from parcels.model import Moment
from parcels.register import Register

LAYERS = catalog.load()
OUTER_RING, TRIANGLE_STRIP = 2, 0


def multipatch(path, parts):
    """Make the boundaries of a shapefile surfaces in space, one for each kind of part."""
    body, index, place = b"", b"", 50
    for number, part in enumerate(parts):
        west = 116.2 + 0.003 * number
        ring = [(west, 40), (west + 0.002, 40), (west + 0.002, 40.002), (west, 40.002), (west, 40)]
        flat = shapely.bounds(shapely.Polygon(ring))
        shape = struct.pack("<i4d4i", 31, *flat, 1, len(ring), 0, part)
        shape += b"".join(struct.pack("<2d", *one) for one in ring)
        shape += struct.pack("<7d", *[0.0] * (2 + len(ring)))
        body += struct.pack(">2i", number + 1, len(shape) // 2) + shape
        index += struct.pack(">2i", place, len(shape) // 2)
        place += 4 + len(shape) // 2
    for suffix, content in ((".shp", body), (".shx", index)):
        head = struct.pack(">7i", 9994, 0, 0, 0, 0, 0, 50 + len(content) // 2)
        head += struct.pack("<2i8d", 1000, 31, 116.2, 40, 116.3, 40.002, 0, 0, 0, 0)
        path.with_suffix(suffix).write_bytes(head + content)


def test_a_surface_in_space_is_of_the_wrong_shape_and_not_damaged(tmp_path):
    path = write(tmp_path / "地块.shp", frame())
    multipatch(path, [OUTER_RING, TRIANGLE_STRIP])

    delivery = door(path)

    found = delivery.findings.frame()
    (told,) = found[found["code"] == "boundary_wrong_shape"].itertuples()
    assert (told.row, told.found) == (2, "TIN")
    assert errors(delivery) == {"boundary_wrong_shape"}
    assert delivery.ready["name"].tolist() == NAMES[:1]


@pytest.mark.parametrize("filled", [b"\x1a", b"\x1a\0\0", b"  \x1a"])
@pytest.mark.parametrize("encoding", ["GBK", "UTF-8"])
def test_a_mark_of_the_end_of_a_file_after_a_text_is_no_part_of_it(tmp_path, encoding, filled):
    path = write(tmp_path / "地块.shp", frame(), encoding=encoding)
    table = path.with_suffix(".dbf")
    content = table.read_bytes()
    end = content.index(NAMES[0].encode(encoding)) + len(NAMES[0].encode(encoding))
    table.write_bytes(content[:end] + filled + content[end + len(filled) :])

    delivery = door(path)

    assert errors(delivery) == set()
    assert delivery.frame["name"].tolist() == NAMES


@pytest.mark.parametrize("charset", ["", 'Charset "Neutral"'])
@pytest.mark.parametrize("encoding", ["utf-8", "gbk"])
@pytest.mark.parametrize("count", [1, 2])
def test_a_mif_without_a_charset_is_read_by_its_texts(tmp_path, charset, encoding, count):
    rows = frame()[["DKDM", "DKMC", "geometry"]].iloc[:count]
    path = write(tmp_path / "plots.mif", rows)
    head = path.read_text("gbk").splitlines()
    kept = [line for line in head if not line.lower().startswith("charset")]
    path.write_text("\n".join([kept[0], *([charset] if charset else []), *kept[1:]]) + "\n")
    texts = path.with_suffix(".mid")
    texts.write_bytes(texts.read_text("gbk").encode(encoding))

    delivery = door(path, stage="优先监管")

    assert errors(delivery) == set()
    assert delivery.frame["name"].tolist() == NAMES[:count]
    assert "encoding_guessed" in codes(delivery)


@pytest.mark.parametrize("name", ["!地块.gdb", "甲;乙!/地块.gdb", "甲!.gdb"])
def test_a_file_geodatabase_comes_in_whatever_its_way_is_called(tmp_path, name):
    place = tmp_path / name
    place.parent.mkdir(exist_ok=True)
    shutil.move(write(tmp_path / "a.gdb", frame()), place)

    delivery = door(place)

    assert errors(delivery) == set()
    assert delivery.frame["name"].tolist() == NAMES


@pytest.mark.parametrize(
    "written", [b"GEOGCS[", b"\x00\x01\x02 garbage", 'PROJCS["CGCS2000",'.encode("utf-16")]
)
def test_a_prj_that_is_not_understood_is_told_and_nothing_assumed(tmp_path, written):
    path = write(tmp_path / "地块.shp", frame())
    path.with_suffix(".prj").write_bytes(written)

    delivery = door(path)
    stated = door(path, crs="EPSG:4490")

    assert errors(delivery) == {"crs_doubtful"}
    assert len(delivery.ready) == 0
    assert errors(stated) == set()
    assert len(stated.ready) == 2


@pytest.mark.parametrize("written", [b"", b"  \r\n", None])
def test_a_prj_that_says_nothing_declares_nothing(tmp_path, written):
    path = write(tmp_path / "地块.shp", frame())
    path.with_suffix(".prj").unlink()
    if written is not None:
        path.with_suffix(".prj").write_bytes(written)

    delivery = door(path)

    assert errors(delivery) == set()
    assert "crs_assumed" in codes(delivery)


def test_a_broken_prj_that_names_a_local_system_is_refused_as_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = write(tmp_path / "地块.shp", frame())
    path.with_suffix(".prj").write_bytes('PROJCS["北京地方坐标系",'.encode("gbk"))

    assert cli.run(["import", path.name, "-l", "priority_plot"]) == Exit.CRS_NOT_KNOWN


# Workbooks with a parcel on each sheet


def book(path, *, hidden=(), **sheets):
    """A workbook of these sheets; `_` before a name stands for nothing."""
    made = openpyxl.Workbook()
    made.remove(made.active)
    for name, rows in sheets.items():
        sheet = made.create_sheet(name.removeprefix("_"))
        for row in rows:
            sheet.append(row)
        if name in hidden:
            sheet.sheet_state = "hidden"
    made.save(path)
    return path


HEAD = ["点号", "X(北)", "Y(东)"]
FIRST = [HEAD, *corners.corners(corners.OUTER)]
SECOND = [HEAD, *corners.corners(corners.OUTER, right=300)]
START = ["--store", "库.gpkg", "--lang", "zh", "import"]
MORE = ["-l", "priority_plot", "--stage", "优先监管"]


def kept(tmp_path):
    with Register(str(tmp_path / "库.gpkg"), list(LAYERS.values())) as register:
        day = Moment(dt.date(2100, 1, 1))
        return sorted(register.frame("priority_plot", day)["code"])


def test_each_sheet_of_corners_is_a_parcel(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    book(tmp_path / "界址点.xlsx", **{f"_{corners.A}": FIRST, f"_{corners.B}": SECOND})

    done = cli.run([*START, "界址点.xlsx", *MORE])
    said = capsys.readouterr().out
    again = cli.run([*START, "界址点.xlsx", *MORE])

    assert (done, again) == (Exit.DONE, Exit.DONE)
    assert kept(tmp_path) == [corners.A, corners.B]
    assert "part_not_used" not in said
    assert f"界址点.xlsx/{corners.A}" in said.replace("\n", "")
    assert capsys.readouterr().out.count("已在变更") == 2


@pytest.mark.parametrize(
    ("others", "hidden"),
    [({"说明": [["填表说明"], ["请填写"]]}, ()), ({"旧表": SECOND}, ("旧表",)), ({"空": []}, ())],
    ids=["a sheet of notes", "a hidden sheet", "an empty sheet"],
)
def test_a_workbook_with_one_sheet_of_corners_is_read_as_ever(
    tmp_path, monkeypatch, others, hidden
):
    monkeypatch.chdir(tmp_path)
    book(tmp_path / "a.xlsx", hidden=hidden, **{f"_{corners.A}": FIRST}, **others)

    done = cli.run([*START, "a.xlsx", *MORE])

    assert done == Exit.DONE
    assert kept(tmp_path) == [corners.A]


def test_a_sheet_with_a_fault_keeps_its_own_parcel_out_with_its_own_rejects(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    spoiled = [HEAD, *[list(row) for row in SECOND[1:]]]
    spoiled[2][1] = "?"
    book(tmp_path / "a.xlsx", **{f"_{corners.A}": FIRST, f"_{corners.B}": spoiled})

    code = cli.run([*START, "a.xlsx", *MORE, "--accept-valid"])

    assert code == Exit.DELIVERY_NOT_ACCEPTED
    assert kept(tmp_path) == [corners.A]
    rejects = openpyxl.load_workbook(tmp_path / f"{corners.B}.rejects.xlsx").active
    assert rejects.max_row == len(spoiled)


@pytest.mark.parametrize("suffix", [".xlsx", ".gpkg"])
def test_another_sheet_or_layer_of_a_file_that_came_in_is_no_file_known(
    tmp_path, monkeypatch, capsys, suffix
):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / f"两份{suffix}"
    rows = [frame().iloc[:1], frame().iloc[1:]]
    if suffix == ".gpkg":
        for name, one in zip("甲乙", rows, strict=True):
            write(path, one, layer=name, append=path.exists())
    else:
        tables = [[list(one.columns[:3]), *one.iloc[:, :3].to_numpy().tolist()] for one in rows]
        book(path, 甲=tables[0], 乙=tables[1])

    first = [cli.run([*START, path.name, *MORE, "--part", name]) for name in "甲乙"]
    stored = kept(tmp_path)
    capsys.readouterr()
    again = [cli.run([*START, path.name, *MORE, "--part", name]) for name in "甲乙"]

    assert first == again == [Exit.DONE] * 2
    assert stored == frame()["DKDM"].tolist()
    assert capsys.readouterr().out.count("已在变更") == 2


# KML as web maps and phones write it

PAGE = """<?xml version="1.0" encoding="UTF-8"?>
<kml xmlns="http://www.opengis.net/kml/2.2"><Document><Placemark><ExtendedData>
<Data name="编码"><value>1101080320001</value></Data>
<Data name="名称"><value>示例甲</value></Data>
<Data name="环节"><value>优先监管</value></Data>
</ExtendedData><Polygon><outerBoundaryIs><LinearRing><coordinates>{ring}</coordinates>
</LinearRing></outerBoundaryIs></Polygon></Placemark></Document></kml>"""
SQUARE = "116.2,40 116.202,40 116.202,40.002 116.2,40.002 116.2,40"
BOW_TIE = "116.2,40 116.202,40.002 116.202,40 116.2,40.002 116.2,40"


def page(path, ring):
    path.write_text(PAGE.format(ring=ring), "utf-8")
    return path


def test_headings_of_the_same_length_in_a_kml_are_columns_of_their_own(tmp_path):
    delivery = door(page(tmp_path / "a.kml", SQUARE))

    row = delivery.ready.iloc[0]
    assert errors(delivery) == set()
    assert (row["code"], row["name"], row["stage"]) == ("1101080320001", "示例甲", "priority")


@pytest.mark.parametrize("suffix", [".kml", ".kmz"])
def test_rejects_of_a_boundary_that_crosses_itself_are_written_as_it_came(
    tmp_path, monkeypatch, suffix
):
    monkeypatch.chdir(tmp_path)
    path = page(tmp_path / "doc.kml", BOW_TIE)
    if suffix == ".kmz":
        with zipfile.ZipFile(tmp_path / "a.kmz", "w") as archive:
            archive.write(path, "doc.kml")
        path = tmp_path / "a.kmz"

    code = cli.run([*START, path.name, *MORE, "--accept-valid"])
    again = door(tmp_path / f"{path.stem}.rejects{suffix}")

    assert code == Exit.DELIVERY_NOT_ACCEPTED
    assert errors(again) == {"boundary_invalid"}
    assert again.frame["name"].tolist() == ["示例甲"]


def test_blocks_that_are_not_there_are_not_told_of(tmp_path):
    lines = drawn_files.polyline(drawn_files.square(39448400, 4419400), "线")
    path = tmp_path / "a.dxf"
    path.write_text(drawn_files.DXF.format(page="936", entities=lines), "gbk")

    assert "part_not_used" not in codes(door(path, mapping={"Layer": "code"}))
