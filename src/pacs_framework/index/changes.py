"""Reading the change feed, and the cursors of its consumers."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from pacs_framework.archive.changes import Change, ChangeKind
from pacs_framework.archive.incoming import Origin
from pacs_framework.index import schema
from pacs_framework.index.database import Database, unavailable

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

__all__ = ["ChangeReader"]


_FACTS = (
    "sequence",
    "kind",
    "at",
    "patient_id",
    "issuer_of_patient_id",
    "study_instance_uid",
    "series_instance_uid",
    "sop_instance_uid",
    "sop_class_uid",
)
_ORIGIN = ("door", "calling_aet", "called_aet", "address", "association_id", "tls_subject")
_AFTER = (
    sa.select(*(schema.change.c[name] for name in (*_FACTS, *_ORIGIN)))
    .where(schema.change.c.sequence > sa.bindparam("after_"))
    .order_by(schema.change.c.sequence)
    .limit(sa.bindparam("limit_"))
)
_NEWEST = sa.select(sa.func.max(schema.change.c.sequence))
_SOME_AFTER = _AFTER.where(
    schema.change.c.sequence <= sa.bindparam("newest_"),
    schema.change.c.kind.in_(sa.bindparam("kinds_", expanding=True)),
)
_KINDS = {kind.value: kind for kind in ChangeKind}


class ChangeReader:
    """The change feed of one index. Every call is one short transaction.

    Every method raises `IndexUnavailable`.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def after(self, sequence: int, limit: int) -> list[Change]:
        """Up to ``limit`` changes that follow ``sequence``, in order."""
        with self._reading() as connection:
            rows = connection.execute(_AFTER, {"after_": sequence, "limit_": limit}).all()
        return [_change(*row) for row in rows]

    def some_after(
        self, sequence: int, limit: int, kinds: Collection[ChangeKind]
    ) -> tuple[list[Change], int]:
        """Those of certain kinds among them, and the place in the feed up to which these are all.

        The others are passed over in the database: no object is made of them.
        """
        values = {"after_": sequence, "limit_": limit, "kinds_": sorted(k.value for k in kinds)}
        with self._reading() as connection:
            # Asked first: what is committed in between is behind it, and comes the next time.
            newest = connection.scalar(_NEWEST) or 0
            rows = connection.execute(_SOME_AFTER, {**values, "newest_": newest}).all()
        changes = [_change(*row) for row in rows]
        whole = len(changes) < limit
        return changes, max(sequence, newest) if whole else changes[-1].sequence

    def last(self) -> int:
        """The sequence number of the newest change; 0 before the first."""
        with self._reading() as connection:
            return connection.scalar(sa.select(sa.func.max(schema.change.c.sequence))) or 0

    def register(self, consumer: str) -> int:
        """The cursor of ``consumer``: where it stopped, or the end of the feed if it is new."""
        found = self.cursor(consumer)
        if found is not None:
            return found
        # The sequence of the newest row, looked up inside the lock: nothing commits in between, and
        # of two nodes that start together the second one finds what the first one wrote.
        column = schema.cursor.c
        with self._database.writing() as connection:
            at = connection.scalar(sa.select(column.sequence).where(column.consumer == consumer))
            if at is None:
                at = connection.scalar(sa.select(sa.func.max(schema.change.c.sequence))) or 0
                connection.execute(sa.insert(schema.cursor).values(consumer=consumer, sequence=at))
        return at

    def forget(self, consumers: Iterable[str]) -> None:
        """Remove the cursors of ``consumers``: registered again, they begin at the end."""
        column = schema.cursor.c.consumer
        wanted = column.in_(list(consumers))
        with self._reading() as connection:
            if not connection.scalars(sa.select(column).where(wanted)).all():
                return
        with self._database.writing() as connection:
            connection.execute(sa.delete(schema.cursor).where(wanted))

    def cursor(self, consumer: str) -> int | None:
        """The sequence number that ``consumer`` has finished; None when it is not registered."""
        column = schema.cursor.c
        with self._reading() as connection:
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

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        try:
            with self._database.reading() as connection:
                yield connection
        except DBAPIError as error:
            raise unavailable(error.orig) from error


def _change(
    sequence: int,
    kind: str,
    at: dt.datetime,
    patient_id: str,
    issuer_of_patient_id: str,
    study_instance_uid: str,
    series_instance_uid: str,
    sop_instance_uid: str,
    sop_class_uid: str,
    *origin: str,
) -> Change:
    """A row of the feed, its columns as in `_FACTS`, as what consumers see."""
    return Change(
        sequence=sequence,
        kind=_KINDS[kind],
        at=at.replace(tzinfo=dt.UTC),
        patient_id=patient_id,
        issuer_of_patient_id=issuer_of_patient_id,
        study_instance_uid=study_instance_uid,
        series_instance_uid=series_instance_uid,
        sop_instance_uid=sop_instance_uid,
        sop_class_uid=sop_class_uid,
        origin=_origin(*origin),
    )


@lru_cache(maxsize=256)
def _origin(*values: str) -> Origin:
    """The origin of a change: all instances of an association share it."""
    return Origin(**dict(zip(_ORIGIN, values, strict=True)))
