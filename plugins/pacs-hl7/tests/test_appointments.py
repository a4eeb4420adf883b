"""Appointments over the wire: booked, moved, cancelled in the worklist (HL7 v2.5.1 chapter 10)."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from pacs_worklist.api import State

sys.path.insert(0, str(Path(__file__).parent))  # in importlib mode it is not there

from hl7_peers import BOOKED, ORDER, changed


def moved(event: str, start: str = "", **fields: dict[int, str] | None) -> tuple[str, ...]:
    """Another message about it."""
    header = {9: f"SIU^{event}^SIU_S12", 10: f"{event}{start}"}
    return changed(BOOKED, MSH=header, **({"AIS": {4: start}} if start else {}), **fields)


def test_an_appointment_becomes_a_step_of_the_worklist(site, pacs_index_url):
    here = site(index_url=pacs_index_url)
    assert here.code(BOOKED) == "AA"
    [step] = here.worklist.find()
    told = {
        "PatientID": "P1",
        "PatientName": "Müller^Jörg",
        "RequestedProcedureDescription": "CT thorax",
        "Modality": "CT",
        "ScheduledStationAETitle": "CT1",
        "ScheduledProcedureStepLocation": "RADIOLOGY",
        "ScheduledProcedureStepStartDate": "20261121",
        "ScheduledProcedureStepStartTime": "104500",
    }
    assert {keyword: step.text(keyword) for keyword in told} == told


@pytest.mark.parametrize("event", ["S13", "S14"])
def test_an_appointment_that_is_moved_keeps_its_step(site, event):
    here = site()
    here.code(BOOKED)
    [before] = here.worklist.find()
    assert here.code(moved(event, "20261122080000")) == "AA"
    [after] = here.worklist.find()
    assert (after.id, after.state) == (before.id, State.SCHEDULED)
    assert after.text("ScheduledProcedureStepStartDate") == "20261122"
    assert after.text("ScheduledProcedureStepID") == before.text("ScheduledProcedureStepID")


@pytest.mark.parametrize("event", ["S15", "S26"])
def test_who_does_not_come_leaves_the_worklist(site, event):
    """Cancelled or no show; with and without the services, and again."""
    here = site()
    second = ("RGS|2|A", "AIS|2|A|CTABD^CT abdomen^LOCAL|20261121110000", *BOOKED[6:])
    here.code((*BOOKED, *second))
    assert len(here.worklist.find()) == 2
    assert here.code(moved(event, RGS=None, AIS=None, AIG=None, AIL=None)) == "AA"
    assert {each.state for each in here.worklist.find()} == {State.DISCONTINUED}
    assert here.code(moved(event, "20261121104500")) == "AA"
    assert here.code(moved("S13", "20261122080000")) == "AE"


def test_services_come_to_an_appointment_and_leave_it(site):
    """AIS-2 says which; the others stay as they are."""
    here = site()
    here.code(BOOKED)
    second = ("AIS|2|A|CTABD^CT abdomen^LOCAL|20261121110000", BOOKED[6])
    assert here.code((*moved("S14"), *second)) == "AA"
    assert len(here.worklist.find()) == 2
    assert here.code(changed(moved("S14", "20261121120000"), AIS={2: "D"})) == "AA"
    first, other = here.worklist.find()
    assert (first.state, other.state) == (State.DISCONTINUED, State.SCHEDULED)
    assert other.text("RequestedProcedureDescription") == "CT abdomen"


def test_an_appointment_for_an_order_moves_its_step_and_says_nothing_else(site):
    """Modality and procedure are those of the order, whatever the appointment calls them."""
    here = site()
    here.code(ORDER)
    [before] = here.worklist.find()
    booked = changed(BOOKED, SCH={26: "PL1^RIS"}, PID={5: "Somebody^Else"}, AIG=None)
    assert here.code(booked) == "AA"
    [after] = here.worklist.find()
    assert (after.id, after.text("ScheduledProcedureStepStartTime")) == (before.id, "104500")
    for keyword in ("PatientName", "AccessionNumber", "Modality", "ScheduledStationAETitle"):
        assert after.text(keyword) == before.text(keyword)
    cancelled = changed(booked, MSH={9: "SIU^S15^SIU_S12", 10: "B2"})
    assert here.code(cancelled) == "AA"
    assert [each.state for each in here.worklist.find()] == [State.DISCONTINUED]


@pytest.mark.parametrize(
    ("fields", "where"),
    [
        ({"SCH": None}, "SCH^1"),
        ({"PID": None}, "PID^1"),
        ({"SCH": {1: "", 2: ""}}, "SCH^1^2"),
        ({"AIG": None}, "SCH^1"),  # neither modality nor station
        ({"AIS": {4: "20261341"}}, "AIS^1^4"),
        ({"AIS": {4: "20260231"}}, "SCH^1"),  # looks like a date
        ({"MSH": {9: "SIU^S15^SIU_S12"}}, "SCH^1"),  # nobody knows it
    ],
)
def test_an_appointment_that_cannot_be_is_refused_and_changes_nothing(site, fields, where):
    here = site()
    answer = here.send(changed(BOOKED, **fields))
    assert (answer[1][1], answer[2][2]) == ("AE", where)
    assert here.worklist.find() == []


def test_of_several_services_none_is_guessed_to_be_the_one_that_was_ordered(site):
    here = site()
    here.code(ORDER)
    [before] = here.worklist.find()
    second = ("AIS|2|A|CTABD^CT abdomen^LOCAL|20261121110000", BOOKED[6])
    assert here.code((*changed(BOOKED, SCH={26: "PL1^RIS"}), *second)) == "AE"
    assert here.worklist.find() == [before]


def test_a_step_under_way_is_not_moved_by_an_appointment_that_is_cancelled(site):
    here = site()
    here.code(BOOKED)
    [step] = here.worklist.find()
    here.worklist.change_state(step.id, State.STARTED)
    assert here.code(moved("S26")) == "AE"
    assert [each.state for each in here.worklist.find()] == [State.STARTED]
