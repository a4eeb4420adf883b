"""Frames changed as damage and strangers change them, the same each time."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

__all__ = ["mutated"]

_Change = Callable[[random.Random, bytearray], None]
_HEADER = 256  # bytes: what a decoder believes stands in front


def mutated(frame: bytes, number: int, *, seed: int = 0) -> Iterator[bytes]:
    """``number`` frames that were ``frame``: bits turned over, bytes gone, doubled, or others.

    Half of the changes hit the first bytes, where sizes and tables are. ``seed`` gives others.
    """
    chance = random.Random(seed)  # noqa: S311 - damage, not a secret
    for _ in range(number):
        changed = bytearray(frame)
        for _ in range(chance.randint(1, 4)):
            chance.choice(_CHANGES)(chance, changed)
        yield bytes(changed)


def _place(chance: random.Random, data: bytearray) -> int:
    most = min(_HEADER, len(data)) if chance.random() < 0.5 else len(data)
    return chance.randrange(max(1, most))


def _turn_a_bit(chance: random.Random, data: bytearray) -> None:
    if data:
        data[_place(chance, data)] ^= 1 << chance.randrange(8)


def _set_bytes(chance: random.Random, data: bytearray) -> None:
    """To what is the least, the most, or a marker."""
    at = _place(chance, data)
    data[at : at + 2] = chance.choice((b"\0\0", b"\xff\xff", b"\x7f\xff", b"\xff\xd9"))


def _cut(chance: random.Random, data: bytearray) -> None:
    del data[_place(chance, data) :]


def _leave_out(chance: random.Random, data: bytearray) -> None:
    at = _place(chance, data)
    del data[at : at + chance.randint(1, 64)]


def _double(chance: random.Random, data: bytearray) -> None:
    at = _place(chance, data)
    data[at:at] = data[at : at + chance.randint(1, 64)]


_CHANGES: tuple[_Change, ...] = (_turn_a_bit, _turn_a_bit, _set_bytes, _cut, _leave_out, _double)
