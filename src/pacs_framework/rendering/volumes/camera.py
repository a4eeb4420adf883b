"""From where a volume is looked at (PS3.3 C.11.30; PS3.18 8.3.5.3.4 to 8.3.5.3.7)."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from enum import Enum

import numpy as np

from pacs_framework.rendering.samples import Array
from pacs_framework.rendering.volumes.volume import Volume

__all__ = ["Camera", "Orientation", "camera_at", "camera_towards"]

_SHORTEST = 1e-6


class Orientation(Enum):
    """Which side of the patient is seen (PS3.18 8.3.5.3.4)."""

    ANTERIOR = "a"
    POSTERIOR = "p"
    RIGHT = "r"
    LEFT = "l"
    HEAD = "h"
    FEET = "f"


# Towards the viewer, and up, in the patient's axes: left, posterior, head (PS3.3 C.7.6.2.1.1).
_SIDES = {
    Orientation.ANTERIOR: ((0, -1, 0), (0, 0, 1)),
    Orientation.POSTERIOR: ((0, 1, 0), (0, 0, 1)),
    Orientation.RIGHT: ((-1, 0, 0), (0, 0, 1)),
    Orientation.LEFT: ((1, 0, 0), (0, 0, 1)),
    Orientation.HEAD: ((0, 0, 1), (0, -1, 0)),
    Orientation.FEET: ((0, 0, -1), (0, -1, 0)),
}


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Camera:
    """``position`` and ``look_at`` in millimetres of the patient, ``up`` a direction.

    The projection is orthographic: the distance between the two says nothing.
    """

    position: Array
    look_at: Array
    up: Array

    @property
    def forward(self) -> Array:
        """From the camera into the patient, of length 1."""
        return _unit(self.look_at - self.position)

    @property
    def right(self) -> Array:
        """To the right of the picture, of length 1."""
        return _unit(np.cross(self.forward, self.up))

    @property
    def down(self) -> Array:
        """To the bottom of the picture, of length 1."""
        made: Array = np.cross(self.forward, self.right)
        return made

    def turned(self, degrees: float) -> Camera:
        """Swivelled around the axis through ``look_at``, parallel to ``up``."""
        axis, angle = _unit(self.up), math.radians(degrees)
        arm = self.position - self.look_at
        turned = (
            arm * math.cos(angle)
            + np.cross(axis, arm) * math.sin(angle)
            + axis * np.dot(axis, arm) * (1 - math.cos(angle))
        )
        return replace(self, position=self.look_at + turned)


def camera_at(volume: Volume, orientation: Orientation) -> Camera:
    """Outside of a volume, on a side of the patient, looking at the middle."""
    towards, up = (np.array(each, float) for each in _SIDES[orientation])
    corners = volume.corners
    reach = float(np.linalg.norm(corners.max(axis=0) - corners.min(axis=0))) / 2
    centre = volume.centre
    position = centre + towards * max(reach, 1.0)
    return Camera(position=position, look_at=centre, up=up)


def camera_towards(
    position: tuple[float, ...], look_at: tuple[float, ...], up: tuple[float, ...] | None
) -> Camera:
    """As somebody says; without ``up``, the head is, or the front where it is looked along that.

    Raises ValueError where that is no view.
    """
    made = Camera(
        position=np.array(position), look_at=np.array(look_at), up=np.array(up or (0,) * 3)
    )
    if float(np.linalg.norm(made.look_at - made.position)) < _SHORTEST:
        raise ValueError("the viewpoint is where it looks at")
    if up is None or not any(up):
        along_head = abs(float(made.forward[2])) > 0.999
        made = replace(made, up=np.array((0.0, -1.0, 0.0) if along_head else (0.0, 0.0, 1.0)))
    if float(np.linalg.norm(np.cross(made.forward, _unit(made.up)))) < _SHORTEST:
        raise ValueError("up is the direction of view")
    return made


def _unit(vector: Array) -> Array:
    made: Array = vector / np.linalg.norm(vector)
    return made
