"""Studies, series and instances deleted by HTTP: an extension, off by default.

The standard has no such transaction; other servers answer DELETE of a resource like this.
"""

from __future__ import annotations

from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING

from pacs_dicomweb.located import ROOT
from pacs_framework.archive.deletions import Target
from pacs_http.api import Action, Answer, Level, Problem, Request, Response, Route

if TYPE_CHECKING:
    from pacs_framework.archive.archive import Archive

__all__ = ["DOOR", "delete_routes"]

DOOR = "dicomweb"

_STUDY = ROOT + "/studies/{study}"
_SERIES = _STUDY + "/series/{series}"
_INSTANCE = _SERIES + "/instances/{instance}"
_LEVELS = ((_STUDY, Level.STUDY), (_SERIES, Level.SERIES), (_INSTANCE, Level.INSTANCE))


def delete_routes(archive: Archive) -> list[Route]:
    """DELETE at every level."""
    return [
        Route(
            method="DELETE",
            path=path,
            handler=partial(_delete, archive),
            level=level,
            action=Action.DELETE,
            summary=f"Delete a {level.value} (an extension)",
            answers={
                204: Answer("It is gone"),
                404: Answer("There is nothing of this name"),
                409: Answer("It is protected; nothing was deleted"),
            },
        )
        for path, level in _LEVELS
    ]


def _delete(archive: Archive, request: Request) -> Response:
    """All of it in one transaction, or nothing. Raises as `Deleting.delete`."""
    resource = request.resource
    try:
        target = Target(study=resource.study, series=resource.series, instance=resource.instance)
    except ValueError:
        raise Problem(HTTPStatus.BAD_REQUEST, "the address has something that is no UID") from None
    archive.deleting.delete(
        target,
        by=f"http/{request.principal.name}",
        reason=f"DELETE, request {request.request_id}",
        origin=request.origin(DOOR),
    )
    return Response(status=HTTPStatus.NO_CONTENT)
