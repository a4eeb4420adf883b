"""Laws of storage backends: keys and lists."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice

import pytest

from pacs_framework.storage import StorageBackend
from pacs_framework.testing.objects import SOME, get, key_of, keys, put, put_new
from pacs_framework.testing.suites.storage_laws.scene import StorageScene

__all__ = ["Listing"]

_CLOCKS_DIFFER = dt.timedelta(hours=2)  # less than any of the time zones is off
_ROUNDED = dt.timedelta(seconds=1)


class Listing(StorageScene, suite=True):
    """Sizes, times and keys, whatever a peer calls its patients."""

    def test_list_and_stat_tell_key_size_and_time(self, backend: StorageBackend) -> None:
        """Of every object, once."""
        before = dt.datetime.now(dt.UTC) - dt.timedelta(minutes=5)
        sizes = {put_new(backend, b"x" * n, n): n for n in range(1, 20)}
        listed = list(backend.list())
        assert {found.key: found.size for found in listed} == sizes
        assert len(listed) == len(sizes)
        for found in listed:
            stat = backend.stat(found.key)
            assert (stat.key, stat.size) == (found.key, found.size)
            # A store may tell one time in two ways: rounded, or by another of its clocks.
            assert abs(stat.committed - found.committed) <= _ROUNDED
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
