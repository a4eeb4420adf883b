from __future__ import annotations

import pytest
from pydicom.uid import ExplicitVRLittleEndian, JPEGBaseline8Bit
from pynetdicom import ALL_TRANSFER_SYNTAXES

from pacs_framework.dicom import uids
from pacs_framework.dicom.uids import UidForm, is_valid_uid, uid_form


@pytest.mark.parametrize("uid", ["1.2.840.10008.1.2", "0", "2.25.0", "1" * 64])
def test_uids_of_the_standard_are_valid(uid):
    assert uid_form(uid) is UidForm.VALID
    assert is_valid_uid(uid)


@pytest.mark.parametrize("uid", ["1.02.3", "00", "1.2.00"])
def test_leading_zeros_pass_and_are_told_apart(uid):
    assert uid_form(uid) is UidForm.LEADING_ZEROS
    assert uid_form(uid)
    assert is_valid_uid(uid)


@pytest.mark.parametrize(
    "uid",
    [
        "",
        "1" * 65,
        "1..2",
        ".1",
        "1.",
        "1.2/3",
        "../1",
        "1.2 ",
        "1.2\0",
        "1.2\n",
        "1.a",
        "-1.2",
        "1.\u0663",  # a digit, though none of ASCII
        "1.2\\1.3",
    ],
)
def test_anything_else_is_refused(uid):
    assert not uid_form(uid)
    assert not is_valid_uid(uid)


def test_empty_is_told_from_malformed():
    assert uid_form("") is UidForm.EMPTY
    assert uid_form("x") is UidForm.MALFORMED


def test_our_implementation_uid_is_made_from_a_uuid():
    prefix, number = uids.IMPLEMENTATION_CLASS_UID.rsplit(".", 1)
    assert prefix == "2.25"
    assert int(number).bit_length() <= 128
    assert uid_form(uids.IMPLEMENTATION_CLASS_UID) is UidForm.VALID


def test_our_version_name_fits_its_element():
    assert 1 <= len(uids.IMPLEMENTATION_VERSION_NAME) <= 16


def test_every_storage_transfer_syntax_of_pynetdicom_is_listed_once():
    assert len(set(uids.TRANSFER_SYNTAXES)) == len(uids.TRANSFER_SYNTAXES)
    assert all(is_valid_uid(uid) for uid in uids.TRANSFER_SYNTAXES)
    real_time_streams = {f"1.2.840.10008.1.2.7.{n}" for n in (1, 2, 3)}
    assert {str(uid) for uid in ALL_TRANSFER_SYNTAXES} - real_time_streams <= set(
        uids.TRANSFER_SYNTAXES
    )


def test_the_uncompressed_syntaxes_are_those_with_native_pixel_data():
    assert ExplicitVRLittleEndian in uids.UNCOMPRESSED
    assert JPEGBaseline8Bit not in uids.UNCOMPRESSED
    assert len(uids.UNCOMPRESSED) == 4
    assert set(uids.TRANSFER_SYNTAXES) >= uids.UNCOMPRESSED
