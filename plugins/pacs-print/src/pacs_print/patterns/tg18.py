"""TG18-QC of AAPM's On-Line Report 03: steps, insets, lines, letters, ramps on a grid.

Laid out by that description, with levels as shares of the range (8 of 255 and so on), for any
number of pixels and for 12 bits as well as 8.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pacs_print.patterns.board import UNITS

if TYPE_CHECKING:
    from pacs_print.patterns.board import Board, Direction

__all__ = ["draw_tg18_qc"]

_CELL = UNITS / 10
_BACKGROUND, _GRID = 128 / 255, 191 / 255
_INSET, _INSET_CONTRAST = 10.0, 4 / 255
_LETTERS = "QUALITY CONTROL"
_LINES = 44.0  # units: a square of lines
_LINE_PAIRS: tuple[tuple[int, Direction], ...] = (
    (1, "down"),
    (1, "across"),
    (2, "down"),
    (2, "across"),
)

# Sixteen steps from 8 to 248 around the middle, clockwise from the lower left: (column, row).
_STEPS = (
    *((2.0, row) for row in (6.0, 5.0, 4.0, 3.0)),
    *((column, 2.0) for column in (3.0, 4.0, 5.0, 6.0)),
    *((7.0, row) for row in (3.0, 4.0, 5.0, 6.0)),
    *((column, 7.0) for column in (6.0, 5.0, 4.0, 3.0)),
)


def draw_tg18_qc(board: Board) -> None:
    """Draw the pattern over all of the board."""
    board.fill(0, 0, UNITS, UNITS, _BACKGROUND)
    _grid(board)
    for number, (column, row) in enumerate(_STEPS):
        _step(board, column * _CELL, row * _CELL, (8 + 16 * number) / 255)
    _ends(board)
    for left in (0.25 * _CELL, 4.1 * _CELL, 7.95 * _CELL):
        for top in (0.25 * _CELL, 8.75 * _CELL):
            _resolution(board, left, top)
    _resolution(board, 4.1 * _CELL, 4.75 * _CELL)
    _letters(board)
    for left in (1.0, 8.5):
        board.ramp(left * _CELL, 2.5 * _CELL, _CELL / 2, 5 * _CELL)


def _grid(board: Board) -> None:
    for number in range(11):
        place = min(number * _CELL, UNITS - 1)
        board.line(place, 0, 0, UNITS, _GRID)
        board.line(0, place, UNITS, 0, _GRID)
    for distance in (-1, 0, 1):  # the middle square is drawn thrice as thick
        edge = 3 * _CELL + distance
        board.frame(edge, edge, 4 * _CELL - 2 * distance, 4 * _CELL - 2 * distance, _GRID)


def _step(board: Board, left: float, top: float, level: float) -> None:
    """A step, and in its corners squares that are a little brighter or darker."""
    board.fill(left, top, _CELL, _CELL, level)
    far = _CELL - 2 * _INSET
    for across, down, sign in ((0, 0, 1), (1, 1, 1), (1, 0, -1), (0, 1, -1)):
        board.fill(
            left + _INSET / 2 + across * (far + _INSET / 2),
            top + _INSET / 2 + down * (far + _INSET / 2),
            _INSET,
            _INSET,
            level + sign * _INSET_CONTRAST,
        )


def _ends(board: Board) -> None:
    """5 % in black and 95 % in white."""
    for column, outer, inner in ((3.5, 0.0, 13 / 255), (5.5, 1.0, 242 / 255)):
        board.fill(column * _CELL, 3.25 * _CELL, _CELL, _CELL, outer)
        board.fill((column + 0.25) * _CELL, 3.5 * _CELL, _CELL / 2, _CELL / 2, inner)


def _resolution(board: Board, left: float, top: float) -> None:
    """Lines of one and of two pixels, both ways: of full contrast, and hardly to be seen."""
    low = (_BACKGROUND - _INSET_CONTRAST / 2, _BACKGROUND + _INSET_CONTRAST / 2)
    for row, levels in enumerate(((0.0, 1.0), low)):
        for number, (pixels, direction) in enumerate(_LINE_PAIRS):
            place = (left + number * (_LINES + 2), top + row * (_LINES + 2), _LINES)
            board.bars(place, pixels, levels, direction)


def _letters(board: Board) -> None:
    """On black, gray and white, each letter less to be seen than the one before it."""
    width = 3.4 * _CELL
    for row, level in enumerate((0.0, _BACKGROUND, 1.0)):
        left, top = 3.3 * _CELL, (5.75 + row * 0.4) * _CELL
        board.fill(left, top, width, 0.36 * _CELL, level)
        sign = -1 if level == 1.0 else 1
        for number, letter in enumerate(_LETTERS):
            contrast = max(1, 14 - number) / 255
            board.words(left + 6 + number * 22, top + 5, letter, 22, level + sign * contrast)
