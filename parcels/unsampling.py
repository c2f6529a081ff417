"""Samples taken back: those believed before a change are believed again, with their readings."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import sqlalchemy as sa

from parcels import sampling
from parcels.reading import undoes
from parcels.recording import Act, Recorder, plain
from parcels.tables import NOT_SUPERSEDED, reading, sample
from parcels.taking_back import TakingBack, Undone
from parcels.undoing import resting_on


class Unsampling(TakingBack):
    """A change of samples being taken back."""

    def obstacle(self) -> str | None:
        """Nothing else is in the way."""
        return None

    def later(self) -> list[int]:
        """The later changes that say something else of its samples, or took them out."""
        rows = self._rows()
        since = rows["recorded_from"][rows["recorded_from"] > self.number]
        ends = rows["recorded_to"]
        ends = ends[(ends > self.number) & (ends < NOT_SUPERSEDED)]
        found = {*since.astype(int), *ends.astype(int)}
        return resting_on(self.number, found, undoes(self.connection))

    def record(self, act: Act) -> Undone:
        """Close what it said, and write again what was believed before it."""
        rows = self._rows()
        own = replace(act, on=self.row["effective_on"], unit=self.row["unit"])
        recorder = Recorder(self.register.store, self.connection, own)
        made = recorder.open("undo", undoes=self.number)
        believed = rows["recorded_to"] == NOT_SUPERSEDED
        wrong = rows[believed & (rows["recorded_from"] >= self.number)]
        noted = self.register.store.note_ids(self.connection, wrong["id"].to_numpy(np.int64))
        chosen = sample.c.id.in_(sa.select(noted.c.id))
        self.connection.execute(sa.update(sample).where(chosen).values(recorded_to=made))
        closed = (rows["recorded_to"] >= self.number) & ~believed
        before = rows[closed & (rows["recorded_from"] < self.number)]
        self._write_again(made, before["id"].to_numpy(np.int64))
        touched = rows["key"].nunique()
        return Undone(made, self.number, touched, touched - len(before), of="samples")

    def _rows(self) -> pd.DataFrame:
        """Every row, believed or not, of the samples it touched, with the `key` of each."""
        touched = sa.or_(
            sample.c.recorded_from == self.number, sample.c.recorded_to == self.number
        )
        numbers = sa.select(sample.c.number).where(touched)
        rows = self.register.store.frame(
            self.connection, sa.select(sample).where(sample.c.number.in_(numbers))
        )
        rows = rows.assign(key=sampling.keys(rows))
        ours = (rows["recorded_from"] == self.number) | (rows["recorded_to"] == self.number)
        return rows[rows["key"].isin(rows.loc[ours, "key"])]

    def _write_again(self, made: int, ids: np.ndarray) -> None:
        store, run = self.register.store, self.connection
        noted = store.note_ids(run, ids)
        theirs = sa.select(noted.c.id)
        samples = store.frame(run, sa.select(sample).where(sample.c.id.in_(theirs)))
        readings = store.frame(run, sa.select(reading).where(reading.c.sample_id.in_(theirs)))
        start = store.next_id(run, sample)
        new = pd.Series(range(start, start + len(samples)), index=samples["id"])
        samples = samples.assign(id=new.to_numpy(), recorded_from=made, recorded_to=NOT_SUPERSEDED)
        store.insert(run, sample, _columns(samples))
        start = store.next_id(run, reading)
        readings = readings.assign(
            id=range(start, start + len(readings)),
            sample_id=readings["sample_id"].map(new),
            change_id=made,
        )
        store.insert(run, reading, _columns(readings))


def _columns(rows: pd.DataFrame) -> dict[str, list[Any]]:
    """Rows as columns of what drivers take, days as text."""
    return {
        name: [one.isoformat() if isinstance(one, dt.date) else one for one in plain(rows[name])]
        for name in rows.columns
    }
