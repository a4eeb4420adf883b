"""What stands in front of a data set that was written anew."""

from __future__ import annotations

import io

import pydicom
import pytest

from pacs_framework.dicom.file_meta import FileMeta
from pacs_framework.dicom.part10 import make_prefix
from pacs_framework.dicom.renewing import renewed_prefix
from pacs_framework.dicom.uids import IMPLEMENTATION_CLASS_UID

RLE = "1.2.840.10008.1.2.5"


def meta(prefix: bytes | None, uid: str = "1.2.3") -> FileMeta:
    return FileMeta(
        sop_class_uid="1.2.840.10008.5.1.4.1.1.2",
        sop_instance_uid=uid,
        transfer_syntax_uid=RLE,
        prefix=prefix,
    )


def test_it_says_what_the_data_set_is_now_and_keeps_all_else() -> None:
    before = make_prefix(meta(None), source_aet="THERE")
    private = b"\x02\0\2\1UI\x04\0\x31.\x32\0"  # (0002,0102)
    before = b"II*\0" + before[4:] + private
    read = pydicom.dcmread(io.BytesIO(renewed_prefix(meta(before, "7.8.9"))))
    assert read.preamble == bytes(128)
    told = read.file_meta
    assert (told.MediaStorageSOPInstanceUID, told.TransferSyntaxUID) == ("7.8.9", RLE)
    assert told.ImplementationClassUID == IMPLEMENTATION_CLASS_UID
    assert told.SourceApplicationEntityTitle == "THERE"
    assert told[0x00020102].value == "1.2"
    group_length = len(renewed_prefix(meta(before, "7.8.9"))) - 128 - 4 - 12
    assert told.FileMetaInformationGroupLength == group_length


# A length that is none stands in the second one.
@pytest.mark.parametrize("prefix", [None, bytes(128) + b"DICM" + b"\2\0\1\0OB\0\0\1"])
def test_where_there_is_none_that_can_be_read_one_is_made(prefix: bytes | None) -> None:
    assert renewed_prefix(meta(prefix)) == make_prefix(meta(None))
