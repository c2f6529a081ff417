"""What taking changes back needs: an index of what each change made known, and who found what.

Revision: 0005, after 0004.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the index and the columns."""
    op.create_index("ix_version_recorded_from", "version", ["recorded_from"])
    for table in ("part", "overlap"):
        op.add_column(table, sa.Column("change_id", sa.Integer))
