"""The document that each move from stage to stage rests on.

Revision: 0002, after 0001.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table; a kept file has its row in `file`, as deliveries have."""
    op.create_table(
        "evidence",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("change_id", sa.Integer, sa.ForeignKey("change.id"), nullable=False),
        sa.Column("parcel_id", sa.Integer, sa.ForeignKey("parcel.id"), nullable=False),
        sa.Column("from_stage", sa.Text, nullable=False),
        sa.Column("to_stage", sa.Text, nullable=False),
        sa.Column("kind", sa.Text),
        sa.Column("number", sa.Text),
        sa.Column("dated_on", sa.Date),
        sa.Column("issued_by", sa.Text),
        sa.Column("reviewed_by", sa.Text),
        sa.Column("file_id", sa.Integer, sa.ForeignKey("file.id")),
    )
    op.create_index("ix_evidence_parcel_id", "evidence", ["parcel_id"])
    op.create_index("ix_evidence_change_id", "evidence", ["change_id"])
