"""The pattern of SMPTE RP 133: geometry, gray steps, and lines of high and low contrast."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pacs_print.patterns.board import UNITS

if TYPE_CHECKING:
    from pacs_print.patterns.board import Board, Direction

__all__ = ["draw_smpte"]

_DIRECTIONS: tuple[Direction, ...] = ("down", "across")

_CELL = 64.0  # units: the grid has sixteen of them
_MIDDLE = UNITS / 2

# Gray steps of 10 % each, around the middle: (column, row) of their cells.
_STEPS = (
    (5, 9.5),
    (4, 8.5),
    (4, 7.5),
    (4, 6.5),
    (5, 5.5),
    (7.5, 5.5),
    (10, 5.5),
    (11, 6.5),
    (11, 7.5),
    (11, 8.5),
    (10, 9.5),
)
_CONTRASTS = (0.01, 0.03, 0.05)
_WIDTHS = (1, 2, 3)  # pixels of a line


def draw_smpte(board: Board) -> None:
    """Draw the pattern over all of the board."""
    board.fill(0, 0, UNITS, UNITS, 0.5)
    _grid(board)
    _bars(board)
    for number, (column, row) in enumerate(_STEPS):
        _step(board, column * _CELL, row * _CELL, number / 10)
    _insets(board)
    for left in (_CELL * 0.5, _MIDDLE - 1.5 * _CELL, UNITS - 3.5 * _CELL):
        for top in (_CELL * 0.5, UNITS - 2.5 * _CELL):
            _resolution(board, left, top)
    _resolution(board, _MIDDLE - 1.5 * _CELL, _MIDDLE - _CELL)


def _grid(board: Board) -> None:
    for number in range(17):
        place = min(number * _CELL, UNITS - 1)
        board.line(place, 0, 0, UNITS, 0.75)
        board.line(0, place, UNITS, 0, 0.75)
    board.frame(0, 0, UNITS - 1, UNITS - 1, 1.0)
    board.line(_MIDDLE, 0, 0, UNITS, 1.0)
    board.line(0, _MIDDLE, UNITS, 0, 1.0)


def _bars(board: Board) -> None:
    """Black into white and back, where a machine that overshoots shows it."""
    for top, inner in ((3 * _CELL, 1.0), (12 * _CELL, 0.0)):
        board.fill(2 * _CELL, top, 12 * _CELL, _CELL, 1.0 - inner)
        board.fill(4 * _CELL, top + _CELL / 4, 8 * _CELL, _CELL / 2, inner)


def _step(board: Board, left: float, top: float, level: float) -> None:
    board.fill(left, top, _CELL, _CELL, level)
    board.words(left + 4, top + _CELL - 16, f"{level:.0%}", 10, 0.0 if level > 0.5 else 1.0)


def _insets(board: Board) -> None:
    """5 % in 0 % and 95 % in 100 %: both have to be told from what is around them."""
    for left, outer, inner in ((6.5 * _CELL, 0.0, 0.05), (8.5 * _CELL, 1.0, 0.95)):
        board.fill(left, 9.5 * _CELL, _CELL, _CELL, outer)
        board.fill(left + _CELL / 4, 9.75 * _CELL, _CELL / 2, _CELL / 2, inner)


def _resolution(board: Board, left: float, top: float) -> None:
    """Lines of one, two and three pixels, both ways; below them such of little contrast."""
    side = _CELL / 2
    for number, pixels in enumerate(_WIDTHS):
        for row, direction in enumerate(_DIRECTIONS):
            place = (left + number * _CELL, top + row * side * 1.25, side)
            board.bars(place, pixels, (0.0, 1.0), direction)
    for number, contrast in enumerate(_CONTRASTS):
        levels = (0.5 - contrast / 2, 0.5 + contrast / 2)
        for row, direction in enumerate(_DIRECTIONS):
            place = (left + number * _CELL + side, top + row * side * 1.25, side * 0.9)
            board.bars(place, 2, levels, direction)
