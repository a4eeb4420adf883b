"""Reports and encapsulated documents answered."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from pacs_dicomweb.located import ROOT
from pacs_dicomweb.rendered.media import HTML, PDF, PLAIN, REPORTS, choose_single
from pacs_dicomweb.rendered.sight import Shown, Sight, nothing_to_see, only_as_it_is
from pacs_framework.dicom.uids import is_valid_uid
from pacs_framework.rendering.attributes import text_of
from pacs_framework.rendering.documents import document_in
from pacs_framework.rendering.reports.html import in_html
from pacs_framework.rendering.reports.plain import in_plain_text
from pacs_framework.rendering.reports.reading import read_report

if TYPE_CHECKING:
    from pydicom import Dataset

    from pacs_dicomweb.rendered.media import ChosenMedia
    from pacs_framework.archive.retrieve import StoredInstance
    from pacs_framework.rendering.documents import EncapsulatedDocument
    from pacs_framework.rendering.reports.content import Reference
    from pacs_http.api import Response

__all__ = [
    "document_shown",
    "document_whole",
    "report_shown",
    "report_whole",
    "show_document",
    "show_report",
]

# What comes from strangers runs nothing and fetches nothing, whatever a browser makes of it.
_OWN_PAGE = (
    "Content-Security-Policy",
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'",
)
_OF_STRANGERS = ("Content-Security-Policy", "sandbox; default-src 'none'")
_is_media_type = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]*/[a-z0-9][a-z0-9!#$&^_.+-]*").fullmatch
_ANYTHING = "application/octet-stream"


def show_report(sight: Sight, stored: StoredInstance) -> Response:
    """A report as HTML, plain text, or XML in the Native DICOM Model."""
    only_as_it_is(sight.request, "reports are given as text")
    return report_whole(sight, stored, choose_single(sight.ranges, REPORTS))


def report_whole(sight: Sight, stored: StoredInstance, media: ChosenMedia) -> Response:
    """A report in the media type that was chosen. Raises `Problem` 406."""
    etag = sight.etag(f"{media}", sight.request.base_url, made_of=[stored])
    if (unchanged := sight.unchanged(etag)) is not None:
        return unchanged
    shown = report_shown(sight, stored, media.media_type)
    if media.multipart:
        return sight.in_parts(iter([shown]), media.media_type)
    more = [_OWN_PAGE] if media.media_type == HTML else []
    return sight.whole(f"{media.media_type}; charset=utf-8", shown.data, etag, more=more)


def report_shown(sight: Sight, stored: StoredInstance, media_type: str) -> Shown:
    """The file of a report. Raises `Problem` 406."""
    with sight.studio.header(stored) as dataset:
        data = _written(sight, dataset, media_type)
        series = text_of(dataset, "SeriesInstanceUID")
    return Shown(sight.address(stored, series, "rendered"), data)


def _written(sight: Sight, dataset: Dataset, media_type: str) -> bytes:
    report = read_report(dataset)
    pieces: Iterable[str]
    if media_type == HTML:
        pieces = in_html(report, lambda reference: _address(sight, reference))
    elif media_type == PLAIN:
        pieces = in_plain_text(report)
    else:
        return _native_xml(dataset)
    return "".join(pieces).encode("utf-8", "replace")


def _native_xml(dataset: Dataset) -> bytes:
    import json  # noqa: PLC0415 - hardly anybody asks

    from pacs_dicomweb.model.datasets import dataset_json  # noqa: PLC0415
    from pacs_dicomweb.model.xml_writing import xml_document  # noqa: PLC0415

    return xml_document(json.loads(dataset_json(dataset), parse_float=str, parse_int=str))


def _address(sight: Sight, reference: Reference) -> str:
    """Where an instance is seen; empty where the evidence does not tell, or tells no UID."""
    places = (
        reference.study_instance_uid,
        reference.series_instance_uid,
        reference.sop_instance_uid,
    )
    if not all(map(is_valid_uid, places)):
        return ""
    study, series, instance = places
    if reference.by is not None and (by_state := _by_state(sight, reference, reference.by)):
        return by_state
    frames = ",".join(map(str, reference.frames))
    tail = f"frames/{frames}/rendered" if frames else "rendered"
    service = f"{sight.request.base_url}{ROOT}"
    return f"{service}/studies/{study}/series/{series}/instances/{instance}/{tail}"


def _by_state(sight: Sight, reference: Reference, state: Reference) -> str:
    if state.study_instance_uid != reference.study_instance_uid or len(reference.frames) > 1:
        return ""
    if not (is_valid_uid(state.series_instance_uid) and is_valid_uid(state.sop_instance_uid)):
        return ""
    query = {
        "requestType": "WADO",
        "studyUID": reference.study_instance_uid,
        "seriesUID": reference.series_instance_uid,
        "objectUID": reference.sop_instance_uid,
        "presentationSeriesUID": state.series_instance_uid,
        "presentationUID": state.sop_instance_uid,
        **({"frameNumber": str(reference.frames[0])} if reference.frames else {}),
        "contentType": "image/jpeg",
    }
    return f"{sight.request.base_url}/wado?{urlencode(query, safe='/')}"


def show_document(sight: Sight, stored: StoredInstance) -> Response:
    """An encapsulated document, which is something to see as it is (PS3.18 8.7.4)."""
    shown, media_type = _document(sight, stored)
    only_as_it_is(sight.request, "documents are given as they are")
    media = choose_single(sight.ranges, [media_type])
    if media.multipart:
        return sight.in_parts(iter([shown]), media_type)
    return _document_answer(sight, shown, media_type)


def document_whole(sight: Sight, stored: StoredInstance) -> Response:
    """An encapsulated document alone. Raises `Problem` 406."""
    return _document_answer(sight, *_document(sight, stored))


def _document_answer(sight: Sight, shown: Shown, media_type: str) -> Response:
    # A PDF is shown by a part of the browser that is none of the page, and not in a sandbox.
    more = [] if media_type == PDF else [_OF_STRANGERS]
    return sight.whole(media_type, shown.data, more=more)


def document_shown(sight: Sight, stored: StoredInstance) -> Shown:
    """The document of an instance among others. Raises `Problem` 406."""
    return _document(sight, stored)[0]


def _document(sight: Sight, stored: StoredInstance) -> tuple[Shown, str]:
    """It, and its media type."""
    with sight.studio.header(stored) as header:
        document = document_in(header)
        if document is None:
            raise nothing_to_see(stored.sop_class_uid)
        address = sight.address(stored, text_of(header, "SeriesInstanceUID"), "rendered")
        return Shown(address, document.data), _media_type(document)


def _media_type(document: EncapsulatedDocument) -> str:
    """As the instance says, where it is one."""
    said = document.mime_type.partition(";")[0].strip().lower()
    return said if _is_media_type(said) else _ANYTHING
