"""What a model draws on a slice; a part of `pacs_ai.api`, and as free of the archive."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite

__all__ = ["Mark"]

_POINTS = {
    "POINT": (1, 1),
    "CIRCLE": (2, 2),
    "ELLIPSE": (4, 4),
    "POLYLINE": (2, 100_000),
    "INTERPOLATED": (2, 100_000),
}
"""The fewest points and the most of each shape (PS3.3 C.10.5.1.2)."""

_CLOSED = {"CIRCLE", "ELLIPSE"}
_LONGEST = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """Something drawn on one slice, with a ``label`` at its first point if there is one.

    ``shape`` is a Graphic Type (PS3.3 C.10.5.1.2): ``POINT``; ``POLYLINE`` and ``INTERPOLATED``
    with two points or more; ``CIRCLE`` with its centre and a point on it; ``ELLIPSE`` with the two
    ends of its major axis and those of its minor one. ``points`` are pairs of row and column, whole
    numbers at the centres of voxels. ``filled`` is for what is closed.
    """

    slice: int
    points: tuple[tuple[float, float], ...]
    shape: str = "POLYLINE"
    label: str = ""
    filled: bool = False

    def __post_init__(self) -> None:
        if self.shape not in _POINTS:
            raise ValueError(f"the shape of a mark is one of {', '.join(_POINTS)}")
        least, most = _POINTS[self.shape]
        if not least <= len(self.points) <= most:
            raise ValueError(
                f"a {self.shape} has {least} to {most} points, and not {len(self.points)}"
            )
        if any(len(point) != 2 or not all(map(isfinite, point)) for point in self.points):
            raise ValueError("a point of a mark is a row and a column")
        if self.filled and not (self.shape in _CLOSED or self.points[0] == self.points[-1]):
            raise ValueError("a mark that is filled ends where it begins")
        if len(self.label) > _LONGEST:
            raise ValueError(f"the label of a mark has at most {_LONGEST} characters")
