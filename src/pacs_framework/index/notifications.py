"""Hearing of commits by other nodes, which share the database and no folder (PostgreSQL only)."""

from __future__ import annotations

import os
import selectors
from typing import Any

from pacs_framework.index.database import Database, unavailable
from pacs_framework.index.session import CHANNEL

__all__ = ["CommitListener"]


class CommitListener:
    """Waits for the notification that every write transaction sends when it commits."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._failures: tuple[type[Exception], ...] = (database.dialect.loaded_dbapi.Error, OSError)
        self._wake_read, self._wake_write = os.pipe()
        self._connection: Any = None

    def wait(self) -> None:
        """Block until something was committed on any node, or `wake` is called.

        The first call returns at once, as does each after a failure: what was committed before this
        one listened is not told. Raises `IndexUnavailable`.
        """
        try:
            if self._connection is None:
                self._connection = self._database.bare_connection()
                self._driver.execute(f"LISTEN {CHANNEL}")
                return
            self._wait()
        except self._failures as error:
            self._drop()
            raise unavailable(error) from error

    def wake(self) -> None:
        """End a `wait` in another thread."""
        os.write(self._wake_write, b"\1")

    def close(self) -> None:
        """Give everything back. Nobody may be waiting."""
        self._drop()
        os.close(self._wake_read)
        os.close(self._wake_write)

    @property
    def _driver(self) -> Any:
        return self._connection.dbapi_connection

    def _wait(self) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(self._driver.fileno(), selectors.EVENT_READ)
            selector.register(self._wake_read, selectors.EVENT_READ)
            selector.select()
        self._driver.pgconn.consume_input()
        while self._driver.pgconn.notifies():
            pass  # any number of them says the same

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()
