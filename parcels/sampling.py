"""Rows of samples and readings: taken in as one change, and read back at any moment."""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
import sqlalchemy as sa

from parcels.holding import Holding
from parcels.model import Moment
from parcels.reading import undoes
from parcels.recording import Act, Recorder, plain
from parcels.tables import NOT_SUPERSEDED, change, file, reading, sample
from parcels.undoing import taken_back

KIND: Final = "samples"
"""The kind of change that takes samples in."""

_OF_SAMPLE: Final = (
    "number", "point", "medium", "kind", "depth", "sampled_on", "lab", "land", "report", "ph",
)  # fmt: skip
_OF_READING: Final = (
    "analyte", "name", "written", "unit", "low", "high", "detection_limit", "method",
)  # fmt: skip
# A laboratory numbers its samples; a number with another laboratory, or of produce instead of
# soil, is another sample.
_SAME: Final = ("number", "lab", "medium")


@dataclass(frozen=True, slots=True)
class Sampled:
    """What taking samples in did.

    Attributes:
        change: Number of the change; None when the register already said all of it.
        created: New samples.
        replaced: Samples of which something else was known until now.
        unchanged: Samples of which the register said the same already.
        readings: How many readings came with what is new or replaced.
        known_as: Number of the earlier change that took in the very same file; then nothing else
            was looked at.
    """

    change: int | None
    created: int = 0
    replaced: int = 0
    unchanged: int = 0
    readings: int = 0
    known_as: int | None = None


class Sampling(Holding):
    """The register of parcels behind one URL, with what was sampled."""

    def take_samples(self, samples: pd.DataFrame, readings: pd.DataFrame, act: Act) -> Sampled:
        """Take in what a laboratory measured, as one change, all or nothing.

        Args:
            samples: As `laboratory.receive_samples` gives them, without errors.
            readings: The readings of these samples.
            act: Who, when, why; a file already taken in changes nothing.

        Raises:
            StoreBusyError: Another process is writing.
        """
        told = samples.assign(digest=_digests(samples, readings))
        with self.store.write() as connection:
            seen = self._samples_of_file(connection, act)
            if seen is not None:
                return Sampled(None, unchanged=len(samples), known_as=seen)
            held = self._believed(connection, told)
            former = keys(told).map(held["id"]).astype("Int64")
            same = keys(told).map(held["digest"]).eq(told["digest"]).to_numpy(bool)
            fresh = told[~same]
            if fresh.empty:
                return Sampled(None, unchanged=len(told))
            closed = former[~same].dropna().astype(int).tolist()
            recorder = Recorder(self.store, connection, act)
            recorder.open(KIND)
            self._close(connection, closed, recorder.number)
            count = self._write(recorder, fresh, readings)
            new = len(fresh) - len(closed)
            return Sampled(recorder.number, new, len(closed), int(same.sum()), count)

    def readings(self, moment: Moment) -> pd.DataFrame:
        """Every reading of the samples taken until a day, as known at an instant.

        Returns:
            In the order of recording: `sample` (id), the facts of the sample (`number`, `point`,
            `medium`, `kind`, `depth`, `sampled_on`, `lab`, `land`, `report`, `ph`), `analyte`
            (key, missing where unknown), `name`, `written`, `unit`; `low`, `high` (infinite where
            nothing bounds it) and `detection_limit` in the unit of the limits; `method`, `row`;
            `change`, the change that brought it, and the `file` it came from.
        """
        query = (
            sa.select(
                sample.c.id.label("sample"),
                *[sample.c[name] for name in _OF_SAMPLE],
                *[reading.c[name] for name in _OF_READING],
                reading.c.source_row.label("row"),
                sample.c.recorded_from.label("change"),
                file.c.name.label("file"),
            )
            .select_from(
                reading.join(sample, reading.c.sample_id == sample.c.id)
                .join(change, sample.c.recorded_from == change.c.id)
                .outerjoin(file, change.c.file_id == file.c.id)
            )
            .where(sample.c.sampled_on <= moment.on)
            .order_by(reading.c.id)
        )
        with self.store.read() as connection:
            known = min(self._known(connection, moment), NOT_SUPERSEDED - 1)
            query = query.where(sample.c.recorded_from <= known, sample.c.recorded_to > known)
            rows = self.store.frame(connection, query)
        ends = rows[["low", "high", "detection_limit", "ph"]].astype(np.float64)
        ends["high"] = ends["high"].fillna(math.inf)
        return rows.assign(**ends)

    def _samples_of_file(self, connection: sa.Connection, act: Act) -> int | None:
        if act.file is None:
            return None
        query = (
            sa.select(change.c.id)
            .select_from(change.join(file, change.c.file_id == file.c.id))
            .where(file.c.sha256 == act.file.sha256, change.c.kind == KIND)
        )
        found = {int(one) for one in connection.execute(query).scalars()}
        # What was taken back can be sent again.
        return max(found - taken_back(undoes(connection)), default=None) if found else None

    def _believed(self, connection: sa.Connection, told: pd.DataFrame) -> pd.DataFrame:
        """Id and digest of the believed samples that these may be, by their key."""
        query = sa.select(sample.c.id, sample.c.digest, *[sample.c[name] for name in _SAME])
        noted = told["number"].drop_duplicates().tolist()
        parts = [
            self.store.frame(
                connection,
                query.where(
                    sample.c.recorded_to == NOT_SUPERSEDED,
                    sample.c.number.in_(noted[start : start + _AT_ONCE]),
                ),
            )
            for start in range(0, len(noted), _AT_ONCE)
        ]
        rows = pd.concat(parts, ignore_index=True)
        return rows.set_index(keys(rows))

    def _close(self, connection: sa.Connection, ids: list[int], number: int) -> None:
        for start in range(0, len(ids), _AT_ONCE):
            chosen = sample.c.id.in_(ids[start : start + _AT_ONCE])
            connection.execute(sa.update(sample).where(chosen).values(recorded_to=number))

    def _write(self, recorder: Recorder, fresh: pd.DataFrame, readings: pd.DataFrame) -> int:
        """Write samples with their readings; how many readings."""
        start = self.store.next_id(recorder.connection, sample)
        ids = pd.Series(range(start, start + len(fresh)), index=fresh["number"])
        columns: dict[str, Any] = {
            "id": ids.tolist(),
            **{name: plain(fresh[name]) for name in _OF_SAMPLE},
            "source_row": plain(fresh["row"]),
            "digest": fresh["digest"].tolist(),
            "recorded_from": [recorder.number] * len(fresh),
            "recorded_to": [NOT_SUPERSEDED] * len(fresh),
        }
        self.store.insert(recorder.connection, sample, columns)
        rows = readings[readings["number"].isin(ids.index)]
        start = self.store.next_id(recorder.connection, reading)
        columns = {
            "id": list(range(start, start + len(rows))),
            "sample_id": rows["number"].map(ids).tolist(),
            **{name: plain(_finite(rows[name])) for name in _OF_READING},
            "source_row": plain(rows["row"]),
            "change_id": [recorder.number] * len(rows),
        }
        self.store.insert(recorder.connection, reading, columns)
        return len(rows)


_AT_ONCE: Final = 500


def _finite(column: pd.Series) -> pd.Series:
    """An upper end that nothing bounds is kept as unknown."""
    if not pd.api.types.is_float_dtype(column):
        return column
    return column.replace(math.inf, np.nan)


def keys(rows: pd.DataFrame) -> pd.Series:
    """What tells one sample from another."""
    named = [rows[name].fillna("").astype("str") for name in _SAME]
    return named[0].str.cat(named[1:], sep="\0").astype(object)


def _digests(samples: pd.DataFrame, readings: pd.DataFrame) -> list[str]:
    """SHA-256 over what is said of each sample and its readings, in whatever order it is said."""
    facts = [
        json.dumps(row, ensure_ascii=False, default=str)
        for row in zip(*[plain(readings[name]) for name in _OF_READING], strict=True)
    ]
    by_number = pd.Series(facts, index=readings.index, dtype=object).groupby(readings["number"])
    measured = {number: sorted(rows) for number, rows in by_number}
    heads = zip(*[plain(samples[name]) for name in _OF_SAMPLE], strict=True)
    return [
        hashlib.sha256(
            json.dumps([head, measured.get(head[0], [])], ensure_ascii=False, default=str).encode()
        ).hexdigest()
        for head in heads
    ]
