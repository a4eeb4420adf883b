"""Signals as something to wait for, whichever thread of the process the system hands them to.

To block them and to use `sigwait` would do, were every thread ours: but libraries start threads
while they are imported (those of numpy's linear algebra, for one), and a signal that such a thread
takes would end the process.
"""

from __future__ import annotations

import os
import select
import signal
from collections.abc import Iterable
from types import FrameType

__all__ = ["Signals"]


class Signals:
    """From its making on, ``signals`` do nothing but be told by `wait`, in the order they came.

    To be made in the main thread, once in a process.
    """

    def __init__(self, signals: Iterable[signal.Signals]) -> None:
        self._reader, writer = os.pipe2(os.O_CLOEXEC)
        os.set_blocking(writer, False)
        signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
        for each in signals:
            signal.signal(each, _nothing)

    def wait(self) -> signal.Signals:
        """Block until a signal comes, or has come since the last time."""
        return signal.Signals(os.read(self._reader, 1)[0])

    def wait_at_most(self, seconds: float) -> signal.Signals | None:
        """As `wait`; None when none has come in time."""
        ready, _, _ = select.select([self._reader], [], [], max(0.0, seconds))
        return self.wait() if ready else None


def _nothing(_number: int, _frame: FrameType | None) -> None:
    """The interpreter has written the number into the pipe by now."""
