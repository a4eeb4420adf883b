"""Bad messages: the right answer, kept with the reason, nothing changed."""

from __future__ import annotations

import asyncio
import socket
import ssl
import sys
import time
from pathlib import Path

import pytest
from pydantic import ValidationError

from pacs_framework.testing.certificates import make_certificates
from pacs_framework.waking import ring
from pacs_hl7.sending import NotDelivered, deliver
from pacs_hl7.settings import Hl7Settings
from pacs_hl7.telling import bell_of

sys.path.insert(0, str(Path(__file__).parent))  # in importlib mode it is not there

from hl7_peers import ORDER, Connection, changed, encoded


@pytest.fixture
def here(site):
    return site()


@pytest.mark.parametrize(
    ("message", "code", "error", "location"),
    [
        (changed(ORDER, MSH={10: ""}), "AR", "101", ("MSH", "1", "10")),
        (changed(ORDER, MSH={11: "T"}), "AR", "202", ("MSH", "1", "11")),
        (changed(ORDER, MSH={12: "1.0"}), "AR", "203", ("MSH", "1", "12")),
        (changed(ORDER, MSH={9: "ORM^O99"}), "AR", "201", ("MSH", "1", "9")),
        (changed(ORDER, MSH={9: "MDM^T02"}), "AR", "200", ("MSH", "1", "9")),
        (changed(ORDER, MSH={18: "KLINGON"}), "AR", "103", ("MSH", "1", "18")),
        (changed(ORDER, MSH={18: "UNICODE UTF-16"}), "AR", "103", ("MSH", "1", "18")),
        (changed(ORDER, MSH={18: "ASCII"}), "AR", "102", ("MSH", "1", "18")),
        (changed(ORDER, MSH={18: "UNICODE UTF-8"}), "AR", "102", ("MSH", "1", "18")),
        (changed(ORDER, MSH={18: "8859/1~ISO IR87"}), "AR", "103", ("MSH", "1", "18")),
        (changed(ORDER, PID={3: ""}), "AE", "101", ("PID", "1", "3")),
        (changed(ORDER, PID={5: ""}), "AE", "101", ("ORC", "1", "")),
        (changed(ORDER, ORC={1: ""}), "AE", "101", ("ORC", "1", "1")),
        (changed(ORDER, ORC={1: "ZZ"}), "AE", "103", ("ORC", "1", "1")),
        (changed(ORDER, ORC={1: "SC", 5: "ZZ"}), "AE", "103", ("ORC", "1", "5")),
        (changed(ORDER, ORC={1: "CA"}), "AE", "204", ("ORC", "1", "")),
        (changed(ORDER, ORC={2: "", 3: ""}, OBR={2: "", 3: ""}), "AE", "101", ("ORC", "1", "2")),
        (changed(ORDER, ORC=None, OBR=None), "AE", "100", ("ORC", "1", "")),
        (changed(ORDER, OBR={24: "XA"}), "AE", "101", ("ORC", "1", "")),
        (changed(ORDER, OBR={24: "modality"}), "AE", "102", ("OBR", "1", "24")),
        (changed(ORDER, OBR={18: "A" * 17}), "AE", "102", ("OBR", "1", "18")),
        (changed(ORDER, OBR={18: "A\\E\\1"}), "AE", "102", ("OBR", "1", "18")),
        (changed(ORDER, OBR={27: "^^^tomorrow"}), "AE", "102", ("OBR", "1", "27")),
        (changed(ORDER, OBR={27: "^^^20261340"}), "AE", "102", ("OBR", "1", "27")),
        (changed(ORDER, OBR={18: "\\C2842\\"}), "AR", "102", ("", "", "")),
        (changed(ORDER, PID={5: "Doe\x00^John"}), "AE", "102", ("PID", "1", "5")),
        (changed(ORDER, PID={5: "Doe\x1b$B^John"}), "AE", "102", ("PID", "1", "5")),
        (changed(ORDER, OBR={4: "CTTHX^CT\x1b thorax^LOCAL"}), "AE", "102", ("OBR", "1", "4")),
        (changed(ORDER, PID={3: '""^^^HOSP^MR'}), "AE", "101", ("PID", "1", "3")),
        (changed(ORDER, OBR={27: "^^^20260231"}), "AE", "101", ("ORC", "1", "")),
        (changed(ORDER, ZDS={1: "1.02.3"}), "AE", "102", ("ZDS", "1", "1")),
        ((*ORDER, "no segment"), "AR", "100", ("", "", "")),
        ((*ORDER, ORDER[0]), "AR", "100", ("", "", "")),
        ((*ORDER, *["NTE|1"] * 2000), "AR", "102", ("", "", "")),
    ],
)
def test_what_is_wrong_is_told_and_kept(here, message, code, error, location):
    """By code of HL7 table 0357 and place in ERR, before version 2.5 in ERR-1."""
    msh, msa, err = here.send(message)
    assert msh[8].split("^")[0] == "ACK"
    assert msa[1] == code
    assert err[1].split("^") == [*location, error]
    assert here.worklist.find() == []
    [kept] = here.journal.latest(most=0, rejected=True)
    assert kept.arrival.data == encoded(message)
    assert kept.outcome.code.value == code
    assert kept.outcome.reason.startswith(msa[3].replace("\\S\\", "^")[:40])


@pytest.mark.parametrize(
    "data",
    [b"", b"hello", b"MSH", b"PID|||1", b"MSH|^~^&|A|B", b"MSHaaaaaaaaaa", b"\xff\xfe\x00M"],
    ids=repr,
)
def test_what_has_no_header_is_answered_all_the_same(here, data):
    msh, msa, err = here.ask(data)
    assert (msh[0], msa[1], msa[2], err[0]) == ("MSH", "AR", "", "ERR")
    assert len(here.journal.latest(most=0, rejected=True)) == 1


@pytest.mark.parametrize("name", [b"FHS", b"BHS"])
def test_batches_are_refused(here, name):
    batch = name + b"|^~\\&|RIS\r" + encoded(ORDER)
    answer = here.ask(batch)
    assert answer[1][1] == "AR"
    assert "message by message" in answer[1][3]
    assert here.worklist.find() == []


def test_a_rejected_message_is_tried_again_when_it_comes_again(here):
    """The cause may be gone by then; it is kept once."""
    cancel = changed(ORDER, ORC={1: "CA"}, MSH={10: "C1"})
    assert here.code(cancel) == "AE"
    assert here.code(ORDER) == "AA"
    assert here.code(cancel) == "AA"
    kept = [each for each in here.journal.latest(most=0) if each.arrival.control_id == "C1"]
    assert [(each.outcome.code.value, each.attempts) for each in kept] == [("AA", 2)]


def test_a_sender_that_starts_its_numbers_anew_is_not_repeating_itself(here):
    assert here.code(ORDER) == "AA"
    assert here.code(changed(ORDER, OBR={20: "SPS2"})) == "AA"
    assert len(here.worklist.find()) == 2


# --- acknowledgements ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("accept", "application", "good", "bad"),
    [
        ("AL", "NE", ["CA"], ["CE"]),
        ("NE", "AL", ["AA"], ["AE"]),
        ("AL", "AL", ["CA", "AA"], ["CE", "AE"]),
        ("ER", "SU", ["AA"], ["CE"]),
        ("NE", "ER", [], ["AE"]),
    ],
)
def test_the_enhanced_mode_answers_what_is_asked(here, accept, application, good, bad):
    """HL7 table 0155; a message of the original mode behind it shows that nothing else came."""
    asked = {15: accept, 16: application}
    for message, wanted in (
        (changed(ORDER, MSH={**asked, 10: "E1"}), good),
        (changed(ORDER, MSH={**asked, 10: "E2"}, PID={3: ""}), bad),
    ):
        connection = Connection(here.address)
        connection.send(encoded(message))
        connection.send(encoded(changed(ORDER, MSH={10: "LAST"})))
        answers = [connection.answer() for _ in range(len(wanted) + 1)]
        connection.close()
        assert [answer[1][1] for answer in answers] == [*wanted, "AA"]
        assert answers[-1][1][2] == "LAST"


def test_an_answer_goes_back_to_who_asked(here):
    msh, msa = here.send(changed(ORDER, MSH={12: "2.5.1"}))
    assert msh[2:6] == ["PACS", "HOSP", "RIS", "HOSP"]
    assert (msh[8], msh[10], msh[11], msh[17]) == ("ACK^O01^ACK", "P", "2.5.1", "8859/1")
    assert msa == ["MSA", "AA", "M1"]


def test_odd_separators_are_answered_in_kind(here):
    odd = tuple(line.translate(str.maketrans("|^~\\&", "#@+?!")) for line in ORDER)
    assert here.ask(encoded(odd))[0][0].split("#")[:2] == ["MSH", "@+?!"]
    [step] = here.worklist.find()
    assert step.text("PatientName") == "Müller^Jörg^^Dr."


# --- framing and limits -------------------------------------------------------------------------


def test_a_connection_takes_message_after_message_in_pieces(here):
    connection = Connection(here.address)
    data = encoded(ORDER)
    for place in range(0, len(data), 7):
        connection.socket.sendall((b"\x0b" if not place else b"") + data[place : place + 7])
    connection.socket.sendall(b"\x1c\r\r\n")  # and line ends behind it, as some do
    assert connection.answer()[1][1] == "AA"
    assert connection.ask(encoded(changed(ORDER, MSH={10: "M2"})))[1][1:3] == ["AA", "M2"]
    connection.close()


def test_what_is_no_mllp_ends_the_connection(here):
    connection = Connection(here.address)
    connection.socket.sendall(b"GET / HTTP/1.1\r\n\r\n")
    assert connection.answer() == []
    connection.close()
    assert here.code(ORDER) == "AA"


def test_half_a_message_is_none(here):
    connection = Connection(here.address)
    connection.socket.sendall(b"\x0b" + encoded(ORDER)[:-20])
    connection.close()
    assert here.code(changed(ORDER, MSH={10: "M2"}, OBR={20: "S9"})) == "AA"
    assert [each.text("ScheduledProcedureStepID") for each in here.worklist.find()] == ["S9"]


def test_a_message_that_is_too_large_is_refused_and_not_kept_whole(site):
    here = site(max_message=4096)
    connection = Connection(here.address)
    connection.socket.sendall(b"\x0b" + encoded((*ORDER, "NTE|" + "x" * 4096)) + b"\x1c\r")
    answer = connection.answer()
    connection.close()
    assert answer[1][1:3] == ["AR", "M1"]
    assert "more than 4096 bytes" in answer[1][3]
    [kept] = here.journal.latest(most=0)
    assert len(kept.arrival.data) <= 4096


def test_a_message_that_does_not_end_costs_its_connection(site):
    here = site(message_timeout=0.2)
    connection = Connection(here.address)
    connection.socket.sendall(b"\x0bMSH|")
    assert connection.answer() == []
    connection.close()


def test_a_silent_connection_is_closed(site):
    here = site(idle_timeout=0.2)
    connection = Connection(here.address)
    assert connection.answer() == []
    connection.close()


def test_connections_are_limited(site):
    here = site(max_connections=2)
    first, second = Connection(here.address), Connection(here.address)
    assert first.ask(encoded(ORDER))[1][1] == "AA"
    assert second.ask(encoded(ORDER))[1][1] == "AA"
    third = Connection(here.address)
    assert third.answer() == []
    for connection in (first, second, third):
        connection.close()


def test_a_stop_waits_for_no_silent_connection(here):
    connection = Connection(here.address)
    connection.ask(encoded(ORDER))
    begun = time.monotonic()
    here.archive.stop()
    assert time.monotonic() - begun < 5
    assert connection.answer() == []
    connection.close()


def test_a_port_that_is_taken_stops_the_start(site):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(
            Exception, match=f"cannot listen for HL7 on host '127.0.0.1', port {port}"
        ):
            site(port=port)


# --- TLS ----------------------------------------------------------------------------------------


def test_by_tls_both_ways(site, tmp_path):
    """A sender without a certificate is not let in where one is asked for."""
    made = make_certificates(tmp_path)
    ours = {"certificate": str(made.server), "key": str(made.server)}
    here = site(**ours)
    host, port = here.address
    trusting = ssl.create_default_context(cafile=str(made.ca))
    answer = asyncio.run(deliver(host, port, encoded(ORDER), seconds=20, tls=trusting))
    assert answer.accepted
    with pytest.raises(NotDelivered):
        asyncio.run(deliver(host, port, encoded(ORDER), seconds=20))
    strict = site(**ours, client_ca=str(made.ca))
    with pytest.raises(NotDelivered):
        asyncio.run(deliver(*strict.address, encoded(ORDER), seconds=20, tls=trusting))
    trusting.load_cert_chain(made.client)
    answer = asyncio.run(deliver(*strict.address, encoded(ORDER), seconds=20, tls=trusting))
    assert answer.accepted


def test_what_a_receiver_is_told_goes_by_tls(site, tmp_path):
    """An archive of another site takes what is queued here."""
    made = make_certificates(tmp_path)
    other = site(certificate=str(made.server), key=str(made.server))
    receiver = {"port": other.address[1], "tls": True, "ca": str(made.ca)}
    here = site(receivers={"other": receiver})
    here.outbox.put("other", "e", "ORU^R01", "M1", encoded(ORDER))
    ring(bell_of(here.archive.data))
    deadline = time.monotonic() + 20
    while here.outbox.latest(most=0)[0].state != "sent":
        assert time.monotonic() < deadline, here.outbox.latest(most=0)
        time.sleep(0.02)
    assert len(other.worklist.find()) == 1


def test_a_mapping_that_cannot_hold_is_found_by_a_check(tmp_path):
    (tmp_path / "bad.toml").write_text("[messages]\n", "utf-8")
    with pytest.raises(ValidationError, match=r"orders\.order is no field path"):
        Hl7Settings(mapping=tmp_path / "bad.toml")
    with pytest.raises(ValidationError, match="client_ca needs certificate"):
        Hl7Settings(client_ca=tmp_path / "ca.pem")
