"""A layer kept in memory with both its times: what a tile of any moment draws from."""

from __future__ import annotations

import datetime as dt
import hashlib
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import pandas as pd

from maps.tiles import outline
from maps.tiles.drawing import Shown
from maps.tiles.outline import Outlines
from maps.tiles.ranges import gathered
from parcels.chronicle import NOT_SUPERSEDED, Chronicle
from parcels.model import Layer

UNSORTED_SHARE: Final = 0.1
"""Share of boundaries that may lie behind the sorted ones before all are sorted anew."""


UNKNOWN: Final = ""
"""In a choice: parcels whose unit, district or stage is not known."""


@dataclass(frozen=True, slots=True)
class Versions:
    """Versions, sorted by the position of their boundary.

    Attributes:
        version: Number of the version.
        parcel: Number of the parcel.
        place: Position of its boundary in the outlines.
        valid: Array (n, 2) of days since 1970 on which it is true: first, and first no longer.
        recorded: Array (n, 2) of changes: the one that made it known, and the one that closed it.
        stage: Position among the stages of the layer; one past the last where it is not known.
        district: Position among `Kept.districts`; -1 where it is not known.
        unit: The same of `Kept.units`.
        area_m2: NaN where there is none.
    """

    version: np.ndarray
    parcel: np.ndarray
    place: np.ndarray
    valid: np.ndarray
    recorded: np.ndarray
    stage: np.ndarray
    district: np.ndarray
    unit: np.ndarray
    area_m2: np.ndarray

    def __len__(self) -> int:
        """How many."""
        return len(self.version)

    def only(self, positions: np.ndarray) -> Versions:
        """Those at some positions, or of a mask."""
        return Versions(**{name: getattr(self, name)[positions] for name in self.__slots__})


@dataclass(frozen=True, slots=True)
class Choice:
    """Which parcels of which moment.

    Attributes:
        on: The day on which they are true.
        known: Number of the last change that is known; the default knows all.
        units: Codes of the units, or UNKNOWN; None for all.
        districts: The same of districts.
        stages: Keys of the stages, or UNKNOWN; None for all.
        parcels: Numbers of the parcels, ascending; None for all.
    """

    on: dt.date
    known: int = NOT_SUPERSEDED - 1
    units: frozenset[str] | None = None
    districts: frozenset[str] | None = None
    stages: frozenset[str] | None = None
    parcels: np.ndarray | None = None

    @property
    def hashable(self) -> tuple[object, ...]:
        """The same for choices that are the same."""
        named = None if self.parcels is None else hashlib.sha256(self.parcels.tobytes()).digest()
        return self.on, self.known, self.units, self.districts, self.stages, named


@dataclass(frozen=True, slots=True)
class Kept:
    """A layer in memory; a newer state is another value, so that who draws is never disturbed.

    Attributes:
        change: Number of the last change it knows.
        stages: Keys of the layer's stages, in the order that `Versions.stage` counts.
        districts, units: Codes.
        first: Position of the first version of each boundary, and the end.
        sorted_to: Boundaries before this position lie in the order of their place.
    """

    change: int
    stages: tuple[str, ...]
    districts: tuple[str, ...]
    units: tuple[str, ...]
    outlines: Outlines
    versions: Versions
    first: np.ndarray
    sorted_to: int

    def shown(self, box: tuple[int, int, int, int], choice: Choice) -> Shown:
        """The parcels chosen whose boundary's box meets a box of the world."""
        near = self.outlines.within(box)
        places = gathered(self.first[near], self.first[near + 1] - self.first[near])
        places = places[self._is_chosen(places, choice)]
        own = self.versions
        return Shown(own.place[places], own.parcel[places], own.stage[places], own.area_m2[places])

    def positions(self, choice: Choice) -> np.ndarray:
        """Positions in `versions` of all parcels chosen."""
        return np.flatnonzero(self._is_chosen(np.arange(len(self.versions)), choice))

    def boxes(self, positions: np.ndarray) -> np.ndarray:
        """Boxes in the world of the boundaries of versions; see `Outlines.boxes`."""
        boxes: np.ndarray = self.outlines.boxes[self.versions.place[positions]]
        return boxes

    @property
    def nbytes(self) -> int:
        """Memory of the arrays, bytes."""
        own = int(sum(getattr(self.versions, name).nbytes for name in Versions.__slots__))
        return self.outlines.nbytes + int(self.first.nbytes) + own

    def _is_chosen(self, places: np.ndarray, choice: Choice) -> np.ndarray:
        own = self.versions
        day = (choice.on - dt.date(1970, 1, 1)).days
        valid, recorded = own.valid[places], own.recorded[places]
        chosen: np.ndarray = (
            (valid[:, 0] <= day)
            & (valid[:, 1] > day)
            & (recorded[:, 0] <= choice.known)
            & (recorded[:, 1] > choice.known)
        )
        for wanted, known, coded in (
            (choice.units, self.units, own.unit),
            (choice.districts, self.districts, own.district),
            (choice.stages, self.stages, own.stage),
        ):
            if wanted is not None:
                # The last place is that of what is not known.
                allowed = np.array([*(code in wanted for code in known), UNKNOWN in wanted])
                chosen &= allowed[coded[places]]
        if choice.parcels is not None:
            chosen &= _are_in(own.parcel[places], choice.parcels)
        return chosen


def keep(layer: Layer, chronicle: Chronicle) -> Kept:
    """A layer as its chronicle tells it."""
    outlines = outline.pack(
        chronicle.boundaries.index.to_numpy(np.int64), chronicle.boundaries.to_numpy(object)
    )
    stages = tuple(stage.key for stage in layer.stages)
    empty = Kept(
        chronicle.change,
        stages,
        (),
        (),
        outlines,
        _none(),
        np.zeros(1, np.int64),
        len(outlines.ids),
    )
    return _with(empty, chronicle)


def refresh(kept: Kept, newer: Chronicle) -> tuple[Kept, np.ndarray]:
    """The layer after later changes, and the boxes of the boundaries they touched.

    Args:
        kept: The layer as it was.
        newer: The chronicle after `kept.change`.

    Returns:
        The layer; array (n, 4) of boxes in the world, see `Outlines.boxes`.
    """
    closed = newer.versions[newer.versions["recorded_from"] <= kept.change]
    recorded = kept.versions.recorded.copy()
    ranks = np.argsort(kept.versions.version, kind="stable")
    at = ranks[np.searchsorted(kept.versions.version, closed["version"], sorter=ranks)]
    recorded[at, 1] = closed["recorded_to"]
    older = replace(kept, versions=replace(kept.versions, recorded=recorded), change=newer.change)
    if len(newer.boundaries):
        fresh = outline.pack(
            newer.boundaries.index.to_numpy(np.int64), newer.boundaries.to_numpy(object)
        )
        older = replace(older, outlines=outline.joined(older.outlines, fresh))
    made = _with(older, newer)
    known, closed_in = made.versions.recorded.T
    is_closed_since = (closed_in > kept.change) & (closed_in < NOT_SUPERSEDED)
    changed = np.flatnonzero((known > kept.change) | is_closed_since)
    return made, made.boxes(changed)


def needs_sorting(kept: Kept) -> bool:
    """Whether so many boundaries lie unsorted that it is time to keep the layer anew."""
    return len(kept.outlines.ids) - kept.sorted_to > UNSORTED_SHARE * max(kept.sorted_to, 1)


def _with(kept: Kept, chronicle: Chronicle) -> Kept:
    """With the versions of a chronicle that were not there."""
    rows = chronicle.versions
    if len(kept.versions):
        rows = rows[~np.isin(rows["version"], kept.versions.version)]
    districts, units = (
        (*known, *sorted(set(rows[name].cat.categories) - set(known)))
        for name, known in (("district", kept.districts), ("unit", kept.units))
    )
    fresh = Versions(
        version=rows["version"].to_numpy(np.int64),
        parcel=rows["parcel"].to_numpy(np.int64),
        place=_positions(kept.outlines, rows["boundary"].to_numpy(np.int64)),
        valid=np.column_stack([_days(rows["valid_from"]), _days(rows["valid_to"])]),
        recorded=rows[["recorded_from", "recorded_to"]].to_numpy(np.int64),
        stage=_coded(rows["stage"], kept.stages, unknown=len(kept.stages)),
        district=_coded(rows["district"], districts, unknown=-1),
        unit=_coded(rows["unit"], units, unknown=-1),
        area_m2=rows["area_m2"].to_numpy(np.float64),
    )
    own = kept.versions
    whole = Versions(
        **{
            name: np.concatenate([getattr(own, name), getattr(fresh, name)])
            for name in Versions.__slots__
        }
    )
    order = np.argsort(whole.place, kind="stable")
    versions = whole.only(order)
    first = np.searchsorted(versions.place, np.arange(len(kept.outlines.ids) + 1))
    return replace(kept, districts=districts, units=units, versions=versions, first=first)


def _none() -> Versions:
    number, pair = np.zeros(0, np.int64), np.zeros((0, 2), np.int64)
    small = np.zeros(0, np.int16)
    return Versions(
        number, number, number, pair, pair, small, small, small, np.zeros(0, np.float64)
    )


def _positions(outlines: Outlines, ids: np.ndarray) -> np.ndarray:
    order = np.argsort(outlines.ids, kind="stable")
    found: np.ndarray = order[np.searchsorted(outlines.ids, ids, sorter=order)]
    return found


def _days(column: pd.Series) -> np.ndarray:
    days: np.ndarray = column.to_numpy("datetime64[D]").astype(np.int64)
    return days


def _coded(column: pd.Series, known: tuple[str, ...], *, unknown: int) -> np.ndarray:
    """Position of each value among the known ones."""
    places = pd.Index(known).get_indexer(column.cat.categories.astype(object))
    table = np.append(np.where(places < 0, unknown, places), unknown).astype(np.int16)
    coded: np.ndarray = table[column.cat.codes.to_numpy()]
    return coded


def _are_in(numbers: np.ndarray, ascending: np.ndarray) -> np.ndarray:
    if not len(ascending):
        return np.zeros(len(numbers), dtype=bool)
    place = np.minimum(np.searchsorted(ascending, numbers), len(ascending) - 1)
    found: np.ndarray = ascending[place] == numbers
    return found
