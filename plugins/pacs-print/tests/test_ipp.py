"""Films on the network: over CUPS, which writes them to a file, and over printers that are odd."""

from __future__ import annotations

import datetime as dt
import os
import struct
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fake_ipp import PDF, FakePrinter, answer, boolean, fake_printer, number, text
from hypothesis import given, settings
from hypothesis import strategies as st
from pictures import image, printer
from private_cups import CUPSD, running_cups

from pacs_framework.testing.certificates import make_certificates
from pacs_framework.testing.sockets import free_port
from pacs_print import outputs
from pacs_print.composing import compose
from pacs_print.film import Film
from pacs_print.outputs import OutputError, PrintJob
from pacs_print.outputs.ipp import IppOutput, IppSettings
from pacs_print.outputs.ipp.message import IppError, Keyword, Operation, Reply, request

MADE = dt.datetime(2026, 11, 22, 10, 30, tzinfo=dt.UTC)
END = b"%%EOF"


def send(uri: str, films: int = 1, copies: int = 1, **more: Any) -> outputs.Handed:
    """Deliver a job with so many films of 40 mm × 60 mm."""
    own = printer(bits=8, sizes=("40MMX60MM",), outputs=[{"to": "ipp", "printer": uri, **more}])
    sheets = [compose(Film(images={1: image(50 + n, 50)}), own) for n in range(films)]
    asked = PrintJob(uid="1.2.3", printer=own, created=MADE, copies=copies, priority="HIGH")
    return outputs.deliver(asked, sheets, outputs.targets(own, {"ipp": IppOutput()}))


# --- CUPS -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def cups():
    """One for all tests; a queue is empty again when its file is whole."""
    if not os.access(CUPSD, os.X_OK):
        pytest.skip("CUPS is not installed")
    if os.geteuid() != 0:
        pytest.skip("CUPS drops root's rights, and needs them for that")
    with running_cups() as running:
        yield running


def printed(cups: Any, films: int) -> bytes:
    """What came out: all films, in pieces as they were sent."""
    path = cups.folder / "printed.pdf"
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        data = path.read_bytes() if path.exists() else b""
        if data.count(END) >= films:
            return data
        time.sleep(0.05)  # it is no child of ours, and tells nobody
    raise AssertionError(cups.log[-4000:])


@pytest.mark.interop
def test_a_queue_of_cups_prints_films_in_order_as_often_as_asked(cups):
    """Copies of a job with several films come one set after the other."""
    (cups.folder / "printed.pdf").unlink(missing_ok=True)
    send(cups.uri, films=3, copies=2)
    documents = [PDF + part for part in printed(cups, 6).split(PDF)[1:]]
    assert len(set(documents)) == 3
    assert documents[:3] == documents[3:]


@pytest.mark.interop
def test_a_queue_of_cups_is_told_the_copies_of_a_single_film(cups):
    """The device makes them; no attribute of the job is refused or unknown."""
    (cups.folder / "printed.pdf").unlink(missing_ok=True)
    before = len(cups.log)
    send(cups.uri, copies=2)
    assert printed(cups, 1).count(PDF) == 1
    told = cups.log[before:]
    assert 'argv[3]="FILM 1.2.3"' in told
    assert 'argv[4]="2"' in told
    assert "print-scaling=none" in told
    assert "client-error" not in told
    assert "unsupported" not in told.lower()


@pytest.mark.interop
def test_a_job_of_cups_is_done_when_its_films_are_printed(cups):
    """And what is over by then cannot be taken back, which is no error."""
    path = cups.folder / "printed.pdf"
    path.unlink(missing_ok=True)
    (ticket,) = send(cups.uri, films=2).values()
    settings = IppSettings(printer=cups.uri)
    deadline = time.monotonic() + 60
    while not (progress := IppOutput().follow(ticket, settings)).done:
        assert progress.info == "NORMAL"
        assert time.monotonic() < deadline, cups.log[-4000:]
        time.sleep(0.05)  # a printer tells nobody
    assert path.read_bytes().count(END) == 2
    IppOutput().take_back(ticket, settings)


@pytest.mark.interop
def test_a_queue_that_is_not_there_is_an_error_for_good(cups):
    with pytest.raises(OutputError, match="refused GET_PRINTER_ATTRIBUTES with 0x0406") as raised:
        send(cups.uri.replace("film", "none"))
    assert raised.value.permanent


@pytest.mark.interop
def test_a_queue_that_takes_no_jobs_may_take_them_later(cups):
    with running_cups(accepting=False) as closed:
        with pytest.raises(OutputError, match="takes no jobs") as raised:
            send(closed.uri)
        assert not raised.value.permanent


# --- a printer that answers as the test wants it --------------------------------------------------


@pytest.fixture
def fake() -> Iterator[FakePrinter]:
    with fake_printer() as made:
        yield made


def test_a_job_says_how_it_is_to_be_printed(fake):
    send(fake.uri, copies=3)
    operation, asked, _ = fake.asked[1]
    assert operation == Operation.CREATE_JOB
    assert asked.integer("copies") == 3
    assert asked.integer("job-priority") == 80
    assert asked.texts("job-name") == ["FILM 1.2.3"]
    assert asked.texts("printer-uri") == [fake.uri]
    assert asked.texts("requesting-user-name") == ["pacs"]
    assert asked.texts("print-scaling") == ["none"]


def test_the_size_of_the_film_goes_along(fake):
    """media-size in hundredths of a millimetre (PWG 5100.7), narrow side first."""
    send(fake.uri)
    head = fake.heads[1]
    named = head.index(b"media-col")
    members = [head.index(name, named) for name in (b"media-size", b"x-dimension", b"y-dimension")]
    assert members == sorted(members)
    lengths = [head.index(struct.pack(">Hi", 4, size), named) for size in (4000, 6000)]
    assert members[1] < lengths[0] < members[2] < lengths[1]


def test_a_medium_of_the_printers_own_goes_before_the_size(fake):
    send(fake.uri, media="na_letter_8.5x11in", scaling="fit")
    asked = fake.asked[1][1]
    assert asked.texts("media") == ["na_letter_8.5x11in"]
    assert asked.texts("print-scaling") == ["fit"]


def test_a_printer_of_single_documents_gets_a_job_for_each_film(fake):
    """Films in order, one set after the other, as a printer of several documents has them."""
    fake.answers[Operation.GET_PRINTER_ATTRIBUTES] = answer(
        0, boolean("multiple-document-jobs-supported", False)
    )
    send(fake.uri, films=2, copies=2)
    assert fake.operations() == [
        Operation.GET_PRINTER_ATTRIBUTES,
        *(Operation.CREATE_JOB, Operation.SEND_DOCUMENT) * 4,
    ]
    assert {a.integer("copies") for o, a, _ in fake.asked if o == Operation.CREATE_JOB} == {1}
    sent = [
        (a.attributes["last-document"], document)
        for o, a, document in fake.asked
        if o == Operation.SEND_DOCUMENT
    ]
    assert [last for last, _ in sent] == [[True]] * 4
    assert sent[:2] == sent[2:]
    assert sent[0] != sent[1]


def test_only_the_last_document_is_the_last(fake):
    send(fake.uri, films=2)
    lasts = [
        a.attributes["last-document"] for o, a, _ in fake.asked if o == Operation.SEND_DOCUMENT
    ]
    assert lasts == [[False], [True]]
    assert all(document.rstrip().endswith(END) for _, _, document in fake.asked[2:])


def test_a_job_that_breaks_off_is_taken_back(fake):
    fake.answers[Operation.SEND_DOCUMENT] = answer(0x0504, text("status-message", "out", 0x41))
    with pytest.raises(OutputError, match="refused SEND_DOCUMENT with 0x0504: out") as raised:
        send(fake.uri, films=2)
    assert fake.operations()[-1] is Operation.CANCEL_JOB
    assert fake.asked[-1][1].integer("job-id") == 7
    assert not raised.value.permanent


def test_a_job_that_the_printer_gives_up_is_an_error(fake):
    fake.answers[Operation.SEND_DOCUMENT] = answer(
        0, number("job-state", 8, 0x23), text("job-state-reasons", "document-format-error")
    )
    with pytest.raises(OutputError, match="gave up job 7: document-format-error"):
        send(fake.uri)


@pytest.mark.parametrize(
    ("status", "permanent"), [(0x0400, True), (0x040A, True), (0x0500, False), (0x0507, False)]
)
def test_what_another_attempt_may_change_is_told_from_what_it_cannot(fake, status, permanent):
    fake.answers[Operation.CREATE_JOB] = answer(status)
    with pytest.raises(OutputError) as raised:
        send(fake.uri)
    assert raised.value.permanent is permanent


def test_a_printer_that_takes_no_pdf_is_an_error_for_good(fake):
    fake.answers[Operation.GET_PRINTER_ATTRIBUTES] = answer(
        0, text("document-format-supported", "image/urf", 0x49)
    )
    with pytest.raises(OutputError, match="does not print PDF") as raised:
        send(fake.uri)
    assert raised.value.permanent


@pytest.mark.parametrize("body", [b"", b"<html>", b"\1\1\0\0\0\0\0\1\4\x44\xff\xff"])
def test_an_answer_that_is_none_is_an_error(fake, body):
    fake.answers[Operation.GET_PRINTER_ATTRIBUTES] = body
    with pytest.raises(OutputError, match="is not that of a printer"):
        send(fake.uri)


def test_an_answer_of_http_that_is_no_success_is_an_error(fake):
    fake.status = 503
    with pytest.raises(OutputError, match="503") as raised:
        send(fake.uri)
    assert not raised.value.permanent


def test_films_go_encrypted_to_a_printer_whose_authority_is_known(tmp_path: Path):
    certificates = make_certificates(tmp_path)
    with fake_printer(certificates) as fake:
        send(fake.uri, ca=str(certificates.ca))
        assert fake.operations()[-1] is Operation.SEND_DOCUMENT


def test_no_film_goes_to_a_printer_that_is_not_who_it_says(tmp_path: Path):
    with fake_printer(make_certificates(tmp_path)) as fake:
        with pytest.raises(OutputError, match=r"(?i)certificate"):
            send(fake.uri)
        assert fake.asked == []


def test_a_printer_that_is_away_may_come_back():
    with pytest.raises(OutputError) as raised:
        send(f"ipp://127.0.0.1:{free_port()}/ipp/print")
    assert not raised.value.permanent


@given(st.binary(max_size=200))
@settings(deadline=None)
def test_no_bytes_are_more_than_an_answer_or_an_error(data):
    for body in (data, answer(0)[:-1] + data):
        try:
            Reply.read(body)
        except IppError:
            continue


def test_values_of_collections_are_not_taken_for_attributes():
    head = request(
        Operation.CREATE_JOB, 1, {}, {"media-col": {"media-size": {"x-dimension": 1}}, "copies": 2}
    )
    read = Reply.read(head)
    assert read.integer("copies") == 2
    assert read.integer("x-dimension", default=-1) == -1
    assert Reply.read(request(Operation.CREATE_JOB, 1, {"a": Keyword("b")})).texts("a") == ["b"]
