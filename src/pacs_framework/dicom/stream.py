"""Pieces of a data set as something to read from."""

from __future__ import annotations

from collections.abc import Iterator

__all__ = ["PieceStream"]


class PieceStream:
    """A `pacs_framework.dicom.header.Readable` over pieces of any size."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._held = bytearray()

    def read(self, size: int = -1, /) -> bytes:
        """Up to ``size`` bytes, all that are left where it is negative; empty at the end."""
        while size < 0 or len(self._held) < size:
            piece = next(self._pieces, None)
            if piece is None:
                break
            self._held += piece
        end = len(self._held) if size < 0 else size
        taken = bytes(memoryview(self._held)[:end])
        del self._held[:end]
        return taken

    def rest(self) -> Iterator[bytes]:
        """Everything that is left, in pieces as they come."""
        if self._held:
            yield bytes(self._held)
            self._held.clear()
        yield from self._pieces
