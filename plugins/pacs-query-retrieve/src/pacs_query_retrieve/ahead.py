"""Instances of a retrieval, the next one opened while the peer works on the one before."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import structlog

from pacs_framework.errors import IndexUnavailable, StorageError

if TYPE_CHECKING:
    from pacs_framework.archive.retrieve import OpenInstance, RetrieveService, StoredInstance

__all__ = ["Ahead", "Next"]

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Next:
    """An instance that is due; ``opened`` is None when its object cannot be opened."""

    stored: StoredInstance
    opened: OpenInstance | None


class Ahead:
    """Iterates over instances, opening each before it is due when `prepare` is called in time.

    Whoever takes an instance closes it; leaving the ``with`` block closes one that nobody took.
    """

    def __init__(self, retrieve: RetrieveService, instances: Iterable[StoredInstance]) -> None:
        self._retrieve = retrieve
        self._instances = iter(instances)
        self._prepared: Next | IndexUnavailable | None = None

    def prepare(self) -> None:
        """Fetch and open the next instance. A failure is kept for when it is due."""
        if self._prepared is not None:
            return
        try:
            stored = next(self._instances, None)
        except IndexUnavailable as error:
            self._prepared = error
            return
        if stored is not None:
            self._prepared = Next(stored=stored, opened=self._open(stored))

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
        """What is left, without opening any of it. Raises `IndexUnavailable`."""
        if isinstance(self._prepared, Next):
            yield self._prepared.stored
        self.close()
        yield from self._instances

    def close(self) -> None:
        """Close the instance that was prepared."""
        if isinstance(self._prepared, Next) and self._prepared.opened is not None:
            self._prepared.opened.data.close()
        self._prepared = None

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Next:
        self.prepare()
        due, self._prepared = self._prepared, None
        if due is None:
            raise StopIteration
        if isinstance(due, IndexUnavailable):
            raise due
        return due

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()
