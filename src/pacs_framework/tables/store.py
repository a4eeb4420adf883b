"""The tables of one plugin, opened: transactions that write, connections that read.

On SQLite they lie in a file of their own, so that they share no lock with the index, whose syncs
are put off while instances come in; here every commit is synced. On PostgreSQL they lie in the
database of the index, whose connections they share.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from sqlalchemy.exc import DBAPIError, IntegrityError

from pacs_framework.errors import IndexUnavailable
from pacs_framework.index.database import WRITING

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection, Dialect

    from pacs_framework.index.database import Database

__all__ = ["TableStore"]


class TableStore:
    """The tables of ``plugin`` in ``database``. Threads may share it, processes may not."""

    def __init__(self, plugin: str, database: Database) -> None:
        self.plugin = plugin
        self._database = database
        self._thread = threading.local()

    @property
    def is_postgresql(self) -> bool:
        """Whether this is PostgreSQL, else SQLite."""
        return self._database.is_postgresql

    @property
    def dialect(self) -> Dialect:
        """What SQLAlchemy compiles statements for."""
        return self._database.dialect

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        """One write transaction: durable on a clean exit, rolled back on an exception.

        On SQLite one transaction writes at a time, and the others wait for it. On PostgreSQL they
        run side by side at READ COMMITTED: claim a row before you change it, by ``with_for_update``
        (which SQLite needs not and ignores) or by an UPDATE that names the state it expects.

        Raises `IndexUnavailable` where the database fails, RuntimeError inside another one of the
        same thread. An `IntegrityError` of SQLAlchemy is raised as it is.
        """
        if getattr(self._thread, "writes", False):
            # On SQLite it would wait for the outer one, which waits for it.
            raise RuntimeError(f"a transaction of {self.plugin!r} within one of the same thread")
        self._thread.writes = True
        try:
            with self._failures(), self._exclusively(), self._database.engine.connect() as bare:
                connection = bare.execution_options(**{WRITING: True})
                with connection.begin():
                    yield connection
        finally:
            self._thread.writes = False

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection that reads one consistent state (SQLite) or committed rows (PostgreSQL).

        Raises `IndexUnavailable`.
        """
        with self._failures(), self._database.engine.connect() as connection:
            yield connection

    @contextmanager
    def _exclusively(self) -> Iterator[None]:
        """SQLite tells a second writer to try again; this one waits for its turn instead."""
        with self._database.write_lock:
            yield

    @contextmanager
    def _failures(self) -> Iterator[None]:
        try:
            yield
        except IntegrityError:
            raise
        except DBAPIError as error:
            # Its kind, never its text, which holds values.
            cause = error.orig
            code = getattr(cause, "sqlstate", None) or getattr(cause, "sqlite_errorname", None)
            raise IndexUnavailable(
                f"the tables of plugin {self.plugin!r} failed: {type(cause).__name__} {code or ''}"
                f"; nothing was committed"
            ) from error
