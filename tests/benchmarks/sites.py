"""Proposing sites between two layers of 100,000 parcels: time and peak memory.

python tests/benchmarks/sites.py [--parcels 100000]

Once with names as they are; once with one name for all of a district and no boundary for half of
a layer, as lists come in whose names were left at "地块": pairs by name must not grow with the
square of the parcels.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))
from town import act

from layers import catalog
from layers.samples.attributes import parcels_frame
from parcels.register import Register

LAYERS = ("priority_plot", "key_construction_land")
PROGRAM = (
    "import sys\n"
    "from maps import cli\n"
    "code = cli.run(sys.argv[1:])\n"
    "told = open('/proc/self/status').read().split('VmHWM:')[1].split()[0]\n"
    "print(told, file=sys.stderr)\n"
    "sys.exit(code)\n"
)


def run(folder: Path, *words: str) -> tuple[float, float, str]:
    """Seconds and peak megabytes of a command as a clerk starts it, and what it said last."""
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, "--store", "r.gpkg", *words],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    seconds = time.perf_counter() - start
    if done.returncode:
        raise RuntimeError(done.stdout[-2000:] + done.stderr[-2000:])
    peak = int(done.stderr.strip().splitlines()[-1]) / 1024
    return seconds, peak, done.stdout.strip().splitlines()[-1]


def fill(folder: Path, count: int, *, alike: bool) -> None:
    """The same land in two layers, named as it is or all alike."""
    layers = catalog.load()
    with Register(str(folder / "r.gpkg"), list(layers.values())) as register:
        for place, key in enumerate(LAYERS):
            frame = parcels_frame(layers[key], count, seed=7, territory=register.territory)
            frame["code"] = [f"{place}{n:08}" for n in range(len(frame))]
            if alike:
                frame["name"] = "示例地块甲"
                bare = np.arange(len(frame)) % 2 == place
                frame.loc[bare, frame.geometry.name] = None
            register.take(key, frame.assign(row=range(1, len(frame) + 1)), act(days=place))


def main() -> None:
    """Print a row per register."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--parcels", type=int, default=100_000)
    said = asked.parse_args()
    for alike in (False, True):
        with tempfile.TemporaryDirectory() as place:
            folder = Path(place)
            fill(folder, said.parcels, alike=alike)
            seconds, peak, answer = run(folder, "sites", "propose")
        what = "all of one name, half without boundary" if alike else "names as they are"
        print(f"{what:40}{seconds:8.1f} s{peak:8.0f} MB  {answer}", flush=True)


if __name__ == "__main__":
    main()
