"""Thumbnails answered: one small picture that stands for what is below (PS3.18 10.4.1.1.4)."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from typing import TYPE_CHECKING

from pacs_dicomweb.rendered.files import file_of
from pacs_dicomweb.rendered.kinds import Kind, kind_of
from pacs_dicomweb.rendered.pictures import show_one_frame
from pacs_dicomweb.rendered.sight import Sight, nothing_to_see
from pacs_dicomweb.rendered.states import read_state, show_one_by_state
from pacs_dicomweb.rendered.studio import representative_frame
from pacs_framework.errors import ObjectNotFound, RefusedByPolicy
from pacs_framework.rendering.attributes import text_of
from pacs_framework.rendering.documents import document_in
from pacs_framework.rendering.reports.values import date_of, meaning_of
from pacs_framework.rendering.sheets import sheet_of
from pacs_http.api import Problem

if TYPE_CHECKING:
    from pydicom import Dataset

    from pacs_dicomweb.rendered.media import ChosenMedia
    from pacs_framework.archive.retrieve import StoredInstance
    from pacs_http.api import Response

__all__ = ["show_thumbnail"]

_MOST_TRIES = 8
_NEXT_ONE = (HTTPStatus.NOT_ACCEPTABLE, HTTPStatus.NOT_FOUND, HTTPStatus.NOT_IMPLEMENTED)


def show_thumbnail(sight: Sight, located: Sequence[StoredInstance], media: ChosenMedia) -> Response:
    """The first of all that can be drawn: images, then states, then reports and documents.

    Raises what was wrong with the last of them.
    """
    failure: Exception = nothing_to_see(located[0].sop_class_uid if len(located) == 1 else "")
    for stored in _candidates(located):
        try:
            return _drawn(sight, stored, media)
        except (Problem, ObjectNotFound, RefusedByPolicy) as error:
            if isinstance(error, Problem) and error.status not in _NEXT_ONE:
                raise
            failure = error
    raise failure


def _candidates(located: Sequence[StoredInstance]) -> Sequence[StoredInstance]:
    """What may stand for all: the image in the middle of the first series, then others."""
    by_kind: dict[Kind, list[StoredInstance]] = {kind: [] for kind in Kind}
    for stored in located:
        by_kind[kind_of(stored.sop_class_uid)].append(stored)
    others = (by_kind[kind][:_MOST_TRIES] for kind in (Kind.STATE, Kind.REPORT, Kind.DOCUMENT))
    return [*_images(by_kind[Kind.IMAGE]), *(each for several in others for each in several)]


def _images(images: Sequence[StoredInstance]) -> Sequence[StoredInstance]:
    if not images:
        return ()
    series = [each for each in images if each.series_row == images[0].series_row]
    middle = len(series) // 2
    ordered = [series[middle], *series[:middle], *series[middle + 1 :]]
    others = [each for each in images if each.series_row != images[0].series_row]
    return [*ordered[: _MOST_TRIES // 2], *others[: _MOST_TRIES // 2]]


def _drawn(sight: Sight, stored: StoredInstance, media: ChosenMedia) -> Response:
    match kind_of(stored.sop_class_uid):
        case Kind.IMAGE:
            with sight.studio.image(stored) as image:
                number = representative_frame(image)
            return show_one_frame(sight, stored, number, media)
        case Kind.STATE:
            seen = read_state(sight, stored)
            return show_one_by_state(sight, seen, seen.first[1], None, media)
        case _:
            return _sheet(sight, stored, media)


def _sheet(sight: Sight, stored: StoredInstance, media: ChosenMedia) -> Response:
    """A page with what kind of thing it is, and its title."""
    etag = sight.etag(f"{media}", "sheet", made_of=[stored])
    if (unchanged := sight.unchanged(etag)) is not None:
        return unchanged
    with sight.studio.header(stored) as header:
        label, lines = _words(header)
    look = sight.asked.look
    assert look.box is not None  # a thumbnail has a size, its own or the one that is asked for
    picture = sheet_of(label, lines, look.box)
    return sight.whole(media.media_type, file_of(picture, media.media_type, look.quality), etag)


def _words(header: Dataset) -> tuple[str, list[str]]:
    title = meaning_of(header, "ConceptNameCodeSequence")
    document = document_in(header)
    if document is not None:
        title = text_of(header, "DocumentTitle") or title
    label = document.suffix.removeprefix(".").upper() if document is not None else ""
    day = date_of(header, "ContentDate")
    return label or text_of(header, "Modality") or "SR", [line for line in (title, day) if line]
