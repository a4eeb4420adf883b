"""Ranges of many objects, several on their way at once: a store that is far away answers late."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor

from pacs_framework.errors import StorageError
from pacs_framework.storage import ObjectRange

__all__ = ["AT_ONCE", "THREADS", "Ahead"]

AT_ONCE = 8
"""Ranges of one reader that are read, or wait to be taken. Each may hold an object of 4 MiB."""

THREADS = 16
"""Of all readers."""


class Ahead:
    """Calls ``read`` in threads of its own, which begin with the first range."""

    def __init__(self, read: Callable[[ObjectRange], bytes | None]) -> None:
        self._read = read
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="bucket-ahead")

    def read(self, ranges: Iterable[ObjectRange]) -> Iterator[bytes | None]:
        """What ``read`` gives for each, in their order; what it raises comes in its place.

        Raises `StorageError` once this was closed.
        """
        left = iter(ranges)
        under_way: deque[Future[bytes | None]] = deque()
        try:
            while True:
                while len(under_way) < AT_ONCE and (each := next(left, None)) is not None:
                    under_way.append(self._begin(each))
                if not under_way:
                    return
                yield _result(under_way.popleft())
        finally:
            for future in under_way:
                future.cancel()

    def close(self) -> None:
        """Begin nothing any more."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _begin(self, each: ObjectRange) -> Future[bytes | None]:
        try:
            return self._pool.submit(self._read, each)
        except RuntimeError as error:
            raise _closed() from error


def _result(future: Future[bytes | None]) -> bytes | None:
    try:
        return future.result()
    except CancelledError as error:
        raise _closed() from error


def _closed() -> StorageError:
    return StorageError("the storage is closed")
