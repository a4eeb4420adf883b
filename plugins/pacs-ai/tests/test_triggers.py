"""Models that run by themselves, when a series is complete."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ai_archives import HERE, Ai, Start
from ai_phantom import ct_series
from pydantic import ValidationError

from pacs_ai.book import State
from pacs_ai.ordering import KIND, kinds_of, order_runs, payload_of
from pacs_ai.settings import AiSettings
from pacs_ai.terms import DOOR
from pacs_framework.archive.incoming import Origin
from pacs_framework.errors import ConfigurationError
from pacs_framework.jobs import JobCanceled, JobFilter, JobState
from pacs_framework.tables import now
from pacs_framework.testing.jobs import RecordedContext
from pacs_jobs import plugin as jobs

Named = Callable[..., dict[str, Any]]
LATER = 3600.0


@pytest.fixture
def images() -> list[Any]:
    return ct_series()


@pytest.fixture
def triggered(start: Start, python_model: Named) -> Callable[..., Ai]:
    """An archive in which models of `ai_sample_models` run on each CT series."""

    def run(*attributes: str, own: dict[str, Any] | None = None, **trigger: Any) -> Ai:
        triggers = [{"model": each.lower(), **trigger} for each in attributes]
        models = [python_model(each) for each in attributes]
        return start(*models, others={"jobs": jobs}, triggers=triggers, **(own or {}))

    return run


def test_a_model_runs_when_nothing_more_comes(
    triggered: Callable[..., Ai], images: list[Any], pacs_index_url: str
) -> None:
    """By the queue of the archive, on each database; what it made starts none."""
    ai = triggered("Dense", quiet=0.1, own={"index": pacs_index_url})
    ai.running.take_in(images[0])  # one alone, so that a slow machine sees no pause within
    orders = JobFilter(kinds=(KIND,))
    with ai.archive.jobs.news() as news:
        while not (found := ai.archive.jobs.find(orders)) or not found[0].state.is_over:
            news.wait(60)
    (job,) = found
    assert (job.state, job.error) == (JobState.DONE, "")
    (record,) = ai.book.newest(9)
    assert (record.state, record.uid) == (State.DONE, job.result["run"])
    assert ai.archive.lookup.count() == 1 + 3


def change(series: str, *, door: str = "dimse", aet: str = "CT1") -> Any:
    origin = Origin(door=door, calling_aet=aet)
    return SimpleNamespace(study_instance_uid="1.2", series_instance_uid=series, origin=origin)


def test_a_series_is_one_job_however_much_of_it_comes(triggered: Callable[..., Ai]) -> None:
    """For each trigger that is for its sender; results of models make none."""
    ai = triggered("Dense", quiet=LATER, calling_aet="CT*")
    changes = [
        change("1"),
        change("1"),
        change("2"),
        change("3", aet="MR1"),
        change("4", door=DOOR),
    ]
    for _ in range(2):
        order_runs(changes, ai.archive, ai.settings)
    found = ai.archive.jobs.find(JobFilter(kinds=(KIND,)))
    assert sorted(job.key for job in found) == ["dense/1", "dense/2"]
    assert {job.lane for job in found} == {"1", "2"}
    assert all(job.due is not None and job.due > now() for job in found)


def job_of(ai: Ai, images: list[Any], *, whole: bool = False, trigger: int = 0) -> RecordedContext:
    """The work that a trigger orders, without a queue; ``whole``: for the study."""
    study, series = str(images[0].StudyInstanceUID), str(images[0].SeriesInstanceUID)
    payload = payload_of(ai.settings.triggers[trigger], study, "" if whole else series)
    return RecordedContext(payload, kind=KIND)


def done(ai: Ai, context: RecordedContext) -> None:
    (kind,) = kinds_of(ai.archive, ai.settings)
    assert kind.run_together is not None
    kind.run_together([context])


def work(ai: Ai, images: list[Any], *, trigger: int = 0) -> RecordedContext:
    context = job_of(ai, images, trigger=trigger)
    done(ai, context)
    return context


def test_a_run_tells_the_queue(triggered: Callable[..., Ai], images: list[Any]) -> None:
    """Progress, and the run that it became."""
    ai = triggered("Shrugs", quiet=LATER)  # which tells nothing of how far it is
    ai.running.take_in(*images)
    context = work(ai, images)
    (record,) = ai.book.newest(9)
    assert context.outcome == ("done", {"state": "DONE", "run": record.uid})
    assert context.said[-1].done == 1.0


@pytest.mark.parametrize(
    ("attribute", "outcome", "state"),
    [
        ("Raises", "failed", State.FAILED),
        ("Yields", "failed for good", State.REFUSED),
    ],
)
def test_what_was_refused_is_not_tried_again(
    triggered: Callable[..., Ai], images: list[Any], attribute: str, outcome: str, state: State
) -> None:
    """It would be refused again; a failure may have been bad luck. The model's words stay in the
    run, for they may name patients.
    """
    ai = triggered(attribute, quiet=LATER)
    ai.running.take_in(*images)
    context = work(ai, images)
    (record,) = ai.book.newest(9)
    assert record.state is state
    why = f"run {record.uid} is {state}; `pacs ai show` tells why"
    assert context.outcome == (outcome, why)


def test_a_model_that_keeps_failing_rests(triggered: Callable[..., Ai], images: list[Any]) -> None:
    """Its circuit is open: jobs wait, no attempt is counted; a good run closes it."""
    ai = triggered("Raises", quiet=LATER, own={"circuit": 2, "rest": LATER})
    ai.running.take_in(*images)
    outcomes = [work(ai, images).outcome for _ in range(3)]
    assert [each[0] for each in outcomes if each] == ["failed", "failed", "put off"]
    assert len(ai.book.newest(9)) == 2
    rested = triggered("Raises", quiet=LATER, own={"circuit": 2, "rest": 0.001})
    rested.running.take_in(*images)
    assert [work(rested, images).outcome[0] for _ in range(3)] == ["failed"] * 3  # type: ignore[index]


def test_a_model_rests_whatever_another_version_does(
    start: Start, images: list[Any], python_model: Named
) -> None:
    """Two versions on one input, of which one fails: its runs are counted by themselves."""
    ai = start(
        python_model("Raises", name="x"),
        python_model("Dense", name="x", version="2", load="ai_sample_models:Newer"),
        others={"jobs": jobs},
        triggers=[{"model": f"x@{version}", "quiet": LATER} for version in "12"],
        circuit=2,
        rest=LATER,
    )
    ai.running.take_in(*images)
    outcomes = []
    for _ in range(3):
        outcomes.append(work(ai, images, trigger=1).outcome)
        outcomes.append(work(ai, images).outcome)
    assert [each[0] for each in outcomes if each] == ["done", "failed"] * 2 + ["done", "put off"]


def program(text: str) -> dict[str, Any]:
    return {"name": "x", "command": ["sh", "-c", text], "network": True}


def test_a_model_that_finds_nothing_has_done_its_job(start: Start, images: list[Any]) -> None:
    """No attempt is left, and the job is not made again; the queue is not told why, for a model
    may name patients.
    """
    ai = start(
        program("echo none >{output}/nothing.txt"),
        others={"jobs": jobs},
        triggers=[{"model": "x", "quiet": LATER}],
    )
    ai.running.take_in(*images)
    job = job_of(ai, images)
    done(ai, job)
    (record,) = ai.book.newest(9)
    assert record.state is State.NOTHING
    assert job.outcome == ("done", {"state": "NOTHING", "run": record.uid})
    assert job.said[-1].done == 1.0
    again = job_of(ai, images)
    again.job = job.job
    done(ai, again)
    assert again.outcome == job.outcome
    assert len(ai.book.newest(9)) == 1


def test_to_find_nothing_does_not_open_a_circuit_and_closes_it(
    start: Start, images: list[Any]
) -> None:
    """However often: a model that says that it found nothing works."""
    ai = start(
        program("exec $PROGRAM"),
        others={"jobs": jobs},
        triggers=[{"model": "x", "quiet": LATER}],
        circuit=2,
        rest=LATER,
    )
    ai.running.take_in(*images)

    def outcomes(program: str, times: int) -> list[str]:
        model = ai.settings.models[0]
        changed = model.model_copy(update={"environment": {"PROGRAM": program}})
        ai.settings = ai.settings.model_copy(update={"models": (changed,)})
        contexts = [work(ai, images) for _ in range(times)]
        return [context.outcome[0] for context in contexts if context.outcome]

    nothing = "cp /proc/version ../output/nothing.txt"
    assert outcomes(nothing, 3) == ["done"] * 3
    assert outcomes("false", 1) == ["failed"]
    assert outcomes(nothing, 1) == ["done"]
    assert outcomes("false", 3) == ["failed", "failed", "put off"]


def test_a_job_of_several_series_tells_what_was_found_on_how_many(
    start: Start, images: list[Any]
) -> None:
    """The runs of all, and how many of them found nothing."""
    more = ct_series(StudyInstanceUID=images[0].StudyInstanceUID)
    text = (
        f"if ls {{input}} | grep -q '^{more[0].SeriesInstanceUID}#'; then "
        f"{sys.executable} {HERE}/ai_modules.py nothing none; else "
        f"{sys.executable} {HERE}/ai_modules.py nothing ''; fi"
    )
    ai = start(
        program(text),
        others={"jobs": jobs},
        triggers=[{"model": "x", "quiet": LATER, "level": "study"}],
    )
    ai.running.take_in(*images, *more)
    job = job_of(ai, images, whole=True)
    done(ai, job)
    records = ai.book.newest(9)
    assert sorted(record.state for record in records) == [State.DONE, State.NOTHING]
    assert job.outcome is not None
    told = job.outcome[1]
    assert isinstance(told, dict)
    assert (told["state"], told["nothing"], told["passed_over"]) == ("DONE", 1, 0)
    assert sorted(told["runs"]) == sorted(record.uid for record in records)


def test_series_of_other_kinds_are_passed_over(
    triggered: Callable[..., Ai], images: list[Any]
) -> None:
    ai = triggered("Dense", quiet=LATER, description="*CHEST*")
    ai.running.take_in(*images)
    context = work(ai, images)
    assert context.outcome is not None
    assert context.outcome[1]["reason"] == "the trigger is for other series"  # type: ignore[index]
    assert ai.book.newest(9) == []


def test_a_canceled_job_ends_its_model(triggered: Callable[..., Ai], images: list[Any]) -> None:
    """While it runs; the run is CANCELED, and the queue is told by the exception."""
    ai = triggered("Hangs", quiet=LATER)
    ai.running.take_in(*images)
    context = job_of(ai, images)
    context.progress = lambda *_: context.cancelled.set()  # type: ignore[method-assign]
    with pytest.raises(JobCanceled):
        done(ai, context)
    assert [record.state for record in ai.book.newest(9)] == [State.CANCELED]


def test_in_the_shadow_results_go_into_a_folder(
    triggered: Callable[..., Ai], images: list[Any], tmp_path: Path
) -> None:
    """The archive is as it was; the run is known."""
    ai = triggered("Dense", quiet=LATER, shadow=str(tmp_path / "shadow"))
    ai.running.take_in(*images)
    work(ai, images)
    assert len(list((tmp_path / "shadow").iterdir())) == 3
    assert ai.archive.lookup.count() == len(images)


def test_a_study_is_one_job_however_many_series_come(triggered: Callable[..., Ai]) -> None:
    """Where the study has to be complete; its key is its own."""
    ai = triggered("Dense", quiet=LATER, level="study")
    order_runs([change("1"), change("2")], ai.archive, ai.settings)
    (job,) = ai.archive.jobs.find(JobFilter(kinds=(KIND,)))
    assert (job.key, job.lane, job.payload["series"]) == ("dense/1.2", "1.2", "")


def test_a_model_runs_on_every_series_of_a_study_that_fits(
    triggered: Callable[..., Ai], images: list[Any]
) -> None:
    """And, where the job is taken once more, on those alone that it had not come to."""
    others = ct_series(StudyInstanceUID=images[0].StudyInstanceUID, SeriesDescription="SCOUT")
    more = ct_series(StudyInstanceUID=images[0].StudyInstanceUID, SeriesDescription="CHEST 1mm")
    for image in images:
        image.SeriesDescription = "CHEST 5mm"
    ai = triggered("Dense", quiet=LATER, level="study", description="CHEST*")
    ai.running.take_in(*images, *others, *more)
    job = job_of(ai, images, whole=True)
    done(ai, job)
    records = ai.book.newest(9)
    assert {record.series_instance_uid for record in records} == {
        images[0].SeriesInstanceUID,
        more[0].SeriesInstanceUID,
    }
    runs = sorted(record.uid for record in records)
    assert job.outcome is not None
    told = job.outcome[1]
    assert isinstance(told, dict)
    assert (sorted(told["runs"]), told["passed_over"]) == (runs, 0)
    assert [each.total for each in job.said[-1:]] == [2.0]
    again = job_of(ai, images, whole=True)
    again.job = job.job
    done(ai, again)
    assert again.outcome == job.outcome
    assert len(ai.book.newest(9)) == 2


@pytest.mark.parametrize(
    ("when", "state"),
    [("SliceThickness <= 8 and KVP == 120", "DONE"), ("SliceThickness < 8", "PASSED OVER")],
)
def test_a_condition_is_asked_of_the_series(
    triggered: Callable[..., Ai], images: list[Any], when: str, state: str
) -> None:
    ai = triggered("Dense", quiet=LATER, when=when)
    ai.running.take_in(*images)
    context = work(ai, images)
    assert context.outcome is not None
    assert context.outcome[1]["state"] == state  # type: ignore[index]


@pytest.mark.parametrize(
    ("own", "reason"),
    [
        ({"triggers": [{"model": "denes"}]}, "'denes' is not known; there are .*dense@1"),
        ({"triggers": [{"model": "dense@2"}]}, "'dense@2' is not known"),
        (
            {"workitems": [{"model": "denes", "station": {"value": "AI1"}}]},
            "'denes' is not known; there are .*dense@1",
        ),
        ({"triggers": [{"model": "both"}]}, "the trigger for 'both' needs level = 'study'"),
    ],
)
def test_a_model_that_is_not_there_stops_the_start(
    start: Start, python_model: Named, own: dict[str, Any], reason: str
) -> None:
    """Rather than be found missing by the first job of a trigger, or the first step."""
    both = python_model("Dense", name="both", level="study")
    with pytest.raises(ConfigurationError, match=reason):
        start(python_model("Dense"), both, others={"jobs": jobs}, **own)


def test_a_condition_that_means_nothing_stops_the_start() -> None:
    """With the place that it is wrong at."""
    with pytest.raises(ValidationError, match="SliceThicknes") as refused:
        AiSettings.model_validate({"triggers": [{"model": "x", "when": "SliceThicknes < 3"}]})
    assert "SliceThickness" in str(refused.value)
