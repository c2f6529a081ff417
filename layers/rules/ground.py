"""What rules between layers look at, on which terms, and the form of what they find."""

from __future__ import annotations

import datetime as dt
import tomllib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any, Final

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from parcels import crs, topology
from parcels.districts import Territory
from parcels.model import Layer

COLUMNS: Final = ("layer", "parcel", "other_layer", "other", "area_m2", "day", "details")
"""Columns of hits: a parcel by layer and number, the other one (NA where it is about one alone),
the land in common or concerned in m2 (NaN where there is none), the day whose law counts, and what
the sentence needs besides, as a mapping."""


_SHARED: Final = ("a", "b", "area_m2", "area_a", "area_b")
LANGUAGES: Final = ("zh", "en")


@dataclass(frozen=True, slots=True)
class Terms:
    """On which terms the rules stand; see `reference/rule_terms.toml`."""

    overlap_m2: float
    overlap_share: float
    area_share: float
    area_rounding_m2: float
    listed: Mapping[str, Any]
    planned: Mapping[str, Any]
    construction: Mapping[str, Any]
    alerts: Mapping[str, Any]
    functional_areas: Mapping[str, Any]
    words: Mapping[str, Any]

    def word(self, group: str, key: str, name: str) -> dict[str, str]:
        """A word in both languages, as the entries `name`_zh and `name`_en of details."""
        said = self.words[group][key]
        return {f"{name}_{lang}": str(said[lang]) for lang in LANGUAGES}


@cache
def terms() -> Terms:
    """The stated terms."""
    text = files("layers").joinpath("reference/rule_terms.toml").read_text("utf-8")
    read: dict[str, Any] = tomllib.loads(text)
    return Terms(**read)


@dataclass(frozen=True, eq=False)
class Ground:
    """What the rules look at.

    Attributes:
        frames: By layer, parcels frames in EPSG:4490 indexed by number, with the columns that the
            rules name; a column that is not there is unknown throughout.
        layers: The declared layers of these.
        territory: The districts and units.
        on: The day by which is judged; a later day is not known yet.
        joined: Pairs of numbers `a`, `b` that a person said are the same site.
        terms: On which terms.
    """

    frames: Mapping[str, gpd.GeoDataFrame]
    layers: Mapping[str, Layer]
    territory: Territory
    on: dt.date
    joined: pd.DataFrame = field(default_factory=lambda: pd.DataFrame({"a": [], "b": []}))
    terms: Terms = field(default_factory=terms)

    def listed(self) -> tuple[str, gpd.GeoDataFrame] | None:
        """The sites that are in the list, with their layer; None where it is not looked at."""
        key = str(self.terms.listed["layer"])
        if key not in self.frames:
            return None
        sites = self.frames[key]
        return key, sites[sites["stage"].isin(self.terms.listed["stages"])]

    def others(self) -> Iterator[tuple[str, gpd.GeoDataFrame]]:
        """The layers besides that of listed sites."""
        for key, frame in self.frames.items():
            if key != self.terms.listed["layer"]:
                yield key, frame

    def shared(self, one: gpd.GeoDataFrame, other: gpd.GeoDataFrame) -> pd.DataFrame:
        """Which of two frames share land: positions `a` and `b`, and `area_m2`."""
        return shared(
            one.geometry.to_numpy(),
            other.geometry.to_numpy(),
            least_m2=self.terms.overlap_m2,
            least_share=self.terms.overlap_share,
        )


@dataclass(frozen=True, slots=True)
class Check:
    """How a rule is looked at.

    Attributes:
        find: Gives the hits.
        columns: Keys of fields it reads, besides code, name, stage, district and unit.
        boundaries: Whether it looks at boundaries.
        beside: Keys of the layers that its parcels are compared with; None for all that name it.
        at_door: Whether a delivery is looked at by it; what the door says already is not repeated.
    """

    find: Callable[[Ground], pd.DataFrame]
    columns: tuple[str, ...] = ()
    boundaries: bool = True
    beside: tuple[str, ...] | None = ()
    at_door: bool = False

    def concerns(self, layer: str, touched: Collection[str] | None) -> bool:
        """Whether a layer has to be read where only parcels of some layers were touched."""
        return touched is None or layer in touched or self.beside is None or layer in self.beside


def shared(
    one: np.ndarray, other: np.ndarray, *, least_m2: float, least_share: float
) -> pd.DataFrame:
    """Pairs of boundaries that share land.

    Args:
        one: Array of valid boundaries in EPSG:4490; points share nothing.
        other: Another one.
        least_m2: Less is not counted, m2.
        least_share: Nor is less than this share of the smaller one, 0 to 1.

    Returns:
        Positions `a` and `b`, `area_m2` in common, and `area_a` and `area_b` of each.
    """
    if not len(one) or not len(other):
        return pd.DataFrame({key: np.empty(0) for key in _SHARED}).astype({"a": int, "b": int})
    near = np.flatnonzero(_meets(shapely.bounds(other), shapely.total_bounds(one)))
    found = topology.overlaps_between(one, other[near], min_area_m2=least_m2)
    a, b = found["a"].to_numpy(np.int64), near[found["b"].to_numpy(np.int64)]
    table = pd.DataFrame(
        {
            "a": a,
            "b": b,
            "area_m2": found["area_m2"].to_numpy(np.float64),
            "area_a": crs.area_m2(one[a]),
            "area_b": crs.area_m2(other[b]),
        }
    )
    smaller = table[["area_a", "area_b"]].min(axis=1)
    return table[table["area_m2"] >= least_share * smaller].reset_index(drop=True)


def column(frame: pd.DataFrame, key: str) -> pd.Series:
    """A column of parcels; NA throughout where it was not read."""
    if key in frame:
        return frame[key]
    return pd.Series(pd.NA, index=frame.index, dtype="str")


def known_days(frame: pd.DataFrame, key: str, on: dt.date) -> pd.Series:
    """Days that have come; NaT for the others."""
    days = pd.to_datetime(column(frame, key))
    return days.where(days <= pd.Timestamp(on))


def alone(
    layer: str,
    frame: pd.DataFrame,
    *,
    days: Sequence[dt.date] | dt.date,
    details: Sequence[Mapping[str, Any]] | None = None,
    area_m2: np.ndarray | None = None,
) -> pd.DataFrame:
    """Hits about parcels of a layer, each alone."""
    count = len(frame)
    return pd.DataFrame(
        {
            "layer": [layer] * count,
            "parcel": frame.index.to_numpy(np.int64),
            "other_layer": pd.Series([pd.NA] * count, dtype="str"),
            "other": pd.array([pd.NA] * count, "Int64"),
            "area_m2": np.full(count, np.nan) if area_m2 is None else area_m2,
            "day": _days(days, count),
            "details": pd.Series(list(details or [{}] * count), dtype=object),
        }
    )


def pairs(  # noqa: PLR0913 - one argument per column
    layer: str,
    parcels: np.ndarray,
    other_layer: str,
    others: np.ndarray,
    *,
    area_m2: np.ndarray,
    days: Sequence[dt.date] | dt.date,
    details: Sequence[Mapping[str, Any]] | None = None,
) -> pd.DataFrame:
    """Hits about pairs of parcels."""
    count = len(parcels)
    return pd.DataFrame(
        {
            "layer": [layer] * count,
            "parcel": np.asarray(parcels, np.int64),
            "other_layer": pd.Series([other_layer] * count, dtype="str"),
            "other": pd.array(np.asarray(others, np.int64), "Int64"),
            "area_m2": np.asarray(area_m2, np.float64),
            "day": _days(days, count),
            "details": pd.Series(list(details or [{}] * count), dtype=object),
        }
    )


def together(parts: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Hits of several looks, one below the other."""
    there = [part for part in parts if len(part)]
    if not there:
        return alone("", pd.DataFrame(), days=dt.date.min)
    return pd.concat(there, ignore_index=True)[list(COLUMNS)]


def _days(days: Sequence[dt.date] | dt.date, count: int) -> pd.Series:
    listed = [days] * count if isinstance(days, dt.date) else list(days)
    return pd.Series(listed, dtype=object)


def _meets(boxes: np.ndarray, box: np.ndarray) -> np.ndarray:
    """Which boxes meet another; those of nothing meet none."""
    west, south, east, north = box
    with np.errstate(invalid="ignore"):
        meets: np.ndarray = (
            (boxes[:, 0] <= east)
            & (boxes[:, 2] >= west)
            & (boxes[:, 1] <= north)
            & (boxes[:, 3] >= south)
        )
    return meets
