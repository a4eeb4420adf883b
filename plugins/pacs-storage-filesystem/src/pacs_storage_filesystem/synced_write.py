"""Writing whole pages at a place in a file, durably, in one call and from many threads at once."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Sequence
from pathlib import Path

__all__ = ["MOST_AT_ONCE", "SyncedFile"]

MOST_AT_ONCE = 1024  # pieces of memory that Linux writes in one call (IOV_MAX)

_REFUSED = (errno.EINVAL, errno.ENOTSUP)


class SyncedFile:
    """The file at ``path``, open as ``handle``.

    A direct write with RWF_DSYNC goes to the device from where it is, and where the blocks were
    written before it is a single request that needs neither a commit of the journal nor a flush.
    Where the file system knows no O_DIRECT, writes and their syncs take turns: a failed sync is
    told once for each open file, and may be about what another thread wrote.
    """

    def __init__(self, path: Path, handle: int) -> None:
        self._handle = handle
        self._mutex = threading.Lock()
        self.broken = False
        try:
            self._direct = os.open(path, os.O_WRONLY | os.O_DIRECT | os.O_CLOEXEC)
        except OSError as error:
            if error.errno not in _REFUSED:
                raise
            self._direct = -1

    def write(self, pages: Sequence[memoryview], offset: int) -> None:
        """Write whole pages one behind the other; durable on return. Raises OSError.

        Each of ``pages`` begins at a page of memory; there are up to `MOST_AT_ONCE` of them. After
        a failure the file is `broken`: what else is lost cannot be known.
        """
        try:
            if not self._write_direct(pages, offset):
                self._write_cached(pages, offset)
        except OSError:
            self.broken = True
            raise

    def close(self) -> None:
        """Give back the second descriptor; ``handle`` is the caller's."""
        if self._direct >= 0:
            os.close(self._direct)
            self._direct = -1

    def _write_direct(self, pages: Sequence[memoryview], offset: int) -> bool:
        """False where it is refused, as some file systems do at the first write only."""
        if self._direct < 0:
            return False
        try:
            _check(os.pwritev(self._direct, pages, offset, os.RWF_DSYNC), pages)
        except OSError as error:
            if error.errno in _REFUSED:
                return False
            raise
        return True

    def _write_cached(self, pages: Sequence[memoryview], offset: int) -> None:
        with self._mutex:
            if self.broken:
                raise OSError(errno.EIO, "an earlier sync of the file failed")
            _check(os.pwritev(self._handle, pages, offset), pages)
            os.fdatasync(self._handle)


def _check(written: int, pages: Sequence[memoryview]) -> None:
    if written != sum(map(len, pages)):
        raise OSError(errno.EIO, "short write")
