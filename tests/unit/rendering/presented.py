"""Presentation states made of keywords, and images as they have them seen, all in memory."""

from __future__ import annotations

from typing import Any

import numpy as np
from pydicom import Dataset
from pydicom.sequence import Sequence
from rendered import read

from pacs_framework.rendering.geometry import MOST_PIXELS
from pacs_framework.rendering.picture import Picture
from pacs_framework.rendering.presentation.drawing import draw_by_state
from pacs_framework.rendering.presentation.other_frames import OtherFrames
from pacs_framework.rendering.presentation.references import SeenFrame
from pacs_framework.rendering.presentation.state import StateKind, presentation_state

GREY, COLOUR, PSEUDO, VARIABLE, BLENDING, X_RAY, ADVANCED_BLENDING = (
    kind.value for kind in StateKind
)
WHITE = 65535
RED = [35579, 53664, 50858]  # CIELab of sRGB's red, in D50


def item(**attributes: Any) -> Dataset:
    """An item of a sequence; lists of items are sequences."""
    ds = Dataset()
    for keyword, value in attributes.items():
        is_sequence = isinstance(value, list) and value and isinstance(value[0], Dataset)
        setattr(ds, keyword, Sequence(value) if is_sequence else value)
    return ds


def reference(image: Dataset, *frames: int) -> Dataset:
    """An item of Referenced Image Sequence."""
    ds = item(
        ReferencedSOPClassUID=image.SOPClassUID, ReferencedSOPInstanceUID=image.SOPInstanceUID
    )
    if frames:
        ds.ReferencedFrameNumber = list(frames)
    return ds


def state(image: Dataset, sop_class: str = GREY, **attributes: Any) -> Dataset:
    """A state for an image, which says nothing else than ``attributes``."""
    series = item(SeriesInstanceUID="1.2.3", ReferencedImageSequence=[reference(image)])
    return item(
        SOPClassUID=sop_class,
        SOPInstanceUID="1.2.3.9",
        ReferencedSeriesSequence=[series],
        **attributes,
    )


def picture(
    image: Dataset,
    dataset: Dataset,
    number: int = 1,
    box: tuple[int, int] | None = None,
    most: int = MOST_PIXELS,
) -> Picture:
    """Frame ``number`` of the image, by a state."""
    found = read(image)
    [(_, frame)] = found.frames(range(number, number + 1))
    seen = SeenFrame(str(image.SOPInstanceUID), number)
    others = OtherFrames(lambda wanted: read(image).frames(wanted))
    return draw_by_state(frame, found.header, seen, presentation_state(dataset), box, most, others)


def seen(image: Dataset, dataset: Dataset, number: int = 1, **how: Any) -> np.ndarray:
    """The pixels of `picture`."""
    return picture(image, dataset, number, **how).pixels


def area(left: int, top: int, right: int, bottom: int, **more: Any) -> list[Dataset]:
    """Displayed Area Selection Sequence, columns and rows from 1 on."""
    return [
        item(
            DisplayedAreaTopLeftHandCorner=[left, top],
            DisplayedAreaBottomRightHandCorner=[right, bottom],
            **{"PresentationSizeMode": "SCALE TO FIT", "PresentationPixelAspectRatio": [1, 1]}
            | more,
        )
    ]
