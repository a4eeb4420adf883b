"""A store that is away, slow, or answers half: nothing is lost, nothing half is given out."""

from __future__ import annotations

import hashlib

import pytest

from pacs_framework.errors import ObjectNotFound, StorageError
from pacs_framework.testing.objects import content, get, keys, put, put_new
from pacs_framework.testing.suites.bucket_faults import FaultySuite

LARGE = 9 << 20
FAST = {"budget": 1.5}


@pytest.fixture
def backend(place, proxy):
    return place.open(endpoint=proxy.endpoint, **FAST)


class TestFaults(FaultySuite):
    """Of every bucket; what S3 has besides is below."""


# --- in -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", ["503", "reset", "lost"])
def test_parts_and_the_completion_of_an_upload_are_tried_again(
    place, proxy, backend, fault
) -> None:
    """Also where the store completed it and nobody heard of it."""
    for before in (1, 3):  # of the first part, of the completion
        made = proxy.refuse(503) if fault == "503" else getattr(proxy, fault)
        proxy.faults = [None] * before + [made]
        key = put_new(backend, content(1, LARGE), before)
        same = get(place.open(), key) == content(1, LARGE)
        assert same
        assert proxy.faults == []


def test_a_refused_part_leaves_no_upload(place, proxy, backend) -> None:
    proxy.faults = [None, None, proxy.refuse(400, "BadDigest")]  # the second part
    with pytest.raises(StorageError):
        put_new(backend, content(1, LARGE))
    proxy.faults = []
    assert place.open().recover() == 0
    assert keys(place.open()) == set()


def test_a_store_that_keeps_damaged_objects_is_found_out(place, logged) -> None:
    """At the first write, once; the damaged object goes again."""
    backend = place.open(check_writes="auto")
    put_new(backend, b"one", 1)
    put_new(backend, b"two", 2)
    events = [record["event"] for record in logged]
    assert events == [
        "the store keeps what arrives damaged; every new object is read back before SUCCESS"
    ]
    assert not list(place.file("").glob(".pacs-probe-*"))


def test_what_is_sent_to_find_that_out_is_damaged_indeed(place, proxy) -> None:
    """Its signature is for other bytes than those that travel."""
    sent = []

    def watched(exchange) -> bool:
        sent.append((exchange.headers["X-Amz-Content-SHA256"], exchange.body))
        return False

    proxy.faults = [watched]
    put_new(place.open(endpoint=proxy.endpoint, check_writes="auto"), b"one")
    [(signed, body)] = sent
    assert signed != hashlib.sha256(body).hexdigest()


def test_a_store_that_refuses_damaged_objects_is_trusted(place, proxy, logged) -> None:
    """One request for an object, then."""

    backend = place.open(endpoint=proxy.endpoint, check_writes="auto")
    proxy.faults = [proxy.refuse(400, "BadDigest")]
    put_new(backend, b"one", 1)
    put_new(backend, b"two", 2)
    assert [line.partition(" ")[0] for line in proxy.seen] == ["PUT", "PUT", "PUT"]
    assert logged == []


def test_an_answer_that_proves_nothing_keeps_nothing(place, proxy) -> None:
    """Whoever has no right to write learns it, and is not taken for a store that checks."""

    backend = place.open(endpoint=proxy.endpoint, check_writes="auto")
    proxy.faults = [proxy.refuse(403, "AccessDenied")]
    with pytest.raises(StorageError, match="AccessDenied; look at the rights of its credentials"):
        put_new(backend, b"one")


def test_a_bucket_that_is_not_there_is_no_missing_object(place) -> None:
    """Else `pacs verify` would call every instance lost for a slip in the configuration."""
    key = put_new(place.open(), b"x")
    elsewhere = type(place)(place.server, place.folder, "s3://nobucket/x")
    backend = elsewhere.open()
    try:
        for call in (lambda: put(backend, key, b"x"), lambda: list(backend.list())):
            with pytest.raises(StorageError, match="NoSuchBucket; make the bucket") as raised:
                call()
            assert not isinstance(raised.value, ObjectNotFound)
    finally:
        backend.close()


def test_no_credentials_but_the_right_ones_come_in(place, tmp_path) -> None:
    wrong = tmp_path / "wrong"
    wrong.write_text("[default]\naws_access_key_id = AKIAX\naws_secret_access_key = y\n")
    backend = place.open(credentials_file=wrong)
    with pytest.raises(StorageError, match="InvalidAccessKeyId; look at the credentials"):
        put_new(backend, b"x")
