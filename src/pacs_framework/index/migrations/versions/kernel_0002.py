"""Corrections of patients: their log, what holds now, and who an instance says it is of."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "kernel0002"
down_revision = "kernel0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables: patient_correction, corrected_patient, recorded_patient."""
    _patient_correction()
    _corrected_patient()
    op.create_table(
        "recorded_patient",
        _id("instance_fk"),
        _id("corrected_fk"),
        sa.ForeignKeyConstraint(
            ["instance_fk"],
            ["instance.id"],
            name=op.f("fk_recorded_patient_instance_fk"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["corrected_fk"],
            ["corrected_patient.id"],
            name=op.f("fk_recorded_patient_corrected_fk"),
        ),
        sa.PrimaryKeyConstraint("instance_fk", name=op.f("pk_recorded_patient")),
    )
    _index("recorded_patient", "corrected_fk")


def downgrade() -> None:
    """Remove them, and with them every correction."""
    for table in ("recorded_patient", "corrected_patient", "patient_correction"):
        op.drop_table(table)


def _patient_correction() -> None:
    op.create_table(
        "patient_correction",
        _id("sequence"),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        *_keys(),
        *(sa.Column(n, sa.Text(), nullable=False) for n in ("by", "reason", "before", "after")),
        sa.PrimaryKeyConstraint("sequence", name=op.f("pk_patient_correction")),
    )
    _index("patient_correction", "patient_id")
    _index("patient_correction", "into_patient_id")


def _corrected_patient() -> None:
    op.create_table(
        "corrected_patient",
        _id("id"),
        *_keys(),
        sa.Column("demographics", sa.Text(), nullable=False),
        _id("sequence"),
        sa.ForeignKeyConstraint(
            ["sequence"],
            ["patient_correction.sequence"],
            name=op.f("fk_corrected_patient_sequence"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_corrected_patient")),
        sa.UniqueConstraint(
            "patient_id",
            "issuer_of_patient_id",
            name=op.f("uq_corrected_patient_patient_id_issuer_of_patient_id"),
        ),
    )
    _index("corrected_patient", "into_patient_id")


def _id(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False)


def _keys() -> list[sa.Column[Any]]:
    """The key of a patient, and that of the one it is merged into."""
    text = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
    return [
        sa.Column("patient_id", text, nullable=False),
        sa.Column("issuer_of_patient_id", text, nullable=False),
        sa.Column("into_patient_id", text),
        sa.Column("into_issuer_of_patient_id", text),
    ]


def _index(table: str, *columns: str) -> None:
    op.create_index(op.f(f"ix_{table}_{'_'.join(columns)}"), table, list(columns))
