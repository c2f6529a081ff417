"""When the same land in several layers or deliveries is one site: evidence, and who belongs.

Nothing here joins anything: pairs are proposed with their numbers, a person decides, and only
pairs that were confirmed make a site. The thresholds are in `reference/sites.toml`.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Final

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from parcels import crs, topology

EVIDENCE: Final = ("overlap_m2", "share_a", "share_b", "name_share", "address_share", "same_code")
"""What is known of a pair: the common land in m2 and as a share of each, shares of common pairs of
characters of names and addresses, and whether the codes are the same; NaN where unknown."""

GROUNDS: Final = ("overlap", "code", "name", "place")
"""Why a pair is proposed; `place` is a point inside a boundary with a name or address alike."""

_LETTER_BYTES: Final = 4
# A letter takes 21 bits, so that a row number below 4 million fits above two of them.
_LETTER_BITS: Final = np.uint64(21)
_TWO: Final = np.uint64(2)
_AT_ONCE: Final = 4_000_000


@dataclass(frozen=True, slots=True)
class Criteria:
    """From where on a pair is proposed; see `reference/sites.toml`."""

    overlap_share: float
    name_share: float
    address_share: float
    parcels_of_one_name: int
    ignored_in_names: tuple[str, ...]


@cache
def criteria() -> Criteria:
    """The stated criteria."""
    text = files("layers").joinpath("reference/sites.toml").read_text("utf-8")
    read = tomllib.loads(text)
    return Criteria(**read | {"ignored_in_names": tuple(read["ignored_in_names"])})


def candidates(parcels: gpd.GeoDataFrame) -> pd.DataFrame:
    """Pairs of parcels that may be the same site, each with its evidence.

    Args:
        parcels: Indexed by parcel id, EPSG:4490: `layer`, `code`, `name`, `address`, `district`.

    Returns:
        One row per pair, by id: `a` < `b`, the columns of EVIDENCE, and `grounds`, those of
        GROUNDS that hold, joined by ";".
    """
    ordered = parcels.sort_index()
    names = plain_names(ordered["name"])
    codes = _plain(ordered["code"])
    shapes = ordered.geometry.to_numpy()
    lapping = topology.overlaps(shapes)
    pairs = np.concatenate(
        [
            lapping[["a", "b"]].to_numpy(np.int64),
            _inside(shapes),
            _alike(codes, ordered["layer"]),
            _of_one_name(names, ordered["district"], shapely.get_dimensions(shapes) == 2),
        ]
    )
    pairs = np.unique(np.sort(pairs, axis=1), axis=0)
    one, other = pairs.T
    found = pd.DataFrame({"a": one, "b": other}).merge(lapping, on=["a", "b"], how="left")
    area = np.where(shapely.get_dimensions(shapes) == 2, crs.area_m2(shapes), np.nan)
    both = ~np.isnan(area[one]) & ~np.isnan(area[other])
    lap = np.where(both, found["area_m2"].fillna(0.0), np.nan)
    addresses = _plain(ordered["address"])
    table = pd.DataFrame(
        {
            "a": one,
            "b": other,
            "overlap_m2": lap,
            "share_a": lap / area[one],
            "share_b": lap / area[other],
            "name_share": alike(names.iloc[one], names.iloc[other]),
            "address_share": alike(addresses.iloc[one], addresses.iloc[other]),
            "same_code": _equal(codes, one, other),
        }
    )
    inside = _are_inside(shapes, one, other)
    table["grounds"] = _grounds(table, _equal(names, one, other), both, inside)
    ids = ordered.index.to_numpy(np.int64)
    table = table[table["grounds"] != ""]
    return table.assign(a=ids[table["a"]], b=ids[table["b"]]).reset_index(drop=True)


def plain_names(names: pd.Series) -> pd.Series:
    """Names without what does not tell one from another; "" where nothing is left."""
    words = sorted(criteria().ignored_in_names, key=len, reverse=True)
    ignored = "|".join(re.escape(word) for word in words)
    return _plain(names).str.replace(ignored, "", regex=True)


def alike(one: pd.Series, other: pd.Series) -> np.ndarray:
    """Twice the pairs of characters that both have, over those each has (Dice); NaN for blanks.

    Args:
        one: Plain texts.
        other: The same number of them.
    """
    count = len(one)
    if count > _AT_ONCE:
        halves = [(one.iloc[:_AT_ONCE], other.iloc[:_AT_ONCE]),
                  (one.iloc[_AT_ONCE:], other.iloc[_AT_ONCE:])]  # fmt: skip
        return np.concatenate([alike(*half) for half in halves])
    left, right = one.astype("str").to_numpy(str), other.astype("str").to_numpy(str)
    first, second = _grams(left), _grams(right)
    common = np.intersect1d(first, second, assume_unique=True)
    rows = [
        np.bincount((keys >> (_LETTER_BITS * _TWO)).astype(np.int64), minlength=count)
        for keys in (common, first, second)
    ]
    with np.errstate(invalid="ignore", divide="ignore"):
        share = 2 * rows[0] / (rows[1] + rows[2])
    # Texts of one character have no pairs.
    share = np.where(rows[1] + rows[2] == 0, (left == right).astype(float), share)
    share[(left == "") | (right == "")] = np.nan
    return np.asarray(share, dtype=np.float64)


def membership(confirmed: pd.DataFrame, believed: pd.DataFrame, *, free: int) -> pd.DataFrame:
    """Which parcels make which site, once pairs are confirmed.

    Parcels connected by confirmed pairs are one site. A site keeps its number: a group has the
    lowest number that one of its parcels had; of several groups that had the same, the first by
    parcel keeps it.

    Args:
        confirmed: `a` and `b` of every pair that stands confirmed.
        believed: `site` and `parcel` until now.
        free: The first number no site has had.

    Returns:
        `site` and `parcel`, sorted.
    """
    if confirmed.empty:
        return pd.DataFrame({"site": [], "parcel": []}, dtype="int64")
    members, groups = topology.clusters(confirmed[["a", "b"]].to_numpy(np.int64))
    now = pd.DataFrame({"parcel": members, "group": groups})
    former = now.merge(believed, on="parcel")
    kept = former.groupby("group")["site"].min().sort_index()
    kept = kept[~kept.duplicated()]
    new = np.setdiff1d(np.unique(groups), kept.index.to_numpy(np.int64))
    number = dict(kept.items()) | dict(
        zip(new.tolist(), range(free, free + len(new)), strict=True)
    )
    whole = now.assign(site=now["group"].map(number).astype("int64"))[["site", "parcel"]]
    return whole.sort_values(["site", "parcel"]).reset_index(drop=True)


def _plain(texts: pd.Series) -> pd.Series:
    written = texts.astype("str").fillna("").str.normalize("NFKC")
    return written.str.replace(r"\s", "", regex=True).str.casefold()


def _grams(texts: np.ndarray) -> np.ndarray:
    """Each pair of neighbouring characters of each text once: the row above two letters."""
    if not len(texts) or texts.dtype.itemsize <= _LETTER_BYTES:
        return np.empty(0, np.uint64)
    letters = np.ascontiguousarray(texts).view(np.uint32).reshape(len(texts), -1)
    letters = letters.astype(np.uint64)
    row, place = np.nonzero(letters[:, 1:])
    pair = (letters[row, place] << _LETTER_BITS) | letters[row, place + 1]
    found: np.ndarray = np.unique((row.astype(np.uint64) << (_LETTER_BITS * _TWO)) | pair)
    return found


def _alike(texts: pd.Series, layers: pd.Series) -> np.ndarray:
    """Pairs of positions with the same text, of other layers."""
    where = np.flatnonzero(texts.to_numpy(str) != "")
    frame = pd.DataFrame({"text": texts.to_numpy(object)[where], "at": where})
    frame = frame[frame["text"].duplicated(keep=False)]
    both = frame.merge(frame, on="text")
    both = both[both["at_x"] < both["at_y"]]
    pairs: np.ndarray = both[["at_x", "at_y"]].to_numpy(np.int64)
    kinds = layers.to_numpy(object)
    other: np.ndarray = pairs[kinds[pairs[:, 0]] != kinds[pairs[:, 1]]]
    return other


def _of_one_name(names: pd.Series, district: pd.Series, is_surface: np.ndarray) -> np.ndarray:
    """Pairs of positions with one name in one district, of which one has no surface.

    Two surfaces are one site by the land they share. A name that many parcels of a district have
    tells none from another, and its pairs would grow with the square of them.
    """
    frame = pd.DataFrame(
        {"name": names.to_numpy(object), "district": district.astype("str").fillna("").to_numpy()}
    )
    frame = frame.assign(at=np.arange(len(frame)))[frame["name"] != ""]
    size = frame.groupby(["name", "district"])["at"].transform("size")
    frame = frame[(size > 1) & (size <= criteria().parcels_of_one_name)]
    both = frame[~is_surface[frame["at"]]].merge(frame, on=["name", "district"])
    both = both[both["at_x"] != both["at_y"]]
    pairs: np.ndarray = both[["at_x", "at_y"]].to_numpy(np.int64)
    return pairs


def _equal(texts: pd.Series, one: np.ndarray, other: np.ndarray) -> np.ndarray:
    values = texts.to_numpy(object)
    return np.asarray((values[one] == values[other]) & (values[one] != ""), dtype=bool)


def _inside(shapes: np.ndarray) -> np.ndarray:
    """Pairs of a point and a surface it lies in."""
    kinds = shapely.get_dimensions(shapes)
    points, surfaces = np.flatnonzero(kinds == 0), np.flatnonzero(kinds == 2)
    if not len(points) or not len(surfaces):
        return np.empty((0, 2), np.int64)
    point, surface = shapely.STRtree(shapes[surfaces]).query(
        shapes[points], predicate="intersects"
    )
    return np.column_stack([points[point], surfaces[surface]])


def _are_inside(shapes: np.ndarray, one: np.ndarray, other: np.ndarray) -> np.ndarray:
    kinds = shapely.get_dimensions(shapes)
    mixed = (kinds[one] == 0) != (kinds[other] == 0)
    mixed &= (kinds[one] >= 0) & (kinds[other] >= 0)
    inside = np.zeros(len(one), bool)
    inside[mixed] = shapely.intersects(shapes[one[mixed]], shapes[other[mixed]])
    return inside


def _grounds(
    pairs: pd.DataFrame, same_name: np.ndarray, both: np.ndarray, inside: np.ndarray
) -> np.ndarray:
    """Which grounds hold for each pair, in words of GROUNDS joined by ";"."""
    wanted = criteria()
    share = np.fmax(pairs["share_a"], pairs["share_b"]).to_numpy(np.float64)
    likenesses = {"name_share": wanted.name_share, "address_share": wanted.address_share}
    are_alike = np.logical_or.reduce(
        [(pairs[key] >= least).to_numpy(bool) for key, least in likenesses.items()]
    )
    holds = {
        "overlap": share >= wanted.overlap_share,
        "code": pairs["same_code"].to_numpy(bool),
        # Where both have surfaces, the same name elsewhere is another piece of land.
        "name": same_name & ~both,
        "place": inside & are_alike,
    }
    text = np.full(len(pairs), "", dtype=object)
    for name, mask in holds.items():
        text[mask] += f";{name}"
    return np.array([one.removeprefix(";") for one in text], dtype=object)
