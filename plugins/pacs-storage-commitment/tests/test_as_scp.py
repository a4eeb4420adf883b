"""Peers ask us for storage commitment: what is answered, when, where, and how often."""

from __future__ import annotations

import queue
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pydicom import Dataset
from pydicom.uid import CTImageStorage, MRImageStorage, generate_uid

from pacs_framework.errors import OutOfResources
from pacs_framework.testing.factories import Archives
from pacs_framework.testing.instances import make_instance
from pacs_framework.testing.memory_storage import MemoryStorage
from pacs_framework.testing.running import RunningArchive
from pacs_framework.testing.sockets import free_port
from pacs_storage_commitment import plugin
from pacs_storage_commitment.book import Book, Transaction
from pacs_storage_commitment.datasets import request_dataset
from pacs_storage_commitment.model import FailureReason, Reference, State
from pacs_storage_commitment.tables import NAME

sys.path.insert(0, str(Path(__file__).parent))  # in importlib mode it is not there

from commitment_peers import NET, Modality, listening_modality, reference

Start = Callable[..., RunningArchive]
VERIFICATION = "1.2.840.10008.1.1"
QUICK = {"retry_first": 0.05, "retry_longest": 0.2}


@pytest.fixture
def start(pacs_archive: Archives) -> Start:
    """An archive with this plugin; a peer CT1 at ``port``."""

    def run(
        port: int = 0, *, storage: Any = None, folder: Any = None, **own: Any
    ) -> RunningArchive:
        settings: dict[str, Any] = {"plugin": {NAME: {**QUICK, **own}}}
        if port:
            settings["peers"] = {"ct1": {"aet": "CT1", "host": "127.0.0.1", "port": port}}
        return pacs_archive({NAME: plugin}, settings=settings, storage=storage, folder=folder)

    return run


@pytest.fixture
def ct1() -> Iterator[Modality]:
    """A modality that listens, too."""
    with listening_modality() as modality:
        yield modality


def book_of(running: RunningArchive) -> Book:
    return Book(running.archive.tables(NAME))


def ended(book: Book, uid: str) -> Transaction:
    """The one transaction under a UID; the worker notes its end right after the peer's answer."""
    for _ in range(NET * 100):
        (found,) = book.by_uid(uid)
        if found.ended:
            return found
        pause()
    raise AssertionError(found)


def pause() -> None:
    """Let other threads go on."""
    import time  # noqa: PLC0415 - for this alone

    time.sleep(0.01)


def none_for(modality: Modality, seconds: float = 0.3) -> bool:
    try:
        modality.reports.get(timeout=seconds)
    except queue.Empty:
        return True
    return False


# --- the way of a report --------------------------------------------------------------------


def test_what_is_stored_is_committed_on_the_association_that_asked(start: Start) -> None:
    """Event type 1, every instance, and our AE title to retrieve from; nobody has to listen."""
    running = start()
    instances = [make_instance() for _ in range(3)]
    running.take_in(*instances)
    modality, uid = Modality(), str(generate_uid())
    assert modality.ask(running, uid, map(reference, instances), stay=True) == 0
    told = modality.report()
    assert (told.transaction_uid, told.event_type, told.failed) == (uid, 1, {})
    assert sorted(told.committed) == sorted(str(each.SOPInstanceUID) for each in instances)
    assert told.retrieve_aet == running.aet
    found = ended(book_of(running), uid)
    assert (found.state, found.total, found.failed) == (State.REPORTED, 3, 0)
    assert found.peer_aet == "CT1"
    assert none_for(modality)


@pytest.mark.parametrize("roles", [True, False])
def test_a_peer_that_left_is_called(start: Start, roles: bool) -> None:
    """By its entry in [peers]; whether it negotiates roles or not."""
    with listening_modality(roles=roles) as modality:
        running = start(modality.port)
        instance = make_instance()
        running.take_in(instance)
        uid = str(generate_uid())
        assert modality.ask(running, uid, [reference(instance)]) == 0
        assert modality.report().committed == (instance.SOPInstanceUID,)
        assert ended(book_of(running), uid).state is State.REPORTED
        assert none_for(modality)


def test_reports_go_on_an_association_of_their_own_where_that_is_set(
    start: Start, ct1: Modality
) -> None:
    """With same_association = false, though the peer stays."""
    running = start(ct1.port, same_association=False)
    waiting = Modality("CT1")
    association = waiting.associate(running)
    missing = Reference(str(CTImageStorage), str(generate_uid()))
    assert waiting.ask_on(association, request_dataset(str(generate_uid()), [missing])) == 0
    assert ct1.report().event_type == 2
    assert none_for(waiting)
    association.release()


def test_a_report_that_is_not_taken_is_sent_again(start: Start, ct1: Modality) -> None:
    """Each failure is one attempt, with a reason that `pacs commitment` shows; then it is there."""
    ct1.statuses = [0x0110, 0xA700]
    running = start(ct1.port)
    uid = str(generate_uid())
    missing = Reference(str(CTImageStorage), str(generate_uid()))
    ct1.ask(running, uid, [missing])
    assert ct1.report().failed == {missing.sop_instance_uid: 0x0112}
    found = ended(book_of(running), uid)
    assert (found.state, found.attempts, found.error) == (State.REPORTED, 2, "")


def test_an_unknown_peer_gets_its_report_when_it_is_told(start: Start) -> None:
    """No AE title in [peers]: given up in the end; `retry` makes it due again."""
    running = start(give_up_after=0.01)
    uid = str(generate_uid())
    Modality().ask(running, uid, [Reference(str(CTImageStorage), str(generate_uid()))])
    book = book_of(running)
    found = ended(book, uid)
    assert found.state is State.GIVEN_UP
    assert found.error == "no peer has the AE title 'CT1'; add it to [peers]"
    assert book.retry(uid) == 1
    assert book.by_uid(uid)[0].state is State.REPORTING


def test_a_report_survives_a_restart(start: Start, ct1: Modality) -> None:
    """What was not delivered is due when the archive starts again."""
    first = start()
    uid = str(generate_uid())
    ct1.ask(first, uid, [Reference(str(CTImageStorage), str(generate_uid()))])
    first.stop()
    start(ct1.port, folder=first.data)
    assert ct1.report().transaction_uid == uid


def test_a_request_that_was_taken_is_worked_on_after_the_process_died(
    start: Start, ct1: Modality
) -> None:
    """Its owner's lock is gone: who starts next takes it over before its lease is over."""
    first = start()
    folder = first.data
    book = book_of(first)
    import datetime as dt  # noqa: PLC0415 - for this alone

    from pacs_framework.tables import now  # noqa: PLC0415 - the time of the lease

    dead = folder / "storage-commitment" / "0123456789abcdef"
    dead.mkdir(parents=True, exist_ok=True)
    dead.with_suffix(".lock").touch()
    uid, late = str(generate_uid()), now() + dt.timedelta(hours=1)
    book.take_in(uid, "CT1", [Reference(str(CTImageStorage), "1.2.3")], dead.name, late)
    first.stop()
    start(ct1.port, folder=folder)
    assert ct1.report().failed == {"1.2.3": 0x0112}


# --- what is found --------------------------------------------------------------------------


def test_every_failure_has_its_reason(start: Start) -> None:
    """PS3.3 C.14.1.1; the report is of type 2, and what is well is committed all the same."""
    storage = MemoryStorage()
    running = start(storage=storage)
    good, damaged, lost, cut = (make_instance() for _ in range(4))
    running.take_in(good, damaged, lost, cut)
    for instance, change in ((damaged, b"\0"), (cut, b"")):
        key = _key(running, instance)
        data, time = storage.objects[key]
        storage.objects[key] = (data[:-1] + change if change else data[:-2], time)
    del storage.objects[_key(running, lost)]
    unknown, strange = str(generate_uid()), str(generate_uid())
    references = [
        *map(reference, (good, damaged, lost, cut)),
        Reference(str(CTImageStorage), unknown),
        Reference(VERIFICATION, strange),
    ]
    conflict = make_instance()
    running.take_in(conflict)
    references.append(Reference(str(MRImageStorage), str(conflict.SOPInstanceUID)))
    modality = Modality()
    modality.ask(running, str(generate_uid()), references, stay=True)
    told = modality.report()
    assert (told.event_type, told.committed) == (2, (good.SOPInstanceUID,))
    assert told.failed == {
        str(damaged.SOPInstanceUID): FailureReason.PROCESSING_FAILURE,
        str(lost.SOPInstanceUID): FailureReason.PROCESSING_FAILURE,
        str(cut.SOPInstanceUID): FailureReason.PROCESSING_FAILURE,
        unknown: FailureReason.NO_SUCH_OBJECT_INSTANCE,
        strange: FailureReason.SOP_CLASS_NOT_SUPPORTED,
        str(conflict.SOPInstanceUID): FailureReason.CLASS_INSTANCE_CONFLICT,
    }


def _key(running: RunningArchive, instance: Dataset) -> str:
    facts = running.archive.lookup.instance(str(instance.SOPInstanceUID))
    assert facts is not None
    return facts.storage_key


def test_a_storage_that_fails_is_asked_again_and_then_told(start: Start) -> None:
    """Three times, then 0213H: it may be there, but nobody can answer for it now."""
    opened = []

    def before(step: str) -> None:
        if step == "open":
            opened.append(step)
            raise OutOfResources("away")

    storage = MemoryStorage()
    running = start(storage=storage)
    instance = make_instance()
    running.take_in(instance)
    storage.before = before
    modality = Modality()
    modality.ask(running, str(generate_uid()), [reference(instance)], stay=True)
    assert modality.report().failed == {str(instance.SOPInstanceUID): 0x0213}
    assert len(opened) == 3


def test_a_transaction_uid_of_another_request_is_a_duplicate(start: Start, ct1: Modality) -> None:
    """0131H for each instance of the second one; the first keeps its result."""
    running = start(ct1.port)
    instance = make_instance()
    running.take_in(instance)
    uid = str(generate_uid())
    ct1.ask(running, uid, [reference(instance)])
    assert ct1.report().event_type == 1
    other = Reference(str(CTImageStorage), str(generate_uid()))
    ct1.ask(running, uid, [reference(instance), other])
    assert set(ct1.report().failed.values()) == {0x0131}


def test_the_same_request_again_is_reported_again(start: Start, ct1: Modality) -> None:
    """A modality that missed the report asks once more; what changed meanwhile is seen."""
    running = start(ct1.port)
    instance = make_instance()
    uid = str(generate_uid())
    ct1.ask(running, uid, [reference(instance)])
    assert ct1.report().event_type == 2
    ended(book_of(running), uid)
    running.take_in(instance)
    ct1.ask(running, uid, [reference(instance), reference(instance)])
    assert ct1.report().committed == (instance.SOPInstanceUID,)
    assert len(book_of(running).by_uid(uid)) == 1


# --- requests that are wrong ----------------------------------------------------------------


def _without(keyword: str) -> Dataset:
    dataset = request_dataset("1.2.3", [Reference(str(CTImageStorage), "1.2.3.4")])
    del dataset[keyword]
    return dataset


def _item_without(keyword: str) -> Dataset:
    dataset = request_dataset("1.2.3", [Reference(str(CTImageStorage), "1.2.3.4")])
    del dataset.ReferencedSOPSequence[0][keyword]
    return dataset


def _many() -> Dataset:
    return request_dataset(
        "1.2.3", [Reference(str(CTImageStorage), f"1.2.{each}") for each in range(4)]
    )


WRONG = [
    (None, {}, 0x0115),
    (_without("TransactionUID"), {}, 0x0115),
    (_without("ReferencedSOPSequence"), {}, 0x0115),
    (request_dataset("1.2.3", []), {}, 0x0115),
    (request_dataset("1..3", [Reference("1.2", "1.2")]), {}, 0x0115),
    (_item_without("ReferencedSOPClassUID"), {}, 0x0115),
    (_item_without("ReferencedSOPInstanceUID"), {}, 0x0115),
    (_many(), {}, 0x0213),
    (_many(), {"action_type": 2}, 0x0123),
    (_many(), {"instance": "1.2.3"}, 0x0112),
]


@pytest.mark.filterwarnings("ignore:Invalid value for VR UI")
@pytest.mark.parametrize(("information", "more", "status"), WRONG)
def test_a_wrong_request_is_refused_and_nothing_is_kept(
    start: Start, information: Dataset | None, more: dict[str, Any], status: int
) -> None:
    """PS3.7 Annex C.5; and the association is good for another one."""
    running = start(max_instances=3)
    modality = Modality()
    association = modality.associate(running)
    assert modality.ask_on(association, information, **more) == status
    assert book_of(running).latest(10) == []
    assert modality.ask_on(association, request_dataset("1.2.9", [Reference("1.2", "1.3")])) == 0
    association.abort()


def test_nobody_listens_at_a_port_that_is_free(start: Start) -> None:
    """An attempt that cannot connect is told with its cause, and put off."""
    running = start(free_port(), give_up_after=0.01)
    uid = str(generate_uid())
    Modality().ask(running, uid, [Reference(str(CTImageStorage), "1.2.3")])
    found = ended(book_of(running), uid)
    assert found.state is State.GIVEN_UP
    assert "cannot connect" in found.error
