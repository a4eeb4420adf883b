"""Which attributes the index keeps, by level of the query/retrieve model (PS3.4 C.6).

One list serves the header scan, the tables and the queries. Attributes that are asked for and not
listed here are read from the stored header.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from pydicom.datadict import dictionary_VR, tag_for_keyword

__all__ = ["INDEXED", "IndexedAttribute", "Level", "indexed_at"]


class Level(StrEnum):
    """Query/Retrieve Level (0008,0052)."""

    PATIENT = "PATIENT"
    STUDY = "STUDY"
    SERIES = "SERIES"
    IMAGE = "IMAGE"


@dataclass(frozen=True, slots=True)
class IndexedAttribute:
    """An attribute with a column of its own; ``column`` is the name of that column."""

    keyword: str
    level: Level
    tag: int
    vr: str
    column: str


_COLUMNS = {
    Level.PATIENT: {
        "PatientID": "patient_id",
        "IssuerOfPatientID": "issuer_of_patient_id",
        "PatientName": "patient_name",
        "PatientBirthDate": "patient_birth_date",
        "PatientSex": "patient_sex",
    },
    Level.STUDY: {
        "StudyInstanceUID": "study_instance_uid",
        "StudyID": "study_id",
        "StudyDate": "study_date",
        "StudyTime": "study_time",
        "AccessionNumber": "accession_number",
        "ReferringPhysicianName": "referring_physician_name",
        "StudyDescription": "study_description",
    },
    Level.SERIES: {
        "SeriesInstanceUID": "series_instance_uid",
        "SeriesNumber": "series_number",
        "Modality": "modality",
        "SeriesDescription": "series_description",
        "SeriesDate": "series_date",
        "SeriesTime": "series_time",
        "BodyPartExamined": "body_part_examined",
        "StationName": "station_name",
        "InstitutionName": "institution_name",
        "PerformedProcedureStepStartDate": "performed_procedure_step_start_date",
        "PerformedProcedureStepStartTime": "performed_procedure_step_start_time",
    },
    Level.IMAGE: {
        "SOPInstanceUID": "sop_instance_uid",
        "SOPClassUID": "sop_class_uid",
        "InstanceNumber": "instance_number",
        "ContentDate": "content_date",
        "ContentTime": "content_time",
        "NumberOfFrames": "number_of_frames",
    },
}


def _attribute(keyword: str, level: Level, column: str) -> IndexedAttribute:
    tag = tag_for_keyword(keyword)
    assert tag is not None, keyword
    return IndexedAttribute(keyword, level, tag, dictionary_VR(tag), column)


INDEXED: dict[str, IndexedAttribute] = {
    keyword: _attribute(keyword, level, column)
    for level, columns in _COLUMNS.items()
    for keyword, column in columns.items()
}
"""Keyword → attribute, from patient to image, all of them text VRs."""


def indexed_at(level: Level) -> tuple[IndexedAttribute, ...]:
    """The attributes that the table of one level holds."""
    return tuple(attribute for attribute in INDEXED.values() if attribute.level is level)
