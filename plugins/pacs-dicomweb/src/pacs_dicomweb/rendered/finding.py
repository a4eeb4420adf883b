"""What a presentation state refers to, found in its study."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from typing import TYPE_CHECKING

from pydicom import Dataset

from pacs_framework.archive.query_keys import Root
from pacs_framework.dicom.attributes import Level
from pacs_framework.errors import QueryError
from pacs_framework.rendering.presentation.registration import Registration, registration_of
from pacs_http.api import Problem

if TYPE_CHECKING:
    from pacs_dicomweb.rendered.sight import Sight
    from pacs_framework.archive.retrieve import StoredInstance
    from pacs_framework.rendering.presentation.references import ImageReference

__all__ = ["Registered", "located_in_series"]


def located_in_series(
    sight: Sight, series: str, instances: Sequence[str]
) -> dict[str, StoredInstance]:
    """Those of a series by their UIDs, or all of it where one of them is empty.

    Of the study of the state alone, and what may be seen.
    """
    identifier = Dataset()
    identifier.StudyInstanceUID = sight.request.resource.study
    identifier.SeriesInstanceUID = series
    level = Level.SERIES
    if all(instances):
        level = Level.IMAGE
        identifier.SOPInstanceUID = sorted(set(instances))
    reach = sight.request.scope.reach
    retrieve = sight.objects.archive.retrieve
    try:
        located = retrieve.locate(level, Root.STUDY, identifier, within=reach)
    except QueryError:  # what the state names is no UID
        return {}
    return {stored.sop_instance_uid: stored for stored in located}


class Registered:
    """Reads the spatial registrations that a state names; ``instances`` are those that were."""

    def __init__(self, sight: Sight) -> None:
        self._sight = sight
        self.instances: list[StoredInstance] = []

    def by(self, references: Sequence[ImageReference]) -> Sequence[Registration]:
        """All of them, in their order. Raises `Problem` 404 and 406: none may be passed over."""
        return [self._registration(each) for each in references]

    def _registration(self, named: ImageReference) -> Registration:
        uid = named.sop_instance_uid
        found = located_in_series(self._sight, named.series_instance_uid, [uid]) if uid else {}
        if uid not in found:
            raise Problem(
                HTTPStatus.NOT_FOUND,
                "a spatial registration that the presentation state refers to is not here",
            )
        self.instances.append(found[uid])
        with self._sight.studio.header(found[uid]) as dataset:
            return registration_of(dataset)
