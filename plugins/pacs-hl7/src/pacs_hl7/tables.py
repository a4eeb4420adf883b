"""The tables: messages that came in, and messages that are to go out."""

from __future__ import annotations

import sqlalchemy as sa

from pacs_framework.tables import TEXT, TIME, PluginTables, new_metadata

__all__ = ["NAME", "TABLES", "message", "outgoing"]

NAME = "hl7"
"""Of the plugin."""

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_metadata = new_metadata()


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, TEXT, nullable=False)


message = sa.Table(
    "hl7_message",
    _metadata,
    sa.Column("id", _ID, primary_key=True),
    # Who sent it, what they call it, and what it says: the same three are a repetition.
    _text("sender"),
    _text("control_id"),
    _text("digest"),
    _text("kind"),
    _text("address"),
    _text("code"),  # AA, AE, AR
    _text("error"),  # HL7 table 0357
    _text("location"),
    _text("reason"),
    sa.Column("received", TIME, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("data", sa.LargeBinary, nullable=False),
    sa.UniqueConstraint("sender", "control_id", "digest"),
    sa.Index(None, "received"),
    sa.Index(None, "code"),
    sqlite_autoincrement=True,
)

outgoing = sa.Table(
    "hl7_outgoing",
    _metadata,
    sa.Column("id", _ID, primary_key=True),
    _text("receiver"),
    # What it is about: the same event is told to a receiver once, however often we hear of it.
    _text("event"),
    _text("kind"),
    _text("control_id"),
    _text("state"),  # queued, sent, refused
    _text("error"),
    sa.Column("made", TIME, nullable=False),
    sa.Column("due", TIME, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("data", sa.LargeBinary, nullable=False),
    sa.UniqueConstraint("receiver", "event"),
    sa.Index(None, "receiver", "state", "id"),
    sqlite_autoincrement=True,
)

TABLES = PluginTables(metadata=_metadata)
