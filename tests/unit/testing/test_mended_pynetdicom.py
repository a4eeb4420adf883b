"""pynetdicom's requestor: no answer is taken from who waits for it, none comes after the request
for release, and no socket stays open.
"""

from __future__ import annotations

import queue
import socket
import struct
import threading
import time
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


def test_a_release_waits_for_the_answer_of_a_handler() -> None:
    """Without the mending, the answer follows the request for release, which no state allows."""
    theirs: queue.Queue[Association] = queue.Queue()
    told = threading.Event()

    def take(_event: Any) -> tuple[int, None]:
        told.set()
        time.sleep(10 * _LATE)
        return 0, None

    scp = AE()
    scp.add_supported_context(Printer)
    keep = (evt.EVT_ESTABLISHED, lambda event: theirs.put(event.assoc))
    server = scp.start_server(("127.0.0.1", 0), block=False, evt_handlers=[keep])
    assert server is not None
    try:
        assert server.socket is not None
        host, port = server.socket.getsockname()
        handlers: list[Any] = [(evt.EVT_N_EVENT_REPORT, take)]
        ours = AE().associate(host, port, [build_context(Printer)], evt_handlers=handlers)
        with ThreadPoolExecutor() as pool:
            tell = theirs.get(timeout=10).send_n_event_report
            answer = pool.submit(tell, None, 1, Printer, PrinterInstance)
            assert told.wait(10)
            ours.release()
            assert ours.is_released
            assert answer.result(timeout=10)[0].get("Status") == 0
    finally:
        server.shutdown()


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
