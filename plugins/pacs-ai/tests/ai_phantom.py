"""CT series made up of ellipses: a body on a table, with two lungs."""

from __future__ import annotations

from typing import Any

import numpy as np
from pydicom import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import EnhancedCTImageStorage, generate_uid

from pacs_ai.testing import ct_images, set_hounsfield
from pacs_framework.testing.instances import make_instance

SHAPE = (12, 48, 64)
SPACING = (8.0, 6.0, 5.0)  # slices, rows, columns
ORIGIN = (-160.0, -140.0, 30.0)
AIR, TISSUE, LUNG, BONE = -1000, 40, -800, 700


def voxels() -> np.ndarray:
    """Hounsfield units, (slice, row, column). The left lung is the smaller one, at higher x."""
    k, j, i = np.indices(SHAPE)
    body = ((j - 24) / 18) ** 2 + ((i - 32) / 26) ** 2 <= 1
    right = ((j - 24) / 11) ** 2 + ((i - 20) / 8) ** 2 + ((k - 6) / 5) ** 2 <= 1
    left = ((j - 24) / 10) ** 2 + ((i - 44) / 7) ** 2 + ((k - 6) / 5) ** 2 <= 1
    made = np.full(SHAPE, AIR)
    made[body] = TISSUE
    made[body & (np.hypot(j - 38, i - 32) < 3)] = BONE
    made[right | left] = LUNG
    made[:, 46] = TISSUE  # the table
    return made


def ct_series(**attributes: Any) -> list[Dataset]:
    """One image a slice, in the order of slices: stored = HU + 1024, unsigned."""
    return ct_images(voxels(), spacing=SPACING, origin=ORIGIN, **attributes)


def enhanced_ct() -> Dataset:
    """The same as one multi-frame image, its frames from the head down."""
    image = make_instance(SOPClassUID=str(EnhancedCTImageStorage))
    image.FrameOfReferenceUID = generate_uid()
    image.PositionReferenceIndicator = ""
    image.ImageType = ["ORIGINAL", "PRIMARY", "VOLUME", "NONE"]
    set_hounsfield(image, voxels()[::-1])
    del image.RescaleSlope, image.RescaleIntercept, image.RescaleType
    image.NumberOfFrames = SHAPE[0]
    image.SharedFunctionalGroupsSequence = Sequence(
        [
            _item(
                PlaneOrientationSequence=_item(ImageOrientationPatient=[1, 0, 0, 0, 1, 0]),
                PixelMeasuresSequence=_item(PixelSpacing=[6, 5], SliceThickness=8),
                PixelValueTransformationSequence=_item(
                    RescaleSlope=1, RescaleIntercept=-1024, RescaleType="HU"
                ),
            )
        ]
    )
    image.PerFrameFunctionalGroupsSequence = Sequence(
        [
            _item(
                PlanePositionSequence=_item(
                    ImagePositionPatient=[*ORIGIN[:2], ORIGIN[2] + (SHAPE[0] - 1 - number) * 8]
                )
            )
            for number in range(SHAPE[0])
        ]
    )
    return image


def _item(**values: Any) -> Dataset:
    made = Dataset()
    for keyword, value in values.items():
        setattr(made, keyword, Sequence([value]) if isinstance(value, Dataset) else value)
    return made
