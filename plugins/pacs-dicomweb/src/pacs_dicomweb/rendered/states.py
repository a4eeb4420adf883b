"""Presentation states answered: the images that they refer to, as they have them seen.

Images are looked for in the study of the state, which is where they have to be (PS3.3 C.11.11), and
within what the one who asks may see; one that is kept from him is one that is not there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from pacs_dicomweb.rendered.finding import Registered, located_in_series
from pacs_dicomweb.rendered.kinds import may_be_image
from pacs_dicomweb.rendered.media import IMAGES, ChosenMedia, choose_media, choose_single
from pacs_dicomweb.rendered.sight import Shown, Sight
from pacs_dicomweb.rendered.studio import representative_frame
from pacs_dicomweb.rendered.superimposing import Placing, Superimposition
from pacs_dicomweb.rendered.ways import ByState
from pacs_framework.rendering.attributes import text_of
from pacs_framework.rendering.presentation.other_frames import OtherFrames
from pacs_framework.rendering.presentation.state import (
    PresentationState,
    UnsupportedState,
    presentation_state,
)
from pacs_http.api import Problem

if TYPE_CHECKING:
    from pacs_dicomweb.rendered.look import Look
    from pacs_framework.archive.retrieve import StoredInstance
    from pacs_framework.rendering.presentation.references import ImageReference
    from pacs_http.api import Response

__all__ = [
    "SeenState",
    "frames_by_state",
    "read_state",
    "says_what_states_say",
    "show_one_by_state",
    "show_state",
]


@dataclass(frozen=True, slots=True)
class SeenState:
    """A state, the images that it is for and that are here, and how many of them are not."""

    stored: StoredInstance
    state: PresentationState
    images: Sequence[tuple[StoredInstance, ImageReference]]
    missing: int
    superimposed: Mapping[int, Superimposition]
    registrations: Sequence[StoredInstance]

    @property
    def first(self) -> tuple[StoredInstance, ImageReference]:
        """The first image. Raises `Problem` 404 where there is none."""
        if not self.images:
            raise Problem(
                HTTPStatus.NOT_FOUND, "no image that the presentation state refers to is here"
            )
        return self.images[0]

    def reference_to(self, stored: StoredInstance) -> ImageReference | None:
        """What the state says of an image; None where it is not for it."""
        uid = stored.sop_instance_uid
        return next((each for _, each in self.images if each.sop_instance_uid == uid), None)


def read_state(sight: Sight, stored: StoredInstance) -> SeenState:
    """A state with its images. Raises `Problem` 406, and 501 for one that is not rendered."""
    with sight.studio.header(stored) as dataset:
        try:
            state = presentation_state(dataset)
        except UnsupportedState as error:
            raise Problem(HTTPStatus.NOT_IMPLEMENTED, str(error)) from error
    images, missing = _located(sight, state.references)
    registered = Registered(sight)
    base = registered.by(state.registrations)
    superimposed = {}
    for number, each in state.superimposed.items():
        upon, away = _located(sight, each.images)
        missing += away
        placing = Placing(registered.by(each.registrations), base)
        superimposed[number] = Superimposition(sight.studio, upon, placing)
    return SeenState(stored, state, images, missing, superimposed, registered.instances)


def says_what_states_say(look: Look) -> bool:
    """Whether the request says itself what is a matter of the state (PS3.18 Table 8.3.5-1)."""
    return look.window is not None or look.region is not None or bool(look.annotations)


def show_state(sight: Sight, stored: StoredInstance) -> Response:
    """All images of a state: one alone, or several in parts."""
    _check_asked(sight)
    seen = read_state(sight, stored)
    image, reference = seen.first
    wanted = _frames(sight, image, reference)
    if len(seen.images) == 1 and len(wanted) == 1:
        media = choose_single(sight.ranges)
        return show_one_by_state(sight, seen, reference, wanted[0], media, _said(seen))
    media = choose_media(sight.ranges, alone=IMAGES)
    if media.multipart:
        status = HTTPStatus.PARTIAL_CONTENT if seen.missing else HTTPStatus.OK
        shown = frames_by_state(sight, seen, media.media_type)
        return sight.in_parts(shown, media.media_type, status=status, warning=_said(seen))
    number = wanted[len(wanted) // 2]
    said = f"frame {number} of the first of {len(seen.images)} images stands for all"
    more = "; ".join(filter(None, (said, _said(seen))))
    return show_one_by_state(sight, seen, reference, number, media, more)


def show_one_by_state(
    sight: Sight,
    seen: SeenState,
    reference: ImageReference,
    number: int | None,
    media: ChosenMedia,
    warning: str = "",
) -> Response:
    """One frame of an image of ``seen``; without a number, the one that stands for all.

    Raises `Problem` 400 where the state is not for it.
    """
    _check_asked(sight)
    image = next(stored for stored, each in seen.images if each is reference)
    if number is None:
        number = _representative(sight, image, reference)
    if reference.frames and number not in reference.frames:
        raise Problem(HTTPStatus.BAD_REQUEST, f"the state is not for frame {number}")
    state = seen.stored
    made_of = [image, state, *seen.registrations]
    made_of += [stored for each in seen.superimposed.values() for stored, _ in each.images]
    etag = sight.etag(f"{media}", "by state", str(number), made_of=made_of)
    if (unchanged := sight.unchanged(etag)) is not None:
        return unchanged
    shown = _files(sight, seen, image, reference, (number,), media.media_type)
    if media.multipart:
        return sight.in_parts(shown, media.media_type, warning=warning)
    (one,) = shown
    return sight.whole(media.media_type, one.data, etag, warning=warning)


def frames_by_state(sight: Sight, seen: SeenState, media_type: str) -> Iterator[Shown]:
    """Every frame of every image that a state is for."""
    for image, reference in seen.images:
        yield from _files(sight, seen, image, reference, reference.frames, media_type)


def _files(
    sight: Sight,
    seen: SeenState,
    image: StoredInstance,
    reference: ImageReference,
    numbers: Sequence[int],
    media_type: str,
) -> Iterator[Shown]:
    superimposed = {number: each.find for number, each in seen.superimposed.items()}
    others = OtherFrames(partial(sight.studio.frames, image), superimposed)
    way = ByState(seen.state, reference.sop_instance_uid, sight.asked.look, others)
    for each in sight.studio.files(image, numbers, way, media_type):
        yield Shown(_address(sight, seen, reference, each.number, media_type), each.data)


def _address(
    sight: Sight, seen: SeenState, reference: ImageReference, number: int, media_type: str
) -> str:
    """That of WADO-URI, which can name an image and a state; WADO-RS cannot."""
    query = {
        "requestType": "WADO",
        "studyUID": sight.request.resource.study,
        "seriesUID": reference.series_instance_uid,
        "objectUID": reference.sop_instance_uid,
        "presentationSeriesUID": text_of(seen.state.dataset, "SeriesInstanceUID"),
        "presentationUID": seen.stored.sop_instance_uid,
        "frameNumber": str(number),
        "contentType": media_type,
    }
    return f"{sight.request.base_url}/wado?{urlencode(query, safe='/')}"


def _check_asked(sight: Sight) -> None:
    if says_what_states_say(sight.asked.look):
        raise Problem(
            HTTPStatus.BAD_REQUEST,
            "window, annotation and a region are what the presentation state says: there is "
            "viewport=width,height, quality, iccprofile",
        )


def _located(
    sight: Sight, references: Sequence[ImageReference]
) -> tuple[Sequence[tuple[StoredInstance, ImageReference]], int]:
    """The images of a state that are here, in its order, and how many are not.

    One query for each series.
    """
    by_series: dict[str, list[ImageReference]] = {}
    for each in references:
        by_series.setdefault(each.series_instance_uid, []).append(each)
    located: list[tuple[StoredInstance, ImageReference]] = []
    missing = 0
    for series, named in by_series.items():
        found = located_in_series(sight, series, [each.sop_instance_uid for each in named])
        for each in named:
            if not each.sop_instance_uid:
                images = [one for one in found.values() if may_be_image(one.sop_class_uid)]
                located += [
                    (one, replace(each, sop_instance_uid=one.sop_instance_uid)) for one in images
                ]
                missing += not images
            elif each.sop_instance_uid in found:
                located.append((found[each.sop_instance_uid], each))
            else:
                missing += 1
    return located, missing


def _frames(sight: Sight, image: StoredInstance, reference: ImageReference) -> Sequence[int]:
    return reference.frames or range(1, sight.studio.count(image) + 1)


def _representative(sight: Sight, image: StoredInstance, reference: ImageReference) -> int:
    if reference.frames:
        return reference.frames[len(reference.frames) // 2]
    with sight.studio.image(image) as opened:
        return representative_frame(opened)


def _said(seen: SeenState) -> str:
    if not seen.missing:
        return ""
    return f"{seen.missing} images that the presentation state refers to are not here"
