"""`jingtu diff`: what differs between two moments, two changes, or a file and the register."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Final

import geopandas as gpd
import pandas as pd
import typer

from maps import differences, tables
from maps.cli import sent_files
from maps.cli.coverage import chosen
from maps.cli.desk import AsOf, Desk, Known, dates, desk_of
from maps.cli.history import AREAS
from maps.tables import Format
from maps.views import Sheet
from parcels import comparison
from parcels.comparison import Comparison
from parcels.errors import FileNotReadableError, UnknownChangeError
from parcels.exchange.output import placed
from parcels.ingest import containers
from parcels.ingest.delivery import ReceiveOptions, receive
from parcels.matching import SameLand
from parcels.model import Layer, Moment
from parcels.register import Filter, Register

MOST_SHOWN: Final = 200
"""Lines that the screen shows."""

_DAY: Final = re.compile(r"(\d{4}-\d{2}-\d{2})?(?:@(.+))?")
_NOW: Final = "now"


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two states compared.

    Attributes:
        said: As it was typed.
        moment: The two times; of a file the day from which it is true.
        file: The delivery; None for the register.
    """

    said: str
    moment: Moment
    file: Path | None = None


def diff(  # noqa: PLR0913, PLR0917 - one argument per option of the command line
    context: typer.Context,
    a: Annotated[str, typer.Argument(metavar="A", help="history.arguments.from")],
    b: Annotated[str | None, typer.Argument(metavar="[B]", help="history.arguments.to")] = None,
    layer: Annotated[
        list[str] | None, typer.Option("--layer", "-l", help="commands.options.only_layer")
    ] = None,
    district: Annotated[
        list[str] | None, typer.Option(help="commands.options.only_district")
    ] = None,
    as_of: AsOf = None,
    known: Known = None,
    crs: sent_files.Crs = None,
    swapped: sent_files.Swapped = False,
    offset: sent_files.OffsetBy = None,
    control_points: sent_files.ControlPoints = None,
    encoding: sent_files.Encoding = None,
    part: sent_files.Part = None,
    column: sent_files.Column = None,
    sender: sent_files.Sender = None,
    accept_suggested: sent_files.AcceptSuggested = False,
    repair: sent_files.Repair = False,
    same_land: sent_files.SameLandIs = SameLand.ASK,
    html: Annotated[Path | None, typer.Option(help="history.options.html")] = None,
    format_: Annotated[Format, typer.Option("--format", help="cli.options.format")] = Format.TABLE,
    out: Annotated[Path | None, typer.Option(help="cli.options.out")] = None,
) -> None:
    """Show what differs."""
    desk = desk_of(context)
    layers = desk.catalog()
    asked = [layers.layer(key) for key in layer or ()]
    before, after = _sides(desk, a, b, desk.moment(as_of, known))
    if (before.file or after.file) and len(asked) != 1:
        raise typer.BadParameter(desk.say("history.diff.layer_needed"))
    notes: list[str] = []
    with desk.open(layers) as register:
        _refuse_unknown(register, (before, after))
        where = chosen(register, layer or [], districts=district)
        if before.file or after.file:
            read = sent_files.options(
                crs=crs,
                swapped=swapped,
                offset=offset,
                control_points=control_points,
                encoding=encoding,
                part=part,
                column=column,
                accept_suggested=accept_suggested,
                repair=repair,
                same_land=same_land,
            )
            options = replace(read, kept=register.kept_mappings(sender, asked[0].key))
            told = _with_file(desk, register, asked[0], (before, after), where, options, notes)
            parts = [(asked[0], told)]
        else:
            parts = [
                (one, _between(register, one, (before, after), where))
                for one in asked or _used(register, (before, after))
            ]
        shown = Shown(desk, register, parts, (before, after), tuple(notes))
        if html is not None:
            _write_page(shown, html)
        _show(shown, format_=format_, out=out)


@dataclass(frozen=True, slots=True)
class Shown:
    """What is to be shown, and whose words it is shown in."""

    desk: Desk
    register: Register
    parts: Sequence[tuple[Layer, Comparison]]
    sides: tuple[Side, Side]
    notes: tuple[str, ...]

    @property
    def title(self) -> str:
        """Both states, as a sentence."""
        a, b = (_said(self.desk, side) for side in self.sides)
        return self.desk.say("history.diff.title", a=a, b=b)


def _sides(desk: Desk, a: str, b: str | None, default: Moment) -> tuple[Side, Side]:
    first = _side(desk, a, default)
    if b is not None:
        second = _side(desk, b, default)
        if first.file and second.file:
            raise typer.BadParameter(desk.say("history.diff.two_files"))
        return first, second
    if first.file:
        return _side(desk, _NOW, default), first
    if first.moment.change is not None:
        before = Moment(first.moment.on, change=first.moment.change - 1)
        return Side(str(before.change), before), first
    return first, _side(desk, _NOW, default)


def _side(desk: Desk, said: str, default: Moment) -> Side:
    if said == _NOW:
        return Side(said, default)
    if said.isdecimal() and len(said) < 10 and not Path(said).exists():
        return Side(said, Moment(default.on, change=int(said)))
    day = _DAY.fullmatch(said)
    if said and day is not None:
        try:
            on = dt.date.fromisoformat(day[1]) if day[1] else default.on
        except ValueError as error:
            raise typer.BadParameter(desk.say("history.diff.side", found=said)) from error
        known = desk.moment(on, day[2]).known if day[2] else default.known
        return Side(said, Moment(on, known))
    if said and Path(said).exists():
        return Side(said, default, Path(said))
    raise typer.BadParameter(desk.say("history.diff.side", found=said))


def _refuse_unknown(register: Register, sides: Sequence[Side]) -> None:
    numbers = [side.moment.change for side in sides if side.moment.change is not None]
    if not numbers:
        return
    last = int(register.changes()["change"].max() or 0)
    for number in numbers:
        if number > last:
            raise UnknownChangeError(change=number, last=last)


def _used(register: Register, sides: Sequence[Side]) -> list[Layer]:
    """The layers that hold a parcel in either state."""
    held = {key for side in sides for key in register.counts(side.moment)}
    return [layer for layer in register.layers if layer.key in held]


def _between(
    register: Register, layer: Layer, sides: tuple[Side, Side], where: Filter
) -> Comparison:
    before, after = (register.frame(layer.key, side.moment, where=where) for side in sides)
    return comparison.compare(before, after, layer)


def _with_file(  # noqa: PLR0913, PLR0917 - what was typed
    desk: Desk,
    register: Register,
    layer: Layer,
    sides: tuple[Side, Side],
    where: Filter,
    options: ReceiveOptions,
    notes: list[str],
) -> Comparison:
    """A file against the register: what it would change, and what it does not mention."""
    file_first = sides[0].file is not None
    sent, here = (sides[0], sides[1]) if file_first else (sides[1], sides[0])
    assert sent.file is not None  # noqa: S101 - for mypy: one of the two is a file
    if register.is_own_file(sent.file):
        raise FileNotReadableError(file=str(sent.file), reason="is_the_register")
    held = register.frame(layer.key, here.moment, where=where)
    with containers.opened([sent.file], part=options.part, bounds=options.bounds) as items:
        parts = [
            receive(one, layer, register.territory, options=options, register=held.reset_index())
            for one in items
        ]
    ready = gpd.GeoDataFrame(pd.concat([one.ready for one in parts], ignore_index=True))
    kept_out = sum(len(one.frame) for one in parts) - len(ready)
    if kept_out:
        notes.append(desk.say("history.diff.kept_out", rows=kept_out))
    notes.append(desk.say("history.diff.absent"))
    if where.districts is not None:
        ready = ready[ready["district"].isin(where.districts)].reset_index(drop=True)
    step = register.foresee(layer.key, ready, on=sent.moment.on)
    rows = step.rows
    new = pd.Series(range(-1, -len(rows) - 1, -1), index=rows.index, dtype="Int64")
    changed = rows.set_index(rows["parcel"].fillna(new).astype("int64").rename("parcel"))
    changed = changed.drop(columns="parcel").assign(area_m2=comparison.area_m2(changed.geometry))
    silent = held["unit"].isin(ready["unit"]) & ~held.index.isin(step.known)
    kept = held[~silent & ~held.index.isin(changed.index)]
    both = [one.reindex(columns=held.columns) for one in (kept, changed) if len(one)]
    told = gpd.GeoDataFrame(pd.concat(both) if both else held.iloc[:0], crs=held.crs)
    return comparison.compare(*((told, held) if file_first else (held, told)), layer)


def _said(desk: Desk, side: Side) -> str:
    if side.file is not None:
        return desk.say("history.diff.file", file=side.file.name, on=side.moment.on)
    return desk.state(side.moment)


def _brief(desk: Desk, side: Side) -> str:
    if side.file is not None:
        return side.file.name
    if side.moment.change is not None:
        return desk.say("history.diff.change", change=side.moment.change)
    on = side.moment.on.isoformat()
    return on if side.moment.known is None else side.said


def _show(shown: Shown, *, format_: Format, out: Path | None) -> None:
    desk, territory = shown.desk, shown.register.territory
    people = format_ in {Format.TABLE, Format.XLSX}
    keys = differences.DRAWN if format_ is Format.GEOJSON else differences.COLUMNS
    frames = []
    for layer, told in shown.parts:
        if format_ is Format.GEOJSON:
            frames.append(differences.drawn(told, layer, territory, lang=desk.lang))
            continue
        found = differences.lines(told, layer)
        frames.append(
            differences.in_words(found, layer, territory, lang=desk.lang) if people else found
        )
    some = [frame for frame in frames if len(frame)] or frames[:1]
    rows = pd.concat(some, ignore_index=True) if some else pd.DataFrame(columns=list(keys))
    notes = [differences.summary(shown.parts, desk.lang), *shown.notes]
    if format_ is Format.TABLE and len(rows) > MOST_SHOWN:
        notes.insert(0, desk.say("history.diff.cut", shown=MOST_SHOWN, all=len(rows)))
        rows = rows.head(MOST_SHOWN)
    if format_ is Format.TABLE:
        rows = differences.dashed(rows, desk.lang)
    tables.show(
        rows,
        headings=tables.headings("history.columns", desk.lang, keys, **AREAS),
        format=format_.value,
        out=out,
        lang=desk.lang,
        title=shown.title,
        notes=notes,
        meta={"from": _about(shown.sides[0]), "to": _about(shown.sides[1]), "counts": {
            layer.key: {
                "added": told.count(comparison.ADDED),
                "changed": told.count(comparison.CHANGED),
                "removed": told.count(comparison.REMOVED),
                "unchanged": told.unchanged,
            }
            for layer, told in shown.parts
        }},
    )  # fmt: skip


def _about(side: Side) -> dict[str, Any]:
    return {**dates(side.moment), "file": None if side.file is None else side.file.name}


def _write_page(shown: Shown, path: Path) -> None:
    # Folium takes a fifth of the time in which a command starts, and only a page draws.
    from maps.interactive import offline_map  # noqa: PLC0415 - see above

    desk, territory = shown.desk, shown.register.territory
    views = [
        differences.view(told, layer, territory, lang=desk.lang)
        for layer, told in shown.parts
        if len(told.parcels)
    ]
    sheet = Sheet(
        title=desk.say("history.diff.map"),
        # Short, since it stands in one line of a small screen; the box says both states whole.
        moment=" → ".join(_brief(desk, side) for side in shown.sides),
        notices=(shown.title, differences.summary(shown.parts, desk.lang)),
    )
    page = offline_map(views, territory, sheet=sheet, lang=desk.lang)
    with placed(path) as made:
        made.write_text(page, encoding="utf-8")
    desk.print(desk.say("cli.written", file=path))
