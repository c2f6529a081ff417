"""Every change carries a hash over all it wrote: whatever is edited afterwards by SQL is found."""

from __future__ import annotations

import dataclasses
import datetime as dt
from contextlib import contextmanager
from pathlib import Path

import alembic.command
import alembic.config
import geopandas as gpd
import numpy as np
import pytest
import shapely
import sqlalchemy as sa
from town import AT, DAY, PLOT, act, plots, square

from parcels import districts, geopackage, seals, tables
from parcels.lifecycle import Evidence
from parcels.model import Label, SourceFile, Stage
from parcels.recording import Recorder
from parcels.register import Intake
from parcels.reviewing import Reviewing

WAY = dataclasses.replace(
    PLOT,
    stages=(
        Stage("surveyed", Label("已调查", "surveyed"), next=("listed",)),
        Stage("listed", Label("已列入名录", "listed")),
    ),
)
PROOF = Evidence("report", "示例1号", DAY, "示例单位", file=SourceFile("报告.pdf", "f" * 64, 9))


def checked(register):
    with register.store.read() as connection:
        return seals.check(connection)


def fill(register):
    """Changes with rows in every table: two overlap, one crosses, one moves on, three go back."""
    told = dataclasses.replace(
        act(sha="a"), sender="110108", confirmed={"地块称谓": "name", "备用": ""}
    )
    frame = plots(4)
    shapes = frame.geometry.to_numpy().copy()
    shapes[1] = square(116.2005, 40.0)
    shapes[2] = shapely.MultiPolygon([shapely.box(116.2, 39.8, 116.5, 40.0)])
    frame = frame.set_geometry(gpd.GeoSeries(shapes, crs=4490))
    register.take(WAY.key, frame, told)
    again = dataclasses.replace(
        act(sha="b", days=1), sender="110108", confirmed={"地块称谓": "former_name"}
    )
    register.take(WAY.key, plots(1, name="改名"), again)
    moved = plots(1, stage="listed", name="改名")
    register.take(
        WAY.key, moved, act(DAY + dt.timedelta(9), sha="c", days=2), given=PROOF, corrects=True
    )
    register.forget_mapping(2, by="示例经办人", at=AT + dt.timedelta(days=3))
    register.submit(WAY.key, [Intake(plots(3, name="待审"), act(sha="s", days=4))])
    register.give_back(4, dataclasses.replace(act(days=5), reason="须重测"), {"P0001": "重叠"})
    with register.store.write() as connection:
        recorder = Recorder(register.store, connection, act(days=6))
        recorder.open("example")
        land = {
            "id": [1, 2],
            "change_id": [recorder.number] * 2,
            "parent_id": [1, 1],
            "geom": np.array([square(116.2, 40.0), square(116.3, 40.0)], dtype=object),
            "area_m2": [1.5, 1.5],
            "reason": ["修路", "绿地"],
        }
        register.store.insert(connection, tables.remainder, land)
        for one in seals.SEALED:
            count = sa.select(sa.func.count()).select_from(one.table)
            if not connection.execute(count).scalar():
                connection.execute(sa.insert(one.table).values(any_row(one, recorder.number)))


def any_row(one, number):
    """A row of a table that only other doors write, as if the change of this number wrote it."""
    row = {c.name: None if c.nullable else other(c, None) for c in one.table.columns}
    ours = {"id": 1, "change_id": number, "recorded_from": number}
    if one.closed is not None:
        ours[one.closed] = None if one.table.c[one.closed].nullable else tables.NOT_SUPERSEDED
    return row | {key: value for key, value in ours.items() if key in row}


@pytest.fixture
def register(store_url):
    with Reviewing(store_url, [WAY]) as opened:
        fill(opened)
        yield opened


def test_a_register_left_alone_fits_its_seals(register):
    found = checked(register)

    assert found.misfits == {}
    assert found.changes == found.last == 8
    assert found.digest == found.hashes[8]


def test_the_fixture_has_a_row_in_every_sealed_table(register):
    with register.store.read() as connection:
        empty = [
            one.table.name
            for one in seals.SEALED
            if not connection.execute(sa.select(sa.func.count()).select_from(one.table)).scalar()
        ]

    assert empty == []


def test_every_table_is_sealed_or_named_as_one_that_says_nothing():
    named = {one.table.name for one in seals.SEALED} | seals.NOT_SEALED

    assert named == set(tables.metadata.tables)


COLUMNS = [
    (one.table.name, column.name)
    for one in seals.SEALED
    for column in one.table.columns
    if column.name != "id"
]


FILLED = (
    (tables.Instant, AT),
    (sa.Boolean, True),
    (sa.Integer, 1),
    (sa.Double, 1.5),
    (sa.Date, DAY),
    (sa.Text, "另"),
    (sa.LargeBinary, b"x"),
)
CHANGED = (
    (bool, lambda held: not held),
    (dt.date, lambda held: held - dt.timedelta(days=1)),
    (float, lambda held: held + max(abs(held), 1) * 3e-16),
    (int, lambda held: held - 1 if held > 1 else held + 1),
    (dict, lambda held: held | {"另": 1}),
    (str, lambda held: f"{held}另"),
    (bytes, lambda held: held + b"x"),
)


def other(column, held):
    """A value that is not the one held."""
    if column.name == "recorded_to" and held is not None:
        return 5 if held == tables.NOT_SUPERSEDED else tables.NOT_SUPERSEDED
    if column.type is tables.Json:
        return '{"另": 1}'
    if held is None:
        return next(made for kind, made in FILLED if isinstance(column.type, kind))
    return next(change(held) for kind, change in CHANGED if isinstance(held, kind))


@pytest.fixture(
    scope="module", params=["embedded", pytest.param("postgis", marks=pytest.mark.postgis)]
)
def intruder(request, tmp_path_factory):
    """An engine of somebody who edits a filled register by SQL and keeps no key or constraint."""
    if request.param == "embedded":
        url = str(tmp_path_factory.mktemp("seals") / "register.gpkg")
    else:
        cluster = request.getfixturevalue("postgis_cluster")
        cluster.copy_template("seals")
        url = cluster.url("seals")
    with Reviewing(url, [WAY]) as opened:
        fill(opened)
    if request.param != "embedded":
        engine = sa.create_engine(url)
        yield engine
        engine.dispose()
        return
    engine = geopackage.engine(Path(url), writes=True)

    @sa.event.listens_for(engine, "connect")
    def _careless(connection, _record):
        connection.execute("PRAGMA foreign_keys=off")
        connection.execute("PRAGMA ignore_check_constraints=on")

    yield engine
    engine.dispose()


@contextmanager
def edited(engine):
    """A transaction in which anything may be written and nothing stays."""
    with engine.connect() as connection:
        if engine.dialect.name != "sqlite":
            connection.exec_driver_sql("SET LOCAL session_replication_role = replica")
            connection.exec_driver_sql("ALTER TABLE version DROP CONSTRAINT true_for_a_while")
            connection.exec_driver_sql("ALTER TABLE version DROP CONSTRAINT known_for_a_while")
        yield connection
        connection.rollback()


@pytest.mark.parametrize(("table", "column"), COLUMNS)
def test_a_value_edited_by_sql_in_any_column_is_found(intruder, table, column):
    one = tables.metadata.tables[table]
    aim = one.c[column]
    is_boundary = isinstance(aim.type, tables.BoundaryType)
    with edited(intruder) as connection:
        seen = sa.select(one.c.id, sa.literal(1) if is_boundary else aim)
        key, held = connection.execute(seen.order_by(one.c.id)).first()
        value = other(aim, held)
        if is_boundary:
            value = sa.select(one.c.geom).where(one.c.id == key + 1).scalar_subquery()
        connection.execute(sa.update(one).where(one.c.id == key).values({column: value}))

        found = seals.check(connection).misfits

    assert found


@pytest.mark.parametrize("table", [one.table.name for one in seals.SEALED])
def test_a_row_taken_away_or_added_by_sql_is_found(intruder, table):
    one = tables.metadata.tables[table]
    names = ", ".join(f'"{c.name}"' for c in one.columns if c.name != "id")
    newest = f'(SELECT max(id) FROM "{table}")'
    with edited(intruder) as connection:
        connection.execute(sa.delete(one).where(one.c.id == sa.text(newest)))
        without = seals.check(connection).misfits
    with edited(intruder) as connection:
        if one.constraints and intruder.dialect.name != "sqlite":
            _drop_uniqueness(connection, one)
        shift = "id + 1000000" if table in {"part", "overlap"} else newest + " + 1"
        unique = {"district", "unit", "part", "overlap", "freeze"}
        if intruder.dialect.name == "sqlite" and table in unique:
            pytest.skip("the file itself holds no such row twice")
        connection.exec_driver_sql(
            f'INSERT INTO "{table}" (id, {names}) SELECT {shift}, {names} FROM "{table}" '
            f"WHERE id = {newest}"
        )
        twice = seals.check(connection).misfits

    assert without
    assert twice


def _drop_uniqueness(connection, table):
    for key in sa.inspect(connection).get_unique_constraints(table.name):
        connection.exec_driver_sql(f'ALTER TABLE "{table.name}" DROP CONSTRAINT "{key["name"]}"')


def test_the_first_change_that_does_not_fit_is_named_with_what_differs(intruder):
    with edited(intruder) as connection:
        name = sa.update(tables.version).where(tables.version.c.recorded_from == 3)
        connection.execute(name.values(source_row=99))
        found = seals.check(connection)

    assert list(found.misfits) == [3]
    (wrong,) = found.misfits[3]
    assert (wrong.kind, wrong.sealed_rows, wrong.found_rows) == ("version", 1, 1)
    assert wrong.sealed_digest != wrong.found_digest


@pytest.mark.parametrize("column", ["parts", "digest"])
def test_an_edited_seal_is_found(intruder, column):
    with edited(intruder) as connection:
        seal = sa.update(tables.seal).where(tables.seal.c.change_id == 2)
        connection.execute(seal.values({column: "{}"}))
        found = seals.check(connection)

    assert next(iter(found.misfits)) == 2


def test_a_change_taken_out_of_the_middle_with_its_seal_breaks_the_chain_after_it(intruder):
    with edited(intruder) as connection:
        connection.execute(sa.delete(tables.seal).where(tables.seal.c.change_id == 8))
        connection.execute(sa.delete(tables.change).where(tables.change.c.id == 8))
        last = seals.check(connection)
    with edited(intruder) as connection:
        connection.execute(sa.delete(tables.seal).where(tables.seal.c.change_id == 4))
        found = seals.check(connection)

    # What is cut off the end leaves no trace here: an anchor kept elsewhere tells.
    assert 8 not in last.hashes
    assert {4, 5} <= set(found.misfits)


def test_one_more_unsealed_change_is_found(intruder):
    with edited(intruder) as connection:
        connection.execute(
            sa.insert(tables.change).values(
                id=9, kind="import", effective_on=DAY, made_at=AT, made_by="某人"
            )
        )
        found = seals.check(connection)

    assert list(found.misfits) == [9]


def test_a_zero_byte_and_what_follows_is_read_too(tmp_path):
    url = str(tmp_path / "register.gpkg")
    with Reviewing(url, [WAY]) as opened:
        fill(opened)
        with opened.store.write() as connection:
            connection.exec_driver_sql("UPDATE version SET name = name || char(0) || 'x'")

        assert checked(opened).misfits


@pytest.mark.parametrize("at_once", [1, 2, 7])
def test_seals_do_not_depend_on_how_many_rows_are_read_at_once(register, monkeypatch, at_once):
    monkeypatch.setattr(seals, "_AT_ONCE", at_once)

    register.take(WAY.key, plots(9, name="新"), act(sha="d", days=9))
    monkeypatch.undo()

    assert checked(register).misfits == {}


def test_a_change_that_came_to_nothing_leaves_the_chain_whole(register, monkeypatch):
    monkeypatch.setattr(register.store, "tidy", lambda _: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        register.take(WAY.key, plots(9), act(sha="d", days=9))
    monkeypatch.undo()

    register.take(WAY.key, plots(9), act(sha="d", days=9))

    assert checked(register).misfits == {}


def test_new_districts_are_sealed_with_all_that_moves(register):
    register.load_territory(districts.bundled(), act(days=9), source="示例")

    assert checked(register).misfits == {}
    assert checked(register).changes == 9


OLD = """
INSERT INTO file(id, name, sha256, received_at)
  VALUES (1, 'a.shp', 'aa', '2024-06-01T08:00:00.000000Z');
INSERT INTO change(id, kind, effective_on, made_at, made_by, file_id)
  VALUES (1, 'import', '2024-06-01', '2024-06-01T08:00:00.000000Z', '某人', 1);
INSERT INTO mapping VALUES (1, '110108', 'town_plot', '名', 'name', '某人',
  '2024-06-01T08:00:00.000000Z', 1, '某人', '2024-06-02T08:00:00.000000Z');
"""


def test_changes_made_before_there_were_seals_are_sealed_when_the_register_is_opened(store_url):
    embedded = not store_url.startswith("postgresql")
    engine = geopackage.engine(Path(store_url), writes=True) if embedded else None
    engine = engine or sa.create_engine(store_url)
    config = alembic.config.Config()
    config.set_main_option("script_location", "parcels:migrations")
    config.set_main_option("path_separator", "os")
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        alembic.command.upgrade(config, "0003")
        for statement in OLD.split(";\n")[:-1]:
            connection.exec_driver_sql(statement)
    engine.dispose()

    with Reviewing(store_url, [WAY]) as opened:
        found = checked(opened)
        with opened.store.read() as connection:
            owned = connection.execute(sa.select(tables.file.c.change_id)).scalars().all()
            ended = connection.execute(sa.select(tables.mapping.c.closed_in)).scalars().all()

    assert (found.changes, found.misfits) == (1, {})
    assert (owned, ended) == ([1], [1])
