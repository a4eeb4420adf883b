"""Data sets of a series, written by what they have in common: each as if it were alone."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable, Iterator
from itertools import groupby
from pathlib import Path

import pydicom.data
import pytest
from pydicom import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset

from pacs_dicomweb.model.documents import object_text, ranged_members
from pacs_dicomweb.model.encoded import BulkLimits, Renderer
from pacs_dicomweb.model.series import SeriesWriter
from pacs_framework.dicom.inflate import deflate
from pacs_framework.dicom.part10 import read_prefix
from pacs_framework.errors import PacsError, UnreadableInstance
from pacs_framework.testing.instances import make_instance

_FILES = Path(pydicom.data.__file__).parent / "test_files"
_SHARED = Path("/work/shared/dicom")
_EXPLICIT, _IMPLICIT, _BIG = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2", "1.2.840.10008.1.2.2"
_JPEG_2000, _DEFLATED = "1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.1.99"
_BASE = "\x1a"


class _InMemory:
    """A data set that can be read from anywhere; how often it was read is counted."""

    def __init__(self, data: bytes) -> None:
        self._data, self.size, self.reads = data, len(data), 0

    def read_at(self, offset: int, length: int) -> bytes:
        self.reads += 1
        return self._data[offset : offset + length]


def _encoded(dataset: Dataset, syntax: str = _EXPLICIT) -> bytes:
    buffer = DicomBytesIO()
    buffer.is_little_endian, buffer.is_implicit_VR = syntax != _BIG, syntax == _IMPLICIT
    write_dataset(buffer, dataset)
    data = buffer.getvalue()
    return b"".join(deflate(iter([data]))) if syntax == _DEFLATED else data


class _Counting(Renderer):
    """How many headers it was given."""

    count = 0

    def render(self, *arguments):
        self.count += 1
        return super().render(*arguments)


def _alone(data: bytes, syntax: str, limits: BulkLimits | None = None) -> bytes | None:
    """What is written of a data set without any other; None where it cannot be read."""
    try:
        members = ranged_members(_InMemory(data), syntax, Renderer(limits), _BASE)
    except UnreadableInstance:
        return None
    return object_text(members).encode()


def _among(writer: SeriesWriter, data: bytes, syntax: str) -> bytes | None:
    try:
        return writer.write(_InMemory(data), syntax).text
    except UnreadableInstance:
        return None


def _series(count: int, **attributes: object) -> list[Dataset]:
    return [
        make_instance(InstanceNumber=n, SliceLocation=f"{n / 3:.6f}", **attributes)
        for n in range(1, count + 1)
    ]


def _assert_as_alone(documents: list[bytes], syntax: str, *, rendered: int) -> None:
    """Each as alone, and so many of them rendered as a whole."""
    renderer = _Counting()
    writer = SeriesWriter(renderer, _BASE)
    for data in documents:
        assert _among(writer, data, syntax) == _alone(data, syntax)
    assert renderer.count == rendered


@pytest.mark.parametrize("syntax", [_EXPLICIT, _IMPLICIT, _BIG])
def test_a_series_is_rendered_once(syntax: str) -> None:
    """In each encoding, with all that differs in a series: UIDs, numbers, positions, texts."""
    documents = []
    for n, instance in enumerate(_series(12)):
        instance.ImagePositionPatient = [str(n), f"{-n / 7:.6f}", f"{n}e-9"]
        instance.ImageComments = "x" * n
        instance.WindowCenter = [n] * (n % 3)
        instance.SmallestImagePixelValue = n
        item = Dataset()
        item.ReferencedSOPInstanceUID = instance.SOPInstanceUID
        instance.ReferencedImageSequence = [item] * (n % 3)
        instance.ReferencedImageSequence.is_undefined_length = bool(n % 2)
        documents.append(_encoded(instance, syntax))
    _assert_as_alone(documents, syntax, rendered=1)


def test_uids_are_those_of_the_data_set() -> None:
    """Also where they stand in a sequence too."""
    series = _series(3)
    for each in series:
        item = Dataset()
        item.SeriesInstanceUID = "9.9"
        each.ReferencedSeriesSequence = [item]
    writer = SeriesWriter(Renderer(), _BASE)
    for each in series:
        found = writer.write(_InMemory(_encoded(each)), _EXPLICIT)
        uids = (found.series.decode(), found.instance.decode())
        assert uids == (each.SeriesInstanceUID, each.SOPInstanceUID)


_Change = Callable[[Dataset], object]


@pytest.mark.parametrize(
    "change",
    [
        lambda each: setattr(each, "SpecificCharacterSet", "ISO_IR 192"),
        lambda each: each.private_block(0x0011, "WE", create=True).add_new(1, "UN", b"\1\2"),
        lambda each: setattr(each, "ImageComments", "more"),
        lambda each: delattr(each, "PatientName"),
        lambda each: setattr(each, "PixelRepresentation", 1),
    ],
    ids=["character set", "private creator", "one more", "one less", "signed"],
)
@pytest.mark.parametrize("syntax", [_EXPLICIT, _IMPLICIT])
def test_what_decides_how_others_are_read_makes_another_kind(change: _Change, syntax: str) -> None:
    """Two kinds in turns: each is rendered once, and none is read as the other is."""
    series = _series(10, PatientName="Doe^John", SmallestImagePixelValue=7, PixelRepresentation=0)
    for each in series:
        each.SpecificCharacterSet = "ISO_IR 100"
        each.private_block(0x0011, "ME", create=True).add_new(1, "SH", "ours")
    for each in series[::2]:
        change(each)
    documents = [_encoded(each, syntax) for each in series]
    # The same name, in bytes that two character sets read otherwise.
    documents = [each.replace(b"Doe^John", "Dö^John".encode()) for each in documents]
    _assert_as_alone(documents, syntax, rendered=2)


def test_headers_longer_than_the_first_read_are_alike_too() -> None:
    """Private data of many vendors are longer than what is read at first."""
    series = _series(6)
    for each in series:
        block = each.private_block(0x0011, "LONG", create=True)
        for place in range(40):
            block.add_new(place, "UT", "x" * 1000)
        each.PerformedProcedureStepID = str(each.InstanceNumber)
    _assert_as_alone([_encoded(each) for each in series], _EXPLICIT, rendered=1)


def test_group_lengths_differ_and_are_not_told() -> None:
    """PS3.18 F.2: JSON has none of them."""
    documents = []
    for instance in _series(4):
        data = _encoded(instance)
        length = len(instance.SOPInstanceUID) * 100 + int(instance.InstanceNumber)
        documents.append(struct.pack("<HH2sHI", 8, 0, b"UL", 4, length) + data)
    _assert_as_alone(documents, _EXPLICIT, rendered=1)


@pytest.mark.parametrize("syntax", [_EXPLICIT, _BIG])
def test_the_first_attribute_may_differ(syntax: str) -> None:
    """Also behind a group length, which no JSON has; and it may be the one of an instance."""
    documents = []
    for number, instance in enumerate(_series(5)):
        instance.InstanceCreationDate = f"2026010{number % 3}"
        for keyword in ("SpecificCharacterSet", "ImageType"):
            if keyword in instance:
                del instance[keyword]
        documents.append(_encoded(instance, syntax))
    _assert_as_alone(documents, syntax, rendered=1)
    mark = "<" if syntax != _BIG else ">"
    length = [struct.pack(f"{mark}HH2sHI", 8, 0, b"UL", 4, n) for n in range(len(documents))]
    behind = [length[n] + data for n, data in enumerate(documents)]
    _assert_as_alone(behind, syntax, rendered=1)
    names = [_encoded(_only(each, "SOPInstanceUID", "Rows"), syntax) for each in _series(4)]
    _assert_as_alone(names, syntax, rendered=1)


def _only(instance: Dataset, *keywords: str) -> Dataset:
    found = Dataset()
    for keyword in keywords:
        found[keyword] = instance[keyword]
    return found


def test_values_come_again_after_many_others() -> None:
    """More different ones than are remembered, in turns and in rows, of any length."""
    documents = []
    for number, instance in enumerate(_series(400)):
        instance.ImageComments = f"comment {number % 90}" * (number % 4)
        instance.SliceThickness = str(number // 7)
        instance.SmallestImagePixelValue = number % 70
        documents.append(_encoded(instance))
    _assert_as_alone(documents, _EXPLICIT, rendered=1)


def test_tags_that_do_not_rise_are_no_kind() -> None:
    """An attribute that is there twice: the last one counts, wherever the first was."""
    documents = []
    for n, instance in enumerate(_series(6)):
        data = _encoded(instance)
        again = struct.pack("<HH2sH", 8, 0x0060, b"CS", 2) + (b"CT", b"MR")[n % 2]
        documents.append(again + data + again)
        documents.append(data[:-140] + again)
    writer = SeriesWriter(Renderer(), _BASE)
    for data in documents:
        assert _among(writer, data, _EXPLICIT) == _alone(data, _EXPLICIT)


def _with_pixels(instance: Dataset, pixels: bytes) -> bytes:
    del instance.PixelData
    return _encoded(instance) + pixels


def _encapsulated(*fragments: bytes) -> bytes:
    pieces = [struct.pack("<HHI", 0xFFFE, 0xE000, len(each)) + each for each in (b"", *fragments)]
    head = struct.pack("<HH2sHI", 0x7FE0, 0x0010, b"OB", 0, 0xFFFFFFFF)
    return head + b"".join(pieces) + struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)


def test_pixel_data_of_any_length_are_told_and_what_is_behind_them() -> None:
    """Empty, longer, in fragments, followed by padding: also where the size is that of another."""
    native = struct.pack("<HH2sHI", 0x7FE0, 0x0010, b"OW", 0, 64)
    padding = struct.pack("<HH2sHI", 0xFFFC, 0xFFFC, b"OB", 0, 20) + bytes(20)
    signature = struct.pack("<HH2sHI", 0xFFFA, 0xFFFA, b"SQ", 0, 0)
    rests = [
        native + bytes(64),
        struct.pack("<HH2sHI", 0x7FE0, 0x0010, b"OW", 0, 0) + signature + bytes(52),
        struct.pack("<HH2sHI", 0x7FE0, 0x0010, b"OW", 0, 32) + bytes(32) + padding,
        struct.pack("<HH2sHI", 0x7FE0, 0x0010, b"OW", 0, 0),
        struct.pack("<HH2sHI", 0x7FE0, 0x0010, b"OW", 0, 100_000) + bytes(100_000),
        native + bytes(64) + signature,
        native + bytes(60),
        b"",
        signature,
    ]
    writer = SeriesWriter(Renderer(), _BASE)
    for instance, rest in zip(_series(len(rests)), rests, strict=True):
        data = _with_pixels(instance, rest)
        assert _among(writer, data, _EXPLICIT) == _alone(data, _EXPLICIT), rest[:12]
    writer = SeriesWriter(Renderer(), _BASE)
    rests = [_encapsulated(bytes(50)), _encapsulated(bytes(30), bytes(12))]
    rests += [_encapsulated(bytes(38)) + signature, _encapsulated(bytes(58))[:-8]]
    for instance, rest in zip(_series(len(rests)), rests, strict=True):
        data = _with_pixels(instance, rest)
        assert _among(writer, data, _JPEG_2000) == _alone(data, _JPEG_2000), rest


def test_damaged_headers_are_what_they_are_alone() -> None:
    """Whatever byte is another one: the same JSON, or as unreadable."""
    item = Dataset()
    item.CodeValue = "1"
    first, other = _series(2, PatientName="Doe^Jane", ProcedureCodeSequence=[item])
    for syntax in (_EXPLICIT, _IMPLICIT):
        good, data = _encoded(first, syntax), _encoded(other, syntax)
        writer = SeriesWriter(Renderer(), _BASE)
        for position in range(len(data) - 140):
            damaged = bytearray(data)
            damaged[position] ^= random.Random(position).choice((0xFF, 0x01, 0x20))
            assert _among(writer, good, syntax) == _alone(good, syntax)
            # A fresh one now and then, since it gives up on what is never alike.
            if position % 8 == 0:
                writer = SeriesWriter(Renderer(), _BASE)
                _among(writer, good, syntax)
            found = _among(writer, bytes(damaged), syntax)
            assert found == _alone(bytes(damaged), syntax), position


def test_a_deflated_data_set_is_read_from_its_start() -> None:
    """There is no other way, and nothing to compare it with."""
    documents = [_encoded(each, _DEFLATED) for each in _series(3)]
    writer = SeriesWriter(Renderer(), _BASE)
    for data in documents:
        assert _among(writer, data, _DEFLATED) == _alone(data, _DEFLATED)


def test_one_read_is_enough_for_each() -> None:
    """A series of a thousand is a thousand reads."""
    writer = SeriesWriter(Renderer(), _BASE)
    for each in _series(5):
        source = _InMemory(_encoded(each))
        writer.write(source, _EXPLICIT)
    assert source.reads == 1


def _data_sets(folder: Path) -> Iterator[tuple[Path, bytes, str]]:
    for path in sorted(folder.rglob("*")):
        if not path.is_file() or path.stat().st_size > 4 << 20:
            continue
        data = path.read_bytes()
        try:
            prefix = read_prefix(data)
        except PacsError:
            continue
        yield path, data[prefix.dataset_offset :], prefix.meta.transfer_syntax_uid


@pytest.mark.parametrize("folder", [_FILES, _SHARED / "ct-series", _SHARED / "mr-studies"], ids=str)
def test_real_files_are_what_they_are_alone(folder: Path) -> None:
    """Folder by folder, as series of two vendors come, and as files that have nothing in common."""
    if not folder.is_dir():
        pytest.skip(f"no real data: {folder} is absent")
    seen = 0
    for _, files in groupby(_data_sets(folder), key=lambda each: each[0].parent):
        writer = SeriesWriter(Renderer(), _BASE)
        for path, data, syntax in files:
            assert _among(writer, data, syntax) == _alone(data, syntax), path.name
            seen += 1
    assert seen > 20
