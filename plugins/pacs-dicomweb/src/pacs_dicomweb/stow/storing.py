"""The Store transaction: each instance of a request through the archive's door (PS3.18 10.5)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING

from pacs_dicomweb.stow.committing import Commits
from pacs_dicomweb.stow.intake import Intake
from pacs_dicomweb.stow.results import Results, chosen_form
from pacs_framework.errors import MismatchedInstance, RefusedByPolicy
from pacs_http.api import Problem

if TYPE_CHECKING:
    from pacs_framework.archive.archive import Archive
    from pacs_framework.archive.incoming import Origin
    from pacs_framework.dicom.file_meta import FileMeta
    from pacs_http.api import Request, Response

__all__ = ["DOOR", "store"]

DOOR = "stow"


def store(archive: Archive, request: Request) -> Response:
    """Answer POST of ``/studies`` and ``/studies/{study}``.

    Nothing is answered before every instance is durable and indexed, or refused. Raises `Problem`
    where the request as a whole is wrong and nothing of it was kept.
    """
    form = chosen_form(request)
    results = Results.of(request)
    with Commits(archive, results, partial(_check, request)) as commits:
        receive = partial(_receive, archive, request.origin(DOOR), commits)
        Intake(request, results, receive, commits.wait).take()
    return results.answer(form)


def _receive(
    archive: Archive,
    origin: Origin,
    commits: Commits,
    meta: FileMeta,
    pieces: Iterable[bytes | memoryview],
) -> None:
    """Let an instance in; it is kept while the next ones arrive."""
    reception = archive.receive(origin, meta)
    try:
        for piece in pieces:
            reception.write(piece)
    except BaseException:
        reception.close()
        raise
    commits.add(reception, meta)


def _check(request: Request, attributes: Mapping[str, str]) -> None:
    """The study that the address names, and the one who stores."""
    study = request.resource.study
    if study and attributes["StudyInstanceUID"] != study:
        raise MismatchedInstance("the instance is of another study than the address names")
    try:
        request.scope.check_write(attributes)
    except Problem as problem:
        raise RefusedByPolicy(problem.detail) from None
