"""New steps: a data set with everything that N-CREATE demands (PS3.4 Table CC.2.5-3)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

from pydicom import Dataset
from pydicom.datadict import dictionary_VR
from pydicom.sequence import Sequence as Items

from pacs_framework.dicom.packed import deep_copy
from pacs_ups.state.datasets import moment
from pacs_ups.state.model import State
from pacs_ups.state.requirements import TABLE

__all__ = ["completed", "new_step"]


def new_step(label: str, **attributes: object) -> Dataset:
    """A step to be done as soon as possible, of medium priority, unless ``attributes`` say else."""
    step = Dataset()
    values: Mapping[str, object] = {
        "ProcedureStepLabel": label,
        "ScheduledProcedureStepPriority": "MEDIUM",
        "ScheduledProcedureStepStartDateTime": moment(dt.datetime.now(dt.UTC)),
        "InputReadinessState": "READY",
        **attributes,
    }
    for keyword, value in values.items():
        setattr(step, keyword, value)
    return completed(step)


def completed(dataset: Dataset) -> Dataset:
    """A copy with the attributes that may be empty and are not there, and to be SCHEDULED."""
    step = deep_copy(dataset)
    if "ProcedureStepState" not in step:
        step.ProcedureStepState = State.SCHEDULED.value
    for row in TABLE:
        if row.create.startswith("2/") and row.keyword not in step:
            empty = Items() if dictionary_VR(row.tag) == "SQ" else ""
            setattr(step, row.keyword, empty)
    return step
