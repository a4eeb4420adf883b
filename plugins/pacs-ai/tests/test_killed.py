"""Whole archives, killed and canceled while a model runs: nothing is left, and it runs again."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ai_alive import SECONDS, Alive
from ai_archives import HERE
from ai_phantom import ct_series
from ai_steps import outputs_of, scheduler, step_for
from pydicom import Dataset

from pacs_framework.testing.forked import start_module
from pacs_framework.testing.instances import Instances
from pacs_framework.testing.process import ServedArchive, served

pytestmark = pytest.mark.crash

_WORKITEM = '[[plugin.ai.workitems]]\nmodel = "holds"\nworkitem = { value = "SEGMENT" }\n'
_TRIGGER = '[[plugin.ai.triggers]]\nmodel = "holds"\nquiet = 0.1\n'


@pytest.fixture
def image() -> Dataset:
    return ct_series()[0]


@pytest.fixture
def alive(tmp_path: Path) -> Iterator[Callable[[], Alive]]:
    """A new pipe, at the same place: one that has ended stays so."""
    made: list[Alive] = []

    def new() -> Alive:
        (tmp_path / "alive").unlink(missing_ok=True)
        made.append(Alive(tmp_path))
        return made[-1]

    yield new
    for each in made:
        each.close()


def config(folder: Path) -> str:
    """A model of `ai_worker_models` that runs until there is a file ``go``."""
    return f"""
[[plugin.ai.models]]
name = "holds"
version = "1"
load = "ai_worker_models:Holds"
folder = "{HERE}"
network = true
environment = {{ ALIVE = "{folder / "alive"}", GO = "{folder / "go"}" }}
"""


def shown(archive: ServedArchive, *command: str) -> Any:
    done = archive.run(*command, "--config", archive.config, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def states(archive: ServedArchive) -> list[str]:
    """Of the runs, oldest first."""
    return [row["state"] for row in reversed(shown(archive, "ai", "runs"))]


def jobs_of(archive: ServedArchive) -> list[Any]:
    found: list[Any] = shown(archive, "jobs", "list", "--kind", "ai.run")
    return found


def the_job(archive: ServedArchive) -> Any:
    (job,) = jobs_of(archive)
    return job


def take_in(archive: ServedArchive, image: Dataset, folder: Path) -> None:
    path = Instances().write(image, folder)
    done = archive.command("import", path)
    assert done.returncode == 0, done.stderr


def test_a_run_is_taken_up_again_when_the_archive_was_killed(
    tmp_path: Path, image: Dataset, alive: Callable[[], Alive]
) -> None:
    """kill -9 in the middle: no process is left, nor half a result; the next start does it."""
    place, here = tmp_path / "archive", config(tmp_path) + _TRIGGER
    first = alive()
    with served(place, config=here) as archive:
        take_in(archive, image, tmp_path)
        first.wait_for_one()
        archive.kill()
    assert first.is_over()
    second = alive()
    with served(place, config=here) as archive:
        second.wait_for_one()
        assert states(archive) == ["LOST", "RUNNING"]
        assert len(archive.objects()) == 1
        (tmp_path / "go").touch()
        # What came in may be told twice around a kill: the second job finds the run of the first.
        for job in jobs_of(archive):
            archive.run("jobs", "watch", job["id"], "--config", archive.config)
        assert states(archive) == ["LOST", "DONE"]
        assert len(archive.objects()) == 2
        assert archive.stop() == 0
    assert second.is_over()


def test_a_step_is_completed_once_when_the_archive_was_killed(
    tmp_path: Path, image: Dataset, alive: Callable[[], Alive]
) -> None:
    """kill -9 while its model runs: it stays IN PROGRESS, and the next start completes it."""
    place, here = tmp_path / "archive", config(tmp_path) + _WORKITEM
    first = alive()
    with served(place, config=here) as archive:
        take_in(archive, image, tmp_path)
        with scheduler(archive) as peer:
            uid = peer.schedule(step_for([image]))
            first.wait_for_one()
            assert peer.step(uid).ProcedureStepState == "IN PROGRESS"
        archive.kill()
    assert first.is_over()
    second = alive()
    with served(place, config=here) as archive:
        second.wait_for_one()
        (tmp_path / "go").touch()
        (job,) = shown(archive, "jobs", "list", "--kind", "ups.perform")
        archive.run("jobs", "watch", job["id"], "--config", archive.config)
        with scheduler(archive) as peer:
            step = peer.step(uid)
        assert step.ProcedureStepState == "COMPLETED"
        assert states(archive) == ["LOST", "DONE"]
        assert len(archive.objects()) == 2
        assert len(outputs_of(step)) == 1
        assert archive.stop() == 0


def test_a_canceled_job_ends_its_model_at_once(
    tmp_path: Path, image: Dataset, alive: Callable[[], Alive]
) -> None:
    """With all it started; how far it was is known by then."""
    pipe = alive()
    with served(tmp_path / "archive", config=config(tmp_path) + _TRIGGER) as archive:
        take_in(archive, image, tmp_path)
        pipe.wait_for_one()
        number = the_job(archive)["id"]
        done = archive.run("jobs", "cancel", number, "--config", archive.config)
        assert done.returncode == 0, done.stderr
        assert pipe.is_over()
        archive.run("jobs", "watch", number, "--config", archive.config)
        job = the_job(archive)
        assert (job["state"], job["progress"]["done"]) == ("canceled", 0.5)
        assert states(archive) == ["CANCELED"]
        assert len(archive.objects()) == 1


def test_nothing_is_left_of_a_killed_command(
    tmp_path: Path, image: Dataset, alive: Callable[[], Alive]
) -> None:
    """kill -9 of ``pacs ai run``: the run is LOST, and a next one is done."""
    pipe, series = alive(), str(image.SeriesInstanceUID)
    with served(tmp_path / "archive", config=config(tmp_path)) as archive:
        take_in(archive, image, tmp_path)
        command = ("ai", "run", "holds", "--series", series, "--config", str(archive.config))
        with (
            (tmp_path / "log").open("w") as log,
            start_module(
                "pacs_framework.cli", *command, stderr=log, environment=archive.environment
            ) as process,
        ):
            pipe.wait_for_one()
            process.kill()
            process.wait(SECONDS)
        assert pipe.is_over()
        assert states(archive) == ["LOST"]
        runs = archive.data / "ai"
        assert not [*(runs / "runs").iterdir(), *(runs / "workers").iterdir()]
        (tmp_path / "go").touch()
        alive()
        (row,) = shown(archive, "ai", "run", "holds", "--series", series)
        assert row["state"] == "DONE"
