"""`jingtu plan report`, `import`, `template`, `reports`, `withdraw`: what units report."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Final

import pandas as pd
import typer

from layers import (
    plan_book,
    progress,
    report_book,
    report_checks,
    report_form,
    report_lists,
)
from layers.catalog import Catalog
from layers.figures import Basis
from layers.report_book import Filed
from layers.report_checks import Book
from maps import report as findings_report
from maps import settings, tables, text
from maps.answers import Exit
from maps.cli import plan_desk
from maps.cli.desk import Desk, Known, dates, desk_of
from maps.cli.plan_desk import Out, Reason, Shape, Today, Year
from maps.tables import Format
from parcels.errors import FileNotReadableError, ReasonNeededError
from parcels.exchange import templates
from parcels.findings import Findings
from parcels.model import Moment, SourceFile
from parcels.recording import Act
from parcels.register import Register

_LISTED: Final = (
    "report", "subject", "deadline", "unit", "period", "true_on", "state", "written", "amount",
    "amount_unit", "kind", "number", "dated_on", "issued_by", "file", "sha256", "note", "change",
    "made_by", "made_at", "reason", "list", "row", "until_change",
)  # fmt: skip
_ON_SCREEN: Final = (
    "report", "subject", "unit", "period", "true_on", "state", "written", "kind", "number",
    "file", "change", "made_by", "until_change",
)  # fmt: skip


def report(  # noqa: PLR0913, PLR0917 - one argument per option of the command line
    context: typer.Context,
    subject: Annotated[str, typer.Argument(help="plan.arguments.subject")],
    unit: Annotated[str, typer.Option(help="plan.options.of_unit")],
    state: Annotated[str | None, typer.Option(help="plan.options.reported_state")] = None,
    on: Annotated[
        dt.datetime | None, typer.Option(formats=["%Y-%m-%d"], help="plan.options.on")
    ] = None,
    deadline: Annotated[str | None, typer.Option(help="plan.options.deadline")] = None,
    value: Annotated[str | None, typer.Option(help="plan.options.value")] = None,
    period: Annotated[str | None, typer.Option(help="plan.options.period")] = None,
    evidence: Annotated[str | None, typer.Option(help="commands.options.evidence")] = None,
    number: Annotated[str | None, typer.Option(help="commands.options.number")] = None,
    dated: Annotated[
        dt.datetime | None, typer.Option(formats=["%Y-%m-%d"], help="commands.options.dated")
    ] = None,
    issued_by: Annotated[str | None, typer.Option(help="commands.options.issued_by")] = None,
    file: Annotated[Path | None, typer.Option(help="commands.options.evidence_file")] = None,
    note: Annotated[str | None, typer.Option(help="plan.options.note")] = None,
    reason: Reason = None,
    year: Year = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="commands.options.dry_run")] = False,
) -> int:
    """Report how far a measure is, or the value of an indicator."""
    desk = desk_of(context)
    layers = desk.catalog()
    said = {
        "subject": subject,
        "unit": unit,
        "state": state,
        "on": on and on.date().isoformat(),
        "deadline": deadline,
        "value": value,
        "period": period,
        "evidence": evidence,
        "number": number,
        "dated_on": dated and dated.date().isoformat(),
        "issued_by": issued_by,
        "file": None if file is None else str(file),
        "note": note,
    }
    with desk.open(layers, create=True) as register:
        book = _book(desk, register, layers, year)
        findings = Findings(book.form.key, "")
        given = {key: held for key, held in said.items() if held}
        rows = report_lists.typed(given, book.form, findings)
        act = Act(by=desk.user, at=settings.now(), on=settings.today(), reason=reason)
        return _take(desk, register, book, rows, findings, act, file_of=_typed_file, dry=dry_run)


def import_(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="plan.arguments.list")],
    part: Annotated[str | None, typer.Option(help="commands.options.part")] = None,
    reason: Reason = None,
    year: Year = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="commands.options.dry_run")] = False,
) -> int:
    """Check a workbook of reports and take all of it in, or nothing."""
    desk = desk_of(context)
    layers = desk.catalog()
    with desk.open(layers, create=True) as register:
        if register.is_own_file(file):
            raise FileNotReadableError(file=str(file), reason="is_the_register")
        book = _book(desk, register, layers, year)
        findings = Findings(book.form.key, file.name)
        source, rows = report_lists.receive(file, book.form, findings, part=part)
        act = Act(by=desk.user, at=settings.now(), on=settings.today(), reason=reason, file=source)
        beside = report_lists.beside(file.parent)
        return _take(desk, register, book, rows, findings, act, file_of=beside, dry=dry_run)


def template(
    context: typer.Context,
    path: Annotated[Path, typer.Argument(help="plan.arguments.template")],
    unit: Annotated[list[str] | None, typer.Option(help="plan.options.template_unit")] = None,
    period: Annotated[str | None, typer.Option(help="plan.options.template_period")] = None,
    year: Year = None,
) -> None:
    """Write a workbook to fill in, with a row for each measure and indicator of some units."""
    desk = desk_of(context)
    layers = desk.catalog()
    with desk.open(layers, create=True) as register:
        book = _book(desk, register, layers, year)
        places = plan_desk.places_of(register.territory, unit or ())
        names = plan_desk.place_names(desk, register.territory)
    filled = [] if places is None else _rows(desk, book, sorted(places), names, period or "")
    words = {**text.words("words", desk.lang), **text.words("catalog.template", desk.lang)}
    words["sheet_parcels"] = desk.say("plan.said.sheet")
    templates.write_template(book.form, path, lang=desk.lang, words=words, filled=filled)
    desk.print(desk.say("cli.written", file=path))


def reports(  # noqa: PLR0913, PLR0917 - one argument per option of the command line
    context: typer.Context,
    subject: Annotated[list[str] | None, typer.Argument(help="plan.arguments.subjects")] = None,
    unit: Annotated[list[str] | None, typer.Option(help="plan.options.of_units")] = None,
    whole: Annotated[bool, typer.Option("--history", help="plan.options.history")] = False,
    today: Today = None,
    known: Known = None,
    format_: Shape = Format.TABLE,
    out: Out = None,
) -> None:
    """List what units reported, with documents; on request everything there ever was."""
    desk = desk_of(context)
    moment = desk.moment(today, known)
    layers = desk.catalog()
    with desk.open(layers) as register:
        territory = register.territory_at(moment)
        places = plan_desk.places_of(territory, unit or ())
        if whole:
            rows = report_book.history(register)
        else:
            rows = report_book.reported(register, moment).assign(until_change=None)
    if subject:
        rows = rows[rows["subject"].isin(subject)]
    if places is not None:
        rows = rows[rows["unit"].isin(places)]
    for key in ("row", "until_change"):
        rows[key] = rows[key].astype(object).where(rows[key].notna(), None)
    if format_ in plan_desk.FOR_PEOPLE:
        rows = plan_desk.reports_in_words(desk, rows, territory, layers)
    shown = _ON_SCREEN if format_ is Format.TABLE else _LISTED
    tables.show(
        rows[list(shown)],
        headings=tables.headings("plan.columns", desk.lang, shown),
        format=format_.value,
        out=out,
        lang=desk.lang,
        title=desk.say("plan.said.reports", count=len(rows), state=desk.state(moment)),
        meta=dates(moment),
    )


def withdraw(
    context: typer.Context,
    number: Annotated[int, typer.Argument(help="plan.arguments.report")],
    reason: Reason = None,
) -> None:
    """Take a report back; it stays in the history."""
    desk = desk_of(context)
    if not (reason or "").strip():
        raise ReasonNeededError
    act = Act(by=desk.user, at=settings.now(), on=settings.today(), reason=reason)
    with desk.open(desk.catalog()) as register:
        change = report_book.withdraw(register, number, act)
    desk.print(desk.say("plan.said.withdrawn", report=number, change=change))


def _book(desk: Desk, register: Register, layers: Catalog, year: int | None) -> Book:
    """What reports are checked against today."""
    today = settings.today()
    moment = Moment(today)
    found = plan_book.plan_of(register, moment, year)
    assigned = plan_book.roles(register, found, moment)
    bodies = {key: one.bodies for key, one in assigned.items()}
    territory = register.territory
    return Book(
        report_form.form(layers.documents.values()),
        found,
        desk.indicators(layers),
        territory,
        progress.concerns(found, bodies, territory),
        today,
    )


def _take(  # noqa: PLR0913 - what was sent, and all it is checked against and kept with
    desk: Desk,
    register: Register,
    book: Book,
    rows: pd.DataFrame,
    findings: Findings,
    act: Act,
    *,
    file_of: Callable[[str], Path | None],
    dry: bool,
) -> int:
    """Check reports and keep all of them, or say what is wrong and keep none."""
    ready = report_checks.checked(rows, book, findings, file_of=file_of)
    found = findings.frame()
    if not found.empty or act.file is not None:
        findings_report.show(found, layer=book.form, lang=desk.lang)
    if (found["severity"] == "error").any() or ready.empty:
        desk.print(desk.say("plan.said.nothing_kept"))
        return int(Exit.DELIVERY_NOT_ACCEPTED)
    if dry:
        desk.print(desk.say("commands.import_said.dry_run"))
        return int(Exit.DONE)
    kept: dict[Path, SourceFile] = {
        path: register.documents.keep(path) for path in ready[report_checks.FILE].dropna().unique()
    }
    whole = ready.assign(source=[kept.get(path) for path in ready[report_checks.FILE]])
    if act.file is None:
        whole = whole.assign(row=None)
    _say(desk, report_book.take(register, whole, act))
    return int(Exit.DONE)


def _say(desk: Desk, done: Filed) -> None:
    key = "known" if done.known_as else "unchanged" if done.change is None else "kept"
    desk.print(
        desk.say(
            f"plan.said.{key}",
            change=done.known_as or done.change,
            created=done.created,
            replaced=done.replaced,
            unchanged=done.unchanged,
        )
    )


def _typed_file(name: str) -> Path | None:
    path = Path(name)
    return path if path.is_file() else None


def _rows(
    desk: Desk, book: Book, places: Sequence[str], names: dict[str, str], period: str
) -> list[dict[str, str]]:
    """A row for each measure of a unit and each of its deadlines, and each reported indicator."""
    concern = book.concern[book.concern["concern"] != progress.NOBODY]
    reported = [
        one for one in book.indicators.values()
        if one.basis is Basis.REPORTED and one.unit != "state"
    ]  # fmt: skip
    rows = []
    for place in places:
        theirs = set(concern.loc[concern["unit"] == place, "measure"])
        rows += [
            {
                "subject": one.measure,
                "deadline": "" if one.label is None else one.label.in_(desk.lang),
                "unit": names[place],
            }
            for one in book.plan.deadlines
            if one.measure in theirs
        ]
        rows += [
            {
                "subject": one.label.in_(desk.lang),
                "unit": names[place],
                "period": period,
                "value_unit": "%" if one.unit == "share" else "",
            }
            for one in reported
        ]
    return rows
