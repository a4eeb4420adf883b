"""The information models as SOP classes, and their extended negotiation (PS3.4 C.5, C.6)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from pynetdicom.sop_class import (  # type: ignore[attr-defined]
    PatientRootQueryRetrieveInformationModelFind,
    PatientRootQueryRetrieveInformationModelGet,
    PatientRootQueryRetrieveInformationModelMove,
    PatientStudyOnlyQueryRetrieveInformationModelFind,
    PatientStudyOnlyQueryRetrieveInformationModelGet,
    PatientStudyOnlyQueryRetrieveInformationModelMove,
    StudyRootQueryRetrieveInformationModelFind,
    StudyRootQueryRetrieveInformationModelGet,
    StudyRootQueryRetrieveInformationModelMove,
)

from pacs_framework.archive.query_keys import Root
from pacs_framework.dicom.matching import MatchingRules
from pacs_framework.network.service import Request
from pacs_query_retrieve.settings import QueryRetrieveSettings

__all__ = ["FIND", "GET", "MOVE", "Negotiated", "answer_find", "answer_retrieve", "offered"]

FIND: dict[str, Root] = {
    PatientRootQueryRetrieveInformationModelFind: Root.PATIENT,
    StudyRootQueryRetrieveInformationModelFind: Root.STUDY,
    PatientStudyOnlyQueryRetrieveInformationModelFind: Root.PATIENT_STUDY_ONLY,
}
MOVE: dict[str, Root] = {
    PatientRootQueryRetrieveInformationModelMove: Root.PATIENT,
    StudyRootQueryRetrieveInformationModelMove: Root.STUDY,
    PatientStudyOnlyQueryRetrieveInformationModelMove: Root.PATIENT_STUDY_ONLY,
}
GET: dict[str, Root] = {
    PatientRootQueryRetrieveInformationModelGet: Root.PATIENT,
    StudyRootQueryRetrieveInformationModelGet: Root.STUDY,
    PatientStudyOnlyQueryRetrieveInformationModelGet: Root.PATIENT_STUDY_ONLY,
}

_YES, _NO = 1, 0
# Relational, date-time, fuzzy names, time zone, enhanced multi-frame conversion, empty values,
# multiple values (PS3.4 Table C.5-1).
_ABLE_TO_FIND = (True, True, True, False, False, True, True)
_RETRIEVE_BYTES = 2  # relational, enhanced multi-frame conversion


def offered(models: dict[str, Root], settings: QueryRetrieveSettings) -> list[str]:
    """The SOP classes of ``models`` that the site offers."""
    retired = () if settings.patient_study_only else (Root.PATIENT_STUDY_ONLY,)
    return [uid for uid, root in models.items() if root not in retired]


@dataclass(frozen=True, slots=True, kw_only=True)
class Negotiated:
    """What a request may do beyond the baseline."""

    relational: bool
    matching: MatchingRules

    @classmethod
    def of(cls, request: Request, settings: QueryRetrieveSettings) -> Self:
        """Read the agreed application information of the request's SOP class."""
        flags = request.extended_negotiation
        relational, combined, fuzzy, _, _, empty, multiple = (
            flags[at : at + 1] == bytes([_YES]) for at in range(len(_ABLE_TO_FIND))
        )
        return cls(
            relational=settings.relational == "always" or relational,
            matching=MatchingRules(
                combined_datetime=combined,
                fuzzy_names=fuzzy,
                empty_values=empty,
                multiple_values=multiple,
            ),
        )


def answer_find(proposed: bytes) -> bytes:
    """Which of the proposed options of C-FIND are agreed to (PS3.4 C.5.2).

    All as proposed but time zone adjustment and views of enhanced multi-frame images.
    """
    return _agreed(proposed[: len(_ABLE_TO_FIND)], _ABLE_TO_FIND)


def answer_retrieve(proposed: bytes) -> bytes:
    """Which of the proposed options of C-MOVE and C-GET are agreed to (PS3.4 C.5.3)."""
    return _agreed(proposed[:_RETRIEVE_BYTES], (True, False))


def _agreed(proposed: bytes, able: tuple[bool, ...]) -> bytes:
    pairs = zip(proposed, able, strict=False)
    return bytes(_YES if wanted == _YES and can else _NO for wanted, can in pairs)
