"""Jobs in their tables, on both engines: kept whole, claimed by one, held, canceled, forgotten."""

from __future__ import annotations

import datetime as dt
import threading

import pytest

from pacs_framework.tables import TableStore, now
from pacs_print.queue.book import Book, NewFilm, NewJob, NoSuchJob, NotNow, QueueFull
from pacs_print.queue.model import Info, Priority, State
from pacs_print.queue.records import FilmRecord, ImageRecord, LutRecord
from pacs_print.tables import film, job, piece

LONG = 3 << 20


def a_film(pixels: bytes = b"1234") -> NewFilm:
    image = ImageRecord(position=2, rows=1, columns=len(pixels))
    record = FilmRecord(images=(image,), presentation_lut=LutRecord(table=(0, 4095), bits=12))
    return NewFilm(record=record, pixels=lambda position: [pixels] * (position == 2))


def a_job(*films: NewFilm, printer: str = "FILM", priority: Priority = Priority.MED) -> NewJob:
    return NewJob(
        printer=printer, originator="CT1", films=films or (a_film(),), priority=priority, copies=2
    )


def later(seconds: float = 60) -> dt.datetime:
    return now() + dt.timedelta(seconds=seconds)


def test_a_job_comes_back_as_it_was_taken_in(book: Book) -> None:
    """Films in order, records whole, pixels byte for byte however long they are."""
    pixels = bytes(range(256)) * (LONG // 256) + b"end"
    made = book.take_in(a_job(a_film(), a_film(pixels)))
    found = book.get(made.uid)
    assert found == made
    assert (found.state, found.info, found.films, found.copies) == ("PENDING", "QUEUED", 2, 2)
    assert book.films(found) == [a_film().record, a_film(pixels).record]
    assert book.pixels(found, 1, 2) == b"1234"
    assert book.pixels(found, 2, 2) == pixels


def test_a_job_whose_pixels_cannot_be_read_is_not_there(book: Book) -> None:
    """All of it or nothing: nobody prints half of a film."""

    def broken(position: int) -> list[bytes]:
        raise OSError(f"no pixels at {position}")

    with pytest.raises(OSError, match="no pixels"):
        book.take_in(a_job(a_film(), NewFilm(record=a_film().record, pixels=broken)))
    assert book.listed() == []


def test_a_queue_has_a_length(book: Book) -> None:
    """Jobs that are over do not count, nor those of other printers."""
    book.take_in(a_job(printer="OTHER"), limit=1)
    first = book.take_in(a_job(), limit=1)
    with pytest.raises(QueueFull, match="1 jobs that are not over"):
        book.take_in(a_job(), limit=1)
    book.cancel(first.uid)
    book.take_in(a_job(), limit=1)


def test_jobs_go_by_priority_then_by_age(book: Book) -> None:
    wanted = [Priority.LOW, Priority.MED, Priority.HIGH, Priority.MED]
    made = [book.take_in(a_job(priority=priority)).uid for priority in wanted]
    claimed = [book.claim("a", later(), ["FILM"]) for _ in made]
    assert [job.uid for job in claimed if job] == [made[2], made[1], made[3], made[0]]
    assert {job.state for job in claimed if job} == {State.PRINTING}
    assert book.claim("a", later(), ["FILM"]) is None


def test_a_job_has_one_worker(book: Book) -> None:
    """Of many who claim at once each gets others, and who lost a job changes it no more."""
    made = {book.take_in(a_job()).uid for _ in range(8)}
    claimed: list[str] = []

    def work(owner: str) -> None:
        while (found := book.claim(owner, later(), ["FILM"])) is not None:
            claimed.append(found.uid)

    threads = [threading.Thread(target=work, args=(f"w{n}",)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(claimed) == sorted(made)
    found = book.get(claimed[0])
    book.release(found.owner)
    assert not book.done(found, "somebody else")
    taken = book.claim("next", later(), ["FILM"])
    assert taken is not None
    assert not book.renew(taken, found.owner, later())


def test_what_a_dead_worker_left_is_due_when_its_lease_is_over(book: Book) -> None:
    made = book.take_in(a_job())
    assert book.claim("dead", later(-1), ["FILM"]) is not None
    again = book.claim("next", later(), ["FILM"])
    assert again is not None
    assert again.uid == made.uid
    assert book.done(again, "next")
    assert book.get(made.uid).state is State.DONE


def test_a_failed_attempt_waits_and_says_why(book: Book) -> None:
    """PENDING again, and the printer is in trouble until the job is over."""
    made = book.take_in(a_job())
    found = book.claim("a", later(), ["FILM"])
    assert found is not None
    book.put_off(found, "a", Info.PRINTER_DOWN, "no route", later())
    waiting = book.get(made.uid)
    assert (waiting.state, waiting.attempts, waiting.error) == (State.PENDING, 1, "no route")
    assert book.trouble("FILM") == Info.PRINTER_DOWN
    assert book.claim("a", later(), ["FILM"]) is None
    book.let_go(made.uid)
    again = book.claim("a", later(), ["FILM"])
    assert again is not None
    assert book.trouble("FILM") == Info.PRINTER_DOWN
    book.done(again, "a")
    assert book.trouble("FILM") == ""


def test_a_held_job_waits_until_it_is_let_go(book: Book) -> None:
    made = book.take_in(a_job())
    assert book.hold(made.uid).info == Info.HELD
    assert book.claim("a", later(), ["FILM"]) is None
    assert book.pause(60, ["FILM"]) in (None, 60)
    book.let_go(made.uid)
    assert book.claim("a", later(), ["FILM"]) is not None
    with pytest.raises(NotNow, match="is PRINTING"):
        book.hold(made.uid)


def test_a_canceled_job_is_taken_from_its_worker(book: Book) -> None:
    made = book.take_in(a_job())
    found = book.claim("a", later(), ["FILM"])
    assert found is not None
    assert book.cancel(made.uid).state is State.FAILURE
    assert not book.renew(found, "a", later())
    assert not book.done(found, "a")
    assert book.get(made.uid).info == Info.CANCELED
    with pytest.raises(NotNow):
        book.cancel(made.uid)


def test_a_job_that_is_over_is_printed_again_as_a_new_one(book: Book) -> None:
    made = book.take_in(a_job(a_film(), a_film(b"zz")))
    with pytest.raises(NotNow, match="only one that is over"):
        book.reprint(made.uid)
    book.cancel(made.uid)
    again = book.reprint(made.uid, copies=5)
    assert (again.state, again.copies, again.originator) == (State.PENDING, 5, "CT1")
    assert again.uid != made.uid
    assert book.pixels(again, 2, 2) == b"zz"


def test_what_is_over_is_forgotten_with_its_films(book: Book, store: TableStore) -> None:
    kept = book.take_in(a_job())
    gone = book.take_in(a_job())
    book.cancel(gone.uid)
    assert book.delete_ended(later(-60)) == 0
    assert book.delete_ended(later()) == 1
    assert [job.uid for job in book.listed()] == [kept.uid]
    with store.reading() as connection:
        rows = [len(connection.execute(table.select()).all()) for table in (job, film, piece)]
    assert rows == [1, 1, 1]
    with pytest.raises(NoSuchJob, match="pacs print queue"):
        book.get(gone.uid)


def test_jobs_are_listed_by_printer_and_state(book: Book) -> None:
    one, two = book.take_in(a_job()), book.take_in(a_job(printer="OTHER"))
    book.cancel(one.uid)
    assert [job.uid for job in book.listed(printer="OTHER")] == [two.uid]
    assert [job.uid for job in book.listed(states=[State.FAILURE])] == [one.uid]
    assert [job.uid for job in book.listed(most=1)] == [two.uid]
