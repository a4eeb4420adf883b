"""A volume and results as files in a folder, for a model in another process and its answers.

Arrays are ``.npy`` files, which every NumPy reads; all else is JSON. What comes back was written by
a model, so nothing of it is unpickled, and what does not fit raises `BadResults`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from pacs_ai.api import (
    KeyImages,
    Measurements,
    Nothing,
    OnSeries,
    ParametricMap,
    Presentation,
    Result,
    Segmentation,
    Series,
    Study,
    Volume,
)
from pacs_ai.result_rows import NOTHING, Row, result_of, row_of

__all__ = [
    "STUDY",
    "VOLUME",
    "VOXELS",
    "BadResults",
    "read_given",
    "read_results",
    "read_study_results",
    "read_volume",
    "series_folder",
    "write_results",
    "write_study",
    "write_volume",
]

VOXELS = "voxels.npy"
"""The file of the voxels."""

VOLUME = "volume.json"
"""The file of what else is known of a volume."""

STUDY = "study"
"""The folder of the series of a study."""

_SERIES, _PLACE = "series.json", "series"
_RESULTS = "results.json"
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
    (folder / VOLUME).write_text(json.dumps(facts), "utf-8")


def read_volume(folder: Path) -> Volume:
    """The volume in ``folder``; its voxels may be written to, and the file stays as it is."""
    facts = json.loads((folder / VOLUME).read_text("utf-8"))
    return Volume(
        voxels=np.load(folder / VOXELS, mmap_mode="c", allow_pickle=False),
        affine=np.array(facts["affine"], np.float64),
        modality=facts["modality"],
        unit=facts["unit"],
    )


def series_folder(folder: Path, place: int) -> Path:
    """Where the volume of a series of a study lies, for a run in ``folder``."""
    return folder / STUDY / str(place)


def write_study(folder: Path, study: Study) -> None:
    """Put ``study`` into ``folder``, but for voxels that are in their files there already."""
    facts = []
    for place, each in enumerate(study.series):
        within = series_folder(folder, place)
        within.mkdir(parents=True, exist_ok=True)
        write_volume(within, each.volume)
        facts.append({name: getattr(each, name) for name in _FACTS})
    (folder / STUDY / _SERIES).write_text(json.dumps(facts), "utf-8")


_FACTS = ("uid", "number", "description", "frame_of_reference_uid")


def read_given(folder: Path) -> Volume | Study:
    """What a run in ``folder`` is about; see `read_volume`."""
    listed = folder / STUDY / _SERIES
    if not listed.exists():
        return read_volume(folder)
    facts = json.loads(listed.read_text("utf-8"))
    return Study(
        series=tuple(
            Series(volume=read_volume(series_folder(folder, place)), **each)
            for place, each in enumerate(facts)
        )
    )


def write_results(folder: Path, results: Sequence[Result | OnSeries | Nothing]) -> None:
    """Put ``results`` into ``folder``; the list is there when all of them are."""
    rows = []
    for number, each in enumerate(results):
        if isinstance(each, OnSeries):
            rows.append({**row_of(each.result, folder, number), _PLACE: each.series})
        else:
            rows.append(row_of(each, folder, number))
    unfinished = folder / (_RESULTS + ".part")
    unfinished.write_text(json.dumps(rows, default=_plain), "utf-8")
    unfinished.rename(folder / _RESULTS)


def _plain(number: object) -> object:
    """A number of NumPy as one of Python."""
    if isinstance(number, np.generic):
        return number.item()
    raise TypeError(f"{number!r} is no number, text, or list of them")


def read_results(folder: Path, shape: _Shape) -> list[Result] | Nothing:
    """What a model left in ``folder`` of a volume of ``shape``. Raises `BadResults`."""
    found = read_study_results(folder, [shape])
    return found if isinstance(found, Nothing) else [each.result for each in found]


def read_study_results(folder: Path, shapes: Sequence[_Shape]) -> list[OnSeries] | Nothing:
    """What a model left in ``folder`` of a study whose volumes have these ``shapes``.

    Raises `BadResults`.
    """
    try:
        rows = json.loads(_text(folder / _RESULTS))
        if any(row["is"] == NOTHING for row in rows):
            return _nothing(rows)
        results = list(_placed(rows, folder, len(shapes)))
    except BadResults:
        raise
    except _UNREADABLE as error:
        raise BadResults(f"its results cannot be read: {error or type(error).__name__}") from error
    if not results:
        raise BadResults(
            "it yielded no results; a model that found nothing says so by Nothing(reason=…)"
        )
    for each in results:
        _check_shape(each.result, shapes[each.series])
        _check_places(each.result, shapes[each.series])
    for place in range(len(shapes)):
        _check_segments([each.result for each in results if each.series == place])
    return results


def _nothing(rows: Sequence[Row]) -> Nothing:
    if len(rows) > 1:
        raise BadResults(f"it says that it found nothing, and yields {len(rows) - 1} more results")
    return Nothing(reason=str(rows[0]["reason"]))


def _placed(rows: Sequence[Row], folder: Path, count: int) -> Iterator[OnSeries]:
    for row in rows:
        place = row.get(_PLACE, 0 if count == 1 else None)
        if place is None:
            raise BadResults("a result does not say which series it is of; yield it as OnSeries")
        if type(place) is not int or not 0 <= place < count:
            raise BadResults(f"there is no series {place!r}: the study has {count}")
        yield OnSeries(series=place, result=result_of(row, folder))


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
