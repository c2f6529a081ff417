"""The codes that a list names, whatever kind of file it is."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from parcels.findings import Findings
from parcels.ingest import columns, headings, values
from parcels.ingest.columns import Matched
from parcels.ingest.reading import read
from parcels.model import Layer


def codes(path: Path, layer: Layer, *, findings: Findings) -> pd.DataFrame:
    """Columns `code` and `row` of a list; rows without a code are left out.

    Args:
        path: A list, workbook or any other file that a delivery may be.
        layer: Says what the column of codes may be called.
        findings: Takes what cannot be read, and a missing column of codes.

    Raises:
        FileNotReadableError, FormatNotKnownError: The file cannot be read.
    """
    arrived = read(path, findings=findings, known=headings.headings(layer))
    quiet = Findings(layer.key, path.name)
    matched = columns.match(arrived, layer, findings=quiet)
    if "code" not in matched.columns:
        others = {field.key for field in layer.fields} - {"code"}
        columns.report_missing(matched, layer, findings=findings, given=others)
        return pd.DataFrame({"code": pd.Series(dtype="str"), "row": pd.Series(dtype="int64")})
    only = Matched({"code": matched.columns["code"]}, {})
    frame = pd.DataFrame(arrived.frame.drop(columns="geometry"))
    understood = values.harmonise(frame, only, layer, findings=findings)
    listed = understood[["code"]].assign(row=understood.index.to_numpy("int64"))
    return listed.dropna(subset="code").reset_index(drop=True)
