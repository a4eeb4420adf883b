"""The Store transaction: each instance of a request through the archive's door (PS3.18 10.5)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from itertools import chain
from typing import TYPE_CHECKING

from pacs_dicomweb.stow.committing import Commits
from pacs_dicomweb.stow.gathering import Gathered
from pacs_dicomweb.stow.media import media_type_of
from pacs_dicomweb.stow.parts import IncomingPart, MultipartReader, checked_boundary
from pacs_dicomweb.stow.results import JSON, XML, Results, chosen_form
from pacs_framework.dicom.part10 import read_prefix
from pacs_framework.errors import (
    MismatchedInstance,
    PacsError,
    RefusedByPolicy,
    UnreadableInstance,
)
from pacs_http.api import Problem

if TYPE_CHECKING:
    from pacs_framework.archive.archive import Archive
    from pacs_framework.dicom.file_meta import FileMeta
    from pacs_http.api import Request, Response

__all__ = ["DICOM", "DOOR", "store"]

DICOM = "application/dicom"
DOOR = "stow"

_CHUNK = 1 << 18
_HEAD = 1 << 18  # bytes in which the Part 10 header ends, if there is one
_PLAIN_ENCODINGS = frozenset({"", "binary", "8bit", "7bit"})


def store(archive: Archive, request: Request) -> Response:
    """Answer POST of ``/studies`` and ``/studies/{study}``.

    Nothing is answered before every instance is durable and indexed, or refused. Raises `Problem`
    where the request as a whole is wrong and nothing of it was kept.
    """
    form = chosen_form(request)
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise _unsupported("a body with Content-Encoding is not read: send it as it is")
    sent = media_type_of(request.headers.get("content-type", ""), "the request")
    results = Results.of(request)
    with Commits(results) as commits:
        storing = _Storing(archive, request, results, commits)
        if sent.media_type == DICOM:
            storing.take(iter(request.body))
        elif sent.media_type == "multipart/related":
            boundary = checked_boundary(sent.parameters.get("boundary", ""))
            storing.take_parts(MultipartReader(request.body, boundary), sent.part_type)
        else:
            raise _unsupported(f"{sent.media_type} is not stored here")
    if results.is_empty:
        raise Problem(HTTPStatus.BAD_REQUEST, "there is no instance in the request")
    return results.answer(form)


@dataclass(slots=True)
class _Storing:
    archive: Archive
    request: Request
    results: Results
    commits: Commits

    def take_parts(self, parts: MultipartReader, part_type: str) -> None:
        """All parts. One that is cut is dropped; what was whole before it stays stored."""
        take = {DICOM: self._dicom, "*/*": self._dicom, JSON: self._described, XML: self._described}
        if part_type not in take:
            raise _unsupported(f"parts of type {part_type[:64]!r} are not stored here")
        try:
            take[part_type](iter(parts))
        except Problem as problem:
            self.commits.wait()
            if problem.status != HTTPStatus.BAD_REQUEST or not self.results.has_stored:
                raise
            self.results.unnamed(UnreadableInstance(problem.detail))

    def _dicom(self, parts: Iterator[IncomingPart]) -> None:
        for part in parts:
            media_type = part.media_type.partition(";")[0].strip().lower()
            encoding = part.headers.get("content-transfer-encoding", "").lower()
            if media_type not in {"", DICOM} or encoding not in _PLAIN_ENCODINGS:
                self.results.unnamed(UnreadableInstance(f"a part is not {DICOM}, in binary"))
                continue
            self.take(part.pieces)

    def _described(self, parts: Iterator[IncomingPart]) -> None:
        """Metadata and their bulk data: instances are there when all parts are."""
        with Gathered(self.request) as gathered:
            gathered.take(parts)
            for instance in gathered.instances(self.results):
                try:
                    self._receive(instance.meta, instance.pieces())
                except PacsError as error:
                    self.results.failed(instance.meta, error)

    def take(self, pieces: Iterator[bytes]) -> None:
        """One DICOM file, as it arrives."""
        head = _head(pieces)
        try:
            found = read_prefix(head)
        except UnreadableInstance as error:
            _pass_over(pieces)
            self.results.unnamed(error)
            return
        start: bytes | memoryview = memoryview(head)[found.dataset_offset :]
        body = chain((start,), pieces)
        try:
            self._receive(found.meta, body)
        except PacsError as error:
            _pass_over(pieces)
            self.results.failed(found.meta, error)

    def _receive(self, meta: FileMeta, pieces: Iterable[bytes | memoryview]) -> None:
        reception = self.archive.receive(self.request.origin(DOOR), meta)
        try:
            for piece in pieces:
                reception.write(piece)
        except BaseException:
            reception.close()
            raise
        self.commits.add(reception, meta, self._check)

    def _check(self, attributes: Mapping[str, str]) -> None:
        """The study that the address names, and the one who stores."""
        study = self.request.resource.study
        if study and attributes["StudyInstanceUID"] != study:
            raise MismatchedInstance("the instance is of another study than the address names")
        try:
            self.request.scope.check_write(attributes)
        except Problem as problem:
            raise RefusedByPolicy(problem.detail) from None


def _head(pieces: Iterator[bytes]) -> bytes:
    """Enough of a file to know what it is, or all of it."""
    head = bytearray()
    for piece in pieces:
        head += piece
        if len(head) >= _HEAD:
            break
    return bytes(head)


def _pass_over(pieces: Iterable[bytes]) -> None:
    for _ in pieces:
        pass


def _unsupported(detail: str) -> Problem:
    known = f'multipart/related; type="{DICOM}", {DICOM}'
    return Problem(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, detail, headers=[("Accept", known)])
