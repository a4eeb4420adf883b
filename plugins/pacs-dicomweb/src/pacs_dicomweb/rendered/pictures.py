"""Images answered: one frame, several, or a video."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from http import HTTPStatus
from typing import TYPE_CHECKING

from pacs_dicomweb.rendered.media import GIF, IMAGES, ChosenMedia, choose_media, choose_single
from pacs_dicomweb.rendered.sight import Shown, Sight, only_as_it_is
from pacs_dicomweb.rendered.studio import is_video, representative_frame
from pacs_dicomweb.rendered.ways import ByLook
from pacs_framework.rendering.video import VideoStream
from pacs_http.api import Problem, Response

if TYPE_CHECKING:
    from pacs_framework.archive.retrieve import StoredInstance

__all__ = ["all_frames", "show_image", "show_one_frame"]

_VIDEO_MEDIA = {".mp4": "video/mp4", ".mpg": "video/mpeg", ".ts": "video/mp2t"}


def show_image(sight: Sight, stored: StoredInstance, numbers: Sequence[int]) -> Response:
    """The frames of ``numbers``, or all; a video as it is."""
    if not numbers and is_video(stored) and (played := _video(sight, stored)) is not None:
        return played
    wanted = numbers or range(1, sight.studio.count(stored) + 1)
    if len(wanted) == 1:
        return show_one_frame(sight, stored, wanted[0], choose_single(sight.ranges))
    return _frames(sight, stored, wanted, named=bool(numbers))


def show_one_frame(
    sight: Sight, stored: StoredInstance, number: int, media: ChosenMedia, warning: str = ""
) -> Response:
    """Frame ``number``, alone or as the only part."""
    etag = sight.etag(f"{media}", str(number), made_of=[stored])
    if (unchanged := sight.unchanged(etag)) is not None:
        return unchanged
    shown = _files(sight, stored, (number,), media.media_type)
    if media.multipart:
        return sight.in_parts(shown, media.media_type)
    (one,) = shown
    return sight.whole(media.media_type, one.data, etag, warning=warning)


def all_frames(sight: Sight, stored: StoredInstance, media_type: str) -> Iterator[Shown]:
    """Every frame of an image that is seen among others."""
    return _files(sight, stored, (), media_type, several=True)


def _files(
    sight: Sight,
    stored: StoredInstance,
    numbers: Sequence[int],
    media_type: str,
    *,
    several: bool = False,
) -> Iterator[Shown]:
    way = ByLook(sight.asked.look, several)
    for each in sight.studio.files(stored, numbers, way, media_type):
        tail = f"frames/{each.number}/rendered"
        yield Shown(sight.address(stored, each.series_instance_uid, tail), each.data)


def _frames(
    sight: Sight, stored: StoredInstance, numbers: Sequence[int], *, named: bool
) -> Response:
    """Several frames of one instance. Where nobody has named them, one can stand for all."""
    media = choose_media(sight.ranges, alone=(GIF,) if named else (GIF, *IMAGES))
    if media.multipart:
        return sight.in_parts(_files(sight, stored, numbers, media.media_type), media.media_type)
    if media.media_type == GIF:
        etag = sight.etag(GIF, *map(str, numbers), made_of=[stored])
        if (unchanged := sight.unchanged(etag)) is not None:
            return unchanged
        body = sight.studio.animation(stored, numbers, ByLook(sight.asked.look))
        return sight.whole(GIF, body, etag)
    with sight.studio.image(stored) as image:
        number = representative_frame(image)
    said = f"frame {number} of {len(numbers)} stands for all"
    return show_one_frame(sight, stored, number, media, said)


def _video(sight: Sight, stored: StoredInstance) -> Response | None:
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
        only_as_it_is(sight.request, "videos are given as they are")
        media_type = choose_single(sight.ranges, [_VIDEO_MEDIA[seen.suffix]]).media_type
        kept = stack.pop_all()

        def pieces() -> Iterator[bytes]:
            with kept:
                yield from seen.pieces()

        return Response(headers=sight.headers(), media_type=media_type, body=pieces())
