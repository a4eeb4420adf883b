"""A store that is away, slow, or answers half: nothing is lost, nothing half is given out."""

from __future__ import annotations

import hashlib
import time

import pytest

from pacs_framework.errors import ObjectNotFound, StorageError
from pacs_framework.testing.objects import content, get, key_of, keys, put, put_new

LARGE = 9 << 20
FAST = {"budget": 1.5}


@pytest.fixture
def backend(place, proxy):
    return place.open(endpoint=proxy.endpoint, **FAST)


# --- in -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", ["503", "500", "reset", "lost"])
def test_a_store_that_stumbles_gets_the_object_all_the_same(place, proxy, backend, fault) -> None:
    proxy.faults = [proxy.refuse(int(fault)) if fault.isdigit() else getattr(proxy, fault)] * 2
    key = put_new(backend, content(1, 5000))
    assert get(place.open(), key) == content(1, 5000)


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


@pytest.mark.parametrize("fault", ["503", "reset", "silent"])
@pytest.mark.parametrize("size", [5000, LARGE])
def test_a_store_that_stays_away_is_given_up_in_time(place, proxy, backend, fault, size) -> None:
    """With an error that names the cause, which the sender gets as A700H; nothing is kept."""
    proxy.always = proxy.refuse(503) if fault == "503" else getattr(proxy, fault)
    start = time.monotonic()
    with pytest.raises(StorageError) as raised:
        put_new(backend, content(1, size))
    assert time.monotonic() - start < 3 * FAST["budget"]
    assert raised.value.status == 0xA700
    assert str(raised.value).startswith("cannot ")
    assert keys(place.open()) == set()


def test_a_refused_part_leaves_no_upload(place, proxy, backend) -> None:
    proxy.faults = [None, None, proxy.refuse(400, "BadDigest")]  # the second part
    with pytest.raises(StorageError):
        put_new(backend, content(1, LARGE))
    proxy.faults = []
    assert place.open().recover() == 0
    assert keys(place.open()) == set()


def test_what_arrives_damaged_is_not_acknowledged(place, proxy) -> None:
    """This server keeps it, so it is found out by reading back."""
    backend = place.open(endpoint=proxy.endpoint, check_writes="read-back")
    for number, size in enumerate((5000, LARGE)):
        proxy.faults = [proxy.flipped] if size == 5000 else [None, proxy.flipped]
        with pytest.raises(StorageError, match="the store gives back other bytes"):
            put_new(backend, content(1, size), number)


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


# --- out ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", ["503", "reset", "half"])
@pytest.mark.parametrize(("size", "offset"), [(5000, 0), (LARGE, 300)])
def test_reading_goes_on_where_it_broke_off(place, proxy, backend, fault, size, offset) -> None:
    key = put_new(place.open(), content(1, size))
    made = {"503": proxy.refuse(503), "reset": proxy.reset, "half": proxy.half(1000)}[fault]
    proxy.faults = [made]
    with backend.open(key, offset=offset, length=size - offset) as source:
        same = source.read() == content(1, size)[offset:]
    assert same


@pytest.mark.parametrize("size", [5000, LARGE])
def test_half_an_object_is_an_error_and_never_its_end(place, proxy, backend, size) -> None:
    key = put_new(place.open(), content(1, size))
    proxy.always = proxy.half(0)
    with pytest.raises(StorageError), backend.open(key) as source:
        source.read()


def test_an_object_that_changed_in_the_store_is_not_given_out(place, proxy, backend) -> None:
    key = put_new(place.open(), content(1, 5000))
    proxy.faults = [proxy.flipped_answer]
    with pytest.raises(StorageError, match="it was damaged in the store"):
        get(backend, key)


def test_only_what_is_asked_for_of_a_large_object_is_fetched(place, proxy, backend) -> None:
    key = put_new(place.open(), content(1, LARGE))
    sizes = []

    def counted(exchange) -> bool:
        status, headers, data = exchange.ask()
        sizes.append(len(data))
        exchange.answer(status, headers, data)
        return True

    proxy.always = counted
    with backend.open(key, offset=5 << 20, length=1000) as source:
        assert source.read() == content(1, LARGE)[5 << 20 :][:1000]
    assert sizes == [1000]


def test_a_missing_object_is_missing_and_not_away(place, proxy, backend) -> None:
    key = key_of(place.open())
    for offset in (0, 1 << 20):
        with pytest.raises(ObjectNotFound):
            backend.open(key, offset=offset)
    proxy.always = proxy.refuse(503)
    with pytest.raises(StorageError) as raised:
        backend.open(key)
    assert not isinstance(raised.value, ObjectNotFound)


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
