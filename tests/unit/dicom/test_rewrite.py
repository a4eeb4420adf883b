from __future__ import annotations

import io
import shutil
import struct
import subprocess
import tracemalloc
import zlib

import pytest
from pydicom import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
)

from pacs_framework.dicom.file_meta import FileMeta
from pacs_framework.dicom.part10 import make_prefix
from pacs_framework.dicom.rewrite import (
    convert_uncompressed,
    encode_header,
    load_header,
    replace_header,
)
from pacs_framework.dicom.scan import decode_attributes, scan_header
from pacs_framework.dicom.uids import DEFLATED, UNCOMPRESSED
from pacs_framework.errors import PluginError, UnreadableInstance

EXPLICIT, IMPLICIT = str(ExplicitVRLittleEndian), str(ImplicitVRLittleEndian)
DEFLATED_EXPLICIT, BIG = str(DeflatedExplicitVRLittleEndian), str(ExplicitVRBigEndian)

FILES = [
    "CT_small.dcm",
    "MR_small_implicit.dcm",
    "MR_small_bigendian.dcm",
    "image_dfl.dcm",
    "JPEG2000.dcm",
    "rtplan.dcm",
    "UN_sequence.dcm",
    "reportsi.dcm",
]


def inflated(data, syntax):
    return zlib.decompressobj(-zlib.MAX_WBITS).decompress(data) if syntax in DEFLATED else data


@pytest.mark.parametrize("name", FILES)
@pytest.mark.filterwarnings("ignore")
def test_an_unchanged_header_in_front_of_the_tail_is_the_same_instance(bundled, decode, name):
    data, syntax = bundled(name)
    again = b"".join(replace_header(data, syntax, load_header(data, syntax)))
    before, after = inflated(data, syntax), inflated(again, syntax)
    offset = scan_header(data, syntax).pixel_data_offset
    if offset is not None:
        tail = before[offset:]
        assert after.endswith(tail)
    assert decode(again, syntax) == decode(data, syntax)


@pytest.mark.parametrize("name", ["CT_small.dcm", "image_dfl.dcm", "JPEG2000.dcm"])
@pytest.mark.filterwarnings("ignore")
def test_a_changed_header_is_what_the_scan_then_finds(bundled, name):
    data, syntax = bundled(name)
    header = load_header(io.BytesIO(data), syntax)
    header.PatientID = "CHANGED"
    again = b"".join(replace_header(io.BytesIO(data), syntax, header))
    attributes = decode_attributes(scan_header(again, syntax))
    assert attributes["PatientID"] == "CHANGED"
    expected = decode_attributes(scan_header(data, syntax)) | {"PatientID": "CHANGED"}
    assert attributes == expected


def test_the_header_holds_no_pixel_data(bundled):
    header = load_header(*bundled("CT_small.dcm"))
    assert "PixelData" not in header
    assert header.Rows == 128


def test_a_header_is_read_from_a_stream_without_the_pixels(encode):
    dataset = Dataset()
    dataset.PatientID = "1"
    data = encode(dataset, EXPLICIT)
    data += struct.pack("<HH2sHI", 0x7FE0, 0x10, b"OW", 0, 1 << 30)

    class Endless(io.RawIOBase):
        given = 0

        def read(self, size=-1):
            piece = data[self.given : self.given + size] or b"\0" * size
            self.given += len(piece)
            return piece

    source = Endless()
    assert load_header(source, EXPLICIT).PatientID == "1"
    assert source.given < 1 << 20


def test_sequences_nested_too_deeply_are_unreadable():
    opening = struct.pack("<HHI", 0x0040, 0x0275, 0xFFFFFFFF)
    opening += struct.pack("<HHI", 0xFFFE, 0xE000, 0xFFFFFFFF)
    closing = struct.pack("<HHIHHI", 0xFFFE, 0xE00D, 0, 0xFFFE, 0xE0DD, 0)
    data = opening * 5000 + closing * 5000
    assert scan_header(data, IMPLICIT).length == len(data)
    with pytest.raises(UnreadableInstance, match="nested more than 64 levels deep"):
        load_header(data, IMPLICIT)


def test_a_header_without_an_end_is_unreadable(encode):
    dataset = Dataset()
    dataset.PatientID = "1"
    with pytest.raises(UnreadableInstance, match="1 bytes more"):
        load_header(encode(dataset, EXPLICIT)[:-1], EXPLICIT)


def test_zeros_that_pad_the_end_are_left_out_of_a_changed_header(encode):
    dataset = Dataset()
    dataset.PatientID = "1"
    data = encode(dataset, EXPLICIT)
    header = load_header(data + b"\0" * 100, EXPLICIT)
    assert header == dataset
    assert encode_header(header, EXPLICIT) == data


def test_pixel_data_in_a_changed_header_are_refused():
    dataset = Dataset()
    dataset.PixelData = b"\0\0"
    with pytest.raises(PluginError, match="must not contain pixel data"):
        encode_header(dataset, EXPLICIT)


@pytest.mark.parametrize("tag", [0x00000002, 0x00020016, 0x00041500, 0x00060001])
def test_groups_that_no_data_set_has_are_refused_in_a_changed_header(tag):
    dataset = Dataset()
    dataset.add_new(tag, "LO", "X")
    with pytest.raises(PluginError, match="a data set begins with group 0008"):
        encode_header(dataset, EXPLICIT)


def test_groups_that_no_data_set_has_are_not_shown_to_those_who_change_one(encode):
    dataset = Dataset()
    dataset.add_new(0x00020016, "AE", "X")
    dataset.PatientID = "P"
    assert [*load_header(encode(dataset, EXPLICIT), EXPLICIT).keys()] == [0x00100020]


@pytest.mark.parametrize("tag", [0x7FE10010, 0xFFFCFFFC])
def test_what_has_its_place_behind_the_pixel_data_is_refused_in_front_of_them(encode, tag):
    """Elements stand in the order of their tags (PS3.5 7.1)."""
    before = Dataset()
    before.PatientID = "P"
    changed = Dataset()
    changed.add_new(tag, "OB", b"\0\0")
    assert b"".join(replace_header(encode(before, EXPLICIT), EXPLICIT, changed))
    before.PixelData = b"\0\0"
    before["PixelData"].VR = "OW"
    with pytest.raises(PluginError, match="behind the pixel data"):
        replace_header(encode(before, EXPLICIT), EXPLICIT, changed)


def test_a_header_that_cannot_be_encoded_is_said_without_its_value():
    dataset = Dataset()
    dataset.add_new(0x00280010, "US", "secret")
    with pytest.raises(PluginError, match=r"cannot be encoded: \w+ at \(0028,0010\)$") as caught:
        encode_header(dataset, EXPLICIT)
    assert caught.value.__cause__ is None


def test_text_beyond_the_character_set_moves_the_header_to_one_that_carries_it(encode, decode):
    dataset = Dataset()
    dataset.SpecificCharacterSet = "ISO_IR 100"
    dataset.PatientName = "Müller"
    dataset.PatientID = "1"
    read = load_header(encode(dataset, EXPLICIT), EXPLICIT)
    read.ReferencedStudySequence = Sequence([Dataset()])
    read.ReferencedStudySequence[0].PatientComments = "山田"
    found = decode(encode_header(read, EXPLICIT), EXPLICIT)
    assert found.SpecificCharacterSet == "ISO_IR 192"
    assert found.PatientName == "Müller"
    assert found.ReferencedStudySequence[0].PatientComments == "山田"


def test_text_that_was_not_looked_at_stays_as_encoded():
    """Bytes that the character set does not know are not made worse."""
    data = b"\x08\x00\x05\x00CS\x0a\x00ISO_IR 192" + b"\x10\x00\x10\x00PN\x04\x00M\xfcll"
    header = load_header(data, EXPLICIT)
    header.PatientID = "1"
    assert b"M\xfcll" in encode_header(header, EXPLICIT)


def test_a_data_set_in_another_vr_encoding_than_announced_is_written_as_it_was(encode):
    dataset = Dataset()
    dataset.PatientID = "1"
    dataset.Rows = 7
    data = encode(dataset, EXPLICIT)
    assert encode_header(load_header(data, IMPLICIT), IMPLICIT) == data


def test_ambiguous_vrs_are_decided_when_a_new_data_set_is_encoded(decode):
    dataset = Dataset()
    dataset.PixelRepresentation = 1
    dataset.SmallestImagePixelValue = -3
    found = decode(encode_header(dataset, EXPLICIT), EXPLICIT)
    assert found["SmallestImagePixelValue"].VR == "SS"
    assert found.SmallestImagePixelValue == -3


# --- conversion -----------------------------------------------------------------------------


@pytest.fixture
def image():
    dataset = Dataset()
    dataset.SOPClassUID = "1.2.840.10008.5.1.4.1.1.7"
    dataset.SOPInstanceUID = "1.2.3"
    dataset.PatientName = "Doe^John"
    dataset.BitsAllocated = 16
    dataset.PixelRepresentation = 1
    dataset.add_new(0x00280120, "SS", -2000)
    dataset.DiffusionBValue = 0.5
    dataset.FrameIncrementPointer = 0x00181063
    dataset.add_new(0x60003000, "OW", b"\1\2\3\4")
    item = Dataset()
    item.add_new(0x00283002, "SS", [256, -5, 16])
    item.add_new(0x00283006, "OW", b"\1\2" * 256)
    dataset.ModalityLUTSequence = Sequence([item])
    dataset.add_new(0x7FE00010, "OW", bytes(range(256)) * 4)
    return dataset


SYNTAXES = sorted(UNCOMPRESSED)


@pytest.mark.parametrize("source", SYNTAXES)
@pytest.mark.parametrize("target", SYNTAXES)
def test_every_uncompressed_syntax_becomes_every_other(encode, decode, image, source, target):
    data = encode(image, source)
    converted = b"".join(convert_uncompressed(io.BytesIO(data), source, target))
    found = decode(converted, target)
    swap = (source == BIG) != (target == BIG)
    assert found[0x00280120].value == -2000
    assert found.DiffusionBValue == 0.5
    assert found.FrameIncrementPointer == 0x00181063
    assert found.PatientName == "Doe^John"
    assert found.ModalityLUTSequence[0][0x00283002].value == [256, -5, 16]
    first_overlay = b"\2\1\4\3" if swap else b"\1\2\3\4"
    assert found[0x60003000].value == first_overlay
    assert found.PixelData[:4] == (b"\1\0\3\2" if swap else b"\0\1\2\3")
    back = b"".join(convert_uncompressed(converted, target, source))
    assert decode(back, source) == decode(data, source)


@pytest.mark.parametrize("target", SYNTAXES)
@pytest.mark.parametrize(
    "name", ["CT_small.dcm", "rtplan.dcm", "nested_priv_SQ.dcm", "image_dfl.dcm"]
)
@pytest.mark.filterwarnings("ignore")
def test_real_files_are_converted_there_and_back(bundled, decode, name, target):
    data, source = bundled(name)
    there = b"".join(convert_uncompressed(data, source, target))
    back = b"".join(convert_uncompressed(there, target, source))
    plain = (load_header(x, s) for x, s in ((there, target), (back, source), (data, source)))
    texts = [{e.tag: e.value for e in d if e.VR in ("LO", "UI", "DA", "PN")} for d in plain]
    assert texts[2].items() >= texts[0].items()
    assert texts[2].items() >= texts[1].items()
    assert (decode(data, source).get("PixelData")) == decode(back, source).get("PixelData")


@pytest.mark.interop
@pytest.mark.skipif(not shutil.which("/usr/bin/dcmconv"), reason="DCMTK is not installed")
@pytest.mark.parametrize("target", SYNTAXES)
def test_dcmtk_sees_the_same_pixels(tmp_path, bundled, target):
    data, source = bundled("CT_small.dcm")
    paths = []
    for syntax, content in (
        (source, data),
        (target, b"".join(convert_uncompressed(data, source, target))),
    ):
        path = tmp_path / f"{len(paths)}.dcm"
        meta = FileMeta(
            sop_class_uid="1.2.840.10008.5.1.4.1.1.2",
            sop_instance_uid="1.2.3",
            transfer_syntax_uid=syntax,
        )
        path.write_bytes(make_prefix(meta) + content)
        plain = tmp_path / f"plain{len(paths)}.dcm"
        subprocess.run(["/usr/bin/dcmconv", "+te", path, plain], check=True, capture_output=True)
        dump = subprocess.run(
            ["/usr/bin/dcmdump", "+L", "+P", "7fe0,0010", "+P", "0028,0106", plain],
            check=True,
            capture_output=True,
            text=True,
        )
        paths.append(dump.stdout)
    assert paths[0] == paths[1]
    assert "(7fe0,0010)" in paths[0]


def test_text_is_not_touched_by_conversion():
    data = b"\x08\x00\x05\x00CS\x0a\x00ISO_IR 192" + b"\x10\x00\x10\x00PN\x04\x00M\xfcll"
    converted = b"".join(convert_uncompressed(data, EXPLICIT, IMPLICIT))
    assert converted.endswith(b"\x10\x00\x10\x00\x04\0\0\0M\xfcll")


def test_a_value_too_long_for_its_explicit_vr_becomes_un():
    value = bytes(range(250)) * 400
    data = struct.pack("<HHI", 0x0028, 0x1201, len(value)) + value
    table = struct.pack("<HHI", 0x0018, 0x1063, len(value)) + value
    converted = b"".join(convert_uncompressed(table + data, IMPLICIT, EXPLICIT))
    assert converted[4:6] == b"UN"
    assert scan_header(converted, EXPLICIT).length == len(converted)


def test_private_elements_without_vr_become_un(decode, encode):
    dataset = Dataset()
    dataset.private_block(0x0011, "HOUSE", create=True).add_new(1, "US", 258)
    data = encode(dataset, IMPLICIT)
    for target in (EXPLICIT, BIG):
        converted = b"".join(convert_uncompressed(data, IMPLICIT, target))
        found = decode(converted, target)
        assert found[0x00110010].value == "HOUSE"
        assert (found[0x00111001].VR, found[0x00111001].value) == ("UN", b"\2\1")


def test_elements_after_the_pixel_data_are_converted_too(encode, decode, image):
    image.add_new(0xFFFCFFFC, "OB", b"\0\0")
    image.add_new(0x7FE10010, "LO", "AFTER")
    data = encode(image, IMPLICIT)
    found = decode(b"".join(convert_uncompressed(data, IMPLICIT, BIG)), BIG)
    assert found[0x7FE10010].value == "AFTER"
    assert found[0xFFFCFFFC].VR == "OB"


def test_encapsulated_pixel_data_are_not_converted(bundled):
    data, _ = bundled("JPEG2000.dcm")
    with pytest.raises(UnreadableInstance, match="encapsulated pixel data"):
        b"".join(convert_uncompressed(data, EXPLICIT, IMPLICIT))


def test_missing_pixels_are_found(encode, image):
    data = encode(image, EXPLICIT)
    with pytest.raises(UnreadableInstance, match="2 bytes of the pixel data are missing"):
        b"".join(convert_uncompressed(data[:-2], EXPLICIT, IMPLICIT))


def test_a_compressed_syntax_is_the_callers_mistake():
    with pytest.raises(ValueError, match="is not an uncompressed one"):
        convert_uncompressed(b"", str(JPEG2000Lossless), EXPLICIT)


@pytest.mark.parametrize("target", [IMPLICIT, BIG, DEFLATED_EXPLICIT])
def test_memory_stays_bounded_however_many_pixels_there_are(encode, image, target):
    del image.PixelData
    head = encode(image, EXPLICIT) + struct.pack("<HH2sHI", 0x7FE0, 0x10, b"OW", 0, 1 << 25)

    class Pixels(io.RawIOBase):
        left = len(head) + (1 << 25)

        def read(self, size=-1):
            start = len(head) + (1 << 25) - self.left
            piece = (head[start : start + size] or b"\1" * size)[: self.left]
            self.left -= len(piece)
            return piece

    tracemalloc.start()
    try:
        size = sum(map(len, convert_uncompressed(Pixels(), EXPLICIT, target)))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert size > 1 << 14
    assert peak < 1 << 22
