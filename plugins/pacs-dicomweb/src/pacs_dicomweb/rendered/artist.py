"""From a frame of a header to a picture as somebody wants to see it."""

from __future__ import annotations

from dataclasses import replace
from http import HTTPStatus
from typing import TYPE_CHECKING

from pacs_dicomweb.rendered.annotating import annotated
from pacs_dicomweb.rendered.colours import with_profile
from pacs_framework.rendering.drawing import View, draw
from pacs_framework.rendering.frame_header import FrameHeader
from pacs_framework.rendering.geometry import pixel_height, size_of
from pacs_framework.rendering.picture import Picture, resized
from pacs_framework.rendering.voi import VoiFunction, Window
from pacs_http.api import Problem

if TYPE_CHECKING:
    from pydicom import Dataset

    from pacs_dicomweb.rendered.look import Look, Region
    from pacs_framework.rendering.frames import StoredFrame
    from pacs_framework.rendering.samples import Array

__all__ = ["drawn", "window_of_look"]


def drawn(
    frame: StoredFrame, header: Dataset, number: int, look: Look, *, most: int, holds: bool
) -> Picture:
    """Frame ``number`` of the image, in order: window, overlays, region, flips, size, annotations.

    ``most`` pixels are made. ``holds``: the file that the picture goes to holds an ICC profile.
    Raises `Problem` 400, and as `pacs_framework.rendering.drawing.draw`.
    """
    view = View(window=window_of_look(look), square_pixels=False)
    picture = draw(frame, header, number, view)
    pixels = picture.pixels
    if look.region is not None:
        pixels = _cut(pixels, look.region)
    rows, columns = pixels.shape[:2]
    size = size_of(rows, columns, pixel_height(FrameHeader(header, number)), look.box)
    if size[0] * size[1] > most:
        raise Problem(
            HTTPStatus.BAD_REQUEST,
            f"a picture of {size[0]} × {size[1]} pixels, and {most} are the most: give a smaller "
            "viewport",
        )
    if size != (columns, rows):
        pixels = resized(pixels, size)
    if look.annotations:
        pixels = annotated(pixels, header, look.annotations, picture.voi)
    return with_profile(replace(picture, pixels=pixels), look.icc_profile, holds=holds)


def window_of_look(look: Look) -> Window | None:
    """The window that is asked for."""
    if look.window is None:
        return None
    center, width, function = look.window
    return Window(center, width, VoiFunction(function))


def _cut(pixels: Array, region: Region) -> Array:
    top, bottom, left, right = region.box(*pixels.shape[:2])
    part = pixels[top:bottom, left:right]
    if region.mirrored:
        part = part[:, ::-1]
    return part[::-1] if region.upside_down else part
