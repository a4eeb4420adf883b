"""A store that is away, slow, or answers half: nothing is lost, nothing half is given out."""

from __future__ import annotations

import pytest

from pacs_framework.errors import ObjectNotFound, StorageError
from pacs_framework.testing.objects import content, put, put_new
from pacs_framework.testing.suites.bucket_faults import FaultySuite
from pacs_framework.testing.suites.bucket_uploads import UploadsSuite

LARGE = 20 << 20  # more than one part


class TestFaults(FaultySuite):
    """Of every bucket; what Azure has besides is below."""


class TestUploads(UploadsSuite):
    """Blocks and the list of them."""


def test_a_container_that_is_not_there_is_no_missing_object(place) -> None:
    """Else `pacs verify` would call every instance lost for a slip in the configuration."""
    key = put_new(place.open(), b"x")
    elsewhere = type(place)(place.server, place.folder, "az://nocontainer/x")
    backend = elsewhere.open()
    try:
        for call in (
            lambda: put(backend, key, b"x"),
            lambda: list(backend.list()),
            lambda: backend.stat(key),
            backend.recover,
        ):
            with pytest.raises(StorageError, match="ContainerNotFound; make the bucket") as raised:
                call()
            assert not isinstance(raised.value, ObjectNotFound)
    finally:
        elsewhere.close()


def test_no_credentials_but_the_right_ones_come_in(place, tmp_path) -> None:
    wrong = tmp_path / "wrong"
    wrong.write_text("d3Jvbmc=")
    backend = place.open(account_key_file=wrong)
    with pytest.raises(StorageError, match="look at the"):
        put_new(backend, b"x")


@pytest.mark.parametrize("size", [5000, LARGE])
def test_objects_go_into_the_tier_that_is_set(place, proxy, size) -> None:
    """One that is sent at once, and one that is put together of blocks."""
    seen = []

    def watched(exchange) -> bool:
        seen.append((exchange.headers["x-ms-access-tier"], "comp=block&" in exchange.path))
        return False

    proxy.always = watched
    put_new(place.open(endpoint=proxy.endpoint, access_tier="Cool"), content(1, size))
    assert [tier for tier, is_block in seen if not is_block] == ["Cool"]
