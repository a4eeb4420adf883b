"""Where pixels of a film box wait until it is printed: a file without a name.

Nobody has to clean up: when the association ends, or the process, however it does, the file is
gone with its last descriptor.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["PixelFile", "Stretch"]

_PIECE = 1 << 20

Stretch = tuple[int, int]
"""Offset and length in a `PixelFile`."""


class PixelFile:
    """Bytes that are written once, one after the other; ``length`` of them. For one thread."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file: BinaryIO | None = None  # a film box without images costs no descriptor
        self.length = 0

    def append(self, data: bytes) -> Stretch:
        """Keep ``data``. Raises OSError where the disk is full, or too many files are open."""
        start = self.length
        file = self._opened()
        file.seek(start)
        file.write(data)
        file.flush()
        self.length += len(data)
        return start, len(data)

    def pieces(self, stretch: Stretch) -> Iterator[bytes]:
        """What was kept, in pieces of up to 1 MiB."""
        offset, left = stretch
        while left:
            piece = os.pread(self._opened().fileno(), min(left, _PIECE), offset)
            if not piece:
                raise OSError("a file of pixels is shorter than it was")
            yield piece
            offset += len(piece)
            left -= len(piece)

    def close(self) -> None:
        """The bytes are gone."""
        with suppress(OSError):  # of a full disk: nobody wants what did not get there
            if self._file is not None:
                self._file.close()

    def _opened(self) -> BinaryIO:
        if self._file is None:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._file = tempfile.TemporaryFile(dir=self._folder)  # noqa: SIM115 - see `close`
        return self._file
