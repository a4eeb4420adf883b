"""Instances fetched from another server into files (WADO-RS, PS3.18 10.4)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from pacs_dicomweb.stow.media import media_type_of
from pacs_dicomweb.stow.parts import IncomingPart, MultipartReader, checked_boundary
from pacs_framework.dicom.part10 import read_prefix
from pacs_framework.dicomweb.server import ServerError, checked
from pacs_framework.errors import UnreadableInstance
from pacs_framework.whole_file import whole_file
from pacs_http.api import Problem

if TYPE_CHECKING:
    import httpx

__all__ = ["Retrieval", "retrieve"]

_CHUNK = 1 << 18
_HEAD = 1 << 18
_PARTIAL = 206


@dataclass(frozen=True, slots=True)
class Retrieval:
    """One instance that was written; ``partial`` where the server said that it sends not all."""

    path: Path
    sop_instance_uid: str
    size: int
    partial: bool


def retrieve(
    client: httpx.Client,
    path: str,
    folder: Path,
    *,
    transfer_syntax: str = "*",
    overwrite: bool = False,
) -> Iterator[Retrieval]:
    """Write what is at ``path`` into ``folder``, each instance when all of it is there.

    Files are called by their SOP Instance UID. Raises `ServerError`, also where the answer breaks
    off, and OSError: FileExistsError for a file that is there and may not be overwritten.
    """
    accept = f'multipart/related; type="application/dicom"; transfer-syntax={transfer_syntax}'
    with client.stream("GET", path, headers={"Accept": accept}) as answer:
        checked(answer)
        partial = answer.status_code == _PARTIAL
        try:
            for part in _parts(answer):
                yield _write(part, folder, overwrite=overwrite, partial=partial)
        except Problem as problem:
            raise ServerError(f"the answer cannot be read: {problem.detail}") from problem


def _parts(answer: httpx.Response) -> Iterator[IncomingPart]:
    media = media_type_of(answer.headers.get("content-type", ""), "the answer")
    body = _Answer(answer.iter_bytes(_CHUNK))
    if media.media_type == "application/dicom":  # one alone, from servers that send no multipart
        return iter((IncomingPart({}, iter(lambda: body.read(_CHUNK), b"")),))
    if media.media_type != "multipart/related":
        raise ServerError(f"instances were asked for, and {media.media_type} came")
    return iter(MultipartReader(body, checked_boundary(media.parameters.get("boundary", ""))))


class _Answer:
    """An answer as a body that is read."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._rest = b""

    def read(self, size: int) -> bytes:
        """Up to ``size`` bytes; nothing at the end."""
        while not self._rest:
            piece = next(self._pieces, None)
            if piece is None:
                return b""
            self._rest = piece
        piece, self._rest = self._rest[:size], self._rest[size:]
        return piece


def _write(part: IncomingPart, folder: Path, *, overwrite: bool, partial: bool) -> Retrieval:
    head = bytearray()
    for piece in part.pieces:
        head += piece
        if len(head) >= _HEAD:
            break
    try:
        uid = read_prefix(bytes(head)).meta.sop_instance_uid
    except UnreadableInstance as error:
        raise ServerError(f"a part of the answer is no DICOM file: {error}") from error
    destination, size = folder / f"{uid}.dcm", 0
    with whole_file(destination, overwrite=overwrite) as file:
        for piece in chain((bytes(head),), part.pieces):
            size += file.write(piece)
    return Retrieval(destination, uid, size, partial)
