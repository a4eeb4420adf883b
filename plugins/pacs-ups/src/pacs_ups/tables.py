"""The tables of unified procedure steps, of those who are told of them, and of what waits for them.

Columns of a step hold what queries narrow by; the exact decision is
`pacs_framework.dicom.matching`, on the data set.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from pacs_framework.tables import TEXT, TIME, PluginTables, lease_columns, new_metadata

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

__all__ = [
    "NAME",
    "TABLES",
    "assignment",
    "channel",
    "channel_event",
    "event",
    "global_subscription",
    "step",
    "subscriber",
    "subscription",
]

NAME = "ups"
"""The plugin's name, under which its tables are found."""

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_metadata = new_metadata()


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, TEXT, nullable=False)


step = sa.Table(
    "ups_step",
    _metadata,
    sa.Column("id", _ID, primary_key=True),
    _text("uid"),
    _text("state"),
    # The key of its lock, from the moment it is claimed; kept when it is over, because the same
    # request again is then answered with a warning (PS3.4 Table CC.1.1-2).
    _text("transaction_uid"),
    sa.Column("ours", sa.Boolean, nullable=False),
    _text("priority"),
    _text("readiness"),
    _text("label"),
    _text("worklist_label"),
    _text("patient_id"),
    _text("study_instance_uid"),
    # YYYYMMDDHHMMSS.ffffff, in UTC where the value has an offset.
    _text("start"),
    sa.Column("dataset", sa.LargeBinary, nullable=False),
    sa.Column("changed", TIME, nullable=False),
    sa.Column("ended", TIME),
    sa.UniqueConstraint("uid"),
    sa.Index(None, "state", "start"),
    sa.Index(None, "patient_id"),
    sa.Index(None, "worklist_label"),
    sa.Index(None, "study_instance_uid"),
    sa.Index(None, "ended"),
    # Queries page by id, and an id that is free again must not move a step to another page.
    sqlite_autoincrement=True,
)

# Steps that performers of the archive are to be asked of (NULL), or that one of them has.
assignment = sa.Table(
    "ups_assignment",
    _metadata,
    sa.Column("step_fk", _ID, sa.ForeignKey(step.c.id), primary_key=True, autoincrement=False),
    sa.Column("performer", TEXT),
    sa.Index(None, "performer"),
)

subscription = sa.Table(
    "ups_subscription",
    _metadata,
    sa.Column("step_fk", _ID, sa.ForeignKey(step.c.id), primary_key=True),
    sa.Column("aet", TEXT, primary_key=True),
    sa.Column("locked", sa.Boolean, nullable=False),
    sa.Index(None, "aet"),
)

# The Global Subscription State of an AE, which has one; NULL keys: of all steps.
global_subscription = sa.Table(
    "ups_global_subscription",
    _metadata,
    sa.Column("aet", TEXT, primary_key=True),
    sa.Column("locked", sa.Boolean, nullable=False),
    sa.Column("keys", sa.LargeBinary),
)

# What an AE has not been told yet, in the order of the ids.
event = sa.Table(
    "ups_event",
    _metadata,
    sa.Column("id", _ID, primary_key=True),
    _text("aet"),
    _text("uid"),
    sa.Column("type", sa.Integer, nullable=False),
    sa.Column("information", sa.LargeBinary, nullable=False),
    sa.Column("made", TIME, nullable=False),
    sa.Index(None, "aet", "id"),
    sqlite_autoincrement=True,
)

subscriber = sa.Table(
    "ups_subscriber",
    _metadata,
    sa.Column("aet", TEXT, primary_key=True),
    # Counts up with each event, so that one which comes while the last is sent is not overlooked.
    sa.Column("rung", _ID, nullable=False),
    *lease_columns(),
    sa.Index(None, "due"),
)

# Event channels that are open (UPS-RS), each in the process that owns it.
channel = sa.Table(
    "ups_channel",
    _metadata,
    sa.Column("id", TEXT, primary_key=True),
    _text("aet"),
    _text("owner"),
    sa.Index(None, "aet"),
    sa.Index(None, "owner"),
)

# What has not been sent on a channel yet: of each event as many rows as its AE has channels.
channel_event = sa.Table(
    "ups_channel_event",
    _metadata,
    sa.Column("id", _ID, primary_key=True),
    sa.Column("channel_fk", TEXT, sa.ForeignKey(channel.c.id), nullable=False),
    _text("uid"),
    sa.Column("type", sa.Integer, nullable=False),
    sa.Column("information", sa.LargeBinary, nullable=False),
    sa.Column("made", TIME, nullable=False),
    sa.Index(None, "channel_fk", "id"),
    sqlite_autoincrement=True,
)


def _add_channels(connection: Connection) -> None:
    """Version 2: event channels."""
    made = new_metadata()
    channels = sa.Table(
        "ups_channel",
        made,
        sa.Column("id", TEXT, primary_key=True),
        _text("aet"),
        _text("owner"),
        sa.Index(None, "aet"),
        sa.Index(None, "owner"),
    )
    sa.Table(
        "ups_channel_event",
        made,
        sa.Column("id", _ID, primary_key=True),
        sa.Column("channel_fk", TEXT, sa.ForeignKey(channels.c.id), nullable=False),
        _text("uid"),
        sa.Column("type", sa.Integer, nullable=False),
        sa.Column("information", sa.LargeBinary, nullable=False),
        sa.Column("made", TIME, nullable=False),
        sa.Index(None, "channel_fk", "id"),
        sqlite_autoincrement=True,
    )
    made.create_all(connection)


def _add_assignments(connection: Connection) -> None:
    """Version 3: performers. They are asked of all scheduled steps when the archive starts."""
    made = new_metadata()
    steps = sa.Table("ups_step", made, sa.Column("id", _ID, primary_key=True))
    assignments = sa.Table(
        "ups_assignment",
        made,
        sa.Column("step_fk", _ID, sa.ForeignKey(steps.c.id), primary_key=True, autoincrement=False),
        sa.Column("performer", TEXT),
        sa.Index(None, "performer"),
    )
    assignments.create(connection)


TABLES = PluginTables(
    metadata=_metadata, version=3, upgrades={2: _add_channels, 3: _add_assignments}
)
