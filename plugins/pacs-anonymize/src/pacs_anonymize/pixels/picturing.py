"""A frame drawn with the regions on it that would be made black; needs NumPy and Pillow."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from pathlib import Path

import numpy as np
from pydicom import Dataset

from pacs_framework.anonymizers.pixel_work import PixelWork, Region
from pacs_framework.codecs.codec import Frame
from pacs_framework.codecs.transcoding import Transcoding
from pacs_framework.dicom.part10 import read_prefix
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
        image = transcoding.native_frames(reader, prefix.meta.transfer_syntax_uid)
        if isinstance(image, Dataset):
            raise UnreadableInstance("there are no pixel data in it")
        found = next(islice(image.frames, number - 1, None), None)
    if found is None:
        raise UnreadableInstance(f"there is no frame {number} in it")
    return found


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
