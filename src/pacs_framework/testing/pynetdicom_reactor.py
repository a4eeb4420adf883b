"""pynetdicom's requestor without its race, which loses an answer now and then on a busy machine.

Each ``send_…`` of an association stops the association's own thread first, and waits for the flag
that tells so. When the request before it has just let that thread go on, the flag may still say so
from then: the thread wakes after the request was sent, takes the answer off the queue, and the test
waits for it until its time is over.
"""

from __future__ import annotations

import sys
import threading
from functools import wraps
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pynetdicom.association import Association

__all__ = ["Checkpoint", "mend_pynetdicom"]

_MODULE = "pynetdicom.association"


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
    """Give new associations a `Checkpoint`, where pynetdicom is imported; once."""
    module = sys.modules.get(_MODULE)
    if module is None or hasattr(module.Association.__init__, "__wrapped__"):
        return
    make = module.Association.__init__

    @wraps(make)
    def mended(association: Association, *arguments: Any, **named: Any) -> None:
        make(association, *arguments, **named)
        association._reactor_checkpoint = checkpoint = Checkpoint(association)  # noqa: SLF001
        checkpoint.set()

    module.Association.__init__ = mended
