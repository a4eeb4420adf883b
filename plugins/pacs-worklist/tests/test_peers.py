"""DCMTK: findscu asks, and wlmscpfs answers the same from the same folder."""

from __future__ import annotations

import socket
import subprocess
import time
from pathlib import Path

import pytest
from pydicom import Dataset, dcmread

from pacs_worklist import plugin
from pacs_worklist.api import Worklist

pytestmark = [
    pytest.mark.interop,
    pytest.mark.skipif(
        not (Path("/usr/bin/findscu").exists() and Path("/usr/bin/wlmscpfs").exists()),
        reason="DCMTK is not installed: apt-get install dcmtk",
    ),
]

_SECONDS = 30
_AET = "CLINIC"
_STEP = "ScheduledProcedureStepSequence[0]"

# Keys that wlmscpfs matches, too, in ways that both understand alike.
QUERIES = {
    "all": (),
    "day and station": (
        f"{_STEP}.ScheduledStationAETitle=CT1",
        f"{_STEP}.ScheduledProcedureStepStartDate=20261121",
    ),
    "days": (f"{_STEP}.ScheduledProcedureStepStartDate=20261121-20261122",),
    "days and hours": (
        f"{_STEP}.ScheduledProcedureStepStartDate=20261121",
        f"{_STEP}.ScheduledProcedureStepStartTime=100000-120000",
    ),
    "modality": (f"{_STEP}.Modality=MR",),
    "name": ("PatientName=Patient^1*",),
    "patient": ("PatientID=P3",),
    "physician": (f"{_STEP}.ScheduledPerformingPhysicianName=Smith*",),
    "accession": ("AccessionNumber=A2",),
    "nobody": ("PatientID=P99",),
}
RETURNED = (
    "PatientName",
    "PatientID",
    "AccessionNumber",
    "StudyInstanceUID",
    "RequestedProcedureID",
    f"{_STEP}.ScheduledStationAETitle",
    f"{_STEP}.ScheduledProcedureStepStartDate",
    f"{_STEP}.ScheduledProcedureStepStartTime",
    f"{_STEP}.ScheduledProcedureStepID",
    f"{_STEP}.Modality",
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory, item) -> Path:
    """A folder as wlmscpfs wants it, with twelve steps."""
    root: Path = tmp_path_factory.mktemp("worklist")
    place = root / _AET
    place.mkdir()
    (place / "lockfile").touch()
    for number in range(12):
        step = item(
            PatientName=f"Patient^{number}",
            PatientID=f"P{number}",
            AccessionNumber=f"A{number}",
            StudyInstanceUID=f"1.2.{number}",
            ScheduledStationAETitle=f"CT{number % 3}",
            ScheduledProcedureStepStartDate=f"202611{20 + number % 4}",
            ScheduledProcedureStepStartTime=f"{8 + number % 5:02}0000",
            Modality="MR" if number % 2 else "CT",
            RequestedProcedureDescription="Thorax",
            ScheduledProcedureStepDescription="Thorax",
        )
        step.save_as(place / f"{number}.wl", implicit_vr=True, little_endian=True)
    return root


@pytest.fixture(scope="module")
def wlmscpfs(folder):
    """DCMTK's worklist server on the folder; its port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen(["/usr/bin/wlmscpfs", "-q", "-dfp", str(folder), str(port)])
    deadline = time.monotonic() + _SECONDS
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            break
        except OSError:
            assert time.monotonic() < deadline, "wlmscpfs does not listen"
            time.sleep(0.05)
    yield port
    server.terminate()
    server.wait(_SECONDS)


def find(port: int, folder: Path, *keys: str) -> list[Dataset]:
    """The answers that findscu gets."""
    folder.mkdir()
    wanted = [argument for key in keys for argument in ("-k", key)]
    command = ["/usr/bin/findscu", "-W", "-X", "-od", str(folder), "-aec", _AET]
    done = subprocess.run(
        [*command, "127.0.0.1", str(port), *wanted],
        capture_output=True,
        text=True,
        timeout=_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return [dcmread(path, force=True) for path in folder.iterdir()]


def told(answers: list[Dataset]) -> list[str]:
    """Answers as text, without order; an element says its tag and its value."""
    return sorted(each.to_json() for each in answers)


@pytest.mark.parametrize("query", QUERIES)
def test_wlmscpfs_answers_the_same_from_the_same_folder(
    query, pacs_archive, folder, wlmscpfs, tmp_path
):
    archive = pacs_archive(
        {"worklist": plugin},
        settings={
            "archive": {"aet": _AET},
            "plugin": {"worklist": {"folders": [str(folder)]}},
        },
    )
    asked = {key.partition("=")[0] for key in QUERIES[query]}
    keys = [*QUERIES[query], *(key for key in RETURNED if key not in asked)]
    ours = find(archive.port, tmp_path / "ours", *keys)
    theirs = find(wlmscpfs, tmp_path / "theirs", *keys)
    assert told(ours) == told(theirs)
    assert bool(ours) is (query != "nobody")


_ODIL = """
import sys, odil
uid = odil.registry.ModalityWorklistInformationModelFind
Context = odil.AssociationParameters.PresentationContext
association = odil.Association()
association.set_peer_host("127.0.0.1")
association.set_peer_port(int(sys.argv[1]))
parameters = association.update_parameters()
parameters.set_calling_ae_title(b"ODIL").set_called_ae_title(b"PACS")
contexts = [Context(uid, [odil.registry.ExplicitVRLittleEndian], Context.Role.SCU)]
parameters.set_presentation_contexts(contexts)
association.associate()
query, step = odil.DataSet(), odil.DataSet()
query.add("PatientID")
step.add("ScheduledStationAETitle", [b"CT1"])
query.add("ScheduledProcedureStepSequence", [step])
scu = odil.FindSCU(association)
scu.set_affected_sop_class(uid)
for answer in scu.find(query):
    print(answer.as_string(odil.registry.PatientID)[0].decode())
association.release()
"""


def test_odil_gets_the_steps_of_a_station(pacs_archive, item):
    python = "/usr/bin/python3"
    known = subprocess.run([python, "-c", "import odil"], capture_output=True, check=False)
    if known.returncode:
        pytest.skip("odil is not installed: apt-get install python3-odil")
    archive = pacs_archive({"worklist": plugin})
    worklist = Worklist(archive.archive.tables("worklist"))
    worklist.put(item())
    worklist.put(item(PatientID="P2", ScheduledProcedureStepID="S2", StudyInstanceUID="1.2.4"))
    other = item(PatientID="P3", ScheduledProcedureStepID="S3", ScheduledStationAETitle="CT2")
    worklist.put(other)
    done = subprocess.run(
        [python, "-c", _ODIL, str(archive.port)],
        capture_output=True,
        text=True,
        timeout=_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["P1", "P2"]
