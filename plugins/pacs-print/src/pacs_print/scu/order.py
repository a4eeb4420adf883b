"""What is asked of a printer: the attributes of session, film boxes and image boxes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pydicom import Dataset

from pacs_print.terms import DecimateCrop, Orientation, Polarity, PresentationLutShape

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pacs_print.film import FilmImage

__all__ = ["Order", "image_item"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A film session to be printed; None or empty is the printer's default.

    ``requested_size`` is the width of an image in mm, densities are hundredths of OD. With
    ``as_session`` all films are one job, else each is one. ``more`` are further attributes of film
    boxes by keyword.
    """

    display_format: str = "STANDARD\\1,1"
    size_id: str = ""
    orientation: Orientation | None = None
    copies: int = 1
    priority: str = ""
    medium: str = ""
    destination: str = ""
    label: str = ""
    owner: str = ""
    trim: bool | None = None
    resolution: str = ""
    magnification: str = ""
    smoothing: str = ""
    border_density: str = ""
    empty_image_density: str = ""
    min_density: int | None = None
    max_density: int | None = None
    lut: PresentationLutShape | None = None
    polarity: Polarity | None = None
    requested_size: float | None = None
    decimate_or_crop: DecimateCrop | None = None
    annotation: str = ""
    annotation_format: str = ""
    colour: bool = False
    as_session: bool = False
    more: Mapping[str, Any] = field(default_factory=dict)

    def of_session(self) -> Dataset:
        """For N-CREATE of the film session."""
        return _filled(
            NumberOfCopies=self.copies,
            PrintPriority=self.priority,
            MediumType=self.medium,
            FilmDestination=self.destination,
            FilmSessionLabel=self.label,
            OwnerID=self.owner,
        )

    def of_film_box(self) -> Dataset:
        """For N-CREATE of a film box; references are for the caller to add."""
        return _filled(
            ImageDisplayFormat=self.display_format,
            FilmOrientation=self.orientation,
            FilmSizeID=self.size_id,
            MagnificationType=self.magnification,
            SmoothingType=self.smoothing,
            BorderDensity=self.border_density,
            EmptyImageDensity=self.empty_image_density,
            MinDensity=self.min_density,
            MaxDensity=self.max_density,
            Trim=None if self.trim is None else "YES" if self.trim else "NO",
            RequestedResolutionID=self.resolution,
            AnnotationDisplayFormatID=self.annotation_format,
            **self.more,
        )

    def of_image_box(self, position: int) -> Dataset:
        """For N-SET of an image box; the image itself is for the caller to add."""
        return _filled(
            ImageBoxPosition=position,
            Polarity=self.polarity,
            RequestedImageSize=None if self.requested_size is None else f"{self.requested_size:g}",
            RequestedDecimateCropBehavior=self.decimate_or_crop,
        )


def _filled(**values: Any) -> Dataset:
    dataset = Dataset()
    for keyword, value in values.items():
        if value is not None and value != "":
            setattr(dataset, keyword, str(value) if isinstance(value, str) else value)
    return dataset


def image_item(image: FilmImage) -> Dataset:
    """The item of a Basic Grayscale or Color Image Sequence (PS3.3 Table C.13-5)."""
    item = Dataset()
    wide = image.bits > 8
    item.SamplesPerPixel = 3 if image.colour else 1
    item.PhotometricInterpretation = image.photometric_interpretation
    item.Rows, item.Columns = image.pixels.shape[:2]
    item.BitsAllocated = 16 if wide else 8
    item.BitsStored, item.HighBit = image.bits, image.bits - 1
    item.PixelRepresentation = 0
    if image.pixel_aspect_ratio != (1, 1):
        item.PixelAspectRatio = [str(part) for part in image.pixel_aspect_ratio]
    pixels = image.pixels
    if image.colour:
        item.PlanarConfiguration = 1  # the one that every printer has to take
        pixels = pixels.transpose(2, 0, 1)
    data = pixels.astype("<u2" if wide else "u1", copy=False).tobytes()
    item.add_new(0x7FE00010, "OW", data + b"\0" * (len(data) % 2))
    return item
