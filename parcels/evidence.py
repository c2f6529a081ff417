"""Rows of evidence: written with the moves that rest on them, and read back."""

from __future__ import annotations

from typing import Any

import pandas as pd
import sqlalchemy as sa

from parcels.lifecycle import Evidence
from parcels.plan_tables import report
from parcels.recording import Recorder, plain
from parcels.store import Query, Store
from parcels.tables import change, evidence, file, lineage, version


def record(recorder: Recorder, moved: pd.DataFrame, given: Evidence | None) -> None:
    """Write what each move of a change rests on.

    Args:
        recorder: The change being written.
        moved: As `moves.moved` gives it.
        given: The document of all of them; None where each row names its own, and the delivered
            file stands for those that do not.
    """
    count = len(moved)
    if not count:
        return
    act = recorder.act
    start = recorder.store.next_id(recorder.connection, evidence)
    columns: dict[str, Any] = {
        # Not the database's own numbers: those skip what a change that came to nothing took.
        "id": list(range(start, start + count)),
        "change_id": [recorder.number] * count,
        "parcel_id": moved["parcel"].tolist(),
        "from_stage": moved["from_stage"].tolist(),
        "to_stage": moved["to_stage"].tolist(),
    }
    if given is None:
        columns |= {"number": plain(moved["document"]), "issued_by": [act.unit] * count}
    else:
        number = recorder.add_file(given.file) if given.file is not None else None
        said = {
            "kind": given.kind,
            "number": given.number,
            # As text, which both drivers take for a day.
            "dated_on": given.dated_on.isoformat() if given.dated_on else None,
            "issued_by": given.issued_by,
            "reviewed_by": given.reviewed_by,
            "file_id": number,
        }
        columns |= {key: [value] * count for key, value in said.items()}
    recorder.store.insert(recorder.connection, evidence, columns)


def documents(store: Store) -> pd.DataFrame:
    """The kept documents, each once: `sha256`, and `change`, the first that names it."""
    named = sa.union(
        *[
            sa.select(table.c.file_id, number.label("change"))
            for table, number in (
                (evidence, evidence.c.change_id),
                (lineage, lineage.c.change_id),
                (report, report.c.recorded_from),
            )
        ]
    ).subquery()
    first = sa.func.min(named.c.change)
    query = (
        sa.select(file.c.sha256, first.label("change"))
        .select_from(named.join(file, named.c.file_id == file.c.id))
        .group_by(file.c.sha256)
        .order_by(first, file.c.sha256)
    )
    with store.read() as connection:
        return store.frame(connection, query)


def of_parcels(layer: str, codes: list[str]) -> Query:
    """Every move of the parcels that have or had one of these codes, in the order of recording.

    The file is that of the evidence; `delivery` names the file of the change.
    """
    ours = sa.select(version.c.parcel_id).where(
        version.c.layer == layer, version.c.code.in_(codes)
    )
    kept, sent = file.alias("kept"), file.alias("sent")
    named = (
        sa.select(version.c.code)
        .where(version.c.parcel_id == evidence.c.parcel_id)
        .order_by(version.c.id.desc())
        .limit(1)
        .scalar_subquery()
    )
    return (
        sa.select(
            named.label("code"),
            change.c.id.label("change"),
            change.c.effective_on.label("on"),
            evidence.c.from_stage,
            evidence.c.to_stage,
            evidence.c.kind,
            evidence.c.number,
            evidence.c.dated_on,
            evidence.c.issued_by,
            evidence.c.reviewed_by,
            kept.c.name.label("file"),
            kept.c.sha256,
            kept.c.size_bytes,
            sent.c.name.label("delivery"),
            change.c.made_by,
            change.c.made_at,
        )
        .select_from(
            evidence.join(change, evidence.c.change_id == change.c.id)
            .outerjoin(kept, evidence.c.file_id == kept.c.id)
            .outerjoin(sent, change.c.file_id == sent.c.id)
        )
        .where(evidence.c.parcel_id.in_(ours))
        .order_by(evidence.c.id)
    )
