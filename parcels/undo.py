"""Takes whole changes back: the belief before them is restored by new changes, nothing deleted.

A change can be taken back while nothing that still counts rests on it: no later change of the same
parcels, and no parcel that has one of their codes since. What is taken back is what the change did
to its parcels: they are believed again to be what they were just before it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

import geopandas as gpd
import numpy as np
import sqlalchemy as sa

from parcels import attributes, freezing, plan_tables, reassigning
from parcels.errors import ChangeRestedOnError
from parcels.holding import Holding
from parcels.reading import undoes
from parcels.recording import Act, Recorder, plain
from parcels.redrawing import Redrawing
from parcels.tables import NOT_SUPERSEDED, change, edition, parcel, part, sample, version
from parcels.taking_back import TakingBack, Undone
from parcels.undoing import resting_on
from parcels.unsampling import Unsampling

_PLACED: Final = ("district", "unit", "crosses", "digest")


def undo(register: Holding, number: int, act: Act, *, with_later: bool = False) -> list[Undone]:
    """Take a change back, in one transaction.

    Args:
        register: The register.
        number: Which change.
        act: Who, when, why; its day is not used, since each undoing is true from when what it
            undoes was.
        with_later: Take back what rests on it too, the newest first.

    Raises:
        UnknownChangeError: There is no change of this number.
        ChangeNotUndoableError: It, or one that rests on it, cannot be taken back.
        ChangeRestedOnError: Later changes rest on it, and `with_later` is False.
        StoreBusyError: Another process is writing.
    """
    with register.store.write() as connection:
        later = resting(register, connection, number, with_later=with_later)
        made = undo_these(register, connection, [number, *later], act)
        register.store.tidy(connection)
    return made


def resting(
    register: Holding, connection: sa.Connection, number: int, *, with_later: bool = False
) -> list[int]:
    """Numbers of the changes that must be taken back with one.

    Raises:
        UnknownChangeError, ChangeNotUndoableError, ChangeRestedOnError: As for `undo`.
    """
    first = _taking_back(register, connection, number)
    first.check()
    later = _chain(register, connection, first)
    if later and not with_later:
        raise ChangeRestedOnError(change=number, later=later)
    for one in later:
        _taking_back(register, connection, one).check()
    return later


def undo_these(
    register: Holding, connection: sa.Connection, numbers: Sequence[int], act: Act
) -> list[Undone]:
    """Take changes back in a writing transaction, the newest first; `resting` has named them."""
    made = []
    for one in sorted(numbers, reverse=True):
        undoing = _taking_back(register, connection, one)
        undoing.check()
        made.append(undoing.record(act))
    return made


def _chain(register: Holding, connection: sa.Connection, first: TakingBack) -> list[int]:
    """Every change that rests on a change, or on one that does."""
    found: set[int] = set()
    waiting = first.later()
    while waiting:
        one = waiting.pop()
        if one in found:
            continue
        found.add(one)
        waiting += _taking_back(register, connection, one).later()
    return sorted(found)


def _taking_back(register: Holding, connection: sa.Connection, number: int) -> TakingBack:
    """The change to be taken back, by what it was about."""
    of_districts = sa.select(edition.c.id).where(edition.c.change_id == number)
    of_samples = sa.select(sample.c.id).where(
        sa.or_(sample.c.recorded_from == number, sample.c.recorded_to == number)
    )
    for query, kind in ((of_districts, Redrawing), (of_samples, Unsampling)):
        if connection.execute(query.limit(1)).first() is not None:
            return kind(register, connection, number)
    return _Undoing(register, connection, number)


class _Undoing(TakingBack):
    """One change of parcels being taken back in a transaction."""

    def obstacle(self) -> str | None:
        """Why it cannot be taken back; None where it can."""
        if self.row["kind"] == freezing.KIND:
            return "change_is_a_freeze"
        if self.row["kind"] in plan_tables.KINDS:
            return "change_is_of_plan"
        if not self.connection.execute(self._touched().limit(1)).first():
            return "change_touches_nothing"
        return None

    def later(self) -> list[int]:
        """The later changes that count and rest on it: those of its parcels, or of their codes."""
        theirs = version.c.parcel_id.in_(self._touched())
        ends = sa.select(version.c.recorded_to).where(theirs, version.c.recorded_to > self.number)
        starts = sa.select(version.c.recorded_from).where(
            theirs, version.c.recorded_from > self.number
        )
        numbers = sa.union(starts, ends).subquery()
        query = sa.select(change.c.id).where(
            change.c.id.in_(sa.select(numbers.c[0])),
            # Where districts lie parcels only follow.
            change.c.id.not_in(sa.select(edition.c.change_id)),
        )
        found = {int(one) for one in self.connection.execute(query).scalars()}
        # A merge may give a code of its parents to the parcel it makes.
        found = (found | self._codes_taken()) - {self.number}
        return resting_on(self.number, found, undoes(self.connection))

    def record(self, act: Act) -> Undone:
        """Restore the belief before it, as a new change."""
        run = self.connection.execute
        ids = np.array(run(self._touched()).scalars().all(), np.int64)
        own = replace(act, on=self.row["effective_on"], unit=self.row["unit"])
        recorder = Recorder(self.register.store, self.connection, own)
        made = recorder.open("undo", layer=self.row["layer"], undoes=self.number)
        noted = self.register.store.note_ids(self.connection, ids)
        theirs = version.c.parcel_id.in_(sa.select(noted.c.id))
        believed = version.c.recorded_to == NOT_SUPERSEDED
        run(
            sa.update(version)
            .where(theirs, believed, version.c.recorded_from >= self.number)
            .values(recorded_to=made)
        )
        # What was believed before and is so still was never closed, and stays as it is.
        before = sa.and_(version.c.recorded_from < self.number, ~believed)
        run(_copied(sa.and_(theirs, before, version.c.recorded_to >= self.number), made))
        query = sa.select(sa.func.count(version.c.parcel_id.distinct())).where(theirs, believed)
        there = int(run(query).scalar_one())
        self._place(recorder)
        return Undone(made, self.number, len(ids), len(ids) - there)

    def _touched(self) -> sa.Select[Any]:
        """Ids of the parcels it wrote a version of, or closed one of."""
        return (
            sa.union(
                sa.select(version.c.parcel_id).where(version.c.recorded_from == self.number),
                sa.select(version.c.parcel_id).where(version.c.recorded_to == self.number),
            )
            .subquery()
            .select()
        )

    def _codes_taken(self) -> set[int]:
        """Changes that gave codes of what would be restored to other parcels since."""
        old, new = version.alias("old"), version.alias("new")
        query = (
            sa.select(new.c.recorded_from, parcel.c.change_id)
            .select_from(
                old.join(
                    new,
                    sa.and_(
                        new.c.layer == old.c.layer,
                        new.c.code == old.c.code,
                        new.c.recorded_to == NOT_SUPERSEDED,
                        new.c.parcel_id != old.c.parcel_id,
                    ),
                ).join(parcel, parcel.c.id == new.c.parcel_id)
            )
            .where(
                old.c.parcel_id.in_(self._touched()),
                old.c.recorded_from < self.number,
                old.c.recorded_to >= self.number,
                old.c.recorded_to != NOT_SUPERSEDED,
                new.c.valid_from < old.c.valid_to,
                old.c.valid_from < new.c.valid_to,
            )
            .distinct()
        )
        return {
            int(born if born > self.number else recorded)
            for recorded, born in self.connection.execute(query)
        }

    def _place(self, recorder: Recorder) -> None:
        """Split by districts loaded since, and compare with boundaries that came since."""
        if self.row["layer"] is None:
            return
        newest = sa.select(sa.func.max(edition.c.id)).where(edition.c.change_id > self.number)
        redrawn = self.connection.execute(newest).scalar()
        since = sa.and_(
            version.c.recorded_from > self.number, version.c.recorded_from < recorder.number
        )
        grown = self.connection.execute(
            sa.select(version.c.id).where(since, version.c.layer == self.row["layer"]).limit(1)
        ).first()
        if redrawn is None and grown is None:
            return
        layer = self.register.layer(self.row["layer"])
        restored = self.register.held(
            self.connection, layer, None, chosen=version.c.recorded_from == recorder.number
        )
        if restored.empty:
            return
        once = restored.drop_duplicates("boundary")
        near = recorder.neighbours(layer, once.geometry.to_numpy(), since)
        if len(near):
            recorder.add_overlaps_with(
                layer,
                near,
                once["boundary"].to_numpy(np.int64),
                once["parcel"].to_numpy(np.int64),
                once.geometry.to_numpy(),
            )
        if redrawn is not None:
            self._reassign(recorder, restored, int(redrawn))

    def _reassign(self, recorder: Recorder, restored: gpd.GeoDataFrame, edition_id: int) -> None:
        territory = self.register.territory
        once = restored.drop_duplicates("boundary")
        ids = once["boundary"].to_numpy(np.int64)
        noted = self.register.store.note_ids(self.connection, ids)
        query = sa.select(part.c.boundary_id).where(
            part.c.edition_id == edition_id, part.c.boundary_id.in_(sa.select(noted.c.id))
        )
        kept = np.array(self.connection.execute(query.distinct()).scalars().all(), np.int64)
        split = territory.split(once.geometry.to_numpy())
        crosses = recorder.add_parts(
            ids, split, territory.districts.index, edition_id=edition_id, kept=kept
        )
        now = reassigning.assigned_anew(restored, territory, split, crosses)
        moved = reassigning.moved(restored, now)
        if not moved.any():
            return
        self._rewrite(now[moved])

    def _rewrite(self, rows: gpd.GeoDataFrame) -> None:
        """Write places anew in versions of this very transaction, which nobody has known yet."""
        numbers = rows["version"].to_numpy(np.int64)
        noted = self.register.store.note_ids(self.connection, numbers)
        query = sa.select(version.c.id, sa.cast(version.c.attributes, sa.Text)).where(
            version.c.id.in_(sa.select(noted.c.id))
        )
        texts = {int(row[0]): str(row[1]) for row in self.connection.execute(query)}
        digests = attributes.digests(rows, [texts[number] for number in numbers.tolist()])
        places = zip(
            numbers.tolist(),
            *[plain(rows[name]) for name in ("district", "unit", "crosses")],
            digests,
            strict=True,
        )
        self.connection.execute(
            sa.update(version)
            .where(version.c.id == sa.bindparam("number"))
            .values({name: sa.bindparam(f"new_{name}") for name in _PLACED}),
            [
                dict(zip(("number", *[f"new_{name}" for name in _PLACED]), place, strict=True))
                for place in places
            ],
        )


def _copied(which: sa.ColumnElement[bool], number: int) -> sa.Insert:
    """Versions written once more, as made known by a change and believed."""
    kept = [c for c in version.columns if c.name not in {"id", "recorded_from", "recorded_to"}]
    names = [*[c.name for c in kept], "recorded_from", "recorded_to"]
    rows = sa.select(*kept, sa.literal(number), sa.literal(NOT_SUPERSEDED)).where(which)
    return sa.insert(version).from_select(names, rows.order_by(version.c.id))
