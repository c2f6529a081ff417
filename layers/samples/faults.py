"""What goes wrong in deliveries, done to good ones on purpose."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from shapely import affinity

from layers.samples.words import words
from parcels import offsets

Spoil = Callable[[gpd.GeoDataFrame], gpd.GeoDataFrame]
"""Gives a spoiled copy of a frame."""


def shifted(parcels: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Boundaries drawn on a web map: true coordinates as GCJ-02 shows them."""
    shown = shapely.transform(parcels.geometry.to_numpy(), offsets.to_gcj02)
    return parcels.set_geometry(shown, crs=parcels.crs)


def crossed_boundaries(parcels: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Two boundaries that cross themselves, one drawn twice, one missing."""
    shapes = parcels.geometry.to_numpy().copy()
    shapes[1], shapes[4] = _bow_tie(shapes[1]), _bow_tie(shapes[4])
    shapes[6] = shapes[5]
    shapes[8] = None
    return parcels.set_geometry(shapes, crs=parcels.crs)


def moved_away(parcels: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Every third boundary a degree and a half further east, out of the city."""
    shapes = parcels.geometry.to_numpy().copy()
    shapes[::3] = [affinity.translate(shape, 1.5, 0) for shape in shapes[::3]]
    return parcels.set_geometry(shapes, crs=parcels.crs)


def codes_twice(parcels: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """One code used three times, and one left out."""
    codes = parcels["code"].copy()
    codes.iloc[[3, 7]] = codes.iloc[0]
    codes.iloc[5] = None
    return parcels.assign(code=codes)


def strange_values(table: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Words for a stage, a kind, a date and a number that mean nothing, and a number below 0.

    Args:
        table: Columns by heading, of the layer of fuel stations as written by hand.
    """
    strange = words()["faults"]
    spoiled = pd.DataFrame(table.drop(columns=table.geometry.name)).astype(object)
    stage, kind, tanks, day = strange["columns"]
    spoiled.iloc[1, spoiled.columns.get_loc(stage)] = strange["stage"]
    spoiled.iloc[2, spoiled.columns.get_loc(kind)] = strange["choice"]
    spoiled.iloc[3, spoiled.columns.get_loc(tanks)] = strange["number"]
    spoiled.iloc[4, spoiled.columns.get_loc(tanks)] = -3
    spoiled.iloc[5, spoiled.columns.get_loc(day)] = strange["date"]
    return gpd.GeoDataFrame(spoiled, geometry=table.geometry)


def other_districts(table: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """A neighbour's name for two districts, and names that no district or unit has."""
    strange = words()["faults"]
    district, unit = strange["district_column"], strange["unit_column"]
    spoiled = table.copy()
    spoiled.iloc[[0, 6], spoiled.columns.get_loc(district)] = strange["neighbour"]
    spoiled.iloc[2, spoiled.columns.get_loc(district)] = strange["district"]
    spoiled.iloc[4, spoiled.columns.get_loc(unit)] = strange["unit"]
    return spoiled


def no_codes(table: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """The list without its column of codes."""
    return table.drop(columns=words()["faults"]["code_column"])


def broken_lines(path: Path) -> None:
    """Spoil a boundary-point file: a wrong number of points, and a line that is none."""
    text = path.read_bytes().decode("utf-8")
    lines = text.split("\r\n")
    headers = [place for place, line in enumerate(lines) if line.endswith("@")]
    points, rest = lines[headers[0]].split(",", 1)
    lines[headers[0]] = f"{int(points) + 4},{rest}"
    lines[headers[1] + 2] = words()["faults"]["line"]
    path.write_bytes("\r\n".join(lines).encode("utf-8"))


def _bow_tie(shape: Any) -> Any:
    """The same corners in an order that makes the boundary cross itself."""
    corners = shapely.get_coordinates(shapely.get_parts(shape)[0].exterior)[:-1]
    middle = len(corners) // 2
    swapped = corners.copy()
    swapped[[0, middle]] = corners[[middle, 0]]
    return shapely.multipolygons([shapely.polygons(np.vstack([swapped, swapped[:1]]))])


OF_PARCELS: Final[Mapping[str, Spoil]] = {
    "shifted": shifted,
    "crossed_boundaries": crossed_boundaries,
    "moved_away": moved_away,
    "codes_twice": codes_twice,
}
"""Faults of what is said, by key."""

OF_TABLES: Final[Mapping[str, Spoil]] = {
    "strange_values": strange_values,
    "other_districts": other_districts,
    "no_codes": no_codes,
}
"""Faults of how it is written."""

OF_FILES: Final[Mapping[str, Callable[[Path], None]]] = {"broken_lines": broken_lines}
"""Faults of the file."""
