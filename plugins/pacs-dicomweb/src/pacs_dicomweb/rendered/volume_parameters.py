"""The parameters of rendered MPR and 3D volumes, read and checked (PS3.18 8.3.5.3)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from pacs_dicomweb.rendered.parameters import bad, check_names, look_asked, number_of
from pacs_framework.dicom.uids import is_valid_uid
from pacs_framework.rendering.volumes.camera import (
    Camera,
    Orientation,
    camera_at,
    camera_towards,
)
from pacs_framework.rendering.volumes.projecting import RenderingMethod

if TYPE_CHECKING:
    from pacs_dicomweb.rendered.look import Look
    from pacs_framework.rendering.volumes.volume import Volume
    from pacs_http.api import Request

__all__ = ["References", "Swivel", "View", "VolumeAsked", "volume_asked"]

_VIEWPOINT = ("viewpointposition", "viewpointlookat", "viewpointup")
_SWIVEL = ("swivelrange", "animationstepsize", "animationrate")
_COMMON = (
    "accept",
    "charset",
    "viewport",
    "window",
    "annotation",
    "quality",
    "iccprofile",
    "volumeinputreference",
    "renderingmethod",
    "orientation",
    "renderedvolumetricmetadata",
    *_VIEWPOINT,
)
_FULL_TURN = 360.0
_STEP, _RATE = 10.0, 10.0  # degrees, and pictures in a second, where nobody says
_MOST_PICTURES = 360
_FASTEST = 50.0
_THICKEST = 10_000.0  # millimetres


class View(Enum):
    """Reformatting Operation Type (0072,0510) of a rendered volume."""

    MPR = "MPR"
    THREE_D = "3D_RENDERING"


@dataclass(frozen=True, slots=True)
class References:
    """Which images are the volume: the ``uids`` of instances, or the numbers of ``frames``
    of the one instance; all without either.
    """

    uids: frozenset[str] = frozenset()
    frames: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Swivel:
    """Pictures from ``step`` to ``step`` over a ``range_`` of degrees, ``rate`` in a second."""

    range_: float
    step: float
    rate: float

    @property
    def angles(self) -> list[float]:
        """Of each picture, in degrees; as many as steps are in the range (8.3.5.3.9)."""
        count = min(max(int(self.range_ / self.step), 1), _MOST_PICTURES + 1)
        return [number * self.step for number in range(count)]


@dataclass(frozen=True, slots=True, kw_only=True)
class VolumeAsked:
    """How a volume is to be seen. ``slab`` is in millimetres, None where all of it is seen."""

    view: View
    look: Look
    method: RenderingMethod
    references: References
    orientation: Orientation
    viewpoint: Camera | None
    slab: float | None
    swivel: Swivel | None
    metadata: bool

    def camera(self, volume: Volume) -> Camera:
        """From where it is seen."""
        return self.viewpoint or camera_at(volume, self.orientation)


def volume_asked(request: Request, view: View) -> VolumeAsked:
    """What the query asks for. Raises `Problem` 400."""
    own = ("mprslab",) if view is View.MPR else _SWIVEL
    check_names(request, frozenset((*_COMMON, *own)))
    look = look_asked(request)
    if look.region is not None:
        raise bad("viewport of a rendered volume is its width and height: 512,512")
    metadata = request.first("renderedvolumetricmetadata")
    if metadata not in (None, "yes"):
        raise bad("renderedvolumetricmetadata is yes, or left out")
    return VolumeAsked(
        view=view,
        look=look,
        method=_method(request, view),
        references=_references(request),
        orientation=_orientation(request),
        viewpoint=_viewpoint(request),
        slab=_slab(request) if view is View.MPR else None,
        swivel=_swivel(request),
        metadata=metadata is not None,
    )


def _method(request: Request, view: View) -> RenderingMethod:
    """By default what is usual for each (8.3.5.3.3)."""
    usual = "average_ip" if view is View.MPR else "maximum_ip"
    text = request.first("renderingmethod") or usual
    try:
        return RenderingMethod(text.upper() if text.islower() else "")
    except ValueError:
        names = ", ".join(each.value.lower() for each in RenderingMethod)
        raise bad(f"renderingmethod is one of {names}") from None


def _orientation(request: Request) -> Orientation:
    text = request.first("orientation")
    if text is None:
        return Orientation.ANTERIOR
    if any(request.first(name) is not None for name in _VIEWPOINT):
        raise bad("orientation, or viewpointposition and viewpointlookat: not both")
    try:
        return Orientation(text)
    except ValueError:
        names = ", ".join(each.value for each in Orientation)
        raise bad(f"orientation is one of {names}") from None


def _viewpoint(request: Request) -> Camera | None:
    position, look_at, up = (_point(request, name) for name in _VIEWPOINT)
    if position is None and look_at is None and up is None:
        return None
    if position is None or look_at is None:
        raise bad("a viewpoint takes viewpointposition and viewpointlookat")
    try:
        return camera_towards(position, look_at, up)
    except ValueError as error:
        raise bad(f"there is no such view: {error}") from None


def _point(request: Request, name: str) -> tuple[float, ...] | None:
    text = request.first(name)
    if text is None:
        return None
    numbers = tuple(number_of(name, part.strip()) for part in text.split(","))
    if len(numbers) != 3 or any(abs(each) > _THICKEST for each in numbers):
        raise bad(f"{name} is x,y,z in millimetres, up to {_THICKEST:g}")
    return numbers


def _slab(request: Request) -> float:
    return _positive(request, "mprslab", _THICKEST) or 0.0


def _swivel(request: Request) -> Swivel | None:
    range_ = _positive(request, "swivelrange", _FULL_TURN)
    step = _positive(request, "animationstepsize", _FULL_TURN)
    rate = _positive(request, "animationrate", _FASTEST)
    if range_ is None:
        if step is not None or rate is not None:
            raise bad("animationstepsize and animationrate go with swivelrange")
        return None
    made = Swivel(range_=range_, step=step or min(_STEP, range_), rate=rate or _RATE)
    if len(made.angles) > _MOST_PICTURES:
        raise bad(f"an animation has at most {_MOST_PICTURES} pictures: give larger steps")
    return made


def _positive(request: Request, name: str, most: float) -> float | None:
    text = request.first(name)
    if text is None:
        return None
    number = number_of(name, text)
    if not 0 < number <= most:
        raise bad(f"{name} is above 0, and at most {most:g}")
    return number


def _references(request: Request) -> References:
    text = request.first("volumeinputreference")
    if text is None:
        return References()
    parts = [part.strip() for part in text.split(",")]
    if all(part.isascii() and part.isdecimal() and 0 < len(part) < 8 for part in parts):
        if not request.resource.instance or "0" in parts:
            raise bad("frames of volumeinputreference are those of an instance, from 1 on")
        return References(frames=frozenset(map(int, parts)))
    if not all(map(is_valid_uid, parts)):
        raise bad("volumeinputreference is UIDs of instances, or numbers of frames")
    return References(uids=frozenset(parts))
