"""What the index makes of entries: duplicates, parents, changes, batches and failures."""

from __future__ import annotations

import dataclasses
import threading
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

import pytest
import sqlalchemy as sa

from pacs_framework.archive.changes import ChangeKind
from pacs_framework.errors import IndexUnavailable, PacsError
from pacs_framework.index import schema
from pacs_framework.index.changes import ChangeReader
from pacs_framework.index.database import Database
from pacs_framework.index.entry import DuplicatePolicy, Entry, StoredAs
from pacs_framework.index.lookup import Lookup
from pacs_framework.index.writer import IndexWriter

MakeEntry = Callable[..., Entry]


def rows(database: Database, table: sa.Table) -> list[dict[str, Any]]:
    with database.reading() as connection:
        return [dict(row._mapping) for row in connection.execute(sa.select(table))]


def kinds(database: Database) -> list[ChangeKind]:
    return [change.kind for change in ChangeReader(database).after(0, 1000)]


def test_parents_with_other_children_stay(
    database: Database, writer: IndexWriter, entry: MakeEntry
) -> None:
    writer.store(entry(1))
    writer.store(entry(2, SeriesInstanceUID="1.2.3.5"))
    moved = {"SeriesInstanceUID": "1.2.3.5"}
    writer.store(entry(1, version=2, content="moved", duplicates=DuplicatePolicy.REPLACE, **moved))
    assert [row["series_instance_uid"] for row in rows(database, schema.series)] == ["1.2.3.5"]
    assert len(rows(database, schema.study)) == 1
    assert len(rows(database, schema.patient)) == 1


def test_the_only_instance_of_a_patient_replaced_gives_the_patient_its_new_values(
    database: Database, writer: IndexWriter, entry: MakeEntry
) -> None:
    """Nothing is left of the values of an instance that is gone."""
    writer.store(entry(1, PatientName="Doe^Jnae"))
    writer.store(entry(1, version=2, content="b", duplicates=DuplicatePolicy.REPLACE))
    (patient,) = rows(database, schema.patient)
    assert (patient["patient_name"], patient["patient_name_search"]) == ("Doe^Jane", "doe^jane")


def test_threads_that_wait_share_one_commit(
    database: Database, entry: MakeEntry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Everything that has queued up while the lock was taken is one transaction."""
    commits: list[None] = []
    writer = IndexWriter(database, on_commit=lambda: commits.append(None))
    hold_until_queued(writer, database, 16, monkeypatch)
    run_all(lambda number: writer.store(entry(number)), range(16))
    assert len(commits) == 1
    assert len(rows(database, schema.instance)) == 16
    writer.close()


def test_one_uid_twice_in_the_queue_is_decided_one_after_the_other(
    database: Database, entry: MakeEntry, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = IndexWriter(database)
    hold_until_queued(writer, database, 8, monkeypatch)
    outcomes: list[StoredAs] = []
    run_all(lambda n: outcomes.append(writer.store(entry(1, version=n + 1)).outcome), range(8))
    assert sorted(outcomes) == [StoredAs.IDENTICAL] * 7 + [StoredAs.NEW]
    assert kinds(database) == [ChangeKind.STORED]
    writer.close()


def test_a_bad_entry_fails_alone(
    database: Database, entry: MakeEntry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The others of its batch are stored, and it alone gets the error, without its values."""
    writer = IndexWriter(database)
    hold_until_queued(writer, database, 5, monkeypatch)
    bad = dataclasses.replace(entry(3), storage_key=None)  # type: ignore[arg-type]
    failed: dict[int, PacsError] = {}

    def store(number: int) -> None:
        try:
            writer.store(bad if number == 3 else entry(number))
        except PacsError as error:
            failed[number] = error

    run_all(store, range(5))
    assert set(failed) == {3}
    assert "does not take the instance: " in str(failed[3])
    assert "Doe" not in str(failed[3])
    assert len(rows(database, schema.instance)) == 4
    assert len(kinds(database)) == 4
    assert writer.store(entry(9)).outcome is StoredAs.NEW
    writer.close()


def test_a_parent_that_another_process_removed_is_made_again(
    database: Database, writer: IndexWriter, entry: MakeEntry
) -> None:
    """A remembered id is never believed over the database."""
    writer.store(entry(1))
    elsewhere = IndexWriter(database)
    away = {"SeriesInstanceUID": "1.7.7", "StudyInstanceUID": "1.7", "PatientID": "P7"}
    elsewhere.store(entry(1, version=2, content="b", duplicates=DuplicatePolicy.REPLACE, **away))
    elsewhere.store(entry(5, SeriesInstanceUID="1.8.8", StudyInstanceUID="1.8", PatientID="P8"))
    elsewhere.close()
    assert writer.store(entry(2)).outcome is StoredAs.NEW
    facts = Lookup(database).instance("1.2.3.4.2")
    assert facts is not None
    assert (facts.patient_id, facts.series_instance_uid) == ("P1", "1.2.3.4")


def test_names_tells_what_the_index_names(
    database: Database, writer: IndexWriter, entry: MakeEntry
) -> None:
    for number in range(100):
        writer.store(entry(number))
    keys = [f"objects/{number}-1" for number in range(0, 200, 2)]
    assert writer.names(keys) == {f"objects/{number}-1" for number in range(0, 100, 2)}


def test_a_failed_commit_leaves_nothing_and_the_next_one_works(
    database: Database, writer: IndexWriter, entry: MakeEntry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also the parents that were made in the failed transaction are not believed in."""
    driver = database.dialect.loaded_dbapi
    with monkeypatch.context() as patched:

        def fail(*_: object) -> None:
            raise driver.OperationalError("no room")

        patched.setattr(writer._recorder._insert_change, "run_rows", fail)
        with pytest.raises(IndexUnavailable, match=r"OperationalError.*nothing was committed"):
            writer.store(entry(1))
    assert rows(database, schema.patient) == []
    assert writer.store(entry(1)).outcome is StoredAs.NEW


@pytest.mark.postgresql
def test_parents_of_a_transaction_that_was_rolled_back_are_not_believed_in(
    database: Database, writer: IndexWriter, entry: MakeEntry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever ended it: another process may have given their numbers to other parents."""

    def fail(*_: object) -> None:
        raise RuntimeError("not of the database")

    with monkeypatch.context() as patch:
        patch.setattr(writer._delete_obsolete, "run_many", fail)
        with pytest.raises(IndexUnavailable):
            writer.store(entry(1))
    other = IndexWriter(database)
    other.store(entry(2, PatientID="OTHER", StudyInstanceUID="1.9", SeriesInstanceUID="1.9.1"))
    other.close()

    writer.store(entry(3))
    instances = {
        row["sop_instance_uid"]: row["series_fk"] for row in rows(database, schema.instance)
    }
    assert instances["1.2.3.4.2"] != instances["1.2.3.4.3"]


def test_a_connection_that_the_server_closed_is_replaced(
    request: pytest.FixtureRequest, entry: MakeEntry
) -> None:
    """A restart of the database costs no instance."""
    from pacs_framework.index.database import open_database  # noqa: PLC0415

    database = open_database(request.getfixturevalue("pacs_postgres").new_database())
    writer = IndexWriter(database)
    writer.store(entry(1))
    with database.reading() as connection:
        connection.execute(
            sa.text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        )
    assert writer.store(entry(2)).outcome is StoredAs.NEW
    writer.close()
    database.close()


def run_all(work: Callable[[int], object], numbers: Iterable[int]) -> None:
    threads = [threading.Thread(target=work, args=(number,)) for number in numbers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def hold_until_queued(
    writer: IndexWriter, database: Database, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first leader gets the write lock only when ``number`` tickets are in the queue."""
    queued = threading.Semaphore(0)
    lock = database.write_lock
    first = iter([True])

    class SignallingQueue(deque[Any]):
        def append(self, ticket: Any) -> None:
            super().append(ticket)
            queued.release()

    class HeldLock:
        def __enter__(self) -> None:
            if next(first, False):
                for _ in range(number):
                    queued.acquire()
            lock.__enter__()

        def __exit__(self, *exc: object) -> None:
            lock.__exit__(*exc)

        def close(self) -> None:
            lock.close()

    monkeypatch.setattr(writer, "_queue", SignallingQueue())
    monkeypatch.setattr(database, "write_lock", HeldLock())
