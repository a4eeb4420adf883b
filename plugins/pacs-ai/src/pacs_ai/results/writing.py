"""All results of a run as instances: segmentations first, because reports refer to them."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence

from pydicom import Dataset

from pacs_ai.api import (
    KeyImages,
    Measurements,
    OnSeries,
    ParametricMap,
    Picture,
    Presentation,
    Result,
    Segmentation,
)
from pacs_ai.errors import RefusedOutput
from pacs_ai.results.key_images import write_key_images
from pacs_ai.results.parametric_map import write_map
from pacs_ai.results.picture import write_picture
from pacs_ai.results.presentation import write_presentation
from pacs_ai.results.report import write_report
from pacs_ai.results.segmentation import write_segmentation
from pacs_ai.results.signature import Signature
from pacs_ai.volumes.loading import LoadedSeries
from pacs_ai.volumes.study import Given

__all__ = ["write_results"]

_SERIES_NUMBER = 9000
"""From here on; what devices make seldom comes so far."""

_SIDED = frozenset({"PR", "OT"})
"""Modalities whose series say which side they are of, unless their frames do (PS3.3 C.7.3.1)."""

_Numbered = tuple[int, Result]


def write_results(results: Sequence[OnSeries], given: Given, signature: Signature) -> list[Dataset]:
    """The instances, those of one series after the other. Raises `RefusedOutput` for what makes
    none.
    """
    with warnings.catch_warnings():
        # Values of the sources that break the standard's rules are copied as they are.
        warnings.simplefilter("ignore")
        try:
            return [
                written
                for place, part in enumerate(given.parts)
                for written in _written(_of_series(results, place), part, signature)
            ]
        except (ValueError, TypeError, AttributeError, KeyError) as error:
            raise RefusedOutput(f"its results make no instance: {error}") from error


def _of_series(results: Sequence[OnSeries], place: int) -> list[_Numbered]:
    return [(number, each.result) for number, each in enumerate(results) if each.series == place]


def _written(
    numbered: Sequence[_Numbered], series: LoadedSeries, signature: Signature
) -> Iterator[Dataset]:
    segmentations = [
        _one(each, series, signature, ()) for each in numbered if isinstance(each[1], Segmentation)
    ]
    others = [each for each in numbered if not isinstance(each[1], Segmentation)]
    others.sort(key=lambda each: isinstance(each[1], Measurements))
    yield from map(_complete, segmentations)
    for each in others:
        yield _complete(_one(each, series, signature, segmentations))


def _complete(written: Dataset) -> Dataset:
    """With what has to be there, if empty, and is not known (type 2, PS3.5 7.4.3)."""
    groups = written.get("SharedFunctionalGroupsSequence") or [Dataset()]
    if written.Modality in _SIDED and "FrameAnatomySequence" not in groups[0]:
        written.setdefault("Laterality", "")
    if "ContentLabel" in written:
        written.setdefault("ContentCreatorName", "")
    return written


def _one(
    numbered: _Numbered,
    series: LoadedSeries,
    signature: Signature,
    segmentations: Sequence[Dataset],
) -> Dataset:
    assert series.loaded is not None
    number, result = numbered
    sources, grid = series.headers, series.loaded.grid
    named = signature, str(number), _SERIES_NUMBER + number
    match result:
        case Segmentation():
            return write_segmentation(result, sources, grid, *named)
        case ParametricMap():
            return write_map(result, sources, grid, *named)
        case Presentation():
            return write_presentation(result, sources, grid, *named)
        case KeyImages():
            return write_key_images(result, sources, grid, *named)
        case Picture():
            return write_picture(result, sources, *named)
        case Measurements():
            return write_report(result, sources, segmentations, *named)
