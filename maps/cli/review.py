"""`jingtu review`: submissions that wait, what they would change, and the decisions on them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import geopandas as gpd
import pandas as pd
import typer

from maps import review_page, settings, tables, text
from maps.answers import Exit
from maps.cli import checking, deliveries, sent_files
from maps.cli.deliveries import Wish
from maps.cli.desk import Desk, desk_of
from maps.cli.interruption import Interruption
from maps.cli.receipts import Answer
from maps.tables import Format
from parcels.errors import ReasonNeededError, UnknownDistrictError
from parcels.exchange.output import placed
from parcels.ingest.delivery import ReceiveOptions
from parcels.model import Layer
from parcels.recording import Act
from parcels.review import COLUMNS, Compared, Deed, State
from parcels.reviewing import Reviewing, Verdict
from parcels.submissions import Standing

app = typer.Typer(help="review.command", no_args_is_help=True)

_LISTED = (
    *("submission", "layer", "unit", "state", "round", "waiting", "returned", "file"),
    *("submitted_by", "submitted_at", "last_by", "last_at", "reason", "change"),
)
Reason = Annotated[str | None, typer.Option("--reason", help="review.options.reason")]
Number = Annotated[int, typer.Argument(help="review.arguments.number")]


@app.command("list", help="review.list", epilog="review.list_example")
def list_(
    context: typer.Context,
    unit: Annotated[list[str] | None, typer.Option(help="review.options.unit")] = None,
    state: Annotated[list[State] | None, typer.Option(help="review.options.state")] = None,
    format_: Annotated[Format, typer.Option("--format", help="cli.options.format")] = Format.TABLE,
    out: Annotated[Path | None, typer.Option(help="cli.options.out")] = None,
) -> None:
    """List submissions."""
    desk = desk_of(context)
    layers = desk.catalog()
    with desk.open(layers) as register:
        found = register.submissions()
        if unit:
            found = found[found["unit"].isin(_units(register, unit))]
        names = register.territory.units["name" if desk.lang == "zh" else "name_en"]
    if state:
        found = found[found["state"].isin([one.value for one in state])]
    if format_ is Format.TABLE:
        found = found.assign(
            layer=[layers[key].label.in_(desk.lang) for key in found["layer"]],
            unit=[names.get(one, one) for one in found["unit"]],
            state=[desk.say(f"review.states.{one}") for one in found["state"]],
            submitted_at=[text.instant(one, desk.lang) for one in found["submitted_at"]],
            last_at=[text.instant(one, desk.lang) for one in found["last_at"]],
        )
    tables.show(
        found,
        headings=tables.headings("review.columns", desk.lang, list(_LISTED)),
        format=format_.value,
        out=out,
        lang=desk.lang,
    )


@app.command("show", help="review.show", epilog="review.show_example")
def show(
    context: typer.Context,
    number: Number,
    html: Annotated[Path | None, typer.Option("--html", help="review.options.html")] = None,
    format_: Annotated[Format, typer.Option("--format", help="cli.options.format")] = Format.TABLE,
    out: Annotated[Path | None, typer.Option(help="cli.options.out")] = None,
) -> None:
    """Show what a submission would change in the register as it is now."""
    desk = desk_of(context)
    layers = desk.catalog()
    with desk.open(layers) as register:
        one, found = register.compare(number)
        territory = register.territory
    about = _about(desk, one, found, layers[one.layer])
    labels = _labels(layers[one.layer], desk.lang)
    if html is not None:
        made = review_page.page(found, territory, lang=desk.lang, labels=labels, about=about)
        with placed(html) as path:
            path.write_text(made, "utf-8")
        desk.print(desk.say("cli.written", file=html), aside=format_ is not Format.TABLE)
    lines = _spoken(found.lines, desk, labels) if format_ is Format.TABLE else found.lines
    tables.show(
        lines if format_ is Format.GEOJSON else pd.DataFrame(lines).drop(columns="geometry"),
        headings=tables.headings(
            "review.columns", desk.lang, list(COLUMNS), **dict.fromkeys(_AREAS, _AREA)
        ),
        format=format_.value,
        out=out,
        lang=desk.lang,
        title=about[0],
        notes=about[1:],
        meta={
            "submission": number,
            "layer": one.layer,
            "state": one.state.value,
            "round": one.round,
            "unchanged": found.unchanged,
            "changed_since": int(found.shapes["changed_since"].sum()),
        },
    )


_AREAS = ("gained_m2", "lost_m2")
_AREA = {"unit": "m2", "decimals": 1}


@app.command("approve", help="review.approve", epilog="review.approve_example")
def approve(
    context: typer.Context,
    numbers: Annotated[list[int], typer.Argument(help="review.arguments.numbers")],
    except_: Annotated[
        list[str] | None, typer.Option("--except", help="review.options.except")
    ] = None,
    reason: Reason = None,
    despite: Annotated[
        bool, typer.Option("--despite-changes", help="review.options.despite")
    ] = False,
) -> int:
    """Take submissions into the register, all of them or none."""
    desk = desk_of(context)
    layers = desk.catalog()
    with desk.open(layers) as register:
        own = not desk.asks_review
        verdict = Verdict(_act(desk, reason), _reasons(except_, "--except"), own, despite)
        outcomes = register.approve(numbers, verdict)
        for number, outcome in zip(numbers, outcomes, strict=True):
            key = "unchanged" if outcome.change is None else "approved"
            desk.print(
                desk.say(
                    f"review.said.{key}",
                    submission=number,
                    change=outcome.change,
                    created=outcome.created,
                    updated=outcome.updated,
                    unchanged=outcome.unchanged,
                )
            )
        if verdict.out:
            desk.print(desk.say("review.said.taken_out", count=len(verdict.out)))
        changes = [outcome.change for outcome in outcomes if outcome.change is not None]
        checking.show_of_changes(desk, register, layers, changes)
    return int(Exit.DONE)


@app.command("return", help="review.return", epilog="review.return_example")
def return_(
    context: typer.Context,
    number: Number,
    reason: Reason = None,
    parcel: Annotated[list[str] | None, typer.Option(help="review.options.parcel")] = None,
) -> int:
    """Send a submission back with reasons."""
    desk = desk_of(context)
    if not reason:
        raise ReasonNeededError(what="jingtu review return")
    with desk.open(desk.catalog()) as register:
        rows = register.give_back(number, _act(desk, reason), _reasons(parcel, "--parcel"))
    desk.print(desk.say("review.said.returned", submission=number, rows=rows))
    return int(Exit.DONE)


@app.command("withdraw", help="review.withdraw", epilog="review.withdraw_example")
def withdraw(context: typer.Context, number: Number, reason: Reason = None) -> int:
    """Take a submission back."""
    desk = desk_of(context)
    with desk.open(desk.catalog()) as register:
        rows = register.withdraw(number, _act(desk, reason))
    desk.print(desk.say("review.said.withdrawn", submission=number, rows=rows))
    return int(Exit.DONE)


@app.command("resubmit", help="review.resubmit", epilog="review.resubmit_example")
def resubmit(  # noqa: PLR0913, PLR0917 - one argument per option of the command line
    context: typer.Context,
    number: Number,
    file: Annotated[Path, typer.Argument(help="review.arguments.file")],
    crs: sent_files.Crs = None,
    column: sent_files.Column = None,
    reason: Reason = None,
    accept_valid: Annotated[
        bool, typer.Option("--accept-valid", help="commands.options.accept_valid")
    ] = False,
) -> int:
    """Send a returned submission again, mended."""
    desk = desk_of(context)
    layers = desk.catalog()
    with Interruption() as watch, desk.open(layers) as register:
        one = register.returned(number)
        act = one.sent
        said = act.details
        wish = Wish(
            options=ReceiveOptions(
                crs=crs,
                mapping=sent_files.mapping(column or ()),
                district=said.get("district"),
                unit=said.get("unit"),
                stage=said.get("stage"),
            ),
            on=act.on,
            reason=reason,
            accept_valid=accept_valid,
            corrects=one.corrects,
            sender=said.get("sender"),
            submit=True,
            resubmits=number,
            stands_on=one.evidence,
        )
        layer = layers[one.layer]
        return deliveries.bring_in(
            desk, register, layer, [file], wish, answer=Answer(), watch=watch
        )


def _act(desk: Desk, reason: str | None) -> Act:
    return Act(by=desk.user, at=settings.now(), on=settings.today(), reason=reason)


def _reasons(written: Sequence[str] | None, option: str) -> dict[str, str]:
    """Code and reason of each CODE=REASON."""
    reasons = {}
    for one in written or ():
        code, _, why = one.partition("=")
        if not code.strip() or not why.strip():
            raise ReasonNeededError(what=f"{option} {one}")
        reasons[code.strip()] = why.strip()
    return reasons


def _units(register: Reviewing, written: Sequence[str]) -> list[str]:
    names = pd.Series(list(written))
    codes = register.territory.unit_codes(names)
    if codes.isna().any():
        unknown = names[codes.isna()].iloc[0]
        known = register.territory.units["name"].tolist()
        raise UnknownDistrictError(district=unknown, known=known)
    return [str(code) for code in codes]


def _about(desk: Desk, one: Standing, found: Compared, layer: Layer) -> list[str]:
    added = int((found.lines["what"] == "added").sum())
    since = int(found.shapes["changed_since"].sum())
    said = [
        desk.say("review.said.title", submission=one.number, layer=layer.label.in_(desk.lang)),
        desk.say(
            "review.said.sent",
            state=desk.say(f"review.states.{one.state}"),
            by=one.sent.by,
            at=text.instant(one.sent.at, desk.lang),
            on=one.sent.on,
            file=one.sent.file.name if one.sent.file else "-",
        ),
        desk.say(
            "review.said.counts",
            added=added,
            changed=len(found.shapes) - added,
            unchanged=found.unchanged,
        ),
    ]
    if one.deed is not None:
        said.insert(1, _deed(desk, one.deed))
    if one.state is not State.SUBMITTED:
        said.append(desk.say("review.said.nothing_waits"))
    if since:
        said.append(desk.say("review.said.since", count=since))
    return said


def _deed(desk: Desk, deed: Deed) -> str:
    """What a submitted act would do, beside what its rows say."""
    key = "undo_all" if deed.later else deed.kind
    return desk.say(
        f"review.deeds.{key}",
        parents=list(deed.parents),
        children=list(deed.into) or [desk.say("review.said.its_rows")],
        change=deed.change,
        later=list(deed.later),
    )


def _labels(layer: Layer, lang: str) -> dict[str, str]:
    """Words for fields, and for codes by "field=code"."""
    words = {field.key: field.label.in_(lang) for field in layer.fields}
    words["boundary"] = text.say("review.page.boundary", lang)
    for stage in layer.stages:
        words[f"stage={stage.key}"] = stage.label.in_(lang)
    for field in layer.own_fields:
        for choice in field.choices:
            words[f"{field.key}={choice.code}"] = choice.label.in_(lang)
    return words


def _spoken(lines: gpd.GeoDataFrame, desk: Desk, labels: dict[str, str]) -> gpd.GeoDataFrame:
    fields = lines["field"].astype("str").fillna("")
    keyed = {
        side: [
            one if pd.isna(one) else labels.get(f"{field}={one}", one)
            for field, one in zip(fields, lines[side], strict=True)
        ]
        for side in ("before", "after")
    }
    for side in _AREAS:
        # Only a boundary gains or loses area; of a name that is not unknown, there is none.
        keyed[side] = [
            None if pd.isna(one) else text.number(one, desk.lang, decimals=1)
            for one in lines[side]
        ]
    return lines.assign(
        what=[desk.say(f"review.whats.{one}") for one in lines["what"]],
        field=[labels.get(one, one) or None for one in fields],
        **keyed,
    )
