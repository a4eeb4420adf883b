"""The book itself: what it finds, and what its outbox hands out, once on each database."""

from __future__ import annotations

import datetime as dt
import sys
from pathlib import Path
from typing import Any

import pytest
from pydicom.uid import generate_uid

from pacs_framework.tables import TableStore, now
from pacs_framework.testing.factories import Archives
from pacs_framework.testing.instances import make_instance
from pacs_mpps.book import Book, Receivers
from pacs_mpps.checking import check_creation
from pacs_mpps.encoding import received
from pacs_mpps.model import StepStatus
from pacs_mpps.outbox import Kind, Outbox
from pacs_mpps.tables import NAME, TABLES

sys.path.insert(0, str(Path(__file__).parent))  # in importlib mode it is not there

from mpps_peers import begun, ended

LATER = dt.timedelta(seconds=60)


@pytest.fixture
def store(pacs_tables: Any, pacs_index_url: str) -> TableStore:
    """Empty tables."""
    found: TableStore = pacs_tables(TABLES, NAME, index_url=pacs_index_url)
    return found


def add(book: Book, study: str = "", **attributes: Any) -> str:
    """A step that begins."""
    uid, told = str(generate_uid()), received(begun(study, **attributes))
    check_creation(told.kept, strict=False)
    book.create(uid, told, "CT1")
    return uid


def none_stored(uids: list[str]) -> set[str]:
    del uids
    return set()


def test_steps_are_found_by_what_they_are_planned_as(store: TableStore) -> None:
    """The newest first; conditions add up."""
    book = Book(store)
    first = add(book, "1.2.1", AccessionNumber="A1")
    second = add(book, "1.2.1", AccessionNumber="A2", PatientID="P2")
    book.change(second, received(ended()), none_stored)

    def found(**wanted: Any) -> list[str]:
        return [each.step.sop_instance_uid for each in book.find(**wanted)]

    assert found() == [second, first]
    assert found(most=1) == [second]
    assert found(accession_number="A1") == [first]
    assert found(study_instance_uid="1.2.1", patient_id="P2") == [second]
    assert found(statuses=[StepStatus.IN_PROGRESS]) == [first]
    assert found(statuses=[StepStatus.DISCONTINUED]) == []


def test_one_owner_has_a_row_until_its_lease_is_over(store: TableStore) -> None:
    """Nobody else gets it, nor what stands behind it in the lane."""
    book = Book(store, lambda: Receivers(forward_to=["PEER"]))
    uid = add(book)
    book.change(uid, received(ended()), none_stored)
    outbox = Outbox(store)
    (mine,) = outbox.claim(Kind.FORWARD, "PEER", "one", now() + LATER, 10)
    assert (mine.event, mine.lane) == ("N-CREATE", uid)
    assert outbox.claim(Kind.FORWARD, "PEER", "two", now() + LATER, 10) == []
    assert not outbox.still_owned(mine.id, "two", now() + LATER)
    outbox.done([mine.id], "two")
    assert len(outbox.waiting()) == 2
    outbox.release("one")
    (theirs,) = outbox.claim(Kind.FORWARD, "PEER", "two", now() + LATER, 10)
    assert theirs.id == mine.id
    outbox.done([theirs.id], "two")
    (after,) = outbox.claim(Kind.FORWARD, "PEER", "two", now() + LATER, 10)
    assert after.event == "N-SET"


def test_what_is_given_up_blocks_its_lane_until_a_retry(store: TableStore) -> None:
    """No N-SET goes to a peer that does not have the step."""
    book = Book(store, lambda: Receivers(forward_to=["PEER"]))
    uid = add(book)
    book.change(uid, received(ended()), none_stored)
    outbox = Outbox(store)
    (row,) = outbox.claim(Kind.FORWARD, "PEER", "one", now() + LATER, 10)
    assert outbox.put_off(row.id, "one", "refused", None)
    assert outbox.next_due(Kind.FORWARD, "PEER") is None
    assert outbox.claim(Kind.FORWARD, "PEER", "one", now() + LATER, 10) == []
    assert outbox.retry(uid) == 2
    (row,) = outbox.claim(Kind.FORWARD, "PEER", "one", now() + LATER, 10)
    assert (row.event, row.attempts) == ("N-CREATE", 0)


def test_nothing_is_kept_of_a_transaction_that_fails(store: TableStore) -> None:
    """A step and who is to hear of it go together."""

    class Broken(Exception):
        """Something gives way in the middle."""

    def broken() -> Receivers:
        calls.append(1)
        if len(calls) > 1:
            raise Broken
        return Receivers()

    calls: list[int] = []
    with pytest.raises(Broken):
        add(Book(store, broken))
    assert Book(store).find() == []
    assert Outbox(store).waiting() == []


def test_the_index_tells_many_instances_at_once(pacs_archive: Archives) -> None:
    """More than one page of them."""
    running = pacs_archive({})
    made = make_instance()
    running.take_in(made)
    uids = [f"1.2.{number}" for number in range(600)]
    present = running.archive.lookup.present([*uids, str(made.SOPInstanceUID)])
    assert present == {str(made.SOPInstanceUID)}
    assert running.archive.lookup.present([]) == set()
