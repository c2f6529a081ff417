"""Parcels out as lists and as boundary points, which hold less than a layer does."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import geopandas as gpd
import pandas as pd
import shapely

from parcels import crs
from parcels.errors import FormatNotOfferedError, OutputNotWritableError
from parcels.exchange import boundary_points, workbook
from parcels.exchange.account import NOT_IN_XML, Account, Style, refuse_lacking
from parcels.exchange.losses import Loss
from parcels.ingest.workbook import guarded
from parcels.model import Layer

_GEOMETRY: Final = "geometry"
_ON_POINTS: Final = frozenset({"code", "name", "declared_area_m2"})
_FIRST_ZONED: Final = 4488
_ZONED: Final = range(_FIRST_ZONED + 25, _FIRST_ZONED + 46)
_XLSX_TEXT: Final = workbook.LONGEST_CELL


def write_csv(
    path: Path, layer: Layer, pages: Iterator[gpd.GeoDataFrame], style: Style, account: Account
) -> None:
    """Write a list with commas, page by page; no text can run as a formula."""
    encoding = (style.encoding or "utf-8-sig").lower()
    begun = False
    with path.open("wb") as sink:
        for table in _listed(layer, pages, style, account):
            refuse_lacking(pd.Series(table.columns), encoding)
            safe = table.map(lambda one: guarded(one) if isinstance(one, str) else one)
            text = safe.to_csv(index=False, header=not begun, lineterminator="\r\n")
            try:
                # The mark of UTF-8 belongs before the first line alone.
                sink.write(text.encode("utf-8" if begun and "utf" in encoding else encoding))
            except UnicodeEncodeError as error:
                lacking = text[error.start : error.end]
                raise OutputNotWritableError(file=lacking, reason="character_lacking") from error
            begun = True


def write_xlsx(
    path: Path, layer: Layer, pages: Iterator[gpd.GeoDataFrame], style: Style, account: Account
) -> None:
    """Write a workbook with one sheet; texts stay texts."""
    whole = pd.concat(list(_listed(layer, pages, style, account)), ignore_index=True)
    for name in whole.columns:
        if pd.api.types.infer_dtype(whole[name], skipna=True) == "string":
            texts = whole[name].dropna().astype(str)
            clean = texts.str.replace(NOT_IN_XML, "", regex=True)
            account.lose(Loss("text_changed", name, name, int((clean != texts).sum())))
            long = int((clean.str.len() > _XLSX_TEXT).sum())
            account.lose(Loss("text_cut", name, name, long))
    workbook.write_sheets(path, {style.title: whole})


def _listed(
    layer: Layer, pages: Iterator[gpd.GeoDataFrame], style: Style, account: Account
) -> Iterator[pd.DataFrame]:
    """Pages of a list, in words, under headings."""
    if style.epsg not in {None, crs.STORAGE}:
        raise FormatNotOfferedError(format=f"EPSG:{style.epsg}", offered=["EPSG:4490"])
    for page in pages:
        bounded = int((~shapely.is_missing(page.geometry.to_numpy())).sum())
        account.lose(Loss("boundary_left_out", _GEOMETRY, "", bounded))
        table = style.speak(pd.DataFrame(page.drop(columns=page.geometry.name)))
        keys = [one.key for one in layer.fields if one.key in table.columns]
        yield table[keys].rename(columns={key: style.headings.get(key, key) for key in keys})


def write_points(
    path: Path, layer: Layer, pages: Iterator[gpd.GeoDataFrame], style: Style, account: Account
) -> None:
    """Write boundary points: code, name, area and boundary; all else is lost."""
    epsg = style.epsg or crs.GK_ZONE_39
    if epsg not in _ZONED:
        raise FormatNotOfferedError(format=f"EPSG:{epsg}", offered=["EPSG:4527", "EPSG:4526"])
    whole = pd.concat(list(pages))
    for one in layer.fields:
        if one.key in whole and one.key not in _ON_POINTS:
            count = int(whole[one.key].notna().sum())
            account.lose(Loss("field_left_out", one.key, "", count))
    encoding = style.encoding or "utf-8"
    made_on = style.made_at.date() if style.made_at else None
    computed = whole["declared_area_m2"].isna() & whole["area_m2"].notna()
    account.lose(Loss("area_computed", "declared_area_m2", "", int(computed.sum())))
    refuse_lacking(whole["name"], encoding.upper())
    plain = boundary_points.Style(zone=epsg - _FIRST_ZONED, encoding=encoding)
    for loss in boundary_points.write(
        path,
        whole[["code", "name", "declared_area_m2", "area_m2", "geometry"]],
        sender=style.sender,
        made_on=made_on,
        style=plain,
    ):
        account.lose(loss)
