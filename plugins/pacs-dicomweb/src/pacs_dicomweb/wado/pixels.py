"""Frames and whole pixel data given out (PS3.18 10.4.1.1.6, 10.4.1.1.5)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from http import HTTPStatus
from itertools import chain
from typing import TYPE_CHECKING

from pacs_dicomweb.accept import accepted
from pacs_dicomweb.located import ROOT, locate, path_of
from pacs_dicomweb.multipart import Multipart, Part
from pacs_dicomweb.wado.frames import Frames, frame_numbers
from pacs_dicomweb.wado.instances import DOOR, PRIVATE, etag_of
from pacs_dicomweb.wado.objects import Objects, StoredRange
from pacs_dicomweb.wado.pixel_media import ChosenPixels, choose_pixels
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
        accept = repr([(each.media_type, sorted(each.parameters.items())) for each in ranges])
        etag = "W/" + etag_of(stored.storage_key, accept, *map(str, numbers))
        if not_modified(request, etag):
            return Response(status=304, headers=[("ETag", etag), PRIVATE])
    opened = objects.open(stored)
    try:
        syntax = opened.instance.transfer_syntax_uid
        ranged = StoredRange(archive, opened.instance) if objects.as_stored(stored) else None
        frames = Frames(opened.data, syntax, ranged)
        numbers = numbers or range(1, frames.count + 1)
        frames.check(numbers)
        single = len(numbers) == 1
        chosen = choose_pixels(ranges, syntax, archive.transcoding, single=single)
        made = converted(frames.get(numbers), frames, chosen, archive.transcoding)
        first = next(made)
    except UnreadableInstance as error:
        opened.data.close()
        raise _unreadable(stored, error) from error
    except BaseException:
        opened.data.close()
        raise
    headers = [PRIVATE, *([("ETag", etag)] if etag else [])]
    if not chosen.multipart:
        opened.data.close()
        return Response(headers=headers, media_type=chosen.content_type, body=first)
    here = f"{request.base_url}{ROOT}{path_of(request.resource)}/frames/"
    parts = _parts(chain((first,), made), numbers, chosen, here)
    body = Multipart(_closing(parts, opened), chosen.media_type)
    return Response(headers=headers, media_type=body.media_type, body=body)


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
        if target == stored or (stored in UNCOMPRESSED and target in UNCOMPRESSED):
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


def _parts(
    made: Iterator[bytes], numbers: Sequence[int], chosen: ChosenPixels, here: str
) -> Iterator[Part]:
    for number, data in zip(numbers, made, strict=False):
        yield Part(
            media_type=chosen.content_type,
            pieces=(data,),
            headers=[("Content-Location", f"{here}{number}"), ("Content-Length", str(len(data)))],
        )


def _closing(parts: Iterator[Part], opened: OpenInstance) -> Iterator[Part]:
    with closing(opened.data):
        yield from parts
