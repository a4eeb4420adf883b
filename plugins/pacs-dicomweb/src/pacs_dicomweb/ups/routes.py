"""The addresses of workitems, where a plugin keeps some."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pacs_dicomweb.bodies import TAKES
from pacs_dicomweb.located import ROOT
from pacs_dicomweb.only_one import provided
from pacs_dicomweb.ups.service import WorklistService
from pacs_http.api import Action, Answer, Level, Parameter, Route, Takes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pacs_framework.archive.archive import Archive

__all__ = ["workitem_routes"]

_ITEMS = ROOT + "/workitems"
_ITEM = _ITEMS + "/{workitem}"
_SUBSCRIBER = _ITEM + "/subscribers/{aet}"
_JSON = "application/dicom+json"
_RELATED = "multipart/related"
_ARRAY = {"type": "array", "items": {"type": "object"}}
_ERRORS = {
    400: Answer("The request cannot be understood"),
    404: Answer("There is no such workitem or subscriber"),
    409: Answer("Not in the state that the workitem is in"),
}
_OPTIONAL = Takes(media_types=(), limit=TAKES.limit)


def workitem_routes(archive: Archive) -> Sequence[Route]:
    """All transactions, or none where no plugin keeps workitems. Raises `PluginError` for two."""
    items = provided(archive, "workitems", "keep workitems")
    if items is None:
        return []
    service = WorklistService(items)
    return [*_worklist(service), *_changes(service), *_subscriptions(service), _channel(service)]


def _route(method: str, path: str, **more: object) -> Route:
    known = {"level": Level.WORKITEM, "action": Action.WRITE, "scoped": True, **more}
    answers = {**dict(known.pop("answers", {})), **_ERRORS}  # type: ignore[call-overload]
    return Route(method=method, path=path, answers=answers, **known)  # type: ignore[arg-type]


def _worklist(service: WorklistService) -> list[Route]:
    uid = Parameter(name="workitem", description="The UID; else the archive makes one")
    return [
        _route(
            "POST",
            _ITEMS,
            handler=service.create,
            summary="Create a workitem (UPS-RS)",
            parameters=(uid,),
            takes=TAKES,
            answers={201: Answer("It is scheduled")},
        ),
        _route(
            "GET",
            _ITEMS,
            handler=service.search,
            action=Action.SEARCH,
            summary="Search for workitems (UPS-RS)",
            answers={
                200: Answer("What matches", media_types=(_JSON, _RELATED), schema=_ARRAY),
                204: Answer("Nothing matches"),
            },
        ),
        _route(
            "GET",
            _ITEM,
            handler=service.retrieve,
            action=Action.READ,
            summary="A workitem (UPS-RS)",
            answers={200: Answer("It", media_types=(_JSON, _RELATED), schema=_ARRAY)},
        ),
    ]


def _changes(service: WorklistService) -> list[Route]:
    lock = Parameter(name="transaction", description="The Transaction UID of one IN PROGRESS")
    return [
        _route(
            "POST",
            _ITEM,
            handler=service.update,
            summary="Update a workitem (UPS-RS)",
            parameters=(lock,),
            takes=TAKES,
            answers={200: Answer("It is changed")},
        ),
        _route(
            "PUT",
            _ITEM + "/state",
            handler=service.change_state,
            summary="Claim, complete or cancel a workitem (UPS-RS)",
            takes=TAKES,
            answers={200: Answer("It is in this state")},
        ),
        _route(
            "POST",
            _ITEM + "/cancelrequest",
            handler=service.request_cancel,
            summary="Request the cancellation of a workitem (UPS-RS)",
            takes=_OPTIONAL,
            answers={202: Answer("The request is passed on, or carried out")},
        ),
    ]


def _subscriptions(service: WorklistService) -> list[Route]:
    parameters = (
        Parameter(name="deletionlock", type="boolean", description="Keep it from being deleted"),
        Parameter(name="filter", repeated=True, description="Keyword=value, for filtered ones"),
    )
    return [
        _route(
            "POST",
            _SUBSCRIBER,
            handler=service.subscribe,
            summary="Subscribe an AE to a workitem, or to all (UPS-RS)",
            parameters=parameters,
            takes=_OPTIONAL,
            answers={201: Answer("It is told from now on")},
        ),
        _route(
            "DELETE",
            _SUBSCRIBER,
            handler=service.unsubscribe,
            summary="End a subscription (UPS-RS)",
            answers={200: Answer("It is told no more")},
        ),
        _route(
            "POST",
            _SUBSCRIBER + "/suspend",
            handler=service.suspend,
            summary="Suspend a global subscription (UPS-RS)",
            takes=_OPTIONAL,
            answers={200: Answer("It is subscribed to no new workitems")},
        ),
    ]


def _channel(service: WorklistService) -> Route:
    return _route(
        "GET",
        ROOT + "/subscribers/{aet}",
        opens=service.open_channel,
        action=Action.READ,
        scoped=False,  # what an AE is told may be of anybody
        summary="Open a WebSocket for the event reports to an AE (UPS-RS)",
        description=(
            "Each message is an event report in DICOM JSON. A page shows its token as the "
            "subprotocol bearer.TOKEN, beside dicom-events."
        ),
        answers={426: Answer("It is a WebSocket")},
    )
