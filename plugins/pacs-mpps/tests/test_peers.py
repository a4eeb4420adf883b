"""Implementations of others: dcmjs-dimse tells us of steps, odil is told by us."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from pydicom.uid import generate_uid

from pacs_framework.network.errors import ConnectionFailed
from pacs_framework.network.requestor import connect
from pacs_framework.testing.factories import Archives
from pacs_framework.testing.sockets import free_port
from pacs_mpps import plugin
from pacs_mpps.book import Book
from pacs_mpps.model import proposal
from pacs_mpps.sending import send_change, send_creation
from pacs_mpps.tables import NAME

sys.path.insert(0, str(Path(__file__).parent))  # in importlib mode it is not there

from mpps_peers import NET, begun, ended

NODE = shutil.which("node")
ODIL_PYTHON = "/usr/bin/python3"  # of Debian, for whose Python python3-odil is built

DCMJS = """
const { Client, Dataset, requests } = require('dcmjs-dimse');
const [host, port, uid, create, set] = process.argv.slice(2);
const client = new Client();
const told = [];
const add = (request, attributes) => {
  request.setDataset(new Dataset(JSON.parse(attributes)));
  request.on('response', (response) => told.push(response.getStatus()));
  client.addRequest(request);
};
const mpps = '1.2.840.10008.3.1.2.3.3';
add(new requests.NCreateRequest(mpps, uid), create);
add(new requests.NSetRequest(mpps, uid), set);
add(new requests.NSetRequest(mpps, uid), set);
client.on('networkError', (error) => { console.error(error); process.exit(1); });
client.on('closed', () => console.log(JSON.stringify(told)));
client.send(host, Number(port), 'DCMJS', 'PACS');
"""

ODIL = """
import sys
import odil

def create(request):
    print("N-CREATE", request.get_affected_sop_instance_uid(), flush=True)
    return 0

def change(request):
    print("N-SET", request.get_requested_sop_instance_uid(), flush=True)
    return 0

print("ready", flush=True)
association = odil.Association()
association.receive_association("v4", int(sys.argv[1]))
creation = odil.NCreateSCP(association)
creation.set_callback(create)
modification = odil.NSetSCP(association)
modification.set_callback(change)
dispatcher = odil.SCPDispatcher(association)
dispatcher.set_ncreate_scp(creation)
dispatcher.set_nset_scp(modification)
try:
    while True:
        dispatcher.dispatch()
except (odil.AssociationReleased, odil.AssociationAborted) as end:
    print(type(end).__name__, flush=True)
"""


@pytest.fixture
def dcmjs(tmp_path: Path) -> list[str]:
    """The command that runs a modality by dcmjs-dimse."""
    if NODE is None:
        pytest.skip("node is not installed")
    known = [NODE, "-e", "require('dcmjs-dimse')"]
    if subprocess.run(known, capture_output=True, check=False).returncode:
        pytest.skip("npm package dcmjs-dimse is not in NODE_PATH")
    script = tmp_path / "modality.js"
    script.write_text(DCMJS)
    return [NODE, str(script)]


def test_dcmjs_dimse_tells_us_of_a_step(dcmjs: list[str], pacs_archive: Archives) -> None:
    """N-CREATE, N-SET, and an N-SET too many: 0110H."""
    running = pacs_archive({NAME: plugin})
    uid = str(generate_uid())
    create = {
        "ScheduledStepAttributesSequence": [{"StudyInstanceUID": "1.2.3", "AccessionNumber": "A1"}],
        "PatientName": "Doe^John",
        "PatientID": "P1",
        "PerformedProcedureStepID": "P1",
        "PerformedStationAETitle": "DCMJS",
        "PerformedProcedureStepStartDate": "20261121",
        "PerformedProcedureStepStartTime": "103000",
        "PerformedProcedureStepStatus": "IN PROGRESS",
        "Modality": "CT",
        "PerformedSeriesSequence": [],
    }
    change = {
        "PerformedProcedureStepStatus": "COMPLETED",
        "PerformedProcedureStepEndDate": "20261121",
        "PerformedProcedureStepEndTime": "104500",
        "PerformedSeriesSequence": [{"ProtocolName": "THORAX", "SeriesInstanceUID": "1.2.3.4"}],
    }
    data = map(json.dumps, (create, change))
    done = subprocess.run(
        [*dcmjs, running.host, str(running.port), uid, *data],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == [0, 0, 0x0110]
    found = Book(running.archive.tables(NAME)).get(uid)
    assert found is not None
    assert (found.step.status, found.step.patient_name) == ("COMPLETED", "Doe^John")
    assert found.step.scheduled[0].accession_number == "A1"


def test_odil_is_told_of_a_step_by_us(tmp_path: Path) -> None:
    """Our SCU speaks to another stack's N-CREATE and N-SET."""
    there = subprocess.run([ODIL_PYTHON, "-c", "import odil"], capture_output=True, check=False)
    if there.returncode:
        pytest.skip("Debian package python3-odil is not installed")
    script, port, uid = tmp_path / "told.py", free_port(), str(generate_uid())
    script.write_text(ODIL)
    with subprocess.Popen(
        [ODIL_PYTHON, str(script), str(port)], stdout=subprocess.PIPE, text=True
    ) as odil:
        assert odil.stdout is not None
        assert odil.stdout.readline() == "ready\n"
        _tell(port, uid)
        assert odil.stdout.read().split() == ["N-CREATE", uid, "N-SET", uid, "AssociationReleased"]


def _tell(port: int, uid: str) -> None:
    """It listens a moment after it says that it is ready."""
    deadline = time.monotonic() + NET
    while True:
        try:
            association = connect(
                "127.0.0.1", port, calling_aet="US", called_aet="ODIL", contexts=proposal()
            )
            break
        except ConnectionFailed:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
    with association:
        send_creation(association, uid, begun())
        send_change(association, uid, ended("1.2.3"))
