"""Submissions that wait for a reviewer: people, submissions, their steps, proposed rows.

Revision: 0009, after 0008.
"""

from __future__ import annotations

from typing import Any

import geoalchemy2
import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

EPSG = 4490


class _Blob(sa.types.UserDefinedType[bytes]):
    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        return "GEOMETRY"


def upgrade() -> None:
    """Make the tables; the changes of before were never submitted, so they have no rows here."""
    embedded = op.get_bind().dialect.name == "sqlite"
    geometry: Any = _Blob() if embedded else geoalchemy2.Geometry(srid=EPSG, spatial_index=False)
    json: Any = sa.Text() if embedded else postgresql.JSONB()

    def whole(name: str, to: str | None = None, *, null: bool = False) -> sa.Column[Any]:
        keys = [sa.ForeignKey(f"{to}.id")] if to else []
        return sa.Column(name, sa.Integer, *keys, nullable=null)

    def text(*names: str) -> list[sa.Column[Any]]:
        return [sa.Column(name, sa.Text) for name in names]

    def own_id() -> sa.Column[Any]:
        return sa.Column("id", sa.Integer, primary_key=True, autoincrement=False)

    op.create_table(
        "person",
        own_id(),
        sa.Column("name", sa.Text, nullable=False),
        *text("unit", "role"),
        whole("change_id", "change"),
        whole("closed_in", "change", null=True),
    )
    op.create_table(
        "submission",
        own_id(),
        sa.Column("layer", sa.Text, nullable=False),
        *text("unit"),
        whole("change_id", "change"),
    )
    op.create_table(
        "submission_step",
        own_id(),
        whole("submission_id", "submission"),
        whole("round"),
        sa.Column("state", sa.Text, nullable=False),
        whole("person_id", "person"),
        whole("base"),
        whole("change_id", "change"),
    )
    op.create_table(
        "proposed",
        own_id(),
        whole("submission_id", "submission"),
        whole("round"),
        whole("row"),
        *text("code"),
        sa.Column("geom", geometry),
        sa.Column("attributes", json, nullable=False),
        whole("change_id", "change"),
        *text("state", "reason"),
        whole("decided_in", "change", null=True),
    )
    op.create_index("ix_person_name", "person", ["name"])
    op.create_index("ix_submission_step_submission_id", "submission_step", ["submission_id"])
    op.create_index("ix_proposed_submission_id", "proposed", ["submission_id"])
