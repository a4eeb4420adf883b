"""Requests as odd clients send them: values of the wrong kind, words of many alphabets."""

from __future__ import annotations

import errno
from collections.abc import Callable
from typing import Any

import pytest
from conftest import Start
from print_peers import (
    ANNOTATION,
    FILM,
    GRAY_BOX,
    LUT,
    NET,
    SESSION,
    Client,
    a_dataset,
    gray_item,
    reference,
)
from pydicom import Dataset
from pydicom.dataelem import RawDataElement
from pydicom.tag import Tag

from pacs_framework.errors import IndexUnavailable
from pacs_framework.testing.factories import Archives
from pacs_framework.testing.postgres import PrivatePostgres
from pacs_framework.testing.running import RunningArchive
from pacs_print import plugin
from pacs_print.queue.book import Book
from pacs_print.services.pixelfile import PixelFile
from pacs_print.tables import NAME

Jobs = Callable[[RunningArchive], Book]


def raw(dataset: Dataset, tag: int, vr: str, value: bytes) -> Dataset:
    """With an element of these bytes, whatever pydicom says of them."""
    dataset[tag] = RawDataElement(Tag(tag), vr, len(value), value, 0, False, True)
    return dataset


@pytest.mark.parametrize(
    ("tag", "vr", "value", "status"),
    [
        (0x20000010, "IS", b"1\\2 ", 0x0106),
        (0x20000010, "IS", b"99999999999999", 0x0116),
        (0x20000020, "CS", b"high", 0x0106),
        (0x20000030, "CS", b"PAPER\\CLEAR FILM", 0x0106),
        (0x20000050, "LO", b"\xff\xfe\x00\x01", 0x0116),
        (0x20000050, "LO", b"x" * 2000, 0x0000),
    ],
)
def test_a_film_session_of_odd_values(
    start: Start, tag: int, vr: str, value: bytes, status: int
) -> None:
    """Each has its status, and none that of a fault of ours (0110H)."""
    with Client(start()) as client:
        assert client.create(SESSION, raw(Dataset(), tag, vr, value), "1.2.3", client.meta)[0] == (
            status
        )


@pytest.mark.parametrize(
    ("tag", "vr", "value", "status"),
    [
        (0x20100010, "ST", b"STANDARD\\2,2\\7", 0x0106),
        (0x20100010, "ST", b"STANDARD\\9999,9999", 0x0106),
        (0x20100010, "ST", b"standard\\2,2", 0x0106),
        (0x20100050, "CS", b"14INX17IN\\8INX10IN", 0x0106),
        (0x20100100, "CS", b"99999999999", 0x0116),
        (0x20100100, "CS", b"1.5 ", 0x0106),
        (0x20100120, "US", b"\x01\x00\x02\x00", 0x0106),
    ],
)
def test_a_film_box_of_odd_values(
    start: Start, tag: int, vr: str, value: bytes, status: int
) -> None:
    with Client(start()) as client:
        client.open_session()
        asked = a_dataset(
            ReferencedFilmSessionSequence=[reference(SESSION, client.session)],
            ImageDisplayFormat="STANDARD\\1,1",
        )
        answered, _ = client.create(FILM, raw(asked, tag, vr, value), "1.2.3", client.meta)
        assert answered == status


@pytest.mark.parametrize(
    ("tag", "vr", "value", "status"),
    [
        (0x20200010, "US", b"\x01\x00\x01\x00", 0x0106),
        (0x20200020, "CS", b"NORMAL\\REVERSE", 0x0106),
        (0x20200030, "DS", b"nan ", 0x0106),
        (0x20200030, "DS", b"inf ", 0x0106),
        (0x20200030, "DS", b"1e-3", 0x0106),
        (0x20200030, "DS", b"10\\10", 0x0106),
    ],
)
def test_an_image_box_of_odd_values(
    start: Start, tag: int, vr: str, value: bytes, status: int
) -> None:
    with Client(start()) as client:
        client.open_session()
        _, film = client.open_film()
        asked = a_dataset(ImageBoxPosition=1, BasicGrayscaleImageSequence=[gray_item()])
        box = film.ReferencedImageBoxSequence[0].ReferencedSOPInstanceUID
        assert client.set(GRAY_BOX, box, raw(asked, tag, vr, value))[0] == status


@pytest.mark.parametrize(
    ("tag", "vr", "value", "status"),
    [
        (0x00280002, "US", b"\x01\x00\x02\x00", 0x0106),
        (0x00280004, "CS", b"MONOCHROME1\\2", 0x0106),
        (0x00280010, "US", b"\x01\x00\x02\x00", 0x0106),
        (0x00280010, "US", b"\xff\xff", 0x0106),
        (0x00280034, "IS", b"1 ", 0x0106),
        (0x00280034, "IS", b"1\\99999999", 0xB604),
        (0x00280034, "IS", b"999999999\\1", 0xB604),
        (0x00280100, "US", b"\x08\x00\x08\x00", 0x0106),
    ],
)
def test_an_image_of_odd_values(start: Start, tag: int, vr: str, value: bytes, status: int) -> None:
    """Sizes that are not true cost no memory; one that is a hair is printed as a hair."""
    with Client(start()) as client:
        client.open_session()
        _, film = client.open_film()
        item = raw(gray_item(), tag, vr, value)
        assert client.fill(film, 1, BasicGrayscaleImageSequence=[item])[0] == status


@pytest.mark.parametrize(
    ("descriptor", "data", "status"),
    [
        ([256, 0, 12], 5, 0x0106),
        ([256, 0, 12], [0] * 255, 0x0106),
        ([256, 0], [0] * 256, 0x0106),
        ([256, 0, 10], [1024] * 256, 0x0106),
        ([4096, 0, 16], [n * 16 for n in range(4096)], 0),
    ],
)
def test_a_presentation_lut_of_odd_values(
    start: Start, descriptor: list[int], data: Any, status: int
) -> None:
    table = a_dataset(LUTDescriptor=descriptor, LUTData=data)
    table["LUTDescriptor"].VR = table["LUTData"].VR = "US"
    with Client(start()) as client:
        assert client.create(LUT, a_dataset(PresentationLUTSequence=[table]))[0] == status


@pytest.mark.parametrize(
    ("charset", "words"),
    [
        ("ISO_IR 100", "Röntgen"),
        ("ISO_IR 144", "Рентген"),
        ("ISO_IR 192", "放射線"),
        ("ISO 2022 IR 6\\ISO 2022 IR 87", "放射線"),
    ],
)
def test_words_come_back_as_they_were_sent(
    start: Start, book_of: Jobs, charset: str, words: str
) -> None:
    """In responses, in events, in the queue and on the film, whatever their alphabet is."""
    known = {"SpecificCharacterSet": charset.split("\\")}
    running = start()
    with Client(running) as client:
        status, session = client.open_session(FilmSessionLabel=words, **known)
        assert (status, session.FilmSessionLabel) == (0, words)
        _, film = client.open_film(AnnotationDisplayFormatID="BOTTOM")
        client.fill(film)
        box = film.ReferencedBasicAnnotationBoxSequence[0].ReferencedSOPInstanceUID
        text = a_dataset(AnnotationPosition=1, TextString=words, **known)
        status, annotation = client.set(ANNOTATION, box, text, None)
        assert (status, annotation.TextString) == (0, words)
        assert client.act(FILM, film.SOPInstanceUID)[0] == 0
        event = client.events.get(timeout=NET)
        while event.type != 3:
            event = client.events.get(timeout=NET)
        assert event.information.FilmSessionLabel == words
    book = book_of(running)
    (job,) = book.listed()
    assert (job.label, book.films(job)[0].annotations) == (words, {1: words})


@pytest.mark.postgresql
def test_no_database_stumbles_over_a_label(
    pacs_archive: Archives, pacs_postgres: PrivatePostgres, book_of: Jobs
) -> None:
    """PostgreSQL takes no NUL in a text; a job is not lost for one."""
    printer = {"ae_title": "FILM", "enabled": False, "outputs": [{"to": "pdf", "folder": "/none"}]}
    settings = {
        "index": {"url": pacs_postgres.new_database()},
        "plugin": {NAME: {"printers": [printer]}},
    }
    running = pacs_archive({NAME: plugin}, settings=settings)
    with Client(running) as client:
        assert client.open_session(FilmSessionLabel="Head\0 1")[0] == 0x0116
        _, film = client.open_film()
        client.fill(film)
        assert client.act(FILM, film.SOPInstanceUID)[0] == 0
    assert book_of(running).listed()[0].label == "Head 1"


def test_a_full_disk_is_no_fault_of_the_client(
    start: Start, book_of: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """C605H for pixels, 0110H for a job; both go again when there is room, and nothing is lost."""
    running = start(enabled=False)

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    def away(*_: object) -> None:
        raise IndexUnavailable("the database is full")

    with Client(running) as client:
        client.open_session()
        _, film = client.open_film()
        with monkeypatch.context() as patch:
            patch.setattr(PixelFile, "append", full)
            assert client.fill(film)[0] == 0xC605
        assert client.fill(film)[0] == 0
        with monkeypatch.context() as patch:
            patch.setattr(Book, "take_in", away)
            assert client.act(FILM, film.SOPInstanceUID)[0] == 0x0110
        assert client.act(FILM, film.SOPInstanceUID)[0] == 0
    assert len(book_of(running).listed()) == 1
