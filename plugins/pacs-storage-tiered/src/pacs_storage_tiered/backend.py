"""The backend: every object in several places, which other plugins provide."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING

import structlog

from pacs_framework.errors import ConfigurationError, ObjectNotFound, StorageError
from pacs_framework.storage import (
    ByteSource,
    ObjectCopy,
    ObjectName,
    ObjectStat,
    ObjectWriter,
    StorageBackend,
)
from pacs_framework.waking import ring
from pacs_storage_tiered.book import Book, Kind
from pacs_storage_tiered.listing import listed
from pacs_storage_tiered.marking import Marks
from pacs_storage_tiered.naming import Key
from pacs_storage_tiered.noting import Noting
from pacs_storage_tiered.places import Place, Tier
from pacs_storage_tiered.reading import FailoverSource, Search
from pacs_storage_tiered.under_way import UnderWay, left_behind
from pacs_storage_tiered.writing import TieredWriter

if TYPE_CHECKING:
    from pathlib import Path

    from pacs_framework.tables import TableStore
    from pacs_storage_tiered.settings import Settings

__all__ = ["BELL", "FOLDER", "TieredBackend", "open_backend"]

FOLDER = "storage-tiered"
"""In the folder of the archive's data: what is under way, and a bell."""

BELL = "bell"
"""Rung where there is work to do in the background."""

_log = structlog.get_logger(__name__)


def open_backend(
    settings: Settings,
    *,
    open_url: Callable[[str], StorageBackend],
    store: TableStore,
    data: Path,
    closed: Callable[[], object] = lambda: None,
) -> TieredBackend:
    """The backend over the places in ``settings``, which ``open_url`` opens by their URLs.

    ``closed`` is called once everything is. A place that is away is opened later. Raises
    `ConfigurationError` for one that is unfit.
    """
    book = Book(store, partial(ring, data / FOLDER / BELL))
    backend = TieredBackend(_tiers(settings, open_url, Marks(book)), book, data / FOLDER, settings)
    backend.closing.callback(closed)
    try:
        for place in backend.places:
            _open(place)
    except BaseException:
        backend.close()
        raise
    return backend


def _tiers(
    settings: Settings, open_url: Callable[[str], StorageBackend], marks: Marks
) -> tuple[Tier, ...]:
    return tuple(
        Tier(
            name=tier.name,
            places=tuple(
                Place(name, url, open_url, settings.retry_after, marks)
                for name, url in tier.places.items()
            ),
            needed=tier.needed,
            days=tier.days,
            idle_days=tier.idle_days,
        )
        for tier in settings.tiers
    )


class TieredBackend(StorageBackend):
    """New objects go to all places of the first tier; others are where their tier is."""

    def __init__(self, tiers: Sequence[Tier], book: Book, folder: Path, settings: Settings) -> None:
        self.tiers = tiers
        self.book = book
        self._folder = folder / "writing"
        self.settings = settings
        self._under_way = UnderWay(self._folder)
        self.noting = Noting(book)
        self.closing = ExitStack()
        self._mutex = threading.Lock()
        self._is_closed = False

    @property
    def places(self) -> list[Place]:
        """Of all tiers, in their order."""
        return [place for tier in self.tiers for place in tier.places]

    def key_for(self, name: ObjectName) -> str:
        """By study, series and instance; places make keys of their own from it."""
        return str(Key.of(name))

    def version_of(self, key: str) -> str:
        """What `key_for` put behind the hyphen; empty where it made no such key."""
        parsed = Key.parse(key)
        return "" if parsed is None else parsed.version

    def begin(
        self,
        key: str,
        *,
        size: int | None = None,
        note: bytes = b"",  # noqa: ARG002 - places that remember are refused
    ) -> ObjectWriter:
        """Refuses where too few places of the first tier have room, or answer."""
        parsed = Key.parse(key)
        if parsed is None:
            raise StorageError(f"{key!r} is no key of this storage")
        return TieredWriter(
            self.tiers[0],
            parsed,
            size,
            patience=self.settings.patience,
            notes=self._under_way,
            book=self.book,
        )

    def open(self, key: str, *, offset: int = 0, length: int | None = None) -> ByteSource:
        """From the first place that gives it. Who reads to the end has an object called back."""
        parsed = _parse(key)
        search = Search(self.tiers, parsed)
        place, source = self._open(search, offset, length)
        try:
            self._note(search, place, is_whole=length is None)
        except BaseException:
            source.close()
            raise

        def reopen(position: int, failed: list[Place]) -> tuple[Place, ByteSource]:
            left = None if length is None else max(0, length - position)
            return self._open(_Without(self.tiers, parsed, failed), offset + position, left)

        return FailoverSource(place, source, reopen)

    def stat(self, key: str) -> ObjectStat:
        """From the first place that has it."""
        search = Search(self.tiers, _parse(key))
        place, found = search.first(lambda p: p.backend.stat(p.key_of(search.key)))
        self._refuse_deleted(search, place)
        return ObjectStat(key=key, size=found.size, committed=found.committed)

    def copies(self, key: str) -> Sequence[ObjectCopy]:
        """In each place of its tier. Raises `StorageError` where one does not answer at all."""
        search = Search(self.tiers, _parse(key))
        place, _ = search.first(lambda p: p.backend.stat(p.key_of(search.key)))
        return [ObjectCopy(place=each.name, source=each) for each in search.tier_of(place).places]

    def delete(self, key: str) -> None:
        """From every place; those that are away are told when they are back."""
        parsed = Key.parse(key)
        if parsed is None:
            return
        owed = self.book.owed(parsed) is not None
        if owed:  # somebody may be copying it at this moment, and looks here when that is done
            self.book.owe_delete(parsed, "deleted while work on it was owed")
        futures = [(place, place.submit(place.delete, parsed)) for place in self.places]
        failed = {}
        for place, future in futures:
            try:
                future.result(timeout=self.settings.patience)
            except (StorageError, TimeoutError) as error:
                failed[place.name] = str(error) or "too slow"
        if failed and not owed:
            why = "; ".join(f"{name}: {cause}" for name, cause in sorted(failed.items()))
            self.book.owe_delete(parsed, why)

    def list(self) -> Iterator[ObjectStat]:
        """Each object once, the first tier first."""
        return listed(self.tiers, self.book.to_be_deleted())

    def free_space(self) -> int | None:
        """What as many places of the first tier have as an object needs."""
        return self.tiers[0].free_space()

    def recover(self) -> int:
        """Leftovers in the places; what a dead process was writing is put down to be repaired."""
        for keys in left_behind(self._folder):
            for key in sorted(keys):
                self.book.owe_repair(_parse(key), "its process died while it was written")
        removed = 0
        for place in self.places:
            try:
                removed += place.backend.recover()
            except StorageError as error:
                _log.warning("a place cannot be cleaned up", place=place.name, cause=str(error))
        return removed

    def close(self) -> None:
        """Put down what is left to be noted, and close every place."""
        with self._mutex:
            is_closed, self._is_closed = self._is_closed, True
        if is_closed:
            return
        with self.closing:
            self.noting.close()
            for place in self.places:
                place.close()
            self._under_way.close()

    # --- reading ----------------------------------------------------------------------------

    def _open(self, search: Search, offset: int, length: int | None) -> tuple[Place, ByteSource]:
        place, source = search.first(
            lambda p: p.backend.open(p.key_of(search.key), offset=offset, length=length)
        )
        try:
            self._refuse_deleted(search, place)
        except BaseException:
            source.close()
            raise
        return place, source

    def _refuse_deleted(self, search: Search, place: Place) -> None:
        """A place that was away at the delete may still have it.

        The tables are asked only where another place of the tier, or a tier before, has it not.
        """
        if search.lacking and self.book.owed(search.key) is Kind.DELETE:
            raise ObjectNotFound(
                f"{str(search.key)!r} is deleted; place {place.name!r} still has it"
            )

    def _note(self, search: Search, place: Place, *, is_whole: bool) -> None:
        if search.lacking_copy(place):
            lacking = ", ".join(p.name for p in search.lacking)
            self.noting.lacks_copy(search.key, f"found missing when it was read: {lacking}")
        if not is_whole or len(self.tiers) == 1:
            return
        self.noting.was_read(search.key.study)
        if self.settings.recall and place not in self.tiers[0].places:
            self.noting.is_wanted(search.key, self.tiers[0].name)


class _Without(Search):
    """A search that leaves some places out."""

    def __init__(self, tiers: Sequence[Tier], key: Key, without: list[Place]) -> None:
        super().__init__(tiers, key)
        self._without = list(without)

    def _order(self) -> Iterator[Place]:
        return (place for place in super()._order() if place not in self._without)


def _open(place: Place) -> None:
    """Now where it can be; otherwise it counts as away."""
    try:
        _ = place.backend
    except ConfigurationError:
        raise
    except (StorageError, OSError) as error:
        _log.warning("a place is away", place=place.name, cause=str(error))


def _parse(key: str) -> Key:
    parsed = Key.parse(key)
    if parsed is None:
        raise ObjectNotFound(f"no object {key!r}")
    return parsed
