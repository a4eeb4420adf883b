"""Finding the instances that a retrieval asks for, and opening them (PS3.4 C.4.2, C.4.3).

An identifier of a retrieval names entities by their unique keys alone. `RetrieveService.locate`
tells at once how many instances of which kinds there are, and then hands them out one after the
other without ever holding the list.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from sqlalchemy import select

from pacs_framework.archive.corrected import CorrectedInstances
from pacs_framework.archive.narrowing import combine, one_of
from pacs_framework.archive.query_keys import UNIQUE_KEYS, Root, check_unique_keys
from pacs_framework.archive.viewing import RetrieveDecision, Views
from pacs_framework.dicom.attributes import INDEXED, Level
from pacs_framework.dicom.file_meta import InstanceKind
from pacs_framework.dicom.matching import values_of
from pacs_framework.errors import ObjectNotFound
from pacs_framework.index.conditions import bindable
from pacs_framework.index.correction_book import Book
from pacs_framework.index.queries import TABLES, counted, pages, reading
from pacs_framework.index.reaching import conditions_of
from pacs_framework.index.schema import instance

if TYPE_CHECKING:
    from pydicom import Dataset

    from pacs_framework.archive.outgoing import Recipient
    from pacs_framework.archive.reach import Reach
    from pacs_framework.codecs.transcoding import Transcoding
    from pacs_framework.index.conditions import Condition
    from pacs_framework.index.database import Database
    from pacs_framework.storage import ByteSource, StorageBackend

__all__ = ["InstanceOpener", "Located", "OpenInstance", "RetrieveService", "StoredInstance"]

_COLUMNS = (
    instance.c.sop_class_uid,
    instance.c.sop_instance_uid,
    instance.c.transfer_syntax_uid,
    instance.c.storage_key,
    instance.c.dataset_offset,
    instance.c.size,
    instance.c.series_fk,
)
_COLUMN_OF = {
    keyword: TABLES[INDEXED[keyword].level].c[INDEXED[keyword].column]
    for keyword in (*UNIQUE_KEYS.values(), "IssuerOfPatientID")
}


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredInstance:
    """One instance and where its object is. ``size`` is that of the object in bytes, the data set
    begins at ``dataset_offset``. ``series_row`` is the row of its series, 0 where it is not known.
    """

    sop_class_uid: str
    sop_instance_uid: str
    transfer_syntax_uid: str
    storage_key: str
    dataset_offset: int
    size: int
    series_row: int = 0

    @property
    def kind(self) -> InstanceKind:
        """Its SOP class and transfer syntax."""
        return InstanceKind(
            sop_class_uid=self.sop_class_uid, transfer_syntax_uid=self.transfer_syntax_uid
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenInstance:
    """An instance whose data set is open for reading; whoever asked closes ``data``."""

    instance: StoredInstance
    data: ByteSource


class Located:
    """The instances of one retrieval: ``kinds`` counts them by SOP class and transfer syntax.

    Iterating reads the index page by page, so an instance that is stored or removed meanwhile may
    or may not be among them.
    """

    def __init__(self, database: Database, scans: Collection[Sequence[Condition]]) -> None:
        self._database = database
        self._scans = scans
        self.kinds: Mapping[InstanceKind, int] = self._count()

    def __len__(self) -> int:
        """How many instances there were when they were located."""
        return sum(self.kinds.values())

    def __iter__(self) -> Iterator[StoredInstance]:
        """Every instance, series by series unless UIDs were listed. Raises `IndexUnavailable`."""
        count = len(self)
        for conditions in self._scans:
            for rows in pages(self._database, Level.IMAGE, conditions, _COLUMNS, expected=count):
                for row in rows:
                    yield _stored(row)

    def _count(self) -> dict[InstanceKind, int]:
        kinds: dict[InstanceKind, int] = {}
        columns = (instance.c.sop_class_uid, instance.c.transfer_syntax_uid)
        for conditions in self._scans:
            for row in counted(self._database, Level.IMAGE, conditions, columns):
                sop_class, syntax, number = row
                kind = InstanceKind(sop_class_uid=sop_class, transfer_syntax_uid=syntax)
                kinds[kind] = kinds.get(kind, 0) + number
        return kinds


class InstanceOpener(Protocol):
    """Opens located instances for one recipient."""

    def open(self, stored: StoredInstance, /) -> OpenInstance:
        """The data set that may be sent, and the UIDs and the transfer syntax to send it with.

        Raises `PacsError`: then nothing of the instance may be sent.
        """

    def changes(self, stored: StoredInstance, /) -> bool:
        """Whether `open` may give or do anything but the instance as it is stored.

        Who keeps what was made of stored instances asks this before it is given to somebody.
        Raises `IndexUnavailable`.
        """


class RetrieveService:
    """Locates and opens instances for C-MOVE and C-GET, and for whatever else gives them out."""

    def __init__(
        self,
        database: Database,
        storage: StorageBackend,
        on_retrieve: RetrieveDecision | None = None,
        transcoding: Transcoding | None = None,
    ) -> None:
        self._database = database
        self._storage = storage
        self._on_retrieve = on_retrieve
        self._transcoding = transcoding

    def locate(
        self,
        level: Level,
        root: Root,
        identifier: Dataset,
        *,
        relational: bool = False,
        within: Reach | None = None,
    ) -> Located:
        """The instances under the entities that ``identifier`` names at ``level``.

        The unique key of the level takes a list of UIDs; a patient may be named with its issuer.
        Keys that name nothing are not looked at. Hierarchical unless ``relational``. Instances
        beyond ``within`` are not located.
        Raises `QueryError` and `IndexUnavailable`.
        """
        check_unique_keys(identifier, level, root, relational=relational, at_level=True)
        choices = []
        for keyword, column in _COLUMN_OF.items():
            named = values_of(identifier.get(INDEXED[keyword].tag))
            values = [bindable(value) for value in named]
            if values:
                choices.append(one_of(column, values))
        bounds = conditions_of(within)
        return Located(self._database, [[*each, *bounds] for each in combine(choices)])

    def opener(self, recipient: Recipient) -> InstanceOpener:
        """Opens instances as ``recipient`` may have them: what the ``on_retrieve`` hooks say holds.

        Patients are as they were corrected by now, before any hook is asked. Whoever sends
        instances to others opens them by this. Where nothing was corrected and no plugin has a say
        it costs next to nothing. Raises `IndexUnavailable`.
        """
        opener: InstanceOpener = self
        with reading(self._database) as connection:
            if not Book(connection).is_empty():
                opener = CorrectedInstances(self._database, self.open)
        if self._on_retrieve is None:
            return opener
        return Views(opener.open, self._on_retrieve, recipient, self._transcoding)

    def open(self, stored: StoredInstance) -> OpenInstance:
        """The data set of an instance as it is stored, from its first byte to its last.

        For work inside of the archive; what goes out is opened by an `opener`.

        When its object went because another took its place since ``stored`` was read, the new one
        is opened, once; the answer tells which, because it may be of another transfer syntax.
        Raises `StorageError` and `IndexUnavailable`.
        """
        try:
            return self._open(stored)
        except ObjectNotFound:
            return self._open(self._resolve(stored))

    def changes(self, _stored: StoredInstance, /) -> bool:
        """Nothing is changed here."""
        return False

    def _open(self, stored: StoredInstance) -> OpenInstance:
        offset = stored.dataset_offset
        # With its length, so that a storage may begin to fetch it.
        data = self._storage.open(stored.storage_key, offset=offset, length=stored.size - offset)
        return OpenInstance(instance=stored, data=data)

    def _resolve(self, stored: StoredInstance) -> StoredInstance:
        """What the index says of the instance now."""
        statement = select(*_COLUMNS).where(instance.c.sop_instance_uid == stored.sop_instance_uid)
        with reading(self._database) as connection:
            row = connection.execute(statement).first()
        if row is None:
            raise ObjectNotFound(f"instance {stored.sop_instance_uid!r} is no longer in the index")
        return _stored(row)


def _stored(row: Sequence[Any]) -> StoredInstance:
    """From a row that begins with `_COLUMNS`."""
    return StoredInstance(
        sop_class_uid=row[0],
        sop_instance_uid=row[1],
        transfer_syntax_uid=row[2],
        storage_key=row[3],
        dataset_offset=row[4],
        size=row[5],
        series_row=row[6],
    )
