"""Workbooks of laboratories: a row for each reading, or a column for each analyte."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd

from parcels import words
from parcels.analytes import analyte_of, keys_of, parted
from parcels.concentrations import in_unit_of_limits, intervals
from parcels.findings import Findings
from parcels.ingest import containers, lab_words, limit_sheets
from parcels.ingest.arrived import Arrived
from parcels.ingest.containers import Item
from parcels.ingest.dates import days
from parcels.ingest.reading import read
from parcels.model import SourceFile

OF_SAMPLE: Final = (
    "number", "point", "medium", "kind", "depth", "sampled_on", "lab", "land", "report",
)  # fmt: skip
"""What is said of a sample as a whole; a list may say it in each row."""

REQUIRED: Final = ("number", "point", "medium", "sampled_on")
_OF_READING: Final = ("analyte", "written", "unit", "detection_limit", "method")
_MARKED_ROWS: Final = 10
_PH: Final = "ph"


@dataclass(frozen=True, slots=True)
class LabReport:
    """What a workbook of a laboratory says.

    Attributes:
        source: The file.
        samples: One row per sample: OF_SAMPLE, `ph` and `row`, its first row in the file.
        readings: `number` of the sample, `analyte` (key, missing where none is called so),
            `name`, `written`, `unit`, `low`, `high`, `detection_limit`, `method`, `row`. The ends
            and the detection limit are in the unit of the limits.
        findings: Everything found; nothing of a sample with an error may be stored.
        arrived: The list as it came, every row and column, for the rejects.
        origin: `row` and `number` of the sample of each row that says something of one.
        marked: Rows that give units or detection limits for the rows below them.
    """

    samples: pd.DataFrame
    readings: pd.DataFrame
    findings: Findings
    arrived: Arrived
    origin: pd.DataFrame
    marked: tuple[int, ...] = ()

    @property
    def source(self) -> SourceFile:
        """The file: name, SHA-256, size."""
        return self.arrived.source


def receive_samples(
    sent: Path | Item, findings: Findings, *, said: Mapping[str, str], part: str | None = None
) -> LabReport:
    """Read and check a workbook or text list of a laboratory; nothing is stored.

    Args:
        sent: The file.
        findings: Takes what is wrong.
        said: What the sender says of every sample that does not say it itself, by field.
        part: Sheet to read.

    Raises:
        FileNotReadableError, FormatNotKnownError: The file cannot be read.
        FileNotSafeError, FileTooLargeError: Reading it would harm this machine.
    """
    if isinstance(sent, Path):
        with containers.only(sent, part=part) as item:
            return receive_samples(item, findings, said=said)
    book = limit_sheets.opened(sent, findings)
    arrived = read(book.item, findings=findings, known=lab_words.headings(), surfaces=False)
    cells = lab_words.cells(arrived.frame)
    if cells.empty:
        findings.add("file_empty")
    named = lab_words.named(cells.columns)
    marked: tuple[int, ...] = ()
    if _is_long(named):
        rows = _long(cells, named)
    else:
        units, limits = (_marked(cells, key) for key in ("unit", "detection_limit"))
        marked = tuple(sorted({*units.index.tolist(), *limits.index.tolist()}))
        rows = _wide(cells, named, findings, units=units, limits=limits)
    rows = limit_sheets.applied(_with_said(rows, said), book.limits)
    origin = rows[["row", "number"]].drop_duplicates()
    _report_silent(cells, rows, named, marked, findings)
    if not _complete(rows, findings):
        none = pd.DataFrame()
        return LabReport(none, none, findings, arrived, origin, marked)
    samples = _samples(rows, findings)
    readings = _readings(rows, findings)
    return LabReport(samples, readings, findings, arrived, origin, marked)


def _report_silent(
    cells: pd.DataFrame,
    rows: pd.DataFrame,
    named: Mapping[str, str],
    marked: tuple[int, ...],
    findings: Findings,
) -> None:
    """Tell of rows in which nothing was measured: nothing of them is kept."""
    told = rows.loc[rows["written"].notna(), "row"]
    silent = cells.index[~cells.index.isin([*told, *marked])]
    numbers = cells.loc[silent, named["number"]] if "number" in named else None
    findings.add("sample_without_reading", rows=silent.to_numpy("int64"), numbers=numbers)


def _is_long(named: Mapping[str, str]) -> bool:
    return {"analyte", "written"} <= set(named)


def _long(cells: pd.DataFrame, named: Mapping[str, str]) -> pd.DataFrame:
    """A row for each reading already."""
    rows = pd.DataFrame({field: cells[column] for field, column in named.items()})
    unit = pd.Series([parted(str(named["written"]))[1] or None], dtype=object).repeat(len(rows))
    unit.index = rows.index
    rows["unit"] = rows["unit"].fillna(unit) if "unit" in rows else unit
    rows["column"] = named["written"]
    return rows.assign(row=rows.index).reset_index(drop=True)


def _wide(
    cells: pd.DataFrame,
    named: Mapping[str, str],
    findings: Findings,
    *,
    units: pd.DataFrame,
    limits: pd.DataFrame,
) -> pd.DataFrame:
    """A column for each analyte becomes a row for each reading."""
    columns = [c for c in cells.columns if c not in named.values() and analyte_of(str(c))]
    _report_unused(cells, {*named.values(), *columns}, findings)
    body = cells.drop(index=[*units.index, *limits.index])
    parts = []
    for column in columns:
        name, unit = parted(str(column))
        part = pd.DataFrame({field: body[named[field]] for field in named})
        part["analyte"], part["written"], part["column"] = name, body[column], str(column)
        part["unit"] = (
            unit
            or _first(units[column])
            or _first(body[named["unit"]] if "unit" in named else units[column])
        )
        own = _first(limits[column])
        if own is not None or "detection_limit" not in part:
            part["detection_limit"] = own
        parts.append(part.assign(row=body.index)[body[column].notna()])
    fields = [*named, "analyte", "written", "unit", "detection_limit", "column", "row"]
    if not parts:
        return pd.DataFrame(columns=list(dict.fromkeys(fields)), dtype=object)
    whole = pd.concat(parts, ignore_index=True)
    return whole.sort_values("row", kind="stable", ignore_index=True)


def _marked(cells: pd.DataFrame, key: str) -> pd.DataFrame:
    """The row below the headings that gives the unit, or the detection limit, of each column."""
    marks = words.plain_set(lab_words.vocabulary()["rows"][key])
    top = cells.head(_MARKED_ROWS)
    is_marked = top.map(lambda cell: cell is not None and words.plain(cell) in marks).any(axis=1)
    return top[is_marked]


def _first(column: pd.Series) -> str | None:
    known = column.dropna()
    return None if known.empty else str(known.iloc[0])


def _report_unused(cells: pd.DataFrame, used: set[str], findings: Findings) -> None:
    ignored = words.plain_set(lab_words.vocabulary()["fields"]["ignored"])
    # The column of reasons in rejects that come back.
    ignored |= words.plain_set([words.formats()["report"]["reason"]])
    for column in cells.columns:
        if column not in used and words.plain(str(column)) not in ignored:
            findings.add("lab_column_not_used", field=str(column))


def _with_said(rows: pd.DataFrame, said: Mapping[str, str]) -> pd.DataFrame:
    for field in (*OF_SAMPLE, *_OF_READING):
        if field not in rows:
            rows[field] = None
    stated = {field: rows[field].fillna(word) for field, word in said.items() if word}
    return rows.assign(**stated)


def _complete(rows: pd.DataFrame, findings: Findings) -> bool:
    """Report fields that the whole list leaves out; whether it has all."""
    fields = lab_words.vocabulary()["fields"]
    missing = [field for field in REQUIRED if rows[field].isna().all()]
    if rows["analyte"].isna().all():
        missing.append("analyte")
    for field in missing:
        details = {"names": fields[field]}
        findings.add("lab_column_missing", field=fields[field][0], details=details)
    return not missing


def _samples(rows: pd.DataFrame, findings: Findings) -> pd.DataFrame:
    """One row per sample, from the rows of its readings."""
    for field in REQUIRED:
        blank = rows[rows[field].isna()].drop_duplicates("row")
        findings.add("value_missing", rows=blank["row"], field=lab_words.called(field))
    for field in lab_words.vocabulary()["choices"]:
        rows[field] = _chosen(rows, field, findings)
    rows["kind"] = rows["kind"].fillna("normal")
    rows["sampled_on"] = _days(rows, findings)
    rows["ph"] = _acidity(rows, findings)
    known = rows[rows["number"].notna()]
    by_sample = known.groupby("number", sort=False)
    for field in (*OF_SAMPLE[1:], _PH):
        first = by_sample[field].transform("first")
        wrong = known[known[field].notna() & (known[field] != first)].drop_duplicates("row")
        findings.add(
            "sample_contradicts",
            rows=wrong["row"],
            numbers=wrong["number"],
            field=lab_words.called(field),
            found=wrong[field],
        )
    samples = by_sample[[*OF_SAMPLE[1:], _PH, "row"]].first().reset_index()
    return samples[[*OF_SAMPLE, _PH, "row"]]


def _chosen(rows: pd.DataFrame, field: str, findings: Findings) -> pd.Series:
    choices = lab_words.vocabulary()["choices"][field]
    keys = {words.plain(name): key for key, names in choices.items() for name in (key, *names)}
    found = rows[field].map(lambda cell: keys.get(words.plain(cell)), na_action="ignore")
    wrong = rows[rows[field].notna() & found.isna()].drop_duplicates(["row", field])
    allowed = {
        f"allowed_{lang}": [names[place] for names in choices.values()]
        for lang, place in (("zh", 0), ("en", -1))
    }
    findings.add(
        "value_not_in_list",
        rows=wrong["row"],
        numbers=wrong["number"],
        field=lab_words.called(field),
        found=wrong[field],
        details=allowed,
    )
    return found.astype(object)


def _days(rows: pd.DataFrame, findings: Findings) -> pd.Series:
    found = days(rows["sampled_on"].astype("str").where(rows["sampled_on"].notna()))
    said = rows["sampled_on"].notna()
    for code, wrong in (
        ("date_doubtful", said & found.doubtful),
        ("value_not_understood", said & found.days.isna() & ~found.doubtful),
    ):
        those = rows[wrong].drop_duplicates("row")
        findings.add(
            code,
            rows=those["row"],
            numbers=those["number"],
            field=lab_words.called("sampled_on"),
            found=those["sampled_on"],
            details=lab_words.expected("sampled_on"),
        )
    return found.days.dt.strftime("%Y-%m-%d").astype(object)


def _acidity(rows: pd.DataFrame, findings: Findings) -> pd.Series:
    """The pH of each row that gives one; missing in all others."""
    those = rows[keys_of(rows["analyte"]) == _PH]
    found = pd.to_numeric(those["written"], errors="coerce")
    wrong = those[~found.between(0, 14).to_numpy(bool)]
    findings.add(
        "value_not_understood",
        rows=wrong["row"],
        numbers=wrong["number"],
        field=_PH,
        found=wrong["written"],
        details=lab_words.expected(_PH),
    )
    return found.reindex(rows.index)


def _readings(rows: pd.DataFrame, findings: Findings) -> pd.DataFrame:
    """What was measured, in the unit of the limits."""
    keys = keys_of(rows["analyte"])
    rows = rows.assign(key=keys)[(keys != _PH) & rows["written"].notna()]
    nameless = rows[rows["analyte"].isna()]
    findings.add("value_missing", rows=nameless["row"], field=lab_words.called("analyte"))
    unknown = rows[rows["key"].isna() & rows["analyte"].notna()].drop_duplicates("analyte")
    findings.add(
        "analyte_not_known",
        rows=unknown["row"],
        field=lab_words.called("analyte"),
        found=unknown["analyte"],
    )
    bound = intervals(rows["detection_limit"])["high"].replace(math.inf, np.nan)
    ends = intervals(rows["written"], bound)
    _report(rows[~ends["understood"]], "written", findings, of=rows["column"])
    converted = in_unit_of_limits(
        rows[["unit"]].assign(analyte=rows["key"], low=ends["low"], high=ends["high"])
    )
    of_water = rows["medium"] == "groundwater"
    fits = converted["unit_fits"] & ((converted["basis"] == "water") == of_water)
    _report(rows[~fits], "unit", findings, of=rows["column"])
    limit = in_unit_of_limits(rows[["unit"]].assign(analyte=rows["key"], low=bound, high=bound))
    open_ = rows[ends["understood"] & ~ends["detected"] & np.isinf(ends["high"])]
    findings.add(
        "detection_limit_missing",
        rows=open_["row"],
        numbers=open_["number"],
        field=lab_words.called("detection_limit"),
        found=open_["analyte"],
    )
    again = rows[rows.duplicated(["number", "analyte"])]
    findings.add(
        "reading_repeated",
        rows=again["row"],
        numbers=again["number"],
        field=lab_words.called("analyte"),
        found=again["analyte"],
    )
    found = rows.assign(
        low=converted["low"], high=converted["high"], detection_limit=limit["high"]
    )
    kept = ["number", "key", "analyte", "written", "unit", "low", "high", "detection_limit"]
    renamed = found[[*kept, "method", "row"]].rename(columns={"analyte": "name"})
    return renamed.rename(columns={"key": "analyte"}).reset_index(drop=True)


def _report(wrong: pd.DataFrame, field: str, findings: Findings, *, of: pd.Series) -> None:
    """Report what is not understood, under the column it stands in."""
    findings.add(
        "value_not_understood",
        rows=wrong["row"],
        numbers=wrong["number"],
        field=lab_words.called(field),
        found=wrong["analyte"].fillna("") + " " + wrong[field].fillna("").astype("str"),
        details=[{**lab_words.expected(field), "column": column} for column in of[wrong.index]],
    )
