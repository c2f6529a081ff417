"""Mends boundaries: points twice and spikes taken out, invalid ones made valid; or refuses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import shapely

from parcels import crs, flaws, lengths

MOST_SHARE: Final = 0.01
"""A repair may change 1 % of the area: as much as declared and computed areas may differ."""

MOST_M2: Final = 100.0
"""And no more than 100 m2, 0.15 mu, however large the parcel is."""

_POLYGONS: Final = ("Polygon", "MultiPolygon")
_ROUNDS: Final = 8


@dataclass(frozen=True, slots=True)
class Repair:
    """What mending one boundary did, or would have done.

    Attributes:
        shape: The mended boundary; None if it was refused.
        refused: Why not: "shape" (something else than polygons would come of it), "part" (a part
            would be lost), "hole" (a hole would become land), "area" (too much land would
            change); None if it was mended.
        area_before_m2: What the boundary's points enclose as they stand, each loop by its turn.
        area_after_m2: Area of the mended boundary.
        changed_m2: Land gained or lost: the difference of the two, or more where gain and loss
            can be told apart.
        points_before, points_after: Number of coordinates.
        parts_before, parts_after: Number of polygons.
    """

    shape: shapely.Geometry | None
    refused: str | None
    area_before_m2: float
    area_after_m2: float
    changed_m2: float
    points_before: int
    points_after: int
    parts_before: int
    parts_after: int

    @property
    def changed_share(self) -> float:
        """Land changed as a share of the area before; 1 where there was none."""
        return self.changed_m2 / self.area_before_m2 if self.area_before_m2 > 0 else 1.0


def mend(boundary: shapely.Geometry) -> Repair:
    """Mend one polygon or multipolygon in EPSG:4490, or refuse to.

    Points twice and spikes go first, as they are often all that is wrong. What is still invalid
    is rebuilt from its rings (GEOS "structure"): shells together less holes together. The other
    method, from lines, takes land that a ring winds about twice for no land; where both differ,
    structure keeps what the points enclose.
    """
    cleaned = _cleaned(boundary)
    made = cleaned
    if made.is_empty or not made.is_valid:
        made = shapely.make_valid(cleaned, method="structure", keep_collapsed=False)
    made = shapely.force_2d(made)
    before = float(crs.area_m2(boundary))
    after = float(crs.area_m2(made)) if made.geom_type in _POLYGONS else 0.0
    parts = [part for part in shapely.get_parts(boundary) if not part.is_empty]
    changed = _changed_m2(boundary, made, before, after)
    refused = _refusal(made, parts, changed, before)
    return Repair(
        None if refused else made,
        refused,
        before,
        after,
        changed,
        int(shapely.get_num_coordinates(boundary)),
        int(shapely.get_num_coordinates(made)),
        len(parts),
        int(shapely.get_num_geometries(made)),
    )


def _refusal(
    made: shapely.Geometry, parts: list[shapely.Geometry], changed: float, before: float
) -> str | None:
    if made.is_empty or made.geom_type not in _POLYGONS:
        return "shape"
    solid = [shapely.make_valid(p, method="structure", keep_collapsed=False) for p in parts]
    if any(one.is_empty or not made.intersects(one.representative_point()) for one in solid):
        return "part"
    if any(made.intersects(hole) for part in parts for hole in _holes(part)):
        return "hole"
    if changed > MOST_M2 or changed > MOST_SHARE * before:
        return "area"
    return None


def _holes(part: shapely.Geometry) -> list[shapely.Geometry]:
    """A point in each hole, off the others."""
    holes = [shapely.make_valid(shapely.Polygon(ring)) for ring in part.interiors]
    return [one.representative_point() for one in holes if not one.is_empty]


def _changed_m2(
    boundary: shapely.Geometry, made: shapely.Geometry, before: float, after: float
) -> float:
    net = abs(after - before)
    if not boundary.is_valid or made.geom_type not in _POLYGONS:
        return net
    return max(net, float(crs.area_m2(shapely.symmetric_difference(boundary, made))))


def _cleaned(boundary: shapely.Geometry) -> shapely.Geometry:
    """The boundary without repeated points and spikes; a ring that needs all its points stays."""
    parts = []
    for part in shapely.get_parts(boundary):
        if part.is_empty:
            continue
        shell, *holes = (_ring(ring) for ring in [part.exterior, *part.interiors])
        parts.append(shapely.Polygon(shell, holes))
    return parts[0] if len(parts) == 1 else shapely.MultiPolygon(parts)


def _ring(ring: shapely.LinearRing) -> np.ndarray:
    lonlat = shapely.get_coordinates(ring)[:-1]
    for _ in range(_ROUNDS):
        following = np.roll(lonlat, -1, axis=0)
        leaving = lengths.steps_m(lonlat, following)
        twice = np.hypot(*leaving.T) < flaws.SAME_POINT_M
        bad = twice if twice.any() else flaws.turns_back(np.roll(leaving, 1, axis=0), leaving)
        if not bad.any() or len(lonlat) - bad.sum() < 3:
            break
        lonlat = lonlat[~bad]
    closed: np.ndarray = np.concatenate([lonlat, lonlat[:1]])
    return closed
