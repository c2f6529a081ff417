"""What is fuzzed: one file of a kind through the door, and what must hold of it whatever it is."""

from __future__ import annotations

import contextlib
import tempfile
import zlib
from functools import cache
from pathlib import Path
from typing import Final

import numpy as np

from layers import catalog
from parcels import districts
from parcels.errors import Refusal
from parcels.findings import Findings
from parcels.ingest.delivery import Delivery, ReceiveOptions, receive
from parcels.ingest.headings import headings
from parcels.ingest.reading import read

CORPUS: Final = Path(__file__).parent / "corpus"
KINDS: Final = ("txt", "csv", "kml", "zip", "dbf", "xlsx", "geojson")
"""Kinds of file, which are the ends of their names and the folders of the corpus."""


@cache
def _town():
    return catalog.load()["priority_plot"], districts.bundled()


@cache
def _headings():
    return headings(_town()[0])


def deliver(path: Path) -> Delivery | None:
    """Receive a file; None if it is refused in words of ours.

    Raises:
        AssertionError: A record is neither stored, nor kept out, nor told of.
        Exception: Whatever falls through the door; that is what is looked for.
    """
    layer, city = _town()
    try:
        delivery = receive(path, layer, city, options=ReceiveOptions(stage="优先监管"))
    except Refusal:
        return None
    frame, found = delivery.frame, delivery.findings.frame()
    arrived = delivery.arrived.frame
    assert frame["row"].tolist() == arrived.index.tolist()
    assert arrived.index.is_unique
    assert len(delivery.ready) == int(frame["ok"].sum())
    assert len(frame) or not found.empty, "an empty file is told of"
    wrong = found.loc[found["severity"] == "error", "row"].dropna().astype("int64")
    assert not np.isin(delivery.ready["row"], wrong).any(), "a row with an error is kept out"
    return delivery


def deliver_bytes(content: bytes, kind: str, *, one_in: int = 1) -> None:
    """The same of the content of a file; but for one in so many, only its reading."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"来件.{kind}"
        path.write_bytes(content)
        if zlib.crc32(content) % one_in == 0:
            deliver(path)
            return
        layer, _ = _town()
        with contextlib.suppress(Refusal):
            read(path, findings=Findings(layer.key, path.name), known=_headings())
