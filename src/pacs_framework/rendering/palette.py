"""PALETTE COLOR: stored values are numbers of colours (PS3.3 C.7.6.3.1.5, C.7.6.3.1.6, C.7.9).

The supplemental palette of a grayscale image (C.7.6.19) is not for this: such an image is drawn in
greys.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from pydicom import Dataset

from pacs_framework.errors import UnreadableInstance
from pacs_framework.rendering.layout import FrameLayout
from pacs_framework.rendering.lookup import LookupTable, read_descriptor, words_of
from pacs_framework.rendering.samples import Array, all_cells, has_table, values_of

__all__ = ["expand_segments", "palette_colours", "palette_ramp"]

_COLOURS = ("Red", "Green", "Blue")
_DISCRETE, _LINEAR, _INDIRECT = 0, 1, 2
_MOST_ENTRIES = 1 << 16


def palette_colours(cells: Array, header: Dataset, layout: FrameLayout) -> Array:
    """The frame in 8-bit RGB. Raises `UnreadableInstance`."""
    tables = [_table(header, colour, signed=layout.signed) for colour in _COLOURS]
    if has_table(layout):
        values = values_of(all_cells(layout), layout)
        return np.stack([_bytes(table, values) for table in tables], axis=-1).take(cells, axis=0)
    values = values_of(cells, layout)
    return np.stack([_bytes(table, values) for table in tables], axis=-1)


def palette_ramp(header: Dataset) -> Array:
    """The colours of a palette in their order: (number, 3), 8-bit RGB. Raises `UnreadableInstance`.

    For values that are scaled to the palette, as those of a pseudo-color presentation state are.
    """
    tables = [_table(header, colour, signed=False) for colour in _COLOURS]
    number = min(len(table.entries) for table in tables)
    steps = np.arange(number)
    return np.stack([_bytes(table, steps + table.first) for table in tables], axis=-1)


def _bytes(table: LookupTable, values: Array) -> Array:
    """The high eight bits of each entry: palettes of 16 bits use the whole range (C.7.6.3.1.6)."""
    return (table(values) >> max(table.bits - 8, 0)).astype(np.uint8)


def _table(header: Dataset, colour: str, *, signed: bool) -> LookupTable:
    prefix, data = f"{colour}PaletteColorLookupTable", f"{colour}PaletteColorLookupTableData"
    number, first, bits = read_descriptor(header, f"{prefix}Descriptor", signed=signed)
    if bits not in (8, 16):
        raise UnreadableInstance(f"{prefix}Descriptor says {bits} bits for an entry, not 8 or 16")
    if data in header:
        entries = words_of(header, data, number, bits)
    else:
        entries = _expanded(header, f"Segmented{data}", number, bits)
    if bits == 8 and entries.dtype == np.uint16 and int(entries.max()) >> 8:
        bits = 16  # a descriptor that says 8, above entries of 16
    return LookupTable(first=first, entries=entries, bits=bits)


def _expanded(header: Dataset, keyword: str, number: int, bits: int) -> Array:
    value = header.get(keyword)
    if not isinstance(value, bytes):
        raise UnreadableInstance(f"{keyword} is missing or not what it has to be")
    entries = expand_segments(value, bits)
    if len(entries) < number:
        raise UnreadableInstance(
            f"{keyword} has {len(entries)} entries, where the descriptor says {number}"
        )
    return entries[:number]


def expand_segments(data: bytes, bits: int) -> Array:
    """The entries of a segmented table of 8 or 16 ``bits`` (C.7.9.2). Raises `UnreadableInstance`.

    Indirect segments name others by their place; never indirect ones, so that no table of a few
    bytes becomes one without end.
    """
    words = np.frombuffer(data[: len(data) // (bits // 8) * (bits // 8)], f"<u{bits // 8}").tolist()
    entries: list[int] = []
    position = 0
    try:
        while position + 2 < len(words):  # a last odd byte pads
            if words[position] == _INDIRECT:
                for copied in _copied(words, position, bits):
                    _append(entries, words, copied)
                position += 2 + 32 // bits
            else:
                position = _append(entries, words, position)
    except IndexError:
        raise UnreadableInstance("a segmented palette ends inside a segment") from None
    return np.array(entries, f"u{bits // 8}")


def _append(entries: list[int], words: list[int], position: int) -> int:
    """Expand the segment at ``position``; where the next one begins."""
    kind, length = words[position], words[position + 1]
    if len(entries) + length > _MOST_ENTRIES:
        raise UnreadableInstance(f"a segmented palette of more than {_MOST_ENTRIES} entries")
    if kind == _DISCRETE:
        end = position + 2 + length
        if end > len(words):
            raise IndexError
        entries += words[position + 2 : end]
        return end
    if kind != _LINEAR or not entries:
        raise UnreadableInstance(f"a segmented palette with a segment of type {kind} out of place")
    start, end_value = entries[-1], words[position + 2]
    steps = np.linspace(start, end_value, length + 1)[1:]
    entries += np.rint(steps).astype(int).tolist()
    return position + 3


def _copied(words: list[int], position: int, bits: int) -> Iterator[int]:
    """The places of the segments that the indirect one at ``position`` names."""
    number = words[position + 1]
    parts = words[position + 2 : position + 2 + 32 // bits]
    if len(parts) < 32 // bits:
        raise IndexError
    offset = sum(part << bits * index for index, part in enumerate(parts))  # in bytes
    place = offset // (bits // 8)
    for _ in range(number):
        kind, length = words[place], words[place + 1]
        yield place
        place += 2 + length if kind == _DISCRETE else 3
