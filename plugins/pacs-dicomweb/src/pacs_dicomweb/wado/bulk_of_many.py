"""All bulk data of a study, series or instance, or its pixel data alone (PS3.18 10.4.1.1.5, .6).

What is given is what the metadata refer to, each value under its reference as Content-Location. A
compressed image of several frames has a part for each, under the reference and ``/frames/NUMBER``;
all else is one part.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from http import HTTPStatus
from itertools import chain
from typing import TYPE_CHECKING, Any

import structlog

from pacs_dicomweb.accept import MediaRange, accepted, not_acceptable
from pacs_dicomweb.located import ROOT, locate
from pacs_dicomweb.model.documents import members_of, ranged_members
from pacs_dicomweb.model.encoded import BulkLimits, Renderer
from pacs_dicomweb.multipart import Multipart, Part
from pacs_dicomweb.wado.bulk import parse_path, value_at
from pacs_dicomweb.wado.frames import Frames
from pacs_dicomweb.wado.instances import DOOR, PRIVATE
from pacs_dicomweb.wado.negotiating import ZIP
from pacs_dicomweb.wado.objects import Objects, StoredRange
from pacs_dicomweb.wado.pixel_media import OCTETS, ChosenPixels, choose_pixels
from pacs_dicomweb.wado.pixels import converted
from pacs_dicomweb.wado.zipped import Entry, attached, zipped
from pacs_framework.dicom.uids import UNCOMPRESSED
from pacs_framework.errors import ObjectNotFound, RefusedByPolicy, StorageError
from pacs_http.api import Problem, Request, Response

if TYPE_CHECKING:
    from pacs_dicomweb.settings import DicomwebSettings
    from pacs_framework.archive.archive import Archive
    from pacs_framework.archive.retrieve import Located, OpenInstance, StoredInstance

__all__ = ["BulkService", "wants_bulk"]

_PIXEL_DATA = "7FE00010"
_PIXELS = {_PIXEL_DATA, "7FE00008", "7FE00009"}
_REFERENCE = "BulkDataURI"
_SERIES = 0x0020000E

# How files of a media type end in a ZIP archive (PS3.18 8.6.1.3.1); octets are raw.
_SUFFIXES = {
    "image/jpeg": "jpg",
    "image/dicom-rle": "rle",
    "image/x-dicom-rle": "rle",
    "image/jls": "jls",
    "image/x-jls": "jls",
    "image/jp2": "jp2",
    "image/jpx": "jpx",
    "image/jphc": "jphc",
    "image/jxl": "jxl",
    "video/mpeg": "mpg",
    "video/mp4": "mp4",
    "video/h265": "h265",
}

_log = structlog.get_logger(__name__)


def wants_bulk(ranges: Sequence[MediaRange]) -> bool:
    """Whether instances are asked for as parts of octets, which once meant their bulk data, and
    still does (PS3.18 Table 10.4.4-1).
    """
    return bool(ranges) and all(
        each.media_type == "multipart/related" and each.part_type == OCTETS for each in ranges
    )


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What a client takes: pixel data by the transfer syntax that they are stored in, None where
    none fits, and other values where it takes octets.
    """

    pixels: Mapping[str, ChosenPixels | None]
    others: bool
    pixels_only: bool

    @property
    def is_whole(self) -> bool:
        """Whether everything can be given that there may be."""
        return None not in self.pixels.values() and (self.others or self.pixels_only)


class BulkService:
    """Answers for the values of many instances, one after the other."""

    def __init__(self, archive: Archive, settings: DicomwebSettings) -> None:
        self._archive = archive
        self._limits = BulkLimits(binary=settings.inline_bytes)

    def retrieve(self, request: Request) -> Response:
        """Answer GET of ``…/bulkdata``. Raises `Problem` and `PacsError`."""
        return self._answer(request, pixels_only=False)

    def retrieve_pixels(self, request: Request) -> Response:
        """Answer GET of ``…/pixeldata``: pixel data of the top level, no icons."""
        return self._answer(request, pixels_only=True)

    def _answer(self, request: Request, *, pixels_only: bool) -> Response:
        ranges, packed = _in_parts(accepted(request))
        located = locate(self._archive, request.resource, request.scope)
        wanted = self._wanted(ranges, located, pixels_only=pixels_only)
        objects = Objects(self._archive, request.recipient(DOOR))
        allowed, refused = objects.sendable(located)
        if refused and not allowed:
            raise Problem(HTTPStatus.FORBIDDEN, "a rule of this archive keeps these values back")
        base = f"{request.base_url}{ROOT}/studies/{request.resource.study}/series/"
        reading = _Reading(self._archive, objects, wanted, self._limits, base)
        parts = reading.parts(located)
        first = next(parts, None)
        if first is None:
            raise Problem(
                HTTPStatus.NOT_FOUND, "there are no values that are answered as bulk data"
            )
        whole = wanted.is_whole and not refused
        status = HTTPStatus.OK if whole else HTTPStatus.PARTIAL_CONTENT
        headers = [PRIVATE, *([] if whole else [_WARNING])]
        every = chain((first,), parts)
        if packed:
            headers.append(attached("bulkdata.zip"))
            body = zipped(_entry(part, base) for part in every)
            return Response(status=status, headers=headers, media_type=ZIP, body=body)
        several = Multipart(every, _type_of(wanted))
        return Response(status=status, headers=headers, media_type=several.media_type, body=several)

    def _wanted(
        self, ranges: Sequence[MediaRange], located: Located, *, pixels_only: bool
    ) -> _Wanted:
        stored = {kind.transfer_syntax_uid for kind in located.kinds}
        pixels = {each: self._chosen(ranges, each) for each in stored}
        others = any(each.takes_parts(OCTETS) for each in ranges)
        if not any(pixels.values()) and (pixels_only or not others):
            raise not_acceptable([f'multipart/related; type="{OCTETS}"; transfer-syntax=*'])
        return _Wanted(pixels, others, pixels_only)

    def _chosen(self, ranges: Sequence[MediaRange], stored: str) -> ChosenPixels | None:
        try:
            return choose_pixels(ranges, stored, self._archive.transcoding, single=False)
        except Problem:
            return None


_WARNING = (
    "Warning",
    '299 pacs "Not all values are here: some fit no media type that is accepted, or are kept back"',
)


def _type_of(wanted: _Wanted) -> str:
    """The media type of the first kind of part, which RFC 2387 wants to be said."""
    if wanted.others and not wanted.pixels_only:
        return OCTETS
    return next(each.media_type for each in wanted.pixels.values() if each is not None)


def _in_parts(ranges: Sequence[MediaRange]) -> tuple[Sequence[MediaRange], bool]:
    """What is accepted, as of a multipart, and whether it is packed into a ZIP archive: where that
    comes before all else. Its ``type`` is that of the values in it, octets where it does not say.
    """
    if not ranges or ranges[0].media_type != ZIP:
        return ranges, False
    packed = [each for each in ranges if each.media_type == ZIP]
    return [
        replace(
            each, media_type="multipart/related", parameters={"type": OCTETS, **each.parameters}
        )
        for each in packed
    ], True


def _entry(part: Part, base: str) -> Entry:
    """A file under the reference that the metadata have, from the series on (8.6.1.3.2)."""
    location = dict(part.headers)["Content-Location"].removeprefix(base)
    suffix = _SUFFIXES.get(part.media_type.partition(";")[0], "raw")
    return Entry(name=f"{location}.{suffix}", pieces=part.pieces)


@dataclass(frozen=True, slots=True)
class _Reading:
    """The values of instances as parts, read when they are due."""

    archive: Archive
    objects: Objects
    wanted: _Wanted
    limits: BulkLimits
    base: str

    def parts(self, located: Located) -> Iterator[Part]:
        """Of all instances that may be seen, in their order. Raises `PacsError`."""
        for stored in located:
            try:
                yield from self._of_one(stored)
            except RefusedByPolicy as error:
                _log.warning(
                    "bulk data are kept back",
                    sop_instance_uid=stored.sop_instance_uid,
                    reason=str(error),
                )
            except ObjectNotFound as error:
                raise StorageError(
                    f"instance {stored.sop_instance_uid!r} was deleted meanwhile; ask again"
                ) from error

    def _of_one(self, stored: StoredInstance) -> Iterator[Part]:
        opened = self.objects.open(stored)
        with closing(opened.data):
            if opened.instance.sop_instance_uid != stored.sop_instance_uid:
                return  # as in the metadata: references would tell whose pseudonym this is
            members = self._members(stored, opened)
        series = json.loads(members[_SERIES])["Value"][0]
        here = f"{self.base}{series}/instances/{stored.sop_instance_uid}/bulkdata/"
        for path in _paths_in(members.values()):
            if path == _PIXEL_DATA:
                yield from self._pixels(stored, here + path)
            elif self.wanted.others and (path in _PIXELS or not self.wanted.pixels_only):
                value = value_at(self.archive, self.objects, stored, parse_path(path))
                yield _part(OCTETS, (value,), here + path, len(value))

    def _members(self, stored: StoredInstance, opened: OpenInstance) -> Mapping[int, str]:
        """The metadata of the instance; their references are paths alone."""
        syntax = opened.instance.transfer_syntax_uid
        renderer = Renderer(self.limits)
        if self.objects.as_stored(stored):
            return ranged_members(StoredRange(self.archive, opened.instance), syntax, renderer, "")
        return members_of(opened.data, syntax, renderer, "")

    def _pixels(self, stored: StoredInstance, reference: str) -> Iterator[Part]:
        opened = self.objects.open(stored)
        syntax = opened.instance.transfer_syntax_uid
        chosen = self.wanted.pixels.get(syntax)
        with closing(opened.data):
            if chosen is None:
                return
            if chosen.media_type.startswith("video/"):
                yield _part(chosen.content_type, _stream(opened), reference)
                return
            ranged = None
            if self.objects.as_stored(stored):
                ranged = StoredRange(self.archive, opened.instance)
            yield from self._frames(Frames(opened.data, syntax, ranged), chosen, reference)

    def _frames(self, frames: Frames, chosen: ChosenPixels, reference: str) -> Iterator[Part]:
        every = frames.get(range(1, frames.count + 1))
        made = converted(every, frames, chosen, self.archive.transcoding)
        in_bytes = not frames.pixels.frame_bits % 8
        if frames.count == 1 or (chosen.transfer_syntax in UNCOMPRESSED and in_bytes):
            yield _part(chosen.content_type, made, reference)
            return
        for number, data in enumerate(made, 1):
            yield _part(chosen.content_type, (data,), f"{reference}/frames/{number}", len(data))


def _stream(opened: OpenInstance) -> Iterator[bytes]:
    """A video as it is: all fragments are one stream, whatever the number of frames."""
    from pacs_framework.rendering.video import VideoStream, read_video  # noqa: PLC0415 - rare

    found = read_video(opened.data, opened.instance.transfer_syntax_uid)
    if isinstance(found, VideoStream):
        yield from found.pieces()


def _paths_in(members: Iterable[str]) -> list[str]:
    """Where the values are that attributes refer to, in their order."""
    return [path for text in members if _REFERENCE in text for path in _paths(json.loads(text))]


def _paths(attribute: Any) -> Iterator[str]:
    if _REFERENCE in attribute:
        yield attribute[_REFERENCE]
    if attribute.get("vr") == "SQ":
        for item in attribute.get("Value", ()):
            for each in item.values():
                yield from _paths(each)


def _part(
    media_type: str, pieces: Iterable[bytes], location: str, length: int | None = None
) -> Part:
    headers = [("Content-Location", location)]
    if length is not None:
        headers.append(("Content-Length", str(length)))
    return Part(media_type=media_type, pieces=pieces, headers=headers)
