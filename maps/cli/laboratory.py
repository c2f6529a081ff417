"""`jingtu import-samples`: what laboratories measured, in."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from layers import sampled
from maps import report, settings
from maps.answers import Exit
from maps.cli import aside
from maps.cli.desk import Desk, desk_of
from maps.cli.receipts import Answer
from maps.report_files import Told
from parcels.errors import FileNotReadableError
from parcels.findings import Findings
from parcels.ingest import containers, lab_rows
from parcels.ingest.lab_rows import SortedOut
from parcels.ingest.laboratory import LabReport, receive_samples
from parcels.ingest.rejects import write_rows
from parcels.model import Layer
from parcels.recording import Act
from parcels.register import Register


class Medium(StrEnum):
    """What a sample is of."""

    SOIL = "soil"
    GROUNDWATER = "groundwater"
    PRODUCE = "produce"


def import_samples(  # noqa: PLR0913, PLR0917 - one argument per option of the command line
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="sampling.arguments.file")],
    medium: Annotated[Medium | None, typer.Option(help="sampling.options.medium")] = None,
    land: Annotated[str | None, typer.Option(help="sampling.options.land")] = None,
    lab: Annotated[str | None, typer.Option(help="sampling.options.lab")] = None,
    part: Annotated[str | None, typer.Option(help="commands.options.part")] = None,
    reason: Annotated[str | None, typer.Option(help="commands.options.reason")] = None,
    accept_valid: Annotated[
        bool, typer.Option("--accept-valid", help="sampling.options.accept_valid")
    ] = False,
    rejects: Annotated[Path | None, typer.Option(help="commands.options.rejects")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="commands.options.dry_run")] = False,
    report_to: Annotated[
        list[Path] | None, typer.Option("--report", help="commands.options.report")
    ] = None,
) -> int:
    """Check a laboratory's workbook and take its samples in."""
    desk = desk_of(context)
    answer = Answer(files=tuple(report_to or ()))
    answer.check()
    layers = desk.catalog()
    said = {"medium": medium.value if medium else "", "land": land or "", "lab": lab or ""}
    with desk.open(layers, create=True) as register:
        if register.is_own_file(file):
            raise FileNotReadableError(file=str(file), reason="is_the_register")
        points = layers.layer(sampled.POINTS[0])
        with containers.only(file, part=part) as sent:
            findings = Findings(points.key, sent.name)
            told = receive_samples(sent, findings, said=said, part=part)
        _report_points(register, told)
        found = findings.frame()
        answer.report(desk, Told(found, points, desk.lang, None, register.territory))
        sorted_ = lab_rows.sort_out(told)
        wrong = bool((found["severity"] == "error").any()) or told.samples.empty
        if dry_run:
            desk.print(desk.say("commands.import_said.dry_run"))
        elif sorted_.samples.empty or (wrong and not accept_valid):
            desk.print(desk.say("sampling.said.nothing_stored"))
        else:
            _put_aside(desk, points, told, sorted_, rejects)
            _store(desk, register, told, sorted_, said, reason=reason)
    return int(Exit.DELIVERY_NOT_ACCEPTED if wrong else Exit.DONE)


def _put_aside(
    desk: Desk, layer: Layer, told: LabReport, sorted_: SortedOut, asked: Path | None
) -> None:
    """Write the rows kept out, complete, with the rows of units and limits above them."""
    if not sorted_.out:
        return
    path = aside.place(told.arrived, asked, several=False)
    said = report.reasons(told.findings.frame(), layer=layer, lang=desk.lang)
    beside = desk.say("sampling.said.beside")
    reasons = dict.fromkeys(told.marked, "") | dict.fromkeys(sorted_.beside, beside)
    write_rows(told.arrived, path, reasons=reasons | {row: said.get(row, "") for row in said})
    desk.print(
        desk.say(
            "sampling.said.rejects",
            file=told.source.name,
            samples=sorted_.kept_out,
            rows=len(sorted_.out),
            rejects=path,
        )
    )


def _report_points(register: Register, told: LabReport) -> None:
    if told.samples.empty:
        return
    named = told.samples["point"].dropna()
    unknown = sampled.unknown_points(register, named.unique().tolist())
    rows = told.samples[told.samples["point"].isin(unknown)].drop_duplicates("point")
    told.findings.add(
        "point_not_known", rows=rows["row"], numbers=rows["number"], found=rows["point"]
    )


def _store(
    desk: Desk,
    register: Register,
    told: LabReport,
    sorted_: SortedOut,
    said: Mapping[str, str],
    *,
    reason: str | None,
) -> None:
    act = Act(
        by=desk.user,
        at=settings.now(),
        on=settings.today(),
        reason=reason,
        file=told.source,
        details={key: word for key, word in said.items() if word}
        | ({"kept_out": sorted_.kept_out} if sorted_.kept_out else {}),
    )
    done = register.take_samples(sorted_.samples, sorted_.readings, act)
    key = "known" if done.known_as else "unchanged" if done.change is None else "stored"
    fields = {
        "change": done.known_as or done.change,
        "created": done.created,
        "replaced": done.replaced,
        "unchanged": done.unchanged,
        "readings": done.readings,
    }
    desk.print(desk.say(f"sampling.said.{key}", file=told.source.name, **fields))
