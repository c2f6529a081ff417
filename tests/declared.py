"""Parcels of a declared layer, from the few facts a test is about."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd

from parcels.model import Field, Kind, Layer

_KINDS = {Kind.INTEGER: "Int64", Kind.NUMBER: "float64", Kind.BOOLEAN: "boolean"}


def table(layer: Layer, rows: Sequence[dict[str, Any]]) -> pd.DataFrame:
    """One row per parcel, a typed column for each field of the layer; what is left out is NA."""
    given = pd.DataFrame(list(rows), index=pd.RangeIndex(100, 100 + len(rows), name="parcel"))
    return pd.DataFrame({f.key: _typed(given, f) for f in layer.fields}, index=given.index)


def delivery(layer: Layer, rows: Sequence[dict[str, Any]]) -> gpd.GeoDataFrame:
    """The same as the door gives it to the register: with `geometry` (EPSG:4490), code and row."""
    named = [{"code": f"N{number:05d}", **row} for number, row in enumerate(rows)]
    whole = table(layer, named).reset_index(drop=True)
    shapes = [row.get("geometry") for row in rows]
    return gpd.GeoDataFrame(
        whole.assign(row=np.arange(1, len(rows) + 1)), geometry=shapes, crs=4490
    )


def _typed(given: pd.DataFrame, field: Field) -> pd.Series:
    found = given.get(field.key, pd.Series(None, given.index, dtype=object))
    if field.kind is Kind.DATE:
        return pd.to_datetime(found).astype("datetime64[s]")
    return found.astype(_KINDS.get(field.kind, "str"))
