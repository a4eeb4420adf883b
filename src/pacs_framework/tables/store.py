"""The tables of one plugin, opened: transactions that write, connections that read.

On SQLite they lie in a file of their own, so that they share no lock with the index, whose syncs
are put off while instances come in; here every commit is synced before its transaction is over. On
PostgreSQL they lie in the database of the index, whose connections they share.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy.exc import DBAPIError, IntegrityError

from pacs_framework.errors import IndexUnavailable
from pacs_framework.index.database import limit_silence
from pacs_framework.tables.committing import GroupCommit

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection, Dialect

    from pacs_framework.index.database import Database
    from pacs_framework.tables.statement import Statement

__all__ = ["TableStore"]


class TableStore:
    """The tables of ``plugin`` in ``database``. Threads may share it, processes may not."""

    def __init__(self, plugin: str, database: Database) -> None:
        self.plugin = plugin
        self._database = database
        self._group = None if database.is_postgresql else GroupCommit(database)
        self._thread = threading.local()

    @property
    def is_postgresql(self) -> bool:
        """Whether this is PostgreSQL, else SQLite."""
        return self._database.is_postgresql

    @property
    def file(self) -> Path | None:
        """Where the tables lie on SQLite, for those who wake each other beside it; else None."""
        place = self._database.url.database
        return None if self.is_postgresql or place is None else Path(place)

    @property
    def dialect(self) -> Dialect:
        """What SQLAlchemy compiles statements for."""
        return self._database.dialect

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        """One write transaction: durable on a clean exit, rolled back on an exception.

        On SQLite one transaction writes at a time, and the others wait for it; those that end at
        about the same time share a sync. On PostgreSQL they run side by side at READ COMMITTED:
        claim a row before you change it, by ``with_for_update`` (which SQLite needs not and
        ignores) or by an UPDATE that names the state it expects. One in which no statement comes
        for 15 seconds (`SILENT_WRITER`) is ended there, so that a node that stands still does not
        keep its rows from the others: do not wait for anything else within a transaction.

        Raises `IndexUnavailable` where the database fails, RuntimeError inside another one of the
        same thread. An `IntegrityError` of SQLAlchemy is raised as it is. When SQLite's log cannot
        be synced, the transaction is committed all the same, and the error says so: the same
        request, made again, finds its own traces.
        """
        if getattr(self._thread, "writes", False):
            # On SQLite it would wait for the outer one, which waits for it.
            raise RuntimeError(f"a transaction of {self.plugin!r} within one of the same thread")
        self._thread.writes = True
        try:
            with self._failures(), self._transaction() as connection:
                yield connection
        finally:
            self._thread.writes = False

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection that reads one consistent state (SQLite) or committed rows (PostgreSQL).

        On SQLite it may see a commit of another thread a moment before that is durable. What is
        told to others should follow from a `begin`, even if it is one that only claims.

        Raises `IndexUnavailable`.
        """
        with self._failures(), self._database.engine.connect() as connection:
            yield connection

    def rows(self, statement: Statement, values: Mapping[str, Any]) -> Sequence[Any]:
        """The rows of one statement that reads, as `reading` sees them and at a fraction of its
        cost: for what is asked with every request. Raises `IndexUnavailable`.
        """
        with self._database.cursor() as cursor:
            return statement.fetch(cursor, self.dialect, values)

    def close(self) -> None:
        """Give back what is held for writing. No transaction may be under way."""
        if self._group is not None:
            self._group.close()

    def _transaction(self) -> AbstractContextManager[Connection]:
        return self._group.begin() if self._group else self._begun_on_server()

    @contextmanager
    def _begun_on_server(self) -> Iterator[Connection]:
        with self._database.engine.begin() as connection:
            limit_silence(connection)
            yield connection

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
