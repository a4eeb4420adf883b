"""What is known of runs, on each database."""

from __future__ import annotations

import dataclasses
import datetime as dt
from types import SimpleNamespace
from typing import Any

import pytest
from pydicom import Dataset

from pacs_ai.book import Book, NoSuchRun, State, Verdict
from pacs_ai.tables import TABLES
from pacs_ai.terms import NAME
from pacs_framework.tables import now
from pacs_framework.testing.tables import EmptiedTables

LONG_AGO = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)


@pytest.fixture
def book(pacs_emptied_tables: EmptiedTables) -> Book:
    return Book(pacs_emptied_tables(TABLES, NAME))


def model(version: str = "1") -> Any:
    return SimpleNamespace(name="lungs", version=version, label=f"lungs@{version}")


def begin(
    book: Book, uid: str, *, name: str = "lungs", version: str = "1", series: str = "1.1"
) -> None:
    book.begin(
        ["1.1.1", "1.1.2"],
        uid=uid,
        model=name,
        version=version,
        runner="process",
        digest="d" * 64,
        study_instance_uid="1",
        series_instance_uid=series,
        folder=f"folder-{uid}",
    )


def instance(uid: str) -> Dataset:
    made = Dataset()
    made.SOPClassUID, made.SeriesInstanceUID = "1.2.840.10008.5.1.4.1.1.66.4", f"{uid}.1"
    made.SOPInstanceUID = uid
    return made


def done(book: Book, uid: str, *, stored: bool = True, **more: str) -> None:
    begin(book, uid, **more)
    book.made(uid, [instance(f"{uid}.7")])
    if stored:
        book.stored(uid, f"{uid}.7")
    book.end(uid, State.DONE, log="wörds")


def test_a_run_is_found_by_itself_and_by_what_it_made(book: Book) -> None:
    done(book, "2.1")
    record = book.find("2.1")
    assert record == book.find("2.1.7")
    assert (record.state, record.log, record.model) == (State.DONE, "wörds", "lungs")
    assert record.ended is not None
    assert record.started <= record.ended <= now()
    assert book.inputs(record) == ["1.1.1", "1.1.2"]
    (result,) = book.results(record)
    assert (result.sop_instance_uid, result.stored) == ("2.1.7", True)
    with pytest.raises(NoSuchRun):
        book.find("2.2")


def test_an_instance_is_a_models_own_on_the_same_series_alone(book: Book) -> None:
    """What another model, another version or a run on another series made is somebody else's."""
    done(book, "2.1")
    begin(book, "2.2")
    begin(book, "2.3", version="2")
    begin(book, "2.4", name="body")
    begin(book, "2.5", series="1.2")
    own = {uid for uid in ("2.1", "2.2", "2.3", "2.4", "2.5") if book.is_own(uid, "2.1.7")}
    assert own == {"2.1", "2.2"}
    assert not book.is_own("2.1", "2.1")


def test_the_last_runs_of_a_version_are_its_own_that_are_over(book: Book) -> None:
    """Runs of other versions and such as still run do not count among them."""
    for uid in ("2.1", "2.3", "2.5"):
        begin(book, uid)
        book.end(uid, State.FAILED)
        done(book, f"{uid}1", version="2")
    begin(book, "2.7")
    assert [each.uid for each in book.last_ended(2, model())] == ["2.5", "2.3"]


def test_runs_are_listed_newest_first(book: Book) -> None:
    done(book, "2.1")
    begin(book, "2.2")
    begin(book, "2.3", version="2")
    book.end("2.3", State.FAILED, reason="why")
    assert [each.uid for each in book.newest(2)] == ["2.3", "2.2"]
    assert [each.uid for each in book.newest(9, model="lungs", state="FAILED")] == ["2.3"]
    assert book.newest(9, model="body") == []


def test_runs_whose_process_died_are_lost(book: Book) -> None:
    """Of this node, and only such as still run."""
    done(book, "2.1")
    begin(book, "2.2")
    begin(book, "2.3")
    book.lose(["folder-2.3"])
    states = {each.uid: each.state for each in book.newest(9)}
    assert states == {"2.1": State.DONE, "2.2": State.LOST, "2.3": State.RUNNING}


def test_what_people_said_is_kept_in_its_order(book: Book) -> None:
    done(book, "2.1")
    record = book.find("2.1")
    book.judge(record, Verdict.REJECTED, reviewer="A", note="naïve")
    book.judge(record, Verdict.ACCEPTED, reviewer="B", note="")
    said = [(each.verdict, each.reviewer, each.note) for each in book.reviews(record)]
    assert said == [(Verdict.REJECTED, "A", "naïve"), (Verdict.ACCEPTED, "B", "")]


def since(
    book: Book,
    *,
    stored: bool,
    when: dt.datetime = LONG_AGO,
    version: str = "1",
    series: str = "1.1",
) -> str:
    """The UID of the last run that went well, empty where there is none."""
    found = book.done_since(when, model(version), "1", series, stored=stored)
    return "" if found is None else found.uid


def test_a_run_that_is_done_is_not_made_again(book: Book) -> None:
    """Of this model and version, since then, into the archive or apart from it."""
    done(book, "2.1")
    done(book, "2.2", stored=False)
    done(book, "2.3", series="1.2")
    begin(book, "2.4")
    assert since(book, stored=True) == "2.1"
    assert since(book, stored=False) == "2.2"
    assert since(book, version="2", stored=True) == ""
    assert since(book, series="1.3", stored=True) == ""
    assert since(book, when=now() + dt.timedelta(seconds=60), stored=True) == ""


def test_a_run_that_found_nothing_is_not_made_again(book: Book) -> None:
    """Wherever its results would have gone; one that failed is."""
    begin(book, "2.1")
    book.end("2.1", State.NOTHING, reason="none there")
    begin(book, "2.2")
    book.end("2.2", State.FAILED)
    assert [since(book, stored=stored) for stored in (True, False)] == ["2.1", "2.1"]


def test_what_two_models_ran_on_is_found(book: Book) -> None:
    """Series that both went well on, by the last run of each; to find nothing is that, too."""
    done(book, "2.1")
    done(book, "2.2")
    done(book, "2.3", version="2")
    done(book, "2.4", series="1.2")
    begin(book, "2.5", version="2", series="1.2")
    assert book.common(model("1"), model("2")) == [("1.1", "2.2", "2.3")]
    done(book, "2.6", version="2", series="1.2")
    assert book.common(model("2"), model("1")) == [("1.1", "2.3", "2.2"), ("1.2", "2.6", "2.4")]
    begin(book, "2.7")
    book.end("2.7", State.NOTHING, reason="none there")
    assert book.common(model("1"), model("2"))[0] == ("1.1", "2.7", "2.3")


def test_a_record_is_not_changed(book: Book) -> None:
    done(book, "2.1")
    with pytest.raises(dataclasses.FrozenInstanceError):
        book.find("2.1").uid = "x"  # type: ignore[misc]
