"""A volume and results as files in a folder, for a model in another process and its answers.

Arrays are ``.npy`` files, which every NumPy reads; all else is JSON. What comes back was written by
a model, so nothing of it is unpickled, and what does not fit raises `BadResults`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pacs_ai.api import (
    KeyImages,
    Measurements,
    ParametricMap,
    Presentation,
    Result,
    Segmentation,
    Volume,
)
from pacs_ai.result_rows import result_of, row_of

__all__ = ["VOXELS", "BadResults", "read_results", "read_volume", "write_results", "write_volume"]

VOXELS = "voxels.npy"
"""The file of the voxels."""

_VOLUME, _RESULTS = "volume.json", "results.json"
_MOST_JSON = 16 << 20

_Shape = tuple[int, int, int]
_UNREADABLE = (
    *(OSError, ValueError, TypeError, KeyError, AttributeError),
    *(EOFError, OverflowError, RecursionError),
)


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
    rows = [row_of(result, folder, number) for number, result in enumerate(results)]
    unfinished = folder / (_RESULTS + ".part")
    unfinished.write_text(json.dumps(rows, default=_plain), "utf-8")
    unfinished.rename(folder / _RESULTS)


def _plain(number: object) -> object:
    """A number of NumPy as one of Python."""
    if isinstance(number, np.generic):
        return number.item()
    raise TypeError(f"{number!r} is no number, text, or list of them")


def read_results(folder: Path, shape: tuple[int, int, int]) -> list[Result]:
    """What a model left in ``folder`` of a volume of ``shape``. Raises `BadResults`."""
    try:
        results = [result_of(row, folder) for row in json.loads(_text(folder / _RESULTS))]
    except _UNREADABLE as error:
        raise BadResults(f"its results cannot be read: {error or type(error).__name__}") from error
    if not results:
        raise BadResults("it yielded nothing")
    for result in results:
        _check_shape(result, shape)
        _check_places(result, shape)
    _check_segments(results)
    return results


def _text(path: Path) -> str:
    if not path.is_file():
        raise BadResults("it ended without results")
    if path.stat().st_size > _MOST_JSON:
        raise BadResults(f"{path.name} has more than {_MOST_JSON} bytes")
    return path.read_text("utf-8")


def _check_shape(result: Result, shape: _Shape) -> None:
    """Arrays are of the volume's geometry."""
    if isinstance(result, ParametricMap):
        arrays = {f"the map {result.description!r}": result.values.shape}
    elif isinstance(result, Segmentation):
        arrays = {f"segment {each.label!r}": each.mask.shape for each in result.segments}
    else:
        return
    for name, found in arrays.items():
        if found != shape:
            raise BadResults(f"{name} has the geometry {found}, and the volume {shape}")


def _check_places(result: Result, shape: _Shape) -> None:
    """Slices are there, and points lie on them."""
    slices, rows, columns = shape
    marks = result.marks if isinstance(result, Presentation) else ()
    named = result.slices if isinstance(result, KeyImages) else tuple(each.slice for each in marks)
    for number in named:
        if not 0 <= number < slices:
            raise BadResults(f"there is no slice {number}: the volume has {slices}")
    for mark in marks:
        for down, across in mark.points:
            # The edges of a slice are half a voxel beyond the centres of its outermost ones.
            if not (-0.5 <= down <= rows - 0.5 and -0.5 <= across <= columns - 0.5):
                raise BadResults(f"a mark at {down:g}, {across:g} is beyond {rows} × {columns}")


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
