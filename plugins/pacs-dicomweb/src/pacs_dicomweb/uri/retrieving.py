"""WADO-URI answered: an instance as a DICOM file, or a picture of one of its frames."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from pacs_dicomweb.accept import MediaRange, accepted, not_acceptable, parse_accept
from pacs_dicomweb.rendered.kinds import Kind, kind_of, media_of
from pacs_dicomweb.rendered.media import HTML, JPEG
from pacs_dicomweb.uri.anonymous import retrieve_anonymous
from pacs_dicomweb.uri.parameters import FromUri, parameters_of
from pacs_dicomweb.wado.instances import one_alone
from pacs_dicomweb.wado.negotiating import DICOM
from pacs_dicomweb.wado.pixels import only_instance
from pacs_http.api import Problem

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pacs_dicomweb.rendered.service import RenderedService
    from pacs_framework.archive.archive import Archive
    from pacs_framework.archive.retrieve import StoredInstance
    from pacs_http.api import Request, Response

__all__ = ["retrieve_by_uri"]


def retrieve_by_uri(
    archive: Archive, pictures: RenderedService, request: Request, anonymizer: str = ""
) -> Response:
    """Answer GET of ``/wado?requestType=WADO&…``. Raises `Problem` and `PacsError`.

    ``anonymizer`` is the name of the one that de-identifies what is to be.
    """
    asked = parameters_of(request)
    ranges = _ranges(request, asked)
    stored = only_instance(archive, request)
    media_type = (
        _default(pictures, request, stored, asked) if _is_plain(ranges) else _chosen(ranges, stored)
    )
    if media_type == DICOM:
        if asked.picture:
            raise Problem(
                HTTPStatus.BAD_REQUEST,
                f"rows, columns, region, windows, annotation, frameNumber, imageQuality and "
                f"presentationUID are for pictures, not for {DICOM}",
            )
        if asked.anonymize:
            return retrieve_anonymous(archive, anonymizer, request, asked.transfer_syntax)
        return one_alone(archive, request, asked.transfer_syntax)
    if asked.anonymize:
        raise Problem(HTTPStatus.BAD_REQUEST, f"anonymize is for {DICOM} alone (PS3.18 9.1.2.3.1)")
    if asked.transfer_syntax:
        raise Problem(HTTPStatus.BAD_REQUEST, f"transferSyntax is for {DICOM} alone")
    return pictures.by_uri(request, stored, asked, media_type)


def _ranges(request: Request, asked: FromUri) -> Sequence[MediaRange]:
    """``contentType`` says what is wanted; without it, Accept does."""
    of_accept = accepted(request)  # it checks the character set, too
    return parse_accept(asked.media_types) if asked.media_types else of_accept


def _is_plain(ranges: Sequence[MediaRange]) -> bool:
    """Nobody has said what is wanted."""
    return tuple(each.media_type for each in ranges) == ("*/*",)


def _default(
    pictures: RenderedService, request: Request, stored: StoredInstance, asked: FromUri
) -> str:
    """A picture of what is one, a page of a report, else the instance (Table 8.7.4-1)."""
    if asked.transfer_syntax or asked.anonymize:
        return DICOM
    if kind_of(stored.sop_class_uid) is Kind.REPORT:
        return HTML
    single = asked.picture or pictures.is_single_picture(request, stored)
    return JPEG if single else DICOM


def _chosen(ranges: Sequence[MediaRange], stored: StoredInstance) -> str:
    """The first media type that is accepted and can be had. Raises `Problem` 406."""
    offered = (*media_of(stored.sop_class_uid), DICOM)
    for each in ranges:
        for media_type in offered:
            if each.takes(media_type):
                return media_type
    raise not_acceptable(offered)
