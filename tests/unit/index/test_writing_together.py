"""Entries that are written together: one commit, and each has its own outcome."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable

import pytest

from pacs_framework.errors import DuplicateInstance, PacsError
from pacs_framework.index.database import Database
from pacs_framework.index.entry import DuplicatePolicy, Entry, Stored, StoredAs
from pacs_framework.index.recorder import LARGEST_BATCH
from pacs_framework.index.writer import IndexWriter

MakeEntry = Callable[..., Entry]


def told(outcomes: list[Stored | PacsError]) -> list[StoredAs | type[PacsError]]:
    return [each.outcome if isinstance(each, Stored) else type(each) for each in outcomes]


def test_entries_share_one_commit(database: Database, entry: MakeEntry) -> None:
    """As many as there may be, in order."""
    commits: list[None] = []
    writer = IndexWriter(database, on_commit=lambda: commits.append(None))
    entries = [entry(number) for number in range(LARGEST_BATCH)]
    assert told(writer.store_together(entries)) == [StoredAs.NEW] * LARGEST_BATCH
    assert len(commits) == 1
    assert writer.names(each.storage_key for each in entries) == {
        each.storage_key for each in entries
    }
    writer.close()


def test_no_entry_is_no_commit(database: Database) -> None:
    commits: list[None] = []
    writer = IndexWriter(database, on_commit=lambda: commits.append(None))
    assert writer.store_together([]) == []
    assert commits == []
    writer.close()


def test_each_has_its_own_outcome(writer: IndexWriter, entry: MakeEntry) -> None:
    """New, there already, rejected."""
    writer.store(entry(1))
    rejected = entry(2, version=2, content="b", duplicates=DuplicatePolicy.REJECT)
    assert told(writer.store_together([entry(1, version=2), entry(2)])) == [
        StoredAs.IDENTICAL,
        StoredAs.NEW,
    ]
    assert told(writer.store_together([rejected, entry(3)])) == [DuplicateInstance, StoredAs.NEW]


def test_a_bad_entry_fails_alone(writer: IndexWriter, entry: MakeEntry) -> None:
    bad = dataclasses.replace(entry(2), storage_key=None)  # type: ignore[arg-type]
    outcomes = writer.store_together([entry(1), bad, entry(3)])
    assert told(outcomes) == [StoredAs.NEW, PacsError, StoredAs.NEW]
    assert writer.store(entry(9)).outcome is StoredAs.NEW


@pytest.mark.parametrize("numbers", [[1, 2, 1], list(range(LARGEST_BATCH + 1))])
def test_what_cannot_be_one_commit_is_refused(
    writer: IndexWriter, entry: MakeEntry, numbers: list[int]
) -> None:
    """Of one UID twice, or too many; nothing is written."""
    entries = [entry(number, version=n + 1) for n, number in enumerate(numbers)]
    with pytest.raises(ValueError, match="one of each UID"):
        writer.store_together(entries)
    assert writer.names(each.storage_key for each in entries) == set()


def test_many_threads_write_together_and_alone(writer: IndexWriter, entry: MakeEntry) -> None:
    """Some of them the same UIDs at the same time: one is new, the others know it."""
    threads, each_time, rounds = 6, 20, 5
    found: list[StoredAs | type[PacsError]] = []

    def store(thread: int) -> None:
        for turn in range(rounds):
            first = turn * 1000
            numbers = range(first + thread * 5, first + thread * 5 + each_time)
            version = turn * threads + thread + 1
            outcomes = writer.store_together([entry(n, version=version) for n in numbers])
            alone = writer.store(entry(first, version=version + 500))
            found.extend(told([*outcomes, alone]))

    running = [threading.Thread(target=store, args=(number,)) for number in range(threads)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    distinct = rounds * (each_time + 5 * (threads - 1))
    assert found.count(StoredAs.NEW) == distinct
    assert found.count(StoredAs.IDENTICAL) == len(found) - distinct
    assert len(found) == threads * rounds * (each_time + 1)
