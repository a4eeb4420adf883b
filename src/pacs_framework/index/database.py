"""Opening the index: engine, connections, and the one way to write.

SQLite (``sqlite:////var/lib/pacs/index.db``) and PostgreSQL (``postgresql+psycopg://…``) take the
same code path. Every write transaction of an archive goes through `Database.writing` or through
`pacs_framework.index.writer.IndexWriter`; both take the archive-wide write lock, so that the order
of commits is the order of sequence numbers in the change feed, and a reader of it never skips one.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import URL, Connection, Dialect, Engine, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError

from pacs_framework.errors import ConfigurationError, IndexUnavailable
from pacs_framework.folders import make_folders
from pacs_framework.index.commit_log import CommitLog, SqliteLog
from pacs_framework.index.connecting import add_defaults
from pacs_framework.index.migrate import migrate
from pacs_framework.index.prepared import Cursor, Shapes
from pacs_framework.index.readers import KeptReaders, PooledReaders, Readers
from pacs_framework.index.write_lock import FileWriteLock, NoWriteLock, WriteLock

if TYPE_CHECKING:
    from sqlalchemy.pool import PoolProxiedConnection

__all__ = [
    "ADVISORY_LOCK",
    "SILENT_WRITER",
    "WRITING",
    "Database",
    "limit_silence",
    "open_database",
    "unavailable",
]

ADVISORY_LOCK = 0x5041_4353
"""Key of the advisory lock in PostgreSQL that every write transaction takes ("PACS")."""

SILENT_WRITER = "15s"
"""How long PostgreSQL waits for the next statement of a write transaction before it ends that.

A node that stands still, or is cut off, in the middle of one would keep all others from writing.
"""

_SQLITE_PRAGMAS = (
    "PRAGMA busy_timeout = 30000",  # ms; only a foreign tool on the file makes us wait like this
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "PRAGMA foreign_keys = ON",
    "PRAGMA cache_size = -32768",  # KiB
    "PRAGMA wal_autocheckpoint = 4000",  # pages
)
WRITING = "pacs_writing"
"""Execution option of a connection whose transaction writes."""


class Database:
    """The open index. Safe to share between threads, not across a fork."""

    def __init__(self, engine: Engine, write_lock: WriteLock) -> None:
        self.engine = engine
        self.write_lock = write_lock
        self.shapes = Shapes(engine.dialect)
        driver: Any = engine.dialect.loaded_dbapi
        self._failure: type[Exception] = driver.Error
        self._readers: Readers = (
            PooledReaders(engine) if self.is_postgresql else KeptReaders(self.bare_connection)
        )

    @property
    def url(self) -> URL:
        """Where the index is; shows without its password."""
        return self.engine.url

    @property
    def dialect(self) -> Dialect:
        """What SQLAlchemy compiles statements for."""
        return self.engine.dialect

    @property
    def is_postgresql(self) -> bool:
        """Whether this is PostgreSQL, else SQLite."""
        return self.dialect.name == "postgresql"

    def reading(self) -> Connection:
        """A connection that reads one consistent state (SQLite) or committed rows (PostgreSQL).

        Raises `IndexUnavailable`.
        """
        try:
            return self.engine.connect()
        except DBAPIError as error:
            raise unavailable(error.orig) from error

    @contextmanager
    def cursor(self) -> Iterator[Cursor]:
        """A cursor of the driver for a few statements that read, each of one consistent state.

        A small part of what the same costs by `reading`. Raises `IndexUnavailable` where the
        database fails, also inside of the block.
        """
        try:
            connection = self._readers.take()
        except (self._failure, DBAPIError) as error:
            raise unavailable(getattr(error, "orig", None) or error) from error
        try:
            cursor = connection.cursor()
            yield cursor
            cursor.close()
        except BaseException as error:
            self._readers.drop(connection)  # it may be broken, or in the middle of a statement
            if isinstance(error, self._failure):
                raise unavailable(error) from error
            raise
        self._readers.give(connection)

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """One write transaction: committed on a clean exit, rolled back on an exception.

        Raises `IndexUnavailable` where the database fails.
        """
        with self.write_lock:
            try:
                with self.engine.connect() as bare:
                    connection = bare.execution_options(**{WRITING: True})
                    with connection.begin():
                        if self.is_postgresql:
                            _lock_server(connection)
                        yield connection
            except DBAPIError as error:
                raise unavailable(error.orig) from error

    def commit_log(self) -> CommitLog:
        """What makes commits durable that were not when they returned; the caller closes it."""
        path = self.url.database
        if self.is_postgresql or path is None:
            return CommitLog()
        return SqliteLog(Path(path), self.bare_connection)

    def bare_connection(self) -> PoolProxiedConnection:
        """A connection of the driver itself, in autocommit mode, for the writer.

        It is nobody else's, and closed for good when it is closed.
        """
        connection = self.engine.raw_connection()
        connection.detach()
        if self.is_postgresql:
            driver: Any = connection.dbapi_connection
            driver.autocommit = True
        return connection

    def close(self) -> None:
        """Close every connection."""
        self._readers.close()
        self.engine.dispose()
        self.write_lock.close()


def _lock_server(connection: Connection) -> None:
    """The write lock of PostgreSQL, until the end of the transaction; `limit_silence` with it, in
    one round trip.
    """
    connection.exec_driver_sql(
        f"SELECT set_config('idle_in_transaction_session_timeout', '{SILENT_WRITER}', true),"
        f" pg_advisory_xact_lock({ADVISORY_LOCK})"
    )


def limit_silence(connection: Connection) -> None:
    """Have PostgreSQL end the transaction of ``connection`` if no statement comes for as long as
    `SILENT_WRITER`: what it holds is then free for others.
    """
    # Not a statement of SQLAlchemy's, which takes some five times as long.
    connection.exec_driver_sql(f"SET LOCAL idle_in_transaction_session_timeout = '{SILENT_WRITER}'")


def unavailable(cause: BaseException | None) -> IndexUnavailable:
    """What a failure of the driver is reported as: its kind, never its text, which holds values."""
    code = getattr(cause, "sqlstate", None) or getattr(cause, "sqlite_errorname", None) or ""
    kind = type(cause).__name__ if cause is not None else "failure"
    return IndexUnavailable(f"the index failed: {kind} {code}".rstrip() + "; nothing was committed")


def open_database(url: str, *, migrated: bool = True) -> Database:
    """Open the index at ``url``, made or brought up to date when needed.

    The folder of an SQLite file is made. ``migrated=False`` leaves the tables as they are.
    Raises `ConfigurationError` for a URL that cannot be used and for a schema that this version
    does not know, `IndexUnavailable` when the database does not answer.
    """
    parsed = _parse(url)
    database = (
        _open_sqlite(parsed) if parsed.get_backend_name() == "sqlite" else _open_server(parsed)
    )
    if migrated:
        try:
            with database.writing() as connection:
                migrate(connection)
        except BaseException:
            database.close()
            raise
    return database


def _parse(url: str) -> URL:
    try:
        parsed = make_url(url)
        parsed.get_dialect()
    except (ArgumentError, NoSuchModuleError, ImportError) as error:
        raise ConfigurationError(
            # Not the URL itself: it may hold a password, and cannot be taken apart to hide it.
            f"index url {url.partition(':')[0]!r}:… cannot be used ({type(error).__name__}); write "
            f"sqlite:////path/index.db or postgresql+psycopg://user@host/database"
        ) from error
    if parsed.get_backend_name() not in ("sqlite", "postgresql"):
        raise ConfigurationError(
            f"index url {parsed!r}: the index runs on sqlite and postgresql+psycopg only"
        )
    return parsed


def _open_sqlite(url: URL) -> Database:
    if not url.database or url.database == ":memory:":
        raise ConfigurationError(f"index url {url!r} names no file; write sqlite:////path/index.db")
    path = Path(url.database)
    make_folders(path.parent)
    engine = sa.create_engine(url, pool_size=16, max_overflow=48)
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return Database(engine, FileWriteLock(path.with_name(path.name + ".lock")))


def _open_server(url: URL) -> Database:
    engine = sa.create_engine(url, pool_size=16, max_overflow=48, pool_pre_ping=True)
    event.listen(engine, "do_connect", _prepare_server)
    return Database(engine, NoWriteLock())


def _prepare_server(
    _dialect: Dialect, _record: object, _arguments: object, options: dict[str, Any]
) -> None:
    """Every connection says whose it is; none waits for ever on a server that is away."""
    add_defaults(options)


def _prepare_sqlite(connection: Any, _record: object) -> None:
    """Transactions begin where we say so; every connection has the same settings."""
    connection.isolation_level = None
    for pragma in _SQLITE_PRAGMAS:
        connection.execute(pragma).close()


def _begin_sqlite(connection: Connection) -> None:
    """A writer takes the write lock of SQLite at once, not in the middle of its transaction."""
    writing = connection.get_execution_options().get(WRITING, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")
