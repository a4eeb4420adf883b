"""The worklist follows the steps that are performed."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from pydicom import Dataset

from pacs_framework.errors import IndexUnavailable
from pacs_framework.testing.factories import Archives
from pacs_framework.testing.running import RunningArchive
from pacs_mpps import plugin
from pacs_mpps.tables import NAME
from pacs_worklist import plugin as worklist_plugin
from pacs_worklist.api import Item, Performed, State, Worklist

sys.path.insert(0, str(Path(__file__).parent))  # in importlib mode it is not there

from mpps_peers import NET, Modality


@pytest.fixture
def running(pacs_archive: Archives) -> RunningArchive:
    """An archive with a worklist."""
    return pacs_archive({NAME: plugin, "worklist": worklist_plugin})


def planned(running: RunningArchive, number: str = "S1") -> Item:
    """A step for CT1, in study 1.2.3."""
    step, item = Dataset(), Dataset()
    step.ScheduledStationAETitle, step.Modality = "CT1", "CT"
    step.ScheduledProcedureStepStartDate = "20261121"
    step.ScheduledProcedureStepStartTime = "1030"
    step.ScheduledProcedureStepID = number
    item.PatientName, item.PatientID = "Doe^John", "P1"
    item.StudyInstanceUID, item.AccessionNumber = "1.2.3", "A1"
    item.ScheduledProcedureStepSequence = [step]
    return worklist_of(running).put(item)


def worklist_of(running: RunningArchive) -> Worklist:
    return Worklist(running.archive.tables("worklist"))


def becomes(running: RunningArchive, item: Item, state: State) -> Item:
    """It is told after the answer, by a thread."""
    for _ in range(NET * 100):
        found = worklist_of(running).get(item.id)
        if found.state is state:
            return found
        time.sleep(0.01)
    raise AssertionError(found.state)


def test_an_item_is_started_and_completed(running: RunningArchive) -> None:
    """By Study Instance UID and Scheduled Procedure Step ID."""
    item = planned(running)
    with Modality(running) as modality:
        uid = modality.begin("1.2.3", ScheduledProcedureStepID="S1")
        becomes(running, item, State.STARTED)
        modality.end(uid)
        becomes(running, item, State.COMPLETED)


def test_an_item_is_discontinued_with_the_reason(running: RunningArchive) -> None:
    """Found by Accession Number, where the modality made a Study Instance UID of its own."""
    item, code = planned(running), Dataset()
    code.CodeValue, code.CodingSchemeDesignator = "110513", "DCM"
    code.CodeMeaning = "Discontinued for unspecified reason"
    with Modality(running) as modality:
        uid = modality.begin("1.2.9", AccessionNumber="A1", ScheduledProcedureStepID="S1")
        reason = {"PerformedProcedureStepDiscontinuationReasonCodeSequence": [code]}
        modality.end(uid, status="DISCONTINUED", **reason)
    found = becomes(running, item, State.DISCONTINUED)
    comment = found.text("CommentsOnTheScheduledProcedureStep")
    assert comment == "discontinued: Discontinued for unspecified reason"


def test_a_batch_that_fails_is_delivered_one_by_one(
    running: RunningArchive, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And what fails alone holds up its own step only."""
    items = [planned(running, number) for number in ("S1", "S2", "S3")]
    perform = Worklist.perform

    def reluctant(worklist: Worklist, performed: Sequence[Performed]) -> None:
        if len(performed) > 1 or any(
            each.scheduled_procedure_step_id == "S2" for each in performed
        ):
            raise IndexUnavailable("not now")
        perform(worklist, performed)

    monkeypatch.setattr(Worklist, "perform", reluctant)
    with Modality(running) as modality:
        for number in ("S1", "S2", "S3"):
            modality.begin("1.2.3", ScheduledProcedureStepID=number)
        becomes(running, items[0], State.STARTED)
        becomes(running, items[2], State.STARTED)
        assert worklist_of(running).get(items[1].id).state is State.SCHEDULED
        monkeypatch.undo()
        becomes(running, items[1], State.STARTED)


def test_a_step_that_was_not_planned_leaves_the_worklist_alone(running: RunningArchive) -> None:
    """The same study, another step."""
    item = planned(running)
    with Modality(running) as modality:
        modality.end(modality.begin("1.2.3"))
        other = planned_and_done(running, modality)
    becomes(running, other, State.COMPLETED)
    assert worklist_of(running).get(item.id).state is State.SCHEDULED


def planned_and_done(running: RunningArchive, modality: Modality) -> Item:
    """What comes after it in the lane of deliveries, so that nobody has to wait in the dark."""
    dataset = planned(running).dataset
    dataset.ScheduledProcedureStepSequence[0].ScheduledProcedureStepID = "S2"
    other = worklist_of(running).put(dataset)
    modality.end(modality.begin("1.2.3", ScheduledProcedureStepID="S2"))
    return other
