"""Data sets are encoded as pydicom encodes them, byte for byte."""

from __future__ import annotations

import copy

import pytest
from pydicom import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from pacs_framework.dicom.elements import Encoding
from pacs_framework.dicom.encode import encode_elements
from pacs_framework.dicom.rewrite import load_header

FILES = [
    "CT_small.dcm",
    "MR_small_implicit.dcm",
    "MR_small_bigendian.dcm",
    "rtplan.dcm",
    "UN_sequence.dcm",
    "reportsi.dcm",
]
SYNTAXES = [ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian]


def by_pydicom(dataset: Dataset, encoding: Encoding) -> bytes:
    target = DicomBytesIO()
    target.is_implicit_VR, target.is_little_endian = encoding.implicit, encoding.little
    write_dataset(target, dataset)
    return target.getvalue()


def same(dataset: Dataset, encoding: Encoding) -> None:
    expected = by_pydicom(copy.deepcopy(dataset), encoding)
    assert encode_elements(dataset, encoding) == expected


def encoding_of(dataset: Dataset) -> Encoding:
    implicit, little = dataset.original_encoding
    return Encoding(implicit=bool(implicit), little=bool(little))


@pytest.mark.parametrize("name", FILES)
@pytest.mark.filterwarnings("ignore")
def test_what_was_read_is_written_the_same(bundled, name):
    header = load_header(*bundled(name))
    same(header, encoding_of(header))


@pytest.mark.parametrize("name", FILES)
@pytest.mark.filterwarnings("ignore")
def test_what_was_changed_too(bundled, name):
    """Also text in another character set, which has all other text written anew."""
    header = load_header(*bundled(name))
    header.PatientID = "odd"
    header.SpecificCharacterSet = "ISO_IR 192"
    header.PatientName = "Ærø^Zoë"
    header.pop("StudyDate", None)
    header.private_block(0x0009, "SOMEBODY", create=True).add_new(1, "LO", "x")
    same(header, encoding_of(header))


@pytest.mark.parametrize("syntax", SYNTAXES)
@pytest.mark.filterwarnings("ignore")
def test_in_another_encoding_all_is_written_anew(bundled, syntax):
    header = load_header(*bundled("CT_small.dcm"))
    same(
        header,
        Encoding(implicit=syntax == ImplicitVRLittleEndian, little=syntax != ExplicitVRBigEndian),
    )


@pytest.mark.parametrize("length", [0, 2, 0xFFFE, 0x10000, 0x20000])
@pytest.mark.parametrize("syntax", SYNTAXES)
def test_values_of_every_length(encode, syntax, length):
    dataset = Dataset()
    dataset.PatientID = "P"
    dataset.TextValue = "t" * length
    dataset.add_new(0x00091010, "UN", b"u" * length)
    dataset.add_new(0x00281201, "OW", b"\0" * length)
    header = load_header(encode(dataset, str(syntax)), str(syntax))
    same(header, encoding_of(header))


def test_text_in_several_character_sets(encode):
    dataset = Dataset()
    dataset.SpecificCharacterSet = ["", "ISO 2022 IR 87"]
    dataset.PatientName = "Yamada^Tarou=山田^太郎=やまだ^たろう"
    dataset.PatientComments = "山田"
    header = load_header(encode(dataset, str(ExplicitVRLittleEndian)), str(ExplicitVRLittleEndian))
    same(copy.deepcopy(header), encoding_of(header))
    assert header.PatientName.family_name == "Yamada"
    same(header, encoding_of(header))
