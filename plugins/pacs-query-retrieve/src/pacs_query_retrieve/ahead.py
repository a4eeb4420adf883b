"""Instances of a retrieval, the next ones opened while the peer works on the one before."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import structlog

from pacs_framework.errors import IndexUnavailable, StorageError

if TYPE_CHECKING:
    from pacs_framework.archive.retrieve import OpenInstance, RetrieveService, StoredInstance

__all__ = ["Ahead", "Next"]

_log = structlog.get_logger(__name__)

_DEPTH = 3
"""A storage begins to fetch what is opened. One ahead has the time of one exchange for that, in
which a disk may not be done; more than a few ahead only hold more open."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Next:
    """An instance that is due; ``opened`` is None when its object cannot be opened."""

    stored: StoredInstance
    opened: OpenInstance | None


class Ahead:
    """Iterates over instances, opening each before it is due when `prepare` is called in time.

    Whoever takes an instance closes it; leaving the ``with`` block closes those that nobody took.
    """

    def __init__(self, retrieve: RetrieveService, instances: Iterable[StoredInstance]) -> None:
        self._retrieve = retrieve
        self._instances = iter(instances)
        self._prepared: deque[Next] = deque()
        self._failure: IndexUnavailable | None = None

    def prepare(self) -> None:
        """Fetch and open the next instances. A failure is kept for when it is due."""
        while len(self._prepared) < _DEPTH and self._failure is None:
            try:
                stored = next(self._instances, None)
            except IndexUnavailable as error:
                self._failure = error
                return
            if stored is None:
                return
            self._prepared.append(Next(stored=stored, opened=self._open(stored)))

    def _open(self, stored: StoredInstance) -> OpenInstance | None:
        try:
            return self._retrieve.open(stored)
        except (StorageError, IndexUnavailable) as error:
            _log.error(
                "an instance to retrieve cannot be opened",
                sop_instance_uid=stored.sop_instance_uid,
                error=str(error),
            )
            return None

    def rest(self) -> Iterable[StoredInstance]:
        """What is left, without opening any more of it. Raises `IndexUnavailable`."""
        left = [due.stored for due in self._prepared]
        self.close()
        yield from left
        if self._failure is not None:
            raise self._failure
        yield from self._instances

    def close(self) -> None:
        """Close the instances that were prepared."""
        while self._prepared:
            due = self._prepared.popleft()
            if due.opened is not None:
                due.opened.data.close()

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Next:
        self.prepare()
        if self._prepared:
            return self._prepared.popleft()
        if self._failure is not None:
            failure, self._failure = self._failure, None
            raise failure
        raise StopIteration

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()
