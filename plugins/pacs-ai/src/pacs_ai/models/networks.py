"""Networks without any code: what goes in and what comes out is configured, whoever runs them."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from pacs_ai.api import (
    Code,
    Finding,
    Measurement,
    Measurements,
    Model,
    Nothing,
    Progress,
    Result,
    Segment,
    Segmentation,
    Volume,
    Wants,
)

__all__ = ["Asked", "Network", "NetworkClass", "segmented"]

_CATEGORY = Code(value="123037004", scheme="SCT", meaning="Anatomical Structure")
_RATIO = Code(value="1", scheme="UCUM", meaning="no units")
_FINDING = Code(value="121071", scheme="DCM", meaning="Finding")
_MEAN = Code(value="373098007", scheme="SCT", meaning="Mean")
_MAXIMUM = Code(value="56851009", scheme="SCT", meaning="Maximum")
_SLICES, _WHOLE = 4, 5  # dimensions of the input


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkClass:
    """One output channel, with what it stands for; None is the background."""

    code: Code | None


class Asked(Protocol):
    """A network that is loaded: the number of dimensions and the type of what it takes."""

    @property
    def dimensions(self) -> int:
        """Of its one input."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of its one input."""

    def answer(self, block: NDArray[Any]) -> NDArray[Any]:
        """Its first output to ``block``. Raises anything to fail."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Network(Model):
    """A network, of which ``opened`` says who runs it.

    Voxels between the two of ``window`` become 0 to 1; for a network that takes whole numbers they
    stay as they are, but for what lies outside. A network with four dimensions gets (1, 1, rows,
    columns) slice by slice, one with five (1, 1, slices, rows, columns). An answer of (1, classes)
    is a classification, one of the shape of its input with a channel for each of ``classes`` a
    segmentation. Scores that are no probabilities go through the softmax function.
    """

    name: str
    version: str
    classes: tuple[NetworkClass, ...]
    window: tuple[float, float]
    wants: Wants
    manufacturer: str = ""

    @abstractmethod
    def opened(self) -> AbstractContextManager[Asked]:
        """The network, for one run. Raises ValueError for one that is not like that."""

    def run(self, volume: Volume, progress: Progress) -> Sequence[Result] | Nothing:
        """As `segmented`, or a report with the probability of each class.

        Raises ValueError for a network that takes or gives something else.
        """
        with self.opened() as asked:
            if asked.dimensions not in (_SLICES, _WHOLE):
                raise ValueError("a network has one input of four or five dimensions")
            whole = asked.dimensions == _WHOLE
            scaled = scaled_to(volume.voxels, self.window, asked.dtype)
            answers = []
            for number, block in enumerate(_blocks(scaled, whole=whole), 1):
                answers.append(self._answer(asked, block))
                progress(1.0 if whole else number / len(scaled))
        if answers[0].ndim == 1:
            return [self._classified(np.stack(answers))]
        found = answers[0] if whole else np.stack(answers, axis=1)
        return segmented(found.argmax(axis=0), self.classes)

    def _answer(self, asked: Asked, block: NDArray[Any]) -> NDArray[np.float64]:
        """Probabilities: (classes,) or (classes, …) as ``block`` has it."""
        answer = np.asarray(asked.answer(block), np.float64)
        wanted = (1, len(self.classes))
        if answer.shape[:2] != wanted or answer.shape[2:] not in ((), block.shape[2:]):
            raise ValueError(
                f"the network answers {answer.shape} to {block.shape}; {wanted} is a "
                f"classification and {wanted + block.shape[2:]} a segmentation"
            )
        if not np.isfinite(answer).all():
            raise ValueError("the network answers what is no number")
        return _probabilities(answer[0])

    def _classified(self, answers: NDArray[np.float64]) -> Measurements:
        found = [
            Measurement(name=each.code, value=round(float(value), 6), unit=_RATIO, derivation=how)
            for number, each in enumerate(self.classes)
            if each.code is not None
            for how, value in (
                (_MEAN, answers[:, number].mean()),
                (_MAXIMUM, answers[:, number].max()),
            )
        ]
        finding = Finding(label=self.name, kind=_FINDING, measurements=tuple(found))
        return Measurements(findings=(finding,), description="Classification")


def segmented(
    labels: NDArray[Any], classes: Sequence[NetworkClass]
) -> list[Segmentation] | Nothing:
    """A segment for each class, from the number of the class of each voxel; `Nothing` where all are
    background.
    """
    segments = tuple(
        Segment(label=each.code.meaning, mask=labels == number, category=_CATEGORY, kind=each.code)
        for number, each in enumerate(classes)
        if each.code is not None
    )
    if not any(segment.mask.any() for segment in segments):
        return Nothing(reason="every voxel is background")
    return [Segmentation(segments=segments)]


def scaled_to(
    voxels: NDArray[np.float32], window: tuple[float, float], dtype: np.dtype[Any]
) -> NDArray[Any]:
    """What a network of ``dtype`` is given. Raises ValueError for a window that it cannot hold."""
    low, high = window
    if dtype.kind == "f":
        shares: NDArray[Any] = np.clip((voxels - low) / (high - low), 0.0, 1.0).astype(dtype)
        return shares
    if dtype.kind not in "iu":
        raise ValueError(f"the network takes {dtype}, which is no number")
    held = np.iinfo(dtype)
    if low < held.min or high > held.max:
        raise ValueError(f"the network takes {dtype}, which does not hold the window {window}")
    return np.rint(np.clip(voxels, low, high)).astype(dtype)


def _blocks(voxels: NDArray[Any], *, whole: bool) -> Iterator[NDArray[Any]]:
    if whole:
        yield voxels[None, None]
        return
    for slice_ in voxels:
        yield slice_[None, None]


def _probabilities(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    sums = scores.sum(axis=0)
    if scores.min() >= 0 and np.allclose(sums, 1.0, atol=1e-3):
        return scores
    raised = np.exp(scores - scores.max(axis=0))
    shares: NDArray[np.float64] = raised / raised.sum(axis=0)
    return shares
