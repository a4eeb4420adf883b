"""Images as a printer wants them: drawn as their headers say, in 8 or 12 bits, or in colour."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, BinaryIO

import numpy as np
from PIL import Image

from pacs_framework.rendering.drawing import View, draw
from pacs_framework.rendering.frame_header import FrameHeader
from pacs_framework.rendering.frames import StoredFrame, wanted_frames
from pacs_framework.rendering.geometry import pixel_height
from pacs_framework.rendering.grey import GreyPipeline, grey_pipeline
from pacs_framework.rendering.modality import Transform
from pacs_framework.rendering.opening import open_image
from pacs_framework.rendering.overlays import overlay_groups, overlay_mask
from pacs_framework.rendering.samples import cells_of
from pacs_print.film import FilmImage

if TYPE_CHECKING:
    from pydicom import Dataset

    from pacs_framework.codecs.transcoding import Decoder
    from pacs_framework.rendering.samples import Array

__all__ = ["Look", "drawn", "prepared"]

_TWELVE = 0x0FFF
_AS_STORED = View(square_pixels=False)
_ASPECT = 1000  # of a pixel's height and width, which are whole numbers in Pixel Aspect Ratio


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """How images are drawn: ``bits`` of greys (8 or 12), or ``colour`` as RGB."""

    bits: int = 8
    colour: bool = False
    view: View = _AS_STORED


def prepared(
    file: BinaryIO, decoder: Decoder, look: Look, frame: int | None = None
) -> Iterator[FilmImage]:
    """The images of a Part 10 file, one for each frame, or frame number ``frame`` alone.

    Raises `UnreadableInstance`.
    """
    image = open_image(file, decoder)
    wanted = wanted_frames(frame, image.number_of_frames)
    for number, stored in image.frames(wanted):
        yield drawn(stored, image.header, number, look)


def drawn(frame: StoredFrame, header: Dataset, number: int, look: Look) -> FilmImage:
    """Frame ``number`` of the image with this header. Raises `UnreadableInstance`."""
    grey = frame.layout.is_monochrome
    deep = look.bits > 8 and grey and not look.colour
    if deep:
        pixels = _in_twelve_bits(frame, header, number, look.view)
    else:
        pixels = draw(frame, header, number, look.view).pixels
        pixels = _rgb(pixels) if look.colour else _grey(pixels)
    return FilmImage(
        pixels=np.ascontiguousarray(pixels),
        bits=12 if deep else 8,
        photometric_interpretation="RGB" if look.colour else "MONOCHROME2",
        pixel_aspect_ratio=_aspect(pixel_height(FrameHeader(header, number))),
    )


def _in_twelve_bits(frame: StoredFrame, header: Dataset, number: int, view: View) -> Array:
    """As `draw` does it, with 4096 greys instead of 256."""
    cells = cells_of(frame)
    pipeline = grey_pipeline(
        FrameHeader(header, number), frame.layout, voi=view.window, number=view.voi
    )
    pixels, _ = replace(pipeline, presentation=_levels(pipeline)).draw(cells)
    if view.overlays:
        for group in overlay_groups(header):
            mask = overlay_mask(header, group, number, cells, frame.layout)
            pixels[mask != 0] = _TWELVE
    return pixels


def _levels(pipeline: GreyPipeline) -> Transform:
    def levels(shares: Array) -> Array:
        white = 1.0 - shares if pipeline.inverted else shares
        greys: Array = np.rint(white * _TWELVE).astype(np.uint16)
        return greys

    return levels


def _rgb(pixels: Array) -> Array:
    if pixels.ndim == 3:
        return pixels
    rgb: Array = np.repeat(pixels[:, :, np.newaxis], 3, axis=2)
    return rgb


def _grey(pixels: Array) -> Array:
    """Luma (ITU-R BT.601), as what is printed without colours shows them."""
    if pixels.ndim == 2:
        return pixels
    luma: Array = np.asarray(Image.fromarray(np.ascontiguousarray(pixels)).convert("L"))
    return luma


def _aspect(height: float) -> tuple[int, int]:
    return (1, 1) if height == 1.0 else (max(1, round(height * _ASPECT)), _ASPECT)
