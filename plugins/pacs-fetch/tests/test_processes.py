"""Archives that are killed while they fetch, and two of them on one database."""

from __future__ import annotations

import json
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from fetch_peers import PATIENCE, OtherPacs, config_of, fetching, jobs_of, settled, study, until
from pydicom import Dataset

from pacs_framework.jobs import JobOrder, JobState
from pacs_framework.testing.factories import Archives
from pacs_framework.testing.forked import start_module
from pacs_framework.testing.memory_storage import MemoryStorage
from pacs_framework.testing.postgres import PrivatePostgres
from pacs_framework.testing.process import ServedArchive, served
from pacs_framework.testing.sockets import free_port

STUDIES = 4

pytestmark = pytest.mark.timeout(360)  # a dozen processes each, and machines may be busy


class Halting:
    """Sends the first studies, and holds the instances of the next one until it is let go."""

    def __init__(self, other: OtherPacs) -> None:
        self.held = threading.Event()
        self.go_on = threading.Event()
        self._left = 2
        other.has = [each for n in range(STUDIES) for each in study(f"2.25.{n}")]
        other.send = self._send

    def _send(self, instances: list[Dataset]) -> list[Dataset]:
        self._left -= 1
        if self._left < 0:
            self.held.set()
            self.go_on.wait(PATIENCE)
        return instances


def told(archive: ServedArchive, *arguments: str) -> Any:
    """What a command prints as JSON."""
    done = archive.run(*arguments, "--config", archive.config, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.crash
@pytest.mark.parametrize(("retrieve", "workers"), [("get", 1), ("move", 2)])
def test_a_kill_in_the_middle_goes_on_where_it_was(
    tmp_path: Path, other: OtherPacs, retrieve: str, workers: int
) -> None:
    """kill -9 of everything in the third study: that one is asked for again, the first two not."""
    halting, ours = Halting(other), free_port()
    other.destination = ("127.0.0.1", ours)
    config = config_of(other.port, retrieve=retrieve, workers=workers)
    options = ["--port", str(ours)]
    with served(tmp_path / "archive", config=config, options=options) as archive:
        dates = ("--study-date", "20260301", "--no-wait")
        assert told(archive, "fetch", "pull", "old", *dates)["queued"] == STUDIES
        assert halting.held.wait(PATIENCE)
        until(lambda: told(archive, "fetch", "sources")[0]["done"] == 2)
        archive.cut_power()
    halting.go_on.set()
    with served(tmp_path / "archive", config=config, options=options) as archive:
        until(lambda: told(archive, "fetch", "sources")[0]["done"] == STUDIES)
        assert told(archive, "verify")["instances"] == 2 * STUDIES
        assert told(archive, "fetch", "compare", "old", "--study-date", "20260301")["studies"] == []
    assert sorted(other.moved) == sorted([*{*other.moved}, other.moved[2]])
    assert len({*other.moved}) == STUDIES


@pytest.mark.crash
def test_a_pull_whose_command_is_killed_goes_on(tmp_path: Path, other: OtherPacs) -> None:
    """What it has put in is fetched all the same; run again, it finds the rest waiting."""
    halting = Halting(other)
    config = config_of(other.port)
    with served(tmp_path / "archive", config=config) as archive:
        command = ["pacs_framework.cli", "fetch", "pull", "old", "--config", str(archive.config)]
        dates = ["--study-date", "20260301"]
        with start_module(
            *command, *dates, stderr=sys.stderr, environment=archive.environment
        ) as process:
            assert halting.held.wait(PATIENCE)
            process.kill()
        assert told(archive, "fetch", "sources")[0]["waiting"] == STUDIES - 3
        halting.go_on.set()
        until(lambda: told(archive, "fetch", "sources")[0]["done"] == STUDIES)
        assert told(archive, "fetch", "pull", "old", *dates) == {"queued": 0, "studies": []}
    assert sorted(other.moved) == sorted({*other.moved})


@pytest.mark.postgresql
def test_two_nodes_fetch_each_study_once(
    pacs_archive: Archives, pacs_postgres: PrivatePostgres, other: OtherPacs
) -> None:
    """Both compare, at the same moment; the limits of the source hold for both together."""
    other.has = [each for n in range(8) for each in study(f"2.25.{n}")]
    settings = {"index": {"url": pacs_postgres.new_database()}}
    objects = MemoryStorage()
    one, two = (
        fetching(pacs_archive, other, source={"at_once": 2}, settings=settings, storage=objects)
        for _ in range(2)
    )
    payload = {"source": "old", "first": "20260301", "last": "20260301"}
    order = JobOrder(kind="fetch.compare", payload=payload, key="the same night")
    for node in (one, two):
        node.archive.jobs.enqueue([order])
    until(lambda: len(jobs_of(two)) == 8, lambda: jobs_of(two))
    assert {job.state for job in settled(two)} == {JobState.DONE}
    assert sorted(other.moved) == sorted({*other.moved})
    assert two.archive.lookup.count() == 16
