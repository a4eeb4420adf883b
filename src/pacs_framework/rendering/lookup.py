"""Lookup tables of a header (PS3.3 C.11.1.1, C.11.2.1.1)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from pydicom import Dataset
from pydicom.multival import MultiValue

from pacs_framework.errors import UnreadableInstance
from pacs_framework.rendering.attributes import numbers_of, value_of, vr_of
from pacs_framework.rendering.samples import Array

__all__ = ["LookupTable", "lookup_table", "read_descriptor", "words_of"]

_WORD = 1 << 16


@dataclass(frozen=True, slots=True, eq=False)
class LookupTable:
    """``entries`` for the values from ``first`` on; below and above, the outermost ones count.

    Entries have ``bits`` bits: they are meant for the range from 0 to ``most``.
    """

    first: int
    entries: Array
    bits: int

    @property
    def most(self) -> int:
        """The largest value that an entry can have."""
        return (1 << self.bits) - 1

    def __call__(self, values: Array) -> Array:
        """The entry of each value; fractions, as a slope makes them, go to the nearest."""
        last = self.first + len(self.entries) - 1
        if values.dtype.kind == "f":
            values = np.rint(np.clip(values, self.first, last))  # so that an integer holds it
        index = values.astype(np.int64) - self.first
        return self.entries[np.clip(index, 0, len(self.entries) - 1)]


def lookup_table(item: Dataset, *, signed: bool) -> LookupTable:
    """The table in an item of Modality or VOI LUT Sequence. Raises `UnreadableInstance`."""
    number, first, bits = read_descriptor(item, "LUTDescriptor", signed=signed)
    entries = words_of(item, "LUTData", number, bits)
    # More bits than the descriptor says are seen in the field; the picture would be cut white.
    needed = int(entries.max()).bit_length()
    return LookupTable(first=first, entries=entries, bits=max(bits, needed))


def read_descriptor(item: Dataset, keyword: str, *, signed: bool) -> tuple[int, int, int]:
    """Number of entries, first value mapped, and bits of an entry.

    The first value is ``signed`` where the values are, whatever VR it has been given.
    """
    numbers = numbers_of(item, keyword)
    if len(numbers) != 3:
        raise UnreadableInstance(f"{keyword} has {len(numbers)} values, not 3")
    number, first, bits = (int(each) for each in numbers)
    if not 1 <= bits <= 16:
        raise UnreadableInstance(f"{keyword} says {bits} bits for an entry, not 1 to 16")
    first %= _WORD
    if (signed or vr_of(item, keyword) == "SS") and first >= _WORD // 2:
        first -= _WORD
    return number % _WORD or _WORD, first, bits


def words_of(item: Dataset, keyword: str, number: int, bits: int) -> Array:
    """``number`` entries of ``bits`` bits; those of 8 bits may be packed into bytes."""
    value = value_of(item, keyword)
    if isinstance(value, bytes):
        packed = bits <= 8 and len(value) < 2 * number
        found = np.frombuffer(
            value if packed else value[: len(value) & ~1], "u1" if packed else "<u2"
        )
    elif isinstance(value, int | MultiValue | list):
        words = [value] if isinstance(value, int) else list(value)
        found = np.array([int(word) % _WORD for word in words], np.uint16)
    else:
        raise UnreadableInstance(f"{keyword} is missing or not what it has to be")
    if len(found) < number:
        raise UnreadableInstance(
            f"{keyword} has {len(found)} entries, where the descriptor says {number}"
        )
    return found[:number]
