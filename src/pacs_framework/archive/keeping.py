"""Keeping: an instance that may come in goes to the storage backend, and then into the index.

In between the journal, or the storage itself, knows the key. Whatever fails leaves no object that
the index does not name, or leaves it to the next start.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import structlog

from pacs_framework.archive.incoming import Origin, origin_text
from pacs_framework.archive.inspection import Inspected
from pacs_framework.archive.settling import Remembered
from pacs_framework.archive.spool import Spool
from pacs_framework.archive.together import in_place, tried
from pacs_framework.archive.versions import Versions
from pacs_framework.errors import DuplicateInstance, PacsError, StorageError
from pacs_framework.index.entry import DuplicatePolicy, Entry, Stored
from pacs_framework.storage import Digests, NewObject, ObjectName

if TYPE_CHECKING:
    from pacs_framework.archive.journal import Journal, Mark
    from pacs_framework.archive.settling import Settler
    from pacs_framework.index.writer import IndexWriter
    from pacs_framework.storage import StorageBackend

__all__ = ["Arrival", "Keeper"]

_log = structlog.get_logger(__name__)


class Arrival(NamedTuple):
    """An instance that every check has passed. ``coerced``: data elements are not as they came."""

    inspected: Inspected
    coerced: bool
    transfer_syntax_uid: str
    spool: Spool
    origin: Origin
    source_aet: str


@dataclass(slots=True)
class _Begun:
    """An arrival that has a key: what the index will hold of it, and the mark of the key."""

    arrival: Arrival
    entry: Entry
    mark: Mark | Remembered

    @property
    def key(self) -> str:
        return self.entry.storage_key

    @property
    def is_remembered(self) -> bool:
        """Whether the storage would give it back, so that the index need not be synced."""
        return isinstance(self.mark, Remembered)


@dataclass(frozen=True, slots=True, kw_only=True)
class Keeper:
    """Keeps instances of one archive. ``on_left`` is called when a replaced object is left over."""

    storage: StorageBackend
    writer: IndexWriter
    journal: Journal
    settler: Settler
    versions: Versions
    duplicates: DuplicatePolicy
    on_left: Callable[[], None]

    def keep(self, arrival: Arrival) -> Stored:
        """Durable and indexed when this returns.

        Raises `DuplicateInstance`, `StorageError` and `IndexUnavailable`.
        """
        begun = self._begin(arrival)
        try:
            self._put(begun)
        except BaseException:
            self._discard(begun)
            raise
        try:
            stored = self.writer.store(begun.entry, synced=not begun.is_remembered)
        except DuplicateInstance:
            self._discard(begun)
            raise
        except BaseException:
            self._undo([begun])
            raise
        self._clean_up(begun, stored)
        return stored

    def keep_together(self, arrivals: Sequence[Arrival]) -> list[Stored | Exception]:
        """The same for several, by one commit to the storage and one to the index.

        What `keep` returns or raises for each, in order. They are of as many SOP Instance UIDs, as
        `IndexWriter.store_together` wants it. Where the storage cannot take one, it takes none.
        """
        return in_place([tried(self._begin, each) for each in arrivals], self._keep_begun)

    def _keep_begun(self, begun: Sequence[_Begun]) -> list[Stored | Exception]:
        try:
            self._put_together(begun)
        except BaseException as error:
            for each in begun:
                self._discard(each)
            if not isinstance(error, Exception):
                raise
            return [error] * len(begun)
        synced = not all(each.is_remembered for each in begun)
        try:
            outcomes = self.writer.store_together([each.entry for each in begun], synced=synced)
        except BaseException:
            self._undo(begun)
            raise
        self._follow(begun, outcomes)
        return [*outcomes]

    def _follow(self, begun: Sequence[_Begun], outcomes: Sequence[Stored | PacsError]) -> None:
        """Do with each object what the index answered."""
        in_doubt = []
        for each, outcome in zip(begun, outcomes, strict=True):
            if isinstance(outcome, Stored):
                self._clean_up(each, outcome)
            elif isinstance(outcome, DuplicateInstance):
                self._discard(each)
            else:
                in_doubt.append(each)
        self._undo(in_doubt)

    def _begin(self, arrival: Arrival) -> _Begun:
        spool = arrival.spool
        # Before there is a key: what fails here must not leave a place that nobody settles.
        digests = spool.prefix_digest, spool.dataset_digest
        version, received = self.versions.next()
        key = self.storage.key_for(_name(arrival.inspected, received, version, spool.size))
        entry = Entry(
            attributes=arrival.inspected.attributes,
            transfer_syntax_uid=arrival.transfer_syntax_uid,
            storage_key=key,
            version=version,
            dataset_offset=len(spool.prefix),
            size=spool.size,
            prefix_digest=digests[0],
            dataset_digest=digests[1],
            received=received,
            origin=arrival.origin,
            duplicates=self.duplicates,
            source_aet=arrival.source_aet,
        )
        return _Begun(arrival, entry, self._mark(key, arrival.origin))

    def _mark(self, key: str, origin: Origin) -> Mark | Remembered:
        if self.storage.remembers(key):
            return Remembered(key, self.storage, self.settler)
        try:
            return self.journal.mark(key, origin)
        except OSError as error:
            raise StorageError(f"the journal cannot be written: {error.strerror}") from error

    def _put(self, begun: _Begun) -> None:
        spool = begun.arrival.spool
        if spool.path is not None:
            spool.finish()
            self.storage.put_file(begun.key, spool.path)
            return
        key, data, note, digests = _new_object(begun)
        self.storage.put_bytes(key, data, note=note, digests=digests)

    def _put_together(self, begun: Sequence[_Begun]) -> None:
        in_memory = []
        for each in begun:
            if each.arrival.spool.path is None:
                in_memory.append(_new_object(each))
            else:
                self._put(each)
        self.storage.put_together(in_memory)

    def _clean_up(self, begun: _Begun, stored: Stored) -> None:
        """Delete the object that the index does not name, if there is one."""
        if not stored.keeps_object:
            self._discard(begun)
            return
        begun.mark.settle()
        if stored.superseded_key is not None:
            try:
                self.storage.delete(stored.superseded_key)
            except PacsError as error:
                # The index keeps a note of it.
                _log.warning("a replaced object could not be deleted", error=str(error))
                self.on_left()
            else:
                self.writer.deleted(stored.superseded_key)

    def _undo(self, begun: Sequence[_Begun]) -> None:
        """The index failed, perhaps after it committed: only the index itself can tell.

        It is asked once for all: one that is away takes its time to say so.
        """
        try:
            named = self.writer.names(each.key for each in begun)
        except PacsError as error:
            for each in begun:
                _leave(each, error)
            return
        for each in begun:
            if each.key in named:
                each.mark.settle()
            else:
                self._discard(each)

    def _discard(self, begun: _Begun) -> None:
        """Delete an object that the index does not name, now or at the next start."""
        try:
            self.storage.delete(begun.key)
        except PacsError as error:
            _leave(begun, error)
        else:
            begun.mark.settle()


def _leave(begun: _Begun, error: PacsError) -> None:
    _log.warning("an object is left to the next start", key=begun.key, error=str(error))


def _new_object(begun: _Begun) -> NewObject:
    entry = begun.entry
    return NewObject(
        key=begun.key,
        data=begun.arrival.spool.whole(),
        note=origin_text(entry.origin).encode(),
        digests=Digests(entry.dataset_offset, entry.prefix_digest, entry.dataset_digest),
    )


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
