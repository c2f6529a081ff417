"""The rules between layers at the door: a delivery against what the register holds beside it.

Only rules that a delivery's layer names are looked at, and only those the door does not see by
itself; a layer that names none costs nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from layers import rule_book, rule_findings
from layers.acceptances import State
from layers.catalog import Catalog
from layers.rules.ground import Ground
from layers.rules.table import RULES
from parcels.findings import Findings
from parcels.model import Layer, Moment
from parcels.reading import Filter
from parcels.register import Register

FEW: Final = 20_000
"""A layer of fewer parcels is read whole, which costs less than asking for a box."""


def rules_of(layer: Layer) -> list[str]:
    """Keys of the rules that a delivery for a layer is looked at by."""
    return [key for key in layer.rules if key in RULES and RULES[key].at_door]


def look(
    register: Register,
    catalog: Catalog,
    layer: Layer,
    frame: gpd.GeoDataFrame,
    *,
    moment: Moment,
    findings: Findings,
) -> None:
    """Find what the rows of a delivery and the parcels of other layers cannot both say.

    Nothing of the delivery is touched where no other layer that shares a rule holds a parcel.

    Args:
        register: What is held.
        catalog: The rules and the layers.
        layer: The layer of the delivery.
        frame: Its rows with `row` and `ok`; those without an error are looked at, and what they do
            not say is as it was.
        moment: The day on which they are true, and as known when.
        findings: Takes what is found, as warnings: it keeps no row out.
    """
    counts, keys = _worth_looking(register, catalog, layer, moment)
    if not keys or not frame["ok"].any():
        return
    wanted = rule_book.needed(catalog.values(), keys)
    ready = frame.loc[frame["ok"], [*wanted[layer.key][0], "row", frame.geometry.name]]
    mine = _as_it_will_be(register, layer, ready, wanted[layer.key][0], moment)
    frames = {layer.key: mine}
    for key, (columns, boundaries) in wanted.items():
        if key != layer.key and counts.get(key, 0):
            where = None
            if counts[key] > FEW:
                where = Filter(bbox=rule_book.around(mine.geometry.to_numpy()))
            frames[key] = register.frame(
                key, moment, where=where, columns=columns, boundaries=boundaries
            )
    for key in keys:
        held = {name: frame for name, frame in frames.items() if key in catalog[name].rules}
        layers = {name: catalog[name] for name in held}
        hits = RULES[key].find(Ground(held, layers, register.territory, moment.on))
        # What other layers say of each other is not the delivery's.
        hits = hits[(hits["layer"] == layer.key) | (hits["other_layer"] == layer.key)]
        _report(register, catalog, layer, mine, key, hits, moment, findings)


def _worth_looking(
    register: Register, catalog: Catalog, layer: Layer, moment: Moment
) -> tuple[dict[str, int], list[str]]:
    """How many parcels each layer holds, and the rules that have something to compare with."""
    keys = rules_of(layer)
    pairs = [key for key in keys if RULES[key].boundaries]
    counts = register.counts(moment) if pairs else {}
    held = {
        key
        for key in pairs
        for other in rule_book.naming(catalog.values(), key)
        if other.key != layer.key and counts.get(other.key, 0)
    }
    # What a parcel says against the law by itself the gates of its life cycle tell at the door.
    return counts, [key for key in keys if key in held or not RULES[key].boundaries]


def _as_it_will_be(
    register: Register,
    layer: Layer,
    ready: gpd.GeoDataFrame,
    columns: Sequence[str],
    moment: Moment,
) -> gpd.GeoDataFrame:
    """The delivered rows, indexed by row, with what the register knows where they are silent."""
    rows = ready[[*columns, ready.geometry.name]].set_axis(pd.Index(ready["row"]), axis=0)
    silent = [key for key in columns if key != "code" and rows[key].isna().any()]
    bare = shapely.is_missing(rows.geometry.to_numpy()).any()
    if not (silent or bare) or rows["code"].isna().all():
        return rows
    codes = rows["code"].dropna()
    few = Filter(codes=tuple(codes)) if len(codes) <= _NAMED_AT_MOST else None
    held = register.frame(
        layer.key, moment, where=few, columns=["code", *silent], boundaries=bool(bare)
    )
    held = held.dropna(subset="code").drop_duplicates("code").set_index("code")
    if held.empty:
        return rows
    known = held.reindex(rows["code"]).set_axis(rows.index)
    filled = {key: rows[key].where(rows[key].notna(), known[key]) for key in silent}
    shapes = rows.geometry.to_numpy().copy()
    if bare:
        missing = shapely.is_missing(shapes)
        shapes[missing] = known.geometry.to_numpy()[missing]
    return rows.assign(**filled).set_geometry(gpd.GeoSeries(shapes, rows.index, crs=ready.crs))


_NAMED_AT_MOST: Final = 500


def _report(  # noqa: PLR0913, PLR0917 - one step of `look`
    register: Register,
    catalog: Catalog,
    layer: Layer,
    mine: gpd.GeoDataFrame,
    rule: str,
    hits: pd.DataFrame,
    moment: Moment,
    findings: Findings,
) -> None:
    if hits.empty:
        return
    numbers = pd.concat(
        [hits.loc[hits["layer"] != layer.key, "parcel"],
         hits.loc[hits["other_layer"].notna() & (hits["other_layer"] != layer.key), "other"]]
    ).astype("int64")  # fmt: skip
    there = register.versions(np.unique(numbers).tolist(), moment)
    rows, details = [], []
    for hit in hits.to_dict("records"):
        row = hit["parcel"] if hit["layer"] == layer.key else hit["other"]
        rows.append(int(row))
        details.append(_details(hit, catalog, layer, mine, there, rule))
    codes = mine["code"].reindex(rows)
    spots = _spots(mine, rows)
    findings.add(
        rule,
        rows=rows,
        numbers=codes,
        field=rule_findings.FIELDS.get(rule),
        at=spots,
        details=details,
    )


def _details(
    hit: Mapping[str, Any],
    catalog: Catalog,
    layer: Layer,
    mine: pd.DataFrame,
    there: pd.DataFrame,
    rule: str,
) -> dict[str, Any]:
    sides: dict[str, Any] = {}
    for prefix, column in (("", "parcel"), ("other_", "other")):
        own = hit[f"{prefix}layer"] == layer.key
        number = hit[column]
        if pd.isna(number):
            sides |= {f"{prefix}code": None, f"{prefix}version": None}
            continue
        frame = mine if own else there
        sides[f"{prefix}code"] = frame["code"].get(number)
        sides[f"{prefix}version"] = None if own else there["version"].get(number)
    one = {**hit, **sides, "rule": rule, "issue": None, "state": State.OPEN.value}
    details = rule_findings.details(one, catalog)
    if pd.notna(hit["other_layer"]) and hit["other_layer"] == layer.key:
        # The other one is named from the side of the row.
        details |= {
            "other": sides["code"],
            "other_layer": hit["layer"],
            "other_version": rule_findings.plain(sides["version"]),
        }
    return details


def _spots(mine: gpd.GeoDataFrame, rows: Sequence[int]) -> np.ndarray:
    shapes = mine.geometry.reindex(rows).to_numpy()
    spots = np.full((len(rows), 2), np.nan)
    there = ~(shapely.is_missing(shapes) | shapely.is_empty(shapes))
    if there.any():
        spots[there] = shapely.get_coordinates(shapely.point_on_surface(shapes[there]))
    return spots
