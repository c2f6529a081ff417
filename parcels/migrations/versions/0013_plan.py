"""Action plans, who does what for their measures, and what units report.

Revision: 0013, after 0012.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "plan",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("year", sa.Integer, nullable=False),
        sa.Column("folder", sa.Text, nullable=False),
        *_known(),
    )
    op.create_table(
        "plan_file",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("plan_id", sa.Integer, sa.ForeignKey("plan.id"), nullable=False),
        *[sa.Column(name, sa.Text, nullable=False) for name in ("name", "sha256", "body")],
        sa.Column("change_id", sa.Integer, sa.ForeignKey("change.id"), nullable=False),
    )
    op.create_table(
        "plan_role",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("year", sa.Integer, nullable=False),
        *[sa.Column(name, sa.Text, nullable=False) for name in ("measure", "role", "bodies")],
        *_known(),
    )
    op.create_table(
        "report",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("year", sa.Integer),
        sa.Column("deadline", sa.Text),
        sa.Column("unit", sa.Text, nullable=False),
        sa.Column("period", sa.Text),
        sa.Column("true_on", sa.Date, nullable=False),
        *[
            sa.Column(name, sa.Text)
            for name in ("state", "written", "amount", "amount_unit", "note", "kind", "number")
        ],
        sa.Column("dated_on", sa.Date),
        sa.Column("issued_by", sa.Text),
        sa.Column("file_id", sa.Integer, sa.ForeignKey("file.id")),
        sa.Column("source_row", sa.Integer),
        *_known(),
    )
    op.create_index("ix_report_subject", "report", ["subject", "unit", "recorded_to"])


def _known() -> list[sa.Column[int]]:
    return [
        sa.Column("recorded_from", sa.Integer, sa.ForeignKey("change.id"), nullable=False),
        sa.Column("recorded_to", sa.Integer, nullable=False),
    ]
