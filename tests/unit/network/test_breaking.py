"""What a plugin's thread waits for ends when its archive does."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest

from pacs_framework.network.breaking import Breakable
from pacs_framework.network.decisions import ProposedContext
from pacs_framework.network.errors import AssociationError
from pacs_framework.network.requestor import connect

ECHO = ProposedContext(
    context_id=1, abstract_syntax="1.2.840.10008.1.1", transfer_syntaxes=("1.2.840.10008.1.2",)
)


@pytest.fixture
def silent() -> Iterator[socket.socket]:
    """A peer that takes connections, and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


def associate(server: socket.socket) -> None:
    host, port = server.getsockname()
    connect(host, port, calling_aet="US", called_aet="THEM", contexts=[ECHO])


def test_who_waits_for_an_answer_is_let_go(silent: socket.socket) -> None:
    calls, failed = Breakable(), threading.Event()

    def wait() -> None:
        with calls.breakable(), pytest.raises(AssociationError):
            associate(silent)
        failed.set()

    thread = threading.Thread(target=wait)
    thread.start()
    connection, _ = silent.accept()
    with connection:
        connection.recv(1)  # the request has been sent: now it waits
        assert not calls.stopping
        calls.stop()
        assert failed.wait(20)  # of the 30 s that it would take
    thread.join()


def test_nothing_is_opened_after_the_end(silent: socket.socket) -> None:
    calls = Breakable()
    calls.stop()
    assert calls.stopping
    with calls.breakable(), pytest.raises(AssociationError):
        associate(silent)


def test_what_others_open_goes_on(silent: socket.socket) -> None:
    """The end of one is no business of a thread outside, nor of what comes after the block."""
    calls = Breakable()
    with calls.breakable():
        pass
    calls.stop()
    failed = threading.Event()

    def wait() -> None:
        with pytest.raises(AssociationError):
            associate(silent)
        failed.set()

    thread = threading.Thread(target=wait)
    thread.start()
    connection, _ = silent.accept()
    connection.recv(1)
    assert not failed.is_set()
    connection.close()
    assert failed.wait(60)
    thread.join()
