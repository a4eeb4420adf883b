from __future__ import annotations

import struct

import pytest
from pydicom import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from pacs_framework.dicom.identifier import DEPTH_LIMIT, decode_identifier, encode_identifier
from pacs_framework.dicom.status import Status
from pacs_framework.dicom.uids import UNCOMPRESSED
from pacs_framework.errors import QueryError

EXPLICIT, IMPLICIT = str(ExplicitVRLittleEndian), str(ImplicitVRLittleEndian)


def nested(depth):
    """Sequences of undefined length, each in the item of the one around it."""
    opening = struct.pack("<HHI", 0x0040, 0x0275, 0xFFFFFFFF)
    opening += struct.pack("<HHI", 0xFFFE, 0xE000, 0xFFFFFFFF)
    closing = struct.pack("<HHIHHI", 0xFFFE, 0xE00D, 0, 0xFFFE, 0xE0DD, 0)
    return opening * depth + closing * depth


def nested_defined(depth):
    """The same with defined lengths, built from the inside."""
    data = b""
    for _ in range(depth):
        item = struct.pack("<HHI", 0xFFFE, 0xE000, len(data)) + data
        data = struct.pack("<HHI", 0x0040, 0x0275, len(item)) + item
    return data


@pytest.mark.parametrize("syntax", sorted(UNCOMPRESSED))
def test_what_is_encoded_is_decoded(syntax):
    dataset = Dataset()
    dataset.QueryRetrieveLevel = "STUDY"
    dataset.PatientName = "Doe*"
    dataset.StudyInstanceUID = ["1.2", "1.3"]
    dataset.NumberOfStudyRelatedInstances = None
    dataset.RequestAttributesSequence = Sequence([Dataset()])
    assert decode_identifier(encode_identifier(dataset, syntax), syntax) == dataset


@pytest.mark.parametrize("build", [nested, nested_defined])
@pytest.mark.parametrize("depth", [DEPTH_LIMIT + 1, 5000])
def test_a_query_nested_too_deeply_is_an_error_of_the_query(build, depth):
    with pytest.raises(QueryError, match="nested more than 16 levels deep") as caught:
        decode_identifier(build(depth), IMPLICIT)
    assert caught.value.status == Status.DATA_SET_DOES_NOT_MATCH_SOP_CLASS


@pytest.mark.parametrize("build", [nested, nested_defined])
def test_as_deep_as_the_limit_is_fine(build):
    dataset = decode_identifier(build(DEPTH_LIMIT), IMPLICIT)
    assert len(dataset.RequestAttributesSequence) == 1


@pytest.mark.parametrize(
    "data",
    [
        b"\x08",
        b"\x08\x00\x52\x00CS\x06\x00STU",
        b"\x08\x00\x52\x00CS\xff\xffSTUDY ",
        b"\x28\x00\x10\x00US\x03\x00abc",
    ],
)
@pytest.mark.filterwarnings("ignore")
def test_bytes_that_are_no_identifier_are_an_error_of_the_query(data):
    with pytest.raises(QueryError, match="identifier: ") as caught:
        decode_identifier(data, EXPLICIT)
    assert "abc" not in str(caught.value)


def test_an_identifier_that_inflates_without_end_is_refused():
    bomb = encode_identifier(Dataset(), str(DeflatedExplicitVRLittleEndian))
    assert decode_identifier(bomb, str(DeflatedExplicitVRLittleEndian)) == Dataset()
    big = Dataset()
    big.PixelData = b"\0" * (17 << 20)
    big["PixelData"].VR = "OB"
    encoded = encode_identifier(big, str(DeflatedExplicitVRLittleEndian))
    assert len(encoded) < 1 << 15
    with pytest.raises(QueryError, match="bytes when inflated"):
        decode_identifier(encoded, str(DeflatedExplicitVRLittleEndian))


@pytest.mark.parametrize("syntax", sorted(UNCOMPRESSED))
def test_a_list_of_uids_may_be_longer_than_its_vr_allows(syntax):
    dataset = Dataset()
    dataset.PatientID = "1"
    dataset.FailedSOPInstanceUIDList = [f"1.2.3.{n:050}" for n in range(2000)]
    found = decode_identifier(encode_identifier(dataset, syntax), syntax)
    assert found.PatientID == "1"
    value = found.FailedSOPInstanceUIDList
    text = value.decode() if isinstance(value, bytes) else "\\".join(value)
    assert text.rstrip("\0").split("\\") == list(dataset.FailedSOPInstanceUIDList)


def test_an_answer_that_cannot_be_encoded_is_said_without_its_value():
    dataset = Dataset()
    dataset.add_new(0x00280010, "US", "secret")
    with pytest.raises(QueryError, match="cannot be encoded") as caught:
        encode_identifier(dataset, EXPLICIT)
    assert "secret" not in str(caught.value)
