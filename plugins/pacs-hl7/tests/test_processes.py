"""Whole archives: several workers, kill -9, two nodes, and a modality that asks."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from importlib.util import find_spec
from pathlib import Path

import pytest
from pydicom import Dataset
from pydicom.uid import CTImageStorage, generate_uid
from pynetdicom import AE
from pynetdicom.sop_class import ModalityPerformedProcedureStep

from pacs_framework.testing.process import served
from pacs_framework.testing.sockets import free_port

sys.path.insert(0, str(Path(__file__).parent))  # in importlib mode it is not there

from hl7_peers import ORDER, Connection, Receiver, changed, encoded

_FINDSCU = Path("/usr/bin/findscu")
needs_findscu = pytest.mark.skipif(
    not _FINDSCU.exists(), reason="DCMTK is not installed: apt-get install dcmtk"
)


def configuration(port: int, mapping: Path, more: str = "") -> str:
    return f'{more}[plugin.hl7]\nport = {port}\nmapping = "{mapping}"\n'


def order(number: int) -> bytes:
    numbers = {2: f"PL{number}", 3: f"FI{number}"}
    step = {**numbers, 18: f"A{number}", 20: f"S{number}"}
    return encoded(
        changed(ORDER, MSH={10: f"M{number}"}, ORC=numbers, OBR=step, ZDS={1: f"1.2.{number}"})
    )


def asked(port: int) -> str:
    """What findscu gets of the station's worklist."""
    step = "ScheduledProcedureStepSequence[0]"
    done = subprocess.run(
        [
            *(str(_FINDSCU), "-W", "-k", "AccessionNumber"),
            *("-k", f"{step}.ScheduledStationAETitle=CT1", "127.0.0.1", str(port)),
        ],
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    return done.stderr + done.stdout


@needs_findscu
@pytest.mark.interop
@pytest.mark.parametrize("workers", [1, 2])
def test_a_message_is_in_the_worklist_of_a_modality_within_a_second(tmp_path, mapping, workers):
    """From its first byte to the answer of findscu -W, whose own start counts, too."""
    port = free_port()
    config = configuration(port, mapping, f"[network]\nworkers = {workers}\n")
    with served(tmp_path, config=config) as archive:
        connection = Connection(("127.0.0.1", port))
        assert connection.ask(order(1))[1][1] == "AA"
        assert "[A1]" in asked(archive.port)
        begun = time.monotonic()
        assert connection.ask(order(2))[1][1] == "AA"
        found = asked(archive.port)
        took = time.monotonic() - begun
        connection.close()
    assert "[A2]" in found
    assert took < 1


def test_what_was_acknowledged_is_there_after_a_kill(tmp_path, mapping):
    """kill -9 under load: every AA is in the worklist, and the rest can be sent again."""
    port = free_port()
    config = configuration(port, mapping)
    acknowledged: list[int] = []

    def send_all() -> None:
        connection = Connection(("127.0.0.1", port))
        try:
            for number in range(1, 2000):
                assert connection.ask(order(number))[1][1] == "AA"
                acknowledged.append(number)
        except (OSError, IndexError):
            pass
        finally:
            connection.close()

    with served(tmp_path, config=config) as archive:
        sender = threading.Thread(target=send_all)
        sender.start()
        while len(acknowledged) < 20:
            time.sleep(0.01)
        archive.kill()
        sender.join()
    with served(tmp_path, config=config) as archive:
        listed = archive.run(
            *("worklist", "list", "--config", archive.config, "--json", "--limit", "0")
        ).stdout
        connection = Connection(("127.0.0.1", port))
        last = acknowledged[-1]
        codes = [connection.ask(order(number))[1][1] for number in (last, last + 1)]
        connection.close()
    assert codes == ["AA", "AA"]
    assert all(f'"accession_number": "A{number}"' in listed for number in acknowledged)


@pytest.mark.postgresql
def test_two_nodes_have_one_worklist_and_know_repetitions(site, pacs_postgres):
    """What one node has taken, the other one changes, and does not take again."""
    url = pacs_postgres.new_database()
    first, second = site(index_url=url), site(index_url=url)
    assert first.ask(order(1))[1][1] == "AA"
    assert second.ask(order(1))[1][1] == "AA"
    assert len(second.journal.latest(most=0)) == 1
    cancel = changed(ORDER, MSH={10: "C"}, ORC={1: "CA", 2: "PL1", 3: "FI1"}, OBR={20: ""})
    assert second.send(changed(cancel, ORC={2: "PL1", 3: "FI1"}, OBR={2: "PL1"}))[1][1] == "AA"
    assert [each.state.value for each in first.worklist.find()] == ["discontinued"]


@pytest.mark.postgresql
def test_two_nodes_that_get_one_message_at_once_make_one_step(site, pacs_postgres):
    url = pacs_postgres.new_database()
    nodes = [site(index_url=url) for _ in range(2)]
    codes: list[str] = []

    def send(node) -> None:
        codes.extend(node.ask(order(number))[1][1] for number in range(10))

    senders = [threading.Thread(target=send, args=(node,)) for node in nodes for _ in range(2)]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    assert codes == ["AA"] * 40
    assert len(nodes[0].worklist.find()) == 10
    assert len(nodes[0].journal.latest(most=0)) == 10


def _step(**attributes: object) -> Dataset:
    """A data set with these attributes, and the type 2 ones of PS3.4 Table F.7.2-1 empty."""
    dataset = Dataset()
    for keyword, value in attributes.items():
        setattr(dataset, keyword, value)
    return dataset


_BEGUN = {
    "PatientName": "Mueller^Joerg",
    "PatientID": "P1",
    "PatientBirthDate": "",
    "PatientSex": "M",
    "ReferencedPatientSequence": [],
    "PerformedProcedureStepID": "X",
    "PerformedStationAETitle": "CT1",
    "PerformedStationName": "",
    "PerformedLocation": "",
    "PerformedProcedureStepStartDate": "20261121",
    "PerformedProcedureStepStartTime": "103000",
    "PerformedProcedureStepEndDate": "",
    "PerformedProcedureStepEndTime": "",
    "PerformedProcedureStepStatus": "IN PROGRESS",
    "PerformedProcedureStepDescription": "",
    "PerformedProcedureTypeDescription": "",
    "ProcedureCodeSequence": [],
    "Modality": "CT",
    "StudyID": "",
    "PerformedProtocolCodeSequence": [],
    "PerformedSeriesSequence": [],
}


def test_the_day_of_an_order(tmp_path, mapping, pacs_instances):
    """Order, step in progress, image, step completed: each time, who ordered is told."""
    if find_spec("pacs_mpps") is None:
        pytest.skip("pacs-mpps is not installed: pip install pacs-mpps")
    image = pacs_instances(CTImageStorage)
    image.StudyInstanceUID, image.PatientID = "1.2.1", "P1"
    scheduled = _step(
        StudyInstanceUID="1.2.1",
        ReferencedStudySequence=[],
        AccessionNumber="A1",
        RequestedProcedureID="RP1",
        RequestedProcedureDescription="",
        ScheduledProcedureStepID="S1",
        ScheduledProcedureStepDescription="",
        ScheduledProtocolCodeSequence=[],
    )
    reference = _step(
        ReferencedSOPClassUID=image.SOPClassUID, ReferencedSOPInstanceUID=image.SOPInstanceUID
    )
    series = _step(
        PerformingPhysicianName="",
        ProtocolName="Thorax",
        OperatorsName="",
        SeriesInstanceUID=image.SeriesInstanceUID,
        SeriesDescription="",
        RetrieveAETitle="",
        ReferencedImageSequence=[reference],
        ReferencedNonImageCompositeSOPInstanceSequence=[],
    )
    begun = _step(**_BEGUN, ScheduledStepAttributesSequence=[scheduled])
    ended = _step(
        PerformedProcedureStepStatus="COMPLETED",
        PerformedProcedureStepEndDate="20261121",
        PerformedProcedureStepEndTime="104000",
        PerformedSeriesSequence=[series],
    )
    his, port, uid = Receiver(), free_port(), generate_uid()
    config = configuration(port, mapping) + (
        f'[plugin.hl7.receivers.his]\nport = {his.port}\nmessages = ["ORU^R01", "ORM^O01"]\n'
    )
    modality = AE()
    modality.add_requested_context(ModalityPerformedProcedureStep)
    modality.add_requested_context(CTImageStorage, image.file_meta.TransferSyntaxUID)
    try:
        with served(tmp_path, config=config) as archive:
            connection = Connection(("127.0.0.1", port))
            assert connection.ask(order(1))[1][1] == "AA"
            connection.close()
            association = modality.associate("127.0.0.1", archive.port)
            created, _ = association.send_n_create(begun, ModalityPerformedProcedureStep, uid)
            assert created.Status == 0
            his.wait_for(1)
            assert association.send_c_store(image).Status == 0
            done, _ = association.send_n_set(ended, ModalityPerformedProcedureStep, uid)
            assert done.Status == 0
            messages = his.wait_for(3)
            association.release()
    finally:
        his.close()
    told = [{line[:3]: line.split("|") for line in message} for message in messages]
    kinds = [(each["MSH"][8].split("^")[0], each["ORC"][5]) for each in told]
    assert kinds == [("ORM", "IP"), ("ORU", "CM"), ("ORM", "CM")]
    assert all(each["ORC"][2:4] == ["PL1", "FI1"] for each in told)  # from the worklist
    assert told[1]["OBX"][5] == "1.2.1"
