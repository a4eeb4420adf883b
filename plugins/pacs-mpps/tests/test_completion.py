"""When a study is complete, and who hears of it and of its steps."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydicom import Dataset
from pydicom.uid import generate_uid

from pacs_framework.testing.factories import Archives
from pacs_framework.testing.instances import make_instance
from pacs_framework.testing.running import RunningArchive
from pacs_mpps import plugin
from pacs_mpps.tables import NAME

sys.path.insert(0, str(Path(__file__).parent))  # in importlib mode it is not there

from mpps_peers import Listener, Modality

Start = Callable[..., tuple[RunningArchive, Listener]]


@pytest.fixture
def start(pacs_archive: Archives, pacs_index_url: str) -> Start:
    """An archive with this plugin and one that listens, once on each database."""

    def run(listener: Listener | None = None, **more: Any) -> tuple[RunningArchive, Listener]:
        heard = listener or Listener()
        settings = {"index": {"url": pacs_index_url}}
        plugins = {"listener": heard, NAME: plugin}
        return pacs_archive(plugins, settings=settings, **more), heard

    return run


def instances(number: int, study: str) -> list[Dataset]:
    return [make_instance(StudyInstanceUID=study) for _ in range(number)]


def uids(made: list[Dataset]) -> list[str]:
    return [str(each.SOPInstanceUID) for each in made]


def test_instances_first_then_the_step(start: Start) -> None:
    """The N-SET completes the study, with all of the step for those who listen."""
    running, heard = start()
    study = str(generate_uid())
    made = instances(2, study)
    with Modality(running) as modality:
        uid = modality.begin(study, AccessionNumber="A1", ScheduledProcedureStepID="S1")
        assert heard.step().status == "IN PROGRESS"
        running.take_in(*made)
        assert heard.hears_no_study(0.1)
        modality.end(uid, *uids(made))
    told = heard.study()
    assert (told.study_instance_uid, told.number) == (study, 1)
    (step,) = told.steps
    assert (step.sop_instance_uid, step.status, step.patient_id) == (uid, "COMPLETED", "P1")
    assert (step.scheduled[0].accession_number, step.station_aet) == ("A1", "CT1")
    assert step.scheduled[0].scheduled_procedure_step_id == "S1"
    assert heard.step().status == "COMPLETED"
    assert heard.hears_no_study()


def test_the_step_first_then_instances(start: Start) -> None:
    """The last instance completes the study, and a repeated one does not do it again."""
    running, heard = start()
    study = str(generate_uid())
    made = instances(3, study)
    with Modality(running) as modality:
        uid = modality.begin(study)
        running.take_in(made[0])
        modality.end(uid, *uids(made))
    running.take_in(made[1])
    assert heard.hears_no_study(0.1)
    running.take_in(made[2])
    assert heard.study().study_instance_uid == study
    running.take_in(*made, *instances(1, study))
    assert heard.hears_no_study()


def test_every_step_of_a_study_has_to_end(start: Start) -> None:
    """One that is in progress keeps it open, one that is discontinued does not."""
    running, heard = start()
    study = str(generate_uid())
    with Modality(running) as modality:
        first, second, third = (modality.begin(study) for _ in range(3))
        modality.end(first)
        modality.end(second, "1.2.3", status="DISCONTINUED")
        assert heard.hears_no_study(0.1)
        modality.end(third)
    told = heard.study()
    assert [each.sop_instance_uid for each in told.steps] == [first, second, third]
    assert heard.hears_no_study()


def test_a_later_step_completes_the_study_anew(start: Start) -> None:
    """Under the next number; one that is discontinued does not."""
    running, heard = start()
    study = str(generate_uid())
    with Modality(running) as modality:
        modality.end(modality.begin(study))
        assert heard.study().number == 1
        modality.end(modality.begin(study), status="DISCONTINUED")
        assert heard.hears_no_study()
        modality.end(modality.begin(study))
    told = heard.study()
    assert (told.number, len(told.steps)) == (2, 3)


def test_a_study_that_was_only_discontinued_is_never_complete(start: Start) -> None:
    """Nothing was made of it."""
    running, heard = start()
    with Modality(running) as modality:
        modality.end(modality.begin(), status="DISCONTINUED")
    assert heard.step().status == "IN PROGRESS"
    assert heard.step().status == "DISCONTINUED"
    assert heard.hears_no_study()


def test_a_step_for_two_studies_completes_both(start: Start) -> None:
    """Group case (PS3.17 Q): one procedure step satisfies two requests."""
    running, heard = start()
    studies = [str(generate_uid()) for _ in range(2)]
    items = []
    for each in studies:
        item = Dataset()
        item.StudyInstanceUID = each
        items.append(item)
    with Modality(running) as modality:
        modality.end(modality.begin(ScheduledStepAttributesSequence=items))
    assert sorted(heard.study().study_instance_uid for _ in studies) == sorted(studies)


def test_who_raises_is_told_again_in_order(start: Start) -> None:
    """The start is told before the end, however often it takes."""
    running, heard = start(Listener(failures=2))
    with Modality(running) as modality:
        modality.end(modality.begin())
    assert [heard.step().status for _ in range(2)] == ["IN PROGRESS", "COMPLETED"]
    assert heard.study().number == 1


def test_what_was_not_taken_is_told_after_a_restart(start: Start) -> None:
    """It is kept with the step."""
    running, heard = start(Listener(failures=10**6))
    study = str(generate_uid())
    with Modality(running) as modality:
        modality.end(modality.begin(study))
    folder = running.data
    running.stop()
    assert heard.hears_no_study(0)
    _, heard = start(folder=folder)
    assert heard.study().study_instance_uid == study
    assert [heard.step().status for _ in range(2)] == ["IN PROGRESS", "COMPLETED"]


def test_instances_that_came_unseen_are_found_at_the_start(start: Start) -> None:
    """A process that died between N-SET and its look at the index leaves nothing waiting."""
    running, heard = start()
    study = str(generate_uid())
    (made,) = instances(1, study)
    with Modality(running) as modality:
        modality.end(modality.begin(study), *uids([made]))
    folder = running.data
    running.stop()
    from pacs_framework.testing.running import running_archive  # noqa: PLC0415 - for this alone

    url = running.app.settings.index.url
    settings = {"index": {"url": url}} if url else {}
    with running_archive(folder, {}, settings=settings, storage=running.archive.storage) as bare:
        bare.take_in(made)
    _, heard = start(folder=folder, storage=running.archive.storage)
    assert heard.study().study_instance_uid == study
