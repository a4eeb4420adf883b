"""The laws of uploads in parts, as obstore sends them, to a store that stumbles.

Give the fixtures ``place`` (`BucketPlace`) and ``proxy`` (`pacs_framework.testing.faulty_http`).
"""

from __future__ import annotations

import pytest

from pacs_framework.testing.faulty_http import Proxy
from pacs_framework.testing.objects import content, get, keys, object_name, put, put_new
from pacs_framework.testing.suites.bucket_place import BucketPlace
from pacs_framework.testing.suites.suite import Suite

__all__ = ["UploadsSuite"]

_PART = 5 << 20
_LARGE = 2 * _PART + 1  # three parts


class UploadsSuite(Suite, suite=True):
    """An object is whole or it is not there."""

    @pytest.mark.parametrize("fault", ["503", "reset", "lost"])
    @pytest.mark.parametrize("before", [0, 1, 2, 3])
    def test_every_request_of_an_upload_is_tried_again(
        self, place: BucketPlace, proxy: Proxy, fault: str, before: int
    ) -> None:
        """Its parts and what frames them; also where the store did it and nobody heard of that."""
        backend = place.open(endpoint=proxy.endpoint, budget=6, part_size=_PART)
        made = proxy.refuse(503) if fault == "503" else getattr(proxy, fault)
        proxy.faults = [None] * before + [made]
        key = put_new(backend, content(1, _LARGE))
        assert proxy.faults == []
        same = get(place.open(), key) == content(1, _LARGE)
        assert same

    def test_an_upload_that_is_left_never_becomes_an_object(self, place: BucketPlace) -> None:
        """What was sent of it is the store's to drop."""
        backend = place.open(part_size=_PART)
        key = backend.key_for(object_name())
        with backend.begin(key) as writer:
            writer.write(bytes(_LARGE))
        assert keys(backend) == set()
        put(backend, key, b"now")
        assert get(backend, key) == b"now"
