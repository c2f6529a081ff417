"""The three-way difference of a merge: lines, a page, a workbook to decide in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import pandas as pd
import shapely

from maps import merge_page, text
from parcels.errors import FormatNotOfferedError
from parcels.exchange.output import placed
from parcels.exchange.resolutions import COLUMNS, write_resolutions
from parcels.ingest.differences import label_of, said
from parcels.ingest.returned import Returned
from parcels.merging import BOUNDARY, Side
from parcels.model import Layer

SUFFIXES: Final = (".html", ".xlsx")
"""The endings of files with differences."""

SHOWN: Final = 10
"""Differences of each kind that the screen shows."""

_ON_SCREEN: Final = ("conflict", "theirs", "added", "removed", "ours")


def check(path: Path) -> None:
    """Refuse a file whose name ends in something that no difference is.

    Raises:
        FormatNotOfferedError: It does.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise FormatNotOfferedError(format=path.suffix, offered=SUFFIXES)


def side_words() -> dict[Side, tuple[str, ...]]:
    """How each choice may be written in a workbook, in either language."""
    return {
        side: (side.value, *(text.say(f"checkout.side.{side}", lang) for lang in text.LANGUAGES))
        for side in Side
    }


def lines(differences: pd.DataFrame, layer: Layer, lang: str) -> list[str]:
    """The first differences of each kind, a line each, conflicts first."""
    told = []
    for state in _ON_SCREEN:
        these = differences[differences["state"] == state]
        told += [_line(row, layer, lang) for row in these.head(SHOWN).to_dict("records")]
        if len(these) > SHOWN:
            heading = text.say(f"checkout.state.{state}", lang)
            told.append(text.say("checkout.more", lang, state=heading, count=len(these) - SHOWN))
    return told


def write(path: Path, returned: Returned, *, lang: str) -> None:
    """Write the differences as a page or a workbook, as the ending says.

    Raises:
        OutputNotWritableError: The file cannot be written.
    """
    layer = returned.delivery.layer
    rows = spoken(returned.differences, layer, lang)
    if path.suffix.lower() == ".html":
        page = merge_page.page(rows, returned, lang=lang)
        with placed(path) as made:
            made.write_text(page, encoding="utf-8")
        return
    write_resolutions(
        path,
        rows,
        headings={key: text.say(f"checkout.columns.{key}", lang) for key in COLUMNS},
        sides={side: text.say(f"checkout.side.{side}", lang) for side in Side},
        sheet=text.say("checkout.sheet", lang),
    )


def spoken(differences: pd.DataFrame, layer: Layer, lang: str) -> list[dict[str, Any]]:
    """Differences in words, by `resolutions.COLUMNS`, with `open` and the boundaries `shapes`."""
    return [_spoken(row, layer, lang) for row in differences.to_dict("records")]


def _spoken(row: Mapping[str, Any], layer: Layer, lang: str) -> dict[str, Any]:
    key, side = row["key"], row["side"]
    decided = row["state"] == "conflict" and side is not None
    values = {name: row[name] for name in ("base", "theirs", "ours")}
    return {
        "choice": text.say(f"checkout.side.{side}", lang) if decided else "",
        "state": text.say(f"checkout.state.{row['state']}", lang),
        "code": row["code"],
        "name": row["name"],
        "label": label_of(layer, key).in_(lang),
        **{name: said(layer, key, held).in_(lang) for name, held in values.items()},
        "parcel": "" if row["parcel"] is None else str(row["parcel"]),
        "key": key,
        "mark": row["mark"],
        "kind": row["state"],
        "open": "1" if row["state"] == "conflict" and side is None else "",
        "shapes": {
            name: held
            for name, held in values.items()
            if isinstance(held, shapely.Geometry) and key in {BOUNDARY, "parcel"}
        },
    }


def _line(row: Mapping[str, Any], layer: Layer, lang: str) -> str:
    told = _spoken(row, layer, lang)
    known: Sequence[str] = ("code", "name", "label", "base", "theirs", "ours", "choice")
    given = {key: text.plain(told[key]) or text.say("checkout.blank", lang) for key in known}
    if told["kind"] == "conflict":
        kind = "open" if told["open"] else "conflict"
        return text.say(f"checkout.line.{kind}", lang, **given)
    return text.say(f"checkout.line.{told['kind']}", lang, **given)
