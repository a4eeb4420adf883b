"""Jobs in the hands of a printer of IPP: followed to their end, however that is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from conftest import Start
from fake_ipp import FakePrinter, answer, fake_printer, number, text
from print_peers import FILM, JOB, META, NET, Client, until

from pacs_framework.testing.running import RunningArchive
from pacs_print.outputs import OutputError, Progress
from pacs_print.outputs.ipp import IppOutput, IppSettings
from pacs_print.outputs.ipp.message import Operation
from pacs_print.queue import following
from pacs_print.queue.book import Book
from pacs_print.queue.model import Info, State
from pacs_print.services.classes import PRINTER_INSTANCE

Jobs = Callable[[RunningArchive], Book]
PROCESSING, STOPPED, CANCELED, ABORTED, COMPLETED = 5, 6, 7, 8, 9


@pytest.fixture
def fake() -> Iterator[FakePrinter]:
    with fake_printer() as made:
        made.answers[Operation.GET_JOB_ATTRIBUTES] = a_job(PROCESSING)
        yield made


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Printers are asked more often than real ones want to be."""
    monkeypatch.setattr(following, "_FIRST_LOOK", 0.05)
    monkeypatch.setattr(following, "_LAST_LOOK", 0.05)


def a_job(state: int, *reasons: str) -> bytes:
    told = (text("job-state-reasons", reason) for reason in reasons)
    return answer(0, number("job-state", state, 0x23), *told)


def a_printer(state: int, *reasons: str) -> bytes:
    told = (text("printer-state-reasons", reason) for reason in reasons)
    return answer(0, number("printer-state", state, 0x23), *told)


def progress(fake: FakePrinter) -> Progress:
    return IppOutput().follow("7", IppSettings(printer=fake.uri))


def print_a_film(client: Client) -> str:
    client.open_session()
    _, film = client.open_film("STANDARD\\1,1")
    client.fill(film)
    status, reply = client.act(FILM, film.SOPInstanceUID)
    assert status == 0
    named = reply.get("ReferencedPrintJobSequence") or ()  # where it negotiated Print Job
    return str(named[0].ReferencedSOPInstanceUID) if named else ""


def over_ipp(start: Start, fake: FakePrinter, **own: Any) -> RunningArchive:
    return start(outputs=[{"to": "ipp", "printer": fake.uri}], own=own)


@pytest.mark.parametrize(
    ("state", "reasons", "expected"),
    [
        (PROCESSING, ["job-printing"], Progress(done=False)),
        (COMPLETED, [], Progress(done=True)),
        (STOPPED, ["printer-stopped"], "PRINTER DOWN"),
        (STOPPED, ["media-jam-error"], "FILM JAM"),
        (4, ["job-hold-until-specified"], "HELD"),
    ],
)
def test_what_a_printer_says_of_a_job_is_how_far_it_is(
    fake: FakePrinter, state: int, reasons: list[str], expected: Progress | str
) -> None:
    """States of RFC 8011 as terms of PS3.3 C.13.9.1."""
    fake.answers[Operation.GET_JOB_ATTRIBUTES] = a_job(state, *reasons)
    found = progress(fake)
    assert (found.info if isinstance(expected, str) else found) == expected


def test_a_printer_that_is_stopped_says_why_a_job_waits(fake: FakePrinter) -> None:
    fake.answers[Operation.GET_PRINTER_ATTRIBUTES] = a_printer(5, "media-empty-error")
    found = progress(fake)
    assert (found.done, found.info) == (False, "SUPPLY EMPTY")
    assert found.reason.endswith("is stopped: media-empty-error")


@pytest.mark.parametrize("status", [0x0406, 0x0407])
def test_a_job_that_the_printer_has_forgotten_is_done(fake: FakePrinter, status: int) -> None:
    """Many keep no job that is over, and it was accepted whole."""
    fake.answers[Operation.GET_JOB_ATTRIBUTES] = answer(status)
    assert progress(fake).done


@pytest.mark.parametrize(("state", "info"), [(CANCELED, "CANCELED"), (ABORTED, "UNKNOWN")])
def test_a_job_that_the_printer_ended_has_failed(fake: FakePrinter, state: int, info: str) -> None:
    fake.answers[Operation.GET_JOB_ATTRIBUTES] = a_job(state, "aborted-by-system")
    with pytest.raises(OutputError, match="aborted-by-system") as raised:
        progress(fake)
    assert (raised.value.permanent, raised.value.info) == (True, info)


def test_all_jobs_of_a_film_session_are_followed(fake: FakePrinter) -> None:
    """Done when the last is; taken back together."""
    settings = IppSettings(printer=fake.uri)
    IppOutput().take_back("7 8", settings)
    assert [asked.integer("job-id") for _, asked, _ in fake.asked] == [7, 8]
    fake.answers[Operation.CANCEL_JOB] = answer(0x0404)  # over by now
    IppOutput().take_back("7", settings)
    fake.answers[Operation.CANCEL_JOB] = answer(0x0503)
    with pytest.raises(OutputError, match="refused CANCEL_JOB"):
        IppOutput().take_back("7", settings)


@pytest.mark.usefixtures("soon")
def test_a_job_is_done_when_it_is_printed(start: Start, fake: FakePrinter, book_of: Jobs) -> None:
    """PRINTING until then; asking changes nothing that a client is told of."""
    running = over_ipp(start, fake)
    with Client(running) as client:
        uid = print_a_film(client)
        until(lambda: fake.operations().count(Operation.GET_JOB_ATTRIBUTES) > 3)
        found = book_of(running).get(uid)
        assert (found.state, found.info) == (State.PRINTING, Info.NORMAL)
        fake.answers[Operation.GET_JOB_ATTRIBUTES] = a_job(COMPLETED)
        told = [client.events.get(timeout=NET).type]
        while told[-1] != 3:
            told.append(client.events.get(timeout=NET).type)
    assert told in ([1, 2, 3], [2, 3])
    assert fake.operations().count(Operation.CREATE_JOB) == 1


@pytest.mark.usefixtures("soon")
def test_a_printer_without_film_says_so_until_somebody_helps(
    start: Start, fake: FakePrinter, book_of: Jobs
) -> None:
    """The printer's status and the job's info have the reason; then both are as before."""
    fake.answers[Operation.GET_JOB_ATTRIBUTES] = a_job(STOPPED, "media-empty-error")
    running = over_ipp(start, fake)
    with Client(running) as client:
        uid = print_a_film(client)
        seen = client.events.get(timeout=NET)
        while seen.uid != PRINTER_INSTANCE:
            seen = client.events.get(timeout=NET)
        assert (seen.type, seen.information.PrinterStatusInfo) == (3, "SUPPLY EMPTY")
        status = client.get(JOB, uid)[1]
        assert (status.ExecutionStatus, status.ExecutionStatusInfo) == ("PRINTING", "SUPPLY EMPTY")
        fake.answers[Operation.GET_JOB_ATTRIBUTES] = a_job(COMPLETED)
        while (seen.uid, seen.type) != (PRINTER_INSTANCE, 1):
            seen = client.events.get(timeout=NET)
    assert book_of(running).get(uid).state is State.DONE


@pytest.mark.usefixtures("soon")
def test_a_job_that_was_given_up_has_failed_with_the_reason(
    start: Start, fake: FakePrinter, book_of: Jobs
) -> None:
    """FAILURE to the client, once, and no second attempt."""
    fake.answers[Operation.GET_JOB_ATTRIBUTES] = a_job(CANCELED, "job-canceled-by-operator")
    running = over_ipp(start, fake)
    with Client(running, contexts=(META, JOB)) as client:
        uid = print_a_film(client)
        seen = client.events.get(timeout=NET)
        while seen.type != 4:
            seen = client.events.get(timeout=NET)
    assert (seen.uid, seen.information.ExecutionStatusInfo) == (uid, "CANCELED")
    found = book_of(running).get(uid)
    assert "job-canceled-by-operator" in found.error
    assert fake.operations().count(Operation.CREATE_JOB) == 1


@pytest.mark.usefixtures("soon")
def test_a_job_that_is_canceled_is_taken_back_from_the_printer(
    start: Start, fake: FakePrinter, book_of: Jobs
) -> None:
    """Also when the printer is away just then: it is asked again."""
    fake.answers[Operation.CANCEL_JOB] = answer(0x0503)
    running = over_ipp(start, fake)
    book = book_of(running)
    with Client(running, contexts=(META,)) as client:
        print_a_film(client)
    until(lambda: bool(book.listed()[0].handed and not book.listed()[0].owner))
    (found,) = book.listed()
    canceled = Book(running.archive.tables("print"), _ringer(running)).cancel(found.uid)
    assert canceled.state is State.FAILURE
    until(lambda: fake.operations().count(Operation.CANCEL_JOB) > 1)
    fake.answers[Operation.CANCEL_JOB] = answer(0)
    until(lambda: not book.get(found.uid).handed)
    assert (book.get(found.uid).state, book.get(found.uid).info) == (State.FAILURE, "CANCELED")


@pytest.mark.usefixtures("soon")
def test_what_a_printer_has_taken_is_not_sent_again_after_a_restart(
    start: Start, fake: FakePrinter, book_of: Jobs
) -> None:
    """The next process asks for the same job."""
    first = over_ipp(start, fake)
    with Client(first, contexts=(META,)) as client:
        print_a_film(client)
    until(lambda: bool(book_of(first).listed()[0].handed))
    first.stop()
    fake.answers[Operation.GET_JOB_ATTRIBUTES] = a_job(COMPLETED)
    again = start(outputs=[{"to": "ipp", "printer": fake.uri}], folder=first.data)
    until(lambda: [job.state for job in book_of(again).listed()] == [State.DONE])
    assert fake.operations().count(Operation.CREATE_JOB) == 1


@pytest.mark.usefixtures("soon")
def test_a_printer_that_never_ends_a_job_fails_it(
    start: Start, fake: FakePrinter, book_of: Jobs
) -> None:
    """After ``give_up_after``, and takes it back; the queue is free for others."""
    running = over_ipp(start, fake, give_up_after=0.3)
    with Client(running, contexts=(META,)) as client:
        print_a_film(client)
    until(lambda: [job.state for job in book_of(running).listed()] == [State.FAILURE])
    assert "not done with it in time" in book_of(running).listed()[0].error
    assert Operation.CANCEL_JOB in fake.operations()


def test_a_queue_that_tells_nothing_needs_not_be_followed(fake: FakePrinter, start: Start) -> None:
    """``follow = false``: done when it has taken the job."""
    running = start(outputs=[{"to": "ipp", "printer": fake.uri, "follow": False}])
    with Client(running) as client:
        print_a_film(client)
        while client.events.get(timeout=NET).type != 3:
            pass
    assert Operation.GET_JOB_ATTRIBUTES not in fake.operations()


def _ringer(running: RunningArchive) -> Callable[[], None]:
    from pacs_print.queue.bells import ringer  # noqa: PLC0415 - as the command does it

    return ringer(running.data)
