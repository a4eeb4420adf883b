"""Whether processes are left: a pipe that all of them hold."""

from __future__ import annotations

import os
import select
from pathlib import Path

__all__ = ["SECONDS", "Alive"]

SECONDS = 60.0  # a net, not a measurement


class Alive:
    """A pipe that processes hold which inherit its end: it ends when the last of them has gone."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "alive"
        os.mkfifo(self.path)
        self._reader = os.open(self.path, os.O_RDONLY | os.O_NONBLOCK)
        self._lines = b""

    def wait_for_one(self) -> None:
        """Until somebody holds it and has written a line."""
        self.line()

    def line(self) -> str:
        """The next line that somebody writes; waits for that."""
        while b"\n" not in self._lines:
            data = self._read()
            assert data, "whoever held it has gone without a line"
            self._lines += data
        line, _, self._lines = self._lines.partition(b"\n")
        return line.decode()

    def is_over(self) -> bool:
        """Whether nobody holds it any more; waits for that."""
        return self._read() == b""

    def _read(self) -> bytes:
        poll = select.poll()
        poll.register(self._reader, select.POLLIN)
        assert poll.poll(SECONDS * 1000), "nothing comes, and somebody holds it"
        return os.read(self._reader, 100)

    def close(self) -> None:
        os.close(self._reader)
