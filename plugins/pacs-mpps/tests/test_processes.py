"""Archives of several processes: killed between the steps of a step, and two on one database."""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from pydicom import Dataset
from pydicom.uid import generate_uid

from pacs_framework.testing.distributions import install_distribution
from pacs_framework.testing.factories import Archives
from pacs_framework.testing.instances import make_instance
from pacs_framework.testing.postgres import PrivatePostgres
from pacs_framework.testing.process import ServedArchive, served
from pacs_mpps import plugin
from pacs_mpps.book import Book
from pacs_mpps.tables import NAME

sys.path.insert(0, str(Path(__file__).parent))  # in importlib mode it is not there

from mpps_peers import NET, Listener, Modality, begun, ended, listening_peer

FORWARDED = """[network]
workers = 2
[peers.peer]
aet = "PEER"
host = "127.0.0.1"
port = {port}
[plugin.mpps]
forward_to = ["PEER"]
retry_first = 0.1
"""


class Writer(threading.Thread):
    """Begins and ends steps until the archive is gone, and keeps what was acknowledged."""

    def __init__(self, archive: ServedArchive) -> None:
        super().__init__()
        self.modality = Modality(archive)
        self.modality.__enter__()
        self.begun: list[str] = []
        self.ended: list[str] = []
        self.several = threading.Event()

    def run(self) -> None:
        """One after the other; an association that breaks answers with empty data sets."""
        while self.modality.association.is_established:
            uid = str(generate_uid())
            try:
                if self.modality.create(begun(), uid).get("Status") != 0:
                    return
                self.begun.append(uid)
                if self.modality.set(ended("1.2.3"), uid).get("Status") != 0:
                    return
            except RuntimeError:  # the association is over
                return
            self.ended.append(uid)
            if len(self.ended) > 2:
                self.several.set()


def test_what_was_acknowledged_is_there_after_a_kill(tmp_path: Path) -> None:
    """kill -9 in the middle of N-CREATE and N-SET: nothing is lost, nothing half, and every step
    is passed on to the peer, N-CREATE before N-SET.
    """
    with listening_peer() as peer:
        config = FORWARDED.format(port=peer.port)
        with served(tmp_path, config=config) as archive:
            writers = [Writer(archive) for _ in range(2)]
            for writer in writers:
                writer.start()
            for writer in writers:
                assert writer.several.wait(30)
            archive.kill()
            for writer in writers:
                writer.join(60)
        with served(tmp_path, config=config) as archive, Modality(archive) as modality:
            last = modality.begin()
            for writer in writers:
                for uid in writer.begun:
                    status, found = modality.get(uid)
                    assert (status.Status, found is not None) == (0, True)
                    assert found is not None
                    if uid in writer.ended:
                        assert found.PerformedProcedureStepStatus == "COMPLETED"
                    done = found.PerformedProcedureStepStatus == "COMPLETED"
                    assert bool(found.PerformedSeriesSequence) == done
            wanted = {("N-CREATE", last)}
            wanted |= {("N-CREATE", uid) for writer in writers for uid in writer.begun}
            wanted |= {("N-SET", uid) for writer in writers for uid in writer.ended}
            created = set()
            while wanted:
                operation, uid, _ = peer.next()
                wanted.discard((operation, uid))
                assert operation == "N-CREATE" or uid in created
                created.add(uid)


DYING = """
import os, pathlib, signal
from pacs_framework import hookimpl
from pacs_worklist.api import State, Worklist

perform = Worklist.perform

def dying(worklist, performed):
    over = any(each.state is State.COMPLETED for each in performed)
    die = over and pathlib.Path({trap!r}).exists()
    if die and not {late}:
        os.kill(os.getpid(), signal.SIGKILL)
    perform(worklist, performed)
    if die:
        os.kill(os.getpid(), signal.SIGKILL)

Worklist.perform = dying

@hookimpl
def on_procedure_step(step):
    "A plugin has a hook."
"""
WITH_WORKLIST = """
[plugins]
allow = ["mpps", "worklist", "storage-filesystem", "dying"]
"""


@pytest.mark.parametrize("late", [False, True], ids=["before", "after"])
def test_the_worklist_follows_after_a_kill(tmp_path: Path, late: bool) -> None:
    """kill -9 between the answer and the worklist, or before it is noted that it has followed."""
    site, trap = tmp_path / "site", tmp_path / "trap"
    source = DYING.format(trap=str(trap), late=late)
    install_distribution(site, "site-dying", {"dying": source})
    file = tmp_path / "planned.json"
    file.write_text(json.dumps([planned(number) for number in NUMBERS]), "utf-8")
    with served(tmp_path / "archive", config=WITH_WORKLIST, plugins=site) as archive:
        done = archive.run("worklist", "import", "--config", archive.config, file)
        assert done.returncode == 0, done.stderr
        with Modality(archive) as modality:
            uids = [modality.begin("1.2.3", ScheduledProcedureStepID=each) for each in NUMBERS]
            trap.touch()
            modality.end(uids[0])
            ended_too = [acknowledged(modality, uid) for uid in uids[1:]]
        assert archive.process.wait(NET) != 0
    trap.unlink()
    over = [NUMBERS[0], *(n for n, said in zip(NUMBERS[1:], ended_too, strict=True) if said)]
    with served(tmp_path / "archive", config=WITH_WORKLIST, plugins=site) as archive:
        until = time.monotonic() + 2 * NET
        while not set(over) <= completed_steps(archive):
            assert time.monotonic() < until, archive.log_text()
        assert archive.process.poll() is None


NUMBERS = ("S1", "S2", "S3")


def planned(number: str) -> dict[str, Any]:
    """A step of the worklist in the DICOM JSON model."""
    step, item = Dataset(), Dataset()
    step.ScheduledStationAETitle, step.Modality = "CT1", "CT"
    step.ScheduledProcedureStepStartDate = "20261121"
    step.ScheduledProcedureStepStartTime = "1030"
    step.ScheduledProcedureStepID = number
    item.PatientName, item.PatientID, item.StudyInstanceUID = "Doe^John", "P1", "1.2.3"
    item.ScheduledProcedureStepSequence = [step]
    return item.to_json_dict()


def acknowledged(modality: Modality, uid: str) -> bool:
    """Whether an N-SET was answered by an archive that may be gone."""
    try:
        return modality.set(ended(), uid).get("Status") == 0
    except RuntimeError:  # the association is over
        return False


def completed_steps(archive: ServedArchive) -> set[str]:
    """Scheduled Procedure Step IDs of what the worklist has as completed."""
    asked = ("--config", archive.config, "--state", "completed", "--json")
    listed = archive.run("worklist", "list", *asked)
    return {each["scheduled_procedure_step_id"] for each in json.loads(listed.stdout)}


HEARING = """
import pathlib, os
from pacs_framework import hookimpl

@hookimpl
def on_study_complete(study, archive):
    with (archive.data / "heard").open("a") as file:
        file.write(f"{study.study_instance_uid} {study.number}\\n")
    with (archive.data / "heard.pipe").open("w") as pipe:
        pipe.write(f"{os.getpid()}")
"""


def test_the_last_instance_wakes_a_worker(tmp_path: Path) -> None:
    """The change feed is in another process than those that tell."""
    site, data = tmp_path / "site", tmp_path / "archive" / "data"
    install_distribution(site, "site-hearing", {"hearing": HEARING})
    data.mkdir(parents=True)
    os.mkfifo(data / "heard.pipe")
    study, folder = str(generate_uid()), tmp_path / "files"
    folder.mkdir()
    made = make_instance(StudyInstanceUID=study)
    made.save_as(folder / "1.dcm", enforce_file_format=True)
    config = "[network]\nworkers = 2\n"
    with served(tmp_path / "archive", config=config, plugins=site) as archive:
        with Modality(archive) as modality:
            modality.end(modality.begin(study), str(made.SOPInstanceUID))
        done = archive.command("import", folder)
        assert done.returncode == 0, done.stderr
        teller = int((data / "heard.pipe").read_text())
        assert teller not in (archive.process.pid, os.getpid())
        assert (data / "heard").read_text() == f"{study} 1\n"


@pytest.mark.postgresql
def test_two_nodes_are_one(pacs_archive: Archives, pacs_postgres: PrivatePostgres) -> None:
    """A step begins at one node and ends at the other, instances come to both: one completion."""
    heard = Listener()
    settings = {"index": {"url": pacs_postgres.new_database()}}
    plugins = {"listener": heard, NAME: plugin}
    one, two = (pacs_archive(plugins, settings=settings) for _ in range(2))
    study = str(generate_uid())
    made = [make_instance(StudyInstanceUID=study) for _ in range(4)]
    uids = [str(each.SOPInstanceUID) for each in made]
    with Modality(one) as first, Modality(two) as second:
        uid = first.begin(study)
        assert second.create(begun(), uid).Status == 0x0111
        one.take_in(made[0])
        second.end(uid, *uids)
        assert first.set(ended(), uid).ErrorID == 0xA710
    takers = [
        threading.Thread(target=node.take_in, args=(instance,))
        for node, instance in zip((one, two, two), made[1:], strict=True)
    ]
    for taker in takers:
        taker.start()
    for taker in takers:
        taker.join()
    assert heard.study().study_instance_uid == study
    assert heard.hears_no_study()


@pytest.mark.postgresql
def test_two_nodes_end_steps_of_one_study_at_once(
    pacs_archive: Archives, pacs_postgres: PrivatePostgres
) -> None:
    """Whichever commits last completes the study; exactly one of them does."""
    heard = Listener()
    settings = {"index": {"url": pacs_postgres.new_database()}}
    nodes = [pacs_archive({"listener": heard, NAME: plugin}, settings=settings) for _ in range(2)]
    study = str(generate_uid())
    modalities = [Modality(node).__enter__() for node in nodes]
    for _ in range(5):
        uids = [modality.begin(study) for modality in modalities]
        enders = [
            threading.Thread(target=modality.end, args=(uid,))
            for modality, uid in zip(modalities, uids, strict=True)
        ]
        for ender in enders:
            ender.start()
        for ender in enders:
            ender.join()
    for modality in modalities:
        modality.__exit__()
    assert [heard.study().number for _ in range(5)] == [1, 2, 3, 4, 5]
    assert heard.hears_no_study()
    book = Book(nodes[0].archive.tables(NAME))
    assert len(book.find(study_instance_uid=study)) == 10
