"""Waking a thread that waits for something due: from its process, and from others beside it.

Services and what plugins run in the background wait with a `Waker` for their next moment or for
news, whichever comes first; so nothing has to look again and again.
"""

from __future__ import annotations

import math
import os
import select
import stat
import sys
from contextlib import suppress
from pathlib import Path

__all__ = ["Waker", "ring"]

_RING = (1).to_bytes(8, sys.byteorder)  # eight bytes are what an eventfd takes
_READ = 1 << 12
_LONGEST = 86400.0  # seconds; poll(2) counts milliseconds in 32 bits


class Waker:
    """What one thread waits for.

    With a ``path`` it is a named pipe, made where it is missing, that other processes of this
    machine ring as well (see `ring`); several may wait, and each ring wakes one of them at least.
    Without, it is for the threads of this process alone. Raises FileExistsError when something else
    than a pipe is there.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.descriptor = _signal() if path is None else _pipe(path)

    def ring(self) -> None:
        """Wake whoever waits, now or when it waits next. Safe to call from any thread."""
        with suppress(BlockingIOError):  # full of rings, which wake anyway
            os.write(self.descriptor, _RING)

    def wait(self, seconds: float | None, *others: Waker) -> frozenset[Waker]:
        """Until somebody rings, here or at ``others``, or for so long; None is for ever.

        Returns those that rang; rings in the meantime count as one, and are forgotten.
        """
        poll = select.poll()
        wakers = {waker.descriptor: waker for waker in (self, *others)}
        for descriptor in wakers:
            poll.register(descriptor, select.POLLIN)
        limited = None if seconds is None else math.ceil(min(max(seconds, 0), _LONGEST) * 1000)
        rung = frozenset(wakers[descriptor] for descriptor, _ in poll.poll(limited))
        for waker in rung:
            waker.empty()
        return rung

    def empty(self) -> None:
        """Forget the rings so far."""
        with suppress(BlockingIOError):  # another process was faster
            os.read(self.descriptor, _READ)

    def close(self) -> None:
        """Give the descriptor back; nobody may be waiting."""
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


def _signal() -> int:
    return os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)


def _pipe(path: Path) -> int:
    path.parent.mkdir(parents=True, exist_ok=True)
    with suppress(FileExistsError):
        os.mkfifo(path, 0o660)
    # Read and write: so the pipe never ends when the last one who rings goes.
    pipe = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISFIFO(os.fstat(pipe).st_mode):
        os.close(pipe)
        raise FileExistsError(f"{str(path)!r} is in the way: the archive keeps a pipe there")
    return pipe
