"""Districts and responsible units: how they are written, and which district a boundary lies in."""

from __future__ import annotations

import csv
import json
import tomllib
from dataclasses import dataclass
from functools import cached_property, lru_cache
from importlib import resources
from typing import Any, Final

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from parcels import crs, topology
from parcels.errors import DistrictsNotUsableError
from parcels.words import plain as _plain
from parcels.zones import Zones

MIN_PART_M2: Final = 1e-4
"""A square centimetre: less is the rounding of degrees along a border, not a part of a parcel."""

MIN_PART_SHARE: Final = 1e-6
"""The same for parcels smaller than 100 m2, as a share of their area."""

MOST_SHARED_M2: Final = 10_000.0
"""Borders drawn from different sheets differ by metres; two districts that share more than a
hectare are a mistake."""

_DIGITS_ADDED: Final = ("000", "000000")
"""Township and village digits of a whole district, in the codes of 9 and 12 digits."""


@dataclass(frozen=True, slots=True)
class Split:
    """Boundaries cut by district borders; one entry per boundary and district it has part in.

    Attributes:
        parcel: Positions of the boundaries, ascending.
        district: Positions of the districts.
        area_m2: Area of each piece on the ellipsoid; 0 for points.
        outside_m2: Per boundary, the area outside every district.
    """

    parcel: np.ndarray
    district: np.ndarray
    area_m2: np.ndarray
    outside_m2: np.ndarray


@dataclass(frozen=True, eq=False)
class Territory:
    """The districts and the units that answer for them.

    Attributes:
        districts: Indexed by "code": `name`, `name_en`, `aliases` (";"-joined) and polygons in
            EPSG:4490.
        units: Indexed by "code": `name`, `name_en`, `aliases`, and `district`, the code of the
            district it is the government of (NA for a functional area).
        is_sample: Whether the borders are sample data, which every map must say.
    """

    districts: gpd.GeoDataFrame
    units: pd.DataFrame
    is_sample: bool = True

    @cached_property
    def area_m2(self) -> pd.Series:
        """Area of each district on the ellipsoid, m2, by code."""
        return pd.Series(crs.area_m2(self.disjoint), index=self.districts.index, name="area_m2")

    @cached_property
    def disjoint(self) -> np.ndarray:
        """The districts' polygons, EPSG:4490; land that two of them claim is the first one's."""
        polygons: np.ndarray = self.districts.geometry.to_numpy().copy()
        for first, second in topology.overlaps(polygons, min_area_m2=MIN_PART_M2)[
            ["a", "b"]
        ].to_numpy():
            polygons[second] = shapely.difference(polygons[second], polygons[first])
        return polygons

    @cached_property
    def zones(self) -> Zones:
        """The districts prepared for splitting."""
        return Zones(self.disjoint)

    def district_codes(self, written: pd.Series) -> pd.Series:
        """District codes of what people write: code, former code, name, alias; NA if unknown."""
        return _looked_up(written, self._districts_by_word)

    def unit_codes(self, written: pd.Series) -> pd.Series:
        """Unit codes of what people write; NA if unknown."""
        return _looked_up(written, self._units_by_word)

    def split(self, boundaries: np.ndarray, areas_m2: np.ndarray | None = None) -> Split:
        """Cut boundaries by the district borders.

        Args:
            boundaries: Array of shapely geometries in EPSG:4490; None has no pieces. A point
                belongs to the district that holds it, on a border to the one listed first.
            areas_m2: Their areas by `crs.area_m2`, where the caller has them.

        Returns:
            The pieces; pieces and `outside_m2` of a boundary add up to its area.
        """
        boundaries = np.asarray(boundaries, dtype=object)
        whole = crs.area_m2(boundaries) if areas_m2 is None else areas_m2
        place, district, area = self.zones.split(boundaries, whole)
        whole = np.nan_to_num(whole)
        # A border drawn along a parcel's edge cuts off slivers of rounding. They stay with the
        # parcel's largest part, so that the parts still add up to the whole.
        floor = np.minimum(MIN_PART_M2, MIN_PART_SHARE * whole)
        flat = shapely.get_dimensions(boundaries)[place] < 2
        first = np.append(True, place[1:] != place[:-1])[: len(place)]
        kept = np.where(flat, first, area > floor[place])
        place, district, area = place[kept], district[kept], area[kept]
        outside = whole - np.bincount(place, area, minlength=len(whole))
        largest, of = larger_part(place, district, area)
        inside = outside[of] <= floor[of]
        area[largest[inside]] += outside[of[inside]]
        outside[of[inside]] = 0.0
        return Split(place, district, area, outside)

    def assign(self, split: Split, count: int) -> pd.DataFrame:
        """The district that holds the larger part of each boundary.

        Args:
            split: What `split` returned.
            count: How many boundaries were split.

        Returns:
            One row per boundary: `district` (code, NA if it lies in none), `share` (0 to 1 of its
            area in that district) and `crosses` (whether it has parts elsewhere).
        """
        largest, of = larger_part(split.parcel, split.district, split.area_m2)
        whole = np.bincount(split.parcel, split.area_m2, minlength=count) + split.outside_m2
        pieces = np.bincount(split.parcel, minlength=count)
        district = np.full(count, None, dtype=object)
        district[of] = self.districts.index.to_numpy()[split.district[largest]]
        share = np.zeros(count)
        share[of] = np.divide(
            split.area_m2[largest], whole[of], out=np.ones(len(of)), where=whole[of] > 0
        )
        return pd.DataFrame(
            {
                "district": pd.Series(district, dtype="str"),
                "share": share,
                "crosses": (pieces > 1) | ((pieces > 0) & (split.outside_m2 > 0)),
            }
        )

    @cached_property
    def _districts_by_word(self) -> dict[str, str]:
        return _words(self.districts)

    @cached_property
    def _units_by_word(self) -> dict[str, str]:
        return _words(self.units)


def larger_part(
    parcel: np.ndarray, district: np.ndarray, area_m2: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Which entry of a split is the larger part of each parcel in it.

    Parts that differ by no more than rounding are equal; of equal parts the first district's is
    taken.

    Args:
        parcel: Numbers of the parcels, aligned with the other arguments.
        district: Positions or codes of the districts.
        area_m2: Areas of the parts.

    Returns:
        Positions in the arguments, and the numbers of their parcels, ascending.
    """
    order = np.lexsort((district, parcel))
    numbers, begin = np.unique(parcel[order], return_index=True)
    if not len(numbers):
        return np.empty(0, np.int64), numbers
    area = area_m2[order]
    most = np.repeat(np.maximum.reduceat(area, begin), np.diff(begin, append=len(order)))
    close = np.flatnonzero(area >= most - np.minimum(MIN_PART_M2, MIN_PART_SHARE * most))
    # The first close one at or after each parcel's begin is its own: the largest is close.
    return order[close[np.searchsorted(close, begin)]], numbers


@lru_cache(maxsize=1)
def bundled() -> Territory:
    """The 16 districts of Beijing as sample borders, and the 17 units; see SOURCES.md."""
    folder = resources.files("parcels") / "reference"
    collection = json.loads((folder / "beijing_districts.geojson").read_text("utf-8"))
    shapes = {
        one["properties"]["adcode"]: shapely.from_geojson(json.dumps(one["geometry"]))
        for one in collection["features"]
    }
    districts = _table(folder / "districts.csv")
    units = _table(folder / "units.csv")
    units["district"] = units["district"].where(units["district"] != "")
    return Territory(
        gpd.GeoDataFrame(
            districts, geometry=[shapes[code] for code in districts.index], crs=crs.STORAGE
        ),
        units,
    )


def territory_from(
    frame: gpd.GeoDataFrame, *, file: str, units: pd.DataFrame | None = None
) -> Territory:
    """Districts from a customer's own file.

    Args:
        frame: One polygon per district in EPSG:4490, with a code and a name column under a name
            of `reference/district_columns.toml`.
        file: Name of the file, for the refusal.
        units: Units to use; by default those of the present units whose district is in the file,
            with every functional area.

    Returns:
        The districts in the order of their codes. Where two overlap by up to MOST_SHARED_M2, as
        borders from different sheets do, the land counts to the smaller code.

    Raises:
        DistrictsNotUsableError: There is no district; a column is missing; a code is missing or
            stands twice; a polygon is missing or invalid; or districts overlap by more. Reasons
            "empty", "columns", "codes", "polygons", "overlap".
    """
    code, name, english = (_column(frame, of) for of in ("code", "name", "name_en"))
    if code is None or name is None:
        raise DistrictsNotUsableError(file=file, reason="columns")
    if not len(frame):
        raise DistrictsNotUsableError(file=file, reason="empty")
    codes = frame[code].astype("str").str.strip().str.removesuffix(".0")
    if codes.isna().any() or (codes == "").any() or codes.duplicated().any():
        raise DistrictsNotUsableError(file=file, reason="codes")
    shapes = shapely.force_2d(frame.geometry.to_numpy())
    if not bool(np.all(shapely.is_valid(shapes) & (shapely.get_dimensions(shapes) == 2))):
        raise DistrictsNotUsableError(file=file, reason="polygons")
    if (topology.overlaps(shapes)["area_m2"] > MOST_SHARED_M2).any():
        raise DistrictsNotUsableError(file=file, reason="overlap")
    known = bundled().districts
    names = frame[name].astype("str").fillna(codes)
    abroad = codes.map(known["name_en"]) if english is None else frame[english].astype("str")
    districts = gpd.GeoDataFrame(
        {
            "name": names.to_numpy(),
            "name_en": abroad.fillna(names).to_numpy(),
            "aliases": codes.map(known["aliases"]).fillna("").to_numpy(),
        },
        index=pd.Index(codes, name="code"),
        geometry=shapes,
        crs=crs.STORAGE,
    ).sort_index()
    return Territory(districts, _units_for(districts) if units is None else units, is_sample=False)


def _column(frame: pd.DataFrame, of: str) -> str | None:
    source = resources.files("parcels") / "reference" / "district_columns.toml"
    words = [_plain(word) for word in tomllib.loads(source.read_text("utf-8"))[of]]
    arrived = {_plain(str(column)): str(column) for column in frame.columns}
    return next((arrived[word] for word in words if word in arrived), None)


def _units_for(districts: gpd.GeoDataFrame) -> pd.DataFrame:
    known = bundled().units
    kept = known[known["district"].isna() | known["district"].isin(districts.index)]
    missing = districts.loc[~districts.index.isin(kept["district"])]
    added = pd.DataFrame(missing[["name", "name_en", "aliases"]]).assign(district=missing.index)
    return pd.concat([kept, added]) if len(added) else kept


def _table(path: Any) -> pd.DataFrame:
    with path.open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(line for line in stream if not line.startswith("#")))
    return pd.DataFrame(rows, dtype="str").set_index("code")


def _words(table: pd.DataFrame) -> dict[str, str]:
    pairs: list[tuple[str, str]] = []
    for code, name, name_en, aliases in zip(
        table.index, table["name"], table["name_en"], table["aliases"].fillna(""), strict=True
    ):
        written = (code, name, name_en, f"{name_en} district", *aliases.split(";"))
        pairs += [(_plain(word), code) for word in written]
        codes = [word for word in written if len(word) == 6 and word.isdecimal()]
        pairs += [(one + digits, code) for one in codes for digits in _DIGITS_ADDED]
    return {word: code for word, code in reversed(pairs) if word}


def _looked_up(written: pd.Series, words: dict[str, str]) -> pd.Series:
    distinct = pd.Series(written.dropna().unique(), dtype=object)
    found = {word: words.get(_plain(_without_fraction(word))) for word in distinct}
    return written.map(found).astype("str")


def _without_fraction(word: Any) -> str:
    # A code that went through a spreadsheet arrives as 110105.0.
    return str(word).removesuffix(".0")
