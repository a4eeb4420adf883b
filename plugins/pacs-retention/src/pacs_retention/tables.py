"""The one table: when the next cycle is due, for all nodes of a database."""

from __future__ import annotations

import sqlalchemy as sa

from pacs_framework.tables import TEXT, TIME, PluginTables, new_metadata

__all__ = ["NAME", "TABLES", "cycle"]

NAME = "retention"
"""The plugin's name, under which its table is found."""

_metadata = new_metadata()

cycle = sa.Table(
    "retention_cycle",
    _metadata,
    sa.Column("name", TEXT, primary_key=True),
    sa.Column("due", TIME, nullable=False),
)

TABLES = PluginTables(metadata=_metadata)
