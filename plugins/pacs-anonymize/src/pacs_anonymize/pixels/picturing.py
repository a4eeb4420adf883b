"""A frame drawn with the regions on it that would be made black; needs NumPy and Pillow."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

import numpy as np
from pydicom import Dataset

from pacs_framework.anonymizers.native_pixels import NativePixels, native_pixels
from pacs_framework.anonymizers.pixel_work import PixelWork, Region
from pacs_framework.codecs.codec import Frame
from pacs_framework.codecs.native import read_uncompressed
from pacs_framework.codecs.transcoding import NativeFrames, Transcoding
from pacs_framework.dicom.header import Readable
from pacs_framework.dicom.part10 import read_prefix
from pacs_framework.dicom.uids import UNCOMPRESSED
from pacs_framework.errors import UnreadableInstance
from pacs_framework.rendering.drawing import View, draw
from pacs_framework.rendering.frames import wanted_frames
from pacs_framework.rendering.opening import open_image
from pacs_framework.rendering.picture import Picture

__all__ = ["marked_picture", "regions_in"]

_RED = np.array((255, 0, 0), np.uint16)
_AS_STORED = View(square_pixels=False)  # regions count stored pixels


def regions_in(
    path: Path, work: PixelWork, number: int, transcoding: Transcoding
) -> tuple[Region, ...]:
    """What would be made black in frame ``number``, found text included.

    Raises `NotAnonymized`, `UnreadableInstance` and OSError.
    """
    regions = tuple(each for each in work.regions if each.is_in(number))
    if work.find is None:
        return regions
    return (*regions, *work.find(_native_frame(path, number, transcoding), number))


def _native_frame(path: Path, number: int, transcoding: Transcoding) -> Frame:
    with path.open("rb") as reader:
        prefix = read_prefix(reader)
        reader.seek(prefix.dataset_offset)
        frames = _native_frames(reader, prefix.meta.transfer_syntax_uid, transcoding)
        found = next(islice(frames, number - 1, None), None)
    if found is None:
        raise UnreadableInstance(f"there is no frame {number} in it")
    return found


def _native_frames(
    reader: Readable, transfer_syntax: str, transcoding: Transcoding
) -> Iterator[Frame]:
    """As those who look for regions are given them."""
    image: NativePixels | NativeFrames | Dataset
    if transfer_syntax in UNCOMPRESSED:
        image = native_pixels(read_uncompressed(reader, transfer_syntax))
        if isinstance(image, NativePixels):
            return map(image.looked_at, image.frames)
    else:
        image = transcoding.native_frames(reader, transfer_syntax)
        if isinstance(image, NativeFrames):
            return iter(image.frames)
    raise UnreadableInstance("there are no pixel data in it")


def marked_picture(
    path: Path, regions: Iterable[Region], number: int, transcoding: Transcoding
) -> Picture:
    """Frame ``number`` with the regions in red. Raises `UnreadableInstance` and OSError."""
    with path.open("rb") as reader:
        image = open_image(reader, transcoding.decoder)
        wanted = wanted_frames(number, image.number_of_frames)
        ((_, frame),) = image.frames(wanted)
        drawn = draw(frame, image.header, number, _AS_STORED).pixels
    pixels = np.array(drawn if drawn.ndim == 3 else np.stack((drawn,) * 3, axis=-1))
    for region in regions:
        part = pixels[
            region.top : region.top + region.height, region.left : region.left + region.width
        ]
        part[...] = (part.astype(np.uint16) + _RED) // 2
    return Picture(pixels=pixels)
