"""An open object of a pack: its bytes in a buffer that is used again."""

from __future__ import annotations

import mmap
from typing import Self

from pacs_framework.archive.buffers import Buffers

__all__ = ["PackedSource"]


class PackedSource:
    """The first ``length`` bytes of ``buffer``, which goes back to ``buffers`` on close.

    The bytes are in memory because the object may be deleted while it is on its way, and in a
    buffer because fresh memory for each object costs more than reading it. See `ByteSource`.
    """

    __slots__ = ("_buffer", "_buffers", "_end", "_place")

    def __init__(self, buffer: mmap.mmap, length: int, buffers: Buffers) -> None:
        self._buffer: mmap.mmap | None = buffer
        self._buffers = buffers
        self._place = 0
        self._end = length

    def read(self, size: int = -1, /) -> bytes:
        """Up to ``size`` bytes, all that is left when negative; empty at the end."""
        left = self._end - self._place
        start, end = self._advance(left if size < 0 else min(size, left))
        return self._bytes[start:end]

    def readinto(self, buffer: memoryview | bytearray, /) -> int:
        """Fill ``buffer`` from its start; the number of bytes read, 0 at the end."""
        start, end = self._advance(min(len(buffer), self._end - self._place))
        with memoryview(self._bytes) as whole:
            buffer[: end - start] = whole[start:end]
        return end - start

    def held(self) -> memoryview:
        """What is left, where it is; to be released before `close`."""
        return memoryview(self._bytes)[self._place : self._end]

    def close(self) -> None:
        """Let others have the buffer. Harmless when called twice."""
        buffer, self._buffer = self._buffer, None
        if buffer is not None:
            self._buffers.give_back(buffer)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    @property
    def _bytes(self) -> mmap.mmap:
        if self._buffer is None:
            raise ValueError("the object was closed")
        return self._buffer

    def _advance(self, count: int) -> tuple[int, int]:
        start = self._place
        self._place = end = start + count
        return start, end
