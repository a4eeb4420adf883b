"""Archives in processes of their own: killed in a job, stopped, and two on one base."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from jobs_processes import Slow, run, shown

from pacs_framework.testing.postgres import PrivatePostgres
from pacs_framework.testing.process import served
from pacs_jobs.ending import CRASHED


@pytest.mark.parametrize("workers", [1, 2])
def test_a_job_is_done_though_the_archive_was_killed(
    tmp_path: Path, slow: Slow, workers: int
) -> None:
    """kill -9 in the middle: the next start does it again, as its second attempt, and once."""
    config = f"[network]\nworkers = {workers}\n"
    with served(tmp_path, config=config, plugins=slow.plugins) as archive:
        job = slow.start(archive, "k")
        slow.begun(1)
        archive.cut_power()
    with served(tmp_path, config=config, plugins=slow.plugins) as archive:
        (_, before), (_, now) = slow.begun(2)
        slow.let_go()
        run(archive, "watch", job)
        facts = shown(archive, job)
        assert (facts["state"], facts["attempts"]) == ("done", 1)
        assert facts["result"] == {"pid": now} != {"pid": before}
        assert [line["text"] for line in facts["log"]] == [CRASHED]
        assert slow.start(archive, "k") == job
    assert slow.done() == ["k"]


def test_a_stop_costs_no_attempt_and_the_next_start_goes_on(tmp_path: Path, slow: Slow) -> None:
    """Work that is told to end does so within the stop."""
    with served(tmp_path, plugins=slow.plugins) as archive:
        job = slow.start(archive, "k")
        slow.begun(1)
        assert archive.stop() == 0
        facts = shown(archive, job)
        assert (facts["state"], facts["attempts"]) == ("waiting", 0)
    slow.let_go()
    with served(tmp_path, plugins=slow.plugins) as archive:
        run(archive, "watch", job)
        assert shown(archive, job)["state"] == "done"


@pytest.mark.postgresql
def test_a_node_takes_up_what_a_killed_one_was_doing(
    tmp_path: Path, slow: Slow, pacs_postgres: PrivatePostgres
) -> None:
    """When its lease is over; jobs of the living one go on, and each is done once."""
    config = f'[index]\nurl = "{pacs_postgres.new_database()}"\n[plugin.jobs]\nlease = 8\n'
    objects = f'[storage]\nurl = "{(tmp_path / "objects").as_uri()}"\n'
    with (
        served(tmp_path / "a", config=config + objects, plugins=slow.plugins) as one,
        served(tmp_path / "b", config=config + objects, plugins=slow.plugins) as other,
    ):
        keys = ["a", "b", "c"]
        jobs = {key: slow.start(one, key) for key in keys}
        begun = dict(slow.begun(3))
        assert set(begun) == {*keys}
        killed = {key for key, pid in begun.items() if pid == one.process.pid}
        one.cut_power()
        again = slow.begun(3 + len(killed))[3:]
        slow.let_go()
        run(other, "watch", *jobs.values())
        assert {key for key, _ in again} == killed
        assert {pid for _, pid in again} <= {other.process.pid}
        found = json.loads(run(other, "list", "--json"))
        attempts = {job["key"]: job["attempts"] for job in found}
        assert attempts == {key: int(key in killed) for key in keys}
    assert sorted(slow.done()) == keys
