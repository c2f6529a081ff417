"""What moves a figure: which parcels give more or less to its terms than before, and by how much.

For each term the movements add up exactly to what the figure's amount differs by.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd

LABELS: Final = ("indicator", "term", "by", "place", "layer")
"""What a movement is of, besides the parcel."""

COLUMNS: Final = (
    *LABELS,
    *("parcel", "version_before", "version_after", "before", "after", "moved"),
)
"""Columns of a frame of movements: numbers of versions (Int64, NA where it gave nothing) and
amounts; `moved` is after - before."""

ENTERED: Final = "entered"
CHANGED: Final = "changed"
LEFT: Final = "left"
REDRAWN: Final = "redrawn"
RECKONED: Final = "reckoned"


def movements(before: pd.DataFrame, after: pd.DataFrame) -> pd.DataFrame:
    """The parcels that give another amount than before, the greatest movements first.

    A parcel that left one place for another stands there twice, with less and with more.

    Args:
        before: Columns of `figures.PARTS`.
        after: The same later, or as known later.

    Returns:
        COLUMNS; one row for each term, place, layer and parcel whose amount differs.
    """
    label, categories = _labelled(before, after)
    sides = np.repeat([0, 1], [len(before), len(after)])
    parcel, version, amount = (
        np.concatenate([frame[name].to_numpy(np.int64) for frame in (before, after)])
        for name in ("parcel", "version", "amount")
    )
    order = np.lexsort((sides, parcel, label))
    label, parcel, version, amount, sides = (
        column[order] for column in (label, parcel, version, amount, sides)
    )
    first = np.flatnonzero(_begins(label, parcel))
    was, now = (_sums(np.where(sides == side, amount, 0), first) for side in (0, 1))
    old, new = (_newest(np.where(sides == side, version, -1), first) for side in (0, 1))
    at = np.flatnonzero(was != now)
    at = at[np.argsort(-np.abs(now[at] - was[at]), kind="stable")]
    return pd.DataFrame(
        {
            **_unlabelled(label[first[at]], categories),
            "parcel": parcel[first[at]],
            "version_before": _known(old[at]),
            "version_after": _known(new[at]),
            "before": was[at],
            "after": now[at],
            "moved": now[at] - was[at],
        }
    )


def causes(
    moved: pd.DataFrame, versions: pd.DataFrame, *, known: int, redrawn: int | None
) -> pd.DataFrame:
    """Why each movement happened, and by which change.

    Args:
        moved: As `movements` gives it.
        versions: By number, `change` that made a version known and `until_change` that superseded
            it.
        known: Number of the last change that counted before.
        redrawn: The change that drew districts anew since; None where none did.

    Returns:
        On the same index `why`: ENTERED or CHANGED by a newer version, LEFT where its version was
        superseded, REDRAWN with districts, or RECKONED: the parcel is as it was, and what else the
        formula looks at is not; and `change` (Int64; NA for RECKONED).
    """
    made = moved["version_after"].map(versions["change"]).astype("Int64")
    ended = moved["version_before"].map(versions["until_change"]).astype("Int64")
    newer = made.gt(known).fillna(value=False).to_numpy(bool)
    gone = moved["version_after"].isna() & ended.gt(known).fillna(value=False)
    anew = (moved["by"].astype("str") == "district").to_numpy(bool) & (redrawn is not None)
    entered = newer & moved["version_before"].isna().to_numpy(bool)
    why = np.select([entered, newer, gone, anew], [ENTERED, CHANGED, LEFT, REDRAWN], RECKONED)
    change = made.where(newer, ended.where(gone))
    change = change.mask(why == REDRAWN, redrawn if redrawn is not None else pd.NA)
    return pd.DataFrame({"why": why, "change": change.astype("Int64")}, index=moved.index)


def _labelled(*frames: pd.DataFrame) -> tuple[np.ndarray, list[pd.Index]]:
    """One number for the labels of each row of frames laid together, and what they stand for."""
    label = np.zeros(sum(map(len, frames)), np.int64)
    categories = []
    for name in LABELS:
        columns = [frame[name].astype("category").array for frame in frames]
        words = pd.Index(np.unique([str(one) for each in columns for one in each.categories]))
        codes = [words.get_indexer(each.categories.astype("str"))[each.codes] for each in columns]
        label = label * max(len(words), 1) + np.concatenate(codes)
        categories.append(words)
    return label, categories


def _unlabelled(label: np.ndarray, categories: list[pd.Index]) -> dict[str, np.ndarray]:
    told = {}
    for name, words in zip(reversed(LABELS), reversed(categories), strict=True):
        label, code = np.divmod(label, max(len(words), 1))
        told[name] = words.to_numpy()[code]
    return {name: told[name] for name in LABELS}


def _begins(label: np.ndarray, parcel: np.ndarray) -> np.ndarray:
    """Whether each of sorted rows is the first of its label and parcel."""
    new = np.ones(len(label), dtype=bool)
    new[1:] = (label[1:] != label[:-1]) | (parcel[1:] != parcel[:-1])
    return new


def _sums(amount: np.ndarray, first: np.ndarray) -> np.ndarray:
    return np.add.reduceat(amount, first) if len(first) else np.empty(0, np.int64)


def _newest(version: np.ndarray, first: np.ndarray) -> np.ndarray:
    return np.maximum.reduceat(version, first) if len(first) else np.empty(0, np.int64)


def _known(version: np.ndarray) -> pd.Series:
    return pd.Series(version, dtype="Int64").mask(version < 0)
