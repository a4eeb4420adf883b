"""The addresses of non-patient instances, where a plugin keeps some."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pacs_dicomweb.located import ROOT
from pacs_dicomweb.npi.service import NonPatientService
from pacs_http.api import Action, Answer, Level, Parameter, Route, Takes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pacs_dicomweb.npi.contract import NonPatientInstances
    from pacs_framework.archive.archive import Archive

__all__ = ["non_patient_routes"]

_INVENTORIES = "inventories"
_RELATED, _DICOM = "multipart/related", "application/dicom"
_JSON, _XML = "application/dicom+json", "application/dicom+xml"
_TAKES = Takes(media_types=(_RELATED, _DICOM, _JSON, "application/json", _XML, "application/xml"))
_ACCEPT = Parameter(name="accept", description="Media types, in place of the header Accept")
_ARRAY = {"type": "array", "items": {"type": "object"}}
_BAD = {400: Answer("The request cannot be understood"), 406: Answer("No media type fits")}


def non_patient_routes(
    instances: NonPatientInstances, archive: Archive, parameters: Sequence[Parameter], most: int
) -> list[Route]:
    """All of each category; ``parameters`` are those of every search, ``most`` its answers."""
    return [
        route
        for category in instances.categories
        for route in _routes(
            NonPatientService(category, instances, archive, most), tuple(parameters)
        )
    ]


def _routes(service: NonPatientService, parameters: Sequence[Parameter]) -> list[Route]:
    words = service.category.replace("-", " ")
    path = f"{ROOT}/{service.category}"
    # An inventory lists the studies of patients: who may not see all of them, may not see it.
    of_patients = service.category == _INVENTORIES
    shared: dict[str, Any] = {"level": Level.INSTANCE if of_patients else Level.SYSTEM}
    return [
        Route(
            method="GET",
            path=path,
            handler=service.search,
            action=Action.SEARCH,
            scoped=not of_patients,
            summary=f"Search for {words}",
            description="Any attribute is a key: by keyword, by tag, in sequences as A.B.",
            parameters=parameters,
            answers={
                200: Answer("What matches", media_types=(_JSON, _RELATED), schema=_ARRAY),
                204: Answer("Nothing matches"),
                **_BAD,
            },
            **shared,
        ),
        Route(
            method="GET",
            path=f"{path}/{{uid}}",
            handler=service.retrieve,
            action=Action.READ,
            scoped=not of_patients,
            summary=f"One of the {words}",
            parameters=(_ACCEPT,),
            answers={
                200: Answer("It", media_types=(_JSON, _DICOM, _RELATED), schema=_ARRAY),
                304: Answer("Nothing has changed"),
                404: Answer("There is no such instance"),
                **_BAD,
            },
            **shared,
        ),
        *(_store(service, place, words, shared) for place in (path, f"{path}/{{uid}}")),
    ]


def _store(service: NonPatientService, path: str, words: str, shared: dict[str, Any]) -> Route:
    return Route(
        method="POST",
        path=path,
        handler=service.store,
        action=Action.WRITE,
        summary=f"Store {words}",
        description="Answered when all are durable; the answer says what became of each.",
        takes=_TAKES,
        answers={
            200: Answer("At least one is stored", media_types=(_JSON, _XML)),
            409: Answer("None is stored: of another category or instance, or there already"),
            413: Answer("None is stored: too large"),
            415: Answer("A media type that is not stored"),
            **_BAD,
        },
        **shared,
    )
