"""All indicators for 17 units against reading the columns they need, from a register with history.

python tests/benchmarks/indicators.py [--parcels 1000000] [--postgis URL]

The parcels are farmland and orchards, half each, every one with three versions: two that are
history and one in force, written by SQL as imports write them. What is timed is every computed
indicator of the plan, by unit and by district; against it the plain read of the very columns, from
the same store in the same process. Goal: less than three times, in one pass over each layer.
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
from town import act

from layers import catalog, indicator_files, periods, reckoning
from layers.reckoning import Scope
from layers.samples.shapes import tiles
from parcels import crs, districts
from parcels.model import Layer
from parcels.recording import Recorder, along_hilbert
from parcels.register import Register
from parcels.tables import NOT_SUPERSEDED, boundary, parcel, version

CITY = districts.bundled()
LAYERS = catalog.load()
INDICATORS = list(indicator_files.load(LAYERS).values())
DAYS = [dt.date(2024, 1, 1), dt.date(2024, 3, 1), dt.date(2024, 5, 1)]
PERIOD = periods.read("2024Q2")
GOAL = 3.0


def timed(make: Callable[[], Any], times: int = 3) -> tuple[float, Any]:
    """Seconds of the best run, and what it made."""
    best, made = float("inf"), None
    for _ in range(times):
        start = time.perf_counter()
        made = make()
        best = min(best, time.perf_counter() - start)
    return best, made


def fill(register: Register, layer: Layer, count: int, *, seed: int) -> None:
    """Write parcels with three versions each."""
    shapes = tiles(count, seed=seed)
    shapes = shapes.iloc[along_hilbert(shapes)].to_numpy()
    count, chance = len(shapes), np.random.default_rng(seed)
    split = CITY.split(shapes)
    home = CITY.assign(split, count)
    area = crs.area_m2(shapes)
    stages = chance.choice([s.key for s in layer.stages], count)
    attributes = _attributes(layer.key, count, chance)
    with register.store.write() as connection:
        first = register.store.next_id(connection, parcel)
        for number, day in enumerate(DAYS):
            recorder = Recorder(register.store, connection, act(day, days=number))
            made = recorder.open("import", layer=layer.key)
            if number == 0:
                _parcels(register, connection, layer, made, first, shapes)
            ends = DAYS[number + 1].isoformat() if number + 1 < len(DAYS) else "9999-12-31"
            start = register.store.next_id(connection, version)
            ids = np.arange(count)
            columns = {
                "id": (start + ids).tolist(),
                "parcel_id": (first + ids).tolist(),
                "boundary_id": (first + ids).tolist(),
                "layer": [layer.key] * count,
                "code": [f"{layer.key[:1].upper()}{i:08d}" for i in range(count)],
                "district": home["district"].fillna("110101").tolist(),
                "unit": home["district"].fillna("110101").tolist(),
                "stage": stages.tolist(),
                "area_m2": area.tolist(),
                "crosses": [False] * count,
                "attributes": attributes,
                "digest": ["0" * 32] * count,
                "valid_from": [day.isoformat()] * count,
                "valid_to": [ends] * count,
                "recorded_from": [made] * count,
                "recorded_to": [NOT_SUPERSEDED] * count,
            }
            register.store.insert(connection, version, columns)
        register.store.tidy(connection)


def _attributes(key: str, count: int, chance: np.random.Generator) -> list[str]:
    flags = chance.choice(["true", "false"], (2, count))
    if key == "orchard":
        return [
            f'{{"fruit":"示例","fertile_soil_project":{one},"green_control":{other}}}'
            for one, other in zip(*flags, strict=True)
        ]
    degree = chance.choice(["unpolluted", "slight", "light", "medium", "heavy"], count)
    return [
        f'{{"area_mu":3.5,"soil_type":"示例","ph":7.1,"pollution_degree":"{how}",'
        f'"measure_in_place":{one},"produce_meets_standard":{other}}}'
        for how, one, other in zip(degree, *flags, strict=True)
    ]


def _parcels(
    register: Register, connection: Any, layer: Layer, made: int, first: int, shapes: np.ndarray
) -> None:
    count = len(shapes)
    ids = list(range(first, first + count))
    register.store.insert(
        connection,
        parcel,
        {"id": ids, "layer": [layer.key] * count, "change_id": [made] * count},
    )
    rows = {"id": ids, "parcel_id": ids, "geom": shapes, "change_id": [made] * count}
    register.store.insert(connection, boundary, rows)


def needed(register: Register) -> None:
    """The plain read: the same columns of the same layers, nothing computed."""
    for layer in register.layers:
        asked = [one for one in INDICATORS if layer.key in one.layers and one.counted]
        if asked:
            columns = reckoning.columns_of(layer, asked)
            register.frame(layer.key, PERIOD.moment(), columns=columns, boundaries=False)


def figures(register: Register) -> int:
    """Every computed indicator, for every unit and district and the city."""
    given = reckoning.accounts(register, INDICATORS, Scope(PERIOD, PERIOD.moment()))
    places = {"unit": list(CITY.units.index), "district": list(CITY.districts.index)}
    return len(reckoning.figures(given, INDICATORS, PERIOD, places))


def main() -> None:
    """Run and print a table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--parcels", type=int, default=1_000_000)
    parser.add_argument("--postgis", default="")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        url = asked.postgis or str(Path(folder) / "bench.gpkg")
        with Register(url, list(LAYERS.values())) as register:
            with register.store.write() as connection:
                register._ensure_edition(connection, act())
            for number, key in enumerate(["farmland", "orchard"]):
                fill(register, LAYERS[key], asked.parcels // 2, seed=number + 1)
            with register.store.read() as connection:
                versions = connection.execute(sa.select(sa.func.count(version.c.id))).scalar()
            read, _ = timed(lambda: needed(register))
            made, count = timed(lambda: figures(register))
    print(f"{asked.parcels:,} parcels, {versions:,} versions, {count} figures\n")
    print("| | seconds | times the read |\n|---|---:|---:|")
    print(f"| reading the columns | {read:.2f} | 1.00 |")
    print(f"| all figures, unit and district | {made:.2f} | {made / read:.2f} (goal {GOAL}) |")


if __name__ == "__main__":
    main()
