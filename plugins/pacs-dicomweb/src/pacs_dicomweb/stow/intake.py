"""The instances in the body of a request, one by one as they arrive (PS3.18 8.6.1, 10.5.1.4)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from http import HTTPStatus
from itertools import chain
from typing import TYPE_CHECKING

from pacs_dicomweb.stow.gathering import Gathered
from pacs_dicomweb.stow.media import media_type_of
from pacs_dicomweb.stow.parts import IncomingPart, MultipartReader, checked_boundary
from pacs_dicomweb.stow.results import JSON, XML
from pacs_framework.dicom.part10 import read_prefix
from pacs_framework.errors import PacsError, UnreadableInstance
from pacs_http.api import Problem

if TYPE_CHECKING:
    from pacs_dicomweb.stow.results import Outcomes
    from pacs_framework.dicom.file_meta import FileMeta
    from pacs_http.api import Request

__all__ = ["DICOM", "Intake"]

DICOM = "application/dicom"

_HEAD = 1 << 18  # bytes in which the Part 10 header ends, if there is one
_LIKELY = 1 << 16  # bytes in which it nearly always ends, and the UIDs of the data set are
_PLAIN_ENCODINGS = frozenset({"", "binary", "8bit", "7bit"})
_AS_METADATA = {JSON: JSON, "application/json": JSON, XML: XML, "application/xml": XML}


@dataclass(frozen=True, slots=True)
class Intake:
    """Takes what is in the body of ``request``, in whichever form it is.

    Each instance is given to ``receive``, which may raise `PacsError`. What became of it is in
    ``results`` at the latest when ``settle`` has returned.
    """

    request: Request
    results: Outcomes
    receive: Callable[[FileMeta, Iterable[bytes | memoryview]], None]
    settle: Callable[[], None] = lambda: None

    def take(self) -> None:
        """All instances. Raises `Problem` where the request as a whole is wrong."""
        headers, body = self.request.headers, self.request.body
        if headers.get("content-encoding", "identity").lower() != "identity":
            raise _unsupported("a body with Content-Encoding is not read: send it as it is")
        sent = media_type_of(headers.get("content-type", ""), "the request")
        if sent.media_type == DICOM:
            self._file(iter(body))
        elif sent.media_type in _AS_METADATA:
            part = IncomingPart({"content-type": _AS_METADATA[sent.media_type]}, iter(body))
            self._parts(iter([part]), JSON)
        elif sent.media_type == "multipart/related":
            boundary = checked_boundary(sent.parameters.get("boundary", ""))
            self._parts(iter(MultipartReader(body, boundary)), sent.part_type)
        else:
            raise _unsupported(f"{sent.media_type} is not stored here")
        self.settle()
        if self.results.is_empty:
            raise Problem(HTTPStatus.BAD_REQUEST, "there is no instance in the request")

    def _parts(self, parts: Iterator[IncomingPart], part_type: str) -> None:
        """All parts. One that is cut is dropped; what was whole before it stays stored."""
        take = {DICOM: self._files, "*/*": self._files, JSON: self._described, XML: self._described}
        if part_type not in take:
            raise _unsupported(f"parts of type {part_type[:64]!r} are not stored here")
        try:
            take[part_type](parts)
        except Problem as problem:
            self.settle()
            if problem.status != HTTPStatus.BAD_REQUEST or not self.results.has_stored:
                raise
            self.results.unnamed(UnreadableInstance(problem.detail))

    def _files(self, parts: Iterator[IncomingPart]) -> None:
        for part in parts:
            media_type = part.media_type.partition(";")[0].strip().lower()
            encoding = part.headers.get("content-transfer-encoding", "").lower()
            if media_type not in {"", DICOM} or encoding not in _PLAIN_ENCODINGS:
                self.results.unnamed(UnreadableInstance(f"a part is not {DICOM}, in binary"))
                continue
            self._file(part.pieces)

    def _described(self, parts: Iterator[IncomingPart]) -> None:
        """Metadata and their bulk data: instances are there when all parts are."""
        with Gathered(self.request) as gathered:
            gathered.take(parts)
            for instance in gathered.instances(self.results):
                try:
                    self.receive(instance.meta, instance.pieces())
                except PacsError as error:
                    self.results.failed(instance.meta, error)

    def _file(self, pieces: Iterator[bytes | memoryview]) -> None:
        """One DICOM file, as it arrives."""
        head = _head(pieces, _LIKELY)
        try:
            try:
                found = read_prefix(head[:_LIKELY])
            except UnreadableInstance:
                head = _head(chain((head,), pieces), _HEAD)
                found = read_prefix(head)
        except UnreadableInstance as error:
            _pass_over(pieces)
            self.results.unnamed(error)
            return
        start: bytes | memoryview = memoryview(head)[found.dataset_offset :]
        body = chain((start,), pieces)
        try:
            self.receive(found.meta, body)
        except PacsError as error:
            _pass_over(pieces)
            self.results.failed(found.meta, error)


def _head(pieces: Iterator[bytes | memoryview], size: int) -> bytes | memoryview:
    """The first ``size`` bytes of a file and what came with them, or all of it."""
    first = next(pieces, b"")
    if len(first) >= size:
        return first
    head = bytearray(first)
    while len(head) < size and (piece := next(pieces, b"")):
        head += piece
    return bytes(head)


def _pass_over(pieces: Iterable[bytes | memoryview]) -> None:
    for _ in pieces:
        pass


def _unsupported(detail: str) -> Problem:
    known = f'multipart/related; type="{DICOM}", {DICOM}'
    return Problem(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, detail, headers=[("Accept", known)])
