"""What was found in a delivery, said to people: sentences, counts, and the screen."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final

import geopandas as gpd
import pandas as pd
from rich.padding import Padding
from rich.text import Text

from maps import tables, text
from parcels.exchange.output import placed
from parcels.findings import Severity
from parcels.model import Layer

SHOWN: Final = 5
"""Findings of one code that the screen shows; the others are counted."""

_COLOURS: Final = {Severity.ERROR: "bold red", Severity.WARNING: "yellow", Severity.INFO: "cyan"}

_LIMITS: Final = frozenset({"minimum", "maximum", "unit"})


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


def title(code: str, lang: str) -> str:
    """The short name of a kind of finding."""
    return text.say(f"titles.{code}", lang)


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


def show(
    found: pd.DataFrame,
    *,
    layer: Layer,
    lang: str,
    limit: int = SHOWN,
    out: Path | None = None,
    register: bool = False,
) -> None:
    """Print a report, the worst first: per code its count, the first rows, and how to mend them.

    On a terminal long lines go on below their beginning; elsewhere each finding is one line.

    Args:
        found: A report, as `Findings.frame` gives it.
        layer: The layer the delivery is for.
        lang: "zh" or "en".
        limit: Findings of one code that are printed.
        out: File to write instead.
        register: The findings are about parcels of the register, each named in `found`, and not
            about rows of a file.

    Raises:
        OutputNotWritableError: The file cannot be written.
    """
    lines = list(_lines(found, layer=layer, lang=lang, limit=limit, register=register))
    if out is not None:
        whole = "".join(f"{' ' * indent}{line.plain}\n" for indent, line in lines)
        with placed(out) as made:
            made.write_text(whole, encoding="utf-8")
        return
    console = tables.screen()
    for indent, line in lines:
        if console.is_terminal:
            console.print(Padding(line, (0, 0, 0, indent), expand=False))
        else:
            console.print(Text(" " * indent).append_text(line), soft_wrap=True)


def some(found: pd.DataFrame, most: int) -> pd.DataFrame:
    """At most so many findings, of every code the first ones, in the order of the report."""
    if len(found) <= most:
        return found
    place = found.groupby(["severity", "code"]).cumcount()
    kept = place.sort_values(kind="stable").index[:most]
    return found.loc[kept.sort_values()]


def concerned(
    found: pd.DataFrame, boundaries: gpd.GeoDataFrame | None, *, lang: str
) -> gpd.GeoDataFrame:
    """The delivered boundaries that findings are about, those with the worst findings first.

    Where a finding names another row of the file, that row's boundary is one of them.

    Args:
        found: A report with its sentences in `what`, the worst first.
        boundaries: `file`, `row` and geometry of delivered rows; None for none.
        lang: "zh" or "en".

    Returns:
        `file`, `row`, `number`, `severity` (the worst), `count`, `what` (the first sentences) and
        the geometry.
    """
    rows = pd.concat([found[found["row"].notna()], _others(found, lang)])
    if boundaries is None or rows.empty:
        return gpd.GeoDataFrame(rows[["file", "row"]].head(0), geometry=[])
    keys = ["file", "row"]
    once = rows.drop_duplicates(keys)[[*keys, "number", "severity"]]
    told = rows[rows.groupby(keys).cumcount() < SHOWN].groupby(keys, sort=False)["what"]
    once = once.merge(rows.groupby(keys).size().rename("count").reset_index(), on=keys)
    once = once.merge(told.agg(" ".join).reset_index(), on=keys)
    drawn = boundaries[[*keys, boundaries.geometry.name]].drop_duplicates(keys)
    drawn = drawn[drawn.geometry.notna() & ~drawn.geometry.is_empty].astype({"row": "Int64"})
    return gpd.GeoDataFrame(
        once.merge(pd.DataFrame(drawn), on=keys),
        geometry=boundaries.geometry.name,
        crs=boundaries.crs,
    )


def concerned_count(found: pd.DataFrame, boundaries: gpd.GeoDataFrame | None) -> int:
    """How many delivered boundaries the findings are about."""
    if boundaries is None:
        return 0
    keys = ["file", "row"]
    rows = pd.concat([found[keys], other_places(found)]).dropna().drop_duplicates()
    drawn = boundaries.loc[boundaries.geometry.notna(), keys].drop_duplicates()
    return len(rows.merge(drawn.astype({"row": "Int64"}), on=keys))


def other_places(found: pd.DataFrame) -> pd.DataFrame:
    """File and row of the other one that a finding names, e.g. what it overlaps; else <NA>."""
    named = found["details"].str.contains('"other_row"', regex=False)
    told = [json.loads(one) for one in found.loc[named, "details"]]
    rows = pd.Series([one["other_row"] for one in told], found.index[named], dtype="Int64")
    elsewhere = pd.Series([one.get("other_file") for one in told], rows.index, dtype="str")
    files = elsewhere.fillna(found.loc[named, "file"])
    return pd.DataFrame({"file": files, "row": rows}).reindex(found.index)


def _others(found: pd.DataFrame, lang: str) -> pd.DataFrame:
    """Findings that name another row, as that row's."""
    places = other_places(found)
    told = found[places["row"].notna()]
    places = places.loc[told.index]
    details = [json.loads(one) for one in told["details"]]
    said = [
        # Where both are parcels of the register, the sentence names them.
        what if "other_file" in held else text.say("report.partner", lang, row=row, what=what)
        for held, row, what in zip(details, told["row"], told["what"], strict=True)
    ]
    numbers = pd.array([held.get("other") for held in details], dtype="str")
    return told.assign(file=places["file"], row=places["row"], what=said, number=numbers)


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
            known = _unbounded(details[held], lang) | dict(zip(plain, given, strict=True))
            fields = dict.fromkeys(used) | known
            what = _with_acceptance(speak["what"](fields), details[held], lang)
            said[alike] = (what, speak["mend"](fields))
        rows.append(said[alike])
    return pd.DataFrame(rows, columns=["what", "mend"], index=found.index, dtype="str")


def _with_acceptance(what: str, details: Mapping[str, Any], lang: str) -> str:
    """A sentence with what a person said about accepting it, if anyone did."""
    if details.get("accepted_until") is None:
        return what
    return text.say(f"report.acceptance.{details['state']}", lang, what=what, **{
        key: details[f"accepted_{key}"] for key in ("by", "until", "because")
    })  # fmt: skip


def _unbounded(details: Mapping[str, Any], lang: str) -> dict[str, Any]:
    """Details in which a limit or unit that there is not is said so, and not "unknown"."""
    return {
        key: text.say(f"report.without.{key}", lang)
        if key in _LIMITS and held in {None, ""}
        else held
        for key, held in details.items()
    }


def _given(found: pd.DataFrame, name: str, layer: Layer, lang: str) -> list[Any]:
    if name == "layer":
        return [layer.label.in_(lang)] * len(found)
    held = field_labels(found, layer, lang) if name == "field" else found[name]
    known = held.astype(object)
    return list(known.where(known.notna(), None).tolist())


def field_labels(found: pd.DataFrame, layer: Layer, lang: str) -> pd.Series:
    """The field of each finding by its label; a column the layer does not know by its own name."""
    labels = {one.key: one.label.in_(lang) for one in layer.fields}
    return found["field"].map(lambda key: labels.get(key, key), na_action="ignore")


def _lines(
    found: pd.DataFrame, *, layer: Layer, lang: str, limit: int, register: bool
) -> Iterator[tuple[int, Text]]:
    """Every line with its indent in characters."""
    if found.empty:
        yield 0, Text(text.say("report.none", lang))
        return
    place = _named if register else partial(_place, several=len(found["file"].unique()) > 1)
    for group in summary(found).itertuples():
        severity = Severity(group.severity)
        head = text.say(
            "report.group",
            lang,
            severity=text.say(f"report.severity.{severity}", lang),
            title=title(group.code, lang),
            code=group.code,
            count=group.count,
        )
        yield 0, Text(head, style=_COLOURS[severity])
        alike = found[(found["code"] == group.code) & (found["severity"] == group.severity)]
        yield from _of_code(alike, layer=layer, lang=lang, limit=limit, place=place)
    yield 0, Text(text.say("report.counted", lang, all=len(found), **counts(found)))


def _of_code(
    alike: pd.DataFrame,
    *,
    layer: Layer,
    lang: str,
    limit: int,
    place: Callable[[Any, str], str],
) -> Iterator[tuple[int, Text]]:
    shown = alike.head(limit)
    said = sentences(shown, layer=layer, lang=lang)
    # One way to mend them all is said once at the end, different ones each beside its finding.
    mends = said["mend"].map(lambda mend: Text(text.say("report.mend", lang, mend=mend), "italic"))
    same = bool((said["mend"] == said["mend"].iloc[0]).all())
    for one, what, mend in zip(shown.itertuples(), said["what"], mends, strict=True):
        yield 2, Text(f"{place(one, lang)}{what}")
        if not same:
            yield 4, mend
    if len(alike) > limit:
        yield 2, Text(text.say("report.more", lang, count=len(alike) - limit), "dim")
    if same:
        yield 2, mends.iloc[0]


def _named(one: Any, _lang: str) -> str:
    """What an issue of the register is named by."""
    return f"{text.plain(one.found)}  "


def _place(one: Any, lang: str, *, several: bool) -> str:
    """Which file, row and parcel, as far as the finding concerns one."""
    parts = [text.plain(one.file)] if several and one.file else []
    if not pd.isna(one.row):
        parts.append(text.say("report.row", lang, row=int(one.row)))
    if not pd.isna(one.number):
        parts.append(text.plain(one.number))
    return "  ".join([*parts, ""])
