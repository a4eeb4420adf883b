"""What is kept stands in a list; what is not on it goes, also what no standard knows yet.

Nothing on the list is free text: a person could be named in any of it. Pixel data are never seen
here; they are put behind the answer, and nothing else is.
"""

from __future__ import annotations

import hmac
from uuid import UUID

from pacs_framework.anonymizers.anonymizer import Anonymizer
from pacs_framework.dicom.rewrite import PYDICOM_FAILURES
from pacs_framework.errors import NotAnonymized
from pydicom import DataElement, Dataset
from pydicom.datadict import dictionary_VR, keyword_for_tag

__all__ = ["KEPT", "MAPPED", "AllowList"]

KEPT = frozenset(
    (
        # what it is
        *("SOPClassUID", "ReferencedSOPClassUID", "ImageType", "Modality", "BodyPartExamined"),
        *("SeriesNumber", "AcquisitionNumber", "InstanceNumber", "BurnedInAnnotation"),
        # how pixels are read
        *("SamplesPerPixel", "PhotometricInterpretation", "PlanarConfiguration", "Rows", "Columns"),
        *("NumberOfFrames", "BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation"),
        *("RescaleIntercept", "RescaleSlope", "WindowCenter", "WindowWidth"),
        *("PresentationLUTShape", "LossyImageCompression", "LossyImageCompressionRatio"),
        # where they are, and how they came about
        *("PixelSpacing", "ImagerPixelSpacing", "SliceThickness", "SpacingBetweenSlices"),
        *("PatientPosition", "ImagePositionPatient", "ImageOrientationPatient", "SliceLocation"),
        *("KVP", "RepetitionTime", "EchoTime", "FlipAngle", "MagneticFieldStrength"),
        # sequences, of whose items no more than this is kept
        *("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"),
        *("PixelMeasuresSequence", "PlanePositionSequence", "PlaneOrientationSequence"),
        *("PixelValueTransformationSequence", "FrameVOILUTSequence", "DerivationImageSequence"),
        *("SourceImageSequence", "ReferencedImageSequence"),
    )
)
"""Keywords of what stays as it is."""

MAPPED = frozenset(
    (
        *("SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID", "FrameOfReferenceUID"),
        *("ReferencedSOPInstanceUID",),
    )
)
"""Keywords of UIDs that become others, the same ones wherever they stand."""

# There have to be these (type 2, PS3.5 7.4.3), if empty.
_EMPTY = (
    *("PatientName", "PatientBirthDate", "PatientSex", "StudyDate", "StudyTime", "StudyID"),
    *("AccessionNumber", "ReferringPhysicianName", "Manufacturer"),
)

_NO_KEY = "no key is configured: set key_file in [plugin.samplename]"


class AllowList(Anonymizer):
    """Keeps what is on the list; an empty ``key`` refuses everything."""

    description = "keeps what is on an allow list of attributes"

    def __init__(self, key: bytes) -> None:
        self._key = key

    def anonymize(self, dataset: Dataset) -> Dataset:
        """The data set, reduced. Raises `NotAnonymized` where a value cannot be decoded."""
        if not self._key:
            raise NotAnonymized(_NO_KEY)
        try:
            patient = self._pseudonym(str(dataset.get("PatientID", "")))
            self._reduce(dataset)
        except PYDICOM_FAILURES as error:
            # Not its message: that may quote the value.
            raise NotAnonymized(f"a value cannot be decoded: {type(error).__name__}") from None
        for keyword in _EMPTY:
            setattr(dataset, keyword, "")
        dataset.PatientID = patient.hex[:16]
        dataset.PatientIdentityRemoved = "YES"  # how to say it: PS3.15 E.1.1
        dataset.DeidentificationMethod = "allow list of pacs-samplename"
        return dataset

    def _reduce(self, dataset: Dataset) -> None:
        for tag in tuple(dataset.keys()):  # of the elements themselves, each would be decoded
            if keyword_for_tag(tag) in MAPPED:
                self._map(dataset[tag])
            elif not self._is_kept(dataset, tag):
                del dataset[tag]
            elif dataset[tag].VR == "SQ":
                for item in dataset[tag].value:
                    self._reduce(item)

    def _is_kept(self, dataset: Dataset, tag: int) -> bool:
        """By keyword, and with the VR that the standard gives it: else it may hold anything."""
        return keyword_for_tag(tag) in KEPT and dictionary_VR(tag) == dataset[tag].VR

    def _map(self, element: DataElement) -> None:
        values = element.value if element.VM > 1 else [element.value or ""]
        element.value = [f"2.25.{self._pseudonym(str(uid)).int}" if uid else "" for uid in values]

    def _pseudonym(self, value: str) -> UUID:
        """The same for the same value and key; without the key nobody finds the way back."""
        return UUID(bytes=hmac.digest(self._key, value.encode(), "sha256")[:16], version=4)
