"""The seals of changes, and by which change a file was noted and a mapping ended.

Revision: 0004, after 0003. The store seals the changes made before, once the tables are there.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table; give the files and mappings of before the change they belong to."""
    op.create_table(
        "seal",
        sa.Column("change_id", sa.Integer, sa.ForeignKey("change.id"), primary_key=True),
        sa.Column("parts", sa.Text, nullable=False),
        sa.Column("digest", sa.Text, nullable=False),
    )
    op.add_column("file", sa.Column("change_id", sa.Integer))
    op.execute(
        "UPDATE file SET change_id = coalesce("
        "(SELECT min(change.id) FROM change WHERE change.file_id = file.id), "
        "(SELECT min(evidence.change_id) FROM evidence WHERE evidence.file_id = file.id))"
    )
    # SQLite adds a foreign key to a table only together with its column.
    op.execute('ALTER TABLE mapping ADD COLUMN closed_in INTEGER REFERENCES "change"(id)')
    # When a mapping ended was not noted by a change until now: the last one stands for that.
    op.execute(
        "UPDATE mapping SET closed_in = (SELECT max(change.id) FROM change) "
        "WHERE closed_at IS NOT NULL"
    )
