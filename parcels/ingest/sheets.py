"""Workbooks with a parcel on every sheet: each sheet is a delivery of its own."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

from parcels.errors import Refusal
from parcels.ingest import archives, workbook
from parcels.ingest.bounds import Limits
from parcels.ingest.containers import Item

_SUFFIXES = frozenset({".xlsx", ".xlsm"})


def each(item: Item, *, known: Collection[str], bounds: Limits) -> list[Item]:
    """The sheets of a workbook in which every one is a list of corner points; else the item.

    Args:
        item: A file that was sent; where `part` is asked for it is left alone.
        known: Plain forms of the headings a list may have (`headings.headings`).
        bounds: How much it may take of this machine.
    """
    if item.part is not None or item.refused or item.path.suffix.lower() not in _SUFFIXES:
        return [item]
    names = _sheets(item.path, known, bounds)
    made = [
        replace(item, name=f"{item.name}/{name}", part=name, sheet=True, notes=())
        for name in names
    ]
    return [replace(made[0], notes=item.notes), *made[1:]] if made else [item]


def _sheets(path: Path, known: Collection[str], bounds: Limits) -> list[str]:
    try:
        workbook.check_form(path)
        archives.check_workbook(path, bounds)
    except Refusal:
        return []  # reading it says why
    return workbook.corner_sheets(path, known=known)
