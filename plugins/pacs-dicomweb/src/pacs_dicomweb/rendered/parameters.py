"""The parameters of rendered resources and thumbnails, read and checked (PS3.18 8.3.5.1)."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from pacs_dicomweb.rendered.look import (
    MOST_PIXELS_ON_A_SIDE,
    Annotation,
    IccProfile,
    Look,
    Region,
)
from pacs_http.api import Problem

if TYPE_CHECKING:
    from pacs_http.api import Request

__all__ = [
    "Asked",
    "bad",
    "check_names",
    "look_asked",
    "number_of",
    "rendered_asked",
    "thumbnail_asked",
    "whole_number_of",
    "window_of",
]

_COMMON = frozenset({"accept", "charset"})
_FUNCTIONS = {"linear": "LINEAR", "linear-exact": "LINEAR_EXACT", "sigmoid": "SIGMOID"}
_THUMBNAIL = (128, 128)


@dataclass(frozen=True, slots=True)
class Asked:
    """How something is to be seen, and what was asked for and is not known."""

    look: Look
    warnings: tuple[str, ...] = ()


def bad(detail: str) -> Problem:
    """400."""
    return Problem(HTTPStatus.BAD_REQUEST, detail)


def check_names(request: Request, known: Collection[str]) -> None:
    """A parameter that is passed over would show something else than was asked for: 400."""
    seen: set[str] = set()
    for name, _ in request.query:
        if name not in known:
            raise bad(f"a parameter is not known; there are {', '.join(sorted(known))}")
        if name in seen and name != "accept":
            raise bad(f"{name} is there twice")
        seen.add(name)


def number_of(name: str, text: str) -> float:
    """A finite decimal number. Raises `Problem` 400."""
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number) or "_" in text:
        raise bad(f"{name} takes numbers")
    return number


def whole_number_of(name: str, text: str, most: int) -> int:
    """A number from 1 to ``most``. Raises `Problem` 400."""
    number = int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else 0
    if not 1 <= number <= most:
        raise bad(f"{name} takes whole numbers from 1 to {most}")
    return number


def window_of(name: str, center: str, width: str, function: str = "LINEAR") -> tuple[Any, ...]:
    """Center, width, function, checked as PS3.3 C.11.2.1.2 has them. Raises `Problem` 400."""
    found = number_of(name, center), number_of(name, width)
    least = 1 if function == "LINEAR" else 0
    if found[1] < least or found[1] <= 0:
        raise bad(f"the width of a {function} window is {'at least 1' if least else 'above 0'}")
    return *found, function


def rendered_asked(request: Request) -> Asked:
    """What the query of a rendered resource asks for. Raises `Problem` 400."""
    check_names(request, _COMMON | _READERS.keys())
    unknown: list[str] = []
    if (annotations := request.first("annotation")) is not None:
        known = {each.value for each in Annotation}
        unknown = sorted({part.strip() for part in annotations.split(",")} - known - {""})
    warnings = (f"{len(unknown)} annotations are not known; patient and technique are",)
    return Asked(look_asked(request), warnings if unknown else ())


def look_asked(request: Request) -> Look:
    """What the query asks for of all those parameters that pictures have. Raises `Problem` 400."""
    said: dict[str, Any] = {}
    for name, reader in _READERS.items():
        text = request.first(name)
        if text is not None:
            said |= reader(text)
    return Look(**said)


def thumbnail_asked(request: Request) -> Asked:
    """What the query of a thumbnail asks for: nothing but its size. Raises `Problem` 400."""
    check_names(request, _COMMON | {"viewport"})
    text = request.first("viewport")
    if text is None:
        return Asked(Look(box=_THUMBNAIL))
    if text.count(",") != 1:
        raise bad("viewport of a thumbnail is its width and height: 128,128")
    return Asked(Look(**_viewport(text)))


def _viewport(text: str) -> dict[str, Any]:
    parts = [part.strip() for part in text.split(",")]
    if not 2 <= len(parts) <= 6:
        raise bad("viewport is width,height and, optional, left,top,width,height of a region")
    width, height = (whole_number_of("viewport", part, MOST_PIXELS_ON_A_SIDE) for part in parts[:2])
    region = [number_of("viewport", part) if part else None for part in parts[2:]]
    region += [None] * (4 - len(region))
    left, top, wide, high = region
    if 0 in (wide, high):
        raise bad("the region of viewport has no width or no height")
    if all(each is None for each in region):
        return {"box": (width, height)}
    place = Region(left=left or 0.0, top=top or 0.0, width=wide, height=high)
    return {"box": (width, height), "region": place}


def _window(text: str) -> dict[str, Any]:
    parts = [part.strip() for part in text.split(",")]
    if len(parts) not in (2, 3):
        raise bad("window is center,width,function")
    name = parts[2].lower().replace("_", "-") if len(parts) == 3 else "linear"
    function = _FUNCTIONS.get(name)
    if function is None:
        raise bad(f"the function of a window is one of {', '.join(_FUNCTIONS)}")
    return {"window": window_of("window", parts[0], parts[1], function)}


def _annotation(text: str) -> dict[str, Any]:
    asked = {part.strip() for part in text.split(",")}
    return {"annotations": frozenset(each for each in Annotation if each.value in asked)}


def _quality(text: str) -> dict[str, Any]:
    return {"quality": whole_number_of("quality", text, 100)}


def _icc_profile(text: str) -> dict[str, Any]:
    try:
        return {"icc_profile": IccProfile(text.strip().lower())}
    except ValueError:
        raise bad("iccprofile is no, yes or srgb; other colour spaces are not made") from None


_READERS: dict[str, Callable[[str], dict[str, Any]]] = {
    "viewport": _viewport,
    "window": _window,
    "annotation": _annotation,
    "quality": _quality,
    "iccprofile": _icc_profile,
}
