"""Which attributes an answer has: those required by the resource, and those of ``all``.

PS3.18 Tables 10.6.3-3 to 10.6.3-5. TimezoneOffsetFromUTC is in every answer where it is asked for:
it stands in headers alone, and the standard wants it only where it is known.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from pydicom.datadict import tag_for_keyword

from pacs_framework.dicom.attributes import Level, indexed_at

__all__ = ["SearchResource", "returned"]

_STUDY = (
    "StudyDate",
    "StudyTime",
    "AccessionNumber",
    "InstanceAvailability",
    "ModalitiesInStudy",
    "ReferringPhysicianName",
    "PatientName",
    "PatientID",
    "PatientBirthDate",
    "PatientSex",
    "StudyInstanceUID",
    "StudyID",
    "NumberOfStudyRelatedSeries",
    "NumberOfStudyRelatedInstances",
)
_SERIES = (
    "InstanceAvailability",
    "Modality",
    "SeriesDescription",
    "SeriesInstanceUID",
    "SeriesNumber",
    "NumberOfSeriesRelatedInstances",
    "PerformedProcedureStepStartDate",
    "PerformedProcedureStepStartTime",
    "RequestAttributesSequence",
)
_INSTANCE = (
    "InstanceAvailability",
    "SOPClassUID",
    "SOPInstanceUID",
    "InstanceNumber",
    "NumberOfFrames",
    "Rows",
    "Columns",
    "BitsAllocated",
)
_OWN = {Level.STUDY: _STUDY, Level.SERIES: _SERIES, Level.IMAGE: _INSTANCE}
_ABOVE = {Level.STUDY: (), Level.SERIES: ("StudyInstanceUID",)}
_ABOVE[Level.IMAGE] = ("StudyInstanceUID", "SeriesInstanceUID")

# What headers have beyond the index, by the modules of patient, study and series (PS3.3 C.7.1 to
# C.7.3, C.7.5). Of an instance, `all` is its whole header.
_OF_STUDY = (
    "SOPClassesInStudy",
    "TimezoneOffsetFromUTC",
    "ConsultingPhysicianName",
    "PhysiciansOfRecord",
    "NameOfPhysiciansReadingStudy",
    "AdmittingDiagnosesDescription",
    "ProcedureCodeSequence",
    "ReasonForPerformedProcedureCodeSequence",
    "ReferencedStudySequence",
    "IssuerOfAccessionNumberSequence",
    "PatientBirthTime",
    "OtherPatientIDsSequence",
    "OtherPatientNames",
    "PatientAge",
    "PatientSize",
    "PatientWeight",
    "EthnicGroup",
    "Occupation",
    "AdditionalPatientHistory",
    "PatientComments",
    "PatientIdentityRemoved",
    "DeidentificationMethod",
)
_OF_SERIES = (
    "TimezoneOffsetFromUTC",
    "Laterality",
    "PerformingPhysicianName",
    "OperatorsName",
    "ProtocolName",
    "PatientPosition",
    "PerformedProcedureStepID",
    "PerformedProcedureStepDescription",
    "PerformedProtocolCodeSequence",
    "ReferencedPerformedProcedureStepSequence",
    "SeriesDescriptionCodeSequence",
    "Manufacturer",
    "ManufacturerModelName",
    "DeviceSerialNumber",
    "SoftwareVersions",
    "InstitutionAddress",
    "InstitutionalDepartmentName",
    "FrameOfReferenceUID",
)


@dataclass(frozen=True, slots=True)
class SearchResource:
    """A search: for entities of ``level``, below the study or series that the path names."""

    level: Level
    study: bool = False
    series: bool = False


@cache
def returned(resource: SearchResource, *, everything: bool) -> tuple[int, ...]:
    """The tags that each answer has, sorted."""
    keywords = [*_OWN[resource.level], *_ABOVE[resource.level]]
    # Whoever searches all of the archive is told what the path would have said.
    if resource.level is not Level.STUDY and not resource.study:
        keywords += _STUDY
    if resource.level is Level.IMAGE and not resource.series:
        keywords += _SERIES
    if everything:
        keywords += _all_of(resource.level)
    return tuple(sorted({_tag(keyword) for keyword in keywords}))


def _all_of(level: Level) -> list[str]:
    levels = [Level.PATIENT, Level.STUDY]
    further: list[str] = list(_OF_STUDY)
    if level is not Level.STUDY:
        levels.append(Level.SERIES)
        further += _OF_SERIES
    if level is Level.IMAGE:
        levels.append(Level.IMAGE)
        further = []  # its header is read as a whole
    return [each.keyword for one in levels for each in indexed_at(one)] + further


def _tag(keyword: str) -> int:
    tag = tag_for_keyword(keyword)
    assert tag is not None, keyword
    return tag
