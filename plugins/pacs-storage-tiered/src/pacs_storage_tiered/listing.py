"""Listing what is in several places, each object once."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

import structlog

from pacs_framework.errors import StorageError
from pacs_storage_tiered.marking import MARK
from pacs_storage_tiered.naming import Key

if TYPE_CHECKING:
    from pacs_framework.storage import ObjectStat
    from pacs_storage_tiered.places import Place, Tier

__all__ = ["listed", "listed_at", "listed_in"]

_log = structlog.get_logger(__name__)


def listed(tiers: Sequence[Tier], gone: set[str]) -> Iterator[ObjectStat]:
    """Every object once, but those in ``gone``. Raises `StorageError` where some may be missing.

    What was seen is in a file that the system removes, not in memory.
    """
    with closing(sqlite3.connect("", check_same_thread=False)) as seen:
        seen.execute("CREATE TABLE seen (key TEXT PRIMARY KEY) WITHOUT ROWID")
        seen.executemany("INSERT INTO seen VALUES (?)", ((key,) for key in gone))
        for tier in tiers:
            for stat in listed_in(tier):
                if seen.execute("INSERT OR IGNORE INTO seen VALUES (?)", (stat.key,)).rowcount:
                    yield stat


def listed_in(tier: Tier) -> Iterator[ObjectStat]:
    """What each place of a tier has: an object may come as often as it has copies.

    Places may be away as long as every object has a copy in another one.
    """
    away: list[str] = []
    for place in tier.places:
        try:
            yield from listed_at(place)
        except StorageError as error:
            away.append(place.name)
            _log.warning("a place cannot be listed", place=place.name, cause=str(error))
            if len(away) >= tier.needed:
                raise StorageError(
                    f"places {', '.join(away)} of tier {tier.name!r} cannot be listed, and objects "
                    f"may have copies nowhere else: {error}"
                ) from error


def listed_at(place: Place) -> Iterator[ObjectStat]:
    """What is there under a name of ours; other objects are not touched."""
    with place.reading():
        backend = place.backend
        for stat in backend.list():
            key = Key.from_place(backend.version_of(stat.key))
            if key is not None and key != MARK:
                yield replace(stat, key=str(key))
