"""The transaction of the Modality Scheduled Procedure Step Service (PS3.18 14.4)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydicom import Dataset
from pydicom.sequence import Sequence as Items

from pacs_dicomweb import reach
from pacs_dicomweb.bodies import chosen_form
from pacs_dicomweb.paging import page_of
from pacs_dicomweb.qido.keys import parse_search
from pacs_dicomweb.refusing import check_no_link, refusal
from pacs_framework.errors import PacsError

if TYPE_CHECKING:
    from pacs_dicomweb.procedure_steps.contract import ScheduledSteps
    from pacs_http.api import Request, Response

__all__ = ["ScheduledService"]

_STEPS = "ScheduledProcedureStepSequence"
# Return keys of Type 1 and 2 (PS3.4 Table K.6-1); what else there is comes with includefield.
_OF_STEP = (
    "ScheduledStationAETitle",
    "ScheduledProcedureStepStartDate",
    "ScheduledProcedureStepStartTime",
    "Modality",
    "ScheduledPerformingPhysicianName",
    "ScheduledProcedureStepDescription",
    "ScheduledStationName",
    "ScheduledProcedureStepLocation",
    "ScheduledProtocolCodeSequence",
    "PreMedication",
    "ScheduledProcedureStepID",
    "RequestedContrastAgent",
)
_OF_ALL = (
    "RequestedProcedureID",
    "RequestedProcedureDescription",
    "RequestedProcedureCodeSequence",
    "StudyInstanceUID",
    "ReferencedStudySequence",
    "RequestedProcedurePriority",
    "PatientTransportArrangements",
    "AccessionNumber",
    "RequestingPhysician",
    "ReferringPhysicianName",
    "AdmissionID",
    "CurrentPatientLocation",
    "ReferencedPatientSequence",
    "PatientName",
    "PatientID",
    "PatientBirthDate",
    "PatientSex",
    "PatientWeight",
    "ConfidentialityConstraintOnPatientDataDescription",
    "PatientState",
    "PregnancyStatus",
    "MedicalAlerts",
    "Allergies",
    "SpecialNeeds",
)


@dataclass(frozen=True, slots=True)
class ScheduledService:
    """The handler over the steps of ``steps``."""

    steps: ScheduledSteps

    def search(self, request: Request) -> Response:
        """GET /modality-scheduled-procedure-steps: keys as in a search for studies, those of the
        step as ScheduledProcedureStepSequence.KEYWORD. Raises `Problem`.
        """
        check_no_link(request, "the worklist of modalities")
        form = chosen_form(request)
        wanted = parse_search(request.query)
        _return_all_of(wanted.identifier)
        try:
            found = self.steps.search(wanted.identifier, whole=wanted.everything)
        except PacsError as error:
            raise refusal(error) from error
        admitted = [each for each in found if reach.is_admitted(request.scope, each)]
        return page_of(admitted, wanted, form, "scheduled procedure steps")


def _return_all_of(identifier: Dataset) -> None:
    """Have the attributes of Type 1 and 2 returned, with those that were asked for."""
    _return(identifier, _OF_ALL)
    if not identifier.get(_STEPS):
        setattr(identifier, _STEPS, Items([Dataset()]))
    _return(identifier[_STEPS].value[0], _OF_STEP)


def _return(keys: Dataset, keywords: tuple[str, ...]) -> None:
    for keyword in keywords:
        if keyword not in keys:
            setattr(keys, keyword, [] if keyword.endswith("Sequence") else "")
