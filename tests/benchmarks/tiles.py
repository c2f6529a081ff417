"""Tiles of a layer kept in memory, cold: packing it, and a tile of every zoom at one place.

Usage: tiles.py [--parcels 1000000]. Parcels of eight corners fill the plain; the kept layer is
made from their boundaries without a register, so that the drawing alone is measured. The goal of
150 ms for a cold tile and 500 kB for the whole city stands beside each row.
"""

from __future__ import annotations

import argparse
import time
import zlib

import numpy as np
import shapely

from maps.tiles import drawing, outline, world
from maps.tiles.drawing import MARGIN, Shown
from maps.tiles.world import Tile

PLACE = (116.4, 40.1)
REPEATS = 5


def parcels(count: int) -> np.ndarray:
    """Parcels of eight corners in a grid over the plain, shuffled."""
    rng = np.random.default_rng(1)
    side = int(np.sqrt(count))
    across, down = 1.6 / side, 1.3 / side
    column, row = (one.ravel() for one in np.meshgrid(np.arange(side), np.arange(side)))
    turn = np.linspace(0, 2 * np.pi, 9)[:-1]
    reach = 0.3 + 0.2 * rng.random((side * side, 8))
    lon = 115.7 + (column[:, None] + 0.5 + reach * np.cos(turn)) * across
    lat = 39.6 + (row[:, None] + 0.5 + reach * np.sin(turn)) * down
    return rng.permutation(shapely.polygons(np.stack([lon, lat], axis=-1)))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--parcels", type=int, default=1_000_000)
    shapes = parcels(parser.parse_args().parcels)
    count = len(shapes)
    started = time.perf_counter()
    outlines = outline.pack(np.arange(count), shapes)
    seconds = time.perf_counter() - started
    print(f"{count:,} parcels packed in {seconds:.1f} s, {outlines.nbytes / count:.0f} bytes each")
    stages = np.random.default_rng(2).integers(0, 6, count).astype(np.int16)
    areas = np.full(count, 2_400.0)
    east, south = world.from_lonlat(np.array([PLACE]))[0]
    print("zoom  parcels  ms cold (goal 150)  kB  kB compressed (goal 500)")
    for z in range(7, 18):
        tile = Tile(z, int(east) >> (world.BITS - z), int(south) >> (world.BITS - z))
        spent = []
        for _ in range(REPEATS):
            started = time.perf_counter()
            at = outlines.within(tile.box(MARGIN))
            ids = outlines.ids[at]
            content = drawing.draw(tile, outlines, Shown(at, ids, stages[ids], areas[ids]))
            spent.append((time.perf_counter() - started) * 1000)
        packed = len(zlib.compress(content, 1))
        middle = float(np.median(spent))
        print(f"{z:4}  {len(at):7,}  {middle:18.1f}  {len(content) // 1000:3}  {packed // 1000:3}")


if __name__ == "__main__":
    main()
