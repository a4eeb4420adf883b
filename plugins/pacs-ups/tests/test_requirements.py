"""PS3.4 Table CC.2.5-3: what has to be there, when."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from pydicom import Dataset
from ups_peers import code, results

from pacs_ups.state.making import completed, new_step
from pacs_ups.state.model import Code, State, StepError
from pacs_ups.state.requirements import TABLE, check_created, check_modifications, unmet

TYPE_1 = [row.keyword for row in TABLE if row.create.startswith("1/")]
TYPE_2 = [row.keyword for row in TABLE if row.create.startswith("2/")]
NEVER_SET = [row.keyword for row in TABLE if row.set == "not allowed"]


def refused(check: Callable[[Dataset], None], dataset: Dataset) -> StepError:
    with pytest.raises(StepError) as caught:
        check(dataset)
    return caught.value


def test_the_table_has_as_many_attributes_of_each_type_as_the_standard() -> None:
    """So that a row that gets lost is noticed."""
    assert len(TYPE_1) == 5
    assert len(TYPE_2) == 22


@pytest.mark.parametrize("keyword", TYPE_1 + TYPE_2)
def test_an_attribute_that_is_missing_at_creation_is_named(keyword: str) -> None:
    """0120H, whether it may be empty or not."""
    step = new_step("x")
    check_created(step)
    tag = step[keyword].tag
    del step[keyword]
    error = refused(check_created, step)
    assert (error.code, error.attributes) == (Code.MISSING_ATTRIBUTE, (tag,))
    assert keyword in str(error)


@pytest.mark.parametrize("keyword", TYPE_1)
def test_type_1_has_a_value(keyword: str) -> None:
    """0121H."""
    step = new_step("x")
    step[keyword].value = ""
    error = refused(check_created, step)
    assert (error.code, error.attributes) == (
        Code.MISSING_ATTRIBUTE_VALUE,
        (step[keyword].tag,),
    )


@pytest.mark.parametrize(
    ("keyword", "value"),
    [
        ("TransactionUID", "1.2.3"),
        ("ProcedureStepProgressInformationSequence", [Dataset()]),
        ("UnifiedProcedureStepPerformedProcedureSequence", [Dataset()]),
    ],
)
def test_what_shall_be_created_empty_is_empty(keyword: str, value: object) -> None:
    """0106H."""
    step = new_step("x")
    step[keyword].value = value
    assert refused(check_created, step).code is Code.INVALID_ATTRIBUTE_VALUE


def _request(**without: str) -> Dataset:
    item = Dataset()
    for keyword in ("StudyInstanceUID", "AccessionNumber", "RequestedProcedureID"):
        setattr(item, keyword, "1.2")
    item.RequestedProcedureDescription = ""
    for keyword in (
        "IssuerOfAccessionNumberSequence",
        "OrderPlacerIdentifierSequence",
        "OrderFillerIdentifierSequence",
        "RequestedProcedureCodeSequence",
    ):
        setattr(item, keyword, [])
    for keyword in without.values():
        del item[keyword]
    return item


def _input(keyword: str) -> Dataset:
    item, instance = Dataset(), Dataset()
    instance.ReferencedSOPClassUID, instance.ReferencedSOPInstanceUID = "1.2", "1.3"
    item.TypeOfInstances, item.ReferencedSOPSequence = "DICOM", [instance]
    for each in (item, instance):
        each.pop(keyword, None)
    return item


def _code(keyword: str) -> Dataset:
    item = code()
    del item[keyword]
    return item


@pytest.mark.parametrize(
    ("sequence", "item", "status"),
    [
        ("ReferencedRequestSequence", _request(without="StudyInstanceUID"), 0x0120),
        ("ReferencedRequestSequence", _request(without="AccessionNumber"), 0x0120),
        ("InputInformationSequence", _input("TypeOfInstances"), 0x0120),
        ("InputInformationSequence", _input("ReferencedSOPSequence"), 0x0120),
        ("InputInformationSequence", _input("ReferencedSOPInstanceUID"), 0x0120),
        ("ScheduledStationNameCodeSequence", _code("CodeValue"), 0x0121),
        ("ScheduledStationNameCodeSequence", _code("CodingSchemeDesignator"), 0x0121),
        ("ScheduledWorkitemCodeSequence", _code("CodeMeaning"), 0x0121),
        ("ScheduledHumanPerformersSequence", Dataset(), 0x0120),
    ],
)
def test_items_of_sequences_are_checked_too(sequence: str, item: Dataset, status: int) -> None:
    """With the rows below the sequence, and codes as Table CC.2.5-2a."""
    step = new_step("x")
    setattr(step, sequence, [item])
    assert refused(check_created, step).code == status


def test_whole_items_pass() -> None:
    """A request, inputs and a long code value with all that they need."""
    long = Dataset()
    long.LongCodeValue, long.CodingSchemeDesignator, long.CodeMeaning = "1" * 20, "99T", "long"
    step = new_step(
        "x",
        ReferencedRequestSequence=[_request()],
        InputInformationSequence=[_input("")],
        ScheduledWorkitemCodeSequence=[code(), long],
    )
    check_created(step)


@pytest.mark.parametrize("keyword", NEVER_SET)
def test_what_may_not_be_set_is_refused_by_name(keyword: str) -> None:
    """0105H for the state, for UIDs and for whose step it is."""
    step = completed(new_step("x"))
    changes = Dataset()
    if keyword in step:
        changes[keyword] = step[keyword]
    else:
        setattr(changes, keyword, [] if keyword.endswith("Sequence") else "1.2")
    assert refused(check_modifications, changes).code is Code.NO_SUCH_ATTRIBUTE


def test_what_has_to_have_a_value_is_not_emptied() -> None:
    """3/1 in the column of N-SET: 0121H."""
    changes = Dataset()
    changes.ProcedureStepLabel = ""
    assert refused(check_modifications, changes).code is Code.MISSING_ATTRIBUTE_VALUE


PERFORMED = [
    "PerformedStationNameCodeSequence",
    "PerformedProcedureStepStartDateTime",
    "PerformedWorkitemCodeSequence",
    "PerformedProcedureStepEndDateTime",
    "OutputInformationSequence",
]


@pytest.mark.parametrize("keyword", PERFORMED)
def test_a_step_is_completed_with_what_was_performed(keyword: str) -> None:
    """Final state code P; Output Information Sequence may have no item, but is there."""
    step = new_step("x", SOPClassUID="1", SOPInstanceUID="2")
    step.ScheduledProcedureStepModificationDateTime = "2026"
    step.update(results())
    assert unmet(step, State.COMPLETED) == []
    del step.UnifiedProcedureStepPerformedProcedureSequence[0][keyword]
    assert [row.keyword for row in unmet(step, State.COMPLETED)] == [keyword]


def test_a_step_is_canceled_with_moment_and_reason() -> None:
    """Final state code X; what was performed is not asked for."""
    step = new_step("x", SOPClassUID="1", SOPInstanceUID="2")
    step.ScheduledProcedureStepModificationDateTime = "2026"
    progress = "ProcedureStepProgressInformationSequence"
    assert [row.keyword for row in unmet(step, State.CANCELED)] == [progress]
    step.ProcedureStepProgressInformationSequence = [Dataset()]
    assert [row.keyword for row in unmet(step, State.CANCELED)] == [
        "ProcedureStepCancellationDateTime",
        "ProcedureStepDiscontinuationReasonCodeSequence",
    ]
