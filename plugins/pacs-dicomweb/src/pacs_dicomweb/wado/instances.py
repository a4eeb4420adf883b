"""Studies, series and instances as DICOM files: multipart, single, or in an archive (10.4.1.1)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from functools import partial
from http import HTTPStatus
from itertools import chain
from typing import TYPE_CHECKING

from pacs_dicomweb.accept import accepted
from pacs_dicomweb.located import locate
from pacs_dicomweb.multipart import Multipart, Part
from pacs_dicomweb.wado.negotiating import DICOM, ZIP, Packing, Wanted, wanted_of
from pacs_dicomweb.wado.objects import File, Objects
from pacs_dicomweb.wado.zipped import Entry, attached, zipped
from pacs_framework.errors import ObjectNotFound
from pacs_http.api import Problem, Response, byte_range, not_modified

if TYPE_CHECKING:
    from pacs_framework.archive.archive import Archive
    from pacs_framework.archive.retrieve import Located, StoredInstance
    from pacs_framework.storage import ByteSource
    from pacs_http.api import Request

__all__ = ["DOOR", "PRIVATE", "etag_of", "one_alone", "retrieve"]

DOOR = "wado"
_BLOCK = 1 << 19
PRIVATE = ("Cache-Control", "private, no-cache")
"""Patient data are nothing for caches that are shared; a private one asks before it answers."""


def retrieve(archive: Archive, request: Request) -> Response:
    """Answer GET of a study, series or instance. Raises `Problem` and `PacsError`."""
    single = bool(request.resource.instance)
    wanted = wanted_of(accepted(request), single=single)
    located = locate(archive, request.resource, request.scope)
    objects = Objects(archive, request.recipient(DOOR), or_stored=wanted.or_stored)
    if single and (response := _one(request, objects, located, wanted)) is not None:
        return response
    syntaxes, left_out = _syntaxes(archive, located, wanted)
    allowed, refused = objects.sendable(located)
    if not allowed:
        raise _nothing(refused)
    status = HTTPStatus.PARTIAL_CONTENT if left_out or refused else HTTPStatus.OK
    headers = [PRIVATE, *_warning(left_out, refused)]
    return _several(objects.files(located, syntaxes), wanted.packing, status, headers)


def one_alone(archive: Archive, request: Request, syntax: str) -> Response:
    """The one instance of a request as a DICOM file, in a transfer syntax or, empty, the default.

    Raises `Problem` and `PacsError`.
    """
    located = locate(archive, request.resource, request.scope)
    wanted = Wanted(Packing.SINGLE, [syntax])
    objects = Objects(archive, request.recipient(DOOR), or_stored=wanted.or_stored)
    response = _one(request, objects, located, wanted)
    assert response is not None  # only several files are answered elsewhere
    return response


def _one(request: Request, objects: Objects, located: Located, wanted: Wanted) -> Response | None:
    """The answer for a single instance: with an ETag where it goes out as it is stored."""
    stored = next(iter(located), None)
    if stored is None:
        raise ObjectNotFound("the instance was deleted a moment ago")
    syntaxes, _ = _syntaxes(objects.archive, located, wanted)
    syntax = syntaxes[stored.transfer_syntax_uid]
    etag = etag_of(stored.storage_key, syntax, wanted.packing.name)
    if not objects.as_stored(stored):
        return (
            None if wanted.packing is not Packing.SINGLE else _single(objects.file(stored, syntax))
        )
    if not_modified(request, etag):
        return Response(status=304, headers=[("ETag", etag), PRIVATE])
    if wanted.packing is not Packing.SINGLE:
        files = iter([objects.file(stored, syntax)])
        return _several(files, wanted.packing, HTTPStatus.OK, [PRIVATE, ("ETag", f"W/{etag}")])
    if syntax == stored.transfer_syntax_uid:
        return _ranged(request, objects, stored, etag)
    return _single(objects.file(stored, syntax), etag)


def _ranged(request: Request, objects: Objects, stored: StoredInstance, etag: str) -> Response:
    headers = [("ETag", etag), ("Accept-Ranges", "bytes"), PRIVATE]
    media_type = f"{DICOM}; transfer-syntax={stored.transfer_syntax_uid}"
    part = byte_range(request, stored.size, etag)
    if part is None:
        file = objects.file(stored, stored.transfer_syntax_uid)
        return Response(headers=headers, media_type=media_type, body=file.pieces, length=file.size)
    start, end = part
    headers.append(("Content-Range", f"bytes {start}-{end - 1}/{stored.size}"))
    data = objects.archive.storage.open(stored.storage_key, offset=start, length=end - start)
    return Response(
        status=HTTPStatus.PARTIAL_CONTENT,
        headers=headers,
        media_type=media_type,
        body=_closing(data),
        length=end - start,
    )


def _closing(data: ByteSource) -> Iterator[bytes]:
    with data:
        yield from iter(partial(data.read, _BLOCK), b"")


def _single(file: File, etag: str = "") -> Response:
    headers = [PRIVATE, *([("ETag", etag)] if etag else [])]
    media_type = f"{DICOM}; transfer-syntax={file.transfer_syntax}"
    return Response(headers=headers, media_type=media_type, body=file.pieces, length=file.size)


def _several(
    files: Iterator[File], packing: Packing, status: int, headers: Sequence[tuple[str, str]]
) -> Response:
    # The first is opened now: what is wrong with it can still be told.
    first = next(files, None)
    if first is None:
        raise _nothing(0)
    everything = chain((first,), files)
    if packing is Packing.ZIP:
        headers = [*headers, attached("dicom.zip")]
        body = zipped(map(_entry, everything))
        return Response(status=status, headers=headers, media_type=ZIP, body=body)
    parts = Multipart(map(_part, everything), DICOM)
    return Response(status=status, headers=headers, media_type=parts.media_type, body=parts)


def _entry(file: File) -> Entry:
    """Nothing is compressed: pixel data that can be small are small already, and a study is sent at
    the speed of the disk.
    """
    return Entry(name=f"{file.sop_instance_uid}.dcm", pieces=file.pieces)


def _part(file: File) -> Part:
    length = [("Content-Length", str(file.size))] if file.size is not None else []
    return Part(
        media_type=f"{DICOM}; transfer-syntax={file.transfer_syntax}",
        pieces=file.pieces,
        headers=length,
    )


def _syntaxes(archive: Archive, located: Located, wanted: Wanted) -> tuple[dict[str, str], int]:
    """Stored transfer syntax → that of the answer, and how many instances have none.

    Raises `Problem` 406 where no instance has one.
    """
    found: dict[str, str] = {}
    left_out = 0
    for kind, count in located.kinds.items():
        stored = kind.transfer_syntax_uid
        syntax = wanted.syntax_for(stored, archive.transcoding)
        if syntax is None:
            left_out += count
        else:
            found[stored] = syntax
    if not found:
        stored_as = sorted({kind.transfer_syntax_uid for kind in located.kinds})
        raise Problem(
            HTTPStatus.NOT_ACCEPTABLE,
            "no instance can be had in a transfer syntax that is accepted; "
            f"stored as {', '.join(stored_as)}: transfer-syntax=* gives that",
            stored=stored_as,
        )
    return found, left_out


def _nothing(refused: int) -> Problem:
    if refused:
        return Problem(HTTPStatus.FORBIDDEN, "a rule of this archive keeps these instances back")
    return Problem(HTTPStatus.NOT_FOUND, "the instances were deleted a moment ago")


def _warning(left_out: int, refused: int) -> list[tuple[str, str]]:
    parts = [
        f"{left_out} are in no transfer syntax that is accepted" if left_out else "",
        f"{refused} are kept back" if refused else "",
    ]
    said = ", ".join(part for part in parts if part)
    return [("Warning", f'299 pacs "Not all instances are here: {said}"')] if said else []


def etag_of(*facts: str) -> str:
    """An ETag that changes with any of the facts, and tells none of them."""
    digest = hashlib.blake2b("\0".join(facts).encode(), digest_size=16)
    return f'"{digest.hexdigest()}"'
