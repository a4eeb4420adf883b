"""Compressed frames put together as encapsulated pixel data (PS3.5 A.4)."""

from __future__ import annotations

import struct
import tempfile
from collections.abc import Iterator
from itertools import accumulate

from pydicom import Dataset

from pacs_framework.codecs.codec import Buffer
from pacs_framework.codecs.fragments import without_offset_tables
from pacs_framework.codecs.image import EXPLICIT, PIXEL_DATA
from pacs_framework.dicom.walk import UNDEFINED_LENGTH

__all__ = ["EncapsulatedFrames"]

_IN_MEMORY = 16 << 20  # bytes; more of them go to a temporary file
_BLOCK = 1 << 18
_ITEM, _SEQUENCE_END = 0xFFFEE000, 0xFFFEE0DD
_ITEM_HEADER = 8
_LARGEST_BASIC_OFFSET = 0xFFFFFFFF
_LONGEST_BASIC_TABLE = 0xFFFFFFFE // 4


class EncapsulatedFrames:
    """Frames, one fragment each, gathered until the offset table in front of them is known.

    They are in memory up to 16 MiB, then in a temporary file that has no name. ``longest_offset``
    is the largest one that a basic offset table holds.
    """

    def __init__(self, *, longest_offset: int = _LARGEST_BASIC_OFFSET) -> None:
        self._longest_offset = longest_offset
        self._lengths: list[int] = []
        self._gathered = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115 - `close`

    def close(self) -> None:
        """Forget the frames."""
        self._gathered.close()

    @property
    def size(self) -> int:
        """Bytes of all frames so far, with their padding."""
        return sum(self._lengths)

    def add(self, frame: Buffer) -> None:
        """The next frame; one of odd length gets a null byte (PS3.5 A.4)."""
        padding = len(frame) % 2
        self._gathered.write(frame)
        self._gathered.write(b"\0" * padding)
        self._lengths.append(len(frame) + padding)

    def describe(self, header: Dataset) -> None:
        """Put extended offset tables into ``header`` where basic ones are too small for it.

        Others are removed. PS3.3 C.7.6.3.1.8.
        """
        without_offset_tables(header)
        if self._is_extended():
            number = len(self._lengths)
            header.ExtendedOffsetTable = struct.pack(f"<{number}Q", *self._offsets())
            header.ExtendedOffsetTableLengths = struct.pack(f"<{number}Q", *self._lengths)

    def element(self) -> Iterator[bytes]:
        """The whole element, in blocks, in explicit VR little endian."""
        yield EXPLICIT.header(PIXEL_DATA, "OB", UNDEFINED_LENGTH)
        offsets = [] if self._is_extended() else self._offsets()
        yield EXPLICIT.header(_ITEM, "", 4 * len(offsets))
        yield struct.pack(f"<{len(offsets)}I", *offsets)
        self._gathered.seek(0)
        for length in self._lengths:
            yield EXPLICIT.header(_ITEM, "", length)
            yield from self._blocks(length)
        yield EXPLICIT.header(_SEQUENCE_END, "", 0)

    def _blocks(self, length: int) -> Iterator[bytes]:
        while length:
            block = self._gathered.read(min(length, _BLOCK))
            length -= len(block)
            yield block

    def _offsets(self) -> list[int]:
        """Where the item of each frame begins, behind the basic offset table."""
        sizes = (_ITEM_HEADER + length for length in self._lengths[:-1])
        return list(accumulate(sizes, initial=0))

    def _is_extended(self) -> bool:
        offsets = self._offsets()
        return offsets[-1] > self._longest_offset or len(offsets) > _LONGEST_BASIC_TABLE
