"""News between the nodes of one PostgreSQL, which share no folder to ring each other in."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from pacs_framework.errors import IndexUnavailable
from pacs_framework.waking import Waker

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from pacs_framework.tables.store import TableStore

__all__ = ["Notices", "give_notice"]


def give_notice(connection: Connection, channel: str) -> None:
    """Ring whoever listens at ``channel`` when this transaction commits; nothing on SQLite."""
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_notify(channel, "")))


class Notices(Waker):
    """Rung by `give_notice` on any node: a connection of its own, on which PostgreSQL tells of it.

    What was committed before is not told: look once when it is there. Raises `IndexUnavailable`
    where the database fails, also in `Waker.wait`; then it is to be closed, and another one made.
    """

    def __init__(self, store: TableStore, channel: str) -> None:
        self._failures: Any = store.dialect.loaded_dbapi.Error
        self._undo = ExitStack()
        with ExitStack() as undo:
            connection = undo.enter_context(store.reading())
            connection.detach()  # nobody else's, and closed for good when it is closed
            driver: Any = connection.connection.dbapi_connection
            with self._told():
                driver.autocommit = True
                driver.execute(f"LISTEN {channel}")
            self._undo = undo.pop_all()
        self._connection = connection
        self._driver = driver
        self.descriptor = driver.fileno()

    def empty(self) -> None:
        """Any number of notifications says the same."""
        with self._told():
            self._driver.pgconn.consume_input()
            while self._driver.pgconn.notifies():
                pass

    def close(self) -> None:
        """End the connection, as one that may be broken."""
        self._driver.close()
        self._connection.invalidate()  # or it would be reset first
        self._undo.close()

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except self._failures as error:
            kind = type(error).__name__
            raise IndexUnavailable(f"other nodes are not heard: {kind}") from error
