"""What may be published of a layer: fields declared public, and a place no finer than a grid.

Domain notes 9: public are lists with an approximate point, never boundaries, sampling points or
personal data; a map shows its approval number (审图号).
"""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files
from typing import Any, Final

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from parcels import crs
from parcels.model import Field, Kind, Label, Layer, Shape

FINEST_GRID_M: Final = 100
"""The finest grid a place may be shown on, metres."""

_DECIMALS: Final = 6


def generalised(
    parcels: gpd.GeoDataFrame, layer: Layer, *, grid_m: int, approval: str
) -> gpd.GeoDataFrame:
    """The public columns of parcels, each at the centre of the grid cell its centre lies in.

    Cells have their corners at multiples of `grid_m` in the plane of CGCS2000 with the central
    meridian 117E, so that a parcel stays in its cell from one export to the next. A field of a
    layer that is sensitive is left out even if it were declared public.

    Args:
        parcels: A parcels frame in EPSG:4490; left as it is.
        layer: What they are.
        grid_m: Side of a cell, metres, at least FINEST_GRID_M.
        approval: The approval number of the map, or words that say there is none.

    Returns:
        The fields of `public_layer`, EPSG:4490, with points; in no order of the register.

    Raises:
        ValueError: The grid is finer than FINEST_GRID_M.
    """
    if grid_m < FINEST_GRID_M:
        raise ValueError(grid_m)
    points = _centres(parcels.geometry.to_numpy(), grid_m)
    keys = _public_keys(layer)
    shown = pd.DataFrame({key: parcels[key].to_numpy() for key in keys}).astype(
        {key: parcels[key].dtype for key in keys}
    )
    shown["map_approval"] = approval
    shown["grid_m"] = grid_m
    shown["lon"] = shapely.get_x(points)
    shown["lat"] = shapely.get_y(points)
    public = gpd.GeoDataFrame(shown, geometry=points, crs=crs.STORAGE)
    # By what is public alone: the order in which parcels came in tells nothing either.
    return public.sort_values([*keys, "lon", "lat"], kind="stable", ignore_index=True)


def public_layer(layer: Layer) -> Layer:
    """The layer that a public export is of: public fields, approval number, grid and place."""
    added = _added()
    fields = (
        *[layer.field(key) for key in _public_keys(layer)],
        Field("map_approval", added["map_approval"]),
        Field("grid_m", added["grid_m"], Kind.INTEGER, unit="m"),
        Field("lon", added["lon"], Kind.NUMBER, unit="degree"),
        Field("lat", added["lat"], Kind.NUMBER, unit="degree"),
    )
    return Layer(
        key=layer.key,
        label=layer.label,
        shape=Shape.POINT,
        fields=fields,
        stages=layer.stages,
        stage_label=layer.stage_label,
    )


def _public_keys(layer: Layer) -> list[str]:
    return [key for key in layer.public if not layer.field(key).sensitive]


@cache
def _added() -> dict[str, Label]:
    text = files("layers").joinpath("reference", "publication.toml").read_text(encoding="utf-8")
    return {key: Label(one["zh"], one["en"]) for key, one in tomllib.loads(text).items()}


def _centres(shapes: np.ndarray, grid_m: int) -> Any:
    """The centre of the cell in which each boundary's centre lies; None without a boundary."""
    inside = shapely.centroid(shapes)
    known = ~shapely.is_missing(inside) & ~shapely.is_empty(inside)
    points = np.full(len(shapes), None, dtype=object)
    if not known.any():
        return points
    plane = gpd.GeoSeries(inside[known], crs=crs.STORAGE).to_crs(crs.GK_117)
    cells = (np.floor(np.column_stack([plane.x, plane.y]) / grid_m) + 0.5) * grid_m
    back = gpd.GeoSeries(shapely.points(cells), crs=crs.GK_117).to_crs(crs.STORAGE)
    points[known] = shapely.points(np.round(np.column_stack([back.x, back.y]), _DECIMALS))
    return points
