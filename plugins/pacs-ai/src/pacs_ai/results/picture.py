"""Pictures as Secondary Capture (PS3.3 A.8)."""

from __future__ import annotations

from collections.abc import Sequence

import highdicom as hd
from pydicom import Dataset
from pydicom.sr.codedict import codes
from pydicom.uid import ExplicitVRLittleEndian

from pacs_ai.api import Picture
from pacs_ai.results.signature import Signature

__all__ = ["write_picture"]

_MOST_SOURCES = 64


def write_picture(
    made: Picture, sources: Sequence[Dataset], signature: Signature, what: str, series_number: int
) -> Dataset:
    """The instance: derived, with its sources (PS3.3 C.7.6.1)."""
    written = hd.sc.SCImage.from_ref_dataset(
        ref_dataset=sources[0],
        pixel_array=made.pixels,
        photometric_interpretation="RGB" if made.pixels.ndim == 3 else "MONOCHROME2",
        bits_allocated=8,
        coordinate_system="PATIENT",
        series_instance_uid=signature.uid(f"{what}/series"),
        series_number=series_number,
        sop_instance_uid=signature.uid(what),
        instance_number=1,
        manufacturer=signature.equipment["manufacturer"],
        patient_orientation=("L", "P"),
        transfer_syntax_uid=ExplicitVRLittleEndian,
    )
    written.ImageType = ["DERIVED", "SECONDARY"]
    written["PatientOrientation"].value = None  # a picture may show anything, so it is not known
    written.ManufacturerModelName = signature.name
    written.SoftwareVersions = signature.version
    written.DeviceSerialNumber = signature.run
    written.SeriesDescription = f"{signature.name}: {made.description}"[:64]
    written.DerivationDescription = f"made by {signature.name} {signature.version}"
    written.SourceImageSequence = [_reference(source) for source in sources[:_MOST_SOURCES]]
    return written


def _reference(source: Dataset) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID = source.SOPClassUID
    item.ReferencedSOPInstanceUID = source.SOPInstanceUID
    code = codes.cid7202.SourceImageForImageProcessingOperation
    item.PurposeOfReferenceCodeSequence = [hd.sr.CodedConcept.from_code(code)]
    return item
