"""A small page that stands for what has no picture: a report, a document."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from pacs_framework.rendering.picture import Picture

__all__ = ["sheet_of"]

_PAPER, _EDGE, _LETTERS = 255, 128, 32
_SHAPE = 0.75  # its width beside its height
_LINES = 12  # of a page
_SMALLEST, _WORDS = 6, 200  # pixels of a line, and characters that are looked at


def sheet_of(label: str, lines: Sequence[str], box: tuple[int, int]) -> Picture:
    """A white page that fits into ``box`` = (width, height): ``label`` large, ``lines`` below it.

    Lines are broken between words, and what has no room is left out. Characters that the font has
    not are question marks.
    """
    height = max(min(box[1], round(box[0] / _SHAPE)), 1)
    width = max(min(box[0], round(height * _SHAPE)), 1)
    page = Image.new("L", (width, height), _PAPER)
    canvas = ImageDraw.Draw(page)
    small = max(height // _LINES, _SMALLEST)
    canvas.text(
        (small // 2, small // 4), _plain(label), _LETTERS, ImageFont.load_default(2 * small)
    )
    font = ImageFont.load_default(small)
    top = 3 * small
    for line in _broken([_plain(line) for line in lines], font, width - small):
        if top + small > height:
            break
        canvas.text((small // 2, top), line, _LETTERS, font)
        top += small * 5 // 4
    canvas.rectangle((0, 0, width - 1, height - 1), outline=_EDGE)  # over words that are too long
    return Picture(pixels=np.asarray(page))


def _broken(lines: Sequence[str], font: _Font, width: int) -> Iterator[str]:
    """Lines of no more than ``width`` pixels, where words are not longer themselves."""
    for line in lines:
        held = ""
        for word in line[:_WORDS].split():
            longer = f"{held} {word}".strip()
            if held and font.getlength(longer) > width:
                yield held
                held = word
            else:
                held = longer
        yield held


def _plain(text: str) -> str:
    return text.encode("latin-1", "replace").decode("latin-1")


_Font = ImageFont.FreeTypeFont | ImageFont.ImageFont
