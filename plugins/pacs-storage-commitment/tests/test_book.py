"""The book: who owns a transaction, and what one who was too slow can still do: nothing."""

from __future__ import annotations

import datetime as dt

import pytest

from pacs_framework.tables import now
from pacs_framework.testing.tables import TableStores
from pacs_storage_commitment.book import Book
from pacs_storage_commitment.model import Reference, Report, State
from pacs_storage_commitment.tables import NAME, TABLES

A, B = Reference("1.2", "1.2.1"), Reference("1.2", "1.2.2")


@pytest.fixture
def book(pacs_tables: TableStores) -> Book:
    """An empty one."""
    return Book(pacs_tables(TABLES, NAME))


def soon() -> dt.datetime:
    return now() + dt.timedelta(seconds=60)


def test_what_is_taken_in_belongs_to_who_took_it(book: Book) -> None:
    """Nobody else finds it due before the lease is over; then it changes hands once."""
    number = book.take_in("1.1", "CT1", [A, B], "first", soon())
    assert number is not None
    assert book.claim("second", soon()) is None
    pause = book.pause(60)
    assert pause is not None
    assert 0 < pause <= 60
    assert book.renew(number, "first", now())
    claimed = book.claim("second", soon())
    assert claimed is not None
    assert (claimed.id, claimed.total, claimed.state) == (number, 2, State.CHECKING)
    assert book.claim("third", soon()) is None


def test_one_who_lost_a_transaction_changes_nothing(book: Book) -> None:
    """Every step says so, and leaves the row as it is."""
    number = book.take_in("1.1", "CT1", [A], "first", now())
    assert number is not None
    assert book.claim("second", soon()) is not None
    before = book.by_uid("1.1")
    assert not book.renew(number, "first", soon())
    assert not book.settle(number, "first", [None], soon())
    assert not book.reported(number, "first")
    assert not book.put_off(number, "first", "late", soon())
    assert not book.give_up(number, "first", "late")
    assert book.by_uid("1.1") == before
    assert book.results(number) == [(A, None)]


def test_what_the_dead_left_is_due_at_once(book: Book) -> None:
    """And what they finished is not."""
    left = book.take_in("1.1", "CT1", [A], "dead", soon())
    finished = book.take_in("1.2", "CT1", [B], "dead", soon())
    assert left is not None
    assert finished is not None
    assert book.settle(finished, "dead", [0x0112], soon())
    assert book.reported(finished, "dead")
    book.release("dead")
    claimed = book.claim("living", soon())
    assert claimed is not None
    assert claimed.id == left
    assert book.claim("living", soon()) is None


def test_results_keep_the_order_of_the_request(book: Book) -> None:
    """Whatever order the UIDs have, and however many there are."""
    references = [Reference("1.2", f"1.{number}") for number in range(1000, 0, -1)]
    number = book.take_in("1.1", "CT1", references, "me", soon())
    assert number is not None
    reasons = [0x0112 if place % 3 == 0 else None for place in range(1000)]
    assert book.settle(number, "me", reasons, soon())
    assert [reference for reference, _ in book.results(number)] == references
    assert [reason or None for _, reason in book.results(number)] == reasons
    (found,) = book.by_uid("1.1")
    report = book.report(found)
    assert (len(report.committed), len(report.failed), found.failed) == (666, 334, 334)


def test_a_request_under_way_is_not_begun_twice(book: Book) -> None:
    """The same again is acknowledged; another one under its UID is a clash."""
    assert book.take_in("1.1", "CT1", [A, B], "me", soon()) is not None
    assert book.take_in("1.1", "CT1", [B, A], "me", soon()) is None
    assert book.take_in("1.1", "CT1", [A], "me", soon()) is not None
    assert book.take_in("1.1", "CT2", [A, B], "me", soon()) is not None
    assert sorted(each.clash for each in book.by_uid("1.1")) == [False, True, True]


def test_a_report_answers_what_was_asked_and_no_more(book: Book) -> None:
    """Instances that nobody asked about are none of ours; an unknown transaction is none."""
    book.ask("1.1", "ARCHIVE", [A, B])
    assert not book.answered(Report(transaction_uid="1.9", committed=(A,), failed={}))
    strange = Reference("1.2", "1.2.9")
    told = Report(transaction_uid="1.1", committed=(A, B, strange), failed={})
    assert book.answered(told)
    (found,) = book.by_uid("1.1")
    assert (found.state, found.failed, found.asked_of_us) == (State.COMMITTED, 0, False)
    assert book.results(found.id) == [(A, 0), (B, 0)]
    assert book.claim("me", soon()) is None  # nothing to do about it
