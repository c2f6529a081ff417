"""What was found in a delivery, said to people: on the screen, in a workbook, as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import pandas as pd
from rich.text import Text

from maps import tables, text
from maps.tables import Heading
from parcels.errors import FormatNotOfferedError
from parcels.exchange import workbook
from parcels.findings import Severity
from parcels.model import Layer

SHOWN: Final = 5
"""Findings of one code that the screen shows; the others are counted."""

_COLOURS: Final = {Severity.ERROR: "bold red", Severity.WARNING: "yellow", Severity.INFO: "cyan"}
_LISTED: Final = (
    "severity",
    "row",
    "number",
    "field",
    "found",
    "what",
    "mend",
    "lon",
    "lat",
    "code",
    "file",
    "layer",
)


def sentences(found: pd.DataFrame, *, layer: Layer, lang: str) -> pd.DataFrame:
    """What each finding says and how to mend it, in "zh" or "en".

    Args:
        found: A report, as `Findings.frame` gives it.
        layer: The layer the delivery is for; its fields are named by their labels.
        lang: "zh" or "en".

    Returns:
        Columns "what" and "mend" on the same index.
    """
    parts = [_spoken(str(code), part, layer, lang) for code, part in found.groupby("code")]
    if not parts:
        return pd.DataFrame({"what": [], "mend": []}, index=found.index, dtype="str")
    return pd.concat(parts).reindex(found.index)


def summary(found: pd.DataFrame) -> pd.DataFrame:
    """Findings and rows concerned by severity and code, the worst and the most frequent first.

    Returns:
        Columns severity, code, count, rows.
    """
    groups = found.groupby(["severity", "code"], as_index=False)
    counted = groups.agg(count=("code", "size"), rows=("row", "nunique"))
    rank = counted["severity"].map({one.value: place for place, one in enumerate(Severity)})
    ordered = counted.assign(rank=rank).sort_values(["rank", "count"], ascending=[True, False])
    return ordered.drop(columns="rank").reset_index(drop=True)


def counts(found: pd.DataFrame) -> dict[str, int]:
    """Number of findings of each severity."""
    return {one.value: int((found["severity"] == one.value).sum()) for one in Severity}


def reasons(found: pd.DataFrame, *, layer: Layer, lang: str) -> dict[int, str]:
    """Why each row was kept out: its errors, said one after the other, by row number."""
    errors = found[(found["severity"] == Severity.ERROR.value) & found["row"].notna()]
    said = sentences(errors, layer=layer, lang=lang)["what"]
    rows: dict[int, str] = {}
    for row, what in zip(errors["row"].astype(int), said, strict=True):
        first = rows.get(row)
        rows[row] = f"{first} {what}" if first else what
    return rows


def show(found: pd.DataFrame, *, layer: Layer, lang: str, limit: int = SHOWN) -> None:
    """Print a report, the worst first: per code its count, the first rows, and how to mend them.

    Args:
        found: A report, as `Findings.frame` gives it.
        layer: The layer the delivery is for.
        lang: "zh" or "en".
        limit: Findings of one code that are printed.
    """
    console = tables.screen()
    if found.empty:
        console.print(Text(text.say("report.none", lang)))
        return
    for line in _lines(found, layer=layer, lang=lang, limit=limit):
        console.print(line, soft_wrap=True)
    console.print(Text(text.say("report.counted", lang, all=len(found), **counts(found))))


def write(found: pd.DataFrame, path: Path, *, layer: Layer, lang: str) -> None:
    """Write a report to an .xlsx or .json file.

    The workbook has a summary and every finding with its sentences. The JSON has the shape of
    `maps.tables`, with the findings as they are, their sentences, and `meta.counts`.

    Raises:
        FormatNotOfferedError: The name ends in something else.
        OutputNotWritableError: The file cannot be written.
    """
    kind = path.suffix.lower()
    if kind == ".xlsx":
        _write_workbook(found, path, layer=layer, lang=lang)
    elif kind == ".json":
        _write_json(found, path, layer=layer, lang=lang)
    else:
        raise FormatNotOfferedError(format=kind or path.name, offered=[".xlsx", ".json"])


def _spoken(code: str, found: pd.DataFrame, layer: Layer, lang: str) -> pd.DataFrame:
    """The sentences of the findings of one code; alike findings are said once and repeated."""
    keys = {part: f"findings.{code}.{part}" for part in ("what", "mend")}
    used = sorted(text.fields(keys["what"], lang) | text.fields(keys["mend"], lang))
    speak = {part: text.sayer(key, lang) for part, key in keys.items()}
    details = {one: json.loads(one) for one in found["details"].unique()}
    plain = [name for name in used if name in found.columns]
    said: dict[tuple[Any, ...], tuple[str, str]] = {}
    rows = []
    columns = [_given(found, name, layer, lang) for name in plain]
    for held, *given in zip(found["details"], *columns, strict=True):
        alike = (held, *given)
        if alike not in said:
            fields = dict.fromkeys(used) | details[held] | dict(zip(plain, given, strict=True))
            said[alike] = (speak["what"](fields), speak["mend"](fields))
        rows.append(said[alike])
    return pd.DataFrame(rows, columns=["what", "mend"], index=found.index, dtype="str")


def _given(found: pd.DataFrame, name: str, layer: Layer, lang: str) -> list[Any]:
    if name == "layer":
        return [layer.label.in_(lang)] * len(found)
    held = _field_labels(found, layer, lang) if name == "field" else found[name]
    known = held.astype(object)
    return list(known.where(known.notna(), None).tolist())


def _field_labels(found: pd.DataFrame, layer: Layer, lang: str) -> pd.Series:
    labels = {one.key: one.label.in_(lang) for one in layer.fields}
    return found["field"].map(lambda key: labels.get(key, key), na_action="ignore")


def _lines(found: pd.DataFrame, *, layer: Layer, lang: str, limit: int) -> Iterator[Text]:
    several = len(found["file"].unique()) > 1
    for group in summary(found).itertuples():
        severity = Severity(group.severity)
        head = text.say(
            "report.group",
            lang,
            severity=text.say(f"report.severity.{severity}", lang),
            code=group.code,
            count=group.count,
        )
        yield Text(head, style=_COLOURS[severity])
        alike = found[(found["code"] == group.code) & (found["severity"] == group.severity)]
        shown = alike.head(limit)
        said = sentences(shown, layer=layer, lang=lang)
        for one, what in zip(shown.itertuples(), said["what"], strict=True):
            yield Text(f"  {_place(one, lang, several=several)}{what}")
        if len(alike) > limit:
            yield Text("  " + text.say("report.more", lang, count=len(alike) - limit), "dim")
        for mend in dict.fromkeys(said["mend"]):
            yield Text("  " + text.say("report.mend", lang, mend=mend), "italic")


def _place(one: Any, lang: str, *, several: bool) -> str:
    """Which file, row and parcel, as far as the finding concerns one."""
    parts = [text.plain(one.file)] if several and one.file else []
    if not pd.isna(one.row):
        parts.append(text.say("report.row", lang, row=int(one.row)))
    if not pd.isna(one.number):
        parts.append(text.plain(one.number))
    return "  ".join([*parts, ""])


def _headings(keys: Sequence[str], lang: str) -> dict[str, Heading]:
    return tables.headings("report.columns", lang, keys)


def _write_workbook(found: pd.DataFrame, path: Path, *, layer: Layer, lang: str) -> None:
    severities = text.words("report.severity", lang)
    said = sentences(found, layer=layer, lang=lang)
    listed = found.assign(
        severity=found["severity"].map(severities),
        field=_field_labels(found, layer, lang),
        layer=layer.label.in_(lang),
        what=said["what"],
        mend=said["mend"],
    )[list(_LISTED)]
    counted = summary(found)
    counted["severity"] = counted["severity"].map(severities)
    columns = {key: one.label for key, one in _headings((*_LISTED, "count", "rows"), lang).items()}
    workbook.write_sheets(
        path,
        {
            text.say("report.sheets.summary", lang): counted,
            text.say("report.sheets.findings", lang): listed,
        },
        headings=columns,
        formats={"lon": "0.000000", "lat": "0.000000"},
    )


def _write_json(found: pd.DataFrame, path: Path, *, layer: Layer, lang: str) -> None:
    said = sentences(found, layer=layer, lang=lang)
    details = [json.loads(one) for one in found["details"]]
    whole = found.assign(
        details=pd.Series(details, index=found.index, dtype=object),
        what=said["what"],
        mend=said["mend"],
    )
    tables.show(
        whole,
        headings=_headings((*_LISTED, "details"), lang),
        format=tables.Format.JSON,
        out=path,
        lang=lang,
        meta={"layer": layer.key, "counts": counts(found)},
    )
