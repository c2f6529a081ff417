"""Whether a delivery lies off as the web maps do, by what is known of its parcels.

Three kinds of evidence, the surest first: parcels the register knows by code; figures the register
knows at the place where a map's shift undone would put them; and districts the rows name, which
tell something only of parcels near a border. A few hundred metres in the middle of a district, of
parcels never seen before, cannot be found out by anyone, and are not.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import comb
from typing import Any, Final

import numpy as np
import pandas as pd
import shapely

from parcels import crs, offsets, words
from parcels.districts import Territory
from parcels.findings import Findings
from parcels.ingest.position import Located
from parcels.ingest.readings import moved

# From this many parcels on; two can be a coincidence of two mistakes.
_PAIRS: Final = 3
# GCJ-02 moves a place in Beijing by 504 m and more; below this it is another kind of difference.
_SHIFT_M: Final = 100.0
# A map's shift explains a difference if it leaves at most a fifth of it.
_EXPLAINED: Final = 0.2
_M_PER_DEG: Final = 111_320.0
# Rows compared, spread over the delivery, where codes do not lead to the parcels: a tenth of them,
# two hundred, is beyond chance.
_SAMPLE: Final = 2_000
# Two figures are one: middles of the boxes so near, and sizes so alike. Six decimals of a degree
# are 0.1 m, one hundredth of ten metres.
_SAME_PLACE_M: Final = 3.0
_SAME_SIZE: Final = 0.01
# Fewer may lie together by chance where parcels are tiles of one size: circles of 3 m cover 3 % of
# a pattern of 30 m.
_SHARE: Final = 0.1
# Twice as many by the shift as without it, else the pattern repeats.
_MUCH_MORE: Final = 2
# Cells of a ten-thousandth degree, 8 m by 11 m, numbered row by row.
_FINE_DEG: Final = 1e-4
_ROW: Final = 10_000_000
_FULL_CIRCLE_DEG: Final = 360.0
_NEIGHBOURS: Final = np.array([x + y * _ROW for x in (-1, 0, 1) for y in (-1, 0, 1)])
# Cells of about a kilometre, whose parcels share their mistakes and count once.
_CELL_DEG: Final = 0.01
# The sample outline of a district is good to some 60 m, other outlines to more or less of it:
# a place counts as elsewhere from about 100 m on.
_TURN_DEG: Final = 360.0
_OUTLINE_DEG: Final = 0.001
# One delivery in a hundred may look shifted by chance: seven cells mended and none spoiled.
_CHANCE: Final = 0.01


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known of a delivery's shift.

    Attributes:
        basis: Key of the kind of evidence: "codes", "figures", "districts".
        system: "gcj02" or "bd09"; None if it lies right.
        count: Parcels, or cells, that tell it.
        share: Part (0 to 1) of what was compared that it explains.
        shift_m: Of the middle parcel, metres.
        azimuth: Where it is shifted to, degrees from north.
    """

    basis: str
    system: str | None
    count: int
    share: float
    shift_m: float
    azimuth: float

    @property
    def details(self) -> dict[str, Any]:
        """What a sentence about it needs."""
        return {
            "system": self.system,
            "shift_m": round(self.shift_m),
            "azimuth": round(self.azimuth),
            "pairs": self.count,
            "share": round(self.share * 100),
            **words.in_both(words.formats()["shift_evidence"], self.basis, "basis"),
        }


def settle(  # noqa: PLR0913 - everything known of the place meets here
    located: Located,
    *,
    codes: pd.Series | None,
    districts: pd.Series | None,
    register: pd.DataFrame | None,
    territory: Territory,
    offset: str | None,
    findings: Findings,
) -> np.ndarray:
    """Report a shift, or undo the one that the user states.

    Args:
        located: Boundaries or points as the delivery has them; where the CRS is not certain,
            nothing can be compared.
        codes: Parcel codes of the rows, if it has any.
        districts: District codes that the rows name, NA where they name none.
        register: Columns code and geometry (EPSG:4490) of parcels known to lie right.
        territory: Borders of the districts.
        offset: "gcj02" or "bd09" as stated by the user; None to only look.
        findings: Takes offset_suspected, shift_unexplained, offset_applied, offset_contradicted.

    Returns:
        The geometries, set right where the user states an offset.
    """
    geometry = located.geometry
    # Numbers beyond all degrees are no place, and their distances overflow.
    there = np.flatnonzero((np.abs(shapely.bounds(geometry)) <= _TURN_DEG).all(axis=1))
    if not located.certain:
        there = there[:0]
    found = None
    if register is not None and len(register):
        if codes is not None:
            found = _by_codes(codes, geometry, there, register, findings=findings)
        found = found or _by_figures(geometry[_spread(there)], register)
    if found is None:
        found = _by_districts(geometry, _spread(there), districts, territory, offset=offset)
    if offset is None:
        if found is not None and found.system is not None:
            findings.add("offset_suspected", details=found.details)
        return geometry
    _report_stated(offset, found, findings)
    return moved(geometry, offsets.INVERSE[offset])


def _report_stated(offset: str, found: Evidence | None, findings: Findings) -> None:
    if found is not None and found.system != offset:
        details = {**found.details, "stated": offset, "system": found.system or "CGCS2000"}
        findings.add("offset_contradicted", field="offset", details=details)
        return
    known = "none" if found is None else found.basis
    details = {
        "system": offset,
        "formula": offsets.FORMULA[offset],
        **words.in_both(words.formats()["shift_evidence"], known, "basis"),
    }
    findings.add("offset_applied", details=details)


def _by_codes(
    codes: pd.Series,
    geometry: np.ndarray,
    there: np.ndarray,
    register: pd.DataFrame,
    *,
    findings: Findings,
) -> Evidence | None:
    """What the parcels tell that the register knows by code."""
    known = register.loc[register["code"].notna().to_numpy(bool)].drop_duplicates("code")
    place = pd.Index(known["code"]).get_indexer(codes.astype("object"))[there]
    shapes = known.geometry.to_numpy()
    pair = place >= 0
    pair[pair] = np.isfinite(shapely.bounds(shapes[place[pair]])).all(axis=1)
    if int(pair.sum()) < _PAIRS:
        return None
    came = _middles(geometry[there[pair]])
    true = _middles(shapes[place[pair]])
    steps = _metres(came, true)
    shift = np.median(steps, axis=0)
    if np.hypot(*shift) < _SHIFT_M:
        return _evidence("codes", None, steps, 1.0)
    for system, forward in offsets.FORWARD.items():
        left = np.hypot(*_metres(came, forward(true)).T)
        if np.median(left) < np.hypot(*shift) * _EXPLAINED:
            near = left < np.hypot(*steps.T) * _EXPLAINED
            return _evidence("codes", system, steps, float(near.mean()))
    left = np.hypot(*(steps - shift).T)
    if np.median(left) < np.hypot(*shift) * _EXPLAINED:
        unknown = _evidence("codes", None, steps, 1.0)
        findings.add("shift_unexplained", details=unknown.details)
    return None


def _by_figures(geometry: np.ndarray, register: pd.DataFrame) -> Evidence | None:
    """What figures tell that lie in the register where a map's shift undone would put them."""
    came = geometry[shapely.get_dimensions(geometry) == 2]
    if len(came) < _PAIRS:
        return None
    middle = _middles(came)
    readings = {None: middle} | {key: undo(middle) for key, undo in offsets.INVERSE.items()}
    shapes = _around(register.geometry.to_numpy(), np.vstack(list(readings.values())))
    if len(shapes) < _PAIRS:
        return None
    known = _sizes(shapes)
    tree = shapely.STRtree(shapely.points(_middles(shapes)))
    hits = {}
    for key, places in readings.items():
        # Sizes are compared when set right: BD-09 stretches figures by up to 2 %.
        sizes = _sizes(came if key is None else moved(came, offsets.INVERSE[key]))
        hits[key] = _same_figures(tree, places, sizes, known)
    best = max(hits, key=lambda key: int(hits[key].sum()))
    most = int(hits[best].sum())
    rest = max(int(hit.sum()) for key, hit in hits.items() if key != best)
    if most < max(_PAIRS, _SHARE * len(came)) or most < _MUCH_MORE * rest:
        return None
    told = hits[best]
    steps = _metres(middle[told], readings[best][told])
    return _evidence("figures", best, steps, most / len(came))


def _same_figures(
    tree: shapely.STRtree, places: np.ndarray, sizes: np.ndarray, known: np.ndarray
) -> np.ndarray:
    """Whether a figure of the same size and number of corners lies at each place."""
    reach = _SAME_PLACE_M / _M_PER_DEG / np.cos(np.radians(places[:, 1].max()))
    asked, found = tree.query(shapely.points(places), predicate="dwithin", distance=reach)
    alike = (np.abs(sizes[asked] / known[found] - 1) < _SAME_SIZE)[:, :3].all(axis=1)
    alike &= sizes[asked, 3] == known[found, 3]
    hit = np.zeros(len(places), bool)
    hit[asked[alike]] = True
    return hit


def _around(shapes: np.ndarray, places: np.ndarray) -> np.ndarray:
    """The areas among shapes whose middles lie within cells of 11 m about places."""
    shapes = shapes[shapely.get_dimensions(shapes) == 2]
    wanted = _cells(places)
    near = np.sort((wanted[:, None] + _NEIGHBOURS).ravel())
    cells = _cells(_middles(shapes))
    place = np.minimum(np.searchsorted(near, cells), len(near) - 1)
    return np.asarray(shapes[near[place] == cells])


def _cells(places: np.ndarray, size: float = _FINE_DEG) -> np.ndarray:
    # Places that are none on Earth (1e308, not a number) share one cell and decide nothing.
    on_earth = np.where(np.abs(places) <= _FULL_CIRCLE_DEG, places, 0.0)
    cells = np.floor(on_earth / size).astype("int64")
    return np.asarray(cells[:, 0] + cells[:, 1] * _ROW)


def _sizes(shapes: np.ndarray) -> np.ndarray:
    """Width and height of the box (degrees), area (m2) and number of corners of each shape."""
    west, south, east, north = shapely.bounds(shapes).T
    tiny = np.finfo(float).tiny
    area = np.maximum(crs.area_m2(shapes), tiny)
    return np.column_stack(
        [
            np.maximum(east - west, tiny),
            np.maximum(north - south, tiny),
            area,
            shapely.get_num_coordinates(shapes),
        ]
    )


def _by_districts(
    geometry: np.ndarray,
    rows: np.ndarray,
    districts: pd.Series | None,
    territory: Territory,
    *,
    offset: str | None,
) -> Evidence | None:
    """What parcels near a border tell: the district they name, or the city, holds them or not.

    Compared are places as delivered with places set right. Either is better by the cells it mends
    and the other spoils; chance mends as many as it spoils (sign test).
    """
    if not len(rows):
        return None
    places = _middles(geometry[rows])
    named = np.full(len(rows), -1)
    if districts is not None:
        named = territory.districts.index.get_indexer(districts.iloc[rows].astype("object"))
    as_came = _elsewhere(places, named, territory)
    most = len(np.unique(_cells(places[as_came], _CELL_DEG)))
    if offset is None and _by_chance(most, most) > _CHANCE:
        return None
    best: tuple[int, Evidence] | None = None
    for system in (offset,) if offset else tuple(offsets.INVERSE):
        right = offsets.INVERSE[system](places)
        after = _elsewhere(right, named, territory)
        worse, better = (as_came, after) if offset is None else (after, as_came)
        told = worse & ~better
        mended = len(np.unique(_cells(places[told], _CELL_DEG)))
        spoiled = len(np.unique(_cells(places[better & ~worse], _CELL_DEG)))
        if not told.any() or _by_chance(mended, mended + spoiled) > _CHANCE:
            continue
        share = float(told.sum() / worse.sum())
        steps = _metres(places, right)
        says = system if offset is None else None
        one = (int(better.sum()), _evidence("districts", says, steps, share, mended))
        best = one if best is None or one[0] < best[0] else best
    return None if best is None else best[1]


def _by_chance(hits: int, count: int) -> float:
    """Chance of so many heads or more in so many tosses."""
    return float(sum(comb(count, k) for k in range(hits, count + 1)) / 2**count)


def _elsewhere(places: np.ndarray, named: np.ndarray, territory: Territory) -> np.ndarray:
    """Whether places lie clearly outside the district they name, or, naming none, the city."""
    polygons = territory.districts.geometry.to_numpy()
    points = shapely.points(places)
    shapely.prepare(polygons)
    inside = np.zeros(len(places), bool)
    for number, polygon in enumerate(polygons):
        asked = np.flatnonzero(((named == number) | (named < 0)) & ~inside)
        inside[asked] = shapely.intersects(polygon, points[asked])
    # Distances cost most, and few need one.
    left = np.flatnonzero(~inside)
    for number, polygon in enumerate(polygons):
        asked = left[(named[left] == number) | (named[left] < 0)]
        with np.errstate(over="ignore"):  # a coordinate of 1e308 is far from everything
            inside[asked] |= shapely.distance(polygon, points[asked]) <= _OUTLINE_DEG
    return ~inside


def _evidence(
    basis: str, system: str | None, steps: np.ndarray, share: float, count: int | None = None
) -> Evidence:
    east, north = np.median(steps, axis=0)
    return Evidence(
        basis,
        system,
        len(steps) if count is None else count,
        share,
        float(np.hypot(east, north)),
        float(np.degrees(np.arctan2(east, north)) % 360),
    )


def _spread(rows: np.ndarray) -> np.ndarray:
    if len(rows) <= _SAMPLE:
        return rows
    return np.asarray(rows[np.linspace(0, len(rows) - 1, _SAMPLE).astype("int64")])


def _middles(geometry: np.ndarray) -> np.ndarray:
    """Middles of the boxes around boundaries, degrees."""
    box = shapely.bounds(geometry)
    return np.asarray((box[:, :2] + box[:, 2:]) / 2)


def _metres(to: np.ndarray, start: np.ndarray) -> np.ndarray:
    """Steps east and north from one set of places to another, metres."""
    step = (to - start) * _M_PER_DEG
    step[:, 0] *= np.cos(np.radians(start[:, 1]))
    return np.asarray(step)
