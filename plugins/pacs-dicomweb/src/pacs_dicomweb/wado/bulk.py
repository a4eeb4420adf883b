"""Single values given out: what metadata refer to instead of holding it (PS3.18 10.4.1.1.5)."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import TYPE_CHECKING

from pydicom.dataelem import DataElement, RawDataElement

from pacs_dicomweb.accept import accepted, not_acceptable
from pacs_dicomweb.model.documents import (
    PixelElement,
    Tail,
    parts_of,
    ranged_tail,
    split_ranged,
)
from pacs_dicomweb.multipart import Multipart, Part
from pacs_dicomweb.wado.instances import DOOR, PRIVATE, etag_of
from pacs_dicomweb.wado.objects import Objects, StoredRange
from pacs_dicomweb.wado.pixel_media import OCTETS
from pacs_dicomweb.wado.pixels import only_instance, retrieve_all_frames, retrieve_numbered
from pacs_dicomweb.wado.ranges import in_range
from pacs_framework.dicom.elements import swap_unit, swapped
from pacs_framework.dicom.header import split_data_set
from pacs_framework.dicom.rewrite import PYDICOM_FAILURES, decode_header
from pacs_framework.dicom.uids import DEFLATED
from pacs_http.api import Problem, Response, not_modified

if TYPE_CHECKING:
    from pacs_framework.archive.archive import Archive
    from pacs_framework.archive.retrieve import StoredInstance
    from pacs_framework.dicom.header import SplitDataSet
    from pacs_http.api import Request

__all__ = ["parse_path", "retrieve_bulk", "value_at"]

_PIXEL_DATA = 0x7FE00010
_FRAMES = "7FE00010/frames/"  # where the parts of an answer with all values are (bulk_of_many)
_LONGEST_PATH = 1024
_LARGEST = 1 << 28  # bytes of a value in memory; a header has no longer ones
_is_path = re.compile(r"[0-9A-Fa-f]{8}(/[1-9][0-9]{0,6}/[0-9A-Fa-f]{8})*").fullmatch


def retrieve_bulk(archive: Archive, request: Request) -> Response:
    """Answer GET of ``…/bulkdata/{path}``. Raises `Problem` and `PacsError`."""
    text = request.path_parameters["path"]
    if text.startswith(_FRAMES):
        return retrieve_numbered(archive, request, text.removeprefix(_FRAMES))
    path = parse_path(text)
    if path == [_PIXEL_DATA]:
        return retrieve_all_frames(archive, request)
    multipart = _packing(request)
    stored = only_instance(archive, request)
    objects = Objects(archive, request.recipient(DOOR))
    headers = [PRIVATE]
    if objects.as_stored(stored):
        etag = etag_of(stored.storage_key, *map(str, path))
        if not_modified(request, etag):
            return Response(status=304, headers=[("ETag", etag), PRIVATE])
        headers.append(("ETag", f"W/{etag}" if multipart else etag))
    else:
        etag = ""
    value = value_at(archive, objects, stored, path)
    if multipart:
        body = Multipart([Part(media_type=OCTETS, pieces=(value,))], OCTETS)
        return Response(headers=headers, media_type=body.media_type, body=body)
    return in_range(
        request,
        lambda start, end: value[start:end],
        size=len(value),
        media_type=OCTETS,
        headers=headers,
        etag=etag,
    )


def parse_path(text: str) -> list[int]:
    """Tags and item numbers by turns: ``54000100/1/54001010``. Raises `Problem` 404."""
    if len(text) > _LONGEST_PATH or not _is_path(text):
        raise _no_value()
    parts = text.split("/")
    return [int(part, 10 if place % 2 else 16) for place, part in enumerate(parts)]


def _packing(request: Request) -> bool:
    """Whether the value goes into a multipart."""
    for each in accepted(request):
        if each.takes(OCTETS):
            return False
        if each.takes_parts(OCTETS):
            return True
    raise not_acceptable([OCTETS, f'multipart/related; type="{OCTETS}"'])


def value_at(archive: Archive, objects: Objects, stored: StoredInstance, path: list[int]) -> bytes:
    """The value at a path, as it is encoded. Raises `Problem` 404 and `PacsError`."""
    opened = objects.open(stored)
    with opened.data as data:
        syntax = opened.instance.transfer_syntax_uid
        if not objects.as_stored(stored) or syntax in DEFLATED:
            split = split_data_set(data, syntax)
            tail = Tail(split.tail)
        else:
            source = StoredRange(archive, opened.instance)
            split = split_ranged(source, syntax)
            tail = ranged_tail(source, split)
        for part in parts_of(split, tail):
            if isinstance(part, PixelElement):
                if part.tag == path[0]:
                    return _float_pixels(part, tail)
                continue
            found = _find(part, path)
            if found is not None:
                return found
    raise _no_value()


def _float_pixels(element: PixelElement, tail: Tail) -> bytes:
    if element.length > _LARGEST:
        raise Problem(
            HTTPStatus.NOT_ACCEPTABLE,
            f"{element.length} bytes of float pixel data are too many to be given out by "
            "themselves; retrieve the instance",
        )
    return tail.take(element.length)


def _find(part: SplitDataSet, path: list[int]) -> bytes | None:
    dataset = decode_header(part)
    try:
        for tag, number in zip(path[:-1:2], path[1::2], strict=True):
            dataset = dataset[tag].value[number - 1]
        if path[-1] not in dataset:
            return None
        element = dataset.get_item(path[-1])
    except PYDICOM_FAILURES:
        return None
    return _bytes_of(element, little=part.little)


def _bytes_of(element: RawDataElement | DataElement, *, little: bool) -> bytes:
    """The value as it is encoded, numbers in little endian."""
    value: object = element.value
    if not isinstance(value, bytes):
        raise _no_value()
    unit = swap_unit(str(element.VR or "UN"))
    return swapped(value, unit) if unit > 1 and not little else value


def _no_value() -> Problem:
    return Problem(
        HTTPStatus.NOT_FOUND, "the instance has no value there that is answered as bulk data"
    )
