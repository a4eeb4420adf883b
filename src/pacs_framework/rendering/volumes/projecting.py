"""Rays through a volume: one value for each, or a shaded picture (PS3.18 8.3.5.3.3)."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

import numpy as np

from pacs_framework.rendering.samples import Array
from pacs_framework.rendering.voi import VoiTransform
from pacs_framework.rendering.volumes.camera import Camera
from pacs_framework.rendering.volumes.volume import Grid, Volume

__all__ = ["Rays", "RenderingMethod", "rays_through", "rendered_greys"]

_WHITE = 255
_OPAQUE = 0.995  # what lies behind is not seen any more
_DENSITY = 0.6  # of white: what a millimetre of it takes of the light, as an exponent
_AMBIENT = 0.5  # of the light that reaches every surface; the rest comes from the camera
_LARGEST = 4096
_ROUNDED = 1e-6  # of a pixel, that a width is short of by being computed
_BAND = 1 << 16  # rays at a time: each takes some hundred bytes meanwhile


class RenderingMethod(Enum):
    """Rendering Method (0070,120D)."""

    VOLUME_RENDERED = "VOLUME_RENDERED"
    MAXIMUM_IP = "MAXIMUM_IP"
    MINIMUM_IP = "MINIMUM_IP"
    AVERAGE_IP = "AVERAGE_IP"


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Rays:
    """One for each pixel of ``width`` × ``height``, with ``steps`` samples each, from the front.

    ``corner`` is the first sample of the first ray; ``right``, ``down`` and ``forward`` lead to the
    next pixel, the next line and the next sample, in millimetres.
    """

    width: int
    height: int
    steps: int
    corner: Array
    right: Array
    down: Array
    forward: Array

    @property
    def samples(self) -> int:
        """Of all rays together."""
        return self.width * self.height * self.steps

    def bands(self) -> Iterator[range]:
        """Lines that are rendered at once."""
        step = max(_BAND // self.width, 1)
        for first in range(0, self.height, step):
            yield range(first, min(first + step, self.height))

    def grid(self, band: range, step: int) -> Grid:
        """Where sample ``step`` of each ray of a band of lines is."""
        return Grid(
            corner=self.corner + step * self.forward + band.start * self.down,
            right=self.right,
            down=self.down,
            width=self.width,
            height=len(band),
        )


def rays_through(
    volume: Volume,
    camera: Camera,
    *,
    box: tuple[int, int] | None,
    slab: float | None,
    most: float = math.inf,
) -> Rays:
    """Rays for all of a volume that is seen, or for a ``slab`` around what is looked at.

    Pixels are square, and as large as the smallest way between voxels, unless the picture has to
    fit into the width and height of ``box``; without one, they are as much larger as it takes for
    ``most`` samples, and for a picture of 4096 pixels on a side. A ``slab`` is in millimetres; 0.0
    is a plane.
    """
    seen = volume.corners - camera.look_at
    right, down, forward = (seen @ each for each in (camera.right, camera.down, camera.forward))
    reach = volume.spacing / 2
    left, top = float(right.min()) - reach, float(down.min()) - reach
    wide, high = float(right.max()) + reach - left, float(down.max()) + reach - top
    near, far = float(forward.min()), float(forward.max())
    if slab is not None:  # beyond the volume, there is nothing to be met
        near = min(max(near - reach, -slab / 2), slab / 2)
        far = max(min(far + reach, slab / 2), near)
    depth = far - near
    steps = max(math.ceil(depth / volume.spacing), 1)
    size = max(volume.spacing, math.sqrt(wide * high * steps / most), max(wide, high) / _LARGEST)
    if box is not None:
        size = max(wide / box[0], high / box[1])
    width, height = max(int(wide / size + _ROUNDED), 1), max(int(high / size + _ROUNDED), 1)
    corner = (
        camera.look_at
        + (left + size / 2) * camera.right
        + (top + size / 2) * camera.down
        + (near + depth / steps / 2) * camera.forward
    )
    return Rays(
        width=width,
        height=height,
        steps=steps,
        corner=corner,
        right=size * camera.right,
        down=size * camera.down,
        forward=(depth / steps or volume.spacing) * camera.forward,
    )


def rendered_greys(volume: Volume, rays: Rays, method: RenderingMethod, voi: VoiTransform) -> Array:
    """The 8-bit picture; black where a ray meets nothing."""
    made = np.zeros((rays.height, rays.width), np.uint8)
    for band in rays.bands():
        if method is RenderingMethod.VOLUME_RENDERED:
            shares = _composited(volume, rays, band, voi)
        else:
            values, met = _projected(volume, rays, band, method)
            shares = np.where(met, voi.shares(values), 0.0)
        made[band.start : band.stop] = np.rint(shares * _WHITE)
    return made


def _projected(
    volume: Volume, rays: Rays, band: range, method: RenderingMethod
) -> tuple[Array, Array]:
    """One value for each ray of a band, and whether it met anything."""
    shape = (len(band), rays.width)
    start = {RenderingMethod.MAXIMUM_IP: -np.inf, RenderingMethod.MINIMUM_IP: np.inf}
    made = np.full(shape, start.get(method, 0.0))
    count = np.zeros(shape, np.int64)
    for step in range(rays.steps):
        values, inside = volume.values_on(rays.grid(band, step))
        count += inside
        if method is RenderingMethod.MAXIMUM_IP:
            np.maximum(made, values, out=made, where=inside)
        elif method is RenderingMethod.MINIMUM_IP:
            np.minimum(made, values, out=made, where=inside)
        else:
            np.add(made, values, out=made, where=inside)
    met = count > 0
    if method is RenderingMethod.AVERAGE_IP:
        made /= np.maximum(count, 1)
    return np.where(met, made, 0.0), met


def _composited(volume: Volume, rays: Rays, band: range, voi: VoiTransform) -> Array:
    """Front to back: the share of white is also how dense a voxel is; lit from the camera."""
    shape = (len(band), rays.width)
    light, through = np.zeros(shape), np.ones(shape)
    length = float(np.linalg.norm(rays.forward))
    pixel = float(np.linalg.norm(rays.right))
    before = np.zeros(shape)
    for step in range(rays.steps):
        values, inside = volume.values_on(rays.grid(band, step))
        shares = np.where(inside, voi.shares(values), 0.0)
        taken = 1.0 - np.exp(-_DENSITY * length * shares**2)
        lit = _lit(shares, (shares - before) / length, pixel)
        light += through * taken * lit * np.sqrt(shares)
        through *= 1.0 - taken
        before = shares
        if float(through.max()) < 1.0 - _OPAQUE:
            break
    return np.clip(light, 0.0, 1.0)


def _lit(shares: Array, forward: Array, pixel: float) -> Array:
    """How much of the light a surface throws back: all of it where it faces the camera."""
    slopes = [
        np.gradient(shares, pixel, axis=axis) if shares.shape[axis] > 1 else np.zeros(shares.shape)
        for axis in (0, 1)
    ]
    steep = np.sqrt(slopes[0] ** 2 + slopes[1] ** 2 + forward**2)
    facing = np.divide(np.abs(forward), steep, out=np.ones(shares.shape), where=steep > 0)
    made: Array = _AMBIENT + (1 - _AMBIENT) * facing
    return made
