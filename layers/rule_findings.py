"""Issues of the rules between layers in the form of a report: findings, and boundaries to draw."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any, Final

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from layers.acceptances import State
from layers.catalog import Catalog
from layers.rules.ground import LANGUAGES, terms
from parcels.findings import Findings, Severity

FIELDS: Final = {
    "priority_plot_without_boundary": None,
    "registered_point_outside_boundary": "registered_lon",
    "declared_area_differs": "declared_area_m2",
    "strict_control_without_measure": "measure_in_place",
    "listed_site_planned_for_homes_or_public_use": "planned_use_class",
}


def findings(
    issues: pd.DataFrame,
    catalog: Catalog,
    boundaries: gpd.GeoDataFrame,
    *,
    files: Mapping[str, str],
) -> pd.DataFrame:
    """Issues as a report.

    `row` is a parcel's number, `file` stands for its layer, and `found` is what names the issue.
    What is accepted is an info, whatever it would be else.

    Args:
        issues: As `rule_book.issues` gives them.
        catalog: The rules and layers.
        boundaries: As `Register.versions` gives them with boundaries.
        files: What stands for each layer in `file`.

    Returns:
        The columns of `parcels.findings.COLUMNS`, in the order of the issues.
    """
    if issues.empty:
        return Findings("", "").frame()
    places = _places(issues, boundaries)
    parts = []
    for (rule, layer), alike in issues.groupby(["rule", "layer"], sort=False):
        told = Findings(str(layer), files[layer])
        told.add(
            str(rule),
            rows=alike["parcel"].to_numpy(np.int64),
            numbers=alike["code"],
            field=FIELDS.get(str(rule)),
            found=alike["issue"],
            at=places[alike.index],
            details=[details(one, catalog, files) for one in alike.to_dict("records")],
        )
        parts.append(told.of(str(rule)).set_index(alike.index))
    accepted = issues["state"].eq(State.ACCEPTED.value)
    severity = issues["severity"].where(~accepted, Severity.INFO.value)
    whole = pd.concat(parts).sort_index().assign(severity=severity)
    rank = whole["severity"].map({one.value: place for place, one in enumerate(Severity)})
    return whole.iloc[np.argsort(rank, kind="stable")].reset_index(drop=True)


def drawn(boundaries: gpd.GeoDataFrame, *, files: Mapping[str, str]) -> gpd.GeoDataFrame:
    """The boundaries as a report takes them: `file`, `row` and geometry."""
    there = boundaries[boundaries.geometry.notna()]
    return gpd.GeoDataFrame(
        {"file": there["layer"].map(files).to_numpy(), "row": there.index.to_numpy(np.int64)},
        geometry=there.geometry.to_numpy(),
        crs=boundaries.crs,
    )


def between(one: Mapping[str, Any], catalog: Catalog) -> dict[str, str]:
    """Which parcels an issue is about, in both languages: `between_zh` and `between_en`."""
    words = terms().words["between"]
    two, area = pd.notna(one["other_layer"]), one["area_m2"]
    key = "alone" if not two else "pair" if pd.isna(area) else "sharing"
    said = {}
    for lang in LANGUAGES:
        nameless = words["nameless"][lang]
        fields = {
            "layer": catalog[one["layer"]].label.in_(lang),
            "code": nameless if pd.isna(one["code"]) else one["code"],
            "area_m2": area,
        }
        if two:
            fields["other_layer"] = catalog[one["other_layer"]].label.in_(lang)
            fields["other"] = nameless if pd.isna(one["other_code"]) else one["other_code"]
        said[f"between_{lang}"] = str(words[key][lang]).format(**fields)
    return said


def article(catalog: Catalog, rule: str, day: dt.date) -> dict[str, str | None]:
    """The article in force on a day, in both languages; None where the rule rests on none."""
    found = catalog.rules[rule].article(day)
    return {
        f"article_{lang}": None if found is None else found.cited.in_(lang) for lang in LANGUAGES
    }


def details(
    one: Mapping[str, Any], catalog: Catalog, files: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """What the sentence of an issue needs, and what programs may want to know of it.

    Args:
        one: A row of `rule_book.issues`, or as much of it as is known.
        catalog: The rules and layers.
        files: What stands for each layer in `file`, where the other parcel is drawn too.
    """
    told = {
        **one["details"],
        **between(one, catalog),
        **article(catalog, str(one["rule"]), one["day"]),
        "issue": one["issue"],
        "on": one["day"].isoformat(),
        "version": plain(one["version"]),
        "area_m2": None if pd.isna(one["area_m2"]) else round(float(one["area_m2"]), 2),
        "state": str(one["state"]),
    }
    if pd.notna(one["other_layer"]):
        told |= {
            "other": plain(one["other_code"]),
            "other_layer": one["other_layer"],
            "other_version": plain(one["other_version"]),
        }
        if files is not None:
            told |= {"other_file": files[one["other_layer"]], "other_row": int(one["other"])}
    if one["state"] != State.OPEN:
        told |= {
            "accepted_by": one["accepted_by"],
            "accepted_until": one["accepted_until"].isoformat(),
            "accepted_because": one["accepted_because"],
        }
    return told


def plain(value: Any) -> Any:
    """A value as JSON has it; None for what is not known."""
    if pd.isna(value):
        return None
    return int(value) if isinstance(value, int | np.integer) else str(value)


def _places(issues: pd.DataFrame, boundaries: gpd.GeoDataFrame) -> np.ndarray:
    """Where each issue is shown: in the land in common, else in the middle of the parcel."""
    shapes = boundaries.geometry
    one = shapes.reindex(issues["parcel"]).to_numpy()
    other = shapes.reindex(issues["other"].astype("Int64").fillna(-1)).to_numpy()
    common = shapely.intersection(one, other)
    empty = shapely.is_missing(common) | shapely.is_empty(common)
    at = np.where(empty, np.where(shapely.is_missing(one), other, one), common)
    spots = np.full((len(issues), 2), np.nan)
    there = ~shapely.is_missing(at)
    spots[there] = shapely.get_coordinates(shapely.point_on_surface(at[there]))
    for place, told in enumerate(issues["details"]):
        if "point" in told:
            spots[place] = [float(part) for part in told["point"].split(",")]
    return spots
