"""Seals of what was handed out, and land that a split leaves out.

Revision: 0015, after 0014.
"""

from __future__ import annotations

from typing import Any

import geoalchemy2
import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

EPSG = 4490


class _Blob(sa.types.UserDefinedType[bytes]):
    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        return "GEOMETRY"


def upgrade() -> None:
    """Make both tables; the store seals what was handed out before."""
    embedded = op.get_bind().dialect.name == "sqlite"
    geometry: Any = _Blob() if embedded else geoalchemy2.Geometry(srid=EPSG, spatial_index=False)
    op.create_table(
        "export_seal",
        sa.Column("export_id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("parts", sa.Text, nullable=False),
        sa.Column("digest", sa.Text, nullable=False),
    )
    op.create_table(
        "remainder",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("change_id", sa.Integer, sa.ForeignKey("change.id"), nullable=False),
        sa.Column("parent_id", sa.Integer, sa.ForeignKey("parcel.id"), nullable=False),
        sa.Column("geom", geometry, nullable=False),
        sa.Column("area_m2", sa.Double, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
    )
    op.create_index("ix_remainder_change_id", "remainder", ["change_id"])
    op.create_index("ix_remainder_parent_id", "remainder", ["parent_id"])
