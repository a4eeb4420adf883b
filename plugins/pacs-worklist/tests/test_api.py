"""The steps of the database: placed, changed, taken on, moved to another patient; both engines."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
import textwrap

import pytest
from pydicom import DataElement, Dataset
from pydicom.config import IGNORE

from pacs_framework.testing.threads import run_in_threads
from pacs_worklist.api import ItemError, Performed, State, UnknownItem, WrongState
from pacs_worklist.query import WorklistQuery


def states(worklist) -> list[State]:
    return [each.state for each in worklist.find()]


def test_a_step_comes_back_as_it_was_placed(worklist, item):
    number = worklist.put(item(PatientName="Müller^Jörg=山田")).id
    there = worklist.get(number)
    assert str(there.dataset.PatientName) == "Müller^Jörg=山田"
    assert there.step.ScheduledStationAETitle == "CT1"
    assert there.step.ScheduledProcedureStepStatus == "SCHEDULED"


def test_what_the_order_lacks_is_made(worklist, item):
    there = worklist.put(
        item(StudyInstanceUID="", RequestedProcedureID="", ScheduledProcedureStepID="")
    )
    assert there.dataset.StudyInstanceUID
    assert there.dataset.RequestedProcedureID == "A1"
    assert there.step.ScheduledProcedureStepID


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"PatientID": ""}, "no PatientID"),
        (
            {"ScheduledStationAETitle": "", "Modality": ""},
            "no ScheduledStationAETitle, no Modality",
        ),
    ],
)
def test_a_data_set_that_says_too_little_is_refused_with_all_that_is_missing(
    worklist, item, changes, message
):
    with pytest.raises(ItemError, match=message):
        worklist.put(item(**changes))
    assert worklist.find() == []


def test_a_start_that_could_never_be_found_is_refused(worklist, item):
    dataset = item()
    step = dataset.ScheduledProcedureStepSequence[0]
    step[0x00400003] = DataElement(0x00400003, "TM", "noon", validation_mode=IGNORE)
    with pytest.raises(ItemError, match="StartTime is no time"):
        worklist.put(dataset)


@pytest.mark.parametrize(
    ("keyword", "text", "problem"),
    [
        ("ScheduledProcedureStepStartDate", "20261321", "is no date"),
        ("ScheduledProcedureStepStartDate", "20260229", "is no date"),
        ("ScheduledProcedureStepStartTime", "2530", "is no time"),
        ("ScheduledStationAETitle", "CT1\\A-TITLE-OF-MORE-THAN-16", "is no AE title"),
        ("Modality", "CTT!", "is no CS value"),
        ("AccessionNumber", "A" * 17, "is no SH value"),
        ("PatientName", "N" * 65, "is no PN value"),
        ("PatientName", "Doe\x1b$B^John", "is no PN value"),
        ("PatientID", "P\x001", "is no LO value"),
        ("StudyInstanceUID", "1..2", "is no UID"),
    ],
)
@pytest.mark.filterwarnings("ignore:Invalid value for VR", "ignore:The value length")
@pytest.mark.filterwarnings("ignore:The PersonName component length")
def test_what_modalities_could_not_take_is_refused(worklist, item, keyword, text, problem):
    """And nothing is planned."""
    with pytest.raises(ItemError, match=f"{keyword} {problem}"):
        worklist.put(item(**{keyword: text}))
    assert worklist.find() == []


def test_an_order_that_is_placed_again_changes_its_step(worklist, item):
    """And keeps the identifiers that were made for it."""
    first = worklist.put(item(StudyInstanceUID="", ScheduledProcedureStepID=""), order_key="O1")
    again = item(StudyInstanceUID="", ScheduledProcedureStepID="", ScheduledStationAETitle="CT2")
    second = worklist.put(again, order_key="O1")
    assert second.id == first.id
    assert second.dataset.StudyInstanceUID == first.dataset.StudyInstanceUID
    assert second.step.ScheduledProcedureStepID == first.step.ScheduledProcedureStepID
    assert [each.id for each in worklist.find(station_aet="CT2")] == [first.id]
    assert worklist.find(station_aet="CT1") == []


def performed(state, **changes):
    facts = {"scheduled_procedure_step_id": "S1", "study_instance_uid": "1.2.3", **changes}
    return Performed(state=state, **facts)


def test_performed_steps_take_planned_ones_along(worklist, item):
    """In the order in which they come; the data set tells the state wherever it is read."""
    first = worklist.put(item())
    other = worklist.put(item(ScheduledProcedureStepID="S2"))
    worklist.perform([performed(State.STARTED)])
    assert [worklist.get(each.id).state for each in (first, other)] == [
        State.STARTED,
        State.SCHEDULED,
    ]
    assert worklist.get(first.id).text("ScheduledProcedureStepStatus") == "STARTED"
    offered = worklist.offered(WorklistQuery(identifier=Dataset()))
    steps = (each.ScheduledProcedureStepSequence[0] for each in offered)
    statuses = {step.ScheduledProcedureStepStatus for step in steps}
    assert statuses == {"STARTED", "SCHEDULED"}
    second = {"scheduled_procedure_step_id": "S2"}
    done = [performed(state, **second) for state in (State.STARTED, State.COMPLETED)]
    worklist.perform([*done, performed(State.COMPLETED)])
    assert {each.state for each in worklist.find()} == {State.COMPLETED}
    assert worklist.get(other.id).text("ScheduledProcedureStepStatus") == "COMPLETED"


def test_a_performed_step_is_found_by_its_order_where_its_study_is_not(worklist, item):
    """But not where the study has it: then another step of the order stays."""
    here = worklist.put(item())
    there = worklist.put(item(StudyInstanceUID="1.2.4"))
    worklist.perform([performed(State.COMPLETED, accession_number="A1")])
    worklist.perform([performed(State.COMPLETED, accession_number="A1")])
    assert worklist.get(here.id).state is State.COMPLETED
    assert worklist.get(there.id).state is State.SCHEDULED
    unknown = performed(State.STARTED, study_instance_uid="9", accession_number="A1")
    worklist.perform([unknown])
    assert worklist.get(there.id).state is State.STARTED


def test_what_was_not_planned_or_is_over_stays_as_it_is(worklist, item):
    step = worklist.put(item())
    worklist.change_state(step.id, State.DISCONTINUED)
    worklist.perform([])
    worklist.perform([performed(state) for state in (State.STARTED, State.COMPLETED)])
    worklist.perform([performed(State.STARTED, study_instance_uid="9")])
    there = worklist.get(step.id)
    assert there.state is State.DISCONTINUED
    assert there.text("ScheduledProcedureStepStatus") == "DISCONTINUED"


def test_an_order_that_comes_late_does_not_bring_a_step_back(worklist, item):
    number = worklist.put(item()).id
    worklist.change_state(number, State.COMPLETED)
    assert worklist.put(item(AccessionNumber="A2")).state is State.COMPLETED


@pytest.mark.parametrize("before", State)
@pytest.mark.parametrize("after", State)
def test_states_follow_each_other_as_they_may(worklist, item, before, after):
    number = worklist.put(item()).id
    worklist.change_state(number, before)
    allowed = before is after or (
        before in (State.SCHEDULED, State.STARTED) and after is not State.SCHEDULED
    )
    if allowed:
        assert worklist.change_state(number, after).state is after
    else:
        with pytest.raises(WrongState, match=f"is {before.value}; it cannot become {after.value}"):
            worklist.change_state(number, after)
        assert states(worklist) == [before]


@pytest.mark.parametrize(
    ("state", "offered"),
    [
        (State.SCHEDULED, ["SCHEDULED"]),
        (State.STARTED, ["STARTED"]),
        (State.COMPLETED, []),
        (State.DISCONTINUED, []),
    ],
)
def test_a_modality_is_offered_what_is_still_to_be_done(worklist, item, keys, state, offered):
    worklist.change_state(worklist.put(item()).id, state)
    found = worklist.offered(WorklistQuery(identifier=keys()))
    steps = [each.ScheduledProcedureStepSequence[0] for each in found]
    assert [step.ScheduledProcedureStepStatus for step in steps] == offered


def test_a_status_that_says_more_than_scheduled_stays(worklist, item):
    there = worklist.put(item(ScheduledProcedureStepStatus="ARRIVED"))
    assert there.step.ScheduledProcedureStepStatus == "ARRIVED"


def test_a_change_that_fails_changes_nothing(worklist, item):
    number = worklist.put(item()).id

    def change(dataset: Dataset) -> None:
        dataset.PatientID = ""

    with pytest.raises(ItemError, match="no PatientID"):
        worklist.update(number, change, state=State.STARTED)
    assert worklist.get(number).dataset.PatientID == "P1"
    assert states(worklist) == [State.SCHEDULED]


def test_what_is_over_is_not_changed(worklist, item):
    number = worklist.put(item()).id
    worklist.change_state(number, State.DISCONTINUED)
    with pytest.raises(WrongState, match="is discontinued and cannot be changed"):
        worklist.update(number, lambda _: None)


def test_an_order_is_cancelled_with_all_its_steps_and_once(worklist, item):
    for step in ("S1", "S2", "S3"):
        worklist.put(item(ScheduledProcedureStepID=step))
    worklist.put(item(ScheduledProcedureStepID="S4", AccessionNumber="A2"))
    worklist.change_state(1, State.COMPLETED)
    assert [each.id for each in worklist.cancel_order("A1")] == [2, 3]
    assert worklist.cancel_order("A1") == []
    assert states(worklist) == [
        State.COMPLETED,
        State.DISCONTINUED,
        State.DISCONTINUED,
        State.SCHEDULED,
    ]


def test_steps_of_a_patient_become_those_of_another(worklist, item):
    worklist.put(item(IssuerOfPatientID="H1"))
    worklist.put(item(ScheduledProcedureStepID="S2", IssuerOfPatientID="H2"))
    after = Dataset()
    after.PatientID, after.PatientName = "P9", "Roe^Jane"
    assert worklist.change_patient("P1", after, issuer_of_patient_id="H1") == 1
    assert [str(each.dataset.PatientName) for each in worklist.find(patient_id="P9")] == [
        "Roe^Jane"
    ]
    assert len(worklist.find(patient_id="P1")) == 1
    assert worklist.change_patient("P1", after) == 1
    assert worklist.change_patient("P1", after) == 0


def test_steps_are_found_by_all_that_is_given_in_the_order_of_their_start(worklist, item):
    for number, day in enumerate(("20261123", "20261121", "20261122")):
        worklist.put(
            item(ScheduledProcedureStepID=f"S{number}", ScheduledProcedureStepStartDate=day)
        )
    found = worklist.find(accession_number="A1", days=("20261122", "20261123"))
    assert [each.text("ScheduledProcedureStepID") for each in found] == ["S2", "S0"]
    assert len(worklist.find(most=2)) == 2
    assert worklist.find(accession_number="A1", modality="MR") == []


def test_a_step_that_is_not_there_is_told(worklist):
    with pytest.raises(UnknownItem, match="no step 7 in the worklist"):
        worklist.change_state(7, State.STARTED)


def test_many_that_place_one_order_at_once_make_one_step(worklist, item):
    numbers = itertools.count()
    run_in_threads(lambda: worklist.put(item(AccessionNumber=f"A{next(numbers)}")), 8)
    assert len(worklist.find()) == 1


def test_of_many_that_end_a_step_at_once_one_has_its_way(worklist, item):
    number = worklist.put(item()).id
    wanted = iter([State.COMPLETED, State.DISCONTINUED] * 4)
    refused = []

    def end() -> None:
        state = next(wanted)
        try:
            worklist.change_state(number, state)
        except WrongState:
            refused.append(state)

    run_in_threads(end, 8)
    (there,) = worklist.find()
    assert set(refused) == {State.COMPLETED, State.DISCONTINUED} - {there.state}


@pytest.mark.crash
def test_a_process_that_is_killed_while_it_changes_a_step_leaves_it_whole(tmp_path):
    """Either before or after; never with a station of the one and a date of the other."""
    program = textwrap.dedent("""
        import sys
        from pathlib import Path
        from pydicom import Dataset
        from pacs_framework.tables import OpenTables
        from pacs_worklist.api import Worklist
        from pacs_worklist.tables import TABLES
        worklist = Worklist(OpenTables({"worklist": TABLES}, data=Path(sys.argv[1]))("worklist"))
        turn = 0
        while True:
            turn += 1
            step, item = Dataset(), Dataset()
            step.ScheduledStationAETitle = step.ScheduledProcedureStepID = f"T{turn}"
            step.ScheduledProcedureStepStartDate = "20261121"
            step.ScheduledProcedureStepStartTime = f"{turn % 24:02}"
            step.Modality = "CT"
            item.PatientName = item.PatientID = f"T{turn}"
            item.ScheduledProcedureStepSequence = [step]
            worklist.put(item, order_key="O")
            print(turn, flush=True)
    """)
    with subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        numbers = (line for line in process.stdout if line.strip().isdigit())  # not the log
        told = [int(next(numbers)) for _ in range(20)]
        os.kill(process.pid, 9)
        told += [int(line) for line in process.stdout if line.strip().isdigit()]
    look = textwrap.dedent("""
        import sys
        from pathlib import Path
        from pacs_framework.tables import OpenTables
        from pacs_worklist.api import Worklist
        from pacs_worklist.tables import TABLES
        worklist = Worklist(OpenTables({"worklist": TABLES}, data=Path(sys.argv[1]))("worklist"))
        (item,) = worklist.find()
        (same,) = worklist.find(station_aet=item.text("ScheduledStationAETitle"))
        print(item.text("PatientID"), same.text("ScheduledProcedureStepID"))
    """)
    done = subprocess.run(
        [sys.executable, "-c", look, str(tmp_path)], capture_output=True, text=True, check=True
    )
    patient, step = done.stdout.splitlines()[-1].split()
    assert patient == step
    assert int(patient[1:]) in (told[-1], told[-1] + 1)
