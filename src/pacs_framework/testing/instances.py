"""Small valid instances for tests, made by pydicom: any storage SOP class, any transfer syntax."""

from __future__ import annotations

from pathlib import Path

from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.uid import UID, CTImageStorage, ExplicitVRLittleEndian, generate_uid

from pacs_framework.dicom.file_meta import FileMeta
from pacs_framework.dicom.identifier import encode_identifier
from pacs_framework.dicom.part10 import make_prefix
from pacs_framework.dicom.uids import TRANSFER_SYNTAXES, UNCOMPRESSED
from pacs_framework.testing.pixels import Fidelity, add_pixels, fidelity
from pacs_framework.testing.sop_classes import (
    STORAGE_CLASSES,
    fill,
    form_of,
    has_pixels,
    is_multi_frame,
    modality_of,
)

__all__ = ["Instances", "encoded_instance", "make_instance"]

_FRAMES = 2


def make_instance(
    *, transfer_syntax: str = str(ExplicitVRLittleEndian), **attributes: object
) -> Dataset:
    """An instance with new UIDs, a CT image unless ``SOPClassUID`` says otherwise.

    ``attributes`` override by keyword, None removes. ``file_meta`` is complete, so that
    `Dataset.save_as` writes a Part 10 file. Images are 8 × 8 pixels (two frames where there may be
    several), or in JPEG, JPEG-LS and JPEG 2000 a real image; see `Instances.fidelity`.
    """
    sop_class = str(attributes.get("SOPClassUID") or CTImageStorage)
    ds = _header(sop_class)
    fill(ds, sop_class)
    if has_pixels(sop_class) or sop_class not in STORAGE_CLASSES:
        frames = _FRAMES if is_multi_frame(sop_class) else 1
        if frames > 1:
            ds.NumberOfFrames = frames
        add_pixels(ds, transfer_syntax, form=form_of(sop_class), frames=frames)
    for keyword, value in attributes.items():
        if value is None:
            delattr(ds, keyword)
        else:
            setattr(ds, keyword, value)
    ds.file_meta = FileMetaDataset()
    ds.file_meta.MediaStorageSOPClassUID = ds.get("SOPClassUID", CTImageStorage)
    ds.file_meta.MediaStorageSOPInstanceUID = ds.get("SOPInstanceUID", generate_uid())
    ds.file_meta.TransferSyntaxUID = UID(transfer_syntax)
    return ds


def _header(sop_class: str) -> Dataset:
    """Patient, study and series, with all that must be there, if empty (PS3.3 C.7)."""
    ds = Dataset()
    ds.SOPClassUID = sop_class
    ds.SOPInstanceUID = generate_uid()
    ds.StudyInstanceUID = generate_uid()
    ds.SeriesInstanceUID = generate_uid()
    ds.PatientID = "P1"
    ds.PatientName = "Doe^Jane"
    ds.PatientBirthDate = ds.PatientSex = ""
    ds.StudyDate = "20260102"
    ds.StudyTime = "101112"
    ds.StudyID = ds.AccessionNumber = ds.ReferringPhysicianName = ""
    ds.Modality = modality_of(sop_class)
    ds.Manufacturer = ""
    ds.SeriesNumber = 1
    ds.InstanceNumber = 1
    return ds


def encoded_instance(instance: Dataset) -> bytes:
    """The data set as it travels, in the transfer syntax of its ``file_meta``."""
    return encode_identifier(instance, str(instance.file_meta.TransferSyntaxUID))


class Instances:
    """Makes instances; what the fixture ``pacs_instances`` gives.

    Pixel-exact, because they are encoded here: the uncompressed transfer syntaxes (deflated and big
    endian included), Encapsulated Uncompressed, Deflated Image Frame and RLE. Real images, taken
    from pydicom's test files: JPEG processes 1, 2 & 4 and 14, JPEG-LS and JPEG 2000. Well-formed
    fragments and no more: the retired JPEG processes, JPEG 2000 Part 2, high-throughput JPEG 2000,
    JPEG XL and all video. JPIP has no pixel data but the address of some.
    """

    sop_classes = STORAGE_CLASSES
    """Every storage SOP class that pynetdicom knows."""

    transfer_syntaxes = TRANSFER_SYNTAXES
    """Every transfer syntax of the standard that an instance can be stored in."""

    def __call__(
        self,
        sop_class: str = str(CTImageStorage),
        transfer_syntax: str = str(ExplicitVRLittleEndian),
        **attributes: object,
    ) -> Dataset:
        """An instance with new UIDs; ``attributes`` override by keyword, None removes.

        Raises ValueError for a class without pixel data, or with single bits or floats, in a
        transfer syntax that compresses pixels.
        """
        if transfer_syntax not in TRANSFER_SYNTAXES:
            raise ValueError(f"no transfer syntax of storage: {transfer_syntax!r}")
        without = sop_class in STORAGE_CLASSES and not has_pixels(sop_class)
        if without and transfer_syntax not in UNCOMPRESSED:
            raise ValueError(
                f"instances of {sop_class} have no pixel data that {transfer_syntax} could compress"
            )
        return make_instance(transfer_syntax=transfer_syntax, SOPClassUID=sop_class, **attributes)

    def fidelity(self, transfer_syntax: str) -> Fidelity:
        """How real the pixel data are in a transfer syntax."""
        return fidelity(transfer_syntax)

    def encode(self, instance: Dataset) -> bytes:
        """The data set as it travels."""
        return encoded_instance(instance)

    def write(self, instance: Dataset, folder: Path) -> Path:
        """Write a DICOM file (PS3.10), named after its SOP Instance UID; its path."""
        meta = FileMeta(
            sop_class_uid=str(instance.SOPClassUID),
            sop_instance_uid=str(instance.SOPInstanceUID),
            transfer_syntax_uid=str(instance.file_meta.TransferSyntaxUID),
        )
        path = folder / f"{instance.SOPInstanceUID}.dcm"
        path.write_bytes(make_prefix(meta) + encoded_instance(instance))
        return path
