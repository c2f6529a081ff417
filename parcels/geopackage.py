"""The embedded register: a real GeoPackage on the sqlite3 module that comes with Python.

No extension is loaded: loading mod_spatialite beside GDAL's own libraries ends in a crash. What
the R-tree triggers of the GeoPackage standard need is given to SQLite as Python functions; bulk
writing fills the R-tree itself. Other programs may read the file while Jingtu writes; within this
process GDAL never opens it, since two copies of SQLite in one process break each other's locks.
"""

from __future__ import annotations

import sqlite3
import struct
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from string import Template
from typing import Any, Final

import numpy as np
import pyproj
import shapely
import sqlalchemy as sa
from sqlalchemy import event

from parcels import crs, rtree
from parcels.model import Field, Kind, Layer
from parcels.tables import NOT_SUPERSEDED

APPLICATION_ID: Final = 0x47504B47
"""'GPKG' in the file header, by which GDAL knows the format."""

BUSY_SECONDS: Final = 10
"""How long one process waits for another to finish writing."""

_PACKED_FROM: Final = 1_000
"""Boxes from which a packed tree is worth its fixed cost."""

_HEADER: Final = struct.Struct("<2sBBi4d")
_ENVELOPE_BYTES: Final = (0, 32, 48, 48, 64)

_CONTAINER: Final = (
    """CREATE TABLE gpkg_spatial_ref_sys(srs_name TEXT NOT NULL, srs_id INTEGER NOT NULL
    PRIMARY KEY, organization TEXT NOT NULL, organization_coordsys_id INTEGER NOT NULL,
    definition TEXT NOT NULL, description TEXT)""",
    """CREATE TABLE gpkg_contents(table_name TEXT NOT NULL PRIMARY KEY, data_type TEXT NOT NULL,
    identifier TEXT UNIQUE, description TEXT DEFAULT '', last_change DATETIME NOT NULL
    DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ','now')), min_x DOUBLE, min_y DOUBLE, max_x DOUBLE,
    max_y DOUBLE, srs_id INTEGER, CONSTRAINT fk_gc_r_srs_id FOREIGN KEY (srs_id)
    REFERENCES gpkg_spatial_ref_sys(srs_id))""",
    """CREATE TABLE gpkg_geometry_columns(table_name TEXT NOT NULL, column_name TEXT NOT NULL,
    geometry_type_name TEXT NOT NULL, srs_id INTEGER NOT NULL, z TINYINT NOT NULL,
    m TINYINT NOT NULL, CONSTRAINT pk_geom_cols PRIMARY KEY(table_name, column_name),
    CONSTRAINT uk_gc_table_name UNIQUE(table_name))""",
    """CREATE TABLE gpkg_extensions(table_name TEXT, column_name TEXT,
    extension_name TEXT NOT NULL, definition TEXT NOT NULL, scope TEXT NOT NULL,
    CONSTRAINT ge_tce UNIQUE(table_name, column_name, extension_name))""",
    """CREATE TABLE gpkg_data_columns(table_name TEXT NOT NULL, column_name TEXT NOT NULL,
    name TEXT, title TEXT, description TEXT, mime_type TEXT, constraint_name TEXT,
    CONSTRAINT pk_gdc PRIMARY KEY(table_name, column_name),
    CONSTRAINT gdc_tn UNIQUE(table_name, name))""",
    """CREATE TABLE gpkg_data_column_constraints(constraint_name TEXT NOT NULL,
    constraint_type TEXT NOT NULL, value TEXT, min NUMERIC, min_is_inclusive BOOLEAN,
    max NUMERIC, max_is_inclusive BOOLEAN, description TEXT,
    CONSTRAINT gdcc_ntv UNIQUE(constraint_name, constraint_type, value))""",
    """INSERT INTO gpkg_extensions VALUES
    ('gpkg_data_columns', NULL, 'gpkg_schema',
     'http://www.geopackage.org/spec121/#extension_schema', 'read-write'),
    ('gpkg_data_column_constraints', NULL, 'gpkg_schema',
     'http://www.geopackage.org/spec121/#extension_schema', 'read-write')""",
    """INSERT INTO gpkg_spatial_ref_sys VALUES
    ('Undefined Cartesian SRS', -1, 'NONE', -1, 'undefined', NULL),
    ('Undefined geographic SRS', 0, 'NONE', 0, 'undefined', NULL)""",
)

_VIEW_TYPES: Final = {
    Kind.TEXT: "TEXT",
    Kind.INTEGER: "INTEGER",
    Kind.NUMBER: "DOUBLE",
    Kind.DATE: "DATE",
    Kind.BOOLEAN: "BOOLEAN",
    Kind.CODE: "TEXT",
    Kind.CODES: "TEXT",
}


def engine(path: Path, *, writes: bool) -> sa.Engine:
    """An engine on a GeoPackage file, which is made if it does not exist.

    Args:
        path: The file.
        writes: True for transactions that take the write lock when they begin. A transaction that
            reads first and asks for the lock later loses against another writer at once, whatever
            the waiting time.
    """
    made = sa.create_engine(
        sa.URL.create("sqlite", database=str(path)),
        connect_args={"timeout": BUSY_SECONDS, "isolation_level": None},
    )

    @event.listens_for(made, "connect")
    def _on_connect(connection: sqlite3.Connection, _record: Any) -> None:
        _prepare(connection)

    @event.listens_for(made, "begin")
    def _on_begin(connection: sa.Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return made


def _prepare(connection: sqlite3.Connection) -> None:
    for name, function in _FUNCTIONS.items():
        connection.create_function(name, 1, function, deterministic=True)
    if connection.execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID:
        _make_container(connection)
    connection.execute("PRAGMA journal_mode=wal")
    connection.execute("PRAGMA synchronous=normal")
    connection.execute("PRAGMA foreign_keys=on")
    connection.execute("PRAGMA cache_size=-131072")
    connection.execute("PRAGMA temp_store=memory")


def _make_container(connection: sqlite3.Connection) -> None:
    # The header is written before the switch to WAL: GDAL reads it from the file itself.
    connection.execute("BEGIN IMMEDIATE")
    if connection.execute("PRAGMA application_id").fetchone()[0] == APPLICATION_ID:
        connection.execute("ROLLBACK")
        return
    connection.execute(f"PRAGMA application_id={APPLICATION_ID}")
    connection.execute("PRAGMA user_version=10300")
    for statement in _CONTAINER:
        connection.execute(statement)
    for epsg in (crs.WGS84, crs.STORAGE):
        system = pyproj.CRS.from_epsg(epsg)
        connection.execute(
            "INSERT INTO gpkg_spatial_ref_sys VALUES (?,?,'EPSG',?,?,NULL)",
            (system.name, epsg, epsg, system.to_wkt("WKT1_GDAL")),
        )
    connection.execute("COMMIT")


def is_geopackage(path: Path) -> bool:
    """Whether the file is a SQLite file with the GeoPackage mark, or is empty."""
    with path.open("rb") as stream:
        head = stream.read(72)
    if not head:
        return True
    return head.startswith(b"SQLite format 3\0") and head[68:72] == APPLICATION_ID.to_bytes(4)


def to_blobs(geometries: np.ndarray) -> list[bytes | None]:
    """GeoPackage geometry blobs; None stays None.

    Args:
        geometries: Array of shapely geometries in EPSG:4490.
    """
    bodies = shapely.to_wkb(geometries, include_srid=False, flavor="iso")
    bounds = shapely.bounds(geometries).tolist()
    pack = _HEADER.pack
    return [
        None if body is None else pack(b"GP", 0, 3, crs.STORAGE, x0, x1, y0, y1) + body
        for body, (x0, y0, x1, y1) in zip(bodies, bounds, strict=True)
    ]


def from_blobs(blobs: Iterable[bytes | None]) -> np.ndarray:
    """Shapely geometries of GeoPackage blobs, whoever wrote them."""
    bodies = [None if blob is None else blob[_header_bytes(blob) :] for blob in blobs]
    return np.asarray(shapely.from_wkb(np.array(bodies, dtype=object)), dtype=object)


def _header_bytes(blob: bytes) -> int:
    return 8 + _ENVELOPE_BYTES[(blob[3] >> 1) & 7]


def _envelope(blob: bytes) -> tuple[float, ...]:
    if (blob[3] >> 1) & 7:
        return struct.unpack_from("<4d" if blob[3] & 1 else ">4d", blob, 8)
    x0, y0, x1, y1 = shapely.from_wkb(blob[8:]).bounds
    return (x0, x1, y0, y1)


def _envelope_side(position: int) -> Callable[[bytes | None], float | None]:
    return lambda blob: None if blob is None else _envelope(blob)[position]


# The five functions the R-tree triggers of the GeoPackage standard call.
_FUNCTIONS: Final[dict[str, Callable[[bytes | None], Any]]] = {
    "ST_MinX": _envelope_side(0),
    "ST_MaxX": _envelope_side(1),
    "ST_MinY": _envelope_side(2),
    "ST_MaxY": _envelope_side(3),
    "ST_IsEmpty": lambda blob: None if blob is None else (blob[3] >> 4) & 1,
}


def fill_index(connection: sa.Connection, ids: Sequence[int], geometries: np.ndarray) -> None:
    """Enter boundaries in the R-tree and widen the layer's extent.

    Args:
        connection: A writing connection.
        ids: Ids of the boundary rows, aligned with `geometries`.
        geometries: Array of shapely geometries, None where the boundary is not known.
    """
    bounds = shapely.bounds(geometries)
    known = ~np.isnan(bounds[:, 0])
    if not known.any():
        return
    _enter(connection, np.asarray(ids, np.int64)[known], bounds[known][:, [0, 2, 1, 3]])
    low, high = bounds[known][:, :2].min(axis=0), bounds[known][:, 2:].max(axis=0)
    connection.exec_driver_sql(
        "UPDATE gpkg_contents SET min_x=min(coalesce(min_x,?1),?1), "
        "min_y=min(coalesce(min_y,?2),?2), max_x=max(coalesce(max_x,?3),?3), "
        "max_y=max(coalesce(max_y,?4),?4), "
        "last_change=strftime('%Y-%m-%dT%H:%M:%fZ','now') WHERE srs_id=?5",
        (*low.tolist(), *high.tolist(), crs.STORAGE),
    )


def _enter(connection: sa.Connection, ids: np.ndarray, boxes: np.ndarray) -> None:
    """Enter boxes in the R-tree: one by one, or by a new tree where most of it would be new."""
    run = connection.exec_driver_sql
    held = run("SELECT count(*) FROM rtree_boundary_geom_rowid").scalar_one()
    if len(ids) < max(_PACKED_FROM, held):
        rows = zip(ids.tolist(), *boxes.T.tolist(), strict=True)
        run("INSERT INTO rtree_boundary_geom(id,minx,maxx,miny,maxy) VALUES (?,?,?,?,?)", [*rows])
        return
    old = run("SELECT id,minx,maxx,miny,maxy FROM rtree_boundary_geom").fetchall()
    before = np.array([row[1:] for row in old], np.float32).reshape(-1, 4)
    ids = np.concatenate([np.array([row[0] for row in old], np.int64), ids])
    whole = np.concatenate([before, rtree.outward(boxes)])
    node_bytes = run("SELECT length(data) FROM rtree_boundary_geom_node WHERE nodeno=1").scalar()
    tree = rtree.packed(ids, whole, node_bytes=int(node_bytes or 0))
    for table in ("node", "rowid", "parent"):
        run(f"DELETE FROM rtree_boundary_geom_{table}")  # noqa: S608 - a literal above
    numbers = range(rtree.ROOT, rtree.ROOT + len(tree.nodes))
    ascending = np.argsort(ids)
    driver = connection.connection.driver_connection
    assert isinstance(driver, sqlite3.Connection)  # noqa: S101 - for mypy: embedded only
    for table, rows in (
        ("node(nodeno,data)", zip(numbers, tree.nodes, strict=True)),
        ("parent(nodeno,parentnode)", zip(numbers[1:], tree.parents.tolist(), strict=True)),
        (
            "rowid(rowid,nodeno)",
            zip(ids[ascending].tolist(), tree.leaves[ascending].tolist(), strict=True),
        ),
    ):
        # The driver takes rows one by one; SQLAlchemy would want a list of all of them.
        driver.executemany(f"INSERT INTO rtree_boundary_geom_{table} VALUES (?,?)", rows)  # noqa: S608 - as above


# Keys are identifiers, which the catalog has checked; today is a day in Beijing.
_VIEW: Final = Template("""
CREATE VIEW "$key" AS SELECT v.id AS fid, b.id AS boundary_id, b.geom AS geom, $columns
FROM version v JOIN boundary b ON b.id = v.boundary_id
WHERE v.layer = '$key' AND v.recorded_to = $still
AND v.valid_from <= date('now', '+8 hours')
AND v.valid_to > date('now', '+8 hours')
""")


def published_column(layer: Layer, field: Field) -> str:
    """Name of the generated column that gives a layer's attribute its declared type."""
    return f"{layer.key}.{field.key}.{field.kind.value}"


def publish(connection: sa.Connection, layer: Layer, *, core: Sequence[str]) -> None:
    """Make or renew the view of a layer's current parcels, typed and with Chinese titles.

    GDAL takes a view column's type from the table column behind it. Attributes are JSON, so each
    gets a generated column of its declared type, which costs no storage. SQLite works all of them
    out for every row it inserts; that a column of another layer is left alone by one comparison
    makes inserting three times faster than asking the JSON for all of them.

    Args:
        connection: A writing connection.
        layer: The layer; its key becomes the view's name.
        core: Version columns to show before the layer's own.
    """
    run = connection.exec_driver_sql
    retract(connection, layer.key)
    existing = {row[1] for row in run("PRAGMA table_xinfo(version)")}
    for field in layer.own_fields:
        name = published_column(layer, field)
        if name not in existing:
            run(
                f'ALTER TABLE version ADD COLUMN "{name}" {_VIEW_TYPES[field.kind]} GENERATED '
                f"ALWAYS AS (CASE WHEN layer = '{layer.key}' "
                f"THEN json_extract(attributes, '$.{field.key}') END) VIRTUAL"
            )
    shown = [f'v."{key}" AS "{key}"' for key in core]
    shown += [f'v."{published_column(layer, f)}" AS "{f.key}"' for f in layer.own_fields]
    run(_VIEW.substitute(key=layer.key, columns=", ".join(shown), still=NOT_SUPERSEDED))
    _describe(connection, layer)


def retract(connection: sa.Connection, key: str) -> None:
    """Take a layer's view away; its parcels stay."""
    run = connection.exec_driver_sql
    run(f'DROP VIEW IF EXISTS "{key}"')
    for table in ("gpkg_data_columns", "gpkg_geometry_columns", "gpkg_contents"):
        run(f"DELETE FROM {table} WHERE table_name = ?", (key,))  # noqa: S608 - a literal above
    run(
        "DELETE FROM gpkg_data_column_constraints WHERE constraint_name LIKE ? ESCAPE '!'",
        (key.replace("_", "!_") + ".%",),
    )


_GEOMETRY_NAMES: Final = {"polygon": "MULTIPOLYGON", "point": "POINT", "either": "GEOMETRY"}


def _describe(connection: sa.Connection, layer: Layer) -> None:
    run = connection.exec_driver_sql
    extent = run(
        "SELECT min_x, min_y, max_x, max_y FROM gpkg_contents WHERE table_name = 'boundary'"
    ).one()
    run(
        "INSERT INTO gpkg_contents(table_name, data_type, identifier, description, min_x, min_y, "
        "max_x, max_y, srs_id) VALUES (?, 'features', ?, ?, ?, ?, ?, ?, ?)",
        (layer.key, layer.label.zh, layer.label.en, *extent, crs.STORAGE),
    )
    run(
        "INSERT INTO gpkg_geometry_columns VALUES (?, 'geom', ?, ?, 0, 0)",
        (layer.key, _GEOMETRY_NAMES[layer.shape.value], crs.STORAGE),
    )
    titles: dict[str, int] = {}
    for field in layer.fields:
        # The standard wants one column per title; two fields of one title keep their keys apart.
        count = titles[field.label.zh] = titles.get(field.label.zh, 0) + 1
        title = field.label.zh if count == 1 else f"{field.label.zh} ({field.key})"
        codes = _codes(layer, field)
        constraint = f"{layer.key}.{field.key}" if codes else None
        run(
            "INSERT INTO gpkg_data_columns VALUES (?, ?, ?, ?, ?, NULL, ?)",
            (layer.key, field.key, title, title, field.label.en, constraint),
        )
        for code, label in codes:
            run(
                "INSERT INTO gpkg_data_column_constraints(constraint_name, constraint_type, "
                "value, description) VALUES (?, 'enum', ?, ?)",
                (constraint, code, label),
            )


def _codes(layer: Layer, field: Field) -> list[tuple[str, str]]:
    if field.key == "stage":
        return [(stage.key, stage.label.zh) for stage in layer.stages]
    if field.kind is Kind.CODE:
        return [(choice.code, choice.label.zh) for choice in field.choices]
    return []
