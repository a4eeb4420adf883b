"""The worklist by HTTP, for who answers it (hook ``scheduled_steps`` of pacs-dicomweb).

It is taken by its methods, so that plugin need not be installed.
"""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING

from pacs_framework.dicom.answering import answer_to
from pacs_framework.dicom.status import Status
from pacs_framework.errors import QueryError
from pacs_worklist.query import WorklistQuery
from pacs_worklist.service import find_items

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pydicom import Dataset

    from pacs_framework.archive.archive import Archive
    from pacs_worklist.settings import WorklistSettings

__all__ = ["TooManySteps", "WebWorklist"]


class TooManySteps(QueryError):
    """More steps match than are given out at once (PS3.18 10.6.3.1, 413)."""

    http_status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE


@dataclass(frozen=True, slots=True)
class WebWorklist:
    """The same items as by DIMSE. Who asks by HTTP calls no AE title: of configured folders, what
    is for a title alone is not offered.
    """

    archive: Archive
    settings: WorklistSettings

    def search(self, keys: Dataset, *, whole: bool) -> Sequence[Dataset]:
        """The steps that match ``keys``, earliest first; all that is known of each for ``whole``.

        Raises `QueryError`, `TooManySteps`, and `PluginError` when a source fails.
        """
        query = WorklistQuery(identifier=keys, most=self.settings.max_answers)
        try:
            found = find_items(query, self.archive)
        except QueryError as error:
            if error.status != Status.OUT_OF_RESOURCES:
                raise
            raise TooManySteps(str(error), status=error.status) from error
        return found if whole else [answer_to(keys, each) for each in found]
