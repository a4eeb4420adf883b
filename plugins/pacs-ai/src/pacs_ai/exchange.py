"""A volume and results as files in a folder, for a model in another process and its answers.

Arrays are ``.npy`` files, which every NumPy reads; all else is JSON. What comes back was written by
a model, so nothing of it is unpickled, and what does not fit raises `BadResults`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pacs_ai.api import (
    Code,
    Finding,
    Measurement,
    Measurements,
    Picture,
    Result,
    Segment,
    Segmentation,
    Volume,
)

__all__ = ["VOXELS", "BadResults", "read_results", "read_volume", "write_results", "write_volume"]

VOXELS = "voxels.npy"
"""The file of the voxels."""

_VOLUME, _RESULTS = "volume.json", "results.json"
_MOST_JSON = 16 << 20


class BadResults(ValueError):
    """What a model left is no set of results. The message says why."""


def write_volume(folder: Path, volume: Volume) -> None:
    """Put ``volume`` into ``folder``, but for voxels that are in their file there already."""
    if not isinstance(volume.voxels, np.memmap):
        np.save(folder / VOXELS, volume.voxels)
    facts = {
        "affine": volume.affine.tolist(),
        "modality": volume.modality,
        "unit": volume.unit,
    }
    (folder / _VOLUME).write_text(json.dumps(facts), "utf-8")


def read_volume(folder: Path) -> Volume:
    """The volume in ``folder``; its voxels may be written to, and the file stays as it is."""
    facts = json.loads((folder / _VOLUME).read_text("utf-8"))
    return Volume(
        voxels=np.load(folder / VOXELS, mmap_mode="c", allow_pickle=False),
        affine=np.array(facts["affine"], np.float64),
        modality=facts["modality"],
        unit=facts["unit"],
    )


def write_results(folder: Path, results: Sequence[Result]) -> None:
    """Put ``results`` into ``folder``; the list is there when all of them are."""
    rows = []
    for number, result in enumerate(results):
        if isinstance(result, Segmentation):
            row = _write_segmentation(folder, number, result)
        elif isinstance(result, Picture):
            name = f"{number}.npy"
            np.save(folder / name, result.pixels)
            row = {"is": "picture", "pixels": name, "description": result.description}
        elif isinstance(result, Measurements):
            row = {"is": "measurements", **asdict(result)}
        else:
            raise TypeError(f"a model yielded {type(result).__name__}, which is no result")
        rows.append(row)
    unfinished = folder / (_RESULTS + ".part")
    unfinished.write_text(json.dumps(rows), "utf-8")
    unfinished.rename(folder / _RESULTS)


def _write_segmentation(folder: Path, number: int, result: Segmentation) -> dict[str, Any]:
    segments = []
    for place, segment in enumerate(result.segments):
        name = f"{number}-{place}.npy"
        np.save(folder / name, segment.mask)
        codes = {"category": asdict(segment.category), "kind": asdict(segment.kind)}
        segments.append({"label": segment.label, "mask": name, **codes})
    return {"is": "segmentation", "segments": segments, "description": result.description}


def read_results(folder: Path, shape: tuple[int, int, int]) -> list[Result]:
    """What a model left in ``folder`` of a volume of ``shape``. Raises `BadResults`."""
    try:
        rows = json.loads(_text(folder / _RESULTS))
        results = [_READERS[row["is"]](folder, row) for row in rows]
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise BadResults(f"its results cannot be read: {error or type(error).__name__}") from error
    if not results:
        raise BadResults("it yielded nothing")
    for result in results:
        _check_shape(result, shape)
    _check_segments(results)
    return results


def _text(path: Path) -> str:
    if not path.is_file():
        raise BadResults("it ended without results")
    if path.stat().st_size > _MOST_JSON:
        raise BadResults(f"{path.name} has more than {_MOST_JSON} bytes")
    return path.read_text("utf-8")


def _array(folder: Path, name: str) -> NDArray[Any]:
    if os.sep in name or not (folder / name).is_file() or (folder / name).is_symlink():
        raise BadResults(f"{name!r} is no file beside its results")
    loaded: NDArray[Any] = np.load(folder / name, mmap_mode="r", allow_pickle=False)
    return loaded


def _code(row: dict[str, str]) -> Code:
    return Code(value=str(row["value"]), scheme=str(row["scheme"]), meaning=str(row["meaning"]))


def _optional_code(row: dict[str, str] | None) -> Code | None:
    return None if row is None else _code(row)


def _read_segmentation(folder: Path, row: dict[str, Any]) -> Segmentation:
    segments = tuple(
        Segment(
            label=str(each["label"]),
            mask=_array(folder, each["mask"]),
            category=_code(each["category"]),
            kind=_code(each["kind"]),
        )
        for each in row["segments"]
    )
    return Segmentation(segments=segments, description=str(row["description"]))


def _read_measurement(row: dict[str, Any]) -> Measurement:
    return Measurement(
        name=_code(row["name"]),
        value=float(row["value"]),
        unit=_code(row["unit"]),
        derivation=_optional_code(row["derivation"]),
    )


def _read_finding(row: dict[str, Any]) -> Finding:
    return Finding(
        label=str(row["label"]),
        kind=_code(row["kind"]),
        measurements=tuple(map(_read_measurement, row["measurements"])),
        evaluations=tuple((_code(name), _code(value)) for name, value in row["evaluations"]),
        site=_optional_code(row["site"]),
        segment=str(row["segment"]),
    )


def _read_measurements(_folder: Path, row: dict[str, Any]) -> Measurements:
    findings = tuple(map(_read_finding, row["findings"]))
    return Measurements(findings=findings, description=str(row["description"]))


def _read_picture(folder: Path, row: dict[str, Any]) -> Picture:
    pixels = np.array(_array(folder, row["pixels"]))
    return Picture(pixels=pixels, description=str(row["description"]))


_READERS: dict[str, Callable[[Path, dict[str, Any]], Result]] = {
    "segmentation": _read_segmentation,
    "measurements": _read_measurements,
    "picture": _read_picture,
}


def _check_shape(result: Result, shape: tuple[int, int, int]) -> None:
    if not isinstance(result, Segmentation):
        return
    for segment in result.segments:
        if segment.mask.shape != shape:
            raise BadResults(
                f"segment {segment.label!r} has the geometry {segment.mask.shape}, and the volume "
                f"{shape}"
            )


def _check_segments(results: Sequence[Result]) -> None:
    """A finding may only be about a segment that is there, once."""
    labels = [
        segment.label
        for result in results
        if isinstance(result, Segmentation)
        for segment in result.segments
    ]
    for result in results:
        for finding in result.findings if isinstance(result, Measurements) else ():
            if finding.segment and labels.count(finding.segment) != 1:
                raise BadResults(
                    f"the finding {finding.label!r} is about segment {finding.segment!r}, of which "
                    f"there are {labels.count(finding.segment)}"
                )
