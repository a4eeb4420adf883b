"""The writer's own connection: bare, kept open, replaced when it breaks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from sqlalchemy.exc import DBAPIError

from pacs_framework.errors import PacsError
from pacs_framework.index.database import ADVISORY_LOCK, Database, unavailable
from pacs_framework.index.prepared import Cursor

if TYPE_CHECKING:
    from sqlalchemy.pool import PoolProxiedConnection

__all__ = ["CHANNEL", "WriteSession"]

CHANNEL = "pacs_change"
"""The channel of PostgreSQL on which every commit is announced to other nodes."""


class WriteSession:
    """Write transactions on a bare cursor. Used by one thread at a time, under the write lock."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._connection: PoolProxiedConnection | None = None
        driver: Any = database.dialect.loaded_dbapi
        self.errors: tuple[type[Exception], ...] = (driver.Error, DBAPIError)
        self.outages: tuple[type[Exception], ...] = (
            driver.OperationalError,
            driver.InterfaceError,
            DBAPIError,
        )
        self._begin = ["BEGIN IMMEDIATE"]
        if database.is_postgresql:
            self._begin = [
                "BEGIN",
                f"SELECT pg_advisory_xact_lock({ADVISORY_LOCK}), pg_notify('{CHANNEL}', '')",
            ]

    @contextmanager
    def transaction(self) -> Iterator[Cursor]:
        """Committed on a clean exit. After any failure the connection is thrown away."""
        if self._connection is None:
            self._connection = self._database.bare_connection()
        cursor: Cursor = self._connection.cursor()
        try:
            for statement in self._begin:
                cursor.execute(statement)
            yield cursor
            cursor.execute("COMMIT")
            cursor.close()
        except BaseException:
            self._discard(cursor)
            raise

    def explain(self, error: Exception) -> PacsError:
        """An error of the driver as one of the tree: an outage, or an entry that cannot be kept."""
        cause = getattr(error, "orig", None) or error
        if isinstance(error, self.outages):
            return unavailable(cause)
        return PacsError(f"the index does not take the instance: {type(cause).__name__}")

    def close(self) -> None:
        """Give the connection back."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _discard(self, cursor: Cursor) -> None:
        """Roll back, and start the next transaction on a fresh connection."""
        connection, self._connection = self._connection, None
        if connection is None:
            return
        with suppress(*self.errors):
            cursor.execute("ROLLBACK")
        with suppress(*self.errors):
            connection.close()
