"""Columns of a layer's parcels as Arrow holds them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import geopandas as gpd
import pandas as pd
import pyarrow as pa
import shapely

from parcels.model import Field, Kind, Layer

TYPES: Final = {
    Kind.TEXT: pa.string(),
    Kind.CODE: pa.string(),
    Kind.CODES: pa.string(),
    Kind.INTEGER: pa.int64(),
    Kind.NUMBER: pa.float64(),
    Kind.DATE: pa.date32(),
    Kind.BOOLEAN: pa.bool_(),
}
"""The type of each kind of field."""

GEOMETRY: Final = "geometry"
"""The column of boundaries, as well-known binary."""


def fields(layer: Layer, page: pd.DataFrame) -> list[Field]:
    """The layer's fields that a frame holds."""
    return [one for one in layer.fields if one.key in page.columns]


def schema(of: list[Field], names: Mapping[str, str] | None = None) -> pa.Schema:
    """Columns of these fields, and the boundary.

    Args:
        of: The fields, in order.
        names: Names of columns by field key, where they are others than the keys.
    """
    known = names or {}
    columns = [(known.get(one.key, one.key), TYPES[one.kind]) for one in of]
    return pa.schema([*columns, (GEOMETRY, pa.binary())])


def batch(page: gpd.GeoDataFrame, of: list[Field], into: pa.Schema) -> pa.RecordBatch:
    """Parcels as a batch of this schema."""
    columns = [typed(page[one.key], one.kind) for one in of]
    wkb = shapely.to_wkb(page.geometry.to_numpy())
    return pa.record_batch([*columns, pa.array(wkb, pa.binary())], schema=into)


def typed(column: pd.Series, kind: Kind) -> pa.Array:
    """A column of a frame as Arrow holds fields of this kind."""
    if kind is Kind.DATE:
        days = pd.to_datetime(column).astype("datetime64[s]")
        return pa.array(days, pa.timestamp("s"), from_pandas=True).cast(pa.date32())
    made = pa.array(column, TYPES[kind], from_pandas=True)
    return made.combine_chunks() if isinstance(made, pa.ChunkedArray) else made
