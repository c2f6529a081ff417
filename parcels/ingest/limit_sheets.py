"""Sheets of a laboratory's workbook that give the detection limit of each analyte."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import pandas as pd

from parcels.analytes import keys_of, parted
from parcels.concentrations import intervals, shifted, unit_of
from parcels.errors import Refusal
from parcels.findings import Findings
from parcels.ingest import archives, lab_words, workbook
from parcels.ingest.bounds import limits
from parcels.ingest.containers import Item
from parcels.ingest.reading import read

_SUFFIXES: Final = frozenset({".xlsx", ".xlsm"})
_COLUMNS: Final = ("analyte", "detection_limit", "unit", "method")


@dataclass(frozen=True, slots=True, eq=False)
class Book:
    """A workbook with the sheet of samples chosen.

    Attributes:
        item: What is to be read.
        limits: One row per analyte: `analyte` (key), `detection_limit` (a number), `unit` (as
            written, None for that of the reading), `method`; empty where no sheet gives them.
    """

    item: Item
    limits: pd.DataFrame


def opened(item: Item, findings: Findings) -> Book:
    """Find the sheets that give detection limits, and the one that has the samples.

    A sheet of limits has a column of analytes and one of detection limits, and neither samples
    nor results. Where a sheet is asked for by name, that one alone is the list of samples.

    Args:
        item: The file.
        findings: Told of limits that are not understood, and of sheets that are not read.

    Raises:
        FileNotReadableError, FileNotSafeError, FileTooLargeError: The workbook may not be opened.
    """
    none = Book(item, pd.DataFrame(columns=list(_COLUMNS), dtype=object))
    if item.path.suffix.lower() not in _SUFFIXES:
        return none
    workbook.check_form(item.path)
    archives.check_workbook(item.path, limits())
    names = [name for name in workbook.sheet_names(item.path) if name != item.part]
    if len(names) + (item.part is not None) < 2:
        return none
    tables = {name: _table(item, name) for name in names}
    limiting = {name: cells for name, cells in tables.items() if _gives_limits(cells)}
    if not limiting:
        return none
    found = pd.concat([_limits(name, cells, findings) for name, cells in limiting.items()])
    main = item.part or _main({name: tables[name] for name in tables if name not in limiting})
    if main is None:
        return none
    for name, cells in tables.items():
        if name not in {main, *limiting} and len(cells):
            findings.add(
                "part_not_used", found=name, details={"part": name, "records": len(cells)}
            )
    chosen = replace(item, part=main, sheet=True)
    return Book(chosen, found.drop_duplicates("analyte").reset_index(drop=True))


def applied(rows: pd.DataFrame, given: pd.DataFrame) -> pd.DataFrame:
    """Readings with the detection limit, and method, of their analyte where they name none.

    Args:
        rows: `analyte` as written, `unit`, `detection_limit`, `method`.
        given: As `Book.limits`.

    Returns:
        The rows; a limit is in the unit of its reading. One of another basis is not applied.
    """
    if given.empty or rows.empty:
        return rows
    of_key = given.set_index("analyte")
    keys = keys_of(rows["analyte"])
    wanted = np.flatnonzero((keys.isin(of_key.index) & rows["detection_limit"].isna()).to_numpy())
    own = rows["detection_limit"].astype(object).copy()
    for place in wanted:
        row = of_key.loc[keys.iloc[place]]
        own.iloc[place] = _in_unit(row["detection_limit"], row["unit"], rows["unit"].iloc[place])
    method = rows["method"].fillna(keys.map(of_key["method"]).astype(object))
    return rows.assign(detection_limit=own, method=method)


def _in_unit(limit: float, written: object, wanted: object) -> float | None:
    """A limit in the unit of a reading; None where the two measure another thing."""
    if not isinstance(written, str) or not isinstance(wanted, str) or written == wanted:
        return limit
    one, other = unit_of(written), unit_of(wanted)
    if one is None or other is None or one.basis != other.basis:
        return None
    return float(shifted(pd.Series([limit]), one.ten - other.ten).iloc[0])


def _table(item: Item, name: str) -> pd.DataFrame:
    unheard = Findings("", "")
    sheet = replace(item, part=name, sheet=True, notes=())
    try:
        arrived = read(sheet, findings=unheard, known=lab_words.headings(), surfaces=False)
    except Refusal:
        return pd.DataFrame()
    return lab_words.cells(arrived.frame)


def _gives_limits(cells: pd.DataFrame) -> bool:
    named = set(lab_words.named(cells.columns))
    return {"analyte", "detection_limit"} <= named and not {"number", "written"} & named


def _main(tables: dict[str, pd.DataFrame]) -> str | None:
    """The sheet with the most known headings; the first of several."""
    filled = {name: cells for name, cells in tables.items() if len(cells)}
    return max(filled, key=lambda name: len(lab_words.named(filled[name].columns)), default=None)


def _limits(name: str, cells: pd.DataFrame, findings: Findings) -> pd.DataFrame:
    named = lab_words.named(cells.columns)
    column = named["detection_limit"]
    written = cells[column]
    bound = intervals(written)["high"].replace(math.inf, np.nan)
    headed = parted(str(column))[1] or None
    unit = cells[named["unit"]] if "unit" in named else pd.Series(None, cells.index, dtype=object)
    for analyte, found in zip(
        cells[named["analyte"]][written.notna() & bound.isna()],
        written[written.notna() & bound.isna()],
        strict=True,
    ):
        findings.add(
            "value_not_understood",
            field=f"{name} / {column}",
            found=f"{analyte} {found}",
            details=lab_words.expected("written"),
        )
    table = pd.DataFrame(
        {
            "analyte": keys_of(cells[named["analyte"]]),
            "detection_limit": bound,
            "unit": unit.where(unit.notna(), headed),
            "method": cells[named["method"]] if "method" in named else None,
        }
    )
    return table[table["analyte"].notna() & bound.notna()]
