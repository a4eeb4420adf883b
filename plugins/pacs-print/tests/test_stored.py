"""Stored series that are printed: by rules, and by hand."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pydicom
import pytest
from conftest import Start
from print_peers import a_dataset, until
from pydicom import Dataset
from pydicom.uid import generate_uid

from pacs_framework.archive.changes import Change, ChangeKind
from pacs_framework.archive.incoming import Origin
from pacs_framework.archive.query_keys import Root
from pacs_framework.dicom.attributes import Level
from pacs_framework.tables import TableStore, now
from pacs_framework.testing.factories import Archives
from pacs_framework.testing.running import RunningArchive
from pacs_print import plugin
from pacs_print.queue.book import Book
from pacs_print.queue.model import State
from pacs_print.stored.errand import Errand, PrintRule
from pacs_print.stored.waiting import Waiting
from pacs_print.tables import NAME

Jobs = Callable[[RunningArchive], Book]
_CT = Path(pydicom.data.__file__).parent / "test_files" / "CT_small.dcm"  # type: ignore[attr-defined]


def a_series(folder: Path, numbers: list[int], modality: str = "CT") -> list[Path]:
    """CT images with these instance numbers; the brightest pixel of each is its number."""
    folder.mkdir()
    series, paths = generate_uid(), []
    for number in numbers:
        dataset = pydicom.dcmread(_CT)
        dataset.SeriesInstanceUID, dataset.InstanceNumber = series, number
        dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = generate_uid()
        dataset.Modality = modality
        dataset.WindowCenter, dataset.WindowWidth = number * 100, 1
        paths.append(folder / f"{number}.dcm")
        dataset.save_as(paths[-1])
    return paths


def keep(running: RunningArchive, paths: list[Path]) -> Dataset:
    for path in paths:
        running.archive.import_file(path, Origin(door="test", calling_aet="CT1"))
    return pydicom.dcmread(paths[0])


def test_a_rule_prints_a_series_when_no_more_of_it_comes(
    start: Start, films: Path, book_of: Jobs, tmp_path: Path
) -> None:
    """One job, all images in the order of their numbers; other modalities are let be."""
    rule = {"modality": "CT", "printer": "FILM", "layout": "STANDARD\\2,1", "quiet": 0.5}
    running = start(own={"rules": [rule]})
    keep(running, a_series(tmp_path / "mr", [1], "MR"))
    keep(running, a_series(tmp_path / "ct", [3, 1, 2]))
    book = book_of(running)
    until(lambda: [job.state for job in book.listed()] == [State.DONE])
    (job,) = book.listed()
    kept = book.films(job)
    assert [len(film.images) for film in kept] == [2, 1]
    # Windows of one value: the more is white, the lower its number.
    white = [book.pixels(job, film, at).count(255) for film, at in ((1, 1), (1, 2), (2, 1))]
    assert white == sorted(white, reverse=True)
    assert len(set(white)) == 3
    assert len([*films.iterdir()]) == 2
    study = book.attributes(job)
    assert study is not None
    assert (study.PatientID, study.PatientName) == ("1CT1", "CompressedSamples^CT1")
    assert Waiting(running.archive.tables(NAME)).listed() == []


def test_what_comes_late_is_printed_by_itself(start: Start, book_of: Jobs, tmp_path: Path) -> None:
    """Not with all that stands on films already, unless a person asks for the series."""
    rule = {"printer": "FILM", "layout": "STANDARD\\2,2", "quiet": 0.2}
    running = start(own={"rules": [rule]}, enabled=False)
    paths = a_series(tmp_path / "ct", [1, 2, 3])
    series = keep(running, paths[:2])
    book = book_of(running)
    until(lambda: len(book.listed()) == 1)
    keep(running, paths[2:])
    until(lambda: len(book.listed()) == 2)
    assert [len(book.films(job)[0].images) for job in book.listed()] == [2, 1]
    waiting = Waiting(running.archive.tables(NAME))
    until(lambda: not waiting.listed())
    errand = Errand(printer="FILM", layout="STANDARD\\2,2")
    waiting.add(errand, series.StudyInstanceUID, series.SeriesInstanceUID)
    _ring(running)
    until(lambda: len(book.listed()) == 3)
    assert len(book.films(book.listed()[2])[0].images) == 3


def test_films_in_the_archive_are_not_printed_by_rules(
    start: Start, book_of: Jobs, tmp_path: Path
) -> None:
    """A rule for everything prints what came, and not what it made of that, and so on for ever."""
    running = start(own={"rules": [{"printer": "FILM", "quiet": 0.1}]}, outputs=[{"to": "archive"}])
    series = keep(running, a_series(tmp_path / "ct", [1]))
    book = book_of(running)
    until(lambda: [job.state for job in book.listed()] == [State.DONE])
    keys = a_dataset(
        StudyInstanceUID=series.StudyInstanceUID, SeriesInstanceUID="", Modality="", PatientID=""
    )
    found = [*running.archive.query.find(Level.SERIES, Root.STUDY, keys, relational=True)]
    assert sorted((each.Modality, each.PatientID) for each in found) == [
        ("CT", "1CT1"),
        ("OT", "1CT1"),
    ]
    waiting = Waiting(running.archive.tables(NAME))
    until(lambda: not waiting.listed())
    assert len(book.listed()) == 1


def test_a_series_without_images_is_no_job(start: Start, book_of: Jobs, tmp_path: Path) -> None:
    """Nor does a rule try again for a day what has nothing to print."""
    running = start(own={"rules": [{"peer": "NOBODY", "quiet": 0.05}]})
    (path,) = a_series(tmp_path / "sr", [1], "SR")
    report = pydicom.dcmread(path)
    for keyword in ("Rows", "Columns", "PixelData", "BitsAllocated"):
        del report[keyword]
    report.save_as(path)
    keep(running, [path])
    waiting = Waiting(running.archive.tables(NAME))
    until(lambda: not waiting.listed())
    assert book_of(running).listed() == []


def test_a_stored_series_is_printed_on_a_peer(
    start: Start, pacs_archive: Archives, tmp_path: Path, book_of: Jobs
) -> None:
    """As SCU, in 12 bits: the films of the other archive are those of the series."""
    there = start()
    here = pacs_archive(
        {NAME: plugin},
        settings={
            "peers": {"film": {"aet": "FILM", "host": there.host, "port": there.port}},
            "plugin": {NAME: {"rules": [{"peer": "FILM", "calling_aet": "NOBODY"}]}},
        },
    )
    series = keep(here, a_series(tmp_path / "ct", [1, 2]))
    waiting = Waiting(here.archive.tables(NAME))
    errand = Errand(peer="FILM", layout="STANDARD\\1,2", bits=12, label="Head")
    waiting.add(errand, series.StudyInstanceUID, series.SeriesInstanceUID)
    _ring(here)
    book = book_of(there)
    until(lambda: [job.state for job in book.listed()] == [State.DONE])
    (job,) = book.listed()
    (film,) = book.films(job)
    assert (job.label, [image.bits for image in film.images]) == ("Head", [12, 12])
    until(lambda: waiting.listed() == [])


def test_what_cannot_be_printed_waits_and_says_why(start: Start, tmp_path: Path) -> None:
    """No peer of that title: tried again, and never forgotten."""
    running = start()
    series = keep(running, a_series(tmp_path / "ct", [1]))
    waiting = Waiting(running.archive.tables(NAME))
    waiting.add(Errand(peer="NOBODY"), series.StudyInstanceUID)
    _ring(running)
    until(lambda: waiting.listed()[0].attempts > 1)
    assert waiting.listed()[0].error == "no peer has the AE title 'NOBODY'; add it to [peers]"


def _ring(running: RunningArchive) -> None:
    from pacs_print.queue.bells import ringer  # noqa: PLC0415 - as the command does it

    ringer(running.data)()


def a_change(series: str, calling_aet: str = "CT1") -> Change:
    return Change(
        sequence=1,
        kind=ChangeKind.STORED,
        at=now(),
        patient_id="P",
        issuer_of_patient_id="",
        study_instance_uid="1.2",
        series_instance_uid=series,
        sop_instance_uid="1.2.3",
        sop_class_uid="1.2.4",
        origin=Origin(door="dimse", calling_aet=calling_aet),
    )


def test_each_series_waits_once_for_each_rule(store: TableStore) -> None:
    """However many instances of it came; senders that the rule is not for are passed over."""
    waiting = Waiting(store)
    rules = [
        PrintRule(printer="A", calling_aet="CT*"),
        PrintRule(printer="B", calling_aet="MR*"),
    ]
    waiting.arrived([a_change("1"), a_change("2"), a_change("1"), a_change("1", "MR1")], rules)
    waiting.arrived([a_change("1")], rules)
    found = [(each.errand.printer, each.series_instance_uid) for each in waiting.listed()]
    assert sorted(found) == [("A", "1"), ("A", "2"), ("B", "1")]
    assert waiting.claim("a", now()) is None  # quiet


def test_what_came_while_a_series_was_printed_is_not_lost(store: TableStore) -> None:
    """It waits again, and who printed the first part does not take that away."""
    waiting = Waiting(store)
    rules = [PrintRule(printer="A", quiet=0.001)]
    waiting.arrived([a_change("1")], rules)
    until(lambda: bool(waiting.listed()[0].due and waiting.listed()[0].due <= now()))
    found = waiting.claim("a", now() + dt.timedelta(seconds=60))
    assert found is not None
    waiting.arrived([a_change("1")], rules)
    assert not waiting.renew(found, "a", now())
    waiting.done(found, "a")
    assert len(waiting.listed()) == 1


def test_what_was_printed_is_forgotten_in_the_end(store: TableStore) -> None:
    """By then a series that comes again is one that is wanted again; a changed rule is another."""
    waiting = Waiting(store)
    rules = [PrintRule(printer="A", quiet=0.001), PrintRule(printer="B", quiet=0.001)]
    waiting.arrived([a_change("1")], rules)
    until(lambda: len(waiting.listed()) == 2 and all(w.due <= now() for w in waiting.listed()))  # type: ignore[operator]
    first = waiting.claim("a", now() + dt.timedelta(seconds=60))
    other = waiting.claim("a", now() + dt.timedelta(seconds=60))
    assert first is not None
    assert other is not None
    waiting.done(first, "a", ["1.2.3", "1.2.4"])
    waiting.done(first, "a", ["1.2.4"])
    assert waiting.shown(first) == {"1.2.3", "1.2.4"}
    assert waiting.shown(other) == set()
    waiting.forget(now() - dt.timedelta(seconds=60))
    assert waiting.shown(first) == {"1.2.3", "1.2.4"}
    waiting.forget(now() + dt.timedelta(seconds=60))
    assert waiting.shown(first) == set()


@pytest.mark.parametrize(
    "wrong", [{}, {"printer": "A", "peer": "B"}, {"printer": "A", "layout": "?"}]
)
def test_an_errand_says_where_and_how(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"either printer or peer|layout"):
        Errand(**wrong)
