"""The write-ahead log: all laws of the contract, and what a power cut may do to files."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pacs_framework.archive.versions import Versions
from pacs_framework.errors import OutOfResources, StorageError
from pacs_framework.storage import ObjectName
from pacs_framework.testing.storage_suite import StorageSuite, get, keys, object_name, put
from pacs_storage_filesystem import write_ahead
from pacs_storage_filesystem.backend import FilesystemBackend
from pacs_storage_filesystem.naming import Naming
from pacs_storage_filesystem.write_ahead import LogBroken, WriteAheadLog, replay

SIZE = 1 << 20
VERSIONS = Versions()


def new_name() -> ObjectName:
    return object_name(version=VERSIONS.next())


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "objects"


@pytest.fixture
def backend(root: Path) -> Iterator[FilesystemBackend]:
    opened = opened_at(root)
    yield opened
    opened.close()


def opened_at(root: Path, *, size: int = SIZE) -> FilesystemBackend:
    return FilesystemBackend(root, naming=Naming.HIERARCHICAL, reserve=0, write_ahead=size)


class TestWithWriteAhead(StorageSuite):
    """The laws hold with the log as without."""


KILLED = """
import os, sys
from pathlib import Path
from pacs_framework.archive.versions import Versions
from pacs_framework.testing.storage_suite import object_name, put
from pacs_storage_filesystem.backend import FilesystemBackend
from pacs_storage_filesystem.naming import Naming

versions = Versions()

def new_name():
    return object_name(version=versions.next())

backend = FilesystemBackend(
    Path(sys.argv[1]), naming=Naming.HIERARCHICAL, reserve=0, write_ahead=1 << 20
)
for number in range(int(sys.argv[2])):
    key = backend.key_for(new_name())
    put(backend, key, bytes([number % 251]) * (1000 + 37 * number))
    print(key, number, flush=True)
removed = backend.key_for(new_name())
put(backend, removed, b"taken back")
backend.delete(removed)
os.kill(os.getpid(), 9)
"""


def killed_after(root: Path, objects: int) -> dict[str, bytes]:
    """What a process had committed when it was killed; it had deleted one more."""
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(root), str(objects)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == -9, done.stderr
    committed = (line.split() for line in done.stdout.splitlines())
    return {key: bytes([int(n) % 251]) * (1000 + 37 * int(n)) for key, n in committed}


@pytest.mark.parametrize("objects", [1, 40, 400])
def test_objects_survive_a_power_cut_that_takes_files_which_were_not_synced(
    root: Path, objects: int
) -> None:
    """Of unsynced files a power cut leaves nothing, an empty file, a short one, or noise.

    With 400 objects the log has turned several times: those that it no longer holds were synced,
    so only files that are still in the log may be damaged.
    """
    committed = killed_after(root, objects)
    [log] = [p for p in (root / ".log").iterdir() if p.is_dir()]
    logged = [key for key, _ in replay(log)]
    assert set(logged) <= committed.keys()
    assert len(logged) == objects or objects == 400
    for number, key in enumerate(logged):
        damage(root / key, number % 5)
    after = opened_at(root)
    restored = after.recover()
    assert restored == sum(number % 5 != 4 for number in range(len(logged)))
    assert {key: get(after, key) for key in committed} == committed
    assert keys(after) == set(committed), "what was deleted stays away"
    assert not list((root / ".log").iterdir())
    assert after.recover() == 0
    after.close()


def damage(file: Path, way: int) -> None:
    size = file.stat().st_size
    if way == 0:
        file.unlink()
    elif way == 1:
        file.write_bytes(b"")
    elif way == 2:
        os.truncate(file, size // 2)
    elif way == 3:
        file.write_bytes(bytes(size))


def test_a_clean_stop_leaves_no_log(root: Path) -> None:
    backend = opened_at(root)
    key = backend.key_for(new_name())
    put(backend, key, b"data")
    backend.close()
    assert not list((root / ".log").iterdir())
    assert get(opened_at(root), key) == b"data"


def test_the_log_of_a_living_process_is_left_alone(backend: FilesystemBackend, root: Path) -> None:
    key = backend.key_for(new_name())
    put(backend, key, b"data")
    other = opened_at(root)
    assert other.recover() == 0
    assert get(backend, key) == b"data"
    put(backend, backend.key_for(new_name()), b"more")
    other.close()


def test_many_threads_share_the_log_while_it_turns(root: Path) -> None:
    """64 KiB halves: the log turns all the time under eight writers."""
    backend = opened_at(root, size=128 << 10)
    stored: dict[str, bytes] = {}
    failures: list[Exception] = []

    def write(writer: int) -> None:
        try:
            for number in range(40):
                key = backend.key_for(new_name())
                data = bytes([writer, number]) * 1500
                put(backend, key, data)
                stored[key] = data
        except Exception as error:  # noqa: BLE001 - told below
            failures.append(error)

    threads = [threading.Thread(target=write, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(stored) == 320
    assert {key: get(backend, key) for key in keys(backend)} == stored
    backend.close()


def test_objects_that_are_too_large_for_the_log_are_synced_by_themselves(
    backend: FilesystemBackend, root: Path
) -> None:
    key = backend.key_for(new_name())
    with backend.begin(key, size=SIZE) as writer:
        writer.write(bytes(SIZE))
        writer.commit()
    assert not (root / ".log").exists() or not [
        key for log in (root / ".log").iterdir() if log.is_dir() for key, _ in replay(log)
    ]
    assert get(backend, key) == bytes(SIZE)


def test_a_sync_of_the_log_that_fails_refuses_the_object_and_ends_the_log(
    backend: FilesystemBackend, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a failed sync nobody knows what is on the disk: that log is not trusted again."""
    put(backend, backend.key_for(new_name()), b"before")

    def fail(_handle: int) -> None:
        raise OSError(5, "Input/output error")

    refused = backend.key_for(new_name())
    with monkeypatch.context() as patched:
        patched.setattr(write_ahead.os, "fdatasync", fail)
        with pytest.raises(StorageError, match="Input/output error"):
            put(backend, refused, b"refused")
    assert refused not in keys(backend)
    after = backend.key_for(new_name())
    put(backend, after, b"after")
    assert get(backend, after) == b"after"


def test_a_file_that_cannot_be_written_is_taken_back_from_the_log(
    backend: FilesystemBackend, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = backend.key_for(new_name())
    write = os.write

    def full(handle: int, data: bytes) -> int:
        if bytes(data) == b"data":
            raise OSError(28, "No space left on device")
        return write(handle, data)

    with monkeypatch.context() as patched:
        patched.setattr("pacs_storage_filesystem.logged.os.write", full)
        with pytest.raises(OutOfResources):
            put(backend, key, b"data")
    assert keys(backend) == set()
    [log] = [p for p in (root / ".log").iterdir() if p.is_dir()]
    assert list(replay(log)) == []


@settings(max_examples=40, deadline=None)
@given(
    noise=st.binary(min_size=1, max_size=40),
    place=st.integers(min_value=0, max_value=1 << 16),
    damage_kind=st.integers(0, 2),
)
def test_a_log_with_wrong_bytes_replays_only_whole_records(
    noise: bytes, place: int, damage_kind: int
) -> None:
    """Whatever is in the file: a record comes back as it was, or not at all; nothing raises."""
    with tempfile.TemporaryDirectory() as folder:
        check_damaged_log(Path(folder), noise, place, damage_kind)


def check_damaged_log(folder: Path, noise: bytes, place: int, damage_kind: int) -> None:
    log = WriteAheadLog(folder, 128 << 10, lambda _keys: None)
    expected = {f"a/{number}": bytes([number]) * 3000 for number in range(6)}
    for key, data in expected.items():
        log.append(key, data)
        log.placed()
    log.close()
    path = folder / "0"
    content = bytearray(path.read_bytes())
    offset = place % len(content)
    if damage_kind == 0:
        content[offset : offset + len(noise)] = noise
    elif damage_kind == 1:
        del content[offset:]
    else:
        content[offset:offset] = noise
    path.write_bytes(content)
    for key, data in replay(folder):
        assert expected[key] == data


def test_an_object_larger_than_the_log_is_an_error(tmp_path: Path) -> None:
    log = WriteAheadLog(tmp_path, 64 << 10, lambda _keys: None)
    with pytest.raises(LogBroken):
        log.append("a", bytes(64 << 10))
    log.close()
