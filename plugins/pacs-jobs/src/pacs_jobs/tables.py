"""The tables of jobs, of what they wrote down, and of kinds that wait."""

from __future__ import annotations

import sqlalchemy as sa

from pacs_framework.tables import TEXT, TIME, PluginTables, new_metadata

__all__ = ["ALONE", "NAME", "TABLES", "begun", "job", "job_kind", "log_line"]

NAME = "jobs"
"""The plugin's name, under which its tables are found."""

ALONE = "alone"
"""In place of a run: of a waiting job that is to be done without others."""

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_metadata = new_metadata()


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, TEXT, nullable=False)


# ``single`` is what no two jobs of a kind have: the key, or something made up where there is none.
# It is NULL when a later job has taken the key over. ``due`` of a running job is the end of its
# lease, of a waiting one when it may be taken. ``since`` is what giving up by age counts from.
# ``batch`` names the call that has put it in, which so knows its own rows from those of others;
# ``run`` names the run that has it, or ended it: the same for jobs that are done by one call of
# ``run_together``, and another one each time that a job is taken.
job = sa.Table(
    "jobs_job",
    _metadata,
    sa.Column("id", _ID, primary_key=True),
    _text("kind"),
    _text("key"),
    sa.Column("single", TEXT),
    _text("batch"),
    _text("lane"),
    _text("state"),
    sa.Column("priority", sa.Integer, nullable=False),
    _text("payload"),
    sa.Column("created", TIME, nullable=False),
    sa.Column("since", TIME, nullable=False),
    sa.Column("due", TIME),
    sa.Column("started", TIME),
    sa.Column("ended", TIME),
    sa.Column("forget", TIME),
    sa.Column("attempts", sa.Integer, nullable=False),
    _text("error"),
    sa.Column("progress_done", sa.Float, nullable=False),
    sa.Column("progress_total", sa.Float, nullable=False),
    _text("progress_note"),
    _text("result"),
    _text("owner"),
    _text("runner"),
    _text("run"),
    sa.Column("canceling", sa.Boolean, nullable=False),
    sa.UniqueConstraint("kind", "single"),
    sa.Index("ix_jobs_job_turn", "kind", "state", sa.desc("priority"), "due", "id"),
    sa.Index(None, "kind", "state", "due"),
    sa.Index(None, "kind", "state", "lane"),
    sa.Index(None, "state", "due"),
    sa.Index(None, "forget"),
    sqlite_autoincrement=True,
)

log_line = sa.Table(
    "jobs_log_line",
    _metadata,
    sa.Column("id", _ID, primary_key=True),
    sa.Column("job_fk", _ID, sa.ForeignKey("jobs_job.id", ondelete="CASCADE"), nullable=False),
    sa.Column("at", TIME, nullable=False),
    sa.Column("attempt", sa.Integer, nullable=False),
    _text("text"),
    sa.Index(None, "job_fk"),
    sqlite_autoincrement=True,
)

# A row for each kind that somebody has run here: who claims jobs of it holds the row, so that what
# is counted over all nodes is not counted twice. ``waits`` says whether it is paused, ``until``
# when that ends, NULL for not by itself.
job_kind = sa.Table(
    "jobs_kind",
    _metadata,
    sa.Column("kind", TEXT, primary_key=True),
    sa.Column("waits", sa.Boolean, nullable=False),
    sa.Column("until", TIME),
    _text("reason"),
)

# When jobs of kinds with a rate were begun, as long as that counts.
begun = sa.Table(
    "jobs_begun",
    _metadata,
    sa.Column("id", _ID, primary_key=True),
    _text("kind"),
    sa.Column("at", TIME, nullable=False),
    sa.Index(None, "kind", "at"),
    sqlite_autoincrement=True,
)

TABLES = PluginTables(metadata=_metadata)
