"""The page of one parcel: its facts, its stages with their documents, and all its versions."""

from __future__ import annotations

from typing import Annotated, Any, Final

import geopandas as gpd
import pandas as pd
from fastapi import APIRouter, Path, Request, Response

from maps import sketches, text
from maps.web import pages
from maps.web.guard import OfficeOf, VisitorOf
from maps.web.mapping import Known, On
from maps.web.office import Office
from maps.web.telling import listed
from maps.web.visitors import Visitor
from parcels import history
from parcels.errors import UnknownParcelError
from parcels.model import FOREVER, Layer

router: Final = APIRouter(include_in_schema=False)


@router.get("/parcels/{layer}/{parcel}")
def parcel_page(  # noqa: PLR0913, PLR0917 - one argument per part of the address
    request: Request,
    office: OfficeOf,
    visitor: VisitorOf,
    layer: str,
    parcel: Annotated[int, Path(ge=0)],
    on: On = None,
    known: Known = None,
) -> Response:
    """One parcel, by its number, as it was at a moment, and all that it ever was."""
    declared = office.layers.layer(layer)
    moment = office.moment(on, known)
    frame = office.register.frame(declared.key, moment, where=visitor.filter(parcels=(parcel,)))
    if frame.empty:
        raise UnknownParcelError(layer=declared.key, codes=[str(parcel)], count=1)
    code = frame["code"].iloc[0]
    past = _past(office, declared, code)
    drawn = sketches.sketch([frame.geometry.iloc[0], *past.geometry])
    return pages.page(
        request,
        "parcel.html",
        layer=declared,
        label=declared.label.in_(visitor.lang),
        name=_or_none(frame["name"].iloc[0]) or _or_none(code),
        code=_or_none(code),
        stage=_stage(declared, frame["stage"].iloc[0], visitor.lang),
        facts=listed(frame, declared, office, visitor)[0],
        place=_place(frame),
        moves=_moves(office, declared, past, visitor),
        versions=_versions(past, declared, visitor, drawn.paths[1:]),
        drawn=drawn,
        on=moment.on,
    )


def _past(office: Office, layer: Layer, code: Any) -> gpd.GeoDataFrame:
    """Every version, the newest knowledge first."""
    codes = [code] if isinstance(code, str) else []
    return history.versions(office.register, layer, codes).iloc[::-1]


def _versions(
    past: gpd.GeoDataFrame, layer: Layer, visitor: Visitor, paths: tuple[str, ...]
) -> list[dict[str, Any]]:
    """What of each version anyone may know; what fields said is in the log of the register."""
    is_theirs = [visitor.units is None or unit in visitor.units for unit in past["unit"]]
    return [
        {
            "from": f"{one.valid_from:%Y-%m-%d}",
            "to": None if one.valid_to >= pd.Timestamp(FOREVER) else f"{one.valid_to:%Y-%m-%d}",
            "stage": _stage(layer, one.stage, visitor.lang),
            "known_from": one.known_from,
            "known_to": one.known_to if pd.notna(one.known_to) else None,
            "change": int(one.recorded_from),
            "kind": _kind(one.kind, visitor.lang),
            "made_by": one.made_by,
            "reason": _or_none(one.reason),
            "file": _or_none(one.file),
            "sha256": _or_none(one.sha256),
            "row": None if pd.isna(one.row) else int(one.row),
            "path": path,
        }
        for one, path, own in zip(past.itertuples(), paths, is_theirs, strict=True)
        if own
    ]


def _moves(
    office: Office, layer: Layer, past: gpd.GeoDataFrame, visitor: Visitor
) -> list[dict[str, Any]]:
    """What moves rest on, of the changes that made the versions a person may see."""
    own = past if visitor.units is None else past[past["unit"].isin(visitor.units)]
    codes = [code for code in own["code"].unique() if isinstance(code, str)]
    if not codes:
        return []
    rows = office.register.evidence(layer.key, codes)
    rows = rows[rows["change"].isin(own["recorded_from"])]
    return [
        {
            "on": one.on,
            "from": _stage(layer, one.from_stage, visitor.lang),
            "to": _stage(layer, one.to_stage, visitor.lang),
            "document": " ".join(
                str(part) for part in (one.kind, one.number) if isinstance(part, str)
            ),
            "dated_on": one.dated_on,
            "issued_by": _or_none(one.issued_by),
            "file": _or_none(one.file) or _or_none(one.delivery),
            "made_by": one.made_by,
        }
        for one in rows.itertuples()
    ]


def _place(frame: gpd.GeoDataFrame) -> str | None:
    """Where the map goes to show it: latitude, longitude and zoom."""
    shape = frame.geometry.iloc[0]
    if shape is None or shape.is_empty:
        return None
    middle = shape.representative_point()
    return f"{middle.y:.5f},{middle.x:.5f},16"


def _stage(layer: Layer, key: Any, lang: str) -> str:
    stages = {stage.key: stage.label.in_(lang) for stage in layer.stages}
    return stages.get(key, text.say("map.no_stage", lang))


def _kind(kind: str, lang: str) -> str:
    key = f"history.kinds.{kind}"
    return text.say(key, lang) if text.has(key, lang) else kind


def _or_none(value: Any) -> str | None:
    return str(value) if isinstance(value, str) and value else None
