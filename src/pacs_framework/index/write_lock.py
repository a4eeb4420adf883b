"""One writer at a time: the lock around every write transaction of an index on SQLite.

SQLite lets one transaction write and tells the others to try again, which means sleeping. Processes
of one archive wait here instead, in the order the operating system keeps, and are woken at once.
"""

from __future__ import annotations

import fcntl
import os
import threading
from pathlib import Path

__all__ = ["FileWriteLock", "NoWriteLock", "WriteLock"]


class WriteLock:
    """What stands around a write transaction, as a context manager."""

    def __enter__(self) -> None:
        """Wait until no one else writes."""
        raise NotImplementedError

    def __exit__(self, *exc: object) -> None:
        """Let the next one write."""
        raise NotImplementedError

    def close(self) -> None:
        """Give back what the lock holds open."""


class NoWriteLock(WriteLock):
    """PostgreSQL: the transaction itself takes an advisory lock in the server."""

    def __enter__(self) -> None:
        """Nothing to wait for on this side."""

    def __exit__(self, *exc: object) -> None:
        """Nothing to release on this side."""


class FileWriteLock(WriteLock):
    """An advisory lock on the file at ``path`` between processes, and a mutex between threads.

    The file stays; it is empty. A lock belongs to the process that opened it and must not be used
    across a fork, like the database it stands for.
    """

    def __init__(self, path: Path) -> None:
        self._mutex = threading.Lock()
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)

    def __enter__(self) -> None:
        self._mutex.acquire()
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX)
        except BaseException:
            self._mutex.release()
            raise

    def __exit__(self, *exc: object) -> None:
        try:
            fcntl.flock(self._file, fcntl.LOCK_UN)
        finally:
            self._mutex.release()

    def close(self) -> None:
        """Close the file; a lock that is still held is released with it. Once is enough."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
