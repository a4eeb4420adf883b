"""Steps of a worklist, and the tables that hold them, once on each engine."""

from __future__ import annotations

import pytest
from pydicom import Dataset

from pacs_worklist.api import Worklist
from pacs_worklist.tables import TABLES


def make_item(**attributes: str) -> Dataset:
    """A step; attributes of the step itself are given as they are, all others at the top."""
    step = {
        "ScheduledStationAETitle": "CT1",
        "ScheduledProcedureStepStartDate": "20261121",
        "ScheduledProcedureStepStartTime": "1030",
        "Modality": "CT",
        "ScheduledProcedureStepID": "S1",
        "ScheduledPerformingPhysicianName": "Smith^Ann",
    }
    top = {
        "PatientName": "Doe^John",
        "PatientID": "P1",
        "StudyInstanceUID": "1.2.3",
        "AccessionNumber": "A1",
        "RequestedProcedureID": "R1",
    }
    inner, dataset = Dataset(), Dataset()
    for keyword, text in {**step, **top, **attributes}.items():
        target = inner if keyword in step or keyword.startswith("Scheduled") else dataset
        setattr(target, keyword, text.split("\\") if "\\" in text else text)
    dataset.ScheduledProcedureStepSequence = [inner]
    return dataset


def make_keys(step: dict[str, str] | None = None, **top: str) -> Dataset:
    """The identifier of a query."""
    inner, dataset = Dataset(), Dataset()
    for keyword, text in (step or {}).items():
        setattr(inner, keyword, text)
    for keyword, text in top.items():
        setattr(dataset, keyword, text)
    dataset.ScheduledProcedureStepSequence = [inner]
    return dataset


@pytest.fixture(scope="session")
def item():
    """Makes a step."""
    return make_item


@pytest.fixture
def keys():
    """Makes the identifier of a query."""
    return make_keys


@pytest.fixture
def worklist(pacs_tables, pacs_index_url: str) -> Worklist:
    """An empty worklist, once on each engine."""
    return Worklist(pacs_tables(TABLES, "worklist", index_url=pacs_index_url))
