"""pynetdicom, the peer of many tests, without four defects that show on a busy machine.

It loses an answer now and then. Each ``send_…`` of an association stops the association's own
thread first, and waits for the flag that tells so. That thread raises the flag before it looks
whether it is to stop, and lowers it after: when it was let go on just now, or does not have to
stop at all, the flag may say so all the same. It then takes the answer off the queue, and the test
waits for that until its time is over.

It asks for the release of an association while a handler, which has a thread of its own for an
N-EVENT-REPORT, has yet to answer. The answer then comes in a state that knows none (PS3.8 9.2.3,
event 9 in state 7), and ends the thread that reads what the peer sends.

It has aborted an association for what the peer sent, and waits for the connection to be closed,
when its user, who cannot know yet, asks for a release or an abort. State 13 knows no such events
(PS3.8 9.2.3), and the thread ends again. Nothing more may be sent then, so they are dropped.

It leaves a socket open whose peer was killed: shutdown(2) fails, and the close after it is skipped.
"""

from __future__ import annotations

import sys
import threading
from contextlib import contextmanager
from functools import wraps
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

    from pynetdicom.association import Association
    from pynetdicom.fsm import StateMachine
    from pynetdicom.transport import AssociationSocket

__all__ = ["Checkpoint", "mend_pynetdicom"]

_ABORTED = "Sta13"  # waits for the connection to be closed
_ENDS = frozenset(("Evt11", "Evt14", "Evt15"))  # a release, the answer to one, an abort
_HANDLED = 10.0  # seconds; a handler that itself waits for the release gets it then


class Checkpoint(threading.Event):
    """What the thread of an association waits at. It lowers the flag that tells of it before it
    looks for the last time whether it may go on.
    """

    def __init__(self, association: Association) -> None:
        super().__init__()
        self._association = association

    def wait(self, timeout: float | None = None) -> bool:
        """Until the thread may go on; whoever stops it from now on does not see the flag."""
        while self.wait_once(timeout):
            self._association._is_paused = False  # noqa: SLF001 - there is no public way
            if self.is_set():
                return True
            self._association._is_paused = True  # noqa: SLF001 - likewise
        return False

    def wait_once(self, timeout: float | None) -> bool:
        """Until it was let go on, even if it has been stopped again since."""
        return super().wait(timeout)


def mend_pynetdicom() -> None:
    """Mend what is described above, where pynetdicom is imported; once."""
    associations = sys.modules.get("pynetdicom.association")
    machine = sys.modules.get("pynetdicom.fsm")
    transport = sys.modules.get("pynetdicom.transport")
    if associations is None or machine is None or transport is None:
        return
    if not hasattr(associations.Association.__init__, "__wrapped__"):
        _mend_checkpoint(associations)
        _mend_release(associations)
        _mend_machine(machine)
        _mend_shutdown(transport)


def _mend_checkpoint(module: ModuleType) -> None:
    make = module.Association.__init__

    @wraps(make)
    def mended(association: Association, *arguments: Any, **named: Any) -> None:
        make(association, *arguments, **named)
        association._reactor_checkpoint = checkpoint = Checkpoint(association)  # noqa: SLF001
        checkpoint.set()

    module.Association.__init__ = mended


class Handlers:
    """The handlers of one association that run now."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._running: set[int] = set()  # idents of their threads

    @contextmanager
    def one(self) -> Iterator[None]:
        """What runs in here is a handler, which answers before it is done."""
        with self._changed:
            self._running.add(threading.get_ident())
        try:
            yield
        finally:
            with self._changed:
                self._running.discard(threading.get_ident())
                self._changed.notify_all()

    def take_no_more(self, association: Association) -> None:
        """Return when none but the caller's runs; a request from now on is not answered."""
        own = {threading.get_ident()}
        with self._changed:
            self._changed.wait_for(lambda: self._running <= own, timeout=_HANDLED)
            if association.is_established:
                association._sent_release = True  # noqa: SLF001 - there is no public way


def _mend_release(module: ModuleType) -> None:
    serve, release = module.Association._serve_request, module.Association.release  # noqa: SLF001
    handlers: WeakKeyDictionary[Association, Handlers] = WeakKeyDictionary()

    @wraps(serve)
    def serve_mended(association: Association, *arguments: Any) -> None:
        with handlers.setdefault(association, Handlers()).one():
            serve(association, *arguments)

    @wraps(release)
    def release_mended(association: Association) -> None:
        handlers.setdefault(association, Handlers()).take_no_more(association)
        release(association)

    module.Association._serve_request = serve_mended  # noqa: SLF001 - there is no public way
    module.Association.release = release_mended


def _mend_machine(module: ModuleType) -> None:
    act = module.StateMachine.do_action

    @wraps(act)
    def mended(machine: StateMachine, event: str) -> None:
        if event in _ENDS and machine.current_state == _ABORTED:
            machine.dul.to_provider_queue.get(block=False)
        else:
            act(machine, event)

    module.StateMachine.do_action = mended


def _mend_shutdown(module: ModuleType) -> None:
    shut_down = module.AssociationSocket._shutdown_socket  # noqa: SLF001 - there is no public way

    @wraps(shut_down)
    def mended(connection: AssociationSocket) -> None:
        shut_down(connection)
        if connection.socket is not None:
            connection.socket.close()

    module.AssociationSocket._shutdown_socket = mended  # noqa: SLF001 - likewise
