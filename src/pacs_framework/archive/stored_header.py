"""Single attributes out of stored instances: only as much of an object is read as they need.

The index holds the attributes that are asked for most. Any other attribute is read from the stored
data set, up to the last tag that is wanted and never into the pixels.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING

from pydicom import Dataset
from pydicom.datadict import dictionary_has_tag, dictionary_VR
from pydicom.filereader import data_element_generator
from pydicom.tag import BaseTag
from pydicom.valuerep import AMBIGUOUS_VR

from pacs_framework.archive.candidates import creator_tag
from pacs_framework.dicom.uids import BIG_ENDIAN, DEFLATED, IMPLICIT_VR
from pacs_framework.dicom.walk import BIG, LITTLE, Walk
from pacs_framework.errors import UnreadableInstance

if TYPE_CHECKING:
    from pacs_framework.storage import ByteSource

__all__ = ["read_attributes"]

_FIRST_READ = 32 * 1024  # bytes; holds the header of most instances
_HEADER_LIMIT = 64 * 1024 * 1024  # bytes; no attribute is looked for beyond
_PIXEL_GROUP = 0x7FE0
_SPECIFIC_CHARACTER_SET = 0x00080005
_PIXEL_REPRESENTATION = 0x00280103


def read_attributes(data: ByteSource, transfer_syntax_uid: str, tags: Collection[int]) -> Dataset:
    """The elements with ``tags`` (and the character set) of the data set that ``data`` begins.

    Values are left encoded; sequences come whole. Raises `UnreadableInstance`.
    """
    wanted = [BaseTag(tag) for tag in {*tags, *_needed_to_read(tags)}]
    beyond = _StopBeyond(max(wanted))
    failure: Exception | None = None
    for head, complete in _growing(data, deflated=transfer_syntax_uid in DEFLATED):
        beyond.reached = False
        try:
            found = _parse(head, transfer_syntax_uid, wanted, beyond)
        except (EOFError, struct.error, ValueError, LookupError, TypeError, OSError) as error:
            failure = error
        except RecursionError as error:
            raise UnreadableInstance("the stored data set is nested too deeply") from error
        else:
            if beyond.reached or complete:
                return found
    cause = type(failure).__name__ if failure else "no end of the header"
    raise UnreadableInstance(f"the stored data set cannot be read ({cause})") from failure


def _parse(
    head: bytes, transfer_syntax_uid: str, wanted: Sequence[BaseTag], beyond: _StopBeyond
) -> Dataset:
    """What pydicom finds of the wanted elements; encoded otherwise than announced, as it is."""
    little = transfer_syntax_uid != BIG_ENDIAN
    walk = Walk(head, len(head), LITTLE if little else BIG)
    elements = data_element_generator(
        io.BytesIO(head),
        is_implicit_VR=walk.looks_implicit(0, default=transfer_syntax_uid == IMPLICIT_VR),
        is_little_endian=little,
        stop_when=beyond,
        specific_tags=list(wanted),
    )
    return Dataset({element.tag: element for element in elements})


def _needed_to_read(tags: Collection[int]) -> Iterator[int]:
    """Attributes that say how others are to be read: text (PS3.3 C.12.1.1.2), US or SS (PS3.5
    A.1), private ones (PS3.5 7.8.1).
    """
    yield _SPECIFIC_CHARACTER_SET
    yield from (creator_tag(BaseTag(tag)) for tag in tags if BaseTag(tag).is_private)
    if any(dictionary_has_tag(tag) and dictionary_VR(tag) in AMBIGUOUS_VR for tag in tags):
        yield _PIXEL_REPRESENTATION


class _StopBeyond:
    """Tells pydicom to stop behind the last tag, and remembers that it came that far."""

    def __init__(self, last: BaseTag) -> None:
        self.last = last
        self.reached = False

    def __call__(self, tag: BaseTag, _vr: str | None, _length: int) -> bool:
        if tag > self.last or tag.group == _PIXEL_GROUP:
            self.reached = True
        return self.reached


def _growing(data: ByteSource, *, deflated: bool) -> Iterator[tuple[bytes, bool]]:
    """Longer and longer beginnings of the data set; true with the one that holds all of it."""
    inflater = zlib.decompressobj(wbits=-zlib.MAX_WBITS) if deflated else None
    head, size = bytearray(), _FIRST_READ
    while size <= _HEADER_LIMIT:
        missing = size - len(head)
        head += _inflate(data, inflater, missing) if inflater else _read(data, missing)
        complete = len(head) < size
        yield bytes(head), complete
        if complete:
            return
        size *= 4


def _read(data: ByteSource, size: int) -> bytes:
    """The next ``size`` bytes, fewer only at the end: a single read may give less."""
    found = bytearray()
    while len(found) < size and (block := data.read(size - len(found))):
        found += block
    return bytes(found)


def _inflate(data: ByteSource, inflater: zlib._Decompress, size: int) -> bytes:
    """The next ``size`` inflated bytes, fewer only at the end."""
    found = bytearray()
    while len(found) < size and not inflater.eof:
        encoded = inflater.unconsumed_tail or data.read(_FIRST_READ)
        if not encoded:
            break
        try:
            found += inflater.decompress(encoded, size - len(found))
        except zlib.error as error:
            raise UnreadableInstance("the stored data set cannot be inflated") from error
    return bytes(found)
