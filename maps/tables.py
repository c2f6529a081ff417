"""A frame as people and programs take it: on the screen, or as JSON, CSV, XLSX or GeoJSON.

The JSON is one object: `columns` is a list of {key, label, unit}, `rows` a list of objects by key,
and `meta` an object of whatever the command adds. What is not known is null, dates are ISO 8601,
numbers are not rounded. What each command answers is kept in
`maps/reference/answers.schema.json`. GeoJSON is a FeatureCollection with the same `columns` and
`meta`.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
import math
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from maps import text
from parcels import crs
from parcels.errors import FormatNotOfferedError, OutputFileNeededError
from parcels.exchange import workbook
from parcels.exchange.output import placed


class Format(StrEnum):
    """The forms of output."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"
    XLSX = "xlsx"
    GEOJSON = "geojson"


@dataclass(frozen=True, slots=True)
class Heading:
    """What stands over a column.

    Attributes:
        label: The word for people.
        unit: Unit of the numbers below, e.g. "m2"; its name is in words.units.
        decimals: Digits after the point on the screen and in XLSX; None shows numbers as they
            are. JSON and CSV are never rounded.
        share: The numbers are shares from 0 to 1, shown as percentages.
    """

    label: str
    unit: str | None = None
    decimals: int | None = None
    share: bool = False


@dataclass(frozen=True, slots=True)
class Sheet:
    """A frame with its headings, ready to be shown.

    Attributes:
        frame: Only the columns that are shown, in their order; the geometry, if any, besides.
        headings: One for each shown column.
        lang: "zh" or "en".
        title: Stands over a table and names the sheet of a workbook.
        notes: Sentences below a table, on a sheet of their own, or in `meta`.
        meta: What else the JSON tells.
    """

    frame: pd.DataFrame
    headings: Mapping[str, Heading]
    lang: str
    title: str
    notes: tuple[str, ...]
    meta: Mapping[str, Any]


Cell = str | int | float | bool | None


def headings(
    topic: str, lang: str, keys: Sequence[str], **numbers: Mapping[str, Any]
) -> dict[str, Heading]:
    """The headings of these columns, their labels from the sentences `topic.key`.

    Args:
        topic: Where the labels are, e.g. "coverage.columns".
        lang: "zh" or "en".
        keys: Columns in the order they are shown.
        **numbers: For a column of numbers, the other attributes of its Heading.
    """
    return {key: Heading(text.say(f"{topic}.{key}", lang), **numbers.get(key, {})) for key in keys}


def show(  # noqa: PLR0913 - one argument per choice of the command line
    frame: pd.DataFrame,
    *,
    headings: Mapping[str, Heading | str],
    format: str = Format.TABLE,  # noqa: A002 - the word of the command line
    out: Path | None = None,
    lang: str = "zh",
    title: str = "",
    notes: Sequence[str] = (),
    meta: Mapping[str, Any] | None = None,
) -> None:
    """Print a frame, or write it to a file, in the form asked for.

    Args:
        frame: The rows; a column without a heading is not shown. A GeoDataFrame in any CRS can
            be given as GeoJSON.
        headings: Columns in the order they are shown, by name; a word or a Heading.
        format: A Format.
        out: File to write; None for the screen. A CSV file begins with a byte-order mark, so
            that Excel reads its Chinese; on the screen it does not.
        lang: "zh" or "en".
        title: Stands over a table and names the sheet of a workbook.
        notes: Sentences below a table: the denominator, what is not known.
        meta: What else the JSON tells; `title` and `notes` are added.

    Raises:
        KeyError: There is no such column.
        FormatNotOfferedError: GeoJSON of a frame without boundaries, or an unknown form.
        OutputFileNeededError: XLSX without `out`.
        OutputNotWritableError: The file cannot be written.
    """
    heads = {key: h if isinstance(h, Heading) else Heading(h) for key, h in headings.items()}
    said = {"title": title, "notes": list(notes)} if title or notes else {}
    sheet = Sheet(frame, heads, lang, title, tuple(notes), said | dict(meta or {}))
    form = _offered(format, frame)
    if form is Format.XLSX:
        _write_workbook(sheet, out)
    elif form is Format.TABLE:
        _show_table(sheet, out)
    elif form is Format.CSV:
        _give(_csv(sheet), out, encoding="utf-8-sig" if out else "utf-8")
    else:
        _give(_json(sheet) if form is Format.JSON else _geojson(sheet), out)


def screen(*, error: bool = False) -> Console:
    """The terminal; where the output is not one, as wide as its longest line.

    Args:
        error: The stream of errors instead of that of output.
    """
    stream = sys.stderr if error else sys.stdout
    width = None if stream.isatty() else 10_000
    return Console(file=stream, width=width, highlight=False, markup=False, emoji=False)


def table(
    frame: pd.DataFrame, headings: Mapping[str, Heading], *, lang: str, title: str = ""
) -> Table:
    """A frame as a table for the terminal: numbers to the right, what is unknown said so."""
    drawn = Table(title=Text(title) if title else None, title_justify="left", box=box.SIMPLE)
    columns = []
    for key, heading in headings.items():
        number = _is_number(frame[key])
        justify: Any = "right" if number else "left"
        drawn.add_column(
            Text(_over(heading, lang)), justify=justify, no_wrap=number, overflow="fold"
        )
        columns.append([Text(one) for one in _shown(frame[key], heading, lang)])
    for row in zip(*columns, strict=True):
        drawn.add_row(*row)
    return drawn


def _offered(form: str, frame: pd.DataFrame) -> Format:
    bounded = isinstance(frame, gpd.GeoDataFrame) and frame.active_geometry_name is not None
    offered = [one for one in Format if bounded or one is not Format.GEOJSON]
    if form not in offered:
        raise FormatNotOfferedError(format=str(form), offered=[str(one) for one in offered])
    return Format(form)


def _show_table(sheet: Sheet, out: Path | None) -> None:
    stream = io.StringIO()
    console = Console(file=stream, width=10_000) if out else screen()
    if sheet.frame.empty:
        console.print(Text(sheet.title or text.say("tables.empty", sheet.lang)))
        if sheet.title:
            console.print(Text(text.say("tables.empty", sheet.lang)))
    else:
        console.print(table(sheet.frame, sheet.headings, lang=sheet.lang, title=sheet.title))
    for note in sheet.notes:
        console.print(Text(note))
    if out:
        lines = (line.rstrip() for line in stream.getvalue().splitlines())
        _give("\n".join(lines), out)


def _write_workbook(sheet: Sheet, out: Path | None) -> None:
    if out is None:
        raise OutputFileNeededError(format=str(Format.XLSX))
    title = sheet.title or text.say("tables.sheet", sheet.lang)
    sheets = {title: pd.DataFrame(sheet.frame)[list(sheet.headings)]}
    if sheet.notes:
        name = text.say("tables.notes", sheet.lang)
        sheets[name] = pd.DataFrame({name: list(sheet.notes)})
    workbook.write_sheets(
        out,
        sheets,
        headings={key: _over(heading, sheet.lang) for key, heading in sheet.headings.items()},
        formats={key: f for key, h in sheet.headings.items() if (f := _number_format(h))},
    )


def _csv(sheet: Sheet) -> str:
    written = io.StringIO()
    rows = csv.writer(written, lineterminator="\n")
    rows.writerow([_unlike_formula(_over(one, sheet.lang)) for one in sheet.headings.values()])
    columns = [_plain(sheet.frame[key]) for key in sheet.headings]
    rows.writerows([_csv_cell(one) for one in row] for row in zip(*columns, strict=True))
    return written.getvalue()


def _json(sheet: Sheet) -> str:
    made = {"columns": _columns(sheet), "rows": _rows(sheet), "meta": _value(sheet.meta)}
    return json.dumps(made, ensure_ascii=False, allow_nan=False, indent=1)


def _geojson(sheet: Sheet) -> str:
    frame = gpd.GeoDataFrame(sheet.frame)
    # CGCS2000 and WGS 84 differ by less than a metre; RFC 7946 knows only the latter.
    at_home = frame.crs is None or frame.crs.to_epsg() in {crs.STORAGE, crs.WGS84}
    placed = frame if at_home else frame.to_crs(crs.WGS84)
    turned = shapely.orient_polygons(placed.geometry.to_numpy(), exterior_cw=False)
    features = [
        {"type": "Feature", "properties": row, "geometry": None if b is None else json.loads(b)}
        for row, b in zip(_rows(sheet), shapely.to_geojson(turned), strict=True)
    ]
    made = {
        "type": "FeatureCollection",
        "columns": _columns(sheet),
        "meta": _value(sheet.meta),
        "features": features,
    }
    return json.dumps(made, ensure_ascii=False, allow_nan=False)


def _columns(sheet: Sheet) -> list[dict[str, Any]]:
    return [{"key": k, "label": h.label, "unit": h.unit} for k, h in sheet.headings.items()]


def _rows(sheet: Sheet) -> list[dict[str, Any]]:
    keys = list(sheet.headings)
    columns = [_plain(sheet.frame[key]) for key in keys]
    return [dict(zip(keys, row, strict=True)) for row in zip(*columns, strict=True)]


def _plain(column: pd.Series) -> list[Any]:
    """Values as JSON has them."""
    if pd.api.types.is_float_dtype(column.dtype):
        return [one if one is not None and math.isfinite(one) else None for one in _floats(column)]
    return [_value(one) for one in column.astype(object).tolist()]


def _floats(column: pd.Series) -> list[Any]:
    return list(column.to_numpy("float64", na_value=np.nan).tolist())


def _value(one: Any) -> Any:
    for kinds, made in _AS_JSON:
        if isinstance(one, kinds):
            return made(one)
    return None if pd.isna(one) else str(one)


def _iso(one: dt.date) -> str:
    if isinstance(one, dt.datetime) and one.tzinfo is None and one.time() == dt.time.min:
        return one.date().isoformat()
    return one.isoformat()


_AS_JSON: Final[tuple[tuple[tuple[type, ...], Callable[[Any], Any]], ...]] = (
    ((str,), str),
    ((bool, np.bool_), bool),
    ((int, np.integer), int),
    ((float, np.floating), lambda one: float(one) if math.isfinite(one) else None),
    ((Mapping,), lambda one: {str(key): _value(held) for key, held in one.items()}),
    ((list, tuple, np.ndarray), lambda one: [_value(held) for held in one]),
    ((set, frozenset), lambda one: sorted(_value(held) for held in one)),
    ((type(pd.NaT),), lambda _: None),
    ((dt.date,), _iso),
)


def _shown(column: pd.Series, heading: Heading, lang: str) -> list[str]:
    """Values as the screen shows them: a number that is not known says so, no text is a dash."""
    if not _is_number(column):
        return [_said(one, lang) for one in _plain(column)]
    if heading.share:
        decimals = 1 if heading.decimals is None else heading.decimals
        return [text.share(one, lang, decimals=decimals) for one in _plain(column)]
    if heading.decimals is not None:
        return [text.number(one, lang, decimals=heading.decimals) for one in _plain(column)]
    unknown = text.say("words.unknown", lang)
    return [unknown if one is None else f"{one:,}" for one in _plain(column)]


def _said(one: Any, lang: str) -> str:
    if one is None:
        return "—"
    if isinstance(one, bool):
        return text.say("words.yes" if one else "words.no", lang)
    return text.plain(one if isinstance(one, str) else json.dumps(one, ensure_ascii=False))


def _is_number(column: pd.Series) -> bool:
    kind = column.dtype
    return pd.api.types.is_numeric_dtype(kind) and not pd.api.types.is_bool_dtype(kind)


def _over(heading: Heading, lang: str) -> str:
    """The label with its unit; a share shows its % in every row instead."""
    if heading.unit is None or heading.share:
        return heading.label
    return f"{heading.label} ({text.unit_name(heading.unit, lang)})"


def _number_format(heading: Heading) -> str | None:
    if heading.decimals is None and not heading.share:
        return None
    decimals = 1 if heading.decimals is None else heading.decimals
    digits = f"0.{'0' * decimals}".rstrip(".")
    return f"{digits}%" if heading.share else f"#,##{digits}"


def _csv_cell(one: Any) -> Any:
    if isinstance(one, str):
        return _unlike_formula(one)
    if isinstance(one, bool):
        return "true" if one else "false"
    return json.dumps(one, ensure_ascii=False) if isinstance(one, list | dict) else one


def _unlike_formula(written: str) -> str:
    """Text that a spreadsheet would run, with the quote that makes it text.

    A dash, a signed number and a telephone number stay as they are: they do nothing.
    """
    runs = _RUNS.match(written) and not _HARMLESS.fullmatch(written)
    return f"'{written}" if runs else written


_RUNS: Final = re.compile(r"\s*[=+\-@＝＋－＠]|[\t\r\n]")
_HARMLESS: Final = re.compile(r"[+-][\d .,%()-]*")


def _give(written: str, out: Path | None, *, encoding: str = "utf-8") -> None:
    whole = written if written.endswith("\n") else f"{written}\n"
    if out is None:
        taken = sys.stdout.encoding or encoding
        sys.stdout.write(whole.encode(taken, errors="replace").decode(taken))
        return
    with placed(out) as made:
        made.write_bytes(whole.encode(encoding, errors="replace"))
