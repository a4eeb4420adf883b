"""The first tables of the index.

A migration is history: it says in its own words what was made then; it does not follow the schema.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "kernel0001"
down_revision = None
branch_labels = ("kernel",)
depends_on = None


def upgrade() -> None:
    """Make the tables: patient, study, series, instance, change, obsolete, cursor."""
    _patient()
    _study()
    _series()
    _instance()
    _change()
    op.create_table(
        "obsolete",
        sa.Column("storage_key", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("storage_key", name=op.f("pk_obsolete")),
    )
    op.create_table(
        "cursor",
        sa.Column("consumer", sa.String(128), nullable=False),
        _id("sequence"),
        sa.PrimaryKeyConstraint("consumer", name=op.f("pk_cursor")),
    )


def downgrade() -> None:
    """Remove them, children first."""
    for table in ("cursor", "obsolete", "change", "instance", "series", "study", "patient"):
        op.drop_table(table)


def _id(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False)


def _text(*names: str) -> list[sa.Column[Any]]:
    text = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
    return [sa.Column(name, text, nullable=False) for name in names]


def _string(length: int, *names: str) -> list[sa.Column[Any]]:
    return [sa.Column(name, sa.String(length), nullable=False) for name in names]


def _index(table: str, *columns: str) -> None:
    op.create_index(op.f(f"ix_{table}_{'_'.join(columns)}"), table, list(columns))


def _patient() -> None:
    op.create_table(
        "patient",
        _id("id"),
        *_text(
            "patient_id",
            "issuer_of_patient_id",
            "patient_name",
            "patient_birth_date",
            "patient_sex",
            "patient_name_search",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_patient")),
        sa.UniqueConstraint(
            "patient_id",
            "issuer_of_patient_id",
            name=op.f("uq_patient_patient_id_issuer_of_patient_id"),
        ),
        sqlite_autoincrement=True,
    )
    _index("patient", "patient_name_search")
    several_groups = sa.text("patient_name_search LIKE '%=%'")
    op.create_index(
        "ix_patient_name_groups",
        "patient",
        ["patient_name_search"],
        sqlite_where=several_groups,
        postgresql_where=several_groups,
    )
    _index("patient", "patient_birth_date")


def _study() -> None:
    op.create_table(
        "study",
        _id("id"),
        _id("patient_fk"),
        *_text(
            "study_instance_uid",
            "study_id",
            "study_date",
            "study_time",
            "accession_number",
            "referring_physician_name",
            "study_description",
            "study_datetime_search",
        ),
        sa.ForeignKeyConstraint(["patient_fk"], ["patient.id"], name=op.f("fk_study_patient_fk")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_study")),
        sa.UniqueConstraint(
            "study_instance_uid", "patient_fk", name=op.f("uq_study_study_instance_uid_patient_fk")
        ),
        sqlite_autoincrement=True,
    )
    for column in ("patient_fk", "study_datetime_search", "accession_number", "study_id"):
        _index("study", column)


def _series() -> None:
    op.create_table(
        "series",
        _id("id"),
        _id("study_fk"),
        *_text(
            "series_instance_uid",
            "series_number",
            "modality",
            "series_description",
            "series_date",
            "series_time",
            "body_part_examined",
            "station_name",
            "institution_name",
            "performed_procedure_step_start_date",
            "performed_procedure_step_start_time",
        ),
        sa.ForeignKeyConstraint(["study_fk"], ["study.id"], name=op.f("fk_series_study_fk")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_series")),
        sa.UniqueConstraint(
            "series_instance_uid", "study_fk", name=op.f("uq_series_series_instance_uid_study_fk")
        ),
        sqlite_autoincrement=True,
    )
    _index("series", "study_fk", "modality")


def _instance() -> None:
    op.create_table(
        "instance",
        _id("id"),
        _id("series_fk"),
        *_text(
            "sop_instance_uid",
            "sop_class_uid",
            "instance_number",
            "content_date",
            "content_time",
            "number_of_frames",
        ),
        *_string(64, "transfer_syntax_uid"),
        sa.Column("storage_key", sa.Text(), nullable=False),
        *_string(32, "version"),
        sa.Column("dataset_offset", sa.Integer(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("prefix_digest", sa.LargeBinary(32), nullable=False),
        sa.Column("dataset_digest", sa.LargeBinary(32), nullable=False),
        sa.Column("received", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(["series_fk"], ["series.id"], name=op.f("fk_instance_series_fk")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_instance")),
        sa.UniqueConstraint("sop_instance_uid", name=op.f("uq_instance_sop_instance_uid")),
        sa.UniqueConstraint("storage_key", name=op.f("uq_instance_storage_key")),
    )
    _index("instance", "series_fk")


def _change() -> None:
    op.create_table(
        "change",
        _id("sequence"),
        *_string(16, "kind"),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("patient_id", sa.Text(), nullable=False),
        sa.Column("issuer_of_patient_id", sa.Text(), nullable=False),
        *_string(
            64, "study_instance_uid", "series_instance_uid", "sop_instance_uid", "sop_class_uid"
        ),
        *_string(32, "door"),
        *_string(16, "calling_aet", "called_aet"),
        *_string(64, "address", "association_id"),
        sa.Column("tls_subject", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("sequence", name=op.f("pk_change")),
    )
