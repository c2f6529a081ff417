"""The rules about where parcels lie: in which district, in whose area, around which point."""

from __future__ import annotations

from collections.abc import Iterator

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from layers.rules.ground import Ground, alone, column, pairs, together
from parcels import crs, siting


def outside_declared_district(ground: Ground) -> pd.DataFrame:
    """Parcels whose larger part lies outside the district, or the unit, that they declare.

    A unit that is the government of a district answers for land there. For a functional area only
    its layer of special areas knows where it lies.
    """
    parts = [
        part for key, frame in ground.frames.items() for part in _displaced(ground, key, frame)
    ]
    return together([*parts, *_in_functional_areas(ground)])


def priority_plots_without_boundary(ground: Ground) -> pd.DataFrame:
    """Plots that nobody has drawn."""
    return together(
        [
            alone(key, frame[shapely.is_missing(frame.geometry.to_numpy())], days=ground.on)
            for key, frame in ground.frames.items()
        ]
    )


def registered_points_outside(ground: Ground) -> pd.DataFrame:
    """Parcels whose registered point lies outside their boundary, as the door measures it."""
    parts = []
    for key, frame in ground.frames.items():
        points = frame[["registered_lon", "registered_lat"]].to_numpy(float)
        outside, away, inside = siting.points_outside(points, frame.geometry.to_numpy())
        details = [
            {
                "distance_m": round(float(d), 1),
                "to_lon": round(float(x), 6),
                "to_lat": round(float(y), 6),
                "point": f"{points[at, 0]:.6f}, {points[at, 1]:.6f}",
            }
            for at, d, (x, y) in zip(outside, away, inside, strict=True)
        ]
        parts.append(alone(key, frame.iloc[outside], days=ground.on, details=details))
    return together(parts)


def _displaced(ground: Ground, key: str, frame: gpd.GeoDataFrame) -> Iterator[pd.DataFrame]:
    held = frame[frame["district"].notna() & frame.geometry.notna()]
    if held.empty:
        return
    split = ground.territory.split(held.geometry.to_numpy())
    lies = ground.territory.assign(split, len(held))
    lies_in = lies["district"].to_numpy(object)
    home = held["unit"].map(ground.territory.units["district"]).to_numpy(object)
    # What lies nowhere is outside its district too; a unit without a district is not judged here.
    by_district = held["district"].to_numpy(object) != lies_in
    by_unit = pd.notna(home) & pd.notna(lies_in) & (home != lies_in) & ~by_district
    codes = ground.territory.districts.index.to_numpy(object)[split.district]
    own = codes == held["district"].to_numpy(object)[split.parcel]
    inside = np.bincount(split.parcel[own], split.area_m2[own], minlength=len(held))
    beyond = np.maximum(np.nan_to_num(crs.area_m2(held.geometry.to_numpy())) - inside, 0.0)
    for mask, field in ((by_district, "district"), (by_unit, "unit")):
        where = np.flatnonzero(mask)
        details = [_names(ground, str(held[field].iloc[at]), lies_in[at], field) for at in where]
        area = beyond[where] if field == "district" else np.full(len(where), np.nan)
        yield alone(key, held.iloc[where], days=ground.on, details=details, area_m2=area)


def _names(ground: Ground, declared: str, lies_in: object, field: str) -> dict[str, str]:
    table = ground.territory.units if field == "unit" else ground.territory.districts
    names, known = ("name", "name_en"), ground.territory.districts
    there = [known.loc[lies_in, name] if pd.notna(lies_in) else "—" for name in names]
    said = [table.loc[declared, name] if declared in table.index else declared for name in names]
    return {
        **ground.terms.word("declared", field, "what"),
        "declared_zh": str(said[0]),
        "declared_en": str(said[1]),
        "computed_zh": str(there[0]),
        "computed_en": str(there[1]),
    }


def _in_functional_areas(ground: Ground) -> Iterator[pd.DataFrame]:
    """Parcels inside a functional area that another unit answers for."""
    terms = ground.terms.functional_areas
    if terms["layer"] not in ground.frames:
        return
    areas = ground.frames[terms["layer"]]
    held = column(areas, "area_kind").eq(terms["kind"]) & areas["stage"].eq(terms["stage"])
    areas = areas[held.fillna(value=False).to_numpy(bool)]
    names = ground.territory.units
    for key in terms["responsible_for"]:
        if key not in ground.frames or areas.empty:
            continue
        frame = ground.frames[key]
        others = frame[frame["unit"].notna() & (frame["unit"] != terms["unit"]).to_numpy(bool)]
        both = ground.shared(others, areas)
        both = both[both["area_m2"] > both["area_a"] / 2]
        units = others["unit"].iloc[both["a"].to_numpy()]
        word = {lang: str(names.loc[terms["unit"], n]) for lang, n in _NAMED.items()}
        details = [
            {
                **ground.terms.word("declared", "unit", "what"),
                **{f"declared_{lang}": str(names.loc[unit, n]) for lang, n in _NAMED.items()},
                **{f"computed_{lang}": said for lang, said in word.items()},
            }
            for unit in units
        ]
        yield pairs(
            key,
            others.index.to_numpy()[both["a"]],
            terms["layer"],
            areas.index.to_numpy()[both["b"]],
            area_m2=both["area_m2"].to_numpy(),
            days=ground.on,
            details=details,
        )


_NAMED = {"zh": "name", "en": "name_en"}
