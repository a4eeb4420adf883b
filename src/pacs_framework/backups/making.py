"""Making a backup of an archive that may go on storing and deleting meanwhile.

The index first, then the objects: an object is written before the index names it, so every object
that the copied index names is there to be copied, unless it was deleted or replaced since. Then the
index is copied again, until both agree.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy.exc import DBAPIError

from pacs_framework.archive.verify import Finding, FindingKind
from pacs_framework.backups.copying import Copied, copy_objects, settled
from pacs_framework.backups.dumped import Written, read_lines, whole_lines
from pacs_framework.backups.folder import BackupFolder, Group, Snapshot
from pacs_framework.backups.groups import (
    one_moment,
    refuse_unknown_tables,
    write_index,
    write_plugins,
)
from pacs_framework.backups.present import Present
from pacs_framework.backups.stored_objects import StoredObject, objects_of
from pacs_framework.errors import BackupError
from pacs_framework.index.database import unavailable

if TYPE_CHECKING:
    from pacs_framework.archive.archive import Archive
    from pacs_framework.index.database import Database
    from pacs_framework.storage import StorageBackend
    from pacs_framework.tables import PluginTables

__all__ = ["Backup", "Made", "refuse_inside"]

_OBJECTS = "objects.jsonl.gz"
_PASSES = 5
_NO_ROWS: Mapping[str, int] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A backup that was made: the snapshot, how much was copied for it, and what was wrong."""

    snapshot: Snapshot
    copied: int
    findings: list[Finding]


def refuse_inside(folder: Path, data: Path) -> None:
    """Raise `BackupError` for a backup among the data that it is to save."""
    if folder.resolve().is_relative_to(data.resolve()):
        raise BackupError(
            f"{str(folder)!r} is in the data folder {str(data)!r} and would be lost with it; give "
            "another disk or machine"
        )


@dataclass(slots=True, kw_only=True)
class Backup:
    """How to back up ``archive`` into ``folder``.

    ``database`` is its index, ``definitions`` the tables of its plugins. Objects go to ``target``,
    ``jobs`` at a time; None leaves them out. ``left_out`` names plugins whose tables are left out.
    ``progress`` is told how many of how many objects are done.
    """

    archive: Archive
    database: Database
    definitions: Mapping[str, PluginTables]
    folder: BackupFolder
    target: StorageBackend | None
    jobs: int = 4
    left_out: Collection[str] = ()
    progress: Callable[[int, int], None] = lambda _done, _total: None
    _copied: int = field(default=0, init=False)

    def make(self) -> Made:
        """Make a snapshot, and copy what the backup has not.

        Raises `BackupError`, `IndexUnavailable`, `StorageError` and OSError; then there is no new
        snapshot, and the next backup goes on with the objects that were copied.
        """
        wanted = {n: t for n, t in self.definitions.items() if n not in self.left_out}
        refuse_unknown_tables(self.database, self.archive.data, wanted, left_out=self.left_out)
        with self.folder.locked():
            if self.target is None:
                return self._finish(*self._write(wanted), [], _Faults())
            settled(self.target)
            with closing(Present.listed(self.target)) as present:
                return self._copy(wanted, self.target, present)

    def _copy(
        self, wanted: Mapping[str, PluginTables], target: StorageBackend, present: Present
    ) -> Made:
        """Copy the index and then the objects, again where some had gone in between."""
        for passes in range(1, _PASSES + 1):
            folder, groups, listed = self._write(wanted)
            faults = _Faults()
            objects = _read_objects(folder / listed.file)
            total = groups[0].written.rows["instance"]
            copies = copy_objects(objects, self.archive.storage, target, present, jobs=self.jobs)
            kept = self._watched(copies, total, faults)
            listed = whole_lines(folder / _OBJECTS, kept, rows=_NO_ROWS, overwrite=True)
            if not faults.gone or passes == _PASSES:
                break
        return self._finish(folder, groups, listed, faults.findings, faults)

    def _write(self, wanted: Mapping[str, PluginTables]) -> tuple[Path, list[Group], Written]:
        """A snapshot without manifest: tables, and the objects as the archive has them."""
        folder = self.folder.new_snapshot()
        try:
            with one_moment(self.database) as connection:
                index = write_index(connection, folder)
                lines = (json.dumps(each.as_row()) for each in objects_of(connection))
                listed = whole_lines(folder / _OBJECTS, lines, rows=_NO_ROWS)
                plugins = write_plugins(wanted, self.archive.tables, folder, connection)
        except DBAPIError as error:
            raise unavailable(error.orig) from error
        return folder, [index, *plugins], listed

    def _watched(self, copies: Iterable[Copied], total: int, faults: _Faults) -> Iterator[str]:
        """Lines of the manifest: what the backup has."""
        for done, copied in enumerate(copies, start=1):
            self._copied += copied.anew
            if copied.fault is None:
                faults.objects += 1
                faults.size += copied.stored.size
                yield json.dumps(copied.stored.as_row())
            else:
                faults.add(copied, still_named=self._names(copied.stored))
            self.progress(done, total)

    def _names(self, stored: StoredObject) -> bool:
        """Whether the index names the object now."""
        facts = self.archive.lookup.instance(stored.sop_instance_uid)
        return facts is not None and facts.storage_key == stored.key

    def _finish(
        self,
        folder: Path,
        groups: list[Group],
        listed: Written,
        findings: list[Finding],
        faults: _Faults,
    ) -> Made:
        if self.target is None:
            for stored in _read_objects(folder / listed.file):
                faults.objects += 1
                faults.size += stored.size
        snapshot = Snapshot(
            id=folder.name,
            folder=folder,
            made=dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
            software=version("pacs-framework"),
            groups=groups,
            manifest=listed,
            objects=faults.objects,
            size=faults.size,
            faulty=faults.faulty,
            gone=faults.gone,
        )
        snapshot.write()
        return Made(snapshot=snapshot, copied=self._copied, findings=findings)


@dataclass(slots=True)
class _Faults:
    """What is counted while objects are copied."""

    objects: int = 0
    size: int = 0
    gone: list[str] = field(default_factory=list)
    faulty: dict[str, str] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)

    def add(self, copied: Copied, *, still_named: bool) -> None:
        """One object that could not be copied: damaged, or of an instance that went meanwhile."""
        assert copied.fault is not None
        if copied.fault is FindingKind.MISSING and not still_named:
            self.gone.append(copied.stored.version)
            return
        self.faulty[copied.stored.version] = str(copied.fault)
        self.findings.append(
            Finding(
                kind=copied.fault,
                storage_key=copied.stored.key,
                sop_instance_uid=copied.stored.sop_instance_uid,
                detail=copied.detail,
            )
        )


def _read_objects(path: Path) -> Iterator[StoredObject]:
    for row in read_lines(path):
        yield StoredObject(**row)
