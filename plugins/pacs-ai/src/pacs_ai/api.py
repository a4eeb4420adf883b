"""What a model imports: what it wants, what it is given, what it yields.

Nothing here needs more than NumPy and Python 3.10, because a model may run in an environment of its
own, where neither the archive nor pydicom is installed.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pacs_ai.marks import Mark
from pacs_ai.words import Code, Finding, Measurement
from pacs_ai.yields import (
    OF_INTEREST,
    KeyImages,
    Measurements,
    Nothing,
    ParametricMap,
    Picture,
    Presentation,
    Result,
    Segment,
    Segmentation,
)

__all__ = [
    "OF_INTEREST",
    "Code",
    "Finding",
    "KeyImages",
    "Mark",
    "Measurement",
    "Measurements",
    "Model",
    "Nothing",
    "OnSeries",
    "ParametricMap",
    "Picture",
    "Presentation",
    "Progress",
    "Result",
    "Segment",
    "Segmentation",
    "Series",
    "Study",
    "StudyModel",
    "Volume",
    "Wants",
]

Progress = Callable[[float], None]
"""Takes how much is done, from 0 to 1."""


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
    """Which series a model is for. Empty ``modality`` is any; ``when`` is a condition on an
    instance of the series, such as ``SliceThickness <= 3``. See `refusal`.
    """

    modality: tuple[str, ...] = ("CT",)
    min_slices: int = 2
    max_slices: int = 5000
    when: str = ""

    def refusal(self, modality: str, slices: int) -> str:
        """Why a series is none for it, empty where it is one; ``when`` is asked elsewhere."""
        if self.modality and modality not in self.modality:
            return f"the modality is {modality or 'not known'}, not {' or '.join(self.modality)}"
        if not self.min_slices <= slices <= self.max_slices:
            return f"it has {slices} slices, and {self.min_slices} to {self.max_slices} are wanted"
        return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """One series of a study: its volume, and how it is told from the others.

    Volumes of one ``frame_of_reference_uid`` lie in the same coordinates. ``number`` is 0 where the
    series has none.
    """

    volume: Volume
    uid: str = ""
    number: int = 0
    description: str = ""
    frame_of_reference_uid: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Study:
    """The series of a study that a model wants and that are volumes, by their numbers."""

    series: tuple[Series, ...]

    def __post_init__(self) -> None:
        if not self.series:
            raise ValueError("a study has at least one series")


@dataclass(frozen=True, slots=True, kw_only=True)
class OnSeries:
    """A result, and the series of the study that it is of: its place in `Study.series`."""

    series: int
    result: Result


class _Named:
    """What all models have: see `Model`."""

    name: str = ""
    version: str = ""
    manufacturer: str = ""
    wants: Wants = Wants()
    gpu: bool = False

    def prepare(self) -> None:
        """Import what is large, or load what is small, before there is a volume.

        Called once in a process that all runs are forked from: what it leaves in ``self`` each of
        them finds, and no run sees what another one changed. So it begins no threads, and nothing
        that does not bear a fork, as a session on a GPU; that belongs into `run`.
        """

    def weights(self) -> Sequence[Path]:
        """The files that it loads, whose digest is kept with each run."""
        return ()


class Model(_Named, ABC):
    """A model: offered by the hook ``ai_models``, or named in the configuration.

    It is pickled to the process that it runs in, or made there by calling its class; so it loads
    its weights in `run`, and imports what is large there or in `prepare`. ``name`` and ``version``
    are what it is called by and what results are signed with. With ``gpu`` it runs on a GPU, which
    is the only one that it sees, and not without one.
    """

    @abstractmethod
    def run(self, volume: Volume, progress: Progress) -> Sequence[Result] | Nothing:
        """Results for ``volume``, or `Nothing` where there is nothing to say of it: an empty
        sequence is refused, for it may be a mistake. Raises anything to fail.
        """


class StudyModel(_Named, ABC):
    """A model that gets all series of a study in one run, those that ``wants`` is for; else as
    `Model`.
    """

    @abstractmethod
    def run(self, study: Study, progress: Progress) -> Sequence[OnSeries] | Nothing:
        """Results for ``study``, each of one of its series, or `Nothing` as of a `Model`. Raises
        anything to fail.
        """
