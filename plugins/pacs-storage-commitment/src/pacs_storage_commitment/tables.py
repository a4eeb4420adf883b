"""The tables of transactions and their instances."""

from __future__ import annotations

import sqlalchemy as sa

from pacs_framework.tables import TEXT, TIME, PluginTables, lease_columns, new_metadata

__all__ = ["NAME", "TABLES", "instance", "transaction"]

NAME = "storage-commitment"
"""The plugin's name, under which its tables are found."""

_metadata = new_metadata()

transaction = sa.Table(
    "storage_commitment_transaction",
    _metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("direction", TEXT, nullable=False),  # "in": a peer asks us, "out": we ask a peer
    sa.Column("transaction_uid", TEXT, nullable=False),
    # Of what is asked and by whom: the same again is a repetition, anything else a clash (0131H).
    sa.Column("digest", TEXT, nullable=False),
    sa.Column("clash", sa.Boolean, nullable=False),
    sa.Column("peer_aet", TEXT, nullable=False),
    sa.Column("state", TEXT, nullable=False),
    sa.Column("total", sa.Integer, nullable=False),
    sa.Column("failed", sa.Integer, nullable=False),
    sa.Column("begun", TIME, nullable=False),
    sa.Column("ended", TIME),
    *lease_columns(),
    sa.UniqueConstraint("direction", "transaction_uid", "digest"),
    sa.Index(None, "due"),
    sa.Index(None, "begun"),
)

instance = sa.Table(
    "storage_commitment_instance",
    _metadata,
    sa.Column("transaction_id", sa.ForeignKey(transaction.c.id), primary_key=True),
    sa.Column("position", sa.Integer, primary_key=True),
    sa.Column("sop_class_uid", TEXT, nullable=False),
    sa.Column("sop_instance_uid", TEXT, nullable=False),
    sa.Column("reason", sa.Integer),  # NULL: not known yet, 0: committed, else Failure Reason
)

TABLES = PluginTables(metadata=_metadata)
