"""The national boundary package out: a ZIP per parcel and survey, checked before it leaves.

Domain notes 5.1, after the public generator and checker of such packages. The area in it (YDMJ) is
the planar area in the Gauss-Krueger projection of the file, as that generator computes it; neither
the declared area nor the ellipsoidal one the register works with.
"""

from __future__ import annotations

import datetime as dt
import io
import tempfile
import tomllib
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import shapely
from pyogrio.errors import DataLayerError, DataSourceError

from parcels import crs, words
from parcels.districts import Territory
from parcels.exchange import dbase, ogr

ENCODINGS: Final = ("UTF-8", "GBK")
"""Encodings of the table, as its .cpg file names them."""

_MEMBERS: Final = (".shp", ".shx", ".dbf", ".prj", ".cpg")
_DEGREES_PER_ZONE: Final = 3
_EARLIEST: Final = dt.date(1980, 1, 1)
_CENTIMETRE2: Final = 0.0101
_MILLIMETRE: Final = 1e-3
_POLYGONS: Final = (shapely.GeometryType.POLYGON, shapely.GeometryType.MULTIPOLYGON)


@dataclass(frozen=True, slots=True)
class Style:
    """What holds for every package.

    Attributes:
        survey: The survey named in front of the code: one of `surveys()`.
        sender: Who made the data, where the parcel does not say; "" for nobody.
        encoding: One of ENCODINGS.
    """

    survey: str
    sender: str = ""
    encoding: str = "UTF-8"


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Why a parcel has no package; the sentences are exports.obstacles.* in maps/locale.

    Attributes:
        code: The parcel's code; "" if it has none.
        name: Its name; "" if it has none.
        what: Key of what is wrong.
        details: What the sentence needs.
    """

    code: str
    name: str
    what: str
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Package:
    """A package that passed every check.

    Attributes:
        code: The parcel's code.
        file: Name of the ZIP.
        content: Its bytes; the same parcel gives the same.
        zone: The 3-degree zone.
        area_m2: YDMJ: planar, m2, two decimals.
        point_checked: Whether there is a registered point to be checked.
    """

    code: str
    file: str
    content: bytes
    zone: int
    area_m2: float
    point_checked: bool


def surveys() -> tuple[str, ...]:
    """The surveys a package can be of."""
    return tuple(words.formats()["national"]["stages"])


def packages(
    parcels: gpd.GeoDataFrame, territory: Territory, style: Style
) -> Iterator[Package | Obstacle]:
    """The package of each parcel, or everything that stands in its way.

    Args:
        parcels: A parcels frame in EPSG:4490. Columns used: code, name, district, registered_lon,
            registered_lat, valid_from, and where present produced_on, produced_by, remarks.
        territory: For the names of districts.
        style: What holds for all.
    """
    rows = _rows(parcels, territory, style)
    shapes = parcels.geometry.to_numpy()
    obstacles = _obstacles(rows, shapes, style)
    for place, row in enumerate(rows.to_dict("records")):
        if place in obstacles:
            yield from obstacles[place]
            continue
        yield _package(row, shapes[place], style)


@cache
def _known() -> Mapping[str, Any]:
    text = files("parcels").joinpath("reference", "exchange.toml").read_text(encoding="utf-8")
    found: Mapping[str, Any] = tomllib.loads(text)["national"]
    return found


@cache
def _columns() -> tuple[dbase.Column, ...]:
    return tuple(
        dbase.Column(one["name"], one["kind"], one["width"], one.get("decimals", 0))
        for one in _known()["columns"]
    )


def _rows(parcels: gpd.GeoDataFrame, territory: Territory, style: Style) -> pd.DataFrame:
    """What stands in each table, with the registered point and since when that is true."""
    shapes = parcels.geometry.to_numpy()
    zones = _zones(shapes)
    names = territory.districts["name"].to_dict()
    produced_by = _texts(parcels, "produced_by")
    return pd.DataFrame(
        {
            "DKMC": _texts(parcels, "name"),
            "DKDM": _texts(parcels, "code"),
            "XZQDM": _texts(parcels, "district"),
            "XZQMC": [names.get(one) for one in _texts(parcels, "district")],
            "YDMJ": _planar_m2(shapes, zones),
            "DH": zones,
            "SCRQ": _days(parcels, "produced_on"),
            "SCDW": [one or style.sender or None for one in produced_by],
            "BZ": _texts(parcels, "remarks"),
            "lon": parcels["registered_lon"].to_numpy("float64"),
            "lat": parcels["registered_lat"].to_numpy("float64"),
            "since": [max(one, _EARLIEST) for one in _days(parcels, "valid_from")],
        },
        dtype=object,
    ).astype({"YDMJ": "float64", "DH": "int64", "lon": "float64", "lat": "float64"})


def _texts(parcels: pd.DataFrame, key: str) -> list[str | None]:
    if key not in parcels:
        return [None] * len(parcels)
    return [None if pd.isna(one) else str(one).strip() or None for one in parcels[key]]


def _days(parcels: pd.DataFrame, key: str) -> list[Any]:
    if key not in parcels:
        return [None] * len(parcels)
    return [None if pd.isna(one) else pd.Timestamp(one).date() for one in parcels[key]]


def _zones(shapes: np.ndarray) -> np.ndarray:
    """The 3-degree zone of each boundary by its centre; 0 without one. 39 begins at 115.5E."""
    lon = shapely.get_x(_centres(shapes))
    return np.where(np.isnan(lon), 0, np.floor(lon / _DEGREES_PER_ZONE + 0.5)).astype(int)


def _centres(shapes: np.ndarray) -> np.ndarray:
    """The centre of each boundary; None where there is none."""
    centres: np.ndarray = np.array(shapely.centroid(shapes), dtype=object)
    centres[shapely.is_empty(centres)] = None
    return centres


def _planar_m2(shapes: np.ndarray, zones: np.ndarray) -> np.ndarray:
    areas = np.zeros(len(shapes))
    for zone in np.unique(zones):
        epsg = crs.zone_epsg(int(zone))
        if epsg is not None:
            here = zones == zone
            areas[here] = gpd.GeoSeries(shapes[here], crs=crs.STORAGE).to_crs(epsg).area
    return np.round(areas, 2)


# -- what stands in the way ------------------------------------------------------------------


def _obstacles(rows: pd.DataFrame, shapes: np.ndarray, style: Style) -> dict[int, list[Obstacle]]:
    found: dict[int, list[Obstacle]] = {}

    def add(where: Any, what: str, **details: Any) -> None:
        for place in np.flatnonzero(where):
            row = rows.iloc[place]
            told = {key: value[place] for key, value in details.items()}
            found.setdefault(int(place), []).append(
                Obstacle(row["DKDM"] or "", row["DKMC"] or "", what, told)
            )

    code, name = rows["DKDM"].fillna(""), rows["DKMC"].fillna("")
    add(~code.str.fullmatch(_known()["code_pattern"]), "code_not_13_digits", found=code.tolist())
    add((code != "") & code.duplicated(keep=False), "code_twice", found=code.tolist())
    add(name == "", "name_missing")
    add(rows["XZQMC"].isna(), "district_missing")
    is_polygon = np.isin(shapely.get_type_id(shapes), _POLYGONS) & ~shapely.is_empty(shapes)
    is_valid = is_polygon & shapely.is_valid(shapes)
    add(~is_polygon, "not_a_polygon")
    add(is_polygon & ~is_valid, "boundary_not_valid")
    bounds = _known()["zones"]
    zoned = rows["DH"].between(bounds["first"], bounds["last"]).to_numpy()
    add(is_polygon & ~zoned, "zone_unknown", found=rows["DH"].tolist())
    add(is_valid & (rows["YDMJ"].to_numpy() <= 0), "area_nothing")
    outside = is_valid & rows["lon"].notna().to_numpy() & ~_point_inside(rows, shapes)
    centres = _centres(shapes)
    centres = np.where(shapely.covers(shapes, centres), centres, _points_inside(shapes, is_valid))
    add(
        outside,
        "registered_point_outside",
        lon=np.round(shapely.get_x(centres), 6).tolist(),
        lat=np.round(shapely.get_y(centres), 6).tolist(),
    )
    for column in _columns():
        if column.kind == "C":
            problem = [_not_held(one, column, style.encoding) for one in rows[column.name]]
            for what in ("text_too_long", "character_lacking"):
                where = [one is not None and one[0] == what for one in problem]
                add(
                    where,
                    what,
                    field=[column.name] * len(rows),
                    found=[one[1] if one else "" for one in problem],
                )
    return found


def _points_inside(shapes: np.ndarray, is_valid: np.ndarray) -> np.ndarray:
    points = np.full(len(shapes), None, dtype=object)
    points[is_valid] = shapely.point_on_surface(shapes[is_valid])
    return points


def _point_inside(rows: pd.DataFrame, shapes: np.ndarray) -> np.ndarray:
    points = shapely.points(rows["lon"].to_numpy(), rows["lat"].to_numpy())
    inside: np.ndarray = shapely.covers(shapes, points)
    return inside


def _not_held(written: str | None, column: dbase.Column, encoding: str) -> tuple[str, str] | None:
    """Why a column cannot hold a text, and which part of it; None if it can."""
    if written is None:
        return None
    try:
        length = len(written.encode(encoding))
    except UnicodeEncodeError as error:
        return "character_lacking", written[error.start : error.end]
    return ("text_too_long", written[:20]) if length > column.width else None


# -- making and checking ---------------------------------------------------------------------


def _package(row: Mapping[str, Any], shape: Any, style: Style) -> Package | Obstacle:
    base = f"{style.survey}{row['DKDM']}"
    epsg = crs.zone_epsg(int(row["DH"]))
    assert epsg is not None  # noqa: S101 - for mypy: other zones are obstacles
    # GDAL gets names of our own: it takes some marks in a path for more than a name.
    with tempfile.TemporaryDirectory() as folder:
        members = _members(Path(folder), row, shape, epsg=epsg, encoding=style.encoding)
        content = _zip(base, members, row["since"])
        made = Path(folder) / "made.zip"
        made.write_bytes(content)
        what = _fault(made, base, row, shape, epsg=epsg)
    if what is not None:
        return Obstacle(row["DKDM"], row["DKMC"], what)
    checked = not np.isnan(row["lon"])
    return Package(row["DKDM"], f"{base}.zip", content, int(row["DH"]), row["YDMJ"], checked)


def _members(
    folder: Path, row: Mapping[str, Any], shape: Any, *, epsg: int, encoding: str
) -> dict[str, bytes]:
    # GDAL chooses widths by itself, so only its drawing is kept and the table written here.
    alone = gpd.GeoDataFrame({"DH": [int(row["DH"])]}, geometry=[shape], crs=crs.STORAGE)
    path = folder / "made.shp"
    ogr.write_arrow(path, alone, "ESRI Shapefile", epsg=epsg, options={"geometry_type": "Polygon"})
    members = {end: path.with_suffix(end).read_bytes() for end in (".shp", ".shx", ".prj")}
    cells = [None if pd.isna(row[one.name]) else row[one.name] for one in _columns()]
    members[".dbf"] = dbase.table(_columns(), [cells], encoding=encoding, written_on=row["since"])
    members[".cpg"] = encoding.encode("ascii")
    return members


def _zip(base: str, members: Mapping[str, bytes], day: dt.date) -> bytes:
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED) as archive:
        for end in _MEMBERS:
            info = zipfile.ZipInfo(f"{base}/{base}{end}", (day.year, day.month, day.day, 0, 0, 0))
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = 0o644 << 16
            archive.writestr(info, members[end])
    return whole.getvalue()


def _fault(made: Path, base: str, row: Mapping[str, Any], shape: Any, *, epsg: int) -> str | None:
    """Key of what a checker would find wrong on opening the package; None if nothing is."""
    with zipfile.ZipFile(made) as archive:
        if archive.namelist() != [f"{base}/{base}{end}" for end in _MEMBERS]:
            return "package_not_complete"
    try:
        back = pyogrio.read_dataframe(f"/vsizip/{made}/{base}/{base}.shp")
    except (DataSourceError, DataLayerError, RuntimeError, ValueError):
        return "package_not_readable"
    if len(back) != 1 or back.crs is None or back.crs.to_epsg() != epsg:
        return "package_system_differs"
    return _content_fault(back, row, shape)


def _content_fault(back: gpd.GeoDataFrame, row: Mapping[str, Any], shape: Any) -> str | None:
    if any(_differs(row[one.name], back[one.name].iloc[0]) for one in _columns()):
        return "package_values_differ"
    drawn = back.geometry.iloc[0]
    if drawn.geom_type not in {"Polygon", "MultiPolygon"} or not drawn.is_valid:
        return "package_boundary_differs"
    meant = gpd.GeoSeries([shape], crs=crs.STORAGE).to_crs(back.crs).iloc[0]
    if shapely.hausdorff_distance(drawn, meant) > _MILLIMETRE:
        return "package_boundary_differs"
    return None if abs(drawn.area - row["YDMJ"]) < _CENTIMETRE2 else "package_area_differs"


def _differs(meant: Any, found: Any) -> bool:
    if pd.isna(meant) or pd.isna(found):
        return bool(pd.isna(meant) != pd.isna(found))
    if isinstance(meant, dt.date):
        return bool(pd.Timestamp(found).date() != meant)
    if isinstance(meant, str):
        return bool(str(found) != meant)
    return abs(float(found) - float(meant)) > 1e-6
