"""Restoring a backup into an archive that is empty.

The tables of plugins come first, then the objects, then the index: until the last step the archive
is empty for everybody who could look. A restore that was killed goes on with the next call: what
the storage has by then is not copied again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from pacs_framework.archive.claims import living
from pacs_framework.archive.verify import Finding, FindingKind
from pacs_framework.backups import into_index, into_tables
from pacs_framework.backups.copying import Copied, copy_objects, settled
from pacs_framework.backups.dumped import check_digest, read_lines
from pacs_framework.backups.folder import BackupFolder, Snapshot
from pacs_framework.backups.locking import only_one
from pacs_framework.backups.present import Present
from pacs_framework.backups.stored_objects import StoredObject
from pacs_framework.backups.unfinished import Unfinished
from pacs_framework.errors import BackupError
from pacs_framework.folders import make_folders

if TYPE_CHECKING:
    from pacs_framework.storage import StorageBackend
    from pacs_framework.tables import PluginTables

__all__ = ["Restore", "Restored"]

_LOCK = "restoring.lock"


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """What came back: how many instances, how many objects were copied by this call.

    ``findings`` are objects that the backup should have and has not, or that are damaged in it.
    ``complete`` says that the archive is there; it is not where something was found, unless it was
    to be restored without that.
    """

    instances: int
    copied: int
    findings: list[Finding]
    complete: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Restore:
    """How to restore ``snapshot`` of ``folder``.

    ``index_url``, ``data`` and ``definitions`` (tables of plugins) are those of the new archive,
    ``open_storage`` opens its storage. ``open_source`` opens where the backup has its objects;
    None where it has none, and the storage has them itself. ``partial`` restores without what is
    damaged or missing in the backup. ``progress`` is told how many of how many objects are done.
    """

    folder: BackupFolder
    snapshot: Snapshot
    index_url: str
    data: Path
    definitions: Mapping[str, PluginTables]
    open_storage: Callable[[], AbstractContextManager[StorageBackend]]
    open_source: Callable[[], AbstractContextManager[StorageBackend]] | None
    jobs: int = 4
    partial: bool = False
    progress: Callable[[int, int], None] = lambda _done, _total: None

    def run(self) -> Restored:
        """Restore, or go on with it.

        Raises `BackupError` for an archive that is not empty and for a backup that is damaged,
        newer or not whole; `ConfigurationError`, `IndexUnavailable`, `StorageError` and OSError.
        """
        make_folders(self.data)
        with only_one(self.data / _LOCK, f"restores into {str(self.data)!r}"):
            self._check()
            begun = self._begin()
            if not begun.tables:
                self._load_tables()
                begun = replace(begun, tables=True)
                begun.write(self.data)
            with ExitStack() as stack:
                storage = stack.enter_context(self.open_storage())
                return self._into(storage)

    def _load_tables(self) -> None:
        """What they tell of the storage comes along only where that is the old one."""
        apart = into_tables.about_storage(self.definitions)
        into_tables.load_all(
            self.snapshot.groups,
            self.snapshot.folder,
            self.index_url,
            self.data,
            apart=apart,
            without=apart if self.open_source is not None else (),
        )

    def _check(self) -> None:
        """Everything that can be known before anything is written."""
        running = sorted(path.name for path in living(self.data / "journal"))
        if running:
            raise BackupError(
                f"an archive is running on {str(self.data)!r}; stop it, and restore into an empty "
                "folder"
            )
        into_index.refuse_newer(self.snapshot.index)
        into_tables.refuse_newer(self.snapshot.groups, self.definitions)
        for written in self.snapshot.files():
            check_digest(self.snapshot.folder, written)

    def _begin(self) -> Unfinished:
        """The note of the restore that is under way; a new one where the archive is empty."""
        wanted = Unfinished(backup=str(self.folder.path.resolve()), snapshot=self.snapshot.id)
        begun = Unfinished.read(self.data)
        if begun is None:
            into_index.refuse_full(self.index_url)
            into_tables.refuse_full(
                self.snapshot.groups,
                self.snapshot.folder,
                self.index_url,
                self.data,
                apart=into_tables.about_storage(self.definitions),
            )
            if self.open_source is not None:
                self._refuse_objects()
            wanted.write(self.data)
            return wanted
        if replace(begun, tables=False) != wanted:
            raise BackupError(
                f"a restore of snapshot {begun.snapshot!r} of {begun.backup!r} was begun in "
                f"{str(self.data)!r}; go on with that, or empty data folder, storage and database"
            )
        return begun

    def _refuse_objects(self) -> None:
        with self.open_storage() as storage:
            if next(iter(storage.list()), None) is not None:
                raise BackupError(
                    "the storage of the archive has objects already; a backup is restored into "
                    "an empty one"
                )

    def _into(self, storage: StorageBackend) -> Restored:
        findings = [_known(version, what) for version, what in self.snapshot.faulty.items()]
        bad: set[str] = set()
        copied = 0
        settled(storage)
        with closing(Present.listed(storage)) as present:
            with self._copies(storage, present) as copies:
                for done, each in enumerate(copies, start=1):
                    copied += each.anew
                    if each.fault is not None:
                        findings.append(_finding(each))
                        bad.add(each.stored.version)
                    self.progress(done, self.snapshot.objects)
            if findings and not self.partial:
                return Restored(instances=0, copied=copied, findings=findings, complete=False)
            bad.update(self.snapshot.gone, self.snapshot.faulty)
            instances = into_index.load(
                self.snapshot,
                self.index_url,
                lambda version: None if version in bad else _key(present, version),
                missing=bad,
                keep_obsolete=self.open_source is None,
            )
        Unfinished.remove(self.data)
        return Restored(instances=instances, copied=copied, findings=findings, complete=True)

    @contextmanager
    def _copies(self, storage: StorageBackend, present: Present) -> Iterator[Iterator[Copied]]:
        objects = self._objects()
        if self.open_source is None:
            yield (_looked_at(each, present) for each in objects)
            return
        with self.open_source() as source:
            yield copy_objects(objects, source, storage, present, jobs=self.jobs)

    def _objects(self) -> Iterator[StoredObject]:
        for row in read_lines(self.snapshot.folder / self.snapshot.manifest.file):
            yield StoredObject(**row)


def _key(present: Present, version: str) -> str | None:
    found = present.find(version)
    return None if found is None else found[0]


def _looked_at(stored: StoredObject, present: Present) -> Copied:
    """Of an object that is to be in the storage already: whether it is, in its size."""
    found = present.find(stored.version)
    if found is None:
        return Copied(stored=stored, fault=FindingKind.MISSING)
    if found[1] != stored.size:
        detail = f"{found[1]} bytes, the index has {stored.size}"
        return Copied(stored=stored, fault=FindingKind.SIZE, detail=detail)
    return Copied(stored=stored)


def _finding(copied: Copied) -> Finding:
    assert copied.fault is not None
    return Finding(
        kind=copied.fault,
        storage_key=copied.stored.key,
        sop_instance_uid=copied.stored.sop_instance_uid,
        detail=copied.detail,
    )


def _known(version: str, what: str) -> Finding:
    """What was wrong with an object of the archive that was backed up."""
    detail = f"version {version}; it was so in the archive when the backup was made"
    return Finding(kind=FindingKind(what), storage_key="", detail=detail)
