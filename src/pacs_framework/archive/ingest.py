"""The door: how an instance walks into the archive, whichever way it came.

Bytes arrive in a `Reception`. `Reception.commit` scans the header, asks the plugins, hands the
object to the storage backend, and indexes it; only then it returns. Whatever fails on the way
leaves nothing behind.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

import structlog

from pacs_framework.archive.buffers import Buffers
from pacs_framework.archive.coercing import Coerced, coerce
from pacs_framework.archive.compressing import compressed
from pacs_framework.archive.incoming import (
    Coercion,
    Compression,
    IncomingInstance,
    Origin,
    Refusal,
    Rescue,
    StoreAnswer,
)
from pacs_framework.archive.inspection import Inspected, inspect
from pacs_framework.archive.keeping import Arrival, Keeper
from pacs_framework.archive.source import source_of
from pacs_framework.archive.spool import Spool
from pacs_framework.archive.together import in_place, tried
from pacs_framework.dicom.file_meta import FileMeta
from pacs_framework.dicom.part10 import make_prefix
from pacs_framework.dicom.rewrite import load_header
from pacs_framework.dicom.status import Status
from pacs_framework.errors import PacsError, RefusedByPolicy
from pacs_framework.index.entry import Stored, StoredAs

if TYPE_CHECKING:
    from pydicom import Dataset

    from pacs_framework.codecs.transcoding import Transcoding

__all__ = ["Check", "Decision", "Door", "Reception", "StoreOutcome", "commit_together"]

_log = structlog.get_logger(__name__)

Decision = Callable[[IncomingInstance], StoreAnswer]
"""What the ``on_store`` hooks say together of an instance."""

Check = Callable[[Mapping[str, str]], None]
"""What the door itself wants of an instance: a study that its address names, somebody's rights."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreOutcome:
    """What became of an instance, and what its sender is told.

    ``status`` is SUCCESS only where the bytes as sent are durable and indexed, or the same pixels
    in another transfer syntax: PS3.4 B.2.3 has no warning for that. It is B000H where a plugin
    changed data elements, also by a compression with loss, and where an instance of the same UID
    with other content was there before and stays; ``comment`` tells which.
    """

    status: int
    comment: str
    outcome: StoredAs
    sop_class_uid: str
    sop_instance_uid: str
    series_instance_uid: str
    study_instance_uid: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """What every reception of one archive shares."""

    keeper: Keeper
    on_store: Decision | None
    spool_limit: int
    buffers: Buffers
    transcoding: Transcoding
    new_path: Callable[[], Path]

    def spool(self, prefix: bytes) -> Spool:
        """An empty spool."""
        return Spool(prefix, limit=self.spool_limit, new_path=self.new_path, buffers=self.buffers)


class Reception:
    """One instance on its way in: `write` as it arrives, then `commit`.

    Leaving the ``with`` block without `commit` drops everything.
    """

    def __init__(self, door: Door, origin: Origin, meta: FileMeta) -> None:
        self._door = door
        self._origin = origin
        self._meta = meta
        prefix = meta.prefix
        if prefix is None:
            prefix = make_prefix(meta, source_aet=origin.calling_aet)
        self._source_aet = source_of(origin, prefix)
        self._spool = door.spool(prefix)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Take the next bytes of the data set. Raises `StorageError` when they cannot be staged."""
        self._spool.write(data)

    def commit(self, check: Check | None = None) -> StoreOutcome:
        """Keep the instance: durable and indexed when this returns.

        ``check`` looks at the indexed attributes as they arrived, by keyword, before any plugin is
        asked; what it raises keeps the instance out.

        Raises `InstanceError` for what is no instance or a rejected duplicate, `RefusedByPolicy`
        where a plugin said no, `NotAnonymized` where its pixels could not be de-identified,
        `StorageError` and `IndexUnavailable` where it cannot be kept.
        """
        arrival = self.arrive(check)
        return _outcome(arrival, self._door.keeper.keep(arrival))

    def arrive(self, check: Check | None = None) -> Arrival:
        """What `commit` does before it keeps the instance; it raises the same."""
        inspected = inspect(self._spool.dataset(), self._meta)
        if check is not None:
            check(inspected.attributes)
        inspected, coerced = self._decide(inspected)
        return Arrival(
            inspected=inspected,
            coerced=coerced,
            transfer_syntax_uid=self._meta.transfer_syntax_uid,
            spool=self._spool,
            origin=self._origin,
            source_aet=self._source_aet,
        )

    @property
    def is_gathered(self) -> bool:
        """Whether `commit_together` with others is the cheaper way; known when all is written.

        It is for what is in memory and goes into one file with others. Where plugins are asked, the
        instances should come side by side: one that takes its time must not hold up the others.
        """
        if self._door.on_store is not None or self._spool.path is not None:
            return False
        return self._door.keeper.storage.gathers(self.size)

    @property
    def size(self) -> int:
        """Bytes that have come in, with the Part 10 header."""
        return self._spool.size

    def close(self) -> None:
        """Drop what was staged."""
        self._spool.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _decide(self, inspected: Inspected) -> tuple[Inspected, bool]:
        """Ask the plugins; what they changed takes the place of what arrived."""
        if self._door.on_store is None:
            return inspected, False
        spool, meta = self._spool, self._meta
        answer = self._door.on_store(
            IncomingInstance(
                origin=self._origin,
                sop_class_uid=meta.sop_class_uid,
                sop_instance_uid=meta.sop_instance_uid,
                transfer_syntax_uid=meta.transfer_syntax_uid,
                size=spool.dataset_size,
                attributes=inspected.attributes,
                load_dataset=lambda: _load(spool, meta.transfer_syntax_uid),
            )
        )
        if answer is None:
            return inspected, False
        if isinstance(answer, Refusal):
            self._put_aside(answer.rescue, answer.reason)
            raise RefusedByPolicy(answer.reason, status=answer.status)
        if isinstance(answer, Coercion):
            return self._coerce(answer), True
        return self._compress(answer, inspected)

    def _coerce(self, coercion: Coercion) -> Inspected:
        door = self._door
        try:
            changed = coerce(
                self._spool, self._meta, coercion, self._origin, door.spool, door.transcoding
            )
        except PacsError as error:
            self._put_aside(coercion.rescue, str(error))
            raise
        return self._take(changed)

    def _put_aside(self, rescue: Rescue | None, reason: str) -> None:
        """Give what arrived to the plugin that asked for it. It is refused in any case."""
        if rescue is None:
            return
        try:
            rescue(reason, self._spool.pieces())
        except Exception as error:  # noqa: BLE001 - whatever a plugin does, the sender is answered
            # Of a strange exception not its message, which may quote the patient.
            told = str(error) if isinstance(error, PacsError) else type(error).__name__
            _log.error("a refused instance could not be put aside", error=told)

    def _compress(self, compression: Compression, inspected: Inspected) -> tuple[Inspected, bool]:
        """What is kept then, and whether data elements of it are others than those that came."""
        coercion, door = compression.coercion, self._door
        if coercion is not None:
            inspected = self._coerce(coercion)
        made = compressed(self._spool, self._meta, compression, door.transcoding, door.spool)
        if made is None:
            return inspected, coercion is not None
        return self._take(made), coercion is not None or compression.loss is not None

    def _take(self, changed: Coerced) -> Inspected:
        """Let what was made of the instance take its place."""
        before = self._spool
        self._spool, self._meta = changed.spool, changed.meta
        before.close()
        return changed.inspected


def commit_together(
    keeper: Keeper, receptions: Sequence[Reception], check: Check | None
) -> list[StoreOutcome | Exception]:
    """See `Archive.commit_together`."""
    arrivals = [tried(partial(Reception.arrive, check=check), each) for each in receptions]

    def keep(arrivals: Sequence[Arrival]) -> Iterable[StoreOutcome | Exception]:
        return map(_answer, arrivals, keeper.keep_together(arrivals))

    return in_place(arrivals, keep)


def _load(spool: Spool, transfer_syntax_uid: str) -> Dataset:
    with spool.reading() as source:
        return load_header(source, transfer_syntax_uid)


def _answer(arrival: Arrival, kept: Stored | Exception) -> StoreOutcome | Exception:
    return kept if isinstance(kept, Exception) else _outcome(arrival, kept)


def _outcome(arrival: Arrival, stored: Stored) -> StoreOutcome:
    status, comment = Status.SUCCESS, ""
    if arrival.coerced:
        status, comment = Status.COERCION_OF_DATA_ELEMENTS, "data elements were changed"
    if stored.outcome is StoredAs.IGNORED:
        status = Status.COERCION_OF_DATA_ELEMENTS
        comment = "other content under this UID was here before and stays"
    attributes = arrival.inspected.attributes
    return StoreOutcome(
        status=status,
        comment=comment,
        outcome=stored.outcome,
        sop_class_uid=attributes["SOPClassUID"],
        sop_instance_uid=attributes["SOPInstanceUID"],
        series_instance_uid=attributes["SeriesInstanceUID"],
        study_instance_uid=attributes["StudyInstanceUID"],
    )
