"""From which parcel each parcel came.

Revision: 0006, after 0005.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table and its indexes."""
    op.create_table(
        "lineage",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        *[
            sa.Column(name, sa.Integer, sa.ForeignKey(of), nullable=False)
            for name, of in (
                ("change_id", "change.id"),
                ("parent_id", "parcel.id"),
                ("child_id", "parcel.id"),
                ("parent_boundary_id", "boundary.id"),
                ("child_boundary_id", "boundary.id"),
            )
        ],
        sa.Column("common_m2", sa.Double, nullable=False),
        sa.Column("kind", sa.Text),
        sa.Column("number", sa.Text),
        sa.Column("dated_on", sa.Date),
        sa.Column("issued_by", sa.Text),
        sa.Column("reviewed_by", sa.Text),
        sa.Column("file_id", sa.Integer, sa.ForeignKey("file.id")),
    )
    for name in ("change_id", "parent_id", "child_id"):
        op.create_index(f"ix_lineage_{name}", "lineage", [name])
