"""The parameters of WADO-URI, read and checked (PS3.18 9.1.2)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pacs_dicomweb.rendered.look import MOST_PIXELS_ON_A_SIDE, Annotation, Look, Region
from pacs_dicomweb.rendered.parameters import bad, number_of, whole_number_of, window_of
from pacs_http.api import Resource

if TYPE_CHECKING:
    from pacs_http.api import Request

__all__ = ["KNOWN", "REQUIRED", "FromUri", "parameters_of", "resource_of_query"]

_MOST_FRAMES = 2**31 - 1
REQUIRED = ("requestType", "studyUID", "seriesUID", "objectUID")
_OF_PICTURES = {
    "annotation": "patient, technique",
    "rows": "The most rows of the picture",
    "columns": "The most columns of the picture",
    "region": "left,top,right,bottom of a part of the image, from 0.0 to 1.0",
    "windowCenter": "In modality values",
    "windowWidth": "In modality values",
    "frameNumber": "From 1",
    "imageQuality": "Of JPEG, from 1 to 100",
    "presentationUID": "SOP Instance UID of a presentation state, by which the image is seen",
    "presentationSeriesUID": "Series Instance UID of the presentation state",
}
# What is said by the state (9.1.2.2.4 and others).
_NOT_WITH_STATES = ("region", "windowCenter", "windowWidth", "annotation")
KNOWN = {
    "requestType": "WADO",
    "studyUID": "Study Instance UID",
    "seriesUID": "Series Instance UID",
    "objectUID": "SOP Instance UID",
    "contentType": "Media types, in place of the header Accept",
    "charset": "utf-8",
    "anonymize": "yes: de-identified, as application/dicom alone",
    "transferSyntax": "Of application/dicom: a UID, or * for the stored one",
    **_OF_PICTURES,
}
"""All parameters that there are, with a few words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FromUri:
    """What is asked for. ``media_types`` is a list as in Accept, empty where it is not said.

    ``picture``: a parameter was given that is for pictures alone. ``anonymize``: the instance is to
    be de-identified. ``state`` names the series and the instance of a presentation state.
    """

    media_types: str
    transfer_syntax: str
    look: Look
    frame: int | None
    anonymize: bool
    picture: bool
    state: tuple[str, str] | None


def resource_of_query(request: Request) -> Resource:
    """The instance that the query names. Raises `Problem` 400."""
    named = {name: request.first(name) or "" for name in ("studyUID", "seriesUID", "objectUID")}
    if missing := [name for name, value in named.items() if not value]:
        raise bad(f"{', '.join(missing)} is missing: studyUID, seriesUID and objectUID are needed")
    return Resource(study=named["studyUID"], series=named["seriesUID"], instance=named["objectUID"])


def parameters_of(request: Request) -> FromUri:
    """What the query asks for. Raises `Problem` 400."""
    said = _said(request)
    if said.pop("requestType", "").upper() != "WADO":
        raise bad("requestType has to be WADO")
    anonymize = said.get("anonymize", "no")
    if anonymize not in {"yes", "no"}:
        raise bad("anonymize is yes or no")
    return FromUri(
        media_types=said.get("contentType", ""),
        transfer_syntax=said.get("transferSyntax", ""),
        look=_look(said),
        frame=_frame(said),
        anonymize=anonymize == "yes",
        picture=bool(said.keys() & _OF_PICTURES.keys()),
        state=_state(said),
    )


def _said(request: Request) -> dict[str, str]:
    said: dict[str, str] = {}
    for name, value in request.query:
        if name not in KNOWN:
            raise bad(f"a parameter is not known; there are {', '.join(sorted(KNOWN))}")
        if name in said:
            raise bad(f"{name} is there twice")
        said[name] = value
    return said


def _look(said: Mapping[str, str]) -> Look:
    look = Look(
        window=_window(said),
        box=_box(said),
        region=_region(said),
        annotations=_annotations(said),
    )
    quality = said.get("imageQuality")
    if quality is None:
        return look
    return replace(look, quality=whole_number_of("imageQuality", quality, 100))


def _window(said: Mapping[str, str]) -> tuple[float, float, str] | None:
    center, width = said.get("windowCenter"), said.get("windowWidth")
    if center is None and width is None:
        return None
    if center is None or width is None:
        raise bad("windowCenter and windowWidth go together")
    return window_of("windowCenter or windowWidth", center, width)


def _box(said: Mapping[str, str]) -> tuple[int, int] | None:
    """Each bounds the picture; where one is missing, nothing bounds that side."""
    if not said.keys() & {"rows", "columns"}:
        return None
    width, height = (
        whole_number_of(name, said[name], MOST_PIXELS_ON_A_SIDE)
        if name in said
        else MOST_PIXELS_ON_A_SIDE
        for name in ("columns", "rows")
    )
    return width, height


def _region(said: Mapping[str, str]) -> Region | None:
    """The left, top, right and bottom edge, from 0 to 1 (9.1.2.2.6)."""
    text = said.get("region")
    if text is None:
        return None
    edges = [number_of("region", part.strip()) for part in text.split(",")]
    if len(edges) != 4 or not (0 <= edges[0] < edges[2] <= 1 and 0 <= edges[1] < edges[3] <= 1):
        raise bad("region is left,top,right,bottom, rising from 0.0 to 1.0")
    left, top, right, bottom = edges
    return Region(left=left, top=top, width=right - left, height=bottom - top, shares=True)


def _annotations(said: Mapping[str, str]) -> frozenset[Annotation]:
    text = said.get("annotation")
    if text is None:
        return frozenset()
    asked = {part.strip() for part in text.split(",")}
    if asked - {each.value for each in Annotation}:
        raise bad("annotation is patient, technique, or both")
    return frozenset(each for each in Annotation if each.value in asked)


def _state(said: Mapping[str, str]) -> tuple[str, str] | None:
    named = said.get("presentationSeriesUID", ""), said.get("presentationUID", "")
    if not any(named):
        return None
    if not all(named):
        raise bad("presentationUID and presentationSeriesUID go together")
    if both := [name for name in _NOT_WITH_STATES if name in said]:
        raise bad(f"{', '.join(both)}: that is what the presentation state says")
    return named


def _frame(said: Mapping[str, str]) -> int | None:
    text = said.get("frameNumber")
    return None if text is None else whole_number_of("frameNumber", text, _MOST_FRAMES)
