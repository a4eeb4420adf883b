"""A store that is away, slow, or answers half: nothing is lost, nothing half is given out."""

from __future__ import annotations

import pytest

from pacs_framework.errors import ObjectNotFound, StorageError
from pacs_framework.testing.objects import content, get, keys, put, put_new
from pacs_framework.testing.suites.bucket_faults import FaultySuite
from pacs_framework.testing.suites.bucket_uploads import UploadsSuite

LARGE = 11 << 20  # three parts


class TestFaults(FaultySuite):
    """Of every bucket; what Google's has besides is below."""


class TestUploads(UploadsSuite):
    """The begin of an upload and its parts."""


@pytest.mark.parametrize("fault", ["503", "reset", "lost"])
def test_the_end_of_an_upload_is_tried_again(place, proxy, fault) -> None:
    """After its begin and three parts."""
    backend = place.open(endpoint=proxy.endpoint, budget=6)
    made = proxy.refuse(503) if fault == "503" else getattr(proxy, fault)
    proxy.faults = [None] * 4 + [made]
    key = put_new(backend, content(1, LARGE))
    assert proxy.faults == []
    same = get(place.open(), key) == content(1, LARGE)
    assert same


def test_an_end_that_is_answered_with_an_error_is_no_object(place, proxy) -> None:
    """S3 and Google say 200 before they know how it goes on: the body tells."""
    proxy.faults = [None] * 4 + [proxy.refuse(200, "InternalError")]
    with pytest.raises(StorageError, match=r"^cannot complete an upload: "):
        put_new(place.open(endpoint=proxy.endpoint), content(1, LARGE))


def test_a_bucket_that_is_not_there_is_no_missing_object(place) -> None:
    """Else `pacs verify` would call every instance lost for a slip in the configuration."""
    key = put_new(place.open(), b"x")
    elsewhere = type(place)(place.server, place.folder, "gs://nobucket/x")
    backend = elsewhere.open()
    calls = {
        "put": lambda: put(backend, key, b"x"),
        "list": lambda: list(backend.list()),
        "look": lambda: backend.stat(key),
        "read": lambda: get(backend, key),
        "read a range": lambda: backend.open(key, offset=1 << 20),
        "delete": lambda: backend.delete(key),
        "start": backend.recover,
    }
    try:
        for call in calls.values():
            with pytest.raises(StorageError, match="NoSuchBucket; make the bucket") as raised:
                call()
            assert not isinstance(raised.value, ObjectNotFound)
    finally:
        elsewhere.close()


def test_an_archive_does_not_start_without_rights(place, proxy) -> None:
    proxy.always = proxy.refuse(403, "AccessDenied")
    with pytest.raises(StorageError, match="AccessDenied; look at the rights of its credentials"):
        place.open(endpoint=proxy.endpoint).recover()


def test_deleting_what_is_not_there_is_no_error(place, proxy) -> None:
    """Also where the store deleted it and nobody heard of that."""
    backend = place.open(endpoint=proxy.endpoint)
    key = put_new(backend, b"x")
    backend.delete(key)
    backend.delete(key)
    assert keys(backend) == set()


@pytest.mark.parametrize("size", [5000, LARGE])
def test_objects_go_into_the_storage_class_that_is_set(place, proxy, size) -> None:
    """One that is sent at once, and one that is put together of parts."""
    seen = []

    def watched(exchange) -> bool:
        seen.append((exchange.headers["x-goog-storage-class"], "uploadId=" in exchange.path))
        return False

    proxy.always = watched
    put_new(place.open(endpoint=proxy.endpoint, storage_class="NEARLINE"), content(1, size))
    assert [storage_class for storage_class, goes_on in seen if not goes_on] == ["NEARLINE"]
