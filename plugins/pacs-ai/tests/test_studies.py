"""Models that want a whole study: all series that fit in one run."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ai_archives import HERE, Ai, Start
from ai_phantom import ct_series
from pydantic import ValidationError
from pydicom import Dataset
from pydicom.uid import generate_uid

from pacs_ai.book import State
from pacs_ai.errors import NoVolume
from pacs_ai.ordering import KIND, kinds_of, payload_of
from pacs_ai.replaying import Replay, found_by, keys_of
from pacs_ai.settings import AiSettings, TriggerSettings
from pacs_framework.testing.jobs import RecordedContext

Run = Callable[..., Any]


@pytest.fixture
def series() -> list[list[Dataset]]:
    """Two of CT, one that says it is of MR: of one study."""
    study = generate_uid()
    return [
        ct_series(StudyInstanceUID=study),
        ct_series(StudyInstanceUID=study),
        ct_series(StudyInstanceUID=study, Modality="MR"),
    ]


@pytest.fixture
def ai(start: Start, series: list[list[Dataset]]) -> Ai:
    """An archive that holds them, and a model for studies: see `ai_studies`."""
    script = str(HERE / "ai_studies.py")
    kinds = ("both", "names-none", "elsewhere")
    made = start(
        *(
            {
                "name": kind,
                "command": [sys.executable, script, kind, "{input}", "{output}"],
                "level": "study",
                "network": True,
            }
            for kind in kinds
        )
    )
    for images in series:
        made.running.take_in(*images)
    return made


def run(ai: Ai, label: str, series: list[list[Dataset]]) -> Any:
    return ai.inference().run(ai.model(label), str(series[0][0].StudyInstanceUID), "")


def test_a_model_gets_every_series_that_fits(ai: Ai, series: list[list[Dataset]]) -> None:
    """And what it makes may lie on any of them; the task is told as one of a study."""
    record = run(ai, "both", series)
    assert (record.state, record.reason) == (State.DONE, "")
    assert (record.study_instance_uid, record.series_instance_uid) == (
        series[0][0].StudyInstanceUID,
        "",
    )
    given = {image.SOPInstanceUID for images in series[:2] for image in images}
    assert set(ai.book.inputs(record)) == given
    assert len(ai.book.results(record)) == 2
    assert "study 2" in record.log


@pytest.mark.parametrize(
    ("label", "reason"),
    [
        ("names-none", "it made a segmentation that names no series that it was given"),
        ("elsewhere", "lies on no image of the series: it is of another geometry"),
    ],
)
def test_a_segmentation_lies_on_the_series_that_it_names(
    ai: Ai, series: list[list[Dataset]], label: str, reason: str
) -> None:
    record = run(ai, label, series)
    assert record.state is State.REFUSED
    assert reason in record.reason


def test_a_part_is_no_whole(ai: Ai, series: list[list[Dataset]]) -> None:
    """Nor the other way round; and a study without a fitting series is passed over."""
    study, part = str(series[0][0].StudyInstanceUID), str(series[0][0].SeriesInstanceUID)
    with pytest.raises(NoVolume, match="both@1 is for a study"):
        ai.inference().run(ai.model("both"), study, part)
    with pytest.raises(NoVolume, match="body@1 is for a series"):
        ai.inference().run(ai.model("body"), study, "")
    with pytest.raises(NoVolume, match="has no series for it: it is not in the archive"):
        ai.inference().run(ai.model("both"), "1.2.3", "")


def test_a_trigger_makes_one_run_of_a_study(ai: Ai, series: list[list[Dataset]]) -> None:
    trigger = TriggerSettings(model="both", level="study")
    study = str(series[0][0].StudyInstanceUID)
    context = RecordedContext(payload_of(trigger, study, ""), kind=KIND)
    (kind,) = kinds_of(ai.archive, ai.settings)
    assert kind.run_together is not None
    for _ in range(2):  # taken once more, it is the same run
        kind.run_together([context])
        (record,) = ai.book.newest(9)
        assert context.outcome == ("done", {"state": "DONE", "run": record.uid})
        context.outcome = None


def test_a_trigger_of_series_is_none_for_it(ai: Ai, series: list[list[Dataset]]) -> None:
    """It would run as often as the study has series."""
    study, part = str(series[0][0].StudyInstanceUID), str(series[0][0].SeriesInstanceUID)
    context = RecordedContext(payload_of(TriggerSettings(model="both"), study, part), kind=KIND)
    (kind,) = kinds_of(ai.archive, ai.settings)
    assert kind.run_together is not None
    kind.run_together([context])
    why = "both@1 needs a trigger with level = 'study'"
    assert context.outcome == ("failed for good", why)


def test_a_replay_is_about_studies(ai: Ai, series: list[list[Dataset]]) -> None:
    """Each once, however many of its series answer."""
    model = ai.model("both")
    (found,) = found_by(ai.archive, keys_of("Modality=CT"), model)
    assert (found.study, found.series) == (series[0][0].StudyInstanceUID, "")
    order = Replay(model=model).order(found)
    assert order.key == f"replay//both@1/stored/{found.study}"
    assert order.payload["trigger"]["level"] == "study"


def test_a_network_is_not_about_a_study(tmp_path: Path) -> None:
    wrong = {"name": "x", "version": "1", "kserve": "http://x/v2/models/x", "level": "study"}
    with pytest.raises(
        ValidationError, match="only command, image and load may be about a whole study"
    ):
        AiSettings.model_validate({"models": [wrong]})
