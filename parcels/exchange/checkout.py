"""A copy of a layer lent out for editing in QGIS, which remembers what it was made from.

The copy is an ordinary GeoPackage: the layer's parcels with labels, code lists and a style. Two
tables that GIS programs do not list remember its base: which register, layer, district, change
and moment, who took it, and the very rows as they were lent, so that what was edited can be told
from what others changed meanwhile.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import io
import json
import sqlite3
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow as pa
import shapely

from parcels import crs
from parcels.errors import OutputNotWritableError
from parcels.exchange import ogr
from parcels.exchange.faults import STYLES, keep_style
from parcels.exchange.output import placed
from parcels.exchange.templates import describe
from parcels.model import Kind, Layer, Shape

NUMBER: Final = "jingtu_parcel"
"""Column with the parcel's number in the register; blank for what was added."""

ABOUT: Final = "jingtu_checkout"
ROWS: Final = "jingtu_base"
"""Tables with what the base is, and with its rows (GeoParquet)."""

FORM: Final = 1
"""Version of these tables."""

_TABLES: Final = f"""
CREATE TABLE {ABOUT}(key TEXT PRIMARY KEY, said TEXT NOT NULL);
CREATE TABLE {ROWS}(part INTEGER PRIMARY KEY, rows BLOB NOT NULL);
"""
# SQLite refuses a value of more than a gigabyte.
_PART_BYTES: Final = 256_000_000
_GEOMETRY: Final = {Shape.POLYGON: "MultiPolygon", Shape.POINT: "Point"}


@dataclass(frozen=True, slots=True)
class Base:
    """What a copy was made from.

    Attributes:
        register: `identity` of the register's history up to the change.
        layer: Key of the layer.
        districts: Codes; None for the whole layer.
        change: Number of the last change the copy knows; 0 for none.
        on: The day on which its rows were true.
        at: When it was taken (aware).
        by: Who took it.
        sha256: Of the rows, hexadecimal.
    """

    register: str
    layer: str
    districts: tuple[str, ...] | None
    change: int
    on: dt.date
    at: dt.datetime
    by: str
    sha256: str = ""


def identity(changes: pd.DataFrame, upto: int) -> str:
    """SHA-256, hex, of a register's history up to a change: the same only in the same register.

    Args:
        changes: `Register.changes`.
        upto: Number of the last change that counts.
    """
    known = changes[changes["change"] <= upto]
    whole = hashlib.sha256()
    for row in known[["change", "kind", "layer", "made_at", "made_by"]].itertuples(index=False):
        layer = "" if pd.isna(row.layer) else row.layer
        at = pd.Timestamp(row.made_at).tz_convert("UTC").isoformat()
        whole.update(json.dumps([int(row.change), row.kind, layer, at, row.made_by]).encode())
    return whole.hexdigest()


def lent(parcels: gpd.GeoDataFrame, layer: Layer) -> gpd.GeoDataFrame:
    """The rows of a copy: NUMBER, the fields of the layer, surfaces where it is one of surfaces.

    Args:
        parcels: `Register.frame`.
        layer: The layer.
    """
    shapes = parcels.geometry.to_numpy().copy()
    if layer.shape is Shape.POLYGON:
        lone = np.flatnonzero(shapely.get_type_id(shapes) == 3)
        shapes[lone] = shapely.multipolygons(shapes[lone], indices=np.arange(len(lone)))
    table = pd.DataFrame(parcels)[[field.key for field in layer.fields]]
    table.insert(0, NUMBER, parcels.index.to_numpy(np.int64))
    return gpd.GeoDataFrame(table.reset_index(drop=True), geometry=shapes, crs=crs.STORAGE)


def write_checkout(
    path: Path, rows: gpd.GeoDataFrame, layer: Layer, base: Base, *, lang: str, style: str
) -> None:
    """Write a copy for editing; a file that is there is never replaced.

    Args:
        path: Ends in .gpkg.
        rows: As `lent` gives them.
        layer: The layer.
        base: What to remember; its `sha256` is filled in here.
        lang: Labels in "zh" or "en".
        style: QML by which QGIS draws the layer and shows its form.

    Raises:
        OutputNotWritableError: The file exists or cannot be written.
    """
    if path.exists():
        raise OutputNotWritableError(file=str(path), reason="EEXIST")
    options: dict[str, Any] = {
        "layer": layer.key,
        "geometry_name": "geom",
        "geometry_type": _GEOMETRY.get(layer.shape) or _type(rows),
        # Read without a warning by GDAL 2.2 and QGIS 3.0 and everything since.
        "dataset_options": {"VERSION": "1.2"},
        "layer_options": {"IDENTIFIER": layer.label.in_(lang), "DESCRIPTION": layer.label.en},
    }
    with placed(path) as made:
        ogr.write_arrow(made, _with_days(rows, layer), "GPKG", epsg=crs.STORAGE, options=options)
        try:
            describe(made, layer, lang)
            with closing(sqlite3.connect(made)) as connection, connection:
                connection.executescript(STYLES)
                keep_style(connection, layer.key, layer.label.in_(lang), style)
                _remember(connection, base, rows)
        except sqlite3.Error as error:
            raise OutputNotWritableError(file=str(path), reason=str(error)) from error


def remember_in(path: Path, base: Base, rows: gpd.GeoDataFrame) -> None:
    """Make a copy of a GeoPackage with rows of one, e.g. those that were kept out.

    Args:
        path: The file.
        base: What the first copy was made from.
        rows: Those of its rows, as they were lent, that the file speaks of.

    Raises:
        OutputNotWritableError: The file cannot be written.
    """
    try:
        with closing(sqlite3.connect(path)) as connection, connection:
            _remember(connection, base, rows)
    except sqlite3.Error as error:
        raise OutputNotWritableError(file=path.name, reason=str(error)) from error


def _remember(connection: sqlite3.Connection, base: Base, rows: gpd.GeoDataFrame) -> None:
    whole = io.BytesIO()
    rows.to_parquet(whole, index=False, compression="zstd")
    packed = whole.getvalue()
    connection.executescript(_TABLES)
    said = asdict(base) | {"form": FORM, "sha256": hashlib.sha256(packed).hexdigest()}
    connection.executemany(
        f"INSERT INTO {ABOUT} VALUES (?, ?)",  # noqa: S608 - a name of ours
        [(key, json.dumps(held, ensure_ascii=False, default=_iso)) for key, held in said.items()],
    )
    starts = range(0, len(packed), _PART_BYTES)
    connection.executemany(
        f"INSERT INTO {ROWS} VALUES (?, ?)",  # noqa: S608 - a name of ours
        [(part, packed[start : start + _PART_BYTES]) for part, start in enumerate(starts)],
    )


def _iso(held: dt.date | dt.datetime) -> str:
    return held.isoformat()


def _with_days(rows: gpd.GeoDataFrame, layer: Layer) -> gpd.GeoDataFrame:
    """Days as days: as moments QGIS would show a time of day in its form."""
    day = pd.ArrowDtype(pa.date32())
    keys = [field.key for field in layer.fields if field.kind is Kind.DATE]
    return rows.assign(**{key: rows[key].astype(day) for key in keys})


def _type(rows: gpd.GeoDataFrame) -> str:
    kinds = set(shapely.get_type_id(rows.geometry.dropna().to_numpy()).tolist())
    for name, members in (("Point", {0}), ("MultiPolygon", {6})):
        if kinds and kinds <= members:
            return name
    return "Unknown"
