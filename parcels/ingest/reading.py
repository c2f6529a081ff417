"""Opening a delivery: the reader for its kind of file."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from parcels import words
from parcels.errors import FileNotReadableError, PartNotChosenError
from parcels.findings import Findings
from parcels.ingest import (
    archives,
    boundary_points,
    containers,
    drawings,
    mapinfo,
    national,
    ogr,
    parquet,
    parsed,
    separated,
    sheets,
    workbook,
)
from parcels.ingest.arrived import Arrived, Kind, framed, source_of
from parcels.ingest.bounds import Limits, limits
from parcels.ingest.containers import Item
from parcels.ingest.kinds import kind_of
from parcels.ingest.shapefile import read_shapefile

_TEXT: Final = frozenset({Kind.CSV, Kind.BOUNDARY_POINTS})
_KML: Final = ".kml"
_KMZ_MAIN: Final = "doc.kml"


def read(  # noqa: PLR0913 - everything said of the delivery meets here
    sent: Path | Item,
    *,
    findings: Findings,
    known: Collection[str] = (),
    encoding: str | None = None,
    part: str | None = None,
    bounds: Limits | None = None,
    surfaces: bool = True,
) -> Arrived:
    """A delivered file as it arrived, under the name the user knows it by.

    Args:
        sent: A file; of a shapefile the .shp or .dbf, of a FileGDB the folder. A ZIP or folder
            must hold one delivery, or `part` name it. An item was found by `containers.opened`,
            and `part` counts no more.
        findings: Takes what was guessed, is damaged, or was not read.
        known: Plain forms of the headings a list may have (`headings.headings`).
        encoding: As stated by the user, for kinds that do not say it themselves.
        part: Sheet or layer to read, for kinds that hold several.
        bounds: How much it may take of this machine; None for `reference/formats.toml`.
        surfaces: Whether parcels may be surfaces; a list of points is then never one of corners.

    Raises:
        FileNotReadableError: It cannot be opened, or is broken beyond reading.
        FileNotSafeError, FileTooLargeError: It would harm this machine.
        FormatNotKnownError: No reader takes this kind of file.
        PartNotChosenError: It holds several deliveries (`deliveries.receive_all` takes them all),
            or no sheet or layer called `part`.
    """
    within = bounds or limits()
    if isinstance(sent, Path):
        with containers.only(sent, part=part, bounds=within) as item:
            return read(
                _only_sheet(item, known, within) if surfaces else item,
                findings=findings,
                known=known,
                encoding=encoding,
                bounds=within,
                surfaces=surfaces,
            )
    sent.report(findings)
    with containers.named_plainly(sent) as item:
        kind = kind_of(item.path)
        arrived = _read(
            item,
            kind,
            findings=findings,
            bounds=within,
            known=known,
            encoding=encoding,
            surfaces=surfaces,
        )
    source = replace(arrived.source, name=sent.name)
    arrived = replace(arrived, source=source, packed=sent.packed, package=sent.package)
    if sent.package is None:
        return arrived
    national.check(sent.package, arrived, findings)
    idle = frozenset(words.formats()["national"]["housekeeping"])
    return replace(arrived, idle=arrived.idle | idle)


def _only_sheet(item: Item, known: Collection[str], bounds: Limits) -> Item:
    """The item, unless it is a workbook in which every sheet is a delivery."""
    inside = sheets.each(item, known=known, bounds=bounds)
    if len(inside) > 1:
        parts = [one.part for one in inside]
        raise PartNotChosenError(file=item.name, part="", parts=parts)
    return inside[0]


def _read(  # noqa: PLR0913 - everything said of the delivery meets here
    item: Item,
    kind: Kind,
    *,
    findings: Findings,
    bounds: Limits,
    known: Collection[str],
    encoding: str | None,
    surfaces: bool,
) -> Arrived:
    path, part = item.path, item.part
    if kind is Kind.XLSX:
        workbook.check_form(path)
        archives.check_workbook(path, bounds)
        return workbook.read_xlsx(
            path, findings=findings, known=known, part=part, surfaces=surfaces, alone=item.sheet
        )
    if kind in _TEXT:
        parsed.check_text(path, bounds)
    if kind is Kind.CSV:
        return separated.read_csv(
            path, findings=findings, known=known, encoding=encoding, surfaces=surfaces
        )
    if kind is Kind.BOUNDARY_POINTS:
        return boundary_points.read_boundary_points(path, findings=findings, encoding=encoding)
    if kind is Kind.PARQUET:
        return parquet.read_parquet(path, findings=findings, bounds=bounds)
    reader = _ENCODED.get(kind)
    if reader is not None:
        return reader(path, kind, findings=findings, bounds=bounds, encoding=encoding)
    return ogr.read_layered(path, kind, findings=findings, bounds=bounds, part=part)


def _shapefile(path: Path, _kind: Kind, **said: Any) -> Arrived:
    return read_shapefile(_main_file(path), **said)


def _drawing(path: Path, _kind: Kind, *, bounds: Limits, **said: Any) -> Arrived:
    parsed.check_parsed(path, bounds)
    return drawings.read_drawing(path, **said)


def _kmz(
    path: Path, kind: Kind, *, findings: Findings, bounds: Limits, encoding: str | None
) -> Arrived:
    """The KML files of a KMZ as one, "doc.kml" first.

    GDAL would go by the links in "doc.kml", and loses the way where a name is Chinese.
    """
    del encoding  # XML says it itself
    with (
        tempfile.TemporaryDirectory(prefix="jingtu-") as folder,
        archives.opened(path, bounds) as (archive, contents),
    ):
        inside = [one for one in contents.entries if one.name.lower().endswith(_KML)]
        if not inside:
            raise FileNotReadableError(file=path.name, reason="no_kml")
        inside.sort(key=lambda one: one.name.lower() != _KMZ_MAIN)
        archives.unpack(archive, inside, Path(folder), file=path.name)
        pieces = [
            ogr.read_layered(Path(folder) / one.name, Kind.KML, findings=findings, bounds=bounds)
            for one in inside
        ]
    filled = [one for one in pieces if len(one.frame)] or pieces[:1]
    frame = filled[0].frame
    if len(filled) > 1:
        tables = [pd.DataFrame(one.frame.drop(columns="geometry")) for one in filled]
        shapes = np.concatenate([one.frame.geometry.to_numpy() for one in filled])
        table = pd.concat(tables, ignore_index=True)
        frame = framed(table, shapes, rows=np.arange(1, len(table) + 1))
    return replace(filled[0], kind=kind, source=source_of(path), frame=frame)


_ENCODED: Final[Mapping[Kind, Callable[..., Arrived]]] = {
    Kind.SHAPEFILE: _shapefile,
    Kind.TABLE: _shapefile,
    Kind.DXF: _drawing,
    Kind.MAPINFO: mapinfo.read_mapinfo,
    Kind.MAPINFO_TEXT: mapinfo.read_mapinfo,
    Kind.KMZ: _kmz,
}


def _main_file(path: Path) -> Path:
    """The .shp of a .dbf, where there is one."""
    if path.suffix.lower() != ".dbf":
        return path
    shapes = (one for one in path.parent.iterdir() if one.stem == path.stem)
    return next((one for one in sorted(shapes) if one.suffix.lower() == ".shp"), path)
