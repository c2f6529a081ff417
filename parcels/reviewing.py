"""The door for submissions: submit, compare, approve, return, withdraw."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import geopandas as gpd
import numpy as np
import pandas as pd
import sqlalchemy as sa

from parcels import approving, review, submissions, undo
from parcels.diff import difference
from parcels.errors import (
    ChangeNotUndoableError,
    OtherKindSubmittedError,
    ParcelsChangedSinceError,
    UnknownParcelError,
)
from parcels.model import Layer
from parcels.recording import Act, Recorder
from parcels.register import Intake, Outcome, Register
from parcels.review import Compared, Deed, RowState, State
from parcels.submissions import Standing
from parcels.tables import NOT_SUPERSEDED, change, version

_NAMED: Final = 5
"""Codes that a refusal names."""


@dataclass(frozen=True, slots=True)
class Submitted:
    """What became of a delivery that was submitted.

    Attributes:
        number: Of the submission; None where the register took in the very same file before.
        rows: How many rows wait.
        is_known: Whether the very same file already waited under this number.
        known_as: Number of the change that took in the very same file.
    """

    number: int | None
    rows: int = 0
    is_known: bool = False
    known_as: int | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a reviewer decides.

    Attributes:
        act: Who, when and why; its day does not count, that of the submission does.
        out: Parcels taken out, by code, with the reason.
        own: Whether a person may approve what they submitted.
        despite: Approve also what changed in the register since it was submitted.
    """

    act: Act
    out: Mapping[str, str]
    own: bool = False
    despite: bool = False


class Reviewing(Register):
    """The register, with submissions that wait for a reviewer."""

    def submit(self, layer: str, deliveries: Sequence[Intake]) -> list[Submitted]:
        """Keep deliveries as proposed rows until a reviewer decides; all of them or none.

        Args:
            layer: Key of the layer.
            deliveries: What `take_all` takes.

        Raises:
            StoreBusyError: Another process is writing.
        """
        declared = self.layer(layer)
        with self.store.write() as connection:
            return [self._submit_one(connection, declared, one) for one in deliveries]

    def resubmit(self, number: int, delivery: Intake) -> Submitted:
        """Send a returned submission again; the rows sent before stay on record.

        Raises:
            StepNotAllowedError: It was not returned.
            UnknownSubmissionError: There is none of this number.
            OtherKindSubmittedError: It is of another kind, or of another layer.
        """
        with self.store.write() as connection:
            one = submissions.standing(connection, number)
            review.step(number, one.state, State.SUBMITTED)
            _refuse_other_kind(one, delivery.deed)
            layer = self.layer(one.layer)
            self._ensure_edition(connection, delivery.act)
            recorder, base = self._opened(connection, delivery, layer)
            submissions.add_step(
                recorder, number, State.SUBMITTED, round_=one.round + 1, base=base
            )
            submissions.propose(recorder, number, layer, delivery.parcels, round_=one.round + 1)
        return Submitted(number, len(delivery.parcels))

    def submit_undo(self, number: int, act: Act, *, with_later: bool = False) -> Submitted:
        """Ask a reviewer to have a change taken back.

        Args:
            number: Which change.
            act: Who, when and why.
            with_later: Take back what rests on it too.

        Raises:
            UnknownChangeError, ChangeNotUndoableError, ChangeRestedOnError: See `undo.undo`.
        """
        with self.store.write() as connection:
            later = undo.resting(self, connection, number, with_later=with_later)
            layer = self.reviewed_layer(connection, number)
            if layer is None:
                raise ChangeNotUndoableError(change=number, kind="", reason="undone_directly")
            nothing = self.held(connection, layer, pd.Series([], dtype="str"))
            deed = Deed("undo", change=number, later=tuple(later))
            return self._submit_one(connection, layer, Intake(nothing, act, deed=deed))

    def is_reviewed(self, number: int) -> bool:
        """Whether a change is of the kind that a reviewer approves: it concerns a layer."""
        with self.store.read() as connection:
            return self.reviewed_layer(connection, number) is not None

    def reviewed_layer(self, connection: sa.Connection, number: int) -> Layer | None:
        """The layer a change concerns; None for one of districts, samples or sites, or none."""
        key = connection.execute(sa.select(change.c.layer).where(change.c.id == number)).scalar()
        return None if key is None else self.layer(key)

    def submissions(self) -> pd.DataFrame:
        """Every submission in order, as its last step left it.

        Returns:
            Columns `submission`, `layer`, `unit`, `state`, `round`, `waiting` and `returned`
            (rows), `file`, `submitted_by`, `submitted_at`, `last_by`, `last_at`, `reason`,
            `change`.
        """
        with self.store.read() as connection:
            steps = self.store.frame(connection, submissions.steps_query())
            counts = self.store.frame(connection, submissions.waiting_query())
        sent = steps[steps["state"] == State.SUBMITTED].groupby("submission").last()
        last = steps.groupby("submission").last()
        counts = counts.set_index("submission").reindex(last.index).fillna(0).astype("int64")
        return pd.DataFrame(
            {
                **{key: last[key] for key in ("layer", "unit", "state", "round")},
                **{key: counts[key] for key in ("waiting", "returned")},
                "file": sent["file"],
                "submitted_by": sent["made_by"],
                "submitted_at": sent["made_at"],
                "last_by": last["made_by"],
                "last_at": last["made_at"],
                "reason": last["reason"],
                "change": last["change"].astype("int64"),
            }
        ).reset_index()

    def compare(self, number: int) -> tuple[Standing, Compared]:
        """What a submission would change in the register as it is now.

        Raises:
            UnknownSubmissionError: There is none of this number.
        """
        with self.store.read() as connection:
            one = submissions.standing(connection, number)
            layer = self.layer(one.layer)
            rows = submissions.rows_of(self.store, connection, one, layer, waiting=True)
            held = self._held_for(connection, layer, rows)
            touched = self._touched(connection, one, self._concerned(connection, one, rows))
        step = difference(rows, held, layer, on=one.sent.on)
        return one, review.compared(step, held, layer, touched=touched)

    def returned(self, number: int) -> Standing:
        """A submission of a file that may be sent again.

        Raises:
            StepNotAllowedError: It was not returned.
            UnknownSubmissionError: There is none of this number.
        """
        with self.store.read() as connection:
            one = submissions.standing(connection, number)
        review.step(number, one.state, State.SUBMITTED)
        _refuse_other_kind(one, None)
        return one

    def approve(self, numbers: Sequence[int], verdict: Verdict) -> list[Outcome]:
        """Take submissions into the register, a change each; all of them or none.

        What is taken out goes back with its reason, and may be sent again.

        Raises:
            StepNotAllowedError: One of them does not wait.
            OwnSubmissionError: The reviewer submitted it.
            ParcelsChangedSinceError: The register changed what it is about.
            UnknownParcelError: None of them holds a parcel taken out.
            MovesNotAllowedError: The life cycle no longer allows a move.
            LineageNotPossibleError, ChangeRestedOnError: The register no longer allows an act, or
                a part of one would be taken out.
        """
        missing = set(verdict.out)
        outcomes = []
        with self.store.write() as connection:
            for number in numbers:
                one = submissions.standing(connection, number)
                review.step(number, one.state, State.APPROVED)
                review.refuse_own(number, sent_by=one.sent.by, by=verdict.act.by, own=verdict.own)
                layer = self.layer(one.layer)
                rows = submissions.rows_of(self.store, connection, one, layer, waiting=True)
                missing -= set(rows["code"].dropna())
                outcomes.append(self._approve_one(connection, one, layer, rows, verdict))
            if missing:
                raise UnknownParcelError(
                    layer=one.layer, codes=sorted(missing)[:_NAMED], count=len(missing)
                )
            if any(outcome.change is not None for outcome in outcomes):
                self.store.tidy(connection)
        return outcomes

    def give_back(self, number: int, act: Act, reasons: Mapping[str, str]) -> int:
        """Return a submission with reasons; how many rows go back.

        Args:
            number: Of the submission.
            act: Who, when, and why as a whole.
            reasons: For single parcels, by code.

        Raises:
            StepNotAllowedError: It does not wait.
            UnknownParcelError: It holds no such parcel.
        """
        return self._end(number, act, State.RETURNED, RowState.RETURNED, reasons)

    def withdraw(self, number: int, act: Act) -> int:
        """Take a submission back before anyone decided; how many rows no longer wait.

        Raises:
            StepNotAllowedError: It was approved or withdrawn.
        """
        return self._end(number, act, State.WITHDRAWN, RowState.WITHDRAWN, {})

    # -- inside -------------------------------------------------------------------------------

    def _submit_one(self, connection: sa.Connection, layer: Layer, delivery: Intake) -> Submitted:
        seen = self._change_of_file(
            connection, layer.key, delivery.act.file, delivery.act.details.get("part")
        )
        if seen is not None:
            return Submitted(None, known_as=seen)
        waits = submissions.waiting_with(connection, layer, delivery.act)
        if waits is not None:
            return Submitted(waits, is_known=True)
        self._ensure_edition(connection, delivery.act)
        recorder, base = self._opened(connection, delivery, layer)
        number = submissions.opened(
            recorder, layer, unit=submissions.unit_of(delivery.act, self.territory)
        )
        for state in (State.DRAFT, State.SUBMITTED):
            submissions.add_step(recorder, number, state, round_=1, base=base)
        submissions.propose(recorder, number, layer, delivery.parcels, round_=1)
        return Submitted(number, len(delivery.parcels))

    def _opened(
        self, connection: sa.Connection, delivery: Intake, layer: Layer
    ) -> tuple[Recorder, int]:
        """The change of a submission, and the change before it."""
        base = connection.execute(sa.select(sa.func.max(change.c.id))).scalar() or 0
        said = submissions.said_of(
            delivery.act, delivery.evidence, corrects=delivery.corrects, deed=delivery.deed
        )
        recorder = Recorder(self.store, connection, replace(delivery.act, details=said))
        recorder.open("submit", layer=layer.key)
        return recorder, int(base)

    def _approve_one(
        self,
        connection: sa.Connection,
        one: Standing,
        layer: Layer,
        rows: gpd.GeoDataFrame,
        verdict: Verdict,
    ) -> Outcome:
        out = rows["code"].isin(verdict.out).to_numpy(bool)
        taken = rows[~out].reset_index(drop=True)
        act = self._act(one, verdict)
        if not verdict.despite:
            self._refuse_touched(connection, one, taken)
        outcome = self._do(connection, one, layer, taken, act, out=rows.loc[out, "code"].tolist())
        recorder = Recorder(self.store, connection, act)
        if outcome.change is None:
            recorder.open("approve" if len(taken) else "return", layer=layer.key)
        else:
            recorder.number = outcome.change
        state = State.RETURNED if out.any() else State.APPROVED
        submissions.add_step(recorder, one.number, state, round_=one.round, base=one.base)
        ids = rows["proposed"].to_numpy(np.int64)
        submissions.decide(recorder, ids[~out], RowState.ACCEPTED, {})
        reasons = dict(zip(ids[out].tolist(), rows["code"][out].map(verdict.out), strict=True))
        submissions.decide(recorder, ids[out], RowState.RETURNED, reasons)
        return outcome

    def _do(
        self,
        connection: sa.Connection,
        one: Standing,
        layer: Layer,
        taken: gpd.GeoDataFrame,
        act: Act,
        *,
        out: list[str],
    ) -> Outcome:
        """Take in the rows that are approved, or do the act they belong to."""
        parcels = taken.drop(columns=["proposed", "fate", "why"])
        if one.deed is not None and one.deed.is_whole:
            approving.refuse_parts(one.deed, layer, out)
            self._ensure_edition(connection, act)
            number = approving.do(self, connection, one, parcels, deed=one.deed, act=act)
            return Outcome(number, updated=len(parcels))
        if not len(taken):
            return Outcome(None)
        intake = Intake(
            parcels, act, None, one.evidence, corrects=one.corrects, submission=one.number
        )
        kind = one.deed.kind if one.deed is not None else "import"
        return self._record(connection, layer, intake, kind="correct" if one.corrects else kind)

    @staticmethod
    def _act(one: Standing, verdict: Verdict) -> Act:
        """The act of approval: the reviewer's, about what was sent."""
        details = {"submission": one.number, "submitted_by": one.sent.by}
        return replace(
            one.sent,
            by=verdict.act.by,
            at=verdict.act.at,
            reason=verdict.act.reason or one.sent.reason,
            details=dict(one.sent.details) | details,
        )

    def _end(
        self,
        number: int,
        act: Act,
        state: State,
        fate: RowState,
        reasons: Mapping[str, str],
    ) -> int:
        with self.store.write() as connection:
            one = submissions.standing(connection, number)
            review.step(number, one.state, state)
            layer = self.layer(one.layer)
            rows = submissions.rows_of(self.store, connection, one, layer, waiting=True)
            unknown = sorted(set(reasons) - set(rows["code"].dropna()))
            if unknown:
                raise UnknownParcelError(
                    layer=layer.key, codes=unknown[:_NAMED], count=len(unknown)
                )
            recorder = Recorder(self.store, connection, replace(act, unit=one.sent.unit))
            recorder.open("return" if state is State.RETURNED else "withdraw", layer=layer.key)
            submissions.add_step(recorder, number, state, round_=one.round, base=one.base)
            ids = rows["proposed"].to_numpy(np.int64)
            why = dict(_reasons(ids, rows["code"], reasons, otherwise=act.reason))
            submissions.decide(recorder, ids, fate, why)
        return len(rows)

    def _refuse_touched(
        self, connection: sa.Connection, one: Standing, rows: gpd.GeoDataFrame
    ) -> None:
        held = self._concerned(connection, one, rows)
        touched = self._touched(connection, one, held)
        codes = held.loc[held["parcel"].isin(touched), "code"].drop_duplicates()
        if len(touched):
            raise ParcelsChangedSinceError(
                submission=one.number, codes=codes.head(_NAMED).tolist(), count=len(touched)
            )

    def _concerned(
        self, connection: sa.Connection, one: Standing, rows: gpd.GeoDataFrame
    ) -> gpd.GeoDataFrame:
        """The believed versions of the parcels that a submission is about."""
        layer = self.layer(one.layer)
        if one.deed is None or not one.deed.parents:
            return self._held_for(connection, layer, rows)
        return self.held(connection, layer, pd.Series([*one.deed.parents, *one.deed.into]))

    @staticmethod
    def _touched(connection: sa.Connection, one: Standing, held: gpd.GeoDataFrame) -> np.ndarray:
        """Ids of the parcels of which the register says something new since the submission."""
        if held.empty:
            return np.array([], np.int64)
        since = sa.or_(
            version.c.recorded_from > one.base,
            sa.and_(version.c.recorded_to > one.base, version.c.recorded_to < NOT_SUPERSEDED),
        )
        query = sa.select(version.c.parcel_id).where(version.c.layer == one.layer, since)
        ids = np.array(connection.execute(query.distinct()).scalars().all(), np.int64)
        touched: np.ndarray = np.intersect1d(ids, held["parcel"].to_numpy(np.int64))
        return touched


def _refuse_other_kind(one: Standing, deed: Deed | None) -> None:
    """Refuse that one command mends what another submitted."""
    if (one.deed and one.deed.kind) != (deed and deed.kind):
        raise OtherKindSubmittedError(submission=one.number)


def _reasons(
    ids: np.ndarray, codes: pd.Series, reasons: Mapping[str, str], *, otherwise: str | None
) -> Iterator[tuple[int, str | None]]:
    for one, code in zip(ids.tolist(), codes, strict=True):
        yield one, reasons.get(code, otherwise)
