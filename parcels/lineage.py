"""Splits and merges as rules: what children inherit, whether the land adds up, who came from whom.

What a layer does not state of them is not guessed: it is a finding that asks.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Final

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from parcels import crs, topology
from parcels.findings import Findings
from parcels.model import Inheritance, Label, Layer

NOT_SHARED: Final = ("code", "source_document", "declared_area_m2", "registered_lon")
"""Fields that are a parcel's own, so that a merged one has none of them."""

_FAULTS: Final = {"left": "lineage_left", "outside": "lineage_outside", "twice": "lineage_twice"}


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How much the land may be out of balance; see `reference/lineage.toml`."""

    tolerance_share: float
    tolerance_m2: float
    survey_common_share: float

    def of(self, area_m2: float) -> float:
        """What is tolerated for so much land, m2."""
        return max(self.tolerance_m2, self.tolerance_share * area_m2)


@cache
def tolerance() -> Tolerance:
    """The stated tolerance."""
    text = files("parcels").joinpath("reference/lineage.toml").read_text("utf-8")
    return Tolerance(**tomllib.loads(text))


@dataclass(frozen=True, slots=True)
class Balance:
    """The land of parents against that of their children.

    Attributes:
        parents_m2: The parents' land, each square metre once.
        children_m2: The sum of the children's areas.
        left: Land of the parents that no child has.
        outside: Land of children that no parent had.
        twice: Land that several children have.
        common: `parent`, `child` (positions) and their common `area_m2`.
    """

    parents_m2: float
    children_m2: float
    left: shapely.Geometry
    outside: shapely.Geometry
    twice: shapely.Geometry
    common: pd.DataFrame


def balance(parents: np.ndarray, children: np.ndarray) -> Balance:
    """How the land of children adds up to that of their parents.

    Args:
        parents: Valid boundaries in EPSG:4490.
        children: The same; what is no polygon covers nothing.
    """
    before, after = shapely.union_all(parents), shapely.union_all(children)
    pairs = topology.overlaps(children)
    shared = shapely.intersection(children[pairs["a"].to_numpy()], children[pairs["b"].to_numpy()])
    common = topology.overlaps_between(parents, children).rename(
        columns={"a": "parent", "b": "child"}
    )
    return Balance(
        parents_m2=float(crs.area_m2(before)),
        children_m2=float(np.nansum(crs.area_m2(children))),
        left=_surfaces(shapely.difference(before, after)),
        outside=_surfaces(shapely.difference(after, before)),
        twice=_surfaces(shapely.union_all(shared)),
        common=common,
    )


def report_balance(found: Balance, findings: Findings, *, left_out: str | None = None) -> None:
    """Find land left over, from elsewhere, or given twice, where it is more than tolerated.

    Args:
        found: How the land adds up.
        findings: Takes what is wrong.
        left_out: Why land is left over on purpose; it is told of then and is no fault.
    """
    allowed = tolerance().of(found.parents_m2)
    for name, fault in _FAULTS.items():
        stated = name == "left" and left_out is not None
        shape: shapely.Geometry = getattr(found, name)
        area = float(crs.area_m2(shape))
        if area <= allowed:
            continue
        pieces = shapely.get_parts(shape)
        largest = pieces[np.argmax(crs.area_m2(pieces))]
        told = {"reason": left_out} if stated else {"allowed_m2": allowed}
        findings.add(
            "lineage_left_out" if stated else fault,
            field="geometry",
            at=shapely.get_coordinates(shapely.point_on_surface(largest)),
            details={"area_m2": area, "pieces": len(pieces), **told},
        )


def report_survey(old: shapely.Geometry, new: shapely.Geometry, findings: Findings) -> None:
    """Find that a boundary surveyed anew has too little of the former land."""
    before = float(crs.area_m2(old))
    common = float(crs.area_m2(_surfaces(shapely.intersection(old, new))))
    if common < tolerance().survey_common_share * before:
        share = common / before if before else 0.0
        details = {"share": share, "least": tolerance().survey_common_share}
        findings.add("lineage_moved", field="geometry", details=details)


def merged(parents: gpd.GeoDataFrame, layer: Layer, code: str) -> gpd.GeoDataFrame:
    """The parcel that parents are together: their land, and everything they agree on.

    Returns:
        One row, with `row` 1; the stage and what the layer carries over is left to `inherit`.
    """
    ruled = {"stage", *_rule(layer).carried}
    one: dict[str, list[Any]] = {}
    for field in layer.fields:
        values = parents[field.key].dropna().unique()
        agreed = len(values) == 1 and bool(parents[field.key].notna().all())
        own = field.key in NOT_SHARED or field.key in {"registered_lat", "former_name"}
        one[field.key] = [values[0] if agreed and not own and field.key not in ruled else None]
    one["code"] = [code]
    frame = pd.DataFrame(one)
    for field in layer.fields:
        frame[field.key] = frame[field.key].astype(parents[field.key].dtype)
    shape = _multi(shapely.orient_polygons(shapely.union_all(parents.geometry.to_numpy())))
    return gpd.GeoDataFrame(frame.assign(row=1), geometry=[shape], crs=parents.crs)


def report_apart(child: gpd.GeoDataFrame, findings: Findings) -> None:
    """Warn of a merged parcel whose land does not hang together."""
    parts = int(shapely.get_num_geometries(child.geometry.to_numpy()[0]))
    if parts > 1:
        findings.add("lineage_apart", rows=[1], numbers=child["code"], details={"parts": parts})


def inherit(
    parents: pd.DataFrame,
    children: pd.DataFrame,
    layer: Layer,
    findings: Findings,
    *,
    registered: bool = False,
) -> pd.DataFrame:
    """The children with what they inherit; what the layer does not settle is asked for.

    Args:
        parents: Versions in force: the layer's fields by key.
        children: What is said of the children: `code`, `row`, fields by key.
        layer: Its rule.
        findings: Takes what is asked, and what is said against the rule.
        registered: The children are parcels of the register already, in which nothing is filled
            in: they must say what the rule asks.

    Returns:
        The children, what they inherit filled in.
    """
    rule, filled = _rule(layer), children.copy()
    if parents["stage"].notna().any():
        stage = _stage(parents["stage"], rule)
        filled["stage"] = _settled(filled, "stage", stage, layer, findings, registered)
    for key in rule.carried:
        values = parents[key].dropna().unique()
        if len(values):
            value = values[0] if len(values) == 1 else None
            filled[key] = _settled(filled, key, value, layer, findings, registered)
    units = parents["unit"].dropna().unique()
    if len(units) == 1 and "unit" in filled:
        filled["unit"] = filled["unit"].fillna(units[0])
    return filled


def ancestors(links: pd.DataFrame, parcels: Iterable[int]) -> set[int]:
    """Every parcel from which some came, they themselves not counted.

    Args:
        links: `parent` and `child`, ids.
        parcels: Ids.
    """
    return _reached(links, parcels, "child", "parent")


def descendants(links: pd.DataFrame, parcels: Iterable[int]) -> set[int]:
    """Every parcel that came from some, they themselves not counted."""
    return _reached(links, parcels, "parent", "child")


def _reached(links: pd.DataFrame, parcels: Iterable[int], near: str, far: str) -> set[int]:
    # A boundary surveyed anew leads from a parcel to itself.
    steps = links[links["parent"] != links["child"]]
    found: set[int] = set()
    new = set(parcels)
    while new:
        new = set(steps.loc[steps[near].isin(new), far].astype(int)) - found
        found |= new
    return found


def _rule(layer: Layer) -> Inheritance:
    return layer.inheritance or Inheritance(Label("", ""))


def _stage(stages: pd.Series, rule: Inheritance) -> str | None:
    """The stage of the children; None where the rule does not say."""
    if not rule.inherits_stage:
        return None
    there = set(stages.dropna())
    if len(there) == 1 and len(stages) == int(stages.notna().sum()):
        return str(there.pop())
    if there - set(rule.strictest_first):
        return None
    return next((key for key in rule.strictest_first if key in there), None)


def _settled(
    children: pd.DataFrame,
    key: str,
    value: Any,
    layer: Layer,
    findings: Findings,
    registered: bool,  # noqa: FBT001 - as above
) -> pd.Series:
    """A field of the children by the rule; `value` is None where they must say it."""
    said = children[key]
    field = layer.field(key)
    details = {"field_zh": field.label.zh, "field_en": field.label.en}
    which = "stage" if key == "stage" else "value"
    if value is None:
        blank = said.isna().to_numpy(bool)
        _add(findings, f"lineage_{which}_asked", children[blank], key, details)
        return said
    other = ((said.isna() & registered) | (said.notna() & (said != value))).to_numpy(bool)
    told = _told(layer, key, value)
    _add(findings, f"lineage_{which}_differs", children[other], key, details | told)
    return said.where(said.notna(), value).astype(said.dtype)


def _told(layer: Layer, key: str, value: Any) -> dict[str, str]:
    """A value as people know it."""
    if key == "stage":
        label = next((s.label for s in layer.stages if s.key == value), Label(value, value))
        return {"value_zh": label.zh, "value_en": label.en}
    if isinstance(value, pd.Timestamp | np.datetime64):
        value = f"{pd.Timestamp(value):%Y-%m-%d}"
    chosen = {one.code: one.label for one in layer.field(key).choices}
    label = chosen.get(str(value), Label(str(value), str(value)))
    return {"value_zh": label.zh, "value_en": label.en}


def _add(
    findings: Findings, code: str, rows: pd.DataFrame, field: str, details: dict[str, str]
) -> None:
    findings.add(
        code,
        rows=rows["row"].astype("int64"),
        numbers=rows["code"],
        field=field,
        found=rows[field],
        details=details,
    )


def _surfaces(shape: shapely.Geometry) -> shapely.Geometry:
    """The surfaces of a geometry that are more than rounding."""
    parts: Sequence[shapely.Geometry] = shapely.get_parts(shape)
    solid = [one for one in parts if shapely.get_dimensions(one) == 2]
    areas = crs.area_m2(np.array(solid, dtype=object)) if solid else []
    kept = [o for o, area in zip(solid, areas, strict=True) if area > topology.MIN_OVERLAP_M2]
    return shapely.MultiPolygon(kept)


def _multi(shape: shapely.Geometry) -> shapely.Geometry:
    return shape if shape.geom_type == "MultiPolygon" else shapely.MultiPolygon([shape])
