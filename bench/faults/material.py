"""Instances to send: every version of each has pixels of its own, made without time or memory."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from pydicom.uid import CTImageStorage

from bench.data import Kind, Uids, instances, kind_named

__all__ = ["LARGE", "SMALL", "Material", "Sent"]

SMALL = kind_named("mr")
"""10 KB: in memory on the way in, then in a pack."""
LARGE = Kind("staged", "1.3 MB CT", CTImageStorage, "CT", 1, 800)
"""Staged to disk on the way in, then a file of its own."""

_NOISE = 1 << 22
_OF_A_SERIES = 10
_LARGE_EVERY = 9
_AGAIN_EVERY = 6


@lru_cache
def _noise() -> memoryview:
    return memoryview(random.Random(20240602).randbytes(_NOISE))


@dataclass(frozen=True, slots=True)
class Sent:
    """One version of an instance as it goes over the wire."""

    kind: Kind
    uid: str
    study: str
    head: bytes
    pixels: memoryview

    @property
    def size(self) -> int:
        """Bytes of the data set."""
        return len(self.head) + len(self.pixels)

    def pieces(self) -> Iterator[bytes | memoryview]:
        """The data set in explicit VR little endian."""
        yield self.head
        yield self.pixels

    def digest(self) -> str:
        """SHA-256 of the data set."""
        made = hashlib.sha256(self.head)
        made.update(self.pixels)
        return made.hexdigest()


class Material:
    """What one sender sends: a study of small instances, some large, some of them once more."""

    def __init__(self, run: str, study: int, chance: random.Random, *, large: bool = True) -> None:
        self._uids = Uids(run)
        self._study = study
        self._chance = chance
        self._large = large
        self._again: list[tuple[int, Kind]] = []

    def __iter__(self) -> Iterator[Sent]:
        number = 0
        while True:
            if self._again and self._chance.randrange(_AGAIN_EVERY) == 0:
                yield self._version(*self._chance.choice(self._again))
                continue
            large = self._large and self._chance.randrange(_LARGE_EVERY) == 0
            kind = LARGE if large else SMALL
            self._again = [*self._again[-3:], (number, kind)]
            yield self._version(number, kind)
            number += 1

    def _version(self, number: int, kind: Kind) -> Sent:
        [made] = instances(
            kind, self._uids, 1, first=number, study=self._study, series_of=_OF_A_SERIES
        )
        size = kind.pixel_bytes
        start = self._chance.randrange(_NOISE - size)
        return Sent(
            kind=kind,
            uid=made.sop_instance_uid,
            study=made.study_instance_uid,
            head=made.head,
            pixels=_noise()[start : start + size],
        )
