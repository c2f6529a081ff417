"""Incoming rows become parcels or findings; bad data never raises."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from parcels import crs, topology, words
from parcels.boundaries import Report, is_polygon, numbers_of, only, places, rows_told, sound
from parcels.districts import Territory
from parcels.findings import Findings
from parcels.model import CORE_COLUMNS, Field, Kind, Layer

AREA_SHARE: Final = 0.01
"""A declared area within 1 % of the computed one agrees with it, besides its own rounding.

Areas taken on the grid of zone 39 instead of the ellipsoid differ by up to 0.05 % in Beijing,
in zone 38 by up to 0.22 %.
"""

BORDER_SHARE: Final = 0.01
"""A parcel with more than 1 % of its area beyond a district's border is said to cross it."""

OVERLAP_M2: Final = 1.0
"""Parcels that share less than 1 m2 are neighbours, drawn to the millimetre or not."""

ROUNDING: Final = "declared_area_rounding_m2"
"""Column with half of the last digit the declared area was written to, m2; taken off again."""

ERASED: Final = "erased"
"""Column with the keys, joined by ";", of fields whose known value a row takes away."""

_TYPES: Final = {
    Kind.NUMBER: "float64",
    Kind.INTEGER: "Int64",
    Kind.BOOLEAN: "boolean",
    Kind.DATE: "datetime64[s]",
}


def check(
    frame: gpd.GeoDataFrame,
    layer: Layer,
    territory: Territory,
    *,
    findings: Findings,
    district: str | None = None,
    unit: str | None = None,
) -> gpd.GeoDataFrame:
    """Check delivered rows and give them the form of the register.

    Args:
        frame: One row per record: columns `file` and `row`, fields by key as `ingest.values`
            leaves them (a field without a column was not delivered), geometry in EPSG:4490.
        layer: What is allowed.
        territory: Districts and units.
        findings: Takes everything found.
        district: What the sender says of every row that does not say it itself.
        unit: The same for the responsible unit.

    Returns:
        A parcels frame of all rows, good and bad, in the same order, index from 0: every field of
        the layer, `area_m2` (ellipsoidal, NaN without a polygon), `file`, `row`. A geometry that
        cannot be kept is None.
    """
    draft = frame.reset_index(drop=True)
    delivered = [field for field in layer.fields if field.key in draft.columns]
    geometry, usable = sound(draft, layer, findings)
    report = Report(
        findings, np.asarray(draft["row"], "int64"), numbers_of(draft), places(geometry, usable)
    )
    for field in delivered:
        _check_values(draft, field, report)
    _check_numbers(report)
    area_m2 = np.where(is_polygon(geometry) & usable, crs.area_m2(geometry), np.nan)
    filled = {"stage": _stages(draft, layer, report)}
    filled |= _districts_and_units(
        draft, territory, report, geometry=only(geometry, usable), said=(district, unit)
    )
    _check_against_each_other(only(geometry, usable), report)
    _check_area(draft, area_m2, report)
    return _parcels(draft.assign(**filled), layer, geometry, area_m2)


def _text(draft: pd.DataFrame, key: str) -> pd.Series:
    if key in draft.columns:
        return draft[key].astype("str")
    return pd.Series(pd.NA, index=draft.index, dtype="str")


# Values


def _check_values(draft: pd.DataFrame, field: Field, report: Report) -> None:
    values = draft[field.key]
    empty = values.isna().to_numpy(bool)
    if field.required and empty.any():
        known = np.isin(report.rows, _rows_with_error(report.findings, field.key))
        report.add("value_missing", empty & ~known, field=field.key)
    if field.pattern is not None:
        # What is not there has no pattern to break.
        fits = values.isna() | values.astype("str").str.match(rf"(?:{field.pattern})\Z")
        details: dict[str, Any] = {
            "pattern": field.pattern,
            "kind": "pattern",
            "unit": field.unit or "",
        }
        details |= {"allowed_zh": [], "allowed_en": []}
        report.add(
            "value_not_understood",
            ~fits.to_numpy(bool),
            field=field.key,
            found=values,
            details=details,
        )
    if field.kind in {Kind.NUMBER, Kind.INTEGER}:
        _check_range(values, field, report)


def _rows_with_error(findings: Findings, key: str) -> np.ndarray:
    """Rows whose value of this field is known to be wrong, or that are damaged as a whole."""
    whole = findings.frame()
    wrong = (whole["field"] == key) & (whole["severity"] == "error")
    rows = whole.loc[wrong, "row"].dropna().to_numpy("int64")
    return np.union1d(rows, rows_told(findings, ("record_damaged",)))


def _check_range(values: pd.Series, field: Field, report: Report) -> None:
    amounts = values.astype("Float64").astype("float64").to_numpy()
    low = -np.inf if field.minimum is None else field.minimum
    high = np.inf if field.maximum is None else field.maximum
    details = {"minimum": field.minimum, "maximum": field.maximum, "unit": field.unit or ""}
    off = (amounts < low) | (amounts > high)
    report.add("value_out_of_range", off, field=field.key, found=values, details=details)


def _check_numbers(report: Report) -> None:
    twice = report.numbers.notna() & report.numbers.duplicated(keep=False)
    where = np.flatnonzero(twice)
    if not len(where):
        return
    first = pd.Series(report.rows[where]).groupby(report.numbers.iloc[where].to_numpy())
    count, top = first.transform("size").to_numpy(), first.transform("min").to_numpy()
    details = [{"count": int(c), "first": int(t)} for c, t in zip(count, top, strict=True)]
    found = report.numbers
    report.add("number_twice", where, field="code", found=found, details=details)


def _stages(draft: pd.DataFrame, layer: Layer, report: Report) -> pd.Series:
    """Keys of the stages written by key, label or synonym; missing where none is understood."""
    written = _text(draft, "stage")
    meant: dict[str, str] = {}
    for stage in layer.stages:
        if not stage.derived:
            names = (stage.key, stage.label.zh, stage.label.en, *stage.synonyms)
            meant.update({words.plain(name): stage.key for name in names if name})
    keys = _by_word(written, meant)
    unknown = written.notna().to_numpy(bool) & keys.isna().to_numpy(bool)
    details = {
        "allowed_zh": [s.label.zh for s in layer.stages if not s.derived],
        "allowed_en": [s.label.en for s in layer.stages if not s.derived],
    }
    report.add("stage_not_known", unknown, field="stage", found=written, details=details)
    return keys


def _by_word(written: pd.Series, meant: Mapping[str, str]) -> pd.Series:
    uniques = {one: meant.get(words.plain(one)) for one in written.dropna().unique()}
    return written.map(uniques).astype("str")


# Districts and units


def _districts_and_units(
    draft: pd.DataFrame,
    territory: Territory,
    report: Report,
    *,
    geometry: np.ndarray,
    said: tuple[str | None, str | None],
) -> dict[str, pd.Series]:
    written = _with_default(_text(draft, "district"), said[0])
    unit_written = _with_default(_text(draft, "unit"), said[1])
    declared = _codes(territory.district_codes(written), draft.index)
    # Some write the 经开区 where the district belongs; it is a unit.
    as_unit = _codes(territory.unit_codes(written), draft.index).where(declared.isna())
    unknown = written.notna() & declared.isna() & as_unit.isna()
    _report_former(written, declared, territory, report)
    report.add("district_not_known", unknown.to_numpy(bool), field="district", found=written)
    computed = _lying_in(geometry, territory, report)
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


def _lying_in(geometry: np.ndarray, territory: Territory, report: Report) -> pd.Series:
    """District of the larger part of each boundary; reports what lies outside or across."""
    there = np.flatnonzero(~shapely.is_missing(geometry))
    split = territory.split(geometry[there])
    assigned = territory.assign(split, len(there))
    computed = pd.Series(pd.NA, index=range(len(geometry)), dtype="str")
    computed.iloc[there] = assigned["district"].to_numpy(dtype=object)
    inside = assigned["share"].fillna(0.0).to_numpy(float)
    polygon = is_polygon(geometry[there])
    whole = np.where(polygon, crs.area_m2(geometry[there]), 1.0)
    beyond = np.where(polygon, np.asarray(split.outside_m2, float) / whole, 0.0)
    nowhere = assigned["district"].isna().to_numpy(bool)
    out = nowhere | (beyond > 0.5)
    computed.iloc[there[out]] = None
    shares = [{"outside_percent": round(100 * float(s), 1)} for s in np.where(nowhere, 1, beyond)]
    report.add("outside_city", there[out], details=[shares[i] for i in np.flatnonzero(out)])
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


# Against each other


def _check_against_each_other(geometry: np.ndarray, report: Report) -> None:
    """Report boundaries delivered twice and overlaps, at the later row of each pair."""
    twins = topology.duplicates(geometry)
    _report_pairs("boundary_twice", twins.assign(area_m2=0.0), report)
    figure = np.arange(len(geometry))
    figure[twins["b"]] = twins["a"]
    polygons = only(geometry, is_polygon(geometry))
    pairs = topology.overlaps(polygons, min_area_m2=OVERLAP_M2)
    _report_pairs("overlap", pairs[figure[pairs["a"]] != figure[pairs["b"]]], report)


def _report_pairs(code: str, pairs: pd.DataFrame, report: Report) -> None:
    numbers = report.numbers.fillna("").to_numpy(dtype=object)
    details = [
        {"other_row": int(report.rows[a]), "other": numbers[a], "area_m2": round(float(size), 2)}
        for a, size in zip(pairs["a"], pairs["area_m2"], strict=True)
    ]
    report.add(code, pairs["b"].to_numpy("int64"), details=details)


def _check_area(draft: pd.DataFrame, area_m2: np.ndarray, report: Report) -> None:
    if "declared_area_m2" not in draft.columns:
        return
    declared = draft["declared_area_m2"].to_numpy(float)
    rounding = draft[ROUNDING].to_numpy(float) if ROUNDING in draft.columns else 0.0
    tolerance = AREA_SHARE * area_m2 + rounding
    off = np.abs(declared - area_m2) > tolerance
    details = [
        {
            "declared_m2": round(float(declared[i]), 2),
            "computed_m2": round(float(area_m2[i]), 2),
            "differs_percent": round(100 * float(declared[i] / area_m2[i] - 1), 1)
            if area_m2[i]
            else None,
        }
        for i in np.flatnonzero(off)
    ]
    found = draft["declared_area_m2"].map("{:.2f}".format)
    report.add("area_differs", off, field="declared_area_m2", found=found, details=details)


# The result


def _parcels(
    draft: gpd.GeoDataFrame, layer: Layer, geometry: np.ndarray, area_m2: np.ndarray
) -> gpd.GeoDataFrame:
    own = [field.key for field in layer.own_fields]
    kinds = {field.key: field.kind for field in layer.fields}
    columns: dict[str, pd.Series] = {}
    for key in [*CORE_COLUMNS, *own]:
        kind = _TYPES.get(kinds.get(key, Kind.TEXT), "str")
        if key in {"declared_area_m2", "registered_lon", "registered_lat"}:
            kind = "float64"
        if key in draft.columns:
            columns[key] = draft[key].astype(kind)
        else:
            columns[key] = pd.Series(None, index=draft.index, dtype=kind)
        if key == CORE_COLUMNS[-1]:
            columns["area_m2"] = pd.Series(area_m2, index=draft.index)
    if ERASED in draft.columns:
        columns[ERASED] = draft[ERASED].astype("str")
    columns["file"] = draft["file"].astype("str")
    columns["row"] = draft["row"].astype("int64")
    return gpd.GeoDataFrame(columns, geometry=geometry, crs=crs.STORAGE)
