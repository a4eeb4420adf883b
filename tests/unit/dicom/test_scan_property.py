"""Generated data sets, encoded by pydicom, and bytes that are no data sets."""

from __future__ import annotations

import struct
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom import Dataset
from pydicom.sequence import Sequence

from pacs_framework.dicom.attributes import INDEXED
from pacs_framework.dicom.file_meta import FileMeta
from pacs_framework.dicom.identifier import decode_identifier
from pacs_framework.dicom.part10 import make_prefix, read_prefix
from pacs_framework.dicom.rewrite import convert_uncompressed, load_header
from pacs_framework.dicom.scan import decode_attributes, scan_header
from pacs_framework.dicom.uids import BIG_ENDIAN, DEFLATED, TRANSFER_SYNTAXES, UNCOMPRESSED
from pacs_framework.errors import QueryError, UnreadableInstance

ascii_text = st.text("abcXYZ0189 ^=-_*?", max_size=16).map(lambda text: text.strip(" "))
uid = st.lists(st.integers(0, 9999), min_size=1, max_size=8).map(lambda n: ".".join(map(str, n)))

VALUES = {
    "StudyInstanceUID": uid,
    "SOPInstanceUID": uid,
    "Modality": st.sampled_from(["CT", "MR", "US", ""]),
    "PatientID": ascii_text,
    "PatientName": st.text("abcäöüß^", max_size=12),
    "StudyDate": st.sampled_from(["20010203", ""]),
    "InstanceNumber": st.integers(-5, 10**6),
    "NumberOfFrames": st.integers(1, 99),
    "StudyDescription": ascii_text,
    # What the scan leaps over.
    "ImageType": st.lists(st.sampled_from(["ORIGINAL", "PRIMARY", "AXIAL"]), max_size=3),
    "Rows": st.integers(0, 0xFFFF),
    "PixelSpacing": st.lists(st.sampled_from(["0.5", "1.25"]), min_size=2, max_size=2),
    "SliceLocation": st.sampled_from(["-1.5", "3"]),
    "FrameIncrementPointer": st.integers(0, 0xFFFFFFFF),
    "DiffusionBValue": st.floats(0, 1e9),
    "ICCProfile": st.binary(max_size=40).map(lambda b: b + b"\0" * (len(b) % 2)),
    "TextValue": st.text("abc \n\\", max_size=20).map(lambda text: text.strip(" ")),
    "PixelRepresentation": st.integers(0, 1),
    "BitsAllocated": st.sampled_from([8, 16]),
}
SEQUENCES = ["ReferencedImageSequence", "ContentSequence", "RequestAttributesSequence"]


@st.composite
def data_sets(draw, depth=3):
    """A data set with sequences of both length forms, in a character set that carries it."""
    dataset = Dataset()
    for keyword in draw(st.lists(st.sampled_from(sorted(VALUES)), unique=True, max_size=12)):
        setattr(dataset, keyword, draw(VALUES[keyword]))
    dataset.SpecificCharacterSet = "ISO_IR 192"
    if draw(st.booleans()):
        dataset.private_block(0x0011, "HOUSE", create=True).add_new(1, "LO", draw(ascii_text))
    for keyword in draw(st.lists(st.sampled_from(SEQUENCES), unique=True)) if depth else []:
        items = draw(st.lists(data_sets(depth=depth - 1), max_size=2))
        for item in items:
            item.is_undefined_length_sequence_item = draw(st.booleans())
        setattr(dataset, keyword, Sequence(items))
        dataset[keyword].is_undefined_length = draw(st.booleans())
    return dataset


def with_pixels(dataset):
    """A header that names ambiguous VRs, and native pixel data behind it."""
    dataset.BitsAllocated = 16
    dataset.PixelRepresentation = 1
    dataset.add_new(0x00280106, "SS", -3)
    dataset.add_new(0x7FE00010, "OW", bytes(range(8)))
    return dataset


syntaxes = st.sampled_from(sorted(UNCOMPRESSED))
quick = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)


@quick
@given(dataset=data_sets(), syntax=syntaxes)
def test_the_scan_finds_what_was_encoded(encode, dataset, syntax):
    data = encode(dataset, syntax)
    attributes = decode_attributes(scan_header(data, syntax))
    for keyword in INDEXED:
        value = dataset.get(keyword)
        text = "" if value is None else str(getattr(value, "original_string", value) or value)
        expected = str(value) if keyword == "PatientName" and value is not None else text
        assert attributes[keyword] == expected.strip(" "), keyword


@quick
@given(dataset=data_sets(), syntax=syntaxes, data=st.data())
def test_no_proper_beginning_of_a_data_set_passes_for_a_whole_one(encode, dataset, syntax, data):
    """Only a cut between two elements goes unseen; there, fewer elements are a whole data set."""
    encoded = encode(dataset, syntax)
    cut = data.draw(st.integers(0, max(0, len(encoded) - 1)))
    try:
        scan = scan_header(encoded[:cut], syntax)
    except UnreadableInstance:
        return
    assert syntax not in DEFLATED
    whole = scan_header(encoded, syntax)
    assert scan.raw.items() <= whole.raw.items()


@quick
@given(dataset=data_sets().map(with_pixels), syntax=syntaxes)
def test_header_and_tail_are_the_data_set(encode, decode, dataset, syntax):
    data = encode(dataset, syntax)
    header = load_header(data, syntax)
    offset = scan_header(data, syntax).pixel_data_offset
    del dataset.PixelData
    for found, wanted in zip(elements(header), elements(dataset), strict=True):
        assert same(found, wanted)
    if offset is not None:
        assert data[offset:].endswith(b"\0\1\2\3\4\5\6\7")


@quick
@given(dataset=data_sets().map(with_pixels), source=syntaxes, target=syntaxes)
def test_conversion_gives_what_pydicom_would_read(encode, decode, dataset, source, target):
    """Private elements become UN on the way through implicit VR, so theirs is compared as text."""
    data = encode(dataset, source)
    converted = b"".join(convert_uncompressed(data, source, target))
    result, expected = decode(converted, target), decode(encode(dataset, target), target)
    for found, wanted in zip(elements(result), elements(expected), strict=True):
        if found.tag == 0x7FE00010 and (source == BIG_ENDIAN) != (target == BIG_ENDIAN):
            # pydicom hands out OW as it stands, in either byte order.
            assert found.value == b"\1\0\3\2\5\4\7\6"
        else:
            assert same(found, wanted)
    back = b"".join(convert_uncompressed(converted, target, source))
    assert decode(back, source).PixelData == dataset.PixelData


def elements(dataset):
    return [element for element in dataset.iterall() if element.VR != "SQ"]


def same(found, wanted):
    """Whether two elements are equal; the text of private ones, whose VR may have become UN."""
    if not found.tag.is_private:
        # pydicom reads an empty value as None, whatever it was made from.
        return found == wanted or (found.is_empty and wanted.is_empty)
    texts = [e.value.decode() if isinstance(e.value, bytes) else e.value for e in (found, wanted)]
    return found.tag == wanted.tag and len({(text or "").strip(" ") for text in texts}) == 1


# --- bytes from anywhere --------------------------------------------------------------------

header_like = st.lists(
    st.tuples(
        st.sampled_from([0x00080005, 0x00100010, 0x00081140, 0x7FE00010, 0xFFFEE000, 0xFFFEE00D]),
        st.sampled_from([b"LO", b"SQ", b"UN", b"OB", b"\0\0", b"ZZ"]),
        st.sampled_from([0, 1, 4, 8, 0xFFFF, 0xFFFFFFFF]),
        st.binary(max_size=12),
    ),
    max_size=12,
).map(
    lambda rows: b"".join(
        struct.pack("<HH2sHI", tag >> 16, tag & 0xFFFF, vr, length & 0xFFFF, length) + value
        for tag, vr, length, value in rows
    )
)
anything = st.one_of(st.binary(max_size=300), header_like)
thorough = settings(quick, max_examples=400)


@thorough
@given(data=anything, syntax=st.sampled_from(TRANSFER_SYNTAXES))
def test_the_scan_raises_nothing_but_its_own_error(data, syntax):
    try:
        scan = scan_header(data, syntax)
    except UnreadableInstance:
        return
    assert set(decode_attributes(scan)) == set(INDEXED)


@thorough
@given(data=st.one_of(anything, anything.map(lambda data: b"\0" * 128 + b"DICM" + data)))
def test_the_prefix_reader_raises_nothing_but_its_own_error(data):
    try:
        meta, offset = read_prefix(data)
    except UnreadableInstance:
        return
    assert offset <= len(data)
    assert meta.prefix in (None, data[:offset])


@pytest.mark.filterwarnings("ignore")
@thorough
@given(data=anything, syntax=syntaxes)
def test_the_identifier_reader_raises_nothing_but_its_own_error(data, syntax):
    with suppress(QueryError):
        decode_identifier(data, syntax)


@thorough
@given(data=anything, source=syntaxes, target=syntaxes)
def test_conversion_raises_nothing_but_its_own_error(data, source, target):
    with suppress(UnreadableInstance):
        b"".join(convert_uncompressed(data, source, target))


@quick
@given(dataset=data_sets(), syntax=syntaxes, data=st.data())
def test_a_changed_byte_is_borne_or_refused(encode, dataset, syntax, data):
    encoded = bytearray(encode(dataset, syntax))
    for _ in range(data.draw(st.integers(1, 4)) if encoded else 0):
        encoded[data.draw(st.integers(0, len(encoded) - 1))] = data.draw(st.integers(0, 255))
    with suppress(UnreadableInstance):
        decode_attributes(scan_header(bytes(encoded), syntax))


@quick
@given(uid=uid, syntax=st.sampled_from(TRANSFER_SYNTAXES), aet=st.text("ABC ", max_size=16))
def test_what_make_prefix_writes_read_prefix_reads(uid, syntax, aet):
    data_set = struct.pack("<HH2sH", 8, 0x18, b"UI", len(uid) + len(uid) % 2)
    data_set += uid.encode() + b"\0" * (len(uid) % 2)
    meta = FileMeta(sop_class_uid="1.2.3", sop_instance_uid=uid, transfer_syntax_uid=syntax)
    prefix = make_prefix(meta, source_aet=aet)
    found, offset = read_prefix(prefix + data_set)
    assert offset == len(prefix)
    assert found.prefix == prefix
    assert (found.sop_instance_uid, found.transfer_syntax_uid) == (uid, syntax)
