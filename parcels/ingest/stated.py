"""What a person states of a few parcels by name, in the form a delivery of it would have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import geopandas as gpd
import numpy as np
import pandas as pd

from parcels import crs, words
from parcels.errors import MappingNotUsableError
from parcels.findings import Findings
from parcels.ingest import values
from parcels.ingest.columns import Matched
from parcels.model import Field, Layer


def stated(
    layer: Layer,
    codes: Sequence[str],
    said: Mapping[str, str],
    *,
    rows: Sequence[int] | None = None,
    findings: Findings,
) -> gpd.GeoDataFrame:
    """One row per code with the same values, as `ingest.values` understands them.

    Args:
        layer: Its fields.
        codes: Codes of parcels.
        said: Values as written, by a name of their field.
        rows: Where the codes stand in a list; counted from 1 without one.
        findings: Takes what is not understood.

    Returns:
        `code`, `row`, the fields said, and no boundary.

    Raises:
        MappingNotUsableError: A field is not one of the layer, or cannot be stated.
    """
    fields = {_field(layer, name).key: value for name, value in said.items()}
    index = pd.Index(rows if rows is not None else range(1, len(codes) + 1), name="row")
    written = pd.DataFrame(
        {"code": list(codes), **{key: [value] * len(codes) for key, value in fields.items()}},
        index=index,
        dtype="str",
    )
    matched = Matched({key: key for key in ("code", *fields)}, {})
    understood = values.harmonise(written, matched, layer, findings=findings)
    frame = understood.assign(row=np.asarray(index, "int64")).reset_index(drop=True)
    return gpd.GeoDataFrame(frame, geometry=[None] * len(frame), crs=crs.STORAGE)


def _field(layer: Layer, name: str) -> Field:
    written = words.plain(name)
    for field in layer.fields:
        names = (field.key, field.label.zh, field.label.en, *field.aliases)
        if field.key not in {"code", "stage"} and written in words.plain_set(names):
            return field
    known = [field.label.zh for field in layer.own_fields]
    raise MappingNotUsableError(column=name, field=name, known=known)
