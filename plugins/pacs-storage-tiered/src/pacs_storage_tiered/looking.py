"""What the commands tell of places, work and pins."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from pacs_framework.errors import ConfigurationError, StorageError
from pacs_storage_tiered.backend import TieredBackend
from pacs_storage_tiered.book import Book
from pacs_storage_tiered.listing import listed_at
from pacs_storage_tiered.tables import NAME

if TYPE_CHECKING:
    from pacs_framework.cli.options import ArchiveChoice
    from pacs_framework.storage import StorageBackend
    from pacs_storage_tiered.places import Place
    from pacs_storage_tiered.planning import Step

__all__ = [
    "book_of",
    "mark",
    "opened",
    "require_uids",
    "tell_places",
    "tell_steps",
    "tell_tasks",
    "tiered",
]

_SHOWN = 100
_UID = re.compile(r"[0-9][0-9.]{0,63}")


def tiered(storage: StorageBackend) -> TieredBackend:
    """The storage of an archive, if it is ours. Raises `ConfigurationError`."""
    if not isinstance(storage, TieredBackend):
        raise ConfigurationError(
            "the storage of this archive has no tiers; they need [storage] url = 'tiered:'"
        )
    return storage


@contextmanager
def opened(choice: ArchiveChoice) -> Iterator[TieredBackend]:
    """The storage without the archive around it, which may be running."""
    with choice.configured().opened_storage() as storage:
        yield tiered(storage)


@contextmanager
def book_of(choice: ArchiveChoice) -> Iterator[Book]:
    """The tables alone: no place is opened."""
    with choice.configured().open_tables() as tables:
        yield Book(tables(NAME))


def require_uids(texts: Iterable[str]) -> None:
    """Raise `ConfigurationError` for what is no UID, which a pin would never find."""
    for text in texts:
        if not _UID.fullmatch(text):
            raise ConfigurationError(f"{text!r} is no Study Instance UID")


def mark(choice: ArchiveChoice, name: str) -> str:
    """What is behind the URL of the place ``name`` now is that place; the URL.

    Raises `ConfigurationError` where there is no such place, `StorageError` where it is away.
    """
    with opened(choice) as backend:
        for place in backend.places:
            if place.name == name:
                place.mark_anew()
                return place.url
        known = ", ".join(place.name for place in backend.places)
    raise ConfigurationError(f"there is no place {name!r}; there are {known}")


def tell_steps(planned: Iterable[Step]) -> list[dict[str, Any]]:
    """By study."""
    objects: Counter[tuple[str, str, str]] = Counter()
    sizes: Counter[tuple[str, str, str]] = Counter()
    for step in planned:
        of = (step.key.study, step.source, step.target)
        objects[of] += 1
        sizes[of] += step.size
    return [
        {"study": of[0], "from": of[1], "to": of[2], "objects": count, "bytes": sizes[of]}
        for of, count in objects.items()
    ]


def tell_places(backend: TieredBackend, *, count: bool) -> list[dict[str, Any]]:
    """One row for each place."""
    return [
        {
            "tier": tier.name,
            "place": place.name,
            "quorum": f"{tier.needed}/{len(tier.places)}",
            **_tell_place(place, count=count),
        }
        for tier in backend.tiers
        for place in tier.places
    ]


def _tell_place(place: Place, *, count: bool) -> dict[str, Any]:
    told: dict[str, Any] = {"answers": True, "free": None}
    try:
        with place.reading():
            told["free"] = place.backend.free_space()
        if count:
            found = [stat.size for stat in listed_at(place)]
            told |= {"objects": len(found), "bytes": sum(found)}
    except StorageError as error:
        told |= {"answers": False, "error": str(error)}
    if count:
        told = {"objects": None, "bytes": None, **told}
    return {"error": "", **told}


def tell_tasks(book: Book) -> dict[str, Any]:
    """What is owed: counts, the oldest ones, and the pins."""
    return {
        "owed": {str(kind): number for kind, number in sorted(book.counts().items())},
        "tasks": [
            {
                "kind": str(task.kind),
                "key": str(task.key),
                "since": task.since.isoformat(),
                "due": task.due.isoformat(),
                "attempts": task.attempts,
                "error": task.error,
            }
            for task in book.tasks(_SHOWN)
        ],
        "pinned": [
            {"study": pin.study, "since": pin.since.isoformat(), "note": pin.note}
            for pin in book.pins()
        ],
    }
