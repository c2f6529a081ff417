"""Import of a clean GeoPackage against reading and writing the same file with pyogrio and Arrow.

python tests/benchmarks/importing.py [--parcels 100000 1000000] [--layer farmland] [--dirty]

Each run is a process of its own, as a clerk starts it: the floor reads the delivery and writes it
to another GeoPackage with an R-tree and nothing else; Jingtu checks everything and stores it.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pyogrio

from layers import catalog
from layers.samples.attributes import parcels_frame
from parcels import districts

FLOOR = (
    "import sys, pyogrio; frame = pyogrio.read_dataframe(sys.argv[1], use_arrow=True);"
    "pyogrio.write_dataframe(frame, sys.argv[2], driver='GPKG', use_arrow=True)"
)
FAULTY_SHARE = 0.1


def delivery(path: Path, count: int, *, layer: str, faulty: bool) -> None:
    """A delivery of `count` parcels, clean or with faults of many kinds in a tenth of its rows."""
    declared = catalog.load().layer(layer)
    frame = parcels_frame(declared, count, seed=7, territory=districts.bundled())
    kept = [one.key for one in declared.fields if frame[one.key].notna().any()]
    frame = frame[[*kept, "geometry"]]
    if faulty:
        frame = spoiled(frame)
    pyogrio.write_dataframe(frame, path, driver="GPKG", layer=layer, use_arrow=True)


def spoiled(frame: pd.DataFrame) -> pd.DataFrame:
    """A tenth of the rows with a fault, a twentieth of these of each kind in turn."""
    rng = np.random.default_rng(11)
    chosen = rng.permutation(len(frame))[: int(len(frame) * FAULTY_SHARE)]
    kinds = np.array_split(chosen, len(FAULTS))
    bad = frame.astype({"stage": object, "district": object, "declared_area_m2": float})
    for fault, rows in zip(FAULTS, kinds, strict=True):
        fault(bad, rows)
    return bad


def _no_stage(frame: pd.DataFrame, rows: np.ndarray) -> None:
    frame.loc[rows, "stage"] = "没有这个环节"


def _no_name(frame: pd.DataFrame, rows: np.ndarray) -> None:
    frame.loc[rows, "name"] = None


def _same_code(frame: pd.DataFrame, rows: np.ndarray) -> None:
    frame.loc[rows, "code"] = frame["code"].iloc[rows[::-1]].to_numpy()[: len(rows)]
    half = len(rows) // 2
    frame.loc[rows[:half], "code"] = frame["code"].iloc[rows[half : 2 * half]].to_numpy()


def _no_district(frame: pd.DataFrame, rows: np.ndarray) -> None:
    frame.loc[rows, "district"] = "某某区"


def _wrong_area(frame: pd.DataFrame, rows: np.ndarray) -> None:
    frame.loc[rows, "declared_area_m2"] *= 1.3


def _moved(frame: pd.DataFrame, rows: np.ndarray) -> None:
    frame.loc[rows, "geometry"] = frame.geometry.iloc[rows].translate(0.0005, 0.0003)


def _far_away(frame: pd.DataFrame, rows: np.ndarray) -> None:
    frame.loc[rows, "geometry"] = frame.geometry.iloc[rows].translate(20, -10)


def _crossed(frame: pd.DataFrame, rows: np.ndarray) -> None:
    from shapely import Polygon  # noqa: PLC0415 - here alone

    def bow_tie(box: tuple[float, float, float, float]) -> Polygon:
        west, south, east, north = box
        return Polygon([(west, south), (east, north), (east, south), (west, north)])

    frame.loc[rows, "geometry"] = [bow_tie(one.bounds) for one in frame.geometry.iloc[rows]]


def _no_boundary(frame: pd.DataFrame, rows: np.ndarray) -> None:
    frame.loc[rows, "geometry"] = None


FAULTS = (
    _no_stage,
    _no_name,
    _same_code,
    _no_district,
    _wrong_area,
    _moved,
    _far_away,
    _crossed,
    _no_boundary,
)


def run(*command: str) -> tuple[float, float, float]:
    """Seconds of a process from start to end, of its processors' work, and its GiB at most."""
    pid = os.fork()
    start = time.perf_counter()
    if pid == 0:
        with open(os.devnull, "wb") as nothing:  # noqa: PTH123 - a file descriptor is wanted
            os.dup2(nothing.fileno(), 1)
            os.execv(command[0], command)  # noqa: S606 - our own commands
    _, status, used = os.wait4(pid, 0)
    seconds = time.perf_counter() - start
    if os.waitstatus_to_exitcode(status) not in {0, 10}:
        raise SystemExit(f"{command}: {status}")
    return seconds, used.ru_utime + used.ru_stime, used.ru_maxrss / 2**20


def measured(
    count: int, folder: Path, *, layer: str, faulty: bool
) -> list[tuple[str, float, float, float]]:
    """Rows of name, seconds, processor seconds and GiB for one size."""
    path = folder / f"{count}{'-faulty' if faulty else ''}.gpkg"
    # In a process of its own, so that this one stays small.
    with subprocess.Popen(
        [sys.executable, __file__, "--make", str(path), "--parcels", str(count), "--layer", layer]
        + (["--dirty"] if faulty else [])
    ) as maker:
        maker.wait()
    if not path.exists():
        raise SystemExit(f"{path} was not made")
    store, copy = folder / "register.gpkg", folder / "copy.gpkg"
    program = str(Path(sys.executable).with_name("jingtu"))
    command = [program, "--store", str(store), "import", str(path), "--layer", layer]
    command += ["--accept-valid", "--rejects", str(folder)] if faulty else []
    rows = [
        (
            "pyogrio + Arrow, read and write",
            *run(sys.executable, "-c", FLOOR, str(path), str(copy)),
        ),
        ("jingtu import" + (", a tenth faulty" if faulty else ""), *run(*command)),
    ]
    for one in folder.glob("*"):
        one.unlink()
    return rows


def main() -> None:
    """Run all and print a table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--parcels", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--layer", default="farmland")
    parser.add_argument("--dirty", action="store_true")
    parser.add_argument("--make", type=Path)
    asked = parser.parse_args()
    if asked.make is not None:
        delivery(asked.make, asked.parcels[0], layer=asked.layer, faulty=asked.dirty)
        return
    print(f"{platform.platform()}, {os.cpu_count()} cores, layer {asked.layer}\n")
    print("| parcels | what | seconds | against the floor | of the processors | GiB |")
    print("|---:|---|---:|---:|---:|---:|")
    with tempfile.TemporaryDirectory() as folder:
        for count in asked.parcels:
            kinds = [False, True] if asked.dirty else [False]
            for faulty in kinds:
                rows = measured(count, Path(folder), layer=asked.layer, faulty=faulty)
                floor = rows[0][1:3]
                for name, seconds, work, gib in rows:
                    print(
                        f"| {count:,} | {name} | {seconds:.2f} | {seconds / floor[0]:.1f}"
                        f" | {work:.2f} ({work / floor[1]:.1f}) | {gib:.2f} |",
                        flush=True,
                    )


if __name__ == "__main__":
    main()
