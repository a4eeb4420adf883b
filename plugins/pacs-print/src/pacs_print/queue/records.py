"""Films as they wait in the queue: what was asked for as JSON, pixels beside it as they came.

A session keeps its objects as these records, so that a film is taken over into the queue as it is,
and nothing of it has to be decoded twice.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from pacs_print.terms import (
    DecimateCrop,
    Density,
    Magnification,
    Medium,
    Orientation,
    Polarity,
    PresentationLutShape,
    Resolution,
    Smoothing,
)

if TYPE_CHECKING:
    from pacs_print.film import Film, FilmImage, PresentationLut

__all__ = [
    "FilmRecord",
    "ImageRecord",
    "LutRecord",
    "film_of",
    "image_of",
    "image_record",
    "lut_of",
    "recorded",
]


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class LutRecord(_Record):
    """A Presentation LUT (PS3.3 C.11.4); ``table`` has P-values of ``bits`` bits."""

    shape: PresentationLutShape = PresentationLutShape.IDENTITY
    table: tuple[int, ...] = ()
    bits: int = 16


class ImageRecord(_Record):
    """An image of an image box. Its pixels are ``rows`` × ``columns`` × ``samples`` of one byte,
    or two (little endian) where ``bits`` are more than 8, colours by pixel.
    """

    position: int
    rows: int
    columns: int
    samples: int = 1
    bits: int = 8
    photometric_interpretation: str = "MONOCHROME2"
    pixel_aspect_ratio: tuple[int, int] = (1, 1)
    polarity: Polarity = Polarity.NORMAL
    magnification: Magnification | None = None
    smoothing: Smoothing | None = None
    requested_size: float | None = None
    decimate_or_crop: DecimateCrop | None = None
    min_density: int | None = None
    max_density: int | None = None
    presentation_lut: LutRecord | None = None

    @property
    def size(self) -> int:
        """Bytes of its pixels."""
        return self.rows * self.columns * self.samples * (2 if self.bits > 8 else 1)


class FilmRecord(_Record):
    """A film; as `pacs_print.film.Film`, pixels left out."""

    display_format: str = "STANDARD\\1,1"
    orientation: Orientation = Orientation.PORTRAIT
    size_id: str | None = None
    magnification: Magnification | None = None
    smoothing: Smoothing | None = None
    border_density: Density | int | None = None
    empty_image_density: Density | int | None = None
    min_density: int | None = None
    max_density: int | None = None
    trim: bool = False
    illumination: int | None = None
    reflected_ambient_light: int | None = None
    presentation_lut: LutRecord = LutRecord()
    resolution: Resolution = Resolution.STANDARD
    medium: Medium | None = None
    colour: bool = False
    images: tuple[ImageRecord, ...] = ()
    annotation_format: str | None = None
    annotations: dict[int, str] = {}


_SAME = tuple(
    name
    for name in FilmRecord.model_fields
    if name not in ("images", "presentation_lut", "annotations")
)
_SAME_OF_IMAGE = (
    "bits",
    "photometric_interpretation",
    "pixel_aspect_ratio",
    "polarity",
    "magnification",
    "smoothing",
    "requested_size",
    "decimate_or_crop",
    "min_density",
    "max_density",
)


def lut_of(record: LutRecord) -> PresentationLut:
    """The Presentation LUT of a record. Raises `FilmError`."""
    import numpy as np  # noqa: PLC0415 - commands that only look at jobs do without

    from pacs_print.film import PresentationLut  # noqa: PLC0415 - NumPy

    table = np.array(record.table, np.uint16) if record.table else None
    return PresentationLut(shape=record.shape, table=table, bits=record.bits)


def image_of(record: ImageRecord, pixels: bytes) -> FilmImage:
    """The image of a record with its pixels. Raises `FilmError`."""
    import numpy as np  # noqa: PLC0415 - see above

    from pacs_print.film import FilmImage  # noqa: PLC0415 - NumPy

    shape: tuple[int, ...] = (record.rows, record.columns)
    if record.samples > 1:
        shape = (*shape, record.samples)
    lut = record.presentation_lut
    return FilmImage(
        pixels=np.frombuffer(pixels, "<u2" if record.bits > 8 else "u1").reshape(shape),
        presentation_lut=None if lut is None else lut_of(lut),
        **{name: getattr(record, name) for name in _SAME_OF_IMAGE},
    )


def film_of(record: FilmRecord, pixels: Callable[[int], bytes]) -> Film:
    """The film of a record; ``pixels`` gives those at an Image Box Position. Raises `FilmError`."""
    from pacs_print.film import Film  # noqa: PLC0415 - NumPy

    return Film(
        images={each.position: image_of(each, pixels(each.position)) for each in record.images},
        presentation_lut=lut_of(record.presentation_lut),
        annotations=record.annotations,
        **{name: getattr(record, name) for name in _SAME},
    )


def recorded(film: Film) -> tuple[FilmRecord, dict[int, bytes]]:
    """A film made here as it waits in the queue, and its pixels by Image Box Position."""
    images = {position: image_record(position, image) for position, image in film.images.items()}
    return FilmRecord(
        images=tuple(record for record, _ in images.values()),
        presentation_lut=_recorded_lut(film.presentation_lut),
        annotations=dict(film.annotations),
        **{name: getattr(film, name) for name in _SAME},
    ), {position: pixels for position, (_, pixels) in images.items()}


def image_record(position: int, image: FilmImage) -> tuple[ImageRecord, bytes]:
    """An image at an Image Box Position, and its pixels."""
    lut = image.presentation_lut
    record = ImageRecord(
        position=position,
        rows=image.pixels.shape[0],
        columns=image.pixels.shape[1],
        samples=3 if image.colour else 1,
        presentation_lut=None if lut is None else _recorded_lut(lut),
        **{name: getattr(image, name) for name in _SAME_OF_IMAGE},
    )
    return record, image.pixels.astype("<u2" if image.bits > 8 else "u1", copy=False).tobytes()


def _recorded_lut(lut: PresentationLut) -> LutRecord:
    table = () if lut.table is None else tuple(lut.table.tolist())
    return LutRecord(shape=lut.shape, table=table, bits=lut.bits)
