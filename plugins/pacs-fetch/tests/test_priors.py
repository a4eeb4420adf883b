"""Priors of who is on the worklist: found, scored, fetched once, and of no other patient."""

from __future__ import annotations

from copy import deepcopy

import pytest
from fetch_peers import (
    DAY,
    PLUGINS,
    OtherPacs,
    fetching,
    jobs_of,
    plan_step,
    settled,
    study,
    until,
)
from pydicom import DataElement, Dataset
from pydicom.config import IGNORE

from pacs_fetch.priors.planning import PatientPlan, Planner
from pacs_fetch.priors.work import orders_of
from pacs_fetch.settings import FetchSettings
from pacs_framework.archive.corrections import PatientKey
from pacs_framework.errors import ConfigurationError, PacsError
from pacs_framework.jobs import JobFilter, JobOrder, JobState
from pacs_framework.testing.factories import Archives
from pacs_framework.testing.jobs import wait_for
from pacs_framework.testing.running import RunningArchive


def planned(running: RunningArchive) -> list[PatientPlan]:
    found = next(each.settings for each in running.plugins.active if each.name == "fetch")
    assert isinstance(found, FetchSettings)
    return list(Planner(running.archive, found).plan(DAY, DAY))


def verdicts(running: RunningArchive) -> dict[str, tuple[int, str]]:
    return {
        each.study.uid: (each.judgement.score, str(each.verdict))
        for plan in planned(running)
        for each in plan.candidates
    }


def look(running: RunningArchive, *, days: str = DAY) -> JobState:
    """Have priors looked for by a job; how it ended, or that it waits for another attempt."""
    queue = running.archive.jobs
    (put,) = queue.enqueue([JobOrder(kind="fetch.priors", payload={"first": days, "last": days})])
    states = (JobState.DONE, JobState.FAILED, JobState.WAITING)
    until(lambda: queue.get(put.id).state is not JobState.WAITING or queue.get(put.id).attempts > 0)
    return wait_for(queue, put.id, *states).state


def test_the_best_priors_are_fetched_each_by_a_job(
    pacs_archive: Archives, other: OtherPacs
) -> None:
    other.has = [
        *study("2.25.1"),
        *study("2.25.2", Modality="MR", StudyDescription="MR Thorax"),
        *study("2.25.3", StudyDescription="CT Kopf"),
        *study("2.25.4", StudyDate="19100101"),
        *study("2.25.5", PatientID="P2"),
    ]
    running = fetching(pacs_archive, other, priors={})
    plan_step(running)
    assert verdicts(running) == {
        "2.25.1": (100, "fetch"),
        "2.25.2": (80, "fetch"),
        "2.25.3": (20, "not relevant"),
        "2.25.4": (100, "too old"),
    }
    assert look(running) is JobState.DONE
    jobs = settled(running)
    assert {(job.payload["study"], job.state, job.priority) for job in jobs} == {
        ("2.25.1", JobState.DONE, 5),
        ("2.25.2", JobState.DONE, 5),
    }
    assert running.archive.lookup.count() == 4
    assert "P1" not in str([(job.payload, job.result) for job in jobs])


def test_nothing_is_sent_twice(pacs_archive: Archives, other: OtherPacs) -> None:
    """By a second look, after a first one; nor where the source counts more than it has."""
    other.has = study("2.25.1")

    def lie(level: str, answer: Dataset) -> list[Dataset]:
        if level == "STUDY":
            answer.NumberOfStudyRelatedInstances = 7
        return [answer]

    other.lie = lie
    running = fetching(pacs_archive, other, priors={})
    plan_step(running)
    for _ in range(2):
        assert look(running) is JobState.DONE
        assert {job.state for job in settled(running)} == {JobState.DONE}
    assert [job.result["moved"] for job in jobs_of(running)] == [0, 2]
    assert other.moved == ["2.25.1"]


def test_a_study_that_is_here_counts_among_the_best(
    pacs_archive: Archives, other: OtherPacs
) -> None:
    other.has = [
        study_ for n in range(4) for study_ in study(f"2.25.{n}", StudyDate=f"2026020{n + 1}")
    ]
    running = fetching(pacs_archive, other, priors={"most": 2})
    running.take_in(*study("2.25.3"))
    plan_step(running)
    assert verdicts(running) == {
        "2.25.3": (100, "here"),
        "2.25.2": (100, "fetch"),
        "2.25.1": (100, "enough others"),
        "2.25.0": (100, "enough others"),
    }


def test_the_study_that_is_planned_is_no_prior(pacs_archive: Archives, other: OtherPacs) -> None:
    other.has = study("2.25.1000")
    running = fetching(pacs_archive, other, priors={})
    plan_step(running)
    assert verdicts(running) == {}


def test_what_is_here_in_part_is_completed(pacs_archive: Archives, other: OtherPacs) -> None:
    other.has = study("2.25.1", 3)
    running = fetching(pacs_archive, other, priors={})
    running.take_in(other.has[0])
    plan_step(running)
    assert look(running) is JobState.DONE
    settled(running)
    assert running.archive.lookup.count_of_study("2.25.1") == 3


def test_series_tell_what_the_study_does_not(pacs_archive: Archives, other: OtherPacs) -> None:
    """Body Part Examined, where the description says nothing; asked for once, if at all."""
    other.has = [
        *study("2.25.1", StudyDescription="Routine", BodyPartExamined="CHEST"),
        *study("2.25.2", StudyDescription="CT Thorax", StudyDate="20260101"),
    ]
    running = fetching(pacs_archive, other, priors={})
    plan_step(running)
    assert verdicts(running) == {"2.25.1": (100, "fetch"), "2.25.2": (100, "fetch")}
    assert [level for level, _ in other.asked] == ["STUDY", "SERIES"]


# --- whose they are -------------------------------------------------------------------------------


def test_answers_about_others_are_refused_and_told(
    pacs_archive: Archives, other: OtherPacs
) -> None:
    """A peer that does not heed Patient ID; one that has another person by the same number."""
    other.has = [*study("2.25.1"), *study("2.25.2")]

    def lie(level: str, answer: Dataset) -> list[Dataset]:
        if answer.StudyInstanceUID == "2.25.2":
            answer.PatientBirthDate = "19991231"
        twins = []
        if level == "STUDY":
            for n in range(3):
                twin = deepcopy(answer)
                twin.PatientID, twin.StudyInstanceUID = f"Q{n}", f"2.25.9{n}"
                twins.append(twin)
        return [answer, *twins]

    other.lie = lie
    running = fetching(pacs_archive, other, priors={})
    plan_step(running)
    (plan,) = planned(running)
    assert [each.study.uid for each in plan.wanted] == ["2.25.1"]
    assert plan.refused == 7
    assert sorted(plan.problems) == [
        "old: 1 answers refused: another birth date",
        "old: 6 answers refused: another Patient ID",
    ]


def test_instances_of_another_patient_end_the_job_for_good(
    pacs_archive: Archives, other: OtherPacs
) -> None:
    """A peer whose list says P1, and that sends P2: named, and filed under P2."""
    other.has = study("2.25.1")
    other.send = lambda _instances: study("2.25.1", PatientID="P2")
    running = fetching(pacs_archive, other, priors={})
    plan_step(running)
    assert look(running) is JobState.DONE
    (job,) = settled(running)
    assert (job.state, job.attempts) == (JobState.FAILED, 1)
    assert "2 instances came that are of another patient" in job.error
    assert "2.25.1.1.1" in job.error
    assert "P2" not in job.error
    assert {each.patient_id for each in running.archive.lookup.instances()} == {"P2"}


def test_a_patient_that_was_merged_is_still_the_same(
    pacs_archive: Archives, other: OtherPacs
) -> None:
    """The other archive knows the old number: what comes is filed under the new one."""
    other.has = study("2.25.1")
    running = fetching(pacs_archive, other, priors={})
    plan_step(running)
    one, two = PatientKey(patient_id="P1"), PatientKey(patient_id="P9")
    running.archive.patients.update(two, {"PatientName": "Doe^Jane"}, by="test", reason="test")
    (plan,) = planned(running)
    running.archive.patients.merge(one, two, by="test", reason="test")
    running.archive.jobs.enqueue(orders_of(plan))
    (job,) = settled(running)
    assert job.state is JobState.DONE, job.error
    assert {each.patient_id for each in running.archive.lookup.instances()} == {"P9"}


def test_another_domain_is_asked_by_a_linked_id(pacs_archive: Archives, other: OtherPacs) -> None:
    other.has = study("2.25.1", PatientID="R77")
    running = fetching(pacs_archive, other, source={"issuer": "REGION"}, priors={})
    plan_step(running)
    (plan,) = planned(running)
    assert plan.problems == [
        "old is not asked: no Patient ID of issuer 'REGION' is linked with the patient"
    ]
    assert other.asked == []
    ours, theirs = PatientKey(patient_id="P1"), PatientKey(patient_id="R77", issuer="REGION")
    running.archive.patients.link(ours, theirs, by="test", reason="test")
    assert look(running) is JobState.DONE
    (job,) = settled(running)
    assert job.state is JobState.DONE, job.error
    assert running.archive.lookup.count_of_study("2.25.1") == 2


def test_a_wild_card_for_a_patient_id_asks_for_nobody(
    pacs_archive: Archives, other: OtherPacs
) -> None:
    other.has = study("2.25.1")
    running = fetching(pacs_archive, other, priors={"own_worklist": False, "worklist_peers": "OLD"})
    step = Dataset()
    step.Modality, step.ScheduledProcedureStepID = "CT", "S1"
    for patient in ("*", ""):
        item = Dataset()
        item.PatientID = patient
        item.StudyInstanceUID = "2.25.8"
        item.ScheduledProcedureStepSequence = [step]
        other.worklist = [item]
        (plan,) = planned(running)
        assert plan.candidates == []
        assert len(plan.problems) == 1
    assert {level for level, _ in other.asked} == {"WORKLIST"}


# --- who cannot be asked --------------------------------------------------------------------------


def test_a_source_that_is_away_is_asked_again_later(
    pacs_archive: Archives, other: OtherPacs
) -> None:
    """Once in a run, however many patients there are; the run is not complete, and is repeated."""
    other.has = [*study("2.25.1"), *study("2.25.2", PatientID="P2")]
    running = fetching(pacs_archive, other, priors={})
    for number in ("1", "2"):
        plan_step(
            running,
            PatientID=f"P{number}",
            StudyInstanceUID=f"2.25.100{number}",
            ScheduledProcedureStepID=f"S{number}",
        )
    other.go()
    plans = planned(running)
    assert plans[0].unanswered == plans[1].unanswered
    assert "source 'old', OLD at 127.0.0.1" in plans[0].unanswered[0]
    assert look(running) is JobState.WAITING
    (job,) = jobs_of(running, "fetch.priors")[:1]
    assert "for 2 patients not all sources answered" in job.error
    other.come()
    running.archive.jobs.retry(JobFilter(ids=[job.id]))
    assert wait_for(running.archive.jobs, job.id).state is JobState.DONE
    assert len(settled(running)) == 2


def test_a_source_that_goes_away_while_it_sends_finds_all_waiting(
    pacs_archive: Archives, other: OtherPacs
) -> None:
    """Between the list and the studies; nothing is given up, and all comes once it is back."""
    other.has = study("2.25.1")
    running = fetching(pacs_archive, other, priors={})
    plan_step(running)
    (plan,) = planned(running)
    other.go()
    running.archive.jobs.enqueue(orders_of(plan))
    until(lambda: bool(running.archive.jobs.pauses()))
    (job,) = jobs_of(running)
    assert (job.state, job.attempts) == (JobState.WAITING, 0)
    other.come()
    (job,) = settled(running)
    assert job.state is JobState.DONE, job.error


def test_an_answer_that_is_broken_off_is_not_taken_for_all(
    pacs_archive: Archives, other: OtherPacs
) -> None:
    other.has = [each for n in range(5) for each in study(f"2.25.{n}", 1)]
    other.limit = 3
    running = fetching(pacs_archive, other, priors={})
    plan_step(running)
    (plan,) = planned(running)
    assert plan.candidates == []
    assert "A700" in plan.unanswered[0]


def test_a_silent_limit_that_is_known_is_told(pacs_archive: Archives, other: OtherPacs) -> None:
    other.has = [each for n in range(5) for each in study(f"2.25.{n}", 1)]
    other.limit, other.limit_status = 3, 0x0000
    running = fetching(pacs_archive, other, source={"most_answers": 3}, priors={})
    plan_step(running)
    (plan,) = planned(running)
    assert "most_answers is 3" in plan.unanswered[0]


def test_duplicates_are_one_study(pacs_archive: Archives, other: OtherPacs) -> None:
    """The one that counts more instances."""
    other.has = study("2.25.1", 3)

    def lie(level: str, answer: Dataset) -> list[Dataset]:
        less = deepcopy(answer)
        if level == "STUDY":
            less.NumberOfStudyRelatedInstances = 1
        return [answer, less, answer]

    other.lie = lie
    running = fetching(pacs_archive, other, priors={})
    plan_step(running)
    (plan,) = planned(running)
    assert [each.study.instances for each in plan.candidates] == [3]


@pytest.mark.parametrize("uid", ["", "1.2.x", "1" * 65])
def test_an_answer_without_a_uid_is_refused(
    pacs_archive: Archives, other: OtherPacs, uid: str
) -> None:
    other.has = study("2.25.1")

    def lie(_level: str, answer: Dataset) -> list[Dataset]:
        other_ = deepcopy(answer)
        other_.add(DataElement("StudyInstanceUID", "UI", uid, validation_mode=IGNORE))
        return [other_, answer]

    other.lie = lie
    running = fetching(pacs_archive, other, priors={})
    plan_step(running)
    (plan,) = planned(running)
    assert plan.problems == ["old: 1 answers refused: no Study Instance UID"]
    assert [each.study.uid for each in plan.wanted] == ["2.25.1"]


# --- worklists ------------------------------------------------------------------------------------


def test_without_a_worklist_there_is_no_start(pacs_archive: Archives, other: OtherPacs) -> None:
    without = {name: each for name, each in PLUGINS.items() if name != "worklist"}
    with pytest.raises(ConfigurationError, match="no worklist to know patients by"):
        fetching(pacs_archive, other, priors={}, plugins=without)


def test_without_a_queue_there_is_no_start(pacs_archive: Archives, other: OtherPacs) -> None:
    without = {name: each for name, each in PLUGINS.items() if name != "jobs"}
    with pytest.raises((ConfigurationError, PacsError), match="queue of jobs"):
        fetching(pacs_archive, other, plugins=without)


def test_a_peer_that_is_not_known_is_told_at_the_start(
    pacs_archive: Archives, other: OtherPacs
) -> None:
    with pytest.raises(ConfigurationError, match=r"no \[peers.NAME\] has the aet 'RIS'"):
        fetching(pacs_archive, other, priors={"worklist_peers": "RIS"})


def test_what_was_missed_is_looked_for_at_the_start(
    pacs_archive: Archives, other: OtherPacs
) -> None:
    """The run of the last evening; and the next one waits for its moment."""
    running = fetching(pacs_archive, other, priors={"at": ["00:00", "12:00"]})
    until(lambda: len(jobs_of(running, "fetch.priors")) == 2)
    upcoming, last = jobs_of(running, "fetch.priors")
    assert wait_for(running.archive.jobs, last.id).state is JobState.DONE
    assert upcoming.state is JobState.WAITING
    assert upcoming.due is not None
    assert upcoming.due > last.created


def test_payloads_that_make_no_sense_are_refused(pacs_archive: Archives, other: OtherPacs) -> None:
    running = fetching(pacs_archive, other, priors={})
    queue = running.archive.jobs
    for kind, payload in [
        ("fetch.priors", {}),
        ("fetch.priors", {"first": "20261124", "last": "20261123"}),
        ("fetch.compare", {"source": "old"}),
        ("fetch.study.old", {"study": "../../etc"}),
        ("fetch.study.old", {"study": "2.25.1", "instances": "many"}),
    ]:
        with pytest.raises(PacsError, match=r"payload|instances"):
            queue.enqueue([JobOrder(kind=kind, payload=payload)])
