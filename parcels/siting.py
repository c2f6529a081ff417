"""Where delivered parcels lie, against what their rows say: district, unit, registered point."""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd
import shapely

from parcels import lengths, words
from parcels.boundaries import Report, is_polygon, text_of
from parcels.districts import Territory
from parcels.placement import Placement

BORDER_SHARE: Final = 0.01
"""A parcel with more than 1 % of its area beyond a district's border is said to cross it."""

POINT_M: Final = 0.2
"""A registered point this near to its boundary is on it: degrees with six decimals, as lists
write them, are right to 0.1 m."""


def districts_and_units(
    draft: pd.DataFrame,
    territory: Territory,
    report: Report,
    *,
    geometry: np.ndarray,
    lie: Placement,
    said: tuple[str | None, str | None],
) -> dict[str, pd.Series]:
    """The district and the unit of each row: as stated, else by the boundary; reports conflicts.

    Args:
        draft: Delivered rows.
        territory: Districts and units.
        report: Where to.
        geometry: Boundaries that can be kept; None for the others.
        lie: Where they lie.
        said: District and unit the sender states for rows that do not.

    Returns:
        Series of codes by field key, on the index of `draft`.
    """
    written = _with_default(text_of(draft, "district"), said[0])
    unit_written = _with_default(text_of(draft, "unit"), said[1])
    declared = _codes(territory.district_codes(written), draft.index)
    # Some write the 经开区 where the district belongs; it is a unit.
    as_unit = _codes(territory.unit_codes(written), draft.index).where(declared.isna())
    unknown = written.notna() & declared.isna() & as_unit.isna()
    _report_former(written, declared, territory, report)
    report.add("district_not_known", unknown.to_numpy(bool), field="district", found=written)
    computed = _lying_in(geometry, lie, territory, report)
    differs = declared.notna() & computed.notna() & (declared != computed)
    names = territory.districts[["name", "name_en"]]
    where = np.flatnonzero(differs)
    details = [_compared(names, declared.iloc[i], computed.iloc[i]) for i in where]
    report.add("district_differs", where, field="district", found=written, details=details)
    district = declared.where(declared.notna(), computed)
    lost = district.isna() & ~unknown & shapely.is_missing(geometry)
    report.add("district_missing", lost.to_numpy(bool), field="district")
    units = _codes(territory.unit_codes(unit_written), draft.index)
    strange = unit_written.notna() & units.isna()
    report.add("unit_not_known", strange.to_numpy(bool), field="unit", found=unit_written)
    units = units.where(units.notna(), as_unit)
    own = district.where(district.isin(territory.units.index))
    units = units.where(units.notna() | strange, own)
    _check_units(units, district, territory, report)
    return {"district": district, "unit": units}


def _report_former(
    written: pd.Series, declared: pd.Series, territory: Territory, report: Report
) -> None:
    """Report districts written under the name of one that was merged into them."""
    former = words.plain_set(words.values()["districts"]["former"])
    old = {one for one in written.dropna().unique() if words.plain(one)[:6] in former}
    where = np.flatnonzero(written.isin(old) & declared.notna())
    now = territory.districts
    details = [
        {"now_zh": str(now.loc[code, "name"]), "now_en": str(now.loc[code, "name_en"])}
        for code in declared.iloc[where]
    ]
    report.add("district_former", where, field="district", found=written, details=details)


def _with_default(written: pd.Series, said: str | None) -> pd.Series:
    return written if said is None else written.fillna(said)


def _codes(codes: pd.Series, index: pd.Index) -> pd.Series:
    return codes.set_axis(index).astype("str")


def _compared(names: pd.DataFrame, declared: str, computed: str) -> dict[str, str]:
    return {
        "declared_zh": str(names.loc[declared, "name"]),
        "declared_en": str(names.loc[declared, "name_en"]),
        "computed": computed,
        "computed_zh": str(names.loc[computed, "name"]),
        "computed_en": str(names.loc[computed, "name_en"]),
    }


def _lying_in(
    geometry: np.ndarray, lie: Placement, territory: Territory, report: Report
) -> pd.Series:
    """District of the larger part of each boundary; reports what lies outside or across."""
    there = np.flatnonzero(~shapely.is_missing(geometry))
    assigned = territory.assign(lie.split, len(geometry)).iloc[there]
    district = np.full(len(geometry), None, object)
    district[there] = assigned["district"].to_numpy(dtype=object)
    inside = assigned["share"].fillna(0.0).to_numpy(float)
    polygon = is_polygon(geometry[there])
    whole = np.where(polygon, lie.area_m2[there], 1.0)
    beyond = np.where(polygon, lie.split.outside_m2[there] / whole, 0.0)
    nowhere = assigned["district"].isna().to_numpy(bool)
    out = nowhere | (beyond > 0.5)
    district[there[out]] = None
    computed = pd.Series(district, index=range(len(geometry)), dtype="str")
    shares = np.where(nowhere, 1, beyond)[out]
    details = [{"outside_percent": round(100 * float(one), 1)} for one in shares]
    report.add("outside_city", there[out], details=details)
    across = ~out & polygon & (1.0 - inside > BORDER_SHARE)
    names = territory.districts[["name", "name_en"]].to_dict("index")
    held = zip(computed.iloc[there[across]], inside[across], strict=True)
    details = [
        {
            "district": code,
            "district_zh": names[code]["name"],
            "district_en": names[code]["name_en"],
            "beyond_percent": round(100 * (1.0 - float(share)), 1),
        }
        for code, share in held
    ]
    report.add("district_border", there[across], field="district", details=details)
    return computed


def _check_units(
    units: pd.Series, district: pd.Series, territory: Territory, report: Report
) -> None:
    home = units.map(territory.units["district"])
    differs = home.notna() & district.notna() & (home != district)
    where = np.flatnonzero(differs)
    names = territory.units
    details = [
        {
            "unit_zh": str(names.loc[units.iloc[i], "name"]),
            "unit_en": str(names.loc[units.iloc[i], "name_en"]),
            "district_zh": str(territory.districts.loc[district.iloc[i], "name"]),
            "district_en": str(territory.districts.loc[district.iloc[i], "name_en"]),
        }
        for i in where
    ]
    report.add("unit_differs", where, field="unit", found=units, details=details)


def check_registered_points(draft: pd.DataFrame, geometry: np.ndarray, report: Report) -> None:
    """Report registered points outside their boundary, with a point inside it to propose."""
    if not {"registered_lon", "registered_lat"} <= set(draft.columns):
        return
    points = draft[["registered_lon", "registered_lat"]].to_numpy(float)
    outside, away, inside = points_outside(points, geometry)
    if not len(outside):
        return
    details = [
        {
            "distance_m": round(float(d), 1),
            "to_lon": round(float(x), 6),
            "to_lat": round(float(y), 6),
        }
        for d, (x, y) in zip(away, inside, strict=True)
    ]
    found = pd.Series("", index=draft.index, dtype="str")
    found.iloc[outside] = [f"{x:.6f}, {y:.6f}" for x, y in points[outside]]
    pointed = report.pointing(outside, points[outside])
    pointed.add(
        "registered_point_outside", outside, field="registered_lon", found=found, details=details
    )


def points_outside(
    points: np.ndarray, geometry: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Which points lie outside their polygon by more than POINT_M.

    Args:
        points: Array (n, 2) of lon, lat in EPSG:4490 degrees; NaN for none.
        geometry: The boundaries, aligned; only polygons are looked at.

    Returns:
        Their positions, the distance in metres, and a point inside (lon, lat) to propose.
    """
    stated = np.flatnonzero(np.isfinite(points).all(axis=1) & is_polygon(geometry))
    shapes = geometry[stated]
    outside = stated[~shapely.intersects_xy(shapes, points[stated, 0], points[stated, 1])]
    if not len(outside):
        return outside, np.empty(0), np.empty((0, 2))
    lat = lengths.middle_lat(geometry[outside])
    ground = lengths.on_ground(geometry[outside], lat)
    away = shapely.distance(ground, lengths.on_ground(shapely.points(points[outside]), lat))
    far = away > POINT_M
    outside, away = outside[far], away[far]
    inside = shapely.get_coordinates(shapely.point_on_surface(geometry[outside]))
    return outside, away, inside
