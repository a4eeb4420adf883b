"""Where the processes of one archive are asked: a folder of sockets among its data."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["LONGEST_QUESTION", "SUFFIX", "folder_of", "short_path"]

SUFFIX = ".socket"
LONGEST_QUESTION = 64  # bytes, with the end of the line


def folder_of(data: Path) -> Path:
    """The folder of the sockets of the archive whose data is in ``data``."""
    return data / "live"


@contextmanager
def short_path(folder: Path, name: str) -> Iterator[str]:
    """A path of ``name`` in ``folder`` for the time of the block, however long the real one is.

    The address of a Unix socket has 107 bytes at most, and a data folder may lie deep. Raises
    OSError where there is no folder.
    """
    handle = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{handle}/{name}"
    finally:
        os.close(handle)
