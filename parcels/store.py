"""Opens the register's database by URL: transactions, bulk rows, and what differs between the two.

A path (or `gpkg:///path`) is the embedded GeoPackage; `postgresql+psycopg://...` is PostGIS.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from string import Template
from typing import Any, Final, TypeAlias

import numpy as np
import pandas as pd
import shapely
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from parcels import crs, export_seals, geopackage, seals, tables
from parcels.errors import (
    StoreBusyError,
    StoreNotFoundError,
    StoreNotUsableError,
    StoreTooNewError,
)
from parcels.model import Layer

Query: TypeAlias = sa.Select[*tuple[Any, ...]]
"""A select of any columns."""

ROWS_AT_ONCE: Final = 20_000
"""Rows made ready for a database at a time, however many are written."""

HEAD: Final = "0015"
"""The newest migration this Jingtu knows."""


class Store:
    """One database, embedded or PostGIS, at the newest migration.

    Args:
        url: A file path, `gpkg:///path`, or a SQLAlchemy URL of a PostGIS database.
        create: Make the embedded file if it is not there. A PostGIS database must exist.

    Raises:
        StoreNotFoundError: There is no such file and `create` is False.
        StoreNotUsableError: The file is no GeoPackage, or the database cannot be reached.
        StoreTooNewError: A newer Jingtu made the register.
    """

    def __init__(self, url: str, *, create: bool = True) -> None:
        self.url = url
        self.is_embedded = is_embedded(url)
        if self.is_embedded:
            self._writer, self._reader = self._open_file(create=create)
        else:
            self._writer = self._reader = self._open_server()
        try:
            self._migrate()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Let go of the database; embedded, the file is then one file again."""
        self._reader.dispose()
        self._writer.dispose()

    @property
    def path(self) -> Path | None:
        """The embedded file, resolved; None on PostGIS."""
        if not self.is_embedded:
            return None
        return Path(self.url.removeprefix("gpkg://")).resolve()

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """A transaction that sees one state of the register and changes nothing."""
        with self._reader.connect() as connection:
            if not self.is_embedded:
                connection.exec_driver_sql(
                    "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"
                )
            yield connection

    @contextmanager
    def write(self) -> Iterator[sa.Connection]:
        """The one writing transaction: all of it is kept, or on any error none.

        The changes it makes are sealed when it ends.

        Raises:
            StoreBusyError: Another process is writing and did not finish in time.
        """
        try:
            with self._writer.begin() as connection:
                if not self.is_embedded:
                    connection.exec_driver_sql(f"SET LOCAL lock_timeout='{_BUSY_MS}ms'")
                    connection.exec_driver_sql("LOCK TABLE change IN EXCLUSIVE MODE")
                yield connection
                seals.seal(connection)
        except sa.exc.OperationalError as error:
            if _is_busy(error):
                raise StoreBusyError(
                    store=self.shown_url, seconds=geopackage.BUSY_SECONDS
                ) from error
            raise

    def verify(self) -> seals.Check:
        """Whether every change still is as it was sealed; reads every row once."""
        with self.read() as connection:
            return seals.check(connection)

    @property
    def shown_url(self) -> str:
        """The address without a password."""
        if self.is_embedded:
            return str(self.path)
        return sa.make_url(self.url).render_as_string(hide_password=True)

    def insert(
        self, connection: sa.Connection, table: sa.Table, columns: Mapping[str, Sequence[Any]]
    ) -> None:
        """Insert rows given as columns of plain Python values, the fastest way each database has.

        Args:
            connection: The writing connection.
            table: The table.
            columns: Aligned sequences by column name; geometries as shapely arrays.
        """
        names = list(columns)
        count = len(columns[names[0]])
        if not count:
            return
        quoted = ", ".join(f'"{name}"' for name in names)
        if not self.is_embedded:
            cursor = connection.connection.cursor()
            with cursor.copy(f'COPY "{table.name}" ({quoted}) FROM STDIN') as copy:
                for rows in self._batches(table, columns):
                    for row in rows:
                        copy.write_row(row)
            return
        marks = ", ".join("?" * len(names))
        sql = f'INSERT INTO "{table.name}" ({quoted}) VALUES ({marks})'  # noqa: S608 - our names
        with _without_insert_trigger(connection, table):
            for rows in self._batches(table, columns):
                _driver(connection).executemany(sql, rows)
        if table is tables.boundary:
            geopackage.fill_index(connection, columns["id"], np.asarray(columns["geom"]))

    def _batches(
        self, table: sa.Table, columns: Mapping[str, Sequence[Any]]
    ) -> Iterator[Iterator[tuple[Any, ...]]]:
        """Rows some thousands at a time: what a driver takes is several times the columns."""
        places = [isinstance(table.c[name].type, tables.BoundaryType) for name in columns]
        for first in range(0, len(next(iter(columns.values()))), ROWS_AT_ONCE):
            some = slice(first, first + ROWS_AT_ONCE)
            values = [
                self._geometries(column[some]) if is_place else column[some]
                for column, is_place in zip(columns.values(), places, strict=True)
            ]
            yield zip(*values, strict=True)

    def next_id(self, connection: sa.Connection, table: sa.Table) -> int:
        """The first free id; safe because only one transaction writes at a time."""
        highest = connection.execute(sa.select(sa.func.max(table.c.id))).scalar()
        return int(highest or 0) + 1

    def frame(self, connection: sa.Connection, query: Query) -> pd.DataFrame:
        """The rows of a query as columns; a column named geom comes as shapely geometries.

        Args:
            connection: Any connection.
            query: A select; geometry columns must be selected through `boundary_column`.
        """
        result = connection.execute(query)
        names = list(result.keys())
        rows = result.fetchall()
        columns = list(zip(*rows, strict=True)) if rows else [()] * len(names)
        # One column after another, so that pandas sees lists and never a list of rows.
        return pd.DataFrame(
            {
                name: self._shapes(column) if name == "geom" else pd.Series(column, dtype=object)
                for name, column in zip(names, columns, strict=True)
            }
        )

    def plan(self, connection: sa.Connection, query: Query) -> list[str]:
        """The steps by which the database answers a query."""
        text = query.compile(connection, compile_kwargs={"literal_binds": True}).string
        prefix = "EXPLAIN QUERY PLAN " if self.is_embedded else "EXPLAIN "
        rows = connection.exec_driver_sql(prefix + text.replace("%", "%%")).fetchall()
        return [str(row[-1]) for row in rows]

    def boundary_column(self, column: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
        """A geometry column as raw bytes, labelled geom, ready for `frame`."""
        if self.is_embedded:
            return sa.type_coerce(column, sa.LargeBinary).label("geom")
        return sa.type_coerce(sa.func.ST_AsBinary(column), sa.LargeBinary).label("geom")

    def within(
        self, column: sa.ColumnElement[Any], bbox: tuple[float, float, float, float]
    ) -> sa.ColumnElement[bool]:
        """The condition that a boundary's box meets `bbox`, answered by the spatial index.

        Args:
            column: `boundary.id` embedded is matched with the R-tree; on PostGIS `boundary.geom`.
            bbox: West, south, east, north in EPSG:4490 degrees.
        """
        west, south, east, north = bbox
        if self.is_embedded:
            tree = sa.table(
                "rtree_boundary_geom",
                *[sa.column(name) for name in ("id", "minx", "maxx", "miny", "maxy")],
            )
            return tables.boundary.c.id.in_(
                sa.select(tree.c.id).where(
                    tree.c.maxx >= west,
                    tree.c.minx <= east,
                    tree.c.maxy >= south,
                    tree.c.miny <= north,
                )
            )
        box = sa.func.ST_MakeEnvelope(west, south, east, north, crs.STORAGE)
        return column.op("&&", is_comparison=True)(box)

    def among(self, column: sa.ColumnElement[Any], numbers: np.ndarray) -> sa.ColumnElement[bool]:
        """The condition that a column holds one of some whole numbers, however many they are."""
        whole = [int(one) for one in numbers]
        if self.is_embedded:
            listed = sa.func.json_each(json.dumps(whole)).table_valued("value")
            return column.in_(sa.select(listed.c.value))
        return column == sa.any_(sa.bindparam(None, whole, type_=postgresql.ARRAY(sa.BigInteger)))

    def note_ids(
        self, connection: sa.Connection, ids: Sequence[int] | np.ndarray
    ) -> sa.TableClause:
        """A temporary table `noted(id)` of this transaction holding `ids`, to join with."""
        run = connection.exec_driver_sql
        run("DROP TABLE IF EXISTS noted")
        run("CREATE TEMPORARY TABLE noted (id INTEGER PRIMARY KEY)")
        noted = sa.table("noted", sa.column("id", sa.Integer))
        if self.is_embedded:
            rows = [(int(one),) for one in ids]
            _driver(connection).executemany("INSERT INTO noted VALUES (?)", rows)
            return noted
        with connection.connection.cursor().copy("COPY noted (id) FROM STDIN") as copy:
            for one in ids:
                copy.write_row((int(one),))
        run("ANALYZE noted")
        return noted

    def tidy(self, connection: sa.Connection) -> None:
        """Refresh what the planners know, after a change that brought many rows."""
        if self.is_embedded:
            connection.exec_driver_sql("PRAGMA analysis_limit=1000")
            connection.exec_driver_sql("ANALYZE")
        else:
            connection.exec_driver_sql("ANALYZE parcel, boundary, version, part, overlap")

    def publish(self, layers: Sequence[Layer], *, core: Sequence[str]) -> None:
        """Make the typed view of each layer whose declaration is not the one published last.

        Args:
            layers: All declared layers.
            core: Version columns to show before a layer's own fields.
        """
        wanted = {layer.key: _declaration_digest(layer, core) for layer in layers}
        if self._published() == wanted:
            return
        with self.write() as connection:
            done = {
                row.layer: row.digest for row in connection.execute(sa.select(tables.published))
            }
            for layer in layers:
                if done.get(layer.key) != wanted[layer.key]:
                    make = geopackage.publish if self.is_embedded else _publish_on_server
                    make(connection, layer, core=core)
            connection.execute(sa.delete(tables.published))
            rows = [{"layer": key, "digest": digest} for key, digest in wanted.items()]
            connection.execute(sa.insert(tables.published), rows)

    def _published(self) -> dict[str, str]:
        with self.read() as connection:
            rows = connection.execute(sa.select(tables.published))
            return {row.layer: row.digest for row in rows}

    # -- the two databases --------------------------------------------------------------------

    def _geometries(self, geometries: Any) -> list[Any]:
        array = np.asarray(geometries, dtype=object)
        if self.is_embedded:
            return geopackage.to_blobs(array)
        hexed = shapely.to_wkb(shapely.set_srid(array, crs.STORAGE), hex=True, include_srid=True)
        return [None if one is None else str(one) for one in hexed]

    def _shapes(self, column: Sequence[Any]) -> np.ndarray:
        if self.is_embedded:
            return geopackage.from_blobs(column)
        bodies = np.array([None if one is None else bytes(one) for one in column], dtype=object)
        return np.asarray(shapely.from_wkb(bodies), dtype=object)

    def _open_file(self, *, create: bool) -> tuple[sa.Engine, sa.Engine]:
        path = self.path
        assert path is not None  # noqa: S101 - for mypy: embedded stores have a path
        if not path.exists() and not create:
            raise StoreNotFoundError(store=str(path))
        try:
            if path.exists() and not geopackage.is_geopackage(path):
                raise StoreNotUsableError(store=str(path), reason="not_a_geopackage")
            path.parent.mkdir(parents=True, exist_ok=True)
            writer = geopackage.engine(path, writes=True)
            writer.connect().close()
        except (OSError, sa.exc.DatabaseError) as error:
            raise StoreNotUsableError(store=str(path), reason=str(error)) from error
        return writer, geopackage.engine(path, writes=False)

    def _open_server(self) -> sa.Engine:
        try:
            engine = sa.create_engine(self.url)
            engine.connect().close()
        except (sa.exc.SQLAlchemyError, ImportError) as error:
            reason = "psycopg" if isinstance(error, ImportError) else str(error)
            raise StoreNotUsableError(store=self.shown_url, reason=reason) from error
        return engine

    def _migrate(self) -> None:
        if self._revision() == HEAD:
            return
        with self._writer.begin() as connection:
            if not self.is_embedded:
                connection.exec_driver_sql("SELECT pg_advisory_xact_lock(20240630)")
            revision = self._revision()
            if revision == HEAD:
                return
            # Loaded where it is needed: a register at its newest migration opens sooner without.
            import alembic.command  # noqa: PLC0415 - see above
            import alembic.config  # noqa: PLC0415 - see above

            config = alembic.config.Config()
            config.set_main_option("script_location", "parcels:migrations")
            config.set_main_option("path_separator", "os")
            config.attributes["connection"] = connection
            try:
                alembic.command.upgrade(config, "head")
            except alembic.util.exc.CommandError as error:
                raise StoreTooNewError(store=self.shown_url, revision=revision) from error
            export_seals.seal_former(connection)
            seals.seal(connection)

    def _revision(self) -> str | None:
        with self._reader.connect() as connection:
            if not sa.inspect(connection).has_table("alembic_version"):
                return None
            found = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
            return None if found is None else str(found)


def is_embedded(url: str) -> bool:
    """Whether an address is that of a file, not of a server."""
    return not url.startswith(("postgresql:", "postgresql+"))


def _declaration_digest(layer: Layer, core: Sequence[str]) -> str:
    return hashlib.sha256(repr((layer, tuple(core))).encode()).hexdigest()


_BUSY_MS: Final = geopackage.BUSY_SECONDS * 1000


def _driver(connection: sa.Connection) -> sqlite3.Connection:
    driver = connection.connection.driver_connection
    assert isinstance(driver, sqlite3.Connection)  # noqa: S101 - for mypy: embedded only
    return driver


def _is_busy(error: sa.exc.OperationalError) -> bool:
    if isinstance(error.orig, sqlite3.OperationalError):
        return "locked" in str(error.orig) or "busy" in str(error.orig)
    return getattr(error.orig, "sqlstate", None) == "55P03"


@contextmanager
def _without_insert_trigger(connection: sa.Connection, table: sa.Table) -> Iterator[None]:
    """Let rows in without the R-tree's trigger, which `geopackage.fill_index` stands in for."""
    if table is not tables.boundary:
        yield
        return
    name = "rtree_boundary_geom_insert"
    statement = connection.exec_driver_sql(
        "SELECT sql FROM sqlite_master WHERE type = 'trigger' AND name = ?", (name,)
    ).scalar_one()
    connection.exec_driver_sql(f"DROP TRIGGER {name}")
    yield
    connection.exec_driver_sql(statement)


_SERVER_TYPES: Final = {
    "text": "text",
    "integer": "bigint",
    "number": "double precision",
    "date": "date",
    "boolean": "boolean",
    "code": "text",
    "codes": "text",
}


# Keys are identifiers, which the catalog has checked; today is a day in Beijing.
_VIEW: Final = Template("""
CREATE VIEW "$key" AS SELECT v.id AS fid, b.id AS boundary_id, b.geom AS geom, $columns
FROM version v JOIN boundary b ON b.id = v.boundary_id
WHERE v.layer = '$key' AND v.recorded_to = $still
AND v.valid_from <= (now() AT TIME ZONE 'Asia/Shanghai')::date
AND v.valid_to > (now() AT TIME ZONE 'Asia/Shanghai')::date
""")


def _publish_on_server(connection: sa.Connection, layer: Layer, *, core: Sequence[str]) -> None:
    run = connection.exec_driver_sql
    shown = [f'v."{key}" AS "{key}"' for key in core]
    shown += [
        f"(v.attributes->>'{f.key}')::{_SERVER_TYPES[f.kind.value]} AS \"{f.key}\""
        for f in layer.own_fields
    ]
    run(f'DROP VIEW IF EXISTS "{layer.key}"')
    run(_VIEW.substitute(key=layer.key, columns=", ".join(shown), still=tables.NOT_SUPERSEDED))
    for field in layer.fields:
        if field.core and field.key not in core:
            continue
        title = field.label.zh.replace("'", "''")
        run(f'COMMENT ON COLUMN "{layer.key}"."{field.key}" IS \'{title}\'')
    comment = layer.label.zh.replace("'", "''")
    run(f"COMMENT ON VIEW \"{layer.key}\" IS '{comment}'")
