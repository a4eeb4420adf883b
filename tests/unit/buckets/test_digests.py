"""Digests that stay with objects, as metadata that a store may lose or change."""

from __future__ import annotations

import hashlib

import pytest

from pacs_framework.buckets.digests import DigestNames, digests_of, matches
from pacs_framework.errors import StorageError
from pacs_framework.storage import Digests
from pacs_framework.testing import objects

NAMES = DigestNames("whole", "split")
DATA = b"prefix and data set"
SPLIT = objects.digests_of(DATA, 6)
HEX = hashlib.sha256(DATA).hexdigest()


@pytest.mark.parametrize("digests", [SPLIT, digests_of(DATA)])
def test_what_was_put_to_an_object_is_found(digests: Digests) -> None:
    assert NAMES.found({**NAMES.metadata(digests), "other": "x"}) == digests


def test_metadata_is_what_a_person_can_check() -> None:
    """With head, tail and sha256sum."""
    head, rest = (hashlib.sha256(part).hexdigest() for part in (DATA[:6], DATA[6:]))
    assert NAMES.metadata(SPLIT) == {"split": f"6-{head}-{rest}"}
    assert NAMES.metadata(digests_of(DATA)) == {"whole": HEX}


def test_a_store_that_gives_no_metadata_back_is_not_asked_for_it() -> None:
    assert NAMES.found({"other": HEX}) is None


@pytest.mark.parametrize(
    "damaged",
    [
        {"whole": ""},
        {"whole": HEX[:-1]},
        {"whole": HEX.upper()},
        {"split": ""},
        {"split": HEX},
        {"split": f"0-{HEX}-{HEX}"},
        {"split": f"-6-{HEX}-{HEX}"},
        {"split": f"{'9' * 40}-{HEX}-{HEX}"},
        {"split": f"6-{HEX}", "whole": HEX},
    ],
)
def test_a_digest_that_is_none_is_damage_and_no_missing_one(damaged: dict[str, str]) -> None:
    with pytest.raises(StorageError, match="its digest was damaged in the store"):
        NAMES.found(damaged)


@pytest.mark.parametrize("digests", [SPLIT, digests_of(DATA)])
@pytest.mark.parametrize("size", [1, 5, 6, 7, 100])
def test_an_object_matches_in_blocks_of_any_size(digests: Digests, size: int) -> None:
    assert matches(digests, [DATA[n : n + size] for n in range(0, len(DATA), size)])


@pytest.mark.parametrize("digests", [SPLIT, digests_of(DATA)])
@pytest.mark.parametrize(
    "other", [b"", DATA[:3], DATA[:6], DATA[:-1], DATA + b"x", b"P" + DATA[1:], DATA[:-1] + b"T"]
)
def test_other_bytes_do_not_match(digests: Digests, other: bytes) -> None:
    assert not matches(digests, [other])


def test_an_empty_object_is_one() -> None:
    assert matches(digests_of(b""), [])
    assert not matches(digests_of(b""), [b"x"])
