"""Coverage of tiling parcels by district: Jingtu, geopandas.overlay and PostGIS in one run.

python tests/benchmarks/coverage.py [--parcels 1000000] [--postgis postgresql://...] [--no-overlay]

All three add up the same boundaries in the same equal-area plane. From the register the figures
are read as the command does it, from an embedded store filled once by an import.
"""

from __future__ import annotations

import argparse
import datetime as dt
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

sys.path.insert(0, str(Path(__file__).parents[1]))
from town import PLOT, act, plots

from layers.coverage import Holdings, coverage
from layers.samples.shapes import tiles
from parcels import crs, districts
from parcels.model import Moment
from parcels.register import Register

CITY = districts.bundled()


def timed(make: Callable[[], Any]) -> tuple[float, Any]:
    """Seconds of the best of up to three runs that fit in a minute, and the result."""
    best, made = float("inf"), None
    begun = time.perf_counter()
    for _ in range(3):
        start = time.perf_counter()
        made = make()
        best = min(best, time.perf_counter() - start)
        if time.perf_counter() - begun > 20:
            break
    return best, made


def ours(shapes: np.ndarray) -> np.ndarray:
    """Area per district, recomputed from geometry in EPSG:4490, projection included."""
    split = districts.Territory(CITY.districts, CITY.units).split(shapes)
    return np.bincount(split.district, split.area_m2, minlength=len(CITY.districts))


def overlay(plane: np.ndarray) -> np.ndarray:
    """The same with geopandas.overlay."""
    left = gpd.GeoDataFrame(geometry=plane)
    zones = crs.equal_area(CITY.districts.geometry.to_numpy())
    right = gpd.GeoDataFrame({"district": range(len(zones))}, geometry=zones)
    cut = gpd.overlay(left, right, how="intersection", keep_geom_type=True)
    return np.bincount(cut["district"], cut.area, minlength=len(zones))


def postgis(url: str, plane: np.ndarray) -> tuple[float, np.ndarray]:
    """The same with PostGIS's best plan: subdivided districts, no cut for what lies inside."""
    import psycopg  # noqa: PLC0415 - only this rival needs it

    zones = crs.equal_area(CITY.districts.geometry.to_numpy())
    with psycopg.connect(url, autocommit=True) as connection:
        run = connection.execute
        run("CREATE EXTENSION IF NOT EXISTS postgis")
        run("DROP TABLE IF EXISTS bench_parcel, bench_zone")
        run("CREATE UNLOGGED TABLE bench_parcel (geom geometry)")
        run("CREATE UNLOGGED TABLE bench_zone (id int, geom geometry)")
        with connection.cursor().copy("COPY bench_parcel FROM STDIN") as copy:
            for one in shapely.to_wkb(plane, hex=True):
                copy.write_row((one,))
        for number, one in enumerate(shapely.to_wkb(zones, hex=True)):
            run("INSERT INTO bench_zone SELECT %s, ST_Subdivide(%s::geometry, 128)", (number, one))
        run("CREATE INDEX ON bench_parcel USING gist (geom)")
        run("CREATE INDEX ON bench_zone USING gist (geom)")
        run("VACUUM ANALYZE bench_parcel")
        run("VACUUM ANALYZE bench_zone")
        for setting in ("parallel_setup_cost=0", "parallel_tuple_cost=0", "jit=off"):
            run(f"SET {setting}")
        run("SET max_parallel_workers_per_gather=2")
        query = """SELECT z.id, sum(CASE WHEN ST_Covers(z.geom, p.geom) THEN ST_Area(p.geom)
                   ELSE ST_Area(ST_Intersection(p.geom, z.geom)) END)
                   FROM bench_parcel p JOIN bench_zone z ON ST_Intersects(p.geom, z.geom)
                   GROUP BY z.id"""
        seconds, rows = timed(lambda: run(query).fetchall())
    sums = np.zeros(len(zones))
    for number, area in rows:
        sums[number] = area
    return seconds, sums


def from_register(shapes: np.ndarray, folder: Path) -> tuple[float, float, np.ndarray]:
    """Seconds to take the parcels in, to read the coverage, and the areas per district."""
    count = len(shapes)
    one = pd.DataFrame(plots(1).drop(columns="geometry"))
    frame = one.iloc[np.zeros(count, int)].reset_index(drop=True)
    home = CITY.assign(CITY.split(shapes), count)["district"]
    frame = frame.assign(
        code=[f"N{i:08d}" for i in range(count)], district=home, unit=home, row=np.arange(count)
    )
    delivered = gpd.GeoDataFrame(
        frame, geometry=shapely.multipolygons(shapes, indices=np.arange(count)), crs=4490
    )
    moment = Moment(dt.date(2024, 12, 31))
    with Register(str(folder / "bench.gpkg"), [PLOT]) as register:
        start = time.perf_counter()
        register.take(PLOT.key, delivered, act())
        taken = time.perf_counter() - start

        def read() -> pd.DataFrame:
            overlapping, pairs = register.overlapping(PLOT.key, moment)
            held = Holdings(
                register.groups(PLOT.key, moment),
                register.crossing(PLOT.key, moment),
                overlapping,
                pairs,
            )
            return coverage(held, CITY, stages=False)

        seconds, table = timed(read)
    areas = table.set_index("place")["area_m2"].reindex(CITY.districts.index)
    return taken, seconds, areas.to_numpy()


def main() -> None:
    """Run all and print a table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--parcels", type=int, default=1_000_000)
    parser.add_argument("--postgis", default="")
    parser.add_argument("--no-overlay", action="store_true")
    asked = parser.parse_args()
    shapes = tiles(asked.parcels, seed=1).to_numpy()
    plane = crs.equal_area(shapes)
    points = int(shapely.get_num_coordinates(shapes).mean())
    rows: list[tuple[str, float, np.ndarray]] = []
    rows.append(("Jingtu, recomputed from geometry", *timed(lambda: ours(shapes))))
    with tempfile.TemporaryDirectory() as folder:
        taken, seconds, areas = from_register(shapes, Path(folder))
    rows.append(("Jingtu, from the register", seconds, areas))
    if asked.postgis:
        rows.append(("PostGIS, subdivided, 2 workers", *postgis(asked.postgis, plane)))
    if not asked.no_overlay:
        rows.append(("geopandas.overlay", *timed(lambda: overlay(plane))))
    base = rows[0]
    print(f"{len(shapes):,} parcels of about {points} vertices, {len(CITY.districts)} districts,")
    print(f"{platform.platform()}, {os.cpu_count()} cores; import took {taken:.1f} s\n")
    print("| coverage by | seconds | times Jingtu recomputed | largest difference of a district |")
    print("|---|---:|---:|---:|")
    for name, seconds, areas in rows:
        off = np.max(np.abs(areas - base[2]) / np.maximum(base[2], 1))
        print(f"| {name} | {seconds:.2f} | {seconds / base[1]:.2f} | {off:.1e} |")


if __name__ == "__main__":
    main()
