"""Which objects a storage has, by version: so that what is there is not copied again."""

from __future__ import annotations

import sqlite3
from itertools import islice
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from pacs_framework.storage import StorageBackend

__all__ = ["Present"]

_PAGE = 1000


class Present:
    """Versions with keys and sizes, in a temporary file that SQLite keeps. One thread uses it."""

    def __init__(self) -> None:
        self._database = sqlite3.connect("", isolation_level=None)  # "": on disk where it is large
        self._database.execute("PRAGMA synchronous = OFF")
        self._database.execute(
            "CREATE TABLE object (version TEXT PRIMARY KEY, key TEXT NOT NULL, size INTEGER)"
            " WITHOUT ROWID"
        )

    @classmethod
    def listed(cls, storage: StorageBackend) -> Self:
        """All that ``storage`` lists. Raises `StorageError`."""
        present = cls()
        try:
            found = storage.list()
            while page := list(islice(found, _PAGE)):
                present.add_all((storage.version_of(f.key), f.key, f.size) for f in page)
        except BaseException:
            present.close()
            raise
        return present

    def add(self, version: str, key: str, size: int) -> None:
        """The storage has this one now."""
        self.add_all([(version, key, size)])

    def add_all(self, rows: object) -> None:
        """Several of them, as version, key, size."""
        with self._database:
            self._database.execute("BEGIN")
            self._database.executemany(
                "INSERT OR REPLACE INTO object VALUES (?, ?, ?)",
                rows,  # type: ignore[arg-type]
            )

    def find(self, version: str) -> tuple[str, int] | None:
        """Key and size of the object of this version."""
        found: tuple[str, int] | None = self._database.execute(
            "SELECT key, size FROM object WHERE version = ?", (version,)
        ).fetchone()
        return found

    def count(self) -> int:
        """How many there are."""
        (number,) = self._database.execute("SELECT count(*) FROM object").fetchone()
        return int(number)

    def close(self) -> None:
        """Remove the file."""
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()
