"""The tables of print jobs: what is to be printed, and the pixels of that.

Films stand here, not in files: two nodes share the tables, and one transaction makes a whole job
durable. Pixels are cut into pieces, because no engine likes a value of 100 MB.
"""

from __future__ import annotations

import sqlalchemy as sa

from pacs_framework.tables import TEXT, TIME, PluginTables, lease_columns, new_metadata

__all__ = ["NAME", "TABLES", "film", "job", "piece", "series", "shown"]

NAME = "print"
"""The plugin's name, under which its tables are found."""

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_metadata = new_metadata()


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, TEXT, nullable=False)


job = sa.Table(
    "print_job",
    _metadata,
    sa.Column("id", _ID, primary_key=True),
    _text("uid"),
    # The AE title that was called, or the name of a peer in [peers] to which we are SCU.
    _text("printer"),
    _text("originator"),
    _text("label"),
    # Of patient and study where they are known, packed.
    sa.Column("attributes", sa.LargeBinary),
    sa.Column("priority", sa.Integer, nullable=False),
    sa.Column("copies", sa.Integer, nullable=False),
    sa.Column("films", sa.Integer, nullable=False),
    _text("state"),
    # Execution Status Info (2100,0030).
    _text("info"),
    sa.Column("held", sa.Boolean, nullable=False),
    # What outputs have in their hands, as JSON; empty for nothing.
    sa.Column("handed", TEXT, nullable=False, default=""),
    sa.Column("made", TIME, nullable=False),
    sa.Column("ended", TIME),
    # Counts up with each change of state, so that who watches sees that there was one.
    sa.Column("turn", sa.Integer, nullable=False),
    *lease_columns(),
    sa.UniqueConstraint("uid"),
    sa.Index(None, "due"),
    sa.Index(None, "printer", "state"),
    sa.Index(None, "ended"),
    sqlite_autoincrement=True,
)

film = sa.Table(
    "print_film",
    _metadata,
    sa.Column("job_fk", _ID, sa.ForeignKey(job.c.id), primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True),
    # A `pacs_print.queue.records.FilmRecord` as JSON.
    _text("record"),
)

piece = sa.Table(
    "print_piece",
    _metadata,
    sa.Column("job_fk", _ID, sa.ForeignKey(job.c.id), primary_key=True),
    sa.Column("film", sa.Integer, primary_key=True),
    sa.Column("image", sa.Integer, primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("data", sa.LargeBinary, nullable=False),
)

# What is stored and is to be printed: by a rule once nothing more of it comes, or by hand. The
# errand is a `pacs_print.stored.errand.PrintRule` as JSON; the series is empty for a whole study.
series = sa.Table(
    "print_series",
    _metadata,
    sa.Column("id", _ID, primary_key=True),
    _text("errand"),
    _text("study_instance_uid"),
    _text("series_instance_uid"),
    # Asked for by a person, who wants all of it.
    sa.Column("by_hand", sa.Boolean, nullable=False),
    sa.Column("made", TIME, nullable=False),
    *lease_columns(),
    sa.UniqueConstraint("errand", "study_instance_uid", "series_instance_uid"),
    sa.Index(None, "due"),
    sqlite_autoincrement=True,
)

# What a rule has printed, so that what comes late is printed by itself. The rule is the digest of
# its JSON: one that was changed has printed nothing yet.
shown = sa.Table(
    "print_shown",
    _metadata,
    sa.Column("rule", TEXT, primary_key=True),
    sa.Column("series_instance_uid", TEXT, primary_key=True),
    sa.Column("sop_instance_uid", TEXT, primary_key=True),
    sa.Column("at", TIME, nullable=False),
    sa.Index(None, "at"),
)

TABLES = PluginTables(metadata=_metadata)
