"""The tables: one row for each instance, with its bytes, and one for each value it is found by.

Instances of these classes are few and small, so they need no storage of their own: what is in a
table is in each backup, on each node and as durable as its row.
"""

from __future__ import annotations

import sqlalchemy as sa

from pacs_framework.tables import TEXT, TIME, PluginTables, new_metadata

__all__ = ["NAME", "TABLES", "instance", "key"]

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
)

# What `keys` says of an instance: a name is a keyword, or several down into sequences.
key = sa.Table(
    "non_patient_key",
    _metadata,
    sa.Column("name", TEXT, primary_key=True),
    sa.Column("value", TEXT, primary_key=True),
    sa.Column(
        "sop_instance_uid",
        sa.String(64),
        sa.ForeignKey("non_patient_instance.sop_instance_uid"),
        primary_key=True,
    ),
    sa.Index(None, "sop_instance_uid"),
)


def _add_keys(connection: sa.Connection) -> None:
    """Version 2: the values of keys; those of what is there are taken from its attributes."""
    from pacs_framework.dicom.packed import unpack  # noqa: PLC0415 - once, if ever
    from pacs_non_patient.keys import values_in  # noqa: PLC0415 - it imports this module

    made = new_metadata()
    there = sa.Table(
        "non_patient_instance",
        made,
        sa.Column("sop_instance_uid", sa.String(64), primary_key=True),
        sa.Column("sop_class_uid", sa.String(64)),
        sa.Column("attributes", sa.LargeBinary),
    )
    added = sa.Table(
        "non_patient_key",
        made,
        sa.Column("name", TEXT, primary_key=True),
        sa.Column("value", TEXT, primary_key=True),
        sa.Column(
            "sop_instance_uid",
            sa.String(64),
            sa.ForeignKey(there.c.sop_instance_uid),
            primary_key=True,
        ),
        sa.Index(None, "sop_instance_uid"),
    )
    added.create(connection)
    connection.execute(sa.text("DROP INDEX ix_non_patient_instance_sop_class_uid_label"))
    uids = connection.scalars(sa.select(there.c.sop_instance_uid)).all()
    for start in range(0, len(uids), 50):
        some = uids[start : start + 50]
        for row in connection.execute(sa.select(there).where(there.c.sop_instance_uid.in_(some))):
            found = values_in(unpack(bytes(row.attributes)), row.sop_class_uid)
            rows = [
                {"name": name, "value": value, "sop_instance_uid": row.sop_instance_uid}
                for name, value in found
            ]
            if rows:
                connection.execute(sa.insert(added), rows)


TABLES = PluginTables(metadata=_metadata, version=2, upgrades={2: _add_keys})
