"""The addresses of modality procedure steps, where plugins keep them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pacs_dicomweb.bodies import TAKES
from pacs_dicomweb.located import ROOT
from pacs_dicomweb.procedure_steps.performed import PerformedService
from pacs_dicomweb.procedure_steps.scheduled import ScheduledService
from pacs_http.api import Action, Answer, Level, Parameter, Route

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pacs_dicomweb.procedure_steps.contract import PerformedSteps, ScheduledSteps

__all__ = ["performed_routes", "scheduled_routes"]

_SCHEDULED = ROOT + "/modality-scheduled-procedure-steps"
_PERFORMED = ROOT + "/modality-performed-procedure-steps/{step}"
_ANSWERED: dict[str, Any] = {
    "media_types": ("application/dicom+json", "multipart/related"),
    "schema": {"type": "array", "items": {"type": "object"}},
}
_BAD = {400: Answer("The request cannot be understood")}
_TAKES = replace(TAKES, limit=16 << 20)  # a step that lists a hundred thousand instances


def scheduled_routes(steps: ScheduledSteps, parameters: Sequence[Parameter]) -> Sequence[Route]:
    """The search of the worklist; ``parameters`` are those of every search."""
    return [
        Route(
            method="GET",
            path=_SCHEDULED,
            handler=ScheduledService(steps).search,
            level=Level.WORKITEM,
            action=Action.SEARCH,
            scoped=True,
            summary="Search for what modalities are to do (modality worklist)",
            description=(
                "Keys of a step are in its sequence, as in "
                "ScheduledProcedureStepSequence.ScheduledStationAETitle."
            ),
            parameters=tuple(parameters),
            answers={
                200: Answer("What matches", **_ANSWERED),
                204: Answer("Nothing matches"),
                413: Answer("More match than are given out: narrow the search"),
                **_BAD,
            },
        )
    ]


def performed_routes(steps: PerformedSteps) -> Sequence[Route]:
    """Creating, updating and retrieving a performed procedure step."""
    service = PerformedService(steps)
    none = Answer("There is no such step")
    return [
        Route(
            method="POST",
            path=_PERFORMED,
            handler=service.write,
            level=Level.WORKITEM,
            action=Action.WRITE,
            scoped=True,
            summary="Create a modality performed procedure step; with ?update, change or end it",
            parameters=(Parameter(name="update", description="Without a value: there is one"),),
            takes=_TAKES,
            answers={
                200: Answer("It is changed"),
                201: Answer("It is created"),
                404: none,
                409: Answer("There is one already; or it has ended, or the change fits it not"),
                **_BAD,
            },
        ),
        Route(
            method="GET",
            path=_PERFORMED,
            handler=service.retrieve,
            level=Level.WORKITEM,
            action=Action.READ,
            scoped=True,
            summary="A modality performed procedure step",
            parameters=(
                Parameter(name="includefield", repeated=True, description="Attributes, or all"),
            ),
            answers={200: Answer("It", **_ANSWERED), 404: none, **_BAD},
        ),
    ]
