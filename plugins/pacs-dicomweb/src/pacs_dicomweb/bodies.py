"""Data sets in the bodies of requests and answers: JSON or XML, one data set each."""

from __future__ import annotations

import json
from collections.abc import Iterable
from http import HTTPStatus

from pydicom import Dataset

from pacs_dicomweb.accept import accepted, not_acceptable
from pacs_dicomweb.model.datasets import dataset_json
from pacs_dicomweb.model.reading import dataset_of, parse_json
from pacs_dicomweb.model.xml_reading import json_of_xml
from pacs_dicomweb.model.xml_writing import xml_document
from pacs_dicomweb.multipart import Multipart, Part
from pacs_framework.errors import UnreadableInstance
from pacs_http.api import Problem, Request, Response, Takes

__all__ = ["TAKES", "answer", "chosen_form", "dataset_in"]

_JSON, _XML = "application/dicom+json", "application/dicom+xml"
_AS_JSON = frozenset({_JSON, "application/json"})
_LARGEST = 4 << 20

TAKES = Takes(media_types=(_JSON, "application/json", _XML, "application/xml"), limit=_LARGEST)
"""What a route takes that reads a data set."""


def dataset_in(request: Request, *, optional: bool = False) -> Dataset:
    """The data set in the body; an empty one where it may be missing and is.

    Raises `Problem` 400 and `UnreadableInstance`.
    """
    text = b"".join(request.body)
    if not text and optional:
        return Dataset()
    media_type = request.headers.get("content-type", _JSON).partition(";")[0].strip().lower()
    if media_type not in _AS_JSON:
        return _without_file_groups(dataset_of(json_of_xml(text)))
    value = parse_json(text)
    if isinstance(value, list):
        if len(value) != 1:
            raise Problem(HTTPStatus.BAD_REQUEST, "one data set is wanted, in an array or alone")
        value = value[0]
    if not isinstance(value, dict):
        raise UnreadableInstance("a data set in JSON is an object of attributes")
    return _without_file_groups(dataset_of(value))


def _without_file_groups(dataset: Dataset) -> Dataset:
    """Groups of commands and files are no part of a data set."""
    for tag in [tag for tag in dataset.keys() if tag.group < 0x0008]:  # noqa: SIM118 - the tags
        del dataset[tag]
    return dataset


def chosen_form(request: Request) -> str:
    """JSON or XML, as the client prefers. Raises `Problem` 406."""
    for each in accepted(request):
        if any(each.takes(media_type) for media_type in _AS_JSON):
            return _JSON
        if each.takes(_XML) or each.takes_parts(_XML):
            return _XML
    raise not_acceptable([_JSON, f'multipart/related; type="{_XML}"'])


def answer(found: Iterable[Dataset], form: str) -> Response:
    """Data sets as an array, or as parts of XML (PS3.18 F.1, 8.7.3.2)."""
    texts = map(dataset_json, found)
    if form == _JSON:
        body = f"[{','.join(texts)}]".encode()
        return Response(media_type=_JSON, body=body)
    documents = (xml_document(json.loads(text)) for text in texts)
    parts = Multipart((Part(media_type=_XML, pieces=(document,)) for document in documents), _XML)
    return Response(media_type=parts.media_type, body=parts)
