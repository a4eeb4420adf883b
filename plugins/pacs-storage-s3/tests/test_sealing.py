"""Objects that are encrypted before they are sent, as they lie in the bucket."""

from __future__ import annotations

from pathlib import Path

import pytest

from pacs_framework.errors import StorageError
from pacs_framework.testing.objects import content, get, put_new


def key_file(folder: Path, digits: str) -> Path:
    path = folder / f"key-{digits}"
    path.write_text(digits * 32)
    return path


def test_nothing_of_a_sealed_object_can_be_read_in_the_bucket(place, tmp_path: Path) -> None:
    backend = place.open(key_file=key_file(tmp_path, "5e"))
    key = put_new(backend, b"Bauer^Andreas" * 1000)
    stored = place.file(key).read_bytes()
    assert b"Bauer" not in stored
    assert backend.stat(key).size == 13_000


def test_plain_and_sealed_objects_live_side_by_side(place, tmp_path: Path) -> None:
    """A key that is set or changed later is for new objects."""
    plain = put_new(place.open(), b"plain", 1)
    old = put_new(place.open(key_file=key_file(tmp_path, "aa")), b"old", 2)
    backend = place.open(
        key_file=key_file(tmp_path, "bb"), old_key_files=[key_file(tmp_path, "aa")]
    )
    new = put_new(backend, b"new", 3)
    assert [get(backend, key) for key in (plain, old, new)] == [b"plain", b"old", b"new"]
    assert {each.key: each.size for each in backend.list()} == {plain: 5, old: 3, new: 3}


@pytest.mark.parametrize("size", [1000, 6 << 20])
def test_a_sealed_object_that_was_changed_in_the_bucket_is_not_served(
    place, tmp_path: Path, size: int
) -> None:
    backend = place.open(key_file=key_file(tmp_path, "5e"))
    key = put_new(backend, content(1, size))
    stored = bytearray(place.file(key).read_bytes())
    stored[-20] ^= 1
    place.file(key).write_bytes(stored)
    with pytest.raises(StorageError, match="damaged"):
        get(backend, key)
