"""The AE title that each instance was stored from."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "kernel0005"
down_revision = "kernel0004"
branch_labels = None
depends_on = None

# The change feed has told it of each instance since the first version. What came as a file says it
# in its file meta information, which only `pacs reindex` reads; of what a program has cut to
# 16 characters nobody knows what it was.
_FILL = """
UPDATE instance SET source_aet = told.calling_aet
FROM change AS told
JOIN (
    SELECT max(sequence) AS sequence FROM change
    WHERE kind IN ('stored', 'replaced') GROUP BY sop_instance_uid
) AS newest ON newest.sequence = told.sequence
WHERE told.sop_instance_uid = instance.sop_instance_uid
  AND (length(told.calling_aet) < 16 OR told.door = 'dimse')
"""


def upgrade() -> None:
    """Add the column, fill it, and have the index of the series hold it."""
    text = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
    op.add_column(
        "instance", sa.Column("source_aet", text, nullable=False, server_default=sa.text("''"))
    )
    op.execute(_FILL)
    op.drop_index(op.f("ix_instance_series_fk"), "instance")
    op.create_index(
        op.f("ix_instance_series_fk_source_aet"), "instance", ["series_fk", "source_aet"]
    )


def downgrade() -> None:
    """Remove it."""
    op.drop_index(op.f("ix_instance_series_fk_source_aet"), "instance")
    op.create_index(op.f("ix_instance_series_fk"), "instance", ["series_fk"])
    op.drop_column("instance", "source_aet")
