"""The rules between layers and the quality of a layer, against reading what they look at.

python tests/benchmarks/checking.py [--parcels 1000000] [--sites 2000]

A register with a large layer of key construction land beside sites in the list is filled once.
Then: reading the columns and boundaries that the rules of both layers need, which is the floor;
looking at all rules; looking at the rules of ten parcels that a change touched; and what a
delivery of a layer without a neighbour costs at the door.
"""

from __future__ import annotations

import argparse
import datetime as dt
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))
from town import AT

from layers import catalog, rule_book, rule_door
from layers.rule_book import Look
from layers.samples.attributes import parcels_frame
from parcels import districts
from parcels.findings import Findings
from parcels.model import Moment
from parcels.recording import Act
from parcels.register import Register

LAYERS = catalog.load()
CITY = districts.bundled()
LARGE, SITES = "key_construction_land", "contaminated_site"
ON = dt.date(2026, 6, 30)


def timed(what: str, make: Callable[[], Any], floor: float | None = None) -> float:
    """Seconds of one run, printed with the ratio to a floor."""
    begun = time.perf_counter()
    made = make()
    seconds = time.perf_counter() - begun
    ratio = "" if floor is None else f"  {seconds / floor:6.2f}x the reading"
    count = f"  {len(made):,} issues" if hasattr(made, "columns") else ""
    print(f"{what:<44}{seconds:9.2f} s{ratio}{count}")
    return seconds


def fill(register: Register, sizes: dict[str, int]) -> None:
    """Take sample parcels of each layer in."""
    for seed, (key, count) in enumerate(sizes.items()):
        frame = parcels_frame(LAYERS[key], count, seed=seed, territory=CITY)
        act = Act(
            by="示例", at=AT + dt.timedelta(days=seed), on=dt.date(2024, 1, 1), reason="示例"
        )
        register.take(key, frame.assign(row=range(1, count + 1)), act, corrects=True)


def main() -> None:
    """Fill a register and time what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--parcels", type=int, default=1_000_000)
    parser.add_argument("--sites", type=int, default=2_000)
    asked = parser.parse_args()
    moment = Moment(ON)
    with tempfile.TemporaryDirectory() as folder:
        store = str(Path(folder) / "register.gpkg")
        with Register(store, list(LAYERS.values())) as register:
            begun = time.perf_counter()
            fill(register, {LARGE: asked.parcels, SITES: asked.sites})
            print(f"{asked.parcels:,} parcels beside {asked.sites:,} sites, filled in "
                  f"{time.perf_counter() - begun:.0f} s")  # fmt: skip
            keys = rule_book.rule_keys(LAYERS)
            needs = rule_book.needed(LAYERS.values(), keys)

            def read() -> None:
                for key in (LARGE, SITES):
                    columns, boundaries = needs[key]
                    register.frame(key, moment, columns=columns, boundaries=boundaries)

            floor = timed("reading what the rules look at", read)
            timed("all rules", lambda: rule_book.issues(register, LAYERS, moment, Look()), floor)
            some = register.frame(LARGE, moment, columns=["code"], boundaries=False).index[:10]
            touched = Look(touched={LARGE: some.tolist()})
            timed(
                "the rules of ten parcels",
                lambda: rule_book.issues(register, LAYERS, moment, touched),
            )
            frame = parcels_frame(LAYERS["orchard"], 1000, seed=9, territory=CITY)
            rows = frame.assign(row=range(1, len(frame) + 1), ok=True)

            def door(key: str) -> None:
                rule_door.look(register, LAYERS, LAYERS[key], rows, moment=moment,
                               findings=Findings(key, ""))  # fmt: skip

            timed("the door, a layer that names no pair rule", lambda: door("orchard"))
            timed("the door, a layer without a neighbour", lambda: door("baseline_survey_project"))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"peak memory {peak:.2f} GiB")


if __name__ == "__main__":
    main()
