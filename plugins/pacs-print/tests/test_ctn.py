"""CTN's print client, which is older than most film printers, prints a film of four images."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from conftest import Start
from PIL import Image
from print_peers import NET, gray_item, until
from pydicom import dcmwrite

from pacs_print.composing import compose
from pacs_print.film import Film, FilmImage
from pacs_print.printers import PrinterSettings
from pacs_print.terms import Magnification, Medium


@pytest.mark.interop
def test_ctn_prints_a_film(start: Start, films: Path, tmp_path: Path):
    """It asks the printer for every attribute, and takes a warning for a failure."""
    if shutil.which("print_client") is None:
        pytest.skip("CTN is not installed")
    pixels = np.random.default_rng(1).integers(0, 256, (40, 60), np.uint8)
    item = gray_item(pixels, PixelAspectRatio=[1, 1])
    item["PixelData"].VR = "OW"
    preformatted = tmp_path / "image"
    dcmwrite(preformatted, item, implicit_vr=True, little_endian=True)
    running = start()
    command = ["print_client", "-c", "FILM", "-t", "CTN", running.host, str(running.port)]
    done = subprocess.run(
        [*command, *[str(preformatted)] * 4],
        capture_output=True,
        text=True,
        errors="replace",
        timeout=NET,
        check=False,
    )
    assert "FILM BOX DELETED" in done.stdout, done.stdout[-2000:]
    until(lambda: films.exists() and any(films.glob("*.png")))
    film = Film(  # as it asks for it
        display_format="STANDARD\\2,2",
        size_id="14INX17IN",
        medium=Medium.PAPER,
        magnification=Magnification.REPLICATE,
        images=dict.fromkeys(range(1, 5), FilmImage(pixels=pixels)),
    )
    expected = compose(film, PrinterSettings(ae_title="FILM", dpi=72)).driven(8)
    with Image.open(next(films.glob("*.png"))) as picture:
        assert np.array_equal(np.asarray(picture), expected)
