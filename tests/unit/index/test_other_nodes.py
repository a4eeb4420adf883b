"""What the writer does while another node holds the lock of the server (PostgreSQL)."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest

from pacs_framework.errors import IndexUnavailable
from pacs_framework.index.database import Database, open_database
from pacs_framework.index.entry import Entry, StoredAs
from pacs_framework.index.session import WriteSession
from pacs_framework.index.writer import IndexWriter

pytestmark = pytest.mark.postgresql

MakeEntry = Callable[..., Entry]
THREADS = 8


@pytest.fixture
def database(request: pytest.FixtureRequest) -> Iterator[Database]:
    with closing(open_database(request.getfixturevalue("pacs_postgres").new_database())) as opened:
        yield opened


class SignallingQueue(deque[Any]):
    """Tells of each entry that waits."""

    def __init__(self) -> None:
        super().__init__()
        self.filled = threading.Semaphore(0)

    def append(self, ticket: Any) -> None:
        super().append(ticket)
        self.filled.release()


def test_what_comes_in_while_another_node_writes_is_one_commit(
    database: Database, entry: MakeEntry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each commit costs the nodes a turn: a batch that was taken before its turn would be small."""
    commits: list[None] = []
    queue = SignallingQueue()
    with (
        closing(IndexWriter(database, on_commit=lambda: commits.append(None))) as writer,
        closing(WriteSession(database)) as other,
    ):
        monkeypatch.setattr(writer, "_queue", queue)
        other.begin()
        threads = [
            threading.Thread(target=writer.store, args=(entry(number),))
            for number in range(THREADS)
        ]
        for thread in threads:
            thread.start()
        for _ in threads:
            queue.filled.acquire()
        other.abandon()
        for thread in threads:
            thread.join()
    assert len(commits) == 1


def test_connection_that_ends_while_it_waits_costs_no_instance(
    database: Database, entry: MakeEntry
) -> None:
    """The turn is asked for once more, on a new one."""
    outcomes: list[StoredAs] = []
    with closing(IndexWriter(database)) as writer, closing(WriteSession(database)) as other:
        other.begin()
        thread = threading.Thread(target=lambda: outcomes.append(writer.store(entry(1)).outcome))
        thread.start()
        with database.reading() as connection:
            while not connection.exec_driver_sql(
                "SELECT count(pg_terminate_backend(pid)) FROM pg_locks "
                "WHERE locktype = 'advisory' AND NOT granted AND database = "
                "(SELECT oid FROM pg_database WHERE datname = current_database())"
            ).scalar():
                assert thread.is_alive()
        other.abandon()
        thread.join()
    assert outcomes == [StoredAs.NEW]


def test_database_that_is_away_is_asked_twice_and_not_more(
    database: Database, entry: MakeEntry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sender waits no longer than that; and the next one gets in when it is back."""
    driver = database.dialect.loaded_dbapi
    asked: list[None] = []

    def away(_session: WriteSession) -> None:
        asked.append(None)
        raise driver.OperationalError("away")

    with closing(IndexWriter(database)) as writer:
        with monkeypatch.context() as patched:
            patched.setattr(WriteSession, "_connect", away)
            with pytest.raises(IndexUnavailable, match="OperationalError"):
                writer.store(entry(1))
        assert len(asked) == 2
        assert writer.store(entry(1)).outcome is StoredAs.NEW
