"""The rules about sites in the list: what is planned, built or seen on them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd

from layers.rules.ground import Ground, alone, column, known_days, pairs, together
from parcels import legal_basis, lifecycle
from parcels.model import Layer

_CONSTRUCTION = "construction"


def planned_for_homes(ground: Ground) -> pd.DataFrame:
    """Sites in the list that are, or lie under, land planned for homes or public use.

    The plan may be the site's own or that of another layer. The law of the day that is judged by
    counts, as the plan stands on that day.
    """
    found = ground.listed()
    if found is None:
        return together([])
    key, sites = found
    own = sites[_planned(ground, key, sites).notna().to_numpy(bool)]
    said = [_said(ground, use) for use in _planned(ground, key, own)]
    parts = [alone(key, own, days=ground.on, details=said)]
    for other, frame in ground.others():
        uses = _planned(ground, other, frame)
        lands = frame[uses.notna().to_numpy(bool)]
        both = ground.shared(sites, lands)
        use = uses.dropna().to_numpy(object)[both["b"]]
        details = [_said(ground, one) for one in use]
        parts.append(_over(ground.on, details, both, (key, sites), (other, lands)))
    return together(parts)


def construction_before_target(ground: Ground) -> pd.DataFrame:
    """Construction begun where the law lets nobody build yet.

    What a layer says of a parcel by itself is judged by the gates of its life cycle. Besides,
    construction of another layer on the land of a listed site counts, and so does an alert there
    that was found true. The law of the day on which it began counts.
    """
    terms = ground.terms.construction
    parts = [
        part for key, frame in ground.frames.items() for part in _by_gates(ground, key, frame)
    ]
    found = ground.listed()
    if found is None:
        return together(parts)
    key, sites = found
    for other, frame in ground.others():
        began = known_days(frame, terms["started"], ground.on)
        mended = [known_days(frame, one, ground.on).notna() for one in terms["mended"]]
        blamed = began.notna() & ~np.logical_and.reduce(mended)
        parts.append(_built(ground, "started", began[blamed], (key, sites), (other, frame)))
    alerts = ground.terms.alerts
    if alerts["layer"] in ground.frames:
        frame = ground.frames[alerts["layer"]]
        true = frame[frame["stage"].isin(alerts["found_true"])]
        seen = known_days(true, alerts["seen_on"], ground.on).fillna(pd.Timestamp(ground.on))
        parts.append(_built(ground, "alert", seen, (key, sites), (alerts["layer"], frame)))
    return together(parts)


def alerts_on_listed_sites(ground: Ground) -> pd.DataFrame:
    """Remote-sensing alerts on the land of a listed site that are not settled."""
    found, terms = ground.listed(), ground.terms.alerts
    if found is None or terms["layer"] not in ground.frames:
        return together([])
    key, sites = found
    alerts = ground.frames[terms["layer"]]
    open_ = alerts[~alerts["stage"].isin(terms["ended"]).to_numpy(bool)]
    both = ground.shared(open_, sites)
    seen = known_days(open_, terms["seen_on"], ground.on).fillna(pd.Timestamp(ground.on))
    hits = pairs(
        terms["layer"],
        open_.index.to_numpy()[both["a"]],
        key,
        sites.index.to_numpy()[both["b"]],
        area_m2=both["area_m2"].to_numpy(),
        days=[day.date() for day in seen.iloc[both["a"].to_numpy()]],
    )
    return together([hits])


def _planned(ground: Ground, layer: str, frame: pd.DataFrame) -> pd.Series:
    """The planned use, where it is homes or public; "unknown" where the layer says it is one."""
    terms = ground.terms.planned
    use = column(frame, "planned_use_class").astype(object)
    kept = use.where(use.isin(terms["codes"]), None)
    if layer in terms["by_definition"]:
        kept = kept.where(use.notna(), "unknown")
    return kept


def _said(ground: Ground, use: Any) -> dict[str, str]:
    return ground.terms.word("planned", str(use), "planned")


def _over(
    days: dt.date | list[dt.date],
    details: list[dict[str, Any]],
    both: pd.DataFrame,
    sites: tuple[str, gpd.GeoDataFrame],
    lands: tuple[str, gpd.GeoDataFrame],
) -> pd.DataFrame:
    return pairs(
        sites[0],
        sites[1].index.to_numpy()[both["a"]],
        lands[0],
        lands[1].index.to_numpy()[both["b"]],
        area_m2=both["area_m2"].to_numpy(),
        days=days,
        details=details,
    )


def _built(
    ground: Ground,
    what: str,
    began: pd.Series,
    sites: tuple[str, gpd.GeoDataFrame],
    lands: tuple[str, gpd.GeoDataFrame],
) -> pd.DataFrame:
    """Land of a layer on which construction began, over listed sites, where a law forbids it."""
    forbidden = {
        day: legal_basis.subjects()[_CONSTRUCTION].on(day.date()) is not None
        for day in began.unique()
    }
    began = began[began.map(forbidden).to_numpy(bool)] if len(began) else began
    built = lands[1].loc[began.index]
    both = ground.shared(sites[1], built)
    days = [day.date() for day in began.iloc[both["b"].to_numpy()]]
    word = ground.terms.word("seen", what, "seen")
    details = [{**word, "began": day.isoformat()} for day in days]
    return _over(days, details, both, sites, (lands[0], built))


def _by_gates(ground: Ground, key: str, frame: gpd.GeoDataFrame) -> Iterator[pd.DataFrame]:
    """Parcels that the gates about construction stop where they stand."""
    layer: Layer = ground.layers[key]
    terms = ground.terms.construction
    for gate in layer.gates:
        if gate.key not in terms["gates"]:
            continue
        stopped = lifecycle.breaches(gate, layer, frame, on=ground.on, contradictions=True)
        held = frame[stopped.to_numpy(bool)]
        days = lifecycle.act_days(gate, layer, held, on=ground.on)
        word = ground.terms.word("seen", "started", "seen")
        details = [{**word, "began": day.isoformat()} for day in days]
        yield alone(key, held, days=days, details=details)
