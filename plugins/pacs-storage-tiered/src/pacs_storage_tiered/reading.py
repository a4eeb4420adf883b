"""Finding an object, and reading it from one place after the other until one gives it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import TYPE_CHECKING, Self, TypeVar

import structlog

from pacs_framework.errors import ObjectNotFound, StorageError

if TYPE_CHECKING:
    from pacs_framework.storage import ByteSource
    from pacs_storage_tiered.naming import Key
    from pacs_storage_tiered.places import Place, Tier

__all__ = ["FailoverSource", "Search", "tiers_with"]

_T = TypeVar("_T")
_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Search:
    """Asks the places for an object in their order; those that are left alone come last.

    ``lacking`` are the places that said that they have it not, ``failed`` what others said.
    """

    tiers: Sequence[Tier]
    key: Key
    lacking: list[Place] = field(default_factory=list, init=False)
    failed: dict[Place, StorageError] = field(default_factory=dict, init=False)

    def first(self, ask: Callable[[Place], _T]) -> tuple[Place, _T]:
        """What the first place answers that has it. Raises `ObjectNotFound`, `StorageError`."""
        for place in self._order():
            try:
                with place.reading():
                    return place, ask(place)
            except ObjectNotFound:
                self.lacking.append(place)
            except StorageError as error:
                self.failed[place] = error
        raise self._failure()

    def tier_of(self, place: Place) -> Tier:
        """The tier that a place belongs to."""
        return next(tier for tier in self.tiers if place in tier.places)

    def lacking_copy(self, found_in: Place) -> bool:
        """Whether a place of the same tier said that it has no copy."""
        return any(place in self.lacking for place in self.tier_of(found_in).places)

    def _order(self) -> Iterator[Place]:
        places = [place for tier in self.tiers for place in tier.places]
        alone = [place for place in places if place.reads.is_open]
        for place in places:
            if place not in alone or place.reads.lets_through():
                yield place
        # Nobody else has it: better to ask and to wait than to say that it is nowhere.
        yield from (p for p in alone if p not in self.lacking and p not in self.failed)

    def _failure(self) -> StorageError:
        """It is certainly nowhere where fewer places failed than an object has copies."""
        if not any(
            sum(place in self.failed for place in tier.places) >= tier.needed for tier in self.tiers
        ):
            return ObjectNotFound(
                f"no object {str(self.key)!r}; `pacs verify` tells what is missing"
            )
        told = "; ".join(sorted(f"{place.name}: {error}" for place, error in self.failed.items()))
        return StorageError(f"the object may be in a place that does not answer ({told})")


def tiers_with(tiers: Sequence[Tier], key: Key) -> list[Tier]:
    """Those of which some place has the object. Raises `StorageError` where one cannot tell."""
    return [tier for tier in tiers if _is_in(tier, key)]


def _is_in(tier: Tier, key: Key) -> bool:
    failures: list[StorageError] = []
    for place in tier.places:
        try:
            if place.has(key):
                return True
        except StorageError as error:
            failures.append(error)
    if failures:
        raise failures[0]
    return False


class FailoverSource:
    """An open object; when its place fails in the middle, another one goes on from there.

    ``reopen`` opens it from a position on, without the places that failed.
    """

    def __init__(
        self,
        place: Place,
        source: ByteSource,
        reopen: Callable[[int, list[Place]], tuple[Place, ByteSource]],
    ) -> None:
        self._place = place
        self._source = source
        self._reopen = reopen
        self._position = 0
        self._failed: list[Place] = []

    def read(self, size: int = -1, /) -> bytes:
        """As `pacs_framework.storage.ByteSource.read`."""
        while True:
            try:
                with self._place.reading():
                    data = self._source.read(size)
            except StorageError as error:
                self._fail_over(error)
            else:
                self._position += len(data)
                return data

    def readinto(self, buffer: memoryview | bytearray, /) -> int | None:
        """As `pacs_framework.storage.ByteSource.readinto`."""
        while True:
            try:
                with self._place.reading():
                    count = self._source.readinto(buffer)
            except StorageError as error:
                self._fail_over(error)
            else:
                self._position += count or 0
                return count

    def close(self) -> None:
        """Give the object back."""
        self._source.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _fail_over(self, error: StorageError) -> None:
        """Raises ``error`` where no other place has it."""
        self._failed.append(self._place)
        self._source.close()
        try:
            self._place, self._source = self._reopen(self._position, self._failed)
        except StorageError:
            raise error from None
        _log.warning(
            "reading goes on in another place",
            place=self._failed[-1].name,
            other=self._place.name,
            cause=str(error),
        )
