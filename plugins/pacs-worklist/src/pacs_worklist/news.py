"""Who is still to hear of which step: rows that are written with the step, and go when it is heard.

Whoever writes a step, in whatever process, puts a row down for each plugin that listens; the
archive tells them (`pacs_worklist.telling`). On SQLite it is woken by a pipe beside the tables, on
PostgreSQL by the transaction itself, on every node.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from pacs_framework.tables import Leases, Notices, give_notice, insert, now
from pacs_framework.waking import Waker, ring
from pacs_worklist.tables import listener, news

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy.engine import Connection, Row

    from pacs_framework.tables import TableStore

__all__ = ["News", "hearing", "note", "ring_for_news"]

_CHANNEL = "pacs_worklist_news"
_GONE = dt.timedelta(days=30)


def note(connection: Connection, number: int) -> None:
    """All who listen are to hear of the step of this ``number``, once this is committed.

    A row that nobody has taken up yet is replaced, so that one waits at most. It has to go and come
    again: were it left, somebody could take it up and read the step before our commit.
    """
    plugins = connection.scalars(sa.select(listener.c.plugin)).all()
    if not plugins:
        return
    waits = sa.and_(news.c.item_fk == number, news.c.owner == "")
    connection.execute(sa.delete(news).where(waits))
    facts = {"item_fk": number, "attempts": 0, "error": "", "due": now(), "owner": ""}
    connection.execute(sa.insert(news), [{**facts, "receiver": plugin} for plugin in plugins])
    give_notice(connection, _CHANNEL)


def ring_for_news(store: TableStore) -> None:
    """After the transaction: wake the archive beside this process."""
    if store.file is not None:
        ring(_pipe(store.file))


def hearing(store: TableStore) -> Waker:
    """What is rung when there are news; to be closed. Raises `IndexUnavailable`."""
    return Notices(store, _CHANNEL) if store.file is None else Waker(_pipe(store.file))


def _pipe(tables: Path) -> Path:
    return tables.with_suffix(".bell")


class News:
    """The rows in ``store``, all of them or, after `listen`, those of the plugins that listen here;
    safe to use from many threads.
    """

    def __init__(self, store: TableStore) -> None:
        self._store = store
        self._heard_here: tuple[sa.ColumnElement[bool], ...] = ()
        self._leases = Leases(store, news, news.c.id, lane=(news.c.item_fk, news.c.receiver))

    def listen(self, plugins: Collection[str]) -> None:
        """These plugins hear of steps here from now on.

        What waits for others goes, where no other node can have them. On PostgreSQL one may, which
        is perhaps not running now: there what waits goes when nobody has taken it for a month.
        """
        self._heard_here = (news.c.receiver.in_([*plugins]),)
        with self._store.begin() as connection:
            left = connection.scalars(self._left(plugins)).all()
            connection.execute(sa.delete(news).where(news.c.receiver.in_(left)))
            connection.execute(sa.delete(listener).where(listener.c.plugin.in_(left)))
            rows = [{"plugin": plugin} for plugin in plugins]
            if rows:
                connection.execute(insert(listener, connection).on_conflict_do_nothing(), rows)

    def _left(self, plugins: Collection[str]) -> sa.Select[tuple[str]]:
        """Plugins beside these that listened, and are nowhere any more."""
        others = sa.select(listener.c.plugin).where(listener.c.plugin.not_in([*plugins]))
        if not self._store.is_postgresql:
            return others
        untaken = sa.exists().where(
            news.c.receiver == listener.c.plugin, news.c.due < now() - _GONE
        )
        return others.where(untaken)

    def claim(self, owner: str, until: dt.datetime, most: int) -> Sequence[Row[Any]]:
        """What is due, now the owner's until then."""
        return self._leases.claim(owner, until, *self._heard_here, most=most)

    def pause(self, lease: float) -> float | None:
        """Seconds until somebody has to look again, None for not before there are news."""
        return self._leases.pause(lease, *self._heard_here)

    def still_owned(self, number: int, owner: str, until: dt.datetime) -> bool:
        """Stay the owner of a row until then; False when somebody else is by now."""
        return self._leases.renew(number, owner, until)

    def done(self, number: int, owner: str) -> None:
        """It was heard."""
        self._leases.done([number], owner)

    def put_off(self, number: int, owner: str, error: str, until: dt.datetime) -> None:
        """It was not; it is told again then."""
        self._leases.put_off(number, owner, error, until)

    def release(self, owner: str) -> None:
        """What ``owner``, who is gone, did not finish is due at once."""
        self._leases.release(owner)
