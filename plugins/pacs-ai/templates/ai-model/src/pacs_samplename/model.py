"""The model: it runs in a process of its own, which this module is imported in anew."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
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

__all__ = ["Bone"]

# Codes that viewers know: PS3.16 CID 7150 and 7151 for segments, UCUM for units.
_STRUCTURE = Code(value="123037004", scheme="SCT", meaning="Anatomical Structure")
_BONE = Code(value="272673000", scheme="SCT", meaning="Bone")
_VOLUME = Code(value="118565006", scheme="SCT", meaning="Volume")
_MILLILITRE = Code(value="mL", scheme="UCUM", meaning="milliliter")

_DENSE_HU = 300.0


class Bone(Model):
    """Whatever is as dense as bone. Not for diagnosis."""

    name = "samplename"
    version = "0.1.0"  # results are signed with it: raise it with each change of what they say
    manufacturer = ""
    wants = Wants(modality=("CT",), min_slices=2)

    def weights(self) -> Sequence[Path]:
        """The files that `run` loads; their digest is kept with each run. This one has none."""
        return ()

    def run(self, volume: Volume, progress: Progress) -> Sequence[Result] | Nothing:
        """One segment, and how large it is.

        Load weights here and import what is large here: the archive makes objects of this class
        only to know what they are called.
        """
        mask = volume.voxels > _DENSE_HU  # Hounsfield units, (slice, row, column)
        progress(0.5)
        if not mask.any():
            return Nothing(reason="nothing in this series is as dense as bone")
        millilitres = round(int(np.count_nonzero(mask)) * volume.voxel_ml, 3)
        size = Measurement(name=_VOLUME, value=millilitres, unit=_MILLILITRE)
        segment = Segment(label="Bone", mask=mask, category=_STRUCTURE, kind=_BONE)
        finding = Finding(label="Bone", kind=_BONE, segment="Bone", measurements=(size,))
        progress(1.0)
        return [
            Segmentation(segments=(segment,), description="Bone"),
            Measurements(findings=(finding,), description="Volume of bone"),
        ]
