"""The state of steps, on each engine: what may follow what, and who is told (PS3.4 CC.1.1)."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Callable

import pytest
from pydicom import Dataset
from ups_peers import NET, code, results

from pacs_framework.tables import TableStore, now
from pacs_ups.state.datasets import text_of
from pacs_ups.state.making import new_step
from pacs_ups.state.model import FILTERED, GLOBAL, Code, Result, State, StepError
from pacs_ups.state.outbox import Outbox
from pacs_ups.state.steps import Steps
from pacs_ups.state.subscribing import Subscriptions

UID, LOCK, OTHER = "1.2.3", "2.25.1", "2.25.2"
SCHEDULED, IN_PROGRESS = State.SCHEDULED, State.IN_PROGRESS
COMPLETED, CANCELED = State.COMPLETED, State.CANCELED


# What does not depend on the engine: PostgreSQL is tried where rows are locked, sorted and counted.
on_one_engine = pytest.mark.parametrize("store", ["sqlite"], indirect=True)


def bring(steps: Steps, state: State | None, uid: str = UID) -> None:
    """A step in this state, locked by ``LOCK``; None for no step."""
    if state is None:
        return
    steps.create(uid, new_step("x", WorklistLabel="LIST"))
    if state is SCHEDULED:
        return
    steps.change_state(uid, IN_PROGRESS, LOCK)
    if state is COMPLETED:
        steps.modify(uid, results(TransactionUID=LOCK))
    if state.final:
        steps.change_state(uid, state, LOCK)


def outcome(operation: Callable[[], Result]) -> int:
    try:
        return operation().code
    except StepError as error:
        return error.code


def events(outbox: Outbox, aet: str = "W") -> list[tuple[int, str]]:
    return [
        (each.event.type, text_of(each.event.information, "ProcedureStepState"))
        for each in outbox.waiting(aet, 100)
    ]


def test_a_value_that_no_database_keeps_as_text_is_in_the_step(store: TableStore) -> None:
    """And it is found by it: what a column lacks, the data set has."""
    steps = Steps(store)
    steps.create(UID, new_step("x", PatientID="A\0B"))
    steps.create("1.2.4", new_step("x", PatientID="A?B"))
    wanted = Dataset()
    wanted.PatientID = "A\0B"
    assert [each.uid for each in steps.find(wanted)] == [UID]
    assert steps.get(UID).dataset.PatientID == "A\0B"


# PS3.4 Table CC.1.1-2: for no step, and for one in each state.
STATES = (None, SCHEDULED, IN_PROGRESS, COMPLETED, CANCELED)
TRANSITIONS = [
    (IN_PROGRESS, LOCK, (0xC307, 0, 0xC302, 0xC300, 0xC300)),
    (IN_PROGRESS, "", (0xC307, 0xC301, 0xC301, 0xC301, 0xC301)),
    (SCHEDULED, LOCK, (0xC307, 0xC303, 0xC303, 0xC303, 0xC303)),
    (SCHEDULED, "", (0xC307, 0xC303, 0xC303, 0xC303, 0xC303)),
    (COMPLETED, LOCK, (0xC307, 0xC310, 0xC304, 0xB306, 0xC300)),
    (COMPLETED, "", (0xC307, 0xC301, 0xC301, 0xC301, 0xC301)),
    (CANCELED, LOCK, (0xC307, 0xC310, 0, 0xC300, 0xB304)),
    (CANCELED, "", (0xC307, 0xC301, 0xC301, 0xC301, 0xC301)),
    ("DONE", LOCK, (0xC307, 0x0115, 0x0115, 0x0115, 0x0115)),
]


@on_one_engine
@pytest.mark.parametrize(("wanted", "lock", "codes"), TRANSITIONS)
def test_every_cell_of_the_transition_table(
    steps: Steps, wanted: str, lock: str, codes: tuple[int, ...]
) -> None:
    """And what is refused changes nothing."""
    for number, (state, expected) in enumerate(zip(STATES, codes, strict=True)):
        uid = f"{UID}.{number}"
        bring(steps, state, uid)
        before = None if state is None else steps.get(uid)
        found = outcome(lambda uid=uid: steps.change_state(uid, wanted, lock))
        assert found == expected, (state, wanted)
        if before is not None and expected:
            assert steps.get(uid) == before


@on_one_engine
@pytest.mark.parametrize("wanted", [IN_PROGRESS, COMPLETED, CANCELED])
def test_another_transaction_uid_changes_nothing(steps: Steps, wanted: State) -> None:
    """C301 for who does not hold the lock of a step that is IN PROGRESS, or held it."""
    for number, state in enumerate((IN_PROGRESS, COMPLETED, CANCELED)):
        bring(steps, state, f"{UID}.{number}")
        assert outcome(lambda n=number: steps.change_state(f"{UID}.{n}", wanted, OTHER)) == 0xC301


def test_a_step_is_completed_when_its_results_are_there(steps: Steps) -> None:
    """Else it is C304, and the attributes are named."""
    bring(steps, IN_PROGRESS)
    with pytest.raises(StepError) as caught:
        steps.change_state(UID, COMPLETED, LOCK)
    assert caught.value.code is Code.FINAL_STATE_REQUIREMENTS_NOT_MET
    assert caught.value.attributes == (0x00741216,)
    steps.modify(UID, results(TransactionUID=LOCK))
    assert steps.change_state(UID, COMPLETED, LOCK) == Result()
    step = steps.get(UID)
    assert (step.state, step.dataset.ProcedureStepState) == (COMPLETED, "COMPLETED")
    assert step.ended is not None


@on_one_engine
@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (None, 0xC307),
        (SCHEDULED, 0),
        (IN_PROGRESS, 0xC312),
        (COMPLETED, 0xC311),
        (CANCELED, 0xB304),
    ],
)
def test_a_request_to_cancel_without_anybody_to_be_told(
    steps: Steps, state: State | None, expected: int
) -> None:
    """PS3.4 CC.2.2; a step that nobody began is canceled at once, with what it then needs."""
    bring(steps, state)
    assert outcome(lambda: steps.request_cancel(UID, "ASKS", Dataset())) == expected
    if state is SCHEDULED:
        progress = steps.get(UID).dataset.ProcedureStepProgressInformationSequence[0]
        assert progress.ProcedureStepDiscontinuationReasonCodeSequence[0].CodeValue == "110513"
        assert progress.ProcedureStepCancellationDateTime


def test_a_request_to_cancel_is_passed_on_to_subscribers(
    steps: Steps, subscriptions: Subscriptions, outbox: Outbox
) -> None:
    """With its reasons, and the AE that wants it; the step itself stays as it is."""
    bring(steps, IN_PROGRESS)
    subscriptions.subscribe(UID, "W", lock=False)
    reasons = Dataset()
    reasons.ReasonForCancellation = "wrong patient"
    reasons.ContactURI = "tel:1"
    reasons.ProcedureStepDiscontinuationReasonCodeSequence = [code()]
    assert steps.request_cancel(UID, "ASKS", reasons) == Result()
    assert steps.get(UID).state is IN_PROGRESS
    told = outbox.waiting("W", 10)[-1].event
    assert (told.type, told.information.RequestingAE) == (2, "ASKS")
    assert told.information.ReasonForCancellation == "wrong patient"
    assert told.information.ContactURI == "tel:1"
    assert told.information.ProcedureStepDiscontinuationReasonCodeSequence == [code()]


def test_the_reasons_of_a_request_are_those_of_a_step_that_it_cancels(
    steps: Steps, subscriptions: Subscriptions, outbox: Outbox
) -> None:
    """Subscribers see the request, IN PROGRESS, and CANCELED with the reason."""
    bring(steps, SCHEDULED)
    subscriptions.subscribe(UID, "W", lock=False)
    reasons = Dataset()
    reasons.ReasonForCancellation, reasons.ContactURI = "not needed", "tel:1"
    steps.request_cancel(UID, "ASKS", reasons)
    progress = steps.get(UID).dataset.ProcedureStepProgressInformationSequence[0]
    assert progress.ReasonForCancellation == "not needed"
    assert progress.ProcedureStepCommunicationsURISequence[0].ContactURI == "tel:1"
    assert events(outbox) == [(1, "SCHEDULED"), (2, ""), (1, "IN PROGRESS"), (1, "CANCELED")]
    last = outbox.waiting("W", 10)[-1].event.information
    assert last.ReasonForCancellation == "not needed"


def test_what_the_archive_performs_itself_goes_on(steps: Steps) -> None:
    """C313: whoever claimed it here cancels it with its lock."""
    bring(steps, SCHEDULED)
    steps.change_state(UID, IN_PROGRESS, LOCK, ours=True)
    assert outcome(lambda: steps.request_cancel(UID, "ASKS", Dataset())) == 0xC313


# --- creation -------------------------------------------------------------------------------


@on_one_engine
@pytest.mark.parametrize("state", ["IN PROGRESS", "COMPLETED", "scheduled"])
def test_a_step_begins_as_scheduled(steps: Steps, state: str) -> None:
    """C309 for another state."""
    step = new_step("x", ProcedureStepState=state)
    assert outcome(lambda: steps.create(UID, step)) == 0xC309
    assert outcome(lambda: Result(code=Code(steps.get(UID).state == 0))) == 0xC307


@on_one_engine
@pytest.mark.parametrize("state", [SCHEDULED, IN_PROGRESS, COMPLETED, CANCELED])
def test_there_is_one_step_of_a_uid(steps: Steps, state: State) -> None:
    """0111H in whatever state it is, and it stays as it is."""
    bring(steps, state)
    before = steps.get(UID)
    assert outcome(lambda: steps.create(UID, new_step("y"))) == 0x0111
    assert steps.get(UID) == before


@on_one_engine
@pytest.mark.parametrize("uid", [GLOBAL, FILTERED])
def test_well_known_instances_are_no_steps(steps: Steps, uid: str) -> None:
    """Neither created, nor read, set, claimed or canceled."""
    assert outcome(lambda: steps.create(uid, new_step("x"))) == 0x0117
    assert outcome(lambda: steps.modify(uid, Dataset())) == 0xC314
    assert outcome(lambda: steps.change_state(uid, IN_PROGRESS, LOCK)) == 0xC314
    assert outcome(lambda: steps.request_cancel(uid, "A", Dataset())) == 0xC314
    with pytest.raises(StepError, match="no step"):
        steps.get(uid)


def test_a_worklist_label_is_filled_in(steps: Steps) -> None:
    """B300, created with modifications; with one it is plain success (Table CC.2.5-3)."""
    assert steps.create(UID, new_step("x")) == Result(
        code=Code.CREATED_WITH_MODIFICATIONS, attributes=(0x00741202,)
    )
    assert steps.get(UID).dataset.WorklistLabel == "WORKLIST"
    assert steps.create(UID + ".1", new_step("x", WorklistLabel="AI")) == Result()


def test_values_in_the_wrong_case_are_mended_and_others_refused(steps: Steps) -> None:
    """B300 and B305 with the attributes, or 0106H."""
    step = new_step("x", WorklistLabel="AI", ScheduledProcedureStepPriority="high")
    assert steps.create(UID, step).attributes == (0x00741200,)
    assert steps.get(UID).dataset.ScheduledProcedureStepPriority == "HIGH"
    changes = Dataset()
    changes.InputReadinessState = "incomplete"
    assert steps.modify(UID, changes).code is Code.COERCED_INVALID_VALUES
    assert steps.get(UID).dataset.InputReadinessState == "INCOMPLETE"
    changes.InputReadinessState = "SOON"
    assert outcome(lambda: steps.modify(UID, changes)) == 0x0106
    late = new_step("x", ScheduledProcedureStepStartDateTime="20261121-20261122")
    assert outcome(lambda: steps.create(OTHER, late)) == 0x0106


@pytest.mark.filterwarnings("ignore:Invalid value for VR")
def test_a_moment_that_there_is_not_is_refused_in_items_too(steps: Steps) -> None:
    """0106H, and the step is as it was."""
    assert steps.create(UID, new_step("x", WorklistLabel="AI")) == Result()
    late = new_step("x", ScheduledProcedureStepStartDateTime="20261341999999")
    assert outcome(lambda: steps.create(OTHER, late)) == 0x0106
    before = steps.get(UID).dataset
    changes = results()
    (performed,) = changes.UnifiedProcedureStepPerformedProcedureSequence
    performed.PerformedProcedureStepEndDateTime = "20260229"
    with pytest.raises(StepError, match="invalid: PerformedProcedureStepEndDateTime"):
        steps.modify(UID, changes)
    assert steps.get(UID).dataset == before


def test_text_in_several_character_sets_comes_together(steps: Steps) -> None:
    """A step in one, changed in another (PS3.4 CC.2.6.3)."""
    step = new_step("Über", WorklistLabel="AI", PatientName="Müller^Jörg")
    step.SpecificCharacterSet = "ISO_IR 100"
    steps.create(UID, step)
    changes = Dataset()
    changes.SpecificCharacterSet = "ISO_IR 101"
    changes.CommentsOnTheScheduledProcedureStep = "Łódź"
    steps.modify(UID, changes)
    dataset = steps.get(UID).dataset
    assert (dataset.ProcedureStepLabel, str(dataset.PatientName)) == ("Über", "Müller^Jörg")
    assert dataset.CommentsOnTheScheduledProcedureStep == "Łódź"


# --- N-SET ----------------------------------------------------------------------------------


@on_one_engine
@pytest.mark.parametrize(
    ("state", "lock", "expected"),
    [
        (None, "", 0xC307),
        (SCHEDULED, "", 0),
        (SCHEDULED, LOCK, 0xC310),
        (IN_PROGRESS, LOCK, 0),
        (IN_PROGRESS, "", 0xC301),
        (IN_PROGRESS, OTHER, 0xC301),
        (COMPLETED, LOCK, 0xC300),
        (CANCELED, LOCK, 0xC300),
    ],
)
def test_who_may_change_a_step(steps: Steps, state: State | None, lock: str, expected: int) -> None:
    """PS3.4 CC.2.6.3; the lock is never part of the step."""
    bring(steps, state)
    changes = Dataset()
    changes.ProcedureStepLabel = "changed"
    if lock:
        changes.TransactionUID = lock
    assert outcome(lambda: steps.modify(UID, changes)) == expected
    if state is not None:
        dataset = steps.get(UID).dataset
        assert dataset.ProcedureStepLabel == ("x" if expected else "changed")
        assert "TransactionUID" not in dataset


def test_subscribers_are_told_of_what_changed_once(
    steps: Steps, subscriptions: Subscriptions, outbox: Outbox
) -> None:
    """Readiness, assignment, progress; other attributes and repetitions are no news."""
    bring(steps, SCHEDULED)
    subscriptions.subscribe(UID, "W", lock=False)
    performer, progress = Dataset(), Dataset()
    performer.HumanPerformerCodeSequence = [code()]
    performer.HumanPerformerName, performer.HumanPerformerOrganization = "A^B", "Org"
    progress.ProcedureStepProgress = "50"
    changes = Dataset()
    changes.ProcedureStepLabel = "other"
    changes.InputReadinessState = "INCOMPLETE"
    changes.ScheduledStationNameCodeSequence = [code()]
    changes.ScheduledHumanPerformersSequence = [performer]
    changes.ProcedureStepProgressInformationSequence = [progress]
    for _ in range(2):
        steps.modify(UID, changes)
    told = [each.event for each in outbox.waiting("W", 10)][1:]
    assert [each.type for each in told] == [1, 5, 3]
    assert told[0].information.InputReadinessState == "INCOMPLETE"
    assert told[1].information.ScheduledStationNameCodeSequence == [code()]
    assert told[1].information.HumanPerformerOrganization == "Org"
    assert (
        told[2].information.ProcedureStepProgressInformationSequence[0].ProcedureStepProgress
        == "50"
    )


# --- together -------------------------------------------------------------------------------


def test_one_of_many_claims_wins(
    steps: Steps, subscriptions: Subscriptions, outbox: Outbox
) -> None:
    """However many ask at once; subscribers are told of one change."""
    bring(steps, SCHEDULED)
    subscriptions.subscribe(UID, "W", lock=False)
    barrier, found = threading.Barrier(8), []

    def claim(number: int) -> None:
        barrier.wait(NET)
        lock = f"2.25.{number + 1}"
        found.append((outcome(lambda: steps.change_state(UID, IN_PROGRESS, lock)), lock))

    threads = [threading.Thread(target=claim, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(NET)
    assert sorted(status for status, _ in found) == [0] + [0xC301] * 7
    winner = next(lock for status, lock in found if status == 0)
    assert outcome(lambda: steps.change_state(UID, IN_PROGRESS, winner)) == 0xC302
    assert events(outbox) == [(1, "SCHEDULED"), (1, "IN PROGRESS")]


def test_one_of_many_creations_wins(steps: Steps) -> None:
    """The others are duplicates."""
    barrier, found = threading.Barrier(6), []

    def create() -> None:
        barrier.wait(NET)
        found.append(outcome(lambda: steps.create(UID, new_step("x", WorklistLabel="L"))))

    threads = [threading.Thread(target=create) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(NET)
    assert sorted(found) == [0] + [0x0111] * 5


# --- deletion -------------------------------------------------------------------------------


def test_steps_that_are_over_are_deleted_unless_locked(
    steps: Steps, subscriptions: Subscriptions, store: TableStore
) -> None:
    """By age; a deletion lock holds one, also when its subscriber stays without it."""
    for number, state in enumerate((SCHEDULED, COMPLETED, CANCELED)):
        bring(steps, state, f"{UID}.{number}")
    locked = f"{UID}.1"
    subscriptions.subscribe(locked, "W", lock=True)
    subscriptions.subscribe(f"{UID}.2", "W", lock=False)
    del store
    past, future = now() - dt.timedelta(hours=1), now() + dt.timedelta(hours=1)
    assert steps.delete_ended(past) == 0
    assert steps.first_end() == steps.get(f"{UID}.2").ended
    assert steps.delete_ended(future) == 1
    assert [step.uid for step in steps.find(Dataset())] == [f"{UID}.0", locked]
    assert steps.first_end() is None
    subscriptions.subscribe(locked, "W", lock=False)
    assert steps.delete_ended(future) == 1
    assert outcome(lambda: steps.change_state(locked, COMPLETED, LOCK)) == 0xC307


# --- searching ------------------------------------------------------------------------------


def keys(**values: object) -> Dataset:
    dataset = Dataset()
    for keyword, value in values.items():
        setattr(dataset, keyword, value)
    return dataset


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({}, "abc"),
        ({"SOPInstanceUID": "1.1"}, "a"),
        ({"SOPInstanceUID": ["1.1", "1.3"]}, "ac"),
        ({"ProcedureStepState": "IN PROGRESS"}, "c"),
        ({"ProcedureStepLabel": "seg*"}, "ab"),
        ({"ProcedureStepLabel": "segment b"}, "b"),
        ({"WorklistLabel": "AI", "ScheduledProcedureStepPriority": "HIGH"}, "a"),
        ({"PatientName": "doe*"}, "a"),
        ({"PatientID": "P2"}, "b"),
        ({"InputReadinessState": "READY"}, "abc"),
        ({"ScheduledProcedureStepStartDateTime": "20261121-20261122"}, "ab"),
        ({"ScheduledProcedureStepStartDateTime": "20261121090000"}, "a"),
        ({"ScheduledProcedureStepStartDateTime": "20261121100000+0100"}, "a"),
        ({"ScheduledProcedureStepStartDateTime": "20261123-"}, "c"),
        ({"ScheduledStationNameCodeSequence": [keys(CodeValue="1")]}, "b"),
        ({"ReferencedRequestSequence": [keys(AccessionNumber="A9")]}, ""),
    ],
)
def test_a_search_finds_what_matches(steps: Steps, wanted: dict[str, object], found: str) -> None:
    """PS3.4 C.2.2.2 on any attribute, oldest first."""
    made = {
        "a": {
            "ProcedureStepLabel": "segment a",
            "ScheduledProcedureStepPriority": "HIGH",
            "PatientName": "Doe^John",
            "ScheduledProcedureStepStartDateTime": "20261121090000+0000",
        },
        "b": {
            "PatientID": "P2",
            "ScheduledProcedureStepStartDateTime": "20261122090000",
            "ScheduledStationNameCodeSequence": [code()],
        },
        "c": {"ProcedureStepLabel": "other", "ScheduledProcedureStepStartDateTime": "20261123"},
    }
    for number, (name, values) in enumerate(made.items(), 1):
        whole = {"WorklistLabel": "AI", "ProcedureStepLabel": f"segment {name}", **values}
        label = str(whole.pop("ProcedureStepLabel"))
        steps.create(f"1.{number}", new_step(label, **whole))
    steps.change_state("1.3", IN_PROGRESS, LOCK)
    names = {"1.1": "a", "1.2": "b", "1.3": "c"}
    assert "".join(names[step.uid] for step in steps.find(keys(**wanted))) == found


def test_a_list_that_would_be_cut_is_refused(steps: Steps) -> None:
    """A700H."""
    for number in range(3):
        bring(steps, SCHEDULED, f"1.{number + 1}")
    assert len(steps.find(Dataset(), 3)) == 3
    with pytest.raises(StepError) as caught:
        steps.find(Dataset(), 2)
    assert caught.value.code is Code.OUT_OF_RESOURCES
