"""Faults out as a GeoPackage: places and boundaries, to be opened over the data in a GIS."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import geopandas as gpd

from parcels import crs
from parcels.errors import OutputNotWritableError
from parcels.exchange import ogr
from parcels.exchange.output import placed
from parcels.exchange.templates import SCHEMA_TABLES

# The table in which QGIS keeps and looks for the styles of a GeoPackage's layers.
STYLES: Final = """
CREATE TABLE layer_styles(id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
  f_table_catalog TEXT(256), f_table_schema TEXT(256), f_table_name TEXT(256),
  f_geometry_column TEXT(256), styleName TEXT(30), styleQML TEXT, styleSLD TEXT,
  useAsDefault BOOLEAN, description TEXT, owner TEXT(30), ui TEXT(30),
  update_time DATETIME DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ','now')));
INSERT INTO gpkg_contents(table_name, data_type, identifier, description)
  VALUES ('layer_styles', 'attributes', 'layer_styles', '');
"""


@dataclass(frozen=True, slots=True)
class FaultLayer:
    """One layer of the file.

    Attributes:
        key: Name of the table.
        title: Name for people.
        frame: Its rows, EPSG:4490; a row without a place has no geometry.
        titles: Words for people by column.
        words: By column, the words for each of its values.
        style: QML by which QGIS draws it.
    """

    key: str
    title: str
    frame: gpd.GeoDataFrame
    titles: Mapping[str, str]
    words: Mapping[str, Mapping[str, str]]
    style: str


def write_faults(path: Path, layers: list[FaultLayer]) -> None:
    """Write layers of faults, with titles, code lists and a default style each.

    Args:
        path: The file; one that is there is replaced, once the new one is whole.
        layers: In the order in which they are listed.

    Raises:
        OutputNotWritableError: The file cannot be written.
    """
    with placed(path) as made:
        for position, layer in enumerate(layers):
            options: dict[str, Any] = {
                "layer": layer.key,
                "geometry_name": "geom",
                "append": position > 0,
                "layer_options": {"IDENTIFIER": layer.title, "DESCRIPTION": layer.key},
            }
            if layer.frame.geometry.isna().all():
                options["geometry_type"] = "Point"
            ogr.write_arrow(made, layer.frame, "GPKG", epsg=crs.STORAGE, options=options)
        try:
            _describe(made, layers)
        except sqlite3.Error as error:
            raise OutputNotWritableError(file=str(path), reason=str(error)) from error


def _describe(made: Path, layers: list[FaultLayer]) -> None:
    with closing(sqlite3.connect(made)) as connection, connection:
        connection.executescript(SCHEMA_TABLES)
        connection.executescript(STYLES)
        for layer in layers:
            for column, title in layer.titles.items():
                words = layer.words.get(column, {})
                named = f"{layer.key}_{column}" if words else None
                connection.execute(
                    "INSERT INTO gpkg_data_columns VALUES (?, ?, ?, ?, NULL, NULL, ?)",
                    (layer.key, column, title, title, named),
                )
                connection.executemany(
                    "INSERT INTO gpkg_data_column_constraints(constraint_name, constraint_type, "
                    "value, description) VALUES (?, 'enum', ?, ?)",
                    [(named, value, word) for value, word in words.items()],
                )
            keep_style(connection, layer.key, layer.title, layer.style)


def keep_style(connection: sqlite3.Connection, table: str, title: str, style: str) -> None:
    """Put the QML by which QGIS draws a layer, unless told otherwise, into the table of STYLES."""
    connection.execute(
        "INSERT INTO layer_styles(f_table_catalog, f_table_schema, f_table_name, "
        "f_geometry_column, styleName, styleQML, styleSLD, useAsDefault, description, "
        "owner) VALUES ('', '', ?, 'geom', ?, ?, '', 1, ?, '')",
        (table, title[:30], style, title),
    )
