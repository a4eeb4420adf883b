"""A request for something to see, and the answers that all kinds of it share."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from itertools import chain
from typing import TYPE_CHECKING

from pydicom.uid import UID

from pacs_dicomweb.located import ROOT, path_of
from pacs_dicomweb.multipart import Multipart, Part
from pacs_dicomweb.wado.instances import PRIVATE, etag_of
from pacs_http.api import Problem, Response, not_modified

if TYPE_CHECKING:
    from pacs_dicomweb.accept import MediaRange
    from pacs_dicomweb.rendered.parameters import Asked
    from pacs_dicomweb.rendered.studio import Studio
    from pacs_dicomweb.wado.objects import Objects
    from pacs_framework.archive.retrieve import StoredInstance
    from pacs_http.api import Request

__all__ = ["Shown", "Sight", "nothing_to_see", "only_as_it_is"]

_VERSION = "3"  # of how pictures are drawn: what a client has kept of another is asked for anew


@dataclass(frozen=True, slots=True)
class Shown:
    """One thing that is seen: the address that shows it alone, and its file."""

    address: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Sight:
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

    def address(self, stored: StoredInstance, series: str, tail: str) -> str:
        """The address of an instance of the study that is asked about, with ``tail`` behind it."""
        resource = self.request.resource
        path = path_of(resource)
        if not resource.instance:
            path = f"/studies/{resource.study}/series/{series}/instances/{stored.sop_instance_uid}"
        return f"{self.request.base_url}{ROOT}{path}/{tail}"

    def etag(self, media: str, *facts: str, made_of: Sequence[StoredInstance]) -> str:
        """Where what is seen is the same for everybody; else there is none."""
        if not all(map(self.objects.as_stored, made_of)):
            return ""
        keys = [stored.storage_key for stored in made_of]
        return "W/" + etag_of(_VERSION, *keys, repr(self.asked.look), media, *facts)

    def unchanged(self, etag: str) -> Response | None:
        """304 where the client has it already."""
        if not etag or not not_modified(self.request, etag):
            return None
        return Response(status=HTTPStatus.NOT_MODIFIED, headers=[("ETag", etag), PRIVATE])

    def whole(
        self,
        media_type: str,
        body: bytes,
        etag: str = "",
        *,
        warning: str = "",
        more: Sequence[tuple[str, str]] = (),
    ) -> Response:
        """The one file that is seen."""
        headers = [*self.headers(warning), *([("ETag", etag)] if etag else []), *more]
        return Response(headers=headers, media_type=media_type, body=body)

    def in_parts(
        self,
        shown: Iterator[Shown],
        media_type: str,
        *,
        status: int = HTTPStatus.OK,
        warning: str = "",
    ) -> Response:
        """Several of one media type, each made when its turn comes."""
        # The first is made now: what is wrong with it can still be told.
        first = next(shown, None)
        if first is None:
            raise Problem(HTTPStatus.NOT_FOUND, "the instances were deleted a moment ago")
        parts = (
            Part(
                media_type=media_type,
                pieces=(each.data,),
                headers=[
                    ("Content-Location", each.address),
                    ("Content-Length", str(len(each.data))),
                ],
            )
            for each in chain((first,), shown)
        )
        body = Multipart(parts, media_type)
        headers = self.headers(warning)
        return Response(status=status, headers=headers, media_type=body.media_type, body=body)


def only_as_it_is(request: Request, words: str) -> None:
    """Nothing is made of it, so nothing may be asked of it. Raises `Problem` 400."""
    if any(name not in {"accept", "charset"} for name, _ in request.query):
        raise Problem(
            HTTPStatus.BAD_REQUEST, f"{words}: no viewport, window, annotation, quality, iccprofile"
        )


def nothing_to_see(sop_class_uid: str = "") -> Problem:
    """406, with what it is instead of something to see."""
    what = UID(sop_class_uid).name[:80] if sop_class_uid else "what is here"
    return Problem(
        HTTPStatus.NOT_ACCEPTABLE,
        f"{what} cannot be rendered: there is no image, report or document in it that is known; "
        "retrieve the instances themselves",
    )
