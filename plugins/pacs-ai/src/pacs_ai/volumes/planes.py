"""Where each image of a series lies in the patient (PS3.3 C.7.6.2, C.7.6.16.2)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset

from pacs_ai.errors import NoVolume
from pacs_framework.rendering.attributes import integer_of, numbers_of, text_of, value_of
from pacs_framework.rendering.frame_header import FrameHeader

__all__ = ["Plane", "planes_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plane:
    """One frame: ``frame`` counts from 1 on in the instance number ``source`` of the series.

    ``position`` is the centre of its first pixel in millimetres, ``across`` and ``down`` are the
    unit vectors along a row and along a column, ``spacing`` is that of rows and of columns.
    """

    source: int
    frame: int
    rows: int
    columns: int
    position: NDArray[np.float64]
    across: NDArray[np.float64]
    down: NDArray[np.float64]
    spacing: tuple[float, float]
    thickness: float
    frame_of_reference: str

    @property
    def normal(self) -> NDArray[np.float64]:
        """Where the next slice lies."""
        return np.cross(self.across, self.down)


def planes_of(header: Dataset, source: int, frames: int) -> list[Plane]:
    """The planes of an instance. Raises `NoVolume`, and `UnreadableInstance` for odd values."""
    _check_kind(header)
    return [_plane(header, source, number) for number in range(1, frames + 1)]


def _check_kind(header: Dataset) -> None:
    samples = integer_of(header, "SamplesPerPixel", 1)
    photometric = text_of(header, "PhotometricInterpretation")
    if samples != 1 or photometric not in ("MONOCHROME1", "MONOCHROME2"):
        raise NoVolume(f"an image is {photometric or 'of an unknown kind'}, not greys")
    kind = value_of(header, "ImageType") or ()
    if "LOCALIZER" in ([kind] if isinstance(kind, str) else list(kind)):
        raise NoVolume("an image is a localizer")


def _plane(header: Dataset, source: int, number: int) -> Plane:
    of_frame = FrameHeader(header, number)
    position = numbers_of(of_frame.macro("PlanePositionSequence"), "ImagePositionPatient")
    cosines = numbers_of(of_frame.macro("PlaneOrientationSequence"), "ImageOrientationPatient")
    measures = of_frame.macro("PixelMeasuresSequence")
    spacing = numbers_of(measures, "PixelSpacing")
    if len(position) != 3 or len(cosines) != 6 or len(spacing) != 2:
        raise NoVolume("an image does not say where it lies: position, orientation, Pixel Spacing")
    across, down = np.array(cosines[:3]), np.array(cosines[3:])
    if abs(across @ down) > 1e-3 or max(abs(across @ across - 1), abs(down @ down - 1)) > 1e-3:
        raise NoVolume("Image Orientation (Patient) of an image has no right angle")
    if min(spacing) <= 0:
        raise NoVolume(f"Pixel Spacing of an image is {spacing}")
    thickness = numbers_of(measures, "SliceThickness")
    return Plane(
        source=source,
        frame=number,
        rows=integer_of(header, "Rows"),
        columns=integer_of(header, "Columns"),
        position=np.array(position),
        across=across / np.linalg.norm(across),
        down=down / np.linalg.norm(down),
        spacing=(spacing[0], spacing[1]),
        thickness=thickness[0] if thickness else 0.0,
        frame_of_reference=text_of(header, "FrameOfReferenceUID"),
    )
