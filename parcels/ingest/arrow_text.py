"""Arrow columns of texts that are no texts: GDAL and Parquet hand on whatever bytes they find."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from parcels.ingest.encodings import decoded


def readable(table: Any) -> tuple[Any, np.ndarray]:
    """The table with texts that can be read, and whether each row had one that could not.

    A program that meets bytes which are no UTF-8 stops somewhere far from the file. Half a
    character at the end of a text is left out, other faults become U+FFFD.

    Args:
        table: An Arrow table.

    Returns:
        The table, and a boolean array with a place per row.
    """
    spoiled = np.zeros(table.num_rows, bool)
    for place, field in enumerate(table.schema):
        if not (pa.types.is_string(field.type) or pa.types.is_large_string(field.type)):
            continue
        column = table.column(place)
        try:
            column.validate(full=True)
        except pa.ArrowInvalid:
            texts = _texts(column)
            spoiled |= np.array([one is not None and "\ufffd" in one for one in texts], bool)
            table = table.set_column(place, field.name, pa.array(texts, field.type))
    return table, spoiled


def _texts(column: Any) -> list[str | None]:
    large = pa.types.is_large_string(column.type)
    held = column.cast(pa.large_binary() if large else pa.binary()).to_pylist()
    return [None if one is None else decoded(one, "utf-8") for one in held]
