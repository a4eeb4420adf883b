"""Archives that are killed while they send, and two of them on one database."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import pytest
from pydicom.uid import generate_uid
from routing_nodes import PATIENCE, Node, jobs_of, routing, until

import pacs_storage_commitment.plugin
import pacs_store.plugin
from pacs_framework.dicom.status import Status
from pacs_framework.jobs import JobState
from pacs_framework.testing.factories import Archives
from pacs_framework.testing.instances import make_instance
from pacs_framework.testing.memory_storage import MemoryStorage
from pacs_framework.testing.postgres import PrivatePostgres
from pacs_framework.testing.process import ServedArchive, served

CONFIG = """[network]
workers = {workers}
[peers.node]
aet = "NODE"
host = "127.0.0.1"
port = {port}
[[plugin.routing.destination]]
name = "node"
peer = "NODE"
together = 1
retry_first = 0.1
retry_longest = 0.2
[[plugin.routing.rule]]
name = "all"
send_to = "node"
"""
STUDY = """complete = "study"
quiet = 0.5
"""
NUMBER = 6


def config_for(node: Node, workers: int = 1) -> str:
    """Everything goes to ``node``, one instance in an association."""
    return CONFIG.format(port=node.peer["port"], workers=workers)


def folder_of(tmp_path: Path, number: int, **attributes: str) -> tuple[Path, list[str]]:
    """Files of so many instances, and their UIDs in order."""
    folder = tmp_path / "files"
    folder.mkdir()
    made = [make_instance(**attributes) for _ in range(number)]
    for place, each in enumerate(made):
        each.save_as(folder / f"{place:03}.dcm", enforce_file_format=True)
    return folder, [str(each.SOPInstanceUID) for each in made]


def state_of(archive: ServedArchive) -> dict[str, Any]:
    """What `pacs routing destinations` says of the only one."""
    done = archive.run("routing", "destinations", "--config", archive.config, "--json")
    assert done.returncode == 0, done.stderr
    (found,) = json.loads(done.stdout)
    return dict(found)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_kill_while_the_destination_is_away_loses_nothing_and_doubles_nothing(
    tmp_path: Path, node: Node, workers: int
) -> None:
    """kill -9 of everything; when both are back, each instance arrives once."""
    folder, uids = folder_of(tmp_path, NUMBER)
    node.away = True
    config = config_for(node, workers)
    with served(tmp_path / "archive", config=config) as archive:
        assert archive.command("import", folder).returncode == 0
        until(lambda: node.refused > 1)
        archive.cut_power()
    with served(tmp_path / "archive", config=config) as archive:
        node.away = False
        until(lambda: set(uids) <= set(node.instances), archive.log_text)
        until(lambda: state_of(archive)["done"] == NUMBER, archive.log_text)
    assert sorted(node.arrived) == sorted(uids)


def test_a_kill_in_the_middle_repeats_what_was_not_answered_alone(
    tmp_path: Path, node: Node
) -> None:
    """Three were answered, the fourth was on its way: that one comes twice, the others once."""
    folder, uids = folder_of(tmp_path, NUMBER)
    going_on = threading.Event()
    answered = iter([True] * 3)

    def answer(_request: object) -> int:
        if not next(answered, False):
            going_on.wait(PATIENCE)
        return Status.SUCCESS

    node.answer = answer
    with served(tmp_path / "archive", config=config_for(node)) as archive:
        assert archive.command("import", folder).returncode == 0
        until(lambda: len(node.arrived) == 4 and state_of(archive)["done"] == 3, archive.log_text)
        archive.cut_power()
    going_on.set()
    with served(tmp_path / "archive", config=config_for(node)) as archive:
        until(lambda: set(uids) <= set(node.instances), archive.log_text)
        until(lambda: state_of(archive)["done"] == NUMBER, archive.log_text)
    repeated = [uid for uid in uids if node.arrived.count(uid) > 1]
    assert repeated == [node.arrived[3]]
    assert len(node.arrived) == NUMBER + 1


def test_a_kill_in_a_study_loses_nothing_and_repeats_only_the_last_of_it(
    tmp_path: Path, node: Node
) -> None:
    """Many in one association: what was written down as done by the kill is not sent again."""
    study, number = str(generate_uid()), 40
    folder, uids = folder_of(tmp_path, number, StudyInstanceUID=study)
    killed = threading.Event()

    def answer(_request: object) -> int:
        if len(node.arrived) > number // 2:
            killed.wait(PATIENCE)
        return Status.SUCCESS

    node.answer = answer
    config = config_for(node).replace("together = 1\n", "") + STUDY
    with served(tmp_path / "archive", config=config) as archive:
        assert archive.command("import", folder).returncode == 0
        until(lambda: state_of(archive)["done"] >= number // 2, archive.log_text)
        archive.cut_power()
    first = len(node.associations)
    killed.set()
    with served(tmp_path / "archive", config=config) as archive:
        until(lambda: set(uids) <= set(node.instances), archive.log_text)
        until(lambda: state_of(archive)["done"] == number, archive.log_text)
    assert first == 1
    assert len(node.arrived) == number + 1
    assert [uid for uid in uids if node.arrived.count(uid) > 1] == [node.arrived[number // 2]]


@pytest.mark.postgresql
def test_two_nodes_send_each_instance_once(
    pacs_archive: Archives, pacs_postgres: PrivatePostgres, node: Node
) -> None:
    """What came in at either; the one that is left sends what the other had when it ended."""
    settings = {"index": {"url": pacs_postgres.new_database()}}
    destination = {"together": 2, "associations": 2}
    objects = MemoryStorage()
    one, two = (
        routing(pacs_archive, node, destination=destination, settings=settings, storage=objects)
        for _ in range(2)
    )
    made = [make_instance() for _ in range(20)]
    takers = [
        threading.Thread(target=running.take_in, args=each)
        for running, each in ((one, made[:10]), (two, made[10:]))
    ]
    for taker in takers:
        taker.start()
    for taker in takers:
        taker.join()
    until(lambda: len(jobs_of(two, JobState.DONE)) == 20, lambda: jobs_of(two))
    assert sorted(node.arrived) == sorted(str(each.SOPInstanceUID) for each in made)
    one.stop()
    two.take_in(last := make_instance())
    until(lambda: str(last.SOPInstanceUID) in node.instances)


STUDIES = 2
VAULT = """[network]
workers = {workers}
[peers.vault]
aet = "VAULT"
host = "127.0.0.1"
port = {port}
[[plugin.routing.destination]]
name = "vault"
peer = "VAULT"
retry_first = 0.1
retry_longest = 0.2
[[plugin.routing.rule]]
name = "all"
send_to = "vault"
complete = "study"
quiet = 0.5
delete_when_committed = "vault"
"""


@pytest.mark.parametrize("workers", [1, 2])
def test_a_kill_before_the_destination_was_asked_keeps_all_and_forgets_nothing(
    tmp_path: Path, pacs_archive: Archives, workers: int
) -> None:
    """What was sent stands here until the next start has asked; then it is deleted, once."""
    vault = pacs_archive(
        {"store": pacs_store.plugin, "storage-commitment": pacs_storage_commitment.plugin}
    )
    folder, uids = folder_of(tmp_path, STUDIES)
    config = VAULT.format(port=vault.port, workers=workers).replace('"VAULT"', f'"{vault.aet}"')

    def jobs(archive: ServedArchive, *command: str) -> str:
        done = archive.run("jobs", *command, "--config", archive.config)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def commits(archive: ServedArchive, state: str) -> int:
        found = json.loads(jobs(archive, "list", "--state", state, "--limit", "100", "--json"))
        return [each["kind"] for each in found].count("routing.commit")

    with served(tmp_path / "archive", config=config) as archive:
        jobs(archive, "pause", "routing.commit")
        assert archive.command("import", folder).returncode == 0
        until(lambda: commits(archive, "waiting") == STUDIES, archive.log_text)
        archive.cut_power()
    with served(tmp_path / "archive", config=config) as archive:
        assert len(vault.archive.lookup.present(uids)) == STUDIES
        assert archive.command("deletions", "--json").stdout.strip() == "[]"
        jobs(archive, "resume", "routing.commit")
        until(lambda: commits(archive, "done") == STUDIES, archive.log_text)
        found = json.loads(archive.command("deletions", "--json").stdout)
        assert [each["instances"] for each in found] == [1] * STUDIES
        assert archive.objects() == []
    assert len(vault.archive.lookup.present(uids)) == STUDIES
