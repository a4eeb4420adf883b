"""Objects that are put together: neighbours in a pack by one write, and whole or not at all."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from pacs_framework.errors import OutOfResources, StorageError
from pacs_framework.storage import NewObject, Unsettled
from pacs_framework.testing.faulty_disk import FaultyDisk
from pacs_framework.testing.objects import content, get, key_of, keys, put
from pacs_storage_filesystem import slots
from pacs_storage_filesystem.naming import Naming
from pacs_storage_filesystem.packing import PackingBackend, open_backend
from pacs_storage_filesystem.record import ALIGN

SIZES = [1, 4096, 10_000, 70_000, 300]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "objects"


@pytest.fixture
def backend(root: Path) -> Iterator[PackingBackend]:
    opened = open_backend(root, naming=Naming.HIERARCHICAL, reserve=0, pack_below=1 << 17)
    yield opened
    opened.close()


@pytest.fixture
def writes(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many slots each synced write had."""
    found: list[int] = []
    pwritev = os.pwritev

    def told(handle: int, data: list[memoryview], offset: int, flags: int = 0) -> int:
        found.append(len(data))
        return pwritev(handle, data, offset, flags)

    monkeypatch.setattr(os, "pwritev", told)
    return found


def new_objects(backend: PackingBackend, sizes: list[int]) -> list[NewObject]:
    """Objects with keys, of bytes that tell them apart."""
    return [
        NewObject(
            key=key_of(backend, number, size=size),
            data=memoryview(content(number, size)),
            note=b"from here",
        )
        for number, size in enumerate(sizes, 1)
    ]


def assert_kept(backend: PackingBackend, objects: list[NewObject]) -> None:
    assert keys(backend) == {each.key for each in objects}
    for each in objects:
        assert get(backend, each.key) == each.data


def test_neighbours_are_one_write(backend: PackingBackend, writes: list[int]) -> None:
    """Of any size, each with its note, which a crash would need."""
    objects = new_objects(backend, SIZES)
    backend.put_together(objects)
    assert writes == [len(SIZES)]
    assert_kept(backend, objects)
    assert {each.key for each in objects} <= backend.under_way()


def test_those_apart_are_written_apart(backend: PackingBackend, writes: list[int]) -> None:
    """What somebody else has a place for in between stays his, and files are files."""
    before = new_objects(backend, [100, 100])
    between = key_of(backend, 8)
    behind = new_objects(backend, [100, 1 << 17, 100, 100])
    backend.put_together([*before, *behind])
    assert writes == [2, 3]
    assert_kept(backend, [*before, *behind])
    put(backend, between)
    assert len(keys(backend)) == 7


def test_no_write_has_more_slots_than_the_system_takes(
    backend: PackingBackend, writes: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slots, "MOST_AT_ONCE", 2)
    objects = new_objects(backend, SIZES)
    backend.put_together(objects)
    assert writes == [2, 2, 1]
    assert_kept(backend, objects)


@pytest.mark.parametrize(
    ("number", "expected"), [(errno.ENOSPC, OutOfResources), (errno.EIO, StorageError)]
)
def test_after_a_failed_write_none_is_there(
    root: Path,
    backend: PackingBackend,
    pacs_faulty_disk: FaultyDisk,
    number: int,
    expected: type[Exception],
) -> None:
    """Nor after the next start; and the next ones are kept, in another pack."""
    lost = new_objects(backend, SIZES)
    pacs_faulty_disk.fail("pwritev", number, times=1)
    with pytest.raises(expected):
        backend.put_together(lost)
    assert keys(backend) == set()
    for each in lost:
        backend.delete(each.key)
        backend.settled(each.key)
    objects = new_objects(backend, SIZES)
    backend.put_together(objects)
    assert_kept(backend, objects)


def test_a_torn_write_leaves_no_half(backend: PackingBackend, pacs_faulty_disk: FaultyDisk) -> None:
    """What was whole before the tear was not acknowledged either."""
    pacs_faulty_disk.tear("pwritev", keep=3 * ALIGN, times=1)
    with pytest.raises(StorageError):
        backend.put_together(new_objects(backend, SIZES))
    assert keys(backend) == set()


def test_files_are_better_kept_side_by_side(backend: PackingBackend, root: Path) -> None:
    """Nothing is saved where each is synced by itself, and the next would wait for the last."""
    assert backend.gathers((1 << 17) - 1)
    assert not backend.gathers(1 << 17)
    without_packs = open_backend(root, naming=Naming.HIERARCHICAL, reserve=0, pack_below=0)
    assert not without_packs.gathers(1)
    without_packs.close()


def test_what_is_of_another_size_than_its_place_is_refused(backend: PackingBackend) -> None:
    """And nothing of the others is written."""
    good, other = new_objects(backend, [100, 200])
    with pytest.raises(StorageError, match="is no place for 100 bytes"):
        backend.put_together([good, other._replace(data=good.data)])
    assert keys(backend) == set()


def test_buffers_come_back(backend: PackingBackend, pacs_faulty_disk: FaultyDisk) -> None:
    """After a write that failed, too: a view that is left would keep one from being used again."""
    spare = backend._packs._buffers._spare
    backend.put_together(new_objects(backend, SIZES))
    assert len(spare) == len(SIZES)
    pacs_faulty_disk.fail("pwritev", errno.EIO, times=1)
    with pytest.raises(StorageError):
        backend.put_together(new_objects(backend, SIZES))
    assert len(spare) == len(SIZES)


def test_what_was_put_together_is_handed_over_after_a_crash(
    root: Path, backend: PackingBackend, tmp_path: Path
) -> None:
    """Each by itself, with its note: a copy of the folder is what a killed process leaves."""
    objects = new_objects(backend, SIZES)
    backend.put_together(objects)
    left = shutil.copytree(root, tmp_path / "left")
    after = open_backend(left, naming=Naming.HIERARCHICAL, reserve=0, pack_below=1 << 17)
    found: list[Unsettled] = []
    after.hand_over(found.extend)
    assert [(each.key, each.note) for each in found] == [
        (each.key, b"from here") for each in objects
    ]
    assert_kept(after, objects)
    after.close()
