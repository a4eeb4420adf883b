"""What a destination has committed to keep is deleted here, and nothing else ever is."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from pydicom import Dataset
from pydicom.uid import generate_uid
from routing_nodes import QUICK, Node, jobs_of, process, routing, settled, until

import pacs_storage_commitment.plugin
import pacs_store.plugin
from pacs_framework.archive.deletions import Target
from pacs_framework.archive.marks import Subject
from pacs_framework.errors import ConfigurationError
from pacs_framework.jobs import Job, JobFilter, JobState
from pacs_framework.tables import Pauses
from pacs_framework.testing.factories import Archives
from pacs_framework.testing.instances import make_instance
from pacs_framework.testing.memory_storage import MemoryStorage
from pacs_framework.testing.running import RunningArchive
from pacs_framework.testing.sockets import free_port
from pacs_routing.settings import RoutingSettings
from pacs_routing.terms import COMMIT, DELIVERED

_COMMITMENT = {"storage-commitment": pacs_storage_commitment.plugin}
_RULE = {"name": "all", "complete": "study", "quiet": 0.2, "forced": 0}

needs_orthanc = pytest.mark.skipif(
    shutil.which("Orthanc") is None, reason="Debian package orthanc is not installed"
)


def sending(archives: Archives, peer: dict[str, Any], **own: Any) -> RunningArchive:
    """An archive that sends studies to ``peer``, and deletes what that has committed to."""
    where = {"name": "vault", "peer": peer["aet"], **QUICK, **own.pop("destination", {})}
    rule = {**_RULE, "send_to": "vault", "delete_when_committed": "vault", **own.pop("rule", {})}
    return routing(
        archives,
        destinations=[where, *own.pop("more", [])],
        rules=[rule, *own.pop("rules", [])],
        settings={"peers": {"vault": peer, **own.pop("peers", {})}},
        plugins=_COMMITMENT,
        **own,
    )


@pytest.fixture(autouse=True)
def a_refused_deletion_is_tried_again_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the commitment comes before the archive has let go of the study: half a minute."""
    soon = Pauses(first=0.2, longest=0.2)
    monkeypatch.setattr("pacs_routing.committing.asking._DELETION", soon)


@pytest.fixture
def vault(pacs_archive: Archives) -> RunningArchive:
    """An archive of ours, which stores and commits."""
    return pacs_archive({"store": pacs_store.plugin, **_COMMITMENT})


def known(running: RunningArchive) -> dict[str, Any]:
    """How a peer is told of it."""
    return {"aet": running.aet, "host": running.host, "port": running.port}


def study(number: int = 3) -> list[Dataset]:
    """Instances of one study."""
    uids = {"StudyInstanceUID": generate_uid(), "SeriesInstanceUID": generate_uid()}
    return [make_instance(**uids) for _ in range(number)]


def present(running: RunningArchive, made: list[Dataset]) -> int:
    """How many of them it has."""
    return len(running.archive.lookup.present(str(each.SOPInstanceUID) for each in made))


def asked(running: RunningArchive, kind: str = COMMIT, *states: JobState) -> list[Job]:
    """The jobs that see to it."""
    return list(running.archive.jobs.find(JobFilter(kinds=[kind], states=states)))


def results(running: RunningArchive, name: str) -> list[Any]:
    """What those jobs say that are done; one that was woken twice may find nothing more to do."""
    done = asked(running, COMMIT, JobState.DONE)
    return [job.result[name] for job in done if name in job.result]


def told(running: RunningArchive) -> Callable[[], object]:
    """For a test that waits in vain."""
    return lambda: [*asked(running, DELIVERED), *asked(running)]


def test_a_study_goes_when_every_instance_of_it_is_safe(
    pacs_archive: Archives, vault: RunningArchive
) -> None:
    """It is in the other archive then, and the deletion says why it was."""
    source = sending(pacs_archive, known(vault))
    made = study()
    source.take_in(*made)
    until(lambda: present(source, made) == 0, told(source))
    assert present(vault, made) == 3
    (deletion,) = source.archive.deleting.history(10)
    assert (deletion.instances, deletion.by) == (3, "routing rule all")
    assert deletion.reason == f"{vault.aet} has committed to its storage"
    until(lambda: results(source, "deleted") == [3], told(source))


def test_a_series_goes_alone(pacs_archive: Archives, vault: RunningArchive) -> None:
    """Where the rule waits for series: another one of the study stays, which it does not send."""
    rule = {"complete": "series", "when": 'Modality = "CT"'}
    source = sending(pacs_archive, known(vault), rule=rule)
    made = study()
    other = make_instance(StudyInstanceUID=made[0].StudyInstanceUID, Modality="MR")
    source.take_in(other, *made)
    until(lambda: present(source, made) == 0, told(source))
    assert present(source, [other]) == 1


def test_a_study_stays_of_which_something_is_not_sent(
    pacs_archive: Archives, vault: RunningArchive
) -> None:
    """It was never asked for."""
    source = sending(pacs_archive, known(vault), rule={"when": 'Modality = "CT"'})
    made = study()
    made.append(make_instance(StudyInstanceUID=made[0].StudyInstanceUID, Modality="MR"))
    source.take_in(*made)
    until(lambda: bool(asked(source, DELIVERED, JobState.DONE)), told(source))
    assert present(source, made) == 4
    assert asked(source, DELIVERED)[0].result == {"kept": "1 of 4 instances were not sent to vault"}
    assert asked(source) == []


def test_a_study_stays_as_long_as_another_destination_waits_for_it(
    pacs_archive: Archives, vault: RunningArchive, node: Node
) -> None:
    """One that is away does not lose it; when it has it, the study goes at once."""
    node.away = True
    source = sending(
        pacs_archive,
        known(vault),
        peers={"node": node.peer},
        more=[{"name": "node", "peer": node.aet, **QUICK}],
        rules=[{"name": "too", "send_to": "node"}],
    )
    made = study()
    source.take_in(*made)
    waiting = lambda: [job.error for job in asked(source, DELIVERED, JobState.WAITING)]  # noqa: E731
    until(lambda: "something of it is waiting for node" in waiting(), told(source))
    assert present(source, made) == 3
    node.away = False
    until(lambda: present(source, made) == 0, told(source))
    assert len(node.instances) == 3


def test_nothing_goes_that_the_destination_does_not_commit_to(
    pacs_archive: Archives, node: Node
) -> None:
    """This one takes instances, and knows no storage commitment: a person is told."""
    source = sending(pacs_archive, node.peer, destination={"attempts": 2})
    made = study()
    source.take_in(*made)
    settled(source, 3)
    until(lambda: bool(asked(source, COMMIT, JobState.FAILED)), told(source))
    assert present(source, made) == 3
    (failed,) = asked(source, COMMIT, JobState.FAILED)
    assert failed.error.startswith("given up: NODE: ")
    assert "0211H" in failed.error


def test_nothing_goes_of_which_the_destination_has_lost_one(
    pacs_archive: Archives, vault: RunningArchive
) -> None:
    """Then it is asked anew; a retry by hand after it has it again lets all go."""
    source = sending(pacs_archive, known(vault), destination={"attempts": 1}, rule={"quiet": 1.0})
    made = study()

    source.archive.jobs.pause(COMMIT)
    source.take_in(*made)
    until(lambda: bool(asked(source)), told(source))
    lost = Target(instance=str(made[0].SOPInstanceUID))
    vault.archive.deleting.delete(lost, by="test", reason="to be lost")
    source.archive.jobs.resume(COMMIT)
    until(lambda: bool(asked(source, COMMIT, JobState.FAILED)), told(source))
    (failed,) = asked(source, COMMIT, JobState.FAILED)
    assert "1 of 3 instances are not committed: 0112H" in failed.error
    assert present(source, made) == 3
    vault.take_in(made[0])
    source.archive.jobs.retry(JobFilter(kinds=[COMMIT], states=[JobState.FAILED]))
    until(lambda: present(source, made) == 0, told(source))


def test_what_came_in_since_keeps_all_of_it(pacs_archive: Archives, vault: RunningArchive) -> None:
    """A new version of an instance is not the one that was committed to: it is sent first."""
    source = sending(pacs_archive, known(vault))
    made = study()
    source.archive.jobs.pause(COMMIT)
    source.take_in(*made)
    until(lambda: bool(asked(source)), told(source))
    source.archive.jobs.pause("routing.send.vault")
    late = make_instance(
        StudyInstanceUID=made[0].StudyInstanceUID, SeriesInstanceUID=made[0].SeriesInstanceUID
    )
    source.take_in(late)
    until(lambda: len(jobs_of(source)) == 4)
    source.archive.jobs.resume(COMMIT)
    until(lambda: bool(asked(source, COMMIT, JobState.DONE)), told(source))
    assert results(source, "kept")[0].startswith("something of it is")
    assert present(source, [*made, late]) == 4
    source.archive.jobs.resume("routing.send.vault")
    until(lambda: present(source, [*made, late]) == 0, told(source))
    assert present(vault, [*made, late]) == 4


def test_a_protected_study_stays(pacs_archive: Archives, vault: RunningArchive) -> None:
    """It was sent, and is committed to; a person has to decide."""
    source = sending(pacs_archive, known(vault))
    made = study()
    source.archive.jobs.pause(COMMIT)
    source.take_in(*made)
    until(lambda: bool(asked(source)), told(source))
    subject = Subject(study=str(made[0].StudyInstanceUID))
    source.archive.marks.protect(subject, by="test", reason="teaching")
    source.archive.jobs.resume(COMMIT)
    until(lambda: bool(asked(source, COMMIT, JobState.FAILED)), told(source))
    assert present(source, made) == 3
    source.archive.marks.unprotect(subject, by="test")
    source.archive.jobs.retry(JobFilter(kinds=[COMMIT], states=[JobState.FAILED]))
    until(lambda: present(source, made) == 0, told(source))


def test_a_restart_forgets_nothing(pacs_archive: Archives, vault: RunningArchive) -> None:
    """What was sent before is asked about, and deleted, after it."""
    storage = MemoryStorage()
    first = sending(pacs_archive, known(vault), storage=storage)
    made = study()
    first.archive.jobs.pause(COMMIT)
    first.take_in(*made)
    until(lambda: bool(asked(first)), told(first))
    data = first.data
    first.stop()
    second = sending(pacs_archive, known(vault), storage=storage, folder=data)
    assert present(second, made) == 3
    second.archive.jobs.resume(COMMIT)
    until(lambda: present(second, made) == 0, told(second))


@pytest.fixture
def orthanc(tmp_path: Path) -> Iterator[Callable[[RunningArchive], Any]]:
    """The settings of a peer, and what starts Orthanc there, which reports to an archive."""
    port = free_port()

    def start(source: RunningArchive) -> Any:
        settings = {
            "StorageDirectory": str(tmp_path),
            "IndexDirectory": str(tmp_path),
            "DicomAet": "VAULT",
            "DicomPort": port,
            "HttpServerEnabled": False,
            "DicomModalities": {"source": [source.aet, source.host, source.port]},
            "Plugins": [],
        }
        file = tmp_path / "orthanc.json"
        file.write_text(json.dumps(settings), "utf-8")
        return process("Orthanc", str(file), port=port, log=tmp_path / "log")

    start.peer = {"aet": "VAULT", "host": "127.0.0.1", "port": port}
    return start


@needs_orthanc
def test_orthanc_commits_on_an_association_of_its_own(pacs_archive: Archives, orthanc: Any) -> None:
    """Its report wakes the job that waits for it: an hour would be too long."""
    source = sending(pacs_archive, orthanc.peer)
    made = study()
    with orthanc(source):
        source.take_in(*made)
        until(lambda: present(source, made) == 0, told(source))
    until(lambda: results(source, "deleted") == [3], told(source))


@pytest.mark.parametrize(
    ("rule", "destination", "said"),
    [
        ({"delete_when_committed": "other"}, {}, "not in send_to"),
        ({"complete": "instance"}, {}, "needs complete"),
        ({}, {"peer": "", "folder": "/tmp/x"}, "is no DICOM node"),
        ({}, {"send_as": {"to": "jpeg", "lossy": True, "quality": 90}}, "with loss"),
    ],
)
def test_a_rule_that_could_never_delete_stops_the_start(
    rule: dict[str, str], destination: dict[str, Any], said: str
) -> None:
    """Before anything is sent by it."""
    with pytest.raises(ValidationError, match=said):
        RoutingSettings(
            destination=[{"name": "vault", "peer": "VAULT", **destination}],
            rule=[{**_RULE, "send_to": "vault", "delete_when_committed": "vault", **rule}],
        )


def test_without_who_asks_the_archive_does_not_start(
    pacs_archive: Archives, vault: RunningArchive
) -> None:
    """It says what to install (hook commitment_requestors)."""
    rule = {**_RULE, "send_to": "vault", "delete_when_committed": "vault"}
    with pytest.raises(ConfigurationError, match="pacs-storage-commitment"):
        routing(
            pacs_archive,
            destinations=[{"name": "vault", "peer": vault.aet}],
            rules=[rule],
            settings={"peers": {"vault": known(vault)}},
        )
