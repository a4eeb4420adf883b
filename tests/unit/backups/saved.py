"""An archive to back up, and its backups restored."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from pacs_framework.archive.archive import Archive
from pacs_framework.archive.verify import verify
from pacs_framework.backups.folder import BackupFolder
from pacs_framework.backups.making import Backup, Made
from pacs_framework.backups.restoring import Restore, Restored
from pacs_framework.index import schema
from pacs_framework.index.database import Database, open_database
from pacs_framework.index.entry import DuplicatePolicy
from pacs_framework.tables import TEXT, TIME, OpenTables, PluginTables, new_metadata
from pacs_framework.testing.arrivals import announced, encoded, mr_image, send
from pacs_framework.testing.memory_storage import MemoryStorage

_metadata = new_metadata()
NOTE = sa.Table(
    "notes_note",
    _metadata,
    sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), primary_key=True),
    sa.Column("at", TIME),
    sa.Column("data", sa.LargeBinary, nullable=False),
    sa.Column("read", sa.Boolean, nullable=False),
    sa.Column("facts", sa.JSON),
    sqlite_autoincrement=True,
)
SEEN = sa.Table(  # keys of which PostgreSQL knows no largest
    "notes_seen",
    _metadata,
    sa.Column("note_fk", sa.ForeignKey(NOTE.c.id), primary_key=True),
    sa.Column("twice", sa.Boolean, primary_key=True),
)
PLACE = sa.Table("notes_place", _metadata, sa.Column("name", TEXT, primary_key=True))
NOTES = PluginTables(metadata=_metadata, about_storage=frozenset({PLACE.name}))
MOMENT = dt.datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=dt.UTC)
A_NOTE: dict[str, Any] = {
    "at": MOMENT,
    "data": b"\0\xff",
    "read": True,
    "facts": {"bytes": "no bytes", "a": [1, None]},
}


@dataclass(slots=True, kw_only=True)
class Clinic:
    """An archive with storage in memory and a plugin's tables, and a backup of it."""

    database: Database
    folder: Path
    storage: MemoryStorage = field(default_factory=MemoryStorage)
    saved: MemoryStorage | None = field(default_factory=MemoryStorage)
    archive: Archive = field(init=False)
    tables: OpenTables = field(init=False)

    def __post_init__(self) -> None:
        data = self.folder / "data"
        self.tables = OpenTables({"notes": NOTES}, data=data, index=self.database)
        self.archive = Archive(
            database=self.database,
            storage=self.storage,
            data=data,
            duplicates=DuplicatePolicy.REPLACE,
            tables=self.tables,
        )

    def close(self) -> None:
        self.archive.close()
        self.tables.close()

    def store(self, *numbers: int, **attributes: Any) -> None:
        """MR images, of a hundred bytes of pixels each."""
        for number in numbers:
            send(self.archive, encoded(mr_image(number, **attributes)), announced(number))

    def note(self, **values: object) -> None:
        with self.tables("notes").begin() as connection:
            added = connection.execute(sa.insert(NOTE).values({**A_NOTE, **values}))
            (number,) = added.inserted_primary_key or (0,)
            connection.execute(sa.insert(SEEN).values(note_fk=number, twice=True))

    def place(self, name: str) -> None:
        """Note that the storage is there."""
        with self.tables("notes").begin() as connection:
            connection.execute(sa.insert(PLACE).values(name=name))

    @property
    def target(self) -> Path:
        return self.folder / "backup"

    def back_up(self, **more: Any) -> Made:
        objects = None if self.saved is None else ""
        return Backup(
            archive=self.archive,
            database=self.database,
            definitions={"notes": NOTES},
            folder=BackupFolder.made(self.target, objects=objects),
            target=self.saved,
            **more,
        ).make()


@dataclass(slots=True, kw_only=True)
class Other:
    """Another archive that backups are restored into."""

    url: str
    data: Path
    storage: MemoryStorage = field(default_factory=MemoryStorage)

    def restore(self, clinic: Clinic, *, snapshot: str | None = None, **more: Any) -> Restored:
        folder = BackupFolder(clinic.target)
        saved = clinic.saved
        return Restore(
            folder=folder,
            snapshot=folder.snapshot(snapshot),
            index_url=self.url,
            data=self.data,
            definitions={"notes": NOTES},
            open_storage=_opens(self.storage),
            open_source=None if saved is None else _opens(saved),
            **more,
        ).run()

    @contextmanager
    def opened(self) -> Iterator[Archive]:
        """The archive, as a start opens it."""
        with closing(open_database(self.url)) as database:
            tables = OpenTables({"notes": NOTES}, data=self.data, index=database)
            archive = Archive(
                database=database, storage=self.storage, data=self.data, tables=tables
            )
            try:
                yield archive
            finally:
                archive.close()
                tables.close()

    def findings(self) -> list[object]:
        """What `pacs verify` says."""
        with self.opened() as archive:
            return list(verify(archive))

    def rows(self, table: sa.Table) -> list[tuple[Any, ...]]:
        with closing(open_database(self.url)) as database:
            return rows(database, table)

    def places(self) -> list[str]:
        with self.opened() as archive, archive.tables("notes").reading() as connection:
            return list(connection.scalars(sa.select(PLACE.c.name)))

    def notes(self) -> list[Any]:
        with self.opened() as archive, archive.tables("notes").reading() as connection:
            return [dict(row) for row in connection.execute(sa.select(NOTE)).mappings()]


def rows(database: Database, table: sa.Table) -> list[tuple[Any, ...]]:
    """All rows, in the order of their keys."""
    with database.reading() as connection:
        wanted = sa.select(table).order_by(*table.primary_key.columns)
        return [tuple(row) for row in connection.execute(wanted)]


def everything(database: Database) -> dict[str, list[tuple[Any, ...]]]:
    """The index, table by table."""
    return {table.name: rows(database, table) for table in schema.metadata.sorted_tables}


def _opens(storage: MemoryStorage) -> Callable[[], Any]:
    @contextmanager
    def opened() -> Iterator[MemoryStorage]:
        yield storage

    return opened


class Interrupted(Exception):
    """As a signal would come."""


def fail_at(number: int, wanted: str, error: Exception) -> Callable[[str], None]:
    """Raise ``error`` the ``number``th time that a storage comes to the step ``wanted``."""
    left = [number]

    def before(step: str) -> None:
        if step == wanted:
            left[0] -= 1
            if left[0] == 0:
                raise error

    return before
