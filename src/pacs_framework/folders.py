"""Folders that are still there after a power cut.

A file survives one when it was synced, its entry in its folder was, and so was the entry of every
folder above it.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

__all__ = ["make_folders", "sync_folder"]


def sync_folder(path: Path) -> None:
    """Make the entries of the folder at ``path`` durable: names given, taken and removed.

    Raises OSError, PermissionError also where the folder may be used and not read.
    """
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def make_folders(path: Path) -> None:
    """Make the folder at ``path`` and those above it that are missing, all of them durable.

    Several processes may make the same ones. Raises OSError, FileExistsError where something else
    than a folder has the name.
    """
    if path.is_dir():
        # Who made it may have come no further than that: each is synced before the next is made.
        with suppress(PermissionError):  # a folder of somebody else's, who made what is in it
            sync_folder(path.parent)
        return
    make_folders(path.parent)
    path.mkdir(exist_ok=True)
    sync_folder(path.parent)
