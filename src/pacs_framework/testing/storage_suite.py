"""The laws of storage backends, as tests: inherit `StorageSuite` and give the fixture ``backend``.

::

    class TestMyBackend(StorageSuite):
        @pytest.fixture
        def backend(self, tmp_path):
            backend = MyBackend(...)
            yield backend
            backend.close()

Each test has a backend that is empty. A law that a backend cannot keep is not to be overridden; the
kernel relies on all of them.
"""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Callable
from contextlib import suppress
from itertools import count
from pathlib import Path

import pytest

from pacs_framework.errors import IndexUnavailable, ObjectNotFound
from pacs_framework.storage import ObjectName, StorageBackend

__all__ = ["StorageSuite", "object_name"]

_SOME = b"\x00\x01DICM" * 1000


def object_name(number: int = 1, *, size: int | None = None, **changed: str) -> ObjectName:
    """The name of an object of ``size`` bytes; ``changed`` replaces single fields."""
    fields = {
        "patient_id": "P1",
        "study_instance_uid": "1.2.3",
        "series_instance_uid": "1.2.3.4",
        "sop_instance_uid": f"1.2.3.4.{number}",
        "version": f"{number:014x}0123456789",
        **changed,
    }
    received = dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC)
    return ObjectName(received=received, size=size, **fields)


def key_of(
    backend: StorageBackend, number: int = 1, *, size: int | None = None, **changed: str
) -> str:
    """The key of a new object, of the size of ``_SOME`` unless told, as the ingest door has it."""
    return backend.key_for(
        object_name(number, size=len(_SOME) if size is None else size, **changed)
    )


def put(backend: StorageBackend, key: str, data: bytes = _SOME) -> str:
    """Commit ``data`` under ``key``, and settle it."""
    with backend.begin(key, size=len(data)) as writer:
        writer.write(data)
        writer.commit()
    backend.settled(key)
    return key


def put_new(backend: StorageBackend, data: bytes, number: int = 1) -> str:
    """Commit ``data`` as a new object; its key."""
    return put(backend, key_of(backend, number, size=len(data)), data)


def get(backend: StorageBackend, key: str) -> bytes:
    """The whole object."""
    with backend.open(key) as source:
        return source.read()


def keys(backend: StorageBackend) -> set[str]:
    """Every key that the backend lists."""
    return {found.key for found in backend.list()}


class StorageSuite:
    """Every law of `pacs_framework.storage.StorageBackend`."""

    def test_a_committed_object_comes_back_byte_for_byte(self, backend: StorageBackend) -> None:
        """Written in pieces of any kind, read whole."""
        key = key_of(backend, size=10)
        with backend.begin(key) as writer:
            for piece in (b"abc", bytearray(b"defg"), memoryview(b"hij"), b""):
                writer.write(piece)
            writer.commit()
        assert get(backend, key) == b"abcdefghij"

    def test_what_was_written_is_not_kept_by_reference(self, backend: StorageBackend) -> None:
        """The caller may use its buffer again."""
        key = key_of(backend, size=5)
        buffer = bytearray(b"first")
        with backend.begin(key) as writer:
            writer.write(buffer)
            buffer[:] = b"other"
            writer.commit()
        assert get(backend, key) == b"first"

    def test_nobody_sees_an_object_before_its_commit(self, backend: StorageBackend) -> None:
        """Neither by its key nor in the list."""
        key = key_of(backend)
        with backend.begin(key) as writer:
            writer.write(_SOME)
            assert keys(backend) == set()
            with pytest.raises(ObjectNotFound):
                backend.open(key)
            writer.commit()
        assert keys(backend) == {key}

    @pytest.mark.parametrize("end", ["abort", "leave", "raise"])
    def test_without_commit_nothing_stays(self, backend: StorageBackend, end: str) -> None:
        """By `abort`, by leaving the block, and by an exception in it."""
        key = key_of(backend)
        try:
            with backend.begin(key) as writer:
                writer.write(_SOME)
                if end == "abort":
                    writer.abort()
                    writer.abort()
                elif end == "raise":
                    raise KeyError(end)  # noqa: TRY301 - any exception ends the block
        except KeyError:
            pass
        assert keys(backend) == set()
        assert backend.recover() == 0

    def test_abort_after_commit_is_harmless(self, backend: StorageBackend) -> None:
        """So ``with`` needs no condition."""
        key = key_of(backend)
        writer = backend.begin(key)
        writer.write(_SOME)
        writer.commit()
        writer.abort()
        assert get(backend, key) == _SOME

    def test_ranges_are_cut_at_both_ends(self, backend: StorageBackend) -> None:
        """From ``offset``, ``length`` bytes, and never beyond the end."""
        data = bytes(range(200))
        key = put_new(backend, data)
        cases: list[tuple[int, int | None]] = [
            (0, None),
            (50, None),
            (50, 20),
            (0, 0),
            (190, 50),
            (200, 10),
        ]
        for offset, length in cases:
            end = None if length is None else offset + length
            with backend.open(key, offset=offset, length=length) as source:
                assert source.read() == data[offset:end], (offset, length)
                assert source.read() == b""

    def test_readinto_fills_buffers_to_the_end(self, backend: StorageBackend) -> None:
        """0 at the end of the range, and the buffer beyond is not touched."""
        data = bytes(range(200))
        key = put_new(backend, data)
        with backend.open(key, offset=10, length=100) as source:
            found = bytearray()
            buffer = bytearray(64)
            while got := source.readinto(memoryview(buffer)):
                found += buffer[:got]
        assert bytes(found) == data[10:110]

    def test_a_missing_object_cannot_be_read(self, backend: StorageBackend) -> None:
        """`open` and `stat` say so."""
        key = key_of(backend)
        with pytest.raises(ObjectNotFound):
            backend.open(key)
        with pytest.raises(ObjectNotFound):
            backend.stat(key)

    def test_delete_of_a_missing_object_is_no_error(self, backend: StorageBackend) -> None:
        """Nor a second time."""
        key = key_of(backend)
        backend.delete(key)
        put(backend, key)
        backend.delete(key)
        backend.delete(key)
        assert keys(backend) == set()
        with pytest.raises(ObjectNotFound):
            backend.open(key)

    def test_who_has_an_object_open_reads_on_after_its_delete(
        self, backend: StorageBackend
    ) -> None:
        """A replaced instance may be on its way out to a peer."""
        data = _SOME * 100
        key = put_new(backend, data)
        with backend.open(key) as source:
            first = source.read(10)
            backend.delete(key)
            assert first + source.read() == data

    def test_delete_leaves_the_neighbours(self, backend: StorageBackend) -> None:
        """Of the same series, study and patient."""
        names = [
            object_name(1, size=len(_SOME)),
            object_name(2, size=len(_SOME)),
            object_name(3, size=len(_SOME), series_instance_uid="1.2.3.5"),
            object_name(4, size=len(_SOME), study_instance_uid="1.3"),
        ]
        stored = [put(backend, backend.key_for(name)) for name in names]
        backend.delete(stored[0])
        assert keys(backend) == set(stored[1:])

    def test_list_and_stat_tell_key_size_and_time(self, backend: StorageBackend) -> None:
        """Of every object, once."""
        before = dt.datetime.now(dt.UTC) - dt.timedelta(minutes=5)
        sizes = {put_new(backend, b"x" * n, n): n for n in range(1, 20)}
        listed = list(backend.list())
        assert {found.key: found.size for found in listed} == sizes
        assert len(listed) == len(sizes)
        for found in listed:
            assert backend.stat(found.key) == found
            assert before < found.committed <= dt.datetime.now(dt.UTC) + dt.timedelta(minutes=5)

    def test_keys_are_short_differ_by_version_and_tell_it(self, backend: StorageBackend) -> None:
        """An overwrite never meets the object that it replaces."""
        versions = [f"{n:014x}0123456789" for n in range(50)]
        made = [key_of(backend, version=version) for version in versions]
        assert len(set(made)) == len(versions)
        assert all(1 <= len(key) <= 512 for key in made)
        assert [backend.version_of(key) for key in made] == versions
        assert isinstance(backend.version_of("stray"), str)

    @pytest.mark.parametrize(
        "patient_id", ["", "..", "../../x", "a/b", "\0", "x" * 5000, "Ä~\n", "CON", "*?|"]
    )
    def test_a_patient_id_may_be_anything(self, backend: StorageBackend, patient_id: str) -> None:
        """Free text from a peer never names a place outside."""
        key = put(backend, key_of(backend, patient_id=patient_id))
        assert get(backend, key) == _SOME
        assert keys(backend) == {key}

    def test_a_file_is_committed_whole(self, backend: StorageBackend, tmp_path: Path) -> None:
        """By `put_file`, which may take the file away."""
        path = tmp_path / "staged"
        path.write_bytes(_SOME * 500)
        key = key_of(backend, size=len(_SOME) * 500)
        backend.put_file(key, path)
        assert get(backend, key) == _SOME * 500

    def test_a_backend_measures_its_room(self, backend: StorageBackend) -> None:
        """A number of bytes, or None without a limit."""
        free = backend.free_space()
        assert free is None or free > 0

    def test_recover_harms_nobody_who_is_writing(self, backend: StorageBackend) -> None:
        """Another process may start while this one stores."""
        key = key_of(backend, size=2 * len(_SOME))
        with backend.begin(key) as writer:
            writer.write(_SOME)
            assert backend.recover() == 0
            writer.write(_SOME)
            writer.commit()
        assert get(backend, key) == _SOME * 2

    def test_many_threads_store_and_delete_at_once(self, backend: StorageBackend) -> None:
        """In the same folders: what was committed is there, what was deleted is not."""
        numbers = count(1)
        kept: set[str] = set()
        failures: list[BaseException] = []

        def work() -> None:
            try:
                for turn in range(20):
                    number = next(numbers)
                    key = put_new(backend, b"%d" % number, number)
                    if turn % 4:
                        backend.delete(key)
                    else:
                        assert get(backend, key) == b"%d" % number
                        kept.add(key)
            except BaseException as error:  # noqa: BLE001 - told by the main thread
                failures.append(error)

        run_in_threads(work, 8)
        assert failures == []
        assert keys(backend) == kept

    def test_what_is_remembered_is_under_way_until_it_is_settled(
        self, backend: StorageBackend
    ) -> None:
        """And `settle` makes the index durable before anything is forgotten."""
        key = key_of(backend)
        with backend.begin(key, size=len(_SOME), note=b"from here") as writer:
            writer.write(_SOME)
            writer.commit()
        remembered = backend.remembers(key)
        assert (key in backend.under_way()) is remembered
        backend.settle(lambda: None)
        assert (key in backend.under_way()) is remembered, "it was not settled yet"
        backend.settled(key)

        def sync() -> None:
            assert (key in backend.under_way()) is remembered, "forgotten before the sync"

        backend.settle(sync)
        assert key not in backend.under_way()

    def test_what_cannot_be_synced_is_not_forgotten(self, backend: StorageBackend) -> None:
        """The index failed: next time, then."""
        key = put(backend, key_of(backend))
        called = False

        def fail() -> None:
            nonlocal called
            called = True
            raise IndexUnavailable("the disk is gone")

        with suppress(IndexUnavailable):
            backend.settle(fail)
        assert (key in backend.under_way()) is (called and backend.remembers(key))
        assert get(backend, key) == _SOME

    def test_living_processes_hand_nothing_over(self, backend: StorageBackend) -> None:
        """Another process may start while this one stores."""
        key = put(backend, key_of(backend))
        given: list[str] = []
        backend.hand_over(lambda unsettled: given.extend(found.key for found in unsettled))
        assert given == []
        assert get(backend, key) == _SOME


def run_in_threads(work: Callable[[], None], number: int) -> None:
    """Run ``work`` in ``number`` threads and wait for all of them."""
    threads = [threading.Thread(target=work) for _ in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
