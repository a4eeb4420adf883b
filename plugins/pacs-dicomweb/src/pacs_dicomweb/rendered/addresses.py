"""The addresses of pictures. NumPy and Pillow are loaded when somebody asks for the first one."""

from __future__ import annotations

import os
import threading
from functools import cached_property
from typing import TYPE_CHECKING

from pacs_dicomweb.located import ROOT
from pacs_dicomweb.rendered.media import IMAGES, PDF, REPORTS
from pacs_dicomweb.uri.parameters import KNOWN, REQUIRED, resource_of_query
from pacs_http.api import Action, Answer, Level, Parameter, Route

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pacs_dicomweb.rendered.service import RenderedService
    from pacs_dicomweb.settings import DicomwebSettings
    from pacs_framework.archive.archive import Archive
    from pacs_http.api import Request, Response

__all__ = ["Pictures", "rendered_routes", "uri_route"]

_STUDY = ROOT + "/studies/{study}"
_SERIES = _STUDY + "/series/{series}"
_INSTANCE = _SERIES + "/instances/{instance}"
_LEVELS = ((_STUDY, Level.STUDY), (_SERIES, Level.SERIES), (_INSTANCE, Level.INSTANCE))

_ACCEPT = Parameter(name="accept", description="Media types, in place of the header Accept")
_RENDERED = (
    _ACCEPT,
    Parameter(
        name="viewport",
        description="width,height in pixels, then left,top,width,height of a region of the image",
    ),
    Parameter(name="window", description="center,width,function: linear, linear-exact, sigmoid"),
    Parameter(name="annotation", description="patient, technique"),
    Parameter(name="quality", type="integer", minimum=1, description="Of JPEG, up to 100"),
    Parameter(name="iccprofile", enum=("no", "yes", "srgb"), description="What is said of colours"),
)
_VOLUME = (
    _ACCEPT,
    Parameter(name="volumeinputreference", description="UIDs of instances, or frames"),
    Parameter(
        name="renderingmethod",
        enum=("volume_rendered", "maximum_ip", "minimum_ip", "average_ip"),
        description="What becomes of the values along a ray",
    ),
    Parameter(name="orientation", enum=("a", "p", "r", "l", "h", "f"), description="What is seen"),
    Parameter(name="viewpointposition", description="x,y,z in the patient, in mm"),
    Parameter(name="viewpointlookat", description="x,y,z in the patient, in mm"),
    Parameter(name="viewpointup", description="x,y,z, a direction"),
    Parameter(name="mprslab", description="Thickness in mm (renderedmpr)"),
    Parameter(name="swivelrange", description="Degrees, for an image/gif that turns (rendered3d)"),
    Parameter(name="animationstepsize", description="Degrees from picture to picture"),
    Parameter(name="animationrate", description="Pictures in a second"),
    Parameter(
        name="renderedvolumetricmetadata",
        enum=("yes",),
        description="What the view is made with, in place of it",
    ),
    Parameter(name="viewport", description="width,height in pixels"),
    *(each for each in _RENDERED if each.name in {"window", "annotation", "quality", "iccprofile"}),
)
_THUMBNAIL = (_ACCEPT, Parameter(name="viewport", description="width,height in pixels"))
JSON = "application/dicom+json"
_SEEN = ("multipart/related", *IMAGES, *REPORTS, PDF)
_ERRORS = {
    400: Answer("The request cannot be understood"),
    404: Answer("There is nothing of this name"),
    406: Answer("No media type fits, or there is nothing to see"),
}


class Pictures:
    """Who answers for pictures, made at the first request."""

    def __init__(self, archive: Archive, settings: DicomwebSettings) -> None:
        self._archive = archive
        self._pixels = settings.rendered_megapixels * 1_000_000
        self._voxels = settings.rendered_megavoxels * 1_000_000
        # Drawing is work for a core each; more at once would only take more memory.
        self._places = threading.BoundedSemaphore(os.cpu_count() or 1)

    @cached_property
    def service(self) -> RenderedService:
        """Imports NumPy and Pillow."""
        from pacs_dicomweb.rendered.service import (  # noqa: PLC0415 - see above
            Limits,
            RenderedService,
        )

        return RenderedService(self._archive, self._places, Limits(self._pixels, self._voxels))


def rendered_routes(pictures: Pictures) -> Sequence[Route]:
    """Rendered resources and thumbnails at every level (PS3.18 10.4.1.1.3, 10.4.1.1.4)."""

    def rendered(request: Request) -> Response:
        return pictures.service.rendered(request)

    def rendered_frames(request: Request) -> Response:
        return pictures.service.rendered_frames(request)

    def thumbnail(request: Request) -> Response:
        return pictures.service.thumbnail(request)

    def thumbnail_frames(request: Request) -> Response:
        return pictures.service.thumbnail_frames(request)

    def rendered_mpr(request: Request) -> Response:
        return pictures.service.rendered_mpr(request)

    def rendered_3d(request: Request) -> Response:
        return pictures.service.rendered_3d(request)

    frames = _INSTANCE + "/frames/{frames}"
    return [
        *(_volume(path + "/renderedmpr", level, rendered_mpr) for path, level in _LEVELS),
        # The examples of the standard write it both ways (PS3.18 B.32).
        *(_volume(path + "/rendered3d", level, rendered_3d) for path, level in _LEVELS),
        *(_volume(path + "/rendered3D", level, rendered_3d) for path, level in _LEVELS),
        *(_rendered(path, level, rendered) for path, level in _LEVELS),
        _rendered(frames, Level.FRAME, rendered_frames),
        *(_thumbnail(path, level, thumbnail) for path, level in _LEVELS),
        _thumbnail(frames, Level.FRAME, thumbnail_frames),
    ]


def uri_route(archive: Archive, pictures: Pictures, anonymizer: str) -> Route:
    """WADO-URI: everything is in the query (PS3.18 9.1).

    ``anonymizer`` is the name of the one for ``anonymize=yes``, empty where there is none. Raises
    `ConfigurationError` where nobody provides it.
    """
    if anonymizer and any(archive.anonymizers):  # else the routes are only looked at
        archive.anonymizers[anonymizer]

    def by_uri(request: Request) -> Response:
        from pacs_dicomweb.uri.retrieving import retrieve_by_uri  # noqa: PLC0415 - see above

        return retrieve_by_uri(archive, pictures.service, request, anonymizer)

    return Route(
        method="GET",
        path="/wado",
        handler=by_uri,
        level=Level.INSTANCE,
        action=Action.READ,
        resource=resource_of_query,
        summary="One instance, or a picture of it (WADO-URI)",
        parameters=[
            Parameter(name=name, description=words, required=name in REQUIRED)
            for name, words in KNOWN.items()
        ],
        answers={
            200: Answer(
                "The instance, or the picture",
                media_types=("application/dicom", *IMAGES, *REPORTS, PDF),
            ),
            304: Answer("Nothing has changed"),
            422: Answer("The instance cannot be de-identified"),
            501: Answer("This kind of presentation state, or anonymize without an anonymizer"),
            **_ERRORS,
        },
    )


def _rendered(path: str, level: Level, handler: Callable[[Request], Response]) -> Route:
    return Route(
        method="GET",
        path=path + "/rendered",
        handler=handler,
        level=level,
        action=Action.READ,
        summary=f"What can be seen of a {level.value} (WADO-RS rendered)",
        parameters=_RENDERED,
        scoped=True,
        answers={
            200: Answer("What there is to see", media_types=_SEEN),
            206: Answer("Not all: the others are not to be seen like this, or kept back"),
            304: Answer("Nothing has changed"),
            501: Answer("This kind of presentation state is not rendered"),
            **_ERRORS,
        },
    )


def _volume(path: str, level: Level, handler: Callable[[Request], Response]) -> Route:
    return Route(
        method="GET",
        path=path,
        handler=handler,
        level=level,
        action=Action.READ,
        summary=f"A view of the volume that the images of a {level.value} make (WADO-RS)",
        parameters=_VOLUME,
        scoped=True,
        answers={
            200: Answer("The view, or what it was made with", media_types=(*IMAGES, JSON)),
            304: Answer("Nothing has changed"),
            413: Answer("The volume is too large, or too much of it is asked for"),
            501: Answer("Volumetric presentation states are not rendered"),
            503: Answer("Another volume is being rendered"),
            **_ERRORS,
        },
    )


def _thumbnail(path: str, level: Level, handler: Callable[[Request], Response]) -> Route:
    return Route(
        method="GET",
        path=path + "/thumbnail",
        handler=handler,
        level=level,
        action=Action.READ,
        summary=f"A small picture that stands for a {level.value}",
        parameters=_THUMBNAIL,
        scoped=True,
        answers={
            200: Answer("The picture", media_types=IMAGES),
            304: Answer("Nothing has changed"),
            **_ERRORS,
        },
    )
