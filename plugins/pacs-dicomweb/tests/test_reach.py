"""Which workitems somebody may make and see whose view is limited."""

from __future__ import annotations

import pytest
from pydicom import Dataset

from pacs_dicomweb.reach import check_kept
from pacs_http.api import Limit, Problem, Scope

_LIMITED = Scope((Limit(patients=("A",), studies=("1.2",)),))


def _workitem(*inputs: str) -> Dataset:
    workitem = Dataset()
    workitem.PatientID, workitem.StudyInstanceUID = "A", "1.2"
    workitem.InputInformationSequence = [Dataset() for _ in inputs]
    for item, study in zip(workitem.InputInformationSequence, inputs, strict=True):
        item.StudyInstanceUID = study
    return workitem


def test_the_input_of_a_workitem_counts() -> None:
    """The archive may perform it, and would work on what its maker may not see."""
    check_kept(_LIMITED, _workitem())
    check_kept(_LIMITED, _workitem("1.2"))
    for inputs in (("1.3",), ("1.2", "1.3"), ("",)):
        with pytest.raises(Problem, match="outside"):
            check_kept(_LIMITED, _workitem(*inputs))
