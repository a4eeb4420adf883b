"""Archives and a worklist of others: Orthanc, DCMTK's dcmqrscp and wlmscpfs."""

from __future__ import annotations

import datetime as dt
import json
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from fetch_peers import DAY, PATIENCE, OtherPacs, config_of, study, until
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

from pacs_framework.testing.forked import run_module
from pacs_framework.testing.process import ServedArchive, served
from pacs_framework.testing.sockets import free_port, wait_for_listener

STUDIES = {
    "2.25.1": {"StudyDate": "20260301"},
    "2.25.2": {"StudyDate": "20260302", "StudyDescription": "CT Kopf"},
    "2.25.3": {"StudyDate": "20260303", "PatientID": "P2"},
    "2.25.4": {"StudyDate": "20260304", "StudyDescription": "", "BodyPartExamined": "CHEST"},
}
INSTANCES = 5


@contextmanager
def running(command: list[str], folder: Path, port: int) -> Iterator[None]:
    """A peer that listens; ended with the block."""
    with (
        (folder / "log.txt").open("ab") as log,
        subprocess.Popen(command, stdout=log, stderr=log, cwd=folder) as process,
    ):
        try:
            wait_for_listener("127.0.0.1", port, seconds=2 * PATIENCE)
            yield
        finally:
            process.terminate()


@contextmanager
def orthanc(folder: Path, port: int, ours: int) -> Iterator[None]:
    if shutil.which("Orthanc") is None:
        pytest.skip("Debian package orthanc is not installed")
    settings = {
        "StorageDirectory": str(folder),
        "IndexDirectory": str(folder),
        "DicomAet": "OLD",
        "DicomPort": port,
        "HttpServerEnabled": False,
        "DicomModalities": {"new": ["PACS", "127.0.0.1", ours]},
        "DicomAlwaysAllowFind": True,
        "DicomAlwaysAllowMove": True,
        "DicomAlwaysAllowGet": True,
        "LimitFindResults": 3,  # fewer than there are studies: it breaks answers off
        "Plugins": [],
    }
    (folder / "orthanc.json").write_text(json.dumps(settings))
    with running(["Orthanc", "orthanc.json"], folder, port):
        yield


@contextmanager
def dcmqrscp(folder: Path, port: int, ours: int) -> Iterator[None]:
    if not Path("/usr/bin/dcmqrscp").exists():
        pytest.skip("DCMTK is not installed: apt-get install dcmtk")
    (folder / "OLD").mkdir()
    (folder / "dcmqrscp.cfg").write_text(
        f"NetworkTCPPort = {port}\nMaxPDUSize = 16384\nMaxAssociations = 16\n"
        f"HostTable BEGIN\nnew = (PACS, 127.0.0.1, {ours})\nHostTable END\n"
        "VendorTable BEGIN\nVendorTable END\n"
        f"AETable BEGIN\nOLD {folder / 'OLD'} RW (200, 1024mb) ANY\nAETable END\n"
    )
    with running(["/usr/bin/dcmqrscp", "-c", "dcmqrscp.cfg"], folder, port):
        yield


@contextmanager
def wlmscpfs(folder: Path, port: int) -> Iterator[None]:
    """DCMTK's worklist with one step of P1."""
    if shutil.which("wlmscpfs") is None:
        pytest.skip("DCMTK is not installed: apt-get install dcmtk")
    (folder / "RIS").mkdir(parents=True)
    (folder / "RIS" / "lockfile").touch()
    step, item = Dataset(), Dataset()
    step.ScheduledStationAETitle = "CT1"
    step.ScheduledProcedureStepStartDate = DAY
    step.ScheduledProcedureStepStartTime = "090000"
    step.ScheduledPerformingPhysicianName = "Smith^Ann"
    step.ScheduledProcedureStepDescription = "CT Thorax"
    step.ScheduledProcedureStepID = "S1"
    step.Modality = "CT"
    item.PatientName, item.PatientID, item.PatientBirthDate = "Doe^Jane", "P1", "19700101"
    item.PatientSex, item.AccessionNumber, item.RequestedProcedureID = "F", "A1", "R1"
    item.StudyInstanceUID = "2.25.1000"
    item.RequestedProcedureDescription = "CT Thorax"
    item.ScheduledProcedureStepSequence = [step]
    item.file_meta = FileMetaDataset()
    item.file_meta.MediaStorageSOPClassUID = "1.2.276.0.7230010.3.1.0.1"
    item.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    item.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    item.save_as(folder / "RIS" / "step.wl", enforce_file_format=True)
    with running(["wlmscpfs", "-dfp", str(folder), str(port)], folder, port):
        yield


pytestmark = [pytest.mark.interop, pytest.mark.timeout(360)]  # a dozen processes each


@pytest.fixture(params=[orthanc, dcmqrscp], ids=lambda peer: peer.__name__)
def old(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[int, int]]:
    """The ports of an archive with some studies, and that of ours, which it knows."""
    port, ours = free_port(), free_port()
    folder, files = tmp_path / "old", tmp_path / "files"
    folder.mkdir()
    files.mkdir()
    for uid, facts in STUDIES.items():
        for each in study(uid, INSTANCES, **facts):
            each.save_as(files / f"{each.SOPInstanceUID}.dcm", enforce_file_format=True)
    with request.param(folder, port, ours):
        command = ["storescu", "-aec", "OLD", "+sd", "127.0.0.1", str(port), str(files)]
        subprocess.run(command, check=True, capture_output=True)
        yield port, ours


@contextmanager
def archive_of(
    folder: Path, old: tuple[int, int], *, retrieve: str = "move", more: str = ""
) -> Iterator[ServedArchive]:
    config = config_of(old[0], retrieve=retrieve, more=more)
    with served(folder, config=config, options=["--port", str(old[1])]) as archive:
        yield archive


def told(archive: ServedArchive, *arguments: str, code: int = 0) -> Any:
    """What a command prints as JSON."""
    done = archive.run(*arguments, "--config", archive.config, "--json")
    assert done.returncode == code, done.stderr
    return json.loads(done.stdout)


def source_of(archive: ServedArchive) -> dict[str, Any]:
    (source,) = told(archive, "fetch", "sources")
    return dict(source)


def verified(archive: ServedArchive) -> int:
    report = told(archive, "verify")
    assert report["findings"] == []
    return int(report["instances"])


def plan_step(archive: ServedArchive) -> None:
    step = (
        "--patient-id",
        "P1",
        "--patient-name",
        "Doe^Jane",
        "--set",
        "PatientBirthDate=19700101",
    )
    place = ("--modality", "CT", "--station", "CT1", "--start", f"{DAY}T0900")
    done = archive.run(
        *("worklist", "add", "--config", archive.config, *step, *place),
        *("--description", "CT Thorax"),
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("retrieve", ["move", "get"])
def test_priors_come_before_the_patient_does(
    old: tuple[int, int], tmp_path: Path, retrieve: str
) -> None:
    """By what the study says, or its series; not the head, and not of the other patient."""
    with archive_of(tmp_path / "new", old, retrieve=retrieve) as archive:
        plan_step(archive)
        plan = told(archive, "fetch", "priors", "--date", DAY)
        assert plan["queued"] == 2, plan
        (patient,) = plan["patients"]
        found = {each["study_instance_uid"]: each for each in patient["priors"]}
        assert {uid: (each["score"], each["verdict"]) for uid, each in found.items()} == {
            "2.25.1": (100, "fetch"),
            "2.25.2": (20, "not relevant"),
            "2.25.4": (100 if found["2.25.4"]["regions"] else 50, "fetch"),  # as far as it tells
        }
        until(lambda: source_of(archive)["done"] == 2, archive.log.read_text)
        assert verified(archive) == 2 * INSTANCES
        again = told(archive, "fetch", "priors", "--date", DAY)
        counted = found["2.25.1"]["there"] is not None
        assert again["queued"] == (0 if counted else 2)  # what nobody counts is compared


@pytest.mark.parametrize("retrieve", ["move", "get"])
def test_a_pull_makes_both_alike(old: tuple[int, int], tmp_path: Path, retrieve: str) -> None:
    """Where Orthanc breaks an answer off, by halves; what is here in part, by its series."""
    dates = ("--study-date", "20260301-20260331")
    with archive_of(tmp_path / "new", old, retrieve=retrieve) as archive:
        assert archive.command("import", tmp_path / "files" / "2.25.1.1.1.dcm").returncode == 0
        before = told(archive, "fetch", "compare", "old", *dates, code=1)
        assert (before["there"], before["here"]) == (4, 1)
        assert (before["only_there"], before["differs"]) == (3, 1)
        assert {each["there"] for each in before["studies"]} == {INSTANCES}
        pulled = told(archive, "fetch", "pull", "old", *dates)
        assert pulled["queued"] == 4
        assert all(each["done"] for each in pulled["studies"])
        after = told(archive, "fetch", "compare", "old", *dates, "--level", "instance")
        assert (after["there"], after["here"], after["studies"]) == (4, 4, [])
        assert told(archive, "fetch", "pull", "old", *dates)["queued"] == 0
        assert verified(archive) == 4 * INSTANCES


def test_a_worklist_of_others_says_who_comes(tmp_path: Path, other: OtherPacs) -> None:
    """DCMTK's wlmscpfs, without a step of our own."""
    port = free_port()
    other.has = study("2.25.1")
    more = f'worklist_peers = "RIS"\n[peers.ris]\naet = "RIS"\nhost = "127.0.0.1"\nport = {port}\n'
    ports = (other.port, free_port())
    with (
        wlmscpfs(tmp_path / "worklists", port),
        archive_of(tmp_path / "new", ports, more=more) as archive,
    ):
        plan = told(archive, "fetch", "priors", "--date", DAY, "--dry-run")
        (patient,) = plan["patients"]
        (step,) = patient["steps"]
        assert (step["modality"], step["regions"]) == ("CT", ["chest"])
        assert step["start"] == f"{DAY} 090000"
        assert plan["wanted"] == 1
        assert told(archive, "fetch", "priors", "--date", "20991124")["patients"] == []


def ordered(port: int, day: str) -> None:
    """A RIS places an order for P1 in HL7, by hand; it is acknowledged."""
    segments = (
        f"MSH|^~\\&|RIS|HOSP|PACS|HOSP|{day}093000||ORM^O01|M1|P|2.3.1",
        "PID|||P1^^^HOSP^MR||Doe^Jane||19700101|F",
        f"ORC|NW|PL1^RIS|FI1^RIS||SC||^^^{day}103000^^R",
        f"OBR|1|PL1^RIS|FI1^RIS|CTTHX^CT thorax^LOCAL|{'|' * 13}A1|RP1|SPS1||||CT|||^^^{day}103000",
    )
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as connection:
        connection.sendall(b"\x0b" + "\r".join(segments).encode() + b"\r\x1c\r")
        answer = b""
        while not answer.endswith(b"\x1c\r"):
            answer += connection.recv(4096)
    assert b"MSA|AA|M1" in answer, answer


def test_an_order_by_hl7_brings_its_priors(old: tuple[int, int], tmp_path: Path) -> None:
    """At once: the clock looks at another day. Sent again and moved to an hour later, it asks
    nobody a second time.
    """
    pytest.importorskip("pacs_hl7", reason="pacs-hl7 is not installed: it takes the order")
    mapping, hl7 = tmp_path / "mapping.toml", free_port()
    text = run_module("pacs_framework.cli", "hl7", "mapping").stdout
    mapping.write_text(text + 'CT = "CT1"\n', "utf-8")
    more = f'days = 0\nat = "23:59"\n[plugin.hl7]\nport = {hl7}\nmapping = "{mapping}"\n'
    today = f"{dt.datetime.now(dt.UTC).astimezone():%Y%m%d}"
    with archive_of(tmp_path / "new", old, more=more) as archive:
        ordered(hl7, today)
        until(lambda: source_of(archive)["done"] == 2, archive.log.read_text)
        assert verified(archive) == 2 * INSTANCES
        later = ("--set", "ScheduledProcedureStepStartTime=1130")
        assert told(archive, "worklist", "update", "1", *later)["id"] == 1
        ordered(hl7, today)
        looked = told(archive, "jobs", "list", "--kind", "fetch.order")
        assert [job["state"] for job in looked] == ["done"]
