"""A model that does next to nothing, so that a run of it is what the framework takes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

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
)

_BODY = Code(value="38266002", scheme="SCT", meaning="Entire body as a whole")
_STRUCTURE = Code(value="123037004", scheme="SCT", meaning="Anatomical Structure")
_VOLUME = Code(value="118565006", scheme="SCT", meaning="Volume")
_MILLILITRE = Code(value="ml", scheme="UCUM", meaning="ml")


class Still(Model):
    """Yields a box, and how large it is; it looks at no voxel."""

    name, version = "still", "1"

    def run(self, volume: Volume, progress: Progress) -> Sequence[Result]:
        """A segmentation and a measurement."""
        mask = np.zeros(volume.shape, bool)
        mask[:, 100:300, 150:350] = True
        progress(1.0)
        size = Measurement(
            name=_VOLUME, value=mask.shape[0] * 40_000 * volume.voxel_ml, unit=_MILLILITRE
        )
        box = Segment(label="box", mask=mask, category=_STRUCTURE, kind=_BODY)
        finding = Finding(label="box", kind=_BODY, segment="box", measurements=(size,))
        return [Segmentation(segments=(box,)), Measurements(findings=(finding,))]
