"""What either side changed of a copy, parcel by parcel and field by field, and in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from parcels import crs, merging, words
from parcels.exchange.templates import values_of
from parcels.ingest.copies import NEW
from parcels.merging import BOUNDARY, PARCEL, Side
from parcels.model import Kind, Label, Layer

if TYPE_CHECKING:
    from parcels.ingest.joining import Joined


def differences(joined: Joined) -> pd.DataFrame:
    """Every parcel and field that either side changed; see `Returned`."""
    parts = [
        _both_sides(joined),
        _gone(joined),
        _register_alone(joined),
        _added(joined),
        _removed(joined),
    ]
    columns = ["parcel", "code", "name", "key", "state", "side", "base", "theirs", "ours"]
    return pd.DataFrame(
        [row for part in parts for row in part], columns=[*columns, "mark"], dtype=object
    )


def _both_sides(joined: Joined) -> list[tuple[Any, ...]]:
    rows = []
    either = joined.found.edited | joined.found.changed
    for parcel, key in merging.listed(either):
        place = joined.file.index.get_loc(parcel)
        if joined.gone[place] and not joined.found.edited.loc[parcel, key]:
            continue
        state, side = _state(joined, parcel, key)
        values = [value(of, place, key) for of in (joined.base, joined.file, joined.now)]
        rows.append(
            (
                int(parcel),
                joined.names[parcel][0],
                _name(joined, parcel),
                key,
                state,
                side,
                *values,
                merging.mark(values[1], values[2]),
            )
        )
    return rows


def _gone(joined: Joined) -> list[tuple[Any, ...]]:
    """Parcels that were edited in the file and ended in the register."""
    edited = joined.found.edited.to_numpy(bool).any(axis=1)
    rows = []
    for place in np.flatnonzero(joined.gone & edited).tolist():
        parcel = int(joined.file.index[place])
        was, theirs = (value(of, place, PARCEL) for of in (joined.base, joined.file))
        side = joined.choices.of(joined.names[parcel], PARCEL)
        about = (parcel, joined.names[parcel][0], _name(joined, parcel), PARCEL, "conflict", side)
        rows.append((*about, was, theirs, None, merging.mark(theirs, None)))
    return rows


def _state(joined: Joined, parcel: int, key: str) -> tuple[str, Side | None]:
    gone = joined.gone[joined.file.index.get_loc(parcel)]
    if joined.found.conflicts.loc[parcel, key] and not gone:
        return "conflict", joined.choices.of(joined.names[parcel], key)
    if not joined.found.edited.loc[parcel, key]:
        return "ours", Side.REGISTER
    if joined.found.changed.loc[parcel, key] and not gone:
        return "same", Side.REGISTER
    return "theirs", Side.FILE


def _name(joined: Joined, parcel: int) -> str:
    for frame in (joined.register, joined.lent):
        if parcel in frame.index and not pd.isna(frame.loc[parcel, "name"]):
            return str(frame.loc[parcel, "name"])
    return ""


def _register_alone(joined: Joined) -> list[tuple[Any, ...]]:
    """What others changed on parcels that the file left alone."""
    ids = joined.lent.index.difference(joined.file.index).intersection(joined.register.index)
    was, now = joined.lent.loc[ids], joined.register.loc[ids]
    keys = [one.key for one in joined.layer.fields if one.key in joined.lent.columns]
    return [
        (
            int(parcel),
            _shown(now.loc[parcel, "code"]) or str(parcel),
            _shown(now.loc[parcel, "name"]),
            key,
            "ours",
            Side.REGISTER,
            value(was, (place := ids.get_loc(parcel)), key),
            value(was, place, key),
            value(now, place, key),
            "",
        )
        for parcel, key in merging.listed(merging.differs(now, was, keys))
    ]


def _added(joined: Joined) -> list[tuple[Any, ...]]:
    new = joined.frame.iloc[np.flatnonzero(joined.parcels == NEW)]
    return [
        (None, _shown(code), _shown(name), PARCEL, "added", Side.FILE, None, shape, None, "")
        for code, name, shape in zip(new["code"], new["name"], new.geometry, strict=True)
    ]


def _removed(joined: Joined) -> list[tuple[Any, ...]]:
    return [
        (
            int(parcel),
            joined.names[int(parcel)][0],
            _name(joined, int(parcel)),
            PARCEL,
            "removed",
            Side.FILE if ends else Side.REGISTER,
            joined.lent.geometry.loc[parcel],
            None,
            joined.register.geometry.loc[parcel],
            "",
        )
        for parcel, ends in joined.removal["ends"].items()
    ]


def value(frame: gpd.GeoDataFrame, place: int, key: str) -> Any:
    """What a row says in a field; its boundary for BOUNDARY and PARCEL; None for nothing."""
    if key in {BOUNDARY, PARCEL}:
        return frame.geometry.iloc[place]
    if key not in frame.columns:
        return None
    held = frame[key].iloc[place]
    return None if pd.isna(held) else held


def said(layer: Layer, key: str, held: Any) -> Label:
    """A value in words: stages and codes by name, days without hours, areas for boundaries."""
    if held is None or key in {BOUNDARY, PARCEL}:
        return _alike(_extent(held))
    field = layer.field(key)
    if field.kind is Kind.BOOLEAN:
        written = words.values()["boolean"]
        return Label(written["yes"][0], "yes") if held else Label(written["no"][0], "no")
    names = dict(values_of(layer, field))
    if not names:
        return _alike(_plain(held))
    known = [names.get(one, _alike(one)) for one in str(held).split(";")]
    joint = words.values()["lists"]["separators"]
    return Label(joint[0].join(one.zh for one in known), "; ".join(one.en for one in known))


def _alike(written: str) -> Label:
    return Label(written, written)


def _extent(shape: Any) -> str:
    """The area of a boundary, the place of a point."""
    if shape is None:
        return ""
    area_m2 = float(crs.area_m2(np.array([shape], object))[0])
    return f"{area_m2:.1f} m2" if area_m2 > 0 else shapely.to_wkt(shape, rounding_precision=6)


def _plain(held: Any) -> str:
    if isinstance(held, pd.Timestamp):
        return str(held.date())
    if isinstance(held, float | np.floating):
        return f"{held:.10g}"
    return str(held)


def label_of(layer: Layer, key: str) -> Label:
    """What a field is called; BOUNDARY and PARCEL too."""
    if key in {BOUNDARY, PARCEL}:
        phrase = words.values()["merging"][key]
        return Label(phrase["zh"], phrase["en"])
    return layer.field(key).label


def _shown(word: object) -> str:
    return "" if pd.isna(word) else str(word)
