"""Making the transactions of several threads durable by one sync.

On SQLite the sync is what a small transaction costs most, and only one transaction writes at a
time. So the sync comes after the turn to write is passed on: whoever commits meanwhile is covered
by the next one, and that is one for all of them. `pacs_framework.index.commit_log` says why this is
the same promise as that of SQLite with ``synchronous=FULL``.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from pacs_framework.errors import IndexUnavailable
from pacs_framework.index.database import WRITING

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from pacs_framework.index.database import Database

__all__ = ["GroupCommit"]


class GroupCommit:
    """The write transactions of one SQLite database in this process. Threads may share it."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._log = database.commit_log()
        self._connection: Connection | None = None  # kept: used under the write lock alone
        self._attached = False
        self._committed = 0  # changed under the write lock alone
        self._syncing = threading.Lock()
        self._durable = 0

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        """One transaction, durable on a clean exit, rolled back on an exception.

        Raises what the driver does; `IndexUnavailable` when it is committed, and seen by others,
        but perhaps not durable.
        """
        with self._database.write_lock:
            connection = self._connection or self._connect()
            try:
                with connection.begin():
                    if not self._attached:
                        self._log.attach()
                        self._attached = True
                    yield connection
            except BaseException:
                self._disconnect()
                raise
            self._committed += 1
            number = self._committed
        self._sync(number)

    def close(self) -> None:
        """Give back the connection and the log. No transaction may be under way."""
        self._disconnect()
        self._log.close()

    def _sync(self, number: int) -> None:
        """Whoever comes first syncs for all that wait behind."""
        with self._syncing:
            if self._durable >= number:
                return
            committed = self._committed  # or more by the time of the sync; never fewer
            try:
                self._log.sync()
            except IndexUnavailable as error:
                raise IndexUnavailable(
                    "the tables of a plugin could not be synced: what was committed is perhaps not "
                    "durable"
                ) from error
            self._durable = committed

    def _connect(self) -> Connection:
        bare = self._database.engine.connect()
        cursor = bare.connection.cursor()
        cursor.execute("PRAGMA synchronous = NORMAL")  # outside a transaction, or it is ignored
        cursor.close()
        self._connection = bare.execution_options(**{WRITING: True})
        return self._connection

    def _disconnect(self) -> None:
        connection, self._connection, self._attached = self._connection, None, False
        if connection is not None:
            connection.close()
