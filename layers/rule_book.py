"""The rules between layers, looked at in the register: what does not stand, and what is accepted.

A look reads only the layers that a rule names, each once, with the columns that its rules need.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
import sqlalchemy as sa

from layers import acceptances, site_book
from layers.catalog import Catalog
from layers.rules import ground
from layers.rules.ground import Ground
from layers.rules.table import RULES
from parcels.errors import UnknownCheckError, UnknownIssueError
from parcels.model import Layer, Moment
from parcels.reading import Filter
from parcels.register import Register
from parcels.tables import version

ISSUES: Final = (
    "issue",
    "rule",
    "severity",
    "layer",
    "parcel",
    "version",
    "code",
    "name",
    "district",
    "unit",
    "other_layer",
    "other",
    "other_version",
    "other_code",
    "other_name",
    "other_district",
    "area_m2",
    "day",
    "details",
    "state",
    "accepted_by",
    "accepted_until",
    "accepted_because",
)
"""Columns of issues. `issue` is what a person names it by: the rule and the numbers of the
parcels. `state` is an `acceptances.State`, and the last three tell of the acceptance."""

_CORE: Final = ("code", "name", "stage", "district", "unit")
_SITES: Final = "registers_disagree"


@dataclass(frozen=True, slots=True)
class Look:
    """What to look at.

    Attributes:
        rules: Keys of rules; empty for all.
        layers: Keys of layers, one of which each issue concerns; empty for all.
        places: Codes of districts and units, one of which one of its parcels is in; None for all.
        touched: Numbers of parcels by layer, one of which each issue concerns; None for all.
    """

    rules: tuple[str, ...] = ()
    layers: tuple[str, ...] = ()
    places: frozenset[str] | None = None
    touched: Mapping[str, Sequence[int]] | None = None


def issues(register: Register, catalog: Catalog, moment: Moment, look: Look) -> pd.DataFrame:
    """What does not stand in the register at a moment, accepted or not.

    Args:
        register: The register.
        catalog: The rules, and the layers that name them.
        moment: The two times.
        look: What to look at.

    Returns:
        The columns of ISSUES, the worst first, then by rule, layer and code.

    Raises:
        UnknownCheckError: No rule has one of the keys.
    """
    keys = rule_keys(catalog, look.rules)
    looked = _frames(register, catalog, moment, keys, look)
    joined = _joined(register) if _SITES in keys else None
    found = []
    for key in keys:
        frames = {
            layer.key: looked[layer.key]
            for layer in naming(catalog.values(), key)
            if layer.key in looked and RULES[key].concerns(layer.key, look.touched)
        }
        hits = _hits(register, catalog, moment, key, frames, joined)
        found.append(hits.assign(rule=key, severity=catalog.rules[key].severity.value))
    return _told(register, moment, catalog, pd.concat(found, ignore_index=True), look)


def issue(register: Register, catalog: Catalog, moment: Moment, named: str) -> pd.Series:
    """One issue by its name; only its parcels are looked at.

    Raises:
        UnknownIssueError: There is none so called now.
    """
    rule, *numbers = named.strip().split(":")
    known = rule in catalog.rules and rule in RULES and 1 <= len(numbers) <= 2
    if not known or not all(one.isdecimal() for one in numbers):
        raise UnknownIssueError(issue=named)
    parcels = [int(one) for one in numbers]
    there = register.versions(parcels, moment)
    touched = {str(key): part.index.tolist() for key, part in there.groupby("layer")}
    found = issues(register, catalog, moment, Look(rules=(rule,), touched=touched))
    same = found[found["issue"] == named.strip()]
    if same.empty:
        raise UnknownIssueError(issue=named)
    return same.iloc[0]


def touched_by(register: Register, changes: Sequence[int]) -> dict[str, list[int]]:
    """Numbers of the parcels of which some changes wrote a version, by layer."""
    query = (
        sa.select(version.c.layer, version.c.parcel_id)
        .where(version.c.recorded_from.in_(list(changes)))
        .distinct()
        .order_by(version.c.layer, version.c.parcel_id)
    )
    found: dict[str, list[int]] = {}
    with register.store.read() as connection:
        for layer, parcel in connection.execute(query):
            found.setdefault(layer, []).append(int(parcel))
    return found


def rule_keys(catalog: Catalog, asked: Sequence[str] = ()) -> list[str]:
    """Keys of the rules to look at, in the order of the catalog.

    Raises:
        UnknownCheckError: No rule has one of the keys.
    """
    known = [key for key in catalog.rules if key in RULES]
    for one in asked:
        if one not in known:
            raise UnknownCheckError(rule=one, known=known)
    return [key for key in known if not asked or key in asked]


def naming(layers: Iterable[Layer], rule: str) -> list[Layer]:
    """The layers that name a rule."""
    return [layer for layer in layers if rule in layer.rules]


def needed(
    layers: Iterable[Layer], keys: Iterable[str], *, touched: Collection[str] | None = None
) -> dict[str, tuple[list[str], bool]]:
    """By layer, the columns that some rules read of it, and whether its boundaries too.

    Args:
        layers: The declared layers.
        keys: The rules.
        touched: Keys of the layers whose parcels are looked at; others are read only where these
            are compared with them. None for all.
    """
    wanted: dict[str, tuple[list[str], bool]] = {}
    held = list(layers)
    for key in keys:
        check = RULES[key]
        for layer in naming(held, key):
            if not check.concerns(layer.key, touched):
                continue
            columns, boundaries = wanted.get(layer.key, (list(_CORE), False))
            gates = [
                k for g in layer.gates for k in g.fields if key == "construction_before_target"
            ]
            fields = {one.key for one in layer.fields}
            more = [one for one in (*check.columns, *gates) if one in fields]
            wanted[layer.key] = (
                list(dict.fromkeys([*columns, *more])),
                boundaries or check.boundaries,
            )
    return wanted


def _frames(
    register: Register, catalog: Catalog, moment: Moment, keys: Sequence[str], look: Look
) -> dict[str, gpd.GeoDataFrame]:
    """The parcels of each layer that a rule names; a layer without any is left out."""
    counts = register.counts(moment)
    wanted = {
        key: needs
        for key, needs in needed(
            catalog.values(), _asked_of(catalog, keys, look), touched=look.touched
        ).items()
        if counts.get(key, 0)
    }
    if look.touched is None:
        return {
            key: register.frame(key, moment, columns=columns, boundaries=boundaries)
            for key, (columns, boundaries) in wanted.items()
        }
    there = register.versions(
        [one for ids in look.touched.values() for one in ids], moment, boundaries=True
    )
    box = around(there.geometry.to_numpy())
    return {
        key: _near(register, moment, key, columns, look.touched.get(key, ()), box)
        for key, (columns, _) in wanted.items()
    }


def _asked_of(catalog: Catalog, keys: Sequence[str], look: Look) -> list[str]:
    """The rules that one of the layers asked for names."""
    asked = set(look.layers) | set(look.touched or ())
    if not asked:
        return list(keys)
    return [key for key in keys if any(catalog[one.key].key in asked for one in
                                       naming(catalog.values(), key))]  # fmt: skip


def _near(
    register: Register,
    moment: Moment,
    key: str,
    columns: list[str],
    touched: Sequence[int],
    box: tuple[float, float, float, float] | None,
) -> gpd.GeoDataFrame:
    """The parcels of a layer that were touched, and those around all that were."""
    parts = []
    if box is not None:
        parts.append(register.frame(key, moment, columns=columns, where=Filter(bbox=box)))
    missing = set(touched) - set(parts[0].index if parts else ())
    if missing or not parts:
        codes = register.versions(sorted(missing), moment)["code"].dropna().tolist()
        some = register.frame(key, moment, columns=columns, where=Filter(codes=tuple(codes)))
        parts.append(some[some.index.isin(missing)])
    return gpd.GeoDataFrame(pd.concat(parts)) if len(parts) > 1 else parts[0]


def around(shapes: np.ndarray) -> tuple[float, float, float, float] | None:
    """The box around boundaries; None where there are none."""
    west, south, east, north = shapely.total_bounds(shapes) if len(shapes) else [np.nan] * 4
    if np.isnan(west):
        return None
    return float(west), float(south), float(east), float(north)


def _hits(
    register: Register,
    catalog: Catalog,
    moment: Moment,
    key: str,
    frames: Mapping[str, gpd.GeoDataFrame],
    joined: pd.DataFrame | None,
) -> pd.DataFrame:
    if not frames:
        return ground.together([])
    layers = {name: catalog[name] for name in frames}
    more = {} if joined is None else {"joined": joined}
    stood = Ground(frames, layers, register.territory_at(moment), moment.on, **more)
    return RULES[key].find(stood)


def _joined(register: Register) -> pd.DataFrame:
    """Pairs of parcels that people joined in one site."""
    members = site_book.members(register)[["site", "parcel"]]
    both = members.merge(members, on="site", suffixes=("_a", "_b"))
    both = both[both["parcel_a"] < both["parcel_b"]]
    return both.rename(columns={"parcel_a": "a", "parcel_b": "b"})[["a", "b"]].astype("int64")


def _told(
    register: Register, moment: Moment, catalog: Catalog, hits: pd.DataFrame, look: Look
) -> pd.DataFrame:
    """The hits that were asked for as issues: named, with both versions, and the acceptance."""
    names = hits["rule"] + ":" + hits["parcel"].astype("str")
    whole = names.where(hits["other"].isna(), names + ":" + hits["other"].astype("str"))
    hits = hits.assign(issue=whole).drop_duplicates("issue")
    hits = hits[_touching(hits, look.touched)]
    if look.layers:
        one_of = hits["layer"].isin(look.layers) | hits["other_layer"].isin(look.layers)
        hits = hits[one_of.to_numpy(bool)]
    numbers = np.union1d(hits["parcel"], hits["other"].dropna().astype("int64"))
    there = register.versions(numbers.tolist(), moment)
    sides = {}
    for prefix, column in (("", "parcel"), ("other_", "other")):
        which = hits[column].astype("Int64")
        for name in ("version", "code", "name", "district", "unit", "digest"):
            told = which.map(there[name].to_dict())
            sides[f"{prefix}{name}"] = told.astype("Int64" if name == "version" else "str")
    issues_ = hits.assign(**sides)
    if look.places is not None:
        places = ("district", "unit", "other_district", "other_unit")
        inside = [issues_[name].isin(look.places) for name in places]
        issues_ = issues_[np.logical_or.reduce(inside)]
    issues_ = acceptances.compared(register, moment, issues_.reset_index(drop=True))
    rank = issues_["severity"].map({"error": 0, "warning": 1, "info": 2})
    order = {key: place for place, key in enumerate(catalog.rules)}
    issues_ = issues_.assign(_rank=rank, _rule=issues_["rule"].map(order)).sort_values(
        ["_rank", "_rule", "layer", "code", "issue"], kind="stable"
    )
    return issues_[list(ISSUES)].reset_index(drop=True)


def _touching(hits: pd.DataFrame, touched: Mapping[str, Sequence[int]] | None) -> np.ndarray:
    if touched is None:
        return np.ones(len(hits), bool)
    numbers = np.array([one for ids in touched.values() for one in ids], np.int64)
    other = hits["other"].fillna(-1).astype("int64").isin(numbers)
    return np.asarray(hits["parcel"].isin(numbers) | other, dtype=bool)
