"""The table: one row for each instance, with its bytes.

Instances of these classes are few and small, so they need no storage of their own: what is in a
table is in each backup, on each node and as durable as its row.
"""

from __future__ import annotations

import sqlalchemy as sa

from pacs_framework.tables import TEXT, TIME, PluginTables, new_metadata

__all__ = ["NAME", "TABLES", "instance"]

NAME = "non-patient"
"""The name of the plugin, under which its tables are opened."""

_metadata = new_metadata()

instance = sa.Table(
    "non_patient_instance",
    _metadata,
    sa.Column("sop_instance_uid", sa.String(64), primary_key=True),
    sa.Column("sop_class_uid", sa.String(64), nullable=False),
    sa.Column("transfer_syntax_uid", sa.String(64), nullable=False),
    # What a person knows it by, as in its data set and without padding (see `categories.Model`).
    sa.Column("label", TEXT, nullable=False),
    # SHA-256 and length of `dataset`.
    sa.Column("digest", sa.LargeBinary(32), nullable=False),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("source_aet", TEXT, nullable=False),
    sa.Column("stored", TIME, nullable=False),
    # What queries look at (see `received`), packed.
    sa.Column("attributes", sa.LargeBinary, nullable=False),
    # As it came, without Part 10 header. It is last, so that nobody reads past it for the others.
    sa.Column("dataset", sa.LargeBinary, nullable=False),
    sa.Index(None, "sop_class_uid", "sop_instance_uid"),
    sa.Index(None, "sop_class_uid", "label"),
)

TABLES = PluginTables(metadata=_metadata)
