"""Backups that broke off, are damaged, or are to go where they must not."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from saved import Clinic, Interrupted, Other, fail_at

from pacs_framework.archive.verify import FindingKind
from pacs_framework.backups.checking import check, prune
from pacs_framework.backups.folder import BackupFolder
from pacs_framework.backups.making import refuse_inside
from pacs_framework.backups.unfinished import refuse_unfinished
from pacs_framework.errors import BackupError, ConfigurationError, StorageError
from pacs_framework.testing.memory_storage import MemoryStorage


@pytest.fixture
def pacs_index_url(tmp_path: Path) -> str:
    """What happens outside of the database is the same on each engine."""
    return f"sqlite:///{tmp_path / 'index.db'}"


def test_what_is_there_is_not_copied_again(clinic: Clinic, other: Other) -> None:
    clinic.store(1, 2)
    first = clinic.back_up()
    clinic.store(3)
    second = clinic.back_up()
    assert (second.snapshot.objects, second.copied) == (3, 1)
    assert other.restore(clinic, snapshot=first.snapshot.id).instances == 2


def test_a_backup_that_broke_off_goes_on(clinic: Clinic, other: Other) -> None:
    """There is no snapshot of it, and what was copied is not copied again."""
    assert clinic.saved is not None
    clinic.store(1, 2, 3)
    clinic.saved.before = fail_at(3, "commit", Interrupted())
    with pytest.raises(Interrupted):
        clinic.back_up(jobs=1)
    with pytest.raises(BackupError, match="never brought to an end"):
        other.restore(clinic)
    assert BackupFolder(clinic.target).snapshots() == []
    clinic.saved.before = lambda _: None
    assert clinic.back_up(jobs=1).copied == 1
    assert other.restore(clinic).instances == 3


def test_an_object_of_another_size_in_the_target_is_copied_anew(clinic: Clinic) -> None:
    """It stood there damaged, and would be missed at the restore."""
    assert clinic.saved is not None
    clinic.store(1)
    clinic.back_up()
    (key,) = clinic.saved.objects
    data, committed = clinic.saved.objects[key]
    clinic.saved.objects[key] = (data[:-1], committed)
    assert clinic.back_up().copied == 1
    assert clinic.saved.objects[key][0] == data


def test_a_damaged_object_is_told_and_not_kept(clinic: Clinic, other: Other) -> None:
    """The backup has the others; a restore asks before it does without the damaged one."""
    clinic.store(1, 2)
    key = next(iter(clinic.storage.objects))
    data, committed = clinic.storage.objects[key]
    clinic.storage.objects[key] = (data[:-1] + b"\7", committed)
    made = clinic.back_up()
    (finding,) = made.findings
    assert (finding.kind, finding.storage_key) == (FindingKind.DATASET_DIGEST, key)
    assert made.snapshot.objects == 1
    restored = other.restore(clinic)
    assert (restored.complete, len(restored.findings)) == (False, 1)
    with pytest.raises(ConfigurationError, match="has not come to its end"):
        refuse_unfinished(other.data)
    restored = other.restore(clinic, partial=True)
    assert (restored.complete, restored.instances, restored.copied) == (True, 1, 0)
    assert other.findings() == []
    refuse_unfinished(other.data)


@pytest.mark.parametrize("change", [lambda data: data[:-1] + b"\7", lambda data: data[:-2], None])
def test_a_changed_object_of_a_backup_is_found(
    clinic: Clinic, other: Other, change: Callable[[bytes], bytes] | None
) -> None:
    """By verify, and by restore, which does not take it in."""
    assert clinic.saved is not None
    clinic.store(1, 2)
    snapshot = clinic.back_up().snapshot
    key = next(iter(clinic.saved.objects))
    data, committed = clinic.saved.objects.pop(key)
    if change is not None:
        clinic.saved.objects[key] = (change(data), committed)
    found = list(check(snapshot, clinic.saved, jobs=2, progress=lambda _done, _total: None))
    assert [finding.storage_key for finding in found] == [key]
    restored = other.restore(clinic)
    assert not restored.complete
    assert [f.kind for f in restored.findings] == [f.kind for f in found]
    assert len(other.storage.objects) == 1
    clinic.saved.objects[key] = (data, committed)
    assert other.restore(clinic).copied == 1
    assert other.findings() == []


@pytest.mark.parametrize("name", ["index.jsonl.gz", "objects.jsonl.gz", "tables-notes.jsonl.gz"])
@pytest.mark.parametrize("change", ["cut", "changed", "gone"])
def test_a_changed_file_of_a_backup_is_refused(
    clinic: Clinic, other: Other, name: str, change: str
) -> None:
    """Before anything is written."""
    clinic.store(1)
    path = clinic.back_up().snapshot.folder / name
    data = path.read_bytes()
    if change == "gone":
        path.unlink()
    else:
        path.write_bytes(data[:-9] if change == "cut" else data[:-9] + b"x" + data[-8:])
    with pytest.raises(BackupError, match=name):
        other.restore(clinic)
    assert not other.storage.objects
    refuse_unfinished(other.data)


@pytest.mark.parametrize("key", ["objects", "groups", "gone", "made"])
def test_a_changed_manifest_is_refused(clinic: Clinic, key: str) -> None:
    clinic.store(1)
    path = clinic.back_up().snapshot.folder / "manifest.json"
    said = json.loads(path.read_bytes())
    said[key] = 7
    path.write_text(json.dumps(said))
    with pytest.raises(BackupError, match="damaged"):
        BackupFolder(clinic.target).snapshots()


def test_a_newer_format_is_refused(clinic: Clinic) -> None:
    clinic.store(1)
    path = clinic.back_up().snapshot.folder / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_bytes()), "format": 2}))
    with pytest.raises(BackupError, match=r"has format 2, and this version .* up to 1"):
        BackupFolder(clinic.target).snapshot(None)


def test_tables_of_a_newer_plugin_are_refused(clinic: Clinic, other: Other) -> None:
    """It would find columns there that it does not know."""
    snapshot = clinic.back_up().snapshot
    path = snapshot.folder / "manifest.json"
    path.unlink()
    for group in snapshot.groups:
        object.__setattr__(group, "version", 2 if group.name == "notes" else group.version)
    snapshot.write()
    with pytest.raises(BackupError, match="'notes' in the backup have version 2"):
        other.restore(clinic)


@pytest.mark.parametrize("step", ["begin", "write", "commit", "committed"])
@pytest.mark.parametrize("number", [1, 3])
def test_a_restore_that_broke_off_goes_on(
    clinic: Clinic, other: Other, step: str, number: int
) -> None:
    """And until then the archive does not start."""
    clinic.store(1, 2, 3)
    clinic.note()
    clinic.back_up()
    other.storage.before = fail_at(number, step, StorageError("the disk is gone"))
    with pytest.raises(StorageError):
        other.restore(clinic, jobs=1)
    with pytest.raises(ConfigurationError):
        refuse_unfinished(other.data)
    had = len(other.storage.objects)
    other.storage.before = lambda _: None
    assert other.restore(clinic).copied == 3 - had
    assert other.findings() == []
    assert len(other.notes()) == 1


def test_another_restore_is_not_mixed_with_one_that_broke_off(clinic: Clinic, other: Other) -> None:
    clinic.store(1)
    first = clinic.back_up().snapshot
    clinic.store(2)
    clinic.back_up()
    other.storage.before = fail_at(1, "commit", StorageError("the disk is gone"))
    with pytest.raises(StorageError):
        other.restore(clinic)
    with pytest.raises(BackupError, match="was begun"):
        other.restore(clinic, snapshot=first.id)


def test_a_backup_without_objects_finds_them_in_the_storage(clinic: Clinic, other: Other) -> None:
    """The bucket keeps copies of its own; what it has not is told."""
    clinic.saved = None
    clinic.store(1, 2)
    made = clinic.back_up()
    assert (made.snapshot.objects, made.copied) == (2, 0)
    other.storage = MemoryStorage()
    other.storage.objects = dict(clinic.storage.objects)
    key = next(iter(other.storage.objects))
    lost = other.storage.objects.pop(key)
    restored = other.restore(clinic)
    assert [f.kind for f in restored.findings] == [FindingKind.MISSING]
    other.storage.objects[key] = lost
    assert other.restore(clinic).instances == 2
    assert other.findings() == []


def test_a_folder_with_something_else_is_no_target(clinic: Clinic, tmp_path: Path) -> None:
    clinic.target.mkdir()
    (clinic.target / "holidays.txt").touch()
    with pytest.raises(BackupError, match="is not empty and holds no backup"):
        clinic.back_up()
    with pytest.raises(BackupError, match="is in the data folder"):
        refuse_inside(tmp_path / "data" / ".." / "data" / "b", tmp_path / "data")


def test_a_backup_keeps_its_place_for_objects(clinic: Clinic) -> None:
    clinic.store(1)
    clinic.back_up()
    with pytest.raises(BackupError, match="in its own folder, not left out"):
        BackupFolder.made(clinic.target, objects=None)


def test_two_backups_at_once_are_not_mixed(clinic: Clinic) -> None:
    clinic.store(1)
    folder = BackupFolder.made(clinic.target, objects="")
    with folder.locked(), pytest.raises(BackupError, match="another process writes"):
        clinic.back_up()
    assert clinic.back_up().copied == 1


def test_prune_lets_go_of_what_no_state_needs(clinic: Clinic, other: Other) -> None:
    assert clinic.saved is not None
    clinic.store(1, 2)
    clinic.back_up()
    clinic.store(1, PatientName="Other")
    clinic.back_up()
    assert len(clinic.saved.objects) == 3
    done = prune(BackupFolder(clinic.target), clinic.saved, keep=1)
    assert (done.snapshots, done.objects) == (1, 1)
    assert other.restore(clinic).instances == 2
    assert other.findings() == []


def test_the_same_tables_are_the_same_file(clinic: Clinic) -> None:
    """So that tools that compare or deduplicate files find them."""
    clinic.store(1)
    first, second = clinic.back_up().snapshot, clinic.back_up().snapshot
    assert first.index.written.sha256 == second.index.written.sha256
    with gzip.open(second.folder / "index.jsonl.gz", "rt", encoding="utf-8") as file:
        assert json.loads(file.readlines()[-1])["end"]["instance"] == 1
