"""Rendered resources and thumbnails answered (PS3.18 10.4.1.1.3, 10.4.1.1.4)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from http import HTTPStatus
from itertools import chain
from typing import TYPE_CHECKING

import structlog
from pydicom.uid import UID

from pacs_dicomweb.accept import MediaRange, accepted
from pacs_dicomweb.located import ROOT, locate, path_of
from pacs_dicomweb.multipart import Multipart, Part
from pacs_dicomweb.rendered.media import (
    GIF,
    IMAGES,
    ChosenMedia,
    choose_media,
    choose_single,
)
from pacs_dicomweb.rendered.parameters import Asked, rendered_asked, thumbnail_asked
from pacs_dicomweb.rendered.studio import (
    DrawnFrame,
    Studio,
    is_video,
    may_be_image,
    representative_frame,
)
from pacs_dicomweb.wado.frames import frame_numbers
from pacs_dicomweb.wado.instances import DOOR, PRIVATE, etag_of
from pacs_dicomweb.wado.objects import Objects
from pacs_dicomweb.wado.pixels import only_instance
from pacs_framework.errors import ObjectNotFound, RefusedByPolicy
from pacs_framework.rendering.documents import EncapsulatedDocument
from pacs_framework.rendering.video import VideoStream
from pacs_http.api import Problem, Response, not_modified

if TYPE_CHECKING:
    import threading

    from pacs_dicomweb.rendered.look import Look
    from pacs_framework.archive.archive import Archive
    from pacs_framework.archive.retrieve import StoredInstance
    from pacs_http.api import Request

__all__ = ["RenderedService"]

_VERSION = "1"  # of how pictures are drawn: what a client has kept of another is asked for anew
_VIDEO_MEDIA = {".mp4": "video/mp4", ".mpg": "video/mpeg", ".ts": "video/mp2t"}
_MOST_TRIES = 8

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Sight:
    """A request for something to see: what of, how, and in which media types."""

    request: Request
    asked: Asked
    ranges: Sequence[MediaRange]
    objects: Objects
    studio: Studio

    def headers(self, *more: str) -> list[tuple[str, str]]:
        """Those of every answer, with a Warning of what it is not."""
        warnings = [*self.asked.warnings, *(each for each in more if each)]
        return [PRIVATE, *([("Warning", f'299 pacs "{"; ".join(warnings)}"')] if warnings else [])]


class RenderedService:
    """Answers for pictures; ``places`` of them are drawn at once, of ``most`` pixels each."""

    def __init__(self, archive: Archive, places: threading.Semaphore, most: int) -> None:
        self.archive = archive
        self._places = places
        self._most = most

    def studio(self, request: Request) -> tuple[Objects, Studio]:
        """What draws for whoever asks."""
        objects = Objects(self.archive, request.recipient(DOOR))
        return objects, Studio(objects, self._places, self._most)

    def rendered(self, request: Request) -> Response:
        """Answer GET of ``…/rendered`` of a study, series or instance."""
        sight = self._sight(request, rendered_asked(request))
        if request.resource.instance:
            return self._instance(sight, only_instance(self.archive, request), ())
        located = list(locate(self.archive, request.resource, request.scope))
        images = [each for each in located if may_be_image(each.sop_class_uid)]
        if not images:
            raise _nothing_to_see()
        if len(located) == 1:
            return self._instance(sight, images[0], ())
        return self._several(sight, images, len(located) - len(images))

    def rendered_frames(self, request: Request) -> Response:
        """Answer GET of ``…/frames/{list}/rendered``."""
        numbers = frame_numbers(request.path_parameters["frames"])
        sight = self._sight(request, rendered_asked(request))
        return self._instance(sight, only_instance(self.archive, request), numbers)

    def thumbnail(self, request: Request) -> Response:
        """Answer GET of ``…/thumbnail`` of a study, series or instance: one small picture."""
        sight = self._sight(request, thumbnail_asked(request))
        media = choose_single(sight.ranges, parts=False)
        located = list(locate(self.archive, request.resource, request.scope))
        candidates = _candidates(located)
        if not candidates:
            raise _nothing_to_see()
        return self._first_drawn(sight, candidates, media)

    def thumbnail_frames(self, request: Request) -> Response:
        """Answer GET of ``…/frames/{list}/thumbnail``: the first of the frames stands for them."""
        numbers = frame_numbers(request.path_parameters["frames"])
        sight = self._sight(request, thumbnail_asked(request))
        media = choose_single(sight.ranges, parts=False)
        return self._one(sight, only_instance(self.archive, request), numbers[0], media)

    def is_single_picture(self, request: Request, stored: StoredInstance) -> bool:
        """Whether an instance is an image of one frame. Raises `PacsError`."""
        if not may_be_image(stored.sop_class_uid) or is_video(stored):
            return False
        try:
            return self.studio(request)[1].count(stored) == 1
        except Problem:  # there are no pixels in it after all
            return False

    def by_uri(
        self,
        request: Request,
        stored: StoredInstance,
        look: Look,
        frame: int | None,
        media_type: str,
    ) -> Response:
        """One frame as a file: the named one, the only one, or the one that stands for all."""
        sight = _Sight(request, Asked(look), (), *self.studio(request))
        media = ChosenMedia(media_type, multipart=False)
        if frame is not None:
            return self._one(sight, stored, frame, media)
        with sight.studio.image(stored) as image:
            number, count = representative_frame(image), image.number_of_frames
        said = f"frame {number} of {count} stands for all" if count > 1 else ""
        return self._one(sight, stored, number, media, said)

    def _sight(self, request: Request, asked: Asked) -> _Sight:
        return _Sight(request, asked, accepted(request), *self.studio(request))

    def _instance(self, sight: _Sight, stored: StoredInstance, numbers: Sequence[int]) -> Response:
        """Frames of one instance, or a video or document as it is."""
        if "Presentation State" in UID(stored.sop_class_uid).name:
            raise Problem(
                HTTPStatus.NOT_IMPLEMENTED,
                "presentation states are not rendered; the images that they refer to are",
            )
        if not numbers and not may_be_image(stored.sop_class_uid):
            return _document(sight, stored)
        if not numbers and is_video(stored) and (played := _video(sight, stored)) is not None:
            return played
        wanted = numbers or _all_of(sight, stored)
        if len(wanted) == 1:
            return self._one(sight, stored, wanted[0], choose_single(sight.ranges))
        return self._frames(sight, stored, wanted, named=bool(numbers))

    def _frames(
        self, sight: _Sight, stored: StoredInstance, numbers: Sequence[int], *, named: bool
    ) -> Response:
        """Several frames of one instance. Where nobody has named them, one can stand for all."""
        media = choose_media(sight.ranges, alone=(GIF,) if named else (GIF, *IMAGES))
        if media.multipart:
            look = sight.asked.look
            made = sight.studio.files(stored, numbers, look, media.media_type)
            where = path_of(sight.request.resource)
            return _in_parts(sight, ((where, each) for each in made), media.media_type)
        if media.media_type == GIF:
            etag = _etag(sight, stored, GIF, numbers)
            if etag and not_modified(sight.request, etag):
                return _unchanged(etag)
            body = sight.studio.animation(stored, numbers, sight.asked.look)
            return _whole(sight, GIF, body, etag)
        with sight.studio.image(stored) as image:
            number = representative_frame(image)
        said = f"frame {number} of {len(numbers)} stands for all"
        return self._one(sight, stored, number, media, said)

    def _one(
        self,
        sight: _Sight,
        stored: StoredInstance,
        number: int,
        media: ChosenMedia,
        warning: str = "",
    ) -> Response:
        """One frame."""
        etag = _etag(sight, stored, f"{media}", (number,))
        if etag and not_modified(sight.request, etag):
            return _unchanged(etag)
        made = sight.studio.files(stored, (number,), sight.asked.look, media.media_type)
        if media.multipart:
            where = path_of(sight.request.resource)
            return _in_parts(sight, ((where, each) for each in made), media.media_type)
        (drawn,) = made
        return _whole(sight, media.media_type, drawn.data, etag, warning)

    def _several(self, sight: _Sight, images: Sequence[StoredInstance], others: int) -> Response:
        """All frames of all images of a study or series."""
        media = choose_media(sight.ranges)
        allowed, refused = _sendable(sight.objects, images)
        if not allowed:
            raise Problem(HTTPStatus.FORBIDDEN, "a rule of this archive keeps these instances back")
        left_out = others + refused
        said = f"{left_out} instances are not rendered: no images, or kept back" if left_out else ""
        status = HTTPStatus.PARTIAL_CONTENT if left_out else HTTPStatus.OK
        made = _every(sight, images, media.media_type)
        return _in_parts(sight, made, media.media_type, status=status, warning=said)

    def _first_drawn(
        self, sight: _Sight, candidates: Sequence[StoredInstance], media: ChosenMedia
    ) -> Response:
        """The first of ``candidates`` that can be drawn. Raises what was wrong with the last."""
        failure: Exception = _nothing_to_see()
        for stored in candidates:
            try:
                with sight.studio.image(stored) as image:
                    number = representative_frame(image)
                return self._one(sight, stored, number, media)
            except (Problem, ObjectNotFound, RefusedByPolicy) as error:
                if isinstance(error, Problem) and error.status != HTTPStatus.NOT_ACCEPTABLE:
                    raise
                failure = error
        raise failure


def _all_of(sight: _Sight, stored: StoredInstance) -> Sequence[int]:
    return range(1, sight.studio.count(stored) + 1)


def _candidates(located: Sequence[StoredInstance]) -> Sequence[StoredInstance]:
    """What may stand for all: the image in the middle of the first series, then others."""
    images = [each for each in located if may_be_image(each.sop_class_uid)]
    if not images:
        return ()
    series = [each for each in images if each.series_row == images[0].series_row]
    middle = len(series) // 2
    ordered = [series[middle], *series[:middle], *series[middle + 1 :]]
    others = [each for each in images if each.series_row != images[0].series_row]
    return [*ordered[: _MOST_TRIES // 2], *others[: _MOST_TRIES // 2]]


def _sendable(objects: Objects, images: Sequence[StoredInstance]) -> tuple[int, int]:
    """How many may be seen, and how many a plugin keeps back."""
    allowed = refused = 0
    for stored in images:
        try:
            if not objects.as_stored(stored):
                objects.open(stored).data.close()
        except RefusedByPolicy:
            refused += 1
        except ObjectNotFound:
            continue
        else:
            allowed += 1
    return allowed, refused


def _every(
    sight: _Sight, images: Sequence[StoredInstance], media_type: str
) -> Iterator[tuple[str, DrawnFrame]]:
    """Each frame of all ``images``, with the path of its instance."""
    study = f"/studies/{sight.request.resource.study}"
    for stored in images:
        try:
            for each in sight.studio.files(stored, (), sight.asked.look, media_type, several=True):
                instance = f"instances/{stored.sop_instance_uid}"
                yield f"{study}/series/{each.series_instance_uid}/{instance}", each
        except (ObjectNotFound, RefusedByPolicy) as error:
            _log.warning(
                "an instance is not rendered",
                sop_instance_uid=stored.sop_instance_uid,
                reason=str(error),
            )


def _in_parts(
    sight: _Sight,
    made: Iterator[tuple[str, DrawnFrame]],
    media_type: str,
    *,
    status: int = HTTPStatus.OK,
    warning: str = "",
) -> Response:
    # The first is drawn now: what is wrong with it can still be told.
    first = next(made, None)
    if first is None:
        raise Problem(HTTPStatus.NOT_FOUND, "the instances were deleted a moment ago")
    base = f"{sight.request.base_url}{ROOT}"
    parts = (
        Part(
            media_type=media_type,
            pieces=(each.data,),
            headers=[
                ("Content-Location", f"{base}{where}/frames/{each.number}/rendered"),
                ("Content-Length", str(len(each.data))),
            ],
        )
        for where, each in chain((first,), made)
    )
    body = Multipart(parts, media_type)
    headers = sight.headers(warning)
    return Response(status=status, headers=headers, media_type=body.media_type, body=body)


def _whole(sight: _Sight, media_type: str, body: bytes, etag: str, warning: str = "") -> Response:
    headers = [*sight.headers(warning), *([("ETag", etag)] if etag else [])]
    return Response(headers=headers, media_type=media_type, body=body)


def _unchanged(etag: str) -> Response:
    return Response(status=HTTPStatus.NOT_MODIFIED, headers=[("ETag", etag), PRIVATE])


def _etag(sight: _Sight, stored: StoredInstance, media: str, numbers: Sequence[int]) -> str:
    """Where the picture is the same for everybody; else there is none."""
    if not sight.objects.as_stored(stored):
        return ""
    look = repr(sight.asked.look)
    return "W/" + etag_of(_VERSION, stored.storage_key, look, media, repr(list(numbers)))


def _video(sight: _Sight, stored: StoredInstance) -> Response | None:
    """The stream as it is, where a client takes video; None where it takes pictures alone."""
    if not any(each.media_type.startswith("video/") for each in sight.ranges):
        return None
    with ExitStack() as stack:
        seen = stack.enter_context(sight.studio.opened(stored))
        if not isinstance(seen, VideoStream) or seen.suffix not in _VIDEO_MEDIA:
            raise Problem(
                HTTPStatus.NOT_ACCEPTABLE,
                "the video is in no container that browsers play: retrieve it as bulk data",
            )
        _only_as_it_is(sight)
        media_type = choose_single(sight.ranges, [_VIDEO_MEDIA[seen.suffix]]).media_type
        kept = stack.pop_all()

        def pieces() -> Iterator[bytes]:
            with kept:
                yield from seen.pieces()

        return Response(headers=sight.headers(), media_type=media_type, body=pieces())


def _document(sight: _Sight, stored: StoredInstance) -> Response:
    """An encapsulated document, which is something to see as it is (PS3.18 8.7.4)."""
    with sight.studio.opened(stored) as seen:
        if not isinstance(seen, EncapsulatedDocument):
            raise _nothing_to_see()
        _only_as_it_is(sight)
        media_type = seen.mime_type.partition(";")[0].strip().lower()
        choose_single(sight.ranges, [media_type])
        return Response(headers=sight.headers(), media_type=media_type, body=seen.data)


def _only_as_it_is(sight: _Sight) -> None:
    """Nothing is made of videos and documents, so nothing may be asked of them."""
    if any(name not in {"accept", "charset"} for name, _ in sight.request.query):
        raise Problem(
            HTTPStatus.BAD_REQUEST,
            "videos and documents are given as they are: no viewport, window, annotation, quality",
        )


def _nothing_to_see() -> Problem:
    return Problem(
        HTTPStatus.NOT_ACCEPTABLE, "there is no image in it: retrieve the instances themselves"
    )
