"""Print Management on the wire: pynetdicom as SCU (PS3.4 Annex H)."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import Start
from print_peers import (
    ALL,
    ANNOTATION,
    COLOUR,
    CONFIGURATION,
    FILM,
    GRAY_BOX,
    JOB,
    LUT,
    META,
    NET,
    PRINTER,
    SESSION,
    Client,
    a_dataset,
    gray_item,
    reference,
    until,
)
from pydicom import Dataset
from pydicom.uid import generate_uid

from pacs_framework.testing.running import RunningArchive
from pacs_print.queue.book import Book
from pacs_print.queue.model import State
from pacs_print.services.classes import CONFIGURATION_INSTANCE, PRINTER_INSTANCE

Jobs = Callable[[RunningArchive], Book]


def test_a_film_is_printed(start: Start, films: Path, book_of: Jobs) -> None:
    """Session, film box, images, N-ACTION: the reply names a job, which is done soon after."""
    running = start()
    with Client(running) as client:
        status, session = client.open_session(NumberOfCopies=2, FilmSessionLabel="Head")
        assert (status, session.PrintPriority, session.NumberOfCopies) == (0, "MED", 2)
        status, film = client.open_film()
        assert status == 0
        assert len(film.ReferencedImageBoxSequence) == 2
        assert client.fill(film, 1)[0] == 0
        assert client.fill(film, 2)[0] == 0
        status, reply = client.act(FILM, film.SOPInstanceUID)
        assert status == 0
        uid = reply.ReferencedPrintJobSequence[0].ReferencedSOPInstanceUID
        book = book_of(running)
        until(lambda: book.get(uid).state is State.DONE)
        assert client.get(JOB, uid)[1].ExecutionStatus == "DONE"
        assert client.delete(SESSION, client.session) == 0
    assert [f.suffix for f in films.iterdir()] == [".png"]


def test_what_is_not_said_is_filled_in(start: Start) -> None:
    """The response to N-CREATE has each attribute as it will be printed (PS3.4 H.4.2.2.1)."""
    with Client(start(min_density=15)) as client:
        client.open_session()
        _, film = client.open_film("STANDARD\\1,1", FilmSizeID="14INX17IN", Trim="YES")
    assert (film.FilmOrientation, film.FilmSizeID) == ("PORTRAIT", "14INX17IN")
    assert (film.MagnificationType, film.SmoothingType) == ("CUBIC", "MEDIUM")
    assert (film.MinDensity, film.MaxDensity, film.Trim) == (15, 300, "YES")
    assert (film.BorderDensity, film.EmptyImageDensity) == ("BLACK", "BLACK")
    assert (film.Illumination, film.ReflectedAmbientLight) == (2000, 10)
    assert film.RequestedResolutionID == "STANDARD"


@pytest.mark.parametrize(
    ("attributes", "status", "told"),
    [
        ({"NumberOfCopies": 1000}, 0x0116, {"NumberOfCopies": 99}),
        ({"FilmDestination": "BIN_7"}, 0x0116, {"FilmDestination": "PROCESSOR"}),
        ({"MemoryAllocation": 100}, 0xB600, {}),
        ({"PrintPriority": "URGENT"}, 0x0106, None),
        ({"MediumType": "GLASS"}, 0x0106, None),
        ({"PatientName": "Doe"}, 0x0107, {}),
    ],
)
def test_a_film_session_is_what_the_printer_can_do(
    start: Start, attributes: dict[str, Any], status: int, told: dict[str, Any] | None
) -> None:
    """0106H for what cannot be, warnings for what is replaced or not known."""
    with Client(start()) as client:
        answered, session = client.open_session(**attributes)
        assert answered == status
        assert (client.delete(SESSION, client.session) == 0) is (told is not None)
    for keyword, value in (told or {}).items():
        assert session[keyword].value == value


@pytest.mark.parametrize(
    ("attributes", "status"),
    [
        ({"display_format": ""}, 0x0120),
        ({"display_format": "STANDARD\\0,1"}, 0x0106),
        ({"display_format": "HEXAGON\\2"}, 0x0106),
        ({"display_format": "CUSTOM\\1"}, 0x0106),
        ({"FilmSizeID": "1INX1IN"}, 0x0106),
        ({"FilmOrientation": "SIDEWAYS"}, 0x0106),
        ({"AnnotationDisplayFormatID": "NOWHERE"}, 0x0106),
        ({"ReferencedFilmSessionSequence": []}, 0x0121),
        ({"ReferencedFilmSessionSequence": [reference(SESSION, "1.2.3")]}, 0x0106),
        ({"ReferencedPresentationLUTSequence": [reference(LUT, "1.2.3")]}, 0x0106),
        ({"MagnificationType": "FRACTAL"}, 0x0116),
        ({"ConfigurationInformation": "CS000"}, 0x0116),
        ({"MaxDensity": 999}, 0xB605),
        ({"MinDensity": 1, "MagnificationType": "FRACTAL"}, 0xB605),
        ({"BorderDensity": "GREY"}, 0x0106),
        ({"BorderDensity": "150"}, 0x0000),
    ],
)
def test_a_film_box_is_what_the_printer_can_do(
    start: Start, attributes: dict[str, Any], status: int
) -> None:
    """Formats, sizes and references that are none are refused, and nothing is made of them."""
    with Client(start()) as client:
        client.open_session()
        answered, film = client.open_film(**attributes)
        assert answered == status
        made = client.delete(FILM, film.SOPInstanceUID)
    assert made == (0 if status == 0 or 0xB000 <= status < 0xC000 or status == 0x0116 else 0x0112)


_PIXELS = np.zeros((48, 64), np.uint8)


@pytest.mark.parametrize(
    ("attributes", "status"),
    [
        ({"ImageBoxPosition": 3}, 0x0106),
        ({"ImageBoxPosition": 0}, 0x0106),
        ({"ImageBoxPosition": None}, 0x0121),
        ({"BasicGrayscaleImageSequence": [gray_item(), gray_item()]}, 0x0106),
        ({"BasicGrayscaleImageSequence": [gray_item(PixelData=b"")]}, 0x0121),
        ({"BasicGrayscaleImageSequence": [gray_item(PixelData=b"12")]}, 0x0106),
        ({"BasicGrayscaleImageSequence": [gray_item(Rows=0)]}, 0x0106),
        ({"BasicGrayscaleImageSequence": [gray_item(BitsStored=7)]}, 0x0106),
        ({"BasicGrayscaleImageSequence": [gray_item(PixelRepresentation=1)]}, 0x0106),
        ({"BasicGrayscaleImageSequence": [gray_item(PhotometricInterpretation="RGB")]}, 0x0106),
        ({"BasicGrayscaleImageSequence": [gray_item(PixelAspectRatio=["0", "1"])]}, 0x0106),
        ({"Polarity": "UPSIDE DOWN"}, 0x0106),
        ({"RequestedImageSize": "0"}, 0x0106),
        ({"RequestedImageSize": "500", "RequestedDecimateCropBehavior": "FAIL"}, 0xC603),
        ({"RequestedImageSize": "500", "RequestedDecimateCropBehavior": "CROP"}, 0xB609),
        ({"RequestedImageSize": "500", "RequestedDecimateCropBehavior": "DECIMATE"}, 0xB60A),
        ({"RequestedImageSize": "500"}, 0xB604),
        ({"MaxDensity": 999}, 0xB605),
        ({"PixelAspectRatio": ["2", "1"]}, 0x0107),
        ({"BasicGrayscaleImageSequence": [gray_item(_PIXELS.astype(np.uint16))]}, 0x0000),
        ({"BasicGrayscaleImageSequence": []}, 0x0000),
    ],
)
def test_an_image_box_takes_an_image(start: Start, attributes: dict[str, Any], status: int) -> None:
    """What is wrong with one is a failure that leaves the box as it was."""
    with Client(start()) as client:
        client.open_session()
        _, film = client.open_film()
        assert client.fill(film, 1, **attributes)[0] == status
        assert client.fill(film, 1)[0] == 0


@pytest.mark.parametrize("lacking", ["BasicGrayscaleImageSequence", "ImageBoxPosition"])
def test_an_image_box_without_image_or_position_is_0120(start: Start, lacking: str) -> None:
    """And so is an item without an attribute that it has to have."""
    with Client(start()) as client:
        client.open_session()
        _, film = client.open_film()
        box = film.ReferencedImageBoxSequence[0].ReferencedSOPInstanceUID
        whole = a_dataset(ImageBoxPosition=1, BasicGrayscaleImageSequence=[gray_item()])
        del whole[lacking]
        assert client.set(GRAY_BOX, box, whole)[0] == 0x0120
        item = gray_item()
        del item.Rows
        assert client.fill(film, BasicGrayscaleImageSequence=[item])[0] == 0x0120


def test_two_images_cannot_have_one_position(start: Start, book_of: Jobs) -> None:
    """An emptied box gives its place away, and a film has its images where they were put."""
    running = start()
    with Client(running) as client:
        client.open_session()
        _, film = client.open_film()
        assert client.fill(film, 1, ImageBoxPosition=2)[0] == 0
        assert client.fill(film, 2)[0] == 0x0106
        assert client.fill(film, 2, ImageBoxPosition=1)[0] == 0
        assert client.fill(film, 1, ImageBoxPosition=2, BasicGrayscaleImageSequence=[])[0] == 0
        assert client.fill(film, 2, ImageBoxPosition=2)[0] == 0
        assert client.act(FILM, film.SOPInstanceUID)[0] == 0
    book = book_of(running)
    (record,) = book.films(book.listed()[0])
    assert [image.position for image in record.images] == [2]


def test_a_deleted_film_box_is_gone_with_all_that_is_in_it(start: Start) -> None:
    """0112H for it, its image boxes and whatever is asked of them; the session stays."""
    with Client(start()) as client:
        client.open_session()
        _, film = client.open_film()
        assert client.delete(FILM, film.SOPInstanceUID) == 0
        assert client.fill(film)[0] == 0x0112
        assert client.set(FILM, film.SOPInstanceUID, a_dataset(Trim="YES"))[0] == 0x0112
        assert client.act(FILM, film.SOPInstanceUID)[0] == 0x0112
        assert client.delete(FILM, film.SOPInstanceUID) == 0x0112
        assert client.act(SESSION, client.session)[0] == 0xC600
        _, film = client.open_film()
        assert client.delete(SESSION, client.session) == 0
        assert client.fill(film)[0] == 0x0112
        assert client.open_session()[0] == 0


def test_instances_have_their_place_in_the_hierarchy(start: Start) -> None:
    """One session at a time, UIDs once, classes as they are, actions that there are."""
    with Client(start()) as client:
        assert client.open_film()[0] == 0x0106
        client.open_session()
        assert client.create(SESSION, Dataset(), meta=META)[0] == 0x0213
        assert client.create(SESSION, Dataset(), client.session, META)[0] == 0x0111
        _, film = client.open_film()
        assert client.create(FILM, Dataset(), film.SOPInstanceUID, META)[0] == 0x0111
        assert client.delete(SESSION, film.SOPInstanceUID) == 0x0119
        assert client.act(FILM, film.SOPInstanceUID, action=2)[0] == 0x0123
        assert client.act(FILM, film.SOPInstanceUID)[0] == 0xB603
        assert client.act(SESSION, client.session)[0] == 0xB602
        assert client.get(FILM, film.SOPInstanceUID, meta=META)[0] == 0x0211
        later = a_dataset(ImageDisplayFormat="STANDARD\\1,1")
        assert client.set(FILM, film.SOPInstanceUID, later)[0] == 0x0105


def test_a_film_session_is_printed_as_one_job(start: Start, book_of: Jobs, films: Path) -> None:
    """Its films in order, with the attributes that hold when it is printed."""
    running = start()
    with Client(running) as client:
        client.open_session(PrintPriority="HIGH", NumberOfCopies=3)
        boxes = [client.open_film("STANDARD\\1,1")[1] for _ in range(3)]
        for number, film in enumerate(boxes):
            client.fill(film, BasicGrayscaleImageSequence=[gray_item(_PIXELS + number)])
        changed = a_dataset(MagnificationType="NONE", BorderDensity="WHITE")
        assert client.set(FILM, boxes[1].SOPInstanceUID, changed)[0] == 0
        assert client.set(SESSION, client.session, a_dataset(NumberOfCopies=2))[0] == 0
        assert client.act(SESSION, client.session)[0] == 0
    book = book_of(running)
    until(lambda: book.listed()[0].state is State.DONE)
    (job,) = book.listed()
    assert (job.copies, job.priority.name, job.films) == (2, "HIGH", 3)
    kept = book.films(job)
    assert [film.magnification for film in kept] == ["CUBIC", "NONE", "CUBIC"]
    assert [set(book.pixels(job, n, 1)) for n in (1, 2, 3)] == [{0}, {1}, {2}]
    assert len([*films.iterdir()]) == 3


def test_colours_and_presentation_luts_and_words(start: Start, book_of: Jobs) -> None:
    """Planes become pixels; a film keeps the LUT that it named, also when that is deleted."""
    running = start()
    table = a_dataset(LUTDescriptor=[256, 0, 12], LUTData=[n * 16 for n in range(256)])
    table["LUTDescriptor"].VR = table["LUTData"].VR = "US"
    with Client(running) as client:
        client.meta = COLOUR
        client.open_session()
        uid = str(generate_uid())
        lut = a_dataset(PresentationLUTSequence=[table])
        assert client.create(LUT, lut, uid)[0] == 0
        _, film = client.open_film(
            "STANDARD\\1,1",
            AnnotationDisplayFormatID="BOTTOM",
            ReferencedPresentationLUTSequence=[reference(LUT, uid)],
        )
        assert client.fill(film)[0] == 0
        (words,) = film.ReferencedBasicAnnotationBoxSequence
        text = a_dataset(AnnotationPosition=1, TextString="Doe, Jane")
        assert client.set(ANNOTATION, words.ReferencedSOPInstanceUID, text, None)[0] == 0
        wrong = a_dataset(AnnotationPosition=2, TextString="Doe, Jane")
        assert client.set(ANNOTATION, words.ReferencedSOPInstanceUID, wrong, None)[0] == 0x0106
        assert client.delete(LUT, uid, None) == 0
        assert client.act(FILM, film.SOPInstanceUID)[0] == 0
    book = book_of(running)
    (job,) = book.listed()
    (record,) = book.films(job)
    assert book.pixels(job, 1, 1)[:6] == b"\xff\0\0\xff\0\0"
    assert (record.colour, record.annotations) == (True, {1: "Doe, Jane"})
    assert record.presentation_lut.table[:3] == (0, 16, 32)


@pytest.mark.parametrize(
    ("lut", "status"),
    [
        (a_dataset(), 0x0120),
        (a_dataset(PresentationLUTShape="INVERSE"), 0x0106),
        (a_dataset(PresentationLUTShape="LIN OD"), 0),
    ],
)
def test_a_presentation_lut_is_a_shape_or_a_table(start: Start, lut: Dataset, status: int) -> None:
    with Client(start()) as client:
        assert client.create(LUT, lut)[0] == status


def test_who_calls_no_printer_prints_nothing(start: Start) -> None:
    """Contexts of print are refused; of colour also where the printer has none."""
    running = start(colour=False)
    echo = "1.2.840.10008.1.1"
    with Client(running) as client:
        assert client.accepted == {str(uid) for uid in ALL} - {str(COLOUR)}
    with pytest.raises(AssertionError):
        Client(running, called="PACS", contexts=(META, echo))


def test_the_printer_tells_what_it_is(start: Start) -> None:
    """N-GET of all attributes, of some, and of some that it does not have (0107H)."""
    with Client(start(name="Dry 1", bits=12)) as client:
        status, printer = client.get(PRINTER, PRINTER_INSTANCE, meta=META)
        assert (status, printer.PrinterStatus, printer.PrinterName) == (0, "NORMAL", "Dry 1")
        tags = [0x21100010, 0x00080070]
        assert {e.tag for e in client.get(PRINTER, PRINTER_INSTANCE, tags)[1]} == set(tags)
        assert client.get(PRINTER, PRINTER_INSTANCE, [0x00100010])[0] == 0x0107
        assert client.get(PRINTER, "1.2.3")[0] == 0x0112
        status, answer = client.get(CONFIGURATION, CONFIGURATION_INSTANCE)
        grey, colour = answer.PrinterConfigurationSequence
        assert (status, grey.PrintingBitDepth, colour.PrintingBitDepth) == (0, 12, 8)
        metas = [each.SOPClassesSupported[0] for each in (grey, colour)]
        assert metas == [META, COLOUR]
        assert len(grey.MediaInstalledSequence) == 6
        assert client.get(JOB, "1.2.3")[0] == 0x0112


def test_the_configuration_tells_how_large_image_boxes_are(start: Start) -> None:
    """An image of so many pixels fits into its box as it is (PS3.3 C.13.13)."""
    halves = {"thirds": [[0, 0, 0.3, 1], [0.4, 0, 0.6, 1]]}
    with Client(start(custom_formats=halves)) as client:
        _, answer = client.get(CONFIGURATION, CONFIGURATION_INSTANCE)
        formats = answer.PrinterConfigurationSequence[0].SupportedImageDisplayFormatsSequence
        known = {
            (f.ImageDisplayFormat, f.FilmSizeID, f.FilmOrientation, f.PrinterResolutionID): f
            for f in formats
        }
        assert len(known) == len(formats)
        found = known["STANDARD\\3,4", "14INX17IN", "PORTRAIT", "STANDARD"]
        lying = known["STANDARD\\3,4", "14INX17IN", "LANDSCAPE", "STANDARD"]
        assert lying.Columns > found.Columns
        assert "Rows" not in known["CUSTOM\\thirds", "8INX10IN", "PORTRAIT", "HIGH"]
        client.open_session()
        _, film = client.open_film("STANDARD\\3,4", FilmSizeID="14INX17IN")
        for position in range(1, 13):
            image = gray_item(np.zeros((found.Rows, found.Columns), np.uint8))
            attributes = {
                "BasicGrayscaleImageSequence": [image],
                "MagnificationType": "NONE",
                "RequestedDecimateCropBehavior": "FAIL",
            }
            assert client.fill(film, position, **attributes)[0] == 0


def test_limits_of_a_session(start: Start) -> None:
    """Each with the status that says so, and the session goes on within them."""
    limits = {"film_boxes": 1, "images": 1, "presentation_luts": 1, "queue": 1}
    with Client(start(enabled=False, limits=limits)) as client:
        client.open_session()
        _, film = client.open_film()
        assert client.open_film()[0] == 0x0213
        assert client.fill(film, 1)[0] == 0
        assert client.fill(film, 2)[0] == 0xC605
        assert client.fill(film, 1)[0] == 0
        lut = a_dataset(PresentationLUTShape="IDENTITY")
        assert client.create(LUT, lut)[0] == 0
        assert client.create(LUT, lut)[0] == 0x0213
        assert client.act(FILM, film.SOPInstanceUID)[0] == 0
        assert client.act(FILM, film.SOPInstanceUID)[0] == 0xC602
        assert client.act(SESSION, client.session)[0] == 0xC601
    other = {"ae_title": "ROOMY", "outputs": [{"to": "pdf", "folder": "/none"}]}
    small = start(limits={"image_size": 4000}, others=[other])
    with Client(small) as client:
        client.open_session()
        _, film = client.open_film()
        long = gray_item(np.zeros((64, 64), np.uint8))
        assert client.fill(film, 1, BasicGrayscaleImageSequence=[long])[0] == 0x0213
        assert client.fill(film, 1)[0] == 0
    with Client(start(limits={"size": 4000})) as client:
        client.open_session()
        _, film = client.open_film()
        assert client.fill(film, 1)[0] == 0
        assert client.fill(film, 2)[0] == 0xC605


def test_the_client_is_told_what_becomes_of_its_job(start: Start) -> None:
    """N-EVENT-REPORT on the association that printed: the last state always comes."""
    with Client(start()) as client:
        client.open_session(FilmSessionLabel="Head")
        _, film = client.open_film()
        client.fill(film)
        _, reply = client.act(FILM, film.SOPInstanceUID)
        uid = reply.ReferencedPrintJobSequence[0].ReferencedSOPInstanceUID
        events = [client.events.get(timeout=NET)]
        while events[-1].type != 3:
            events.append(client.events.get(timeout=NET))
    assert {event.uid for event in events} == {uid}
    assert [event.type for event in events] == sorted({event.type for event in events})
    assert events[-1].information.PrinterName == "FILM"
    assert events[-1].information.FilmSessionLabel == "Head"


def test_a_printer_that_cannot_deliver_says_so(start: Start, films: Path, book_of: Jobs) -> None:
    """FAILURE as printer status and event; when the way is free again, all is printed."""
    films.write_text("in the way of the folder")
    running = start()
    with Client(running) as client:
        client.open_session()
        _, film = client.open_film()
        client.fill(film)
        client.act(FILM, film.SOPInstanceUID)
        seen = client.events.get(timeout=NET)
        while seen.uid != PRINTER_INSTANCE:
            seen = client.events.get(timeout=NET)
        assert seen.type == 3
        films.unlink()
        while (seen.uid, seen.type) != (PRINTER_INSTANCE, 1):
            seen = client.events.get(timeout=NET)
        assert client.get(PRINTER, PRINTER_INSTANCE)[1].PrinterStatus == "NORMAL"
    assert book_of(running).listed()[0].state is State.DONE


def test_an_association_that_aborts_leaves_nothing(start: Start, book_of: Jobs) -> None:
    """No object, no open file of pixels, no thread; the next one begins anew."""
    running = start()
    with Client(running) as client:
        client.open_session()
        client.open_film()
    until(lambda: not _open_files(running))
    for _ in range(3):
        client = Client(running)
        client.open_session()
        _, film = client.open_film()
        assert client.fill(film)[0] == 0
        assert _open_files(running)
        client.association.abort()
        until(lambda: not _open_files(running))
    assert book_of(running).listed() == []
    with Client(running) as client:
        assert client.open_session()[0] == 0
        assert client.fill(film)[0] == 0x0112


def _open_files(running: RunningArchive) -> int:
    """Files without a name in the plugin's folder that this process has open."""
    links = []
    for descriptor in Path("/proc/self/fd").iterdir():
        with suppress(OSError):
            links.append(str(descriptor.readlink()))
    folder = str(running.data / "print")
    return sum(link.startswith(folder) and link.endswith("(deleted)") for link in links)
