"""`jingtu history`, `changes` and `undo`: what became of a parcel, who did it, taking it back."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Final

import geopandas as gpd
import pandas as pd
import typer

from maps import differences, settings, tables, text
from maps.cli import checking, waiting
from maps.cli.desk import Desk, desk_of
from maps.tables import Format
from parcels import history as past
from parcels.errors import ReasonNeededError, UnknownParcelError
from parcels.model import FOREVER, Layer
from parcels.recording import Act
from parcels.register import Register

_COLUMNS: Final = (
    *("layer", "code", "version", "valid_from", "valid_to", "known_from", "known_to", "step"),
    *("changes", "moved", "gained_m2", "lost_m2", "change", "kind", "made_by", "reason"),
    *("file", "row", "evidence", "undone_by"),
)
_ON_SCREEN: Final = (
    *("valid_from", "valid_to", "known_from", "known_to", "step", "changes", "gained_m2"),
    *("lost_m2", "change", "kind", "made_by", "reason", "file", "row", "evidence"),
)
AREAS: Final[dict[str, dict[str, Any]]] = {
    "gained_m2": {"unit": "m2", "decimals": 0},
    "lost_m2": {"unit": "m2", "decimals": 0},
}
"""How land gained and lost is shown."""


def history(
    context: typer.Context,
    code: Annotated[str, typer.Argument(help="history.arguments.code")],
    layer: Annotated[
        list[str] | None, typer.Option("--layer", "-l", help="commands.options.only_layer")
    ] = None,
    format_: Annotated[Format, typer.Option("--format", help="cli.options.format")] = Format.TABLE,
    out: Annotated[Path | None, typer.Option(help="cli.options.out")] = None,
) -> None:
    """Show every version of a parcel."""
    desk = desk_of(context)
    layers = desk.catalog()
    asked = [layers.layer(key) for key in layer or layers]
    people = format_ in {Format.TABLE, Format.XLSX}
    with desk.open(layers) as register:
        parts = [_told(desk, register, one, code, people=people) for one in asked]
    found = [part for part in parts if len(part)]
    if not found:
        raise UnknownParcelError(layer=[one.key for one in asked], codes=[code], count=1)
    rows = gpd.GeoDataFrame(pd.concat(found, ignore_index=True))
    if format_ is Format.TABLE:
        rows = differences.dashed(rows, desk.lang)
    keys = _COLUMNS if format_ is not Format.TABLE else _on_screen(several=len(found) > 1)
    tables.show(
        rows if format_ is Format.GEOJSON else pd.DataFrame(rows),
        headings=tables.headings("history.columns", desk.lang, keys, **AREAS),
        format=format_.value,
        out=out,
        lang=desk.lang,
        title=desk.say("history.of.title", code=code, count=len(rows)),
        notes=[desk.say("history.of.note")],
        meta={"code": code},
    )


def changes(
    context: typer.Context,
    layer: Annotated[
        list[str] | None, typer.Option("--layer", "-l", help="commands.options.only_layer")
    ] = None,
    format_: Annotated[Format, typer.Option("--format", help="cli.options.format")] = Format.TABLE,
    out: Annotated[Path | None, typer.Option(help="cli.options.out")] = None,
) -> None:
    """List the changes of the register."""
    desk = desk_of(context)
    layers = desk.catalog()
    keys = [layers.layer(key).key for key in layer or ()]
    with desk.open(layers) as register:
        found = register.changes()
    rows = found[found["layer"].isin(keys)] if keys else found
    shown = rows.assign(undoes=rows["undoes"].astype("Int64"))
    if format_ in {Format.TABLE, Format.XLSX}:
        kinds = dict(text.words("history.kinds", desk.lang))
        labels = {key: one.label.in_(desk.lang) for key, one in layers.items()}
        shown = shown.assign(
            kind=shown["kind"].map(kinds).fillna(shown["kind"]),
            layer=shown["layer"].map(labels).fillna(shown["layer"]),
            made_at=_instants(shown["made_at"], desk),
            undoes=_dashed(shown["undoes"]),
        )
    columns = (
        *("change", "kind", "layer", "effective_on", "made_at", "made_by", "reason", "unit"),
        *("file", "undoes"),
    )
    tables.show(
        shown,
        headings=tables.headings("history.columns", desk.lang, columns),
        format=format_.value,
        out=out,
        lang=desk.lang,
    )


def undo(
    context: typer.Context,
    change: Annotated[int, typer.Argument(help="history.arguments.change")],
    reason: Annotated[str, typer.Option(help="history.options.reason")],
    with_later: Annotated[
        bool, typer.Option("--with-later", help="history.options.with_later")
    ] = False,
    submit: waiting.Submit = False,
) -> None:
    """Take a change back by a new one."""
    desk = desk_of(context)
    if not reason.strip():
        raise ReasonNeededError(what="undo")
    act = Act(by=desk.user, at=settings.now(), on=settings.today(), reason=reason.strip())
    layers = desk.catalog()
    with desk.open(layers) as register:
        if submit:
            waits = register.submit_undo(change, act, with_later=with_later)
            waiting.say_handed_in(desk, waits)
            return
        # What came in without a reviewer goes without one.
        waiting.refuse_direct(desk, waits=not register.is_reviewed(change))
        made = register.undo(change, act, with_later=with_later)
        for one in made:
            desk.print(
                desk.say(
                    f"history.undone.{one.of}",
                    undoes=one.undoes,
                    change=one.change,
                    parcels=one.parcels,
                    gone=one.gone,
                )
            )
        checking.show_of_changes(desk, register, layers, [one.change for one in made])


def _told(
    desk: Desk, register: Register, layer: Layer, code: str, *, people: bool
) -> gpd.GeoDataFrame:
    found = past.versions(register, layer, [code])
    if found.empty:
        return found
    told, fields = past.steps(found, layer)
    fields = differences.masked(fields, layer)
    proof = _evidence(desk, register, layer, found)
    rows = found[["code", "version", "valid_from", "known_from", "known_to", "made_by", "reason",
                  "file", "row", "undone_by", "kind"]].assign(
        layer=layer.key,
        change=found["recorded_from"],
        valid_to=found["valid_to"].where(found["valid_to"] < pd.Timestamp(FOREVER)),
        moved=told["moved"].astype("boolean"),
        step=told["step"],
        # Of what was only cut short or came back the row is one of an earlier file.
        row=found["row"].where(told["step"].isin([past.CREATED, past.CHANGED])),
        gained_m2=told["gained_m2"],
        lost_m2=told["lost_m2"],
        evidence=proof,
    )  # fmt: skip
    if people:
        rows = _in_words(rows, desk, layer)
        rows["changes"] = _sentences(desk, register, layer, fields, told)
    else:
        told_fields = {
            place: one[["field", "before", "after"]].to_dict("records")
            for place, one in fields.groupby("parcel")
        }
        rows["changes"] = [told_fields.get(place, []) for place in rows.index]
    return rows.set_geometry(gpd.GeoSeries(found.geometry, crs=found.crs))


def _sentences(
    desk: Desk, register: Register, layer: Layer, fields: pd.DataFrame, told: pd.DataFrame
) -> pd.Series:
    """What each version changed, in one sentence."""
    moved = told.loc[told["moved"].eq(other=True), ["gained_m2", "lost_m2"]]
    lines = pd.concat(
        [fields.set_index("parcel"), moved.assign(field=differences.BOUNDARY)]
    ).reindex(columns=list(differences.COLUMNS))
    spoken = differences.in_words(lines, layer, register.territory, lang=desk.lang)
    return differences.sentences(spoken, desk.lang).reindex(told.index)


def _in_words(rows: pd.DataFrame, desk: Desk, layer: Layer) -> pd.DataFrame:
    kinds = dict(text.words("history.kinds", desk.lang))
    said = dict(text.words("history.steps", desk.lang))
    ever = desk.say("history.until_now")
    days = rows["valid_to"].map(lambda on: text.day(on, desk.lang), na_action="ignore")
    return rows.assign(
        layer=layer.label.in_(desk.lang),
        kind=rows["kind"].map(kinds).fillna(rows["kind"]),
        step=rows["step"].map(said),
        valid_to=days.astype(object).where(rows["valid_to"].notna(), ever),
        known_from=_instants(rows["known_from"], desk),
        known_to=_instants(rows["known_to"], desk).where(rows["known_to"].notna(), ever),
        row=_dashed(rows["row"]),
        undone_by=_dashed(rows["undone_by"]),
    )


def _evidence(
    desk: Desk, register: Register, layer: Layer, found: gpd.GeoDataFrame
) -> list[str | None]:
    """The document behind each version's move, where it made one."""
    codes = found["code"].dropna().unique().tolist()
    moves = register.evidence(layer.key, codes)
    documents: dict[int, str] = {}
    for one in moves.to_dict("records"):
        parts = [one["number"], one["dated_on"], one["issued_by"]]
        said = " ".join(str(part) for part in parts if part is not None)
        documents[int(one["change"])] = said or desk.say("words.unknown")
    return [
        documents.get(number) if kind != "undo" else None
        for number, kind in zip(found["recorded_from"], found["kind"], strict=True)
    ]


def _dashed(column: pd.Series) -> pd.Series:
    """A number that does not apply as none at all, which is shown as a dash, not as unknown."""
    whole = column.astype(object)
    return whole.where(whole.notna(), None)


def _on_screen(*, several: bool) -> Sequence[str]:
    return ("layer", *_ON_SCREEN) if several else _ON_SCREEN


def _instants(column: pd.Series, desk: Desk) -> pd.Series:
    return column.map(lambda at: text.instant(at, desk.lang), na_action="ignore").astype(object)
