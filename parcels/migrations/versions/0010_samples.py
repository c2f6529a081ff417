"""Samples and what was measured in them.

Revision: 0010, after 0009.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "sample",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("number", sa.Text, nullable=False),
        sa.Column("point", sa.Text, nullable=False),
        sa.Column("medium", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("depth", sa.Text),
        sa.Column("sampled_on", sa.Date, nullable=False),
        sa.Column("lab", sa.Text),
        sa.Column("land", sa.Text),
        sa.Column("report", sa.Text),
        sa.Column("ph", sa.Double),
        sa.Column("source_row", sa.Integer),
        sa.Column("digest", sa.Text, nullable=False),
        sa.Column("recorded_from", sa.Integer, sa.ForeignKey("change.id"), nullable=False),
        sa.Column("recorded_to", sa.Integer, nullable=False),
    )
    op.create_index("ix_sample_point", "sample", ["point"])
    op.create_index("ix_sample_number", "sample", ["number", "recorded_to"])
    op.create_table(
        "reading",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("sample_id", sa.Integer, sa.ForeignKey("sample.id"), nullable=False),
        sa.Column("analyte", sa.Text),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("written", sa.Text, nullable=False),
        sa.Column("unit", sa.Text, nullable=False),
        sa.Column("low", sa.Double, nullable=False),
        sa.Column("high", sa.Double),
        sa.Column("detection_limit", sa.Double),
        sa.Column("method", sa.Text),
        sa.Column("source_row", sa.Integer),
        sa.Column("change_id", sa.Integer, sa.ForeignKey("change.id"), nullable=False),
    )
    op.create_index("ix_reading_sample_id", "reading", ["sample_id"])
