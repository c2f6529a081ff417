"""What Python gets of everything that was sent: the same as `jingtu import`."""

from __future__ import annotations

import zipfile

import pytest
import test_corner_points as corners
from test_containers import frame, write
from test_odd_files import FIRST, SECOND, book

from layers import catalog
from parcels import districts
from parcels.errors import FileNotReadableError, PartNotChosenError
from parcels.ingest.deliveries import receive_all
from parcels.ingest.delivery import ReceiveOptions, receive

PLOT = catalog.load()["priority_plot"]
CITY = districts.bundled()
SAID = ReceiveOptions(stage="优先监管")


def taken(*paths, options=SAID):
    came, unread = receive_all(paths, PLOT, CITY, options=options)
    return [one.ready["code"].tolist() for one in came], [one.refusal.code for one in unread]


def sheets(folder):
    return book(folder / "界址点.xlsx", **{f"_{corners.A}": FIRST, f"_{corners.B}": SECOND})


def test_each_sheet_of_corners_is_a_delivery(tmp_path):
    came, unread = receive_all([sheets(tmp_path)], PLOT, CITY, options=SAID)

    assert [one.ready["code"].tolist() for one in came] == [[corners.A], [corners.B]]
    assert [one.source.name for one in came] == [
        f"界址点.xlsx/{name}" for name in (corners.A, corners.B)
    ]
    assert unread == []


def test_one_sheet_is_received_where_it_is_named(tmp_path):
    path = sheets(tmp_path)

    with pytest.raises(PartNotChosenError) as refusal:
        receive(path, PLOT, CITY, options=SAID)
    one = receive(path, PLOT, CITY, options=ReceiveOptions(stage="优先监管", part=corners.B))

    assert refusal.value.fields["parts"] == [corners.A, corners.B]
    # A sheet that is named alone stands for the file: its name says nothing of the parcel.
    assert len(one.frame) == 1


def test_a_zip_a_workbook_and_a_list_come_in_together(tmp_path):
    write(tmp_path / "地块.gpkg", frame())
    packed = tmp_path / "两份.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        archive.write(tmp_path / "地块.gpkg", "甲/地块.gpkg")
        archive.write(sheets(tmp_path), "乙/界址点.xlsx")

    codes, unread = taken(packed, tmp_path / "地块.gpkg")

    mine = frame()["DKDM"].tolist()
    assert sorted(codes) == sorted([[corners.A], [corners.B], mine, mine])
    assert unread == []


def test_a_file_that_cannot_be_read_hinders_no_other(tmp_path):
    (tmp_path / "坏.zip").write_bytes(b"PK\x03\x04")
    (tmp_path / "空.shp").write_bytes(b"")

    codes, unread = taken(sheets(tmp_path), tmp_path / "坏.zip", tmp_path / "空.shp")

    assert codes == [[corners.A], [corners.B]]
    assert unread == ["file_not_readable", "file_not_readable"]
    with pytest.raises(FileNotReadableError):
        receive_all([tmp_path / "坏.zip"], PLOT, CITY)


def test_an_empty_note_in_a_folder_is_named_and_hinders_nothing(tmp_path):
    folder = tmp_path / "报送"
    folder.mkdir()
    write(folder / "地块.gpkg", frame())
    (folder / "说明.txt").write_bytes(b"")

    came, unread = receive_all([folder], PLOT, CITY, options=SAID)

    assert [len(one.ready) for one in came] == [len(frame())]
    assert came[0].findings.of("member_not_read")["found"].tolist() == ["报送/说明.txt"]
    assert unread == []
