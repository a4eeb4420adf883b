"""Models in Python that get a whole study: all series that fit in one run."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from ai_archives import HERE, Ai, Start, numbers_of_report
from ai_phantom import ORIGIN, SPACING, ct_series, voxels
from ai_steps import coded, outputs_of, scheduler, step_for
from ai_study_models import Grows, Thin
from pydicom import Dataset, dcmread
from pydicom.uid import generate_uid

import pacs_ups.plugin
from pacs_ai.api import StudyModel
from pacs_ai.book import RunRecord, State
from pacs_ai.errors import NoVolume
from pacs_ai.ordering import KIND, kinds_of, payload_of
from pacs_ai.settings import TriggerSettings
from pacs_ai.testing import ct_images
from pacs_framework import hookimpl
from pacs_framework.jobs import JobFilter
from pacs_framework.testing.jobs import RecordedContext, wait_for
from pacs_jobs import plugin as jobs

Series = list[list[Dataset]]


@pytest.fixture
def series() -> Series:
    """Two CT series of other sizes, with more bone in the second; one with a gap; one of MR."""
    study = generate_uid()
    grown = voxels()[:8]
    grown[2, 20:24, 30:34] = 700
    gap = ct_series(StudyInstanceUID=study, SeriesNumber=3)
    del gap[4]
    return [
        ct_images(
            grown,
            spacing=SPACING,
            origin=ORIGIN,
            StudyInstanceUID=study,
            SeriesNumber=2,
            SeriesDescription="LATE",
        ),
        ct_series(StudyInstanceUID=study, SeriesNumber=1, SeriesDescription="EARLY"),
        gap,
        ct_series(StudyInstanceUID=study, SeriesNumber=4, Modality="MR"),
    ]


@pytest.fixture
def take(start: Start, series: Series) -> Callable[..., Ai]:
    """An archive with models of `ai_study_models`, and the series in it."""

    def run(*attributes: str, level: str = "study", **own: Any) -> Ai:
        models = [
            {
                "name": each.lower(),
                "load": f"ai_study_models:{each}",
                "folder": str(HERE),
                "network": True,
                "level": level,
            }
            for each in attributes
        ]
        made = start(*models, **own)
        for images in series:
            made.running.take_in(*images)
        return made

    return run


def run(ai: Ai, label: str, series: Series) -> RunRecord:
    return ai.inference().run(ai.model(label), str(series[0][0].StudyInstanceUID), "")


def made(ai: Ai, record: RunRecord) -> list[Dataset]:
    found = []
    for result in ai.book.results(record):
        with ai.archive.open_file(result.sop_instance_uid) as file:
            found.append(dcmread(io.BytesIO(file.read())))
    return found


def source_of(instance: Dataset) -> str:
    return str(instance.ReferencedSeriesSequence[0].SeriesInstanceUID)


def test_a_model_gets_the_volumes_of_a_study(take: Callable[..., Ai], series: Series) -> None:
    """In the order of their numbers; each result is an instance of the series that it is on."""
    ai = take("Grows")
    record = run(ai, "grows", series)
    assert (record.state, record.reason) == (State.DONE, "")
    assert "series 1:EARLY 2:LATE, frames 2" in record.log
    late, early = series[0], series[1]
    first, second, report = made(ai, record)
    assert [source_of(each) for each in (first, second)] == [
        early[0].SeriesInstanceUID,
        late[0].SeriesInstanceUID,
    ]
    assert (first.NumberOfFrames, second.NumberOfFrames) == (12, 8)
    bone = int(np.sum(voxels()[:8] > 300)) + 16 - int(np.sum(voxels() > 300))
    assert numbers_of_report(report) == {"Thing": float(bone)}
    referenced = {
        item.ReferencedSOPSequence[0].ReferencedSOPInstanceUID
        for item in _references(report.ContentSequence)
    }
    assert second.SOPInstanceUID in referenced
    assert first.SOPInstanceUID not in referenced
    given = {image.SOPInstanceUID for images in (late, early) for image in images}
    assert set(ai.book.inputs(record)) == given


def _references(items: Any) -> list[Dataset]:
    found = []
    for item in items:
        if "ReferencedSOPSequence" in item:
            found.append(item)
        found += _references(item.get("ContentSequence", []))
    return found


@pytest.mark.parametrize(
    ("attribute", "reason"),
    [
        ("Plain", "a result does not say which series it is of; yield it as OnSeries"),
        ("Beyond", "there is no series 2: the study has 2"),
        ("Mixed", "segment 'bone' has the geometry (8, 48, 64), and the volume (12, 48, 64)"),
        ("Other", "the finding 't' is about segment 'bone', of which there are 0"),
    ],
)
def test_results_that_lie_on_no_series_are_refused(
    take: Callable[..., Ai], series: Series, attribute: str, reason: str
) -> None:
    """With the reason; the voxels of the study are not kept with them."""
    ai = take(attribute)
    record = run(ai, attribute.lower(), series)
    assert (record.state, record.reason) == (State.REFUSED, reason)
    (kept,) = (ai.archive.data / "ai" / "refused").iterdir()
    assert not (kept / "study").exists()


@pytest.mark.parametrize(
    ("attribute", "level", "reason"),
    [
        ("OfSeries", "study", "OfSeries is a Model, for single series; leave out level = 'study'"),
        ("Grows", "series", "Grows is a StudyModel; it needs level = 'study'"),
    ],
)
def test_a_model_of_the_other_kind_fails_and_says_so(
    take: Callable[..., Ai], series: Series, attribute: str, level: str, reason: str
) -> None:
    ai = take(attribute, level=level)
    about = "" if level == "study" else str(series[1][0].SeriesInstanceUID)
    study = str(series[0][0].StudyInstanceUID)
    record = ai.inference().run(ai.model(attribute.lower()), study, about)
    assert record.state is State.FAILED
    assert reason in record.reason


class Brings:
    """A plugin with models of studies."""

    @hookimpl
    def ai_models(self) -> list[StudyModel]:
        return [Grows(), Thin()]


def test_a_plugin_brings_models_of_studies(start: Start, series: Series) -> None:
    """What they are about is read from their class."""
    ai = start(others={"brings": Brings()})
    assert {ai.model(each).level for each in ("grows", "thin")} == {"study"}
    for images in series[:2]:
        ai.running.take_in(*images)
    with pytest.raises(NoVolume, match="the modality is CT, not MR"):
        run(ai, "thin", series)


def test_a_trigger_runs_a_model_once_for_the_study(take: Callable[..., Ai], series: Series) -> None:
    ai = take("Grows")
    trigger = TriggerSettings(model="grows", level="study", modality="*")
    context = RecordedContext(
        payload_of(trigger, str(series[0][0].StudyInstanceUID), ""), kind=KIND
    )
    (kind,) = kinds_of(ai.archive, ai.settings)
    assert kind.run_together is not None
    kind.run_together([context])
    (record,) = ai.book.newest(9)
    assert context.outcome == ("done", {"state": "DONE", "run": record.uid})


def test_a_step_gives_a_model_the_series_that_it_names(
    take: Callable[..., Ai], series: Series
) -> None:
    """And no others of the study."""
    ai = take(
        "Grows",
        others={"jobs": jobs, "ups": pacs_ups.plugin},
        workitems=[{"model": "grows", "station": {"value": "AI1"}}],
    )
    named = step_for(series[1], ScheduledStationNameCodeSequence=[coded("AI1")])
    with scheduler(ai.running) as peer:
        uid = peer.schedule(named)
        with ai.archive.jobs.news() as news:
            while not (found := ai.archive.jobs.find(JobFilter(lane=uid))):
                news.wait(60)
        wait_for(ai.archive.jobs, found[0].id)
        step = peer.step(uid)
    assert step.ProcedureStepState == "COMPLETED"
    (record,) = ai.book.newest(9)
    assert "series 1:EARLY, frames 1" in record.log
    assert len(outputs_of(step)) == 2
    assert set(ai.book.inputs(record)) == {image.SOPInstanceUID for image in series[1]}
