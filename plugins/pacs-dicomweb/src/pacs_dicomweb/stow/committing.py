"""Instances of one request that become durable together.

A commit waits for the disk, so the next instances come in while the last ones are being kept; the
request is answered when all are. Where the archive keeps several at the cost of one, they are
handed over in batches, else each by itself, side by side.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

import structlog

from pacs_framework.errors import PacsError

if TYPE_CHECKING:
    from collections.abc import Callable

    from pacs_dicomweb.stow.results import Results
    from pacs_framework.archive.archive import Archive
    from pacs_framework.archive.ingest import Reception, StoreOutcome
    from pacs_framework.dicom.file_meta import FileMeta

    Check = Callable[[Mapping[str, str]], None]
    Outcomes = list[StoreOutcome | Exception]

__all__ = ["Commits"]

_log = structlog.get_logger("pacs_dicomweb")

_AT_ONCE = 16
"""Instances of one request that are being kept at the same time: so many are in memory or staged
besides those that come in."""

_TOGETHER = 16  # instances
_TOGETHER_BYTES = 4 << 20  # more than this is not kept any cheaper by one write


@dataclass(slots=True)
class _Batch:
    """Instances that are kept together, in the order in which they came."""

    metas: list[FileMeta] = field(default_factory=list)
    receptions: list[Reception] = field(default_factory=list)
    size: int = 0

    def add(self, reception: Reception, meta: FileMeta) -> None:
        self.receptions.append(reception)
        self.metas.append(meta)
        self.size += reception.size

    @property
    def is_full(self) -> bool:
        return len(self.metas) >= _TOGETHER or self.size >= _TOGETHER_BYTES

    def has(self, sop_instance_uid: str) -> bool:
        return any(meta.sop_instance_uid == sop_instance_uid for meta in self.metas)

    def keep(self, archive: Archive, check: Check) -> Outcomes:
        """What became of each."""
        with ExitStack() as ending:
            for reception in self.receptions:
                ending.enter_context(reception)
            try:
                if len(self.receptions) > 1:
                    return archive.commit_together(self.receptions, check)
                return [self.receptions[0].commit(check)]
            except Exception as error:  # noqa: BLE001 - one batch must not fail the others
                return [error] * len(self.receptions)


class Commits:
    """Keeps instances, up to `_AT_ONCE` of them side by side, and notes what became of each.

    ``check`` may refuse one. Results are in the order of the instances. Leaving the ``with`` block
    waits for all.
    """

    def __init__(self, archive: Archive, results: Results, check: Check) -> None:
        self._archive = archive
        self._results = results
        self._check = check
        self._pool: ThreadPoolExecutor | None = None
        self._coming_in = _Batch()
        self._under_way: deque[tuple[_Batch, Future[Outcomes]]] = deque()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.wait()
        if self._pool is not None:
            self._pool.shutdown()

    def add(self, reception: Reception, meta: FileMeta) -> None:
        """Keep what has come in."""
        # Of two with one UID the later one has to be the later one.
        if self._coming_in.has(meta.sop_instance_uid):
            self._hand_over()
        while any(batch.has(meta.sop_instance_uid) for batch, _ in self._under_way):
            self._finish_first()
        gathered = reception.is_gathered
        if not gathered:
            self._hand_over()
        self._coming_in.add(reception, meta)
        if not gathered or self._coming_in.is_full:
            self._hand_over()

    def wait(self) -> None:
        """Until none is under way."""
        self._hand_over()
        while self._under_way:
            self._finish_first()

    def _hand_over(self) -> None:
        """Let a thread keep those that have come in."""
        batch, self._coming_in = self._coming_in, _Batch()
        if not batch.metas:
            return
        while sum(len(each.metas) for each, _ in self._under_way) + len(batch.metas) > _AT_ONCE:
            self._finish_first()
        if self._pool is None:
            self._pool = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="stow")
        self._under_way.append((batch, self._pool.submit(batch.keep, self._archive, self._check)))

    def _finish_first(self) -> None:
        batch, future = self._under_way.popleft()
        for meta, outcome in zip(batch.metas, future.result(), strict=True):
            if isinstance(outcome, PacsError):
                self._results.failed(meta, outcome)
            elif isinstance(outcome, Exception):
                _log.error("an instance could not be stored", exc_info=outcome)
                self._results.failed(meta, PacsError("the archive failed over this instance"))
            else:
                self._results.stored(outcome)
