"""A film from a print client to the queue of a CUPS and back into the archive."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import Start
from PIL import Image
from print_peers import ANNOTATION, FILM, Client, a_dataset, gray_item, until
from private_cups import CUPSD, running_cups
from pydicom import Dataset, dcmread

from pacs_print.composing import compose
from pacs_print.film import Film, FilmImage
from pacs_print.lettering import draw
from pacs_print.printers import PrinterSettings
from pacs_print.sheet import Sheet

WORDS = "Doe^John"


def expected(pixels: np.ndarray[Any, Any], settings: dict[str, Any]) -> Sheet:
    """The same film without any association."""
    return compose(
        Film(
            display_format="STANDARD\\2,1",
            size_id="8INX10IN",
            images={2: FilmImage(pixels=pixels, bits=12)},
            annotation_format="BOTTOM",
            annotations={1: WORDS},
        ),
        PrinterSettings(ae_title="FILM", **settings),
    )


def in_archive(running: Any) -> Dataset:
    """The one instance that there is."""
    until(lambda: running.archive.lookup.count() == 1)
    uid = next(iter(running.archive.lookup.instances())).sop_instance_uid
    with running.archive.open_file(uid) as source:
        return dcmread(io.BytesIO(source.read()))


def from_queue(folder: Path) -> bytes:
    """The document that CUPS has printed."""
    path = folder / "printed.pdf"
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        data = path.read_bytes() if path.exists() else b""
        if data.rstrip().endswith(b"%%EOF"):
            return data
        time.sleep(0.05)  # it is no child of ours, and tells nobody
    raise AssertionError("nothing was printed")


@pytest.mark.interop
def test_a_film_of_a_print_client_comes_out_of_cups_and_into_the_archive(
    start: Start, tmp_path: Path
):
    if not os.access(CUPSD, os.X_OK) or os.geteuid() != 0 or shutil.which("pdfimages") is None:
        pytest.skip("CUPS or poppler is not installed, or this is not root")
    pixels = np.random.default_rng(1).integers(0, 4096, (60, 40), np.uint16)
    printing = {"dpi": 72, "bits": 12, "sizes": ["8INX10IN"]}
    with running_cups() as cups:
        running = start(**printing, outputs=[{"to": "ipp", "printer": cups.uri}, {"to": "archive"}])
        with Client(running) as client:
            client.open_session()
            _, film = client.open_film(AnnotationDisplayFormatID="BOTTOM")
            client.fill(film, 2, BasicGrayscaleImageSequence=[gray_item(pixels)])
            box = film.ReferencedBasicAnnotationBoxSequence[0].ReferencedSOPInstanceUID
            words = a_dataset(AnnotationPosition=1, TextString=WORDS)
            assert client.set(ANNOTATION, box, words, None)[0] == 0
            assert client.act(FILM, film.SOPInstanceUID)[0] == 0
        instance = in_archive(running)
        document = from_queue(cups.folder)
    sheet = expected(pixels, printing)
    written = np.array(sheet.pixels)
    draw(sheet, written, 4095)
    assert np.array_equal(instance.pixel_array, written)
    (tmp_path / "film.pdf").write_bytes(document)
    command = ["pdfimages", "-png", tmp_path / "film.pdf", tmp_path / "film"]
    subprocess.run(command, check=True, timeout=60)
    with Image.open(tmp_path / "film-000.png") as picture:
        printed = np.asarray(picture.convert("L"))
    assert np.array_equal(printed, sheet.driven(16) >> 8)
