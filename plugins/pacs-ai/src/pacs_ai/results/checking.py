"""What programs wrote, held against what they were given: patient, study, geometry, references."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from mmap import ACCESS_READ, mmap
from pathlib import Path

import highdicom as hd
import numpy as np
import pydicom
from pydicom import Dataset
from pydicom.uid import SegmentationStorage
from pynetdicom.presentation import AllStoragePresentationContexts

from pacs_ai.errors import RefusedOutput
from pacs_ai.results.structure_set import STRUCTURE_SET, check_structure_set
from pacs_ai.volumes.planes import Plane
from pacs_ai.volumes.study import Given
from pacs_framework.dicom.part10 import read_prefix
from pacs_framework.dicom.rewrite import PYDICOM_FAILURES
from pacs_framework.dicom.scan import scan_header
from pacs_framework.dicom.uids import is_valid_uid
from pacs_framework.errors import UnreadableInstance
from pacs_framework.rendering.attributes import integer_of, items_of, numbers_of, text_of
from pacs_framework.rendering.frame_header import FrameHeader

__all__ = ["SEGMENTATIONS", "check_result", "read_result"]

_LABEL_MAP = "1.2.840.10008.5.1.4.1.1.66.7"  # not in pydicom 3.0

SEGMENTATIONS = frozenset({str(SegmentationStorage), _LABEL_MAP})
"""SOP classes of masks on images."""

_STORAGE = SEGMENTATIONS | {str(each.abstract_syntax) for each in AllStoragePresentationContexts}
_SAME_MM = 0.02
_SAME_DIRECTION = 1e-3
_OF_PATIENT = ("PatientID", "IssuerOfPatientID", "PatientName", "PatientBirthDate", "PatientSex")


def read_result(path: Path) -> Dataset:
    """A DICOM file that a program wrote. Raises `RefusedOutput`.

    The data set says what it is: programs that change an image leave the header as it was, as those
    of mercure do, and whoever stores it writes another one.
    """
    try:
        made = pydicom.dcmread(path, defer_size=1 << 20)
        syntax = text_of(made.file_meta, "TransferSyntaxUID")
        if syntax:
            _check_whole(path, syntax)
        for element in made:  # each is decoded when it is looked at
            del element
    except (*PYDICOM_FAILURES, OSError, UnreadableInstance, zlib.error) as error:
        raise RefusedOutput(f"{path.name!r} is no whole DICOM file: {error}") from error
    if not syntax:
        raise RefusedOutput(f"{path.name!r} is no whole DICOM file: it has no transfer syntax")
    return made


def _check_whole(path: Path, syntax: str) -> None:
    """That its data set does not end early, with which pydicom makes do.

    Raises `UnreadableInstance`.
    """
    with path.open("rb") as file:
        data = memoryview(mmap(file.fileno(), 0, access=ACCESS_READ))
    scan_header(data[read_prefix(data).dataset_offset :], syntax)


def check_result(made: Dataset, given: Given, *, known: Callable[[str], bool]) -> None:
    """That ``made`` may be stored beside what the program was given.

    ``known`` tells whether the archive has an instance of a UID already. Raises `RefusedOutput`.
    """
    _check_class(made)
    _check_owner(made, given)
    uid = text_of(made, "SOPInstanceUID")
    if known(uid):
        raise RefusedOutput(f"it made an instance {uid!r}, which the archive has already")
    if text_of(made, "SOPClassUID") in SEGMENTATIONS:
        _check_segmentation(made, given)
    if text_of(made, "SOPClassUID") == STRUCTURE_SET:
        check_structure_set(made, given)
    _check_evidence(made, given)


def _check_class(made: Dataset) -> None:
    sop_class = text_of(made, "SOPClassUID")
    if sop_class not in _STORAGE:
        raise RefusedOutput(f"it made an instance of {sop_class!r}, which is no storage SOP class")
    for keyword in ("SOPInstanceUID", "SeriesInstanceUID"):
        if not is_valid_uid(text_of(made, keyword)):
            raise RefusedOutput(f"it made an instance without a valid {keyword}")


def _check_owner(made: Dataset, given: Given) -> None:
    source = given.headers[0]
    if text_of(made, "StudyInstanceUID") != given.study_instance_uid:
        raise RefusedOutput("it made an instance of another study")
    for keyword in _OF_PATIENT:
        theirs, ours = text_of(made, keyword), text_of(source, keyword)
        # What identifies a patient has to be there; what it says besides may not contradict.
        if theirs.rstrip("^ ") != ours.rstrip("^ ") and (theirs or keyword == "PatientID"):
            raise RefusedOutput(
                f"it made an instance of another patient: {keyword} is not the same"
            )
    if text_of(made, "SeriesInstanceUID") in {part.series_instance_uid for part in given.parts}:
        raise RefusedOutput("it made an instance in the series that it was given")


def _check_segmentation(made: Dataset, given: Given) -> None:
    try:
        hd.seg.Segmentation.from_dataset(made, copy=True)
    except Exception as error:  # of any kind, as highdicom meets what is malformed
        raise RefusedOutput(f"it made a segmentation that cannot be read: {error}") from error
    planes = _planes_of(made, given)
    if not planes:
        return
    if text_of(made, "FrameOfReferenceUID") != planes[0].frame_of_reference:
        raise RefusedOutput("it made a segmentation of another frame of reference")
    if (integer_of(made, "Rows"), integer_of(made, "Columns")) != (
        planes[0].rows,
        planes[0].columns,
    ):
        raise RefusedOutput("it made a segmentation of another geometry: rows and columns differ")
    for number in range(1, integer_of(made, "NumberOfFrames", 1) + 1):
        _check_frame(FrameHeader(made, number), number, planes)


def _planes_of(made: Dataset, given: Given) -> list[Plane]:
    """Those of the series that it says it is of; of a study it has to say that."""
    named = {
        text_of(item, "SeriesInstanceUID") for item in items_of(made, "ReferencedSeriesSequence")
    }
    parts = [part for part in given.parts if part.series_instance_uid in named]
    if not parts and len(given.parts) > 1:
        raise RefusedOutput("it made a segmentation that names no series that it was given")
    return (parts or given.parts)[0].planes()


def _check_frame(frame: FrameHeader, number: int, planes: Sequence[Plane]) -> None:
    position = numbers_of(frame.macro("PlanePositionSequence"), "ImagePositionPatient")
    cosines = numbers_of(frame.macro("PlaneOrientationSequence"), "ImageOrientationPatient")
    spacing = numbers_of(frame.macro("PixelMeasuresSequence"), "PixelSpacing")
    where = f"frame {number} of the segmentation"
    if len(position) != 3 or len(cosines) != 6 or len(spacing) != 2:
        raise RefusedOutput(f"{where} does not say where it lies")
    there = [
        plane
        for plane in planes
        if np.abs(plane.position - position).max() < _SAME_MM
        and np.abs(np.concatenate([plane.across, plane.down]) - cosines).max() < _SAME_DIRECTION
        and np.allclose(plane.spacing, spacing, rtol=_SAME_DIRECTION)
    ]
    if not there:
        raise RefusedOutput(f"{where} lies on no image of the series: it is of another geometry")


def _check_evidence(made: Dataset, given: Given) -> None:
    """Sources and evidence are of this study: what refers elsewhere was made of something else."""
    known = set(given.sop_instance_uids)
    for referenced in items_of(made, "ReferencedSeriesSequence"):
        # The second one is that of presentation states (PS3.3 C.11.11).
        for keyword in ("ReferencedInstanceSequence", "ReferencedImageSequence"):
            for item in items_of(referenced, keyword):
                if text_of(item, "ReferencedSOPInstanceUID") not in known:
                    raise RefusedOutput("it refers to an instance that it was not given")
    for keyword in ("CurrentRequestedProcedureEvidenceSequence", "PertinentOtherEvidenceSequence"):
        for item in items_of(made, keyword):
            if text_of(item, "StudyInstanceUID") != given.study_instance_uid:
                raise RefusedOutput(f"{keyword} names another study")
