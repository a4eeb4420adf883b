"""pynetdicom, the peer of many tests, without two defects that show on a busy machine.

It loses an answer now and then. Each ``send_…`` of an association stops the association's own
thread first, and waits for the flag that tells so. That thread raises the flag before it looks
whether it is to stop, and lowers it after: when it was let go on just now, or does not have to
stop at all, the flag may say so all the same. It then takes the answer off the queue, and the test
waits for that until its time is over.

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
