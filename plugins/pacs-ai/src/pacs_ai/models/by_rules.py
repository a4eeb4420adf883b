"""The models themselves: body, lungs, and Hounsfield units within them.

They are reference models: they show the whole way with nothing to download, and are not for
diagnosis.
"""

from __future__ import annotations

from collections.abc import Sequence

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
from pacs_ai.models import terms
from pacs_ai.models.regions import body_mask, lung_masks

__all__ = ["Body", "HounsfieldStatistics", "Lungs"]

_VERSION = "1"
_MAKER = "pacs-framework"
_CT = Wants(modality=("CT",))
_NO_BODY = Nothing(reason="there is no body in this series: nothing of 50 ml is denser than air")
_KINDS = {
    "left": ("Left lung", terms.LEFT_LUNG),
    "right": ("Right lung", terms.RIGHT_LUNG),
    "both": ("Lungs", terms.LUNGS),
}


def _segment(label: str, mask: NDArray[np.bool_], kind: Code) -> Segment:
    return Segment(label=label, mask=mask, category=terms.ANATOMICAL_STRUCTURE, kind=kind)


def _body(volume: Volume) -> Segment:
    return _segment("Body", body_mask(volume), terms.BODY)


def _lungs(volume: Volume, body: Segment) -> list[Segment]:
    found = lung_masks(volume, body.mask)
    return [_segment(_KINDS[side][0], mask, _KINDS[side][1]) for side, mask in found]


class Body(Model):
    """The body without table and air around it, as a segmentation."""

    name, version, manufacturer, wants = "body", _VERSION, _MAKER, _CT

    def run(self, volume: Volume, progress: Progress) -> Sequence[Result] | Nothing:
        """One segment."""
        body = _body(volume)
        progress(1.0)
        if not body.mask.any():
            return _NO_BODY
        return [Segmentation(segments=(body,), description="Body")]


class Lungs(Model):
    """Both lungs as a segmentation, and their volumes as a report."""

    name, version, manufacturer, wants = "lungs", _VERSION, _MAKER, _CT

    def run(self, volume: Volume, progress: Progress) -> Sequence[Result] | Nothing:
        """A segment for each lung."""
        body = _body(volume)
        progress(0.5)
        segments = _lungs(volume, body)
        if not segments:
            return Nothing(reason="there is no lung in this series")
        progress(0.9)
        findings = tuple(
            Finding(
                label=segment.label,
                kind=segment.kind,
                site=segment.kind,
                segment=segment.label,
                measurements=(_volume(volume, segment),),
            )
            for segment in segments
        )
        return [
            Segmentation(segments=tuple(segments), description="Lungs"),
            Measurements(findings=findings, description="Lung volumes"),
        ]


class HounsfieldStatistics(Model):
    """Hounsfield units of the body, and of the lungs where there are some, as a report."""

    name, version, manufacturer, wants = "hu-statistics", _VERSION, _MAKER, _CT

    def run(self, volume: Volume, progress: Progress) -> Sequence[Result] | Nothing:
        """The segmentation that is measured, and mean, deviation, extremes and volume of each."""
        body = _body(volume)
        progress(0.4)
        if not body.mask.any():
            return _NO_BODY
        segments = [body, *_lungs(volume, body)]
        progress(0.8)
        findings = tuple(
            Finding(
                label=segment.label,
                kind=segment.kind,
                segment=segment.label,
                measurements=(*_statistics(volume, segment), _volume(volume, segment)),
            )
            for segment in segments
            if segment.mask.any()
        )
        return [
            Segmentation(segments=tuple(segments), description="Measured regions"),
            Measurements(findings=findings, description="Hounsfield units"),
        ]


def _volume(volume: Volume, segment: Segment) -> Measurement:
    millilitres = float(segment.mask.sum()) * volume.voxel_ml
    return Measurement(name=terms.VOLUME, value=round(millilitres, 3), unit=terms.MILLILITRE)


def _statistics(volume: Volume, segment: Segment) -> list[Measurement]:
    values = volume.voxels[segment.mask]
    found = (
        (terms.MEAN, values.mean(dtype=np.float64)),
        (terms.STANDARD_DEVIATION, values.std(dtype=np.float64)),
        (terms.MINIMUM, values.min()),
        (terms.MAXIMUM, values.max()),
    )
    return [
        Measurement(
            name=terms.ATTENUATION,
            value=round(float(value), 3),
            unit=terms.HOUNSFIELD,
            derivation=derivation,
        )
        for derivation, value in found
    ]
