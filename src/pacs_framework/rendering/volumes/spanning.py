"""What of a volume is of interest where nobody says so: a window for views through all of it.

The window of an image is for its plane. Through a whole patient, nearly every ray meets something
that is brighter than that of soft tissue, and the view would be white.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from pacs_framework.rendering.samples import Array
from pacs_framework.rendering.voi import Span
from pacs_framework.rendering.volumes.projecting import RenderingMethod
from pacs_framework.rendering.volumes.volume import Volume

__all__ = ["usual_span"]

_LOOKED_AT = 1 << 22  # voxels, evenly spread: what they say is true enough, and said at once
_LOWEST, _HIGHEST = 0.5, 99.5  # percentiles: a few voxels of metal or noise take no grey away


def usual_span(volume: Volume, method: RenderingMethod) -> Span:
    """The values from black to white for a view through ``volume``, the same from each side.

    They are those that a projection along the slices has, but for its outliers. What is brightest
    (`RenderingMethod.MAXIMUM_IP`, and what is dense of `RenderingMethod.VOLUME_RENDERED`) stands
    out from what is around it, so black is the mean of all voxels there.
    """
    voxels = np.stack(list(_some_slices(volume)))
    match method:
        case RenderingMethod.MINIMUM_IP:
            low, high = _ends(voxels.min(axis=0))
        case RenderingMethod.AVERAGE_IP:
            low, high = _ends(voxels.mean(axis=0))
        case _:
            low, high = float(voxels.mean()), _ends(voxels.max(axis=0))[1]
    return Span(low, high) if low < high else Span(*volume.extremes())


def _some_slices(volume: Volume) -> Iterator[Array]:
    """Every so many slices, rows and columns, as what they measure."""
    step = max(math.ceil((volume.voxels.size / _LOOKED_AT) ** (1 / 3)), 1)
    for number in range(0, len(volume.voxels), step):
        values = volume.voxels[number, ::step, ::step].astype(np.float32)
        yield values * volume.slopes[number] + volume.intercepts[number]


def _ends(values: Array) -> tuple[float, float]:
    low, high = np.percentile(values, (_LOWEST, _HIGHEST))
    return float(low), float(high)
