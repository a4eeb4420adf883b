"""What a model imports: what it wants, what it is given, what it yields.

Nothing here needs more than NumPy and Python 3.10, because a model may run in an environment of its
own, where neither the archive nor pydicom is installed.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Union

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "Code",
    "Finding",
    "Measurement",
    "Measurements",
    "Model",
    "Picture",
    "Progress",
    "Result",
    "Segment",
    "Segmentation",
    "Volume",
    "Wants",
]

Progress = Callable[[float], None]
"""Takes how much is done, from 0 to 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """A coded concept (PS3.3 8.8): value, designator of its scheme, meaning. Units are UCUM."""

    value: str
    scheme: str
    meaning: str

    def __post_init__(self) -> None:
        if not (self.value and self.scheme and self.meaning):
            raise ValueError(f"a code has a value, a scheme and a meaning, not {self!r}")
        if max(len(self.value), len(self.scheme)) > 16 or len(self.meaning) > 64:
            raise ValueError(f"{self!r} is too long: 16, 16 and 64 characters (PS3.5 6.2)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Volume:
    """The images of a series on a regular grid.

    ``voxels`` are 32-bit floats, indexed (slice, row, column): Hounsfield units for CT, else what
    the modality transform gives. Slices go the way of the normal, which is the cross product of the
    directions along a row and along a column (PS3.3 C.7.6.2.1.1). ``affine`` takes (slice, row,
    column, 1) to the centre of the voxel in the patient's coordinates: millimetres towards left,
    posterior and head. ``unit`` is ``[hnsf'U]`` for Hounsfield units, else empty.
    """

    voxels: NDArray[np.float32]
    affine: NDArray[np.float64]
    modality: str = ""
    unit: str = ""

    def __post_init__(self) -> None:
        if self.voxels.ndim != 3 or self.voxels.dtype != np.float32 or not self.voxels.size:
            raise ValueError("the voxels of a volume are 32-bit floats in three dimensions")
        if self.affine.shape != (4, 4):
            raise ValueError("the affine of a volume is a matrix of 4 × 4")

    @property
    def shape(self) -> tuple[int, int, int]:
        """Slices, rows, columns."""
        slices, rows, columns = self.voxels.shape
        return slices, rows, columns

    @property
    def spacing(self) -> tuple[float, float, float]:
        """Millimetres between slices, rows and columns."""
        between = np.linalg.norm(self.affine[:3, :3], axis=0)
        return float(between[0]), float(between[1]), float(between[2])

    @property
    def orientation(self) -> NDArray[np.float64]:
        """Unit vectors of the patient's coordinates, as columns: slices, rows, columns."""
        directions: NDArray[np.float64] = self.affine[:3, :3] / np.array(self.spacing)
        return directions

    @property
    def voxel_ml(self) -> float:
        """What a voxel holds, in millilitres."""
        return float(abs(np.linalg.det(self.affine[:3, :3]))) / 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Wants:
    """Which series a model is for. Empty ``modality`` is any; see `refusal`."""

    modality: tuple[str, ...] = ("CT",)
    min_slices: int = 2
    max_slices: int = 5000

    def refusal(self, modality: str, slices: int) -> str:
        """Why a series is none for it, empty where it is one."""
        if self.modality and modality not in self.modality:
            return f"the modality is {modality or 'not known'}, not {' or '.join(self.modality)}"
        if not self.min_slices <= slices <= self.max_slices:
            return f"it has {slices} slices, and {self.min_slices} to {self.max_slices} are wanted"
        return ""


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
    """Becomes a Segmentation (PS3.3 A.51) of the source images. Segments may overlap."""

    segments: tuple[Segment, ...]
    description: str = "Segmentation"

    def __post_init__(self) -> None:
        labels = [segment.label for segment in self.segments]
        if not labels or len(set(labels)) < len(labels):
            raise ValueError(f"a segmentation has segments of different labels, not {labels}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """A number with its unit; ``derivation`` says what it is of many values, as Mean."""

    name: Code
    value: float
    unit: Code
    derivation: Code | None = None

    def __post_init__(self) -> None:
        if not np.isfinite(self.value):
            raise ValueError(f"the measurement {self.name.meaning!r} is {self.value!r}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A group of measurements (PS3.16 TID 1501), of a segment where ``segment`` is its label.

    ``evaluations`` are pairs of concept and value, such as a grade.
    """

    label: str
    kind: Code
    measurements: tuple[Measurement, ...] = ()
    evaluations: tuple[tuple[Code, Code], ...] = ()
    site: Code | None = None
    segment: str = ""

    def __post_init__(self) -> None:
        if not self.label or not (self.measurements or self.evaluations):
            raise ValueError(f"the finding {self.label!r} has a label and something to say")


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurements:
    """Becomes a measurement report (PS3.16 TID 1500)."""

    findings: tuple[Finding, ...]
    description: str = "Measurements"

    def __post_init__(self) -> None:
        if not self.findings:
            raise ValueError("measurements have at least one finding")


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


Result = Union[Segmentation, Measurements, Picture]  # noqa: UP007 - also for Python 3.10's typing


class Model(ABC):
    """A model: offered by the hook ``ai_models``, or named in the configuration.

    It is pickled to the process that it runs in, or made there by calling its class; so it loads
    its weights in `run`, and imports what is large there. ``name`` and ``version`` are what it is
    called by and what results are signed with.
    """

    name: str = ""
    version: str = ""
    manufacturer: str = ""
    wants: Wants = Wants()

    @abstractmethod
    def run(self, volume: Volume, progress: Progress) -> Sequence[Result]:
        """Results for ``volume``; an empty sequence is refused. Raises anything to fail."""

    def weights(self) -> Sequence[Path]:
        """The files that it loads, whose digest is kept with each run."""
        return ()
