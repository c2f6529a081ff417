"""How well units keep their part of the register: late, returned, incomplete, boundary faults.

Counts and what they are counted of; no points are given, since no document says how many.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import geopandas as gpd
import numpy as np
import pandas as pd

from layers import quality
from layers.library import Library
from layers.periods import Period
from parcels.model import Layer, Moment
from parcels.neighbours import OVERLAP_M2
from parcels.review import State
from parcels.reviewing import Reviewing

LATE: Final = "late"
RETURNED: Final = "returned"
INCOMPLETE: Final = "incomplete"
BOUNDARY: Final = "boundary"
KINDS: Final = (LATE, RETURNED, INCOMPLETE, BOUNDARY)

COLUMNS: Final = ("unit", "kind", "faults", "of")
"""Columns of a card: how many of how many; `of` is 0 where the unit has none."""

MEND: Final = ("unit", "kind", "layer", "code", "name", "what", "since")
"""Columns of the list to mend: `what` is a key for words, `since` a day or NaT."""

_INCOMPLETE: Final = ("without_boundary", "required_missing", "place_unknown", "stage_unknown")
_BOUNDARY: Final = ("invalid", "area_differs", "point_outside")


def of_units(
    library: Library, register: Reviewing, period: Period, moment: Moment
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The card of each unit and the list to mend.

    Args:
        library: The register's layers.
        register: The same register, with its submissions.
        period: Of which submissions.
        moment: By which day lists and parcels are judged, and as known when.

    Returns:
        COLUMNS, every unit and kind; and MEND.
    """
    units = register.territory_at(moment).units.index
    parts, lists = [], []
    for counted, mend in (
        _late(library, moment),
        _returned(register, period),
        *_of_layers(library, moment),
    ):
        parts.append(counted)
        lists.append(mend)
    whole = pd.concat(parts).groupby(["unit", "kind"])[["faults", "of"]].sum()
    every = pd.MultiIndex.from_product([units, KINDS], names=["unit", "kind"])
    card = whole.reindex(every).fillna(0).astype("int64").reset_index()
    mend = pd.concat(lists, ignore_index=True)[list(MEND)]
    mend = mend[mend["unit"].isin(units)].sort_values(["unit", "kind", "layer", "code"])
    return card[list(COLUMNS)], mend.reset_index(drop=True)


def _late(library: Library, moment: Moment) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Lists that were not refreshed and milestones that passed, of all that were due until now."""
    due = library.due(library.used(moment), moment)
    due = due[due["unit"].notna()]
    past = pd.to_datetime(due["due_on"]) <= pd.Timestamp(moment.on)
    due = due[past.to_numpy(bool)]
    late = due["status"].eq("overdue")
    mend = due[late]
    return (
        _counted(due["unit"], late, LATE),
        pd.DataFrame(
            {
                "unit": mend["unit"],
                "kind": LATE,
                "layer": mend["layer"],
                "code": mend["code"],
                "name": mend["name"],
                "what": "due:" + mend["milestone"].astype("str"),
                "since": pd.to_datetime(mend["due_on"]),
            }
        ),
    )


def _returned(register: Reviewing, period: Period) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Submissions of the period that were sent back at least once."""
    sent = register.submissions()
    at = pd.to_datetime(sent["submitted_at"], utc=True).dt.tz_convert("Asia/Shanghai").dt.date
    inside = sent["unit"].notna() & (at >= period.first) & (at <= period.last)
    ours = sent[inside.to_numpy(bool)]
    back = (ours["round"] > 1) | ours["state"].eq(State.RETURNED)
    waiting = ours[ours["state"].eq(State.RETURNED)]
    return (
        _counted(ours["unit"], back, RETURNED),
        pd.DataFrame(
            {
                "unit": waiting["unit"],
                "kind": RETURNED,
                "layer": waiting["layer"],
                "code": waiting["submission"].astype("str"),
                "name": waiting["file"],
                "what": "returned",
                "since": pd.to_datetime(waiting["last_at"], utc=True).dt.tz_localize(None),
            }
        ),
    )


def _of_layers(library: Library, moment: Moment) -> Iterator[tuple[pd.DataFrame, pd.DataFrame]]:
    """Parcels of each layer that are incomplete, and those with a fault of their boundary."""
    for key in library.used(moment):
        layer = library.catalog[key]
        parcels = library.register.frame(key, moment)
        marks = quality.of_parcels(parcels, layer, on=moment.on)
        faults = {name: one.faulty > 0 for name, one in marks.items()}
        faults["overlapping"] = _overlapping(library, layer, parcels, moment)
        for kind, names in ((INCOMPLETE, _INCOMPLETE), (BOUNDARY, (*_BOUNDARY, "overlapping"))):
            held = [name for name in names if name in faults]
            any_ = np.logical_or.reduce([faults[name] for name in held])
            of = np.ones(len(parcels), bool) if kind == INCOMPLETE else _drawn(parcels)
            counted = _counted(parcels["unit"][of], pd.Series(any_[of]), kind)
            lists = [_mend(parcels[faults[name] & of], layer, kind, name) for name in held]
            yield counted, pd.concat(lists)


def _mend(parcels: pd.DataFrame, layer: Layer, kind: str, what: str) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "unit": parcels["unit"],
            "kind": kind,
            "layer": layer.key,
            "code": parcels["code"],
            "name": parcels["name"],
            "what": what,
            "since": pd.NaT,
        }
    ).astype({"since": "datetime64[ns]"})


def _overlapping(
    library: Library, layer: Layer, parcels: gpd.GeoDataFrame, moment: Moment
) -> np.ndarray:
    _, pairs = library.register.overlapping(layer.key, moment)
    pairs = pairs[pairs["area_m2"] >= OVERLAP_M2]
    return np.asarray(parcels.index.isin(np.union1d(pairs["a"], pairs["b"])), dtype=bool)


def _drawn(parcels: gpd.GeoDataFrame) -> np.ndarray:
    shapes = parcels.geometry
    return np.asarray(shapes.notna() & ~shapes.is_empty, dtype=bool)


def _counted(units: pd.Series, faulty: pd.Series, kind: str) -> pd.DataFrame:
    table = pd.DataFrame(
        {"unit": units.to_numpy(object), "faults": faulty.to_numpy(bool).astype("int64"), "of": 1}
    )
    summed = table.groupby("unit", as_index=False)[["faults", "of"]].sum()
    return summed.assign(kind=kind)[list(COLUMNS)]
