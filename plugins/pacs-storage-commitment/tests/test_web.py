"""Storage commitment by HTTP: the same book and the same check, without a peer to report to."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from pydicom import Dataset
from pydicom.uid import CTImageStorage, MRImageStorage

from pacs_framework.errors import PacsError
from pacs_framework.tables import now
from pacs_framework.testing.factories import Archives
from pacs_framework.testing.instances import make_instance
from pacs_framework.testing.running import RunningArchive
from pacs_storage_commitment import plugin, web
from pacs_storage_commitment.book import Book
from pacs_storage_commitment.model import FailureReason, Reference, State
from pacs_storage_commitment.settings import CommitmentSettings
from pacs_storage_commitment.tables import NAME
from pacs_storage_commitment.web import WebCommitments

UID = "1.2.3.4"
MISSING = (str(CTImageStorage), "1.2.999")


@pytest.fixture
def running(pacs_archive: Archives) -> RunningArchive:
    """An archive with this plugin, whose worker runs."""
    return pacs_archive({NAME: plugin})


@pytest.fixture
def commitments(running: RunningArchive) -> WebCommitments:
    """What pacs-dicomweb asks."""
    return plugin.commitments(running.archive, CommitmentSettings())


def references(*instances: Dataset) -> list[tuple[str, str]]:
    return [(str(each.SOPClassUID), str(each.SOPInstanceUID)) for each in instances]


def book_of(running: RunningArchive) -> Book:
    return Book(running.archive.tables(NAME))


def refused(ask: Callable[[], Any]) -> int:
    with pytest.raises(PacsError) as error:
        ask()
    return int(error.value.http_status)


def settled(running: RunningArchive) -> None:
    """Wait until the worker has reported; it waits for nobody, so this is soon."""
    for _ in range(3000):
        if all(each.state is State.REPORTED for each in book_of(running).by_uid(UID)):
            return
        threading.Event().wait(0.01)
    raise AssertionError(book_of(running).by_uid(UID))


def test_a_small_request_has_its_results_at_once(running, commitments) -> None:
    """By instance: committed, not here, or here in another SOP class. And later, too."""
    here, other = make_instance(), make_instance()
    running.take_in(here, other)
    wrong = (str(MRImageStorage), str(other.SOPInstanceUID))
    asked = [*references(here), MISSING, wrong, *references(here)]
    expected = {
        references(here)[0]: 0,
        MISSING: FailureReason.NO_SUCH_OBJECT_INSTANCE,
        wrong: FailureReason.CLASS_INSTANCE_CONFLICT,
    }
    assert commitments.request(UID, "alice", asked) == expected
    assert commitments.result(UID, "alice") == expected
    (found,) = book_of(running).by_uid(UID)
    assert (found.state, found.peer_aet, found.total, found.failed) == (
        State.REPORTED,
        "HTTP\\alice",
        3,
        2,
    )


def test_a_large_request_is_a_workers(running, commitments, monkeypatch) -> None:
    """Nobody is reported to; who asked comes for it."""
    monkeypatch.setattr(web, "_AT_ONCE", 1)
    several = [make_instance() for _ in range(3)]
    running.take_in(*several)
    assert commitments.request(UID, "alice", references(*several)) is None
    settled(running)
    assert commitments.result(UID, "alice") == dict.fromkeys(references(*several), 0)


def test_what_is_large_in_bytes_is_a_workers_too(running, commitments, monkeypatch) -> None:
    monkeypatch.setattr(web, "_BYTES_AT_ONCE", 1)
    one = make_instance()
    running.take_in(one)
    assert commitments.request(UID, "alice", references(one)) is None
    settled(running)
    assert commitments.result(UID, "alice") == {references(one)[0]: 0}


def test_the_same_again_is_no_error_and_done_anew(running, commitments) -> None:
    one = make_instance()
    assert commitments.request(UID, "alice", references(one)) == {
        references(one)[0]: FailureReason.NO_SUCH_OBJECT_INSTANCE
    }
    running.take_in(one)
    assert commitments.request(UID, "alice", references(one)) == {references(one)[0]: 0}


@pytest.mark.parametrize("at_once", [0, 500])
def test_a_transaction_uid_is_for_one_request(
    running, commitments, monkeypatch, at_once: int
) -> None:
    """Of one requester: others get 409, by DIMSE too, and learn nothing of its results."""
    one = make_instance()
    running.take_in(one)
    commitments.request(UID, "alice", references(one))
    monkeypatch.setattr(web, "_AT_ONCE", at_once)
    assert refused(lambda: commitments.request(UID, "alice", [MISSING])) == 409
    assert refused(lambda: commitments.request(UID, "bob", references(one))) == 409
    assert refused(lambda: commitments.result(UID, "bob")) == 404
    assert refused(lambda: commitments.result("1.2.5", "alice")) == 404
    assert commitments.result(UID, "alice") == {references(one)[0]: 0}


def test_more_than_the_settings_allow_are_refused(running) -> None:
    few = WebCommitments(running.archive, CommitmentSettings(max_instances=1))
    assert refused(lambda: few.request(UID, "alice", [MISSING, (MISSING[0], "1.2.8")])) == 413
    assert book_of(running).by_uid(UID) == []


def test_what_is_under_way_is_not_known_yet(pacs_archive: Archives) -> None:
    """For the one who asks again, and the one who comes for the results."""
    running = pacs_archive({NAME: plugin})
    commitments = WebCommitments(running.archive, CommitmentSettings())
    book = book_of(running)
    far = now() + web._LEASE
    number = book.take_in(UID, "HTTP\\alice", [Reference(*MISSING)], "somebody", far)
    assert commitments.request(UID, "alice", [MISSING]) is None
    assert commitments.result(UID, "alice") is None
    assert book.settle(number, "somebody", [FailureReason.NO_SUCH_OBJECT_INSTANCE], far)
    assert commitments.result(UID, "alice") is None
    assert book.reported(number, "somebody")
    assert commitments.result(UID, "alice") == {MISSING: FailureReason.NO_SUCH_OBJECT_INSTANCE}


def test_a_check_that_fails_is_left_to_a_worker(running, commitments, monkeypatch) -> None:
    """The transaction is kept, and due at once."""
    one = make_instance()
    running.take_in(one)

    def fail(*_: object) -> None:
        raise PacsError("the index is away for a moment")

    monkeypatch.setattr(web, "check", fail)
    with pytest.raises(PacsError, match="away for a moment"):
        commitments.request(UID, "alice", references(one))
    settled(running)
    assert commitments.result(UID, "alice") == {references(one)[0]: 0}
