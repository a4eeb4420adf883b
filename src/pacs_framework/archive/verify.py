"""Holding the index against the storage: every instance there, whole, and what it says it is.

Works beside a running archive: what looks wrong is looked at again before it is told, and what a
living process is about to commit is no orphan.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING

from pacs_framework.archive.inspection import inspect
from pacs_framework.archive.journal import keys_under_way
from pacs_framework.errors import InstanceError, ObjectNotFound, StorageError

if TYPE_CHECKING:
    from pacs_framework.archive.archive import Archive
    from pacs_framework.archive.objects import ObjectReader
    from pacs_framework.archive.spool import Spool
    from pacs_framework.dicom.file_meta import FileMeta
    from pacs_framework.index.lookup import IndexedInstance
    from pacs_framework.storage import StorageBackend

__all__ = ["Finding", "FindingKind", "verify", "verify_study"]

_PAGE = 500
_IN_MEMORY = 64 << 20  # larger objects pass through the staging folder
_TRIES = 3
_IDENTITY = {
    "PatientID": "patient_id",
    "IssuerOfPatientID": "issuer_of_patient_id",
    "StudyInstanceUID": "study_instance_uid",
    "SeriesInstanceUID": "series_instance_uid",
    "SOPInstanceUID": "sop_instance_uid",
    "SOPClassUID": "sop_class_uid",
}


class FindingKind(StrEnum):
    """What is wrong with an instance or an object."""

    MISSING = "missing"  # the index names an object that is not there
    SIZE = "size"
    PREFIX_DIGEST = "prefix digest"
    DATASET_DIGEST = "data set digest"
    IDENTITY = "identity"  # the header names another patient, study, series, instance or class
    UNREADABLE = "unreadable"
    ORPHAN = "orphan"  # no row of the index names the object


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that is wrong; ``detail`` holds no patient data."""

    kind: FindingKind
    storage_key: str
    sop_instance_uid: str = ""
    detail: str = ""


def _no_progress(_done: int, _total: int) -> None:
    """Nobody watches."""


def verify(
    archive: Archive, progress: Callable[[int, int], None] = _no_progress
) -> Iterator[Finding]:
    """Everything that is wrong, as it is found; nothing is changed.

    Every byte of every object is read. ``progress`` is told how many of how many instances are
    done. Raises `IndexUnavailable`.
    """
    yield from _instances(archive, archive.lookup.instances(), archive.lookup.count(), progress)
    yield from _orphans(archive)


def verify_study(
    archive: Archive,
    study_instance_uid: str,
    progress: Callable[[int, int], None] = _no_progress,
) -> Iterator[Finding]:
    """What is wrong with the instances of one study, as `verify` finds it; orphans have none."""
    total = archive.lookup.count_of_study(study_instance_uid)
    yield from _instances(archive, archive.lookup.instances(study_instance_uid), total, progress)


def _instances(
    archive: Archive,
    instances: Iterator[IndexedInstance],
    total: int,
    progress: Callable[[int, int], None],
) -> Iterator[Finding]:
    reader = archive.object_reader(limit=_IN_MEMORY)
    progress(0, total)
    for done, facts in enumerate(instances, start=1):
        yield from _instance(archive, reader, facts)
        progress(done, max(done, total))


def _instance(archive: Archive, reader: ObjectReader, facts: IndexedInstance) -> list[Finding]:
    """What is wrong with one instance, unless it was replaced while it was looked at."""
    findings: list[Finding] = []
    for _ in range(_TRIES):
        findings = list(_all_copies(archive.storage, reader, _as_it_came(archive, facts)))
        if not findings:
            return []
        now = archive.lookup.instance(facts.sop_instance_uid)
        if now is None:
            return []
        if now == facts:
            break
        facts = now
    return findings


def _as_it_came(archive: Archive, facts: IndexedInstance) -> IndexedInstance:
    """With the key that the instance itself carries: a merge of patients is no damage."""
    carried = archive.patients.carried_by(facts.sop_instance_uid)
    if carried is None:
        return facts
    return replace(facts, patient_id=carried.patient_id, issuer_of_patient_id=carried.issuer)


def _all_copies(
    storage: StorageBackend, reader: ObjectReader, facts: IndexedInstance
) -> Iterator[Finding]:
    """What is wrong with the object, or with any copy of it where there are several."""
    try:
        copies = storage.copies(facts.storage_key)
    except ObjectNotFound:
        yield _finding(facts, FindingKind.MISSING)
        return
    except StorageError as error:
        yield _finding(facts, FindingKind.UNREADABLE, str(error))
        return
    for copy in copies:
        for found in _findings(partial(reader.read, facts.storage_key, copy.source), facts):
            detail = f"copy in {copy.place!r}{': ' if found.detail else ''}{found.detail}"
            yield replace(found, detail=detail)
    if not copies:
        yield from _findings(partial(reader.read, facts.storage_key), facts)


def _finding(facts: IndexedInstance, kind: FindingKind, detail: str = "") -> Finding:
    return Finding(
        kind=kind,
        storage_key=facts.storage_key,
        sop_instance_uid=facts.sop_instance_uid,
        detail=detail,
    )


def _findings(
    read: Callable[[], AbstractContextManager[tuple[FileMeta, Spool]]], facts: IndexedInstance
) -> Iterator[Finding]:
    try:
        with read() as (meta, spool):
            for kind, detail in _differences(meta, spool, facts):
                yield _finding(facts, kind, detail)
    except ObjectNotFound:
        yield _finding(facts, FindingKind.MISSING)
    except (InstanceError, StorageError) as error:
        yield _finding(facts, FindingKind.UNREADABLE, str(error))


def _differences(
    meta: FileMeta, spool: Spool, facts: IndexedInstance
) -> Iterator[tuple[FindingKind, str]]:
    """Where an object is not what its row says. Raises `InstanceError`."""
    if spool.size != facts.size:
        yield FindingKind.SIZE, f"{spool.size} bytes, the index has {facts.size}"
    if spool.prefix_digest != facts.prefix_digest or len(spool.prefix) != facts.dataset_offset:
        yield FindingKind.PREFIX_DIGEST, ""
    if spool.dataset_digest != facts.dataset_digest:
        yield FindingKind.DATASET_DIGEST, ""
        return
    attributes = inspect(spool.dataset(), meta).attributes
    for keyword, name in _IDENTITY.items():
        if attributes[keyword] != getattr(facts, name):
            yield FindingKind.IDENTITY, f"{keyword} is not that of the index"


def _orphans(archive: Archive) -> Iterator[Finding]:
    """Objects that no row names, and that nobody is about to name or to delete."""
    listed = archive.storage.list()
    suspects: list[str] = []
    while page := [found.key for found in islice(listed, _PAGE)]:
        named = archive.lookup.named(page)
        suspects += [key for key in page if key not in named]
    if not suspects:
        return
    # In this order: a key that left the journal before it was read is named by now, or deleted.
    excused = keys_under_way(archive.journal_folder) | set(archive.lookup.obsolete())
    excused |= archive.storage.under_way()
    excused |= archive.writer.names(suspects)
    for key in suspects:
        if key not in excused and _exists(archive, key):
            yield Finding(kind=FindingKind.ORPHAN, storage_key=key)


def _exists(archive: Archive, key: str) -> bool:
    try:
        archive.storage.stat(key)
    except ObjectNotFound:
        return False
    return True
