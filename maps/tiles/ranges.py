"""Runs of places in flat arrays: whose members they are, gathered without a loop."""

from __future__ import annotations

import numpy as np


def gathered(starts: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Positions of all members of runs, run after run.

    Args:
        starts: First position of each run.
        counts: Members of each run; 0 allowed.
    """
    total = int(counts.sum())
    if total == 0:
        return np.zeros(0, dtype=np.int64)
    before = np.cumsum(counts) - counts
    return np.repeat(starts - before, counts) + np.arange(total)


def owners(counts: np.ndarray) -> np.ndarray:
    """Which run each member belongs to, 0 for the first."""
    return np.repeat(np.arange(len(counts)), counts)
