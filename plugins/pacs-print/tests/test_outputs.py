"""Films as files and as instances, read back by other programs; and jobs with several outputs."""

from __future__ import annotations

import datetime as dt
import io
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pictures import image, printer
from PIL import Image
from pydantic import BaseModel
from pydicom import Dataset, dcmread
from pydicom.uid import ExplicitVRLittleEndian

from pacs_framework.archive.incoming import Refusal
from pacs_framework.dicom.file_meta import FileMeta
from pacs_framework.dicom.part10 import make_prefix
from pacs_framework.errors import ConfigurationError
from pacs_framework.hookspecs import hookimpl
from pacs_framework.testing.running import RunningArchive
from pacs_print import outputs, plugin
from pacs_print.composing import compose
from pacs_print.film import Film, FilmImage
from pacs_print.lettering import draw
from pacs_print.outputs import Delivery, OutputError, PrintJob, PrintOutput
from pacs_print.outputs.archived import encoded, header_of
from pacs_print.outputs.page import PdfOutput, write_pdf
from pacs_print.outputs.picture import PngOutput, TiffOutput
from pacs_print.sheet import Sheet
from pacs_print.tables import NAME
from pacs_print.terms import FilmError

MADE = dt.datetime(2026, 11, 22, 10, 30, tzinfo=dt.UTC)
FILES = {output.name: output for output in (PdfOutput(), PngOutput(), TiffOutput())}
STEM = "20261122-103000-1.2.3"


def job(settings: Any = None, **attributes: Any) -> PrintJob:
    return PrintJob(uid="1.2.3", printer=settings or printer(), created=MADE, **attributes)


def sheet(
    bits: int = 12,
    *,
    colour: bool = False,
    words: str = "",
    font: Any = None,
    size: str = "40MMX60MM",
) -> Sheet:
    """A film of 40 mm × 60 mm, which is 400 × 600 pixels, or of another size."""
    own = image(bits=8)
    if colour:
        rgb = np.random.default_rng(1).integers(0, 256, (40, 60, 3), np.uint8)
        own = FilmImage(pixels=rgb, photometric_interpretation="RGB")
    film = Film(
        colour=colour,
        images={1: own},
        annotation_format="TOP" if words else None,
        annotations={1: words} if words else {},
    )
    return compose(film, printer(bits=bits, sizes=(size,), font=font))


def pdf(own: Sheet) -> bytes:
    file = io.BytesIO()
    write_pdf(own, file)
    return file.getvalue()


def run(*command: Any) -> str:
    """A tool of Debian's, or a skip."""
    if shutil.which(str(command[0])) is None:
        pytest.skip(f"{command[0]} is not installed")
    done = subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, check=True, timeout=60
    )
    return done.stdout + done.stderr


def written(folder: Path, suffix: str) -> Path:
    return folder / f"{STEM}-001{suffix}"


# --- pictures -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "suffix"), [("png", ".png"), ("tiff", ".tif")])
@pytest.mark.parametrize(
    ("bits", "colour", "depth"), [(8, False, 8), (12, False, 16), (8, True, 8)]
)
def test_pictures_hold_the_drive_levels_without_loss(tmp_path, name, suffix, bits, colour, depth):
    own = sheet(bits, colour=colour)
    targets = outputs.targets(printer(outputs=[{"to": name, "folder": str(tmp_path)}]), FILES)
    outputs.deliver(job(), [own], targets)
    with Image.open(written(tmp_path, suffix)) as picture:
        assert np.array_equal(np.asarray(picture), own.driven(depth))
        assert picture.info["dpi"] == pytest.approx((254, 254), abs=0.01)


def test_words_are_drawn_into_pictures_and_nowhere_else(tmp_path: Path):
    own = sheet(words="Doe, John")
    targets = outputs.targets(printer(outputs=[{"to": "png", "folder": str(tmp_path)}]), FILES)
    outputs.deliver(job(), [own], targets)
    with Image.open(written(tmp_path, ".png")) as picture:
        shown = np.asarray(picture).astype(int)
    plain = own.driven(16).astype(int)
    different = np.argwhere(shown != plain)
    assert different[:, 0].max() < 50  # the line at the top is 5 mm high
    assert 150 < different[:, 1].max() < 250
    assert shown.max() == 65535


def test_words_that_have_no_room_are_smaller():
    """A line of 64 characters, the longest Annotation Text String, stays on its film."""
    own = sheet(words="W" * 64)
    pixels = own.driven(8).copy()
    draw(own, pixels, 255)
    changed = np.argwhere(pixels != own.driven(8))
    assert changed[:, 1].max() < 400
    assert changed[:, 1].max() > 380


def test_a_font_that_is_none_is_refused(tmp_path: Path):
    path = tmp_path / "font.ttf"
    path.write_bytes(b"nothing")
    with pytest.raises(FilmError, match="is no TrueType font"):
        pdf(sheet(words="words", font=path))


# --- PDF ------------------------------------------------------------------------------------------


@pytest.mark.interop
@pytest.mark.parametrize(
    ("bits", "colour", "depth"), [(8, False, 8), (12, False, 16), (8, True, 8)]
)
def test_images_of_a_pdf_are_without_loss(tmp_path, bits, colour, depth):
    """Taken out by poppler; what PDF has of 16 bits, poppler hands out with 8."""
    own = sheet(bits, colour=colour)
    (tmp_path / "film.pdf").write_bytes(pdf(own))
    listed = run("pdfimages", "-list", tmp_path / "film.pdf").splitlines()[-1].split()
    assert listed[3:9] == [
        "400",
        "600",
        "rgb" if colour else "gray",
        "3" if colour else "1",
        str(depth),
        "image",
    ]
    assert listed[12:14] == ["254", "254"]
    run("pdfimages", "-png", tmp_path / "film.pdf", tmp_path / "out")
    with Image.open(tmp_path / "out-000.png") as picture:
        shown = np.asarray(picture if colour else picture.convert("L"))
    expected = own.driven(depth)
    assert np.array_equal(shown, expected >> 8 if depth == 16 else expected)


@pytest.mark.interop
def test_a_page_is_as_large_as_its_film(tmp_path: Path):
    (tmp_path / "film.pdf").write_bytes(pdf(sheet()))
    told = run("pdfinfo", tmp_path / "film.pdf")
    width, height = 40 / 25.4 * 72, 60 / 25.4 * 72
    size = next(line for line in told.splitlines() if line.startswith("Page size"))
    assert [float(size.split()[2]), float(size.split()[4])] == pytest.approx(
        [width, height], abs=0.01
    )


@pytest.mark.interop
def test_words_of_a_pdf_are_words(tmp_path: Path):
    """Not drawn: they can be found, and the font is in the document."""
    (tmp_path / "film.pdf").write_bytes(pdf(sheet(words="Müller 12.3.1960 漢")))
    assert "Müller 12.3.1960 ?" in run("pdftotext", tmp_path / "film.pdf", "-")
    assert "BitstreamVera" in run("pdffonts", tmp_path / "film.pdf")


@pytest.mark.interop
def test_a_page_looks_like_the_picture(tmp_path: Path):
    """Drawn by Ghostscript at the printer's resolution; letters may differ at their edges."""
    own = sheet(8, words="Doe, John", size="2INX3IN")  # whole points
    (tmp_path / "film.pdf").write_bytes(pdf(own))
    drawn = tmp_path / "film.pgm"
    options = ["-q", "-dNOPAUSE", "-dBATCH", "-sDEVICE=pgmraw", "-r254"]
    run("gs", *options, f"-sOutputFile={drawn}", tmp_path / "film.pdf")
    with Image.open(drawn) as picture:
        shown = np.array(picture, dtype=int)
    expected = own.driven(8).copy()
    draw(own, expected, 255)
    difference = np.abs(shown - expected)
    assert difference[50:].max() <= 1
    assert difference[:50].mean() < 5.0


# --- secondary captures ---------------------------------------------------------------------------


def kept(running: RunningArchive, own: Sheet, asked: PrintJob) -> Dataset:
    """What a job with one film becomes in an archive."""
    targets = outputs.targets(asked.printer, outputs.registered(running.archive))
    outputs.deliver(asked, [own], targets)
    uid = header_of(asked, 1, own).SOPInstanceUID
    with running.archive.open_file(uid) as source:
        return dcmread(io.BytesIO(source.read()))


@pytest.mark.parametrize(
    ("bits", "colour"), [(8, False), (12, False), (8, True)], ids=["8", "12", "colour"]
)
def test_a_secondary_capture_holds_the_p_values(pacs_archive, bits, colour):
    running = pacs_archive({NAME: plugin})
    own = sheet(bits, colour=colour)
    instance = kept(running, own, job(printer(outputs=[{"to": "archive"}])))
    assert np.array_equal(instance.pixel_array, own.pixels)
    assert instance.BitsStored == bits
    assert instance.PhotometricInterpretation == ("RGB" if colour else "MONOCHROME2")
    assert ("PresentationLUTShape" in instance) is not colour


def test_a_job_that_is_delivered_twice_is_one_instance(pacs_archive):
    running = pacs_archive({NAME: plugin})
    asked = job(printer(outputs=[{"to": "archive"}]))
    first = kept(running, sheet(), asked)
    assert kept(running, sheet(), asked).SOPInstanceUID == first.SOPInstanceUID
    assert running.archive.lookup.count() == 1


def test_a_secondary_capture_belongs_to_the_patient_that_is_known(pacs_archive):
    running = pacs_archive({NAME: plugin})
    known = Dataset()
    known.SpecificCharacterSet = "ISO_IR 100"
    known.PatientName, known.PatientID, known.StudyInstanceUID = "Müller^Hans", "P1", "1.2.840.1"
    asked = job(printer(outputs=[{"to": "archive"}]), attributes=known, label="Thorax")
    instance = kept(running, sheet(), asked)
    assert (instance.PatientName, instance.PatientID) == ("Müller^Hans", "P1")
    assert (instance.StudyInstanceUID, instance.SeriesDescription) == ("1.2.840.1", "Thorax")


class Refusing:
    """A plugin that lets nothing in."""

    @hookimpl
    def on_store(self) -> Refusal:
        return Refusal(reason="not today")


def test_an_archive_that_refuses_a_film_fails_its_job_for_good(pacs_archive):
    running = pacs_archive({NAME: plugin, "refusing": Refusing()})
    with pytest.raises(OutputError, match="refused the film: not today") as raised:
        kept(running, sheet(), job(printer(outputs=[{"to": "archive"}])))
    assert raised.value.permanent


@pytest.mark.interop
@pytest.mark.parametrize(
    ("bits", "colour"), [(8, False), (12, False), (8, True)], ids=["8", "12", "colour"]
)
def test_secondary_captures_are_valid(tmp_path: Path, bits, colour):
    own = sheet(bits, colour=colour, words="words")
    header = header_of(job(), 1, own)
    meta = FileMeta(
        sop_class_uid=header.SOPClassUID,
        sop_instance_uid=header.SOPInstanceUID,
        transfer_syntax_uid=ExplicitVRLittleEndian,
    )
    path = tmp_path / "film.dcm"
    path.write_bytes(make_prefix(meta) + b"".join(encoded(header, own)))
    told = run("dciodvfy", path)
    assert "SCImage" in told
    assert [line for line in told.splitlines() if line.startswith("Error")] == []


def test_words_are_drawn_into_secondary_captures(pacs_archive):
    running = pacs_archive({NAME: plugin})
    own = sheet(words="words")
    instance = kept(running, own, job(printer(outputs=[{"to": "archive"}])))
    changed = np.argwhere(instance.pixel_array != own.pixels)
    assert 0 < changed[:, 0].max() < 50
    assert instance.BurnedInAnnotation == "YES"


# --- jobs -----------------------------------------------------------------------------------------


class NoSettings(BaseModel):
    """Nothing is to be said."""


class Remembering(PrintOutput[NoSettings]):
    """Keeps a list of what happened; ``fails`` where."""

    settings = NoSettings

    def __init__(self, name: str = "memory", fails: str = "") -> None:
        self.name = name  # type: ignore[misc]
        self.happened: list[Any] = []
        self.fails = fails

    def begin(self, job: PrintJob, settings: NoSettings) -> Delivery:
        self.note("begin")
        return _Remembered(self)

    def note(self, what: Any) -> None:
        self.happened.append(what)
        if what == self.fails:
            raise OSError(f"no {what}")


class _Remembered(Delivery):
    def __init__(self, output: Remembering) -> None:
        self._output = output

    def add(self, number: int, sheet: Sheet) -> None:
        self._output.note(number)

    def finish(self) -> None:
        self._output.note("finish")

    def close(self) -> None:
        self._output.happened.append("close")


def test_every_output_gets_each_film_when_it_is_composed():
    """One sheet is in memory at a time, whatever there is of outputs."""
    first, second = Remembering("one"), Remembering("two")
    order: list[Any] = []

    def sheets():
        for number in (1, 2):
            order.append((number, len(first.happened), len(second.happened)))
            yield sheet(8)

    settings = printer(outputs=[{"to": "one"}, {"to": "two"}])
    outputs.deliver(job(), sheets(), outputs.targets(settings, {"one": first, "two": second}))
    assert first.happened == second.happened == ["begin", 1, 2, "finish", "close"]
    assert order == [(1, 1, 1), (2, 2, 2)]


@pytest.mark.parametrize("where", ["begin", 1, "finish"])
def test_a_job_that_fails_is_closed_everywhere(where):
    first, second = Remembering("one"), Remembering("two", fails=where)
    settings = printer(outputs=[{"to": "one"}, {"to": "two"}])
    targets = outputs.targets(settings, {"one": first, "two": second})
    with pytest.raises(OutputError, match=f"no {where}") as raised:
        outputs.deliver(job(), [sheet(8)], targets)
    assert not raised.value.permanent
    assert first.happened[-1] == "close"
    assert second.happened[-1] == ("begin" if where == "begin" else "close")


def test_a_folder_that_cannot_be_written_leaves_nothing_and_says_so(tmp_path: Path):
    (tmp_path / "folder").write_bytes(b"a file")
    settings = printer(outputs=[{"to": "pdf", "folder": str(tmp_path / "folder")}])
    with pytest.raises(OutputError, match="folder"):
        outputs.deliver(job(), [sheet(8)], outputs.targets(settings, FILES))
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


def test_a_job_that_is_delivered_again_goes_over_the_first(tmp_path: Path):
    targets = outputs.targets(printer(outputs=[{"to": "png", "folder": str(tmp_path)}]), FILES)
    for _ in range(2):
        outputs.deliver(job(), [sheet(8), sheet(8)], targets)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        f"{STEM}-001.png",
        f"{STEM}-002.png",
    ]


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"to": "fax"}, "sends films to 'fax', which no plugin offers; there are pdf, png, tiff"),
        ({"to": "pdf"}, "output 'pdf' of printer 'FILM': folder: Field required"),
        ({"to": "pdf", "folder": "films"}, "needs an absolute path"),
        ({"to": "pdf", "folder": "/films", "colour": 1}, "colour: Extra inputs"),
    ],
)
def test_an_output_that_cannot_be_is_refused_with_the_reason(table, message):
    with pytest.raises(ConfigurationError, match=message):
        outputs.targets(printer(outputs=[table]), FILES)


class Offering:
    """A plugin with outputs."""

    def __init__(self, *offered: PrintOutput[Any]) -> None:
        self._offered = offered

    @hookimpl
    def print_outputs(self) -> list[PrintOutput[Any]]:
        return list(self._offered)


def test_outputs_of_other_plugins_are_as_good_as_our_own(pacs_archive):
    own = Remembering()
    running = pacs_archive({NAME: plugin, "other": Offering(own)})
    known = outputs.registered(running.archive)
    assert sorted(known) == ["archive", "ipp", "memory", "pdf", "png", "tiff"]
    assert known["memory"] is own


def test_two_outputs_of_one_name_are_an_error_that_names_both_plugins(pacs_archive):
    offering = Offering(Remembering("pdf"))
    with pytest.raises(ConfigurationError, match=r"plugins 'print' and 'other' both .* 'pdf'"):
        outputs.registered(pacs_archive({NAME: plugin, "other": offering}).archive)


def test_a_job_is_named_by_a_uid_and_by_nothing_else():
    with pytest.raises(ValueError, match="is no UID"):
        PrintJob(uid="../1", printer=printer(), created=MADE)
