"""Which commits are durable: synced ones when they return, the others when `sync` does."""

from __future__ import annotations

import os
import shutil
import sqlite3
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from pacs_framework.errors import IndexUnavailable
from pacs_framework.index.database import Database, open_database
from pacs_framework.index.entry import DuplicatePolicy, Entry, StoredAs
from pacs_framework.index.writer import IndexWriter

MakeEntry = Callable[..., Entry]
UID = "1.2.3.4.{}"


class Disk:
    """What would be left of an index after a power cut: the log up to its last sync."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.log = path.with_name(path.name + "-wal")
        self.synced: list[int] = []  # length of the log at each fdatasync
        self.broken = False

    def fdatasync(self, file: int) -> None:
        assert os.path.samestat(os.fstat(file), self.log.stat())
        if self.broken:
            raise OSError(5, "Input/output error")
        self.synced.append(os.fstat(file).st_size)

    def after_power_cut(self, folder: Path, length: int, *, torn: bytes = b"") -> set[str]:
        """The UIDs in the index that comes up from the database and so much of the log."""
        copy = folder / "after.db"
        shutil.copy(self.path, copy)
        (folder / "after.db-shm").unlink(missing_ok=True)
        (folder / "after.db-wal").write_bytes(self.log.read_bytes()[:length] + torn)
        with closing(sqlite3.connect(copy)) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            return uids_in(connection)


def uids_in(connection: sqlite3.Connection) -> set[str]:
    rows = {row[0] for row in connection.execute("SELECT sop_instance_uid FROM instance")}
    announced = {row[0] for row in connection.execute("SELECT sop_instance_uid FROM change")}
    assert rows == announced
    return rows


def uids(*numbers: int) -> set[str]:
    return {UID.format(number) for number in numbers}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "index.db"


@pytest.fixture
def database(path: Path) -> Iterator[Database]:
    opened = open_database(f"sqlite:///{path}")
    yield opened
    opened.close()


@pytest.fixture
def disk(path: Path, monkeypatch: pytest.MonkeyPatch) -> Disk:
    made = Disk(path)
    monkeypatch.setattr(os, "fdatasync", made.fdatasync)
    return made


def test_a_synced_commit_is_synced_after_it_was_written(
    database: Database, writer: IndexWriter, entry: MakeEntry, disk: Disk, tmp_path: Path
) -> None:
    """Nothing of it is missing from what the disk had when it was told to sync."""
    for number in (1, 2, 3):
        writer.store(entry(number))
        assert len(disk.synced) == number
        left = disk.after_power_cut(tmp_path, disk.synced[-1])
        assert left == uids(*range(1, number + 1))


def test_an_unsynced_commit_is_seen_at_once_and_synced_by_nobody(
    database: Database, writer: IndexWriter, entry: MakeEntry, disk: Disk
) -> None:
    assert writer.store(entry(1), synced=False).outcome is StoredAs.NEW
    assert disk.synced == []
    assert writer.names(["objects/1-1"]) == {"objects/1-1"}


def test_sync_makes_the_commits_of_every_writer_durable(
    database: Database, writer: IndexWriter, entry: MakeEntry, disk: Disk, tmp_path: Path
) -> None:
    """One file holds them all, whichever process wrote them."""
    other = IndexWriter(database)
    writer.store(entry(1), synced=False)
    other.store(entry(2), synced=False)
    writer.store(entry(3), synced=False)
    other.sync()
    other.close()
    assert disk.after_power_cut(tmp_path, disk.synced[-1]) == uids(1, 2, 3)


def test_sync_needs_no_writer_that_wrote(path: Path, entry: MakeEntry, disk: Disk) -> None:
    """Neither while others write, nor when there is no log because everything was copied."""
    database = open_database(f"sqlite:///{path}")
    writer, idle = IndexWriter(database), IndexWriter(database)
    writer.store(entry(1), synced=False)
    idle.sync()
    assert len(disk.synced) == 1
    writer.close()
    database.close()
    assert not disk.log.exists()
    idle.sync()
    assert len(disk.synced) == 1
    idle.close()


def test_one_who_asks_makes_the_whole_batch_durable(
    database: Database,
    writer: IndexWriter,
    entry: MakeEntry,
    disk: Disk,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    queued = threading.Semaphore(0)

    class SignallingQueue(deque[Any]):
        def append(self, ticket: Any) -> None:
            super().append(ticket)
            queued.release()

    monkeypatch.setattr(writer, "_queue", SignallingQueue())
    threads = [
        threading.Thread(target=writer.store, args=(entry(n),), kwargs={"synced": n == 5})
        for n in range(8)
    ]
    with database.write_lock:  # the first of them leads and waits here
        for thread in threads:
            thread.start()
        for _ in threads:
            queued.acquire()
    for thread in threads:
        thread.join()
    assert len(disk.synced) == 1
    assert disk.after_power_cut(tmp_path, disk.synced[0]) == uids(*range(8))


def test_what_takes_an_object_out_is_durable_though_nobody_asked(
    database: Database, writer: IndexWriter, entry: MakeEntry, disk: Disk
) -> None:
    """The old object is deleted next: an index that comes up with its name would have lost it."""
    writer.store(entry(1), synced=False)
    again = {"version": 2, "content": "other"}
    assert writer.store(entry(1, **again), synced=False).outcome is StoredAs.IGNORED
    assert disk.synced == []
    again["duplicates"] = DuplicatePolicy.REPLACE
    assert writer.store(entry(1, **again), synced=False).outcome is StoredAs.REPLACED
    assert len(disk.synced) == 1


def test_a_power_cut_loses_a_tail_of_the_unsynced_and_nothing_else(
    database: Database, writer: IndexWriter, entry: MakeEntry, disk: Disk, tmp_path: Path
) -> None:
    """Wherever the log was cut off after its last sync, also within a frame."""
    synced: list[tuple[int, int]] = []  # (commits, length of the log)
    for number in range(24):
        writer.store(entry(number), synced=number % 5 == 4)
        if number % 5 == 4:
            synced.append((number + 1, disk.synced[-1]))
    whole = disk.log.stat().st_size
    for promised, length in synced:
        for cut in range(length, whole + 1, 3333):
            left = disk.after_power_cut(tmp_path, cut, torn=b"\0" * 1000)
            assert left == uids(*range(len(left)))
            assert len(left) >= promised


def test_a_commit_that_cannot_be_synced_fails_and_nothing_is_believed_before_a_checkpoint(
    database: Database, writer: IndexWriter, entry: MakeEntry, disk: Disk, tmp_path: Path
) -> None:
    """A second sync would succeed and mean nothing, so everything goes into the database first."""
    writer.store(entry(1))
    disk.broken = True
    with pytest.raises(IndexUnavailable, match=r"OSError EIO; a commit is perhaps not durable"):
        writer.store(entry(2))
    assert writer.names(["objects/2-1"]) == {"objects/2-1"}
    disk.broken = False
    with database.reading():  # the log stays, as it does where others are connected
        writer.sync()
        assert disk.after_power_cut(tmp_path, 0) == uids(1, 2)


def test_a_log_that_cannot_be_copied_keeps_commits_from_being_called_durable(
    database: Database,
    writer: IndexWriter,
    entry: MakeEntry,
    disk: Disk,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Somebody reads an old state, so the checkpoint after the failure does not get through."""
    disk.broken = True
    writer.store(entry(1), synced=False)
    with database.reading() as old_state:
        old_state.exec_driver_sql("SELECT count(*) FROM instance")
        with pytest.raises(IndexUnavailable):
            writer.store(entry(2))
        disk.broken = False
        impatient(writer, database, monkeypatch)
        with pytest.raises(IndexUnavailable, match="waits for a checkpoint"):
            writer.store(entry(3))
    writer.sync()
    assert writer.store(entry(4)).outcome is StoredAs.NEW


def impatient(writer: IndexWriter, database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """The checkpoint does not wait until the others have ended."""

    def connect() -> Any:
        connection: Any = database.bare_connection()
        connection.dbapi_connection.execute("PRAGMA busy_timeout = 0")
        return connection

    monkeypatch.setattr(writer._session._log, "_connect", connect)


def test_a_log_that_was_made_anew_is_the_one_that_is_synced(
    path: Path, entry: MakeEntry, disk: Disk
) -> None:
    """The last connection takes the log along; the next has another one (`Disk` compares)."""
    idle = IndexWriter(open_database(f"sqlite:///{path}"))
    for number in (1, 2):
        database = open_database(f"sqlite:///{path}")
        writer = IndexWriter(database)
        writer.store(entry(number))
        idle.sync()
        writer.close()
        database.close()
    idle._database.close()
    idle.close()
    assert len(disk.synced) == 4


def test_only_the_writer_of_instances_leaves_syncing_to_itself(
    database: Database, writer: IndexWriter, entry: MakeEntry
) -> None:
    """Everyone else's commits are synced by SQLite (2: FULL), before they return."""
    writer.store(entry(1))
    cursor = writer._session._cursor
    assert cursor is not None
    cursor.execute("PRAGMA synchronous")
    assert cursor.fetchall() == [(1,)]
    with database.writing() as connection:
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2


@pytest.mark.postgresql
def test_on_a_server_every_commit_is_durable(
    request: pytest.FixtureRequest, entry: MakeEntry
) -> None:
    """Whether it was asked for or not; `sync` has nothing to do."""
    database = open_database(request.getfixturevalue("pacs_postgres").new_database())
    writer = IndexWriter(database)
    writer.store(entry(1), synced=False)
    writer.sync()
    with database.reading() as connection:
        assert connection.exec_driver_sql("SHOW synchronous_commit").scalar() == "on"
    writer.close()
    database.close()
