"""Frames of an image, found without reading those before them where the image tells its places.

Native frames are where their number says. Of encapsulated ones an offset table tells the place
(PS3.5 A.4); without a sound one, the frames are gone through from the first.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from itertools import chain, pairwise
from typing import TYPE_CHECKING

from pydicom import Dataset

from pacs_dicomweb.model.documents import Forwards, split_ranged
from pacs_framework.codecs.codec import Frame
from pacs_framework.codecs.image import EXPLICIT_VR, CompressedImage, read_image
from pacs_framework.codecs.native import read_native
from pacs_framework.codecs.pixels import PixelFormat, frames_of, header_value
from pacs_framework.dicom.header import SplitDataSet, split_data_set
from pacs_framework.dicom.rewrite import decode_header
from pacs_framework.dicom.uids import BIG_ENDIAN, DEFLATED, UNCOMPRESSED
from pacs_framework.dicom.walk import UNDEFINED_LENGTH
from pacs_framework.errors import UnreadableInstance
from pacs_http.api import Problem

if TYPE_CHECKING:
    from pacs_dicomweb.model.documents import Ranged
    from pacs_framework.dicom.header import Readable

__all__ = ["Frames", "frame_numbers"]

_MOST_FRAMES = 4096
_HEADER = 12  # bytes of the pixel data element's header in explicit VR, 8 in implicit
_LONGEST_TABLE = 1 << 26
_ITEM, _SEQUENCE_END = 0xE000FFFE, 0xE0DDFFFE
_is_list = re.compile(r"[0-9]{1,9}(,[0-9]{1,9})*").fullmatch


def frame_numbers(text: str) -> list[int]:
    """The frames that a path names, from 1 on: ``1,2,7``. Raises `Problem` 400."""
    if len(text) > 10 * _MOST_FRAMES or not _is_list(text):
        raise Problem(HTTPStatus.BAD_REQUEST, "frames are numbers from 1 on with commas between")
    numbers = [int(each) for each in text.split(",")]
    if 0 in numbers or len(numbers) > _MOST_FRAMES:
        raise Problem(
            HTTPStatus.BAD_REQUEST, f"frames count from 1, and {_MOST_FRAMES} are the most at once"
        )
    return numbers


@dataclass(frozen=True, slots=True)
class _Places:
    """Where the frames are: of native ones their start and size, of others the rising starts of
    their first items, and where the last one ends.
    """

    starts: Sequence[int]
    native: bool


class Frames:
    """The frames of one open image, as they are stored: native ones in little endian.

    ``ranged`` is the same data set for reading from anywhere, None where it cannot be. Raises
    `UnreadableInstance`, here and later; `Problem` 404 for an instance without pixel data.
    """

    def __init__(self, source: Readable, transfer_syntax: str, ranged: Ranged | None) -> None:
        self.transfer_syntax = transfer_syntax
        self._ranged = None if transfer_syntax in {*DEFLATED, BIG_ENDIAN} else ranged
        self._split = (
            split_data_set(source, transfer_syntax)
            if self._ranged is None
            else split_ranged(self._ranged, transfer_syntax)
        )
        self.header: Dataset = decode_header(self._split)
        if "Rows" not in self.header:
            raise _no_pixels()
        self.pixels = PixelFormat.of(self.header)
        self.count = frames_of(self.header)

    @property
    def are_native_bytes(self) -> bool:
        """Whether they are pixels in whole bytes: then all of them together are one value."""
        return self.transfer_syntax in UNCOMPRESSED and not self.pixels.frame_bits % 8

    def check(self, numbers: Sequence[int]) -> None:
        """Raises `Problem` 404 for a frame that the image has not."""
        if max(numbers) > self.count:
            raise Problem(
                HTTPStatus.NOT_FOUND, f"the instance has {self.count} frames, not {max(numbers)}"
            )

    def get(self, numbers: Sequence[int]) -> Iterator[Frame]:
        """The frames of these numbers, in their order."""
        places = self._places()
        if places is not None:
            for number in numbers:
                yield Frame(self._at(places, number), self.pixels)
            return
        yield from self._gone_through(numbers)

    def _gone_through(self, numbers: Sequence[int]) -> Iterator[Frame]:
        """One pass where the numbers rise; frames that are wanted again or before are kept."""
        last_use = {number: place for place, number in enumerate(numbers)}
        every = enumerate(self._every(), 1)
        kept: dict[int, bytes] = {}
        for place, number in enumerate(numbers):
            while number not in kept:
                found = next(every, None)
                if found is None:
                    raise UnreadableInstance("the pixel data end before the last frame")
                if last_use.get(found[0], -1) >= place:
                    kept[found[0]] = found[1]
            yield Frame(kept[number], self.pixels)
            if last_use[number] == place:
                del kept[number]

    def _every(self) -> Iterator[bytes]:
        source = _Again(self._split) if self._ranged is None else Forwards(self._ranged)
        # What was taken apart is inflated.
        syntax = EXPLICIT_VR if self.transfer_syntax in DEFLATED else self.transfer_syntax
        if syntax in UNCOMPRESSED:
            image = read_native(source, syntax)
            if isinstance(image, Dataset):
                raise _no_pixels()
            return image.frames
        found = read_image(source, syntax)
        if not isinstance(found, CompressedImage):
            raise UnreadableInstance("native pixel data in a compressed transfer syntax")
        return found.frames

    def _places(self) -> _Places | None:
        if self._ranged is None:
            return None
        start = len(self._split.header)
        size = 8 if self._split.implicit else _HEADER
        head = self._ranged.read_at(start, size)
        if len(head) < size:
            raise _no_pixels()
        (length,) = struct.unpack("<I", head[-4:])
        if self.transfer_syntax in UNCOMPRESSED:
            return self._native_places(start + size, length)
        return self._table(start + size) if length == UNDEFINED_LENGTH else None

    def _native_places(self, start: int, length: int) -> _Places | None:
        """Whole bytes alone: frames of single bits may begin inside of one."""
        size, bits = self.pixels.frame_bytes, self.pixels.frame_bits
        if bits % 8 or length not in (size * self.count, size * self.count + size % 2):
            return None
        return _Places(range(start, start + size * (self.count + 1), size), native=True)

    def _table(self, start: int) -> _Places | None:
        assert self._ranged is not None
        tag, length = struct.unpack("<II", self._ranged.read_at(start, 8).ljust(8, b"\0"))
        if tag != _ITEM or length > _LONGEST_TABLE or length % 4:
            return None
        first = start + 8 + length
        extended = header_value(self.header, "ExtendedOffsetTable") or b""
        if len(extended) == 8 * self.count:
            offsets: Sequence[int] = struct.unpack(f"<{self.count}Q", extended)
        else:
            table = self._ranged.read_at(start + 8, length)
            offsets = struct.unpack(f"<{len(table) // 4}I", table)
        rising = all(one < other for one, other in pairwise(offsets))
        if len(offsets) != self.count or offsets[0] or not rising:
            return None
        return _Places([*(first + each for each in offsets), self._ranged.size], native=False)

    def _at(self, places: _Places, number: int) -> bytes:
        assert self._ranged is not None
        start, end = places.starts[number - 1 : number + 1]
        if not places.native:
            return _fragments(self._ranged, start, end, self.pixels.most_encoded_bytes)
        frame = self._ranged.read_at(start, end - start)
        if len(frame) < end - start:
            raise UnreadableInstance(f"the pixel data end inside frame {number}")
        return frame


def _fragments(source: Ranged, start: int, end: int, longest: int) -> bytes:
    """The fragments of one frame, from the item at ``start`` to the next frame or the delimiter."""
    held: list[bytes] = []
    size = 0
    while start < end:
        tag, length = struct.unpack("<II", source.read_at(start, 8).ljust(8, b"\0"))
        if tag == _SEQUENCE_END and held:
            break
        size += length
        if tag != _ITEM or size > longest:
            raise UnreadableInstance("no fragment begins where the offset table says")
        data = source.read_at(start + 8, length)
        if len(data) < length:
            raise UnreadableInstance("the data end inside the pixel data")
        held.append(data)
        start += 8 + length
    return b"".join(held)


class _Again:
    """A data set that was taken apart, from its start, once."""

    def __init__(self, split: SplitDataSet) -> None:
        self._pieces = chain((split.header,), split.tail)

    def read(self, _size: int = -1, /) -> bytes:
        """The next piece, of any size."""
        return next(self._pieces, b"")


def _no_pixels() -> Problem:
    return Problem(HTTPStatus.NOT_FOUND, "the instance has no pixel data, so it has no frames")
