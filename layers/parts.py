"""The parts of figures: what each parcel gives to each term, and the place it counts at.

By unit a parcel counts whole where its unit is. By district its land counts where it lies, cut at
the borders, and the parcel where it belongs. Land is in whole square millimetres, and the pieces
of a parcel add up to its whole, so that both ways give the same total.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from layers.coverage import OUTSIDE, UNKNOWN, By
from layers.figures import PARTS, Measure
from layers.indicators import Indicator
from parcels import crs

MM2_PER_M2: Final = 1_000_000


@dataclass(frozen=True, eq=False)
class Pieces:
    """The land of parcels at their places.

    Attributes:
        row: Position of the parcel.
        place: Code of its place, as a position in `places`.
        mm2: Land, whole square millimetres; 0 where it is not known.
    """

    row: np.ndarray
    place: np.ndarray
    mm2: np.ndarray


@dataclass(frozen=True, eq=False)
class Lying:
    """Where the parcels of a layer count.

    Attributes:
        layer: Key of the layer.
        parcel: Id of each parcel.
        version: Id of each version.
        places: Codes of the places, by `by`.
        home: For each way, the position of the place where each parcel counts as one.
        land: For each way, its land.
    """

    layer: str
    parcel: np.ndarray
    version: np.ndarray
    places: dict[By, pd.Index]
    home: dict[By, np.ndarray]
    land: dict[By, Pieces]

    def held(self, by: By) -> frozenset[str]:
        """Codes of the places at which a parcel counts or has land."""
        used = np.union1d(self.home[by], self.land[by].place)
        return frozenset(self.places[by][used])


def lying(layer: str, parcels: pd.DataFrame, crossing: pd.DataFrame) -> Lying:
    """Where parcels count.

    Args:
        layer: Key of the layer.
        parcels: Indexed by parcel id: `version` (id), `unit`, `district`, `area_m2`.
        crossing: As `Register.crossing` gives it: the pieces of parcels across a border.
    """
    mm2 = crs.whole_mm2(parcels["area_m2"].to_numpy(float))
    rows = np.arange(len(parcels))
    unit, units = _codes(parcels["unit"])
    district, districts = _codes(parcels["district"])
    cut, districts = _cut(parcels.index, mm2, crossing, districts)
    uncut = np.ones(len(parcels), dtype=bool)
    uncut[cut.row] = False
    land = Pieces(
        np.concatenate([rows[uncut], cut.row]),
        np.concatenate([district[uncut], cut.place]),
        np.concatenate([mm2[uncut], cut.mm2]),
    )
    return Lying(
        layer=layer,
        parcel=parcels.index.to_numpy(np.int64),
        version=parcels["version"].to_numpy(np.int64),
        places={"unit": units, "district": districts},
        home={"unit": unit, "district": district},
        land={"unit": Pieces(rows, unit, mm2), "district": land},
    )


def parts(indicator: Indicator, terms: pd.DataFrame, where: Lying, by: By) -> pd.DataFrame:
    """What parcels of one layer give to an indicator.

    Args:
        indicator: The indicator.
        terms: Which parcels are in which term, as `indicators.terms` gives it.
        where: Where they count.
        by: Which of the two ways.

    Returns:
        PARTS, its texts as categories; what gives nothing is left out.
    """
    measured = {term.key: term.measure for term in indicator.formula.terms}
    found = [_term(terms[key].to_numpy(bool), where, by, measured[key]) for key in terms.columns]
    sizes = [len(one.row) for one in found]
    row = np.concatenate([one.row for one in found])
    count = len(row)
    columns = {
        "indicator": _one(indicator.key, count),
        "term": pd.Categorical.from_codes(
            np.repeat(np.arange(len(found), dtype=np.int8), sizes), list(terms.columns)
        ),
        "by": _one(by, count),
        "place": pd.Categorical.from_codes(
            np.concatenate([one.place for one in found]), where.places[by]
        ),
        "layer": _one(where.layer, count),
        "parcel": where.parcel[row],
        "version": where.version[row],
        "amount": np.concatenate([one.mm2 for one in found]),
    }
    return pd.DataFrame({name: columns[name] for name in PARTS})


def _term(mask: np.ndarray, where: Lying, by: By, measure: Measure) -> Pieces:
    if measure is Measure.COUNT:
        row = np.flatnonzero(mask)
        return Pieces(row, where.home[by][row], np.ones(len(row), np.int64))
    land = where.land[by]
    kept = np.flatnonzero(mask[land.row] & (land.mm2 > 0))
    return Pieces(land.row[kept], land.place[kept], land.mm2[kept])


def _codes(column: pd.Series) -> tuple[np.ndarray, pd.Index]:
    """Positions of the places of a column, and their codes; what is blank is UNKNOWN."""
    codes, places = pd.factorize(column, sort=True)
    known = [str(place) for place in places]
    return np.where(codes < 0, len(known), codes), pd.Index([*known, UNKNOWN])


def _cut(
    index: pd.Index, mm2: np.ndarray, crossing: pd.DataFrame, places: pd.Index
) -> tuple[Pieces, pd.Index]:
    """The pieces of parcels across a border, and the places with those that came with them."""
    row = index.get_indexer(crossing["parcel"])
    kept = crossing[row >= 0]
    row = row[row >= 0]
    lies = kept["district"].replace("", OUTSIDE).astype("str")
    whole = places.append(pd.Index(sorted(set(lies) - set(places))))
    pieces = crs.whole_mm2(kept["area_m2"].to_numpy(float))
    place = whole.get_indexer(lies)
    order = np.lexsort((place, -pieces, row))
    row, place, pieces = row[order], place[order], pieces[order]
    # What rounding left over goes to the largest piece, so that the pieces are the whole.
    first = np.flatnonzero(np.append(True, row[1:] != row[:-1])[: len(row)])
    sums = np.add.reduceat(pieces, first) if len(first) else np.empty(0, np.int64)
    pieces[first] += mm2[row[first]] - sums
    return Pieces(row, place, pieces), whole


def _one(word: str, count: int) -> pd.Categorical:
    return pd.Categorical.from_codes(np.zeros(count, np.int8), [word])


def merged(frames: Iterator[pd.DataFrame]) -> pd.DataFrame:
    """Frames of parts as one, its texts as texts."""
    texts = ["indicator", "term", "by", "place", "layer"]
    plain = [frame.astype(dict.fromkeys(texts, "str")) for frame in frames]
    return pd.concat(plain, ignore_index=True)
