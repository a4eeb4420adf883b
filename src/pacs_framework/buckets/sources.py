"""Objects that are being read (see `ByteSource`), and how reading survives a broken connection."""

from __future__ import annotations

import io
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from typing import Any, Self

from pacs_framework.buckets.failures import translated
from pacs_framework.errors import ObjectNotFound, StorageError

__all__ = [
    "BlockSource",
    "Blocks",
    "HeldSource",
    "NoBlocks",
    "Resumed",
    "StreamBlocks",
]

_TRIES = 3  # without a byte in between; each has the retries of its request besides


class Blocks(ABC, Iterator[bytes]):
    """Bytes on their way here, block by block. Raises `StorageError` where they break off."""

    def __next__(self) -> bytes:
        block = self._next()
        if not block:
            raise StopIteration
        return block

    @abstractmethod
    def close(self) -> None:
        """Let the store stop sending. Harmless when called twice."""

    @abstractmethod
    def _next(self) -> bytes:
        """The next block; empty at the end. Raises `StorageError`."""


class NoBlocks(Blocks):
    """Of a range that lies behind the end."""

    def close(self) -> None:
        """Nothing is open."""

    def _next(self) -> bytes:
        return b""


class StreamBlocks(Blocks):
    """Of an answer that obstore reads."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def close(self) -> None:
        """Its connection closes with the last reference to it."""
        self._stream = iter(())

    def _next(self) -> bytes:
        with translated("read an object"):
            return bytes(next(self._stream, b""))


class Resumed(Blocks):
    """The bytes from ``start`` to before ``end``, though ``blocks`` break off on their way.

    ``again`` reads on from a place. Raises `StorageError` where it gets no further.
    """

    def __init__(
        self, blocks: Blocks, start: int, end: int, again: Callable[[int], Blocks]
    ) -> None:
        self._blocks = blocks
        self._place = start
        self._end = end
        self._again = again

    def close(self) -> None:
        """Of whatever is being read now."""
        self._blocks.close()

    def _next(self) -> bytes:
        tries = 0
        while self._place < self._end:
            try:
                block = next(self._blocks, b"")
            except ObjectNotFound:
                raise
            except StorageError:
                if tries == _TRIES:
                    raise
                block = b""
            if block:
                self._place += len(block)
                return block
            if tries == _TRIES:
                raise StorageError("cannot read an object: the store sends less than it has")
            tries += 1
            self._blocks.close()
            self._blocks = self._again(self._place)
        return b""


class HeldSource(io.BytesIO):
    """An object, or a range of one, that is in memory."""

    def held(self) -> memoryview:
        """What is left, where it is; to be released before `close`."""
        return self.getbuffer()[self.tell() :]


class BlockSource:
    """Reads ``blocks`` as they come, one of them in memory; ``close`` is called at the end."""

    def __init__(self, blocks: Iterator[bytes], close: Callable[[], None]) -> None:
        self._blocks = blocks
        self._close = close
        self._block = memoryview(b"")

    def read(self, size: int = -1, /) -> bytes:
        """Up to ``size`` bytes, all that is left when negative; empty at the end only."""
        if size < 0:
            return b"".join([bytes(self._take(len(self._block))), *self._blocks])
        return bytes(self._take(size))

    def readinto(self, buffer: memoryview | bytearray, /) -> int:
        """Fill ``buffer`` as far as one block goes; 0 at the end."""
        found = self._take(len(buffer))
        buffer[: len(found)] = found
        return len(found)

    def close(self) -> None:
        """Let the store stop sending."""
        self._block = memoryview(b"")
        self._blocks = iter(())
        self._close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _take(self, size: int) -> memoryview:
        while size and not self._block:
            block = next(self._blocks, None)
            if block is None:
                break
            self._block = memoryview(block)
        found, self._block = self._block[:size], self._block[size:]
        return found
