"""The Grayscale Standard Display Function, held against what PS3.14 prints and DCMTK computes."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from pacs_print.grayscale.gsdf import jnd_index, luminance
from pacs_print.grayscale.hardcopy import Hardcopy

FILM = Hardcopy(min_density=0.2, max_density=3.0, illumination=2000.0, ambient=10.0)

# PS3.14 Table B-1: JND index and luminance in cd/m².
TABLE_B1 = {
    1: 0.0500,
    2: 0.0547,
    3: 0.0594,
    4: 0.0643,
    5: 0.0696,
    6: 0.0750,
    7: 0.0807,
    8: 0.0866,
    9: 0.0927,
    10: 0.0991,
    1023: 3993.4040,
}

# PS3.14 Table D.2-1: the density of each P-value of 8 bits on a film of 0.20 to 3.00 OD in front of
# 2000 cd/m², with 10 cd/m² of ambient light; here those of the bars of D.2.4.
TABLE_D21 = {
    0: 3.000,
    8: 2.628,
    16: 2.405,
    25: 2.221,
    33: 2.088,
    41: 1.973,
    49: 1.870,
    58: 1.764,
    66: 1.677,
    74: 1.595,
    82: 1.518,
    90: 1.444,
    99: 1.363,
    107: 1.294,
    115: 1.227,
    123: 1.162,
    132: 1.090,
    140: 1.027,
    148: 0.966,
    156: 0.905,
    165: 0.838,
    173: 0.779,
    181: 0.721,
    189: 0.663,
    197: 0.606,
    206: 0.542,
    214: 0.485,
    222: 0.429,
    230: 0.373,
    239: 0.311,
    247: 0.255,
    255: 0.200,
}


@pytest.mark.parametrize(("index", "published"), TABLE_B1.items())
def test_the_luminance_of_an_index_is_that_of_the_published_table(index, published):
    """The formula deviates from the table by 0.3 % of its logarithm at most (PS3.14 7.1)."""
    assert luminance(index) == pytest.approx(published, abs=5.1e-5, rel=3e-5)


@pytest.mark.parametrize(("p_value", "published"), TABLE_D21.items())
def test_a_p_value_becomes_the_density_of_the_published_table(p_value, published):
    assert FILM.density(p_value / 255) == pytest.approx(published, abs=0.0015)


def test_indices_of_the_published_example():
    """PS3.14 D.2.2: 12 cd/m² is 233.32; D.1.2: 32.54 and 453.85 are those of a monitor."""
    assert jnd_index(FILM.luminance(3.0)) == pytest.approx(233.32, abs=0.01)
    assert jnd_index(luminance([32.54, 453.85])) == pytest.approx([32.54, 453.85], abs=0.05)


def test_index_and_luminance_are_each_others_inverse():
    """As near as the two formulas of PS3.14 7.1 come to each other."""
    indices = np.arange(1, 1024)
    assert np.abs(jnd_index(luminance(indices)) - indices).max() < 0.1


def test_what_is_beyond_the_function_gets_its_end():
    assert luminance([0.0, 5000.0]) == pytest.approx(luminance([1.0, 1023.0]))
    assert jnd_index([0.0, 1e6]) == pytest.approx(jnd_index(luminance([1.0, 1023.0])))


def test_density_and_p_value_are_each_others_inverse():
    p_values = np.linspace(0, 1, 4096)
    assert np.abs(FILM.p_value(FILM.density(p_values)) - p_values).max() < 2e-4


def test_equal_steps_of_p_values_are_equally_well_seen():
    """PS3.14 D.2.4: the JNDs of each step are the same, on film and on paper."""
    paper = Hardcopy(min_density=0.05, max_density=2.1, illumination=150.0)
    for hardcopy in (FILM, paper):
        seen = jnd_index(hardcopy.luminance(hardcopy.density(np.linspace(0, 1, 256))))
        steps = np.diff(seen)
        assert steps == pytest.approx(steps.mean(), rel=0.01)


def test_paper_shows_the_light_that_it_reflects():
    """PS3.14 7.3: L = L0 · 10^-D."""
    paper = Hardcopy(min_density=0.05, max_density=2.1, illumination=150.0)
    assert paper.luminance([0.0, 1.0, 2.0]) == pytest.approx([150.0, 15.0, 1.5])


@pytest.mark.interop
def test_dcmtk_computes_the_same_function(tmp_path: Path):
    if shutil.which("dcmdspfn") is None:
        pytest.skip("DCMTK is not installed")
    written = tmp_path / "gsdf.txt"
    command = ["dcmdspfn", "+Io", "0.2", "3.0", "+Ci", "2000", "+Ca", "10", "+Og", str(written)]
    subprocess.run(command, check=True, timeout=60)
    rows = [line.split() for line in written.read_text().splitlines() if line[:1].isdigit()]
    theirs = [float(row[1]) for row in rows]
    ours = FILM.luminance(FILM.density(np.arange(256) / 255))
    assert len(theirs) == 256
    assert ours == pytest.approx(theirs, rel=2e-3)
