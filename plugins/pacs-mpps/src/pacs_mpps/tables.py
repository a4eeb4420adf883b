"""The tables of performed procedure steps, and of who is to hear of them."""

from __future__ import annotations

import sqlalchemy as sa

from pacs_framework.tables import TEXT, TIME, PluginTables, lease_columns, new_metadata

__all__ = ["NAME", "TABLES", "delivery", "instance", "scheduled", "step", "study"]

NAME = "mpps"
"""The plugin's name, under which its tables are found."""

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_metadata = new_metadata()


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, TEXT, nullable=False)


def _step_fk() -> sa.Column[int]:
    return sa.Column("step_fk", _ID, sa.ForeignKey("mpps_step.id"), primary_key=True)


step = sa.Table(
    "mpps_step",
    _metadata,
    sa.Column("id", _ID, primary_key=True),
    _text("sop_instance_uid"),
    _text("status"),
    _text("patient_id"),
    _text("station_aet"),
    _text("modality"),
    _text("start"),  # YYYYMMDDHHMMSS.ffffff, as the modality's clock has it
    _text("peer_aet"),
    sa.Column("dataset", sa.LargeBinary, nullable=False),
    sa.Column("created", TIME, nullable=False),
    sa.Column("changed", TIME, nullable=False),
    sa.UniqueConstraint("sop_instance_uid"),
)

scheduled = sa.Table(
    "mpps_scheduled",
    _metadata,
    _step_fk(),
    sa.Column("position", sa.Integer, primary_key=True),
    _text("study_instance_uid"),
    _text("accession_number"),
    # The completion of the study that counted this step; 0: none yet.
    sa.Column("completion", sa.Integer, nullable=False),
    sa.Index(None, "study_instance_uid"),
    sa.Index(None, "accession_number"),
)

# What COMPLETED steps list. One that is not stored yet keeps its studies from being complete.
instance = sa.Table(
    "mpps_instance",
    _metadata,
    _step_fk(),
    sa.Column("sop_instance_uid", TEXT, primary_key=True),
    sa.Column("stored", sa.Boolean, nullable=False),
    sa.Index(None, "sop_instance_uid"),
)

# Whoever looks whether a study is complete holds its row, so that nobody else does meanwhile.
study = sa.Table(
    "mpps_study",
    _metadata,
    sa.Column("study_instance_uid", TEXT, primary_key=True),
    sa.Column("completions", sa.Integer, nullable=False),
)

# One row for each who is to hear of something, gone when that is done. What stands in one lane
# goes to its receiver in the order of the ids.
delivery = sa.Table(
    "mpps_delivery",
    _metadata,
    sa.Column("id", _ID, primary_key=True),
    _text("kind"),
    _text("receiver"),
    _text("lane"),
    _text("event"),
    sa.Column("payload", sa.LargeBinary, nullable=False),
    sa.Column("number", sa.Integer, nullable=False),
    sa.Column("created", TIME, nullable=False),
    *lease_columns(),
    sa.Index(None, "kind", "receiver", "due"),
    sa.Index(None, "lane"),
    sqlite_autoincrement=True,
)

TABLES = PluginTables(metadata=_metadata)
