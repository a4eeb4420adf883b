"""Words of a sheet: how large and where, the same in a picture as in a page description.

The font is the printer's or, without one, Bitstream Vera, which reportlab brings along. Characters
that a font has not become question marks.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING
from zlib import crc32

import numpy as np
import reportlab
from PIL import Image, ImageDraw, ImageFont
from reportlab.pdfbase.ttfonts import TTFError, TTFont

from pacs_print.layout import MM_PER_INCH
from pacs_print.terms import FilmError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pacs_print.film import Pixels
    from pacs_print.sheet import Sheet, Text

__all__ = ["Line", "check_font", "draw", "font_of", "lines_of"]

POINTS_PER_INCH = 72.0

_HEIGHT, _BASELINE = 0.7, 0.75  # of a box: size of its letters, and where they stand


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """Words from ``left`` on ``baseline``, in mm from the upper left corner; ``size`` in points."""

    words: str
    left: float
    baseline: float
    size: float
    white: bool


def font_of(sheet: Sheet) -> TTFont:
    """The font that the words of a sheet are written in. Raises `FilmError`."""
    return _font(_path_of(sheet))


def lines_of(sheet: Sheet) -> list[Line]:
    """The words of a sheet, small enough for their boxes. Raises `FilmError`."""
    return [_line(text, font_of(sheet)) for text in sheet.texts]


def draw(sheet: Sheet, pixels: Pixels, greatest: int) -> None:
    """Write the words into the pixels of a sheet, whose samples go from 0 to ``greatest``."""
    for line in lines_of(sheet):
        mask, left, top = _mask(line, _path_of(sheet), sheet.dpi)
        _blend(pixels, mask, left, top, greatest if line.white else 0)


def check_font(path: Path | None) -> None:
    """Raise `FilmError` for a font that cannot be used; None is our own."""
    if path is not None:
        _font(path)


def _path_of(sheet: Sheet) -> Path:
    return sheet.font or Path(reportlab.__file__).parent / "fonts" / "Vera.ttf"


@lru_cache(maxsize=8)
def _font(path: Path) -> TTFont:
    try:
        return TTFont(f"film-{crc32(bytes(path)):08x}", str(path))
    except (TTFError, OSError) as error:
        raise FilmError(f"{path} is no TrueType font: {error}") from error


def _line(text: Text, font: TTFont) -> Line:
    words = "".join(c if ord(c) in font.face.charToGlyph else "?" for c in text.words.strip())
    box = text.box
    size = box.height * _HEIGHT / MM_PER_INCH * POINTS_PER_INCH
    width = font.stringWidth(words, size) / POINTS_PER_INCH * MM_PER_INCH
    if width > box.width:
        size, width = size * box.width / width, box.width
    free = {"left": 0.0, "centre": (box.width - width) / 2, "right": box.width - width}[text.align]
    return Line(
        words=words,
        left=box.left + free,
        baseline=box.top + box.height * _BASELINE,
        size=size,
        white=text.white,
    )


def _mask(line: Line, path: Path, dpi: int) -> tuple[NDArray[np.uint8], int, int]:
    """How much of each pixel a line covers, and where its first pixel is."""
    font = ImageFont.truetype(str(path), size=max(1.0, line.size / POINTS_PER_INCH * dpi))
    left, top, right, bottom = (int(edge) for edge in font.getbbox(line.words, anchor="ls"))
    image = Image.new("L", (max(1, right - left), max(1, bottom - top)))
    ImageDraw.Draw(image).text((-left, -top), line.words, fill=255, font=font, anchor="ls")
    x, y = (round(mm / MM_PER_INCH * dpi) for mm in (line.left, line.baseline))
    return np.asarray(image), x + left, y + top


def _blend(pixels: Pixels, mask: NDArray[np.uint8], left: int, top: int, sample: int) -> None:
    """Lay letters over pixels, as far as they are on the sheet."""
    rows, columns = pixels.shape[:2]
    mask = mask[max(0, -top) : max(0, rows - top), max(0, -left) : max(0, columns - left)]
    first, start = max(0, top), max(0, left)
    there = pixels[first : first + mask.shape[0], start : start + mask.shape[1]]
    share = mask.astype(np.float32) / 255
    share = share[..., np.newaxis] if there.ndim == 3 else share
    np.copyto(there, there * (1 - share) + sample * share + 0.5, casting="unsafe")
