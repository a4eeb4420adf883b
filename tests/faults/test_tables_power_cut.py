"""Tables of plugins after a power cut, and when their log cannot be synced.

The disk after the cut is made from the disk before: of the log only what an fdatasync covered that
had returned.
"""

from __future__ import annotations

import errno
import itertools
import os
import shutil
import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa

from pacs_framework.errors import IndexUnavailable
from pacs_framework.tables import TEXT, PluginTables, TableStore, new_metadata
from pacs_framework.testing.threads import run_in_threads

_metadata = new_metadata()
PAGE = sa.Table("notes_page", _metadata, sa.Column("title", TEXT, primary_key=True))
TABLES = PluginTables(metadata=_metadata)


class Disk:
    """Watches fdatasync. ``gate`` keeps it from beginning; ``broken`` has it fail."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.durable = 0
        self.syncs = 0
        self.broken = False
        self.gate = threading.Event()
        self.gate.set()
        self._fdatasync = os.fdatasync
        monkeypatch.setattr(os, "fdatasync", self._watched)

    def _watched(self, descriptor: int) -> None:
        covered = os.fstat(descriptor).st_size
        self.syncs += 1
        assert self.gate.wait(30)
        if self.broken:
            raise OSError(errno.EIO, "no")
        self._fdatasync(descriptor)
        self.durable = covered


@pytest.fixture
def store(pacs_tables, monkeypatch: pytest.MonkeyPatch) -> tuple[TableStore, Disk]:
    """Empty tables in a file, on a disk that is watched."""
    return pacs_tables(TABLES, "notes"), Disk(monkeypatch)


def add(store: TableStore, title: str) -> None:
    with store.begin() as connection:
        connection.execute(sa.insert(PAGE).values(title=title))


def add_half(store: TableStore) -> None:
    with store.begin() as connection:
        connection.execute(sa.insert(PAGE).values(title="half"))
        raise ZeroDivisionError


def titles(store: TableStore) -> set[str]:
    with store.reading() as connection:
        return set(connection.scalars(sa.select(PAGE.c.title)))


def after_a_cut(file: Path, durable: int, folder: Path) -> set[str]:
    """What is found when the power went with so many bytes of the log on the disk."""
    folder.mkdir()
    copy = folder / file.name
    shutil.copyfile(file, copy)
    log = Path(f"{copy}-wal")
    log.write_bytes(Path(f"{file}-wal").read_bytes()[:durable])
    with closing(sqlite3.connect(copy)) as connection:
        return {title for (title,) in connection.execute("SELECT title FROM notes_page")}


def test_what_a_transaction_wrote_is_durable_before_it_is_over(
    store: tuple[TableStore, Disk], tmp_path: Path
) -> None:
    """Whichever thread synced it: the power may go at the moment that `begin` returns."""
    tables, disk = store
    numbers = itertools.count()
    over: list[tuple[str, int]] = []

    def write() -> None:
        for _ in range(4):
            title = f"{next(numbers)}"
            add(tables, title)
            over.append((title, disk.durable))

    run_in_threads(write, 6)
    (file,) = tmp_path.rglob("notes.sqlite")
    assert len(over) == 24
    for title, durable in over:
        assert title in after_a_cut(file, durable, tmp_path / f"cut-{title}")


def test_those_that_commit_during_a_sync_share_the_next_one(
    store: tuple[TableStore, Disk],
) -> None:
    """Nobody of them is done before."""
    tables, disk = store
    wanted = {f"{number}" for number in range(8)}
    disk.gate.clear()
    writers = [threading.Thread(target=add, args=(tables, title)) for title in sorted(wanted)]
    for writer in writers:
        writer.start()
    while titles(tables) != wanted:  # they are committed, and seen
        writers[0].join(0.01)
    assert all(writer.is_alive() for writer in writers)
    disk.gate.set()
    for writer in writers:
        writer.join(30)
    # The first one may have begun before all others; the last may have come after the second.
    assert disk.syncs <= 3


def test_a_log_that_cannot_be_synced_fails_the_transaction(
    store: tuple[TableStore, Disk], tmp_path: Path
) -> None:
    """And says what that means. The next one is durable without the log, as is all before it."""
    tables, disk = store
    disk.broken = True
    with pytest.raises(IndexUnavailable, match="perhaps not durable"):
        add(tables, "first")
    disk.broken = False
    add(tables, "second")
    (file,) = tmp_path.rglob("notes.sqlite")
    assert after_a_cut(file, 0, tmp_path / "cut") >= {"first"}
    assert titles(tables) == {"first", "second"}


def test_a_transaction_that_raised_does_not_spoil_the_next(store: tuple[TableStore, Disk]) -> None:
    """The connection that writes is kept, but not after that."""
    tables, _ = store
    for _ in range(3):
        with pytest.raises(ZeroDivisionError):
            add_half(tables)
        with pytest.raises(IndexUnavailable), tables.begin() as connection:
            connection.execute(sa.text("SELECT * FROM nowhere"))
    add(tables, "whole")
    assert titles(tables) == {"whole"}
