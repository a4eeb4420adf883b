"""The tables of runs: which model made what of what, and what a person thought of it."""

from __future__ import annotations

import sqlalchemy as sa

from pacs_framework.tables import TEXT, TIME, PluginTables, new_metadata

__all__ = ["TABLES", "review", "run", "run_input", "run_result"]

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_metadata = new_metadata()


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, TEXT, nullable=False)


def _run_key() -> sa.Column[int]:
    return sa.Column("run_fk", _ID, sa.ForeignKey("ai_run.id"), primary_key=True)


run = sa.Table(
    "ai_run",
    _metadata,
    sa.Column("id", _ID, primary_key=True),
    _text("uid"),
    _text("model"),
    _text("version"),
    _text("runner"),
    # SHA-256 of code and weights, as far as they are files.
    _text("digest"),
    _text("study_instance_uid"),
    _text("series_instance_uid"),
    _text("state"),
    _text("reason"),
    # The last words of the model, printable.
    _text("log"),
    # Where it runs, so that a run whose process died is known as that.
    _text("node"),
    _text("folder"),
    sa.Column("started", TIME, nullable=False),
    sa.Column("ended", TIME),
    sa.UniqueConstraint("uid"),
    sa.Index(None, "series_instance_uid"),
    sa.Index(None, "model", "state"),
    sqlite_autoincrement=True,
)

run_input = sa.Table(
    "ai_input",
    _metadata,
    _run_key(),
    sa.Column("number", sa.Integer, primary_key=True),
    _text("sop_instance_uid"),
)

run_result = sa.Table(
    "ai_result",
    _metadata,
    _run_key(),
    sa.Column("number", sa.Integer, primary_key=True),
    _text("sop_class_uid"),
    _text("series_instance_uid"),
    _text("sop_instance_uid"),
    # Whether the archive has it: a run that dies while it stores leaves some that are not.
    sa.Column("stored", sa.Boolean, nullable=False),
    sa.Index(None, "sop_instance_uid"),
)

review = sa.Table(
    "ai_review",
    _metadata,
    sa.Column("id", _ID, primary_key=True),
    sa.Column("run_fk", _ID, sa.ForeignKey("ai_run.id"), nullable=False),
    _text("verdict"),
    _text("reviewer"),
    _text("note"),
    sa.Column("made", TIME, nullable=False),
    sa.Index(None, "run_fk"),
    sqlite_autoincrement=True,
)

TABLES = PluginTables(metadata=_metadata)
"""All of them."""
