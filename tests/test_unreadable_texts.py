"""Bytes that are no text in files that promise UTF-8: the row is named, the others come in."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from test_containers import NAMES, frame, write
from test_encodings import table

from layers import catalog
from parcels import districts
from parcels.findings import Findings
from parcels.ingest.arrow_text import readable
from parcels.ingest.delivery import ReceiveOptions, receive
from parcels.ingest.reading import read

PLOT = catalog.load()["priority_plot"]
CITY = districts.bundled()
BROKEN = "示例".encode()[:3] + b"\xc0\xfd" + "甲".encode()
CUT = "示例甲".encode()[:-1]


def geopackage(path, content):
    write(path, frame())
    with closing(sqlite3.connect(path)) as connection, connection:
        (layer,) = connection.execute("SELECT table_name FROM gpkg_contents").fetchone()
        triggers = "SELECT name FROM sqlite_master WHERE type = 'trigger'"
        for (name,) in connection.execute(triggers).fetchall():
            connection.execute(f'DROP TRIGGER "{name}"')
        order = f'UPDATE "{layer}" SET DKMC = CAST(? AS TEXT) WHERE fid = 1'
        connection.execute(order, (content,))
    return path


def parquet(path, content):
    write(path, frame())
    whole = pq.read_table(path)
    place = whole.schema.get_field_index("DKMC")
    texts = [content, *[one.encode() for one in whole.column(place).to_pylist()[1:]]]
    binary = pa.array(texts, pa.binary())
    (buffers,) = [binary.buffers()]
    column = pa.Array.from_buffers(pa.string(), len(texts), buffers)
    pq.write_table(whole.set_column(place, "DKMC", column), path)
    return path


def shapefile(path, content):
    path = table(path.parent, ["示例甲" + "乙" * 5] + ["示例"] * 6_000, "UTF-8", cpg="UTF-8")
    dbf = path.with_suffix(".dbf")
    whole = dbf.read_bytes()
    # Beyond the rows that tell the encoding.
    place = whole.rindex("示例".encode())
    dbf.write_bytes(whole[:place] + content.ljust(9)[:9] + whole[place + 9 :])
    return path


@pytest.mark.parametrize(
    ("make", "suffix", "row"),
    [(geopackage, ".gpkg", 1), (parquet, ".parquet", 1), (shapefile, ".shp", 6_001)],
)
def test_a_text_that_is_no_utf_8_keeps_its_row_out_and_no_other(tmp_path, make, suffix, row):
    path = make(tmp_path / f"a{suffix}", BROKEN)

    arrived = read(path, findings=(findings := Findings("x", path.name)))

    assert findings.of("record_damaged")["row"].tolist() == [row]
    assert "\ufffd" in arrived.frame["DKMC"].loc[row]
    others = arrived.frame["DKMC"].drop(row)
    assert not others.str.contains("\ufffd").any()


def test_the_rest_of_such_a_delivery_is_ready(tmp_path):
    path = geopackage(tmp_path / "a.gpkg", BROKEN)

    delivery = receive(path, PLOT, CITY, options=ReceiveOptions(stage="优先监管"))

    assert delivery.ready["name"].tolist() == NAMES[1:]


def test_half_a_character_at_the_end_of_a_text_is_left_out(tmp_path):
    path = geopackage(tmp_path / "a.gpkg", CUT)

    arrived = read(path, findings=(findings := Findings("x", path.name)))

    assert arrived.frame["DKMC"].iloc[0] == "示例"
    assert findings.frame().empty


def test_texts_that_can_be_read_are_the_same_table():
    whole = pa.table({"a": ["示例", None], "b": [1, 2]})

    same, spoiled = readable(whole)

    assert same is whole
    assert not spoiled.any()
