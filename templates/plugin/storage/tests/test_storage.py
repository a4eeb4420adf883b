"""The contract, and what is this storage's own: the disk, the lock, the URL."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from pacs_framework.errors import ConfigurationError, ObjectNotFound, OutOfResources, StorageError
from pacs_framework.storage import StorageBackend
from pacs_framework.testing.faulty_disk import DiskCall, FaultyDisk
from pacs_framework.testing.objects import get, key_of, put

from pacs_samplename.contract import TestFolderStorage  # noqa: F401 - collected here
from pacs_samplename.folder import FolderStorage
from pacs_samplename.plugin import open_folder
from pacs_samplename.settings import Settings


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "objects"


def files(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


def test_an_object_survives_because_it_was_synced_before_and_after_its_name(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[str] = []
    fsync, rename = os.fsync, Path.rename

    def tell_fsync(handle: int) -> None:
        path = Path(f"/proc/self/fd/{handle}").readlink()
        steps.append("sync file" if path.is_file() else f"sync {path.name}")
        fsync(handle)

    def tell_rename(path: Path, target: Path) -> Path:
        steps.append("rename")
        return rename(path, target)

    with closing(FolderStorage(root)) as backend:
        key = key_of(backend)
        monkeypatch.setattr(os, "fsync", tell_fsync)
        monkeypatch.setattr(Path, "rename", tell_rename)
        put(backend, key)
    assert steps == ["sync file", "rename", f"sync {key[:2]}"]


def test_the_folder_is_durable_before_anything_is_stored_in_it(
    pacs_faulty_disk: FaultyDisk, tmp_path: Path
) -> None:
    """Also a new one, deep below those that were there."""
    FolderStorage(tmp_path / "new" / "deep" / "objects").close()
    calls = pacs_faulty_disk.calls
    made = [call.path for call in calls if call.name == "mkdir"]
    assert tmp_path / "new" / "deep" / "objects" / "ff" in made
    for path in made:
        assert DiskCall("fsync", path.parent) in calls[calls.index(DiskCall("mkdir", path)) :]


def test_a_folder_that_cannot_be_synced_keeps_nothing(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is not known to be durable is not there."""
    fsync = os.fsync

    def fail(handle: int) -> None:
        if Path(f"/proc/self/fd/{handle}").readlink().is_dir():
            raise OSError(5, "the disk is gone")
        fsync(handle)

    with closing(FolderStorage(root)) as backend:
        key = key_of(backend)
        monkeypatch.setattr(os, "fsync", fail)
        with pytest.raises(StorageError, match="the disk is gone"):
            put(backend, key)
    assert files(root) == []


def test_the_reserve_is_not_touched(root: Path) -> None:
    """A700H before a byte is written."""
    with closing(FolderStorage(root, reserve=1 << 62)) as backend:
        with pytest.raises(OutOfResources, match="no room for 6000 bytes: 0 are left to use"):
            backend.begin(key_of(backend), size=6000)
        assert files(root) == []


DIES = """
import os, sys
from pathlib import Path
from pacs_samplename.folder import FolderStorage
from pacs_framework.testing.objects import key_of

backend = FolderStorage(Path(sys.argv[1]))
writer = backend.begin(key_of(backend))
writer.write(b"half")
os.kill(os.getpid(), 9)
"""


def test_what_a_killed_process_left_is_removed_at_the_next_start(root: Path) -> None:
    subprocess.run([sys.executable, "-c", DIES, str(root)], check=False)  # noqa: S603 - our own
    assert [name.split("/")[0] for name in files(root)] == ["incoming"]
    with closing(FolderStorage(root)) as backend:
        assert backend.recover() == 1
        assert backend.recover() == 0
    assert files(root) == []


@pytest.mark.parametrize("key", ["../x", "/etc/passwd", "00/../x", "incoming/x", "", "\0"])
def test_a_key_of_another_form_names_nothing(root: Path, key: str) -> None:
    """An index that was tampered with opens no other file."""
    with closing(FolderStorage(root)) as backend:
        for use in (backend.open, backend.stat, backend.begin):
            with pytest.raises(ObjectNotFound):
                use(key)
        backend.delete(key)


@pytest.mark.parametrize("name", ["a folder", "50%", "ä"])
def test_a_url_names_the_folder(tmp_path: Path, name: str) -> None:
    folder = tmp_path / name
    url = folder.as_uri().replace("file:", "samplename:")
    backend: StorageBackend = open_folder(Settings(), url)
    with closing(backend):
        assert get(backend, put(backend, key_of(backend)))
    assert files(folder)


@pytest.mark.parametrize("rest", ["relative", "//host/path", "///x?y"])
def test_a_url_that_names_no_local_folder_is_a_wrong_setting(rest: str) -> None:
    with pytest.raises(ConfigurationError, match="names no local folder"):
        open_folder(Settings(), f"samplename:{rest}")
