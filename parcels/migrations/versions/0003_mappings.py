"""The mappings of columns that people confirmed for a sender.

Revision: 0003, after 0002.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table and its index."""
    embedded = op.get_bind().dialect.name == "sqlite"
    instant: Any = sa.DATETIME() if embedded else sa.DateTime(timezone=True)
    op.create_table(
        "mapping",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        *[
            sa.Column(name, sa.Text, nullable=False)
            for name in ("sender", "layer", "column", "field", "confirmed_by")
        ],
        sa.Column("confirmed_at", instant, nullable=False),
        sa.Column("change_id", sa.Integer, sa.ForeignKey("change.id"), nullable=False),
        sa.Column("closed_by", sa.Text),
        sa.Column("closed_at", instant),
    )
    op.create_index("ix_mapping_sender", "mapping", ["sender", "layer"])
