"""What the archive has in memory goes into a bucket from there, with the digests of its arrival."""

from __future__ import annotations

import re

import obstore
import pytest
from obstore.store import MemoryStore

from pacs_framework.buckets.address import Address
from pacs_framework.buckets.backend import BucketBackend
from pacs_framework.buckets.connecting import Stores
from pacs_framework.buckets.objects import Objects
from pacs_framework.buckets.sealing import Keys
from pacs_framework.errors import StorageError
from pacs_framework.testing.objects import content, digests_of, get, key_of, put_received

PART = 1000


class Place(Address):
    form, buckets, section = "x://B", re.compile("b"), "plugin.x"


class Backend(BucketBackend):
    read_back = False

    def reads_back(self) -> bool:
        return self.read_back


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


def backend(store: MemoryStore, key: bytes | None = None) -> Backend:
    objects = Objects(Place(bucket="b", prefix=""), Stores(small=store, streams=store), {})
    return Backend(objects, Keys.of(key, [], label=b"x"), part_size=PART)


def test_its_digests_are_those_of_the_arrival_and_no_byte_is_copied(
    store: MemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    put, sent = obstore.put, []
    monkeypatch.setattr(
        obstore, "put", lambda s, p, d, **more: (sent.append(d), put(s, p, d, **more))[1]
    )
    data = memoryview(content(1, PART))
    opened = backend(store)
    key = key_of(opened)
    opened.put_bytes(key, data, digests=digests_of(bytes(data)))
    assert sent == [data]
    assert sent[0] is data
    first, rest = digests_of(bytes(data))[1:]
    metadata = obstore.get(store, key).attributes
    assert metadata == {"pacs-sha256-split": f"132-{first.hex()}-{rest.hex()}"}


def test_a_large_one_goes_up_in_parts(store: MemoryStore) -> None:
    opened = backend(store)
    data = content(1, PART + 1)
    key = put_received(opened, data)
    assert obstore.get(store, key).attributes == {}
    assert get(opened, key) == data


def test_a_sealed_one_has_a_digest_of_what_is_stored(store: MemoryStore) -> None:
    """Not of its bytes: that would tell who has the same."""
    opened = backend(store, b"k" * 32)
    data = content(1, PART // 2)
    key = put_received(opened, data)
    assert list(obstore.get(store, key).attributes) == ["pacs-sha256"]
    assert get(opened, key) == data


@pytest.mark.parametrize("read_back", [False, True])
def test_other_bytes_than_those_that_came_in_are_never_given_out(
    store: MemoryStore, read_back: bool
) -> None:
    opened = backend(store)
    opened.read_back = read_back
    came_in = digests_of(content(1, PART))
    if read_back:
        with pytest.raises(StorageError, match="the store gives back other bytes"):
            put_received(opened, content(2, PART), digests=came_in)
        return
    key = put_received(opened, content(2, PART), digests=came_in)
    with pytest.raises(StorageError, match="it was damaged in the store"):
        get(opened, key)


def test_no_object_is_put_under_a_strange_key(store: MemoryStore) -> None:
    with pytest.raises(StorageError, match="is no key of this storage"):
        backend(store).put_bytes("../x", memoryview(b"x"), digests=digests_of(b"x"))
    assert list(obstore.list(store)) == []
