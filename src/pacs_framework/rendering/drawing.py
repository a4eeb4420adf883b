"""From a stored frame to a picture."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pydicom import Dataset

from pacs_framework.errors import UnreadableInstance
from pacs_framework.rendering.attributes import data_of, items_of
from pacs_framework.rendering.colour import rgb_of
from pacs_framework.rendering.frame_header import FrameHeader
from pacs_framework.rendering.frames import StoredFrame, StoredImage
from pacs_framework.rendering.geometry import pixel_height, size_of
from pacs_framework.rendering.grey import grey_pipeline
from pacs_framework.rendering.overlays import draw_overlays, overlay_groups
from pacs_framework.rendering.palette import palette_colours
from pacs_framework.rendering.picture import Picture, resized
from pacs_framework.rendering.samples import Array, cells_of
from pacs_framework.rendering.voi import Window

__all__ = ["View", "draw", "pictures"]

_LONGEST_PROFILE = 1 << 22  # bytes; JPEG has no room for much more, and no real one is as long


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """How an image is looked at; by default as its header says.

    ``window`` in modality values, or the number ``voi`` of a VOI transform of the header from 1 on,
    LUTs first: for greys only. ``size`` is the width and height of a box that the picture fits
    into. ``square_pixels`` has the picture stretched where pixels are not square.
    """

    window: Window | None = None
    voi: int | None = None
    overlays: bool = True
    square_pixels: bool = True
    size: tuple[int, int] | None = None


_BY_HEADER = View()


def pictures(
    image: StoredImage, wanted: range, view: View = _BY_HEADER
) -> Iterator[tuple[int, Picture]]:
    """A picture of each of the ``wanted`` frames, with its number. Raises as `draw`."""
    for number, frame in image.frames(wanted):
        yield number, draw(frame, image.header, number, view)


def draw(frame: StoredFrame, header: Dataset, number: int = 1, view: View = _BY_HEADER) -> Picture:
    """The picture of a frame, which is ``number`` of the image with this header, from 1 on.

    Raises `UnreadableInstance` and `pacs_framework.rendering.voi.NoSuchVoi`.
    """
    here = FrameHeader(header, number)
    cells = cells_of(frame)
    pixels, voi = _pixels(frame, cells, here, view)
    if view.overlays and overlay_groups(header):
        if pixels.ndim == 3:
            pixels = pixels.copy()  # it may be a view on the frame
        draw_overlays(pixels, header, number, cells, frame.layout)
    pixels = _sized(pixels, here, view)
    profile = _icc_profile(header) if pixels.ndim == 3 else b""
    return Picture(pixels=pixels, voi=voi, icc_profile=profile)


def _pixels(frame: StoredFrame, cells: Array, header: FrameHeader, view: View) -> tuple[Array, str]:
    layout = frame.layout
    if layout.is_monochrome:
        pipeline = grey_pipeline(header, layout, voi=view.window, number=view.voi)
        pixels, voi = pipeline.draw(cells)
        return pixels, voi.in_words
    if view.window is not None or view.voi is not None:
        raise UnreadableInstance(
            f"windows and VOI LUTs are for greys, and this image is in "
            f"{layout.photometric_interpretation[:16]!r}"
        )
    if layout.photometric_interpretation == "PALETTE COLOR":
        return palette_colours(cells, header.root, layout), ""
    return rgb_of(cells, layout), ""


def _sized(pixels: Array, header: FrameHeader, view: View) -> Array:
    rows, columns = pixels.shape[:2]
    height = pixel_height(header) if view.square_pixels else 1.0
    size = size_of(rows, columns, height, view.size)
    return pixels if size == (columns, rows) else resized(pixels, size)


def _icc_profile(header: Dataset) -> bytes:
    """Of the image, or of its first optical path (PS3.3 C.11.15, C.8.12.5)."""
    paths = items_of(header, "OpticalPathSequence")
    profile = data_of(header, "ICCProfile") or (data_of(paths[0], "ICCProfile") if paths else b"")
    return profile if len(profile) <= _LONGEST_PROFILE else b""
