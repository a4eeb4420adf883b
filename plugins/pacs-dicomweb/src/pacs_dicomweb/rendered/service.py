"""Rendered resources and thumbnails answered (PS3.18 10.4.1.1.3, 10.4.1.1.4)."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING

from pacs_dicomweb.accept import accepted
from pacs_dicomweb.located import locate
from pacs_dicomweb.rendered.kinds import Kind, kind_of, may_be_image
from pacs_dicomweb.rendered.media import ChosenMedia, choose_single
from pacs_dicomweb.rendered.parameters import Asked, bad, rendered_asked, thumbnail_asked
from pacs_dicomweb.rendered.pictures import show_image, show_one_frame
from pacs_dicomweb.rendered.several import show_several
from pacs_dicomweb.rendered.sight import Sight
from pacs_dicomweb.rendered.states import read_state, show_one_by_state, show_state
from pacs_dicomweb.rendered.studio import Studio, is_video, representative_frame
from pacs_dicomweb.rendered.texts import document_whole, report_whole, show_document, show_report
from pacs_dicomweb.rendered.thumbnails import show_thumbnail
from pacs_dicomweb.rendered.volume_parameters import View, volume_asked
from pacs_dicomweb.rendered.volumes import Volumes, show_volume
from pacs_dicomweb.wado.frames import frame_numbers
from pacs_dicomweb.wado.instances import DOOR
from pacs_dicomweb.wado.objects import Objects
from pacs_dicomweb.wado.pixels import only_instance
from pacs_http.api import Problem, Resource

if TYPE_CHECKING:
    import threading
    from collections.abc import Sequence

    from pacs_dicomweb.accept import MediaRange
    from pacs_dicomweb.uri.parameters import FromUri
    from pacs_framework.archive.archive import Archive
    from pacs_framework.archive.retrieve import StoredInstance
    from pacs_http.api import Request, Response

__all__ = ["Limits", "RenderedService"]


@dataclass(frozen=True, slots=True)
class Limits:
    """How many ``pixels`` a picture has at most, and ``voxels`` a volume; and for how many seconds
    somebody waits for the volume before his.
    """

    pixels: int
    voxels: int
    volume_wait: float = 30.0


class RenderedService:
    """Answers for what can be seen; ``places`` pictures are drawn at once, as ``limits`` say."""

    def __init__(self, archive: Archive, places: threading.Semaphore, limits: Limits) -> None:
        self.archive = archive
        self._places = places
        self._limits = limits
        self._volumes = Volumes(limits.volume_wait)

    def rendered(self, request: Request) -> Response:
        """Answer GET of ``…/rendered`` of a study, series or instance."""
        sight = self._sight(request, rendered_asked(request), accepted(request))
        located = list(locate(self.archive, request.resource, request.scope))
        if not located:
            raise Problem(HTTPStatus.NOT_FOUND, "the instances were deleted a moment ago")
        return _show(sight, located[0]) if len(located) == 1 else show_several(sight, located)

    def rendered_frames(self, request: Request) -> Response:
        """Answer GET of ``…/frames/{list}/rendered``."""
        numbers = frame_numbers(request.path_parameters["frames"])
        sight = self._sight(request, rendered_asked(request), accepted(request))
        return show_image(sight, self._image(request), numbers)

    def rendered_mpr(self, request: Request) -> Response:
        """Answer GET of ``…/renderedmpr``: a plane or slab through a volume."""
        return self._view(request, View.MPR)

    def rendered_3d(self, request: Request) -> Response:
        """Answer GET of ``…/rendered3d``: all of a volume, seen from a side."""
        return self._view(request, View.THREE_D)

    def _view(self, request: Request, view: View) -> Response:
        asked = volume_asked(request, view)
        sight = self._sight(request, Asked(asked.look), accepted(request))
        located = list(locate(self.archive, request.resource, request.scope))
        return show_volume(sight, located, asked, self._volumes)

    def thumbnail(self, request: Request) -> Response:
        """Answer GET of ``…/thumbnail`` of a study, series or instance: one small picture."""
        sight = self._sight(request, thumbnail_asked(request), accepted(request))
        media = choose_single(sight.ranges, parts=False)
        located = list(locate(self.archive, request.resource, request.scope))
        return show_thumbnail(sight, located, media)

    def thumbnail_frames(self, request: Request) -> Response:
        """Answer GET of ``…/frames/{list}/thumbnail``: the first of the frames stands for them."""
        numbers = frame_numbers(request.path_parameters["frames"])
        sight = self._sight(request, thumbnail_asked(request), accepted(request))
        media = choose_single(sight.ranges, parts=False)
        return show_one_frame(sight, self._image(request), numbers[0], media)

    def is_single_picture(self, request: Request, stored: StoredInstance) -> bool:
        """Whether an instance is an image of one frame. Raises `PacsError`."""
        if not may_be_image(stored.sop_class_uid) or is_video(stored):
            return False
        try:
            return self._studio(request)[1].count(stored) == 1
        except Problem:  # there are no pixels in it after all
            return False

    def by_uri(
        self, request: Request, stored: StoredInstance, asked: FromUri, media_type: str
    ) -> Response:
        """What WADO-URI asks for, as a file of ``media_type``, which instances of its kind have.

        Of an image one frame: the named one, the only one, or the one that stands for all.
        """
        sight = self._sight(request, Asked(asked.look), ())
        media = ChosenMedia(media_type, multipart=False)
        kind = kind_of(stored.sop_class_uid)
        if kind is Kind.IMAGE:
            return self._image_by_uri(sight, stored, asked, media)
        if asked.frame is not None or asked.state is not None:
            raise bad(f"frameNumber and presentationUID are for images, and this is a {kind.value}")
        if kind is Kind.STATE:
            seen = read_state(sight, stored)
            return show_one_by_state(sight, seen, seen.first[1], None, media)
        if asked.picture:
            raise bad(f"a {kind.value} is given as it is: no size, window, annotation, quality")
        if kind is Kind.REPORT:
            return report_whole(sight, stored, media)
        return document_whole(sight, stored)

    def _image_by_uri(
        self, sight: Sight, stored: StoredInstance, asked: FromUri, media: ChosenMedia
    ) -> Response:
        if asked.state is not None:
            seen = read_state(sight, self._named_state(sight.request, asked.state))
            reference = seen.reference_to(stored)
            if reference is None:
                raise bad("the presentation state is not for this image")
            return show_one_by_state(sight, seen, reference, asked.frame, media)
        if asked.frame is not None:
            return show_one_frame(sight, stored, asked.frame, media)
        with sight.studio.image(stored) as image:
            number, count = representative_frame(image), image.number_of_frames
        said = f"frame {number} of {count} stands for all" if count > 1 else ""
        return show_one_frame(sight, stored, number, media, said)

    def _named_state(self, request: Request, named: tuple[str, str]) -> StoredInstance:
        """The state with a series and an instance UID, in the study of the image."""
        series, instance = named
        resource = Resource(study=request.resource.study, series=series, instance=instance)
        located = locate(self.archive, resource, request.scope)
        state = next(iter(located), None)
        if state is None or kind_of(state.sop_class_uid) is not Kind.STATE:
            raise Problem(HTTPStatus.NOT_FOUND, "there is no presentation state of this name")
        return state

    def _image(self, request: Request) -> StoredInstance:
        """The instance that a path names, which has to have frames. Raises `Problem`."""
        stored = only_instance(self.archive, request)
        if not may_be_image(stored.sop_class_uid):
            raise Problem(
                HTTPStatus.NOT_FOUND,
                "only images have frames: without /frames, …/rendered shows whatever can be seen",
            )
        return stored

    def _studio(self, request: Request) -> tuple[Objects, Studio]:
        """What draws for whoever asks."""
        objects = Objects(self.archive, request.recipient(DOOR))
        return objects, Studio(objects, self._places, self._limits.pixels, self._limits.voxels)

    def _sight(self, request: Request, asked: Asked, ranges: Sequence[MediaRange]) -> Sight:
        return Sight(request, asked, ranges, *self._studio(request))


def _show(sight: Sight, stored: StoredInstance) -> Response:
    """All of one instance."""
    match kind_of(stored.sop_class_uid):
        case Kind.IMAGE:
            return show_image(sight, stored, ())
        case Kind.STATE:
            return show_state(sight, stored)
        case Kind.REPORT:
            return show_report(sight, stored)
        case _:
            return show_document(sight, stored)
