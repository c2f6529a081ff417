"""Delivered boundaries against each other: the same land twice, overlaps, narrow gaps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import pandas as pd

from parcels import matching, topology
from parcels.boundaries import Report

OVERLAP_M2: Final = 1.0
"""Parcels that share less than 1 m2 are neighbours, drawn to the millimetre or not."""


def check(
    geometry: np.ndarray,
    area_m2: np.ndarray,
    report: Report,
    *,
    overlaps: pd.DataFrame,
    narrow: pd.DataFrame,
) -> None:
    """Report boundaries delivered twice, overlaps and gaps, at the later row of each pair.

    Args:
        geometry: The boundaries that can be kept; None for the others.
        area_m2: Their areas; NaN without a polygon.
        report: Where to.
        overlaps: Pairs of them, as `topology.overlaps` gives them.
        narrow: Gaps between pairs of them, as `gaps.gaps` gives them.
    """
    twins = topology.duplicates(geometry)
    _report_pairs("boundary_twice", twins.assign(area_m2=0.0), report)
    figure = np.arange(len(geometry))
    figure[twins["b"]] = twins["a"]
    pairs = overlaps[overlaps["area_m2"] >= OVERLAP_M2]
    pairs = pairs[figure[pairs["a"]] != figure[pairs["b"]]]
    common = pairs["area_m2"].to_numpy(float)
    share = matching.share_of_both(common, area_m2[pairs["a"]], area_m2[pairs["b"]])
    _report_pairs("boundary_nearly_twice", pairs[share >= matching.SAME_LAND], report)
    _report_pairs("overlap", pairs[share < matching.SAME_LAND], report)
    report_gaps("gap", narrow.assign(row=narrow["b"]), _others(narrow["a"], report), report)


def _report_pairs(code: str, pairs: pd.DataFrame, report: Report) -> None:
    details = [
        {**other, "area_m2": round(float(size), 2)}
        for other, size in zip(_others(pairs["a"], report), pairs["area_m2"], strict=True)
    ]
    report.add(code, pairs["b"].to_numpy("int64"), details=details)


def report_gaps(
    code: str, pairs: pd.DataFrame, others: Sequence[Mapping[str, object]], report: Report
) -> None:
    """Report gaps, each at its own place.

    Args:
        code: What to call them.
        pairs: As `gaps.gaps` gives them, with `row`, the position each is reported at.
        others: What lies on the other side, aligned.
        report: Where to.
    """
    details = [
        {**other, "area_m2": round(float(area), 2), "width_m": round(float(width), 3)}
        for other, area, width in zip(others, pairs["area_m2"], pairs["width_m"], strict=True)
    ]
    # One row may have several gaps: each keeps a place of its own.
    for _, several in pairs.groupby(pairs.groupby("row").cumcount()):
        where = several["row"].to_numpy("int64")
        pointed = report.pointing(where, several[["lon", "lat"]].to_numpy())
        pointed.add(code, where, details=[details[i] for i in several.index])


def _others(positions: pd.Series, report: Report) -> list[dict[str, object]]:
    numbers = report.numbers.to_numpy(dtype=object)
    return [
        {"other_row": int(report.rows[a]), "other": None if pd.isna(numbers[a]) else numbers[a]}
        for a in positions
    ]
