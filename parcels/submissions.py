"""Rows of submissions: who submitted what, each step, and the proposed rows with their fate."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

import geopandas as gpd
import numpy as np
import pandas as pd
import sqlalchemy as sa

from parcels import attributes, crs
from parcels.districts import Territory
from parcels.errors import UnknownSubmissionError
from parcels.lifecycle import Evidence
from parcels.model import CORE_COLUMNS, Field, Kind, Label, Layer, SourceFile
from parcels.recording import Act, Recorder, plain
from parcels.review import Deed, RowState, State
from parcels.store import Query, Store
from parcels.tables import change, file, person, proposed, submission, submission_step

ONLY_STEPS: Final = ("submit", "return", "withdraw", "approve")
"""Kinds of change that are steps of submissions and leave what the register says."""

_NUMBERS: Final = frozenset({"declared_area_m2", "registered_lon", "registered_lat"})


@dataclass(frozen=True, slots=True)
class Standing:
    """A submission as its last step left it.

    Attributes:
        number: Of the submission.
        layer: Key of the layer.
        state: Where it stands.
        round: How often it was submitted.
        base: The last change that was known when it was submitted last.
        sent: What was said when it was submitted last.
        evidence: The document its moves rest on.
        corrects: What the register believes was wrong.
        deed: The act it asks for; None for a delivery.
    """

    number: int
    layer: str
    state: State
    round: int
    base: int
    sent: Act
    evidence: Evidence | None
    corrects: bool
    deed: Deed | None


def unit_of(act: Act, territory: Territory) -> str | None:
    """Code of the responsible unit that sends; None where it is none."""
    for said in (act.unit, act.sender):
        if said is not None:
            code = territory.unit_codes(pd.Series([said])).iloc[0]
            if pd.notna(code):
                return str(code)
    return None


def direct(recorder: Recorder, layer: Layer, *, unit: str | None, base: int) -> int:
    """Note a change that was approved as it was made; its rows are its versions, kept once."""
    number = opened(recorder, layer, unit=unit)
    for state in (State.DRAFT, State.SUBMITTED, State.APPROVED):
        add_step(recorder, number, state, round_=1, base=base)
    return number


def opened(recorder: Recorder, layer: Layer, *, unit: str | None) -> int:
    """A new submission; its number."""
    number = recorder.store.next_id(recorder.connection, submission)
    recorder.connection.execute(
        sa.insert(submission).values(
            id=number, layer=layer.key, unit=unit, change_id=recorder.number
        )
    )
    return number


def add_step(recorder: Recorder, number: int, state: State, *, round_: int, base: int) -> None:
    """Note a step; who, when and why are those of its change."""
    recorder.connection.execute(
        sa.insert(submission_step).values(
            id=recorder.store.next_id(recorder.connection, submission_step),
            submission_id=number,
            round=round_,
            state=state.value,
            person_id=_person(recorder),
            base=base,
            change_id=recorder.number,
        )
    )


def _person(recorder: Recorder) -> int:
    """The row of the person who acts, made when they first do; unit and role are given later."""
    name = recorder.act.by
    query = sa.select(person.c.id).where(person.c.name == name, person.c.closed_in.is_(None))
    found = recorder.connection.execute(query.order_by(person.c.id).limit(1)).scalar()
    if found is not None:
        return int(found)
    key = recorder.store.next_id(recorder.connection, person)
    recorder.connection.execute(
        sa.insert(person).values(id=key, name=name, change_id=recorder.number)
    )
    return key


def said_of(
    act: Act, given: Evidence | None, *, corrects: bool, deed: Deed | None = None
) -> dict[str, Any]:
    """What approval needs to know again, as JSON for the details of the change."""
    said: dict[str, Any] = {"corrects": corrects, "confirmed": dict(act.confirmed)}
    if deed is not None:
        said["deed"] = {key: held for key, held in asdict(deed).items() if held}
    if act.sender is not None:
        said["sender"] = act.sender
    if given is not None:
        dated = given.dated_on.isoformat() if given.dated_on else None
        said["evidence"] = asdict(given) | {"dated_on": dated}
    return dict(act.details) | {"submission": said}


def propose(
    recorder: Recorder, number: int, layer: Layer, rows: gpd.GeoDataFrame, *, round_: int
) -> None:
    """Keep the rows of a submission until they are decided on."""
    count = len(rows)
    start = recorder.store.next_id(recorder.connection, proposed)
    columns: dict[str, Any] = {
        "id": list(range(start, start + count)),
        "submission_id": [number] * count,
        "round": [round_] * count,
        "row": plain(rows["row"]) if "row" in rows else list(range(1, count + 1)),
        "code": plain(rows["code"]),
        "geom": rows.geometry.to_numpy(),
        "attributes": attributes.encode(rows, _fields(layer)),
        "change_id": [recorder.number] * count,
    }
    recorder.store.insert(recorder.connection, proposed, columns)


def rows_of(
    store: Store, connection: sa.Connection, one: Standing, layer: Layer, *, waiting: bool
) -> gpd.GeoDataFrame:
    """The rows of the last round as a parcels frame with `proposed` (id), `row`, `fate`, `why`.

    Args:
        store: The store.
        connection: Any connection.
        one: The submission.
        layer: Its layer.
        waiting: Only those on which nobody decided.
    """
    query = sa.select(
        proposed.c.id,
        proposed.c.row,
        proposed.c.state,
        proposed.c.reason,
        sa.cast(proposed.c.attributes, sa.Text).label("attributes"),
        store.boundary_column(proposed.c.geom),
    ).where(proposed.c.submission_id == one.number, proposed.c.round == one.round)
    if waiting:
        query = query.where(proposed.c.decided_in.is_(None))
    found = store.frame(connection, query.order_by(proposed.c.id))
    held = attributes.decode(found["attributes"].tolist(), _fields(layer))
    held = held.assign(
        proposed=found["id"].astype("int64"),
        row=found["row"].astype("int64"),
        fate=found["state"].astype("str"),
        why=found["reason"].astype("str"),
    )
    for key in ("parcel", "erased"):
        if held[key].isna().all():
            held = held.drop(columns=key)
    return gpd.GeoDataFrame(held, geometry=found["geom"].to_numpy(), crs=crs.STORAGE)


def decide(
    recorder: Recorder, ids: np.ndarray, state: RowState, reasons: Mapping[int, str | None]
) -> None:
    """Say what becomes of proposed rows, and why.

    Args:
        recorder: The change by which it is decided.
        ids: Ids of the rows.
        state: What becomes of them.
        reasons: By id; None where none is given.
    """
    by_reason: dict[str | None, list[int]] = {}
    for one in ids.tolist():
        by_reason.setdefault(reasons.get(one), []).append(one)
    for reason, those in by_reason.items():
        noted = recorder.store.note_ids(recorder.connection, those)
        recorder.connection.execute(
            sa.update(proposed)
            .where(proposed.c.id.in_(sa.select(noted.c.id)))
            .values(state=state.value, reason=reason, decided_in=recorder.number)
        )


def standing(connection: sa.Connection, number: int) -> Standing:
    """A submission as it stands.

    Raises:
        UnknownSubmissionError: There is none of this number.
    """
    steps = connection.execute(
        sa.select(submission_step)
        .where(submission_step.c.submission_id == number)
        .order_by(submission_step.c.id)
    ).all()
    if not steps:
        highest = connection.execute(sa.select(sa.func.max(submission.c.id))).scalar()
        raise UnknownSubmissionError(submission=number, last=highest or 0)
    sent = [one for one in steps if one.state == State.SUBMITTED][-1]
    act, said = _sent(connection, sent.change_id)
    layer = connection.execute(sa.select(submission.c.layer).where(submission.c.id == number))
    return Standing(
        number=number,
        layer=layer.scalar_one(),
        state=State(steps[-1].state),
        round=sent.round,
        base=sent.base,
        sent=act,
        evidence=_evidence(said.get("evidence")),
        corrects=bool(said.get("corrects")),
        deed=_deed(said.get("deed")),
    )


def waiting_with(connection: sa.Connection, layer: Layer, act: Act) -> int | None:
    """The submission not yet decided on that holds this sheet or layer of the very same file."""
    if act.file is None:
        return None
    newest = sa.select(sa.func.max(submission_step.c.id)).group_by(submission_step.c.submission_id)
    query = (
        sa.select(submission_step.c.submission_id, change.c.details)
        .select_from(
            submission_step.join(change, submission_step.c.change_id == change.c.id).join(
                file, change.c.file_id == file.c.id
            )
        )
        .where(
            submission_step.c.id.in_(newest),
            submission_step.c.state == State.SUBMITTED.value,
            change.c.layer == layer.key,
            file.c.sha256 == act.file.sha256,
        )
    )
    for number, kept in connection.execute(query):
        if _details(kept).get("part") == act.details.get("part"):
            return int(number)
    return None


def steps_query() -> Query:
    """Every step in order, with who, when, why and from which file."""
    return (
        sa.select(
            submission.c.id.label("submission"),
            submission.c.layer,
            submission.c.unit,
            submission_step.c.state,
            submission_step.c.round,
            change.c.id.label("change"),
            change.c.made_by,
            change.c.made_at,
            change.c.reason,
            file.c.name.label("file"),
        )
        .select_from(
            submission_step.join(submission, submission_step.c.submission_id == submission.c.id)
            .join(change, submission_step.c.change_id == change.c.id)
            .outerjoin(file, change.c.file_id == file.c.id)
        )
        .order_by(submission_step.c.id)
    )


def waiting_query() -> Query:
    """How many proposed rows wait, and how many went back, by submission."""
    went_back = sa.case((proposed.c.state == RowState.RETURNED.value, 1), else_=0)
    waits = sa.case((proposed.c.decided_in.is_(None), 1), else_=0)
    return sa.select(
        proposed.c.submission_id.label("submission"),
        sa.func.sum(waits).label("waiting"),
        sa.func.sum(went_back).label("returned"),
    ).group_by(proposed.c.submission_id)


def _sent(connection: sa.Connection, number: int) -> tuple[Act, dict[str, Any]]:
    query = sa.select(change, file.c.name.label("file"), file.c.sha256, file.c.size_bytes)
    row = connection.execute(
        query.select_from(change.outerjoin(file)).where(change.c.id == number)
    ).one()
    details = _details(row.details)
    said = dict(details.pop("submission", {}))
    source = SourceFile(row.file, row.sha256, row.size_bytes) if row.file else None
    act = Act(
        by=row.made_by,
        at=row.made_at,
        on=row.effective_on,
        reason=row.reason,
        unit=row.unit,
        file=source,
        details=details,
        sender=said.get("sender"),
        confirmed=said.get("confirmed") or {},
    )
    return act, said


def _details(kept: Any) -> dict[str, Any]:
    return dict(json.loads(kept) if isinstance(kept, str) else kept or {})


def _deed(said: dict[str, Any] | None) -> Deed | None:
    if said is None:
        return None
    return Deed(
        kind=said["kind"],
        parents=tuple(said.get("parents", ())),
        into=tuple(said.get("into", ())),
        change=said.get("change"),
        later=tuple(said.get("later", ())),
        left_out=said.get("left_out"),
    )


def _evidence(said: dict[str, Any] | None) -> Evidence | None:
    if said is None:
        return None
    dated = said.get("dated_on")
    kept = said.get("file")
    return Evidence(
        said["kind"],
        said["number"],
        dt.date.fromisoformat(dated) if dated else None,
        said["issued_by"],
        said["reviewed_by"],
        SourceFile(**kept) if kept else None,
    )


def _fields(layer: Layer) -> list[Field]:
    """All that a proposed row says, as fields: those of the layer, and what the door told."""
    nameless = Label("", "")
    core = [
        Field(key, nameless, Kind.NUMBER if key in _NUMBERS else Kind.TEXT) for key in CORE_COLUMNS
    ]
    told = [Field("erased", nameless), Field("parcel", nameless, Kind.INTEGER)]
    return [*core, *layer.own_fields, *told]
