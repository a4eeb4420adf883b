"""The addresses of the service, each with its level and action."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from pacs_dicomweb.accept import accepted
from pacs_dicomweb.capabilities import capabilities_route
from pacs_dicomweb.commitment.routes import commitment_routes
from pacs_dicomweb.deleting import delete_routes
from pacs_dicomweb.located import ROOT
from pacs_dicomweb.npi.routes import non_patient_routes
from pacs_dicomweb.only_one import provided
from pacs_dicomweb.procedure_steps.routes import performed_routes, scheduled_routes
from pacs_dicomweb.qido.returned import SearchResource
from pacs_dicomweb.qido.searching import SearchService
from pacs_dicomweb.rendered.addresses import Pictures, rendered_routes, uri_route
from pacs_dicomweb.stow.storing import store
from pacs_dicomweb.ups.routes import workitem_routes
from pacs_dicomweb.wado.bulk import retrieve_bulk
from pacs_dicomweb.wado.bulk_of_many import BulkService, wants_bulk
from pacs_dicomweb.wado.instances import retrieve
from pacs_dicomweb.wado.metadata import JSON, XML, MetadataService
from pacs_dicomweb.wado.negotiating import DICOM, ZIP
from pacs_dicomweb.wado.pixel_media import OCTETS, PIXEL_MEDIA
from pacs_dicomweb.wado.pixels import retrieve_frames
from pacs_framework.dicom.attributes import Level as QueryLevel
from pacs_http.api import Action, Answer, Level, Parameter, Route, Takes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pacs_dicomweb.settings import DicomwebSettings
    from pacs_framework.archive.archive import Archive
    from pacs_http.api import Request, Response

__all__ = ["routes"]

_STUDY = ROOT + "/studies/{study}"
_SERIES = _STUDY + "/series/{series}"
_INSTANCE = _SERIES + "/instances/{instance}"

_RELATED = "multipart/related"
_OBJECT = {"type": "object"}
_ARRAY = {"type": "array", "items": _OBJECT}
_ACCEPT = Parameter(name="accept", description="Media types, in place of the header Accept")
_SEARCH = (
    Parameter(name="limit", type="integer", minimum=0, description="The most answers"),
    Parameter(name="offset", type="integer", minimum=0, description="Answers to pass over"),
    Parameter(
        name="includefield", repeated=True, description="Attributes to return besides, or all"
    ),
    Parameter(name="fuzzymatching", type="boolean", description="Names match by their words"),
    Parameter(
        name="emptyvaluematching",
        type="boolean",
        description='Two quotation marks, "", match what is empty',
    ),
    Parameter(
        name="multiplevaluematching",
        type="boolean",
        description="All values of a key have to match, and not any of them",
    ),
    _ACCEPT,
)
_BAD = {400: Answer("The request cannot be understood"), 406: Answer("No media type fits")}
_NONE = {404: Answer("There is nothing of this name"), **_BAD}

_SEARCHES = (
    (ROOT + "/studies", SearchResource(QueryLevel.STUDY)),
    (ROOT + "/series", SearchResource(QueryLevel.SERIES)),
    (ROOT + "/instances", SearchResource(QueryLevel.IMAGE)),
    (_STUDY + "/series", SearchResource(QueryLevel.SERIES, study=True)),
    (_STUDY + "/instances", SearchResource(QueryLevel.IMAGE, study=True)),
    (_SERIES + "/instances", SearchResource(QueryLevel.IMAGE, study=True, series=True)),
)
_LEVELS = {
    QueryLevel.STUDY: Level.STUDY,
    QueryLevel.SERIES: Level.SERIES,
    QueryLevel.IMAGE: Level.INSTANCE,
}
_RETRIEVALS = ((_STUDY, Level.STUDY), (_SERIES, Level.SERIES), (_INSTANCE, Level.INSTANCE))


def routes(archive: Archive, settings: DicomwebSettings) -> Sequence[Route]:
    """Everything that is answered."""
    metadata = MetadataService(archive, settings)
    search = SearchService(archive, settings, metadata)
    pictures = Pictures(archive, settings)
    bulk = BulkService(archive, settings)
    found = [
        *_searches(search),
        *_retrievals(archive, bulk),
        *_metadata(metadata),
        _frames(archive),
        _bulk(archive),
        *_bulk_of_many(bulk),
        *_stores(archive),
        *workitem_routes(archive),
        *commitment_routes(archive),
        *_procedure_steps(archive),
        *_non_patient(archive, settings),
        *rendered_routes(pictures),
        uri_route(archive, pictures, settings.anonymizer),
        *(delete_routes(archive) if settings.delete else ()),
    ]
    return [*found, capabilities_route(found)]


def _procedure_steps(archive: Archive) -> list[Route]:
    """What modalities are to do and have done, where plugins keep that."""
    scheduled = provided(archive, "scheduled_steps", "keep the worklist of modalities")
    performed = provided(archive, "performed_steps", "keep performed procedure steps")
    return [
        *(scheduled_routes(scheduled, _SEARCH) if scheduled else ()),
        *(performed_routes(performed) if performed else ()),
    ]


def _non_patient(archive: Archive, settings: DicomwebSettings) -> list[Route]:
    """What belongs to no patient, where a plugin keeps that."""
    instances = provided(archive, "non_patient_instances", "keep non-patient instances")
    if instances is None:
        return []
    return non_patient_routes(instances, archive, _SEARCH, settings.max_answers)


def _searches(search: SearchService) -> list[Route]:
    return [
        Route(
            method="GET",
            path=path,
            handler=search.handler(resource),
            level=_LEVELS[resource.level],
            action=Action.SEARCH,
            summary=f"Search for {_LEVELS[resource.level].value} entities (QIDO-RS)",
            description="Any attribute is a key: by keyword, by tag, in sequences as A.B.",
            parameters=_SEARCH,
            scoped=True,
            answers={
                200: Answer("What matches", media_types=(JSON, _RELATED), schema=_ARRAY),
                204: Answer("Nothing matches"),
                **_BAD,
            },
        )
        for path, resource in _SEARCHES
    ]


def _retrievals(archive: Archive, bulk: BulkService) -> list[Route]:
    def handler(request: Request) -> Response:
        wanted = bulk.retrieve if wants_bulk(accepted(request)) else partial(retrieve, archive)
        return wanted(request)

    return [
        Route(
            method="GET",
            path=path,
            handler=handler,
            level=level,
            action=Action.READ,
            summary=f"The instances of a {level.value} (WADO-RS)",
            parameters=(_ACCEPT,),
            scoped=True,
            answers={
                200: Answer("All instances", media_types=(_RELATED, DICOM, ZIP)),
                206: Answer("Not all: the others fit no transfer syntax, or are kept back"),
                304: Answer("Nothing has changed"),
                **_NONE,
            },
        )
        for path, level in _RETRIEVALS
    ]


def _metadata(metadata: MetadataService) -> list[Route]:
    return [
        Route(
            method="GET",
            path=path + "/metadata",
            handler=metadata.retrieve,
            level=level,
            action=Action.READ,
            summary=f"Metadata of a {level.value} (WADO-RS)",
            parameters=(_ACCEPT,),
            scoped=True,
            answers={
                200: Answer(
                    f"JSON, or {XML} in parts", media_types=(JSON, _RELATED, ZIP), schema=_ARRAY
                ),
                304: Answer("Nothing has changed"),
                **_NONE,
            },
        )
        for path, level in _RETRIEVALS
    ]


def _frames(archive: Archive) -> Route:
    return Route(
        method="GET",
        path=_INSTANCE + "/frames/{frames}",
        handler=partial(retrieve_frames, archive),
        level=Level.FRAME,
        action=Action.READ,
        summary="Frames by their numbers, from 1: 1,2,7 (WADO-RS)",
        parameters=(_ACCEPT,),
        answers={
            200: Answer("The frames", media_types=(_RELATED, OCTETS, *PIXEL_MEDIA)),
            206: Answer("A range of a single one"),
            **_NONE,
        },
    )


def _bulk(archive: Archive) -> Route:
    return Route(
        method="GET",
        path=_INSTANCE + "/bulkdata/{path:path}",
        handler=partial(retrieve_bulk, archive),
        level=Level.BULK,
        action=Action.READ,
        summary="One value that metadata refer to (WADO-RS)",
        parameters=(_ACCEPT,),
        answers={
            200: Answer("The value", media_types=(OCTETS, _RELATED)),
            206: Answer("A range of it"),
            **_NONE,
        },
    )


def _bulk_of_many(bulk: BulkService) -> list[Route]:
    return [
        Route(
            method="GET",
            path=f"{path}/{tail}",
            handler=handler,
            level=Level.BULK,
            action=Action.READ,
            summary=f"{what} of a {level.value} (WADO-RS)",
            description="Each value is a part, under the reference that metadata have for it.",
            parameters=(_ACCEPT,),
            scoped=True,
            answers={
                200: Answer("All values", media_types=(_RELATED, ZIP)),
                206: Answer("Not all: the others fit no media type, or are kept back"),
                **_NONE,
            },
        )
        for path, level in _RETRIEVALS
        for tail, what, handler in (
            ("bulkdata", "All bulk data", bulk.retrieve),
            ("pixeldata", "The pixel data", bulk.retrieve_pixels),
        )
    ]


def _stores(archive: Archive) -> list[Route]:
    return [
        Route(
            method="POST",
            path=path,
            handler=partial(store, archive),
            level=Level.STUDY,
            action=Action.WRITE,
            summary=f"Store instances {where} (STOW-RS)",
            description="Answered when all are durable; the answer says what became of each.",
            takes=Takes(media_types=(_RELATED, DICOM)),
            scoped=True,
            answers={
                200: Answer("All are stored", media_types=(JSON, XML), schema=_OBJECT),
                202: Answer("Stored with warnings, or not all of them", media_types=(JSON, XML)),
                409: Answer("None is stored", media_types=(JSON, XML)),
                415: Answer("A media type that is not stored"),
                **_BAD,
            },
        )
        for path, where in ((ROOT + "/studies", "of any study"), (_STUDY, "of one study"))
    ]
