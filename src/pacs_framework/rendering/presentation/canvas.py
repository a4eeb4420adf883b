"""Shapes and words over a picture, with smooth edges.

Pillow draws without smoothing, so shapes are drawn larger, as a mask, which is averaged.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import product

import numpy as np
from PIL import Image, ImageDraw

from pacs_framework.errors import UnreadableInstance
from pacs_framework.rendering.presentation.colours import Ink
from pacs_framework.rendering.samples import Array

__all__ = ["Budget", "Point", "Stencil", "painted"]

Point = tuple[float, float]
"""In pixels of a picture, from its corner on."""

_FINEST = 4
_SMOOTH_PIXELS = 1 << 24  # of a mask; larger pictures are drawn with fewer steps
_MOST_WORK = 1 << 31  # for one picture: pixels of masks, and those that shapes touch
_OF_A_TEXT, _OF_A_POINT = 1 << 20, 1 << 12  # what they cost besides
_FAR = 1e6  # from the picture; Pillow counts with integers


class Budget:
    """How much may be drawn for one picture: hostile states have a million layers, or points.

    It is counted in pixels, roughly.
    """

    def __init__(self) -> None:
        self._left = _MOST_WORK

    def take(self, pixels: float) -> None:
        """Raises `UnreadableInstance` when it is used up."""
        self._left -= int(pixels)
        if self._left < 0:
            raise UnreadableInstance("there are too many annotations for a picture of this size")


class Stencil:
    """Where one ink goes: drawn upon, then used by `painted`."""

    def __init__(self, size: tuple[int, int], budget: Budget) -> None:
        self.size = size
        scales = range(_FINEST, 0, -1)
        self.scale = next(
            (each for each in scales if size[0] * size[1] * each**2 <= _SMOOTH_PIXELS), 1
        )
        width, height = size[0] * self.scale, size[1] * self.scale
        self._budget = budget
        budget.take(width * height)
        self.image = Image.new("L", (width, height))
        self._draw = ImageDraw.Draw(self.image)
        self._masks: list[Array] = []
        self._edges: Image.Image | None = None

    def scaled(self, point: Point) -> Point:
        """In pixels of `image`, whose coordinates are for Pillow those of their middles."""
        x, y = (min(max(each, -_FAR), _FAR) * self.scale - 0.5 for each in point)
        return x, y

    def line(self, points: Sequence[Point], width: float) -> None:
        """Through all points, ``width`` pixels of the picture wide."""
        thick = max(round(width * self.scale), 1)
        self._budget.take(len(points) * (_OF_A_POINT + thick * (thick + max(self.image.size))))
        self._draw.line([self.scaled(each) for each in points], 255, thick, joint="curve")

    def area(self, points: Sequence[Point]) -> None:
        """The inside of a polygon."""
        self._budget.take(len(points) * self.image.height + math.prod(self.image.size))
        self._draw.polygon([self.scaled(each) for each in points], 255)

    def dot(self, point: Point, radius: float) -> None:
        """A disc."""
        x, y = self.scaled(point)
        r = radius * self.scale
        self._draw.ellipse((x - r, y - r, x + r, y + r), 255)

    def write(self, words: Image.Image, corner: tuple[int, int]) -> None:
        """What is set in ``words``, whose corner lies there in pixels of `image`, with an edge."""
        self._budget.take(_OF_A_TEXT)
        self.image.paste(255, corner, words)
        if self._edges is None:
            self._budget.take(math.prod(self.image.size))
            self._edges = Image.new("L", self.image.size)
        for right, down in product((-self.scale, 0, self.scale), repeat=2):
            self._edges.paste(255, (corner[0] + right, corner[1] + down), words)

    def cover(self, mask: Array) -> None:
        """What is set in ``mask``, of the size of the picture: as it is, without smoothing."""
        self._masks.append(mask)

    def coverage(self) -> Array:
        """How much of each pixel is covered, 0 to 255."""
        covered = self._reduced(self.image)
        for mask in self._masks:
            covered = np.maximum(covered, mask)
        return covered

    def edges(self) -> Array | None:
        """The same for the edges around words, in which they can be read on everything."""
        return None if self._edges is None else self._reduced(self._edges)

    def _reduced(self, image: Image.Image) -> Array:
        return np.asarray(image if self.scale == 1 else image.reduce(self.scale))


def painted(pixels: Array, coverage: Array, ink: Ink) -> Array:
    """``pixels`` with ``ink`` where ``coverage`` says so; RGB where the ink is no grey."""
    if pixels.ndim == 2 and not ink.is_grey:
        pixels = np.repeat(pixels[..., np.newaxis], 3, axis=-1)
    covered = coverage != 0
    if not covered.any():
        return pixels
    made = np.array(pixels)
    samples = made[covered].reshape(-1, 1 if pixels.ndim == 2 else 3).astype(np.float32)
    wanted = np.array(ink.rgb[: samples.shape[1]], np.float32)
    share = coverage[covered].astype(np.float32)[:, np.newaxis] / 255
    mixed = np.rint(samples + (wanted - samples) * share).astype(np.uint8)
    made[covered] = mixed.reshape(made[covered].shape)
    return made
