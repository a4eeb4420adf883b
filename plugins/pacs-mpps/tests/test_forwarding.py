"""Steps are passed on to other peers: in order, until they are taken, across a restart."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pacs_framework.testing.factories import Archives
from pacs_framework.testing.running import RunningArchive
from pacs_framework.testing.sockets import free_port
from pacs_mpps import plugin
from pacs_mpps.crew import ring
from pacs_mpps.model import NOTIFICATION
from pacs_mpps.outbox import Outbox
from pacs_mpps.tables import NAME

sys.path.insert(0, str(Path(__file__).parent))  # in importlib mode it is not there

from mpps_peers import NET, Modality, Peer, listening_peer

Start = Callable[..., RunningArchive]
QUICK = {"retry_first": 0.05, "retry_longest": 0.2, "forward_to": ["PEER"]}


@pytest.fixture
def start(pacs_archive: Archives) -> Start:
    """An archive that knows PEER at ``port``."""

    def run(port: int, *, folder: Path | None = None, **own: Any) -> RunningArchive:
        settings = {
            "plugin": {NAME: {**QUICK, **own}},
            "peers": {"peer": {"aet": "PEER", "host": "127.0.0.1", "port": port}},
        }
        return pacs_archive({NAME: plugin}, settings=settings, folder=folder)

    return run


@pytest.fixture
def peer() -> Iterator[Peer]:
    """Who is told."""
    with listening_peer() as peer:
        yield peer


def left(running: RunningArchive) -> list[tuple[str, str]]:
    """What is not delivered: event and error."""
    return [(e.event, e.error) for e in Outbox(running.archive.tables(NAME)).waiting()]


def settles(running: RunningArchive, wanted: Callable[[list[tuple[str, str]]], bool]) -> None:
    """The courier notes what became of a row right after the peer's answer."""
    for _ in range(NET * 100):
        if wanted(left(running)):
            return
        time.sleep(0.01)
    raise AssertionError(left(running))


def test_a_step_is_passed_on_as_it_came(start: Start, peer: Peer) -> None:
    """N-CREATE, then N-SET, under the UID of the modality and in its character set."""
    running = start(peer.port)
    with Modality(running) as modality:
        uid = modality.begin(SpecificCharacterSet="ISO_IR 100", PatientName="Schädel^Anna")
        modality.end(uid, "1.2.3")
    operation, told, dataset = peer.next()
    assert (operation, told) == ("N-CREATE", uid)
    assert (dataset.SpecificCharacterSet, str(dataset.PatientName)) == (
        "ISO_IR 100",
        "Schädel^Anna",
    )
    operation, told, dataset = peer.next()
    assert (operation, told) == ("N-SET", uid)
    assert dataset.PerformedProcedureStepStatus == "COMPLETED"
    assert "PatientID" not in dataset
    settles(running, lambda rows: not rows)


def test_what_a_peer_does_not_take_is_sent_again_in_order(start: Start, peer: Peer) -> None:
    """The N-SET waits until the N-CREATE was taken."""
    peer.statuses = [0x0110, 0xA700, 0x0000, 0x0213]
    running = start(peer.port)
    with Modality(running) as modality:
        uid = modality.begin()
        modality.end(uid)
    assert [peer.next()[:2] for _ in range(2)] == [("N-CREATE", uid), ("N-SET", uid)]
    settles(running, lambda rows: not rows)


def test_a_peer_that_has_it_already_has_it(start: Start, peer: Peer) -> None:
    """0111H after a crash between its answer and our note: the N-SET follows."""
    peer.statuses = [0x0111]
    running = start(peer.port)
    with Modality(running) as modality:
        modality.end(modality.begin())
    assert peer.next()[0] == "N-SET"


def test_what_a_peer_refuses_is_given_up_and_sent_on_demand(start: Start, peer: Peer) -> None:
    """A refusal of the step itself is for a person to look at; the next steps go on."""
    peer.statuses = [0x0106]
    running = start(peer.port)
    with Modality(running) as modality:
        first = modality.begin()
        settles(running, lambda rows: any("0106H" in error for _, error in rows))
        second = modality.begin()
    assert peer.next()[:2] == ("N-CREATE", second)
    settles(running, lambda rows: len(rows) == 1)
    outbox = Outbox(running.archive.tables(NAME))
    (row,) = outbox.waiting([first])
    assert row.due is None
    assert outbox.retry(first) == 1
    ring(running.data)  # as `pacs mpps retry` does
    assert peer.next()[:2] == ("N-CREATE", first)


def test_what_was_not_delivered_survives_a_restart(start: Start) -> None:
    """With the peer away, then there."""
    running = start(free_port())
    with Modality(running) as modality:
        uid = modality.begin()
        modality.end(uid)
    settles(running, lambda rows: any("cannot connect" in error for _, error in rows))
    folder = running.data
    running.stop()
    with listening_peer() as peer:
        start(peer.port, folder=folder)
        assert [peer.next()[:2] for _ in range(2)] == [("N-CREATE", uid), ("N-SET", uid)]


def test_peers_are_notified_of_each_status(start: Start) -> None:
    """N-EVENT-REPORT as SCP by role negotiation: 1, then 2 or 3 (PS3.4 Table F.9.2-1)."""
    with listening_peer(NOTIFICATION) as peer:
        running = start(peer.port, forward_to=[], notify=["PEER"])
        with Modality(running) as modality:
            for status, event in (("COMPLETED", 2), ("DISCONTINUED", 3)):
                uid = modality.begin()
                modality.end(uid, status=status)
                assert peer.next() == ("N-EVENT-REPORT", uid, 1)
                assert peer.next() == ("N-EVENT-REPORT", uid, event)
        settles(running, lambda rows: not rows)
