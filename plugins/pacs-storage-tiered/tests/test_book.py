"""What is put down of objects, on both engines."""

from __future__ import annotations

import datetime as dt

import pytest

from pacs_framework.tables import now
from pacs_storage_tiered.book import Book, Kind
from pacs_storage_tiered.naming import Key
from pacs_storage_tiered.tables import NAME, TABLES

KEY = Key("1.2", "1.3", "1.4", "0" * 24)


@pytest.fixture
def book(pacs_tables, pacs_index_url: str) -> Book:
    return Book(pacs_tables(TABLES, NAME, index_url=pacs_index_url))


def test_what_is_owed_is_done_once_and_by_one(book: Book) -> None:
    """A claim is a lease; what is done is owed no more."""
    book.owe_repair(KEY, "why")
    claimed = book.claim()
    assert claimed is not None
    assert (claimed.key, claimed.kind, claimed.error) == (KEY, Kind.REPAIR, "why")
    assert book.claim() is None
    assert book.holds(claimed)
    book.done(claimed)
    assert not book.holds(claimed)
    assert book.owed(KEY) is None


def test_a_delete_takes_the_place_of_all_else_and_of_its_lease(book: Book) -> None:
    """Whoever holds the task sees that it is no longer the same, and cannot end the delete."""
    book.owe_moves([KEY], "cold")
    claimed = book.claim()
    assert claimed is not None
    book.owe_delete(KEY, "why")
    assert not book.holds(claimed)
    book.done(claimed)
    book.postpone(claimed, "why", 1)
    assert book.owed(KEY) is Kind.DELETE
    assert book.to_be_deleted() == {str(KEY)}


def test_nothing_takes_the_place_of_a_delete(book: Book) -> None:
    book.owe_delete(KEY, "why")
    book.owe_repair(KEY, "why")
    book.owe_moves([KEY], "cold")
    assert book.take_repair(KEY, "why") is None
    assert book.counts() == {Kind.DELETE: 1}


def test_what_is_put_off_is_due_later_each_time_and_can_be_hurried(book: Book) -> None:
    book.owe_repair(KEY, "why")
    pauses = []
    for _ in range(3):
        claimed = book.claim()
        assert claimed is not None
        before = now()
        book.postpone(claimed, "again", 100)
        due = book.next_due()
        assert due is not None
        pauses.append(round((due - before).total_seconds(), -1))
        assert book.claim() is None
        book.hurry()
    assert pauses == [100, 200, 400]
    assert [task.attempts for task in book.tasks(10)] == [3]


def test_a_repair_that_is_taken_is_nobody_elses(book: Book) -> None:
    taken = book.take_repair(KEY, "why")
    assert taken is not None
    assert book.claim() is None
    book.done(taken)
    assert book.counts() == {}


def test_reads_and_pins_are_kept_by_study(book: Book) -> None:
    """The last read counts."""
    moment = now()
    day = dt.timedelta(days=1)
    book.note_reads({"1.2": moment - day, "1.3": moment - day})
    book.note_reads({"1.2": moment})
    assert book.read_since(moment) == {"1.2"}
    book.pin(["1.2", "1.3"], "first")
    book.pin(["1.3"], "second")
    assert [(pin.study, pin.note) for pin in book.pins()] == [("1.2", "first"), ("1.3", "second")]
    assert book.unpin({"1.2", "1.9"}) == 1
    assert not book.is_pinned("1.2")
    assert book.is_pinned("1.3")


def test_a_cycle_is_given_once(book: Book) -> None:
    assert book.claim_cycle(3600) == 0
    assert 3590 < book.claim_cycle(3600) <= 3600
    assert book.claim_cycle(60) == 60
