"""What part of an image is displayed, how it is turned, and how large (PS3.3 C.10.4, C.10.6)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from pydicom import Dataset

from pacs_framework.errors import UnreadableInstance
from pacs_framework.rendering.attributes import integer_of, numbers_of, text_of
from pacs_framework.rendering.frame_header import FrameHeader
from pacs_framework.rendering.geometry import MOST_PIXELS, pixel_height, size_of
from pacs_framework.rendering.layout import FrameLayout
from pacs_framework.rendering.picture import resized
from pacs_framework.rendering.presentation.references import SeenFrame, item_for
from pacs_framework.rendering.samples import Array

__all__ = ["Placement", "placement_of"]

_MODES = ("SCALE TO FIT", "TRUE SIZE", "MAGNIFY")
_RIGHT_ANGLES = (0, 90, 180, 270)


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """Where pixels of an image come to lie in the picture of it.

    The displayed area goes from (``left``, ``top``) up to (``right``, ``bottom``), in pixels of the
    image from its corner on, also outside of the image. It is turned clockwise by ``rotation``
    degrees, then ``flipped`` left to right, and made ``size`` = (width, height) pixels large, of
    which ``window`` = (left, top, right, bottom) is the picture.
    """

    left: int
    top: int
    right: int
    bottom: int
    rotation: int
    flipped: bool
    size: tuple[int, int]
    window: tuple[int, int, int, int]

    @property
    def picture_size(self) -> tuple[int, int]:
        """(width, height) of the picture."""
        left, top, right, bottom = self.window
        return right - left, bottom - top

    def place(self, pixels: Array) -> Array:
        """The picture of ``pixels`` of the image; black, which is 0, outside of the image."""
        turned = np.rot90(self._cut(pixels), -self.rotation // 90)
        if self.flipped:
            turned = turned[:, ::-1]
        if self.size != (turned.shape[1], turned.shape[0]):
            turned = resized(turned, self.size)
        left, top, right, bottom = self.window
        return turned[top:bottom, left:right]

    def _cut(self, pixels: Array) -> Array:
        rows, columns = pixels.shape[:2]
        top, bottom = max(self.top, 0), min(self.bottom, rows)
        left, right = max(self.left, 0), min(self.right, columns)
        if (top, bottom, left, right) == (self.top, self.bottom, self.left, self.right):
            return pixels[top:bottom, left:right]
        made = np.zeros((self.bottom - self.top, self.right - self.left, *pixels.shape[2:]), "u1")
        if top < bottom and left < right:
            within = np.s_[top - self.top : bottom - self.top, left - self.left : right - self.left]
            made[within] = pixels[top:bottom, left:right]
        return made

    def of_image(self, column: float, row: float) -> tuple[float, float]:
        """Where a point of the image lies in the picture; 0.0, 0.0 is the corner of both."""
        x = (column - self.left) / (self.right - self.left)
        y = (row - self.top) / (self.bottom - self.top)
        x, y = {0: (x, y), 90: (1 - y, x), 180: (1 - x, 1 - y), 270: (y, 1 - x)}[self.rotation]
        return self.of_area(1 - x if self.flipped else x, y)

    def of_area(self, x: float, y: float) -> tuple[float, float]:
        """Where a point of the displayed area, from 0.0 to 1.0 as it is seen, lies."""
        return x * self.size[0] - self.window[0], y * self.size[1] - self.window[1]


def placement_of(
    state: Dataset,
    header: FrameHeader,
    layout: FrameLayout,
    frame: SeenFrame,
    box: tuple[int, int] | None,
) -> Placement:
    """What a state says of a frame. Raises `UnreadableInstance`.

    Without a ``box``, a pixel of the area is one of the picture, or as many as it is magnified by.
    With one, the area is scaled to fit into its width and height; where it is magnified, what goes
    beyond the box is cut off on all sides (PS3.18 9.5.2.3).
    """
    area = item_for(state, "DisplayedAreaSelectionSequence", frame) or Dataset()
    left, top, right, bottom = _edges(area, layout)
    rotation = integer_of(state, "ImageRotation", default=0)
    if rotation not in _RIGHT_ANGLES:
        raise UnreadableInstance(f"Image Rotation is {rotation}, not 0, 90, 180 or 270")
    rows, columns, height = bottom - top, right - left, _pixel_height(area, header)
    if rotation % 180:
        rows, columns, height = columns, rows, 1 / height
    size, window = _size(area, rows, columns, height, box)
    return Placement(
        left=left,
        top=top,
        right=right,
        bottom=bottom,
        rotation=rotation,
        flipped=text_of(state, "ImageHorizontalFlip") == "Y",
        size=size,
        window=window,
    )


def _edges(area: Dataset, layout: FrameLayout) -> tuple[int, int, int, int]:
    """The corners are those that are seen as top left and bottom right, so the image is turned
    back: which of them is the left one in the image depends on the rotation.
    """
    corners = [
        numbers_of(area, f"DisplayedArea{corner}HandCorner")
        for corner in ("TopLeft", "BottomRight")
    ]
    if not any(corners):
        return 0, 0, layout.columns, layout.rows
    if any(len(corner) != 2 for corner in corners):
        raise UnreadableInstance("a corner of the displayed area has not two coordinates")
    (x, y), (other_x, other_y) = corners
    left, right = sorted((int(x), int(other_x)))
    top, bottom = sorted((int(y), int(other_y)))
    if (right - left + 1) * (bottom - top + 1) > MOST_PIXELS:
        raise UnreadableInstance(
            f"a displayed area of {right - left + 1} × {bottom - top + 1} pixels, more than "
            f"{MOST_PIXELS} in all are not drawn"
        )
    return left - 1, top - 1, right, bottom


def _pixel_height(area: Dataset, header: FrameHeader) -> float:
    """The height of a pixel beside its width, by the state; by the image where it does not say."""
    for keyword in ("PresentationPixelSpacing", "PresentationPixelAspectRatio"):
        pair = numbers_of(area, keyword)
        if len(pair) == 2 and min(pair) > 0:
            said = Dataset()
            said.PixelSpacing = list(pair)
            return pixel_height(FrameHeader(said, 1))
    return pixel_height(header)


def _size(
    area: Dataset, rows: int, columns: int, height: float, box: tuple[int, int] | None
) -> tuple[tuple[int, int], tuple[int, int, int, int]]:
    mode = text_of(area, "PresentationSizeMode") or "SCALE TO FIT"
    if mode not in _MODES:
        raise UnreadableInstance(f"Presentation Size Mode is {mode[:16]!r}, not {_MODES}")
    if mode != "MAGNIFY":
        # How large a pixel is on a screen that nobody knows, TRUE SIZE cannot tell either.
        size = size_of(rows, columns, height, box)
        return size, (0, 0, *size)
    width, high = size_of(rows, columns, height, None)
    ratio = numbers_of(area, "PresentationPixelMagnificationRatio")
    if len(ratio) != 1 or ratio[0] <= 0 or ratio[0] > MOST_PIXELS:
        raise UnreadableInstance("the area is to be magnified, and not said by how much")
    size = size_of(
        rows, columns, height, (round(width * ratio[0]) or 1, round(high * ratio[0]) or 1)
    )
    across, down = (min(whole, most) for whole, most in zip(size, box or size, strict=True))
    left, top = (size[0] - across) // 2, (size[1] - down) // 2
    return size, (left, top, left + across, top + down)
