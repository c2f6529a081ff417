"""What was handed out of the register: who, when, which parcels, and files by their SHA-256."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import asdict, dataclass

import pandas as pd
import sqlalchemy as sa

from parcels import export_seals
from parcels.model import Moment, SourceFile
from parcels.reading import Filter
from parcels.store import Store
from parcels.tables import export_file, export_log


@dataclass(frozen=True, slots=True)
class Export:
    """One handing out.

    Attributes:
        by: The person.
        at: The instant, timezone-aware.
        purpose: "file", "national" or "public".
        format: Ending of the files without the dot, e.g. "gpkg".
        moment: Of which state of the register.
        where: Which parcels were asked for.
        parcels: How many went out.
        files: What was made; a shapefile has several.
        approval: Approval number of the map, where one was stated.
    """

    by: str
    at: dt.datetime
    layer: str
    purpose: str
    format: str
    moment: Moment
    where: Filter
    parcels: int
    files: tuple[SourceFile, ...]
    approval: str | None = None


def record(store: Store, export: Export) -> int:
    """Note an export and its files; the number it has."""
    asked = {key: value for key, value in asdict(export.where).items() if value is not None}
    with store.write() as connection:
        # A number whose rows were taken away by SQL is not given again.
        sealed, _ = export_seals.head(connection)
        number = max(store.next_id(connection, export_log), sealed + 1)
        connection.execute(
            sa.insert(export_log).values(
                id=number,
                made_at=export.at,
                made_by=export.by,
                layer=export.layer,
                purpose=export.purpose,
                format=export.format,
                true_on=export.moment.on,
                known_at=export.moment.known,
                chosen=json.dumps(asked, ensure_ascii=False),
                parcels=export.parcels,
                approval=export.approval,
            )
        )
        rows = [
            {
                "export_id": number,
                "name": one.name,
                "sha256": one.sha256,
                "size_bytes": one.size_bytes,
            }
            for one in export.files
        ]
        if rows:
            connection.execute(sa.insert(export_file), rows)
        export_seals.seal(connection)
    return number


def listed(store: Store, *, layer: str | None = None, sha256: str | None = None) -> pd.DataFrame:
    """Every file handed out, the last export first.

    Args:
        store: The store.
        layer: Only of this layer.
        sha256: Only the file with this digest, in hexadecimal.

    Returns:
        One row per file: `export` (its number), `made_at`, `made_by`, `purpose`, `layer`,
        `true_on`, `known_at`, `chosen` (JSON of the filter), `parcels`, `format`, `approval`,
        `file`, `sha256`, `size_bytes`.
    """
    query = (
        sa.select(
            export_log.c.id.label("export"),
            *[export_log.c[c] for c in ("made_at", "made_by", "purpose", "layer")],
            *[export_log.c[c] for c in ("true_on", "known_at", "chosen", "parcels")],
            export_log.c.format,
            export_log.c.approval,
            export_file.c.name.label("file"),
            export_file.c.sha256,
            export_file.c.size_bytes,
        )
        .select_from(export_log.join(export_file))
        .order_by(export_log.c.id.desc(), export_file.c.id)
    )
    if layer is not None:
        query = query.where(export_log.c.layer == layer)
    if sha256 is not None:
        query = query.where(export_file.c.sha256 == sha256)
    with store.read() as connection:
        return store.frame(connection, query)
