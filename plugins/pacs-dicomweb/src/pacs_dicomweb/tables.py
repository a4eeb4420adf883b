"""The table of prepared metadata: one row for each run of instances of one series.

A row is known by the objects that it was made of. Objects never change, and the index says at each
request which ones a series has now: what does not fit any more is not found, so nothing is stale.
"""

from __future__ import annotations

import sqlalchemy as sa

from pacs_framework.tables import TIME, PluginTables, new_metadata

__all__ = ["TABLES", "run"]

_metadata = new_metadata()

run = sa.Table(
    "dicomweb_metadata",
    _metadata,
    # Digest of the storage key of the first instance; with `objects`, the digests of all.
    sa.Column("first", sa.LargeBinary(16), primary_key=True),
    sa.Column("objects", sa.LargeBinary, nullable=False),
    # What else decided on the form: version of the renderer, what is inline.
    sa.Column("form", sa.String(32), nullable=False),
    sa.Column("body", sa.LargeBinary, nullable=False),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("made", TIME, nullable=False),
    sa.Index(None, "made"),
)

TABLES = PluginTables(metadata=_metadata)
