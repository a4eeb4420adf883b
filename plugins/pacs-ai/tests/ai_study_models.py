"""Models of whole studies; they import nothing but `pacs_ai.api`."""

import sys

import numpy as np

from pacs_ai.api import (
    Code,
    Finding,
    Measurement,
    Measurements,
    Model,
    Nothing,
    OnSeries,
    Segment,
    Segmentation,
    StudyModel,
    Wants,
)

THING = Code(value="T1", scheme="99TEST", meaning="Thing")
NONE = Code(value="1", scheme="UCUM", meaning="no units")


def _bone(volume):
    mask = volume.voxels > 300
    return Segmentation(segments=(Segment(label="bone", mask=mask, category=THING, kind=THING),))


class Grows(StudyModel):
    """Bone in each series, and in the last one a report of how much more it is than in the first.

    Both segmentations have a segment of one label, and the report is about the one of its series.
    """

    name, version = "grows", "1"

    def run(self, study, progress):
        found = [OnSeries(series=n, result=_bone(s.volume)) for n, s in enumerate(study.series)]
        counts = [int(np.sum(s.volume.voxels > 300)) for s in study.series]
        progress(0.5)
        more = Measurement(name=THING, value=float(counts[-1] - counts[0]), unit=NONE)
        finding = Finding(label="growth", kind=THING, measurements=(more,), segment="bone")
        report = OnSeries(series=len(counts) - 1, result=Measurements(findings=(finding,)))
        numbers = " ".join(f"{s.number}:{s.description}" for s in study.series)
        frames = {s.frame_of_reference_uid for s in study.series}
        sys.stdout.write(f"series {numbers}, frames {len(frames)}\n")
        return [*found, report]


class Plain(StudyModel):
    """Forgets to say which series it is about."""

    version = "1"

    def run(self, study, progress):
        return [_bone(study.series[0].volume)]


class Finds(Plain):
    """Nothing."""

    def run(self, study, progress):
        return Nothing(reason=f"nothing grows in {len(study.series)} series")


class Beyond(Plain):
    """Is about a series that is not there."""

    def run(self, study, progress):
        return [OnSeries(series=2, result=_bone(study.series[0].volume))]


class Mixed(Plain):
    """Gives one series what has the shape of another."""

    def run(self, study, progress):
        return [OnSeries(series=0, result=_bone(study.series[1].volume))]


class Other(StudyModel):
    """Is about a segment of another series."""

    version = "1"

    def run(self, study, progress):
        number = Measurement(name=THING, value=1.0, unit=NONE)
        finding = Finding(label="t", kind=THING, measurements=(number,), segment="bone")
        return [
            OnSeries(series=0, result=_bone(study.series[0].volume)),
            OnSeries(series=1, result=Measurements(findings=(finding,))),
        ]


class OfSeries(Model):
    """Is for single series."""

    version = "1"

    def run(self, volume, progress):
        return [_bone(volume)]


class Thin(StudyModel):
    """Wants MR alone."""

    name, version = "thin", "1"
    wants = Wants(modality=("MR",))

    def run(self, study, progress):
        raise AssertionError("it was given what it does not want")
