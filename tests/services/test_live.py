"""``pacs plugins`` and ``pacs health`` beside a running archive."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable

from pydicom import Dataset

from pacs_framework.dicom.status import Status
from pacs_framework.live import ask
from pacs_framework.testing.instances import make_instance
from pacs_framework.testing.process import ServedArchive

from .isolation import Serve, eventually, hook_figures, pacs

Store = Callable[[ServedArchive, Dataset], Dataset]

AGREES = """
    from pacs_framework import hookimpl

    @hookimpl
    def on_store(instance): ...
"""


def workers(archive: ServedArchive) -> set[int]:
    answers = ask(archive.data, "health")
    return {answer["pid"] for answer in answers if answer.get("role") == "worker"}


def test_figures_are_those_of_all_processes(serve: Serve, store: Store) -> None:
    """The workers' and the supervisor's; a worker that was replaced is one of them."""
    archive = serve(AGREES, "", "--workers", "2")
    eventually(lambda: pacs(archive, "health").returncode == 0)
    for _ in range(6):
        assert store(archive, make_instance()).Status == Status.SUCCESS
    assert hook_figures(archive, "bad", "on_store")["calls"] == 6
    assert sorted(each["role"] for each in ask(archive.data, "health")) == [
        "supervisor",
        "worker",
        "worker",
    ]
    killed = workers(archive).pop()
    os.kill(killed, signal.SIGKILL)
    eventually(lambda: len(workers(archive) - {killed}) == 2)
    assert pacs(archive, "health").returncode == 0


def test_top_prints_once_where_no_terminal_is(serve: Serve, store: Store) -> None:
    archive = serve(AGREES)
    assert store(archive, make_instance()).Status == Status.SUCCESS
    table = pacs(archive, "plugins", "--top")
    assert table.returncode == 0
    [line] = [line.split() for line in table.stdout.splitlines() if line.startswith("bad")]
    assert line[:3] == ["bad", "on_store", "1"]
    said = json.loads(pacs(archive, "plugins", "--top", "--json").stdout)
    assert [process["role"] for process in said["processes"]] == ["archive"]
    assert said["problems"] == []
    over = pacs(archive, "plugins", "--top", "--json", "--interval", "0.2")
    hooks = json.loads(over.stdout)["hooks"]
    assert {hook["calls_per_second"] for hook in hooks} == {0}, "nothing was called meanwhile"
    assert pacs(archive, "plugins", "--interval", "2").returncode == 2


def test_without_an_archive_health_and_top_say_so(serve: Serve) -> None:
    archive = serve(AGREES)
    archive.kill()
    health = pacs(archive, "health", "--json")
    assert health.returncode == 1
    assert json.loads(health.stdout) == {
        "healthy": False,
        "reasons": [f"no archive runs on {archive.data}"],
        "processes": [],
    }
    top = pacs(archive, "plugins", "--top")
    assert top.returncode == 1
    assert f"no archive runs on {archive.data}" in top.stderr
    assert pacs(archive, "plugins").returncode == 0


def test_a_storage_that_fails_is_a_reason(serve: Serve) -> None:
    """Found when it is asked, not when the next instance is lost."""
    archive = serve(AGREES)
    objects = archive.data / "objects"
    objects.rename(archive.data / "gone")
    health = pacs(archive, "health")
    assert health.returncode == 1
    assert "the storage fails" in health.stdout
    (archive.data / "gone").rename(objects)
    assert pacs(archive, "health").returncode == 0
