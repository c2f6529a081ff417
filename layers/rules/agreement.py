"""The rules about facts that do not fit: areas, codes in two layers, measures not taken."""

from __future__ import annotations

import itertools
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from layers.rules.ground import LANGUAGES, Ground, alone, column, pairs, shared, together
from parcels import crs, matching

_STRICT = "strict_control"


def strict_control_without_measure(ground: Ground) -> pd.DataFrame:
    """Strictly controlled permanent basic farmland of which no measure is said to be in place."""
    parts = []
    for key, frame in ground.frames.items():
        basic = column(frame, "permanent_basic_farmland").eq(other=True).fillna(value=False)
        measure = column(frame, "measure_in_place")
        done = measure.eq(other=True).fillna(value=False).to_numpy(bool)
        strict = frame["stage"].eq(_STRICT).fillna(value=False).to_numpy(bool)
        wrong = strict & basic.to_numpy(bool) & ~done
        said = ["unknown" if missing else "no" for missing in measure[wrong].isna()]
        details = [ground.terms.word("measure", one, "measure") for one in said]
        parts.append(alone(key, frame[wrong], days=ground.on, details=details))
    return together(parts)


def declared_areas_that_differ(ground: Ground) -> pd.DataFrame:
    """Parcels whose declared area is off the computed one by more than the tolerance."""
    parts = []
    for key, frame in ground.frames.items():
        shapes = frame.geometry.to_numpy()
        declared = frame["declared_area_m2"].to_numpy(float)
        there = np.flatnonzero(np.isfinite(declared) & (shapely.get_dimensions(shapes) == 2))
        computed = crs.area_m2(shapes[there])
        off = np.abs(declared[there] - computed)
        wrong = off > ground.terms.area_share * computed + ground.terms.area_rounding_m2
        where, computed = there[wrong], computed[wrong]
        details = [
            {
                "declared_m2": round(float(declared[at]), 2),
                "computed_m2": round(float(area), 2),
                "differs_percent": round(100 * float(declared[at] / area - 1), 1),
            }
            for at, area in zip(where, computed, strict=True)
        ]
        hits = alone(key, frame.iloc[where], days=ground.on, details=details, area_m2=off[wrong])
        parts.append(hits)
    return together(parts)


def registers_that_disagree(ground: Ground) -> pd.DataFrame:
    """The same land in two layers under other codes, or with other areas.

    It is the same land where both boundaries have 99 % in common, where a person joined both in
    one site, or where both have the same code. Areas differ beyond 1 %: the declared ones where
    both are declared, else those of the boundaries.
    """
    return together(
        [
            _between(ground, one, other)
            for one, other in itertools.combinations(sorted(ground.frames), 2)
        ]
    )


def _between(ground: Ground, one: str, other: str) -> pd.DataFrame:
    first, second = ground.frames[one], ground.frames[other]
    land = shared(
        first.geometry.to_numpy(),
        second.geometry.to_numpy(),
        least_m2=ground.terms.overlap_m2,
        least_share=ground.terms.overlap_share,
    )
    common = matching.share_of_both(land["area_m2"], land["area_a"], land["area_b"])
    same = land.loc[common >= matching.SAME_LAND, ["a", "b"]]
    named = _by_code(first, second)
    joined = _joined(ground, first, second)
    both = pd.concat([same, named, joined]).drop_duplicates().sort_values(["a", "b"])
    both = both.merge(land[["a", "b", "area_m2"]], on=["a", "b"], how="left")
    why = _differences(ground, first, second, both)
    told = why[["code", "area", "place"]].any(axis=1).to_numpy(bool)
    both, why = both[told], why[told]
    details = [_details(ground, row) for row in why.to_dict("records")]
    return pairs(
        one,
        first.index.to_numpy()[both["a"]],
        other,
        second.index.to_numpy()[both["b"]],
        area_m2=both["area_m2"].to_numpy(),
        days=ground.on,
        details=details,
    )


def _by_code(first: pd.DataFrame, second: pd.DataFrame) -> pd.DataFrame:
    """Positions of parcels with the same code, however it is spaced."""
    sides = [
        pd.DataFrame({"code": _plain(frame["code"]), name: np.arange(len(frame))}).dropna()
        for name, frame in (("a", first), ("b", second))
    ]
    return sides[0].merge(sides[1], on="code")[["a", "b"]]


def _plain(codes: pd.Series) -> np.ndarray:
    plain = codes.astype("str").str.normalize("NFKC").str.replace(r"\s", "", regex=True)
    folded: np.ndarray = plain.str.casefold().to_numpy(object)
    return folded


def _joined(ground: Ground, first: pd.DataFrame, second: pd.DataFrame) -> pd.DataFrame:
    both = ground.joined
    turned = both.rename(columns={"a": "b", "b": "a"})
    whole = pd.concat([both, turned[["a", "b"]]]).astype("int64")
    found = pd.DataFrame(
        {"a": first.index.get_indexer(whole["a"]), "b": second.index.get_indexer(whole["b"])}
    )
    return found[(found["a"] >= 0) & (found["b"] >= 0)]


def _differences(
    ground: Ground, first: gpd.GeoDataFrame, second: gpd.GeoDataFrame, both: pd.DataFrame
) -> pd.DataFrame:
    """For each pair, whether codes, areas and places differ."""
    a, b = both["a"].to_numpy(np.int64), both["b"].to_numpy(np.int64)
    codes = [_plain(frame["code"])[at] for frame, at in ((first, a), (second, b))]
    known = pd.notna(codes[0]) & pd.notna(codes[1])
    shapes = [frame.geometry.to_numpy()[at] for frame, at in ((first, a), (second, b))]
    drawn = np.logical_and(*[shapely.get_dimensions(one) == 2 for one in shapes])
    areas = []
    for frame, at, shape in ((first, a, shapes[0]), (second, b, shapes[1])):
        declared = frame["declared_area_m2"].to_numpy(float)[at]
        areas.append((declared, np.where(drawn, crs.area_m2(shape), np.nan)))
    stated = np.isfinite(areas[0][0]) & np.isfinite(areas[1][0])
    one, other = (np.where(stated, said, made) for said, made in areas)
    with np.errstate(invalid="ignore"):
        off = np.abs(one - other) - ground.terms.area_share * np.fmax(one, other)
        differs = off > ground.terms.area_rounding_m2
    differs &= np.isfinite(off)
    return pd.DataFrame(
        {
            "code": known & (codes[0] != codes[1]),
            "area": differs,
            "place": drawn & both["area_m2"].isna().to_numpy(bool),
            # The areas are told only where they differ.
            "one": np.where(differs, one, np.nan).round(2),
            "other": np.where(differs, other, np.nan).round(2),
        }
    )


def _details(ground: Ground, row: dict[Any, Any]) -> dict[str, Any]:
    words = ground.terms.words["differs"]
    held = [key for key in ("code", "area", "place") if row[key]]
    areas = {"one": row["one"], "other": row["other"]}
    why = {f"why_{lang}": [words[key][lang].format(**areas) for key in held] for lang in LANGUAGES}
    return {"differs": held, **why}
