"""The addresses of storage commitment, where a plugin answers for what is stored."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pacs_dicomweb.bodies import TAKES
from pacs_dicomweb.commitment.service import CommitmentService
from pacs_dicomweb.located import ROOT
from pacs_dicomweb.only_one import provided
from pacs_http.api import Action, Answer, Level, Route

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pacs_framework.archive.archive import Archive

__all__ = ["commitment_routes"]

_REQUEST = ROOT + "/commitment-requests/{transaction}"
_TAKES = replace(TAKES, limit=16 << 20)
_ANSWERS = {
    200: Answer(
        "Which instances are committed, and which are not",
        media_types=("application/dicom+json", "multipart/related"),
        schema={"type": "array", "items": {"type": "object"}},
    ),
    202: Answer("It is worked on: ask again"),
    400: Answer("The request cannot be understood"),
}


def commitment_routes(archive: Archive) -> Sequence[Route]:
    """Both transactions, or none where no plugin offers them. Raises `PluginError` for two."""
    commitments = provided(archive, "commitments", "answer for storage")
    if commitments is None:
        return []
    service = CommitmentService(commitments)
    return [
        Route(
            method="POST",
            path=_REQUEST,
            handler=service.request,
            level=Level.INSTANCE,
            action=Action.WRITE,
            summary="Request storage commitment",
            description="Whoever stores may ask, before deleting what was sent.",
            takes=_TAKES,
            answers={
                **_ANSWERS,
                409: Answer("The Transaction UID is in use for another request"),
                413: Answer("More instances than are taken at once"),
            },
        ),
        Route(
            method="GET",
            path=_REQUEST,
            handler=service.check,
            level=Level.INSTANCE,
            action=Action.WRITE,  # for who may ask, and for nobody else
            summary="What became of a request for storage commitment",
            answers={**_ANSWERS, 404: Answer("You have asked nothing under this Transaction UID")},
        ),
    ]
