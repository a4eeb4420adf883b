"""Frames and whole pixel data given out (PS3.18 10.4.1.1.6, 10.4.1.1.5)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from http import HTTPStatus
from itertools import chain
from typing import TYPE_CHECKING, TypeVar

from pacs_dicomweb.accept import accepted
from pacs_dicomweb.located import ROOT, locate, path_of
from pacs_dicomweb.multipart import Multipart, Part
from pacs_dicomweb.wado.frames import Frames, frame_numbers
from pacs_dicomweb.wado.instances import DOOR, PRIVATE, etag_of
from pacs_dicomweb.wado.objects import Objects, StoredRange
from pacs_dicomweb.wado.pixel_media import ChosenPixels, choose_pixels
from pacs_dicomweb.wado.ranges import Give, in_range
from pacs_framework.dicom.uids import UNCOMPRESSED
from pacs_framework.errors import ObjectNotFound, StorageError, UnreadableInstance
from pacs_http.api import Problem, Response, not_modified

if TYPE_CHECKING:
    from pacs_framework.archive.archive import Archive
    from pacs_framework.archive.retrieve import OpenInstance, StoredInstance
    from pacs_framework.codecs.codec import Frame
    from pacs_framework.codecs.transcoding import Transcoding
    from pacs_http.api import Request

__all__ = [
    "converted",
    "only_instance",
    "retrieve_all_frames",
    "retrieve_frames",
    "retrieve_numbered",
]

_Piece = TypeVar("_Piece")


def only_instance(archive: Archive, request: Request) -> StoredInstance:
    """The one instance that the path names. Raises `Problem` 404."""
    stored = next(iter(locate(archive, request.resource, request.scope)), None)
    if stored is None:
        raise ObjectNotFound("the instance was deleted a moment ago")
    return stored


def retrieve_frames(archive: Archive, request: Request) -> Response:
    """Answer GET of ``…/frames/{list}``. Raises `Problem` and `PacsError`."""
    return retrieve_numbered(archive, request, request.path_parameters["frames"])


def retrieve_numbered(archive: Archive, request: Request, numbers: str) -> Response:
    """The frames of a list such as ``1,2,7``. Raises `Problem` and `PacsError`."""
    return _retrieve(archive, request, frame_numbers(numbers))


def retrieve_all_frames(archive: Archive, request: Request) -> Response:
    """Answer GET of the pixel data as bulk data: every frame."""
    return _retrieve(archive, request, ())


def _retrieve(archive: Archive, request: Request, numbers: Sequence[int]) -> Response:
    """The frames of ``numbers``, all where there are none."""
    ranges = accepted(request)
    stored = only_instance(archive, request)
    objects = Objects(archive, request.recipient(DOOR))
    etag = ""
    if objects.as_stored(stored):
        etag = "W/" + etag_of(stored.storage_key, repr(ranges), *map(str, numbers))
        if not_modified(request, etag):
            return Response(status=304, headers=[("ETag", etag), PRIVATE])
    opened = objects.open(stored)
    try:
        syntax = opened.instance.transfer_syntax_uid
        ranged = StoredRange(archive, opened.instance) if objects.as_stored(stored) else None
        frames = Frames(opened.data, syntax, ranged)
        wanted = numbers or range(1, frames.count + 1)
        frames.check(wanted)
        chosen = choose_pixels(
            ranges,
            syntax,
            archive.transcoding,
            single=len(wanted) == 1,
            joined=not numbers and frames.are_native_bytes,
        )
        pixels = _Pixels(request, opened, frames, chosen, archive.transcoding)
        return (pixels.in_parts if chosen.multipart else pixels.alone)(wanted, etag)
    except UnreadableInstance as error:
        opened.data.close()
        raise _unreadable(stored, error) from error
    except BaseException:
        opened.data.close()
        raise


@dataclass(frozen=True, slots=True)
class _Pixels:
    """Frames of an open image, as they were chosen. What is wrong with the first one is raised, so
    that it can be told.
    """

    request: Request
    opened: OpenInstance
    frames: Frames
    chosen: ChosenPixels
    transcoding: Transcoding

    def in_parts(self, numbers: Sequence[int], etag: str) -> Response:
        """Each frame a part."""
        here = f"{self.request.base_url}{ROOT}{path_of(self.request.resource)}/frames/"
        parts = _parts(self._made(numbers), numbers, self.chosen, here)
        body = Multipart(_closing(parts, self.opened), self.chosen.media_type)
        headers = [PRIVATE, *([("ETag", etag)] if etag else [])]
        return Response(headers=headers, media_type=body.media_type, body=body)

    def alone(self, numbers: Sequence[int], etag: str) -> Response:
        """One frame, or native ones one after the other, or of these the bytes of a range."""
        if len(numbers) == 1:
            (data,) = self._made(numbers)
            self.opened.data.close()
            return self._in_range(lambda start, end: data[start:end], len(data), etag)
        return self._in_range(self._joined, len(numbers) * self.frames.pixels.frame_bytes, etag)

    def _in_range(self, give: Give, size: int, etag: str) -> Response:
        if _as_they_are(self.frames.transfer_syntax, self.chosen.transfer_syntax):
            etag = etag.removeprefix("W/")  # no codec had a part in these bytes
        return in_range(
            self.request,
            give,
            size=size,
            media_type=self.chosen.content_type,
            headers=[PRIVATE, *([("ETag", etag)] if etag else [])],
            etag="" if etag.startswith("W/") else etag,
        )

    def _joined(self, start: int, end: int) -> Iterator[bytes | memoryview]:
        """Bytes of all frames together; only those are read that have some of them."""
        each = self.frames.pixels.frame_bytes
        made = self._made(range(start // each + 1, (end - 1) // each + 2))
        return _closing(_cut(made, start % each, end - start), self.opened)

    def _made(self, numbers: Sequence[int]) -> Iterator[bytes]:
        made = converted(self.frames.get(numbers), self.frames, self.chosen, self.transcoding)
        return chain((next(made),), made)


def _cut(pieces: Iterator[bytes], skipped: int, length: int) -> Iterator[memoryview]:
    """So many bytes, without the first ones."""
    for each in pieces:
        piece = memoryview(each)[skipped : skipped + length]
        skipped, length = 0, length - len(piece)
        yield piece


def _unreadable(stored: StoredInstance, error: Exception) -> Problem:
    return Problem(
        HTTPStatus.NOT_ACCEPTABLE,
        f"the pixel data of {stored.sop_instance_uid!r} cannot be given out like this: {error}; "
        f"transfer-syntax=* gives the frames as they are stored",
    )


def converted(
    found: Iterator[Frame], frames: Frames, chosen: ChosenPixels, transcoding: Transcoding
) -> Iterator[bytes]:
    """The frames in the transfer syntax that was chosen. Raises as codecs do."""
    stored, target = frames.transfer_syntax, chosen.transfer_syntax
    for frame in found:
        if _as_they_are(stored, target):
            yield bytes(frame.data)
            continue
        native = (
            frame
            if stored in UNCOMPRESSED
            else transcoding.decoder.decode(frame.data, stored, frame.pixels)
        )
        if target in UNCOMPRESSED:
            yield bytes(native.data)
            continue
        if transcoding.encoder is None:
            raise StorageError("no codec that encodes is left")
        yield bytes(transcoding.encoder.encode(native, target).data)


def _as_they_are(stored: str, target: str) -> bool:
    return target == stored or (stored in UNCOMPRESSED and target in UNCOMPRESSED)


def _parts(
    made: Iterator[bytes], numbers: Sequence[int], chosen: ChosenPixels, here: str
) -> Iterator[Part]:
    for number, data in zip(numbers, made, strict=False):
        yield Part(
            media_type=chosen.content_type,
            pieces=(data,),
            headers=[("Content-Location", f"{here}{number}"), ("Content-Length", str(len(data)))],
        )


def _closing(pieces: Iterator[_Piece], opened: OpenInstance) -> Iterator[_Piece]:
    with closing(opened.data):
        yield from pieces
