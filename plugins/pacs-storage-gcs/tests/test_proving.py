"""Whether a new object is whole: the MD5 that the store answers, and reading back without one."""

from __future__ import annotations

import hashlib

import pytest

from pacs_framework.errors import StorageError
from pacs_framework.testing.objects import content, get, put_new

SMALL, LARGE = 5000, 6 << 20


@pytest.fixture
def tagged(proxy):
    """Sets the entity tag of what is put from now on."""

    def use(tag: str) -> None:
        def answered(exchange) -> bool:
            status, headers, data = exchange.ask()
            if exchange.command == "PUT":
                headers = [(k, v) for k, v in headers if k.lower() != "etag"] + [("ETag", tag)]
            exchange.answer(status, headers, data)
            return True

        proxy.always = answered

    return use


def methods(proxy) -> list[str]:
    return [request.partition(" ")[0] for request in proxy.seen]


def test_the_stores_own_md5_proves_an_object_without_another_request(place, proxy) -> None:
    key = put_new(place.open(endpoint=proxy.endpoint, check_writes="auto"), content(1, SMALL))
    assert methods(proxy) == ["PUT"]
    assert get(place.open(), key) == content(1, SMALL)


def test_what_arrives_damaged_is_refused_by_its_md5(place, proxy) -> None:
    """Without a question whether the way there is encrypted."""
    proxy.always = proxy.flipped
    backend = place.open(endpoint=proxy.endpoint, check_writes="auto")
    with pytest.raises(StorageError, match="the store gives back other bytes"):
        put_new(backend, content(1, SMALL))


def test_a_tag_of_another_kind_that_looks_like_an_md5_is_no_damage(place, proxy, tagged) -> None:
    """What is read back decides."""
    tagged(f'"{hashlib.md5(b"other").hexdigest()}"')
    key = put_new(place.open(endpoint=proxy.endpoint, check_writes="auto"), content(1, SMALL))
    assert methods(proxy) == ["PUT", "GET"]
    assert get(place.open(), key) == content(1, SMALL)


@pytest.mark.parametrize(
    ("setting", "expected"),
    [("auto", ["PUT", "GET"]), ("read-back", ["PUT", "GET"]), ("trust", ["PUT"])],
)
def test_without_an_md5_the_setting_decides(place, proxy, tagged, setting, expected) -> None:
    """As in a bucket whose objects are encrypted with keys of one's own; here it is over http."""
    tagged('"CKih16GjycICEAE="')
    put_new(place.open(endpoint=proxy.endpoint, check_writes=setting), content(1, SMALL))
    assert methods(proxy) == expected


@pytest.mark.parametrize("setting", ["auto", "read-back"])
def test_an_object_of_parts_has_no_md5_and_is_read_back_over_http(place, proxy, setting) -> None:
    proxy.always = proxy.flipped
    backend = place.open(endpoint=proxy.endpoint, check_writes=setting)
    with pytest.raises(StorageError, match="the store gives back other bytes"):
        put_new(backend, content(1, LARGE))


@pytest.mark.parametrize(
    ("changed", "reads_back"),
    [
        ({}, False),
        ({"endpoint": "https://storage.example.org"}, False),
        ({"endpoint": "http://storage.example.org"}, True),
        ({"endpoint": "http://storage.example.org", "check_writes": "trust"}, False),
        ({"check_writes": "read-back"}, True),
    ],
)
def test_tls_is_trusted_with_what_has_no_md5(place, changed, reads_back) -> None:
    backend = place.open(**{"endpoint": "", "check_writes": "auto", **changed})
    assert backend.reads_back() is reads_back
