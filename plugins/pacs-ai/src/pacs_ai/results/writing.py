"""All results of a run as instances: segmentations first, because reports refer to them."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

from pydicom import Dataset

from pacs_ai.api import Measurements, Picture, Result, Segmentation
from pacs_ai.errors import RefusedOutput
from pacs_ai.results.picture import write_picture
from pacs_ai.results.report import write_report
from pacs_ai.results.segmentation import write_segmentation
from pacs_ai.results.signature import Signature
from pacs_ai.volumes.loading import LoadedSeries

__all__ = ["write_results"]

_SERIES_NUMBER = 9000
"""From here on; what devices make seldom comes so far."""


def write_results(
    results: Sequence[Result], series: LoadedSeries, signature: Signature
) -> list[Dataset]:
    """The instances. Raises `RefusedOutput` for what makes none."""
    with warnings.catch_warnings():
        # Values of the sources that break the standard's rules are copied as they are.
        warnings.simplefilter("ignore")
        try:
            return list(_written(results, series, signature))
        except (ValueError, TypeError, AttributeError, KeyError) as error:
            raise RefusedOutput(f"its results make no instance: {error}") from error


def _written(
    results: Sequence[Result], series: LoadedSeries, signature: Signature
) -> Sequence[Dataset]:
    assert series.loaded is not None
    sources, grid = series.headers, series.loaded.grid
    segmentations: list[Dataset] = []
    others: list[Dataset] = []
    for number, result in enumerate(results):
        what, series_number = str(number), _SERIES_NUMBER + number
        if isinstance(result, Segmentation):
            segmentations.append(
                write_segmentation(result, sources, grid, signature, what, series_number)
            )
        elif isinstance(result, Picture):
            others.append(write_picture(result, sources, signature, what, series_number))
    for number, result in enumerate(results):
        if isinstance(result, Measurements):
            what, series_number = str(number), _SERIES_NUMBER + number
            others.append(
                write_report(result, sources, segmentations, signature, what, series_number)
            )
    return [*segmentations, *others]
