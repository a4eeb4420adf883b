from __future__ import annotations

import io
import shutil
import struct
import subprocess

import pydicom
import pytest
from pydicom import Dataset
from pydicom.uid import (
    CTImageStorage,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    MediaStorageDirectoryStorage,
)

from pacs_framework.dicom.file_meta import FileMeta
from pacs_framework.dicom.part10 import make_prefix, read_prefix
from pacs_framework.dicom.uids import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from pacs_framework.errors import UnreadableInstance

META = FileMeta(
    sop_class_uid=str(CTImageStorage),
    sop_instance_uid="1.2.3.4",
    transfer_syntax_uid=str(ExplicitVRLittleEndian),
)


@pytest.fixture
def dataset():
    dataset = Dataset()
    dataset.SOPClassUID = CTImageStorage
    dataset.SOPInstanceUID = "1.2.3.4"
    dataset.PatientName = "Doe^John"
    return dataset


def test_a_prefix_is_what_pydicom_reads_as_file_meta_information():
    meta = pydicom.dcmread(io.BytesIO(make_prefix(META, source_aet="MODALITY"))).file_meta
    assert meta.FileMetaInformationVersion == b"\0\1"
    assert meta.MediaStorageSOPClassUID == CTImageStorage
    assert meta.MediaStorageSOPInstanceUID == "1.2.3.4"
    assert meta.TransferSyntaxUID == ExplicitVRLittleEndian
    assert meta.ImplementationClassUID == IMPLEMENTATION_CLASS_UID
    assert meta.ImplementationVersionName == IMPLEMENTATION_VERSION_NAME
    assert meta.SourceApplicationEntityTitle == "MODALITY"


@pytest.mark.parametrize("uid", ["1.2.3", "1.2.33"])
@pytest.mark.parametrize("aet", ["", "A", "AB", "A" * 20])
def test_the_group_length_is_right_whatever_the_lengths_are(uid, aet):
    meta = FileMeta(sop_class_uid=uid, sop_instance_uid=uid, transfer_syntax_uid=uid)
    prefix = make_prefix(meta, source_aet=aet)
    assert prefix[:132] == b"\0" * 128 + b"DICM"
    assert struct.unpack_from("<I", prefix, 140)[0] == len(prefix) - 144
    assert (
        pydicom.dcmread(io.BytesIO(prefix)).file_meta.get("SourceApplicationEntityTitle", "")
        == (aet[:16])
    )


def test_without_a_source_the_element_is_left_out():
    meta = pydicom.dcmread(io.BytesIO(make_prefix(META))).file_meta
    assert "SourceApplicationEntityTitle" not in meta


@pytest.mark.interop
@pytest.mark.skipif(not shutil.which("/usr/bin/dcmftest"), reason="DCMTK is not installed")
def test_dcmtk_reads_a_prefix(tmp_path, encode, dataset):
    path = tmp_path / "file.dcm"
    path.write_bytes(make_prefix(META, source_aet="X") + encode(dataset, META.transfer_syntax_uid))
    subprocess.run(["/usr/bin/dcmftest", path], check=True, capture_output=True)
    dump = subprocess.run(["/usr/bin/dcmdump", path], check=True, capture_output=True, text=True)
    assert dump.stderr == ""
    assert IMPLEMENTATION_VERSION_NAME in dump.stdout
    assert "[Doe^John]" in dump.stdout


@pytest.mark.parametrize("kind", [bytes, memoryview, io.BytesIO])
def test_a_complete_file_keeps_its_prefix_byte_for_byte(encode, dataset, kind):
    prefix = b"II*\0" + make_prefix(META, source_aet="OTHER")[4:]
    data = encode(dataset, META.transfer_syntax_uid)
    meta, offset = read_prefix(kind(prefix + data))
    assert meta == FileMeta(
        sop_class_uid=META.sop_class_uid,
        sop_instance_uid=META.sop_instance_uid,
        transfer_syntax_uid=META.transfer_syntax_uid,
        prefix=prefix,
    )
    assert offset == len(prefix)


def test_a_wrong_group_length_does_not_matter(encode, dataset):
    prefix = bytearray(make_prefix(META))
    prefix[140] += 4
    assert read_prefix(prefix + encode(dataset, META.transfer_syntax_uid)).dataset_offset == len(
        prefix
    )


def test_meta_information_without_preamble_is_understood_and_to_be_made_anew(encode, dataset):
    group = make_prefix(META)[132:]
    meta, offset = read_prefix(group + encode(dataset, META.transfer_syntax_uid))
    assert offset == len(group)
    assert meta == META


@pytest.mark.parametrize(
    "syntax", [ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian]
)
def test_a_bare_data_set_tells_its_syntax_and_uids(encode, dataset, syntax):
    meta, offset = read_prefix(encode(dataset, str(syntax)))
    assert offset == 0
    assert meta.prefix is None
    assert meta.transfer_syntax_uid == str(syntax)
    assert (meta.sop_class_uid, meta.sop_instance_uid) == (str(CTImageStorage), "1.2.3.4")


def test_the_uids_in_the_data_set_are_believed(encode, dataset):
    dataset.SOPInstanceUID = "1.2.3.9"
    prefix = make_prefix(META)
    meta, offset = read_prefix(prefix + encode(dataset, META.transfer_syntax_uid))
    assert meta.sop_instance_uid == "1.2.3.9"
    assert meta.prefix is None
    assert offset == len(prefix)


def test_uids_are_found_behind_long_elements(encode, dataset):
    """They nearly always are in the first bytes of a data set, and need not be."""
    dataset.ImageType = ["DERIVED", *["X" * 16] * 200]
    dataset.SOPInstanceUID = "1.2.3.9"
    found = read_prefix(make_prefix(META) + encode(dataset, META.transfer_syntax_uid))
    assert found.meta.sop_instance_uid == "1.2.3.9"


def test_a_data_set_longer_than_what_is_looked_at_is_no_obstacle(encode, dataset):
    dataset.EncapsulatedDocument = b"\0" * (1 << 19)
    data = encode(dataset, META.transfer_syntax_uid)
    assert read_prefix(make_prefix(META) + data).meta.prefix is not None


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"DICM",
        b"\x89PNG\r\n\x1a\n" + bytes(range(256)),
        b"#!/bin/sh\necho not a data set at all\n",
        b"\0" * 4096,
        b"\0" * 128 + b"DICM",
    ],
)
def test_what_is_no_dicom_file_is_refused(data):
    with pytest.raises(UnreadableInstance, match="no DICOM file"):
        read_prefix(data)


def test_meta_information_that_is_cut_off_is_refused():
    with pytest.raises(UnreadableInstance, match="file meta information unreadable at offset"):
        read_prefix(make_prefix(META)[:-1])


def test_a_transfer_syntax_that_is_no_uid_is_refused(encode, dataset):
    meta = FileMeta(sop_class_uid="1.2", sop_instance_uid="1.3", transfer_syntax_uid="../explicit")
    with pytest.raises(UnreadableInstance, match="missing or malformed"):
        read_prefix(make_prefix(meta) + encode(dataset, str(ExplicitVRLittleEndian)))


@pytest.mark.filterwarnings("ignore")
def test_every_file_that_dcmread_reads_has_a_prefix(real_files):
    seen = 0
    for path in real_files:
        with path.open("rb") as stream:
            try:
                meta, offset = read_prefix(stream)
            except UnreadableInstance:
                continue
        if meta.sop_class_uid == MediaStorageDirectoryStorage:
            continue
        found = pydicom.dcmread(path, force=True, specific_tags=["SOPInstanceUID"])
        assert meta.sop_instance_uid == found.get("SOPInstanceUID", meta.sop_instance_uid)
        assert offset < path.stat().st_size
        seen += 1
    assert seen > 100
