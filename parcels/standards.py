"""Judges readings by GB 36600-2018, GB 15618-2018, or a table of limits that somebody gives.

Exceeding is strictly greater: a reading equal to a limit does not exceed it. A reading is an
interval (`concentrations.intervals`), so that what was not detected exceeds nothing, unless its
detection limit is above the limit: then it cannot be judged, and is said not to be.
"""

from __future__ import annotations

import csv
import io
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from parcels.analytes import analyte_of, table
from parcels.concentrations import intervals, shifted, unit_of
from parcels.errors import LimitsNotUsableError

PH_ENDS: Final = (5.5, 6.5, 7.5)
"""Upper ends of the ranges of pH in GB 15618, each belonging to the range below it."""

BUILDING: Final = ("class1", "class2")
"""Land of GB 36600."""

FARMLAND: Final = ("paddy", "orchard", "rotation", "other")
"""Land of GB 15618; paddy and dry crops in turn are `rotation`."""

_UNKNOWN_PH: Final = len(PH_ENDS) + 1
_RANGES: Final = _UNKNOWN_PH + 1


class Verdict(StrEnum):
    """What a standard says of a reading, in the order in which the worst stands for several."""

    NO_LIMIT = "no_limit"
    WITHIN = "within"
    AT_BACKGROUND = "at_background"
    NOT_JUDGED = "not_judged"
    ABOVE_SCREENING = "above_screening"
    ABOVE_CONTROL = "above_control"


class Why(StrEnum):
    """Why a reading cannot be judged, or not to the end."""

    NO_READING = "no_reading"
    DETECTION_LIMIT = "detection_limit"
    NO_PH = "no_ph"
    NO_LAND = "no_land"
    CONTROL_OPEN = "control_open"


@dataclass(frozen=True, slots=True)
class Limit:
    """One row of a table of limits.

    Attributes:
        land: Key of the land, or "all".
        above: pH above which it holds; None without lower end.
        up_to: pH up to which it holds, inclusive; None without upper end.
        at_most: In the unit in which readings of the analyte are kept.
        is_control: A control value (管制值), else a screening value or any other limit.
        clause: Table and row of the standard, such as "1.8".
        background: Above it, but not above natural background, land is no contaminated land.
    """

    analyte: str
    land: str
    at_most: float
    clause: str
    is_control: bool = False
    above: float | None = None
    up_to: float | None = None
    background: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Limits:
    """A standard, laid out so that a million readings find their limit by position.

    Attributes:
        standard: Its number, such as "GB 36600-2018".
        analytes: Keys, in order.
        lands: Keys, in order; the last stands for land that is not known.
        screening: By analyte, land and range of pH; NaN where there is none.
        control: The same.
        clauses: Of the screening and the control values, the same.
        background: By analyte and land.
    """

    standard: str
    analytes: tuple[str, ...]
    lands: tuple[str, ...]
    screening: npt.NDArray[np.float64]
    control: npt.NDArray[np.float64]
    clauses: tuple[npt.NDArray[np.object_], npt.NDArray[np.object_]]
    background: npt.NDArray[np.bool_]


@cache
def choices() -> Mapping[str, Any]:
    """What the standards leave open, from `reference/standards.toml`, with how sure it is."""
    text = files("parcels").joinpath("reference", "standards.toml").read_text(encoding="utf-8")
    return MappingProxyType(tomllib.loads(text))


@cache
def building_land() -> Limits:
    """GB 36600-2018, 85 items by two classes of land."""
    found = [
        Limit(
            row["analyte"],
            land,
            float(row[f"{kind}_{land}"]),
            f"{row['table']}.{row['item']}",
            is_control=kind == "control",
            background=land in row["background_classes"].split(),
        )
        for row in table("gb36600.csv")
        for land in BUILDING
        for kind in ("screening", "control")
    ]
    return laid_out("GB 36600-2018", found, BUILDING, unknown=choices()["use"]["unknown"])


@cache
def farmland() -> Limits:
    """GB 15618-2018, tables 1 to 3."""
    found = [
        Limit(
            row["analyte"],
            row["land"],
            float(row["limit"]),
            row["table"],
            is_control=row["kind"] == "control",
            above=float(row["ph_above"]) if row["ph_above"] else None,
            up_to=float(row["ph_up_to"]) if row["ph_up_to"] else None,
        )
        for row in table("gb15618.csv")
    ]
    return laid_out("GB 15618-2018", found, FARMLAND)


def given(text: str, *, standard: str) -> Limits:
    """A table of limits that somebody gives, as CSV with `analyte`, `limit`, `unit`, `clause`.

    For groundwater and produce, of which Jingtu knows no limits.

    Args:
        text: The table. A limit is in its own unit; one row per analyte.
        standard: What the limits are cited as.

    Raises:
        LimitsNotUsableError: A column is missing, or a row is not understood.
    """
    found: dict[str, Limit] = {}
    reader = csv.DictReader(io.StringIO(text.removeprefix("\ufeff")))
    for needed in ("analyte", "limit", "unit", "clause"):
        if needed not in (reader.fieldnames or ()):
            raise LimitsNotUsableError(standard=standard, row=1, found=needed)
    for number, row in enumerate(reader, start=2):
        analyte, unit = analyte_of(row["analyte"] or ""), unit_of(row["unit"] or "")
        limit = intervals(pd.Series([row["limit"]])).iloc[0]
        if analyte is None or analyte in found:
            raise LimitsNotUsableError(standard=standard, row=number, found=row["analyte"])
        if unit is None:
            raise LimitsNotUsableError(standard=standard, row=number, found=row["unit"])
        if not limit["detected"]:
            raise LimitsNotUsableError(standard=standard, row=number, found=row["limit"])
        at_most = float(shifted(pd.Series([limit["high"]]), unit.ten).iloc[0])
        found[analyte] = Limit(analyte, "all", at_most, row["clause"])
    return laid_out(standard, found.values(), ())


def laid_out(
    standard: str, limits: Iterable[Limit], lands: Sequence[str], *, unknown: str | None = None
) -> Limits:
    """A standard from the rows of its tables.

    Args:
        standard: Its number.
        limits: Its rows; a row for "all" land or "other" land holds where no row names the land.
        lands: Keys of the land that it tells apart.
        unknown: Which of `lands` stands for land that is not known; None if none does.
    """
    rows = list(limits)
    analytes = tuple(dict.fromkeys(row.analyte for row in rows))
    shape = (len(analytes), len(lands) + 1, _RANGES)
    screening, control = np.full(shape, np.nan), np.full(shape, np.nan)
    clauses = np.full(shape, "", dtype=object), np.full(shape, "", dtype=object)
    background = np.zeros(shape[:2], dtype=np.bool_)
    for a, analyte in enumerate(analytes):
        of_it = [row for row in rows if row.analyte == analyte]
        for place, land in enumerate([*lands, unknown]):
            for ph in range(_RANGES):
                for is_control, values, named in (
                    (False, screening, clauses[0]),
                    (True, control, clauses[1]),
                ):
                    theirs = [row for row in of_it if row.is_control is is_control]
                    row = _holding(theirs, land, ph)
                    if row is not None:
                        values[a, place, ph] = row.at_most
                        named[a, place, ph] = row.clause
                        background[a, place] |= row.background and not is_control
    return Limits(standard, analytes, (*lands, ""), screening, control, clauses, background)


def _holding(rows: Sequence[Limit], land: str | None, ph: int) -> Limit | None:
    """The row that holds for land and range of pH; of rotating crops the stricter."""
    inside = [row for row in rows if _covers(row, ph)]
    if land == "rotation":
        both = [_holding(inside, one, ph) for one in choices()["rotation"]["of"]]
        return min((row for row in both if row), key=lambda row: row.at_most, default=None)
    for wanted in (land, "other" if land else None, "all"):
        for row in inside:
            if row.land == wanted:
                return row
    return None


def _covers(limit: Limit, ph: int) -> bool:
    if ph == _UNKNOWN_PH:
        return limit.above is None and limit.up_to is None
    low = -np.inf if limit.above is None else limit.above
    high = np.inf if limit.up_to is None else limit.up_to
    ends = (-np.inf, *PH_ENDS, np.inf)
    return low <= ends[ph] and ends[ph + 1] <= high


def judge(readings: pd.DataFrame, limits: Limits) -> pd.DataFrame:
    """What a standard says of each reading.

    Args:
        readings: Any index. `analyte` (keys), `low` and `high` in the unit of the limits;
            where they are known: `land` (keys of the standard), `ph`, and `background`, the
            highest natural content that is shown for the place.
        limits: The standard.

    Returns:
        On the same index: `verdict`; `why` (Why, "" where the verdict is final); `screening` and
        `control`, the limits that hold; `limit`, the one that decides, with its `clause`;
        `times`, the reading divided by that limit (missing where nothing was detected);
        `background_note`, True where the standard asks to look at the background.
    """
    place = _places(readings, limits)
    screening, control = (
        np.where(place.known, values[place.cell], np.nan)
        for values in (limits.screening, limits.control)
    )
    low, high = (readings[end].to_numpy(np.float64) for end in ("low", "high"))
    verdict, why = _verdicts(low, high, screening=screening, control=control)
    _say_why_missing(verdict, why, place)
    noted = place.known & limits.background[place.cell[:2]]
    natural = noted & (verdict == _RANK[Verdict.ABOVE_SCREENING])
    verdict[natural & (high <= _column(readings, "background"))] = _RANK[Verdict.AT_BACKGROUND]
    by_control = verdict == _RANK[Verdict.ABOVE_CONTROL]
    limit = np.where(by_control, control, screening)
    clause = np.where(by_control, limits.clauses[1][place.cell], limits.clauses[0][place.cell])
    columns = {
        "verdict": pd.Categorical.from_codes(verdict, list(_RANK), ordered=True),
        "why": pd.Categorical.from_codes(why, _WHYS),
        "screening": screening,
        "control": control,
        "limit": limit,
        "clause": np.where(np.isnan(limit), "", clause),
        "times": np.where((low > 0) & np.isfinite(high), high, np.nan) / limit,
        "background_note": noted & (verdict >= _RANK[Verdict.AT_BACKGROUND]) & (low > screening),
    }
    return pd.DataFrame(columns, index=readings.index)


_RANK: Final = {verdict.value: place for place, verdict in enumerate(Verdict)}
_WHYS: Final = ["", *(why.value for why in Why)]


@dataclass(frozen=True, slots=True, eq=False)
class _Places:
    """Positions of readings in the arrays of a standard.

    Attributes:
        cell: Of analyte, land and range of pH.
        known: Whether the standard has the analyte at all.
        without_ph: Whether the pH is not known.
    """

    cell: tuple[npt.NDArray[np.intp], npt.NDArray[np.intp], npt.NDArray[np.intp]]
    known: npt.NDArray[np.bool_]
    without_ph: npt.NDArray[np.bool_]


def _places(readings: pd.DataFrame, limits: Limits) -> _Places:
    analyte = pd.Index(limits.analytes).get_indexer(readings["analyte"])
    land = np.full(len(readings), len(limits.lands) - 1)
    if "land" in readings:
        stated = pd.Index(limits.lands[:-1], dtype=object).get_indexer(readings["land"])
        land = np.where(stated >= 0, stated, land)
    acidity = _column(readings, "ph")
    without = np.isnan(acidity)
    ph = np.where(without, _UNKNOWN_PH, np.searchsorted(PH_ENDS, acidity, side="left"))
    cell = (np.maximum(analyte, 0).astype(np.intp), land.astype(np.intp), ph.astype(np.intp))
    return _Places(cell, analyte >= 0, without)


def _column(readings: pd.DataFrame, name: str) -> npt.NDArray[np.float64]:
    if name not in readings:
        return np.full(len(readings), np.nan)
    found: npt.NDArray[np.float64] = readings[name].to_numpy(np.float64, na_value=np.nan)
    return found


def _verdicts(
    low: npt.NDArray[np.float64],
    high: npt.NDArray[np.float64],
    *,
    screening: npt.NDArray[np.float64],
    control: npt.NDArray[np.float64],
) -> tuple[npt.NDArray[np.int8], npt.NDArray[np.int8]]:
    """By the ends of the intervals alone; a comparison with NaN is False."""
    verdict = np.select(
        [low > control, np.isnan(screening), low > screening, high <= screening],
        [
            _RANK[Verdict.ABOVE_CONTROL],
            _RANK[Verdict.NO_LIMIT],
            _RANK[Verdict.ABOVE_SCREENING],
            _RANK[Verdict.WITHIN],
        ],
        _RANK[Verdict.NOT_JUDGED],
    ).astype(np.int8)
    open_ = verdict == _RANK[Verdict.NOT_JUDGED]
    why = np.select(
        [
            open_ & (np.isnan(low) | np.isnan(high)),
            open_,
            (verdict == _RANK[Verdict.ABOVE_SCREENING]) & (high > control),
        ],
        [_WHYS.index(one) for one in (Why.NO_READING, Why.DETECTION_LIMIT, Why.CONTROL_OPEN)],
        0,
    ).astype(np.int8)
    return verdict, why


def _say_why_missing(
    verdict: npt.NDArray[np.int8], why: npt.NDArray[np.int8], place: _Places
) -> None:
    """A limit that depends on what is not known is not the same as no limit."""
    open_ = place.known & (verdict == _RANK[Verdict.NO_LIMIT])
    verdict[open_] = _RANK[Verdict.NOT_JUDGED]
    without = place.without_ph[open_]
    why[open_] = np.where(without, _WHYS.index(Why.NO_PH), _WHYS.index(Why.NO_LAND))


def class_of_use(code: str) -> str:
    """Class of land of GB 36600 for a land-use code of GB 50137, such as A33 or M2.

    A use that is not known, or a code of another system, takes the values for unknown use.
    """
    use = choices()["use"]
    word = code.strip().upper()
    for land in BUILDING:
        if any(word.startswith(start) for start in use[land]):
            return land
    return str(use["unknown"])


def worst(judged: pd.DataFrame, by: str | list[str]) -> pd.DataFrame:
    """The worst verdict of the readings of each sample, point or parcel.

    What exceeds counts before what could not be judged, and that before what is within.

    Args:
        judged: As `judge` gives it, with the columns `by` and `analyte`.
        by: What to take together.

    Returns:
        Indexed by `by`: `verdict`; `analyte`, `times` and `clause` of the reading that decides,
        among equals the one furthest above its limit; `readings`, how many; `exceeding`, how
        many exceed; `not_judged`, how many could not be judged.
    """
    ranked = judged.assign(
        exceeding=judged["verdict"] >= Verdict.ABOVE_SCREENING.value,
        unjudged=judged["verdict"] == Verdict.NOT_JUDGED.value,
    )
    ordered = ranked.sort_values(["verdict", "times"], ascending=False, kind="stable")
    grouped = ordered.groupby(by, sort=True)
    # `head` keeps the reading that decides whole; `first` would fill its gaps from others.
    decides = grouped.head(1).set_index(by)[["verdict", "analyte", "times", "clause"]]
    counts = grouped.agg(
        readings=("verdict", "size"),
        exceeding=("exceeding", "sum"),
        not_judged=("unjudged", "sum"),
    )
    return decides.join(counts).sort_index()


def together(readings: pd.DataFrame, by: list[str], *, take: str | None = None) -> pd.DataFrame:
    """One reading for the duplicates and replicates of each sample and analyte.

    Args:
        readings: `low`, `high` and the columns `by`; what is measured of blanks is left out
            before.
        by: What makes readings those of one sample and analyte.
        take: "highest" or "mean"; as `choices` says when None.

    Returns:
        A row of each, the highest or else the first, with its interval, and `of`, how many
        readings it stands for.
    """
    how = take or choices()["duplicates"]["take"]
    grouped = readings.groupby(by, sort=False, dropna=False)
    ends = grouped[["low", "high"]].agg("max" if how == "highest" else "mean")
    # The highest stands for them, with what the laboratory wrote of it.
    ordered = readings.sort_values(["high", "low"], ascending=False, kind="stable")
    chosen = readings if how == "mean" else ordered
    first = chosen.drop_duplicates(by).sort_index().set_index(by)
    first[["low", "high"]] = ends
    first["of"] = grouped.size()
    return first.reset_index()[[*readings.columns, "of"]]
