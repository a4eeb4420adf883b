"""Devices and their curves, presentation LUTs, polarity, and densities that a film asks for."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from pictures import image, printer
from pydantic import ValidationError

from pacs_framework.errors import ConfigurationError
from pacs_print.composing import check
from pacs_print.film import Film, PresentationLut
from pacs_print.grayscale.device import SrgbDevice, read_calibration
from pacs_print.grayscale.hardcopy import Hardcopy
from pacs_print.grayscale.presenting import p_values_of
from pacs_print.grayscale.tone import tone_of
from pacs_print.terms import FilmError, Medium, Polarity, PresentationLutShape

SHEET = Hardcopy(min_density=0.2, max_density=3.0, illumination=2000.0, ambient=10.0)
CURVE = "max 255\n0 3.0\n128 1.0 # middle\n255 0.2\n"
DCMTK_PRINTER = Path("/usr/share/dcmtk/printer.lut")


@pytest.fixture
def curve(tmp_path: Path) -> Path:
    path = tmp_path / "curve.txt"
    path.write_text(CURVE)
    return path


def test_a_measured_device_gets_the_level_that_makes_a_density(curve: Path):
    device = read_calibration(curve)
    densities = np.array([3.0, 2.0, 1.0, 0.2])
    assert device.level(densities) == pytest.approx([0, 64 / 255, 128 / 255, 1])


def test_what_a_device_cannot_do_gets_the_nearest(curve: Path):
    assert read_calibration(curve).level(np.array([9.0, 0.0])) == pytest.approx([0, 1])


def test_a_curve_may_fall_or_rise(tmp_path: Path):
    path = tmp_path / "curve.csv"
    path.write_text("0;0.1\n4095;2.5\n")
    assert read_calibration(path).level(np.array([0.1, 2.5])) == pytest.approx([0, 1])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "has no 2 lines"),
        ("0 3\n1 2\nx y\n", "line 3: 'x y' is no drive level and density"),
        ("0 3 4\n", "line 1"),
        ("0 3\n1 2\n2 2.5\n", "is no density curve"),
        ("0 3\n1 nan\n", "is no density curve"),
        ("max 1\n0 3\n2 1\n", "above its max, 1"),
    ],
)
def test_what_is_no_curve_is_refused_with_the_reason(tmp_path: Path, text, message):
    path = tmp_path / "curve.txt"
    path.write_text(text)
    with pytest.raises(FilmError, match=re.escape(message)):
        read_calibration(path)


def test_a_device_that_nobody_measured_shows_srgb():
    """White is the least density; 10 % of its light above black is what sRGB has for 10 %."""
    device = SrgbDevice(min_density=0.0, max_density=9.0)
    levels = device.level(np.array([0.0, 1.0, 9.0]))
    assert levels == pytest.approx([1.0, 1.055 * 0.1 ** (1 / 2.4) - 0.055, 0.0], abs=1e-6)


def test_a_calibration_counts_from_the_next_film_on(curve: Path):
    settings = printer(calibration=curve)
    before = tone_of(Film(), settings).hardcopy.max_density
    curve.write_text(CURVE.replace("3.0", "2.55"))
    assert (before, tone_of(Film(), settings).hardcopy.max_density) == (3.0, 2.55)


def test_a_calibration_limits_the_densities_and_says_the_light(curve: Path):
    curve.write_text(CURVE.replace("0 3.0", "lum 1500\namb 5\n0 2.8"))
    hardcopy = tone_of(Film(), printer(calibration=curve)).hardcopy
    assert hardcopy == Hardcopy(min_density=0.2, max_density=2.8, illumination=1500.0, ambient=5.0)


def test_a_printer_keeps_within_its_own_densities_and_those_of_its_device(curve: Path):
    settings = printer(calibration=curve, min_density=10, max_density=250)
    hardcopy = tone_of(Film(), settings).hardcopy
    assert (hardcopy.min_density, hardcopy.max_density) == (0.2, 2.5)


def test_what_a_film_says_of_the_light_goes_first(curve: Path):
    curve.write_text(f"lum 1500\namb 5\n{CURVE}")
    film = Film(illumination=3000, reflected_ambient_light=20)
    hardcopy = tone_of(film, printer(calibration=curve)).hardcopy
    assert (hardcopy.illumination, hardcopy.ambient) == (3000, 20)


def test_paper_has_its_own_densities_and_no_light_behind_it():
    settings = printer(media=(Medium.CLEAR_FILM, Medium.PAPER))
    paper = tone_of(Film(medium=Medium.PAPER), settings).hardcopy
    assert paper == Hardcopy(min_density=0.05, max_density=2.1, illumination=150.0, ambient=0.0)
    assert tone_of(Film(), settings).hardcopy == SHEET


def test_a_curve_with_none_of_the_densities_is_refused(curve: Path):
    settings = printer(calibration=curve, min_density=350, max_density=400)
    with pytest.raises(FilmError, match="has none of the densities of CLEAR FILM"):
        tone_of(Film(), settings)


@pytest.mark.parametrize(
    ("photometric", "polarity", "rises"),
    [
        ("MONOCHROME2", Polarity.NORMAL, True),
        ("MONOCHROME2", Polarity.REVERSE, False),
        ("MONOCHROME1", Polarity.NORMAL, False),
        ("MONOCHROME1", Polarity.REVERSE, True),
    ],
)
def test_polarity_turns_what_the_photometric_interpretation_says(photometric, polarity, rises):
    own = image(photometric_interpretation=photometric, polarity=polarity)
    values = p_values_of(own, Film(), SHEET)
    expected = np.linspace(0, 1, 256)
    assert values == pytest.approx(expected if rises else expected[::-1])


def test_linear_density_falls_by_equal_steps():
    """LIN OD: from the greatest density to the least (PS3.3 C.11.6)."""
    lut = PresentationLut(shape=PresentationLutShape.LIN_OD)
    values = p_values_of(image(), Film(presentation_lut=lut), SHEET)
    assert SHEET.density(values) == pytest.approx(np.linspace(3.0, 0.2, 256), abs=2e-3)


def test_a_table_is_met_entry_by_entry():
    table = np.random.default_rng(1).integers(0, 1 << 12, 256, np.uint16)
    lut = PresentationLut(table=table, bits=12)
    values = p_values_of(image(), Film(presentation_lut=lut), SHEET)
    assert values == pytest.approx(table / 4095)


def test_the_lut_of_an_image_goes_before_that_of_its_film():
    own = image(presentation_lut=PresentationLut(table=np.zeros(256, np.uint16)))
    assert not p_values_of(own, Film(), SHEET).any()


def test_images_keep_to_the_densities_of_their_film():
    values = p_values_of(image(), Film(min_density=50, max_density=200), SHEET)
    assert SHEET.density(values[[0, -1]]) == pytest.approx([2.0, 0.5], abs=1e-3)
    limited = Hardcopy(min_density=0.5, max_density=2.0, illumination=2000.0, ambient=10.0)
    expected = limited.density(np.linspace(0, 1, 256))
    assert SHEET.density(values) == pytest.approx(expected, abs=2e-3)


def test_densities_beyond_the_printer_become_its_own():
    """PS3.3 Table C.13-3, Min Density and Max Density."""
    values = p_values_of(image(), Film(min_density=0, max_density=900), SHEET)
    assert values == pytest.approx(np.linspace(0, 1, 256))


def test_a_printer_that_cannot_print_says_so_before_the_first_film(tmp_path: Path):
    check(printer())
    with pytest.raises(ConfigurationError, match=r"printer 'FILM': .*nothing\.txt"):
        check(printer(calibration=tmp_path / "nothing.txt"))
    (tmp_path / "font.ttf").write_bytes(b"nothing")
    with pytest.raises(ConfigurationError, match="is no TrueType font"):
        check(printer(font=tmp_path / "font.ttf"))


@pytest.mark.parametrize(
    ("setting", "value", "message"),
    [
        ("sizes", ["14X17"], "no film size '14X17'"),
        ("bits", 10, "8 or 12 bits"),
        ("border_density", "GRAY", "border_density"),
        ("border_density", 501, "border_density"),
        ("custom_formats", {"1": []}, "'1' needs boxes"),
        ("custom_formats", {"1": [(0.5, 0, 0.6, 1)]}, "'1' needs boxes"),
        ("annotation_formats", {"A": [(0, 0, 0, 1)]}, "'A' needs boxes"),
        ("min_density", 400, "min_density 400 is not below max_density 300"),
        ("outputs", [{"folder": "/films"}], "each output says where to"),
    ],
)
def test_settings_that_cannot_be_are_refused_when_they_are_read(setting, value, message):
    with pytest.raises(ValidationError, match=message):
        printer(**{setting: value})


@pytest.mark.interop
def test_the_characteristic_files_of_dcmtk_are_read_as_dcmtk_reads_them(tmp_path: Path):
    if shutil.which("dcmdspfn") is None or not DCMTK_PRINTER.exists():
        pytest.skip("DCMTK is not installed")
    device = read_calibration(DCMTK_PRINTER)
    assert (device.illumination, device.ambient) == (2000, 10)
    written = tmp_path / "curve.txt"
    command = ["dcmdspfn", "+Ip", str(DCMTK_PRINTER), "+Cf", "0", "+Og", str(written)]
    subprocess.run(command, check=True, timeout=60)
    rows = [line.split() for line in written.read_text().splitlines() if line[:1].isdigit()]
    theirs = np.array([[float(text) for text in row[:2]] for row in rows])  # level, cd/m²
    densities = np.interp(theirs[:, 0] / 255, device.levels[::-1], device.densities[::-1])
    ours = 10 + 2000 * 10.0**-densities
    assert ours == pytest.approx(theirs[:, 1], rel=0.05)  # they draw splines between the points
