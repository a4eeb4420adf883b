"""pynetdicom, the peer of many tests, without two defects that show on a busy machine.

It loses an answer now and then. Each ``send_…`` of an association stops the association's own
thread first, and waits for the flag that tells so. When the request before it has just let that
thread go on, the flag may still say so from then: the thread wakes after the request was sent,
takes the answer off the queue, and the test waits for it until its time is over.

It leaves a socket open whose peer was killed: shutdown(2) fails, and the close after it is skipped.
"""

from __future__ import annotations

import sys
import threading
from functools import wraps
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from types import ModuleType

    from pynetdicom.association import Association
    from pynetdicom.transport import AssociationSocket

__all__ = ["Checkpoint", "mend_pynetdicom"]


class Checkpoint(threading.Event):
    """What the thread of an association waits at; from the moment that it may go on it is not told
    to be paused, until it says so anew.
    """

    def __init__(self, association: Association) -> None:
        super().__init__()
        self._association = association

    def set(self) -> None:
        """Let the thread go on; it sets this too, for requests of its own while it serves one."""
        if threading.current_thread() is not self._association:
            self._association._is_paused = False  # noqa: SLF001 - there is no public way
        super().set()


def mend_pynetdicom() -> None:
    """Give new associations a `Checkpoint`, and have them close their sockets, where pynetdicom is
    imported; once.
    """
    associations = sys.modules.get("pynetdicom.association")
    transport = sys.modules.get("pynetdicom.transport")
    if associations is None or transport is None:
        return
    if not hasattr(associations.Association.__init__, "__wrapped__"):
        _mend_checkpoint(associations)
        _mend_shutdown(transport)


def _mend_checkpoint(module: ModuleType) -> None:
    make = module.Association.__init__

    @wraps(make)
    def mended(association: Association, *arguments: Any, **named: Any) -> None:
        make(association, *arguments, **named)
        association._reactor_checkpoint = checkpoint = Checkpoint(association)  # noqa: SLF001
        checkpoint.set()

    module.Association.__init__ = mended


def _mend_shutdown(module: ModuleType) -> None:
    shut_down = module.AssociationSocket._shutdown_socket  # noqa: SLF001 - there is no public way

    @wraps(shut_down)
    def mended(connection: AssociationSocket) -> None:
        shut_down(connection)
        if connection.socket is not None:
            connection.socket.close()

    module.AssociationSocket._shutdown_socket = mended  # noqa: SLF001 - likewise
