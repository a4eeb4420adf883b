"""The tables: prepared metadata, and what is to be forwarded.

Prepared metadata have one row for each run of instances of one series.

A row is known by the objects that it was made of. Objects never change, and the index says at each
request which ones a series has now: what does not fit any more is not found, so nothing is stale.
"""

from __future__ import annotations

import sqlalchemy as sa

from pacs_framework.tables import TEXT, TIME, PluginTables, lease_columns, new_metadata

__all__ = ["NAME", "TABLES", "forward", "run", "swept"]

NAME = "dicomweb"
"""The name of the plugin, under which its tables are opened."""

_metadata = new_metadata()

run = sa.Table(
    "dicomweb_metadata",
    _metadata,
    # Digest of the storage key of the first instance; with `objects`, the digests of all.
    sa.Column("first", sa.LargeBinary(16), primary_key=True),
    sa.Column("objects", sa.LargeBinary, nullable=False),
    sa.Column("study_instance_uid", sa.String(64), nullable=False),
    # What else decided on the form: version of the renderer, what is inline.
    sa.Column("form", sa.String(32), nullable=False),
    sa.Column("body", sa.LargeBinary, nullable=False),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("made", TIME, nullable=False),
    sa.Index(None, "made", "size"),  # how much there is, without looking past the bodies
    sa.Index(None, "study_instance_uid"),
)

# One row: the number of the last deletion that was worked off in `run`.
swept = sa.Table(
    "dicomweb_swept",
    _metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("number", sa.BigInteger, nullable=False),
)

forward = sa.Table(
    "dicomweb_forward",
    _metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("target", TEXT, nullable=False),
    sa.Column("study_instance_uid", sa.String(64), nullable=False),
    sa.Column("series_instance_uid", sa.String(64), nullable=False),
    sa.Column("sop_instance_uid", sa.String(64), nullable=False),
    sa.Column("created", TIME, nullable=False),
    *lease_columns(),
    sa.Index(None, "target", "due"),
)


def _index_sizes(connection: sa.Connection) -> None:
    """Version 2: their sizes are in the index by age. What was prepared is prepared anew."""
    held = sa.Table(
        "dicomweb_metadata",
        new_metadata(),
        sa.Column("made", TIME),
        sa.Column("size", sa.BigInteger),
    )
    connection.execute(sa.delete(held))
    sa.Index("ix_dicomweb_metadata_made", held.c.made).drop(connection)
    sa.Index("ix_dicomweb_metadata_made_size", held.c.made, held.c.size).create(connection)


TABLES = PluginTables(metadata=_metadata, version=2, upgrades={2: _index_sizes})
