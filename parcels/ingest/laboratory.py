"""Workbooks of laboratories: a row for each reading, or a column for each analyte."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import numpy as np
import pandas as pd

from parcels import words
from parcels.analytes import analyte_of, keys_of, parted, table
from parcels.concentrations import in_unit_of_limits, intervals
from parcels.findings import Findings
from parcels.ingest.containers import Item
from parcels.ingest.dates import days
from parcels.ingest.headings import heading_forms
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
        findings: Everything found; nothing of a file with an error may be stored.
    """

    source: SourceFile
    samples: pd.DataFrame
    readings: pd.DataFrame
    findings: Findings


@cache
def vocabulary() -> Mapping[str, Any]:
    """How laboratories head columns and what they write in them."""
    text = files("parcels").joinpath("reference", "samples.toml").read_text(encoding="utf-8")
    return MappingProxyType(tomllib.loads(text))


@cache
def _fields() -> Mapping[str, str]:
    """The field, or "ignored", by plain form of a heading."""
    return MappingProxyType(
        {
            words.plain(name): key
            for key, names in vocabulary()["fields"].items()
            for name in (key, *names)
        }
    )


@cache
def _headings() -> frozenset[str]:
    names = [
        name
        for row in table("analytes.csv")
        for name in (row["zh"], row["en"], row["cas"], *row["names"].split("|"))
    ]
    return words.plain_set(names) | frozenset(_fields())


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
    arrived = read(sent, findings=findings, known=_headings(), part=part, surfaces=False)
    whole = pd.DataFrame(arrived.frame.drop(columns="geometry"))
    cells = whole.astype("str").astype(object)
    cells = cells.where(whole.notna() & ~cells.map(_is_blank), None)
    cells = cells[cells.notna().any(axis=1)]
    if cells.empty:
        findings.add("file_empty")
    named = _named(cells)
    rows = _long(cells, named) if _is_long(named) else _wide(cells, named, findings)
    rows = _with_said(rows, said)
    if not _complete(rows, findings):
        none = pd.DataFrame()
        return LabReport(arrived.source, none, none, findings)
    samples = _samples(rows, findings)
    readings = _readings(rows, findings)
    return LabReport(arrived.source, samples, readings, findings)


def _is_blank(cell: Any) -> bool:
    return words.plain(str(cell)) in words.blanks()


def _named(cells: pd.DataFrame) -> dict[str, str]:
    """The column of each field that the list has."""
    found: dict[str, str] = {}
    for column in cells.columns:
        for form in heading_forms(str(column)):
            field = _fields().get(form)
            if field is not None:
                found.setdefault(field, str(column))
                break
    return found


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


def _wide(cells: pd.DataFrame, named: Mapping[str, str], findings: Findings) -> pd.DataFrame:
    """A column for each analyte becomes a row for each reading."""
    columns = [c for c in cells.columns if c not in named.values() and analyte_of(str(c))]
    _report_unused(cells, {*named.values(), *columns}, findings)
    units, limits = (_marked(cells, key) for key in ("unit", "detection_limit"))
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
    marks = words.plain_set(vocabulary()["rows"][key])
    top = cells.head(_MARKED_ROWS)
    is_marked = top.map(lambda cell: cell is not None and words.plain(cell) in marks).any(axis=1)
    return top[is_marked]


def _first(column: pd.Series) -> str | None:
    known = column.dropna()
    return None if known.empty else str(known.iloc[0])


def _report_unused(cells: pd.DataFrame, used: set[str], findings: Findings) -> None:
    ignored = words.plain_set(vocabulary()["fields"]["ignored"])
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
    fields = vocabulary()["fields"]
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
        findings.add("value_missing", rows=blank["row"], field=_called(field))
    for field in vocabulary()["choices"]:
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
            field=_called(field),
            found=wrong[field],
        )
    samples = by_sample[[*OF_SAMPLE[1:], _PH, "row"]].first().reset_index()
    return samples[[*OF_SAMPLE, _PH, "row"]]


def _called(field: str) -> str:
    """How people call a field: the first of its names."""
    return str(vocabulary()["fields"].get(field, [field])[0])


def _chosen(rows: pd.DataFrame, field: str, findings: Findings) -> pd.Series:
    choices = vocabulary()["choices"][field]
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
        field=_called(field),
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
            field=_called("sampled_on"),
            found=those["sampled_on"],
            details=_expected("sampled_on"),
        )
    return found.days.dt.strftime("%Y-%m-%d").astype(object)


def _expected(key: str) -> dict[str, str]:
    return words.in_both(vocabulary()["expected"], key, "expected")


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
        details=_expected(_PH),
    )
    return found.reindex(rows.index)


def _readings(rows: pd.DataFrame, findings: Findings) -> pd.DataFrame:
    """What was measured, in the unit of the limits."""
    keys = keys_of(rows["analyte"])
    rows = rows.assign(key=keys)[(keys != _PH) & rows["written"].notna()]
    nameless = rows[rows["analyte"].isna()]
    findings.add("value_missing", rows=nameless["row"], field=_called("analyte"))
    unknown = rows[rows["key"].isna() & rows["analyte"].notna()].drop_duplicates("analyte")
    findings.add(
        "analyte_not_known",
        rows=unknown["row"],
        field=_called("analyte"),
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
        field=_called("detection_limit"),
        found=open_["analyte"],
    )
    again = rows[rows.duplicated(["number", "analyte"])]
    findings.add(
        "reading_repeated",
        rows=again["row"],
        numbers=again["number"],
        field=_called("analyte"),
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
        field=_called(field),
        found=wrong["analyte"].fillna("") + " " + wrong[field].fillna("").astype("str"),
        details=[{**_expected(field), "column": column} for column in of[wrong.index]],
    )
