"""Freezing, explaining and restating a quarter of a million parcels, against reading its columns.

python tests/benchmarks/figures.py [--parcels 1000000] [--postgis URL]

The register is that of indicators.py: farmland and orchards, half each, three versions a parcel.
What is timed: the plain read of the columns that the indicators look at; freezing all indicators
by unit and by district; explaining a figure of the unit with the most land, frozen and as known
now, with the source of every part; restating after a correction of a thousand parcels; and adding
all blocks up again. Goal: explaining takes less than a second.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from indicators import CITY, INDICATORS, LAYERS, PERIOD, fill, needed
from town import act

from layers import figure_book, indicator_files
from layers.coverage import TOTAL
from layers.figures import FigureKey
from layers.reckoning import Scope
from parcels import freezing
from parcels.recording import Recorder
from parcels.register import Register
from parcels.tables import NOT_SUPERSEDED, change, frozen_block, version

EVERY = indicator_files.load(LAYERS)
RATE = "contaminated_farmland_safe_use_rate"
GOAL_S = 1.0


def timed(make: Callable[[], Any], times: int = 1) -> tuple[float, Any]:
    """Seconds of the best run, and what it made."""
    best, made = float("inf"), None
    for _ in range(times):
        start = time.perf_counter()
        made = make()
        best = min(best, time.perf_counter() - start)
    return best, made


def correct(register: Register, count: int) -> None:
    """Supersede some versions by ones that say another stage, as a correction writes them."""
    with register.store.write() as connection:
        recorder = Recorder(register.store, connection, act(days=50))
        recorder.open("correct", layer="farmland")
        chosen = sa.select(version.c.id).where(
            version.c.layer == "farmland",
            version.c.recorded_to == NOT_SUPERSEDED,
            version.c.valid_from <= PERIOD.last,
            version.c.valid_to > PERIOD.last,
        )
        ids = connection.execute(chosen.order_by(version.c.id).limit(count)).scalars().all()
        names = [c.name for c in version.columns if c.name != "id"]
        new = {"recorded_from": recorder.number, "stage": "priority_protection"}
        copied = sa.select(
            *[sa.literal(new[name]) if name in new else version.c[name] for name in names]
        ).where(version.c.id.in_(ids))
        connection.execute(sa.insert(version).from_select(names, copied))
        closed = sa.update(version).where(version.c.id.in_(ids))
        connection.execute(closed.values(recorded_to=recorder.number))


def kept_bytes(register: Register) -> tuple[int, int]:
    """How many blocks are kept, and their bytes."""
    query = sa.select(sa.func.count(), sa.func.sum(sa.func.length(frozen_block.c.content)))
    with register.store.read() as connection:
        count, size = connection.execute(query).one()
    return int(count), int(size)


def largest(register: Register, made: freezing.Frozen) -> FigureKey:
    """The figure of the unit with the greatest denominator."""
    units = [
        one.figure
        for one in figure_book.kept(register, made)
        if one.figure.indicator == RATE and one.figure.by == "unit" and one.figure.place != TOTAL
    ]
    return max(units, key=lambda one: one.denominator or 0).key


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
            run(register)


def run(register: Register) -> None:
    """Time each step."""
    read, _ = timed(lambda: needed(register), 2)
    froze, made = timed(lambda: figure_book.freeze(register, EVERY, PERIOD, act(days=40)))
    count, size = kept_bytes(register)
    figure = largest(register, made)
    then, told = timed(lambda: figure_book.explain(register, EVERY, figure, made), 3)
    live = Scope(PERIOD, PERIOD.moment())
    now, _ = timed(lambda: figure_book.explain(register, EVERY, figure, live), 3)
    correct(register, 1_000)
    again, found = timed(lambda: figure_book.restate(register, EVERY, PERIOD))
    checked, (wrong, _) = timed(lambda: freezing.check(register, total=TOTAL))
    with register.store.read() as connection:
        changes = connection.execute(sa.select(sa.func.count(change.c.id))).scalar()
    print(f"{len(INDICATORS)} indicators, {len(CITY.units)} units, {changes} changes")
    print(f"{count} blocks, {size / 1e6:.1f} MB kept; {len(found.moved)} movements; {wrong}\n")
    print("| | seconds | times the read |\n|---|---:|---:|")
    for what, seconds in (
        ("reading the columns", read),
        ("freezing all figures", froze),
        (f"explaining one unit, frozen ({len(told.parts)} parts; goal {GOAL_S} s)", then),
        ("explaining one unit, as known now", now),
        ("restating all", again),
        ("checking all blocks", checked),
    ):
        print(f"| {what} | {seconds:.2f} | {seconds / read:.2f} |")


if __name__ == "__main__":
    main()
