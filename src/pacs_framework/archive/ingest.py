"""The door: how an instance walks into the archive, whichever way it came.

Bytes arrive in a `Reception`. `Reception.commit` scans the header, asks the plugins, hands the
object to the storage backend, and indexes it; only then it returns. Whatever fails on the way
leaves nothing behind.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass
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
    origin_text,
)
from pacs_framework.archive.inspection import Inspected, inspect
from pacs_framework.archive.settling import Remembered
from pacs_framework.archive.source import source_of
from pacs_framework.archive.spool import Spool
from pacs_framework.archive.versions import Versions
from pacs_framework.dicom.file_meta import FileMeta
from pacs_framework.dicom.part10 import make_prefix
from pacs_framework.dicom.rewrite import load_header
from pacs_framework.dicom.status import Status
from pacs_framework.errors import DuplicateInstance, PacsError, RefusedByPolicy, StorageError
from pacs_framework.index.entry import DuplicatePolicy, Entry, Stored, StoredAs
from pacs_framework.storage import ObjectName

if TYPE_CHECKING:
    from pydicom import Dataset

    from pacs_framework.archive.journal import Journal, Mark
    from pacs_framework.archive.settling import Settler
    from pacs_framework.codecs.transcoding import Transcoding
    from pacs_framework.index.writer import IndexWriter
    from pacs_framework.storage import StorageBackend

__all__ = ["Check", "Decision", "Door", "Reception", "StoreOutcome"]

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
    """What every reception of one archive shares.

    ``on_left`` is called when a replaced object could not be removed.
    """

    storage: StorageBackend
    writer: IndexWriter
    journal: Journal
    settler: Settler
    versions: Versions
    on_store: Decision | None
    duplicates: DuplicatePolicy
    spool_limit: int
    buffers: Buffers
    transcoding: Transcoding
    new_path: Callable[[], Path]
    on_left: Callable[[], None]

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
        inspected = inspect(self._spool.dataset(), self._meta)
        if check is not None:
            check(inspected.attributes)
        inspected, coerced = self._decide(inspected)
        stored = self._keep(inspected)
        return _outcome(inspected, stored, coerced=coerced)

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

    def _keep(self, inspected: Inspected) -> Stored:
        """Storage, then index; the journal, or the storage itself, knows the key in between."""
        door, spool = self._door, self._spool
        version, received = door.versions.next()
        key = door.storage.key_for(_name(inspected, received, version, spool.size))
        remembered = door.storage.remembers(key)
        entry = self._entry(inspected, key, version, received)
        mark = self._mark(key, remembered=remembered)
        try:
            _put(door.storage, key, spool, self._origin)
        except BaseException:
            self._discard(key, mark)
            raise
        try:
            stored = door.writer.store(entry, synced=not remembered)
        except DuplicateInstance:
            self._discard(key, mark)
            raise
        except BaseException:
            self._undo(key, mark)
            raise
        self._clean_up(key, stored, mark)
        return stored

    def _mark(self, key: str, *, remembered: bool) -> Mark | Remembered:
        if remembered:
            return Remembered(key, self._door.storage, self._door.settler)
        try:
            return self._door.journal.mark(key, self._origin)
        except OSError as error:
            raise StorageError(f"the journal cannot be written: {error.strerror}") from error

    def _entry(self, inspected: Inspected, key: str, version: str, received: dt.datetime) -> Entry:
        spool = self._spool
        return Entry(
            attributes=inspected.attributes,
            transfer_syntax_uid=self._meta.transfer_syntax_uid,
            storage_key=key,
            version=version,
            dataset_offset=len(spool.prefix),
            size=spool.size,
            prefix_digest=spool.prefix_digest,
            dataset_digest=spool.dataset_digest,
            received=received,
            origin=self._origin,
            duplicates=self._door.duplicates,
            source_aet=self._source_aet,
        )

    def _clean_up(self, key: str, stored: Stored, mark: Mark | Remembered) -> None:
        """Delete the object that the index does not name, if there is one."""
        if not stored.keeps_object:
            self._discard(key, mark)
            return
        mark.settle()
        if stored.superseded_key is not None:
            try:
                self._door.storage.delete(stored.superseded_key)
            except PacsError as error:
                # The index keeps a note of it.
                _log.warning("a replaced object could not be deleted", error=str(error))
                self._door.on_left()
            else:
                self._door.writer.deleted(stored.superseded_key)

    def _undo(self, key: str, mark: Mark | Remembered) -> None:
        """The index failed, perhaps after it committed: only the index itself can tell."""
        try:
            if self._door.writer.names([key]):
                mark.settle()
                return
        except PacsError as error:
            _log.warning("an object is left to the next start", key=key, error=str(error))
            return
        self._discard(key, mark)

    def _discard(self, key: str, mark: Mark | Remembered) -> None:
        """Delete an object that the index does not name, now or at the next start."""
        try:
            self._door.storage.delete(key)
        except PacsError as error:
            _log.warning("an object is left to the next start", key=key, error=str(error))
        else:
            mark.settle()


def _load(spool: Spool, transfer_syntax_uid: str) -> Dataset:
    with spool.reading() as source:
        return load_header(source, transfer_syntax_uid)


def _name(inspected: Inspected, received: dt.datetime, version: str, size: int) -> ObjectName:
    attributes = inspected.attributes
    return ObjectName(
        patient_id=attributes["PatientID"],
        study_instance_uid=attributes["StudyInstanceUID"],
        series_instance_uid=attributes["SeriesInstanceUID"],
        sop_instance_uid=attributes["SOPInstanceUID"],
        received=received,
        version=version,
        size=size,
    )


def _put(storage: StorageBackend, key: str, spool: Spool, origin: Origin) -> None:
    if spool.path is not None:
        spool.finish()
        storage.put_file(key, spool.path)
        return
    note = origin_text(origin).encode()
    with storage.begin(key, size=spool.size, note=note) as writer:
        writer.write(spool.whole())
        writer.commit()


def _outcome(inspected: Inspected, stored: Stored, *, coerced: bool) -> StoreOutcome:
    status, comment = Status.SUCCESS, ""
    if coerced:
        status, comment = Status.COERCION_OF_DATA_ELEMENTS, "data elements were changed"
    if stored.outcome is StoredAs.IGNORED:
        status = Status.COERCION_OF_DATA_ELEMENTS
        comment = "other content under this UID was here before and stays"
    return StoreOutcome(
        status=status,
        comment=comment,
        outcome=stored.outcome,
        sop_class_uid=inspected.attributes["SOPClassUID"],
        sop_instance_uid=inspected.attributes["SOPInstanceUID"],
        series_instance_uid=inspected.attributes["SeriesInstanceUID"],
        study_instance_uid=inspected.attributes["StudyInstanceUID"],
    )
