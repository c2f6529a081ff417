"""Reading past moments against reading the present one, on either store.

python tests/benchmarks/history.py [--parcels 1000000] [--postgis URL|own] [--plans]

Three deliveries of all parcels make five versions of each, as imports write them: one that was
replaced, two that were cut short, one replaced, one in force. They are written by SQL. A past
moment is another day, an earlier instant, or both; the goal is 1.5 times the present one at most.
"""

from __future__ import annotations

import argparse
import datetime as dt
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import sqlalchemy as sa

sys.path.insert(0, str(Path(__file__).parents[1]))
from town import AT, PLOT, act

from layers.samples.shapes import tiles
from parcels import crs, districts
from parcels.model import Moment
from parcels.recording import Recorder, along_hilbert
from parcels.register import Filter, Register
from parcels.tables import NOT_SUPERSEDED, version

CITY = districts.bundled()
DAYS = [dt.date(2024, 3, 1), dt.date(2024, 6, 1), dt.date(2024, 9, 1)]
MOMENTS = {
    "now": Moment(dt.date(2024, 12, 31)),
    "an earlier day": Moment(dt.date(2024, 7, 1)),
    "the first day": Moment(dt.date(2024, 3, 1)),
    "as known then": Moment(dt.date(2024, 12, 31), AT + dt.timedelta(days=1, hours=1)),
    "both earlier": Moment(dt.date(2024, 7, 1), AT + dt.timedelta(days=1, hours=1)),
    "as known at first": Moment(dt.date(2024, 12, 31), AT + dt.timedelta(hours=1)),
}
GOAL = 1.5
REPEATED = 7


def fill(register: Register, count: int, *, seed: int = 7) -> None:
    """Write the parcels and their five versions."""
    shapes = tiles(count, seed=seed)
    shapes = shapes.iloc[along_hilbert(shapes)].to_numpy()
    count = len(shapes)
    home = CITY.assign(CITY.split(shapes), count)["district"].fillna("110101").tolist()
    with register.store.write() as connection:
        register._ensure_edition(connection, act())
        for number, day in enumerate(DAYS):
            recorder = Recorder(register.store, connection, act(day, days=number))
            made = recorder.open("import", layer=PLOT.key)
            if number == 0:
                _first(register, connection, made, shapes, home)
            else:
                _next(connection, made, day)
        register.store.tidy(connection)


def _first(
    register: Register, connection: Any, made: int, shapes: np.ndarray, home: list[str]
) -> None:
    count = len(shapes)
    numbers = list(range(1, count + 1))
    texts = ['{"industry":"C26","closed_on":"2020-01-31","years":7,"use":"M"}'] * count
    same: dict[str, Any] = {
        "layer": PLOT.key,
        "stage": "surveyed",
        "crosses": False,
        "digest": "0" * 32,
        "valid_from": DAYS[0].isoformat(),
        "valid_to": "9999-12-31",
        "recorded_from": made,
        "recorded_to": NOT_SUPERSEDED,
    }
    insert = register.store.insert
    tables = version.metadata.tables
    insert(connection, tables["parcel"], {
        "id": numbers, "layer": [PLOT.key] * count, "change_id": [made] * count
    })  # fmt: skip
    insert(connection, tables["boundary"], {
        "id": numbers, "parcel_id": numbers, "geom": shapes, "change_id": [made] * count
    })  # fmt: skip
    insert(connection, version, {
        "parcel_id": numbers,
        "boundary_id": numbers,
        "code": [f"N{number:08d}" for number in numbers],
        "name": [f"plot {number}" for number in numbers],
        "district": home,
        "unit": home,
        "area_m2": crs.area_m2(shapes).tolist(),
        "attributes": texts,
        "source_row": numbers,
        **{key: [value] * count for key, value in same.items()},
    })  # fmt: skip


def _next(connection: Any, made: int, day: dt.date) -> None:
    """What a delivery of all parcels writes: close, keep what was true before, state anew."""
    columns = [c for c in version.columns if c.name != "id"]
    names = [c.name for c in columns]
    mine = version.c.recorded_to == made
    still = sa.and_(
        version.c.recorded_to == NOT_SUPERSEDED, version.c.valid_to == dt.date(9999, 12, 31)
    )
    connection.execute(sa.update(version).where(still).values(recorded_to=made))
    stage = "listed" if made % 2 else "surveyed"
    known: dict[str, Any] = {"recorded_from": made, "recorded_to": NOT_SUPERSEDED}
    for new in ({"valid_to": day}, {"valid_from": day, "stage": stage}):
        written = {**known, **new}
        rows = sa.select(*[
            sa.literal(written[c.name], c.type) if c.name in written else c for c in columns
        ]).where(mine)  # fmt: skip
        connection.execute(sa.insert(version).from_select(names, rows.order_by(version.c.id)))


def measured(read: Callable[[Moment], int]) -> dict[str, tuple[float, int]]:
    """The least seconds of several readings at each moment, one after another, and the rows."""
    best = dict.fromkeys(MOMENTS, float("inf"))
    rows = dict.fromkeys(MOMENTS, 0)
    for _ in range(REPEATED):
        for name, moment in MOMENTS.items():
            start = time.perf_counter()
            rows[name] = read(moment)
            best[name] = min(best[name], time.perf_counter() - start)
    return {name: (best[name], rows[name]) for name in MOMENTS}


def readings(register: Register) -> dict[str, Callable[[Moment], int]]:
    """What is read: a district, the sums of coverage, parcels in boxes of about 3 km."""
    rng = np.random.default_rng(11)
    west, south, east, north = CITY.districts.total_bounds
    corners = rng.uniform((west, south), (east, north), (40, 2))
    boxes = [Filter(bbox=(x, y, x + 0.03, y + 0.03)) for x, y in corners.tolist()]
    district = Filter(districts=("110108",))
    return {
        "frame of a district": lambda at: len(register.frame(PLOT.key, at, where=district)),
        "coverage groups": lambda at: int(register.groups(PLOT.key, at)["parcels"].sum()),
        "40 boxes": lambda at: sum(len(register.frame(PLOT.key, at, where=b)) for b in boxes),
    }


def run(url: str, count: int, *, plans: bool) -> bool:
    """Fill a register, measure, print; whether the goal is met."""
    met = True
    with Register(url, [PLOT]) as register:
        start = time.perf_counter()
        fill(register, count)
        print(f"  filled in {time.perf_counter() - start:.0f} s")
        for what, read in readings(register).items():
            found = measured(read)
            base, _ = found["now"]
            print(f"  {what}")
            for name, (seconds, rows) in found.items():
                ratio = seconds / base
                met &= ratio <= GOAL
                print(f"    {name:18} {seconds * 1000:9.1f} ms  {ratio:5.2f}  {rows} rows")
        if plans:
            show_plans(register)
    return met


def show_plans(register: Register) -> None:
    """How the database answers each reading."""
    box = Filter(bbox=(116, 40, 116.1, 40.1))
    for name, moment in MOMENTS.items():
        for where in (None, Filter(districts=("110108",)), box):
            steps = register.explain(PLOT.key, moment, where=where)
            print(f"  {name}, {where}", *steps, sep="\n    ")


def main() -> None:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--parcels", type=int, default=1_000_000)
    parser.add_argument(
        "--postgis", help="URL of an empty database, or own for a server of our own"
    )
    parser.add_argument("--plans", action="store_true")
    asked = parser.parse_args()
    print(f"{asked.parcels} parcels, five versions each")
    with tempfile.TemporaryDirectory() as folder:
        print("GeoPackage")
        met = run(str(Path(folder) / "bench.gpkg"), asked.parcels, plans=asked.plans)
    if asked.postgis == "own":
        from conftest import Cluster  # noqa: PLC0415 - starts a server

        cluster, server = Cluster.start()
        try:
            cluster.await_start(server)
            cluster.execute("CREATE DATABASE bench")
            print("PostGIS")
            met &= run(cluster.url("bench"), asked.parcels, plans=asked.plans)
        finally:
            server.terminate()
            server.wait()
    elif asked.postgis:
        print("PostGIS")
        met &= run(asked.postgis, asked.parcels, plans=asked.plans)
    print(f"goal {'met' if met else 'not met'}: at most {GOAL} times")


if __name__ == "__main__":
    main()
