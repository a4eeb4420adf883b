"""Waking the change feed when something was committed, from whichever process it was.

A named pipe in the data folder: the process that runs the feed reads it, each process that commits
writes a byte and never waits. Where nobody reads, the bytes stay in the pipe until it is full and
wake the next reader once for nothing.
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path

__all__ = ["Bell", "BellListener"]

_RING = b"\1"
_READ = 1 << 16


class Bell:
    """The side that rings. Safe to use from many threads; makes the pipe where it is missing."""

    def __init__(self, path: Path) -> None:
        # Read and write: so a ring is one write, whether somebody listens by now or not.
        self._pipe = _open(path, os.O_NONBLOCK)

    def ring(self) -> None:
        """Wake the listener, if there is one; a full pipe will wake it anyway."""
        with suppress(BlockingIOError):
            os.write(self._pipe, _RING)

    def close(self) -> None:
        """Give the pipe back. Nobody may be ringing."""
        os.close(self._pipe)


class BellListener:
    """The side that listens; makes the pipe where it is missing."""

    def __init__(self, path: Path) -> None:
        # Read and write: so the pipe never ends when the last one who rings goes.
        self._pipe = _open(path)

    def wait(self) -> None:
        """Block until somebody rings; rings in the meantime count as one."""
        os.read(self._pipe, _READ)

    def ring(self) -> None:
        """Wake whoever waits here."""
        os.write(self._pipe, _RING)

    def close(self) -> None:
        """Give the pipe back. Nobody may be waiting."""
        os.close(self._pipe)


def _open(path: Path, flags: int = 0) -> int:
    """The pipe, made if needed. Raises FileExistsError when something else is in its place."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with suppress(FileExistsError):
        os.mkfifo(path, 0o660)
    pipe = os.open(path, os.O_RDWR | os.O_CLOEXEC | flags)
    if not stat.S_ISFIFO(os.fstat(pipe).st_mode):
        os.close(pipe)
        raise FileExistsError(f"{str(path)!r} is in the way: the archive keeps a pipe there")
    return pipe
