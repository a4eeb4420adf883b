"""Waking the change feed when something was committed, from whichever process it was.

A named pipe in the data folder: the process that runs the feed reads it, each process that commits
writes a byte and never waits. Where nobody reads, nobody needs to know: the feed reads the index
when it starts.
"""

from __future__ import annotations

import os
import stat
import threading
from contextlib import suppress
from pathlib import Path

__all__ = ["Bell", "BellListener"]

_RING = b"\1"
_READ = 4096


class Bell:
    """The side that rings. Safe to use from many threads."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._pipe = -1
        self._mutex = threading.Lock()

    def ring(self) -> None:
        """Wake the listener, if there is one; a full pipe has woken it already."""
        with self._mutex:
            for _ in range(2):
                if self._pipe < 0 and not self._open():
                    return
                try:
                    os.write(self._pipe, _RING)
                except BlockingIOError:
                    return
                except OSError:  # the listener went; perhaps there is another by now
                    self._close()
                else:
                    return

    def close(self) -> None:
        """Give the pipe back."""
        with self._mutex:
            self._close()

    def _open(self) -> bool:
        with suppress(OSError):  # no pipe, or nobody who reads it
            self._pipe = os.open(self._path, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        return self._pipe >= 0

    def _close(self) -> None:
        if self._pipe >= 0:
            os.close(self._pipe)
            self._pipe = -1


class BellListener:
    """The side that listens; makes the pipe where it is missing."""

    def __init__(self, path: Path) -> None:
        with suppress(FileExistsError):
            os.mkfifo(path, 0o660)
        # Read and write, so that the pipe never ends when the last one who rings goes.
        self._pipe = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        if not stat.S_ISFIFO(os.fstat(self._pipe).st_mode):
            os.close(self._pipe)
            raise FileExistsError(f"{str(path)!r} is in the way: the archive keeps a pipe there")

    def wait(self) -> None:
        """Block until somebody rings; rings in the meantime count as one."""
        os.read(self._pipe, _READ)

    def ring(self) -> None:
        """Wake whoever waits here."""
        os.write(self._pipe, _RING)

    def close(self) -> None:
        """Give the pipe back. Nobody may be waiting."""
        os.close(self._pipe)
