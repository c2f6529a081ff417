"""Every row is accounted for in the further kinds of file: packed, columnar, drawn."""

from __future__ import annotations

import tempfile
import zipfile
from pathlib import Path
from xml.etree import ElementTree as ET
from xml.sax.saxutils import escape

import fiona
import geopandas as gpd
import pandas as pd
import pyogrio
import pytest
import shapely
import test_accounting as accounting
import test_containers as drawn_files
import test_national_packages as national
from test_accounting import LAYER, ROWS, spoiled

# Their drivers write no feature without a geometry.
NEVER_WITHOUT = {".dxf"}
DRIVERS = {
    ".tab": ("MapInfo File", {"ENCODING": "UTF-8"}),
    ".mif": ("MapInfo File", {"ENCODING": "UTF-8"}),
}
# A drawing has no columns, and names no coordinate system.
DRAWING = ["--column", "Text=code", "--stage", "优先监管", "--crs", "EPSG:4527"]
KML = "{http://www.opengis.net/kml/2.2}"
KINDS = [*DRIVERS, ".kml", ".kmz", ".parquet", ".zip", ".dxf"]


def held(path: Path) -> list[tuple[str, ...]]:
    """The rows of a file of any kind, as `accounting.held` gives them."""
    reader = {".parquet": _parquet, ".dxf": _drawing}.get(path.suffix)
    if reader is not None:
        return reader(path)
    if path.suffix not in {".kmz", ".zip"}:
        return _plainly(path)
    with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(path) as archive:
        archive.extractall(folder)
        (inside,) = [p for p in Path(folder).rglob("*") if p.suffix in {".kml", ".shp"}]
        return _plainly(inside)


def _plainly(path: Path) -> list[tuple[str, ...]]:
    if path.suffix != ".kml":
        return accounting.held(path)
    return [_told(mark) for mark in ET.parse(path).iter(f"{KML}Placemark")]  # noqa: S314 - ours


def _told(mark: ET.Element) -> tuple[str, ...]:
    """Names and texts of what a placemark says, in order."""
    said = {one.get("name"): one.findtext(f"{KML}value") for one in mark.iter(f"{KML}Data")}
    said |= {one.get("name"): one.text for one in mark.iter(f"{KML}SimpleData")}
    return tuple(
        f"{name}={text.strip()}"
        for name, text in sorted(said.items())
        if text and name not in accounting.REASONS
    )


def _parquet(path: Path) -> list[tuple[str, ...]]:
    table = pd.read_parquet(path).drop(columns=["geometry", *accounting.REASONS], errors="ignore")
    return [tuple(map(accounting._text, row)) for row in table.itertuples(index=False)]


def _drawing(path: Path) -> list[tuple[str, ...]]:
    """The closed lines of a drawing by layer and place."""
    encoding = "UTF-8" if b"AC1021" in path.read_bytes() else "CP936"
    with fiona.Env(DXF_ENCODING=encoding), fiona.open(path) as layer:
        lines = [
            (one.properties["Layer"], shapely.geometry.shape(one.geometry).bounds)
            for one in layer
            if one.geometry.type != "Point"
        ]
    return [(on, *(f"{edge:.3f}" for edge in bounds)) for on, bounds in lines]


def deliver(path: Path, rows: gpd.GeoDataFrame) -> None:
    """Write rows as the kind of file a path ends in."""
    if path.suffix == ".parquet":
        rows.to_parquet(path, index=False)
    elif path.suffix == ".dxf":
        path.write_bytes(_drawn(rows).encode("gbk"))
    elif path.suffix == ".kml":
        path.write_text(_page(rows), "utf-8")
    elif path.suffix in {".kmz", ".zip"}:
        inside = path.parent / "内"
        inside.mkdir()
        deliver(inside / {".kmz": "doc.kml", ".zip": "地块.shp"}[path.suffix], rows)
        drawn_files.pack(path, inside)
    elif path.suffix in DRIVERS:
        driver, options = DRIVERS[path.suffix]
        pyogrio.write_dataframe(rows, path, driver=driver, **options)
    else:
        accounting.deliver(path, rows)


def _page(rows: gpd.GeoDataFrame) -> str:
    """A KML page as web maps write it: GDAL writes no boundary that crosses itself."""
    marks = []
    for row in rows.drop(columns="geometry").assign(shape=rows.geometry).to_dict("records"):
        shape = row.pop("shape")
        data = "".join(
            f'<Data name="{name}"><value>{escape(str(said))}</value></Data>'
            for name, said in row.items()
            if said is not None
        )
        ring = [] if shape is None else shapely.get_coordinates(shape).tolist()
        line = " ".join(f"{x},{y}" for x, y in ring)
        area = f"<outerBoundaryIs><LinearRing><coordinates>{line}</coordinates></LinearRing>"
        drawn = f"<Polygon>{area}</outerBoundaryIs></Polygon>" if ring else ""
        marks.append(f"<Placemark><ExtendedData>{data}</ExtendedData>{drawn}</Placemark>")
    head = '<?xml version="1.0" encoding="UTF-8"?><kml xmlns="http://www.opengis.net/kml/2.2">'
    return f"{head}<Document>{''.join(marks)}</Document></kml>"


def _drawn(rows: gpd.GeoDataFrame) -> str:
    planes = rows[rows.geometry.notna()].to_crs(4527)
    entities = []
    for row in planes.itertuples():
        corners = shapely.get_coordinates(row.geometry)[:-1].tolist()
        entities.append(drawn_files.polyline(corners, "宗地界线"))
        if row.编码:
            at = row.geometry.representative_point()
            entities.append(drawn_files.text(row.编码, (at.x, at.y)))
    return drawn_files.DXF.format(page="936", entities="\n".join(entities))


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("suffix", KINDS)
def test_every_row_of_a_spoiled_delivery_is_accounted_for(suffix, seed, tmp_path, monkeypatch):
    inbox, office = tmp_path / "收件", tmp_path / "办公"
    inbox.mkdir()
    office.mkdir()
    rows = spoiled(seed)
    deliver(inbox / f"地块{suffix}", rows)
    without = int(rows.geometry.isna().sum()) if suffix in NEVER_WITHOUT else 0
    assert len(held(inbox / f"地块{suffix}")) == ROWS - without

    more = DRAWING if suffix == ".dxf" else []
    accounting.account(inbox / f"地块{suffix}", LAYER, office, monkeypatch, read=held, more=more)


@pytest.mark.parametrize(
    "held_in_it",
    [
        {},
        {"DKDM": "1101080320009"},
        {"DH": 38},
        {"YDMJ": 1.0},
        {"XZQMC": "天津市"},
        {"DKMC": "=1"},
    ],
    ids=["sound", "code", "zone", "area", "district", "name"],
)
def test_the_parcel_of_a_national_package_is_accounted_for(held_in_it, tmp_path, monkeypatch):
    office = tmp_path / "办公"
    office.mkdir()
    path = national.package(tmp_path, **held_in_it)
    assert len(held(path)) == 1

    accounting.account(path, LAYER, office, monkeypatch, read=held)
