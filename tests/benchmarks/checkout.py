"""Diff and merge of 100,000 parcels with 1 % changed, and lending and merging a copy.

python tests/benchmarks/checkout.py [--parcels 100000] [--geodiff PYTHON]

The peers are pygeodiff, run by any Python that has it (pip install pygeodiff), and the merge of
two frames by geopandas. All read the same GeoPackages; the measure is reading two of them.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio

from layers import catalog
from layers.samples.attributes import parcels_frame
from parcels import districts, merging
from parcels.exchange.checkout import NUMBER
from parcels.merging import Choices, Side

LAYER = catalog.load()["farmland"]
KEYS = [field.key for field in LAYER.fields]
SHARE = 0.01
GEODIFF = """
import sys, time, pygeodiff
base, theirs, ours, out = sys.argv[1:]
geodiff = pygeodiff.GeoDiff()
start = time.perf_counter()
geodiff.create_changeset(base, theirs, out + ".diff")
print(time.perf_counter() - start)
start = time.perf_counter()
geodiff.rebase(base, theirs, ours, out + ".conflicts")
print(time.perf_counter() - start)
"""


def timed(work: Callable[[], object]) -> float:
    """Seconds of the better of two runs."""
    times = []
    for _ in range(2):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)


def read(path: Path) -> gpd.GeoDataFrame:
    """A file, indexed by parcel."""
    frame = pyogrio.read_dataframe(path, layer=LAYER.key, use_arrow=True)
    return frame.set_index(NUMBER)


def edited(frame: gpd.GeoDataFrame, seed: int) -> gpd.GeoDataFrame:
    """The same parcels, half a per cent with another name and half with another boundary."""
    chosen = np.random.default_rng(seed).permutation(len(frame))[: int(len(frame) * SHARE)]
    named, moved = np.array_split(chosen, 2)
    other = frame.copy()
    other.iloc[named, other.columns.get_loc("name")] = f"改过的名称{seed}"
    shapes = other.geometry.to_numpy().copy()
    shapes[moved] = frame.geometry.iloc[moved].translate(1e-5, 0).to_numpy()
    return other.set_geometry(gpd.GeoSeries(shapes, index=other.index, crs=other.crs))


def write(frame: gpd.GeoDataFrame, path: Path) -> None:
    """A GeoPackage with the rows in their order, so that they keep their numbers."""
    pyogrio.write_dataframe(frame, path, driver="GPKG", layer=LAYER.key, use_arrow=True)


def by_geopandas(base: gpd.GeoDataFrame, other: gpd.GeoDataFrame) -> pd.Series:
    """Which parcels differ, as is done with frames by hand."""
    both = base.reset_index().merge(other.reset_index(), on=NUMBER, suffixes=("", "_2"))
    differ = pd.Series(False, index=both.index)  # noqa: FBT003 - a value
    for key in (key for key in base.columns if key != "geometry"):
        one, two = both[key], both[f"{key}_2"]
        differ |= (one != two) & ~(one.isna() & two.isna())
    shapes, others = (gpd.GeoSeries(both[name]) for name in ("geometry", "geometry_2"))
    return differ | ~shapes.geom_equals(others)


def merge(base: gpd.GeoDataFrame, theirs: gpd.GeoDataFrame, ours: gpd.GeoDataFrame) -> object:
    """The three-way merge of Jingtu."""
    found = merging.compare(base, theirs, ours, KEYS)
    names = {parcel: [str(parcel)] for parcel, _ in merging.listed(found.conflicts)}
    return merging.merged(ours, theirs, merging.taken(found, Choices(Side.FILE), names))


def commands(folder: Path, frame: gpd.GeoDataFrame) -> dict[str, float]:
    """Seconds of the commands, as a clerk starts them; the register is made before."""

    def run(*words: str) -> float:
        program = [sys.executable, "-c", "import sys; from maps import cli; cli.main()"]
        start = time.perf_counter()
        done = subprocess.run(
            [*program, "--store", "register.gpkg", *words],
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(done.stdout[-2000:] + done.stderr[-2000:])
        return time.perf_counter() - start

    write(frame.drop(columns=NUMBER), folder / "delivery.gpkg")
    plain = run("import", "delivery.gpkg", "--layer", LAYER.key, "--on", "2024-06-01")
    lend = run("checkout", "copy.gpkg", "--layer", LAYER.key)
    copy = pyogrio.read_dataframe(folder / "copy.gpkg", layer=LAYER.key, use_arrow=True)
    pyogrio.write_dataframe(
        edited(copy, 3), folder / "copy.gpkg", driver="GPKG", layer=LAYER.key, use_arrow=True
    )
    return {
        "import of the delivery": plain,
        "checkout": lend,
        "import of the copy": run("import", "copy.gpkg", "--on", "2024-07-01"),
    }


def main() -> None:
    """Print a row per measure, and its ratio to reading two files."""
    asked = argparse.ArgumentParser()
    asked.add_argument("--parcels", type=int, default=100_000)
    asked.add_argument("--geodiff", default="")
    said = asked.parse_args()
    print(f"{platform.machine()}, {os.cpu_count()} cores, {said.parcels:,} parcels")
    frame = parcels_frame(LAYER, said.parcels, seed=7, territory=districts.bundled())
    frame = frame[[*KEYS, "geometry"]]
    frame.insert(0, NUMBER, np.arange(1, len(frame) + 1))
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        files = [folder / f"{name}.gpkg" for name in ("base", "theirs", "ours")]
        for path, one in zip(files, (frame, edited(frame, 1), edited(frame, 2)), strict=True):
            write(one, path)
        measured = {"read two files": timed(lambda: [read(path) for path in files[:2]])}
        base, theirs, ours = (read(path) for path in files)
        measured["diff, Jingtu"] = timed(lambda: merging.differs(theirs, base, KEYS))
        measured["three-way merge, Jingtu"] = timed(lambda: merge(base, theirs, ours))
        measured["diff, geopandas"] = timed(lambda: by_geopandas(base, theirs))
        if said.geodiff:
            command = [said.geodiff, "-c", GEODIFF, *map(str, files), str(folder / "geodiff")]
            told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
            diff, rebase = map(float, told.split())
            measured["diff, pygeodiff, with reading"] = diff
            measured["rebase, pygeodiff, with reading"] = rebase
        for name, seconds in commands(folder, frame).items():
            measured[f"jingtu {name}"] = seconds
    floor = measured["read two files"]
    for name, seconds in measured.items():
        print(f"{name:36}{seconds:8.2f} s{seconds / floor:8.2f} x")


if __name__ == "__main__":
    main()
