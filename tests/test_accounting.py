"""Every row of every delivery is accounted for: stored, or kept out and written complete.

What a file holds is counted and read here by other means than the door's: fiona for what GDAL
reads, the csv module, openpyxl, and the lines of a boundary-point file.
"""

from __future__ import annotations

import csv
import warnings
from collections import Counter
from pathlib import Path

import fiona
import geopandas as gpd
import numpy as np
import openpyxl
import pandas as pd
import pyogrio
import pytest
import shapely
from shapely import affinity

from layers import catalog
from layers.samples import deliveries
from layers.samples.words import words
from maps import cli
from parcels import districts
from parcels.model import Moment
from parcels.register import Register

LAYERS = catalog.load()
CITY = districts.bundled()
LAYER = "priority_plot"
SAMPLES = [entry["file"] for entry in words()["deliveries"]]
REASONS = {"问题", "reason"}
ROWS = 30
DRIVERS = {
    ".gpkg": ("GPKG", {}),
    ".shp": ("ESRI Shapefile", {"encoding": "GBK"}),
    ".geojson": ("GeoJSON", {}),
    ".fgb": ("FlatGeobuf", {"SPATIAL_INDEX": "NO"}),
    ".gdb": ("OpenFileGDB", {"TARGET_ARCGIS_VERSION": "ARCGIS_PRO_3_2_OR_LATER"}),
}
HEAD = ["[属性描述]", "坐标系=2000国家大地坐标系", "几度分带=3", "带号=39", "[地块坐标]"]
# Its driver writes no feature without a geometry here.
NEVER_WITHOUT = {".fgb"}
KINDS = [*DRIVERS, ".csv", ".xlsx", ".txt"]


def held(path: Path) -> list[tuple[str, ...]]:
    """The rows of a file, each with its texts in order; a reason for keeping it out left away."""
    reader = {".csv": _csv, ".xlsx": _xlsx, ".txt": _txt}.get(path.suffix, _features)
    return reader(path)


def _features(path: Path) -> list[tuple[str, ...]]:
    # KML is not in fiona's own list of drivers.
    with fiona.open(path, allow_unsupported_drivers=True) as layer:
        names = [name for name in layer.schema["properties"] if name not in _idle()]
        return [tuple(_text(one.properties[name]) for name in names) for one in layer]


def _csv(path: Path) -> list[tuple[str, ...]]:
    content = path.read_bytes()
    text = content.decode("utf-8-sig" if content.startswith(b"\xef\xbb\xbf") else "gb18030")
    return _below_heading(list(csv.reader(text.splitlines(keepends=True))))


def _xlsx(path: Path) -> list[tuple[str, ...]]:
    sheet = openpyxl.load_workbook(path, data_only=True).worksheets[0]
    rows = sheet.iter_rows(values_only=True)
    return _below_heading([[_text(cell) for cell in row] for row in rows])


def _below_heading(rows: list[list[str]]) -> list[tuple[str, ...]]:
    """The records of a list: below the row of most cells, without notes and blank rows."""
    filled = [sum(bool(cell) for cell in row) for row in rows]
    heading = next(n for n, count in enumerate(filled) if count > max(filled) / 2)
    kept = [n for n, name in enumerate(rows[heading]) if name and name not in REASONS]
    below = [[row[n].removeprefix("'") for n in kept] for row in rows[heading + 1 :]]
    return [tuple(row) for row in below if sum(map(bool, row)) > 1]


def _txt(path: Path) -> list[tuple[str, ...]]:
    content = path.read_bytes()
    text = content.decode("utf-8-sig") if _is_utf8(content) else content.decode("gb18030")
    blocks: list[list[str]] = []
    for line in text.splitlines():
        if line.endswith("@"):
            blocks.append([line])
        elif blocks and not line.startswith("["):
            blocks[-1].append(line)
    return [tuple(line for line in block if line) for block in blocks]


def _is_utf8(content: bytes) -> bool:
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _idle() -> set[str]:
    """Columns that GDAL makes by itself of every KML file, and the reason."""
    made = {"description", "timestamp", "begin", "end", "altitudeMode", "tessellate", "extrude"}
    return made | {"visibility", "drawOrder", "icon", "id", "snippet"} | REASONS


def _text(cell: object) -> str:
    if cell is None or (isinstance(cell, float) and np.isnan(cell)):
        return ""
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return str(cell).strip().removesuffix("T00:00:00").removesuffix(" 00:00:00")


def account(path: Path, layer: str, folder: Path, monkeypatch, *, read=held, more=()) -> None:
    """Take a file in with --accept-valid and see that nothing of it is lost."""
    monkeypatch.chdir(folder)
    before = read(path)
    start = ["--store", "r.gpkg", "import", str(path), "--layer", layer, "--accept-valid"]
    cli.run([*start, *more])
    left = [
        one for one in folder.glob("*.rejects*") if one.suffix in {*KINDS, path.suffix, ".kml"}
    ]
    after = read(left[0]) if left else []

    with Register(str(folder / "r.gpkg"), list(LAYERS.values())) as register:
        today = Moment(pd.Timestamp.now().date() + pd.Timedelta(days=2))
        stored = len(register.frame(layer, today, boundaries=False))
    assert stored + len(after) == len(before)
    # Kept out complete: every row of the rejects is a row that came, value for value.
    assert Counter(after) <= Counter(before), Counter(after) - Counter(before)


@pytest.fixture(scope="module")
def samples(tmp_path_factory):
    folder = tmp_path_factory.mktemp("samples")
    made = deliveries.demo_deliveries(folder, catalog=LAYERS, territory=CITY)
    return {one.path.relative_to(folder).as_posix(): one for one in made}


@pytest.mark.parametrize("name", SAMPLES)
def test_every_row_of_a_sample_delivery_is_accounted_for(samples, name, tmp_path, monkeypatch):
    sample = samples[name]
    assert len(held(sample.path)) == sample.count

    account(sample.path, sample.layer, tmp_path, monkeypatch)


def spoiled(seed: int) -> gpd.GeoDataFrame:
    """Thirty plots in rows, of which each third or so has one of many faults."""
    chance = np.random.default_rng(seed)
    base = shapely.box(116.2, 40, 116.202, 40.002)
    shapes = [affinity.translate(base, 0.003 * (n % 10), 0.003 * (n // 10)) for n in range(ROWS)]
    frame = gpd.GeoDataFrame(
        {
            "编码": [f"110108032{n:04}" for n in range(ROWS)],
            "名称": [f"示例{n}号" for n in range(ROWS)],
            "环节": "优先监管",
            "申报面积": "37919.5",
            "所在区": "海淀区",
            "附注": [f"第{n}行" for n in range(ROWS)],
        },
        geometry=shapes,
        crs=4490,
    )
    faults = {
        "编码": [None, "1101080320000", "＝", "=1+1"],
        "名称": ["'引号", "换行\n的名", "，，", '"', "😀"],
        "环节": ["没有的", "=cmd()", "@x"],
        "申报面积": ["很大", "-1", "1e999", "nan"],
        "所在区": ["天津市", "延庆区", "宣武区"],
    }
    for row in np.flatnonzero(chance.random(ROWS) < 0.4):
        column = str(chance.choice(list(faults)))
        frame.loc[row, column] = faults[column][chance.integers(len(faults[column]))]
    for row in np.flatnonzero(chance.random(ROWS) < 0.2):
        west, south, east, north = shapes[row].bounds
        kinds = [
            shapely.Polygon([(west, south), (east, north), (east, south), (west, north)]),
            affinity.translate(shapes[row], 3, 0),
            shapes[0],
            None,
        ]
        frame.loc[[row], "geometry"] = gpd.GeoSeries([kinds[chance.integers(4)]], [row], crs=4490)
    return frame


def deliver(path: Path, rows: gpd.GeoDataFrame) -> None:
    """Write rows as the kind of file a path ends in."""
    table = pd.DataFrame(rows.drop(columns="geometry"))
    if path.suffix == ".csv":
        table.to_csv(path, index=False, encoding="utf-8-sig")
    elif path.suffix == ".xlsx":
        table.to_excel(path, index=False)
    elif path.suffix == ".txt":
        path.write_text("\n".join([*HEAD, *_lines(rows)]), "utf-8")
    else:
        driver, options = DRIVERS[path.suffix]
        if path.suffix in NEVER_WITHOUT:
            rows = rows[rows.geometry.notna()]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            pyogrio.write_dataframe(rows, path, driver=driver, **options)


def _lines(rows: gpd.GeoDataFrame) -> list[str]:
    planes = rows.to_crs(4527)
    lines = []
    for row in planes.itertuples():
        corners = [] if row.geometry is None else shapely.get_coordinates(row.geometry)
        name = str(row.名称).replace("\n", " ")
        lines.append(f"{len(corners)},1.0,{row.编码 or ''},{name},面,,,,@")
        lines += [f"J{n},1,{y:.3f},{x:.3f}" for n, (x, y) in enumerate(corners, 1)]
    return lines


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("suffix", KINDS)
def test_every_row_of_a_spoiled_delivery_is_accounted_for(suffix, seed, tmp_path, monkeypatch):
    inbox, office = tmp_path / "收件", tmp_path / "办公"
    inbox.mkdir()
    office.mkdir()
    rows = spoiled(seed)
    deliver(inbox / f"地块{suffix}", rows)
    without = int(rows.geometry.isna().sum()) if suffix in NEVER_WITHOUT else 0
    assert len(held(inbox / f"地块{suffix}")) == ROWS - without

    account(inbox / f"地块{suffix}", LAYER, office, monkeypatch)
