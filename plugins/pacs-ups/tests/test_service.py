"""Steps on the wire: pynetdicom as SCU of every SOP class, and as receiver of reports."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from pydicom import Dataset
from pydicom.uid import generate_uid
from ups_peers import NET, PULL, PUSH, QUERY, WATCH, Listener, Worker, code, listener, results

from pacs_framework.testing.factories import Archives
from pacs_framework.testing.running import RunningArchive
from pacs_framework.testing.sockets import free_port
from pacs_ups import plugin
from pacs_ups.state.making import new_step
from pacs_ups.state.model import FILTERED, GLOBAL
from pacs_ups.state.outbox import Outbox
from pacs_ups.state.steps import Steps
from pacs_ups.tables import NAME

UID, LOCK = "1.2.3", "2.25.1"
QUICK = {"retry_first": 0.05, "retry_longest": 0.2}
Start = Callable[..., RunningArchive]


@pytest.fixture
def start(pacs_archive: Archives) -> Start:
    """An archive with this plugin, which knows the given peers."""

    def run(*peers: Listener, folder: Any = None, **own: Any) -> RunningArchive:
        settings = {
            "plugin": {NAME: {**QUICK, **own}},
            "peers": {peer.aet.lower(): peer.settings for peer in peers},
        }
        return pacs_archive({NAME: plugin}, settings=settings, folder=folder)

    return run


def a_step(**attributes: Any) -> Dataset:
    return new_step("segment", **{"WorklistLabel": "AI", **attributes})


def until(check: Callable[[], bool]) -> None:
    for _ in range(NET * 50):
        if check():
            return
        time.sleep(0.02)
    raise AssertionError


def test_the_life_of_a_step_and_what_its_watcher_sees(start: Start, watcher: Listener) -> None:
    """Pushed, found, claimed, worked on, completed, read; each step in the reports, in order."""
    running = start(watcher)
    with Worker(running) as worker:
        assert worker.subscribe(GLOBAL, "WATCHER", "TRUE") == 0
        assert worker.create(UID, a_step()).Status == 0
        ((pending, answer), (final, _)) = worker.find(
            ProcedureStepState="SCHEDULED", SOPInstanceUID="", TransactionUID=""
        )
        assert (pending, final, answer.SOPInstanceUID) == (0xFF00, 0, UID)
        assert worker.state(UID, "IN PROGRESS", LOCK) == 0
        assert worker.state(UID, "IN PROGRESS", "2.25.9") == 0xC301
        progress = Dataset()
        progress.ProcedureStepProgress = "50"
        half = Dataset()
        half.TransactionUID = LOCK
        half.ProcedureStepProgressInformationSequence = [progress]
        assert worker.set(UID, half).Status == 0
        assert worker.state(UID, "COMPLETED", LOCK) == 0xC304
        assert worker.set(UID, results(TransactionUID=LOCK)).Status == 0
        assert worker.state(UID, "COMPLETED", LOCK) == 0
        assert worker.state(UID, "COMPLETED", LOCK) == 0xB306
        status, dataset = worker.get(UID, by=WATCH)
        assert (status.Status, dataset.ProcedureStepState) == (0, "COMPLETED")
        assert "TransactionUID" not in dataset
    seen = [watcher.report() for _ in range(4)]
    assert [(each.uid, each.type, each.state) for each in seen] == [
        (UID, 1, "SCHEDULED"),
        (UID, 1, "IN PROGRESS"),
        (UID, 3, ""),
        (UID, 1, "COMPLETED"),
    ]
    assert watcher.quiet()


def test_every_sop_class_has_its_operations(start: Start) -> None:
    """PS3.4 Tables CC.2-1 to CC.2-5; actions of another one are 0123H, of nobody too."""
    running = start()
    with Worker(running) as worker:
        worker.create(UID, a_step())
        for by in (PULL, WATCH, QUERY):
            assert [status for status, _ in worker.find(by, SOPInstanceUID=UID)] == [0xFF00, 0]
        for by in (PUSH, PULL, WATCH):
            assert worker.get(UID, 0x00741000, by=by)[0].Status == 0
        assert worker.act(1, UID, WATCH, ProcedureStepState="IN PROGRESS") == 0x0123
        assert worker.act(3, UID, PULL, ReceivingAE="W") == 0x0123
        assert worker.act(1, UID, PUSH, ProcedureStepState="IN PROGRESS") == 0x0123
        assert worker.act(9, UID, PULL, ProcedureStepState="IN PROGRESS") == 0x0123
        assert worker.act(2, UID, PUSH) == 0
        assert worker.act(2, UID, WATCH) == 0xB304
        assert worker.state(UID, "CANCELED", LOCK) == 0xC301


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"ProcedureStepState": "COMPLETED"}, 0xC309),
        ({"ProcedureStepLabel": ""}, 0x0121),
        ({"ProcedureStepLabel": None}, 0x0120),
        ({"PatientName": None}, 0x0120),
        ({"ScheduledProcedureStepPriority": "NOW"}, 0x0106),
        ({"TransactionUID": "1.2"}, 0x0106),
        ({"WorklistLabel": ""}, 0xB300),
    ],
)
def test_a_step_that_is_not_whole_is_refused(
    start: Start, change: dict[str, Any], status: int
) -> None:
    """With the attributes; the association lives, and only a warning leaves a step."""
    running = start()
    step = a_step()
    for keyword, value in change.items():
        if value is None:
            del step[keyword]
        else:
            setattr(step, keyword, value)
    with Worker(running) as worker:
        response = worker.create(UID, step)
        assert response.Status == status
        found = worker.get(UID)[0].Status
        assert found == (0 if status == 0xB300 else 0xC307)
        assert worker.create(UID + ".1", a_step()).Status == 0
        assert worker.create(UID + ".1", a_step()).Status == 0x0111


def test_a_step_without_a_uid_gets_one(start: Start) -> None:
    """PS3.7 10.1.5.1.4."""
    running = start()
    with Worker(running) as worker:
        assert worker.create(None, a_step()).Status == 0
        (_, found), _ = worker.find(SOPInstanceUID="")
        assert worker.get(found.SOPInstanceUID)[0].Status == 0


def test_what_is_asked_for_and_not_there_is_a_warning(start: Start) -> None:
    """0001H; the lock is never given away, and is not said to be there."""
    running = start()
    with Worker(running) as worker:
        worker.create(UID, a_step(PatientName="Müller", SpecificCharacterSet="ISO_IR 100"))
        worker.state(UID, "IN PROGRESS", LOCK)
        status, dataset = worker.get(UID, 0x00081195, 0x00741204, 0x00401400, 0x00100010)
        assert status.Status == 0x0001
        assert dataset.ProcedureStepLabel == "segment"
        assert str(dataset.PatientName) == "Müller"
        assert "TransactionUID" not in dataset
        status, dataset = worker.get("9.9")
        assert (status.Status, dataset) == (0xC307, None)


@pytest.mark.parametrize(
    ("action", "by", "information", "status"),
    [
        (1, PULL, {}, 0x0115),
        (1, PULL, {"ProcedureStepState": "IN PROGRESS"}, 0xC301),
        (1, PULL, {"TransactionUID": LOCK}, 0x0115),
        (1, PULL, {"ProcedureStepState": "DONE", "TransactionUID": LOCK}, 0x0115),
        (3, WATCH, {}, 0x0115),
        (3, WATCH, {"ReceivingAE": "WATCHER"}, 0x0115),
        (3, WATCH, {"DeletionLock": "TRUE"}, 0x0115),
        (3, WATCH, {"ReceivingAE": "WATCHER", "DeletionLock": "YES"}, 0x0115),
        (3, WATCH, {"ReceivingAE": "STRANGER", "DeletionLock": "TRUE"}, 0xC308),
        (4, WATCH, {"DeletionLock": "TRUE"}, 0x0115),
        (4, WATCH, {"ReceivingAE": "STRANGER"}, 0xC308),
        (5, WATCH, {"ReceivingAE": "WATCHER"}, 0xC314),
    ],
)
def test_a_wrong_action_is_refused(
    start: Start, watcher: Listener, action: int, by: str, information: Any, status: int
) -> None:
    """And the step is as it was."""
    running = start(watcher)
    with Worker(running) as worker:
        worker.create(UID, a_step())
        assert worker.act(action, UID, by, **information) == status
        assert worker.get(UID)[1].ProcedureStepState == "SCHEDULED"
    assert watcher.quiet(0.05)


def test_settings_refuse_reports_and_locks(start: Start, watcher: Listener) -> None:
    """C315; B301, and reports come all the same."""
    with Worker(start(watcher, event_reports=False)) as worker:
        assert worker.subscribe(GLOBAL, "WATCHER") == 0xC315
    with Worker(start(watcher, deletion_locks=False)) as worker:
        assert worker.subscribe(GLOBAL, "WATCHER", "TRUE") == 0xB301
        worker.create(UID, a_step())
        assert watcher.report().uid == UID


def test_a_filtered_subscription_brings_what_matches(start: Start, watcher: Listener) -> None:
    """1.2.840.10008.5.1.4.34.5.1, with keys in the action information."""
    running = start(watcher)
    with Worker(running) as worker:
        assert worker.subscribe(FILTERED, "WATCHER") == 0x0115
        assert worker.subscribe(FILTERED, "WATCHER", WorklistLabel="A*") == 0
        worker.create("1.1", a_step(WorklistLabel="OTHER"))
        worker.create("1.2", a_step(ScheduledStationNameCodeSequence=[code()]))
        told = watcher.report(), watcher.report()
        assert [(each.uid, each.type) for each in told] == [("1.2", 1), ("1.2", 5)]
        assert worker.act(5, GLOBAL, WATCH, ReceivingAE="WATCHER") == 0
        worker.create("1.3", a_step())
        assert worker.act(4, GLOBAL, WATCH, ReceivingAE="WATCHER") == 0
        worker.state("1.2", "IN PROGRESS", LOCK)
    assert watcher.quiet()


def test_a_performer_hears_of_a_request_to_cancel(start: Start, watcher: Listener) -> None:
    """With the AE title of who asked, and the reason."""
    running = start(watcher)
    with Worker(running) as worker, Worker(running, "ASKER") as asker:
        worker.create(UID, a_step())
        worker.state(UID, "IN PROGRESS", LOCK)
        assert asker.act(2, UID, WATCH) == 0xC312
        worker.subscribe(UID, "WATCHER")
        assert watcher.report().state == "IN PROGRESS"
        assert asker.act(2, UID, PUSH, ReasonForCancellation="late") == 0
        told = watcher.report()
        assert (told.type, told.information.RequestingAE) == (2, "ASKER")
        assert told.information.ReasonForCancellation == "late"


def test_reports_come_in_order_though_the_peer_fails(start: Start, watcher: Listener) -> None:
    """What is not taken is sent again, before all that came after it."""
    watcher.statuses = [0x0110, 0x0110]
    running = start(watcher)
    with Worker(running) as worker:
        worker.create(UID, a_step())
        worker.subscribe(UID, "WATCHER")
        worker.state(UID, "IN PROGRESS", LOCK)
        worker.state(UID, "CANCELED", LOCK)
    states = [watcher.report().state for _ in range(3)]
    assert states == ["SCHEDULED", "IN PROGRESS", "CANCELED"]
    assert watcher.quiet()
    until(lambda: Outbox(running.archive.tables(NAME)).next_due() is None)


def test_a_peer_that_negotiates_no_roles_is_told(start: Start) -> None:
    """Many do not (PS3.7 D.3.3.4)."""
    with listener("PLAIN", roles=False) as plain:
        running = start(plain)
        with Worker(running) as worker:
            worker.create(UID, a_step())
            worker.subscribe(UID, "PLAIN")
        assert plain.report().state == "SCHEDULED"


def test_one_peer_that_is_away_holds_up_no_other(start: Start, watcher: Listener) -> None:
    """And its reports are dropped when they are too old."""
    away = Listener("AWAY", port=free_port())
    running = start(watcher, away, give_up_after=0.01)
    outbox = Outbox(running.archive.tables(NAME))
    with Worker(running) as worker:
        worker.subscribe(GLOBAL, "AWAY")
        worker.subscribe(GLOBAL, "WATCHER")
        worker.create(UID, a_step())
    assert watcher.report().uid == UID
    until(lambda: not outbox.waiting("AWAY", 1))
    until(lambda: outbox.next_due() is None)


def test_a_restart_is_told_and_what_waited_is_delivered(start: Start, watcher: Listener) -> None:
    """First what happened, then that we are back; the fallback list hears of it, too."""
    watcher.statuses = [0x0110] * 1000
    first = start(watcher)
    with Worker(first) as worker:
        worker.create(UID, a_step())
        worker.subscribe(UID, "WATCHER")
    first.stop()
    watcher.statuses = []
    with listener("SPARE") as spare:
        start(watcher, spare, folder=first.data, fallback_aets=("SPARE",))
        told = watcher.report()
        assert (told.uid, told.state) == (UID, "SCHEDULED")
        for peer in (watcher, spare):
            news = peer.report()
            assert (news.uid, news.type) == (GLOBAL, 4)
            assert news.information.SCPStatus == "RESTARTED"
            assert peer.quiet(0.1)


def test_steps_that_are_over_go_when_it_is_time(start: Start, watcher: Listener) -> None:
    """At once with keep_ended = 0, unless a lock holds them; then when it is given back."""
    running = start(watcher, keep_ended=0)
    steps = Steps(running.archive.tables(NAME))
    with Worker(running) as worker:
        worker.create("1.1", a_step())
        worker.create("1.2", a_step())
        worker.subscribe("1.1", "WATCHER", "TRUE")
        for uid in ("1.1", "1.2"):
            assert worker.act(2, uid, PUSH) == 0
        until(lambda: worker.get("1.2")[0].Status == 0xC307)
        assert worker.get("1.1")[1].ProcedureStepState == "CANCELED"
        worker.subscribe("1.1", "WATCHER", "FALSE")
        until(lambda: worker.get("1.1")[0].Status == 0xC307)
    assert steps.find(Dataset()) == []


def test_a_huge_step_is_refused(start: Start) -> None:
    """0213H beyond 4 MiB; the association lives."""
    item = Dataset()
    item.TypeOfInstances, item.RetrieveURI = "DICOM", "x" * (5 << 20)
    items = [item]
    running = start()
    with Worker(running) as worker:
        assert worker.create(UID, a_step(InputInformationSequence=items)).Status == 0x0213
        assert worker.create(UID, a_step()).Status == 0


def test_a_query_that_matches_too_much_fails(start: Start) -> None:
    """A700H, not a part of the list."""
    running = start(max_answers=1)
    with Worker(running) as worker:
        worker.create("1.1", a_step())
        assert [status for status, _ in worker.find(SOPInstanceUID="")] == [0xFF00, 0]
        worker.create("1.2", a_step())
        assert [status for status, _ in worker.find(SOPInstanceUID="")] == [0xA700]


def test_claims_from_many_associations_have_one_winner(start: Start) -> None:
    """Each with its own Transaction UID."""
    from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415 - for this alone

    running = start()
    with Worker(running) as worker:
        worker.create(UID, a_step())

    def claim(number: int) -> int:
        with Worker(running, f"W{number}") as worker:
            return worker.state(UID, "IN PROGRESS", str(generate_uid()))

    with ThreadPoolExecutor(4) as pool:
        found = sorted(pool.map(claim, range(4)))
    assert found == [0, 0xC301, 0xC301, 0xC301]
