"""The small page that stands for a report or a document."""

from __future__ import annotations

import numpy as np
import pytest

from pacs_framework.rendering.sheets import sheet_of


@pytest.mark.parametrize("box", [(128, 128), (128, 40), (30, 500), (1, 1), (3000, 2000)])
def test_a_page_fits_into_its_box(box: tuple[int, int]) -> None:
    """Higher than wide, in greys, and as large as fits."""
    page = sheet_of("SR", ["Chest report"], box)
    assert page.width <= box[0]
    assert page.height <= box[1]
    assert page.width == box[0] or page.height == box[1]
    assert not page.is_colour


def test_lines_are_broken_between_words_and_never_leave_the_page() -> None:
    """What has no room is left out; a word that is too long is cut at the edge."""
    words = sheet_of("PDF", ["a long title of many words that go on and on"], (90, 120)).pixels
    rows = np.flatnonzero((words[:, 2:-2] < 128).any(axis=1))
    assert rows.max() - rows.min() > 50  # it takes several lines
    endless = sheet_of("PDF", ["x" * 10_000, *["word " * 1000] * 50], (90, 120)).pixels
    assert endless.shape == words.shape
    assert (endless[:, -1] == endless[0, 0]).all()  # the edge is whole


def test_characters_without_a_letter_are_question_marks() -> None:
    assert (
        sheet_of("SR", ["胸部"], (90, 120)).pixels == sheet_of("SR", ["??"], (90, 120)).pixels
    ).all()
