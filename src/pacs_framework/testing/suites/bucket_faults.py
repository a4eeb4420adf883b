"""The laws of a bucket whose store is away, slow, or answers half.

Give the fixtures ``place`` (`BucketPlace`) and ``proxy`` (`pacs_framework.testing.faulty_http`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeAlias

import pytest

from pacs_framework.errors import ObjectNotFound, StorageError
from pacs_framework.storage import StorageBackend
from pacs_framework.testing.faulty_http import Exchange, Fault, Proxy
from pacs_framework.testing.objects import (
    content,
    digests_of,
    get,
    key_of,
    keys,
    put_new,
    put_received,
)
from pacs_framework.testing.suites.bucket_place import BucketPlace
from pacs_framework.testing.suites.suite import Suite

__all__ = ["FaultySuite"]

_SMALL, _LARGE = 5000, 9 << 20  # one request, two parts
_BUDGET = 1.5  # seconds, where the store is to be given up
_AMPLE = 15.0  # seconds, where it is not: the machine may be busy


Put: TypeAlias = Callable[[StorageBackend, bytes], str]


class FaultySuite(Suite, suite=True):
    """Nothing is lost, nothing half is given out."""

    @pytest.fixture
    def reached(self, place: BucketPlace, proxy: Proxy) -> StorageBackend:
        """A backend behind the proxy."""
        return place.open(endpoint=proxy.endpoint, budget=_AMPLE)

    @pytest.fixture
    def impatient(self, place: BucketPlace, proxy: Proxy) -> StorageBackend:
        """One that soon gives up."""
        return place.open(endpoint=proxy.endpoint, budget=_BUDGET)

    # --- in -------------------------------------------------------------------------------------

    @pytest.mark.parametrize("fault", ["503", "500", "reset", "lost"])
    def test_a_store_that_stumbles_gets_the_object_all_the_same(
        self, place: BucketPlace, proxy: Proxy, reached: StorageBackend, fault: str
    ) -> None:
        """Also where the store took it and nobody heard of that."""
        proxy.faults = [_fault(proxy, fault)] * 2
        key = put_new(reached, content(1, _SMALL))
        assert get(place.open(), key) == content(1, _SMALL)

    @pytest.mark.parametrize("fault", ["503", "reset", "silent"])
    @pytest.mark.parametrize("size", [_SMALL, _LARGE])
    def test_a_store_that_stays_away_is_given_up_in_time(
        self, place: BucketPlace, proxy: Proxy, impatient: StorageBackend, fault: str, size: int
    ) -> None:
        """With an error that names the cause, which the sender gets as A700H; nothing is kept."""
        proxy.always = _fault(proxy, fault)
        start = time.monotonic()
        with pytest.raises(StorageError, match=r"^cannot ") as raised:
            put_new(impatient, content(1, size))
        assert time.monotonic() - start < 3 * _BUDGET
        assert raised.value.status == 0xA700
        assert keys(place.open()) == set()

    @pytest.mark.parametrize("size", [_SMALL, _LARGE])
    @pytest.mark.parametrize("put", [put_new, put_received])
    def test_what_arrives_damaged_is_not_acknowledged(
        self, place: BucketPlace, proxy: Proxy, size: int, put: Put
    ) -> None:
        """Where the store keeps it, reading back finds out."""
        backend = place.open(endpoint=proxy.endpoint, check_writes="read-back")
        proxy.always = proxy.flipped
        with pytest.raises(StorageError, match="the store gives back other bytes"):
            put(backend, content(1, size))

    def test_what_changed_in_memory_is_not_acknowledged(self, place: BucketPlace) -> None:
        """Reading back compares with what came in, and not with what was sent."""
        backend = place.open(check_writes="read-back")
        came_in = digests_of(content(1, _SMALL))
        with pytest.raises(StorageError, match="the store gives back other bytes"):
            put_received(backend, content(2, _SMALL), digests=came_in)

    # --- out ------------------------------------------------------------------------------------

    @pytest.mark.parametrize("fault", ["503", "reset", "half"])
    @pytest.mark.parametrize(("size", "offset"), [(_SMALL, 0), (_LARGE, 300)])
    def test_reading_goes_on_where_it_broke_off(
        self,
        place: BucketPlace,
        proxy: Proxy,
        reached: StorageBackend,
        fault: str,
        size: int,
        offset: int,
    ) -> None:
        """As if nothing had been."""
        key = put_new(place.open(), content(1, size))
        proxy.faults = [proxy.half(1000) if fault == "half" else _fault(proxy, fault)]
        with reached.open(key, offset=offset, length=size - offset) as source:
            same = source.read() == content(1, size)[offset:]
        assert same
        assert proxy.faults == []

    @pytest.mark.parametrize("size", [_SMALL, _LARGE])
    def test_half_an_object_is_an_error_and_never_its_end(
        self, place: BucketPlace, proxy: Proxy, impatient: StorageBackend, size: int
    ) -> None:
        """However often it is tried."""
        key = put_new(place.open(), content(1, size))
        proxy.always = proxy.half(0)
        with pytest.raises(StorageError), impatient.open(key) as source:
            source.read()

    @pytest.mark.parametrize("put", [put_new, put_received])
    def test_an_object_that_changed_in_the_store_is_not_given_out(
        self, place: BucketPlace, proxy: Proxy, reached: StorageBackend, put: Put
    ) -> None:
        """A small one is held against its digest before a byte of it goes on."""
        key = put(place.open(), content(1, _SMALL))
        proxy.faults = [proxy.flipped_answer]
        with pytest.raises(StorageError, match="it was damaged in the store"):
            get(reached, key)

    def test_only_what_is_asked_for_of_a_large_object_is_fetched(
        self, place: BucketPlace, proxy: Proxy, reached: StorageBackend
    ) -> None:
        """A frame of a gigabyte is a frame on the wire."""
        key = put_new(place.open(), content(1, _LARGE))
        with _counted(proxy) as sizes, reached.open(key, offset=5 << 20, length=1000) as source:
            assert source.read() == content(1, _LARGE)[5 << 20 :][:1000]
        assert sum(sizes) == 1000

    def test_a_missing_object_is_missing_and_not_away(
        self,
        place: BucketPlace,
        proxy: Proxy,
        reached: StorageBackend,
        impatient: StorageBackend,
    ) -> None:
        """Else `pacs verify` would call every instance lost while the store is away."""
        key = key_of(place.open())
        for offset in (0, 1 << 20):
            with pytest.raises(ObjectNotFound):
                reached.open(key, offset=offset)
        proxy.always = proxy.refuse(503)
        with pytest.raises(StorageError) as raised:
            impatient.open(key)
        assert not isinstance(raised.value, ObjectNotFound)


def _fault(proxy: Proxy, name: str) -> Fault:
    if name.isdigit():
        return proxy.refuse(int(name))
    fault: Callable[[Exchange], bool] = getattr(proxy, name)
    return fault


@contextmanager
def _counted(proxy: Proxy) -> Iterator[list[int]]:
    """The bytes that each answer carries."""
    sizes: list[int] = []

    def count(exchange: Exchange) -> bool:
        status, headers, data = exchange.ask()
        sizes.append(0 if exchange.command == "HEAD" else len(data))
        exchange.answer(status, headers, data)
        return True

    proxy.always = count
    yield sizes
