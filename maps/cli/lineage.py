"""`jingtu split`, `merge` and `resurvey`: parcels that become others, or get another boundary."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import geopandas as gpd
import pandas as pd
import typer

from maps import lineage_drawing, report, settings, text
from maps.answers import Exit
from maps.cli import ancestry, checking, proof, sent_files, waiting
from maps.cli.ancestry import Drawing, LayerOf
from maps.cli.desk import Desk, desk_of
from maps.cli.passage import facts_of, stage_of
from maps.cli.proof import Proof
from parcels import crs, succession
from parcels.errors import FileNotReadableError, LineageNotPossibleError, ReasonNeededError
from parcels.findings import Findings
from parcels.ingest.delivery import Delivery, ReceiveOptions, receive
from parcels.ingest.stated import stated
from parcels.model import Layer
from parcels.recording import Act
from parcels.register import Register
from parcels.reviewing import Reviewing
from parcels.succession import Succession

On = Annotated[dt.datetime | None, typer.Option(formats=["%Y-%m-%d"], help="lineage.options.on")]
Reason = Annotated[str | None, typer.Option(help="commands.options.reason")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="commands.options.dry_run")]


@dataclass(frozen=True, slots=True)
class When:
    """Whether an act is done now, left to a reviewer, or only looked at.

    Attributes:
        dry_run: Look at it and do nothing.
        submit: Leave it to a reviewer.
        again: The returned submission that it mends.
    """

    dry_run: bool = False
    submit: bool = False
    again: int | None = None

    @property
    def waits(self) -> bool:
        """Whether a reviewer decides."""
        return self.submit or self.again is not None


@dataclass(frozen=True, slots=True)
class Wish:
    """What is said of an act.

    Attributes:
        on: First day on which it is true.
        proof: The document it rests on.
        drawing: Where it is drawn.
        when: Whether it is done now.
    """

    on: dt.date
    reason: str | None
    proof: Proof | None
    drawing: Path | None
    when: When

    def act(self, desk: Desk, delivery: Delivery | None = None) -> Act:
        """Who, when, why, from which file."""
        source = delivery.source if delivery is not None else None
        return Act(by=desk.user, at=settings.now(), on=self.on, reason=self.reason, file=source)


def split(  # noqa: PLR0913, PLR0917 - one argument per option of the command line
    context: typer.Context,
    code: Annotated[str, typer.Argument(help="lineage.arguments.code")],
    layer: LayerOf,
    into: Annotated[list[str], typer.Option(help="lineage.options.split_into")],
    on: On = None,
    stage: Annotated[str | None, typer.Option(help="lineage.options.stage")] = None,
    leave_out: Annotated[
        str | None, typer.Option("--leave-out", help="lineage.options.leave_out")
    ] = None,
    crs_: sent_files.Crs = None,
    kind: proof.Kind = None,
    number: proof.Number = None,
    dated: proof.Dated = None,
    issued_by: proof.IssuedBy = None,
    reviewed_by: proof.ReviewedBy = None,
    file: proof.File = None,
    reason: Reason = None,
    drawing: Drawing = None,
    dry_run: DryRun = False,
    submit: waiting.Submit = False,
    resubmit: waiting.Resubmit = None,
) -> int:
    """Split a parcel."""
    desk = desk_of(context)
    shown = _proof(desk, kind, number, dated, issued_by, reviewed_by, file)
    when = When(dry_run, submit, resubmit)
    wish = _wish(desk, "split", on, reason, shown, drawing, when)
    layers = desk.catalog()
    declared = layers.layer(layer)
    with desk.open(layers) as register:
        delivery = None
        children: gpd.GeoDataFrame | list[str] = into
        if len(into) == 1 and Path(into[0]).exists():
            options = ReceiveOptions(crs=crs_, stage=stage)
            delivery = _received(register, declared, Path(into[0]), options, known=None)
            if not _is_whole(desk, declared, delivery):
                return int(Exit.DELIVERY_NOT_ACCEPTED)
            children = delivery.ready
        act = wish.act(desk, delivery)
        left_out = leave_out.strip() if leave_out is not None else None
        if left_out == "":
            raise ReasonNeededError(what="--leave-out")
        made = succession.split(register, declared.key, code, children, act=act, left_out=left_out)
        return _finish(desk, register, made, wish, act)


def merge(  # noqa: PLR0913, PLR0917 - one argument per option of the command line
    context: typer.Context,
    codes: Annotated[list[str], typer.Argument(help="lineage.arguments.codes")],
    layer: LayerOf,
    into: Annotated[str, typer.Option(help="lineage.options.merge_into")],
    on: On = None,
    stage: Annotated[str | None, typer.Option(help="lineage.options.stage")] = None,
    set_: Annotated[list[str] | None, typer.Option("--set", help="lineage.options.set")] = None,
    kind: proof.Kind = None,
    number: proof.Number = None,
    dated: proof.Dated = None,
    issued_by: proof.IssuedBy = None,
    reviewed_by: proof.ReviewedBy = None,
    file: proof.File = None,
    reason: Reason = None,
    drawing: Drawing = None,
    dry_run: DryRun = False,
    submit: waiting.Submit = False,
    resubmit: waiting.Resubmit = None,
) -> int:
    """Merge parcels."""
    desk = desk_of(context)
    shown = _proof(desk, kind, number, dated, issued_by, reviewed_by, file)
    when = When(dry_run, submit, resubmit)
    wish = _wish(desk, "merge", on, reason, shown, drawing, when)
    layers = desk.catalog()
    declared = layers.layer(layer)
    findings = Findings(declared.key, "")
    said = stated(declared, [into], facts_of(set_ or []), findings=findings)
    if stage is not None:
        said = said.assign(stage=stage_of(declared, stage))
    if not _is_clear(desk, declared, findings.frame()):
        return int(Exit.DELIVERY_NOT_ACCEPTED)
    act = wish.act(desk)
    with desk.open(layers) as register:
        made = succession.merge(register, declared.key, codes, into, said=said, act=act)
        return _finish(desk, register, made, wish, act)


def resurvey(  # noqa: PLR0913, PLR0917 - one argument per option of the command line
    context: typer.Context,
    code: Annotated[str, typer.Argument(help="lineage.arguments.code")],
    layer: LayerOf,
    boundary: Annotated[Path, typer.Option(help="lineage.options.boundary")],
    on: On = None,
    crs_: sent_files.Crs = None,
    kind: proof.Kind = None,
    number: proof.Number = None,
    dated: proof.Dated = None,
    issued_by: proof.IssuedBy = None,
    reviewed_by: proof.ReviewedBy = None,
    file: proof.File = None,
    reason: Reason = None,
    drawing: Drawing = None,
    dry_run: DryRun = False,
    submit: waiting.Submit = False,
    resubmit: waiting.Resubmit = None,
) -> int:
    """Take in a new survey of a boundary."""
    desk = desk_of(context)
    shown = _proof(desk, kind, number, dated, issued_by, reviewed_by, file)
    when = When(dry_run, submit, resubmit)
    wish = _wish(desk, "resurvey", on, reason, shown, drawing, when)
    layers = desk.catalog()
    declared = layers.layer(layer)
    with desk.open(layers) as register:
        known = register.frame(declared.key, desk.moment(wish.on), columns=["code", "name"])
        known = known[known["code"] == code].reset_index()
        options = ReceiveOptions(crs=crs_)
        delivery = _received(register, declared, boundary, options, known=known)
        if not _is_whole(desk, declared, delivery):
            return int(Exit.DELIVERY_NOT_ACCEPTED)
        ready = delivery.ready
        if len(ready) != 1 or (ready["code"].notna().any() and ready["code"].iloc[0] != code):
            raise LineageNotPossibleError(layer=declared.key, codes=[code], reason="one_boundary")
        act = wish.act(desk, delivery)
        shape = ready.geometry.iloc[0]
        made = succession.resurvey(register, declared.key, code, shape, act=act)
        return _finish(desk, register, made, wish, act)


def _wish(  # noqa: PLR0913, PLR0917 - as the command line has them
    desk: Desk,
    what: str,
    on: dt.datetime | None,
    reason: str | None,
    shown: Proof | None,
    drawing: Path | None,
    when: When,
) -> Wish:
    """What was typed; an act names a document or a reason."""
    waiting.refuse_direct(desk, waits=when.waits or when.dry_run)
    if shown is None and not reason:
        raise ReasonNeededError(what=f"jingtu {what}")
    return Wish(on.date() if on else settings.today(), reason, shown, drawing, when)


def _proof(  # noqa: PLR0913, PLR0917 - as the command line has them
    desk: Desk,
    kind: str | None,
    number: str | None,
    dated: dt.datetime | None,
    issued_by: str | None,
    reviewed_by: str | None,
    file: Path | None,
) -> Proof | None:
    return proof.proof(
        desk,
        desk.catalog().documents,
        kind=kind,
        number=number,
        dated=dated,
        issued_by=issued_by,
        reviewed_by=reviewed_by,
        file=file,
    )


def _received(
    register: Register,
    layer: Layer,
    path: Path,
    options: ReceiveOptions,
    *,
    known: gpd.GeoDataFrame | None,
) -> Delivery:
    if register.is_own_file(path):
        raise FileNotReadableError(file=str(path), reason="is_the_register")
    return receive(path, layer, register.territory, options=options, register=known)


def _is_whole(desk: Desk, layer: Layer, delivery: Delivery) -> bool:
    """Whether a file can be taken as it is; what is wrong is printed."""
    found = delivery.findings.frame()
    whole = _is_clear(desk, layer, found)
    return whole and delivery.ready_count == len(delivery.frame) > 0


def _is_clear(desk: Desk, layer: Layer, found: pd.DataFrame) -> bool:
    if not found.empty:
        report.show(found, layer=layer, lang=desk.lang)
    if (found["severity"] == "error").any():
        desk.print(desk.say("lineage.nothing_done"))
        return False
    return True


def _finish(desk: Desk, register: Reviewing, made: Succession, wish: Wish, act: Act) -> int:
    """Print what was found, draw it, and do it unless something stands against it."""
    layer = register.layer(made.layer)
    if not made.findings.empty:
        report.show(made.findings, layer=layer, lang=desk.lang)
    fields = {
        "parents": made.parents["code"].tolist(),
        "children": made.children["code"].tolist(),
        "before": text.area(made.balance.parents_m2, desk.lang, unit="m2"),
        "after": text.area(made.balance.children_m2, desk.lang, unit="m2"),
        "on": wish.on,
    }
    said = desk.say(f"lineage.{made.kind}", **fields)
    desk.print(said)
    if made.left_out is not None:
        desk.print(ancestry.left_said(desk, crs.area_m2(made.balance.left), made.left_out))
    if layer.inheritance is not None and made.kind != "resurvey":
        desk.print(desk.say("lineage.rule", note=layer.inheritance.note.in_(desk.lang)))
    if wish.drawing is not None:
        title = desk.say(f"lineage.acts.{made.kind}")
        drawn = lineage_drawing.page(title, [_act_of(desk, made, said)], lang=desk.lang)
        ancestry.draw(desk, drawn, wish.drawing)
    if not made.is_sound:
        desk.print(desk.say("lineage.nothing_done"))
        return int(Exit.LINEAGE_NOT_POSSIBLE)
    if wish.when.dry_run:
        desk.print(desk.say("commands.import_said.dry_run"))
        return int(Exit.DONE)
    given = wish.proof.kept(register) if wish.proof is not None else None
    if wish.when.waits:
        asked = succession.asked(made, act, given)
        waiting.hand_in(desk, register, made.layer, asked, wish.when.again)
        return int(Exit.DONE)
    number = succession.record(register, made, replace(act, at=settings.now()), given)
    desk.print(desk.say("lineage.done", change=number))
    codes = made.children["code"].tolist()
    checking.show_touched(desk, register, desk.catalog(), made.layer, codes, wish.on)
    return int(Exit.DONE)


def _act_of(desk: Desk, made: Succession, said: str) -> lineage_drawing.Act:
    faults = {
        desk.say(f"lineage.faults.{name}"): getattr(made.balance, name)
        for name in ("left", "outside", "twice")
        if made.kind != "resurvey" and not getattr(made.balance, name).is_empty
    }
    left = {}
    if made.left_out is not None:
        faults.pop(desk.say("lineage.faults.left"), None)
        words = ancestry.left_said(desk, crs.area_m2(made.balance.left), made.left_out)
        left[words] = made.balance.left
    return lineage_drawing.Act(
        said,
        list(zip(made.parents["code"], made.parents.geometry, strict=True)),
        list(zip(made.children["code"], made.children.geometry, strict=True)),
        faults,
        left,
    )
