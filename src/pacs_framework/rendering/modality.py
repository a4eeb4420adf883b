"""From stored values to what they measure: Modality LUT, or slope and intercept (PS3.3 C.11.1)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from pydicom import Dataset
from pydicom.uid import XRayAngiographicImageStorage, XRayRadiofluoroscopicImageStorage

from pacs_framework.errors import UnreadableInstance
from pacs_framework.rendering.attributes import items_of, numbers_of, text_of
from pacs_framework.rendering.frame_header import FrameHeader
from pacs_framework.rendering.lookup import lookup_table
from pacs_framework.rendering.samples import Array

__all__ = ["Rescale", "Transform", "modality_transform"]

Transform = Callable[[Array], Array]

_X_RAY = frozenset((str(XRayAngiographicImageStorage), str(XRayRadiofluoroscopicImageStorage)))


@dataclass(frozen=True, slots=True)
class Rescale:
    """``slope`` × value + ``intercept``."""

    slope: float
    intercept: float

    def __call__(self, values: Array) -> Array:
        """In the units of Rescale Type (0028,1054), as floats."""
        return values.astype(np.float64) * self.slope + self.intercept


def modality_transform(header: FrameHeader, *, signed: bool) -> Transform | None:
    """What the header says of a frame; None where values stand for themselves.

    ``signed`` says whether stored values are. Raises `UnreadableInstance`.
    """
    if _is_for_subtraction(header.root):
        return None
    tables = items_of(header.root, "ModalityLUTSequence")
    if tables:
        return lookup_table(tables[0], signed=signed)
    item = header.macro("PixelValueTransformationSequence")
    slope = numbers_of(item, "RescaleSlope")
    intercept = numbers_of(item, "RescaleIntercept")
    if not slope and not intercept:
        return None
    made = Rescale(slope[0] if slope else 1.0, intercept[0] if intercept else 0.0)
    if made.slope == 0:
        raise UnreadableInstance("RescaleSlope is 0, which makes every pixel the same")
    return None if made == Rescale(1.0, 0.0) else made


def _is_for_subtraction(header: Dataset) -> bool:
    """Whether the Modality LUT leads back to X-ray intensity, which is not for display.

    So it does in XA and XRF images that are logarithmic or prepared for display (PS3.3 C.8.7.1).
    """
    return text_of(header, "SOPClassUID") in _X_RAY and text_of(
        header, "PixelIntensityRelationship"
    ) in ("LOG", "DISP")
