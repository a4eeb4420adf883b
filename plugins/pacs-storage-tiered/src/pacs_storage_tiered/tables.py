"""The tables: what is still to be done, who read what when, what is pinned, marks of places."""

from __future__ import annotations

import sqlalchemy as sa

from pacs_framework.tables import TEXT, TIME, PluginTables, new_metadata

__all__ = ["NAME", "TABLES", "access", "cycle", "pin", "place", "task"]

NAME = "storage-tiered"
"""The plugin's name, under which its tables are found."""

_metadata = new_metadata()

# One row for each object, so that no two kinds of work on it ever meet.
task = sa.Table(
    "storage_tiered_task",
    _metadata,
    sa.Column("key", TEXT, primary_key=True),
    sa.Column("kind", TEXT, nullable=False),
    sa.Column("tier", TEXT, nullable=False),  # where a move goes to, else empty
    sa.Column("since", TIME, nullable=False),
    # When somebody has to look at it. Whoever does puts it off for as long as that may take.
    sa.Column("due", TIME, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("error", TEXT, nullable=False),
    sa.Index(None, "due"),
    sa.Index(None, "kind"),
)

access = sa.Table(
    "storage_tiered_access",
    _metadata,
    sa.Column("study", TEXT, primary_key=True),
    sa.Column("last", TIME, nullable=False),
    sa.Index(None, "last"),
)

pin = sa.Table(
    "storage_tiered_pin",
    _metadata,
    sa.Column("study", TEXT, primary_key=True),
    sa.Column("since", TIME, nullable=False),
    sa.Column("note", TEXT, nullable=False),
)

cycle = sa.Table(
    "storage_tiered_cycle",
    _metadata,
    sa.Column("name", TEXT, primary_key=True),
    sa.Column("due", TIME, nullable=False),
)

# What tells each place from the empty folder below it.
place = sa.Table(
    "storage_tiered_place",
    _metadata,
    sa.Column("name", TEXT, primary_key=True),
    sa.Column("mark", TEXT, nullable=False),
    sa.Column("marked", TIME),  # when it was there; null while nobody has seen it
)


def _add_places(connection: sa.Connection) -> None:
    sa.Table(
        "storage_tiered_place",
        new_metadata(),
        sa.Column("name", TEXT, primary_key=True),
        sa.Column("mark", TEXT, nullable=False),
        sa.Column("marked", TIME),
    ).create(connection)


TABLES = PluginTables(
    metadata=_metadata,
    version=2,
    upgrades={2: _add_places},
    about_storage=frozenset({place.name}),
)
