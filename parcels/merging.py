"""Three states of the same parcels: what was lent (base), what came back, what the register says.

A person edits a copy while others go on in the register. What only one side changed stands; what
both changed to the same thing stands; what both changed differently is a conflict, field by
field, that a person decides. Frames in, frames out; nothing here knows files or databases.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from parcels import matching
from parcels.comparison import SAME_NUMBER

BOUNDARY: Final = "boundary"
"""The boundary where it is named beside the fields."""

PARCEL: Final = "parcel"
"""The parcel as a whole where it is named beside the fields: it was ended on one side."""


class Side(StrEnum):
    """Whose word counts in a conflict: the file's, or the register's."""

    FILE = "theirs"
    REGISTER = "ours"


@dataclass(frozen=True, slots=True)
class Choices:
    """What a person decided about conflicts; the more special decision counts.

    Attributes:
        every: For all conflicts; None leaves open what is not decided otherwise.
        parcels: By parcel, its code or else its number in the register as text.
        fields: By parcel and field (BOUNDARY and PARCEL too).
    """

    every: Side | None = None
    parcels: Mapping[str, Side] = field(default_factory=dict)
    fields: Mapping[tuple[str, str], Side] = field(default_factory=dict)

    def of(self, names: Sequence[str], key: str) -> Side | None:
        """The decision about a field of a parcel, which is called by any of these names."""
        for name in names:
            if (name, key) in self.fields:
                return self.fields[name, key]
        for name in names:
            if name in self.parcels:
                return self.parcels[name]
        return self.every


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """What each side changed: boolean frames, a row per parcel, a column per field and BOUNDARY.

    Attributes:
        edited: The file says another thing than the base.
        changed: The register says another thing than the base.
        conflicts: Both do, and not the same.
    """

    edited: pd.DataFrame
    changed: pd.DataFrame
    conflicts: pd.DataFrame


def differs(one: gpd.GeoDataFrame, other: gpd.GeoDataFrame, keys: Sequence[str]) -> pd.DataFrame:
    """Where two states of the same parcels differ.

    Numbers agree to nine digits (`comparison.SAME_NUMBER`), boundaries to a centimetre
    (`matching.SAME_BOUNDARY_M`); an empty text is like none.

    Args:
        one: A row per parcel: fields by key, geometry in EPSG:4490.
        other: The same parcels in the same order; a key missing in either is blank throughout.
        keys: Which fields.

    Returns:
        Boolean frame on the index of `one`, columns `keys` and BOUNDARY.
    """
    columns = {key: _differ(_column(one, key), _column(other, key)) for key in keys}
    columns[BOUNDARY] = ~same_boundary(one.geometry.to_numpy(), other.geometry.to_numpy())
    return pd.DataFrame(columns, index=one.index)


def same_boundary(shapes: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Whether boundaries are the same within a centimetre; none is like none, one part like it."""
    neither = shapely.is_missing(shapes) & shapely.is_missing(others)
    same: np.ndarray = neither | shapely.equals_identical(shapes, others)
    rest = np.flatnonzero(~same)
    if len(rest):
        mine, theirs = (shapely.normalize(_multiple(of[rest])) for of in (shapes, others))
        same[rest] = matching.same_boundary(mine, theirs)
    return same


def compare(
    base: gpd.GeoDataFrame,
    file: gpd.GeoDataFrame,
    register: gpd.GeoDataFrame,
    keys: Sequence[str],
) -> Comparison:
    """What the file and the register each changed of the base.

    Args:
        base: As lent: a row per parcel, indexed by its number; all blank for one not lent.
        file: As it came back, same index.
        register: As the register has it now, same index.
        keys: Fields to compare, besides the boundary.
    """
    edited, changed = differs(file, base, keys), differs(register, base, keys)
    both = edited & changed
    conflicts = both.copy()
    # Few fields were changed on both sides: only their rows are compared again.
    where = np.flatnonzero(both.to_numpy(bool).any(axis=1))
    if len(where):
        apart = differs(file.iloc[where], register.iloc[where], keys)
        conflicts.iloc[where] = both.iloc[where] & apart
    return Comparison(edited, changed, conflicts)


def taken(found: Comparison, choices: Choices, names: Mapping[Any, Sequence[str]]) -> pd.DataFrame:
    """Which of the file's edits count: all without a conflict, and those decided for it.

    Args:
        found: Of the comparison.
        choices: What was decided.
        names: What each parcel with a conflict is called in `choices`.

    Returns:
        Boolean frame like `found.edited`.
    """
    take = found.edited & ~found.conflicts
    for parcel, key in listed(found.conflicts):
        if choices.of(names[parcel], key) is Side.FILE:
            take.loc[parcel, key] = True
    return take


def undecided(
    found: Comparison, choices: Choices, names: Mapping[Any, Sequence[str]]
) -> list[tuple[Any, str]]:
    """Conflicts nobody decided yet: parcel and field, in the order of the frames."""
    return [
        (parcel, key)
        for parcel, key in listed(found.conflicts)
        if choices.of(names[parcel], key) is None
    ]


def merged(
    register: gpd.GeoDataFrame, file: gpd.GeoDataFrame, take: pd.DataFrame
) -> gpd.GeoDataFrame:
    """The register's state with those of the file's fields that count.

    Args:
        register: As `compare` takes it.
        file: As `compare` takes it.
        take: As `taken` gives it.
    """
    keys = [key for key in take.columns if key != BOUNDARY]
    whole = {
        key: _column(file, key).where(take[key], _column(register, key).to_numpy()) for key in keys
    }
    shapes = np.where(take[BOUNDARY], file.geometry.to_numpy(), register.geometry.to_numpy())
    return gpd.GeoDataFrame(whole, index=register.index, geometry=shapes, crs=register.crs)


def listed(where: pd.DataFrame) -> list[tuple[Any, str]]:
    """Row label and column of each true cell, row by row."""
    rows, columns = np.nonzero(where.to_numpy(bool))
    labels, names = where.index, where.columns
    return [(labels[row], str(names[column])) for row, column in zip(rows, columns, strict=True)]


def mark(theirs: Any, ours: Any) -> str:
    """A short text that tells whether two values are still those a decision was made on."""
    said = [
        shapely.to_wkt(shapely.normalize(one), rounding_precision=7)
        if isinstance(one, shapely.Geometry)
        else _plainly(one)
        for one in (theirs, ours)
    ]
    return hashlib.blake2b("\x1f".join(said).encode(), digest_size=6).hexdigest()


def _plainly(one: Any) -> str:
    if one is None or one == "":
        return "\x00"
    if isinstance(one, bool | np.bool_ | int | float | np.number):
        return f"{float(one):.9g}"
    return str(one)


def _column(frame: pd.DataFrame, key: str) -> pd.Series:
    if key in frame.columns:
        column: pd.Series = frame[key]
        return column
    return pd.Series(np.nan, index=frame.index)


def _differ(one: pd.Series, other: pd.Series) -> np.ndarray:
    unknown, unknown_there = _blank(one), _blank(other)
    apart: np.ndarray = unknown != unknown_there
    there = np.flatnonzero(~unknown & ~unknown_there)
    if not len(there):
        return apart
    mine, theirs = one.iloc[there], other.iloc[there]
    if pd.api.types.is_numeric_dtype(mine.dtype) and pd.api.types.is_numeric_dtype(theirs.dtype):
        one_, other_ = (of.to_numpy(dtype="float64") for of in (mine, theirs))
        apart[there] = ~np.isclose(one_, other_, rtol=SAME_NUMBER, atol=0)
        return apart
    if mine.dtype == theirs.dtype:
        apart[there] = np.asarray(mine.array != theirs.array, dtype=bool)
        return apart
    plain, plain_there = (of.astype(object).to_numpy() for of in (mine, theirs))
    apart[there] = np.not_equal(plain, plain_there).astype(bool)
    return apart


def _blank(column: pd.Series) -> np.ndarray:
    blank: np.ndarray = column.isna().to_numpy(bool)
    if pd.api.types.is_string_dtype(column.dtype):
        blank = blank | (column == "").fillna(value=False).to_numpy(bool)
    return blank


def _multiple(shapes: np.ndarray) -> np.ndarray:
    """Polygons as surfaces of one part, so that both ways of writing one are alike."""
    lone = np.flatnonzero(shapely.get_type_id(shapes) == 3)
    if not len(lone):
        return shapes
    alike = shapes.copy()
    alike[lone] = shapely.multipolygons(shapes[lone], indices=np.arange(len(lone)))
    return alike
