"""The writer's own connection: bare, kept open, replaced when it breaks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, cast

from sqlalchemy.exc import DBAPIError

from pacs_framework.errors import PacsError
from pacs_framework.index.database import ADVISORY_LOCK, SILENT_WRITER, Database, unavailable
from pacs_framework.index.prepared import Cursor

if TYPE_CHECKING:
    from sqlalchemy.pool import PoolProxiedConnection

__all__ = ["CHANNEL", "WriteSession"]

CHANNEL = "pacs_change"
"""The channel of PostgreSQL on which every commit is announced to other nodes."""


class WriteSession:
    """Write transactions on a bare cursor. Used by one thread at a time, under the write lock.

    ``patience`` is how long PostgreSQL waits for the next statement of one, "0" for ever.
    """

    def __init__(self, database: Database, *, patience: str = SILENT_WRITER) -> None:
        self._database = database
        self._connection: PoolProxiedConnection | None = None
        self._cursor: Cursor | None = None
        self._log = database.commit_log()
        self._attached = False
        self._begun: Cursor | Exception | None = None
        driver: Any = database.dialect.loaded_dbapi
        self.errors: tuple[type[Exception], ...] = (driver.Error, DBAPIError)
        self.outages: tuple[type[Exception], ...] = (
            driver.OperationalError,
            driver.InterfaceError,
            driver.InternalError,  # the server ended the transaction
            DBAPIError,
        )
        self._settings = ["PRAGMA synchronous = NORMAL"]  # see pacs_framework.index.commit_log
        self._begin = ["BEGIN IMMEDIATE"]
        if database.is_postgresql:
            self._settings = [f"SET idle_in_transaction_session_timeout = '{patience}'"]
            self._begin = [
                "BEGIN",
                f"SELECT pg_advisory_xact_lock({ADVISORY_LOCK}), pg_notify('{CHANNEL}', '')",
            ]

    def wait(self) -> None:
        """Start the next transaction already: on PostgreSQL that waits until no other node writes.

        What goes wrong is raised by `begin`, which would have met it.
        """
        try:
            self._begun = self.begin()
        except Exception as error:  # noqa: BLE001 - raised by `begin`, whatever it is
            self._begun = error

    def begin(self) -> Cursor:
        """Start a transaction. Raises what the driver does, and `IndexUnavailable`."""
        begun, self._begun = self._begun, None
        if isinstance(begun, Exception):
            raise begun
        if begun is not None:
            return begun
        try:
            cursor = self._cursor
            if cursor is None:
                cursor = self._connect()
            for statement in self._begin:
                cursor.execute(statement)
            if not self._attached:
                self._log.attach()
                self._attached = True
        except BaseException:
            self.abandon()
            raise
        return cursor

    def commit(self, *, synced: bool = True) -> None:
        """Commit; durable when this returns, or with ``synced=False`` when `sync` does.

        After `IndexUnavailable` the transaction is committed, though perhaps not durable; after an
        error of the driver nobody knows. Either way the connection is thrown away.
        """
        assert self._cursor is not None, "no transaction was begun"
        try:
            self._cursor.execute("COMMIT")
            if synced:
                self._log.sync()
        except BaseException:
            self.abandon()
            raise

    def abandon(self) -> None:
        """Roll back, and start the next transaction on a fresh connection."""
        connection, cursor = self._connection, self._cursor
        self._connection, self._cursor, self._attached = None, None, False
        if cursor is not None:
            with suppress(*self.errors):
                cursor.execute("ROLLBACK")
            with suppress(*self.errors):
                cursor.close()
        if connection is not None:
            with suppress(*self.errors):
                connection.close()

    @contextmanager
    def transaction(self) -> Iterator[Cursor]:
        """Committed on a clean exit, rolled back on an exception."""
        cursor = self.begin()
        try:
            yield cursor
        except BaseException:
            self.abandon()
            raise
        self.commit()

    def sync(self) -> None:
        """Every commit so far, of any process, is durable. From any thread, at any time.

        Raises `IndexUnavailable`.
        """
        self._log.sync()

    def explain(self, error: Exception) -> PacsError:
        """An error of the driver as one of the tree: an outage, or an entry that cannot be kept."""
        cause = getattr(error, "orig", None) or error
        if isinstance(error, self.outages):
            return unavailable(cause)
        return PacsError(f"the index does not take the instance: {type(cause).__name__}")

    def close(self) -> None:
        """Give the connection back."""
        if self._cursor is not None:
            self._cursor.close()
        if self._connection is not None:
            self._connection.close()
        self._connection, self._cursor, self._attached = None, None, False
        self._log.close()

    def _connect(self) -> Cursor:
        """A connection of the session's own, with the one cursor that all transactions use."""
        self._connection = self._database.bare_connection()
        driver: Any = self._connection.dbapi_connection
        self._cursor = cast("Cursor", driver.cursor())
        for statement in self._settings:
            self._cursor.execute(statement)
        return self._cursor
