"""Films as pictures: PNG and TIFF, without loss, with the resolution they are meant for."""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO

import numpy as np
from PIL import Image

from pacs_print.lettering import draw
from pacs_print.outputs.files import FileOutput

if TYPE_CHECKING:
    from pacs_print.sheet import Sheet

__all__ = ["PngOutput", "TiffOutput", "picture_of"]


class PngOutput(FileOutput):
    """PNG of drive levels: 8 bits, or 16 where the printer has 12."""

    name = "png"
    suffix = ".png"

    def write(self, sheet: Sheet, file: BinaryIO) -> None:
        """See `FileOutput`. zlib's quickest level: half the time of the usual one."""
        picture_of(sheet).save(file, "PNG", dpi=(sheet.dpi, sheet.dpi), compress_level=1)


class TiffOutput(FileOutput):
    """TIFF of drive levels: 8 bits, or 16 where the printer has 12; deflated."""

    name = "tiff"
    suffix = ".tif"

    def write(self, sheet: Sheet, file: BinaryIO) -> None:
        """See `FileOutput`."""
        picture_of(sheet).save(
            file, "TIFF", dpi=(sheet.dpi, sheet.dpi), compression="tiff_adobe_deflate"
        )


def picture_of(sheet: Sheet) -> Image.Image:
    """What the device is sent, with words drawn."""
    bits = 8 if sheet.bits == 8 else 16
    pixels = np.array(sheet.driven(bits), copy=sheet.colour)
    draw(sheet, pixels, (1 << bits) - 1)
    return Image.fromarray(pixels)
