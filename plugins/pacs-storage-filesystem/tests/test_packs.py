"""Packs: all laws of the contract, what a crash leaves, and what may happen to their bytes."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pacs_framework.errors import ObjectNotFound, OutOfResources, StorageError
from pacs_framework.storage import ObjectRange, Unsettled
from pacs_framework.testing.faulty_disk import FaultyDisk
from pacs_framework.testing.objects import (
    get,
    key_of,
    keys,
    object_name,
    put,
    put_new,
)
from pacs_storage_filesystem import active_pack, pack_reader
from pacs_storage_filesystem.contract import TestPacks as PacksContract
from pacs_storage_filesystem.naming import Naming
from pacs_storage_filesystem.packed_source import PackedSource
from pacs_storage_filesystem.packing import PackingBackend, open_backend
from pacs_storage_filesystem.record import HEADER, PackKey, deleted_header, records, slot_size

OPEN_TO_READ = 4  # packs that were read or deleted from last stay open


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "objects"


def opened_at(root: Path, *, pack_below: int = 1 << 20, reserve: int = 0) -> PackingBackend:
    return open_backend(root, naming=Naming.HIERARCHICAL, reserve=reserve, pack_below=pack_below)


@pytest.fixture
def backend(root: Path) -> Iterator[PackingBackend]:
    opened = opened_at(root)
    yield opened
    opened.close()


def packs_of(root: Path) -> list[Path]:
    return sorted((root / "_packs").glob("*.pack"))


def given_over(backend: PackingBackend) -> list[Unsettled]:
    """What `hand_over` gives."""
    found: list[Unsettled] = []
    backend.hand_over(found.extend)
    return found


def nothing() -> None:
    """An index that is durable anyway."""


def test_only_small_objects_of_known_size_go_to_packs(root: Path) -> None:
    """What is as large as the limit is a file."""
    backend = opened_at(root, pack_below=100)
    assert PackKey.parse(key_of(backend, size=99))
    assert PackKey.parse(key_of(backend, size=100)) is None
    assert PackKey.parse(backend.key_for(object_name())) is None
    long = "1" * 25
    assert PackKey.parse(key_of(backend, size=99, version=long)) is None, "no room in the header"
    backend.close()


def test_packs_are_read_also_when_none_are_written_any_more(root: Path) -> None:
    """The setting is for new objects."""
    before = opened_at(root)
    key = put(before, key_of(before))
    before.close()
    after = opened_at(root, pack_below=0)
    assert PackKey.parse(key_of(after)) is None
    assert keys(after) == {key}
    assert get(after, key)
    after.delete(key)
    assert keys(after) == set()
    after.close()


def test_an_object_is_durable_when_its_commit_returns(
    backend: PackingBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One synced write; and the pack has its name in durable folders by then."""
    steps: list[str] = []
    fsync, pwritev = os.fsync, os.pwritev

    def name(handle: int) -> str:
        return Path(f"/proc/self/fd/{handle}").readlink().name

    def told_pwritev(handle: int, data: list[memoryview], offset: int, flags: int = 0) -> int:
        steps.append(f"write {name(handle)} {flags == os.RWF_DSYNC}")
        return pwritev(handle, data, offset, flags)

    monkeypatch.setattr(os, "fsync", lambda h: (steps.append(f"sync {name(h)}"), fsync(h))[1])
    monkeypatch.setattr(os, "pwritev", told_pwritev)
    key = key_of(backend)
    packed = PackKey.parse(key)
    assert packed
    assert {"sync _packs", "sync objects", "sync unsettled"} <= set(steps)
    steps.clear()
    put(backend, key)
    assert steps == [f"write {packed.pack}.pack True"]


@pytest.fixture
def cached(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file system that knows no O_DIRECT."""
    opened = os.open

    def refuse(path: Any, flags: int, *rest: Any, **more: Any) -> int:
        if flags & os.O_DIRECT:
            raise OSError(errno.EINVAL, "Invalid argument")
        return opened(path, flags, *rest, **more)

    monkeypatch.setattr(os, "open", refuse)


@pytest.mark.usefixtures("cached")
class TestPackedThroughTheCache(PacksContract):
    """The laws hold without O_DIRECT."""


@pytest.mark.usefixtures("cached")
def test_without_direct_writes_each_is_synced_on_its_own(
    backend: PackingBackend, pacs_faulty_disk: FaultyDisk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before its commit returns; and after a failure no other write of the pack succeeds."""
    synced: list[str] = []
    fdatasync = os.fdatasync
    first, second = key_of(backend, 1), key_of(backend, 2)
    with monkeypatch.context() as patch:
        patch.setattr(os, "fdatasync", lambda handle: (synced.append(first), fdatasync(handle))[1])
        put(backend, first)
    assert synced == [first]
    pacs_faulty_disk.fail("fdatasync", errno.EIO, times=1)
    with pytest.raises(StorageError):
        put(backend, second)
    third = key_of(backend, 3)
    packs = {found.pack for key in (first, third) if (found := PackKey.parse(key))}
    assert len(packs) == 2
    put(backend, third)
    assert keys(backend) == {first, third}


@pytest.mark.parametrize(
    ("number", "expected"),
    [(errno.ENOSPC, OutOfResources), (errno.EDQUOT, OutOfResources), (errno.EIO, StorageError)],
)
@pytest.mark.parametrize("step", ["pwritev", "fsync", "posix_fallocate", "open"])
def test_a_failing_disk_leaves_nothing_and_the_next_object_is_kept(
    root: Path, pacs_faulty_disk: FaultyDisk, step: str, number: int, expected: type[Exception]
) -> None:
    """At each step of a store, with the error that the contract has for it."""
    backend = opened_at(root)
    pacs_faulty_disk.fail(step, number)
    with pytest.raises(expected):
        put(backend, key_of(backend))
    pacs_faulty_disk.heal()
    assert keys(backend) == set()
    key = put(backend, key_of(backend))
    assert keys(backend) == {key}
    backend.settle(nothing)
    backend.close()
    after = opened_at(root)
    assert all(found.key == key for found in given_over(after))
    assert keys(after) == {key}
    after.close()


def test_after_a_failed_write_the_pack_takes_nothing_more(
    backend: PackingBackend, pacs_faulty_disk: FaultyDisk
) -> None:
    """What else is lost cannot be known; what was durable before stays."""
    kept = put(backend, key_of(backend, 1))
    lost = key_of(backend, 2)
    pacs_faulty_disk.fail("pwritev", errno.EIO, times=1)
    with pytest.raises(StorageError):
        put(backend, lost)
    backend.settled(lost)
    other = put(backend, key_of(backend, 3))
    before, after = PackKey.parse(kept), PackKey.parse(other)
    assert before
    assert after
    assert before.pack != after.pack
    assert keys(backend) == {kept, other}


def _failing(*_: object) -> None:
    raise OSError(errno.EIO, "Input/output error")


def test_packs_that_failed_do_not_stay_open(
    root: Path, backend: PackingBackend, pacs_faulty_disk: FaultyDisk
) -> None:
    """A disk that fails for an hour would else take all descriptors; the markers stay."""
    kept = [put_new(backend, b"kept")]
    backend.settled(kept[0])
    backend.settle(lambda: None)
    opened = Path("/proc/self/fd")
    before = len(list(opened.iterdir()))
    pacs_faulty_disk.fail("pwritev", errno.EIO)
    for number in range(5):
        key = key_of(backend, number, size=100)
        with pytest.raises(StorageError):
            put(backend, key, bytes(100))
        backend.delete(key)
        backend.settled(key)
        backend.settle(lambda: None)
    assert len(list(opened.iterdir())) <= before + OPEN_TO_READ + 3
    pacs_faulty_disk.heal()
    kept.append(put_new(backend, b"kept, too"))
    assert len(list((root / "_packs" / "unsettled").glob("*/*"))) == 6
    sizes = [path.stat().st_size for path in packs_of(root)]
    assert sum(size >= 1 << 20 for size in sizes) == 2  # that and the last one that failed
    backend.settled(kept[1])
    backend.settle(lambda: None)
    backend.close()
    after = opened_at(root)
    assert given_over(after) == []
    assert [get(after, key) for key in kept] == [b"kept", b"kept, too"]
    assert not list((root / "_packs" / "unsettled").iterdir())
    after.close()


def test_the_reserve_is_kept(root: Path) -> None:
    """Before anything is written, as often as it is tried."""
    backend = opened_at(root, reserve=1 << 60)
    for _ in range(3):
        with pytest.raises(OutOfResources):
            key_of(backend)
    assert packs_of(root) == []
    assert not list((root / "_packs" / "unsettled").iterdir())
    backend.close()


@pytest.mark.parametrize("step", ["fsync", "open"])
def test_a_pack_that_cannot_be_made_leaves_no_file_open(
    root: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """A full disk may last for hours, and every instance tries again."""
    backend = opened_at(root)
    opened, folder = os.open, Path("/proc/self/fd")

    def fail(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    def fail_for_packs(path: Any, flags: int, *rest: Any, **more: Any) -> int:
        if str(path).endswith(".pack") and flags & os.O_DIRECT:
            fail()
        return opened(path, flags, *rest, **more)

    before = len(list(folder.iterdir()))
    with monkeypatch.context() as patch:
        if step == "open":
            patch.setattr(os, "open", fail_for_packs)
        else:
            patch.setattr(os, "fsync", fail)
        for _ in range(3):
            with pytest.raises(OutOfResources):
                key_of(backend)
    assert len(list(folder.iterdir())) == before
    assert packs_of(root) == []
    assert not list((root / "_packs" / "unsettled").iterdir())
    put(backend, key_of(backend))
    backend.close()


def test_a_key_that_was_not_given_out_is_refused(backend: PackingBackend) -> None:
    """Nor is another size taken for one that was: it would write over its neighbour."""
    with pytest.raises(StorageError):
        backend.begin("packs/0123456789abcdef/0-5-1", size=5)
    key = key_of(backend, size=5)
    with pytest.raises(StorageError):
        backend.begin(key, size=6)
    with backend.begin(key) as writer, pytest.raises(StorageError):
        writer.write(b"123456")
    with backend.begin(key) as writer:
        writer.write(b"1234")
        with pytest.raises(StorageError):
            writer.commit()
    assert keys(backend) == set()


def test_a_full_pack_is_followed_by_another(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The full one is sealed when it is settled: cut to its records, and no marker left."""
    monkeypatch.setattr(active_pack, "_FULL", 100_000)
    backend = opened_at(root)
    sizes = dict.fromkeys(range(1, 41), 5000)
    stored = {put_new(backend, b"x" * size, n): size for n, size in sizes.items()}
    assert len(packs_of(root)) > 1
    backend.settle(nothing)
    markers = list((root / "_packs" / "unsettled").glob("*/*"))
    assert len(markers) == 1, "only that of the pack in use"
    backend.close()
    assert not list((root / "_packs" / "unsettled").iterdir())
    assert sum(p.stat().st_size for p in packs_of(root)) == 40 * slot_size(5000)
    after = opened_at(root)
    assert {found.key: found.size for found in after.list()} == stored
    assert given_over(after) == []
    after.close()


def test_a_process_that_stored_nothing_leaves_nothing(root: Path) -> None:
    """No pack, no marker."""
    backend = opened_at(root)
    key = key_of(backend)
    backend.settled(key)
    backend.settle(nothing)
    backend.close()
    assert packs_of(root) == []
    assert not list((root / "_packs" / "unsettled").iterdir())


# --- deleting -------------------------------------------------------------------------------


def blocks(root: Path) -> int:
    return sum(path.stat().st_blocks for path in packs_of(root)) * 512


def test_deleting_gives_the_blocks_back(root: Path) -> None:
    """Of one object at once, and of the last one the pack itself."""
    backend = opened_at(root)
    stored = [put_new(backend, bytes([n]) * 10_000, n) for n in range(1, 11)]
    backend.settle(nothing)
    backend.close()
    after = opened_at(root)
    full = blocks(root)
    after.delete(stored[0])
    assert blocks(root) <= full - 8192
    for key in stored[1:]:
        after.delete(key)
    assert packs_of(root) == []
    after.close()


def test_a_deletion_that_was_killed_gives_the_blocks_back_when_it_is_repeated(root: Path) -> None:
    """Between saying that the object is gone and making the hole."""
    backend = opened_at(root)
    stored = [put_new(backend, bytes([n]) * 10_000, n) for n in range(1, 4)]
    backend.settle(nothing)
    backend.close()
    (path,) = packs_of(root)
    key = PackKey.parse(stored[0])
    assert key is not None
    with path.open("r+b") as pack:
        pack.seek(key.offset)
        pack.write(deleted_header(key))
    after = opened_at(root)
    full = blocks(root)
    assert stored[0] not in keys(after)
    after.delete(stored[0])
    assert blocks(root) <= full - 8192
    assert keys(after) == set(stored[1:])
    after.close()


def test_an_object_that_is_deleted_while_it_is_opened_is_whole_or_missing(
    backend: PackingBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Never the zeros of the hole that it left."""
    key = put_new(backend, b"x" * 100_000)
    preadv = os.preadv

    def delete_after(handle: int, buffers: list[memoryview], offset: int) -> int:
        monkeypatch.setattr(os, "preadv", preadv)
        found = preadv(handle, buffers, offset)
        backend.delete(key)
        return found

    monkeypatch.setattr(os, "preadv", delete_after)
    with pytest.raises(ObjectNotFound):
        backend.open(key)


def test_ranges_near_each_other_are_fetched_as_one(
    backend: PackingBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In one call; what lies far away, is in another pack or goes back has a call of its own."""
    small = [put_new(backend, b"x" * 5000, number) for number in range(1, 4)]
    large = [put_new(backend, b"y" * 100_000, number) for number in range(4, 6)]
    strange = "packs/0123456789abcdef/0-5000-1"
    asked: list[tuple[int, int]] = []
    monkeypatch.setattr(
        os, "posix_fadvise", lambda _handle, start, length, _: asked.append((start, length))
    )
    backend.expect([ObjectRange(key, 100, 1000) for key in [*small, *large, strange, small[0]]])
    offsets = [parsed.offset for key in [*small, *large] if (parsed := PackKey.parse(key))]
    starts = [offset + HEADER.size + 100 for offset in offsets]
    assert asked == [
        (starts[0], starts[3] + 1000 - starts[0]),
        (starts[4], 1000),
        (starts[0], 1000),
    ]


def test_a_closed_object_is_not_read_any_more(backend: PackingBackend) -> None:
    """Its buffer may hold another one by then."""
    key = put_new(backend, b"mine")
    source = backend.open(key)
    source.close()
    source.close()
    with pytest.raises(ValueError, match="closed"):
        source.read()


@given(offset=st.integers(0, 310_000), length=st.none() | st.integers(0, 310_000))
@settings(max_examples=200, deadline=None)
def test_any_range_of_a_large_object_is_right(
    large: tuple[PackingBackend, str, bytes], offset: int, length: int | None
) -> None:
    """Whatever the bytes beside it are."""
    backend, key, data = large
    end = None if length is None else offset + length
    with backend.open(key, offset=offset, length=length) as source:
        assert isinstance(source, PackedSource)
        with source.held() as whole:
            assert whole == data[offset:end]
        first = source.read(100)
        rest = bytearray(400_000)
        count = source.readinto(memoryview(rest))
    assert first + rest[:count] == data[offset:end]


@pytest.fixture(scope="module")
def large(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[PackingBackend, str, bytes]]:
    """An object between two others."""
    backend = opened_at(tmp_path_factory.mktemp("packs"))
    data = os.urandom(300_000)
    put_new(backend, b"before", 1)
    key = put_new(backend, data, 2)
    put_new(backend, b"behind", 3)
    backend.open(key).close()  # the pack stays open for all who read
    yield backend, key, data
    backend.close()


def test_objects_larger_than_the_buffers_are_read_too(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They were packed when the limit was another one."""
    monkeypatch.setattr(pack_reader, "_LARGEST", 4096)
    backend = opened_at(root)
    data = os.urandom(10_000)
    key = put_new(backend, data)
    assert get(backend, key) == data
    with backend.open(key, offset=9_000) as source:
        assert source.read() == data[9_000:]
    backend.close()


def test_a_pack_in_use_stays_when_its_objects_are_deleted(backend: PackingBackend) -> None:
    """Somebody is about to write to it."""
    backend.delete(put(backend, key_of(backend, 1)))
    key = put(backend, key_of(backend, 2))
    assert keys(backend) == {key}


def test_where_holes_cannot_be_made_the_object_is_gone_all_the_same(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its bytes are passed over, whatever they are."""

    def cannot(*_: object) -> None:
        raise OSError(errno.EOPNOTSUPP, "Operation not supported")

    monkeypatch.setattr(pack_reader, "_punch", cannot)
    backend = opened_at(root)
    first = put_new(backend, b"\0" * 60_000, 1)
    other = put_new(backend, b"other", 2)
    backend.delete(first)
    assert keys(backend) == {other}
    with pytest.raises(ObjectNotFound):
        backend.open(first)
    with pytest.raises(ObjectNotFound):
        backend.stat(first)
    backend.close()


# --- crashes --------------------------------------------------------------------------------

KILLED = """
import os, sys
from pathlib import Path
from pacs_framework.testing.objects import key_of
from pacs_storage_filesystem.naming import Naming
from pacs_storage_filesystem.packed_source import PackedSource
from pacs_storage_filesystem.packing import open_backend

backend = open_backend(
    Path(sys.argv[1]), naming=Naming.HIERARCHICAL, reserve=0, pack_below=65536
)
settled = int(sys.argv[3])
for number in range(int(sys.argv[2])):
    data = bytes([number % 251]) * (1000 + 37 * number)
    key = key_of(backend, number, size=len(data))
    with backend.begin(key, size=len(data), note=b"note %d" % number) as writer:
        writer.write(data)
        writer.commit()
    if number < settled:
        backend.settled(key)
    if number + 1 == settled:
        backend.settle(lambda: None)
    print(key, flush=True)
os.kill(os.getpid(), 9)
"""


def killed_after(root: Path, objects: int, settled: int) -> dict[str, bytes]:
    """What a process had committed when it was killed, by key, in order."""
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(root), str(objects), str(settled)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == -9, done.stderr
    return {
        key: bytes([n % 251]) * (1000 + 37 * n) for n, key in enumerate(done.stdout.splitlines())
    }


@pytest.mark.parametrize(("objects", "settled"), [(1, 0), (30, 0), (30, 12), (30, 30)])
def test_what_was_not_settled_is_handed_over_once(root: Path, objects: int, settled: int) -> None:
    """With its note, in the order in which it came; and nothing is lost by it."""
    committed = killed_after(root, objects, settled)
    after = opened_at(root)
    expected = [Unsettled(key, b"note %d" % n) for n, key in enumerate(committed) if n >= settled]
    assert given_over(after) == expected
    assert {key: get(after, key) for key in committed} == committed
    assert given_over(after) == []
    assert not list((root / "_packs" / "unsettled").iterdir())
    after.close()


def test_what_is_not_taken_comes_again(root: Path) -> None:
    """The index failed while it took it in."""
    committed = killed_after(root, 5, 0)
    after = opened_at(root)

    def fail(_: Iterator[Unsettled]) -> None:
        raise StorageError("not now")

    with pytest.raises(StorageError):
        after.hand_over(fail)
    assert [found.key for found in given_over(after)] == list(committed)
    after.close()


@pytest.mark.parametrize("left", [b"", b"00", bytes(16), b"not hexadecimal!"])
def test_a_torn_marker_means_that_everything_is_looked_at(root: Path, left: bytes) -> None:
    """A start does not fail for it, and hands over more, not less."""
    committed = killed_after(root, 5, 3)
    [marker] = (root / "_packs" / "unsettled").glob("*/*")
    marker.write_bytes(left)
    after = opened_at(root)
    assert [found.key for found in given_over(after)] == list(committed)
    after.close()


def test_a_pack_that_cannot_be_read_is_a_failure_of_the_storage(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And what it holds comes again at the next start."""
    committed = killed_after(root, 5, 0)
    after = opened_at(root)
    with monkeypatch.context() as patch:
        patch.setattr(os, "pread", _failing)
        with pytest.raises(StorageError):
            given_over(after)
    assert [found.key for found in given_over(after)] == list(committed)
    after.close()


def test_a_torn_record_is_no_object(root: Path) -> None:
    """Whatever a power cut left of it: nobody was told that it is there."""
    committed = killed_after(root, 10, 0)
    torn = list(committed)[4]
    packed = PackKey.parse(torn)
    assert packed
    [pack] = packs_of(root)
    with pack.open("r+b") as file:
        file.seek(packed.offset + 500)
        file.write(b"torn")
    after = opened_at(root)
    whole = [key for key in committed if key != torn]
    assert [found.key for found in given_over(after)] == whole
    assert keys(after) == set(whole)
    with pytest.raises(ObjectNotFound):
        after.stat(torn)
    after.close()


def test_a_record_inside_an_object_is_not_taken_for_one(root: Path) -> None:
    """A peer may send an object that holds a copied record, and then have the outer one damaged."""
    backend = opened_at(root)
    inner_key = put_new(backend, b"inner", 1)
    inner = PackKey.parse(inner_key)
    assert inner
    [pack] = packs_of(root)
    record = pack.read_bytes()[inner.offset : inner.offset + slot_size(5)]
    outer_key = put_new(backend, (b"\0" * 4032 + record) * 2, 2)
    outer = PackKey.parse(outer_key)
    assert outer
    assert record in pack.read_bytes()[outer.offset :], "aligned as a record would be"
    with pack.open("r+b") as file:
        file.seek(outer.offset)
        file.write(b"damaged")
    assert keys(backend) == {inner_key}
    backend.close()


@given(
    places=st.lists(st.integers(0, 70_000), min_size=1, max_size=20), noise=st.binary(min_size=1)
)
@settings(max_examples=50, deadline=None)
def test_a_damaged_pack_gives_only_what_is_whole(
    tmp_path_factory: pytest.TempPathFactory, places: list[int], noise: bytes
) -> None:
    """Noise at any place costs the objects that it hits, and no other."""
    root = tmp_path_factory.mktemp("packs")
    backend = opened_at(root)
    stored = {put_new(backend, bytes([n]) * 900 * n, n): n for n in range(1, 8)}
    backend.settle(nothing)
    backend.close()
    [pack] = packs_of(root)
    before = pack.read_bytes()
    damaged = bytearray(before)
    for place in places:
        damaged[place : place + len(noise)] = noise
    damaged = damaged[: len(before)]
    pack.write_bytes(damaged)
    with pack.open("rb") as file:
        found = {record.key: bytes(record.data) for record in records(file.fileno(), pack.stem)}
    for key, number in stored.items():
        packed = PackKey.parse(key)
        assert packed
        end = packed.offset + 64 + packed.size
        if damaged[packed.offset : end] == before[packed.offset : end]:
            assert found[key] == bytes([number]) * 900 * number
    assert found.keys() <= stored.keys()
    for key, data in found.items():
        assert data == bytes([stored[key]]) * 900 * stored[key]
