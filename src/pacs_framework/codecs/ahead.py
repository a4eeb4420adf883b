"""Frames worked on ahead of whoever takes them, in their order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

__all__ = ["FrameThreads"]

_T = TypeVar("_T")
_R = TypeVar("_R")


class FrameThreads:
    """``number`` threads that many images share; a single one works in the caller's thread.

    Up to twice as many frames are in memory for each image. Safe to use from many threads; `close`
    when nobody works with it.
    """

    def __init__(self, number: int = 1) -> None:
        self._ahead = 2 * number
        self._threads = ThreadPoolExecutor(number, "frames") if number > 1 else None

    def map(self, work: Callable[[_T], _R], frames: Iterable[_T]) -> Iterator[_R]:
        """What ``work`` makes of each frame, in order; what it raises comes in its place."""
        if self._threads is None:
            return map(work, frames)
        return self._mapped(self._threads, work, frames)

    def _mapped(
        self, threads: ThreadPoolExecutor, work: Callable[[_T], _R], frames: Iterable[_T]
    ) -> Iterator[_R]:
        due: deque[Future[_R]] = deque()
        try:
            for frame in frames:
                due.append(threads.submit(work, frame))
                if len(due) >= self._ahead:
                    yield due.popleft().result()
            while due:
                yield due.popleft().result()
        finally:
            for future in due:
                future.cancel()

    def close(self) -> None:
        """End the threads."""
        if self._threads is not None:
            self._threads.shutdown(cancel_futures=True)
