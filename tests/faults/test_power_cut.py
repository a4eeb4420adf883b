"""A power cut: what was written and not synced is gone; what was acknowledged is not.

The disk after the cut is made from the disk before: of the log of the index only what its last
fdatasync covered, and the folders of the storage as they were synced.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
import sqlalchemy as sa

from pacs_framework.archive.archive import Archive
from pacs_framework.archive.changes import Change
from pacs_framework.archive.objects import ObjectReader
from pacs_framework.archive.recovery import Recovered, recover
from pacs_framework.archive.sweeping import Sweep, sweep
from pacs_framework.archive.verify import FindingKind, verify
from pacs_framework.errors import UnreadableInstance
from pacs_framework.index import schema
from pacs_framework.index.changes import ChangeReader
from pacs_framework.index.database import Database, open_database
from pacs_framework.index.entry import DuplicatePolicy
from pacs_framework.testing.arrivals import ORIGIN, announced, encoded, mr_image, send
from pacs_storage_filesystem.naming import Naming
from pacs_storage_filesystem.packing import PackingBackend, open_backend


class Site:
    """An archive in a folder, and the log of its index as the disk has it for sure."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.database: Database = open_database(f"sqlite:///{folder / 'index.sqlite'}")
        self.storage: PackingBackend = open_backend(
            folder / "objects", naming=Naming.HIERARCHICAL, reserve=0, pack_below=10_000
        )
        self.archive = Archive(
            database=self.database,
            storage=self.storage,
            data=folder,
            duplicates=DuplicatePolicy.REPLACE,
        )
        self.recovered: Recovered = recover(self.archive)

    def store(self, number: int, *, pixels: int = 500, content: int = 0) -> str:
        uid = f"1.2.3.4.{number}"
        image = mr_image(
            SOPInstanceUID=uid, InstanceNumber=content, pixels=bytes([number]) * pixels
        )
        outcome = send(self.archive, encoded(image), announced(sop_instance_uid=uid))
        assert outcome.status == 0
        return uid

    def found(self) -> dict[str, str]:
        """Instance number by SOP Instance UID."""
        column = schema.instance.c
        with self.database.reading() as connection:
            rows = connection.execute(sa.select(column.sop_instance_uid, column.instance_number))
            return {row[0]: row[1] for row in rows}

    def changes(self) -> list[Change]:
        return list(ChangeReader(self.database).after(0, 1000))

    def close(self) -> None:
        self.archive.close()
        self.storage.close()
        self.database.close()


class Disk:
    """Watches fdatasync, and knows what of the log of the index is durable."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.durable: dict[str, int] = {}
        fdatasync = os.fdatasync

        def watched(handle: int) -> None:
            fdatasync(handle)
            path = Path(f"/proc/self/fd/{handle}").readlink()
            self.durable[str(path)] = path.stat().st_size

        monkeypatch.setattr(os, "fdatasync", watched)

    def after_the_cut(self, site: Site, folder: Path) -> Path:
        """A copy of the site's folder, its index without what was not durable."""
        shutil.copytree(site.folder, folder, ignore=shutil.ignore_patterns("*.bell"))
        log = folder / "index.sqlite-wal"
        (folder / "index.sqlite-shm").unlink()
        durable = self.durable.get(str(site.folder / log.name), self._at_start)
        assert durable <= log.stat().st_size
        with log.open("r+b") as file:
            file.truncate(durable)
        return folder

    _at_start = 0

    def begin(self, site: Site) -> None:
        """What was in the log before: the tables, whose making was synced."""
        self._at_start = (site.folder / "index.sqlite-wal").stat().st_size


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    return Disk(monkeypatch)


def test_acknowledged_instances_that_the_index_lost_are_taken_in_again(
    tmp_path: Path, disk: Disk
) -> None:
    """With their origins and changes; those that it did not lose are not taken in twice."""
    site = Site(tmp_path / "before")
    disk.begin(site)
    stored = [site.store(n) for n in range(1, 11)]
    site.storage.settle(site.archive.writer.sync)
    stored += [site.store(n) for n in range(11, 31)]
    after = Site(disk.after_the_cut(site, tmp_path / "after"))
    assert after.recovered.taken_in == 20
    assert set(after.found()) == set(stored)
    assert list(verify(after.archive)) == []
    assert [change.sop_instance_uid for change in after.changes()] == stored
    assert {change.origin for change in after.changes()} == {ORIGIN}
    after.close()
    again = Site(tmp_path / "after")
    assert again.recovered == Recovered(
        half_written=0, staged=0, taken_in=0, removed=0, kept=0, replaced=0
    )
    again.close()
    site.close()


def test_acknowledged_objects_that_cannot_be_read_are_kept(
    tmp_path: Path, disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fault of ours is no reason to lose them: the next version may read them."""
    site = Site(tmp_path / "before")
    disk.begin(site)
    stored = {site.store(n) for n in range(1, 4)}

    def fail(*_: object, **__: object) -> None:
        raise UnreadableInstance("for a test")

    with monkeypatch.context() as patched:
        patched.setattr(ObjectReader, "entry", fail)
        after = Site(disk.after_the_cut(site, tmp_path / "after"))
    assert (after.recovered.taken_in, after.recovered.removed, after.recovered.kept) == (0, 0, 3)
    orphans = [each for each in verify(after.archive) if each.kind is FindingKind.ORPHAN]
    assert [sweep(after.archive, each.storage_key).outcome for each in orphans] == (
        [Sweep.TAKEN_IN] * 3
    )
    assert set(after.found()) == stored
    after.close()
    site.close()


def test_the_index_is_durable_for_objects_that_nobody_remembers(tmp_path: Path, disk: Disk) -> None:
    """A file of its own is found by its row alone; the sync for it covers what came before."""
    site = Site(tmp_path / "before")
    disk.begin(site)
    stored = [site.store(1), site.store(2, pixels=20_000)]
    later = site.store(3)
    after = Site(disk.after_the_cut(site, tmp_path / "after"))
    assert after.recovered.taken_in == 1
    assert set(after.found()) == {*stored, later}
    assert list(verify(after.archive)) == []
    after.close()
    site.close()


def test_a_replaced_instance_is_the_new_one_after_the_cut(tmp_path: Path, disk: Disk) -> None:
    """The old object is deleted only when the index durably names the new one."""
    site = Site(tmp_path / "before")
    disk.begin(site)
    site.store(1, content=1)
    site.store(1, content=2)
    site.store(2, content=1)
    after = Site(disk.after_the_cut(site, tmp_path / "after"))
    assert after.found() == {"1.2.3.4.1": "2", "1.2.3.4.2": "1"}
    assert list(verify(after.archive)) == []
    after.close()
    site.close()


def test_a_clean_stop_leaves_nothing_to_take_in(tmp_path: Path) -> None:
    """And no marker of any pack."""
    site = Site(tmp_path / "archive")
    stored = [site.store(n) for n in range(1, 4)]
    site.close()
    assert not list((tmp_path / "archive" / "objects" / "_packs" / "unsettled").iterdir())
    again = Site(tmp_path / "archive")
    assert again.recovered.taken_in == 0
    assert set(again.found()) == set(stored)
    again.close()
