"""What differs between two states of the same parcels: field by field, and in land."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from parcels import crs, matching
from parcels.model import CORE_COLUMNS, Layer

SAME_NUMBER: Final = 1e-9
"""Numbers that agree to nine digits are one number written in two formats; a degree so rounded
is off by a centimetre at most, like `matching.SAME_BOUNDARY_M`."""

ADDED: Final = "added"
CHANGED: Final = "changed"
REMOVED: Final = "removed"

_NAMED: Final = ("code", "name", "district", "unit", "stage")


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """What differs between two states of a layer.

    Attributes:
        parcels: The parcels that differ, indexed by parcel, in the order of their codes: a frame
            with `what` (ADDED, CHANGED or REMOVED), `code`, `name`, `district`, `unit`, `stage`
            and `area_m2` as they are after (of one removed: as they were), `moved` (whether the
            boundary is another), `gained_m2` and `lost_m2` (NaN where not both are areas), the
            land `gained` and `lost` (None where there is none), and the boundary as geometry.
        fields: A row for each field that changed: `parcel`, `field`, `before`, `after`.
        unchanged: How many parcels are the same in both.
    """

    parcels: gpd.GeoDataFrame
    fields: pd.DataFrame
    unchanged: int

    def count(self, what: str) -> int:
        """How many parcels were added, changed or removed."""
        return int((self.parcels["what"] == what).sum())


def compare(before: gpd.GeoDataFrame, after: gpd.GeoDataFrame, layer: Layer) -> Comparison:
    """What differs between two states of a layer.

    Args:
        before: Parcels frame indexed by parcel.
        after: The same parcels later, or as known later.
        layer: The layer of both.
    """
    both = before.index.intersection(after.index)
    was, is_ = before.loc[both], after.loc[both]
    fields = field_changes(was, is_, layer)
    land = land_changes(was.geometry.to_numpy(), is_.geometry.to_numpy())
    land.index = both
    differs = both[land["moved"].to_numpy(bool) | both.isin(fields["parcel"])]
    parts = [
        (ADDED, after.loc[after.index.difference(before.index)]),
        (CHANGED, after.loc[differs]),
        (REMOVED, before.loc[before.index.difference(after.index)]),
    ]
    rows = [
        frame[[*_NAMED, "area_m2", "geometry"]].assign(what=what)
        for what, frame in parts
        if len(frame)
    ]
    whole = pd.concat(rows) if rows else after.iloc[:0].assign(what="")
    parcels = gpd.GeoDataFrame(
        whole[["what", *_NAMED, "area_m2"]].join(land),
        geometry=whole.geometry.to_numpy(),
        crs=crs.STORAGE,
    )
    parcels["moved"] = parcels["moved"].eq(other=True)
    for name in ("gained", "lost"):
        drawn = parcels[name].astype(object)
        parcels[name] = drawn.where(drawn.notna(), None)
    order = parcels["code"].fillna("").argsort(kind="stable")
    return Comparison(parcels.iloc[order], fields, len(both) - len(differs))


def field_changes(before: gpd.GeoDataFrame, after: gpd.GeoDataFrame, layer: Layer) -> pd.DataFrame:
    """The fields that differ between aligned rows.

    Args:
        before: Parcels frame.
        after: Parcels frame on the same index.
        layer: The layer of both.

    Returns:
        Columns `parcel` (label of the index), `field` (key), `before`, `after`; the rows of one
        parcel together, fields in the order of the layer.
    """
    keys = [*CORE_COLUMNS, *(f.key for f in layer.own_fields)]
    order = {f.key: place for place, f in enumerate(layer.fields)}
    found = []
    for key in keys:
        at = np.flatnonzero(~equal(before[key], after[key]))
        if len(at):
            columns = {
                "parcel": before.index[at],
                "field": key,
                "before": _objects(before[key], at),
                "after": _objects(after[key], at),
                "_at": at,
                "_field": order.get(key, len(order)),
            }
            found.append(pd.DataFrame(columns))
    names = ["parcel", "field", "before", "after"]
    if not found:
        return pd.DataFrame({name: pd.Series(dtype=object) for name in names})
    whole = pd.concat(found).sort_values(["_at", "_field"], ignore_index=True)
    return whole[names]


def equal(one: pd.Series, other: pd.Series) -> np.ndarray:
    """Whether aligned values are the same; what is unknown in both is."""
    both_unknown = one.isna().to_numpy(bool) & other.isna().to_numpy(bool)
    if pd.api.types.is_float_dtype(one.dtype) and pd.api.types.is_float_dtype(other.dtype):
        was, is_ = (c.to_numpy("float64", na_value=np.nan) for c in (one, other))
        same = np.isclose(was, is_, rtol=SAME_NUMBER, atol=0)
    else:
        left, right = (c.astype(object).reset_index(drop=True) for c in (one, other))
        same = (left == right).fillna(value=False).to_numpy(bool)
    return np.asarray(both_unknown | same, dtype=bool)


def land_changes(before: np.ndarray, after: np.ndarray) -> pd.DataFrame:
    """What land aligned boundaries gained and lost.

    Args:
        before: Boundaries, EPSG:4490; None where not known.
        after: The same later.

    Returns:
        `moved` (bool); `gained_m2` and `lost_m2`, NaN unless both are areas; `gained` and `lost`,
        the land, None where there is none.
    """
    unknown = shapely.is_missing(before) & shapely.is_missing(after)
    moved = ~(unknown | matching.same_boundary(before, after))
    areal = moved & (shapely.get_dimensions(before) == 2) & (shapely.get_dimensions(after) == 2)
    at = np.flatnonzero(areal)
    was, is_ = shapely.make_valid(before[at]), shapely.make_valid(after[at])
    land = pd.DataFrame({"moved": moved})
    for name, pieces in (
        ("gained", shapely.difference(is_, was)),
        ("lost", shapely.difference(was, is_)),
    ):
        areas = np.where(moved & ~areal, np.nan, 0.0)
        some = _areas_only(pieces)
        areas[at] = crs.area_m2(some)
        drawn = np.full(len(moved), None, object)
        drawn[at] = some
        drawn[~(areas > 0)] = None
        land[f"{name}_m2"] = areas
        land[name] = pd.Series(list(drawn), dtype=object)
    return land


def area_m2(shapes: gpd.GeoSeries) -> np.ndarray:
    """Area of each boundary, m2 on the ellipsoid; NaN where it is none or not known."""
    whole = shapes.to_numpy()
    areal = shapely.get_dimensions(whole) == 2
    areas = np.full(len(whole), np.nan)
    areas[areal] = crs.area_m2(whole[areal])
    return areas


def _areas_only(pieces: np.ndarray) -> np.ndarray:
    """Of collections of areas, lines and points only the areas, as multipolygons."""
    parts, owner = shapely.get_parts(pieces, return_index=True)
    parts, inner = shapely.get_parts(parts, return_index=True)
    owner = owner[inner]
    keep = shapely.get_dimensions(parts) == 2
    whole = np.full(len(pieces), shapely.MultiPolygon(), object)
    if keep.any():
        made = shapely.multipolygons(parts[keep], indices=owner[keep])
        there = np.unique(owner[keep])
        whole[there] = made[there]
    return whole


def _objects(column: pd.Series, at: np.ndarray) -> list[object]:
    some = column.iloc[at].astype(object)
    return list(some.where(some.notna(), None))
