"""What stands in front of a data set that was written anew (PS3.10 section 7.1)."""

from __future__ import annotations

import io
from contextlib import suppress

from pydicom.dataset import FileMetaDataset
from pydicom.filebase import DicomBytesIO
from pydicom.filereader import read_dataset
from pydicom.filewriter import write_file_meta_info
from pydicom.uid import UID

from pacs_framework.dicom.file_meta import FileMeta
from pacs_framework.dicom.part10 import make_prefix
from pacs_framework.dicom.rewrite import PYDICOM_FAILURES
from pacs_framework.dicom.uids import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME

__all__ = ["renewed_prefix"]

_PREAMBLE = b"\0" * 128 + b"DICM"


def renewed_prefix(meta: FileMeta) -> bytes:
    """Preamble and group 0002 of what ``meta`` says, with all else that ``meta.prefix`` tells.

    The preamble is empty, since what it says of other formats is about the bytes that were there.
    """
    if meta.prefix is not None:
        with suppress(*PYDICOM_FAILURES):
            return _PREAMBLE + _renewed(meta.prefix[len(_PREAMBLE) :], meta)
    return make_prefix(meta)


def _renewed(group: bytes, meta: FileMeta) -> bytes:
    elements = read_dataset(io.BytesIO(group), is_implicit_VR=False, is_little_endian=True)
    found = FileMetaDataset(elements)
    found.MediaStorageSOPInstanceUID = UID(meta.sop_instance_uid)
    found.TransferSyntaxUID = UID(meta.transfer_syntax_uid)
    found.ImplementationClassUID = UID(IMPLEMENTATION_CLASS_UID)
    found.ImplementationVersionName = IMPLEMENTATION_VERSION_NAME
    written = DicomBytesIO()
    write_file_meta_info(written, found)
    return written.getvalue()
