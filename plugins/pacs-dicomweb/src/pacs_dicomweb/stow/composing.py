"""An instance as it is stored, made of its metadata and its bulk data (PS3.18 F.1, 10.5).

What is short is put into the data set. Long values and pixel data are given on from where they lie:
the data set is encoded in runs between them. It is in Explicit VR Little Endian, or in the transfer
syntax that compressed pixel data came in; those have one part for each frame, or one for a video.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from pydicom import Dataset

from pacs_dicomweb.model.reading import dataset_of
from pacs_dicomweb.model.values import BINARY_VRS
from pacs_dicomweb.wado.pixel_media import PIXEL_MEDIA
from pacs_framework.codecs.fragments import without_offset_tables
from pacs_framework.codecs.image import EXPLICIT
from pacs_framework.dicom.encode import encode_elements
from pacs_framework.dicom.rewrite import PYDICOM_FAILURES
from pacs_framework.dicom.uids import TRANSFER_SYNTAXES
from pacs_framework.dicom.walk import UNDEFINED_LENGTH
from pacs_framework.errors import MismatchedInstance, UnreadableInstance

if TYPE_CHECKING:
    from pacs_dicomweb.stow.gathering import BulkPart, Gathered
    from pacs_framework.dicom.file_meta import FileMeta

__all__ = ["ComposedInstance", "compose"]

_PIXEL_DATA = 0x7FE00010
_CHARACTER_SET = 0x00080005
_INLINE = 1 << 16  # bytes of a value that is put into the data set
_LONGEST_NESTED = 16 << 20  # bytes of a value that has to be in memory
_LONGEST = 0xFFFFFFFE
_ITEM, _SEQUENCE_END = 0xFFFEE000, 0xFFFEE0DD
_EXPLICIT_VR = "1.2.840.10008.1.2.1"
_VIDEO = frozenset(
    syntax for media, held in PIXEL_MEDIA.items() if media.startswith("video/") for syntax in held
)
_DESCRIPTION = (
    "Rows",
    "Columns",
    "SamplesPerPixel",
    "PhotometricInterpretation",
    "BitsAllocated",
    "BitsStored",
    "HighBit",
    "PixelRepresentation",
)


@dataclass(frozen=True, slots=True)
class ComposedInstance:
    """One instance; ``pieces`` gives its data set, from its first byte at each call."""

    meta: FileMeta
    pieces: Callable[[], Iterator[bytes]]


@dataclass(frozen=True, slots=True)
class _LongValue:
    """A value at the top level that is copied from where it lies."""

    tag: int
    vr: str
    parts: list[BulkPart]


def compose(value: Mapping[str, Any], meta: FileMeta, bulk: Gathered) -> ComposedInstance:
    """Put an instance together. Raises `UnreadableInstance` and `MismatchedInstance`."""
    if not meta.sop_class_uid or not meta.sop_instance_uid:
        raise MismatchedInstance("metadata lack SOPClassUID or SOPInstanceUID")
    plain, long_values = _parted(value, bulk)
    dataset = dataset_of(plain, _reader(bulk))
    syntax = _EXPLICIT_VR
    for each in long_values:
        if each.tag == _PIXEL_DATA:
            syntax = _pixel_syntax(each, dataset)
    try:
        runs = _runs(dataset, long_values)
    except PYDICOM_FAILURES as error:
        cause = f"metadata cannot be encoded ({type(error).__name__})"
        raise UnreadableInstance(cause) from None

    def pieces() -> Iterator[bytes]:
        for run, long_value in runs:
            yield run
            if long_value is not None:
                yield from _element(long_value, syntax, bulk)

    return ComposedInstance(replace(meta, transfer_syntax_uid=syntax), pieces)


def _parted(value: Mapping[str, Any], bulk: Gathered) -> tuple[dict[str, Any], list[_LongValue]]:
    """The attributes of the data set, and apart from them the long values, by tag.

    Groups of the file format and of commands are no part of a data set (PS3.10 7.1).
    """
    plain: dict[str, Any] = {}
    long_values: list[_LongValue] = []
    for name, attribute in value.items():
        if name[:4] in {"0000", "0002"}:
            continue
        found = _long_value(name, attribute, bulk)
        if found is None:
            plain[name] = attribute
        else:
            long_values.append(found)
    return plain, sorted(long_values, key=lambda each: each.tag)


def _long_value(name: str, attribute: Any, bulk: Gathered) -> _LongValue | None:
    if not isinstance(attribute, dict) or set(attribute) != {"vr", "BulkDataURI"}:
        return None
    uri, vr = attribute["BulkDataURI"], attribute["vr"]
    if not isinstance(uri, str) or vr not in BINARY_VRS:
        return None
    try:
        tag = int(name, 16)
    except ValueError:
        return None  # the reader says what is wrong
    parts = bulk.parts_at(uri)
    if tag != _PIXEL_DATA and sum(part.length for part in parts) <= _INLINE:
        return None
    return _LongValue(tag, str(vr), parts)


def _reader(bulk: Gathered) -> Callable[[str, int, str], bytes]:
    def read(uri: str, _tag: int, _vr: str) -> bytes:
        parts = bulk.parts_at(uri)
        if any(part.transfer_syntax != _EXPLICIT_VR for part in parts):
            raise UnreadableInstance("only pixel data can be compressed bulk data")
        if sum(part.length for part in parts) > _LONGEST_NESTED:
            raise UnreadableInstance("a value inside of a sequence is too long")
        return b"".join(bulk.read(part) for part in parts)

    return read


def _pixel_syntax(pixels: _LongValue, dataset: Dataset) -> str:
    """The transfer syntax of pixel data. Raises `UnreadableInstance` where they do not fit."""
    syntaxes = {part.transfer_syntax for part in pixels.parts}
    if len(syntaxes) != 1 or not syntaxes <= set(TRANSFER_SYNTAXES):
        raise UnreadableInstance("pixel data are in several transfer syntaxes, or in none known")
    syntax = syntaxes.pop()
    if syntax == _EXPLICIT_VR:
        return syntax
    missing = [keyword for keyword in _DESCRIPTION if keyword not in dataset]
    if missing:
        raise UnreadableInstance(f"compressed pixel data without {', '.join(missing)}")
    frames = 1 if syntax in _VIDEO else int(dataset.get("NumberOfFrames") or 1)
    if frames != len(pixels.parts):
        raise UnreadableInstance(
            f"{len(pixels.parts)} parts with compressed pixel data for {frames} frames"
        )
    without_offset_tables(dataset)
    return syntax


def _runs(dataset: Dataset, long_values: list[_LongValue]) -> list[tuple[bytes, _LongValue | None]]:
    """What stands in front of each long value, encoded, and what stands behind the last."""
    runs: list[tuple[bytes, _LongValue | None]] = []
    begin = 0
    for each in (*long_values, None):
        end = 1 << 32 if each is None else each.tag
        runs.append((_run(dataset, begin, end), each))
        begin = end
    return runs


def _run(dataset: Dataset, begin: int, end: int) -> bytes:
    """The elements from one tag to before another, in the character set of all."""
    part = Dataset()
    part.update({tag: dataset[tag] for tag in dataset.keys() if begin <= tag < end})  # noqa: SIM118 - the tags, not the elements
    if begin <= _CHARACTER_SET < end or "SpecificCharacterSet" not in dataset:
        return encode_elements(part, EXPLICIT)
    declared = Dataset()
    declared.add(dataset[_CHARACTER_SET])
    part.add(dataset[_CHARACTER_SET])
    return encode_elements(part, EXPLICIT)[len(encode_elements(declared, EXPLICIT)) :]


def _element(value: _LongValue, syntax: str, bulk: Gathered) -> Iterator[bytes]:
    if value.tag == _PIXEL_DATA and syntax != _EXPLICIT_VR:
        yield from _encapsulated(value.parts, bulk)
        return
    length = sum(part.length for part in value.parts)
    padding = length % 2
    if length + padding > _LONGEST:
        raise UnreadableInstance(f"attribute {value.tag:08X} is longer than an element can be")
    yield EXPLICIT.header(value.tag, value.vr, length + padding)
    for part in value.parts:
        yield from bulk.blocks(part)
    yield b"\0" * padding


def _encapsulated(parts: list[BulkPart], bulk: Gathered) -> Iterator[bytes]:
    """Pixel data of one fragment for each part (PS3.5 A.4)."""
    lengths = [part.length + part.length % 2 for part in parts]
    if max(lengths) > _LONGEST:
        raise UnreadableInstance("a frame is longer than a fragment can be")
    offsets = list(accumulate((8 + length for length in lengths[:-1]), initial=0))
    if offsets[-1] > _LONGEST:
        offsets = []  # an empty table is allowed, and one that does not fit is not
    yield EXPLICIT.header(_PIXEL_DATA, "OB", UNDEFINED_LENGTH)
    yield EXPLICIT.header(_ITEM, "", 4 * len(offsets))
    yield struct.pack(f"<{len(offsets)}I", *offsets)
    for part, length in zip(parts, lengths, strict=True):
        yield EXPLICIT.header(_ITEM, "", length)
        yield from bulk.blocks(part)
        yield b"\0" * (length - part.length)
    yield EXPLICIT.header(_SEQUENCE_END, "", 0)
