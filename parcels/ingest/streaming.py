"""Files too large to stand in memory twice, record by record with fiona.

pyogrio hands over a whole layer: GDAL's Arrow table and the columns made of it stand in memory
side by side, some three times the file. fiona gives one record at a time; here a few thousand of
them become columns, the records are let go, and the columns are weighed before more are read. It
takes about thirty times as long, so only files over the bound `streamed_from` are read so.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any, Final

import fiona
import numpy as np
import pandas as pd
import shapely
import shapely.geometry

from parcels.errors import FileTooLargeError
from parcels.ingest.bounds import Limits
from parcels.ingest.ogr import Sweep

_AT_ONCE: Final = 5_000
_BYTES_PER_CORNER: Final = 24
_TYPES: Final = {"int": "Int64", "int32": "Int64", "int64": "Int64", "float": "float64",
                 "bool": "boolean", "str": "str"}  # fmt: skip


def stream(
    path: Path, *, bounds: Limits, layer: str | None = None, encoding: str | None = None
) -> Sweep:
    """One layer read record by record, in columns.

    Args:
        path: A file GDAL can open.
        bounds: How many rows it may have and how much memory they may take.
        layer: Name of the layer; None for the first.
        encoding: GDAL's name of the encoding of its text.

    Raises:
        FileTooLargeError: There are more rows, or they take more memory.
        OSError, fiona.errors.FionaError: fiona cannot read it.
    """
    asked = {"layer": layer, "encoding": encoding}
    with fiona.open(path, **{key: said for key, said in asked.items() if said}) as source:
        types = {name: str(kind) for name, kind in source.schema["properties"].items()}
        declared = source.crs_wkt or None
        pieces = list(_pieces(source, types, path.name, bounds))
    tables, shapes, numbers, spoiled = zip(*pieces, strict=True) if pieces else ((), (), (), ())
    if not pieces:
        empty = np.zeros(0, "int64")
        return Sweep(pd.DataFrame(columns=list(types)), None, empty, declared, empty.astype(bool))
    return Sweep(
        pd.concat(tables, ignore_index=True),
        np.concatenate(shapes),
        np.concatenate(numbers),
        declared,
        np.concatenate(spoiled),
    )


def shapes_of_layer(path: Path, *, layer: str | None = None) -> tuple[np.ndarray, np.ndarray]:
    """The boundaries of a layer with lines for curves, and which of them could not be read.

    Raises:
        OSError, fiona.errors.FionaError: fiona cannot read it.
    """
    with fiona.open(path, **({"layer": layer} if layer else {})) as source:
        read = [(one.geometry is not None, _shape(one)) for one in source]
    shapes = np.full(len(read), None, object)
    shapes[:] = [shape for _, shape in read]
    return shapes, shapely.is_missing(shapes) & np.array([there for there, _ in read], bool)


def _pieces(
    source: Any, types: dict[str, str], file: str, bounds: Limits
) -> Iterator[tuple[pd.DataFrame, np.ndarray, np.ndarray, np.ndarray]]:
    features, count, size = iter(source), 0, 0
    while records := list(islice(features, _AT_ONCE)):
        table = _table(records, types)
        shapes = np.full(len(records), None, object)
        shapes[:] = [_shape(one) for one in records]
        lost = shapely.is_missing(shapes) & np.array([r.geometry is not None for r in records])
        numbers = np.arange(count, count + len(records))
        count += len(records)
        size += int(table.memory_usage(deep=True).sum())
        size += int(shapely.get_num_coordinates(shapes).sum()) * _BYTES_PER_CORNER
        if count > bounds.rows:
            raise FileTooLargeError(file=file, reason="rows", found=count, limit=bounds.rows)
        if size > bounds.rows_bytes:
            most = bounds.rows_bytes
            raise FileTooLargeError(file=file, reason="rows_size", found=size, limit=most)
        yield table, shapes, numbers, lost


def _table(records: list[Any], types: dict[str, str]) -> pd.DataFrame:
    columns = {}
    for name, written in types.items():
        found = [one.properties[name] for one in records]
        kind = written.partition(":")[0]
        if kind in _TYPES:
            columns[name] = pd.Series(found, dtype=_TYPES[kind])
        elif kind in {"date", "datetime"}:
            columns[name] = pd.to_datetime(pd.Series(found, dtype="str"), errors="coerce")
        else:
            said = [None if one is None else str(one) for one in found]
            columns[name] = pd.Series(said, dtype="str")
    return pd.DataFrame(columns)


def _shape(record: Any) -> Any:
    if record.geometry is None:
        return None
    try:
        return shapely.geometry.shape(record.geometry.__geo_interface__)
    except (ValueError, TypeError, AttributeError, shapely.errors.ShapelyError):
        return None
