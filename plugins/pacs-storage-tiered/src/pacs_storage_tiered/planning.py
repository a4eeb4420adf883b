"""Which objects are to go on to the next tier, within the limits of a cycle."""

from __future__ import annotations

import datetime as dt
import heapq
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from pacs_framework.tables import now
from pacs_storage_tiered.listing import listed
from pacs_storage_tiered.naming import Key

if TYPE_CHECKING:
    from pacs_storage_tiered.backend import TieredBackend
    from pacs_storage_tiered.book import Book
    from pacs_storage_tiered.places import Tier

__all__ = ["Step", "plan"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One object that is to go from one tier to the next; ``size`` in bytes."""

    key: Key
    size: int
    source: str
    target: str


def plan(backend: TieredBackend) -> list[Step]:
    """What goes next: the oldest first, up to the bytes and objects that a cycle may move.

    An object that is larger than what is left of the bytes ends the plan, so that it is the first
    of the next one; the first object goes in any case.
    """
    steps: list[Step] = []
    size, objects = backend.settings.cycle_size, backend.settings.cycle_objects
    for source, target in pairwise(backend.tiers):
        candidates = _candidates(source, backend.book)
        for step in heapq.nsmallest(
            objects - len(steps),
            (Step(key=k, size=s, source=source.name, target=target.name) for k, s in candidates),
            key=lambda step: (step.key.version, step.key.study),
        ):
            if steps and step.size > size:
                return steps
            steps.append(step)
            size -= step.size
    return steps


def _candidates(tier: Tier, book: Book) -> Iterator[tuple[Key, int]]:
    moment = now()
    before = moment - dt.timedelta(days=tier.days)
    stay = book.read_since(moment - dt.timedelta(days=tier.idle_days))
    stay |= {pin.study for pin in book.pins()}
    for stat in listed([tier], book.to_be_deleted()):
        key = Key.parse(stat.key)
        if key is not None and key.study not in stay and key.received < before:
            yield key, stat.size
