"""What a model yields: plain values and arrays, which the archive writes as instances.

As `pacs_ai.api`, of which these names are a part, it needs nothing but NumPy and Python 3.10.
Slices, rows and columns count from 0 on, as in the arrays of the volume.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Union

import numpy as np
from numpy.typing import NDArray

from pacs_ai.marks import Mark
from pacs_ai.words import Code, Finding

__all__ = [
    "OF_INTEREST",
    "KeyImages",
    "Measurements",
    "Nothing",
    "ParametricMap",
    "Picture",
    "Presentation",
    "Result",
    "Segment",
    "Segmentation",
]

OF_INTEREST = Code(value="113000", scheme="DCM", meaning="Of Interest")
"""The usual title of a key object selection (PS3.16 CID 7010)."""

_LONGEST_REASON = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """One segment: ``mask`` is boolean and has the shape of the volume.

    ``category`` and ``kind`` are its Segmented Property Category and Type (PS3.3 C.8.20.2).
    """

    label: str
    mask: NDArray[np.bool_]
    category: Code
    kind: Code

    def __post_init__(self) -> None:
        if not 1 <= len(self.label) <= 64:
            raise ValueError("the label of a segment has 1 to 64 characters")
        if self.mask.dtype != np.bool_:
            raise ValueError(f"the mask of segment {self.label!r} is not boolean")


@dataclass(frozen=True, slots=True, kw_only=True)
class Segmentation:
    """Becomes a Segmentation (PS3.3 A.51) of the source images. Segments may overlap.

    With ``labelmap`` it becomes a Label Map Segmentation, which holds the number of its segment for
    each pixel: many segments take little room, they must not overlap, and older viewers do not read
    it.
    """

    segments: tuple[Segment, ...]
    description: str = "Segmentation"
    labelmap: bool = False

    def __post_init__(self) -> None:
        labels = [segment.label for segment in self.segments]
        if not labels or len(set(labels)) < len(labels):
            raise ValueError(f"a segmentation has segments of different labels, not {labels}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurements:
    """Becomes a measurement report (PS3.16 TID 1500)."""

    findings: tuple[Finding, ...]
    description: str = "Measurements"

    def __post_init__(self) -> None:
        if not self.findings:
            raise ValueError("measurements have at least one finding")


@dataclass(frozen=True, slots=True, kw_only=True)
class ParametricMap:
    """Becomes a Parametric Map (PS3.3 A.75): a number for each voxel, as a probability.

    ``values`` are 32-bit floats of the shape of the volume, all of them finite. ``quantity`` is
    what they are, ``unit`` is of UCUM. A viewer is told to show what lies within ``window``, the
    lowest value and the highest; without one, all that there are. ``site`` is the part of the body
    where it is one (Frame Anatomy, PS3.3 C.7.6.16.2.8), ``laterality`` its side: R, L, B for both,
    U for what is unpaired.
    """

    values: NDArray[np.float32]
    quantity: Code
    unit: Code
    window: tuple[float, float] | None = None
    site: Code | None = None
    laterality: str = "U"
    description: str = "Parametric map"

    def __post_init__(self) -> None:
        if self.values.dtype != np.float32 or self.values.ndim != 3:
            raise ValueError("the values of a map are 32-bit floats in three dimensions")
        if not np.isfinite(self.values).all():
            raise ValueError("a value of a map is not finite; give 0 where there is none")
        if self.window is not None and not self.window[0] < self.window[1]:
            raise ValueError(f"the window of a map is from low to high, not {self.window}")
        if self.laterality not in ("R", "L", "B", "U"):
            raise ValueError(f"the laterality of a map is R, L, B or U, not {self.laterality!r}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Presentation:
    """Becomes a Grayscale Softcopy Presentation State (PS3.3 A.33.1) of the source images.

    ``marks`` are drawn on their slices. ``window`` is the values of the volume, as Hounsfield
    units, that are shown as black and as white; without one, what the images say themselves.
    """

    marks: tuple[Mark, ...] = ()
    window: tuple[float, float] | None = None
    description: str = "Presentation"

    def __post_init__(self) -> None:
        if not self.marks and self.window is None:
            raise ValueError("a presentation has marks or a window")
        if self.window is not None and not self.window[0] < self.window[1]:
            raise ValueError(f"the window of a presentation is from low to high, not {self.window}")


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyImages:
    """Becomes a Key Object Selection (PS3.3 A.35.4) of the images of these slices.

    ``title`` is one of PS3.16 CID 7010, ``reason`` is told to who looks at them.
    """

    slices: tuple[int, ...]
    title: Code = OF_INTEREST
    reason: str = ""
    description: str = "Key images"

    def __post_init__(self) -> None:
        if not self.slices or len(set(self.slices)) < len(self.slices) or min(self.slices) < 0:
            raise ValueError(f"key images are different slices from 0 on, not {self.slices}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """Becomes a Secondary Capture: bytes of (rows, columns) greys or (rows, columns, 3) colours."""

    pixels: NDArray[np.uint8]
    description: str = "Picture"

    def __post_init__(self) -> None:
        shape = self.pixels.shape
        if self.pixels.dtype != np.uint8 or len(shape) not in (2, 3) or shape[2:] not in ((), (3,)):
            raise ValueError("a picture is bytes of (rows, columns) or (rows, columns, 3)")
        if not self.pixels.size or max(shape) > 0xFFFF:
            raise ValueError(f"a picture has 1 to 65535 rows and columns, not {shape}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Nothing:
    """In place of results: the model came to its end, and has nothing to say of what it was given.

    Nothing was found, or it is none that the model is for, which showed in its voxels alone.
    ``reason`` says which, in one line for whoever looks at the run; nothing else is yielded.
    """

    reason: str

    def __post_init__(self) -> None:
        length = len(self.reason.strip())
        if not 1 <= length <= _LONGEST_REASON:
            raise ValueError(
                f"the reason for nothing has 1 to {_LONGEST_REASON} characters, not {length}"
            )


Result = Union[  # noqa: UP007 - also for Python 3.10's typing
    Segmentation, Measurements, ParametricMap, Presentation, KeyImages, Picture
]
