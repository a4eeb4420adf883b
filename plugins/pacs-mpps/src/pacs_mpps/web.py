"""Steps by HTTP, for who answers it (hook ``performed_steps`` of pacs-dicomweb).

It is taken by its methods, so that plugin need not be installed. It is the same book as by DIMSE,
and the same is told to others; who delivers that works beside the listener (see `crew`).
"""

from __future__ import annotations

from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING

import structlog

from pacs_framework.dicom.status import Status
from pacs_framework.errors import PacsError
from pacs_framework.network.errors import NormalizedFailure
from pacs_mpps.crew import look_again_later, ring
from pacs_mpps.encoding import received
from pacs_mpps.recording import Recording, book_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydicom import Dataset

    from pacs_framework.archive.archive import Archive
    from pacs_mpps.settings import MppsSettings

__all__ = ["StepRefused", "WebPerformedSteps"]

# PS3.18 Tables 15.4.3-1 and 15.5.3-1; all else is about what the request says.
_HTTP = {
    Status.DUPLICATE_SOP_INSTANCE: HTTPStatus.CONFLICT,
    Status.NO_SUCH_SOP_INSTANCE: HTTPStatus.NOT_FOUND,
    Status.PROCESSING_FAILURE: HTTPStatus.CONFLICT,  # it may no longer be updated
    Status.NO_SUCH_ATTRIBUTE: HTTPStatus.CONFLICT,  # an attribute that only N-CREATE may give
}

_log = structlog.get_logger(__name__)


class StepRefused(PacsError):
    """The request is refused, as N-CREATE, N-SET or N-GET would be with ``status``."""

    def __init__(self, refused: NormalizedFailure) -> None:
        super().__init__(str(refused), status=refused.status)
        self.http_status = _HTTP.get(Status(refused.status), HTTPStatus.BAD_REQUEST)


class WebPerformedSteps:
    """The three transactions; safe to use from many threads."""

    def __init__(self, archive: Archive, settings: MppsSettings) -> None:
        self._archive = archive
        self._book = book_of(archive, settings)
        self._recording = Recording(
            self._book,
            archive.lookup.present,
            wake=partial(ring, archive.data),
            look_again=self._look_again,
            strict=settings.strict,
        )

    def create(self, uid: str, dataset: Dataset, requester: str) -> list[int]:
        """Note a step that begins; the tags of what is not kept. Raises `StepRefused`,
        `QueryError` for a value that has no encoding, and `IndexUnavailable`, as all do.
        """
        _without_names(dataset)
        return _told(lambda: self._recording.create(uid, received(dataset), requester))

    def update(self, uid: str, modifications: Dataset, requester: str) -> list[int]:
        """Change a step, and end it."""
        _without_names(modifications)
        return _told(lambda: self._recording.change(uid, received(modifications), requester))

    def retrieve(self, uid: str) -> Dataset:
        """All of a step."""
        found = self._book.get(uid)
        if found is None:
            raise StepRefused(
                NormalizedFailure(f"there is no step {uid}", status=Status.NO_SUCH_SOP_INSTANCE)
            )
        return found.step.dataset

    def _look_again(self, uids: list[str]) -> None:
        """What the crew does for a step that came by DIMSE."""
        try:
            present = self._archive.lookup.present(uids)
            if present:
                self._book.arrived(present)
        except PacsError as error:  # the step is committed: its crew looks, when it can
            _log.warning("awaited instances cannot be looked up", cause=str(error))
            look_again_later(self._archive.data)


def _told(operation: Callable[[], list[int]]) -> list[int]:
    try:
        return operation()
    except NormalizedFailure as error:
        raise StepRefused(error) from error


def _without_names(dataset: Dataset) -> None:
    """The address names the instance; in the data set that is no attribute of a step."""
    for keyword in ("SOPClassUID", "SOPInstanceUID"):
        dataset.pop(keyword, None)
