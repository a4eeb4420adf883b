"""Instances on their way out, the next ones opened while the other side works on the one before."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Self

from pacs_framework.errors import PacsError

if TYPE_CHECKING:
    from pacs_framework.archive.retrieve import InstanceOpener, OpenInstance, StoredInstance

__all__ = ["Parcel", "Parcels"]

_AHEAD = 3
"""A storage begins to fetch what is opened; more than a few only hold more open."""


class Parcel:
    """An instance that is due. A context manager, which closes it."""

    def __init__(self, stored: StoredInstance, opener: InstanceOpener) -> None:
        self.stored = stored
        self._opener = opener
        self._opened: OpenInstance | None = None
        self._failure: PacsError | None = None

    def prepare(self) -> None:
        """Open it. A failure is kept for when somebody asks."""
        try:
            self._opened = self._opener.open(self.stored)
        except PacsError as error:
            self._failure = error

    @property
    def opened(self) -> OpenInstance:
        """As the recipient may have it. Raises `PacsError` as `InstanceOpener.open` does."""
        if self._failure is not None:
            raise self._failure
        if self._opened is None:
            self._opened = self._opener.open(self.stored)
        return self._opened

    @opened.setter
    def opened(self, instead: OpenInstance) -> None:
        """What was made of it, which closes it."""
        self._opened = instead

    @property
    def is_changed(self) -> bool:
        """Whether it may be anything but the instance as it was located: what is made of one on its
        way out (a view of it, a correction, another version) is told by a record of its own.
        """
        return self.opened.instance is not self.stored

    def again(self) -> None:
        """Whoever read of it and could not use that finds it at its beginning."""
        self.close()

    def close(self) -> None:
        """Give back what is open."""
        if self._opened is not None:
            self._opened.data.close()
        self._opened = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


class Parcels:
    """Iterates over instances; whoever takes one closes it, leaving the block closes the others."""

    def __init__(self, instances: Iterable[StoredInstance], opener: InstanceOpener) -> None:
        self._left = iter(instances)
        self._opener = opener
        self._ready: deque[Parcel] = deque()

    def prepare(self) -> None:
        """Open the next ones."""
        while len(self._ready) < _AHEAD:
            stored = next(self._left, None)
            if stored is None:
                return
            parcel = Parcel(stored, self._opener)
            parcel.prepare()
            self._ready.append(parcel)

    def __iter__(self) -> Iterator[Parcel]:
        return self

    def __next__(self) -> Parcel:
        if not self._ready:
            self.prepare()
        if not self._ready:
            raise StopIteration
        return self._ready.popleft()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        while self._ready:
            self._ready.popleft().close()
