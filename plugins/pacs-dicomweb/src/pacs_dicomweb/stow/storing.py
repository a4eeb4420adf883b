"""The Store transaction: each instance of a request through the archive's door (PS3.18 10.5)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pacs_dicomweb.stow.committing import Commits
from pacs_dicomweb.stow.intake import Intake
from pacs_dicomweb.stow.results import Results, chosen_form
from pacs_framework.errors import MismatchedInstance, RefusedByPolicy
from pacs_http.api import Problem

if TYPE_CHECKING:
    from pacs_framework.archive.archive import Archive
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
    with Commits(results) as commits:
        reception = _Reception(archive, request, commits)
        Intake(request, results, reception.receive, commits.wait).take()
    return results.answer(form)


@dataclass(frozen=True, slots=True)
class _Reception:
    """The archive's door, with what the one who stores may bring through it."""

    archive: Archive
    request: Request
    commits: Commits

    def receive(self, meta: FileMeta, pieces: Iterable[bytes | memoryview]) -> None:
        """Let an instance in; it is kept while the next one arrives."""
        reception = self.archive.receive(self.request.origin(DOOR), meta)
        try:
            for piece in pieces:
                reception.write(piece)
        except BaseException:
            reception.close()
            raise
        self.commits.add(reception, meta, self._check)

    def _check(self, attributes: Mapping[str, str]) -> None:
        """The study that the address names, and the one who stores."""
        study = self.request.resource.study
        if study and attributes["StudyInstanceUID"] != study:
            raise MismatchedInstance("the instance is of another study than the address names")
        try:
            self.request.scope.check_write(attributes)
        except Problem as problem:
            raise RefusedByPolicy(problem.detail) from None
