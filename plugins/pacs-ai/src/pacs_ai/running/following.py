"""What is read of a process while it runs: its words, how far it is, whether it is to end."""

from __future__ import annotations

import os
import select
from collections.abc import Callable
from contextlib import suppress
from math import isfinite
from time import monotonic
from typing import TYPE_CHECKING

from pacs_ai.errors import ModelCanceled, ModelFailed

if TYPE_CHECKING:
    from pacs_ai.running.said import Said
    from pacs_framework.waking import Waker

__all__ = ["Deadline", "Follower"]

_BLOCK = 1 << 16


class Deadline:
    """The end of the ``seconds`` that a run has, from now on."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._end = monotonic() + seconds

    @property
    def left(self) -> float:
        """Seconds until then, 0 where it is over."""
        return max(0.0, self._end - monotonic())


class Follower:
    """Reads from one process, whose output is ``words``, until it ends.

    ``progress`` is told the numbers from 0 to 1 that it writes in lines to ``reader``, -1 for no
    such pipe. The descriptors stay the caller's.
    """

    def __init__(
        self,
        words: int,
        said: Said,
        *,
        deadline: Deadline,
        canceled: Waker | None,
        progress: Callable[[float], None] = lambda _: None,
        reader: int = -1,
    ) -> None:
        self._words, self._said = words, said
        self._deadline = deadline
        self._canceled = -1 if canceled is None else canceled.descriptor
        self._progress, self._reader = progress, reader
        self._lines = b""
        self._poll = select.poll()
        for each in (words, reader, self._canceled):
            if each >= 0:
                self._poll.register(each, select.POLLIN)

    def until_news(self, descriptor: int) -> bool:
        """Until there is something to be read at ``descriptor``: True; False where the process
        closed its output before. Raises as `until_over`.
        """
        self._poll.register(descriptor, select.POLLIN)
        try:
            return self._turns(descriptor)
        finally:
            self._poll.unregister(descriptor)

    def until_over(self) -> None:
        """Until it has closed its output. Raises `ModelFailed` when its time is over, and
        `ModelCanceled`.
        """
        self._turns(-1)

    def _turns(self, news: int) -> bool:
        while True:
            left = self._deadline.left
            ready = [each for each, _ in self._poll.poll(left * 1000)] if left > 0 else []
            if not ready and not self._deadline.left:
                raise ModelFailed(f"it took more than {self._deadline.seconds:g} s")
            if self._canceled in ready:
                raise ModelCanceled("it was canceled")
            if self._reader in ready:
                self._read_progress()
            over = self._words in ready and not self._read_words()  # first: it was said before
            if news in ready or over:
                return news in ready

    def _read_words(self) -> bool:
        data = os.read(self._words, _BLOCK)
        self._said.add(data)
        return bool(data)

    def _read_progress(self) -> None:
        data = os.read(self._reader, _BLOCK)
        if not data:
            self._poll.unregister(self._reader)
            return
        *lines, self._lines = (self._lines + data)[-_BLOCK:].split(b"\n")
        with suppress(ValueError, IndexError):  # it may write what it likes
            done = float(lines[-1])
            if isfinite(done):
                self._progress(min(max(done, 0.0), 1.0))
