"""Deletions that were carried out, protected patients and studies, and their labels."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "kernel0004"
down_revision = "kernel0003"
branch_labels = None
depends_on = None

_SUBJECT = ("study_instance_uid", "patient_id", "issuer_of_patient_id")
_UIDS = ("study_instance_uid", "series_instance_uid", "sop_instance_uid")


def upgrade() -> None:
    """Make the tables: deletion, protection, label."""
    op.create_table(
        "deletion",
        _id("sequence"),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("door", sa.String(32), nullable=False),
        sa.Column("patient_id", _text()),
        sa.Column("issuer_of_patient_id", _text()),
        *(sa.Column(name, sa.String(64), nullable=False) for name in _UIDS),
        *(sa.Column(n, sa.Integer(), nullable=False) for n in ("studies", "series", "instances")),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("sequence", name=op.f("pk_deletion")),
    )
    _of_subjects("protection", (), sa.Column("reason", sa.Text(), nullable=False))
    _of_subjects("label", ("name",))
    op.create_index(op.f("ix_label_name"), "label", ["name"])


def downgrade() -> None:
    """Remove them, and with them every protection and label."""
    for table in ("label", "protection", "deletion"):
        op.drop_table(table)


def _of_subjects(table: str, said: tuple[str, ...], *more: sa.Column[Any]) -> None:
    key = (*_SUBJECT, *said)
    op.create_table(
        table,
        _id("id"),
        *(sa.Column(name, _text(), nullable=False) for name in key),
        sa.Column("since", sa.DateTime(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        *more,
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{table}")),
        sa.UniqueConstraint(*key, name=op.f(f"uq_{table}_{'_'.join(key)}")),
    )


def _id(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False)


def _text() -> sa.Text:
    return sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
