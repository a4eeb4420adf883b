"""Reading the change feed, and the cursors of its consumers."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from pacs_framework.archive.changes import Change, ChangeKind
from pacs_framework.archive.incoming import Origin
from pacs_framework.index import schema

if TYPE_CHECKING:
    from sqlalchemy.engine import Row

    from pacs_framework.index.database import Database

__all__ = ["ChangeReader"]


class ChangeReader:
    """The change feed of one index. Every call is one short transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def after(self, sequence: int, limit: int) -> list[Change]:
        """Up to ``limit`` changes that follow ``sequence``, in order."""
        rows = schema.change
        statement = (
            sa.select(rows).where(rows.c.sequence > sequence).order_by(rows.c.sequence).limit(limit)
        )
        with self._database.reading() as connection:
            return [_change(row) for row in connection.execute(statement)]

    def last(self) -> int:
        """The sequence number of the newest change; 0 before the first."""
        with self._database.reading() as connection:
            return connection.scalar(sa.select(sa.func.max(schema.change.c.sequence))) or 0

    def register(self, consumer: str) -> int:
        """The cursor of ``consumer``: where it stopped, or the end of the feed if it is new."""
        found = self.cursor(consumer)
        if found is not None:
            return found
        # The sequence of the newest row, looked up inside the lock: nothing commits in between.
        with self._database.writing() as connection:
            end = connection.scalar(sa.select(sa.func.max(schema.change.c.sequence))) or 0
            connection.execute(sa.insert(schema.cursor).values(consumer=consumer, sequence=end))
        return end

    def cursor(self, consumer: str) -> int | None:
        """The sequence number that ``consumer`` has finished; None when it is not registered."""
        column = schema.cursor.c
        with self._database.reading() as connection:
            return connection.scalar(sa.select(column.sequence).where(column.consumer == consumer))

    def advance(self, consumer: str, sequence: int) -> None:
        """Note that ``consumer`` has finished every change up to ``sequence``; never goes back."""
        column = schema.cursor.c
        statement = (
            sa.update(schema.cursor)
            .where(column.consumer == consumer, column.sequence < sequence)
            .values(sequence=sequence)
        )
        with self._database.writing() as connection:
            connection.execute(statement)


def _change(row: Row[Any]) -> Change:
    """A row of the feed as what consumers see."""
    return Change(
        sequence=row.sequence,
        kind=ChangeKind(row.kind),
        at=row.at.replace(tzinfo=dt.UTC),
        patient_id=row.patient_id,
        issuer_of_patient_id=row.issuer_of_patient_id,
        study_instance_uid=row.study_instance_uid,
        series_instance_uid=row.series_instance_uid,
        sop_instance_uid=row.sop_instance_uid,
        sop_class_uid=row.sop_class_uid,
        origin=Origin(
            door=row.door,
            calling_aet=row.calling_aet,
            called_aet=row.called_aet,
            address=row.address,
            association_id=row.association_id,
            tls_subject=row.tls_subject,
        ),
    )
