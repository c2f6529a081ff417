"""The two databases: one model, one history, and the traps of the embedded one."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
import textwrap
from dataclasses import replace
from pathlib import Path

import alembic.autogenerate
import alembic.config
import alembic.migration
import alembic.script
import numpy as np
import pytest
import shapely
import sqlalchemy as sa
from town import PLOT, act, label, plots

from parcels import geopackage, store, tables
from parcels.errors import (
    StoreBusyError,
    StoreNotFoundError,
    StoreNotUsableError,
    StoreTooNewError,
)
from parcels.register import Register
from parcels.store import Store

HERE = str(Path(__file__).parent)


def elsewhere(script: str, *arguments: str) -> dict:
    """Run Python in another process; what it prints is JSON."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script), *arguments],
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture
def live(tmp_path):
    """An embedded register with five plots, kept open."""
    path = tmp_path / "示例 登记册.gpkg"
    with Register(str(path), [PLOT]) as register:
        register.take(PLOT.key, plots(5), act())
        yield path, register


READ = """
    import json, sys, pyogrio, pyarrow
    path, layer = sys.argv[1:]
    with pyogrio.open_arrow(path, layer=layer) as (meta, stream):
        schema = pyarrow.RecordBatchReader.from_stream(stream).schema
        titles = {f.name: (f.metadata or {}).get(b"GDAL:OGR:alternative_name", b"").decode()
                  for f in schema}
    info = pyogrio.read_info(path, layer=layer)
    frame = pyogrio.read_dataframe(path, layer=layer)
    print(json.dumps({
        "layers": pyogrio.list_layers(path).tolist(),
        "types": dict(zip(info["fields"].tolist(), info["ogr_types"])),
        "titles": titles, "crs": info["crs"], "rows": len(frame),
        "fast": info["capabilities"]["fast_spatial_filter"],
        "years": frame["years"].tolist() if "years" in frame else None,
    }))
"""


def test_gdal_in_another_process_reads_a_typed_view_while_jingtu_writes(live):
    path, register = live

    with register.store.write() as connection:
        connection.execute(sa.update(tables.version).values(name="写到一半"))
        seen = elsewhere(READ, str(path), PLOT.key)

    assert seen["rows"] == 5
    assert seen["crs"] == "EPSG:4490"
    assert seen["years"] == [7] * 5
    assert seen["types"]["closed_on"] == "OFTDate"
    assert seen["types"]["volume_m3"] == "OFTReal"
    assert seen["types"]["years"] == "OFTInteger64"
    assert seen["types"]["industry"] == "OFTString"
    assert seen["titles"]["industry"] == "行业"
    assert seen["titles"]["code"] == "核心code"


def test_gdal_finds_the_spatial_index_of_the_view(live):
    path, _ = live

    assert elsewhere(READ, str(path), PLOT.key)["fast"] is True


def test_the_ogr_of_the_system_opens_the_view(live, ogrinfo):
    path, _ = live

    done = subprocess.run(
        [ogrinfo, "-ro", "-so", str(path), PLOT.key], check=True, capture_output=True, text=True
    )

    assert "Feature Count: 5" in done.stdout
    assert "closed_on: Date" in done.stdout
    assert "years: Integer64" in done.stdout


def test_gdal_drops_no_column_of_any_table(live):
    path, _ = live

    for table in ("boundary", "change"):
        with sqlite3.connect(path) as connection:
            declared = {row[1] for row in connection.execute(f"PRAGMA table_info({table})")}
        connection.close()
        seen = elsewhere(READ, str(path), table)

        assert set(seen["types"]) == declared - {"id", "geom"}


def test_every_declared_type_is_one_gdal_keeps(live):
    path, _ = live
    kept = {"INTEGER", "TEXT", "DOUBLE", "DATE", "DATETIME", "BOOLEAN", "GEOMETRY", "BLOB"}

    connection = sqlite3.connect(path)
    found = {
        (table, row[1], row[2])
        for table in tables.metadata.tables
        for row in connection.execute(f"PRAGMA table_xinfo({table})")
    }
    connection.close()

    assert {kind for _, _, kind in found} <= kept, found


def test_the_file_header_carries_the_mark_before_the_write_ahead_log(tmp_path):
    path = tmp_path / "r.gpkg"

    with Register(str(path), [PLOT]):
        assert path.read_bytes()[68:72] == b"GPKG"


def test_a_renewed_declaration_renews_the_view(tmp_path):
    path = tmp_path / "r.gpkg"
    Register(str(path), [PLOT]).close()
    changed = replace(PLOT, label=label("改名地块"), fields=PLOT.fields[:-1])
    with Register(str(path), [changed]):
        seen = elsewhere(READ, str(path), PLOT.key)

    assert "use" not in seen["types"]
    connection = sqlite3.connect(path)
    name = connection.execute(
        "SELECT identifier FROM gpkg_contents WHERE table_name=?", [PLOT.key]
    )
    assert name.fetchone() == ("改名地块",)
    connection.close()


CONTEND = f"""
    import json, sys
    sys.path.insert(0, {HERE!r})
    import sqlalchemy as sa
    from parcels.store import Store
    from parcels.tables import file
    import datetime as dt
    store, failed = Store(sys.argv[1]), 0
    for _ in range(int(sys.argv[2])):
        with store.write() as connection:
            last = connection.execute(sa.select(sa.func.max(file.c.size_bytes))).scalar() or 0
            connection.execute(sa.insert(file).values(name="x", sha256="x", size_bytes=last + 1,
                received_at=dt.datetime(2024, 1, 1, tzinfo=dt.UTC)))
    store.close()
    print(json.dumps({{"failed": failed}}))
"""


def test_two_processes_that_read_and_then_write_never_lose_a_transaction(store_url):
    Store(store_url).close()
    command = [sys.executable, "-c", textwrap.dedent(CONTEND), store_url, "150"]

    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    done = [process.communicate()[0] for process in running]

    assert all(process.returncode == 0 for process in running), done
    opened = Store(store_url)
    with opened.read() as connection:
        numbers = connection.execute(sa.select(tables.file.c.size_bytes)).scalars().all()
    opened.close()
    assert sorted(numbers) == list(range(1, 301))


def test_a_store_somebody_else_is_writing_to_is_busy_and_says_so(live, monkeypatch):
    path, _ = live
    monkeypatch.setattr(geopackage, "BUSY_SECONDS", 0.2)
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")

    with pytest.raises(StoreBusyError) as refusal:  # noqa: SIM117 - one thing fails
        with Register(str(path), [PLOT]) as other:
            other.take(PLOT.key, plots(6), act())

    holder.execute("ROLLBACK")
    holder.close()
    assert refusal.value.fields["store"] == str(path)


def test_neighbours_on_the_map_are_neighbours_in_the_file(tmp_path):
    rng = np.random.default_rng(1)
    shuffled = plots(400).sample(frac=1, random_state=2).reset_index(drop=True)
    shuffled["geometry"] = [
        shapely.MultiPolygon([shapely.box(x, y, x + 0.0005, y + 0.0005)])
        for x, y in zip(rng.uniform(116, 116.4, 400), rng.uniform(39.9, 40.2, 400), strict=True)
    ]
    with Register(str(tmp_path / "r.gpkg"), [PLOT]) as register:
        register.take(PLOT.key, shuffled, act())
        with register.store.read() as connection:
            query = sa.select(
                tables.boundary.c.id, register.store.boundary_column(tables.boundary.c.geom)
            ).order_by(tables.boundary.c.id)
            stored = register.store.frame(connection, query)["geom"].to_numpy()

    def travelled(shapes):
        places = shapely.get_coordinates(shapely.centroid(shapes))
        return np.hypot(*np.diff(places, axis=0).T).sum()

    assert travelled(stored) < 0.3 * travelled(shuffled.geometry.to_numpy())


def test_the_rtree_knows_every_boundary_after_bulk_and_single_writes(live):
    _, register = live
    with register.store.write() as connection:
        connection.exec_driver_sql("UPDATE boundary SET geom = NULL WHERE id = 1")
        blob = geopackage.to_blobs(np.array([shapely.box(116, 40, 116.1, 40.1)]))[0]
        connection.exec_driver_sql("UPDATE boundary SET geom = ? WHERE id = 2", (blob,))

    with register.store.read() as connection:
        rows = connection.exec_driver_sql("SELECT id, minx FROM rtree_boundary_geom ORDER BY id")
        found = dict(rows.fetchall())

    assert set(found) == {2, 3, 4, 5}
    assert found[2] == pytest.approx(116, abs=1e-4)


def test_blobs_of_other_writers_are_read_whatever_their_envelope():
    shape = shapely.box(116, 40, 117, 41)
    body = shapely.to_wkb(shape)
    plain = b"GP\x00\x01" + (4490).to_bytes(4, "little") + body
    with_z = b"GP\x00\x05" + (4490).to_bytes(4, "little") + b"\x00" * 48 + body

    shapes = geopackage.from_blobs([plain, with_z, None])

    assert shapes[0].equals(shape)
    assert shapes[1].equals(shape)
    assert shapes[2] is None


# -- one history ---------------------------------------------------------------------------------


def script_directory() -> alembic.script.ScriptDirectory:
    config = alembic.config.Config()
    config.set_main_option("script_location", "parcels:migrations")
    config.set_main_option("path_separator", "os")
    return alembic.script.ScriptDirectory.from_config(config)


def test_the_newest_migration_is_the_one_the_store_expects():
    assert script_directory().get_current_head() == store.HEAD


def test_the_migrations_make_what_the_tables_declare(store_url):
    opened = Store(store_url)
    with opened.read() as connection:
        inspector = sa.inspect(connection)
        for name, table in tables.metadata.tables.items():
            columns = {c["name"]: c["nullable"] for c in inspector.get_columns(name)}
            assert columns == {c.name: c.nullable for c in table.columns}, name
            indexes = {i["name"] for i in inspector.get_indexes(name)}
            assert {i.name for i in table.indexes} <= indexes, name
    opened.close()


@pytest.mark.postgis
def test_alembic_finds_nothing_to_change_on_postgis(postgis_url):
    opened = Store(postgis_url)
    with opened.read() as connection:
        context = alembic.migration.MigrationContext.configure(
            connection,
            opts={
                "include_name": lambda name, kind, _: (
                    kind != "table" or name in tables.metadata.tables
                ),
                "compare_type": False,
            },
        )
        found = alembic.autogenerate.compare_metadata(context, tables.metadata)
    opened.close()

    assert [d for d in found if "ix_boundary_geom" not in repr(d)] == []


# -- refusals ------------------------------------------------------------------------------------


def test_a_store_that_is_not_there_is_refused_and_not_made(tmp_path):
    with pytest.raises(StoreNotFoundError):
        Store(str(tmp_path / "no.gpkg"), create=False)

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", [b"not a database", b"SQLite format 3\0" + b"\0" * 100])
def test_a_file_that_is_no_geopackage_is_refused_and_left_alone(tmp_path, content):
    path = tmp_path / "r.gpkg"
    path.write_bytes(content)

    with pytest.raises(StoreNotUsableError):
        Store(str(path))

    assert path.read_bytes() == content


def test_a_server_that_does_not_answer_is_refused_without_its_password():
    with pytest.raises(StoreNotUsableError) as refusal:
        Store("postgresql+psycopg://jingtu:secret@127.0.0.1:1/nothing")

    assert "secret" not in repr(refusal.value.fields)


def test_a_register_of_a_newer_jingtu_is_refused(store_url):
    opened = Store(store_url)
    with opened.write() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    opened.close()

    with pytest.raises(StoreTooNewError) as refusal:
        Store(store_url)

    assert refusal.value.fields["revision"] == "9999"
