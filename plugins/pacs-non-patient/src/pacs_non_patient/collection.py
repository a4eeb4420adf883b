"""The instances that are kept: put, found, opened, deleted.

Each change is one transaction, durable when it returns. What is there under a SOP Instance UID
stays, is replaced or makes the second one an error, as ``[archive] duplicates`` says for all.
"""

from __future__ import annotations

import threading
from collections.abc import Collection as Several
from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

import sqlalchemy as sa
import structlog

from pacs_framework.dicom.file_meta import InstanceKind
from pacs_framework.dicom.status import Status
from pacs_framework.errors import DuplicateInstance
from pacs_framework.index.entry import DuplicatePolicy
from pacs_framework.tables import insert, now
from pacs_non_patient.received import received
from pacs_non_patient.tables import NAME, instance, key

if TYPE_CHECKING:
    import datetime as dt

    from pacs_framework.archive.archive import Archive
    from pacs_framework.dicom.file_meta import FileMeta
    from pacs_framework.tables import TableStore
    from pacs_non_patient.received import Received

__all__ = ["Collection", "Facts", "Kept", "Outcome"]

_LARGE = 1 << 20  # bytes
_AT_ONCE = 500  # UIDs in one statement
_PAGE = 50  # instances with their attributes
_MOST_NAMED = 5000  # instances that are looked up by what they are found by; more are read through
_STAYS = "other content under this UID was here before and stays"

_FACTS = [each for each in instance.c if each.name not in {"attributes", "dataset"}]

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of an instance: the status for it, and a comment where it is a warning."""

    status: int = Status.SUCCESS
    comment: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is known of an instance; ``size`` in bytes and ``digest`` (SHA-256) of its data set."""

    sop_instance_uid: str
    sop_class_uid: str
    transfer_syntax_uid: str
    label: str
    digest: bytes
    size: int
    source_aet: str
    stored: dt.datetime

    @property
    def kind(self) -> InstanceKind:
        """What a presentation context has to carry for it."""
        return InstanceKind(
            sop_class_uid=self.sop_class_uid, transfer_syntax_uid=self.transfer_syntax_uid
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """An instance: ``dataset`` is as it came, in the transfer syntax of its facts."""

    facts: Facts
    dataset: bytes = field(repr=False)


class Collection:
    """All non-patient instances of an archive; safe to use from many threads."""

    def __init__(self, tables: TableStore, duplicates: DuplicatePolicy) -> None:
        self._tables = tables
        self._duplicates = duplicates
        self._one_large = threading.Lock()

    @classmethod
    def of(cls, archive: Archive) -> Self:
        """Those of ``archive``."""
        return cls(archive.tables(NAME), archive.duplicates)

    def take_in(self, meta: FileMeta, dataset: bytes, source_aet: str = "") -> Outcome:
        """Look at what came as ``meta``, and keep it. Raises as `received` and `put` do.

        While it is looked at, an instance takes ten times its size: large ones take turns.
        """
        with self._one_large if len(dataset) > _LARGE else nullcontext():
            return self.put(received(meta, dataset), source_aet)

    def put(self, new: Received, source_aet: str = "") -> Outcome:
        """Keep an instance. The very same again is a success.

        Raises `DuplicateInstance` and `IndexUnavailable`.
        """
        with self._tables.begin() as connection:
            values = _values(new, source_aet)
            statement = insert(instance, connection).values(values).on_conflict_do_nothing()
            made = connection.execute(statement.returning(instance.c.size)).first()
            outcome = Outcome() if made else self._second(connection, new, values)
            if made:
                _write_keys(connection, new)
        _log.info(
            "non-patient instance stored",
            sop_class_uid=new.sop_class_uid,
            sop_instance_uid=new.sop_instance_uid,
            source_aet=source_aet,
            new=made is not None,
            comment=outcome.comment,
        )
        return outcome

    def _second(
        self, connection: sa.Connection, new: Received, values: Mapping[str, Any]
    ) -> Outcome:
        row = instance.c.sop_instance_uid == new.sop_instance_uid
        compared = (instance.c.sop_class_uid, instance.c.transfer_syntax_uid, instance.c.digest)
        held = connection.execute(sa.select(*compared).where(row).with_for_update()).one_or_none()
        if held is None:  # deleted between the two statements, as PostgreSQL allows
            connection.execute(sa.insert(instance).values(values))
            _write_keys(connection, new)
            return Outcome()
        if tuple(held) == (new.sop_class_uid, new.transfer_syntax_uid, new.digest):
            return Outcome()
        if self._duplicates is DuplicatePolicy.REJECT:
            raise DuplicateInstance(f"SOP instance {new.sop_instance_uid!r} exists, with others")
        if self._duplicates is DuplicatePolicy.IGNORE:
            return Outcome(status=Status.COERCION_OF_DATA_ELEMENTS, comment=_STAYS)
        connection.execute(sa.update(instance).where(row).values(values))
        _delete_keys(connection, new.sop_instance_uid)
        _write_keys(connection, new)
        return Outcome()

    def open(self, sop_instance_uid: str, classes: Several[str] | None = None) -> Kept | None:
        """An instance with its bytes; None where there is none, or of none of ``classes``.

        Raises `IndexUnavailable`.
        """
        query = sa.select(*_FACTS, instance.c.dataset)
        query = query.where(instance.c.sop_instance_uid == sop_instance_uid)
        if classes is not None:
            query = query.where(instance.c.sop_class_uid.in_(classes))
        with self._tables.reading() as connection:
            row = connection.execute(query).one_or_none()
        return None if row is None else Kept(facts=_facts(row), dataset=bytes(row.dataset))

    def located(self, uids: Sequence[str], classes: Several[str]) -> list[Facts]:
        """Those of ``uids`` that are here and of one of ``classes``, by UID."""
        wanted = sorted(set(uids))
        found: list[Facts] = []
        with self._tables.reading() as connection:
            for start in range(0, len(wanted), _AT_ONCE):
                some = wanted[start : start + _AT_ONCE]
                rows = connection.execute(
                    sa.select(*_FACTS)
                    .where(instance.c.sop_instance_uid.in_(some))
                    .where(instance.c.sop_class_uid.in_(classes))
                    .order_by(instance.c.sop_instance_uid)
                )
                found += [_facts(row) for row in rows]
        return found

    def named(self, conditions: Sequence[sa.ColumnElement[bool]]) -> list[str] | None:
        """The UIDs of which each condition is true of some row of the index, in their order.

        None where that is no help: without conditions, or with thousands of instances.
        """
        if not conditions:
            return None
        each = [sa.select(key.c.sop_instance_uid).where(condition) for condition in conditions]
        found = sa.intersect(*each).subquery()
        few = sa.select(found.c.sop_instance_uid).distinct().limit(_MOST_NAMED + 1)
        with self._tables.reading() as connection:
            uids = connection.scalars(few).all()
        return None if len(uids) > _MOST_NAMED else sorted(uids)

    def attributes(
        self, classes: Several[str], uids: Sequence[str] | None = None
    ) -> Iterator[bytes]:
        """The packed attributes of each instance of ``classes``, by UID, or of those of the sorted
        ``uids`` alone; no more than a page is held. Raises `IndexUnavailable`.
        """
        if uids is not None:
            for start in range(0, len(uids), _PAGE):
                some = uids[start : start + _PAGE]
                page = self.page(classes, "", len(some), [instance.c.sop_instance_uid.in_(some)])
                yield from (attributes for _, attributes in page)
            return
        page = self.page(classes, "", _PAGE)
        while page:
            yield from (attributes for _, attributes in page)
            page = self.page(classes, page[-1][0].sop_instance_uid, _PAGE)

    def page(
        self,
        classes: Several[str],
        after: str,
        most: int,
        narrowed: Sequence[sa.ColumnElement[bool]] = (),
    ) -> list[tuple[Facts, bytes]]:
        """Up to ``most`` instances of ``classes`` whose UIDs sort behind ``after``, in their order.

        Each with its packed attributes; those alone that ``narrowed`` holds for.
        """
        query = (
            sa.select(*_FACTS, instance.c.attributes)
            .where(instance.c.sop_class_uid.in_(classes))
            .where(instance.c.sop_instance_uid > after, *narrowed)
            .order_by(instance.c.sop_instance_uid)
            .limit(most)
        )
        with self._tables.reading() as connection:
            rows = connection.execute(query).all()
        return [(_facts(row), bytes(row.attributes)) for row in rows]

    def delete(self, sop_instance_uid: str) -> bool:
        """Delete an instance; whether it was there. Raises `IndexUnavailable`."""
        with self._tables.begin() as connection:
            row = instance.c.sop_instance_uid == sop_instance_uid
            connection.execute(sa.select(row).where(row).with_for_update())  # or keys come back
            _delete_keys(connection, sop_instance_uid)
            gone = connection.execute(sa.delete(instance).where(row))
        if gone.rowcount:
            _log.info("non-patient instance deleted", sop_instance_uid=sop_instance_uid)
        return bool(gone.rowcount)


def _values(new: Received, source_aet: str) -> dict[str, Any]:
    return {
        "sop_instance_uid": new.sop_instance_uid,
        "sop_class_uid": new.sop_class_uid,
        "transfer_syntax_uid": new.transfer_syntax_uid,
        "label": new.label,
        "digest": new.digest,
        "size": len(new.dataset),
        "source_aet": source_aet,
        "stored": now(),
        "attributes": new.attributes,
        "dataset": new.dataset,
    }


def _write_keys(connection: sa.Connection, new: Received) -> None:
    rows = [
        {"name": name, "value": value, "sop_instance_uid": new.sop_instance_uid}
        for name, value in new.keys
    ]
    if rows:
        connection.execute(sa.insert(key), rows)


def _delete_keys(connection: sa.Connection, sop_instance_uid: str) -> None:
    connection.execute(sa.delete(key).where(key.c.sop_instance_uid == sop_instance_uid))


def _facts(row: Any) -> Facts:
    values = {column.name: getattr(row, column.name) for column in _FACTS}
    return Facts(**{**values, "digest": bytes(row.digest)})
