"""Films as PDF: a page of the film's size, a lossless image, words as words."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, BinaryIO

from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.pdfdoc import PDFImageXObject
from reportlab.pdfgen.canvas import Canvas

from pacs_print.layout import MM_PER_INCH
from pacs_print.lettering import POINTS_PER_INCH, font_of, lines_of
from pacs_print.outputs.files import FileOutput

if TYPE_CHECKING:
    from pacs_print.sheet import Sheet

__all__ = ["PdfOutput", "write_pdf"]

_LEVEL = 1  # of zlib: a second of work saves little of a film


class PdfOutput(FileOutput):
    """PDF with drive levels of 8 bits, or 16 where the printer has 12."""

    name = "pdf"
    suffix = ".pdf"

    def write(self, sheet: Sheet, file: BinaryIO) -> None:
        """See `FileOutput`."""
        write_pdf(sheet, file)


def write_pdf(sheet: Sheet, file: BinaryIO, title: str = "Film") -> None:
    """Write a document of one page. Raises `FilmError` for a font that cannot be used, OSError."""
    width, height = (mm / MM_PER_INCH * POINTS_PER_INCH for mm in sheet.size)
    canvas = Canvas(file, pagesize=(width, height), pageCompression=1, pdfVersion=(1, 5))
    canvas.setTitle(title)
    canvas.setCreator("pacs-print")
    _put_image(canvas, _image(sheet), width, height)
    _put_words(canvas, sheet, height)
    canvas.showPage()
    canvas.save()


def _image(sheet: Sheet) -> PDFImageXObject:
    """The samples as the page has them, compressed strip by strip."""
    image = PDFImageXObject("film")
    image.height, image.width = sheet.pixels.shape[:2]
    image.bitsPerComponent = 8 if sheet.bits == 8 else 16
    image.colorSpace = "DeviceRGB" if sheet.colour else "DeviceGray"
    image._filters = ("FlateDecode",)  # noqa: SLF001 - as its own loaders set it
    deflating = zlib.compressobj(_LEVEL)
    parts = [
        deflating.compress(strip.astype(strip.dtype.newbyteorder(">"), copy=False).tobytes())
        for strip in sheet.strips(image.bitsPerComponent)
    ]
    image.streamContent = b"".join((*parts, deflating.flush()))
    return image


def _put_image(canvas: Canvas, image: PDFImageXObject, width: float, height: float) -> None:
    """What `Canvas.drawImage` does, which makes 8 bits of all images."""
    document = canvas._doc  # noqa: SLF001 - there is no other way to an image of 16 bits
    name = document.getXObjectName(image.name)
    document.Reference(image, name)
    document.addForm(image.name, image)
    canvas._setXObjects(image)  # noqa: SLF001 - see above
    canvas.saveState()
    canvas.scale(width, height)
    canvas.doForm(image.name)
    canvas.restoreState()


def _put_words(canvas: Canvas, sheet: Sheet, height: float) -> None:
    if not sheet.texts:
        return
    font = font_of(sheet)
    pdfmetrics.registerFont(font)
    for line in lines_of(sheet):
        canvas.setFont(font.fontName, line.size)
        canvas.setFillGray(1.0 if line.white else 0.0)
        baseline = height - line.baseline / MM_PER_INCH * POINTS_PER_INCH
        canvas.drawString(line.left / MM_PER_INCH * POINTS_PER_INCH, baseline, line.words)
