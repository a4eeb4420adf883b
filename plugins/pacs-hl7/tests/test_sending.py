"""What receivers are told: queued durably, sent in order, tried again, acknowledged."""

from __future__ import annotations

import datetime as dt
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from pydicom import Dataset

from pacs_framework.waking import ring
from pacs_hl7.outbox import NotQueued
from pacs_hl7.plugin import idle_hooks
from pacs_hl7.settings import Hl7Settings
from pacs_hl7.telling import bell_of, step_changed, study_completed

sys.path.insert(0, str(Path(__file__).parent))  # in importlib mode it is not there

from hl7_peers import MERGE, ORDER, Receiver


@pytest.fixture
def receiver():
    """Makes receivers that answer as told."""
    made: list[Receiver] = []

    def make(*codes: str | None) -> Receiver:
        made.append(Receiver(*codes))
        return made[-1]

    yield make
    for each in made:
        each.close()


def step(status: str = "COMPLETED", **scheduled: str) -> SimpleNamespace:
    """A step as pacs-mpps tells of it."""
    order = {
        "study_instance_uid": "1.2.3.4",
        "accession_number": "A1",
        "requested_procedure_id": "RP1",
        "scheduled_procedure_step_id": "SPS1",
        "placer_order_number": "PL1",
        "filler_order_number": "FI1",
    }
    return SimpleNamespace(
        sop_instance_uid="1.2.9",
        status=status,
        scheduled=(SimpleNamespace(**(order | scheduled)),),
        patient_id="P1",
        issuer_of_patient_id="HOSP",
        patient_name="Müller^Jörg^^Dr.^jun.=山田^太郎",
        station_aet="CT1",
        modality="CT",
        dataset=Dataset(),
    )


def study(number: int = 1, *steps: SimpleNamespace) -> SimpleNamespace:
    return SimpleNamespace(
        study_instance_uid="1.2.3.4",
        number=number,
        completed=dt.datetime(2026, 11, 21, 12, tzinfo=dt.UTC),
        steps=steps or (step(),),
    )


def told(here, *studies) -> None:
    for each in studies:
        study_completed(each, here.archive.archive, here.settings)


def to(port: int, *messages: str) -> dict:
    section: dict = {"host": "127.0.0.1", "port": port}
    return section | ({"messages": list(messages)} if messages else {})


def fields(message: list[str]) -> dict[str, list[str]]:
    return {line[:3]: line.split("|") for line in message}


def test_a_study_that_is_complete_is_told_once(site, receiver, pacs_index_url):
    his = receiver()
    here = site(index_url=pacs_index_url, receivers={"his": to(his.port)}, application="ARCHIVE")
    told(here, study(), study())
    [message] = his.wait_for(1)
    said = fields(message)
    assert said["MSH"][2] == "ARCHIVE"
    assert said["MSH"][8] == "ORU^R01^ORU_R01"
    assert said["PID"][3] == "P1^^^HOSP^MR"
    assert said["PID"][5] == "Müller^Jörg^^jun.^Dr.^^L^A~山田^太郎^^^^^L^I"
    assert said["ORC"][1:6] == ["RE", "PL1", "FI1", "", "CM"]
    assert (said["OBR"][18], said["OBR"][19], said["OBR"][25]) == ("A1", "RP1", "R")
    assert said["OBX"][3:6] == ["113014^DICOM Study^DCM", "", "1.2.3.4"]
    assert len(here.outbox.latest(most=0)) == 1


def test_of_what_was_discontinued_no_result_is_told(site, receiver):
    """Another step of the study was completed."""
    his = receiver()
    here = site(receivers={"his": to(his.port)})
    other = step("DISCONTINUED", accession_number="A2", placer_order_number="PL2")
    told(here, study(1, other, step()))
    assert fields(his.wait_for(1)[0])["ORC"][2] == "PL1"
    assert len(here.outbox.latest(most=0)) == 1


def test_a_study_that_is_completed_anew_is_told_anew(site, receiver):
    his = receiver()
    here = site(receivers={"his": to(his.port)})
    told(here, study(1), study(2))
    assert len(his.wait_for(2)) == 2


def test_the_status_of_an_order_is_told_to_who_wants_it(site, receiver):
    his, other = receiver(), receiver()
    receivers = {"his": to(his.port, "ORM^O01"), "other": to(other.port, "ORU^R01")}
    here = site(receivers=receivers)
    for status in ("IN PROGRESS", "COMPLETED", "DISCONTINUED"):
        step_changed(step(status), here.archive.archive, here.settings)
    told(here, study())
    statuses = [fields(message)["ORC"][5] for message in his.wait_for(3)]
    assert statuses == ["IP", "DC", "CM"]
    assert all(fields(message)["ZDS"][1].startswith("1.2.3.4") for message in his.messages)
    assert len(other.wait_for(1)) == 1


def test_a_patient_that_was_merged_since_is_told_as_who_survived(site, receiver):
    his = receiver()
    here = site(receivers={"his": to(his.port)})
    assert here.code(MERGE) == "AA"
    told(here, study())
    said = fields(his.wait_for(1)[0])
    assert said["PID"][3] == "P2^^^HOSP^MR"
    assert said["PID"][5] == "Müller^Jörg^^^^^L^A"


@pytest.mark.parametrize(
    ("messages", "idle"),
    [
        ([], {"on_study_complete", "on_procedure_step"}),
        (["ORU^R01"], {"on_procedure_step"}),
        (["ORM^O01"], set()),
    ],
)
def test_what_no_receiver_wants_is_not_asked_for(messages, idle):
    settings = Hl7Settings(receivers={"his": {"messages": messages}} if messages else {})
    assert set(idle_hooks(settings)) == idle


def test_numbers_that_the_modality_left_out_come_from_the_worklist(site, receiver):
    his = receiver()
    here = site(receivers={"his": to(his.port)})
    assert here.code(ORDER) == "AA"
    none = {"accession_number": "", "placer_order_number": "", "filler_order_number": ""}
    told(here, study(1, step(**none)))
    said = fields(his.wait_for(1)[0])
    assert (said["ORC"][2], said["ORC"][3], said["OBR"][18]) == ("PL1", "FI1", "A1")


def test_of_what_nobody_ordered_nobody_is_told(site, receiver):
    here = site(receivers={"his": to(receiver().port)})
    none = {"accession_number": "", "placer_order_number": "", "filler_order_number": ""}
    told(here, study(1, step(**none, scheduled_procedure_step_id="")))
    assert here.outbox.latest(most=0) == []


def test_what_is_not_acknowledged_is_sent_again_and_keeps_its_place(site, receiver):
    his = receiver(None, None)
    here = site(receivers={"his": to(his.port)}, retry_first=0.05, retry_longest=0.05)
    told(here, study(1), study(2))
    ids = [fields(message)["MSH"][9] for message in his.wait_for(4)]
    assert ids[0] == ids[1] == ids[2] != ids[3]


def test_what_is_refused_is_kept_and_the_next_one_follows(site, receiver):
    his = receiver("AR")
    here = site(receivers={"his": to(his.port)})
    told(here, study(1), study(2))
    his.wait_for(2)
    [refused] = here.outbox.latest(most=0, states=["refused"])
    assert refused.error == "AR because"
    here.outbox.retry(refused.id)
    ring(bell_of(here.archive.data))
    his.wait_for(3)


def test_only_what_waits_or_was_refused_is_sent_again(site):
    with pytest.raises(NotQueued, match="no message 7 is queued or was refused"):
        site().outbox.retry(7)


def test_the_queue_outlives_the_archive(site, receiver, tmp_path):
    """Nobody listened; the next start sends."""
    his = receiver()
    folder = tmp_path / "archive"
    first = site(folder=folder, receivers={"his": to(9)}, retry_first=0.01, retry_longest=0.01)
    told(first, study())
    first.archive.stop()
    site(folder=folder, receivers={"his": to(his.port)})
    assert len(his.wait_for(1)) == 1


def test_what_was_being_sent_at_a_crash_is_sent_at_the_next_start(site, receiver, tmp_path):
    """Nobody else could be at it, so its lease need not be waited for."""
    his = receiver()
    folder = tmp_path / "archive"
    first = site(folder=folder)
    message = b"MSH|^~\\&|||||||ORU^R01|X7|P|2.5.1\r"
    assert first.outbox.put("his", "an event", "ORU^R01", "X7", message)
    assert first.outbox.claim("his", 3600.0) is not None
    first.archive.stop()
    site(folder=folder, receivers={"his": to(his.port)})
    assert len(his.wait_for(1)) == 1


@pytest.mark.postgresql
def test_two_nodes_send_each_message_once(site, receiver, pacs_postgres):
    his = receiver(None)
    url = pacs_postgres.new_database()
    options = {"receivers": {"his": to(his.port)}, "retry_first": 0.05, "retry_longest": 0.05}
    nodes = [site(index_url=url, **options) for _ in range(2)]
    for number in range(6):
        told(nodes[number % 2], study(number))
        told(nodes[(number + 1) % 2], study(number))
    messages = his.wait_for(7)  # one of them twice, because it was not answered at first
    assert len({fields(message)["MSH"][9] for message in messages}) == 6
