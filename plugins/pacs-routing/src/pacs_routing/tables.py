"""The tables: performed procedure steps that rules wait for, and figures of destinations."""

from __future__ import annotations

import sqlalchemy as sa

from pacs_framework.tables import TEXT, TIME, PluginTables, new_metadata

__all__ = ["TABLES", "destination", "step"]

_metadata = new_metadata()

# The book of steps is another plugin's, which tells of them one by one; what matters here is kept.
step = sa.Table(
    "routing_step",
    _metadata,
    sa.Column("study_instance_uid", TEXT, primary_key=True),
    sa.Column("step_uid", TEXT, primary_key=True),
    sa.Column("state", TEXT, nullable=False),
)

destination = sa.Table(
    "routing_destination",
    _metadata,
    sa.Column("name", TEXT, primary_key=True),
    sa.Column("sent", sa.BigInteger, nullable=False),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("refused", sa.BigInteger, nullable=False),
    sa.Column("last_sent", TIME),
    sa.Column("error", TEXT, nullable=False),
    sa.Column("error_at", TIME),
    sa.Column("echo", TEXT, nullable=False),
    sa.Column("echo_at", TIME),
    sa.Column("there", sa.Boolean),
)

TABLES = PluginTables(metadata=_metadata)
