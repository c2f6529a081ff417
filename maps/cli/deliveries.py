"""`jingtu import`: deliveries in, with a report of everything found."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any

import geopandas as gpd
import pandas as pd
import typer

from layers import rule_door
from maps import report, settings, tables
from maps.answers import Exit
from maps.cli import aside, merging, proof, refused_files, sent_files, waiting
from maps.cli.bars import bar
from maps.cli.desk import Desk, desk_of
from maps.cli.interruption import Interruption
from maps.cli.merging import MergeWish, Received
from maps.cli.proof import Proof
from maps.cli.receipts import Answer, Receipt
from maps.report_files import Told
from parcels import mappings
from parcels import register as registers
from parcels.errors import (
    FileNotReadableError,
    ReasonNeededError,
)
from parcels.findings import Findings
from parcels.ingest import copies, deliveries
from parcels.ingest.containers import Item
from parcels.ingest.deliveries import Unread
from parcels.ingest.delivery import STEPS, Delivery, ReceiveOptions, receive, repairs
from parcels.ingest.rejects import write_rejects
from parcels.lifecycle import Evidence
from parcels.matching import SameLand
from parcels.model import Layer
from parcels.moves import Claim
from parcels.recording import Act
from parcels.register import Intake, Outcome, Register
from parcels.reviewing import Reviewing, Submitted


@dataclass(frozen=True, slots=True)
class Wish:
    """What the sender and the clerk say about a delivery.

    Attributes:
        options: What helps to read it.
        on: First day on which it is true.
        accept_valid: Take the rows without errors, write the others to `rejects`.
        dry_run: Check everything, store nothing.
        proof: The document all moves from stage to stage rest on; None where rows name theirs.
        corrects: What the register believes was wrong; the life cycle does not bind.
        sender: Whose confirmed columns are used, and kept when the delivery is stored.
        merge: What is said of merging a copy lent for editing.
        submit: Leave it to a reviewer instead of storing it.
        resubmits: The returned submission that it mends.
        stands_on: The document of evidence kept when that was submitted first.
    """

    options: ReceiveOptions
    on: dt.date
    reason: str | None = None
    accept_valid: bool = False
    dry_run: bool = False
    rejects: Path | None = None
    sender: str | None = None
    proof: Proof | None = None
    corrects: bool = False
    merge: MergeWish = field(default_factory=MergeWish)
    submit: bool = False
    resubmits: int | None = None
    stands_on: Evidence | None = None

    @property
    def claim(self) -> Claim:
        """On what ground moves are made."""
        said = self.proof.said if self.proof else self.stands_on
        return Claim(self.on, said, self.corrects)


def import_(  # noqa: PLR0913, PLR0917 - one argument per option of the command line
    context: typer.Context,
    files: Annotated[list[Path], typer.Argument(help="commands.arguments.files")],
    layer: Annotated[
        str | None, typer.Option("--layer", "-l", help="commands.options.layer")
    ] = None,
    on: Annotated[
        dt.datetime | None, typer.Option(formats=["%Y-%m-%d"], help="commands.options.on")
    ] = None,
    crs: sent_files.Crs = None,
    swapped: sent_files.Swapped = False,
    offset: sent_files.OffsetBy = None,
    control_points: sent_files.ControlPoints = None,
    encoding: sent_files.Encoding = None,
    part: sent_files.Part = None,
    column: sent_files.Column = None,
    sender: sent_files.Sender = None,
    accept_suggested: sent_files.AcceptSuggested = False,
    district: Annotated[str | None, typer.Option(help="commands.options.row_district")] = None,
    unit: Annotated[str | None, typer.Option(help="commands.options.row_unit")] = None,
    stage: Annotated[str | None, typer.Option(help="commands.options.row_stage")] = None,
    reason: Annotated[str | None, typer.Option(help="commands.options.reason")] = None,
    kind: proof.Kind = None,
    number: proof.Number = None,
    dated: proof.Dated = None,
    issued_by: proof.IssuedBy = None,
    reviewed_by: proof.ReviewedBy = None,
    file: proof.File = None,
    correct: Annotated[bool, typer.Option("--correct", help="commands.options.correct")] = False,
    repair: sent_files.Repair = False,
    same_land: sent_files.SameLandIs = SameLand.ASK,
    resolve: merging.Resolve = None,
    resolutions: merging.ResolutionsFrom = None,
    end_removed: merging.EndRemoved = False,
    differences: merging.DifferencesTo = None,
    accept_valid: Annotated[
        bool, typer.Option("--accept-valid", help="commands.options.accept_valid")
    ] = False,
    rejects: Annotated[Path | None, typer.Option(help="commands.options.rejects")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="commands.options.dry_run")] = False,
    submit: Annotated[bool, typer.Option("--submit", help="review.options.submit")] = False,
    report_to: Annotated[
        list[Path] | None, typer.Option("--report", help="commands.options.report")
    ] = None,
    format_: Annotated[
        tables.Format, typer.Option("--format", help="commands.options.report_format")
    ] = tables.Format.TABLE,
    out: Annotated[Path | None, typer.Option(help="commands.options.report_out")] = None,
) -> int:
    """Check deliveries and take them in."""
    desk = desk_of(context)
    answer = Answer(format_, out, tuple(report_to or ()))
    answer.check()
    layers = desk.catalog()
    declared = layers.layer(merging.layer_of(files, layer))
    if correct and not reason:
        raise ReasonNeededError(what="--correct")
    waiting.refuse_direct(desk, waits=submit or dry_run)
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
    wish = Wish(
        options=replace(read, district=district, unit=unit, stage=stage),
        on=on.date() if on else settings.today(),
        reason=reason,
        accept_valid=accept_valid,
        dry_run=dry_run,
        rejects=rejects,
        proof=proof.proof(
            desk,
            layers.documents,
            kind=kind,
            number=number,
            dated=dated,
            issued_by=issued_by,
            reviewed_by=reviewed_by,
            file=file,
        ),
        corrects=correct,
        sender=sender or unit or district,
        submit=submit,
        merge=merging.wish(
            declared,
            resolve=resolve or [],
            resolutions=resolutions,
            end_removed=end_removed,
            differences=differences or [],
            reason=reason,
        ),
    )
    with Interruption() as watch, desk.open(layers, create=True) as register:
        return bring_in(desk, register, declared, files, wish, answer=answer, watch=watch)


def bring_in(  # noqa: PLR0913 - what is asked, and how to answer
    desk: Desk,
    register: Reviewing,
    layer: Layer,
    files: list[Path],
    wish: Wish,
    *,
    answer: Answer | None = None,
    watch: Interruption | None = None,
) -> int:
    """Receive files, report what was found, and store what may be stored.

    Of several files, those that cannot be read are told of with what is found in the others.

    Returns:
        The exit code: DONE, or DELIVERY_NOT_ACCEPTED when a row or a file was kept out.
    """
    answer, watch = answer or Answer(), watch or Interruption()
    for path in files:
        _refuse_own(register, path)
    with deliveries.sent(files, layer, wish.options) as sent:
        received, unread = deliveries.each(
            sent, lambda one: _receive(desk, register, layer, one, wish)
        )
    came = [one.delivery for one in received]
    _look_beside(desk, register, layer, came, wish.on)
    found = _found(layer, came, unread)
    told = Told(found, layer, desk.lang, _boundaries(came), register.territory)
    answer.report(desk, told)
    for line in (line for one in received for line in one.said(desk, wish.merge)):
        answer.say(desk, line)
    kept_out = sum(len(one.frame) - one.ready_count for one in came)
    refused = kept_out > 0 or bool((found["severity"] == "error").any())
    receipts = [Receipt.of(one) for one in came]
    unread_receipts = [Receipt.of_refused(one.name, one.refusal.code) for one in unread]
    if wish.dry_run:
        answer.say(desk, desk.say("commands.import_said.dry_run"))
    elif refused and not wish.accept_valid:
        answer.say(desk, _nothing_stored(desk, rows=kept_out, files=len(unread)))
    else:
        receipts = _take_in(desk, register, layer, received, wish, answer=answer, watch=watch)
    code = Exit.DELIVERY_NOT_ACCEPTED if refused else Exit.DONE
    answer.give(told, [*receipts, *unread_receipts], code=code, dry_run=wish.dry_run)
    return int(code)


def _look_beside(
    desk: Desk, register: Register, layer: Layer, came: list[Delivery], on: dt.date
) -> None:
    """Look at the rules between layers; a layer that names none is done already."""
    if not rule_door.rules_of(layer):
        return
    catalog, moment = desk.catalog(), desk.moment(on)
    for one in came:
        rule_door.look(register, catalog, layer, one.frame, moment=moment, findings=one.findings)


def _nothing_stored(desk: Desk, *, rows: int, files: int) -> str:
    if files:
        key = "files_and_rows_refused" if rows else "files_refused"
        return desk.say(f"commands.import_said.{key}", files=files, rows=rows)
    return desk.say("commands.import_said.nothing_stored", rows=rows)


def _take_in(  # noqa: PLR0913 - what is asked, and how to answer
    desk: Desk,
    register: Reviewing,
    layer: Layer,
    received: list[Received],
    wish: Wish,
    *,
    answer: Answer,
    watch: Interruption,
) -> list[Receipt]:
    """Write the rows kept out, then store or submit the others."""
    # If the rows kept out cannot be written, nothing may be stored either.
    written = _put_aside(desk, layer, received, wish)
    receipts = [
        Receipt.of(one.delivery).put_aside(path)
        for one, path in zip(received, written, strict=True)
    ]
    for one in receipts:
        if one.rejects is not None:
            answer.say(desk, one.said_aside(desk))
    if wish.submit:
        waits = _submit(desk, register, layer, received, wish)
        receipts = [one.submitted_as(kept) for one, kept in zip(receipts, waits, strict=True)]
    else:
        stored = _store(desk, register, layer, received, wish, watch=watch)
        receipts = [one.stored_as(kept) for one, kept in zip(receipts, stored, strict=True)]
    for one in receipts:
        if one.looked_at:
            answer.say(desk, one.said(desk))
    return receipts


def _refuse_own(register: Register, path: Path) -> None:
    if register.is_own_file(path):
        # GDAL on the open register would break its locks; a checkout is a copy.
        raise FileNotReadableError(file=str(path), reason="is_the_register")


def _receive(desk: Desk, register: Register, layer: Layer, sent: Item, wish: Wish) -> Received:
    _refuse_own(register, sent.path)
    base = copies.base_of(sent.path)
    if base is not None:
        returned, looked_at = merging.receive_back(
            desk,
            register,
            layer,
            sent,
            base,
            options=wish.options,
            claim=wish.claim,
            asked=wish.merge,
        )
        return Received(returned.delivery, returned, looked_at)
    known = register.frame(layer.key, desk.moment(), columns=["code", "name"])
    with bar(desk, sent.name, STEPS) as progress:
        delivery = receive(
            sent,
            layer,
            register.territory,
            options=replace(wish.options, kept=register.kept_mappings(wish.sender, layer.key)),
            register=known.reset_index(),
            moves=lambda rows, findings: register.assess(layer.key, rows, wish.claim, findings),
            progress=progress,
        )
    return Received(delivery)


def _found(layer: Layer, came: list[Delivery], unread: list[Unread]) -> pd.DataFrame:
    whole = Findings(layer.key, "")
    for delivery in came:
        whole.merge(delivery.findings)
    for one in unread:
        about = Findings(layer.key, one.name)
        refused_files.report(one, about)
        whole.merge(about)
    return whole.frame()


def _boundaries(came: list[Delivery]) -> gpd.GeoDataFrame | None:
    """Boundaries of all files as they were delivered, in the register's CRS."""
    if not came:
        return None
    parts = [one.frame[["file", "row", one.frame.geometry.name]] for one in came]
    whole = pd.concat(parts, ignore_index=True)
    return gpd.GeoDataFrame(whole, geometry=came[0].frame.geometry.name)


def _store(
    desk: Desk,
    register: Register,
    layer: Layer,
    received: list[Received],
    wish: Wish,
    *,
    watch: Interruption,
) -> list[Outcome | None]:
    """Store the good rows of all files in one transaction; None for a file without any."""
    places = [n for n, one in enumerate(received) if one.delivery.ready_count or one.ends]
    if not places:
        return [None] * len(received)
    intakes = _intakes(desk, register, [received[place] for place in places], wish)
    name = received[places[0]].delivery.source.name if len(places) == 1 else layer.key
    with bar(desk, name, registers.STEPS) as told:

        def progress(step: str, done: int, total: int) -> None:
            told(step, done, total)
            watch.hold() if step == "commit" else watch.check()

        outcomes = register.take_all(layer.key, intakes, progress=progress)
    by_place = dict(zip(places, outcomes, strict=True))
    return [by_place.get(place) for place in range(len(received))]


def _intakes(desk: Desk, register: Register, received: list[Received], wish: Wish) -> list[Intake]:
    given = wish.proof.kept(register) if wish.proof else wish.stands_on
    return [
        Intake(
            one.delivery.ready,
            _act(desk, register, one, wish),
            one.delivery.ready_placement,
            evidence=given,
            corrects=wish.corrects,
            merges=one.merges,
            ends=one.ends,
        )
        for one in received
    ]


def _submit(
    desk: Desk, register: Reviewing, layer: Layer, received: list[Received], wish: Wish
) -> list[Submitted | None]:
    """Leave the good rows of all files to a reviewer; None for a file without any."""
    if any(one.ends for one in received):
        raise typer.BadParameter(desk.say("review.said.no_ends"))
    places = [n for n, one in enumerate(received) if one.delivery.ready_count]
    intakes = _intakes(desk, register, [received[place] for place in places], wish)
    if wish.resubmits is not None:
        done = [register.resubmit(wish.resubmits, one) for one in intakes[:1]]
    else:
        done = register.submit(layer.key, intakes)
    by_place = dict(zip(places, done, strict=False))
    return [by_place.get(place) for place in range(len(received))]


def _act(desk: Desk, register: Register, received: Received, wish: Wish) -> Act:
    delivery, options = received.delivery, wish.options
    chosen: Mapping[str, Any] = {
        "crs": options.crs,
        "swapped": options.swapped or None,
        "offset": options.offset,
        "place": dict(delivery.place),
        "encoding": options.encoding,
        "part": delivery.arrived.part or options.part,
        "mapping": dict(options.mapping),
        "accepted": dict(delivery.accepted),
        "sender": wish.sender,
        "district": options.district,
        "unit": options.unit,
        "stage": options.stage,
        "repairs": repairs(delivery),
        "same_land": "" if options.same_land is SameLand.ASK else options.same_land.value,
        "rows": len(delivery.frame),
        "rejected": len(delivery.frame) - delivery.ready_count,
        "merged": {} if received.returned is None else merging.told(received.returned),
    }
    return Act(
        by=desk.user,
        at=settings.now(),
        on=wish.on,
        reason=wish.reason,
        unit=options.unit,
        file=delivery.source,
        sender=mappings.sender_of(wish.sender, register.territory),
        confirmed=dict(options.mapping) | dict(delivery.accepted),
        details={key: said for key, said in chosen.items() if said not in (None, {}, [], "")},
    )


def _put_aside(
    desk: Desk, layer: Layer, received: list[Received], wish: Wish
) -> list[Path | None]:
    """Write the rows kept out to a file of the kind they came in; None where none were."""
    written: list[Path | None] = []
    for one in received:
        delivery = one.delivery
        out = set(delivery.frame.loc[~delivery.frame["ok"], "row"].astype(int)) | delivery.lost
        if not out:
            written.append(None)
            continue
        path = aside.place(delivery.arrived, wish.rejects, several=len(received) > 1)
        said = report.reasons(delivery.findings.frame(), layer=layer, lang=desk.lang)
        write_rejects(delivery, path, reasons={row: said.get(row, "") for row in out})
        if one.returned is not None:
            merging.keep_base(one.returned, path)
        written.append(path)
    return written
