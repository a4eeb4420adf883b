"""The laws of storage backends: inherit `StorageSuite` and give the fixture ``opener``.

::

    class TestMyBackend(StorageSuite):
        @pytest.fixture
        def opener(self, tmp_path):
            return partial(MyBackend, tmp_path / "objects")

The opener opens a place that is empty at the beginning of each test, and may be called several
times, in several processes at once: it is pickled. Only a backend that is meant to forget
everything (``durable = False``) gives the fixture ``backend`` instead.

The kernel relies on all of the laws.
"""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from itertools import count, islice
from pathlib import Path
from typing import ClassVar

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pacs_framework.errors import IndexUnavailable, ObjectNotFound, OutOfResources
from pacs_framework.storage import StorageBackend, Unsettled
from pacs_framework.testing.objects import (
    SOME,
    content,
    get,
    key_of,
    keys,
    object_name,
    put,
    put_new,
)
from pacs_framework.testing.suites.storing import Opener, Storing, Task
from pacs_framework.testing.suites.suite import Suite, needs
from pacs_framework.testing.suites.syncing import Syncs, watched_syncs
from pacs_framework.testing.threads import run_in_threads

__all__ = ["StorageSuite"]

_SIZE = 5000
_LARGE = (1 << 20) + 3
_MANY = 10_000
_FAR_TOO_MUCH = 1 << 50
_CLOCKS_DIFFER = dt.timedelta(hours=2)  # less than any of the time zones is off
_NOTE = b"from here \x00\xff" * 20


class StorageSuite(Suite, suite=True):
    """Every law of `pacs_framework.storage.StorageBackend`."""

    durable: ClassVar[bool] = True
    """Objects outlive the process, and other processes see them. False only for a backend that is
    meant to forget, such as one in memory for tests.
    """

    remembers: ClassVar[bool] = False
    """It remembers objects of a few kilobytes until they are settled, and hands them over after a
    crash (see `pacs_framework.storage`).
    """

    syncs_elsewhere: ClassVar[str] = ""
    """Why nobody can see a sync in this process: a database or another machine does it, and says
    so before `commit` returns. Its tests have to show that in some other way.
    """

    measures_room: ClassVar[bool] = False
    """`free_space` is a number, and `begin` refuses an object of more bytes."""

    # --- what a subclass gives ------------------------------------------------------------------

    @pytest.fixture
    def opener(self) -> Opener:
        """A function that opens the place of this test; it can be pickled."""
        raise NotImplementedError(f"{type(self).__qualname__} needs a fixture 'opener'")

    @pytest.fixture
    def backend(self, opener: Opener) -> Iterator[StorageBackend]:
        """The backend of this test, empty."""
        with closing(opener()) as opened:
            yield opened

    # --- what is written ------------------------------------------------------------------------

    def test_a_committed_object_comes_back_byte_for_byte(self, backend: StorageBackend) -> None:
        """Written in pieces of any kind, read whole."""
        key = key_of(backend, size=10)
        with backend.begin(key) as writer:
            for piece in (b"abc", bytearray(b"defg"), memoryview(b"hij"), b""):
                writer.write(piece)
            writer.commit()
        assert get(backend, key) == b"abcdefghij"

    @pytest.mark.parametrize("size", [1, 4095, 4096, 4097, _LARGE])
    def test_objects_of_any_size_are_kept(self, backend: StorageBackend, size: int) -> None:
        """Around the sizes where a backend may change its ways."""
        data = content(1, size)
        assert get(backend, put_new(backend, data)) == data

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
            writer.write(SOME)
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
                writer.write(SOME)
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
        writer.write(SOME)
        writer.commit()
        writer.abort()
        assert get(backend, key) == SOME

    def test_a_file_is_committed_whole(self, backend: StorageBackend, tmp_path: Path) -> None:
        """By `put_file`, which may take the file away."""
        path = tmp_path / "staged"
        path.write_bytes(SOME * 500)
        key = key_of(backend, size=len(SOME) * 500)
        backend.put_file(key, path)
        assert get(backend, key) == SOME * 500

    def test_a_backend_measures_its_room(self, backend: StorageBackend) -> None:
        """A number of bytes, or None without a limit."""
        free = backend.free_space()
        assert free is None or free > 0

    @needs("measures_room")
    def test_an_object_without_room_is_refused_before_a_byte_of_it_came(
        self, backend: StorageBackend
    ) -> None:
        """By `begin`, and nothing of it stays."""
        free = backend.free_space()
        assert free is not None, "without a limit nothing is measured"
        size = free + _FAR_TOO_MUCH
        with pytest.raises(OutOfResources):
            backend.begin(key_of(backend, size=size), size=size)
        assert keys(backend) == set()
        assert backend.recover() == 0

    # --- what is read ---------------------------------------------------------------------------

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

    def test_any_range_is_read_in_any_pieces(self, backend: StorageBackend) -> None:
        """Of a small object and of a large one, by `read` and `readinto` in turn."""
        stored = [(put_new(backend, d, n), d) for n, d in enumerate(_small_and_large(), 1)]

        @settings(
            max_examples=40,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow],
            database=None,
        )
        @given(
            which=st.sampled_from(range(len(stored))),
            offset=st.integers(0, _SIZE + 10),
            length=st.none() | st.integers(0, 2 * _SIZE),
            piece=st.integers(40, _SIZE),
        )
        def check(which: int, offset: int, length: int | None, piece: int) -> None:
            key, data = stored[which]
            end = None if length is None else offset + length
            found = bytearray()
            buffer = bytearray(piece)
            with backend.open(key, offset=offset, length=length) as source:
                while got := source.readinto(memoryview(buffer)):
                    found += buffer[:got]
                    found += source.read(piece)
            # Not in the assertion: to tell the difference of two long values takes minutes.
            same = bytes(found) == data[offset:end]
            assert same, f"{len(found)} bytes, of which some differ or are missing"

        check()

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

    # --- what is deleted ------------------------------------------------------------------------

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
        data = SOME * 100
        key = put_new(backend, data)
        with backend.open(key) as source:
            first = source.read(10)
            backend.delete(key)
            assert first + source.read() == data

    def test_delete_leaves_the_neighbours(self, backend: StorageBackend) -> None:
        """Of the same series, study and patient."""
        names = [
            object_name(1, size=len(SOME)),
            object_name(2, size=len(SOME)),
            object_name(3, size=len(SOME), series_instance_uid="1.2.3.5"),
            object_name(4, size=len(SOME), study_instance_uid="1.3"),
        ]
        stored = [put(backend, backend.key_for(name)) for name in names]
        backend.delete(stored[0])
        assert keys(backend) == set(stored[1:])

    # --- keys and lists -------------------------------------------------------------------------

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

    @pytest.mark.parametrize("zone", ["WEST+08:00", "EAST-05:30"])
    def test_the_time_of_a_commit_is_the_real_one_in_every_time_zone(
        self, backend: StorageBackend, zone: str
    ) -> None:
        """In UTC, up to what a clock that is being set may be out by."""
        with _time_zone(zone):
            key = put(backend, key_of(backend))
            [listed] = backend.list()
            for found in (backend.stat(key), listed):
                assert found.committed.utcoffset() == dt.timedelta(0), found.committed
                assert abs(dt.datetime.now(dt.UTC) - found.committed) < _CLOCKS_DIFFER

    def test_a_list_goes_on_while_objects_come_and_go(self, backend: StorageBackend) -> None:
        """What was there all the time is listed once; the others once or not at all."""
        stays = {put_new(backend, b"stays", number) for number in range(1, 11)}
        goes = {put_new(backend, b"goes", number) for number in range(11, 21)}
        listing = backend.list()
        found = [each.key for each in islice(listing, 3)]
        for key in goes:
            backend.delete(key)
        comes = {put_new(backend, b"comes", number) for number in range(21, 26)}
        found += [each.key for each in listing]
        assert len(found) == len(set(found))
        assert stays <= set(found) <= stays | goes | comes
        assert keys(backend) == stays | comes

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
        assert get(backend, key) == SOME
        assert keys(backend) == {key}

    # --- many at once ---------------------------------------------------------------------------

    def test_recover_harms_nobody_who_is_writing(self, backend: StorageBackend) -> None:
        """Another process may start while this one stores."""
        key = key_of(backend, size=2 * len(SOME))
        with backend.begin(key) as writer:
            writer.write(SOME)
            assert backend.recover() == 0
            writer.write(SOME)
            writer.commit()
        assert get(backend, key) == SOME * 2

    def test_many_threads_store_and_delete_at_once(self, backend: StorageBackend) -> None:
        """In the same folders: what was committed is there, what was deleted is not."""
        numbers = count(1)
        kept: set[str] = set()

        def work() -> None:
            for turn in range(20):
                number = next(numbers)
                key = put_new(backend, b"%d" % number, number)
                if turn % 4:
                    backend.delete(key)
                else:
                    assert get(backend, key) == b"%d" % number
                    kept.add(key)

        run_in_threads(work, 8)
        assert keys(backend) == kept

    @needs("durable")
    def test_processes_store_and_read_at_once(
        self, backend: StorageBackend, opener: Opener
    ) -> None:
        """Two store, and this one reads each object as soon as it is committed."""
        tasks = [
            Task(opener=opener, first=first, last=first + 19, size=_SIZE) for first in (1, 101)
        ]
        with Storing(tasks[0]) as one, Storing(tasks[1]) as other:
            for mine, theirs in zip(one, other, strict=True):
                for key in (mine, theirs):
                    assert get(backend, key) == content(_number(backend, key), _SIZE)
            one.finish()
            other.finish()
        assert {_number(backend, key) for key in keys(backend)} == {
            *range(1, 21),
            *range(101, 121),
        }

    # --- what outlives a power cut --------------------------------------------------------------

    @needs("durable")
    @pytest.mark.parametrize("size", [_SIZE, _LARGE])
    @pytest.mark.parametrize("way", ["begin", "put_file"])
    def test_what_was_committed_is_synced(
        self, backend: StorageBackend, tmp_path: Path, way: str, size: int
    ) -> None:
        """By `commit`, or `put_file`, before it returns; a name that it gives is synced as well."""
        if self.syncs_elsewhere:
            pytest.skip(f"synced elsewhere: {self.syncs_elsewhere}")
        key = key_of(backend, size=size)
        syncs = _commit_watched(backend, key, content(1, size), tmp_path, way)
        assert syncs.any, (
            "nothing was synced: a power cut takes the object, though its sender was told SUCCESS. "
            "If something else syncs than this process, declare syncs_elsewhere = 'what, and how "
            "it is known'"
        )
        assert not syncs.name_is_last, "the folder of a file that was renamed was not synced"

    # --- what outlives a process ----------------------------------------------------------------

    @needs("durable")
    def test_another_opening_finds_everything(
        self, backend: StorageBackend, opener: Opener
    ) -> None:
        """While the first one is open, and after it was closed."""
        stored = {put_new(backend, content(n, n * 1000), n): n for n in (1, 2, 30)}
        for _ in range(2):
            with closing(opener()) as again:
                assert keys(again) == set(stored)
                for key, number in stored.items():
                    assert get(again, key) == content(number, number * 1000)
            backend.close()

    @needs("durable")
    @pytest.mark.parametrize("objects", [1, 25])
    @pytest.mark.parametrize("size", [_SIZE, _LARGE])
    def test_what_was_committed_outlives_a_killed_process(
        self, opener: Opener, objects: int, size: int
    ) -> None:
        """Every object that was told is there, and none that is listed is half."""
        with Storing(Task(opener=opener, first=1, last=_MANY, size=size)) as storing:
            told = storing.take(objects) + storing.kill()
        with closing(opener()) as backend:
            backend.recover()
            assert set(told) <= keys(backend)
            for key in keys(backend):
                assert get(backend, key) == content(_number(backend, key), size)
            assert backend.recover() == 0

    @needs("durable")
    def test_what_was_not_committed_when_a_process_was_killed_is_gone(self, opener: Opener) -> None:
        """And its leftovers are cleared away by `recover`, once."""
        task = Task(opener=opener, first=1, last=3, size=_LARGE, half=True)
        with Storing(task) as storing:
            *committed, half = storing.take(3)
            storing.kill()
        with closing(opener()) as backend:
            assert keys(backend) == set(committed)
            with pytest.raises(ObjectNotFound):
                backend.open(half)
            backend.recover()
            assert keys(backend) == set(committed)
            assert backend.recover() == 0

    # --- what is remembered ---------------------------------------------------------------------

    def test_capabilities_are_declared(self, backend: StorageBackend) -> None:
        """Who remembers objects is held to the laws of it, and nobody else says so."""
        assert backend.remembers(key_of(backend)) == self.remembers, (
            f"declare remembers = {not self.remembers}"
        )

    def test_what_is_remembered_is_under_way_until_it_is_settled(
        self, backend: StorageBackend
    ) -> None:
        """And `settle` makes the index durable before anything is forgotten."""
        key = key_of(backend)
        with backend.begin(key, size=len(SOME), note=b"from here") as writer:
            writer.write(SOME)
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
        assert get(backend, key) == SOME

    def test_living_processes_hand_nothing_over(self, backend: StorageBackend) -> None:
        """Another process may start while this one stores."""
        key = put(backend, key_of(backend))
        assert _given_over(backend) == []
        assert get(backend, key) == SOME

    @needs("remembers")
    def test_what_a_killed_process_left_is_handed_over_with_its_note(self, opener: Opener) -> None:
        """Once, all that was told; it stays an object like any other."""
        with Storing(Task(opener=opener, first=1, last=_MANY, size=_SIZE, note=_NOTE)) as storing:
            told = storing.take(10) + storing.kill()
        with closing(opener()) as backend:
            given_over = _given_over(backend)
            assert set(told) <= {each.key for each in given_over} <= keys(backend)
            assert {each.note for each in given_over} == {_NOTE}
            assert _given_over(backend) == []
            assert get(backend, told[-1]) == content(_number(backend, told[-1]), _SIZE)

    @needs("remembers")
    def test_what_was_settled_is_not_handed_over_after_all(self, opener: Opener) -> None:
        """What was settled before the kill may come again; what was not must."""
        task = Task(opener=opener, first=1, last=_MANY, size=_SIZE, settled=5)
        with Storing(task) as storing:
            told = storing.take(10) + storing.kill()
        with closing(opener()) as backend:
            found = {each.key for each in _given_over(backend)}
            assert set(told[5:]) <= found
            assert not found & set(told[:5])

    @needs("remembers")
    def test_what_is_not_taken_comes_again(self, opener: Opener) -> None:
        """An exception of the taker passes through, and nothing is forgotten."""
        with Storing(Task(opener=opener, first=1, last=5, size=_SIZE)) as storing:
            told = storing.take(5)
            storing.kill()

        def refuse(unsettled: Iterator[Unsettled]) -> None:
            next(unsettled)
            raise IndexUnavailable("the disk is gone")

        with closing(opener()) as backend, pytest.raises(IndexUnavailable):
            backend.hand_over(refuse)
        with closing(opener()) as backend:
            assert {each.key for each in _given_over(backend)} == set(told)


def _commit_watched(
    backend: StorageBackend, key: str, data: bytes, folder: Path, way: str
) -> Syncs:
    """Commit ``data``; what is synced after the last byte was given."""
    if way == "put_file":
        path = folder / "staged"
        path.write_bytes(data)
        with watched_syncs() as syncs:
            backend.put_file(key, path)
        return syncs
    with backend.begin(key, size=len(data)) as writer:
        writer.write(data)
        with watched_syncs() as syncs:
            writer.commit()
    return syncs


@contextmanager
def _time_zone(zone: str) -> Iterator[None]:
    """Let this process stand in another time zone, named as POSIX does."""
    try:
        with pytest.MonkeyPatch.context() as patched:
            patched.setenv("TZ", zone)
            time.tzset()
            yield
    finally:
        time.tzset()


def _small_and_large() -> list[bytes]:
    return [content(1, _SIZE), content(2, _LARGE)]


def _number(backend: StorageBackend, key: str) -> int:
    """The number that `key_of` was given."""
    return int(backend.version_of(key)[:14], 16)


def _given_over(backend: StorageBackend) -> list[Unsettled]:
    found: list[Unsettled] = []
    backend.hand_over(found.extend)
    return found
