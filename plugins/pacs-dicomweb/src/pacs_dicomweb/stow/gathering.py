"""Metadata and bulk data of one request, put together to instances (PS3.18 8.6.1.2.1, F.1, 10.5).

Metadata are in memory, within a limit; bulk data go to a temporary file without a name from 16 MiB
on. Values that are long are copied from there into the instance and are never whole in memory.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urljoin

from pacs_dicomweb.model.reading import parse_json
from pacs_dicomweb.model.xml_reading import json_of_xml
from pacs_dicomweb.stow.composing import ComposedInstance, compose
from pacs_dicomweb.stow.media import media_type_of
from pacs_dicomweb.stow.results import JSON, XML
from pacs_dicomweb.wado.pixel_media import OCTETS, PIXEL_MEDIA
from pacs_framework.dicom.file_meta import FileMeta
from pacs_framework.dicom.uids import is_valid_uid
from pacs_framework.errors import PacsError, UnreadableInstance
from pacs_http.api import Problem

if TYPE_CHECKING:
    from pacs_dicomweb.stow.parts import IncomingPart
    from pacs_dicomweb.stow.results import Outcomes
    from pacs_http.api import Request

__all__ = ["BulkPart", "Gathered"]

_MOST_METADATA = 64 << 20
_IN_MEMORY = 16 << 20
_BLOCK = 1 << 18
_MOST_PARTS = 1 << 17
_EXPLICIT_VR = "1.2.840.10008.1.2.1"


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkPart:
    """Where the bytes of one part are, and how they are encoded."""

    offset: int
    length: int
    transfer_syntax: str


@dataclass(slots=True)
class _Located:
    """The parts of one Content-Location, which are the frames of one value, in their order."""

    parts: list[BulkPart] = field(default_factory=list)
    used: bool = False


class Gathered:
    """The parts of one request; a ``with`` block bounds how long they are kept."""

    def __init__(self, request: Request) -> None:
        self._base = f"{request.base_url}{request.path}"
        self._metadata: list[dict[str, Any]] = []
        self._size = 0
        self._bulk: dict[str, _Located] = {}
        self._number = 0
        self._file = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115 - `__exit__`

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def take(self, parts: Iterator[IncomingPart]) -> None:
        """All parts. Raises `Problem`, and `UnreadableInstance` for metadata that are none."""
        for part in parts:
            self._number += 1
            if self._number > _MOST_PARTS:
                raise Problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"more than {_MOST_PARTS} parts")
            media = media_type_of(part.media_type, "a part")
            if media.media_type in {JSON, XML}:
                self._metadata.extend(_described(media.media_type, self._whole(part)))
            else:
                self._keep(part, media.media_type, media.transfer_syntax)

    def instances(self, results: Outcomes) -> Iterator[ComposedInstance]:
        """Each instance that can be put together; what cannot goes into ``results``."""
        for value in self._metadata:
            meta = _announced(value)
            try:
                yield compose(value, meta, self)
            except PacsError as error:
                if meta.sop_instance_uid:
                    results.failed(meta, error)
                else:
                    results.unnamed(error)
        for located in self._bulk.values():
            if not located.used:
                cause = "bulk data came that no metadata refer to"
                results.unnamed(UnreadableInstance(cause))

    # --- for `compose` --------------------------------------------------------------------------

    def parts_at(self, uri: str) -> list[BulkPart]:
        """The parts that a BulkDataURI means. Raises `UnreadableInstance` where there is none."""
        found = self._bulk.get(urljoin(self._base, uri))
        if found is None:
            raise UnreadableInstance("a BulkDataURI has no part with this Content-Location")
        found.used = True
        return found.parts

    def read(self, part: BulkPart) -> bytes:
        """All of a part, in memory."""
        self._file.seek(part.offset)
        return self._file.read(part.length)

    def blocks(self, part: BulkPart) -> Iterator[bytes]:
        """A part, piece by piece."""
        done = 0
        while done < part.length:
            self._file.seek(part.offset + done)
            block = self._file.read(min(_BLOCK, part.length - done))
            done += len(block)
            yield block

    # --- parts ----------------------------------------------------------------------------------

    def _whole(self, part: IncomingPart) -> bytes:
        pieces: list[bytes | memoryview] = []
        for piece in part.pieces:
            self._size += len(piece)
            if self._size > _MOST_METADATA:
                raise Problem(
                    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                    f"more than {_MOST_METADATA >> 20} MiB of metadata: send fewer instances at "
                    "once, and long values as bulk data",
                )
            pieces.append(piece)
        return b"".join(pieces)

    def _keep(self, part: IncomingPart, media_type: str, transfer_syntax: str) -> None:
        syntax = _syntax_of(media_type, transfer_syntax)
        location = part.headers.get("content-location", "")
        if not location:
            raise Problem(HTTPStatus.BAD_REQUEST, "a part with bulk data has no Content-Location")
        begin = self._file.seek(0, 2)
        for piece in part.pieces:
            self._file.write(piece)
        kept = BulkPart(offset=begin, length=self._file.tell() - begin, transfer_syntax=syntax)
        self._bulk.setdefault(urljoin(self._base, location), _Located()).parts.append(kept)


def _described(media_type: str, document: bytes) -> list[dict[str, Any]]:
    """The data sets of a part with metadata. Raises `UnreadableInstance`."""
    if media_type == XML:
        return [json_of_xml(document)]
    value = parse_json(document)
    several = value if isinstance(value, list) else [value]
    if not all(isinstance(each, dict) for each in several):
        raise UnreadableInstance("metadata are an array of data sets")
    return several


def _announced(value: dict[str, Any]) -> FileMeta:
    """What metadata say of their instance; UIDs that are none are empty."""
    return FileMeta(
        sop_class_uid=_uid(value, "00080016"),
        sop_instance_uid=_uid(value, "00080018"),
        transfer_syntax_uid=_EXPLICIT_VR,
    )


def _uid(value: dict[str, Any], tag: str) -> str:
    attribute = value.get(tag)
    values = attribute.get("Value") if isinstance(attribute, dict) else None
    found = values[0] if isinstance(values, list) and values else ""
    return found if isinstance(found, str) and is_valid_uid(found) else ""


def _syntax_of(media_type: str, asked: str) -> str:
    """The transfer syntax of bulk data by media type. Raises `Problem` 415."""
    if media_type == OCTETS:
        return asked or _EXPLICIT_VR
    held = PIXEL_MEDIA.get(media_type, ())
    if not held or (asked and asked not in held):
        raise Problem(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            f"bulk data of media type {media_type} in this transfer syntax are not stored",
        )
    return asked or held[0]
