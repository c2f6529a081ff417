"""The door of the register: take a delivery in, read any moment back, in bulk.

Reading returns frames; writing is one transaction per change. Who and when come in as an `Act`,
so that the same call with the same arguments does the same thing on any day.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import geopandas as gpd
import pandas as pd
import sqlalchemy as sa

from parcels import (
    districts,
    evidence,
    export_log,
    mappings,
    moves,
    redrawing,
    submissions,
    undo,
)
from parcels.diff import Difference, difference
from parcels.districts import Territory
from parcels.errors import MovesNotAllowedError, RegisterMovedError
from parcels.export_log import Export
from parcels.findings import Findings
from parcels.holding import NAMED_AT_MOST, keyed, told_parcels
from parcels.lifecycle import Evidence
from parcels.model import Confirmed, Layer, Moment
from parcels.moves import Claim
from parcels.placement import Placement
from parcels.reading import Filter, undoes
from parcels.recording import Act, Recorder
from parcels.review import Deed
from parcels.sampling import Sampling
from parcels.tables import NOT_SUPERSEDED, change, edition, file, version
from parcels.taking_back import Undone
from parcels.undoing import taken_back

__all__ = ["STEPS", "Filter", "Intake", "Outcome", "Register"]

STEPS: Final = ("store", "tidy", "commit")
"""Keys of the steps of `Register.take_all` that progress is told of."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a delivery did.

    Attributes:
        change: Number of the change; None when the register already said all of it.
        known_as: Number of the earlier change that took in the very same file; then nothing else
            was looked at.
    """

    change: int | None
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    known_as: int | None = None


@dataclass(frozen=True, slots=True)
class Intake:
    """One delivery that passed the door.

    Attributes:
        parcels: A parcels frame in EPSG:4490, one row per code, with `row`.
        act: Who, when, why, from which file.
        placement: Of its boundaries in the districts in force, if worked out already.
        evidence: The document all its moves rest on; None where each row names its own.
        corrects: What the register believes was wrong; the life cycle does not bind.
        merges: Number of the last change of the register that a copy was merged with; None for
            what is no copy.
        ends: Numbers of parcels that are no longer true from the day of the act on.
        submission: The submission that is approved by it; None when it is submitted and approved
            at once.
        deed: What is done, where it is no delivery.
    """

    parcels: gpd.GeoDataFrame
    act: Act
    placement: Placement | None = None
    evidence: Evidence | None = None
    corrects: bool = False
    merges: int | None = None
    ends: tuple[int, ...] = ()
    submission: int | None = None
    deed: Deed | None = None


class Register(Sampling):
    """The register of parcels behind one URL, to be read and changed."""

    def changes(self) -> pd.DataFrame:
        """Every change in order: number, kind, layer, days, person, reason, file."""
        query = (
            sa.select(
                change.c.id.label("change"),
                *[change.c[c] for c in ("kind", "layer", "effective_on", "made_at", "made_by")],
                *[change.c[c] for c in ("reason", "unit", "undoes")],
                file.c.name.label("file"),
                file.c.sha256,
            )
            .select_from(change.outerjoin(file))
            .order_by(change.c.id)
        )
        with self.store.read() as connection:
            return self.store.frame(connection, query)

    def codes(self, layer: str, among: Sequence[str]) -> set[str]:
        """Those of some codes that parcels of a layer have, on whatever day."""
        query = sa.select(version.c.code).where(
            version.c.layer == layer, version.c.recorded_to == NOT_SUPERSEDED
        )
        if len(among) <= NAMED_AT_MOST:
            query = query.where(version.c.code.in_(list(among)))
        with self.store.read() as connection:
            return {str(one) for one in connection.execute(query).scalars()} & set(among)

    def evidence(self, layer: str, codes: Sequence[str]) -> pd.DataFrame:
        """Every move of parcels of a layer, in the order of recording, with what it rests on.

        Returns:
            Columns `code`, `change`, `on`, `from_stage`, `to_stage`, `kind`, `number`,
            `dated_on`, `issued_by`, `reviewed_by`; `file`, `sha256`, `size_bytes` of the kept
            document; `delivery`, the delivered file; `made_by`, `made_at`.
        """
        query = evidence.of_parcels(self.layer(layer).key, list(codes))
        with self.store.read() as connection:
            return self.store.frame(connection, query)

    def refreshes(self, layer: str, moment: Moment) -> pd.DataFrame:
        """On which days deliveries known then became true, for each unit they concern.

        Returns:
            Columns `unit` and `effective_on` (date).
        """
        query = (
            sa.select(version.c.unit, change.c.effective_on)
            .select_from(version.join(change, version.c.recorded_from == change.c.id))
            .where(
                version.c.layer == layer, change.c.kind == "import", version.c.unit.is_not(None)
            )
            .distinct()
        )
        with self.store.read() as connection:
            known = self._known(connection, moment)
            gone = taken_back(undoes(connection, known))
            query = query.where(version.c.recorded_from <= known, change.c.id.not_in(gone))
            return self.store.frame(connection, query)

    def assess(
        self, layer: str, delivered: pd.DataFrame, claim: Claim, findings: Findings
    ) -> None:
        """Find what the life cycle does not allow of a delivery, before it is taken in.

        Args:
            layer: Key of the layer.
            delivered: One row per parcel, with `row`; fields by key, and `parcel` (id) where the
                door has told which one a row is.
            claim: Since when, and on what ground.
            findings: Takes what is wrong.
        """
        declared = self.layer(layer)
        wanted = {"stage", "erased", *moves.facts(declared)}
        if not wanted & set(delivered.columns[delivered.notna().any()]):
            return
        with self.store.read() as connection:
            held = self._standing(connection, declared, delivered)
        if moves.KEY in held:
            delivered = keyed(delivered, told_parcels(delivered))
        moves.assess(delivered, held, declared, claim, findings)

    def mappings(self, *, closed: bool = False) -> pd.DataFrame:
        """Columns confirmed by people, by sender and layer; see `mappings.listed`."""
        return mappings.listed(self.store, closed=closed)

    def kept_mappings(self, sender: str | None, layer: str) -> dict[str, Confirmed]:
        """What was confirmed for a sender's deliveries of a layer, by plain form of the column."""
        known = mappings.sender_of(sender, self.territory)
        return mappings.kept(self.store, sender=known, layer=layer)

    def foresee(self, layer: str, delivered: gpd.GeoDataFrame, *, on: dt.date) -> Difference:
        """What a delivery that passed the door would change, if it were taken in now."""
        declared = self.layer(layer)
        with self.store.read() as connection:
            held = self._held_for(connection, declared, delivered)
        return difference(delivered, held, declared, on=on)

    def exports(self, *, layer: str | None = None, sha256: str | None = None) -> pd.DataFrame:
        """Every file that was handed out, the last first; see `export_log.listed`."""
        return export_log.listed(self.store, layer=layer, sha256=sha256)

    def log_export(self, export: Export) -> int:
        """Note what is being handed out, before it is; the number of the export.

        Raises:
            StoreBusyError: Another process is writing.
        """
        return export_log.record(self.store, export)

    # -- writing ------------------------------------------------------------------------------

    def take(
        self,
        layer: str,
        delivered: gpd.GeoDataFrame,
        act: Act,
        *,
        given: Evidence | None = None,
        corrects: bool = False,
    ) -> Outcome:
        """Take in the parcels of a delivery that passed the door, as one change, all or nothing.

        Args:
            layer: Key of the layer.
            delivered: A parcels frame in EPSG:4490, one row per code, with `row` (the row in the
                file).
            act: Who, when, why; a file already taken in for this layer changes nothing.
            given: The document all moves rest on; None where each row names its own.
            corrects: What the register believes was wrong; the life cycle does not bind.

        Returns:
            What it did.

        Raises:
            StoreBusyError: Another process is writing.
            MovesNotAllowedError: The life cycle does not allow a move; `assess` says why.
        """
        intake = Intake(delivered, act, evidence=given, corrects=corrects)
        return self.take_all(layer, [intake])[0]

    def advance(self, layer: str, moving: gpd.GeoDataFrame, act: Act, given: Evidence) -> Outcome:
        """Move parcels to another stage as one change, all or nothing.

        Args:
            layer: Key of the layer.
            moving: One row per code with `row`, the new `stage`, and facts that the move brings;
                all else is blank and stays.
            act: Who, when, why; `on` is the first day in the new stage.
            given: The document the moves rest on.

        Raises:
            StoreBusyError: Another process is writing.
            MovesNotAllowedError: The life cycle does not allow a move; `assess` says why.
        """
        declared = self.layer(layer)
        with self.store.write() as connection:
            intake = Intake(moving, act, evidence=given)
            return self._record(connection, declared, intake, kind="advance")

    def take_all(
        self,
        layer: str,
        deliveries: Sequence[Intake],
        *,
        progress: Callable[[str, int, int], None] = lambda _step, _done, _total: None,
    ) -> list[Outcome]:
        """Take in several deliveries, a change each, in one transaction: all of them or none.

        Args:
            layer: Key of the layer.
            deliveries: What `take` takes, in order.
            progress: Told of each of STEPS; of "commit" when all is written and nothing kept yet.

        Raises:
            StoreBusyError: Another process is writing.
            MovesNotAllowedError: The life cycle does not allow a move; `assess` says why.
        """
        declared = self.layer(layer)
        with self.store.write() as connection:
            outcomes = []
            for done, intake in enumerate(deliveries):
                progress("store", done, len(deliveries))
                outcomes.append(self._take_one(connection, declared, intake))
            if any(outcome.change is not None for outcome in outcomes):
                progress("tidy", 0, 1)
                self.store.tidy(connection)
            progress("commit", 0, 1)
        return outcomes

    def _take_one(self, connection: sa.Connection, layer: Layer, intake: Intake) -> Outcome:
        delivered, act = intake.parcels, intake.act
        if intake.merges is not None:
            self._refuse_moved(connection, layer, intake.merges)
            return self._record(connection, layer, intake, kind="edit")
        seen = self._change_of_file(connection, layer.key, act.file, act.details.get("part"))
        if seen is not None:
            return Outcome(change=None, unchanged=len(delivered), known_as=seen)
        kind = "correct" if intake.corrects else "import"
        return self._record(connection, layer, intake, kind=kind)

    def _record(
        self, connection: sa.Connection, layer: Layer, intake: Intake, *, kind: str
    ) -> Outcome:
        delivered, act = intake.parcels, intake.act
        held = self._held_for(connection, layer, delivered)
        step = difference(delivered, held, layer, on=act.on)
        if step.rows.empty and not intake.ends:
            return Outcome(change=None, unchanged=step.unchanged)
        moved = moves.moved(step.rows, held)
        self._refuse_moves(layer, intake, held, step)
        self._ensure_edition(connection, act)
        recorder = Recorder(self.store, connection, act)
        recorder.open(kind, layer=layer.key)
        mappings.keep(self.store, connection, act, layer=layer.key, change=recorder.number)
        if not step.rows.empty:
            recorder.write(layer, step, held, self.territory, lie=intake.placement)
        evidence.record(recorder, moved, intake.evidence)
        recorder.end(intake.ends)
        if intake.submission is None:
            sent_by = submissions.unit_of(act, self.territory)
            submissions.direct(recorder, layer, unit=sent_by, base=recorder.number - 1)
        updated = step.updated + len(intake.ends)
        return Outcome(recorder.number, step.created, updated, step.unchanged)

    def _refuse_moved(self, connection: sa.Connection, layer: Layer, seen: int) -> None:
        """Look with the writing lock held: a conflict nobody saw could have come in since."""
        last = sa.select(sa.func.max(change.c.id)).where(
            change.c.layer == layer.key, change.c.kind.not_in(submissions.ONLY_STEPS)
        )
        number = connection.execute(last).scalar()
        if number is not None and number > seen:
            raise RegisterMovedError(layer=layer.key, change=number)

    def _refuse_moves(
        self, layer: Layer, intake: Intake, held: gpd.GeoDataFrame, step: Difference
    ) -> None:
        """Look again with the writing lock held: another may have moved a parcel since.

        Which parcel a row is, by its code or by its boundary, the difference has told.
        """
        rows = step.rows[step.rows["parcel"].notna()]
        if rows.empty:
            return
        claim = Claim(intake.act.on, intake.evidence, intake.corrects)
        judged = ["code", "source_document", "stage", "erased", *moves.facts(layer)]
        delivered = intake.parcels.iloc[rows["position"]]
        known = pd.DataFrame(delivered[delivered.columns.intersection(judged)])
        known = known.assign(row=range(len(known)))
        if (known["code"].isna() | told_parcels(delivered).notna()).any():
            known, held = keyed(known, rows["parcel"]), keyed(held, held["parcel"])
        findings = Findings(layer.key, "")
        moves.assess(known, held, layer, claim, findings)
        found = findings.frame()
        wrong = found.loc[found["severity"] == "error", "row"].drop_duplicates()
        if len(wrong):
            named = rows.iloc[wrong.to_numpy(int)]
            numbers = named["code"].astype(object).fillna(named["name"]).fillna("")
            raise MovesNotAllowedError(
                layer=layer.key, count=len(wrong), numbers=numbers.head(5).tolist()
            )

    def forget_mapping(self, number: int, *, by: str, at: dt.datetime) -> bool:
        """Close a mapping in force; False if there is none of this number."""
        return mappings.forget(self.store, number, by=by, at=at)

    def undo(self, number: int, act: Act, *, with_later: bool = False) -> list[Undone]:
        """Take a change back by a new one, and with `with_later` all that rests on it.

        Raises:
            UnknownChangeError, ChangeNotUndoableError, ChangeRestedOnError, StoreBusyError: See
                `undo.undo`.
        """
        return undo.undo(self, number, act, with_later=with_later)

    def load_territory(self, territory: Territory, act: Act, *, source: str) -> Outcome:
        """Replace districts and units; every believed version is split and assigned anew.

        A district's border is what the register knows, not an event in the world: versions keep
        the days on which they are true. A parcel whose unit was its district's own gets the unit
        of its new district; a unit stated otherwise stays.

        Args:
            territory: The new districts and units.
            act: Who, when, why.
            source: Where they come from, in words.
        """
        with self.store.write() as connection:
            recorder = Recorder(self.store, connection, act)
            recorder.open("districts")
            key = recorder.add_edition(territory, source=source)
            moved = sum(
                redrawing.redraw(self, recorder, layer, territory, edition_id=key)
                for layer in self._layers.values()
            )
            self.store.tidy(connection)
        self.__dict__.pop("territory", None)
        return Outcome(recorder.number, updated=moved)

    def _ensure_edition(self, connection: sa.Connection, act: Act) -> None:
        if connection.execute(sa.select(sa.func.max(edition.c.id))).scalar() is not None:
            return
        first = Recorder(
            self.store, connection, Act(by=act.by, at=act.at, on=act.on, reason="bundled")
        )
        first.open("districts")
        first.add_edition(districts.bundled(), source="bundled")
