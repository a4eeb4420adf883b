"""The file system backend: the contract, and what is its own: durability, reserve, path safety."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pacs_framework.errors import ObjectNotFound, OutOfResources, StorageError
from pacs_framework.testing.faulty_disk import DiskCall, FaultyDisk
from pacs_framework.testing.objects import get, keys, object_name, put
from pacs_storage_filesystem.backend import FilesystemBackend
from pacs_storage_filesystem.naming import Naming, is_key, key_of, version_of


@pytest.fixture(params=list(Naming), ids=str)
def naming(request: pytest.FixtureRequest) -> Naming:
    return request.param


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "objects"


@pytest.fixture
def backend(root: Path, naming: Naming) -> Iterator[FilesystemBackend]:
    opened = FilesystemBackend(root, naming=naming, reserve=0)
    yield opened
    opened.close()


def files_below(root: Path) -> list[str]:
    return sorted(
        str(path.relative_to(root)) for path in root.rglob("*") if not path.name.endswith(".lock")
    )


def test_an_object_survives_because_everything_on_its_way_was_synced(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """File before rename, folder after it, and every new folder's entry in its parent."""
    backend = FilesystemBackend(root, naming=Naming.HIERARCHICAL, reserve=0)
    key = backend.key_for(object_name())
    steps: list[str] = []
    fsync, rename, mkdir = os.fsync, os.rename, os.mkdir

    def tell_fsync(handle: int) -> None:
        path = Path(f"/proc/self/fd/{handle}").readlink()
        steps.append("sync file" if path.is_file() else f"sync {path.relative_to(root)}")
        fsync(handle)

    def tell_rename(*arguments: object, **options: object) -> None:
        steps.append("rename")
        rename(*arguments, **options)

    def tell_mkdir(path: str, *arguments: object, **options: object) -> None:
        if options.get("dir_fd"):
            steps.append(f"mkdir {path}")
        mkdir(path, *arguments, **options)

    monkeypatch.setattr(os, "fsync", tell_fsync)
    monkeypatch.setattr(os, "rename", tell_rename)
    monkeypatch.setattr(os, "mkdir", tell_mkdir)
    put(backend, key)
    patient, study, series, _ = key.split("/")
    assert steps == [
        "sync file",
        f"mkdir {patient}",
        "sync .",
        f"mkdir {study}",
        f"sync {patient}",
        f"mkdir {series}",
        f"sync {patient}/{study}",
        "rename",
        f"sync {patient}/{study}/{series}",
    ]
    steps.clear()
    put(backend, backend.key_for(object_name(2)))
    assert steps == ["sync file", "rename", f"sync {patient}/{study}/{series}"]
    backend.close()


def test_a_new_root_deep_below_what_was_there_is_durable(
    pacs_faulty_disk: FaultyDisk, tmp_path: Path
) -> None:
    """Each folder that is made is synced in the one above, or all objects go with it."""
    root = tmp_path / "new" / "deep" / "objects"
    FilesystemBackend(root, naming=Naming.FLAT, reserve=0).close()
    calls = pacs_faulty_disk.calls
    made = [call.path for call in calls if call.name == "mkdir"]
    assert made == [tmp_path / "new", tmp_path / "new" / "deep", root]
    for path in made:
        assert DiskCall("fsync", path.parent) in calls[calls.index(DiskCall("mkdir", path)) :]


def test_a_folder_that_somebody_else_made_is_synced_before_it_is_relied_on(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may be there and not yet durable: its maker may be between mkdir and fsync."""
    first = FilesystemBackend(root, naming=Naming.HIERARCHICAL, reserve=0)
    put(first, first.key_for(object_name(1)))
    second = FilesystemBackend(root, naming=Naming.HIERARCHICAL, reserve=0)
    synced: list[str] = []
    fsync = os.fsync

    def tell_fsync(handle: int) -> None:
        synced.append(str(Path(f"/proc/self/fd/{handle}").readlink()))
        fsync(handle)

    monkeypatch.setattr(os, "fsync", tell_fsync)
    key = put(second, second.key_for(object_name(2)))
    assert {str((root / key).parents[n]) for n in range(4)} <= set(synced)
    first.close()
    second.close()


FAULTS: dict[str, dict[str, Any]] = {
    "open": {"name": "open", "creating": True},
    "write": {"name": "write"},
    "fsync": {"name": "fsync", "kind": "file"},
    "rename": {"name": "rename"},
    "mkdir": {"name": "mkdir", "path": "objects/[!.]*"},
    "sync folder": {"name": "fsync", "kind": "folder"},
}


@pytest.mark.parametrize(
    ("number", "expected"),
    [(errno.ENOSPC, OutOfResources), (errno.EDQUOT, OutOfResources), (errno.EIO, StorageError)],
)
@pytest.mark.parametrize("step", FAULTS)
def test_a_failing_disk_leaves_nothing(
    backend: FilesystemBackend,
    root: Path,
    pacs_faulty_disk: FaultyDisk,
    step: str,
    number: int,
    expected: type[StorageError],
) -> None:
    """At any step: the right error, without the path, and no file of any kind."""
    key = backend.key_for(object_name())
    pacs_faulty_disk.fail(number=number, **FAULTS[step])
    with pytest.raises(expected) as caught:
        put(backend, key)
    pacs_faulty_disk.heal()
    assert str(root) not in str(caught.value)
    assert os.strerror(number) in str(caught.value)
    assert keys(backend) == set()
    assert [f for f in files_below(root) if (root / f).is_file()] == []
    assert get(backend, put(backend, key, b"again")) == b"again"


def test_a_short_write_is_carried_on(
    backend: FilesystemBackend, pacs_faulty_disk: FaultyDisk
) -> None:
    """A system may write less than it was given."""
    pacs_faulty_disk.tear("write", 7)
    key = put(backend, backend.key_for(object_name()), b"0123456789" * 10)
    pacs_faulty_disk.heal()
    assert get(backend, key) == b"0123456789" * 10


def test_the_reserve_is_never_touched(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An object that would, is refused before a byte is written, and a file likewise."""
    backend = FilesystemBackend(root, naming=Naming.FLAT, reserve=1000)
    real = os.statvfs(root)
    free = [1000 + 500]

    def statvfs(_: object) -> os.statvfs_result:
        values = list(real)
        values[0:2] = [1, 1]
        values[4] = free[0]
        return os.statvfs_result([*values, real.f_fsid])

    monkeypatch.setattr(os, "statvfs", statvfs)
    key = backend.key_for(object_name())
    assert backend.free_space() == 500
    with pytest.raises(OutOfResources, match=r"no room for 501 bytes: .* 1000 bytes free"):
        backend.begin(key, size=501)
    put(backend, key, b"x" * 400)
    free[0] = 900
    staged = tmp_path / "staged"
    staged.write_bytes(b"y")
    with pytest.raises(OutOfResources):
        backend.put_file(backend.key_for(object_name(2)), staged)
    with pytest.raises(OutOfResources):
        backend.begin(backend.key_for(object_name(2)))
    assert keys(backend) == {key}
    backend.close()


def test_the_reserve_holds_while_an_object_of_unknown_size_grows(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is looked at again every 16 MiB."""
    backend = FilesystemBackend(root, naming=Naming.FLAT, reserve=0)
    with backend.begin(backend.key_for(object_name())) as writer:
        writer.write(b"x" * (8 << 20))
        monkeypatch.setattr(backend, "_reserve", 1 << 60)
        with pytest.raises(OutOfResources):
            writer.write(b"x" * (8 << 20))
    assert keys(backend) == set()
    backend.close()


def test_a_staged_file_is_renamed_and_not_copied(
    backend: FilesystemBackend, root: Path, tmp_path: Path
) -> None:
    staged = tmp_path / "staged"
    staged.write_bytes(b"content")
    inode = staged.stat().st_ino
    key = backend.key_for(object_name())
    backend.put_file(key, staged)
    assert not staged.exists()
    assert (root / key).stat().st_ino == inode


def test_a_staged_file_on_another_file_system_is_copied(
    backend: FilesystemBackend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    staged = tmp_path / "staged"
    staged.write_bytes(b"content" * 1000)
    rename = os.rename

    def across(source: Path, *arguments: object, **options: object) -> None:
        if source == staged:
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))
        rename(source, *arguments, **options)

    monkeypatch.setattr(os, "rename", across)
    key = backend.key_for(object_name())
    backend.put_file(key, staged)
    assert get(backend, key) == b"content" * 1000


def test_delete_removes_the_folders_that_it_empties(backend: FilesystemBackend, root: Path) -> None:
    key = put(backend, backend.key_for(object_name()))
    backend.delete(key)
    assert [f for f in files_below(root) if not f.startswith(".incoming")] == []
    assert root.is_dir()


def test_a_folder_removed_behind_the_back_is_made_again(
    root: Path,
) -> None:
    """Another process deletes the last object of a folder that this one remembers as durable."""
    ours = FilesystemBackend(root, naming=Naming.HIERARCHICAL, reserve=0)
    other = FilesystemBackend(root, naming=Naming.HIERARCHICAL, reserve=0)
    for number in range(1, 20):
        key = put(ours, ours.key_for(object_name(number)))
        other.delete(key)
    key = put(ours, ours.key_for(object_name(99)))
    assert get(other, key)
    ours.close()
    other.close()


def test_one_stores_while_another_removes_the_emptied_folder(root: Path) -> None:
    """The race, many times over, with every object in the one folder both fight for."""
    storing = FilesystemBackend(root, naming=Naming.HIERARCHICAL, reserve=0)
    deleting = FilesystemBackend(root, naming=Naming.HIERARCHICAL, reserve=0)
    failures: list[BaseException] = []

    def work(offset: int) -> None:
        try:
            for number in range(offset, offset + 150):
                deleting.delete(put(storing, storing.key_for(object_name(number))))
        except BaseException as error:  # noqa: BLE001 - told by the main thread
            failures.append(error)

    threads = [threading.Thread(target=work, args=(1000 * n,)) for n in range(1, 4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert keys(storing) == set()
    storing.close()
    deleting.close()


def test_what_a_killed_process_left_is_removed_and_the_living_keep_theirs(root: Path) -> None:
    """Half-written files belong to whoever holds the lock next to them."""
    script = (
        "import sys; from pathlib import Path; "
        "from pacs_storage_filesystem.backend import FilesystemBackend; "
        "from pacs_storage_filesystem.naming import Naming; "
        "b = FilesystemBackend(Path(sys.argv[1]), naming=Naming.FLAT, reserve=0); "
        "w = b.begin('abc/1-2.dcm'); w.write(b'half'); print('ready', flush=True); "
        "sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, str(root)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        backend = FilesystemBackend(root, naming=Naming.FLAT, reserve=0)
        assert backend.recover() == 0
        process.kill()
        process.wait()
        assert backend.recover() == 1
        assert backend.recover() == 0
    assert files_below(root) == [".incoming"]
    backend.close()


UIDS = st.one_of(
    st.text(max_size=300),
    st.sampled_from(["", ".", "..", "../../etc/passwd", "/", "a/b", "\0", "1.2.3", "9" * 400]),
    st.from_regex(r"[0-9.]{1,64}", fullmatch=True),
)


@given(patient=UIDS, study=UIDS, series=UIDS, sop=UIDS, naming=st.sampled_from(list(Naming)))
def test_no_name_leads_out_of_the_root(
    patient: str, study: str, series: str, sop: str, naming: Naming
) -> None:
    """Whatever the identifiers hold: plain relative parts, short enough for any file system."""
    name = object_name(
        patient_id=patient,
        study_instance_uid=study,
        series_instance_uid=series,
        sop_instance_uid=sop,
    )
    key = key_of(name, naming)
    assert is_key(key)
    assert len(key) <= 250
    assert os.path.normpath(key) == key
    assert not key.startswith(("/", "."))
    assert key == key.lower()
    assert version_of(key) == name.version
    assert patient not in key or len(patient) < 3 or patient in {study, series, sop}


@pytest.mark.parametrize("key", ["../x", "/etc/passwd", "a/../b", ".incoming/x", "a//b", "", "\0"])
def test_a_key_that_is_none_of_ours_names_nothing(backend: FilesystemBackend, key: str) -> None:
    """An index that was tampered with opens no other file."""
    with pytest.raises(ObjectNotFound):
        backend.open(key)
    with pytest.raises(ObjectNotFound):
        backend.stat(key)
    with pytest.raises(StorageError):
        backend.begin(key)
    backend.delete(key)


def test_names_that_differ_in_case_only_do_not_meet(backend: FilesystemBackend) -> None:
    """Not even on a file system that does not tell them apart."""
    one = backend.key_for(object_name(patient_id="abc"))
    other = backend.key_for(object_name(patient_id="ABC"))
    if backend.key_for(object_name()).startswith("p-"):
        assert one.lower() != other.lower()
    assert one == one.lower()
    assert other == other.lower()
