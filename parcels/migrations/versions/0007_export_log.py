"""The log of what was handed out: each export and the files it made.

Revision: 0007, after 0006.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make both tables and their indexes."""
    embedded = op.get_bind().dialect.name == "sqlite"
    instant: Any = sa.DATETIME() if embedded else sa.DateTime(timezone=True)
    size: Any = sa.Integer() if embedded else sa.BigInteger()
    op.create_table(
        "export_log",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("made_at", instant, nullable=False),
        *[
            sa.Column(name, sa.Text, nullable=False)
            for name in ("made_by", "layer", "purpose", "format")
        ],
        sa.Column("true_on", sa.Date, nullable=False),
        sa.Column("known_at", instant),
        sa.Column("chosen", sa.Text, nullable=False),
        sa.Column("parcels", sa.Integer, nullable=False),
        sa.Column("approval", sa.Text),
    )
    op.create_index("ix_export_log_layer", "export_log", ["layer"])
    op.create_table(
        "export_file",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("export_id", sa.Integer, sa.ForeignKey("export_log.id"), nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("sha256", sa.Text, nullable=False),
        sa.Column("size_bytes", size, nullable=False),
    )
    op.create_index("ix_export_file_export_id", "export_file", ["export_id"])
    op.create_index("ix_export_file_sha256", "export_file", ["sha256"])
