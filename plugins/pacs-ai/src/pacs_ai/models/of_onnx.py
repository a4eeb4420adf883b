"""Networks in ONNX files, without any code: what goes in and what comes out is configured."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pacs_ai.api import (
    Code,
    Finding,
    Measurement,
    Measurements,
    Model,
    Progress,
    Result,
    Segment,
    Segmentation,
    Volume,
    Wants,
)

__all__ = ["OnnxClass", "OnnxModel"]

_CATEGORY = Code(value="123037004", scheme="SCT", meaning="Anatomical Structure")
_RATIO = Code(value="1", scheme="UCUM", meaning="no units")
_FINDING = Code(value="121071", scheme="DCM", meaning="Finding")
_MEAN = Code(value="373098007", scheme="SCT", meaning="Mean")
_MAXIMUM = Code(value="56851009", scheme="SCT", meaning="Maximum")
_SLICES, _WHOLE = 4, 5  # dimensions of the input


@dataclass(frozen=True, slots=True, kw_only=True)
class OnnxClass:
    """One output channel, with what it stands for; None is the background."""

    code: Code | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OnnxModel(Model):
    """A network on ONNX Runtime, on the CPU.

    Voxels between the two of ``window`` become 0 to 1. A network with four dimensions gets
    (1, 1, rows, columns) slice by slice, one with five (1, 1, slices, rows, columns). An answer of
    (1, classes) is a classification, one of the shape of its input with a channel for each of
    ``classes`` a segmentation. Scores that are no probabilities go through the softmax function.
    """

    name: str
    version: str
    file: Path
    classes: tuple[OnnxClass, ...]
    window: tuple[float, float]
    wants: Wants
    threads: int = 1
    manufacturer: str = ""

    def weights(self) -> Sequence[Path]:
        """Its file."""
        return (self.file,)

    def run(self, volume: Volume, progress: Progress) -> Sequence[Result]:
        """A segmentation, or a report with the probability of each class.

        Raises ValueError for a network that takes or gives something else.
        """
        session = _session(self.file, self.threads)
        taken = session.get_inputs()
        if len(taken) != 1 or len(taken[0].shape) not in (_SLICES, _WHOLE):
            raise ValueError("a network has one input of four or five dimensions")
        low, high = self.window
        scaled = np.clip((volume.voxels - low) / (high - low), 0.0, 1.0).astype(np.float32)
        whole = len(taken[0].shape) == _WHOLE
        answers = []
        for number, block in enumerate(_blocks(scaled, whole=whole), 1):
            answers.append(self._answer(session, taken[0].name, block))
            progress(1.0 if whole else number / len(scaled))
        if answers[0].ndim == 1:
            return [self._classified(np.stack(answers))]
        return [self._segmented(answers[0] if whole else np.stack(answers, axis=1))]

    def _answer(self, session: Any, name: str, block: NDArray[np.float32]) -> NDArray[np.float64]:
        """Probabilities: (classes,) or (classes, …) as ``block`` has it."""
        answer = np.asarray(session.run(None, {name: block})[0], np.float64)
        wanted = (1, len(self.classes))
        if answer.shape[:2] != wanted or answer.shape[2:] not in ((), block.shape[2:]):
            raise ValueError(
                f"the network answers {answer.shape} to {block.shape}; {wanted} is a "
                f"classification and {wanted + block.shape[2:]} a segmentation"
            )
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

    def _segmented(self, answer: NDArray[np.float64]) -> Segmentation:
        best = answer.argmax(axis=0)
        segments = tuple(
            Segment(
                label=each.code.meaning, mask=best == number, category=_CATEGORY, kind=each.code
            )
            for number, each in enumerate(self.classes)
            if each.code is not None
        )
        return Segmentation(segments=segments)


def _session(file: Path, threads: int) -> Any:
    import onnxruntime  # type: ignore[import-untyped]  # noqa: PLC0415 - an extra, and only in the process of the model

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    return onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])


def _blocks(voxels: NDArray[np.float32], *, whole: bool) -> Iterator[NDArray[np.float32]]:
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
