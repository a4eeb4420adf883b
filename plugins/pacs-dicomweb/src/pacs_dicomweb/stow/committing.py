"""Instances of one request that become durable side by side.

A commit waits for the disk, and those that wait at the same time share one sync. So the next
instance comes in while the last ones are being kept; the request is answered when all are.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Self

import structlog

from pacs_framework.errors import PacsError

if TYPE_CHECKING:
    from collections.abc import Callable

    from pacs_dicomweb.stow.results import Results
    from pacs_framework.archive.ingest import Reception, StoreOutcome
    from pacs_framework.dicom.file_meta import FileMeta

__all__ = ["Commits"]

_log = structlog.get_logger("pacs_dicomweb")

_AT_ONCE = 16
"""Instances of one request that are being kept at the same time: so many are in memory or staged
besides the one that comes in."""


class Commits:
    """Keeps instances, up to `_AT_ONCE` of them side by side, and notes what became of each.

    Results are in the order of the instances. Leaving the ``with`` block waits for all.
    """

    def __init__(self, results: Results) -> None:
        self._results = results
        self._pool: ThreadPoolExecutor | None = None
        self._under_way: deque[tuple[FileMeta, Future[StoreOutcome]]] = deque()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.wait()
        if self._pool is not None:
            self._pool.shutdown()

    def add(
        self, reception: Reception, meta: FileMeta, check: Callable[[Mapping[str, str]], None]
    ) -> None:
        """Keep what has come in; ``check`` may refuse it."""
        # Of two with one UID the later one has to be the later one.
        while any(other.sop_instance_uid == meta.sop_instance_uid for other, _ in self._under_way):
            self._finish_first()
        while len(self._under_way) >= _AT_ONCE:
            self._finish_first()
        if self._pool is None:
            self._pool = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="stow")
        self._under_way.append((meta, self._pool.submit(_commit, reception, check)))

    def wait(self) -> None:
        """Until none is under way."""
        while self._under_way:
            self._finish_first()

    def _finish_first(self) -> None:
        meta, future = self._under_way.popleft()
        try:
            outcome = future.result()
        except PacsError as error:
            self._results.failed(meta, error)
        except Exception as error:  # noqa: BLE001 - one instance must not fail the others
            _log.error("an instance could not be stored", exc_info=error)
            self._results.failed(meta, PacsError("the archive failed over this instance"))
        else:
            self._results.stored(outcome)


def _commit(reception: Reception, check: Callable[[Mapping[str, str]], None]) -> StoreOutcome:
    with reception:
        return reception.commit(check)
