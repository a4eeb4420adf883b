"""Instances of a retrieval, the next ones opened while the peer works on the one before.

Those that the receiver takes native only begin to be decoded then, too.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import structlog

from pacs_framework.errors import IndexUnavailable, PacsError, StorageError

if TYPE_CHECKING:
    from pacs_framework.archive.retrieve import InstanceOpener, OpenInstance, StoredInstance
    from pacs_framework.codecs.early import EarlyConversion

__all__ = ["Ahead", "Next"]

_log = structlog.get_logger(__name__)

_DEPTH = 3
"""A storage begins to fetch what is opened. One ahead has the time of one exchange for that, in
which a disk may not be done; more than a few ahead only hold more open."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Next:
    """An instance that is due; ``opened`` is None when it cannot be opened, or may not be sent.

    ``conversion`` is there when it was begun ahead, and reads from what is open.
    """

    stored: StoredInstance
    opened: OpenInstance | None
    conversion: EarlyConversion | None = None

    def close(self) -> None:
        """Give back what is open."""
        if self.conversion is not None:
            self.conversion.close()
        elif self.opened is not None:
            self.opened.data.close()


class Ahead:
    """Iterates over instances, opening each before it is due when `prepare` is called in time.

    Whoever takes an instance closes it; leaving the ``with`` block closes those that nobody took.
    ``begin`` begins to convert an opened one, or not; so many as ``early`` are begun ahead.
    """

    def __init__(
        self,
        opener: InstanceOpener,
        instances: Iterable[StoredInstance],
        *,
        begin: Callable[[OpenInstance], EarlyConversion | None] = lambda _opened: None,
        early: int = 0,
    ) -> None:
        self._opener = opener
        self._begin = begin
        self._early = early
        self._instances = iter(instances)
        self._prepared: deque[Next] = deque()
        self._failure: IndexUnavailable | None = None

    def prepare(self) -> None:
        """Fetch and open the next instances. A failure is kept for when it is due."""
        while len(self._prepared) < self._depth and self._failure is None:
            try:
                stored = next(self._instances, None)
            except IndexUnavailable as error:
                self._failure = error
                return
            if stored is None:
                return
            opened = self._open(stored)
            begun = None if opened is None else self._begin(opened)
            self._prepared.append(Next(stored=stored, opened=opened, conversion=begun))

    @property
    def _depth(self) -> int:
        """How many to prepare; where they are converted, that is what bounds those begun."""
        converting = self._prepared and self._prepared[-1].conversion is not None
        return self._early if converting else _DEPTH

    def _open(self, stored: StoredInstance) -> OpenInstance | None:
        try:
            return self._opener.open(stored)
        except (StorageError, IndexUnavailable) as error:
            _log.error(
                "an instance to retrieve cannot be opened",
                sop_instance_uid=stored.sop_instance_uid,
                error=str(error),
            )
        except PacsError as error:
            _log.warning(
                "an instance to retrieve is not sent",
                sop_instance_uid=stored.sop_instance_uid,
                error=str(error),
            )
        return None

    def again(self, due: Next) -> Next:
        """The same instance opened anew, for who could not use what it has read of it."""
        return Next(stored=due.stored, opened=self._open(due.stored))

    def rest(self) -> Iterable[StoredInstance]:
        """What is left, without opening any more of it. Raises `IndexUnavailable`."""
        return self._put_back()

    def reopen(self) -> None:
        """Close what was prepared for a receiver that is gone; it is prepared anew when due."""
        self._instances = self._put_back()

    def _put_back(self) -> Iterator[StoredInstance]:
        left = [due.stored for due in self._prepared]
        self.close()
        failure, self._failure = self._failure, None
        return _in_order(left, failure, self._instances)

    def close(self) -> None:
        """Close the instances that were prepared."""
        while self._prepared:
            self._prepared.popleft().close()

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


def _in_order(
    left: Iterable[StoredInstance],
    failure: IndexUnavailable | None,
    instances: Iterable[StoredInstance],
) -> Iterator[StoredInstance]:
    yield from left
    if failure is not None:
        raise failure
    yield from instances
