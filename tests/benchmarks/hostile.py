"""Files too large for comfort through `jingtu import --dry-run`: time, memory, disk, the answer.

python tests/benchmarks/hostile.py [--case ring.gpkg ...] [--vertices 10000000] [--gigabytes 2.2]

A ring of ten million corners in each kind of file, and files beyond the two gigabytes that old
programs count to. Each must come in, or be refused in words of ours, within bounds of time and
memory; nothing it unpacks or copies may stay behind.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import geopandas as gpd
import numpy as np
import pyogrio
import shapely

LAYER = "priority_plot"
NAMES = {"编码": "1101080320001", "名称": "示例地块", "环节": "优先监管"}
GIGABYTE = 1 << 30
WORDS = ("import", "--layer", LAYER, "--dry-run", "--format", "json")
SECONDS = 1_200
# Of addresses, of which more are taken than of memory.
MEMORY = 24 * GIGABYTE


def ring(vertices: int) -> np.ndarray:
    """Corners of a circle of 1 km in Haidian with a rough edge, degrees; closed."""
    turn = np.linspace(0, 2 * np.pi, vertices, endpoint=False)
    away = 0.009 + 1e-6 * np.random.default_rng(3).random(vertices)
    corners = np.column_stack([116.25 + away * np.cos(turn), 40.05 + away * np.sin(turn)])
    return np.vstack([corners, corners[:1]])


def ring_layer(path: Path, said: argparse.Namespace) -> None:
    """One parcel with the ring, as a GeoPackage or shapefile."""
    shape = shapely.Polygon(ring(said.vertices))
    frame = gpd.GeoDataFrame(
        {key: [one] for key, one in NAMES.items()}, geometry=[shape], crs=4490
    )
    pyogrio.write_dataframe(frame, path)


def ring_geojson(path: Path, said: argparse.Namespace) -> None:
    """The same as text."""
    head = json.dumps({"type": "Feature", "properties": NAMES}, ensure_ascii=False)[:-1]
    with path.open("w", encoding="utf-8") as out:
        out.write(f'{head}, "geometry": {{"type": "Polygon", "coordinates": [[')
        corners = ring(said.vertices)
        for piece in np.array_split(corners, 100):
            out.write(",".join(f"[{x:.9f},{y:.9f}]" for x, y in piece.tolist()) + ",")
        x, y = corners[0].tolist()
        out.write(f"[{x:.9f},{y:.9f}]]]}}}}")


def ring_txt(path: Path, said: argparse.Namespace) -> None:
    """The same as a file of boundary points, metres."""
    corners = (ring(said.vertices) - [116.25, 40.05]) * 1e5 + [39_446_000, 4_435_000]
    with path.open("w", encoding="gbk") as out:
        out.write(
            "[属性描述]\n坐标系=2000国家大地坐标系\n几度分带=3\n带号=39\n计量单位=米\n[地块坐标]\n"
        )
        out.write(f"{said.vertices},254.4,1101080320001,示例地块,面,,工业,,@\n")
        for place, piece in enumerate(np.array_split(corners, 100)):
            start = place * len(piece)
            out.writelines(
                f"J{start + n},1,{y:.4f},{x:.4f}\n" for n, (x, y) in enumerate(piece.tolist())
            )


def large_geojson(path: Path, said: argparse.Namespace) -> None:
    """Text beyond what is parsed whole."""
    with path.open("wb") as out:
        out.write(b'{"type":"FeatureCollection","features":[')
        out.truncate(int(said.gigabytes * GIGABYTE))


def large_table(path: Path, said: argparse.Namespace) -> None:
    """A shapefile whose table has 250 columns of 254 characters, all of them blank but three."""
    columns = 250
    width = 1 + 254 * columns
    count = int(said.gigabytes * GIGABYTE) // width
    west = 116.2 + 0.0005 * (np.arange(count) % 400)
    south = 39.9 + 0.0005 * (np.arange(count) // 400)
    shapes = shapely.box(west, south, west + 0.0004, south + 0.0004)
    pyogrio.write_dataframe(gpd.GeoDataFrame({"a": range(count)}, geometry=shapes, crs=4490), path)
    path.with_suffix(".cpg").write_text("UTF-8")
    named = ["DKBM", "DKMC", "环节", *[f"F{n}" for n in range(columns - 3)]]
    head = bytearray(32)
    head[0:4] = (3, 124, 1, 1)
    head[4:8] = count.to_bytes(4, "little")
    head[8:10] = (33 + 32 * columns).to_bytes(2, "little")
    head[10:12] = width.to_bytes(2, "little")
    for name in named:
        head += name.encode().ljust(11, b"\0")[:11] + b"C" + bytes(4) + bytes([254]) + bytes(15)
    with path.with_suffix(".dbf").open("wb") as out:
        out.write(bytes(head) + b"\r")
        for number in range(count):
            values = (f"1101080{number:06}", "示例地块", "优先监管")
            out.seek(len(head) + 1 + number * width)
            out.write(b" " + b"".join(one.encode().ljust(254) for one in values))
        out.truncate(len(head) + 1 + count * width + 1)


def large_geopackage(path: Path, said: argparse.Namespace) -> None:
    """Ten thousand parcels, each with a remark of a quarter of a megabyte."""
    count = 10_000
    west = 116.2 + 0.002 * (np.arange(count) % 100)
    south = 39.9 + 0.002 * (np.arange(count) // 100)
    frame = gpd.GeoDataFrame(
        {
            "编码": [f"1101080{n:06}" for n in range(count)],
            "名称": "示例地块",
            "环节": "优先监管",
            "备注": "",
        },
        geometry=shapely.box(west, south, west + 0.001, south + 0.001),
        crs=4490,
    )
    pyogrio.write_dataframe(frame, path, layer="plots")
    remark = "x" * (int(said.gigabytes * GIGABYTE) // count)
    with closing(sqlite3.connect(path)) as connection:
        for (name,) in connection.execute(
            "SELECT name FROM sqlite_master WHERE type = 'trigger'"
        ).fetchall():
            connection.execute(f'DROP TRIGGER "{name}"')
        for start in range(0, count, 1_000):
            order = "UPDATE plots SET 备注 = ? WHERE fid > ? AND fid <= ?"
            connection.execute(order, (remark, start, start + 1_000))
            connection.commit()


CASES: dict[str, Callable[[Path, argparse.Namespace], None]] = {
    "ring.gpkg": ring_layer,
    "ring.shp": ring_layer,
    "ring.geojson": ring_geojson,
    "ring.txt": ring_txt,
    "large.geojson": large_geojson,
    "large.shp": large_table,
    "large.gpkg": large_geopackage,
}


def held(folder: Path) -> int:
    """Bytes of the files in a folder that may vanish while they are counted."""
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            try:
                total += (Path(place) / name).stat().st_blocks * 512
            except OSError:
                continue
    return total


def watched(work: subprocess.Popen[str], folder: Path) -> tuple[str, str, int]:
    """What a command says, and the most bytes it had in its folder of scratch files."""
    most = 0
    over = threading.Event()

    def look() -> None:
        nonlocal most
        while not over.wait(0.5):
            most = max(most, held(folder))

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        said, wrong = work.communicate(timeout=SECONDS)
    except subprocess.TimeoutExpired:
        work.kill()
        said, wrong = work.communicate()
    over.set()
    watcher.join()
    return said, wrong, most


def run(path: Path, folder: Path) -> dict[str, object]:
    """Bring one file in, dry, as a clerk would; the memory is that of this child alone."""
    scratch = folder / "scratch"
    scratch.mkdir()
    program = (
        "import resource, sys, tempfile\n"
        "tempfile.tempdir = sys.argv[1]\n"
        f"resource.setrlimit(resource.RLIMIT_AS, ({MEMORY}, {MEMORY}))\n"
        "from maps import cli\n"
        "code = cli.run(sys.argv[2:])\n"
        # Not what getrusage says: that counts what the parent held before this program began.
        "told = open('/proc/self/status').read().split('VmHWM:')[1].split()[0]\n"
        "print(told, file=sys.stderr)\n"
        "sys.exit(code)\n"
    )
    start = time.perf_counter()
    work = subprocess.Popen(
        [sys.executable, "-c", program, str(scratch), "--store", "r.gpkg", *WORDS, str(path)],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    said, wrong, most = watched(work, scratch)
    seconds = time.perf_counter() - start
    lines = wrong.strip().splitlines() or [""]
    peak = int(lines[-1]) / 1024 if lines[-1].isdigit() else float("nan")
    left = sorted(one.name for one in scratch.iterdir())
    shutil.rmtree(scratch)
    codes = sorted({one["code"] for one in json.loads(said)["rows"]}) if said.strip() else []
    return {
        "seconds": seconds,
        "megabytes": peak,
        "scratch": most / (1 << 20),
        "exit": work.returncode,
        "left": left,
        "said": ", ".join(codes) or " ".join(lines[:-1])[-300:],
    }


def main() -> None:
    """Print a row per case."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--case", action="append", choices=CASES)
    asked.add_argument("--vertices", type=int, default=10_000_000)
    asked.add_argument("--gigabytes", type=float, default=2.2)
    said = asked.parse_args()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    print(f"{'':16}{'file MB':>9}{'seconds':>9}{'peak MB':>9}{'scratch':>9}{'exit':>6}  answer")
    for name in said.case or CASES:
        with tempfile.TemporaryDirectory() as place:
            folder = Path(place)
            path = folder / name
            CASES[name](path, said)
            size = sum(one.stat().st_size for one in folder.iterdir()) / (1 << 20)
            done = run(path, folder)
        print(
            f"{name:16}{size:9.0f}{done['seconds']:9.1f}{done['megabytes']:9.0f}"
            f"{done['scratch']:9.0f}{done['exit']:6}  {done['said']}"
            + (f"  LEFT BEHIND {done['left']}" if done["left"] else ""),
            flush=True,
        )


if __name__ == "__main__":
    main()
