"""Which boundaries can be kept: on Earth, of the right shape, valid; in one form for all."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from parcels import flaws, outlines, repair, words
from parcels.findings import Findings
from parcels.model import Layer, Shape

EXPLAINED: Final = (
    "boundary_invalid",
    "boundary_wrong_shape",
    "record_damaged",
    "line_not_understood",
)
"""Findings of a reader that say already why a row has no boundary."""

_REASON: Final = re.compile(r"^([^\[]*)(?:\[(\S+) (\S+)\])?")
_POINTS: Final = (0,)
_POLYGONS: Final = (3, 6)
_MULTIPOINT: Final = 4
_SURE: Final = 1e-9
_AT_ONCE: Final = 50_000


@dataclass(frozen=True, slots=True)
class Report:
    """Where findings go, with what every one of them says: row, parcel code, place."""

    findings: Findings
    rows: np.ndarray
    numbers: pd.Series
    places: np.ndarray

    def add(
        self,
        code: str,
        at: np.ndarray,
        *,
        field: str | None = None,
        found: pd.Series | None = None,
        details: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None = None,
    ) -> None:
        """One finding for each position in `at`, a mask or an array of positions."""
        where = np.flatnonzero(at) if at.dtype == bool else at
        if not len(where):
            return
        self.findings.add(
            code,
            rows=self.rows[where],
            numbers=self.numbers.iloc[where],
            field=field,
            found=None if found is None else found.iloc[where],
            at=self.places[where],
            details=details,
        )

    def pointing(self, where: np.ndarray, lonlat: np.ndarray) -> Report:
        """The same report with other places at some positions; the others have none."""
        places = _nowhere(len(self.rows))
        places[where] = lonlat
        return Report(self.findings, self.rows, self.numbers, places)


def sound(
    draft: gpd.GeoDataFrame, layer: Layer, findings: Findings, *, mend: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """Two-dimensional boundaries in the layer's form, and whether each can be worked with.

    Args:
        draft: Delivered rows with `row` and a geometry in EPSG:4490.
        layer: Which shapes it takes.
        findings: Takes what is found.
        mend: Repair boundaries where little changes by it.
    """
    arrived = draft.geometry.to_numpy()
    geometry = np.array(arrived, dtype=object)
    deep = shapely.has_z(arrived) | shapely.has_m(arrived)
    geometry[deep] = shapely.force_2d(arrived[deep])
    report = Report(
        findings, np.asarray(draft["row"], "int64"), numbers_of(draft), _nowhere(len(draft))
    )
    _report_flat(deep, report)
    geometry[shapely.is_empty(geometry)] = None
    missing = shapely.is_missing(geometry)
    told = np.isin(report.rows, findings.rows_of(EXPLAINED))
    code = "boundary_required" if layer.boundary_required else "boundary_missing"
    report.add(code, missing & ~told)
    wild = _wild(geometry)
    if wild.any():
        report.add("coordinate_not_finite", wild, found=_described(arrived))
        geometry[wild] = None
    geometry = _single(geometry)
    wrong = _wrong_shape(geometry, layer.shape) & ~shapely.is_missing(geometry)
    placed = Report(findings, report.rows, report.numbers, places(geometry, ~wild & ~missing))
    kinds = pd.Series([g.geom_type if g is not None else "" for g in geometry[wrong]])
    details = words.in_both(words.values()["shapes"], layer.shape.value, "expected")
    found = pd.Series("", index=draft.index, dtype="str")
    found.iloc[np.flatnonzero(wrong)] = kinds.to_numpy()
    placed.add("boundary_wrong_shape", wrong, found=found, details=details)
    invalid = ~shapely.is_valid(geometry) & ~shapely.is_missing(geometry) & ~wrong
    if mend:
        invalid &= ~_repair(geometry, invalid, report)
    where = np.flatnonzero(invalid)
    spots, faults = _faults(geometry[where])
    report.pointing(where, spots).add("boundary_invalid", where, details=faults)
    good = ~shapely.is_missing(geometry) & ~wrong & ~invalid
    geometry[good] = _oriented(geometry[good])
    geometry[wrong] = None
    return geometry, good


def numbers_of(draft: pd.DataFrame) -> pd.Series:
    """The parcel codes of delivered rows as text; missing where there is none."""
    return text_of(draft, "code")


def text_of(draft: pd.DataFrame, key: str) -> pd.Series:
    """A delivered column as text; all missing if it was not delivered."""
    if key in draft.columns:
        return draft[key].astype("str")
    return pd.Series(pd.NA, index=draft.index, dtype="str")


def _wild(geometry: np.ndarray) -> np.ndarray:
    """Whether a geometry holds a coordinate that is no place on Earth."""
    wild = np.zeros(len(geometry), bool)
    for first in range(0, len(geometry), _AT_ONCE):
        some = geometry[first : first + _AT_ONCE]
        corners, owner = shapely.get_coordinates(some, return_index=True)
        # A comparison with NaN is false, so this is true for what is not a number too.
        on_earth = (np.abs(corners[:, 0]) <= 180) & (np.abs(corners[:, 1]) <= 90)
        wild[first + owner[~on_earth]] = True
    return wild


def _described(geometry: np.ndarray) -> pd.Series:
    bounds = shapely.bounds(geometry)
    return pd.Series([f"{w:g} {s:g} {e:g} {n:g}" for w, s, e, n in bounds], dtype="str")


def _single(geometry: np.ndarray) -> np.ndarray:
    """Collections of one part as that part, where the register keeps single points."""
    lone = (shapely.get_type_id(geometry) == _MULTIPOINT) & (
        shapely.get_num_geometries(geometry) == 1
    )
    if lone.any():
        geometry[lone] = shapely.get_geometry(geometry[lone], 0)
    return geometry


def is_polygon(geometry: np.ndarray) -> np.ndarray:
    """Whether each geometry is a Polygon or MultiPolygon."""
    return np.isin(shapely.get_type_id(geometry), _POLYGONS)


def _wrong_shape(geometry: np.ndarray, shape: Shape) -> np.ndarray:
    allowed = {
        Shape.POLYGON: _POLYGONS,
        Shape.POINT: _POINTS,
        Shape.EITHER: _POLYGONS + _POINTS,
    }[shape]
    return ~np.isin(shapely.get_type_id(geometry), allowed)


def _faults(geometry: np.ndarray) -> tuple[np.ndarray, list[dict[str, str]]]:
    """Where invalid boundaries are so, NaN where that cannot be told, and why."""
    spots, details = _nowhere(len(geometry)), []
    for position, reason in enumerate(shapely.is_valid_reason(geometry)):
        parts = _REASON.match(reason)
        details.append(_fault(parts.group(1).strip() if parts else ""))
        if parts and parts.group(2):
            spots[position] = float(parts.group(2)), float(parts.group(3))
    return spots, details


def _fault(name: str) -> dict[str, str]:
    known = words.faults()
    fault = known.get(name, known[""])
    return {"fault": fault.key, "fault_zh": fault.zh, "fault_en": fault.en}


def _repair(geometry: np.ndarray, invalid: np.ndarray, report: Report) -> np.ndarray:
    """Mend invalid boundaries and those with points twice or spikes, in place; which were."""
    wrong = np.flatnonzero(invalid)
    valid = np.flatnonzero(~invalid & is_polygon(geometry))
    odd = flaws.mendable(geometry[valid])
    where = np.concatenate([wrong, valid[odd["boundary"].to_numpy("int64")]])
    spots, faults = _faults(geometry[wrong])
    spots = np.concatenate([spots, odd[["lon", "lat"]].to_numpy()])
    faults += [_fault("Spike" if spike else "Repeated points") for spike in odd["spike"]]
    made = [repair.mend(one) for one in geometry[where]]
    details = [fault | _told(one) for fault, one in zip(faults, made, strict=True)]
    done = np.array([one.shape is not None for one in made], bool)
    pointed = report.pointing(where, spots)
    for code, chosen in (("boundary_repaired", done), ("repair_refused", ~done)):
        told = np.flatnonzero(chosen)
        pointed.add(code, where[told], details=[details[i] for i in told])
    mended = np.zeros(len(geometry), bool)
    mended[where[done]] = True
    for place in np.flatnonzero(done):
        geometry[where[place]] = made[place].shape
    return mended


def _told(made: repair.Repair) -> dict[str, Any]:
    told: dict[str, Any] = {
        "area_before_m2": round(made.area_before_m2, 2),
        "area_after_m2": round(made.area_after_m2, 2),
        "changed_m2": round(made.changed_m2, 2),
        "changed_percent": round(100 * made.changed_share, 3),
        "points_before": made.points_before,
        "points_after": made.points_after,
        "parts_before": made.parts_before,
        "parts_after": made.parts_after,
    }
    if made.refused is not None:
        told |= words.in_both(words.values()["repairs"], made.refused, "reason")
    return told


def _oriented(geometry: np.ndarray) -> np.ndarray:
    """Shells against the clock, holes with it, every polygon as a MultiPolygon.

    Those that are so already stay the very same: a copy of each takes time and memory.
    """
    formed = geometry.copy()
    for first in range(0, len(geometry), _AT_ONCE):
        some = geometry[first : first + _AT_ONCE]
        where = np.flatnonzero(~_in_form(some))
        turned = shapely.orient_polygons(some[where])
        single = np.flatnonzero(shapely.get_type_id(turned) == _POLYGONS[0])
        if len(single):
            alone = np.arange(len(single))
            turned[single] = shapely.multipolygons(turned[single], indices=alone)
        formed[first + where] = turned
    return formed


def _in_form(geometry: np.ndarray) -> np.ndarray:
    """Whether each is a MultiPolygon of one ring that surely runs against the clock."""
    rings = outlines.rings(geometry)
    signed = outlines.signed_areas(rings.lonlat, rings.start)
    west, south, east, north = shapely.bounds(geometry[rings.owner]).T
    # Of a thin strip that lies aslant rounding may tell the direction.
    sure = ~rings.oriented & (signed > _SURE * (east - west) * (north - south))
    formed: np.ndarray = shapely.get_type_id(geometry) == _POLYGONS[1]
    alone = np.zeros(len(geometry), bool)
    alone[rings.owner[sure]] = True
    formed &= alone
    return formed


def _report_flat(deep: np.ndarray, report: Report) -> None:
    if deep.any():
        details = {"count": int(deep.sum()), "row": int(report.rows[np.argmax(deep)])}
        report.findings.add("dimension_dropped", details=details)


def report_flaws(found: flaws.Flaws, report: Report) -> None:
    """Report what is odd about boundaries that can be kept.

    Args:
        found: Their flaws.
        report: Where to.
    """
    for code, table in (
        ("points_repeated", found.points_twice),
        ("boundary_spike", found.spikes),
        ("tiny_hole", found.tiny_holes),
        ("tiny_part", found.tiny_parts),
        ("boundary_sliver", found.slivers),
    ):
        where = table["boundary"].to_numpy("int64")
        numbers = table.drop(columns=["boundary", "lon", "lat"]).round(3)
        pointed = report.pointing(where, table[["lon", "lat"]].to_numpy())
        pointed.add(code, where, details=numbers.to_dict("records"))


def only(geometry: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """The chosen geometries, None in place of the others."""
    kept = np.full(len(geometry), None, object)
    kept[chosen] = geometry[chosen]
    return kept


def _nowhere(count: int) -> np.ndarray:
    return np.full((count, 2), np.nan)


def places(geometry: np.ndarray, usable: np.ndarray) -> np.ndarray:
    """A place to show for each geometry: the middle of its bounds."""
    bounds = shapely.bounds(only(geometry, usable))
    return np.column_stack([bounds[:, [0, 2]].mean(axis=1), bounds[:, [1, 3]].mean(axis=1)])
