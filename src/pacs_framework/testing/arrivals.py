"""Data sets as they arrive at the door of an archive, and what is announced of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydicom import Dataset
from pydicom.config import disable_value_validation
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset
from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage

from pacs_framework.archive.incoming import Origin
from pacs_framework.dicom.file_meta import FileMeta

if TYPE_CHECKING:
    from pacs_framework.archive.archive import Archive
    from pacs_framework.archive.ingest import StoreOutcome

__all__ = ["ORIGIN", "announced", "encoded", "mr_image", "send"]

ORIGIN = Origin(door="dimse", calling_aet="MODALITY", called_aet="PACS", address="127.0.0.1")
"""Where instances of a test come from: the AE title ``MODALITY``."""

_PIXELS = b"\x01\x02" * 50


def mr_image(number: int = 1, *, pixels: bytes = _PIXELS, **attributes: object) -> Dataset:
    """An MR image of Jane Doe; ``attributes`` replaces elements by keyword, None removes one."""
    ds = Dataset()
    ds.SOPClassUID = MRImageStorage
    ds.SOPInstanceUID = f"1.2.3.4.{number}"
    ds.StudyDate = "20260102"
    ds.Modality = "MR"
    ds.PatientName = "Doe^Jane"
    ds.PatientID = "P1"
    ds.StudyInstanceUID = "1.2.3"
    ds.SeriesInstanceUID = "1.2.3.4"
    ds.PixelData = pixels
    ds["PixelData"].VR = "OW"
    with disable_value_validation():  # a test may want what is against the rules
        for keyword, value in attributes.items():
            if keyword in ds:
                delattr(ds, keyword)
            if value is not None:
                setattr(ds, keyword, value)
    return ds


def encoded(dataset: Dataset) -> bytes:
    """In explicit VR, little endian, without a Part 10 prefix."""
    target = DicomBytesIO()
    target.is_little_endian = True
    target.is_implicit_VR = False
    with disable_value_validation():
        write_dataset(target, dataset)
    return target.getvalue()


def announced(number: int = 1, **changed: str) -> FileMeta:
    """What a C-STORE request says of `mr_image` of this number; ``changed`` replaces fields."""
    fields = {
        "sop_class_uid": str(MRImageStorage),
        "sop_instance_uid": f"1.2.3.4.{number}",
        "transfer_syntax_uid": str(ExplicitVRLittleEndian),
        **changed,
    }
    return FileMeta(
        sop_class_uid=fields["sop_class_uid"],
        sop_instance_uid=fields["sop_instance_uid"],
        transfer_syntax_uid=fields["transfer_syntax_uid"],
    )


def send(
    archive: Archive, data: bytes, meta: FileMeta | None = None, *, piece: int = 1000
) -> StoreOutcome:
    """Let a data set arrive as from the wire: in pieces, in a buffer that is used again."""
    with archive.receive(ORIGIN, meta or announced()) as reception:
        for start in range(0, len(data), piece):
            buffer = bytearray(data[start : start + piece])
            reception.write(memoryview(buffer))
            buffer[:] = bytes(len(buffer))
        return reception.commit()
