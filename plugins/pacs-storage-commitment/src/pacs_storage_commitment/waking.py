"""Waking a thread that waits for something due: from its process, and from others beside it."""

from __future__ import annotations

import math
import os
import select
from contextlib import suppress
from pathlib import Path

__all__ = ["Waker", "ring"]

_RING = b"\1"
_READ = 1 << 12
_LONGEST = 86400.0  # seconds; poll(2) counts milliseconds in 32 bits


class Waker:
    """A named pipe at ``path``, made where it is missing, that somebody waits for."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileExistsError):
            os.mkfifo(path, 0o660)
        # Read and write: so the pipe never ends when the last one who rings goes.
        self.descriptor = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)

    def ring(self) -> None:
        """Wake whoever waits; a full pipe wakes anyway."""
        with suppress(BlockingIOError):
            os.write(self.descriptor, _RING)

    def wait(self, seconds: float | None, *others: Waker) -> None:
        """Until somebody rings, here or at ``others``, or for so long; None is for ever.

        Rings in the meantime count as one.
        """
        poll = select.poll()
        wakers = {waker.descriptor: waker for waker in (self, *others)}
        for descriptor in wakers:
            poll.register(descriptor, select.POLLIN)
        limited = None if seconds is None else math.ceil(min(max(seconds, 0), _LONGEST) * 1000)
        for descriptor, _ in poll.poll(limited):
            wakers[descriptor].empty()

    def empty(self) -> None:
        """Forget the rings so far."""
        with suppress(BlockingIOError):
            os.read(self.descriptor, _READ)

    def close(self) -> None:
        """Give the pipe back; nobody may be waiting."""
        os.close(self.descriptor)


def ring(path: Path) -> None:
    """Wake who waits at ``path``, in another process of this machine; nothing if nobody does."""
    try:
        pipe = os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return
    try:
        with suppress(BlockingIOError):
            os.write(pipe, _RING)
    finally:
        os.close(pipe)
