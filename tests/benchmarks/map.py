"""The map file against plain Folium: size and time until parcels are painted, in one run.

python tests/benchmarks/map.py. The rival is folium.Map with folium.GeoJson and a tooltip; what it
would fetch from content networks is answered from the vendored Leaflet (other libraries empty),
so that it can paint without a network.
"""

from __future__ import annotations

import os
import platform
import sys
import tempfile
import time
from pathlib import Path

import folium
import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from playwright.sync_api import Route, sync_playwright

sys.path.insert(0, str(Path(__file__).parents[1]))
from town import PLOT, plots

from layers.samples.shapes import tiles
from maps import assets
from maps.interactive import LayerView, Sheet, offline_map
from parcels import crs, districts

CITY = districts.bundled()
LEAFLET = Path(assets.__file__).parent / "static" / "vendor" / "leaflet"


def parcels(count: int) -> gpd.GeoDataFrame:
    """Parcels of 40 vertices with the attributes of the invented town."""
    shapes = tiles(count, seed=3, vertices=40).to_numpy()
    one = pd.DataFrame(plots(1).drop(columns="geometry"))
    frame = one.iloc[np.zeros(count, int)].reset_index(drop=True)
    frame = frame.assign(code=[f"N{i:06d}" for i in range(count)])
    whole = shapely.multipolygons(shapes, indices=np.arange(count))
    made = gpd.GeoDataFrame(frame, geometry=whole, crs=crs.STORAGE)
    return made.assign(area_m2=crs.area_m2(whole))


def plain(frame: gpd.GeoDataFrame) -> str:
    """A page of plain Folium."""
    made = folium.Map([40, 116.4], zoom_start=9, tiles=None, prefer_canvas=True)
    shown = frame.drop(columns=["closed_on"]).to_crs(4326)
    folium.GeoJson(shown, tooltip=folium.GeoJsonTooltip(["code", "name"])).add_to(made)
    return str(made.get_root().render())


def answer(route: Route) -> None:
    """Leaflet from the vendored files, nothing for the rest."""
    url = route.request.url
    if url.startswith("file:"):
        route.continue_()
    elif "leaflet@" in url and url.endswith("leaflet.js"):
        route.fulfill(path=LEAFLET / "leaflet.js")
    else:
        route.fulfill(body="", content_type="text/css" if url.endswith("css") else "text/plain")


def painted_s(page_file: Path) -> float:
    """Seconds from opening the file until a canvas holds more than one colour."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path="/usr/bin/chromium", args=["--no-sandbox", "--disable-gpu"]
        )
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.route("**/*", answer)
        begun = time.perf_counter()
        page.goto(page_file.as_uri(), timeout=300_000)
        page.wait_for_function(
            """() => [...document.querySelectorAll('canvas')].some(c => {
              if (!c.width) return false;
              const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;
              let painted = 0;
              for (let i = 3; i < d.length; i += 4) if (d[i] > 60) painted++;
              return painted > 200; })""",
            timeout=300_000,
            polling=50,
        )
        seconds = time.perf_counter() - begun
        browser.close()
    return seconds


def main() -> None:
    """Measure and print a table."""
    print(f"{platform.platform()}, {os.cpu_count()} cores, parcels of 40 vertices\n")
    print("| parcels | Jingtu MB | Folium MB | ratio | Jingtu s | Folium s | ratio |")
    print("|---:|---:|---:|---:|---:|---:|---:|")
    with tempfile.TemporaryDirectory() as folder:
        for count in (1_000, 5_000, 20_000):
            frame = parcels(count)
            sizes, times = [], []
            sheet = Sheet("bench", "")
            ours = offline_map([LayerView(PLOT, frame)], CITY, sheet=sheet)
            for name, html in (("ours", ours), ("plain", plain(frame))):
                file = Path(folder) / f"{name}{count}.html"
                file.write_text(html, "utf-8")
                sizes.append(file.stat().st_size / 1e6)
                times.append(painted_s(file))
            print(
                f"| {count:,} | {sizes[0]:.2f} | {sizes[1]:.1f} | {sizes[1] / sizes[0]:.1f} "
                f"| {times[0]:.2f} | {times[1]:.2f} | {times[1] / times[0]:.1f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
