"""Lists of corner points: many rows a parcel, each a corner, put together to boundaries.

Such a list has the columns of a place, and besides them either a column of points or rings, or
several rows for each parcel that say the same of it. A list without any of these is one of
parcels, a row each, and is left alone. Where corners are numbered 1, 2, 3 ... and no column names
a parcel, they are taken for one parcel only if they bound land in that order, and that is told.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import pandas as pd
import shapely

from parcels import words
from parcels.findings import Findings
from parcels.ingest.arrived import Arrived, framed
from parcels.ingest.headings import heading_forms
from parcels.ingest.rings import Points, bounded, parted
from parcels.ingest.values import numbers_of

# A parcel with fewer corners is none.
_FEWEST: Final = 3
# Degrees end here: larger numbers are metres.
_DEGREES: Final = 200.0
_MILLION: Final = 1_000_000
_ZONES: Final = (13, 45)
# Northings of China, metres, in Gauss-Krueger and in EPSG:3857; no easting is as large.
_NORTHINGS: Final = (1.5e6, 7.2e6)
# Corners of one parcel lie this near to each other, degrees and metres.
_NEAR: Final = (0.1, 10_000.0)
_DMS: Final = (
    r"^[NEne]?(\d+)[{degrees}](\d+)(?:[{minutes}](\d+(?:\.\d*)?)?(?:[{seconds}]|'')?)?[NEne]?$"
)
_NUMBERED: Final = r"^[A-Za-z]{0,2}0*(\d{1,6})$"
_CODE: Final = re.compile(r"(?<!\d)\d{13}(?!\d)")


@dataclass(frozen=True, slots=True)
class Sheet:
    """A list as it stands: a table and the number of each row.

    Attributes:
        names: What the file and its sheet are called; one may hold a parcel's code.
    """

    table: pd.DataFrame
    rows: np.ndarray
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Cornered:
    """Parcels out of a list of corners.

    Attributes:
        table: What the list says of each parcel.
        geometry: Its boundary, first coordinate east where headings or numbers tell.
        rows: Number of the first row of each parcel.
        members: Every row of the list as it stands, indexed by `rows` of its parcel.
    """

    table: pd.DataFrame
    geometry: np.ndarray
    rows: np.ndarray
    members: pd.DataFrame


@dataclass(frozen=True, slots=True)
class _Roles:
    """Which columns are what; several may name the parcel, the first filled one counts."""

    east: str
    north: str
    point: str | None
    ring: str | None
    zone: str | None
    parcel: tuple[str, ...]
    numbered: str | None
    bare: bool
    others: tuple[str, ...]


def cornered(sheet: Sheet, *, known: Collection[str], findings: Findings) -> Cornered | None:
    """The parcels of a list of corner points, or None if it is a list of parcels.

    Args:
        sheet: The list.
        known: Plain forms of the headings a list may have (`headings.headings`).
        findings: Takes rows without a place, contradictions, and what was assumed.
    """
    roles = _roles(sheet.table)
    if roles is None or not len(sheet.table):
        return None
    east, north = _places(sheet.table, roles)
    owner = _owners(sheet.table, roles)
    if owner is None:
        if not _is_one_parcel(sheet, roles, east, north):
            return None
        owner = np.zeros(len(sheet.table), "int64")
    elif not _speaks_of_corners(sheet.table, roles, owner, placed=east.notna().to_numpy(bool)):
        return None
    starts = np.unique(owner, return_index=True)[1]
    rows = sheet.rows[starts]
    table = _attributes(sheet, roles, owner, known=known, findings=findings)
    if not roles.parcel:
        table = _named(table, sheet, int((east.notna()).sum()), findings)
    geometry = _boundaries(sheet, roles, owner, (east, north), rows=rows, findings=findings)
    members = sheet.table.set_axis(pd.Index(rows[owner], name="row"), axis=0)
    return Cornered(table, geometry, rows, members)


def with_corners(
    whole: Arrived, sheet: Sheet, *, known: Collection[str], findings: Findings
) -> Arrived:
    """The list with its parcels in place of their corners, where it is one of corners."""
    made = cornered(sheet, known=known, findings=findings)
    if made is None:
        return whole
    frame = framed(made.table, made.geometry, rows=made.rows)
    return replace(whole, frame=frame, members=made.members)


# Which column is what


def _roles(table: pd.DataFrame) -> _Roles | None:
    known = words.formats()["corner_points"]
    columns = [str(c) for c in table.columns]
    east, north, bare = _pair(columns, known)
    if east is None or north is None:
        return None
    free = [c for c in columns if c not in {east, north}]
    point, ring, zone = (_first(free, known[key]) for key in ("point", "ring", "zone"))
    free = [c for c in free if c not in {point, ring, zone}]
    parcel = tuple(c for c in free if _goes_by(c, known["parcel"]) and table[c].notna().any())
    numbered = _first(free, known["numbered"])
    if numbered is not None and _repeats(table[numbered]):
        # "编号" says which parcel where it is repeated, and which corner where it is not.
        parcel, numbered = (numbered, *parcel), None
    idle = {*known["of_points"], words.formats()["report"]["reason"]}
    others = tuple(c for c in free if c not in {*parcel, numbered} and not _goes_by(c, idle))
    return _Roles(east, north, point, ring, zone, parcel, numbered, bare, others)


def _pair(columns: Sequence[str], known: Any) -> tuple[str | None, str | None, bool]:
    """Columns east and north, and whether only "x" and "y" tell them apart."""
    sides: dict[str, str] = {}
    for column in columns:
        if side := _side(column, known):
            sides.setdefault(side, column)
    letters = (sides.get("x"), sides.get("y"))
    if "east" in sides and "north" in sides:
        return sides["east"], sides["north"], False
    if "east" in sides or "north" in sides:
        # One of two letters with its meaning beside it tells of the other one, too.
        other = next((one for one in letters if one), None)
        return sides.get("east", other), sides.get("north", other), False
    return *letters, True


def _side(column: str, known: Any) -> str | None:
    """Whether a heading means "east", "north", or only says "x" or "y"."""
    whole, *shorter = heading_forms(column)
    names = {side: words.plain_set(known[side]) for side in ("east", "north", "x", "y")}
    sure = next((side for side in ("east", "north") if whole in names[side]), None)
    letter = next((side for side in ("x", "y") if names[side] & {whole, *shorter}), None)
    if sure is not None or letter is None:
        return sure or next((s for s in ("east", "north") if names[s] & set(shorter)), None)
    # "Y(东,含带号)": what stands in the brackets tells more than the letter.
    beside = whole.removeprefix(next(f for f in (whole, *shorter) if f in names[letter]))
    told = (s for s in ("east", "north") if any(m in beside for m in known[f"{s}_marks"]))
    return next(told, letter)


def _first(columns: Sequence[str], names: Collection[str]) -> str | None:
    return next((c for c in columns if _goes_by(c, names)), None)


def _goes_by(column: str, names: Collection[str]) -> bool:
    return bool(words.plain_set(names) & set(heading_forms(column)))


def _repeats(column: pd.Series) -> bool:
    """Whether a column mostly says the same in three rows or more that stand together."""
    said = column.astype("str").ffill()
    if said.isna().all():
        return False
    runs = (said != said.shift()).fillna(value=True).cumsum()
    return bool((runs.value_counts() >= _FEWEST).mean() >= 0.5)


# Whose rows are whose


def _owners(table: pd.DataFrame, roles: _Roles) -> np.ndarray | None:
    """Position of the parcel of each row; None where no column names a parcel."""
    for column in roles.parcel:
        said = table[column].ffill()
        if said.isna().any():
            continue
        return np.asarray(pd.factorize(said)[0], "int64")
    if roles.parcel:
        # Rows before the first name are a parcel of their own, which will be told of.
        said = table[roles.parcel[0]].astype("str").ffill().fillna("")
        return np.asarray(pd.factorize(said)[0], "int64")
    return None


def _speaks_of_corners(
    table: pd.DataFrame, roles: _Roles, owner: np.ndarray, *, placed: np.ndarray
) -> bool:
    corners = np.bincount(owner[placed], minlength=int(owner.max()) + 1)
    if (corners < _FEWEST).all():
        return False
    if roles.point is not None or roles.ring is not None:
        return True
    if (corners >= _FEWEST).mean() < 0.5:
        return False
    return not any(_contradicts(table[c], owner).any() for c in (*roles.parcel, *roles.others))


def _contradicts(column: pd.Series, owner: np.ndarray) -> np.ndarray:
    """Whether each parcel has rows that say different things in this column."""
    groups = column.groupby(owner).nunique(dropna=True)
    return np.asarray(groups.reindex(range(int(owner.max()) + 1)).to_numpy() > 1, bool)


def _is_one_parcel(sheet: Sheet, roles: _Roles, east: pd.Series, north: pd.Series) -> bool:
    """Whether rows that name no parcel are the corners of one, in their order."""
    xy = np.column_stack([east, north])[np.isfinite(east) & np.isfinite(north)]
    if len(xy) < _FEWEST:
        return False
    if roles.point is None and roles.ring is None:
        if roles.others or roles.numbered is None:
            return False
        if not _counts_up(sheet.table[roles.numbered]):
            return False
        near = _NEAR[0] if np.abs(xy).max() <= _DEGREES else _NEAR[1]
        if (np.ptp(xy, axis=0) > near).any():
            return False
        return bool(shapely.is_valid(shapely.polygons(xy)))
    return True


def _counts_up(column: pd.Series) -> bool:
    """Whether a column counts 1, 2, 3 ...; the last row may name the first point again."""
    numbers = column.astype("str").str.strip().str.extract(_NUMBERED, expand=False)
    if numbers.isna().any():
        return False
    count = numbers.astype("int64").to_numpy()
    if len(count) > _FEWEST and count[-1] == count[0]:
        count = count[:-1]
    return bool((count == np.arange(1, len(count) + 1)).all())


# What they say


def _attributes(
    sheet: Sheet,
    roles: _Roles,
    owner: np.ndarray,
    *,
    known: Collection[str],
    findings: Findings,
) -> pd.DataFrame:
    """One row a parcel: what is said of it in any of its rows."""
    starts = np.unique(owner, return_index=True)[1]
    told = {}
    for column in sheet.table.columns:
        if column not in {*roles.parcel, *roles.others}:
            continue
        cells = sheet.table[column]
        told[column] = cells.groupby(owner).first()
        if any(form in known for form in heading_forms(str(column))):
            _report_contradictions(sheet, str(column), owner, starts, findings)
    return pd.DataFrame(told).reset_index(drop=True)


def _report_contradictions(
    sheet: Sheet, column: str, owner: np.ndarray, starts: np.ndarray, findings: Findings
) -> None:
    cells = sheet.table[column]
    wrong = np.flatnonzero(_contradicts(cells, owner))
    if not len(wrong):
        return
    first = cells.groupby(owner).transform("first")
    other = cells.notna() & (cells != first)
    place = [int(np.flatnonzero(other.to_numpy(bool) & (owner == one))[0]) for one in wrong]
    details = [{"first": str(first.iloc[p]), "line": int(sheet.rows[p])} for p in place]
    findings.add(
        "corners_contradict",
        rows=sheet.rows[starts[wrong]],
        field=column,
        found=cells.iloc[place],
        details=details,
    )


def _named(table: pd.DataFrame, sheet: Sheet, corners: int, findings: Findings) -> pd.DataFrame:
    """The one parcel of a list that names none, by a code of 13 digits in a name of the file."""
    column = words.formats()["corner_points"]["code_column"]
    codes = [found.group() for name in sheet.names if (found := _CODE.search(name))]
    details = {"count": corners, "number": codes[0] if codes else ""}
    findings.add("corners_assumed", found=sheet.names[0], details=details)
    whole = table if len(table.columns) else pd.DataFrame(index=range(1))
    return whole.assign(**{column: pd.Series([codes[0] if codes else None], dtype="str")})


# Where they lie


def _places(table: pd.DataFrame, roles: _Roles) -> tuple[pd.Series, pd.Series]:
    """East and north of each row; NaN where nothing is written or understood."""
    first, second = (_numbers(table[c]) for c in (roles.east, roles.north))
    if roles.bare and _is_north(first) and not _is_north(second):
        first, second = second, first
    if roles.zone is not None:
        zone = numbers_of(table[roles.zone]).ffill()
        bare = (first.abs() > _DEGREES) & (first.abs() < _MILLION) & zone.between(*_ZONES)
        first = first.where(~bare, first + zone * _MILLION)
    half = first.isna() | second.isna()
    return first.mask(half), second.mask(half)


def _numbers(column: pd.Series) -> pd.Series:
    """Numbers or degrees with minutes and seconds; anything else, or without end, is NaN."""
    found = numbers_of(column)
    missing = found.isna() & column.notna()
    if missing.any():
        marks = words.formats()["corner_points"]["marks"]
        text = column[missing].astype("str").str.replace(r"\s", "", regex=True)
        parts = text.str.extract(_DMS.format(**marks)).astype("float64")
        found = found.copy()
        found[missing] = parts[0] + parts[1] / 60 + parts[2].fillna(0) / 3600
    return found.where(np.isfinite(found))


def _is_north(numbers: pd.Series) -> bool:
    return bool(numbers.notna().any()) and _NORTHINGS[0] < numbers.median() < _NORTHINGS[1]


def _boundaries(
    sheet: Sheet,
    roles: _Roles,
    owner: np.ndarray,
    places: tuple[pd.Series, pd.Series],
    *,
    rows: np.ndarray,
    findings: Findings,
) -> np.ndarray:
    east, north = (side.to_numpy(float) for side in places)
    there = np.isfinite(east)
    _report_unread(sheet, roles, owner, ~there, rows=rows, findings=findings)
    # A parcel's rows need not stand together, but they keep their order.
    order = np.flatnonzero(there)[np.argsort(owner[there], kind="stable")]
    ring = _rings(sheet.table, roles, owner)[order]
    fresh = np.ones(len(order), bool)
    fresh[1:] = (owner[order][1:] != owner[order][:-1]) | (ring[1:] != ring[:-1])
    points = Points(order, owner[order], np.cumsum(fresh) - 1, north[order], east[order])
    points = replace(points, ring=parted(points.ring, points.north, points.east))
    geometry, thin = bounded(points, len(rows))
    bare = np.setdiff1d(np.arange(len(rows)), points.parcel)
    fault = words.faults()["Too few points in geometry component"]
    details = {"fault": fault.key, "fault_zh": fault.zh, "fault_en": fault.en}
    findings.add("boundary_invalid", rows=rows[np.setdiff1d(thin, bare)], details=details)
    return geometry


def _rings(table: pd.DataFrame, roles: _Roles, owner: np.ndarray) -> np.ndarray:
    if roles.ring is None:
        return np.zeros(len(table), "int64")
    # A ring number stands on its first row at least, and begins anew with each parcel.
    said = table[roles.ring].astype("str").groupby(owner).ffill().fillna("")
    return np.asarray(pd.factorize(said)[0], "int64")


def _report_unread(
    sheet: Sheet,
    roles: _Roles,
    owner: np.ndarray,
    unread: np.ndarray,
    *,
    rows: np.ndarray,
    findings: Findings,
) -> None:
    """Rows without a place, but for a first one that only says what the parcel is."""
    written = sheet.table[[roles.east, roles.north]].notna().any(axis=1).to_numpy(bool)
    heads = np.zeros(len(owner), bool)
    heads[np.unique(owner, return_index=True)[1]] = True
    at = np.flatnonzero(unread & (written | ~heads))
    found = sheet.table[roles.east].astype("str").fillna("") + ", "
    found += sheet.table[roles.north].astype("str").fillna("")
    findings.add(
        "corner_not_read",
        rows=rows[owner[at]],
        field=f"{roles.east} / {roles.north}",
        found=found.iloc[at].str[:80],
        details=[{"line": int(sheet.rows[p])} for p in at],
    )
