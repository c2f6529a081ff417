"""A delivered file as it arrived: every column, the sender's coordinates, the row numbers."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

import geopandas as gpd
import numpy as np
import pandas as pd
import pyproj

from parcels.errors import FileNotReadableError
from parcels.model import SourceFile

Progress = Callable[[str, int, int], None]
"""Called with the step's key, what is done and what there is in all."""

_CHUNK: Final = 1 << 20


class Kind(StrEnum):
    """The kinds of file a delivery can be."""

    SHAPEFILE = "shapefile"
    TABLE = "dbf"
    GEOPACKAGE = "geopackage"
    GEOJSON = "geojson"
    FILE_GDB = "file_gdb"
    FLATGEOBUF = "flatgeobuf"
    PARQUET = "parquet"
    KML = "kml"
    KMZ = "kmz"
    DXF = "dxf"
    MAPINFO = "mapinfo_tab"
    MAPINFO_TEXT = "mapinfo_mif"
    BOUNDARY_POINTS = "boundary_points"
    XLSX = "xlsx"
    CSV = "csv"


@dataclass(frozen=True, slots=True)
class TextRows:
    """The lines of a text file and where each row stands in them.

    Attributes:
        lines: Without line ends.
        rows: Row numbers (line of the row's header, from 1), ascending.
        ends: Number of the last line of each row.
        orphans: Numbers of lines that belong to no row and say nothing understood.
        heading: Number of lines before the first record.
    """

    lines: tuple[str, ...]
    rows: np.ndarray
    ends: np.ndarray
    orphans: tuple[int, ...] = ()
    heading: int = 0

    def block(self, row: int) -> str:
        """The lines of one row, or the orphan line of this number, as they arrived."""
        place = int(np.searchsorted(self.rows, row))
        if place < len(self.rows) and self.rows[place] == row:
            return "\n".join(self.lines[row - 1 : int(self.ends[place])])
        return self.lines[row - 1]


@dataclass(frozen=True, slots=True)
class Package:
    """What the name and contents of the ZIP of a national boundary package say.

    Attributes:
        file: Name of the ZIP.
        stage: Words before the digits.
        code: The 13 digits.
        missing: Endings of files that should be there.
        misnamed: Name of the shapefile where it is not that of the ZIP, else "".
    """

    file: str
    stage: str
    code: str
    missing: tuple[str, ...] = ()
    misnamed: str = ""


@dataclass(frozen=True, slots=True)
class Arrived:
    """A delivery before anything was understood of it.

    Attributes:
        frame: All columns as they arrived, unique names, index "row" (int64): the row as the
            file's own program counts it. Column "geometry" is in the CRS of the file, x east or
            first, and None throughout where the file has no boundaries.
        crs: What the file declares; None if it declares nothing.
        columns: Names of the attribute columns in the order of the file.
        encoding: Of its text, where that is a question.
        crs_words: How the file names its CRS, where that is not understood.
        text: The lines of the file, for the kinds that are lines of text.
        part: Sheet or layer read, where a file holds several.
        packed: It came out of a ZIP.
        package: Of the national kind, if that ZIP is one.
        idle: Columns that describe the file or its drawing, not the parcel.
        members: Of a list of corner points all rows as they stand, indexed by the row of their
            parcel; None for any other file.
    """

    kind: Kind
    source: SourceFile
    frame: gpd.GeoDataFrame
    crs: pyproj.CRS | None = None
    encoding: str | None = None
    crs_words: str = ""
    text: TextRows | None = None
    part: str | None = None
    packed: bool = False
    package: Package | None = None
    idle: frozenset[str] = frozenset()
    members: pd.DataFrame | None = None

    @property
    def columns(self) -> list[str]:
        """Names of the attribute columns in the order of the file."""
        return [c for c in self.frame.columns if c != "geometry"]

    @property
    def has_boundaries(self) -> bool:
        """Whether at least one row came with a boundary or a point."""
        return bool(self.frame["geometry"].notna().any())


def source_of(path: Path, *, siblings: Iterable[Path] = ()) -> SourceFile:
    """Name, SHA-256 and size in bytes of a delivered file or folder, read in pieces.

    Args:
        path: The file named by the sender; of a folder (FileGDB) all files count, but for locks.
        siblings: Files that belong to it (a shapefile's); each adds its suffix and content to the
            digest in the order of their names, so that a change in any of them is a new file.

    Raises:
        FileNotReadableError: It is not there or may not be read.
    """
    digest, size = hashlib.sha256(), 0
    others = sorted(siblings)
    try:
        inside = path.is_dir()
        pieces = _files(path) if inside else [path, *others]
        for one in pieces:
            if inside:
                digest.update(one.name.encode())
            elif others:
                digest.update(one.suffix.lower().encode())
            with one.open("rb") as stream:
                while piece := stream.read(_CHUNK):
                    digest.update(piece)
                    size += len(piece)
    except OSError as error:
        raise FileNotReadableError(file=path.name, reason=error.strerror or str(error)) from error
    return SourceFile(path.name, digest.hexdigest(), size)


def _files(folder: Path) -> list[Path]:
    return [p for p in sorted(folder.iterdir()) if p.is_file() and p.suffix.lower() != ".lock"]


def framed(
    table: pd.DataFrame, geometry: np.ndarray | None, *, rows: np.ndarray
) -> gpd.GeoDataFrame:
    """The frame of an `Arrived`: unique column names, the geometry last, indexed by row.

    Args:
        table: Attribute columns.
        geometry: Array of shapely geometries, or None where the file has none.
        rows: Row numbers.
    """
    attributes = table.set_axis(unique_names([str(c) for c in table.columns]), axis=1)
    attributes.index = pd.Index(np.asarray(rows, "int64"), name="row")
    shapes = np.full(len(table), None, object) if geometry is None else geometry
    return gpd.GeoDataFrame(attributes, geometry=gpd.array.from_shapely(shapes))


def unique_names(written: Iterable[str]) -> list[str]:
    """Column names made different: a second "x" becomes "x#2"; "geometry" is never free."""
    seen: set[str] = {"geometry"}
    names = []
    for name in written:
        candidate, turn = name, 1
        while candidate in seen:
            turn += 1
            candidate = f"{name}#{turn}"
        seen.add(candidate)
        names.append(candidate)
    return names


def no_progress(step: str, done: int, total: int) -> None:
    """The progress of those who do not ask."""
