"""Boundary-point TXT (自然资源电子报盘) out, as the national submission software takes it."""

from __future__ import annotations

import datetime as dt
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from parcels.errors import OutputNotWritableError
from parcels.exchange.losses import Loss

_FIRST_ZONED_EPSG: Final = 4488
"""EPSG of the CGCS2000 3-degree zone n with the zone number in the easting is 4488 + n."""

_M2_PER_HA: Final = 10_000


@dataclass(frozen=True, slots=True)
class Style:
    """How the file is written where writers differ.

    Attributes:
        zone: Number of the 3-degree zone, 25 to 45; 39 for Beijing.
        zoned: Whether eastings carry the zone number (39xxxxxx).
        closed: Whether the first point of a ring is repeated at its end.
        encoding: Of the text; "gbk" or "utf-8".
        newline: End of a line.
    """

    zone: int = 39
    zoned: bool = True
    closed: bool = True
    encoding: str = "utf-8"
    newline: str = "\r\n"


PLAIN: Final = Style()


def write(
    path: Path,
    parcels: gpd.GeoDataFrame,
    *,
    sender: str = "",
    made_on: dt.date | None = None,
    style: Style = PLAIN,
) -> tuple[Loss, ...]:
    """Write parcels as boundary points, X north and Y east in metres with three decimals.

    Rings are numbered from 1 in each parcel: every part's outer ring, then its holes. A parcel
    without a boundary has a header and no points. The area is the declared one where there is
    one, else the computed one, in hectares with four decimals (1 m2).

    Args:
        path: The file; one that is there is replaced.
        parcels: Any CRS. Columns used: code, name, declared_area_m2, area_m2, and where present
            map_sheet, land_use, land_class.
        sender: Who made the data.
        made_on: When.
        style: How it is written.

    Returns:
        What could not be written as it was: names with a comma, an @ or a line break.

    Raises:
        OutputNotWritableError: The file cannot be written, or the encoding lacks a character.
    """
    planar = parcels.to_crs(_FIRST_ZONED_EPSG + style.zone)
    headers, losses = _headers(planar)
    lines = [
        *_words()["head"]
        .strip()
        .format(sender=sender, made_on=made_on.isoformat() if made_on else "", zone=style.zone)
        .split("\n"),
        *_lines(planar.geometry.to_numpy(), headers, style),
    ]
    text = "".join(line + style.newline for line in lines)
    try:
        path.write_bytes(text.encode(style.encoding))
    except (OSError, UnicodeEncodeError) as error:
        raise OutputNotWritableError(file=path.name, reason=str(error)) from error
    return losses


@cache
def _words() -> dict[str, Any]:
    text = files("parcels").joinpath("reference", "exchange.toml").read_text(encoding="utf-8")
    found: dict[str, Any] = tomllib.loads(text)["boundary_points"]
    return found


def _headers(parcels: gpd.GeoDataFrame) -> tuple[list[str], tuple[Loss, ...]]:
    """The header of each parcel without its number of points, and what it could not hold."""
    texts, losses = {}, []
    for key in ("code", "name", "map_sheet", "land_use", "land_class"):
        written = _column(parcels, key).fillna("").astype(str)
        texts[key] = _kept_apart(written)
        changed = int((texts[key] != written).sum())
        if changed:
            losses.append(Loss("text_changed", key, key, changed))
    area = _column(parcels, "declared_area_m2").astype(float)
    area = area.fillna(_column(parcels, "area_m2").astype(float)) / _M2_PER_HA
    hectares = area.map("{:.4f}".format).where(area.notna(), "")
    is_point = shapely.get_dimensions(parcels.geometry.to_numpy()) == 0
    shape = pd.Series(
        np.where(is_point, _words()["point"], _words()["polygon"]), index=parcels.index
    )
    columns = (
        hectares,
        texts["code"],
        texts["name"],
        shape,
        texts["map_sheet"],
        texts["land_use"],
        texts["land_class"],
    )
    return [",".join(row) for row in zip(*columns, strict=True)], tuple(losses)


def _column(parcels: gpd.GeoDataFrame, key: str) -> pd.Series:
    return parcels[key] if key in parcels else pd.Series(None, index=parcels.index, dtype=object)


def _kept_apart(texts: pd.Series) -> pd.Series:
    marks: dict[str, str] = _words()["replaced"]
    spaced = texts.str.replace(r"\s*[\r\n]+\s*", " ", regex=True)
    for mark, instead in marks.items():
        spaced = spaced.str.replace(mark, instead, regex=False)
    return spaced


def _lines(geometries: np.ndarray, headers: list[str], style: Style) -> Iterator[str]:
    offset = 0 if style.zoned else style.zone * 1_000_000
    for geometry, header in zip(geometries, headers, strict=True):
        rings = list(_rings(geometry, closed=style.closed))
        yield f"{sum(map(len, rings))},{header},@"
        start = 0
        for number, ring in enumerate(rings, start=1):
            named = len(ring) - 1 if style.closed and len(ring) > 1 else len(ring)
            for place, (east, north) in enumerate(ring.tolist()):
                # The closing point bears the name of the first.
                name = start + place % named + 1
                yield f"J{name},{number},{north:.3f},{east - offset:.3f}"
            start += named


def _rings(geometry: Any, *, closed: bool) -> Iterator[np.ndarray]:
    """East, north of each ring: the outer ring of every part, each followed by its holes."""
    if geometry is None or geometry.is_empty:
        return
    for part in shapely.get_parts(geometry):
        if part.geom_type != "Polygon":
            yield shapely.get_coordinates(part)
            continue
        for ring in shapely.get_rings(part):
            corners = shapely.get_coordinates(ring)
            yield corners if closed else corners[:-1]
