"""Models that perform Unified Procedure Steps, scheduled by pynetdicom and by HTTP."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from ai_archives import Ai, Start
from ai_phantom import ct_series
from ai_steps import coded, outputs_of, scheduler, step_for
from pydantic import ValidationError
from pydicom import Dataset
from pydicom.uid import generate_uid

import pacs_ai.plugin
import pacs_dicomweb.plugin
import pacs_jobs.plugin
import pacs_ups.plugin
from pacs_ai.book import State
from pacs_ai.performing.performer import ModelPerformer, Performed
from pacs_ai.performing.settings import WorkitemSettings
from pacs_ai.settings import AiSettings
from pacs_framework.jobs import Job, JobFilter, JobState
from pacs_framework.testing.jobs import RecordedContext, wait_for
from pacs_framework.testing.memory_storage import MemoryStorage
from pacs_framework.testing.postgres import PrivatePostgres
from pacs_http.testing import open_signal_pipe, serve_http

Named = Callable[..., dict[str, Any]]
Performs = Callable[..., Ai]
KIND = "ups.perform"


@pytest.fixture(scope="session", autouse=True)
def signal_pipe() -> None:
    """What libuv opens once in a process is not left behind by the test that came first."""
    open_signal_pipe()


@pytest.fixture
def images() -> list[Dataset]:
    return ct_series()


@pytest.fixture
def performs(start: Start, python_model: Named) -> Performs:
    """An archive in which steps to SEGMENT are for a model of `ai_sample_models`."""

    def run(
        attribute: str,
        *,
        ups: dict[str, Any] | None = None,
        environment: dict[str, str] | None = None,
        **own: Any,
    ) -> Ai:
        workitem = {"model": attribute.lower(), "workitem": {"value": "SEGMENT"}}
        return start(
            python_model(attribute, environment=environment or {}),
            others={"jobs": pacs_jobs.plugin, "ups": pacs_ups.plugin},
            beside={"ups": ups or {}},
            workitems=[workitem],
            **own,
        )

    return run


def job_of(ai: Ai, uid: str) -> Job:
    """The job for a step, once it is over."""
    wanted = JobFilter(kinds=(KIND,), lane=uid)
    with ai.archive.jobs.news() as news:
        while not (found := ai.archive.jobs.find(wanted)):
            news.wait(60)
    return wait_for(ai.archive.jobs, found[0].id)


def why_of(step: Dataset) -> tuple[str, str]:
    """Why it was canceled: in words and by code."""
    (item,) = step.ProcedureStepProgressInformationSequence
    (code,) = item.ProcedureStepDiscontinuationReasonCodeSequence
    return str(item.ReasonForCancellation), str(code.CodeValue)


def test_a_scheduled_step_runs_its_model(
    performs: Performs, images: list[Dataset], pacs_index_url: str
) -> None:
    """Claimed, its progress told, COMPLETED with references to what is in the archive then."""
    ai = performs("Dense", index=pacs_index_url)
    ai.running.take_in(*images)
    with scheduler(ai.running) as peer:
        uid = peer.schedule(step_for(images))
        job = job_of(ai, uid)
        step = peer.step(uid)
    assert (job.state, job.result) == (JobState.DONE, {"state": "COMPLETED"})
    assert step.ProcedureStepState == "COMPLETED"
    assert "TransactionUID" not in step  # the key of the lock
    (record,) = ai.book.newest(9)
    made = [each.sop_instance_uid for each in ai.book.results(record)]
    assert (record.state, sorted(outputs_of(step))) == (State.DONE, sorted(made))
    assert all(ai.archive.lookup.instance(each) for each in made)
    (performed,) = step.UnifiedProcedureStepPerformedProcedureSequence
    assert performed.PerformedWorkitemCodeSequence[0].CodeValue == "SEGMENT"
    assert performed.OutputInformationSequence[0].StudyInstanceUID == images[0].StudyInstanceUID
    (place,) = performed.OutputInformationSequence[0].DICOMRetrievalSequence
    assert place.RetrieveAETitle == "ARCHIVE"
    (progress,) = step.ProcedureStepProgressInformationSequence
    assert progress.ProcedureStepProgress == "100"


def test_a_step_of_a_model_that_finds_nothing_is_completed(
    performs: Performs, images: list[Dataset], pacs_index_url: str
) -> None:
    """It was performed, and has no output: the sequence is there without items (PS3.4 CC.2.5)."""
    environment = {"HOW": "plainly"}
    ai = performs("Finds", index=pacs_index_url, environment=environment)
    others = ct_series(StudyInstanceUID=images[0].StudyInstanceUID)
    ai.running.take_in(*images, *others)
    with scheduler(ai.running) as peer:
        uid = peer.schedule(step_for(images, others))
        job = job_of(ai, uid)
        step = peer.step(uid)
    assert (job.state, job.result) == (JobState.DONE, {"state": "COMPLETED"})
    assert (step.ProcedureStepState, outputs_of(step)) == ("COMPLETED", [])
    (performed,) = step.UnifiedProcedureStepPerformedProcedureSequence
    assert performed.PerformedWorkitemCodeSequence[0].CodeValue == "SEGMENT"
    (progress,) = step.ProcedureStepProgressInformationSequence
    assert "ProcedureStepDiscontinuationReasonCodeSequence" not in progress
    records = ai.book.newest(9)
    assert [record.state for record in records] == [State.NOTHING] * 2
    assert ai.archive.lookup.count() == len(images) + len(others)


def test_a_step_that_is_taken_up_again_finds_that_nothing_was_found(
    performs: Performs, images: list[Dataset]
) -> None:
    """By the run of a process that died before it could say so."""
    ai = performs("Finds", environment={"HOW": "plainly"})
    ai.running.take_in(*images)
    assert [performed(ai, step_for(images)) for _ in range(2)] == [Performed(), Performed()]
    assert [record.state for record in ai.book.newest(9)] == [State.NOTHING]


def test_steps_for_others_are_left_alone(performs: Performs, images: list[Dataset]) -> None:
    """They stay SCHEDULED, for whoever they are meant."""
    ai = performs("Dense")
    ai.running.take_in(*images)
    with scheduler(ai.running) as peer:
        other = peer.schedule(step_for(images, workitem="READ"))
        job_of(ai, peer.schedule(step_for(images)))  # by now the first one was looked at, too
        assert peer.step(other).ProcedureStepState == "SCHEDULED"
    assert not ai.archive.jobs.find(JobFilter(kinds=(KIND,), lane=other))


def test_input_that_is_not_there_is_refused(performs: Performs, images: list[Dataset]) -> None:
    """With how much is missing, by the code of the standard; nothing runs."""
    ai = performs("Dense")
    ai.running.take_in(*images[:-2])
    with scheduler(ai.running) as peer:
        uid = peer.schedule(step_for(images))
        job = job_of(ai, uid)
        step = peer.step(uid)
    assert (step.ProcedureStepState, job.state) == ("CANCELED", JobState.DONE)
    reason, code = why_of(step)
    assert code == "110523"  # Object Set incomplete
    assert "of 12 instances of series" in reason
    assert "2 are not in the archive" in reason
    assert ai.book.newest(9) == []


def test_a_step_waits_for_its_input_when_scheduled_so(
    performs: Performs, images: list[Dataset]
) -> None:
    """INCOMPLETE until somebody says that it is READY."""
    ai = performs("Dense")
    with scheduler(ai.running) as peer:
        uid = peer.schedule(step_for(images, InputReadinessState="INCOMPLETE"))
        ai.running.take_in(*images)
        assert peer.step(uid).ProcedureStepState == "SCHEDULED"
        assert peer.change(uid, InputReadinessState="READY") == 0
        job_of(ai, uid)
        assert peer.step(uid).ProcedureStepState == "COMPLETED"


@pytest.mark.parametrize(
    ("attribute", "state"),
    [("Raises", State.FAILED), ("Yields", State.REFUSED)],
)
def test_a_model_that_fails_cancels_the_step(
    performs: Performs, images: list[Dataset], attribute: str, state: State
) -> None:
    """After the last attempt; what was refused is not tried again. The reason names the run."""
    ai = performs(attribute, ups={"perform_attempts": 1})
    ai.running.take_in(*images)
    with scheduler(ai.running) as peer:
        uid = peer.schedule(step_for(images))
        job = job_of(ai, uid)
        step = peer.step(uid)
    (record,) = ai.book.newest(9)
    assert (record.state, step.ProcedureStepState) == (state, "CANCELED")
    why = f"run {record.uid} is {state}; `pacs ai show` tells why"
    assert why_of(step) == (why, "110501")
    failed = state is State.FAILED
    assert job.state is (JobState.FAILED if failed else JobState.DONE)


def test_a_request_to_cancel_ends_the_model(performs: Performs, images: list[Dataset]) -> None:
    """The step is CANCELED with the words of who asked, the run and the job are canceled."""
    ai = performs("Hangs")
    ai.running.take_in(*images)
    with scheduler(ai.running) as peer:
        uid = peer.schedule(step_for(images))
        with ai.archive.jobs.news() as news:
            while not any(record.state is State.RUNNING for record in ai.book.newest(1)):
                news.wait(60)
        code = coded("110500", "DCM")
        status = peer.request_cancel(
            uid,
            ReasonForCancellation="not needed",
            ProcedureStepDiscontinuationReasonCodeSequence=[code],
        )
        job = job_of(ai, uid)
        step = peer.step(uid)
    assert (status, step.ProcedureStepState) == (0, "CANCELED")
    assert why_of(step) == ("not needed", "110500")
    assert job.state is JobState.CANCELED
    assert [record.state for record in ai.book.newest(9)] == [State.CANCELED]


def test_a_step_that_somebody_claims_first_is_theirs(
    performs: Performs, images: list[Dataset]
) -> None:
    """While it waits for its hour."""
    ai = performs("Dense")
    ai.running.take_in(*images)
    with scheduler(ai.running) as peer:
        uid = peer.schedule(step_for(images, ScheduledProcedureStepStartDateTime="20990101"))
        assert peer.claim(uid, str(generate_uid())) == 0
        status = peer.change(uid, ProcedureStepLabel="mine")
        assert status == 0xC301  # not without its Transaction UID
        assert peer.step(uid).ProcedureStepState == "IN PROGRESS"
    assert ai.book.newest(9) == []


def test_two_nodes_perform_a_step_once(
    performs: Performs, images: list[Dataset], pacs_postgres: PrivatePostgres
) -> None:
    """Whichever it was scheduled at."""
    url = pacs_postgres.new_database()
    storage = MemoryStorage()
    nodes = [performs("Dense", index=url, storage=storage) for _ in range(2)]
    series = [ct_series() for _ in range(3)]
    for each in series:
        nodes[0].running.take_in(*each)
    uids = []
    for number, each in enumerate(series):
        with scheduler(nodes[number % 2].running) as peer:
            uids.append(peer.schedule(step_for(each)))
    with scheduler(nodes[0].running) as peer:
        for uid in uids:
            job_of(nodes[0], uid)
        steps = [peer.step(uid) for uid in uids]
    records = nodes[0].book.newest(9)
    assert sorted(record.series_instance_uid for record in records) == sorted(
        str(each[0].SeriesInstanceUID) for each in series
    )
    assert {record.state for record in records} == {State.DONE}
    assert {step.ProcedureStepState for step in steps} == {"COMPLETED"}


def test_a_step_is_scheduled_and_followed_by_http(
    pacs_archive: Any, python_model: Named, images: list[Dataset]
) -> None:
    """UPS-RS, the same life."""
    own = {
        "models": [{"version": "1", **python_model("Dense")}],
        "workitems": [{"model": "dense@1", "station": {"value": "AI1", "scheme": "99TEST"}}],
    }
    plugins = {
        "ai": pacs_ai.plugin,
        "dicomweb": pacs_dicomweb.plugin,
        "jobs": pacs_jobs.plugin,
        "ups": pacs_ups.plugin,
    }
    web = serve_http(pacs_archive, plugins, settings={"plugin": {"ai": own}})
    ai = Ai(web.running, own)
    ai.running.take_in(*images)
    step = step_for(images, ScheduledStationNameCodeSequence=[coded("AI1")])
    uid = str(generate_uid())
    with web.client() as client:
        made = client.post(
            f"/dicom-web/workitems?workitem={uid}",
            content=json.dumps([step.to_json_dict()]),
            headers={"Content-Type": "application/dicom+json"},
        )
        assert made.status_code == 201, made.text
        job_of(ai, uid)
        (found,) = client.get(f"/dicom-web/workitems/{uid}").json()
    after = Dataset.from_json(found)
    assert after.ProcedureStepState == "COMPLETED"
    (record,) = ai.book.newest(9)
    assert len(outputs_of(after)) == len(ai.book.results(record)) == 3


def performed(ai: Ai, step: Dataset, uid: str = "1.2.3") -> Performed:
    """What the performer makes of a step, without one."""
    performer = ModelPerformer(ai.archive, ai.settings)
    assert performer.wants(step)
    return performer.perform(uid, step, RecordedContext())


def test_a_step_that_is_taken_up_again_finds_its_run(
    performs: Performs, images: list[Dataset]
) -> None:
    """One that is DONE; and one that died when all was stored, which is DONE then. Another step
    has runs of its own.
    """
    ai = performs("Dense")
    ai.running.take_in(*images)
    first = performed(ai, step_for(images))
    assert performed(ai, step_for(images)) == first
    (record,) = ai.book.newest(9)
    ai.book.end(record.uid, State.LOST)
    assert performed(ai, step_for(images)) == first
    assert [each.state for each in ai.book.newest(9)] == [State.DONE]
    other = performed(ai, step_for(images), "1.2.4")
    assert len(ai.book.newest(9)) == 2
    assert not set(first.outputs) & set(other.outputs)


def test_a_run_that_is_lost_is_made_again(performs: Performs, images: list[Dataset]) -> None:
    ai = performs("Dense")
    ai.running.take_in(*images)
    uid = "1.2.3"
    first = performed(ai, step_for(images), uid)
    (record,) = ai.book.newest(9)
    ai.book.end(record.uid, State.FAILED)
    again = performed(ai, step_for(images), uid)
    assert not set(first.outputs) & set(again.outputs)
    assert [each.state for each in ai.book.newest(9)] == [State.DONE, State.FAILED]


@pytest.mark.parametrize(
    ("spoil", "reason", "code"),
    [
        (
            lambda step: step.update({"InputInformationSequence": None}),
            "names no instances",
            "110523",
        ),
        (
            lambda step: step.InputInformationSequence[0].ReferencedSOPSequence.pop(),
            "leaves out 1 instances",
            "110523",
        ),
        (
            lambda step: delattr(step.InputInformationSequence[0], "SeriesInstanceUID"),
            "without their study or series",
            "110523",
        ),
        (
            lambda step: step.InputInformationSequence.append(
                step_for(ct_series()).InputInformationSequence[0]
            ),
            "of 2 studies",
            "110522",
        ),
        (lambda step: step.update({"PatientID": "SOMEBODY ELSE"}), "of another patient", "110514"),
    ],
)
def test_input_that_makes_no_sense_is_refused(
    performs: Performs,
    images: list[Dataset],
    spoil: Callable[[Dataset], object],
    reason: str,
    code: str,
) -> None:
    ai = performs("Dense")
    ai.running.take_in(*images)
    step = step_for(images)
    spoil(step)
    found = performed(ai, step)
    assert (found.outputs, found.reason_code) == ((), code)
    assert reason in found.refusal


def test_series_that_no_model_is_for_are_refused(performs: Performs) -> None:
    other = ct_series(Modality="MR")
    ai = performs("Dense")
    ai.running.take_in(*other)
    found = performed(ai, step_for(other))
    assert found.reason_code == "110522"  # Object Types not supported
    assert "the modality is MR, not CT" in found.refusal


def test_a_model_that_is_not_there_refuses(performs: Performs, images: list[Dataset]) -> None:
    """It may have been taken out of the configuration of this node."""
    ai = performs("Dense")
    ai.running.take_in(*images)
    workitem = WorkitemSettings.model_validate({"model": "gone", "workitem": {"value": "SEGMENT"}})
    settings = ai.settings.model_copy(update={"workitems": (workitem,)})
    found = ModelPerformer(ai.archive, settings).perform("1.2", step_for(images), RecordedContext())
    assert found.refusal.startswith("the model 'gone' is not known")


@pytest.mark.parametrize(
    ("workitem", "reason"),
    [
        ({"workitem": {"value": "X"}}, "names the model"),
        ({"model": "dense", "worklist": "AI"}, "need a workitem or a station"),
    ],
)
def test_workitems_say_what_they_are_for(workitem: dict[str, Any], reason: str) -> None:
    """Nobody may start a model by any step whatever."""
    with pytest.raises(ValidationError, match=reason):
        AiSettings.model_validate({"workitems": [workitem]})
