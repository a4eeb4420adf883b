"""A window into an open file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    import io

__all__ = ["RangeReader"]


class RangeReader:
    """Reads at most ``length`` bytes of ``file`` from where it stands (see `ByteSource`)."""

    def __init__(self, file: io.FileIO, length: int) -> None:
        self._file = file
        self._left = length

    def read(self, size: int = -1, /) -> bytes:
        """Up to ``size`` bytes; empty at the end of the window."""
        wanted = self._left if size < 0 else min(size, self._left)
        data = self._file.read(wanted)
        self._left -= len(data)
        return data

    def readinto(self, buffer: memoryview | bytearray, /) -> int:
        """Fill ``buffer`` as far as one read gives; 0 at the end of the window."""
        count = self._file.readinto(memoryview(buffer)[: self._left])
        self._left -= count
        return count

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()
