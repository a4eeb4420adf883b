"""Objects that are files of their own, large ones above all: written around the page cache."""

from __future__ import annotations

import errno
import fcntl
import mmap
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from pacs_framework.errors import OutOfResources, StorageError
from pacs_framework.testing.faulty_disk import FaultyDisk
from pacs_framework.testing.objects import get, keys, object_name
from pacs_storage_filesystem.backend import FilesystemBackend
from pacs_storage_filesystem.naming import Naming

MIB = 1 << 20
SIZE = 3 * MIB + 1234  # some blocks, and an end that is no page


@pytest.fixture
def backend(tmp_path: Path) -> Iterator[FilesystemBackend]:
    opened = FilesystemBackend(tmp_path / "objects", naming=Naming.FLAT, reserve=0)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def content() -> mmap.mmap:
    """Random bytes from the start of a page on."""
    memory = mmap.mmap(-1, SIZE)
    memory[:] = os.urandom(SIZE)
    return memory


def pieces_of(content: mmap.mmap, way: str) -> Iterator[memoryview]:
    """The content as somebody may write it."""
    view = memoryview(content)
    step = {"in one piece": SIZE, "in blocks": MIB, "in odd pieces": 99_999, "begun": 100}[way]
    yield view[:step]
    step = max(step, 4096)
    for start in range(min(SIZE, 100 if way == "begun" else step), SIZE, step):
        yield view[start : start + step]


@pytest.mark.parametrize("way", ["in one piece", "in blocks", "in odd pieces", "begun"])
@pytest.mark.parametrize("known", [True, False], ids=["size known", "size unknown"])
@pytest.mark.parametrize("direct", [True, False], ids=["direct", "refused"])
def test_a_large_object_is_kept_however_it_is_written(
    backend: FilesystemBackend,
    content: mmap.mmap,
    monkeypatch: pytest.MonkeyPatch,
    way: str,
    known: bool,
    direct: bool,
) -> None:
    """In pieces of any size, on a file system that knows O_DIRECT and on one that does not."""
    if not direct:
        monkeypatch.setattr(fcntl, "fcntl", refuse)
    key = backend.key_for(object_name())
    with backend.begin(key, size=SIZE if known else None) as writer:
        for piece in pieces_of(content, way):
            writer.write(piece)
        writer.commit()
    assert get(backend, key) == content[:]
    assert backend.stat(key).size == SIZE


def refuse(handle: int, command: int, argument: int = 0) -> int:
    raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))


def test_more_than_was_announced_is_written_in_its_order(backend: FilesystemBackend) -> None:
    """A size is for planning; what was written is what is kept."""
    key = backend.key_for(object_name())
    with backend.begin(key, size=3) as writer:
        for piece in (b"abc", b"d", b"efg", b"hij"):
            writer.write(piece)
        writer.commit()
    assert get(backend, key) == b"abcdefghij"


@pytest.mark.parametrize("way", ["in one piece", "in blocks", "in odd pieces"])
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO])
@pytest.mark.parametrize("failing", [0, 1, 2])
def test_a_disk_that_fails_in_the_middle_leaves_nothing(
    backend: FilesystemBackend,
    content: mmap.mmap,
    tmp_path: Path,
    pacs_faulty_disk: FaultyDisk,
    way: str,
    number: int,
    failing: int,
) -> None:
    """Of what was written so far, and the next one finds everything in order."""
    key = backend.key_for(object_name())
    pacs_faulty_disk.fail("write", number, after=failing)
    pacs_faulty_disk.tear("write", 256 * 1024)
    with pytest.raises(OutOfResources if number == errno.ENOSPC else StorageError):
        store(backend, key, content, way)
    pacs_faulty_disk.heal()
    assert keys(backend) == set()
    assert [p for p in tmp_path.rglob("*") if p.is_file() and p.suffix != ".lock"] == []
    store(backend, key, content, way)
    assert get(backend, key) == content[:]


def store(backend: FilesystemBackend, key: str, content: mmap.mmap, way: str) -> None:
    with backend.begin(key, size=SIZE) as writer:
        for piece in pieces_of(content, way):
            writer.write(piece)
        writer.commit()


def test_an_object_has_its_name_only_when_its_bytes_are_synced(
    backend: FilesystemBackend, content: mmap.mmap, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Around the page cache too: what a crash leaves under a key is whole, on any file system."""
    steps: list[str] = []
    for name in ("write", "fsync", "rename"):
        real = getattr(os, name)

        def tell(
            *arguments: object, _name: str = name, _real: object = real, **o: object
        ) -> object:
            if not steps or steps[-1] != _name:
                steps.append(_name)
            return _real(*arguments, **o)

        monkeypatch.setattr(os, name, tell)
    key = backend.key_for(object_name())
    (backend._root / key).parent.mkdir()
    backend._folders.durable(key.rpartition("/")[0])
    steps.clear()
    store(backend, key, content, "in one piece")
    assert steps == ["write", "fsync", "rename", "fsync"]


def test_writers_at_the_same_time_do_not_share_a_buffer(backend: FilesystemBackend) -> None:
    """Each object holds its own bytes, in turn after turn."""
    failures: list[BaseException] = []

    def work(number: int) -> None:
        try:
            for turn in range(4):
                data = bytes([number, turn]) * 150_000
                key = backend.key_for(object_name(100 * number + turn))
                with backend.begin(key) as writer:
                    for start in range(0, len(data), 70_000):
                        writer.write(data[start : start + 70_000])
                    writer.commit()
                assert get(backend, key) == data
        except BaseException as error:  # noqa: BLE001 - told by the main thread
            failures.append(error)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(1, 7)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_a_range_is_fetched_before_it_is_read_and_nothing_else_is(
    backend: FilesystemBackend, content: mmap.mmap, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A retrieval names the length that it reads; a query looks at a header and names none."""
    key = backend.key_for(object_name())
    store(backend, key, content, "in one piece")
    told: list[tuple[int, int]] = []
    monkeypatch.setattr(os, "posix_fadvise", lambda _, *range_: told.append(range_[:2]))
    backend.open(key, offset=200).close()
    assert told == []
    backend.open(key, offset=200, length=300).close()
    backend.open(key, offset=200, length=SIZE).close()
    assert told == [(200, 300), (200, MIB)]


def test_advice_that_is_not_taken_is_no_failure(
    backend: FilesystemBackend, content: mmap.mmap, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = backend.key_for(object_name())
    store(backend, key, content, "in one piece")

    def fail(*_: object) -> None:
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))

    monkeypatch.setattr(os, "posix_fadvise", fail)
    with backend.open(key, offset=1, length=5) as source:
        assert source.read() == content[1:6]
