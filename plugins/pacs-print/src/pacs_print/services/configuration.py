"""What a printer can do, as Printer Configuration Retrieval tells it (PS3.3 C.13.13)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product
from typing import TYPE_CHECKING

from pydicom import Dataset

from pacs_print.layout import MM_PER_INCH, lay_out
from pacs_print.placing import in_pixels
from pacs_print.queue.watching import name_of
from pacs_print.services.classes import (
    ANNOTATION_BOX,
    COLOUR_META,
    GRAYSCALE_META,
    PRESENTATION_LUT,
    PRINT_JOB,
)
from pacs_print.terms import FilmError, Magnification, Medium, Orientation, Resolution, Smoothing

if TYPE_CHECKING:
    from pacs_print.placing import Rectangle
    from pacs_print.printers import PrinterSettings

__all__ = ["configurations"]

_FORMATS = (
    "STANDARD\\1,1",
    "STANDARD\\1,2",
    "STANDARD\\2,2",
    "STANDARD\\2,3",
    "STANDARD\\3,3",
    "STANDARD\\3,4",
    "STANDARD\\3,5",
    "STANDARD\\4,5",
    "STANDARD\\4,6",
    "SLIDE",
    "SUPERSLIDE",
)
"""Those that are usual: there is no end of what may be asked for."""


def configurations(printer: PrinterSettings) -> list[Dataset]:
    """One for each meta SOP class."""
    metas = (GRAYSCALE_META, COLOUR_META) if printer.colour else (GRAYSCALE_META,)
    return [_configuration(printer, meta) for meta in metas]


def _configuration(printer: PrinterSettings, meta: str) -> Dataset:
    item = Dataset()
    item.SOPClassesSupported = [meta, PRINT_JOB, PRESENTATION_LUT, ANNOTATION_BOX]
    item.MaximumMemoryAllocation = 0  # Memory Allocation is not supported
    item.MemoryBitDepth = 8 if meta == COLOUR_META else 12
    item.PrintingBitDepth = 8 if meta == COLOUR_META else printer.bits
    item.MediaInstalledSequence = [
        _medium(printer, number, medium, size)
        for number, (medium, size) in enumerate(product(printer.media, printer.sizes), 1)
    ]
    item.OtherMediaAvailableSequence = []
    item.SupportedImageDisplayFormatsSequence = [*_display_formats(printer)]
    item.DefaultPrinterResolutionID = Resolution.STANDARD.value
    item.DefaultMagnificationType = printer.magnification.value
    item.OtherMagnificationTypesAvailable = [
        each.value for each in Magnification if each is not printer.magnification
    ]
    item.DefaultSmoothingType = printer.smoothing.value
    item.OtherSmoothingTypesAvailable = [
        each.value for each in Smoothing if each is not printer.smoothing
    ]
    item.ConfigurationInformationDescription = "none is heeded"
    item.MaximumCollatedFilms = printer.limits.film_boxes
    item.DecimateCropResult = "DECIMATE"
    item.Manufacturer = printer.manufacturer
    item.ManufacturerModelName = printer.model
    item.PrinterName = name_of(printer)
    return item


def _medium(printer: PrinterSettings, number: int, medium: Medium, size: str) -> Dataset:
    item = Dataset()
    item.ItemNumber = number
    item.MediumType = medium.value
    item.FilmSizeID = size
    item.MinDensity, item.MaxDensity = printer.densities(medium)
    return item


def _display_formats(printer: PrinterSettings) -> Iterator[Dataset]:
    """Each format on each film, upright and lying, as far as it has room there."""
    formats = (*_FORMATS, *(f"CUSTOM\\{name}" for name in printer.custom_formats))
    for size, orientation, name in product(printer.sizes, Orientation, formats):
        try:
            boxes = lay_out(printer, name, size_id=size, orientation=orientation).images
        except FilmError:
            continue
        for resolution in Resolution:
            dpi = printer.high_dpi if resolution is Resolution.HIGH else printer.dpi
            item = _size([in_pixels(each, dpi) for each in boxes])
            item.ImageDisplayFormat = name
            item.FilmOrientation = orientation.value
            item.FilmSizeID = size
            item.PrinterResolutionID = resolution.value
            item.PrinterPixelSpacing = [f"{MM_PER_INCH / dpi:.6f}"] * 2
            item.RequestedImageSizeFlag = "YES"
            yield item


def _size(boxes: Sequence[Rectangle]) -> Dataset:
    """Rows and Columns, where all boxes have the same.

    By rounding some have a pixel more than others: an image of the least fits into all of them.
    """
    item = Dataset()
    heights, widths = [box.height for box in boxes], [box.width for box in boxes]
    if all(max(sides) - min(sides) <= 1 for sides in (heights, widths)):
        item.Rows, item.Columns = min(heights), min(widths)
    return item
