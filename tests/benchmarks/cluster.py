"""Coverage of a lake of tiling parcels: one process, and 1 and 2 workers of a local cluster.

python tests/benchmarks/cluster.py [--parcels 10000000] [--workers 1 2] [--memory 1024] [--whole]

The parcels are made block by block, so that neither making nor counting them ever holds all; each
has 8 corners, they tile without gaps, one in a thousand overlaps its neighbours. With --whole all
are also counted at once in one process, as `jingtu coverage --recompute` does. Every way must give
the very same table. The last lines size the 295 million patches of the national land survey.
"""

from __future__ import annotations

import argparse
import datetime as dt
import os
import platform
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

sys.path.insert(0, str(Path(__file__).parents[1]))
from town import AT, PLOT

from layers import cluster, shares
from layers.coverage import TOTAL, Holdings, coverage, holdings, merged
from layers.shares import Share
from parcels import crs, districts, partition
from parcels.districts import Territory
from parcels.exchange import lake as lakes
from parcels.exchange.lake import Lake
from parcels.model import Moment
from parcels.partition import Block

CITY = districts.bundled()
WEST, SOUTH, EAST, NORTH = 115.85, 39.55, 116.95, 40.35
NATION = 295_000_000
"""Patches of the third national land survey."""

_OVERLAPPING = 1000


def _chance(i: np.ndarray, j: np.ndarray, seed: int) -> np.ndarray:
    """Numbers from 0 to 1 that depend on the place alone."""
    mixed = i.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    mixed ^= j.astype(np.uint64) * np.uint64(0xC2B2AE3D27D4EB4F) + np.uint64(seed * 77_777)
    mixed ^= mixed >> np.uint64(31)
    mixed *= np.uint64(0xBF58476D1CE4E5B9)
    mixed ^= mixed >> np.uint64(29)
    return (mixed % np.uint64(1_000_003)).astype(np.float64) / 1_000_003


class Lattice:
    """Parcels (i, j) of a grid of so many columns and rows, its points moved by chance."""

    def __init__(self, count: int) -> None:
        self.columns = int(np.sqrt(count))
        self.rows = count // self.columns
        self.step = np.array([(EAST - WEST) / self.columns, (NORTH - SOUTH) / self.rows])

    def _point(self, i: np.ndarray, j: np.ndarray, half: tuple[float, float]) -> np.ndarray:
        seed = int(half[0] * 2 + half[1] * 4)
        moved = 0.4 if seed == 0 else 0.15
        at = np.stack([i + half[0], j + half[1]], axis=-1)
        chance = np.stack([_chance(i, j, seed), _chance(i, j, seed + 10)], axis=-1) - 0.5
        return np.round((WEST, SOUTH) + (at + moved * chance) * self.step, 9)

    def parcels(self, i: np.ndarray, j: np.ndarray) -> gpd.GeoDataFrame:
        """The parcels at these places, indexed by their number."""
        far = self._point(i + 1, j + 1, (0, 0))
        over = _chance(i, j, 5) < 1 / _OVERLAPPING
        far[over] += 0.6 * self.step
        ring = [
            self._point(i, j, (0, 0)),
            self._point(i, j, (0.5, 0)),
            self._point(i + 1, j, (0, 0)),
            self._point(i + 1, j, (0, 0.5)),
            far,
            self._point(i, j + 1, (0.5, 0)),
            self._point(i, j + 1, (0, 0)),
            self._point(i, j, (0, 0.5)),
        ]
        shapes = shapely.polygons(np.stack([*ring, ring[0]], axis=1))
        number = i * self.rows + j
        frame = pd.DataFrame(
            {
                "code": number.astype("U12"),
                "unit": np.where(_chance(i, j, 6) < 0.1, "110115403", "110108"),
                "stage": np.where(_chance(i, j, 7) < 0.3, "listed", "surveyed"),
                "district": None,
            },
            index=pd.Index(number, name="parcel"),
        ).astype(dict.fromkeys(("code", "unit", "stage", "district"), "str"))
        return gpd.GeoDataFrame(frame, geometry=shapes, crs=crs.STORAGE)

    def shares(self, most: int) -> Iterator[tuple[Block, gpd.GeoDataFrame]]:
        """Blocks with the parcels that belong to them."""
        side = max(1, int(np.ceil(np.sqrt(self.columns * self.rows / most))))
        across = _edges(self.columns, side)
        along = _edges(self.rows, side)
        for a in range(side):
            for b in range(side):
                west, east = (WEST + edge * self.step[0] for edge in across[a : a + 2])
                south, north = (SOUTH + edge * self.step[1] for edge in along[b : b + 2])
                block = Block(west, south, east, north)
                # One more all round: a corner moved by chance may lie in the block.
                i, j = np.meshgrid(
                    _within(across[a : a + 2], self.columns), _within(along[b : b + 2], self.rows)
                )
                made = self.parcels(i.ravel(), j.ravel())
                own = block.holds(partition.corners(made.geometry.to_numpy()))
                yield block, made[own]


def _edges(count: int, parts: int) -> np.ndarray:
    edges = np.round(np.linspace(0, count, parts + 1))
    edges[[0, -1]] = -np.inf, np.inf
    return edges


def _within(edges: np.ndarray, count: int) -> np.ndarray:
    low, high = np.clip(edges, 0, count).astype(int)
    return np.arange(max(0, low - 1), min(count, high + 1))


def silent(_done: int, _total: int) -> None:
    """Tells nobody."""


def peak_mib() -> int:
    """The most memory this process has used, MiB, making the parcels included.

    As Linux tells it: what `getrusage` gives is at least that of the process it was started by.
    """
    told = Path("/proc/self/status").read_text("ascii")
    return int(told.split("VmHWM:")[1].split()[0]) // 1024


def table(held: Holdings) -> pd.DataFrame:
    """The coverage table that every way must give."""
    return coverage(held, CITY)


@dataclass(frozen=True, slots=True)
class Run:
    """One way to count: seconds by the clock and of processors, and the most memory, MiB."""

    name: str
    seconds: float
    processor_s: float
    hiring_s: float
    peak_mib: int


def one_process(work: list[Share], territory: Territory) -> tuple[Run, pd.DataFrame]:
    """Count here, file by file."""
    start, used = time.perf_counter(), time.process_time()
    made = table(shares.all_added_up(work, territory, silent))
    spent, used = time.perf_counter() - start, time.process_time() - used
    return Run("one process, file by file", spent, used, 0, peak_mib()), made


def by_workers(
    workers: int, memory_mib: int, work: list[Share], territory: Territory
) -> tuple[Run, pd.DataFrame]:
    """Count by workers of this machine."""
    start = time.perf_counter()
    with cluster.of_our_own(workers, memory_mib=memory_mib) as crew:
        hiring = time.perf_counter() - start
        start = time.perf_counter()
        used = sum(crew.client.run(time.process_time).values())
        made = table(crew.added_up(work, territory, silent))
        spent = time.perf_counter() - start
        used = sum(crew.client.run(time.process_time).values()) - used
        most = max(crew.client.run(peak_mib).values())
    return Run(f"workers: {workers}, of {memory_mib} MiB", spent, used, hiring, most), made


def all_at_once(lake: Lake, territory: Territory) -> tuple[Run, pd.DataFrame]:
    """Count here, all parcels in memory."""
    start, used = time.perf_counter(), time.process_time()
    parts = [
        lakes.near(lake.folder, lake.name, part, (), columns=("district", "unit", "stage"))
        for part in lake.parts
    ]
    made = table(merged([holdings(gpd.GeoDataFrame(pd.concat(parts)), territory)]))
    spent, used = time.perf_counter() - start, time.process_time() - used
    return Run("one process, all at once", spent, used, 0, peak_mib()), made


def main() -> None:
    """Run all and print a table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--parcels", type=int, default=1_000_000)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--memory", type=int, default=1024)
    parser.add_argument("--whole", action="store_true")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        lakes.write(
            Path(folder),
            PLOT,
            Lattice(asked.parcels).shares(shares.MOST),
            moment=Moment(dt.date(2024, 12, 31), change=1),
            territory=CITY,
            made_at=AT,
        )
        lake = lakes.opened(Path(folder))
        size = sum(part.size_bytes for part in lake.parts) / 2**30
        print(f"{lake.parcels:,} parcels of 8 corners in {len(lake.parts)} files, {size:.2f} GiB")
        print(f"(made in {time.perf_counter() - start:.0f} s); {platform.platform()},")
        print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}\n", flush=True)
        print("| coverage by | seconds | processor s | start, s | parcels/s | peak MiB each |")
        print("|---|---:|---:|---:|---:|---:|")
        work, territory = shares.of_lake(lake), lake.territory()
        first, figures = one_process(work, territory)
        runs = [first]
        say(first, lake)
        for workers in asked.workers:
            run, again = by_workers(workers, asked.memory, work, territory)
            pd.testing.assert_frame_equal(again, figures, check_exact=True)
            runs.append(run)
            say(run, lake)
        if asked.whole:
            run, again = all_at_once(lake, territory)
            pd.testing.assert_frame_equal(again, figures, check_exact=True)
            say(run, lake)
    extrapolate(runs, lake, size, figures)


def say(run: Run, lake: Lake) -> None:
    """Print what was measured."""
    speed = lake.parcels / run.seconds
    print(
        f"| {run.name} | {run.seconds:.1f} | {run.processor_s:.1f} | {run.hiring_s:.1f} "
        f"| {speed:,.0f} | {run.peak_mib:,} |",
        flush=True,
    )


def extrapolate(runs: list[Run], lake: Lake, size_gib: float, figures: pd.DataFrame) -> None:
    """Print what follows for the nation."""
    total = figures[(figures["place"] == TOTAL) & (figures["stage"] == TOTAL)].iloc[0]
    print(f"\nAll tables are equal; {total['area_m2']:.6f} m2 in all, {len(figures)} rows.")
    used = max(run.processor_s for run in runs) / lake.parcels * NATION / 3600
    print(f"Extrapolated, not run: {NATION:,} patches like these would take {used:.1f} hours of")
    print(f"one processor, {used * 60 / 64:.0f} minutes of 64, and a lake of", end=" ")
    print(f"{size_gib / lake.parcels * NATION:,.0f} GiB; real patches have more corners.")


if __name__ == "__main__":
    main()
