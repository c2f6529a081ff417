"""Which samples of a laboratory's list can come in, and the rows of those that cannot."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from parcels.ingest.laboratory import LabReport


@dataclass(frozen=True, slots=True, eq=False)
class SortedOut:
    """A list of which every sample is either ready or kept out, with all of its readings.

    Half a sample would be mended and sent again, and would then replace the other half.

    Attributes:
        samples: Those that are ready, as `LabReport.samples`.
        readings: Theirs.
        out: Numbers of the rows kept out, ascending.
        beside: Those of them that have no error and belong to a sample with one.
        kept_out: How many samples, and rows without a number, are kept out.
    """

    samples: pd.DataFrame
    readings: pd.DataFrame
    out: tuple[int, ...]
    beside: tuple[int, ...]
    kept_out: int


def sort_out(told: LabReport) -> SortedOut:
    """Part the samples that can come in from those with an error.

    Args:
        told: The list, as it was read and checked.
    """
    wrong = told.findings.rows_with_errors()
    origin = told.origin
    spoiled = set(origin.loc[origin["row"].isin(wrong), "number"].dropna())
    whole = told.findings.file_has_error() or told.samples.empty
    of_spoiled = origin["number"].isin(spoiled) | origin["row"].isin(wrong) | whole
    out = {*origin.loc[of_spoiled, "row"].tolist(), *wrong}
    ready = told.samples[~told.samples["number"].isin(spoiled)] if not whole else told.samples[:0]
    readings = told.readings
    if len(readings):
        readings = readings[readings["number"].isin(ready["number"])]
    without = origin.loc[of_spoiled & origin["number"].isna(), "row"].nunique()
    numbers = origin.loc[of_spoiled, "number"].nunique()
    return SortedOut(
        samples=ready,
        readings=readings,
        out=tuple(sorted(int(row) for row in out)),
        beside=tuple(sorted(int(row) for row in out - wrong)),
        kept_out=int(without + numbers),
    )
