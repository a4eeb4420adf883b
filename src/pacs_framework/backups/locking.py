"""One process at a time."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pacs_framework.errors import BackupError

__all__ = ["only_one"]


@contextmanager
def only_one(lock: Path, what: str) -> Iterator[None]:
    """Hold the file ``lock``, which stays, for the time of the block.

    Raises `BackupError` where another process holds it, saying ``what`` it does.
    """
    handle = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BackupError(f"another process {what}; wait until it has ended") from None
        yield
    finally:
        os.close(handle)
