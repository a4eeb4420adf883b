"""Making commits durable: the write-ahead log that SQLite keeps beside its database.

SQLite with ``synchronous=NORMAL`` writes the frames of a commit to the file ``…-wal`` and does not
sync them; with FULL it also syncs the file before the commit returns. The writer uses NORMAL and
calls fdatasync itself, on a descriptor of its own, for those commits that must be durable. That is
the same promise, because

* all frames of a commit are written before COMMIT returns, in the order of the commits, whichever
  process wrote them; one fdatasync thus makes every commit so far durable, and what a power cut
  loses is a tail of the commits, never one in the middle: each frame carries a checksum of all
  before it, and SQLite drops the log from the first frame that does not agree;
* frames leave the log by a checkpoint only, which in NORMAL as in FULL syncs the log before and
  the database after it copies them; the header of a log that begins anew is synced too;
* the log is deleted only by the last connection that closes, after a checkpoint of all of it.

Opening and closing this file is safe, which it is not for the database and its ``-shm``: closing
any descriptor of a file drops the POSIX locks that the process has on it (fcntl(2)), and SQLite
locks those two, never the log.

Linux reports a failed write to each descriptor once and takes the pages for clean afterwards, so a
second fdatasync proves nothing. After a failure everything is copied into the database and synced
there, by a checkpoint of the whole log, before any other commit is called durable.
"""

from __future__ import annotations

import errno
import os
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy.exc import DBAPIError

from pacs_framework.errors import IndexUnavailable

if TYPE_CHECKING:
    from sqlalchemy.pool import PoolProxiedConnection

__all__ = ["CommitLog", "SqliteLog"]


class CommitLog:
    """PostgreSQL, whose commits are durable when they return: there is nothing to do."""

    def attach(self) -> None:
        """Know the file, now that a connection keeps it in place."""

    def sync(self) -> None:
        """Every commit so far, of any process, is durable when this returns.

        Raises `IndexUnavailable`.
        """

    def close(self) -> None:
        """Give back what is held open."""


class SqliteLog(CommitLog):
    """The log of the SQLite database at ``database``. Safe to use from many threads.

    ``connect`` opens a connection that is nobody else's, for the checkpoint after a failure.
    """

    def __init__(self, database: Path, connect: Callable[[], PoolProxiedConnection]) -> None:
        self._path = database.with_name(database.name + "-wal")
        self._connect = connect
        self._mutex = threading.Lock()
        self._file = -1
        self._is: tuple[int, int] | None = None
        self._failed = False

    def attach(self) -> None:
        """Open the log, or the one that has taken its place since.

        Before the commits that are to be synced: a descriptor is told of failures after it was
        opened. Raises `IndexUnavailable`.
        """
        try:
            with self._mutex:
                self._open()
        except OSError as error:
            raise _not_durable(error) from error

    def sync(self) -> None:
        """Sync the log. 60 µs where nothing was written since the last time."""
        with self._mutex:
            if self._failed:
                self._checkpoint()
            try:
                if self._open():
                    os.fdatasync(self._file)
            except OSError as error:
                self._failed = True
                raise _not_durable(error) from error

    def close(self) -> None:
        """Close the file. Once is enough."""
        with self._mutex:
            self._drop()

    def _open(self) -> bool:
        """Hold the file that is at the path now; False when there is none, so nothing to sync."""
        try:
            found = os.stat(self._path)  # noqa: PTH116 - on the path of every synced commit
        except FileNotFoundError:
            self._drop()
            return False
        if self._is != (found.st_dev, found.st_ino):
            self._drop()
            try:
                self._file = os.open(self._path, os.O_RDWR | os.O_CLOEXEC)
            except FileNotFoundError:
                return False
            held = os.fstat(self._file)
            self._is = (held.st_dev, held.st_ino)
            self._sync_folder()
        return True

    def _sync_folder(self) -> None:
        """The name of the log, which any process may have made, must survive too."""
        folder = os.open(self._path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def _drop(self) -> None:
        if self._file >= 0:
            os.close(self._file)
        self._file, self._is = -1, None

    def _checkpoint(self) -> None:
        """Copy the whole log into the database, so that nothing in it is needed any more."""
        try:
            with closing(self._connect()) as connection:
                driver: Any = connection.dbapi_connection
                row = driver.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        except (sqlite3.Error, DBAPIError) as error:
            raise _not_durable(getattr(error, "orig", None) or error) from error
        busy = row[0]  # somebody still reads an old state; next time, then
        if busy:
            raise IndexUnavailable("the index failed: its log waits for a checkpoint")
        self._failed = False


def _not_durable(error: BaseException) -> IndexUnavailable:
    """Its kind, never its text, as `pacs_framework.index.database.unavailable` has it."""
    code = getattr(error, "sqlite_errorname", None) or errno.errorcode.get(
        getattr(error, "errno", 0), ""
    )
    return IndexUnavailable(
        f"the index failed: {type(error).__name__} {code}".rstrip()
        + "; a commit is perhaps not durable"
    )
