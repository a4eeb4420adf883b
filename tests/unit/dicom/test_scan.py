"""What the scan accepts, what it refuses, and what it costs, on hand-made data sets."""

from __future__ import annotations

import mmap
import struct
import zlib

import pytest
from pydicom import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEGBaseline8Bit,
)

from pacs_framework.dicom import inflate
from pacs_framework.dicom.attributes import INDEXED
from pacs_framework.dicom.scan import decode_attributes, scan_header
from pacs_framework.dicom.uids import JPIP_REFERENCED_DEFLATE, UNCOMPRESSED
from pacs_framework.dicom.walk import VALUE_LIMIT
from pacs_framework.errors import UnreadableInstance

EXPLICIT, IMPLICIT = str(ExplicitVRLittleEndian), str(ImplicitVRLittleEndian)
UNDEFINED = 0xFFFFFFFF
ITEM, ITEM_END, SEQUENCE_END = (
    struct.pack("<HHI", 0xFFFE, element, length)
    for element, length in ((0xE000, UNDEFINED), (0xE00D, 0), (0xE0DD, 0))
)


def explicit(tag, vr, value, length=None):
    length = len(value) if length is None else length
    head = struct.pack("<HH2s", tag >> 16, tag & 0xFFFF, vr)
    if vr in (b"OB", b"OW", b"SQ", b"UN", b"UT", b"OF"):
        return head + struct.pack("<HI", 0, length) + value
    return head + struct.pack("<H", length) + value


def implicit(tag, value, length=None):
    length = len(value) if length is None else length
    return struct.pack("<HHI", tag >> 16, tag & 0xFFFF, length) + value


def deflate(data):
    engine = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return engine.compress(data) + engine.flush()


PATIENT_ID = explicit(0x00100020, b"LO", b"4711")


def patient_id(data, syntax=EXPLICIT):
    return decode_attributes(scan_header(data, syntax))["PatientID"]


def test_every_indexed_attribute_has_a_text_and_the_absent_ones_are_empty():
    attributes = decode_attributes(scan_header(PATIENT_ID, EXPLICIT))
    assert set(attributes) == set(INDEXED)
    assert attributes.pop("PatientID") == "4711"
    assert set(attributes.values()) == {""}


@pytest.mark.parametrize(
    ("charset", "name", "text"),
    [
        (b"ISO_IR 100", b"A^B ", "A^B"),
        (b"ISO_IR 100", b"A\x1fB ", "A\x1fB"),
        (b"ISO_IR 100", b" A \\B\0", "A\\B"),
        (b"ISO_IR 100", b"M\xfcller", "Müller"),
        (b"\\ISO 2022 IR 100", b"A\x1b-A\xfc ", "Aü"),
        (b"\\ISO 2022 IR 13", b"\x1b)I\xd4\xcf", "ﾔﾏ"),
    ],
)
def test_no_value_has_a_bearing_on_the_text_of_another(charset, name, text):
    """All plain, with what looks like a separator, several, beyond ASCII, with an escape."""
    data = explicit(0x00080005, b"CS", charset) + explicit(0x00080050, b"SH", b" 17 ")
    data += explicit(0x00100010, b"PN", name) + PATIENT_ID
    attributes = decode_attributes(scan_header(data, EXPLICIT))
    found = {keyword: value for keyword, value in attributes.items() if value}
    assert found == {"AccessionNumber": "17", "PatientName": text, "PatientID": "4711"}


def test_an_empty_data_set_has_nothing():
    scan = scan_header(b"", EXPLICIT)
    assert (scan.raw, scan.pixel_data_offset, scan.length) == ({}, None, 0)


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_any_buffer_can_be_scanned(kind):
    scan = scan_header(kind(PATIENT_ID), EXPLICIT)
    assert scan.raw == {0x00100020: b"4711"}
    assert type(scan.raw[0x00100020]) is bytes


def test_a_long_view_is_scanned_where_it_lies():
    pixels = explicit(0x7FE00010, b"OW", b"\0" * (1 << 17))
    scan = scan_header(memoryview(PATIENT_ID + pixels), EXPLICIT)
    assert scan.raw == {0x00100020: b"4711"}
    assert scan.pixel_data_offset == len(PATIENT_ID)


def test_a_mapped_file_can_be_scanned(tmp_path):
    path = tmp_path / "data"
    path.write_bytes(
        PATIENT_ID + explicit(0x00400275, b"SQ", ITEM + ITEM_END + SEQUENCE_END, UNDEFINED)
    )
    with path.open("rb") as stream, mmap.mmap(stream.fileno(), 0, prot=mmap.PROT_READ) as data:
        assert patient_id(data) == "4711"


@pytest.mark.parametrize("cut", range(1, len(PATIENT_ID)))
def test_a_data_set_cut_anywhere_is_unreadable(cut):
    tail = explicit(0x00100040, b"CS", b"F ")
    with pytest.raises(UnreadableInstance):
        scan_header(tail + PATIENT_ID[:-cut], EXPLICIT)


def test_the_error_says_where_and_what():
    with pytest.raises(UnreadableInstance) as caught:
        scan_header(PATIENT_ID + explicit(0x00100040, b"CS", b"F ", 100), EXPLICIT)
    assert str(caught.value) == (
        "data set unreadable at offset 12: the element needs 98 bytes more than there are"
    )


def test_pixel_data_that_are_cut_off_are_found():
    pixels = explicit(0x7FE00010, b"OW", b"\0" * 10, 12)
    with pytest.raises(UnreadableInstance, match="needs 2 bytes more"):
        scan_header(PATIENT_ID + pixels, EXPLICIT)


def test_elements_after_the_pixel_data_are_walked_and_found():
    pixels = explicit(0x7FE00010, b"OW", b"\0" * 10)
    data = explicit(0x00080060, b"CS", b"MR") + pixels + PATIENT_ID
    scan = scan_header(data, EXPLICIT)
    assert scan.pixel_data_offset == 10
    assert decode_attributes(scan)["PatientID"] == "4711"


@pytest.mark.parametrize("tag", [0x7FE00008, 0x7FE00009, 0x7FE00010])
def test_each_kind_of_pixel_data_ends_the_header(tag):
    assert scan_header(explicit(tag, b"OF", b"\0" * 8), EXPLICIT).pixel_data_offset == 0


def test_encapsulated_pixel_data_are_walked_item_by_item():
    fragment = struct.pack("<HHI", 0xFFFE, 0xE000, 4)
    # A fragment may look like a delimiter: only walking its items tells.
    frames = fragment[:4] + b"\0\0\0\0" + fragment + SEQUENCE_END[:4] + fragment + b"abcd"
    pixels = explicit(0x7FE00010, b"OB", frames + SEQUENCE_END, UNDEFINED)
    scan = scan_header(pixels + PATIENT_ID, str(JPEGBaseline8Bit))
    assert scan.pixel_data_offset == 0
    assert decode_attributes(scan)["PatientID"] == "4711"


def test_encapsulated_pixel_data_without_an_end_are_unreadable():
    fragment = struct.pack("<HHI", 0xFFFE, 0xE000, 4) + b"abcd"
    with pytest.raises(UnreadableInstance, match="no delimiter"):
        scan_header(explicit(0x7FE00010, b"OB", fragment * 2, UNDEFINED), str(JPEGBaseline8Bit))


def test_a_wrong_fragment_length_is_borne_when_the_delimiter_is_found():
    fragment = struct.pack("<HHI", 0xFFFE, 0xE000, 999) + b"abcd"
    pixels = explicit(0x7FE00010, b"OB", fragment + SEQUENCE_END, UNDEFINED)
    assert patient_id(pixels + PATIENT_ID, str(JPEGBaseline8Bit)) == "4711"


def test_values_inside_sequences_are_not_taken_for_top_level_ones():
    inner = explicit(0x00100020, b"LO", b"inside")
    sequence = explicit(0x00081140, b"SQ", ITEM + inner + ITEM_END + SEQUENCE_END, UNDEFINED)
    assert patient_id(sequence) == ""
    assert patient_id(PATIENT_ID + sequence) == "4711"


def test_out_of_order_tags_are_found_and_the_last_of_two_counts():
    other = explicit(0x00100020, b"LO", b"0815")
    assert patient_id(explicit(0x00200010, b"SH", b"1 ") + PATIENT_ID + other) == "0815"


def test_odd_lengths_are_borne():
    assert patient_id(explicit(0x00080060, b"CS", b"M") + PATIENT_ID) == "4711"


@pytest.mark.parametrize("zeros", [1, 7, 8, 9, 1000, 100_001])
@pytest.mark.parametrize("syntax", [EXPLICIT, IMPLICIT, str(DeflatedExplicitVRLittleEndian)])
def test_zeros_that_pad_the_end_are_borne(zeros, syntax):
    data = implicit(0x00100020, b"4711") if syntax == IMPLICIT else PATIENT_ID
    data += b"\0" * zeros
    assert patient_id(deflate(data) if syntax not in (EXPLICIT, IMPLICIT) else data, syntax) == (
        "4711"
    )


def test_zeros_in_the_middle_do_not_end_the_walk():
    assert patient_id(b"\0" * 80 + implicit(0x00100020, b"4711"), IMPLICIT) == "4711"


def test_other_bytes_after_the_last_element_are_unreadable():
    with pytest.raises(UnreadableInstance, match="inside an element header"):
        scan_header(PATIENT_ID + b"\n", EXPLICIT)


def test_implicit_vr_where_explicit_was_announced_is_read_as_it_is():
    assert patient_id(implicit(0x00100020, b"4711"), EXPLICIT) == "4711"


def test_explicit_vr_where_implicit_was_announced_is_read_as_it_is():
    assert patient_id(PATIENT_ID, IMPLICIT) == "4711"


def test_an_implicit_element_among_explicit_ones_is_borne():
    data = explicit(0x00080060, b"CS", b"MR") + implicit(0x00100010, b"Doe^") + PATIENT_ID
    assert decode_attributes(scan_header(data, EXPLICIT))["PatientName"] == "Doe^"
    assert patient_id(data) == "4711"


def test_an_unknown_vr_is_taken_for_one_with_a_short_length():
    assert patient_id(explicit(0x00090010, b"ZX", b"abcd") + PATIENT_ID) == "4711"


def test_un_of_undefined_length_holds_implicit_items():
    inner = implicit(0x00080100, b"T-1 ") + implicit(0x00081140, b"", UNDEFINED) + SEQUENCE_END
    unknown = explicit(0x00091001, b"UN", ITEM + inner + ITEM_END + SEQUENCE_END, UNDEFINED)
    assert patient_id(unknown + PATIENT_ID) == "4711"


def test_a_private_implicit_sequence_is_known_by_its_items():
    inner = ITEM + implicit(0x00091002, b"abcd") + ITEM_END + SEQUENCE_END
    data = implicit(0x00091001, inner, UNDEFINED) + implicit(0x00100020, b"4711")
    assert patient_id(data, IMPLICIT) == "4711"


def test_a_superfluous_item_delimiter_is_borne():
    item = struct.pack("<HHI", 0xFFFE, 0xE000, 12) + PATIENT_ID
    sequence = explicit(0x00081140, b"SQ", item + ITEM_END + SEQUENCE_END, UNDEFINED)
    assert patient_id(sequence + PATIENT_ID) == "4711"


@pytest.mark.parametrize(
    ("content", "cause"),
    [
        (ITEM + PATIENT_ID + SEQUENCE_END, "a sequence ends inside an item"),
        (PATIENT_ID + SEQUENCE_END, "a sequence holds what is no item"),
        (ITEM + PATIENT_ID + ITEM_END, "a sequence has no end"),
        (ITEM + PATIENT_ID, "an item has no end"),
    ],
)
def test_a_sequence_that_contradicts_itself_is_unreadable(content, cause):
    with pytest.raises(UnreadableInstance, match=cause):
        scan_header(explicit(0x00081140, b"SQ", content, UNDEFINED), EXPLICIT)


def test_an_item_delimiter_outside_a_sequence_is_unreadable():
    with pytest.raises(UnreadableInstance, match="an item ends where none began"):
        scan_header(PATIENT_ID + ITEM_END + PATIENT_ID, EXPLICIT)


@pytest.mark.parametrize("depth", [10, 20_000])
def test_any_depth_of_sequences_is_walked(depth):
    opening = explicit(0x00081140, b"SQ", ITEM, UNDEFINED) * depth
    closing = (ITEM_END + SEQUENCE_END) * depth
    assert patient_id(opening + closing + PATIENT_ID) == "4711"
    with pytest.raises(UnreadableInstance):
        scan_header(opening + closing[:-8], EXPLICIT)


def test_a_value_beyond_the_limit_is_unreadable():
    data = implicit(0x00100020, b"x" * (VALUE_LIMIT + 2))
    with pytest.raises(UnreadableInstance, match="an indexed attribute of 65538 bytes"):
        scan_header(data, IMPLICIT)
    assert patient_id(implicit(0x00100020, b"x" * VALUE_LIMIT), IMPLICIT) == "x" * VALUE_LIMIT


def test_an_indexed_attribute_of_a_binary_vr_counts_as_absent():
    assert patient_id(explicit(0x00100020, b"US", b"\1\0")) == ""


def test_many_values_without_proper_items_are_refused_before_they_cost_too_much():
    broken = explicit(0x00091001, b"OB", b"no items" + SEQUENCE_END, UNDEFINED)
    assert patient_id(broken * 16 + PATIENT_ID) == "4711"
    with pytest.raises(UnreadableInstance, match="more than 16 values"):
        scan_header(broken * 17 + PATIENT_ID, EXPLICIT)


# --- deflated -------------------------------------------------------------------------------


def test_a_deflated_data_set_has_no_offset():
    data = deflate(PATIENT_ID + explicit(0x7FE00010, b"OW", b"\0" * 10))
    scan = scan_header(data, str(DeflatedExplicitVRLittleEndian))
    assert scan.pixel_data_offset is None
    assert scan.length == len(data)
    assert decode_attributes(scan)["PatientID"] == "4711"


def test_jpip_referenced_deflate_is_deflated_too():
    assert patient_id(deflate(PATIENT_ID), JPIP_REFERENCED_DEFLATE) == "4711"


def test_deflated_pixels_are_not_held_in_memory(monkeypatch):
    monkeypatch.setattr(inflate, "HEADER_LIMIT", 1 << 18)
    pixels = explicit(0x7FE00010, b"OW", b"\0" * (1 << 24))
    data = deflate(explicit(0x00080060, b"CS", b"MR") + pixels + PATIENT_ID)
    assert patient_id(data, str(DeflatedExplicitVRLittleEndian)) == "4711"


def test_a_zip_bomb_is_refused(monkeypatch):
    monkeypatch.setattr(inflate, "HEADER_LIMIT", 1 << 18)
    bomb = deflate(explicit(0x00091001, b"UN", ITEM + b"\0" * (1 << 24), UNDEFINED))
    assert len(bomb) < 1 << 15
    with pytest.raises(UnreadableInstance, match="an element of more than 262144 bytes"):
        scan_header(bomb, str(DeflatedExplicitVRLittleEndian))


def test_a_long_deflated_sequence_is_walked():
    inner = ITEM + explicit(0x00091002, b"UN", b"a" * 1000) + ITEM_END
    data = explicit(0x00091001, b"SQ", inner * 1000 + SEQUENCE_END, UNDEFINED) + PATIENT_ID
    assert patient_id(deflate(data), str(DeflatedExplicitVRLittleEndian)) == "4711"


@pytest.mark.parametrize(
    ("data", "cause"),
    [
        (deflate(PATIENT_ID)[:-1], "cut off"),
        (b"\xff\xff\xff\xff", "invalid"),
        (deflate(PATIENT_ID) + b"x" * 10, "10 bytes follow the deflate stream"),
        (deflate(PATIENT_ID[:-1]), "needs 1 bytes more"),
        (deflate(explicit(0x7FE00010, b"OW", b"\1" * (1 << 17), 1 << 20)), "are missing"),
    ],
)
def test_a_broken_deflated_data_set_is_unreadable(data, cause):
    with pytest.raises(UnreadableInstance, match=cause):
        scan_header(data, str(DeflatedExplicitVRLittleEndian))


# --- text -----------------------------------------------------------------------------------


@pytest.mark.parametrize("syntax", sorted(UNCOMPRESSED))
def test_values_are_the_same_in_every_uncompressed_syntax(encode, syntax):
    dataset = Dataset()
    dataset.PatientName = "Doe^John"
    dataset.StudyInstanceUID = "1.2.3"
    dataset.BodyPartExamined = "HEAD"
    dataset.InstanceNumber = 7
    dataset.RequestAttributesSequence = Sequence([Dataset()])
    attributes = decode_attributes(scan_header(encode(dataset, syntax), syntax))
    assert {k: v for k, v in attributes.items() if v} == {
        "PatientName": "Doe^John",
        "StudyInstanceUID": "1.2.3",
        "BodyPartExamined": "HEAD",
        "InstanceNumber": "7",
    }


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (b" 4711  ", "4711"),
        (b"4711\0", "4711"),
        (b"a \\ b\\", "a\\b\\"),
        (b"  ", ""),
        (b"", ""),
        (b"two words", "two words"),
    ],
)
def test_padding_around_each_value_is_removed(value, text):
    assert patient_id(explicit(0x00100020, b"LO", value)) == text


@pytest.mark.parametrize(
    ("charset", "value", "text"),
    [
        (b"ISO_IR 192", "Grüße".encode(), "Grüße"),
        (b"ISO_IR 100", "Grüße".encode("latin-1"), "Grüße"),
        (b"ISO_IR 144", "ЖЯЮ".encode("iso8859_5"), "ЖЯЮ"),
        (b"GB18030", "王^小东".encode("gb18030"), "王^小东"),
        (b"\\ISO 2022 IR 87", b"Yamada=\x1b$B;3ED\x1b(B", "Yamada=山田"),
        (b"\\ISO 2022 IR 149", b"Hong=\x1b$)C\xfb\xf3", "Hong=洪"),
        (b"\\ISO 2022 IR 58", b"Zhang=\x1b$)A\xd5\xc5", "Zhang=张"),
        (b"ISO 2022 IR 100\\ISO 2022 IR 126", b"\xe4\x1b-F\xc4", "äΔ"),
        (b"ISO_IR 192", b"\xff\xfe", "��"),
        (b"NO SUCH SET", b"\xe4", "ä"),
        (b"", b"\xe4", "ä"),
        (b"ISO-IR 192", "ü".encode(), "ü"),
        (b"\\ISO 2022 IR 87", b"\x1b$Z??\x1b", "\x1b$Z??\x1b"),
    ],
)
def test_text_is_decoded_by_the_character_set_and_never_fails(charset, value, text):
    data = explicit(0x00080005, b"CS", charset) + explicit(0x00100010, b"PN", value)
    assert decode_attributes(scan_header(data, EXPLICIT))["PatientName"] == text


def test_big_endian_headers_are_read():
    data = struct.pack(">HH2sH", 0x0010, 0x0020, b"LO", 4) + b"4711"
    data += struct.pack(">HH2sHI", 0x7FE0, 0x0010, b"OW", 0, 2) + b"\0\1"
    scan = scan_header(data, str(ExplicitVRBigEndian))
    assert scan.pixel_data_offset == 12
    assert decode_attributes(scan)["PatientID"] == "4711"
