"""The tables of the worklist: one row for each scheduled procedure step.

Columns hold what queries narrow by; the exact decision is `pacs_framework.dicom.matching`, on the
data set. Text is as it is in the data set, without padding, and empty where it is absent.
"""

from __future__ import annotations

import sqlalchemy as sa

from pacs_framework.tables import TEXT, TIME, PluginTables, lease_columns, new_metadata

__all__ = ["NAME", "TABLES", "item", "listener", "news", "station"]

NAME = "worklist"
"""The plugin's name, under which its tables are found."""

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_metadata = new_metadata()


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, TEXT, nullable=False)


item = sa.Table(
    "worklist_item",
    _metadata,
    sa.Column("id", _ID, primary_key=True),
    # Whose order it is, in the words of who placed it: placing it again changes this row.
    _text("order_key"),
    sa.Column("state", sa.String(16), nullable=False),
    _text("patient_id"),
    _text("issuer_of_patient_id"),
    _text("patient_name_search"),
    _text("accession_number"),
    _text("study_instance_uid"),
    _text("requested_procedure_id"),
    _text("scheduled_procedure_step_id"),
    _text("modality"),
    # YYYYMMDDHHMMSS.ffffff; empty where the data set has no date that can be read.
    _text("start"),
    sa.Column("dataset", sa.LargeBinary, nullable=False),
    sa.Column("changed", TIME, nullable=False),
    sa.UniqueConstraint("order_key"),
    sa.Index(None, "start"),
    sa.Index(None, "patient_id"),
    sa.Index(None, "patient_name_search"),
    sa.Index(None, "accession_number"),
    sa.Index(None, "study_instance_uid"),
    sa.Index(None, "scheduled_procedure_step_id"),
    # An id that was given to a step that is gone must not name another one.
    sqlite_autoincrement=True,
)

# A step may be planned for one of several stations (VM 1-n). The start is here a second time, so
# that the day of one station is one range of an index.
station = sa.Table(
    "worklist_station",
    _metadata,
    sa.Column("aet", TEXT, primary_key=True),
    sa.Column("start", TEXT, primary_key=True),
    sa.Column("item_fk", _ID, sa.ForeignKey("worklist_item.id"), primary_key=True),
    sa.Index(None, "item_fk"),
)

# The plugins that are to hear of steps. Who writes a step may be a command, which knows no plugin.
listener = sa.Table("worklist_listener", _metadata, sa.Column("plugin", TEXT, primary_key=True))

# That a plugin has to hear of a step, gone when it has. It waits once, however often the step
# changes meanwhile: what is told is the step as it stands then.
news = sa.Table(
    "worklist_news",
    _metadata,
    sa.Column("id", _ID, primary_key=True),
    sa.Column("item_fk", _ID, sa.ForeignKey("worklist_item.id"), nullable=False),
    _text("receiver"),
    *lease_columns(),
    sa.Index(None, "due"),
    sa.Index(None, "item_fk", "receiver"),
    sqlite_autoincrement=True,
)


def _add_news(connection: sa.Connection) -> None:
    """Version 2: who is to hear of which step."""
    made = new_metadata()
    sa.Table("worklist_listener", made, sa.Column("plugin", TEXT, primary_key=True))
    steps = sa.Table("worklist_item", made, sa.Column("id", _ID, primary_key=True))
    added = sa.Table(
        "worklist_news",
        made,
        sa.Column("id", _ID, primary_key=True),
        sa.Column("item_fk", _ID, sa.ForeignKey(steps.c.id), nullable=False),
        _text("receiver"),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("error", TEXT, nullable=False),
        sa.Column("due", TIME),
        sa.Column("owner", TEXT, nullable=False),
        sa.Index(None, "due"),
        sa.Index(None, "item_fk", "receiver"),
        sqlite_autoincrement=True,
    )
    made.create_all(connection, tables=[made.tables["worklist_listener"], added])


TABLES = PluginTables(metadata=_metadata, version=2, upgrades={2: _add_news})
