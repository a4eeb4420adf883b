"""A study whose instances refer to each other, and the UIDs that are no instance's."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

from pydicom import Dataset
from pydicom.uid import UID, CTImageStorage, ExplicitVRLittleEndian

from pacs_framework.testing.instances import make_instance
from pacs_framework.testing.suites.identifying import encoded

__all__ = ["CLASS_UIDS", "classes", "study", "uids_by_path"]

CLASS_UIDS = frozenset(
    (
        *("SOPClassUID", "ReferencedSOPClassUID", "RelatedGeneralSOPClassUID"),
        *("OriginalSpecializedSOPClassUID", "AvailableTransferSyntaxUID", "CodingSchemeUID"),
        *("ContextUID", "MappingResourceUID"),
    )
)
"""Keywords of UIDs that name something of a standard, not something of a patient."""

_ROOT = "1.2.826.0.1.3680043.10.543.5"
_STUDY = f"{_ROOT}.9"
_SERIES, _INSTANCES = 2, 2

Path = tuple[str, ...]


@cache
def study() -> tuple[bytes, ...]:
    """Two series of two images, each of which refers to all others in every common way."""
    every = [
        (series, f"{_ROOT}.{series}.{number}")
        for series in range(1, _SERIES + 1)
        for number in range(1, _INSTANCES + 1)
    ]
    return tuple(
        _instance(series, uid, *every[(position + 1) % len(every)])
        for position, (series, uid) in enumerate(every)
    )


def _instance(series: int, uid: str, other_series: int, other: str) -> bytes:
    """An image that refers to another one, as source, in its series and in its study."""
    image = _image(uid, _series_uid(series))
    image.SourceImageSequence = [_reference(other)]
    image.ReferencedImageSequence = [_reference(other)]
    image.ReferencedSeriesSequence = [_in_series(other_series, other)]
    of_study = Dataset()
    of_study.StudyInstanceUID = _STUDY
    of_study.ReferencedSeriesSequence = [_in_series(other_series, other)]
    image.StudiesContainingOtherReferencedInstancesSequence = [of_study]
    image.CurrentRequestedProcedureEvidenceSequence = [_evidence(other_series, other)]
    return encoded(image)


def _in_series(series: int, uid: str) -> Dataset:
    item = Dataset()
    item.SeriesInstanceUID = _series_uid(series)
    item.ReferencedInstanceSequence = [_reference(uid)]
    return item


def _evidence(series: int, uid: str) -> Dataset:
    """As key object selections and reports list what they are about (PS3.3 C.17.2)."""
    inner = Dataset()
    inner.SeriesInstanceUID = _series_uid(series)
    inner.ReferencedSOPSequence = [_reference(uid)]
    item = Dataset()
    item.StudyInstanceUID = _STUDY
    item.ReferencedSeriesSequence = [inner]
    return item


def _reference(uid: str) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = CTImageStorage, uid
    return item


def _series_uid(number: int) -> str:
    return f"{_ROOT}.{number}"


def _image(uid: str, series: str) -> Dataset:
    image = make_instance(
        StudyInstanceUID=_STUDY,
        SeriesInstanceUID=series,
        SOPInstanceUID=uid,
        FrameOfReferenceUID=f"{_ROOT}.8",
        PatientID="P1",
    )
    del image.PixelData, image.file_meta
    return image


@cache
def classes() -> bytes:
    """An image with a UID in each attribute of `CLASS_UIDS`."""
    image = _image(f"{_ROOT}.7.1", f"{_ROOT}.7")
    image.RelatedGeneralSOPClassUID = image.OriginalSpecializedSOPClassUID = CTImageStorage
    image.AvailableTransferSyntaxUID = ExplicitVRLittleEndian
    scheme = Dataset()
    scheme.CodingSchemeDesignator, scheme.CodingSchemeUID = "DCM", "1.2.840.10008.2.16.4"
    image.CodingSchemeIdentificationSequence = [scheme]
    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator = "121311", "DCM"
    code.CodeMeaning = "Localizer"
    code.ContextUID, code.MappingResourceUID = "1.2.840.10008.6.1.507", "1.2.840.10008.8.1.1"
    reference = _reference(f"{_ROOT}.7.2")
    reference.PurposeOfReferenceCodeSequence = [code]
    image.ReferencedImageSequence = [reference]
    return encoded(image)


def uids_by_path(dataset: Dataset, above: Path = ()) -> dict[Path, str]:
    """Where each UID stands, as keywords from the top; no sequence here has two items."""
    return dict(_uids(dataset, above))


def _uids(dataset: Dataset, above: Path) -> Iterator[tuple[Path, str]]:
    for element in dataset:
        path = (*above, element.keyword or str(element.tag))
        if element.VR == "SQ":
            for item in element.value:
                yield from _uids(item, path)
        elif isinstance(element.value, UID) and element.value:
            yield path, str(element.value)
