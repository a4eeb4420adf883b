"""Test patterns: levels, contrasts and lines are where they have to be, in any size."""

from __future__ import annotations

import numpy as np
import pytest
from pictures import printer

from pacs_print.composing import compose
from pacs_print.patterns import PATTERNS, pattern_film, pattern_image
from pacs_print.terms import FilmError


@pytest.mark.parametrize("bits", [8, 12])
@pytest.mark.parametrize("side", [1024, 1368])
def test_smpte_has_eleven_steps_of_ten_percent(side, bits):
    pixels = pattern_image("SMPTE", side, bits).pixels
    greatest = (1 << bits) - 1
    present = set(np.unique(pixels).tolist())
    for percent in range(0, 101, 10):
        assert round(percent / 100 * greatest) in present
        assert (pixels == round(percent / 100 * greatest)).sum() > (side / 16) ** 2 * 0.5


@pytest.mark.parametrize("bits", [8, 12])
def test_smpte_shows_five_percent_in_black_and_in_white(bits):
    """Squares of half a cell in the middle of squares of a cell."""
    pixels = pattern_image("SMPTE", 1024, bits).pixels
    greatest = (1 << bits) - 1
    for left, outer, inner in ((416, 0.0, 0.05), (544, 1.0, 0.95)):
        square = pixels[608:672, left : left + 64]
        assert (square[16:48, 16:48] == round(inner * greatest)).all()
        assert square[4, 4] == square[-4, -4] == round(outer * greatest)


@pytest.mark.parametrize("bits", [8, 12])
@pytest.mark.parametrize("side", [1024, 1368])
def test_tg18_has_sixteen_steps_with_corners_that_differ_by_four(side, bits):
    """AAPM OR 03, TG18-QC: 8, 24 … 248 of 255."""
    pixels = pattern_image("TG18-QC", side, bits).pixels
    greatest = (1 << bits) - 1
    for number in range(16):
        level = 8 + 16 * number
        shown = [round((level + change) / 255 * greatest) for change in (-4, 0, 4)]
        cell = (side / 10) ** 2
        corners, square = (2 * (side / 1024 * 10) ** 2, cell * 0.9)
        darker, step, brighter = (int((pixels == each).sum()) for each in shown)
        assert step > square
        assert min(darker, brighter) > corners * 0.8


def test_tg18_ramps_have_every_level_there_is():
    pixels = pattern_image("TG18-QC", 1024, 8).pixels
    ramp = pixels[256:768, 110]
    assert np.array_equal(np.unique(ramp), np.arange(256))
    assert (np.diff(ramp.astype(int)) >= 0).all()


@pytest.mark.parametrize("name", PATTERNS)
@pytest.mark.parametrize("dpi", [100, 300])
def test_lines_of_one_pixel_are_one_pixel_on_the_film(name, dpi):
    """Black and white turn about at every pixel somewhere, whatever the size of the film."""
    settings = printer(dpi=dpi, bits=8, sizes=("8INX10IN",))
    shown = compose(pattern_film(name, settings), settings).pixels
    middle = shown[shown.shape[0] // 2 - 150 : shown.shape[0] // 2 + 150].astype(int)
    steps = np.abs(np.diff(middle, axis=1)) == 255
    runs = steps[:, :-3] & steps[:, 1:-2] & steps[:, 2:-1] & steps[:, 3:]
    assert runs.any()


def test_a_pattern_says_where_it_comes_from():
    settings = printer(bits=8, dpi=100, sizes=("8INX10IN",))
    film = pattern_film("SMPTE", settings)
    assert film.annotations == {1: "SMPTE  FILM  100 dpi  8 bits"}


def test_a_pattern_may_be_for_another_size_of_film():
    settings = printer(bits=8, dpi=100, sizes=("8INX10IN", "14INX17IN"))
    small, large = (
        pattern_film("TG18-QC", settings, size).images[1].pixels.shape[0]
        for size in ("8INX10IN", "14INX17IN")
    )
    assert (small, large) == (800, 1400)


def test_an_unknown_pattern_is_refused_with_those_there_are():
    with pytest.raises(FilmError, match="there are SMPTE, TG18-QC"):
        pattern_image("TG18-BR", 1024, 8)


def test_a_pattern_that_would_show_nothing_is_refused():
    with pytest.raises(FilmError, match="512"):
        pattern_image("SMPTE", 511, 8)
