"""Delivered rows against the parcels the register has: which one each is, and what is odd then."""

from __future__ import annotations

from typing import Final

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from parcels import gaps, lengths, matching, topology
from parcels.boundaries import Report, is_polygon, only, text_of
from parcels.matching import Matches, SameLand
from parcels.neighbours import OVERLAP_M2, report_gaps

_NAMED: Final = 5
"""Parcels that a finding names, of several."""

_BESIDE: Final = 1e-5
"""Degrees, some 1 m: twice as far away as a gap is wide."""

_ASKED: Final = ("code_differs", "parcel_ambiguous")


def recognise(
    draft: pd.DataFrame,
    geometry: np.ndarray,
    area_m2: np.ndarray,
    register: gpd.GeoDataFrame,
    report: Report,
    *,
    same_land: SameLand,
) -> tuple[pd.Series, pd.Series]:
    """Match delivered rows to the layer's parcels; reports all that is odd about it.

    Args:
        draft: Delivered rows.
        geometry: Their boundaries that can be kept; None for the others.
        area_m2: Their areas; NaN without a polygon.
        register: The layer's parcels: `code`, geometry in EPSG:4490, and where known `parcel`
            (id) and `name`.
        report: Where to.
        same_land: What a row with a new code on the land of a known parcel is.

    Returns:
        On the index of `draft`: the code of each row, that of its parcel where it has none; and
        the id of the parcel (Int64), only where the boundary told it.
    """
    codes = report.numbers
    rows = pd.DataFrame(
        {"code": codes, "name": text_of(draft, "name"), "shape": geometry, "area_m2": area_m2}
    )
    known = _known(register)
    found = matching.match(rows, known)
    new_code = found.by_boundary & codes.notna().to_numpy(bool)
    _report_recognised(found, known, report)
    _report_same_land(found, new_code, known, report, same_land=same_land)
    _report_several(found, known, report, same_land=same_land)
    _report_moved(found, geometry, known, report)
    position = found.known.copy()
    if same_land is not SameLand.RENUMBERED:
        position[new_code] = -1
    _report_beside(position, geometry, known, report)
    told = found.by_boundary & (position >= 0)
    parcel = pd.Series(pd.NA, index=draft.index, dtype="Int64")
    if "parcel" in register.columns:
        parcel.iloc[np.flatnonzero(told)] = register["parcel"].to_numpy()[position[told]]
    code = codes.copy()
    blank = np.flatnonzero(told & codes.isna().to_numpy(bool))
    code.iloc[blank] = known["code"].iloc[position[blank]].to_numpy(object)
    return code, parcel


def unfilled(narrow: pd.DataFrame, register: gpd.GeoDataFrame, codes: pd.Series) -> pd.DataFrame:
    """The gaps inside a delivery in which no other parcel lies that the register has.

    Args:
        narrow: As `gaps.gaps` gives them.
        register: The layer's parcels, as `recognise` takes them.
        codes: Codes of the delivered rows: their old boundaries fill nothing.
    """
    others = register.geometry[~register["code"].isin(codes.dropna())].to_numpy()
    return narrow[~gaps.filled(narrow, others)].reset_index(drop=True)


def _known(register: gpd.GeoDataFrame) -> pd.DataFrame:
    shapes = register.geometry.to_numpy()
    return pd.DataFrame(
        {
            "code": text_of(register, "code").to_numpy(),
            "name": text_of(register, "name").to_numpy(),
            "shape": shapes,
        }
    )


def _report_recognised(found: Matches, known: pd.DataFrame, report: Report) -> None:
    told = np.flatnonzero(found.by_boundary & report.numbers.isna().to_numpy(bool))
    if len(told):
        first = known.iloc[found.known[told[0]]]
        details = {
            "count": len(told),
            "row": int(report.rows[told[0]]),
            "other": _shown(first["code"]),
            "other_name": _shown(first["name"]),
        }
        report.findings.add("recognised_by_boundary", details=details)


def _report_same_land(
    found: Matches,
    new_code: np.ndarray,
    known: pd.DataFrame,
    report: Report,
    *,
    same_land: SameLand,
) -> None:
    code = {SameLand.ASK: "code_differs", SameLand.RENUMBERED: "code_changed"}.get(same_land)
    where = np.flatnonzero(new_code)
    if code is None or not len(where):
        return
    details = _named(known.iloc[found.known[where]])
    report.add(code, where, field="code", found=report.numbers, details=details)


def _report_several(
    found: Matches, known: pd.DataFrame, report: Report, *, same_land: SameLand
) -> None:
    """Rows that could be one of several parcels; such with a code may be said to be new ones."""
    several = found.several
    if same_land is SameLand.SEPARATE:
        several = several[report.numbers.iloc[several["row"]].isna().to_numpy(bool)]
    if several.empty:
        return
    held = known.iloc[several["known"]]
    called = held["code"].fillna(held["name"]).fillna("").to_numpy(object)
    grouped = several.assign(called=called).groupby("row")["called"].agg(list)
    # Several rows may also claim one parcel: then each of them names it.
    details = [{"count": len(one), "others": [*one[:_NAMED]]} for one in grouped]
    report.add("parcel_ambiguous", grouped.index.to_numpy("int64"), details=details)


def _report_moved(
    found: Matches, geometry: np.ndarray, known: pd.DataFrame, report: Report
) -> None:
    """Report rows whose land has nothing in common with that of the parcel they name."""
    if report.findings.has("offset_suspected"):
        return
    named = np.flatnonzero((found.known >= 0) & ~found.by_boundary)
    mine, theirs = geometry[named], known["shape"].to_numpy(object)[found.known[named]]
    alike_kinds = is_polygon(mine) & is_polygon(theirs)
    apart = np.flatnonzero(alike_kinds & ~_share_a_place(mine, theirs))
    if not len(apart):
        return
    where = named[apart]
    lat = lengths.middle_lat(mine[apart])
    away = shapely.distance(
        lengths.on_ground(mine[apart], lat), lengths.on_ground(theirs[apart], lat)
    )
    report.add("parcel_moved", where, details=[{"distance_m": round(float(d), 1)} for d in away])


def _share_a_place(mine: np.ndarray, theirs: np.ndarray) -> np.ndarray:
    same: np.ndarray = shapely.equals_identical(mine, theirs)
    todo = np.flatnonzero(~same)
    same[todo] = shapely.intersects(mine[todo], theirs[todo])
    return same


def _report_beside(
    position: np.ndarray, geometry: np.ndarray, known: pd.DataFrame, report: Report
) -> None:
    """Report how new boundaries lie to parcels that the delivery does not speak of."""
    shapes = known["shape"].to_numpy(object)
    other = np.flatnonzero(~np.isin(np.arange(len(known)), position))
    held = np.full(len(geometry), None, object)
    held[position >= 0] = shapes[position[position >= 0]]
    where = np.flatnonzero(is_polygon(geometry) & ~matching.same_boundary(geometry, held))
    where = where[~np.isin(report.rows[where], report.findings.rows_of(_ASKED))]
    other = other[matching.in_box(shapes[other], geometry[where], beyond=_BESIDE)]
    if len(where) and len(other):
        _report_overlaps(geometry, where, known.iloc[other], report)
        _report_gaps(geometry, where, known.iloc[other], report)


def _report_overlaps(
    geometry: np.ndarray, where: np.ndarray, others: pd.DataFrame, report: Report
) -> None:
    shapes = others["shape"].to_numpy(object)
    pairs = topology.overlaps_between(geometry[where], shapes, min_area_m2=OVERLAP_M2)
    details = [
        {**other, "area_m2": round(float(area), 2)}
        for other, area in zip(_named(others.iloc[pairs["b"]]), pairs["area_m2"], strict=True)
    ]
    report.add("overlap_registered", where[pairs["a"]], details=details)


def _report_gaps(
    geometry: np.ndarray, where: np.ndarray, others: pd.DataFrame, report: Report
) -> None:
    shapes = others["shape"].to_numpy(object)
    pairs = gaps.gaps_between(
        only(geometry, is_polygon(geometry)), only(shapes, is_polygon(shapes)), asked=where
    )
    named = _named(others.iloc[pairs["b"]])
    report_gaps("gap_registered", pairs.assign(row=pairs["a"]), named, report)


def _named(parcels: pd.DataFrame) -> list[dict[str, object]]:
    return [
        {"other": _shown(code), "other_name": _shown(name)}
        for code, name in zip(parcels["code"], parcels["name"], strict=True)
    ]


def _shown(word: object) -> str:
    return "" if pd.isna(word) else str(word)
