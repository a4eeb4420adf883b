"""The ratios of a run as a picture: one bar for each row and peer, on a logarithmic axis.

Written as SVG by hand: it is forty lines, and needs no library.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from html import escape

from bench.results import OURS, Run

__all__ = ["ratios_of", "svg"]

_COLOURS = {
    "orthanc": "#2563a8",
    "storescp": "#d97706",
    "storescp-fork": "#b45309",
    "pynetdicom": "#6b7280",
    "qrscp": "#9ca3af",
}
_WIDTH, _LEFT, _RIGHT, _TOP = 1000, 330, 70, 64
_BAR, _GAP = 13, 9
_HEADLINE = "How many times better than each peer (1: equal; to the right: we are)"
_TICKS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000)


def ratios_of(run: Run) -> list[tuple[str, dict[str, float]]]:
    """Title of each row that has ratios, with the ratio of each peer."""
    rows = []
    for result in run.results:
        ratios = {name: result.ratio(name) for name in _COLOURS if name != OURS}
        known = {name: ratio for name, ratio in ratios.items() if ratio}
        if known:
            rows.append((result.title, known))
    return rows


class _Scale:
    """Logarithmic, with room for every ratio and for 1."""

    def __init__(self, values: list[float]) -> None:
        self.low = min(0.5, *values) / 1.15
        self.high = max(2.0, *values) * 1.15

    def x(self, ratio: float) -> float:
        span = math.log(self.high / self.low)
        width = _WIDTH - _LEFT - _RIGHT
        return _LEFT + width * math.log(ratio / self.low) / span


def svg(run: Run) -> str:
    """The picture; empty of bars where the run has no peer but ours."""
    rows = ratios_of(run)
    scale = _Scale([1.0, *(value for _, ratios in rows for value in ratios.values())])
    height = _TOP + sum(len(ratios) * _BAR + _GAP for _, ratios in rows) + 20
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}"',
        '  font-family="sans-serif" font-size="11">',
        f'<rect width="{_WIDTH}" height="{height}" fill="#fff"/>',
        f'<text x="12" y="20" font-size="14">{_HEADLINE}</text>',
        *_legend(rows),
        *_axis(scale, height),
        *_bars(rows, scale),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _legend(rows: list[tuple[str, dict[str, float]]]) -> Iterator[str]:
    used = [name for name in _COLOURS if any(name in ratios for _, ratios in rows)]
    for position, name in enumerate(used):
        x = 12 + position * 120
        yield f'<rect x="{x}" y="30" width="10" height="10" fill="{_COLOURS[name]}"/>'
        yield f'<text x="{x + 15}" y="39">{name}</text>'


def _axis(scale: _Scale, height: int) -> Iterator[str]:
    for tick in _TICKS:
        if scale.low <= tick <= scale.high:
            x = scale.x(tick)
            colour = "#111" if tick == 1 else "#ddd"
            yield f'<path d="M{x:.1f} {_TOP - 4}V{height - 12}" stroke="{colour}"/>'
            yield f'<text x="{x:.1f}" y="{_TOP - 8}" text-anchor="middle">{tick:g}</text>'


def _bars(rows: list[tuple[str, dict[str, float]]], scale: _Scale) -> Iterator[str]:
    y, one = _TOP + 2, scale.x(1)
    for title, ratios in rows:
        middle = y + len(ratios) * _BAR / 2 + 4
        yield f'<text x="{_LEFT - 8}" y="{middle:.1f}" text-anchor="end">{escape(title)}</text>'
        for name, ratio in ratios.items():
            end = scale.x(ratio)
            left, width = min(one, end), abs(end - one)
            yield (
                f'<rect x="{left:.1f}" y="{y}" width="{width:.1f}" height="{_BAR - 2}" '
                f'fill="{_COLOURS[name]}"/>'
            )
            yield f'<text x="{max(one, end) + 4:.1f}" y="{y + _BAR - 4}">{ratio:.2g} ×</text>'
            y += _BAR
        y += _GAP
