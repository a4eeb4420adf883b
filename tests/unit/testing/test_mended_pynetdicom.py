"""pynetdicom as the peer of tests: no answer is taken from who waits for it, none comes after the
request for release, an abort that crosses another is no error, and no socket stays open.
"""

from __future__ import annotations

import queue
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from pynetdicom import AE, build_context, evt
from pynetdicom.association import Association
from pynetdicom.sop_class import Printer, PrinterInstance, Verification
from pynetdicom.transport import AssociationSocket

from pacs_framework.testing.factories import Archives
from pacs_framework.testing.mended_pynetdicom import Checkpoint

_LATE = 0.02  # seconds
_UNKNOWN = bytes([0x99, 0, 0, 0, 0, 0])  # a PDU of no known type


class LateToWake(Checkpoint):
    """The thread that waits here goes on late, as on a busy machine."""

    def wait_once(self, timeout: float | None) -> bool:
        came = super().wait_once(timeout)
        time.sleep(_LATE)
        return came

    def is_set(self) -> bool:
        found = super().is_set()
        time.sleep(_LATE)
        return found


def test_requests_that_follow_each_other_all_get_their_answers(
    pacs_archive: Archives, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the mending, one here waits in vain: at once, or when the thread was let go on."""
    import pacs_verification.plugin  # noqa: PLC0415 - a sibling distribution

    running = pacs_archive({"verification": pacs_verification.plugin})
    monkeypatch.setattr("pacs_framework.testing.mended_pynetdicom.Checkpoint", LateToWake)
    ae = AE()
    ae.dimse_timeout = 2
    association = ae.associate(running.host, running.port, contexts=[build_context(Verification)])
    get = association.dimse.get_msg

    def get_later(block: bool = False) -> Any:
        """Who asked is still later than the thread of the association."""
        time.sleep(5 * _LATE if block else 0)
        return get(block)

    monkeypatch.setattr(association.dimse, "get_msg", get_later)
    statuses = []
    for number in range(6):
        time.sleep(number % 2 * 1.5 * _LATE)  # right behind another one, and when it is on its way
        statuses.append(association.send_c_echo().get("Status"))
    association.release()
    assert statuses == [0] * 6


class Printing:
    """An SCP, and an association to it, which stands still when it has sent an abort."""

    def __init__(self, *handlers: Any) -> None:
        self.has_aborted = threading.Event()
        self.may_go_on = threading.Event()
        kept: queue.Queue[Association] = queue.Queue()
        scp = AE()
        scp.add_supported_context(Printer)
        keep = (evt.EVT_ESTABLISHED, lambda event: kept.put(event.assoc))
        self.server = scp.start_server(("127.0.0.1", 0), block=False, evt_handlers=[keep])
        assert self.server is not None
        assert self.server.socket is not None
        host, port = self.server.socket.getsockname()
        all_handlers = [*handlers, (evt.EVT_FSM_TRANSITION, self._stand_still)]
        self.ours = AE().associate(host, port, [build_context(Printer)], evt_handlers=all_handlers)
        self.theirs = kept.get(timeout=10)

    def _stand_still(self, event: Any) -> None:
        if event.next_state == "Sta13":
            self.has_aborted.set()
            self.may_go_on.wait(10)

    def tell(self) -> Any:
        """The answer to an event of theirs, which a handler of ours gives."""
        status, _ = self.theirs.send_n_event_report(None, 1, Printer, PrinterInstance)
        return status.get("Status")

    def go_on_when_asked(self) -> None:
        """When there is something to send, too late; and until all has ended."""
        until(lambda: not self.ours.dul.to_provider_queue.empty())
        self.may_go_on.set()
        self.ours.dul.join(10)
        self.ours.join(10)
        assert not self.ours.dul.is_alive()
        assert not self.ours.is_alive()


def until(met: Callable[[], bool]) -> None:
    latest = time.monotonic() + 10
    while not met():
        assert time.monotonic() < latest
        time.sleep(_LATE)


@pytest.fixture
def printing() -> Iterator[Callable[..., Printing]]:
    made: list[Printing] = []

    def new(*handlers: Any) -> Printing:
        made.append(Printing(*handlers))
        return made[-1]

    yield new
    for each in made:
        each.may_go_on.set()
        assert each.server is not None
        each.server.shutdown()


def test_a_release_waits_for_the_answer_of_a_handler(printing: Callable[..., Printing]) -> None:
    """Without the mending, the answer follows the request for release, which no state allows."""
    told = threading.Event()

    def take(_event: Any) -> tuple[int, None]:
        told.set()
        time.sleep(10 * _LATE)
        return 0, None

    both = printing((evt.EVT_N_EVENT_REPORT, take))
    with ThreadPoolExecutor() as pool:
        answer = pool.submit(both.tell)
        assert told.wait(10)
        both.ours.release()
        assert both.ours.is_released
        assert answer.result(timeout=10) == 0


@pytest.mark.parametrize("end", ["release", "abort"])
def test_an_association_that_was_just_aborted_may_be_ended(
    end: str, printing: Callable[..., Printing]
) -> None:
    """By pynetdicom, for what the peer sent; whoever uses it has not seen that yet."""
    both = printing()
    both.ours._reactor_checkpoint.clear()
    until(lambda: both.ours._is_paused)
    assert both.theirs.dul.socket is not None
    both.theirs.dul.socket.send(_UNKNOWN)
    assert both.has_aborted.wait(10)
    with ThreadPoolExecutor() as pool:
        ended = pool.submit(getattr(both.ours, end))
        both.go_on_when_asked()
        ended.result(timeout=10)
    assert both.ours.is_aborted
    assert not both.ours.is_released


def test_a_socket_whose_peer_is_gone_is_closed() -> None:
    """shutdown(2) fails then; without the mending, the socket stays open."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        ours = socket.create_connection(server.getsockname())
        theirs, _ = server.accept()
        theirs.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        theirs.close()  # RST
    with pytest.raises(ConnectionResetError):
        ours.recv(1)
    with pytest.raises(OSError, match="not connected"):
        ours.shutdown(socket.SHUT_RDWR)
    association = Association(AE(), "requestor")
    connection = AssociationSocket(association, client_socket=ours)
    connection.close()
    assert ours.fileno() == -1
