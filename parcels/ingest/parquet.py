"""GeoParquet: read by pyarrow in pieces, as GDAL's wheels have no driver for it.

A Parquet file of a few kilobytes can hold a billion equal rows, so the rows are counted before
they are read, and weighed while they are.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import geopandas as gpd
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pyproj
from pyproj.exceptions import CRSError

from parcels.errors import FileNotReadableError, FileTooLargeError
from parcels.findings import Findings
from parcels.ingest import ogr
from parcels.ingest.arrived import Arrived, Kind, framed, source_of
from parcels.ingest.arrow_text import readable
from parcels.ingest.bounds import Limits

_ROWS_AT_ONCE: Final = 8_192
_WKB: Final = "WKB"
# A file that declares nothing is in longitude and latitude on WGS 84.
_UNSAID: Final = "OGC:CRS84"


def read_parquet(path: Path, *, findings: Findings, bounds: Limits) -> Arrived:
    """A GeoParquet file as it arrived; rows are numbered from 1. Without "geo" it is a list.

    Raises:
        FileNotReadableError: pyarrow cannot read it.
        FileTooLargeError: It has more rows than the bounds allow, or they take more memory.
    """
    try:
        with pq.ParquetFile(path) as file:
            table = _bounded(file, path.name, bounds)
        geo = _declared(table)
        name = geo.get("primary_column")
        shapes, spoiled = _shapes(table, name, geo)
    except (pa.ArrowException, ValueError, TypeError, KeyError, OSError) as error:
        raise FileNotReadableError(file=path.name, reason=str(error)) from error
    rows = np.arange(1, table.num_rows + 1)
    declared = geo.get("columns", {}).get(name, {})
    texts, unread = readable(_attributes(table, {name, *_covering(declared)}))
    findings.add("record_damaged", rows=rows[spoiled | unread])
    attributes = ogr.attributes_of(texts)
    return Arrived(
        Kind.PARQUET, source_of(path), framed(attributes, shapes, rows=rows), _crs(declared)
    )


def _bounded(file: Any, name: str, bounds: Limits) -> pa.Table:
    count = file.metadata.num_rows
    if count > bounds.rows:
        raise FileTooLargeError(file=name, reason="rows", found=count, limit=bounds.rows)
    batches, size = [], 0
    for batch in file.iter_batches(batch_size=_ROWS_AT_ONCE):
        size += batch.nbytes
        if size > bounds.rows_bytes:
            raise FileTooLargeError(
                file=name, reason="rows_size", found=size, limit=bounds.rows_bytes
            )
        batches.append(batch)
    return pa.Table.from_batches(batches, file.schema_arrow)


def _declared(table: pa.Table) -> Mapping[str, Any]:
    geo = json.loads((table.schema.metadata or {}).get(b"geo", b"{}"))
    return geo if isinstance(geo, dict) else {}


def _shapes(
    table: pa.Table, name: str | None, geo: Mapping[str, Any]
) -> tuple[np.ndarray | None, np.ndarray]:
    if name is None:
        return None, np.zeros(table.num_rows, bool)
    encoding = str(geo["columns"][name].get("encoding", _WKB))
    if encoding.upper() == _WKB:
        return ogr.shapes_of(table.column(name).to_numpy(zero_copy_only=False))
    # The other encodings are those of GeoArrow, which geopandas knows by the field's label.
    label = {b"ARROW:extension:name": f"geoarrow.{encoding.lower()}".encode()}
    place = table.schema.get_field_index(name)
    named = pa.table(
        [table.column(name)], schema=pa.schema([table.schema.field(place).with_metadata(label)])
    )
    shapes = gpd.GeoDataFrame.from_arrow(named).geometry.to_numpy()
    return np.asarray(shapes, object), np.zeros(table.num_rows, bool)


def _covering(declared: Mapping[str, Any]) -> set[str]:
    """Columns that hold the bounds of each row, for finding it: nothing the sender wrote."""
    corners = declared.get("covering", {}).get("bbox", {})
    return {str(way[0]) for way in corners.values() if way}


def _attributes(table: pa.Table, without: set[str | None]) -> pa.Table:
    kept = [name for name in table.column_names if name not in without]
    chosen = table.select(kept).replace_schema_metadata(None)
    for place, field in enumerate(chosen.schema):
        if pa.types.is_dictionary(field.type):
            plain = chosen.column(place).cast(field.type.value_type)
            chosen = chosen.set_column(place, field.name, plain)
    return chosen


def _crs(declared: Mapping[str, Any]) -> pyproj.CRS | None:
    said = declared.get("crs", _UNSAID)
    if said is None:
        return None
    try:
        return pyproj.CRS.from_user_input(said)
    except CRSError:
        return None
