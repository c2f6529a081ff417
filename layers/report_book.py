"""The book of reports: how far measures are, and values of indicators, as units reported them.

Nothing is overwritten: a report that says otherwise of the same closes the former, one taken back
is closed, and every row belongs to the change that wrote it.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pandas as pd
import sqlalchemy as sa

from layers.figures import Basis, Figure
from layers.plan_book import believed
from layers.reported import filled
from parcels.errors import UnknownReportError
from parcels.model import Moment, SourceFile
from parcels.plan_tables import REPORT, WITHDRAW, report
from parcels.reading import known_at
from parcels.recording import Act, Recorder, plain
from parcels.register import Register
from parcels.store import Query
from parcels.tables import NOT_SUPERSEDED, change, file

SAID: Final = (
    "subject",
    "year",
    "deadline",
    "unit",
    "period",
    "true_on",
    "state",
    "written",
    "amount",
    "amount_unit",
    "note",
    "kind",
    "number",
    "dated_on",
    "issued_by",
)
"""What a report says; see `parcels.plan_tables.report`."""

_DAYS: Final = frozenset({"true_on", "dated_on"})
_AT_ONCE: Final = 500


@dataclass(frozen=True, slots=True)
class Filed:
    """What taking reports in did.

    Attributes:
        change: Number of the change; None when the register already said all of it.
        created: Reports of what nothing was known of.
        replaced: Reports of what something else was known of until now.
        unchanged: Reports that say what the register says.
        known_as: Number of the earlier change that took in the very same file.
    """

    change: int | None
    created: int = 0
    replaced: int = 0
    unchanged: int = 0
    known_as: int | None = None


def take(register: Register, rows: pd.DataFrame, act: Act) -> Filed:
    """Take reports in as one change, all or nothing.

    Args:
        register: The register.
        rows: SAID, `row` (in the list they came from, missing where one was typed) and `source`
            (the kept document, a SourceFile or None); no two of the same.
        act: Who, when, why; a list already taken in changes nothing.

    Raises:
        StoreBusyError: Another process is writing.
    """
    with register.store.write() as connection:
        seen = _change_of_file(connection, act.file)
        if seen is not None:
            return Filed(None, unchanged=len(rows), known_as=seen)
        held = _held(register, connection, rows["subject"].unique())
        former = dict(zip(_keys(held), held["id"], strict=True))
        told = dict(zip(held["id"], _told(held, held["sha256"]), strict=True))
        digests = rows["source"].map(lambda one: one.sha256, na_action="ignore")
        mine = _told(rows, digests)
        ids = [former.get(key) for key in _keys(rows)]
        fresh = [told.get(key) != said for key, said in zip(ids, mine, strict=True)]
        if not any(fresh):
            return Filed(None, unchanged=len(rows))
        recorder = Recorder(register.store, connection, act)
        recorder.open(REPORT)
        closed = [key for key, new in zip(ids, fresh, strict=True) if new and key is not None]
        _close(connection, closed, recorder.number)
        _write(recorder, rows[fresh])
    created, replaced = sum(fresh) - len(closed), len(closed)
    return Filed(recorder.number, created, replaced, len(rows) - created - replaced)


def withdraw(register: Register, number: int, act: Act) -> int:
    """Take a report back, as a change; what was reported before it does not come back.

    Returns:
        The number of the change.

    Raises:
        UnknownReportError: There is no such report that still counts.
    """
    with register.store.write() as connection:
        query = sa.select(report.c.id).where(
            report.c.id == number, report.c.recorded_to == NOT_SUPERSEDED
        )
        if connection.execute(query).first() is None:
            last = connection.execute(sa.select(sa.func.max(report.c.id))).scalar()
            raise UnknownReportError(report=number, last=last or 0)
        recorder = Recorder(register.store, connection, act)
        change_number = recorder.open(WITHDRAW)
        _close(connection, [number], change_number)
    return change_number


def reported(
    register: Register,
    moment: Moment,
    *,
    subjects: Collection[str] | None = None,
    values: bool | None = None,
) -> pd.DataFrame:
    """The reports that count: true until a day, as known at an instant.

    Args:
        register: The register.
        moment: The two times. A value is true on the last day of its period.
        subjects: Numbers of measures and keys of indicators; all where None.
        values: True for values of indicators only, False for progress of measures only.

    Returns:
        In the order of recording: `report` (its number), SAID with days as dates, `row`, `file`,
        `sha256` and `size_bytes` of the kept document, `change` that brought it with `made_by`,
        `made_at`, `reason` and `list`, the list it came in. `written` is the value as it was
        written, `amount` the same as exact decimal text in `amount_unit`.
    """
    query = _listing().where(report.c.true_on <= moment.on)
    if values is not None:
        of_value = report.c.period.is_not(None)
        query = query.where(of_value if values else ~of_value)
    if subjects is not None:
        query = query.where(report.c.subject.in_(list(subjects)))
    with register.store.read() as connection:
        known = known_at(connection, moment)
        return register.store.frame(connection, query.where(believed(report, known)))


def with_reports(register: Register, figures: Sequence[Figure], moment: Moment) -> list[Figure]:
    """Figures, those of reported indicators with what units reported; see `layers.reported`."""
    asked = {one.indicator for one in figures if one.basis is Basis.REPORTED}
    if not asked:
        return list(figures)
    return filled(figures, reported(register, moment, subjects=asked, values=True))


def history(register: Register) -> pd.DataFrame:
    """Every report there ever was, in the order of recording.

    Returns:
        As `reported`, and `until_change`, the change by which it ended (missing while it counts).
    """
    query = _listing().add_columns(report.c.recorded_to.label("until_change"))
    with register.store.read() as connection:
        rows = register.store.frame(connection, query)
    ended = rows["until_change"].astype("Int64")
    return rows.assign(until_change=ended.mask(ended == NOT_SUPERSEDED))


def _listing() -> Query:
    kept, sent = file.alias("kept"), file.alias("sent")
    return (
        sa.select(
            report.c.id.label("report"),
            *[report.c[name] for name in SAID],
            report.c.source_row.label("row"),
            kept.c.name.label("file"),
            kept.c.sha256,
            kept.c.size_bytes,
            change.c.id.label("change"),
            *[change.c[name] for name in ("made_by", "made_at", "reason")],
            sent.c.name.label("list"),
        )
        .select_from(
            report.join(change, report.c.recorded_from == change.c.id)
            .outerjoin(kept, report.c.file_id == kept.c.id)
            .outerjoin(sent, change.c.file_id == sent.c.id)
        )
        .order_by(report.c.id)
    )


def _keys(rows: pd.DataFrame) -> list[tuple[Any, ...]]:
    """What a report is about: of progress also the day, of a value the period."""
    days = rows["true_on"].where(rows["period"].isna(), None)
    names = ("subject", "year", "deadline", "unit", "period")
    parts = [plain(rows[name]) for name in names]
    return list(zip(*parts, _days(days), strict=True))


def _told(rows: pd.DataFrame, digests: pd.Series) -> list[tuple[Any, ...]]:
    """All that a report says, to be compared."""
    parts = [_days(rows[name]) if name in _DAYS else plain(rows[name]) for name in SAID]
    return list(zip(*parts, plain(digests), strict=True))


def _days(column: pd.Series) -> list[str | None]:
    """Days as ISO text, which both drivers take."""
    return [None if pd.isna(one) else pd.Timestamp(one).date().isoformat() for one in column]


def _held(
    register: Register, connection: sa.Connection, subjects: Collection[str]
) -> pd.DataFrame:
    """What is believed of some subjects: `id`, SAID, `sha256`."""
    query = (
        sa.select(report.c.id, *[report.c[name] for name in SAID], file.c.sha256)
        .select_from(report.outerjoin(file, report.c.file_id == file.c.id))
        .where(report.c.recorded_to == NOT_SUPERSEDED, report.c.subject.in_(list(subjects)))
    )
    return register.store.frame(connection, query)


def _close(connection: sa.Connection, ids: list[int], number: int) -> None:
    for start in range(0, len(ids), _AT_ONCE):
        chosen = report.c.id.in_(ids[start : start + _AT_ONCE])
        connection.execute(sa.update(report).where(chosen).values(recorded_to=number))


def _write(recorder: Recorder, rows: pd.DataFrame) -> None:
    files: dict[SourceFile, int] = {}
    for one in rows["source"]:
        if isinstance(one, SourceFile) and one not in files:
            files[one] = recorder.add_file(one)
    start = recorder.store.next_id(recorder.connection, report)
    columns: dict[str, Any] = {
        "id": list(range(start, start + len(rows))),
        **{name: _days(rows[name]) if name in _DAYS else plain(rows[name]) for name in SAID},
        "file_id": [files.get(one) for one in rows["source"]],
        "source_row": plain(rows["row"]),
        "recorded_from": [recorder.number] * len(rows),
        "recorded_to": [NOT_SUPERSEDED] * len(rows),
    }
    recorder.store.insert(recorder.connection, report, columns)


def _change_of_file(connection: sa.Connection, sent: SourceFile | None) -> int | None:
    """The change that took in the very same list, unless a report of it was taken back."""
    if sent is None:
        return None
    query = (
        sa.select(sa.func.max(change.c.id))
        .select_from(change.join(file, change.c.file_id == file.c.id))
        .where(file.c.sha256 == sent.sha256, change.c.kind == REPORT)
    )
    found = connection.execute(query).scalar()
    gone = sa.select(change.c.id).where(change.c.kind == WITHDRAW)
    taken_back = sa.select(report.c.id).where(
        report.c.recorded_from == found, report.c.recorded_to.in_(gone)
    )
    if found is None or connection.execute(taken_back.limit(1)).first() is not None:
        return None
    return int(found)
