"""Incoming rows become parcels or findings; bad data never raises."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, Final

import geopandas as gpd
import numpy as np
import pandas as pd

from parcels import crs, flaws, gaps, neighbours, recognition, siting, topology, words
from parcels.boundaries import (
    Report,
    is_polygon,
    numbers_of,
    only,
    places,
    report_flaws,
    sound,
    text_of,
)
from parcels.districts import Territory
from parcels.findings import ERRORS, Findings
from parcels.matching import SameLand
from parcels.model import CORE_COLUMNS, Field, Kind, Layer
from parcels.placement import Placement, placed

AREA_SHARE: Final = 0.01
"""A declared area within 1 % of the computed one agrees with it, besides its own rounding.

Areas taken on the grid of zone 39 instead of the ellipsoid differ by up to 0.05 % in Beijing,
in zone 38 by up to 0.22 %.
"""

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


@dataclass(frozen=True, slots=True)
class Asked:
    """What the user says of delivered rows.

    Attributes:
        district: What the sender says of every row that does not say it itself.
        unit: The same for the responsible unit.
        repair: Repair boundaries where little changes by it.
        same_land: What a row with a new code on the land of a known parcel is.
    """

    district: str | None = None
    unit: str | None = None
    repair: bool = False
    same_land: SameLand = SameLand.ASK


def check(
    frame: gpd.GeoDataFrame,
    layer: Layer,
    territory: Territory,
    *,
    findings: Findings,
    asked: Asked | None = None,
    register: gpd.GeoDataFrame | None = None,
) -> tuple[gpd.GeoDataFrame, Placement]:
    """Check delivered rows and give them the form of the register.

    Args:
        frame: One row per record: columns `file` and `row`, fields by key as `ingest.values`
            leaves them (a field without a column was not delivered), geometry in EPSG:4490.
        layer: What is allowed.
        territory: Districts and units.
        findings: Takes everything found.
        asked: What the user says of them.
        register: The layer's parcels, as `recognition.recognise` takes them; None for none.

    Returns:
        A parcels frame of all rows, good and bad, in the same order, index from 0: every field of
        the layer, `area_m2` (ellipsoidal, NaN without a polygon), `file`, `row`. A geometry that
        cannot be kept is None. Where the register is given, `parcel` is the id of the parcel a
        row was recognised as by its boundary. And where the boundaries lie that can be kept.
    """
    asked = asked or Asked()
    draft = frame.reset_index(drop=True)
    geometry, usable = sound(draft, layer, findings, mend=asked.repair)
    report = Report(
        findings, np.asarray(draft["row"], "int64"), numbers_of(draft), places(geometry, usable)
    )
    sited = only(geometry, usable)
    areal = is_polygon(sited)
    whole_m2 = crs.area_m2(sited)
    area_m2 = np.where(areal, whole_m2, np.nan)
    unpaired = topology.unpaired_edges(sited)
    with ThreadPoolExecutor(max_workers=1) as beside:
        # All are nearly all GEOS and numpy, which let another thread run meanwhile.
        narrow = beside.submit(gaps.gaps, only(sited, areal), unpaired=unpaired)
        odd = beside.submit(flaws.find, sited, area_m2)
        lie = placed(sited, territory, areas_m2=whole_m2, unpaired=unpaired)
    if register is not None and len(register):
        code, parcel = recognition.recognise(
            draft, sited, area_m2, register, report, same_land=asked.same_land
        )
        if "code" in draft.columns or code.notna().any():
            draft = draft.assign(code=code)
        draft["parcel"] = parcel
        report = replace(report, numbers=code)
    for field in (one for one in layer.fields if one.key in draft.columns):
        _check_values(draft, field, report)
    _check_numbers(report)
    filled = {"stage": _stages(draft, layer, report)}
    filled |= siting.districts_and_units(
        draft,
        territory,
        report,
        geometry=sited,
        lie=lie,
        said=(asked.district, asked.unit),
    )
    siting.check_registered_points(draft, sited, report)
    report_flaws(odd.result(), report)
    between = narrow.result()
    if register is not None and len(between):
        between = recognition.unfilled(between, register, report.numbers)
    neighbours.check(sited, area_m2, report, overlaps=lie.overlaps, narrow=between)
    _check_area(draft, area_m2, report)
    return _parcels(draft.assign(**filled), layer, geometry, area_m2), lie


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
        details |= words.in_both(words.values()["expected"], "pattern", "expected")
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
    return np.union1d(findings.rows_of(ERRORS, field=key), findings.rows_of({"record_damaged"}))


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
    written = text_of(draft, "stage")
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
    found = draft["declared_area_m2"].iloc[np.flatnonzero(off)].map("{:.2f}".format)
    found = found.reindex(draft.index)
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
    if "parcel" in draft.columns:
        columns["parcel"] = draft["parcel"]
    columns["file"] = draft["file"].astype("str")
    columns["row"] = draft["row"].astype("int64")
    return gpd.GeoDataFrame(columns, geometry=geometry, crs=crs.STORAGE)
