"""An SQLite database made beside the one that it replaces when it is complete."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from pacs_framework.folders import sync_folder

if TYPE_CHECKING:
    from pacs_framework.index.database import Database

__all__ = ["beside", "fold_log", "remove_database", "swap"]

_BESIDE = ("", "-wal", "-shm")  # the files of an SQLite database


def beside(path: Path) -> Path:
    """Where the new one is made; a start does not look there."""
    return path.with_name(path.name + ".new")


def fold_log(database: Database) -> None:
    """Put everything into the one file, which `swap` renames. Raises what the driver does."""
    with database.engine.connect() as connection:
        driver = connection.connection
        driver.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")


def swap(new: Path, path: Path) -> None:
    """Put the new file in place of the old one, whose log must not be taken for the new one's."""
    with new.open("rb+") as file:
        os.fsync(file.fileno())
    for suffix in _BESIDE[1:]:
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    new.replace(path)
    sync_folder(path.parent)


def remove_database(path: Path) -> None:
    """Remove the database at ``path``, if there is one."""
    for suffix in (*_BESIDE, ".lock"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
