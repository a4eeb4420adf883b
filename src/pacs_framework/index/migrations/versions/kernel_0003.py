"""Links between patients: pairs of keys, and what follows from them for each patient."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "kernel0003"
down_revision = "kernel0002"
branch_labels = None
depends_on = None

_PAIR = (
    "patient_id",
    "issuer_of_patient_id",
    "other_patient_id",
    "other_issuer_of_patient_id",
)


def upgrade() -> None:
    """Make the tables: patient_link, linked_patient."""
    text = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
    op.create_table(
        "patient_link",
        _id("id"),
        *(sa.Column(name, text, nullable=False) for name in _PAIR),
        _id("sequence"),
        _of_correction("patient_link"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_patient_link")),
        sa.UniqueConstraint(*_PAIR, name=op.f("uq_patient_link_keys")),
    )
    op.create_index(op.f("ix_patient_link_other_patient_id"), "patient_link", ["other_patient_id"])
    op.create_table(
        "linked_patient",
        _id("corrected_fk"),
        sa.Column("others", sa.Text(), nullable=False),
        _id("sequence"),
        sa.ForeignKeyConstraint(
            ["corrected_fk"],
            ["corrected_patient.id"],
            name=op.f("fk_linked_patient_corrected_fk"),
        ),
        _of_correction("linked_patient"),
        sa.PrimaryKeyConstraint("corrected_fk", name=op.f("pk_linked_patient")),
    )


def downgrade() -> None:
    """Remove them, and with them every link."""
    for table in ("linked_patient", "patient_link"):
        op.drop_table(table)


def _id(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False)


def _of_correction(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["sequence"], ["patient_correction.sequence"], name=op.f(f"fk_{table}_sequence")
    )
