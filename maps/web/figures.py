"""The pages of figures: what a quarter says of a unit or the city, and what each rests on."""

from __future__ import annotations

from typing import Annotated, Any, Final

import pandas as pd
from fastapi import APIRouter, Path, Query, Request, Response

from layers import figure_book, periods, reckoning, report_book
from layers.coverage import TOTAL
from layers.explaining import Explanation
from layers.figures import Figure, FigureKey
from layers.periods import Period
from layers.reckoning import Scope
from maps import figure_tables, figure_words
from maps.figure_words import Node, Words
from maps.web import pages
from maps.web.guard import OfficeOf, VisitorOf
from maps.web.office import Office
from maps.web.visitors import Visitor
from parcels.errors import UnknownFigureError
from parcels.model import Moment

router: Final = APIRouter(include_in_schema=False)

MOST: Final = 50
"""Parcels of a term that a page shows; what is more is told with its sum."""

_QUARTERS: Final = 12
_KEPT: Final = 8


@router.get("/figures")
def figures_page(
    request: Request,
    office: OfficeOf,
    visitor: VisitorOf,
    period: Annotated[str | None, Query(max_length=20)] = None,
    place: Annotated[str | None, Query(max_length=20)] = None,
) -> Response:
    """The figures of one unit, or of the city, in a period."""
    current = periods.quarter_of(office.today())
    of = current if period is None else periods.read(period)
    names = _places(office, visitor)
    shown = place if place in names else next(iter(names))
    found = [one for one in _figures(office, of) if one.place == shown]
    table = figure_tables.spoken(found, office.indicators, names, visitor.lang)
    rows = table.to_dict("records")
    keys = [str(one.key) for one in found]
    return pages.page(
        request,
        "figures.html",
        period=str(of),
        quarters=_quarters(current),
        place=shown,
        places=names,
        rows=[{**row, "figure": key} for row, key in zip(rows, keys, strict=True)],
    )


@router.get("/figures/{figure}")
def figure_page(
    request: Request,
    office: OfficeOf,
    visitor: VisitorOf,
    figure: Annotated[str, Path(max_length=200)],
) -> Response:
    """One figure, opened down to the files and people it rests on."""
    key = FigureKey.read(figure)
    # A figure of another unit is not theirs; that of the city is, as a sum.
    if key.place != TOTAL and visitor.units is not None and key.place not in visitor.units:
        raise UnknownFigureError(figure=figure)
    told = _own(_explained(office, key), visitor)
    words = Words(office.register.territory, dict(office.layers), visitor.lang)
    now = office.indicators.get(key.indicator)
    target = "" if now is None else figure_tables.target(now, told.figure, visitor.lang)
    tree = figure_words.tree(told, words, target, most=MOST)
    numbers = dict(zip(told.parts["version"], told.parts["parcel"], strict=True))
    layers = dict(zip(told.parts["version"], told.parts["layer"], strict=True))
    return pages.page(
        request,
        "figure.html",
        tree=_linked(tree, numbers, layers),
        period=key.period,
        place=key.place,
    )


def _figures(office: Office, of: Period) -> list[Figure]:
    """The figures of every unit and the city, kept until the register changes."""
    register, until = office.register, of.until(office.today())
    moment = Moment(until.last)
    latest = register.changes()["change"].max()
    key = (str(of), until.last, None if pd.isna(latest) else int(latest))
    if key not in office.figures:
        asked = tuple(office.indicators.values())
        codes = list(register.territory.units.index)
        given = reckoning.accounts(register, asked, Scope(until, moment, None), ways=["unit"])
        made = reckoning.figures(given, asked, until, {"unit": codes})
        while len(office.figures) >= _KEPT:
            office.figures.pop(next(iter(office.figures)), None)
        office.figures[key] = report_book.with_reports(register, made, moment)
    return office.figures[key]


def _explained(office: Office, key: FigureKey) -> Explanation:
    period = periods.read(key.period)
    frozen = figure_book.find(office.register, period, None)
    until = period.until(office.today())
    of = frozen or Scope(until, Moment(until.last), None)
    return figure_book.explain(office.register, office.indicators, key, of)


def _own(told: Explanation, visitor: Visitor) -> Explanation:
    """With the parcels alone that a person may see; those of others stay as a sum."""
    if visitor.units is None:
        return told
    parts = told.parts[told.parts["unit"].isin(visitor.units)]
    return Explanation(
        told.figure, told.verdict, told.declared, told.moment, told.frozen, parts, told.changes
    )


def _linked(node: Node, parcels: dict[int, int], layers: dict[int, str]) -> dict[str, Any]:
    """A node as the template draws it; a parcel leads to its page."""
    link = None
    if node.kind == "parcel" and node.key in parcels:
        link = f"/parcels/{layers[node.key]}/{parcels[node.key]}"
    below = [_linked(one, parcels, layers) for one in node.below]
    return {"line": node.line, "kind": node.kind, "link": link, "below": below}


def _places(office: Office, visitor: Visitor) -> dict[str, str]:
    """Names of the city and the units whose figures a person may open, by code."""
    units = office.register.territory.units
    names = units["name_en" if visitor.lang == "en" else "name"].to_dict()
    own = {
        code: name
        for code, name in names.items()
        if visitor.units is None or code in visitor.units
    }
    city = {TOTAL: Office.say("coverage.places.total", visitor.lang)}
    return own | city if visitor.units is not None else city | own


def _quarters(last: Period) -> list[str]:
    """The quarter that runs and those before, the last first."""
    year, quarter = last.first.year, (last.first.month + 2) // 3
    count = year * 4 + quarter - 1
    return [f"{n // 4}Q{n % 4 + 1}" for n in range(count, count - _QUARTERS, -1)]
