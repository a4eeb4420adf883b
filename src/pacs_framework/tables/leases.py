"""Work that stands in a table, each row of it held by one worker at a time.

Several threads, processes and nodes work on one table. Who claims a row owns it until it is
``due`` again; every change names the owner it expects, so that one who was too slow changes nothing
any more. What a worker leaves that died is due when its lease is over, or at once where somebody
finds it dead and calls `Leases.release`.

Rows are written by their plugin, in the transaction that makes the work necessary.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from pacs_framework.tables.columns import TEXT, TIME

if TYPE_CHECKING:
    from sqlalchemy.engine import Row
    from sqlalchemy.sql.elements import ColumnElement

    from pacs_framework.tables.store import TableStore

__all__ = ["Leases", "lease_columns", "now"]


def now() -> dt.datetime:
    """The present moment, in UTC."""
    return dt.datetime.now(dt.UTC)


def lease_columns() -> list[sa.Column[Any]]:
    """What a table has that `Leases` works on, besides the columns of its own.

    ``due`` is when somebody has to look at a row; whoever does puts that off for as long as it may
    take. NULL: nobody has to, because it is done or given up. Give it an index. ``owner`` is who
    looks, or empty; ``attempts`` counts those that failed, ``error`` tells why the last one did.
    """
    return [
        sa.Column("attempts", sa.Integer, nullable=False, default=0),
        sa.Column("error", TEXT, nullable=False, default=""),
        sa.Column("due", TIME),
        sa.Column("owner", TEXT, nullable=False, default=""),
    ]


class Leases:
    """The rows of ``table`` in ``store``, by its column ``key``. Threads may share it.

    Rows are handed out in the order in which they are due. With ``lane``, columns of the table,
    only the first row of each lane is, by ``key``: a later one waits until those before it are
    gone, so also behind one that was given up. Conditions (``only``) are over the table's columns.

    Everything raises `IndexUnavailable` where the database fails.
    """

    def __init__(
        self,
        store: TableStore,
        table: sa.Table,
        key: sa.Column[Any],
        *,
        lane: Sequence[sa.Column[Any]] = (),
    ) -> None:
        self._store = store
        self._table = table
        self._key = key
        self._order = key if lane else table.c.due
        self._first = [_is_first(table, key, lane)] if lane else []

    @property
    def is_shared(self) -> bool:
        """Whether other nodes may work on it, of whose work nobody tells us."""
        return self._store.is_postgresql

    # --- whose turn it is -------------------------------------------------------------------------

    def claim(
        self, owner: str, until: dt.datetime, *only: ColumnElement[bool], most: int = 1
    ) -> Sequence[Row[Any]]:
        """Up to ``most`` rows that are due, now the owner's until then; as they were before."""
        ready = (*only, *self._first, self._table.c.due <= now())
        with self._store.reading() as connection:
            if connection.execute(sa.select(self._key).where(*ready).limit(1)).first() is None:
                return ()  # without a turn at the pen
        with self._store.begin() as connection:
            rows = connection.execute(
                sa.select(self._table)
                .where(*ready)
                .order_by(self._order)
                .limit(most)
                .with_for_update(skip_locked=True)
            ).all()
            if rows:
                keys = [getattr(row, self._key.name) for row in rows]
                connection.execute(
                    sa.update(self._table).where(self._key.in_(keys)).values(owner=owner, due=until)
                )
            return rows

    def next_due(self, *only: ColumnElement[bool]) -> dt.datetime | None:
        """When somebody has to look at a row; None for never."""
        asked = sa.select(sa.func.min(self._table.c.due)).where(*only, *self._first)
        with self._store.reading() as connection:
            due: dt.datetime | None = connection.execute(asked).scalar()
        return due

    def pause(self, lease: float, *only: ColumnElement[bool]) -> float | None:
        """Seconds until somebody has to look again; None: not before there is news.

        Where other nodes work on the table no more than ``lease``, that of those who claim: a node
        may have got the news, and died.
        """
        due = self.next_due(*only)
        seconds = None if due is None else max(0.0, (due - now()).total_seconds())
        if self.is_shared:
            return lease if seconds is None else min(seconds, lease)
        return seconds

    # --- what an owner does -----------------------------------------------------------------------

    def owned(self, key: object, owner: str) -> Row[Any] | None:
        """The row if it still belongs to ``owner``."""
        with self._store.reading() as connection:
            return connection.execute(
                sa.select(self._table).where(*self._of(key, owner))
            ).one_or_none()

    def renew(self, key: object, owner: str, until: dt.datetime) -> bool:
        """Stay the owner until then; False when somebody else is by now."""
        return self.change(key, owner, due=until)

    def change(self, key: object, owner: str, /, **values: Any) -> bool:
        """Change columns of a row; False, and nothing is changed, when it is not the owner's."""
        with self._store.begin() as connection:
            done = connection.execute(
                sa.update(self._table).where(*self._of(key, owner)).values(**values)
            )
            return bool(done.rowcount)

    def put_off(
        self, key: object, owner: str, error: str, until: dt.datetime | None, /, **values: Any
    ) -> bool:
        """An attempt failed; the next one is due ``until`` then, None for no next one."""
        attempts = self._table.c.attempts + 1
        return self.change(key, owner, attempts=attempts, error=error, due=until, **values)

    def done(self, keys: Collection[object], owner: str) -> None:
        """The rows go, those of them that are still the owner's."""
        if not keys:
            return
        with self._store.begin() as connection:
            connection.execute(
                sa.delete(self._table).where(self._key.in_([*keys]), self._table.c.owner == owner)
            )

    # --- what others do ---------------------------------------------------------------------------

    def release(self, owner: str) -> None:
        """What ``owner``, who is gone, did not finish is due at once."""
        self.hurry(self._table.c.owner == owner, self._table.c.due.is_not(None))

    def hurry(self, *only: ColumnElement[bool], **values: Any) -> int:
        """Make rows due at once and nobody's, also those that were given up; how many."""
        with self._store.begin() as connection:
            done = connection.execute(
                sa.update(self._table).where(*only).values(owner="", due=now(), **values)
            )
            return int(done.rowcount)

    def _of(self, key: object, owner: str) -> tuple[ColumnElement[bool], ...]:
        return self._key == key, self._table.c.owner == owner


def _is_first(
    table: sa.Table, key: sa.Column[Any], lane: Sequence[sa.Column[Any]]
) -> ColumnElement[bool]:
    earlier = table.alias()
    one_before = sa.select(earlier.c[key.name]).where(
        *(earlier.c[column.name] == column for column in lane), earlier.c[key.name] < key
    )
    return ~one_before.exists()
