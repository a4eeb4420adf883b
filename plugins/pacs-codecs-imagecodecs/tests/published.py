"""Frames of published compressed images."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import pydicom.data

from pacs_framework.codecs.image import CompressedImage, read_image
from pacs_framework.codecs.pixels import PixelFormat
from pacs_framework.dicom.part10 import read_prefix
from pacs_framework.errors import UnreadableInstance

BUNDLED = Path(pydicom.data.__file__).parent / "test_files"
SHARED = Path(__file__).resolve().parents[4] / "shared" / "dicom"
MOST_FRAMES = 3  # of one file
LARGEST = 3 << 20  # bytes of a frame; larger ones take all the time and show nothing else


@dataclass(frozen=True)
class Published:
    """One compressed frame."""

    path: Path
    syntax: str
    data: bytes
    pixels: PixelFormat


def frames(folder: Path) -> Iterator[Published]:
    """The first frames of every readable compressed image below ``folder``."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            with suppress(UnreadableInstance):
                yield from _frames(path)


def _frames(path: Path) -> Iterator[Published]:
    with path.open("rb") as file:
        prefix = read_prefix(file)
        syntax = prefix.meta.transfer_syntax_uid
        file.seek(prefix.dataset_offset)
        image = read_image(file, syntax)
        if isinstance(image, CompressedImage) and image.pixels.frame_bytes <= LARGEST:
            for data in islice(image.frames, MOST_FRAMES):
                yield Published(path, syntax, data, image.pixels)
